//! Exact second and third derivatives along a direction on state vectors: tangent states forward, adjoint states backward.

use num_complex::Complex64;
use qcore::{Binding, Level, RotationGenerator, StateVector};

use super::{HessianProduct, LineDerivatives};
use crate::estimator::check_weights;
use crate::expectation::ActiveRotation;
use crate::{Error, Expectation};

/// One bound circuit with the weights of its observables.
struct Bound<'a> {
    expectation: &'a Expectation,
    row: &'a [f64],
    weights: &'a [f64],
    binding: Binding,
}

/// Two vectors of the width of the register, to compute in.
struct Scratch {
    tangent: StateVector,
    sum: StateVector,
}

impl Scratch {
    /// Replaces `target` by `target + factor (-iG) source`.
    fn add_tangent(
        &mut self,
        factor: f64,
        generator: RotationGenerator,
        source: &StateVector,
        target: &mut StateVector,
    ) -> Result<(), Error> {
        self.tangent.copy_from(source)?;
        self.tangent.apply_generator(generator)?;
        self.add_kept(factor, target)
    }

    /// Replaces `target` by itself plus a multiple of the tangent of the last call.
    fn add_kept(&mut self, factor: f64, target: &mut StateVector) -> Result<(), Error> {
        self.sum.set_combination(Complex64::ONE, target, Complex64::new(factor, 0.0), &self.tangent)?;
        std::mem::swap(&mut self.sum, target);
        Ok(())
    }
}

impl<'a> Bound<'a> {
    fn new(expectation: &'a Expectation, row: &'a [f64], weights: &'a [f64]) -> Result<Self, Error> {
        expectation.one_row(row)?;
        check_weights(weights, 1, expectation.num_observables())?;
        let mut binding = Binding::new(expectation.program());
        expectation.program().bind(row, &mut binding)?;
        Ok(Self { expectation, row, weights, binding })
    }

    fn zero(&self, level: Level) -> Result<StateVector, Error> {
        Ok(StateVector::zero(self.expectation.program().num_qubits())?.with_level(level))
    }

    fn generator(&self, active: &ActiveRotation) -> RotationGenerator {
        self.expectation.program().rotations()[active.rotation].generator()
    }

    /// Derivatives of the angle of a rotation with respect to its differentiated parameters, with their positions.
    fn chain(&self, active: &'a ActiveRotation) -> impl Iterator<Item = (usize, f64)> {
        let angle = self.expectation.program().rotations()[active.rotation].angle();
        active.parameters.iter().map(|&(position, param)| (position, angle.derivative(self.row, param)))
    }

    /// How fast the angle of each active rotation changes along a direction in the differentiated parameters.
    fn rates(&self, direction: &[f64]) -> Vec<f64> {
        let rate = |active| self.chain(active).map(|(position, chain)| chain * direction[position]).sum();
        self.expectation.active().iter().map(rate).collect()
    }

    fn apply(&self, state: &mut StateVector, steps: std::ops::Range<usize>) -> Result<(), Error> {
        Ok(state.apply_steps(self.expectation.program(), &self.binding, steps)?)
    }

    fn undo(&self, state: &mut StateVector, step: usize) -> Result<(), Error> {
        Ok(state.undo_step(self.expectation.program(), &self.binding, step)?)
    }

    /// `sum_o w_o O_o |state>`.
    fn observe(&self, state: &StateVector, out: &mut StateVector) -> Result<(), Error> {
        out.clear();
        for (&weight, observable) in self.weights.iter().zip(self.expectation.measurement().observables()) {
            state.add_observable(weight, observable, out)?;
        }
        Ok(())
    }

    fn value(&self, state: &StateVector) -> Result<f64, Error> {
        let mut sum = 0.0;
        for (&weight, observable) in self.weights.iter().zip(self.expectation.measurement().observables()) {
            sum += weight * state.expectation(observable)?;
        }
        Ok(sum)
    }

