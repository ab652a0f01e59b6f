//! Parameter-shift rules from the frequencies of a gate.

use nalgebra::{DMatrix, DVector};

use crate::Error;

/// A rule `f'(0) = sum_j c_j (f(s_j) - f(-s_j))` that is exact for every function with the given frequencies.
///
/// For equidistant frequencies `d, 2d, .., Rd` the shifts are `(2j - 1) pi / (2 R d)` with the closed-form coefficients
/// `(-1)^{j-1} d / (4 R sin^2(d s_j / 2))` (D. Wierichs, J. Izaac, C. Wang, C. Y.-Y. Lin, Quantum 6, 677 (2022), eq. (22)):
/// two terms for a Pauli rotation (M. Schuld et al., Phys. Rev. A 99, 032331 (2019)), four for a controlled one (G.-L. R.
/// Anselmetti et al., New J. Phys. 23, 113010 (2021)). For other frequencies the same shifts, scaled to the largest one, and
/// the coefficients from the linear system `sum_j 2 c_j sin(w_l s_j) = w_l`.
#[derive(Clone, Debug, PartialEq)]
pub struct ShiftRule {
    terms: Vec<(f64, f64)>,
}

impl ShiftRule {
    /// The rule for these frequencies: positive, ascending, distinct. No frequencies: the derivative is 0.
    ///
    /// # Errors
    ///
    /// [`Error::Spectrum`] if they are not, or if the system is singular.
    pub fn from_frequencies(frequencies: &[f64]) -> Result<Self, Error> {
        let bad = || Error::Spectrum { frequencies: frequencies.to_vec() };
        check_frequencies(frequencies)?;
        let Some(&largest) = frequencies.last() else { return Ok(Self { terms: Vec::new() }) };
        if frequencies.len() == 1 {
            // The two-term rule, without the rounding of sin^2(pi / 4).
            return Ok(Self { terms: vec![(std::f64::consts::FRAC_PI_2 / largest, 0.5 * largest)] });
        }
        let count = frequencies.len() as f64;
        let spacing = largest / count;
        let shifts = (1..=frequencies.len()).map(|j| (2 * j - 1) as f64 * std::f64::consts::PI / (2.0 * largest));
        let equidistant =
            frequencies.iter().enumerate().all(|(k, &w)| (w - spacing * (k + 1) as f64).abs() < 1e-12 * w);
        if equidistant {
            let coefficient = |(j, shift): (usize, f64)| {
                let sign = if j % 2 == 0 { 1.0 } else { -1.0 };
                (shift, sign * spacing / (4.0 * count * (spacing * shift / 2.0).sin().powi(2)))
            };
            return Ok(Self { terms: shifts.enumerate().map(coefficient).collect() });
        }
        let shifts: Vec<f64> = shifts.collect();
        let system =
            DMatrix::from_fn(shifts.len(), shifts.len(), |row, column| 2.0 * (frequencies[row] * shifts[column]).sin());
        let solution = system.lu().solve(&DVector::from_column_slice(frequencies)).ok_or_else(bad)?;
        if solution.iter().any(|c| !c.is_finite()) {
            return Err(bad());
        }
        Ok(Self { terms: shifts.into_iter().zip(solution.iter().copied()).collect() })
    }

    /// Pairs of shift (radians, positive) and coefficient.
    #[must_use]
    pub fn terms(&self) -> &[(f64, f64)] {
        &self.terms
    }

    /// Circuit points that it needs: two for each term.
    #[must_use]
    pub fn num_points(&self) -> usize {
        2 * self.terms.len()
    }
}

/// A rule `f''(0) = sum_j c_j f(s_j)` that is exact for every function with the given frequencies.
///
/// For one frequency `w` it is `w^2 (f(pi / w) - f(0)) / 2` (A. Mari, T. R. Bromley, N. Killoran, Phys. Rev. A 103, 012405 (2021),
/// eq. (19)). For equidistant frequencies `d, .., Rd` the shifts are the multiples of `pi / (R d)` in one period (D. Wierichs, J.
/// Izaac, C. Wang, C. Y.-Y. Lin, Quantum 6, 677 (2022), section 3.3): `2 R` circuits, one of them not shifted. For others the shifts
/// are `j pi / w_max` of either sign and the coefficients follow from the linear system `sum_j c_j (cos(w_l s_j) - 1) = -w_l^2`.
#[derive(Clone, Debug, PartialEq)]
pub struct SecondShiftRule {
    terms: Vec<(f64, f64)>,
}

