//! Gradient variances and value moments of deep random circuits, in closed form.

use qcore::PauliSum;

use crate::Error;

/// Squares of the coefficients of all terms but the identity, equal strings added up first (as a [`PauliSum`] does).
fn traceless_square(observable: &PauliSum) -> f64 {
    let terms = observable.terms().iter().filter(|(_, string)| string.support() != 0);
    // Not by `sum`, which is -0 where there is no term.
    terms.fold(0.0, |sum, (coefficient, _)| sum + coefficient * coefficient)
}

fn check(observable: &PauliSum, qubits: usize) -> Result<f64, Error> {
    if qubits == 0 || qubits > qcore::MAX_QUBITS {
        return Err(Error::Range { what: "the number of qubits", value: qubits as f64, allowed: "1 to 48" });
    }
    if observable.width() > qubits {
        let (got, expected) = (observable.width(), qubits);
        return Err(qcore::Error::WidthMismatch { what: "observable", got, expected }.into());
    }
    Ok(2.0_f64.powi(qubits as i32))
}

/// The variance of the derivative with respect to the angle of a Pauli rotation between two independent unitary 2-designs:
/// `d^2 sum_P c_P^2 / (2 (d^2 - 1)(d + 1))` with `d = 2^n` and the coefficients of the observable but that of the identity (J. R.
/// McClean, S. Boixo, V. N. Smelyanskiy, R. Babbush, H. Neven, Nat. Commun. 9, 4812 (2018); for finite `d` from the second Haar
/// moments). What a circuit reaches that is deep and random enough; its mean is 0.
///
/// # Errors
///
/// [`Error::Range`] without qubits or for more than 48, [`Error::Circuit`] if the observable reaches beyond the register.
pub fn two_design_gradient_variance(observable: &PauliSum, qubits: usize) -> Result<f64, Error> {
    let d = check(observable, qubits)?;
    Ok(traceless_square(observable) * d * d / (2.0 * (d * d - 1.0) * (d + 1.0)))
}

/// Mean and variance of an expectation value over Haar-random states.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HaarMoments {
    /// `tr H / d`.
    pub mean: f64,
    /// `(tr H^2 / d - (tr H)^2 / d^2) / (d + 1)`.
    pub variance: f64,
}

/// Mean and variance of `<H>` over Haar-random states.
///
/// # Errors
///
/// As [`two_design_gradient_variance`].
pub fn haar_moments(observable: &PauliSum, qubits: usize) -> Result<HaarMoments, Error> {
    let d = check(observable, qubits)?;
    let variance = traceless_square(observable) / (d + 1.0);
    Ok(HaarMoments { mean: observable.identity_coefficient(), variance })
}
