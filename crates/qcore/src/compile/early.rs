//! One derivative by an angle of the first layer: the state and its tangent run forward together and share all tables.
//!
//! Undoing the adjoint state instead would take as many walks, but every table twice.

use super::derivative::{Contribution, Probe, Weight};
use super::execute::at_least;
use super::reverse::{Layers, Tape};
use super::{Bound, Plan};
use crate::Level;
use crate::kernel::{self, Block};

/// The generator of the one angle, as Pauli strings on the state behind the rotations of the first layer.
#[derive(Clone, Debug)]
pub(super) struct Early {
    strings: Vec<Letters>,
}

/// `weight P` for the Pauli string with masks `x` and `z`.
#[derive(Clone, Copy, Debug)]
struct Letters {
    x: u64,
    z: u64,
    weight: Weight,
}

impl Early {
    /// `probes` has the matrix element of each slot, all of them in the first layer. `None` if one is not of a string alone.
    pub(super) fn new(probes: &[Probe], contributions: &[Contribution]) -> Option<Self> {
        let string = |contribution: &Contribution| {
            let weight = contribution.weight;
            match probes[contribution.slot] {
                Probe::X(qubit) => Some(Letters { x: 1 << qubit, z: 0, weight }),
                Probe::Y(qubit) => Some(Letters { x: 1 << qubit, z: 1 << qubit, weight }),
                Probe::Z { local, outer: 0, controls: 0, outer_controls: 0 } => {
                    Some(Letters { x: 0, z: local as u64, weight })
                }
                Probe::Z { .. } => None,
            }
        };
        contributions.iter().map(string).collect::<Option<_>>().map(|strings| Self { strings })
    }
}

impl Plan {
    /// Runs the plan from `|0...0>`; on the tape it leaves the tangent by the angle, over `-i`.
    pub(super) fn forward_early(
        &self,
        level: Level,
        state: &mut [Block],
        bound: &Bound,
        (layers, early): (Layers<'_>, &Early),
        tape: &mut Tape,
    ) {
        let blocks = state.len();
        let tangent = at_least(&mut tape.stored, blocks);
        let (table, spare) = at_least(&mut tape.tables, 2 * blocks).split_at_mut(blocks);
        kernel::build_table(level, state, &layers.start.bare, bound.tangents(), bound.phase(), 0);
        tangent.fill(Block::default());
        for &Letters { x, z, weight } in &early.strings {
            let weight = match weight {
                Weight::Number(number) => number,
                Weight::Frame { product, element, axis } => {
                    bound.frame(&self.recipes, product as usize, element as usize, 0)[usize::from(axis)]
                }
            };
            kernel::pauli_accumulate(level, tangent, state, weight, x, z);
        }
        for index in 0..layers.len() {
            let part = layers.get(index);
            part.write(level, table, bound, 0);
            for state in [&mut *state, &mut *tangent] {
                if index == 0 {
                    kernel::apply_passes(level, state, &[], &bound.tan, Some(table));
                } else {
                    part.apply(level, state, &bound.tan, table);
                }
                if let Some(map) = &part.map {
                    map.apply_in(level, state, spare, 0);
                }
            }
        }
    }

    /// The derivative after [`Plan::forward_early`]: `bra` is the observable on the state.
    pub(super) fn derivative_early(level: Level, bra: &[Block], tape: &Tape) -> f64 {
        kernel::pauli_inner(level, bra, &tape.stored[..bra.len()], 0, 0, 0).im
    }
}
