//! What the report says, typed, and as text.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::error::{Count, brief};

/// What a device limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each has the name that it prints")]
pub enum Limit {
    Qubits,
    Connectivity,
    NativeGates,
    Parameters,
    Memory,
    ShotsPerCircuit,
    Shots,
    Time,
    Jobs,
    Fidelity,
}

impl fmt::Display for Limit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Qubits => "qubits",
            Self::Connectivity => "connectivity",
            Self::NativeGates => "native gates",
            Self::Parameters => "parameters",
            Self::Memory => "memory",
            Self::ShotsPerCircuit => "shots per circuit",
            Self::Shots => "shots",
            Self::Time => "time",
            Self::Jobs => "jobs",
            Self::Fidelity => "fidelity",
        })
    }
}

/// Why a circuit does not fit.
///
/// It serializes as its text, which begins with the name of the limit and a colon.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// Wider than the device.
    Qubits {
        /// Qubits of the circuit.
        needed: usize,
        /// Qubits of the device.
        allowed: usize,
    },
    /// Interacting qubits cannot be brought together.
    Connectivity {
        /// Sizes of the groups of interacting qubits.
        circuit: Vec<usize>,
        /// Sizes of the connected parts of the device.
        device: Vec<usize>,
    },
    /// An operation cannot be made of the native gates.
    NativeGates {
        /// Index of the operation.
        operation: usize,
        /// Its name.
        name: &'static str,
        /// What is missing.
        missing: &'static str,
    },
    /// More parameters than the classical side binds.
    Parameters {
        /// Parameters of the circuit.
        needed: u64,
        /// Parameters that can be bound.
        allowed: u64,
    },
    /// More memory than the classical side has.
    Memory {
        /// Bytes needed.
        needed: u64,
        /// Bytes there are.
        allowed: u64,
    },
    /// More repetitions of one circuit than a job, or a window of time, can hold.
    ShotsPerCircuit {
        /// Shots asked for.
        needed: u64,
        /// Shots that the device gives one circuit.
        allowed: u64,
    },
    /// The steps take more shots than the device gives.
    Shots {
        /// Steps asked for.
        steps: u64,
        /// Shots that they take.
        needed: u64,
        /// Shots that there are.
        allowed: u64,
    },
    /// The steps take more time than the device gives.
    Time {
        /// Steps asked for.
        steps: u64,
        /// Seconds that they take.
        needed_seconds: f64,
        /// Seconds that there are.
        allowed_seconds: f64,
    },
    /// The steps take more submissions than the device gives.
    Jobs {
        /// Steps asked for.
        steps: u64,
        /// Submissions that they take.
        needed: u64,
        /// Submissions that there are.
        allowed: u64,
    },
    /// Less is left of the state than asked for.
    Fidelity {
        /// The estimated fidelity.
        estimated: f64,
        /// The least one that is asked for.
        needed: f64,
    },
}

