//! Training on a fleet of small devices: one gradient from many meters, or many local runs averaged.
//!
//! Two ways, which differ in where a negative learning rate acts:
//!
//! - [`FleetObjective`] is the fleet as one [`Objective`]: every device that takes part measures loss and gradient at the same
//!   point, the answers are averaged, and any method of `qopt` trains on the average. Its phases are those of the whole fleet
//!   (federated SGD).
//! - [`Federated`] lets every device that takes part run some iterations of its own method from the common point and averages the
//!   points (federated averaging). Phases are those of each device.
//!
//! In both, devices [drop out and straggle](qiot_profile::fleet), each pays from its own ledger, and the numbers do not depend
//! on the number of threads: devices work in parallel and are added up in their order.
//!
//! Reference: B. McMahan, E. Moore, D. Ramage, S. Hampson, B. Agüera y Arcas, *Communication-efficient learning of deep networks
//! from decentralized data*, AISTATS 2017, algorithm 1.

mod averaging;
mod objective;
mod shards;
#[cfg(test)]
mod tests;

pub use averaging::{Federated, Round};
pub use objective::FleetObjective;
pub use shards::LocalClassification;

use qgrad::objective::ExpectationObjective;
use qgrad::{Estimator, Expectation, ParameterShift, Shots};
use qiot_profile::fleet::{Attendance, Fate, Fleet};
use qiot_profile::{DeviceSimulator, Ledger, Metered};
use qopt::{Bill, Objective, Streams};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

use crate::{Error, experiment};

/// A device of a fleet as it is simulated.
pub type Device = Metered<DeviceSimulator>;

/// The simulators of a fleet: one for each profile, of which every device gets a copy for the time of its work.
#[derive(Clone, Debug)]
struct Simulators {
    kinds: Vec<DeviceSimulator>,
    /// The simulator of each device.
    of_device: Vec<usize>,
}

impl Simulators {
    fn ideal(fleet: &Fleet) -> Self {
        Self { kinds: vec![DeviceSimulator::ideal()], of_device: vec![0; fleet.len()] }
    }

    /// With the noise of the calibrations.
    fn noisy(fleet: &Fleet) -> Result<Self, Error> {
        let (mut kinds, mut known) = (Vec::new(), HashMap::new());
        let mut of_device = Vec::with_capacity(fleet.len());
        for profile in fleet.profiles() {
            let place = match known.get(&Arc::as_ptr(profile)) {
                Some(&place) => place,
                None => {
                    kinds.push(DeviceSimulator::noisy(Arc::clone(profile))?);
                    known.insert(Arc::as_ptr(profile), kinds.len() - 1);
                    kinds.len() - 1
                }
            };
            of_device.push(place);
        }
        Ok(Self { kinds, of_device })
    }

    fn device(&self, fleet: &Fleet, device: usize) -> Device {
        fleet.device(device, self.kinds[self.of_device[device]].clone())
    }
}

/// What the devices of a fleet train on: each has a loss of its own, on the same parameters.
pub trait LocalTask: Sync {
    /// The number of parameters.
    fn dimension(&self) -> usize;

    /// The loss of a device, measured on it.
    ///
    /// # Errors
    ///
    /// What the loss refuses.
    fn objective(&self, device: usize, meter: Device) -> Result<Box<dyn LocalObjective>, Error>;
}

/// An objective that is measured on one device.
pub trait LocalObjective: Objective {
    /// What the device has spent in its life.
    fn ledger(&self) -> Ledger;
}

impl<E: Estimator> LocalObjective for ExpectationObjective<E, Device> {
    fn ledger(&self) -> Ledger {
        self.backend().ledger()
    }
}

/// Expectation values, read by parameter shift: device `k` has the one with number `k` modulo their number.
#[derive(Clone, Debug)]
pub struct LocalExpectations {
    sites: Vec<Expectation>,
    shots: u64,
}

impl LocalExpectations {
    /// From the expectation values of the kinds of devices, and the shots of each circuit.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] if there is none, they have different numbers of parameters, or not all parameters are trained;
    /// or for 0 shots.
    pub fn new(sites: Vec<Expectation>, shots: u64) -> Result<Self, Error> {
        let range = |what, value: usize, allowed| Error::Range { what, value: value as f64, allowed };
        let Some(first) = sites.first() else {
            return Err(range("the number of local losses", 0, "at least 1"));
        };
        let dimension = first.wrt().len();
        if let Some(odd) =
            sites.iter().find(|site| site.wrt().len() != dimension || site.program().num_parameters() != dimension)
        {
            return Err(range(
                "the number of parameters of a local loss",
                odd.wrt().len(),
                "the same for all, all trained",
            ));
        }
        if shots == 0 {
            return Err(range("the number of shots per circuit", 0, "at least 1"));
        }
        Ok(Self { sites, shots })
    }
}

