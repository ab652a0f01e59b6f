//! One method after another.

use std::fmt;

use crate::rule::check_start;
use crate::{
    Answer, Ask, Axis, Bill, ConfigError, IterationContext, Method, MethodError, Query, State, StateError, Stop,
    StopCondition, Told,
};

type Make = dyn Fn(&[f64]) -> Result<Box<dyn Method>, ConfigError> + Send;

/// A stage of a [`Chain`]: how its method is made from the point where it starts, and when it ends.
pub struct Stage {
    make: Box<Make>,
    until: Vec<StopCondition>,
}

impl Stage {
    /// A stage with the method that `make` builds at its starting point.
    pub fn new(make: impl Fn(&[f64]) -> Result<Box<dyn Method>, ConfigError> + Send + 'static) -> Self {
        Self { make: Box::new(make), until: Vec::new() }
    }

    /// Ends the stage when `condition` is met; with several, when the first of them is. Iterations and bills count from
    /// the start of the stage.
    #[must_use]
    pub fn until(mut self, condition: StopCondition) -> Self {
        self.until.push(condition);
        self
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("until", &self.until).finish_non_exhaustive()
    }
}

/// Methods one after another, each from the last point of the one before.
///
/// A stage counts its iterations from 0, so that schedules and phases of its method start with it; its random streams
/// are those of the run. The last stage goes on for ever, whatever its conditions. Nothing of a method's state is handed
/// on but the point. A switch allocates the next method.
///
/// ```
/// use qopt::*;
///
/// let chain = Chain::new(
///     vec![
///         Stage::new(|theta| Ok(Box::new(Spsa::new(SpsaConfig::new(0.2, 50), theta)?)))
///             .until(StopCondition::Iterations { count: 50 })
///             .until(StopCondition::LossTarget { loss: 0.1, std_errors: 2.0 }),
///         Stage::new(|theta| Ok(Box::new(Descent::new(Adam::new(0.05)?, theta)?))),
///     ],
///     &[0.1, 0.2],
/// )?;
/// assert_eq!(chain.stage(), 0);
/// # Ok::<(), ConfigError>(())
/// ```
pub struct Chain {
    stages: Vec<Stage>,
    current: usize,
    method: Box<dyn Method>,
    stops: Vec<Stop>,
    /// Iterations and bill of the current stage.
    iterations: u64,
    spent: Bill,
    /// Ascents, probes and kicks of earlier stages.
    earlier: [u64; 3],
    /// The same of the current stage.
    present: [u64; 3],
}

impl Chain {
    /// The stages in their order, from `theta`.
    ///
    /// # Errors
    /// [`ConfigError`] if there is no stage, a stage before the last has no condition, a number of a condition is out of
    /// range, or the first method cannot be made.
    pub fn new(stages: Vec<Stage>, theta: &[f64]) -> Result<Self, ConfigError> {
        check_start(theta)?;
        let Some((last, before)) = stages.split_last() else {
            return Err(ConfigError::Zero { name: "the number of stages" });
        };
        if before.iter().any(|stage| stage.until.is_empty()) {
            return Err(ConfigError::Zero { name: "the number of conditions of a stage before the last" });
        }
        for condition in before.iter().chain([last]).flat_map(|stage| &stage.until) {
            Stop::new(*condition)?;
        }
        let method = (stages[0].make)(theta)?;
        let stops = watch(&stages[0])?;
        Ok(Self {
            stages,
            current: 0,
            method,
            stops,
            iterations: 0,
            spent: Bill::ZERO,
            earlier: [0; 3],
            present: [0; 3],
        })
    }

    /// The index of the current stage.
    pub fn stage(&self) -> usize {
        self.current
    }

