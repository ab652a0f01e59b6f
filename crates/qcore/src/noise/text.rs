//! Noise models as JSON and the like.

use serde::Deserialize;

use super::{Channel, NoiseModel, Readout, ReadoutError, Selector};
use crate::Error;

/// What a file says; keys that are not for noise are ignored.
#[derive(Deserialize)]
pub(super) struct Description {
    #[serde(default)]
    noise: Vec<Entry>,
    #[serde(default)]
    readout_error: Vec<Misreading>,
}

/// An unknown key here would be a condition that nobody obeys, so it is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    channel: Kind,
    probability: f64,
    #[serde(rename = "where")]
    _place: Place,
    #[serde(rename = "on")]
    _qubits: Qubits,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Depolarizing,
    BitFlip,
    PhaseFlip,
    AmplitudeDamping,
    PhaseDamping,
}

#[derive(Deserialize)]
enum Place {
    #[serde(rename = "after_every_gate")]
    AfterEveryGate,
}

#[derive(Deserialize)]
enum Qubits {
    #[serde(rename = "each_qubit_of_the_gate_independently")]
    Each,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Misreading {
    p1_given_0: f64,
    p0_given_1: f64,
}

impl TryFrom<Description> for NoiseModel {
    type Error = Error;

    fn try_from(description: Description) -> Result<Self, Error> {
        let mut model = Self::new();
        for entry in description.noise {
            let p = entry.probability;
            let channel = match entry.channel {
                Kind::Depolarizing => Channel::depolarizing(p),
                Kind::BitFlip => Channel::bit_flip(p),
                Kind::PhaseFlip => Channel::phase_flip(p),
                Kind::AmplitudeDamping => Channel::amplitude_damping(p),
                Kind::PhaseDamping => Channel::phase_damping(p),
            }?;
            model = model.after(Selector::every(), channel);
        }
        let errors = description
            .readout_error
            .iter()
            .map(|error| ReadoutError::new(error.p1_given_0, error.p0_given_1))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(model.with_readout(Readout::new(&errors)?))
    }
}
