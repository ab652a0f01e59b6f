//! Noise against reference numbers of other programs and against dense sums over Kraus operators.

mod common;

use common::{Matrix, c, distance, embed, operation_matrix, placements, random_state, random_unitary};
use num_complex::Complex64;
use qcore::{
    Angle, Channel, ChannelFault, Circuit, Control, DensityMatrix, Error, Gate, Level, NoiseModel, NoisyBinding,
    NoisyProgram, Operation, PauliString, PauliSum, Readout, ReadoutError, Selector, StateVector, Trajectories,
};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

/// One channel of every kind, with parameters that no symmetry hides.
fn channels() -> Vec<Channel> {
    let set = |qubits: usize, count: usize, seed: u64| {
        // Blocks of an isometry are a complete set of Kraus operators.
        let dimension = 1 << qubits;
        let size = dimension * count;
        let unitary = random_unitary(size, seed);
        let operators: Vec<Vec<Complex64>> = (0..count)
            .map(|k| {
                (0..dimension * dimension)
                    .map(|at| unitary[(k * dimension + at / dimension) * size + at % dimension])
                    .collect()
            })
            .collect();
        Channel::from_kraus(qubits, &operators)
    };
    [
        Channel::depolarizing(0.13),
        Channel::bit_flip(0.21),
        Channel::phase_flip(0.17),
        Channel::pauli(0.05, 0.11, 0.19),
        Channel::amplitude_damping(0.23),
        Channel::phase_damping(0.31),
        Channel::thermal_relaxation(50.0, 70.0, 20.0),
        Channel::depolarizing_two(0.27),
        set(1, 3, 5),
        set(2, 2, 6),
        set(2, 5, 7),
    ]
    .into_iter()
    .map(|channel| channel.expect("valid parameters"))
    .collect()
}

fn dense_channel(channel: &Channel, on: &[usize], qubits: usize, rho: &Matrix) -> Matrix {
    let dimension = 1 << channel.qubits();
    let zero = Matrix::zeros(rho.nrows(), rho.ncols());
    channel.kraus().iter().fold(zero, |sum, k| {
        let k = embed(&Matrix::from_row_slice(dimension, dimension, k), on, qubits);
        sum + &k * rho * k.adjoint()
    })
}

fn random_density(qubits: usize, seed: u64) -> Matrix {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let dimension = 1 << qubits;
    let a = Matrix::from_fn(dimension, dimension, |_, _| c(rng.random::<f64>() - 0.5, rng.random::<f64>() - 0.5));
    let rho = &a * a.adjoint();
    let trace = rho.trace().re;
    rho / c(trace, 0.0)
}

fn row_major(matrix: &Matrix) -> Vec<Complex64> {
    matrix.transpose().iter().copied().collect()
}

fn run(circuit: &Circuit, model: &NoiseModel, parameters: &[f64]) -> DensityMatrix {
    let program = NoisyProgram::compile(circuit, model).expect("valid");
    let mut binding = NoisyBinding::new(&program);
    program.bind(parameters, &mut binding).expect("valid");
    let mut rho = DensityMatrix::zero(circuit.num_qubits()).expect("small");
    rho.run(&program, &binding).expect("same width");
    rho
}

/// The circuit with the channels of the model after each operation, by dense matrices; `selects` decides about the rules.
fn dense_run(
    circuit: &Circuit,
    parameters: &[f64],
    follow: &dyn Fn(&Operation) -> Vec<(Channel, Vec<usize>)>,
) -> Matrix {
    let n = circuit.num_qubits();
    let mut rho = Matrix::zeros(1 << n, 1 << n);
    rho[(0, 0)] = c(1.0, 0.0);
    for operation in circuit.operations() {
        let angles: Vec<f64> = operation.angles().iter().map(|angle| angle.value(parameters)).collect();
        let u = operation_matrix(operation, &angles, n);
        rho = &u * rho * u.adjoint();
        for (channel, on) in follow(operation) {
            rho = dense_channel(&channel, &on, n, &rho);
        }
    }
    rho
}

fn hea(n: usize, layers: usize) -> (Circuit, Vec<f64>) {
    let mut circuit = Circuit::new(n).expect("small");
    let parameters = circuit.parameters_named("theta", 2 * n * layers).expect("fresh names");
    let mut next = parameters.into_iter();
    for _ in 0..layers {
        for q in 0..n {
            circuit.ry(q, next.next().expect("2nL parameters")).expect("valid");
            circuit.rz(q, next.next().expect("2nL parameters")).expect("valid");
        }
        for q in 1..n {
            circuit.cz(q - 1, q).expect("valid");
        }
    }
    let values = (0..2 * n * layers).map(|k| (0.1 + 0.37 * k as f64) % (2.0 * std::f64::consts::PI)).collect();
    (circuit, values)
}

