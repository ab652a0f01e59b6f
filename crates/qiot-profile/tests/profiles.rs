//! The text form of a profile: what is read, what is refused, and where the error says it is.

use proptest::prelude::*;
use qiot_profile::{DeviceProfile, Energy, Error, Latency, Limits, Qubits};

mod common;

/// One field per line, so that a test can say which line it breaks.
const LINES: [&str; 23] = [
    r#"name = "bench""#,            // 1
    r#"description = "two ions""#,  // 2
    r#"source = "assumed""#,        // 3
    "",                             // 4
    "[qubits]",                     // 5
    "count = 3",                    // 6
    "coupling = [",                 // 7
    "    [0, 1],",                  // 8
    "    [1, 2],",                  // 9
    "]",                            // 10
    "[limits]",                     // 11
    "shots_total = 10_000",         // 12
    "shots_per_circuit = 100",      // 13
    "circuits_per_job = 7",         // 14
    "seconds_total = 3600",         // 15
    "[latency]",                    // 16
    "job_overhead_seconds = 0.5",   // 17
    "circuit_overhead_seconds = 0", // 18
    "shot_seconds = 1e-3",          // 19
    "[energy]",                     // 20
    "joules_per_shot = 2.5",        // 21
    "joules_per_job = 0.25",        // 22
    "# end",                        // 23
];

/// The text with one line (counted from 1) replaced.
fn text_with(line: usize, replacement: &str) -> String {
    let mut lines = LINES;
    lines[line - 1] = replacement;
    lines.join("\n")
}

fn error_with(line: usize, replacement: &str) -> Error {
    DeviceProfile::from_toml(&text_with(line, replacement)).expect_err("the text is wrong")
}

/// Asserts the place and that the message shows it.
fn assert_place(error: &Error, field: &str, line: usize) {
    let place = error.place().unwrap_or_else(|| panic!("{error:?} names no place"));
    assert_eq!((place.field.as_str(), place.line), (field, Some(line)), "{error}");
    let message = error.to_string();
    assert!(message.starts_with(&format!("line {line}: `{field}`")), "{message}");
}

#[test]
fn every_field_is_read() {
    let expected = DeviceProfile {
        name: "bench".into(),
        description: "two ions".into(),
        source: "assumed".into(),
        qubits: Qubits { count: 3, coupling: Some(vec![[0, 1], [1, 2]]) },
        limits: Limits {
            shots_total: Some(10_000),
            shots_per_circuit: Some(100),
            circuits_per_job: Some(7),
            seconds_total: Some(3600.0),
        },
        latency: Latency { job_overhead_seconds: 0.5, circuit_overhead_seconds: 0.0, shot_seconds: 1e-3 },
        energy: Energy { joules_per_shot: 2.5, joules_per_job: 0.25 },
    };
    assert_eq!(DeviceProfile::from_toml(&LINES.join("\n")), Ok(expected));
}

#[test]
fn limits_and_coupling_may_be_absent() {
    let mut lines = LINES;
    for line in [7, 8, 9, 10, 12, 13, 14, 15] {
        lines[line - 1] = "";
    }
    let profile = DeviceProfile::from_toml(&lines.join("\n")).expect("optional fields are absent");
    assert_eq!(profile.limits, Limits::default());
    assert_eq!(profile.qubits.coupling, None);
}

#[test]
fn unknown_fields_and_sections_are_refused_with_their_line() {
    for (line, text, field) in [
        (4, "colour = 3", "colour"),
        (15, "seconds_totl = 3600", "limits.seconds_totl"),
        (19, "shot_seconds = 1e-3\nshot_millis = 1", "latency.shot_millis"),
        (23, "[noise]", "noise"),
        (23, "[[noise]]", "noise"),
    ] {
        let error = error_with(line, text);
        assert!(matches!(error, Error::UnknownField { .. }), "{error:?}");
        assert_place(&error, field, line + text.matches('\n').count());
    }
}

#[test]
fn every_required_field_is_missed_in_the_table_that_lacks_it() {
    for (line, field, table_line) in [
        (1, "name", 1),
        (2, "description", 1),
        (3, "source", 1),
        (6, "qubits.count", 5),
        (17, "latency.job_overhead_seconds", 16),
        (18, "latency.circuit_overhead_seconds", 16),
        (19, "latency.shot_seconds", 16),
        (21, "energy.joules_per_shot", 20),
        (22, "energy.joules_per_job", 20),
    ] {
        let error = error_with(line, "");
        assert!(matches!(error, Error::MissingField { .. }), "{error:?}");
        assert_place(&error, field, table_line);
    }
}

