//! Logistic regression with an L2 penalty.

use nalgebra::{DMatrix, DVector};

use super::{ClassicalError, Scores, check_labels};
use crate::row_space::RowSpace;

/// Newton iterations before giving up; separable data with a small penalty take a few tens.
const MOST_ITERATIONS: usize = 200;

/// Squared Newton decrement (about twice the distance of the objective from its minimum) that ends the iteration.
const CONVERGED: f64 = 1e-18;

/// Logistic regression `p(x) = 1 / (1 + exp(-(b + w.x)))` with an L2 penalty on the weights.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LogisticRegression {
    weights: Vec<f64>,
    intercept: f64,
    iterations: usize,
}

impl LogisticRegression {
    /// Minimizes `sum_i log(1 + exp(-y_i (b + w.x_i))) + (penalty / 2) |w|^2` with `y_i = 2 label_i - 1`.
    ///
    /// The intercept is not penalized; `penalty` is the inverse of scikit-learn's `C`. Features should be standardized, or the
    /// penalty weighs them unequally. Newton's method (iteratively reweighted least squares) from zero, with step halving, so
    /// that the strictly convex objective never rises; no randomness. Cost per iteration O(rows x features^2 + features^3), or with
    /// features and rows exchanged where there are more features than rows: the weights lie in the space that the rows span.
    ///
    /// # Errors
    ///
    /// [`ClassicalError::NotConverged`], and one error for each kind of bad input: no samples, other labels than 0 and 1, one
    /// class only, rows of different lengths, features that are not finite, a penalty that is not positive.
    pub fn fit(rows: &[&[f64]], labels: &[usize], penalty: f64) -> Result<Self, ClassicalError> {
        if rows.len() != labels.len() {
            return Err(ClassicalError::Lengths { rows: rows.len(), labels: labels.len() });
        }
        check_labels(labels)?;
        if labels.iter().all(|&label| label == labels[0]) {
            return Err(ClassicalError::OneClass { label: labels[0] });
        }
        if !(penalty > 0.0 && penalty.is_finite()) {
            return Err(ClassicalError::Penalty { found: penalty });
        }
        let width = rows[0].len();
        for (index, row) in rows.iter().enumerate() {
            check_row(index, row, width)?;
        }
        let Some(space) = RowSpace::of(rows) else { return Self::newton(rows, labels, penalty) };
        let short = Self::newton(&space.rows(), labels, penalty)?;
        Ok(Self { weights: space.lift(&short.weights), ..short })
    }

    /// [`LogisticRegression::fit`] to what is checked.
    fn newton(rows: &[&[f64]], labels: &[usize], penalty: f64) -> Result<Self, ClassicalError> {
        let width = rows[0].len();
        // Parameters: the weights, then the intercept.
        let mut theta = DVector::<f64>::zeros(width + 1);
        let mut value = objective(rows, labels, penalty, &theta);
        let mut decrement = f64::INFINITY;
        for iteration in 1..=MOST_ITERATIONS {
            let (gradient, hessian) = derivatives(rows, labels, penalty, &theta);
            // An infinite Hessian would pass as a step of length 0.
            let finite = hessian.iter().all(|entry| entry.is_finite());
            let Some(cholesky) = hessian.cholesky().filter(|_| finite) else {
                return Err(ClassicalError::NotConverged { iterations: iteration, decrement });
            };
            let step = cholesky.solve(&gradient);
            decrement = gradient.dot(&step);
            if decrement <= CONVERGED {
                // The full last step is free of risk here and squares the remaining error.
                theta -= step;
                return Ok(Self {
                    weights: theta.as_slice()[..width].to_vec(),
                    intercept: theta[width],
                    iterations: iteration,
                });
            }
            if !decrement.is_finite() {
                break;
            }
            let mut scale = 1.0;
            loop {
                let candidate = &theta - scale * &step;
                let candidate_value = objective(rows, labels, penalty, &candidate);
                // Near the minimum the decrease drowns in rounding: then the full step is right.
                let rounding = 1e-12 * (1.0 + value.abs());
                if candidate_value <= value - 1e-4 * scale * decrement + rounding {
                    theta = candidate;
                    value = candidate_value;
                    break;
                }
                scale *= 0.5;
                if scale < 1e-12 {
                    return Err(ClassicalError::NotConverged { iterations: iteration, decrement });
                }
            }
        }
        Err(ClassicalError::NotConverged { iterations: MOST_ITERATIONS, decrement })
    }

