//! From the results of a trial to its table: rates tuned by cross-fitting, paired comparisons with intervals.

use std::collections::BTreeMap;

use qopt::{Role, Streams};

use crate::applicability::Omission;
use crate::experiment::{self, Table};
use crate::methods::{KnownGradient, MethodEntry, Methods};
use crate::stats::{self, Bootstrap, BootstrapKind, BootstrapResult, Interval, StatsError};
use crate::{Error, TrialResult, Trials};

/// Resamples of every bootstrap.
const RESAMPLES: usize = 4000;
/// Nominal coverage of every interval.
const LEVEL: f64 = 0.95;
/// Losses closer than this, relative to the larger one, are a tie.
const TIE: f64 = 1e-9;
/// Losses below this share of the largest starting loss are rounding: they count as if they were as large.
const ABSOLUTE_TIE: f64 = 1e-6;
/// The method that every other one is compared with.
pub const REFERENCE: &str = "adam";

/// A relative reduction of the mean loss, `1 - mean(a)/mean(b)` over paired seeds, with its 95 % bootstrap interval.
///
/// The level is nominal. In simulated trials of 20 seeds and six rates, losses log-normal, the interval contains the true change in
/// about 90 % of the trials where one rate is clearly best, in 88 % where all rates are equally good, and in 82 % where the losses
/// of runs spread by their own size: a bootstrap of 20 seeds is too short, and where the choice of the rate is a matter of chance the
/// correction of BCa moves its ends too far. Read an interval whose end is near 0 accordingly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// The reduction; positive is better.
    pub value: f64,
    /// Lower end of the interval.
    pub lower: f64,
    /// Upper end of the interval.
    pub upper: f64,
}

impl Change {
    /// Whether the whole interval is above 0.
    #[must_use]
    pub fn is_better(&self) -> bool {
        self.lower > 0.0
    }

    /// Whether the whole interval is below 0.
    #[must_use]
    pub fn is_worse(&self) -> bool {
        self.upper < 0.0
    }

    /// Paired over seeds; `key` names the comparison, from which the resampling stream is derived. The learning rates are chosen
    /// anew in every resample, so that the interval knows of that choice too. `None` where the mean of the reference is not
    /// positive, on the data or in a resample: there is nothing to relate to.
    fn between(ours: &Losses, reference: &Losses, key: &str) -> Result<Option<Self>, Error> {
        Self::mean_between(&[(ours, reference)], key)
    }

