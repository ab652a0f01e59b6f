//! Tables of a trial with several tasks: methods x tasks, one for each readout.

use crate::experiment::Table;
use crate::stats;
use crate::summary::{Change, Condition, MethodSummary, shown_record};

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
    let shown = |change: Option<Change>| change.map_or_else(|| "-".to_owned(), |change| change.to_string());
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
                "Seeds of {seeds} in which the last point is better than Adam's, level with it, worse; the last column adds them up. -: nothing to compare."
            ),
            conditions,
            |method| shown_record(method.record),
            Some(("all tasks", &|methods: &[&MethodSummary]| {
                let sum = |place: usize| methods.iter().map(|method| method.record[place]).sum();
                shown_record([sum(0), sum(1), sum(2)])
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Methods;
    use crate::summary::conditions;
    use crate::summary::tests::result;

    /// Where Adam comes to loss 0 there is no relative change, but still a record; a row shows the numbers that its last column adds up.
    #[test]
    fn the_records_of_a_row_add_up() {
        let mut results = Vec::new();
        for seed in 0..6 {
            let loss = 0.1 + 0.05 * seed as f64;
            for (task, adam) in [("a", 0.0), ("b", loss), ("c", 2.0 * loss)] {
                let of =
                    |method: &str, loss| crate::TrialResult { task: task.into(), ..result(method, 0.1, seed, loss) };
                results.extend([of("adam", adam), of("sgd", loss)]);
            }
        }
        let conditions = conditions(&results, &Methods::shipped()).expect("enough seeds");
        assert!(conditions[0].methods.iter().all(|method| method.against_adam.is_none()));
        let tables = tables(&conditions);
        let records = tables.iter().find(|table| table.title.starts_with("Wins, ties and losses")).expect("there");
        let row = |name: &str| records.rows.iter().find(|row| row[0] == name).expect("there")[1..].to_vec();
        assert_eq!(row("sgd"), ["0/0/6", "0/6/0", "6/0/0", "6/6/6"]);
        assert_eq!(row("adam"), ["-"; 4]);
    }
}
