//! Some components of a gradient, each with shots of its own.

use rand::Rng;

use crate::backend::Point;
use crate::estimator::check_weights;
use crate::family::{Family, Moments, add_product};
use crate::{Backend, Bill, Cotangents, Error, Estimate, Expectation, JobShots, Shots, Simulator, Values, Vjp};

/// Which components of a gradient are wanted, and with how many shots.
///
/// Only the circuits of these components are run and billed. A rotation that several of them turn is measured once, with the
/// largest of their numbers of shots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partials<'a> {
    /// Positions in [`Expectation::wrt`]; the answer has one entry for each, in this order.
    pub components: &'a [usize],
    /// Shots of each circuit of each of these components, as many as there are components; empty: those of the estimator. An
    /// exact estimator has no use for them.
    pub shots: &'a [u64],
    /// Whether the values are wanted too. Those, and the values that cotangents are made of, get the largest of the `shots`.
    pub values: bool,
}

impl Partials<'_> {
    fn check(&self, expectation: &Expectation) -> Result<(), Error> {
        let (got, expected) = (self.shots.len(), self.components.len());
        if got != 0 && got != expected {
            return Err(Error::Length { what: "the shots of components", got, expected });
        }
        let count = expectation.wrt().len();
        match self.components.iter().find(|&&component| component >= count) {
            Some(&index) => Err(Error::Index { what: "component", index, count }),
            None => Ok(()),
        }
    }

    /// Shots of each circuit of a point where nothing is shifted; `None` leaves them to the estimator.
    fn most_shots(&self) -> Option<u64> {
        self.shots.iter().copied().max()
    }

    /// For each position of `wrt`, the shots of its circuits; `None` if it is not wanted.
    fn by_position(&self, expectation: &Expectation) -> Vec<Option<u64>> {
        let mut shots = vec![None; expectation.wrt().len()];
        let own = self.shots.iter().copied().chain(std::iter::repeat(0));
        for (&component, own) in self.components.iter().zip(own) {
            if let Some(place) = shots.get_mut(component) {
                *place = Some(own.max(place.unwrap_or(0)));
            }
        }
        shots
    }

    /// Points of one row and the shots of one circuit at each, rotation by rotation.
    fn points(&self, expectation: &Expectation) -> Vec<(u64, u64)> {
        let shots = self.by_position(expectation);
        let of_rotation =
            |parameters: &[(usize, qcore::Param)]| parameters.iter().filter_map(|&(at, _)| shots[at]).max();
        let active = expectation.active().iter();
        active.filter_map(|a| Some((a.rule.num_points() as u64, of_rotation(&a.parameters)?))).collect()
    }
}

/// The bills of [`measure`]: of the values that go before the derivatives, and of the derivatives with what is measured beside
/// them. `weighed` if the cotangents are made of values.
pub(crate) fn price(
    shots: Shots,
    expectation: &Expectation,
    rows: u64,
    wanted: &Partials<'_>,
    weighed: bool,
) -> [Bill; 2] {
    let groups = expectation.measurement().groups().len() as u64;
    let points = wanted.points(expectation);
    let circuits = |points: u64| rows.saturating_mul(points).saturating_mul(groups);
    let shifted = points.iter().fold(0, |sum: u64, &(count, _)| sum.saturating_add(count));
    let values = weighed || wanted.values;
    let explicit = wanted.most_shots().filter(|_| shots != Shots::Exact);
    let job = |points: u64, own: u64| some_job(circuits(points), own);
    let total =
        points.iter().fold(0, |sum: u64, &(count, each)| sum.saturating_add(circuits(count).saturating_mul(each)));
    let at_rows = |most: u64| circuits(1).saturating_mul(most);
    match (explicit, shots) {
        (Some(most), _) if weighed => [job(1, at_rows(most)), job(shifted, total)],
        (Some(most), _) if values => [Bill::ZERO, job(shifted + 1, total.saturating_add(at_rows(most)))],
        (Some(_), _) => [Bill::ZERO, job(shifted, total)],
        (None, Shots::Exact | Shots::PerCircuit(_)) if values && !weighed => {
            [Bill::ZERO, shots.bill(circuits(shifted + 1))]
        }
        (None, _) if values => [shots.bill(circuits(1)), shots.bill(circuits(shifted))],
        (None, _) => [Bill::ZERO, shots.bill(circuits(shifted))],
    }
}

/// No job without a circuit.
fn some_job(circuits: u64, shots: u64) -> Bill {
    if circuits == 0 { Bill::ZERO } else { Bill::job(circuits, shots) }
}

