//! Second derivatives along a direction against the shift rule of gradients, at every kernel level, and third ones against differences of
//! second ones.

mod common;

use common::placements;
use proptest::prelude::*;
use qcore::{
    Binding, Circuit, Derivatives, Gate, Level, PauliString, PauliSum, Program, Reverse, TangentDerivatives,
    TangentReverse,
};
use std::f64::consts::{FRAC_PI_2, PI, SQRT_2};

fn observable(qubits: usize) -> PauliSum {
    let mut terms = vec![(0.3, PauliString::IDENTITY)];
    for q in 0..qubits {
        terms.push((0.9 - 0.2 * q as f64, PauliString::from_masks(1 << q, 0)));
        terms.push((0.4 + 0.1 * q as f64, PauliString::from_masks(0, 1 << q | 1 << (q / 2))));
    }
    terms.push((0.7, PauliString::from_masks(1 << (qubits - 1) | 1, 1)));
    PauliSum::new(terms).expect("finite")
}

fn gradient(program: &Program, parameters: &[f64], shift: Option<(usize, f64)>, observable: &PauliSum) -> Vec<f64> {
    let all: Vec<usize> = (0..program.rotations().len()).collect();
    let mut binding = Binding::new(program);
    program.bind(parameters, &mut binding).expect("finite");
    if let Some((rotation, by)) = shift {
        program.shift(rotation, by, &mut binding);
    }
    let derivatives = Derivatives::new(program, &all);
    let mut reverse = Reverse::new(program.num_qubits()).expect("small");
    let mut out = vec![0.0; all.len()];
    reverse.forward(program, &binding, &derivatives).expect("fits");
    reverse.backward(program, &binding, &derivatives, &[(1.0, observable)], &mut out).expect("fits");
    out
}

/// `H v` by the shift rules of the rotations.
fn shifted_product(program: &Program, parameters: &[f64], rates: &[f64], observable: &PauliSum) -> Vec<f64> {
    let mut product = vec![0.0; rates.len()];
    for (rotation, rate) in rates.iter().enumerate().filter(|(_, rate)| **rate != 0.0) {
        let terms: &[(f64, f64)] = match program.rotations()[rotation].frequencies() {
            [] => &[],
            [1.0] => &[(FRAC_PI_2, 0.5)],
            [0.5] => &[(PI, 0.25)],
            [0.5, 1.0] => {
                &[(FRAC_PI_2, (SQRT_2 + 1.0) / (4.0 * SQRT_2)), (3.0 * FRAC_PI_2, (1.0 - SQRT_2) / (4.0 * SQRT_2))]
            }
            other => panic!("frequencies {other:?}"),
        };
        for &(shift, coefficient) in terms {
            let plus = gradient(program, parameters, Some((rotation, shift)), observable);
            let minus = gradient(program, parameters, Some((rotation, -shift)), observable);
            for (product, (plus, minus)) in product.iter_mut().zip(plus.iter().zip(&minus)) {
                *product += rate * coefficient * (plus - minus);
            }
        }
    }
    product
}

/// Derivatives by angles, their rates of change, and the value with its third derivative along `rates`; `None` without a plan.
fn along(
    program: &Program,
    parameters: &[f64],
    rates: &[f64],
    observable: &PauliSum,
    level: Level,
) -> Option<[Vec<f64>; 3]> {
    let all: Vec<usize> = (0..rates.len()).collect();
    let derivatives = TangentDerivatives::new(program, &all)?;
    let mut reverse = TangentReverse::new(&derivatives).expect("small").with_level(level);
    let mut binding = Binding::stepwise(program);
    program.bind(parameters, &mut binding).expect("finite");
    let (mut by_angle, mut change) = (vec![f64::NAN; all.len()], vec![f64::NAN; all.len()]);
    reverse.forward(program, &binding, rates).expect("fits");
    let weighted = [(0.25, observable), (0.75, observable)];
    let (value, third) = reverse.backward_with_third(&weighted, &mut by_angle, &mut change).expect("fits");
    // Without the third derivative, from memory that has been used.
    reverse.forward(program, &binding, rates).expect("fits");
    let (mut again, mut change_again) = (by_angle.clone(), change.clone());
    let same = reverse.backward(&weighted, &mut again, &mut change_again).expect("fits");
    assert_eq!((same, &again, &change_again), (value, &by_angle, &change));
    Some([by_angle, change, vec![value, third]])
}