    /// The mean of the reductions of several conditions with the same seeds, which are resampled together.
    fn mean_between(pairs: &[(&Losses, &Losses)], key: &str) -> Result<Option<Self>, Error> {
        let Some(seeds) = pairs.first().map(|(ours, _)| &ours.seeds) else { return Ok(None) };
        if pairs.iter().any(|(ours, reference)| ours.seeds != *seeds || reference.seeds != *seeds) {
            return Ok(None);
        }
        let reduction = |units: &[usize]| {
            let of_pair = |&(ours, reference): &(&Losses, &Losses)| {
                let theirs = reference.tuned_mean(units);
                if theirs > 0.0 { 1.0 - ours.tuned_mean(units) / theirs } else { f64::NAN }
            };
            pairs.iter().map(of_pair).sum::<f64>() / pairs.len() as f64
        };
        let result = over_seeds(seeds.len(), key, reduction);
        match result {
            Ok(found) => {
                let Interval { lower, upper, .. } = found.interval;
                Ok(Some(Self { value: found.estimate, lower, upper }))
            }
            Err(StatsError::UndefinedStatistic { .. }) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }
}

/// A statistic of paired seeds with its bootstrap interval; `key` names the comparison, from which the resampling stream is derived.
pub(crate) fn over_seeds(
    seeds: usize,
    key: &str,
    statistic: impl Fn(&[usize]) -> f64,
) -> Result<BootstrapResult, StatsError> {
    let interval = |kind| {
        let bootstrap = Bootstrap { resamples: RESAMPLES, level: LEVEL, kind };
        let mut rng = Streams::new(0, experiment::stream_key(key)).at(0).rng(Role::User(0));
        bootstrap.interval(seeds, &mut rng, &statistic)
    };
    match interval(BootstrapKind::Bca) {
        // All resamples on one side of the estimate (equal losses, say): there is no bias to correct.
        Err(StatsError::NoBca { .. }) => interval(BootstrapKind::Percentile),
        other => other,
    }
}

/// The losses of a method in one condition, for every rate and seed.
struct Losses {
    rates: Vec<f64>,
    seeds: Vec<u64>,
    /// One vector per rate, one loss per seed.
    by_rate: Vec<Vec<f64>>,
}

impl Losses {
    fn new(results: &[&TrialResult]) -> Self {
        let mut rates: Vec<f64> = results.iter().map(|result| result.rate).collect();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        let mut seeds: Vec<u64> = results.iter().map(|result| result.seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        let mut by_rate = vec![vec![f64::INFINITY; seeds.len()]; rates.len()];
        // The first of several results of one run counts.
        for result in results.iter().rev() {
            let place = rates.partition_point(|&rate| rate < result.rate);
            if rates.get(place) == Some(&result.rate) {
                by_rate[place][seeds.partition_point(|&seed| seed < result.seed)] = result.last.loss;
            }
        }
        Self { rates, seeds, by_rate }
    }

    /// Two-fold cross-fitting: for the units of even and of odd seeds the position of the rate with the smallest mean loss over
    /// the units of the other parity, so that no run is judged by the data that chose its rate. The smallest rate where one
    /// parity is missing.
    fn cross_fitted(&self, units: &[usize]) -> [usize; 2] {
        [1, 0].map(|parity| {
            let of_parity = |losses: &Vec<f64>| -> f64 {
                units.iter().filter(|&&unit| self.seeds[unit] % 2 == parity).map(|&unit| losses[unit]).sum()
            };
            let sums: Vec<f64> = self.by_rate.iter().map(of_parity).collect();
            (0..sums.len()).min_by(|&a, &b| sums[a].total_cmp(&sums[b])).unwrap_or(0)
        })
    }

    /// Mean loss over the units at the rates that cross-fitting on these units chooses.
    fn tuned_mean(&self, units: &[usize]) -> f64 {
        let chosen = self.cross_fitted(units);
        let loss = |unit: usize| self.by_rate[chosen[(self.seeds[unit] % 2) as usize]][unit];
        units.iter().map(|&unit| loss(unit)).sum::<f64>() / units.len() as f64
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = |value: f64| 100.0 * value;
        write!(f, "{:+.1} [{:+.1}, {:+.1}] %", percent(self.value), percent(self.lower), percent(self.upper))
    }
}

/// A method in one condition, its rate chosen by two-fold cross-fitting.
#[derive(Clone, Debug)]
pub struct MethodSummary {
    /// Its name.
    pub name: String,
    /// Whether it is a variant with a negative learning rate (not a control).
    pub nlr: bool,
    /// Whether a chosen rate is the smallest or largest of the grid, so that a better one may lie outside.
    pub at_the_edge: bool,
    /// Rates used for the seeds of even and odd index: each the best, by mean loss of the last point, on the other half.
    pub rates: [f64; 2],
    /// The runs at those rates, one per seed.
    pub runs: Vec<TrialResult>,
    /// Against Adam, tuned the same way; `None` for Adam itself, and where Adam's mean loss is not positive, on the data or in a resample.
    pub against_adam: Option<Change>,
    /// Against the method that it is a variant of.
    pub against_base: Option<Change>,
    /// Against its twin with random directions.
    pub against_kick: Option<Change>,
    /// Seeds in which it ends below, level with and above Adam; all 0 for Adam itself, and where Adam has no runs at these seeds.
    pub record: [usize; 3],
    /// Wilcoxon signed-rank test against Adam over the seeds, adjusted by Holm for all methods of the condition. `None` where Adam has
    /// no runs at these seeds.
    ///
    /// Exact for a given rate. The choice of rates by cross-fitting ties the seeds to each other: on a flat objective with six rates
    /// per method and seven methods against Adam any p-value is at or below 0.05 in about 9 % of simulated trials of 20 seeds, not in 5 %.
    pub p_value: Option<f64>,
    /// Mean over the seeds of [`TrialResult::late_gradient_norm`]; `None` for a method that knows no gradient, and for a baseline.
    pub late_gradient_norm: Option<f64>,
    /// What its runs at other rates than the chosen ones cost.
    pub tuning: Tuning,
}

impl MethodSummary {
    /// Mean of a figure over the seeds.
    #[must_use]
    pub fn mean(&self, figure: impl Fn(&TrialResult) -> f64) -> f64 {
        self.runs.iter().map(figure).sum::<f64>() / self.runs.len() as f64
    }

