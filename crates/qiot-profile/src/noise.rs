//! From a calibration to the noise of a simulation.

use num_complex::Complex64;
use qcore::{Channel, Circuit, NoiseModel, Readout, ReadoutError, Selector};

use crate::{DeviceProfile, Error, GateCost};

/// The noise of a device, made from its calibration.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceNoise {
    /// Channels after native gates, and readout errors.
    pub model: NoiseModel,
    /// Gates whose relaxation alone is worse than their calibrated error.
    pub excess: Vec<RelaxationExcess>,
}

/// A gate during which the qubits relax more than its calibrated error allows.
///
/// Error and relaxation times are measured in different experiments on different hours of a day, so that happens. The gate
/// then has relaxation and no depolarizing part, and its infidelity is larger than calibrated.
#[derive(Clone, Debug, PartialEq)]
pub struct RelaxationExcess {
    /// The gate.
    pub gate: String,
    /// Its qubits on the device.
    pub qubits: Vec<usize>,
    /// Calibrated average gate infidelity.
    pub calibrated: f64,
    /// Average gate infidelity of the relaxation alone, which is what the model has.
    pub modelled: f64,
}

impl DeviceProfile {
    /// The noise of circuits whose qubit `k` is the device's qubit `k`: [`noise_on`](Self::noise_on) all qubits.
    ///
    /// # Errors
    ///
    /// As [`noise_on`](Self::noise_on).
    pub fn noise(&self) -> Result<DeviceNoise, Error> {
        let all: Vec<usize> = (0..self.qubits.count).collect();
        self.noise_on(&all)
    }

    /// The noise of circuits whose qubit `k` is the device's qubit `layout[k]`, after each native gate as it is written.
    ///
    /// A gate on `n` qubits (`d = 2^n`) with average gate infidelity `e` and duration `t` is followed by a depolarizing channel
    /// `rho -> (1 - l) rho + l I/d` and then by the thermal relaxation of each of its qubits during `t`, whose average gate
    /// fidelity is `F`; with
    ///
    /// ```text
    /// l = d (F - (1 - e)) / (d F - 1)
    /// ```
    ///
    /// the infidelity of both together is `e`. Where relaxation alone is worse than `e`, `l` is 0 and [`DeviceNoise::excess`]
    /// says so; `l` is at most `d^2 / (d^2 - 1)`, beyond which no such channel exists. A device without calibration has no
    /// relaxation, and a gate without duration none either. The bath is at zero temperature. This is the construction of Qiskit
    /// Aer's `NoiseModel.from_backend`. Idle qubits do not relax.
    ///
    /// **A gate that is not native has no noise here**: see [`check_native`](Self::check_native). Cost: linear in the places of
    /// native gates.
    ///
    /// # Errors
    ///
    /// What [`check`](Self::check) finds; [`Error::Layout`] if the layout names a qubit that the device does not have, or one
    /// twice; [`Error::Noise`] for more qubits than a register of the simulator can have.
    pub fn noise_on(&self, layout: &[usize]) -> Result<DeviceNoise, Error> {
        self.check()?;
        let mut logical = vec![None; self.qubits.count];
        for (k, &qubit) in layout.iter().enumerate() {
            match logical.get_mut(qubit) {
                Some(free @ None) => *free = Some(k),
                _ => return Err(Error::Layout { qubit, count: self.qubits.count }),
            }
        }
        let mut noise = DeviceNoise { model: NoiseModel::new(), excess: Vec::new() };
        for (name, qubits, cost) in self.native() {
            let Some(on) = qubits.iter().map(|&qubit| logical[qubit]).collect::<Option<Vec<usize>>>() else { continue };
            let (channels, relaxation) = self.channels(&qubits, cost)?;
            if relaxation > cost.error {
                let (gate, calibrated) = (name.to_owned(), cost.error);
                noise.excess.push(RelaxationExcess { gate, qubits, calibrated, modelled: relaxation });
            }
            for channel in channels {
                let gates = Selector::every().named(name)?.operands(&on)?;
                noise.model = noise.model.after(gates, channel);
            }
        }
        if self.qubits.calibration.is_some() {
            let errors = layout
                .iter()
                .map(|&qubit| {
                    let qubit = self.qubit(qubit).expect("the layout has been checked");
                    ReadoutError::new(qubit.p1_given_0, qubit.p0_given_1)
                })
                .collect::<Result<Vec<_>, _>>()?;
            noise.model = noise.model.with_readout(Readout::new(&errors)?);
        }
        Ok(noise)
    }

