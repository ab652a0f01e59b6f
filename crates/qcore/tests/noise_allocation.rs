//! No evaluation of a density matrix allocates.

use qcore::{Channel, Circuit, DensityMatrix, Gate, NoiseModel, NoisyBinding, NoisyProgram, PauliSum, Selector};
use qcore::{Readout, ReadoutError};

fn allocations(of: impl FnOnce()) -> u64 {
    allocation_counter::measure(of).count_total
}

#[test]
fn evaluations_of_a_density_matrix_allocate_nothing() {
    assert!(allocations(|| drop(std::hint::black_box(vec![1]))) > 0, "the counter counts");
    for qubits in [1, 2, 5] {
        let mut circuit = Circuit::new(qubits).expect("narrow");
        let t = circuit.parameters_named("t", 3 * qubits).expect("new names");
        for q in 0..qubits {
            circuit.gate(Gate::U, &[q], &[t[3 * q].into(), t[3 * q + 1].into(), -t[3 * q + 2]]).expect("valid");
        }
        for (q, &angle) in t.iter().enumerate().take(qubits).skip(1) {
            circuit.cx(q - 1, q).expect("valid").gate(Gate::Crx, &[q, q - 1], &[2.0 * angle]).expect("valid");
        }
        if qubits > 2 {
            circuit.gate(Gate::Ccx, &[0, 2, 1], &[]).expect("valid");
        }
        let readout = Readout::new(&[ReadoutError::new(0.01, 0.02).expect("probabilities")]).expect("one qubit");
        let model = NoiseModel::new()
            .after(Selector::every(), Channel::amplitude_damping(0.1).expect("valid"))
            .after(Selector::every(), Channel::depolarizing_two(0.1).expect("valid"))
            .with_readout(readout);
        let observable = PauliSum::transverse_field_ising(qubits, 1.0, 0.8).expect("finite");
        let program = NoisyProgram::compile(&circuit, &model).expect("narrow");
        let mut binding = NoisyBinding::new(&program);
        let mut rho = DensityMatrix::zero(qubits).expect("small");
        let values = vec![0.3; 3 * qubits];
        let mut probabilities = Vec::with_capacity(1 << qubits);
        let count = allocations(|| {
            program.bind(&values, &mut binding).expect("finite");
            rho.run(&program, &binding).expect("same width");
            let energy = rho.read_expectation(&observable, program.readout()).expect("same width");
            assert!(energy.is_finite() && rho.expectation(&observable).is_ok() && rho.purity() <= 1.0);
            rho.probabilities_into(&mut probabilities);
        });
        assert_eq!(count, 0, "{qubits} qubits");
    }
}