    /// Share of the seeds in which the task was solved.
    #[must_use]
    pub fn solved(&self) -> f64 {
        self.runs.iter().filter(|run| run.spent_to_threshold.is_some()).count() as f64 / self.runs.len() as f64
    }

    /// The median over the seeds of what was spent until the task was solved, in shots, or in circuits where values are exact.
    /// Runs that did not solve it count as later than all that did; `None` if the median is one of them (censored).
    #[must_use]
    pub fn median_spent_to_threshold(&self) -> Option<u64> {
        let mut spent: Vec<u64> = self.runs.iter().map(|run| run.spent_to_threshold.unwrap_or(u64::MAX)).collect();
        spent.sort_unstable();
        // The upper one of two: a median is claimed only if at least half of the runs are known to be no later.
        spent.get(spent.len() / 2).copied().filter(|&spent| spent != u64::MAX)
    }

    fn losses(&self) -> Vec<f64> {
        self.runs.iter().map(|run| run.last.loss).collect()
    }

    fn seeds(&self) -> Vec<u64> {
        self.runs.iter().map(|run| run.seed).collect()
    }

    fn mean_late_gradient_norm(&self, known: KnownGradient) -> Option<f64> {
        // Rows of earlier versions hold 0 where nothing was known.
        if known == KnownGradient::Nothing || self.runs.iter().all(|run| run.iterations == 0) {
            return None;
        }
        let norms: Vec<f64> = self.runs.iter().map(|run| run.late_gradient_norm).collect::<Option<_>>()?;
        Some(norms.iter().sum::<f64>() / norms.len() as f64)
    }
}

/// Wins, ties and losses as a table shows them: `-` where nothing was compared.
pub(crate) fn shown_record([wins, ties, defeats]: [usize; 3]) -> String {
    match wins + ties + defeats {
        0 => "-".to_owned(),
        _ => format!("{wins}/{ties}/{defeats}"),
    }
}

/// A task with a readout: what may be compared.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Name of the task.
    pub task: String,
    /// The readout.
    pub readout: String,
    /// The methods, in the order of the trial; classical baselines first.
    pub methods: Vec<MethodSummary>,
    /// What the runs of all methods at other rates than the chosen ones cost.
    pub tuning: Tuning,
    /// The methods that have no runs here, see [`Condition::leave_out`].
    pub omitted: Vec<Omission>,
}

/// The bill of choosing learning rates: runs, circuits and shots beyond those at the chosen rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tuning {
    /// Runs.
    pub runs: u64,
    /// Circuits of these runs.
    pub circuits: u64,
    /// Shots of these runs.
    pub shots: u64,
}

impl Tuning {
    fn add(&mut self, result: &TrialResult) {
        self.runs += 1;
        self.circuits = self.circuits.saturating_add(result.spent.circuits);
        self.shots = self.shots.saturating_add(result.spent.shots);
    }
}

impl std::fmt::Display for Tuning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} runs, {} circuits, {} shots", self.runs, self.circuits, self.shots)
    }
}

