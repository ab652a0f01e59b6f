//! The classification task against closed forms, dense circuits and its own bills.

use qgrad::Bill;
use qopt::{Answer, Objective, Query, Request};
use rand::Rng;

use super::*;

fn streams() -> Streams {
    Streams::new(2511, 3)
}

#[test]
fn the_exact_objective_is_the_assessed_loss_and_its_gradient() {
    let task = Classification::iris().expect("shipped data");
    let instance = task.instance(&streams()).expect("valid");
    let mut objective = instance.objective(&Readout::Exact).expect("valid");
    let theta = instance.start().to_vec();
    let mut answer = Answer::default();
    let step = streams().at(0);
    objective.evaluate(&theta, &Request::VALUE_AND_GRADIENT, &step, &mut answer).expect("runs");
    let loss = answer.value.expect("asked for").value;
    assert!((loss - instance.assess(&theta).expect("valid").loss).abs() < 1e-12);
    assert!(answer.reusable);
    for k in [0, 7, theta.len() - 1] {
        let moved = |by: f64| {
            let mut point = theta.clone();
            point[k] += by;
            instance.assess(&point).expect("valid").loss
        };
        let h = 1e-4;
        let numeric = (moved(h) - moved(-h)) / (2.0 * h);
        assert!((answer.gradient[k] - numeric).abs() < 1e-7, "component {k}");
    }
}

/// Counts what arrives, circuit by circuit and shot by shot.
struct Counting {
    inner: qgrad::StateVectorBackend,
    bill: std::sync::Arc<std::sync::Mutex<Bill>>,
}

impl Backend for Counting {
    fn run(&mut self, job: &qgrad::Job<'_>, rng: &mut dyn Rng) -> Result<qgrad::JobResult, qgrad::Error> {
        let groups = job.measurement.groups().len();
        let shots = (0..job.points.len() * groups).map(|circuit| match job.shots {
            qgrad::JobShots::Exact => 0,
            qgrad::JobShots::Each(shots) => shots,
            qgrad::JobShots::PerCircuit(shots) => shots[circuit],
        });
        *self.bill.lock().expect("one thread") += Bill::job((job.points.len() * groups) as u64, shots.sum());
        self.inner.run(job, rng)
    }
}

fn counted(shots: qgrad::Shots, batch: Option<usize>) -> (ClassificationObjective, impl Fn() -> Bill, Vec<f64>) {
    let task = Classification::iris().expect("shipped data");
    let circuit = task.circuit().expect("valid");
    let trained: Vec<_> = (4..circuit.parameters().len()).map(qcore::Param::new).collect();
    let bill = std::sync::Arc::new(std::sync::Mutex::new(Bill::ZERO));
    let backend = Counting { inner: qgrad::StateVectorBackend::new(), bill: bill.clone() };
    let objective = ClassificationObjective {
        expectation: Expectation::new(&circuit, vec!["Z0".parse().expect("valid")], &trained).expect("valid"),
        estimator: Box::new(qgrad::ParameterShift { shots }),
        backend: Box::new(backend),
        angles: (0..10).map(|k| (0..4).map(|q| 0.1 * f64::from(k) + 0.3 * f64::from(q)).collect()).collect(),
        labels: (0..10).map(|k| if k % 3 == 0 { -1.0 } else { 1.0 }).collect(),
        batch,
        all_data: false,
        chosen: Vec::new(),
        rows: Vec::new(),
        numbers: 1 << 20,
    };
    let theta = (0..trained.len()).map(|k| 0.2 + 0.31 * k as f64).collect();
    let taken = move || std::mem::take(&mut *bill.lock().expect("one thread"));
    (objective, taken, theta)
}

