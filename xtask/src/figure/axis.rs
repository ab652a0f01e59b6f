//! Axes: their range, their ticks, and where a value falls.

use std::ops::RangeInclusive;

use super::text;

/// Values beyond this are left out: differences of values within it cannot overflow.
const LARGEST: f64 = 1e300;

/// Steps this small would lose their digits to underflow: treated as zero.
const TINY: f64 = 1e-280;

/// A tick; without a label it is a minor one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    /// From 0 at the start of the axis to 1 at its end.
    pub(super) at: f64,
    pub(super) label: Option<String>,
}

/// Where a value falls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    /// From 0 at the start of the axis to 1 at its end.
    On(f64),
    /// Before the start: also zero and less on a logarithmic axis.
    Below,
    /// Beyond the end.
    Above,
    /// Nowhere: not a number.
    Nowhere,
}

/// An axis with its range.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    logarithmic: bool,
    low: f64,
    high: f64,
    ticks: Vec<Tick>,
}

/// Whether a value can be drawn on some axis.
pub(super) fn usable(value: f64) -> bool {
    value.abs() <= LARGEST
}

impl Scale {
    /// A linear axis over the usable ones of `values`, with ticks at `stops` if there are any.
    pub(super) fn linear(values: &[f64], stops: &[f64]) -> Self {
        let (low, high) = widened(values.iter().copied().filter(|&value| usable(value)), (0.0, 1.0));
        let pad = (high - low) * 0.04;
        let mut scale = Self { logarithmic: false, low: low - pad, high: high + pad, ticks: Vec::new() };
        let steps = round_steps(scale.low..=scale.high);
        let labels: Vec<(f64, String)> =
            if stops.is_empty() { steps } else { stops.iter().map(|&stop| (stop, text::number(stop, 0))).collect() };
        scale.ticks =
            labels.into_iter().map(|(value, label)| Tick { at: scale.fraction(value), label: Some(label) }).collect();
        scale
    }

    /// A logarithmic axis over the positive usable ones of `values`.
    pub(super) fn logarithmic(values: &[f64]) -> Self {
        let exponents = values.iter().filter(|&&value| value > 0.0 && usable(value)).map(|value| value.log10());
        let (mut low, mut high) = bounds(exponents).unwrap_or((-1.0, 1.0));
        // Half a decade always holds two labels.
        if high - low < 0.5 {
            let middle = low + (high - low) / 2.0;
            (low, high) = (middle - 0.3, middle + 0.3);
        }
        let pad = (high - low) * 0.04;
        let mut scale = Self { logarithmic: true, low: low - pad, high: high + pad, ticks: Vec::new() };
        scale.ticks = scale.decade_ticks();
        scale
    }

    /// A categorical axis: category `i` at `i`.
    pub(super) fn categorical(count: usize) -> Self {
        let high = count.max(1) as f64 - 0.5;
        Self { logarithmic: false, low: -0.5, high, ticks: Vec::new() }
    }

    pub(super) fn ticks(&self) -> &[Tick] {
        &self.ticks
    }

    pub(super) fn place(&self, value: f64) -> Place {
        if value.is_nan() {
            return Place::Nowhere;
        }
        let value = if !self.logarithmic {
            value
        } else if value > 0.0 {
            value.log10()
        } else {
            return Place::Below;
        };
        if value < self.low {
            Place::Below
        } else if value > self.high {
            Place::Above
        } else {
            Place::On(self.fraction(value))
        }
    }

    fn fraction(&self, position: f64) -> f64 {
        (position - self.low) / (self.high - self.low)
    }

    fn decade_ticks(&self) -> Vec<Tick> {
        let (first, last) = (self.low.ceil() as i32, self.high.floor() as i32);
        let decades = last - first + 1;
        let plain = self.low >= -3.1 && self.high <= 4.1;
        let decade_label = |exponent: i32| {
            if plain { plain_power(exponent) } else { text::power_of_ten(exponent) }
        };
        let mut ticks = Vec::new();
        if decades >= 2 {
            let stride = (decades + 8) / 9;
            for exponent in first - 1..=last {
                let on_stride = exponent.rem_euclid(stride) == 0;
                if exponent >= first && on_stride {
                    ticks.push(self.tick(f64::from(exponent), Some(decade_label(exponent))));
                }
                if stride == 1 && decades <= 7 {
                    let minor = (2..=9).map(|digit| f64::from(exponent) + f64::from(digit).log10());
                    ticks.extend(
                        minor
                            .filter(|position| (self.low..=self.high).contains(position))
                            .map(|position| self.tick(position, None)),
                    );
                }
            }
            return ticks;
        }
        let labelled: &[i32] = if self.high - self.low < 1.0 { &[2, 3, 5, 7] } else { &[2, 5] };
        for exponent in first - 1..=last {
            for digit in 1..=9_i32 {
                let position = f64::from(exponent) + f64::from(digit).log10();
                if (self.low..=self.high).contains(&position) {
                    let label = match digit {
                        1 => Some(decade_label(exponent)),
                        _ if !labelled.contains(&digit) => None,
                        _ if plain => {
                            let decimals = usize::try_from(-exponent).unwrap_or(0);
                            Some(text::number(f64::from(digit) * 10_f64.powi(exponent), decimals))
                        }
                        _ => Some(format!("{digit}×{}", text::power_of_ten(exponent))),
                    };
                    ticks.push(self.tick(position, label));
                }
            }
        }
        ticks
    }

