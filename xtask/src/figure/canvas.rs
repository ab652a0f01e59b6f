//! Drawing on SVG in units of CSS pixels.

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, DashedPathElement, Drawable, PathElement, PointCollection, Polygon, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, FontTransform, IntoTextStyle, RGBColor, ShapeStyle, TextStyle, WHITE};

use super::text::clean;

/// The backend knows whole numbers only: a finer grid keeps curves smooth.
const GRID: f64 = 4.0;

/// Text is given as the CSS font size; the backend divides its own measure by this.
const BACKEND_FONT_RATIO: f64 = 1.24;

pub(super) type Point = (f64, f64);

/// How text is set.
#[derive(Clone, Copy)]
pub(super) struct Font {
    pub(super) size: f64,
    pub(super) bold: bool,
    /// Reading from bottom to top.
    pub(super) upward: bool,
    pub(super) across: HPos,
    pub(super) along: VPos,
}

/// A drawing.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// Draws a picture of a size and returns the SVG document.
pub(super) fn paint(size: Point, draw: impl FnOnce(&Canvas<'_>) -> Result<(), String>) -> Result<String, String> {
    let mut svg = String::new();
    let (width, height) = (grid(size.0), grid(size.1));
    {
        let area = SVGBackend::with_string(&mut svg, (width.unsigned_abs(), height.unsigned_abs()));
        let canvas = Canvas { area: area.into_drawing_area() };
        canvas.area.fill(&WHITE).map_err(|error| error.to_string())?;
        draw(&canvas)?;
        canvas.area.present().map_err(|error| error.to_string())?;
    }
    // The view box keeps the fine grid; the nominal size is the one asked for.
    let fine = format!("width=\"{width}\" height=\"{height}\"");
    let nominal = format!("width=\"{}\" height=\"{}\"", size.0, size.1);
    Ok(svg.replacen(&fine, &nominal, 1))
}

fn grid(value: f64) -> i32 {
    (value * GRID).round() as i32
}

fn on_grid(points: &[Point]) -> Vec<(i32, i32)> {
    points.iter().map(|&(x, y)| (grid(x), grid(y))).collect()
}

fn stroke(color: RGBColor, width: f64) -> ShapeStyle {
    ShapeStyle::from(color).stroke_width(grid(width).unsigned_abs())
}

impl<'a> Canvas<'a> {
    fn put<E>(&self, element: &E) -> Result<(), String>
    where
        for<'b> &'b E: PointCollection<'b, (i32, i32)>,
        E: Drawable<SVGBackend<'a>>,
    {
        self.area.draw(element).map_err(|error| error.to_string())
    }

    pub(super) fn line(&self, points: &[Point], color: RGBColor, width: f64) -> Result<(), String> {
        self.put(&PathElement::new(on_grid(points), stroke(color, width)))
    }

    pub(super) fn dashed(
        &self,
        points: &[Point],
        (dash, gap): (f64, f64),
        color: RGBColor,
        width: f64,
    ) -> Result<(), String> {
        self.put(&DashedPathElement::new(on_grid(points), grid(dash), grid(gap), stroke(color, width)))
    }

    pub(super) fn polygon(&self, points: &[Point], color: RGBColor) -> Result<(), String> {
        self.put(&Polygon::new(on_grid(points), ShapeStyle::from(color).filled()))
    }

    pub(super) fn disc(&self, (x, y): Point, radius: f64, color: RGBColor) -> Result<(), String> {
        self.put(&Circle::new((grid(x), grid(y)), grid(radius), ShapeStyle::from(color).filled()))
    }

    pub(super) fn text(&self, text: &str, (x, y): Point, font: Font, color: RGBColor) -> Result<(), String> {
        let style: TextStyle<'_> =
            ("sans-serif", font.size * GRID * BACKEND_FONT_RATIO).into_text_style(&self.area).color(&color);
        let mut style = style.pos(Pos::new(font.across, font.along));
        if font.bold {
            style.font = style.font.style(FontStyle::Bold);
        }
        if font.upward {
            style = style.transform(FontTransform::Rotate270);
        }
        self.put(&Text::new(clean(text), (grid(x), grid(y)), style))
    }
}
