//! Gate calls and gate definitions: modifiers, broadcasting, and expansion of definitions into gates of the table.

use super::error::shortened;
use super::expression::{Expression, Scope, Value};
use super::lexer::Kind;
use super::names;
use super::operand::Operand;
use super::parser::{Parser, Symbol};
use super::{Error, Fault, Limit, Location, MAX_CALL_DEPTH, MAX_OPERATIONS};
use crate::{Action, Angle, Control, Gate, MAX_QUBITS, Operation};
use std::collections::HashMap;
use std::rc::Rc;

/// What a call counts for, beside its angles.
const CALL: usize = 8;

/// A gate definition: a macro of calls.
#[derive(Debug)]
pub(super) struct Definition {
    name: String,
    angles: usize,
    qubits: usize,
    body: Vec<BodyCall>,
    /// Levels of definitions below and including this one.
    depth: usize,
}

/// What a call applies.
#[derive(Clone, Debug)]
enum Target {
    Table(Gate),
    Defined(Rc<Definition>),
}

/// The modifiers of a call, folded: controls commute with inverses and integer powers, which multiply.
#[derive(Clone, Debug, Default)]
struct Modifiers {
    /// For each control, in the order of the text, the value at which the gate acts.
    controls: Vec<bool>,
    /// The product of all powers, an inverse being the power -1; `None` without any.
    exponent: Option<f64>,
    /// The first power that is not an integer.
    fraction: Option<f64>,
}

#[derive(Clone, Debug)]
struct Head {
    target: Target,
    modifiers: Modifiers,
    angles: Vec<Expression>,
    location: Location,
}

#[derive(Debug)]
struct BodyCall {
    head: Head,
    /// Controls and operands, as positions among the qubits of the definition.
    qubits: Vec<usize>,
}

impl Target {
    fn name(&self) -> &str {
        match self {
            Self::Table(gate) => gate.spec().name,
            Self::Defined(definition) => &definition.name,
        }
    }

    fn angles(&self) -> usize {
        match self {
            Self::Table(gate) => gate.spec().angles,
            Self::Defined(definition) => definition.angles,
        }
    }

    fn qubits(&self) -> usize {
        match self {
            Self::Table(gate) => gate.spec().qubits(),
            Self::Defined(definition) => definition.qubits,
        }
    }

    /// Whether a power multiplies the angle.
    fn is_rotation(&self) -> bool {
        matches!(self, Self::Table(gate) if matches!(gate.spec().action, Action::Rotation { .. }))
    }
}

impl Head {
    fn qubits(&self) -> usize {
        self.modifiers.controls.len() + self.target.qubits()
    }

    /// The gate with its modifiers, for messages.
    fn name(&self) -> String {
        let name = shortened(self.target.name());
        match self.modifiers.controls.len() {
            0 => name,
            1 => format!("ctrl @ {name}"),
            count => format!("ctrl({count}) @ {name}"),
        }
    }
}

impl<'a> Parser<'a> {
    /// Everything before the operands of a call. `within` is the gate whose body it stands in.
    fn head(&mut self, scope: Scope<'_, 'a>, within: Option<&str>) -> Result<Head, Error> {
        let start = self.token.location;
        let mut modifiers = Modifiers::default();
        if !self.version_2 {
            while self.modifier(scope, &mut modifiers)? {}
        }
        let location = self.token.location;
        let Kind::Word(word) = self.token.kind else { return self.expected("a gate") };
        let target = self.target(word, within)?;
        self.advance()?;
        let mut angles = Vec::new();
        if self.has("(")? && !self.has(")")? {
            loop {
                angles.push(self.expression(scope)?);
                if !self.another(")")? {
                    break;
                }
            }
            self.sign(")")?;
        }
        if angles.len() != target.angles() {
            let gate = shortened(word);
            let fault = Fault::AngleCount { gate, expected: target.angles(), got: angles.len() };
            return Err(Error { location, fault });
        }
        if let Some(exponent) = modifiers.fraction
            && !target.is_rotation()
        {
            return Err(Error { location: start, fault: Fault::Power { exponent, gate: shortened(word) } });
        }
        Ok(Head { target, modifiers, angles, location })
    }

