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
        return 0.0;
    }
    let scaled = vector.iter().map(|x| (x / scale) * (x / scale)).sum::<f64>();
    scale * scaled.sqrt()
}

/// The first component that is NaN or infinite, with its index.
pub(crate) fn first_non_finite(vector: &[f64]) -> Option<(usize, f64)> {
    let component = vector.iter().position(|x| !x.is_finite())?;
    Some((component, vector[component]))
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

/// theta <- theta - u, unless a component of u or of the new point is not finite: then nothing is changed.
pub(crate) fn take_step(theta: &mut [f64], step: &[f64]) -> Result<(), MethodError> {
    if let Some((component, value)) = first_non_finite(step) {
        return Err(MethodError::NonFiniteStep { component, value });
    }
    let mut next = theta.iter().zip(step).map(|(theta, u)| theta - u).enumerate();
    if let Some((component, value)) = next.find(|(_, value)| !value.is_finite()) {
        return Err(MethodError::NonFinitePoint { component, value });
    }
    theta.iter_mut().zip(step).for_each(|(theta, u)| *theta -= u);
    Ok(())
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
