//! The profiles that come with the crate.

use crate::{DeviceProfile, Error};

/// Name and text of every shipped profile, from the smallest device to the largest.
const SHIPPED: [(&str, &str); 3] = [
    ("sensor-node", include_str!("../profiles/sensor-node.toml")),
    ("edge-gateway", include_str!("../profiles/edge-gateway.toml")),
    ("field-hub", include_str!("../profiles/field-hub.toml")),
];

impl DeviceProfile {
    /// The shipped profiles, from the smallest device to the largest: `sensor-node` (4 qubits), `edge-gateway` (8) and
    /// `field-hub` (16).
    ///
    /// They are archetypes and no products: each number's source, or the assumption behind it, stands beside it in the TOML
    /// file under `profiles/` of this crate and in the project's `docs/devices.md`.
    #[must_use]
    pub fn shipped() -> Vec<Self> {
        SHIPPED.iter().map(|(_, text)| parse(text)).collect()
    }

    /// The shipped profile of this name.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownDevice`], with the names that there are.
    pub fn by_name(name: &str) -> Result<Self, Error> {
        match SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
            Some((_, text)) => Ok(parse(text)),
            None => Err(Error::UnknownDevice {
                name: name.to_owned(),
                known: SHIPPED.iter().map(|(name, _)| (*name).to_owned()).collect(),
            }),
        }
    }
}

fn parse(text: &str) -> DeviceProfile {
    DeviceProfile::from_toml(text).expect("the shipped texts are constants, and a test reads each")
}