/// The parameter-shift derivatives of some components.
pub(crate) fn measure(
    shots: Shots,
    expectation: &Expectation,
    rows: &[f64],
    wanted: &Partials<'_>,
    cotangents: Cotangents<'_>,
    backend: &mut dyn Backend,
    rng: &mut dyn Rng,
) -> Result<Vjp, Error> {
    wanted.check(expectation)?;
    let row_slices = expectation.smooth_rows(rows)?;
    let (observables, groups) = (expectation.num_observables(), expectation.measurement().groups().len());
    let most = wanted.most_shots().filter(|_| shots != Shots::Exact);
    let weighed = matches!(cotangents, Cotangents::OfValues(_));
    let of_values = most.map_or(shots, Shots::PerCircuit);
    let (mut values, weights, mut bill) = cotangents.weights(of_values, expectation, rows, backend, rng)?;

    let of_position = wanted.by_position(expectation);
    let family = Family::new(expectation, |position| of_position[position].is_some());
    let shifted: Vec<Point> = (0..row_slices.len()).flat_map(|row| family.points(row)).collect();
    let at_rows = || (0..row_slices.len()).map(Point::at);
    // Values that nothing waits for are measured in the job of the derivatives, unless one number of shots is divided.
    let together =
        wanted.values && !weighed && (most.is_some() || matches!(shots, Shots::Exact | Shots::PerCircuit(_)));
    if wanted.values && !weighed && !together {
        let measured = shots.values(expectation, rows, backend, rng)?;
        (values, bill) = (measured.estimates, measured.bill);
    }
    let points: Vec<Point> = at_rows().filter(|_| together).chain(shifted.iter().copied()).collect();
    let parameters = expectation.wrt().len();
    let (mut gradient, mut variances) = (vec![0.0; parameters], vec![0.0; parameters]);
    if !points.is_empty() {
        let sampled = match most.filter(|_| groups > 0) {
            Some(most) => {
                let before = if together { row_slices.len() } else { 0 };
                let of_row = wanted.points(expectation);
                let of_row = of_row.iter().flat_map(|&(count, each)| (0..count).map(move |_| each));
                let of_points =
                    std::iter::repeat_n(most, before).chain((0..row_slices.len()).flat_map(|_| of_row.clone()));
                let split: Vec<u64> = of_points.flat_map(|each| std::iter::repeat_n(each, groups)).collect();
                let job = expectation.job(rows, &points, JobShots::PerCircuit(&split));
                backend.run(&job, rng).map(|result| Values { estimates: result.values, bill: result.bill })
            }
            None => {
                let importance = || family.importance(&row_slices, &weights);
                shots.sample(expectation, rows, &points, &importance, backend, rng)
            }
        };
        let mut sampled = sampled.map_err(|error| error.after(bill))?;
        bill += sampled.bill;
        if together {
            values = sampled.estimates.drain(..row_slices.len() * observables).collect();
        }
        let mut estimates = sampled.estimates.chunks_exact(observables);
        let mut jacobian = vec![Moments::default(); observables * parameters];
        for (row, weights) in row_slices.iter().zip(weights.chunks(observables)) {
            family.jacobian(row, &mut estimates, &mut jacobian);
            add_product(weights, &jacobian, &mut gradient, &mut variances);
        }
    }
    // A rotation may be shared with another parameter, of which half a derivative is then known.
    let std_errors = wanted.components.iter().map(|&component| variances[component].sqrt()).collect();
    let gradient = wanted.components.iter().map(|&component| gradient[component]).collect();
    Ok(Vjp { values, gradient, std_errors, bill })
}

/// The components of an exact gradient, billed as the circuits of these components.
pub(crate) fn adjoint(
    expectation: &Expectation,
    rows: &[f64],
    wanted: &Partials<'_>,
    cotangents: Cotangents<'_>,
    backend: &mut dyn Backend,
) -> Result<Vjp, Error> {
    wanted.check(expectation)?;
    let simulator = backend.simulator().ok_or(Error::NotASimulator { what: "adjoint differentiation" })?;
    let count = expectation.count_smooth_rows(rows)?;
    let weighed = matches!(cotangents, Cotangents::OfValues(_));
    let bill = price(Shots::Exact, expectation, count as u64, wanted, weighed).into_iter().sum();
    let observables = expectation.num_observables();
    let (values, gradient) = match cotangents {
        Cotangents::Fixed(weights) if wanted.values => {
            check_weights(weights, count, observables)?;
            let mut as_they_are = |row: usize, _: &[Estimate], places: &mut [Estimate]| {
                let own = &weights[row * observables..][..observables];
                places.iter_mut().zip(own).for_each(|(place, &weight)| *place = Estimate::exact(weight));
            };
            components_of(simulator, expectation, rows, wanted.components, Cotangents::OfValues(&mut as_they_are))?
        }
        cotangents => components_of(simulator, expectation, rows, wanted.components, cotangents)?,
    };
    Ok(Vjp { values, std_errors: vec![0.0; gradient.len()], gradient, bill })
}

fn components_of(
    simulator: &mut dyn Simulator,
    expectation: &Expectation,
    rows: &[f64],
    components: &[usize],
    cotangents: Cotangents<'_>,
) -> Result<(Vec<Estimate>, Vec<f64>), Error> {
    if let &[component] = components {
        let (values, derivative) = simulator.adjoint_component(expectation, rows, cotangents, component)?;
        return Ok((values, vec![derivative]));
    }
    let (values, gradient) = simulator.adjoint(expectation, rows, cotangents)?;
    Ok((values, components.iter().map(|&component| gradient[component]).collect()))
}
