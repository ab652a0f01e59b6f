//! Hessians by parameter shift.

use nalgebra::DMatrix;
use rand::Rng;

use super::Hessian;
use crate::backend::{Point, Shift};
use crate::estimator::check_weights;
use crate::expectation::ActiveRotation;
use crate::{Backend, Bill, Error, Expectation, ParameterShift};

/// What the value at a point adds to the second and first derivatives by the angles of rotations.
#[derive(Clone, Copy, Debug)]
enum Role {
    /// The circuit without shifts: in the second derivative by every angle, each with its own coefficient.
    Center,
    /// `coefficient d^2 / d angle_a d angle_b`, two indices of active rotations.
    Second(usize, usize, f64),
    /// `coefficient d / d angle_a`, which enters through the curvature of the angle itself.
    First(usize, f64),
}

/// Which circuits second derivatives need.
pub(crate) struct Pairs<'a> {
    /// The value without shifts, if it is known beforehand.
    pub(crate) center: Option<f64>,
    /// Whether all first derivatives are known to be 0.
    pub(crate) stationary: bool,
    /// The entries that are asked for; all if there is none.
    pub(crate) wanted: Option<&'a DMatrix<bool>>,
}

impl Pairs<'_> {
    const ALL: Self = Self { center: None, stationary: false, wanted: None };

    /// Whether a product of derivatives by two angles enters an entry that is asked for.
    fn wants(&self, a: &ActiveRotation, b: &ActiveRotation) -> bool {
        self.wanted
            .is_none_or(|wanted| a.parameters.iter().any(|&(i, _)| b.parameters.iter().any(|&(j, _)| wanted[(i, j)])))
    }

    /// Calls `take` with every point of the family and its role, in the order of the job.
    fn points(&self, expectation: &Expectation, mut take: impl FnMut(Point, Role)) {
        let active = expectation.active();
        let shift = |index: usize, angle: f64| Shift { rotation: active[index].rotation, angle };
        if self.center.is_none() && active.iter().any(|a| self.wants(a, a)) {
            take(Point::at(0), Role::Center);
        }
        for (a, of_a) in active.iter().enumerate() {
            if self.wants(of_a, of_a) {
                for &(angle, coefficient) in &of_a.second_rule.terms()[1..] {
                    take(Point::shifted(0, shift(a, angle)), Role::Second(a, a, coefficient));
                }
                if !self.stationary && of_a.curved {
                    for &(angle, coefficient) in of_a.rule.terms() {
                        take(Point::shifted(0, shift(a, angle)), Role::First(a, coefficient));
                        take(Point::shifted(0, shift(a, -angle)), Role::First(a, -coefficient));
                    }
                }
            }
            for (b, of_b) in active.iter().enumerate().skip(a + 1) {
                if !self.wants(of_a, of_b) {
                    continue;
                }
                for &(angle_a, c_a) in of_a.rule.terms() {
                    for &(angle_b, c_b) in of_b.rule.terms() {
                        for (sign_a, sign_b) in [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)] {
                            let (at_a, at_b) = (shift(a, sign_a * angle_a), shift(b, sign_b * angle_b));
                            let role = Role::Second(a, b, sign_a * sign_b * c_a * c_b);
                            take(Point::shifted_twice(0, at_a, at_b), role);
                        }
                    }
                }
            }
        }
    }

    /// Points of the family.
    pub(crate) fn count(&self, expectation: &Expectation) -> u64 {
        let active = expectation.active();
        if self.wanted.is_none() {
            // Without a look at each pair: a price is asked for more often than the points are made.
            let mut points = u64::from(self.center.is_none() && !active.is_empty());
            let mut before = 0;
            for of_a in active {
                points += of_a.second_rule.terms().len() as u64 - 1;
                if !self.stationary && of_a.curved {
                    points += of_a.rule.num_points() as u64;
                }
                points += before * of_a.rule.num_points() as u64;
                before += of_a.rule.num_points() as u64;
            }
            return points;
        }
        let mut points = 0_u64;
        self.points(expectation, |_, _| points += 1);
        points
    }
}

