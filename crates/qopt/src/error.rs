//! Errors of configuration, of state and of a run.

use std::error::Error;

use thiserror::Error;

use crate::Displacement;
use crate::rule::LARGE_GRADIENT;

/// A hyperparameter or starting point that cannot be used.
#[non_exhaustive]
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ConfigError {
    /// A number lies outside its allowed range or is not finite.
    #[error("{name} must be {allowed}, but is {value:?}")]
    OutOfRange {
        /// The name of the hyperparameter.
        name: &'static str,
        /// What is allowed, such as "positive and finite".
        allowed: &'static str,
        /// What was given.
        value: f64,
    },
    /// A count that must not be zero is zero.
    #[error("{name} must be at least 1")]
    Zero {
        /// The name of the hyperparameter.
        name: &'static str,
    },
    /// The starting point has no components.
    #[error("the starting point has no components")]
    NoParameters,
    /// A component of the starting point is not finite.
    #[error("component {component} of the starting point is {value}")]
    NonFiniteStart {
        /// Its index.
        component: usize,
        /// Its value.
        value: f64,
    },
    /// A list with one entry for each parameter has another length.
    #[error("{name} has {found} entries for {expected} parameters")]
    Length {
        /// The name of the list.
        name: &'static str,
        /// The number of parameters.
        expected: usize,
        /// The length of the list.
        found: usize,
    },
    /// A recorded trigger that cannot be replayed, or not along what was asked for.
    #[error(
        "the trigger recorded in iteration {step} ({how:?}) cannot be replayed there: one from the best point or by \
         curvature goes along the gradient, and a restart or a refused candidate is no displacement"
    )]
    NotReplayable {
        /// The iteration.
        step: u64,
        /// What came with the displacement.
        how: Displacement,
    },
    /// An interval is empty or not finite.
    #[error("interval {component} from {low} to {high} is empty or not finite")]
    Interval {
        /// Which interval.
        component: usize,
        /// Its lower end.
        low: f64,
        /// Its upper end.
        high: f64,
    },
}

/// A state that does not belong where it is restored. Nothing has been changed.
#[non_exhaustive]
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StateError {
    /// The state is of another kind of rule or method.
    #[error("expected the state of {expected:?}, found that of {found:?}")]
    Kind {
        /// The kind that restores.
        expected: String,
        /// The kind in the state.
        found: String,
    },
    /// An entry is missing.
    #[error("the state has no entry {name:?}")]
    Missing {
        /// The name of the entry.
        name: String,
    },
    /// An entry is not known.
    #[error("the state has an unknown entry {name:?}")]
    Unexpected {
        /// The name of the entry.
        name: String,
    },
    /// An entry has another length.
    #[error("entry {name:?} of the state has {found} numbers instead of {expected}")]
    Length {
        /// The name of the entry.
        name: String,
        /// The length that fits.
        expected: usize,
        /// The length in the state.
        found: usize,
    },
    /// An entry holds a number that cannot occur.
    #[error("entry {name:?} of the state holds a number that cannot occur there")]
    Value {
        /// The name of the entry.
        name: String,
    },
}

/// An answer or a step with which a method cannot go on.
#[non_exhaustive]
#[derive(Clone, Debug, Error, PartialEq)]
pub enum MethodError {
    /// The loss was asked for and not answered.
    #[error("the objective did not answer the loss")]
    MissingLoss,
    /// The loss is NaN or infinite.
    #[error("the loss is {value}")]
    NonFiniteLoss {
        /// The loss.
        value: f64,
    },
    /// The standard error of the loss is NaN, infinite or negative.
    #[error("the standard error of the loss is {value}")]
    InvalidStdError {
        /// The standard error.
        value: f64,
    },
    /// A standard error of the gradient is NaN, infinite or negative.
    #[error("the standard error of component {component} of the gradient is {value}")]
    InvalidGradientStdError {
        /// Its index.
        component: usize,
        /// The standard error.
        value: f64,
    },
    /// An array of the answer has the wrong length.
    #[error("{what} has {found} components instead of {expected}")]
    Length {
        /// Which array: "gradient", "gradient_std_errors", "metric" or "values".
        what: &'static str,
        /// The length that was asked for.
        expected: usize,
        /// The length of the answer.
        found: usize,
    },
    /// A component of the gradient is NaN or infinite.
    #[error("component {component} of the gradient is {value}")]
    NonFiniteGradient {
        /// Its index.
        component: usize,
        /// Its value.
        value: f64,
    },
    /// A component of the metric is NaN or infinite.
    #[error("entry ({row}, {column}) of the metric is {value}")]
    NonFiniteMetric {
        /// Its row.
        row: usize,
        /// Its column.
        column: usize,
        /// Its value.
        value: f64,
    },
    /// The update rule returned a step with a NaN or infinite component.
    #[error("component {component} of the step is {value}")]
    NonFiniteStep {
        /// Its index.
        component: usize,
        /// Its value.
        value: f64,
    },
    /// A component of the gradient is finite, but its square, or the sum of the squares so far, is not, and the rule needs
    /// it.
    #[error("component {component} of the gradient is {value}: its square is beyond the largest number")]
    GradientOverflow {
        /// Its index.
        component: usize,
        /// Its value.
        value: f64,
    },
    /// A displacement would leave the range of finite numbers.
    #[error("component {component} of the next point is {value}")]
    NonFinitePoint {
        /// Its index.
        component: usize,
        /// Its value.
        value: f64,
    },
    /// An error of a method of the user's own.
    #[error("{message}")]
    Other {
        /// What went wrong.
        message: String,
    },
}

