//! Where the qubits of a circuit start on a device.

use super::route::Map;

/// Most steps of the search for a layout that needs no exchanges.
const EMBEDDING_STEPS: usize = 50_000;

/// Pairs of a circuit's qubits that interact, as neighbour lists, with the native gates that each takes about.
pub(super) struct Interactions {
    pub(super) neighbours: Vec<Vec<usize>>,
    gates: Vec<Vec<usize>>,
}

impl Interactions {
    pub(super) fn of(qubits: usize, pairs: &[[usize; 2]], weights: &[usize]) -> Self {
        let mut neighbours: Vec<Vec<usize>> = vec![Vec::new(); qubits];
        let mut gates: Vec<Vec<usize>> = vec![Vec::new(); qubits];
        for (&[a, b], &weight) in pairs.iter().zip(weights) {
            for (from, to) in [(a, b), (b, a)] {
                match neighbours[from].iter().position(|&neighbour| neighbour == to) {
                    Some(at) => gates[from][at] += weight,
                    None => {
                        neighbours[from].push(to);
                        gates[from].push(weight);
                    }
                }
            }
        }
        Self { neighbours, gates }
    }

    /// The qubits in the order of a breadth-first walk of each component from its best connected qubit; components from the
    /// largest to the smallest, each with its size.
    pub(super) fn components(&self) -> Vec<Vec<usize>> {
        let mut seen = vec![false; self.neighbours.len()];
        let mut starts: Vec<usize> = (0..self.neighbours.len()).collect();
        starts.sort_by_key(|&qubit| std::cmp::Reverse(self.neighbours[qubit].len()));
        let mut components = Vec::new();
        for start in starts {
            if seen[start] {
                continue;
            }
            seen[start] = true;
            let mut order = vec![start];
            let mut next = 0;
            while next < order.len() {
                for &neighbour in &self.neighbours[order[next]] {
                    if !seen[neighbour] {
                        seen[neighbour] = true;
                        order.push(neighbour);
                    }
                }
                next += 1;
            }
            components.push(order);
        }
        components.sort_by_key(|component| std::cmp::Reverse(component.len()));
        components
    }
}

/// A layout in which every interacting pair is coupled, if one is found within a bounded number of steps: where losses are known
/// the one that loses least of those found, otherwise the first.
pub(super) fn embedding(interactions: &Interactions, map: &Map) -> Option<Vec<usize>> {
    let order = interactions.components().concat();
    let mut search = Search {
        interactions,
        map,
        order,
        place: vec![usize::MAX; interactions.neighbours.len()],
        used: vec![false; map.qubits()],
        left: EMBEDDING_STEPS,
        best: None,
    };
    search.place_from(0, 0.0);
    search.best.map(|(_, place)| place)
}

struct Search<'a> {
    interactions: &'a Interactions,
    map: &'a Map,
    order: Vec<usize>,
    place: Vec<usize>,
    used: Vec<bool>,
    left: usize,
    best: Option<(f64, Vec<usize>)>,
}

impl Search<'_> {
    /// Whether the search is over.
    fn place_from(&mut self, depth: usize, loss: f64) -> bool {
        let Some(&qubit) = self.order.get(depth) else {
            self.best = Some((loss, self.place.clone()));
            return !self.map.knows_losses();
        };
        let neighbours = self.interactions.neighbours[qubit].iter().zip(&self.interactions.gates[qubit]);
        let placed: Vec<(usize, usize)> = neighbours
            .map(|(&neighbour, &gates)| (self.place[neighbour], gates))
            .filter(|&(physical, _)| physical != usize::MAX)
            .collect();
        let degree = self.interactions.neighbours[qubit].len();
        let candidates: Vec<usize> = match placed.first() {
            Some(&(first, _)) => self.map.neighbours(first).to_vec(),
            None => (0..self.map.qubits()).collect(),
        };
        for physical in candidates {
            if self.used[physical] || self.map.neighbours(physical).len() < degree {
                continue;
            }
            if !placed.iter().all(|&(other, _)| self.map.coupled(physical, other)) {
                continue;
            }
            let more: f64 = placed.iter().map(|&(other, gates)| gates as f64 * self.map.loss(physical, other)).sum();
            let loss = loss + self.map.readout_loss(physical) + more;
            if self.best.as_ref().is_some_and(|&(least, _)| loss >= least) {
                continue;
            }
            if self.left == 0 {
                return true;
            }
            self.left -= 1;
            self.used[physical] = true;
            self.place[qubit] = physical;
            if self.place_from(depth + 1, loss) {
                return true;
            }
            self.used[physical] = false;
            self.place[qubit] = usize::MAX;
        }
        false
    }
}

/// For each component of the interactions the part of the map that takes it, so that no part takes more qubits than it has;
/// `None` if there is no such choice. Both are sorted from the largest to the smallest.
pub(super) fn assignment(components: &[usize], parts: &[usize]) -> Option<Vec<usize>> {
    fn choose(components: &[usize], free: &mut [usize], chosen: &mut Vec<usize>, left: &mut usize) -> bool {
        let Some((&size, rest)) = components.split_first() else { return true };
        if *left == 0 {
            return false;
        }
        *left -= 1;
        for part in 0..free.len() {
            // A part with as much room as an earlier one leads nowhere that one did not.
            if free[part] < size || free[..part].contains(&free[part]) {
                continue;
            }
            free[part] -= size;
            chosen.push(part);
            if choose(rest, free, chosen, left) {
                return true;
            }
            chosen.pop();
            free[part] += size;
        }
        false
    }
    let mut chosen = Vec::with_capacity(components.len());
    choose(components, &mut parts.to_vec(), &mut chosen, &mut EMBEDDING_STEPS.clone()).then_some(chosen)
}

/// A layout around a physical qubit: the circuit's qubits in breadth-first order of their interactions, each as near as possible
/// to those it interacts with. `part_of` says in which part of the map each qubit must be.
pub(super) fn around(centre: usize, interactions: &Interactions, map: &Map, part_of: &[usize]) -> Vec<usize> {
    let mut used = vec![false; map.qubits()];
    let mut place = vec![usize::MAX; interactions.neighbours.len()];
    for component in interactions.components() {
        for &qubit in &component {
            let placed: Vec<usize> = interactions.neighbours[qubit]
                .iter()
                .map(|&neighbour| place[neighbour])
                .filter(|&physical| physical != usize::MAX)
                .collect();
            let cost = |physical: usize| {
                let near: usize = placed.iter().map(|&other| map.distance(physical, other)).sum();
                let free = map.neighbours(physical).iter().filter(|&&next| !used[next]).count();
                (near, map.distance(physical, centre).min(map.qubits()), usize::MAX - free)
            };
            let best = (0..map.qubits())
                .filter(|&physical| !used[physical] && map.part(physical) == part_of[qubit])
                .min_by_key(|&physical| cost(physical))
                .expect("the assignment left room for every qubit in its part");
            used[best] = true;
            place[qubit] = best;
        }
    }
    place
}
