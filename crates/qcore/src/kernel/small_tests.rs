//! Layers of small registers forward and backward, against their definition amplitude by amplitude, at every level.

use num_complex::Complex64;

use super::walk_tests::{amplitudes, blocks, distance, numbers, rotate};
use super::{
    Block, LANE_QUBITS, Level, Pass, Quad, SMALL_SUMS, SmallAsked, SmallDiagonal, SmallLayer, SmallRead, SmallSum,
    SmallTape, SmallValues, Values, small_backward, small_forward,
};

/// Layers on so many rows with turns by tangents of their own; diagonal operators by factors with signs, and every third by a table.
fn layers(rows: usize, count: usize) -> Vec<SmallLayer> {
    let of = |layer: usize| {
        let first = (5 * layer) as u32;
        let pass = Pass {
            rows,
            bits: [0, 1, 2],
            lanes: true,
            row_tans: [first + 2, first + 3, first + 4],
            lane_tans: [first, first + 1],
        };
        let diagonal = if layer % 3 == 1 {
            SmallDiagonal::Table(layer)
        } else {
            let signs = 0x9e37_79b9_u32.rotate_left(7 * layer as u32) & (((1_u64 << (4 << rows)) - 1) as u32);
            SmallDiagonal::Factors { lanes: [first, first + 1], rows: [first + 2, first + 3, first + 4], signs }
        };
        SmallLayer { pass, diagonal, scale: layer.is_multiple_of(2).then_some(layer) }
    };
    (0..count).map(of).collect()
}

/// What a diagonal operator of factors multiplies an amplitude with.
fn entry(layer: &SmallLayer, amplitude: usize, values: Values<'_>, scales: &[f64]) -> Complex64 {
    let SmallDiagonal::Factors { lanes, rows, signs } = layer.diagonal else { panic!("a table is given") };
    let factors = lanes.iter().chain(&rows).enumerate().filter(|(qubit, _)| amplitude >> qubit & 1 == 1);
    let factors = factors.map(|(_, &index)| Complex64::new(values.re[index as usize], values.im[index as usize]));
    let sign = if signs >> amplitude & 1 == 1 { -1.0 } else { 1.0 };
    factors.product::<Complex64>() * sign * layer.scale.map_or(1.0, |scale| scales[scale])
}

/// `Im <bra|P|ket>` for a string of `X` on the qubits `x` and `Z` on those of `z`, with `i` for each in both; amplitudes are weighed.
fn element(bra: &[Complex64], ket: &[Complex64], x: usize, z: usize, weight: impl Fn(usize) -> f64) -> f64 {
    let phase = Complex64::i().powu((x & z).count_ones());
    let of = |(k, amplitude): (usize, &Complex64)| {
        let sign = if (k & z).count_ones() % 2 == 1 { -1.0 } else { 1.0 };
        bra[k ^ x].conj() * amplitude * sign * phase * weight(k)
    };
    ket.iter().enumerate().map(of).sum::<Complex64>().im
}

