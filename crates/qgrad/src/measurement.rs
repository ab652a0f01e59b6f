//! Which circuits an observable needs: groups of Pauli strings that one basis change makes diagonal at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use qcore::{Binding, Circuit, Gate, PauliString, PauliSum, Program, StateVector, multinomial, multinomial_into};
use rand::Rng;

use crate::{Error, Estimate};

/// Largest register for which the values of all outcomes are tabulated.
const TABULATED_QUBITS: usize = 14;

/// Observables with the measurement groups in which they are read.
///
/// Strings are grouped by qubit-wise commutation, first fit in the order of the terms; the identity needs no circuit. All
/// observables of a group are read from the same shots.
#[derive(Clone, Debug)]
pub struct Measurement {
    qubits: usize,
    observables: Vec<PauliSum>,
    groups: Vec<Group>,
}

/// One measurement setting: every qubit in the Z basis, but for those of two masks in the X or Y basis.
#[derive(Clone, Debug)]
pub struct Group {
    x_basis: u64,
    y_basis: u64,
    parts: Vec<Part>,
    /// The circuit that turns the basis of the group into the computational one; made when shots are asked for.
    basis_change: OnceLock<(Program, Binding)>,
    /// Distinct values of the outcomes, where the register is small enough to tabulate them; made when shots are asked for.
    classes: OnceLock<Option<Classes>>,
}

/// What one observable reads in a group: `sum_k c_k (-1)^{|outcome & mask_k|}`.
#[derive(Clone, Debug)]
struct Part {
    observable: usize,
    terms: Vec<(f64, u64)>,
    one_norm: f64,
}

impl Part {
    fn value(&self, outcome: u64) -> f64 {
        self.terms.iter().fold(0.0, |sum, &(coefficient, mask)| {
            if (outcome & mask).count_ones().is_multiple_of(2) { sum + coefficient } else { sum - coefficient }
        })
    }
}

/// Outcomes with equal values are one class: how many shots fall into a class is a marginal of the outcome counts, so drawing
/// the class counts is the same experiment with fewer draws.
#[derive(Clone, Debug)]
struct Classes {
    of_outcome: Vec<u32>,
    /// Per class, one value per part.
    values: Vec<f64>,
    count: usize,
    /// Per part, the smaller and the larger value, if outcomes have two (a projector).
    two_values: Vec<Option<(f64, f64)>>,
}

impl Group {
    /// Qubits measured in the X basis, as a bit mask.
    #[must_use]
    pub fn x_basis(&self) -> u64 {
        self.x_basis
    }

    /// Qubits measured in the Y basis, as a bit mask.
    #[must_use]
    pub fn y_basis(&self) -> u64 {
        self.y_basis
    }

    /// Sum of the absolute coefficients of the strings that an observable reads in this group.
    #[must_use]
    pub fn one_norm(&self, observable: usize) -> f64 {
        self.parts.iter().filter(|part| part.observable == observable).map(|part| part.one_norm).sum()
    }

    /// The terms that each observable reads in this group, for the observables that read any.
    pub(crate) fn terms(&self) -> impl Iterator<Item = (usize, Vec<(f64, PauliString)>)> {
        let string = |mask: u64| {
            let (x, y) = (mask & (self.x_basis | self.y_basis), mask & self.y_basis);
            PauliString::from_masks(x, mask & !self.x_basis | y)
        };
        (self.parts.iter())
            .map(move |part| (part.observable, part.terms.iter().map(|&(c, m)| (c, string(m))).collect()))
    }

    fn accepts(&self, string: PauliString) -> bool {
        let (x, y, z) = letters(string);
        // A qubit that no string of the group touches has no basis yet: its mask bits are all 0, and so are those of a Z.
        let touched = self.parts.iter().flat_map(|part| &part.terms).fold(0, |mask, &(_, m)| mask | m);
        let both = touched & string.support();
        x & both == self.x_basis & both
            && y & both == self.y_basis & both
            && z & both & (self.x_basis | self.y_basis) == 0
    }

