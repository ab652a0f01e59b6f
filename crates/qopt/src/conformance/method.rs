//! The checks of a method.

use std::fmt;

use crate::conformance::bowl::Bowl;
use crate::conformance::{DIMENSIONS, Finding, Report};
use crate::vector::first_non_finite;
use crate::{Answer, Bill, Estimate, IterationContext, Method, Objective, Query, State, StepReport, Streams, Told};

/// Iterations of a run: enough for a phase or two, short enough for a test.
const ITERATIONS: u64 = 24;
/// The iterations whose answers are spoiled: an early one and one that a method with stages spends in a later stage.
const SPOILED: [u64; 2] = [2, 14];
/// More queries than any iteration of `DIMENSIONS` parameters can need.
const MOST_QUERIES: u32 = 10_000;

fn start(dimension: usize) -> Vec<f64> {
    (0..dimension).map(|k| 0.7 - 0.37 * (k % 5) as f64).collect()
}

fn context(step: u64) -> IterationContext {
    let remaining = Some(1.0 - step as f64 / (2 * ITERATIONS) as f64);
    IterationContext { remaining, ..IterationContext::new(Streams::new(17, 3).at(step)) }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Whether the arrays of a query fit, and what it is called.
fn fits(theta: &[f64], query: &Query<'_>, dimension: usize) -> bool {
    let whole = |points: &[f64]| !points.is_empty() && points.len().is_multiple_of(dimension);
    theta.len() == dimension
        && match query {
            Query::Point(_) => true,
            Query::Values { points } => whole(points),
            Query::Fidelities { others } => whole(others),
            Query::AxisValues { points, axes } => whole(points) && axes.len() == points.len(),
            Query::Partials { components, shots, .. } => {
                !components.is_empty()
                    && components.iter().all(|component| *component < dimension)
                    && (shots.is_empty() || shots.len() == components.len())
            }
        }
}

/// A query with its point and arrays, to compare it with another one.
fn picture(theta: &[f64], query: &Query<'_>) -> String {
    // The shortest decimals tell any two numbers apart, and 0 from -0.
    format!("{theta:?} {query:?}")
}

/// One method on one problem.
struct Run<M> {
    method: M,
    bowl: Bowl,
    answer: Answer,
    /// The counters of the last report: ascents, probes, kicks.
    counters: [u64; 3],
}

impl<M: Method> Run<M> {
    fn new(method: M, bowl: Bowl) -> Self {
        Self { method, bowl, answer: Answer::default(), counters: [0; 3] }
    }

    /// Asks and evaluates; the number of query streams used and the price.
    fn query(&mut self, context: &IterationContext, number: u32) -> Result<(u32, Bill), Finding> {
        let dimension = self.bowl.dimension();
        let ask = self.method.ask(context);
        if !fits(ask.theta, &ask.query, dimension) {
            return Err(Finding::MisfitQuery { dimension, what: ask.query.name() });
        }
        let streams = context.streams.with_query(number);
        let evaluated = self.bowl.evaluate_query(ask.theta, &ask.query, &streams, &mut self.answer);
        evaluated.map_err(|error| Finding::RefusesAnswer { step: context.step, message: error.to_string() })?;
        Ok((ask.query.streams(dimension), self.answer.bill))
    }

    /// One whole iteration.
    fn iterate(&mut self, step: u64) -> Result<StepReport, Finding> {
        self.finish(step, 0)
    }

    /// What is left of an iteration of which the answers with lower numbers have been told.
    fn finish(&mut self, step: u64, mut number: u32) -> Result<StepReport, Finding> {
        let context = context(step);
        let before = bits(self.method.theta());
        let mut planned = Bill::ZERO;
        let opens = number == 0;
        if opens {
            let bowl = &self.bowl;
            self.method.plan(&mut |query| planned += bowl.price_query(query).unwrap_or(Bill::ZERO));
        }
        let mut asked = Bill::ZERO;
        let mut losses = Vec::new();
        loop {
            let (used, price) = self.query(&context, number)?;
            asked += price;
            losses.extend(self.answer.value.iter().chain(&self.answer.values).copied());
            let told = self.method.tell(&self.answer, &context);
            match told.map_err(|error| Finding::RefusesAnswer { step, message: error.to_string() })? {
                Told::MoreQueries if number > MOST_QUERIES => {
                    return Err(Finding::EndlessIteration { queries: number });
                }
                Told::MoreQueries if bits(self.method.theta()) != before => return Err(Finding::MovesEarly { step }),
                Told::MoreQueries => number = number.saturating_add(used),
                Told::Done(report) => {
                    let short = asked.circuits > planned.circuits || asked.shots > planned.shots;
                    if opens && (short || asked.jobs > planned.jobs) {
                        let (planned, asked) = (Box::new(planned), Box::new(asked));
                        return Err(Finding::PlanTooLow { step, planned, asked });
                    }
                    self.check_point(step)?;
                    check_report(step, &report)?;
                    // What an exact loss was once it stays; and the losses before a resume have not been seen here.
                    if opens && self.bowl.is_noisy() {
                        check_loss(step, &report, &losses)?;
                    }
                    self.count(step, &report)?;
                    return Ok(report);
                }
            }
        }
    }

    /// Counters count from the start of a run, those before a resume included.
    fn count(&mut self, step: u64, report: &StepReport) -> Result<(), Finding> {
        let counters = [("ascents", report.ascents), ("probes", report.probes), ("kicks", report.kicks)];
        for ((field, now), before) in counters.into_iter().zip(&mut self.counters) {
            if now < *before {
                return Err(Finding::FallingCounter { step, field, before: *before, now });
            }
            *before = now;
        }
        Ok(())
    }

    /// One whole iteration, with two asks for each answer and a look at the state after each.
    fn iterate_asking_twice(&mut self, step: u64) -> Result<(), Finding> {
        let (context, mut number) = (context(step), 0);
        loop {
            let ask = self.method.ask(&context);
            let first = picture(ask.theta, &ask.query);
            let state = self.method.state();
            let ask = self.method.ask(&context);
            if picture(ask.theta, &ask.query) != first || self.method.state() != state {
                return Err(Finding::AskChanges { step });
            }
            let (used, _) = self.query(&context, number)?;
            match self.method.tell(&self.answer, &context) {
                Err(error) => return Err(Finding::RefusesAnswer { step, message: error.to_string() }),
                Ok(Told::MoreQueries) if number > MOST_QUERIES => {
                    return Err(Finding::EndlessIteration { queries: number });
                }
                Ok(Told::MoreQueries) => number = number.saturating_add(used),
                Ok(Told::Done(_)) => return Ok(()),
            }
        }
    }

    fn check_point(&self, step: u64) -> Result<(), Finding> {
        match first_non_finite(self.method.theta()) {
            None => Ok(()),
            Some((component, value)) => Err(Finding::NonFinitePoint { step, component, value }),
        }
    }
}

fn check_report(step: u64, report: &StepReport) -> Result<(), Finding> {
    let loss = report.loss.unwrap_or_default();
    let lengths = [
        ("gradient_norm", report.gradient_norm),
        ("gradient_std_error", report.gradient_std_error.unwrap_or(0.0)),
        ("step_length", report.step_length),
        ("loss.std_error", loss.std_error),
    ];
    let bad = lengths.into_iter().find(|(_, value)| !(*value >= 0.0 && value.is_finite()));
    match bad.or((!loss.value.is_finite()).then_some(("loss.value", loss.value))) {
        None => Ok(()),
        Some((field, value)) => Err(Finding::BadReport { step, field, value }),
    }
}

/// Whether the reported loss is among those that were answered.
fn check_loss(step: u64, report: &StepReport, losses: &[Estimate]) -> Result<(), Finding> {
    let same = |a: &Estimate, b: &Estimate| bits(&[a.value, a.std_error]) == bits(&[b.value, b.std_error]);
    match report.loss {
        Some(loss) if !losses.iter().any(|answered| same(answered, &loss)) => {
            Err(Finding::InventedLoss { step, value: loss.value })
        }
        _ => Ok(()),
    }
}

/// All checks, in the order in which they rest on one another.
pub(super) fn check<M: Method, E: fmt::Display>(report: &mut Report, make: &dyn Fn(&[f64]) -> Result<M, E>) {
    let made = |dimension: usize| {
        make(&start(dimension)).map_err(|error| Finding::NotMade { dimension, message: error.to_string() })
    };
    let sound = report.run("dimensions", || {
        for dimension in DIMENSIONS {
            let mut run = Run::new(made(dimension)?, Bowl::noisy(dimension));
            if bits(run.method.theta()) != bits(&start(dimension)) {
                return Err(Finding::WrongStart { dimension });
            }
            for step in 0..ITERATIONS {
                run.iterate(step)?;
            }
        }
        Ok(())
    });
    if !sound {
        return;
    }
    let deterministic = report.run("determinism", || {
        let mut runs = [Run::new(made(5)?, Bowl::noisy(5)), Run::new(made(5)?, Bowl::noisy(5))];
        for step in 0..ITERATIONS {
            for run in &mut runs {
                run.iterate(step)?;
            }
            if bits(runs[0].method.theta()) != bits(runs[1].method.theta()) {
                return Err(Finding::NotDeterministic { step });
            }
        }
        Ok(())
    });
    let deterministic = deterministic
        && report.run("asking twice", || {
            let mut runs = [Run::new(made(5)?, Bowl::noisy(5)), Run::new(made(5)?, Bowl::noisy(5))];
            for step in 0..ITERATIONS {
                runs[0].iterate_asking_twice(step)?;
                runs[1].iterate(step)?;
                if bits(runs[0].method.theta()) != bits(runs[1].method.theta()) {
                    return Err(Finding::AskChanges { step });
                }
            }
            Ok(())
        });
    if deterministic {
        report.run("resume", || resume(&made));
        report.run("resume", || refuses_foreign(|state| Ok(made(2)?.restore(state).is_ok())));
    }
    for what in Spoiled::ALL {
        for place in Place::ALL {
            for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                report.run("answers that are not finite", || {
                    SPOILED.iter().try_for_each(|&iteration| spoil(&made, iteration, what, place, value))
                });
            }
        }
    }
    report.run("a gradient of 0", || {
        let mut run = Run::new(made(3)?, Bowl::flat(3));
        for step in 0..ITERATIONS {
            run.iterate(step).map_err(|finding| match finding {
                Finding::RefusesAnswer { message, .. } => Finding::FailsAtZero { message },
                Finding::NonFinitePoint { component, value, .. } => {
                    Finding::FailsAtZero { message: format!("component {component} of theta is {value}") }
                }
                Finding::BadReport { field, value, .. } => {
                    Finding::FailsAtZero { message: format!("the report says {field} = {value}") }
                }
                other => other,
            })?;
        }
        Ok(())
    });
}

