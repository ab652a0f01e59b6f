//! Sums over components, always in the order of the components.

use rand::{Rng, RngExt};

use crate::MethodError;

/// The Euclidean norm. Components too large or too small to be squared are scaled first, so that only the zero vector
/// has norm 0 and only a vector with a non-finite component, or with a norm above `f64::MAX`, has no finite norm.
pub(crate) fn norm(vector: &[f64]) -> f64 {
    let plain = vector.iter().map(|x| x * x).sum::<f64>();
    if plain.is_normal() {
        return plain.sqrt();
    }
    let scale = vector.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    if scale == 0.0 {
        // The largest of nothing but zeros and NaN.
        return if plain.is_nan() { plain } else { 0.0 };
    }
    let scaled = vector.iter().map(|x| (x / scale) * (x / scale)).sum::<f64>();
    scale * scaled.sqrt()
}

/// The norm, or the first component that is NaN or infinite, with its index.
pub(crate) fn checked_norm(vector: &[f64]) -> Result<f64, (usize, f64)> {
    let norm = norm(vector);
    // A norm that is finite is one of finite components.
    if norm.is_finite() { Ok(norm) } else { first_non_finite(vector).map_or(Ok(norm), Err) }
}

/// The first component that is NaN or infinite, with its index.
pub(crate) fn first_non_finite(vector: &[f64]) -> Option<(usize, f64)> {
    if all_finite(vector.iter().copied()) {
        return None;
    }
    let component = vector.iter().position(|x| !x.is_finite())?;
    Some((component, vector[component]))
}

/// A number whose first bit is set iff `x` is NaN or infinite. Such bits are collected by `|`, without a branch for each
/// component of a vector.
pub(crate) fn non_finite_bit(x: f64) -> u64 {
    const MODULUS: u64 = !(1 << 63);
    const EXPONENT_ONE: u64 = 1 << 52;
    // Infinities and NaN have the largest exponent there is: one more carries into the place of the sign.
    (x.to_bits() & MODULUS) + EXPONENT_ONE
}

/// Whether all numbers are finite.
pub(crate) fn all_finite(numbers: impl Iterator<Item = f64>) -> bool {
    numbers.fold(0, |bits, x| bits | non_finite_bit(x)) >> 63 == 0
}

/// Overwrites `vector` with a uniformly random direction of the given length (a normalised Gaussian vector).
pub(crate) fn fill_random_direction(vector: &mut [f64], length: f64, rng: &mut impl Rng) {
    if length == 0.0 {
        vector.fill(0.0);
        return;
    }
    loop {
        fill_gaussian(vector, rng);
        let norm = norm(vector);
        if norm > 0.0 {
            let factor = length / norm;
            vector.iter_mut().for_each(|x| *x *= factor);
            return;
        }
    }
}

/// power * decay; 0 where that is subnormal. It stands for a bias that decays, next to numbers beside which it has long
/// been lost, and a product of subnormal numbers takes sixty times as long as another.
pub(crate) fn next_power(power: f64, decay: f64) -> f64 {
    let next = power * decay;
    if next < f64::MIN_POSITIVE { 0.0 } else { next }
}

/// Overwrites `vector` with independent signs, 1 or -1.
pub(crate) fn fill_signs(vector: &mut [f64], rng: &mut impl Rng) {
    for x in vector {
        *x = if rng.random::<bool>() { 1.0 } else { -1.0 };
    }
}

/// Overwrites `vector` with independent standard normal numbers.
pub(crate) fn fill_gaussian(vector: &mut [f64], rng: &mut impl Rng) {
    for pair in vector.chunks_mut(2) {
        let (first, second) = gaussian_pair(rng);
        pair[0] = first;
        if let Some(x) = pair.get_mut(1) {
            *x = second;
        }
    }
}

/// theta <- theta - u, unless a component of u or of the new point is not finite: then nothing is changed. The norm of u.
pub(crate) fn take_step(theta: &mut [f64], step: &[f64]) -> Result<f64, MethodError> {
    let length = checked_norm(step).map_err(|(component, value)| MethodError::NonFiniteStep { component, value })?;
    let next = || theta.iter().zip(step).map(|(theta, u)| theta - u);
    if !all_finite(next())
        && let Some((component, value)) = next().enumerate().find(|(_, value)| !value.is_finite())
    {
        return Err(MethodError::NonFinitePoint { component, value });
    }
    theta.iter_mut().zip(step).for_each(|(theta, u)| *theta -= u);
    Ok(length)
}

