//! Points of a job on registers that fit into a group: four states at a time, and of every shifted rotation one state for all its points.

use num_complex::Complex64;
use qcore::{Binding, Level, RotationGenerator, ShiftFamily, ShiftGroup, ShiftedMember, StateBatch, StateVector};

use super::jobs::Readout;
use crate::backend::{Job, JobShots};
use crate::{Error, Estimate};

/// States and buffers, kept between calls.
#[derive(Clone, Debug)]
pub(super) struct Families {
    family: ShiftFamily,
    group: ShiftGroup,
    rotated: StateBatch,
    /// Per measurement group: the unshifted state in its basis, and the probabilities of its classes.
    bases: Vec<(StateVector, Vec<f64>)>,
    sums: Sums,
}

#[derive(Clone, Debug, Default)]
struct Sums {
    squares: Vec<[f64; 4]>,
    overlaps: Vec<[f64; 4]>,
    weights: Vec<f64>,
    counts: Vec<u64>,
}

/// One simulated state and the points that are read from it.
struct Member<'p> {
    shifts: [(usize, f64); 2],
    len: usize,
    factor: Complex64,
    points: &'p [usize],
}

impl Member<'_> {
    fn shifted(&self) -> ShiftedMember<'_> {
        ShiftedMember { shifts: &self.shifts[..self.len], factor: self.factor }
    }
}

/// What the tangent of a rotation, its run at an angle larger by pi, is multiplied with, so that every shift by `s` has outcome probabilities
/// `cos^2(s/2) |psi|^2 + sin^2(s/2) |tau|^2 + sin(s) Re(conj(psi) tau)`; `None` for a rotation with two frequencies.
///
/// With `(-iP)^2 = -1` it is `psi(s) = cos(s/2) psi + sin(s/2) tau`; a phase has `psi(s) = ((1 + e^{is}) psi + (1 - e^{is}) tau) / 2`, and
/// `(1 + e^{-is}) (1 - e^{is}) = -2i sin(s)`.
pub(super) fn tangent_factor(generator: RotationGenerator) -> Option<Complex64> {
    match generator {
        RotationGenerator::HalfPauli { controls: 0, .. } => Some(Complex64::ONE),
        RotationGenerator::HalfPauli { .. } => None,
        RotationGenerator::Phase { .. } => Some(Complex64::new(0.0, -1.0)),
    }
}

impl Families {
    /// Whether the points of this program are taken in groups.
    pub(super) fn fits(job: &Job<'_>) -> bool {
        let tabulated = (0..job.measurement.groups().len()).all(|group| job.measurement.classes(group).is_some());
        ShiftFamily::fits(job.program) && (tabulated || job.shots == JobShots::Exact)
    }

    /// The kept ones, if they are for this width.
    pub(super) fn of(kept: &mut Option<Self>, qubits: usize, level: Level) -> Result<&mut Self, Error> {
        let fitting = kept.take().filter(|families| families.family.unshifted().num_qubits() == qubits);
        let families = match fitting {
            Some(families) => families,
            None => Self {
                family: ShiftFamily::new(qubits)?.with_level(level),
                group: ShiftGroup::new(qubits)?.with_level(level),
                rotated: StateBatch::zero(qubits, 4)?.with_level(level),
                bases: Vec::new(),
                sums: Sums::default(),
            },
        };
        Ok(kept.insert(families))
    }

