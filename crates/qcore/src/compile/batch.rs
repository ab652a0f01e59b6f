//! Derivatives of many bindings of a program that differ in some of its angles only: groups of four members, one per lane.
//!
//! Layers without an angle that differs take the tables of a single state, made once for all groups. One-qubit gates are not
//! multiplied out here: a gate on data beside one on weights is a layer more, which costs less than the product for every member.

use super::derivative::{Fold, PartReads, Probe, Reads, Weight};
use super::execute::at_least;
use super::{Part, Plan, Shape, Stage, Start, Sweep};
use crate::Level;
use crate::compile::Bound;
use crate::kernel::{self, Block, Insertion, Pass};
use crate::program::{Rotation, Step};

/// At most so many blocks of states are stored for a group; 64 bytes each.
const STORED_BLOCKS: usize = 1 << 20;

/// The plans of a program for single states and for groups, layer by layer the same, and what is read for some derivatives.
#[derive(Clone, Debug)]
pub(crate) struct BatchPlan {
    single: Plan,
    group: Plan,
    reads: BatchReads,
    /// The rotations that the numbers of each layer depend on.
    of_layer: Vec<Vec<usize>>,
    /// The same for the values and scales of a binding.
    of_extra: Vec<Vec<usize>>,
    of_scale: Vec<Vec<usize>>,
}

/// What is read for some derivatives.
#[derive(Clone, Debug)]
pub(crate) struct BatchReads {
    reads: Reads,
    /// The first layer that is read.
    first: usize,
}

impl BatchReads {
    /// `None` if there is nothing to read.
    fn new(group: &Plan, rotations: usize, wanted: &[usize]) -> Option<Self> {
        let reads = Reads::new(group, rotations, wanted);
        let first = reads.of_start().iter().chain(reads.of_stage(0)).position(|reads| !reads.is_empty())?;
        Some(Self { reads, first })
    }

    fn of(&self, layer: usize) -> &PartReads {
        match layer.checked_sub(1) {
            None => &self.reads.of_start()[0],
            Some(at) => &self.reads.of_stage(0)[at],
        }
    }
}

/// What the members of a batch share.
#[derive(Clone, Debug)]
pub(crate) struct BatchShared {
    pub(crate) bound: Bound,
    /// The tangents of the inverse rotations.
    undo: Vec<f64>,
    tables: Vec<Block>,
    /// Which layers have tables of their own for every group.
    own: Vec<bool>,
    /// Ranges of rotations whose angles differ, and the values and scales that follow from them.
    pub(crate) rotations: Vec<std::ops::Range<usize>>,
    extras: Vec<usize>,
    scales: Vec<usize>,
    /// One of the rows, and the bits of each parameter in which all rows agree: all of them, or none.
    pub(crate) row: Vec<f64>,
    pub(crate) agreed: Vec<u64>,
}

/// Where a rotation acts in a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    /// Nowhere: its angle turns the global phase at most.
    Nowhere,
    /// Behind the rotations of one layer, where one string generates it.
    At(usize, Insertion),
    /// As anything else.
    Many,
}

/// Numbers and states of a group.
#[derive(Clone, Debug)]
pub(crate) struct BatchGroup {
    pub(crate) bound: Bound,
    undo: Vec<f64>,
    stored: Vec<Block>,
    tables: Vec<Block>,
    pub(crate) end: Vec<Block>,
    pub(crate) bra: Vec<Block>,
    folds: Vec<Block>,
    /// Room to move amplitudes.
    spare: Vec<Block>,
    values: Vec<[f64; 4]>,
}

/// The first layer and the others, of a plan that is one tile and has no steps between its layers.
fn layers(plan: &Plan) -> Option<(&Start, &Part, &[Part])> {
    let [Stage::Sweep(Sweep { shape: Shape::Whole, start: Some(start), parts, .. })] = plan.stages.as_slice() else {
        return None;
    };
    let [first] = start.back.as_slice() else { return None };
    Some((start, first, parts))
}

