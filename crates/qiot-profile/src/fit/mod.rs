//! Whether a circuit fits a device, what a step of training costs there, and what to change if it does not fit.
//!
//! ```
//! use qcore::Circuit;
//! use qiot_profile::DeviceProfile;
//! use qiot_profile::fit::{Change, FitOptions, Limit, fit};
//!
//! let mut circuit = Circuit::new(4)?;
//! let theta = circuit.parameters_named("theta", 24)?;
//! for layer in theta.chunks(4) {
//!     (0..4).try_for_each(|q| circuit.ry(q, layer[q]).map(drop))?;
//!     (0..3).try_for_each(|q| circuit.cx(q, q + 1).map(drop))?;
//! }
//! let observable = "Z0 Z1 + Z1 Z2 + Z2 Z3".parse()?;
//! let device = DeviceProfile::shipped("sensor-node")?;
//!
//! let report = fit(&circuit, Some(&observable), &device, &FitOptions { steps: 4, ..FitOptions::default() })?;
//! println!("{report}");
//! // 48 shifted circuits and the value itself, 1024 shots each: 200 704 shots for four steps, and the device has 200 000.
//! assert_eq!(report.shots_per_gradient["parameter_shift"], 48 * 1024);
//! assert_eq!(report.reasons.iter().map(|reason| reason.limit()).collect::<Vec<_>>(), [Limit::Shots]);
//! assert_eq!(report.steps_in_budget, Some(3));
//! assert!(report.advice.iter().any(|advice| advice.change == Change::Steps(3)));
//! assert!(report.advice.iter().any(|advice| advice.change == Change::Layers { keep: 5, of: 6 }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod advice;
mod assess;
mod fidelity;
mod layers;
mod report;

pub use layers::Layers;
pub use report::{Advice, Change, FitReport, Limit, Reason};

use qcore::{Circuit, Param, PauliSum};

use crate::error::brief;
use crate::{DeviceProfile, transpile};
use advice::Search;
use assess::{Choice, Prepared, shots_limit};

/// Shots of each circuit where neither the caller nor the device says otherwise.
const DEFAULT_SHOTS: u64 = 1024;

/// How a step gets its gradient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepEstimator {
    /// [`qgrad::ParameterShift`].
    #[default]
    ParameterShift,
    /// [`qgrad::FiniteDifferences`], central.
    FiniteDifferences,
    /// [`qgrad::Spsa`] along one direction.
    Spsa,
}

/// What is asked of the device.
#[derive(Clone, Debug, PartialEq)]
pub struct FitOptions {
    /// Repetitions of each circuit; `None` for 1024, or as many as the device gives if that is less.
    pub shots_per_circuit: Option<u64>,
    /// Steps that the budgets must hold: a value and a gradient each.
    pub steps: u64,
    /// Data points of each step.
    pub rows: u64,
    /// The least estimated fidelity, 0 to 1. A fidelity `f` shrinks what is measured by about `f`, so `1/f^2` times as many shots
    /// give the same relative error.
    pub min_fidelity: f64,
    /// The parameters that are differentiated; `None` for all.
    pub wrt: Option<Vec<Param>>,
    /// How a step gets its gradient.
    pub estimator: StepEstimator,
    /// Whether to look for changes after which a circuit that does not fit does.
    pub advise: bool,
}

impl Default for FitOptions {
    /// One step of one data point by parameter shift, all parameters differentiated, a fidelity of a tenth, with advice.
    fn default() -> Self {
        Self {
            shots_per_circuit: None,
            steps: 1,
            rows: 1,
            min_fidelity: 0.1,
            wrt: None,
            estimator: StepEstimator::ParameterShift,
            advise: true,
        }
    }
}

