//! Metric tensors from overlaps of states.

use nalgebra::DMatrix;
use rand::Rng;

use super::{Metric, MetricTensor};
use crate::fidelity::all_zeros;
use crate::second_order::{Pairs, second_derivatives};
use crate::{Backend, Error, Expectation, ParameterShift};

/// An overlap with the state itself is 1 and stationary: neither needs a circuit.
fn pairs(wanted: Option<&DMatrix<bool>>) -> Pairs<'_> {
    Pairs { center: Some(1.0), stationary: true, wanted }
}

/// Circuits for the entries of a mask, or for all.
pub(super) fn count(expectation: &Expectation, mask: Option<&DMatrix<bool>>) -> u64 {
    pairs(mask).count(expectation)
}

pub(super) fn measure(
    expectation: &Expectation,
    mask: &DMatrix<bool>,
    shift: ParameterShift,
    row: &[f64],
    backend: &mut dyn Backend,
    rng: &mut dyn Rng,
) -> Result<MetricTensor, Error> {
    let (qubits, max) = (expectation.circuit().num_qubits(), Metric::MAX_OVERLAP_QUBITS);
    if qubits > max {
        return Err(Error::Width { what: "an overlap", qubits, max });
    }
    // The circuit at shifted angles, and then back. Only the rotations on the way there are shifted.
    let mut there_and_back = expectation.circuit().clone();
    for operation in expectation.circuit().inverse().operations() {
        there_and_back.push(operation.clone())?;
    }
    let overlap = Expectation::new(&there_and_back, vec![all_zeros(qubits)?], expectation.wrt())?;
    let overlap = overlap.of_first_rotations(expectation.program().rotations().len());
    let derivatives = second_derivatives(shift, &overlap, row, &[1.0], &pairs(Some(mask)), backend, rng)?;
    Ok(MetricTensor {
        matrix: derivatives.matrix * -0.5,
        std_errors: derivatives.std_errors * 0.5,
        bill: derivatives.bill,
    })
}
