//! A fleet as one objective.

use qiot_profile::fleet::Fleet;
use qopt::{Answer, Bill, Estimate, Objective, ObjectiveError, Request, Role, StepStreams};
use rand::Rng;
use rayon::prelude::*;

use super::{Aggregation, LocalTask, Simulators, Turnout, Work, device_streams, round};
use crate::Error;

/// The weighted mean of the local losses of the devices that answer.
///
/// Every step is a round: devices drop out anew, the same ones for all queries of the step. With local losses that differ, the
/// mean depends on who answers, which is not part of the standard errors: these are of the shots alone, `sqrt(sum w^2 s^2) / sum
/// w`. A round in which nobody answers ends a run normally, as an exhausted budget does.
///
/// **Bill**: jobs, circuits, shots and joules of all devices that worked, whether or not their answers counted; seconds of the
/// round, as the devices work at the same time. **Cost**: the simulation of one device after the other on each thread.
pub struct FleetObjective<T> {
    fleet: Fleet,
    simulators: Simulators,
    task: T,
    aggregation: Aggregation,
    turnouts: Vec<Turnout>,
}

/// The stream that names the round of a step.
const ROUND: Role = Role::User(255);

/// What a device answers.
struct Local {
    value: Option<Estimate>,
    gradient: Vec<f64>,
    std_errors: Vec<f64>,
}

impl<T: LocalTask> FleetObjective<T> {
    /// A fleet and what it measures.
    #[must_use]
    pub fn new(fleet: Fleet, task: T, aggregation: Aggregation) -> Self {
        Self { simulators: Simulators::ideal(&fleet), fleet, task, aggregation, turnouts: Vec::new() }
    }

    /// The same fleet with the noise of the devices' calibrations ([`qiot_profile::DeviceSimulator`]).
    ///
    /// # Errors
    ///
    /// [`Error::Device`] if a profile contradicts itself.
    pub fn with_noise(self) -> Result<Self, Error> {
        let simulators = Simulators::noisy(&self.fleet)?;
        Ok(Self { simulators, ..self })
    }

    /// The fleet, for its ledgers.
    #[must_use]
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// How many devices fared how, round by round.
    #[must_use]
    pub fn turnouts(&self) -> &[Turnout] {
        &self.turnouts
    }

    fn measure(
        &mut self,
        theta: &[f64],
        request: &Request,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), Error> {
        // The same for all queries of a step: a point and its candidate are judged by the same devices on the same data.
        let number = streams.rng(ROUND).next_u64();
        let (task, step, query) = (&self.task, streams.step(), streams.query());
        let settled = round(&mut self.fleet, &self.simulators, number, |device, meter| {
            let mut objective = task.objective(device, meter)?;
            let mut own = Answer::default();
            let streams = device_streams("fleet objective", number, step, device).at(step).with_query(query);
            let outcome = objective.evaluate(theta, request, &streams, &mut own);
            let ledger = objective.ledger();
            match outcome {
                Ok(()) => {
                    let Answer { value, gradient, gradient_std_errors: std_errors, .. } = own;
                    Ok(Work { answer: Some(Local { value, gradient, std_errors }), ledger })
                }
                Err(ObjectiveError::Exhausted { .. }) => Ok(Work { answer: None, ledger }),
                Err(error) => Err(Error::Objective(error)),
            }
        })?;
        self.turnouts.push(settled.turnout);
        answer.clear();
        answer.bill = settled.bill;
        let weights: Vec<f64> = settled.answers.iter().map(|(_, shots)| self.aggregation.weight(*shots)).collect();
        let total: f64 = weights.iter().sum();
        if total == 0.0 {
            return Err(Error::Objective(ObjectiveError::Exhausted {
                what: "no device of the fleet answered".to_owned(),
            }));
        }
        let mean = |of: &dyn Fn(&Local) -> Estimate| {
            let (mut sum, mut variance) = (0.0, 0.0);
            for ((local, _), weight) in settled.answers.iter().zip(&weights) {
                let share = weight / total;
                let Estimate { value, std_error } = of(local);
                sum += share * value;
                variance += (share * std_error).powi(2);
            }
            Estimate { value: sum, std_error: variance.sqrt() }
        };
        if request.value {
            answer.value = Some(mean(&|local| local.value.unwrap_or_default()));
        }
        if request.gradient {
            for k in 0..theta.len() {
                let component = mean(&|local| Estimate {
                    value: local.gradient[k],
                    std_error: local.std_errors.get(k).copied().unwrap_or_default(),
                });
                answer.gradient.push(component.value);
                answer.gradient_std_errors.push(component.std_error);
            }
        }
        Ok(())
    }
}

impl<T: LocalTask> Objective for FleetObjective<T> {
    fn dimension(&self) -> usize {
        self.task.dimension()
    }

    /// The sum over all devices, as if all took part; the seconds are those of the slowest.
    fn price(&self, request: &Request) -> Bill {
        let price = |device: usize| {
            let meter = self.simulators.device(&self.fleet, device);
            // What cannot be set up fails when it is evaluated.
            self.task.objective(device, meter).map_or(Bill::ZERO, |objective| objective.price(request))
        };
        let prices: Vec<Bill> = (0..self.fleet.len()).into_par_iter().map(price).collect();
        let mut total: Bill = prices.iter().sum();
        total.seconds = prices.iter().fold(0.0, |most, price| f64::max(most, price.seconds));
        total.seconds = total.seconds.min(self.fleet.habits().deadline_seconds.unwrap_or(f64::INFINITY));
        total
    }

    fn evaluate(
        &mut self,
        theta: &[f64],
        request: &Request,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        if request.metric {
            return Err(ObjectiveError::Unsupported { what: "a metric tensor" });
        }
        self.measure(theta, request, streams, answer).map_err(|error| match error {
            Error::Objective(error) => error,
            other => ObjectiveError::Failed(Box::new(other)),
        })
    }
}
