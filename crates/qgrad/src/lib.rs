//! Expectation values and gradients of parametrized quantum circuits, exact or from shots, each with its standard error and
//! its bill.
//!
//! - [`Expectation`]: observables on a circuit, and the parameters to differentiate.
//! - [`Estimator`]: how to estimate; [`Adjoint`] (exact), [`ParameterShift`] (exact or from shots), [`Spsa`],
//!   [`FiniteDifferences`], [`RandomCoordinates`], [`DoublyStochastic`]. [`Shots`] says how many shots, and for which circuits.
//! - [`Jacobian`], [`Hessian`], [`SecondOrder`]: what goes beyond a gradient, from [`Adjoint`] and [`ParameterShift`].
//! - [`Metric`]: the metric of the states, exact or from shots; [`Fidelity`]: of two states of a circuit.
//! - [`Backend`]: what runs the circuits, one [`Job`] at a time; [`StateVectorBackend`] is the simulator.
//! - [`DensityMatrixBackend`] and [`TrajectoryBackend`]: the same with noise.
//! - [`Simulator`]: the abilities that no device has.
//!
//! ```
//! use qcore::Circuit;
//! use qgrad::{Estimator, Expectation, ParameterShift, Shots, StateVectorBackend};
//! use rand::{SeedableRng, rngs::ChaCha8Rng};
//!
//! let mut circuit = Circuit::new(2)?;
//! let theta = circuit.parameter("theta")?;
//! circuit.ry(0, theta)?.cx(0, 1)?;
//! let expectation = Expectation::of_all_parameters(&circuit, vec!["Z0 Z1 + 0.5 * X0".parse()?])?;
//!
//! let shift = ParameterShift { shots: Shots::PerCircuit(1000) };
//! let (mut backend, mut rng) = (StateVectorBackend::new(), ChaCha8Rng::seed_from_u64(7));
//! let answer = shift.gradient(&expectation, &[0.3], &mut backend, &mut rng)?;
//! println!("{:.3} +- {:.3}", answer.gradient[0], answer.std_errors[0]);
//! // Two shifts, each measured in the Z and in the X basis, 1000 shots each.
//! assert_eq!((answer.bill.circuits, answer.bill.shots), (4, 4000));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! `serde`: serialization of bills and estimates. `qopt`: [`ExpectationObjective`](objective::ExpectationObjective), so that
//! circuits can be trained with qopt and nothing else. `rayon` (default): exact gradients over many rows on all threads.
#![forbid(unsafe_code)]

mod backend;
mod bill;
mod error;
mod estimate;
mod estimator;
mod expectation;
mod family;
mod fidelity;
mod measurement;
mod metric;
mod noise;
#[cfg(feature = "qopt")]
pub mod objective;
mod parameter_shift;
mod partials;
mod second_order;
mod shift;
mod shots;
mod simulator;
mod stochastic;

pub use backend::{Backend, Job, JobResult, JobShots, Point, Shift};
pub use bill::Bill;
pub use error::{Error, Refusal};
pub use estimate::Estimate;
pub use estimator::{Adjoint, Cotangents, Estimator, Values, Vjp, Weigh};
pub use expectation::Expectation;
pub use fidelity::Fidelity;
pub use measurement::{Group, Measurement};
pub use metric::{Blocks, Metric, MetricMethod, MetricTensor, Regularization, solve};
pub use noise::{DensityMatrixBackend, TrajectoryBackend};
pub use parameter_shift::ParameterShift;
pub use partials::Partials;
pub use second_order::{GradientChange, Hessian, HessianProduct, Jacobian, LineDerivatives, SecondOrder};
pub use shift::{SecondShiftRule, ShiftRule};
pub use shots::{Allocation, Shots};
pub use simulator::{Simulator, StateVectorBackend};
pub use stochastic::{Difference, DoublyStochastic, FiniteDifferences, RandomCoordinates, Spsa, Step};

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