    /// The smaller and the larger value of a part, if its outcomes have two, as far as that is known.
    fn two_values(&self, qubits: usize, part: usize) -> Option<(f64, f64)> {
        match self.parts[part].terms[..] {
            [(coefficient, _)] => Some((-coefficient.abs(), coefficient.abs())),
            _ => self.classes.get_or_init(|| self.tabulate(qubits)).as_ref().and_then(|c| c.two_values[part]),
        }
    }

    fn tabulate(&self, qubits: usize) -> Option<Classes> {
        if qubits > TABULATED_QUBITS {
            return None;
        }
        let mut index_of: HashMap<Vec<u64>, u32> = HashMap::new();
        let mut values = Vec::new();
        let of_outcome = (0..1_u64 << qubits)
            .map(|outcome| {
                let of_parts: Vec<f64> = self.parts.iter().map(|part| part.value(outcome)).collect();
                let next = index_of.len() as u32;
                *index_of.entry(of_parts.iter().map(|v| v.to_bits()).collect()).or_insert_with(|| {
                    values.extend(of_parts);
                    next
                })
            })
            .collect();
        let two_values = (0..self.parts.len())
            .map(|index| two_values(values.iter().skip(index).step_by(self.parts.len()).copied()))
            .collect();
        Some(Classes { of_outcome, values, count: index_of.len(), two_values })
    }
}

/// The two values that occur, ascending, if there are exactly two.
fn two_values(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    let values: Vec<f64> = values.inspect(|&v| (low, high) = (low.min(v), high.max(v))).collect();
    (low < high && values.iter().all(|&v| v == low || v == high)).then_some((low, high))
}

/// H for X, H after S-dagger for Y.
pub(crate) fn basis_change(qubits: usize, x_basis: u64, y_basis: u64) -> Result<(Program, Binding), Error> {
    let mut circuit = Circuit::new(qubits)?;
    for qubit in 0..qubits {
        if y_basis >> qubit & 1 == 1 {
            circuit.gate(Gate::Sdg, &[qubit], &[])?;
        }
        if (x_basis | y_basis) >> qubit & 1 == 1 {
            circuit.h(qubit)?;
        }
    }
    let program = Program::compile(&circuit);
    let binding = Binding::new(&program);
    Ok((program, binding))
}

/// Masks of the qubits with letter X, Y and Z.
fn letters(string: PauliString) -> (u64, u64, u64) {
    let y = string.x_mask() & string.z_mask();
    (string.x_mask() & !y, y, string.z_mask() & !y)
}

impl Measurement {
    /// Groups the strings of the observables.
    ///
    /// # Errors
    ///
    /// [`qcore::Error::WidthMismatch`] if an observable reaches beyond the register.
    pub fn new(qubits: usize, observables: Vec<PauliSum>) -> Result<Self, Error> {
        let mut groups: Vec<Group> = Vec::new();
        // Refuses a register that there is not.
        Circuit::new(qubits)?;
        for (index, observable) in observables.iter().enumerate() {
            if observable.width() > qubits {
                let (what, got) = ("observable", observable.width());
                return Err(qcore::Error::WidthMismatch { what, got, expected: qubits }.into());
            }
            for &(coefficient, string) in observable.terms() {
                if string.support() == 0 || coefficient == 0.0 {
                    continue;
                }
                let place = groups.iter().position(|group| group.accepts(string)).unwrap_or_else(|| {
                    groups.push(Group {
                        x_basis: 0,
                        y_basis: 0,
                        parts: Vec::new(),
                        basis_change: OnceLock::new(),
                        classes: OnceLock::new(),
                    });
                    groups.len() - 1
                });
                let group = &mut groups[place];
                let (x, y, _) = letters(string);
                group.x_basis |= x;
                group.y_basis |= y;
                let part = match group.parts.iter().position(|part| part.observable == index) {
                    Some(at) => &mut group.parts[at],
                    None => {
                        group.parts.push(Part { observable: index, terms: Vec::new(), one_norm: 0.0 });
                        group.parts.last_mut().expect("just pushed")
                    }
                };
                part.terms.push((coefficient, string.support()));
                part.one_norm += coefficient.abs();
            }
        }
        Ok(Self { qubits, observables, groups })
    }