fn check(circuit: &Circuit, parameters: &[f64], rates: impl Fn(usize) -> f64) -> bool {
    let program = Program::compile(circuit);
    let observable = observable(circuit.num_qubits());
    let rates: Vec<f64> = (0..program.rotations().len()).map(rates).collect();
    let expected = gradient(&program, parameters, None, &observable);
    let product = shifted_product(&program, parameters, &rates, &observable);
    for level in Level::available() {
        let Some([by_angle, change, _]) = along(&program, parameters, &rates, &observable, level) else {
            return false;
        };
        for (k, (found, expected)) in by_angle.iter().zip(&expected).enumerate() {
            assert!((found - expected).abs() < 1e-11, "{level}, derivative {k}: {found} against {expected}");
        }
        for (k, (found, expected)) in change.iter().zip(&product).enumerate() {
            assert!((found - expected).abs() < 1e-10, "{level}, change {k}: {found} against {expected}");
        }
    }
    true
}

/// The gates that layers hold, on every place, at these angles.
fn circuit(qubits: usize, choices: &[(usize, usize)]) -> Circuit {
    let fitting: Vec<_> =
        Gate::all().iter().filter(|spec| spec.qubits() <= qubits && spec.gate != Gate::Cswap).collect();
    let mut circuit = Circuit::new(qubits).expect("width");
    for (index, &(gate, place)) in choices.iter().enumerate() {
        let spec = fitting[gate % fitting.len()];
        let places = placements(spec.qubits(), qubits);
        let angles: Vec<_> =
            (0..spec.angles).map(|k| circuit.parameter(format!("t{index}_{k}")).expect("new").into()).collect();
        circuit.gate(spec.gate, &places[place % places.len()], &angles).expect("valid");
    }
    circuit
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn products_agree_with_the_shift_rule(
        qubits in 1_usize..6,
        choices in prop::collection::vec((0_usize..64, 0_usize..60), 1..14),
        seed in 0.0_f64..6.0,
    ) {
        let circuit = circuit(qubits, &choices);
        let parameters: Vec<f64> = (0..circuit.parameters().len()).map(|k| seed + 0.7 * k as f64).collect();
        check(&circuit, &parameters, |k| (1.3 * k as f64 + seed).sin());
        // Some angles move only.
        check(&circuit, &parameters, |k| if k % 3 == 1 { 1.0 } else { 0.0 });
    }
}

/// RY, RZ and CZ in layers, and rotations about ZZ and XX; at half turns, where the tangents of the rotations are infinite, and up to two
/// tiles of lanes.
#[test]
fn layers_agree_with_the_shift_rule_at_any_width_and_angle() {
    for qubits in [1, 2, 3, 4, 5, 7, 9] {
        let mut circuit = Circuit::new(qubits).expect("width");
        let t = circuit.parameters_named("t", 3 * qubits).expect("new");
        for (q, (&y, &z)) in t[..qubits].iter().zip(&t[qubits..]).enumerate() {
            circuit.ry(q, y).expect("valid").rz(q, z).expect("valid");
        }
        for q in 1..qubits {
            circuit.cz(q - 1, q).expect("valid");
            circuit.gate(Gate::Rzz, &[q, q - 1], &[t[2 * qubits + q].into()]).expect("valid");
            circuit.gate(Gate::Crx, &[q - 1, q], &[t[2 * qubits].into()]).expect("valid");
        }
        for (q, &t) in t[..qubits].iter().enumerate() {
            circuit.rx(q, 0.5 * t + 0.1).expect("valid");
        }
        for at in [0.3, PI, 0.0] {
            let parameters: Vec<f64> = (0..3 * qubits).map(|k| if k % 2 == 0 { at } else { 0.4 * k as f64 }).collect();
            assert!(check(&circuit, &parameters, |k| (0.9 * k as f64).cos()), "a plan for {qubits} qubits");
        }
    }
}

/// Each derivative along the line is the slope of the one before, by differences of sixth order.
fn check_slopes(circuit: &Circuit, start: &[f64], rates: &[f64]) {
    let program = Program::compile(circuit);
    let observable = observable(circuit.num_qubits());
    assert_eq!(program.rotations().len(), rates.len());
    for level in Level::available() {
        let at = |distance: f64| {
            let parameters: Vec<f64> = start.iter().zip(rates).map(|(start, rate)| start + distance * rate).collect();
            let [by_angle, change, sums] = along(&program, &parameters, rates, &observable, level).expect("a plan");
            let dot = |v: &[f64]| v.iter().zip(rates).map(|(a, b)| a * b).sum::<f64>();
            [sums[0], dot(&by_angle), dot(&change), sums[1]]
        };
        let h = 0.005;
        let (near, far, farther) = ([at(h), at(-h)], [at(2.0 * h), at(-2.0 * h)], [at(3.0 * h), at(-3.0 * h)]);
        let here = at(0.0);
        for order in 0..3 {
            let odd = |pair: &[[f64; 4]; 2]| pair[0][order] - pair[1][order];
            let slope = (45.0 * odd(&near) - 9.0 * odd(&far) + odd(&farther)) / (60.0 * h);
            let (qubits, difference) = (circuit.num_qubits(), (slope - here[order + 1]).abs());
            let found = here[order + 1];
            assert!(difference < 1e-8, "{qubits} qubits at {level}, order {}: {slope} against {found}", order + 1);
        }
    }
}

