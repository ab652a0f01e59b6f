//! Figures at the edges of what data can be.

use qbench::experiment::{Axis, Curve, CurvePoint, CurveStyle, Figure};
use xtask::figure::to_svg;

fn axis(logarithmic: bool, categories: usize) -> Axis {
    let label = |index| format!("category <{index}> & more");
    Axis {
        label: "label \"quoted\" & <tagged>".to_owned(),
        logarithmic,
        categories: (0..categories).map(label).collect(),
    }
}

fn point(x: f64, y: f64, interval: Option<(f64, f64)>) -> CurvePoint {
    CurvePoint { x, y, interval }
}

fn curve(style: CurveStyle, points: Vec<CurvePoint>) -> Curve {
    Curve { label: "a <curve> & its label".to_owned(), points, style }
}

fn figure(x: Axis, y: Axis, curves: Vec<Curve>) -> Figure {
    Figure { name: "edge".to_owned(), title: "An <edge> & more".to_owned(), caption: String::new(), x, y, curves }
}

/// Draws and checks what holds for every figure.
fn draw(figure: &Figure) -> String {
    let svg = to_svg(figure).unwrap();
    assert_eq!(svg, to_svg(figure).unwrap(), "the same bytes twice");
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
    assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    for wrong in ["<edge>", "<curve>", "<tagged>", "NaN", "inf"] {
        assert!(!svg.contains(wrong), "{wrong}");
    }
    svg
}

fn arrows(svg: &str) -> usize {
    svg.matches("<polygon").count()
}

#[test]
fn no_data_is_said() {
    for y in [false, true] {
        assert!(draw(&figure(axis(y, 0), axis(y, 0), Vec::new())).contains("no data"));
        let empty = curve(CurveStyle::Measured, Vec::new());
        assert!(draw(&figure(axis(y, 0), axis(y, 0), vec![empty])).contains("no data"));
        let lost = curve(CurveStyle::Measured, vec![point(f64::NAN, f64::INFINITY, None)]);
        let svg = draw(&figure(axis(y, 0), axis(y, 0), vec![lost]));
        assert!(svg.contains("no data") && svg.contains("Not shown: 1 point"));
    }
}

#[test]
fn a_single_point_is_drawn() {
    for style in [CurveStyle::Measured, CurveStyle::Reference] {
        for (x, y) in [(0.0, 0.0), (3.0, -5.0), (1e-300, 1e300), (7.0, f64::MIN_POSITIVE)] {
            for (log_x, log_y) in [(false, false), (true, true), (false, true)] {
                let curves = vec![curve(style, vec![point(x, y, Some((y, y)))])];
                draw(&figure(axis(log_x, 0), axis(log_y, 0), curves));
            }
        }
    }
}

#[test]
fn an_interval_at_or_below_zero_is_clipped_on_a_logarithmic_axis() {
    let whole = vec![point(1.0, 0.1, Some((0.05, 0.2))), point(2.0, 0.01, Some((0.005, 0.02)))];
    let plain = draw(&figure(axis(false, 0), axis(true, 0), vec![curve(CurveStyle::Measured, whole.clone())]));
    assert!(!plain.contains("Arrow:"));
    assert_eq!(arrows(&plain), 0);
    for low in [0.0, -1.0, f64::NEG_INFINITY, 1e-200] {
        let mut points = whole.clone();
        points[1].interval = Some((low, 0.02));
        let svg = draw(&figure(axis(false, 0), axis(true, 0), vec![curve(CurveStyle::Measured, points)]));
        assert!(svg.contains("Arrow:"), "{low}");
        assert_eq!(arrows(&svg), 1, "{low}");
        // Both markers and their rims, and one more in the legend.
        assert_eq!(svg.matches("<circle").count(), 6, "{low}");
    }
}

