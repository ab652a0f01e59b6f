//! Ten thousand sensor nodes train one ansatz: with uphill phases of the whole fleet, and of each device.
//!
//! `cargo run --release -p qbench --example fleet [DEVICES [ROUNDS [noise]]]`; with the last word the devices have the noise of their
//! calibration.

use std::error::Error;
use std::sync::Arc;

use qbench::ansatz::hardware_efficient;
use qbench::fleet::{Aggregation, Federated, FleetObjective, LocalExpectations, Turnout};
use qcore::{Circuit, PauliSum};
use qgrad::{Adjoint, Estimator, Expectation, StateVectorBackend};
use qiot_profile::DeviceProfile;
use qiot_profile::fleet::{Fleet, Participation};
use qopt::{Adam, Bill, Budget, ConfigError, Method, Probe, ProbeConfig, Runner, Sgd, Streams};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// Four spins in one of four fields: devices differ in what they measure.
fn sites() -> Result<Vec<Expectation>, Box<dyn Error>> {
    let site = |field: f64| -> Result<Expectation, Box<dyn Error>> {
        let mut circuit = Circuit::new(4)?;
        let theta = circuit.parameters_named("t", 8)?;
        hardware_efficient(&mut circuit, &theta)?;
        Ok(Expectation::of_all_parameters(&circuit, vec![PauliSum::transverse_field_ising(4, 1.0, field)?])?)
    };
    [0.5, 0.7, 0.9, 1.1].into_iter().map(site).collect()
}

/// The exact mean of the losses, on the simulator and outside of every budget.
fn exact(sites: &[Expectation], theta: &[f64]) -> Result<f64, Box<dyn Error>> {
    let mut sum = 0.0;
    for site in sites {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        sum += Adjoint.values(site, theta, &mut StateVectorBackend::new(), &mut rng)?.estimates[0].value;
    }
    Ok(sum / sites.len() as f64)
}

fn show(round: usize, turnout: &Turnout, bill: &Bill, loss: f64) {
    let Turnout { answered, late, lost, absent, refused } = turnout;
    println!(
        "{round:>5}  {answered:>6} answered {late:>5} late {lost:>4} lost {absent:>5} absent {refused:>4} refused  {:>11} shots \
         {:>7.1} s {:>9.3e} J  loss {loss:.4}",
        bill.shots, bill.seconds, bill.joules
    );
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let devices = arguments.next().map_or(Ok(10_000), |text| text.parse())?;
    let rounds = arguments.next().map_or(Ok(3), |text| text.parse())?;

    let noise = arguments.next().is_some_and(|word| word == "noise");

    let node = Arc::new(DeviceProfile::shipped("sensor-node")?);
    let habits = Participation { absent: 0.3, lost: 0.02, deadline_seconds: Some(60.0) };
    let fleet = || Fleet::new(vec![Arc::clone(&node); devices], habits, 1);
    let sites = sites()?;
    let task = LocalExpectations::new(sites.clone(), 20)?;
    let start = [0.4; 8];
    println!("{devices} devices, loss at the start {:.4}", exact(&sites, &start)?);

    println!("one gradient from all devices, probe of the whole fleet around Adam:");
    let mut objective = FleetObjective::new(fleet()?, task.clone(), Aggregation::Shots);
    if noise {
        objective = objective.with_noise()?;
    }
    let config = ProbeConfig { loss_scale: 7.0, ..ProbeConfig::shots() };
    let mut method = Probe::new(config, Adam::new(0.2)?, &start)?;
    let mut points = Vec::new();
    let mut note = |observation: &qopt::Observation<'_>| {
        points.push((observation.next.to_vec(), observation.spent));
        std::ops::ControlFlow::Continue(())
    };
    Runner::new(&mut method, &mut objective, Streams::new(1, 1))
        .budget(Budget { iterations: Some(rounds as u64), ..Budget::UNLIMITED })
        .observe(&mut note)
        .run()?;
    for (round, (theta, spent)) in points.iter().enumerate() {
        // Two queries per step; the devices are those of the first one.
        show(round, &objective.turnouts()[2 * round], spent, exact(&sites, theta)?);
    }

    println!("two local iterations with a probe of each device, then the average:");
    let build = |_: usize, theta: &[f64]| -> Result<Box<dyn Method>, ConfigError> {
        let config = ProbeConfig { loss_scale: 7.0, ..ProbeConfig::shots() };
        Ok(Box::new(Probe::new(config, Sgd::new(0.1)?, theta)?))
    };
    let patient = Participation { deadline_seconds: Some(180.0), ..habits };
    let fleet = Fleet::new(vec![node; devices], patient, 1)?;
    let mut federated = Federated::new(fleet, task, &start, 2, 1, build)?;
    if noise {
        federated = federated.with_noise()?;
    }
    let mut spent = Bill::ZERO;
    for number in 0..rounds {
        let round = federated.round()?;
        spent += round.bill;
        show(number, &round.turnout, &spent, exact(&sites, federated.theta())?);
        println!("       {} uphill phases on the devices that answered", round.ascents);
    }
    Ok(())
}
