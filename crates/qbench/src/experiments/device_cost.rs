//! What the same training costs on different devices: loss against shots, seconds and joules.

use std::ops::ControlFlow;

use qgrad::{Estimator, Expectation, ParameterShift, Shots};
use qiot_profile::{DeviceProfile, DeviceSimulator};
use qopt::{Bill, Budget, Request, Role, Runner, Streams};

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

const COLUMNS: &[&str] = &[
    "device",
    "noise",
    "method",
    "seed",
    "iterations",
    "jobs",
    "circuits",
    "shots",
    "device_seconds",
    "device_joules",
    "loss",
    "loss_on_device",
];

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

/// The methods that are also run with the noise of the devices, and their seeds.
fn noisy(scale: Scale) -> (&'static [usize], u64) {
    match scale {
        Scale::Quick => (&[1], 1),
        Scale::Full => (&[1, 2], seeds(scale)),
    }
}

/// A task.
#[derive(Clone, Copy)]
struct Run {
    device: usize,
    noise: bool,
    method: usize,
    seed: u64,
}

/// The tasks in their order: without noise, then with it.
fn cells(scale: Scale) -> impl Iterator<Item = Run> {
    let all: &[usize] = &[0, 1, 2];
    let (with_noise, noisy_seeds) = noisy(scale);
    [(false, all, seeds(scale)), (true, with_noise, noisy_seeds)].into_iter().flat_map(|(noise, methods, seeds)| {
        (0..DEVICES.len()).flat_map(move |device| {
            methods.iter().flat_map(move |&method| (0..seeds).map(move |seed| Run { device, noise, method, seed }))
        })
    })
}

fn ising() -> Result<GroundState, Error> {
    GroundState::ising(4, 1.0, 0.8, 2)
}

fn text(readout: &Readout, Run { method, seed, .. }: Run) -> String {
    let key = experiment::stream_key(&readout.key()) as u32;
    format!(
        "task=tfim-4 layers=2 readout={readout} readout_key={key:08x} method={} rate={RATE} seed={seed}",
        METHODS[method]
    )
}

fn readout(Run { device, noise, .. }: Run) -> Result<Readout, Error> {
    let (name, shots) = DEVICES[device];
    if noise { Readout::noisy_device(name, shots) } else { Readout::device(name, shots) }
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
        let texts = cells(scale).map(|run| Ok(text(&readout(run)?, run)));
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
            (
                "with noise".to_owned(),
                format!(
                    "{}, {} seeds",
                    noisy(scale).0.iter().map(|&method| METHODS[method]).collect::<Vec<_>>().join(", "),
                    noisy(scale).1
                ),
            ),
        ])
    }

    fn run(&self, task: &Task, seed: u64) -> Result<Vec<Vec<Cell>>, Error> {
        let unknown = || Error::UnknownTask { text: task.text.clone() };
        for scale in [Scale::Full, Scale::Quick] {
            let Some(cell) = cells(scale).nth(task.index) else { continue };
            let readout = readout(cell)?;
            if text(&readout, cell) == task.text {
                return run(&readout, cell, seed);
            }
        }
        Err(unknown())
    }

    fn report(&self, rows: &[Row]) -> Result<Section, Error> {
        let marks = rows.iter().enumerate().map(|(at, row)| Mark::read(at, row)).collect::<Result<Vec<_>, _>>()?;
        let paragraphs = vec![
            format!(
                "Ground state of the transverse-field Ising chain: {}. The same methods with the same learning rate ({RATE}) and the \
                 same number of iterations on every device, without noise and with that of the device's calibration: the circuit in \
                 native gates where the router puts it, with gate errors, relaxation and readout errors, on density matrices. The \
                 loss is the exact energy of the angles without noise, the loss on the device the one with its noise.",
                ising()?.description()
            ),
            "Time is that of the device's own clock: network, queue, loading, and the duration of the circuit in native gates, of \
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

/// The exact energy above the ground state on a device, with its noise.
struct OnDevice {
    expectation: Expectation,
    simulator: DeviceSimulator,
    lowest: f64,
}

impl OnDevice {
    fn new(device: &str) -> Result<Self, Error> {
        let (chain, profile) = (ising()?, DeviceProfile::shipped(device)?);
        let (expectation, lowest) = (chain.expectation()?, chain.lowest_energy());
        Ok(Self { expectation, simulator: DeviceSimulator::noisy(profile)?, lowest })
    }

    fn loss(&mut self, theta: &[f64]) -> Result<f64, Error> {
        // Exact values read nothing from the stream.
        let mut rng = Streams::new(0, 0).at(0).rng(Role::Evaluation);
        let exact = ParameterShift { shots: Shots::Exact };
        let values = exact.values(&self.expectation, theta, &mut self.simulator, &mut rng)?;
        Ok(values.estimates[0].value - self.lowest)
    }
}

fn run(readout: &Readout, cell: Run, seed: u64) -> Result<Vec<Vec<Cell>>, Error> {
    let (device, method, index) = (DEVICES[cell.device].0, METHODS[cell.method], cell.seed);
    let mut on_device = OnDevice::new(device)?;
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
                Cell::Text(if cell.noise { "calibrated" } else { "none" }.to_owned()),
                Cell::Text(method.to_owned()),
                Cell::Integer(index),
                Cell::Integer(done),
                Cell::Integer(spent.jobs),
                Cell::Integer(spent.circuits),
                Cell::Integer(spent.shots),
                Cell::Number(spent.seconds),
                Cell::Number(spent.joules),
                Cell::Number(instance.assess(&theta)?.loss),
                Cell::Number(on_device.loss(&theta)?),
            ])
        })
        .collect()
}

