//! Training from shots on a plateau, looked at as a walk: how far it gets, and whether where it gets is flatter.

use std::ops::ControlFlow;

use qgrad::StateVectorBackend;
use qopt::{Budget, Control, Descent, Method, Observation, Probe, ProbeConfig, Role, Runner, Sgd, Streams};

use super::{Entry, WALK_ENDS, WALK_RATE, WALK_SHOTS, bootstrap, norm};
use crate::Error;
use crate::experiment::{Cell, Row, Table};
use crate::plateau::{Cost, gradient, uniform_angles};
use crate::stats::{BootstrapKind, median};
use crate::tasks::{ProductPlateau, Readout, Task as _};

const WALKERS: [&str; 3] = ["sgd", "nlr-probe-sgd", "kick-probe-sgd"];

/// A figure of the walks with the given indices.
type Statistic<'a> = dyn Fn(&[usize]) -> f64 + 'a;

/// One walk: squared displacements at the two ends, and the exact gradient norm at the last.
#[derive(Clone, Copy)]
struct Walk {
    squares: [f64; 2],
    gradient_norm: f64,
}

fn method(name: &str, start: &[f64]) -> Result<Box<dyn Method>, Error> {
    let rule = Sgd::new(WALK_RATE);
    let made = match name {
        "sgd" => rule.and_then(|rule| Ok(Box::new(Descent::new(rule, start)?) as Box<dyn Method>)),
        _ => rule.and_then(|rule| {
            let control = if name.starts_with("kick") { Control::Kick } else { Control::Ascend };
            let config = ProbeConfig { control, ..ProbeConfig::exact() };
            Ok(Box::new(Probe::new(config, rule, start)?) as Box<dyn Method>)
        }),
    };
    made.map_err(|source| Error::Method { method: name.to_owned(), source })
}

/// Walks of all walkers from the same points; rows: exponent, and ratios to plain descent.
pub(super) fn walks(qubits: usize, samples: usize, streams: &Streams) -> Result<Vec<Vec<Cell>>, Error> {
    let task = ProductPlateau::new(qubits)?;
    let expectation = Cost::Global.expectation(qubits)?;
    let mut backend = StateVectorBackend::new();
    let mut walks = [const { Vec::<Walk>::new() }; WALKERS.len()];
    for sample in 0..samples {
        // A root of its own for each walk: its steps use all the others.
        let of_walk = Streams::new(sample as u64, streams_key(streams));
        let mut rng = of_walk.at(0).rng(Role::Start);
        let start = uniform_angles(qubits, &mut rng);
        let instance = task.instance(&of_walk)?;
        for (walks, name) in walks.iter_mut().zip(WALKERS) {
            let mut method = method(name, &start)?;
            let mut objective = instance.objective(&Readout::Shots { shots: WALK_SHOTS })?;
            let mut walk = Walk { squares: [0.0; 2], gradient_norm: 0.0 };
            let mut watch = |observation: &Observation<'_>| {
                if let Some(end) = WALK_ENDS.iter().position(|&end| observation.step + 1 == end) {
                    let squares = observation.next.iter().zip(&start).map(|(a, b)| (a - b).powi(2));
                    walk.squares[end] = squares.sum();
                }
                ControlFlow::Continue(())
            };
            let outcome = Runner::new(&mut *method, &mut *objective, of_walk)
                .budget(Budget::of_iterations(WALK_ENDS[1]))
                .observe(&mut watch)
                .run()?;
            walk.gradient_norm = norm(&gradient(&expectation, &outcome.last, &mut backend, &mut rng)?);
            walks.push(walk);
        }
    }
    let mut rows = Vec::new();
    for (index, (name, own)) in WALKERS.iter().zip(&walks).enumerate() {
        let plain = &walks[0];
        let mean = |of: &[Walk], units: &[usize], end: usize| {
            units.iter().map(|&unit| of[unit].squares[end]).sum::<f64>() / units.len() as f64
        };
        let middle = |of: &[Walk], units: &[usize]| {
            median(&units.iter().map(|&unit| of[unit].gradient_norm).collect::<Vec<_>>()).unwrap_or(f64::NAN)
        };
        let span = (WALK_ENDS[1] as f64 / WALK_ENDS[0] as f64).ln();
        let exponent = |units: &[usize]| (mean(own, units, 1) / mean(own, units, 0)).ln() / span;
        let further = |units: &[usize]| mean(own, units, 1) / mean(plain, units, 1);
        let flatter = |units: &[usize]| middle(own, units) / middle(plain, units);
        let quantities: [(&str, &Statistic<'_>); 3] =
            [("exponent", &exponent), ("displacement", &further), ("gradient", &flatter)];
        for (place, (quantity, statistic)) in quantities.into_iter().enumerate() {
            // Against itself there is nothing to compare.
            if index == 0 && place > 0 {
                continue;
            }
            let mut rng = streams.at((3 * index + place) as u64).rng(Role::User(0));
            let result = bootstrap(BootstrapKind::Percentile).interval(samples, &mut rng, statistic)?;
            rows.push(
                Entry {
                    kind: "walk",
                    subject: (*name).to_owned(),
                    qubits,
                    samples,
                    quantity: quantity.to_owned(),
                    value: result.estimate,
                    interval: Some((result.interval.lower, result.interval.upper)),
                    ..Entry::default()
                }
                .cells(),
            );
        }
    }
    Ok(rows)
}

/// A key for the walks, from the streams of their task.
fn streams_key(streams: &Streams) -> u128 {
    use rand::Rng;
    let mut rng = streams.at(0).rng(Role::User(1));
    u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64())
}

