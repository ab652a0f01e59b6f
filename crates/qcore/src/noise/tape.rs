//! Derivatives of noisy expectation values: the observable is propagated backward through the circuit.

use super::program::{Factor, IDENTITY, Map, Step, sparse, times, turn_rows, turning_sign};
use super::{DensityMatrix, NoisyBinding, NoisyProgram};
use crate::identity::Identity;
use crate::kernel::{
    Block, PairMap, PairPass, add_to_identities, add_to_identity, apply_pair, environment, inner_product, turn_string,
};
use crate::{Error, Level, PauliSum};

/// A run of a [`NoisyProgram`] that is remembered, for exact derivatives with respect to all of its angles.
///
/// With `rho_k` the state behind pass `k` and `L_k` the observable propagated backward to the same place (the Heisenberg
/// picture; the transposes of the passes act on its Pauli coefficients), the value is `<L_k, E_k rho_{k-1}>` for every pass
/// `E_k`, and an angle is differentiated where it stands. Channels are never inverted, so noise of any strength is allowed.
///
/// Memory: with `m` passes about `2 sqrt(m)` density matrices, as the states between checkpoints are computed again. Cost of a
/// gradient: about 10 to 15 runs of the program, whatever the number of angles.
///
/// ```
/// use qcore::{Channel, Circuit, NoiseModel, NoisyBinding, NoisyProgram, NoisyTape, Selector};
/// let mut circuit = Circuit::new(1)?;
/// let theta = circuit.parameter("theta")?;
/// circuit.ry(0, theta)?;
/// let model = NoiseModel::new().after(Selector::every(), Channel::depolarizing(0.03)?);
/// let program = NoisyProgram::compile(&circuit, &model)?;
/// let mut binding = NoisyBinding::new(&program);
/// program.bind(&[0.7], &mut binding)?;
///
/// let mut tape = NoisyTape::new(&program)?;
/// tape.record(&program, &binding)?;
/// let mut by_rotation = [0.0];
/// tape.gradient(&program, &binding, &[(1.0, &"Z0".parse()?)], &mut by_rotation)?;
/// assert!((by_rotation[0] + 0.96 * 0.7_f64.sin()).abs() < 1e-15);
/// # Ok::<(), qcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct NoisyTape {
    state: DensityMatrix,
    cotangent: DensityMatrix,
    /// Passes between checkpoints.
    stride: usize,
    /// The states before passes `0, stride, 2 stride, ..`.
    checkpoints: Vec<DensityMatrix>,
    /// The states before the passes of the segment that is worked on.
    segment: Vec<DensityMatrix>,
    of: Identity,
    /// Whether there is a run to go back from.
    recorded: bool,
}

impl NoisyTape {
    /// Memory for the runs of a program.
    ///
    /// # Errors
    ///
    /// As [`DensityMatrix::zero`].
    pub fn new(program: &NoisyProgram) -> Result<Self, Error> {
        let passes = program.num_passes();
        let stride = (1..).find(|stride| stride * stride >= passes).unwrap_or(1);
        let zeros = |count: usize| (0..count).map(|_| DensityMatrix::zero(program.num_qubits())).collect();
        let [state, cotangent] =
            [DensityMatrix::zero(program.num_qubits())?, DensityMatrix::zero(program.num_qubits())?];
        let (checkpoints, segment): (Result<_, _>, Result<_, _>) = (zeros(passes.div_ceil(stride)), zeros(stride));
        Ok(Self {
            state,
            cotangent,
            stride,
            checkpoints: checkpoints?,
            segment: segment?,
            of: program.identity().clone(),
            recorded: false,
        })
    }

    /// The same tape, worked on at another kernel level from now on.
    #[must_use]
    pub fn with_level(mut self, level: Level) -> Self {
        self.state = self.state.with_level(level);
        for state in &mut self.segment {
            state.set_level(level);
        }
        self
    }

    /// Runs a bound program from `|0...0>`; returns its final state.
    ///
    /// # Errors
    ///
    /// [`Error::AnotherProgram`] if the tape or the binding is another program's.
    pub fn record(&mut self, program: &NoisyProgram, binding: &NoisyBinding) -> Result<&DensityMatrix, Error> {
        self.check(program, binding)?;
        self.recorded = false;
        self.state.reset();
        let stride = self.stride;
        for (segment, checkpoint) in self.checkpoints.iter_mut().enumerate() {
            checkpoint.copy_from(&self.state)?;
            let passes = segment * stride..((segment + 1) * stride).min(program.num_passes());
            self.state.apply_passes(program, binding, passes)?;
        }
        self.recorded = true;
        Ok(&self.state)
    }

