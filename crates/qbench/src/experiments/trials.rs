//! A trial as an experiment.

use std::sync::OnceLock;

use super::overview;
use crate::Error;
use crate::experiment::{
    Axis, Cell, Curve, CurvePoint, CurveStyle, Experiment, Figure, Row, Scale, Section, Table, Task,
};
use crate::summary::{self, Condition};
use crate::trial::{COLUMNS, TrialResult, Trials};

/// An experiment that is a trial.
pub(super) struct TrialExperiment {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) trials: fn(Scale) -> Result<Trials, Error>,
    /// The trials at full and at quick scale, made when they are first asked for: making one reads whole data sets.
    pub(super) made: [OnceLock<Trials>; 2],
    pub(super) by_name_only: bool,
}

impl TrialExperiment {
    pub(super) fn trials(&self, scale: Scale) -> Result<&Trials, Error> {
        let place = &self.made[usize::from(scale == Scale::Quick)];
        match place.get() {
            Some(trials) => Ok(trials),
            None => {
                let trials = (self.trials)(scale)?;
                Ok(place.get_or_init(|| trials))
            }
        }
    }

    /// Whether the task is one of the trials at this scale.
    pub(super) fn has(&self, task: &Task, scale: Scale) -> Result<bool, Error> {
        let trials = self.trials(scale)?;
        Ok(trials.cells().get(task.index).is_some_and(|&cell| trials.text(cell) == task.text))
    }
}

/// What the rows of a trial say, condition by condition.
pub(super) fn conditions_of(rows: &[Row]) -> Result<Vec<Condition>, Error> {
    summary::conditions(&results_of(rows)?, &crate::Methods::shipped())
}

fn results_of(rows: &[Row]) -> Result<Vec<TrialResult>, Error> {
    rows.iter().enumerate().map(|(at, row)| TrialResult::from_row(at, row)).collect()
}

impl Experiment for TrialExperiment {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn is_by_name_only(&self) -> bool {
        self.by_name_only
    }

    fn columns(&self) -> &'static [&'static str] {
        COLUMNS
    }

    fn tasks(&self, scale: Scale, seed: u64) -> Result<Vec<Task>, Error> {
        let trials = self.trials(scale)?;
        let cells = trials.cells().into_iter().enumerate();
        Ok(cells.map(|(index, cell)| Task::new(self.name, seed, index, trials.text(cell))).collect())
    }

    fn configuration(&self, scale: Scale) -> Result<Vec<(String, String)>, Error> {
        Ok(self.trials(scale)?.configuration())
    }

    fn run(&self, task: &Task, seed: u64) -> Result<Vec<Vec<Cell>>, Error> {
        for scale in [Scale::Full, Scale::Quick] {
            if self.has(task, scale)? {
                let trials = self.trials(scale)?;
                let results = trials.run_cell(trials.cells()[task.index], seed)?;
                return Ok(results.iter().map(TrialResult::row).collect());
            }
        }
        Err(Error::UnknownTask { text: task.text.clone() })
    }

    fn report(&self, rows: &[Row]) -> Result<Section, Error> {
        let trials = self.trials(Scale::Full)?;
        let results = results_of(rows)?;
        let mut conditions = summary::conditions(&results, &crate::Methods::shipped())?;
        let omissions = trials.omissions();
        conditions.iter_mut().for_each(|condition| condition.leave_out(&omissions));
        let described = trials.tasks.iter().map(|task| format!("{}: {}.", task.name(), task.description()));
        let mut section = Section { paragraphs: described.collect(), ..Section::default() };
        section.paragraphs.push(
            "Every method has the same budget: where values are exact, the circuits of a fixed number of plain gradient steps; on a \
             device, its whole shot budget, probes, tracking and the final evaluations included. All runs of one seed share the \
             starting point, the split of the data, and the streams of shots and minibatches."
                .to_owned(),
        );
        section.paragraphs.extend(conditions.iter().map(verdict));
        let mut tasks: Vec<&str> = conditions.iter().map(|condition| &*condition.task).collect();
        tasks.sort_unstable();
        tasks.dedup();
        section.tables.extend(means(&results, &conditions)?);
        if tasks.len() >= OVERVIEW_TASKS {
            section.tables.extend(overview::tables(&conditions));
            section.figures = figures_by_readout(self.name, &conditions);
        } else {
            section.figures = vec![figure(self.name, &conditions)];
        }
        section.tables.extend(conditions.iter().map(summary::table));
        Ok(section)
    }
}

