//! Two interleaved half circles.

use std::f64::consts::PI;

use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{DataError, Dataset};

impl Dataset {
    /// Two moons: with `t` uniform in `[0, pi]`, class 0 at `(cos t, sin t)` and class 1 at `(1 - cos t, 1/2 - sin t)`, plus a
    /// normal deviate of standard deviation `noise` on both coordinates; samples of the classes alternate. The random numbers
    /// are those of ChaCha8 seeded with `seed`: per sample one uniform and two normal ones.
    ///
    /// # Errors
    ///
    /// [`DataError::Moons`] for fewer than 4 samples or a noise that is negative or not finite.
    pub fn moons(samples: usize, noise: f64, seed: u64) -> Result<Self, DataError> {
        if samples < 4 || !noise.is_finite() || noise < 0.0 {
            return Err(DataError::Moons { samples, noise });
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut features = Vec::with_capacity(2 * samples);
        for sample in 0..samples {
            let (sin, cos) = (PI * rng.random::<f64>()).sin_cos();
            let point = if sample % 2 == 0 { [cos, sin] } else { [1.0 - cos, 0.5 - sin] };
            for coordinate in point {
                let deviate: f64 = StandardNormal.sample(&mut rng);
                features.push(coordinate + noise * deviate);
            }
        }
        Ok(Self {
            name: "moons".to_owned(),
            features,
            feature_names: vec!["x".to_owned(), "y".to_owned()],
            labels: (0..samples).map(|sample| sample % 2).collect(),
            label_names: vec!["upper".to_owned(), "lower".to_owned()],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without noise every sample lies on its circle; the formula is restated here by distances.
    #[test]
    fn samples_lie_on_their_half_circles() {
        let moons = Dataset::moons(100, 0.0, 1).expect("valid");
        for index in 0..100 {
            let row = moons.row(index);
            let (center, above) =
                if moons.labels()[index] == 0 { ([0.0, 0.0], row[1] >= 0.0) } else { ([1.0, 0.5], row[1] <= 0.5) };
            let radius = (row[0] - center[0]).hypot(row[1] - center[1]);
            assert!((radius - 1.0).abs() < 1e-12 && above, "sample {index}");
        }
        assert_eq!(moons.class_sizes(), [50, 50]);
        assert_eq!(moons, Dataset::moons(100, 0.0, 1).expect("valid"));
        assert_ne!(moons, Dataset::moons(100, 0.0, 2).expect("valid"));
    }

    /// The spread about the circle is the noise, within 4 standard errors.
    #[test]
    fn noise_has_its_size() {
        let (clean, noisy) =
            (Dataset::moons(4000, 0.0, 3).expect("valid"), Dataset::moons(4000, 0.2, 3).expect("valid"));
        let squares = clean.features().iter().zip(noisy.features()).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / 8000.0;
        assert!((squares / 0.04 - 1.0).abs() < 4.0 * (2.0_f64 / 8000.0).sqrt(), "{squares}");
        assert!(Dataset::moons(3, 0.1, 1).is_err() && Dataset::moons(10, f64::NAN, 1).is_err());
    }
}
