//! The `qbench` command as a function: circuits as OpenQASM text in, numbers out.
//!
//! A program of one's own gets the whole command, with methods of its own in the list:
//!
//! ```no_run
//! use qbench::{Methods, command};
//! fn main() -> std::process::ExitCode {
//!     let mine = |setup: &qbench::Setup| setup.descent(qopt::Sgd::new(setup.rate)?);
//!     command::main(&Methods::shipped().with("mine", mine))
//! }
//! ```
//!
//! # Exit codes
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done; also where whoever read the output closed it early |
//! | 1 | refused or failed: a file, a value, the memory or the disk; the reason is on standard error |
//! | 2 | the command line is not understood |
//!
//! What was asked goes to standard output, as text or with `--json` as one JSON document; everything else to standard error.
//! This module, alone in the library, opens the files that its arguments name.

mod data;
mod derivatives;
mod device;
mod distribution;
mod error;
mod input;
mod output;
mod train;
mod trial;
mod values;

use std::ffi::OsString;
use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::Methods;
use error::{CommandError, Source};

/// Exit code where the input was refused or the work failed.
pub const FAILED: u8 = 1;
/// Exit code where the command line is not understood.
pub const USAGE: u8 = 2;

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 refused or failed (the reason is on standard error), 2 wrong usage";

/// Simulate, differentiate and train variational quantum circuits
#[derive(Debug, Parser)]
#[command(name = "qbench", version, after_help = EXIT_CODES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Expectation value of an observable
    #[command(after_help = EXIT_CODES)]
    Expval(values::Flags),
    /// Variance <H^2> - <H>^2 of an observable
    #[command(after_help = EXIT_CODES)]
    Variance(values::Flags),
    /// Amplitudes of the final state, indexed with qubit 0 as the lowest bit
    #[command(after_help = EXIT_CODES)]
    Amps(distribution::Flags),
    /// Probabilities of the bit strings that are read, qubit 0 rightmost
    #[command(after_help = EXIT_CODES)]
    Probs(distribution::Flags),
    /// Gradient of an expectation value
    #[command(after_help = EXIT_CODES)]
    Grad(derivatives::GradFlags),
    /// Second derivatives of an expectation value
    #[command(after_help = EXIT_CODES)]
    Hessian(derivatives::HessianFlags),
    /// Fubini-Study metric tensor of a circuit
    #[command(after_help = EXIT_CODES)]
    Metric(derivatives::MetricFlags),
    /// How large the gradient of a circuit is at random angles, and how many shots resolve it
    #[command(after_help = EXIT_CODES)]
    Diagnose(device::DiagnoseFlags),
    /// Whether a circuit fits a device, what a step of training costs there, what to change; angles may be unbound
    #[command(after_help = EXIT_CODES)]
    Fit(device::FitFlags),
    /// Train a circuit on a device until its budget is spent, with the ledger beside the loss
    #[command(after_help = EXIT_CODES)]
    Train(train::Flags),
    /// Compare methods on tasks at equal budgets, from equal starts
    #[command(after_help = EXIT_CODES)]
    Trial(trial::Flags),
}

/// Flags that every subcommand has.
#[derive(Args, Clone, Copy, Debug)]
struct Common {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Where a command reads and writes.
pub struct Terminal<'a> {
    /// Standard input, read where a file is called `-`.
    pub stdin: &'a mut dyn Read,
    /// What was asked.
    pub stdout: &'a mut dyn Write,
    /// Errors, warnings, progress.
    pub stderr: &'a mut dyn Write,
    /// Whether to draw progress bars, which go to the standard error of the process.
    pub progress: bool,
}

/// The command of this process: its arguments, its standard streams.
#[must_use]
pub fn main(methods: &Methods) -> ExitCode {
    let (mut stdin, mut stdout, mut stderr) = (std::io::stdin(), std::io::stdout().lock(), std::io::stderr());
    let progress = stderr.is_terminal();
    let mut terminal = Terminal { stdin: &mut stdin, stdout: &mut stdout, stderr: &mut stderr, progress };
    ExitCode::from(run(std::env::args_os(), methods, &mut terminal))
}

/// Does what `args` (the program's name first) say and returns the exit code. Same arguments and files, same bytes.
pub fn run(args: impl IntoIterator<Item = OsString>, methods: &Methods, terminal: &mut Terminal<'_>) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version count as errors of the parser; they go to standard output.
            let usage = error.use_stderr();
            let out = if usage { &mut *terminal.stderr } else { &mut *terminal.stdout };
            let _ = write!(out, "{}", error.render()).and_then(|()| out.flush());
            return if usage { USAGE } else { 0 };
        }
    };
    match cli.command.run(methods, terminal) {
        Ok(()) => 0,
        Err(error) if error.is_closed_output() => 0,
        Err(error) => {
            let circuit = cli.command.circuit().filter(|_| !error.names_its_file());
            let _ = match circuit {
                Some(circuit) => writeln!(terminal.stderr, "error: {circuit}: {error}"),
                None => writeln!(terminal.stderr, "error: {error}"),
            };
            FAILED
        }
    }
}

impl Command {
    /// The circuit that it is about.
    fn circuit(&self) -> Option<Source> {
        let flags = match self {
            Self::Expval(flags) | Self::Variance(flags) => &flags.circuit,
            Self::Amps(flags) | Self::Probs(flags) => &flags.circuit,
            Self::Grad(flags) => &flags.circuit,
            Self::Hessian(flags) => &flags.circuit,
            Self::Metric(flags) => &flags.circuit,
            Self::Diagnose(flags) => &flags.circuit,
            Self::Fit(flags) => &flags.circuit,
            Self::Train(flags) => return flags.circuit(),
            Self::Trial(_) => return None,
        };
        Some(flags.source())
    }

    fn run(&self, methods: &Methods, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        match self {
            Self::Expval(flags) => values::expval(flags, terminal),
            Self::Variance(flags) => values::variance(flags, terminal),
            Self::Amps(flags) => distribution::amps(flags, terminal),
            Self::Probs(flags) => distribution::probs(flags, terminal),
            Self::Grad(flags) => derivatives::grad(flags, terminal),
            Self::Hessian(flags) => derivatives::hessian(flags, terminal),
            Self::Metric(flags) => derivatives::metric(flags, terminal),
            Self::Diagnose(flags) => device::diagnose(flags, terminal),
            Self::Fit(flags) => device::fit(flags, terminal),
            Self::Train(flags) => train::train(flags, methods, terminal),
            Self::Trial(flags) => trial::trial(flags, methods, terminal),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
