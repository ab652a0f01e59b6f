//! Points of a job from shots at several rows, or at many rotations of one: four states at a time, whose tangents need no binding of their own.

use std::f64::consts::PI;

use qcore::{Level, RowStates, StateBatch, Turning};

use super::families::{in_basis, in_order, same_rotation};
use super::jobs::Readout;
use crate::backend::{Job, JobShots};
use crate::{Error, Estimate};

/// Lanes of a group.
const GROUP: usize = 4;

/// From so many rotations of a row on, tangents are worth a group of states that are alike.
const MOST_BOUND: usize = 4;

/// States and buffers, kept between calls.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    states: RowStates,
    rotated: StateBatch,
    /// Per measurement group: the unshifted states in its basis, and the probabilities of its classes.
    bases: Vec<(StateBatch, Vec<[f64; 4]>)>,
    squares: Vec<[f64; 4]>,
    overlaps: Vec<[f64; 4]>,
    weights: Vec<f64>,
    counts: Vec<u64>,
}

/// The points of one row that shift one rotation.
#[derive(Clone, Copy)]
struct Member<'p> {
    layer: usize,
    rotation: usize,
    /// Which of the rows of a group it is.
    slot: usize,
    points: &'p [usize],
}

impl Rows {
    /// The kept ones or new ones, if the points of this job are to be taken this way; `rows_of_points` has the points of each row.
    pub(super) fn of<'k>(
        kept: &'k mut Option<Self>,
        job: &Job<'_>,
        level: Level,
        rows: &[&[f64]],
        rows_of_points: &[&[usize]],
    ) -> Result<Option<&'k mut Self>, Error> {
        let tabulated = || (0..job.measurement.groups().len()).all(|group| job.measurement.classes(group).is_some());
        if job.shots == JobShots::Exact || rows_of_points.is_empty() || !tabulated() {
            return Ok(None);
        }
        let worth_it = match rows_of_points {
            [points] => {
                let rotations = points.chunk_by(|&a, &b| same_rotation(job, a, b));
                rotations.take(MOST_BOUND + 1).count() > MOST_BOUND
            }
            _ => {
                let of_points = rows_of_points.iter().map(|points| rows[job.points[points[0]].row]);
                rows_of_points.len() >= GROUP || Runs::of(of_points).have_much_in_common()
            }
        };
        if !worth_it {
            return Ok(None);
        }
        if !kept.as_ref().is_some_and(|rows| rows.states.are_for(job.program)) {
            let Some(states) = RowStates::new(job.program)? else { return Ok(None) };
            *kept = Some(Self {
                states: states.with_level(level),
                rotated: StateBatch::zero(job.program.num_qubits(), GROUP)?.with_level(level),
                bases: Vec::new(),
                squares: Vec::new(),
                overlaps: Vec::new(),
                weights: Vec::new(),
                counts: Vec::new(),
            });
        }
        let turns = |rows: &Self| {
            job.points.iter().all(|point| match (point.shift, point.second) {
                (None, None) => true,
                (Some(shift), None) => rows.states.turning(shift.rotation) != Turning::Other,
                _ => false,
            })
        };
        Ok(kept.as_mut().filter(|rows| turns(rows)))
    }

    /// Evaluates the points of some rows, given by their indices in the order of their rotations.
    pub(super) fn run(
        &mut self,
        rows: &[&[f64]],
        rows_of_points: &[&[usize]],
        readout: &Readout<'_>,
        values: &mut [Estimate],
    ) -> Result<(), Error> {
        let job = readout.job;
        let row_of = |points: &[usize]| rows[job.points[points[0]].row];
        let mut members: Vec<Member<'_>> = Vec::new();
        let mut all: Vec<&[f64]> = Vec::new();
        let runs = Runs::of(rows_of_points.iter().map(|points| row_of(points)));
        for of_run in rows_of_points.chunk_by(|a, b| runs.go_on(row_of(a), row_of(b))) {
            all.clear();
            all.extend(of_run.iter().map(|points| row_of(points)));
            self.states.share(job.program, &all)?;
            for of_group in of_run.chunks(GROUP) {
                // Lanes that are left over repeat the rows, for other rotations of them.
                let of_lanes: [&[f64]; GROUP] = std::array::from_fn(|lane| row_of(of_group[lane % of_group.len()]));
                let end = self.states.run(job.program, &of_lanes)?;
                bases(&mut self.bases, job, end)?;
                members.clear();
                for (slot, points) in of_group.iter().enumerate() {
                    for points in points.chunk_by(|&a, &b| same_rotation(job, a, b)) {
                        let turning =
                            job.points[points[0]].shift.map(|it| (it.rotation, self.states.turning(it.rotation)));
                        match turning {
                            Some((rotation, Turning::Tangent { layer })) => {
                                members.push(Member { layer, rotation, slot, points });
                            }
                            _ => self.unshifted(slot, points, readout, values)?,
                        }
                    }
                }
                members.sort_by_key(|member| (member.layer, member.rotation));
                let mut left = members.as_slice();
                while !left.is_empty() {
                    let (group, taken) = first_group(left, of_group.len());
                    self.tangents(&group, readout, values)?;
                    left = &left[taken..];
                }
            }
        }
        Ok(())
    }

    /// Samples points where nothing is shifted, or nothing that matters.
    fn unshifted(
        &mut self,
        slot: usize,
        points: &[usize],
        readout: &Readout<'_>,
        values: &mut [Estimate],
    ) -> Result<(), Error> {
        for &index in points {
            let estimates = readout.estimates_of(index, values);
            for (group, (_, classes)) in self.bases.iter().enumerate() {
                self.weights.clear();
                self.weights.extend(classes.iter().map(|class| class[slot]));
                self.counts.resize(classes.len(), 0);
                readout.sample(index, group, &self.weights, &mut self.counts, estimates)?;
            }
            readout.job.measurement.finish(estimates);
        }
        Ok(())
    }

    /// Samples every point of up to four members from their tangents and the unshifted states of their lanes.
    fn tangents(
        &mut self,
        members: &[Option<Member<'_>>; GROUP],
        readout: &Readout<'_>,
        values: &mut [Estimate],
    ) -> Result<(), Error> {
        let job = readout.job;
        let Self { states, rotated, bases, squares, overlaps, weights, counts } = self;
        let any = members.iter().flatten().next().map_or(0, |member| member.rotation);
        let rotations = members.map(|member| member.map_or(any, |member| member.rotation));
        let states = states.tangents(&rotations)?;
        for group in in_order(job) {
            let states = in_basis(job, group, states, rotated)?;
            let (reference, of_ends) = &bases[group];
            let (class_of, count) = job.measurement.classes(group).unwrap_or_default();
            states.class_overlaps_of_members_into(reference, class_of, count, squares, overlaps)?;
            counts.resize(count, 0);
            for (lane, member) in members.iter().enumerate() {
                let Some(member) = member else { continue };
                for &index in member.points {
                    let (sin, cos) = sin_cos(job.points[index].shift.map_or(0.0, |shift| shift.angle));
                    let (of_end_share, of_tangent_share) = (0.5 * (1.0 + cos), 0.5 * (1.0 - cos));
                    weights.clear();
                    weights.extend(of_ends.iter().zip(&*squares).zip(&*overlaps).map(|((end, square), overlap)| {
                        // A probability of 0 may come out below it by rounding.
                        (of_end_share * end[lane] + of_tangent_share * square[lane] + sin * overlap[lane]).max(0.0)
                    }));
                    readout.sample(index, group, weights, counts, readout.estimates_of(index, values))?;
                }
            }
        }
        for &index in members.iter().flatten().flat_map(|member| member.points) {
            job.measurement.finish(readout.estimates_of(index, values));
        }
        Ok(())
    }
}

