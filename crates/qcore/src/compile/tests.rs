//! States cut in every way that large ones are, at sizes where the steps can be taken one by one as well.

use super::Reads;
use crate::{Binding, Circuit, Derivatives, Level, PauliSum, Program, Reverse, StateVector};

/// Rotations about all axes, and diagonals, controlled gates and strings over short and long distances.
fn circuit(qubits: usize) -> (Circuit, Vec<f64>) {
    let mut circuit = Circuit::new(qubits).expect("small");
    let mut values = Vec::new();
    for layer in 0..5 {
        for q in 0..qubits {
            let angle = circuit.parameter(format!("t{layer}_{q}")).expect("a new name");
            values.push((0.3 + 0.37 * values.len() as f64) % 6.0);
            match (layer + q) % 4 {
                0 => circuit.rx(q, angle),
                3 => circuit.rz(q, angle),
                _ => circuit.ry(q, angle),
            }
            .expect("valid");
        }
        for q in 1..qubits {
            match (3 * layer + q) % 5 {
                0 => circuit.cx(q - 1, q),
                1 => circuit.gate(crate::Gate::Cp, &[q, (q + 5 + layer) % qubits], &[0.7.into()]),
                2 => circuit.gate(crate::Gate::Rzz, &[q, (q + 3 + layer) % qubits], &[1.1.into()]),
                _ => circuit.cz(q - 1, q),
            }
            .expect("valid");
        }
        // A layer that rotates few qubits only.
        if layer == 2 {
            circuit.ry(qubits - 1, 0.4).expect("valid").ry(1, 1.4).expect("valid");
        }
    }
    (circuit, values)
}

/// Runs of the program at every level, twice in the same memory, end in the state that its steps make one by one.
fn assert_run(program: &Program, values: &[f64], what: &dyn std::fmt::Display) {
    let mut binding = Binding::new(program);
    program.bind(values, &mut binding).expect("finite");
    let zero = StateVector::zero(program.num_qubits()).expect("small");
    let mut expected = zero.clone();
    expected.apply_steps(program, &binding, 0..program.num_steps()).expect("fits");
    let expected = expected.amplitudes();
    for level in Level::available() {
        let mut state = zero.clone().with_level(level);
        for _ in 0..2 {
            state.run(program, &binding).expect("fits");
            let pairs = expected.iter().zip(state.amplitudes());
            let error = pairs.map(|(a, b)| (a - b).norm()).fold(0.0, f64::max);
            assert!(error < 1e-14, "{what} at {level}: {error:e}");
        }
    }
}

/// Rows of chunks, rows that are one chunk, columns of one, two and four tiles, and tiles of columns that are cut into chunks.
#[test]
fn states_cut_in_any_way_are_those_of_the_steps() {
    for (qubits, row) in [(12, 10), (12, 8), (12, 7), (12, 6), (14, 12), (14, 13), (15, 6)] {
        let (circuit, values) = circuit(qubits);
        let cut = Program::compile(&circuit).in_rows(row);
        assert_run(&cut, &values, &format_args!("{qubits} qubits in rows of {row}"));
    }
}

/// Layers of rotations about all axes, with gates across the middle that the arguments choose: `(layer, gate, qubits)`.
fn layered(qubits: usize, layers: usize, angle: f64, across: &[(usize, crate::Gate, &[usize])]) -> Circuit {
    let mut circuit = Circuit::new(qubits).expect("small");
    let mut at = angle;
    let mut next = || {
        at = (at + 0.71) % 6.0;
        at
    };
    for layer in 0..layers {
        for q in 0..qubits {
            circuit.ry(q, if layer == 1 { angle } else { next() }).expect("valid").rz(q, next()).expect("valid");
        }
        for q in (1..qubits).filter(|&q| q != qubits / 2) {
            circuit.gate(crate::Gate::Cp, &[q - 1, q], &[next().into()]).expect("valid");
        }
        for (_, gate, on) in across.iter().filter(|&&(of, ..)| of == layer) {
            let angles: Vec<crate::Angle> = (0..gate.spec().angles).map(|_| next().into()).collect();
            circuit.gate(*gate, on, &angles).expect("valid");
        }
    }
    circuit
}

