//! Whether a circuit fits each shipped device, and what a step of training costs there.

use qcore::{Circuit, PauliSum};
use qiot_profile::DeviceProfile;
use qiot_profile::fit::{FitOptions, fit};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Six qubits, four layers of RY and a ring of CX.
    let (qubits, layers) = (6, 4);
    let mut circuit = Circuit::new(qubits)?;
    for layer in 0..layers {
        for (qubit, theta) in circuit.parameters_named(&format!("t{layer}_"), qubits)?.into_iter().enumerate() {
            circuit.ry(qubit, theta)?;
        }
        for qubit in 0..qubits {
            circuit.cx(qubit, (qubit + 1) % qubits)?;
        }
    }
    let observable = PauliSum::transverse_field_ising(qubits, 1.0, 0.5)?;
    let options = FitOptions { steps: 50, ..FitOptions::default() };

    println!("device          fits  depth  swaps  fidelity  s/step   J/step  steps");
    for name in DeviceProfile::shipped_names() {
        let report = fit(&circuit, Some(&observable), &DeviceProfile::shipped(name)?, &options)?;
        let number = |value: Option<usize>| value.map_or("-".to_owned(), |value| value.to_string());
        println!(
            "{name:<15} {:<5} {:>5} {:>6} {:>9} {:>7.1} {:>8.0} {:>6}",
            if report.fits { "yes" } else { "no" },
            number(report.depth),
            number(report.swaps),
            report.fidelity.map_or("-".to_owned(), |fidelity| format!("{fidelity:.3}")),
            report.step_seconds,
            report.step_joules,
            report.steps_in_budget.map_or("-".to_owned(), |steps| steps.to_string()),
        );
    }

    println!("\n{}", fit(&circuit, Some(&observable), &DeviceProfile::shipped("sensor-node")?, &options)?);
    println!("{}", fit(&circuit, Some(&observable), &DeviceProfile::shipped("perth")?, &options)?);
    Ok(())
}
