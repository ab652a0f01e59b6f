//! Errors of the classical baselines.

/// Errors of the classical baselines.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClassicalError {
    /// Nothing to fit or to judge.
    #[error("no samples")]
    NoSamples,
    /// Rows (or probabilities) and labels differ in number.
    #[error("{rows} rows stand against {labels} labels")]
    Lengths {
        /// Number of rows or probabilities.
        rows: usize,
        /// Number of labels.
        labels: usize,
    },
    /// A label other than 0 and 1.
    #[error("label {index} is {found}, allowed are 0 and 1")]
    Label {
        /// Index of the sample.
        index: usize,
        /// The label.
        found: usize,
    },
    /// A probability outside of [0, 1].
    #[error("probability {index} is {value}, allowed is 0 to 1")]
    Probability {
        /// Index of the sample.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A row of another length than the model.
    #[error("row {row} has {found} features, expected {expected}")]
    RowLength {
        /// Index of the row.
        row: usize,
        /// Its length.
        found: usize,
        /// Length needed.
        expected: usize,
    },
    /// A feature that is not finite.
    #[error("row {row}, feature {feature}: {value} is not finite")]
    NotFinite {
        /// Index of the row.
        row: usize,
        /// Index of the feature.
        feature: usize,
        /// The value.
        value: f64,
    },
    /// All training labels are the same: the intercept would go to infinity.
    #[error("all training labels are {label}, both classes are needed")]
    OneClass {
        /// The label.
        label: usize,
    },
    /// A penalty that is not positive and finite.
    #[error("the penalty is {found}, allowed is a finite number above 0")]
    Penalty {
        /// The penalty asked for.
        found: f64,
    },
    /// Newton's iteration stopped short of the minimum.
    #[error(
        "the fit did not converge in {iterations} iterations: the squared Newton decrement is {decrement}; standardize the features"
    )]
    NotConverged {
        /// Iterations made.
        iterations: usize,
        /// Squared Newton decrement at the last point.
        decrement: f64,
    },
}