impl ParameterShift {
    /// The Hessian of the sum of the observables with these weights, at one row: every pair of rotations by the product of their
    /// shift rules, every rotation by the rule for its second derivative (A. Mari, T. R. Bromley, N. Killoran, Phys. Rev. A 103,
    /// 012405 (2021), eqs. (15) and (19)), put together by the chain rule with the second derivatives of the angles.
    ///
    /// **Bias and variance**: unbiased; an entry's variance is the sum over its circuits of squared coefficient times the variance
    /// of the circuit's mean. Observables are treated as independent.
    ///
    /// **Cost**: one job; with `R` rotations, all of one frequency and with affine angles, `1 + R + 2 R (R - 1)` circuits for each
    /// measurement group.
    ///
    /// # Errors
    ///
    /// As [`Estimator::vjp`](crate::Estimator::vjp); [`Error::Length`] unless there is one row and one weight per observable.
    pub fn hessian(
        &self,
        expectation: &Expectation,
        row: &[f64],
        weights: &[f64],
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<Hessian, Error> {
        second_derivatives(*self, expectation, row, weights, &Pairs::ALL, backend, rng)
    }

    /// What [`ParameterShift::hessian`] will cost, on a device without a clock.
    #[must_use]
    pub fn price_hessian(&self, expectation: &Expectation) -> Bill {
        self.shots.bill(Pairs::ALL.count(expectation) * expectation.measurement().groups().len() as u64)
    }
}

/// The second derivatives of a weighted sum of observables from the circuits of `pairs`; entries that are not asked for are 0.
pub(crate) fn second_derivatives(
    shift: ParameterShift,
    expectation: &Expectation,
    row: &[f64],
    weights: &[f64],
    pairs: &Pairs<'_>,
    backend: &mut dyn Backend,
    rng: &mut dyn Rng,
) -> Result<Hessian, Error> {
    expectation.one_row(row)?;
    let observables = expectation.num_observables();
    check_weights(weights, 1, observables)?;
    let size = expectation.wrt().len();
    let (mut points, mut roles) = (Vec::new(), Vec::new());
    pairs.points(expectation, |point, role| {
        points.push(point);
        roles.push(role);
    });
    let (mut matrix, mut variances) = (DMatrix::zeros(size, size), DMatrix::zeros(size, size));
    if points.is_empty() {
        return Ok(Hessian { matrix, std_errors: variances, bill: Bill::ZERO });
    }
    let chains: Vec<Vec<(usize, f64)>> = (expectation.active().iter())
        .map(|active| {
            let angle = expectation.program().rotations()[active.rotation].angle();
            active.parameters.iter().map(|&(position, param)| (position, angle.derivative(row, param))).collect()
        })
        .collect();
    let slope = |rotation: usize| chains[rotation].iter().map(|&(_, chain)| chain * chain).sum::<f64>().sqrt();
    let coefficient_of = |role: &Role| -> f64 {
        match *role {
            Role::Center => {
                let terms = expectation.active().iter().enumerate();
                terms.map(|(a, active)| (active.second_rule.terms()[0].1 * slope(a).powi(2)).abs()).sum()
            }
            Role::Second(a, b, coefficient) => coefficient * slope(a) * slope(b),
            // Nothing is known beforehand about how much an angle bends, but that it does.
            Role::First(_, coefficient) => coefficient,
        }
    };
    let importance = || {
        let of_role = |role| {
            let coefficient = coefficient_of(role);
            weights.iter().map(move |weight| weight * coefficient)
        };
        roles.iter().flat_map(of_role).collect()
    };
    let answer = shift.shots.sample(expectation, row, &points, &importance, backend, rng)?;
    let known = pairs.center.map(|value| (Role::Center, value, 0.0));
    let measured = roles.into_iter().zip(answer.estimates.chunks_exact(observables)).map(|(role, estimates)| {
        let (mut value, mut variance) = (0.0, 0.0);
        for (weight, estimate) in weights.iter().zip(estimates) {
            value += weight * estimate.value;
            variance += (weight * estimate.std_error).powi(2);
        }
        (role, value, variance)
    });
    for (role, value, variance) in known.into_iter().chain(measured) {
        let mut add = |i: usize, j: usize, factor: f64| {
            matrix[(i, j)] += factor * value;
            variances[(i, j)] += factor * factor * variance;
        };
        match role {
            Role::Center => {
                // One circuit in many derivatives: coefficients add up before they are squared.
                let mut factors = DMatrix::<f64>::zeros(size, size);
                for (active, chain) in expectation.active().iter().zip(&chains) {
                    let coefficient = active.second_rule.terms()[0].1;
                    for &(i, chain_i) in chain {
                        for &(j, chain_j) in chain {
                            factors[(i, j)] += coefficient * chain_i * chain_j;
                        }
                    }
                }
                for i in 0..size {
                    for j in 0..size {
                        add(i, j, factors[(i, j)]);
                    }
                }
            }
            Role::Second(a, b, coefficient) if a == b => {
                for &(i, chain_i) in &chains[a] {
                    for &(j, chain_j) in &chains[a] {
                        add(i, j, coefficient * chain_i * chain_j);
                    }
                }
            }
            Role::Second(a, b, coefficient) => {
                // Entry (i, j) has the pair in both orders, if both parameters are in both rotations.
                let chain_of = |rotation: usize, position: usize| {
                    chains[rotation].iter().find(|&&(p, _)| p == position).map_or(0.0, |&(_, chain)| chain)
                };
                let mut positions: Vec<usize> = chains[a].iter().chain(&chains[b]).map(|&(p, _)| p).collect();
                positions.sort_unstable();
                positions.dedup();
                for &i in &positions {
                    for &j in &positions {
                        let both = chain_of(a, i) * chain_of(b, j) + chain_of(b, i) * chain_of(a, j);
                        if both != 0.0 {
                            add(i, j, coefficient * both);
                        }
                    }
                }
            }
            Role::First(a, coefficient) => {
                let active = &expectation.active()[a];
                let angle = expectation.program().rotations()[active.rotation].angle();
                for &(i, first) in &active.parameters {
                    for &(j, second) in &active.parameters {
                        add(i, j, coefficient * angle.second_derivative(row, first, second));
                    }
                }
            }
        }
    }
    if let Some(wanted) = pairs.wanted {
        // Circuits of one entry say something about others, but not all that there is to say.
        for (index, _) in wanted.iter().enumerate().filter(|&(_, &wanted)| !wanted) {
            (matrix[index], variances[index]) = (0.0, 0.0);
        }
    }
    Ok(Hessian { matrix, std_errors: variances.map(f64::sqrt), bill: answer.bill })
}
