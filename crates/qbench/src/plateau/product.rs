//! The product ansatz: a plateau whose gradient variances are known in closed form for every number of qubits.
//!
//! One RY per qubit on `|0...0>`, every angle independent and uniform on the circle (M. Cerezo, A. Sone, T. Volkoff, L. Cincio,
//! P. J. Coles, Nat. Commun. 12, 1791 (2021), warm-up example; second and fourth moments by integration, one factor per qubit).

use std::f64::consts::PI;

use qcore::{PauliString, PauliSum};
use qgrad::{Adjoint, Backend, Estimator, Expectation, StateVectorBackend};
use rand::{Rng, RngExt};

use crate::{Error, ansatz};

/// A cost function on the product ansatz.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// `1 - prod_i (1 + <Z_i>)/2`: one minus the probability of `|0...0>`. Its gradient vanishes exponentially.
    Global,
    /// `1 - (1/n) sum_i (1 + <Z_i>)/2`. Its gradient vanishes as `1/n`.
    Local,
}

impl Cost {
    /// `global` or `local`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Local => "local",
        }
    }

    /// The observable on `qubits` qubits; the global one has `2^n` terms.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] without qubits, or for a global cost on more than 16.
    pub fn observable(self, qubits: usize) -> Result<PauliSum, Error> {
        let largest = if self == Self::Global { 16 } else { qcore::MAX_QUBITS };
        if qubits == 0 || qubits > largest {
            let allowed = if self == Self::Global { "1 to 16" } else { "1 to 48" };
            return Err(Error::Range { what: "the number of qubits", value: qubits as f64, allowed });
        }
        let one = std::iter::once((1.0, PauliString::IDENTITY));
        let n = qubits as f64;
        Ok(match self {
            Self::Global => {
                let weight = -0.5_f64.powi(qubits as i32);
                PauliSum::new(one.chain((0..1 << qubits).map(|mask| (weight, PauliString::from_masks(0, mask)))))?
            }
            Self::Local => {
                let sites = (0..qubits).map(|q| (-0.5 / n, PauliString::from_masks(0, 1 << q)));
                PauliSum::new(one.chain(std::iter::once((-0.5, PauliString::IDENTITY))).chain(sites))?
            }
        })
    }

    /// The variance of one gradient component, `(1/8)(3/8)^(n-1)` or `1/(8 n^2)`; its mean is 0.
    #[must_use]
    pub fn gradient_variance(self, qubits: usize) -> f64 {
        match self {
            Self::Global => 0.375_f64.powi(qubits as i32 - 1) / 8.0,
            Self::Local => 1.0 / (8.0 * (qubits * qubits) as f64),
        }
    }

    /// The fourth moment of one gradient component, `(3/128)(35/128)^(n-1)` or `3/(128 n^4)`.
    #[must_use]
    pub fn gradient_fourth_moment(self, qubits: usize) -> f64 {
        match self {
            Self::Global => 3.0 / 128.0 * (35.0_f64 / 128.0).powi(qubits as i32 - 1),
            Self::Local => 3.0 / (128.0 * (qubits as f64).powi(4)),
        }
    }

    /// The cost on the product ansatz, with all its parameters.
    ///
    /// # Errors
    ///
    /// As [`Cost::observable`].
    pub fn expectation(self, qubits: usize) -> Result<Expectation, Error> {
        Ok(Expectation::of_all_parameters(&ansatz::product(qubits)?, vec![self.observable(qubits)?])?)
    }
}

/// Angles independent and uniform in `[0, 2 pi)`.
pub fn uniform_angles<R: Rng + ?Sized>(count: usize, rng: &mut R) -> Vec<f64> {
    (0..count).map(|_| rng.random_range(0.0..2.0 * PI)).collect()
}

/// Exact derivatives with respect to the first parameter at `samples` uniformly random points.
///
/// # Errors
///
/// [`Error::Gradient`] from the simulator.
pub fn first_components<R: Rng>(expectation: &Expectation, samples: usize, rng: &mut R) -> Result<Vec<f64>, Error> {
    let mut backend = StateVectorBackend::new();
    (0..samples)
        .map(|_| {
            let theta = uniform_angles(expectation.program().num_parameters(), rng);
            Ok(gradient(expectation, &theta, &mut backend, rng)?[0])
        })
        .collect()
}

