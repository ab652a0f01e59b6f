//! Rules of the workspace as tests: edges between its crates, licences, where `unsafe` may stand, heads of files.
//!
//! Every failure says what to mend.

mod source;
mod spdx;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Which library may depend on which, dev-dependencies included; a question mark: as an optional dependency only. All other
/// packages are leaves: they may depend on any library, and nothing may depend on them.
const EDGES: [(&str, &[&str]); 5] = [
    ("qcore", &[]),
    ("qopt", &[]),
    ("qgrad", &["qcore", "qopt?"]),
    ("qiot-profile", &["qgrad", "qcore"]),
    ("qbench", &["qcore", "qgrad", "qopt", "qiot-profile"]),
];

/// Licences whose terms a program under MIT OR Apache-2.0 can meet.
const LICENCES: [&str; 14] = [
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
    "0BSD",
];

/// The only folder whose code may use `unsafe`.
const UNSAFE_FOLDER: &str = "crates/qcore/src/kernel";

/// Files whose lines are written by people.
const TEXT_EXTENSIONS: [&str; 7] = ["rs", "toml", "md", "cff", "yml", "yaml", "sh"];

/// `cargo metadata` with these arguments.
fn metadata(args: &[&str]) -> Result<Value, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(source::root())
        .args(["metadata", "--locked", "--format-version", "1"])
        .args(args)
        // Where there is no network, the answer should come soon.
        .envs([("CARGO_NET_RETRY", "0"), ("CARGO_HTTP_TIMEOUT", "20")])
        .output()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}

/// The packages of the workspace.
fn members() -> Vec<Value> {
    let metadata =
        metadata(&["--no-deps", "--offline"]).unwrap_or_else(|error| panic!("cargo metadata failed: {error}"));
    metadata["packages"].as_array().expect("metadata lists packages").clone()
}

fn string<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("")
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// What is wrong with a dependency of `from` on `to`, both packages of the workspace.
fn edge_fault(from: &str, to: &str, optional: bool) -> Option<String> {
    let allowed = |name: &str| EDGES.iter().find(|(known, _)| *known == name).map(|(_, to)| *to);
    if allowed(to).is_none() {
        return Some(format!("{from} depends on {to}, a leaf: move what it needs into a library"));
    }
    // A leaf may depend on any library.
    let list = allowed(from)?;
    if list.contains(&to) {
        None
    } else if list.contains(&format!("{to}?").as_str()) {
        (!optional).then(|| format!("{from} may depend on {to} only behind a feature: write optional = true"))
    } else {
        Some(format!(
            "{from} must not depend on {to}: remove it from its Cargo.toml, or change the architecture and this table for a \
             reason that you write down"
        ))
    }
}

#[test]
fn own_crates_depend_only_along_the_allowed_edges() {
    let members = members();
    let names: BTreeSet<&str> = members.iter().map(|package| string(package, "name")).collect();
    let mut faults = Vec::new();
    for (library, _) in EDGES {
        if !names.contains(library) {
            faults.push(format!("{library} is not in the workspace any more: remove it from the table of edges"));
        }
    }
    for package in &members {
        let name = string(package, "name");
        for dependency in package["dependencies"].as_array().expect("a package lists dependencies") {
            let to = string(dependency, "name");
            if names.contains(to) {
                faults.extend(edge_fault(name, to, dependency["optional"] == true));
            }
        }
        let library = EDGES.iter().any(|(library, _)| *library == name);
        let in_crates = Path::new(string(package, "manifest_path")).starts_with(source::root().join("crates"));
        if in_crates && !library {
            faults.push(format!("{name} is in crates/ but not in the table of edges: say what it may depend on"));
        }
    }
    assert_none(&faults);
}

#[test]
fn the_table_of_edges_is_read_as_meant() {
    assert_eq!(edge_fault("qgrad", "qcore", false), None);
    assert_eq!(edge_fault("qgrad", "qopt", true), None);
    assert!(edge_fault("qgrad", "qopt", false).is_some_and(|fault| fault.contains("optional")));
    assert!(edge_fault("qopt", "qcore", true).is_some());
    assert!(edge_fault("qcore", "qgrad", true).is_some());
    assert!(edge_fault("qbench", "xtask", true).is_some());
    assert!(edge_fault("benches", "xtask", false).is_some());
    assert_eq!(edge_fault("custom-optimizer", "qbench", false), None);
}

/// The whole graph for all targets; where its packages cannot be had, that of the present target.
fn graph() -> Value {
    let host = ["--offline", "--filter-platform", env!("UPSLOPE_TARGET")];
    // Building for one target fetches only its packages: the rest may have to be fetched now.
    metadata(&["--offline"]).or_else(|_| metadata(&[])).or_else(|_| metadata(&host)).unwrap_or_else(|error| {
        panic!("cargo metadata failed; run `cargo fetch --locked` once with a network: {error}")
    })
}

