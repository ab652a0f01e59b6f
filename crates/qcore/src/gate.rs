//! The gate table: everything that the crate knows about a gate is a row of data here.

use num_complex::Complex64;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2};

/// A named gate. The row of the table is [`Gate::spec`].
///
/// Conventions are those of OpenQASM 3's `stdgates.inc`: rotations are `exp(-i theta P / 2)`, `p(l) = diag(1, e^{il})`,
/// operands are controls first, then targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
#[allow(missing_docs, reason = "each gate is documented by its row of the table")]
pub enum Gate {
    Id,
    X,
    Y,
    Z,
    H,
    S,
    Sdg,
    T,
    Tdg,
    Sx,
    Sxdg,
    P,
    Rx,
    Ry,
    Rz,
    U,
    U2,
    Cx,
    Cy,
    Cz,
    Ch,
    Cp,
    Crx,
    Cry,
    Crz,
    Cu,
    Swap,
    Ccx,
    Cswap,
    Rxx,
    Ryy,
    Rzz,
    GlobalPhase,
    U0,
    R,
    Cs,
    Csdg,
    Csx,
    Csxdg,
    Cu3,
    Ccz,
    C3x,
    C3sx,
    C3sxdg,
    C4x,
    Rccx,
    Rc3x,
    Rc3xdg,
    Rzx,
}

/// What generates a one-angle gate `exp(-i theta G)` on its target qubits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generator {
    /// `G = P / 2` for the Pauli string with these letters, one per target.
    HalfPauli(&'static str),
    /// `G = -|1..1><1..1|` on the targets, so that the gate is `diag(1, .., 1, e^{i theta})`. With no target `G` is the number
    /// -1 and the gate a global phase.
    Phase,
}

impl Generator {
    /// Positive differences of the eigenvalues of `|1..1><1..1| (x) G` with this many controls: the frequencies with which an
    /// expectation value depends on the angle of the controlled gate. `qubits` counts controls and targets.
    #[must_use]
    pub(crate) const fn frequencies(self, controls: usize, qubits: usize) -> &'static [f64] {
        match (self, controls, qubits) {
            // A global phase: no expectation value depends on it.
            (Self::Phase, _, 0) => NONE,
            (Self::Phase, _, _) | (Self::HalfPauli(_), 0, _) => PLAIN,
            (Self::HalfPauli(_), _, _) => CONTROLLED,
        }
    }
}

/// One part of a decomposition: a gate, the operands it takes from the decomposed gate, and its angles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// The gate.
    pub gate: Gate,
    /// Positions among the operands of the decomposed gate.
    pub operands: &'static [usize],
    /// Its angles.
    pub angles: &'static [PartAngle],
}

/// An angle of a part or of an inverse, in terms of the angles of the gate itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PartAngle {
    /// The angle at this position.
    Argument(usize),
    /// Minus the angle at this position.
    Minus(usize),
    /// A number, in radians.
    Constant(f64),
}

/// What a gate does to its targets where all its controls are 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// A fixed matrix, row-major; the first target is the lowest bit of the index.
    Fixed(&'static [Complex64]),
    /// `exp(-i theta G)`. With controls the generator of the whole gate is `|1..1><1..1| (x) G`.
    Rotation {
        /// `G` on the targets.
        generator: Generator,
        /// Positive differences of eigenvalues of the whole gate's generator, controls included: the frequencies with which an
        /// expectation value depends on the angle, and so the shift rule (D. Wierichs et al., Quantum 6, 677 (2022)).
        frequencies: &'static [f64],
    },
    /// A gate made of others, in the order of application: one with several angles, which is differentiated through its parts,
    /// or one that is defined by them.
    Decomposition(&'static [Part]),
}

/// A row of the gate table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateSpec {
    /// Which gate.
    pub gate: Gate,
    /// Its name in OpenQASM 3 (`stdgates.inc`), or in Qiskit's extended `qelib1.inc` where that has no such gate.
    pub name: &'static str,
    /// Other names by which files call it.
    pub aliases: &'static [&'static str],
    /// Control qubits; they are the first operands.
    pub controls: usize,
    /// Target qubits; they follow the controls.
    pub targets: usize,
    /// Angles.
    pub angles: usize,
    /// What it does.
    pub action: Action,
    /// Its inverse: a gate and its angles.
    pub inverse: (Gate, &'static [PartAngle]),
}

impl GateSpec {
    /// Qubits it acts on: controls and targets.
    #[must_use]
    pub const fn qubits(&self) -> usize {
        self.controls + self.targets
    }
}

const fn c(re: f64, im: f64) -> Complex64 {
    Complex64::new(re, im)
}

