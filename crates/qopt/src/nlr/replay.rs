//! Triggers of one run, replayed in another.

use crate::nlr::stall::Best;
use crate::nlr::{Control, Walk};
use crate::vector::norm;
use crate::{
    Answer, Ask, ConfigError, Event, IterationContext, Method, MethodError, Query, Request, State, StateError, Told,
    Trigger, UpdateRule,
};

/// A displacement that a trigger brought about: in which iteration, how long, and what came with it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RecordedTrigger {
    /// The iteration, counted from 0.
    pub step: u64,
    /// The length of the displacement. Finite, not negative.
    pub length: f64,
    /// What came with the displacement, and its sign.
    #[cfg_attr(feature = "serde", serde(default))]
    pub how: Displacement,
}

impl RecordedTrigger {
    /// A displacement against the descent direction, with nothing else.
    pub const fn new(step: u64, length: f64) -> Self {
        Self { step, length, how: Displacement::Plain }
    }
}

/// What a recorded trigger did beside the length of its displacement.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Displacement {
    /// Nothing: a displacement from theta against the descent direction.
    #[default]
    Plain,
    /// The point went back to the best one so far first, and then along the gradient measured there: the first step of a
    /// phase of [`Stall`](crate::Stall) with [`revert`](crate::StallConfig::revert).
    FromBest,
    /// A loss was measured to choose the sign: a step of [`StallCurvature`](crate::StallCurvature).
    ByCurvature {
        /// Whether the step went down the gradient.
        descends: bool,
    },
    /// The point was drawn anew ([`Restart`](crate::Restart)), or a candidate refused and the step scale changed
    /// ([`AdaptiveStep`](crate::AdaptiveStep)). No displacement of a length: it cannot be replayed.
    Other,
}

impl Displacement {
    /// What a trigger of a recorded run did.
    pub(crate) fn of(event: Event, trigger: Trigger) -> Self {
        match (event, trigger) {
            (Event::Restart | Event::Rejected, _) => Self::Other,
            (_, Trigger::Replayed { how, .. }) => how,
            (_, Trigger::Stall { reverted: true, .. }) => Self::FromBest,
            // As the method decides: up the gradient iff the curvature is positive.
            (_, Trigger::StallCurvature { curvature: Some(curvature), .. }) => {
                Self::ByCurvature { descends: curvature <= 0.0 }
            }
            _ => Self::Plain,
        }
    }
}

/// Along what a replayed displacement goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Along {
    /// The step u of the rule, as of [`Probe`](crate::Probe), [`Periodic`](crate::Periodic), [`Random`](crate::Random)
    /// and [`PostHoc`](crate::PostHoc).
    Step {
        /// Whether the loss of the candidate theta - u is measured in every iteration, and not looked at: what
        /// [`Probe`](crate::Probe) pays.
        probe: bool,
    },
    /// The gradient, as of [`Stall`](crate::Stall) and [`StallCurvature`](crate::StallCurvature).
    Gradient,
}

/// theta - u, but a displacement of the recorded length in each recorded iteration.
///
/// The controls of a method share its triggers only up to the first displacement; after that their paths, and what
/// triggers on them, differ. Here the triggers of a recorded run (see
/// [`History::triggers`](crate::History::triggers)) come in the same iterations with the same lengths under every
/// [`Control`], so that nothing but the direction differs. Record the method itself, with
/// [`Control::Ascend`]: the displacements of [`Control::Stay`] have length 0.
///
/// What belongs to a trigger beside the displacement comes again too, under every control: a [`Stall`](crate::Stall)
/// reverts in the recorded iterations, to the best point of the path that is walked here, and a
/// [`StallCurvature`](crate::StallCurvature) measures its probes, and steps with the recorded signs. The losses of probes
/// are paid and not looked at; where they are measured is of no consequence: here at the recorded length down the
/// gradient.
///
/// Under [`Control::Ascend`] a replay is the recorded method up to rounding, since its lengths are rounded ones. A run of
/// [`Restart`](crate::Restart) or [`AdaptiveStep`](crate::AdaptiveStep) cannot be replayed, since what these do at a
/// trigger is no displacement of a length: [`new`](Self::new) refuses their triggers.
///
/// One query per iteration: loss and gradient; with `probe` the loss of the candidate too, and in each recorded iteration
/// that chose its sign by curvature a probe.
#[derive(Clone, Debug)]
pub struct Replay<R> {
    walk: Walk<R>,
    triggers: Vec<RecordedTrigger>,
    along: Along,
    control: Control,
    /// The best point so far; none unless a trigger goes back to it.
    best: Option<Best>,
    /// The gradient of this iteration while a probe down the gradient is under way; none unless a trigger measures one.
    gradient: Option<Vec<f64>>,
    /// The iteration that comes next; none before it is known.
    next: Option<u64>,
}

