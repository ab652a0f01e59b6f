//! The sweeps over a state that is cut: rows and columns in turn, each with as many layers as the qubits of its tiles can have.

use super::linear::LinearMap;
use super::opening::Opening;
use super::tiles::Span;
use super::{Numbered, Part, Planner, Scaled, Shape, Stage, Start, Sweep, moves};

/// Where the sweeps over a state that is cut stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    /// The qubits of the rows and of the columns.
    own: [u64; 2],
    /// Which of them the present sweep has.
    now: usize,
    /// Whether anything waits for the others, and those of them that are rotated or moved then.
    waits: bool,
    waiting: u64,
}

/// How a layer is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// Here, but for what it does to the other qubits alone, if anything.
    Here { waits: bool },
    /// Its rotations here; the rest in the next sweep.
    Across,
}

impl Course {
    /// Begins with the rows, which have the qubits of `low`.
    pub(super) fn new(low: u64, qubits: usize) -> Self {
        Self { own: [low, ((1 << qubits) - 1) & !low], now: 0, waits: false, waiting: 0 }
    }

    /// Whether the present sweep is one over rows and nothing waits for the columns.
    pub(super) fn rows_have_all(&self) -> bool {
        self.now == 0 && !self.waits
    }

    /// The qubits that are the present sweep's own.
    fn present(&self) -> u64 {
        self.own[self.now]
    }

    fn turn(&mut self) {
        *self = Self { now: 1 - self.now, waits: false, waiting: 0, ..*self };
    }

    fn wait(&mut self, qubits: u64) {
        self.waits = true;
        self.waiting |= qubits & !self.present();
    }

    /// How it takes a layer, but for its map. A diagonal operator across the cut needs no other tiles as long as those of its qubits that are
    /// not here are still as the last sweep has left them. `one` is the index of the value 1.
    fn taken(&self, layer: &Numbered, one: u32) -> Taken {
        if layer.across(self.present()) & (self.waiting | layer.turned()) != 0 {
            return Taken::Across;
        }
        Taken::Here { waits: layer.acts_on(self.own[1 - self.now], one) }
    }

    /// Goes past a layer without a map.
    pub(super) fn pass(&mut self, layer: &Numbered, one: u32) {
        match self.taken(layer, one) {
            Taken::Here { waits: false } => {}
            Taken::Here { waits: true } => self.wait(layer.turned()),
            Taken::Across => self.turn(),
        }
    }
}

/// What is still to be done to the qubits that the tiles of a sweep do not span.
enum Left<'a> {
    Layer(&'a Numbered),
    Map(LinearMap),
}

/// The sweeps over a state that is cut, while they are made: those over rows and over columns alternate.
pub(super) struct Halves<'a> {
    /// The tiles of a sweep, and the qubits that they span: rows and columns.
    shapes: [(Shape, &'a Span); 2],
    course: Course,
    start: Option<Start>,
    parts: Vec<Part>,
    /// What the other qubits have not had yet.
    left: Vec<Left<'a>>,
    /// What runs begin with instead of the sweeps up to this one, with the number of parts of this one that it stands for.
    opening: Option<(Opening, usize)>,
}

impl<'a> Halves<'a> {
    /// Begins with the rows, after a product state if there is one.
    pub(super) fn new(shapes: [(Shape, &'a Span); 2], course: Course, start: Option<Start>) -> Self {
        Self { shapes, course, start, parts: Vec::new(), left: Vec::new(), opening: None }
    }

    /// The tiles of the present sweep and the qubits that they span.
    fn present(&self) -> (Shape, &'a Span) {
        self.shapes[self.course.now]
    }

    /// Ends the present sweep, and begins the next one with what was left over.
    fn turn(&mut self, planner: &mut Planner) {
        let done = self.course.present();
        self.push(planner);
        self.course.turn();
        let (_, span) = self.present();
        for left in std::mem::take(&mut self.left) {
            match left {
                Left::Layer(layer) => {
                    self.parts.extend(planner.part(span, layer, |mask| mask & done == 0, Scaled::Own));
                }
                Left::Map(map) => moves::append(&mut self.parts, span, &map),
            }
        }
    }

    pub(super) fn layer(&mut self, planner: &mut Planner, layer: &'a Numbered) {
        let (_, span) = self.present();
        let own = self.course.present();
        match self.course.taken(layer, planner.one) {
            Taken::Here { waits } => {
                self.parts.extend(planner.part(span, layer, |mask| mask & own != 0, Scaled::Own));
                if waits {
                    self.course.wait(layer.turned());
                    self.left.push(Left::Layer(layer));
                }
            }
            Taken::Across => {
                // Where layers wait, every part carries its own cosines; otherwise the second half has those of all.
                let waiting = self.left.iter().any(|left| matches!(left, Left::Layer(_)));
                let scaled = if waiting { [Scaled::Own; 2] } else { [Scaled::Nothing, Scaled::Layer] };
                self.parts.extend(planner.part(span, layer, |mask| mask & !own == 0, scaled[0]));
                self.turn(planner);
                // The second half has everything that the first one could not do.
                let (_, span) = self.present();
                self.parts.extend(planner.part(span, layer, |mask| mask & !own != 0, scaled[1]));
            }
        }
        if let Some(map) = &layer.map {
            self.map(planner, map);
        }
    }

    pub(super) fn map(&mut self, planner: &mut Planner, map: &LinearMap) {
        let (_, span) = self.present();
        let own = self.course.present();
        if !map.crosses(own) {
            let [ours, others] = map.halves(own);
            moves::append(&mut self.parts, span, &ours);
            if !others.is_identity() {
                self.course.wait(others.support());
                self.left.push(Left::Map(others));
            }
            return;
        }
        if !self.left.is_empty() {
            self.turn(planner);
        }
        let factors = map.factors(self.course.present());
        let last = factors.iter().rposition(|factor| !factor.is_identity());
        for (index, factor) in factors.iter().enumerate().take(last.map_or(0, |last| last + 1)) {
            if index > 0 {
                self.turn(planner);
            }
            let (_, span) = self.present();
            moves::append(&mut self.parts, span, factor);
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
        let (_, rows) = self.shapes[0];
        let low = opening.low;
        debug_assert!(self.course.rows_have_all() && self.left.is_empty(), "openings end where rows have all layers");
        let across = planner.part(rows, last, |mask| mask & low != 0 && mask & !low != 0, Scaled::Nothing);
        opening.sweep.parts.extend(across);
        self.opening = Some((opening, self.parts.len()));
    }

    fn push(&mut self, planner: &mut Planner) {
        let (shape, span) = self.present();
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