/// Several losses and single derivatives are those of single questions, and are billed as what runs.
#[test]
fn queries_equal_single_questions_and_are_billed_exactly() {
    let (mut objective, taken, theta) = counted(qgrad::Shots::Exact, Some(4));
    let (mut single, mut answer, step) = (Answer::default(), Answer::default(), streams().at(3));
    let points = [theta.clone(), theta.iter().map(|t| 0.9 * t).collect()].concat();
    objective.evaluate_query(&theta, &Query::Values { points: &points }, &step, &mut answer).expect("answered");
    assert_eq!((answer.bill, taken()), (Bill::job(8, 0).into(), Bill::job(8, 0)));
    assert_eq!(objective.price_query(&Query::Values { points: &points }), Some(answer.bill));
    for (point, loss) in points.chunks(theta.len()).zip(answer.values.clone()) {
        objective.evaluate(point, &Request::VALUE, &step, &mut single).expect("answered");
        assert!((single.value.expect("asked").value - loss.value).abs() < 1e-14);
    }
    objective.evaluate(&theta, &Request::VALUE_AND_GRADIENT, &step, &mut single).expect("answered");
    let _ = taken();
    let query = Query::Partials { value: true, components: &[20, 3, 11], shots: &[] };
    objective.evaluate_query(&theta, &query, &step, &mut answer).expect("answered");
    // A job of values before, then two circuits for each component and sample.
    assert_eq!(taken(), Bill { jobs: 2, ..Bill::job(4 + 4 * 6, 0) });
    assert_eq!(objective.price_query(&query), Some(answer.bill));
    assert_eq!(answer.bill, Bill { jobs: 2, ..Bill::job(28, 0) }.into());
    for (place, component) in [20, 3, 11].into_iter().enumerate() {
        assert!((answer.gradient[place] - single.gradient[component]).abs() < 1e-14);
    }
    assert!((answer.value.expect("asked").value - single.value.expect("asked").value).abs() < 1e-14);
}

/// From shots of their own: unbiased within 4 standard errors of the mean over 400 repetitions, and billed exactly.
#[test]
fn single_derivatives_have_shots_of_their_own() {
    let (mut exact, _, theta) = counted(qgrad::Shots::Exact, None);
    let mut answer = Answer::default();
    exact.evaluate(&theta, &Request::GRADIENT, &streams().at(0), &mut answer).expect("answered");
    let expected = [answer.gradient[5], answer.gradient[16]];
    let (mut objective, taken, _) = counted(qgrad::Shots::PerCircuit(9), None);
    let query = Query::Partials { value: true, components: &[5, 16], shots: &[20, 35] };
    let repetitions = 400;
    let (mut sums, mut squares, mut claimed) = ([0.0; 2], [0.0; 2], [0.0; 2]);
    for step in 0..repetitions {
        objective.evaluate_query(&theta, &query, &streams().at(step), &mut answer).expect("answered");
        let bill = Bill { jobs: 2, ..Bill::job(10 + 10 * 4, 10 * (35 + 2 * 20 + 2 * 35)) };
        assert_eq!((taken(), answer.bill), (bill, bill.into()));
        assert_eq!(objective.price_query(&query), Some(answer.bill));
        for k in 0..2 {
            let off = answer.gradient[k] - expected[k];
            sums[k] += off;
            squares[k] += off * off;
            claimed[k] += answer.gradient_std_errors[k].powi(2);
        }
    }
    let n = repetitions as f64;
    for k in 0..2 {
        let variance = squares[k] / n;
        assert!((sums[k] / n).abs() < 4.0 * (variance / n).sqrt(), "component {k}: bias {}", sums[k] / n);
        let ratio = claimed[k] / n / variance;
        assert!((0.75..1.4).contains(&ratio), "component {k}: claimed/found variance {ratio}");
    }
}

/// Theta and its probe candidate see the same samples; another step sees others.
#[test]
fn a_step_has_one_minibatch_for_all_its_queries() {
    let task = Classification::breast_cancer().expect("shipped data");
    let instance = task.instance(&streams()).expect("valid");
    let readout = Readout::device("edge-gateway", 50).expect("shipped");
    let mut objective = ClassificationObjective {
        expectation: Expectation::new(&task.circuit().expect("valid"), vec!["Z0".parse().expect("valid")], &[])
            .expect("valid"),
        estimator: readout.reader().expect("valid").0,
        backend: readout.reader().expect("valid").1,
        angles: vec![vec![]; 64],
        labels: vec![1.0; 64],
        batch: Some(8),
        all_data: false,
        chosen: Vec::new(),
        rows: Vec::new(),
        numbers: 1 << 20,
    };
    let mut batch = |step, query| {
        objective.choose(&streams().at(step).with_query(query));
        objective.chosen.clone()
    };
    let first = batch(4, 0);
    assert_eq!(first.len(), 8);
    assert_eq!(first, batch(4, 1));
    assert_ne!(first, batch(5, 0));
    let mut sorted = first.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), 8, "drawn without replacement");
    drop(instance);
}