    /// Evaluates the points of one bound row, given by their indices in the order of their rotations, those with two shifts last.
    pub(super) fn run_row(
        &mut self,
        binding: &Binding,
        points: &[usize],
        readout: &Readout<'_>,
        values: &mut [Estimate],
    ) -> Result<(), Error> {
        let job = readout.job;
        self.family.bind(job.program, binding)?;
        let unshifted =
            points.partition_point(|&index| job.points[index].shift.is_none() && job.points[index].second.is_none());
        let (unshifted, shifted) = points.split_at(unshifted);
        let (mut tangents, mut others) = (Vec::new(), Vec::new());
        for points in shifted.chunk_by(|&a, &b| same_rotation(job, a, b)) {
            let first = &job.points[points[0]];
            let factor = match (first.shift, first.second) {
                (Some(shift), None) if points.len() > 1 && job.shots != JobShots::Exact => {
                    tangent_factor(job.program.rotations()[shift.rotation].generator())
                        .map(|factor| (shift.rotation, factor))
                }
                _ => None,
            };
            if let Some((rotation, factor)) = factor {
                tangents.push(Member { shifts: [(rotation, std::f64::consts::PI); 2], len: 1, factor, points });
                continue;
            }
            for point in points.chunks(1) {
                let mut member = Member { shifts: [(0, 0.0); 2], len: 0, factor: Complex64::ONE, points: point };
                for shift in [job.points[point[0]].shift, job.points[point[0]].second].into_iter().flatten() {
                    member.shifts[member.len] = (shift.rotation, shift.angle);
                    member.len += 1;
                }
                others.push(member);
            }
        }
        if job.shots != JobShots::Exact && !(unshifted.is_empty() && tangents.is_empty()) {
            self.bases(job)?;
        }
        for &index in unshifted {
            let estimates = readout.estimates_of(index, values);
            if job.shots == JobShots::Exact {
                for (estimate, observable) in estimates.iter_mut().zip(job.measurement.observables()) {
                    *estimate = Estimate::exact(self.family.unshifted().expectation(observable)?);
                }
                continue;
            }
            for (group, (_, weights)) in self.bases.iter().enumerate() {
                self.sums.counts.resize(weights.len(), 0);
                readout.sample(index, group, weights, &mut self.sums.counts, estimates)?;
            }
            job.measurement.finish(estimates);
        }
        for members in tangents.chunks(4) {
            self.tangents(members, readout, values)?;
        }
        for members in others.chunks(4) {
            self.others(members, readout, values)?;
        }
        Ok(())
    }

    /// The unshifted state in the basis of every measurement group.
    fn bases(&mut self, job: &Job<'_>) -> Result<(), Error> {
        let end = self.family.unshifted();
        let groups = job.measurement.groups().len();
        self.bases.truncate(groups);
        while self.bases.len() < groups {
            self.bases.push((end.clone(), Vec::new()));
        }
        let mut probabilities = Vec::new();
        for (group, (state, weights)) in self.bases.iter_mut().enumerate() {
            state.copy_from(end)?;
            job.measurement.rotate(group, state)?;
            state.probabilities_into(&mut probabilities);
            let (class_of, count) = job.measurement.classes(group).unwrap_or_default();
            weights.clear();
            weights.resize(count, 0.0);
            for (&class, &p) in class_of.iter().zip(&probabilities) {
                weights[class as usize] += p;
            }
        }
        Ok(())
    }

