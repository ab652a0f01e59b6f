//! What was made for a program is refused by another one, even if that has the same shape; clones of a program count as one.

use qcore::{
    BatchBinding, BatchDerivatives, BatchReverse, Binding, Circuit, Derivatives, Error, Level, PauliSum, Program,
    Reverse, RowStates, ShiftFamily, ShiftGroup, StateBatch, StateVector, TangentDerivatives, TangentReverse,
};

/// Two qubits, two parameters, two rotations: about Y and Z, or about Z and Y.
fn program(swapped: bool) -> Program {
    let mut circuit = Circuit::new(2).expect("width");
    let t = circuit.parameters_named("t", 2).expect("new");
    if swapped {
        circuit.rz(0, t[0]).expect("valid").ry(1, t[1]).expect("valid");
    } else {
        circuit.ry(0, t[0]).expect("valid").rz(1, t[1]).expect("valid").cx(0, 1).expect("valid");
    }
    Program::compile(&circuit)
}

fn refused<T: std::fmt::Debug>(result: Result<T, Error>, what: &'static str) {
    assert_eq!(result.err(), Some(Error::AnotherProgram { what }));
}

const ROW: [f64; 2] = [0.3, 0.4];

fn z() -> PauliSum {
    "Z0".parse().expect("valid")
}

#[test]
fn bindings_belong_to_a_program() {
    let (own, other) = (program(false), program(true));
    let mut state = StateVector::zero(2).expect("small");
    for mut binding in [Binding::new(&own), Binding::stepwise(&own)] {
        refused(other.bind(&ROW, &mut binding), "binding");
        own.clone().bind(&ROW, &mut binding).expect("finite");
        refused(state.run(&other, &binding), "binding");
        state.run(&own.clone(), &binding).expect("fits");
        assert!((state.expectation(&z()).expect("fits") - ROW[0].cos()).abs() < 1e-15);
        let mut family = ShiftFamily::new(2).expect("small");
        refused(family.bind(&other, &binding), "binding");
        assert_eq!(own.id(), own.clone().id());
        assert_ne!(own.id(), other.id());
    }
    let members = || [(ROW.as_slice(), None); 3];
    let mut batch = BatchBinding::new(&own, 3);
    refused(other.bind_batch(members(), &mut batch), "binding");
    own.clone().bind_batch(members(), &mut batch).expect("finite");
    let mut states = StateBatch::zero(2, 3).expect("small");
    refused(states.run(&other, &batch), "binding");
    states.run(&own.clone(), &batch).expect("fits");
}

#[test]
#[should_panic(expected = "a binding of this program")]
fn nothing_is_shifted_in_the_binding_of_another_program() {
    let mut binding = Binding::new(&program(false));
    program(true).shift(0, 0.1, &mut binding);
}

