//! Gradient variances without sampling, where the second moments close on Pauli strings.

use std::collections::HashSet;
use std::f64::consts::PI;

use num_complex::Complex64;
use qcore::{
    Action, Angle, Circuit, Control, DensityMatrix, Instruction, NoiseModel, NoisyBinding, NoisyProgram, Operation,
    PauliString, PauliSum, Program, RotationGenerator,
};

use super::AngleLaw;
use crate::Error;

/// Widest register: a vector has `4^n` entries.
const WIDEST: usize = 10;

/// Distance from a Clifford gate or a whole number that is rounding.
const ROUNDING: f64 = 1e-10;

/// One gate as a map of Pauli strings.
enum Move {
    /// A rotation by this string, whose angle is uniform on the circle.
    Turn { x: usize, z: usize, parameter: usize, factor: f64 },
    /// A Clifford gate: where each string on its qubits goes.
    Permute { qubits: Vec<usize>, to: Vec<usize> },
}

/// The exact variances of the derivatives with respect to all parameters over uniform angles; their means are 0.
///
/// A rotation `exp(-i t P / 2)` with `t` uniform on the circle sends the square of the weight of a string that does not commute
/// with `P` half to the string and half to its product with `P`, and Clifford gates permute strings: second moments follow a
/// stochastic process on strings (A. Letcher, S. Woerner, C. Zoufal, Quantum 8, 1484 (2024); J. Napp, arXiv 2203.06174). One
/// vector runs from the state, one from the observable, and each derivative is read where they meet.
///
/// `None` where the moments do not close: angles that are not uniform over whole turns, a parameter in more than one rotation or in
/// other than `constant + whole number * parameter`, a parametrized gate that is not one rotation by a Pauli string (or a
/// phase), a fixed gate that is no Clifford gate or on more than three qubits, terms of the observable that stay correlated,
/// more than 10 qubits.
///
/// **Cost**: `4^n` per gate, twice; memory for about `2 sqrt(gates)` vectors of `8 * 4^n` bytes.
///
/// # Errors
///
/// [`Error::Circuit`] if the observable reaches beyond the register.
pub fn exact_gradient_variances(
    circuit: &Circuit,
    observable: &PauliSum,
    angles: AngleLaw,
) -> Result<Option<Vec<f64>>, Error> {
    let n = circuit.num_qubits();
    if observable.width() > n {
        let (what, got, expected) = ("observable", observable.width(), n);
        return Err(qcore::Error::WidthMismatch { what, got, expected }.into());
    }
    let AngleLaw::Uniform { low, high } = angles else { return Ok(None) };
    let turns = (high - low) / (2.0 * PI);
    if n > WIDEST || turns < 0.5 || (turns - turns.round()).abs() > ROUNDING {
        return Ok(None);
    }
    let Some(moves) = moves(circuit)? else { return Ok(None) };
    if stays_correlated(observable, &moves) {
        return Ok(None);
    }
    Ok(Some(variances(n, observable, &moves, circuit.parameters().len())))
}

/// The gates of a circuit as maps of strings.
fn moves(circuit: &Circuit) -> Result<Option<Vec<Move>>, Error> {
    let program = Program::compile(circuit);
    let mut used = vec![false; circuit.parameters().len()];
    let mut moves = Vec::new();
    for (index, operation) in circuit.operations().iter().enumerate() {
        if operation.angles().iter().all(Angle::is_constant) {
            if operation.qubits().is_empty() {
                continue;
            }
            let Some(to) = permutation(operation)? else { return Ok(None) };
            moves.push(Move::Permute { qubits: operation.qubits().to_vec(), to });
            continue;
        }
        let mut rotations = program.rotations().iter().filter(|rotation| rotation.operation() == index);
        let (Some(rotation), None) = (rotations.next(), rotations.next()) else { return Ok(None) };
        let string = match rotation.generator() {
            RotationGenerator::HalfPauli { string, controls: 0 } => string,
            RotationGenerator::Phase { mask } if mask.count_ones() <= 1 => PauliString::from_masks(0, mask),
            _ => return Ok(None),
        };
        // A decomposed gate is more than its one rotation.
        let whole = match operation.instruction() {
            Instruction::Gate(gate) => matches!(gate.spec().action, Action::Rotation { .. }),
            Instruction::PauliRotation(_) => true,
            _ => false,
        };
        let Some((_, &[(parameter, factor)])) = rotation.angle().as_affine() else { return Ok(None) };
        let whole_number = (factor - factor.round()).abs() < ROUNDING && factor.round() != 0.0;
        if !whole || !whole_number || std::mem::replace(&mut used[parameter.index()], true) {
            return Ok(None);
        }
        let (x, z) = (string.x_mask() as usize, string.z_mask() as usize);
        moves.push(Move::Turn { x, z, parameter: parameter.index(), factor });
    }
    Ok(Some(moves))
}