    /// The active rotations with the steps at which they are applied, in order.
    fn places(&self) -> Vec<usize> {
        let program = self.expectation.program();
        let mut active = self.expectation.active().iter().peekable();
        let of_step = |&step: &usize| active.next_if(|a| Some(a.rotation) == program.rotation_of_step(step)).is_some();
        (0..program.num_steps()).filter(of_step).collect()
    }

    /// Adds `factor sum_j (d^2 angle / d theta_i d theta_j) v_j` to entry `i`, for the parameters of one rotation.
    fn add_bend(&self, active: &ActiveRotation, factor: f64, direction: &[f64], out: &mut [f64]) {
        let angle = self.expectation.program().rotations()[active.rotation].angle();
        if angle.as_affine().is_some() {
            return;
        }
        for &(i, first) in &active.parameters {
            for &(j, second) in &active.parameters {
                if direction[j] != 0.0 {
                    out[i] += factor * direction[j] * angle.second_derivative(self.row, first, second);
                }
            }
        }
    }
}

/// The four vectors of a backward pass, and room to compute in.
struct Pass {
    /// The state and its derivative along the direction.
    ket: StateVector,
    ket_rate: StateVector,
    /// `O |psi>` and its derivative, pulled back.
    bra: StateVector,
    bra_rate: StateVector,
    scratch: Scratch,
}

impl Pass {
    fn new(zero: &StateVector) -> Self {
        let zero = || zero.clone();
        let scratch = Scratch { tangent: zero(), sum: zero() };
        Self { ket: zero(), ket_rate: zero(), bra: zero(), bra_rate: zero(), scratch }
    }

    /// Undoes the circuit from its end down to the first active rotation, and at each of them calls `visit` with its index, the
    /// derivative with respect to its angle and the rate of that derivative.
    fn backward(
        &mut self,
        bound: &Bound<'_>,
        places: &[usize],
        rates: &[f64],
        mut visit: impl FnMut(usize, f64, f64),
    ) -> Result<(), Error> {
        let Self { ket, ket_rate, bra, bra_rate, scratch } = self;
        let mut index = places.len();
        for step in (places[0]..bound.expectation.program().num_steps()).rev() {
            if places[index - 1] == step {
                index -= 1;
                let generator = bound.generator(&bound.expectation.active()[index]);
                let by_angle = ket.generator_overlap(bra, generator)?;
                let rate = ket.generator_overlap(bra_rate, generator)? + ket_rate.generator_overlap(bra, generator)?;
                visit(index, by_angle, rate);
                if index == 0 {
                    return Ok(());
                }
                if rates[index] != 0.0 {
                    // The derivative of the rotation is R (-iG); what came from it is taken off again.
                    scratch.add_tangent(-rates[index], generator, ket, ket_rate)?;
                    scratch.add_tangent(-rates[index], generator, bra, bra_rate)?;
                }
            }
            for state in [&mut *ket, ket_rate, bra, bra_rate] {
                bound.undo(state, step)?;
            }
        }
        Ok(())
    }
}

/// Gradient and Hessian-vector product in one forward and one backward pass.
pub(crate) fn hessian_vector_product(
    level: Level,
    expectation: &Expectation,
    row: &[f64],
    weights: &[f64],
    direction: &[f64],
) -> Result<HessianProduct, Error> {
    let bound = Bound::new(expectation, row, weights)?;
    expectation.check_direction(direction)?;
    let size = expectation.wrt().len();
    let mut pass = Pass::new(&bound.zero(level)?);
    let places = bound.places();
    let rates = bound.rates(direction);
    pass.ket_rate.clear();
    let mut done = 0;
    for (index, &place) in places.iter().enumerate() {
        bound.apply(&mut pass.ket, done..place + 1)?;
        if index > 0 {
            bound.apply(&mut pass.ket_rate, done..place + 1)?;
        }
        if rates[index] != 0.0 {
            let generator = bound.generator(&expectation.active()[index]);
            pass.scratch.add_tangent(rates[index], generator, &pass.ket, &mut pass.ket_rate)?;
        }
        done = place + 1;
    }
    let end = expectation.program().num_steps();
    bound.apply(&mut pass.ket, done..end)?;
    bound.apply(&mut pass.ket_rate, done..end)?;
    let value = bound.value(&pass.ket)?;
    let (mut gradient, mut product) = (vec![0.0; size], vec![0.0; size]);
    if !places.is_empty() {
        bound.observe(&pass.ket, &mut pass.bra)?;
        bound.observe(&pass.ket_rate, &mut pass.bra_rate)?;
        pass.backward(&bound, &places, &rates, |index, by_angle, rate| {
            let active = &expectation.active()[index];
            for (position, chain) in bound.chain(active) {
                gradient[position] += chain * by_angle;
                product[position] += chain * rate;
            }
            bound.add_bend(active, by_angle, direction, &mut product);
        })?;
    }
    Ok(HessianProduct { value, gradient, product })
}