    /// Whether anything of the calibration makes noise: qubits that relax or are misread, or gates with errors.
    #[must_use]
    pub fn has_noise(&self) -> bool {
        let wrong = |gate: &crate::NativeGate| {
            gate.error.is_some_and(|error| error > 0.0) || gate.at.iter().any(|place| place.error > 0.0)
        };
        self.qubits.calibration.is_some() || self.gates.iter().any(wrong)
    }

    /// The channels that follow a gate, in their order, and the average gate infidelity of its relaxation.
    fn channels(&self, qubits: &[usize], cost: GateCost) -> Result<(Vec<Channel>, f64), Error> {
        let relaxations = qubits
            .iter()
            .filter_map(|&qubit| self.qubit(qubit))
            .filter(|_| cost.duration_ns > 0.0)
            .map(|qubit| {
                let duration_us = cost.duration_ns * 1e-3;
                let channel = Channel::thermal_relaxation(qubit.t1_us, qubit.t2_us, duration_us)?;
                // Weights 1, e^(-t/T1), e^(-t/T2) twice on the diagonal in the Pauli basis.
                let (decay, dephasing) = ((-duration_us / qubit.t1_us).exp_m1(), (-duration_us / qubit.t2_us).exp_m1());
                Ok((channel, 0.25 * (decay + 2.0 * dephasing)))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        // Products of 1 - x, with their deviation from 1 kept to its last digits.
        let deviation = relaxations.iter().fold(0.0, |sum: f64, (_, x)| sum + x + sum * x);
        let dimension = f64::from(1_u32 << qubits.len());
        let infidelity = -dimension / (dimension + 1.0) * deviation;
        let square = dimension * dimension;
        let most = square / (square - 1.0);
        let share = dimension * (cost.error.min(dimension / (dimension + 1.0)) - infidelity)
            / (dimension * (1.0 - infidelity) - 1.0);
        let mut channels = Vec::new();
        if share > 0.0 {
            // The simulator's parameter is the probability of an error and not of a replacement by the mixed state.
            let p = share.min(most) * (1.0 - 1.0 / square);
            channels.push(if qubits.len() == 1 { Channel::depolarizing(p)? } else { Channel::depolarizing_two(p)? });
        }
        match &relaxations[..] {
            [] => {}
            [(channel, _)] => channels.push(channel.clone()),
            [(first, _), (second, _), ..] => channels.push(product(first, second)?),
        }
        Ok((channels, infidelity))
    }

    /// Says whether the device executes every operation of a circuit as it is written, qubit `k` being the device's qubit `k`.
    ///
    /// # Errors
    ///
    /// [`Error::NotNative`] for the first operation that it does not execute on its qubits.
    pub fn check_native(&self, circuit: &Circuit) -> Result<(), Error> {
        for (index, operation) in circuit.operations().iter().enumerate() {
            let (gate, qubits) = (operation.instruction().name(), operation.qubits());
            let native = operation.controls().len() == 0 && self.gate(gate, qubits).is_some();
            if !qubits.is_empty() && !native {
                return Err(Error::NotNative { index, gate, qubits: qubits.to_vec() });
            }
        }
        Ok(())
    }
}

/// Two channels side by side, the first one on the lower bit.
fn product(first: &Channel, second: &Channel) -> Result<Channel, qcore::Error> {
    let operators: Vec<Vec<Complex64>> = first
        .kraus()
        .iter()
        .flat_map(|low| second.kraus().iter().map(move |high| (low, high)))
        .map(|(low, high)| {
            let entry = |row: usize, column: usize| high[row / 2 * 2 + column / 2] * low[row % 2 * 2 + column % 2];
            (0..16).map(|at| entry(at / 4, at % 4)).collect()
        })
        .collect();
    Channel::from_kraus(2, &operators)
}
