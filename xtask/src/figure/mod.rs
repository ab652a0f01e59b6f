//! Figures as SVG.
//!
//! Everything is placed by hand on a fixed grid, so the same figure always gives the same bytes. Colours are those of Okabe
//! and Ito (2008), told apart by readers with any colour vision; markers differ in shape as well, so that a black-and-white
//! print can be read.

mod axis;
mod canvas;
mod text;

use plotters::style::RGBColor;
use plotters::style::text_anchor::{HPos, VPos};
use qbench::experiment::{Curve, CurvePoint, CurveStyle, Figure};

use crate::Error;
use axis::{Place, Scale, usable};
use canvas::{Canvas, Font, Point, paint};

const WIDTH: f64 = 820.0;
const PLOT_HEIGHT: f64 = 360.0;
const MARGIN: f64 = 16.0;

const TITLE_SIZE: f64 = 16.0;
const LABEL_SIZE: f64 = 14.0;
const TICK_SIZE: f64 = 12.5;
const LEGEND_SIZE: f64 = 13.0;
/// How much wider bold text runs.
const BOLD_WIDTH: f64 = 1.15;
/// Line height in units of the font size.
const LEADING: f64 = 1.3;

const INK: RGBColor = RGBColor(34, 34, 34);
const FRAME: RGBColor = RGBColor(110, 110, 110);
const GRID_LINE: RGBColor = RGBColor(228, 228, 228);
const PAPER: RGBColor = RGBColor(255, 255, 255);
const PALETTE: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
];
const DASHES: [(f64, f64); 4] = [(8.0, 4.0), (2.0, 3.0), (14.0, 4.0), (5.0, 7.0)];
const REFERENCE_GREYS: [RGBColor; 2] = [RGBColor(50, 50, 50), RGBColor(120, 120, 120)];

/// On a logarithmic axis, interval ends this many times beyond the outermost value are clipped instead of widening the axis.
const INTERVAL_REACH: f64 = 100.0;

/// Draws a figure.
///
/// Measured curves are markers with error bars, joined by a line on a numeric axis; reference curves are dashed. Points whose
/// coordinates are not finite are left out and counted in a note; what lies at or below zero on a logarithmic axis stands as an
/// arrow at its edge.
///
/// # Errors
///
/// [`Error::Figure`], if the drawing library refuses.
pub fn to_svg(figure: &Figure) -> Result<String, Error> {
    let layout = Layout::new(figure);
    paint((WIDTH, layout.height), |canvas| layout.draw(canvas))
        .map_err(|message| Error::Figure { name: figure.name.clone(), message })
}

/// How a curve looks.
#[derive(Clone, Copy)]
enum Look {
    Measured { color: RGBColor, marker: usize },
    Reference { color: RGBColor, dash: (f64, f64) },
}

/// Labels below a categorical axis.
enum CategoryLabels {
    Level(Vec<Vec<String>>),
    Upward(Vec<String>),
}

struct Layout<'a> {
    figure: &'a Figure,
    title: Vec<String>,
    x: Scale,
    y: Scale,
    x_label: Vec<String>,
    y_label: Vec<String>,
    categories: CategoryLabels,
    looks: Vec<Look>,
    /// Rows of curve numbers with their left edges.
    legend: Vec<Vec<(usize, f64)>>,
    notes: Vec<String>,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    /// Height taken by the labels of the ticks of the abscissa.
    tick_height: f64,
    height: f64,
}

fn font(size: f64, across: HPos, along: VPos) -> Font {
    Font { size, bold: false, upward: false, across, along }
}

fn block(lines: usize, size: f64) -> f64 {
    lines as f64 * size * LEADING
}

/// The points of a curve whose coordinates can be drawn.
fn usable_points(curve: &Curve) -> impl Iterator<Item = &CurvePoint> {
    curve.points.iter().filter(|point| usable(point.x) && usable(point.y))
}

/// The ends of an interval in order, if it is one.
fn interval(point: &CurvePoint) -> Option<(f64, f64)> {
    let (one, other) = point.interval?;
    (!one.is_nan() && !other.is_nan()).then(|| (one.min(other), one.max(other)))
}

