//! SPSA preconditioned by a curvature estimated the same way: 2-SPSA and QN-SPSA.

use crate::direct::SpsaConfig;
use crate::direct::spsa::fill_shifted;
use crate::rule::check_start;
use crate::state::finite_estimate;
use crate::symmetric::FunctionOf;
use crate::vector::{fill_signs, norm, take_step};
use crate::{
    Answer, Ask, ConfigError, Estimate, IterationContext, Method, MethodError, Query, Role, State, StateError,
    StepReport, Told,
};

/// Which curvature preconditions the gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Curvature {
    /// The Hessian of the loss: 2-SPSA. Needs nothing but losses.
    Loss,
    /// Half the Hessian of the infidelity, which is the Fubini-Study metric: QN-SPSA. Needs an objective that answers
    /// [`Query::Fidelities`].
    Fidelity,
}

/// Hyperparameters of [`SecondOrderSpsa`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SecondOrderSpsaConfig {
    /// Gains, directions, tracking.
    pub spsa: SpsaConfig,
    /// Which curvature.
    pub curvature: Curvature,
    /// Added to the modulus of the curvature before it is inverted, in its units. Positive and finite; 0.01.
    pub regularization: f64,
    /// Iterations at the start in which the curvature is collected and not yet used; 0.
    pub delay: u64,
}

impl SecondOrderSpsaConfig {
    /// 2-SPSA with the first rate and the planned number of iterations.
    pub fn of_loss(rate: f64, planned_iterations: u64) -> Self {
        let spsa = SpsaConfig::new(rate, planned_iterations);
        Self { spsa, curvature: Curvature::Loss, regularization: 0.01, delay: 0 }
    }

    /// QN-SPSA with the first rate and the planned number of iterations.
    pub fn of_fidelity(rate: f64, planned_iterations: u64) -> Self {
        Self { curvature: Curvature::Fidelity, ..Self::of_loss(rate, planned_iterations) }
    }
}

/// SPSA with the step a_k (|H| + regularization I)^-1 g.
///
/// g is that of [`Spsa`](crate::Spsa) with directions D. With second directions E of independent signs and c = c_k,
///
/// h = (F(c D + c E) - F(c D) - F(-c D + c E) + F(-c D)) / (2 c^2), sample = h (D E' + E D')/2,
///
/// averaged over directions; H <- ((k + 1) H + sample)/(k + 2), H = I at the start; |H| is the root of H^2. F(x) is the
/// loss at theta + x for 2-SPSA, and -1/2 |<psi(theta)|psi(theta + x)>|^2 for QN-SPSA.
///
/// **Bill per iteration**: 2-SPSA 4 losses for each direction, and one for tracking, in one job; QN-SPSA 2 losses and 4
/// fidelities, and one loss for tracking, in two jobs. The function of H takes some 4/3 P^3 operations.
///
/// References: J. C. Spall, IEEE Trans. Automat. Contr. 45, 1839 (2000); J. Gacon, C. Zoufal, G. Carleo and S. Woerner,
/// Quantum 5, 567 (2021).
#[derive(Clone, Debug)]
pub struct SecondOrderSpsa {
    config: SecondOrderSpsaConfig,
    theta: Vec<f64>,
    /// H.
    smoothed: Vec<f64>,
    /// D, then E, of this iteration.
    directions: [Vec<f64>; 2],
    /// Where losses are asked for: theta if it is tracked, then the points of each direction.
    points: Vec<f64>,
    /// Where fidelities are asked for, four for each direction.
    others: Vec<f64>,
    /// c_k.
    shift: f64,
    /// The loss at theta and g while the fidelities are being asked for.
    tracked: Option<Estimate>,
    gradient: Vec<f64>,
    awaits_fidelities: bool,
    step: Vec<f64>,
    modulus: FunctionOf,
}

