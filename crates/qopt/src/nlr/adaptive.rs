//! The conventional use of a probe: a step scale that shrinks after failures and grows after successes.

use crate::nlr::Walk;
use crate::nlr::probe::ProbeTest;
use crate::{
    Answer, Ask, ConfigError, IterationContext, Method, MethodError, Query, Request, State, StateError, Told,
    UpdateRule,
};

/// Hyperparameters of [`AdaptiveStep`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AdaptiveStepConfig {
    /// The margin, as in [`ProbeConfig::z`](crate::ProbeConfig::z).
    pub z: f64,
    /// The scale of the loss, as in [`ProbeConfig::loss_scale`](crate::ProbeConfig::loss_scale); 1.
    pub loss_scale: f64,
    /// The factor of the step scale after a rejected candidate, at least 0 and below 1; 0.5.
    pub shrink: f64,
    /// The factor of the step scale after an accepted candidate, at least 1; 1.2.
    pub growth: f64,
    /// The largest step scale, at least 1; 4. There is no smallest one.
    pub cap: f64,
}

impl AdaptiveStepConfig {
    /// The defaults with the margin `z`, which has none.
    pub const fn new(z: f64) -> Self {
        Self { z, loss_scale: 1.0, shrink: 0.5, growth: 1.2, cap: 4.0 }
    }
}

/// The "bold driver": c = theta - scale u; if c is worse, stay and halve the scale, else accept c and multiply the
/// scale by 1.2 (at most 4; 1 at the start).
///
/// The control of [`Probe`](crate::Probe) that uses exactly its information, by the same test. The rule sees every
/// gradient, that of rejected iterations too. Two queries per iteration: gradient and loss at theta, loss at c. A loss
/// that the objective calls [reusable](Answer::reusable) is not asked for again, be the candidate accepted or rejected.
///
/// Reference: R. Battiti, Complex Systems 3, 331 (1989).
#[derive(Clone, Debug)]
pub struct AdaptiveStep<R> {
    walk: Walk<R>,
    config: AdaptiveStepConfig,
    test: ProbeTest,
    scale: f64,
}

impl<R: UpdateRule> AdaptiveStep<R> {
    /// The method around `rule`, from `theta`.
    ///
    /// # Errors
    /// [`ConfigError`] if a hyperparameter is out of range or the starting point is empty or not finite.
    pub fn new(config: AdaptiveStepConfig, rule: R, theta: &[f64]) -> Result<Self, ConfigError> {
        ConfigError::fraction("shrink", config.shrink)?;
        ConfigError::at_least_one("growth", config.growth)?;
        ConfigError::at_least_one("cap", config.cap)?;
        Ok(Self {
            walk: Walk::new(rule, theta)?,
            config,
            test: ProbeTest::new(config.z, config.loss_scale)?,
            scale: 1.0,
        })
    }

    /// The present step scale.
    pub fn scale(&self) -> f64 {
        self.scale
    }
}

impl<R: UpdateRule> Method for AdaptiveStep<R> {
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
        visit(&self.walk.opening_request().into());
        visit(&Request::VALUE.into());
    }

    fn ask(&mut self, _context: &IterationContext) -> Ask<'_> {
        self.walk.ask()
    }

    fn tell(&mut self, answer: &Answer, context: &IterationContext) -> Result<Told, MethodError> {
        if !self.walk.is_probing() {
            self.walk.open(answer, context)?;
            return self.walk.probe_step(self.scale);
        }
        let candidate = self.walk.close_probe(answer)?;
        Ok(match self.test.fires(self.walk.loss(), candidate) {
            None => {
                let length = self.scale * self.walk.step_norm();
                self.scale = (self.scale * self.config.growth).min(self.config.cap);
                self.walk.accept(answer, length)
            }
            Some(trigger) => {
                self.scale *= self.config.shrink;
                self.walk.reject(trigger)
            }
        })
    }

    fn theta(&self) -> &[f64] {
        self.walk.theta()
    }

    fn state(&self) -> State {
        State::new("adaptive-step").with_child("walk", self.walk.state()).with_floats("scale", &[self.scale])
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("adaptive-step", &["walk", "scale"])?;
        let scale = state.finite_floats("scale", 1)?;
        self.walk.restore_with_probe(state.child("walk")?)?;
        self.scale = scale[0];
        Ok(())
    }
}
