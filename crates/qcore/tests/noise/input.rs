//! What is refused.

use qcore::{
    Angle, Channel, ChannelFault, Circuit, DensityMatrix, Error, Gate, NoiseModel, NoisyBinding, NoisyProgram,
    NoisyTape, PauliSum, Readout, ReadoutError, Selector, StateVector, Trajectories,
};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use crate::common::{c, random_state};

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
    // Of the same circuit, but compiled for itself.
    let other = NoisyProgram::compile(&circuit, &NoiseModel::new()).unwrap();
    assert_eq!(other.bind(&[0.1], &mut binding), Err(Error::AnotherProgram { what: "binding" }));
    program.clone().bind(&[0.1], &mut binding).unwrap();
    let mut tape = NoisyTape::new(&program).unwrap();
    assert_eq!(tape.record(&other, &binding).err(), Some(Error::AnotherProgram { what: "tape" }));
    assert_eq!(
        tape.record(&program, &NoisyBinding::new(&other)).err(),
        Some(Error::AnotherProgram { what: "binding" })
    );
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

/// Also where nothing turns by it.
#[test]
fn angles_of_global_phases_are_checked() {
    let mut circuit = Circuit::new(1).unwrap();
    let theta = circuit.parameter("theta").unwrap();
    circuit.ry(0, theta).unwrap();
    circuit.gate(Gate::GlobalPhase, &[], &[1.0 / Angle::from(theta)]).unwrap();
    let program = NoisyProgram::compile(&circuit, &NoiseModel::new()).unwrap();
    let mut binding = NoisyBinding::new(&program);
    program.bind(&[0.5], &mut binding).unwrap();
    assert_eq!(program.bind(&[0.0], &mut binding), Err(Error::Angle { operation: 1, value: f64::INFINITY }));
}
