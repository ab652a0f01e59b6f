//! Covariance matrix adaptation evolution strategy.

use crate::rule::check_start;
use crate::symmetric::eigen;
use crate::vector::{all_finite, fill_gaussian, take_step};
use crate::{
    Answer, Ask, ConfigError, IterationContext, Method, MethodError, Query, Role, State, StateError, StepReport, Told,
};

/// Hyperparameters of [`CmaEs`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CmaEsConfig {
    /// The standard deviation of the first population in every coordinate, in units of theta. Positive and finite.
    pub sigma: f64,
    /// lambda, the members of a population, at least 2, at most [`MAX_POPULATION`](Self::MAX_POPULATION); 4 + floor(3 ln
    /// P) if none.
    pub population: Option<usize>,
    /// Whether the loss at the mean is measured too, to track it; true.
    pub track: bool,
}

impl CmaEsConfig {
    /// The largest population: its points are kept, P components each.
    pub const MAX_POPULATION: usize = 100_000;

    /// The defaults with sigma, which has none.
    pub const fn new(sigma: f64) -> Self {
        Self { sigma, population: None, track: true }
    }
}

/// CMA-ES with rank-one and rank-mu update and cumulative step-size adaptation, without negative weights.
///
/// Each iteration draws lambda points x_i = m + sigma C^(1/2) z_i, z_i standard normal from the stream of
/// [`Role::Direction`], and sorts them by loss. theta is the mean m. With weights w_i of the better half, w_i ~
/// ln(lambda/2 + 1/2) - ln i, and the constants of the reference:
///
/// ```text
/// m'  = sum w_i x_i,  y = (m' - m)/sigma
/// ps  = (1 - cs) ps + sqrt(cs (2 - cs) mueff) C^(-1/2) y
/// pc  = (1 - cc) pc + hsig sqrt(cc (2 - cc) mueff) y
/// C   = (1 - c1 - cmu + (1 - hsig) c1 cc (2 - cc)) C + c1 pc pc' + cmu sum w_i y_i y_i'
/// sigma = sigma exp(min(1, cs/damps (|ps|^2/P - 1)/2))
/// ```
///
/// C^(1/2) is the symmetric root, so that a run does not depend on signs and order of eigenvectors. It is computed anew
/// only every so many evaluations that its cost is of the order of the rest: some 11 P^3 operations.
///
/// Where the points of a population can no longer differ from the mean in some coordinate (a fifth of the standard
/// deviation, added to the mean, is lost in rounding), or a standard deviation falls below 1e-140, the search has converged:
/// the distribution is kept as it is, and the mean goes on.
///
/// The reported norm of the gradient is 0: none is measured. With noisy losses the order is noisy; a larger population
/// averages it out.
///
/// **Bill per iteration**: lambda losses, and one for tracking; one job.
///
/// Reference: N. Hansen, The CMA Evolution Strategy: A Tutorial, arXiv:1604.00772, with the constants of the program
/// `purecma` by the same author.
#[derive(Clone, Debug)]
pub struct CmaEs {
    track: bool,
    constants: Constants,
    theta: Vec<f64>,
    sigma: f64,
    /// Evolution paths.
    ps: Vec<f64>,
    pc: Vec<f64>,
    covariance: Vec<f64>,
    /// Its root and the inverse of its root, of some iterations ago.
    root: Vec<f64>,
    inverse_root: Vec<f64>,
    evaluations: u64,
    /// Evaluations when the roots were computed.
    updated_at: u64,
    /// The mean if it is tracked, then the members.
    points: Vec<f64>,
    /// The order of the members by loss.
    order: Vec<usize>,
    step: Vec<f64>,
    /// Room for a vector and for two matrices.
    vector: Vec<f64>,
    work: [Vec<f64>; 2],
}

/// The square of a standard deviation, and what it is divided by, stay clear of the smallest number.
const SMALLEST_DEVIATION: f64 = 1e-140;

