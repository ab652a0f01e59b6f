//! Noise: channels, models of what follows which gate, and two simulations of them: an exact density matrix and trajectories
//! of a state vector.

mod channel;
mod density;
mod diagonalize;
mod lower;
mod model;
mod program;
mod tape;
#[cfg(feature = "serde")]
mod text;
mod trajectory;

pub use channel::{Channel, ChannelFault};
pub use density::DensityMatrix;
pub use model::{NoiseModel, Readout, ReadoutError, Selector};
pub use program::{NoisyBinding, NoisyProgram};
pub use tape::NoisyTape;
pub use trajectory::{Trajectories, TrajectoryEstimate};
