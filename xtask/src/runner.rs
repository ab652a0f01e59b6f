//! Tasks on threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use qbench::experiment::{Experiment, Row, Task};

use crate::Error;

/// How often a waiting run looks at its stop flag and refreshes the display.
const TICK: Duration = Duration::from_millis(100);

/// A task with the experiment it belongs to.
#[derive(Clone)]
pub struct Job {
    /// The experiment.
    pub experiment: Arc<dyn Experiment>,
    /// Which experiment of the run, for whoever receives the rows.
    pub slot: usize,
    /// The task.
    pub task: Task,
}

/// What happens while tasks run; delivered on the thread that called [`run`], one after the other.
#[derive(Debug)]
pub enum Event {
    /// A task is finished.
    Done(Done),
    /// Some time has passed.
    Tick,
}

/// A finished task.
#[derive(Debug)]
pub struct Done {
    /// [`Job::slot`].
    pub slot: usize,
    /// The task's identifier.
    pub id: String,
    /// Its rows as text, each as long as the experiment's columns.
    pub rows: Vec<Row>,
    /// When it started.
    pub started: Instant,
    /// When it ended.
    pub ended: Instant,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every task is done.
    Complete,
    /// The stop flag was seen; tasks under way were abandoned.
    Stopped,
}

/// Sets the flag that keeps waiting tasks from starting when a run is left, in whatever way.
struct HaltOnDrop(Arc<AtomicBool>);

impl Drop for HaltOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs tasks on `threads` threads of a pool of their own, started in the order given, and hands each event to `receive`.
///
/// Returns within about a tenth of a second after `stop` becomes true, without waiting for the tasks under way: their threads
/// end with the task, or with the process. The same holds after an error.
///
/// # Errors
///
/// The first failure of a task ([`Error::Task`], [`Error::TaskPanicked`], [`Error::Shape`]), what `receive` returns, or
/// [`Error::Threads`].
pub fn run(
    jobs: Vec<Job>,
    seed: u64,
    threads: usize,
    stop: &AtomicBool,
    mut receive: impl FnMut(Event) -> Result<(), Error>,
) -> Result<Ending, Error> {
    if jobs.is_empty() {
        return Ok(Ending::Complete);
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("task-{index}"))
        .build()
        .map_err(|source| Error::Threads { jobs: threads, source })?;
    let halt = Arc::new(AtomicBool::new(false));
    let _guard = HaltOnDrop(Arc::clone(&halt));
    let mut left = jobs.len();
    let (sender, receiver) = mpsc::channel();
    for job in jobs {
        let sender = sender.clone();
        let halt = Arc::clone(&halt);
        pool.spawn_fifo(move || {
            if !halt.load(Ordering::Relaxed) {
                // The receiver is gone only if the run was left: nobody wants the rows then.
                let _ = sender.send(run_one(&job, seed));
            }
        });
    }
    drop(sender);
    while left > 0 {
        let stopped = stop.load(Ordering::Relaxed);
        if stopped {
            halt.store(true, Ordering::Relaxed);
        }
        // What is finished is kept even after a stop.
        let wait = if stopped { Duration::ZERO } else { TICK };
        match receiver.recv_timeout(wait) {
            Ok(result) => {
                left -= 1;
                receive(Event::Done(result?))?;
            }
            Err(RecvTimeoutError::Timeout) if stopped => return Ok(Ending::Stopped),
            Err(RecvTimeoutError::Timeout) => receive(Event::Tick)?,
            Err(RecvTimeoutError::Disconnected) => return Ok(Ending::Stopped),
        }
    }
    Ok(Ending::Complete)
}

fn run_one(job: &Job, seed: u64) -> Result<Done, Error> {
    let (experiment, task) = (job.experiment.name(), &job.task);
    let started = Instant::now();
    // The experiment holds no state that a panic could leave half changed: `run` is a pure function.
    let outcome = catch_unwind(AssertUnwindSafe(|| job.experiment.run(task, seed)));
    let cells = match outcome {
        Ok(Ok(cells)) => cells,
        Ok(Err(source)) => {
            return Err(Error::Task { experiment, task: Box::new(task.clone()), source: Box::new(source) });
        }
        Err(payload) => {
            let message = payload
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| payload.downcast_ref::<&str>().map(|&text| text.to_owned()))
                .unwrap_or_else(|| "no message".to_owned());
            return Err(Error::TaskPanicked { experiment, task: Box::new(task.clone()), message });
        }
    };
    let shape_error =
        |found: String, expected: String| Error::Shape { experiment, id: task.id.clone(), found, expected };
    if cells.is_empty() {
        // A task without a row would be missing from the result file, which then could not be told from an incomplete one.
        return Err(shape_error("no row".to_owned(), "at least one".to_owned()));
    }
    let columns = job.experiment.columns().len();
    if let Some(row) = cells.iter().find(|row| row.len() != columns) {
        return Err(shape_error(format!("a row of {} cells", row.len()), format!("{columns} as there are columns")));
    }
    let rows = cells.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect();
    Ok(Done { slot: job.slot, id: task.id.clone(), rows, started, ended: Instant::now() })
}
