//! The sweeps over a state that is cut: rows and columns in turn, each with as many layers as the qubits of its tiles can have.

use super::linear::LinearMap;
use super::opening::Opening;
use super::tiles::Span;
use super::{Numbered, Part, Planner, Scaled, Shape, Stage, Start, Sweep, moves};

/// What is still to be done to the qubits that the tiles of a sweep do not span.
enum Left<'a> {
    Layer(&'a Numbered),
    Map(LinearMap),
}

/// The sweeps over a state that is cut, while they are made: those over rows and over columns alternate.
pub(super) struct Halves<'a> {
    /// The tiles of a sweep, the qubits that they span, and those that are its own: low or high ones.
    shapes: [(Shape, &'a Span, u64); 2],
    /// Which of them the present sweep has.
    now: usize,
    start: Option<Start>,
    parts: Vec<Part>,
    /// What the other qubits have not had yet.
    left: Vec<Left<'a>>,
    /// What runs begin with instead of the sweeps up to this one, with the number of parts of this one that it stands for.
    opening: Option<(Opening, usize)>,
}

impl<'a> Halves<'a> {
    /// Begins with the first of two shapes, after a product state if there is one.
    pub(super) fn new(shapes: [(Shape, &'a Span, u64); 2], start: Option<Start>) -> Self {
        Self { shapes, now: 0, start, parts: Vec::new(), left: Vec::new(), opening: None }
    }

    /// Ends the present sweep, and begins the next one with what was left over.
    fn turn(&mut self, planner: &mut Planner) {
        let own = self.shapes[self.now].2;
        self.push(planner);
        self.now = 1 - self.now;
        let (_, span, _) = self.shapes[self.now];
        for left in std::mem::take(&mut self.left) {
            match left {
                Left::Layer(layer) => {
                    self.parts.extend(planner.part(span, layer, |mask| mask & !own != 0, Scaled::Own));
                }
                Left::Map(map) => moves::append(&mut self.parts, span, &map),
            }
        }
    }

    pub(super) fn layer(&mut self, planner: &mut Planner, layer: &'a Numbered) {
        let (_, span, own) = self.shapes[self.now];
        let waiting = self.left.iter().any(|left| matches!(left, Left::Layer(_)));
        if layer.crosses(own) {
            // Where layers wait, every part carries its own cosines; otherwise the second half has those of all.
            let scaled = if waiting { [Scaled::Own; 2] } else { [Scaled::Nothing, Scaled::Layer] };
            self.parts.extend(planner.part(span, layer, |mask| mask & !own == 0, scaled[0]));
            self.turn(planner);
            let (_, span, _) = self.shapes[self.now];
            // The second half has everything that the first one could not do.
            self.parts.extend(planner.part(span, layer, |mask| mask & !own != 0, scaled[1]));
        } else {
            self.parts.extend(planner.part(span, layer, |mask| mask & !own == 0, Scaled::Own));
            self.left.push(Left::Layer(layer));
        }
        if let Some(map) = &layer.map {
            self.map(planner, map);
        }
    }

    pub(super) fn map(&mut self, planner: &mut Planner, map: &LinearMap) {
        let (_, span, own) = self.shapes[self.now];
        if !map.crosses(own) {
            let [ours, others] = map.halves(own);
            moves::append(&mut self.parts, span, &ours);
            if !others.is_identity() {
                self.left.push(Left::Map(others));
            }
            return;
        }
        if !self.left.is_empty() {
            self.turn(planner);
        }
        let factors = map.factors(self.shapes[self.now].2);
        let last = factors.iter().rposition(|factor| !factor.is_identity());
        for (index, factor) in factors.iter().enumerate().take(last.map_or(0, |last| last + 1)) {
            if index > 0 {
                self.turn(planner);
            }
            moves::append(&mut self.parts, self.shapes[self.now].1, factor);
        }
    }

    pub(super) fn finish(mut self, planner: &mut Planner) {
        let left = !self.left.is_empty();
        if left {
            self.turn(planner);
        }
        self.push(planner);
    }

    /// Lets runs begin with an opening, which contains all layers so far, of which this is the last one. It is the turn of the rows.
    pub(super) fn open(&mut self, planner: &mut Planner, mut opening: Opening, last: &Numbered) {
        let (_, rows, _) = self.shapes[0];
        let low = opening.low;
        debug_assert!(self.now == 0 && self.left.is_empty(), "openings end where rows have all layers");
        let across = planner.part(rows, last, |mask| mask & low != 0 && mask & !low != 0, Scaled::Nothing);
        opening.sweep.parts.extend(across);
        self.opening = Some((opening, self.parts.len()));
    }

    fn push(&mut self, planner: &mut Planner) {
        let (shape, span, _) = self.shapes[self.now];
        let (start, parts) = (self.start.take(), std::mem::take(&mut self.parts));
        let opening = self.opening.take().map(|(mut opening, done)| {
            opening.sweep.parts.extend_from_slice(&parts[done..]);
            opening
        });
        if start.is_some() || !parts.is_empty() {
            planner.stages.push(Stage::Sweep(Sweep::new(shape, start, parts, span)));
        }
        if let Some(mut opening) = opening {
            opening.finish(planner.stages.len(), span);
            planner.opening = Some(opening);
        }
    }
}
