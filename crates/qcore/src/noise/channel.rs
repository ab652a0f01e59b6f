//! Noise channels: checked Kraus operators.

use num_complex::Complex64;

use crate::Error;
use crate::kernel::phase_of_product;

/// Largest entry of `|sum_k K*K - 1|` that is taken for rounding.
const TOLERANCE: f64 = 1e-10;

/// Most Kraus operators of a set. A channel on `q` qubits never needs more than `4^q`; sets that are given by more are usual.
const MAX_KRAUS: usize = 1024;

const O: Complex64 = Complex64::new(0.0, 0.0);

/// What is wrong with the numbers that describe a channel.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelFault {
    /// Not a probability.
    #[error("{name} is {value}, not a probability")]
    Probability {
        /// Which one.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// Probabilities that add up to more than 1.
    #[error("the probabilities add up to {sum}")]
    ProbabilitySum {
        /// Their sum.
        sum: f64,
    },
    /// A time that is not positive (a duration may be 0).
    #[error("{name} is {value}, not a time")]
    Time {
        /// Which one.
        name: &'static str,
        /// Its value, in the unit of the caller.
        value: f64,
    },
    /// A coherence time that no relaxation time allows.
    #[error("t2 = {t2} is larger than 2 t1 = {}", 2.0 * t1)]
    Relaxation {
        /// Relaxation time.
        t1: f64,
        /// Coherence time.
        t2: f64,
    },
    /// A set of Kraus operators that is empty or too large.
    #[error("1 to {max} Kraus operators are needed, not {got}")]
    KrausCount {
        /// Operators given.
        got: usize,
        /// Most operators allowed.
        max: usize,
    },
    /// Kraus operators for a number of qubits that is not supported.
    #[error("a channel acts on 1 or 2 qubits, not {got}")]
    Qubits {
        /// Qubits asked for.
        got: usize,
    },
    /// A Kraus operator of the wrong size.
    #[error("Kraus operator {index} has {got} entries, not {expected}")]
    KrausSize {
        /// Its position.
        index: usize,
        /// Entries needed.
        expected: usize,
        /// Entries given.
        got: usize,
    },
    /// Kraus operators that do not preserve the trace.
    #[error("the Kraus operators are not complete: sum K*K differs from the identity by {deviation}")]
    Incomplete {
        /// Largest entry of `|sum K*K - 1|`.
        deviation: f64,
    },
}

/// A completely positive map on one or two qubits that preserves the trace, `rho -> sum_k K rho K*`.
///
/// Conventions are those of M. A. Nielsen and I. L. Chuang, *Quantum Computation and Quantum Information*, section 8.3; a
/// probability `p` of a Pauli error is that of an error, not of a replacement by the maximally mixed state.
///
/// ```
/// use qcore::Channel;
/// let channel = Channel::amplitude_damping(0.1)?;
/// assert_eq!((channel.qubits(), channel.kraus().len()), (1, 2));
/// assert!(Channel::thermal_relaxation(50e-6, 120e-6, 35e-9).is_err()); // T2 > 2 T1
/// # Ok::<(), qcore::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    name: &'static str,
    qubits: usize,
    kraus: Vec<Box<[Complex64]>>,
    /// For a mixture of Pauli strings: their probabilities, in the order of their digits.
    mixture: Option<Box<[f64]>>,
}

impl Channel {
    /// `(1 - p) rho + p/3 (X rho X + Y rho Y + Z rho Z)`.
    ///
    /// # Errors
    ///
    /// [`Error::Channel`] unless `0 <= p <= 1`.
    pub fn depolarizing(p: f64) -> Result<Self, Error> {
        let name = "depolarizing";
        probability(name, "p", p)?;
        Ok(Self::mixed(name, 1, &[1.0 - p, p / 3.0, p / 3.0, p / 3.0]))
    }

