//! `qbench diagnose` and `qbench fit`: what a circuit is worth before it is trained.

use std::fmt::{self, Display};
use std::path::PathBuf;

use clap::Args;
use qiot_profile::DeviceProfile;
use qiot_profile::fit::{FitOptions, FitReport, fit as fit_to};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::derivatives::WrtFlags;
use super::error::{CommandError, Source};
use super::input::{CircuitFlags, NoiseFlags, ObservableFlags, OptionalObservableFlags, fixed, read_text};
use super::output::print;
use super::{Common, Terminal};
use crate::{DiagnoseOptions, diagnose as diagnose_circuit};

/// Largest device profile.
const MAX_BYTES: u64 = 1 << 20;

/// The device of a command.
#[derive(Args, Debug)]
pub(super) struct DeviceFlags {
    /// Shipped device, such as perth or sensor-node, or a profile in TOML
    #[arg(long, value_name = "NAME|FILE")]
    device: String,
}

impl DeviceFlags {
    pub(super) fn named(device: &str) -> Self {
        Self { device: device.to_owned() }
    }

    /// A shipped name wins over a file; corrections of a profile are told on standard error.
    pub(super) fn read(&self, terminal: &mut Terminal<'_>) -> Result<DeviceProfile, CommandError> {
        let path = PathBuf::from(&self.device);
        let shipped = DeviceProfile::shipped_text(&self.device);
        let source = Source::File(path.clone());
        let text = match shipped {
            Ok(text) => text.to_owned(),
            Err(unknown) if !path.exists() && path.extension().is_none() => {
                return Err(CommandError::Device { place: Source::Option("--device"), source: unknown });
            }
            Err(_) => read_text(&source, MAX_BYTES, terminal)?,
        };
        let loaded = DeviceProfile::load(&text)
            .map_err(|error| CommandError::Device { place: source.clone(), source: error })?;
        for warning in &loaded.warnings {
            let _ = writeln!(terminal.stderr, "warning: {source}: {warning}");
        }
        Ok(loaded.profile)
    }
}

#[derive(Args, Debug)]
pub(super) struct FitFlags {
    #[command(flatten)]
    pub(super) circuit: CircuitFlags,
    #[command(flatten)]
    device: DeviceFlags,
    #[command(flatten)]
    observable: OptionalObservableFlags,
    /// Shots of each circuit [default: 1024, or as many as the device gives]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1 << 53))]
    shots: Option<u64>,
    /// Steps of training that the budgets must hold
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// The least estimated fidelity that is accepted
    #[arg(long, value_name = "F", default_value_t = FitOptions::default().min_fidelity)]
    min_fidelity: f64,
    /// With --json: every number of the report, such as the joules of a step and the error of a gradient
    #[arg(long, requires = "json")]
    details: bool,
    #[command(flatten)]
    common: Common,
}

/// A report as the command prints it: the keys that are promised, or all.
struct FitAnswer {
    report: FitReport,
    details: bool,
}

impl Display for FitAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report.fmt(f)
    }
}

impl Serialize for FitAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let report = &self.report;
        if self.details {
            return report.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(13))?;
        map.serialize_entry("fits", &report.fits)?;
        map.serialize_entry("reasons", &report.reasons)?;
        map.serialize_entry("width", &report.width)?;
        map.serialize_entry("depth", &report.depth)?;
        map.serialize_entry("native_gates", &report.native_gates)?;
        map.serialize_entry("swaps", &report.swaps)?;
        map.serialize_entry("duration_s", &report.duration_s)?;
        map.serialize_entry("fidelity", &report.fidelity)?;
        map.serialize_entry("memory_bytes", &report.memory_bytes)?;
        map.serialize_entry("shots_per_gradient", &report.shots_per_gradient)?;
        map.serialize_entry("step_seconds", &report.step_seconds)?;
        map.serialize_entry("steps_in_budget", &report.steps_in_budget)?;
        map.serialize_entry("advice", &report.advice)?;
        map.end()
    }
}

/// A circuit that does not fit is an answer, not a failure.
pub(super) fn fit(flags: &FitFlags, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let file = flags.circuit.read(terminal)?;
    let observable = flags.observable.read(file.num_qubits(), terminal)?;
    let device = flags.device.read(terminal)?;
    let options = FitOptions {
        shots_per_circuit: flags.shots,
        steps: flags.steps,
        min_fidelity: flags.min_fidelity,
        ..FitOptions::default()
    };
    let report = fit_to(&file.circuit, observable.as_ref(), &device, &options)?;
    print(&FitAnswer { report, details: flags.details }, flags.common.json, terminal)
}

#[derive(Args, Debug)]
pub(super) struct DiagnoseFlags {
    #[command(flatten)]
    pub(super) circuit: CircuitFlags,
    #[command(flatten)]
    observable: ObservableFlags,
    #[command(flatten)]
    noise: NoiseFlags,
    /// Shots of each circuit whose sufficiency is judged
    #[arg(long, value_name = "N", default_value_t = DiagnoseOptions::default().shots,
        value_parser = clap::value_parser!(u64).range(1..=1 << 53))]
    shots: u64,
    /// Value of a parameter that is not random, such as a data input; can be given several times
    #[arg(long, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    param: Vec<String>,
    #[command(flatten)]
    wrt: WrtFlags,
    /// Random points, with angles uniform in [0, 2 pi)
    #[arg(long, value_name = "N", default_value_t = DiagnoseOptions::default().samples as u32,
        value_parser = clap::value_parser!(u32).range(10..))]
    samples: u32,
    /// Probability with which the sign of a derivative is to be right
    #[arg(long, value_name = "P", default_value_t = DiagnoseOptions::default().confidence)]
    confidence: f64,
    /// Seed of all random numbers
    #[arg(long, value_name = "U64", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    common: Common,
}

pub(super) fn diagnose(flags: &DiagnoseFlags, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let file = flags.circuit.read(terminal)?;
    let observable = flags.observable.read(file.num_qubits(), terminal)?;
    let noise = flags.noise.read(file.num_qubits(), terminal)?;
    let fixed = fixed(&flags.param, &file.circuit)?;
    let wrt = flags.wrt.is_given().then(|| flags.wrt.parameters(&file.circuit)).transpose()?;
    if let Some(&param) = wrt.iter().flatten().find(|&param| fixed.iter().any(|(known, _)| known == param)) {
        let name = file.circuit.parameters()[param.index()].clone();
        return Err(CommandError::FixedParameter { name });
    }
    let defaults = DiagnoseOptions::default();
    let samples = flags.samples as usize;
    let options = DiagnoseOptions {
        samples,
        pilots: defaults.pilots.min(samples),
        shots: flags.shots,
        confidence: flags.confidence,
        seed: flags.seed,
        noise,
        wrt,
        fixed,
        ..defaults
    };
    let diagnosis = diagnose_circuit(&file.circuit, &observable, &options).map_err(|error| match error {
        crate::Error::Gradient(error) => file.locate_gradient(error),
        crate::Error::Circuit(error) => file.locate(error),
        other => other.into(),
    })?;
    print(&diagnosis, flags.common.json, terminal)
}
