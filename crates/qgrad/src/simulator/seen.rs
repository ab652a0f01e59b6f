//! What the observables of a job see of its circuit.

use std::sync::Arc;

use qcore::{PauliSum, Program, ProgramId};

use crate::backend::{Job, Point, Shift};
use crate::{Error, Measurement};

/// The part of a circuit in the light cone of some observables, and the observables on its qubits.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) program: Program,
    pub(super) measurement: Measurement,
    /// The rotation of the part that each rotation of the circuit is.
    places: Vec<Option<usize>>,
}

/// The last light cone that was looked for, with what it was looked for.
#[derive(Clone, Debug)]
pub(super) struct LastSeen {
    program: ProgramId,
    observables: Vec<PauliSum>,
    found: Option<Arc<Seen>>,
}

impl Seen {
    /// The part that the observables of a job see, if they leave qubits out. Where they measure every qubit nothing is looked for.
    pub(super) fn of(kept: &mut Option<LastSeen>, job: &Job<'_>) -> Result<Option<Arc<Self>>, Error> {
        let observables = job.measurement.observables();
        let support = observables.iter().flat_map(PauliSum::terms).fold(0, |all, (_, string)| all | string.support());
        if support.count_ones() as usize == job.program.num_qubits() {
            return Ok(None);
        }
        let program = job.program.id();
        let is_same = |last: &&LastSeen| last.program == program && last.observables == observables;
        if let Some(last) = kept.as_ref().filter(is_same) {
            return Ok(last.found.clone());
        }
        let found = Self::find(job)?.map(Arc::new);
        let observables = observables.to_vec();
        *kept = Some(LastSeen { program, observables, found: found.clone() });
        Ok(found)
    }

    fn find(job: &Job<'_>) -> Result<Option<Self>, Error> {
        let observables = job.measurement.observables();
        let Some(cone) = job.program.cone(observables) else { return Ok(None) };
        if cone.qubits().len() == job.program.num_qubits() {
            return Ok(None);
        }
        let observables = observables.iter().map(|observable| cone.observable(observable)).collect();
        let measurement = Measurement::new(cone.qubits().len(), observables)?;
        // Whether strings agree on their common qubits does not depend on the names of the qubits.
        debug_assert_eq!(measurement.groups().len(), job.measurement.groups().len());
        let mut places = vec![None; job.program.rotations().len()];
        for (place, &rotation) in cone.rotations().iter().enumerate() {
            places[rotation] = Some(place);
        }
        Ok(Some(Self { program: cone.program().clone(), measurement, places }))
    }

    /// The points of a job on this part: what is not seen need not be shifted.
    pub(super) fn points(&self, points: &[Point]) -> Vec<Point> {
        let seen = |shift: Option<Shift>| {
            let Shift { rotation, angle } = shift?;
            Some(Shift { rotation: self.places[rotation]?, angle })
        };
        let on_part = |point: &Point| match (seen(point.shift), seen(point.second)) {
            (None, second) => Point { row: point.row, shift: second, second: None },
            (shift, second) => Point { row: point.row, shift, second },
        };
        points.iter().map(on_part).collect()
    }
}
