//! How a job goes out in submissions, and when each of them begins.

use qgrad::{Bill, JobShots};

use crate::{DeviceProfile, Ledger};

/// Above this many submissions the waiting of a job that is only priced is bounded and not worked out.
const MAX_PRICED: u64 = 100_000;

/// Circuits and shots of one submission.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Part {
    circuits: u64,
    shots: u64,
}

/// When and how a job would run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Schedule {
    pub(crate) bill: Bill,
    pub(crate) window_shots: u64,
    pub(crate) window_end_seconds: f64,
}

/// The submissions of a job: circuits in their order, as many into each as the limits per job and window allow. An empty job
/// is one empty submission. No circuit may have more shots than fit into a submission.
pub(crate) fn parts(profile: &DeviceProfile, circuits: u64, shots: JobShots<'_>) -> Vec<Part> {
    let JobShots::PerCircuit(list) = shots else {
        let each = if let JobShots::Each(each) = shots { each } else { 0 };
        return equal_parts(profile, circuits, each.saturating_mul(circuits)).collect();
    };
    let most_circuits = profile.limits.circuits_per_job.unwrap_or(u64::MAX).max(1);
    let most_shots = profile.shots_in_a_job().unwrap_or(u64::MAX);
    let mut parts = vec![Part { circuits: 0, shots: 0 }];
    for &shots in list {
        let last = parts.last_mut().expect("there is at least one");
        match last.shots.checked_add(shots).filter(|&sum| sum <= most_shots && last.circuits < most_circuits) {
            Some(sum) => *last = Part { circuits: last.circuits + 1, shots: sum },
            None => parts.push(Part { circuits: 1, shots }),
        }
    }
    parts
}

/// As [`parts`] for `circuits` circuits that share `shots` shots equally.
fn equal_parts(profile: &DeviceProfile, circuits: u64, shots: u64) -> impl Iterator<Item = Part> {
    let most = profile.circuits_in_a_job(circuits, shots);
    let each = shots.div_ceil(circuits.max(1));
    (0..profile.submissions(circuits, shots)).map(move |index| {
        let before = index * most;
        let circuits = most.min(circuits - before);
        let left = shots.saturating_sub(before.saturating_mul(each));
        Part { circuits, shots: left.min(circuits.saturating_mul(each)) }
    })
}

/// The schedule of submissions that begin when the clock of `ledger` stands; `late` gives what the network adds to a
/// submission as a share of the jitter, by the number of the submission in the life of the device.
pub(crate) fn schedule(
    profile: &DeviceProfile,
    ledger: &Ledger,
    shot_seconds: f64,
    parts: impl Iterator<Item = Part>,
    late: impl Fn(u64) -> f64,
) -> Schedule {
    let window = profile.limits.shots_per_window.zip(profile.limits.window_seconds);
    let Ledger { mut window_shots, mut window_end_seconds, bill: spent, .. } = *ledger;
    let (mut jobs, mut circuits, mut shots) = (0_u64, 0_u64, 0_u64);
    let jitter = profile.latency.jitter_seconds;
    // Shares and not seconds are added up: the sum of the largest ones is then exact.
    let (mut shares, mut waited) = (0.0, 0.0);
    for part in parts {
        if let Some((most, length)) = window {
            let clock =
                spent.seconds + profile.bill(jobs, circuits, shots, shot_seconds, shares * jitter + waited).seconds;
            if clock >= window_end_seconds {
                // The product may be rounded down to the clock itself.
                window_end_seconds = ((clock / length).floor() + 1.0) * length;
                window_end_seconds += if window_end_seconds > clock { 0.0 } else { length };
                window_shots = 0;
            }
            if window_shots.saturating_add(part.shots) > most {
                waited += window_end_seconds - clock;
                window_end_seconds += length;
                window_shots = 0;
            }
            window_shots = window_shots.saturating_add(part.shots);
        }
        shares += late(spent.jobs.saturating_add(jobs));
        jobs += 1;
        circuits = circuits.saturating_add(part.circuits);
        shots = shots.saturating_add(part.shots);
    }
    let bill = profile.bill(jobs, circuits, shots, shot_seconds, shares * jitter + waited);
    Schedule { bill, window_shots, window_end_seconds }
}

