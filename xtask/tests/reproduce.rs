//! Runs of small experiments: same bytes whatever happens in between.

mod common;

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{Counting, Fault, finish, options, project, read};
use qbench::experiment::{Experiment, Scale};
use xtask::Error;
use xtask::manifest::Manifest;
use xtask::progress::Progress;
use xtask::reproduce::{Outcome, reproduce};

const FILES: [&str; 6] = ["one.csv", "two.csv", "one.md", "two.md", "figures/one-values.svg", "report.html"];

fn both() -> xtask::reproduce::Project {
    project(vec![Counting::new("one", 20), Counting::new("two", 7)])
}

/// The bytes that a run of both experiments leaves.
fn undisturbed() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    finish(&both(), &options(folder.path()));
    FILES.map(|file| read(folder.path(), file)).to_vec()
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let expected = undisturbed();
    for jobs in [1, 2, 5] {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(folder.path());
        options.jobs = jobs;
        finish(&both(), &options);
        for (file, expected) in FILES.iter().zip(&expected) {
            assert_eq!(&read(folder.path(), file), expected, "{file} with {jobs} threads");
        }
    }
}

#[test]
fn rows_stand_in_task_order_with_their_ids() {
    let folder = tempfile::tempdir().unwrap();
    finish(&both(), &options(folder.path()));
    let mut reader = csv::Reader::from_path(folder.path().join("one.csv")).unwrap();
    assert_eq!(reader.headers().unwrap(), vec!["task_id", "index", "label", "value"]);
    let found: Vec<(String, String)> =
        reader.records().map(|record| record.unwrap()).map(|row| (row[0].to_owned(), row[1].to_owned())).collect();
    let expected: Vec<(String, String)> = Counting::new("one", 20)
        .tasks(Scale::Full, 2511)
        .unwrap()
        .into_iter()
        .flat_map(|task| std::iter::repeat_n((task.id, task.index.to_string()), task.index % 3 + 1))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_second_run_computes_nothing_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let make = || project(vec![Counting { runs: Arc::clone(&runs), ..Counting::new("one", 20) }]);
    finish(&make(), &options(folder.path()));
    let files = ["one.csv", "one.journal", "report.html"];
    let before = files.map(|file| read(folder.path(), file));
    assert_eq!(runs.load(Ordering::Relaxed), 20);
    finish(&make(), &options(folder.path()));
    assert_eq!(runs.load(Ordering::Relaxed), 20);
    assert_eq!(files.map(|file| read(folder.path(), file)), before);
    let manifest = Manifest::read(&folder.path().join("manifest.json")).unwrap();
    assert_eq!(manifest.experiments[0].reused, Some(20));

    let mut fresh = options(folder.path());
    fresh.fresh = true;
    finish(&make(), &fresh);
    assert_eq!(runs.load(Ordering::Relaxed), 40);
    assert_eq!(read(folder.path(), "one.csv"), before[0]);
}

#[test]
fn a_damaged_journal_costs_only_the_damaged_tasks() {
    let expected = undisturbed();
    let folder = tempfile::tempdir().unwrap();
    finish(&both(), &options(folder.path()));
    let journal = read(folder.path(), "one.journal");
    for (damage, lost) in [(journal.len() - 5, 1), (journal.len() / 2, 1)] {
        let mut bytes = journal.clone();
        bytes[damage] = b'#';
        // A torn line after the damage.
        bytes.extend_from_slice(&journal[..30]);
        std::fs::write(folder.path().join("one.journal"), &bytes).unwrap();
        std::fs::remove_file(folder.path().join("one.csv")).unwrap();
        finish(&both(), &options(folder.path()));
        let manifest = Manifest::read(&folder.path().join("manifest.json")).unwrap();
        assert_eq!(manifest.experiments[0].reused, Some(20 - lost));
        assert_eq!(read(folder.path(), "one.csv"), expected[0]);
    }
}

#[test]
fn seeds_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let make = || project(vec![Counting { runs: Arc::clone(&runs), ..Counting::new("one", 20) }]);
    let first = options(folder.path());
    let mut second = first.clone();
    second.seed = 1;
    finish(&make(), &first);
    let before = read(folder.path(), "one.csv");
    finish(&make(), &second);
    assert_ne!(read(folder.path(), "one.csv"), before);
    finish(&make(), &first);
    assert_eq!(read(folder.path(), "one.csv"), before);
    assert_eq!(runs.load(Ordering::Relaxed), 40);
}

