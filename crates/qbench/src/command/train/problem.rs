//! What is trained: the expectation value of a circuit, or a classifier of data.

use qcore::{Circuit, Operation, Param, PauliString, PauliSum, StateVector, qasm};
use qgrad::objective::ExpectationObjective;
use qgrad::{Estimator, Expectation, ParameterShift, Shots};
use qiot_profile::fit::{FitOptions, FitReport, fit};
use qiot_profile::transpile::{Target, transpile};
use qiot_profile::{DeviceProfile, DeviceSimulator};
use qopt::{Role, Streams};

use super::Flags;
use crate::command::Terminal;
use crate::command::error::CommandError;
use crate::command::input::{CircuitFile, CircuitFlags};
use crate::plateau::AngleLaw;
use crate::tasks::{Assessment, Instance, Readout, Task, Trainable};

/// Widest circuit whose exact loss is worked out at the end.
const MAX_EXACT_QUBITS: usize = 20;

/// Widest register, with those qubits through which others are routed, whose exact loss with noise is worked out at the end.
const MAX_NOISY_QUBITS: usize = 8;

pub(super) struct Problem {
    pub(super) circuit: Circuit,
    pub(super) observable: PauliSum,
    /// The parameters that are trained: all, or those that are no data.
    wrt: Vec<Param>,
    /// Data points of a step.
    rows: u64,
    /// What tells equal data by; empty without data.
    pub(super) data: String,
    kind: Kind,
}

enum Kind {
    Circuit(CircuitFile),
    Data(Box<dyn Instance>),
}

impl Problem {
    pub(super) fn read(flags: &Flags, streams: &Streams, terminal: &mut Terminal<'_>) -> Result<Self, CommandError> {
        if let Some((task, data)) = flags.data.read(terminal)? {
            let circuit = task.circuit()?;
            let wrt = (circuit.parameters().len() - task.num_parameters()..circuit.parameters().len()).map(Param::new);
            return Ok(Self {
                observable: PauliSum::single(PauliString::z_on(&[0])?),
                wrt: wrt.collect(),
                rows: task.batch() as u64,
                data: format!("{} {data}", task.description()),
                kind: Kind::Data(task.instance(streams)?),
                circuit,
            });
        }
        let path = flags.circuit.as_deref().expect("the parser asks for a circuit where there are no data");
        let file = CircuitFlags::named(path).read(terminal)?;
        let observable = flags.observable.read(file.num_qubits(), terminal)?;
        let observable = observable.expect("the parser asks for an observable where there are no data");
        let circuit = file.circuit.clone();
        let wrt = (0..circuit.parameters().len()).map(Param::new).collect();
        Ok(Self { circuit, observable, wrt, rows: 1, data: String::new(), kind: Kind::Circuit(file) })
    }

    pub(super) fn is_data(&self) -> bool {
        matches!(self.kind, Kind::Data(_))
    }

    /// Names of the trained parameters.
    pub(super) fn names(&self) -> Vec<String> {
        self.wrt.iter().map(|param| self.circuit.parameters()[param.index()].clone()).collect()
    }

    /// Where training starts if nothing is said.
    pub(super) fn start(&self, streams: &Streams) -> Result<Vec<f64>, CommandError> {
        Ok(match &self.kind {
            Kind::Circuit(_) => AngleLaw::CIRCLE.draw(self.wrt.len(), &mut streams.at(0).rng(Role::Start))?,
            Kind::Data(instance) => instance.start().to_vec(),
        })
    }

    pub(super) fn objective(&self, readout: &Readout) -> Result<Box<dyn Trainable>, CommandError> {
        match &self.kind {
            Kind::Circuit(_) => {
                let expectation = Expectation::new(&self.circuit, vec![self.observable.clone()], &self.wrt)?;
                let (estimator, backend) = readout.reader()?;
                Ok(Box::new(ExpectationObjective::new(expectation, estimator, backend)?))
            }
            Kind::Data(instance) => Ok(instance.objective(readout)?),
        }
    }

