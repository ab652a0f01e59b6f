//! What the same training costs on different devices: loss against shots, seconds and joules.

use std::ops::ControlFlow;

use qopt::{Bill, Budget, Request, Runner, Streams};

use super::DEVICE_COST;
use crate::Error;
use crate::experiment::{
    self, Axis, Cell, Curve, CurvePoint, CurveStyle, Experiment, Fields, Figure, Row, Scale, Section, Table, Task,
};
use crate::methods::{self, Methods, Setup};
use crate::stats;
use crate::tasks::{GroundState, Readout, Task as _};

/// Devices with the shots that each circuit gets on them.
const DEVICES: [(&str, u64); 4] = [("sensor-node", 25), ("edge-gateway", 100), ("field-hub", 400), ("perth", 400)];

/// The methods, all with the rate [`RATE`]: what is compared here is devices.
const METHODS: [&str; 3] = ["sgd", "adam", "nlr-probe-adam"];

const RATE: f64 = 0.1;

/// After so many iterations the exact loss of the point is noted, with what was spent until then.
const MARKS: [u64; 7] = [1, 3, 6, 12, 24, 36, 48];

const COLUMNS: &[&str] =
    &["device", "method", "seed", "iterations", "jobs", "circuits", "shots", "device_seconds", "device_joules", "loss"];

/// The normal quantile of a two-sided interval of 95 %.
const Z95: f64 = 1.959_963_984_540_054;

/// See the module.
pub(super) struct DeviceCost;

fn seeds(scale: Scale) -> u64 {
    match scale {
        Scale::Quick => 2,
        Scale::Full => 8,
    }
}

/// Device, method and seed of a task, in their order.
fn cells(scale: Scale) -> impl Iterator<Item = (usize, usize, u64)> {
    (0..DEVICES.len())
        .flat_map(|device| (0..METHODS.len()).map(move |method| (device, method)))
        .flat_map(move |(device, method)| (0..seeds(scale)).map(move |seed| (device, method, seed)))
}

fn ising() -> Result<GroundState, Error> {
    GroundState::ising(4, 1.0, 0.8, 2)
}

fn text(readout: &Readout, method: usize, seed: u64) -> String {
    let key = experiment::stream_key(&readout.key()) as u32;
    format!(
        "task=tfim-4 layers=2 readout={readout} readout_key={key:08x} method={} rate={RATE} seed={seed}",
        METHODS[method]
    )
}

fn readout(device: usize) -> Result<Readout, Error> {
    let (name, shots) = DEVICES[device];
    Readout::device(name, shots)
}

impl Experiment for DeviceCost {
    fn name(&self) -> &'static str {
        DEVICE_COST
    }

    fn title(&self) -> &'static str {
        "What does the same training cost on different devices?"
    }

    fn columns(&self) -> &'static [&'static str] {
        COLUMNS
    }

    fn tasks(&self, scale: Scale, seed: u64) -> Result<Vec<Task>, Error> {
        let texts = cells(scale).map(|(device, method, index)| Ok(text(&readout(device)?, method, index)));
        Ok(texts
            .collect::<Result<Vec<_>, Error>>()?
            .into_iter()
            .enumerate()
            .map(|(index, text)| Task::new(DEVICE_COST, seed, index, text))
            .collect())
    }

    fn configuration(&self, scale: Scale) -> Result<Vec<(String, String)>, Error> {
        let devices: Vec<String> =
            DEVICES.iter().map(|(name, shots)| format!("{name} with {shots} shots per circuit")).collect();
        Ok(vec![
            ("task".to_owned(), ising()?.description()),
            ("devices".to_owned(), devices.join(", ")),
            ("methods".to_owned(), METHODS.join(", ")),
            ("learning rate".to_owned(), RATE.to_string()),
            ("iterations".to_owned(), MARKS[MARKS.len() - 1].to_string()),
            ("seeds".to_owned(), seeds(scale).to_string()),
        ])
    }

    fn run(&self, task: &Task, seed: u64) -> Result<Vec<Vec<Cell>>, Error> {
        let unknown = || Error::UnknownTask { text: task.text.clone() };
        for scale in [Scale::Full, Scale::Quick] {
            let Some((device, method, index)) = cells(scale).nth(task.index) else { continue };
            let readout = readout(device)?;
            if text(&readout, method, index) == task.text {
                return run(&readout, DEVICES[device].0, METHODS[method], index, seed);
            }
        }
        Err(unknown())
    }

    fn report(&self, rows: &[Row]) -> Result<Section, Error> {
        let marks = rows.iter().enumerate().map(|(at, row)| Mark::read(at, row)).collect::<Result<Vec<_>, _>>()?;
        let paragraphs = vec![
            format!(
                "Ground state of the transverse-field Ising chain: {}. The same methods with the same learning rate ({RATE}) and the \
                 same number of iterations on every device; a device differs from another one in the shots of a circuit and in what it \
                 charges. Simulated without noise: what is shown is price, not quality.",
                ising()?.description()
            ),
            "Time is that of the device's own clock: network, queue, loading, and the duration of the circuit as it is written, of \
             readout and of reset for every shot. Energy is that of the device and of what goes over its network. All numbers of the \
             archetypes, and budgets, network and energy of the calibrated device, are assumed or taken from sources, as \
             `docs/devices.md` says."
                .to_owned(),
        ];
        let mut section = Section { paragraphs, ..Section::default() };
        section.tables = vec![table(&marks)?];
        section.figures = vec![
            figure(&marks, "shots", "shots", |mark| mark.shots)?,
            figure(&marks, "seconds", "time on the device (s)", |mark| mark.seconds)?,
            figure(&marks, "joules", "energy (J)", |mark| mark.joules)?,
        ];
        Ok(section)
    }
}

