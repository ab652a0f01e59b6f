//! The text form of a profile: what is read, what is refused, and where the error says it is.

use proptest::prelude::*;
use qiot_profile::{
    DeviceProfile, Energy, Error, GatePlace, Latency, Limits, NativeGate, QubitCalibration, Qubits, Traffic, Warning,
};

mod common;
use common::bench;

/// One field per line, so that a test can say which line it breaks.
const LINES: [&str; 57] = [
    r#"name = "bench""#,                                                                       // 1
    r#"description = "three ions""#,                                                           // 2
    r#"source = "assumed""#,                                                                   // 3
    r#"calibrated = "2024-05-27T15:27:23-03:00""#,                                             // 4
    r#"licence = "Apache-2.0""#,                                                               // 5
    "",                                                                                        // 6
    "[qubits]",                                                                                // 7
    "count = 3",                                                                               // 8
    "coupling = [",                                                                            // 9
    "    [0, 1],",                                                                             // 10
    "    [1, 2],",                                                                             // 11
    "]",                                                                                       // 12
    "calibration = [",                                                                         // 13
    "    { t1_us = 50, t2_us = 70, p1_given_0 = 0.01, p0_given_1 = 0.02, readout_ns = 700 },", // 14
    "    { t1_us = 40, t2_us = 80, p1_given_0 = 0.03, p0_given_1 = 0.04, readout_ns = 900 },", // 15
    "    { t1_us = 60, t2_us = 30, p1_given_0 = 0, p0_given_1 = 1, readout_ns = 800 },",       // 16
    "]",                                                                                       // 17
    "[limits]",                                                                                // 18
    "shots_total = 10_000",                                                                    // 19
    "shots_per_job = 500",                                                                     // 20
    "shots_per_circuit = 100",                                                                 // 21
    "shots_per_window = 2_000",                                                                // 22
    "window_seconds = 60",                                                                     // 23
    "jobs_total = 40",                                                                         // 24
    "circuits_per_job = 7",                                                                    // 25
    "seconds_total = 3600",                                                                    // 26
    "memory_bytes = 65_536",                                                                   // 27
    "parameters = 32",                                                                         // 28
    "[latency]",                                                                               // 29
    "round_trip_seconds = 0.5",                                                                // 30
    "jitter_seconds = 0.25",                                                                   // 31
    "queue_seconds = 2",                                                                       // 32
    "compile_seconds = 0.125",                                                                 // 33
    "circuit_overhead_seconds = 0",                                                            // 34
    "circuit_seconds = 2e-3",                                                                  // 35
    "reset_seconds = 1e-3",                                                                    // 36
    "[traffic]",                                                                               // 37
    "bytes_per_job = 100",                                                                     // 38
    "bytes_per_circuit = 10",                                                                  // 39
    "bytes_per_shot = 1",                                                                      // 40
    "[energy]",                                                                                // 41
    "joules_per_shot = 2.5",                                                                   // 42
    "joules_per_job = 0.25",                                                                   // 43
    "joules_per_byte = 0.5",                                                                   // 44
    "[[gates]]",                                                                               // 45
    r#"name = "sx""#,                                                                          // 46
    "error = 1e-4",                                                                            // 47
    "duration_ns = 35.5",                                                                      // 48
    "[[gates]]",                                                                               // 49
    r#"name = "cx""#,                                                                          // 50
    "at = [",                                                                                  // 51
    "    { qubits = [0, 1], error = 0.01, duration_ns = 300 },",                               // 52
    "    { qubits = [1, 0], error = 0.01, duration_ns = 350 },",                               // 53
    "    { qubits = [1, 2], error = 0.02, duration_ns = 400 },",                               // 54
    "    { qubits = [2, 1], error = 0.02, duration_ns = 450 },",                               // 55
    "]",                                                                                       // 56
    "# end",                                                                                   // 57
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
    let loaded = DeviceProfile::load(&LINES.join("\n")).expect("valid");
    assert_eq!(loaded.profile, bench());
    assert_eq!(loaded.warnings, [], "T2 = 2 T1 is possible");
}

