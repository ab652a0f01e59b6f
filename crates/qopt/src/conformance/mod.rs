//! Whether an optimizer of one's own keeps the promises that runs, trials and checkpoints rest on.
//!
//! [`check_rule`] and [`check_method`] make the optimizer many times, run it on small noisy problems, stop and resume it,
//! and feed it what a device may answer on a bad day. They return what they found, each [`Finding`] with what to mend;
//! they do not panic, even if the optimizer does.
//!
//! | check | asks for |
//! |---|---|
//! | dimensions | 1 to 17 parameters, from the given start, with queries that fit |
//! | plan | no iteration needs more than `plan` said |
//! | determinism | the same streams, the same bytes; asking twice changes nothing, neither the query nor the state |
//! | resume | state taken anywhere, between an ask and its answer too, restored in a fresh optimizer: the same bytes |
//! | reports | every number is finite, the loss one that was answered, counters never fall |
//! | numbers | NaN and infinite numbers anywhere in an answer, its standard errors too, are refused; a gradient of exactly 0 is not |
//! | rules | every component of the step is written, and a reset forgets everything |
//!
//! ```
//! use qopt::{StepContext, UpdateRule, conformance};
//!
//! #[derive(Clone, Default)]
//! struct Averaging {
//!     mean: Vec<f64>,
//! }
//!
//! impl UpdateRule for Averaging {
//!     fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
//!         self.mean.resize(step.len(), 0.0);
//!         for ((u, mean), g) in step.iter_mut().zip(&mut self.mean).zip(context.gradient) {
//!             *mean = 0.9 * *mean + 0.1 * g;
//!             *u = 0.1 * *mean;
//!         }
//!     }
//! }
//!
//! let report = conformance::check_rule(|| Ok::<_, qopt::ConfigError>(Averaging::default()));
//! // It has memory, and neither `state` and `restore` nor `reset` know of it.
//! assert_eq!(report.findings().len(), 2);
//! println!("{report}");
//! ```

mod bowl;
mod method;
mod rule;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use thiserror::Error;

use crate::{Bill, Method, UpdateRule};

/// The numbers of parameters that are tried.
const DIMENSIONS: [usize; 4] = [1, 2, 5, 17];

