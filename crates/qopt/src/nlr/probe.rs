//! Ascend where a descent step would worsen the loss.

use crate::nlr::{Control, Walk};
use crate::{
    Answer, Ask, ConfigError, Estimate, IterationContext, Method, MethodError, Query, Request, State, StateError, Told,
    Trigger, UpdateRule,
};

/// Exact values closer than this, in units of the loss scale, count as equal: on a deep plateau the change of the loss
/// lies below the rounding of double precision, and a comparison would be decided by it.
const ROUNDING: f64 = 1e-14;

/// Hyperparameters of [`Probe`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ProbeConfig {
    /// The ascent factor: a negative step is rho times the rule's step. Finite, not negative; 0.25.
    pub rho: f64,
    /// The margin, in standard errors of the difference of the two losses. Finite, not negative. 0 for exact values; 2
    /// with shots, where 0 would make the test a coin flip wherever the true change is below the noise.
    pub z: f64,
    /// What is made of a negative step.
    pub control: Control,
    /// The scale of the loss, see [`Objective::loss_scale`](crate::Objective::loss_scale). Exact values that differ by
    /// at most 1e-14 times this scale count as equal. Positive and finite; 1.
    pub loss_scale: f64,
}

impl ProbeConfig {
    /// The defaults with the margin `z`, which has none.
    pub const fn new(z: f64) -> Self {
        Self { rho: 0.25, z, control: Control::Ascend, loss_scale: 1.0 }
    }

    /// For exact values: z = 0.
    pub const fn exact() -> Self {
        Self::new(0.0)
    }

    /// For values from shots: z = 2.
    pub const fn shots() -> Self {
        Self::new(2.0)
    }
}

/// The test of a probe: is the candidate worse than the margin allows?
#[derive(Clone, Copy, Debug)]
pub(super) struct ProbeTest {
    z: f64,
    rounding: f64,
}

impl ProbeTest {
    pub(super) fn new(z: f64, loss_scale: f64) -> Result<Self, ConfigError> {
        Ok(Self {
            z: ConfigError::not_negative("z", z)?,
            rounding: ROUNDING * ConfigError::positive("loss_scale", loss_scale)?,
        })
    }

    /// The numbers of the test if the candidate is worse.
    pub(super) fn fires(self, loss: Estimate, candidate: Estimate) -> Option<Trigger> {
        let std_error = loss.std_error.hypot(candidate.std_error);
        let (margin, is_worse) = if std_error == 0.0 {
            // As a difference: L + 1e-14 may round to L.
            (self.rounding, candidate.value - loss.value > self.rounding)
        } else {
            let margin = self.z * std_error;
            (margin, candidate.value > loss.value + margin)
        };
        is_worse.then_some(Trigger::Probe { loss, candidate, margin })
    }
}

/// Negative steps after a failed probe: with c = theta - u,
///
/// theta <- theta + rho u if Lhat(c) > Lhat(theta) + z sqrt(se(theta)^2 + se(c)^2), else theta <- c.
///
/// Two queries per iteration: gradient and loss at theta, loss at c. The loss of an accepted c is the next Lhat(theta)
/// if the objective calls it [reusable](Answer::reusable) (exact, on the full data), and is then not asked for again.
/// Otherwise both losses are fresh in every iteration: an accepted candidate is selected for a lucky draw, and to use
/// its loss again would make the next comparison too strict.
#[derive(Clone, Debug)]
pub struct Probe<R> {
    walk: Walk<R>,
    rho: f64,
    test: ProbeTest,
    control: Control,
}

impl<R: UpdateRule> Probe<R> {
    /// The method around `rule`, from `theta`.
    ///
    /// # Errors
    /// [`ConfigError`] if a hyperparameter is out of range or the starting point is empty or not finite.
    pub fn new(config: ProbeConfig, rule: R, theta: &[f64]) -> Result<Self, ConfigError> {
        Ok(Self {
            walk: Walk::new(rule, theta)?,
            rho: ConfigError::not_negative("rho", config.rho)?,
            test: ProbeTest::new(config.z, config.loss_scale)?,
            control: config.control,
        })
    }
}

impl<R: UpdateRule> Method for Probe<R> {
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
            return self.walk.probe_step(1.0);
        }
        let candidate = self.walk.close_probe(answer)?;
        match self.test.fires(self.walk.loss(), candidate) {
            None => Ok(self.walk.accept(answer, self.walk.step_norm())),
            Some(trigger) => self.walk.displace_by_step(self.rho, self.control, trigger, context),
        }
    }

    fn theta(&self) -> &[f64] {
        self.walk.theta()
    }

    fn state(&self) -> State {
        State::new("probe").with_child("walk", self.walk.state())
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("probe", &["walk"])?;
        self.walk.restore_with_probe(state.child("walk")?)
    }
}