const O: Complex64 = c(0.0, 0.0);
const ONE: Complex64 = c(1.0, 0.0);
const I: Complex64 = c(0.0, 1.0);
const R: Complex64 = c(FRAC_1_SQRT_2, 0.0);

const ID: &[Complex64] = &[ONE, O, O, ONE];
const X: &[Complex64] = &[O, ONE, ONE, O];
const Y: &[Complex64] = &[O, c(0.0, -1.0), I, O];
const Z: &[Complex64] = &[ONE, O, O, c(-1.0, 0.0)];
const H: &[Complex64] = &[R, R, R, c(-FRAC_1_SQRT_2, 0.0)];
const S: &[Complex64] = &[ONE, O, O, I];
const SDG: &[Complex64] = &[ONE, O, O, c(0.0, -1.0)];
const T: &[Complex64] = &[ONE, O, O, c(FRAC_1_SQRT_2, FRAC_1_SQRT_2)];
const TDG: &[Complex64] = &[ONE, O, O, c(FRAC_1_SQRT_2, -FRAC_1_SQRT_2)];
const SX: &[Complex64] = &[c(0.5, 0.5), c(0.5, -0.5), c(0.5, -0.5), c(0.5, 0.5)];
const SXDG: &[Complex64] = &[c(0.5, -0.5), c(0.5, 0.5), c(0.5, 0.5), c(0.5, -0.5)];
const SWAP: &[Complex64] = &[
    ONE, O, O, O, //
    O, O, ONE, O, //
    O, ONE, O, O, //
    O, O, O, ONE,
];

const NONE: &[f64] = &[];
const PLAIN: &[f64] = &[1.0];
const CONTROLLED: &[f64] = &[0.5, 1.0];

const fn fixed(
    gate: Gate,
    name: &'static str,
    aliases: &'static [&'static str],
    controls: usize,
    targets: usize,
    matrix: &'static [Complex64],
    inverse: Gate,
) -> GateSpec {
    GateSpec {
        gate,
        name,
        aliases,
        controls,
        targets,
        angles: 0,
        action: Action::Fixed(matrix),
        inverse: (inverse, &[]),
    }
}

const fn rotation(
    gate: Gate,
    name: &'static str,
    aliases: &'static [&'static str],
    controls: usize,
    targets: usize,
    generator: Generator,
    frequencies: &'static [f64],
) -> GateSpec {
    GateSpec {
        gate,
        name,
        aliases,
        controls,
        targets,
        angles: 1,
        action: Action::Rotation { generator, frequencies },
        inverse: (gate, &[Minus(0)]),
    }
}

const fn part(gate: Gate, operands: &'static [usize], angles: &'static [PartAngle]) -> Part {
    Part { gate, operands, angles }
}

use PartAngle::{Argument, Constant, Minus};

/// `U(t, f, l) = p(f) ry(t) p(l)`.
const U_PARTS: &[Part] =
    &[part(Gate::P, &[0], &[Argument(2)]), part(Gate::Ry, &[0], &[Argument(0)]), part(Gate::P, &[0], &[Argument(1)])];

const U2_PARTS: &[Part] = &[
    part(Gate::P, &[0], &[Argument(1)]),
    part(Gate::Ry, &[0], &[Constant(FRAC_PI_2)]),
    part(Gate::P, &[0], &[Argument(0)]),
];

/// `cu(t, f, l, g)`: `p(g)` on the control and the controlled `U(t, f, l)`.
const CU_PARTS: &[Part] = &[
    part(Gate::P, &[0], &[Argument(3)]),
    part(Gate::Cp, &[0, 1], &[Argument(2)]),
    part(Gate::Cry, &[0, 1], &[Argument(0)]),
    part(Gate::Cp, &[0, 1], &[Argument(1)]),
];

const CU3_PARTS: &[Part] = &[
    part(Gate::Cp, &[0, 1], &[Argument(2)]),
    part(Gate::Cry, &[0, 1], &[Argument(0)]),
    part(Gate::Cp, &[0, 1], &[Argument(1)]),
];

/// A rotation by `t` about the axis `(cos f, sin f, 0)`.
const R_PARTS: &[Part] =
    &[part(Gate::P, &[0], &[Minus(1)]), part(Gate::Rx, &[0], &[Argument(0)]), part(Gate::P, &[0], &[Argument(1)])];

/// An idle gate of a stated length: the length is of no consequence.
const U0_PARTS: &[Part] = &[part(Gate::Id, &[0], &[])];

const fn on(gate: Gate, operands: &'static [usize]) -> Part {
    part(gate, operands, &[])
}

