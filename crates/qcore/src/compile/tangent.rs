//! Derivatives of a gradient along a direction: a plan run forward and backward together with the tangents of its two states.
//!
//! When the angles change at given rates, `exp(-i t B)` is inserted behind the rotations of each layer and `exp(-i t g)` behind
//! that, with `B = sum_q r_q Y_q / 2` and a diagonal `g`. Forward, the tangent of the state gains `-i B psi` and `-i g psi` there;
//! backward, the tangent of `lambda = H psi` gains `i g lambda` and `i B lambda` (B. Pearlmutter, Neural Computation 6, 147 (1994)). All matrix
//! elements are read between the two insertions, where they commute with their own: `Z` strings with `g`, `Y` with `B`. So no
//! one-qubit gates may be multiplied out, whose elements do not commute.

use super::derivative::{Probe, Reads, Weight};
use super::execute::at_least;
use super::reverse::{Backward, Ket, Layers, Pair};
use super::{Part, Plan};
use crate::Level;
use crate::compile::Bound;
use crate::kernel::{self, Block, LANE_QUBITS, LayerRates, Pass};
use crate::program::{Rotation, Step};

/// At most so many blocks are stored of each state; 64 bytes each.
const STORED_BLOCKS: usize = 1 << 18;

/// A plan without products, and what is read for some derivatives.
#[derive(Clone, Debug)]
pub(crate) struct TangentPlan {
    pub(super) plan: Plan,
    pub(super) reads: Reads,
    /// The place of each rotation among the derivatives.
    outputs: Vec<Option<usize>>,
    /// What the rates make of the phases of each layer.
    phases: Vec<PhaseRates>,
    qubits: usize,
    /// The first layer that is read.
    first: usize,
    /// Whether all layers are one call.
    small: bool,
}

/// What the rates of the angles of a diagonal operator make of the phase of each amplitude: a sum of strings of `Z`.
#[derive(Clone, Debug, Default)]
struct PhaseRates {
    /// Single `Z`: the position, the derivative whose rate it is, and the factor.
    singles: Vec<(usize, usize, f64)>,
    /// Others: the positions, the controls, and the same.
    strings: Vec<(usize, usize, usize, f64)>,
}

/// Working memory, kept from one evaluation to the next.
#[derive(Clone, Debug)]
pub(crate) struct TangentMemory {
    pub(super) bound: Bound,
    undo: Vec<f64>,
    /// Half the rate of each turn, and its negative.
    pub(super) halves: Vec<f64>,
    back_halves: Vec<f64>,
    /// Per layer: the state behind the rotations, its tangent, the table of the diagonal operator, and `g`.
    pub(super) states: Vec<Block>,
    pub(super) tangents: Vec<Block>,
    pub(super) tables: Vec<Block>,
    pub(super) phases: Vec<[f64; 4]>,
    pub(super) layers: Vec<LayerRates>,
    folds: Vec<Block>,
    /// Room for three states.
    spare: Vec<Block>,
    pub(super) values: Vec<f64>,
    pub(super) changes: Vec<f64>,
}

impl TangentPlan {
    /// `None` for states that are not one tile, programs with steps between their layers or too many layers, and if no derivative can be
    /// other than 0.
    pub(crate) fn new(qubits: usize, steps: &[Step], rotations: &[Rotation], wanted: &[usize]) -> Option<Self> {
        let plan = Plan::unmerged(qubits, steps, rotations, LANE_QUBITS, false);
        let reads = Reads::new(&plan, rotations.len(), wanted);
        let blocks = 1 << qubits.saturating_sub(LANE_QUBITS);
        let layers = plan.layers(blocks, &reads)?;
        if layers.len() * blocks > STORED_BLOCKS || !plan.recipes.products.is_empty() {
            return None;
        }
        let first = (0..layers.len()).find(|&index| !layers.reads(index).is_empty())?;
        let mut outputs = vec![None; rotations.len()];
        for (output, &rotation) in wanted.iter().enumerate() {
            outputs[rotation] = Some(output);
        }
        let phases = (0..layers.len()).map(|index| PhaseRates::new(layers.get(index), &outputs)).collect();
        let small = plan.small_steps().is_some() && reads.small().is_some_and(|small| !small.has_flips());
        Some(Self { plan, reads, outputs, phases, qubits, first, small })
    }