fn x_scale(figure: &Figure) -> Scale {
    if !figure.x.categories.is_empty() {
        return Scale::categorical(figure.x.categories.len());
    }
    let values: Vec<f64> = figure.curves.iter().flat_map(usable_points).map(|point| point.x).collect();
    if figure.x.logarithmic {
        return Scale::logarithmic(&values);
    }
    // A few whole numbers, such as numbers of qubits: a tick at each.
    let mut stops = values.clone();
    stops.sort_by(f64::total_cmp);
    stops.dedup();
    let closest = stops.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
    let span = stops.last().zip(stops.first()).map_or(0.0, |(last, first)| last - first);
    let whole = stops.iter().all(|stop| stop.fract() == 0.0 && stop.abs() < 1e5);
    if !whole || !(2..=14).contains(&stops.len()) || closest < span / 20.0 {
        stops.clear();
    }
    Scale::linear(&values, &stops)
}

fn y_scale(figure: &Figure) -> Scale {
    let points = || figure.curves.iter().flat_map(usable_points);
    let ends = || points().filter_map(interval).flat_map(|(low, high)| [low, high]);
    let mut values: Vec<f64> = points().map(|point| point.y).collect();
    if !figure.y.logarithmic {
        values.extend(ends());
        return Scale::linear(&values, &[]);
    }
    values.retain(|&value| value > 0.0);
    let (low, high) =
        values.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), &value| (low.min(value), high.max(value)));
    if values.is_empty() {
        values.extend(ends().filter(|&end| end > 0.0));
    } else {
        let within = |end: &f64| (low / INTERVAL_REACH..=high * INTERVAL_REACH).contains(end);
        if ends().any(|end| end < low / INTERVAL_REACH) {
            // Room for the arrow below the lowest marker.
            values.push(low / 2.5);
        }
        values.extend(ends().filter(within));
    }
    Scale::logarithmic(&values)
}

impl<'a> Layout<'a> {
    fn new(figure: &'a Figure) -> Self {
        let (x, y) = (x_scale(figure), y_scale(figure));
        let title = text::wrap(&figure.title, TITLE_SIZE * BOLD_WIDTH, WIDTH - 2.0 * MARGIN);
        let top = MARGIN + block(title.len(), TITLE_SIZE) + 8.0;
        let bottom = top + PLOT_HEIGHT;
        let y_label = text::wrap(&figure.y.label, LABEL_SIZE, PLOT_HEIGHT);
        let labels = y.ticks().iter().filter_map(|tick| tick.label.as_ref());
        let label_width = labels.map(|label| text::width(label, TICK_SIZE)).fold(0.0, f64::max);
        let left = MARGIN + block(y_label.len(), LABEL_SIZE) + 6.0 + label_width + 10.0;
        let right = WIDTH - MARGIN - 8.0;
        let categories = category_labels(&figure.x.categories, right - left);
        let tick_height = 8.0
            + match &categories {
                CategoryLabels::Level(labels) => {
                    block(labels.iter().map(Vec::len).max().unwrap_or(0).max(1), TICK_SIZE)
                }
                CategoryLabels::Upward(labels) => {
                    labels.iter().map(|label| text::width(label, TICK_SIZE)).fold(0.0, f64::max)
                }
            };
        let x_label = text::wrap(&figure.x.label, LABEL_SIZE, right - left);
        let looks = looks(&figure.curves);
        let legend = legend_rows(&figure.curves);
        let notes = notes(figure, &x, &y);
        let height = bottom
            + tick_height
            + 6.0
            + block(x_label.len(), LABEL_SIZE)
            + 8.0
            + block(legend.len(), LEGEND_SIZE + 3.0)
            + block(notes.len(), TICK_SIZE)
            + MARGIN;
        Self {
            figure,
            title,
            x,
            y,
            x_label,
            y_label,
            categories,
            looks,
            legend,
            notes,
            left,
            right,
            top,
            bottom,
            tick_height,
            height: height.ceil(),
        }
    }

