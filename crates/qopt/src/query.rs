//! What a method asks: loss, gradient and metric at a point, or one of the queries that only some objectives answer.

use crate::{Request, State, StateError};

/// What is to be measured.
///
/// Every objective answers [`Point`](Self::Point) and [`Values`](Self::Values). The others are abilities: an objective
/// offers them by [`Objective::price_query`](crate::Objective::price_query) and
/// [`Objective::evaluate_query`](crate::Objective::evaluate_query), and a run of a method that needs one it does not
/// have ends with [`RunError::Unsupported`](crate::RunError::Unsupported) before anything is spent.
///
/// In the price of a query only the lengths of its arrays and its numbers of shots count, not the points.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Query<'a> {
    /// Loss, gradient, metric at theta, as the request says.
    Point(Request),
    /// The loss at several points, in one job if the objective can. Answered in [`Answer::values`](crate::Answer),
    /// one entry for each point.
    Values {
        /// The points, P components each, one after the other.
        points: &'a [f64],
    },
    /// Some partial derivatives of the loss at theta, and the loss itself if it is wanted. Answered in
    /// [`Answer::gradient`](crate::Answer) and [`Answer::gradient_std_errors`](crate::Answer), one entry for each
    /// component asked for, in this order, and [`Answer::value`](crate::Answer).
    Partials {
        /// Whether the loss is to be measured too: with the largest number of `shots`, if any are given.
        value: bool,
        /// Which components.
        components: &'a [usize],
        /// How many shots for each circuit of each of these components; empty: the objective's own number.
        shots: &'a [u64],
    },
    /// The fidelities |<psi(theta)|psi(other)>|^2 of the state at theta with those at other points. Answered in
    /// [`Answer::values`](crate::Answer), one entry for each other point.
    Fidelities {
        /// The other points, P components each, one after the other.
        others: &'a [f64],
    },
    /// The loss at several points of a circuit whose rotations turn about other axes. Answered in
    /// [`Answer::values`](crate::Answer), one entry for each point.
    AxisValues {
        /// The points, P components each, one after the other.
        points: &'a [f64],
        /// The axis of each component at each point, in the same layout.
        axes: &'a [Axis],
    },
}

/// The axis about which the rotation of a parameter turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Axis {
    /// exp(-i theta X / 2).
    X,
    /// exp(-i theta Y / 2).
    Y,
    /// exp(-i theta Z / 2).
    Z,
}

impl Axis {
    /// All three.
    pub const ALL: [Self; 3] = [Self::X, Self::Y, Self::Z];

    pub(crate) const fn code(self) -> u64 {
        self as u64
    }

    /// The entry "axes" of a state, as codes.
    pub(crate) fn of_state(state: &State, count: usize) -> Result<Vec<Self>, StateError> {
        let of_code = |code: u64| Self::ALL.into_iter().find(|axis| axis.code() == code);
        let axes = state.counts_of("axes", count)?.into_iter().map(of_code).collect::<Option<Vec<_>>>();
        axes.ok_or_else(|| StateError::Value { name: "axes".to_owned() })
    }
}

impl Query<'_> {
    /// The request, if it is one at theta that every objective answers.
    pub const fn request(&self) -> Option<Request> {
        match self {
            Self::Point(request) => Some(*request),
            _ => None,
        }
    }

    /// What is asked for, in words.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Point(_) => "loss, gradient or metric at a point",
            Self::Values { .. } => "the loss at several points",
            Self::Partials { .. } => "single partial derivatives",
            Self::Fidelities { .. } => "fidelities between two points",
            Self::AxisValues { .. } => "the loss with other rotation axes",
        }
    }

    /// How many query numbers of a step the answer uses up: one for each point whose loss is measured, so that each has
    /// shot noise of its own.
    pub(crate) fn streams(&self, dimension: usize) -> u32 {
        match self {
            Self::Values { points } | Self::AxisValues { points, .. } => {
                u32::try_from(points.len() / dimension.max(1)).unwrap_or(u32::MAX).max(1)
            }
            _ => 1,
        }
    }
}

impl From<Request> for Query<'_> {
    fn from(request: Request) -> Self {
        Self::Point(request)
    }
}

impl PartialEq<Request> for Query<'_> {
    fn eq(&self, other: &Request) -> bool {
        self.request() == Some(*other)
    }
}
