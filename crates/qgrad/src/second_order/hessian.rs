//! Exact Hessians: the shift rules of the rotations, applied to the gradient of adjoint differentiation.

use nalgebra::DMatrix;
use qcore::Level;

use crate::estimator::check_weights;
use crate::expectation::ActiveRotation;
use crate::simulator::gradient::{Shifted, Suffixes};
use crate::{Error, Expectation};

/// Registers of fewer amplitudes times rotations are not worth a second thread.
#[cfg(feature = "rayon")]
const PARALLEL_WORK: usize = 1 << 13;

/// The Hessian of a weighted sum of observables.
///
/// Every component of the gradient by angles is a value with the same frequencies in the angle of each rotation, so the shift rule of
/// the rotation differentiates it exactly: `d^2 / d a d b = sum_j c_j (g_b(a + s_j) - g_b(a - s_j))`. Rotations are taken in their order and
/// only derivatives by them and later ones are read, so that each pair is met once. Angles become parameters by the chain rule.
pub(crate) fn hessian(
    level: Level,
    expectation: &Expectation,
    row: &[f64],
    weights: &[f64],
) -> Result<DMatrix<f64>, Error> {
    expectation.one_row(row)?;
    check_weights(weights, 1, expectation.num_observables())?;
    let size = expectation.wrt().len();
    let mut hessian = DMatrix::zeros(size, size);
    let suffixes = Suffixes::new(expectation);
    // What the observables do not see has no derivatives.
    let active: Vec<&ActiveRotation> = suffixes.active().iter().map(|&index| &expectation.active()[index]).collect();
    if active.is_empty() {
        return Ok(hessian);
    }
    let line = |shifted: &mut Shifted<'_>, a: usize| -> Result<Vec<f64>, Error> {
        let mut sum = vec![0.0; active.len()];
        for &(shift, coefficient) in active[a].rule.terms() {
            for (shift, coefficient) in [(shift, coefficient), (-shift, -coefficient)] {
                let by_angle = shifted.by_angle(row, Some((a, shift)), a)?;
                let from = active.len() - by_angle.len();
                sum[from..].iter_mut().zip(by_angle).for_each(|(sum, g)| *sum += coefficient * g);
            }
        }
        Ok(sum)
    };
    let new = || Shifted::new(expectation, &suffixes, level, weights);
    let lines = lines(active.len(), 1 << expectation.program().num_qubits().min(40), new, line)?;
    let chains: Vec<Vec<(usize, f64)>> = (active.iter())
        .map(|active| {
            let angle = expectation.program().rotations()[active.rotation].angle();
            active.parameters.iter().map(|&(position, param)| (position, angle.derivative(row, param))).collect()
        })
        .collect();
    for (a, line) in lines.iter().enumerate() {
        for (b, &second) in line.iter().enumerate().skip(a) {
            for &(i, of_a) in &chains[a] {
                for &(j, of_b) in &chains[b] {
                    let entry = second * of_a * of_b;
                    hessian[(i, j)] += entry;
                    if a != b {
                        hessian[(j, i)] += entry;
                    }
                }
            }
        }
    }
    add_bends(expectation, &active, row, new()?, &mut hessian)?;
    Ok(hessian)
}

/// Adds the first derivatives by angles that are not affine times the second derivatives of these angles.
fn add_bends(
    expectation: &Expectation,
    active: &[&ActiveRotation],
    row: &[f64],
    mut shifted: Shifted<'_>,
    hessian: &mut DMatrix<f64>,
) -> Result<(), Error> {
    let angle_of = |active: &ActiveRotation| expectation.program().rotations()[active.rotation].angle();
    if active.iter().all(|active| angle_of(active).as_affine().is_some()) {
        return Ok(());
    }
    let by_angle = shifted.by_angle(row, None, 0)?;
    for (active, g) in active.iter().zip(by_angle) {
        let angle = angle_of(active);
        if angle.as_affine().is_some() {
            continue;
        }
        for &(i, first) in &active.parameters {
            for &(j, second) in &active.parameters {
                hessian[(i, j)] += g * angle.second_derivative(row, first, second);
            }
        }
    }
    Ok(())
}

/// A line for each rotation, in their order; on several threads where it pays. Each line is a function of its index alone.
fn lines<'a>(
    count: usize,
    amplitudes: usize,
    new: impl Fn() -> Result<Shifted<'a>, Error> + Sync,
    line: impl Fn(&mut Shifted<'a>, usize) -> Result<Vec<f64>, Error> + Sync,
) -> Result<Vec<Vec<f64>>, Error> {
    #[cfg(feature = "rayon")]
    if rayon::current_num_threads() > 1 && count.saturating_mul(amplitudes) >= PARALLEL_WORK {
        use rayon::prelude::{IntoParallelIterator, ParallelIterator};
        return (0..count)
            .into_par_iter()
            .map_init(
                || None,
                |kept: &mut Option<Shifted<'a>>, index| {
                    let shifted = match kept.take() {
                        Some(shifted) => shifted,
                        None => new()?,
                    };
                    line(kept.insert(shifted), index)
                },
            )
            .collect();
    }
    let _ = amplitudes;
    let mut shifted = new()?;
    (0..count).map(|index| line(&mut shifted, index)).collect()
}
