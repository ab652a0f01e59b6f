//! A new random starting point when the loss has stalled.

use rand::RngExt;

use crate::nlr::Walk;
use crate::nlr::monitor::StallMonitor;
use crate::{
    Answer, Ask, ConfigError, IterationContext, Method, MethodError, Query, Role, State, StateError, Told, Trigger,
    UpdateRule,
};

/// The half-open interval from `low` to `high`, over which a component of a starting point is uniform.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end. It is not below the lower one.
    pub high: f64,
}

impl Interval {
    pub(crate) fn check(self, component: usize) -> Result<(), ConfigError> {
        let Self { low, high } = self;
        if low <= high && low.is_finite() && (high - low).is_finite() {
            Ok(())
        } else {
            Err(ConfigError::Interval { component, low, high })
        }
    }
}

/// Hyperparameters of [`Restart`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RestartConfig {
    /// W: a restart follows so many iterations without an improvement. At least 1; 20.
    pub window: u64,
    /// As in [`StallConfig::delta`](crate::StallConfig::delta); 1e-3.
    pub delta: f64,
    /// As in [`StallConfig::delta_std_errors`](crate::StallConfig::delta_std_errors); 2.
    pub delta_std_errors: f64,
    /// Iterations after a restart in which there is none; 10. It acts only if it exceeds W + 1.
    pub cooldown: u64,
    /// The distribution of the starting points: one interval for each of the P components.
    pub start: Vec<Interval>,
}

impl RestartConfig {
    /// The defaults with the distribution of the starting points, which has none.
    pub const fn new(start: Vec<Interval>) -> Self {
        Self { window: 20, delta: 1e-3, delta_std_errors: 2.0, cooldown: 10, start }
    }

    /// The defaults with the same interval for each of `dimension` components.
    pub fn uniform(interval: Interval, dimension: usize) -> Self {
        Self::new(vec![interval; dimension])
    }
}

/// A new start when the loss has stalled (by the test of [`Stall`](crate::Stall)), otherwise theta - u.
///
/// A restart draws theta from the distribution of the starting points, with the stream of [`Role::Restart`], and the
/// rule forgets its state. There is no step in that iteration. One query per iteration: loss and gradient.
#[derive(Clone, Debug)]
pub struct Restart<R> {
    walk: Walk<R>,
    monitor: StallMonitor,
    start: Vec<Interval>,
}

impl<R: UpdateRule> Restart<R> {
    /// The method around `rule`, from `theta`.
    ///
    /// # Errors
    /// [`ConfigError`] if a hyperparameter is out of range, there is not one interval for each component, or the
    /// starting point is empty or not finite.
    pub fn new(config: RestartConfig, rule: R, theta: &[f64]) -> Result<Self, ConfigError> {
        let walk = Walk::new(rule, theta)?;
        if config.start.len() != theta.len() {
            return Err(ConfigError::Length { name: "start", expected: theta.len(), found: config.start.len() });
        }
        for (component, interval) in config.start.iter().enumerate() {
            interval.check(component)?;
        }
        Ok(Self {
            walk,
            monitor: StallMonitor::new(config.window, config.delta, config.delta_std_errors, config.cooldown)?,
            start: config.start,
        })
    }
}

impl<R: UpdateRule> Method for Restart<R> {
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
        visit(&self.walk.opening_request().into());
    }

    fn ask(&mut self, _context: &IterationContext) -> Ask<'_> {
        self.walk.ask()
    }

    fn tell(&mut self, answer: &Answer, context: &IterationContext) -> Result<Told, MethodError> {
        self.walk.open(answer, context)?;
        self.monitor.track(self.walk.loss());
        if !self.monitor.has_stalled() {
            return self.walk.descend();
        }
        let trigger = Trigger::Restart { since: self.monitor.since() };
        self.monitor.rest();
        let mut rng = context.streams.rng(Role::Restart);
        let start = &self.start;
        let draw = |component: usize| {
            let Interval { low, high } = start[component];
            low + (high - low) * rng.random::<f64>()
        };
        Ok(self.walk.restart(draw, trigger))
    }

    fn theta(&self) -> &[f64] {
        self.walk.theta()
    }

    fn state(&self) -> State {
        State::new("restart").with_child("walk", self.walk.state()).with_child("monitor", self.monitor.state())
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("restart", &["walk", "monitor"])?;
        let monitor = self.monitor.restored(state.child("monitor")?)?;
        self.walk.restore(state.child("walk")?)?;
        self.monitor = monitor;
        Ok(())
    }
}