    /// `(1 - p) rho + p/15 sum_P P rho P` over the 15 products of Pauli operators on two qubits other than the identity.
    ///
    /// # Errors
    ///
    /// [`Error::Channel`] unless `0 <= p <= 1`.
    pub fn depolarizing_two(p: f64) -> Result<Self, Error> {
        let name = "two-qubit depolarizing";
        probability(name, "p", p)?;
        let mut weights = [p / 15.0; 16];
        weights[0] = 1.0 - p;
        Ok(Self::mixed(name, 2, &weights))
    }

    /// `(1 - p) rho + p X rho X`.
    ///
    /// # Errors
    ///
    /// [`Error::Channel`] unless `0 <= p <= 1`.
    pub fn bit_flip(p: f64) -> Result<Self, Error> {
        let name = "bit flip";
        probability(name, "p", p)?;
        Ok(Self::mixed(name, 1, &[1.0 - p, p, 0.0, 0.0]))
    }

    /// `(1 - p) rho + p Z rho Z`.
    ///
    /// # Errors
    ///
    /// [`Error::Channel`] unless `0 <= p <= 1`.
    pub fn phase_flip(p: f64) -> Result<Self, Error> {
        let name = "phase flip";
        probability(name, "p", p)?;
        Ok(Self::mixed(name, 1, &[1.0 - p, 0.0, p, 0.0]))
    }

    /// `(1 - px - py - pz) rho + px X rho X + py Y rho Y + pz Z rho Z`.
    ///
    /// # Errors
    ///
    /// [`Error::Channel`] unless all three are probabilities and so is their sum.
    pub fn pauli(px: f64, py: f64, pz: f64) -> Result<Self, Error> {
        let name = "Pauli";
        for (which, value) in [("px", px), ("py", py), ("pz", pz)] {
            probability(name, which, value)?;
        }
        let sum = px + py + pz;
        // Three probabilities that were meant to add up to 1 may miss it by their rounding.
        if sum > 1.0 + 4.0 * f64::EPSILON {
            return Err(fault(name, ChannelFault::ProbabilitySum { sum }));
        }
        Ok(Self::mixed(name, 1, &[(1.0 - sum).max(0.0), px, pz, py]))
    }

    /// Decay to `|0>` with probability `p`: `K0 = diag(1, sqrt(1-p))`, `K1 = sqrt(p) |0><1|`.
    ///
    /// # Errors
    ///
    /// [`Error::Channel`] unless `0 <= p <= 1`.
    pub fn amplitude_damping(p: f64) -> Result<Self, Error> {
        let name = "amplitude damping";
        probability(name, "p", p)?;
        Ok(Self::operators(name, &[[1.0, 0.0, 0.0, (1.0 - p).sqrt()], [0.0, p.sqrt(), 0.0, 0.0]]))
    }

    /// Loss of coherence with probability `p`: `K0 = diag(1, sqrt(1-p))`, `K1 = diag(0, sqrt(p))`.
    ///
    /// # Errors
    ///
    /// [`Error::Channel`] unless `0 <= p <= 1`.
    pub fn phase_damping(p: f64) -> Result<Self, Error> {
        let name = "phase damping";
        probability(name, "p", p)?;
        Ok(Self::operators(name, &[[1.0, 0.0, 0.0, (1.0 - p).sqrt()], [0.0, 0.0, 0.0, p.sqrt()]]))
    }

