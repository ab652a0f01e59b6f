//! Exact metric tensors on state vectors: from tangent states, and within a layer from the distribution of its outcomes.

use nalgebra::DMatrix;
use num_complex::Complex64;
use qcore::{Binding, Level, RotationGenerator, StateVector};

use super::Metric;
use super::layers::{Layer, generators};
use crate::measurement::basis_change;
use crate::{Error, Expectation};

/// The entries of a mask. Those within one layer are covariances in the state before it: one partial run of the circuit for each
/// layer that is asked for. All others need the tangent states of their parameters.
pub(crate) fn entries(level: Level, metric: &Metric, mask: &DMatrix<bool>, row: &[f64]) -> Result<DMatrix<f64>, Error> {
    let expectation = &metric.expectation;
    expectation.one_row(row)?;
    let size = expectation.wrt().len();
    let homes = homes(size, &metric.layers);
    let mut matrix = DMatrix::zeros(size, size);
    let mut of_layer = DMatrix::from_element(size, size, false);
    // Entries between layers, and the sets of parameters that they connect.
    let (mut between, mut set_of) = (Vec::new(), (0..size).collect::<Vec<usize>>());
    for (i, j) in (0..size).flat_map(|i| (0..=i).map(move |j| (i, j))).filter(|&at| mask[at]) {
        match (homes[i], homes[j]) {
            (Home::Nowhere, _) | (_, Home::Nowhere) => {}
            (Home::Layer(a), Home::Layer(b)) if a == b => of_layer[(i, j)] = true,
            _ => {
                between.push((i, j));
                let (from, to) = (set_of[i], set_of[j]);
                set_of.iter_mut().filter(|set| **set == from).for_each(|set| *set = to);
            }
        }
    }
    for (index, layer) in metric.layers.iter().enumerate() {
        let places: Vec<usize> =
            (0..layer.positions.len()).filter(|&place| homes[layer.positions[place]] == Home::Layer(index)).collect();
        let pairs: Vec<(usize, usize)> = (places.iter())
            .flat_map(|&a| places.iter().map(move |&b| (a, b)))
            .filter(|&(a, b)| of_layer[(layer.positions[a], layer.positions[b])])
            .collect();
        if !pairs.is_empty() {
            covariances(level, expectation, layer, row, &pairs, &mut matrix)?;
        }
    }
    let mut sets: Vec<usize> = between.iter().map(|&(i, _)| set_of[i]).collect();
    sets.sort_unstable();
    sets.dedup();
    for set in sets {
        let positions: Vec<usize> = (0..size).filter(|&k| set_of[k] == set).collect();
        let found = of_tangents(level, expectation, row, &positions)?;
        let place = |k: usize| positions.binary_search(&k).expect("both ends of an entry are in its set");
        for &(i, j) in between.iter().filter(|&&(i, _)| set_of[i] == set) {
            let entry = found[(place(i), place(j))];
            (matrix[(i, j)], matrix[(j, i)]) = (entry, entry);
        }
    }
    Ok(matrix)
}

/// Where the rotations of a parameter are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Home {
    Nowhere,
    Layer(usize),
    Several,
}

fn homes(size: usize, layers: &[Layer]) -> Vec<Home> {
    let mut homes = vec![Home::Nowhere; size];
    for (index, layer) in layers.iter().enumerate() {
        for &position in &layer.positions {
            homes[position] = if homes[position] == Home::Nowhere { Home::Layer(index) } else { Home::Several };
        }
    }
    homes
}