/// Why a run ended with an error. Running out of a budget is not one: see [`StopReason`](crate::StopReason).
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum RunError {
    /// Method and objective have different numbers of parameters.
    #[error("the method has {method} parameters, the objective {objective}")]
    Dimension {
        /// Parameters of the method.
        method: usize,
        /// Parameters of the objective.
        objective: usize,
    },
    /// A limit of the budget or a component of the reserve is negative or NaN.
    #[error("{name} must be a number that is not negative, but is {value:?}")]
    Limit {
        /// Which limit.
        name: &'static str,
        /// What was given.
        value: f64,
    },
    /// The objective answered a bill that is negative or not finite.
    #[error("the objective stated {value} {name} in step {step}")]
    Bill {
        /// "seconds" or "joules".
        name: &'static str,
        /// What was stated.
        value: f64,
        /// The step.
        step: u64,
    },
    /// The objective failed.
    #[error("the objective failed in step {step}")]
    Objective {
        /// The step.
        step: u64,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The objective refused an evaluation outside a run.
    #[error("refused: {what}")]
    Exhausted {
        /// In the objective's words.
        what: String,
    },
    /// The method needs an ability that the objective does not have.
    #[error("the method asks for {what} in step {step}, which the objective cannot answer")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
        /// The step.
        step: u64,
    },
    /// The method could not go on.
    #[error("the method cannot go on after step {step}")]
    Method {
        /// The step.
        step: u64,
        /// Why.
        #[source]
        source: MethodError,
    },
}

impl MethodError {
    /// The error of a step with a component that is NaN or infinite, which a rule made of `gradient`.
    #[cold]
    pub(crate) fn of_step(component: usize, value: f64, gradient: &[f64]) -> Self {
        match gradient.get(component) {
            Some(&g) if value.is_nan() && g.abs() > LARGE_GRADIENT => Self::GradientOverflow { component, value: g },
            _ => Self::NonFiniteStep { component, value },
        }
    }
}

impl ConfigError {
    pub(crate) fn finite(name: &'static str, value: f64) -> Result<f64, Self> {
        Self::check(name, "finite", value, value.is_finite())
    }

    pub(crate) fn positive(name: &'static str, value: f64) -> Result<f64, Self> {
        Self::check(name, "positive and finite", value, value > 0.0 && value.is_finite())
    }

    pub(crate) fn not_negative(name: &'static str, value: f64) -> Result<f64, Self> {
        Self::check(name, "finite and not negative", value, value >= 0.0 && value.is_finite())
    }

    pub(crate) fn fraction(name: &'static str, value: f64) -> Result<f64, Self> {
        Self::check(name, "at least 0 and below 1", value, (0.0..1.0).contains(&value))
    }

    pub(crate) fn probability(name: &'static str, value: f64) -> Result<f64, Self> {
        Self::check(name, "between 0 and 1", value, (0.0..=1.0).contains(&value))
    }

    pub(crate) fn at_least_one(name: &'static str, value: f64) -> Result<f64, Self> {
        Self::check(name, "finite and at least 1", value, value >= 1.0 && value.is_finite())
    }

    pub(crate) fn counted(name: &'static str, value: u64) -> Result<u64, Self> {
        if value == 0 { Err(Self::Zero { name }) } else { Ok(value) }
    }

    /// A count from 1 to `most`.
    pub(crate) fn at_most(name: &'static str, allowed: &'static str, value: usize, most: usize) -> Result<usize, Self> {
        Self::counted(name, value as u64)?;
        if value <= most { Ok(value) } else { Err(Self::OutOfRange { name, allowed, value: value as f64 }) }
    }

    fn check(name: &'static str, allowed: &'static str, value: f64, holds: bool) -> Result<f64, Self> {
        if holds { Ok(value) } else { Err(Self::OutOfRange { name, allowed, value }) }
    }
}