impl BatchPlan {
    /// `None` for programs with steps between their layers or with too many layers.
    pub(crate) fn new(qubits: usize, steps: &[Step], rotations: &[Rotation], wanted: &[usize]) -> Option<Self> {
        let group = Plan::unmerged(qubits, steps, rotations, 0, true);
        let single = Plan::unmerged(qubits, steps, rotations, kernel::LANE_QUBITS, true);
        let (_, _, rest) = layers(&group)?;
        layers(&single)?;
        let count = 1 + rest.len();
        if count << qubits > STORED_BLOCKS {
            return None;
        }
        let reads = BatchReads::new(&group, rotations.len(), wanted)?;
        let mut of_layer = vec![Vec::new(); count];
        for (rotations, item) in of_layer.iter_mut().zip(group.items()) {
            group.recipes.each_rotation(item, &mut |rotation| rotations.push(rotation));
        }
        let of_extra = group.recipes.rotations_of_extras();
        let of_scale = group.recipes.rotations_of_scales();
        Some(Self { single, group, reads, of_layer, of_extra, of_scale })
    }

    pub(crate) fn num_layers(&self) -> usize {
        self.of_layer.len()
    }

    fn part(&self, layer: usize) -> &Part {
        let (_, first, rest) = layers(&self.group).expect("checked when it was made");
        layer.checked_sub(1).map_or(first, |at| &rest[at])
    }

    /// What is read for all derivatives.
    pub(crate) fn reads(&self) -> &BatchReads {
        &self.reads
    }

    /// What is read for the derivatives by some rotations of so many; `None` if they are all 0.
    pub(crate) fn reads_of(&self, rotations: usize, wanted: &[usize]) -> Option<BatchReads> {
        BatchReads::new(&self.group, rotations, wanted)
    }

    /// Applies the rotations of a layer to a group.
    fn rotate(
        &self,
        level: Level,
        layer: usize,
        state: &mut [Block],
        (own, bound, shared): (bool, &Bound, &BatchShared),
    ) {
        let passes = &self.part(layer).passes;
        if own {
            kernel::apply_batch_passes(level, state, passes, &bound.tan, None);
        } else {
            kernel::apply_passes(level, state, passes, &shared.bound.tan, None);
        }
    }

    /// What is inserted for each rotation, and behind the rotations of which layer.
    pub(crate) fn generators(&self, rotations: usize) -> Vec<Place> {
        let mut found: Vec<Vec<(usize, Probe, f64)>> = vec![Vec::new(); rotations];
        for layer in 0..self.num_layers() {
            for source in &self.part(layer).sources {
                let weight = match source.weight {
                    Weight::Number(weight) => weight,
                    // No derivative of such a plan is read from a product, but if it were it would not be a string.
                    Weight::Frame { .. } => f64::NAN,
                };
                let of_rotation = &mut found[source.rotation as usize];
                match of_rotation.iter_mut().find(|known| (known.0, known.1) == (layer, source.probe)) {
                    Some((_, _, sum)) => *sum += weight,
                    None => of_rotation.push((layer, source.probe, weight)),
                }
            }
        }
        let place = |mut strings: Vec<(usize, Probe, f64)>| {
            strings.retain(|string| string.2 != 0.0);
            match strings[..] {
                [] => Place::Nowhere,
                [(layer, Probe::Y(qubit), sign)] if sign.abs() == 1.0 => Place::At(layer, Insertion::y(qubit, sign)),
                [(layer, Probe::Z { local, outer: 0, controls: 0, outer_controls: 0 }, sign)] if sign.abs() == 1.0 => {
                    Place::At(layer, Insertion::z(local, sign))
                }
                _ => Place::Many,
            }
        };
        found.into_iter().map(place).collect()
    }

    /// Room for what members share.
    pub(crate) fn shared(&self, qubits: usize, rotations: usize) -> BatchShared {
        let size = 1 << qubits.saturating_sub(kernel::LANE_QUBITS);
        BatchShared {
            bound: Bound::new(rotations, Some(&self.single.recipes), 1),
            undo: Vec::new(),
            tables: vec![Block::default(); self.num_layers() * size],
            own: Vec::new(),
            rotations: Vec::new(),
            extras: Vec::new(),
            scales: Vec::new(),
            row: Vec::new(),
            agreed: Vec::new(),
        }
    }

