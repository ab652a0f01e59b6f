//! Phases of long ascent steps when the loss has stalled.

use crate::nlr::monitor::StallMonitor;
use crate::nlr::{Control, Walk};
use crate::vector::norm;
use crate::{
    Answer, Ask, ConfigError, Event, IterationContext, Method, MethodError, Query, State, StateError, Told, Trigger,
    UpdateRule,
};

/// Hyperparameters of [`Stall`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StallConfig {
    /// W: a phase starts after so many iterations without an improvement. At least 1; 20.
    pub window: u64,
    /// An improvement is a loss smaller than the reference by more than this, in units of the loss. Finite, not
    /// negative; 1e-3, right for a loss of scale 1: see [`for_scale`](Self::for_scale).
    pub delta: f64,
    /// delta is at least so many standard errors of the measured loss. Finite, not negative; 2. Without effect on exact
    /// values.
    pub delta_std_errors: f64,
    /// K-, the steps of a phase. At least 1; 2.
    pub phase: u64,
    /// Iterations after a phase in which none starts; 10. It acts only if it exceeds W + 1, since a phase restarts the
    /// window too.
    pub cooldown: u64,
    /// r, the length of a whole phase, in units of theta (radians). Positive and finite; 0.3 sqrt(P) if none.
    pub radius: Option<f64>,
    /// Whether a phase starts from the best point so far, with the gradient measured there.
    pub revert: bool,
    /// With revert: the factor by which r grows from one phase to the next if the best loss has not improved in
    /// between. At least 1; 1.5.
    pub growth: f64,
    /// The largest product of these factors. At least 1; 8.
    pub cap: f64,
    /// What is made of a negative step.
    pub control: Control,
}

impl Default for StallConfig {
    fn default() -> Self {
        Self {
            window: 20,
            delta: 1e-3,
            delta_std_errors: 2.0,
            phase: 2,
            cooldown: 10,
            radius: None,
            revert: true,
            growth: 1.5,
            cap: 8.0,
            control: Control::Ascend,
        }
    }
}

impl StallConfig {
    /// The defaults for a loss of the given scale: delta is 1e-3 times the [scale](crate::Objective::loss_scale).
    pub fn for_scale(loss_scale: f64) -> Self {
        Self { delta: 1e-3 * loss_scale, ..Self::default() }
    }
}

/// r, or its default for P parameters.
pub(super) fn radius(given: Option<f64>, dimension: usize) -> Result<f64, ConfigError> {
    ConfigError::positive("radius", given.unwrap_or(0.3 * (dimension as f64).sqrt()))
}

/// Escape by K- long ascent steps theta <- theta + (amp r / K-) g/|g| when the loss has stalled.
///
/// ```text
/// start: ref = +inf, since = cool = neg = 0, amp = 1
/// if Lhat < ref - delta: ref = Lhat, since = 0   else since += 1
/// cool = max(cool - 1, 0)
/// if since >= W and cool == 0 and neg == 0:
///     neg = K-
///     if revert: (theta, g) <- best point and the gradient measured there (g for this step only)
///                amp = min(growth amp, cap) if the best loss has not fallen by delta since the last phase
///                      started, else 1
/// if neg > 0:  theta <- theta + (amp r / K-) g/|g|, neg -= 1
///              when neg reaches 0: cool = cooldown, since = 0, ref = +inf
/// else:        theta <- theta - u
/// ```
///
/// The length does not depend on |g|: on a plateau eta g goes nowhere. Where g is exactly 0 (frequent with few shots)
/// there is no direction; a random kick of the same length is taken and counted in
/// [`StepReport::kicks`](crate::StepReport::kicks). One query per iteration: loss and gradient. With noisy values the
/// test fires on noise unless delta is well above the standard error and the window long.
#[derive(Clone, Debug)]
pub struct Stall<R> {
    walk: Walk<R>,
    monitor: StallMonitor,
    config: StallConfig,
    radius: f64,
    /// The steps left in the phase.
    left: u64,
    /// Iterations without an improvement when the phase started.
    since: u64,
    amplitude: f64,
    best: Best,
    /// The best loss when the last phase started.
    best_at_phase: Option<f64>,
}

/// The best point, its loss and its gradient.
#[derive(Clone, Debug)]
pub(super) struct Best {
    loss: f64,
    pub(super) theta: Vec<f64>,
    pub(super) gradient: Vec<f64>,
}

impl Best {
    pub(super) fn new(theta: &[f64]) -> Self {
        Self { loss: f64::INFINITY, theta: theta.to_vec(), gradient: vec![0.0; theta.len()] }
    }

    /// Takes the loss and the gradient measured at `theta`.
    pub(super) fn track(&mut self, loss: f64, theta: &[f64], gradient: &[f64]) {
        if loss < self.loss {
            self.loss = loss;
            self.theta.copy_from_slice(theta);
            self.gradient.copy_from_slice(gradient);
        }
    }

