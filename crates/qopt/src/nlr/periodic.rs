//! Negative phases at fixed times.

use crate::nlr::{Control, Walk, decayed};
use crate::{
    Answer, Ask, ConfigError, IterationContext, Method, MethodError, Query, State, StateError, Told, Trigger,
    UpdateRule,
};

/// Hyperparameters of [`Periodic`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PeriodicConfig {
    /// K+, the descent steps of a period; 10.
    pub descents: u64,
    /// K-, the ascent steps of a period; 2. Not both may be 0.
    pub ascents: u64,
    /// rho0, the ascent factor at the start. Finite, not negative; 1.
    pub rho: f64,
    /// T, the planned number of iterations: the factor falls linearly to 0 at T. At least 1. For a budget: the budget
    /// divided by the bill of one iteration, rounded down.
    pub planned_iterations: u64,
    /// What is made of a negative step.
    pub control: Control,
}

impl PeriodicConfig {
    /// The defaults for `planned_iterations`, which has none.
    pub const fn new(planned_iterations: u64) -> Self {
        Self { descents: 10, ascents: 2, rho: 1.0, planned_iterations, control: Control::Ascend }
    }
}

/// K+ descent steps, then K- ascent steps theta <- theta + rho_k u, and so on; rho_k = rho0 (1 - k/T), 0 past T.
///
/// Iteration k = 0, 1, ... is negative iff k mod (K+ + K-) >= K+. One query per iteration: loss and gradient.
#[derive(Clone, Debug)]
pub struct Periodic<R> {
    walk: Walk<R>,
    config: PeriodicConfig,
}

impl<R: UpdateRule> Periodic<R> {
    /// The method around `rule`, from `theta`.
    ///
    /// # Errors
    /// [`ConfigError`] if a hyperparameter is out of range or the starting point is empty or not finite.
    pub fn new(config: PeriodicConfig, rule: R, theta: &[f64]) -> Result<Self, ConfigError> {
        ConfigError::not_negative("rho", config.rho)?;
        ConfigError::counted("planned_iterations", config.planned_iterations)?;
        ConfigError::counted("descents + ascents", config.descents.saturating_add(config.ascents))?;
        Ok(Self { walk: Walk::new(rule, theta)?, config })
    }

    /// The place of iteration `step` in the negative phase, if it is in one.
    fn position(&self, step: u64) -> Option<u64> {
        let period = self.config.descents.saturating_add(self.config.ascents);
        (step % period).checked_sub(self.config.descents)
    }
}

impl<R: UpdateRule> Method for Periodic<R> {
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
        visit(&self.walk.opening_request().into());
    }

    fn ask(&mut self, _context: &IterationContext) -> Ask<'_> {
        self.walk.ask()
    }

    fn tell(&mut self, answer: &Answer, context: &IterationContext) -> Result<Told, MethodError> {
        self.walk.open(answer, context)?;
        let Some(position) = self.position(context.step) else {
            return self.walk.descend();
        };
        let factor = decayed(self.config.rho, context.step, self.config.planned_iterations);
        let trigger = Trigger::Periodic { position, factor };
        self.walk.displace_by_step(factor, self.config.control, trigger, context)
    }

    fn theta(&self) -> &[f64] {
        self.walk.theta()
    }

    fn state(&self) -> State {
        State::new("periodic").with_child("walk", self.walk.state())
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("periodic", &["walk"])?;
        self.walk.restore(state.child("walk")?)
    }
}
