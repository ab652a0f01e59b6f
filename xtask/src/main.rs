//! `cargo xtask`: see `cargo xtask --help`.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use xtask::cli;
use xtask::reproduce::Project;

fn main() -> ExitCode {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let handler = move || {
        // The second Ctrl-C does not wait for anything.
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(cli::INTERRUPTED));
        }
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        eprintln!("warning: Ctrl-C will end the run at once: {error}");
    }
    let project = Project {
        experiments: qbench::experiments().into_iter().map(Arc::from).collect(),
        claims: qbench::claims,
        kernel_level: qbench::kernel_level(),
    };
    ExitCode::from(cli::main(std::env::args_os(), &project, &stop))
}
