//! Runs that share most of a binding: where each rotation acts in a plan, the tables of a bound plan, and groups of four runs that
//! differ from it in a few rotations.

use super::recipes::{Extra, Followers, Turns};
use super::schedule::{Element, Factor};
use super::{Part, Plan, Recipes, Stage, Start};
use crate::Level;
use crate::compile::Bound;
use crate::kernel::{
    self, Block, Diagonal, Quad, Term, apply_batch_passes, apply_passes, build_batch_table, build_table,
};

/// A piece of a plan whose state is one tile.
#[derive(Clone, Copy)]
pub(super) enum Item<'a> {
    Start(&'a Start),
    Part(&'a Part),
    Step(usize),
}

/// For each rotation of a plan, the first and the last item that depend on its angle (`None` where none does, as for a global phase), and the
/// numbers of a binding that do.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    of_rotation: Vec<Option<(usize, usize)>>,
    items: usize,
    followers: Vec<Followers>,
}

impl Plan {
    /// The pieces of a plan that takes its state as one tile.
    pub(super) fn items(&self) -> impl Iterator<Item = Item<'_>> {
        self.stages.iter().flat_map(|stage| {
            let (start, parts, step): (_, &[Part], _) = match stage {
                Stage::Sweep(sweep) => (sweep.start.as_ref(), &sweep.parts, None),
                Stage::Step(index) => (None, &[], Some(*index)),
            };
            start.map(Item::Start).into_iter().chain(parts.iter().map(Item::Part)).chain(step.map(Item::Step))
        })
    }

    /// Where each rotation acts.
    pub(crate) fn places(&self) -> Places {
        let mut of_rotation = vec![None; self.recipes.rotations];
        let mut items = 0;
        for (index, item) in self.items().enumerate() {
            items = index + 1;
            self.recipes.each_rotation(item, &mut |rotation| {
                let first = of_rotation[rotation].map_or(index, |(first, _)| first);
                of_rotation[rotation] = Some((first, index));
            });
        }
        Places { of_rotation, items, followers: self.recipes.followers() }
    }
}

impl Places {
    /// The items that depend on any of these rotations, as first and one behind the last; empty at the end if none does.
    pub(crate) fn of(&self, rotations: impl Iterator<Item = usize>) -> (usize, usize) {
        let found = rotations.filter_map(|rotation| self.of_rotation[rotation]);
        found
            .map(|(first, last)| (first, last + 1))
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
            .unwrap_or((self.items, self.items))
    }

    pub(crate) fn num_items(&self) -> usize {
        self.items
    }

    pub(crate) fn followers(&self) -> &[Followers] {
        &self.followers
    }
}

impl Recipes {
    /// Calls `each` with the rotations that the numbers of an item depend on, some of them more than once.
    pub(super) fn each_rotation(&self, item: Item<'_>, each: &mut impl FnMut(usize)) {
        let (diagonal, scale) = match item {
            Item::Start(start) => (Some(&start.diagonal), start.scale),
            Item::Part(part) => (part.diagonal.as_ref(), part.scale),
            Item::Step(_) => return,
        };
        if let Item::Part(part) = item {
            for pass in &part.passes {
                pass.row_tans.iter().chain(&pass.lane_tans).for_each(|&turn| self.each_of_turn(turn, each));
            }
        }
        if let Some(diagonal) = diagonal {
            each_value(diagonal, &mut |value| self.each_of_value(value, each));
        }
        if let Some(scale) = scale {
            self.scales[scale].iter().for_each(|&turn| self.each_of_turn(turn, each));
        }
    }

    /// The rotations that every value depends on which no rotation gives directly.
    pub(super) fn rotations_of_extras(&self) -> Vec<Vec<usize>> {
        let of = |extra: usize| {
            let mut rotations = Vec::new();
            self.each_of_value((self.rotations + extra) as u32, &mut |rotation| rotations.push(rotation));
            rotations
        };
        (0..self.extras.len()).map(of).collect()
    }

    /// The rotations that every scale depends on.
    pub(super) fn rotations_of_scales(&self) -> Vec<Vec<usize>> {
        let of = |turns: &Turns| {
            let mut rotations = Vec::new();
            turns.iter().for_each(|&turn| self.each_of_turn(turn, &mut |rotation| rotations.push(rotation)));
            rotations
        };
        self.scales.iter().map(of).collect()
    }

    fn each_of_turn(&self, turn: u32, each: &mut impl FnMut(usize)) {
        let turn = turn as usize;
        if turn < self.rotations {
            each(turn);
        } else if let Some((elements, _)) = self.products.iter().find(|(_, of_product)| *of_product == turn) {
            elements.iter().filter_map(Element::rotation).for_each(each);
        }
    }

    fn each_of_value(&self, value: u32, each: &mut impl FnMut(usize)) {
        let Some(extra) = (value as usize).checked_sub(self.rotations) else {
            each(value as usize);
            return;
        };
        match &self.extras[extra] {
            Extra::Constant(_) => {}
            Extra::Product => {
                let product = self.product_values.iter().position(|values| values.contains(&value));
                let elements = product.map(|product| &self.products[product].0);
                elements.into_iter().flatten().filter_map(Element::rotation).for_each(each);
            }
            Extra::Chain(factors) => {
                for factor in factors {
                    match *factor {
                        Factor::Before(product) => self.each_of_value(self.product_values[product][0], each),
                        Factor::After(product) => self.each_of_value(self.product_values[product][1], each),
                        other => other.rate().into_iter().for_each(|(rotation, _)| each(rotation)),
                    }
                }
            }
            Extra::Start { tan, phase } => {
                self.each_of_turn(*tan, each);
                self.each_of_value(*phase, each);
            }
        }
    }
}

