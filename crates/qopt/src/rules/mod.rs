//! Update rules.
//!
//! Products, quotients and roots are per component; states start at 0. A rule allocates when a method is built around
//! it, or in its first step if it is used alone. A rule has no bill of its own: it is given the gradient (and
//! [`NaturalGradient`] the metric) that the method around it asks for once per iteration.
//!
//! A rule that squares the gradient ends the run with [`MethodError::GradientOverflow`](crate::MethodError::GradientOverflow)
//! where the square, or the sum of squares, is beyond the largest number (from components of some 1e154 on).
//!
//! | rule | step u | state |
//! |---|---|---|
//! | [`Sgd`] | eta g | none |
//! | [`Momentum`], [`Nesterov`] | eta b, eta (g + 0.9 b) | b |
//! | [`NormalizedGradient`], [`SignDescent`] | eta g/\|g\|, eta sign g | none |
//! | [`Lion`] | eta sign of two averages | m |
//! | [`RmsProp`], [`AdaGrad`] | eta g over the root of a mean or a sum of g^2 | v |
//! | [`Adam`], [`AdamW`], [`AmsGrad`], [`NAdam`] | eta times a mean of g over the root of a mean of g^2 | m, v, t |
//! | [`NaturalGradient`] | eta F^-1 g | none |

mod adam;
mod momentum;
mod natural;
mod scaled;
mod signs;

pub use adam::{Adam, AdamW, AmsGrad, NAdam};
pub use momentum::{Momentum, Nesterov, Sgd};
pub use natural::NaturalGradient;
pub use scaled::{AdaGrad, RmsProp};
pub use signs::{Lion, NormalizedGradient, SignDescent};

use crate::{ConfigError, State, StateError};

fn learning_rate(rate: f64) -> Result<f64, ConfigError> {
    ConfigError::positive("learning rate", rate)
}

/// A vector that a rule keeps from step to step: a moment, or a sum.
#[derive(Clone, Debug, PartialEq)]
struct Memory {
    /// Its name in a state.
    name: &'static str,
    values: Vec<f64>,
}

impl Memory {
    const fn new(name: &'static str) -> Self {
        Self { name, values: Vec::new() }
    }

    /// Gives it its size, all zero, unless it has it already.
    fn prepare(&mut self, dimension: usize) {
        if self.values.len() != dimension {
            self.values.clear();
            self.values.resize(dimension, 0.0);
        }
    }

    /// The components, `dimension` of them.
    fn of(&mut self, dimension: usize) -> &mut [f64] {
        self.prepare(dimension);
        &mut self.values
    }

    fn reset(&mut self) {
        self.values.fill(0.0);
    }

    fn state(&self, kind: &str) -> State {
        self.add_to(State::new(kind))
    }

    fn add_to(&self, state: State) -> State {
        state.with_floats(self.name, &self.values)
    }

    fn restored(&self, kind: &str, state: &State) -> Result<Self, StateError> {
        state.expect(kind, &[self.name])?;
        self.restored_from(state)
    }

    /// The memory that is in a state; its length must be the present one, unless the rule has not been prepared yet.
    fn restored_from(&self, state: &State) -> Result<Self, StateError> {
        let length = if self.values.is_empty() { state.floats(self.name)?.len() } else { self.values.len() };
        Ok(Self { name: self.name, values: state.finite_floats(self.name, length)? })
    }
}

/// All of an [`UpdateRule`](crate::UpdateRule) but its step, where one field is the whole state: a [`Memory`],
/// or what is prepared, reset, saved and restored as one.
macro_rules! state_is {
    ($field:ident, $kind:literal) => {
        fn prepare(&mut self, dimension: usize) {
            self.$field.prepare(dimension);
        }

        fn reset(&mut self) {
            self.$field.reset();
        }

        fn state(&self) -> State {
            self.$field.state($kind)
        }

        fn restore(&mut self, state: &State) -> Result<(), StateError> {
            self.$field = self.$field.restored($kind, state)?;
            Ok(())
        }
    };
}
use state_is;
