//! Repeats a call and takes the times.

use std::time::Instant;

/// Seconds per call.
pub(crate) struct Times {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) first: f64,
    pub(crate) reps: usize,
}

/// One call to warm up, then at least five and a second of them, or as many as fit into the limit; with the last result.
pub(crate) fn measure<T, E>(limit: f64, mut call: impl FnMut() -> Result<T, E>) -> Result<(Times, T), E> {
    let timed = |call: &mut dyn FnMut() -> Result<T, E>| {
        let start = Instant::now();
        let result = call();
        (start.elapsed().as_secs_f64(), result)
    };
    let (first, result) = timed(&mut call);
    let mut result = result?;
    let (mut times, mut total) = (Vec::new(), 0.0);
    while (times.len() < 5 || total < 1.0) && (times.is_empty() || total + first < limit) {
        let (time, latest) = timed(&mut call);
        result = latest?;
        times.push(time);
        total += time;
    }
    times.sort_by(f64::total_cmp);
    let half = times.len() / 2;
    let median = if times.len() % 2 == 1 { times[half] } else { f64::midpoint(times[half - 1], times[half]) };
    Ok((Times { median, min: times[0], first, reps: times.len() }, result))
}