/// Errors of a fit report. A circuit that does not fit is none of them.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option that means nothing.
    #[error("the option {option} is {}, allowed are {allowed}", brief(*value))]
    Option {
        /// Its name.
        option: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The profile is not one.
    #[error(transparent)]
    Profile(#[from] crate::Error),
    /// The observable or the list of differentiated parameters does not belong to the circuit.
    #[error(transparent)]
    Expectation(#[from] qgrad::Error),
    /// The circuit cannot be written for any device of this kind.
    #[error(transparent)]
    Transpile(#[from] transpile::Error),
    /// From the circuits underneath.
    #[error(transparent)]
    Circuit(#[from] qcore::Error),
}

/// Repetitions of each circuit where nobody says how many: 1024, or as many as the device gives one circuit.
#[must_use]
pub fn default_shots(profile: &DeviceProfile) -> u64 {
    DEFAULT_SHOTS.min(shots_limit(profile))
}

fn choice_on(profile: &DeviceProfile, options: &FitOptions) -> Choice {
    let shots = options.shots_per_circuit.unwrap_or_else(|| default_shots(profile));
    Choice { shots, steps: options.steps }
}

/// Works out whether a circuit fits a device and what training it costs there. Angles need not be bound. Without observable
/// every qubit is measured once in the computational basis.
///
/// - *Native gates, swaps, depth*: of the circuit that [`transpile`](crate::transpile::transpile) writes for the device.
/// - *Duration*: the critical path of its gates when each starts as soon as its qubits are free, and the longest readout.
/// - *Fidelity*: `prod (1 - e_g)` over the gates, with the average gate infidelity `e_g`; times `1 - (p(1|0) + p(0|1)) / 2` for
///   every qubit that the observable reads; times `1/2 + exp(-t/T1)/6 + exp(-t/T2)/3`, the average fidelity of relaxation, for
///   every qubit, which waits for `t` between its first gate and the readout (or its last gate if it is not read).
/// - *Memory*: 48 bytes per parameter (parameters, candidate, gradient, errors, two moments of 8 bytes), 16 per native gate, and
///   the outcomes of one circuit, one bit per qubit in whole bytes.
/// - *Shots per gradient*: as [`qgrad::ParameterShift`] (two points for each term of the shift rule of each occurrence of a
///   differentiated parameter), central [`qgrad::FiniteDifferences`] (two points for each parameter) and [`qgrad::Spsa`] along one
///   direction (two points) price them; each point in every measurement group.
/// - *Standard error*: at most `sqrt(sum_occurrences a^2 sum_j 2 c_j^2 rows / shots)` times the one-norm of the observable, where
///   `a` is the factor of the parameter in the angle and `c_j` are the coefficients of the shift rule.
/// - *Step*: a job for the values and one for the gradient, at the device's prices for this duration, with the largest delay of
///   the network and the waiting for time windows: what a metered device charges for the first step, to the last digit where the
///   network has no jitter.
/// - *Steps in the budget*: as many as the shots, the time and the jobs of the profile hold, where nothing else is measured. Where
///   shots per time window are limited, the waiting of later steps is worked out submission by submission, for the first ten
///   thousand of them.
///
/// If it does not fit, every change in the advice was tried: after it the limit holds, and with one layer, shot, step or
/// parameter more this limit, or another one of the device, does not. The device is the first shipped one on which everything fits.
///
/// **Cost**: writing the circuit in native gates once; with advice once more for each shipped device, and logarithmically often
/// in the number of layers and of parameters.
///
/// # Errors
///
/// [`Error::Option`], [`Error::Profile`] for a profile that fails its check, [`Error::Expectation`] for an observable or
/// parameters that are not the circuit's, [`Error::Transpile`] for a device of more qubits than circuits can have.
pub fn fit(
    circuit: &Circuit,
    observable: Option<&PauliSum>,
    device: &DeviceProfile,
    options: &FitOptions,
) -> Result<FitReport, Error> {
    let at_least_one = [
        ("shots_per_circuit", options.shots_per_circuit.unwrap_or(1)),
        ("steps", options.steps),
        ("rows", options.rows),
    ];
    if let Some(&(option, _)) = at_least_one.iter().find(|(_, value)| *value == 0) {
        return Err(Error::Option { option, value: 0.0, allowed: "1 and more" });
    }
    if !(0.0..=1.0).contains(&options.min_fidelity) {
        return Err(Error::Option { option: "min_fidelity", value: options.min_fidelity, allowed: "0 to 1" });
    }
    device.check()?;
    let all: Vec<Param> = (0..circuit.parameters().len()).map(Param::new).collect();
    let wrt = options.wrt.as_deref().unwrap_or(&all);
    let prepared = Prepared::new(circuit, observable, wrt, device)?;
    let choice = choice_on(device, options);
    let mut report = prepared.report(choice, options);
    if options.advise && !report.fits {
        let limits: Vec<Limit> = report.reasons.iter().map(Reason::limit).collect();
        let search = Search { circuit, observable, wrt, profile: device, options, choice, as_it_is: &prepared };
        report.advice = search.advice(&limits)?;
    }
    Ok(report)
}
