//! Tasks: what is trained, on which data, and how it is judged.

mod classification;
mod exact;
mod ground_state;
mod product;
mod readout;

pub use classification::{Classification, ClassificationObjective, Output, Sharded};
pub use ground_state::GroundState;
pub use product::ProductPlateau;
pub use readout::{KeptDevice, Reader, Readout};

use qopt::{Axis, Objective, Streams};

use crate::Error;
use crate::applicability::Need;

/// Something to train: a circuit, a loss, and the data behind it.
pub trait Task: Send + Sync {
    /// A short name, part of task identifiers.
    fn name(&self) -> &str;

    /// One sentence on what it is, for reports.
    fn description(&self) -> String;

    /// Whether its objectives can do what a method needs, where the readout allows it: nothing beyond losses and gradients unless
    /// said otherwise.
    fn offers(&self, _need: Need) -> bool {
        false
    }

    /// The loss at or below which the task counts as solved.
    fn threshold(&self) -> f64;

    /// The circuit whose parameters are trained, if the task is one expectation value on one circuit: what trained angles are
    /// written into.
    fn circuit(&self) -> Option<&qcore::Circuit> {
        None
    }

    /// The task with everything that depends on the seed: the split of the data and the starting point, from the roles `Split`
    /// and `Start` of `streams`.
    ///
    /// # Errors
    ///
    /// What the data or the circuit refuse.
    fn instance(&self, streams: &Streams) -> Result<Box<dyn Instance>, Error>;
}

/// A task at one seed.
pub trait Instance: Send {
    /// The starting point.
    fn start(&self) -> &[f64];

    /// The interval from which each component of a starting point is drawn.
    fn start_interval(&self) -> (f64, f64);

    /// The axes about which the parameters turn their rotations, one for each; none if some parameter has no axis.
    fn axes(&self) -> &[Axis] {
        &[]
    }

    /// The same with the rotations about other axes, one for each parameter.
    ///
    /// # Errors
    ///
    /// [`qgrad::Error::NoAxis`] where parameters have no axes, [`qgrad::Error::Length`] for another number of them.
    fn with_axes(&self, _axes: &[Axis]) -> Result<Box<dyn Instance>, Error> {
        Err(qgrad::Error::NoAxis { name: String::new() }.into())
    }

    /// The loss as training sees it.
    ///
    /// # Errors
    ///
    /// What the readout refuses.
    fn objective(&self, readout: &Readout) -> Result<Box<dyn Trainable>, Error>;

    /// The exact loss on the training data at a point, from the simulator and outside any budget.
    ///
    /// # Errors
    ///
    /// As [`Instance::assess`].
    fn loss(&self, theta: &[f64]) -> Result<f64, Error>;

    /// The exact loss and figures of merit at a point, from the simulator and outside any budget.
    ///
    /// # Errors
    ///
    /// [`Error::Gradient`] for a point of the wrong length.
    fn assess(&self, theta: &[f64]) -> Result<Assessment, Error>;

    /// What methods without a quantum circuit reach on the same data.
    ///
    /// # Errors
    ///
    /// What the classical fit refuses.
    fn baselines(&self) -> Result<Vec<(&'static str, Assessment)>, Error> {
        Ok(Vec::new())
    }
}

/// An objective of a trial.
pub trait Trainable: Objective {
    /// Whether evaluations use all data (for the evaluations after training) or the minibatch of the step.
    fn use_all_data(&mut self, _all: bool) {}
}

/// How good a point is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assessment {
    /// The exact loss on the training data, shifted so that 0 is the best conceivable: mean squared error, or energy above the
    /// ground state.
    pub loss: f64,
    /// The same on the test data, where there are any.
    pub test_loss: Option<f64>,
    /// Share of correctly classified training samples.
    pub accuracy: Option<f64>,
    /// Share of correctly classified test samples.
    pub test_accuracy: Option<f64>,
}
