//! Layers of commuting rotations, and covariances of their generators.

use std::collections::BTreeMap;

use nalgebra::DMatrix;
use qcore::{Operation, Pauli, PauliString, PauliSum, Program, RotationGenerator};
use rand::Rng;

use super::MetricTensor;
use crate::expectation::ActiveRotation;
use crate::{Backend, Bill, Error, Estimate, Expectation, Shots};

/// Rotations that can be applied one after the other at one place of a circuit.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// What comes before; its observable is the identity and nothing is differentiated.
    pub(super) prefix: Expectation,
    /// Indices of the active rotations, and the controls at which they act where the qubit is 0.
    rotations: Vec<(usize, u64)>,
    /// Positions of the parameters that their angles depend on, ascending.
    pub(super) positions: Vec<usize>,
    /// The basis in which all generators are diagonal.
    pub(super) x_basis: u64,
    pub(super) y_basis: u64,
}

impl Layer {
    /// Whether any entry of the layer is asked for.
    pub(super) fn is_wanted(&self, mask: &DMatrix<bool>) -> bool {
        self.positions.iter().any(|&i| self.positions.iter().any(|&j| mask[(i, j)]))
    }
}

/// What a qubit has been through: how many layers, and whether the last thing was a rotation of the present one, by which letter.
#[derive(Clone, Copy, Default)]
struct Place {
    layer: usize,
    open: Option<Pauli>,
}

impl Place {
    /// The first layer of which an operation can be: one that is diagonal in `letter` on this qubit, or none.
    fn earliest(self, letter: Option<Pauli>) -> usize {
        match self.open {
            Some(_) if self.open == letter => self.layer,
            Some(_) => self.layer + 1,
            None => self.layer,
        }
    }
}

/// The letter by which a generator acts on each qubit that it acts on; controls and phases are diagonal.
fn letters(generator: RotationGenerator) -> Vec<(usize, Pauli)> {
    let (string, diagonal) = match generator {
        RotationGenerator::HalfPauli { string, controls } => (string, controls),
        RotationGenerator::Phase { mask } => (PauliString::IDENTITY, mask),
    };
    let all = string.support() | diagonal;
    (0..u64::BITS as usize)
        .filter(|q| all >> q & 1 == 1)
        .map(|q| (q, if diagonal >> q & 1 == 1 { Pauli::Z } else { string.on(q) }))
        .collect()
}

/// Every operation is put into the earliest layer that what came before on its qubits allows: rotations of differentiated parameters
/// open a layer, others close it.
pub(super) fn layers(expectation: &Expectation) -> Result<Vec<Layer>, Error> {
    let circuit = expectation.circuit().expanded()?;
    let program = Program::compile(&circuit);
    // The active rotation of each operation; expanded operations have one rotation at most.
    let mut active_of = vec![None; circuit.operations().len()];
    for (index, active) in expectation.active().iter().enumerate() {
        active_of[program.rotations()[active.rotation].operation()] = Some(index);
    }
    let mut places = vec![Place::default(); circuit.num_qubits()];
    // From which layer on an operation belongs to what comes before.
    let mut behind = Vec::with_capacity(active_of.len());
    let mut members: Vec<Vec<(usize, u64)>> = Vec::new();
    for (operation, active) in circuit.operations().iter().zip(&active_of) {
        let touched: Vec<(usize, Option<Pauli>)> = match active {
            Some(active) => {
                let rotation = expectation.active()[*active].rotation;
                let of_generator = letters(expectation.program().rotations()[rotation].generator());
                of_generator.into_iter().map(|(q, letter)| (q, Some(letter))).collect()
            }
            None => touched_by(operation).map(|q| (q, None)).collect(),
        };
        let layer = touched.iter().map(|&(q, letter)| places[q].earliest(letter)).max().unwrap_or(0);
        for (q, open) in touched {
            places[q] = Place { layer, open };
        }
        behind.push(layer + usize::from(active.is_some()));
        if let Some(active) = active {
            members.resize(members.len().max(layer + 1), Vec::new());
            let negated = operation.controls().filter(|control| !control.value);
            members[layer].push((*active, negated.fold(0, |mask, control| mask | 1 << control.qubit)));
        }
    }
    let build = |(layer, rotations): (usize, Vec<(usize, u64)>)| {
        let mut prefix = circuit.emptied();
        for (operation, _) in circuit.operations().iter().zip(&behind).filter(|&(_, &behind)| behind <= layer) {
            prefix.push(operation.clone())?;
        }
        let identity = vec![PauliSum::single(PauliString::IDENTITY)];
        let (mut positions, mut x_basis, mut y_basis) = (Vec::new(), 0, 0);
        for &(index, _) in &rotations {
            let active = &expectation.active()[index];
            positions.extend(active.parameters.iter().map(|&(position, _)| position));
            for (q, letter) in letters(expectation.program().rotations()[active.rotation].generator()) {
                x_basis |= u64::from(letter == Pauli::X) << q;
                y_basis |= u64::from(letter == Pauli::Y) << q;
            }
        }
        positions.sort_unstable();
        positions.dedup();
        Ok(Layer { prefix: Expectation::new(&prefix, identity, &[])?, rotations, positions, x_basis, y_basis })
    };
    members.into_iter().enumerate().filter(|(_, rotations)| !rotations.is_empty()).map(build).collect()
}