/// Whether a state of something else is refused, by the `restore` that is handed in.
pub(super) fn refuses_foreign(accepts: impl FnOnce(&State) -> Result<bool, Finding>) -> Result<(), Finding> {
    let foreign = State::new("no optimizer of this crate").with_counts("n", &[1]);
    if accepts(&foreign)? { Err(Finding::AcceptsForeignState) } else { Ok(()) }
}

/// A state taken anywhere, before and after an ask, goes on as the run did: where an objective refuses, the ask has been
/// made and is made again after the resume.
fn resume<M: Method>(made: &dyn Fn(usize) -> Result<M, Finding>) -> Result<(), Finding> {
    let dimension = 3;
    let mut whole = Run::new(made(dimension)?, Bowl::noisy(dimension));
    // The step, the number of the next query, and the state there.
    let mut states = Vec::new();
    let mut points = vec![bits(whole.method.theta())];
    for step in 0..ITERATIONS {
        let (context, mut number) = (context(step), 0);
        loop {
            states.push((step, number, whole.method.state()));
            let (used, _) = whole.query(&context, number)?;
            let asked = whole.method.state();
            if states.last().is_none_or(|(.., state)| *state != asked) {
                states.push((step, number, asked));
            }
            match whole.method.tell(&whole.answer, &context) {
                Err(error) => return Err(Finding::RefusesAnswer { step, message: error.to_string() }),
                Ok(Told::MoreQueries) if number > MOST_QUERIES => {
                    return Err(Finding::EndlessIteration { queries: number });
                }
                Ok(Told::MoreQueries) => number = number.saturating_add(used),
                Ok(Told::Done(_)) => break,
            }
        }
        points.push(bits(whole.method.theta()));
    }
    let last = whole.method.state();
    for (saved, number, state) in states {
        let mut run = Run::new(made(dimension)?, Bowl::noisy(dimension));
        let restored = run.method.restore(&state);
        restored.map_err(|error| Finding::RefusesItsState { step: saved, message: error.to_string() })?;
        if run.method.state() != state {
            return Err(Finding::LosesState { step: saved });
        }
        for step in saved..ITERATIONS {
            run.finish(step, if step == saved { number } else { 0 })?;
            if bits(run.method.theta()) != points[step as usize + 1] {
                return Err(Finding::ResumeDiffers { saved, step });
            }
        }
        if run.method.state() != last {
            return Err(Finding::ResumeDiffers { saved, step: ITERATIONS });
        }
    }
    Ok(())
}

