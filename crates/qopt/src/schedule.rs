//! Factors before a step that depend on the iteration, and limits on the gradient before a rule.

use std::f64::consts::PI;

use crate::vector::norm;
use crate::{ConfigError, Request, State, StateError, StepContext, UpdateRule};

/// How a factor falls with the iteration k = 0, 1, ...; 1 at k = 0.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Decay {
    /// 1.
    #[default]
    Constant,
    /// factor^floor(k / every).
    Step {
        /// At least 1.
        every: u64,
        /// At least 0 and at most 1.
        factor: f64,
    },
    /// factor^k.
    Exponential {
        /// At least 0 and at most 1.
        factor: f64,
    },
    /// 1 / (1 + k / half): half as large after `half` iterations.
    InverseTime {
        /// At least 1.
        half: u64,
    },
    /// floor + (1 - floor) (1 + cos(pi k / period))/2, floor from k = period on.
    Cosine {
        /// At least 1.
        period: u64,
        /// At least 0 and at most 1.
        floor: f64,
    },
}

/// A factor before a step: a linear warm-up, then a decay.
///
/// With w warm-up iterations the factor is (k + 1)/(w + 1) for k < w, and that of the decay at k - w from then on.
///
/// ```
/// use qopt::{Decay, Schedule};
///
/// let schedule = Schedule { warm_up: 4, decay: Decay::Cosine { period: 100, floor: 0.1 } };
/// assert_eq!((schedule.factor(0), schedule.factor(4), schedule.factor(1000)), (0.2, 1.0, 0.1));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Schedule {
    /// Iterations of the warm-up; 0.
    pub warm_up: u64,
    /// What follows.
    pub decay: Decay,
}

impl From<Decay> for Schedule {
    fn from(decay: Decay) -> Self {
        Self { warm_up: 0, decay }
    }
}

impl Schedule {
    /// The factor of iteration `step`, between 0 and 1.
    pub fn factor(&self, step: u64) -> f64 {
        if step < self.warm_up {
            return (step as f64 + 1.0) / (self.warm_up as f64 + 1.0);
        }
        let step = step - self.warm_up;
        match self.decay {
            Decay::Constant => 1.0,
            Decay::Step { every, factor } => factor.powf((step / every.max(1)) as f64),
            Decay::Exponential { factor } => factor.powf(step as f64),
            Decay::InverseTime { half } => 1.0 / (1.0 + step as f64 / half.max(1) as f64),
            Decay::Cosine { period, floor } if step < period => {
                floor + (1.0 - floor) * (1.0 + (PI * step as f64 / period as f64).cos()) / 2.0
            }
            Decay::Cosine { floor, .. } => floor,
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        match self.decay {
            Decay::Constant => {}
            Decay::Step { every, factor } => {
                ConfigError::counted("every", every)?;
                ConfigError::probability("factor", factor)?;
            }
            Decay::Exponential { factor } => {
                ConfigError::probability("factor", factor)?;
            }
            Decay::InverseTime { half } => {
                ConfigError::counted("half", half)?;
            }
            Decay::Cosine { period, floor } => {
                ConfigError::counted("period", period)?;
                ConfigError::probability("floor", floor)?;
            }
        }
        Ok(())
    }
}

/// A rule whose step is multiplied by a [`Schedule`]: for every rule of the crate that is a schedule of its learning
/// rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Scheduled<R> {
    rule: R,
    schedule: Schedule,
}

impl<R: UpdateRule> Scheduled<R> {
    /// `rule` with a schedule.
    ///
    /// # Errors
    /// [`ConfigError`] if a number of the schedule is out of range.
    pub fn new(rule: R, schedule: impl Into<Schedule>) -> Result<Self, ConfigError> {
        let schedule = schedule.into();
        schedule.check()?;
        Ok(Self { rule, schedule })
    }
}

impl<R: UpdateRule> UpdateRule for Scheduled<R> {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        self.rule.step(context, step);
        let factor = self.schedule.factor(context.step);
        step.iter_mut().for_each(|u| *u *= factor);
    }

    fn prepare(&mut self, dimension: usize) {
        self.rule.prepare(dimension);
    }

    fn reset(&mut self) {
        self.rule.reset();
    }

    fn request(&self) -> Request {
        self.rule.request()
    }

    fn state(&self) -> State {
        self.rule.state()
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        self.rule.restore(state)
    }
}

/// A limit on a gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Clip {
    /// g <- g min(1, limit/|g|).
    Norm(f64),
    /// Each component to the interval from -limit to limit.
    Value(f64),
}

/// A rule that is shown a clipped gradient. The standard errors are those of the gradient as measured.
///
/// Reference: R. Pascanu, T. Mikolov and Y. Bengio, arXiv:1211.5063, Algorithm 1 (for the norm).
#[derive(Clone, Debug, PartialEq)]
pub struct Clipped<R> {
    rule: R,
    clip: Clip,
    gradient: Vec<f64>,
}

impl<R: UpdateRule> Clipped<R> {
    /// `rule` behind a limit.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless the limit is positive and finite.
    pub fn new(rule: R, clip: Clip) -> Result<Self, ConfigError> {
        let (Clip::Norm(limit) | Clip::Value(limit)) = clip;
        ConfigError::positive("limit", limit)?;
        Ok(Self { rule, clip, gradient: Vec::new() })
    }
}

impl<R: UpdateRule> UpdateRule for Clipped<R> {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        self.gradient.clear();
        self.gradient.extend_from_slice(context.gradient);
        match self.clip {
            Clip::Norm(limit) => {
                let norm = norm(&self.gradient);
                if norm > limit {
                    self.gradient.iter_mut().for_each(|g| *g = *g / norm * limit);
                }
            }
            Clip::Value(limit) => self.gradient.iter_mut().for_each(|g| *g = g.clamp(-limit, limit)),
        }
        self.rule.step(&StepContext { gradient: &self.gradient, ..*context }, step);
    }

    fn prepare(&mut self, dimension: usize) {
        self.gradient.reserve(dimension);
        self.rule.prepare(dimension);
    }

    fn reset(&mut self) {
        self.rule.reset();
    }

    fn request(&self) -> Request {
        self.rule.request()
    }

    fn state(&self) -> State {
        self.rule.state()
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        self.rule.restore(state)
    }
}
