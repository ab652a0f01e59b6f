//! What several tests share: a dense 4-qubit simulator as an exact objective, and small objectives with and without
//! noise.
#![allow(dead_code, reason = "each test uses a part of it")]

pub(crate) mod waves;

use qopt::{
    Answer, Axis, Bill, Budget, Estimate, Method, Objective, ObjectiveError, Observation, Query, Request, Role, Runner,
    StepStreams, Streams, UpdateRule,
};
use rand::{Rng, RngExt};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

pub(crate) const QUBITS: usize = 4;
pub(crate) const LAYERS: usize = 3;
pub(crate) const PARAMETERS: usize = 2 * QUBITS * LAYERS;
const STATES: usize = 1 << QUBITS;

/// The open transverse-field Ising chain of the reference trajectories: H = -sum Z_i Z_(i+1) - 0.8 sum X_i, on layers
/// of RY, RZ and CZ.
///
/// A state is two arrays, real and imaginary parts; qubit 0 is the lowest bit.
pub(crate) struct Ising {
    /// Loss evaluations asked for.
    pub(crate) losses: u64,
    /// Gradient evaluations asked for.
    pub(crate) gradients: u64,
}

impl Ising {
    pub(crate) fn new() -> Self {
        Self { losses: 0, gradients: 0 }
    }

    /// (0.1 + 0.37 k) mod 2 pi.
    pub(crate) fn start() -> Vec<f64> {
        (0..PARAMETERS).map(|k| (0.1 + 0.37 * k as f64) % std::f64::consts::TAU).collect()
    }

    /// The state, real and imaginary parts.
    pub(crate) fn state(theta: &[f64]) -> [[f64; STATES]; 2] {
        let mut re = [0.0; STATES];
        let mut im = [0.0; STATES];
        re[0] = 1.0;
        for layer in 0..LAYERS {
            for qubit in 0..QUBITS {
                let at = 2 * (QUBITS * layer + qubit);
                rotate_y(&mut re, qubit, theta[at]);
                rotate_y(&mut im, qubit, theta[at]);
                rotate_z(&mut re, &mut im, qubit, theta[at + 1]);
            }
            for index in 0..STATES {
                let negative = (0..QUBITS - 1).filter(|q| (index >> q) & 3 == 3).count() % 2 == 1;
                if negative {
                    re[index] = -re[index];
                    im[index] = -im[index];
                }
            }
        }
        [re, im]
    }

    pub(crate) fn energy(theta: &[f64]) -> f64 {
        let [re, im] = Self::state(theta);
        let mut energy = 0.0;
        for index in 0..STATES {
            let weight = re[index] * re[index] + im[index] * im[index];
            for q in 0..QUBITS - 1 {
                let equal = (index >> q) & 1 == (index >> (q + 1)) & 1;
                energy -= if equal { weight } else { -weight };
            }
            for q in 0..QUBITS {
                let flipped = index ^ (1 << q);
                energy -= 0.8 * (re[index] * re[flipped] + im[index] * im[flipped]);
            }
        }
        energy
    }

    /// Parameter shift: (E(theta + pi/2 e_k) - E(theta - pi/2 e_k)) / 2.
    pub(crate) fn gradient(theta: &[f64], gradient: &mut Vec<f64>) {
        let mut shifted = theta.to_vec();
        for k in 0..theta.len() {
            shifted[k] = theta[k] + std::f64::consts::FRAC_PI_2;
            let plus = Self::energy(&shifted);
            shifted[k] = theta[k] - std::f64::consts::FRAC_PI_2;
            let minus = Self::energy(&shifted);
            shifted[k] = theta[k];
            gradient.push((plus - minus) / 2.0);
        }
    }
}

/// exp(-i t Y / 2): real, so it acts on real and imaginary parts alike.
fn rotate_y(part: &mut [f64; STATES], qubit: usize, t: f64) {
    let (sin, cos) = (t / 2.0).sin_cos();
    for low in (0..STATES).filter(|index| index & (1 << qubit) == 0) {
        let high = low | 1 << qubit;
        let (a, b) = (part[low], part[high]);
        part[low] = cos * a - sin * b;
        part[high] = sin * a + cos * b;
    }
}