    /// What members share whose angles differ from `bound` where `differs` says so; `bind` computes the numbers of a binding from its sines and cosines.
    pub(crate) fn share(
        &self,
        level: Level,
        differs: &[bool],
        bind: impl FnOnce(&mut Bound),
        shared: &mut BatchShared,
    ) {
        let BatchShared { bound, undo, tables, own, rotations, extras, scales, .. } = shared;
        bind(bound);
        bound.follow(&self.single.recipes, level);
        let any = |rotations: &Vec<usize>| rotations.iter().any(|&rotation| differs[rotation]);
        let which = |all: &[Vec<usize>], which: &mut Vec<usize>| {
            which.clear();
            which.extend((0..all.len()).filter(|&k| any(&all[k])));
        };
        own.clear();
        own.extend(self.of_layer.iter().map(any));
        which(&self.of_extra, extras);
        which(&self.of_scale, scales);
        rotations.clear();
        for rotation in (0..differs.len()).filter(|&rotation| differs[rotation]) {
            match rotations.last_mut().filter(|range| range.end == rotation) {
                Some(range) => range.end += 1,
                None => rotations.push(rotation..rotation + 1),
            }
        }
        let size = tables.len() / self.num_layers();
        let (_, first, rest) = layers(&self.single).expect("checked when it was made");
        let parts = std::iter::once(first).chain(rest);
        for ((part, table), _) in parts.zip(tables.chunks_exact_mut(size)).zip(&*own).filter(|(_, own)| !**own) {
            if part.is_map() {
                table.fill(ONES);
            } else {
                part.write(level, table, bound, 0);
            }
        }
        undo.clear();
        undo.extend(bound.tan.iter().map(|tan| -tan));
    }

    /// Room for a group.
    pub(crate) fn group(&self, qubits: usize, rotations: usize) -> BatchGroup {
        let size = 1 << qubits;
        let blocks = |count: usize| vec![Block::default(); count];
        BatchGroup {
            bound: Bound::new(rotations, Some(&self.group.recipes), 4),
            undo: Vec::new(),
            stored: blocks(self.num_layers() * size),
            tables: Vec::new(),
            end: blocks(size),
            bra: blocks(size),
            folds: blocks(size),
            spare: blocks(size),
            values: vec![[0.0; 4]; self.reads.reads.slots()],
        }
    }
}

impl BatchGroup {
    /// Takes the numbers that its members share.
    pub(crate) fn begin(&mut self, shared: &BatchShared) {
        self.bound.spread_from(&shared.bound);
        self.undo.clear();
        self.undo.extend(self.bound.tan.iter().map(|tan| -tan));
        let own = shared.own.iter().filter(|own| **own).count();
        at_least(&mut self.tables, own * self.end.len());
    }

    /// Runs the members, whose differing angles have their arguments set, and stores the state behind the rotations of every layer.
    pub(crate) fn forward(&mut self, level: Level, plan: &BatchPlan, shared: &BatchShared) {
        let Self { bound, undo, stored, tables, end, spare, .. } = self;
        bound.follow_some(&plan.group.recipes, level, &shared.rotations, &shared.extras, &shared.scales);
        for range in &shared.rotations {
            let range = 4 * range.start..4 * range.end;
            undo[range.clone()].iter_mut().zip(&bound.tan[range]).for_each(|(undo, tan)| *undo = -tan);
        }
        let (size, single) = (end.len(), shared.tables.len() / shared.own.len());
        let (start, _, _) = layers(&plan.group).expect("checked when it was made");
        let mut own_tables = tables.chunks_exact_mut(size);
        // The layer before, whose diagonal operator is still to be applied.
        let mut last: Option<(&[Block], &[Block], bool)> = None;
        let map_of = |layer: usize| plan.part(layer).map.as_ref();
        let mut rest = stored.as_mut_slice();
        for (layer, &own) in shared.own.iter().enumerate() {
            let part = plan.part(layer);
            let (state, left) = rest.split_at_mut(size);
            rest = left;
            match (last, layer.checked_sub(1).and_then(map_of)) {
                (None, _) => {
                    kernel::build_batch_table(level, state, &start.bare, bound.tangents(), bound.phase(), 0);
                }
                (Some(last), Some(map)) => {
                    multiply_into(level, spare, last, None, &[]);
                    map.apply(level, spare, state, 0);
                    plan.rotate(level, layer, state, (own, bound, shared));
                }
                (Some(last), None) if own => {
                    multiply_into(level, state, last, None, &[]);
                    kernel::apply_batch_passes(level, state, &part.passes, &bound.tan, None);
                }
                (Some(last), None) => {
                    // Of the tangents of a single state every lane takes the same one.
                    let tans = &shared.bound.tan;
                    let done = multiply_into(level, state, last, part.passes.first(), tans);
                    kernel::apply_passes(level, state, &part.passes[done..], tans, None);
                }
            }
            let table = if own {
                let table = own_tables.next().expect("one for each layer that has its own");
                part.write(level, table, bound, 0);
                &*table
            } else {
                &shared.tables[layer * single..(layer + 1) * single]
            };
            last = Some((state, table, own));
        }
        if let Some(last) = last {
            multiply_into(level, end, last, None, &[]);
        }
        if let Some(map) = map_of(shared.own.len() - 1) {
            map.apply_in(level, end, spare, 0);
        }
    }

