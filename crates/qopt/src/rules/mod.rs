//! Update rules.
//!
//! Products, quotients and roots are per component; states start at 0. A rule allocates when a method is built around
//! it, or in its first step if it is used alone. A rule has no bill of its own: it is given the gradient (and
//! [`NaturalGradient`] the metric) that the method around it asks for once per iteration.
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
