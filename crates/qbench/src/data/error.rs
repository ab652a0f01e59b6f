//! Errors of data sets.

/// Errors of data sets and preprocessing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The header does not end with `label,label_name` or has no feature before them.
    #[error("header: column {column} is {found:?}, expected {expected}")]
    Header {
        /// Column, from 1.
        column: usize,
        /// What stands there; empty if nothing does.
        found: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// Two columns have the same name.
    #[error("header: column {column} repeats the name {name:?}")]
    DuplicateColumn {
        /// Column of the repetition, from 1.
        column: usize,
        /// The name.
        name: String,
    },
    /// There is no column of that name.
    #[error("header: there is no column {column:?}; there are {known}")]
    UnknownColumn {
        /// The name asked for.
        column: String,
        /// The names that there are.
        known: String,
    },
    /// A line has another number of fields than the header.
    #[error("line {line}: {found} fields, the header has {expected}")]
    FieldCount {
        /// Line, from 1.
        line: u64,
        /// Number of fields found.
        found: usize,
        /// Number of columns.
        expected: usize,
    },
    /// A field does not hold what its column asks for.
    #[error("line {line}, column {column:?}: found {found:?}, expected {expected}")]
    Field {
        /// Line, from 1.
        line: u64,
        /// Name of the column.
        column: String,
        /// Text of the field.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A label has another name than on an earlier line.
    #[error("line {line}, column \"label_name\": label {label} is called {found:?} here, but {earlier:?} before")]
    LabelName {
        /// Line, from 1.
        line: u64,
        /// The label.
        label: usize,
        /// Name on this line.
        found: String,
        /// Name on an earlier line.
        earlier: String,
    },
    /// Labels are not contiguous from 0.
    #[error("no sample has label {missing}, but labels run up to {largest}")]
    MissingLabel {
        /// The smallest label without a sample.
        missing: usize,
        /// The largest label.
        largest: usize,
    },
    /// There is a header, but no sample.
    #[error("no samples after the header")]
    NoSamples,
    /// The text is not CSV.
    #[error("line {line}: {message}")]
    Csv {
        /// Line, from 1.
        line: u64,
        /// What the CSV reader says.
        message: String,
    },
    /// A class that the data set does not have.
    #[error("class {class} does not exist, there are {classes} classes")]
    UnknownClass {
        /// The class asked for.
        class: usize,
        /// Number of classes.
        classes: usize,
    },
    /// A class against itself.
    #[error("two different classes are needed, found {class} twice")]
    SameClass {
        /// The class.
        class: usize,
    },
    /// A test fraction outside of the open interval (0, 1).
    #[error("the test fraction is {found}, allowed is more than 0 and less than 1")]
    TestFraction {
        /// The fraction asked for.
        found: f64,
    },
    /// A class that cannot be in both parts of a split.
    #[error("class {class} has {samples} samples, a split needs at least 2")]
    SmallClass {
        /// The class.
        class: usize,
        /// Its samples.
        samples: usize,
    },
    /// Too few rows to fit on.
    #[error("{found} rows, at least {needed} are needed")]
    FewRows {
        /// Rows handed in.
        found: usize,
        /// Rows needed.
        needed: usize,
    },
    /// A row of another length than the transformation was fitted on, or than the first row.
    #[error("row {row} has {found} features, expected {expected}")]
    RowLength {
        /// Index of the row among those handed in.
        row: usize,
        /// Its length.
        found: usize,
        /// Length needed.
        expected: usize,
    },
    /// A feature that is not finite, or so large that its square is not.
    #[error("row {row}, feature {feature}: {value:e} is not finite or too large to square")]
    FeatureRange {
        /// Index of the row among those handed in.
        row: usize,
        /// Index of the feature.
        feature: usize,
        /// The value.
        value: f64,
    },
    /// More principal components than directions along which the rows vary, or none.
    #[error("{asked} principal components asked for, the rows allow 1 to {available}")]
    Components {
        /// Components asked for.
        asked: usize,
        /// Components available.
        available: usize,
    },
    /// The eigenvalue iteration did not converge.
    #[error("the eigenvalues of the covariance matrix did not converge")]
    Eigenvalues,
    /// There is no feature of that name, or it is the only one.
    #[error("no feature {feature:?} that could be left out, known: {known}")]
    UnknownFeature {
        /// The name.
        feature: String,
        /// The names that there are.
        known: String,
    },
    /// Impossible moons.
    #[error(
        "moons of {samples} samples with noise {noise}: at least 4 samples and a finite noise of at least 0 are needed"
    )]
    Moons {
        /// Samples asked for.
        samples: usize,
        /// Noise asked for.
        noise: f64,
    },
}
