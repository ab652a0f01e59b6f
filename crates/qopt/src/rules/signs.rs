//! Steps whose length does not depend on that of the gradient: signs, normalised gradients, Lion.

use crate::rules::{Memory, learning_rate, state_is};
use crate::vector::norm;
use crate::{ConfigError, State, StateError, StepContext, UpdateRule};

/// -1, 0 or 1.
fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

/// Sign descent: u = rate * sign(g), 0 where g is 0.
///
/// Reference: M. Riedmiller and H. Braun, IEEE Int. Conf. Neural Networks 1993, 586, with a fixed step; J. Bernstein et
/// al., arXiv:1802.04434.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignDescent {
    rate: f64,
}

impl SignDescent {
    /// Sign descent with steps of `rate` in every component.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless the rate is positive and finite.
    pub fn new(rate: f64) -> Result<Self, ConfigError> {
        Ok(Self { rate: learning_rate(rate)? })
    }
}

impl UpdateRule for SignDescent {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        for (u, g) in step.iter_mut().zip(context.gradient) {
            *u = self.rate * sign(*g);
        }
    }

    fn state(&self) -> State {
        State::new("sign-descent")
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("sign-descent", &[])
    }
}

/// Normalised gradient descent: u = rate * g / |g|, 0 if g is 0.
///
/// Reference: N. Z. Shor, Minimization Methods for Non-Differentiable Functions (Springer 1985), ch. 2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormalizedGradient {
    rate: f64,
}

impl NormalizedGradient {
    /// Normalised gradient descent with steps of length `rate`.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless the rate is positive and finite.
    pub fn new(rate: f64) -> Result<Self, ConfigError> {
        Ok(Self { rate: learning_rate(rate)? })
    }
}

impl UpdateRule for NormalizedGradient {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        let norm = norm(context.gradient);
        if norm == 0.0 {
            step.fill(0.0);
            return;
        }
        for (u, g) in step.iter_mut().zip(context.gradient) {
            *u = self.rate * (g / norm);
        }
    }

    fn state(&self) -> State {
        State::new("normalized-gradient")
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("normalized-gradient", &[])
    }
}

/// Lion: u = rate * (sign(0.9 m + 0.1 g) + decay * theta), then m <- 0.99 m + 0.01 g.
///
/// The weight decay is 0 unless it is set: angles have no preferred origin.
///
/// Reference: X. Chen et al., Symbolic Discovery of Optimization Algorithms, arXiv:2302.06675, Algorithm 2.
#[derive(Clone, Debug, PartialEq)]
pub struct Lion {
    rate: f64,
    decays: [f64; 2],
    weight_decay: f64,
    m: Memory,
}

impl Lion {
    /// Lion with learning rate `rate` (the step of every component), decays 0.9 (in the step) and 0.99 (of the mean).
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless the rate is positive and finite.
    pub fn new(rate: f64) -> Result<Self, ConfigError> {
        Ok(Self { rate: learning_rate(rate)?, decays: [0.9, 0.99], weight_decay: 0.0, m: Memory::new("m") })
    }

    /// The same with other decays, in the step and of the mean.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless both are at least 0 and below 1.
    pub fn with_decays(mut self, step: f64, mean: f64) -> Result<Self, ConfigError> {
        self.decays = [ConfigError::fraction("step decay", step)?, ConfigError::fraction("mean decay", mean)?];
        Ok(self)
    }

    /// The same with a weight decay.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless it is finite and not negative.
    pub fn with_weight_decay(mut self, weight_decay: f64) -> Result<Self, ConfigError> {
        self.weight_decay = ConfigError::not_negative("weight decay", weight_decay)?;
        Ok(self)
    }
}

impl UpdateRule for Lion {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        let m = self.m.of(step.len());
        let [in_step, of_mean] = self.decays;
        let inputs = context.gradient.iter().zip(context.theta);
        for ((u, m), (g, theta)) in step.iter_mut().zip(m).zip(inputs) {
            *u = self.rate * (sign(in_step * *m + (1.0 - in_step) * g) + self.weight_decay * theta);
            *m = of_mean * *m + (1.0 - of_mean) * g;
        }
    }

    state_is!(m, "lion");
}