#[test]
fn what_may_be_absent_does_not_bind() {
    let mut lines = LINES;
    let absent = [4, 5].into_iter().chain(9..=17).chain(19..=28).chain([31]).chain(37..=40).chain(44..=56);
    absent.for_each(|line| lines[line - 1] = "");
    let profile = DeviceProfile::from_toml(&lines.join("\n")).expect("optional fields are absent");
    assert_eq!(profile.limits, Limits::default());
    assert_eq!(profile.traffic, Traffic::default());
    assert_eq!((&profile.qubits.coupling, &profile.qubits.calibration), (&None, &None));
    assert_eq!((profile.latency.jitter_seconds, profile.energy.joules_per_byte), (0.0, 0.0));
    assert_eq!((profile.gates, profile.calibrated, profile.licence), (vec![], None, None));
}

#[test]
fn unknown_fields_and_sections_are_refused_with_their_line() {
    for (line, text, field) in [
        (6, "colour = 3", "colour"),
        (26, "seconds_totl = 3600", "limits.seconds_totl"),
        (36, "reset_seconds = 1e-3\nshot_millis = 1", "latency.shot_millis"),
        (
            15,
            "    { t1_us = 40, t3_us = 80, p1_given_0 = 0, p0_given_1 = 0, readout_ns = 0 },",
            "qubits.calibration[1].t3_us",
        ),
        (48, "duration_ns = 35.5\nduration_us = 3", "gates[0].duration_us"),
        (53, "    { qubits = [1, 0], error = 0.01, duration = 350 },", "gates[1].at[1].duration"),
        (57, "[noise]", "noise"),
        (57, "[[noise]]", "noise"),
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
        (8, "qubits.count", 7),
        (30, "latency.round_trip_seconds", 29),
        (32, "latency.queue_seconds", 29),
        (33, "latency.compile_seconds", 29),
        (34, "latency.circuit_overhead_seconds", 29),
        (35, "latency.circuit_seconds", 29),
        (36, "latency.reset_seconds", 29),
        (38, "traffic.bytes_per_job", 37),
        (42, "energy.joules_per_shot", 41),
        (43, "energy.joules_per_job", 41),
        (46, "gates[0].name", 45),
        // Found by the check and not by the reader, in the table that exists.
        (23, "limits.window_seconds", 18),
        (47, "gates[0].error", 45),
        (48, "gates[0].duration_ns", 45),
    ] {
        let error = error_with(line, "");
        assert!(matches!(error, Error::MissingField { .. }), "{error:?}");
        assert_place(&error, field, table_line);
    }
    let error = error_with(15, "    { t1_us = 40, p1_given_0 = 0, p0_given_1 = 0, readout_ns = 0 },");
    assert_place(&error, "qubits.calibration[1].t2_us", 15);
}

#[test]
fn every_section_is_required() {
    for (section, lines) in [("qubits", 7..=17), ("limits", 18..=28), ("latency", 29..=36), ("energy", 41..=44)] {
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
        (4, "calibrated = 2024-05-27", "calibrated", 4),
        (8, "count = 4.5", "qubits.count", 8),
        (8, "count = -4", "qubits.count", 8),
        (8, "count = '4'", "qubits.count", 8),
        (11, "[1, -2],", "qubits.coupling[1][1]", 11),
        (11, "[1],", "qubits.coupling[1]", 11),
        (11, "[1, 2, 0],", "qubits.coupling[1]", 11),
        (11, "[1, 2, 'x'],", "qubits.coupling[1]", 11),
        (11, "7,", "qubits.coupling[1]", 11),
        (16, "7,", "qubits.calibration[2]", 16),
        (19, "shots_total = -1", "limits.shots_total", 19),
        (19, "shots_total = 1e5", "limits.shots_total", 19),
        (30, "round_trip_seconds = true", "latency.round_trip_seconds", 30),
        (30, "round_trip_seconds = 2026-01-01", "latency.round_trip_seconds", 30),
        (47, "error = 'small'", "gates[0].error", 47),
        (53, "    { qubits = [1, -1], error = 0.01, duration_ns = 350 },", "gates[1].at[1].qubits[1]", 53),
    ] {
        let error = error_with(line, text);
        assert!(matches!(error, Error::WrongType { .. }), "{error:?}");
        assert_place(&error, field, line_of_error);
    }
}