impl Reason {
    /// The limit that is exceeded.
    #[must_use]
    pub fn limit(&self) -> Limit {
        match self {
            Self::Qubits { .. } => Limit::Qubits,
            Self::Connectivity { .. } => Limit::Connectivity,
            Self::NativeGates { .. } => Limit::NativeGates,
            Self::Parameters { .. } => Limit::Parameters,
            Self::Memory { .. } => Limit::Memory,
            Self::ShotsPerCircuit { .. } => Limit::ShotsPerCircuit,
            Self::Shots { .. } => Limit::Shots,
            Self::Time { .. } => Limit::Time,
            Self::Jobs { .. } => Limit::Jobs,
            Self::Fidelity { .. } => Limit::Fidelity,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", self.limit())?;
        let steps = |steps: u64| if steps == 1 { "a step takes".to_owned() } else { format!("{steps} steps take") };
        match self {
            Self::Qubits { needed, allowed } => write!(out, "the circuit needs {needed}, the device has {allowed}"),
            Self::Connectivity { circuit, device } => {
                write!(out, "groups of {circuit:?} interacting qubits do not fit into connected parts of {device:?}")
            }
            Self::NativeGates { operation, name, missing } => {
                write!(out, "operation {operation} ({name}) needs a {missing}, which the device has not")
            }
            Self::Parameters { needed, allowed } => {
                write!(out, "the circuit has {needed}, the device's classical side binds {allowed}")
            }
            Self::Memory { needed, allowed } => {
                write!(out, "{} bytes are needed, the device's classical side has {allowed}", Count(*needed))
            }
            Self::ShotsPerCircuit { needed, allowed } => {
                write!(out, "{needed} are asked for, the device gives {allowed}")
            }
            Self::Shots { steps: n, needed, allowed } | Self::Jobs { steps: n, needed, allowed } => {
                write!(out, "{} {}, the device gives {allowed}", steps(*n), Count(*needed))
            }
            Self::Time { steps: n, needed_seconds, allowed_seconds } => {
                let needed =
                    if *needed_seconds < 1e12 { format!("{needed_seconds:.4}") } else { brief(*needed_seconds) };
                write!(out, "{} {needed} s, the device gives {} s", steps(*n), brief(*allowed_seconds))
            }
            Self::Fidelity { estimated, needed } => {
                write!(out, "{estimated:.4} is estimated, {needed} is asked for")
            }
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Keep the first `keep` of the circuit's `of` repeated layers ([`Layers`](super::Layers)).
    Layers {
        /// Layers that are kept.
        keep: usize,
        /// Layers that there are.
        of: usize,
    },
    /// Repeat each circuit so often.
    ShotsPerCircuit(u64),
    /// Differentiate the first `keep` of the `of` parameters that are differentiated, and bind the others.
    Differentiate {
        /// Parameters that are differentiated still.
        keep: usize,
        /// Parameters that were.
        of: usize,
    },
    /// Write numbers for so many of the circuit's parameters.
    Bind {
        /// Parameters to become numbers.
        parameters: u64,
    },
    /// Train for so many steps.
    Steps(u64),
    /// Take the shipped device of this name.
    Device(&'static str),
}

/// A change after which a limit holds.
///
/// It serializes as its text, which begins with the name of the limit and a colon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The limit; `None` for a change after which everything fits.
    pub limit: Option<Limit>,
    /// The smallest change of its kind after which it holds and no other limit on the same thing is exceeded: with one layer, shot,
    /// step or parameter more something does not hold. (Shots of a circuit are never more than the device gives one circuit, even
    /// where the limit in question would bear more.) Other limits that were exceeded have advice of their own.
    pub change: Change,
}

impl fmt::Display for Advice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit {
            Some(limit) => write!(out, "{limit}: ")?,
            None => write!(out, "everything: ")?,
        }
        match &self.change {
            Change::Layers { keep, of } => write!(out, "keep {keep} of the {of} layers"),
            Change::ShotsPerCircuit(shots) => write!(out, "take {shots} shots per circuit"),
            Change::Differentiate { keep, of } => write!(out, "differentiate {keep} of the {of} parameters"),
            Change::Bind { parameters } => write!(out, "write numbers for {parameters} of the parameters"),
            Change::Steps(1) => out.write_str("train for 1 step"),
            Change::Steps(steps) => write!(out, "train for {steps} steps"),
            Change::Device(name) => write!(out, "take the device {name}"),
        }
    }
}

impl Serialize for Advice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Whether a circuit fits a device, and what it costs there.
///
/// What is known only of a circuit in native gates (depth, gates, exchanges, duration, fidelity) is `None` if it could not be
/// written in them.
///
/// Sums of counts stop at [`u64::MAX`]: a count of bytes, circuits, shots or jobs that is so large stands for as many or more, and is
/// shown as "more than 1.8e19".
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FitReport {
    /// Name of the device.
    pub device: String,
    /// Whether every limit holds.
    pub fits: bool,
    /// The limits that do not.
    pub reasons: Vec<Reason>,
    /// Qubits of the circuit.
    pub width: usize,
    /// Native gates on the longest path.
    pub depth: Option<usize>,
    /// How often each native gate occurs.
    pub native_gates: Option<BTreeMap<&'static str, usize>>,
    /// Exchanges of qubits that were added to bring them together.
    pub swaps: Option<usize>,
    /// The device's qubit on which each qubit of the circuit starts.
    pub layout: Option<Vec<usize>>,
    /// Gates of one shot, in seconds: what [`Metered::with_circuit_seconds`](crate::Metered::with_circuit_seconds) takes, so that
    /// the meter charges by the circuit as it runs.
    pub gates_s: Option<f64>,
    /// Gates and readout of one shot, in seconds.
    pub duration_s: Option<f64>,
    /// The estimated fidelity, see [`fit`](super::fit()).
    pub fidelity: Option<f64>,
    /// Parameters of the circuit.
    pub parameters: usize,
    /// Parameters that are differentiated.
    pub differentiated: usize,
    /// Memory of the classical side, in bytes.
    pub memory_bytes: u64,
    /// Repetitions of each circuit.
    pub shots_per_circuit: u64,
    /// Circuits of one gradient, for each estimator.
    pub circuits_per_gradient: BTreeMap<&'static str, u64>,
    /// Shots of one gradient, for each estimator.
    pub shots_per_gradient: BTreeMap<&'static str, u64>,
    /// At most so large is the standard error of a component of one gradient by parameter shift; `None` without observable, or
    /// where an angle is not affine in its parameters. A component several times smaller is not seen.
    pub gradient_std_error: Option<f64>,
    /// The same if all shots of the device's budget went into one gradient; `None` where shots are not limited.
    pub gradient_std_error_of_budget: Option<f64>,
    /// Shots of one step: a value and a gradient.
    pub step_shots: u64,
    /// Submissions of one step.
    pub step_jobs: u64,
    /// Time of the first step, in seconds, with the largest delay of the network and the waiting for time windows.
    pub step_seconds: f64,
    /// Energy of one step, in joules.
    pub step_joules: f64,
    /// Steps that fit into the budgets of shots, time and jobs; `None` where nothing limits them.
    pub steps_in_budget: Option<u64>,
    /// What to change.
    pub advice: Vec<Advice>,
}

impl fmt::Display for FitReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} on {}", if self.fits { "fits" } else { "does not fit" }, self.device)?;
        for reason in &self.reasons {
            writeln!(out, "  no: {reason}")?;
        }
        for advice in &self.advice {
            writeln!(out, "  then: {advice}")?;
        }
        let mut row = |name: &str, value: String| writeln!(out, "{name:<20} {value}");
        row("width", format!("{} qubits", self.width))?;
        if let (Some(depth), Some(gates), Some(swaps)) = (self.depth, &self.native_gates, self.swaps) {
            let gates: Vec<String> = gates.iter().map(|(name, count)| format!("{count} {name}")).collect();
            row("depth", format!("{depth} native gates"))?;
            row("native gates", format!("{} ({swaps} swaps)", gates.join(", ")))?;
        }
        if let Some(layout) = &self.layout {
            let places: Vec<String> = layout.iter().map(ToString::to_string).collect();
            row("starts on qubits", places.join(" "))?;
        }
        if let (Some(duration), Some(fidelity)) = (self.duration_s, self.fidelity) {
            row("duration", format!("{duration:.3e} s per shot, gates and readout"))?;
            row("fidelity", format!("{fidelity:.3} (estimated)"))?;
        }
        row("parameters", format!("{}, {} differentiated", self.parameters, self.differentiated))?;
        row("memory", format!("{} bytes", Count(self.memory_bytes)))?;
        row("shots per circuit", self.shots_per_circuit.to_string())?;
        for (name, shots) in &self.shots_per_gradient {
            let circuits = self.circuits_per_gradient.get(name).copied().unwrap_or(0);
            let (shots, circuits) = (Count(*shots), Count(circuits));
            row("gradient", format!("{shots} shots in {circuits} circuits by {}", name.replace('_', " ")))?;
        }
        if let Some(error) = self.gradient_std_error {
            row("gradient error", format!("at most {error:.2e} in a component by parameter shift"))?;
        }
        if let Some(error) = self.gradient_std_error_of_budget {
            row("", format!("at most {error:.2e} if all shots went into one gradient"))?;
        }
        let (shots, jobs) = (Count(self.step_shots), Count(self.step_jobs));
        row("step", format!("{shots} shots, {jobs} jobs, {:.3} s, {:.3} J", self.step_seconds, self.step_joules))?;
        match self.steps_in_budget {
            Some(steps) => row("steps in the budget", steps.to_string()),
            None => row("steps in the budget", "not limited".to_owned()),
        }
    }
}
