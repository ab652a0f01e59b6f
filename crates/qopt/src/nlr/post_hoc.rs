//! Negative steps after the loss has risen: the rule that climbs away from its own overshoot.

use crate::nlr::{Control, Walk};
use crate::state::finite_estimate;
use crate::{
    Answer, Ask, ConfigError, Estimate, IterationContext, Method, MethodError, Query, State, StateError, Told, Trigger,
    UpdateRule,
};

/// Hyperparameters of [`PostHoc`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PostHocConfig {
    /// The ascent factor. Finite, not negative; 0.25.
    pub rho: f64,
    /// What is made of a negative step.
    pub control: Control,
}

impl Default for PostHocConfig {
    fn default() -> Self {
        Self { rho: 0.25, control: Control::Ascend }
    }
}

/// theta <- theta + rho u in iteration k >= 1 iff Lhat_k > Lhat_(k-1), else theta - u.
///
/// There is no probe and no margin: the losses are the tracked ones. It is here to be compared with. When a step
/// overshoots, the point is already past the minimum, and the ascent climbs on from there instead of refusing the step.
/// One query per iteration: loss and gradient.
#[derive(Clone, Debug)]
pub struct PostHoc<R> {
    walk: Walk<R>,
    config: PostHocConfig,
    previous: Option<Estimate>,
}

impl<R: UpdateRule> PostHoc<R> {
    /// The method around `rule`, from `theta`.
    ///
    /// # Errors
    /// [`ConfigError`] if a hyperparameter is out of range or the starting point is empty or not finite.
    pub fn new(config: PostHocConfig, rule: R, theta: &[f64]) -> Result<Self, ConfigError> {
        ConfigError::not_negative("rho", config.rho)?;
        Ok(Self { walk: Walk::new(rule, theta)?, config, previous: None })
    }
}

impl<R: UpdateRule> Method for PostHoc<R> {
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
        visit(&self.walk.opening_request().into());
    }

    fn ask(&mut self, _context: &IterationContext) -> Ask<'_> {
        self.walk.ask()
    }

    fn tell(&mut self, answer: &Answer, context: &IterationContext) -> Result<Told, MethodError> {
        self.walk.open(answer, context)?;
        let current = self.walk.loss();
        match self.previous.replace(current) {
            Some(previous) if current.value > previous.value => {
                let PostHocConfig { rho, control } = self.config;
                let trigger = Trigger::PostHoc { previous, current };
                self.walk.displace_by_step(rho, control, trigger, context)
            }
            _ => self.walk.descend(),
        }
    }

    fn theta(&self) -> &[f64] {
        self.walk.theta()
    }

    fn state(&self) -> State {
        let state = State::new("post-hoc").with_child("walk", self.walk.state());
        match self.previous {
            None => state,
            Some(loss) => state.with_floats("previous", &[loss.value, loss.std_error]),
        }
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("post-hoc", &["walk", "previous"])?;
        let previous = finite_estimate(state, "previous")?;
        self.walk.restore(state.child("walk")?)?;
        self.previous = previous;
        Ok(())
    }
}
