//! `qbench train`: a circuit or a classifier on a metered device, with the ledger beside the loss; stopped and resumed at any step.

mod answer;
mod problem;
mod run;
mod saved;

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use qcore::qasm;
use qiot_profile::Ledger;
use qiot_profile::fit::default_shots;
use qopt::{StopReason, Streams};

use super::data::DataFlags;
use super::device::DeviceFlags;
use super::error::{CommandError, Source};
use super::input::{OptionalObservableFlags, ParameterFlags};
use super::output::{WithError, check_writable, print, write_whole};
use super::{Common, Terminal};
use crate::Methods;
use answer::Spent;
use problem::Problem;
use run::Training;
use saved::{Saved, Settings};

/// The task of the random streams.
const TASK: u128 = u128::from_le_bytes(*b"qbench::training");

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("loss").args(["data", "observable", "observable_file"]).required(true))]
#[command(group = ArgGroup::new("trained").args(["data", "circuit"]).required(true))]
#[command(group = ArgGroup::new("file").args(["save", "resume"]).multiple(true))]
pub(super) struct Flags {
    /// OpenQASM 2 or 3 file; `-` reads standard input
    #[arg(value_name = "CIRCUIT")]
    circuit: Option<PathBuf>,
    #[command(flatten)]
    observable: OptionalObservableFlags,
    #[command(flatten)]
    data: DataFlags,
    #[command(flatten)]
    device: DeviceFlags,
    /// Leave out the noise of the device's calibration
    #[arg(long)]
    ideal: bool,
    /// Optimizer, by its name in the list of methods
    #[arg(long, value_name = "NAME", default_value = "adam")]
    method: String,
    /// Learning rate
    #[arg(long, value_name = "RATE", default_value_t = 0.1)]
    rate: f64,
    /// Shots of each circuit [default: 1024, or as many as the device gives]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1 << 53))]
    shots: Option<u64>,
    /// Steps at most, those before a resume included [default: what the device's budgets allow]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// Stop after so many steps of this call without the measurements at the end; --resume goes on as if nothing had been
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), requires = "file")]
    pause: Option<u64>,
    /// Seed of the start and of all shots
    #[arg(long, value_name = "U64", default_value_t = 0)]
    seed: u64,
    /// The start [default: random angles in [0, 2 pi)]
    #[command(flatten)]
    start: ParameterFlags,
    /// Write the run to this JSON file after every step, and the circuit with its trained angles beside it as .trained.qasm
    #[arg(long, value_name = "FILE", alias = "out")]
    save: Option<PathBuf>,
    /// Go on from the file of an earlier run with the same settings; --save is this file if it is not given
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Write the trained angles to this JSON file, which --params-file reads
    #[arg(long, value_name = "FILE")]
    write_angles: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

impl Flags {
    /// The circuit, if there are no data.
    pub(super) fn circuit(&self) -> Option<Source> {
        self.circuit.as_deref().map(Source::of_path)
    }

    fn settings(
        &self,
        problem: &Problem,
        streams: &Streams,
        terminal: &mut Terminal<'_>,
    ) -> Result<Settings, CommandError> {
        let device = self.device.read(terminal)?;
        let start = if self.start.is_given() {
            self.start.values_of(&problem.names(), terminal)?
        } else {
            problem.start(streams)?
        };
        Ok(Settings {
            circuit: qasm::to_string(&problem.circuit)?,
            observable: problem.observable.to_string(),
            data: problem.data.clone(),
            noise: !self.ideal && device.has_noise(),
            method: self.method.clone(),
            rate: self.rate,
            shots: self.shots.unwrap_or_else(|| default_shots(&device)),
            seed: self.seed,
            start,
            device,
        })
    }
}

pub(super) fn train(flags: &Flags, methods: &Methods, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let streams = Streams::new(flags.seed, TASK);
    let problem = Problem::read(flags, &streams, terminal)?;
    let settings = flags.settings(&problem, &streams, terminal)?;
    let saved = match &flags.resume {
        None => None,
        Some(path) => Some((path.as_path(), Saved::read(path, &settings, terminal)?)),
    };
    let before = saved.as_ref().and_then(|(_, saved)| saved.answer.clone());
    let file = flags.save.as_deref().or(flags.resume.as_deref());
    [file, flags.write_angles.as_deref()].into_iter().flatten().try_for_each(check_writable)?;
    let mut training = Training::new(flags.steps, methods, &problem, settings, streams, saved)?;
    let mut steps = 0;
    let reason = loop {
        if flags.pause == Some(steps) {
            return print(&training.paused(), flags.common.json, terminal);
        }
        match training.advance()? {
            Err(reason) => break reason,
            Ok(step) => {
                steps += 1;
                if !flags.common.json {
                    tell(&step, &training.ledger(), terminal)?;
                }
                if let Some((path, saved)) = file.zip(training.saved(None)) {
                    saved.write(path)?;
                }
            }
        }
    };
    if training.run.as_ref().is_none_or(|run| run.step == 0) {
        let reason = match reason {
            StopReason::Budget { resource } => {
                format!("it and the measurements at the end do not fit into the budget of {resource}")
            }
            StopReason::Refused { what } => what,
            other => format!("{other:?}"),
        };
        return Err(CommandError::NoStep { reason, advice: training.advice()? });
    }
    let answer = match before {
        // A run that had ended and has nothing left to spend keeps its answer.
        Some(answer) if steps == 0 => answer,
        _ => {
            let answer = training.finish(&reason)?;
            if let Some((path, saved)) = file.zip(training.saved(Some(answer.clone()))) {
                saved.write(path)?;
                write_whole(&path.with_extension("trained.qasm"), &problem.trained(&answer.parameters)?)?;
            }
            answer
        }
    };
    if let Some(path) = &flags.write_angles {
        let angles = serde_json::json!({"parameters": answer.parameters, "parameter_names": answer.parameter_names});
        write_whole(path, &format!("{angles}\n"))?;
    }
    print(&answer, flags.common.json, terminal)
}

/// One line for a step.
fn tell(step: &qopt::Step, ledger: &Ledger, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let loss = step
        .report
        .loss
        .map_or_else(|| "-".to_owned(), |loss| WithError { value: loss.value, std_error: loss.std_error }.to_string());
    writeln!(terminal.stdout, "step {:>5}  loss {loss:<20}  {}", step.step, Spent(&ledger.bill.into()))
        .map_err(CommandError::Output)
}
