//! The sweeps over a state that is cut: rows and columns in turn, each with as many layers as the qubits of its tiles can have.

use super::linear::LinearMap;
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
}

impl<'a> Halves<'a> {
    /// Begins with the first of two shapes, after a product state if there is one.
    pub(super) fn new(shapes: [(Shape, &'a Span, u64); 2], start: Option<Start>) -> Self {
        Self { shapes, now: 0, start, parts: Vec::new(), left: Vec::new() }
    }

    /// Ends the present sweep, and begins the next one with what was left over.
    fn turn(&mut self, planner: &mut Planner) {
        let (shape, span, own) = self.shapes[self.now];
        planner.push(Sweep::new(shape, self.start.take(), std::mem::take(&mut self.parts), span));
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
        let (shape, span, _) = self.shapes[self.now];
        planner.push(Sweep::new(shape, self.start, self.parts, span));
    }
}

impl Planner {
    fn push(&mut self, sweep: Sweep) {
        if sweep.start.is_some() || !sweep.parts.is_empty() {
            self.stages.push(Stage::Sweep(sweep));
        }
    }
}