/// A run begins with a sum of products as long as few gates meet the cut: none, one or several per layer, that share a qubit on either
/// side or none, on more than two qubits; and not where that saves nothing, or where there are too many.
#[test]
fn few_gates_across_the_cut_begin_as_a_sum_of_products() {
    use crate::Gate::{Ccz, Cp, Cx, Cz, Rzz};
    let line: Vec<_> = (0..7).map(|layer| (layer, Cz, &[4_usize, 5][..])).collect();
    let ring: Vec<_> = (0..3).flat_map(|layer| [(layer, Cp, &[4_usize, 5][..]), (layer, Cp, &[9, 0])]).collect();
    let of_a_low_qubit: Vec<_> = (0..4).flat_map(|layer| (5..10).map(move |q| (layer, q))).collect();
    let pairs: Vec<[usize; 2]> = (0..10).map(|q| [3, q]).collect();
    let of_a_low_qubit: Vec<_> = of_a_low_qubit.into_iter().map(|(layer, q)| (layer, Cp, &pairs[q][..])).collect();
    let upper: Vec<[usize; 2]> = (0..10).map(|q| [8, q]).collect();
    let of_a_high_qubit: Vec<_> =
        (0..4).flat_map(|layer| (0..5).map(move |q| (layer, q))).map(|(layer, q)| (layer, Cp, &upper[q][..])).collect();
    let three = [(0, Ccz, &[1_usize, 4, 7][..]), (1, Ccz, &[0, 8, 9]), (2, Cx, &[4, 6]), (3, Rzz, &[2, 5])];
    let far: Vec<_> = (0..5).flat_map(|layer| (0..5).map(move |q| (layer, q))).collect();
    let bridges: Vec<[usize; 2]> = (0..5).map(|q| [q, q + 5]).collect();
    let far: Vec<_> = far.into_iter().map(|(layer, q)| (layer, Cz, &bridges[q][..])).collect();
    let cases: [(&[_], Option<usize>); 7] = [
        (&[], None),
        (&line, Some(4)),
        (&ring, None),
        (&of_a_low_qubit, Some(4)),
        (&of_a_high_qubit, Some(4)),
        (&three, Some(4)),
        (&far, None),
    ];
    let tilted = std::f64::consts::PI;
    for (case, (across, rank)) in cases.into_iter().enumerate() {
        for (layers, angle, row) in [(7, 0.3, 5), (7, tilted, 5), (6, 0.7, 7), (6, 0.7, 8), (5, 0.7, 9)] {
            let circuit = layered(10, layers, angle, across);
            let cut = Program::compile(&circuit).in_rows(row);
            let found = cut.plan().opening.as_ref().map(|opening| opening.rank());
            assert!(found == rank || row != 5, "case {case} of {layers} layers: {found:?}");
            assert_run(&cut, &[], &format_args!("case {case}, {layers} layers"));
        }
    }
}

/// Two rotations of every qubit and a ring of controlled phases per layer.
fn rings(qubits: usize, layers: usize) -> Circuit {
    let mut circuit = Circuit::new(qubits).expect("small");
    for layer in 0..layers {
        for q in 0..qubits {
            let angle = 0.3 + 0.37 * (layer * qubits + q) as f64;
            circuit.ry(q, angle).expect("valid").rz(q, 1.0 - angle).expect("valid");
        }
        for q in 0..qubits {
            circuit.gate(crate::Gate::Cp, &[q, (q + 1) % qubits], &[(0.9 + 0.1 * q as f64).into()]).expect("valid");
        }
    }
    circuit
}