/// What jobs of equally many circuits cost at most if the first of them begins when the clock of `ledger` stands. A single job
/// shares its shots equally among its circuits; several of them divide all shots among circuits and jobs in any way.
pub(crate) fn price(profile: &DeviceProfile, ledger: &Ledger, circuit_seconds: f64, job: Bill) -> Bill {
    at_most(profile, ledger, circuit_seconds, job).bill
}

/// As [`price`], with the window in which whatever comes next begins at the latest. Where the waiting is bounded and not worked out,
/// that window is taken as full.
pub(crate) fn at_most(profile: &DeviceProfile, ledger: &Ledger, circuit_seconds: f64, job: Bill) -> Schedule {
    let Bill { jobs, circuits, shots, .. } = job;
    let window = profile.limits.shots_per_window.zip(profile.limits.window_seconds);
    let shot_seconds = profile.shot_seconds(circuit_seconds);
    if jobs <= 1 && window.is_some() && profile.submissions(circuits, shots) <= MAX_PRICED {
        return schedule(profile, ledger, shot_seconds, equal_parts(profile, circuits, shots), |_| 1.0);
    }
    let bill = match window {
        _ if jobs > 1 => price_of_several(profile, circuit_seconds, job),
        None => profile.price_of(circuits, shots, circuit_seconds),
        Some((most, length)) => {
            let free = profile.price_of(circuits, shots, circuit_seconds);
            // No submission waits longer than a window, and as many as fit into one begin in it.
            let each = profile.circuits_in_a_job(circuits, shots).saturating_mul(shots.div_ceil(circuits.max(1)));
            let per_window = most.checked_div(each).unwrap_or(u64::MAX).max(1);
            Bill { seconds: free.seconds + free.jobs.div_ceil(per_window) as f64 * length, ..free }
        }
    };
    let (window_shots, window_end_seconds) = window
        .map_or((ledger.window_shots, ledger.window_end_seconds), |(most, length)| {
            (most, ledger.bill.seconds + bill.seconds + length)
        });
    Schedule { bill, window_shots, window_end_seconds }
}

/// As [`price`] for several jobs: exact where their shots fit into one submission and no window is waited for.
fn price_of_several(profile: &DeviceProfile, circuit_seconds: f64, Bill { jobs, circuits, shots, .. }: Bill) -> Bill {
    let limits = &profile.limits;
    let of_job = circuits.div_ceil(jobs);
    let by_count = limits.circuits_per_job.unwrap_or(u64::MAX).max(1);
    // Two submissions one after the other that were divided by their shots have more than fits into one, and no circuit is in
    // more than two such pairs.
    let by_shots = |most: Option<u64>| match most {
        Some(most) if shots > most => (u128::from(shots) * 2 / u128::from(most.max(1))) as u64,
        _ => 0,
    };
    let divided = by_shots(profile.shots_in_a_job());
    let each = of_job.div_ceil(by_count).saturating_add(divided).min(of_job).max(1);
    let submissions = each.saturating_mul(jobs);
    let shot_seconds = profile.shot_seconds(circuit_seconds);
    let jitter = submissions as f64 * profile.latency.jitter_seconds;
    let free = profile.bill(submissions, circuits, shots, shot_seconds, jitter);
    let Some((most, length)) = limits.shots_per_window.zip(limits.window_seconds) else { return free };
    // The same holds for windows; the first one may be full.
    let windows = by_shots(Some(most)).saturating_add(1).min(submissions);
    Bill { seconds: free.seconds + windows as f64 * length, ..free }
}