/// The Toffoli gate up to relative phases, with three CX (D. Maslov, Phys. Rev. A 93, 022311 (2016), figure 3).
const RCCX_PARTS: &[Part] = &[
    on(Gate::H, &[2]),
    on(Gate::T, &[2]),
    on(Gate::Cx, &[1, 2]),
    on(Gate::Tdg, &[2]),
    on(Gate::Cx, &[0, 2]),
    on(Gate::T, &[2]),
    on(Gate::Cx, &[1, 2]),
    on(Gate::Tdg, &[2]),
    on(Gate::H, &[2]),
];

/// The same with three controls and six CX (figure 4 there).
const RC3X_PARTS: &[Part] = &[
    on(Gate::H, &[3]),
    on(Gate::T, &[3]),
    on(Gate::Cx, &[2, 3]),
    on(Gate::Tdg, &[3]),
    on(Gate::H, &[3]),
    on(Gate::Cx, &[0, 3]),
    on(Gate::T, &[3]),
    on(Gate::Cx, &[1, 3]),
    on(Gate::Tdg, &[3]),
    on(Gate::Cx, &[0, 3]),
    on(Gate::T, &[3]),
    on(Gate::Cx, &[1, 3]),
    on(Gate::Tdg, &[3]),
    on(Gate::H, &[3]),
    on(Gate::T, &[3]),
    on(Gate::Cx, &[2, 3]),
    on(Gate::Tdg, &[3]),
    on(Gate::H, &[3]),
];

const RC3XDG_PARTS: &[Part] = &[
    on(Gate::H, &[3]),
    on(Gate::T, &[3]),
    on(Gate::Cx, &[2, 3]),
    on(Gate::Tdg, &[3]),
    on(Gate::H, &[3]),
    on(Gate::T, &[3]),
    on(Gate::Cx, &[1, 3]),
    on(Gate::Tdg, &[3]),
    on(Gate::Cx, &[0, 3]),
    on(Gate::T, &[3]),
    on(Gate::Cx, &[1, 3]),
    on(Gate::Tdg, &[3]),
    on(Gate::Cx, &[0, 3]),
    on(Gate::H, &[3]),
    on(Gate::T, &[3]),
    on(Gate::Cx, &[2, 3]),
    on(Gate::Tdg, &[3]),
    on(Gate::H, &[3]),
];

const fn decomposed(
    gate: Gate,
    name: &'static str,
    aliases: &'static [&'static str],
    operands: (usize, usize),
    angles: usize,
    parts: &'static [Part],
    inverse: (Gate, &'static [PartAngle]),
) -> GateSpec {
    let (controls, targets) = operands;
    GateSpec { gate, name, aliases, controls, targets, angles, action: Action::Decomposition(parts), inverse }
}

use Generator::{HalfPauli, Phase};