#[test]
fn numbers_out_of_range_are_refused_with_their_line() {
    for (line, name, section) in [
        (23, "window_seconds", "limits"),
        (26, "seconds_total", "limits"),
        (30, "round_trip_seconds", "latency"),
        (31, "jitter_seconds", "latency"),
        (32, "queue_seconds", "latency"),
        (33, "compile_seconds", "latency"),
        (34, "circuit_overhead_seconds", "latency"),
        (35, "circuit_seconds", "latency"),
        (36, "reset_seconds", "latency"),
        (42, "joules_per_shot", "energy"),
        (43, "joules_per_job", "energy"),
        (44, "joules_per_byte", "energy"),
        (47, "error", "gates[0]"),
        (48, "duration_ns", "gates[0]"),
    ] {
        for value in ["-0.5", "-1", "nan", "-nan", "inf", "-inf", "1e300"] {
            let error = error_with(line, &format!("{name} = {value}"));
            let Error::Number { value: found, .. } = &error else { panic!("{error:?}") };
            let expected: f64 = value.parse().expect("a number");
            assert!(*found == expected || (found.is_nan() && expected.is_nan()), "{found} for {value}");
            assert_place(&error, &format!("{section}.{name}"), line);
            // No row of three hundred digits.
            assert!(error.to_string().len() < 120, "{error}");
        }
    }
    let error = error_with(30, "round_trip_seconds = 1e308");
    assert_eq!(error.to_string(), "line 30: `latency.round_trip_seconds` is 1e308, allowed are 0 to 1e9");
    for (line, name) in [(47, "gates[0].error"), (52, "gates[1].at[0].error")] {
        let text = if line == 47 { "error = 1.5" } else { "    { qubits = [0, 1], error = 2.0, duration_ns = 300 }," };
        let error = error_with(line, text);
        assert!(matches!(error, Error::Number { max: 1.0, .. }), "{error:?}");
        assert_place(&error, name, line);
    }
}

#[test]
fn calibrations_that_cannot_be_are_refused_with_their_line() {
    let row = |t1: &str, t2: &str, p1: &str, p0: &str, readout: &str| {
        format!("    {{ t1_us = {t1}, t2_us = {t2}, p1_given_0 = {p1}, p0_given_1 = {p0}, readout_ns = {readout} }},")
    };
    for (text, field) in [
        (row("-1", "1", "0", "0", "0"), "t1_us"),
        (row("nan", "1", "0", "0", "0"), "t1_us"),
        (row("inf", "1", "0", "0", "0"), "t1_us"),
        (row("1", "nan", "0", "0", "0"), "t2_us"),
        (row("1", "inf", "0", "0", "0"), "t2_us"),
        (row("1", "1", "1.1", "0", "0"), "p1_given_0"),
        (row("1", "1", "-0.1", "0", "0"), "p1_given_0"),
        (row("1", "1", "0", "nan", "0"), "p0_given_1"),
        (row("1", "1", "0", "0", "-1"), "readout_ns"),
    ] {
        let error = error_with(15, &text);
        assert!(matches!(error, Error::Number { .. }), "{error:?}");
        assert_place(&error, &format!("qubits.calibration[1].{field}"), 15);
    }
    for (text, field) in [(row("0", "0", "0", "0", "0"), "t1_us"), (row("1", "0", "0", "0", "0"), "t2_us")] {
        let error = error_with(15, &text);
        assert!(matches!(error, Error::NotPositive { .. }), "{error:?}");
        assert_place(&error, &format!("qubits.calibration[1].{field}"), 15);
    }
    let error = error_with(15, "");
    assert!(matches!(error, Error::CalibrationLength { got: 2, count: 3, .. }), "{error:?}");
    assert_place(&error, "qubits.calibration", 13);
    let error = error_with(4, "calibrated = 'last spring'");
    assert!(matches!(&error, Error::Date { text, .. } if text == "last spring"), "{error:?}");
    assert_place(&error, "calibrated", 4);
    assert_place(&error_with(4, "calibrated = '12:30:00'"), "calibrated", 4);
}

