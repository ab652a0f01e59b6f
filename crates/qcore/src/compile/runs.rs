//! Runs of gates that move basis states, found in a program: each becomes one map where that is less work than its layers.

use std::ops::Range;

use super::linear::LinearMap;
use super::schedule::bits;
use crate::program::{Rotation, RotationGenerator, Step};

/// What the scheduler takes one after the other.
#[derive(Clone, Debug)]
pub(super) enum Unit {
    Step(usize),
    Map(LinearMap),
}

/// A run of so many layers is one map. Two layers more than none are as much work as a walk that moves the state.
const DEPTH: usize = 3;

/// A gate of a run.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// Exchanges `k` and `k ^ x`, where the bit of `control` is set or everywhere.
    Exchange {
        x: u64,
        control: u64,
    },
    Swap([usize; 2]),
}

impl Move {
    fn of(step: &Step) -> Option<Self> {
        match step {
            Step::Exchange { x, controls } if controls.count_ones() <= 1 => {
                Some(Self::Exchange { x: *x, control: *controls })
            }
            _ => step.swapped().map(Self::Swap),
        }
    }

    fn mask(self) -> u64 {
        match self {
            Self::Exchange { x, control } => x | control,
            Self::Swap([a, b]) => 1 << a | 1 << b,
        }
    }

    fn follow(self, map: &mut LinearMap) {
        match self {
            Self::Exchange { x, control } => map.exchange(x, control),
            Self::Swap(qubits) => map.swap(qubits),
        }
    }
}

/// The steps of a program in orders that do the same, with maps for runs; empty if there is no run. `cut` is the number of low qubits in the
/// rows of a state that is cut: there gates between rows and columns can stay gates, which is another order.
pub(super) fn found(qubits: usize, steps: &[Step], rotations: &[Rotation], cut: Option<usize>) -> Vec<Vec<Unit>> {
    let moves = steps.iter().filter_map(Move::of);
    let mut gates = moves.filter(|gate| !matches!(gate, Move::Exchange { control: 0, .. }));
    if gates.clone().take(DEPTH).count() < DEPTH && !gates.any(|gate| matches!(gate, Move::Swap(_))) {
        return Vec::new();
    }
    let masks = [Some(u64::MAX), cut.map(|low| (1_u64 << low) - 1)];
    let orders = masks.into_iter().flatten().map(|mask| {
        let mut units = Vec::with_capacity(steps.len());
        let mut from = 0;
        while from < steps.len() {
            // Nothing is moved past a step that no layer holds.
            let stays = |step: &Step| !step.has_layers() && Move::of(step).is_none();
            let to = steps[from..].iter().position(stays).map_or(steps.len(), |at| from + at);
            order(qubits, steps, rotations, from..to, mask, &mut units);
            units.extend((to < steps.len()).then_some(Unit::Step(to)));
            from = to + 1;
        }
        units
    });
    orders.filter(|units| units.iter().any(|unit| matches!(unit, Unit::Map(_)))).collect()
}

/// Adds some steps in the order of their ranks: a gate has the rank of the runs before it plus one, a run that of all that comes before it.
/// Gates on both sides of `mask` belong to no run.
fn order(qubits: usize, steps: &[Step], rotations: &[Rotation], range: Range<usize>, mask: u64, units: &mut Vec<Unit>) {
    let mut ranks = vec![(0, false); qubits];
    let mut others: Vec<Vec<usize>> = vec![Vec::new()];
    let mut runs: Vec<Vec<(usize, Move)>> = vec![Vec::new()];
    for index in range {
        let step = &steps[index];
        let on = on(step, rotations);
        let gate = Move::of(step).filter(|_| on & mask == 0 || on & !mask == 0 || mask == u64::MAX);
        let behind = |&(rank, in_run): &(usize, bool)| rank + usize::from(in_run && gate.is_none());
        let rank = bits(on).map(|qubit| behind(&ranks[qubit])).max().unwrap_or(0);
        bits(on).for_each(|qubit| ranks[qubit] = (rank, gate.is_some()));
        if rank >= runs.len() {
            runs.resize_with(rank + 1, Vec::new);
            others.resize_with(rank + 1, Vec::new);
        }
        match gate {
            Some(gate) => runs[rank].push((index, gate)),
            None => others[rank].push(index),
        }
    }
    for (others, run) in others.into_iter().zip(runs) {
        units.extend(others.into_iter().map(Unit::Step));
        let deep = deep(qubits, &run);
        let mut map = LinearMap::identity(qubits);
        for (index, gate) in run {
            if gate.mask() & deep == 0 {
                units.push(Unit::Step(index));
            } else {
                gate.follow(&mut map);
            }
        }
        units.extend((deep != 0).then_some(Unit::Map(map)));
    }
}

/// The qubits of a step.
fn on(step: &Step, rotations: &[Rotation]) -> u64 {
    match step {
        Step::Rotate(index) => match rotations[*index].generator() {
            RotationGenerator::HalfPauli { string, controls } => string.x_mask() | string.z_mask() | controls,
            RotationGenerator::Phase { mask } => mask,
        },
        Step::Exchange { x, controls } => x | controls,
        Step::Phase { mask, .. } => *mask,
        Step::Matrix(matrices) => matrices[0].qubits(),
    }
}

/// The qubits of those parts of a run that are better done as a map.
fn deep(qubits: usize, run: &[(usize, Move)]) -> u64 {
    // The qubits that are connected with each qubit, as the mask of them all.
    let mut with: Vec<u64> = (0..qubits).map(|qubit| 1 << qubit).collect();
    // The layer of the last rotations and of the last diagonal operator of each qubit.
    let mut layers = vec![(0_usize, None::<usize>); qubits];
    let mut swapped = 0;
    for (_, gate) in run {
        let mask = gate.mask();
        let all = bits(mask).fold(0, |all, qubit| all | with[qubit]);
        bits(all).for_each(|qubit| with[qubit] = all);
        match *gate {
            Move::Swap(_) => swapped |= mask,
            Move::Exchange { x, control } if control != 0 => {
                for qubit in bits(x) {
                    let (turn, diagonal) = layers[qubit];
                    layers[qubit].0 = turn.max(diagonal.map_or(0, |diagonal| diagonal + 1));
                }
                let layer = bits(mask).map(|qubit| layers[qubit].0).max().unwrap_or(0);
                bits(mask).for_each(|qubit| layers[qubit].1 = Some(layer));
                bits(x).for_each(|qubit| layers[qubit].0 = layer + 1);
            }
            Move::Exchange { .. } => {}
        }
    }
    let of_part = |&all: &u64| {
        let depth = bits(all).map(|qubit| layers[qubit].0).max().unwrap_or(0);
        if depth >= DEPTH || all & swapped != 0 { all } else { 0 }
    };
    with.iter().map(of_part).fold(0, |deep, part| deep | part)
}
