//! The small case: gradient in, step out. The trait [`UpdateRule`].

use crate::{ConfigError, Estimate, Request, State, StateError, StepStreams};

/// What an [`UpdateRule`] sees in an iteration.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct StepContext<'a> {
    /// Where the iteration starts, P components.
    pub theta: &'a [f64],
    /// The loss measured there.
    pub loss: Option<Estimate>,
    /// The gradient measured there, P components.
    pub gradient: &'a [f64],
    /// Standard errors of the gradient, P components; empty if unknown.
    pub gradient_std_errors: &'a [f64],
    /// The metric there, P x P in row-major order; empty unless the rule asks for it.
    pub metric: &'a [f64],
    /// The iteration, counted from 0.
    pub step: u64,
    /// The share of the budget that was left when the iteration started, 0 to 1; none without a budget.
    pub remaining: Option<f64>,
    /// The random number streams of the iteration.
    pub streams: StepStreams,
    /// A bound on the norm of the gradient; NaN if unknown.
    pub(crate) gradient_bound: f64,
}

/// Gradients with a larger norm may have squares, or sums of squares, beyond the largest number. With smaller ones no run is
/// long enough.
pub(crate) const LARGE_GRADIENT: f64 = 1e140;

impl<'a> StepContext<'a> {
    /// A context with theta, gradient and streams (which name the step), and nothing else. For those who drive a rule
    /// by hand.
    pub const fn new(theta: &'a [f64], gradient: &'a [f64], streams: StepStreams) -> Self {
        Self {
            theta,
            loss: None,
            gradient,
            gradient_std_errors: &[],
            metric: &[],
            step: streams.step(),
            remaining: None,
            streams,
            gradient_bound: f64::NAN,
        }
    }

    /// Whether the square of a component of the gradient, and what was `collected` of earlier ones, is beyond the largest
    /// number. Then `step` is written, with a NaN in that component: there is no step.
    ///
    /// Squares are looked at only where the norm says that they may be so large.
    pub(crate) fn squares_overflow(&self, collected: &[f64], step: &mut [f64]) -> bool {
        (self.gradient_bound.is_nan() || self.gradient_bound > LARGE_GRADIENT)
            && overflow(self.gradient, collected, step)
    }
}

#[cold]
fn overflow(gradient: &[f64], collected: &[f64], step: &mut [f64]) -> bool {
    let collected = collected.iter().chain(std::iter::repeat(&0.0));
    // Twice, so that a mean that is rounded up fits too.
    let at = gradient.iter().zip(collected).position(|(g, sum)| !(2.0 * (g * g) + sum).is_finite());
    let Some(component) = at else { return false };
    step.fill(0.0);
    step[component] = f64::NAN;
    true
}

/// Turns a gradient into a step.
///
/// A rule is the whole of many optimizers. [`Descent`](crate::Descent) makes a [`Method`](crate::Method) of it; the
/// methods of [`nlr`](crate::nlr) put negative phases around it. They call [`step`](Self::step) exactly once per
/// iteration, in an iteration that does not use its result too.
pub trait UpdateRule: Send {
    /// Writes the step u into `step` (P components, whatever they hold before): plain descent is theta <- theta - u.
    ///
    /// A component that is NaN or infinite ends the run with
    /// [`MethodError::NonFiniteStep`](crate::MethodError::NonFiniteStep): the way to report that there is no step.
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]);

    /// Allocates what the rule needs for `dimension` parameters. Called once, when a method is built around the rule,
    /// so that no step allocates.
    fn prepare(&mut self, dimension: usize) {
        let _ = dimension;
    }

    /// Forgets all state, as if no step had been taken.
    fn reset(&mut self) {}

    /// What is to be measured. Methods ask for loss and gradient in any case; a rule adds the metric with
    /// [`Request::with_metric`].
    fn request(&self) -> Request {
        Request::VALUE_AND_GRADIENT
    }

    /// The state, without the hyperparameters. A rule without state has the empty one.
    fn state(&self) -> State {
        State::default()
    }

    /// Takes the state of an earlier call of [`state`](Self::state) of a rule with the same hyperparameters.
    ///
    /// # Errors
    /// [`StateError`] if the state does not belong to such a rule; nothing is changed then. The default accepts the
    /// empty state only.
    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("", &[])
    }
}

impl<R: UpdateRule + ?Sized> UpdateRule for Box<R> {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        (**self).step(context, step);
    }

    fn prepare(&mut self, dimension: usize) {
        (**self).prepare(dimension);
    }

    fn reset(&mut self) {
        (**self).reset();
    }

    fn request(&self) -> Request {
        (**self).request()
    }

    fn state(&self) -> State {
        (**self).state()
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        (**self).restore(state)
    }
}

/// A closure as an update rule; see [`from_fn`].
#[derive(Clone, Copy, Debug)]
pub struct FromFn<F>(F);

impl<F: FnMut(&StepContext<'_>, &mut [f64]) + Send> UpdateRule for FromFn<F> {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        (self.0)(context, step);
    }
}

/// A closure as an update rule: it writes the step u.
///
/// What the closure captures is not part of [`UpdateRule::state`], and [`UpdateRule::reset`] does not reach it: a rule
/// with memory that is to be resumed or restarted implements the trait.
///
/// ```
/// let signs = qopt::from_fn(|context, step| {
///     for (u, g) in step.iter_mut().zip(context.gradient) {
///         *u = 0.01 * g.signum();
///     }
/// });
/// # let _: Box<dyn qopt::UpdateRule> = Box::new(signs);
/// ```
pub fn from_fn<F>(step: F) -> FromFn<F>
where
    F: FnMut(&StepContext<'_>, &mut [f64]) + Send,
{
    FromFn(step)
}

/// Checks a starting point: at least one component, all finite.
pub(crate) fn check_start(theta: &[f64]) -> Result<(), ConfigError> {
    if theta.is_empty() {
        return Err(ConfigError::NoParameters);
    }
    match theta.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(component) => Err(ConfigError::NonFiniteStart { component, value: theta[component] }),
    }
}
