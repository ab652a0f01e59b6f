//! Noise models: which channels follow which gate, and how measured bits are misread.

use super::channel::{Channel, probability};
use crate::{Error, Gate, MAX_QUBITS, Operation};

/// The two probabilities of misreading a qubit.
///
/// As a matrix, column by the true bit and row by the bit that is read:
/// `[[1 - p1_given_0, p0_given_1], [p1_given_0, 1 - p0_given_1]]`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ReadoutError {
    p1_given_0: f64,
    p0_given_1: f64,
}

impl ReadoutError {
    /// From the probabilities of reading 1 where the qubit is 0, and 0 where it is 1.
    ///
    /// # Errors
    ///
    /// [`Error::Channel`] unless both are probabilities.
    pub fn new(p1_given_0: f64, p0_given_1: f64) -> Result<Self, Error> {
        probability("readout error", "p1_given_0", p1_given_0)?;
        probability("readout error", "p0_given_1", p0_given_1)?;
        Ok(Self { p1_given_0, p0_given_1 })
    }

    /// The probability of reading 1 where the qubit is 0.
    #[must_use]
    pub fn p1_given_0(self) -> f64 {
        self.p1_given_0
    }

    /// The probability of reading 0 where the qubit is 1.
    #[must_use]
    pub fn p0_given_1(self) -> f64 {
        self.p0_given_1
    }

    /// `(a, b)` such that a mean of `z` is read as `a + b z`.
    fn bias_and_contrast(self) -> (f64, f64) {
        (self.p0_given_1 - self.p1_given_0, 1.0 - self.p1_given_0 - self.p0_given_1)
    }
}

/// Readout errors of a register: each bit is misread independently. Qubits beyond its length are read without error.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readout {
    errors: Vec<ReadoutError>,
}

impl Readout {
    /// One error per qubit, from qubit 0 on.
    ///
    /// # Errors
    ///
    /// [`Error::Width`] for more qubits than a register can have.
    pub fn new(errors: &[ReadoutError]) -> Result<Self, Error> {
        if errors.len() > MAX_QUBITS {
            return Err(Error::Width { qubits: errors.len(), max: MAX_QUBITS });
        }
        Ok(Self { errors: errors.to_vec() })
    }

    /// The errors, from qubit 0 on.
    #[must_use]
    pub fn errors(&self) -> &[ReadoutError] {
        &self.errors
    }

    /// Whether every bit is read as it is.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.errors.iter().all(|&error| error == ReadoutError::default())
    }

    /// Turns the probabilities of the true bit strings into those of the strings that are read; qubit 0 is the lowest bit of
    /// the index. Cost: one pass per qubit.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] if there are not `2^n` of them for an `n` that holds all qubits with an error.
    pub fn confuse(&self, probabilities: &mut [f64]) -> Result<(), Error> {
        let expected = self.errors.len();
        if !probabilities.len().is_power_of_two() || probabilities.len() >> expected == 0 {
            let got = probabilities.len().max(1).ilog2() as usize;
            return Err(Error::WidthMismatch { what: "probability distribution", got, expected });
        }
        for (qubit, error) in self.errors.iter().enumerate() {
            if *error == ReadoutError::default() {
                continue;
            }
            for pair in probabilities.chunks_exact_mut(2 << qubit) {
                let (zeros, ones) = pair.split_at_mut(1 << qubit);
                for (zero, one) in zeros.iter_mut().zip(ones) {
                    let (to_one, to_zero) = (error.p1_given_0 * *zero, error.p0_given_1 * *one);
                    *zero += to_zero - to_one;
                    *one += to_one - to_zero;
                }
            }
        }
        Ok(())
    }

    /// The mean that is read for a Pauli string on the qubits `support`, each measured in its own basis, where `mean` gives the
    /// true mean of the string cut down to some of these qubits (a mask). Asks for all subsets of the qubits with a bias.
    pub(super) fn read_mean(&self, support: u64, mut mean: impl FnMut(u64) -> f64) -> f64 {
        let mut total = 0.0;
        self.read_weights(support, |kept, weight| total += weight * mean(kept));
        total
    }

    /// The qubits of `support` whose zeros and ones are not misread alike, so that what is read of them has a bias.
    pub(super) fn biased(&self, support: u64) -> u64 {
        let biased =
            |&(qubit, error): &(usize, &ReadoutError)| support >> qubit & 1 == 1 && error.bias_and_contrast().0 != 0.0;
        self.errors.iter().enumerate().filter(biased).fold(0, |mask, (qubit, _)| mask | 1 << qubit)
    }

    /// The mean that is read as a weighted sum of true means: calls with a mask of the qubits and the weight, `2^b` times for `b` qubits
    /// with a bias.
    pub(super) fn read_weights(&self, support: u64, mut each: impl FnMut(u64, f64)) {
        let misread = self.biased(support);
        let unbiased = self.errors.iter().enumerate().filter(|(qubit, _)| (support & !misread) >> qubit & 1 == 1);
        let contrast: f64 = unbiased.map(|(_, error)| error.bias_and_contrast().1).product();
        let mut kept = misread;
        loop {
            let mut weight = contrast;
            let mut rest = misread;
            while rest != 0 {
                let qubit = rest.trailing_zeros() as usize;
                let (bias, contrast) = self.errors[qubit].bias_and_contrast();
                weight *= if kept >> qubit & 1 == 1 { contrast } else { bias };
                rest &= rest - 1;
            }
            if weight != 0.0 {
                each((support & !misread) | kept, weight);
            }
            if kept == 0 {
                return;
            }
            kept = (kept - 1) & misread;
        }
    }
}