/// Which numbers of an answer are spoiled.
#[derive(Clone, Copy, Debug)]
enum Spoiled {
    Gradient,
    Loss,
    Losses,
    GradientStdErrors,
    LossStdError,
    LossesStdErrors,
}

impl Spoiled {
    const ALL: [Self; 6] =
        [Self::Gradient, Self::Loss, Self::Losses, Self::GradientStdErrors, Self::LossStdError, Self::LossesStdErrors];

    const fn name(self) -> &'static str {
        match self {
            Self::Gradient => "gradient",
            Self::Loss => "loss",
            Self::Losses => "list of losses",
            Self::GradientStdErrors => "standard errors of the gradient",
            Self::LossStdError => "standard error of the loss",
            Self::LossesStdErrors => "standard errors of a list of losses",
        }
    }

    fn numbers(self, answer: &mut Answer) -> Vec<&mut f64> {
        match self {
            Self::Gradient => answer.gradient.iter_mut().collect(),
            Self::Loss => answer.value.iter_mut().map(|loss| &mut loss.value).collect(),
            Self::Losses => answer.values.iter_mut().map(|loss| &mut loss.value).collect(),
            Self::GradientStdErrors => answer.gradient_std_errors.iter_mut().collect(),
            Self::LossStdError => answer.value.iter_mut().map(|loss| &mut loss.std_error).collect(),
            Self::LossesStdErrors => answer.values.iter_mut().map(|loss| &mut loss.std_error).collect(),
        }
    }
}