    fn blocks(&self) -> usize {
        1 << self.qubits.saturating_sub(LANE_QUBITS)
    }

    fn layers(&self) -> Layers<'_> {
        self.plan.layers(self.blocks(), &self.reads).expect("checked when it was made")
    }

    pub(crate) fn memory(&self) -> TangentMemory {
        let (blocks, layers) = (self.blocks(), self.layers().len());
        let states = || vec![Block::default(); layers * blocks];
        TangentMemory {
            bound: Bound::new(self.outputs.len(), Some(&self.plan.recipes), 1),
            undo: Vec::new(),
            halves: Vec::new(),
            back_halves: Vec::new(),
            states: states(),
            tangents: states(),
            tables: states(),
            phases: vec![[0.0; 4]; layers * blocks],
            layers: vec![LayerRates::default(); layers],
            folds: vec![Block::default(); blocks],
            spare: Vec::new(),
            values: Vec::new(),
            changes: Vec::new(),
        }
    }
}

impl TangentMemory {
    /// Takes over the sines and cosines of a binding, and the rates of the angles that are differentiated.
    fn begin(&mut self, level: Level, plan: &TangentPlan, binding: &Bound, rates: &[f64]) {
        let count = plan.outputs.len();
        let bound = &mut self.bound;
        bound.angles.copy_from_slice(&binding.angles);
        bound.arguments.copy_from_slice(&binding.arguments);
        bound.sin.copy_from_slice(&binding.sin);
        bound.cos[..count].copy_from_slice(&binding.cos[..count]);
        bound.follow(&plan.plan.recipes, level);
        self.halves.clear();
        self.halves.resize(bound.tan.len(), 0.0);
        for (half, output) in self.halves.iter_mut().zip(&plan.outputs) {
            *half = output.map_or(0.0, |output| 0.5 * rates[output]);
        }
        if !plan.small {
            self.undo.clear();
            self.undo.extend(bound.tan.iter().map(|tan| -tan));
            self.back_halves.clear();
            self.back_halves.extend(self.halves.iter().map(|half| -half));
        }
        let layers = plan.layers();
        let blocks = plan.blocks();
        for (index, changes) in self.layers.iter_mut().enumerate() {
            let part = layers.get(index);
            let of_pass = |pass: &Pass| {
                let lanes: &[u32] = if pass.lanes { &pass.lane_tans } else { &[] };
                pass.row_tans[..pass.rows].iter().chain(lanes).any(|&turn| self.halves[turn as usize] != 0.0)
            };
            let phases = &mut self.phases[index * blocks..(index + 1) * blocks];
            *changes = LayerRates {
                turns: part.passes.iter().any(of_pass),
                phases: plan.phases[index].write(plan.qubits, rates, phases.as_flattened_mut()),
            };
        }
    }

    /// Runs the program and its tangent, and writes the states at the end.
    pub(crate) fn forward(
        &mut self,
        level: Level,
        plan: &TangentPlan,
        binding: &Bound,
        rates: &[f64],
        (ket, ket_rate): (&mut [Block], &mut [Block]),
    ) {
        self.begin(level, plan, binding, rates);
        if plan.small {
            return self.forward_small(level, plan, (ket, ket_rate));
        }
        let blocks = plan.blocks();
        let layers = plan.layers();
        let Self { bound, halves, states, tangents, tables, phases, layers: changes, .. } = self;
        let at = |index: usize| index * blocks..(index + 1) * blocks;
        let mut moving = false;
        for index in 0..layers.len() {
            let part = layers.get(index);
            let (before, rest) = states.split_at_mut(index * blocks);
            let state = &mut rest[..blocks];
            let (tangents_before, rest) = tangents.split_at_mut(index * blocks);
            let tangent = &mut rest[..blocks];
            match index.checked_sub(1) {
                None => {
                    kernel::build_table(level, state, &layers.start.bare, bound.tangents(), bound.phase(), 0);
                    tangent.fill(Block::default());
                }
                Some(last) => {
                    let (from, table) = (&before[at(last)], &tables[at(last)]);
                    match part.passes.split_first() {
                        None => kernel::multiply_into(level, state, from, table),
                        Some((pass, others)) => {
                            kernel::apply_first_pass(level, state, from, table, pass, &bound.tan);
                            kernel::apply_passes(level, state, others, &bound.tan, None);
                        }
                    }
                    moving |= changes[last].phases;
                    if moving {
                        let of_last = if changes[last].phases { &phases[at(last)] } else { &[] };
                        kernel::multiply_tangent(level, tangent, &tangents_before[at(last)], from, of_last, table);
                        kernel::apply_passes(level, tangent, &part.passes, &bound.tan, None);
                    } else {
                        tangent.fill(Block::default());
                    }
                }
            }
            if changes[index].turns {
                kernel::add_turns(level, tangent, state, &part.passes, halves);
                moving = true;
            }
            part.write(level, &mut tables[at(index)], bound, 0);
        }
        let last = at(layers.len() - 1);
        let (state, table) = (&states[last.clone()], &tables[last.clone()]);
        let of_last = if changes[layers.len() - 1].phases { &phases[last.clone()] } else { &[] };
        kernel::multiply_into(level, ket, state, table);
        kernel::multiply_tangent(level, ket_rate, &tangents[last], state, of_last, table);
    }