fn run(readout: &Readout, device: &str, method: &str, index: u64, seed: u64) -> Result<Vec<Vec<Cell>>, Error> {
    // The same start for all methods and devices of a seed; other shots on each device.
    let key = format!("{DEVICE_COST} {index}");
    let instance = ising()?.instance(&Streams::new(seed, experiment::stream_key(&key)))?;
    let streams = Streams::new(seed, experiment::stream_key(&format!("{key} {device}")));
    let mut objective = instance.objective(readout)?;
    let iterations = MARKS[MARKS.len() - 1];
    let setup = Setup {
        start: instance.start().to_vec(),
        rate: RATE,
        planned_iterations: iterations,
        iteration_in_losses: objective.price(&Request::VALUE_AND_GRADIENT).circuits as f64
            / objective.price(&Request::VALUE).circuits.max(1) as f64,
        noisy: true,
        loss_scale: objective.loss_scale(),
        start_interval: instance.start_interval(),
        axes: instance.axes().to_vec(),
        max_shots: methods::max_shots(
            readout.shots().unwrap_or(0),
            iterations,
            readout.limits().and_then(|limits| limits.shots_per_circuit),
        ),
    };
    let shipped = Methods::shipped();
    let entry = shipped.get(method).expect("a test holds that all methods are shipped");
    let mut built = entry.build(&setup).map_err(|source| Error::Method { method: method.to_owned(), source })?;
    let mut points: Vec<(u64, Vec<f64>, Bill)> = vec![(0, setup.start.clone(), Bill::ZERO)];
    let mut note = |observation: &qopt::Observation<'_>| {
        let done = observation.step + 1;
        if MARKS.contains(&done) {
            points.push((done, observation.next.to_vec(), observation.spent));
        }
        ControlFlow::Continue(())
    };
    Runner::new(&mut *built, &mut *objective, streams)
        .budget(Budget { iterations: Some(iterations), ..Budget::UNLIMITED })
        .observe(&mut note)
        .run()?;
    points
        .into_iter()
        .map(|(done, theta, spent)| {
            Ok(vec![
                Cell::Text(device.to_owned()),
                Cell::Text(method.to_owned()),
                Cell::Integer(index),
                Cell::Integer(done),
                Cell::Integer(spent.jobs),
                Cell::Integer(spent.circuits),
                Cell::Integer(spent.shots),
                Cell::Number(spent.seconds),
                Cell::Number(spent.joules),
                Cell::Number(instance.assess(&theta)?.loss),
            ])
        })
        .collect()
}

/// A row.
struct Mark {
    device: String,
    method: String,
    iterations: u64,
    shots: f64,
    seconds: f64,
    joules: f64,
    loss: f64,
}

impl Mark {
    fn read(at: usize, row: &Row) -> Result<Self, Error> {
        let fields = Fields::new(at, COLUMNS, row)?;
        Ok(Self {
            device: fields.text("device")?.to_owned(),
            method: fields.text("method")?.to_owned(),
            iterations: fields.integer("iterations")?,
            shots: fields.integer("shots")? as f64,
            seconds: fields.number("device_seconds")?,
            joules: fields.number("device_joules")?,
            loss: fields.number("loss")?,
        })
    }
}

/// The rows of a device and a method after so many iterations.
fn select<'a>(marks: &'a [Mark], device: &str, method: &str, iterations: u64) -> Vec<&'a Mark> {
    let wanted = |mark: &&Mark| mark.device == device && mark.method == method && mark.iterations == iterations;
    marks.iter().filter(wanted).collect()
}

fn mean_of(marks: &[&Mark], of: impl Fn(&Mark) -> f64) -> Result<f64, Error> {
    Ok(stats::mean(&marks.iter().map(|&mark| of(mark)).collect::<Vec<_>>())?)
}

