//! Estimates of how large gradients are, with everything that they depend on.

use std::f64::consts::PI;
use std::fmt;

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Normal};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::stats::{Centre, Interval, Reliability, VarianceEstimate};

/// What is estimated about the gradient of a loss over an ensemble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// `E[g^2] - E[g]^2` of a component. A standard deviation falls at half the exponent of this.
    Variance,
    /// `E[g^2]` of a component.
    SecondMoment,
    /// `E[|g|^2]`, the sum of the second moments of all components.
    NormSquared,
}

/// Which part of the gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Component {
    /// The derivative with respect to the parameter with this index, in the order of declaration.
    One(usize),
    /// All so many of them together.
    All(usize),
}

/// Whether the circuit is part of the ensemble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Circuits {
    /// One circuit: only the angles are random.
    Fixed,
    /// Every sample draws a circuit, too.
    Drawn,
}

/// How the angles of a sample are drawn, each on its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "law")]
pub enum AngleLaw {
    /// Uniform in `[low, high)`, in radians.
    Uniform {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// Normal, in radians.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        std_dev: f64,
    },
}

impl AngleLaw {
    /// Uniform in `[0, 2 pi)`: the ensemble of most plateau theorems.
    pub const CIRCLE: Self = Self::Uniform { low: 0.0, high: 2.0 * PI };

    /// Checks the numbers.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] unless they are finite, `low < high` and `std_dev > 0`.
    pub fn check(&self) -> Result<(), Error> {
        let bad = |what, value, allowed| Err(Error::Range { what, value, allowed });
        match *self {
            Self::Uniform { low, high } => {
                if !low.is_finite() || !(high - low).is_finite() {
                    return bad("an end of the interval of angles", if low.is_finite() { high } else { low }, "finite");
                }
                if low >= high {
                    return bad("the upper end of the interval of angles", high, "more than the lower end");
                }
            }
            Self::Normal { mean, std_dev } => {
                if !mean.is_finite() {
                    return bad("the mean of the angles", mean, "finite");
                }
                if !(std_dev > 0.0 && std_dev.is_finite()) {
                    return bad("the standard deviation of the angles", std_dev, "more than 0 and finite");
                }
            }
        }
        Ok(())
    }

    /// Draws `count` angles.
    ///
    /// # Errors
    ///
    /// As [`AngleLaw::check`].
    pub fn draw<R: Rng + ?Sized>(&self, count: usize, rng: &mut R) -> Result<Vec<f64>, Error> {
        self.check()?;
        Ok(match *self {
            Self::Uniform { low, high } => (0..count).map(|_| rng.random_range(low..high)).collect(),
            Self::Normal { mean, std_dev } => {
                let law = Normal::new(mean, std_dev).expect("checked");
                (0..count).map(|_| law.sample(rng)).collect()
            }
        })
    }
}

impl fmt::Display for AngleLaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            law if *law == Self::CIRCLE => write!(f, "uniform on [0, 2 pi)"),
            Self::Uniform { low, high } => write!(f, "uniform on [{low}, {high})"),
            Self::Normal { mean, std_dev } => write!(f, "normal with mean {mean} and standard deviation {std_dev}"),
        }
    }
}

/// What is random from sample to sample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ensemble {
    /// The circuits.
    pub circuits: Circuits,
    /// The angles.
    pub angles: AngleLaw,
}

/// How the gradient of each sample was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readout {
    /// Exactly.
    Exact,
    /// From so many shots for each circuit: the spread holds shot noise, see [`separate`](super::separate).
    Shots(u64),
}

/// How an interval was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntervalKind {
    /// [`VarianceEstimate::log_studentized_interval`], from the samples alone.
    LogStudentized {
        /// Resamples.
        resamples: usize,
    },
    /// From the exact fourth moment of the ensemble.
    ExactMoments,
    /// All samples are equal: the interval is the value.
    Degenerate,
}