/// Methods against tuned Adam over all conditions, if there are several.
fn means(results: &[TrialResult], conditions: &[Condition]) -> Result<Option<Table>, Error> {
    type Keep = fn(&str, &str) -> bool;
    if conditions.len() < 2 {
        return Ok(None);
    }
    let kinds: [(&str, Keep); 3] = [
        ("exact values", |_, readout| readout == "exact"),
        ("from shots", |_, readout| readout != "exact"),
        ("from shots, without the product ansatz", |task, readout| readout != "exact" && !task.starts_with("product-")),
    ];
    let mut names: Vec<&str> = Vec::new();
    for method in
        conditions.iter().flat_map(|c| &c.methods).filter(|m| m.against_adam.is_some() && m.runs[0].rate > 0.0)
    {
        if !names.contains(&method.name.as_str()) {
            names.push(&method.name);
        }
    }
    let row = |name: &&str| -> Result<Vec<String>, Error> {
        let mut cells = vec![(*name).to_owned()];
        for (_, keep) in kinds {
            let change = summary::mean_change(results, name, keep)?;
            cells.push(change.map_or_else(|| "-".to_owned(), |change| change.to_string()));
        }
        for (_, keep) in kinds {
            let of_kind = conditions.iter().filter(|c| keep(&c.task, &c.readout));
            let changes: Vec<_> =
                of_kind.filter_map(|c| c.methods.iter().find(|m| m.name == *name)?.against_adam).collect();
            let better = changes.iter().filter(|change| change.is_better()).count();
            let worse = changes.iter().filter(|change| change.is_worse()).count();
            cells.push(format!("{better}/{}/{worse}", changes.len() - better - worse));
        }
        Ok(cells)
    };
    let mut columns = vec!["method".to_owned()];
    columns.extend(kinds.iter().map(|(kind, _)| format!("mean change, {kind}")));
    columns.extend(kinds.iter().map(|(kind, _)| format!("better/open/worse, {kind}")));
    Ok(Some(Table {
        title: "Over all tasks, against tuned Adam".to_owned(),
        caption: "Mean over the conditions of the relative reduction of the loss of the last point, with 95 % bootstrap intervals over \
                  seeds, which are resampled together; and the number of conditions whose own interval is above, around and below 0. A \
                  reduction is at most 100 % and has no lower bound."
            .to_owned(),
        columns,
        rows: names.iter().map(row).collect::<Result<_, _>>()?,
    }))
}

/// What the NLR variants came to in one condition, in a sentence.
fn verdict(condition: &Condition) -> String {
    let variants: Vec<_> =
        condition.methods.iter().filter(|m| m.nlr).filter_map(|m| Some((m, m.against_adam?))).collect();
    let better: Vec<String> =
        variants.iter().filter(|(_, c)| c.is_better()).map(|(m, c)| format!("{} {c}", m.name)).collect();
    let worse = variants.iter().filter(|(_, c)| c.is_worse()).count();
    let open = variants.len() - better.len() - worse;
    let gains = if better.is_empty() { "none".to_owned() } else { better.join(", ") };
    let kicks = variants.iter().filter_map(|(m, _)| m.against_kick).collect::<Vec<_>>();
    let above_kick = kicks.iter().filter(|c| c.is_better()).count();
    format!(
        "{}, {}: of {} NLR variants, better than tuned Adam: {gains}; worse: {worse}; not resolved with {} seeds: {open}. Better than \
         the same method with random directions: {above_kick} of {}.",
        condition.task,
        condition.readout,
        variants.len(),
        condition.seeds(),
        kicks.len()
    )
}

/// With so many tasks there are tables of methods x tasks, and a figure for each readout.
const OVERVIEW_TASKS: usize = 3;

fn figures_by_readout(name: &str, conditions: &[Condition]) -> Vec<Figure> {
    let mut groups: Vec<(&str, Vec<Condition>)> = Vec::new();
    for condition in conditions {
        match groups.iter_mut().find(|(readout, _)| *readout == condition.readout) {
            Some((_, group)) => group.push(condition.clone()),
            None => groups.push((&condition.readout, vec![condition.clone()])),
        }
    }
    groups.into_iter().map(|(readout, group)| figure(&format!("{name}-{readout}"), &group)).collect()
}

fn figure(name: &str, conditions: &[Condition]) -> Figure {
    let mut categories: Vec<String> = Vec::new();
    for method in
        conditions.iter().flat_map(|c| &c.methods).filter(|m| m.against_adam.is_some() && m.runs[0].rate > 0.0)
    {
        if !categories.contains(&method.name) {
            categories.push(method.name.clone());
        }
    }
    let mut curves: Vec<Curve> = conditions
        .iter()
        .map(|condition| Curve {
            label: format!("{}, {}", condition.task, condition.readout),
            points: categories
                .iter()
                .enumerate()
                .filter_map(|(x, name)| {
                    let change = condition.methods.iter().find(|m| m.name == *name)?.against_adam?;
                    Some(CurvePoint {
                        x: x as f64,
                        y: 100.0 * change.value.max(FLOOR),
                        interval: Some((100.0 * change.lower.max(FLOOR), 100.0 * change.upper.max(FLOOR))),
                    })
                })
                .collect(),
            style: CurveStyle::Measured,
        })
        .collect();
    curves.push(Curve {
        label: "tuned Adam".to_owned(),
        points: (0..categories.len()).map(|x| CurvePoint { x: x as f64, y: 0.0, interval: None }).collect(),
        style: CurveStyle::Reference,
    });
    Figure {
        name: format!("{name}-change"),
        title: "Relative reduction of the loss against Adam at the same budget".to_owned(),
        caption: format!(
            "Exact loss of the last point, {} paired seeds, learning rates tuned by cross-fitting; bars: 95 % bootstrap intervals over \
             seeds. Above 0 is better than Adam; values below {} % are drawn there.",
            conditions.first().map_or(0, Condition::seeds),
            100.0 * FLOOR
        ),
        x: Axis { label: "method".to_owned(), logarithmic: false, categories },
        y: Axis { label: "change against Adam (%)".to_owned(), logarithmic: false, categories: Vec::new() },
        curves,
    }
}

/// Where the ordinate of the figure is cut: a loss three times Adam's.
const FLOOR: f64 = -2.0;
