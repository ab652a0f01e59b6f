//! How a task is read out: exactly on the simulator, or from shots on a metered device.

use std::fmt;

use qgrad::{Adjoint, Backend, Estimator, ParameterShift, Shots, StateVectorBackend};
use qiot_profile::{DeviceProfile, Limits, Metered};

use crate::Error;

/// The way in which losses and gradients are obtained.
#[derive(Clone, Debug, PartialEq)]
pub enum Readout {
    /// Exact values and adjoint gradients; billed as the circuits of the exact parameter-shift rule.
    Exact,
    /// Parameter shift with so many shots for every circuit, on a register without limits of its own: the budget is the shots of
    /// a fixed number of plain gradient steps.
    Shots {
        /// Shots per circuit.
        shots: u64,
    },
    /// Parameter shift with so many shots for every circuit, on a device whose limits are the budget.
    Device {
        /// What the device allows and costs.
        profile: Box<DeviceProfile>,
        /// Shots per circuit.
        shots: u64,
    },
}

/// An estimator with the backend that it runs on.
pub type Reader = (Box<dyn Estimator>, Box<dyn Backend>);

impl Readout {
    /// A shipped device.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] for an unknown name.
    pub fn device(name: &str, shots: u64) -> Result<Self, Error> {
        Ok(Self::Device { profile: Box::new(DeviceProfile::shipped(name)?), shots })
    }

    /// A new estimator and a new backend with nothing spent.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] if the profile contradicts itself.
    pub fn reader(&self) -> Result<Reader, Error> {
        Ok(match self {
            Self::Exact => (Box::new(Adjoint), Box::new(StateVectorBackend::new())),
            Self::Shots { shots } => {
                (Box::new(ParameterShift { shots: Shots::PerCircuit(*shots) }), Box::new(StateVectorBackend::new()))
            }
            Self::Device { profile, shots } => (
                Box::new(ParameterShift { shots: Shots::PerCircuit(*shots) }),
                Box::new(Metered::new((**profile).clone(), StateVectorBackend::new())?),
            ),
        })
    }

    /// Shots per circuit; `None` where values are exact.
    #[must_use]
    pub fn shots(&self) -> Option<u64> {
        match self {
            Self::Exact => None,
            Self::Shots { shots } | Self::Device { shots, .. } => Some(*shots),
        }
    }

    /// What a device allows to be spent; `None` without a device.
    #[must_use]
    pub fn limits(&self) -> Option<&Limits> {
        match self {
            Self::Exact | Self::Shots { .. } => None,
            Self::Device { profile, .. } => Some(&profile.limits),
        }
    }

    /// Everything about it in one text, the whole device profile included.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Exact | Self::Shots { .. } => self.to_string(),
            Self::Device { profile, shots } => format!("{shots} {profile:?}"),
        }
    }

    /// Whether measured values carry noise.
    #[must_use]
    pub fn is_noisy(&self) -> bool {
        self.shots().is_some()
    }
}

impl fmt::Display for Readout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => f.write_str("exact"),
            Self::Shots { shots } => write!(f, "{shots}-shots"),
            Self::Device { profile, shots } => write!(f, "{}/{shots}-shots", profile.name),
        }
    }
}
