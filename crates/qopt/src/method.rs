//! Optimizers as ask/tell: the trait [`Method`] and what it reports.

use crate::vector::norm;
use crate::{Answer, Axis, Displacement, Estimate, MethodError, Query, State, StateError, StepStreams};

/// What a method wants to know next, and where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ask<'a> {
    /// The point, P components.
    pub theta: &'a [f64],
    /// What is to be measured, there or from there.
    pub query: Query<'a>,
}

/// The circumstances of an iteration.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IterationContext {
    /// The iteration, counted from 0.
    pub step: u64,
    /// The share of the budget that was left when the iteration started, 0 to 1; none without a budget.
    pub remaining: Option<f64>,
    /// The random number streams of the iteration.
    pub streams: StepStreams,
}

impl IterationContext {
    /// The context of the step that `streams` belong to, without a budget.
    pub const fn new(streams: StepStreams) -> Self {
        Self { step: streams.step(), remaining: None, streams }
    }
}

/// What came of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Told {
    /// The iteration needs another answer: ask again.
    MoreQueries,
    /// The iteration is over.
    Done(StepReport),
}

/// An optimizer, one query at a time.
///
/// An iteration is one or more rounds of [`ask`](Self::ask), measure, [`tell`](Self::tell), the last of which returns
/// [`Told::Done`]. The [`Runner`](crate::Runner) does the rounds, the budget and the observers; nothing keeps a caller
/// from doing them by hand.
pub trait Method: Send {
    /// Visits every query that the next iteration may need, at most. The runner prices them and starts no iteration that
    /// does not fit.
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>));

    /// The next query, in the iteration that `context` describes. Without an answer in between, the same one again.
    fn ask(&mut self, context: &IterationContext) -> Ask<'_>;

    /// Takes the answer to the last query.
    ///
    /// # Errors
    /// [`MethodError`] if the answer is incomplete or not finite, or no finite step follows from it. The run cannot go
    /// on then.
    fn tell(&mut self, answer: &Answer, context: &IterationContext) -> Result<Told, MethodError>;

    /// The current point, P components. It changes only when an iteration is over.
    fn theta(&self) -> &[f64];

    /// The axes of the rotations at theta, P of them, where the method chooses those too; else none. Losses are to be
    /// measured with them then: [`Query::AxisValues`].
    fn axes(&self) -> &[Axis] {
        &[]
    }

    /// The whole state without the hyperparameters, in the middle of an iteration too.
    fn state(&self) -> State;

    /// Takes the state of an earlier call of [`state`](Self::state) of a method with the same hyperparameters.
    ///
    /// # Errors
    /// [`StateError`] if the state does not belong to such a method; nothing is changed then.
    fn restore(&mut self, state: &State) -> Result<(), StateError>;
}

impl<M: Method + ?Sized> Method for Box<M> {
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
        (**self).plan(visit);
    }

    fn ask(&mut self, context: &IterationContext) -> Ask<'_> {
        (**self).ask(context)
    }

    fn tell(&mut self, answer: &Answer, context: &IterationContext) -> Result<Told, MethodError> {
        (**self).tell(answer, context)
    }

    fn theta(&self) -> &[f64] {
        (**self).theta()
    }

    fn axes(&self) -> &[Axis] {
        (**self).axes()
    }

    fn state(&self) -> State {
        (**self).state()
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        (**self).restore(state)
    }
}

/// What an iteration did.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// The loss of the point where the iteration started.
    pub loss: Option<Estimate>,
    /// The Euclidean norm of the gradient measured there.
    pub gradient_norm: f64,
    /// The root of the sum of the squared standard errors of that gradient; none if they are unknown.
    pub gradient_std_error: Option<f64>,
    /// What was done.
    pub event: Event,
    /// What triggered it; none for the base step.
    pub trigger: Option<Trigger>,
    /// Triggered displacements so far, one per step of a phase, whatever a control makes of them.
    pub ascents: u64,
    /// Loss evaluations beyond tracking so far.
    pub probes: u64,
    /// Random kicks so far that stand in for a missing direction (gradient exactly 0). A control's kicks do not count.
    pub kicks: u64,
    /// The length of the step. A revert to the best point or a restart is not part of it.
    pub step_length: f64,
}

