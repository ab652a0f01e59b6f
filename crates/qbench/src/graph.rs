//! Weighted graphs and their largest cuts.

use crate::Error;

/// Most nodes for which all assignments are tried.
const LARGEST_SEARCH: usize = 24;

/// An undirected graph with weighted edges.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    nodes: usize,
    edges: Vec<(usize, usize, f64)>,
}

impl Graph {
    /// A graph of `nodes` nodes with the edges `(a, b, weight)`.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] for an edge from a node to itself or to none, a weight that is not finite, or a graph without edges.
    pub fn new(nodes: usize, edges: Vec<(usize, usize, f64)>) -> Result<Self, Error> {
        if edges.is_empty() {
            return Err(Error::Range { what: "the number of edges", value: 0.0, allowed: "at least 1" });
        }
        for &(a, b, weight) in &edges {
            if a == b || a.max(b) >= nodes {
                let allowed = "another node of the graph";
                return Err(Error::Range { what: "the end of an edge", value: a.max(b) as f64, allowed });
            }
            if !weight.is_finite() {
                return Err(Error::Range { what: "the weight of an edge", value: weight, allowed: "finite" });
            }
        }
        Ok(Self { nodes, edges })
    }

    /// The Moebius ladder on an even number of nodes: a ring whose opposite nodes are joined too. Every node has three
    /// neighbours, and for a multiple of four nodes not all edges can be cut.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] for an odd number of nodes, fewer than 4 or more than 24 (those that [`Graph::max_cut`] takes).
    pub fn moebius_ladder(nodes: usize) -> Result<Self, Error> {
        if !(4..=LARGEST_SEARCH).contains(&nodes) || !nodes.is_multiple_of(2) {
            return Err(Error::Range { what: "the number of nodes", value: nodes as f64, allowed: "even, 4 to 24" });
        }
        let ring = (0..nodes).map(|a| (a, (a + 1) % nodes, 1.0));
        let rungs = (0..nodes / 2).map(|a| (a, a + nodes / 2, 1.0));
        Self::new(nodes, ring.chain(rungs).collect())
    }

    /// Number of nodes.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// The edges, as `(a, b, weight)`.
    #[must_use]
    pub fn edges(&self) -> &[(usize, usize, f64)] {
        &self.edges
    }

    /// The largest weight of edges between two parts of the nodes, by trying all assignments (up to 24 nodes).
    ///
    /// # Errors
    ///
    /// [`Error::Range`] for more nodes.
    pub fn max_cut(&self) -> Result<f64, Error> {
        if self.nodes > LARGEST_SEARCH {
            return Err(Error::Range { what: "the number of nodes", value: self.nodes as f64, allowed: "at most 24" });
        }
        let cut = |assignment: u64| -> f64 {
            self.edges
                .iter()
                .filter(|&&(a, b, _)| (assignment >> a ^ assignment >> b) & 1 == 1)
                .map(|edge| edge.2)
                .sum()
        };
        // The two parts may be exchanged: the last node stays in the first.
        Ok((0..1_u64 << (self.nodes - 1)).map(cut).fold(0.0, f64::max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Optima by exhaustive search in another program.
    #[test]
    fn cuts_of_known_graphs() {
        let ring = |n: usize| Graph::new(n, (0..n).map(|a| (a, (a + 1) % n, 1.0)).collect()).expect("valid");
        assert_eq!(ring(6).max_cut().expect("small"), 6.0);
        assert_eq!(ring(7).max_cut().expect("small"), 6.0);
        let outer = (0..5).map(|a| (a, (a + 1) % 5, 1.0));
        let inner = (0..5).map(|a| (5 + a, 5 + (a + 2) % 5, 1.0));
        let petersen = Graph::new(10, outer.chain(inner).chain((0..5).map(|a| (a, a + 5, 1.0))).collect());
        assert_eq!(petersen.expect("valid").max_cut().expect("small"), 12.0);
        assert_eq!(Graph::moebius_ladder(8).expect("even").max_cut().expect("small"), 10.0);
        assert_eq!(Graph::new(2, vec![(0, 1, -2.0)]).expect("valid").max_cut().expect("small"), 0.0);
    }

    #[test]
    fn impossible_graphs_are_refused() {
        assert!(Graph::new(2, vec![(0, 2, 1.0)]).is_err());
        assert!(Graph::new(2, vec![(1, 1, 1.0)]).is_err());
        assert!(Graph::new(2, vec![(0, 1, f64::NAN)]).is_err());
        assert!(Graph::new(2, vec![]).is_err());
        for nodes in [0, 2, 7, 26, 1_000_000_000, usize::MAX - 1] {
            assert!(matches!(Graph::moebius_ladder(nodes), Err(Error::Range { .. })), "{nodes}");
        }
        assert_eq!(Graph::moebius_ladder(24).expect("even").edges().len(), 36);
        assert!(Graph::new(30, vec![(0, 29, 1.0)]).expect("valid").max_cut().is_err());
    }
}
