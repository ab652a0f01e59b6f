//! Pauli strings and real linear combinations of them.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use crate::energy::Grouped;
use crate::error::ObservableFault;
use crate::{Error, MAX_QUBITS};

/// A Pauli operator on one qubit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the letters are the documentation")]
pub enum Pauli {
    I,
    X,
    Y,
    Z,
}

impl Pauli {
    fn letter(self) -> char {
        match self {
            Self::I => 'I',
            Self::X => 'X',
            Self::Y => 'Y',
            Self::Z => 'Z',
        }
    }
}

/// A tensor product of Pauli operators: bit `q` of `x` (`z`) says whether X (Z) acts on qubit `q`; both together are Y.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PauliString {
    x: u64,
    z: u64,
}

impl PauliString {
    /// The identity.
    pub const IDENTITY: Self = Self { x: 0, z: 0 };

    /// The string with these bit masks.
    #[must_use]
    pub const fn from_masks(x: u64, z: u64) -> Self {
        Self { x, z }
    }

    /// The product of `(qubit, operator)` pairs on distinct qubits.
    ///
    /// # Errors
    ///
    /// [`Error::Qubit`] for a qubit beyond the largest register, [`Error::DuplicateQubit`] for a repeated one.
    pub fn new(factors: &[(usize, Pauli)]) -> Result<Self, Error> {
        let mut string = Self::IDENTITY;
        let mut seen = 0_u64;
        for &(qubit, pauli) in factors {
            if qubit >= MAX_QUBITS {
                return Err(Error::Qubit { qubit, qubits: MAX_QUBITS });
            }
            let bit = 1 << qubit;
            if seen & bit != 0 {
                return Err(Error::DuplicateQubit { qubit, operation: "Pauli string" });
            }
            seen |= bit;
            string.x |= if matches!(pauli, Pauli::X | Pauli::Y) { bit } else { 0 };
            string.z |= if matches!(pauli, Pauli::Z | Pauli::Y) { bit } else { 0 };
        }
        Ok(string)
    }

    /// Z on each of the qubits.
    ///
    /// # Errors
    ///
    /// As [`PauliString::new`].
    pub fn z_on(qubits: &[usize]) -> Result<Self, Error> {
        Self::new(&qubits.iter().map(|&q| (q, Pauli::Z)).collect::<Vec<_>>())
    }

    /// X on each of the qubits.
    ///
    /// # Errors
    ///
    /// As [`PauliString::new`].
    pub fn x_on(qubits: &[usize]) -> Result<Self, Error> {
        Self::new(&qubits.iter().map(|&q| (q, Pauli::X)).collect::<Vec<_>>())
    }

    /// Qubits on which X or Y acts, as a bit mask.
    #[must_use]
    pub const fn x_mask(self) -> u64 {
        self.x
    }

    /// Qubits on which Z or Y acts, as a bit mask.
    #[must_use]
    pub const fn z_mask(self) -> u64 {
        self.z
    }

    /// Qubits on which it is not the identity, as a bit mask.
    #[must_use]
    pub const fn support(self) -> u64 {
        self.x | self.z
    }

    /// The operator on one qubit.
    #[must_use]
    pub const fn on(self, qubit: usize) -> Pauli {
        match ((self.x >> qubit) & 1, (self.z >> qubit) & 1) {
            (0, 0) => Pauli::I,
            (1, 0) => Pauli::X,
            (1, _) => Pauli::Y,
            _ => Pauli::Z,
        }
    }

    /// Width of the smallest register that holds it; 0 for the identity.
    #[must_use]
    pub const fn width(self) -> usize {
        (u64::BITS - self.support().leading_zeros()) as usize
    }

    /// Whether on every qubit the two strings are equal or one of them is the identity, so that one measurement basis serves
    /// both.
    #[must_use]
    pub const fn qubit_wise_commutes(self, other: Self) -> bool {
        let both = self.support() & other.support();
        (self.x ^ other.x) & both == 0 && (self.z ^ other.z) & both == 0
    }
}