/// exp(-i t Z / 2).
fn rotate_z(re: &mut [f64; STATES], im: &mut [f64; STATES], qubit: usize, t: f64) {
    for index in 0..STATES {
        let sign = if index & (1 << qubit) == 0 { -1.0 } else { 1.0 };
        let (sin, cos) = (sign * t / 2.0).sin_cos();
        let (a, b) = (re[index], im[index]);
        re[index] = cos * a - sin * b;
        im[index] = sin * a + cos * b;
    }
}

impl Objective for Ising {
    fn dimension(&self) -> usize {
        PARAMETERS
    }

    fn price(&self, request: &Request) -> Bill {
        exact_price(PARAMETERS, request)
    }

    fn evaluate(
        &mut self,
        theta: &[f64],
        request: &Request,
        _streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        answer.clear();
        if request.value {
            answer.value = Some(Estimate::exact(Self::energy(theta)));
            self.losses += 1;
        }
        if request.gradient {
            Self::gradient(theta, &mut answer.gradient);
            answer.gradient_std_errors.resize(PARAMETERS, 0.0);
            self.gradients += 1;
        }
        answer.bill = self.price(request);
        answer.reusable = true;
        Ok(())
    }

    fn loss_scale(&self) -> f64 {
        3.0 + 4.0 * 0.8
    }
}

/// One circuit for a loss, 2P for a gradient, all in one job.
pub(crate) fn exact_price(dimension: usize, request: &Request) -> Bill {
    let circuits = u64::from(request.value) + if request.gradient { 2 * dimension as u64 } else { 0 };
    Bill { jobs: 1, circuits, ..Bill::ZERO }
}

/// L(theta) = sum_k c_k theta_k^2 / 2 with Gaussian noise on loss and gradient, from the streams.
#[derive(Clone)]
pub(crate) struct Quadratic {
    pub(crate) curvatures: Vec<f64>,
    /// Standard error of the loss.
    pub(crate) loss_noise: f64,
    /// Standard error of each component of the gradient.
    pub(crate) gradient_noise: f64,
    pub(crate) shots: u64,
    /// What was asked for, in order: (step, query, request, bits of theta[0]).
    pub(crate) log: Vec<(u64, u32, Request, u64)>,
    pub(crate) keep_log: bool,
    /// Refuses once this many queries were answered.
    pub(crate) refuse_after: Option<u64>,
    pub(crate) answered: u64,
}

impl Quadratic {
    pub(crate) fn exact(curvatures: &[f64]) -> Self {
        Self::noisy(curvatures, 0.0, 0.0, 0)
    }

    pub(crate) fn noisy(curvatures: &[f64], loss_noise: f64, gradient_noise: f64, shots: u64) -> Self {
        Self {
            curvatures: curvatures.to_vec(),
            loss_noise,
            gradient_noise,
            shots,
            log: Vec::new(),
            keep_log: false,
            refuse_after: None,
            answered: 0,
        }
    }

    pub(crate) fn logging(mut self) -> Self {
        self.keep_log = true;
        self
    }
}

impl Objective for Quadratic {
    fn dimension(&self) -> usize {
        self.curvatures.len()
    }

    fn price(&self, request: &Request) -> Bill {
        let exact = exact_price(self.dimension(), request);
        Bill { shots: exact.circuits * self.shots, seconds: 0.25 * exact.circuits as f64, ..exact }
    }

    fn evaluate(
        &mut self,
        theta: &[f64],
        request: &Request,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        answer.clear();
        if self.refuse_after == Some(self.answered) {
            return Err(ObjectiveError::Exhausted { what: "shot quota".to_owned() });
        }
        self.answered += 1;
        if self.keep_log {
            self.log.push((streams.step(), streams.query(), *request, theta[0].to_bits()));
        }
        let mut rng = streams.rng(Role::Shots);
        let mut noise = || gaussian(rng.random(), rng.random());
        if request.value {
            let loss = theta.iter().zip(&self.curvatures).map(|(t, c)| c * t * t / 2.0).sum::<f64>();
            answer.value = Some(Estimate { value: loss + self.loss_noise * noise(), std_error: self.loss_noise });
        }
        if request.gradient {
            for (t, c) in theta.iter().zip(&self.curvatures) {
                answer.gradient.push(c * t + self.gradient_noise * noise());
                answer.gradient_std_errors.push(self.gradient_noise);
            }
        }
        if request.metric {
            let dimension = theta.len();
            answer.metric.resize(dimension * dimension, 0.0);
            for (k, c) in self.curvatures.iter().enumerate() {
                answer.metric[k * dimension + k] = c.abs();
            }
        }
        answer.bill = self.price(request);
        answer.reusable = self.loss_noise == 0.0;
        Ok(())
    }