#[test]
fn a_coherence_time_beyond_the_relaxation_is_clamped_by_the_loader_and_refused_elsewhere() {
    let row = "    { t1_us = 40, t2_us = 81, p1_given_0 = 0.03, p0_given_1 = 0.04, readout_ns = 900 },";
    let loaded = DeviceProfile::load(&text_with(15, row)).expect("clamped");
    assert_eq!(loaded.profile, bench(), "clamped to 80");
    let [warning @ Warning::ClampedT2 { at, t1_us: 40.0, t2_us: 81.0 }] = &loaded.warnings[..] else {
        panic!("{:?}", loaded.warnings)
    };
    assert_eq!((at.field.as_str(), at.line), ("qubits.calibration[1].t2_us", Some(15)));
    assert_eq!(
        warning.to_string(),
        "line 15: `qubits.calibration[1].t2_us` is 81, which is more than 2 t1_us: taken as 80"
    );

    let loaded = DeviceProfile::load(&text_with(15, &row.replace("81", "1e308"))).expect("clamped");
    assert!(loaded.warnings[0].to_string().ends_with("is 1e308, which is more than 2 t1_us: taken as 80"));

    let mut profile = bench();
    profile.qubits.calibration.as_mut().expect("calibrated")[1].t2_us = 81.0;
    assert!(matches!(profile.check(), Err(Error::Relaxation { t1_us: 40.0, t2_us: 81.0, .. })));
}

#[test]
fn gates_that_cannot_be_are_refused_with_their_line() {
    let error = error_with(46, "name = 'toffoli'");
    assert!(matches!(&error, Error::UnknownGate { name, .. } if name == "toffoli"), "{error:?}");
    assert_place(&error, "gates[0].name", 46);
    assert!(error.to_string().contains("rzz"), "{error}");
    assert_place(&error_with(46, "name = 'ccx'"), "gates[0].name", 46);

    let error = error_with(50, "name = 'sx'");
    assert!(matches!(&error, Error::GateTwice { name, .. } if name == "sx"), "{error:?}");
    assert_place(&error, "gates[1].name", 50);

    let error = error_with(50, "name = 'cx'\nerror = 0.1");
    assert!(matches!(error, Error::GateForm { .. }), "{error:?}");
    assert_place(&error, "gates[1].at", 52);

    let place = |qubits: &str| format!("    {{ qubits = {qubits}, error = 0.01, duration_ns = 350 }},");
    let error = error_with(53, &place("[1]"));
    assert!(matches!(error, Error::GateQubits { gate: "cx", expected: 2, got: 1, .. }), "{error:?}");
    assert_place(&error, "gates[1].at[1].qubits", 53);
    let error = error_with(53, &place("[1, 3]"));
    assert!(matches!(error, Error::QubitOutOfRange { qubit: 3, count: 3, .. }), "{error:?}");
    assert_place(&error, "gates[1].at[1].qubits", 53);
    let error = error_with(53, &place("[1, 1]"));
    assert!(matches!(error, Error::EdgeLoop { qubit: 1, .. }), "{error:?}");
    assert_place(&error, "gates[1].at[1].qubits", 53);
    let error = error_with(53, &place("[0, 2]"));
    assert!(matches!(error, Error::Uncoupled { edge: [0, 2], .. }), "{error:?}");
    assert_place(&error, "gates[1].at[1].qubits", 53);
    let error = error_with(53, &place("[0, 1]"));
    assert!(matches!(&error, Error::PlaceTwice { qubits, .. } if *qubits == [0, 1]), "{error:?}");
    assert_place(&error, "gates[1].at[1].qubits", 53);
}

