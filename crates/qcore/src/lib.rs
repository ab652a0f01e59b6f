//! State-vector simulation of parametrized quantum circuits.
//!
//! - [`Gate`]: the gate table; every gate is a row of data.
//! - [`Circuit`]: gates with symbolic [`Angle`]s in named parameters, checked as they are added.
//! - [`Program`] and [`Binding`]: a circuit compiled once and bound many times.
//! - [`StateVector`]: amplitudes, worked on by SIMD kernels at a [`Level`] that can be asked for and overridden.
//! - [`StateBatch`] and [`BatchBinding`]: many small states that take the same circuit at different angles.
//! - [`NoiseModel`]: channels after gates, on an exact [`DensityMatrix`] or as [`Trajectories`] of state vectors.
//! - [`PauliSum`]: observables; [`multinomial`]: exact sampling.
//!
//! # Conventions
//!
//! Qubit 0 is the lowest bit of a basis-state index. Rotations are `exp(-i theta P / 2)`. Angles are in radians. Operands are
//! controls first, then targets; the first operand of a matrix is the lowest bit of its index.
//!
//! ```
//! use qcore::{Circuit, StateVector};
//! let mut circuit = Circuit::new(2)?;
//! let theta = circuit.parameter("theta")?;
//! circuit.ry(0, theta)?.cx(0, 1)?;
//!
//! let mut state = StateVector::zero(2)?;
//! state.apply_circuit(&circuit, &[std::f64::consts::FRAC_PI_2])?;
//! let bell = state.probabilities();
//! assert!((bell[0b00] - 0.5).abs() < 1e-15 && (bell[0b11] - 0.5).abs() < 1e-15);
//! # Ok::<(), qcore::Error>(())
//! ```
//!
//! # Features
//!
//! - `qasm`: reads and writes OpenQASM, in the module `qasm`.
//! - `serde`: serialization of gates, Pauli strings and sums; noise models from JSON and the like.

mod affine;
mod angle;
mod batch;
mod batch_reverse;
mod batch_rows;
mod batch_shift;
mod binomial;
mod circuit;
mod compile;
mod cone;
mod energy;
mod error;
mod expand;
mod gate;
mod identity;
mod kernel;
mod matrices;
mod memory;
mod noise;
mod pauli;
mod program;
#[cfg(feature = "qasm")]
pub mod qasm;
mod reverse;
mod sample;
mod state;
mod tangent;

pub use angle::{Angle, Param};
pub use batch::{BatchBinding, StateBatch};
pub use batch_reverse::{BatchDerivatives, BatchReverse, BatchSelection, SharedRows};
pub use batch_rows::{RowStates, Turning};
pub use batch_shift::{ShiftFamily, ShiftGroup, ShiftedMember};
pub use circuit::{Circuit, Control, Instruction, Operation};
pub use cone::Cone;
pub use error::{Error, ObservableFault};
pub use gate::{Action, Gate, GateSpec, Generator, Part, PartAngle};
pub use identity::ProgramId;
pub use kernel::Level;
pub use noise::{
    Channel, ChannelFault, DensityMatrix, NoiseModel, NoisyBinding, NoisyProgram, NoisyTape, Readout, ReadoutError,
    Selector, Trajectories, TrajectoryEstimate,
};
pub use pauli::{Pauli, PauliString, PauliSum};
pub use program::{Binding, Program, Rotation, RotationGenerator};
pub use reverse::{Derivatives, Reverse};
pub use sample::{multinomial, multinomial_into};
pub use state::StateVector;
pub use tangent::{TangentDerivatives, TangentReverse};

/// The widest register that can be described. Whether a state of some width fits is a question of memory, asked when it is
/// made.
pub const MAX_QUBITS: usize = 48;

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
