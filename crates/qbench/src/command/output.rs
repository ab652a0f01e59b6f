//! Answers to standard output: text for people, or one JSON document.

use std::fmt::{self, Display};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};

use super::Terminal;
use super::error::{CommandError, Source};

/// Prints an answer: its text, which ends every line itself, or its JSON in one line.
pub(super) fn print(
    answer: &(impl Serialize + Display),
    json: bool,
    terminal: &mut Terminal<'_>,
) -> Result<(), CommandError> {
    let mut out = BufWriter::new(&mut *terminal.stdout);
    if json {
        serde_json::to_writer(&mut out, answer).map_err(std::io::Error::from).map_err(CommandError::Output)?;
        out.write_all(b"\n").map_err(CommandError::Output)?;
    } else {
        write!(out, "{answer}").map_err(CommandError::Output)?;
    }
    out.flush().map_err(CommandError::Output)
}

/// A basis state as a bit string, qubit 0 rightmost.
#[derive(Clone, Copy)]
pub(super) struct Bits {
    pub(super) index: usize,
    pub(super) width: usize,
}

impl Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$b}", self.index, width = self.width)
    }
}

/// A number for each bit string of a register, as a JSON object in the order of the indices.
pub(super) struct ByBits<F> {
    pub(super) width: usize,
    pub(super) number: F,
}

impl<F: Fn(usize) -> f64> Serialize for ByBits<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1 << self.width))?;
        for index in 0..1 << self.width {
            map.serialize_entry(&format_args!("{}", Bits { index, width: self.width }), &(self.number)(index))?;
        }
        map.end()
    }
}

/// A pair of numbers for each basis state, as a JSON list of lists.
pub(super) struct Pairs<F> {
    pub(super) count: usize,
    pub(super) pair: F,
}

impl<F: Fn(usize) -> (f64, f64)> Serialize for Pairs<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.count))?;
        for index in 0..self.count {
            list.serialize_element(&(self.pair)(index))?;
        }
        list.end()
    }
}

/// Columns of text: the first to the left, the others to the right.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(|&cell| cell.to_owned()).collect()] }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        for row in &self.rows {
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                match column {
                    0 => write!(f, "{cell:<width$}")?,
                    _ => write!(f, "  {cell:>width$}")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// An estimate for people: two digits of the error, and as many of the value.
pub(super) struct WithError {
    pub(super) value: f64,
    pub(super) std_error: f64,
}

impl Display for WithError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, error) = (self.value, self.std_error);
        if !(error > 0.0 && error.is_finite() && value.is_finite()) {
            return write!(f, "{value} +- {error}");
        }
        let places = 1 - error.log10().floor() as i64;
        match usize::try_from(places) {
            Ok(places) if places <= 12 => write!(f, "{value:.places$} +- {error:.places$}"),
            Ok(_) => write!(f, "{value:e} +- {error:.1e}"),
            Err(_) => write!(f, "{value:.0} +- {error:.0}"),
        }
    }
}

/// Writes a file in one step: a kill leaves the old one or the new one.
pub(super) fn write_whole(path: &Path, text: &str) -> Result<(), CommandError> {
    let part = part_of(path);
    std::fs::write(&part, text)
        .and_then(|()| std::fs::rename(&part, path))
        .map_err(|source| CommandError::Write { path: Source::File(path.to_owned()), source })
}

/// Refuses a place where [`write_whole`] would fail, before anything is spent on what is to be written there.
pub(super) fn check_writable(path: &Path) -> Result<(), CommandError> {
    let part = part_of(path);
    let written = match path.is_dir() {
        true => Err(std::io::ErrorKind::IsADirectory.into()),
        false => std::fs::write(&part, "").and_then(|()| std::fs::remove_file(&part)),
    };
    written.map_err(|source| CommandError::Write { path: Source::File(path.to_owned()), source })
}

/// The file that becomes another one when it is whole.
fn part_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_rounded_to_two_digits_of_their_error() {
        let text = |value, std_error| WithError { value, std_error }.to_string();
        assert_eq!(text(0.123456, 0.0234), "0.123 +- 0.023");
        assert_eq!(text(-12.3456, 0.5), "-12.35 +- 0.50");
        assert_eq!(text(1234.5, 67.0), "1234 +- 67");
        assert_eq!(text(1234.5, 670.0), "1234 +- 670");
        assert_eq!(text(0.25, 0.0), "0.25 +- 0");
        assert_eq!(text(1.0, 3e-15), "1e0 +- 3.0e-15");
    }

    #[test]
    fn tables_are_aligned() {
        let mut table = Table::new(&["a", "number"]);
        table.row(["long".to_owned(), "1".to_owned()]);
        assert_eq!(table.to_string(), "a     number\nlong       1\n");
    }

    #[test]
    fn bit_strings_have_qubit_0_rightmost() {
        assert_eq!(Bits { index: 1, width: 3 }.to_string(), "001");
        let map = ByBits { width: 1, number: |index| index as f64 / 2.0 };
        assert_eq!(serde_json::to_string(&map).expect("numbers"), r#"{"0":0.0,"1":0.5}"#);
        let list = Pairs { count: 2, pair: |index| (index as f64, -0.5) };
        assert_eq!(serde_json::to_string(&list).expect("numbers"), "[[0.0,-0.5],[1.0,-0.5]]");
    }
}
