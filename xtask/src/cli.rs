//! The command line.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | a task, the disk or the report failed; the reason is on standard error |
//! | 2 | the command line is wrong |
//! | 130 | interrupted by Ctrl-C; the command to go on is on standard error |

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clap::{Args, Parser, Subcommand};
use qbench::experiment::{ClaimAnswer, Scale};

use crate::Error;
use crate::files;
use crate::progress::{self, Progress};
use crate::reproduce::{Options, Outcome, Project, reproduce};

/// Exit code after Ctrl-C.
pub const INTERRUPTED: u8 = 130;

const DEFAULT_SEED: u64 = 20_261_122;

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failure, 2 wrong usage, 130 interrupted (finished tasks are kept; the command to go on is printed)";

#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", version, about, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the experiments and write their results, figures and report
    #[command(after_help = EXIT_CODES)]
    Reproduce(Reproduce),
}

#[derive(Args, Clone, Debug)]
struct Reproduce {
    /// List the experiments and stop
    #[arg(long)]
    list: bool,
    /// Run this experiment only; can be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Root seed of all random streams
    #[arg(long, value_name = "U64", default_value_t = DEFAULT_SEED)]
    seed: u64,
    /// Number of threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Result folder [default: reproduce/ in the target folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Run a small slice that only shows that everything works
    #[arg(long)]
    quick: bool,
    /// Forget the finished tasks of the chosen experiments first
    #[arg(long)]
    fresh: bool,
}

/// Parses `args` (the program's name first), does what they say, and returns the exit code.
///
/// When `stop` becomes true, no further task starts, and the function returns [`INTERRUPTED`] within a fraction of a second.
pub fn main(args: impl IntoIterator<Item = OsString>, project: &Project, stop: &AtomicBool) -> u8 {
    let Command::Reproduce(flags) = match Cli::try_parse_from(args) {
        Ok(cli) => cli.command,
        Err(error) => {
            // Help and version count as errors of the parser; they go to standard output.
            let _ = error.print();
            return if error.use_stderr() { 2 } else { 0 };
        }
    };
    let outcome = if flags.list { list(&flags, project) } else { flags.run(project, stop) };
    outcome.unwrap_or_else(|error| {
        progress::line(&format!("error: {error}"));
        error.exit_code()
    })
}

/// Writes to standard output; a closed one (`| head`) is no failure.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn list(flags: &Reproduce, project: &Project) -> Result<u8, Error> {
    let chosen = if flags.only.is_empty() { project.experiments.clone() } else { project.choose(&flags.only)? };
    for experiment in chosen {
        let tasks = experiment
            .tasks(flags.scale(), flags.seed)
            .map_err(|source| Error::planning(experiment.as_ref(), source))?
            .len();
        let note = if experiment.is_by_name_only() { " (only with --only)" } else { "" };
        print(&format!("{:20} {tasks:>5} tasks  {}{note}\n", experiment.name(), experiment.title()));
    }
    Ok(0)
}

impl Reproduce {
    fn scale(&self) -> Scale {
        if self.quick { Scale::Quick } else { Scale::Full }
    }

    /// The command that makes the same rows; with `place`, also on as many threads and in the same folder.
    fn command(&self, place: bool) -> String {
        let mut words = vec!["cargo xtask reproduce".to_owned()];
        for name in &self.only {
            words.push(format!("--only {}", quote(name)));
        }
        if self.seed != DEFAULT_SEED {
            words.push(format!("--seed {}", self.seed));
        }
        if self.quick {
            words.push("--quick".to_owned());
        }
        if let Some(jobs) = self.jobs.filter(|_| place) {
            words.push(format!("--jobs {jobs}"));
        }
        if let Some(out) = self.out.as_ref().filter(|_| place) {
            words.push(format!("--out {}", quote(&out.display().to_string())));
        }
        words.join(" ")
    }

