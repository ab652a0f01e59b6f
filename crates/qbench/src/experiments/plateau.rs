//! Gradient variances against the number of qubits, and what steps of either sign do to a gradient.

mod walk;

use qgrad::StateVectorBackend;
use qopt::{Role, Streams};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::PLATEAU;
use crate::Error;
use crate::experiment::{
    Axis, Cell, Curve, CurvePoint, CurveStyle, Experiment, Fields, Figure, Row, Scale, Section, Table, Task, stream_key,
};
use crate::plateau::{Cost, first_components, gradient, uniform_angles};
use crate::stats::{Bootstrap, BootstrapKind, Centre, DecayPoint, StatsError, VarianceEstimate, compare_decay, median};
use crate::tasks::GroundState;

pub(super) use walk::exploration;

/// The experiment.
pub(super) struct PlateauScaling;

const COLUMNS: &[&str] = &[
    "kind",
    "subject",
    "qubits",
    "samples",
    "quantity",
    "value",
    "lower",
    "upper",
    "reference",
    "reference_error",
    "effective_samples",
    "verdict",
];

/// Length of a path, in radians, and into how many re-evaluated steps it is divided.
const PATH_LENGTH: f64 = 0.5;
const PATH_STEPS: usize = 10;
/// Learning rate of the single steps.
const STEP_RATE: f64 = 0.1;

/// Learning rate and shots per circuit of the walks, and after how many iterations their displacement is taken.
const WALK_RATE: f64 = 0.3;
const WALK_SHOTS: u64 = 100;
const WALK_ENDS: [u64; 2] = [16, 64];

/// What a task does, in the words of its text.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Work {
    /// The variance of the first gradient component of a cost.
    Variance { cost: Cost, qubits: usize, samples: usize },
    /// Gradient norm after a path of fixed length over that before, on the global cost.
    Path { qubits: usize, samples: usize },
    /// Mean squared gradient after one step of length `STEP_RATE |g|` over that before, on the Ising chain.
    Step { qubits: usize, samples: usize },
    /// How far descent and the probe get on the global cost from shots, as walks.
    Walk { qubits: usize, samples: usize },
}

impl Work {
    fn all(scale: Scale) -> Vec<Self> {
        let (samples, paths) = match scale {
            Scale::Quick => (500, 40),
            Scale::Full => (4000, 400),
        };
        let sizes = match scale {
            Scale::Quick => 2..=6,
            Scale::Full => 2..=10,
        };
        let mut work = Vec::new();
        for cost in [Cost::Global, Cost::Local] {
            work.extend(sizes.clone().map(|qubits| Self::Variance { cost, qubits, samples }));
        }
        work.extend([4, 6, 8].map(|qubits| Self::Path { qubits, samples: paths }));
        work.extend([3, 4].map(|qubits| Self::Step { qubits, samples: 10 * paths }));
        work.extend([6, 8].map(|qubits| Self::Walk { qubits, samples: paths }));
        work
    }

    fn text(self) -> String {
        match self {
            Self::Variance { cost, qubits, samples } => {
                format!("kind=variance cost={} qubits={qubits} samples={samples}", cost.name())
            }
            Self::Path { qubits, samples } => {
                format!(
                    "kind=path cost=global qubits={qubits} samples={samples} length={PATH_LENGTH:?} steps={PATH_STEPS}"
                )
            }
            Self::Step { qubits, samples } => {
                format!("kind=step task=tfim qubits={qubits} layers=3 samples={samples} rate={STEP_RATE:?}")
            }
            Self::Walk { qubits, samples } => format!(
                "kind=walk cost=global qubits={qubits} samples={samples} rate={WALK_RATE:?} shots={WALK_SHOTS} iterations={}",
                WALK_ENDS[1]
            ),
        }
    }
}

