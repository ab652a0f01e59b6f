//! What one circuit costs on one device, and which limits it exceeds.

use std::collections::BTreeMap;
use std::rc::Rc;

use qcore::{Circuit, Param, PauliString, PauliSum};
use qgrad::{
    Bill, Difference, Estimator, Expectation, FiniteDifferences, ParameterShift, ShiftRule, Shots, Spsa, Step,
};

use super::fidelity;
use super::report::{FitReport, Reason};
use super::{Error, FitOptions, StepEstimator};
use crate::native::{self, memory_bytes};
use crate::schedule;
use crate::transpile::{self, Transpiled};
use crate::{DeviceProfile, Ledger};

/// Steps, where nothing limits them.
const UNLIMITED: u64 = u64::MAX;

/// Submissions of a training whose waiting for time windows is worked out one by one; later steps take as long as the second half
/// of these did.
const SUBMISSIONS_WORKED_OUT: u64 = 10_000;

/// When the steps of a training are over.
struct Clock {
    /// The ends of the first steps, in seconds; none without time windows, where all steps take the same time.
    ends: Vec<f64>,
    /// From one step to the next behind them, in seconds.
    pace: f64,
}

impl Clock {
    /// How long so many steps take.
    fn seconds(&self, steps: u64) -> f64 {
        let known = self.ends.len() as u64;
        match self.ends.last() {
            Some(&last) if steps > known => last + (steps - known) as f64 * self.pace,
            Some(_) => steps.checked_sub(1).map_or(0.0, |last| self.ends[last as usize]),
            None => steps as f64 * self.pace,
        }
    }

    /// How many steps are over after so many seconds.
    fn steps_within(&self, seconds: f64) -> u64 {
        let known = self.ends.partition_point(|&end| end <= seconds);
        if known < self.ends.len() {
            return known as u64;
        }
        if self.pace <= 0.0 {
            return UNLIMITED;
        }
        let more = (seconds - self.ends.last().copied().unwrap_or(0.0)) / self.pace;
        let steps = (known as u64).saturating_add(more as u64);
        // A quotient that was rounded up is one step too many.
        if self.seconds(steps) > seconds { steps - 1 } else { steps }
    }
}

/// What does not depend on shots and steps.
pub(super) struct Prepared<'a> {
    pub(super) profile: &'a DeviceProfile,
    pub(super) expectation: Expectation,
    pub(super) parameters: usize,
    native: Rc<Result<Native, Reason>>,
    /// One-norm of the observable without the identity; `None` without observable.
    one_norm: Option<f64>,
}

struct Native {
    circuit: Transpiled,
    layout: Vec<usize>,
    gate_seconds: f64,
    fidelity: f64,
}

/// What can be chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Choice {
    pub(super) shots: u64,
    pub(super) steps: u64,
}

/// What follows from a choice.
pub(super) struct Costs {
    gradients: BTreeMap<&'static str, Bill>,
    step: Bill,
    clock: Clock,
    memory_bytes: u64,
    pub(super) steps_in_budget: Option<u64>,
    pub(super) reasons: Vec<Reason>,
}

/// The most shots that the device gives one circuit.
pub(super) fn shots_limit(profile: &DeviceProfile) -> u64 {
    let limits = &profile.limits;
    let all = [limits.shots_per_circuit, limits.shots_per_job, limits.shots_per_window];
    all.into_iter().flatten().min().unwrap_or(u64::MAX)
}

impl<'a> Prepared<'a> {
    pub(super) fn new(
        circuit: &Circuit,
        observable: Option<&PauliSum>,
        wrt: &[Param],
        profile: &'a DeviceProfile,
    ) -> Result<Self, Error> {
        let every: Vec<usize> = (0..circuit.num_qubits()).collect();
        let measured = observable.cloned().map_or_else(|| PauliString::z_on(&every).map(PauliSum::single), Ok)?;
        let support = measured.terms().iter().fold(0, |mask, (_, string)| mask | string.support());
        let one_norm = observable
            .map(|sum| sum.terms().iter().filter(|(_, string)| string.support() != 0).map(|(c, _)| c.abs()).sum());
        let expectation = Expectation::new(circuit, vec![measured], wrt)?;
        let native = match native::Native::of(profile, circuit) {
            Ok(on_device) => {
                let (layout, native) = (on_device.layout(), on_device.transpiled);
                let on: Vec<usize> =
                    every.iter().filter(|&&q| support >> q & 1 == 1).map(|&q| native.last[q]).collect();
                let fidelity = fidelity::estimated(&on_device.device, &native.circuit, &on);
                Ok(Native { circuit: native, layout, gate_seconds: on_device.gate_seconds, fidelity })
            }
            Err(transpile::Error::Width { needed, allowed }) => Err(Reason::Qubits { needed, allowed }),
            Err(transpile::Error::Disconnected { circuit, device }) => Err(Reason::Connectivity { circuit, device }),
            Err(transpile::Error::Inexpressible { operation, name, missing, .. }) => {
                Err(Reason::NativeGates { operation, name, missing })
            }
            Err(other) => return Err(other.into()),
        };
        Ok(Self { profile, expectation, parameters: circuit.parameters().len(), native: Rc::new(native), one_norm })
    }

