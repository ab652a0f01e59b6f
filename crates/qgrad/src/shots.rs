//! How many shots a call spends, and how they are divided among its circuits.

use qcore::PauliSum;
use rand::Rng;

use crate::{Backend, Bill, Error, Estimate, Expectation, Job, JobShots, Measurement, Point, Values};

/// How many shots a call spends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Shots {
    /// Exact expectation values: no shots.
    Exact,
    /// So many for every circuit.
    PerCircuit(u64),
    /// So many for each sampling of the call (one for values, one for derivatives), split evenly over its circuits; the first ones get
    /// one more where it does not divide.
    Total(u64),
    /// So many for each sampling of the call, split by what each circuit adds to the variance of the answer. Every circuit gets one
    /// shot, the others are divided in proportion and rounded by largest remainders, so that their sum is exactly `total`.
    Allocated {
        /// The shots of one sampling.
        total: u64,
        /// In what proportion they are divided.
        by: Allocation,
    },
}

/// The proportion in which shots are divided among circuits.
///
/// A sum of means `c_k m_k` over circuits with the standard deviations `s_k` of a shot has the smallest variance for `n_k`
/// proportional to `|c_k| s_k` (J. Neyman, J. R. Stat. Soc. 97, 558 (1934), for strata; for measurements D. Wecker, M. B. Hastings, M.
/// Troyer, Phys. Rev. A 92, 042303 (2015), eq. (14)). `c_k` is the coefficient with which the answer takes in the circuit (shift
/// rule, chain rule, cotangent). The even division is [`Shots::Total`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Allocation {
    /// By `|c_k|` times the sum of the absolute Pauli coefficients that are read in the circuit's measurement group: right if every
    /// string is as uncertain as it can be. One job.
    Coefficient,
    /// By `|c_k| s_k`, with `s_k` from a pilot. Two jobs; the shots of the pilot are part of the total and of the bill.
    ///
    /// Pilot and main sample are averaged with weights that are fixed beforehand (their shares of all shots), not by the shots that
    /// each circuit happens to get: those depend on the pilot, and the answer would be biased.
    Variance {
        /// Shots of each circuit in the pilot.
        pilot: u64,
    },
}

impl Shots {
    /// The bill of one sampling of so many circuits.
    pub(crate) fn bill(&self, circuits: u64) -> Bill {
        if circuits == 0 {
            return Bill::ZERO;
        }
        match *self {
            Self::Exact => Bill::job(circuits, 0),
            Self::PerCircuit(shots) => Bill::job(circuits, shots.saturating_mul(circuits)),
            Self::Total(total) | Self::Allocated { total, by: Allocation::Coefficient } => Bill::job(circuits, total),
            Self::Allocated { total, by: Allocation::Variance { .. } } => {
                Bill { jobs: 2, ..Bill::job(circuits.saturating_mul(2), total) }
            }
        }
    }

