//! Angles that are `constant + factor * parameter`: nearly all of them, and evaluated without a look at the expression.

use crate::Level;
use crate::kernel::{self, AngleLine};

/// The rotation with such an angle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Affine {
    pub(crate) rotation: usize,
    pub(crate) parameter: usize,
    pub(crate) factor: f64,
    pub(crate) constant: f64,
    /// What the angle is multiplied with to get the argument of sine and cosine.
    pub(crate) argument: f64,
}

impl Affine {
    /// The angle at these parameters.
    pub(crate) fn angle(&self, parameters: &[f64]) -> f64 {
        self.constant + self.factor * parameters[self.parameter]
    }
}

/// Those of a program, in the order of their rotations.
#[derive(Clone, Debug, Default)]
pub(crate) struct AffineAngles {
    all: Vec<Affine>,
    /// So many of them each, and whether their rotations and parameters are consecutive.
    runs: Vec<(usize, bool)>,
    /// The numbers of consecutive ones, one after the other.
    constants: Vec<f64>,
    factors: Vec<f64>,
    arguments: Vec<f64>,
}

/// Runs of at least so many angles are computed at once.
const LINE: usize = 8;

impl AffineAngles {
    pub(crate) fn new(all: Vec<Affine>) -> Self {
        let next = |a: &Affine, b: &Affine| (b.rotation, b.parameter) == (a.rotation + 1, a.parameter + 1);
        let mut angles = Self::default();
        for run in all.chunk_by(next) {
            match angles.runs.last_mut() {
                _ if run.len() >= LINE => {
                    angles.runs.push((run.len(), true));
                    angles.constants.extend(run.iter().map(|affine| affine.constant));
                    angles.factors.extend(run.iter().map(|affine| affine.factor));
                    angles.arguments.extend(run.iter().map(|affine| affine.argument));
                }
                Some((count, false)) => *count += run.len(),
                _ => angles.runs.push((run.len(), false)),
            }
        }
        Self { all, ..angles }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Affine> {
        self.all.iter()
    }

    /// Writes angles and the arguments of their sines and cosines; false if some are not finite.
    pub(crate) fn bind(&self, level: Level, parameters: &[f64], angles: &mut [f64], arguments: &mut [f64]) -> bool {
        let (mut finite, mut first, mut line) = (true, 0, 0);
        for &(count, consecutive) in &self.runs {
            let run = &self.all[first..first + count];
            first += count;
            if consecutive {
                let Affine { rotation, parameter, .. } = run[0];
                let (own, numbers) = (rotation..rotation + count, line..line + count);
                line += count;
                let numbers = AngleLine {
                    constants: &self.constants[numbers.clone()],
                    factors: &self.factors[numbers.clone()],
                    arguments: &self.arguments[numbers],
                };
                let parameters = &parameters[parameter..parameter + count];
                finite &= kernel::angles(level, parameters, numbers, &mut angles[own.clone()], &mut arguments[own]);
                continue;
            }
            for affine in run {
                let angle = affine.angle(parameters);
                finite &= angle.is_finite();
                angles[affine.rotation] = angle;
                arguments[affine.rotation] = affine.argument * angle;
            }
        }
        finite
    }
}