/// The circuits of the reference cases, typed from their text.
fn reference_circuit(name: &str) -> Circuit {
    let width = |n: usize, parameters: usize| {
        let mut circuit = Circuit::new(n).expect("small");
        let t = circuit.parameters_named("t", parameters).expect("fresh names");
        (circuit, t)
    };
    match name {
        "noise_readout_n2" => {
            let (mut circuit, t) = width(2, 2);
            circuit.ry(0, t[0]).unwrap().ry(1, t[1]).unwrap().cx(0, 1).unwrap();
            circuit
        }
        "noise_dep_readout_n3" => {
            let (mut circuit, t) = width(3, 3);
            circuit.ry(0, t[0]).unwrap().cx(0, 1).unwrap().rx(1, t[1]).unwrap().cx(1, 2).unwrap();
            circuit.gate(Gate::Cry, &[2, 0], &[t[2].into()]).unwrap();
            circuit
        }
        _ => {
            let n: usize = name[name.len() - 1..].parse().expect("the name ends with the width");
            let (mut circuit, t) = width(n, 3);
            circuit.h(0).unwrap().rx(0, t[0]).unwrap().ry(n - 1, t[1]).unwrap();
            for q in 1..n {
                circuit.cx(q - 1, q).unwrap();
            }
            circuit.rz(n - 1, t[2]).unwrap().ry(0, -1.0 * t[0]).unwrap();
            if n > 1 {
                circuit.gate(Gate::Crx, &[n - 1, 0], &[t[1].into()]).unwrap();
            }
            circuit
        }
    }
}

const CASES: [&str; 7] = [
    "noise_ad_n2",
    "noise_bf_n3",
    "noise_dep_n1",
    "noise_dep_readout_n3",
    "noise_mix_n4",
    "noise_pd_n3",
    "noise_readout_n2",
];