    /// The state that the last run ended in.
    #[must_use]
    pub fn state(&self) -> &DensityMatrix {
        &self.state
    }

    /// The derivatives of `sum_k w_k <H_k>`, as it is read with the readout errors of the program, with respect to the angle
    /// of every rotation ([`NoisyProgram::num_rotations`]) at the binding of the last run.
    ///
    /// # Errors
    ///
    /// As [`NoisyTape::record`]; [`Error::Order`] without a run before it; [`Error::WidthMismatch`] if an observable reaches beyond the register or `by_rotation`
    /// has not one entry per rotation.
    pub fn gradient(
        &mut self,
        program: &NoisyProgram,
        binding: &NoisyBinding,
        observables: &[(f64, &PauliSum)],
        by_rotation: &mut [f64],
    ) -> Result<(), Error> {
        self.check(program, binding)?;
        if !self.recorded {
            return Err(Error::Order { what: "a gradient", before: "a recorded run" });
        }
        if by_rotation.len() != program.num_rotations() {
            let (what, got, expected) = ("gradient", by_rotation.len(), program.num_rotations());
            return Err(Error::WidthMismatch { what, got, expected });
        }
        self.cotangent.clear();
        for &(weight, observable) in observables {
            self.cotangent.add_read_observable(weight, observable, program.readout())?;
        }
        by_rotation.fill(0.0);
        let level = self.state.level();
        let cotangent = self.cotangent.blocks_mut();
        for (index, checkpoint) in self.checkpoints.iter().enumerate().rev() {
            let passes = index * self.stride..((index + 1) * self.stride).min(program.num_passes());
            // The states before each pass of this segment.
            self.segment[0].copy_from(checkpoint)?;
            for k in 1..passes.len() {
                let (done, next) = self.segment.split_at_mut(k);
                next[0].copy_from(&done[k - 1])?;
                next[0].apply_passes(program, binding, passes.start + k - 1..passes.start + k)?;
            }
            for pass in passes.clone().rev() {
                let state = self.segment[pass - passes.start].blocks_mut();
                let mut add = |slot: usize, derivative: f64| {
                    let slot = &program.slots[slot];
                    if let Some(rotation) = slot.rotation {
                        by_rotation[rotation] += slot.factor * derivative;
                    }
                };
                match &program.steps[pass] {
                    Step::Pair { qubits, before, map } => {
                        let bound = binding.bound[pass].pass(*qubits, before, map);
                        let turns = before.iter().flatten().any(|factor| matches!(factor, Factor::Turn { .. }));
                        if turns || matches!(map, Map::Turn { .. }) {
                            let environment = environment(level, cotangent, state, *qubits);
                            differentiate(&environment, &bound, binding, before, map, &mut add);
                        }
                        apply_transpose(level, cotangent, &bound);
                    }
                    Step::String { string, slot } => {
                        let turn = &binding.turns[*slot];
                        turn_string(level, cotangent, *string, turn.cos, -turn.sin);
                        // With the rotation T(t) the derivative at 0 is (T(pi/2) - T(-pi/2)) / 2.
                        turn_string(level, state, *string, 0.0, 1.0);
                        let plus = inner_product(cotangent, state);
                        turn_string(level, state, *string, -1.0, 0.0);
                        add(*slot, 0.5 * (plus - inner_product(cotangent, state)));
                    }
                }
            }
        }
        Ok(())
    }

    fn check(&self, program: &NoisyProgram, binding: &NoisyBinding) -> Result<(), Error> {
        self.of.check(program.identity(), "tape")?;
        program.check(binding)
    }
}

/// The map of a pass on both qubits together.
fn matrix_of(map: &PairMap<'_>) -> Option<[f64; 256]> {
    match map {
        PairMap::Identity => None,
        PairMap::Sparse(sparse) => Some(sparse.matrix()),
        PairMap::Dense(matrix) => Some(**matrix),
    }
}

