//! The six claims of the paper's public summary, and what was measured about each.

use super::{CLASSIFICATION, PLATEAU, VQE, plateau, trials};
use crate::Error;
use crate::experiment::{ClaimAnswer, Results, Row};
use crate::summary::{Change, Condition, MethodSummary};

/// The loss reduction that the paper reports.
const CLAIMED_REDUCTION: f64 = 0.082;

/// Answers the six claims from whatever rows there are; a claim whose experiment was not run has no answer.
///
/// # Errors
///
/// [`Error::Row`] if rows cannot be read back, [`Error::Stats`] if they are too few for an interval.
pub fn claims(results: &Results<'_>) -> Result<Vec<ClaimAnswer>, Error> {
    let rows = |name: &str| -> Option<&[Row]> {
        results.iter().find(|(found, rows)| *found == name && !rows.is_empty()).map(|&(_, rows)| rows)
    };
    let plateau_rows = rows(PLATEAU);
    let classification = rows(CLASSIFICATION).map(trials::conditions_of).transpose()?;
    let vqe = rows(VQE).map(trials::conditions_of).transpose()?;
    let all: Vec<&Condition> = classification.iter().chain(&vqe).flatten().collect();
    let devices: Vec<&Condition> = all.iter().filter(|c| !c.is_exact()).copied().collect();
    Ok(vec![
        ClaimAnswer {
            id: "C1",
            claim: "Recovery: switching between positive and negative learning phases recovers significant gradients on a barren plateau.",
            rule: "On the global cost of the product ansatz at the largest size measured, exact values: holds for a pure ascent path of 0.5 \
                   rad if the median ratio of the gradient norm after it to that before has its 95 % interval above 1 and above that of a \
                   random kick of the same length. Methods that switch signs on a plateau with shots are not measured yet.",
            answer: plateau_rows.map(recovery).transpose()?.flatten(),
        },
        ClaimAnswer {
            id: "C2",
            claim: "Exploration: the controlled instability explores flatter areas of the landscape; in parameter space it behaves like \
                    diffusion.",
            rule: "On the global cost of the product ansatz at the largest size measured, 100 shots, from random points, walks of 64 \
                   iterations at rate 0.3 of the probe around SGD without margin (z = 0): like diffusion if the 95 % interval of the \
                   exponent of the mean squared displacement contains 1; exploring more than plain descent if that of the ratio of the \
                   two mean squared displacements lies above 1; flatter if that of the ratio of the median exact gradient norms at \
                   their ends lies below 1.",
            answer: plateau_rows.map(plateau::exploration).transpose()?.flatten(),
        },
        ClaimAnswer {
            id: "C3",
            claim: "Theory: negative learning changes the gradient variance, and there are conditions under which that helps to leave a \
                    barren zone.",
            rule: "At uniformly random points of the Ising chain, one step with rate 0.1, exact values: the variance changes if the 95 % \
                   interval of the ratio of mean squared gradients excludes 1, and grows if it lies above 1. Whether that leads out of a \
                   barren zone is not measured.",
            answer: plateau_rows.map(theory).transpose()?.flatten(),
        },
        ClaimAnswer {
            id: "C4",
            claim: "Convergence: on typical benchmarks of variational algorithms, convergence and results improve consistently over \
                    conventional optimizers.",
            rule: "Over all tasks, readouts and NLR variants measured, loss of the last point, everything tuned alike at equal budgets: holds \
                   if the variant is better than its own base and than Adam (95 % intervals of the reduction above 0) in more than half of \
                   the comparisons, and worse than Adam (interval below 0) in none.",
            answer: convergence(&all),
        },
        ClaimAnswer {
            id: "C5",
            claim: "Size: up to 8.2 % lower classification loss, on synthetic and public data sets.",
            rule: "For the variant closest to the summary (the probe around Adam) on each data set and readout: confirmed where the 95 % \
                   interval of the reduction against tuned Adam lies above 0 and not wholly below 8.2 %, and that against the same method \
                   with random directions lies above 0 too; a single best run counts for nothing.",
            answer: classification.as_deref().and_then(size),
        },
        ClaimAnswer {
            id: "C6",
            claim: "Fit: suited to end points of a quantum internet of things, with few qubits, small shot budgets and strict latency.",
            rule: "On devices with a shot budget (probes, tracking and final evaluations paid from it): the rule of C4 over these readouts \
                   alone. The simulated device time stands in the tables; latency is not judged.",
            answer: convergence(&devices),
        },
    ])
}

