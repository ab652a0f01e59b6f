//! Errors of statistics.

/// Errors of statistics.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StatsError {
    /// Too few values for what was asked.
    #[error("{what} needs at least {needed} values, found {found}")]
    TooFew {
        /// What was asked for.
        what: &'static str,
        /// Values found.
        found: usize,
        /// Values needed.
        needed: usize,
    },
    /// A value that is NaN or infinite.
    #[error("value {index} is {value}, which is not finite")]
    NotFinite {
        /// Index of the value.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A number outside of the range in which it means something.
    #[error("{what} is {value}, allowed is {allowed}")]
    OutOfRange {
        /// What the number is.
        what: &'static str,
        /// The number.
        value: f64,
        /// The range.
        allowed: &'static str,
    },
    /// Slices that belong together have different lengths.
    #[error("{left} values stand against {right}")]
    Lengths {
        /// Length of the first.
        left: usize,
        /// Length of the second.
        right: usize,
    },
    /// A statistic is not finite: on the data (`resample` is `None`) or on a resample of them.
    #[error("the statistic is {value} {}", match .resample { None => "on the data".to_owned(), Some(r) => format!("on resample {r}") })]
    UndefinedStatistic {
        /// Index of the resample.
        resample: Option<usize>,
        /// What it was.
        value: f64,
    },
    /// All resamples lie on one side of the estimate, or the acceleration is too large: the BCa interval does not exist.
    #[error("no BCa interval: bias correction {bias}, acceleration {acceleration}")]
    NoBca {
        /// Bias correction z0.
        bias: f64,
        /// Acceleration a.
        acceleration: f64,
    },
    /// All abscissas of a fit are the same.
    #[error("a line needs two different abscissas, all are {x}")]
    OneAbscissa {
        /// The abscissa.
        x: f64,
    },
}