    /// `inv @`, `pow(k) @`, `ctrl @`, `ctrl(n) @`, `negctrl @` or `negctrl(n) @`.
    fn modifier(&mut self, scope: Scope<'_, 'a>, modifiers: &mut Modifiers) -> Result<bool, Error> {
        let Kind::Word(word @ ("inv" | "pow" | "ctrl" | "negctrl")) = self.token.kind else { return Ok(false) };
        self.advance()?;
        match word {
            "inv" => modifiers.exponent = Some(-modifiers.exponent.unwrap_or(1.0)),
            "pow" => {
                self.sign("(")?;
                let (value, location) = self.constant("an exponent", scope)?;
                self.sign(")")?;
                let integral = matches!(value, Value::Integer(_));
                let exponent = value.into_angle().value(&[]);
                if !integral && exponent != exponent.trunc() {
                    modifiers.fraction.get_or_insert(exponent);
                }
                let product = modifiers.exponent.unwrap_or(1.0) * exponent;
                if !product.is_finite() {
                    return Err(Error { location, fault: Fault::NotFinite { value: product } });
                }
                modifiers.exponent = Some(product);
            }
            _ => {
                let mut count = 1;
                if self.has("(")? {
                    let what = "the number of controls";
                    let (value, location) = self.integer(what, scope)?;
                    self.sign(")")?;
                    count = match usize::try_from(value) {
                        Ok(count) if count > 0 => count,
                        _ => return Err(Error { location, fault: Fault::NotPositive { what, value } }),
                    };
                }
                if count > MAX_QUBITS || modifiers.controls.len() + count > MAX_QUBITS {
                    return self.fail(Fault::Width { qubits: modifiers.controls.len().saturating_add(count) as u64 });
                }
                modifiers.controls.extend(std::iter::repeat_n(word == "ctrl", count));
            }
        }
        self.sign("@")?;
        Ok(true)
    }

    /// The gate of that name: a definition of the file, or else a gate of the language or of an included library. The rest
    /// of the gate table is known wherever a library is included.
    fn target(&self, word: &str, within: Option<&str>) -> Result<Target, Error> {
        if within == Some(word) {
            return self.fail(Fault::Recursion { name: shortened(word) });
        }
        let symbol = self.symbols.get(word).map(|entry| &entry.symbol);
        if let Some(Symbol::Gate(definition)) = symbol {
            return Ok(Target::Defined(Rc::clone(definition)));
        }
        let built_in = match (word, self.version_2) {
            ("U", _) => Some(Gate::U),
            ("CX", true) => Some(Gate::Cx),
            ("gphase", false) => Some(Gate::GlobalPhase),
            _ => None,
        };
        if let Some(gate) = built_in {
            return Ok(Target::Table(gate));
        }
        let known = Gate::by_name(word).filter(|&gate| gate != Gate::GlobalPhase);
        if let (None, Some(other)) = (known, symbol) {
            return self.fail(Fault::Kind { name: shortened(word), is: other.describe(), needed: "a gate" });
        }
        match known {
            Some(gate) if self.includes.stdgates || self.includes.qelib1 => Ok(Target::Table(gate)),
            Some(_) => {
                let library = if self.version_2 { "qelib1.inc" } else { "stdgates.inc" };
                self.fail(Fault::MissingInclude { name: shortened(word), library })
            }
            None if !self.version_2 && names::KEYWORDS.contains(&word) => self.expected("a gate"),
            None => self.fail(Fault::UnknownGate { name: shortened(word) }),
        }
    }

    fn wrong_operands(head: &Head, got: usize) -> Error {
        let fault = Fault::QubitCount { gate: head.name(), expected: head.qubits(), got };
        Error { location: head.location, fault }
    }

    /// A call outside of definitions.
    pub(super) fn gate_statement(&mut self) -> Result<(), Error> {
        let start = self.token.location;
        let head = self.head(Scope::Global, None)?;
        let mut operands: Vec<Operand> = Vec::new();
        if self.token.kind != Kind::Sign(";") {
            loop {
                // One more than fits is enough to know that there are too many.
                let operand = self.operand()?;
                if operands.len() <= MAX_QUBITS {
                    operands.push(operand);
                }
                if !self.another(";")? {
                    break;
                }
            }
        }
        if self.token.kind != Kind::Sign(";") {
            return self.expected("\",\" or \";\"");
        }
        if operands.len() != head.qubits() {
            return Err(Self::wrong_operands(&head, operands.len()));
        }
        self.advance()?;
        let mut angles = Vec::with_capacity(head.angles.len());
        for angle in &head.angles {
            angles.push(self.evaluate(angle, &[])?.into_angle());
        }
        self.broadcast(&head, &angles, &operands, start)
    }