    fn px(&self, fraction: f64) -> f64 {
        self.left + fraction * (self.right - self.left)
    }

    fn py(&self, fraction: f64) -> f64 {
        self.bottom - fraction * (self.bottom - self.top)
    }

    fn slot(&self) -> f64 {
        (self.right - self.left) / self.figure.x.categories.len().max(1) as f64
    }

    fn draw(&self, canvas: &Canvas<'_>) -> Result<(), String> {
        self.draw_frame(canvas)?;
        self.draw_labels(canvas)?;
        for (curve, look) in self.figure.curves.iter().zip(&self.looks) {
            if let Look::Reference { color, dash } = *look {
                self.draw_reference(canvas, curve, color, dash)?;
            }
        }
        let measured: Vec<usize> =
            (0..self.looks.len()).filter(|&index| matches!(self.looks[index], Look::Measured { .. })).collect();
        for (order, &index) in measured.iter().enumerate() {
            let shift = if self.figure.x.categories.is_empty() {
                0.0
            } else {
                // Side by side within the category.
                let gap = (self.slot() * 0.7 / measured.len() as f64).min(24.0);
                (order as f64 - (measured.len() - 1) as f64 / 2.0) * gap
            };
            self.draw_measured(canvas, &self.figure.curves[index], self.looks[index], shift)?;
        }
        let drawable = |point: &CurvePoint| usable(point.x) && usable(point.y);
        if !self.figure.curves.iter().flat_map(|curve| &curve.points).any(drawable) {
            let middle = (self.px(0.5), self.py(0.5));
            canvas.text("no data", middle, font(LABEL_SIZE, HPos::Center, VPos::Center), FRAME)?;
        }
        self.draw_legend(canvas)
    }

    fn draw_frame(&self, canvas: &Canvas<'_>) -> Result<(), String> {
        let (left, right, top, bottom) = (self.left, self.right, self.top, self.bottom);
        for tick in self.y.ticks() {
            let y = self.py(tick.at);
            let Some(label) = &tick.label else {
                canvas.line(&[(left - 3.0, y), (left, y)], FRAME, 0.75)?;
                continue;
            };
            canvas.line(&[(left, y), (right, y)], GRID_LINE, 1.0)?;
            canvas.line(&[(left - 5.0, y), (left, y)], FRAME, 1.0)?;
            canvas.text(label, (left - 8.0, y), font(TICK_SIZE, HPos::Right, VPos::Center), INK)?;
        }
        for tick in self.x.ticks() {
            let x = self.px(tick.at);
            let Some(label) = &tick.label else {
                canvas.line(&[(x, bottom), (x, bottom + 3.0)], FRAME, 0.75)?;
                continue;
            };
            canvas.line(&[(x, top), (x, bottom)], GRID_LINE, 1.0)?;
            canvas.line(&[(x, bottom), (x, bottom + 5.0)], FRAME, 1.0)?;
            canvas.text(label, (x, bottom + 8.0), font(TICK_SIZE, HPos::Center, VPos::Top), INK)?;
        }
        self.draw_categories(canvas)?;
        let corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
        canvas.line(&corners, FRAME, 1.0)
    }

    fn draw_categories(&self, canvas: &Canvas<'_>) -> Result<(), String> {
        let slot = self.slot();
        let middle = |index: usize| self.left + (index as f64 + 0.5) * slot;
        for index in 1..self.figure.x.categories.len() {
            let x = self.left + index as f64 * slot;
            canvas.line(&[(x, self.top), (x, self.bottom)], GRID_LINE, 1.0)?;
        }
        match &self.categories {
            CategoryLabels::Level(labels) => {
                for (index, lines) in labels.iter().enumerate() {
                    for (row, line) in lines.iter().enumerate() {
                        let y = self.bottom + 8.0 + block(row, TICK_SIZE);
                        canvas.text(line, (middle(index), y), font(TICK_SIZE, HPos::Center, VPos::Top), INK)?;
                    }
                }
            }
            CategoryLabels::Upward(labels) => {
                // Where labels would touch, some are left out.
                let stride = (TICK_SIZE * 1.1 / slot).ceil().max(1.0) as usize;
                let mut upward = font(TICK_SIZE, HPos::Right, VPos::Center);
                upward.upward = true;
                for (index, label) in labels.iter().enumerate().step_by(stride) {
                    canvas.text(label, (middle(index), self.bottom + 8.0), upward, INK)?;
                }
            }
        }
        Ok(())
    }