impl Experiment for PlateauScaling {
    fn name(&self) -> &'static str {
        PLATEAU
    }

    fn title(&self) -> &'static str {
        "How fast do gradients vanish, and what do steps uphill do to them?"
    }

    fn columns(&self) -> &'static [&'static str] {
        COLUMNS
    }

    fn tasks(&self, scale: Scale, seed: u64) -> Result<Vec<Task>, Error> {
        let work = Work::all(scale).into_iter().enumerate();
        Ok(work.map(|(index, work)| Task::new(PLATEAU, seed, index, work.text())).collect())
    }

    fn configuration(&self, scale: Scale) -> Result<Vec<(String, String)>, Error> {
        let work: Vec<String> = Work::all(scale).into_iter().map(Work::text).collect();
        Ok(vec![
            ("work".to_owned(), work.join("; ")),
            ("bootstrap resamples".to_owned(), bootstrap(BootstrapKind::Percentile).resamples.to_string()),
        ])
    }

    fn run(&self, task: &Task, seed: u64) -> Result<Vec<Vec<Cell>>, Error> {
        let all = [Scale::Full, Scale::Quick].into_iter().flat_map(Work::all);
        let work = all.into_iter().find(|work| work.text() == task.text);
        let work = work.ok_or_else(|| Error::UnknownTask { text: task.text.clone() })?;
        let streams = Streams::new(seed, stream_key(&task.text));
        match work {
            Work::Variance { cost, qubits, samples } => variance(cost, qubits, samples, &streams),
            Work::Path { qubits, samples } => paths(qubits, samples, &streams),
            Work::Step { qubits, samples } => steps(qubits, samples, &streams),
            Work::Walk { qubits, samples } => walk::walks(qubits, samples, &streams),
        }
    }

    fn report(&self, rows: &[Row]) -> Result<Section, Error> {
        report(rows)
    }
}

/// A row; what does not apply stays empty.
#[derive(Default)]
struct Entry {
    kind: &'static str,
    subject: String,
    qubits: usize,
    samples: usize,
    quantity: String,
    value: f64,
    interval: Option<(f64, f64)>,
    reference: Option<f64>,
    reference_error: Option<f64>,
    effective_samples: Option<f64>,
    verdict: String,
}

impl Entry {
    fn cells(self) -> Vec<Cell> {
        let optional = |value: Option<f64>| value.map_or_else(|| Cell::Text(String::new()), Cell::Number);
        vec![
            Cell::Text(self.kind.to_owned()),
            Cell::Text(self.subject),
            Cell::Integer(self.qubits as u64),
            Cell::Integer(self.samples as u64),
            Cell::Text(self.quantity),
            Cell::Number(self.value),
            optional(self.interval.map(|(lower, _)| lower)),
            optional(self.interval.map(|(_, upper)| upper)),
            optional(self.reference),
            optional(self.reference_error),
            optional(self.effective_samples),
            Cell::Text(self.verdict),
        ]
    }

    fn read(at: usize, row: &[String]) -> Result<(String, Self), Error> {
        let fields = Fields::new(at, COLUMNS, row)?;
        let interval = fields.optional("lower")?.zip(fields.optional("upper")?);
        let entry = Self {
            kind: "",
            subject: fields.text("subject")?.to_owned(),
            qubits: fields.integer("qubits")? as usize,
            samples: fields.integer("samples")? as usize,
            quantity: fields.text("quantity")?.to_owned(),
            value: fields.number("value")?,
            interval,
            reference: fields.optional("reference")?,
            reference_error: fields.optional("reference_error")?,
            effective_samples: fields.optional("effective_samples")?,
            verdict: fields.text("verdict")?.to_owned(),
        };
        Ok((fields.text("kind")?.to_owned(), entry))
    }
}

fn bootstrap(kind: BootstrapKind) -> Bootstrap {
    Bootstrap { resamples: 2000, level: 0.95, kind }
}

