//! Classical baselines of binary classification, judged by the same losses as a quantum model.
//!
//! Labels are 0 and 1. A model gives `p`, the probability of label 1; as an expectation value it is `f = 2p - 1`, and the label
//! is `y = -1` or `+1`. [`Scores`] has the accuracy, the log loss of `p` and the squared loss of `f`.

mod error;
mod logistic;

pub use error::ClassicalError;
pub use logistic::LogisticRegression;

/// Clipping of probabilities in the log loss: a model that is sure and wrong pays about 36, not infinity.
const SMALLEST_PROBABILITY: f64 = f64::EPSILON;

/// How well predicted probabilities fit labels.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Scores {
    /// Number of samples judged.
    pub samples: usize,
    /// Share of samples with the right label, where the prediction is 1 if `p > 1/2` and else 0.
    pub accuracy: f64,
    /// Mean of `-ln(p)` for label 1 and `-ln(1 - p)` for label 0, with p kept within `[2^-52, 1 - 2^-52]`.
    pub log_loss: f64,
    /// Mean of `(f - y)^2` with `f = 2p - 1`, `y = 2 label - 1`.
    pub squared_loss: f64,
}

impl Scores {
    /// Judges `probabilities` of label 1.
    ///
    /// A quantum model with expectation value `f` has `p = (1 + f) / 2`.
    ///
    /// # Errors
    ///
    /// [`ClassicalError::Lengths`], [`ClassicalError::NoSamples`], [`ClassicalError::Label`] for a label above 1,
    /// [`ClassicalError::Probability`] for a value outside of `[0, 1]`.
    pub fn new(probabilities: &[f64], labels: &[usize]) -> Result<Self, ClassicalError> {
        if probabilities.len() != labels.len() {
            return Err(ClassicalError::Lengths { rows: probabilities.len(), labels: labels.len() });
        }
        check_labels(labels)?;
        let (mut right, mut log_loss, mut squared_loss) = (0_usize, 0.0, 0.0);
        for (index, (&p, &label)) in probabilities.iter().zip(labels).enumerate() {
            if !(0.0..=1.0).contains(&p) {
                return Err(ClassicalError::Probability { index, value: p });
            }
            right += usize::from(usize::from(p > 0.5) == label);
            let clipped = p.clamp(SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY);
            log_loss -= if label == 1 { clipped.ln() } else { (-clipped).ln_1p() };
            squared_loss += (2.0 * (p - label as f64)).powi(2);
        }
        let samples = labels.len();
        let count = samples as f64;
        Ok(Self {
            samples,
            accuracy: right as f64 / count,
            log_loss: log_loss / count,
            squared_loss: squared_loss / count,
        })
    }
}

/// The model without features: it always gives the training share of label 1, and so predicts the majority class.
///
/// This constant minimizes both the training log loss and the training squared loss among all constants. (Predicting the
/// majority class with certainty, `f = -1` or `+1`, has the same accuracy and the larger squared loss `4 (1 - accuracy)`.)
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct MajorityClass {
    /// Share of label 1 in the training part.
    pub share: f64,
}

impl MajorityClass {
    /// Counts the training labels.
    ///
    /// # Errors
    ///
    /// [`ClassicalError::NoSamples`], [`ClassicalError::Label`] for a label above 1.
    pub fn fit(train_labels: &[usize]) -> Result<Self, ClassicalError> {
        check_labels(train_labels)?;
        let ones: usize = train_labels.iter().sum();
        Ok(Self { share: ones as f64 / train_labels.len() as f64 })
    }

    /// The class it predicts; 0 if both are equally frequent.
    #[must_use]
    pub fn class(&self) -> usize {
        usize::from(self.share > 0.5)
    }

    /// Judges it on other labels.
    ///
    /// # Errors
    ///
    /// [`ClassicalError::NoSamples`], [`ClassicalError::Label`] for a label above 1.
    pub fn scores(&self, labels: &[usize]) -> Result<Scores, ClassicalError> {
        Scores::new(&vec![self.share; labels.len()], labels)
    }
}

fn check_labels(labels: &[usize]) -> Result<(), ClassicalError> {
    if labels.is_empty() {
        return Err(ClassicalError::NoSamples);
    }
    match labels.iter().position(|&label| label > 1) {
        Some(index) => Err(ClassicalError::Label { index, found: labels[index] }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
