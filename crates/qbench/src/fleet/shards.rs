//! Data that are dealt out to the devices of a fleet.

use qgrad::{ParameterShift, Shots};
use qiot_profile::Ledger;
use qopt::{Answer, Bill, Objective, ObjectiveError, Query, Request, StepStreams};

use super::{Device, LocalObjective, LocalTask};
use crate::Error;
use crate::tasks::{ClassificationObjective, KeptDevice, Sharded};

/// A classifier, read by parameter shift: device `k` has the shard with number `k` modulo their number, and nobody sees the samples
/// of another shard.
pub struct LocalClassification {
    data: Sharded,
    shots: u64,
}

impl LocalClassification {
    /// From [sharded](crate::tasks::Classification::sharded) data and the shots of each circuit.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] for 0 shots.
    pub fn new(data: Sharded, shots: u64) -> Result<Self, Error> {
        if shots == 0 {
            let what = "the number of shots per circuit";
            return Err(Error::Range { what, value: 0.0, allowed: "at least 1" });
        }
        Ok(Self { data, shots })
    }

    /// The data, for the start and for judging a point.
    #[must_use]
    pub fn data(&self) -> &Sharded {
        &self.data
    }
}

impl LocalTask for LocalClassification {
    fn dimension(&self) -> usize {
        self.data.start().len()
    }

    fn objective(&self, device: usize, meter: Device) -> Result<Box<dyn LocalObjective>, Error> {
        let device_of_shard = KeptDevice::new(meter);
        let estimator = Box::new(ParameterShift { shots: Shots::PerCircuit(self.shots) });
        let backend = Box::new(device_of_shard.clone());
        let objective = self.data.objective(device % self.data.len(), estimator, backend);
        Ok(Box::new(OfShard { objective, device: device_of_shard }))
    }
}

/// The objective of a shard, with the device that it is measured on.
struct OfShard {
    objective: ClassificationObjective,
    device: KeptDevice,
}

impl LocalObjective for OfShard {
    fn ledger(&self) -> Ledger {
        self.device.ledger()
    }
}

impl Objective for OfShard {
    fn dimension(&self) -> usize {
        self.objective.dimension()
    }

    fn price(&self, request: &Request) -> Bill {
        self.objective.price(request)
    }

    fn evaluate(
        &mut self,
        theta: &[f64],
        request: &Request,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        self.objective.evaluate(theta, request, streams, answer)
    }

    fn price_query(&self, query: &Query<'_>) -> Option<Bill> {
        self.objective.price_query(query)
    }

    fn evaluate_query(
        &mut self,
        theta: &[f64],
        query: &Query<'_>,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        self.objective.evaluate_query(theta, query, streams, answer)
    }

    fn loss_scale(&self) -> f64 {
        self.objective.loss_scale()
    }
}