#[test]
fn another_kernel_level_does_not_reuse_rows() {
    let folder = tempfile::tempdir().unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let mut project = project(vec![Counting { runs: Arc::clone(&runs), ..Counting::new("one", 20) }]);
    finish(&project, &options(folder.path()));
    project.kernel_level = "other".to_owned();
    finish(&project, &options(folder.path()));
    assert_eq!(runs.load(Ordering::Relaxed), 40);
}

#[test]
fn finished_files_of_other_experiments_join_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let only = |name: &str, seed| {
        let mut options = options(folder.path());
        options.only = vec![name.to_owned()];
        options.seed = seed;
        finish(&both(), &options)
    };
    assert_eq!(only("one", 2511), [Some("39 rows < 99 in one".to_owned()), None]);
    let page = String::from_utf8(read(folder.path(), "report.html")).unwrap();
    assert!(page.contains("not measured yet"));
    assert_eq!(only("two", 2511), [Some("39 rows < 99 in one".to_owned()), Some("13 rows < 99 in two".to_owned())]);
    let manifest = Manifest::read(&folder.path().join("manifest.json")).unwrap();
    assert!(manifest.experiments[0].earlier_run && !manifest.experiments[1].earlier_run);
    assert_eq!(manifest.experiments[0].build, Some(manifest.build));
    // The rows of another seed, and a file that is not complete, do not join.
    assert_eq!(only("two", 3), [None, Some("13 rows < 99 in two".to_owned())]);
    let whole = read(folder.path(), "one.csv");
    std::fs::write(folder.path().join("one.csv"), &whole[..whole.len() / 2]).unwrap();
    assert_eq!(only("two", 2511), [None, Some("13 rows < 99 in two".to_owned())]);
}

#[test]
fn the_report_is_whole_and_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.only = vec!["one".to_owned()];
    finish(&both(), &options);
    let page = String::from_utf8(read(folder.path(), "report.html")).unwrap();
    for part in [
        "There are &lt;many&gt; rows.",
        "More than none &amp; so on.",
        "39 rows &lt; 99 in one",
        "All rows &lt;here&gt;.",
        "As it &lt;is&gt;.",
        "not measured yet",
        "There are 39 rows &lt;b&gt;.",
        "of &lt;three&gt;",
        "cargo xtask reproduce --only one --seed 2511",
        "cargo xtask reproduce --only two --seed 2511",
        "href=\"one.csv\"",
        "<svg ",
        "arXiv 2511.22861",
        "reconstruction",
        "value &lt;1&gt;",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for part in [
        "<script",
        "<many>",
        "<three>",
        "<b>",
        "<1>",
        "<here>",
        "<is>",
        " < 99",
        "src=",
        "http://localhost",
        "Quick run",
    ] {
        assert!(!page.contains(part), "{part}");
    }
    let answers = page.find("The answers").unwrap();
    assert!(answers < page.find("What was run").unwrap());
    options.scale = Scale::Quick;
    finish(&both(), &options);
    let page = String::from_utf8(read(folder.path(), "report.html")).unwrap();
    assert!(page.contains("Quick run") && page.contains("no conclusion") && page.contains("--quick"));
}

#[test]
fn a_section_as_text_has_the_claims_that_its_own_rows_answer() {
    let folder = tempfile::tempdir().unwrap();
    finish(&both(), &options(folder.path()));
    for (file, own, other) in [("one.md", "39 rows < 99 in one", "in two"), ("two.md", "rows < 99 in two", "in one")] {
        let text = String::from_utf8(read(folder.path(), file)).unwrap();
        assert!(text.contains("The claims, by these rows alone") && text.contains("- Rule: More than none & so on."));
        assert!(text.contains(own) && !text.contains(other), "{text}");
    }
}