/// Sine and cosine of a shift; most are a quarter turn.
fn sin_cos(angle: f64) -> (f64, f64) {
    const QUARTER: f64 = 0.5 * PI;
    // What the functions give, without asking them.
    const COS: f64 = 6.123_233_995_736_766e-17;
    match angle {
        QUARTER => (1.0, COS),
        _ if angle == -QUARTER => (-1.0, COS),
        _ => angle.sin_cos(),
    }
}

/// How rows are divided into runs that have most of their parameters in common, such as the samples of a batch at each of several points.
#[derive(Clone, Copy, Debug)]
pub(super) struct Runs {
    breaks: usize,
    divided: bool,
}

impl Runs {
    /// For these rows: runs of fewer than three rows on average are not worth what is made for each.
    pub(super) fn of<'r>(rows: impl Iterator<Item = &'r [f64]> + Clone) -> Self {
        let count = rows.clone().count();
        let breaks = rows.clone().zip(rows.skip(1)).filter(|(a, b)| !are_alike(a, b)).count();
        Self { breaks, divided: 3 * (breaks + 1) <= count }
    }

    /// Whether the rows of every run differ in few of their parameters.
    fn have_much_in_common(self) -> bool {
        self.breaks == 0 || self.divided
    }

    /// Whether a row belongs to the run of the one before it.
    pub(super) fn go_on(self, before: &[f64], row: &[f64]) -> bool {
        !self.divided || are_alike(before, row)
    }
}

/// Whether two rows differ in less than half of their parameters.
fn are_alike(a: &[f64], b: &[f64]) -> bool {
    2 * a.iter().zip(b).filter(|(a, b)| a.to_bits() != b.to_bits()).count() < a.len()
}

/// The members of a group from the front of a list that is sorted by layers, and how many they are: of one layer, each in a lane of its row.
fn first_group<'p>(members: &[Member<'p>], rows: usize) -> ([Option<Member<'p>>; GROUP], usize) {
    let mut group = [None; GROUP];
    for (taken, member) in members.iter().enumerate() {
        let free = (member.slot..GROUP).step_by(rows).find(|&lane| group[lane].is_none());
        match free {
            Some(lane) if member.layer == members[0].layer => group[lane] = Some(*member),
            _ => return (group, taken),
        }
    }
    (group, members.len())
}

/// The unshifted states in the basis of every measurement group.
fn bases(bases: &mut Vec<(StateBatch, Vec<[f64; 4]>)>, job: &Job<'_>, end: &StateBatch) -> Result<(), Error> {
    let groups = job.measurement.groups().len();
    bases.truncate(groups);
    while bases.len() < groups {
        bases.push((end.clone(), Vec::new()));
    }
    for (group, (states, classes)) in bases.iter_mut().enumerate() {
        if states.copy_from(end).is_err() {
            *states = end.clone();
        }
        let (x, y) = job.measurement.basis(group);
        states.change_basis(x, y)?;
        let (class_of, count) = job.measurement.classes(group).unwrap_or_default();
        states.class_probabilities_into(class_of, count, classes);
    }
    Ok(())
}
