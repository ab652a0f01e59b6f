//! The checks of an update rule.

use std::fmt;

use crate::conformance::{DIMENSIONS, Finding, Report, method};
use crate::{ConfigError, Descent, StepContext, Streams, UpdateRule};

/// The rule or the starting point could not be had.
enum NotMade<E> {
    Rule(E),
    Start(ConfigError),
}

impl<E: fmt::Display> fmt::Display for NotMade<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(error) => error.fmt(f),
            Self::Start(error) => error.fmt(f),
        }
    }
}

/// Some steps of a rule by itself, each into a buffer that holds NaN, without loss, standard errors and budget.
fn steps(rule: &mut dyn UpdateRule, dimension: usize) -> Vec<Vec<f64>> {
    let mut theta = vec![0.3; dimension];
    let mut metric = vec![0.0; dimension * dimension];
    metric.iter_mut().step_by(dimension + 1).for_each(|entry| *entry = 1.0);
    let take = |k: u64| {
        let gradient: Vec<f64> = (0..dimension).map(|i| 0.55 - 0.1 * ((i as u64 + 3 * k) % 7) as f64).collect();
        let mut step = vec![f64::NAN; dimension];
        let context = StepContext::new(&theta, &gradient, Streams::new(2, 0).at(k));
        rule.step(&StepContext { metric: &metric, ..context }, &mut step);
        theta.iter_mut().zip(&step).for_each(|(theta, u)| *theta -= u);
        step
    };
    (0..6).map(take).collect()
}

pub(super) fn check<R: UpdateRule, E: fmt::Display>(report: &mut Report, make: &dyn Fn() -> Result<R, E>) {
    let made = |dimension: usize| make().map_err(|error| Finding::NotMade { dimension, message: error.to_string() });
    let written = report.run("steps", || {
        for dimension in DIMENSIONS {
            let mut rule = made(dimension)?;
            rule.prepare(dimension);
            for step in steps(&mut rule, dimension) {
                if let Some(component) = step.iter().position(|u| u.is_nan()) {
                    return Err(Finding::UnwrittenStep { component, dimension });
                }
            }
        }
        Ok(())
    });
    if !written {
        return;
    }
    method::check(report, &|theta: &[f64]| Descent::new(make().map_err(NotMade::Rule)?, theta).map_err(NotMade::Start));
    if report.findings.iter().any(|finding| matches!(finding, Finding::NotDeterministic { .. })) {
        return;
    }
    report.run("resume", || method::refuses_foreign(|state| Ok(made(2)?.restore(state).is_ok())));
    report.run("reset", || {
        let bits = |steps: Vec<Vec<f64>>| -> Vec<u64> { steps.iter().flatten().map(|u| u.to_bits()).collect() };
        let (mut used, mut new) = (made(3)?, made(3)?);
        used.prepare(3);
        new.prepare(3);
        steps(&mut used, 3);
        used.reset();
        if bits(steps(&mut used, 3)) == bits(steps(&mut new, 3)) { Ok(()) } else { Err(Finding::ResetKeepsMemory) }
    });
}