/// Derivatives with respect to the angles in one pass, from the environment `e[i][j]` of its map: with `m` what the pass does,
/// the value is `sum m[i][j] e[i][j]`.
fn differentiate(
    environment: &[f64; 256],
    bound: &PairPass<'_>,
    binding: &NoisyBinding,
    before: &[Vec<Factor>; 2],
    map: &Map,
    add: &mut impl FnMut(usize, f64),
) {
    let one = |side: usize| bound.before[side].copied().unwrap_or(IDENTITY);
    let maps = [one(0), one(1)];
    if let Map::Turn { string, slot, factors } = map {
        // What the maps on single qubits make of the right side, then the derivative of the rotation.
        let (cos, sin) = (binding.turns[*slot].cos, binding.turns[*slot].sin);
        // sum_{j} (Ba x Bb)[k][j] e[i][j], for the entries (i, i) and (i, i ^ string) only.
        let behind = |row: usize, k: usize| {
            (0..16).fold(0.0, |sum, j| {
                let entry = maps[0][4 * (k & 3) + (j & 3)] * maps[1][4 * (k >> 2) + (j >> 2)];
                sum + entry * environment[16 * row + j]
            })
        };
        let derivative = (0..16).fold(0.0, |sum, row| match turning_sign(*string, row) {
            Some(sign) => sum + factors[row] * (sign * cos * behind(row, row ^ string) - sin * behind(row, row)),
            None => sum,
        });
        add(*slot, derivative);
    }
    // sum_i m[i][k] e[i][j]: the environment of the maps on single qubits.
    let inner = match matrix_of(&bound.map) {
        None => *environment,
        Some(matrix) => {
            let mut inner = [0.0; 256];
            for (row, entries) in matrix.chunks_exact(16).zip(environment.chunks_exact(16)) {
                for (out, &factor) in inner.chunks_exact_mut(16).zip(row) {
                    if factor != 0.0 {
                        out.iter_mut().zip(entries).for_each(|(out, entry)| *out += factor * entry);
                    }
                }
            }
            inner
        }
    };
    for (side, factors) in before.iter().enumerate() {
        if !factors.iter().any(|factor| matches!(factor, Factor::Turn { .. })) {
            continue;
        }
        // The map on the other qubit is put in.
        let other = &maps[1 - side];
        let index = |own: usize, other: usize| if side == 0 { own | other << 2 } else { other | own << 2 };
        let single: [f64; 16] = std::array::from_fn(|at| {
            (0..16).fold(0.0, |sum, o| sum + other[o] * inner[16 * index(at >> 2, o >> 2) + index(at & 3, o & 3)])
        });
        for (position, factor) in factors.iter().enumerate() {
            let Factor::Turn { slot, .. } = factor else { continue };
            let mut derivative = IDENTITY;
            for (k, factor) in factors.iter().enumerate() {
                match factor {
                    Factor::Fixed(left) => derivative = times(left, &derivative),
                    Factor::Turn { axis, slot } => {
                        let turn = &binding.turns[*slot];
                        if k == position {
                            // What is left alone has no derivative.
                            derivative[..4].fill(0.0);
                            derivative[4 * axis..4 * axis + 4].fill(0.0);
                            turn_rows(*axis, -turn.sin, turn.cos, &mut derivative);
                        } else {
                            turn_rows(*axis, turn.cos, turn.sin, &mut derivative);
                        }
                    }
                }
            }
            add(*slot, derivative.iter().zip(&single).fold(0.0, |sum, (d, e)| sum + d * e));
        }
    }
}

/// Applies the transpose of a pass: first that of the map on both qubits, then those on each.
fn apply_transpose(level: Level, state: &mut [Block], bound: &PairPass<'_>) {
    let qubits = bound.qubits;
    if let Some(matrix) = matrix_of(&bound.map) {
        let transpose = std::array::from_fn(|at| matrix[16 * (at & 15) + (at >> 4)]);
        let column: [f64; 15] = std::array::from_fn(|k| matrix[16 * (k + 1)]);
        if column != [0.0; 15] {
            add_to_identities(state, qubits, column);
        }
        match sparse(&transpose) {
            Some(map) => apply_pair(level, state, &PairPass { qubits, before: [None; 2], map: PairMap::Sparse(&map) }),
            None => {
                apply_pair(level, state, &PairPass { qubits, before: [None; 2], map: PairMap::Dense(&transpose) });
            }
        }
    }
    let transposes = bound
        .before
        .map(|matrix| matrix.map(|matrix| -> [f64; 16] { std::array::from_fn(|at| matrix[4 * (at & 3) + (at >> 2)]) }));
    let preserves = |matrix: &Option<[f64; 16]>| matrix.is_none_or(|m| m[1..4] == [0.0; 3]);
    let map = PairMap::Identity;
    let [first, second] = &transposes;
    if preserves(first) && preserves(second) {
        if first.is_some() || second.is_some() {
            apply_pair(level, state, &PairPass { qubits, before: [first.as_ref(), second.as_ref()], map });
        }
        return;
    }
    for (side, transpose) in transposes.iter().enumerate() {
        let Some(matrix) = transpose else { continue };
        add_to_identity(state, qubits[side], [matrix[1], matrix[2], matrix[3]]);
        let mut before = [None; 2];
        before[side] = Some(matrix);
        apply_pair(level, state, &PairPass { qubits, before, map });
    }
}
