//! Derivatives of a gradient along a direction on small registers: one call forward, one back.

use super::tangent::{TangentMemory, TangentPlan};
use crate::Level;
use crate::kernel::{self, Block, SmallKept, SmallMotion, SmallTape, SmallValues};

impl TangentMemory {
    /// As [`TangentMemory::forward`], behind its beginning.
    pub(super) fn forward_small(
        &mut self,
        level: Level,
        plan: &TangentPlan,
        (ket, ket_rate): (&mut [Block], &mut [Block]),
    ) {
        let Some(steps) = plan.plan.small_steps() else { return };
        let Self { bound, halves, states, tangents, tables, phases, layers, .. } = self;
        steps.write_tables(level, bound, tables);
        let (tans, scales) = (bound.tan.as_slice(), bound.scales());
        let values = SmallValues { tans, values: bound.values(), scales, start: bound.phase(), tables: &[] };
        let (motion, kept) = (SmallMotion { layers, halves, phases }, SmallKept { states, tangents, tables });
        kernel::small_tangent_forward(level, ket, ket_rate, steps.first, steps.rest(), values, motion, kept);
    }

    /// As [`TangentMemory::backward`].
    pub(super) fn backward_small(
        &mut self,
        level: Level,
        plan: &TangentPlan,
        [bra, rate]: [&[Block]; 2],
        third: bool,
        (out, out_rate): (&mut [f64], &mut [f64]),
    ) -> f64 {
        let (Some(steps), Some(reads)) = (plan.plan.small_steps(), plan.reads.small()) else { return 0.0 };
        let Self { bound, halves, states, tangents, tables, phases, layers, values, changes, .. } = self;
        for values in [&mut *values, &mut *changes] {
            values.resize(reads.sums(), 0.0);
        }
        let tape = SmallTape { first: steps.first, rest: steps.rest(), stored: states, tables, tans: &bound.tan };
        let (motion, asked) = (SmallMotion { layers, halves, phases }, reads.asked());
        let sum =
            kernel::small_tangent_backward(level, [bra, rate], tape, tangents, motion, asked, third, values, changes);
        reads.derivatives(&plan.plan, bound, values, out);
        reads.derivatives(&plan.plan, bound, changes, out_rate);
        2.0 * sum
    }
}