    fn draw_labels(&self, canvas: &Canvas<'_>) -> Result<(), String> {
        let mut bold = font(TITLE_SIZE, HPos::Left, VPos::Top);
        bold.bold = true;
        for (row, line) in self.title.iter().enumerate() {
            canvas.text(line, (MARGIN, MARGIN + block(row, TITLE_SIZE)), bold, INK)?;
        }
        let center = (self.px(0.5), self.py(0.5));
        let mut upward = font(LABEL_SIZE, HPos::Center, VPos::Top);
        upward.upward = true;
        for (row, line) in self.y_label.iter().enumerate() {
            canvas.text(line, (MARGIN + block(row, LABEL_SIZE), center.1), upward, INK)?;
        }
        for (row, line) in self.x_label.iter().enumerate() {
            let y = self.bottom + self.tick_height + 6.0 + block(row, LABEL_SIZE);
            canvas.text(line, (center.0, y), font(LABEL_SIZE, HPos::Center, VPos::Top), INK)?;
        }
        Ok(())
    }

    fn draw_reference(
        &self,
        canvas: &Canvas<'_>,
        curve: &Curve,
        color: RGBColor,
        dash: (f64, f64),
    ) -> Result<(), String> {
        // Where a point cannot be drawn the line is broken.
        let mut pieces: Vec<Vec<Point>> = vec![Vec::new()];
        for point in &curve.points {
            match (self.x.place(point.x), self.y.place(point.y)) {
                (Place::On(x), Place::On(y)) => {
                    let at = (self.px(x), self.py(y));
                    if self.figure.x.categories.is_empty() {
                        pieces.last_mut().expect("starts with one piece").push(at);
                    } else {
                        // A value of its category: nothing lies between categories.
                        let half = self.slot() * 0.45;
                        pieces.push(vec![(at.0 - half, at.1), (at.0 + half, at.1)]);
                    }
                }
                _ => pieces.push(Vec::new()),
            }
        }
        for mut piece in pieces {
            if let [(x, y)] = piece[..] {
                // A single value has no line: a short one through it.
                piece = vec![((x - 12.0).max(self.left), y), ((x + 12.0).min(self.right), y)];
            }
            canvas.dashed(&piece, dash, color, 1.75)?;
        }
        Ok(())
    }

    fn draw_measured(&self, canvas: &Canvas<'_>, curve: &Curve, look: Look, shift: f64) -> Result<(), String> {
        let Look::Measured { color, marker } = look else {
            return Ok(());
        };
        let size = if curve.points.len() > 40 { 2.5 } else { 4.5 };
        let mut run: Vec<Point> = Vec::new();
        let mut runs = Vec::new();
        let mut markers = Vec::new();
        for point in curve.points.iter().filter(|point| usable(point.y)) {
            let Place::On(x) = self.x.place(point.x) else {
                continue;
            };
            let x = self.px(x) + shift;
            if let Some((low, high)) = interval(point) {
                self.draw_bar(canvas, x, low, high, color)?;
            }
            match self.y.place(point.y) {
                Place::On(y) => {
                    run.push((x, self.py(y)));
                    markers.push((x, self.py(y)));
                }
                Place::Below => {
                    runs.push(std::mem::take(&mut run));
                    self.draw_arrow(canvas, (x, self.bottom), 1.0, color)?;
                }
                Place::Above | Place::Nowhere => runs.push(std::mem::take(&mut run)),
            }
        }
        runs.push(run);
        if self.figure.x.categories.is_empty() {
            for run in runs.iter().filter(|run| run.len() > 1) {
                canvas.line(run, color, 1.5)?;
            }
        }
        for at in markers {
            draw_marker(canvas, marker, at, size, color)?;
        }
        Ok(())
    }

