//! A run in a file: what it was asked, where it stands, what it has spent.

use std::path::Path;

use qiot_profile::{DeviceProfile, Ledger};
use qopt::{RunState, State};
use serde::{Deserialize, Serialize};

use super::answer::TrainAnswer;
use crate::command::Terminal;
use crate::command::error::{CommandError, Source};
use crate::command::input::read_text;
use crate::command::output::write_whole;

/// Largest file of a run that is read.
const MAX_BYTES: u64 = 256 << 20;

/// What a run must have in common with the run that it goes on from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) circuit: String,
    pub(super) observable: String,
    pub(super) data: String,
    pub(super) device: DeviceProfile,
    pub(super) noise: bool,
    pub(super) method: String,
    pub(super) rate: f64,
    pub(super) shots: u64,
    pub(super) seed: u64,
    pub(super) start: Vec<f64>,
}

impl Settings {
    /// The first setting that differs, in both runs.
    fn difference(&self, other: &Self) -> Option<(&'static str, String, String)> {
        let texts = |settings: &Self| {
            [
                ("data", settings.data.clone()),
                ("circuit", format!("{:.40?}", settings.circuit)),
                ("observable", settings.observable.clone()),
                ("device", settings.device.name.clone()),
                ("noise", if settings.noise { "that of the device" } else { "left out" }.to_owned()),
                ("method", settings.method.clone()),
                ("learning rate", settings.rate.to_string()),
                ("number of shots", settings.shots.to_string()),
                ("seed", settings.seed.to_string()),
                ("start", format!("{:?}", settings.start)),
            ]
        };
        let equal = [
            self.data == other.data,
            self.circuit == other.circuit,
            self.observable == other.observable,
            self.device == other.device,
            self.noise == other.noise,
            self.method == other.method,
            self.rate == other.rate,
            self.shots == other.shots,
            self.seed == other.seed,
            self.start == other.start,
        ];
        let (ours, theirs) = (texts(self), texts(other));
        let at = equal.iter().position(|&equal| !equal)?;
        Some((ours[at].0, theirs[at].1.clone(), ours[at].1.clone()))
    }
}

/// A run as it stands in a file: after a step, or at its end. `parameters` are the best angles so far, so that the file can be
/// given to `--params-file`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Saved {
    pub(super) parameters: Vec<f64>,
    pub(super) settings: Settings,
    pub(super) run: RunState,
    pub(super) best: State,
    pub(super) ledger: Ledger,
    /// Points that were measured again after the last step, in this and earlier parts of the run.
    pub(super) evaluations: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) answer: Option<TrainAnswer>,
}

impl Saved {
    pub(super) fn read(path: &Path, settings: &Settings, terminal: &mut Terminal<'_>) -> Result<Self, CommandError> {
        let source = Source::File(path.to_owned());
        let text = read_text(&source, MAX_BYTES, terminal)?;
        let saved: Self = serde_json::from_str(&text)
            .map_err(|error| CommandError::Resume { path: source.clone(), reason: error.to_string() })?;
        match settings.difference(&saved.settings) {
            None => Ok(saved),
            Some((what, found, expected)) => Err(CommandError::OtherRun { path: source, what, found, expected }),
        }
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), CommandError> {
        let mut text = serde_json::to_string(self).expect("numbers, texts and lists have a JSON form");
        text.push('\n');
        write_whole(path, &text)
    }
}