    fn tick(&self, position: f64, label: Option<String>) -> Tick {
        Tick { at: self.fraction(position), label }
    }
}

/// A power of ten in fixed notation.
fn plain_power(exponent: i32) -> String {
    text::number(10_f64.powi(exponent), usize::try_from(-exponent).unwrap_or(0))
}

fn bounds(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |bounds, value| {
        Some(bounds.map_or((value, value), |(low, high): (f64, f64)| (low.min(value), high.max(value))))
    })
}

/// The bounds of `values`, opened up where they fall together.
fn widened(values: impl Iterator<Item = f64>, empty: (f64, f64)) -> (f64, f64) {
    let (low, high) = bounds(values).unwrap_or(empty);
    let magnitude = low.abs().max(high.abs());
    if high - low > 1e-9 * magnitude && high - low > TINY {
        return (low, high);
    }
    let half = if magnitude <= TINY { 0.5 } else { 0.1 * magnitude };
    (low - half, high + half)
}

/// About six round values within a range, with their labels.
fn round_steps(range: RangeInclusive<f64>) -> Vec<(f64, String)> {
    let (low, high) = range.into_inner();
    let rough = (high - low) / 6.0;
    let exponent = rough.log10().floor();
    let unit = 10_f64.powf(exponent);
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * unit >= rough).unwrap_or(10.0);
    let step = factor * unit;
    let decimals = (-(step.log10() + 1e-9).floor()).clamp(0.0, 400.0) as usize;
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last)
        .map(|index| {
            let value = index as f64 * step;
            (value, text::number(value, decimals))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<String> {
        scale.ticks().iter().filter_map(|tick| tick.label.clone()).collect()
    }

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(labels(&Scale::linear(&[0.0, 1.0], &[])), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&Scale::linear(&[-2.0, 3.0], &[])), ["−2", "−1", "0", "1", "2", "3"]);
        assert_eq!(labels(&Scale::linear(&[2.0, 10.0], &[2.0, 6.0, 10.0])), ["2", "6", "10"]);
    }

    #[test]
    fn decade_ticks() {
        assert_eq!(labels(&Scale::logarithmic(&[1e-6, 1e-1])), ["10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "10⁻¹"]);
        assert_eq!(labels(&Scale::logarithmic(&[1.0, 100.0])), ["1", "10", "100"]);
        assert_eq!(labels(&Scale::logarithmic(&[0.1, 0.6])), ["0.1", "0.2", "0.3", "0.5"]);
        assert!(labels(&Scale::logarithmic(&[1e-300, 1.0])).len() < 12);
    }

    #[test]
    fn every_range_has_two_labels_at_least_and_not_many() {
        let sets: [&[f64]; 15] = [
            &[],
            &[0.0],
            &[5.0],
            &[-5.0],
            &[f64::NAN, f64::INFINITY],
            &[1e-300],
            &[1e300, -1e300],
            &[1e16, 1e16 + 2.0],
            &[0.123, 0.124],
            &[5e-324],
            &[0.0, 5e-324],
            &[3.0, 3.5],
            &[0.7, 1.4],
            &[2e-8, 9e-8],
            &[f64::MAX],
        ];
        for values in sets {
            for scale in [Scale::linear(values, &[]), Scale::logarithmic(values)] {
                let labels = labels(&scale);
                assert!((2..=14).contains(&labels.len()), "{values:?}: {labels:?}");
                let mut distinct = labels.clone();
                distinct.dedup();
                assert_eq!(labels, distinct, "{values:?}");
                for tick in scale.ticks() {
                    assert!((0.0..=1.0).contains(&tick.at), "{values:?}: {tick:?}");
                }
            }
        }
    }

    #[test]
    fn narrow_logarithmic_axes_have_two_labels_wherever_they_lie() {
        for step in 0..400 {
            let low = 10_f64.powf(-7.0 + 0.0311 * f64::from(step));
            for ratio in [1.0, 1.5, 2.0, 3.2, 9.0, 20.0, 99.0] {
                let labels = labels(&Scale::logarithmic(&[low, low * ratio]));
                assert!((2..=14).contains(&labels.len()), "{low} to {}: {labels:?}", low * ratio);
            }
        }
    }

    #[test]
    fn places() {
        let scale = Scale::logarithmic(&[1e-3, 1.0]);
        assert_eq!(scale.place(0.0), Place::Below);
        assert_eq!(scale.place(-1.0), Place::Below);
        assert_eq!(scale.place(1e-9), Place::Below);
        assert_eq!(scale.place(f64::INFINITY), Place::Above);
        assert_eq!(scale.place(f64::NAN), Place::Nowhere);
        let Place::On(middle) = scale.place(10_f64.powf(-1.5)) else {
            panic!("inside");
        };
        assert!((middle - 0.5).abs() < 1e-12);
        assert_eq!(Scale::categorical(3).place(1.0), Place::On(0.5));
        assert_eq!(Scale::categorical(3).place(3.0), Place::Above);
    }
}