    fn price_query(&self, query: &Query<'_>) -> Option<Bill> {
        let dimension = self.dimension();
        let circuits = match query {
            Query::Point(request) => return Some(self.price(request)),
            Query::Values { points } | Query::AxisValues { points, .. } => points.len() / dimension,
            Query::Fidelities { others } => others.len() / dimension,
            Query::Partials { value, components, shots: [] } => 2 * components.len() + usize::from(*value),
            Query::Partials { value, components, shots } => {
                let extra = if *value { shots.iter().copied().max().unwrap_or(0) } else { 0 };
                let circuits = (2 * components.len() + usize::from(*value)) as u64;
                let shots = 2 * shots.iter().sum::<u64>() + extra;
                return Some(Bill { jobs: 1, circuits, shots, seconds: 0.25 * circuits as f64, joules: 0.0 });
            }
            _ => return None,
        } as u64;
        let shots = circuits * self.shots;
        Some(Bill { jobs: 1, circuits, shots, seconds: 0.25 * circuits as f64, joules: 0.0 })
    }

    fn evaluate_query(
        &mut self,
        theta: &[f64],
        query: &Query<'_>,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        if let Query::Point(request) = query {
            return self.evaluate(theta, request, streams, answer);
        }
        answer.clear();
        if self.refuse_after == Some(self.answered) {
            return Err(ObjectiveError::Exhausted { what: "shot quota".to_owned() });
        }
        self.answered += 1;
        let mut rng = streams.rng(Role::Shots);
        let spread = self.loss_noise;
        let mut estimate = |value: f64| Estimate { value: value + spread * noise_of(&mut rng), std_error: spread };
        let loss = |theta: &[f64]| theta.iter().zip(&self.curvatures).map(|(t, c)| c * t * t / 2.0).sum::<f64>();
        match query {
            Query::Values { points } => {
                answer.values.extend(points.chunks(theta.len()).map(|point| estimate(loss(point))));
            }
            Query::Fidelities { others } => {
                let overlap = |other: &[f64]| {
                    theta.iter().zip(other).map(|(x, y)| ((x - y) / 2.0).cos().powi(2)).product::<f64>()
                };
                answer.values.extend(others.chunks(theta.len()).map(|other| estimate(overlap(other))));
            }
            Query::AxisValues { points, axes } => {
                for (point, axes) in points.chunks(theta.len()).zip(axes.chunks(theta.len())) {
                    let terms = point.iter().zip(axes).zip(&self.curvatures).map(|((t, axis), c)| match axis {
                        Axis::X => c * (1.0 - t.cos()),
                        Axis::Y => c * (1.0 - t.cos() + 0.5 * t.sin()),
                        Axis::Z => 0.5 * c * t.sin(),
                    });
                    answer.values.push(estimate(terms.sum()));
                }
            }
            Query::Partials { value, components, shots } => {
                if *value {
                    answer.value = Some(estimate(loss(theta)));
                }
                for (place, &k) in components.iter().enumerate() {
                    let ratio = shots.get(place).map_or(1.0, |&shots| self.shots as f64 / shots as f64);
                    let std_error = self.gradient_noise * ratio.sqrt();
                    answer.gradient.push(self.curvatures[k] * theta[k] + std_error * noise_of(&mut rng));
                    answer.gradient_std_errors.push(std_error);
                }
            }
            _ => return Err(ObjectiveError::Unsupported { what: query.name() }),
        }
        answer.bill = self.price_query(query).expect("it has just been answered");
        answer.reusable = self.loss_noise == 0.0;
        Ok(())
    }
}

fn noise_of(rng: &mut impl Rng) -> f64 {
    gaussian(rng.random(), rng.random())
}

/// A standard normal number from two uniform ones.
pub(crate) fn gaussian(first: f64, second: f64) -> f64 {
    (-2.0 * (1.0 - first).ln()).sqrt() * (std::f64::consts::TAU * second).cos()
}

/// What a run did, iteration by iteration.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Trace {
    pub(crate) losses: Vec<f64>,
    pub(crate) events: String,
    pub(crate) lengths: Vec<f64>,
    pub(crate) points: Vec<Vec<f64>>,
    pub(crate) last: Vec<f64>,
    pub(crate) ascents: u64,
    pub(crate) probes: u64,
    pub(crate) kicks: u64,
}

