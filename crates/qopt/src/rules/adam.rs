//! Adam and its relatives.

use crate::rules::{Memory, learning_rate, state_is};
use crate::vector::next_power;
use crate::{ConfigError, State, StateError, StepContext, UpdateRule};

/// What the rules of this module share: the two means of a gradient, their decays to the power t, and epsilon.
#[derive(Clone, Debug, PartialEq)]
struct Means {
    rate: f64,
    decays: [f64; 2],
    epsilon: f64,
    m: Memory,
    v: Memory,
    powers: [f64; 2],
}

impl Means {
    fn new(rate: f64) -> Result<Self, ConfigError> {
        Ok(Self {
            rate: learning_rate(rate)?,
            decays: [0.9, 0.999],
            epsilon: 1e-8,
            m: Memory::new("m"),
            v: Memory::new("v"),
            powers: [1.0; 2],
        })
    }

    fn prepare(&mut self, dimension: usize) {
        self.m.prepare(dimension);
        self.v.prepare(dimension);
    }

    fn reset(&mut self) {
        self.m.reset();
        self.v.reset();
        self.powers = [1.0; 2];
    }

    /// Takes a gradient; the bias corrections 1 - beta^t of both means.
    fn update(&mut self, gradient: &[f64]) -> [f64; 2] {
        let [first, second] = self.decays;
        self.powers = [next_power(self.powers[0], first), next_power(self.powers[1], second)];
        let (m, v) = (self.m.of(gradient.len()), self.v.of(gradient.len()));
        for ((m, v), g) in m.iter_mut().zip(v).zip(gradient) {
            *m = first * *m + (1.0 - first) * g;
            *v = second * *v + (1.0 - second) * (g * g);
        }
        [1.0 - self.powers[0], 1.0 - self.powers[1]]
    }

    /// Both means of each component.
    fn pairs(&self) -> impl Iterator<Item = (&f64, &f64)> {
        self.m.values.iter().zip(&self.v.values)
    }

    fn state(&self, kind: &str) -> State {
        self.v.add_to(self.m.state(kind)).with_floats("powers", &self.powers)
    }

    fn restored(&self, kind: &str, state: &State) -> Result<Self, StateError> {
        state.expect(kind, &NAMES)?;
        self.restored_from(state)
    }

    /// The means with the state of earlier ones.
    fn restored_from(&self, state: &State) -> Result<Self, StateError> {
        let powers = state.finite_floats("powers", 2)?;
        let (m, v) = (self.m.restored_from(state)?, self.v.restored_from(state)?);
        Ok(Self { m, v, powers: [powers[0], powers[1]], rate: self.rate, decays: self.decays, epsilon: self.epsilon })
    }
}

/// The names of a state of [`Means`].
const NAMES: [&str; 3] = ["m", "v", "powers"];

/// What may be chosen of the rules whose field `means` is [`Means`], apart from the rate.
macro_rules! choices {
    ($($rule:ident),*) => {$(
        impl $rule {
            /// The same with other decays of the first and the second moment.
            ///
            /// # Errors
            /// [`ConfigError::OutOfRange`] unless both are at least 0 and below 1.
            pub fn with_decays(mut self, first: f64, second: f64) -> Result<Self, ConfigError> {
                let decay = ConfigError::fraction;
                self.means.decays = [decay("first decay", first)?, decay("second decay", second)?];
                Ok(self)
            }

            /// The same with another epsilon.
            ///
            /// # Errors
            /// [`ConfigError::OutOfRange`] unless it is positive and finite.
            pub fn with_epsilon(mut self, epsilon: f64) -> Result<Self, ConfigError> {
                self.means.epsilon = ConfigError::positive("epsilon", epsilon)?;
                Ok(self)
            }
        }
    )*};
}
choices!(Adam, AdamW, AmsGrad, NAdam);

/// Adam: m <- 0.9 m + 0.1 g, v <- 0.999 v + 0.001 g^2, u = rate * (m / (1 - 0.9^t)) / (sqrt(v / (1 - 0.999^t)) + 1e-8),
/// t = 1, 2, ...
///
/// Reference: D. P. Kingma and J. Ba, arXiv:1412.6980, Algorithm 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    means: Means,
}

impl Adam {
    /// Adam with learning rate `rate` (about the largest step of a component), decays 0.9 and 0.999, epsilon 1e-8.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless the rate is positive and finite.
    pub fn new(rate: f64) -> Result<Self, ConfigError> {
        Ok(Self { means: Means::new(rate)? })
    }
}

impl UpdateRule for Adam {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        if context.squares_overflow(&[], step) {
            return;
        }
        let corrections = self.means.update(context.gradient);
        let Means { rate, epsilon, .. } = self.means;
        for (u, (m, v)) in step.iter_mut().zip(self.means.pairs()) {
            *u = rate * (m / corrections[0]) / ((v / corrections[1]).sqrt() + epsilon);
        }
    }

    state_is!(means, "adam");
}

