//! Runs the project's experiments and writes their results, figures and report.
//!
//! What an experiment is, and every number in it, belongs to `qbench`. This crate picks experiments by name, runs their tasks
//! in parallel, keeps a journal so that a killed run loses at most the tasks under way, and renders what the result files say.
//! It knows no physics.
//!
//! - [`cli`]: the command line and its exit codes;
//! - [`reproduce`]: one run from options to report;
//! - [`runner`]: tasks on threads; [`journal`]: what survives a kill; [`results`]: the CSV files;
//! - [`manifest`]: where the files of a folder come from;
//! - [`figure`], [`html`], [`report`], [`markdown`]: figures and the page, made from rows alone;
//! - [`files`], [`clock`], [`progress`]: the disk, the wall clock and the terminal.
//!
//! # Files of a run
//!
//! | file | what it holds | same bytes for the same seed |
//! |---|---|---|
//! | `NAME.csv` | the rows of an experiment in task order, `task_id` first | yes |
//! | `NAME.journal` | one self-checking line per finished task, of any seed | no: in order of completion |
//! | `NAME.md` | the section of the report on that experiment, as Markdown | yes |
//! | `figures/*.svg` | the figures of the report | yes |
//! | `manifest.json` | versions, configuration, times, sizes and checksums | no: it holds the times |
//! | `report.html` | the report, one file | yes, for the same set of finished experiments and the same command |
#![forbid(unsafe_code)]

pub mod cli;
pub mod clock;
pub mod error;
pub mod figure;
pub mod files;
pub mod html;
pub mod journal;
pub mod manifest;
pub mod markdown;
pub mod progress;
pub mod report;
pub mod reproduce;
pub mod results;
pub mod runner;

pub use error::Error;

/// The examples of the project's README are tests. They stand here because this crate is never packaged.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
