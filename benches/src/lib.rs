//! Circuits and observables that the benches and the `workloads` binary share. All of them are formulas: no random numbers.
#![forbid(unsafe_code)]

use qcore::{Circuit, Error, Gate, Param, PauliSum};

/// Parameter values `(0.1 + 0.37 k) mod 2 pi`.
#[must_use]
pub fn theta(count: usize) -> Vec<f64> {
    (0..count).map(|k| (0.1 + 0.37 * k as f64) % std::f64::consts::TAU).collect()
}

/// `layers` layers of RY and RZ on every qubit and CZ between neighbours; `2 n layers` parameters.
///
/// # Errors
///
/// Those of [`Circuit::new`].
pub fn hardware_efficient(qubits: usize, layers: usize) -> Result<Circuit, Error> {
    let mut circuit = Circuit::new(qubits)?;
    for layer in 0..layers {
        for q in 0..qubits {
            let (y, z) = (circuit.parameter(format!("y{layer}_{q}"))?, circuit.parameter(format!("z{layer}_{q}"))?);
            circuit.ry(q, y)?.rz(q, z)?;
        }
        for q in 1..qubits {
            circuit.cz(q - 1, q)?;
        }
    }
    Ok(circuit)
}

/// A brickwork: `layers` times RX on every qubit, then CX between neighbours, even and odd bonds in turn; `n layers` parameters.
///
/// # Errors
///
/// Those of [`Circuit::new`].
pub fn brickwork(qubits: usize, layers: usize) -> Result<Circuit, Error> {
    let mut circuit = Circuit::new(qubits)?;
    for layer in 0..layers {
        for q in 0..qubits {
            let x = circuit.parameter(format!("x{layer}_{q}"))?;
            circuit.rx(q, x)?;
        }
        for q in (layer % 2..qubits - 1).step_by(2) {
            circuit.cx(q, q + 1)?;
        }
    }
    Ok(circuit)
}

/// `layers` times RY on every qubit, then CX from every qubit to the next one, in this order; `n layers` parameters.
///
/// # Errors
///
/// Those of [`Circuit::new`].
pub fn chain(qubits: usize, layers: usize) -> Result<Circuit, Error> {
    let mut circuit = Circuit::new(qubits)?;
    for layer in 0..layers {
        for q in 0..qubits {
            let y = circuit.parameter(format!("y{layer}_{q}"))?;
            circuit.ry(q, y)?;
        }
        for q in 1..qubits {
            circuit.cx(q - 1, q)?;
        }
    }
    Ok(circuit)
}

/// `layers` times U on every qubit, then CX from every qubit to the next one around a ring, in this order; `3 n layers` parameters.
///
/// # Errors
///
/// Those of [`Circuit::new`].
pub fn ring(qubits: usize, layers: usize) -> Result<Circuit, Error> {
    let mut circuit = Circuit::new(qubits)?;
    for layer in 0..layers {
        for q in 0..qubits {
            let mut angles = Vec::new();
            for k in 0..3 {
                angles.push(circuit.parameter(format!("u{layer}_{q}_{k}"))?.into());
            }
            circuit.gate(Gate::U, &[q], &angles)?;
        }
        for q in 0..qubits {
            circuit.cx(q, (q + 1) % qubits)?;
        }
    }
    Ok(circuit)
}

/// RY by a parameter on every qubit, then the quantum Fourier transform with its final swaps; `n` parameters.
///
/// # Errors
///
/// Those of [`Circuit::new`].
pub fn fourier(qubits: usize) -> Result<Circuit, Error> {
    let mut circuit = Circuit::new(qubits)?;
    for q in 0..qubits {
        let y = circuit.parameter(format!("y{q}"))?;
        circuit.ry(q, y)?;
    }
    for q in (0..qubits).rev() {
        circuit.h(q)?;
        for (k, lower) in (0..q).rev().enumerate() {
            let angle = std::f64::consts::PI * 0.5_f64.powi(k as i32 + 1);
            circuit.gate(Gate::Cp, &[lower, q], &[angle.into()])?;
        }
    }
    for q in 0..qubits / 2 {
        circuit.gate(Gate::Swap, &[q, qubits - 1 - q], &[])?;
    }
    Ok(circuit)
}

/// Columns of the grid of [`grid`]: the largest divisor of `qubits` that is at most its square root.
fn columns(qubits: usize) -> usize {
    (1..=qubits).take_while(|c| c * c <= qubits).filter(|c| qubits.is_multiple_of(*c)).last().unwrap_or(1)
}

/// `layers` times U on every qubit, then CX along one of the four sets of bonds of a rectangular grid; `3 n layers` parameters.
///
/// # Errors
///
/// Those of [`Circuit::new`].
pub fn grid(qubits: usize, layers: usize) -> Result<Circuit, Error> {
    let mut circuit = Circuit::new(qubits)?;
    let width = columns(qubits);
    for layer in 0..layers {
        for q in 0..qubits {
            let mut angles = Vec::new();
            for k in 0..3 {
                angles.push(circuit.parameter(format!("u{layer}_{q}_{k}"))?.into());
            }
            circuit.gate(Gate::U, &[q], &angles)?;
        }
        for q in 0..qubits {
            let (row, column) = (q / width, q % width);
            let (along, step, room) = match layer % 4 {
                0 | 2 => (column, 1, column + 1 < width),
                _ => (row, width, q + width < qubits),
            };
            if along % 2 == layer % 4 / 2 && room {
                circuit.cx(q, q + step)?;
            }
        }
    }
    Ok(circuit)
}

/// `- sum Z_q Z_{q+1} - 0.8 sum X_q`.
///
/// # Errors
///
/// Those of [`PauliSum::transverse_field_ising`].
pub fn ising(qubits: usize) -> Result<PauliSum, Error> {
    PauliSum::transverse_field_ising(qubits, 1.0, 0.8)
}

/// Member `index` of an ensemble of deep random circuits: RY(pi/4) on every qubit, then `5 n` layers of one rotation per qubit about
/// an axis that a formula picks, and CZ between neighbours. The angle of the first of these rotations is the only parameter; it is
/// returned with its value. (The ensemble of J. R. McClean et al., Nat. Commun. 9, 4812 (2018), without random numbers.)
///
/// # Errors
///
/// Those of [`Circuit::new`].
pub fn plateau_circuit(qubits: usize, index: usize) -> Result<(Circuit, Param, f64), Error> {
    let mut circuit = Circuit::new(qubits)?;
    let parameter = circuit.parameter("theta")?;
    let angle = |k: usize| (0.1 + 0.37 * k as f64 + 0.71 * index as f64) % std::f64::consts::TAU;
    for q in 0..qubits {
        circuit.ry(q, std::f64::consts::FRAC_PI_4)?;
    }
    let mut k = 0;
    for _ in 0..5 * qubits {
        for q in 0..qubits {
            let axis = [Gate::Rx, Gate::Ry, Gate::Rz][(13 * k + 7 * index + k * index + k * k) % 31 % 3];
            circuit.gate(axis, &[q], &[if k == 0 { parameter.into() } else { angle(k).into() }])?;
            k += 1;
        }
        for q in 1..qubits {
            circuit.cz(q - 1, q)?;
        }
    }
    Ok((circuit, parameter, angle(0)))
}