/// The halves of an opening are equal where rows are long enough, and that is no matter for the state.
#[test]
fn openings_are_cut_in_the_middle() {
    let circuit = rings(14, 5);
    for (row, low) in [(12, 7), (10, 7), (7, 7), (6, 6)] {
        let cut = Program::compile(&circuit).in_rows(row);
        let opening = cut.plan().opening.as_ref().expect("two gates across the cut per layer");
        assert_eq!((opening.rank(), opening.low), (16, (1 << low) - 1), "rows of {row}");
        assert_run(&cut, &[], &format_args!("rows of {row}"));
    }
}

#[test]
fn derivatives_of_states_cut_in_any_way_are_those_of_whole_ones() {
    let cases = [(11, 9), (11, 7), (12, 6), (13, 6)];
    for ((qubits, row), (circuit, values)) in
        cases.into_iter().flat_map(|case| [circuit(case.0), staircase(case.0)].map(|it| (case, it)))
    {
        let chain = PauliSum::transverse_field_ising(qubits, 1.0, 0.8).expect("finite");
        let derivatives = |program: &Program| {
            let mut binding = Binding::new(program);
            program.bind(&values, &mut binding).expect("finite");
            let all: Vec<usize> = (0..program.rotations().len()).collect();
            let (wanted, mut reverse) = (Derivatives::new(program, &all), Reverse::new(qubits).expect("small"));
            let mut out = vec![0.0; all.len()];
            reverse.forward(program, &binding, &wanted).expect("fits");
            reverse.backward(program, &binding, &wanted, &[(1.0, &chain)], &mut out).expect("fits");
            out
        };
        let expected = derivatives(&Program::compile(&circuit));
        let got = derivatives(&Program::compile(&circuit).in_rows(row));
        let error = expected.iter().zip(&got).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(error < 1e-12, "{qubits} qubits in rows of {row}: {error:e}");
    }
}

/// Layers of every kind on a small register are read in one call, unless there are so many that their states would not fit; both ways
/// give the derivatives of the steps.
#[test]
fn small_registers_have_a_way_of_their_own_up_to_a_depth() {
    for qubits in 2..=5 {
        for (repeated, is_small) in [(1, true), (30, false)] {
            let mut circuit = Circuit::new(qubits).expect("small");
            let mut values = Vec::new();
            for layer in 0..3 * repeated {
                let angles = circuit.parameters_named(&format!("t{layer}_"), 4).expect("new names");
                values.extend((0..4).map(|k| (0.3 + 0.37 * (4 * layer + k) as f64) % 6.0));
                let (a, b) = (layer % qubits, (layer + 1) % qubits);
                circuit.rx(a, angles[0]).expect("valid").ry(b, angles[1]).expect("valid");
                circuit.gate(crate::Gate::Rzz, &[a, b], &[angles[2].into()]).expect("valid");
                circuit.gate(crate::Gate::Crx, &[b, a], &[angles[3].into()]).expect("valid");
                for q in 0..qubits {
                    circuit.ry(q, 0.2).expect("valid");
                }
            }
            let program = Program::compile(&circuit);
            let all: Vec<usize> = (0..program.rotations().len()).collect();
            assert_eq!(Reads::new(program.plan(), all.len(), &all).small().is_some(), is_small, "{qubits} qubits");
            let mut binding = Binding::new(&program);
            program.bind(&values, &mut binding).expect("finite");
            let chain = PauliSum::transverse_field_ising(qubits, 1.0, 0.8).expect("finite");
            let mut ket = StateVector::zero(qubits).expect("small");
            ket.apply_steps(&program, &binding, 0..program.num_steps()).expect("fits");
            let mut bra = ket.clone();
            ket.apply_observable(&chain, &mut bra).expect("fits");
            let (wanted, mut reverse) = (Derivatives::new(&program, &all), Reverse::new(qubits).expect("small"));
            let mut out = vec![0.0; all.len()];
            reverse.forward(&program, &binding, &wanted).expect("fits");
            reverse.backward(&program, &binding, &wanted, &[(1.0, &chain)], &mut out).expect("fits");
            for step in (0..program.num_steps()).rev() {
                if let Some(rotation) = program.rotation_of_step(step) {
                    let generator = program.rotations()[rotation].generator();
                    let expected = ket.generator_overlap(&bra, generator).expect("fits");
                    assert!((out[rotation] - expected).abs() < 1e-12, "{qubits} qubits, rotation {rotation}");
                }
                ket.undo_step(&program, &binding, step).expect("fits");
                bra.undo_step(&program, &binding, step).expect("fits");
            }
        }
    }
}

