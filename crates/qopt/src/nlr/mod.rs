//! Negative learning rates (NLR): methods that sometimes step against the descent direction of their update rule, and
//! their controls.
//!
//! The idea was published as "Escaping Barren Plateaus in Variational Quantum Algorithms Using Negative Learning Rate
//! in Quantum Internet of Things" (arXiv:2511.22861). What is here is a *reconstruction from its public summary only*:
//! formulas, variants and defaults are this project's own, and numbers obtained with them are not the authors'.
//!
//! Each method wraps an [`UpdateRule`](crate::UpdateRule), which turns a gradient into a step u. Iteration k = 0, 1,
//! ... goes:
//!
//! 1. Lhat(theta) and g are measured at the current point;
//! 2. the rule updates its state with g as measured, exactly once, also in iterations that do not use u or use it with
//!    the other sign;
//! 3. the trigger is tested, and at most one displacement is made.
//!
//! | method | negative step | when | queries |
//! |---|---|---|---|
//! | [`Probe`] | rho u | a descent step would worsen the loss | loss and gradient, loss of the candidate |
//! | [`Periodic`] | rho_k u | the last K- of each K+ + K- iterations | loss and gradient |
//! | [`Random`] | rho u | with probability p_k | loss and gradient |
//! | [`PostHoc`] | rho u | the loss has risen | loss and gradient |
//! | [`Stall`] | long, along g | no improvement for W iterations | loss and gradient |
//! | [`StallCurvature`] | long, along g or -g by curvature | the same | loss and gradient, a probe per step of a phase |
//!
//! Whether an ascent helps can be told only against controls at the same budget: [`Control`] replaces the negative step
//! and leaves the trigger, and [`AdaptiveStep`] and [`Restart`] use the same information conventionally.
//!
//! The paths of a method and its controls part with the first displacement, and with them the triggers. [`Replay`] takes
//! the triggers of a recorded run, so that only directions differ.
//!
//! **Noise.** With exact values use z = 0, with shots z = 2: at z = 0 the probe's test is a coin flip wherever the
//! change of the loss is below its noise.
//!
//! **Cost.** With shots a probing method pays gradient + 2 losses in every iteration. With exact values it pays
//! gradient + 1 where the loss at theta is known from an accepted candidate, gradient + 2 in the first iteration and
//! after every triggered displacement, under a control too.

mod adaptive;
mod monitor;
mod periodic;
mod post_hoc;
mod probe;
mod random;
mod replay;
mod restart;
mod stall;
mod stall_curvature;
mod walk;

pub use adaptive::{AdaptiveStep, AdaptiveStepConfig};
pub(crate) use monitor::StallMonitor;
pub use periodic::{Periodic, PeriodicConfig};
pub use post_hoc::{PostHoc, PostHocConfig};
pub use probe::{Probe, ProbeConfig};
pub use random::{Random, RandomConfig};
pub use replay::{Along, Displacement, RecordedTrigger, Replay};
pub use restart::{Interval, Restart, RestartConfig};
pub use stall::{Stall, StallConfig};
pub use stall_curvature::{StallCurvature, StallCurvatureConfig};
pub(crate) use walk::Walk;

/// What is made of a negative step, so that its effect can be told from that of its trigger.
///
/// Let a be the displacement that a method adds when it is triggered. A control replaces a alone: trigger, update of
/// the rule, probes, counters and a revert stay as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Control {
    /// The method itself: theta <- theta + a.
    #[default]
    Ascend,
    /// A uniformly random direction of length |a|, a new one in each step, from the stream of
    /// [`Role::Direction`](crate::Role::Direction).
    Kick,
    /// No displacement.
    Stay,
    /// theta <- theta - a.
    Flip,
}

/// initial * (1 - step / planned), 0 past the planned end.
fn decayed(initial: f64, step: u64, planned: u64) -> f64 {
    if step >= planned { 0.0 } else { initial * (1.0 - step as f64 / planned as f64) }
}
