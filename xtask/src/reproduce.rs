//! One run: from options to rows, figures, manifest and report.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use qbench::experiment::{ClaimAnswer, Experiment, Figure, Results, Row, Scale, Section, Task};

use crate::Error;
use crate::files::{FolderLock, create_folder, file_error, remove_unfinished, write_atomically};
use crate::journal::{Finished, Journal};
use crate::manifest::{Build, ExperimentRecord, FileRecord, Manifest};
use crate::progress::Progress;
use crate::runner::{self, Ending, Event, Job};
use crate::{clock, figure, markdown, report, results};

/// What can be run.
#[derive(Clone)]
pub struct Project {
    /// The experiments, in the order of the report.
    pub experiments: Vec<Arc<dyn Experiment>>,
    /// Answers the claims from the rows of those experiments that there are.
    pub claims: fn(&Results<'_>) -> Result<Vec<ClaimAnswer>, qbench::Error>,
    /// Which simulation kernels run.
    pub kernel_level: String,
}

impl Project {
    /// The experiments called so, in the project's order and each once; all of them for an empty list.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownExperiment`].
    pub fn choose(&self, names: &[String]) -> Result<Vec<Arc<dyn Experiment>>, Error> {
        let known = || self.experiments.iter().map(|experiment| experiment.name());
        if let Some(name) = names.iter().find(|name| !known().any(|known| known == **name)) {
            return Err(Error::UnknownExperiment { name: name.clone(), known: known().map(str::to_owned).collect() });
        }
        let chosen = |experiment: &dyn Experiment| match names {
            [] => !experiment.is_by_name_only(),
            names => names.iter().any(|asked| asked == experiment.name()),
        };
        Ok(self.experiments.iter().filter(|experiment| chosen(experiment.as_ref())).cloned().collect())
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Names of experiments; empty: all but those that run by name only.
    pub only: Vec<String>,
    /// Root seed.
    pub seed: u64,
    /// Scale.
    pub scale: Scale,
    /// Number of threads.
    pub jobs: usize,
    /// The result folder.
    pub out: PathBuf,
    /// Forget the journals of the chosen experiments first.
    pub fresh: bool,
    /// The command that makes the same rows, for manifest and report.
    pub command: String,
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// Everything is written.
    Finished {
        /// The report.
        report: PathBuf,
        /// The claims.
        claims: Vec<ClaimAnswer>,
    },
    /// The stop flag was seen; what was finished is journalled.
    Interrupted,
}

/// An experiment under way.
struct Running {
    configuration: Vec<(String, String)>,
    experiment: Arc<dyn Experiment>,
    tasks: Vec<Task>,
    finished: Finished,
    journal: Journal,
    reused: usize,
    first: Option<Instant>,
    last: Option<Instant>,
    task_seconds: f64,
}

/// A complete experiment as it stands on the disk.
struct Complete {
    experiment: Arc<dyn Experiment>,
    rows: Vec<Row>,
    record: ExperimentRecord,
}

/// Runs the chosen experiments and writes results, figures, manifest and report.
///
/// Complete result files of experiments that were not chosen join the report if their task ids are those of this seed and
/// scale. Everything but the journals is written in one step per file, so that a kill at any time leaves the old file or the
/// new one.
///
/// # Errors
///
/// Any [`Error`]; what was finished before is journalled.
pub fn reproduce(
    project: &Project,
    options: &Options,
    stop: &AtomicBool,
    progress: &mut Progress,
) -> Result<Outcome, Error> {
    let started = clock::now();
    let build = Build::this(&project.kernel_level);
    let chosen = project.choose(&options.only)?;
    create_folder(&options.out)?;
    let _lock = FolderLock::take(&options.out)?;
    remove_unfinished(&options.out);
    remove_unfinished(&options.out.join("figures"));

    let mut running = Vec::with_capacity(chosen.len());
    for experiment in chosen {
        running.push(open(experiment, options, &build)?);
    }
    let Some(mut complete) = run_all(&mut running, options, stop, progress, &build)? else {
        return Ok(Outcome::Interrupted);
    };
    let before = Manifest::read(&options.out.join("manifest.json"));
    for experiment in &project.experiments {
        if !complete.iter().any(|done| done.experiment.name() == experiment.name()) {
            complete.extend(find_earlier(experiment, options, before.as_ref()));
        }
    }
    let position = |name: &str| project.experiments.iter().position(|experiment| experiment.name() == name);
    complete.sort_by_key(|done| position(done.experiment.name()));

    let mut sections = HashMap::new();
    for done in &mut complete {
        if stop.load(Ordering::Relaxed) {
            return Ok(Outcome::Interrupted);
        }
        let section = done
            .experiment
            .report(&done.rows)
            .map_err(|source| Error::Report { experiment: done.experiment.name(), source: Box::new(source) })?;
        sections.insert(done.experiment.name(), section);
    }
    let figures = draw(&mut complete, &sections, &options.out)?;
    let rows: Vec<(&str, &[Row])> =
        complete.iter().map(|done| (done.experiment.name(), done.rows.as_slice())).collect();
    let answers =
        |rows: &Results<'_>| (project.claims)(rows).map_err(|source| Error::Claims { source: Box::new(source) });
    let claims = answers(&rows)?;

    let manifest = Manifest {
        project: "upslope".to_owned(),
        build,
        seed: options.seed,
        scale: options.scale,
        command: options.command.clone(),
        jobs: options.jobs,
        host_cores: std::thread::available_parallelism().map_or(1, usize::from),
        started,
        finished: clock::now(),
        experiments: complete.iter().map(|done| done.record.clone()).collect(),
    };
    let parts: Vec<report::Part<'_>> = project
        .experiments
        .iter()
        .map(|experiment| {
            let name = experiment.name();
            report::Part {
                name,
                title: experiment.title(),
                content: sections.get(name).and_then(|section| {
                    let record = manifest.experiments.iter().find(|record| record.name == name)?;
                    Some((section, record))
                }),
            }
        })
        .collect();
    for part in &parts {
        let own: Vec<(&str, &[Row])> = rows.iter().filter(|(name, _)| *name == part.name).copied().collect();
        if let Some(text) = markdown::section(part, &report::command_of(part.name, &manifest), &answers(&own)?) {
            write_atomically(&options.out.join(format!("{}.md", part.name)), text.as_bytes())?;
        }
    }
    let page = report::page(&manifest, &claims, &parts, &figures);
    let path = options.out.join("report.html");
    write_atomically(&path, page.as_bytes())?;
    manifest.write(&options.out.join("manifest.json"))?;
    Ok(Outcome::Finished { report: path, claims })
}

fn csv_path(out: &Path, name: &str) -> PathBuf {
    out.join(format!("{name}.csv"))
}

/// The tasks of an experiment under the options.
fn tasks(experiment: &dyn Experiment, options: &Options) -> Result<Vec<Task>, Error> {
    experiment.tasks(options.scale, options.seed).map_err(|source| Error::planning(experiment, source))
}

/// Lists the tasks of an experiment and reads its journal.
fn open(experiment: Arc<dyn Experiment>, options: &Options, build: &Build) -> Result<Running, Error> {
    let name = experiment.name();
    let tasks = tasks(experiment.as_ref(), options)?;
    let mut seen = HashMap::with_capacity(tasks.len());
    for (second, task) in tasks.iter().enumerate() {
        if let Some(first) = seen.insert(task.id.as_str(), second) {
            return Err(Error::DuplicateTask { experiment: name, id: task.id.clone(), first, second });
        }
    }
    let path = options.out.join(format!("{name}.journal"));
    if options.fresh {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(file_error("remove", &path)(error));
            }
            _ => {}
        }
    }
    let (journal, mut finished) = Journal::open(&path, &build.key())?;
    let columns = experiment.columns().len();
    finished.retain(|id, rows| {
        seen.contains_key(id.as_str()) && !rows.is_empty() && rows.iter().all(|row| row.len() == columns)
    });
    let configuration =
        experiment.configuration(options.scale).map_err(|source| Error::planning(experiment.as_ref(), source))?;
    Ok(Running {
        configuration,
        reused: finished.len(),
        experiment,
        tasks,
        finished,
        journal,
        first: None,
        last: None,
        task_seconds: 0.0,
    })
}

