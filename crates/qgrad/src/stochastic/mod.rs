//! Estimators that trade exactness for circuits: they displace whole parameter rows, or look at a part of what a gradient is a sum
//! of.

mod coordinates;
mod differences;
mod doubly;
mod spsa;

pub use coordinates::RandomCoordinates;
pub use differences::{Difference, FiniteDifferences, Step};
pub use doubly::DoublyStochastic;
pub use spsa::Spsa;

use rand::{Rng, RngExt};

use crate::Error;

/// Chooses `count` of `0..of`, each set with equal probability; ascending.
fn choose(count: usize, of: usize, rng: &mut dyn Rng) -> Vec<usize> {
    let mut all: Vec<usize> = (0..of).collect();
    for place in 0..count.min(of) {
        let other = rng.random_range(place..of);
        all.swap(place, other);
    }
    all.truncate(count);
    all.sort_unstable();
    all
}

fn at_least_one(what: &'static str, value: usize) -> Result<(), Error> {
    if value > 0 { Ok(()) } else { Err(Error::Setting { what, value: 0.0, allowed: "at least 1" }) }
}

fn positive(what: &'static str, value: f64) -> Result<(), Error> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(Error::Setting { what, value, allowed: "positive and finite" })
    }
}
