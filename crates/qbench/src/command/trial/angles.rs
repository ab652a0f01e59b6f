//! The trained angles of a trial as files.

use std::path::Path;

use qcore::{Param, qasm};
use qgrad::objective::with_axes;
use serde::Serialize;

use super::super::error::{CommandError, Source};
use super::super::output::{check_writable, write_whole};
use crate::summary::{Condition, MethodSummary};
use crate::{TrialResult, Trials};

/// Where one method came to: `parameters` so that the file can be given to `--params-file`.
#[derive(Serialize)]
struct Trained<'a> {
    parameters: &'a [f64],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parameter_names: Vec<String>,
    /// The axes of the rotations, where the method chose them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    axes: Vec<String>,
    task: &'a str,
    readout: &'a str,
    method: &'a str,
    rate: f64,
    seed: u64,
    loss: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_accuracy: Option<f64>,
}

#[derive(Serialize)]
struct All<'a> {
    trained: Vec<Trained<'a>>,
}

/// The run of the seeds shown, at the rates chosen for them, with the smallest loss; none for a baseline.
fn best(method: &MethodSummary) -> Option<&TrialResult> {
    let runs = method.runs.iter().filter(|run| !run.angles.is_empty());
    runs.min_by(|a, b| a.chosen.loss.total_cmp(&b.chosen.loss))
}

fn trained<'a>(run: &'a TrialResult, trials: &Trials) -> Trained<'a> {
    let circuit = trials.tasks.iter().find(|task| task.name() == run.task).and_then(|task| task.circuit());
    Trained {
        parameters: &run.angles,
        parameter_names: circuit.map(|circuit| circuit.parameters().to_vec()).unwrap_or_default(),
        axes: run.axes.iter().map(|axis| format!("{axis:?}")).collect(),
        task: &run.task,
        readout: &run.readout,
        method: &run.method,
        rate: run.rate,
        seed: run.seed,
        loss: run.chosen.loss,
        test_accuracy: run.chosen.test_accuracy,
    }
}

/// Refuses a place where [`write`] would fail, before anything is spent.
pub(super) fn check(path: &Path) -> Result<(), CommandError> {
    if path.extension().is_some_and(|extension| extension == "json") {
        return check_writable(path);
    }
    let failed = |source| CommandError::Write { path: Source::File(path.to_owned()), source };
    std::fs::create_dir_all(path).map_err(failed)?;
    check_writable(&path.join("angles.json"))
}

/// One document for a path that ends in `.json`, else a folder with a file for each method and condition, and beside it the circuit
/// with these angles where the task is one circuit.
pub(super) fn write(path: &Path, conditions: &[Condition], trials: &Trials) -> Result<(), CommandError> {
    let runs: Vec<&TrialResult> = conditions.iter().flat_map(|condition| &condition.methods).filter_map(best).collect();
    if path.extension().is_some_and(|extension| extension == "json") {
        let trained = runs.iter().map(|run| trained(run, trials)).collect();
        return write_whole(path, &to_json(&All { trained }));
    }
    let failed = |source| CommandError::Write { path: Source::File(path.to_owned()), source };
    std::fs::create_dir_all(path).map_err(failed)?;
    for run in runs {
        let name = format!("{}.{}.{}", run.task, run.readout, run.method);
        let name: String = name.chars().map(|c| if matches!(c, '/' | '\\' | ':') { '-' } else { c }).collect();
        write_whole(&path.join(format!("{name}.json")), &to_json(&trained(run, trials)))?;
        let circuit = trials.tasks.iter().find(|task| task.name() == run.task).and_then(|task| task.circuit());
        if let Some(circuit) = circuit {
            let all: Vec<Param> = (0..circuit.parameters().len()).map(Param::new).collect();
            let turned = if run.axes.is_empty() { circuit.clone() } else { with_axes(circuit, &all, &run.axes)? };
            write_whole(&path.join(format!("{name}.trained.qasm")), &qasm::to_string(&turned.bound(&run.angles)?)?)?;
        }
    }
    Ok(())
}

fn to_json(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string(document).expect("numbers, texts and lists have a JSON form");
    text.push('\n');
    text
}
