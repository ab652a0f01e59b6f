//! Backends with noise: every estimator works on them, and parameter shift stays exact, as the noise that follows a gate does
//! not depend on its angle.
//!
//! Noise follows the gates of the circuit as it was written. Changes of basis before a measurement are ideal; readout errors
//! act on the bits that are read, in whatever basis.

mod density;
mod trajectory;

pub use density::DensityMatrixBackend;
pub use trajectory::TrajectoryBackend;
