//! `qbench trial`: shipped tasks, circuits and data of one's own, what is refused and with which words.
#![cfg(feature = "command")]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod command_common;

use command_common::{json, number, qbench, refusal, text, write};
use serde_json::Value;

const ANSATZ: &str = "OPENQASM 3.0;
include \"stdgates.inc\";
input float[64] a;
input float[64] b;
qubit[2] q;
ry(a) q[0];
ry(2 * b) q[1];
cx q[0], q[1];
";

const OBSERVABLE: &str = "--observable=Z0 Z1 + 0.5 * X0";

fn file(folder: &tempfile::TempDir) -> String {
    write(folder.path(), "ansatz.qasm", ANSATZ)
}

fn methods(answer: &Value) -> Vec<&str> {
    answer["results"].as_array().expect("a list").iter().filter_map(|row| row["method"].as_str()).collect()
}

#[test]
fn a_trial_compares_methods_on_a_circuit_of_ones_own() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let circuit = file(&folder);
    let arguments =
        ["trial", "--circuit", &circuit, OBSERVABLE, "--methods", "sgd,adam", "--seeds", "4", "--steps", "8"];
    let answer = json(&[&arguments[..], &["--jobs", "1"]].concat());
    let results = answer["results"].as_array().expect("a list");
    assert_eq!(methods(&answer), ["sgd", "adam"]);
    assert!(results[0]["change_against_adam"]["lower"].is_number() && results[1]["change_against_adam"].is_null());
    assert_eq!(json(&[&arguments[..], &["--jobs", "2"]].concat()), answer);
    let table = qbench(&[&arguments[..], &["--shots", "20"]].concat());
    assert!(text(&table.stdout).contains("change against Adam") && table.stderr.is_empty());
    assert!(refusal(&["trial", "--task", "nothing"]).contains("there is no task \"nothing\""));
    assert_eq!(qbench(&["trial"]).status.code(), Some(2));
}

/// The bill of tuning is there, and what does not apply is told with its reason.
#[test]
fn methods_that_do_not_apply_are_told() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let circuit = file(&folder);
    let arguments = ["trial", "--circuit", &circuit, OBSERVABLE, "--methods", "adam,icans,rotosolve", "--seeds", "2"];
    let arguments = [&arguments[..], &["--steps", "6", "--shots", "exact,30", "--rates", "0.1,0.3"]].concat();
    let answer = json(&arguments);
    assert_eq!(methods(&answer), ["adam", "adam", "icans"]);
    let left_out = answer["not_applicable"].as_array().expect("a list");
    let told: Vec<[&str; 2]> = left_out
        .iter()
        .map(|entry| [entry["readout"].as_str().expect("a name"), entry["method"].as_str().expect("a name")])
        .collect();
    // The angle 2 b is no wave of period 2 pi in b; exact values have no shots.
    assert_eq!(told, [["exact", "rotosolve"], ["exact", "icans"], ["30-shots", "rotosolve"]]);
    assert!(left_out[1]["reason"].as_str().expect("a text").contains("divides shots"));
    for row in answer["results"].as_array().expect("a list") {
        assert_eq!(row["tuning_runs"].as_u64(), Some(2));
        let exact = row["readout"].as_str() == Some("exact");
        assert_eq!(row["tuning_shots"].as_u64() == Some(0), exact);
        assert!(number(&row["tuning_circuits"]) > 0.0);
    }
    let table = qbench(&[&arguments[..], &["--jobs", "2"]].concat());
    assert!(text(&table.stdout).contains("not applicable: it divides shots, and values are exact"));
}