    fn run(&self, project: &Project, stop: &AtomicBool) -> Result<u8, Error> {
        // A wrong name is told before any folder is made.
        project.choose(&self.only)?;
        let jobs = match self.jobs {
            Some(jobs) => usize::from(jobs),
            None => std::thread::available_parallelism().map_or(1, usize::from),
        };
        let options = Options {
            only: self.only.clone(),
            seed: self.seed,
            scale: self.scale(),
            jobs,
            out: self.out.clone().unwrap_or_else(|| files::target_folder().join("reproduce")),
            fresh: self.fresh,
            command: self.command(false),
        };
        let mut progress = Progress::on_stderr();
        let outcome = reproduce(project, &options, stop, &mut progress);
        progress.close();
        match outcome? {
            Outcome::Finished { report, claims } => {
                print(&summary(&report, &claims, options.scale));
                Ok(0)
            }
            Outcome::Interrupted => {
                progress::line("interrupted; finished tasks are kept. To go on:");
                progress::line(&format!("  {}", self.command(true)));
                Ok(INTERRUPTED)
            }
        }
    }
}

/// What is printed at the end of a run.
fn summary(report: &Path, claims: &[ClaimAnswer], scale: Scale) -> String {
    let mut text = String::new();
    if scale == Scale::Quick {
        text.push_str("quick run: no conclusion is drawn from it\n");
    }
    for claim in claims {
        let answer = claim.answer.as_deref().unwrap_or("not measured yet");
        text.push_str(&format!("{}  {}\n    {answer}\n", claim.id, claim.claim));
    }
    text.push_str(&format!("report: {}\n", report.display()));
    text
}

/// Quotes a word for a POSIX shell if it needs it.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@,+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Reproduce, clap::Error> {
        let Command::Reproduce(flags) = Cli::try_parse_from(line.split(' '))?.command;
        Ok(flags)
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn defaults() {
        let flags = parse("xtask reproduce").unwrap();
        assert_eq!(flags.seed, DEFAULT_SEED);
        assert_eq!(flags.scale(), Scale::Full);
        assert_eq!(flags.command(true), "cargo xtask reproduce");
    }

    #[test]
    fn the_command_to_go_on_repeats_what_was_asked_but_not_fresh() {
        let line = "reproduce --only b --only a --seed 7 --quick --jobs 3 --out x/y --fresh";
        let flags = parse(&format!("xtask {line}")).unwrap();
        assert_eq!(flags.command(true), "cargo xtask reproduce --only b --only a --seed 7 --quick --jobs 3 --out x/y");
        assert_eq!(flags.command(false), "cargo xtask reproduce --only b --only a --seed 7 --quick");
        let again = parse(&flags.command(true).replacen("cargo ", "", 1)).unwrap();
        assert_eq!(again.command(true), flags.command(true));
    }

    #[test]
    fn wrong_values_are_refused() {
        for line in ["--jobs 0", "--jobs 1025", "--jobs x", "--seed -1", "--seed 18446744073709551616", "--nope"] {
            assert!(parse(&format!("xtask reproduce {line}")).is_err(), "{line}");
        }
        assert!(parse("xtask").is_err());
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quote("/tmp/a-b_1.x"), "/tmp/a-b_1.x");
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
    }

    #[test]
    fn the_summary_names_every_claim_and_the_report() {
        let claims = [
            ClaimAnswer { id: "C1", claim: "one", rule: "r", answer: Some("0.5 [0.4, 0.6]".to_owned()) },
            ClaimAnswer { id: "C2", claim: "two", rule: "r", answer: None },
        ];
        let text = summary(Path::new("out/report.html"), &claims, Scale::Full);
        assert_eq!(text, "C1  one\n    0.5 [0.4, 0.6]\nC2  two\n    not measured yet\nreport: out/report.html\n");
        assert!(summary(Path::new("r"), &[], Scale::Quick).contains("no conclusion"));
    }
}