    /// Width of the register.
    #[must_use]
    pub fn num_qubits(&self) -> usize {
        self.qubits
    }

    /// The observables.
    #[must_use]
    pub fn observables(&self) -> &[PauliSum] {
        &self.observables
    }

    /// The measurement groups.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Whether a group is read in the computational basis.
    pub(crate) fn is_computational(&self, group: usize) -> bool {
        self.groups[group].x_basis | self.groups[group].y_basis == 0
    }

    /// Rotates a state into the basis of a group.
    pub(crate) fn rotate(&self, group: usize, state: &mut StateVector) -> Result<(), Error> {
        let group = &self.groups[group];
        let (program, binding) = match group.basis_change.get() {
            Some(made) => made,
            None => {
                let made = basis_change(self.qubits, group.x_basis, group.y_basis)?;
                group.basis_change.get_or_init(|| made)
            }
        };
        Ok(state.apply_steps(program, binding, 0..program.num_steps())?)
    }

    /// Qubits that a group measures in the X and in the Y basis, as bit masks.
    pub(crate) fn basis(&self, group: usize) -> (u64, u64) {
        (self.groups[group].x_basis, self.groups[group].y_basis)
    }

    fn table(&self, group: usize) -> Option<&Classes> {
        let group = &self.groups[group];
        group.classes.get_or_init(|| group.tabulate(self.qubits)).as_ref()
    }

    /// The class of every outcome of a group, and the number of classes; `None` for registers of more than 14 qubits.
    pub(crate) fn classes(&self, group: usize) -> Option<(&[u32], usize)> {
        self.table(group).map(|classes| (classes.of_outcome.as_slice(), classes.count))
    }

    /// Adds what `shots` shots of one group say to the estimates, one per observable; `probabilities` are those of the rotated
    /// state. Variances are collected in `std_error` and are turned into errors by [`Measurement::finish`].
    pub(crate) fn sample<R: Rng + ?Sized>(
        &self,
        group: usize,
        probabilities: &[f64],
        shots: u64,
        rng: &mut R,
        estimates: &mut [Estimate],
    ) -> Result<(), Error> {
        if let Some((of_outcome, count)) = self.classes(group) {
            let mut weights = vec![0.0; count];
            for (&class, &p) in of_outcome.iter().zip(probabilities) {
                weights[class as usize] += p;
            }
            return self.sample_classes(group, &weights, shots, rng, &mut vec![0; count], estimates);
        }
        needs_a_shot(shots)?;
        let parts = &self.groups[group].parts;
        let counts = multinomial(probabilities, shots, rng)?;
        let seen: Vec<(u64, u64)> = (0_u64..).zip(counts).filter(|&(_, count)| count > 0).collect();
        for (index, part) in parts.iter().enumerate() {
            let values = seen.iter().map(|&(outcome, count)| (count as f64, part.value(outcome)));
            self.add_part((group, index), || values.clone(), shots, estimates);
        }
        Ok(())
    }

    /// As [`Measurement::sample`] from the probabilities of the classes of the group; `counts` has one entry per class and is overwritten.
    pub(crate) fn sample_classes<R: Rng + ?Sized>(
        &self,
        group: usize,
        weights: &[f64],
        shots: u64,
        rng: &mut R,
        counts: &mut [u64],
        estimates: &mut [Estimate],
    ) -> Result<(), Error> {
        needs_a_shot(shots)?;
        let Some(classes) = self.table(group) else {
            return Err(Error::Index { what: "table of classes", index: group, count: 0 });
        };
        multinomial_into(weights, shots, rng, counts)?;
        let parts = self.groups[group].parts.len();
        if parts == 1 {
            let values = counts.iter().zip(&classes.values).map(|(&count, &value)| (count as f64, value));
            self.add_part((group, 0), || values.clone(), shots, estimates);
            return Ok(());
        }
        for index in 0..parts {
            let of_part = classes.values.iter().skip(index).step_by(parts);
            let values = counts.iter().zip(of_part).map(|(&count, &value)| (count as f64, value));
            self.add_part((group, index), || values.clone(), shots, estimates);
        }
        Ok(())
    }