#[test]
fn layers_forward_and_backward_are_their_definition() {
    for rows in 0..=3_usize {
        let (count, size) = (7, 1 << rows);
        let mut next = numbers(rows as u64 + 3);
        let mut array = |len: usize| (0..len).map(|_| next()).collect::<Vec<f64>>();
        let (tans, re, im, scales) = (array(5 * count), array(5 * count), array(5 * count), array(count));
        let (values, phase) = (Values { re: &re, im: &im }, Complex64::new(0.8, -0.6));
        let start = Quad { re: [phase.re; 4], im: [phase.im; 4] };
        let (layers, given, end) = (layers(rows, count), blocks(count * size, 11), blocks(size, 17));
        let weights = blocks(size * 3, 23);
        let strings: Vec<[f64; 4]> = weights.iter().map(|block| block.re).collect();
        // Layers without reads, with everything, with single letters only; and none of it before a layer.
        let asked = |index: usize| SmallRead {
            any: index % 4 != 2,
            flips: index % 4 == 3,
            strings: if index == 3 {
                0..2
            } else if index == 5 {
                2..3
            } else {
                0..0
            },
        };
        let asked: Vec<SmallRead> = (0..count).map(asked).collect();

        let mut state = vec![Complex64::default(); 4 * size];
        state[0] = phase;
        let (mut behind, mut tables) = (Vec::new(), Vec::new());
        for (index, layer) in layers.iter().enumerate() {
            rotate(&mut state, &layer.pass, &tans);
            behind.push(state.clone());
            let table: Vec<Complex64> = match layer.diagonal {
                SmallDiagonal::Table(_) => amplitudes(&given[index * size..][..size]),
                SmallDiagonal::Factors { .. } => (0..4 * size).map(|k| entry(layer, k, values, &scales)).collect(),
            };
            state.iter_mut().zip(&table).for_each(|(amplitude, factor)| *amplitude *= factor);
            tables.push(table);
        }
        for level in Level::available() {
            let (mut got, mut stored, mut made) = (end.clone(), given.clone(), given.clone());
            let values = SmallValues { tans: &tans, values, scales: &scales, start, tables: &[] };
            small_forward(level, &mut got, &layers[0], &layers[1..], values, &mut stored, &mut made);
            assert!(distance(&got, &state) < 1e-13, "{rows} rows at {level}");
            assert!(distance(&stored, &behind.concat()) < 1e-13, "{rows} rows at {level}");
            assert!(distance(&made, &tables.concat()) < 1e-13, "{rows} rows at {level}");
            for from in [0, 1, 3, count] {
                let tape =
                    SmallTape { first: &layers[0], rest: &layers[1..], stored: &stored, tables: &made, tans: &tans };
                let mut sums = vec![f64::NAN; count * SMALL_SUMS + 3];
                let of = SmallAsked { layers: &asked, from, strings: &strings };
                small_backward(level, &end, tape, of, &mut sums);
                check(&sums, &end, (&layers, &asked, from), (&tans, &behind, &tables), &strings);
            }
        }
    }
}

/// Compares sums with matrix elements; nothing may be written that is not asked for.
fn check(
    sums: &[f64],
    end: &[Block],
    (layers, asked, from): (&[SmallLayer], &[SmallRead], usize),
    (tans, behind, tables): (&[f64], &[Vec<Complex64>], &[Vec<Complex64>]),
    strings: &[[f64; 4]],
) {
    let qubits = LANE_QUBITS + end.len().ilog2() as usize;
    let back: Vec<f64> = tans.iter().map(|tan| -tan).collect();
    let mut bra = amplitudes(end);
    for index in (from..layers.len()).rev() {
        bra.iter_mut().zip(&tables[index]).for_each(|(amplitude, factor)| *amplitude *= factor.conj());
        let (ket, read, own) = (&behind[index], &asked[index], &sums[index * SMALL_SUMS..][..SMALL_SUMS]);
        for qubit in 0..qubits {
            let bit = 1 << qubit;
            let kinds = [
                (SmallSum::Z(qubit), 0, bit, read.any),
                (SmallSum::Y(qubit), bit, bit, read.any),
                (SmallSum::X(qubit), bit, 0, read.flips),
            ];
            for (sum, x, z, wanted) in kinds {
                let (got, expected) = (own[sum.place()], element(&bra, ket, x, z, |_| 1.0));
                assert!(
                    if wanted { (got - expected).abs() < 1e-12 } else { got.is_nan() },
                    "{sum:?} of layer {index} from {from} on {qubits} qubits: {got} for {expected}"
                );
            }
        }
        for string in read.strings.clone() {
            let weight = |k: usize| strings[string * end.len() + (k >> 2)][k & 3];
            let (got, expected) = (sums[layers.len() * SMALL_SUMS + string], element(&bra, ket, 0, 0, weight));
            assert!((got - expected).abs() < 1e-12, "string {string} on {qubits} qubits: {got} for {expected}");
        }
        rotate(&mut bra, &layers[index].pass, &back);
    }
    let before = sums[..from * SMALL_SUMS].iter();
    assert!(before.copied().all(f64::is_nan), "nothing is read before layer {from}");
}