#[test]
fn trained_angles_are_written() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let circuit = file(&folder);
    let (out, one) = (folder.path().join("angles"), folder.path().join("all.json"));
    let (out, one) = (out.to_str().expect("UTF-8"), one.to_str().expect("UTF-8"));
    let arguments = ["trial", "--circuit", &circuit, OBSERVABLE, "--methods", "adam", "--seeds", "3", "--rates", "0.3"];
    let arguments = [&arguments[..], &["--task", "tfim-2", "--methods", "rotoselect"]].concat();
    let into = |path| json(&[&arguments[..], &["--write-angles", path]].concat());
    into(out);
    into(one);
    let read = |path: &std::path::Path| std::fs::read_to_string(path).expect("a file");
    let all: Value = serde_json::from_str(&read(std::path::Path::new(one))).expect("JSON");
    let trained = all["trained"].as_array().expect("a list");
    let named = |name: &str| {
        let mut found = std::fs::read_dir(out).expect("a folder").map(|entry| entry.expect("a file").path());
        found.find(|path| path.to_string_lossy().ends_with(name)).unwrap_or_else(|| panic!("no file ...{name}"))
    };
    // The circuit that was written has the loss that is told with it, with the chosen axes too.
    for (method, task) in [("adam", "ansatz"), ("rotoselect", "tfim-2")] {
        let entry = trained.iter().find(|entry| {
            let is = |key: &str, part: &str| entry[key].as_str().is_some_and(|text| text.contains(part));
            is("method", method) && is("task", task)
        });
        let entry = entry.expect("one document for all");
        let file = format!("{}exact.{method}.json", if task == "tfim-2" { "tfim-2." } else { "ansatz.qasm." });
        let single: Value = serde_json::from_str(&read(&named(&file))).expect("JSON");
        assert_eq!(&single, entry);
        let qasm = named(&file.replace(".json", ".trained.qasm"));
        let observable = if task == "ansatz" { OBSERVABLE } else { "--observable=-1.0 * Z0 Z1 - 0.8 * X0 - 0.8 * X1" };
        let value = json(&["expval", qasm.to_str().expect("UTF-8"), observable]);
        // The loss is counted from the lowest eigenvalue: that of Z0 Z1 + X0 / 2, and -sqrt(J^2 + 4 h^2).
        let lowest = if task == "ansatz" { -1.25_f64.sqrt() } else { -(1.0_f64 + 4.0 * 0.64).sqrt() };
        assert!((number(&value["expectation"]) - lowest - number(&entry["loss"])).abs() < 1e-9, "{entry}");
        assert_eq!(entry.get("axes").is_some(), method == "rotoselect");
    }
}

fn table_of(rows: usize, class: impl Fn(usize) -> &'static str) -> String {
    let row = |k: usize| format!("{},{:.3},{}\n", k as f64 * 0.1, (k as f64 * 0.7).sin(), class(k));
    format!("height,width,kind\n{}", (0..rows).map(row).collect::<String>())
}

#[test]
fn data_of_ones_own_are_a_task() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let two = |k: usize| if k.is_multiple_of(2) { "oak" } else { "ash" };
    let data = write(folder.path(), "trees.csv", &table_of(20, two));
    let arguments = ["trial", "--data", &data, "--methods", "adam", "--seeds", "2", "--steps", "3", "--layers", "1"];
    let answer = json(&arguments);
    assert_eq!(methods(&answer), ["majority-class", "logistic-regression", "adam"]);
    assert_eq!(answer["results"][0]["task"].as_str(), Some("trees"));
    // Another column may hold the classes.
    let first = write(folder.path(), "first.csv", &table_of(20, two).lines().map(turned).collect::<String>());
    let answer =
        json(&["trial", "--data", &first, "--label", "kind", "--methods", "adam", "--seeds", "2", "--steps", "3"]);
    assert_eq!(answer["results"][0]["task"].as_str(), Some("first"));
}

/// The last column first.
fn turned(line: &str) -> String {
    let (rest, last) = line.rsplit_once(',').expect("three columns");
    format!("{last},{rest}\n")
}

