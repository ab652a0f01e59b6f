//! What a circuit with calibrated noise costs as a density matrix, and as a random state vector for each shot; and from how many
//! shots on the density matrix is cheaper, which is what `DeviceSimulator` decides by.
//!
//! `cargo run --release -p qiot-profile --example noise_cost [DEVICE]`

use std::error::Error;
use std::time::Instant;

use qcore::{Circuit, PauliSum};
use qgrad::{Backend, DensityMatrixBackend, Estimator, Expectation, ParameterShift, Shots, TrajectoryBackend};
use qiot_profile::DeviceProfile;
use qiot_profile::transpile::{Target, transpile};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// Circuits of a job, each with angles of its own: about a gradient.
const ROWS: usize = 24;

/// The least of five times of a job, in seconds.
fn seconds(expectation: &Expectation, shots: u64, backend: &mut dyn Backend) -> Result<f64, Box<dyn Error>> {
    let estimator = ParameterShift { shots: Shots::PerCircuit(shots) };
    let count = expectation.circuit().parameters().len();
    let rows: Vec<f64> = (0..ROWS * count).map(|k| (k as f64).sin()).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut least = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        estimator.values(expectation, &rows, backend, &mut rng)?;
        least = least.min(start.elapsed().as_secs_f64());
    }
    Ok(least)
}

fn main() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "guadalupe".to_owned());
    let device = DeviceProfile::shipped(&name)?;
    println!("{name}, one layer and three; microseconds per circuit and per shot");
    for layers in [1, 3] {
        for qubits in 2..=device.qubits.count.min(10) {
            let mut circuit = Circuit::new(qubits)?;
            let theta = circuit.parameters_named("t", layers * qubits)?;
            for layer in theta.chunks(qubits) {
                (0..qubits).try_for_each(|q| circuit.ry(q, layer[q]).map(drop))?;
                (1..qubits).try_for_each(|q| circuit.cx(q - 1, q).map(drop))?;
            }
            let (native, wires) = transpile(&circuit, &Target::from(&device))?.compact();
            let model = device.noise_on(&wires)?.model;
            let width = native.num_qubits();
            let observable: PauliSum = "Z0".parse()?;
            let expectation = Expectation::of_all_parameters(&native, vec![observable])?;
            // Sampling from a density matrix costs little beside making it, and a trajectory what its shot costs.
            let dense = seconds(&expectation, 100, &mut DensityMatrixBackend::new(model.clone()))?;
            let shots = (4096 >> width).clamp(4, 200);
            let each = seconds(&expectation, shots, &mut TrajectoryBackend::new(model, 100)?)? / shots as f64;
            let even = dense / each;
            println!(
                "{layers} layers, {qubits} qubits on {width}: {:.1} dense, {:.2} a shot, even at {even:.1} shots (4^n / 2^13 = {:.1})",
                1e6 * dense / ROWS as f64,
                1e6 * each / ROWS as f64,
                4_f64.powi(width as i32) / 8192.0
            );
        }
    }
    Ok(())
}
