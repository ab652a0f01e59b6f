//! Gradients scaled by their own history: RMSProp, AdaGrad.

use crate::rules::{Memory, learning_rate, state_is};
use crate::{ConfigError, State, StateError, StepContext, UpdateRule};

/// RMSProp: v <- 0.9 v + 0.1 g^2, u = rate * g / (sqrt(v) + 1e-8). No bias correction.
///
/// Reference: T. Tieleman and G. Hinton, Coursera lecture 6.5 (2012).
#[derive(Clone, Debug, PartialEq)]
pub struct RmsProp {
    rate: f64,
    decay: f64,
    epsilon: f64,
    v: Memory,
}

impl RmsProp {
    /// RMSProp with learning rate `rate` (the step length of a component whose gradient is constant), decay 0.9 and
    /// epsilon 1e-8.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless the rate is positive and finite.
    pub fn new(rate: f64) -> Result<Self, ConfigError> {
        Ok(Self { rate: learning_rate(rate)?, decay: 0.9, epsilon: 1e-8, v: Memory::new("v") })
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
        if context.squares_overflow(&[], step) {
            return;
        }
        let v = self.v.of(step.len());
        for ((u, v), g) in step.iter_mut().zip(v).zip(context.gradient) {
            *v = self.decay * *v + (1.0 - self.decay) * (g * g);
            *u = self.rate * g / (v.sqrt() + self.epsilon);
        }
    }

    state_is!(v, "rmsprop");
}

/// AdaGrad: G <- G + g^2, u = rate * g / sqrt(G + 1e-7), G = 0 at the start.
///
/// Reference: J. Duchi, E. Hazan and Y. Singer, J. Mach. Learn. Res. 12, 2121 (2011), diagonal case; epsilon stands
/// inside the root, as in optax.
#[derive(Clone, Debug, PartialEq)]
pub struct AdaGrad {
    rate: f64,
    epsilon: f64,
    sum: Memory,
}

impl AdaGrad {
    /// AdaGrad with learning rate `rate` (the first step of every component) and epsilon 1e-7.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless the rate is positive and finite.
    pub fn new(rate: f64) -> Result<Self, ConfigError> {
        Ok(Self { rate: learning_rate(rate)?, epsilon: 1e-7, sum: Memory::new("sum") })
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

impl UpdateRule for AdaGrad {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        let sum = self.sum.of(step.len());
        if context.squares_overflow(sum, step) {
            return;
        }
        for ((u, sum), g) in step.iter_mut().zip(sum).zip(context.gradient) {
            *sum += g * g;
            *u = self.rate * (g / (*sum + self.epsilon).sqrt());
        }
    }

    state_is!(sum, "adagrad");
}