#[test]
fn bad_data_are_refused_with_their_place() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let good = table_of(12, |k| if k < 6 { "a" } else { "b" });
    let refused = |name: &str, text: &str, flags: &[&str]| {
        let path = write(folder.path(), name, text);
        let message = refusal(&[&["trial", "--data", &path, "--seeds", "2", "--steps", "2"], flags].concat());
        assert!(message.contains(name), "{message}");
        message
    };
    let missing = folder.path().join("nothing.csv");
    assert!(refusal(&["trial", "--data", missing.to_str().expect("UTF-8")]).contains("cannot read"));
    let huge = refused("huge.csv", &good.replace("0.2,", "-1e200,"), &[]);
    assert!(huge.contains("line 4, column \"height\": found \"-1e200\""), "{huge}");
    assert!(refused("ragged.csv", &format!("{good}1,2\n"), &[]).contains("line 14: 2 fields, the header has 3"));
    let nan = refused("nan.csv", &good.replace("0.2,", "NaN,"), &[]);
    assert!(nan.contains("line 4, column \"height\": found \"NaN\", expected a finite number"), "{nan}");
    assert!(refused("words.csv", &good.replace("0.2,", "tall,"), &[]).contains("found \"tall\""));
    let one = refused("one.csv", &table_of(12, |_| "a"), &[]);
    assert!(one.contains("two classes are needed, found 1: \"a\""), "{one}");
    let three = refused("three.csv", &table_of(12, |k| ["a", "b", "c"][k % 3]), &[]);
    assert!(
        three.contains("two classes are needed, found 3: \"a\", \"b\", \"c\"; choose them by --classes A,B"),
        "{three}"
    );
    assert!(refused("single.csv", &table_of(12, |k| if k == 0 { "a" } else { "b" }), &[]).contains("needs at least 2"));
    assert!(refused("head.csv", "height,width,kind\n", &[]).contains("no samples"));
    assert!(refused("empty.csv", "", &[]).contains("header"));
    assert!(
        refused("column.csv", &good, &["--label", "sort"]).contains("there is no column \"sort\"; there are height")
    );
    assert!(refused("twice.csv", &good.replace("width", "height"), &[]).contains("repeats the name"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let circuit = file(&folder);
    let usage = |args: &[&str]| assert_eq!(qbench(args).status.code(), Some(2), "{args:?}");
    usage(&["trial"]);
    usage(&["trial", "--task", "iris", "--shots", "0"]);
    usage(&["trial", "--task", "iris", "--shots", "few"]);
    usage(&["trial", "--task", "iris", "--label", "x"]);
    usage(&["trial", "--task", "iris", "--seeds", "1"]);
    usage(&["trial", "--task", "iris", "--seeds", "10001"]);
    usage(&["trial", "--task", "iris", "--classes", "a,b"]);
    usage(&["trial", "--task", "iris", "--device", "sensor-node"]);
    assert!(refusal(&["trial", "--task", "iris", "--methods", "adams"]).contains("there is no method \"adams\""));
    assert!(refusal(&["trial", "--task", "iris", "--rates", "0"]).contains("not a positive finite number"));
    assert!(refusal(&["trial", "--circuit", &circuit]).contains("--observable"));
    let exact = ["trial", "--task", "tfim-2", "--shots", "exact", "--device", "sensor-node"];
    assert!(refusal(&exact).contains("a device gives no exact values"));
    assert!(refusal(&["trial", "--task", "tfim-2", OBSERVABLE]).contains("--circuit"));
    assert!(
        refusal(&["trial", "--task", "tfim-2", "--rates", "0.1,0.1", "--seeds", "2"]).contains("learning rate 0.1")
    );
    let nowhere = folder.path().join("no/such/folder/all.json");
    let nowhere = nowhere.to_str().expect("UTF-8");
    let arguments =
        ["trial", "--task", "tfim-2", "--methods", "adam", "--rates", "0.1", "--seeds", "2", "--steps", "2"];
    assert!(refusal(&[&arguments[..], &["--write-angles", nowhere]].concat()).contains("cannot write"));
    // Before anything is run: this would take days.
    let long = ["trial", "--task", "tfim-12", "--seeds", "1000", "--steps", "1000000", "--write-angles", nowhere];
    assert!(refusal(&long).contains("cannot write"));
}

/// Everything that a table says is in the document, and the runs that it was made from.
#[test]
fn runs_are_in_the_document() {
    let arguments = ["trial", "--task", "tfim-2", "--methods", "sgd,adam", "--rates", "0.1,0.3", "--seeds", "4"];
    let answer = json(&[&arguments[..], &["--steps", "12"]].concat());
    for row in answer["results"].as_array().expect("a list") {
        let runs = row["runs"].as_array().expect("a list");
        assert_eq!(runs.len(), 4);
        for (seed, run) in runs.iter().enumerate() {
            assert_eq!(run["seed"].as_u64(), Some(seed as u64));
            assert_eq!(run["rate"], row["rates"][seed % 2]);
        }
        let mean = |figure: &str| runs.iter().map(|run| number(&run[figure])).sum::<f64>() / 4.0;
        for figure in ["loss", "best_loss", "chosen_loss", "iterations", "circuits"] {
            assert!((mean(figure) - number(&row[figure])).abs() < 1e-12, "{figure}: {row}");
        }
        let share = runs.iter().filter(|run| !run["cost_to_solve"].is_null()).count() as f64 / 4.0;
        assert_eq!(number(&row["solved"]["value"]), share);
        assert!(number(&row["solved"]["lower"]) <= share && share <= number(&row["solved"]["upper"]));
        let record = row["wins_ties_losses"].as_array().expect("three numbers");
        let seeds: f64 = record.iter().map(number).sum();
        assert_eq!(seeds, if row["method"] == "adam" { 0.0 } else { 4.0 });
    }
}

/// Every task by the name that it is offered under.
#[test]
fn tasks_have_names() {
    let tasks = "iris-parity,moons-parity,seattle-weather-parity,breast-cancer-parity,lih,hea-3";
    let arguments = ["trial", "--task", tasks, "--methods", "adam", "--rates", "0.1", "--seeds", "2", "--steps", "1"];
    let answer = json(&arguments);
    let mut found: Vec<&str> =
        answer["results"].as_array().expect("a list").iter().filter_map(|row| row["task"].as_str()).collect();
    found.dedup();
    let molecule = "lih_1.595_cas2_3";
    assert_eq!(
        found,
        ["iris-parity", "moons-parity", "seattle-weather-parity", "breast-cancer-parity", molecule, "hea-3"]
    );
    for none in ["tfim-2-parity", "h2-parity", "hea-x"] {
        let message = refusal(&["trial", "--task", none]);
        for known in
            ["iris", "seattle-weather", "-parity", "h2", "lih", "tfim-N", "maxcut-N (even, 4 to 24)", "hea-N (1 to 12)"]
        {
            assert!(message.contains(known), "{message}");
        }
    }
    for (size, allowed) in [
        ("maxcut-18446744073709551614", "even, 4 to 24"),
        ("maxcut-1000000000", "even, 4 to 24"),
        ("maxcut-26", "even, 4 to 24"),
        ("maxcut-7", "even, 4 to 24"),
        ("hea-13", "1 to 12"),
        ("product-49", "1 to 48"),
        ("product-0", "1 to 48"),
        ("tfim-49", "48"),
        ("tfim-18446744073709551615", "48"),
    ] {
        let message = refusal(&["trial", "--task", size]);
        assert!(message.contains(allowed), "{message}");
    }
}

/// A suite is a set of defaults: what is given takes their places.
#[test]
fn the_suite_can_be_cut_down() {
    let arguments = ["trial", "--suite", "--task", "product-4", "--seeds", "2", "--steps", "4", "--rates", "0.3"];
    let answer = json(&[&arguments[..], &["--shots", "exact,50"]].concat());
    let (found, left_out) = (methods(&answer).len(), answer["not_applicable"].as_array().expect("a list").len());
    assert_eq!((found + left_out, left_out), (24, 0));
}

/// The accuracy that stands beside angles is theirs, whether the last point was chosen or the best one.
#[test]
fn written_angles_have_their_own_accuracy() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let out = folder.path().join("all.json");
    let arguments = ["trial", "--task", "iris", "--shots", "40", "--methods", "adam,sgd,momentum", "--rates", "3"];
    let arguments = [&arguments[..], &["--seeds", "6", "--steps", "12", "--write-angles"]].concat();
    let answer = json(&[&arguments[..], &[out.to_str().expect("UTF-8")]].concat());
    let all: Value = serde_json::from_str(&std::fs::read_to_string(&out).expect("a file")).expect("JSON");
    let task = qbench::tasks::Classification::iris().expect("shipped");
    let mut tracked = 0;
    for entry in all["trained"].as_array().expect("a list") {
        let seed = entry["seed"].as_u64().expect("a seed");
        // The split of that seed: its streams are those of task, readout and seed.
        let key = qbench::experiment::stream_key(&format!("iris 40-shots {seed}"));
        let instance = qbench::tasks::Task::instance(&task, &qopt::Streams::new(0, key)).expect("valid");
        let theta: Vec<f64> = entry["parameters"].as_array().expect("a list").iter().map(number).collect();
        let found = instance.assess(&theta).expect("valid");
        assert!((found.loss - number(&entry["loss"])).abs() < 1e-12, "{entry}");
        assert_eq!(found.test_accuracy, entry["test_accuracy"].as_f64(), "{entry}");
        let row = answer["results"].as_array().expect("a list").iter().find(|row| row["method"] == entry["method"]);
        let run = &row.expect("a row")["runs"][seed as usize];
        tracked += usize::from(run["loss"] != run["chosen_loss"]);
    }
    assert!(tracked > 0, "every last point was chosen: nothing is tested");
}