    /// Samples every point of up to four rotations from their tangents and the unshifted state.
    fn tangents(
        &mut self,
        members: &[Member<'_>],
        readout: &Readout<'_>,
        values: &mut [Estimate],
    ) -> Result<(), Error> {
        let job = readout.job;
        let shifted = each_member(members);
        let states = self.group.run(job.program, &self.family, &shifted[..members.len()])?;
        let Sums { squares, overlaps, weights, counts } = &mut self.sums;
        for group in in_order(job) {
            let states = in_basis(job, group, states, &mut self.rotated)?;
            let (reference, of_end) = &self.bases[group];
            let (class_of, count) = job.measurement.classes(group).unwrap_or_default();
            states.class_overlaps_into(reference, class_of, count, squares, overlaps)?;
            counts.resize(count, 0);
            for (lane, member) in members.iter().enumerate() {
                for &index in member.points {
                    let (sin, cos) = job.points[index].shift.map_or((0.0, 1.0), |shift| shift.angle.sin_cos());
                    let (of_end_share, of_tangent_share) = (0.5 * (1.0 + cos), 0.5 * (1.0 - cos));
                    weights.clear();
                    weights.extend(of_end.iter().zip(&*squares).zip(&*overlaps).map(|((end, square), overlap)| {
                        // A probability of 0 may come out below it by rounding.
                        (of_end_share * end + of_tangent_share * square[lane] + sin * overlap[lane]).max(0.0)
                    }));
                    readout.sample(index, group, weights, counts, readout.estimates_of(index, values))?;
                }
            }
        }
        for &index in members.iter().flat_map(|member| member.points) {
            job.measurement.finish(readout.estimates_of(index, values));
        }
        Ok(())
    }

    /// Reads up to four points from states of their own.
    fn others(&mut self, members: &[Member<'_>], readout: &Readout<'_>, values: &mut [Estimate]) -> Result<(), Error> {
        let job = readout.job;
        let shifted = each_member(members);
        let states = self.group.run(job.program, &self.family, &shifted[..members.len()])?;
        let Sums { squares, weights, counts, .. } = &mut self.sums;
        if job.shots == JobShots::Exact {
            for (at, observable) in job.measurement.observables().iter().enumerate() {
                states.expectations_into(observable, weights)?;
                for (member, &value) in members.iter().zip(&*weights) {
                    readout.estimates_of(member.points[0], values)[at] = Estimate::exact(value);
                }
            }
            return Ok(());
        }
        for group in in_order(job) {
            let states = in_basis(job, group, states, &mut self.rotated)?;
            let (class_of, count) = job.measurement.classes(group).unwrap_or_default();
            states.class_probabilities_into(class_of, count, squares);
            counts.resize(count, 0);
            for (lane, member) in members.iter().enumerate() {
                weights.clear();
                weights.extend(squares.iter().map(|square| square[lane]));
                let index = member.points[0];
                readout.sample(index, group, weights, counts, readout.estimates_of(index, values))?;
            }
        }
        for &index in members.iter().flat_map(|member| member.points) {
            job.measurement.finish(readout.estimates_of(index, values));
        }
        Ok(())
    }
}

/// Whether two points shift the same rotation and no other.
pub(super) fn same_rotation(job: &Job<'_>, a: usize, b: usize) -> bool {
    let of = |index: usize| {
        let point = &job.points[index];
        point.shift.filter(|_| point.second.is_none()).map(|shift| shift.rotation)
    };
    of(a).is_some() && of(a) == of(b)
}

fn each_member<'a>(members: &'a [Member<'_>]) -> [ShiftedMember<'a>; 4] {
    let mut all = [ShiftedMember { shifts: &[], factor: Complex64::ONE }; 4];
    all.iter_mut().zip(members).for_each(|(to, member)| *to = member.shifted());
    all
}

/// The measurement groups, those that need no change of basis first, so that the last one may be changed in place.
pub(super) fn in_order(job: &Job<'_>) -> impl Iterator<Item = usize> {
    let (measurement, groups) = (job.measurement, 0..job.measurement.groups().len());
    let plain = groups.clone().filter(move |&group| measurement.is_computational(group));
    plain.chain(groups.filter(move |&group| !measurement.is_computational(group)))
}

/// The states in the basis of a measurement group.
pub(super) fn in_basis<'a>(
    job: &Job<'_>,
    group: usize,
    states: &'a mut StateBatch,
    rotated: &'a mut StateBatch,
) -> Result<&'a mut StateBatch, Error> {
    let (x, y) = job.measurement.basis(group);
    if x | y == 0 {
        return Ok(states);
    }
    let last = (0..job.measurement.groups().len()).rfind(|&group| !job.measurement.is_computational(group));
    let states = if last == Some(group) {
        states
    } else {
        rotated.copy_from(states)?;
        rotated
    };
    states.change_basis(x, y)?;
    Ok(states)
}
