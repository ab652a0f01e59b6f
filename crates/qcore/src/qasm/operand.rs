//! Operands: registers, their elements, ranges and sets.

use super::error::shortened;
use super::expression::Scope;
use super::lexer::Kind;
use super::parser::{Addressing, Parser, Symbol, mixed_addressing};
use super::{Error, Fault, Location};
use crate::MAX_QUBITS;

/// Qubits under one name; a single one combines with registers of any size.
#[derive(Clone, Debug)]
pub(super) struct Register {
    pub(super) qubits: Vec<usize>,
    pub(super) single: bool,
}

pub(super) struct Operand {
    pub(super) register: Register,
    pub(super) location: Location,
}

/// What an index selects, without a list of it: a register of bits may be long.
enum Selection {
    One(u64),
    Range { start: u64, step: i64, count: u64 },
    Set(Vec<u64>),
}

impl<'a> Parser<'a> {
    pub(super) fn operand(&mut self) -> Result<Operand, Error> {
        let location = self.token.location;
        if let Kind::Physical(digits) = self.token.kind {
            return self.physical(digits);
        }
        let Kind::Word(name) = self.token.kind else { return self.expected("a qubit or a register") };
        let register = match self.symbols.get(name).map(|entry| &entry.symbol) {
            Some(Symbol::Qubits(register)) => register.clone(),
            Some(other) => {
                let needed = "a register of qubits";
                return self.fail(Fault::Kind { name: shortened(name), is: other.describe(), needed });
            }
            None => return self.fail(Fault::UnknownName { name: shortened(name) }),
        };
        self.advance()?;
        let mut operand = Operand { register, location };
        while self.token.kind == Kind::Sign("[") {
            let Register { qubits, single } = operand.register;
            if single {
                return self.expected("no index: the operand is a single qubit");
            }
            operand.register = match self.index(name, qubits.len() as u64)? {
                Selection::One(at) => Register { qubits: vec![qubits[at as usize]], single: true },
                Selection::Range { start, step, count } => Register {
                    qubits: (0..count as i64).map(|k| qubits[(start as i64 + k * step) as usize]).collect(),
                    single: false,
                },
                Selection::Set(set) => {
                    let chosen: Vec<usize> = set.iter().map(|&at| qubits[at as usize]).collect();
                    if let Some((_, qubit)) = chosen.iter().enumerate().find(|(k, qubit)| chosen[..*k].contains(qubit))
                    {
                        let fault = Fault::DuplicateQubit { qubit: qubit.to_string(), gate: "a set".to_owned() };
                        return Err(Error { location, fault });
                    }
                    Register { qubits: chosen, single: false }
                }
            };
        }
        Ok(operand)
    }

    /// `$k`, the qubit with that number.
    fn physical(&mut self, digits: &str) -> Result<Operand, Error> {
        if self.version_2 {
            return self.expected("a qubit or a register");
        }
        if self.addressing == Some(Addressing::Declared) {
            return self.fail(mixed_addressing());
        }
        let number = digits.parse::<u64>().unwrap_or(u64::MAX);
        if number >= MAX_QUBITS as u64 {
            return self.fail(Fault::Width { qubits: number.saturating_add(1) });
        }
        let location = self.advance()?.location;
        self.addressing = Some(Addressing::Physical);
        let number = number as usize;
        self.qubits = self.qubits.max(number + 1);
        self.measured.resize(self.qubits, None);
        Ok(Operand { register: Register { qubits: vec![number], single: true }, location })
    }

    /// Bits that a measurement writes: how many.
    pub(super) fn bits(&mut self) -> Result<u64, Error> {
        let Kind::Word(name) = self.token.kind else { return self.expected("a register of bits") };
        let (size, single) = match self.symbols.get(name).map(|entry| &entry.symbol) {
            Some(Symbol::Bits { size, single }) => (*size, *single),
            Some(other) => {
                let needed = "a register of bits";
                return self.fail(Fault::Kind { name: shortened(name), is: other.describe(), needed });
            }
            None => return self.fail(Fault::UnknownName { name: shortened(name) }),
        };
        self.advance()?;
        if single || self.token.kind != Kind::Sign("[") {
            return Ok(size);
        }
        Ok(match self.index(name, size)? {
            Selection::One(_) => 1,
            Selection::Range { count, .. } => count,
            Selection::Set(set) => set.len() as u64,
        })
    }

    /// `[k]`, and in OpenQASM 3 `[a:b]`, `[a:step:b]` (both ends included) and `[{a, b}]`; negative indices count from the end.
    fn index(&mut self, name: &str, size: u64) -> Result<Selection, Error> {
        self.sign("[")?;
        let selection = if self.version_2 {
            let (value, location) = self.integer("an index", Scope::Global)?;
            Selection::One(position(value, name, size, location)?)
        } else if self.has("{")? {
            let mut set = Vec::new();
            loop {
                let (value, location) = self.integer("an index", Scope::Global)?;
                set.push(position(value, name, size, location)?);
                if !self.another("}")? {
                    break;
                }
            }
            self.sign("}")?;
            Selection::Set(set)
        } else {
            let location = self.token.location;
            let first = self.optional_integer()?;
            if self.has(":")? {
                let second = self.optional_integer()?;
                let third = if self.has(":")? { Some(self.optional_integer()?) } else { None };
                let (step, end) = match third {
                    Some(end) => (second, end),
                    None => (None, second),
                };
                range(first, step, end, name, size, location)?
            } else {
                match first {
                    Some((value, location)) => Selection::One(position(value, name, size, location)?),
                    None => return self.expected("an index"),
                }
            }
        };
        self.sign("]")?;
        Ok(selection)
    }

    fn optional_integer(&mut self) -> Result<Option<(i64, Location)>, Error> {
        if matches!(self.token.kind, Kind::Sign(":" | "]")) {
            return Ok(None);
        }
        self.integer("an index", Scope::Global).map(Some)
    }
}

fn position(value: i64, name: &str, size: u64, location: Location) -> Result<u64, Error> {
    let from_end = if value < 0 { value.checked_add_unsigned(size).unwrap_or(-1) } else { value };
    match u64::try_from(from_end) {
        Ok(at) if at < size => Ok(at),
        _ => Err(Error { location, fault: Fault::Index { index: value, name: shortened(name), size } }),
    }
}

fn range(
    start: Option<(i64, Location)>,
    step: Option<(i64, Location)>,
    end: Option<(i64, Location)>,
    name: &str,
    size: u64,
    location: Location,
) -> Result<Selection, Error> {
    let step = step.map_or(1, |(value, _)| value);
    let ends = if step < 0 { (size - 1, 0) } else { (0, size - 1) };
    let place = |given: Option<(i64, Location)>, default| match given {
        Some((value, location)) => position(value, name, size, location),
        None => Ok(default),
    };
    let (start, end) = (place(start, ends.0)?, place(end, ends.1)?);
    let span = if step < 0 { start.checked_sub(end) } else { end.checked_sub(start) };
    match span {
        Some(span) if step != 0 => Ok(Selection::Range { start, step, count: span / step.unsigned_abs() + 1 }),
        _ => Err(Error { location, fault: Fault::EmptySelection { name: shortened(name) } }),
    }
}