/// Runs what the journals do not hold and writes each result file as soon as its last task is done; `None` if stopped.
fn run_all(
    running: &mut [Running],
    options: &Options,
    stop: &AtomicBool,
    progress: &mut Progress,
    build: &Build,
) -> Result<Option<Vec<Complete>>, Error> {
    let mut jobs = Vec::new();
    let mut complete = Vec::with_capacity(running.len());
    for (slot, entry) in running.iter_mut().enumerate() {
        progress.add(entry.experiment.name(), entry.tasks.len(), entry.reused);
        jobs.extend(entry.tasks.iter().filter(|task| !entry.finished.contains_key(&task.id)).map(|task| Job {
            experiment: Arc::clone(&entry.experiment),
            slot,
            task: task.clone(),
        }));
        if entry.finished.len() == entry.tasks.len() {
            complete.push(entry.close(options, build)?);
            progress.experiment_done(slot, 0.0);
        }
    }
    let ending = runner::run(jobs, options.seed, options.jobs, stop, |event| {
        let done = match event {
            Event::Tick => {
                progress.tick();
                return Ok(());
            }
            Event::Done(done) => done,
        };
        let entry = &mut running[done.slot];
        entry.journal.append(&done.id, &done.rows)?;
        entry.finished.insert(done.id, done.rows);
        entry.first = Some(entry.first.map_or(done.started, |first| first.min(done.started)));
        entry.last = Some(entry.last.map_or(done.ended, |last| last.max(done.ended)));
        entry.task_seconds += done.ended.duration_since(done.started).as_secs_f64();
        progress.task_done(done.slot, done.started);
        if entry.finished.len() == entry.tasks.len() {
            complete.push(entry.close(options, build)?);
            progress.experiment_done(done.slot, entry.wall_seconds());
        }
        Ok(())
    })?;
    Ok((ending == Ending::Complete).then_some(complete))
}