/// Calls `each` with the values that a diagonal operator is made of.
fn each_value(diagonal: &Diagonal, each: &mut impl FnMut(u32)) {
    let mut terms = |terms: &[Term]| terms.iter().for_each(|term| each(term.value));
    terms(&diagonal.outer_terms);
    terms(&diagonal.lane_terms);
    for doubling in &diagonal.doublings {
        terms(&doubling.terms);
        terms(&doubling.rest);
        terms(doubling.partner.as_slice());
    }
    diagonal.lane_factors.iter().copied().for_each(&mut *each);
    diagonal.doublings.iter().for_each(|doubling| each(doubling.factor));
    diagonal.parities.iter().for_each(|parity| each(parity.value));
}

/// What runs of one bound plan share whose state is one tile: for every item the table of its diagonal operator and the state before
/// it, in the layout of a single state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    blocks: Vec<Block>,
    before: Vec<Block>,
    spare: Vec<Block>,
    size: usize,
}

/// Four members of a group whose angles differ in some rotations.
pub(crate) struct Members<'a> {
    /// Their angles.
    pub(crate) own: &'a Bound,
    /// The first item that one of them changes, and the first behind all that do.
    pub(crate) changed: (usize, usize),
    /// What their amplitudes are multiplied with.
    pub(crate) factor: Quad,
    /// Room for a table of a group.
    pub(crate) table: &'a mut [Block],
}

impl Tables {
    /// Runs a bound plan and keeps its tables and states.
    pub(crate) fn run(
        &mut self,
        level: Level,
        plan: &Plan,
        bound: &Bound,
        state: &mut [Block],
        mut step: impl FnMut(&mut [Block], usize),
    ) {
        self.size = state.len();
        let all = plan.items().count() * self.size;
        self.blocks.resize(all, Block::default());
        self.before.resize(all, Block::default());
        self.spare.resize(self.size, Block::default());
        let kept = self.blocks.chunks_exact_mut(self.size).zip(self.before.chunks_exact_mut(self.size));
        for (item, (table, before)) in plan.items().zip(kept) {
            before.copy_from_slice(state);
            match item {
                Item::Start(start) => {
                    build_table(level, table, &start.diagonal, bound.values(), bound.start(start.scale), 0);
                    state.copy_from_slice(table);
                }
                Item::Part(part) => {
                    let table = part.diagonal.as_ref().map(|diagonal| {
                        build_table(level, table, diagonal, bound.values(), bound.scale(part.scale), 0);
                        &*table
                    });
                    apply_passes(level, state, &part.passes, &bound.tan, table);
                    if let Some(map) = &part.map {
                        map.apply_in(level, state, &mut self.spare, 0);
                    }
                }
                Item::Step(index) => step(state, index),
            }
        }
    }

    /// Runs a group from the first item that its members change; `plan` is the one for groups, `bound` what the tables were made from,
    /// `end` the final state without a change.
    #[allow(clippy::too_many_arguments, reason = "what a group needs, no part of it optional")]
    pub(crate) fn run_group(
        &self,
        level: Level,
        plan: &Plan,
        bound: &Bound,
        end: &[Block],
        members: Members<'_>,
        group: &mut [Block],
        mut step: impl FnMut(&mut [Block], usize),
    ) {
        let (first, own_end) = members.changed;
        let mut factor = members.factor;
        if first > 0 {
            // What a start has in it already, a state from the middle of the circuit has not: the change of the global phase.
            let mut back = bound.phase();
            back.im = back.im.map(|im| -im);
            factor = factor.times(members.own.phase()).times(back);
            let state = self.before.get(first * self.size..(first + 1) * self.size).unwrap_or(end);
            kernel::spread(level, state, &factor, group);
        }
        for (index, item) in plan.items().enumerate().skip(first) {
            let own = index < own_end;
            match item {
                Item::Start(start) => {
                    // Every run begins with it, so it comes first or not at all.
                    let (values, first) = (members.own.values(), members.own.start(start.scale).times(factor));
                    build_batch_table(level, group, &start.diagonal, values, first, 0);
                }
                Item::Part(part) if own => {
                    let table = part.diagonal.as_ref().map(|diagonal| {
                        let scale = members.own.scale(part.scale);
                        build_batch_table(level, members.table, diagonal, members.own.values(), scale, 0);
                        &*members.table
                    });
                    apply_batch_passes(level, group, &part.passes, &members.own.tan, table);
                }
                Item::Part(part) => {
                    // Of the tangents of a single state every lane takes the same one.
                    apply_passes(level, group, &part.passes, &bound.tan, None);
                    if part.diagonal.is_some() {
                        kernel::shared_diagonal(level, group, &self.blocks[index * self.size..(index + 1) * self.size]);
                    }
                }
                Item::Step(index) => step(group, index),
            }
            if let Item::Part(Part { map: Some(map), .. }) = item {
                map.apply_in(level, group, members.table, 0);
            }
        }
    }
}
