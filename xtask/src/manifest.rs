//! Where the files of a result folder come from.

use std::path::Path;

use qbench::experiment::{RESULTS_EPOCH, Scale};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::files::write_atomically;
use crate::journal::checksum;

/// The program that made rows: same build, same task id, same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Version of the project.
    pub version: String,
    /// The compiler.
    pub rustc: String,
    /// The target triple.
    pub target: String,
    /// Which simulation kernels run.
    pub kernel_level: String,
    /// [`RESULTS_EPOCH`].
    pub results_epoch: u32,
    /// Hash of the sources that rows are made by, in hexadecimal digits.
    pub sources: String,
}

impl Build {
    /// This program, with its kernel level.
    #[must_use]
    pub fn this(kernel_level: &str) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            rustc: env!("UPSLOPE_RUSTC_VERSION").to_owned(),
            target: env!("UPSLOPE_TARGET").to_owned(),
            kernel_level: kernel_level.to_owned(),
            results_epoch: RESULTS_EPOCH,
            sources: env!("UPSLOPE_SOURCES").to_owned(),
        }
    }

    /// What the promise of identical rows depends on, in one line.
    #[must_use]
    pub fn key(&self) -> String {
        let Self { version, results_epoch, target, kernel_level, sources, .. } = self;
        format!("{version}/epoch-{results_epoch}/{target}/{kernel_level}/{sources}")
    }
}

/// Size and checksum of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its name in the folder.
    pub file: String,
    /// Its length in bytes.
    pub bytes: usize,
    /// Its 64-bit FNV-1a hash in hexadecimal digits.
    pub fnv1a64: String,
}

impl FileRecord {
    /// The record of a file with this content.
    #[must_use]
    pub fn new(file: String, content: &[u8]) -> Self {
        Self { file, bytes: content.len(), fnv1a64: checksum(content) }
    }
}

/// What a run did for one experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExperimentRecord {
    /// The experiment.
    pub name: String,
    /// Whether its rows are those of an earlier run that were found in the folder.
    pub earlier_run: bool,
    /// What was fixed besides the seed: names and values.
    pub configuration: Vec<(String, String)>,
    /// Number of tasks.
    pub tasks: usize,
    /// How many of them came from the journal; unknown for files of unknown origin.
    pub reused: Option<usize>,
    /// Number of rows.
    pub rows: usize,
    /// Seconds from the start of its first task to the end of its last one; experiments overlap.
    pub wall_seconds: Option<f64>,
    /// Seconds of all its tasks together.
    pub task_seconds: Option<f64>,
    /// The result file.
    pub csv: FileRecord,
    /// Its figures.
    pub figures: Vec<String>,
    /// The program that made the rows; unknown for files of unknown origin.
    pub build: Option<Build>,
}

/// The record of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The project's name.
    pub project: String,
    /// This program.
    pub build: Build,
    /// The root seed.
    pub seed: u64,
    /// The scale.
    pub scale: Scale,
    /// The command that makes the same rows.
    pub command: String,
    /// Number of threads.
    pub jobs: usize,
    /// Number of cores that the system offers to the process.
    pub host_cores: usize,
    /// Start, UTC.
    pub started: String,
    /// End, UTC.
    pub finished: String,
    /// The experiments of the report.
    pub experiments: Vec<ExperimentRecord>,
}

impl Manifest {
    /// Writes the manifest in one step.
    ///
    /// # Errors
    ///
    /// [`Error::Json`], [`Error::File`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        write_atomically(path, text.as_bytes())
    }

    /// Reads a manifest; `None` if there is none that this version understands.
    #[must_use]
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }
}
