//! Statements: the reader works through the text once and expands it as it goes.

use super::error::shortened;
use super::expression::{Scope, Value};
use super::gates::Definition;
use super::lexer::{Kind, Lexer, Token};
use super::names;
use super::operand::Register;
use super::{Error, Fault, Location};
use crate::{Circuit, MAX_QUBITS, Operation, Param};
use std::collections::HashMap;
use std::rc::Rc;

/// What a declared name stands for.
#[derive(Clone, Debug)]
pub(super) enum Symbol {
    Qubits(Register),
    /// Classical bits, which only measurements write.
    Bits {
        size: u64,
        single: bool,
    },
    Input(Param),
    Constant(Value),
    Gate(Rc<Definition>),
}

impl Symbol {
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::Qubits(_) => "a register of qubits",
            Self::Bits { .. } => "a register of bits",
            Self::Input(_) => "an input parameter",
            Self::Constant(_) => "a constant",
            Self::Gate(_) => "a gate",
        }
    }
}

pub(super) struct Entry {
    pub(super) symbol: Symbol,
    location: Location,
}

/// Which standard library has been included.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Includes {
    pub(super) stdgates: bool,
    pub(super) qelib1: bool,
}

pub(super) struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The token that comes next.
    pub(super) token: Token<'a>,
    pub(super) version_2: bool,
    pub(super) includes: Includes,
    pub(super) symbols: HashMap<&'a str, Entry>,
    parameters: Vec<String>,
    /// Width of the register so far.
    pub(super) qubits: usize,
    /// Whether qubits are declared, or used by their physical number.
    pub(super) addressing: Option<Addressing>,
    /// Where each qubit was measured.
    pub(super) measured: Vec<Option<Location>>,
    pub(super) operations: Vec<Operation>,
    pub(super) locations: Vec<Location>,
    /// Gates after expansion, calls of definitions included.
    pub(super) expanded: usize,
    pub(super) work: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Addressing {
    Declared,
    Physical,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, Error> {
        let mut lexer = Lexer::new(text);
        let token = lexer.next()?;
        Ok(Self {
            lexer,
            token,
            version_2: false,
            includes: Includes::default(),
            symbols: HashMap::new(),
            parameters: Vec::new(),
            qubits: 0,
            addressing: None,
            measured: Vec::new(),
            operations: Vec::new(),
            locations: Vec::new(),
            expanded: 0,
            work: 0,
        })
    }

    pub(super) fn advance(&mut self) -> Result<Token<'a>, Error> {
        let next = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.token, next))
    }

    pub(super) fn fail<T>(&self, fault: Fault) -> Result<T, Error> {
        Err(Error { location: self.token.location, fault })
    }

    pub(super) fn expected<T>(&self, expected: &'static str) -> Result<T, Error> {
        self.fail(Fault::Expected { expected, found: self.token.describe() })
    }

    /// Consumes a sign that must stand here.
    pub(super) fn sign(&mut self, sign: &'static str) -> Result<(), Error> {
        if self.token.kind != Kind::Sign(sign) {
            return self.expected(sign);
        }
        self.advance().map(drop)
    }

    /// Consumes a sign if it stands here.
    pub(super) fn has(&mut self, sign: &'static str) -> Result<bool, Error> {
        if self.token.kind != Kind::Sign(sign) {
            return Ok(false);
        }
        self.advance().map(|_| true)
    }

    /// Consumes a comma if another entry of a list follows. In OpenQASM 3 one may also stand behind the last entry, before `end`.
    pub(super) fn another(&mut self, end: &'static str) -> Result<bool, Error> {
        Ok(self.has(",")? && (self.version_2 || self.token.kind != Kind::Sign(end)))
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        self.token.kind == Kind::Word(word)
    }

    /// Consumes a name that is no keyword.
    pub(super) fn name(&mut self, expected: &'static str) -> Result<(&'a str, Location), Error> {
        let keywords = if self.version_2 { names::KEYWORDS_2 } else { names::KEYWORDS };
        match self.token.kind {
            Kind::Word(word) if !keywords.contains(&word) && names::is_identifier(word) => {
                let token = self.advance()?;
                Ok((word, token.location))
            }
            _ => self.expected(expected),
        }
    }

    pub(super) fn declare(&mut self, name: &'a str, location: Location, symbol: Symbol) -> Result<(), Error> {
        self.check_free(name, location)?;
        self.symbols.insert(name, Entry { symbol, location });
        Ok(())
    }

    /// Whether a gate of the file may have that name. Registers and parameters may be called like gates of a library: Qiskit
    /// writes `qreg x[1];`.
    pub(super) fn check_free_for_gate(&self, name: &str, location: Location) -> Result<(), Error> {
        let by = if self.includes.stdgates && names::STDGATES.contains(&name) {
            "stdgates.inc"
        } else if self.includes.qelib1 && names::QELIB1.contains(&name) {
            "qelib1.inc"
        } else {
            return self.check_free(name, location);
        };
        Err(Error { location, fault: Fault::Redeclared { name: shortened(name), by: by.to_owned() } })
    }

    pub(super) fn check_free(&self, name: &str, location: Location) -> Result<(), Error> {
        let by = if let Some(entry) = self.symbols.get(name) {
            format!("line {}", entry.location.line)
        } else if names::constant(name, self.version_2).is_some() {
            "the language".to_owned()
        } else {
            return Ok(());
        };
        Err(Error { location, fault: Fault::Redeclared { name: shortened(name), by } })
    }

    pub(super) fn file(mut self) -> Result<(Circuit, Vec<Location>), Error> {
        if self.token.kind == Kind::End {
            return self.fail(Fault::Empty);
        }
        if self.is_word("OPENQASM") {
            self.version()?;
        }
        while self.token.kind != Kind::End {
            self.statement()?;
        }
        if self.qubits == 0 {
            return self.fail(Fault::NoQubits);
        }
        Ok((Circuit::assembled(self.qubits, self.parameters, self.operations), self.locations))
    }

    fn version(&mut self) -> Result<(), Error> {
        self.advance()?;
        let location = self.token.location;
        let number = match self.token.kind {
            Kind::Integer(major) => major as f64,
            Kind::Real(number) => number,
            _ => return self.expected("a version"),
        };
        self.advance()?;
        self.version_2 = number == 2.0;
        self.lexer.version_2 = self.version_2;
        if ![2.0, 3.0, 3.1].contains(&number) {
            return Err(Error { location, fault: Fault::Version { version: format!("{number:?}") } });
        }
        self.sign(";")
    }

    fn statement(&mut self) -> Result<(), Error> {
        match self.token.kind {
            Kind::Sign(";") => self.advance().map(drop),
            Kind::Sign(sign @ ("@" | "#")) => self.unsupported(sign),
            Kind::Word(word) => match (word, self.version_2) {
                ("include", _) => self.include(),
                ("gate", _) => self.definition(),
                ("barrier", _) => self.barrier(),
                ("measure", _) => self.measure_statement(),
                ("qreg" | "creg", _) => self.old_register(word == "qreg"),
                ("qubit", false) => self.qubit(),
                ("bit", false) => self.bit(),
                ("input", false) => self.input(),
                ("const", false) => self.constant_declaration(),
                ("let", false) => self.alias(),
                ("OPENQASM", _) => self.expected("a statement: the version stands at the beginning of a file"),
                ("opaque", true) => self.unsupported(word),
                ("opaque", false) => self.gate_statement(),
                ("if" | "reset", _) => self.unsupported(word),
                (_, false) if names::unsupported(word).is_some() => self.unsupported(word),
                _ if self.is_assignment(word) => self.assignment(),
                _ => self.gate_statement(),
            },
            _ => self.expected("a statement"),
        }
    }

    /// Whether a statement that starts with this word assigns to bits: they may have the name of a gate.
    fn is_assignment(&self, word: &str) -> bool {
        matches!(self.symbols.get(word).map(|entry| &entry.symbol), Some(Symbol::Bits { .. }))
            && matches!(self.lexer.clone().next(), Ok(Token { kind: Kind::Sign("=" | "["), .. }))
    }

    pub(super) fn unsupported(&self, word: &str) -> Result<(), Error> {
        let construct = match word {
            "@" => "an annotation".to_owned(),
            "#" => "a pragma".to_owned(),
            word => format!("{:?}", shortened(word)),
        };
        let reason = names::unsupported(word).unwrap_or("a circuit has only gates");
        self.fail(Fault::Unsupported { construct, reason })
    }

    fn include(&mut self) -> Result<(), Error> {
        self.advance()?;
        let location = self.token.location;
        let Kind::Text(name) = self.token.kind else { return self.expected("the name of a file in quotation marks") };
        self.advance()?;
        let library = match name {
            "stdgates.inc" => {
                self.includes.stdgates = true;
                names::STDGATES
            }
            "qelib1.inc" => {
                self.includes.qelib1 = true;
                names::QELIB1
            }
            _ => return Err(Error { location, fault: Fault::Include { name: shortened(name) } }),
        };
        let defined =
            |name: &&str| self.symbols.get_key_value(*name).filter(|(_, e)| matches!(e.symbol, Symbol::Gate(_)));
        if let Some((name, entry)) = library.iter().find_map(defined) {
            let by = format!("line {}", entry.location.line);
            return Err(Error { location, fault: Fault::Redeclared { name: shortened(name), by } });
        }
        self.sign(";")
    }

    /// A positive integer in brackets.
    fn size(&mut self, what: &'static str) -> Result<u64, Error> {
        self.sign("[")?;
        let (value, location) = self.integer(what, Scope::Global)?;
        self.sign("]")?;
        match u64::try_from(value) {
            Ok(size) if size > 0 => Ok(size),
            _ => Err(Error { location, fault: Fault::NotPositive { what, value } }),
        }
    }

    fn optional_size(&mut self, what: &'static str) -> Result<Option<u64>, Error> {
        if self.token.kind == Kind::Sign("[") { self.size(what).map(Some) } else { Ok(None) }
    }

    fn new_qubits(&mut self, name: &'a str, location: Location, size: Option<u64>) -> Result<(), Error> {
        if self.addressing == Some(Addressing::Physical) {
            return Err(Error { location, fault: mixed_addressing() });
        }
        self.addressing = Some(Addressing::Declared);
        let total = (self.qubits as u64).saturating_add(size.unwrap_or(1));
        if total > MAX_QUBITS as u64 {
            return Err(Error { location, fault: Fault::Width { qubits: total } });
        }
        let register = Register { qubits: (self.qubits..total as usize).collect(), single: size.is_none() };
        self.declare(name, location, Symbol::Qubits(register))?;
        self.qubits = total as usize;
        self.measured.resize(self.qubits, None);
        Ok(())
    }

    fn qubit(&mut self) -> Result<(), Error> {
        self.advance()?;
        let size = self.optional_size("the size of a register")?;
        let (name, location) = self.name("the name of a register")?;
        self.new_qubits(name, location, size)?;
        self.sign(";")
    }

    fn bit(&mut self) -> Result<(), Error> {
        self.advance()?;
        let size = self.optional_size("the size of a register")?;
        let (name, location) = self.name("the name of a register")?;
        self.declare(name, location, Symbol::Bits { size: size.unwrap_or(1), single: size.is_none() })?;
        if self.token.kind == Kind::Sign("=") {
            self.advance()?;
            let (qubits, location) = self.measured_value()?;
            self.same_size(size.unwrap_or(1), qubits, location)?;
        }
        self.sign(";")
    }

    /// `qreg q[2];` and `creg c[2];`
    fn old_register(&mut self, quantum: bool) -> Result<(), Error> {
        self.advance()?;
        let (name, location) = self.name("the name of a register")?;
        let size = if self.version_2 {
            Some(self.size("the size of a register")?)
        } else {
            self.optional_size("the size of a register")?
        };
        if quantum {
            self.new_qubits(name, location, size)?;
        } else {
            self.declare(name, location, Symbol::Bits { size: size.unwrap_or(1), single: size.is_none() })?;
        }
        self.sign(";")
    }

    fn input(&mut self) -> Result<(), Error> {
        self.advance()?;
        match self.token.kind {
            Kind::Word("float" | "angle") => {}
            Kind::Word(word) => {
                return self.fail(Fault::Unsupported {
                    construct: format!("input {:?}", shortened(word)),
                    reason: "parameters are input float or input angle",
                });
            }
            _ => return self.expected("float or angle"),
        }
        self.advance()?;
        self.optional_size("the width of a number")?;
        let (name, location) = self.name("the name of a parameter")?;
        self.declare(name, location, Symbol::Input(Param::new(self.parameters.len())))?;
        self.parameters.push(name.to_owned());
        self.sign(";")
    }

    fn constant_declaration(&mut self) -> Result<(), Error> {
        self.advance()?;
        let Kind::Word(kind @ ("float" | "angle" | "int" | "uint")) = self.token.kind else {
            return self.expected("float, angle, int or uint");
        };
        self.advance()?;
        self.optional_size("the width of a number")?;
        let (name, location) = self.name("the name of a constant")?;
        self.sign("=")?;
        let (value, at) = self.constant("the value of a constant", Scope::Global)?;
        let value = match (kind, value) {
            ("float" | "angle", value) => Value::Angle(value.into_angle()),
            ("uint", Value::Integer(value)) if value < 0 => {
                return Err(Error { location: at, fault: Fault::NotPositive { what: "an unsigned integer", value } });
            }
            (_, Value::Integer(value)) => Value::Integer(value),
            _ => {
                let what = "the value of an integer constant";
                return Err(Error { location: at, fault: Fault::NotInteger { what } });
            }
        };
        self.declare(name, location, Symbol::Constant(value))?;
        self.sign(";")
    }

    /// `let name = register ++ register ...;`
    fn alias(&mut self) -> Result<(), Error> {
        self.advance()?;
        let (name, location) = self.name("the name of an alias")?;
        self.check_free(name, location)?;
        self.sign("=")?;
        let mut register = self.operand()?.register;
        while self.has("++")? {
            let at = self.token.location;
            let more = self.operand()?.register;
            if let Some(qubit) = more.qubits.iter().find(|qubit| register.qubits.contains(qubit)) {
                let fault = Fault::DuplicateQubit { qubit: qubit.to_string(), gate: "an alias".to_owned() };
                return Err(Error { location: at, fault });
            }
            register.qubits.extend(more.qubits);
            register.single = false;
        }
        self.declare(name, location, Symbol::Qubits(register))?;
        self.sign(";")
    }

    fn barrier(&mut self) -> Result<(), Error> {
        self.advance()?;
        if self.token.kind != Kind::Sign(";") {
            self.operand()?;
            while self.another(";")? {
                self.operand()?;
            }
        }
        self.sign(";")
    }

    /// `measure q` up to its end: how many qubits, and where it stands.
    fn measure(&mut self) -> Result<(u64, Location), Error> {
        let location = self.advance()?.location;
        let operand = self.operand()?;
        for &qubit in &operand.register.qubits {
            self.measured[qubit] = Some(location);
        }
        Ok((operand.register.qubits.len() as u64, location))
    }

    /// The right-hand side of an assignment to bits.
    fn measured_value(&mut self) -> Result<(u64, Location), Error> {
        if !self.is_word("measure") {
            return self.expected("measure: bits have no other values");
        }
        self.measure()
    }

    fn same_size(&self, bits: u64, qubits: u64, location: Location) -> Result<(), Error> {
        if bits == qubits {
            return Ok(());
        }
        Err(Error { location, fault: Fault::BroadcastSize { size: qubits, got: bits } })
    }

    fn measure_statement(&mut self) -> Result<(), Error> {
        let (qubits, location) = self.measure()?;
        if self.version_2 && self.token.kind != Kind::Sign("->") {
            return self.expected("->");
        }
        if self.has("->")? {
            let bits = self.bits()?;
            self.same_size(bits, qubits, location)?;
        }
        self.sign(";")
    }

    /// `c = measure q;`
    fn assignment(&mut self) -> Result<(), Error> {
        let bits = self.bits()?;
        self.sign("=")?;
        let (qubits, location) = self.measured_value()?;
        self.same_size(bits, qubits, location)?;
        self.sign(";")
    }
}

pub(super) fn mixed_addressing() -> Fault {
    Fault::Unsupported {
        construct: "a physical qubit beside a declared register".to_owned(),
        reason: "the numbers of the qubits would not be known",
    }
}
