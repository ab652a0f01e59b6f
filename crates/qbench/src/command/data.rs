//! The data of a command: shipped sets, or a table of one's own.

use std::path::PathBuf;

use clap::Args;

use super::Terminal;
use super::error::{CommandError, Source};
use super::input::read_text;
use crate::data::{DataError, Dataset};
use crate::experiment::stream_key;
use crate::tasks::Classification;

/// Largest table.
const MAX_BYTES: u64 = 64 << 20;

/// Most samples of a table that are trained on; the others are the test.
const MOST_TRAINED: usize = 64;

/// Qubits of a table with more features.
const MOST_QUBITS: usize = 4;

/// Layers of a classifier unless it is said.
const LAYERS: usize = 3;

/// Samples of a step unless it is said.
const BATCH: usize = 8;

/// Two classes to tell apart.
#[derive(Args, Debug)]
pub(super) struct DataFlags {
    /// Data with two classes: iris, breast-cancer, moons, seattle-weather, or a CSV file with a header
    #[arg(long, value_name = "NAME|FILE")]
    data: Option<String>,
    /// Column of a CSV file that holds the class [default: the last one]
    #[arg(long, value_name = "COLUMN", requires = "data")]
    label: Option<String>,
    /// The two classes of a CSV file that are told apart, where it has more
    #[arg(long, value_name = "A,B", requires = "data", value_delimiter = ',', num_args = 1)]
    classes: Vec<String>,
    /// Qubits of the classifier [default: one for each feature, 2 to 4]
    #[arg(long, value_name = "N", requires = "data", value_parser = clap::value_parser!(u16).range(2..=16))]
    qubits: Option<u16>,
    /// Layers of the classifier [default: 3]
    #[arg(long, value_name = "N", requires = "data", value_parser = clap::value_parser!(u16).range(1..=1000))]
    layers: Option<u16>,
    /// Samples of each step where values come from shots [default: 8]
    #[arg(long, value_name = "N", requires = "data", value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,
}

impl DataFlags {
    /// The classifier of the data, if there are any, and a text that tells equal tables by.
    pub(super) fn read(&self, terminal: &mut Terminal<'_>) -> Result<Option<(Classification, String)>, CommandError> {
        let Some(data) = &self.data else { return Ok(None) };
        let (task, key) = match Classification::shipped(data)? {
            Some(task) => {
                if self.label.is_some() || !self.classes.is_empty() {
                    let reason = "the shipped data have their class; --label and --classes are for CSV files";
                    return Err(CommandError::Refused { what: "--data", reason });
                }
                (task, data.clone())
            }
            None => self.of_table(data, terminal)?,
        };
        let resized =
            task.resized(self.qubits.map(usize::from), self.layers.map(usize::from), self.batch.map(|n| n as usize));
        Ok(Some((resized?, key)))
    }

    fn of_table(&self, data: &str, terminal: &mut Terminal<'_>) -> Result<(Classification, String), CommandError> {
        let path = PathBuf::from(data);
        if path.extension().is_none() && data != "-" && !path.exists() {
            return Err(CommandError::UnknownData { name: data.to_owned() });
        }
        let name = path.file_stem().map_or_else(|| "data".to_owned(), |stem| stem.to_string_lossy().into_owned());
        let source = Source::of_path(&path);
        let text = read_text(&source, MAX_BYTES, terminal)?;
        let of_file = |error| CommandError::Data { place: source.clone(), source: error };
        let mut table = Dataset::from_table(&name, &text, self.label.as_deref()).map_err(of_file)?;
        if let [a, b] = &self.classes[..] {
            let class = |name: &String| {
                let known = || table.label_names().join(", ");
                table.class(name).ok_or_else(|| CommandError::UnknownClass {
                    path: source.clone(),
                    class: name.clone(),
                    known: known(),
                })
            };
            table = table.binary(class(a)?, class(b)?).map_err(of_file)?;
        } else if !self.classes.is_empty() {
            return Err(CommandError::Refused { what: "--classes", reason: "two classes are told apart, give two" });
        }
        if table.class_count() != 2 {
            let classes = table.label_names().to_vec();
            return Err(CommandError::ClassCount { path: source, classes });
        }
        if let Some((class, &samples)) = table.class_sizes().iter().enumerate().find(|&(_, &size)| size < 2) {
            return Err(of_file(DataError::SmallClass { class, samples }));
        }
        // Two classes of two samples at least: two or more are trained on, one or more are left.
        let train = (table.len() * 3 / 5).min(MOST_TRAINED);
        let qubits = table.feature_count().clamp(2, MOST_QUBITS);
        let key =
            format!("{:032x} {} {}", stream_key(&text), self.label.as_deref().unwrap_or(""), self.classes.join(","));
        Ok((Classification::new(name, table, qubits, LAYERS, train, BATCH.min(train))?, key))
    }
}
