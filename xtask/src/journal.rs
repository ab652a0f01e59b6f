//! The journal of an experiment: one self-checking line per finished task.
//!
//! A line is `task id`, `build`, `rows`, `checksum`, separated by tabs. The rows are a JSON array of arrays of strings (JSON
//! escapes tabs and line ends, so a line is a line). The checksum is the 64-bit FNV-1a hash of everything before the last tab:
//! every step of it is a bijection of the running state, so a change of any single byte is always noticed.
//!
//! The build (version, epoch, target, kernel level) stands in every line because rows are promised to be the same bytes only
//! for the same build; a line of another build, seed or configuration never matches and does no harm.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use qbench::experiment::Row;

use crate::Error;
use crate::files::{file_error, write_atomically};

/// The rows of finished tasks, by task id.
pub type Finished = HashMap<String, Vec<Row>>;

/// An open journal; lines are only ever appended.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    build: String,
}

impl Journal {
    /// Opens or creates a journal and reads the lines of `build`.
    ///
    /// Damaged lines, a torn last one among them, are removed from the file.
    ///
    /// # Errors
    ///
    /// [`Error::File`].
    pub fn open(path: &Path, build: &str) -> Result<(Self, Finished), Error> {
        let build = one_word(build);
        let content = match fs::read(path) {
            Ok(content) => content,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(file_error("read", path)(error)),
        };
        let mut finished = Finished::new();
        let mut sound = Vec::with_capacity(content.len());
        for line in content.split_inclusive(|&byte| byte == b'\n') {
            let Some(entry) =
                line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok()).and_then(parse_line)
            else {
                continue;
            };
            sound.extend_from_slice(line);
            if entry.build == build {
                finished.insert(entry.id.to_owned(), entry.rows);
            }
        }
        if sound.len() != content.len() {
            write_atomically(path, &sound)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(file_error("open", path))?;
        let journal = Self { file, path: path.to_owned(), build };
        Ok((journal, finished))
    }

    /// Appends a finished task and hands it to the operating system, so that it survives the end of the process.
    ///
    /// # Errors
    ///
    /// [`Error::File`], [`Error::Json`].
    pub fn append(&mut self, id: &str, rows: &[Row]) -> Result<(), Error> {
        let line = format_line(id, &self.build, rows)?;
        self.file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.flush())
            .map_err(file_error("append to", &self.path))
    }
}

struct Entry<'a> {
    id: &'a str,
    build: &'a str,
    rows: Vec<Row>,
}

fn format_line(id: &str, build: &str, rows: &[Row]) -> Result<String, Error> {
    let body = format!("{id}\t{build}\t{}", serde_json::to_string(rows)?);
    let sum = checksum(body.as_bytes());
    Ok(format!("{body}\t{sum}\n"))
}

fn parse_line(line: &str) -> Option<Entry<'_>> {
    let (body, sum) = line.rsplit_once('\t')?;
    if sum != checksum(body.as_bytes()) {
        return None;
    }
    let mut fields = body.splitn(3, '\t');
    let (id, build, rows) = (fields.next()?, fields.next()?, fields.next()?);
    let rows = serde_json::from_str(rows).ok()?;
    Some(Entry { id, build, rows })
}

/// The 64-bit FNV-1a hash as 16 hexadecimal digits: notices damage, not malice.
#[must_use]
pub fn checksum(bytes: &[u8]) -> String {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

fn one_word(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Row> {
        vec![vec![text.to_owned(), "0.1".to_owned()], vec!["tab\there\nand, \"quotes\"".to_owned(), "NaN".to_owned()]]
    }

    fn three_lines(path: &Path) -> Vec<u8> {
        let (mut journal, finished) = Journal::open(path, "b").unwrap();
        assert!(finished.is_empty());
        for id in ["one", "two", "three"] {
            journal.append(id, &rows(id)).unwrap();
        }
        fs::read(path).unwrap()
    }

    /// Known answers of the FNV-1a reference code.
    #[test]
    fn checksum_known_answers() {
        assert_eq!(checksum(b""), "cbf29ce484222325");
        assert_eq!(checksum(b"a"), "af63dc4c8601ec8c");
        assert_eq!(checksum(b"foobar"), "85944171f73967e8");
    }

    #[test]
    fn rows_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.journal");
        let bytes = three_lines(&path);
        assert_eq!(bytes.iter().filter(|&&byte| byte == b'\n').count(), 3);
        let (_, finished) = Journal::open(&path, "b").unwrap();
        assert_eq!(finished.len(), 3);
        assert_eq!(finished["two"], rows("two"));
        assert_eq!(fs::read(&path).unwrap(), bytes, "a sound journal is left alone");
    }

    #[test]
    fn every_torn_end_keeps_the_lines_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.journal");
        let bytes = three_lines(&path);
        for length in 0..bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            let whole = bytes[..length].iter().filter(|&&byte| byte == b'\n').count();
            let (mut journal, finished) = Journal::open(&path, "b").unwrap();
            assert_eq!(finished.len(), whole, "cut at {length}");
            journal.append("four", &rows("four")).unwrap();
            let (_, finished) = Journal::open(&path, "b").unwrap();
            assert_eq!(finished.len(), whole + 1, "appended after a cut at {length}");
        }
    }

    #[test]
    fn every_damaged_byte_loses_its_line_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.journal");
        let bytes = three_lines(&path);
        let second = bytes.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        let third = second + bytes[second..].iter().position(|&byte| byte == b'\n').unwrap() + 1;
        // The line end itself is not in this range: without it two lines become one damaged line.
        for position in second..third - 1 {
            for change in [0x01, 0x80] {
                let mut damaged = bytes.clone();
                damaged[position] ^= change;
                fs::write(&path, &damaged).unwrap();
                let (_, finished) = Journal::open(&path, "b").unwrap();
                assert!(finished.contains_key("one"), "byte {position}");
                assert!(!finished.contains_key("two"), "byte {position}");
                assert!(finished.contains_key("three"), "byte {position}");
                let repaired = fs::read(&path).unwrap();
                assert_eq!(repaired, [&bytes[..second], &bytes[third..]].concat());
            }
        }
    }

    #[test]
    fn garbage_is_not_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.journal");
        fs::write(&path, b"\xff\xfe\0\n\n\t\t\t\nid\tb\t[]\t0\n").unwrap();
        let (_, finished) = Journal::open(&path, "b").unwrap();
        assert!(finished.is_empty());
        assert_eq!(fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn another_build_neither_matches_nor_vanishes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.journal");
        let bytes = three_lines(&path);
        let (mut journal, finished) = Journal::open(&path, "other build").unwrap();
        assert!(finished.is_empty());
        journal.append("one", &rows("x")).unwrap();
        assert!(fs::read(&path).unwrap().starts_with(&bytes));
        let (_, finished) = Journal::open(&path, "b").unwrap();
        assert_eq!(finished["one"], rows("one"));
        let (_, finished) = Journal::open(&path, "other build").unwrap();
        assert_eq!(finished["one"], rows("x"));
    }
}
