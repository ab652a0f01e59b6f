//! Optimizers as ask/tell methods over plain slices: update rules, negative learning rates with their controls, budgets
//! and observers.
//!
//! The crate sees numbers only. It knows neither circuits nor simulators; it reads no clock, writes no file and owns no
//! random number generator.
//!
//! | | is | made by |
//! |---|---|---|
//! | [`Objective`] | what is minimised: answers loss, gradient, metric, each with a standard error and a bill, and what else a [`Query`] asks if it can | you |
//! | [`UpdateRule`] | gradient in, step out: those of [`rules`], [`Scheduled`] and [`Clipped`] ones | the crate, or you |
//! | [`Method`] | an optimizer, one query at a time: [`Descent`] by a rule, a method of [`nlr`] around it, one of [`direct`], a [`Chain`] of them | the crate, or you |
//! | [`Runner`] | the loop: prices an iteration before it starts, keeps the [`Budget`], calls the observers | the crate |
//! | [`Observer`] | sees each iteration, may stop the run: [`BestPoint`], [`AveragePoint`], [`Stop`], [`History`], a closure | the crate, or you |
//!
//! # An optimizer of one's own
//!
//! A rule is one function. This is sign descent with a decaying step, run on a quadratic:
//!
//! ```
//! use qopt::*;
//!
//! struct SignDescent {
//!     rate: f64,
//! }
//!
//! impl UpdateRule for SignDescent {
//!     fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
//!         let rate = self.rate / (1.0 + context.step as f64).sqrt();
//!         for (u, g) in step.iter_mut().zip(context.gradient) {
//!             *u = rate * g.signum();
//!         }
//!     }
//! }
//!
//! /// L(theta) = |theta|^2 / 2, exact.
//! struct Bowl;
//!
//! impl Objective for Bowl {
//!     fn dimension(&self) -> usize {
//!         2
//!     }
//!
//!     fn price(&self, request: &Request) -> Bill {
//!         let circuits = u64::from(request.value) + if request.gradient { 4 } else { 0 };
//!         Bill { circuits, ..Bill::ZERO }
//!     }
//!
//!     fn evaluate(
//!         &mut self,
//!         theta: &[f64],
//!         request: &Request,
//!         _streams: &StepStreams,
//!         answer: &mut Answer,
//!     ) -> Result<(), ObjectiveError> {
//!         answer.clear();
//!         if request.value {
//!             answer.value = Some(Estimate::exact(theta.iter().map(|t| t * t / 2.0).sum()));
//!         }
//!         if request.gradient {
//!             answer.gradient.extend_from_slice(theta);
//!         }
//!         answer.bill = self.price(request);
//!         answer.reusable = true;
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut method = Descent::new(SignDescent { rate: 0.1 }, &[1.0, -0.5])?;
//! let mut best = BestPoint::new(2);
//! let outcome = Runner::new(&mut method, &mut Bowl, Streams::new(7, 0))
//!     .budget(Budget { circuits: Some(1000), ..Budget::UNLIMITED })
//!     .observe(&mut best)
//!     .run()?;
//! assert_eq!((outcome.iterations, outcome.spent.circuits), (200, 1000));
//! assert!(best.loss().unwrap().value < 1e-4);
//! # Ok(())
//! # }
//! ```
//!
//! A rule with memory also implements [`UpdateRule::state`] and [`UpdateRule::restore`], so that its runs can be
//! resumed. A rule without a type of its own is a closure: [`from_fn`]. The same rule with negative steps:
//! `Probe::new(ProbeConfig::exact(), SignDescent { rate: 0.1 }, &theta)?`.
//!
//! # Promises
//!
//! - The same method, objective, [`Streams`] and budget give the same bytes, in one run or in a run stopped anywhere
//!   and resumed from its [`RunState`]. Streams are keyed by (seed, task, step, role) and never continued.
//! - After construction, methods, rules, runner and [`BestPoint`] allocate nothing per step; [`History`] only to grow, a
//!   [`Chain`] only where it goes to its next stage.
//! - No panic on any input: a hyperparameter, a state or an answer that cannot be used is a typed error.
//!
//! # Features
//!
//! `argmin`: the module `interop`, solvers of argmin on an [`Objective`], and methods of this crate in its executor.
//!
//! `serde`: configurations, [`Bill`], [`Estimate`], [`Budget`], [`State`], [`RunState`] are (de)serializable. States
//! keep every bit.
#![forbid(unsafe_code)]

mod average;
mod bill;
mod budget;
mod chain;
pub mod conformance;
mod descent;
pub mod direct;
mod error;
mod evaluator;
#[cfg(feature = "argmin")]
pub mod interop;
mod method;
pub mod nlr;
mod objective;
mod observe;
mod query;
mod rule;
pub mod rules;
mod runner;
mod schedule;
mod screened;
mod state;
mod stop;
mod streams;
mod symmetric;
mod vector;

pub use average::{AveragePoint, Averaging};
pub use bill::Bill;
pub use budget::{Budget, Resource};
pub use chain::{Chain, Stage};
pub use descent::Descent;
pub use direct::{
    AdaptiveShots, AdaptiveShotsConfig, Allocation, CmaEs, CmaEsConfig, Curvature, RandomCoordinate,
    RandomCoordinateConfig, Rotoselect, RotoselectConfig, Rotosolve, SecondOrderSpsa, SecondOrderSpsaConfig, Spsa,
    SpsaConfig,
};
pub use error::{ConfigError, MethodError, RunError, StateError};
pub use evaluator::Evaluator;
pub use method::{Ask, Event, IterationContext, Method, StepReport, Told, Trigger};
pub use nlr::{
    AdaptiveStep, AdaptiveStepConfig, Along, Control, Displacement, Interval, Periodic, PeriodicConfig, PostHoc,
    PostHocConfig, Probe, ProbeConfig, Random, RandomConfig, RecordedTrigger, Replay, Restart, RestartConfig, Stall,
    StallConfig, StallCurvature, StallCurvatureConfig,
};
pub use objective::{Answer, Estimate, Objective, ObjectiveError, Request};
pub use observe::{BestPoint, History, Observation, Observer, Record};
pub use query::{Axis, Query};
pub use rule::{FromFn, StepContext, UpdateRule, from_fn};
pub use rules::{
    AdaGrad, Adam, AdamW, AmsGrad, Lion, Momentum, NAdam, NaturalGradient, Nesterov, NormalizedGradient, RmsProp, Sgd,
    SignDescent,
};
pub use runner::{Evaluation, Outcome, RunState, Runner, Step, StopReason, reevaluate, reevaluate_with_axes};
pub use schedule::{Clip, Clipped, Decay, Schedule, Scheduled};
pub use screened::{ScreenedDescent, ScreenedDescentConfig};
pub use state::State;
pub use stop::{Stop, StopCondition};
pub use streams::{Role, StepStreams, Streams};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