/// All shipped tasks start with a loss in range; the parity of all qubits is another function of the same circuit; qubits beyond
/// the features see them again; the amount of rain is no feature.
#[test]
fn shipped_tasks_are_what_they_say() {
    let tasks = [Classification::moons(), Classification::seattle_weather(), Classification::breast_cancer()];
    for task in tasks {
        let task = task.expect("shipped data");
        let parity = task.clone().with_parity();
        assert_eq!(parity.name(), format!("{}-parity", task.name()));
        let (local, global) = (task.instance(&streams()), parity.instance(&streams()));
        let (local, global) = (local.expect("valid"), global.expect("valid"));
        assert_eq!(local.start(), global.start());
        let losses = [local.loss(local.start()).expect("runs"), global.loss(global.start()).expect("runs")];
        assert!(losses.iter().all(|loss| (0.0..=4.0).contains(loss)));
        assert!((losses[0] - losses[1]).abs() > 1e-3, "{losses:?}");
        assert_eq!(local.assess(local.start()).expect("runs").loss, losses[0]);
    }
    let weather = Classification::seattle_weather().expect("shipped data").data;
    assert_eq!((weather.len(), weather.feature_count()), (259 + 714, 4));
    assert!(!weather.feature_names().iter().any(|name| name == "precipitation_mm"));
    let with = Dataset::seattle_weather();
    assert_eq!(with.row(0)[2..], with.clone().without("precipitation_mm").expect("there").row(0)[1..]);
    assert!(with.without("sunshine").is_err());
}

/// A feature that does not vary, in all samples or in the part for training, takes no qubit.
#[test]
fn features_that_do_not_vary_are_no_directions() {
    let table = |feature: &dyn Fn(usize) -> f64| {
        let row = |k: usize| format!("{},{},{},{}\n", k as f64, (k as f64).sin(), feature(k), ["a", "b"][k % 2]);
        let text = format!("x,y,z,class\n{}", (0..20).map(row).collect::<String>());
        Classification::new("own", Dataset::from_table("own", &text, None).expect("valid"), 3, 1, 12, 4).expect("valid")
    };
    let start = |task: &Classification, seed: u64| {
        let instance = task.instance(&Streams::new(seed, 1))?;
        instance.loss(instance.start())
    };
    for seed in 0..8 {
        for feature in [&(|_| 3.0) as &dyn Fn(usize) -> f64, &|k| f64::from(k == 7)] {
            let loss = start(&table(feature), seed).expect("two directions are enough");
            assert!((0.0..=4.0).contains(&loss), "{loss}");
        }
    }
    let text = format!("x,class\n{}", (0..20).map(|k| format!("1,{}\n", ["a", "b"][k % 2])).collect::<String>());
    let flat = Dataset::from_table("flat", &text, None).expect("valid");
    let flat = Classification::new("flat", flat, 2, 1, 12, 4).expect("valid");
    assert!(start(&flat, 0).is_err(), "nothing varies");
}

/// The loss from shots is unbiased and its error bar describes its scatter.
#[test]
fn the_loss_from_shots_is_unbiased_with_an_honest_error() {
    let task = Classification::iris().expect("shipped data");
    let instance = task.instance(&streams()).expect("valid");
    let theta = instance.start().to_vec();
    let exact = instance.assess(&theta).expect("valid").loss;
    let repetitions = 400;
    let (mut sum, mut squares, mut claimed) = (0.0, 0.0, 0.0);
    for query in 0..repetitions {
        // A new device for each: the budget is not what is tested here.
        let mut objective = instance.objective(&Readout::device("field-hub", 50).expect("shipped")).expect("valid");
        objective.use_all_data(true);
        let mut answer = Answer::default();
        let step = streams().at(1).with_query(query);
        objective.evaluate(&theta, &Request::VALUE, &step, &mut answer).expect("runs");
        let loss = answer.value.expect("asked for");
        sum += loss.value - exact;
        squares += (loss.value - exact).powi(2);
        claimed += loss.std_error * loss.std_error;
    }
    let n = f64::from(repetitions);
    let variance = squares / n;
    // The rule of succession takes about 2/50 of the noise of 1/50 per sample too much off: allow for that bias.
    assert!((sum / n).abs() < 4.0 * (variance / n).sqrt() + 0.04 / 50.0, "bias {}", sum / n);
    assert!((claimed / n / variance - 1.0).abs() < 4.5 * (2.0 / n).sqrt() + 0.04, "ratio {}", claimed / n / variance);
}