/// So many shots that their number ends at 2^64 are a budget all the same, and the run comes to its end.
#[test]
fn the_largest_numbers_of_shots_and_steps_end() {
    let most = "9007199254740992";
    let arguments =
        ["trial", "--task", "tfim-2", "--shots", most, "--steps", most, "--methods", "adam", "--rates", "0.1"];
    let answer = json(&[&arguments[..], &["--seeds", "2"]].concat());
    let row = &answer["results"][0];
    // Three layers: 12 angles, two circuits for each of 1 + 24 points, 2^53 shots each; two measurements of two circuits are kept.
    let (budget, shot) = (2.0_f64.powi(64), 2.0_f64.powi(53));
    let steps = ((budget - 4.0 * shot) / (50.0 * shot)).floor();
    assert_eq!(number(&row["iterations"]), steps, "{row}");
    assert_eq!(number(&row["shots"]), (50.0 * steps + 4.0) * shot);
    // A step beyond all that can be counted fits no budget.
    let wide = [
        "trial",
        "--data",
        "iris",
        "--layers",
        "100",
        "--shots",
        most,
        "--steps",
        "1",
        "--methods",
        "adam",
        "--jobs",
        "1",
    ];
    let message = refusal(&wide);
    assert!(
        message.contains("adam on iris, 9007199254740992-shots, rate 0.01, seed 0, finished no iteration"),
        "{message}"
    );
}

