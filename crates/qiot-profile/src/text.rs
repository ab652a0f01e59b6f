//! The text form of a profile: TOML in, TOML out, and errors that name the field and the line.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::Place;
use crate::{DeviceProfile, Error, Warning};

/// A profile as it was read, and what had to be corrected.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The profile, which passes [`DeviceProfile::check`].
    pub profile: DeviceProfile,
    /// What was corrected, in the order of the text.
    pub warnings: Vec<Warning>,
}

impl DeviceProfile {
    /// Reads a profile and checks it as [`check`](Self::check) does, with one exception: real calibrations have qubits whose
    /// measured T2 is larger than 2 T1, which no noise model allows. Such a T2 is taken as 2 T1 and a [`Warning`] says so.
    /// Unknown fields are refused.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`], [`Error::UnknownField`], [`Error::MissingField`], [`Error::WrongType`], or what
    /// [`check`](Self::check) finds; each names the line, and all but the first the field.
    pub fn load(text: &str) -> Result<Loaded, Error> {
        let document = DeTable::parse(text).map_err(|error| Error::Syntax {
            line: line_of(text, error.span()),
            message: error.message().to_owned(),
        })?;
        let document = document.get_ref();
        let mut profile: Self = toml::from_str(text).map_err(|error| read_error(text, document, &error))?;
        let line = |field: &str| find(document, field).map(|span| line_of(text, Some(span)));
        let mut warnings = Vec::new();
        for (index, qubit) in profile.qubits.calibration.iter_mut().flatten().enumerate() {
            let (t1_us, t2_us) = (qubit.t1_us, qubit.t2_us);
            if t2_us.is_finite() && t1_us > 0.0 && t2_us > 2.0 * t1_us {
                let field = format!("qubits.calibration[{index}].t2_us");
                warnings.push(Warning::ClampedT2 { at: Place { line: line(&field), field }, t1_us, t2_us });
                qubit.t2_us = 2.0 * t1_us;
            }
        }
        profile.check().map_err(|mut error| {
            if let Some(place) = error.place_mut() {
                place.line = line(&place.field);
            }
            error
        })?;
        Ok(Loaded { profile, warnings })
    }

    /// As [`load`](Self::load) where nobody looks at the warnings.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load).
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        Self::load(text).map(|loaded| loaded.profile)
    }

    /// Writes the profile; [`from_toml`](Self::from_toml) reads it back to an equal one.
    ///
    /// Comments of a file that the profile was read from are not kept.
    ///
    /// # Errors
    ///
    /// What [`check`](Self::check) finds; [`Error::Unwritable`] if the TOML writer fails.
    pub fn to_toml(&self) -> Result<String, Error> {
        self.check()?;
        toml::to_string(self).map_err(|error| Error::Unwritable { message: error.to_string() })
    }
}

/// Turns the error of the TOML reader into one that names the field.
///
/// The reader gives the span of a key (unknown field), of a table (missing field) or of a value (anything else); the fields'
/// names follow from looking the span up in the document.
fn read_error(text: &str, document: &DeTable<'_>, error: &toml::de::Error) -> Error {
    let span = error.span().unwrap_or_default();
    let path = path_of(document, &span).unwrap_or_default();
    let at = |field| Place { field, line: Some(line_of(text, Some(span.clone()))) };
    let message = error.message();
    // These two beginnings are serde's own wording, held by tests; should it change, the error is still
    // one with field, line and message.
    if let Some(name) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        // The header of the first table of an array has the span of the array's key.
        let first = document.get(path.as_str()).is_some_and(|value| matches!(value.get_ref(), DeValue::Array(_)));
        let path = if first { format!("{path}[0]") } else { path };
        let field = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        Error::MissingField { at: at(field) }
    } else if message.starts_with("unknown field `") {
        Error::UnknownField { at: at(path) }
    } else {
        Error::WrongType { at: at(path), message: message.to_owned() }
    }
}

/// The line, counted from 1, on which a span begins.
fn line_of(text: &str, span: Option<Range<usize>>) -> usize {
    let start = span.map_or(0, |span| span.start).min(text.len());
    1 + text.as_bytes()[..start].iter().filter(|&&byte| byte == b'\n').count()
}

/// The dotted path of the field whose key or value has exactly this span.
fn path_of(table: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let name = key.get_ref();
        if key.span() == *span {
            return Some(name.to_string());
        }
        path_in(value, span).map(|rest| format!("{name}{rest}"))
    })
}

/// As [`path_of`] for one value: what is to be appended to the value's own name.
fn path_in(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> Option<String> {
    if value.span() == *span {
        return Some(String::new());
    }
    match value.get_ref() {
        DeValue::Table(table) => path_of(table, span).map(|path| format!(".{path}")),
        DeValue::Array(values) => values
            .iter()
            .enumerate()
            .find_map(|(index, value)| path_in(value, span).map(|rest| format!("[{index}]{rest}"))),
        _ => None,
    }
}

/// The span of the value at a path as [`DeviceProfile::check`] writes them: names joined by dots, each perhaps with an index.
/// Where the last name is missing, the span of the table that lacks it.
fn find(document: &DeTable<'_>, path: &str) -> Option<Range<usize>> {
    let mut table = document;
    let mut span = None;
    for step in path.split('.') {
        let (name, index) = match step.split_once('[') {
            Some((name, index)) => (name, Some(index.strip_suffix(']')?.parse::<usize>().ok()?)),
            None => (step, None),
        };
        let Some(mut value) = table.get(name) else { break };
        if let Some(index) = index {
            value = value.get_ref().as_array()?.get(index)?;
        }
        span = Some(value.span());
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    span
}