    /// An interval as a bar; an end outside the axis is an arrow at its edge.
    fn draw_bar(&self, canvas: &Canvas<'_>, x: f64, low: f64, high: f64, color: RGBColor) -> Result<(), String> {
        let (from, to) = (self.y.place(low), self.y.place(high));
        let end = |place| match place {
            Place::On(fraction) => self.py(fraction),
            Place::Above => self.top,
            Place::Below | Place::Nowhere => self.bottom,
        };
        if matches!((from, to), (Place::Below, Place::Below) | (Place::Above, Place::Above)) {
            let (edge, down) = if from == Place::Below { (self.bottom, 1.0) } else { (self.top, -1.0) };
            return self.draw_arrow(canvas, (x, edge), down, color);
        }
        canvas.line(&[(x, end(from)), (x, end(to))], color, 1.25)?;
        for place in [from, to] {
            let y = end(place);
            match place {
                Place::Below => self.draw_arrow(canvas, (x, y), 1.0, color)?,
                Place::Above => self.draw_arrow(canvas, (x, y), -1.0, color)?,
                _ => canvas.line(&[(x - 4.0, y), (x + 4.0, y)], color, 1.25)?,
            }
        }
        Ok(())
    }

    /// An arrow head whose tip touches an edge of the plot; `down` is 1 at the lower edge and -1 at the upper one.
    fn draw_arrow(&self, canvas: &Canvas<'_>, (x, y): Point, down: f64, color: RGBColor) -> Result<(), String> {
        let base = y - down * 9.0;
        canvas.polygon(&[(x - 4.5, base), (x + 4.5, base), (x, y)], color)
    }

    fn draw_legend(&self, canvas: &Canvas<'_>) -> Result<(), String> {
        let mut y = self.bottom + self.tick_height + 6.0 + block(self.x_label.len(), LABEL_SIZE) + 8.0;
        for row in &self.legend {
            let middle = y + LEGEND_SIZE * 0.65;
            for &(index, x) in row {
                match self.looks[index] {
                    Look::Measured { color, marker } => {
                        if self.figure.x.categories.is_empty() {
                            canvas.line(&[(x, middle), (x + LEGEND_SAMPLE, middle)], color, 1.5)?;
                        }
                        draw_marker(canvas, marker, (x + LEGEND_SAMPLE / 2.0, middle), 4.5, color)?;
                    }
                    Look::Reference { color, dash } => {
                        canvas.dashed(&[(x, middle), (x + LEGEND_SAMPLE, middle)], dash, color, 1.75)?;
                    }
                }
                let label = legend_label(&self.figure.curves[index].label);
                let at = (x + LEGEND_SAMPLE + 7.0, middle);
                canvas.text(&label, at, font(LEGEND_SIZE, HPos::Left, VPos::Center), INK)?;
            }
            y += block(1, LEGEND_SIZE + 3.0);
        }
        for note in &self.notes {
            canvas.text(note, (MARGIN + 4.0, y), font(TICK_SIZE, HPos::Left, VPos::Top), FRAME)?;
            y += block(1, TICK_SIZE);
        }
        Ok(())
    }
}

const LEGEND_SAMPLE: f64 = 34.0;

fn legend_label(label: &str) -> String {
    text::shorten(label, LEGEND_SIZE, WIDTH - 2.0 * MARGIN - LEGEND_SAMPLE - 12.0)
}

fn legend_rows(curves: &[Curve]) -> Vec<Vec<(usize, f64)>> {
    let start = MARGIN + 4.0;
    let mut rows: Vec<Vec<(usize, f64)>> = Vec::new();
    let mut x = f64::INFINITY;
    for (index, curve) in curves.iter().enumerate() {
        let width = LEGEND_SAMPLE + 7.0 + text::width(&legend_label(&curve.label), LEGEND_SIZE);
        if x + width > WIDTH - MARGIN {
            rows.push(Vec::new());
            x = start;
        }
        if let Some(row) = rows.last_mut() {
            row.push((index, x));
        }
        x += width + 20.0;
    }
    rows
}