/// Where a fixed gate takes each string on its qubits, without the sign; `None` if it is no Clifford gate. A string on `k` qubits
/// is a number with the flips in the lower `k` bits and the signs above.
fn permutation(operation: &Operation) -> Result<Option<Vec<usize>>, Error> {
    let qubits = operation.qubits();
    let k = qubits.len();
    if k > 3 {
        return Ok(None);
    }
    // The same gate on qubits 0 to k - 1.
    let place = |qubit: usize| qubits.iter().position(|&q| q == qubit).expect("one of its own");
    let operands: Vec<usize> = operation.operands().iter().map(|&qubit| place(qubit)).collect();
    let plain = match operation.instruction() {
        Instruction::Gate(gate) => Operation::gate(*gate, &operands, operation.angles())?,
        Instruction::Unitary(matrix) => Operation::unitary(&operands, matrix)?,
        Instruction::PauliRotation(string) => {
            let moved = |mask: u64| (0..k).fold(0, |moved, at| moved | (mask >> qubits[at] & 1) << at);
            let string = PauliString::from_masks(moved(string.x_mask()), moved(string.z_mask()));
            Operation::pauli_rotation(string, operation.angles()[0].clone())?
        }
        _ => return Ok(None),
    };
    let controls: Vec<Control> =
        operation.controls().map(|control| Control { qubit: place(control.qubit), ..control }).collect();
    let mut circuit = Circuit::new(k)?;
    // The angles are constants, of a circuit that may have parameters.
    circuit.push(plain.controlled(&controls)?)?;
    let program = NoisyProgram::compile(&circuit, &NoiseModel::new())?;
    let binding = NoisyBinding::new(&program);
    let strings = 1_u64 << (2 * k);
    let string = |index: u64| PauliString::from_masks(index % (1 << k), index >> k);
    let mut to = vec![0];
    for index in 1..strings {
        // (I + P) / 2^k becomes (I + U P U*) / 2^k.
        let mut rho = DensityMatrix::from_matrix(k, &one_plus(k, string(index)))?;
        rho.apply(&program, &binding)?;
        let mut image = None;
        for candidate in 1..strings {
            if (rho.pauli_expectation(string(candidate))?.abs() - 1.0).abs() < ROUNDING {
                image = Some(candidate as usize);
            }
        }
        match image {
            Some(image) => to.push(image),
            None => return Ok(None),
        }
    }
    Ok(Some(to))
}

/// `(I + P) / 2^k`, row-major.
fn one_plus(k: usize, string: PauliString) -> Vec<Complex64> {
    let dimension = 1 << k;
    let (x, z) = (string.x_mask() as usize, string.z_mask() as usize);
    let mut matrix = vec![Complex64::ZERO; dimension * dimension];
    for b in 0..dimension {
        // P = i^|x & z| X^x Z^z.
        let power = (x & z).count_ones() + 2 * (b & z).count_ones();
        matrix[b * dimension + b] += 1.0 / dimension as f64;
        matrix[(b ^ x) * dimension + b] += Complex64::I.powu(power) / dimension as f64;
    }
    matrix
}

/// Whether two strings, as flips and signs, anticommute.
fn anticommute((x, z): (usize, usize), (other_x, other_z): (usize, usize)) -> bool {
    !((x & other_z).count_ones() + (z & other_x).count_ones()).is_multiple_of(2)
}

/// The image of a string under a Clifford gate.
fn image((x, z): (usize, usize), qubits: &[usize], to: &[usize]) -> (usize, usize) {
    let k = qubits.len();
    let local = qubits
        .iter()
        .enumerate()
        .fold(0, |local, (at, &qubit)| local | (x >> qubit & 1) << at | (z >> qubit & 1) << (at + k));
    qubits.iter().enumerate().fold((x, z), |(x, z), (at, &qubit)| {
        let bits = [to[local] >> at & 1, to[local] >> (at + k) & 1];
        (x & !(1 << qubit) | bits[0] << qubit, z & !(1 << qubit) | bits[1] << qubit)
    })
}