impl Running {
    fn wall_seconds(&self) -> f64 {
        match (self.first, self.last) {
            (Some(first), Some(last)) => last.duration_since(first).as_secs_f64(),
            _ => 0.0,
        }
    }

    /// Writes the result file and reads it back: from here on only the file counts.
    fn close(&self, options: &Options, build: &Build) -> Result<Complete, Error> {
        let name = self.experiment.name();
        let path = csv_path(&options.out, name);
        let tasks = self.tasks.iter().map(|task| (task, self.finished[&task.id].as_slice()));
        results::write(&path, self.experiment.columns(), tasks)?;
        let stored = results::read(&path, self.experiment.as_ref(), &self.tasks)
            .ok_or_else(|| Error::Results { experiment: name, path: path.clone() })?;
        Ok(Complete {
            experiment: Arc::clone(&self.experiment),
            record: ExperimentRecord {
                name: name.to_owned(),
                earlier_run: false,
                configuration: self.configuration.clone(),
                tasks: self.tasks.len(),
                reused: Some(self.reused),
                rows: stored.rows.len(),
                wall_seconds: Some(self.wall_seconds()),
                task_seconds: Some(self.task_seconds),
                csv: FileRecord::new(format!("{name}.csv"), &stored.bytes),
                figures: Vec::new(),
                build: Some(build.clone()),
            },
            rows: stored.rows,
        })
    }
}

/// An experiment that was not chosen, if its result file in the folder is complete for this seed and scale.
fn find_earlier(experiment: &Arc<dyn Experiment>, options: &Options, before: Option<&Manifest>) -> Option<Complete> {
    let name = experiment.name();
    let tasks = tasks(experiment.as_ref(), options).ok()?;
    let configuration = experiment.configuration(options.scale).ok()?;
    let stored = results::read(&csv_path(&options.out, name), experiment.as_ref(), &tasks)?;
    let csv = FileRecord::new(format!("{name}.csv"), &stored.bytes);
    let known = before
        .and_then(|manifest| manifest.experiments.iter().find(|record| record.name == name))
        .filter(|record| record.csv == csv);
    Some(Complete {
        experiment: Arc::clone(experiment),
        record: ExperimentRecord {
            name: name.to_owned(),
            earlier_run: true,
            configuration,
            tasks: tasks.len(),
            reused: known.and_then(|record| record.reused),
            rows: stored.rows.len(),
            wall_seconds: known.and_then(|record| record.wall_seconds),
            task_seconds: known.and_then(|record| record.task_seconds),
            csv,
            figures: Vec::new(),
            build: known.and_then(|record| record.build.clone()),
        },
        rows: stored.rows,
    })
}

/// Draws all figures into the folder and returns them as text by name.
fn draw(
    complete: &mut [Complete],
    sections: &HashMap<&'static str, Section>,
    out: &Path,
) -> Result<HashMap<String, String>, Error> {
    let mut drawn = HashMap::new();
    let mut names = BTreeSet::new();
    for done in complete {
        let name = done.experiment.name();
        let section = &sections[name];
        for figure in &section.figures {
            check_figure_name(name, figure, &mut names)?;
            let svg = figure::to_svg(figure)?;
            let folder = out.join("figures");
            create_folder(&folder)?;
            write_atomically(&folder.join(format!("{}.svg", figure.name)), svg.as_bytes())?;
            done.record.figures.push(format!("figures/{}.svg", figure.name));
            drawn.insert(figure.name.clone(), svg);
        }
    }
    Ok(drawn)
}

fn check_figure_name(experiment: &'static str, figure: &Figure, names: &mut BTreeSet<String>) -> Result<(), Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let reason = if figure.name.is_empty() || !figure.name.chars().all(fits) {
        "only letters, digits, hyphens and underscores can stand in its file name"
    } else if !names.insert(figure.name.clone()) {
        "another figure has this name"
    } else {
        return Ok(());
    };
    Err(Error::FigureName { experiment, name: figure.name.clone(), reason })
}
