//! Natural gradients.

use nalgebra::{Cholesky, DMatrix, DVector, SymmetricEigen};

use crate::Error;

/// What is done about directions in which the metric vanishes, or in which noise makes it negative.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Regularization {
    /// `(F + lambda 1) x = g`; `lambda` is not negative. The sum must be positive definite.
    Tikhonov(f64),
    /// The pseudo-inverse without the eigenvalues below this fraction (from 0 to 1) of the largest one: their directions do
    /// not move at all.
    Cutoff(f64),
}

/// The natural gradient `F^-1 g` (J. Stokes, J. Izaac, N. Killoran, G. Carleo, Quantum 4, 269 (2020), eq. (6)), regularized.
///
/// **Cost**: `P^3 / 3` operations for Tikhonov, some `10 P^3` for the eigenvalues.
///
/// # Errors
///
/// [`Error::Length`] if the metric is not square or the gradient has another length; [`Error::NotFinite`] for an entry that is
/// no number; [`Error::Setting`] for a bad regularization; [`Error::NotPositive`] if the metric plus `lambda` is not positive definite, or
/// has no positive eigenvalue.
pub fn solve(metric: &DMatrix<f64>, gradient: &[f64], regularization: Regularization) -> Result<Vec<f64>, Error> {
    let size = gradient.len();
    for got in [metric.nrows(), metric.ncols()] {
        if got != size {
            return Err(Error::Length { what: "side of the metric", got, expected: size });
        }
    }
    let finite = |values: &mut dyn Iterator<Item = f64>| match values.enumerate().find(|(_, v)| !v.is_finite()) {
        Some((index, value)) => Err(Error::NotFinite { index, value }),
        None => Ok(()),
    };
    finite(&mut metric.iter().copied())?;
    finite(&mut gradient.iter().copied())?;
    let gradient = DVector::from_column_slice(gradient);
    match regularization {
        Regularization::Tikhonov(lambda) => {
            if !(lambda.is_finite() && lambda >= 0.0) {
                let (what, allowed) = ("the Tikhonov parameter", "finite and not negative");
                return Err(Error::Setting { what, value: lambda, allowed });
            }
            let shifted = metric + DMatrix::identity(size, size) * lambda;
            let factors = Cholesky::new(shifted).ok_or(Error::NotPositive { lambda })?;
            let solution = factors.solve(&gradient);
            // A pivot can be positive and tiny only by rounding.
            if solution.iter().any(|x| !x.is_finite()) {
                return Err(Error::NotPositive { lambda });
            }
            Ok(solution.iter().copied().collect())
        }
        Regularization::Cutoff(fraction) => {
            if !(0.0..=1.0).contains(&fraction) {
                return Err(Error::Setting { what: "the cutoff", value: fraction, allowed: "from 0 to 1" });
            }
            if size == 0 {
                return Ok(Vec::new());
            }
            let SymmetricEigen { eigenvectors, eigenvalues } = SymmetricEigen::new(metric.clone());
            let largest = eigenvalues.max();
            if largest <= 0.0 {
                return Err(Error::NotPositive { lambda: 0.0 });
            }
            let mut solution = DVector::zeros(size);
            for (vector, &value) in eigenvectors.column_iter().zip(&eigenvalues) {
                if value > 0.0 && value >= fraction * largest {
                    solution += vector * (vector.dot(&gradient) / value);
                }
            }
            Ok(solution.iter().copied().collect())
        }
    }
}