impl PauliString {
    /// The product of two strings that commute, which is a string up to a sign; `None` where they anticommute.
    fn commuting_product(self, other: Self) -> Option<(f64, Self)> {
        let product = Self { x: self.x ^ other.x, z: self.z ^ other.z };
        // A string is i^|x & z| X^x Z^z, and Z^z X^x' = (-1)^|z & x'| X^x' Z^z.
        let quarters = |string: Self| (string.x & string.z).count_ones();
        let turns = quarters(self) + quarters(other) + 4 * 64 - quarters(product) + 2 * (self.z & other.x).count_ones();
        match turns % 4 {
            0 => Some((1.0, product)),
            2 => Some((-1.0, product)),
            _ => None,
        }
    }
}

impl fmt::Display for PauliString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.support() == 0 {
            return f.write_str("I");
        }
        let mut separator = "";
        for qubit in (0..self.width()).filter(|&q| self.on(q) != Pauli::I) {
            write!(f, "{separator}{}{qubit}", self.on(qubit).letter())?;
            separator = " ";
        }
        Ok(())
    }
}

/// An observable `sum_k c_k P_k` with real coefficients.
///
/// As text: `-1.0 * Z0 Z1 + 0.5 * X2`, where `I` is the identity and a coefficient of 1 may be left out.
///
/// ```
/// use qcore::PauliSum;
/// let h: PauliSum = "-1.0 * Z0 Z1 + 0.5 * X2".parse()?;
/// assert_eq!(h.terms().len(), 2);
/// assert_eq!(h.to_string(), "-1.0 * Z0 Z1 + 0.5 * X2");
/// # Ok::<(), qcore::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PauliSum {
    terms: Vec<(f64, PauliString)>,
    /// The terms by kind; made when the sum is first applied.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) grouped: OnceLock<Arc<Grouped>>,
}

impl PartialEq for PauliSum {
    fn eq(&self, other: &Self) -> bool {
        self.terms == other.terms
    }
}

impl PauliSum {
    /// The sum of these terms; terms with equal strings are added up, in the place of the first.
    ///
    /// # Errors
    ///
    /// [`Error::Coefficient`] if a coefficient, or a sum of coefficients, is not finite.
    pub fn new(terms: impl IntoIterator<Item = (f64, PauliString)>) -> Result<Self, Error> {
        let mut merged: Vec<(f64, PauliString)> = Vec::new();
        let mut position = std::collections::HashMap::new();
        for (value, string) in terms {
            if !value.is_finite() {
                return Err(Error::Coefficient { value });
            }
            match position.entry(string) {
                std::collections::hash_map::Entry::Occupied(at) => {
                    let term: &mut (f64, PauliString) = &mut merged[*at.get()];
                    term.0 += value;
                    if !term.0.is_finite() {
                        return Err(Error::Coefficient { value: term.0 });
                    }
                }
                std::collections::hash_map::Entry::Vacant(at) => {
                    at.insert(merged.len());
                    merged.push((value, string));
                }
            }
        }
        Ok(Self { terms: merged, grouped: OnceLock::new() })
    }

    /// A single string with coefficient 1.
    #[must_use]
    pub fn single(string: PauliString) -> Self {
        Self { terms: vec![(1.0, string)], grouped: OnceLock::new() }
    }

    /// The transverse-field Ising chain `-J sum_<ij> Z_i Z_j - h sum_i X_i` on an open line of `qubits` sites.
    ///
    /// # Errors
    ///
    /// [`Error::Width`] for an empty or too long chain, [`Error::Coefficient`] if a coupling is not finite.
    pub fn transverse_field_ising(qubits: usize, coupling: f64, field: f64) -> Result<Self, Error> {
        if qubits == 0 || qubits > MAX_QUBITS {
            return Err(Error::Width { qubits, max: MAX_QUBITS });
        }
        let bonds = (1..qubits).map(|q| (-coupling, PauliString::from_masks(0, 0b11 << (q - 1))));
        let sites = (0..qubits).map(|q| (-field, PauliString::from_masks(1 << q, 0)));
        Self::new(bonds.chain(sites))
    }