/// A task that is too wide for the device is told, and the others are run; where nothing fits, that is why nothing is run.
#[test]
fn a_task_that_does_not_fit_the_device_is_told() {
    let arguments = ["trial", "--device", "sensor-node", "--shots", "25", "--seeds", "2", "--rates", "0.1"];
    let arguments = [&arguments[..], &["--methods", "sgd,adam,natural-gradient", "--task"]].concat();
    let both = json(&[&arguments[..], &["tfim-4,tfim-5"]].concat());
    assert_eq!(methods(&both), ["sgd", "adam"]);
    assert!(both["results"].as_array().expect("a list").iter().all(|row| row["task"] == "tfim-4"));
    // What fits has the numbers that it has alone.
    assert_eq!(both["results"], json(&[&arguments[..], &["tfim-4"]].concat())["results"]);
    let told: Vec<[&str; 2]> = both["not_applicable"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|entry| {
            entry["reason"].as_str().is_some_and(|reason| reason.contains("the task does not fit the device: "))
        })
        .map(|entry| ["task", "method"].map(|key| entry[key].as_str().expect("a name")))
        .collect();
    assert_eq!(told, [["tfim-5", "sgd"], ["tfim-5", "adam"]]);
    let table = qbench(&[&arguments[..], &["tfim-4,tfim-5"]].concat());
    assert!(
        text(&table.stdout).contains("not applicable: the task does not fit the device"),
        "{}",
        text(&table.stdout)
    );
    let message = refusal(&[&arguments[..], &["tfim-5"]].concat());
    assert!(
        message.contains("nothing is run: tfim-5 with sensor-node/25-shots: the task does not fit the device: "),
        "{message}"
    );
    let message = refusal(&["trial", "--task", "tfim-2", "--device", "sensor-node", "--shots", "5000"]);
    assert!(message.contains("5000") && message.contains("4096"), "{message}");
}