impl SecondOrderSpsa {
    /// The method from `theta`.
    ///
    /// # Errors
    /// [`ConfigError`] if a hyperparameter is out of range or the starting point is empty or not finite.
    pub fn new(config: SecondOrderSpsaConfig, theta: &[f64]) -> Result<Self, ConfigError> {
        check_start(theta)?;
        config.spsa.check()?;
        ConfigError::positive("regularization", config.regularization)?;
        let dimension = theta.len();
        let directions = config.spsa.directions;
        let (losses, fidelities) = match config.curvature {
            Curvature::Loss => (4, 0),
            Curvature::Fidelity => (2, 4),
        };
        let count = usize::from(config.spsa.track) + losses * directions;
        let mut smoothed = vec![0.0; dimension * dimension];
        smoothed.iter_mut().step_by(dimension + 1).for_each(|diagonal| *diagonal = 1.0);
        Ok(Self {
            config,
            theta: theta.to_vec(),
            smoothed,
            directions: [vec![0.0; directions * dimension], vec![0.0; directions * dimension]],
            points: vec![0.0; count * dimension],
            others: vec![0.0; fidelities * directions * dimension],
            shift: config.spsa.perturbation,
            tracked: None,
            gradient: vec![0.0; dimension],
            awaits_fidelities: false,
            step: vec![0.0; dimension],
            modulus: FunctionOf::new(dimension),
        })
    }

    /// Draws the directions and writes down all points of the iteration.
    fn place(&mut self, context: &IterationContext) {
        let dimension = self.theta.len();
        let mut rng = context.streams.rng(Role::Direction);
        let [first, second] = &mut self.directions;
        fill_signs(first, &mut rng);
        fill_signs(second, &mut rng);
        let shift = self.config.spsa.perturbation_at(context.step);
        self.shift = shift;
        let tracked = if self.config.spsa.track { dimension } else { 0 };
        let (at_theta, points) = self.points.split_at_mut(tracked);
        at_theta.copy_from_slice(&self.theta[..tracked]);
        let per_direction = points.len() / first.len();
        for (j, (d, e)) in first.chunks_exact(dimension).zip(second.chunks_exact(dimension)).enumerate() {
            let both = |point: &mut [f64], sign: f64| {
                for (((x, theta), d), e) in point.iter_mut().zip(&self.theta).zip(d).zip(e) {
                    *x = theta + shift * (sign * d + e);
                }
            };
            let block = &mut points[j * per_direction * dimension..][..per_direction * dimension];
            let mut places = block.chunks_exact_mut(dimension);
            for (point, sign) in places.by_ref().take(2).zip([1.0, -1.0]) {
                fill_shifted(point, &self.theta, sign * shift, d);
            }
            for (point, sign) in places.zip([1.0, -1.0]) {
                both(point, sign);
            }
            if let Some(block) = self.others.get_mut(4 * j * dimension..4 * (j + 1) * dimension) {
                let mut places = block.chunks_exact_mut(dimension);
                for (point, sign) in places.by_ref().take(2).zip([1.0, -1.0]) {
                    fill_shifted(point, &self.theta, sign * shift, d);
                }
                for (point, sign) in places.zip([1.0, -1.0]) {
                    both(point, sign);
                }
            }
        }
    }

    /// Takes the four values of each direction in the order +D, -D, D + E, -D + E.
    fn smooth(&mut self, values: &[Estimate], stride: usize, factor: f64, step: u64) {
        let dimension = self.theta.len();
        let weight = 1.0 / (step as f64 + 2.0);
        self.smoothed.iter_mut().for_each(|entry| *entry *= 1.0 - weight);
        let scale = weight * factor / (2.0 * self.shift * self.shift * self.config.spsa.directions as f64);
        let [first, second] = &self.directions;
        let directions = first.chunks_exact(dimension).zip(second.chunks_exact(dimension));
        for (four, (d, e)) in values.chunks_exact(stride).zip(directions) {
            let difference = (four[2].value - four[0].value) - (four[3].value - four[1].value);
            let factor = scale * difference;
            for (row, (&d_row, &e_row)) in self.smoothed.chunks_exact_mut(dimension).zip(d.iter().zip(e)) {
                for (entry, (d, e)) in row.iter_mut().zip(d.iter().zip(e)) {
                    *entry += factor * (d_row * e + e_row * d) / 2.0;
                }
            }
        }
    }

