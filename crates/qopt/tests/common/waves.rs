//! The problem of `data/optimizers.py`: a loss that is a sine wave in each parameter, exact, with every ability.

use qopt::{Answer, Axis, Bill, Estimate, Objective, ObjectiveError, Query, Request, StepStreams};

const HEIGHTS: [f64; 5] = [1.0, 0.7, 1.3, 0.5, 0.9];
const CENTRES: [f64; 5] = [0.3, -1.1, 0.8, 2.0, -0.4];
const COUPLING: f64 = 0.35;
const WEIGHTS: [[f64; 3]; 5] =
    [[0.9, -0.2, 0.4], [-0.5, 0.8, 0.1], [0.3, 0.6, -0.7], [0.2, -0.9, -0.4], [-0.8, 0.1, 0.5]];

/// The objective; standard errors are 0 but for partial derivatives from so many shots.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waves;

impl Waves {
    pub(crate) const START: [f64; 5] = [0.5, -0.2, 1.7, -2.5, 3.0];

    pub(crate) fn loss(x: &[f64]) -> f64 {
        let single: f64 = (0..5).map(|k| HEIGHTS[k] * (1.0 - (x[k] - CENTRES[k]).cos())).sum();
        single + COUPLING * (0..4).map(|k| x[k].cos() * x[k + 1].cos()).sum::<f64>()
    }

    pub(crate) fn derivative(x: &[f64], k: usize) -> f64 {
        let before = if k > 0 { x[k - 1].cos() } else { 0.0 };
        let after = if k < 4 { x[k + 1].cos() } else { 0.0 };
        HEIGHTS[k] * (x[k] - CENTRES[k]).sin() - COUPLING * x[k].sin() * (before + after)
    }
}

fn fidelity(x: &[f64], y: &[f64]) -> f64 {
    let mut product = 1.0;
    for k in 0..x.len() {
        let before = if k > 0 { x[k - 1] - y[k - 1] } else { 0.0 };
        product *= ((x[k] - y[k] + 0.5 * before) / 2.0).cos().powi(2);
    }
    product
}

/// The loss of five spins that start along (0.6, 0, 0.8) and are turned about an axis each.
pub(crate) fn axis_loss(x: &[f64], axes: &[Axis]) -> f64 {
    let (vx, vy, vz) = (0.6, 0.0, 0.8);
    let turned: Vec<[f64; 3]> = x
        .iter()
        .zip(axes)
        .map(|(angle, axis)| {
            let (s, c) = angle.sin_cos();
            match axis {
                Axis::X => [vx, c * vy - s * vz, s * vy + c * vz],
                Axis::Y => [c * vx + s * vz, vy, c * vz - s * vx],
                Axis::Z => [c * vx - s * vy, s * vx + c * vy, vz],
            }
        })
        .collect();
    let fields: f64 = turned.iter().zip(WEIGHTS).map(|(v, w)| v[0] * w[0] + v[1] * w[1] + v[2] * w[2]).sum();
    fields + 0.3 * turned.windows(2).map(|pair| pair[0][2] * pair[1][2]).sum::<f64>()
}

impl Objective for Waves {
    fn dimension(&self) -> usize {
        5
    }

    fn price(&self, request: &Request) -> Bill {
        super::exact_price(5, request)
    }

    fn evaluate(
        &mut self,
        theta: &[f64],
        request: &Request,
        _streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        answer.clear();
        if request.value {
            answer.value = Some(Estimate::exact(Self::loss(theta)));
        }
        if request.gradient {
            answer.gradient.extend((0..5).map(|k| Self::derivative(theta, k)));
        }
        answer.bill = self.price(request);
        answer.reusable = true;
        Ok(())
    }

    fn price_query(&self, query: &Query<'_>) -> Option<Bill> {
        let circuits = match query {
            Query::Point(request) => return Some(self.price(request)),
            Query::Values { points } | Query::AxisValues { points, .. } => points.len() / 5,
            Query::Fidelities { others } => others.len() / 5,
            Query::Partials { value, components, .. } => 2 * components.len() + usize::from(*value),
            _ => return None,
        };
        Some(Bill { jobs: 1, circuits: circuits as u64, ..Bill::ZERO })
    }

    fn evaluate_query(
        &mut self,
        theta: &[f64],
        query: &Query<'_>,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        answer.clear();
        match query {
            Query::Point(request) => return self.evaluate(theta, request, streams, answer),
            Query::Values { points } => {
                answer.values.extend(points.chunks(5).map(|x| Estimate::exact(Self::loss(x))));
            }
            Query::AxisValues { points, axes } => {
                let pairs = points.chunks(5).zip(axes.chunks(5));
                answer.values.extend(pairs.map(|(x, axes)| Estimate::exact(axis_loss(x, axes))));
            }
            Query::Fidelities { others } => {
                answer.values.extend(others.chunks(5).map(|y| Estimate::exact(fidelity(theta, y))));
            }
            Query::Partials { value, components, shots } => {
                if *value {
                    answer.value = Some(Estimate::exact(Self::loss(theta)));
                }
                for (place, &k) in components.iter().enumerate() {
                    answer.gradient.push(Self::derivative(theta, k));
                    let variance = 1.0 + 0.5 * theta[k].cos();
                    let std_error = shots.get(place).map_or(0.0, |&shots| (variance / shots as f64).sqrt());
                    answer.gradient_std_errors.push(std_error);
                }
            }
            _ => return Err(ObjectiveError::Unsupported { what: query.name() }),
        }
        answer.bill = self.price_query(query).expect("it has just been answered");
        answer.reusable = true;
        Ok(())
    }
}