fn touched_by(operation: &Operation) -> impl Iterator<Item = usize> {
    // A rotation by a Pauli string has no operands of its own.
    let string = match operation.instruction() {
        qcore::Instruction::PauliRotation(string) => string.support(),
        _ => 0,
    };
    let of_string = (0..u64::BITS as usize).filter(move |q| string >> q & 1 == 1);
    operation.qubits().iter().copied().chain(of_string)
}

/// From the factors of products of signs to the values on all basis states, without a scale, or the other way round.
pub(super) fn walsh_hadamard(values: &mut [f64]) {
    let mut half = 1;
    while half < values.len() {
        for pair in values.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}

/// A linear combination of products of the operators that are diagonal in the basis of a layer, by the masks of their qubits.
#[derive(Clone, Debug, Default)]
pub(super) struct Diagonal(BTreeMap<u64, f64>);

impl Diagonal {
    fn add(&mut self, factor: f64, generator: RotationGenerator, negated: u64) {
        // A projector on 1 is (1 - Z) / 2, one on 0 is (1 + Z) / 2.
        let (string, projected, scale) = match generator {
            RotationGenerator::HalfPauli { string, controls } => (string.support(), controls, 0.5),
            RotationGenerator::Phase { mask } => (0, mask, -1.0),
        };
        let scale = factor * scale / (1_u64 << projected.count_ones()) as f64;
        let mut subset = projected;
        loop {
            let sign = if (subset & !negated).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
            *self.0.entry(string | subset).or_default() += sign * scale;
            if subset == 0 {
                return;
            }
            subset = (subset - 1) & projected;
        }
    }

    /// The product with another one. Cost: the product of their numbers of terms, or `q 2^q` for `q` qubits in them if that is less.
    pub(super) fn times(&self, other: &Self) -> Self {
        let support = self.0.keys().chain(other.0.keys()).fold(0, |all, mask| all | mask);
        let qubits = support.count_ones() as usize;
        if qubits < 26 && (2 * qubits) << qubits < self.0.len() * other.0.len() {
            return self.times_on_basis_states(other, support);
        }
        let mut product = Self::default();
        for (a, x) in &self.0 {
            for (b, y) in &other.0 {
                *product.0.entry(a ^ b).or_default() += x * y;
            }
        }
        product
    }

    /// The product by the values on all basis states of the qubits of `support`.
    fn times_on_basis_states(&self, other: &Self, support: u64) -> Self {
        let qubits: Vec<u32> = (0..u64::BITS).filter(|qubit| support >> qubit & 1 == 1).collect();
        let packed =
            |mask: u64| qubits.iter().enumerate().fold(0, |all, (k, qubit)| all | ((mask >> qubit & 1) as usize) << k);
        let values = |diagonal: &Self| {
            let mut values = vec![0.0; 1 << qubits.len()];
            diagonal.0.iter().for_each(|(&mask, &factor)| values[packed(mask)] = factor);
            walsh_hadamard(&mut values);
            values
        };
        let mut product = values(self);
        product.iter_mut().zip(values(other)).for_each(|(a, b)| *a *= b);
        walsh_hadamard(&mut product);
        let scale = 1.0 / product.len() as f64;
        let mask = |at: usize| qubits.iter().enumerate().fold(0, |all, (k, qubit)| all | (at as u64 >> k & 1) << qubit);
        Self(product.iter().enumerate().map(|(at, factor)| (mask(at), factor * scale)).collect())
    }

    /// Its mean where that of every product of operators is known, by its mask.
    pub(super) fn mean(&self, of_masks: &[f64]) -> f64 {
        self.0.iter().map(|(&mask, factor)| factor * of_masks[mask as usize]).sum()
    }

    /// How far from `mean` a value can be.
    fn reach(&self, mean: f64) -> f64 {
        let center = self.0.get(&0).copied().unwrap_or(0.0);
        (mean - center).abs()
            + self.0.iter().filter(|&(&mask, _)| mask != 0).map(|(_, factor)| factor.abs()).sum::<f64>()
    }

    fn observable(&self, layer: &Layer) -> Result<PauliSum, Error> {
        let string = |mask: u64| PauliString::from_masks(mask & (layer.x_basis | layer.y_basis), mask & !layer.x_basis);
        Ok(PauliSum::new(self.0.iter().map(|(&mask, &factor)| (factor, string(mask))))?)
    }
}

/// The generator of each parameter of a layer at one row: the sum of those of its rotations with the derivatives of their angles.
pub(super) fn generators(expectation: &Expectation, layer: &Layer, row: &[f64]) -> Vec<Diagonal> {
    let mut sums = vec![Diagonal::default(); layer.positions.len()];
    for &(index, negated) in &layer.rotations {
        let active: &ActiveRotation = &expectation.active()[index];
        let rotation = &expectation.program().rotations()[active.rotation];
        for &(position, param) in &active.parameters {
            let place = layer.positions.binary_search(&position).expect("a layer lists its parameters");
            sums[place].add(rotation.angle().derivative(row, param), rotation.generator(), negated);
        }
    }
    sums
}

pub(super) fn covariances(
    expectation: &Expectation,
    layers: &[Layer],
    mask: &DMatrix<bool>,
    shots: Shots,
    row: &[f64],
    backend: &mut dyn Backend,
    rng: &mut dyn Rng,
) -> Result<MetricTensor, Error> {
    let size = expectation.wrt().len();
    let (mut matrix, mut std_errors) = (DMatrix::zeros(size, size), DMatrix::zeros(size, size));
    let mut bill = Bill::ZERO;
    let dependent = Error::DependentShots { what: "a covariance of generators" };
    if shots != Shots::Exact && !backend.has_independent_shots() {
        return Err(dependent);
    }
    let wanted: Vec<&Layer> = layers.iter().filter(|layer| layer.is_wanted(mask)).collect();
    let count = wanted.len() as u64;
    for (index, layer) in wanted.iter().enumerate() {
        let shots = match shots {
            Shots::Exact | Shots::PerCircuit(_) => shots,
            Shots::Total(total) | Shots::Allocated { total, .. } if total < count => {
                return Err(Error::TooFewShots { what: "the metric", needed: count, got: total });
            }
            Shots::Total(total) | Shots::Allocated { total, .. } => {
                Shots::PerCircuit(total / count + u64::from((index as u64) < total % count))
            }
        };
        let generators = generators(expectation, layer, row);
        // Generators, and for each pair the moments that its covariance and the error of it need.
        let mut observables: Vec<Diagonal> = generators.clone();
        let mut pairs = Vec::new();
        for (a, &i) in layer.positions.iter().enumerate() {
            for (b, &j) in layer.positions.iter().enumerate().skip(a) {
                if mask[(i, j)] {
                    let (first, second) = (&generators[a], &generators[b]);
                    let product = first.times(second);
                    pairs.push((a, b, observables.len()));
                    observables.extend([
                        first.times(first),
                        second.times(second),
                        product.times(first),
                        product.times(second),
                        product.times(&product),
                        product,
                    ]);
                }
            }
        }
        let sums = observables.iter().map(|diagonal| diagonal.observable(layer)).collect::<Result<Vec<_>, _>>()?;
        let state = layer.prefix.with_observables(sums)?;
        // All observables are diagonal in one basis: one circuit. A constant generator does not even need that.
        let answer = shots.values(&state, row, backend, rng).map_err(|error| error.after(bill))?;
        bill += answer.bill;
        // Means over trajectories have errors, and no shots to tell how those of products hang together.
        if shots == Shots::Exact && answer.estimates.iter().any(|estimate| estimate.std_error > 0.0) {
            return Err(dependent);
        }
        for (a, b, at) in pairs {
            let means = [answer.estimates[a].value, answer.estimates[b].value];
            let reach = [generators[a].reach(means[0]), generators[b].reach(means[1])];
            let (covariance, error) = covariance(means, &answer.estimates[at..at + 6], reach);
            let (i, j) = (layer.positions[a], layer.positions[b]);
            (matrix[(i, j)], matrix[(j, i)]) = (covariance, covariance);
            (std_errors[(i, j)], std_errors[(j, i)]) = (error, error);
        }
    }
    Ok(MetricTensor { matrix, std_errors, bill })
}

/// The covariance of two quantities `x` and `y` that are read from the same shots, and its standard error, from their means and the means of
/// `x^2, y^2, x^2 y, x y^2, x^2 y^2, x y`.
///
/// The variance of a sample covariance is `(m22 - c^2) / S + (vx vy + c^2) / (S (S - 1))` with the central moment `m22` (M. Kendall and A.
/// Stuart, The Advanced Theory of Statistics, vol. 1, 4th ed. (1977), section 13.3). One more shot as far from both means as can be is
/// counted in `m22`: shots that all agree do not say that others cannot differ. Where the first term vanishes (the variance of an
/// even coin) its estimate does not, and the whole is some two times too large.
fn covariance([x, y]: [f64; 2], moments: &[Estimate], reach: [f64; 2]) -> (f64, f64) {
    let mean = |k: usize| moments[k].value;
    let [xx, yy, xxy, xyy, xxyy, xy] = [0, 1, 2, 3, 4, 5].map(mean);
    let plain = xy - x * y;
    let shots = moments.iter().map(|moment| moment.shots).max().unwrap_or(0) as f64;
    if shots == 0.0 {
        return (plain, 0.0);
    }
    let unbiased = if shots > 1.0 { shots / (shots - 1.0) } else { 1.0 };
    let central =
        xxyy - 2.0 * y * xxy - 2.0 * x * xyy + y * y * xx + x * x * yy + 4.0 * x * y * xy - 3.0 * x * x * y * y;
    let central = (shots * central + (reach[0] * reach[1]).powi(2)) / (shots + 1.0);
    let (var_x, var_y) = (xx - x * x, yy - y * y);
    let second_order = (var_x * var_y + plain * plain) / (shots * (shots - 1.0).max(1.0));
    // For two-valued quantities the first term, estimated from the same means, is too large by twice the second on average.
    let variance = ((central - plain * plain) / shots - second_order).max(second_order).max(0.0);
    (unbiased * plain, variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::Diagonal;

    /// On qubits 1, 4, 5, 9 and 12, with as many terms as there can be, and with a few.
    #[test]
    fn products_on_basis_states_are_those_of_the_terms() {
        let masks = |index: u64| [1, 4, 5, 9, 12].iter().enumerate().map(|(k, q)| (index >> k & 1) << q).sum::<u64>();
        for step in [1, 7] {
            let of = |seed: f64| {
                Diagonal((0..32).step_by(step).map(|k| (masks(k), (seed * (k + 1) as f64).sin())).collect())
            };
            let (a, b) = (of(0.7), of(1.9));
            let mut expected = std::collections::BTreeMap::new();
            for (x, f) in &a.0 {
                b.0.iter().for_each(|(y, g)| *expected.entry(x ^ y).or_insert(0.0) += f * g);
            }
            for product in [a.times(&b), a.times_on_basis_states(&b, masks(31))] {
                for mask in (0..32).map(masks) {
                    let value = |of: &std::collections::BTreeMap<u64, f64>| of.get(&mask).copied().unwrap_or(0.0);
                    assert!((value(&product.0) - value(&expected)).abs() < 1e-13, "{mask:b}");
                }
            }
        }
    }
}