impl StepReport {
    /// The same report with the standard errors of the gradient, one for each component; none if there are none.
    #[must_use]
    pub fn with_std_errors(mut self, std_errors: &[f64]) -> Self {
        self.gradient_std_error = (!std_errors.is_empty()).then(|| norm(std_errors));
        self
    }

    /// A descent step of the given length, with nothing else to tell.
    pub const fn descent(loss: Option<Estimate>, gradient_norm: f64, step_length: f64) -> Self {
        Self {
            loss,
            gradient_norm,
            gradient_std_error: None,
            event: Event::Descent,
            trigger: None,
            ascents: 0,
            probes: 0,
            kicks: 0,
            step_length,
        }
    }
}

/// What an iteration did with the point.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Event {
    /// The step of the update rule.
    Descent,
    /// A negative step: against the descent direction.
    Ascent,
    /// A normalised descent step, its sign chosen by the measured curvature.
    DescentBySign,
    /// A random direction in place of a negative step.
    Kick,
    /// No move in place of a negative step.
    Stay,
    /// The opposite of a negative step in its place.
    Flip,
    /// The candidate was worse: no move, and a smaller step scale.
    Rejected,
    /// A new random point, and the rule forgets its state.
    Restart,
}

impl Event {
    /// Whether a trigger fired, whatever a control made of it.
    pub const fn is_triggered(self) -> bool {
        !matches!(self, Self::Descent)
    }

    /// One letter for printed trajectories: `+` base step, `d` normalised descent by curvature, `-` everything else
    /// that was triggered.
    pub const fn letter(self) -> char {
        match self {
            Self::Descent => '+',
            Self::DescentBySign => 'd',
            _ => '-',
        }
    }
}

/// The numbers by which a trigger fired.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Trigger {
    /// A probe found the candidate worse than the margin allows.
    Probe {
        /// The loss where the iteration started.
        loss: Estimate,
        /// The loss of the candidate.
        candidate: Estimate,
        /// By how much the candidate may be worse without firing.
        margin: f64,
    },
    /// The negative phase of a fixed period.
    Periodic {
        /// The place in the negative phase, counted from 0.
        position: u64,
        /// The factor before the step.
        factor: f64,
    },
    /// A random number below its threshold.
    Random {
        /// The uniform number drawn.
        draw: f64,
        /// The threshold.
        probability: f64,
    },
    /// The tracked loss rose.
    PostHoc {
        /// The loss one iteration earlier.
        previous: Estimate,
        /// The loss now.
        current: Estimate,
    },
    /// The loss has stalled.
    Stall {
        /// Iterations without an improvement, this one included.
        since: u64,
        /// The place in the phase, counted from 0.
        position: u64,
        /// The factor before the length of the phase.
        amplitude: f64,
        /// Whether the point went back to the best one first.
        reverted: bool,
    },
    /// The loss has stalled; the sign follows the curvature along the gradient.
    StallCurvature {
        /// Iterations without an improvement, this one included.
        since: u64,
        /// The place in the phase, counted from 0.
        position: u64,
        /// The measured curvature; none where the gradient is exactly 0.
        curvature: Option<f64>,
    },
    /// The trigger of a recorded run, in the same iteration.
    Replayed {
        /// The recorded length.
        length: f64,
        /// What came with the recorded displacement.
        #[cfg_attr(feature = "serde", serde(default))]
        how: Displacement,
    },
    /// The loss has stalled; the point was drawn anew.
    Restart {
        /// Iterations without an improvement, this one included.
        since: u64,
    },
}