impl Condition {
    /// Whether values were exact.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.readout == "exact"
    }

    /// Takes those of the omissions of a trial that belong here, so that the table tells them.
    pub fn leave_out(&mut self, omissions: &[Omission]) {
        let here = omissions.iter().filter(|omission| omission.task == self.task && omission.readout == self.readout);
        self.omitted.extend(here.cloned());
    }

    /// Whether classical baselines stand beside the methods, which they do for data.
    #[must_use]
    pub fn has_baselines(&self) -> bool {
        self.methods.iter().any(|method| method.runs.iter().all(|run| run.iterations == 0))
    }

    /// Number of seeds.
    #[must_use]
    pub fn seeds(&self) -> usize {
        self.methods.first().map_or(0, |method| method.runs.len())
    }
}

/// Groups results by task and readout and compares the methods in each group. `methods` says which is a variant of which.
///
/// # Errors
///
/// [`Error::Stats`] if there are too few seeds for an interval (two at least).
pub fn conditions(results: &[TrialResult], methods: &Methods) -> Result<Vec<Condition>, Error> {
    let mut groups: Vec<(String, String, Vec<&TrialResult>)> = Vec::new();
    for result in results {
        match groups.iter_mut().find(|(task, readout, _)| *task == result.task && *readout == result.readout) {
            Some((_, _, group)) => group.push(result),
            None => groups.push((result.task.clone(), result.readout.clone(), vec![result])),
        }
    }
    groups.into_iter().map(|(task, readout, group)| condition(task, readout, &group, methods)).collect()
}

/// The mean over conditions of the relative reduction of the loss against Adam, `(1/C) sum_c (1 - mean_c(a)/mean_c(adam))`, over the
/// conditions that `keep` keeps (task, readout) and both methods have runs in. A reduction is at most 1 and has no lower bound, so one
/// failure weighs more than one success. Rates are chosen by cross-fitting in every condition, and anew in every resample of the
/// seeds. `None` if there is no such condition, or the seeds differ among them, or a mean loss of Adam is not positive.
///
/// # Errors
///
/// [`Error::Stats`] if there are too few seeds for an interval (two at least).
pub fn mean_change(
    results: &[TrialResult],
    method: &str,
    keep: impl Fn(&str, &str) -> bool,
) -> Result<Option<Change>, Error> {
    let mut places: BTreeMap<(&str, &str), [Vec<&TrialResult>; 2]> = BTreeMap::new();
    for result in results.iter().filter(|result| keep(&result.task, &result.readout)) {
        let sides = places.entry((&result.task, &result.readout)).or_default();
        [method, REFERENCE].iter().zip(sides).filter(|(name, _)| result.method == **name).for_each(|(_, side)| {
            side.push(result);
        });
    }
    let losses: Vec<[Losses; 2]> = places
        .into_values()
        .filter(|sides| sides.iter().all(|side| !side.is_empty()))
        .map(|sides| sides.map(|side| Losses::new(&side)))
        .collect();
    let pairs: Vec<(&Losses, &Losses)> = losses.iter().map(|[ours, reference]| (ours, reference)).collect();
    Change::mean_between(&pairs, &format!("mean change {method}"))
}

/// What the results of a trial say: [`conditions`], with the methods that have no runs told where they were left out.
///
/// # Errors
///
/// As [`conditions`].
pub fn of_trials(results: &[TrialResult], trials: &Trials) -> Result<Vec<Condition>, Error> {
    let mut conditions = conditions(results, &trials.methods)?;
    leave_out(&mut conditions, &trials.omissions());
    Ok(conditions)
}

/// Tells in the conditions, those without runs included, which methods were left out.
pub fn leave_out(conditions: &mut Vec<Condition>, omissions: &[Omission]) {
    for Omission { task, readout, .. } in omissions {
        if !conditions.iter().any(|condition| condition.task == *task && condition.readout == *readout) {
            let (task, readout, tuning) = (task.clone(), readout.clone(), Tuning::default());
            conditions.push(Condition { task, readout, methods: Vec::new(), tuning, omitted: Vec::new() });
        }
    }
    conditions.iter_mut().for_each(|condition| condition.leave_out(omissions));
}