    /// Weights w, one per feature.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Intercept b.
    #[must_use]
    pub fn intercept(&self) -> f64 {
        self.intercept
    }

    /// Newton iterations of the fit.
    #[must_use]
    pub fn iterations(&self) -> usize {
        self.iterations
    }

    /// Probability of label 1 for each row.
    ///
    /// # Errors
    ///
    /// [`ClassicalError::RowLength`], [`ClassicalError::NotFinite`].
    pub fn probabilities(&self, rows: &[&[f64]]) -> Result<Vec<f64>, ClassicalError> {
        rows.iter()
            .enumerate()
            .map(|(index, row)| {
                check_row(index, row, self.weights.len())?;
                Ok(sigmoid(logit(row, &self.weights, self.intercept)))
            })
            .collect()
    }

    /// Judges the model on other rows.
    ///
    /// # Errors
    ///
    /// Those of [`Self::probabilities`] and [`Scores::new`].
    pub fn scores(&self, rows: &[&[f64]], labels: &[usize]) -> Result<Scores, ClassicalError> {
        Scores::new(&self.probabilities(rows)?, labels)
    }
}

fn check_row(row: usize, values: &[f64], expected: usize) -> Result<(), ClassicalError> {
    if values.len() != expected {
        return Err(ClassicalError::RowLength { row, found: values.len(), expected });
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(feature) => Err(ClassicalError::NotFinite { row, feature, value: values[feature] }),
        None => Ok(()),
    }
}

fn logit(row: &[f64], weights: &[f64], intercept: f64) -> f64 {
    intercept + row.iter().zip(weights).map(|(x, w)| x * w).sum::<f64>()
}

fn sigmoid(z: f64) -> f64 {
    if z >= 0.0 {
        1.0 / (1.0 + (-z).exp())
    } else {
        let e = z.exp();
        e / (1.0 + e)
    }
}

/// `log(1 + exp(z))` without overflow.
fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

fn objective(rows: &[&[f64]], labels: &[usize], penalty: f64, theta: &DVector<f64>) -> f64 {
    let (weights, intercept) = theta.as_slice().split_at(theta.len() - 1);
    let loss: f64 = rows
        .iter()
        .zip(labels)
        .map(|(row, &label)| {
            let z = logit(row, weights, intercept[0]);
            softplus(if label == 1 { -z } else { z })
        })
        .sum();
    loss + 0.5 * penalty * weights.iter().map(|w| w * w).sum::<f64>()
}

/// Gradient and Hessian of [`objective`].
fn derivatives(rows: &[&[f64]], labels: &[usize], penalty: f64, theta: &DVector<f64>) -> (DVector<f64>, DMatrix<f64>) {
    let width = theta.len() - 1;
    let (weights, intercept) = theta.as_slice().split_at(width);
    let mut gradient = DVector::zeros(width + 1);
    let mut hessian = DMatrix::zeros(width + 1, width + 1);
    for (row, &label) in rows.iter().zip(labels) {
        let p = sigmoid(logit(row, weights, intercept[0]));
        let residual = p - label as f64;
        let curvature = p * (1.0 - p);
        // The lower triangle is enough for a Cholesky decomposition; the intercept acts like a feature that is always 1.
        for j in 0..width {
            gradient[j] += residual * row[j];
            let scaled = curvature * row[j];
            for i in j..width {
                hessian[(i, j)] += scaled * row[i];
            }
            hessian[(width, j)] += scaled;
        }
        gradient[width] += residual;
        hessian[(width, width)] += curvature;
    }
    for (j, w) in weights.iter().enumerate() {
        gradient[j] += penalty * w;
        hessian[(j, j)] += penalty;
    }
    (gradient, hessian)
}