    /// What a qubit suffers in a time `duration`: the population of `|1>` decays as `exp(-t/T1)`, the coherence as
    /// `exp(-t/T2)`, towards `|0>` (a bath at zero temperature). The three times share any one unit; `t1` and `t2` may be
    /// infinite.
    ///
    /// # Errors
    ///
    /// [`Error::Channel`] unless `t1 > 0`, `0 < t2 <= 2 t1` and `duration` is finite and not negative.
    pub fn thermal_relaxation(t1: f64, t2: f64, duration: f64) -> Result<Self, Error> {
        let name = "thermal relaxation";
        for (which, value) in [("t1", t1), ("t2", t2)] {
            if value.is_nan() || value <= 0.0 {
                return Err(fault(name, ChannelFault::Time { name: which, value }));
            }
        }
        if !duration.is_finite() || duration < 0.0 {
            return Err(fault(name, ChannelFault::Time { name: "duration", value: duration }));
        }
        if t2 > 2.0 * t1 {
            return Err(fault(name, ChannelFault::Relaxation { t1, t2 }));
        }
        let decay = -(-duration / t1).exp_m1();
        let coherence = (-duration / t2).exp();
        // At T2 = 2 T1 there is no dephasing of its own: rounding must not make the rest negative.
        let dephasing = (1.0 - decay - coherence * coherence).max(0.0);
        Ok(Self::operators(
            name,
            &[[1.0, 0.0, 0.0, coherence], [0.0, decay.sqrt(), 0.0, 0.0], [0.0, 0.0, 0.0, dephasing.sqrt()]],
        ))
    }

    /// Any set of Kraus operators on one or two qubits, row-major; the first operand is the lowest bit of the index.
    ///
    /// # Errors
    ///
    /// [`Error::Channel`] for another number of qubits, an empty or too large set, an operator of the wrong size, or a set
    /// that misses completeness by more than 1e-10.
    pub fn from_kraus(qubits: usize, operators: &[Vec<Complex64>]) -> Result<Self, Error> {
        let name = "Kraus";
        if qubits == 0 || qubits > 2 {
            return Err(fault(name, ChannelFault::Qubits { got: qubits }));
        }
        if operators.is_empty() || operators.len() > MAX_KRAUS {
            return Err(fault(name, ChannelFault::KrausCount { got: operators.len(), max: MAX_KRAUS }));
        }
        let dimension = 1 << qubits;
        let expected = dimension * dimension;
        if let Some((index, operator)) = operators.iter().enumerate().find(|(_, k)| k.len() != expected) {
            return Err(fault(name, ChannelFault::KrausSize { index, expected, got: operator.len() }));
        }
        let kraus: Vec<Box<[Complex64]>> = operators.iter().map(|k| k.as_slice().into()).collect();
        let deviation = incompleteness(dimension, &kraus);
        // Written so that a deviation that is not a number is refused too.
        if deviation.is_nan() || deviation > TOLERANCE {
            return Err(fault(name, ChannelFault::Incomplete { deviation }));
        }
        Ok(Self { name, qubits, kraus, mixture: None })
    }

    fn operators(name: &'static str, operators: &[[f64; 4]]) -> Self {
        let kraus = operators
            .iter()
            .filter(|entries| entries.iter().any(|&entry| entry != 0.0))
            .map(|entries| entries.iter().map(|&re| Complex64::new(re, 0.0)).collect())
            .collect();
        Self { name, qubits: 1, kraus, mixture: None }
    }