/// The table, in the order of the variants of [`Gate`].
static TABLE: &[GateSpec] = &[
    fixed(Gate::Id, "id", &[], 0, 1, ID, Gate::Id),
    fixed(Gate::X, "x", &[], 0, 1, X, Gate::X),
    fixed(Gate::Y, "y", &[], 0, 1, Y, Gate::Y),
    fixed(Gate::Z, "z", &[], 0, 1, Z, Gate::Z),
    fixed(Gate::H, "h", &[], 0, 1, H, Gate::H),
    fixed(Gate::S, "s", &[], 0, 1, S, Gate::Sdg),
    fixed(Gate::Sdg, "sdg", &[], 0, 1, SDG, Gate::S),
    fixed(Gate::T, "t", &[], 0, 1, T, Gate::Tdg),
    fixed(Gate::Tdg, "tdg", &[], 0, 1, TDG, Gate::T),
    fixed(Gate::Sx, "sx", &[], 0, 1, SX, Gate::Sxdg),
    fixed(Gate::Sxdg, "sxdg", &[], 0, 1, SXDG, Gate::Sx),
    rotation(Gate::P, "p", &["phase", "u1"], 0, 1, Phase, PLAIN),
    rotation(Gate::Rx, "rx", &[], 0, 1, HalfPauli("X"), PLAIN),
    rotation(Gate::Ry, "ry", &[], 0, 1, HalfPauli("Y"), PLAIN),
    rotation(Gate::Rz, "rz", &[], 0, 1, HalfPauli("Z"), PLAIN),
    decomposed(Gate::U, "U", &["u", "u3"], (0, 1), 3, U_PARTS, (Gate::U, &[Minus(0), Minus(2), Minus(1)])),
    decomposed(Gate::U2, "u2", &[], (0, 1), 2, U2_PARTS, (Gate::U, &[Constant(-FRAC_PI_2), Minus(1), Minus(0)])),
    fixed(Gate::Cx, "cx", &["CX", "cnot"], 1, 1, X, Gate::Cx),
    fixed(Gate::Cy, "cy", &[], 1, 1, Y, Gate::Cy),
    fixed(Gate::Cz, "cz", &[], 1, 1, Z, Gate::Cz),
    fixed(Gate::Ch, "ch", &[], 1, 1, H, Gate::Ch),
    rotation(Gate::Cp, "cp", &["cphase", "cu1"], 1, 1, Phase, PLAIN),
    rotation(Gate::Crx, "crx", &[], 1, 1, HalfPauli("X"), CONTROLLED),
    rotation(Gate::Cry, "cry", &[], 1, 1, HalfPauli("Y"), CONTROLLED),
    rotation(Gate::Crz, "crz", &[], 1, 1, HalfPauli("Z"), CONTROLLED),
    decomposed(Gate::Cu, "cu", &[], (1, 1), 4, CU_PARTS, (Gate::Cu, &[Minus(0), Minus(2), Minus(1), Minus(3)])),
    fixed(Gate::Swap, "swap", &[], 0, 2, SWAP, Gate::Swap),
    fixed(Gate::Ccx, "ccx", &["toffoli"], 2, 1, X, Gate::Ccx),
    fixed(Gate::Cswap, "cswap", &["fredkin"], 1, 2, SWAP, Gate::Cswap),
    rotation(Gate::Rxx, "rxx", &[], 0, 2, HalfPauli("XX"), PLAIN),
    rotation(Gate::Ryy, "ryy", &[], 0, 2, HalfPauli("YY"), PLAIN),
    rotation(Gate::Rzz, "rzz", &[], 0, 2, HalfPauli("ZZ"), PLAIN),
    rotation(Gate::GlobalPhase, "gphase", &[], 0, 0, Phase, NONE),
    decomposed(Gate::U0, "u0", &[], (0, 1), 1, U0_PARTS, (Gate::U0, &[Minus(0)])),
    decomposed(Gate::R, "r", &[], (0, 1), 2, R_PARTS, (Gate::R, &[Minus(0), Argument(1)])),
    fixed(Gate::Cs, "cs", &[], 1, 1, S, Gate::Csdg),
    fixed(Gate::Csdg, "csdg", &[], 1, 1, SDG, Gate::Cs),
    fixed(Gate::Csx, "csx", &[], 1, 1, SX, Gate::Csxdg),
    fixed(Gate::Csxdg, "csxdg", &[], 1, 1, SXDG, Gate::Csx),
    decomposed(Gate::Cu3, "cu3", &[], (1, 1), 3, CU3_PARTS, (Gate::Cu3, &[Minus(0), Minus(2), Minus(1)])),
    fixed(Gate::Ccz, "ccz", &[], 2, 1, Z, Gate::Ccz),
    fixed(Gate::C3x, "c3x", &[], 3, 1, X, Gate::C3x),
    fixed(Gate::C3sx, "c3sqrtx", &["c3sx"], 3, 1, SX, Gate::C3sxdg),
    fixed(Gate::C3sxdg, "c3sqrtxdg", &["c3sxdg"], 3, 1, SXDG, Gate::C3sx),
    fixed(Gate::C4x, "c4x", &[], 4, 1, X, Gate::C4x),
    decomposed(Gate::Rccx, "rccx", &[], (0, 3), 0, RCCX_PARTS, (Gate::Rccx, &[])),
    decomposed(Gate::Rc3x, "rc3x", &["rcccx"], (0, 4), 0, RC3X_PARTS, (Gate::Rc3xdg, &[])),
    decomposed(Gate::Rc3xdg, "rc3xdg", &["rcccxdg"], (0, 4), 0, RC3XDG_PARTS, (Gate::Rc3x, &[])),
    rotation(Gate::Rzx, "rzx", &[], 0, 2, HalfPauli("ZX"), PLAIN),
];

impl Gate {
    /// All gates, in the order of the table.
    #[must_use]
    pub fn all() -> &'static [GateSpec] {
        TABLE
    }

    /// Its row of the table.
    #[must_use]
    pub fn spec(self) -> &'static GateSpec {
        &TABLE[self as usize]
    }

    /// The gate of that OpenQASM name or alias; names are case-sensitive.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.name == name || row.aliases.contains(&name)).map(|row| row.gate)
    }
}

impl PartAngle {
    /// The angle itself, given those of the gate.
    ///
    /// # Panics
    ///
    /// If fewer angles are given than the gate has.
    #[must_use]
    pub fn of(self, angles: &[crate::Angle]) -> crate::Angle {
        match self {
            Self::Argument(k) => angles[k].clone(),
            Self::Minus(k) => -angles[k].clone(),
            Self::Constant(value) => crate::Angle::constant(value),
        }
    }
}
