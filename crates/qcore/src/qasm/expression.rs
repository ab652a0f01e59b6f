//! Arithmetic expressions: parsed to flat postfix code, evaluated to integers or symbolic angles.

use super::error::shortened;
use super::lexer::Kind;
use super::names::{self, Function};
use super::parser::{Parser, Symbol};
use super::{Error, Fault, Limit, Location, MAX_EXPRESSION, MAX_NESTING, MAX_WORK};
use crate::{Angle, Param};
use std::collections::HashMap;

/// A value of OpenQASM: integers are kept apart, since they index registers and divide otherwise.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Integer(i64),
    Angle(Angle),
}

impl Value {
    pub(super) fn into_angle(self) -> Angle {
        match self {
            Self::Integer(value) => Angle::constant(value as f64),
            Self::Angle(angle) => angle,
        }
    }

    fn constant(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Angle(angle) => angle.as_affine().filter(|(_, terms)| terms.is_empty()).map(|(value, _)| value),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Integer(_) => 1,
            Self::Angle(angle) => angle.size(),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Node {
    Integer(i64),
    Real(f64),
    Input(Param),
    /// The gate argument at this position.
    Argument(usize),
    Negate,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Call(Function),
}

/// An expression in postfix order, each node with its place.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    nodes: Vec<(Node, Location)>,
    pub(super) location: Location,
}

/// What names mean inside an expression.
#[derive(Clone, Copy)]
pub(super) enum Scope<'s, 'a> {
    /// The body of a gate with these angle arguments.
    Gate(&'s HashMap<&'a str, usize>),
    /// Everywhere else.
    Global,
}

/// Binding powers to the left and to the right; `**` binds to the right and above a sign.
fn binding(sign: &str, version_2: bool) -> Option<(u8, u8, Node)> {
    Some(match sign {
        "+" => (1, 2, Node::Add),
        "-" => (1, 2, Node::Subtract),
        "*" => (3, 4, Node::Multiply),
        "/" => (3, 4, Node::Divide),
        "**" if !version_2 => (8, 7, Node::Power),
        "^" if version_2 => (8, 7, Node::Power),
        _ => return None,
    })
}

const SIGN_BINDING: u8 = 5;

impl<'a> Parser<'a> {
    pub(super) fn expression(&mut self, scope: Scope<'_, 'a>) -> Result<Expression, Error> {
        let location = self.token.location;
        let mut nodes = Vec::new();
        self.arithmetic(0, MAX_NESTING, scope, &mut nodes)?;
        Ok(Expression { nodes, location })
    }

    fn arithmetic(
        &mut self,
        least: u8,
        depth: usize,
        scope: Scope<'_, 'a>,
        nodes: &mut Vec<(Node, Location)>,
    ) -> Result<(), Error> {
        let Some(depth) = depth.checked_sub(1) else { return self.fail(Fault::Limit(Limit::Nesting)) };
        self.factor(depth, scope, nodes)?;
        loop {
            let location = self.token.location;
            let Kind::Sign(sign) = self.token.kind else { return Ok(()) };
            let Some((left, right, node)) = binding(sign, self.version_2) else {
                if matches!(sign, "%" | "^" | "**" | "&" | "|" | "<<" | ">>" | "<" | ">" | "<=" | ">=" | "==" | "!=") {
                    return self.fail(Fault::Unsupported {
                        construct: format!("operator {sign:?}"),
                        reason: "angles are sums, products, quotients and powers",
                    });
                }
                return Ok(());
            };
            if left < least {
                return Ok(());
            }
            self.advance()?;
            self.arithmetic(right, depth, scope, nodes)?;
            self.emit(node, location, nodes)?;
        }
    }

    fn emit(&self, node: Node, location: Location, nodes: &mut Vec<(Node, Location)>) -> Result<(), Error> {
        if nodes.len() >= MAX_EXPRESSION {
            return self.fail(Fault::Limit(Limit::Expression));
        }
        nodes.push((node, location));
        Ok(())
    }