#[test]
fn third_derivatives_are_slopes_of_second_ones() {
    let mut circuit = Circuit::new(3).expect("width");
    let t = circuit.parameters_named("t", 8).expect("new");
    circuit.ry(0, t[0]).expect("valid").rx(1, t[1]).expect("valid").rz(0, t[2]).expect("valid");
    circuit.gate(Gate::Rzz, &[0, 1], &[t[3].into()]).expect("valid").cx(1, 2).expect("valid");
    circuit.gate(Gate::Cp, &[0, 2], &[t[4].into()]).expect("valid");
    circuit
        .ry(0, t[5])
        .expect("valid")
        .rx(2, t[6])
        .expect("valid")
        .gate(Gate::Crz, &[2, 1], &[t[7].into()])
        .expect("valid");
    circuit.ry(1, 0.2).expect("valid");
    // The last rotation has a fixed angle.
    let rates: Vec<f64> = (0..9).map(|k| if k < 8 { (1.7 * k as f64).cos() } else { 0.0 }).collect();
    let start: Vec<f64> = (0..8).map(|k| 0.2 + 0.55 * k as f64).collect();
    check_slopes(&circuit, &start, &rates);
}

/// The same for layers at every width of small registers and beyond; some angles stay.
#[test]
fn third_derivatives_are_slopes_at_any_width() {
    for qubits in 1..=6 {
        let mut circuit = Circuit::new(qubits).expect("width");
        for layer in 0..2 {
            let t = circuit.parameters_named(&format!("t{layer}_"), 2 * qubits).expect("new");
            for q in 0..qubits {
                circuit.ry(q, t[2 * q]).expect("valid").rz(q, t[2 * q + 1]).expect("valid");
            }
            (1..qubits).for_each(|q| assert!(circuit.cz(q - 1, q).is_ok()));
        }
        let rates: Vec<f64> =
            (0..4 * qubits).map(|k| if k % 5 == 3 { 0.0 } else { 0.3 * (1.7 * k as f64).cos() }).collect();
        let start: Vec<f64> = (0..4 * qubits).map(|k| 0.2 + 0.55 * k as f64).collect();
        check_slopes(&circuit, &start, &rates);
    }
}

#[test]
fn what_has_no_plan_says_so_and_what_does_not_fit_is_refused() {
    let mut wide = Circuit::new(14).expect("width");
    let t = wide.parameter("t").expect("new");
    wide.ry(0, t).expect("valid");
    assert!(TangentDerivatives::new(&Program::compile(&wide), &[0]).is_none());
    let mut between = Circuit::new(3).expect("width");
    let t = between.parameter("t").expect("new");
    between.ry(0, t).expect("valid").gate(Gate::Cswap, &[0, 1, 2], &[]).expect("valid").ry(0, t).expect("valid");
    let between = Program::compile(&between);
    assert!(TangentDerivatives::new(&between, &[0, 1]).is_none());
    let mut fine = Circuit::new(2).expect("width");
    let t = fine.parameter("t").expect("new");
    fine.ry(0, t).expect("valid").rx(1, t).expect("valid");
    let program = Program::compile(&fine);
    assert!(TangentDerivatives::new(&program, &[]).is_none(), "nothing is differentiated");
    let derivatives = TangentDerivatives::new(&program, &[0, 1]).expect("a plan");
    let mut reverse = TangentReverse::new(&derivatives).expect("small");
    let binding = Binding::stepwise(&program);
    assert!(reverse.forward(&program, &binding, &[1.0]).is_err());
    assert!(reverse.forward(&between, &Binding::stepwise(&between), &[1.0, 1.0]).is_err());
    reverse.forward(&program, &binding, &[1.0, 1.0]).expect("fits");
    let z: PauliSum = "Z0".parse().expect("valid");
    assert!(reverse.backward(&[(1.0, &z)], &mut [0.0], &mut [0.0; 2]).is_err());
    let wide: PauliSum = "Z3".parse().expect("valid");
    assert!(reverse.backward(&[(1.0, &wide)], &mut [0.0; 2], &mut [0.0; 2]).is_err());
}