impl<R: UpdateRule> Replay<R> {
    /// The method around `rule`, from `theta`.
    ///
    /// # Errors
    /// [`ConfigError`] if the recorded iterations do not increase, a length is negative or not finite, or the starting
    /// point is empty or not finite; [`ConfigError::NotReplayable`] for [`Displacement::Other`], and for a displacement
    /// from the best point or by curvature with [`Along::Step`].
    pub fn new(
        triggers: Vec<RecordedTrigger>,
        along: Along,
        control: Control,
        rule: R,
        theta: &[f64],
    ) -> Result<Self, ConfigError> {
        for trigger in &triggers {
            ConfigError::not_negative("recorded length", trigger.length)?;
            let RecordedTrigger { step, how, .. } = *trigger;
            if how == Displacement::Other || (how != Displacement::Plain && along != Along::Gradient) {
                return Err(ConfigError::NotReplayable { step, how });
            }
        }
        if let Some(pair) = triggers.windows(2).find(|pair| pair[0].step >= pair[1].step) {
            let (name, allowed) = ("recorded iteration", "larger than the one before");
            return Err(ConfigError::OutOfRange { name, allowed, value: pair[1].step as f64 });
        }
        let has = |wanted: fn(Displacement) -> bool| triggers.iter().any(|trigger| wanted(trigger.how));
        Ok(Self {
            walk: Walk::new(rule, theta)?,
            best: has(|how| how == Displacement::FromBest).then(|| Best::new(theta)),
            gradient: has(|how| matches!(how, Displacement::ByCurvature { .. })).then(|| vec![0.0; theta.len()]),
            next: None,
            triggers,
            along,
            control,
        })
    }

    fn recorded(&self, step: u64) -> Option<RecordedTrigger> {
        let at = self.triggers.binary_search_by_key(&step, |trigger| trigger.step).ok()?;
        Some(self.triggers[at])
    }

    /// Whether the iteration `step` measures a loss down the gradient.
    fn probes_gradient(&self, step: u64) -> bool {
        self.recorded(step).is_some_and(|trigger| matches!(trigger.how, Displacement::ByCurvature { .. }))
    }

    /// Whether the next iteration may need a probe.
    fn may_probe(&self) -> bool {
        self.along == (Along::Step { probe: true })
            || self.gradient.is_some() && self.next.is_none_or(|step| self.probes_gradient(step))
    }

    /// The displacement of a trigger along `gradient`.
    fn displace(
        &mut self,
        recorded: RecordedTrigger,
        gradient: &[f64],
        context: &IterationContext,
    ) -> Result<Told, MethodError> {
        let RecordedTrigger { length, how, .. } = recorded;
        let (trigger, control) = (Trigger::Replayed { length, how }, self.control);
        let norm = norm(gradient);
        if norm == 0.0 {
            return self.walk.displace_without_direction(length, control, trigger, context);
        }
        let (length, event) = match how {
            Displacement::ByCurvature { descends: true } => (-length, Event::DescentBySign),
            _ => (length, Event::Ascent),
        };
        self.walk.displace_along(length, gradient, norm, event, control, trigger, context)
    }