    fn advance(&mut self) -> Result<(), ConfigError> {
        let next = &self.stages[self.current + 1];
        let method = (next.make)(self.method.theta())?;
        self.stops = watch(next)?;
        self.method = method;
        self.current += 1;
        self.iterations = 0;
        self.spent = Bill::ZERO;
        for (earlier, present) in self.earlier.iter_mut().zip(&mut self.present) {
            *earlier = earlier.saturating_add(*present);
            *present = 0;
        }
        Ok(())
    }
}

fn watch(stage: &Stage) -> Result<Vec<Stop>, ConfigError> {
    stage.until.iter().map(|condition| Stop::new(*condition)).collect()
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("stages", &self.stages).field("current", &self.current).finish_non_exhaustive()
    }
}

impl Method for Chain {
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
        self.method.plan(visit);
    }

    fn ask(&mut self, context: &IterationContext) -> Ask<'_> {
        self.method.ask(&IterationContext { step: self.iterations, ..*context })
    }

    fn tell(&mut self, answer: &Answer, context: &IterationContext) -> Result<Told, MethodError> {
        let told = self.method.tell(answer, &IterationContext { step: self.iterations, ..*context })?;
        self.spent += answer.bill;
        let Told::Done(mut report) = told else {
            return Ok(told);
        };
        self.iterations = self.iterations.saturating_add(1);
        self.present = [report.ascents, report.probes, report.kicks];
        let mut over = false;
        for stop in &mut self.stops {
            over |= stop.see(&report, self.iterations, &self.spent);
        }
        [report.ascents, report.probes, report.kicks] =
            std::array::from_fn(|k| self.earlier[k].saturating_add(self.present[k]));
        if over && self.current + 1 < self.stages.len() {
            self.advance().map_err(|error| MethodError::Other {
                message: format!("stage {} cannot start: {error}", self.current + 1),
            })?;
        }
        Ok(Told::Done(report))
    }

    fn theta(&self) -> &[f64] {
        self.method.theta()
    }

    fn axes(&self) -> &[Axis] {
        self.method.axes()
    }

    fn state(&self) -> State {
        let Bill { jobs, circuits, shots, seconds, joules } = self.spent;
        let mut state = State::new("chain")
            .with_counts("stage", &[self.current as u64, self.iterations])
            .with_counts("spent", &[jobs, circuits, shots])
            .with_floats("spent", &[seconds, joules])
            .with_counts("earlier", &self.earlier)
            .with_counts("present", &self.present)
            .with_child("method", self.method.state());
        let mut stops = State::new("stops");
        for (k, stop) in self.stops.iter().enumerate() {
            stops = stops.with_child(&k.to_string(), stop.state());
        }
        state = state.with_child("stops", stops);
        state
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("chain", &["stage", "spent", "earlier", "present", "method", "stops"])?;
        let wrong = |name: &str| StateError::Value { name: name.to_owned() };
        let [stage, iterations] = state.counts("stage")?;
        let current = usize::try_from(stage).ok().filter(|stage| *stage < self.stages.len());
        let current = current.ok_or_else(|| wrong("stage"))?;
        let [jobs, circuits, shots] = state.counts("spent")?;
        let reals = state.finite_floats("spent", 2)?;
        let (earlier, present) = (state.counts("earlier")?, state.counts("present")?);
        let stops = state.child("stops")?;
        let restored = watch(&self.stages[current])
            .map_err(|_| wrong("stage"))?
            .iter()
            .enumerate()
            .map(|(k, stop)| stop.restored(stops.child(&k.to_string())?))
            .collect::<Result<Vec<_>, _>>()?;
        // Where it is made does not matter: its whole state is overwritten.
        let mut method = (self.stages[current].make)(self.method.theta()).map_err(|_| wrong("stage"))?;
        method.restore(state.child("method")?)?;
        self.method = method;
        self.stops = restored;
        (self.current, self.iterations) = (current, iterations);
        self.spent = Bill { jobs, circuits, shots, seconds: reals[0], joules: reals[1] };
        (self.earlier, self.present) = (earlier, present);
        Ok(())
    }
}
