//! Gradient descent that chooses the number of shots of each partial derivative: iCANS and gCANS.

use crate::rule::check_start;
use crate::vector::{next_power, take_step};
use crate::{
    Answer, Ask, ConfigError, IterationContext, Method, MethodError, Query, State, StateError, StepReport, Told,
};

/// How the shots of the next iteration follow from what has been measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Allocation {
    /// iCANS1: each component by itself, at most as many as the component with the largest expected gain per shot.
    Individual,
    /// gCANS: by the gain of the whole step.
    Global,
}

/// Hyperparameters of [`AdaptiveShots`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AdaptiveShotsConfig {
    /// Which rule.
    pub allocation: Allocation,
    /// The learning rate alpha. Positive and below 2 / lipschitz.
    pub rate: f64,
    /// L, a bound on the curvature of the loss (a Lipschitz constant of its gradient). Positive and finite. For
    /// parameters in one Pauli rotation each, the [scale](crate::Objective::loss_scale) of the loss bounds each second
    /// derivative.
    pub lipschitz: f64,
    /// The smallest number of shots of a circuit; at least 2 (one shot has no variance), 2.
    pub min_shots: u64,
    /// The largest number of shots of a circuit, at least `min_shots`; 10^6.
    pub max_shots: u64,
    /// mu, the decay of the running means, at least 0 and below 1; 0.99.
    pub decay: f64,
    /// b, the bias of the squared gradient that keeps the first numbers of shots finite. Positive and finite; 1e-6.
    pub bias: f64,
    /// Whether the loss at theta is measured too, with the largest number of shots of the iteration, to track it; true.
    pub track: bool,
}

impl AdaptiveShotsConfig {
    /// The defaults with the learning rate and L, which have none.
    pub const fn new(allocation: Allocation, rate: f64, lipschitz: f64) -> Self {
        Self { allocation, rate, lipschitz, min_shots: 2, max_shots: 1_000_000, decay: 0.99, bias: 1e-6, track: true }
    }

    fn check(&self) -> Result<(), ConfigError> {
        ConfigError::positive("lipschitz", self.lipschitz)?;
        ConfigError::positive("rate", self.rate)?;
        if self.rate * self.lipschitz >= 2.0 {
            return Err(ConfigError::OutOfRange { name: "rate", allowed: "below 2 / lipschitz", value: self.rate });
        }
        for (name, shots, least) in [("min_shots", self.min_shots, 2), ("max_shots", self.max_shots, self.min_shots)] {
            if shots < least {
                let allowed = if name == "min_shots" { "at least 2" } else { "at least min_shots" };
                return Err(ConfigError::OutOfRange { name, allowed, value: shots as f64 });
            }
        }
        ConfigError::fraction("decay", self.decay)?;
        ConfigError::positive("bias", self.bias)?;
        Ok(())
    }
}

/// theta <- theta - alpha g, and from the running means of g and of its variance over single shots the shots of the next
/// iteration.
///
/// With the standard error se_i of g_i from s_i shots per circuit, S_i = s_i se_i^2 is the variance of one shot.
/// Bias-corrected running means with decay mu: chi of g; xi of S (iCANS) or of sqrt(S) (gCANS). In iteration k = 0, 1,
/// ...
///
/// ```text
/// iCANS   s_i = ceil( 2 L a / (2 - L a) * xi_i / (chi_i^2 + b mu^k) ),
///         gamma_i = ((a - L a^2/2) chi_i^2 - L a^2 xi_i / (2 s_i)) / s_i,
///         at most s_i of the component with the largest gamma
/// gCANS   s_i = ceil( 2 L a / (2 - L a) * xi_i sum_j xi_j / (|chi|^2 + b mu^k) )
/// ```
///
/// each between `min_shots` and `max_shots`. A shot number of 0 counts as 1 in gamma.
///
/// It needs an objective that answers [`Query::Partials`] with standard errors.
///
/// **Bill per iteration**: the circuits of a gradient, those of component i with s_i shots each (2 sum s_i for two-term
/// shift rules), and one loss with max s_i shots for tracking; one job.
///
/// References: J. M. Kübler, A. Arrasmith, L. Cincio and P. J. Coles, Quantum 4, 263 (2020), Algorithm 1; A. Gu, A. Lowe,
/// P. A. Dub, P. J. Coles and A. Arrasmith, arXiv:2108.10434, Algorithm 1.
///
/// Compared with: iCANS with the trajectory and the shots of PennyLane's `ShotAdaptiveOptimizer`. No program by others that does
/// gCANS was found: its trajectory is compared with a transcription of Algorithm 1, its shots with a numerical maximum of the gain
/// per shot from which the paper derives them.
#[derive(Clone, Debug)]
pub struct AdaptiveShots {
    config: AdaptiveShotsConfig,
    theta: Vec<f64>,
    components: Vec<usize>,
    shots: Vec<u64>,
    /// Running means before their bias correction.
    chi: Vec<f64>,
    xi: Vec<f64>,
    /// mu to the power k.
    power: f64,
    step: Vec<f64>,
    /// Room for the corrected means, then for the wanted shots and the gains.
    work: [Vec<f64>; 2],
}

