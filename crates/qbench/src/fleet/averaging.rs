//! Federated averaging: local runs, and the mean of where they end.

use std::ops::ControlFlow;

use qiot_profile::fleet::Fleet;
use qopt::{Bill, Budget, ConfigError, Method, Runner};

use super::{Aggregation, LocalTask, Simulators, Turnout, Work, device_streams, round};
use crate::Error;

/// Sets up the method of a device at the common point: device and point.
type Build = dyn Fn(usize, &[f64]) -> Result<Box<dyn Method>, ConfigError> + Sync;

/// Rounds of local training on a fleet.
///
/// In each round every device that takes part sets up its method at the common point, runs some iterations of it on its own
/// loss and meter, and sends where it ended; the common point becomes the weighted mean of what arrives in time. Methods are set
/// up anew in every round: no state of an optimizer stays on a device. A device whose budget ends in the middle of its
/// iterations sends where it got to; one that cannot do a single iteration is [refused](Turnout::refused).
///
/// The state between rounds is the point ([`theta`](Self::theta)), the number of the next round and the ledgers of the fleet.
pub struct Federated<T> {
    fleet: Fleet,
    simulators: Simulators,
    task: T,
    aggregation: Aggregation,
    iterations: u64,
    seed: u64,
    method: Box<Build>,
    theta: Vec<f64>,
    rounds: u64,
}

/// What a round came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Round {
    /// Its number, from 0.
    pub number: u64,
    /// How many devices fared how.
    pub turnout: Turnout,
    /// Jobs, circuits, shots and joules of all devices that worked; the seconds are those of the round.
    pub bill: Bill,
    /// Uphill phases of all devices whose answers counted.
    pub ascents: u64,
}

impl<T: LocalTask> Federated<T> {
    /// Training from `start` with so many local iterations per round, of the method that `method` sets up for a device and a
    /// point.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] unless the start has one component per parameter and there is at least one iteration.
    pub fn new(
        fleet: Fleet,
        task: T,
        start: &[f64],
        iterations: u64,
        seed: u64,
        method: impl Fn(usize, &[f64]) -> Result<Box<dyn Method>, ConfigError> + Sync + 'static,
    ) -> Result<Self, Error> {
        if start.len() != task.dimension() {
            let (what, value) = ("the number of components of the start", start.len() as f64);
            return Err(Error::Range { what, value, allowed: "the number of parameters" });
        }
        if iterations == 0 {
            return Err(Error::Range { what: "the number of local iterations", value: 0.0, allowed: "at least 1" });
        }
        let (theta, method) = (start.to_vec(), Box::new(method));
        let (simulators, aggregation) = (Simulators::ideal(&fleet), Aggregation::Shots);
        Ok(Self { fleet, simulators, task, aggregation, iterations, seed, method, theta, rounds: 0 })
    }

    /// The same training with another average; that by shots without this call.
    #[must_use]
    pub fn with_aggregation(self, aggregation: Aggregation) -> Self {
        Self { aggregation, ..self }
    }

    /// The same training with the noise of the devices' calibrations ([`qiot_profile::DeviceSimulator`]).
    ///
    /// # Errors
    ///
    /// [`Error::Device`] if a profile contradicts itself.
    pub fn with_noise(self) -> Result<Self, Error> {
        let simulators = Simulators::noisy(&self.fleet)?;
        Ok(Self { simulators, ..self })
    }

    /// The same training, going on with this round.
    #[must_use]
    pub fn from_round(self, number: u64) -> Self {
        Self { rounds: number, ..self }
    }

    /// The common point.
    #[must_use]
    pub fn theta(&self) -> &[f64] {
        &self.theta
    }

    /// The fleet, for its ledgers.
    #[must_use]
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// Runs one round. If nothing arrives in time, the common point stays.
    ///
    /// # Errors
    ///
    /// The first error of a device, in their order; a device without budget is none.
    pub fn round(&mut self) -> Result<Round, Error> {
        let number = self.rounds;
        let Self { fleet, simulators, task, method, theta, iterations, seed, .. } = self;
        let settled = round(fleet, simulators, number, |device, meter| {
            let mut objective = task.objective(device, meter)?;
            let mut local = method(device, theta)
                .map_err(|source| Error::Method { method: format!("of device {device}"), source })?;
            let streams = device_streams("federated", *seed, number, device);
            let mut ascents = 0;
            let mut watch = |observation: &qopt::Observation<'_>| {
                ascents = observation.report.ascents;
                ControlFlow::Continue(())
            };
            let outcome = Runner::new(&mut *local, &mut *objective, streams)
                .budget(Budget { iterations: Some(*iterations), ..Budget::UNLIMITED })
                .observe(&mut watch)
                .run()?;
            let answer = (outcome.iterations > 0).then_some((outcome.last, ascents));
            Ok(Work { answer, ledger: objective.ledger() })
        })?;
        self.rounds += 1;
        let weights: Vec<f64> = settled.answers.iter().map(|(_, shots)| self.aggregation.weight(*shots)).collect();
        let total: f64 = weights.iter().sum();
        if total > 0.0 {
            self.theta.fill(0.0);
            for (((theta, _), _), weight) in settled.answers.iter().zip(&weights) {
                for (mean, component) in self.theta.iter_mut().zip(theta) {
                    *mean += weight / total * component;
                }
            }
        }
        let ascents = settled.answers.iter().map(|((_, ascents), _)| ascents).sum();
        Ok(Round { number, turnout: settled.turnout, bill: settled.bill, ascents })
    }
}