    /// A mixture of Pauli strings with these probabilities, by their digits (I, X, Z, Y; the first qubit is the lowest digit).
    fn mixed(name: &'static str, qubits: usize, weights: &[f64]) -> Self {
        let kraus = (0..weights.len())
            .filter(|&string| weights[string] > 0.0)
            .map(|string| {
                let root = weights[string].sqrt();
                pauli_entries(qubits, string).into_iter().map(|entry| entry * root).collect()
            })
            .collect();
        Self { name, qubits, kraus, mixture: Some(weights.into()) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Qubits it acts on: 1 or 2.
    #[must_use]
    pub fn qubits(&self) -> usize {
        self.qubits
    }

    /// Its Kraus operators, row-major; the first operand is the lowest bit of the index.
    #[must_use]
    pub fn kraus(&self) -> &[Box<[Complex64]>] {
        &self.kraus
    }

    /// Probabilities of the Pauli strings of which it is a mixture.
    pub(super) fn mixture(&self) -> Option<&[f64]> {
        self.mixture.as_deref()
    }

    /// Its matrix in the Pauli basis, row-major: `tr(P_i L(P_j)) / 2^q`.
    pub(super) fn transfer(&self) -> Vec<f64> {
        let size = 1 << (2 * self.qubits);
        let mut sum = vec![0.0; size * size];
        if let Some(weights) = &self.mixture {
            // A string keeps its sign under those that commute with it.
            for row in 0..size {
                let commutes = |string: usize| phase_of_product(row as u64, string as u64) & 1 == 0;
                let signed = |(string, &weight): (usize, &f64)| if commutes(string) { weight } else { -weight };
                sum[row * size + row] = weights.iter().enumerate().map(signed).sum();
            }
            sum[0] = 1.0;
            return sum;
        }
        for operator in &self.kraus {
            for (sum, term) in sum.iter_mut().zip(transfer(self.qubits, operator)) {
                *sum += term;
            }
        }
        // The trace is preserved: the first row is known, and rounding would add up over the gates of a circuit.
        sum[..size].fill(0.0);
        sum[0] = 1.0;
        sum
    }
}

fn fault(channel: &'static str, fault: ChannelFault) -> Error {
    Error::Channel { channel, fault }
}

pub(super) fn probability(channel: &'static str, name: &'static str, value: f64) -> Result<(), Error> {
    if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(fault(channel, ChannelFault::Probability { name, value })) }
}

/// Largest entry of `|sum K*K - 1|`.
fn incompleteness(dimension: usize, kraus: &[Box<[Complex64]>]) -> f64 {
    let mut worst = 0.0_f64;
    for row in 0..dimension {
        for column in 0..dimension {
            let sum: Complex64 = kraus
                .iter()
                .flat_map(|k| (0..dimension).map(move |m| k[m * dimension + row].conj() * k[m * dimension + column]))
                .sum();
            let distance = (sum - f64::from(u8::from(row == column))).norm();
            // `max` would lose a distance that is not a number.
            if distance.is_nan() {
                return distance;
            }
            worst = worst.max(distance);
        }
    }
    worst
}

/// `K rho K*` in the Pauli basis, row-major; digits I, X, Z, Y, the first qubit is the lowest digit.
pub(super) fn transfer(qubits: usize, operator: &[Complex64]) -> Vec<f64> {
    let (dimension, size) = (1 << qubits, 1_usize << (2 * qubits));
    let strings: Vec<Vec<Complex64>> = (0..size).map(|string| pauli_entries(qubits, string)).collect();
    let product = |left: &[Complex64], right: &dyn Fn(usize, usize) -> Complex64| -> Vec<Complex64> {
        (0..dimension * dimension)
            .map(|at| (0..dimension).map(|m| left[at / dimension * dimension + m] * right(m, at % dimension)).sum())
            .collect()
    };
    let mut matrix = vec![0.0; size * size];
    for column in 0..size {
        let left = product(operator, &|m, n| strings[column][m * dimension + n]);
        let image = product(&left, &|m, n| operator[n * dimension + m].conj());
        for row in 0..size {
            let trace: Complex64 = (0..dimension * dimension)
                .map(|at| strings[row][at] * image[at % dimension * dimension + at / dimension])
                .sum();
            matrix[row * size + column] = trace.re / dimension as f64;
        }
    }
    matrix
}

/// The matrix of a Pauli string.
pub(super) fn pauli_entries(qubits: usize, string: usize) -> Vec<Complex64> {
    let dimension = 1 << qubits;
    let mut entries = vec![O; dimension * dimension];
    for column in 0..dimension {
        let (mut row, mut value) = (column, Complex64::new(1.0, 0.0));
        for qubit in 0..qubits {
            let one = column >> qubit & 1 == 1;
            let sign = if one { -1.0 } else { 1.0 };
            match string >> (2 * qubit) & 3 {
                0 => {}
                1 => row ^= 1 << qubit,
                2 => value *= sign,
                _ => {
                    row ^= 1 << qubit;
                    value *= Complex64::new(0.0, sign);
                }
            }
        }
        entries[row * dimension + column] = value;
    }
    entries
}
