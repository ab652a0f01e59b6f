//! Gradient descent, with and without momentum.

use crate::rules::{Memory, learning_rate, state_is};
use crate::{ConfigError, State, StateError, StepContext, UpdateRule};

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
    b: Memory,
}

impl Momentum {
    /// Momentum with learning rate `rate` and decay 0.9.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless the rate is positive and finite.
    pub fn new(rate: f64) -> Result<Self, ConfigError> {
        Ok(Self { rate: learning_rate(rate)?, decay: 0.9, b: Memory::new("b") })
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
        let b = self.b.of(step.len());
        for ((u, b), g) in step.iter_mut().zip(b).zip(context.gradient) {
            *b = self.decay * *b + g;
            *u = self.rate * *b;
        }
    }

    state_is!(b, "momentum");
}

/// Momentum with a look ahead, in the form that takes the gradient at theta: b <- 0.9 b + g, u = rate * (g + 0.9 b).
///
/// With constant rate and decay the points are those of Nesterov's scheme, seen from where its gradients are taken.
///
/// References: Yu. E. Nesterov, Soviet Math. Dokl. 27, 372 (1983); I. Sutskever, J. Martens, G. Dahl and G. Hinton, ICML
/// 2013, eq. (3) f.
#[derive(Clone, Debug, PartialEq)]
pub struct Nesterov {
    rate: f64,
    decay: f64,
    b: Memory,
}

impl Nesterov {
    /// Nesterov's momentum with learning rate `rate` and decay 0.9.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless the rate is positive and finite.
    pub fn new(rate: f64) -> Result<Self, ConfigError> {
        Ok(Self { rate: learning_rate(rate)?, decay: 0.9, b: Memory::new("b") })
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

impl UpdateRule for Nesterov {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        let b = self.b.of(step.len());
        for ((u, b), g) in step.iter_mut().zip(b).zip(context.gradient) {
            *b = self.decay * *b + g;
            *u = self.rate * (g + self.decay * *b);
        }
    }

    state_is!(b, "nesterov");
}