impl SecondShiftRule {
    /// The rule for these frequencies: positive, ascending, distinct. No frequencies: the derivative is 0.
    ///
    /// # Errors
    ///
    /// As [`ShiftRule::from_frequencies`].
    pub fn from_frequencies(frequencies: &[f64]) -> Result<Self, Error> {
        let bad = || Error::Spectrum { frequencies: frequencies.to_vec() };
        check_frequencies(frequencies)?;
        let Some(&largest) = frequencies.last() else { return Ok(Self { terms: Vec::new() }) };
        if frequencies.len() == 1 {
            let half = 0.5 * largest * largest;
            return Ok(Self { terms: vec![(0.0, -half), (std::f64::consts::PI / largest, half)] });
        }
        let shifts: Vec<f64> = (1..=frequencies.len()).map(|j| j as f64 * std::f64::consts::PI / largest).collect();
        let system = DMatrix::from_fn(shifts.len(), shifts.len(), |l, j| (frequencies[l] * shifts[j]).cos() - 1.0);
        let squares = DVector::from_iterator(frequencies.len(), frequencies.iter().map(|w| -w * w));
        let solution = system.lu().solve(&squares).ok_or_else(bad)?;
        if solution.iter().any(|c| !c.is_finite()) {
            return Err(bad());
        }
        let mut terms = vec![(0.0, -solution.sum())];
        for (&shift, &coefficient) in shifts.iter().zip(&solution) {
            // At half a period of every frequency both signs are the same circuit.
            if frequencies.iter().all(|w| (w * shift).sin().abs() < 1e-12) {
                terms.push((shift, coefficient));
            } else {
                terms.extend([(shift, 0.5 * coefficient), (-shift, 0.5 * coefficient)]);
            }
        }
        Ok(Self { terms })
    }

    /// Pairs of shift (radians) and coefficient; the first one, if any, is not shifted.
    #[must_use]
    pub fn terms(&self) -> &[(f64, f64)] {
        &self.terms
    }
}

fn check_frequencies(frequencies: &[f64]) -> Result<(), Error> {
    let ascending = frequencies.windows(2).all(|pair| pair[0] < pair[1]);
    if ascending && frequencies.iter().all(|&w| w.is_finite() && w > 0.0) {
        Ok(())
    } else {
        Err(Error::Spectrum { frequencies: frequencies.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derivative(rule: &ShiftRule, f: impl Fn(f64) -> f64) -> f64 {
        rule.terms().iter().map(|&(s, c)| c * (f(s) - f(-s))).sum()
    }

    #[test]
    fn rules_are_exact_for_their_frequencies() {
        for frequencies in
            [&[1.0][..], &[0.5, 1.0], &[1.0, 2.0, 3.0], &[0.3, 1.0], &[1.0, 2.5, 4.1], &[0.25, 0.5, 0.75, 1.0]]
        {
            let rule = ShiftRule::from_frequencies(frequencies).expect("valid");
            assert_eq!(rule.num_points(), 2 * frequencies.len());
            for &w in frequencies {
                assert!((derivative(&rule, |t| (w * t).sin()) - w).abs() < 1e-12, "sin, {w} of {frequencies:?}");
                assert!(derivative(&rule, |t| (w * t).cos()).abs() < 1e-12, "cos, {w} of {frequencies:?}");
            }
        }
    }

    #[test]
    fn second_derivatives_are_exact_for_their_frequencies() {
        for frequencies in
            [&[1.0][..], &[2.0], &[0.5, 1.0], &[1.0, 2.0, 3.0], &[0.3, 1.0], &[1.0, 2.5, 4.1], &[0.25, 0.5, 0.75, 1.0]]
        {
            let rule = SecondShiftRule::from_frequencies(frequencies).expect("valid");
            let apply = |f: &dyn Fn(f64) -> f64| rule.terms().iter().map(|&(s, c)| c * f(s)).sum::<f64>();
            assert!(apply(&|_| 1.0).abs() < 1e-12);
            for &w in frequencies {
                assert!((apply(&|t| (w * t).cos()) + w * w).abs() < 1e-10, "cos, {w} of {frequencies:?}");
                assert!(apply(&|t| (w * t).sin()).abs() < 1e-10, "sin, {w} of {frequencies:?}");
            }
        }
        // Equidistant: 2R circuits.
        assert_eq!(SecondShiftRule::from_frequencies(&[0.5, 1.0]).expect("valid").terms().len(), 4);
        assert_eq!(SecondShiftRule::from_frequencies(&[1.0, 2.0, 3.0]).expect("valid").terms().len(), 6);
        assert!(SecondShiftRule::from_frequencies(&[]).expect("valid").terms().is_empty());
        assert!(matches!(SecondShiftRule::from_frequencies(&[1.0, 1.0]), Err(Error::Spectrum { .. })));
    }

    #[test]
    fn known_rules() {
        let two = ShiftRule::from_frequencies(&[1.0]).expect("valid");
        assert_eq!(two.terms(), &[(std::f64::consts::FRAC_PI_2, 0.5)]);
        let four = ShiftRule::from_frequencies(&[0.5, 1.0]).expect("valid");
        let root = 2.0_f64.sqrt();
        let expected = [(root + 1.0) / (4.0 * root), -(root - 1.0) / (4.0 * root)];
        for (&(_, c), e) in four.terms().iter().zip(expected) {
            assert!((c - e).abs() < 1e-15);
        }
        assert_eq!(ShiftRule::from_frequencies(&[]).expect("valid").num_points(), 0);
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [&[0.0][..], &[-1.0], &[1.0, 1.0], &[2.0, 1.0], &[f64::NAN], &[f64::INFINITY]] {
            assert!(matches!(ShiftRule::from_frequencies(bad), Err(Error::Spectrum { .. })), "{bad:?}");
        }
    }
}
