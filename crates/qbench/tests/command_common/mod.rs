//! The real program, started on files.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The program with these arguments, and nothing to read.
pub(crate) fn qbench(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_qbench")).args(args).stdin(Stdio::null()).output().expect("the program starts")
}

/// The JSON document that it prints.
#[track_caller]
pub(crate) fn json(args: &[&str]) -> Value {
    let output = qbench(&[args, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
    assert!(output.stderr.is_empty(), "{args:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// What it says on standard error where it refuses, which is exit code 1 and nothing on standard output.
#[track_caller]
pub(crate) fn refusal(args: &[&str]) -> String {
    let output = qbench(args);
    let message = text(&output.stderr).to_owned();
    assert_eq!(output.status.code(), Some(1), "{args:?}: {message}");
    assert!(output.stdout.is_empty() && message.starts_with("error: "), "{args:?}: {message}");
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

#[track_caller]
pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[track_caller]
pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

/// Writes a file and returns its name.
pub(crate) fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a folder for tests");
    path.to_str().expect("a name in UTF-8").to_owned()
}