/// What an optimizer does that it must not, and what to mend.
#[non_exhaustive]
#[derive(Clone, Debug, Error, PartialEq)]
pub enum Finding {
    /// It panicked.
    #[error("it panics in the check of {check}: {message}; return a `MethodError`, or a step of NaN, instead")]
    Panicked {
        /// Which check.
        check: &'static str,
        /// What the panic said.
        message: String,
    },
    /// It cannot be made for this number of parameters.
    #[error("it cannot be made for {dimension} parameters: {message}; work with any number from 1 on")]
    NotMade {
        /// The number of parameters.
        dimension: usize,
        /// What it said.
        message: String,
    },
    /// It does not start where it was told to.
    #[error("made for {dimension} parameters, its `theta` is not the start it was given; start there, to the bit")]
    WrongStart {
        /// The number of parameters.
        dimension: usize,
    },
    /// A query does not fit the number of parameters.
    #[error(
        "for {dimension} parameters it asks for {what}; every point has as many components as there are parameters"
    )]
    MisfitQuery {
        /// The number of parameters.
        dimension: usize,
        /// What was asked for.
        what: &'static str,
    },
    /// An iteration does not end.
    #[error("an iteration has not ended after {queries} queries; return `Told::Done` at some point")]
    EndlessIteration {
        /// How many were answered.
        queries: u32,
    },
    /// A good answer is refused.
    #[error("in step {step} it refuses a good answer: {message}; go on with whatever is complete and finite")]
    RefusesAnswer {
        /// The step.
        step: u64,
        /// What it said.
        message: String,
    },
    /// An iteration needed more than was planned.
    #[error(
        "step {step} asked for {asked:?}, but `plan` said {planned:?}; visit every query that the iteration may need, or \
         a budget cannot be kept"
    )]
    PlanTooLow {
        /// The step.
        step: u64,
        /// The price of what was planned.
        planned: Box<Bill>,
        /// The price of what was asked.
        asked: Box<Bill>,
    },
    /// The point changed before the iteration was over.
    #[error("`theta` changes in the middle of step {step}; move only when `tell` returns `Told::Done`")]
    MovesEarly {
        /// The step.
        step: u64,
    },
    /// The point is not finite.
    #[error("component {component} of `theta` is {value} after step {step}; return an error instead of such a point")]
    NonFinitePoint {
        /// The step.
        step: u64,
        /// Its index.
        component: usize,
        /// Its value.
        value: f64,
    },
    /// A number of the report is NaN or infinite, or negative where it is a norm or a standard error.
    #[error(
        "the report of step {step} says {field} = {value}; all its numbers are finite, norms and errors not negative"
    )]
    BadReport {
        /// The step.
        step: u64,
        /// Which field.
        field: &'static str,
        /// Its value.
        value: f64,
    },
    /// The reported loss is none of those that were answered.
    #[error(
        "the report of step {step} says that the loss is {value}, which no query of that step has answered; report a loss as it \
         was measured, or none"
    )]
    InventedLoss {
        /// The step.
        step: u64,
        /// The reported loss.
        value: f64,
    },
    /// A counter of the report is smaller than in an earlier one.
    #[error("the report of step {step} says {field} = {now}, after {before}; counters count from the start of the run")]
    FallingCounter {
        /// The step.
        step: u64,
        /// "ascents", "probes" or "kicks".
        field: &'static str,
        /// Its value one step earlier.
        before: u64,
        /// Its value.
        now: u64,
    },
    /// Asking twice is not the same as asking once: another query, another state, or another step.
    #[error(
        "in step {step} a second `ask` changes the query, the state or the step; count in `tell`, and draw only from the streams \
         of the context, from their start"
    )]
    AskChanges {
        /// The step.
        step: u64,
    },
    /// Two equal runs differ.
    #[error(
        "two runs with equal streams differ in step {step}; take random numbers from the streams of the context only, and \
         read no clock and no shared state"
    )]
    NotDeterministic {
        /// The step in which they part.
        step: u64,
    },
    /// Its own state is refused.
    #[error("`restore` refuses a state that `state` has given after step {step}: {message}")]
    RefusesItsState {
        /// The step.
        step: u64,
        /// What it said.
        message: String,
    },
    /// A restored state is another state.
    #[error(
        "after `restore`, `state` is not the state that was restored (saved after step {step}); restore every entry"
    )]
    LosesState {
        /// The step.
        step: u64,
    },
    /// A resumed run differs.
    #[error(
        "a run resumed after step {saved} differs from the uninterrupted one in step {step}; put all that later steps depend \
         on into `state`, and take it back in `restore`"
    )]
    ResumeDiffers {
        /// After which step the state was taken.
        saved: u64,
        /// The step in which they part.
        step: u64,
    },
    /// A state of something else is accepted.
    #[error("`restore` accepts the state of another optimizer; check it with `State::expect`")]
    AcceptsForeignState,
    /// An answer that is not finite is accepted.
    #[error(
        "it accepts {value} in the {what} ({place}); look at every number of an answer, and return a `MethodError` from `tell`, \
         since no comparison with such a number means anything"
    )]
    AcceptsNonFinite {
        /// "gradient", "loss", "list of losses", or "standard errors of the gradient" and so on.
        what: &'static str,
        /// Which of its numbers: "the first one", "one in the middle", "the last one" or "all of them".
        place: &'static str,
        /// NaN or infinity.
        value: f64,
    },
    /// A gradient of 0 ends the run.
    #[error(
        "a gradient of exactly 0 ends the run: {message}; with few shots it is common: divide by no norm without a test"
    )]
    FailsAtZero {
        /// What it said.
        message: String,
    },
    /// A component of the step is not written.
    #[error(
        "component {component} of the step is not written, for {dimension} parameters; write every one, 0 for no move"
    )]
    UnwrittenStep {
        /// Its index.
        component: usize,
        /// The number of parameters.
        dimension: usize,
    },
    /// A reset does not forget.
    #[error("after `reset` the rule does not do again what a new one does; forget all memory there")]
    ResetKeepsMemory,
}

/// What a check has found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    /// What was found, at most one of each kind.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn add(&mut self, finding: Finding) {
        let kind = std::mem::discriminant(&finding);
        if self.findings.iter().all(|other| std::mem::discriminant(other) != kind) {
            self.findings.push(finding);
        }
    }

    /// Runs a check, whatever it does; whether it went through without a finding.
    fn run(&mut self, check: &'static str, body: impl FnOnce() -> Result<(), Finding>) -> bool {
        match catch_unwind(AssertUnwindSafe(body)) {
            Ok(Ok(())) => true,
            Ok(Err(finding)) => {
                self.add(finding);
                false
            }
            Err(panic) => {
                let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let message = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
                self.add(Finding::Panicked { check, message });
                false
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return f.write_str("nothing found");
        }
        for (k, finding) in self.findings.iter().enumerate() {
            let end = if k + 1 < self.findings.len() { "\n" } else { "" };
            write!(f, "- {finding}{end}")?;
        }
        Ok(())
    }
}

/// Checks a method that `make` builds at a starting point.
///
/// The problems answer every [`Query`](crate::Query). Checks that rest on one that has failed are left out.
pub fn check_method<M: Method, E: fmt::Display>(make: impl Fn(&[f64]) -> Result<M, E>) -> Report {
    let mut report = Report::default();
    method::check(&mut report, &make);
    report
}

/// Checks an update rule: by itself, and as the method that [`Descent`](crate::Descent) makes of it.
pub fn check_rule<R: UpdateRule, E: fmt::Display>(make: impl Fn() -> Result<R, E>) -> Report {
    let mut report = Report::default();
    rule::check(&mut report, &make);
    report
}
