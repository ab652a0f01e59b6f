//! Recorded numbers of other programs.

use qcore::{
    Channel, Circuit, DensityMatrix, Gate, Level, NoiseModel, NoisyBinding, NoisyProgram, NoisyTape, Param, PauliSum,
    Program, Readout, ReadoutError, Selector,
};

use crate::{hea, run};

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
    // The chain rule over the rotations that a parameter turns.
    let program = NoisyProgram::compile(circuit, model).expect("valid");
    let mut binding = NoisyBinding::new(&program);
    program.bind(&parameters, &mut binding).expect("valid");
    let mut tape = NoisyTape::new(&program).expect("small");
    tape.record(&program, &binding).expect("same program");
    let mut by_rotation = vec![0.0; program.num_rotations()];
    tape.gradient(&program, &binding, &[(1.0, &observable)], &mut by_rotation).expect("same program");
    let rotations = Program::compile(circuit);
    for (k, expected) in case["gradient"].as_array().expect("a list").iter().enumerate() {
        let chain = rotations.rotations().iter().zip(&by_rotation);
        let derivative: f64 = chain.map(|(r, d)| r.angle().derivative(&parameters, Param::new(k)) * d).sum();
        assert!((derivative - number(expected)).abs() < 1e-9, "{name}: derivative {k}");
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
        // One pass per CZ: rotations and channels before it are part of it, and its own channel is too.
        assert_eq!(program.num_passes(), 28);
    }
}