    /// Writes (|H| + regularization I)^-1 g into `step`, or g itself during the delay.
    fn precondition(&mut self, step: u64) {
        self.step.copy_from_slice(&self.gradient);
        if step < self.config.delay {
            return;
        }
        let inverse = |value: f64| 1.0 / (value.abs() + self.config.regularization);
        if !self.modulus.multiply(&self.smoothed, inverse, &mut self.step) {
            self.step.fill(f64::NAN);
        }
    }

    fn finish(&mut self, step: u64) -> Result<Told, MethodError> {
        self.precondition(step);
        let rate = self.config.spsa.rate_at(step);
        self.step.iter_mut().for_each(|u| *u *= rate);
        let length = take_step(&mut self.theta, &self.step)?;
        Ok(Told::Done(StepReport::descent(self.tracked, norm(&self.gradient), length)))
    }
}

impl Method for SecondOrderSpsa {
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
        visit(&Query::Values { points: &self.points });
        if !self.others.is_empty() {
            visit(&Query::Fidelities { others: &self.others });
        }
    }

    fn ask(&mut self, context: &IterationContext) -> Ask<'_> {
        self.place(context);
        let query = if self.awaits_fidelities {
            Query::Fidelities { others: &self.others }
        } else {
            Query::Values { points: &self.points }
        };
        Ask { theta: &self.theta, query }
    }

    fn tell(&mut self, answer: &Answer, context: &IterationContext) -> Result<Told, MethodError> {
        let dimension = self.theta.len();
        if self.awaits_fidelities {
            let values = answer.measured_values(self.others.len() / dimension)?;
            self.awaits_fidelities = false;
            self.smooth(values, 4, -0.5, context.step);
            return self.finish(context.step);
        }
        let values = answer.measured_values(self.points.len() / dimension)?;
        let (tracked, values) = values.split_at(usize::from(self.config.spsa.track));
        let stride = values.len() / self.config.spsa.directions;
        let scale = 1.0 / (2.0 * self.shift * self.config.spsa.directions as f64);
        self.gradient.fill(0.0);
        for (sample, direction) in values.chunks_exact(stride).zip(self.directions[0].chunks_exact(dimension)) {
            let slope = scale * (sample[0].value - sample[1].value);
            for (g, d) in self.gradient.iter_mut().zip(direction) {
                *g += slope * d;
            }
        }
        self.tracked = tracked.first().copied();
        match self.config.curvature {
            Curvature::Loss => {
                self.smooth(values, stride, 1.0, context.step);
                self.finish(context.step)
            }
            Curvature::Fidelity => {
                self.awaits_fidelities = true;
                Ok(Told::MoreQueries)
            }
        }
    }

    fn theta(&self) -> &[f64] {
        &self.theta
    }

    fn state(&self) -> State {
        let mut state =
            State::new("second-order-spsa").with_floats("theta", &self.theta).with_floats("curvature", &self.smoothed);
        if self.awaits_fidelities {
            state = state.with_floats("gradient", &self.gradient);
            if let Some(Estimate { value, std_error }) = self.tracked {
                state = state.with_floats("loss", &[value, std_error]);
            }
        }
        state
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("second-order-spsa", &["theta", "curvature", "gradient", "loss"])?;
        let dimension = self.theta.len();
        let theta = state.finite_floats("theta", dimension)?;
        let smoothed = state.finite_floats("curvature", dimension * dimension)?;
        let tracked = finite_estimate(state, "loss")?;
        let awaits_fidelities = state.has_floats("gradient");
        if awaits_fidelities && self.others.is_empty() {
            return Err(StateError::Unexpected { name: "gradient".to_owned() });
        }
        if awaits_fidelities {
            self.gradient = state.finite_floats("gradient", dimension)?;
        }
        (self.theta, self.smoothed, self.tracked, self.awaits_fidelities) =
            (theta, smoothed, tracked, awaits_fidelities);
        Ok(())
    }
}
