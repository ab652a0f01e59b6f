//! The real program with the real experiments.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

fn xtask(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(args).stdin(Stdio::null());
    command
}

fn output(args: &[&str]) -> Output {
    xtask(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The slice that the tests run, on one thread so that it takes its time.
fn quick(out: &Path) -> Command {
    let mut command = xtask(&["reproduce", "--quick", "--jobs", "1"]);
    command.args(SLICE).arg("--out").arg(out);
    command
}

const SLICE: [&str; 4] = ["--only", "plateau-scaling", "--only", "nlr-vqe"];

fn finish(out: &Path) -> Output {
    let output = quick(out).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    output
}

const CSV: [&str; 2] = ["plateau-scaling.csv", "nlr-vqe.csv"];

/// The result files, one after the other.
fn csv(out: &Path) -> Vec<u8> {
    CSV.iter().flat_map(|file| std::fs::read(out.join(file)).unwrap()).collect()
}

/// What a run leaves that nobody disturbs.
static UNDISTURBED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    finish(folder.path());
    csv(folder.path())
});

#[test]
fn the_experiments_are_listed() {
    let output = output(&["reproduce", "--list"]);
    assert_eq!(output.status.code(), Some(0));
    let text = text(&output.stdout);
    let names: Vec<&str> = text.lines().map(|line| line.split_whitespace().next().unwrap_or("")).collect();
    let all = [
        "plateau-scaling",
        "nlr-classification",
        "nlr-vqe",
        "device-cost",
        "plateau-escape",
        "escape-tuning",
        "escape-trials",
    ];
    assert_eq!(names, all);
}

#[test]
fn wrong_usage_ends_with_2() {
    for args in
        [&["reproduce", "--jobs", "0"][..], &["reproduce", "--nope"], &["nope"], &[], &["reproduce", "--seed", "x"]]
    {
        let output = output(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn an_unknown_experiment_is_answered_with_the_known_ones() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let output = output(&["reproduce", "--only", "plateau", "--out", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = text(&output.stderr);
    for name in ["\"plateau\"", "plateau-scaling", "nlr-classification", "nlr-vqe"] {
        assert!(stderr.contains(name), "{stderr}");
    }
    assert!(!out.exists());
}

#[test]
fn a_folder_that_cannot_be_made_ends_with_1() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let output = quick(&file.path().join("out")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("cannot create the folder"));
}

#[test]
fn help_names_the_exit_codes() {
    let output = output(&["reproduce", "--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("130"));
}

#[test]
fn a_quick_run_leaves_every_file() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let output = finish(out);
    let stdout = text(&output.stdout);
    for id in ["C1", "C2", "C3", "C4", "C5", "C6"] {
        assert!(stdout.contains(id), "{stdout}");
    }
    assert!(stdout.contains(&format!("report: {}", out.join("report.html").display())));
    assert!(text(&output.stderr).contains("plateau-scaling: done in"));
    for file in CSV.into_iter().chain(["plateau-scaling.journal", "manifest.json", "report.html"]) {
        assert!(out.join(file).metadata().unwrap().len() > 0, "{file}");
    }
    assert!(out.join("figures").read_dir().unwrap().count() > 0);
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("<svg ") && page.contains("not measured yet") && page.contains("No conclusion is drawn"));
}

#[test]
fn two_threads_give_the_bytes_of_one() {
    let two = tempfile::tempdir().unwrap();
    let status = xtask(&["reproduce", "--quick", "--jobs", "2"])
        .args(SLICE)
        .arg("--out")
        .arg(two.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(csv(two.path()), *UNDISTURBED);
}

/// Starts a run and returns once its journal holds a line, or once it is over.
fn started(out: &Path) -> Child {
    let mut child = quick(out).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let journal = out.join("plateau-scaling.journal");
    let begun = Instant::now();
    while !std::fs::read(&journal).is_ok_and(|bytes| bytes.contains(&b'\n')) && child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(300), "no journal line appeared");
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

#[test]
fn a_killed_run_resumes_to_the_same_bytes() {
    let killed = tempfile::tempdir().unwrap();
    let mut child = started(killed.path());
    // SIGKILL on Unix; on a fast machine the run may be over already, and the rest still holds.
    let _ = child.kill();
    child.wait().unwrap();
    finish(killed.path());
    assert_eq!(csv(killed.path()), *UNDISTURBED);
    let journal = std::fs::read_to_string(killed.path().join("plateau-scaling.journal")).unwrap();
    let mut ids: Vec<&str> = journal.lines().map(|line| line.split('\t').next().unwrap_or("")).collect();
    let lines = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), lines, "no task ran twice to its end");
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_ends_with_130_and_says_how_to_go_on() {
    let interrupted = tempfile::tempdir().unwrap();
    let out = interrupted.path();
    let child = started(out);
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    let output = child.wait_with_output().unwrap();
    // Without a `kill` program, or where the run was over before, there is nothing to see.
    if sent.is_ok_and(|status| status.success()) && !out.join("report.html").exists() {
        assert_eq!(output.status.code(), Some(130));
        let go_on = format!(
            "cargo xtask reproduce --only plateau-scaling --only nlr-vqe --quick --jobs 1 --out {}",
            out.display()
        );
        assert!(text(&output.stderr).contains(&go_on), "{}", text(&output.stderr));
    }
    finish(out);
    assert_eq!(csv(out), *UNDISTURBED);
}
