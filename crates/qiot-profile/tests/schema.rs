//! The JSON Schema of profile files: it is current, and the shipped files are valid by it.
//!
//! `UPSLOPE_WRITE=1 cargo test -p qiot-profile --features schema --test schema` writes it anew; without it, it is compared.
#![cfg(feature = "schema")]

use qiot_profile::DeviceProfile;
use serde_json::Value;

/// The schema that the types make, as it stands in the file.
fn generated() -> String {
    let schema = schemars::schema_for!(DeviceProfile);
    serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n"
}

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/schema.json");

#[test]
fn the_schema_is_current() {
    let generated = generated();
    if std::env::var_os("UPSLOPE_WRITE").is_some() {
        std::fs::write(PATH, &generated).expect("the schema can be written");
    }
    let committed = std::fs::read_to_string(PATH).expect("the schema is there");
    assert!(committed == generated, "profiles/schema.json is out of date: run this test with UPSLOPE_WRITE=1");
}

/// What is wrong with a value by the keywords that the generated schema uses; an unknown keyword is a failure of the test.
fn fault(root: &Value, schema: &Value, value: &Value, path: &str) -> Option<String> {
    let schema = schema.as_object().or_else(|| (schema == &Value::Bool(true)).then(|| root.as_object()).flatten())?;
    let number = value.as_f64();
    for (keyword, rule) in schema {
        let bound = rule.as_f64().unwrap_or(f64::NAN);
        let found = match keyword.as_str() {
            "$schema" | "title" | "description" | "default" | "format" | "$defs" => None,
            "$ref" => {
                let name = rule.as_str()?.strip_prefix("#/$defs/").expect("a local reference");
                fault(root, &root["$defs"][name], value, path)
            }
            "anyOf" => {
                let faults: Vec<_> = rule.as_array()?.iter().map(|option| fault(root, option, value, path)).collect();
                faults
                    .iter()
                    .all(Option::is_some)
                    .then(|| faults.into_iter().flatten().collect::<Vec<_>>().join(" or "))
            }
            "type" => {
                let is = |name: &str| match name {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_u64() || value.is_i64(),
                    "number" => value.is_number(),
                    "null" => value.is_null(),
                    other => panic!("type {other}"),
                };
                let allowed = rule.as_str().map_or_else(
                    || rule.as_array().expect("names").iter().any(|name| is(name.as_str().expect("a name"))),
                    is,
                );
                (!allowed).then(|| format!("{path} is not of type {rule}"))
            }
            "minimum" => number.is_some_and(|number| number < bound).then(|| format!("{path} is below {rule}")),
            "maximum" => number.is_some_and(|number| number > bound).then(|| format!("{path} is above {rule}")),
            "exclusiveMinimum" => {
                number.is_some_and(|number| number <= bound).then(|| format!("{path} is not above {rule}"))
            }
            "minItems" => {
                value.as_array().is_some_and(|list| (list.len() as f64) < bound).then(|| format!("{path} is too short"))
            }
            "maxItems" => {
                value.as_array().is_some_and(|list| (list.len() as f64) > bound).then(|| format!("{path} is too long"))
            }
            "minLength" => {
                value.as_str().is_some_and(|list| (list.len() as f64) < bound).then(|| format!("{path} is too short"))
            }
            "required" => rule
                .as_array()?
                .iter()
                .filter_map(Value::as_str)
                .find(|name| value.is_object() && value.get(name).is_none())
                .map(|name| format!("{path}.{name} is missing")),
            "additionalProperties" => {
                assert_eq!(rule, &Value::Bool(false));
                let known = &schema["properties"];
                value
                    .as_object()
                    .into_iter()
                    .flat_map(|object| object.keys())
                    .find(|key| known.get(key).is_none())
                    .map(|key| format!("{path}.{key} is unknown"))
            }
            "properties" => rule.as_object()?.iter().find_map(|(name, rule)| {
                value.get(name).and_then(|value| fault(root, rule, value, &format!("{path}.{name}")))
            }),
            "items" => value
                .as_array()
                .into_iter()
                .flatten()
                .enumerate()
                .find_map(|(index, value)| fault(root, rule, value, &format!("{path}[{index}]"))),
            other => panic!("the keyword {other} is not known to this test"),
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn committed() -> Value {
    serde_json::from_str(&std::fs::read_to_string(PATH).expect("the schema is there")).expect("JSON")
}

#[test]
fn shipped_files_are_valid_by_the_schema() {
    let schema = committed();
    for name in DeviceProfile::shipped_names() {
        let text = DeviceProfile::shipped_text(name).expect("shipped");
        let value: Value = toml::from_str(text).expect("TOML");
        assert_eq!(fault(&schema, &schema, &value, name), None);
    }
}

/// What the reader refuses by its form, the schema refuses too.
#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let schema = committed();
    let text = DeviceProfile::shipped_text("sensor-node").expect("shipped");
    for (from, to, fault_at) in [
        ("count = 4", "count = 0", "qubits.count"),
        ("count = 4", "count = 'four'", "qubits.count"),
        ("count = 4", "colour = 4", "qubits"),
        ("[0, 3]]", "[0]]", "qubits.coupling[2]"),
        ("t1_us = 5e3", "t1_us = 0", "qubits.calibration[0].t1_us"),
        ("p1_given_0 = 0.045", "p1_given_0 = 1.5", "qubits.calibration[0].p1_given_0"),
        ("reset_seconds = 0.0002", "", "latency.reset_seconds"),
        ("queue_seconds = 0.0", "queue_seconds = -1.0", "latency.queue_seconds"),
        ("error = 0.008", "error = -0.1", "gates[3].error"),
        ("shots_per_job = 65_536", "shots_per_job = 0", "limits.shots_per_job"),
        ("joules_per_job = 1.1", "joules_per_job = -1.1", "energy.joules_per_job"),
    ] {
        assert!(text.contains(from), "{from}");
        let broken = text.replacen(from, to, 1);
        assert!(DeviceProfile::from_toml(&broken).is_err(), "{to}");
        let value: Value = toml::from_str(&broken).expect("TOML");
        let found = fault(&schema, &schema, &value, "profile").unwrap_or_else(|| panic!("{to} is valid by the schema"));
        assert!(found.contains(&format!("profile.{fault_at}")), "{found}");
    }
}
