//! Update rules: SGD, momentum, RMSProp, Adam, natural gradient.
//!
//! Products, quotients and roots are per component; states start at 0. A rule allocates when a method is built around
//! it, or in its first step if it is used alone.

use nalgebra::{Cholesky, DMatrix, DVectorViewMut};

use crate::{ConfigError, Request, State, StateError, StepContext, UpdateRule};

/// Gradient descent: u = rate * g.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    rate: f64,
}

impl Sgd {
    /// Gradient descent with learning rate `rate`.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless the rate is positive and finite.
    pub fn new(rate: f64) -> Result<Self, ConfigError> {
        Ok(Self { rate: learning_rate(rate)? })
    }
}

impl UpdateRule for Sgd {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        for (u, g) in step.iter_mut().zip(context.gradient) {
            *u = self.rate * g;
        }
    }

    fn state(&self) -> State {
        State::new("sgd")
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("sgd", &[])
    }
}

/// Heavy-ball momentum: b <- 0.9 b + g, u = rate * b.
///
/// Reference: B. T. Polyak, USSR Comput. Math. Math. Phys. 4 (5), 1-17 (1964).
#[derive(Clone, Debug, PartialEq)]
pub struct Momentum {
    rate: f64,
    decay: f64,
    b: Vec<f64>,
}

impl Momentum {
    /// Momentum with learning rate `rate` and decay 0.9.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless the rate is positive and finite.
    pub fn new(rate: f64) -> Result<Self, ConfigError> {
        Ok(Self { rate: learning_rate(rate)?, decay: 0.9, b: Vec::new() })
    }

    /// The same with another decay.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless 0 <= decay < 1.
    pub fn with_decay(mut self, decay: f64) -> Result<Self, ConfigError> {
        self.decay = ConfigError::fraction("decay", decay)?;
        Ok(self)
    }
}

impl UpdateRule for Momentum {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        fit(&mut self.b, step.len());
        for ((u, b), g) in step.iter_mut().zip(&mut self.b).zip(context.gradient) {
            *b = self.decay * *b + g;
            *u = self.rate * *b;
        }
    }

    fn prepare(&mut self, dimension: usize) {
        fit(&mut self.b, dimension);
    }

    fn reset(&mut self) {
        self.b.fill(0.0);
    }

    fn state(&self) -> State {
        State::new("momentum").with_floats("b", &self.b)
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("momentum", &["b"])?;
        self.b = moments(state, "b", &self.b)?;
        Ok(())
    }
}

/// RMSProp: v <- 0.9 v + 0.1 g^2, u = rate * g / (sqrt(v) + 1e-8). No bias correction.
///
/// Reference: T. Tieleman and G. Hinton, Coursera lecture 6.5 (2012).
#[derive(Clone, Debug, PartialEq)]
pub struct RmsProp {
    rate: f64,
    decay: f64,
    epsilon: f64,
    v: Vec<f64>,
}

impl RmsProp {
    /// RMSProp with learning rate `rate` (the step length of a component whose gradient is constant), decay 0.9 and
    /// epsilon 1e-8.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless the rate is positive and finite.
    pub fn new(rate: f64) -> Result<Self, ConfigError> {
        Ok(Self { rate: learning_rate(rate)?, decay: 0.9, epsilon: 1e-8, v: Vec::new() })
    }

    /// The same with another decay.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless 0 <= decay < 1.
    pub fn with_decay(mut self, decay: f64) -> Result<Self, ConfigError> {
        self.decay = ConfigError::fraction("decay", decay)?;
        Ok(self)
    }

    /// The same with another epsilon.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless it is positive and finite.
    pub fn with_epsilon(mut self, epsilon: f64) -> Result<Self, ConfigError> {
        self.epsilon = ConfigError::positive("epsilon", epsilon)?;
        Ok(self)
    }
}

impl UpdateRule for RmsProp {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        fit(&mut self.v, step.len());
        for ((u, v), g) in step.iter_mut().zip(&mut self.v).zip(context.gradient) {
            *v = self.decay * *v + (1.0 - self.decay) * (g * g);
            *u = self.rate * g / (v.sqrt() + self.epsilon);
        }
    }

    fn prepare(&mut self, dimension: usize) {
        fit(&mut self.v, dimension);
    }

    fn reset(&mut self) {
        self.v.fill(0.0);
    }

    fn state(&self) -> State {
        State::new("rmsprop").with_floats("v", &self.v)
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("rmsprop", &["v"])?;
        self.v = moments(state, "v", &self.v)?;
        Ok(())
    }
}

/// Adam: m <- 0.9 m + 0.1 g, v <- 0.999 v + 0.001 g^2, u = rate * (m / (1 - 0.9^t)) / (sqrt(v / (1 - 0.999^t)) + 1e-8),
/// t = 1, 2, ...
///
/// Reference: D. P. Kingma and J. Ba, arXiv:1412.6980, Algorithm 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    rate: f64,
    decays: [f64; 2],
    epsilon: f64,
    m: Vec<f64>,
    v: Vec<f64>,
    /// The decays to the power t.
    powers: [f64; 2],
}

impl Adam {
    /// Adam with learning rate `rate` (about the largest step of a component), decays 0.9 and 0.999, epsilon 1e-8.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless the rate is positive and finite.
    pub fn new(rate: f64) -> Result<Self, ConfigError> {
        Ok(Self {
            rate: learning_rate(rate)?,
            decays: [0.9, 0.999],
            epsilon: 1e-8,
            m: Vec::new(),
            v: Vec::new(),
            powers: [1.0; 2],
        })
    }