/// One room for tables: a trial takes what training takes.
#[test]
fn a_trial_tells_two_of_more_classes_apart() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let three = |k: usize| ["oak", "ash", "elm"][k % 3];
    let data = write(folder.path(), "trees.csv", &table_of(30, three));
    let common = ["trial", "--methods", "adam", "--seeds", "2", "--steps", "2", "--rates", "0.1", "--shots", "20"];
    let run = |more: &[&str]| json(&[&common[..], more].concat());
    let of_two = run(&["--data", &data, "--classes", "oak,elm", "--layers", "1", "--batch", "3"]);
    // The same as the table without the third class.
    let text: String =
        table_of(30, three).lines().filter(|line| !line.ends_with(",ash")).map(|line| format!("{line}\n")).collect();
    let other = tempfile::tempdir().expect("a folder for tests");
    let two = write(other.path(), "trees.csv", &text);
    assert_eq!(
        run(&["--data", &two, "--classes", "oak,elm", "--layers", "1", "--batch", "3"])["results"],
        of_two["results"]
    );
    assert_eq!(of_two["results"][2]["task"], "trees");
    // Two steps of three samples on one layer of two qubits, 1 + 2 * 5 circuits of 20 shots each; two measurements of all 12 samples.
    assert_eq!(number(&of_two["results"][2]["shots"]), 20.0 * (2.0 * 3.0 * 11.0 + 2.0 * 12.0));
    // A shipped set by its name.
    let named = run(&["--data", "moons", "--qubits", "2", "--layers", "1"]);
    assert_eq!(named["results"][2]["task"], "moons");
    let message = refusal(&[&common[..], &["--data", "roses"]].concat());
    assert!(message.contains("there are no data \"roses\"; there are iris"), "{message}");
    let message = refusal(&[&common[..], &["--data", &data, "--classes", "oak,fir"]].concat());
    assert!(message.contains("there is no class \"fir\", there are ash, elm, oak"), "{message}");
    let message = refusal(&[&common[..], &["--data", "iris", "--classes", "a,b"]].concat());
    assert!(message.contains("--label and --classes are for CSV files"), "{message}");
}

/// A method that fails ends the trial with what is needed to find the run again; nothing is printed but that.
#[test]
fn a_run_that_fails_is_named() {
    let fails = |setup: &qbench::Setup| {
        let rate = setup.rate;
        setup.descent(qopt::from_fn(move |context: &qopt::StepContext<'_>, step: &mut [f64]| {
            step.fill(if rate > 0.2 && context.step == 3 { f64::NAN } else { 0.0 });
        }))
    };
    let methods = qbench::Methods::shipped().with("mine", fails);
    let arguments = [
        "qbench",
        "trial",
        "--task",
        "tfim-2",
        "--methods",
        "adam,mine",
        "--rates",
        "0.1,0.3",
        "--seeds",
        "2",
        "--jobs",
        "1",
    ];
    let (mut stdin, mut stdout, mut stderr) = (std::io::empty(), Vec::new(), Vec::new());
    let mut terminal =
        qbench::command::Terminal { stdin: &mut stdin, stdout: &mut stdout, stderr: &mut stderr, progress: false };
    let code = qbench::command::run(arguments.map(Into::into), &methods, &mut terminal);
    assert_eq!((code, stdout.len()), (qbench::command::FAILED, 0));
    let message = text(&stderr);
    assert!(message.contains("error: mine on tfim-2, exact, rate 0.3, seed 0: "), "{message}");
    assert!(message.contains("NaN") && message.contains('3') && message.lines().count() == 1, "{message}");
}

/// A method that knows no gradient has none in the document.
#[test]
fn a_gradient_that_is_not_known_is_null() {
    let arguments = [
        "trial",
        "--task",
        "tfim-2",
        "--methods",
        "adam,cma-es,spsa",
        "--rates",
        "0.3",
        "--seeds",
        "2",
        "--steps",
        "5",
    ];
    let answer = json(&arguments);
    for row in answer["results"].as_array().expect("a list") {
        let norm = &row["late_gradient_norm"];
        assert_eq!(norm.is_null(), row["method"] == "cma-es", "{row}");
        assert!(norm.is_null() || number(norm) > 0.0);
    }
}