/// Runs a method for a number of iterations.
pub(crate) fn trace(
    method: &mut dyn Method,
    objective: &mut dyn Objective,
    streams: Streams,
    iterations: u64,
) -> Trace {
    let mut trace = Trace::default();
    let mut record = |observation: &Observation<'_>| {
        let report = observation.report;
        trace.losses.push(report.loss.expect("all methods track the loss").value);
        trace.events.push(report.event.letter());
        trace.lengths.push(report.step_length);
        trace.points.push(observation.theta.to_vec());
        (trace.ascents, trace.probes, trace.kicks) = (report.ascents, report.probes, report.kicks);
        ControlFlow::Continue(())
    };
    let outcome = Runner::new(method, objective, streams)
        .budget(Budget::of_iterations(iterations))
        .observe(&mut record)
        .run()
        .expect("the objective answers");
    trace.last = outcome.last;
    trace
}

/// Whether a method of [`shipped`] has a trigger.
pub(crate) fn has_trigger(name: &str) -> bool {
    !name.starts_with("descent") && !name.starts_with("direct")
}

/// A method that says of which type it is. Call it on the method, not on the box around it.
pub(crate) trait TypedMethod: Method {
    fn type_name(&self) -> &'static str;
}

impl<M: Method> TypedMethod for M {
    fn type_name(&self) -> &'static str {
        std::any::type_name::<M>()
    }
}

/// The same for rules.
pub(crate) trait TypedRule: UpdateRule {
    fn type_name(&self) -> &'static str;
}

impl<R: UpdateRule> TypedRule for R {
    fn type_name(&self) -> &'static str {
        std::any::type_name::<R>()
    }
}

/// The types for which the sources of the crate implement a trait, without the blanket implementation for boxes.
pub(crate) fn implementors(of: &str) -> BTreeSet<String> {
    fn visit(folder: &Path, implements: &str, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, implements, found);
            } else {
                let text = std::fs::read_to_string(&path).unwrap();
                let headers = text.lines().filter(|line| line.starts_with("impl"));
                for (_, rest) in headers.filter_map(|line| line.split_once(implements)) {
                    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
                    found.insert(rest.chars().take_while(|&letter| is_part(letter)).collect());
                }
            }
        }
    }
    let mut found = BTreeSet::new();
    visit(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &format!(" {of} for "), &mut found);
    assert!(found.remove("Box"), "boxes are left out: {found:?}");
    found
}

/// Those of the types that occur in none of the names, which may be nested: `a::Descent<b::Adam>` holds both.
pub(crate) fn missing(types: BTreeSet<String>, names: &[&str]) -> Vec<String> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let present: BTreeSet<&str> = names.iter().flat_map(|name| name.split(|letter| !is_part(letter))).collect();
    types.into_iter().filter(|wanted| !present.contains(wanted.as_str())).collect()
}

/// A maker of a method, so that a run can be repeated and resumed with a fresh one.
pub(crate) type Make = fn() -> Box<dyn TypedMethod>;