/// A row.
struct Mark {
    device: String,
    noise: bool,
    method: String,
    iterations: u64,
    shots: f64,
    seconds: f64,
    joules: f64,
    loss: f64,
    loss_on_device: f64,
}

impl Mark {
    fn read(at: usize, row: &Row) -> Result<Self, Error> {
        let fields = Fields::new(at, COLUMNS, row)?;
        Ok(Self {
            device: fields.text("device")?.to_owned(),
            noise: fields.text("noise")? == "calibrated",
            method: fields.text("method")?.to_owned(),
            iterations: fields.integer("iterations")?,
            shots: fields.integer("shots")? as f64,
            seconds: fields.number("device_seconds")?,
            joules: fields.number("device_joules")?,
            loss: fields.number("loss")?,
            loss_on_device: fields.number("loss_on_device")?,
        })
    }
}

/// The rows of a device and a method after so many iterations.
fn select<'a>(marks: &'a [Mark], device: &str, noise: bool, method: &str, iterations: u64) -> Vec<&'a Mark> {
    let wanted = |mark: &&Mark| {
        mark.device == device && mark.noise == noise && mark.method == method && mark.iterations == iterations
    };
    marks.iter().filter(wanted).collect()
}

fn mean_of(marks: &[&Mark], of: impl Fn(&Mark) -> f64) -> Result<f64, Error> {
    Ok(stats::mean(&marks.iter().map(|&mark| of(mark)).collect::<Vec<_>>())?)
}

/// Mean loss and the half width of its interval; none for a single seed.
fn loss_of(marks: &[&Mark], of: impl Fn(&Mark) -> f64) -> Result<(f64, Option<f64>), Error> {
    let losses: Vec<f64> = marks.iter().map(|&mark| of(mark)).collect();
    let half = if losses.len() > 1 { Some(Z95 * stats::standard_error(&losses)?) } else { None };
    Ok((stats::mean(&losses)?, half))
}

fn with_interval((loss, half): (f64, Option<f64>)) -> String {
    half.map_or_else(|| format!("{loss:.3} (one seed)"), |half| format!("{loss:.3} ± {half:.3}"))
}

fn table(marks: &[Mark]) -> Result<Table, Error> {
    let last = MARKS[MARKS.len() - 1];
    let mut rows = Vec::new();
    for (device, shots) in DEVICES {
        for (noise, method) in [false, true].into_iter().flat_map(|noise| METHODS.map(|method| (noise, method))) {
            let chosen = select(marks, device, noise, method, last);
            if chosen.is_empty() {
                continue;
            }
            rows.push(vec![
                device.to_owned(),
                if noise { "calibrated" } else { "none" }.to_owned(),
                shots.to_string(),
                method.to_owned(),
                format!("{:.3e}", mean_of(&chosen, |mark| mark.shots)?),
                format!("{:.3e}", mean_of(&chosen, |mark| mark.seconds)?),
                format!("{:.3e}", mean_of(&chosen, |mark| mark.joules)?),
                with_interval(loss_of(&chosen, |mark| mark.loss)?),
                with_interval(loss_of(&chosen, |mark| mark.loss_on_device)?),
            ]);
        }
    }
    let columns =
        ["device", "noise", "shots per circuit", "method", "shots", "seconds", "joules", "loss", "loss on the device"];
    Ok(Table {
        title: format!("Cost of {last} iterations"),
        caption: "Means over seeds; losses are exact energies above the ground state, with 95 % intervals of the mean over seeds (normal): of the \
                  angles without noise, and with the noise of the device."
            .to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows,
    })
}