/// Which gates a rule of a [`NoiseModel`] is for. All conditions must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selector {
    name: Option<&'static str>,
    arity: Option<usize>,
    on: Option<u64>,
    operands: Option<Box<[usize]>>,
}

impl Selector {
    /// Every gate.
    #[must_use]
    pub fn every() -> Self {
        Self::default()
    }

    /// Gates of this name: that of a row of the gate table or an alias of it, `unitary` or `Pauli rotation`. Controls that were
    /// added to a gate do not change its name.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownGate`].
    pub fn named(mut self, name: &str) -> Result<Self, Error> {
        self.name = Some(match (Gate::by_name(name), name) {
            (Some(gate), _) => gate.spec().name,
            (None, "unitary") => "unitary",
            (None, "Pauli rotation") => "Pauli rotation",
            _ => return Err(Error::UnknownGate { name: name.to_owned() }),
        });
        Ok(self)
    }

    /// Gates on this many qubits, controls included.
    #[must_use]
    pub fn arity(mut self, qubits: usize) -> Self {
        self.arity = Some(qubits);
        self
    }

    /// Gates on exactly these qubits, in any order.
    ///
    /// # Errors
    ///
    /// [`Error::Qubit`] for a qubit beyond the largest register.
    pub fn on(mut self, qubits: &[usize]) -> Result<Self, Error> {
        self.on = Some(mask(qubits)?);
        Ok(self)
    }

    /// Gates on exactly these qubits in this order, added controls first: a CX in one direction and not in the other.
    ///
    /// # Errors
    ///
    /// [`Error::Qubit`] for a qubit beyond the largest register.
    pub fn operands(mut self, qubits: &[usize]) -> Result<Self, Error> {
        mask(qubits)?;
        self.operands = Some(qubits.into());
        Ok(self)
    }

    fn matches(&self, operation: &Operation) -> bool {
        let qubits = operation.qubits();
        self.name.is_none_or(|name| name == operation.instruction().name())
            && self.arity.is_none_or(|arity| arity == qubits.len())
            && self.on.is_none_or(|on| on == qubits.iter().fold(0, |mask, &q| mask | 1 << q))
            && self.operands.as_ref().is_none_or(|operands| **operands == *qubits)
    }
}

fn mask(qubits: &[usize]) -> Result<u64, Error> {
    qubits.iter().try_fold(0, |mask, &qubit| {
        if qubit < MAX_QUBITS { Ok(mask | 1 << qubit) } else { Err(Error::Qubit { qubit, qubits: MAX_QUBITS }) }
    })
}

/// What goes wrong: channels after gates, and readout errors.
///
/// The rules are tried in the order in which they were added, and the channels of all that match follow the gate in that
/// order. A gate is one as it was written, an [`Operation`] of the circuit: once for `U`, `ccx` or `cu`, never per decomposed
/// part. A channel on one qubit acts on each qubit of the gate, in the order of its operands; one on two qubits acts on the
/// operands of gates on two qubits and is not for any other. A gate without qubits, a global phase, has no noise.
///
/// With the feature `serde` a model is read from an object
/// `{"noise": [{"channel", "probability", "where": "after_every_gate", "on": "each_qubit_of_the_gate_independently"}],
/// "readout_error": [{"p1_given_0", "p0_given_1"}]}`, whose other keys are ignored; the channels are `depolarizing`,
/// `bit_flip`, `phase_flip`, `amplitude_damping` and `phase_damping`.
///
/// ```
/// use qcore::{Channel, NoiseModel, Selector};
/// let model = NoiseModel::new()
///     .after(Selector::every().arity(1), Channel::depolarizing(0.001)?)
///     .after(Selector::every().named("cx")?, Channel::depolarizing_two(0.01)?);
/// assert_eq!(model.rules().len(), 2);
/// # Ok::<(), qcore::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(try_from = "super::text::Description"))]
pub struct NoiseModel {
    rules: Vec<(Selector, Channel)>,
    readout: Readout,
}

impl NoiseModel {
    /// No noise.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule.
    #[must_use]
    pub fn after(mut self, gates: Selector, channel: Channel) -> Self {
        self.rules.push((gates, channel));
        self
    }

    /// Sets the readout errors.
    #[must_use]
    pub fn with_readout(mut self, readout: Readout) -> Self {
        self.readout = readout;
        self
    }

    /// The rules in the order in which they are tried.
    #[must_use]
    pub fn rules(&self) -> &[(Selector, Channel)] {
        &self.rules
    }

    /// The readout errors.
    #[must_use]
    pub fn readout(&self) -> &Readout {
        &self.readout
    }

    /// What follows an operation: indices of rules and the qubits that their channels act on.
    pub(super) fn following<'a>(&'a self, operation: &'a Operation) -> impl Iterator<Item = (usize, &'a [usize])> + 'a {
        self.rules.iter().enumerate().filter(|(_, (gates, _))| gates.matches(operation)).flat_map(
            move |(rule, (_, channel))| {
                let qubits = operation.qubits();
                let each = if channel.qubits() == 1 || qubits.len() == 2 { channel.qubits() } else { qubits.len() + 1 };
                // A size larger than the gate leaves no chunk: a channel on two qubits is not for this gate.
                qubits.chunks_exact(each).map(move |qubits| (rule, qubits))
            },
        )
    }

    pub(super) fn check_width(&self, qubits: usize) -> Result<(), Error> {
        let got = self.readout.errors.len();
        if got > qubits {
            return Err(Error::WidthMismatch { what: "readout error", got, expected: qubits });
        }
        Ok(())
    }
}