    /// The same with fewer parameters differentiated.
    pub(super) fn differentiating(&self, wrt: &[Param]) -> Result<Self, Error> {
        let observables = self.expectation.measurement().observables().to_vec();
        let expectation = Expectation::new(self.expectation.circuit(), observables, wrt)?;
        Ok(Self { expectation, native: Rc::clone(&self.native), ..*self })
    }

    fn native(&self) -> Option<&Native> {
        (*self.native).as_ref().ok()
    }

    /// Gates of one shot, in seconds.
    fn gate_seconds(&self) -> f64 {
        self.native().map_or(self.profile.latency.circuit_seconds, |native| native.gate_seconds)
    }

    /// The bill of a job for this circuit on a device that has spent what is on the ledger, which pays it.
    fn price(&self, job: Bill, ledger: &mut Ledger) -> Bill {
        if job.circuits == 0 {
            return Bill::ZERO;
        }
        let most = schedule::at_most(self.profile, ledger, self.gate_seconds(), job);
        ledger.charge(&most);
        most.bill
    }

    /// The first step of a training that consists of these jobs, and when it and the others are over: so many steps, and those within
    /// the budget, as far as they are worked out.
    fn training(&self, jobs: [Bill; 2], steps: u64) -> (Bill, Clock) {
        let mut ledger = Ledger::default();
        let mut step = || jobs.into_iter().fold(Bill::ZERO, |sum, job| sum + self.price(job, &mut ledger));
        let first = step();
        let limits = &self.profile.limits;
        let Some((seconds, _)) = limits.seconds_total.zip(limits.shots_per_window) else {
            return (first, Clock { ends: Vec::new(), pace: first.seconds });
        };
        let (mut ends, mut end) = (vec![first.seconds], first.seconds);
        for done in 1..SUBMISSIONS_WORKED_OUT / first.jobs.max(1) {
            if end > seconds && done >= steps {
                break;
            }
            end += step().seconds;
            ends.push(end);
        }
        let (last, middle) = (ends.len() - 1, (ends.len() - 1) / 2);
        let pace = if last == 0 { end } else { (end - ends[middle]) / (last - middle) as f64 };
        (first, Clock { ends, pace })
    }