/// The inverse of a permutation.
fn inverse(to: &[usize]) -> Vec<usize> {
    let mut from = vec![0; to.len()];
    to.iter().enumerate().for_each(|(source, &target)| from[target] = source);
    from
}

/// Whether the product of two terms of the observable commutes with every rotation that it meets on its way back to the state:
/// only then the product of their weights has a mean.
fn stays_correlated(observable: &PauliSum, moves: &[Move]) -> bool {
    let terms: Vec<(usize, usize)> = observable
        .terms()
        .iter()
        .filter(|(coefficient, _)| *coefficient != 0.0)
        .map(|(_, string)| (string.x_mask() as usize, string.z_mask() as usize))
        // The derivative of the identity is 0.
        .filter(|&string| string != (0, 0))
        .collect();
    let mut products = HashSet::new();
    for (at, &(x, z)) in terms.iter().enumerate() {
        products.extend(terms[..at].iter().map(|&(other_x, other_z)| (x ^ other_x, z ^ other_z)));
    }
    for step in moves.iter().rev() {
        match step {
            Move::Turn { x, z, .. } => products.retain(|&product| !anticommute(product, (*x, *z))),
            Move::Permute { qubits, to } => {
                let from = inverse(to);
                products = products.into_iter().map(|product| image(product, qubits, &from)).collect();
            }
        }
        if products.is_empty() {
            return false;
        }
    }
    true
}

/// `v[P] <- v[image of P]` for all strings.
fn pull(n: usize, values: &[f64], qubits: &[usize], to: &[usize]) -> Vec<f64> {
    let mask = (1 << n) - 1;
    (0..values.len())
        .map(|index| {
            let (x, z) = image((index & mask, index >> n), qubits, to);
            values[x | z << n]
        })
        .collect()
}

/// Half of every weight that does not commute with the string goes to the product with it.
fn mix(n: usize, values: &mut [f64], x: usize, z: usize) {
    let (mask, product) = ((1 << n) - 1, x | z << n);
    for index in 0..values.len() {
        let partner = index ^ product;
        if index < partner && anticommute((index & mask, index >> n), (x, z)) {
            let half = 0.5 * (values[index] + values[partner]);
            (values[index], values[partner]) = (half, half);
        }
    }
}

/// The variances, from the vectors of both sides; strings are numbers with the flips in the lower `n` bits.
fn variances(n: usize, observable: &PauliSum, moves: &[Move], parameters: usize) -> Vec<f64> {
    let size = 1_usize << (2 * n);
    let mask = (1 << n) - 1;
    let stride = (1..).find(|stride| stride * stride >= moves.len()).unwrap_or(1);
    // From the state: the mean square of the string's value behind the gates so far. In |0..0> it is 1 without flips, else 0.
    let step = |values: &mut Vec<f64>, step: &Move| match step {
        Move::Turn { x, z, .. } => mix(n, values, *x, *z),
        Move::Permute { qubits, to } => *values = pull(n, values, qubits, &inverse(to)),
    };
    let mut forward: Vec<f64> = (0..size).map(|index| f64::from(u8::from(index & mask == 0))).collect();
    let mut checkpoints = Vec::new();
    for run in moves.chunks(stride) {
        checkpoints.push(forward.clone());
        run.iter().for_each(|next| step(&mut forward, next));
    }
    // From the observable: the squares of its coefficients.
    let mut backward = vec![0.0; size];
    for &(coefficient, string) in observable.terms() {
        backward[string.x_mask() as usize | (string.z_mask() as usize) << n] += coefficient * coefficient;
    }
    let mut variances = vec![0.0; parameters];
    for (run, checkpoint) in moves.chunks(stride).zip(checkpoints).rev() {
        let mut behind = Vec::with_capacity(run.len());
        let mut values = checkpoint;
        for next in run {
            step(&mut values, next);
            behind.push(values.clone());
        }
        for (next, behind) in run.iter().zip(behind).rev() {
            match next {
                Move::Turn { x, z, parameter, factor } => {
                    // The derivative of cos t P + sin t P' has the same mean squares as the value itself.
                    let sum = (0..size)
                        .filter(|&index| anticommute((index & mask, index >> n), (*x, *z)))
                        .map(|index| backward[index] * behind[index])
                        .sum::<f64>();
                    variances[*parameter] = factor * factor * sum;
                    mix(n, &mut backward, *x, *z);
                }
                Move::Permute { qubits, to } => backward = pull(n, &backward, qubits, to),
            }
        }
    }
    variances
}