/// The answer to the claim on exploration.
pub(in crate::experiments) fn exploration(rows: &[Row]) -> Result<Option<String>, Error> {
    let mut entries = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let (kind, entry) = Entry::read(at, row)?;
        if kind == "walk" && entry.subject == "nlr-probe-sgd" {
            entries.push(entry);
        }
    }
    let Some(qubits) = entries.iter().map(|entry| entry.qubits).max() else { return Ok(None) };
    let of = |quantity: &str| {
        let found = entries.iter().find(|entry| entry.qubits == qubits && entry.quantity == quantity)?;
        Some((found.value, found.interval?, found.samples))
    };
    let (Some(exponent), Some(further), Some(flatter)) = (of("exponent"), of("displacement"), of("gradient")) else {
        return Ok(None);
    };
    let shown = |(value, (lower, upper), _): (f64, (f64, f64), usize)| format!("{value:.3} [{lower:.3}, {upper:.3}]");
    let diffuses = exponent.1.0 <= 1.0 && exponent.1.1 >= 1.0;
    Ok(Some(format!(
        "{}, {}, {}: at n = {qubits}, {} walks, the mean squared displacement grows with exponent {}, is {} of that of plain descent, \
         and the median gradient norm at the end is {} of its own ({})",
        if diffuses { "like diffusion" } else { "not like diffusion" },
        if further.1.0 > 1.0 { "exploring more than plain descent" } else { "not exploring more than plain descent" },
        if flatter.1.1 < 1.0 { "ending where it is flatter" } else { "not ending where it is flatter" },
        exponent.2,
        shown(exponent),
        shown(further),
        shown(flatter),
        super::PLATEAU
    )))
}

pub(super) fn table<'a>(entries: impl Iterator<Item = &'a Entry>) -> Table {
    let rows = entries
        .map(|entry| {
            let (lower, upper) = entry.interval.unwrap_or((f64::NAN, f64::NAN));
            let what = match entry.quantity.as_str() {
                "exponent" => "exponent of the mean squared displacement",
                "displacement" => "mean squared displacement, of that of sgd",
                _ => "median gradient norm at the end, of that of sgd",
            };
            vec![
                entry.qubits.to_string(),
                entry.samples.to_string(),
                entry.subject.clone(),
                what.to_owned(),
                format!("{:.3} [{lower:.3}, {upper:.3}]", entry.value),
            ]
        })
        .collect();
    Table {
        title: "Walks on the global cost from 100 shots".to_owned(),
        caption: format!(
            "Rate {WALK_RATE}, {} iterations from uniformly random points, the probe without margin; exponent between iterations {} and {}: \
             1 is diffusion, 2 is a straight way. 95 % percentile bootstrap intervals over walks.",
            WALK_ENDS[1], WALK_ENDS[0], WALK_ENDS[1]
        ),
        columns: ["qubits", "walks", "method", "what", "value"].map(str::to_owned).to_vec(),
        rows,
    }
}