/// Every shipped method, around every shipped rule at least once, with settings that make it do all it can within some
/// 30 iterations of a noisy quadratic of three parameters. A type that is forgotten fails a test of the conformance checks.
pub(crate) fn shipped() -> Vec<(&'static str, Make)> {
    use qopt::{
        AdaGrad, Adam, AdamW, AdaptiveShots, AdaptiveShotsConfig, AdaptiveStep, AdaptiveStepConfig, Allocation, Along,
        AmsGrad, Chain, Clip, Clipped, CmaEs, CmaEsConfig, Control, Decay, Descent, Displacement, Interval, Lion,
        Momentum, NAdam, NaturalGradient, Nesterov, NormalizedGradient, Periodic, PeriodicConfig, PostHoc,
        PostHocConfig, Probe, ProbeConfig, Random, RandomConfig, RandomCoordinate, RandomCoordinateConfig,
        RecordedTrigger, Replay, Restart, RestartConfig, RmsProp, Rotoselect, RotoselectConfig, Rotosolve, Schedule,
        Scheduled, ScreenedDescent, ScreenedDescentConfig, SecondOrderSpsa, SecondOrderSpsaConfig, Sgd, SignDescent,
        Spsa, SpsaConfig, Stage, Stall, StallConfig, StallCurvature, StallCurvatureConfig, StopCondition, from_fn,
    };
    const START: [f64; 3] = [1.0, -0.5, 0.25];
    fn adam() -> Box<dyn UpdateRule> {
        Box::new(Adam::new(0.2).unwrap())
    }
    fn screened(points: usize) -> ScreenedDescentConfig {
        ScreenedDescentConfig::new(points, vec![Interval { low: -1.0, high: 1.0 }; 3])
    }
    vec![
        ("descent, sgd", || Box::new(Descent::new(Sgd::new(0.1).unwrap(), &START).unwrap())),
        ("descent, natural gradient", || {
            Box::new(Descent::new(NaturalGradient::new(0.1, 0.01).unwrap(), &START).unwrap())
        }),
        ("probe, adam", || Box::new(Probe::new(ProbeConfig::exact(), adam(), &START).unwrap())),
        ("probe, momentum, kick", || {
            let config = ProbeConfig { control: Control::Kick, ..ProbeConfig::shots() };
            Box::new(Probe::new(config, Momentum::new(0.3).unwrap(), &START).unwrap())
        }),
        ("probe, rmsprop, stay", || {
            let config = ProbeConfig { control: Control::Stay, ..ProbeConfig::exact() };
            Box::new(Probe::new(config, RmsProp::new(0.3).unwrap(), &START).unwrap())
        }),
        ("adaptive step", || Box::new(AdaptiveStep::new(AdaptiveStepConfig::new(0.0), adam(), &START).unwrap())),
        ("periodic", || {
            let config = PeriodicConfig { descents: 3, ..PeriodicConfig::new(20) };
            Box::new(Periodic::new(config, adam(), &START).unwrap())
        }),
        ("random", || {
            let config = RandomConfig { probability: 0.5, ..RandomConfig::new(20) };
            Box::new(Random::new(config, adam(), &START).unwrap())
        }),
        ("post-hoc", || Box::new(PostHoc::new(PostHocConfig::default(), adam(), &START).unwrap())),
        ("stall", || {
            let config = StallConfig { window: 3, ..StallConfig::default() };
            Box::new(Stall::new(config, adam(), &START).unwrap())
        }),
        ("stall, kick, no revert", || {
            let config =
                StallConfig { window: 3, cooldown: 6, revert: false, control: Control::Kick, ..StallConfig::default() };
            Box::new(Stall::new(config, adam(), &START).unwrap())
        }),
        ("stall-curvature", || {
            let config = StallCurvatureConfig { window: 3, ..StallCurvatureConfig::default() };
            Box::new(StallCurvature::new(config, adam(), &START).unwrap())
        }),
        ("restart", || {
            let start = RestartConfig::uniform(Interval { low: -1.0, high: 1.0 }, 3);
            let config = RestartConfig { window: 3, cooldown: 0, ..start };
            Box::new(Restart::new(config, adam(), &START).unwrap())
        }),
        ("descent, nesterov", || Box::new(Descent::new(Nesterov::new(0.05).unwrap(), &START).unwrap())),
        ("descent, adagrad", || Box::new(Descent::new(AdaGrad::new(0.3).unwrap(), &START).unwrap())),
        ("descent, amsgrad", || Box::new(Descent::new(AmsGrad::new(0.2).unwrap(), &START).unwrap())),
        ("descent, adamw", || Box::new(Descent::new(AdamW::new(0.2).unwrap(), &START).unwrap())),
        ("descent, nadam", || Box::new(Descent::new(NAdam::new(0.2).unwrap(), &START).unwrap())),
        ("descent, lion", || Box::new(Descent::new(Lion::new(0.1).unwrap(), &START).unwrap())),
        ("descent, signs", || Box::new(Descent::new(SignDescent::new(0.1).unwrap(), &START).unwrap())),
        ("descent, normalized", || Box::new(Descent::new(NormalizedGradient::new(0.1).unwrap(), &START).unwrap())),
        ("descent, clipped, scheduled", || {
            let rule = Clipped::new(Momentum::new(0.1).unwrap(), Clip::Norm(0.5)).unwrap();
            let schedule = Schedule { warm_up: 3, decay: Decay::Cosine { period: 20, floor: 0.1 } };
            Box::new(Descent::new(Scheduled::new(rule, schedule).unwrap(), &START).unwrap())
        }),
        ("descent, closure", || {
            let rule = from_fn(|context, step| step.iter_mut().zip(context.gradient).for_each(|(u, g)| *u = 0.1 * g));
            Box::new(Descent::new(rule, &START).unwrap())
        }),
        ("screened", || Box::new(ScreenedDescent::new(screened(40), Adam::new(0.2).unwrap(), &START).unwrap())),
        ("screened, no annealing", || {
            let config = ScreenedDescentConfig { anneal: false, reduction: 2, ..screened(9) };
            Box::new(ScreenedDescent::new(config, Momentum::new(0.05).unwrap(), &START).unwrap())
        }),
        ("screened, natural gradient", || {
            let rule = NaturalGradient::new(0.1, 0.01).unwrap();
            Box::new(ScreenedDescent::new(screened(6), rule, &START).unwrap())
        }),
        ("descent, annealing without screening", || {
            Box::new(ScreenedDescent::new(screened(1), adam(), &START).unwrap())
        }),
        ("replay", || {
            let triggers = vec![RecordedTrigger::new(3, 0.2), RecordedTrigger::new(9, 0.1)];
            let along = Along::Step { probe: true };
            Box::new(Replay::new(triggers, along, Control::Kick, adam(), &START).unwrap())
        }),
        ("replay of reverts and signs", || {
            let how = |how, step| RecordedTrigger { how, ..RecordedTrigger::new(step, 0.2) };
            let triggers = vec![
                how(Displacement::ByCurvature { descends: true }, 3),
                how(Displacement::ByCurvature { descends: false }, 4),
                how(Displacement::FromBest, 9),
                how(Displacement::Plain, 10),
                how(Displacement::FromBest, 17),
            ];
            Box::new(Replay::new(triggers, Along::Gradient, Control::Ascend, adam(), &START).unwrap())
        }),
        ("chain", || {
            let stages = vec![
                Stage::new(|theta| Ok(Box::new(Spsa::new(SpsaConfig::new(0.1, 30), theta)?)))
                    .until(StopCondition::Iterations { count: 7 })
                    .until(StopCondition::Stall { window: 4, delta: 0.0, delta_std_errors: 1.0 }),
                Stage::new(|theta| Ok(Box::new(Probe::new(ProbeConfig::new(0.0), adam(), theta)?)))
                    .until(StopCondition::Spent { limit: Budget { circuits: Some(70), ..Budget::UNLIMITED } })
                    .until(StopCondition::GradientUnresolved { ratio: 2.0, window: 3 }),
                Stage::new(|theta| {
                    let config = PeriodicConfig { descents: 3, ..PeriodicConfig::new(20) };
                    Ok(Box::new(Periodic::new(config, adam(), theta)?))
                }),
            ];
            Box::new(Chain::new(stages, &START).unwrap())
        }),
        ("direct, spsa", || {
            Box::new(Spsa::new(SpsaConfig { directions: 2, ..SpsaConfig::new(0.1, 30) }, &START).unwrap())
        }),
        ("direct, 2-spsa", || {
            let config = SecondOrderSpsaConfig { delay: 3, ..SecondOrderSpsaConfig::of_loss(0.1, 30) };
            Box::new(SecondOrderSpsa::new(config, &START).unwrap())
        }),
        ("direct, qn-spsa", || {
            Box::new(SecondOrderSpsa::new(SecondOrderSpsaConfig::of_fidelity(0.1, 30), &START).unwrap())
        }),
        ("direct, rotosolve", || Box::new(Rotosolve::new(&START).unwrap())),
        ("direct, rotoselect", || {
            Box::new(Rotoselect::new(RotoselectConfig::default(), &START, &[Axis::Y, Axis::X, Axis::Z]).unwrap())
        }),
        ("direct, random coordinate", || {
            Box::new(RandomCoordinate::new(RandomCoordinateConfig::new(0.2), &START).unwrap())
        }),
        ("direct, icans", || {
            let config = AdaptiveShotsConfig::new(Allocation::Individual, 0.2, 4.0);
            Box::new(AdaptiveShots::new(config, &START).unwrap())
        }),
        ("direct, gcans", || {
            let config = AdaptiveShotsConfig::new(Allocation::Global, 0.2, 4.0);
            Box::new(AdaptiveShots::new(config, &START).unwrap())
        }),
        ("direct, cma-es", || Box::new(CmaEs::new(CmaEsConfig::new(0.3), &START).unwrap())),
    ]
}
