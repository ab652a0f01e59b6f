//! An update rule as a method: plain descent.

use crate::nlr::Walk;
use crate::{
    Answer, Ask, ConfigError, IterationContext, Method, MethodError, Query, State, StateError, Told, UpdateRule,
};

/// Plain descent by an update rule: theta <- theta - u.
///
/// One query per iteration: loss and gradient (and the metric if the rule asks for it). The loss is for tracking only.
#[derive(Clone, Debug)]
pub struct Descent<R> {
    walk: Walk<R>,
}

impl<R: UpdateRule> Descent<R> {
    /// Descent from `theta`.
    ///
    /// # Errors
    /// [`ConfigError`] if the starting point is empty or not finite.
    pub fn new(rule: R, theta: &[f64]) -> Result<Self, ConfigError> {
        Ok(Self { walk: Walk::new(rule, theta)? })
    }
}

impl<R: UpdateRule> Method for Descent<R> {
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
        visit(&self.walk.opening_request().into());
    }

    fn ask(&mut self, _context: &IterationContext) -> Ask<'_> {
        self.walk.ask()
    }

    fn tell(&mut self, answer: &Answer, context: &IterationContext) -> Result<Told, MethodError> {
        self.walk.open(answer, context)?;
        self.walk.descend()
    }

    fn theta(&self) -> &[f64] {
        self.walk.theta()
    }

    fn state(&self) -> State {
        State::new("descent").with_child("walk", self.walk.state())
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("descent", &["walk"])?;
        self.walk.restore(state.child("walk")?)
    }
}