/// Writes the covariances of pairs of generators of a layer, given by their places in it, first not below second.
fn covariances(
    level: Level,
    expectation: &Expectation,
    layer: &Layer,
    row: &[f64],
    pairs: &[(usize, usize)],
    matrix: &mut DMatrix<f64>,
) -> Result<(), Error> {
    let program = layer.prefix.program();
    let mut binding = Binding::new(program);
    program.bind(row, &mut binding)?;
    let mut state = StateVector::zero(program.num_qubits())?.with_level(level);
    state.run(program, &binding)?;
    let (program, binding) = basis_change(state.num_qubits(), layer.x_basis, layer.y_basis)?;
    state.apply_steps(&program, &binding, 0..program.num_steps())?;
    let mut means = state.probabilities();
    // From probabilities to the means of all strings of Z, by their masks.
    super::layers::walsh_hadamard(&mut means);
    let generators = generators(expectation, layer, row);
    let mean = |diagonal: &super::layers::Diagonal| diagonal.mean(&means);
    let firsts: Vec<f64> = generators.iter().map(mean).collect();
    for &(a, b) in pairs {
        let entry = mean(&generators[a].times(&generators[b])) - firsts[a] * firsts[b];
        let (i, j) = (layer.positions[a], layer.positions[b]);
        (matrix[(i, j)], matrix[(j, i)]) = (entry, entry);
    }
    Ok(())
}

/// The metric of the parameters at some positions from their tangent states `d_k |psi>`.
///
/// A rotation has its tangent from runs at other angles: `psi(s) = cos(s/2) psi + sin(s/2) psi(pi)`; a phase from `psi(pi) = (1 - 2n) psi` with
/// its projector `n`; a controlled rotation with the projector `n` of its controls from `psi(pi) = (1 - n - iPn) psi` and `psi(2 pi) = (1 -
/// 2n) psi`.
pub(crate) fn of_tangents(
    level: Level,
    expectation: &Expectation,
    row: &[f64],
    positions: &[usize],
) -> Result<DMatrix<f64>, Error> {
    let program = expectation.program();
    let mut binding = Binding::new(program);
    program.bind(row, &mut binding)?;
    let mut end = StateVector::zero(program.num_qubits())?.with_level(level);
    end.run(program, &binding)?;
    let (mut shifted, mut tangent, mut sum) = (end.clone(), end.clone(), end.clone());
    tangent.clear();
    let mut tangents = vec![tangent.clone(); positions.len()];
    let real = |x: f64| Complex64::new(x, 0.0);
    for active in expectation.active() {
        let targets: Vec<(usize, f64)> = (active.parameters.iter())
            .filter_map(|&(position, param)| {
                let place = positions.iter().position(|&wanted| wanted == position)?;
                Some((place, program.rotations()[active.rotation].angle().derivative(row, param)))
            })
            .filter(|&(_, chain)| chain != 0.0)
            .collect();
        if targets.is_empty() {
            continue;
        }
        let mut run = |shift: f64, state: &mut StateVector| -> Result<(), Error> {
            program.bind(row, &mut binding)?;
            program.shift(active.rotation, shift, &mut binding);
            Ok(state.run(program, &binding)?)
        };
        run(std::f64::consts::PI, &mut shifted)?;
        match program.rotations()[active.rotation].generator() {
            RotationGenerator::HalfPauli { controls: 0, .. } => {
                tangent.set_combination(real(0.5), &shifted, Complex64::ZERO, &end)?;
            }
            RotationGenerator::HalfPauli { .. } => {
                sum.set_combination(real(0.5), &shifted, real(-0.25), &end)?;
                run(2.0 * std::f64::consts::PI, &mut shifted)?;
                tangent.set_combination(Complex64::ONE, &sum, real(-0.25), &shifted)?;
            }
            RotationGenerator::Phase { .. } => {
                let half = Complex64::new(0.0, 0.5);
                tangent.set_combination(half, &end, -half, &shifted)?;
            }
        }
        for (place, chain) in targets {
            sum.set_combination(Complex64::ONE, &tangents[place], real(chain), &tangent)?;
            std::mem::swap(&mut sum, &mut tangents[place]);
        }
    }
    let overlaps = tangents.iter().map(|tangent| tangent.inner(&end)).collect::<Result<Vec<_>, _>>()?;
    let mut metric = DMatrix::zeros(positions.len(), positions.len());
    for i in 0..positions.len() {
        for j in 0..=i {
            let entry = (tangents[i].inner(&tangents[j])? - overlaps[i] * overlaps[j].conj()).re;
            (metric[(i, j)], metric[(j, i)]) = (entry, entry);
        }
    }
    Ok(metric)
}