    /// Coefficients and strings, in the order in which they were first given.
    #[must_use]
    pub fn terms(&self) -> &[(f64, PauliString)] {
        &self.terms
    }

    /// The coefficient of the identity.
    #[must_use]
    pub fn identity_coefficient(&self) -> f64 {
        self.terms.iter().find(|(_, string)| string.support() == 0).map_or(0.0, |&(c, _)| c)
    }

    /// `sum_k |c_k|` without the identity: a bound on the distance of any expectation value from the identity's coefficient.
    #[must_use]
    pub fn one_norm(&self) -> f64 {
        // The sum of no numbers is -0.
        self.terms.iter().filter(|(_, string)| string.support() != 0).map(|(c, _)| c.abs()).sum::<f64>().abs()
    }

    /// `H^2` as a sum of strings; its mean gives the variance `<H^2> - <H>^2` of one shot. Pairs of strings that anticommute
    /// cancel. Cost: `T^2 / 2` products for `T` terms.
    ///
    /// # Errors
    ///
    /// [`Error::Coefficient`] if a coefficient of the square is not finite.
    pub fn squared(&self) -> Result<Self, Error> {
        let squares = std::iter::once((self.terms.iter().map(|(c, _)| c * c).sum(), PauliString::IDENTITY));
        let pairs = self.terms.iter().enumerate().flat_map(|(k, left)| self.terms[..k].iter().map(move |b| (left, b)));
        let products = pairs.filter_map(|(&(a, p), &(b, q))| {
            let (sign, string) = p.commuting_product(q)?;
            Some((2.0 * a * b * sign, string))
        });
        Self::new(squares.chain(products))
    }

    /// Width of the smallest register that holds it.
    #[must_use]
    pub fn width(&self) -> usize {
        self.terms.iter().map(|(_, string)| string.width()).max().unwrap_or(0)
    }
}

impl fmt::Display for PauliSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, (coefficient, string)) in self.terms.iter().enumerate() {
            match (k, *coefficient < 0.0) {
                (0, _) => write!(f, "{coefficient:?} * {string}")?,
                (_, true) => write!(f, " - {:?} * {string}", -coefficient)?,
                (_, false) => write!(f, " + {coefficient:?} * {string}")?,
            }
        }
        if self.terms.is_empty() { f.write_str("0.0 * I") } else { Ok(()) }
    }
}

impl FromStr for PauliSum {
    type Err = Error;

    /// Reads `coefficient * letters` joined by `+` or `-`; linear in the length of the text.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut reader = Reader { chars: text.chars().collect(), at: 0 };
        let mut terms = Vec::new();
        let mut sign = reader.sign().unwrap_or(1.0);
        loop {
            let (coefficient, string) = reader.term()?;
            terms.push((sign * coefficient, string));
            if reader.peek().is_none() {
                return Self::new(terms);
            }
            sign = reader.sign().ok_or_else(|| reader.fault(ObservableFault::Separator))?;
        }
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
}

impl Reader {
    fn fault(&self, reason: ObservableFault) -> Error {
        Error::Observable { column: self.at + 1, reason }
    }

    fn peek(&mut self) -> Option<char> {
        while self.chars.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
        self.chars.get(self.at).copied()
    }

    fn sign(&mut self) -> Option<f64> {
        let sign = match self.peek()? {
            '+' => 1.0,
            '-' => -1.0,
            _ => return None,
        };
        self.at += 1;
        Some(sign)
    }