/// The methods with their rates tuned, and all their losses by name.
fn tuned_methods<'a>(
    results: &[&'a TrialResult],
    methods: &Methods,
) -> (Vec<MethodSummary>, BTreeMap<&'a str, Losses>) {
    let mut names: Vec<&str> = Vec::new();
    for result in results {
        if !names.contains(&result.method.as_str()) {
            names.push(&result.method);
        }
    }
    // Baselines have no place in the list of methods: they stand first.
    names.sort_by_key(|name| methods.entries().iter().position(|entry| entry.name() == *name));
    let of = |name: &str| -> Vec<&TrialResult> { results.iter().filter(|r| r.method == name).copied().collect() };
    let losses: BTreeMap<&str, Losses> = names.iter().map(|&name| (name, Losses::new(&of(name)))).collect();
    let summaries = names
        .iter()
        .map(|&name| tuned(name, &of(name), &losses[name], methods.get(name).is_some_and(MethodEntry::is_nlr)))
        .collect();
    (summaries, losses)
}

/// Tests the methods against Adam, where they have the same seeds.
fn set_p_values(summaries: &mut [MethodSummary], methods: &Methods, scale: f64) -> Result<(), Error> {
    let Some(adam) = summaries.iter().find(|summary| summary.name == REFERENCE) else { return Ok(()) };
    let (seeds, adam) = (adam.seeds(), adam.losses());
    let is_tested = |summary: &MethodSummary| {
        summary.name != REFERENCE && methods.get(&summary.name).is_some() && seeds == summary.seeds()
    };
    let tested: Vec<usize> = (0..summaries.len()).filter(|&k| is_tested(&summaries[k])).collect();
    let losses: Vec<Vec<f64>> = tested.iter().map(|&k| summaries[k].losses()).collect();
    for (k, p) in tested.into_iter().zip(adjusted_p_values(&losses, &adam, scale)?) {
        summaries[k].p_value = p;
    }
    Ok(())
}

fn condition(task: String, readout: String, results: &[&TrialResult], methods: &Methods) -> Result<Condition, Error> {
    let (mut summaries, losses) = tuned_methods(results, methods);
    let compare = |name: &str, reference: Option<&str>| -> Result<Option<Change>, Error> {
        match reference.filter(|&reference| reference != name).and_then(|r| Some((r, losses.get(r)?))) {
            Some((reference, theirs)) => {
                Change::between(&losses[name], theirs, &format!("{task} {readout} {name} {reference}"))
            }
            None => Ok(None),
        }
    };
    let scale = results.iter().map(|result| result.start_loss).fold(0.0, f64::max);
    let adam = summaries.iter().find(|s| s.name == REFERENCE).map(|adam| (adam.seeds(), adam.losses()));
    for summary in &mut summaries {
        let entry = methods.get(&summary.name);
        summary.against_adam = compare(&summary.name, Some(REFERENCE))?;
        summary.against_base = compare(&summary.name, entry.and_then(MethodEntry::base))?;
        summary.against_kick = compare(&summary.name, entry.and_then(MethodEntry::kick_twin))?;
        summary.late_gradient_norm =
            summary.mean_late_gradient_norm(entry.map_or(KnownGradient::Whole, MethodEntry::gradient));
        // Rows that were cut by hand may leave the methods with other seeds: then there are no pairs.
        let adam = adam.as_ref().filter(|(seeds, _)| summary.name != REFERENCE && *seeds == summary.seeds());
        let Some((_, adam)) = adam else { continue };
        for difference in differences(&summary.losses(), adam, scale) {
            let place = if difference == 0.0 { 1 } else { usize::from(difference > 0.0) * 2 };
            summary.record[place] += 1;
        }
    }
    set_p_values(&mut summaries, methods, scale)?;
    let mut tuning = Tuning::default();
    for result in results {
        let summary = summaries.iter_mut().find(|summary| summary.name == result.method);
        let summary = summary.expect("every method with results has a summary");
        if summary.rates[(result.seed % 2) as usize] != result.rate {
            summary.tuning.add(result);
            tuning.add(result);
        }
    }
    Ok(Condition { task, readout, methods: summaries, tuning, omitted: Vec::new() })
}