/// Mean loss and the half width of its interval; 0 for a single seed.
fn loss_of(marks: &[&Mark]) -> Result<(f64, f64), Error> {
    let losses: Vec<f64> = marks.iter().map(|mark| mark.loss).collect();
    let error = if losses.len() > 1 { stats::standard_error(&losses)? } else { 0.0 };
    Ok((stats::mean(&losses)?, Z95 * error))
}

fn table(marks: &[Mark]) -> Result<Table, Error> {
    let last = MARKS[MARKS.len() - 1];
    let mut rows = Vec::new();
    for (device, shots) in DEVICES {
        for method in METHODS {
            let chosen = select(marks, device, method, last);
            if chosen.is_empty() {
                continue;
            }
            let (loss, half) = loss_of(&chosen)?;
            rows.push(vec![
                device.to_owned(),
                shots.to_string(),
                method.to_owned(),
                format!("{:.3e}", mean_of(&chosen, |mark| mark.shots)?),
                format!("{:.3e}", mean_of(&chosen, |mark| mark.seconds)?),
                format!("{:.3e}", mean_of(&chosen, |mark| mark.joules)?),
                format!("{loss:.3} ± {half:.3}"),
            ]);
        }
    }
    let columns = ["device", "shots per circuit", "method", "shots", "seconds", "joules", "loss"];
    Ok(Table {
        title: format!("Cost of {last} iterations"),
        caption: "Means over seeds; loss is the exact energy above the ground state, with a 95 % interval of the mean over seeds (normal)."
            .to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows,
    })
}

fn figure(marks: &[Mark], name: &str, label: &str, cost: fn(&Mark) -> f64) -> Result<Figure, Error> {
    let mut curves = Vec::new();
    for (device, shots) in DEVICES {
        for method in ["adam", "nlr-probe-adam"] {
            let mut points = Vec::new();
            for iterations in MARKS {
                let chosen = select(marks, device, method, iterations);
                if chosen.is_empty() {
                    continue;
                }
                let (y, half) = loss_of(&chosen)?;
                points.push(CurvePoint { x: mean_of(&chosen, cost)?, y, interval: Some((y - half, y + half)) });
            }
            if !points.is_empty() {
                let label = format!("{device}/{shots}, {method}");
                curves.push(Curve { label, points, style: CurveStyle::Measured });
            }
        }
    }
    Ok(Figure {
        name: format!("{DEVICE_COST}-{name}"),
        title: format!("Energy above the ground state against {label}"),
        caption: "Means over seeds after 1, 3, 6, 12, 24, 36 and 48 iterations; bars: 95 % intervals of the mean loss (normal).".to_owned(),
        x: Axis { label: label.to_owned(), logarithmic: true, categories: Vec::new() },
        y: Axis { label: "energy above the ground state".to_owned(), logarithmic: false, categories: Vec::new() },
        curves,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of the quick slice: costs add up to those of the iterations, and a report is made of them.
    #[test]
    fn quick_rows_make_a_report() {
        let tasks = DeviceCost.tasks(Scale::Quick, 1).expect("valid");
        assert_eq!(tasks.len(), DEVICES.len() * METHODS.len() * 2);
        let mut rows: Vec<Row> = Vec::new();
        for task in tasks.iter().filter(|task| task.text.contains("method=adam")) {
            for cells in DeviceCost.run(task, 1).expect("no failure") {
                rows.push(std::iter::once(task.id.clone()).chain(cells.iter().map(ToString::to_string)).collect());
            }
        }
        let marks: Vec<Mark> = rows.iter().enumerate().map(|(at, row)| Mark::read(at, row).expect("own row")).collect();
        assert_eq!(marks.len(), DEVICES.len() * 2 * (MARKS.len() + 1));
        for (device, shots) in DEVICES {
            let chosen = select(&marks, device, "adam", 48);
            let first = select(&marks, device, "adam", 1);
            // One value and one gradient per iteration, with the same number of circuits each time.
            assert_eq!(chosen[0].shots, 48.0 * first[0].shots);
            assert_eq!(first[0].shots % shots as f64, 0.0);
            // Jitter apart, which is never more than a fifth of these times.
            assert!((chosen[0].seconds / first[0].seconds / 48.0 - 1.0).abs() < 0.2);
            assert!(chosen.iter().all(|mark| mark.joules > 0.0));
            // All devices see the same starts.
            assert_eq!(select(&marks, device, "adam", 0)[0].loss, select(&marks, "perth", "adam", 0)[0].loss);
        }
        let section = DeviceCost.report(&rows).expect("valid rows");
        assert_eq!((section.figures.len(), section.tables[0].rows.len()), (3, DEVICES.len()));
        assert!(section.figures.iter().all(|figure| figure.curves.len() == DEVICES.len()));
        assert!(METHODS.iter().all(|method| Methods::shipped().get(method).is_some()));
    }
}