    /// The states of the members at the end, where a generator is inserted into each behind the rotations of a layer; needs a
    /// [`BatchGroup::forward`] before it. They are written to the first of two buffers.
    pub(crate) fn tangents(
        &self,
        level: Level,
        plan: &BatchPlan,
        shared: &BatchShared,
        layer: usize,
        insertions: &[Insertion; 4],
        [to, spare]: [&mut Vec<Block>; 2],
    ) {
        let Self { bound, stored, tables, end, .. } = self;
        let (size, single) = (end.len(), shared.tables.len() / shared.own.len());
        let before = shared.own[..layer].iter().filter(|own| **own).count();
        let mut own_tables = tables.chunks_exact(size).skip(before);
        at_least(to, size);
        at_least(spare, size);
        kernel::insert(level, spare, &stored[layer * size..(layer + 1) * size], insertions);
        for (index, &own) in shared.own.iter().enumerate().skip(layer) {
            let table = if own {
                own_tables.next().expect("one for each layer that has its own")
            } else {
                &shared.tables[index * single..(index + 1) * single]
            };
            let last = (spare.as_slice(), table, own);
            if let Some(map) = &plan.part(index).map {
                multiply_into(level, to, last, None, &[]);
                map.apply(level, &to[..size], &mut spare[..size], 0);
                if let Some(&own) = shared.own.get(index + 1) {
                    plan.rotate(level, index + 1, spare, (own, bound, shared));
                }
                continue;
            }
            match shared.own.get(index + 1) {
                None => {
                    multiply_into(level, to, last, None, &[]);
                }
                Some(true) => {
                    multiply_into(level, to, last, None, &[]);
                    kernel::apply_batch_passes(level, to, &plan.part(index + 1).passes, &bound.tan, None);
                }
                Some(false) => {
                    let (passes, tans) = (&plan.part(index + 1).passes, &shared.bound.tan);
                    let done = multiply_into(level, to, last, passes.first(), tans);
                    kernel::apply_passes(level, to, &passes[done..], tans, None);
                }
            }
            std::mem::swap(to, spare);
        }
        std::mem::swap(to, spare);
    }

