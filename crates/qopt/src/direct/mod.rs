//! Methods that choose for themselves where to measure, instead of asking for a gradient at theta: stochastic
//! approximation, coordinate methods, shot-adaptive descent, evolution.
//!
//! | method | per iteration | circuits, at one circuit per loss and two per derivative |
//! |---|---|---|
//! | [`Spsa`] | 2 losses for each direction | 2 d |
//! | [`SecondOrderSpsa`], of the loss (2-SPSA) | 4 losses for each direction | 4 d |
//! | [`SecondOrderSpsa`], of the fidelity (QN-SPSA) | 2 losses and 4 fidelities for each direction | 6 d |
//! | [`Rotosolve`] | 3 losses, one coordinate | 3 |
//! | [`Rotoselect`] | 7 losses with chosen axes, one coordinate | 7 |
//! | [`RandomCoordinate`] | one partial derivative | 2 |
//! | [`AdaptiveShots`] (iCANS, gCANS) | all partial derivatives, each with its own number of shots | 2 P |
//! | [`CmaEs`] | one loss for each member of the population | lambda |
//!
//! All but [`Rotosolve`], which measures the loss at theta anyway, pay one loss more per iteration to track it, as every
//! other method of the crate does; the `track` of their configurations switches that off, and with it
//! [`BestPoint`](crate::BestPoint) and whatever else needs the loss of a run. The losses of an iteration are one
//! [query](crate::Query), hence one job where the objective can.

mod adaptive_shots;
mod cma_es;
mod coordinate;
mod rotoselect;
mod rotosolve;
mod second_order;
mod spsa;

pub use adaptive_shots::{AdaptiveShots, AdaptiveShotsConfig, Allocation};
pub use cma_es::{CmaEs, CmaEsConfig};
pub use coordinate::{RandomCoordinate, RandomCoordinateConfig};
pub use rotoselect::{Rotoselect, RotoselectConfig};
pub use rotosolve::Rotosolve;
pub use second_order::{Curvature, SecondOrderSpsa, SecondOrderSpsaConfig};
pub use spsa::{Spsa, SpsaConfig};