/// The exact gradient at a point.
pub(crate) fn gradient<R: Rng>(
    expectation: &Expectation,
    theta: &[f64],
    backend: &mut dyn Backend,
    rng: &mut R,
) -> Result<Vec<f64>, Error> {
    Ok(Adjoint.gradient(expectation, theta, backend, rng)?.gradient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    /// The observables are the costs: against products of cosines.
    #[test]
    fn costs_and_gradients_have_their_closed_forms() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for qubits in 1..=6 {
            let theta = uniform_angles(qubits, &mut rng);
            let half: Vec<f64> = theta.iter().map(|t| (t / 2.0).cos().powi(2)).collect();
            let global = 1.0 - half.iter().product::<f64>();
            let local = 1.0 - half.iter().sum::<f64>() / qubits as f64;
            for (cost, expected) in [(Cost::Global, global), (Cost::Local, local)] {
                let expectation = cost.expectation(qubits).expect("small");
                let mut backend = StateVectorBackend::new();
                let values = Adjoint.values(&expectation, &theta, &mut backend, &mut rng).expect("runs");
                assert!((values.estimates[0].value - expected).abs() < 1e-14, "{cost:?}, n = {qubits}");
                let slope = theta[0].sin() / 2.0
                    * match cost {
                        Cost::Global => half[1..].iter().product::<f64>(),
                        Cost::Local => 1.0 / qubits as f64,
                    };
                let found = gradient(&expectation, &theta, &mut backend, &mut rng).expect("runs")[0];
                assert!((found - slope).abs() < 1e-15, "{cost:?}, n = {qubits}");
            }
        }
    }

    /// Second and fourth moments by exact quadrature: the integrands are trigonometric polynomials of degree at most 4 in each
    /// angle, and factorize over qubits.
    #[test]
    fn closed_form_moments_equal_quadrature() {
        let points = 16;
        let average = |f: &dyn Fn(f64) -> f64| {
            (0..points).map(|k| f(2.0 * PI * f64::from(k) / f64::from(points))).sum::<f64>() / f64::from(points)
        };
        for qubits in 1..=10 {
            let n = qubits as f64;
            for power in [2, 4] {
                let slope = average(&|t| (t.sin() / 2.0).powi(power));
                let factor = average(&|t| (t / 2.0).cos().powi(2 * power));
                let global = slope * factor.powi(qubits as i32 - 1);
                let local = slope / n.powi(power);
                let stated = |cost: Cost| {
                    if power == 2 { cost.gradient_variance(qubits) } else { cost.gradient_fourth_moment(qubits) }
                };
                assert!((stated(Cost::Global) / global - 1.0).abs() < 1e-12, "global, n = {qubits}, power {power}");
                assert!((stated(Cost::Local) / local - 1.0).abs() < 1e-12, "local, n = {qubits}, power {power}");
            }
        }
    }

    /// The measured variances for n = 2 to 10, within 4 standard errors taken from the closed-form fourth moments.
    #[test]
    fn sampled_variances_agree_with_theory() {
        for qubits in 2..=10 {
            for cost in [Cost::Global, Cost::Local] {
                let samples = if cost == Cost::Global && qubits > 8 { 300 } else { 1500 };
                let mut rng = ChaCha8Rng::seed_from_u64(100 + qubits as u64);
                let gradients =
                    first_components(&cost.expectation(qubits).expect("small"), samples, &mut rng).expect("runs");
                let n = samples as f64;
                let (variance, fourth) = (cost.gradient_variance(qubits), cost.gradient_fourth_moment(qubits));
                let second = gradients.iter().map(|g| g * g).sum::<f64>() / n;
                let error = ((fourth - variance * variance) / n).sqrt();
                assert!((second - variance).abs() < 4.0 * error, "{cost:?}, n = {qubits}: {second} against {variance}");
                let mean = gradients.iter().sum::<f64>() / n;
                assert!(mean.abs() < 4.0 * (variance / n).sqrt(), "{cost:?}, n = {qubits}: mean {mean}");
            }
        }
    }

    #[test]
    fn impossible_sizes_are_refused() {
        assert!(matches!(Cost::Global.observable(17), Err(Error::Range { .. })));
        assert!(matches!(Cost::Local.observable(0), Err(Error::Range { .. })));
    }
}
