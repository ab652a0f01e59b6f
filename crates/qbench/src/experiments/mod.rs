//! The experiments of `cargo xtask reproduce`, as a library: a user's own program can run them too.

mod claims;
mod device_cost;
mod escape;
mod overview;
mod plateau;
mod trials;

pub use claims::claims;

use crate::Error;
use crate::experiment::{Experiment, Scale};
use crate::methods::Methods;
use crate::tasks::{Classification, GroundState, Readout, Task};
use crate::trial::Trials;

/// Learning rates of every method of every trial.
const RATES: [f64; 4] = [0.03, 0.1, 0.3, 1.0];

/// The methods of the trials that run by default: plain rules, and the NLR variants around them with their controls.
const COMPARED: [&str; 16] = [
    "sgd",
    "momentum",
    "adam",
    "natural-gradient",
    "nlr-probe-sgd",
    "kick-probe-sgd",
    "stay-probe-sgd",
    "nlr-probe-adam",
    "kick-probe-adam",
    "stay-probe-adam",
    "nlr-periodic-adam",
    "kick-periodic-adam",
    "stay-periodic-adam",
    "nlr-stall-adam",
    "kick-stall-adam",
    "restart-adam",
];

fn compared() -> Methods {
    Methods::shipped().only(|name| COMPARED.contains(&name))
}

/// All shipped experiments.
#[must_use]
pub fn experiments() -> Vec<Box<dyn Experiment>> {
    vec![
        Box::new(plateau::PlateauScaling),
        Box::new(trials::TrialExperiment {
            name: CLASSIFICATION,
            title: "Does a negative learning rate help a small quantum classifier?",
            trials: classification,
            made: Default::default(),
            by_name_only: false,
        }),
        Box::new(trials::TrialExperiment {
            name: VQE,
            title: "Does a negative learning rate help to find a ground state?",
            trials: vqe,
            made: Default::default(),
            by_name_only: false,
        }),
        Box::new(device_cost::DeviceCost),
        Box::new(escape::PlateauEscape::new()),
        Box::new(escape::escape_tuning()),
        Box::new(escape::EscapeTrials::new()),
    ]
}

/// Name of the experiment on gradient variances.
pub(crate) const PLATEAU: &str = "plateau-scaling";
/// Name of the classification trial.
pub(crate) const CLASSIFICATION: &str = "nlr-classification";
/// Name of the ground-state trial.
pub(crate) const VQE: &str = "nlr-vqe";

/// Name of the comparison of devices by price.
pub(crate) const DEVICE_COST: &str = "device-cost";
/// Name of the trial on plateaus of growing width.
pub(crate) const PLATEAU_ESCAPE: &str = "plateau-escape";
/// Name of the trial on which the escape policy was chosen, which runs by name only.
pub(crate) const ESCAPE_TUNING: &str = "escape-tuning";
/// Name of the large trial, which runs by name only.
pub(crate) const ESCAPE: &str = "escape-trials";

fn seeds(scale: Scale) -> u64 {
    match scale {
        Scale::Quick => 2,
        Scale::Full => 20,
    }
}

fn classification(scale: Scale) -> Result<Trials, Error> {
    let tasks: Vec<Box<dyn Task>> = vec![Box::new(Classification::iris()?), Box::new(Classification::breast_cancer()?)];
    let readouts = vec![Readout::Exact, Readout::device("edge-gateway", 50)?];
    let methods = match scale {
        Scale::Quick => Methods::shipped().only(|name| matches!(name, "adam" | "nlr-probe-adam" | "kick-probe-adam")),
        Scale::Full => compared(),
    };
    Ok(Trials { tasks, readouts, methods, rates: RATES.to_vec(), seeds: seeds(scale), exact_iterations: 50 })
}

fn vqe(scale: Scale) -> Result<Trials, Error> {
    let tasks: Vec<Box<dyn Task>> = vec![Box::new(GroundState::ising(4, 1.0, 0.8, 3)?)];
    let readouts = match scale {
        Scale::Quick => vec![Readout::Exact, Readout::device("sensor-node", 25)?],
        Scale::Full => {
            vec![Readout::Exact, Readout::device("field-hub", 1000)?, Readout::device("sensor-node", 25)?]
        }
    };
    Ok(Trials {
        tasks,
        readouts,
        methods: compared(),
        rates: RATES.to_vec(),
        seeds: seeds(scale),
        exact_iterations: 150,
    })
}