impl AdaptiveShots {
    /// The method from `theta`, with the smallest number of shots for each component.
    ///
    /// # Errors
    /// [`ConfigError`] if a hyperparameter is out of range or the starting point is empty or not finite.
    pub fn new(config: AdaptiveShotsConfig, theta: &[f64]) -> Result<Self, ConfigError> {
        check_start(theta)?;
        config.check()?;
        let dimension = theta.len();
        Ok(Self {
            config,
            theta: theta.to_vec(),
            components: (0..dimension).collect(),
            shots: vec![config.min_shots; dimension],
            chi: vec![0.0; dimension],
            xi: vec![0.0; dimension],
            power: 1.0,
            step: vec![0.0; dimension],
            work: [vec![0.0; dimension], vec![0.0; dimension]],
        })
    }

    /// The shots of each component in the next iteration, P numbers.
    pub fn shots(&self) -> &[u64] {
        &self.shots
    }

    fn query(&self) -> Query<'_> {
        Query::Partials { value: self.config.track, components: &self.components, shots: &self.shots }
    }

    fn average(&mut self, answer: &Answer) {
        let AdaptiveShotsConfig { decay, allocation, .. } = self.config;
        let measured = answer.gradient.iter().zip(&answer.gradient_std_errors).zip(&self.shots);
        for ((chi, xi), ((g, error), &shots)) in self.chi.iter_mut().zip(&mut self.xi).zip(measured) {
            let variance = shots as f64 * error * error;
            let spread = if allocation == Allocation::Individual { variance } else { variance.sqrt() };
            *chi = decay * *chi + (1.0 - decay) * g;
            *xi = decay * *xi + (1.0 - decay) * spread;
        }
    }

    fn allocate(&mut self) {
        let AdaptiveShotsConfig { allocation, rate, lipschitz, min_shots, max_shots, decay, bias, .. } = self.config;
        let bias = bias * self.power;
        self.power = next_power(self.power, decay);
        let correction = 1.0 - self.power;
        let factor = 2.0 * lipschitz * rate / (2.0 - lipschitz * rate);
        let [first, second] = &mut self.work;
        for ((chi, xi), means) in first.iter_mut().zip(&mut *second).zip(self.chi.iter().zip(&self.xi)) {
            (*chi, *xi) = (means.0 / correction, means.1 / correction);
        }
        let mut most = max_shots;
        match allocation {
            Allocation::Individual => {
                let half = lipschitz * rate * rate / 2.0;
                for (chi, xi) in first.iter_mut().zip(&mut *second) {
                    let wanted = ceil(factor * *xi / (*chi * *chi + bias));
                    let shots = if wanted > 1.0 { wanted } else { 1.0 };
                    let gain = ((rate - half) * *chi * *chi - half * *xi / shots) / shots;
                    (*chi, *xi) = (wanted, gain);
                }
                let best = second.iter().enumerate().reduce(|a, b| if b.1 > a.1 { b } else { a });
                if let Some((k, _)) = best {
                    // A number beyond u64 saturates.
                    most = most.min((first[k] as u64).max(2)).max(min_shots);
                }
            }
            Allocation::Global => {
                let square: f64 = first.iter().map(|chi| chi * chi).sum();
                let spread: f64 = second.iter().sum();
                for (wanted, xi) in first.iter_mut().zip(second) {
                    *wanted = ceil(factor * *xi * spread / (square + bias));
                }
            }
        }
        for (shots, &wanted) in self.shots.iter_mut().zip(&*first) {
            *shots = (wanted as u64).clamp(min_shots, most);
        }
    }
}