    /// Goes back from `H psi` and its tangent, and writes derivatives and their rates of change; with `third` it returns the third derivative along
    /// the direction of the rates, else 0.
    ///
    /// The third derivative needs no second derivative of a state: with `U_k(t)` the factors of the circuit and the tangents `psi'` and
    /// `lambda'` in front of and behind them it is `2 Re sum_k <lambda|U_k''' psi + 3 U_k'' psi'> + 3 <lambda'|U_k'' psi + 2 U_k' psi'>`.
    pub(crate) fn backward(
        &mut self,
        level: Level,
        plan: &TangentPlan,
        bra: &mut [Block],
        rate: &mut [Block],
        third: bool,
        (out, out_rate): (&mut [f64], &mut [f64]),
    ) -> f64 {
        if plan.small {
            return self.backward_small(level, plan, [bra, rate], third, (out, out_rate));
        }
        let blocks = plan.blocks();
        let layers = plan.layers();
        let Self { bound, undo, halves, back_halves, states, tangents, tables, phases, .. } = self;
        let (folds, spare) = (&mut self.folds, at_least(&mut self.spare, if third { 3 * blocks } else { 0 }));
        for values in [&mut self.values, &mut self.changes] {
            values.clear();
            values.resize(plan.reads.slots(), 0.0);
        }
        let (values, changes) = (&mut self.values, &mut self.changes);
        let back = Backward { level, bound, tangents: undo, none: plan.plan.recipes.no_turn(), ket: Ket::Stored };
        let mut sum = 0.0;
        for index in (plan.first..layers.len()).rev() {
            let at = index * blocks..(index + 1) * blocks;
            let (part, reads, of_layer) = (layers.get(index), layers.reads(index), self.layers[index]);
            let (ket, tangent) = (&mut states[at.clone()], &mut tangents[at.clone()]);
            let table = &tables[at.clone()];
            if reads.is_empty() {
                part.undo(level, bra, undo, table);
                part.undo(level, rate, undo, table);
                continue;
            }
            kernel::apply_conjugate(level, bra, table);
            kernel::apply_conjugate(level, rate, table);
            if of_layer.phases {
                let phases = &phases[at];
                if third {
                    sum += kernel::third_of_phases(level, bra, rate, ket, tangent, phases);
                }
                kernel::add_phases(level, rate, bra, phases);
            }
            let mut read = |ket: &mut [Block], bra: &mut [Block], rotate: bool, values: &mut [f64]| {
                let pair = Pair { ket, bra, table: None, outer: 0 };
                back.part(part, reads, pair, rotate, folds, values, 0);
            };
            read(ket, bra, false, values);
            read(ket, rate, false, changes);
            if of_layer.turns && third {
                sum += third_of_turns(level, &part.passes, halves, [bra, rate, ket, tangent], spare);
            }
            if of_layer.turns && index > plan.first {
                kernel::add_turns(level, rate, bra, &part.passes, back_halves);
            }
            // Whatever is left to do with `bra` here is done along with what is read last.
            read(tangent, bra, index > plan.first, changes);
            if index > plan.first {
                kernel::apply_passes(level, rate, &part.passes, undo, None);
            }
        }
        plan.reads.derivatives(&plan.plan, bound, 0, values, out);
        plan.reads.derivatives(&plan.plan, bound, 0, changes, out_rate);
        2.0 * sum
    }
}

