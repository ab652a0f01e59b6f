//! Routing: exchanges of qubits so that every two-qubit gate acts on a coupled pair.

use std::collections::VecDeque;

use super::layout::{Interactions, around, assignment, embedding};
use super::primitive::{Primitive, Sourced};
use super::{Error, Losses};

/// Gates after the front layer that the choice of an exchange looks at.
const LOOK_AHEAD: usize = 20;
/// Their weight against the front layer.
const LOOK_AHEAD_WEIGHT: f64 = 0.5;
/// What an exchange adds to the weight of its qubits, so that exchanges spread out and run in parallel.
const DECAY: f64 = 0.001;
/// Exchanges after which these weights start anew.
const DECAY_RESET: usize = 5;
/// Two-qubit gates, over all starts, that the search for an initial layout may route.
const LAYOUT_WORK: usize = 100_000;

/// Layouts that are written in native gates to choose the one that loses least.
const CHOICES: usize = 4;

/// A coupling map with its distances.
pub(super) struct Map {
    neighbours: Vec<Vec<usize>>,
    edges: Vec<[usize; 2]>,
    distances: Vec<usize>,
    part: Vec<usize>,
    losses: Option<Losses>,
}

impl Map {
    /// `edges` are undirected and may be listed more than once.
    pub(super) fn new(qubits: usize, edges: &[[usize; 2]], losses: Option<&Losses>) -> Self {
        let mut neighbours = vec![Vec::new(); qubits];
        let mut sorted: Vec<[usize; 2]> = edges.iter().map(|&[a, b]| [a.min(b), a.max(b)]).collect();
        sorted.sort_unstable();
        sorted.dedup();
        for &[a, b] in &sorted {
            neighbours[a].push(b);
            neighbours[b].push(a);
        }
        let mut distances = vec![usize::MAX; qubits * qubits];
        let mut part = vec![usize::MAX; qubits];
        let mut parts = 0;
        for start in 0..qubits {
            let row = &mut distances[start * qubits..(start + 1) * qubits];
            row[start] = 0;
            let mut queue = VecDeque::from([start]);
            while let Some(at) = queue.pop_front() {
                for &next in &neighbours[at] {
                    if row[next] == usize::MAX {
                        row[next] = row[at] + 1;
                        queue.push_back(next);
                    }
                }
            }
            if part[start] == usize::MAX {
                (0..qubits).filter(|&q| row[q] != usize::MAX).for_each(|q| part[q] = parts);
                parts += 1;
            }
        }
        Self { neighbours, edges: sorted, distances, part, losses: losses.cloned() }
    }

    pub(super) fn knows_losses(&self) -> bool {
        self.losses.is_some()
    }

    /// What a gate on a pair loses; 0 where nobody knows.
    pub(super) fn loss(&self, a: usize, b: usize) -> f64 {
        let of = |losses: &Losses| losses.pairs.get(&[a.min(b), a.max(b)]).copied();
        self.losses.as_ref().and_then(of).unwrap_or(0.0)
    }

    /// What the readout of a qubit loses; 0 where nobody knows.
    pub(super) fn readout_loss(&self, qubit: usize) -> f64 {
        let of = |losses: &Losses| losses.readout.get(qubit).copied();
        self.losses.as_ref().and_then(of).unwrap_or(0.0)
    }

    pub(super) fn qubits(&self) -> usize {
        self.neighbours.len()
    }

    pub(super) fn neighbours(&self, qubit: usize) -> &[usize] {
        &self.neighbours[qubit]
    }

    pub(super) fn distance(&self, a: usize, b: usize) -> usize {
        self.distances[a * self.qubits() + b]
    }

    pub(super) fn coupled(&self, a: usize, b: usize) -> bool {
        self.distance(a, b) == 1
    }

    /// The connected part that a qubit is in.
    pub(super) fn part(&self, qubit: usize) -> usize {
        self.part[qubit]
    }

    /// Qubits of each part.
    fn part_sizes(&self) -> Vec<usize> {
        let count = self.part.iter().max().map_or(0, |&last| last + 1);
        (0..count).map(|part| self.part.iter().filter(|&&p| p == part).count()).collect()
    }
}