/// What follows from dimension and population.
#[derive(Clone, Debug)]
struct Constants {
    population: usize,
    weights: Vec<f64>,
    mueff: f64,
    cc: f64,
    cs: f64,
    c1: f64,
    cmu: f64,
    damps: f64,
    /// Evaluations between two computations of the roots.
    gap: f64,
}

impl Constants {
    fn new(dimension: usize, population: usize) -> Self {
        let (n, lambda) = (dimension as f64, population as f64);
        let parents = population / 2;
        let raw: Vec<f64> = (1..=parents).map(|i| (lambda / 2.0 + 0.5).ln() - (i as f64).ln()).collect();
        let sum: f64 = raw.iter().sum();
        let weights: Vec<f64> = raw.iter().map(|w| w / sum).collect();
        let mueff = weights.iter().sum::<f64>().powi(2) / weights.iter().map(|w| w * w).sum::<f64>();
        let cs = (mueff + 2.0) / (n + mueff + 5.0);
        let c1 = 2.0 / ((n + 1.3).powi(2) + mueff);
        let cmu = (1.0 - c1).min(2.0 * (mueff - 2.0 + 1.0 / mueff) / ((n + 2.0).powi(2) + mueff));
        Self {
            population,
            weights,
            mueff,
            cc: (4.0 + mueff / n) / (n + 4.0 + 2.0 * mueff / n),
            cs,
            c1,
            cmu,
            damps: 2.0 * mueff / lambda + 0.3 + cs,
            gap: 0.5 * n * lambda / (c1 + cmu) / (n * n),
        }
    }
}

impl CmaEs {
    /// The method from the mean `theta`.
    ///
    /// # Errors
    /// [`ConfigError`] if a hyperparameter is out of range or the starting point is empty or not finite.
    pub fn new(config: CmaEsConfig, theta: &[f64]) -> Result<Self, ConfigError> {
        check_start(theta)?;
        ConfigError::positive("sigma", config.sigma)?;
        let n = theta.len();
        let population = config.population.unwrap_or(4 + (3.0 * (n as f64).ln()) as usize);
        if !(2..=CmaEsConfig::MAX_POPULATION).contains(&population) {
            let (name, allowed, value) = ("population", "at least 2 and at most 100000", population as f64);
            return Err(ConfigError::OutOfRange { name, allowed, value });
        }
        let mut identity = vec![0.0; n * n];
        identity.iter_mut().step_by(n + 1).for_each(|diagonal| *diagonal = 1.0);
        Ok(Self {
            track: config.track,
            constants: Constants::new(n, population),
            theta: theta.to_vec(),
            sigma: config.sigma,
            ps: vec![0.0; n],
            pc: vec![0.0; n],
            covariance: identity.clone(),
            root: identity.clone(),
            inverse_root: identity.clone(),
            evaluations: 0,
            updated_at: 0,
            points: vec![0.0; (population + usize::from(config.track)) * n],
            order: (0..population).collect(),
            step: vec![0.0; n],
            vector: vec![0.0; n],
            work: [identity.clone(), identity],
        })
    }

    /// The present overall standard deviation sigma.
    pub fn sigma(&self) -> f64 {
        self.sigma
    }

    /// Whether the distribution has become so narrow that its points tell nothing, or will soon be beyond the smallest number.
    fn has_converged(&self) -> bool {
        let diagonal = self.covariance.iter().step_by(self.theta.len() + 1);
        self.sigma < SMALLEST_DEVIATION
            || self.theta.iter().zip(diagonal).any(|(&theta, variance)| {
                let deviation = self.sigma * variance.sqrt();
                deviation < SMALLEST_DEVIATION || theta + 0.2 * deviation == theta
            })
    }