fn variance(cost: Cost, qubits: usize, samples: usize, streams: &Streams) -> Result<Vec<Vec<Cell>>, Error> {
    let expectation = cost.expectation(qubits)?;
    let gradients = first_components(&expectation, samples, &mut streams.at(0).rng(Role::Start))?;
    // The mean is known to be 0, so the second moment is the variance.
    let estimate = VarianceEstimate::new(&gradients, Centre::Zero)?;
    let interval =
        estimate.bootstrap_interval(&bootstrap(BootstrapKind::Percentile), &mut streams.at(1).rng(Role::User(0)))?;
    let (exact, fourth) = (cost.gradient_variance(qubits), cost.gradient_fourth_moment(qubits));
    let reliability = estimate.reliability();
    Ok(vec![
        Entry {
            kind: "variance",
            subject: cost.name().to_owned(),
            qubits,
            samples,
            quantity: "Var dC/dtheta_1".to_owned(),
            value: estimate.value(),
            interval: Some((interval.interval.lower, interval.interval.upper)),
            reference: Some(exact),
            reference_error: Some(estimate.exact_standard_error(exact, fourth)?),
            effective_samples: Some(reliability.effective_samples),
            verdict: reliability.to_string(),
        }
        .cells(),
    ])
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|g| g * g).sum::<f64>().sqrt()
}

/// A uniformly random unit vector.
fn direction(dimension: usize, rng: &mut impl Rng) -> Vec<f64> {
    let raw: Vec<f64> = (0..dimension).map(|_| StandardNormal.sample(rng)).collect();
    let length = norm(&raw);
    raw.into_iter().map(|x| x / length).collect()
}

const MOVES: [&str; 3] = ["ascent", "kick", "descent"];

fn paths(qubits: usize, samples: usize, streams: &Streams) -> Result<Vec<Vec<Cell>>, Error> {
    let expectation = Cost::Global.expectation(qubits)?;
    let mut backend = StateVectorBackend::new();
    let mut ratios = [const { Vec::new() }; 3];
    for sample in 0..samples {
        let streams = streams.at(sample as u64);
        let mut rng = streams.rng(Role::Start);
        let start = uniform_angles(qubits, &mut rng);
        let before = gradient(&expectation, &start, &mut backend, &mut rng)?;
        let kick = direction(qubits, &mut streams.rng(Role::Direction));
        for (ratios, sign) in ratios.iter_mut().zip([1.0, 0.0, -1.0]) {
            let (mut theta, mut g) = (start.clone(), before.clone());
            for _ in 0..PATH_STEPS {
                let along = if sign == 0.0 { kick.clone() } else { g.iter().map(|x| sign * x / norm(&g)).collect() };
                theta.iter_mut().zip(&along).for_each(|(t, d)| *t += PATH_LENGTH / PATH_STEPS as f64 * d);
                g = gradient(&expectation, &theta, &mut backend, &mut rng)?;
            }
            ratios.push(norm(&g) / norm(&before));
        }
    }
    MOVES
        .iter()
        .zip(&ratios)
        .enumerate()
        .map(|(index, (name, ratios))| {
            let mut rng = streams.at(index as u64).rng(Role::User(0));
            let of =
                |units: &[usize]| median(&units.iter().map(|&i| ratios[i]).collect::<Vec<_>>()).unwrap_or(f64::NAN);
            let result = bootstrap(BootstrapKind::Percentile).interval(samples, &mut rng, of)?;
            Ok(Entry {
                kind: "path",
                subject: "global".to_owned(),
                qubits,
                samples,
                quantity: (*name).to_owned(),
                value: result.estimate,
                interval: Some((result.interval.lower, result.interval.upper)),
                ..Entry::default()
            }
            .cells())
        })
        .collect()
}