    fn factor(&mut self, depth: usize, scope: Scope<'_, 'a>, nodes: &mut Vec<(Node, Location)>) -> Result<(), Error> {
        let location = self.token.location;
        match self.token.kind {
            // In OpenQASM 2 all numbers of an expression are real.
            Kind::Integer(value) => {
                self.advance()?;
                let node = if self.version_2 { Node::Real(value as f64) } else { Node::Integer(value) };
                self.emit(node, location, nodes)
            }
            Kind::Real(value) => {
                self.advance()?;
                self.emit(Node::Real(value), location, nodes)
            }
            Kind::Sign(sign @ ("-" | "+")) => {
                self.advance()?;
                self.arithmetic(SIGN_BINDING, depth, scope, nodes)?;
                if sign == "-" { self.emit(Node::Negate, location, nodes) } else { Ok(()) }
            }
            Kind::Sign("(") => {
                self.advance()?;
                self.arithmetic(0, depth, scope, nodes)?;
                self.sign(")")
            }
            Kind::Word(word) => {
                self.advance()?;
                if self.token.kind == Kind::Sign("(") {
                    return self.call(word, location, depth, scope, nodes);
                }
                let node = self.name_in_expression(word, location, scope)?;
                self.emit(node, location, nodes)
            }
            _ => self.expected("an expression"),
        }
    }

    fn call(
        &mut self,
        word: &'a str,
        location: Location,
        depth: usize,
        scope: Scope<'_, 'a>,
        nodes: &mut Vec<(Node, Location)>,
    ) -> Result<(), Error> {
        let node = if word == "pow" {
            Node::Power
        } else if let Some(function) = names::function(word) {
            Node::Call(function)
        } else {
            let construct = format!("function {:?}", shortened(word));
            let reason =
                "the functions are sin, cos, tan, arcsin, arccos, arctan, exp, log, sqrt, floor, ceiling and pow";
            return Err(Error { location, fault: Fault::Unsupported { construct, reason } });
        };
        self.sign("(")?;
        self.arithmetic(0, depth, scope, nodes)?;
        if matches!(node, Node::Power) {
            self.sign(",")?;
            self.arithmetic(0, depth, scope, nodes)?;
        }
        if !self.version_2 {
            self.has(",")?;
        }
        self.sign(")")?;
        self.emit(node, location, nodes)
    }

    fn name_in_expression(&self, word: &'a str, location: Location, scope: Scope<'_, 'a>) -> Result<Node, Error> {
        if let Scope::Gate(arguments) = scope
            && let Some(&position) = arguments.get(word)
        {
            return Ok(Node::Argument(position));
        }
        let fault = match (self.symbols.get(word).map(|entry| &entry.symbol), scope) {
            (Some(Symbol::Constant(value)), _) => {
                return Ok(match value {
                    Value::Integer(value) => Node::Integer(*value),
                    // Only constants are declared const.
                    Value::Angle(angle) => Node::Real(angle.value(&[])),
                });
            }
            (Some(Symbol::Input(param)), Scope::Global) => return Ok(Node::Input(*param)),
            (Some(Symbol::Input(_)), Scope::Gate(_)) => Fault::Unsupported {
                construct: format!("input {:?} inside a gate definition", shortened(word)),
                reason: "hand it to the gate as an argument",
            },
            (Some(other), _) => {
                Fault::Kind { name: shortened(word), is: other.describe(), needed: "a number or an angle" }
            }
            (None, _) => match names::constant(word, self.version_2) {
                Some(value) => return Ok(Node::Real(value)),
                None if matches!(word, "true" | "false") => {
                    Fault::Unsupported { construct: format!("{word:?} in an expression"), reason: "angles are numbers" }
                }
                None => Fault::UnknownName { name: shortened(word) },
            },
        };
        Err(Error { location, fault })
    }

    /// The value of an expression for these gate arguments (none outside of gates).
    pub(super) fn evaluate(&mut self, expression: &Expression, arguments: &[Angle]) -> Result<Value, Error> {
        let mut stack: Vec<Value> = Vec::new();
        for &(node, location) in &expression.nodes {
            let pop = |stack: &mut Vec<Value>| stack.pop().expect("postfix code has its operands before each operator");
            let value = match node {
                Node::Integer(value) => Value::Integer(value),
                Node::Real(value) => Value::Angle(Angle::constant(value)),
                Node::Input(param) => Value::Angle(param.into()),
                Node::Argument(position) => {
                    self.count(&arguments[position], 0, location)?;
                    Value::Angle(arguments[position].clone())
                }
                Node::Negate => match pop(&mut stack) {
                    Value::Integer(value) => {
                        Value::Integer(value.checked_neg().ok_or(Error { location, fault: Fault::Overflow })?)
                    }
                    Value::Angle(angle) => {
                        self.count(&angle, 0, location)?;
                        Value::Angle(-angle)
                    }
                },
                Node::Call(function) => {
                    let Some(value) = pop(&mut stack).constant() else {
                        let fault = Fault::FunctionOfParameter { function: function.name };
                        return Err(Error { location, fault });
                    };
                    Value::Angle(Angle::constant((function.of)(value)))
                }
                Node::Add | Node::Subtract | Node::Multiply | Node::Divide | Node::Power => {
                    let right = pop(&mut stack);
                    let left = pop(&mut stack);
                    self.operate(node, left, right, location)?
                }
            };
            if let Some(value) = value.constant()
                && !value.is_finite()
            {
                return Err(Error { location, fault: Fault::NotFinite { value } });
            }
            self.spend(value.size(), location)?;
            stack.push(value);
        }
        Ok(stack.pop().expect("an expression has a value"))
    }