    /// What a step by parameter shift costs on a device, and what does not fit.
    pub(super) fn fit(&self, device: &DeviceProfile, shots: u64) -> Result<FitReport, CommandError> {
        let options = FitOptions {
            shots_per_circuit: Some(shots),
            rows: self.rows,
            min_fidelity: 0.0,
            wrt: Some(self.wrt.clone()),
            ..FitOptions::default()
        };
        Ok(fit(&self.circuit, Some(&self.observable), device, &options)?)
    }

    /// The exact loss, and with data how many are told apart; outside of the device and its bill.
    pub(super) fn assess(&self, theta: &[f64]) -> Result<Option<Assessment>, CommandError> {
        match &self.kind {
            Kind::Data(instance) => Ok(Some(instance.assess(theta)?)),
            Kind::Circuit(file) if file.num_qubits() <= MAX_EXACT_QUBITS => {
                let mut state = StateVector::zero(file.num_qubits())?;
                state.apply_circuit(&self.circuit, theta).map_err(|error| file.locate(error))?;
                let loss = state.expectation(&self.observable)?;
                Ok(Some(Assessment { loss, test_loss: None, accuracy: None, test_accuracy: None }))
            }
            Kind::Circuit(_) => Ok(None),
        }
    }

    /// The loss of a circuit with the noise of a device and without that of shots, where a density matrix holds it.
    pub(super) fn noisy_loss(&self, device: &DeviceProfile, theta: &[f64]) -> Result<Option<f64>, CommandError> {
        if self.is_data() {
            return Ok(None);
        }
        let fits = transpile(&self.circuit, &Target::from(device))
            .is_ok_and(|native| native.compact().1.len() <= MAX_NOISY_QUBITS);
        if !fits {
            return Ok(None);
        }
        let expectation = Expectation::new(&self.circuit, vec![self.observable.clone()], &self.wrt)?;
        let mut simulator = DeviceSimulator::noisy(device.clone()).map_err(crate::Error::from)?;
        let exact = ParameterShift { shots: Shots::Exact };
        // Exact values read nothing from the stream.
        let mut rng = Streams::new(0, 0).at(0).rng(Role::Evaluation);
        Ok(Some(exact.values(&expectation, theta, &mut simulator, &mut rng)?.estimates[0].value))
    }

    /// The circuit with its trained angles, as text; data stay parameters.
    pub(super) fn trained(&self, theta: &[f64]) -> Result<String, CommandError> {
        let mut out = Circuit::new(self.circuit.num_qubits())?;
        let mut trained = theta.iter();
        let mut arguments = Vec::new();
        for (index, name) in self.circuit.parameters().iter().enumerate() {
            arguments.push(if self.wrt.contains(&Param::new(index)) {
                qcore::Angle::constant(trained.next().copied().unwrap_or_default())
            } else {
                out.parameter(name)?.into()
            });
        }
        for operation in self.circuit.operations() {
            out.push(with_angles(operation, &arguments)?)?;
        }
        Ok(qasm::to_string(&out)?)
    }
}

/// An operation with its parameters replaced.
fn with_angles(operation: &Operation, arguments: &[qcore::Angle]) -> Result<Operation, qcore::Error> {
    let angles: Vec<qcore::Angle> = operation.angles().iter().map(|angle| angle.substitute(arguments)).collect();
    let controls: Vec<_> = operation.controls().collect();
    match (operation.instruction(), &angles[..]) {
        (qcore::Instruction::Gate(gate), angles) => {
            Operation::gate(*gate, operation.operands(), angles)?.controlled(&controls)
        }
        (qcore::Instruction::PauliRotation(string), [angle]) => {
            Operation::pauli_rotation(*string, angle.clone())?.controlled(&controls)
        }
        _ => Ok(operation.clone()),
    }
}