fn steps(qubits: usize, samples: usize, streams: &Streams) -> Result<Vec<Vec<Cell>>, Error> {
    let expectation = GroundState::ising(qubits, 1.0, 0.8, 3)?.expectation()?;
    let parameters = expectation.program().num_parameters();
    let mut backend = StateVectorBackend::new();
    let mut before = Vec::with_capacity(samples);
    let mut after = [const { Vec::new() }; 3];
    let square = |g: &[f64]| g.iter().map(|x| x * x).sum::<f64>();
    for sample in 0..samples {
        let streams = streams.at(sample as u64);
        let mut rng = streams.rng(Role::Start);
        let start = uniform_angles(parameters, &mut rng);
        let g = gradient(&expectation, &start, &mut backend, &mut rng)?;
        before.push(square(&g));
        let kick = direction(parameters, &mut streams.rng(Role::Direction));
        let moves = [
            g.iter().map(|x| STEP_RATE * x).collect::<Vec<_>>(),
            kick.iter().map(|d| STEP_RATE * norm(&g) * d).collect(),
            g.iter().map(|x| -STEP_RATE * x).collect(),
        ];
        for (after, by) in after.iter_mut().zip(moves) {
            let theta: Vec<f64> = start.iter().zip(by).map(|(t, d)| t + d).collect();
            after.push(square(&gradient(&expectation, &theta, &mut backend, &mut rng)?));
        }
    }
    MOVES
        .iter()
        .zip(&after)
        .enumerate()
        .map(|(index, (name, after))| {
            let mut rng = streams.at(index as u64).rng(Role::User(0));
            let ratio = |units: &[usize]| {
                let sum = |of: &[f64]| units.iter().map(|&i| of[i]).sum::<f64>();
                sum(after) / sum(&before)
            };
            let result = match bootstrap(BootstrapKind::Bca).interval(samples, &mut rng, ratio) {
                Err(StatsError::NoBca { .. }) => {
                    bootstrap(BootstrapKind::Percentile).interval(samples, &mut rng, ratio)?
                }
                other => other?,
            };
            Ok(Entry {
                kind: "step",
                subject: "tfim".to_owned(),
                qubits,
                samples,
                quantity: (*name).to_owned(),
                value: result.estimate,
                interval: Some((result.interval.lower, result.interval.upper)),
                ..Entry::default()
            }
            .cells())
        })
        .collect()
}

/// A measured ratio with its interval, for the claims.
pub(super) struct Ratio {
    pub(super) qubits: usize,
    pub(super) samples: usize,
    pub(super) quantity: String,
    pub(super) value: f64,
    pub(super) interval: (f64, f64),
}

/// The ratios of one kind (`path` or `step`).
pub(super) fn ratios(rows: &[Row], wanted: &str) -> Result<Vec<Ratio>, Error> {
    let mut found = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let (kind, entry) = Entry::read(at, row)?;
        if let (true, Some(interval)) = (kind == wanted, entry.interval) {
            let Entry { qubits, samples, quantity, value, .. } = entry;
            found.push(Ratio { qubits, samples, quantity, value, interval });
        }
    }
    Ok(found)
}

