//! The profiles that come with the crate.

use crate::{DeviceProfile, Error};

/// Name and text of every shipped profile: the archetypes, then the calibrated devices, each from the smallest to the largest.
const SHIPPED: [(&str, &str); 9] = [
    ("sensor-node", include_str!("../profiles/sensor-node.toml")),
    ("edge-gateway", include_str!("../profiles/edge-gateway.toml")),
    ("field-hub", include_str!("../profiles/field-hub.toml")),
    ("manila", include_str!("../profiles/manila.toml")),
    ("quito", include_str!("../profiles/quito.toml")),
    ("lagos", include_str!("../profiles/lagos.toml")),
    ("perth", include_str!("../profiles/perth.toml")),
    ("guadalupe", include_str!("../profiles/guadalupe.toml")),
    ("kolkata", include_str!("../profiles/kolkata.toml")),
];

impl DeviceProfile {
    /// The names of the shipped profiles: three archetypes, `sensor-node` (4 qubits), `edge-gateway` (8) and `field-hub` (16);
    /// and six superconducting devices as they were calibrated on a day, `manila`, `quito` (5), `lagos`, `perth` (7),
    /// `guadalupe` (16) and `kolkata` (27).
    ///
    /// The archetypes are no products. Each number's source, or the assumption behind it, stands beside it in the TOML file
    /// under `profiles/` of this crate and in the project's `docs/devices.md`. Gates, times and errors of the calibrated
    /// devices are measured and come under the Apache License 2.0; what such a snapshot does not say (budgets, latency,
    /// energy) is assumed as for `field-hub`.
    #[must_use]
    pub fn shipped_names() -> Vec<&'static str> {
        SHIPPED.iter().map(|(name, _)| *name).collect()
    }

    /// The shipped profile of this name. Two qubits of `kolkata` were calibrated with T2 > 2 T1; they are taken at 2 T1, see
    /// [`load`](Self::load).
    ///
    /// # Errors
    ///
    /// [`Error::UnknownDevice`], with the names that there are.
    pub fn shipped(name: &str) -> Result<Self, Error> {
        let text = Self::shipped_text(name)?;
        Ok(Self::from_toml(text).expect("the shipped texts are constants, and a test reads each"))
    }

    /// The text of the shipped profile of this name, with its comments: to [`load`](Self::load) with warnings, or to start a
    /// profile of one's own from.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownDevice`], with the names that there are.
    pub fn shipped_text(name: &str) -> Result<&'static str, Error> {
        SHIPPED
            .iter()
            .find(|(shipped, _)| *shipped == name)
            .map(|(_, text)| *text)
            .ok_or_else(|| Error::UnknownDevice { name: name.to_owned(), known: Self::shipped_names() })
    }
}
