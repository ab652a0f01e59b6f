//! Random coordinate descent.

use rand::RngExt;

use crate::rule::check_start;
use crate::vector::take_step;
use crate::{
    Answer, Ask, ConfigError, IterationContext, Method, MethodError, Query, Role, State, StateError, StepReport, Told,
};

/// Hyperparameters of [`RandomCoordinate`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RandomCoordinateConfig {
    /// The learning rate. Positive and finite.
    pub rate: f64,
    /// Whether the loss at theta is measured too, to track it; true.
    pub track: bool,
}

impl RandomCoordinateConfig {
    /// The defaults with the learning rate, which has none.
    pub const fn new(rate: f64) -> Self {
        Self { rate, track: true }
    }
}

/// theta_i <- theta_i - rate dL/dtheta_i for one i per iteration, uniform among the P coordinates, drawn from the stream
/// of [`Role::Direction`].
///
/// It needs an objective that answers [`Query::Partials`]. The reported norm of the gradient is that of its one
/// component.
///
/// **Bill per iteration**: one partial derivative (2 circuits for a two-term shift rule), and one loss for tracking.
///
/// Reference: Z. Ding, T. Ko, J. Yao, L. Lin and X. Li, Phys. Rev. Research 6, 033029 (2024).
///
/// Compared with: no program by others was found, so the trajectory is compared with a transcription of the rule, and with one
/// parameter with gradient descent, which is compared with optax.
#[derive(Clone, Debug)]
pub struct RandomCoordinate {
    config: RandomCoordinateConfig,
    theta: Vec<f64>,
    component: [usize; 1],
    step: Vec<f64>,
}

impl RandomCoordinate {
    /// The method from `theta`.
    ///
    /// # Errors
    /// [`ConfigError`] if the rate is out of range or the starting point is empty or not finite.
    pub fn new(config: RandomCoordinateConfig, theta: &[f64]) -> Result<Self, ConfigError> {
        check_start(theta)?;
        ConfigError::positive("rate", config.rate)?;
        Ok(Self { config, theta: theta.to_vec(), component: [0], step: vec![0.0; theta.len()] })
    }

    fn query(&self) -> Query<'_> {
        Query::Partials { value: self.config.track, components: &self.component, shots: &[] }
    }
}

impl Method for RandomCoordinate {
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
        visit(&self.query());
    }

    fn ask(&mut self, context: &IterationContext) -> Ask<'_> {
        self.component = [context.streams.rng(Role::Direction).random_range(0..self.theta.len())];
        Ask { theta: &self.theta, query: self.query() }
    }

    fn tell(&mut self, answer: &Answer, _context: &IterationContext) -> Result<Told, MethodError> {
        let loss = if self.config.track { Some(answer.measured_loss()?) } else { None };
        let [component] = self.component;
        // The only entry of the answer is this component of the gradient.
        let named = |error| match error {
            MethodError::NonFiniteGradient { value, .. } => MethodError::NonFiniteGradient { component, value },
            MethodError::InvalidGradientStdError { value, .. } => {
                MethodError::InvalidGradientStdError { component, value }
            }
            other => other,
        };
        answer.check_gradient(1).map_err(named)?;
        let gradient_std_error = answer.gradient_std_error().map_err(named)?;
        self.step.fill(0.0);
        self.step[component] = self.config.rate * answer.gradient[0];
        let length = take_step(&mut self.theta, &self.step)?;
        let report = StepReport::descent(loss, answer.gradient[0].abs(), length);
        Ok(Told::Done(StepReport { gradient_std_error, ..report }))
    }

    fn theta(&self) -> &[f64] {
        &self.theta
    }

    fn state(&self) -> State {
        State::new("random-coordinate").with_floats("theta", &self.theta)
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("random-coordinate", &["theta"])?;
        self.theta = state.finite_floats("theta", self.theta.len())?;
        Ok(())
    }
}