#[test]
fn counts_out_of_range_are_refused_with_their_line() {
    for (line, text, field) in [
        (8, "count = 0", "qubits.count"),
        (20, "shots_per_job = 0", "limits.shots_per_job"),
        (21, "shots_per_circuit = 0", "limits.shots_per_circuit"),
        (22, "shots_per_window = 0", "limits.shots_per_window"),
        (25, "circuits_per_job = 0", "limits.circuits_per_job"),
        (27, "memory_bytes = 0", "limits.memory_bytes"),
        (28, "parameters = 0", "limits.parameters"),
    ] {
        let error = error_with(line, text);
        assert!(matches!(error, Error::Count { value: 0, min: 1, .. }), "{error:?}");
        assert_place(&error, field, line);
    }
    assert_place(&error_with(8, "count = 5000"), "qubits.count", 8);
    let error = error_with(23, "window_seconds = 0");
    assert!(matches!(error, Error::NotPositive { .. }), "{error:?}");
    assert_place(&error, "limits.window_seconds", 23);
    // A budget of nothing is a budget.
    assert!(DeviceProfile::from_toml(&text_with(19, "shots_total = 0")).is_ok());
    assert!(DeviceProfile::from_toml(&text_with(24, "jobs_total = 0")).is_ok());
    // Above what TOML can write.
    let mut profile = common::profile();
    profile.limits.shots_total = Some(u64::MAX);
    let error = profile.to_toml().expect_err("out of range");
    assert!(matches!(error, Error::Count { value: u64::MAX, .. }), "{error:?}");
    assert_eq!(error.place().and_then(|place| place.line), None);
}

#[test]
fn edges_are_checked_and_named_by_index_and_line() {
    let error = error_with(11, "[1, 3],");
    assert!(matches!(error, Error::EdgeOutOfRange { edge: [1, 3], count: 3, .. }), "{error:?}");
    assert_place(&error, "qubits.coupling[1]", 11);
    assert!(error.to_string().contains("qubits 0 to 2"), "{error}");

    let error = error_with(11, "[2, 2],");
    assert!(matches!(error, Error::EdgeLoop { qubit: 2, .. }), "{error:?}");
    assert_place(&error, "qubits.coupling[1]", 11);

    let error = error_with(11, "[1, 2], [0, 2],\n[1, 0],");
    assert!(matches!(error, Error::EdgeTwice { edge: [1, 0], .. }), "{error:?}");
    assert_place(&error, "qubits.coupling[3]", 12);
}

#[test]
fn empty_texts_are_refused_with_their_line() {
    for (line, field) in [(1, "name"), (2, "description"), (3, "source"), (5, "licence")] {
        let error = error_with(line, &format!("{field} = \" \""));
        assert!(matches!(error, Error::EmptyText { .. }), "{error:?}");
        assert_place(&error, field, line);
    }
}

#[test]
fn text_that_is_no_toml_is_refused_with_its_line() {
    for (line, text) in [
        (7, "[qubits"),
        (19, "shots_total"),
        (19, "shots_total = 1\nshots_total = 2"),
        (57, "\""),
        (57, "[latency.reset_seconds]"),
    ] {
        let error = error_with(line, text);
        let Error::Syntax { line: found, .. } = error else { panic!("{error:?}") };
        assert_eq!(found, line + text.matches('\n').count());
    }
}

#[test]
fn inline_and_dotted_forms_name_the_same_fields() {
    let text = "name = 'a'\ndescription = 'b'\nsource = 'c'\nqubits.count = 2\nlimits = {}\n\
                latency = { round_trip_seconds = 0, queue_seconds = 0, compile_seconds = 0,\n  circuit_overhead_seconds = 0,\n\
                circuit_seconds = 0, reset_seconds = -1 }\nenergy.joules_per_shot = 0\nenergy.joules_per_job = 0\n";
    let error = DeviceProfile::from_toml(text).expect_err("negative");
    assert_place(&error, "latency.reset_seconds", 8);
}

