//! Triggers of one run, replayed in another.

use crate::nlr::{Control, Walk};
use crate::vector::norm;
use crate::{
    Answer, Ask, ConfigError, Event, IterationContext, Method, MethodError, Query, Request, State, StateError, Told,
    Trigger, UpdateRule,
};

/// A displacement that a trigger brought about: in which iteration and how long.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RecordedTrigger {
    /// The iteration, counted from 0.
    pub step: u64,
    /// The length of the displacement. Finite, not negative.
    pub length: f64,
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
    /// The gradient, as of [`Stall`](crate::Stall).
    Gradient,
}

/// theta - u, but a displacement of the recorded length in each recorded iteration.
///
/// The controls of a method share its triggers only up to the first displacement; after that their paths, and what
/// triggers on them, differ. Here the triggers of a recorded run (see
/// [`History::triggers`](crate::History::triggers)) come in the same iterations with the same lengths under every
/// [`Control`], so that nothing but the direction differs. Record the method itself, with
/// [`Control::Ascend`]: the displacements of [`Control::Stay`] have length 0. A revert to the best point is not
/// replayed.
///
/// One query per iteration: loss and gradient; with `probe` the loss of the candidate too.
#[derive(Clone, Debug)]
pub struct Replay<R> {
    walk: Walk<R>,
    triggers: Vec<RecordedTrigger>,
    along: Along,
    control: Control,
}

impl<R: UpdateRule> Replay<R> {
    /// The method around `rule`, from `theta`.
    ///
    /// # Errors
    /// [`ConfigError`] if the recorded iterations do not increase, a length is negative or not finite, or the starting
    /// point is empty or not finite.
    pub fn new(
        triggers: Vec<RecordedTrigger>,
        along: Along,
        control: Control,
        rule: R,
        theta: &[f64],
    ) -> Result<Self, ConfigError> {
        for trigger in &triggers {
            ConfigError::not_negative("recorded length", trigger.length)?;
        }
        if let Some(pair) = triggers.windows(2).find(|pair| pair[0].step >= pair[1].step) {
            let (name, allowed) = ("recorded iteration", "larger than the one before");
            return Err(ConfigError::OutOfRange { name, allowed, value: pair[1].step as f64 });
        }
        Ok(Self { walk: Walk::new(rule, theta)?, triggers, along, control })
    }

    fn recorded(&self, step: u64) -> Option<f64> {
        let at = self.triggers.binary_search_by_key(&step, |trigger| trigger.step).ok()?;
        Some(self.triggers[at].length)
    }
}

impl<R: UpdateRule> Method for Replay<R> {
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
        visit(&self.walk.opening_request().into());
        if self.along == (Along::Step { probe: true }) {
            visit(&Request::VALUE.into());
        }
    }

    fn ask(&mut self, _context: &IterationContext) -> Ask<'_> {
        self.walk.ask()
    }

    fn tell(&mut self, answer: &Answer, context: &IterationContext) -> Result<Told, MethodError> {
        if self.walk.is_probing() {
            self.walk.close_probe(answer)?;
        } else {
            self.walk.open(answer, context)?;
            if self.along == (Along::Step { probe: true }) {
                return self.walk.probe_step(1.0);
            }
        }
        let Some(length) = self.recorded(context.step) else {
            return match self.along {
                Along::Step { probe: true } => Ok(self.walk.accept(answer, self.walk.step_norm())),
                _ => self.walk.descend(),
            };
        };
        let trigger = Trigger::Replayed { length };
        let control = self.control;
        let norm = match self.along {
            Along::Step { .. } => self.walk.step_norm(),
            Along::Gradient => norm(&answer.gradient),
        };
        if norm == 0.0 {
            return self.walk.displace_without_direction(length, control, trigger, context);
        }
        match self.along {
            Along::Step { .. } => self.walk.displace_along_step(length, control, trigger, context),
            Along::Gradient => {
                let gradient = &answer.gradient;
                self.walk.displace_along(length, gradient, norm, Event::Ascent, control, trigger, context)
            }
        }
    }

    fn theta(&self) -> &[f64] {
        self.walk.theta()
    }

    fn state(&self) -> State {
        State::new("replay").with_child("walk", self.walk.state())
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("replay", &["walk"])?;
        let walk = state.child("walk")?;
        match self.along {
            Along::Step { probe: true } => self.walk.restore_with_probe(walk),
            _ => self.walk.restore(walk),
        }
    }
}