/// Primitives on physical qubits.
pub(super) struct Routed {
    pub(super) primitives: Vec<Sourced>,
    /// Physical qubit of each qubit of the circuit, before and after.
    pub(super) initial: Vec<usize>,
    pub(super) last: Vec<usize>,
    pub(super) swaps: usize,
}

/// The two-qubit gates of a circuit and what depends on what.
struct Gates {
    pairs: Vec<[usize; 2]>,
    /// The next gate on each of the two qubits.
    next: Vec<[Option<usize>; 2]>,
    /// Gates that must come before.
    needs: Vec<u8>,
}

impl Gates {
    fn new(qubits: usize, pairs: Vec<[usize; 2]>) -> Self {
        let mut last: Vec<Option<usize>> = vec![None; qubits];
        let mut next = vec![[None; 2]; pairs.len()];
        let mut needs = vec![0; pairs.len()];
        for (index, pair) in pairs.iter().enumerate() {
            for &qubit in pair {
                if let Some(before) = last[qubit].replace(index) {
                    let side = usize::from(pairs[before][1] == qubit);
                    next[before][side] = Some(index);
                    needs[index] += 1;
                }
            }
        }
        Self { pairs, next, needs }
    }

    fn reversed(&self, qubits: usize) -> Self {
        Self::new(qubits, self.pairs.iter().rev().copied().collect())
    }
}

/// What a pass does, in order.
enum Event {
    /// A gate, and the physical qubits on which it runs.
    Gate(usize, [usize; 2]),
    Exchange(usize, usize),
}

/// One pass of the router (G. Li, Y. Ding, Y. Xie, ASPLOS 2019, algorithm 1). `place` is the physical qubit of each qubit of the
/// circuit and is moved along; returns the number of exchanges.
fn pass(gates: &Gates, map: &Map, place: &mut [usize], mut event: impl FnMut(Event)) -> usize {
    let mut needs = gates.needs.clone();
    let mut front: Vec<usize> = (0..needs.len()).filter(|&gate| needs[gate] == 0).collect();
    let mut at: Vec<Option<usize>> = vec![None; map.qubits()];
    place.iter().enumerate().for_each(|(qubit, &physical)| at[physical] = Some(qubit));
    let mut decay = vec![1.0; map.qubits()];
    let (mut swaps, mut since_gate) = (0, 0);
    loop {
        // Everything that can run runs, the earliest first.
        let mut ran = false;
        let mut index = 0;
        while index < front.len() {
            let gate = front[index];
            let [a, b] = gates.pairs[gate].map(|qubit| place[qubit]);
            if !map.coupled(a, b) {
                index += 1;
                continue;
            }
            event(Event::Gate(gate, [a, b]));
            ran = true;
            front.remove(index);
            for next in gates.next[gate].into_iter().flatten() {
                needs[next] -= 1;
                if needs[next] == 0 {
                    front.push(next);
                }
            }
        }
        if front.is_empty() {
            return swaps;
        }
        if ran {
            front.sort_unstable();
            since_gate = 0;
            decay.fill(1.0);
        }
        let [a, b] = if since_gate > 4 * map.qubits() {
            // No progress by the heuristic: one step along a shortest path of the gate that is nearest.
            nearest_step(gates, &front, map, place)
        } else {
            best_exchange(gates, &front, &mut needs, map, place, &decay)
        };
        for physical in [a, b] {
            decay[physical] += DECAY;
        }
        at.swap(a, b);
        for physical in [a, b] {
            if let Some(qubit) = at[physical] {
                place[qubit] = physical;
            }
        }
        event(Event::Exchange(a, b));
        swaps += 1;
        since_gate += 1;
        if since_gate % DECAY_RESET == 0 {
            decay.fill(1.0);
        }
    }
}