    /// Ends a recorded iteration; `gradient` is what was measured at theta.
    fn replay(
        &mut self,
        recorded: RecordedTrigger,
        gradient: &[f64],
        context: &IterationContext,
    ) -> Result<Told, MethodError> {
        if let Along::Step { .. } = self.along {
            let RecordedTrigger { length, how, .. } = recorded;
            let (trigger, control) = (Trigger::Replayed { length, how }, self.control);
            return if self.walk.step_norm() == 0.0 {
                self.walk.displace_without_direction(length, control, trigger, context)
            } else {
                self.walk.displace_along_step(length, control, trigger, context)
            };
        }
        if recorded.how == Displacement::FromBest
            && let Some(best) = self.best.take()
        {
            self.walk.jump_to(&best.theta);
            let told = self.displace(recorded, &best.gradient, context);
            self.best = Some(best);
            return told;
        }
        self.displace(recorded, gradient, context)
    }

    fn open(&mut self, answer: &Answer, context: &IterationContext) -> Result<Option<Told>, MethodError> {
        self.walk.open(answer, context)?;
        self.next = Some(context.step.saturating_add(1));
        if let Some(best) = &mut self.best {
            best.track(self.walk.loss().value, self.walk.theta(), &answer.gradient);
        }
        if self.along == (Along::Step { probe: true }) {
            return self.walk.probe_step(1.0).map(Some);
        }
        let Some(RecordedTrigger { length, how: Displacement::ByCurvature { .. }, .. }) = self.recorded(context.step)
        else {
            return Ok(None);
        };
        let Some(gradient) = &mut self.gradient else {
            return Ok(None);
        };
        let norm = norm(&answer.gradient);
        gradient.copy_from_slice(&answer.gradient);
        let factor = if norm == 0.0 { 0.0 } else { length / norm };
        self.walk.probe_along(if factor.is_finite() { factor } else { 0.0 }, gradient).map(Some)
    }
}

impl<R: UpdateRule> Method for Replay<R> {
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
        visit(&self.walk.opening_request().into());
        if self.may_probe() {
            visit(&Request::VALUE.into());
        }
    }

    fn ask(&mut self, _context: &IterationContext) -> Ask<'_> {
        self.walk.ask()
    }

    fn tell(&mut self, answer: &Answer, context: &IterationContext) -> Result<Told, MethodError> {
        if self.walk.is_probing() {
            self.walk.close_probe(answer)?;
        } else if let Some(told) = self.open(answer, context)? {
            return Ok(told);
        }
        let Some(recorded) = self.recorded(context.step) else {
            return match self.along {
                Along::Step { probe: true } => Ok(self.walk.accept(answer, self.walk.step_norm())),
                _ => self.walk.descend(),
            };
        };
        if let Displacement::ByCurvature { .. } = recorded.how
            && let Some(gradient) = self.gradient.take()
        {
            let told = self.replay(recorded, &gradient, context);
            self.gradient = Some(gradient);
            return told;
        }
        self.replay(recorded, &answer.gradient, context)
    }

    fn theta(&self) -> &[f64] {
        self.walk.theta()
    }

    fn state(&self) -> State {
        let mut state = State::new("replay").with_child("walk", self.walk.state());
        if let Some(best) = &self.best {
            state = best.written_to(state);
        }
        if let Some(gradient) = &self.gradient {
            if let Some(next) = self.next {
                state = state.with_counts("next", &[next]);
            }
            if self.walk.is_probing() {
                state = state.with_floats("gradient", gradient);
            }
        }
        state
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        const NAMES: [&str; 6] = ["walk", "best loss", "best theta", "best gradient", "next", "gradient"];
        state.expect("replay", &NAMES)?;
        let (walk, dimension) = (state.child("walk")?, self.walk.theta().len());
        let best = self.best.as_ref().map(|_| Best::of_state(state, dimension)).transpose()?;
        let measures = self.gradient.is_some();
        let next = if measures && state.has_counts("next") { Some(state.counts::<1>("next")?[0]) } else { None };
        let gradient = match &self.gradient {
            Some(_) if Walk::<R>::is_probing_in(walk) => Some(state.finite_floats("gradient", dimension)?),
            gradient => gradient.clone(),
        };
        match self.along {
            Along::Step { probe: true } => self.walk.restore_with_probe(walk)?,
            Along::Gradient if measures => self.walk.restore_with_probe(walk)?,
            _ => self.walk.restore(walk)?,
        }
        (self.best, self.gradient, self.next) = (best, gradient, next);
        Ok(())
    }
}
