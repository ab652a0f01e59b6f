//! What noise leaves of a circuit, estimated without simulating it.

use qcore::{Circuit, Operation};

use crate::{DeviceProfile, GateCost};

/// What a gate costs where it stands, in whichever order of its operands the device lists it. Nothing is known of gates of a
/// device that lists none.
fn cost(profile: &DeviceProfile, operation: &Operation) -> GateCost {
    let (name, qubits) = (operation.instruction().name(), operation.qubits());
    let turned = || if let &[a, b] = qubits { profile.gate(name, &[b, a]) } else { None };
    profile.gate(name, qubits).or_else(turned).unwrap_or(GateCost { error: 0.0, duration_ns: 0.0 })
}

/// The estimated fidelity of a circuit of native gates on the qubits of the device:
///
/// `prod_gates (1 - e_g) * prod_measured (1 - (p(1|0) + p(0|1)) / 2) * prod_qubits F(t_q)`, where `e_g` is the average gate
/// infidelity and `F(t) = 1/2 + exp(-t/T1)/6 + exp(-t/T2)/3` the average fidelity of relaxation over the time `t_q` for which a
/// qubit waits: between its first gate and the readout if it is measured, or its last gate if not, less the durations of its
/// gates, when every gate starts as soon as its qubits are free. (Products of this kind predict measured success well: P. Murali et
/// al., ASPLOS 2019.)
pub(super) fn estimated(profile: &DeviceProfile, circuit: &Circuit, measured: &[usize]) -> f64 {
    let mut first: Vec<Option<f64>> = vec![None; circuit.num_qubits()];
    let (mut free, mut busy) = (vec![0.0_f64; circuit.num_qubits()], vec![0.0_f64; circuit.num_qubits()]);
    let mut fidelity = 1.0;
    for operation in circuit.operations() {
        let cost = cost(profile, operation);
        let start = operation.qubits().iter().fold(0.0_f64, |start, &qubit| start.max(free[qubit]));
        for &qubit in operation.qubits() {
            // A turn of the frame leaves the qubit in its ground state.
            if cost.duration_ns > 0.0 {
                first[qubit].get_or_insert(start);
            }
            free[qubit] = start + cost.duration_ns;
            busy[qubit] += cost.duration_ns;
        }
        fidelity *= 1.0 - cost.error;
    }
    let end = free.iter().copied().fold(0.0, f64::max);
    for qubit in 0..circuit.num_qubits() {
        let Some(calibration) = profile.qubit(qubit) else { continue };
        let is_measured = measured.contains(&qubit);
        if is_measured {
            fidelity *= 1.0 - (calibration.p1_given_0 + calibration.p0_given_1) / 2.0;
        }
        if let Some(first) = first[qubit] {
            let last = if is_measured { end } else { free[qubit] };
            let idle_us = (last - first - busy[qubit]).max(0.0) * 1e-3;
            let left = |time_us: f64| (-idle_us / time_us).exp();
            fidelity *= 0.5 + left(calibration.t1_us) / 6.0 + left(calibration.t2_us) / 3.0;
        }
    }
    fidelity
}