    /// The same with other decays of the first and the second moment.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless both are at least 0 and below 1.
    pub fn with_decays(mut self, first: f64, second: f64) -> Result<Self, ConfigError> {
        self.decays = [ConfigError::fraction("first decay", first)?, ConfigError::fraction("second decay", second)?];
        Ok(self)
    }

    /// The same with another epsilon.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless it is positive and finite.
    pub fn with_epsilon(mut self, epsilon: f64) -> Result<Self, ConfigError> {
        self.epsilon = ConfigError::positive("epsilon", epsilon)?;
        Ok(self)
    }
}

impl UpdateRule for Adam {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        fit(&mut self.m, step.len());
        fit(&mut self.v, step.len());
        let [first, second] = self.decays;
        self.powers[0] *= first;
        self.powers[1] *= second;
        let corrections = [1.0 - self.powers[0], 1.0 - self.powers[1]];
        let moments = self.m.iter_mut().zip(&mut self.v);
        for ((u, (m, v)), g) in step.iter_mut().zip(moments).zip(context.gradient) {
            *m = first * *m + (1.0 - first) * g;
            *v = second * *v + (1.0 - second) * (g * g);
            *u = self.rate * (*m / corrections[0]) / ((*v / corrections[1]).sqrt() + self.epsilon);
        }
    }

    fn prepare(&mut self, dimension: usize) {
        fit(&mut self.m, dimension);
        fit(&mut self.v, dimension);
    }

    fn reset(&mut self) {
        self.m.fill(0.0);
        self.v.fill(0.0);
        self.powers = [1.0; 2];
    }

    fn state(&self) -> State {
        State::new("adam").with_floats("m", &self.m).with_floats("v", &self.v).with_floats("powers", &self.powers)
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("adam", &["m", "v", "powers"])?;
        let m = moments(state, "m", &self.m)?;
        let v = moments(state, "v", &self.v)?;
        let powers = state.finite_floats("powers", 2)?;
        (self.m, self.v) = (m, v);
        self.powers = [powers[0], powers[1]];
        Ok(())
    }
}

/// Natural gradient: u = rate * u' with (F + regularization * I) u' = g, F the metric.
///
/// It asks for the metric in every iteration. The linear system is solved by Cholesky decomposition, in P^3/3
/// operations; only the lower triangle of F is read. If F + regularization * I is not numerically positive definite,
/// every component of the step is NaN, and the method ends the run with
/// [`MethodError::NonFiniteStep`](crate::MethodError::NonFiniteStep): choose a larger regularization.
///
/// References: S. Amari, Neural Computation 10, 251 (1998); J. Stokes, J. Izaac, N. Killoran and G. Carleo, Quantum 4,
/// 269 (2020).
#[derive(Clone, Debug)]
pub struct NaturalGradient {
    rate: f64,
    regularization: f64,
    /// Room for the matrix; lent to the decomposition in each step.
    matrix: Option<DMatrix<f64>>,
}

impl NaturalGradient {
    /// Natural gradient with learning rate `rate` and `regularization`, in units of the metric.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless the rate is positive and finite and the regularization finite and not
    /// negative.
    pub fn new(rate: f64, regularization: f64) -> Result<Self, ConfigError> {
        Ok(Self {
            rate: learning_rate(rate)?,
            regularization: ConfigError::not_negative("regularization", regularization)?,
            matrix: None,
        })
    }
}

impl UpdateRule for NaturalGradient {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        let dimension = step.len();
        if context.metric.len() != dimension * dimension {
            step.fill(f64::NAN);
            return;
        }
        self.prepare(dimension);
        let Some(mut matrix) = self.matrix.take() else {
            step.fill(f64::NAN);
            return;
        };
        for (row, entries) in context.metric.chunks_exact(dimension).enumerate() {
            for (column, &entry) in entries.iter().enumerate() {
                matrix[(row, column)] = entry;
            }
            matrix[(row, row)] += self.regularization;
        }
        let Some(decomposition) = Cholesky::new(matrix) else {
            step.fill(f64::NAN);
            return;
        };
        step.copy_from_slice(context.gradient);
        decomposition.solve_mut(&mut DVectorViewMut::from_slice(step, dimension));
        step.iter_mut().for_each(|u| *u *= self.rate);
        self.matrix = Some(decomposition.unpack_dirty());
    }

    fn prepare(&mut self, dimension: usize) {
        if self.matrix.as_ref().is_none_or(|matrix| matrix.nrows() != dimension) {
            self.matrix = Some(DMatrix::zeros(dimension, dimension));
        }
    }

    fn request(&self) -> Request {
        Request::VALUE_AND_GRADIENT.with_metric()
    }

    fn state(&self) -> State {
        State::new("natural-gradient")
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("natural-gradient", &[])
    }
}

fn learning_rate(rate: f64) -> Result<f64, ConfigError> {
    ConfigError::positive("learning rate", rate)
}

/// Gives a buffer its size, all zero, unless it has it already.
fn fit(buffer: &mut Vec<f64>, dimension: usize) {
    if buffer.len() != dimension {
        buffer.clear();
        buffer.resize(dimension, 0.0);
    }
}

/// A moment from a state; its length must be that of the present one, unless the rule has not been prepared yet.
fn moments(state: &State, name: &str, present: &[f64]) -> Result<Vec<f64>, StateError> {
    let length = if present.is_empty() { state.floats(name)?.len() } else { present.len() };
    state.finite_floats(name, length)
}