    /// Undoes the layers on `bra`, as far as something is read there, and adds `2 Im <bra|G|ket>` of every member to `out`.
    pub(crate) fn backward(
        &mut self,
        level: Level,
        plan: &BatchPlan,
        wanted: &BatchReads,
        shared: &BatchShared,
        out: &mut [[f64; 4]],
    ) {
        if self.values.len() < wanted.reads.slots() {
            self.values.resize(wanted.reads.slots(), [0.0; 4]);
        }
        let Self { undo, stored, tables, end, bra, folds, spare, values, .. } = self;
        let (size, single) = (end.len(), shared.tables.len() / shared.own.len());
        let mut own_left = shared.own.iter().filter(|own| **own).count();
        for (layer, &own) in shared.own.iter().enumerate().skip(wanted.first).rev() {
            let (part, reads) = (plan.part(layer), wanted.of(layer));
            if let Some(map) = &part.map {
                map.undo(level, bra, spare, 0);
                std::mem::swap(bra, spare);
            }
            let ket = &stored[layer * size..(layer + 1) * size];
            let mut table = None;
            if own {
                own_left -= 1;
                kernel::apply_conjugate(level, bra, &tables[own_left * size..(own_left + 1) * size]);
            } else {
                let of_layer = &shared.tables[layer * single..(layer + 1) * single];
                // The first pass that reads takes the table along.
                let first_reads = !reads.folds.is_empty() || reads.turns.first().is_some_and(|turn| turn.0 == 0);
                if first_reads && reads.others.is_empty() {
                    table = Some(of_layer);
                } else {
                    kernel::shared_conjugate(level, bra, of_layer);
                }
            }
            for read in &reads.others {
                values[read.slot] = match read.probe {
                    Probe::X(position) => kernel::batch_inner(level, bra, ket, 1 << position, 0, 0),
                    Probe::Y(position) => kernel::batch_inner(level, bra, ket, 1 << position, 1 << position, 0),
                    Probe::Z { local, controls, .. } => kernel::batch_inner(level, bra, ket, 0, local, controls),
                };
            }
            let passes = if part.passes.is_empty() { &[NO_PASS] } else { part.passes.as_slice() };
            let tans = if own { undo.as_slice() } else { shared.undo.as_slice() };
            // Everything is read before anything is rotated; what is read last is rotated along with it.
            let last_read = reads.turns.last().map_or(0, |turn| turn.0);
            let mut rotated = passes.len();
            let mut turns = reads.turns.as_slice();
            for (index, pass) in passes.iter().enumerate().take(last_read + 1) {
                let (of_pass, later) = turns.split_at(turns.iter().take_while(|turn| turn.0 == index).count());
                turns = later;
                let fold = index == 0 && !reads.folds.is_empty();
                if of_pass.is_empty() && !fold {
                    continue;
                }
                let rotate = index == last_read && layer > wanted.first;
                if rotate {
                    rotated = index;
                }
                let folds = &mut folds[..if fold { size >> pass.rows } else { 0 }];
                let sums = if own {
                    kernel::batch_adjoint_pass(level, bra, ket, pass, tans, rotate, folds)
                } else {
                    kernel::shared_adjoint_pass(level, bra, ket, table.take(), pass, tans, rotate, folds)
                };
                for &(_, place, slot) in of_pass {
                    values[slot] = sums[place];
                }
                if fold {
                    let mut bits = [[0.0; 4]; 16];
                    let whole = kernel::fold_all(level, folds, &mut bits);
                    for &(at, _, slot) in &reads.folds {
                        values[slot] = match at {
                            Fold::Row(row) => sums[3 + row],
                            Fold::Rest(bit) => bits[bit],
                            Fold::Lane(_) | Fold::Whole => whole,
                        };
                    }
                }
            }
            if layer > wanted.first {
                for passes in
                    [&part.passes[..rotated.min(part.passes.len())], part.passes.get(rotated + 1..).unwrap_or(&[])]
                {
                    if own {
                        kernel::apply_batch_passes(level, bra, passes, tans, None);
                    } else {
                        kernel::apply_passes(level, bra, passes, tans, None);
                    }
                }
            }
        }
        wanted.reads.derivatives_of_lanes(values, out);
    }
}

/// A block of a table that changes nothing.
const ONES: Block = Block { re: [1.0; 4], im: [0.0; 4] };

/// No rotation.
const NO_PASS: Pass = Pass { rows: 0, bits: [0; 3], lanes: false, row_tans: [0; 3], lane_tans: [0; 2] };

/// Writes the state of a layer times its table, which is that of a group or of a single state, and applies the pass along with a table of
/// a single state: the number of passes that are done.
fn multiply_into(
    level: Level,
    to: &mut [Block],
    (from, table, own): (&[Block], &[Block], bool),
    pass: Option<&Pass>,
    tans: &[f64],
) -> usize {
    if own {
        kernel::multiply_into(level, to, from, table);
        return 0;
    }
    kernel::shared_first_pass(level, to, from, table, pass.unwrap_or(&NO_PASS), tans);
    usize::from(pass.is_some())
}
