//! Simultaneous perturbation stochastic approximation.

use crate::rule::check_start;
use crate::vector::{fill_signs, norm, take_step};
use crate::{
    Answer, Ask, ConfigError, IterationContext, Method, MethodError, Query, Role, State, StateError, StepReport, Told,
};

/// Hyperparameters of [`Spsa`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SpsaConfig {
    /// a, the rate of the first iteration. Positive and finite.
    pub rate: f64,
    /// c, the perturbation of the first iteration, in units of theta (radians). Positive and finite. With shots not so
    /// small that the difference of two losses drowns in their noise; 0.2.
    pub perturbation: f64,
    /// The rate falls as a ((A + 1)/(A + 1 + k))^exponent. Finite, not negative (0: constant); 0.602.
    pub rate_exponent: f64,
    /// The perturbation falls as c/(k + 1)^exponent. Finite, not negative (0: constant); 0.101.
    pub perturbation_exponent: f64,
    /// A, the iterations over which the rate stays near its first value. Finite, not negative; a tenth of the planned
    /// ones.
    pub stability: f64,
    /// Random directions per iteration, over which the gradient is averaged. At least 1, at most
    /// [`MAX_DIRECTIONS`](Self::MAX_DIRECTIONS); 1.
    pub directions: usize,
    /// Whether the loss at theta is measured too, to track it; true.
    pub track: bool,
}

impl SpsaConfig {
    /// The largest number of directions: their points are kept, some four of P components for each.
    pub const MAX_DIRECTIONS: usize = 10_000;

    /// The defaults of Spall (1998) with the first rate and the planned number of iterations.
    pub fn new(rate: f64, planned_iterations: u64) -> Self {
        Self {
            rate,
            perturbation: 0.2,
            rate_exponent: 0.602,
            perturbation_exponent: 0.101,
            stability: 0.1 * planned_iterations as f64,
            directions: 1,
            track: true,
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        ConfigError::positive("rate", self.rate)?;
        ConfigError::positive("perturbation", self.perturbation)?;
        ConfigError::not_negative("rate_exponent", self.rate_exponent)?;
        ConfigError::not_negative("perturbation_exponent", self.perturbation_exponent)?;
        ConfigError::not_negative("stability", self.stability)?;
        ConfigError::at_most("directions", "at most 10000", self.directions, Self::MAX_DIRECTIONS)?;
        Ok(())
    }

    /// a_k.
    pub(super) fn rate_at(&self, step: u64) -> f64 {
        let first = self.stability + 1.0;
        self.rate * (first / (first + step as f64)).powf(self.rate_exponent)
    }

    /// c_k.
    pub(super) fn perturbation_at(&self, step: u64) -> f64 {
        self.perturbation / (step as f64 + 1.0).powf(self.perturbation_exponent)
    }
}

/// Simultaneous perturbation: theta <- theta - a_k g with
///
/// g = mean over directions D of (L(theta + c_k D) - L(theta - c_k D)) / (2 c_k) * D,
///
/// a_k = a ((A + 1)/(A + 1 + k))^0.602, c_k = c/(k + 1)^0.101. The components of D are independent signs, from the
/// stream of [`Role::Direction`].
///
/// **Bias and variance**: E g = grad L + O(c_k^2), but each component carries the whole |grad L|^2 as variance, and the
/// noise of two losses over 2 c_k.
///
/// **Bill per iteration**: 2 losses for each direction, and one for tracking; one job.
///
/// Reference: J. C. Spall, IEEE Trans. Automat. Contr. 37, 332 (1992); gains from J. C. Spall, IEEE Trans. Aerosp.
/// Electron. Syst. 34, 817 (1998).
#[derive(Clone, Debug)]
pub struct Spsa {
    config: SpsaConfig,
    theta: Vec<f64>,
    /// The directions of this iteration, one after the other.
    directions: Vec<f64>,
    /// theta if it is tracked, then theta + c D and theta - c D for each D.
    points: Vec<f64>,
    /// c_k.
    shift: f64,
    step: Vec<f64>,
}

impl Spsa {
    /// The method from `theta`.
    ///
    /// # Errors
    /// [`ConfigError`] if a hyperparameter is out of range or the starting point is empty or not finite.
    pub fn new(config: SpsaConfig, theta: &[f64]) -> Result<Self, ConfigError> {
        check_start(theta)?;
        config.check()?;
        let dimension = theta.len();
        let count = usize::from(config.track) + 2 * config.directions;
        Ok(Self {
            config,
            theta: theta.to_vec(),
            directions: vec![0.0; config.directions * dimension],
            points: vec![0.0; count * dimension],
            shift: config.perturbation,
            step: vec![0.0; dimension],
        })
    }
}

/// Writes theta + factor * direction into `point`.
pub(super) fn fill_shifted(point: &mut [f64], theta: &[f64], factor: f64, direction: &[f64]) {
    for ((x, theta), d) in point.iter_mut().zip(theta).zip(direction) {
        *x = theta + factor * d;
    }
}

impl Method for Spsa {
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
        visit(&Query::Values { points: &self.points });
    }

    fn ask(&mut self, context: &IterationContext) -> Ask<'_> {
        let dimension = self.theta.len();
        fill_signs(&mut self.directions, &mut context.streams.rng(Role::Direction));
        let tracked = if self.config.track { dimension } else { 0 };
        let (first, pairs) = self.points.split_at_mut(tracked);
        first.copy_from_slice(&self.theta[..tracked]);
        let shift = self.config.perturbation_at(context.step);
        self.shift = shift;
        let directions = self.directions.chunks_exact(dimension);
        for (pair, direction) in pairs.chunks_exact_mut(2 * dimension).zip(directions) {
            let (plus, minus) = pair.split_at_mut(dimension);
            fill_shifted(plus, &self.theta, shift, direction);
            fill_shifted(minus, &self.theta, -shift, direction);
        }
        Ask { theta: &self.theta, query: Query::Values { points: &self.points } }
    }

    fn tell(&mut self, answer: &Answer, context: &IterationContext) -> Result<Told, MethodError> {
        let dimension = self.theta.len();
        let values = answer.measured_values(self.points.len() / dimension)?;
        let (tracked, pairs) = values.split_at(usize::from(self.config.track));
        let scale = 1.0 / (2.0 * self.shift * self.config.directions as f64);
        self.step.fill(0.0);
        for (pair, direction) in pairs.chunks_exact(2).zip(self.directions.chunks_exact(dimension)) {
            let slope = scale * (pair[0].value - pair[1].value);
            for (g, d) in self.step.iter_mut().zip(direction) {
                *g += slope * d;
            }
        }
        let gradient_norm = norm(&self.step);
        let rate = self.config.rate_at(context.step);
        self.step.iter_mut().for_each(|u| *u *= rate);
        let length = take_step(&mut self.theta, &self.step)?;
        Ok(Told::Done(StepReport::descent(tracked.first().copied(), gradient_norm, length)))
    }

    fn theta(&self) -> &[f64] {
        &self.theta
    }

    fn state(&self) -> State {
        State::new("spsa").with_floats("theta", &self.theta)
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("spsa", &["theta"])?;
        self.theta = state.finite_floats("theta", self.theta.len())?;
        Ok(())
    }
}