fn recovery(rows: &[Row]) -> Result<Option<String>, Error> {
    let ratios = plateau::ratios(rows, "path")?;
    let Some(qubits) = ratios.iter().map(|ratio| ratio.qubits).max() else { return Ok(None) };
    let of = |name: &str| ratios.iter().find(|ratio| ratio.qubits == qubits && ratio.quantity == name);
    let (Some(ascent), Some(kick), Some(descent)) = (of("ascent"), of("kick"), of("descent")) else { return Ok(None) };
    let verdict = if ascent.interval.0 > 1.0 && ascent.interval.0 > kick.interval.1 {
        "holds for a pure ascent path"
    } else {
        "does not hold for a pure ascent path"
    };
    let shown =
        |ratio: &plateau::Ratio| format!("x{:.3} [{:.3}, {:.3}]", ratio.value, ratio.interval.0, ratio.interval.1);
    Ok(Some(format!(
        "{verdict}: at n = {qubits}, {} points, the gradient norm changes by {} after ascent, {} after a random kick, {} after descent \
         ({PLATEAU})",
        ascent.samples,
        shown(ascent),
        shown(kick),
        shown(descent)
    )))
}

fn theory(rows: &[Row]) -> Result<Option<String>, Error> {
    let ratios = plateau::ratios(rows, "step")?;
    let Some(qubits) = ratios.iter().map(|ratio| ratio.qubits).max() else { return Ok(None) };
    let of = |name: &str| ratios.iter().find(|ratio| ratio.qubits == qubits && ratio.quantity == name);
    let (Some(ascent), Some(kick)) = (of("ascent"), of("kick")) else { return Ok(None) };
    let (lower, upper) = ascent.interval;
    let verdict = if lower > 1.0 {
        "the variance grows"
    } else if upper < 1.0 {
        "the variance changes: it shrinks"
    } else {
        "no change resolved"
    };
    Ok(Some(format!(
        "{verdict}: ratio {:.4} [{lower:.4}, {upper:.4}] after ascent, {:.4} [{:.4}, {:.4}] after a random kick of the same length \
         (Ising chain, n = {qubits}, {} points, {PLATEAU})",
        ascent.value, kick.value, kick.interval.0, kick.interval.1, ascent.samples
    )))
}

fn convergence(conditions: &[&Condition]) -> Option<String> {
    let variants: Vec<(&Condition, &MethodSummary)> = conditions
        .iter()
        .flat_map(|condition| condition.methods.iter().filter(|m| m.nlr).map(move |m| (*condition, m)))
        .collect();
    let changes: Vec<_> = variants.iter().filter_map(|(c, m)| Some((*c, *m, m.against_adam?))).collect();
    let total = changes.len();
    let best = changes.iter().max_by(|a, b| a.2.value.total_cmp(&b.2.value))?;
    let above_adam = changes.iter().filter(|(.., change)| change.is_better()).count();
    let better = changes
        .iter()
        .filter(|(_, m, change)| change.is_better() && m.against_base.is_some_and(|base| base.is_better()))
        .count();
    let worse = changes.iter().filter(|(.., change)| change.is_worse()).count();
    let kicks: Vec<_> = variants.iter().filter_map(|(_, m)| m.against_kick).collect();
    let above_kick = kicks.iter().filter(|change| change.is_better()).count();
    let verdict = if 2 * better > total && worse == 0 { "holds" } else { "does not hold" };
    Some(format!(
        "{verdict}: of {total} comparisons over {} seeds, NLR is better than both its base and tuned Adam in {better} (than Adam alone in \
         {above_adam}), worse than Adam in {worse}; better than the same method with random directions in {above_kick} of {}. By chance \
         alone about {:.1} of {total} such intervals lie above 0. Largest change against Adam: {} ({}, {}, {})",
        best.0.seeds(),
        kicks.len(),
        0.025 * total as f64,
        best.2,
        best.1.name,
        best.0.task,
        best.0.readout
    ))
}

fn size(conditions: &[Condition]) -> Option<String> {
    let measured: Vec<_> = conditions
        .iter()
        .filter_map(|c| {
            let probe = c.methods.iter().find(|m| m.name == "nlr-probe-adam")?;
            Some((c, probe.against_adam?, probe.against_kick))
        })
        .collect();
    let seeds = measured.first()?.0.seeds();
    let of_that_size = |change: &Change| change.is_better() && change.upper >= CLAIMED_REDUCTION;
    let against_adam = measured.iter().filter(|(_, change, _)| of_that_size(change)).count();
    let confirmed = measured
        .iter()
        .filter(|(_, change, kick)| of_that_size(change) && kick.is_some_and(|kick| kick.is_better()))
        .count();
    let excluded = measured.iter().filter(|(_, change, _)| change.upper < CLAIMED_REDUCTION).count();
    let list: Vec<String> = measured
        .iter()
        .map(|(c, change, kick)| {
            let kick = kick.map_or_else(String::new, |kick| format!(", against random directions {kick}"));
            format!("{}, {}: against Adam {change}{kick}", c.task, c.readout)
        })
        .collect();
    Some(format!(
        "confirmed in {confirmed} of {} conditions (against Adam alone in {against_adam}), a reduction of 8.2 % excluded in {excluded}; \
         means over {seeds} seeds: {} ({CLASSIFICATION})",
        measured.len(),
        list.join("; ")
    ))
}