/// An estimate of the size of a gradient over an ensemble.
///
/// **Bias**: none. **Error**: [`PlateauEstimate::interval`], and how far it is to be trusted: with heavy tails (a global cost
/// on many qubits) a few samples carry the sum, and [`Reliability::trust`] says so instead of an interval that is too short
/// without a word.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlateauEstimate {
    /// What is estimated.
    pub quantity: Quantity,
    /// Of which part of the gradient.
    pub component: Component,
    /// Over what.
    pub ensemble: Ensemble,
    /// From what.
    pub readout: Readout,
    /// Number of samples.
    pub samples: usize,
    /// The estimate.
    pub value: f64,
    /// Its standard error; too small where it is not to be trusted.
    pub std_error: f64,
    /// Its interval.
    pub interval: Interval,
    /// How the interval was made.
    pub interval_kind: IntervalKind,
    /// Whether the interval is to be believed.
    pub reliability: Reliability,
}

/// What an estimate is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct About {
    /// What is estimated.
    pub quantity: Quantity,
    /// Of which part of the gradient.
    pub component: Component,
    /// Over what.
    pub ensemble: Ensemble,
    /// From what.
    pub readout: Readout,
}

impl PlateauEstimate {
    /// From one value per sample: the component, or for [`Quantity::NormSquared`] the norm of the gradient. The interval is
    /// [`VarianceEstimate::log_studentized_interval`] with these resamples and this level.
    ///
    /// # Errors
    ///
    /// [`Error::Stats`] for fewer than 10 samples or 100 resamples, a level outside (0, 1), or values that are not finite.
    pub fn from_samples<R: Rng + ?Sized>(
        about: About,
        values: &[f64],
        resamples: usize,
        level: f64,
        rng: &mut R,
    ) -> Result<Self, Error> {
        let estimate = about.estimate(values)?;
        if estimate.value() == 0.0 {
            let interval = Interval { lower: 0.0, upper: 0.0, level };
            return Ok(about.with(&estimate, interval, IntervalKind::Degenerate));
        }
        let interval = estimate.log_studentized_interval(resamples, level, rng)?;
        Ok(about.with(&estimate, interval, IntervalKind::LogStudentized { resamples }))
    }

    /// As [`PlateauEstimate::from_samples`] for an ensemble whose second and fourth moments are known: the interval has its
    /// nominal coverage also where the samples alone would mislead, to check a simulation against theory.
    ///
    /// # Errors
    ///
    /// As [`VarianceEstimate::known_fourth_moment_interval`].
    pub fn with_exact_moments(
        about: About,
        values: &[f64],
        (second, fourth): (f64, f64),
        level: f64,
    ) -> Result<Self, Error> {
        let estimate = about.estimate(values)?;
        let interval = estimate.known_fourth_moment_interval(second, fourth, level)?;
        Ok(about.with(&estimate, interval, IntervalKind::ExactMoments))
    }
}

impl About {
    fn estimate(&self, values: &[f64]) -> Result<VarianceEstimate, Error> {
        let centre = match self.quantity {
            Quantity::Variance => Centre::Unknown,
            Quantity::SecondMoment | Quantity::NormSquared => Centre::Zero,
        };
        Ok(VarianceEstimate::new(values, centre)?)
    }

    fn with(self, estimate: &VarianceEstimate, interval: Interval, interval_kind: IntervalKind) -> PlateauEstimate {
        let Self { quantity, component, ensemble, readout } = self;
        PlateauEstimate {
            quantity,
            component,
            ensemble,
            readout,
            samples: estimate.samples(),
            value: estimate.value(),
            std_error: estimate.standard_error(),
            interval,
            interval_kind,
            reliability: estimate.reliability(),
        }
    }
}

impl fmt::Display for PlateauEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quantity = match self.quantity {
            Quantity::Variance => "Var g",
            Quantity::SecondMoment => "E g^2",
            Quantity::NormSquared => "E |g|^2",
        };
        match self.component {
            Component::One(index) => write!(f, "{quantity} of component {index}")?,
            Component::All(count) => write!(f, "{quantity} of {count} components")?,
        }
        let circuits = match self.ensemble.circuits {
            Circuits::Fixed => "one circuit",
            Circuits::Drawn => "circuits drawn anew",
        };
        let readout = match self.readout {
            Readout::Exact => "exact gradients".to_owned(),
            Readout::Shots(shots) => format!("gradients from {shots} shots per circuit"),
        };
        let Interval { lower, upper, level } = self.interval;
        write!(
            f,
            " = {:.3e} [{lower:.3e}, {upper:.3e}] ({} %; {circuits}, angles {}, {readout}, {})",
            self.value,
            100.0 * level,
            self.ensemble.angles,
            self.reliability
        )
    }
}