    fn take_while(&mut self, mut accept: impl FnMut(char, Option<char>) -> bool) -> String {
        let mut taken = String::new();
        let mut last = None;
        while let Some(&c) = self.chars.get(self.at) {
            if !accept(c, last) {
                break;
            }
            taken.push(c);
            last = Some(c);
            self.at += 1;
        }
        taken
    }

    fn term(&mut self) -> Result<(f64, PauliString), Error> {
        let mut sign = 1.0;
        // A sign may belong to the coefficient itself: `Z0 + -0.5 * X1`.
        while let Some(s) = self.sign() {
            sign *= s;
        }
        match self.peek() {
            None => Err(self.fault(ObservableFault::MissingTerm)),
            Some(c) if c.is_ascii_digit() || c == '.' => {
                let start = self.at;
                let text = self.take_while(|c, last| {
                    c.is_ascii_digit()
                        || matches!(c, '.' | 'e' | 'E')
                        || (matches!(c, '+' | '-') && matches!(last, Some('e' | 'E')))
                });
                let value = text.parse::<f64>().ok().filter(|v| v.is_finite());
                let Some(value) = value else {
                    self.at = start;
                    return Err(self.fault(ObservableFault::Number));
                };
                if self.peek() == Some('*') {
                    self.at += 1;
                    Ok((sign * value, self.string()?))
                } else if self.peek().is_none_or(|c| matches!(c, '+' | '-')) {
                    Ok((sign * value, PauliString::IDENTITY))
                } else {
                    Err(self.fault(ObservableFault::Separator))
                }
            }
            Some(_) => Ok((sign, self.string()?)),
        }
    }