fn figure(marks: &[Mark], name: &str, label: &str, cost: fn(&Mark) -> f64) -> Result<Figure, Error> {
    let mut curves = Vec::new();
    for (device, shots) in DEVICES {
        for noise in [false, true] {
            let mut points = Vec::new();
            for iterations in MARKS {
                let chosen = select(marks, device, noise, "adam", iterations);
                if chosen.is_empty() {
                    continue;
                }
                let (y, half) = loss_of(&chosen, |mark| mark.loss)?;
                let interval = half.map(|half| (y - half, y + half));
                points.push(CurvePoint { x: mean_of(&chosen, cost)?, y, interval });
            }
            if !points.is_empty() {
                let label = format!("{device}/{shots}{}", if noise { " with noise" } else { "" });
                curves.push(Curve { label, points, style: CurveStyle::Measured });
            }
        }
    }
    Ok(Figure {
        name: format!("{DEVICE_COST}-{name}"),
        title: format!("Adam: energy above the ground state against {label}"),
        caption: "Means over seeds after 1, 3, 6, 12, 24, 36 and 48 iterations, of the exact energy of the angles without noise, trained \
                  without and with the noise of the device; bars: 95 % intervals of the mean loss (normal)."
            .to_owned(),
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
        assert_eq!(tasks.len(), DEVICES.len() * (METHODS.len() * 2 + 1));
        let mut rows: Vec<Row> = Vec::new();
        for task in tasks.iter().filter(|task| task.text.contains("method=adam")) {
            for cells in DeviceCost.run(task, 1).expect("no failure") {
                rows.push(std::iter::once(task.id.clone()).chain(cells.iter().map(ToString::to_string)).collect());
            }
        }
        let marks: Vec<Mark> = rows.iter().enumerate().map(|(at, row)| Mark::read(at, row).expect("own row")).collect();
        assert_eq!(marks.len(), DEVICES.len() * 3 * (MARKS.len() + 1));
        for (device, shots) in DEVICES {
            let chosen = select(&marks, device, false, "adam", 48);
            let first = select(&marks, device, false, "adam", 1);
            // One value and one gradient per iteration, with the same number of circuits each time.
            assert_eq!(chosen[0].shots, 48.0 * first[0].shots);
            assert_eq!(first[0].shots % shots as f64, 0.0);
            // Jitter apart, which is never more than a fifth of these times.
            assert!((chosen[0].seconds / first[0].seconds / 48.0 - 1.0).abs() < 0.2);
            assert!(chosen.iter().all(|mark| mark.joules > 0.0));
            // All devices see the same starts.
            let start = |device: &str, noise: bool| select(&marks, device, noise, "adam", 0)[0].loss;
            assert_eq!(start(device, false), start("perth", false));
            // Noise costs nothing and takes something.
            let with_noise = select(&marks, device, true, "adam", 48)[0];
            assert_eq!((with_noise.shots, start(device, true)), (chosen[0].shots, start(device, false)));
            assert!((with_noise.seconds / chosen[0].seconds - 1.0).abs() < 1e-12);
            assert!(with_noise.loss_on_device > with_noise.loss + 0.01, "{device}");
        }
        let section = DeviceCost.report(&rows).expect("valid rows");
        assert_eq!((section.figures.len(), section.tables[0].rows.len()), (3, 2 * DEVICES.len()));
        // With noise there is one seed in the quick slice: no interval, and none that says 0.
        let ends = |row: &Vec<String>| row[7].ends_with("(one seed)");
        assert!(section.tables[0].rows.iter().all(|row| ends(row) == (row[1] == "calibrated")));
        assert!(section.figures.iter().all(|figure| figure.curves.len() == 2 * DEVICES.len()));
        assert!(METHODS.iter().all(|method| Methods::shipped().get(method).is_some()));
    }
}
