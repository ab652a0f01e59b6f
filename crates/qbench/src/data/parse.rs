//! CSV reader of data sets.

use std::collections::{BTreeMap, BTreeSet};

use super::preprocess::LARGEST;
use super::{DataError, Dataset};

pub(super) fn parse(name: &str, text: &str) -> Result<Dataset, DataError> {
    // Lengths are compared here, not by the reader, so that the error can be typed.
    let mut reader =
        csv::ReaderBuilder::new().has_headers(true).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let header: Vec<String> =
        reader.headers().map_err(|error| csv_error(&error, text))?.iter().map(str::to_owned).collect();
    check_header(&header)?;
    let feature_names = header[..header.len() - 2].to_vec();

    let mut features = Vec::new();
    let mut labels = Vec::new();
    let mut names: BTreeMap<usize, String> = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(|error| csv_error(&error, text))?;
        if record.len() != header.len() {
            let (line, found) = (line_of(&record, text), record.len());
            return Err(DataError::FieldCount { line, found, expected: header.len() });
        }
        let field_error = |column: usize, expected| DataError::Field {
            line: line_of(&record, text),
            column: header[column].clone(),
            found: record[column].to_owned(),
            expected,
        };
        for column in 0..feature_names.len() {
            match record[column].parse::<f64>() {
                Ok(value) if value.is_finite() => features.push(value),
                _ => return Err(field_error(column, "a finite number")),
            }
        }
        let (label_column, name_column) = (header.len() - 2, header.len() - 1);
        let label =
            record[label_column].parse::<usize>().map_err(|_| field_error(label_column, "an integer from 0"))?;
        let label_name = &record[name_column];
        if label_name.is_empty() {
            return Err(field_error(name_column, "a name"));
        }
        let known = names.entry(label).or_insert_with(|| label_name.to_owned());
        if known != label_name {
            let (line, found) = (line_of(&record, text), label_name.to_owned());
            return Err(DataError::LabelName { line, label, found, earlier: known.clone() });
        }
        labels.push(label);
    }

    let Some((&largest, _)) = names.last_key_value() else {
        return Err(DataError::NoSamples);
    };
    if let Some((missing, _)) = names.keys().enumerate().find(|&(expected, &label)| expected != label) {
        return Err(DataError::MissingLabel { missing, largest });
    }
    let label_names = names.into_values().collect();
    Ok(Dataset { name: name.to_owned(), features, feature_names, labels, label_names })
}

/// A table with any columns, one of which holds the names of the classes.
pub(super) fn parse_table(name: &str, text: &str, label: Option<&str>) -> Result<Dataset, DataError> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(true).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let header: Vec<String> =
        reader.headers().map_err(|error| csv_error(&error, text))?.iter().map(str::to_owned).collect();
    if header.len() < 2 {
        let found = header.first().cloned().unwrap_or_default();
        return Err(DataError::Header { column: header.len().max(1), found, expected: "features and a class" });
    }
    check_names(&header)?;
    let label_column = match label {
        None => header.len() - 1,
        Some(label) => header
            .iter()
            .position(|column| column == label)
            .ok_or_else(|| DataError::UnknownColumn { column: label.to_owned(), known: first_names(&header) })?,
    };
    let (mut features, mut classes) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = record.map_err(|error| csv_error(&error, text))?;
        if record.len() != header.len() {
            let (line, found) = (line_of(&record, text), record.len());
            return Err(DataError::FieldCount { line, found, expected: header.len() });
        }
        for (column, field) in record.iter().enumerate() {
            let error = |expected| {
                let (line, column, found) = (line_of(&record, text), header[column].clone(), field.to_owned());
                DataError::Field { line, column, found, expected }
            };
            if column == label_column {
                if field.is_empty() {
                    return Err(error("the name of a class"));
                }
                classes.push(field.to_owned());
            } else {
                match field.parse::<f64>() {
                    Ok(value) if value.abs() <= LARGEST => features.push(value),
                    Ok(value) if value.is_finite() => return Err(error("a number that can be squared, at most 1e150")),
                    _ => return Err(error("a finite number")),
                }
            }
        }
    }
    if classes.is_empty() {
        return Err(DataError::NoSamples);
    }
    let label_names: Vec<String> = classes.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
    let place = |class: &String| label_names.binary_search(class).expect("the names are those of the samples");
    let labels = classes.iter().map(place).collect();
    let feature_names = (0..header.len()).filter(|&column| column != label_column).map(|column| header[column].clone());
    Ok(Dataset { name: name.to_owned(), features, feature_names: feature_names.collect(), labels, label_names })
}

/// The names, or the first of very many.
fn first_names(names: &[String]) -> String {
    const MOST: usize = 64;
    let more = if names.len() > MOST { format!(", and {} more", names.len() - MOST) } else { String::new() };
    names[..names.len().min(MOST)].join(", ") + &more
}

fn check_header(header: &[String]) -> Result<(), DataError> {
    let error = |column: usize, expected| DataError::Header {
        column: column + 1,
        found: header.get(column).cloned().unwrap_or_default(),
        expected,
    };
    if header.len() < 3 {
        return Err(error(header.len(), "features, then \"label\" and \"label_name\""));
    }
    for (column, name) in [(header.len() - 2, "label"), (header.len() - 1, "label_name")] {
        if header[column] != name {
            return Err(error(column, if name == "label" { "\"label\"" } else { "\"label_name\"" }));
        }
    }
    check_names(header)
}

/// Every column has a name of its own.
fn check_names(header: &[String]) -> Result<(), DataError> {
    let mut seen = BTreeSet::new();
    for (column, name) in header.iter().enumerate() {
        if name.is_empty() {
            return Err(DataError::Header { column: column + 1, found: String::new(), expected: "a name" });
        }
        if !seen.insert(name) {
            return Err(DataError::DuplicateColumn { column: column + 1, name: name.clone() });
        }
    }
    Ok(())
}

/// The line of a record, for messages alone: it takes a pass over the text.
fn line_of(record: &csv::StringRecord, text: &str) -> u64 {
    record.position().map_or(0, |position| line_at(text, position.byte()))
}

/// The line of the record that starts at or after `byte`. The reader's own position is taken before it skips blank lines
/// and the second half of a CR LF, so it can be too small.
fn line_at(text: &str, byte: u64) -> u64 {
    let start = usize::try_from(byte).unwrap_or(usize::MAX).min(text.len());
    let bytes = text.as_bytes();
    let skipped = bytes[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let before = &bytes[..start + skipped];
    1 + before.iter().filter(|&&byte| byte == b'\n').count() as u64
}

fn csv_error(error: &csv::Error, text: &str) -> DataError {
    let line = error.position().map_or(1, |position| line_at(text, position.byte()));
    DataError::Csv { line, message: error.to_string() }
}