fn case_file(name: &str, extension: &str) -> String {
    let path = format!("{}/tests/data/noise/{name}.{extension}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("the reference cases are part of the crate")
}

fn check_case(name: &str, case: &serde_json::Value, circuit: &Circuit, model: &NoiseModel) {
    let number = |value: &serde_json::Value| value.as_f64().expect("a number");
    let parameters: Vec<f64> = case["parameters"].as_array().expect("a list").iter().map(number).collect();
    let rho = run(circuit, model, &parameters);
    let observable: PauliSum = case_file(name, "obs").trim().parse().expect("an observable");
    let expectation = rho.read_expectation(&observable, model.readout()).expect("same width");
    assert!((expectation - number(&case["expectation"])).abs() < 1e-9, "{name}: {expectation}");
    let probabilities = rho.read_probabilities(model.readout()).expect("same width");
    for (bits, expected) in case["probabilities"].as_object().expect("an object") {
        let index = usize::from_str_radix(bits, 2).expect("a bit string");
        assert!((probabilities[index] - number(expected)).abs() < 1e-9, "{name}: {bits}");
    }
    assert!((rho.purity() - number(&case["purity_before_readout"])).abs() < 1e-9, "{name}: purity");
    assert!((rho.trace() - 1.0).abs() < 1e-14);
    // The gradient by central differences of values that are exact: good to the square of the step.
    let program = NoisyProgram::compile(circuit, model).expect("valid");
    let mut binding = NoisyBinding::new(&program);
    let mut rho = rho;
    for (k, expected) in case["gradient"].as_array().expect("a list").iter().enumerate() {
        let mut value = |shift: f64| {
            let mut shifted = parameters.clone();
            shifted[k] += shift;
            program.bind(&shifted, &mut binding).expect("valid");
            rho.run(&program, &binding).expect("same width");
            rho.read_expectation(&observable, model.readout()).expect("same width")
        };
        // Richardson's extrapolation: the error is of sixth order in the step.
        let mut difference = |h: f64| (value(h) - value(-h)) / (2.0 * h);
        let (a, b, d) = (difference(0.02), difference(0.04), difference(0.08));
        let (ab, bd) = ((4.0 * a - b) / 3.0, (4.0 * b - d) / 3.0);
        let derivative = (16.0 * ab - bd) / 15.0;
        assert!((derivative - number(expected)).abs() < 1e-8, "{name}: derivative {k}");
    }
}

#[test]
fn reference_cases_by_hand() {
    for name in CASES {
        let case: serde_json::Value = serde_json::from_str(&case_file(name, "json")).expect("JSON");
        let mut model = NoiseModel::new();
        for entry in case["noise"].as_array().expect("a list") {
            let p = entry["probability"].as_f64().expect("a number");
            let channel = match entry["channel"].as_str().expect("a name") {
                "depolarizing" => Channel::depolarizing(p),
                "bit_flip" => Channel::bit_flip(p),
                "phase_flip" => Channel::phase_flip(p),
                "amplitude_damping" => Channel::amplitude_damping(p),
                "phase_damping" => Channel::phase_damping(p),
                other => panic!("the cases have no {other}"),
            };
            model = model.after(Selector::every(), channel.expect("a probability"));
        }
        let errors: Vec<ReadoutError> = case["readout_error"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|entry| {
                let p = |key: &str| entry[key].as_f64().expect("a number");
                ReadoutError::new(p("p1_given_0"), p("p0_given_1")).expect("probabilities")
            })
            .collect();
        model = model.with_readout(Readout::new(&errors).expect("narrow"));
        check_case(name, &case, &reference_circuit(name), &model);
    }
}

#[cfg(all(feature = "qasm", feature = "serde"))]
#[test]
fn reference_cases_from_their_files() {
    for name in CASES {
        let text = case_file(name, "json");
        let model: NoiseModel = serde_json::from_str(&text).expect("a noise model among other keys");
        let circuit = qcore::qasm::parse(&case_file(name, "qasm")).expect("a circuit");
        check_case(name, &serde_json::from_str(&text).expect("JSON"), &circuit, &model);
    }
}

#[cfg(feature = "serde")]
#[test]
fn models_that_cannot_be_are_refused_by_name() {
    let entry = |channel: &str, p: &str, extra: &str| {
        format!(
            r#"{{"noise": [{{"channel": "{channel}", "probability": {p}, "where": "after_every_gate",
            "on": "each_qubit_of_the_gate_independently"{extra}}}]}}"#
        )
    };
    let read = |text: &str| serde_json::from_str::<NoiseModel>(text).map_err(|error| error.to_string());
    assert_eq!(read("{}"), Ok(NoiseModel::new()));
    let one = read(&entry("bit_flip", "0.25", "")).expect("valid");
    assert_eq!(one.rules(), [(Selector::every(), Channel::bit_flip(0.25).expect("valid"))]);
    assert!(read(&entry("bit_flip", "1.5", "")).unwrap_err().contains("bit flip: p is 1.5, not a probability"));
    assert!(read(&entry("bitflip", "0.5", "")).unwrap_err().contains("unknown variant `bitflip`"));
    assert!(read(&entry("bit_flip", "0.5", r#", "qubits": [0]"#)).unwrap_err().contains("unknown field `qubits`"));
    let readout = read(r#"{"readout_error": [{"p1_given_0": -0.1, "p0_given_1": 0.0}]}"#);
    assert!(readout.unwrap_err().contains("p1_given_0 is -0.1"));
}

#[test]
fn ansatz_with_depolarizing_noise_has_the_recorded_energy() {
    // <H> of eight qubits and four layers, p = 0.01 after rotations and 0.02 after CZ: on this number four other programs
    // (Qiskit Aer, PennyLane default.mixed, QuEST, Qulacs) agree to 1e-10.
    let (circuit, values) = hea(8, 4);
    let model = NoiseModel::new()
        .after(Selector::every().arity(1), Channel::depolarizing(0.01).unwrap())
        .after(Selector::every().named("cz").unwrap(), Channel::depolarizing_two(0.02).unwrap());
    let h = PauliSum::transverse_field_ising(8, 1.0, 0.8).unwrap();
    for level in Level::available() {
        let program = NoisyProgram::compile(&circuit, &model).unwrap();
        let mut binding = NoisyBinding::new(&program);
        program.bind(&values, &mut binding).unwrap();
        let mut rho = DensityMatrix::zero(8).unwrap().with_level(level);
        rho.run(&program, &binding).unwrap();
        let energy = rho.expectation(&h).unwrap();
        assert!((energy - 0.149718043784).abs() < 1e-10, "{level}: {energy}");
        // One pass per CZ, and four that end the circuit: the last channels wait on nobody.
        assert_eq!(program.num_passes(), 28);
    }
}

#[test]
fn channels_are_their_kraus_sums_everywhere() {
    for level in Level::available() {
        for (k, channel) in channels().iter().enumerate() {
            for qubits in channel.qubits()..=4 {
                for on in placements(channel.qubits(), qubits) {
                    let rho = random_density(qubits, 100 * k as u64 + qubits as u64);
                    let mut state = DensityMatrix::from_matrix(qubits, &row_major(&rho)).unwrap().with_level(level);
                    assert!(distance(&state.matrix(), &row_major(&rho)) < 1e-15, "the matrix comes back");
                    state.apply_channel(channel, &on).unwrap();
                    let expected = dense_channel(channel, &on, qubits, &rho);
                    let off = distance(&state.matrix(), &row_major(&expected));
                    assert!(off < 1e-14, "{level}: {} on {on:?} of {qubits}: {off}", channel.name());
                    assert!((state.trace() - 1.0).abs() < 1e-14);
                    let purity = (&expected * &expected).trace().re;
                    assert!((state.purity() - purity).abs() < 1e-14);
                }
            }
        }
    }
}

/// The Choi matrix is the channel on half of a maximally entangled state: its eigenvalues are not negative if the channel is
/// completely positive, and it traces out to the identity if it preserves the trace.
#[test]
fn channels_are_completely_positive_and_preserve_the_trace() {
    for channel in channels() {
        let q = channel.qubits();
        let mut bell = StateVector::zero(2 * q).unwrap();
        for k in 0..q {
            bell.apply_gate(Gate::H, &[k], &[]).unwrap();
            bell.apply_gate(Gate::Cx, &[k, q + k], &[]).unwrap();
        }
        let mut choi = DensityMatrix::from_state(&bell).unwrap();
        choi.apply_channel(&channel, &(0..q).collect::<Vec<_>>()).unwrap();
        let size = 1 << (2 * q);
        let matrix = Matrix::from_row_slice(size, size, &choi.matrix());
        let least = matrix.clone().symmetric_eigenvalues().min();
        assert!(least > -1e-14, "{}: eigenvalue {least}", channel.name());
        let dimension = 1 << q;
        for row in 0..dimension {
            for column in 0..dimension {
                let sum: Complex64 =
                    (0..dimension).map(|k| matrix[(row * dimension + k, column * dimension + k)]).sum();
                let expected = if row == column { 1.0 / dimension as f64 } else { 0.0 };
                assert!((sum - expected).norm() < 1e-14, "{}", channel.name());
            }
        }
    }
}

#[test]
fn special_channels_do_what_their_names_say() {
    let mut one = StateVector::zero(1).unwrap();
    one.apply_gate(Gate::U, &[0], &[1.1, 0.4, 0.0]).unwrap();
    let before = DensityMatrix::from_state(&one).unwrap().matrix();
    let after = |channel: Result<Channel, Error>| {
        let mut rho = DensityMatrix::from_state(&one).unwrap();
        rho.apply_channel(&channel.unwrap(), &[0]).unwrap();
        rho.matrix()
    };
    // Populations relax with T1, coherences with T2.
    let (t1, t2, t) = (3.0, 5.0, 0.7_f64);
    let relaxed = after(Channel::thermal_relaxation(t1, t2, t));
    assert!((relaxed[3] - before[3] * (-t / t1).exp()).norm() < 1e-15);
    assert!((relaxed[1] - before[1] * (-t / t2).exp()).norm() < 1e-15);
    let coherent = after(Channel::thermal_relaxation(f64::INFINITY, f64::INFINITY, t));
    assert!(distance(&coherent, &before) < 1e-15);
    let limit = after(Channel::thermal_relaxation(t1, 2.0 * t1, t));
    assert!(distance(&limit, &after(Channel::amplitude_damping(1.0 - (-t / t1).exp()))) < 1e-15);
    // A depolarizing error of 3/4 leaves nothing.
    let mixed = after(Channel::depolarizing(0.75));
    assert!(distance(&mixed, &[c(0.5, 0.0), c(0.0, 0.0), c(0.0, 0.0), c(0.5, 0.0)]) < 1e-15);
    assert!(distance(&after(Channel::pauli(0.1, 0.1, 0.1)), &after(Channel::depolarizing(0.3))) < 1e-15);
    assert!(distance(&after(Channel::amplitude_damping(0.0)), &before) < 1e-15);
    // (1 - 16p/15) rho + (16p/15) I/4 (x) tr.
    let p = 0.3;
    let rho = random_density(3, 9);
    let mut state = DensityMatrix::from_matrix(3, &row_major(&rho)).unwrap();
    state.apply_channel(&Channel::depolarizing_two(p).unwrap(), &[2, 0]).unwrap();
    let expected = Matrix::from_fn(8, 8, |row, column| {
        let kept: Complex64 = if row & 0b101 == column & 0b101 {
            [0b000, 0b001, 0b100, 0b101].iter().map(|k| rho[(row & 0b010 | k, column & 0b010 | k)]).sum()
        } else {
            c(0.0, 0.0)
        };
        rho[(row, column)] * (1.0 - 16.0 * p / 15.0) + kept * (16.0 * p / 15.0 / 4.0)
    });
    assert!(distance(&state.matrix(), &row_major(&expected)) < 1e-15);
}

/// Every gate of the table, with and without an added control, in the middle of a circuit with noise.
#[test]
fn noisy_circuits_of_every_gate_are_dense_circuits() {
    let mut rng = ChaCha8Rng::seed_from_u64(41);
    let (first, pair) = (Channel::amplitude_damping(0.1).unwrap(), Channel::depolarizing_two(0.2).unwrap());
    let model = NoiseModel::new().after(Selector::every(), first.clone()).after(Selector::every(), pair.clone());
    let follow = |operation: &Operation| {
        let mut all: Vec<(Channel, Vec<usize>)> =
            operation.qubits().iter().map(|&q| (first.clone(), vec![q])).collect();
        if operation.qubits().len() == 2 {
            all.push((pair.clone(), operation.qubits().to_vec()));
        }
        all
    };
    for spec in Gate::all() {
        for control in [None, Some(true), Some(false)] {
            let n = (spec.qubits() + usize::from(control.is_some())).max(2);
            let mut order: Vec<usize> = (0..n).collect();
            for k in (1..n).rev() {
                order.swap(k, rng.random_range(0..=k));
            }
            let mut circuit = Circuit::new(n).unwrap();
            let t = circuit.parameters_named("t", spec.angles + n).unwrap();
            for q in 0..n {
                circuit.gate(Gate::R, &[q], &[t[q].into(), Angle::constant(0.3 + q as f64)]).unwrap();
            }
            let angles: Vec<Angle> = (0..spec.angles).map(|k| 1.5 * t[n + k] + 0.1).collect();
            let mut operation = Operation::gate(spec.gate, &order[..spec.qubits()], &angles).unwrap();
            if let Some(value) = control {
                operation = operation.controlled(&[Control { qubit: order[spec.qubits()], value }]).unwrap();
            }
            circuit.push(operation).unwrap();
            circuit.cx(order[0], order[1]).unwrap();
            let values: Vec<f64> = (0..spec.angles + n).map(|_| rng.random_range(-3.0..3.0)).collect();
            let expected = row_major(&dense_run(&circuit, &values, &follow));
            let off = distance(&run(&circuit, &model, &values).matrix(), &expected);
            assert!(off < 1e-13, "{} with control {control:?} on {order:?}: {off}", spec.name);
        }
    }
}

#[test]
fn matrices_and_pauli_rotations_are_dense_too() {
    let mut rng = ChaCha8Rng::seed_from_u64(43);
    for round in 0..12 {
        let n = 3 + round % 3;
        let mut circuit = Circuit::new(n).unwrap();
        let t = circuit.parameters_named("t", 4).unwrap();
        for (k, &t) in t.iter().enumerate() {
            let seed = 10 * round as u64 + k as u64;
            let places = placements(3, n);
            let at = &places[rng.random_range(0..places.len())];
            circuit.unitary(&at[..1], &random_unitary(2, seed)).unwrap();
            circuit.unitary(&at[..2], &random_unitary(4, seed)).unwrap();
            // A matrix with controls is diagonalized.
            let dimension = 2 << (k % 2);
            let unitary = Operation::unitary(&at[..1 + k % 2], &random_unitary(dimension, seed)).unwrap();
            let controls: Vec<Control> = (0..n)
                .filter(|q| !at[..1 + k % 2].contains(q))
                .map(|qubit| Control { qubit, value: rng.random() })
                .collect();
            circuit.push(unitary.controlled(&controls).unwrap()).unwrap();
            let (x, z) = (rng.random_range(0..1 << n), rng.random_range(0..1 << n));
            circuit.pauli_rotation(PauliString::from_masks(x, z), t).unwrap();
            let outside: Vec<usize> = (0..n).filter(|q| (x | z) >> q & 1 == 0).collect();
            let rotation = Operation::pauli_rotation(PauliString::from_masks(x, z), 2.0 * t).unwrap();
            let controls: Vec<Control> = outside.iter().map(|&q| Control::off(q)).collect();
            circuit.push(rotation.controlled(&controls).unwrap()).unwrap();
        }
        let channel = Channel::phase_damping(0.05).unwrap();
        let model = NoiseModel::new().after(Selector::every().named("unitary").unwrap(), channel.clone());
        let follow = |operation: &Operation| match operation.instruction() {
            qcore::Instruction::Unitary(_) => operation.qubits().iter().map(|&q| (channel.clone(), vec![q])).collect(),
            _ => Vec::new(),
        };
        let values: Vec<f64> = (0..4).map(|_| rng.random_range(-3.0..3.0)).collect();
        let expected = row_major(&dense_run(&circuit, &values, &follow));
        for level in Level::available() {
            let program = NoisyProgram::compile(&circuit, &model).unwrap();
            let mut binding = NoisyBinding::new(&program);
            program.bind(&values, &mut binding).unwrap();
            let mut rho = DensityMatrix::zero(n).unwrap().with_level(level);
            rho.run(&program, &binding).unwrap();
            let off = distance(&rho.matrix(), &expected);
            assert!(off < 1e-13, "{level}, round {round}: {off}");
        }
    }
}

#[test]
fn without_noise_it_is_the_state_vector() {
    for n in 1..=7 {
        let (circuit, values) = hea(n, 2);
        let mut state = StateVector::zero(n).unwrap();
        state.apply_circuit(&circuit, &values).unwrap();
        let rho = run(&circuit, &NoiseModel::new(), &values);
        let expected = DensityMatrix::from_state(&state).unwrap();
        assert!(distance(&rho.matrix(), &expected.matrix()) < 1e-14);
        assert!((rho.purity() - 1.0).abs() < 1e-13);
        let (p, q) = (rho.probabilities(), state.probabilities());
        assert!(p.iter().zip(&q).all(|(p, q)| (p - q).abs() < 1e-14));
        let h = PauliSum::transverse_field_ising(n, 1.0, 0.8).unwrap();
        assert!((rho.expectation(&h).unwrap() - state.expectation(&h).unwrap()).abs() < 1e-13);
    }
}

#[test]
fn rules_select_gates_as_they_were_written() {
    let mut circuit = Circuit::new(4).unwrap();
    let angle = |value: f64| Angle::constant(value);
    circuit.gate(Gate::U, &[0], &[angle(0.1), angle(0.2), angle(0.3)]).unwrap();
    circuit.gate(Gate::Ccx, &[0, 1, 2], &[]).unwrap();
    circuit.gate(Gate::Cu, &[3, 1], &[angle(0.1), angle(0.2), angle(0.3), angle(0.4)]).unwrap();
    circuit.global_phase(angle(0.5)).unwrap();
    circuit.push(Operation::gate(Gate::X, &[2], &[]).unwrap().controlled(&[Control::off(0)]).unwrap()).unwrap();
    let events = |gates: Selector, channel: &Result<Channel, Error>| {
        let model = NoiseModel::new().after(gates, channel.clone().unwrap());
        Trajectories::compile(&circuit, &model).unwrap().num_events()
    };
    let (one, two) = (Channel::bit_flip(0.1), Channel::depolarizing_two(0.1));
    assert_eq!(events(Selector::every(), &one), 1 + 3 + 2 + 2);
    assert_eq!(events(Selector::every(), &two), 2);
    assert_eq!(events(Selector::every().named("u3").unwrap(), &one), 1);
    assert_eq!(events(Selector::every().named("x").unwrap(), &one), 2);
    assert_eq!(events(Selector::every().arity(3), &one), 3);
    assert_eq!(events(Selector::every().arity(3), &two), 0);
    assert_eq!(events(Selector::every().on(&[1, 3]).unwrap(), &two), 1);
    assert_eq!(events(Selector::every().on(&[2, 0]).unwrap().named("cu").unwrap(), &two), 0);
}

#[test]
fn readout_errors_are_confusion_matrices() {
    let errors = [(0.02, 0.1), (0.0, 0.0), (0.3, 0.25)].map(|(up, down)| ReadoutError::new(up, down).unwrap());
    let readout = Readout::new(&errors).unwrap();
    let rho = random_density(3, 77);
    let state = DensityMatrix::from_matrix(3, &row_major(&rho)).unwrap();
    let read = state.read_probabilities(&readout).unwrap();
    for (bits, got) in read.iter().enumerate() {
        let expected: f64 = (0..8)
            .map(|truth: usize| {
                let chance: f64 = (0..3)
                    .map(|q| {
                        let error = errors[q];
                        match (truth >> q & 1, bits >> q & 1) {
                            (0, 0) => 1.0 - error.p1_given_0(),
                            (0, _) => error.p1_given_0(),
                            (_, 0) => error.p0_given_1(),
                            _ => 1.0 - error.p0_given_1(),
                        }
                    })
                    .product();
                chance * rho[(truth, truth)].re
            })
            .sum();
        assert!((got - expected).abs() < 1e-15, "{bits:03b}");
    }
    // Strings of Z are parities of what is read; those with other letters are parities after a change of basis.
    let zs: PauliSum = "0.7 * Z0 Z1 Z2 - 0.2 * Z2 + 1.1 * Z1 + 0.3 * I".parse().unwrap();
    let parity = |bits: usize, mask: usize| if (bits & mask).count_ones() % 2 == 0 { 1.0 } else { -1.0 };
    let expected: f64 =
        (0..8).map(|b| read[b] * (0.7 * parity(b, 7) - 0.2 * parity(b, 4) + 1.1 * parity(b, 2) + 0.3)).sum();
    assert!((state.read_expectation(&zs, &readout).unwrap() - expected).abs() < 1e-15);
    let mut turned = Circuit::new(3).unwrap();
    turned.h(0).unwrap().gate(Gate::Sdg, &[2], &[]).unwrap().h(2).unwrap();
    let program = NoisyProgram::compile(&turned, &NoiseModel::new()).unwrap();
    let mut basis = state.clone();
    basis.apply(&program, &NoisyBinding::new(&program)).unwrap();
    let read = basis.read_probabilities(&readout).unwrap();
    let expected: f64 = (0..8).map(|b| read[b] * parity(b, 5)).sum();
    let xy: PauliSum = "X0 Y2".parse().unwrap();
    assert!((state.read_expectation(&xy, &readout).unwrap() - expected).abs() < 1e-15);
}

/// Mean over trajectories against the exact value: within 4.5 of its own standard errors, for every kind of channel.
#[test]
fn trajectories_agree_with_the_density_matrix() {
    let h: PauliSum = "0.8 * Z0 Z1 - 0.5 * X2 + 0.6 * Y1 Z2 + 0.4 * X0 X1".parse().unwrap();
    let readout = Readout::new(&[(0.05, 0.1), (0.02, 0.0), (0.1, 0.2)].map(|(a, b)| ReadoutError::new(a, b).unwrap()));
    let readout = readout.unwrap();
    let (mut circuit, values) = hea(3, 2);
    circuit
        .gate(Gate::Ccx, &[2, 0, 1], &[])
        .unwrap()
        .gate(Gate::Cu3, &[1, 2], &[1.0, 0.4, 0.2].map(Into::into))
        .unwrap();
    for (k, channel) in channels().into_iter().enumerate() {
        let name = channel.name();
        let mut model = NoiseModel::new().after(Selector::every(), channel);
        if k % 2 == 0 {
            model = model.with_readout(readout.clone());
        }
        let exact = run(&circuit, &model, &values).read_expectation(&h, model.readout()).unwrap();
        let trajectories = Trajectories::compile(&circuit, &model).unwrap();
        let mut binding = trajectories.binding();
        trajectories.bind(&values, &mut binding).unwrap();
        let mut state = StateVector::zero(3).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1000 + k as u64);
        let estimate = trajectories.expectation(&binding, &h, 4000, &mut state, &mut rng).unwrap();
        let sigmas = (estimate.mean - exact) / estimate.std_error;
        assert!(sigmas.abs() < 4.5, "{name}: {} instead of {exact}, {sigmas} standard errors", estimate.mean);
        // The error is not hidden by a scatter that is too large: H has values between -2.3 and 2.3.
        assert!(estimate.std_error > 1e-3 && estimate.std_error < 2.3 / 4000_f64.sqrt(), "{name}");
        assert!((state.norm_squared() - 1.0).abs() < 1e-12);
        // Same stream, same bytes.
        let mut rng = ChaCha8Rng::seed_from_u64(1000 + k as u64);
        assert_eq!(trajectories.expectation(&binding, &h, 4000, &mut state, &mut rng), Ok(estimate));
    }
}

#[test]
fn amplitude_damping_jumps_or_leans() {
    // From (|0> + |1>) / sqrt 2: a jump to |0> with probability p/2, else (|0> + sqrt(1-p) |1>) / sqrt(2-p).
    let p = 0.36;
    let mut circuit = Circuit::new(1).unwrap();
    circuit.h(0).unwrap();
    let model = NoiseModel::new().after(Selector::every(), Channel::amplitude_damping(p).unwrap());
    let trajectories = Trajectories::compile(&circuit, &model).unwrap();
    let binding = trajectories.binding();
    let mut state = StateVector::zero(1).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (runs, mut jumps) = (5000, 0.0);
    let norm = (2.0 - p).sqrt();
    let (jumped, leaned) = ([c(1.0, 0.0), c(0.0, 0.0)], [c(1.0 / norm, 0.0), c(0.8 / norm, 0.0)]);
    for _ in 0..runs {
        trajectories.run(&binding, &mut state, &mut rng).unwrap();
        if distance(&state.amplitudes(), &jumped) < 1e-14 {
            jumps += 1.0;
        } else {
            assert!(distance(&state.amplitudes(), &leaned) < 1e-14);
        }
    }
    let expected = p / 2.0;
    let error = (expected * (1.0 - expected) / f64::from(runs)).sqrt();
    assert!((jumps / f64::from(runs) - expected).abs() < 4.5 * error);
}

#[test]
fn bad_input_is_refused_by_type() {
    let probability = |result: Result<Channel, Error>| {
        matches!(result, Err(Error::Channel { fault: ChannelFault::Probability { .. }, .. }))
    };
    for p in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert!(probability(Channel::depolarizing(p)) && probability(Channel::depolarizing_two(p)));
        assert!(probability(Channel::bit_flip(p)) && probability(Channel::phase_flip(p)));
        assert!(probability(Channel::amplitude_damping(p)) && probability(Channel::phase_damping(p)));
        assert!(probability(Channel::pauli(0.0, p, 0.0)));
        assert!(ReadoutError::new(p, 0.0).is_err() && ReadoutError::new(0.0, p).is_err());
    }
    let fault = |result: Result<Channel, Error>| match result {
        Err(Error::Channel { fault, .. }) => fault,
        other => panic!("{other:?} is not a fault"),
    };
    assert!(matches!(fault(Channel::pauli(0.5, 0.4, 0.2)), ChannelFault::ProbabilitySum { .. }));
    let relaxation = Channel::thermal_relaxation;
    assert_eq!(fault(relaxation(1.0, 2.5, 0.1)), ChannelFault::Relaxation { t1: 1.0, t2: 2.5 });
    assert_eq!(fault(relaxation(0.0, 1.0, 0.1)), ChannelFault::Time { name: "t1", value: 0.0 });
    assert_eq!(fault(relaxation(1.0, -1.0, 0.1)), ChannelFault::Time { name: "t2", value: -1.0 });
    assert_eq!(fault(relaxation(1.0, 1.0, -0.1)), ChannelFault::Time { name: "duration", value: -0.1 });
    assert!(matches!(fault(relaxation(1.0, 1.0, f64::NAN)), ChannelFault::Time { name: "duration", .. }));
    let half = vec![c(0.5, 0.0); 4];
    assert!(matches!(fault(Channel::from_kraus(1, std::slice::from_ref(&half))), ChannelFault::Incomplete { .. }));
    assert!(matches!(fault(Channel::from_kraus(1, &[vec![c(f64::NAN, 0.0); 4]])), ChannelFault::Incomplete { .. }));
    assert_eq!(fault(Channel::from_kraus(1, &[])), ChannelFault::KrausCount { got: 0, max: 1024 });
    assert_eq!(fault(Channel::from_kraus(2, &[half])), ChannelFault::KrausSize { index: 0, expected: 16, got: 4 });
    assert_eq!(fault(Channel::from_kraus(3, &[])), ChannelFault::Qubits { got: 3 });

    assert!(matches!(Selector::every().named("no such gate"), Err(Error::UnknownGate { .. })));
    assert!(matches!(Selector::every().on(&[64]), Err(Error::Qubit { qubit: 64, .. })));
    assert!(matches!(DensityMatrix::zero(0), Err(Error::Width { .. })));
    assert!(matches!(DensityMatrix::zero(13), Err(Error::Width { qubits: 13, max: 12 })));
    assert!(matches!(
        NoisyProgram::compile(&Circuit::new(13).unwrap(), &NoiseModel::new()),
        Err(Error::Width { qubits: 13, max: 12 })
    ));
    let readout = Readout::new(&[ReadoutError::new(0.1, 0.1).unwrap(); 3]).unwrap();
    let model = NoiseModel::new().with_readout(readout.clone());
    let mut circuit = Circuit::new(2).unwrap();
    let theta = circuit.parameter("theta").unwrap();
    circuit.rx(0, theta).unwrap();
    assert!(matches!(NoisyProgram::compile(&circuit, &model), Err(Error::WidthMismatch { got: 3, expected: 2, .. })));
    assert!(matches!(Trajectories::compile(&circuit, &model), Err(Error::WidthMismatch { .. })));

    let program = NoisyProgram::compile(&circuit, &NoiseModel::new()).unwrap();
    let mut binding = NoisyBinding::new(&program);
    assert_eq!(program.bind(&[], &mut binding), Err(Error::ParameterCount { expected: 1, got: 0 }));
    assert!(matches!(program.bind(&[f64::NAN], &mut binding), Err(Error::Angle { operation: 0, .. })));
    let mut other = circuit.clone();
    other.cx(0, 1).unwrap().rx(0, theta).unwrap();
    let other = NoisyProgram::compile(&other, &NoiseModel::new()).unwrap();
    assert!(matches!(other.bind(&[0.1], &mut binding), Err(Error::WidthMismatch { .. })));
    let mut rho = DensityMatrix::zero(3).unwrap();
    assert!(matches!(rho.run(&program, &binding), Err(Error::WidthMismatch { what: "program", .. })));
    let flip = Channel::bit_flip(0.1).unwrap();
    assert!(matches!(rho.apply_channel(&flip, &[3]), Err(Error::Qubit { qubit: 3, qubits: 3 })));
    assert!(matches!(rho.apply_channel(&flip, &[0, 1]), Err(Error::QubitCount { .. })));
    let both = Channel::depolarizing_two(0.1).unwrap();
    assert!(matches!(rho.apply_channel(&both, &[1, 1]), Err(Error::DuplicateQubit { .. })));
    assert!(matches!(rho.expectation(&"Z3".parse().unwrap()), Err(Error::WidthMismatch { .. })));
    assert!(matches!(rho.read_expectation(&"Z3".parse().unwrap(), &readout), Err(Error::WidthMismatch { .. })));
    assert!(matches!(readout.confuse(&mut [0.25; 4]), Err(Error::WidthMismatch { .. })));
    assert!(matches!(readout.confuse(&mut []), Err(Error::WidthMismatch { .. })));
    let one = c(1.0, 0.0);
    assert!(matches!(DensityMatrix::from_matrix(1, &[one; 3]), Err(Error::MatrixSize { .. })));
    assert!(matches!(DensityMatrix::from_matrix(1, &[one; 4]), Err(Error::NotDensity { .. })));
    let skew = [c(0.5, 0.0), c(0.1, 0.0), c(0.2, 0.0), c(0.5, 0.0)];
    assert!(matches!(DensityMatrix::from_matrix(1, &skew), Err(Error::NotDensity { .. })));
    assert!(matches!(DensityMatrix::from_matrix(1, &[c(f64::NAN, 0.0); 4]), Err(Error::NotDensity { .. })));
    let trajectories = Trajectories::compile(&circuit, &NoiseModel::new()).unwrap();
    let (binding, mut state) = (trajectories.binding(), StateVector::zero(2).unwrap());
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let h: PauliSum = "Z0".parse().unwrap();
    assert!(trajectories.expectation(&binding, &h, 0, &mut state, &mut rng).is_err());
    let mut wide = StateVector::from_amplitudes(&random_state(3, 1)).unwrap();
    assert!(matches!(trajectories.run(&binding, &mut wide, &mut rng), Err(Error::WidthMismatch { .. })));
}
