//! Tables of a trial with several tasks: methods x tasks, one for each readout.

use crate::experiment::Table;
use crate::stats;
use crate::summary::{Condition, MethodSummary};

/// Method x task for each readout: changes against tuned Adam and against the own base, wins, ties and losses, what a solution cost.
pub(super) fn tables(conditions: &[Condition]) -> Vec<Table> {
    let mut readouts: Vec<&str> = Vec::new();
    for condition in conditions {
        if !readouts.contains(&condition.readout.as_str()) {
            readouts.push(&condition.readout);
        }
    }
    let of = |readout: &str| conditions.iter().filter(|c| c.readout == readout).collect::<Vec<_>>();
    readouts.into_iter().flat_map(|readout| of_readout(readout, &of(readout))).collect()
}

fn of_readout(readout: &str, conditions: &[&Condition]) -> [Table; 4] {
    let seeds = conditions.first().map_or(0, |condition| condition.seeds());
    let interval = "Relative reduction of the mean exact loss of the last point, positive is better, with 95 % BCa bootstrap intervals";
    let shown =
        |change: Option<crate::summary::Change>| change.map_or_else(|| "-".to_owned(), |change| change.to_string());
    let unit = if readout == "exact" { "circuits" } else { "shots" };
    [
        table(
            format!("Change against tuned Adam, {readout}"),
            format!(
                "{interval} over {seeds} paired seeds. n/a: the method has no run there, for the reason that the task's table gives."
            ),
            conditions,
            |method| shown(method.against_adam),
            None,
        ),
        table(
            format!("Change against the own base, {readout}"),
            format!(
                "{interval}, for methods that are built around a plain one: against that one, tuned in the same way."
            ),
            conditions,
            |method| shown(method.against_base),
            None,
        ),
        table(
            format!("Wins, ties and losses against tuned Adam, {readout}"),
            format!(
                "Seeds of {seeds} in which the last point is better than Adam's, level with it, worse; the last column adds them up."
            ),
            conditions,
            |method| method.against_adam.map_or_else(|| "-".to_owned(), |_| of_record(method.record)),
            Some(("all tasks", &|methods: &[&MethodSummary]| {
                let sum = |place: usize| methods.iter().map(|method| method.record[place]).sum();
                of_record([sum(0), sum(1), sum(2)])
            })),
        ),
        table(
            format!("Share solved and median {unit} until then, {readout}"),
            format!(
                "Share of the seeds that came to the task's threshold, with its 95 % Wilson interval, and the median over all seeds of \
                 the {unit} spent before; unsolved seeds count as later than the budget."
            ),
            conditions,
            |method| {
                let count = method.runs.len() as f64;
                let (low, high) = stats::wilson(method.solved(), count, 0.95);
                let spent = method.median_spent_to_threshold();
                let spent = spent.map_or_else(|| "> budget".to_owned(), |spent| format!("{:.2e}", spent as f64));
                format!("{:.2} [{low:.2}, {high:.2}], {spent}", method.solved())
            },
            None,
        ),
    ]
}

fn of_record([wins, ties, defeats]: [usize; 3]) -> String {
    format!("{wins}/{ties}/{defeats}")
}

type OverTasks<'a> = (&'a str, &'a dyn Fn(&[&MethodSummary]) -> String);

fn table(
    title: String,
    caption: String,
    conditions: &[&Condition],
    cell: impl Fn(&MethodSummary) -> String,
    last: Option<OverTasks<'_>>,
) -> Table {
    let mut names: Vec<&str> = Vec::new();
    for condition in conditions {
        // Baselines are no methods: they spend nothing.
        let methods =
            condition.methods.iter().filter(|m| m.runs.iter().any(|run| run.iterations > 0)).map(|m| &*m.name);
        for name in methods.chain(condition.omitted.iter().map(|omission| &*omission.method)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let rows = names.iter().map(|&name| {
        let found: Vec<Option<&MethodSummary>> =
            conditions.iter().map(|condition| condition.methods.iter().find(|method| method.name == name)).collect();
        let cells = found.iter().map(|method| method.map_or_else(|| "n/a".to_owned(), &cell));
        let over = last.map(|(_, over)| over(&found.iter().copied().flatten().collect::<Vec<_>>()));
        std::iter::once(name.to_owned()).chain(cells).chain(over).collect()
    });
    let columns = std::iter::once("method").chain(conditions.iter().map(|condition| &*condition.task));
    let columns = columns.chain(last.map(|(head, _)| head)).map(str::to_owned).collect();
    Table { title, caption, columns, rows: rows.collect() }
}