    /// Adds what counted outcomes of one group say to the estimates, as [`Measurement::sample`] does with outcomes that it
    /// draws.
    pub(crate) fn tally(&self, group: usize, counts: &BTreeMap<u64, u64>, shots: u64, estimates: &mut [Estimate]) {
        for (index, part) in self.groups[group].parts.iter().enumerate() {
            let values = counts.iter().map(|(&outcome, &count)| (count as f64, part.value(outcome)));
            self.add_part((group, index), || values.clone(), shots, estimates);
        }
    }

    /// Adds what counted values of one part of a group say.
    fn add_part<I: Iterator<Item = (f64, f64)>>(
        &self,
        (group, index): (usize, usize),
        counts: impl Fn() -> I,
        shots: u64,
        estimates: &mut [Estimate],
    ) {
        let group = &self.groups[group];
        let (part, two_values) = (&group.parts[index], group.two_values(self.qubits, index));
        let (mean, variance) = mean_and_variance(counts, shots as f64, part, two_values);
        let estimate = &mut estimates[part.observable];
        estimate.value += mean;
        estimate.std_error += variance;
        estimate.shots += shots;
    }

    /// What an outcome of a group adds to each observable that is read there.
    pub(crate) fn outcome_values(&self, group: usize, outcome: u64) -> impl Iterator<Item = (usize, f64)> {
        self.groups[group].parts.iter().map(move |part| (part.observable, part.value(outcome)))
    }

    /// Adds the identity's coefficients and turns the collected variances into standard errors.
    pub(crate) fn finish(&self, estimates: &mut [Estimate]) {
        for (estimate, observable) in estimates.iter_mut().zip(&self.observables) {
            estimate.value += observable.identity_coefficient();
            estimate.std_error = estimate.std_error.sqrt();
        }
    }
}

fn needs_a_shot(shots: u64) -> Result<(), Error> {
    if shots == 0 { Err(Error::TooFewShots { what: "a circuit", needed: 1, got: 0 }) } else { Ok(()) }
}

/// Mean of the shots, and the variance of that mean.
///
/// When all shots agree the plain variance is 0 although the truth need not be at the edge, and whoever compares two estimates
/// by their errors would take noise for signal. So: for two outcomes (one string `+-c`, a projector), `k` of `N` shots at the larger
/// one, the variance is that of a proportion `(k + 1)/(N + 2)` (Laplace's rule); for more the unbiased sample variance, but
/// not less than that rule gives for `N` equal shots over the whole range of the observable.
fn mean_and_variance<I: Iterator<Item = (f64, f64)>>(
    counts: impl Fn() -> I,
    shots: f64,
    part: &Part,
    two_values: Option<(f64, f64)>,
) -> (f64, f64) {
    let mean = counts().fold(0.0, |sum, (n, v)| sum + n * v) / shots;
    let spread = |range: f64, q: f64| range * range * q * (1.0 - q);
    let variance = if let Some((low, high)) = two_values {
        let larger = counts().filter(|&(_, v)| v > 0.5 * (low + high)).fold(0.0, |sum, (n, _)| sum + n);
        spread(high - low, (larger + 1.0) / (shots + 2.0))
    } else {
        let squares = counts().fold(0.0, |sum, (n, v)| sum + n * (v - mean) * (v - mean));
        let unbiased = if shots > 1.0 { squares / (shots - 1.0) } else { 0.0 };
        unbiased.max(spread(2.0 * part.one_norm, (shots + 1.0) / (shots + 2.0)))
    };
    (mean, variance / shots)
}