#[test]
fn every_section_is_required() {
    for (section, lines) in [("qubits", 5..=10), ("limits", 11..=15), ("latency", 16..=19), ("energy", 20..=22)] {
        let text: Vec<_> = (1..=LINES.len()).filter(|line| !lines.contains(line)).map(|line| LINES[line - 1]).collect();
        let error = DeviceProfile::from_toml(&text.join("\n")).expect_err("a section is missing");
        assert!(matches!(error, Error::MissingField { .. }), "{error:?}");
        assert_place(&error, section, 1);
    }
    assert!(matches!(DeviceProfile::from_toml(""), Err(Error::MissingField { .. })));
}

#[test]
fn wrong_types_are_refused_with_their_line() {
    for (line, text, field, line_of_error) in [
        (1, "name = 3", "name", 1),
        (6, "count = 4.5", "qubits.count", 6),
        (6, "count = -4", "qubits.count", 6),
        (6, "count = '4'", "qubits.count", 6),
        (9, "[1, -2],", "qubits.coupling[1][1]", 9),
        (9, "[1],", "qubits.coupling[1]", 9),
        (9, "[1, 2, 0],", "qubits.coupling[1]", 9),
        (9, "[1, 2, 'x'],", "qubits.coupling[1]", 9),
        (9, "7,", "qubits.coupling[1]", 9),
        (12, "shots_total = -1", "limits.shots_total", 12),
        (12, "shots_total = 1e5", "limits.shots_total", 12),
        (17, "job_overhead_seconds = true", "latency.job_overhead_seconds", 17),
        (17, "job_overhead_seconds = 2026-01-01", "latency.job_overhead_seconds", 17),
    ] {
        let error = error_with(line, text);
        assert!(matches!(error, Error::WrongType { .. }), "{error:?}");
        assert_place(&error, field, line_of_error);
    }
}

#[test]
fn numbers_out_of_range_are_refused_with_their_line() {
    for (line, name, section) in [
        (15, "seconds_total", "limits"),
        (17, "job_overhead_seconds", "latency"),
        (18, "circuit_overhead_seconds", "latency"),
        (19, "shot_seconds", "latency"),
        (21, "joules_per_shot", "energy"),
        (22, "joules_per_job", "energy"),
    ] {
        for value in ["-0.5", "-1", "nan", "-nan", "inf", "-inf", "1e300"] {
            let error = error_with(line, &format!("{name} = {value}"));
            let Error::Number { value: found, .. } = &error else { panic!("{error:?}") };
            let expected: f64 = value.parse().expect("a number");
            assert!(*found == expected || (found.is_nan() && expected.is_nan()), "{found} for {value}");
            assert_place(&error, &format!("{section}.{name}"), line);
        }
    }
}

#[test]
fn counts_out_of_range_are_refused_with_their_line() {
    for (line, text, field) in [
        (6, "count = 0", "qubits.count"),
        (13, "shots_per_circuit = 0", "limits.shots_per_circuit"),
        (14, "circuits_per_job = 0", "limits.circuits_per_job"),
    ] {
        let error = error_with(line, text);
        assert!(matches!(error, Error::Count { value: 0, min: 1, .. }), "{error:?}");
        assert_place(&error, field, line);
    }
    // A budget of nothing is a budget.
    assert!(DeviceProfile::from_toml(&text_with(12, "shots_total = 0")).is_ok());
    // Above what TOML can write.
    let mut profile = common::profile();
    profile.limits.shots_total = Some(u64::MAX);
    let error = profile.to_toml().expect_err("out of range");
    assert!(matches!(error, Error::Count { value: u64::MAX, .. }), "{error:?}");
    assert_eq!(error.place().and_then(|place| place.line), None);
}

#[test]
fn edges_are_checked_and_named_by_index_and_line() {
    let error = error_with(9, "[1, 3],");
    assert!(matches!(error, Error::EdgeOutOfRange { edge: [1, 3], count: 3, .. }), "{error:?}");
    assert_place(&error, "qubits.coupling[1]", 9);
    assert!(error.to_string().contains("qubits 0 to 2"), "{error}");

    let error = error_with(9, "[2, 2],");
    assert!(matches!(error, Error::EdgeLoop { qubit: 2, .. }), "{error:?}");
    assert_place(&error, "qubits.coupling[1]", 9);

    let error = error_with(9, "[1, 2], [0, 2],\n[1, 0],");
    assert!(matches!(error, Error::EdgeTwice { edge: [1, 0], .. }), "{error:?}");
    assert_place(&error, "qubits.coupling[3]", 10);
}