#[test]
fn every_dependency_has_a_licence_that_fits() {
    let graph = graph();
    let mut faults = Vec::new();
    for package in graph["packages"].as_array().expect("metadata lists packages") {
        let (name, version) = (string(package, "name"), string(package, "version"));
        let fault = match package["license"].as_str() {
            None => "no licence expression".to_owned(),
            Some(licence) => match spdx::allows(licence, &LICENCES) {
                Ok(true) => continue,
                Ok(false) => format!("the licence {licence:?}"),
                Err(reason) => format!("the licence {licence:?}, which cannot be read ({reason})"),
            },
        };
        faults.push(format!(
            "{name} {version} has {fault}: choose another package, or allow the licence if its terms fit"
        ));
    }
    assert_none(&faults);
}

#[test]
fn unsafe_stands_only_in_the_kernels() {
    let mut faults = Vec::new();
    for (file, text) in source::rust_files() {
        if file.starts_with(UNSAFE_FOLDER) {
            continue;
        }
        for (line, word) in source::words(&source::code(&text)) {
            if word == "unsafe" {
                faults.push(format!(
                    "{}:{line}: `unsafe` belongs into {UNSAFE_FOLDER}, behind a safe function",
                    file.display()
                ));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn crates_without_unsafe_forbid_it() {
    let root = source::root();
    let mut with_unsafe: BTreeMap<PathBuf, bool> = BTreeMap::new();
    let files = source::rust_files();
    let mut faults = Vec::new();
    for package in members() {
        let folder =
            Path::new(string(&package, "manifest_path")).parent().expect("a manifest is in a folder").to_owned();
        let inside = folder.strip_prefix(&root).expect("a member is below the root").join("src");
        let uses = *with_unsafe.entry(inside.clone()).or_insert_with(|| {
            let mut own = files.iter().filter(|(file, _)| file.starts_with(&inside));
            own.any(|(_, text)| source::words(&source::code(text)).iter().any(|(_, word)| word == "unsafe"))
        });
        for target in package["targets"].as_array().expect("a package lists targets") {
            let kinds = target["kind"].as_array().expect("a target has kinds");
            if uses || !kinds.iter().any(|kind| kind == "lib" || kind == "bin") {
                continue;
            }
            let path = PathBuf::from(string(target, "src_path"));
            let file = path.strip_prefix(&root).expect("a member's source is below the root");
            let (_, text) = files
                .iter()
                .find(|(known, _)| known == file)
                .unwrap_or_else(|| panic!("{} is missing", file.display()));
            let squeezed: String = source::code(text).split_whitespace().collect();
            if !squeezed.contains("#![forbid(unsafe_code)]") {
                faults.push(format!("{}: write #![forbid(unsafe_code)] below its documentation", file.display()));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn every_source_file_says_what_it_is() {
    let mut faults = Vec::new();
    for (file, text) in source::rust_files() {
        if !text.starts_with("//! ") {
            faults.push(format!("{}: begin it with a line `//! ` that says what is in it", file.display()));
        }
    }
    assert_none(&faults);
}

/// Marks of unfinished work in Rust source.
fn unfinished(text: &str) -> Vec<&'static str> {
    let squeezed: String = source::code(text).split_whitespace().collect::<Vec<_>>().join(" ").replace(" !", "!");
    let whole = |mark: &str| {
        squeezed.match_indices(mark).any(|(at, _)| {
            let before = squeezed[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
        })
    };
    let tight: String = squeezed.split(' ').collect();
    let mut found = Vec::new();
    if whole("todo!") {
        found.push("`todo!`: finish it, or return a typed error");
    }
    let conditional = tight.match_indices("cfg_attr(").any(|(at, _)| {
        let attribute = tight[at..].split(']').next().unwrap_or("");
        [",ignore)", ",ignore=", ",ignore,"].iter().any(|part| attribute.contains(part))
    });
    if ["#[ignore]", "#[ignore="].iter().any(|part| tight.contains(part)) || conditional {
        found.push("`#[ignore]`: mend the test or remove it");
    }
    found
}

#[test]
fn nothing_is_left_undone() {
    let faults: Vec<String> = source::rust_files()
        .iter()
        .flat_map(|(file, text)| unfinished(text).into_iter().map(move |mark| format!("{}: {mark}", file.display())))
        .collect();
    assert_none(&faults);
}

#[test]
fn marks_of_unfinished_work_are_found() {
    for text in [
        "fn f() { todo!() }",
        "todo ! (\"x\")",
        "#[ignore] fn f() {}",
        "# [ ignore = \"slow\" ]",
        "#[cfg_attr(x, ignore)]",
    ] {
        assert_eq!(unfinished(text).len(), 1, "{text}");
    }
    for text in ["// todo!()", "\"#[ignore]\"", "not_todo!()", "fn ignore() {}", "#[cfg_attr(x, allow(ignored))]"] {
        assert!(unfinished(text).is_empty(), "{text}");
    }
}

#[test]
fn lines_end_without_white_space() {
    let mut faults = Vec::new();
    for file in source::files() {
        let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or("");
        if !TEXT_EXTENSIONS.contains(&extension) {
            continue;
        }
        for (line, content) in source::text(&file).unwrap_or_default().split('\n').enumerate() {
            if content.ends_with(char::is_whitespace) {
                faults.push(format!("{}:{}: remove the white space at its end", file.display(), line + 1));
            }
        }
    }
    assert_none(&faults);
}