/// AdamW: the step of [`Adam`] plus rate * decay * theta, the weight decay outside the moments.
///
/// Reference: I. Loshchilov and F. Hutter, arXiv:1711.05101, Algorithm 2.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamW {
    means: Means,
    weight_decay: f64,
}

impl AdamW {
    /// AdamW with learning rate `rate` (about the largest step of a component), decays 0.9 and 0.999, epsilon 1e-8, weight decay 1e-4.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless the rate is positive and finite.
    pub fn new(rate: f64) -> Result<Self, ConfigError> {
        Ok(Self { means: Means::new(rate)?, weight_decay: 1e-4 })
    }

    /// The same with another weight decay.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless it is finite and not negative.
    pub fn with_weight_decay(mut self, weight_decay: f64) -> Result<Self, ConfigError> {
        self.weight_decay = ConfigError::not_negative("weight decay", weight_decay)?;
        Ok(self)
    }
}

impl UpdateRule for AdamW {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        if context.squares_overflow(&[], step) {
            return;
        }
        let corrections = self.means.update(context.gradient);
        let Means { rate, epsilon, .. } = self.means;
        for ((u, (m, v)), theta) in step.iter_mut().zip(self.means.pairs()).zip(context.theta) {
            let adam = (m / corrections[0]) / ((v / corrections[1]).sqrt() + epsilon);
            *u = rate * (adam + self.weight_decay * theta);
        }
    }

    state_is!(means, "adamw");
}

/// AMSGrad: as [`Adam`], with the largest corrected second moment so far, max over s <= t of v_s / (1 - 0.999^s), in
/// the place of the present one.
///
/// Reference: S. J. Reddi, S. Kale and S. Kumar, arXiv:1904.09237, Algorithm 2; with the bias corrections of optax.
#[derive(Clone, Debug, PartialEq)]
pub struct AmsGrad {
    means: Means,
    /// The largest corrected second moment.
    largest: Memory,
}

impl AmsGrad {
    /// AMSGrad with learning rate `rate` (about the largest step of a component), decays 0.9 and 0.999, epsilon 1e-8.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless the rate is positive and finite.
    pub fn new(rate: f64) -> Result<Self, ConfigError> {
        Ok(Self { means: Means::new(rate)?, largest: Memory::new("largest") })
    }
}

impl UpdateRule for AmsGrad {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        if context.squares_overflow(&[], step) {
            return;
        }
        let corrections = self.means.update(context.gradient);
        let Means { rate, epsilon, .. } = self.means;
        let largest = self.largest.of(step.len());
        for ((u, (m, v)), largest) in step.iter_mut().zip(self.means.pairs()).zip(largest) {
            *largest = largest.max(v / corrections[1]);
            *u = rate * (m / corrections[0]) / (largest.sqrt() + epsilon);
        }
    }

    fn prepare(&mut self, dimension: usize) {
        self.means.prepare(dimension);
        self.largest.prepare(dimension);
    }

    fn reset(&mut self) {
        self.means.reset();
        self.largest.reset();
    }

    fn state(&self) -> State {
        self.largest.add_to(self.means.state("amsgrad"))
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("amsgrad", &["m", "v", "powers", "largest"])?;
        let means = self.means.restored_from(state)?;
        self.largest = self.largest.restored_from(state)?;
        self.means = means;
        Ok(())
    }
}

/// NAdam: Adam with Nesterov's momentum, the first moment replaced by 0.9 m / (1 - 0.9^(t+1)) + 0.1 g / (1 - 0.9^t).
///
/// Reference: T. Dozat, Incorporating Nesterov Momentum into Adam, ICLR 2016 workshop, Algorithm 2 with a constant decay
/// (and without its additional factor before the second moment, as in optax).
#[derive(Clone, Debug, PartialEq)]
pub struct NAdam {
    means: Means,
}

impl NAdam {
    /// NAdam with learning rate `rate` (about the largest step of a component), decays 0.9 and 0.999, epsilon 1e-8.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless the rate is positive and finite.
    pub fn new(rate: f64) -> Result<Self, ConfigError> {
        Ok(Self { means: Means::new(rate)? })
    }
}

impl UpdateRule for NAdam {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        if context.squares_overflow(&[], step) {
            return;
        }
        let corrections = self.means.update(context.gradient);
        let Means { rate, epsilon, decays, powers, .. } = self.means;
        let next = 1.0 - powers[0] * decays[0];
        for ((u, (m, v)), g) in step.iter_mut().zip(self.means.pairs()).zip(context.gradient) {
            let mean = decays[0] * (m / next) + (1.0 - decays[0]) * (g / corrections[0]);
            *u = rate * mean / ((v / corrections[1]).sqrt() + epsilon);
        }
    }

    state_is!(means, "nadam");
}