    /// Applies a call to single qubits, or to the first, second, .. elements of its registers.
    fn broadcast(&mut self, head: &Head, angles: &[Angle], operands: &[Operand], at: Location) -> Result<(), Error> {
        let mut size = None;
        for operand in operands.iter().filter(|operand| !operand.register.single) {
            let got = operand.register.qubits.len() as u64;
            let size = *size.get_or_insert(got);
            if got != size {
                return Err(Error { location: operand.location, fault: Fault::BroadcastSize { size, got } });
            }
        }
        for k in 0..size.unwrap_or(1) as usize {
            let mut qubits = Vec::with_capacity(operands.len());
            for operand in operands {
                let register = &operand.register;
                let qubit = register.qubits[if register.single { 0 } else { k }];
                if let Some(location) = self.measured[qubit] {
                    return Err(Error { location, fault: Fault::Measured { line: at.line } });
                }
                if qubits.contains(&qubit) {
                    let fault = Fault::DuplicateQubit { qubit: qubit.to_string(), gate: head.name() };
                    return Err(Error { location: operand.location, fault });
                }
                qubits.push(qubit);
            }
            self.apply(head, &[], false, angles, &qubits, at)?;
        }
        Ok(())
    }

    /// Applies a call to single qubits, under the controls and the inverse of the calls around it.
    fn apply(
        &mut self,
        head: &Head,
        outer: &[Control],
        inverse: bool,
        angles: &[Angle],
        qubits: &[usize],
        at: Location,
    ) -> Result<(), Error> {
        let (controls, operands) = qubits.split_at(head.modifiers.controls.len());
        let mut all: Vec<Control> = outer.to_vec();
        all.extend(controls.iter().zip(&head.modifiers.controls).map(|(&qubit, &value)| Control { qubit, value }));
        let exponent = head.modifiers.exponent.unwrap_or(1.0) * if inverse { -1.0 } else { 1.0 };
        let repetitions = exponent.abs();
        self.spend(CALL, at)?;
        let over = Error { location: at, fault: Fault::Limit(Limit::Operations) };
        match &head.target {
            Target::Table(gate) => {
                let size: usize = angles.iter().map(Angle::size).sum();
                let operation = if head.target.is_rotation() {
                    self.spend(size, at)?;
                    let angle = angles[0].clone();
                    Operation::gate(*gate, operands, &[if exponent == 1.0 { angle } else { angle * exponent }])
                } else {
                    Operation::gate(*gate, operands, angles)
                };
                let operation = operation.and_then(|operation| operation.controlled(&all));
                let mut operation = operation.map_err(|error| Error { location: at, fault: error.into() })?;
                if head.target.is_rotation() {
                    return self.emit_operation(operation, at);
                }
                if exponent < 0.0 {
                    operation = operation.inverse();
                }
                if repetitions > MAX_OPERATIONS as f64 {
                    return Err(over);
                }
                for _ in 0..repetitions as usize {
                    self.spend(size, at)?;
                    self.emit_operation(operation.clone(), at)?;
                }
            }
            Target::Defined(definition) => {
                if repetitions > MAX_OPERATIONS as f64 {
                    return Err(over);
                }
                for _ in 0..repetitions as usize {
                    self.expand(definition, &all, exponent < 0.0, angles, operands, at)?;
                }
            }
        }
        Ok(())
    }

    fn expand(
        &mut self,
        definition: &Definition,
        controls: &[Control],
        inverse: bool,
        angles: &[Angle],
        qubits: &[usize],
        at: Location,
    ) -> Result<(), Error> {
        self.count_expansion(at)?;
        for k in 0..definition.body.len() {
            let call = &definition.body[if inverse { definition.body.len() - 1 - k } else { k }];
            let mut inner = Vec::with_capacity(call.head.angles.len());
            for angle in &call.head.angles {
                inner.push(self.evaluate(angle, angles)?.into_angle());
            }
            let operands: Vec<usize> = call.qubits.iter().map(|&position| qubits[position]).collect();
            self.apply(&call.head, controls, inverse, &inner, &operands, at)?;
        }
        Ok(())
    }

    /// Counts calls of definitions too, so that empty definitions that call each other end somewhere.
    fn count_expansion(&mut self, location: Location) -> Result<(), Error> {
        self.expanded += 1;
        if self.expanded > MAX_OPERATIONS {
            return Err(Error { location, fault: Fault::Limit(Limit::Operations) });
        }
        Ok(())
    }