#[test]
fn empty_texts_are_refused_with_their_line() {
    for (line, field) in [(1, "name"), (2, "description"), (3, "source")] {
        let error = error_with(line, &format!("{field} = \" \""));
        assert!(matches!(error, Error::EmptyText { .. }), "{error:?}");
        assert_place(&error, field, line);
    }
}

#[test]
fn text_that_is_no_toml_is_refused_with_its_line() {
    for (line, text) in [
        (5, "[qubits"),
        (12, "shots_total"),
        (12, "shots_total = 1\nshots_total = 2"),
        (23, "\""),
        (23, "[latency.shot_seconds]"),
    ] {
        let error = error_with(line, text);
        let Error::Syntax { line: found, .. } = error else { panic!("{error:?}") };
        assert_eq!(found, line + text.matches('\n').count());
    }
}

#[test]
fn inline_and_dotted_forms_name_the_same_fields() {
    let text = "name = 'a'\ndescription = 'b'\nsource = 'c'\nqubits.count = 2\nlimits = {}\n\
                latency = { job_overhead_seconds = 0, circuit_overhead_seconds = 0,\n  shot_seconds = -1 }\n\
                energy.joules_per_shot = 0\nenergy.joules_per_job = 0\n";
    let error = DeviceProfile::from_toml(text).expect_err("negative");
    assert_place(&error, "latency.shot_seconds", 7);
}

#[test]
fn archetypes_load_and_every_number_of_theirs_is_commented() {
    let shipped = DeviceProfile::shipped();
    let names: Vec<_> = shipped.iter().map(|profile| (profile.name.as_str(), profile.qubits.count)).collect();
    assert_eq!(names, [("sensor-node", 4), ("edge-gateway", 8), ("field-hub", 16)]);
    for profile in &shipped {
        assert_eq!(DeviceProfile::by_name(&profile.name).as_ref(), Ok(profile));
        assert_eq!(profile.check(), Ok(()));
        let path = format!("{}/profiles/{}.toml", env!("CARGO_MANIFEST_DIR"), profile.name);
        let text = std::fs::read_to_string(path).expect("a shipped file");
        let mut previous = "";
        for line in text.lines() {
            // Top-level texts are not numbers; rows of the coupling map belong to the comment above it.
            if line.contains(" = ") && !line.contains('"') && !line.starts_with('#') {
                assert!(previous.starts_with('#'), "{}: no source above `{line}`", profile.name);
            }
            previous = line;
        }
    }
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let error = DeviceProfile::by_name("toaster").expect_err("not shipped");
    assert_eq!(
        error.to_string(),
        "no shipped profile is called `toaster`, there are sensor-node, edge-gateway, field-hub"
    );
}

fn any_profile() -> impl Strategy<Value = DeviceProfile> {
    let count = || proptest::option::of(1..=i64::MAX as u64);
    let price = || 0.0..=1e9;
    (
        ("[a-z\"\\\\\n#é]{1,12}x", any::<bool>()),
        1_usize..40,
        (count(), count(), count(), proptest::option::of(0.0..=1e18)),
        (price(), price(), price(), price(), price()),
    )
        .prop_map(|((text, ring), qubits, limits, prices)| DeviceProfile {
            name: text.clone(),
            description: text.clone(),
            source: text,
            qubits: Qubits {
                count: qubits,
                coupling: ring.then(|| (1..qubits).map(|qubit| [qubit, qubit - 1]).collect()),
            },
            limits: Limits {
                shots_total: limits.0,
                shots_per_circuit: limits.1,
                circuits_per_job: limits.2,
                seconds_total: limits.3,
            },
            latency: Latency {
                job_overhead_seconds: prices.0,
                circuit_overhead_seconds: prices.1,
                shot_seconds: prices.2,
            },
            energy: Energy { joules_per_shot: prices.3, joules_per_job: prices.4 },
        })
}

proptest! {
    /// Written and read again, a profile is the same to the last bit.
    #[test]
    fn toml_round_trip(profile in any_profile()) {
        let text = profile.to_toml().expect("a checked profile");
        prop_assert_eq!(DeviceProfile::from_toml(&text), Ok(profile));
    }

    /// No text makes the reader panic, and a line that is named exists.
    #[test]
    fn broken_text_never_panics(line in 1..=LINES.len(), junk in "[a-z0-9\\[\\]{}=.,'\"\n -]{0,20}") {
        let text = text_with(line, &junk);
        if let Err(error) = DeviceProfile::from_toml(&text) {
            let named = match &error {
                Error::Syntax { line, .. } => Some(*line),
                error => error.place().and_then(|place| place.line),
            };
            let named = named.expect("an error of a text names a line");
            prop_assert!((1..=text.lines().count().max(1) + 1).contains(&named), "{}", error);
        }
    }
}
