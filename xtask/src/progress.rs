//! What is shown on standard error while experiments run.

use std::io::Write;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressStyle};

/// One line per experiment: bars with the time left on a terminal, plain lines elsewhere, or nothing.
#[derive(Debug)]
pub struct Progress {
    show: Show,
    entries: Vec<Entry>,
}

#[derive(Debug)]
enum Show {
    Bars(MultiProgress),
    Lines,
    Nothing,
}

#[derive(Debug)]
struct Entry {
    name: String,
    total: usize,
    reused: usize,
    done: usize,
    first: Option<Instant>,
    finished: bool,
    bar: ProgressBar,
}

impl Progress {
    /// Bars if standard error is a terminal, lines otherwise.
    #[must_use]
    pub fn on_stderr() -> Self {
        if std::io::IsTerminal::is_terminal(&std::io::stderr()) {
            Self::new(Show::Bars(MultiProgress::new()))
        } else {
            Self::new(Show::Lines)
        }
    }

    /// Shows nothing.
    #[must_use]
    pub fn silent() -> Self {
        Self::new(Show::Nothing)
    }

    fn new(show: Show) -> Self {
        Self { show, entries: Vec::new() }
    }

    /// Adds an experiment of which `reused` tasks of `total` are there already. Experiments are numbered from 0 in the order
    /// in which they are added.
    pub fn add(&mut self, name: &str, total: usize, reused: usize) {
        let bar = match &self.show {
            Show::Bars(bars) => bars.add(ProgressBar::new(total as u64)),
            Show::Lines | Show::Nothing => ProgressBar::hidden(),
        };
        if let Ok(style) = ProgressStyle::with_template("{prefix:20} [{bar:30}] {pos:>5}/{len} {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(name.to_owned());
        bar.set_position(reused as u64);
        bar.set_message("waiting");
        if matches!(self.show, Show::Lines) {
            line(&format!("{name}: start, {total} tasks, {reused} of them from the journal"));
        }
        self.entries.push(Entry { name: name.to_owned(), total, reused, done: 0, first: None, finished: false, bar });
    }

    /// Counts a task that started at `started`.
    pub fn task_done(&mut self, slot: usize, started: Instant) {
        if let Some(entry) = self.entries.get_mut(slot) {
            entry.done += 1;
            entry.first = Some(entry.first.map_or(started, |first| first.min(started)));
            entry.bar.set_position((entry.reused + entry.done) as u64);
            entry.show_time_left();
        }
    }

    /// Refreshes the times left.
    pub fn tick(&self) {
        for entry in &self.entries {
            entry.show_time_left();
        }
    }

    /// Says that an experiment is complete, after so many seconds.
    pub fn experiment_done(&mut self, slot: usize, seconds: f64) {
        let Some(entry) = self.entries.get_mut(slot) else {
            return;
        };
        entry.finished = true;
        entry.bar.finish_and_clear();
        let text = format!("{}: done in {seconds:.1} s", entry.name);
        match &self.show {
            Show::Bars(bars) => bars.suspend(|| line(&text)),
            Show::Lines => line(&text),
            Show::Nothing => {}
        }
    }

    /// Takes the bars away, so that other text can follow.
    pub fn close(&self) {
        for entry in self.entries.iter().filter(|entry| !entry.finished) {
            entry.bar.finish_and_clear();
        }
    }
}

impl Entry {
    fn show_time_left(&self) {
        let Some(first) = self.first.filter(|_| self.done > 0 && !self.finished) else {
            return;
        };
        let left = self.total.saturating_sub(self.reused + self.done);
        let seconds = first.elapsed().as_secs_f64() / self.done as f64 * left as f64;
        // Rounded up, so that a running experiment never has nothing left; thirty years are enough.
        let text = HumanDuration(Duration::from_secs(seconds.min(1e9).ceil() as u64));
        self.bar.set_message(format!("{text} left"));
    }
}

/// Writes a line to standard error; a closed one is nobody's loss.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