/// Where among them.
#[derive(Clone, Copy, Debug)]
enum Place {
    First,
    Middle,
    Last,
    All,
}

impl Place {
    const ALL: [Self; 4] = [Self::First, Self::Middle, Self::Last, Self::All];

    const fn name(self) -> &'static str {
        match self {
            Self::First => "the first one",
            Self::Middle => "one in the middle",
            Self::Last => "the last one",
            Self::All => "all of them",
        }
    }

    fn of(self, count: usize) -> std::ops::Range<usize> {
        let one = |k: usize| k..k + 1;
        match self {
            Self::First => one(0),
            Self::Middle => one(count / 2),
            Self::Last => one(count - 1),
            Self::All => 0..count,
        }
    }
}

/// Each query of an iteration in turn is answered with numbers that are not finite, if it is answered with such numbers at all.
/// Whoever accepts them has not looked.
fn spoil<M: Method>(
    made: &dyn Fn(usize) -> Result<M, Finding>,
    iteration: u64,
    what: Spoiled,
    place: Place,
    value: f64,
) -> Result<(), Finding> {
    for turn in 0.. {
        let mut run = Run::new(made(3)?, Bowl::noisy(3));
        for step in 0..iteration {
            run.iterate(step)?;
        }
        let context = context(iteration);
        let (mut number, mut before) = (0, 0);
        loop {
            let (used, _) = run.query(&context, number)?;
            let mut numbers = what.numbers(&mut run.answer);
            let is_spoiled = !numbers.is_empty() && before == turn;
            before += usize::from(!numbers.is_empty());
            if is_spoiled {
                let places = place.of(numbers.len());
                numbers[places].iter_mut().for_each(|number| **number = value);
            }
            match run.method.tell(&run.answer, &context) {
                Err(_) if is_spoiled => break,
                Ok(_) if is_spoiled => {
                    return Err(Finding::AcceptsNonFinite { what: what.name(), place: place.name(), value });
                }
                Err(error) => {
                    return Err(Finding::RefusesAnswer { step: iteration, message: error.to_string() });
                }
                Ok(Told::Done(_)) => return Ok(()),
                Ok(Told::MoreQueries) if number > MOST_QUERIES => {
                    return Err(Finding::EndlessIteration { queries: number });
                }
                Ok(Told::MoreQueries) => number = number.saturating_add(used),
            }
        }
    }
    Ok(())
}
