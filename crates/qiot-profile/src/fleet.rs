//! Many devices: who takes part in a round, who answers in time, and what each of them has spent.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use qgrad::Bill;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::native::Meters;
use crate::{DeviceProfile, Error, Ledger, Metered};

/// First bytes of the last quarter of every key; tells these streams from any other use of the same seed.
const DOMAIN: [u8; 8] = *b"qiotflee";

/// How reliable the devices of a fleet are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Participation {
    /// Probability that a device takes no part in a round: it is out of reach, asleep or busy.
    pub absent: f64,
    /// Probability that a device that takes part spends what the round costs and its answer is never received.
    pub lost: f64,
    /// How long a round waits for answers, in seconds; whoever takes longer is late and not counted. None: for everybody.
    pub deadline_seconds: Option<f64>,
}

impl Participation {
    /// Everybody takes part, nothing is lost, and a round waits for the last one.
    pub const FULL: Self = Self { absent: 0.0, lost: 0.0, deadline_seconds: None };

    fn check(&self) -> Result<(), Error> {
        for (field, value) in [("absent", self.absent), ("lost", self.lost)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::Participation { field, value, allowed: "a probability" });
            }
        }
        match self.deadline_seconds {
            // A comparison with NaN is false, so NaN is refused too.
            Some(value) if !(value > 0.0 && value.is_finite()) => {
                Err(Error::Participation { field: "deadline_seconds", value, allowed: "a positive time" })
            }
            _ => Ok(()),
        }
    }
}

/// What a device does in a round before its work is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attendance {
    /// It takes no part and spends nothing.
    Absent,
    /// It works and its answer arrives when it is ready.
    Present,
    /// It works and its answer is lost.
    Lost,
}

/// What became of a device in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It took no part.
    Absent,
    /// It has no budget left for what it was asked.
    Refused,
    /// Its answer was lost; what it cost is spent.
    Lost,
    /// Its answer came after the deadline; what it cost is spent.
    Late,
    /// Its answer counts.
    Answered,
}

/// The devices of a fleet, each with its profile and its ledger.
///
/// A fleet holds no backends: a device is [made](Fleet::device) for the time of its work and its ledger is
/// [settled](Fleet::settle) afterwards, so that ten thousand of them are ten thousand ledgers and a few shared profiles. Who
/// takes part depends on the seed, the round and the device and on nothing else; the devices can work in any order and on any
/// number of threads. The [ledgers](Fleet::ledgers) are its whole state: saved with a run and given to [`Fleet::resume`] it goes on
/// without losing or double counting a shot.
///
/// ```
/// use std::sync::Arc;
/// use qiot_profile::DeviceProfile;
/// use qiot_profile::fleet::{Attendance, Fleet, Participation};
///
/// let node = Arc::new(DeviceProfile::shipped("sensor-node")?);
/// let habits = Participation { absent: 0.3, lost: 0.01, deadline_seconds: Some(60.0) };
/// let fleet = Fleet::new(vec![node; 1000], habits, 7)?;
/// let present = (0..fleet.len()).filter(|&device| fleet.attendance(0, device) != Attendance::Absent).count();
/// assert!((640..760).contains(&present));
/// # Ok::<(), qiot_profile::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Fleet {
    profiles: Vec<Arc<DeviceProfile>>,
    /// One for each profile, shared by its devices.
    meters: Vec<Meters>,
    ledgers: Vec<Ledger>,
    habits: Participation,
    seed: u64,
}

impl Fleet {
    /// Devices on which nothing has run. Profiles are shared, not copied.
    ///
    /// # Errors
    ///
    /// What [`DeviceProfile::check`] finds; [`Error::Participation`] for habits that cannot be.
    pub fn new(profiles: Vec<Arc<DeviceProfile>>, habits: Participation, seed: u64) -> Result<Self, Error> {
        let ledgers = vec![Ledger::default(); profiles.len()];
        Self::resume(profiles, &ledgers, habits, seed)
    }