#[test]
fn baselines_stand_on_the_same_split() {
    let instance = Classification::iris().expect("shipped data").instance(&streams()).expect("valid");
    let baselines = instance.baselines().expect("fits");
    assert_eq!(baselines[0].0, "majority-class");
    // 30 of 60: the better class is right half the time.
    assert_eq!(baselines[0].1.accuracy, Some(0.5));
    assert!(baselines[1].1.test_accuracy.expect("there is a test part") > 0.85);
    assert!(baselines[1].1.loss < baselines[0].1.loss);
}

/// The largest job that arrives, in points.
struct Largest {
    inner: qgrad::StateVectorBackend,
    rows: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl Backend for Largest {
    fn run(&mut self, job: &qgrad::Job<'_>, rng: &mut dyn Rng) -> Result<qgrad::JobResult, qgrad::Error> {
        self.rows.fetch_max(job.points.len(), std::sync::atomic::Ordering::Relaxed);
        self.inner.run(job, rng)
    }
}

/// Exact losses of many points are simulated in pieces, with the bytes, the order and the bill of one piece; those from shots are one
/// job.
#[test]
fn exact_losses_of_many_points_are_taken_in_pieces() {
    let (points, step) = (1000, streams().at(2));
    let losses = |exact: bool, numbers: usize, samples: usize| {
        let (objective, _, theta) =
            counted(if exact { qgrad::Shots::Exact } else { qgrad::Shots::PerCircuit(3) }, None);
        let rows = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let backend: Box<dyn Backend> =
            Box::new(Largest { inner: qgrad::StateVectorBackend::new(), rows: rows.clone() });
        let mut objective = ClassificationObjective {
            angles: objective.angles[..samples].to_vec(),
            labels: objective.labels[..samples].to_vec(),
            backend,
            numbers,
            ..objective
        };
        let all: Vec<f64> =
            (0..points).flat_map(|k| theta.iter().map(move |t| t * (1.0 + 0.01 * f64::from(k)))).collect();
        let mut answer = Answer::default();
        let query = Query::Values { points: &all };
        objective.evaluate_query(&theta, &query, &step, &mut answer).expect("answered");
        assert_eq!(Some(answer.bill), objective.price_query(&query));
        assert_eq!(answer.values.len(), points as usize);
        let bits: Vec<[u64; 2]> =
            answer.values.iter().map(|loss| [loss.value.to_bits(), loss.std_error.to_bits()]).collect();
        // What is kept between calls is of one piece.
        (bits, answer.reusable, rows.load(std::sync::atomic::Ordering::Relaxed), objective.rows.len())
    };
    for samples in [1, 2, 3, 7, 10] {
        for exact in [true, false] {
            let (whole, reusable, _, _) = losses(exact, usize::MAX, samples);
            let (pieces, reusable_in_pieces, largest, kept) = losses(exact, 1 << 12, samples);
            assert_eq!((&pieces, reusable), (&whole, reusable_in_pieces), "{samples} samples, exact: {exact}");
            let width = 4 + 25;
            let is_cut = exact && samples >= 3;
            let at_a_time = if is_cut { ((1 << 12) / (width * samples)).max(64) } else { points as usize };
            assert!(kept < 2 * at_a_time * samples * width && largest < 2 * at_a_time * samples, "{largest} {kept}");
        }
    }
}

/// The same by the adjoint estimator on the simulator's own shortcuts.
#[test]
fn exact_losses_of_many_points_do_not_depend_on_the_pieces() {
    let task = Classification::iris().expect("shipped data");
    let fitted = task.fitted(&streams()).expect("valid");
    let theta = fitted.start.clone();
    let all: Vec<f64> = (0..700).flat_map(|k| theta.iter().map(move |t| t + 0.003 * f64::from(k))).collect();
    let losses = |numbers: usize, samples: usize| {
        let chosen: Vec<usize> = (0..samples).collect();
        let (estimator, backend) = Readout::Exact.reader().expect("valid");
        let mut objective = fitted.objective_on(&fitted.train.only(&chosen), None, estimator, backend);
        objective.numbers = numbers;
        let mut answer = Answer::default();
        let query = Query::Values { points: &all };
        objective.evaluate_query(&theta, &query, &streams().at(0), &mut answer).expect("answered");
        assert_eq!(Some(answer.bill), objective.price_query(&query));
        answer.values.iter().map(|loss| loss.value.to_bits()).collect::<Vec<_>>()
    };
    for samples in [1, 2, 3, 5, 60] {
        assert_eq!(losses(0, samples), losses(usize::MAX, samples), "{samples} samples");
    }
}
