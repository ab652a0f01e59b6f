//! Pauli sums applied in few walks against the definition of a Pauli string, amplitude by amplitude.

mod common;

use common::{distance, random_state};
use num_complex::Complex64;
use qcore::{Level, PauliString, PauliSum, StateVector};

/// `(P psi)[k] = i^{#Y} (-1)^{|z & (k ^ x)|} psi[k ^ x]`, summed over the terms.
fn by_definition(sum: &PauliSum, state: &[Complex64]) -> Vec<Complex64> {
    let mut out = vec![Complex64::ZERO; state.len()];
    for &(coefficient, string) in sum.terms() {
        let (x, z) = (string.x_mask() as usize, string.z_mask() as usize);
        let phase = Complex64::I.powu((x & z).count_ones()) * coefficient;
        for (k, out) in out.iter_mut().enumerate() {
            let sign = if (z & (k ^ x)).count_ones() % 2 == 1 { -1.0 } else { 1.0 };
            *out += phase * sign * state[k ^ x];
        }
    }
    out
}

/// Sums of every kind: a chain, strings of Z over many qubits, many strings with few masks of X, both parities of Y, everything.
fn sums(qubits: usize) -> Vec<PauliSum> {
    let mask = (1_u64 << qubits) - 1;
    let mut state = 0x9e37_79b9_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 20
    };
    let coefficient = |k: usize| 0.3 - 0.17 * (k % 5) as f64;
    let chain = PauliSum::transverse_field_ising(qubits, 1.0, 0.8).expect("finite");
    let strings: Vec<_> = (0..90).map(|k| (coefficient(k), PauliString::from_masks(0, random() & mask))).collect();
    let mut few = Vec::new();
    for k in 0..60 {
        let x = [0b1, 0b11, 0b101, mask, mask & !1, 1 << (qubits - 1)][k % 6] & mask;
        few.push((coefficient(k), PauliString::from_masks(x, random() & mask)));
    }
    let all = chain.terms().iter().chain(&strings).chain(&few).copied().chain([(0.7, PauliString::IDENTITY)]);
    let sum = |terms: Vec<(f64, PauliString)>| PauliSum::new(terms).expect("finite");
    vec![chain.clone(), sum(all.collect()), sum(strings), sum(few), sum(Vec::new())]
}

#[test]
fn sums_are_applied_and_measured_as_they_are_defined() {
    for qubits in [1, 2, 3, 6, 7, 10, 11, 12, 14, 15, 16] {
        let amplitudes = random_state(qubits, qubits as u64);
        for sum in sums(qubits) {
            let expected = by_definition(&sum, &amplitudes);
            let energy: Complex64 = amplitudes.iter().zip(&expected).map(|(a, b)| a.conj() * b).sum();
            for level in Level::available() {
                let state = StateVector::from_amplitudes(&amplitudes).expect("normalized").with_level(level);
                let mut out = state.clone();
                state.apply_observable(&sum, &mut out).expect("fits");
                let bound = 1e-14 * (1.0 + sum.one_norm());
                let error = distance(&out.amplitudes(), &expected);
                assert!(error < bound, "{qubits} qubits, {} terms at {level}: {error:e}", sum.terms().len());
                state.add_observable(-1.0, &sum, &mut out).expect("fits");
                assert!(out.norm_squared().sqrt() < bound, "{qubits} qubits: taken away again at {level}");
                let got = state.expectation(&sum).expect("fits");
                assert!((got - energy.re).abs() < bound, "{qubits} qubits at {level}: {got} for {energy}");
            }
        }
    }
}
