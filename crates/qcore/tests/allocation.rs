//! No evaluation allocates once the first one has made its working memory.

use qcore::{BatchBinding, Binding, Circuit, Derivatives, PauliSum, Program, Reverse, StateBatch, StateVector};

fn circuit(qubits: usize) -> Circuit {
    let mut circuit = Circuit::new(qubits).expect("width");
    for layer in 0..3 {
        for q in 0..qubits {
            let angle = circuit.parameter(format!("t{layer}_{q}")).expect("a new name");
            circuit.ry(q, angle).expect("valid").rx(q, angle * 0.5).expect("valid").rz(q, 0.3).expect("valid");
        }
        for q in 1..qubits {
            circuit.cx(q - 1, q).expect("valid");
        }
    }
    circuit
}

/// Allocations of a second call; the first makes the working memory.
fn allocations(mut of: impl FnMut()) -> u64 {
    of();
    allocation_counter::measure(of).count_total
}

#[test]
fn repeated_evaluations_allocate_nothing() {
    assert!(allocations(|| drop(std::hint::black_box(vec![1]))) > 0, "the counter counts");
    for qubits in [1, 4, 9, 12, 15] {
        let circuit = circuit(qubits);
        let program = Program::compile(&circuit);
        let observable = PauliSum::transverse_field_ising(qubits, 1.0, 0.8).expect("finite");
        let mut binding = Binding::new(&program);
        let mut state = StateVector::zero(qubits).expect("small");
        let parameters = vec![0.4; program.num_parameters()];
        let mut probabilities = Vec::new();
        let count = allocations(|| {
            program.bind(&parameters, &mut binding).expect("finite");
            program.shift(0, 0.1, &mut binding);
            state.run(&program, &binding).expect("fits");
            state.expectation(&observable).expect("fits");
            state.probabilities_into(&mut probabilities);
        });
        assert_eq!(count, 0, "{qubits} qubits");
        let rotations: Vec<usize> = (0..program.rotations().len()).collect();
        let derivatives = Derivatives::new(&program, &rotations);
        let mut reverse = Reverse::new(qubits).expect("small");
        let mut gradient = vec![0.0; rotations.len()];
        let count = allocations(|| {
            program.bind(&parameters, &mut binding).expect("finite");
            reverse.forward(&program, &binding, &derivatives).expect("fits");
            let observables = [(1.0, &observable)];
            reverse.backward(&program, &binding, &derivatives, &observables, &mut gradient).expect("fits");
        });
        assert_eq!(count, 0, "gradient on {qubits} qubits");
    }
    let circuit = circuit(5);
    let program = Program::compile(&circuit);
    let observable = PauliSum::transverse_field_ising(5, 1.0, 0.8).expect("finite");
    let mut binding = BatchBinding::new(&program, 6);
    let mut batch = StateBatch::zero(5, 6).expect("small");
    let parameters = vec![0.4; program.num_parameters()];
    let mut values = Vec::new();
    let count = allocations(|| {
        program.bind_batch((0..6).map(|m| (parameters.as_slice(), Some((m, 0.2)))), &mut binding).expect("finite");
        batch.run(&program, &binding).expect("fits");
        batch.expectations_into(&observable, &mut values).expect("fits");
    });
    assert_eq!(count, 0, "batch");
}
