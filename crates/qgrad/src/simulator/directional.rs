//! Second and third derivatives along a direction on the compiled circuit.

use std::sync::Arc;

use qcore::{Binding, Level, PauliSum, TangentReverse};

use super::gradient::AdjointPlan;
use crate::estimator::check_weights;
use crate::{Error, Expectation, HessianProduct};

/// Working memory, kept between calls for the same expectation.
#[derive(Clone, Debug)]
pub(super) struct Directional {
    plan: Arc<AdjointPlan>,
    binding: Binding,
    reverse: TangentReverse,
    rates: Vec<f64>,
    by_angle: Vec<f64>,
    change: Vec<f64>,
}

/// What is asked: derivatives of the weighted sum of the observables at a row.
#[derive(Clone, Copy)]
pub(super) struct Along<'a> {
    pub(super) expectation: &'a Expectation,
    pub(super) row: &'a [f64],
    pub(super) weights: &'a [f64],
    pub(super) direction: &'a [f64],
    /// Whether the third derivative along the direction is wanted.
    pub(super) third: bool,
}

impl Directional {
    /// Value, gradient and Hessian-vector product, and the third derivative along the direction (0 where it is not wanted). `None` where the
    /// circuit has no plan for it, and for a third derivative by parameters in angles that are not affine.
    pub(super) fn along(
        kept: &mut Option<Self>,
        level: Level,
        asked: Along<'_>,
    ) -> Result<Option<(HessianProduct, f64)>, Error> {
        let Along { expectation, row, weights, direction, third } = asked;
        expectation.one_row(row)?;
        check_weights(weights, 1, expectation.num_observables())?;
        expectation.check_direction(direction)?;
        let plan = expectation.adjoint_plan();
        if third && !plan.is_affine() {
            return Ok(None);
        }
        let Some(derivatives) = plan.tangents(expectation) else { return Ok(None) };
        let program = plan.program(expectation);
        let fitting = kept.take().filter(|same| Arc::ptr_eq(&same.plan, plan));
        let own = kept.insert(match fitting {
            Some(same) => same,
            None => {
                let zeros = vec![0.0; plan.num_derivatives()];
                Self {
                    plan: plan.clone(),
                    binding: Binding::stepwise(program),
                    reverse: TangentReverse::new(derivatives)?.with_level(level),
                    rates: zeros.clone(),
                    by_angle: zeros.clone(),
                    change: zeros,
                }
            }
        });
        let Self { binding, reverse, rates, by_angle, change, .. } = own;
        program.bind(row, binding)?;
        plan.rates(program, row, direction, rates);
        reverse.forward(program, binding, rates)?;
        let weighted: Vec<(f64, &PauliSum)> = weights.iter().copied().zip(plan.observables(expectation)).collect();
        let (value, of_line) = if third {
            reverse.backward_with_third(&weighted, by_angle, change)?
        } else {
            (reverse.backward(&weighted, by_angle, change)?, 0.0)
        };
        let size = expectation.wrt().len();
        let (mut gradient, mut product) = (vec![0.0; size], vec![0.0; size]);
        plan.chain(program, row, by_angle, &mut gradient);
        plan.chain(program, row, change, &mut product);
        plan.bend(program, row, by_angle, direction, &mut product);
        Ok(Some((HessianProduct { value, gradient, product }, of_line)))
    }
}