fn looks(curves: &[Curve]) -> Vec<Look> {
    let (mut measured, mut references) = (0, 0);
    let mut next = |curve: &Curve| match curve.style {
        CurveStyle::Measured => {
            let (index, round) = (measured % PALETTE.len(), measured / PALETTE.len());
            measured += 1;
            Look::Measured {
                color: PALETTE[index],
                // From the second round on, colour and marker pair up anew.
                marker: (index + round) % MARKERS,
            }
        }
        CurveStyle::Reference => {
            let index = references;
            references += 1;
            Look::Reference {
                color: REFERENCE_GREYS[index / DASHES.len() % REFERENCE_GREYS.len()],
                dash: DASHES[index % DASHES.len()],
            }
        }
    };
    curves.iter().map(&mut next).collect()
}

/// Level labels in at most three lines where they fit into their slots, else upward ones.
fn category_labels(categories: &[String], width: f64) -> CategoryLabels {
    let slot = width / categories.len().max(1) as f64 - 8.0;
    let level: Vec<Vec<String>> = categories.iter().map(|label| text::wrap(label, TICK_SIZE, slot)).collect();
    let fits = |lines: &Vec<String>| lines.len() <= 3 && lines.iter().all(|line| text::width(line, TICK_SIZE) <= slot);
    if level.iter().all(fits) {
        CategoryLabels::Level(level)
    } else {
        CategoryLabels::Upward(categories.iter().map(|label| text::shorten(label, TICK_SIZE, 220.0)).collect())
    }
}

fn notes(figure: &Figure, x: &Scale, y: &Scale) -> Vec<String> {
    let mut notes = Vec::new();
    let points = || figure.curves.iter().flat_map(|curve| &curve.points);
    let shown = |point: &&CurvePoint| matches!(x.place(point.x), Place::On(_)) && usable(point.y);
    let off = |value: f64| matches!(y.place(value), Place::Below | Place::Above);
    let clipped = |point: &CurvePoint| off(point.y) || interval(point).is_some_and(|(low, high)| off(low) || off(high));
    if points().filter(shown).any(clipped) {
        notes.push(if figure.y.logarithmic {
            "Arrow: the interval or the value goes on beyond the axis (zero and less are not on a logarithmic one)."
                .to_owned()
        } else {
            "Arrow: the interval goes on beyond the axis.".to_owned()
        });
    }
    let hidden = points().filter(|point| !shown(point)).count();
    if hidden > 0 {
        notes.push(format!("Not shown: {hidden} point(s) without a place on the axes."));
    }
    notes
}

const MARKERS: usize = 6;

fn draw_marker(canvas: &Canvas<'_>, marker: usize, (x, y): Point, size: f64, color: RGBColor) -> Result<(), String> {
    let polygon = |points: &[Point], scale: f64, color| {
        let points: Vec<Point> = points.iter().map(|(dx, dy)| (x + dx * size * scale, y + dy * size * scale)).collect();
        canvas.polygon(&points, color)
    };
    // A white rim keeps markers apart from bars and lines that pass below them.
    let shape: &[Point] = match marker {
        0 => {
            canvas.disc((x, y), size + 1.0, PAPER)?;
            return canvas.disc((x, y), size, color);
        }
        1 => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        2 => &[(0.0, -1.2), (1.1, 0.85), (-1.1, 0.85)],
        3 => &[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
        4 => &[(0.0, 1.2), (1.1, -0.85), (-1.1, -0.85)],
        _ => &[
            (-0.4, -1.2),
            (0.4, -1.2),
            (0.4, -0.4),
            (1.2, -0.4),
            (1.2, 0.4),
            (0.4, 0.4),
            (0.4, 1.2),
            (-0.4, 1.2),
            (-0.4, 0.4),
            (-1.2, 0.4),
            (-1.2, -0.4),
            (-0.4, -0.4),
        ],
    };
    polygon(shape, 1.3, PAPER)?;
    polygon(shape, 1.0, color)
}