    pub(super) fn written_to(&self, state: State) -> State {
        state
            .with_floats("best loss", &[self.loss])
            .with_floats("best theta", &self.theta)
            .with_floats("best gradient", &self.gradient)
    }

    pub(super) fn of_state(state: &State, dimension: usize) -> Result<Self, StateError> {
        // Infinite before the first iteration.
        let loss = state.floats_of("best loss", 1)?[0];
        if loss.is_nan() {
            return Err(StateError::Value { name: "best loss".to_owned() });
        }
        let theta = state.finite_floats("best theta", dimension)?;
        Ok(Self { loss, theta, gradient: state.finite_floats("best gradient", dimension)? })
    }
}

impl<R: UpdateRule> Stall<R> {
    /// The method around `rule`, from `theta`.
    ///
    /// # Errors
    /// [`ConfigError`] if a hyperparameter is out of range or the starting point is empty or not finite.
    pub fn new(config: StallConfig, rule: R, theta: &[f64]) -> Result<Self, ConfigError> {
        ConfigError::counted("phase", config.phase)?;
        ConfigError::at_least_one("growth", config.growth)?;
        ConfigError::at_least_one("cap", config.cap)?;
        Ok(Self {
            walk: Walk::new(rule, theta)?,
            monitor: StallMonitor::new(config.window, config.delta, config.delta_std_errors, config.cooldown)?,
            config,
            radius: radius(config.radius, theta.len())?,
            left: 0,
            since: 0,
            amplitude: 1.0,
            best: Best::new(theta),
            best_at_phase: None,
        })
    }

    fn start_phase(&mut self) {
        self.left = self.config.phase;
        self.since = self.monitor.since();
        if self.config.revert {
            let threshold = self.monitor.threshold(self.walk.loss());
            let in_vain = self.best_at_phase.is_some_and(|before| self.best.loss >= before - threshold);
            self.amplitude = if in_vain { (self.config.growth * self.amplitude).min(self.config.cap) } else { 1.0 };
            self.best_at_phase = Some(self.best.loss);
            self.walk.jump_to(&self.best.theta);
        }
    }
}

impl<R: UpdateRule> Method for Stall<R> {
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
        visit(&self.walk.opening_request().into());
    }

    fn ask(&mut self, _context: &IterationContext) -> Ask<'_> {
        self.walk.ask()
    }

    fn tell(&mut self, answer: &Answer, context: &IterationContext) -> Result<Told, MethodError> {
        self.walk.open(answer, context)?;
        self.best.track(self.walk.loss().value, self.walk.theta(), &answer.gradient);
        self.monitor.track(self.walk.loss());
        let starts = self.left == 0 && self.monitor.has_stalled();
        if starts {
            self.start_phase();
        }
        if self.left == 0 {
            return self.walk.descend();
        }
        let reverted = starts && self.config.revert;
        let trigger = Trigger::Stall {
            since: self.since,
            position: self.config.phase - self.left,
            amplitude: self.amplitude,
            reverted,
        };
        self.left -= 1;
        if self.left == 0 {
            self.monitor.rest();
        }
        let gradient = if reverted { &self.best.gradient } else { &answer.gradient };
        let length = self.amplitude * self.radius / self.config.phase as f64;
        let control = self.config.control;
        let norm = norm(gradient);
        if norm == 0.0 {
            return self.walk.displace_without_direction(length, control, trigger, context);
        }
        self.walk.displace_along(length, gradient, norm, Event::Ascent, control, trigger, context)
    }

    fn theta(&self) -> &[f64] {
        self.walk.theta()
    }

    fn state(&self) -> State {
        let state = State::new("stall")
            .with_child("walk", self.walk.state())
            .with_child("monitor", self.monitor.state())
            .with_counts("phase", &[self.left, self.since])
            .with_floats("amplitude", &[self.amplitude]);
        let state = self.best.written_to(state);
        match self.best_at_phase {
            None => state,
            Some(loss) => state.with_floats("best loss at phase", &[loss]),
        }
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        const NAMES: [&str; 8] =
            ["walk", "monitor", "phase", "amplitude", "best loss", "best theta", "best gradient", "best loss at phase"];
        state.expect("stall", &NAMES)?;
        let dimension = self.best.theta.len();
        let monitor = self.monitor.restored(state.child("monitor")?)?;
        let [left, since] = state.counts("phase")?;
        if left > self.config.phase {
            return Err(StateError::Value { name: "phase".to_owned() });
        }
        let amplitude = state.finite_floats("amplitude", 1)?[0];
        let best = Best::of_state(state, dimension)?;
        let best_at_phase = if state.has_floats("best loss at phase") {
            Some(state.finite_floats("best loss at phase", 1)?[0])
        } else {
            None
        };
        self.walk.restore(state.child("walk")?)?;
        self.monitor = monitor;
        (self.left, self.since) = (left, since);
        self.amplitude = amplitude;
        self.best = best;
        self.best_at_phase = best_at_phase;
        Ok(())
    }
}
