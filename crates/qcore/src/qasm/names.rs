//! Words of the language and names in its libraries.

/// Gates that `stdgates.inc` defines.
pub(super) const STDGATES: &[&str] = &[
    "p", "x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx", "rx", "ry", "rz", "cx", "cy", "cz", "cp", "crx", "cry",
    "crz", "ch", "swap", "ccx", "cswap", "cu", "CX", "phase", "cphase", "id", "u1", "u2", "u3",
];

/// Gates of the first `qelib1.inc` (A. Cross et al., arXiv 1707.03429). Later versions have more, which files written before
/// them define themselves.
pub(super) const QELIB1: &[&str] = &[
    "u3", "u2", "u1", "cx", "id", "x", "y", "z", "h", "s", "sdg", "t", "tdg", "rx", "ry", "rz", "cz", "cy", "ch",
    "ccx", "crz", "cu1", "cu3",
];

/// Words of OpenQASM 3 that cannot be names.
pub(super) const KEYWORDS: &[&str] = &[
    "OPENQASM",
    "include",
    "defcalgrammar",
    "def",
    "cal",
    "defcal",
    "gate",
    "extern",
    "box",
    "let",
    "break",
    "continue",
    "if",
    "else",
    "end",
    "return",
    "for",
    "while",
    "in",
    "switch",
    "case",
    "default",
    "nop",
    "pragma",
    "input",
    "output",
    "const",
    "readonly",
    "mutable",
    "qreg",
    "qubit",
    "creg",
    "bool",
    "bit",
    "int",
    "uint",
    "float",
    "angle",
    "complex",
    "array",
    "void",
    "duration",
    "stretch",
    "gphase",
    "inv",
    "pow",
    "ctrl",
    "negctrl",
    "durationof",
    "delay",
    "reset",
    "measure",
    "barrier",
    "true",
    "false",
    "im",
    "U",
];

/// Words of OpenQASM 2 that cannot be names.
pub(super) const KEYWORDS_2: &[&str] =
    &["OPENQASM", "include", "qreg", "creg", "gate", "opaque", "barrier", "measure", "reset", "if", "U", "CX"];

/// Statements that a circuit cannot hold, and why.
pub(super) fn unsupported(word: &str) -> Option<&'static str> {
    Some(match word {
        "reset" => "it is not unitary",
        "if" | "else" | "switch" | "case" | "default" => "a circuit has no classical control",
        "for" | "while" | "break" | "continue" | "in" => "a circuit has no loops",
        "def" | "extern" | "return" | "end" | "nop" => "a circuit has no subroutines",
        "cal" | "defcal" | "defcalgrammar" => "a circuit has no pulses",
        "box" | "delay" | "duration" | "stretch" | "durationof" => "a circuit has no timing",
        "bool" | "int" | "uint" | "float" | "angle" | "complex" | "array" | "readonly" | "mutable" => {
            "a circuit has no variables; declare a const, or an input float"
        }
        "output" => "results are those of the final measurement",
        "pragma" | "#" => "its meaning is not known",
        "@" => "annotations have no known meaning",
        "opaque" => "it has no matrix",
        _ => return None,
    })
}

/// A constant of the language. In OpenQASM 2 only `pi` is one.
pub(super) fn constant(word: &str, version_2: bool) -> Option<f64> {
    match word {
        "pi" => Some(std::f64::consts::PI),
        _ if version_2 => None,
        "\u{3c0}" => Some(std::f64::consts::PI),
        "tau" | "\u{3c4}" => Some(std::f64::consts::TAU),
        "euler" | "\u{2107}" => Some(std::f64::consts::E),
        _ => None,
    }
}

/// A function of constants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) of: fn(f64) -> f64,
}

/// The functions of both versions; OpenQASM 3 says `log` and `arcsin` where version 2 says `ln` and `asin`.
static FUNCTIONS: &[Function] = &[
    Function { name: "sin", of: f64::sin },
    Function { name: "cos", of: f64::cos },
    Function { name: "tan", of: f64::tan },
    Function { name: "arcsin", of: f64::asin },
    Function { name: "arccos", of: f64::acos },
    Function { name: "arctan", of: f64::atan },
    Function { name: "asin", of: f64::asin },
    Function { name: "acos", of: f64::acos },
    Function { name: "atan", of: f64::atan },
    Function { name: "exp", of: f64::exp },
    Function { name: "ln", of: f64::ln },
    Function { name: "log", of: f64::ln },
    Function { name: "sqrt", of: f64::sqrt },
    Function { name: "floor", of: f64::floor },
    Function { name: "ceiling", of: f64::ceil },
];

pub(super) fn function(word: &str) -> Option<Function> {
    FUNCTIONS.iter().find(|function| function.name == word).copied()
}

/// Whether a word has the shape of a name.
pub(super) fn is_identifier(word: &str) -> bool {
    word.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && word.chars().all(|c| c.is_alphanumeric() || c == '_')
}
