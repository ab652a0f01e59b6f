//! The smallest changes after which a limit holds, found by trying.

use std::collections::BTreeMap;

use qcore::{Circuit, Param, PauliSum};

use super::assess::{Choice, Prepared, shots_limit};
use super::report::{Advice, Change, Limit};
use super::{Error, FitOptions, Layers, choice_on};
use crate::DeviceProfile;

pub(super) struct Search<'a> {
    pub(super) circuit: &'a Circuit,
    pub(super) observable: Option<&'a PauliSum>,
    pub(super) wrt: &'a [Param],
    pub(super) profile: &'a DeviceProfile,
    pub(super) options: &'a FitOptions,
    pub(super) choice: Choice,
    pub(super) as_it_is: &'a Prepared<'a>,
}

/// The largest number in `1..=most` that passes, where all smaller ones do too.
fn largest(most: u64, mut passes: impl FnMut(u64) -> Result<bool, Error>) -> Result<Option<u64>, Error> {
    let (mut passing, mut failing) = (0, most.saturating_add(1));
    while failing - passing > 1 {
        let middle = passing + (failing - passing) / 2;
        if passes(middle)? { passing = middle } else { failing = middle }
    }
    Ok((passing > 0).then_some(passing))
}

impl Search<'_> {
    /// Changes for these limits, and a device on which everything fits.
    pub(super) fn advice(&self, limits: &[Limit]) -> Result<Vec<Advice>, Error> {
        let mut advice = Vec::new();
        let layers = Layers::find(self.circuit);
        let mut shorter: BTreeMap<usize, Option<Prepared<'_>>> = BTreeMap::new();
        for &limit in limits {
            let mut add = |change| advice.push(Advice { limit: Some(limit), change });
            let budget = matches!(limit, Limit::Shots | Limit::Time | Limit::Jobs);
            if budget && self.choice.steps > 1 {
                let steps = largest(self.choice.steps - 1, |steps| {
                    Ok(self.holds(self.as_it_is, Choice { steps, ..self.choice }, limit))
                })?;
                steps.into_iter().for_each(|steps| add(Change::Steps(steps)));
            }
            if budget || matches!(limit, Limit::ShotsPerCircuit | Limit::Memory) {
                let most = (self.choice.shots - 1).min(shots_limit(self.profile));
                let shots =
                    largest(most, |shots| Ok(self.holds(self.as_it_is, Choice { shots, ..self.choice }, limit)))?;
                shots.into_iter().for_each(|shots| add(Change::ShotsPerCircuit(shots)));
            }
            if budget && self.wrt.len() > 1 {
                let of = self.wrt.len();
                let keep = largest(of as u64 - 1, |keep| {
                    let fewer = self.as_it_is.differentiating(&self.wrt[..keep as usize])?;
                    Ok(self.holds(&fewer, self.choice, limit))
                })?;
                keep.into_iter().for_each(|keep| add(Change::Differentiate { keep: keep as usize, of }));
            }
            if let (Limit::Parameters, Some(allowed)) = (limit, self.profile.limits.parameters) {
                add(Change::Bind { parameters: self.circuit.parameters().len() as u64 - allowed });
            }
            if let (true, Some(layers)) = (budget || depends_on_length(limit), layers) {
                let keep = largest(layers.count() as u64 - 1, |keep| {
                    let keep = keep as usize;
                    if let std::collections::btree_map::Entry::Vacant(place) = shorter.entry(keep) {
                        place.insert(self.with_layers(&layers, keep)?);
                    }
                    Ok(shorter[&keep].as_ref().is_some_and(|shorter| self.holds(shorter, self.choice, limit)))
                })?;
                keep.into_iter().for_each(|keep| add(Change::Layers { keep: keep as usize, of: layers.count() }));
            }
        }
        if let Some(name) = self.device()? {
            advice.push(Advice { limit: None, change: Change::Device(name) });
        }
        Ok(advice)
    }

    fn holds(&self, prepared: &Prepared<'_>, choice: Choice, limit: Limit) -> bool {
        prepared.costs(choice, self.options).reasons.iter().all(|reason| reason.limit() != limit)
    }

    fn with_layers(&self, layers: &Layers, keep: usize) -> Result<Option<Prepared<'_>>, Error> {
        let Some((circuit, places)) = layers.keep(self.circuit, keep) else { return Ok(None) };
        let wrt: Vec<Param> = self.wrt.iter().filter_map(|param| places[param.index()]).collect();
        Prepared::new(&circuit, self.observable, &wrt, self.profile).map(Some)
    }

    /// The first shipped device on which everything fits.
    fn device(&self) -> Result<Option<&'static str>, Error> {
        for name in DeviceProfile::shipped_names() {
            let profile = DeviceProfile::shipped(name)?;
            if profile.name == self.profile.name {
                continue;
            }
            let prepared = Prepared::new(self.circuit, self.observable, self.wrt, &profile)?;
            if prepared.costs(choice_on(&profile, self.options), self.options).reasons.is_empty() {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }
}

/// Whether a circuit with fewer layers may hold a limit that is no budget.
fn depends_on_length(limit: Limit) -> bool {
    matches!(limit, Limit::Fidelity | Limit::Memory | Limit::Parameters | Limit::NativeGates | Limit::Connectivity)
}