fn nearest_step(gates: &Gates, front: &[usize], map: &Map, place: &[usize]) -> [usize; 2] {
    let pair = |gate: usize| gates.pairs[gate].map(|qubit| place[qubit]);
    let distance = |gate: &usize| map.distance(pair(*gate)[0], pair(*gate)[1]);
    let nearest = front.iter().copied().min_by_key(distance).expect("the front is not empty");
    let [a, b] = pair(nearest);
    let step = map.neighbours(a).iter().copied().min_by_key(|&next| map.distance(next, b));
    [a, step.expect("a qubit that is not alone has a neighbour")]
}

/// The exchange after which the front layer, and with less weight what follows it, is nearest together; of equals the first.
fn best_exchange(
    gates: &Gates,
    front: &[usize],
    needs: &mut [u8],
    map: &Map,
    place: &[usize],
    decay: &[f64],
) -> [usize; 2] {
    let placed = |list: &[usize]| -> Vec<[usize; 2]> {
        list.iter().map(|&gate| gates.pairs[gate].map(|qubit| place[qubit])).collect()
    };
    let (now, ahead) = (placed(front), placed(&look_ahead(gates, front, needs)));
    let total = |pairs: &[[usize; 2]]| pairs.iter().map(|&[x, y]| map.distance(x, y)).sum::<usize>();
    let totals = (total(&now), total(&ahead));
    // Only gates with one of the two qubits come nearer or go further.
    let mean = |pairs: &[[usize; 2]], total: usize, [a, b]: [usize; 2]| {
        let moved = |physical: usize| {
            if physical == a {
                b
            } else if physical == b {
                a
            } else {
                physical
            }
        };
        let mut sum = total;
        for &[x, y] in pairs {
            let (u, v) = (moved(x), moved(y));
            if (u, v) != (x, y) {
                sum = sum - map.distance(x, y) + map.distance(u, v);
            }
        }
        sum as f64 / pairs.len().max(1) as f64
    };
    let mut touched = vec![false; map.qubits()];
    now.iter().flatten().for_each(|&physical| touched[physical] = true);
    let mut best = (f64::INFINITY, [0, 0]);
    for &[a, b] in &map.edges {
        if !touched[a] && !touched[b] {
            continue;
        }
        let score = (mean(&now, totals.0, [a, b]) + LOOK_AHEAD_WEIGHT * mean(&ahead, totals.1, [a, b]))
            * decay[a].max(decay[b]);
        if score < best.0 {
            best = (score, [a, b]);
        }
    }
    best.1
}

/// Gates that follow the front layer, nearest first. `needs` is left as it was: its length is that of the circuit, and what is
/// looked at is not.
fn look_ahead(gates: &Gates, front: &[usize], needs: &mut [u8]) -> Vec<usize> {
    let mut queue: VecDeque<usize> = front.iter().copied().collect();
    let mut ahead = Vec::with_capacity(LOOK_AHEAD);
    let mut met = Vec::new();
    'looking: while let Some(gate) = queue.pop_front() {
        for next in gates.next[gate].into_iter().flatten() {
            needs[next] -= 1;
            met.push(next);
            if needs[next] == 0 {
                ahead.push(next);
                queue.push_back(next);
                if ahead.len() == LOOK_AHEAD {
                    break 'looking;
                }
            }
        }
    }
    met.into_iter().for_each(|gate| needs[gate] += 1);
    ahead
}

/// The two-qubit primitives among others, and their pairs.
fn two_qubit(primitives: &[Sourced]) -> (Vec<usize>, Vec<[usize; 2]>) {
    let pair = |(index, sourced): (usize, &Sourced)| sourced.primitive.pair().map(|pair| (index, pair));
    primitives.iter().enumerate().filter_map(pair).unzip()
}