/// Larger standard errors have a variance of one shot that may be beyond the largest number.
const LARGE_ERROR: f64 = 1e140;

#[cold]
fn too_large(error: Option<f64>) -> String {
    let error = error.unwrap_or(f64::NAN);
    format!("the standard error {error} of the gradient is above {LARGE_ERROR:e}: its variance cannot be averaged")
}

/// The smallest whole number that is not below `x`, which is not negative; NaN for NaN. `f64::ceil` is a call where the
/// processor that is compiled for has no instruction for it, and no loop with a call in it is vectorised.
fn ceil(x: f64) -> f64 {
    /// From here on there are whole numbers only.
    const WHOLE: f64 = (1_u64 << 52) as f64;
    let nearest = (x + WHOLE) - WHOLE;
    let above = if nearest < x { nearest + 1.0 } else { nearest };
    if x < WHOLE { above } else { x }
}

impl Method for AdaptiveShots {
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
        visit(&self.query());
    }

    fn ask(&mut self, _context: &IterationContext) -> Ask<'_> {
        Ask { theta: &self.theta, query: self.query() }
    }

    fn tell(&mut self, answer: &Answer, _context: &IterationContext) -> Result<Told, MethodError> {
        let dimension = self.theta.len();
        let loss = if self.config.track { Some(answer.measured_loss()?) } else { None };
        let (gradient_norm, gradient_std_error) = answer.checked_gradient_norms(dimension)?;
        let found = answer.gradient_std_errors.len();
        if found != dimension {
            return Err(MethodError::Length { what: "gradient_std_errors", expected: dimension, found });
        }
        if gradient_std_error.is_some_and(|error| error > LARGE_ERROR) {
            return Err(MethodError::Other { message: too_large(gradient_std_error) });
        }
        for (u, g) in self.step.iter_mut().zip(&answer.gradient) {
            *u = self.config.rate * g;
        }
        let length = take_step(&mut self.theta, &self.step)?;
        self.average(answer);
        self.allocate();
        let report = StepReport::descent(loss, gradient_norm, length);
        Ok(Told::Done(StepReport { gradient_std_error, ..report }))
    }

    fn theta(&self) -> &[f64] {
        &self.theta
    }

    fn state(&self) -> State {
        State::new("adaptive-shots")
            .with_floats("theta", &self.theta)
            .with_counts("shots", &self.shots)
            .with_floats("chi", &self.chi)
            .with_floats("xi", &self.xi)
            .with_floats("power", &[self.power])
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("adaptive-shots", &["theta", "shots", "chi", "xi", "power"])?;
        let dimension = self.theta.len();
        let theta = state.finite_floats("theta", dimension)?;
        let shots = state.counts_of("shots", dimension)?;
        let allowed = self.config.min_shots..=self.config.max_shots;
        if !shots.iter().all(|shots| allowed.contains(shots)) {
            return Err(StateError::Value { name: "shots".to_owned() });
        }
        let (chi, xi) = (state.finite_floats("chi", dimension)?, state.finite_floats("xi", dimension)?);
        let power = state.finite_floats("power", 1)?[0];
        (self.theta, self.shots, self.chi, self.xi, self.power) = (theta, shots, chi, xi, power);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::ceil;

    #[test]
    fn whole_numbers_above() {
        let large =
            [2f64.powi(51) - 0.5, 2f64.powi(52) - 0.5, 2f64.powi(52), 2f64.powi(52) + 1.0, 2f64.powi(53), 1e300];
        let small = [0.0, 5e-324, 1e-9, 0.49, 0.5, 0.51, 1.0, 1.5, 2.0, 2.5, 1.0 - f64::EPSILON, 1.0 + f64::EPSILON];
        let between = (0..1000).map(|k| f64::from(k) * 0.123_456_7);
        for x in large.into_iter().chain(small).chain(between).chain([f64::MAX, f64::INFINITY]) {
            assert_eq!(ceil(x), x.ceil(), "{x}");
        }
        assert!(ceil(f64::NAN).is_nan());
    }
}