#[test]
fn derivatives_belong_to_a_program() {
    let (own, other) = (program(false), program(true));
    let (mut binding, mut of_other) = (Binding::new(&own), Binding::new(&other));
    own.bind(&ROW, &mut binding).expect("finite");
    other.bind(&ROW, &mut of_other).expect("finite");
    let derivatives = Derivatives::new(&own, &[0, 1]);
    let mut reverse = Reverse::new(2).expect("small");
    let (z, mut by_angle, mut change) = (z(), [0.0; 2], [0.0; 2]);
    refused(reverse.forward(&other, &of_other, &derivatives), "derivatives");
    refused(reverse.forward(&own, &of_other, &derivatives), "binding");
    reverse.forward(&own.clone(), &binding, &derivatives).expect("fits");
    refused(reverse.backward(&other, &of_other, &derivatives, &[(1.0, &z)], &mut by_angle), "derivatives");
    reverse.backward(&own, &binding, &derivatives, &[(1.0, &z)], &mut by_angle).expect("fits");
    assert!((by_angle[0] + ROW[0].sin()).abs() < 1e-15);

    // A forward pass is for the derivatives that it was given, for one backward pass, and stays with its memory.
    let order = |result: Result<(), Error>| assert!(matches!(result, Err(Error::Order { .. })), "{result:?}");
    order(reverse.backward(&own, &binding, &derivatives, &[(1.0, &z)], &mut by_angle));
    reverse.forward(&own, &binding, &derivatives).expect("fits");
    order(reverse.clone().backward(&own, &binding, &derivatives, &[(1.0, &z)], &mut by_angle));
    let others = Derivatives::new(&other, &[0, 1]);
    order(reverse.backward(&other, &of_other, &others, &[(1.0, &z)], &mut by_angle));
    order(reverse.backward(&own, &binding, &Derivatives::new(&own, &[0, 1]), &[(1.0, &z)], &mut by_angle));
    let mut steps = Binding::stepwise(&own);
    own.bind(&ROW, &mut steps).expect("finite");
    reverse.backward(&own, &steps, &derivatives.clone(), &[(1.0, &z)], &mut by_angle).expect("the same angles");
    assert!((by_angle[0] + ROW[0].sin()).abs() < 1e-15);

    let twice = TangentDerivatives::new(&own, &[0, 1]).expect("layers");
    let mut tangent = TangentReverse::new(&twice).expect("small");
    refused(tangent.forward(&other, &of_other, &[1.0, 0.0]), "derivatives");
    refused(tangent.forward(&own, &of_other, &[1.0, 0.0]), "binding");
    order(tangent.backward(&[(1.0, &z)], &mut by_angle, &mut change).map(|_| ()));
    tangent.forward(&own, &binding, &[1.0, 0.0]).expect("fits");
    tangent.backward(&[(1.0, &z)], &mut by_angle, &mut change).expect("fits");
    assert!((change[0] + ROW[0].cos()).abs() < 1e-15);
}

#[test]
fn groups_belong_to_a_program() {
    let (own, other) = (program(false), program(true));
    let (observables, rows, mut values) = ([z()], [ROW.as_slice()], [[0.0; 4]]);
    let batch = BatchDerivatives::new(&own, &[0]).expect("layers");
    refused(batch.share(&other, &rows, &observables, Level::best()), "derivatives");
    let shared = batch.share(&own.clone(), &rows, &observables, Level::best()).expect("finite");
    let mut reverse = BatchReverse::new(&batch);
    refused(reverse.forward(&other, &batch, &shared, &rows, &mut values), "derivatives");
    reverse.forward(&own.clone(), &batch, &shared, &rows, &mut values).expect("shared");
    assert!((values[0][0] - ROW[0].cos()).abs() < 1e-15);

    let mut states = RowStates::new(&own).expect("small").expect("layers");
    refused(states.share(&other, &rows), "states");
    states.share(&own, &rows).expect("finite");
    refused(states.run(&other, &rows), "states");
    states.run(&own, &rows).expect("shared");

    let mut binding = Binding::new(&own);
    own.bind(&ROW, &mut binding).expect("finite");
    let (mut family, mut group) = (ShiftFamily::new(2).expect("small"), ShiftGroup::new(2).expect("small"));
    refused(group.run(&own, &family, &[]), "family");
    let steps = Binding::stepwise(&own);
    assert!(matches!(family.bind(&own, &steps), Err(Error::Order { .. })));
    family.bind(&own, &binding).expect("fits");
    refused(group.run(&other, &family, &[]), "family");
    group.run(&own.clone(), &family, &[]).expect("fits");
}

#[test]
#[should_panic(expected = "given twice")]
fn selections_have_no_rotation_twice() {
    let _ = BatchDerivatives::new(&program(false), &[0, 1]).expect("layers").select(&[0, 0]);
}

#[test]
#[should_panic(expected = "given twice")]
fn tangents_have_no_rotation_twice() {
    let _ = TangentDerivatives::new(&program(false), &[1, 1]);
}

#[test]
fn names_are_taken_once() {
    let mut circuit = Circuit::new(1).expect("width");
    circuit.parameter("t1").expect("new");
    assert_eq!(circuit.parameters_named("t", 3), Err(Error::DuplicateParameter { name: "t1".into() }));
    assert_eq!(circuit.parameters(), ["t1"]);
    let all = circuit.parameters_named("s", 100_000).expect("new");
    assert_eq!((all.len(), all[7].index()), (100_000, 8));
    assert_eq!(circuit.emptied().parameters().len(), 100_001);
}