/// Lines of CX down and up, rings, and random gates that move basis states, between rotations and diagonals.
fn moving(qubits: usize, kind: usize) -> (Circuit, Vec<f64>) {
    let mut circuit = Circuit::new(qubits).expect("small");
    let mut values = Vec::new();
    let mut random = 7_usize;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for layer in 0..3 {
        for q in 0..qubits {
            let angle = circuit.parameter(format!("t{layer}_{q}")).expect("a new name");
            values.push((0.3 + 0.37 * values.len() as f64) % 6.0);
            match (kind, layer * q % 5) {
                (0..3, _) | (_, 0) => circuit.ry(q, angle),
                (_, 1) => circuit.rz(q, angle),
                (_, 2) => circuit.rx(q, angle),
                (_, 3) => circuit.h(q).expect("valid").rz(q, angle),
                _ => circuit.gate(crate::Gate::U, &[q], &[angle.into(), 0.4.into(), 1.9.into()]),
            }
            .expect("valid");
        }
        if kind > 3 {
            let at = next(qubits - 1);
            circuit.gate(crate::Gate::Rzz, &[at, qubits - 1], &[1.1.into()]).expect("valid");
            circuit.gate(crate::Gate::Crx, &[(at + 1) % qubits, at], &[0.6.into()]).expect("valid");
        }
        match kind {
            0 => (1..qubits).for_each(|q| {
                circuit.cx(q - 1, q).expect("valid");
            }),
            1 => (1..qubits).rev().for_each(|q| {
                circuit.cx(q, q - 1).expect("valid");
            }),
            2 | 3 => (0..qubits).for_each(|q| {
                circuit.cx(q, (q + 1) % qubits).expect("valid");
            }),
            _ => {
                for _ in 0..4 * qubits {
                    let (a, b) = (next(qubits), next(qubits));
                    match next(9) {
                        _ if a == b => circuit.x(a),
                        0 if kind > 4 => circuit.gate(crate::Gate::Swap, &[a, b], &[]),
                        // Few gates between that end a run.
                        1 if kind > 5 => circuit.gate(crate::Gate::Cp, &[a, b], &[0.7.into()]),
                        2 if kind > 5 => circuit.rz(a, 0.2),
                        _ => circuit.cx(a, b),
                    }
                    .expect("valid");
                }
            }
        }
    }
    if kind == 7 {
        // A step that no layer holds.
        let angles = [0.3, 0.7, 1.9, 0.4].map(Into::into);
        circuit.gate(crate::Gate::Cswap, &[0, 1, 2], &[]).expect("valid");
        circuit.gate(crate::Gate::Cu, &[1, 3], &angles).expect("valid");
        (1..qubits).for_each(|q| {
            circuit.cx(q, q - 1).expect("valid");
        });
    }
    (circuit, values)
}

/// How many parts of a plan have maps, and how many sweeps a run takes, an opening left out.
fn maps_and_sweeps(program: &Program) -> (usize, usize) {
    let sweeps = program.plan().stages.iter().filter_map(|stage| match stage {
        super::Stage::Sweep(sweep) => Some(sweep.parts.iter().filter(|part| part.map.is_some()).count()),
        super::Stage::Step(_) => None,
    });
    let opened = program.plan().opening.as_ref().map_or(0, |opening| opening.stages);
    let (maps, sweeps) = sweeps.fold((0, 0), |(maps, sweeps), of_sweep| (maps + of_sweep, sweeps + 1));
    (maps, sweeps - opened)
}