    fn emit_operation(&mut self, operation: Operation, location: Location) -> Result<(), Error> {
        self.count_expansion(location)?;
        self.operations.push(operation);
        self.locations.push(location);
        Ok(())
    }

    /// `gate name(angles) qubits { calls }`
    pub(super) fn definition(&mut self) -> Result<(), Error> {
        self.advance()?;
        let (name, location) = self.name("the name of a gate")?;
        self.check_free_for_gate(name, location)?;
        let mut angles = HashMap::new();
        if self.has("(")? && !self.has(")")? {
            self.formals("the name of an angle", ")", &mut angles)?;
            self.sign(")")?;
        }
        let mut qubits = HashMap::new();
        self.formals("the name of a qubit", "{", &mut qubits)?;
        self.sign("{")?;
        let mut body = Vec::new();
        while !self.has("}")? {
            match self.token.kind {
                Kind::Sign(";") => {
                    self.advance()?;
                }
                Kind::Word("barrier") => {
                    self.advance()?;
                    while self.token.kind != Kind::Sign(";") {
                        self.formal(&qubits)?;
                        if !self.another(";")? {
                            break;
                        }
                    }
                    self.sign(";")?;
                }
                Kind::Word(word @ ("measure" | "reset" | "if")) => {
                    return self.fail(Fault::Unsupported {
                        construct: format!("{word:?} in a gate definition"),
                        reason: "gates are made of gates",
                    });
                }
                Kind::Word(word) if !self.version_2 && word != "gphase" && names::unsupported(word).is_some() => {
                    return self.unsupported(word);
                }
                Kind::Word(_) => body.push(self.body_call(name, &angles, &qubits)?),
                _ => return self.expected("a gate or \"}\""),
            }
        }
        let below = body.iter().map(|call| match &call.head.target {
            Target::Defined(definition) => definition.depth,
            Target::Table(_) => 0,
        });
        let depth = 1 + below.max().unwrap_or(0);
        if depth > MAX_CALL_DEPTH {
            return Err(Error { location, fault: Fault::Limit(Limit::CallDepth) });
        }
        let definition = Definition { name: name.to_owned(), angles: angles.len(), qubits: qubits.len(), body, depth };
        self.declare(name, location, Symbol::Gate(Rc::new(definition)))
    }

    fn formals(
        &mut self,
        expected: &'static str,
        end: &'static str,
        names: &mut HashMap<&'a str, usize>,
    ) -> Result<(), Error> {
        loop {
            let (name, location) = self.name(expected)?;
            if names.insert(name, names.len()).is_some() {
                let by = "the same definition".to_owned();
                return Err(Error { location, fault: Fault::Redeclared { name: shortened(name), by } });
            }
            if !self.another(end)? {
                return Ok(());
            }
        }
    }

    /// The position of a qubit argument.
    fn formal(&mut self, qubits: &HashMap<&'a str, usize>) -> Result<usize, Error> {
        let Kind::Word(word) = self.token.kind else { return self.expected("a qubit of the gate") };
        let Some(&position) = qubits.get(word) else {
            return self.fail(Fault::UnknownName { name: shortened(word) });
        };
        self.advance()?;
        if self.token.kind == Kind::Sign("[") {
            return self.expected("no index: the qubits of a gate are single");
        }
        Ok(position)
    }

    fn body_call(
        &mut self,
        name: &str,
        angles: &HashMap<&'a str, usize>,
        qubits: &HashMap<&'a str, usize>,
    ) -> Result<BodyCall, Error> {
        let head = self.head(Scope::Gate(angles), Some(name))?;
        let mut operands: Vec<usize> = Vec::new();
        let mut got = 0;
        if self.token.kind != Kind::Sign(";") {
            loop {
                let location = self.token.location;
                let position = self.formal(qubits)?;
                got += 1;
                if operands.contains(&position) {
                    let qubit = qubits.iter().find(|(_, p)| **p == position).map_or("", |(name, _)| name);
                    let fault = Fault::DuplicateQubit { qubit: shortened(qubit), gate: head.name() };
                    return Err(Error { location, fault });
                }
                if operands.len() <= MAX_QUBITS {
                    operands.push(position);
                }
                if !self.another(";")? {
                    break;
                }
            }
        }
        if self.token.kind != Kind::Sign(";") {
            return self.expected("\",\" or \";\"");
        }
        if got != head.qubits() {
            return Err(Self::wrong_operands(&head, got));
        }
        self.advance()?;
        Ok(BodyCall { head, qubits: operands })
    }
}
