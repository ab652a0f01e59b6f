//! Coordinate-wise choice of rotation axis and angle.

use std::f64::consts::FRAC_PI_2;

use crate::direct::rotosolve::{Wave, coordinate_of};
use crate::rule::check_start;
use crate::vector::take_step;
use crate::{
    Answer, Ask, Axis, ConfigError, IterationContext, Method, MethodError, Query, State, StateError, StepReport, Told,
};

/// Hyperparameters of [`Rotoselect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RotoselectConfig {
    /// Whether the loss at the current angles and axes is measured too, to track it; true.
    pub track: bool,
}

impl Default for RotoselectConfig {
    fn default() -> Self {
        Self { track: true }
    }
}

/// Rotoselect: as [`Rotosolve`](crate::Rotosolve), and the axis of each rotation is chosen too.
///
/// Iteration k takes coordinate d = k mod P. At angle 0 all axes give the same loss L0; with the losses at angles pi/2
/// and -pi/2 about each of the three axes, the minimum over the angle is known for each of them, and the smallest wins
/// (of equal ones the first of X, Y, Z). The new angle lies in (-pi, pi].
///
/// It needs an objective that answers [`Query::AxisValues`]. The result is the pair of [`theta`](Method::theta) and
/// [`axes`](Method::axes): an evaluation at theta alone, as by [`reevaluate`](crate::reevaluate), knows nothing of the
/// axes; [`reevaluate_with_axes`](crate::reevaluate_with_axes) does.
///
/// **Bill per iteration**: 7 losses, and one for tracking; one job.
///
/// Reference: M. Ostaszewski, E. Grant and M. Benedetti, Quantum 5, 391 (2021), Algorithm 2.
#[derive(Clone, Debug)]
pub struct Rotoselect {
    config: RotoselectConfig,
    theta: Vec<f64>,
    axes: Vec<Axis>,
    coordinate: usize,
    points: Vec<f64>,
    point_axes: Vec<Axis>,
    step: Vec<f64>,
}

impl Rotoselect {
    /// The method from `theta` with the rotations about `axes`.
    ///
    /// # Errors
    /// [`ConfigError`] if there is not one axis for each component, or the starting point is empty or not finite.
    pub fn new(config: RotoselectConfig, theta: &[f64], axes: &[Axis]) -> Result<Self, ConfigError> {
        check_start(theta)?;
        let dimension = theta.len();
        if axes.len() != dimension {
            return Err(ConfigError::Length { name: "axes", expected: dimension, found: axes.len() });
        }
        let count = 7 + usize::from(config.track);
        Ok(Self {
            config,
            theta: theta.to_vec(),
            axes: axes.to_vec(),
            coordinate: 0,
            points: vec![0.0; count * dimension],
            point_axes: vec![Axis::X; count * dimension],
            step: vec![0.0; dimension],
        })
    }
}

impl Method for Rotoselect {
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
        visit(&Query::AxisValues { points: &self.points, axes: &self.point_axes });
    }

    fn ask(&mut self, _context: &IterationContext) -> Ask<'_> {
        let dimension = self.theta.len();
        let d = self.coordinate;
        let present = (self.theta[d], self.axes[d]);
        let turns = Axis::ALL.into_iter().flat_map(|axis| [(FRAC_PI_2, axis), (-FRAC_PI_2, axis)]);
        let places = self.config.track.then_some(present).into_iter().chain([(0.0, present.1)]).chain(turns);
        let points = self.points.chunks_exact_mut(dimension).zip(self.point_axes.chunks_exact_mut(dimension));
        for ((point, axes), (angle, axis)) in points.zip(places) {
            point.copy_from_slice(&self.theta);
            axes.copy_from_slice(&self.axes);
            (point[d], axes[d]) = (angle, axis);
        }
        Ask { theta: &self.theta, query: Query::AxisValues { points: &self.points, axes: &self.point_axes } }
    }

    fn tell(&mut self, answer: &Answer, _context: &IterationContext) -> Result<Told, MethodError> {
        let values = answer.measured_values(self.points.len() / self.theta.len())?;
        let (tracked, values) = values.split_at(usize::from(self.config.track));
        let here = values[0].value;
        let waves = values[1..].chunks_exact(2).map(|pair| Wave { here, plus: pair[0].value, minus: pair[1].value });
        let best = Axis::ALL
            .into_iter()
            .zip(waves)
            .reduce(|best, other| if other.1.minimum() < best.1.minimum() { other } else { best });
        let (axis, wave) = best.ok_or(MethodError::MissingLoss)?;
        let d = self.coordinate;
        let step = self.theta[d] - wave.argmin();
        self.step.fill(0.0);
        self.step[d] = step;
        take_step(&mut self.theta, &self.step)?;
        self.axes[d] = axis;
        self.coordinate = (d + 1) % self.theta.len();
        let slope = 0.5 * (wave.plus - wave.minus).abs();
        Ok(Told::Done(StepReport::descent(tracked.first().copied(), slope, step.abs())))
    }

    fn theta(&self) -> &[f64] {
        &self.theta
    }

    fn axes(&self) -> &[Axis] {
        &self.axes
    }

    fn state(&self) -> State {
        let axes: Vec<u64> = self.axes.iter().map(|axis| axis.code()).collect();
        State::new("rotoselect")
            .with_floats("theta", &self.theta)
            .with_counts("axes", &axes)
            .with_counts("coordinate", &[self.coordinate as u64])
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("rotoselect", &["theta", "axes", "coordinate"])?;
        let theta = state.finite_floats("theta", self.theta.len())?;
        let coordinate = coordinate_of(state, theta.len())?;
        let axes = Axis::of_state(state, theta.len())?;
        (self.theta, self.axes, self.coordinate) = (theta, axes, coordinate);
        Ok(())
    }
}
