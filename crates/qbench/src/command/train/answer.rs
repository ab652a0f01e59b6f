//! What a run came to, as text and as JSON.

use std::fmt::{self, Display};

use qopt::Bill;
use serde::{Deserialize, Serialize};

use crate::command::output::WithError;

/// What a run came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TrainAnswer {
    pub(super) parameters: Vec<f64>,
    pub(super) parameter_names: Vec<String>,
    pub(super) loss: f64,
    pub(super) std_error: f64,
    /// With the noise of the device, from the simulator, outside the device and its bill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) noisy_loss: Option<f64>,
    /// Without noise, from the simulator, outside the device and its bill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exact_loss: Option<f64>,
    /// Shares of the samples that are told apart rightly, as the exact loss is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) accuracy: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) test_accuracy: Option<f64>,
    pub(super) reason: String,
    pub(super) iterations: u64,
    pub(super) ledger: Bill,
    pub(super) refused_jobs: u64,
    pub(super) method: String,
    pub(super) device: String,
    pub(super) noise: bool,
    pub(super) seed: u64,
}

impl Display for TrainAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noise = if self.noise { "" } else { ", without its noise," };
        writeln!(f, "{}{noise} after {} steps of {}: {}", self.device, self.iterations, self.method, self.reason)?;
        writeln!(f, "loss    {}", WithError { value: self.loss, std_error: self.std_error })?;
        if let Some(noisy) = self.noisy_loss {
            writeln!(f, "noisy   {noisy} (by the simulator, not billed)")?;
        }
        if let Some(exact) = self.exact_loss {
            writeln!(f, "exact   {exact} (by the simulator without noise, not billed)")?;
        }
        if let (Some(train), Some(test)) = (self.accuracy, self.test_accuracy) {
            writeln!(f, "right   {:.1} % of the training samples, {:.1} % of the others", 100.0 * train, 100.0 * test)?;
        }
        writeln!(f, "ledger  {}", Spent(&self.ledger))?;
        for (name, value) in self.parameter_names.iter().zip(&self.parameters) {
            writeln!(f, "{name} = {value}")?;
        }
        Ok(())
    }
}

/// A run that was paused.
#[derive(Clone, Debug, Serialize)]
pub(super) struct PauseAnswer {
    pub(super) paused: bool,
    pub(super) iterations: u64,
    pub(super) ledger: Bill,
    pub(super) refused_jobs: u64,
}

impl Display for PauseAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "paused after {} steps; --resume goes on", self.iterations)?;
        writeln!(f, "ledger  {}", Spent(&self.ledger))
    }
}

pub(super) struct Spent<'a>(pub(super) &'a Bill);

impl Display for Spent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bill { jobs, circuits, shots, seconds, joules } = self.0;
        write!(f, "{jobs} jobs, {circuits} circuits, {shots} shots, {seconds:.1} s, {joules:.1} J")
    }
}
