//! Gradient descent that chooses the number of shots of each partial derivative: iCANS and gCANS.

use crate::rule::check_start;
use crate::vector::{norm, take_step};
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
        for (k, (g, error)) in answer.gradient.iter().zip(&answer.gradient_std_errors).enumerate() {
            let variance = self.shots[k] as f64 * error * error;
            let spread = if allocation == Allocation::Individual { variance } else { variance.sqrt() };
            self.chi[k] = decay * self.chi[k] + (1.0 - decay) * g;
            self.xi[k] = decay * self.xi[k] + (1.0 - decay) * spread;
        }
    }

    fn allocate(&mut self) {
        let AdaptiveShotsConfig { allocation, rate, lipschitz, min_shots, max_shots, decay, bias, .. } = self.config;
        let bias = bias * self.power;
        self.power *= decay;
        let corrected = |mean: f64| mean / (1.0 - self.power);
        let factor = 2.0 * lipschitz * rate / (2.0 - lipschitz * rate);
        let square: f64 = self.chi.iter().map(|&chi| corrected(chi).powi(2)).sum();
        let spread: f64 = self.xi.iter().map(|&xi| corrected(xi)).sum();
        let wanted = |k: usize| {
            let (chi, xi) = (corrected(self.chi[k]), corrected(self.xi[k]));
            match allocation {
                Allocation::Individual => (factor * xi / (chi * chi + bias)).ceil(),
                Allocation::Global => (factor * xi * spread / (square + bias)).ceil(),
            }
        };
        let mut most = max_shots;
        if allocation == Allocation::Individual {
            let gain = |k: usize| {
                let (chi, xi) = (corrected(self.chi[k]), corrected(self.xi[k]));
                let shots = wanted(k).max(1.0);
                let half = lipschitz * rate * rate / 2.0;
                ((rate - half) * chi * chi - half * xi / shots) / shots
            };
            let best = (0..self.chi.len()).map(|k| (gain(k), k)).reduce(|a, b| if b.0 > a.0 { b } else { a });
            if let Some((_, k)) = best {
                // A number beyond u64 saturates.
                most = most.min((wanted(k) as u64).max(2)).max(min_shots);
            }
        }
        for k in 0..self.shots.len() {
            self.shots[k] = (wanted(k) as u64).clamp(min_shots, most);
        }
    }
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
        answer.check_gradient(dimension)?;
        let found = answer.gradient_std_errors.len();
        if found != dimension {
            return Err(MethodError::Length { what: "gradient_std_errors", expected: dimension, found });
        }
        if let Some(&value) = answer.gradient_std_errors.iter().find(|error| !(**error >= 0.0 && error.is_finite())) {
            return Err(MethodError::InvalidStdError { value });
        }
        for (u, g) in self.step.iter_mut().zip(&answer.gradient) {
            *u = self.config.rate * g;
        }
        take_step(&mut self.theta, &self.step)?;
        self.average(answer);
        self.allocate();
        let report = StepReport::descent(loss, norm(&answer.gradient), norm(&self.step));
        Ok(Told::Done(report.with_std_errors(&answer.gradient_std_errors)))
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