    /// The paths, the covariance and sigma for a mean that moves by -`step`. False where no finite numbers follow.
    fn adapt(&mut self) -> bool {
        let n = self.theta.len();
        let (dimension, sigma) = (n as f64, self.sigma);
        let &Constants { population, mueff, cc, cs, c1, cmu, damps, .. } = &self.constants;
        let path = (cs * (2.0 - cs) * mueff).sqrt() / sigma;
        multiply(&self.inverse_root, self.step.iter().map(|u| -u), &mut self.vector);
        for (ps, along) in self.ps.iter_mut().zip(&self.vector) {
            *ps = (1.0 - cs) * *ps + path * along;
        }
        let square: f64 = self.ps.iter().map(|x| x * x).sum();
        let generations = self.evaluations as f64 / population as f64;
        let settled = 1.0 - (1.0 - cs).powf(2.0 * generations);
        let hsig = f64::from(u8::from(square / dimension / settled < 2.0 + 4.0 / (dimension + 1.0)));
        let path = (cc * (2.0 - cc) * mueff).sqrt() / sigma;
        for (pc, u) in self.pc.iter_mut().zip(&self.step) {
            *pc = (1.0 - cc) * *pc - path * hsig * u;
        }
        let kept = 1.0 - c1 * (1.0 - (1.0 - hsig) * cc * (2.0 - cc)) - cmu * self.constants.weights.iter().sum::<f64>();
        self.covariance.iter_mut().for_each(|entry| *entry *= kept);
        add_square(&mut self.covariance, c1, &self.pc);
        let members = &self.points[if self.track { n } else { 0 }..];
        for (&member, weight) in self.order.iter().zip(&self.constants.weights) {
            for ((y, x), theta) in self.vector.iter_mut().zip(&members[member * n..][..n]).zip(&self.theta) {
                *y = x - theta;
            }
            add_square(&mut self.covariance, weight * cmu / (sigma * sigma), &self.vector);
        }
        self.sigma *= (cs / damps * (square / dimension - 1.0) / 2.0).min(1.0).exp();
        self.sigma.is_normal() && all_finite(self.covariance.iter().copied())
    }

    /// The roots of the covariance, if it is time. False if it has none.
    fn update_roots(&mut self) -> bool {
        if self.evaluations as f64 <= self.updated_at as f64 + self.constants.gap {
            return true;
        }
        let n = self.theta.len();
        let [values, vectors] = &mut self.work;
        values.copy_from_slice(&self.covariance);
        if !eigen(values, vectors, n) || values[..n].iter().any(|&value| value <= 0.0) {
            return false;
        }
        let lengths = &mut values[..n];
        lengths.iter_mut().for_each(|length| *length = length.sqrt());
        for i in 0..n {
            let (root, inverse) = (&mut self.root[i * n..][..=i], &mut self.inverse_root[i * n..][..=i]);
            root.fill(0.0);
            inverse.fill(0.0);
            for (vector, &length) in vectors.chunks_exact(n).zip(&*lengths) {
                let x = vector[i];
                for ((root, inverse), y) in root.iter_mut().zip(&mut *inverse).zip(vector) {
                    let product = x * y;
                    *root += product * length;
                    *inverse += product / length;
                }
            }
            for j in 0..i {
                self.root[j * n + i] = self.root[i * n + j];
                self.inverse_root[j * n + i] = self.inverse_root[i * n + j];
            }
        }
        self.updated_at = self.evaluations;
        true
    }
}

/// The product of a symmetric matrix and a vector: column by column, so that no component waits for the sum of another.
fn multiply(matrix: &[f64], vector: impl ExactSizeIterator<Item = f64>, product: &mut [f64]) {
    // What `sum` starts from.
    product.fill(-0.0);
    for (column, x) in matrix.chunks_exact(vector.len()).zip(vector) {
        for (product, entry) in product.iter_mut().zip(column) {
            *product += entry * x;
        }
    }
}