    /// The values of all observables at every row.
    pub(crate) fn values(
        &self,
        expectation: &Expectation,
        rows: &[f64],
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<Values, Error> {
        let points: Vec<Point> = (0..expectation.rows(rows)?.len()).map(Point::at).collect();
        let importance = || vec![1.0; points.len() * expectation.num_observables()];
        self.sample(expectation, rows, &points, &importance, backend, rng)
    }

    /// The bill of [`Shots::values`].
    pub(crate) fn price_values(&self, expectation: &Expectation, rows: u64) -> Bill {
        self.bill(rows.saturating_mul(expectation.measurement().groups().len() as u64))
    }

    /// Samples the observables of an expectation at some points. `importance` says with what coefficient each point and observable
    /// (which varies fastest) enters the answer; it is asked only if shots are divided by it.
    pub(crate) fn sample(
        &self,
        expectation: &Expectation,
        rows: &[f64],
        points: &[Point],
        importance: &dyn Fn() -> Vec<f64>,
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<Values, Error> {
        let circuits = points.len() as u64 * expectation.measurement().groups().len() as u64;
        if circuits == 0 {
            // Multiples of the identity are known: there is nothing to run.
            let known = expectation.measurement().observables().iter().map(PauliSum::identity_coefficient);
            let estimates = points.iter().flat_map(|_| known.clone().map(Estimate::exact)).collect();
            return Ok(Values { estimates, bill: Bill::ZERO });
        }
        let enough = |needed: u64, got: u64| {
            if got < needed { Err(Error::TooFewShots { what: "the call", needed, got }) } else { Ok(()) }
        };
        let split: Vec<u64>;
        let shots = match *self {
            Self::Exact => JobShots::Exact,
            Self::PerCircuit(shots) => JobShots::Each(shots),
            Self::Total(total) => {
                enough(circuits, total)?;
                let (each, more) = (total / circuits.max(1), total % circuits.max(1));
                split = (0..circuits).map(|k| each + u64::from(k < more)).collect();
                JobShots::PerCircuit(&split)
            }
            Self::Allocated { total, by: Allocation::Coefficient } => {
                enough(circuits, total)?;
                split = divide(total, &norms(expectation.measurement(), &importance()));
                JobShots::PerCircuit(&split)
            }
            Self::Allocated { total, by: Allocation::Variance { pilot } } => {
                enough(circuits.saturating_mul(pilot.max(1).saturating_add(1)), total)?;
                return two_stages(total, pilot, expectation, rows, points, &importance(), backend, rng);
            }
        };
        let result = backend.run(&expectation.job(rows, points, shots), rng)?;
        Ok(Values { estimates: result.values, bill: result.bill })
    }
}

/// One shot for everyone, the rest in proportion to the weights (not negative; all alike if all are 0), rounded by largest
/// remainders. `total` is at least their number; the sum of the answer is exactly `total`.
fn divide(total: u64, weights: &[f64]) -> Vec<u64> {
    let spare = total - weights.len() as u64;
    let sum: f64 = weights.iter().sum();
    let even = !(sum > 0.0 && sum.is_finite());
    let share = |weight: f64| {
        let exact = if even { spare as f64 / weights.len() as f64 } else { spare as f64 * (weight / sum) };
        (exact.floor() as u64, exact - exact.floor())
    };
    let mut shots: Vec<u64> = weights.iter().map(|&weight| share(weight).0).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|&a, &b| share(weights[b]).1.total_cmp(&share(weights[a]).1).then(a.cmp(&b)));
    // Rounding of large totals can put the floors above the total as well as below it.
    let mut left = i128::from(spare) - shots.iter().map(|&n| i128::from(n)).sum::<i128>();
    for &k in order.iter().cycle() {
        match left {
            0 => break,
            1.. => {
                shots[k] += 1;
                left -= 1;
            }
            _ if shots[k] > 0 => {
                shots[k] -= 1;
                left += 1;
            }
            _ => {}
        }
    }
    shots.iter_mut().for_each(|n| *n += 1);
    shots
}

/// Per circuit (the group varies fastest) the sum over observables of importance times absolute coefficients in the group.
fn norms(measurement: &Measurement, importance: &[f64]) -> Vec<f64> {
    let mut weights = Vec::new();
    for of_point in importance.chunks_exact(measurement.observables().len()) {
        for group in measurement.groups() {
            weights.push(of_point.iter().enumerate().map(|(o, factor)| factor.abs() * group.one_norm(o)).sum());
        }
    }
    weights
}

/// What each observable reads in each group, as observables of their own.
#[derive(Clone, Debug)]
pub(crate) struct Pieces {
    /// Grouped as the observables themselves are.
    pub(crate) measurement: Measurement,
    /// Group and observable of each piece, in the order of the groups.
    pub(crate) of: Vec<(usize, usize)>,
}

impl Pieces {
    pub(crate) fn new(measurement: &Measurement) -> Result<Self, Error> {
        let (mut sums, mut of) = (Vec::new(), Vec::new());
        for (index, group) in measurement.groups().iter().enumerate() {
            for (observable, terms) in group.terms() {
                sums.push(PauliSum::new(terms)?);
                of.push((index, observable));
            }
        }
        // First fit puts them into the same groups: what fitted is offered first, and what did not fit conflicts still.
        Ok(Self { measurement: Measurement::new(measurement.num_qubits(), sums)?, of })
    }
}

#[expect(clippy::too_many_arguments, reason = "one caller, which has them all")]
fn two_stages(
    total: u64,
    pilot: u64,
    expectation: &Expectation,
    rows: &[f64],
    points: &[Point],
    importance: &[f64],
    backend: &mut dyn Backend,
    rng: &mut dyn Rng,
) -> Result<Values, Error> {
    let (observables, pieces) = (expectation.num_observables(), expectation.pieces()?);
    let groups = expectation.measurement().groups().len();
    let job = |shots| Job { measurement: &pieces.measurement, ..expectation.job(rows, points, shots) };
    let first = backend.run(&job(JobShots::Each(pilot)), rng)?;
    let mut weights = vec![0.0; points.len() * groups];
    for (point, estimates) in first.values.chunks_exact(pieces.of.len().max(1)).enumerate() {
        for (estimate, &(group, observable)) in estimates.iter().zip(&pieces.of) {
            let coefficient = importance[point * observables + observable];
            weights[point * groups + group] += coefficient * coefficient * estimate.outcome_variance();
        }
    }
    weights.iter_mut().for_each(|weight| *weight = weight.sqrt());
    let spent = pilot * weights.len() as u64;
    let split = divide(total - spent, &weights);
    let second = backend.run(&job(JobShots::PerCircuit(&split)), rng).map_err(|error| error.after(first.bill))?;
    let share = spent as f64 / total as f64;
    let mut estimates = vec![Estimate::default(); points.len() * observables];
    let both = first.values.iter().zip(&second.values).zip(pieces.of.iter().cycle());
    for (index, ((a, b), &(_, observable))) in both.enumerate() {
        let estimate = &mut estimates[index / pieces.of.len() * observables + observable];
        estimate.value += share * a.value + (1.0 - share) * b.value;
        estimate.std_error += (share * a.std_error).powi(2) + ((1.0 - share) * b.std_error).powi(2);
        estimate.shots += a.shots + b.shots;
    }
    for (estimate, observable) in estimates.iter_mut().zip(expectation.measurement().observables().iter().cycle()) {
        estimate.value += observable.identity_coefficient();
        estimate.std_error = estimate.std_error.sqrt();
    }
    Ok(Values { estimates, bill: first.bill + second.bill })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_division_is_exact_and_proportional() {
        assert_eq!(divide(10, &[1.0, 1.0, 1.0]), [4, 3, 3]);
        assert_eq!(divide(103, &[3.0, 1.0, 0.0]), [76, 26, 1]);
        assert_eq!(divide(2, &[0.0, 0.0]), [1, 1]);
        assert_eq!(divide(7, &[0.0, 0.0]), [4, 3]);
        assert_eq!(divide(5, &[f64::INFINITY, 1.0]), [3, 2]);
        for total in [7, 1000, 12_345_678_901_234_567, u64::MAX] {
            let shots = divide(total, &[0.1, 0.7, 1e-9, 3.3, 0.0, 1e12, 0.2]);
            assert_eq!(shots.iter().map(|&n| u128::from(n)).sum::<u128>(), u128::from(total));
            assert!(shots.iter().all(|&n| n > 0));
        }
    }
}
