//! Gradients from some of the data points and some of the measurement groups.

use rand::Rng;

use super::{at_least_one, choose};
use crate::backend::Point;
use crate::family::{Family, Moments, add_product};
use crate::{Backend, Bill, Cotangents, Error, Estimate, Estimator, Expectation, Shots, Values, Vjp};

/// Doubly stochastic gradients: parameter shift at some of the rows and in some of the measurement groups, both chosen anew in each
/// call without replacement and with equal probabilities, and multiplied by the inverse shares (R. Sweke et al., Quantum 4, 314
/// (2020), sections 3.3 and 3.4; there terms are sampled, here groups of terms, since the terms of a group cost nothing more).
///
/// **Bias**: none, over the choice. Values, and so cotangents made from values, are those of all rows and groups: only derivatives are
/// sampled. **Variance**: the standard errors add what the scatter over the chosen rows, what the scatter over the chosen groups
/// and what the shots say, with the corrections for finite populations (W. G. Cochran, Sampling Techniques, 3rd ed. (1977), theorem
/// 2.2); where both are sampled the common part is counted twice. From a single row or group the scatter is not known, and the square of the
/// answer stands for it.
///
/// **Cost**: `rows x groups` of the choice times the points of the shift rules, in one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DoublyStochastic {
    /// How many rows are chosen; at least 1. More than there are means all.
    pub rows: usize,
    /// How many measurement groups are chosen; at least 1. More than there are means all.
    pub groups: usize,
    /// Shots of a call.
    pub shots: Shots,
}

/// The variance of `size^2` times the mean of a sample without replacement, from the sum-of-sample values scaled to the population:
/// `parts` holds one value per member of the sample, each times the population size.
fn sampling_variance(parts: &[f64], size: usize) -> f64 {
    let (count, size) = (parts.len() as f64, size as f64);
    if parts.len() >= size as usize {
        return 0.0;
    }
    let mean = parts.iter().sum::<f64>() / count;
    let scatter = if parts.len() > 1 {
        parts.iter().map(|part| (part - mean).powi(2)).sum::<f64>() / (count - 1.0)
    } else {
        mean * mean
    };
    (1.0 - count / size) * scatter / count
}