#[test]
fn shipped_profiles_load_and_every_number_of_theirs_is_commented() {
    let expected = [
        ("sensor-node", 4),
        ("edge-gateway", 8),
        ("field-hub", 16),
        ("manila", 5),
        ("quito", 5),
        ("lagos", 7),
        ("perth", 7),
        ("guadalupe", 16),
        ("kolkata", 27),
    ];
    assert_eq!(DeviceProfile::shipped_names(), expected.map(|(name, _)| name));
    for (name, qubits) in expected {
        let profile = DeviceProfile::shipped(name).expect("shipped");
        assert_eq!((profile.name.as_str(), profile.qubits.count), (name, qubits));
        assert_eq!(profile.check(), Ok(()));
        assert_eq!(DeviceProfile::from_toml(&profile.to_toml().expect("valid")), Ok(profile));
        let (mut section, mut previous) = ("", "");
        for line in DeviceProfile::shipped_text(name).expect("shipped").lines() {
            section = if line.starts_with('[') { line } else { section };
            // Top-level texts are not numbers; rows belong to the comment above their field, gates to the one above the first.
            let commented = previous.starts_with('#') || previous.starts_with("shots_per_window");
            let calibrated = qubits != 4 && qubits != 8 && name != "field-hub" && section == "[qubits]";
            let number = line.contains(" = ") && !line.contains('"') && !line.starts_with(['#', ' ']);
            if number && section != "[[gates]]" && !calibrated {
                assert!(commented, "{name}: no source above `{line}`");
            }
            previous = line;
        }
    }
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let error = DeviceProfile::shipped("toaster").expect_err("not shipped");
    assert_eq!(
        error.to_string(),
        "no shipped profile is called `toaster`, there are sensor-node, edge-gateway, field-hub, manila, quito, lagos, \
         perth, guadalupe, kolkata"
    );
}

fn any_profile() -> impl Strategy<Value = DeviceProfile> {
    let count = || proptest::option::of(1..=i64::MAX as u64);
    let price = || 0.0..=1e9;
    let probability = || 0.0..=1.0;
    let qubit = (1e-9..1e9, 0.001..=2.0, probability(), probability(), price()).prop_map(
        |(t1_us, ratio, p1, p0, readout_ns)| QubitCalibration {
            t1_us,
            t2_us: ratio * t1_us,
            p1_given_0: p1,
            p0_given_1: p0,
            readout_ns,
        },
    );
    (
        ("[a-z\"\\\\\n#é]{1,12}x", any::<bool>(), proptest::option::of(qubit)),
        2_usize..40,
        (count(), count(), count(), count(), count(), count(), count(), proptest::option::of(0.0..=1e18)),
        (price(), price(), price(), price(), price(), price(), price()),
        (price(), price(), price(), 0..=i64::MAX as u64, probability()),
    )
        .prop_map(|((text, ring, qubit), qubits, limits, times, (shot, job, byte, bytes, error))| DeviceProfile {
            name: text.clone(),
            description: text.clone(),
            source: text.clone(),
            calibrated: ring.then(|| "2021-03-15".to_owned()),
            licence: ring.then_some(text),
            qubits: Qubits {
                count: qubits,
                coupling: ring.then(|| (1..qubits).map(|qubit| [qubit, qubit - 1]).collect()),
                calibration: qubit.map(|qubit| vec![qubit; if ring { qubits } else { 1 }]),
            },
            limits: Limits {
                shots_total: limits.0,
                shots_per_job: limits.1,
                shots_per_circuit: limits.2,
                shots_per_window: limits.3,
                window_seconds: limits.3.map(|shots| shots as f64 * 1e-12 + 0.5),
                jobs_total: limits.4,
                circuits_per_job: limits.5,
                memory_bytes: limits.6,
                parameters: limits.6,
                seconds_total: limits.7,
            },
            latency: Latency {
                round_trip_seconds: times.0,
                jitter_seconds: times.1,
                queue_seconds: times.2,
                compile_seconds: times.3,
                circuit_overhead_seconds: times.4,
                circuit_seconds: times.5,
                reset_seconds: times.6,
            },
            traffic: Traffic { bytes_per_job: bytes, bytes_per_circuit: bytes / 3, bytes_per_shot: bytes / 7 },
            energy: Energy { joules_per_shot: shot, joules_per_job: job, joules_per_byte: byte },
            gates: vec![
                NativeGate { name: "rz".into(), error: Some(error), duration_ns: Some(shot), at: Vec::new() },
                NativeGate {
                    name: "cz".into(),
                    error: None,
                    duration_ns: None,
                    at: vec![GatePlace { qubits: vec![1, 0], error, duration_ns: job }],
                },
            ],
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