/// matrix <- matrix + factor * vector vector'.
fn add_square(matrix: &mut [f64], factor: f64, vector: &[f64]) {
    for (row, x) in matrix.chunks_exact_mut(vector.len()).zip(vector) {
        let x = factor * x;
        for (entry, y) in row.iter_mut().zip(vector) {
            *entry += x * y;
        }
    }
}

impl Method for CmaEs {
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
        visit(&Query::Values { points: &self.points });
    }

    fn ask(&mut self, context: &IterationContext) -> Ask<'_> {
        let n = self.theta.len();
        let mut rng = context.streams.rng(Role::Direction);
        let tracked = if self.track { n } else { 0 };
        let (mean, members) = self.points.split_at_mut(tracked);
        mean.copy_from_slice(&self.theta[..tracked]);
        for member in members.chunks_exact_mut(n) {
            fill_gaussian(&mut self.vector, &mut rng);
            multiply(&self.root, self.vector.iter().copied(), member);
            for (x, theta) in member.iter_mut().zip(&self.theta) {
                *x = theta + self.sigma * *x;
            }
        }
        Ask { theta: &self.theta, query: Query::Values { points: &self.points } }
    }

    fn tell(&mut self, answer: &Answer, _context: &IterationContext) -> Result<Told, MethodError> {
        let n = self.theta.len();
        let values = answer.measured_values(self.points.len() / n)?;
        let (tracked, losses) = values.split_at(usize::from(self.track));
        for (k, place) in self.order.iter_mut().enumerate() {
            *place = k;
        }
        // Equal losses in the order in which they were drawn; `sort_unstable` does not allocate.
        self.order.sort_unstable_by(|&a, &b| losses[a].value.total_cmp(&losses[b].value).then(a.cmp(&b)));
        self.step.copy_from_slice(&self.theta);
        for (&member, weight) in self.order.iter().zip(&self.constants.weights) {
            let members = &self.points[self.points.len() - self.constants.population * n..];
            for (u, x) in self.step.iter_mut().zip(&members[member * n..(member + 1) * n]) {
                *u -= weight * x;
            }
        }
        self.evaluations = self.evaluations.saturating_add(self.constants.population as u64);
        if !self.has_converged() && (!self.adapt() || !self.update_roots()) {
            let message = format!("the covariance or the step size {} is degenerate", self.sigma);
            return Err(MethodError::Other { message });
        }
        let length = take_step(&mut self.theta, &self.step)?;
        Ok(Told::Done(StepReport::descent(tracked.first().copied(), 0.0, length)))
    }

    fn theta(&self) -> &[f64] {
        &self.theta
    }

    fn state(&self) -> State {
        State::new("cma-es")
            .with_floats("theta", &self.theta)
            .with_floats("sigma", &[self.sigma])
            .with_floats("ps", &self.ps)
            .with_floats("pc", &self.pc)
            .with_floats("covariance", &self.covariance)
            .with_floats("root", &self.root)
            .with_floats("inverse root", &self.inverse_root)
            .with_counts("evaluations", &[self.evaluations, self.updated_at])
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        const NAMES: [&str; 8] = ["theta", "sigma", "ps", "pc", "covariance", "root", "inverse root", "evaluations"];
        state.expect("cma-es", &NAMES)?;
        let n = self.theta.len();
        let sigma = state.finite_floats("sigma", 1)?[0];
        if sigma <= 0.0 {
            return Err(StateError::Value { name: "sigma".to_owned() });
        }
        let [evaluations, updated_at] = state.counts("evaluations")?;
        let restored = Self {
            theta: state.finite_floats("theta", n)?,
            sigma,
            ps: state.finite_floats("ps", n)?,
            pc: state.finite_floats("pc", n)?,
            covariance: state.finite_floats("covariance", n * n)?,
            root: state.finite_floats("root", n * n)?,
            inverse_root: state.finite_floats("inverse root", n * n)?,
            evaluations,
            updated_at,
            ..self.clone()
        };
        *self = restored;
        Ok(())
    }
}