    /// Devices that go on from saved ledgers.
    ///
    /// # Errors
    ///
    /// As [`Fleet::new`]; [`Error::FleetLedgers`] unless there is one ledger per device; [`Error::Ledger`].
    pub fn resume(
        profiles: Vec<Arc<DeviceProfile>>,
        ledgers: &[Ledger],
        habits: Participation,
        seed: u64,
    ) -> Result<Self, Error> {
        habits.check()?;
        if ledgers.len() != profiles.len() {
            return Err(Error::FleetLedgers { got: ledgers.len(), devices: profiles.len() });
        }
        let mut known: HashMap<*const DeviceProfile, Meters> = HashMap::new();
        let mut meters = Vec::with_capacity(profiles.len());
        for profile in &profiles {
            // Devices mostly share a profile, and once is enough.
            meters.push(match known.entry(Arc::as_ptr(profile)) {
                Entry::Occupied(known) => known.get().clone(),
                Entry::Vacant(new) => {
                    profile.check()?;
                    new.insert(Meters::default()).clone()
                }
            });
        }
        ledgers.iter().try_for_each(Ledger::check)?;
        Ok(Self { profiles, meters, ledgers: ledgers.to_vec(), habits, seed })
    }

    /// The number of devices.
    #[must_use]
    pub fn len(&self) -> usize {
        self.profiles.len()
    }

    /// Whether there is no device.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.profiles.is_empty()
    }

    /// What each device has spent.
    #[must_use]
    pub fn ledgers(&self) -> &[Ledger] {
        &self.ledgers
    }

    /// The profile of each device.
    #[must_use]
    pub fn profiles(&self) -> &[Arc<DeviceProfile>] {
        &self.profiles
    }

    /// How reliable the devices are.
    #[must_use]
    pub fn habits(&self) -> Participation {
        self.habits
    }

    /// The sum of all bills, in the order of the devices; `seconds` are device seconds and no time on a wall.
    #[must_use]
    pub fn spent(&self) -> Bill {
        self.ledgers.iter().map(|ledger| ledger.bill).sum()
    }

    /// Whether a device takes part in a round: a function of seed, round and device.
    #[must_use]
    pub fn attendance(&self, round: u64, device: usize) -> Attendance {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&round.to_le_bytes());
        key[16..24].copy_from_slice(&(device as u64).to_le_bytes());
        key[24..].copy_from_slice(&DOMAIN);
        let mut stream = ChaCha8Rng::from_seed(key);
        let (absent, lost) = (stream.random::<f64>(), stream.random::<f64>());
        if absent < self.habits.absent {
            Attendance::Absent
        } else if lost < self.habits.lost {
            Attendance::Lost
        } else {
            Attendance::Present
        }
    }

    /// A device with its ledger around a backend, to work with. Its network has a jitter of its own.
    ///
    /// # Panics
    ///
    /// If there is no such device.
    #[must_use]
    pub fn device<B>(&self, device: usize, backend: B) -> Metered<B> {
        // Weyl's sequence with an odd step: another seed for each device of a fleet.
        let seed = self.seed.wrapping_add((device as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let (profile, meters) = (Arc::clone(&self.profiles[device]), self.meters[device].clone());
        Metered::checked(profile, backend, self.ledgers[device], meters).with_seed(seed)
    }

    /// Enters what a device has spent, and says what becomes of its answer. `worked` is false if the device refused.
    ///
    /// The time that it took is what its clock went on by.
    ///
    /// # Panics
    ///
    /// If there is no such device.
    pub fn settle(&mut self, device: usize, ledger: Ledger, attendance: Attendance, worked: bool) -> Fate {
        let seconds = ledger.bill.seconds - self.ledgers[device].bill.seconds;
        self.ledgers[device] = ledger;
        match attendance {
            Attendance::Absent => Fate::Absent,
            _ if !worked => Fate::Refused,
            Attendance::Lost => Fate::Lost,
            Attendance::Present if self.habits.deadline_seconds.is_some_and(|deadline| seconds > deadline) => {
                Fate::Late
            }
            Attendance::Present => Fate::Answered,
        }
    }

    /// How long a round lasts whose devices took so long and fared so: until the last answer, or the deadline if somebody is
    /// waited for in vain. Without a deadline a lost answer is waited for as long as its device worked. In seconds.
    #[must_use]
    pub fn round_seconds(&self, devices: impl IntoIterator<Item = (Fate, f64)>) -> f64 {
        let deadline = self.habits.deadline_seconds.unwrap_or(f64::INFINITY);
        devices.into_iter().fold(0.0, |end, (fate, seconds)| match fate {
            Fate::Absent | Fate::Refused => end,
            Fate::Answered => end.max(seconds),
            Fate::Late | Fate::Lost => end.max(if deadline.is_finite() { deadline } else { seconds }),
        })
    }
}