impl Estimator for DoublyStochastic {
    fn values(
        &self,
        expectation: &Expectation,
        rows: &[f64],
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<Values, Error> {
        self.shots.values(expectation, rows, backend, rng)
    }

    fn vjp(
        &self,
        expectation: &Expectation,
        rows: &[f64],
        cotangents: Cotangents<'_>,
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<Vjp, Error> {
        at_least_one("the number of rows", self.rows)?;
        at_least_one("the number of groups", self.groups)?;
        let row_slices = expectation.smooth_rows(rows)?;
        let observables = expectation.num_observables();
        let (values, weights, mut bill) = cotangents.weights(self.shots, expectation, rows, backend, rng)?;
        let size = expectation.wrt().len();
        let all_groups = expectation.measurement().groups().len();
        if expectation.active().is_empty() || all_groups == 0 {
            return Ok(Vjp { values, gradient: vec![0.0; size], std_errors: vec![0.0; size], bill });
        }
        let chosen_rows = choose(self.rows, row_slices.len(), rng);
        let chosen_groups = choose(self.groups, all_groups, rng);
        // What each observable reads in the chosen groups, as observables of their own: derivatives are known group by group.
        let pieces = expectation.pieces()?;
        let (mut sums, mut of) = (Vec::new(), Vec::new());
        for (sum, &(group, observable)) in pieces.measurement.observables().iter().zip(&pieces.of) {
            if let Ok(place) = chosen_groups.binary_search(&group) {
                sums.push(sum.clone());
                of.push((place, observable));
            }
        }
        let sampled = expectation.with_observables(sums)?;
        let family = Family::new(&sampled, |_| true);
        let slices: Vec<&[f64]> = chosen_rows.iter().map(|&row| row_slices[row]).collect();
        let of_pieces: Vec<Estimate> = chosen_rows
            .iter()
            .flat_map(|&row| of.iter().map(move |&(_, observable)| row * observables + observable))
            .map(|index| weights[index])
            .collect();
        let points: Vec<Point> = (0..slices.len()).flat_map(|row| family.points(row)).collect();
        let importance = || family.importance(&slices, &of_pieces);
        let shifted = self.shots.sample(&sampled, &slices.concat(), &points, &importance, backend, rng);
        let shifted = shifted.map_err(|error| error.after(bill))?;
        bill += shifted.bill;

        let (count_rows, count_groups) = (slices.len(), chosen_groups.len());
        let (row_factor, group_factor) =
            (row_slices.len() as f64 / count_rows as f64, all_groups as f64 / count_groups as f64);
        let mut shifted = shifted.estimates.chunks_exact(of.len());
        let mut jacobian = vec![Moments::default(); of.len() * size];
        // Row, group, parameter.
        let mut parts = vec![0.0; count_rows * count_groups * size];
        let (mut shot_variances, mut weight_variances) = (vec![0.0; size], vec![0.0; size]);
        for (row, slice) in slices.iter().enumerate() {
            family.jacobian(slice, &mut shifted, &mut jacobian);
            // The error of a weight is shared by all groups, so it meets the sum over them.
            let mut totals = vec![Moments::default(); observables * size];
            for (piece, &(place, observable)) in of.iter().enumerate() {
                let part = &mut parts[(row * count_groups + place) * size..][..size];
                let derivatives = &jacobian[piece * size..][..size];
                let weight = Estimate::exact(of_pieces[row * of.len() + piece].value);
                add_product(&[weight], derivatives, part, &mut shot_variances);
                for (total, derivative) in totals[observable * size..].iter_mut().zip(derivatives) {
                    total.mean += group_factor * derivative.mean;
                    total.variance += group_factor * group_factor * derivative.variance;
                }
            }
            let of_row = &weights[chosen_rows[row] * observables..][..observables];
            for (weight, totals) in of_row.iter().zip(totals.chunks_exact(size)) {
                for (variance, total) in weight_variances.iter_mut().zip(totals) {
                    *variance += weight.std_error.powi(2) * (total.mean * total.mean - total.variance);
                }
            }
        }
        let part = |row: usize, group: usize, k: usize| parts[(row * count_groups + group) * size + k];
        let (mut gradient, mut std_errors) = (vec![0.0; size], vec![0.0; size]);
        for k in 0..size {
            let by_row: Vec<f64> = (0..count_rows)
                .map(|row| {
                    let sum: f64 = (0..count_groups).map(|group| part(row, group, k)).sum();
                    sum * group_factor * row_slices.len() as f64
                })
                .collect();
            let by_group: Vec<f64> = (0..count_groups)
                .map(|group| {
                    let sum: f64 = (0..count_rows).map(|row| part(row, group, k)).sum();
                    sum * row_factor * all_groups as f64
                })
                .collect();
            gradient[k] = by_row.iter().sum::<f64>() / count_rows as f64;
            let variance = sampling_variance(&by_row, row_slices.len())
                + sampling_variance(&by_group, all_groups)
                + row_factor * (group_factor * shot_variances[k] + weight_variances[k]).max(0.0);
            std_errors[k] = variance.sqrt();
        }
        Ok(Vjp { values, gradient, std_errors, bill })
    }

    fn price_values(&self, expectation: &Expectation, rows: u64) -> Bill {
        self.shots.price_values(expectation, rows)
    }

    fn price_vjp(&self, expectation: &Expectation, rows: u64) -> Bill {
        let groups = expectation.measurement().groups().len().min(self.groups) as u64;
        let rows = rows.min(self.rows as u64);
        self.shots.bill(rows.saturating_mul(groups).saturating_mul(expectation.shift_points()))
    }
}