/// Routes primitives on `qubits` qubits that start at these places.
pub(super) fn route(primitives: &[Sourced], qubits: usize, map: &Map, initial: Vec<usize>) -> Routed {
    let (two, pairs) = two_qubit(primitives);
    let gates = Gates::new(qubits, pairs);

    // One-qubit primitives go with the two-qubit one that follows them on their qubit.
    let mut waiting: Vec<VecDeque<usize>> = vec![VecDeque::new(); qubits];
    let mut before: Vec<Vec<usize>> = Vec::with_capacity(two.len());
    for (index, sourced) in primitives.iter().enumerate() {
        match (sourced.primitive.single(), sourced.primitive.pair()) {
            (Some(qubit), _) => waiting[qubit].push_back(index),
            (_, Some(pair)) => {
                before.push(pair.into_iter().flat_map(|q| waiting[q].drain(..).collect::<Vec<_>>()).collect())
            }
            (None, None) => {}
        }
    }
    let mut place = initial.clone();
    let mut current = initial.clone();
    let mut routed: Vec<Sourced> = Vec::with_capacity(primitives.len());
    let mut last_operation = 0;
    let swaps = pass(&gates, map, &mut place, |event| match event {
        Event::Gate(gate, _) => {
            for &index in before[gate].iter().chain([&two[gate]]) {
                let Sourced { primitive, operation } = &primitives[index];
                last_operation = *operation;
                routed.push(Sourced { primitive: primitive.on(|qubit| current[qubit]), operation: *operation });
            }
        }
        Event::Exchange(a, b) => {
            for physical in &mut current {
                *physical = if *physical == a {
                    b
                } else if *physical == b {
                    a
                } else {
                    *physical
                };
            }
            routed.push(Sourced { primitive: Primitive::Swap(a, b), operation: last_operation });
        }
    });
    for index in waiting.into_iter().flatten() {
        let Sourced { primitive, operation } = &primitives[index];
        routed.push(Sourced { primitive: primitive.on(|qubit| place[qubit]), operation: *operation });
    }
    Routed { primitives: routed, initial, last: place, swaps }
}

/// Initial layouts to choose from: one without exchanges if there is one; otherwise, of those found by routing forwards and backwards
/// from a layout around each qubit of the device, the first that takes the fewest exchanges, and where losses are known some that
/// lose least.
pub(super) fn layouts(primitives: &[Sourced], qubits: usize, map: &Map) -> Result<Vec<Vec<usize>>, Error> {
    let (two, pairs) = two_qubit(primitives);
    let weights: Vec<usize> = two.iter().map(|&index| primitives[index].primitive.weight()).collect();
    let interactions = Interactions::of(qubits, &pairs, &weights);
    if let Some(place) = embedding(&interactions, map) {
        return Ok(vec![place]);
    }
    let gates = Gates::new(qubits, pairs);
    let components = interactions.components();
    let sizes: Vec<usize> = components.iter().map(Vec::len).collect();
    let chosen = assignment(&sizes, &map.part_sizes())
        .ok_or_else(|| Error::Disconnected { circuit: sizes.clone(), device: map.part_sizes() })?;
    let mut part_of = vec![0; qubits];
    for (component, part) in components.iter().zip(chosen) {
        component.iter().for_each(|&qubit| part_of[qubit] = part);
    }
    let backwards = gates.reversed(qubits);
    let mut found: Vec<(usize, f64, Vec<usize>)> = Vec::new();
    let starts = (LAYOUT_WORK / gates.pairs.len().max(1)).clamp(1, map.qubits());
    for centre in 0..starts {
        let mut place = around(centre, &interactions, map, &part_of);
        for round in 0..3 {
            let start = place.clone();
            let mut loss = 0.0;
            let swaps = pass(&gates, map, &mut place, |event| {
                loss += match event {
                    Event::Gate(gate, [a, b]) => weights[gate] as f64 * map.loss(a, b),
                    Event::Exchange(a, b) => 3.0 * map.loss(a, b),
                }
            });
            loss += place.iter().map(|&physical| map.readout_loss(physical)).sum::<f64>();
            if found.iter().all(|(.., other)| *other != start) {
                found.push((swaps, loss, start));
            }
            if round < 2 {
                pass(&backwards, map, &mut place, |_| {});
            }
        }
    }
    // Both sorts are stable: of equals the first stays first.
    found.sort_by_key(|&(swaps, ..)| swaps);
    let lose_least = if map.knows_losses() { CHOICES - 1 } else { 0 };
    found[1..].sort_by(|(_, a, _), (_, b, _)| a.total_cmp(b));
    found.truncate(1 + lose_least);
    Ok(found.into_iter().map(|(.., place)| place).collect())
}
