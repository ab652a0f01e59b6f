//! The matrices of a program, each prepared once: they take some kilobytes each, and circuits repeat them.

use std::collections::HashMap;
use std::sync::Arc;

use num_complex::Complex64;

use crate::kernel::Matrix;

/// A matrix and its inverse, ready to be applied.
pub(crate) type Prepared = Arc<[Matrix; 2]>;

/// Targets, controls and the bits of the entries.
type Definition = (Vec<usize>, u64, Vec<[u64; 2]>);

/// Those that have been prepared.
#[derive(Debug, Default)]
pub(crate) struct Matrices {
    known: HashMap<Definition, Prepared>,
}

impl Matrices {
    /// A row-major unitary on one or two targets, applied where all qubits of `controls` are 1.
    pub(crate) fn get(&mut self, targets: &[usize], controls: u64, matrix: &[Complex64]) -> Prepared {
        let bits = matrix.iter().map(|entry| [entry.re.to_bits(), entry.im.to_bits()]).collect();
        let prepared = self.known.entry((targets.to_vec(), controls, bits)).or_insert_with(|| {
            let dimension = 1 << targets.len();
            let inverse: Vec<Complex64> =
                (0..matrix.len()).map(|k| matrix[(k % dimension) * dimension + k / dimension].conj()).collect();
            Arc::new([Matrix::new(targets, controls, matrix), Matrix::new(targets, controls, &inverse)])
        });
        Arc::clone(prepared)
    }

    /// The same matrix on other qubits.
    pub(crate) fn moved(
        &mut self,
        prepared: &Prepared,
        qubit: impl Fn(usize) -> usize,
        mask: impl Fn(u64) -> u64,
    ) -> Prepared {
        let (targets, controls, entries) = prepared[0].definition();
        let targets: Vec<usize> = targets.iter().map(|&target| qubit(target)).collect();
        self.get(&targets, mask(controls), entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Circuit, Program};

    #[test]
    fn equal_matrices_are_prepared_once() {
        let mut circuit = Circuit::new(6).expect("width");
        for k in 0..600 {
            circuit.h(k % 6).expect("valid").gate(crate::Gate::Ch, &[k % 2, 2 + k % 3], &[]).expect("valid");
            circuit.gate(crate::Gate::Swap, &[k % 6, (k + 1) % 6], &[]).expect("valid");
        }
        let program = Program::compile(&circuit);
        let mut found: Vec<*const [Matrix; 2]> = program.matrices().map(Arc::as_ptr).collect();
        assert_eq!(found.len(), 1800);
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), 6 + 6 + 6);
    }
}
