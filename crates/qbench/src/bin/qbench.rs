//! The `qbench` command with the shipped methods: see `qbench --help` and `docs/command.md`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    qbench::command::main(&qbench::Methods::shipped())
}