impl LocalTask for LocalExpectations {
    fn dimension(&self) -> usize {
        self.sites[0].wrt().len()
    }

    fn objective(&self, device: usize, meter: Device) -> Result<Box<dyn LocalObjective>, Error> {
        let site = self.sites[device % self.sites.len()].clone();
        let estimator = ParameterShift { shots: Shots::PerCircuit(self.shots) };
        Ok(Box::new(ExpectationObjective::new(site, estimator, meter)?))
    }
}

/// How answers are weighted in an average.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregation {
    /// By the shots that were spent on them: the average of all shots, as if one device had taken them.
    Shots,
    /// Every device the same.
    Equal,
}

impl Aggregation {
    fn weight(self, shots: u64) -> f64 {
        match self {
            Self::Shots => shots as f64,
            Self::Equal => 1.0,
        }
    }
}

/// How many devices fared how in a round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turnout {
    /// Answers that count.
    pub answered: usize,
    /// Answers after the deadline.
    pub late: usize,
    /// Answers that were lost.
    pub lost: usize,
    /// Devices that took no part.
    pub absent: usize,
    /// Devices without enough budget left.
    pub refused: usize,
}

impl Turnout {
    fn count(&mut self, fate: Fate) {
        *match fate {
            Fate::Answered => &mut self.answered,
            Fate::Late => &mut self.late,
            Fate::Lost => &mut self.lost,
            Fate::Absent => &mut self.absent,
            Fate::Refused => &mut self.refused,
        } += 1;
    }
}

/// What a device did: its answer if it came to one, and its ledger afterwards.
struct Work<T> {
    answer: Option<T>,
    ledger: Ledger,
}

/// A round that is over.
struct Settled<T> {
    /// Answers that count, in the order of the devices, with the shots spent on each.
    answers: Vec<(T, u64)>,
    turnout: Turnout,
    /// Jobs, circuits, shots and joules of all devices; the seconds are those of the round, as devices work at the same time.
    bill: Bill,
}

/// One round: the devices that take part work in parallel, and are settled in their order.
fn round<T: Send>(
    fleet: &mut Fleet,
    simulators: &Simulators,
    number: u64,
    work: impl Fn(usize, Device) -> Result<Work<T>, Error> + Sync,
) -> Result<Settled<T>, Error> {
    let done: Vec<(Attendance, Option<Work<T>>)> = (0..fleet.len())
        .into_par_iter()
        .map(|device| {
            let attendance = fleet.attendance(number, device);
            if attendance == Attendance::Absent {
                return Ok((attendance, None));
            }
            Ok((attendance, Some(work(device, simulators.device(fleet, device))?)))
        })
        .collect::<Vec<Result<_, Error>>>()
        .into_iter()
        .collect::<Result<_, _>>()?;
    let mut settled = Settled { answers: Vec::new(), turnout: Turnout::default(), bill: Bill::ZERO };
    let mut times = Vec::with_capacity(done.len());
    for (device, (attendance, work)) in done.into_iter().enumerate() {
        let Some(Work { answer, ledger }) = work else {
            settled.turnout.count(Fate::Absent);
            continue;
        };
        let before = fleet.ledgers()[device].bill;
        let fate = fleet.settle(device, ledger, attendance, answer.is_some());
        settled.turnout.count(fate);
        let after = ledger.bill;
        let shots = after.shots - before.shots;
        // A device may refuse after it has done part of its work.
        let seconds = after.seconds - before.seconds;
        times.push((fate, seconds));
        settled.bill.jobs += after.jobs - before.jobs;
        settled.bill.circuits += after.circuits - before.circuits;
        settled.bill.shots += shots;
        settled.bill.joules += after.joules - before.joules;
        if let (Fate::Answered, Some(answer)) = (fate, answer) {
            settled.answers.push((answer, shots));
        }
    }
    settled.bill.seconds = fleet.round_seconds(times);
    Ok(settled)
}

/// The streams of a device in a round.
fn device_streams(streams_of: &str, seed: u64, round: u64, device: usize) -> Streams {
    Streams::new(seed, experiment::stream_key(&format!("{streams_of} round {round} device {device}")))
}
