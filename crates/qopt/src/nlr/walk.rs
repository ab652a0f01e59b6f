//! What all methods around an update rule share: checking an answer, the rule's step, knowing the loss, displacements
//! and their controls, counters, state.

use crate::nlr::Control;
use crate::rule::check_start;
use crate::state::finite_estimate;
use crate::vector::{checked_norm, fill_random_direction, first_non_finite, non_finite_bit, norm};
use crate::{
    Answer, Ask, ConfigError, Estimate, Event, IterationContext, MethodError, Request, Role, State, StateError,
    StepContext, StepReport, Told, Trigger, UpdateRule,
};

/// A point that walks by the steps of a rule and by displacements in their place.
#[derive(Clone, Debug)]
pub(crate) struct Walk<R> {
    rule: R,
    theta: Vec<f64>,
    /// The rule's step u of this iteration.
    step: Vec<f64>,
    /// The point of a probe, later the displacement, later the next point.
    scratch: Vec<f64>,
    /// The loss at `theta` if an earlier iteration measured it and it may be used again.
    known: Option<Estimate>,
    loss: Estimate,
    loss_is_reusable: bool,
    gradient_norm: f64,
    gradient_std_error: Option<f64>,
    /// |u|.
    step_norm: f64,
    /// Whether the next answer is that of a probe at `scratch`.
    probing: bool,
    ascents: u64,
    probes: u64,
    kicks: u64,
}

impl<R: UpdateRule> Walk<R> {
    pub(crate) fn new(mut rule: R, theta: &[f64]) -> Result<Self, ConfigError> {
        check_start(theta)?;
        rule.prepare(theta.len());
        Ok(Self {
            rule,
            theta: theta.to_vec(),
            step: vec![0.0; theta.len()],
            scratch: vec![0.0; theta.len()],
            known: None,
            loss: Estimate::default(),
            loss_is_reusable: false,
            gradient_norm: 0.0,
            gradient_std_error: None,
            step_norm: 0.0,
            probing: false,
            ascents: 0,
            probes: 0,
            kicks: 0,
        })
    }

    pub(crate) fn theta(&self) -> &[f64] {
        &self.theta
    }

    pub(crate) fn loss(&self) -> Estimate {
        self.loss
    }

    pub(crate) fn gradient_norm(&self) -> f64 {
        self.gradient_norm
    }

    pub(crate) fn is_probing(&self) -> bool {
        self.probing
    }

    /// What opens an iteration: loss (unless known), gradient, and the metric if the rule wants it.
    pub(crate) fn opening_request(&self) -> Request {
        Request { value: self.known.is_none(), gradient: true, metric: self.rule.request().metric }
    }