    fn string(&mut self) -> Result<PauliString, Error> {
        let mut string = PauliString::IDENTITY;
        let mut seen = 0_u64;
        let mut factors = 0;
        loop {
            let pauli = match self.peek() {
                Some('I') => Pauli::I,
                Some('X') => Pauli::X,
                Some('Y') => Pauli::Y,
                Some('Z') => Pauli::Z,
                None | Some('+' | '-') if factors > 0 => return Ok(string),
                None => return Err(self.fault(ObservableFault::MissingTerm)),
                Some(_) => return Err(self.fault(ObservableFault::Letter)),
            };
            let start = self.at;
            self.at += 1;
            factors += 1;
            let digits = self.take_while(|c, _| c.is_ascii_digit());
            if digits.is_empty() {
                if pauli == Pauli::I {
                    continue;
                }
                return Err(self.fault(ObservableFault::QubitNumber));
            }
            let qubit = digits.parse::<usize>().ok().filter(|&q| q < MAX_QUBITS);
            let Some(qubit) = qubit else {
                self.at = start;
                return Err(self.fault(ObservableFault::QubitTooLarge));
            };
            if seen & (1 << qubit) != 0 {
                self.at = start;
                return Err(self.fault(ObservableFault::DuplicateQubit));
            }
            seen |= 1 << qubit;
            string.x |= u64::from(matches!(pauli, Pauli::X | Pauli::Y)) << qubit;
            string.z |= u64::from(matches!(pauli, Pauli::Z | Pauli::Y)) << qubit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_terms_merge() {
        let h: PauliSum = "1.0 * X0 - 0.5 * Y1 +0.25*Z2 + 0.75 * Z1 Z0 + Z0 Z1 - 2".parse().expect("valid");
        assert_eq!(h.to_string(), "1.0 * X0 - 0.5 * Y1 + 0.25 * Z2 + 1.75 * Z0 Z1 - 2.0 * I");
        assert_eq!(h.to_string().parse::<PauliSum>().expect("own text"), h);
        assert_eq!(h.identity_coefficient(), -2.0);
        assert_eq!(h.one_norm(), 3.5);
        let constant: PauliSum = "2".parse().expect("valid");
        assert_eq!(constant.one_norm().to_bits(), 0.0_f64.to_bits());
        assert_eq!(h.width(), 3);
        let e: PauliSum = "1e-3 * Z0 + -2.5E+1 * I".parse().expect("valid");
        assert_eq!(e.terms(), &[(1e-3, PauliString::from_masks(0, 1)), (-25.0, PauliString::IDENTITY)]);
    }

    #[test]
    fn bad_text_is_refused_with_its_column() {
        let fault = |text: &str| match text.parse::<PauliSum>() {
            Err(Error::Observable { column, reason }) => (column, reason),
            other => panic!("{text:?} gave {other:?}"),
        };
        assert_eq!(fault(""), (1, ObservableFault::MissingTerm));
        assert_eq!(fault("Z0 +"), (5, ObservableFault::MissingTerm));
        assert_eq!(fault("Q0"), (1, ObservableFault::Letter));
        assert_eq!(fault("Z"), (2, ObservableFault::QubitNumber));
        assert_eq!(fault("Z0 Z99"), (4, ObservableFault::QubitTooLarge));
        assert_eq!(fault("Z0 X0"), (4, ObservableFault::DuplicateQubit));
        assert_eq!(fault("1e999 * Z0"), (1, ObservableFault::Number));
        assert_eq!(fault("0.5 Z0"), (5, ObservableFault::Separator));
        assert_eq!(fault("nan * Z0"), (1, ObservableFault::Letter));
        assert_eq!(fault("Z99999999999999999999999"), (1, ObservableFault::QubitTooLarge));
        let overflow = "1e308 * Z0 + 1e308 * Z0".parse::<PauliSum>();
        assert!(matches!(overflow, Err(Error::Coefficient { .. })));
    }

    #[test]
    fn squares_are_those_of_the_matrices() {
        let square = |text: &str| text.parse::<PauliSum>().expect("valid").squared().expect("finite").to_string();
        assert_eq!(square("X0 + Z0"), "2.0 * I");
        assert_eq!(square("X0 X1 + Z0 Z1"), "2.0 * I - 2.0 * Y0 Y1");
        assert_eq!(square("2 * Y0 Y1 - 3 * Z0 Z1"), "13.0 * I + 12.0 * X0 X1");
        assert_eq!(square("0.5 * I + Z0 - Z1 Z2"), "2.25 * I + 1.0 * Z0 - 1.0 * Z1 Z2 - 2.0 * Z0 Z1 Z2");
        // On a state: |H psi|^2 = <psi| H^2 |psi>.
        let h: PauliSum = "0.7 * X0 Y1 - 1.3 * Y0 Z2 + 0.4 * Z0 Z1 Z2 + 0.9 * Y1 X2 - 0.2 * I".parse().expect("valid");
        let mut circuit = crate::Circuit::new(3).expect("narrow");
        circuit.ry(0, 0.4).unwrap().rx(1, 1.1).unwrap().ry(2, -0.8).unwrap().cx(0, 1).unwrap().rz(1, 0.3).unwrap();
        circuit.cx(1, 2).unwrap().rx(0, 0.6).unwrap();
        let mut state = crate::StateVector::zero(3).expect("small");
        state.apply_circuit(&circuit, &[]).expect("no parameters");
        let mut image = state.clone();
        state.apply_observable(&h, &mut image).expect("same width");
        let mean = state.expectation(&h.squared().expect("finite")).expect("same width");
        assert!((mean - image.norm_squared()).abs() < 1e-14);
        assert!("1e200 * Z0".parse::<PauliSum>().expect("valid").squared().is_err());
    }

    #[test]
    fn qubit_wise_commutation() {
        let s = |text: &str| text.parse::<PauliSum>().expect("valid").terms()[0].1;
        assert!(s("Z0 Z1").qubit_wise_commutes(s("Z1 X2")));
        assert!(!s("Z0").qubit_wise_commutes(s("Y0")));
        // XX and ZZ commute, but not qubit by qubit.
        assert!(!s("X0 X1").qubit_wise_commutes(s("Z0 Z1")));
        assert!(s("I").qubit_wise_commutes(s("Y3")));
    }
}