/// Value and derivatives along a line from the Taylor coefficients of the state in the distance `t`, up to `t^3`.
pub(crate) fn line_derivatives(
    level: Level,
    expectation: &Expectation,
    row: &[f64],
    weights: &[f64],
    direction: &[f64],
) -> Result<LineDerivatives, Error> {
    let bound = Bound::new(expectation, row, weights)?;
    expectation.check_direction(direction)?;
    let program = expectation.program();
    let mut along = vec![0.0; program.num_parameters()];
    for (param, &rate) in expectation.wrt().iter().zip(direction) {
        along[param.index()] = rate;
    }
    let zero = bound.zero(level)?;
    let mut scratch = Scratch { tangent: zero.clone(), sum: zero.clone() };
    let mut series: [StateVector; 4] = std::array::from_fn(|_| zero.clone());
    series[1..].iter_mut().for_each(StateVector::clear);
    let mut done = 0;
    for (active, place) in expectation.active().iter().zip(bound.places()) {
        for state in &mut series {
            bound.apply(state, done..place + 1)?;
        }
        done = place + 1;
        let [_, d1, d2, d3] = program.rotations()[active.rotation].angle().taylor(row, &along);
        if [d1, d2, d3] == [0.0; 3] {
            continue;
        }
        let generator = bound.generator(active);
        // exp(K d(t)) = 1 + E1 t + E2 t^2 + E3 t^3 with K = -iG, and K^3 = -kappa K for every generator there is.
        let kappa = match generator {
            RotationGenerator::HalfPauli { .. } => 0.25,
            RotationGenerator::Phase { .. } => 1.0,
        };
        let linear = [d1, d2, d3 - kappa * d1.powi(3) / 6.0];
        let square = [0.0, 0.5 * d1 * d1, d1 * d2];
        for source in (0..3).rev() {
            for (power, factors) in [linear, square].into_iter().enumerate() {
                if power == 0 {
                    scratch.tangent.copy_from(&series[source])?;
                }
                scratch.tangent.apply_generator(generator)?;
                for (target, &factor) in series[source + 1..].iter_mut().zip(&factors) {
                    if factor != 0.0 {
                        scratch.add_kept(factor, target)?;
                    }
                }
            }
        }
    }
    for state in &mut series {
        bound.apply(state, done..program.num_steps())?;
    }
    let mut image = zero;
    let value = bound.value(&series[0])?;
    bound.observe(&series[0], &mut image)?;
    let with_image = |k: usize| -> Result<f64, Error> { Ok(image.inner(&series[k])?.re) };
    let (first, second, third) = (with_image(1)?, with_image(2)?, with_image(3)?);
    bound.observe(&series[1], &mut image)?;
    let (square, cross) = (image.inner(&series[1])?.re, image.inner(&series[2])?.re);
    Ok(LineDerivatives {
        value,
        first: 2.0 * first,
        second: 2.0 * (2.0 * second + square),
        third: 6.0 * (2.0 * third + 2.0 * cross),
    })
}