/// Paired differences, where losses that differ by rounding alone are level.
fn differences(ours: &[f64], reference: &[f64], scale: f64) -> Vec<f64> {
    let difference = |(&ours, &theirs): (&f64, &f64)| {
        let tied = (ours - theirs).abs() <= TIE * ours.abs().max(theirs.abs()).max(ABSOLUTE_TIE * scale);
        if tied { 0.0 } else { ours - theirs }
    };
    ours.iter().zip(reference).map(difference).collect()
}

/// Whether methods differ from a reference over paired seeds: two-sided Wilcoxon signed-rank tests of each against it, adjusted by
/// Holm for all of them, so that the chance of any false alarm is at most the level at which they are read. `losses` holds one
/// vector per method; differences below 1e-9 of the larger loss, or of 1e-6 of `scale`, are level. `None` where all are.
///
/// # Errors
///
/// [`Error::Stats`] if a loss is not finite.
pub fn adjusted_p_values(losses: &[Vec<f64>], reference: &[f64], scale: f64) -> Result<Vec<Option<f64>>, Error> {
    let mut found = vec![None; losses.len()];
    let mut raw = Vec::new();
    for (index, ours) in losses.iter().enumerate() {
        let differences = differences(ours, reference, scale);
        if differences.iter().any(|&difference| difference != 0.0) {
            raw.push((index, stats::wilcoxon_signed_rank(&differences)?.p_value));
        }
    }
    let adjusted = stats::holm(&raw.iter().map(|&(_, p)| p).collect::<Vec<_>>())?;
    for ((index, _), p) in raw.into_iter().zip(adjusted) {
        found[index] = Some(p);
    }
    Ok(found)
}

fn tuned(name: &str, results: &[&TrialResult], losses: &Losses, nlr: bool) -> MethodSummary {
    let all: Vec<usize> = (0..losses.seeds.len()).collect();
    let rates = losses.cross_fitted(&all).map(|position| losses.rates[position]);
    let mut runs: Vec<TrialResult> =
        results.iter().filter(|r| r.rate == rates[(r.seed % 2) as usize]).map(|r| (*r).clone()).collect();
    runs.sort_by_key(|run| run.seed);
    let edges = [losses.rates[0], losses.rates[losses.rates.len() - 1]];
    MethodSummary {
        name: name.to_owned(),
        nlr,
        rates,
        at_the_edge: losses.rates.len() > 1 && rates.iter().any(|rate| edges.contains(rate)),
        runs,
        against_adam: None,
        against_base: None,
        against_kick: None,
        record: [0; 3],
        p_value: None,
        late_gradient_norm: None,
        tuning: Tuning::default(),
    }
}