/// `Re <bra|3 K^2 tangent - 2 K^3 ket> + 3 Re <rate|2 K tangent - K^2 ket>` with the real matrix `K = -K^T` of the turns of a layer: its part of
/// half a third derivative.
fn third_of_turns(
    level: Level,
    passes: &[Pass],
    halves: &[f64],
    [bra, rate, ket, tangent]: [&[Block]; 4],
    spare: &mut [Block],
) -> f64 {
    let dot = |a: &[Block], b: &[Block]| kernel::pauli_inner(level, a, b, 0, 0, 0).re;
    let times = |to: &mut [Block], from: &[Block]| {
        to.fill(Block::default());
        kernel::add_turns(level, to, from, passes, halves);
    };
    let (of_bra, rest) = spare.split_at_mut(bra.len());
    let (first, second) = rest.split_at_mut(bra.len());
    times(of_bra, bra);
    times(first, ket);
    times(second, first);
    let square = 2.0 * dot(of_bra, second) - 3.0 * dot(rate, second);
    times(first, tangent);
    square - 3.0 * dot(of_bra, first) + 6.0 * dot(rate, first)
}

impl PhaseRates {
    fn new(part: &Part, outputs: &[Option<usize>]) -> Self {
        let mut rates = Self::default();
        for source in &part.sources {
            let (Probe::Z { local, controls, .. }, Weight::Number(weight)) = (source.probe, source.weight) else {
                continue;
            };
            let Some(output) = outputs[source.rotation as usize] else { continue };
            if local.is_power_of_two() && controls == 0 {
                rates.singles.push((local.trailing_zeros() as usize, output, 0.5 * weight));
            } else {
                rates.strings.push((local, controls, output, 0.5 * weight));
            }
        }
        rates
    }

    /// Writes what these rates make of each amplitude; false if that is nothing.
    fn write(&self, qubits: usize, rates: &[f64], out: &mut [f64]) -> bool {
        // A sum of strings of Z is the Walsh-Hadamard transform of their coefficients; of single Z it is a walk that doubles.
        let mut singles = [0.0; super::WHOLE_QUBITS];
        for &(position, output, factor) in &self.singles {
            singles[position] += factor * rates[output];
        }
        let strings =
            self.strings.iter().map(|&(local, controls, output, weight)| (local, controls, weight * rates[output]));
        let strings = strings.filter(|&(_, _, factor)| factor != 0.0);
        if strings.clone().next().is_none() {
            if singles.iter().all(|&factor| factor == 0.0) {
                return false;
            }
            out.fill(0.0);
            out[0] = singles.iter().sum();
            for (bit, factor) in singles.iter().enumerate().take(qubits) {
                let (low, high) = out.split_at_mut(1 << bit);
                low.iter().zip(high).for_each(|(low, high)| *high = low - 2.0 * factor);
            }
            return true;
        }
        out.fill(0.0);
        for (position, factor) in singles.iter().enumerate().take(qubits) {
            out[1 << position] += factor;
        }
        for (local, _, factor) in strings.clone().filter(|&(_, controls, _)| controls == 0) {
            out[local] += factor;
        }
        for bit in 0..qubits {
            for pair in out[..1 << qubits].chunks_exact_mut(2 << bit) {
                let (low, high) = pair.split_at_mut(1 << bit);
                low.iter_mut().zip(high).for_each(|(low, high)| (*low, *high) = (*low + *high, *low - *high));
            }
        }
        for (local, controls, factor) in strings.filter(|&(_, controls, _)| controls != 0) {
            for (index, entry) in out[..1 << qubits].iter_mut().enumerate() {
                if index & controls == controls {
                    *entry += if (index & local).count_ones().is_multiple_of(2) { factor } else { -factor };
                }
            }
        }
        true
    }
}