    /// A value and a gradient at each of the rows, with the costs of both.
    pub(super) fn costs(&self, choice: Choice, options: &FitOptions) -> Costs {
        let shift = ParameterShift { shots: Shots::PerCircuit(choice.shots) };
        let values = shift.price_values(&self.expectation, options.rows);
        let spsa = Spsa { directions: 1, step: 0.1, shots: shift.shots };
        let differences =
            FiniteDifferences { difference: Difference::Central, step: Step::Optimal, shots: shift.shots };
        let estimators: [(&'static str, &dyn Estimator); 3] =
            [("parameter_shift", &shift), ("finite_differences", &differences), ("spsa", &spsa)];
        let gradients: BTreeMap<&'static str, Bill> = estimators
            .into_iter()
            .map(|(name, estimator)| (name, estimator.price_vjp(&self.expectation, options.rows)))
            .collect();
        let gradient = gradients[match options.estimator {
            StepEstimator::ParameterShift => "parameter_shift",
            StepEstimator::FiniteDifferences => "finite_differences",
            StepEstimator::Spsa => "spsa",
        }];
        let (step, clock) = self.training([values, gradient], choice.steps);
        let mut costs = Costs {
            gradients,
            step,
            clock,
            memory_bytes: self.memory_bytes(choice),
            steps_in_budget: None,
            reasons: Vec::new(),
        };
        self.judge(choice, options, &mut costs);
        costs
    }

    fn memory_bytes(&self, choice: Choice) -> u64 {
        let gates = self.native().map_or(0, |native| native.circuit.circuit.operations().len() as u64);
        memory_bytes(self.parameters as u64, gates, choice.shots, self.expectation.measurement().num_qubits())
    }

    fn judge(&self, Choice { shots, steps }: Choice, options: &FitOptions, costs: &mut Costs) {
        let (limits, reasons) = (&self.profile.limits, &mut costs.reasons);
        match &*self.native {
            Err(reason) => reasons.push(reason.clone()),
            Ok(native) if native.fidelity < options.min_fidelity => {
                reasons.push(Reason::Fidelity { estimated: native.fidelity, needed: options.min_fidelity });
            }
            Ok(_) => {}
        }
        let above = |needed: u64, limit: Option<u64>| limit.filter(|&allowed| needed > allowed);
        let parameters = self.parameters as u64;
        if let Some(allowed) = above(parameters, limits.parameters) {
            reasons.push(Reason::Parameters { needed: parameters, allowed });
        }
        if let Some(allowed) = above(costs.memory_bytes, limits.memory_bytes) {
            reasons.push(Reason::Memory { needed: costs.memory_bytes, allowed });
        }
        if let Some(allowed) = above(shots, Some(shots_limit(self.profile))) {
            reasons.push(Reason::ShotsPerCircuit { needed: shots, allowed });
        }
        let needed = costs.step.shots.saturating_mul(steps);
        if let Some(allowed) = above(needed, limits.shots_total) {
            reasons.push(Reason::Shots { steps, needed, allowed });
        }
        let needed = costs.step.jobs.saturating_mul(steps);
        if let Some(allowed) = above(needed, limits.jobs_total) {
            reasons.push(Reason::Jobs { steps, needed, allowed });
        }
        let needed_seconds = costs.clock.seconds(steps);
        if let Some(allowed_seconds) = limits.seconds_total.filter(|&allowed| needed_seconds > allowed) {
            reasons.push(Reason::Time { steps, needed_seconds, allowed_seconds });
        }
        let whole =
            |limit: Option<u64>, each: u64| limit.and_then(|limit| limit.checked_div(each)).unwrap_or(UNLIMITED);
        let by_time = limits.seconds_total.map_or(UNLIMITED, |seconds| costs.clock.steps_within(seconds));
        let most =
            whole(limits.shots_total, costs.step.shots).min(whole(limits.jobs_total, costs.step.jobs)).min(by_time);
        costs.steps_in_budget = (most != UNLIMITED).then_some(most);
    }

    /// A bound on the standard error of a component of the gradient by parameter shift from so many shots per circuit, over all
    /// components; see [`fit`](super::fit()).
    fn gradient_std_error(&self, shots: u64, rows: u64) -> Option<f64> {
        let norm = self.one_norm?;
        let mut variances = vec![0.0; self.expectation.wrt().len()];
        for rotation in self.expectation.program().rotations() {
            let (_, terms) = rotation.angle().as_affine()?;
            let rule = ShiftRule::from_frequencies(rotation.frequencies()).ok()?;
            // Both signs of every shift are measured.
            let squares: f64 = rule.terms().iter().map(|(_, coefficient)| 2.0 * coefficient * coefficient).sum();
            for (parameter, factor) in terms {
                if let Some(position) = self.expectation.wrt().iter().position(|wrt| wrt == parameter) {
                    variances[position] += factor * factor * squares * norm * norm;
                }
            }
        }
        let largest = variances.into_iter().fold(0.0, f64::max);
        Some((largest * rows as f64 / shots as f64).sqrt())
    }

    pub(super) fn report(&self, choice: Choice, options: &FitOptions) -> FitReport {
        let costs = self.costs(choice, options);
        let native = self.native();
        let gradient_std_error = self.gradient_std_error(choice.shots, options.rows);
        let shift = costs.gradients["parameter_shift"];
        let of_budget = |error: f64| {
            let total = self.profile.limits.shots_total.filter(|&total| total > 0 && shift.shots > 0)?;
            Some(error * (shift.shots as f64 / total as f64).sqrt())
        };
        FitReport {
            device: self.profile.name.clone(),
            fits: costs.reasons.is_empty(),
            width: self.expectation.measurement().num_qubits(),
            depth: native.map(|native| native.circuit.depth()),
            native_gates: native.map(|native| native.circuit.gate_counts()),
            swaps: native.map(|native| native.circuit.swaps),
            layout: native.map(|native| native.layout.clone()),
            gates_s: native.map(|native| native.gate_seconds),
            duration_s: native.map(|native| native.gate_seconds + self.profile.readout_seconds()),
            fidelity: native.map(|native| native.fidelity),
            parameters: self.parameters,
            differentiated: self.expectation.wrt().len(),
            memory_bytes: costs.memory_bytes,
            shots_per_circuit: choice.shots,
            circuits_per_gradient: costs.gradients.iter().map(|(&name, bill)| (name, bill.circuits)).collect(),
            shots_per_gradient: costs.gradients.iter().map(|(&name, bill)| (name, bill.shots)).collect(),
            gradient_std_error,
            gradient_std_error_of_budget: gradient_std_error.and_then(of_budget),
            step_shots: costs.step.shots,
            step_jobs: costs.step.jobs,
            step_seconds: costs.step.seconds,
            step_joules: costs.step.joules,
            steps_in_budget: costs.steps_in_budget,
            reasons: costs.reasons,
            advice: Vec::new(),
        }
    }
}