/// The program in rows of so many qubits, if that is given, and with maps in one of the orders that there are.
fn moved(circuit: &Circuit, cut: Option<(usize, usize)>) -> Program {
    let program = Program::compile(circuit);
    match cut {
        None => program,
        Some((row, order)) => program.moved_in_rows(row, order),
    }
}

#[test]
fn moved_states_are_those_of_the_steps() {
    let whole = [4, 6, 7, 10, 13].map(|qubits| (qubits, None));
    let cut = [(12, 6), (12, 9), (13, 10), (14, 10), (16, 11)];
    let cut = cut.into_iter().flat_map(|(qubits, row)| [0, 1].map(|order| (qubits, Some((row, order)))));
    let all: Vec<_> = whole.into_iter().chain(cut).collect();
    for kind in 0..8 {
        for &(qubits, row) in &all {
            if qubits > 13 && kind % 3 != 0 {
                continue;
            }
            let (circuit, values) = moving(qubits, kind);
            let program = moved(&circuit, row);
            assert!(maps_and_sweeps(&program).0 > 0, "{qubits} qubits, kind {kind}");
            assert_run(&program, &values, &format_args!("{qubits} qubits in rows of {row:?}, kind {kind}"));
        }
    }
}

#[test]
fn derivatives_behind_moves_are_those_of_the_steps() {
    for kind in 0..8 {
        let cuts =
            [(4, None), (6, None), (9, None), (11, None), (11, Some((9, 0))), (12, Some((6, 0))), (12, Some((6, 1)))];
        for (qubits, row) in cuts {
            let (circuit, values) = moving(qubits, kind);
            let program = moved(&circuit, row);
            let chain = PauliSum::transverse_field_ising(qubits, 1.0, 0.8).expect("finite");
            let derivatives = |binding: &mut Binding, wanted: &[usize]| {
                program.bind(&values, binding).expect("finite");
                let (derivatives, mut reverse) =
                    (Derivatives::new(&program, wanted), Reverse::new(qubits).expect("small"));
                let mut out = vec![0.0; wanted.len()];
                // Twice: the memory of one pass is that of the next one.
                for _ in 0..2 {
                    reverse.forward(&program, binding, &derivatives).expect("fits");
                    reverse.backward(&program, binding, &derivatives, &[(1.0, &chain)], &mut out).expect("fits");
                }
                out
            };
            let all: Vec<usize> = (0..program.rotations().len()).collect();
            let expected = derivatives(&mut Binding::stepwise(&program), &all);
            let some: Vec<usize> = (0..all.len()).filter(|k| k % 7 == 5).collect();
            for wanted in [all.clone(), some, vec![1], vec![all.len() - 1], vec![qubits + 1]] {
                let got = derivatives(&mut Binding::new(&program), &wanted);
                for (value, &rotation) in got.iter().zip(&wanted) {
                    let error = (value - expected[rotation]).abs();
                    assert!(
                        error < 1e-12,
                        "{qubits} qubits, rows of {row:?}, kind {kind}, rotation {rotation}: {error:e}"
                    );
                }
            }
        }
    }
}

