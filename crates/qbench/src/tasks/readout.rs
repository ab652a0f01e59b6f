//! How a task is read out: exactly on the simulator, or from shots on a metered device.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use qcore::Circuit;
use qgrad::{Adjoint, Backend, Bill, Estimator, Job, JobResult, ParameterShift, Shots, StateVectorBackend};
use qiot_profile::{DeviceProfile, DeviceSimulator, Ledger, Limits, Metered};
use rand::Rng;

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
        /// Whether circuits run with the noise of its calibration.
        noise: bool,
    },
    /// Parameter shift with so many shots for every circuit, on a device that the caller keeps: whatever is read goes on its
    /// ledger.
    Kept {
        /// The device.
        device: KeptDevice,
        /// Shots per circuit.
        shots: u64,
    },
}

/// A device that several objectives read from, and whose ledger is looked at from outside.
#[derive(Clone, Debug)]
pub struct KeptDevice {
    profile: Arc<DeviceProfile>,
    meter: Arc<Mutex<Metered<DeviceSimulator>>>,
    /// Where the clock and the time window stand after the jobs that have been priced in turn.
    turn: Arc<Mutex<Option<Ledger>>>,
}

impl KeptDevice {
    /// A device that goes on from a ledger, with the noise of its calibration or without; `seed` is that of the network's
    /// jitter.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] if the profile contradicts itself or the ledger cannot be.
    pub fn resume(profile: DeviceProfile, noise: bool, ledger: Ledger, seed: u64) -> Result<Self, Error> {
        let profile = Arc::new(profile);
        let meter = Metered::resume(Arc::clone(&profile), simulator(&profile, noise)?, ledger)?.with_seed(seed);
        Ok(Self { profile, ..Self::new(meter) })
    }

    /// A device with what has been spent on it.
    #[must_use]
    pub fn new(meter: Metered<DeviceSimulator>) -> Self {
        Self { profile: Arc::new(meter.profile().clone()), meter: Arc::new(Mutex::new(meter)), turn: Arc::default() }
    }

    /// What the device allows and costs.
    #[must_use]
    pub fn profile(&self) -> &DeviceProfile {
        &self.profile
    }

    /// What has been spent on it.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.lock().ledger()
    }

    /// Runs `priced`, in which each price of a job on this device is that of a job which begins when those that were priced before
    /// it are over ([`Metered::price_in_turn`]), and not of one that begins now: their sum is the most that they cost one after the
    /// other, waiting for time windows included.
    pub fn in_turn<T>(&self, priced: impl FnOnce() -> T) -> T {
        let begin = |turn| *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = turn;
        begin(Some(self.ledger()));
        let result = priced();
        begin(None);
        result
    }

    /// A panic of another thread leaves the ledger as it was before its job.
    fn lock(&self) -> MutexGuard<'_, Metered<DeviceSimulator>> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether it is the same device, not whether there is another one like it.
impl PartialEq for KeptDevice {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.meter, &other.meter)
    }
}

impl Backend for KeptDevice {
    fn run(&mut self, job: &Job<'_>, rng: &mut dyn Rng) -> Result<JobResult, qgrad::Error> {
        self.lock().run(job, rng)
    }

    fn price(&self, circuit: &Circuit, job: Bill) -> Bill {
        match &mut *self.turn.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(ledger) => self.lock().price_in_turn(circuit, job, ledger),
            None => self.lock().price(circuit, job),
        }
    }

    fn has_independent_shots(&self) -> bool {
        self.lock().has_independent_shots()
    }
}

fn simulator(profile: &Arc<DeviceProfile>, noise: bool) -> Result<DeviceSimulator, Error> {
    Ok(if noise { DeviceSimulator::noisy(Arc::clone(profile))? } else { DeviceSimulator::ideal() })
}

/// An estimator with the backend that it runs on.
pub type Reader = (Box<dyn Estimator>, Box<dyn Backend>);

impl Readout {
    /// A shipped device without noise.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] for an unknown name.
    pub fn device(name: &str, shots: u64) -> Result<Self, Error> {
        Ok(Self::Device { profile: Box::new(DeviceProfile::shipped(name)?), shots, noise: false })
    }

    /// A shipped device with the noise of its calibration.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] for an unknown name.
    pub fn noisy_device(name: &str, shots: u64) -> Result<Self, Error> {
        Ok(Self::Device { profile: Box::new(DeviceProfile::shipped(name)?), shots, noise: true })
    }

    /// A new estimator and a new backend with nothing spent, or that of a kept device.
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
            Self::Device { profile, shots, noise } => {
                let profile = Arc::new((**profile).clone());
                let simulator = simulator(&profile, *noise)?;
                (
                    Box::new(ParameterShift { shots: Shots::PerCircuit(*shots) }),
                    Box::new(Metered::new(profile, simulator)?),
                )
            }
            Self::Kept { device, shots } => {
                (Box::new(ParameterShift { shots: Shots::PerCircuit(*shots) }), Box::new(device.clone()))
            }
        })
    }

    /// Shots per circuit; `None` where values are exact.
    #[must_use]
    pub fn shots(&self) -> Option<u64> {
        match self {
            Self::Exact => None,
            Self::Shots { shots } | Self::Device { shots, .. } | Self::Kept { shots, .. } => Some(*shots),
        }
    }

    /// What a device allows to be spent; `None` without a device.
    #[must_use]
    pub fn limits(&self) -> Option<&Limits> {
        match self {
            Self::Exact | Self::Shots { .. } => None,
            Self::Device { profile, .. } => Some(&profile.limits),
            Self::Kept { device, .. } => Some(&device.profile.limits),
        }
    }

    /// Everything about it in one text, the whole device profile included.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Exact | Self::Shots { .. } => self.to_string(),
            Self::Device { profile, shots, noise } => {
                format!("{shots} {profile:?}{}", if *noise { " with noise" } else { "" })
            }
            Self::Kept { device, shots } => format!("{shots} {:?}", device.profile),
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
            Self::Device { profile, shots, noise } => {
                write!(f, "{}/{shots}-shots{}", profile.name, if *noise { "/noise" } else { "" })
            }
            Self::Kept { device, shots } => write!(f, "{}/{shots}-shots", device.profile.name),
        }
    }
}
