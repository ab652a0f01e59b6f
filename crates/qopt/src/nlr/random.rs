//! Negative steps at random times.

use rand::RngExt;

use crate::nlr::{Control, Walk, decayed};
use crate::{
    Answer, Ask, ConfigError, IterationContext, Method, MethodError, Query, Role, State, StateError, Told, Trigger,
    UpdateRule,
};

/// Hyperparameters of [`Random`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RandomConfig {
    /// p0, the probability of a negative step at the start, 0 to 1; 0.1.
    pub probability: f64,
    /// The ascent factor. Finite, not negative; 1.
    pub rho: f64,
    /// T, the planned number of iterations: the probability falls linearly to 0 at T. At least 1.
    pub planned_iterations: u64,
    /// What is made of a negative step.
    pub control: Control,
}

impl RandomConfig {
    /// The defaults for `planned_iterations`, which has none.
    pub const fn new(planned_iterations: u64) -> Self {
        Self { probability: 0.1, rho: 1.0, planned_iterations, control: Control::Ascend }
    }
}

/// theta <- theta + rho u with probability p_k = p0 (1 - k/T) (0 past T), else theta - u.
///
/// One uniform number U is drawn in each iteration from the stream of [`Role::Trigger`], used or not; the step is
/// negative iff U < p_k. One query per iteration: loss and gradient.
#[derive(Clone, Debug)]
pub struct Random<R> {
    walk: Walk<R>,
    config: RandomConfig,
}

impl<R: UpdateRule> Random<R> {
    /// The method around `rule`, from `theta`.
    ///
    /// # Errors
    /// [`ConfigError`] if a hyperparameter is out of range or the starting point is empty or not finite.
    pub fn new(config: RandomConfig, rule: R, theta: &[f64]) -> Result<Self, ConfigError> {
        ConfigError::probability("probability", config.probability)?;
        ConfigError::not_negative("rho", config.rho)?;
        ConfigError::counted("planned_iterations", config.planned_iterations)?;
        Ok(Self { walk: Walk::new(rule, theta)?, config })
    }
}

impl<R: UpdateRule> Method for Random<R> {
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
        visit(&self.walk.opening_request().into());
    }

    fn ask(&mut self, _context: &IterationContext) -> Ask<'_> {
        self.walk.ask()
    }

    fn tell(&mut self, answer: &Answer, context: &IterationContext) -> Result<Told, MethodError> {
        self.walk.open(answer, context)?;
        let draw = context.streams.rng(Role::Trigger).random::<f64>();
        let RandomConfig { probability, rho, planned_iterations, control } = self.config;
        let probability = decayed(probability, context.step, planned_iterations);
        if draw < probability {
            let trigger = Trigger::Random { draw, probability };
            self.walk.displace_by_step(rho, control, trigger, context)
        } else {
            self.walk.descend()
        }
    }

    fn theta(&self) -> &[f64] {
        self.walk.theta()
    }

    fn state(&self) -> State {
        State::new("random").with_child("walk", self.walk.state())
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("random", &["walk"])?;
        self.walk.restore(state.child("walk")?)
    }
}