/// A line is one map per layer of the circuit, with two sweeps at most where the state is cut; layers of disjoint CX are layers.
#[test]
fn lines_are_maps_and_bricks_are_not() {
    let program = |qubits: usize, line: bool, layers: usize| {
        let mut circuit = Circuit::new(qubits).expect("small");
        for layer in 0..layers {
            for q in 0..qubits {
                circuit.ry(q, 0.3 + q as f64).expect("valid");
            }
            let first = if line { 0 } else { layer % 2 };
            for q in (first..qubits - 1).step_by(if line { 1 } else { 2 }) {
                circuit.cx(q, q + 1).expect("valid");
            }
        }
        Program::compile(&circuit)
    };
    assert_eq!(maps_and_sweeps(&program(3, true, 6)), (0, 1));
    assert_eq!(maps_and_sweeps(&program(5, true, 6)), (6, 1));
    assert_eq!(maps_and_sweeps(&program(6, true, 6)), (6, 1));
    assert_eq!(maps_and_sweeps(&program(13, true, 6)), (6, 1));
    // Two sweeps per layer at most where the state is cut.
    for order in [0, 1] {
        let (maps, sweeps) = maps_and_sweeps(&program(16, true, 6).moved_in_rows(11, order));
        assert!(0 < maps && maps <= 12 && sweeps <= 13, "{maps} maps in {sweeps} sweeps");
    }
    let (_, sweeps) = maps_and_sweeps(&program(16, true, 6));
    assert!(sweeps <= 13, "{sweeps} sweeps");
    assert_eq!(maps_and_sweeps(&program(5, false, 6)), (0, 1));
    assert_eq!(maps_and_sweeps(&program(13, false, 6)), (0, 1));
    assert_eq!(maps_and_sweeps(&program(16, false, 6)).0, 0);
}

/// Rotations of one qubit after the other, each with controlled phases to all others.
fn staircase(qubits: usize) -> (Circuit, Vec<f64>) {
    let mut circuit = Circuit::new(qubits).expect("small");
    let mut values = Vec::new();
    let mut next = |circuit: &mut Circuit| {
        values.push((0.3 + 0.37 * values.len() as f64) % 6.0);
        circuit.parameter(format!("t{}", values.len())).expect("a new name")
    };
    for step in 0..2 * qubits {
        let q = (qubits - 1 + 3 * qubits - step) % qubits;
        let angle = next(&mut circuit);
        circuit.ry(q, angle).expect("valid").rx(q, 0.3).expect("valid");
        for other in (0..qubits).filter(|&other| other != q && (other + step) % 3 > 0) {
            let angle = next(&mut circuit);
            circuit.gate(crate::Gate::Cp, &[other, q], &[angle.into()]).expect("valid");
        }
    }
    (circuit, values)
}

/// A Fourier transform behind rotations, with a layer that is in the middle of its way and one that turns all qubits again.
fn fourier(qubits: usize, lines: bool) -> Circuit {
    let mut circuit = Circuit::new(qubits).expect("small");
    for q in 0..qubits {
        circuit.ry(q, 0.3 + 0.37 * q as f64).expect("valid");
    }
    for q in (0..qubits).rev() {
        circuit.h(q).expect("valid");
        for lower in 0..q {
            let angle = std::f64::consts::PI / f64::from(1_u32 << (q - lower));
            circuit.gate(crate::Gate::Cp, &[lower, q], &[angle.into()]).expect("valid");
        }
        if lines && q == qubits / 2 {
            circuit.rx(0, 0.7).expect("valid").cx(0, qubits - 1).expect("valid").ry(qubits - 2, 0.9).expect("valid");
        }
    }
    circuit
}

/// Layers across the cut stay in the tiles that span all that they turn, and tables end where operators do.
#[test]
fn fourier_layers_share_sweeps() {
    for (qubits, row) in [(11, 9), (11, 7), (12, 6), (13, 10), (14, 13)] {
        for lines in [false, true] {
            let cut = Program::compile(&fourier(qubits, lines)).in_rows(row);
            assert_run(&cut, &[], &format_args!("{qubits} qubits in rows of {row}, {lines}"));
            if !lines {
                let sweeps = cut.plan().stages.iter().filter(|stage| matches!(stage, super::Stage::Sweep(_))).count();
                // The product, high and low qubits; the highest one is turned with the product already.
                assert_eq!(sweeps, if row + 1 < qubits { 3 } else { 1 }, "{qubits} qubits in rows of {row}");
            }
        }
    }
    for qubits in [3, 8, 12, 13] {
        assert_run(&Program::compile(&fourier(qubits, true)), &[], &format_args!("{qubits} qubits"));
    }
}
