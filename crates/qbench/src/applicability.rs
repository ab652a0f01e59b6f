//! What a method needs beyond losses and gradients, and why it has no runs where it does not get it.

use crate::tasks::{Readout, Task};

/// What a method asks of a task, or of the way in which it is read out, beyond losses and gradients.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// The metric tensor of the state whose energy is the loss.
    Metric,
    /// Single partial derivatives, with shots of their own: [`qopt::Query::Partials`].
    Partials,
    /// Fidelities of states at two points: [`qopt::Query::Fidelities`].
    Fidelities,
    /// Losses with other rotation axes: [`qopt::Query::AxisValues`].
    Axes,
    /// A loss that is a sine wave of period 2 pi in each parameter. Nothing fails without it, but the method has no meaning.
    SineWaves,
    /// Shots that can be divided.
    Shots,
}

/// Why a method has no run on a task with a readout.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotApplicable {
    /// It needs the metric tensor, and the loss is not the energy of one state.
    #[error("it needs the metric tensor of one state, and the loss is not of one state")]
    NoMetric,
    /// It needs the metric tensor, which is exact only.
    #[error("it needs the exact metric tensor, and values come from shots")]
    MetricFromShots,
    /// It needs single partial derivatives.
    #[error("it needs single partial derivatives, which this loss does not give")]
    NoPartials,
    /// It needs fidelities, and the loss is not of one state, or of one too wide for an overlap.
    #[error("it needs fidelities of one state at two points, and the loss is not of one state, or of too wide a one")]
    NoFidelities,
    /// It chooses axes, and some parameter is not the angle of one rotation whose axis could be chosen.
    #[error("it chooses axes, and not every parameter is the angle of one RX, RY or RZ alone")]
    NoAxes,
    /// It takes the loss for a sine wave in each parameter, which it is not.
    #[error("it takes the loss for a sine wave of period 2 pi in each parameter, which it is not")]
    NoSineWaves,
    /// It divides shots, and values are exact.
    #[error("it divides shots, and values are exact")]
    NoShots,
    /// The task does not fit the device that it is read out on, see [`crate::Trials::misfits`].
    #[error("the task does not fit the device: {reason}")]
    DoesNotFit {
        /// What the device says.
        reason: String,
    },
}

impl Need {
    /// Why a method with this need has no run on the task with the readout; `None` if it gets what it needs.
    #[must_use]
    pub fn unmet(self, task: &dyn Task, readout: &Readout) -> Option<NotApplicable> {
        let lacking = match self {
            Self::Shots => return (!readout.is_noisy()).then_some(NotApplicable::NoShots),
            Self::Metric if task.offers(self) => return readout.is_noisy().then_some(NotApplicable::MetricFromShots),
            Self::Metric => NotApplicable::NoMetric,
            Self::Partials => NotApplicable::NoPartials,
            Self::Fidelities => NotApplicable::NoFidelities,
            Self::Axes => NotApplicable::NoAxes,
            Self::SineWaves => NotApplicable::NoSineWaves,
        };
        (!task.offers(self)).then_some(lacking)
    }
}

/// A method that a trial leaves out in a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Omission {
    /// Name of the task.
    pub task: String,
    /// How it was to be read out.
    pub readout: String,
    /// Name of the method.
    pub method: String,
    /// Why it has no runs there.
    pub reason: NotApplicable,
}