/// Two independent standard normal numbers (Box and Muller 1958).
fn gaussian_pair(rng: &mut impl Rng) -> (f64, f64) {
    // 1 - U lies in (0, 1]: its logarithm is finite.
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    let angle = std::f64::consts::TAU * rng.random::<f64>();
    (radius * angle.cos(), radius * angle.sin())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    #[test]
    fn norms_of_extreme_vectors() {
        assert_eq!(norm(&[3.0, 4.0]), 5.0);
        assert!((norm(&[3e200, 4e200]) / 5e200 - 1.0).abs() < 1e-15);
        assert!((norm(&[3e-200, 4e-200]) / 5e-200 - 1.0).abs() < 1e-15);
        assert_eq!(norm(&[5e-324]), 5e-324);
        assert_eq!(norm(&[0.0, -0.0]), 0.0);
        assert_eq!(norm(&[]), 0.0);
    }

    #[test]
    fn what_is_not_finite_is_found() {
        for bad in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -f64::NAN, f64::from_bits(0x7FF0_0000_0000_0001)] {
            for component in 0..5 {
                let mut x = [f64::MAX, -f64::MAX, -0.0, 5e-324, -1.0];
                assert_eq!(first_non_finite(&x), None);
                x[component] = bad;
                let found = Some((component, bad.to_bits()));
                assert_eq!(first_non_finite(&x).map(|(k, value)| (k, value.to_bits())), found);
                assert_eq!(checked_norm(&x).err().map(|(k, value)| (k, value.to_bits())), found);
            }
        }
        assert_eq!(first_non_finite(&[]), None);
        assert_eq!(checked_norm(&[3.0, 4.0]), Ok(5.0));
        // Finite components, and a norm that is not.
        assert_eq!(checked_norm(&[f64::MAX, f64::MAX]), Ok(f64::INFINITY));
        for bad in [[f64::NAN, f64::NAN], [0.0, f64::NAN], [f64::NAN, 1.0]] {
            assert!(norm(&bad).is_nan() && checked_norm(&bad).is_err());
        }
    }

    #[test]
    fn a_step_out_of_the_finite_numbers_changes_nothing() {
        let mut theta = [1.0, f64::MAX, -f64::MAX];
        let found = take_step(&mut theta, &[1.0, 0.0, f64::MAX]);
        assert_eq!(found, Err(MethodError::NonFinitePoint { component: 2, value: f64::NEG_INFINITY }));
        let found = take_step(&mut theta, &[1.0, f64::INFINITY, 0.0]);
        assert_eq!(found, Err(MethodError::NonFiniteStep { component: 1, value: f64::INFINITY }));
        assert_eq!(theta, [1.0, f64::MAX, -f64::MAX]);
        assert_eq!(take_step(&mut theta, &[1.0, f64::MAX, 0.0]), Ok(f64::MAX));
        assert_eq!(theta, [0.0, 0.0, -f64::MAX]);
    }

    /// Second moments of a direction uniform on the sphere in 5 dimensions: E[x_i x_j] = delta_ij / 5, Var[x_i^2] =
    /// 3/35 - 1/25, and Var[x_0 x_1] = 1/35. Within 5 standard errors.
    #[test]
    fn directions_are_uniform_and_of_the_given_length() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut x = [0.0; 5];
        let draws = 20_000;
        let (mut first, mut square, mut cross) = ([0.0; 5], [0.0; 5], 0.0);
        for _ in 0..draws {
            fill_random_direction(&mut x, 3.0, &mut rng);
            assert!((norm(&x) - 3.0).abs() < 1e-14 * 3.0 * 5.0);
            for i in 0..5 {
                first[i] += x[i] / 3.0;
                square[i] += x[i] * x[i] / 9.0;
            }
            cross += x[0] * x[1] / 9.0;
        }
        let n = f64::from(draws);
        for i in 0..5 {
            assert!((first[i] / n).abs() < 5.0 * (0.2 / n).sqrt());
            let spread = (3.0 / 35.0 - 1.0 / 25.0_f64) / n;
            assert!((square[i] / n - 0.2).abs() < 5.0 * spread.sqrt());
        }
        assert!((cross / n).abs() < 5.0 * (1.0 / 35.0 / n).sqrt());
    }
}
