//! Coordinate-wise minimisation of a loss that is a sine wave in each parameter.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use crate::rule::check_start;
use crate::vector::take_step;
use crate::{
    Answer, Ask, ConfigError, Estimate, IterationContext, Method, MethodError, Query, State, StateError, StepReport,
    Told,
};

/// A sine wave of period 2 pi through its values at 0, pi/2 and -pi/2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wave {
    pub(super) here: f64,
    pub(super) plus: f64,
    pub(super) minus: f64,
}

impl Wave {
    /// Where it is smallest, in (-pi, pi]; 0 for a constant.
    pub(super) fn argmin(self) -> f64 {
        let (even, odd) = (2.0 * self.here - self.plus - self.minus, self.plus - self.minus);
        if even == 0.0 && odd == 0.0 {
            return 0.0;
        }
        let shift = -FRAC_PI_2 - even.atan2(odd);
        if shift <= -PI { shift + TAU } else { shift }
    }

    /// Its smallest value.
    pub(super) fn minimum(self) -> f64 {
        let mean = 0.5 * (self.plus + self.minus);
        mean - (self.here - mean).hypot(0.5 * (self.plus - self.minus))
    }
}

/// Rotosolve: one coordinate after the other is put where the loss, as a function of it alone, is smallest.
///
/// Iteration k takes coordinate d = k mod P. With L0, L+ and L- the losses at theta and at theta +- (pi/2) e_d,
///
/// theta_d <- theta_d - pi/2 - atan2(2 L0 - L+ - L-, L+ - L-), moved by at most pi; no move if all three are equal.
///
/// That is the exact minimum if the loss is a + b sin(theta_d + c), as when theta_d is the angle of one Pauli rotation.
/// For a parameter that several gates share, or of another generator, it is not, and the method has no meaning.
///
/// The reported norm of the gradient is |L+ - L-|/2, that of its one component. L0 is what is tracked.
///
/// **Bill per iteration**: 3 losses, one job; a sweep over all coordinates takes P iterations.
///
/// References: K. M. Nakanishi, K. Fujii and S. Todo, Phys. Rev. Research 2, 043158 (2020); M. Ostaszewski, E. Grant
/// and M. Benedetti, Quantum 5, 391 (2021), eq. (1).
#[derive(Clone, Debug)]
pub struct Rotosolve {
    theta: Vec<f64>,
    coordinate: usize,
    points: Vec<f64>,
    step: Vec<f64>,
}

impl Rotosolve {
    /// The method from `theta`.
    ///
    /// # Errors
    /// [`ConfigError`] if the starting point is empty or not finite.
    pub fn new(theta: &[f64]) -> Result<Self, ConfigError> {
        check_start(theta)?;
        let dimension = theta.len();
        Ok(Self { theta: theta.to_vec(), coordinate: 0, points: vec![0.0; 3 * dimension], step: vec![0.0; dimension] })
    }
}

impl Method for Rotosolve {
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
        visit(&Query::Values { points: &self.points });
    }

    fn ask(&mut self, _context: &IterationContext) -> Ask<'_> {
        for (point, shift) in self.points.chunks_exact_mut(self.theta.len()).zip([0.0, FRAC_PI_2, -FRAC_PI_2]) {
            point.copy_from_slice(&self.theta);
            point[self.coordinate] += shift;
        }
        Ask { theta: &self.theta, query: Query::Values { points: &self.points } }
    }

    fn tell(&mut self, answer: &Answer, _context: &IterationContext) -> Result<Told, MethodError> {
        let &[here, plus, minus] = answer.measured_values(3)? else {
            return Err(MethodError::MissingLoss);
        };
        let wave = Wave { here: here.value, plus: plus.value, minus: minus.value };
        self.step.fill(0.0);
        self.step[self.coordinate] = -wave.argmin();
        let length = take_step(&mut self.theta, &self.step)?;
        self.coordinate = (self.coordinate + 1) % self.theta.len();
        let slope = 0.5 * (wave.plus - wave.minus).abs();
        let loss = Estimate { value: here.value, std_error: here.std_error };
        Ok(Told::Done(StepReport::descent(Some(loss), slope, length)))
    }

    fn theta(&self) -> &[f64] {
        &self.theta
    }

    fn state(&self) -> State {
        State::new("rotosolve").with_floats("theta", &self.theta).with_counts("coordinate", &[self.coordinate as u64])
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("rotosolve", &["theta", "coordinate"])?;
        let theta = state.finite_floats("theta", self.theta.len())?;
        let coordinate = coordinate_of(state, theta.len())?;
        (self.theta, self.coordinate) = (theta, coordinate);
        Ok(())
    }
}

/// The entry "coordinate" of a state: the index of a parameter.
pub(super) fn coordinate_of(state: &State, dimension: usize) -> Result<usize, StateError> {
    let [coordinate] = state.counts("coordinate")?;
    usize::try_from(coordinate)
        .ok()
        .filter(|&coordinate| coordinate < dimension)
        .ok_or_else(|| StateError::Value { name: "coordinate".to_owned() })
}
