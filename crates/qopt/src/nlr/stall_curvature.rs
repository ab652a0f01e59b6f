//! Phases of long steps along the gradient, uphill or downhill as the curvature says.

use crate::nlr::monitor::StallMonitor;
use crate::nlr::stall::radius;
use crate::nlr::{Control, StallConfig, Walk};
use crate::{
    Answer, Ask, ConfigError, Event, IterationContext, Method, MethodError, Query, Request, State, StateError, Told,
    Trigger, UpdateRule,
};

/// Hyperparameters of [`StallCurvature`]: those of [`StallConfig`] without the revert.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StallCurvatureConfig {
    /// W, as in [`StallConfig::window`]; 20.
    pub window: u64,
    /// As in [`StallConfig::delta`]; 1e-3.
    pub delta: f64,
    /// As in [`StallConfig::delta_std_errors`]; 2.
    pub delta_std_errors: f64,
    /// K-, as in [`StallConfig::phase`]; 2.
    pub phase: u64,
    /// As in [`StallConfig::cooldown`]; 10.
    pub cooldown: u64,
    /// r, as in [`StallConfig::radius`]; 0.3 sqrt(P) if none. The probe has the length min(r/2, 0.25).
    pub radius: Option<f64>,
    /// What is made of a step of the phase.
    pub control: Control,
}

impl Default for StallCurvatureConfig {
    fn default() -> Self {
        Self::for_scale(1.0)
    }
}

impl StallCurvatureConfig {
    /// The defaults for a loss of the given scale: delta is 1e-3 times the [scale](crate::Objective::loss_scale).
    pub fn for_scale(loss_scale: f64) -> Self {
        let StallConfig { window, delta, delta_std_errors, phase, cooldown, radius, control, .. } =
            StallConfig::for_scale(loss_scale);
        Self { window, delta, delta_std_errors, phase, cooldown, radius, control }
    }
}

/// [`Stall`](crate::Stall) without revert, with the sign of each step chosen so that the gradient grows to first order.
///
/// In each step of a phase the loss is probed at distance eps = min(r/2, 0.25) down the gradient,
///
/// kappa = 2 (Lhat(theta - eps g/|g|) - Lhat(theta) + eps |g|) / eps^2,
///
/// an estimate of g'Hg/|g|^2 with the Hessian H; then theta <- theta + (r/K-) g/|g| if kappa > 0, else theta - (r/K-)
/// g/|g|. Under noise kappa is biased upwards, since |g| contains the noise of g: on a flat loss "ascend" is the
/// default.
///
/// One query per iteration (loss and gradient), and the probe in each step of a phase. Where g is exactly 0 a random
/// kick is taken, without a probe.
#[derive(Clone, Debug)]
pub struct StallCurvature<R> {
    walk: Walk<R>,
    monitor: StallMonitor,
    config: StallCurvatureConfig,
    radius: f64,
    /// The steps left in the phase.
    left: u64,
    /// Iterations without an improvement when the phase started.
    since: u64,
    /// g/|g| while a probe is under way.
    direction: Vec<f64>,
}

impl<R: UpdateRule> StallCurvature<R> {
    /// The method around `rule`, from `theta`.
    ///
    /// # Errors
    /// [`ConfigError`] if a hyperparameter is out of range or the starting point is empty or not finite.
    pub fn new(config: StallCurvatureConfig, rule: R, theta: &[f64]) -> Result<Self, ConfigError> {
        ConfigError::counted("phase", config.phase)?;
        Ok(Self {
            walk: Walk::new(rule, theta)?,
            monitor: StallMonitor::new(config.window, config.delta, config.delta_std_errors, config.cooldown)?,
            config,
            radius: radius(config.radius, theta.len())?,
            left: 0,
            since: 0,
            direction: vec![0.0; theta.len()],
        })
    }

    fn probe_length(&self) -> f64 {
        (self.radius / 2.0).min(0.25)
    }

    /// The trigger of this step of the phase; counts it.
    fn take_step(&mut self, curvature: Option<f64>) -> Trigger {
        let trigger = Trigger::StallCurvature { since: self.since, position: self.config.phase - self.left, curvature };
        self.left -= 1;
        if self.left == 0 {
            self.monitor.rest();
        }
        trigger
    }

    fn open(&mut self, answer: &Answer, context: &IterationContext) -> Result<Told, MethodError> {
        self.walk.open(answer, context)?;
        self.monitor.track(self.walk.loss());
        if self.left == 0 && self.monitor.has_stalled() {
            self.left = self.config.phase;
            self.since = self.monitor.since();
        }
        if self.left == 0 {
            return self.walk.descend();
        }
        let norm = self.walk.gradient_norm();
        if norm == 0.0 {
            let trigger = self.take_step(None);
            let control = self.config.control;
            return self.walk.displace_without_direction(self.step_length(), control, trigger, context);
        }
        for (direction, g) in self.direction.iter_mut().zip(&answer.gradient) {
            *direction = g / norm;
        }
        self.walk.probe_along(self.probe_length(), &self.direction)
    }

    fn step_length(&self) -> f64 {
        self.radius / self.config.phase as f64
    }
}

impl<R: UpdateRule> Method for StallCurvature<R> {
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
        visit(&self.walk.opening_request().into());
        if self.left > 0 || self.monitor.may_stall_next() {
            visit(&Request::VALUE.into());
        }
    }

    fn ask(&mut self, _context: &IterationContext) -> Ask<'_> {
        self.walk.ask()
    }

    fn tell(&mut self, answer: &Answer, context: &IterationContext) -> Result<Told, MethodError> {
        if !self.walk.is_probing() {
            return self.open(answer, context);
        }
        let eps = self.probe_length();
        let probed = self.walk.close_probe(answer)?.value;
        let excess = probed - self.walk.loss().value + eps * self.walk.gradient_norm();
        let curvature = 2.0 * excess / (eps * eps);
        let (sign, event) = if curvature > 0.0 { (1.0, Event::Ascent) } else { (-1.0, Event::DescentBySign) };
        let length = sign * self.step_length();
        let trigger = self.take_step(Some(curvature));
        let control = self.config.control;
        self.walk.displace_along(length, &self.direction, 1.0, event, control, trigger, context)
    }

    fn theta(&self) -> &[f64] {
        self.walk.theta()
    }

    fn state(&self) -> State {
        let state = State::new("stall-curvature")
            .with_child("walk", self.walk.state())
            .with_child("monitor", self.monitor.state())
            .with_counts("phase", &[self.left, self.since]);
        if self.walk.is_probing() { state.with_floats("direction", &self.direction) } else { state }
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("stall-curvature", &["walk", "monitor", "phase", "direction"])?;
        let monitor = self.monitor.restored(state.child("monitor")?)?;
        let [left, since] = state.counts("phase")?;
        let walk = state.child("walk")?;
        // A probe under way belongs to a step of a phase and has a direction.
        let probing = Walk::<R>::is_probing_in(walk);
        if left > self.config.phase || (probing && left == 0) {
            return Err(StateError::Value { name: "phase".to_owned() });
        }
        let direction = if probing { Some(state.finite_floats("direction", self.direction.len())?) } else { None };
        self.walk.restore_with_probe(walk)?;
        self.monitor = monitor;
        (self.left, self.since) = (left, since);
        if let Some(direction) = direction {
            self.direction = direction;
        }
        Ok(())
    }
}
