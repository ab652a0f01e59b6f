//! What is timed beyond the peer workloads: second derivatives, metrics, and observables that do not see the whole circuit.

use benches::{hardware_efficient, ising, theta};
use qcore::{Level, PauliSum};
use qgrad::{Adjoint, Blocks, Estimator, Expectation, Metric, ParameterShift, Shots, StateVectorBackend};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use serde_json::json;

use crate::cases::{Measured, classifier, norm};
use crate::measure::measure;

/// Parameters of the circuits of second derivatives: as many layers as give about so many.
const PARAMETERS: usize = 96;

fn layers(qubits: usize) -> usize {
    PARAMETERS.div_ceil(2 * qubits)
}

/// `hessian`: all second derivatives of the energy of an Ising chain after layers with 96 parameters; `hvp`: with the gradient as the
/// direction of a product; `line`: the third derivative along the gradient with it; `curvature`: the gradient and then that along it;
/// `gradient`: the gradient alone.
pub(crate) fn second_order(qubits: usize, what: &str, level: Level, limit: f64) -> Measured {
    let circuit = hardware_efficient(qubits, layers(qubits))?;
    let expectation = Expectation::of_all_parameters(&circuit, vec![ising(qubits)?])?;
    let row = theta(circuit.parameters().len());
    let (mut backend, mut rng) = (StateVectorBackend::with_level(level), ChaCha8Rng::seed_from_u64(1));
    if what == "gradient" {
        let (times, answer) = measure(limit, || Adjoint.gradient(&expectation, &row, &mut backend, &mut rng))?;
        return Ok((times, json!({ "norm": norm(&answer.gradient), "first3": &answer.gradient[..3] })));
    }
    if what == "curvature" {
        let (times, answer) = measure(limit, || Adjoint.second_order(&expectation, &row, &[1.0], &mut backend))?;
        return Ok((times, json!({ "curvature": answer.curvature(), "third": answer.third })));
    }
    if what == "hessian" {
        let (times, answer) = measure(limit, || Adjoint.hessian(&expectation, &row, &[1.0], &mut backend))?;
        return Ok((times, json!({ "trace": answer.matrix.trace(), "norm": answer.matrix.norm() })));
    }
    let along = Adjoint.gradient(&expectation, &row, &mut backend, &mut rng)?.gradient;
    if what == "line" {
        let call = || Adjoint.line_derivatives(&expectation, &row, &[1.0], &along, &mut backend);
        let (times, answer) = measure(limit, call)?;
        return Ok((times, json!({ "second": answer.second, "third": answer.third })));
    }
    let call = || Adjoint.hessian_vector_product(&expectation, &row, &[1.0], &along, &mut backend);
    let (times, answer) = measure(limit, call)?;
    Ok((times, json!({ "norm": norm(&answer.product), "first3": &answer.product[..3] })))
}

/// `metric`, `metric-layers`, `metric-diagonal`: the exact metric of the same circuit.
pub(crate) fn metric(qubits: usize, blocks: &Blocks, level: Level, limit: f64) -> Measured {
    let circuit = hardware_efficient(qubits, layers(qubits))?;
    let metric = Metric::of_all_parameters(&circuit)?;
    let row = theta(circuit.parameters().len());
    let mut backend = StateVectorBackend::with_level(level);
    let (times, answer) = measure(limit, || metric.exact(blocks, &row, &mut backend))?;
    Ok((times, json!({ "trace": answer.matrix.trace(), "norm": answer.matrix.norm() })))
}

/// `value-z0`, `gradient-z0`, `shots-z0`: the first output of the classifier of `w4` at one sample, its exact gradient, and its gradient
/// from 1000 shots; `-z` for the mean of all outputs, which sees every qubit.
pub(crate) fn local(qubits: usize, what: &str, first: bool, level: Level, limit: f64) -> Measured {
    let (circuit, weights) = classifier(qubits)?;
    let terms: Vec<String> = (0..if first { 1 } else { qubits }).map(|q| format!("Z{q}")).collect();
    let observable: PauliSum = terms.join(" + ").parse()?;
    let expectation = Expectation::new(&circuit, vec![observable], &weights)?;
    let row = theta(circuit.parameters().len());
    let (mut backend, mut rng) = (StateVectorBackend::with_level(level), ChaCha8Rng::seed_from_u64(1));
    if what == "value" {
        let (times, answer) = measure(limit, || Adjoint.values(&expectation, &row, &mut backend, &mut rng))?;
        return Ok((times, json!({ "value": answer.estimates[0].value })));
    }
    let shots = ParameterShift { shots: Shots::PerCircuit(1000) };
    let estimator: &dyn Estimator = if what == "shots" { &shots } else { &Adjoint };
    let (times, answer) = measure(limit, || estimator.gradient(&expectation, &row, &mut backend, &mut rng))?;
    Ok((times, json!({ "norm": norm(&answer.gradient) })))
}