    fn operate(&mut self, node: Node, left: Value, right: Value, location: Location) -> Result<Value, Error> {
        let fail = |fault| Err(Error { location, fault });
        if let (Value::Integer(a), Value::Integer(b)) = (&left, &right) {
            let (a, b) = (*a, *b);
            let result = match node {
                Node::Add => a.checked_add(b),
                Node::Subtract => a.checked_sub(b),
                Node::Multiply => a.checked_mul(b),
                Node::Divide if b == 0 => return fail(Fault::NotFinite { value: a as f64 / 0.0 }),
                // Rounding down or towards zero would be right in one reading and silent in both.
                Node::Divide if a.checked_rem(b) == Some(0) => a.checked_div(b),
                Node::Divide => return fail(Fault::IntegerDivision { left: a, right: b }),
                _ if b >= 0 => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
                _ => return Ok(Value::Angle(Angle::constant((a as f64).powf(b as f64)))),
            };
            return result.map(Value::Integer).map_or_else(|| fail(Fault::Overflow), Ok);
        }
        match (left.constant(), right.constant(), node) {
            (Some(0.0), Some(0.0), Node::Divide) => return fail(Fault::NotFinite { value: f64::NAN }),
            (_, Some(0.0), Node::Divide) => return fail(Fault::NotFinite { value: f64::INFINITY }),
            (Some(a), Some(b), Node::Divide) => return Ok(Value::Angle(Angle::constant(a / b))),
            (_, None, Node::Power) => return fail(Fault::NotConstant { what: "an exponent" }),
            (_, Some(exponent), Node::Power) => {
                let base = left.into_angle();
                self.count(&base, 1, location)?;
                return Ok(Value::Angle(base.powf(exponent)));
            }
            _ => {}
        }
        let (left, right) = (left.into_angle(), right.into_angle());
        self.count(&left, right.size(), location)?;
        Ok(Value::Angle(match node {
            Node::Add => left + right,
            Node::Subtract => left - right,
            Node::Multiply => left * right,
            _ => left / right,
        }))
    }

    /// Accounts for an angle that is about to be copied or combined with one of size `other`.
    fn count(&mut self, angle: &Angle, other: usize, location: Location) -> Result<(), Error> {
        let size = angle.size() + other;
        if size > 2 * MAX_EXPRESSION {
            return Err(Error { location, fault: Fault::Limit(Limit::Expression) });
        }
        self.spend(size, location)
    }

    pub(super) fn spend(&mut self, work: usize, location: Location) -> Result<(), Error> {
        self.work += work;
        if self.work > MAX_WORK { Err(Error { location, fault: Fault::Limit(Limit::Work) }) } else { Ok(()) }
    }

    /// An expression with a constant value, outside of gates or inside.
    pub(super) fn constant(&mut self, what: &'static str, scope: Scope<'_, 'a>) -> Result<(Value, Location), Error> {
        let expression = self.expression(scope)?;
        let uses_names = |&(node, _): &(Node, Location)| matches!(node, Node::Argument(_) | Node::Input(_));
        if expression.nodes.iter().any(uses_names) {
            return Err(Error { location: expression.location, fault: Fault::NotConstant { what } });
        }
        Ok((self.evaluate(&expression, &[])?, expression.location))
    }

    /// An expression with a constant integer value. In OpenQASM 2 that is a bare number.
    pub(super) fn integer(&mut self, what: &'static str, scope: Scope<'_, 'a>) -> Result<(i64, Location), Error> {
        if self.version_2 {
            let location = self.token.location;
            return match self.token.kind {
                Kind::Integer(value) => self.advance().map(|_| (value, location)),
                _ => self.expected("a whole number"),
            };
        }
        match self.constant(what, scope)? {
            (Value::Integer(value), location) => Ok((value, location)),
            (_, location) => Err(Error { location, fault: Fault::NotInteger { what } }),
        }
    }
}