fn report(rows: &[Row]) -> Result<Section, Error> {
    let entries = rows.iter().enumerate().map(|(at, row)| Entry::read(at, row)).collect::<Result<Vec<_>, _>>()?;
    let of_kind = |wanted: &'static str| entries.iter().filter(move |(kind, _)| kind == wanted).map(|(_, entry)| entry);
    let mut section = Section {
        paragraphs: vec![
            "One RY per qubit, every angle independent and uniform; exact derivatives with respect to the first angle. The variances are \
             known for every n: (1/8)(3/8)^(n-1) for the global cost, 1/(8 n^2) for the local one."
                .to_owned(),
        ],
        ..Section::default()
    };
    let mut curves = Vec::new();
    for cost in [Cost::Global, Cost::Local] {
        let of_cost: Vec<&Entry> = of_kind("variance").filter(|entry| entry.subject == cost.name()).collect();
        let point = |entry: &Entry, y, interval| CurvePoint { x: entry.qubits as f64, y, interval };
        curves.push(Curve {
            label: format!("{} cost, measured", cost.name()),
            points: of_cost.iter().map(|e| point(e, e.value, e.interval)).collect(),
            style: CurveStyle::Measured,
        });
        curves.push(Curve {
            label: format!("{} cost, exact", cost.name()),
            points: of_cost.iter().filter_map(|e| Some(point(e, e.reference?, None))).collect(),
            style: CurveStyle::Reference,
        });
        let points = of_cost
            .iter()
            // The relative error from theory: taken from the measured value it would be small where that is too small.
            .filter_map(|e| DecayPoint::new(e.qubits as f64, e.value, e.value * e.reference_error? / e.reference?).ok())
            .collect::<Vec<_>>();
        let decay = compare_decay(&points)?;
        section.paragraphs.push(format!("{} cost: {decay}.", cost.name()));
    }
    let samples = of_kind("variance").map(|entry| entry.samples).max().unwrap_or(0);
    section.figures.push(Figure {
        name: format!("{PLATEAU}-variance"),
        title: "Variance of a gradient component on the product ansatz".to_owned(),
        caption: format!(
            "{samples} random points for each size; bars: 95 % percentile bootstrap, which is too short where few samples carry the sum \
             (see the table)."
        ),
        x: Axis { label: "qubits".to_owned(), logarithmic: false, categories: Vec::new() },
        y: Axis { label: "Var dC/dtheta_1".to_owned(), logarithmic: true, categories: Vec::new() },
        curves,
    });
    section.tables.push(variance_table(of_kind("variance")));
    section.tables.push(ratio_table(
        "Gradient norm after a path of 0.5 rad, relative to that before (global cost)",
        "Median over random points with 95 % percentile bootstrap interval. Ascent and descent follow the re-evaluated gradient in 10 \
         steps of fixed length, the kick a random direction. A ratio below 1 means that the plateau got flatter.",
        of_kind("path"),
    ));
    section.tables.push(ratio_table(
        "Mean squared gradient after one step with learning rate 0.1, relative to that before (Ising chain)",
        "Ratio of means over random points with 95 % bootstrap interval; 24 parameters at 4 qubits, 18 at 3. The kick has the length \
         of the ascent and a random direction.",
        of_kind("step"),
    ));
    section.tables.push(walk::table(of_kind("walk")));
    Ok(section)
}

fn variance_table<'a>(entries: impl Iterator<Item = &'a Entry>) -> Table {
    let rows = entries
        .map(|entry| {
            let (lower, upper) = entry.interval.unwrap_or((f64::NAN, f64::NAN));
            let (exact, error) = (entry.reference.unwrap_or(f64::NAN), entry.reference_error.unwrap_or(f64::NAN));
            vec![
                entry.subject.clone(),
                entry.qubits.to_string(),
                format!("{:.4e}", entry.value),
                format!("[{lower:.4e}, {upper:.4e}]"),
                format!("{exact:.4e}"),
                format!("{:+.2}", (entry.value - exact) / error),
                entry.verdict.clone(),
            ]
        })
        .collect();
    Table {
        title: "Measured and exact gradient variances".to_owned(),
        caption: "Deviation in standard errors of the second moment, taken from the closed-form fourth moment; the bootstrap interval \
                  knows only the samples, and the last column says how far it can be trusted."
            .to_owned(),
        columns: ["cost", "qubits", "variance", "bootstrap 95 %", "exact", "deviation (s.e.)", "reliability of the bootstrap"]
            .map(str::to_owned)
            .to_vec(),
        rows,
    }
}

fn ratio_table<'a>(title: &str, caption: &str, entries: impl Iterator<Item = &'a Entry>) -> Table {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for entry in entries {
        let (lower, upper) = entry.interval.unwrap_or((f64::NAN, f64::NAN));
        let cell = format!("{:.3} [{lower:.3}, {upper:.3}]", entry.value);
        match rows.last_mut() {
            Some(row) if row[0] == entry.qubits.to_string() => row.push(cell),
            _ => rows.push(vec![entry.qubits.to_string(), entry.samples.to_string(), cell]),
        }
    }
    Table {
        title: title.to_owned(),
        caption: caption.to_owned(),
        columns: ["qubits", "points", "ascent", "kick", "descent"].map(str::to_owned).to_vec(),
        rows,
    }
}