    pub(crate) fn ask(&self) -> Ask<'_> {
        if self.probing {
            Ask { theta: &self.scratch, query: Request::VALUE.into() }
        } else {
            Ask { theta: &self.theta, query: self.opening_request().into() }
        }
    }

    /// Takes the answer that opens an iteration and lets the rule compute its step.
    pub(crate) fn open(&mut self, answer: &Answer, context: &IterationContext) -> Result<(), MethodError> {
        let (loss, reusable) = match self.known {
            Some(loss) => (loss, true),
            None => (answer.measured_loss()?, answer.reusable),
        };
        let (gradient_norm, gradient_std_error) = answer.checked_gradient_norms(self.theta.len())?;
        if self.rule.request().metric {
            answer.check_metric(self.theta.len())?;
        }
        self.rule.step(
            &StepContext {
                theta: &self.theta,
                loss: Some(loss),
                gradient: &answer.gradient,
                gradient_std_errors: &answer.gradient_std_errors,
                metric: &answer.metric,
                step: context.step,
                remaining: context.remaining,
                streams: context.streams,
                gradient_bound: gradient_norm,
            },
            &mut self.step,
        );
        self.step_norm = checked_norm(&self.step)
            .map_err(|(component, value)| MethodError::of_step(component, value, &answer.gradient))?;
        self.loss = loss;
        self.loss_is_reusable = reusable;
        self.gradient_norm = gradient_norm;
        self.gradient_std_error = gradient_std_error;
        self.known = None;
        Ok(())
    }

    /// Asks for the loss at theta - factor * direction.
    pub(crate) fn probe_along(&mut self, factor: f64, direction: &[f64]) -> Result<Told, MethodError> {
        fill_point(&mut self.scratch, &self.theta, -factor, direction)?;
        Ok(self.start_probe())
    }

    /// Asks for the loss at theta - factor * u.
    pub(crate) fn probe_step(&mut self, factor: f64) -> Result<Told, MethodError> {
        fill_point(&mut self.scratch, &self.theta, -factor, &self.step)?;
        Ok(self.start_probe())
    }

    fn start_probe(&mut self) -> Told {
        self.probing = true;
        Told::MoreQueries
    }

    /// Takes the answer of a probe.
    pub(crate) fn close_probe(&mut self, answer: &Answer) -> Result<Estimate, MethodError> {
        let candidate = answer.measured_loss()?;
        self.probing = false;
        self.probes = self.probes.saturating_add(1);
        Ok(candidate)
    }

    /// theta <- theta - u.
    pub(crate) fn descend(&mut self) -> Result<Told, MethodError> {
        fill_point(&mut self.scratch, &self.theta, -1.0, &self.step)?;
        Ok(self.move_to_scratch(self.step_norm))
    }

    /// theta <- the point of the probe just closed, which is `length` away; `answer` is that of the probe.
    pub(crate) fn accept(&mut self, answer: &Answer, length: f64) -> Told {
        if answer.reusable {
            self.known = answer.value;
        }
        self.move_to_scratch(length)
    }

    fn move_to_scratch(&mut self, length: f64) -> Told {
        std::mem::swap(&mut self.theta, &mut self.scratch);
        self.report(Event::Descent, None, length)
    }

    /// The probe just closed is refused for good: the point stays, and with it what is known about it.
    pub(crate) fn reject(&mut self, trigger: Trigger) -> Told {
        self.ascents = self.ascents.saturating_add(1);
        if self.loss_is_reusable {
            self.known = Some(self.loss);
        }
        self.report(Event::Rejected, Some(trigger), 0.0)
    }

    /// The norm of the rule's step.
    pub(crate) fn step_norm(&self) -> f64 {
        self.step_norm
    }

    /// theta <- theta + factor * u, or what the control makes of it.
    pub(crate) fn displace_by_step(
        &mut self,
        factor: f64,
        control: Control,
        trigger: Trigger,
        context: &IterationContext,
    ) -> Result<Told, MethodError> {
        for (a, u) in self.scratch.iter_mut().zip(&self.step) {
            *a = factor * u;
        }
        self.displace(control, Event::Ascent, trigger, context)
    }

    /// theta <- theta + length * u / |u|, or what the control makes of it; |u| is not 0.
    pub(crate) fn displace_along_step(
        &mut self,
        length: f64,
        control: Control,
        trigger: Trigger,
        context: &IterationContext,
    ) -> Result<Told, MethodError> {
        let norm = self.step_norm;
        for (a, u) in self.scratch.iter_mut().zip(&self.step) {
            *a = length * (u / norm);
        }
        self.displace(control, Event::Ascent, trigger, context)
    }

    /// theta <- theta + length * direction / norm, or what the control makes of it; `event` names the step without a
    /// control, `norm` is that of the direction.
    #[expect(clippy::too_many_arguments, reason = "one displacement, no part of it optional")]
    pub(crate) fn displace_along(
        &mut self,
        length: f64,
        direction: &[f64],
        norm: f64,
        event: Event,
        control: Control,
        trigger: Trigger,
        context: &IterationContext,
    ) -> Result<Told, MethodError> {
        // Divided first: length / norm overflows for a tiny gradient.
        for (a, d) in self.scratch.iter_mut().zip(direction) {
            *a = length * (d / norm);
        }
        self.displace(control, event, trigger, context)
    }

    /// A random displacement where the method has no direction. Only `Control::Stay` changes it.
    pub(crate) fn displace_without_direction(
        &mut self,
        length: f64,
        control: Control,
        trigger: Trigger,
        context: &IterationContext,
    ) -> Result<Told, MethodError> {
        if control == Control::Stay {
            self.scratch.fill(0.0);
            return self.displace(control, Event::Stay, trigger, context);
        }
        self.fill_kick(length, context);
        self.kicks = self.kicks.saturating_add(1);
        self.displace(Control::Ascend, Event::Kick, trigger, context)
    }

    /// Displaces by `scratch`, or by what the control makes of it.
    fn displace(
        &mut self,
        control: Control,
        event: Event,
        trigger: Trigger,
        context: &IterationContext,
    ) -> Result<Told, MethodError> {
        let mut length = norm(&self.scratch);
        let event = match control {
            Control::Ascend => event,
            Control::Kick => {
                self.fill_kick(length, context);
                Event::Kick
            }
            Control::Stay => {
                length = 0.0;
                Event::Stay
            }
            Control::Flip => {
                self.scratch.iter_mut().for_each(|a| *a = -*a);
                Event::Flip
            }
        };
        if control != Control::Stay {
            for (a, theta) in self.scratch.iter_mut().zip(&self.theta) {
                *a += theta;
            }
            check_point(&self.scratch)?;
            std::mem::swap(&mut self.theta, &mut self.scratch);
        }
        self.ascents = self.ascents.saturating_add(1);
        Ok(self.report(event, Some(trigger), length))
    }

    fn fill_kick(&mut self, length: f64, context: &IterationContext) {
        let mut rng = context.streams.rng(Role::Direction);
        fill_random_direction(&mut self.scratch, length, &mut rng);
    }

    /// Moves the point without a step: a revert. The step that follows is reported.
    pub(crate) fn jump_to(&mut self, theta: &[f64]) {
        self.theta.copy_from_slice(theta);
    }

    /// Puts the point where `draw` says, component by component, and lets the rule forget.
    pub(crate) fn restart(&mut self, mut draw: impl FnMut(usize) -> f64, trigger: Trigger) -> Told {
        for (component, theta) in self.theta.iter_mut().enumerate() {
            *theta = draw(component);
        }
        self.rule.reset();
        self.ascents = self.ascents.saturating_add(1);
        self.report(Event::Restart, Some(trigger), 0.0)
    }

    fn report(&self, event: Event, trigger: Option<Trigger>, step_length: f64) -> Told {
        Told::Done(StepReport {
            loss: Some(self.loss),
            gradient_norm: self.gradient_norm,
            gradient_std_error: self.gradient_std_error,
            event,
            trigger,
            ascents: self.ascents,
            probes: self.probes,
            kicks: self.kicks,
            step_length,
        })
    }

    pub(crate) fn state(&self) -> State {
        let mut state = State::new("walk")
            .with_floats("theta", &self.theta)
            .with_counts("counters", &[self.ascents, self.probes, self.kicks])
            .with_child("rule", self.rule.state());
        if let Some(loss) = self.known {
            state = state.with_floats("known", &[loss.value, loss.std_error]);
        }
        if self.probing {
            let Estimate { value, std_error } = self.loss;
            state = state
                .with_floats("step", &self.step)
                .with_floats("probe", &self.scratch)
                .with_floats("opening", &[value, std_error, self.gradient_norm])
                .with_counts("reusable", &[self.loss_is_reusable.into()]);
            if let Some(error) = self.gradient_std_error {
                state = state.with_floats("gradient error", &[error]);
            }
        }
        state
    }

    /// Whether a probe is under way in a state of a walk.
    pub(crate) fn is_probing_in(state: &State) -> bool {
        state.has_floats("probe")
    }

    /// Restores the walk of a method without probes, and its rule, or changes nothing.
    pub(crate) fn restore(&mut self, state: &State) -> Result<(), StateError> {
        if Self::is_probing_in(state) {
            return Err(StateError::Unexpected { name: "probe".to_owned() });
        }
        self.restore_with_probe(state)
    }

    /// Restores the walk and its rule, or changes nothing.
    pub(crate) fn restore_with_probe(&mut self, state: &State) -> Result<(), StateError> {
        const NAMES: [&str; 9] =
            ["theta", "counters", "rule", "known", "step", "probe", "opening", "reusable", "gradient error"];
        state.expect("walk", &NAMES)?;
        let dimension = self.theta.len();
        let theta = state.finite_floats("theta", dimension)?;
        let [ascents, probes, kicks] = state.counts("counters")?;
        let known = finite_estimate(state, "known")?;
        let probe = if Self::is_probing_in(state) {
            let [reusable] = state.counts("reusable")?;
            Some((
                state.finite_floats("step", dimension)?,
                state.finite_floats("probe", dimension)?,
                state.finite_floats("opening", 3)?,
                reusable != 0,
                if state.has_floats("gradient error") { Some(state.floats_of("gradient error", 1)?[0]) } else { None },
            ))
        } else {
            None
        };
        self.rule.restore(state.child("rule")?)?;
        self.theta = theta;
        (self.ascents, self.probes, self.kicks) = (ascents, probes, kicks);
        self.known = known;
        self.probing = probe.is_some();
        if let Some((step, point, opening, reusable, gradient_std_error)) = probe {
            self.step_norm = norm(&step);
            self.step = step;
            self.scratch = point;
            self.loss = Estimate { value: opening[0], std_error: opening[1] };
            self.gradient_norm = opening[2];
            self.loss_is_reusable = reusable;
            self.gradient_std_error = gradient_std_error;
        }
        Ok(())
    }
}

/// Writes point + factor * direction into `sum`, which must be a point too.
fn fill_point(sum: &mut [f64], point: &[f64], factor: f64, direction: &[f64]) -> Result<(), MethodError> {
    let mut bits = 0;
    for ((sum, point), direction) in sum.iter_mut().zip(point).zip(direction) {
        *sum = point + factor * direction;
        bits |= non_finite_bit(*sum);
    }
    if bits >> 63 == 0 { Ok(()) } else { check_point(sum) }
}

fn check_point(point: &[f64]) -> Result<(), MethodError> {
    match first_non_finite(point) {
        None => Ok(()),
        Some((component, value)) => Err(MethodError::NonFinitePoint { component, value }),
    }
}