#[test]
fn faults_of_experiments_are_errors_with_their_place() {
    type Check = fn(&Error) -> bool;
    let cases: [(Fault, Check); 6] = [
        (Fault::Error(3), |error| matches!(error, Error::Task { task, .. } if task.index == 3)),
        (Fault::Panic(3), |error| matches!(error, Error::TaskPanicked { message, .. } if message == "out of luck")),
        (Fault::NoRow(3), |error| matches!(error, Error::Shape { .. })),
        (Fault::ShortRow(3), |error| matches!(error, Error::Shape { .. })),
        (Fault::SameText, |error| matches!(error, Error::DuplicateTask { first: 0, second: 1, .. })),
        (Fault::FigureName, |error| matches!(error, Error::FigureName { .. })),
    ];
    for (fault, check) in cases {
        let folder = tempfile::tempdir().unwrap();
        let project = project(vec![Counting { fault, ..Counting::new("one", 8) }]);
        let stop = AtomicBool::new(false);
        let error = reproduce(&project, &options(folder.path()), &stop, &mut Progress::silent()).unwrap_err();
        assert!(check(&error), "{fault:?}: {error}");
        assert_eq!(error.exit_code(), 1);
        assert!(!folder.path().join("report.html").exists());
    }
}

#[test]
fn tasks_that_finished_before_a_failure_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let make = |fault| project(vec![Counting { fault, runs: Arc::clone(&runs), ..Counting::new("one", 8) }]);
    let mut options = options(folder.path());
    options.jobs = 1;
    let failed = reproduce(&make(Fault::Error(5)), &options, &AtomicBool::new(false), &mut Progress::silent());
    assert!(failed.is_err());
    let kept = read(folder.path(), "one.journal").iter().filter(|&&byte| byte == b'\n').count();
    assert_eq!(kept, 5);
    finish(&make(Fault::None), &options);
    let manifest = Manifest::read(&folder.path().join("manifest.json")).unwrap();
    assert_eq!(manifest.experiments[0].reused, Some(5));
}

#[test]
fn an_empty_experiment_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    finish(&project(vec![Counting::new("one", 0)]), &options(folder.path()));
    assert_eq!(read(folder.path(), "one.csv"), b"task_id,index,label,value\n");
}

#[test]
fn a_stop_abandons_what_runs_and_a_second_run_completes_it() {
    let expected = undisturbed();
    let folder = tempfile::tempdir().unwrap();
    // A run that waited for its tasks would not come back.
    let slow = || Counting { pause: Duration::from_secs(3600), ..Counting::new("one", 20) };
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        flag.store(true, Ordering::Relaxed);
    });
    let outcome = reproduce(&project(vec![slow()]), &options(folder.path()), &stop, &mut Progress::silent()).unwrap();
    stopper.join().unwrap();
    assert!(matches!(outcome, Outcome::Interrupted));
    finish(&both(), &options(folder.path()));
    assert_eq!(read(folder.path(), "one.csv"), expected[0]);
}

/// Set in the process that [`a_killed_run_resumes_to_the_same_bytes`] starts.
const CHILD: &str = "UPSLOPE_TEST_CHILD_FOLDER";

/// Not a test by itself: the body of the process that is killed.
#[test]
fn child_process() {
    if let Some(folder) = std::env::var_os(CHILD) {
        let slow = Counting { pause: Duration::from_millis(20), ..Counting::new("one", 20) };
        finish(&project(vec![slow, Counting::new("two", 7)]), &options(folder.as_ref()));
    }
}

#[test]
fn a_killed_run_resumes_to_the_same_bytes() {
    let expected = undisturbed();
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_process"])
        .env(CHILD, folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let lines = || {
        let journal = std::fs::read(folder.path().join("one.journal")).unwrap_or_default();
        journal.iter().filter(|&&byte| byte == b'\n').count()
    };
    while lines() < 3 {
        assert!(started.elapsed() < Duration::from_secs(60), "no journal line appeared");
        std::thread::sleep(Duration::from_millis(2));
    }
    // SIGKILL on Unix.
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.path().join("report.html").exists(), "the run was over before the kill");
    finish(&both(), &options(folder.path()));
    let manifest = Manifest::read(&folder.path().join("manifest.json")).unwrap();
    assert!(manifest.experiments[0].reused >= Some(3));
    for (file, expected) in FILES.iter().zip(&expected) {
        assert_eq!(&read(folder.path(), file), expected, "{file}");
    }
}