#[test]
fn a_value_at_or_below_zero_is_an_arrow_on_a_logarithmic_axis() {
    let points = vec![point(1.0, 0.1, None), point(2.0, -0.1, None), point(3.0, 0.0, Some((-1.0, 0.5)))];
    let svg = draw(&figure(axis(false, 0), axis(true, 0), vec![curve(CurveStyle::Measured, points)]));
    assert!(svg.contains("Arrow:"));
    assert!(arrows(&svg) >= 2);
    // All of them: nothing that could set the axis.
    let points = vec![point(1.0, -0.1, Some((-0.3, -0.1)))];
    draw(&figure(axis(false, 0), axis(true, 0), vec![curve(CurveStyle::Measured, points)]));
}

#[test]
fn values_that_are_not_finite_are_left_out_and_counted() {
    let points = vec![
        point(1.0, 1.0, Some((f64::NAN, 2.0))),
        point(2.0, f64::NAN, None),
        point(f64::INFINITY, 1.0, None),
        point(4.0, 2.0, Some((f64::NEG_INFINITY, f64::INFINITY))),
    ];
    let svg = draw(&figure(axis(false, 0), axis(false, 0), vec![curve(CurveStyle::Measured, points)]));
    assert!(svg.contains("Not shown: 2 point"));
    assert_eq!(arrows(&svg), 2);
}

#[test]
fn categories_are_all_named_level_or_upward() {
    let curves = |count| {
        let points = (0..count).map(|index| point(f64::from(index), f64::from(index), Some((0.0, 9.0)))).collect();
        vec![curve(CurveStyle::Measured, points)]
    };
    let few = draw(&figure(axis(false, 3), axis(false, 0), curves(3)));
    assert!(few.contains("category &lt;2&gt; &amp; more"));
    // The label of the ordinate is the only upward text.
    assert_eq!(few.matches("rotate(270").count(), 1);
    let many = draw(&figure(axis(false, 20), axis(false, 0), curves(20)));
    assert_eq!(many.matches("rotate(270").count(), 21);
    // A category that does not exist has no place.
    assert!(draw(&figure(axis(false, 2), axis(false, 0), curves(3))).contains("Not shown: 1 point"));
    draw(&figure(axis(false, 500), axis(false, 0), curves(500)));
}

#[test]
fn every_measured_curve_looks_different() {
    let curves: Vec<Curve> =
        (0..12).map(|index| curve(CurveStyle::Measured, vec![point(1.0, f64::from(index), None)])).collect();
    let svg = draw(&figure(axis(false, 0), axis(false, 0), curves));
    // The shape and the colour of the markers in the plot, without their white rims: polygons hold points, discs a radius.
    let looks: std::collections::BTreeSet<String> = svg
        .lines()
        .filter(|line| (line.starts_with("<polygon") || line.starts_with("<circle")) && !line.contains("#FFFFFF"))
        .map(|line| {
            let fill = line.split("fill=\"").nth(1).unwrap_or("")[..7].to_owned();
            format!("{fill} {:?}", shape(line))
        })
        .collect();
    assert_eq!(looks.len(), 12, "{looks:?}");
}

/// The number of a polygon's corners, and where its second one lies against the first: tells all markers apart.
fn shape(line: &str) -> Option<(usize, std::cmp::Ordering)> {
    let points = line.split("points=\"").nth(1)?.split('"').next()?;
    let heights: Vec<i32> =
        points.split_whitespace().filter_map(|point| point.split_once(',')?.1.parse().ok()).collect();
    Some((heights.len(), heights[1].cmp(&heights[0])))
}

/// All pairs of awkward values, on every kind of axis.
#[test]
fn nothing_panics() {
    let values = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        1e-320,
        1e-300,
        1e300,
        -1e300,
        f64::MAX,
        f64::MIN,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        123_456_789.123,
        1e16,
    ];
    for first in values {
        for second in values {
            let points = vec![
                point(first, second, Some((second, first))),
                point(second, first, Some((first, first))),
                point(1.0, 1.0, Some((second, first))),
            ];
            for (log_x, log_y, categories) in [(false, false, 0), (true, true, 0), (true, false, 0), (false, true, 2)] {
                for style in [CurveStyle::Measured, CurveStyle::Reference] {
                    draw(&figure(axis(log_x, categories), axis(log_y, 0), vec![curve(style, points.clone())]));
                }
            }
        }
    }
}