/// The table of a condition.
#[must_use]
pub fn table(condition: &Condition) -> Table {
    let shown = |change: &Option<Change>| change.map_or_else(|| "-".to_owned(), |change| change.to_string());
    let data = condition.methods.iter().any(|m| m.runs.iter().any(|run| run.last.test_accuracy.is_some()));
    let mut columns = vec!["method", "rates", "loss, last point", "loss, best-tracked", "loss, re-measured choice"];
    if data {
        columns.extend(["test loss", "test accuracy"]);
    }
    columns.extend([
        "change against Adam",
        "against its base",
        "against its kick twin",
        "wins/ties/losses",
        "p (Holm)",
        "iterations",
        "ascents",
        "solved",
        "median cost to solve",
        "late |g|",
        "device s",
        "device J",
        if condition.is_exact() { "tuning, circuits" } else { "tuning, shots" },
    ]);
    let mut rows: Vec<Vec<String>> = condition
        .methods
        .iter()
        .map(|method| {
            let baseline = method.runs.iter().all(|run| run.iterations == 0);
            let exact = method.runs.iter().all(|run| run.spent.seconds == 0.0);
            let edge = if method.at_the_edge { " (edge)" } else { "" };
            let rates = match method.rates {
                _ if baseline => "-".to_owned(),
                [a, b] if a == b => format!("{a}{edge}"),
                [a, b] => format!("{a}, {b}{edge}"),
            };
            let mut cells = vec![
                method.name.clone(),
                rates,
                format!("{:.4}", method.mean(|run| run.last.loss)),
                format!("{:.4}", method.mean(|run| run.best_loss)),
                format!("{:.4}", method.mean(|run| run.chosen.loss)),
            ];
            if data {
                cells.push(format!("{:.4}", method.mean(|run| run.last.test_loss.unwrap_or(f64::NAN))));
                cells.push(format!("{:.3}", method.mean(|run| run.last.test_accuracy.unwrap_or(f64::NAN))));
            }
            cells.extend([
                shown(&method.against_adam),
                shown(&method.against_base),
                shown(&method.against_kick),
                shown_record(method.record),
                method.p_value.map_or_else(|| "-".to_owned(), |p| format!("{p:.3}")),
                if baseline { "-".to_owned() } else { format!("{:.0}", method.mean(|run| run.iterations as f64)) },
                if baseline { "-".to_owned() } else { format!("{:.1}", method.mean(|run| run.ascents as f64)) },
                if baseline { "-".to_owned() } else { format!("{:.2}", method.solved()) },
                match method.median_spent_to_threshold() {
                    _ if baseline => "-".to_owned(),
                    Some(spent) => spent.to_string(),
                    None => "> budget".to_owned(),
                },
                method.late_gradient_norm.map_or_else(|| "-".to_owned(), |norm| format!("{norm:.2e}")),
                if exact { "-".to_owned() } else { format!("{:.0}", method.mean(|run| run.spent.seconds)) },
                if exact { "-".to_owned() } else { format!("{:.0}", method.mean(|run| run.spent.joules)) },
                if method.tuning.runs == 0 {
                    "-".to_owned()
                } else {
                    let Tuning { circuits, shots, .. } = method.tuning;
                    format!("{:.2e}", if condition.is_exact() { circuits as f64 } else { shots as f64 })
                },
            ]);
            cells
        })
        .collect();
    rows.extend(condition.omitted.iter().map(|omission| {
        let mut cells = vec![omission.method.clone(), format!("not applicable: {}", omission.reason)];
        cells.resize(columns.len(), "-".to_owned());
        cells
    }));
    Table {
        title: format!("{}, {}", condition.task, condition.readout),
        caption: format!(
            "Means over {} paired seeds of exact losses (mean squared error, or energy above the ground state): of the last point, of the \
             point with the smallest measured loss, and of whichever of the two measured better when both were measured again. Learning \
             rates come from a grid of the method, chosen for the seeds of each parity on those of the other; (edge): an end of the grid was chosen, \
             a better rate may lie outside. Changes are relative reductions of the mean loss of the last point, positive is better, with \
             95 % BCa bootstrap intervals over seeds that choose the rates anew in every resample (percentile intervals where BCa has \
             none); p-values by Wilcoxon's signed-rank test against Adam at the chosen rates, adjusted by Holm within the table. Solved: \
             share of the seeds that came to the task's threshold, by exact losses; its cost is in shots, or circuits where values are \
             exact, and the median counts unsolved runs as later than the budget. Tuning: what the runs at other rates cost; of all methods together {}. Late |g|: \
             mean norm of the measured gradient in the second half of a run; of SPSA and its kin that of its estimate along a random \
             direction, about sqrt(P) times as large, of random-coordinate, rotosolve and rotoselect the one component of a step, and - \
             where a method knows no gradient. The logistic regression sees all features, the circuit only \
             their principal components.",
            condition.seeds(),
            condition.tuning
        ),
        columns: columns.into_iter().map(str::to_owned).collect(),
        rows,
    }
}

#[cfg(test)]
mod coverage_tests;
#[cfg(test)]
pub(crate) mod tests;
