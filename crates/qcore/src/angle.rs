//! Angles of gates: arithmetic expressions in the parameters of a circuit.

mod taylor;
#[cfg(feature = "qasm")]
mod text;

use std::ops::{Add, Div, Mul, Neg, Sub};
use std::sync::Arc;

/// A parameter of a circuit, by its position in the order of declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Param(u32);

impl Param {
    /// The parameter at position `index`.
    ///
    /// # Panics
    ///
    /// If `index` does not fit into 32 bits.
    #[must_use]
    pub fn new(index: usize) -> Self {
        Self(u32::try_from(index).expect("a circuit has fewer than 2^32 parameters"))
    }

    /// Position in the order of declaration, which is also the position of its value in a parameter slice.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// An angle in radians: an expression in the parameters of a circuit, kept symbolic.
///
/// Sums, differences, negations and products with constants stay affine (`c + sum_k a_k theta_k`), which is what nearly every
/// circuit needs and what is evaluated fastest. Products, quotients and constant powers of parameters are kept as an expression whose value and
/// first and second derivatives are exact (hyper-dual arithmetic: J. Fike and J. Alonso, AIAA 2011-886).
///
/// ```
/// use qcore::{Angle, Param};
/// let (a, b) = (Param::new(0), Param::new(1));
/// let affine = 2.0 * a - b / 3.0 + 0.5;
/// assert_eq!(affine.value(&[1.0, 3.0]), 1.5);
/// let product = Angle::from(a) * b;
/// assert_eq!(product.derivative(&[1.0, 3.0], a), 3.0);
/// assert_eq!(product.second_derivative(&[1.0, 3.0], a, b), 1.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Angle(Repr);

#[derive(Clone, Debug, PartialEq)]
enum Repr {
    /// `terms` is sorted by parameter, without repetitions and without zero factors.
    Affine { constant: f64, terms: Vec<(Param, f64)> },
    /// Postfix code: flat, so that neither evaluation nor dropping recurses, however long an expression is.
    Postfix(Arc<[Op]>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    Constant(f64),
    Parameter(Param),
    Add,
    Multiply,
    Divide,
    /// To a constant power.
    Power(f64),
}

/// A number with two infinitesimal parts: `value + d1 e1 + d2 e2 + d12 e1 e2`.
#[derive(Clone, Copy)]
struct HyperDual {
    value: f64,
    d1: f64,
    d2: f64,
    d12: f64,
}

impl HyperDual {
    const fn constant(value: f64) -> Self {
        Self { value, d1: 0.0, d2: 0.0, d12: 0.0 }
    }

    fn add(self, o: Self) -> Self {
        Self { value: self.value + o.value, d1: self.d1 + o.d1, d2: self.d2 + o.d2, d12: self.d12 + o.d12 }
    }

    fn mul(self, o: Self) -> Self {
        Self {
            value: self.value * o.value,
            d1: times(self.d1, o.value) + times(self.value, o.d1),
            d2: times(self.d2, o.value) + times(self.value, o.d2),
            d12: times(self.d12, o.value) + times(self.d1, o.d2) + times(self.d2, o.d1) + times(self.value, o.d12),
        }
    }

    fn div(self, o: Self) -> Self {
        // From the derivatives of quotient times divisor; without squares of the divisor, which may leave the range.
        let value = self.value / o.value;
        let d1 = (self.d1 - times(value, o.d1)) / o.value;
        let d2 = (self.d2 - times(value, o.d2)) / o.value;
        let d12 = (self.d12 - times(d1, o.d2) - times(d2, o.d1) - times(value, o.d12)) / o.value;
        Self { value, d1, d2, d12 }
    }

    fn power(self, exponent: f64) -> Self {
        // x^1 has the second derivative 0 at 0 too.
        let scaled = |factor: f64, power: f64| times(factor, raise(self.value, power));
        let first = scaled(exponent, exponent - 1.0);
        let second = scaled(exponent * (exponent - 1.0), exponent - 2.0);
        Self {
            value: raise(self.value, exponent),
            d1: times(first, self.d1),
            d2: times(first, self.d2),
            d12: times(first, self.d12) + times(second, self.d1 * self.d2),
        }
    }
}

/// A product in which a factor 0 wins over one that is not finite: what does not depend on a parameter has the derivative 0 by it.
fn times(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 { 0.0 } else { a * b }
}

/// `base^exponent`; small integer powers by multiplication, which is exact where the product is.
fn raise(base: f64, exponent: f64) -> f64 {
    if exponent == exponent.trunc() && exponent.abs() <= 64.0 {
        base.powi(exponent as i32)
    } else {
        base.powf(exponent)
    }
}

impl Angle {
    /// An angle without parameters.
    #[must_use]
    pub const fn constant(value: f64) -> Self {
        Self(Repr::Affine { constant: value, terms: Vec::new() })
    }

    /// `constant + sum_k factor_k parameter_k`; factors of a repeated parameter add up.
    #[must_use]
    pub fn affine(constant: f64, terms: &[(Param, f64)]) -> Self {
        let mut sorted = terms.to_vec();
        sorted.sort_by_key(|&(param, _)| param);
        let mut merged: Vec<(Param, f64)> = Vec::with_capacity(sorted.len());
        for (param, factor) in sorted {
            match merged.last_mut() {
                Some((last, sum)) if *last == param => *sum += factor,
                _ => merged.push((param, factor)),
            }
        }
        merged.retain(|&(_, factor)| factor != 0.0);
        Self(Repr::Affine { constant, terms: merged })
    }

    /// The constant and the factors, if the angle is affine in the parameters.
    #[must_use]
    pub fn as_affine(&self) -> Option<(f64, &[(Param, f64)])> {
        match &self.0 {
            Repr::Affine { constant, terms } => Some((*constant, terms)),
            Repr::Postfix(_) => None,
        }
    }

    /// Whether no parameter occurs in it.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        self.as_affine().is_some_and(|(_, terms)| terms.is_empty())
    }

    /// The parameters that occur in it, sorted, each once.
    #[must_use]
    pub fn parameters(&self) -> Vec<Param> {
        match &self.0 {
            Repr::Affine { terms, .. } => terms.iter().map(|&(param, _)| param).collect(),
            Repr::Postfix(ops) => {
                let mut found: Vec<Param> = ops
                    .iter()
                    .filter_map(|op| if let Op::Parameter(param) = op { Some(*param) } else { None })
                    .collect();
                found.sort_unstable();
                found.dedup();
                found
            }
        }
    }

    /// A parameter in it that is not among the first `declared`.
    pub(crate) fn beyond(&self, declared: usize) -> Option<Param> {
        let beyond = |param: &Param| param.index() >= declared;
        match &self.0 {
            Repr::Affine { terms, .. } => terms.iter().map(|&(param, _)| param).find(beyond),
            Repr::Postfix(_) => self.parameters().into_iter().find(beyond),
        }
    }

    /// Whether a parameter occurs in it.
    #[must_use]
    pub fn depends_on(&self, param: Param) -> bool {
        match &self.0 {
            Repr::Affine { terms, .. } => terms.iter().any(|&(own, _)| own == param),
            Repr::Postfix(ops) => ops.contains(&Op::Parameter(param)),
        }
    }

    /// Its value at `parameters`, in radians. Not finite where an expression is not defined (a quotient by zero).
    ///
    /// # Panics
    ///
    /// If `parameters` is shorter than the largest parameter index in the expression; a [`Program`](crate::Program) checks
    /// this once and for all.
    #[must_use]
    pub fn value(&self, parameters: &[f64]) -> f64 {
        match &self.0 {
            Repr::Affine { constant, terms } => {
                terms.iter().fold(*constant, |sum, &(param, factor)| sum + factor * parameters[param.index()])
            }
            Repr::Postfix(ops) => evaluate(ops, parameters, None, None).value,
        }
    }

    /// Its first derivative with respect to one parameter. Panics as [`Angle::value`] does.
    #[must_use]
    pub fn derivative(&self, parameters: &[f64], with: Param) -> f64 {
        match &self.0 {
            Repr::Affine { terms, .. } => {
                terms.iter().find(|&&(param, _)| param == with).map_or(0.0, |&(_, factor)| factor)
            }
            Repr::Postfix(ops) => evaluate(ops, parameters, Some(with), None).d1,
        }
    }

    /// Its second derivative with respect to two parameters, or twice the same. Panics as [`Angle::value`] does.
    #[must_use]
    pub fn second_derivative(&self, parameters: &[f64], first: Param, second: Param) -> f64 {
        match &self.0 {
            Repr::Affine { .. } => 0.0,
            Repr::Postfix(ops) => evaluate(ops, parameters, Some(first), Some(second)).d12,
        }
    }

    /// The expression with every parameter replaced by an angle: `arguments[k]` for parameter `k`.
    ///
    /// # Panics
    ///
    /// If `arguments` is shorter than the largest parameter index in the expression.
    #[must_use]
    pub fn substitute(&self, arguments: &[Self]) -> Self {
        match &self.0 {
            Repr::Affine { constant, terms } => {
                terms.iter().fold(Self::constant(*constant), |sum, &(param, factor)| {
                    sum + arguments[param.index()].clone() * factor
                })
            }
            Repr::Postfix(ops) => {
                let mut code = Vec::new();
                for op in ops.iter() {
                    match op {
                        Op::Parameter(param) => code.extend(arguments[param.index()].postfix()),
                        other => code.push(*other),
                    }
                }
                Self(Repr::Postfix(code.into()))
            }
        }
    }

    /// The expression to a constant power. Not finite, or not a number, where real powers are not defined.
    #[must_use]
    pub fn powf(self, exponent: f64) -> Self {
        match &self.0 {
            Repr::Affine { constant, terms } if terms.is_empty() => Self::constant(raise(*constant, exponent)),
            _ if exponent == 1.0 => self,
            _ => {
                let mut code = self.postfix();
                code.push(Op::Power(exponent));
                Self(Repr::Postfix(code.into()))
            }
        }
    }

    fn postfix(&self) -> Vec<Op> {
        match &self.0 {
            Repr::Affine { constant, terms } => {
                let mut code = Vec::new();
                if *constant != 0.0 || terms.is_empty() {
                    code.push(Op::Constant(*constant));
                }
                for &(param, factor) in terms {
                    let is_first = code.is_empty();
                    if factor == 1.0 {
                        code.push(Op::Parameter(param));
                    } else {
                        code.extend([Op::Constant(factor), Op::Parameter(param), Op::Multiply]);
                    }
                    if !is_first {
                        code.push(Op::Add);
                    }
                }
                code
            }
            Repr::Postfix(ops) => ops.to_vec(),
        }
    }

    fn combine(&self, other: &Self, op: Op) -> Self {
        let mut code = self.postfix();
        code.extend(other.postfix());
        code.push(op);
        Self(Repr::Postfix(code.into()))
    }

    fn scaled(self, factor: f64) -> Self {
        match self.0 {
            Repr::Affine { constant, mut terms } => {
                terms.iter_mut().for_each(|(_, f)| *f *= factor);
                terms.retain(|&(_, f)| f != 0.0);
                Self(Repr::Affine { constant: constant * factor, terms })
            }
            Repr::Postfix(_) => self.combine(&Self::constant(factor), Op::Multiply),
        }
    }
}

/// A stack that allocates only when it gets deeper than any usual expression.
struct Stack {
    shallow: [HyperDual; Self::SHALLOW],
    depth: usize,
    deep: Vec<HyperDual>,
}

impl Stack {
    const SHALLOW: usize = 16;

    fn push(&mut self, value: HyperDual) {
        match self.shallow.get_mut(self.depth) {
            Some(place) => *place = value,
            None => self.deep.push(value),
        }
        self.depth += 1;
    }

    fn pop(&mut self) -> HyperDual {
        self.depth = self.depth.checked_sub(1).expect("postfix code has its operands before each operator");
        match self.shallow.get(self.depth) {
            Some(value) => *value,
            None => self.deep.pop().expect("what is too deep for the array is here"),
        }
    }
}

fn evaluate(ops: &[Op], parameters: &[f64], first: Option<Param>, second: Option<Param>) -> HyperDual {
    let mut stack = Stack { shallow: [HyperDual::constant(0.0); Stack::SHALLOW], depth: 0, deep: Vec::new() };
    for op in ops {
        let value = match *op {
            Op::Constant(value) => HyperDual::constant(value),
            Op::Parameter(param) => HyperDual {
                value: parameters[param.index()],
                d1: if first == Some(param) { 1.0 } else { 0.0 },
                d2: if second == Some(param) { 1.0 } else { 0.0 },
                d12: 0.0,
            },
            Op::Power(exponent) => stack.pop().power(exponent),
            Op::Add | Op::Multiply | Op::Divide => {
                let right = stack.pop();
                let left = stack.pop();
                match op {
                    Op::Add => left.add(right),
                    Op::Multiply => left.mul(right),
                    _ => left.div(right),
                }
            }
        };
        stack.push(value);
    }
    stack.pop()
}

impl From<f64> for Angle {
    fn from(value: f64) -> Self {
        Self::constant(value)
    }
}

impl From<Param> for Angle {
    fn from(param: Param) -> Self {
        Self(Repr::Affine { constant: 0.0, terms: vec![(param, 1.0)] })
    }
}

impl<T: Into<Angle>> Add<T> for Angle {
    type Output = Self;

    fn add(self, other: T) -> Self {
        let other = other.into();
        match (&self.0, &other.0) {
            (Repr::Affine { constant: a, terms: left }, Repr::Affine { constant: b, terms: right }) => {
                Self::affine(a + b, &[left.as_slice(), right.as_slice()].concat())
            }
            _ => self.combine(&other, Op::Add),
        }
    }
}

impl<T: Into<Angle>> Sub<T> for Angle {
    type Output = Self;

    fn sub(self, other: T) -> Self {
        self + -other.into()
    }
}

impl<T: Into<Angle>> Mul<T> for Angle {
    type Output = Self;

    fn mul(self, other: T) -> Self {
        let other = other.into();
        match (&self.0, &other.0) {
            (_, Repr::Affine { constant, terms }) if terms.is_empty() => {
                let factor = *constant;
                self.scaled(factor)
            }
            (Repr::Affine { constant, terms }, _) if terms.is_empty() => {
                let factor = *constant;
                other.scaled(factor)
            }
            _ => self.combine(&other, Op::Multiply),
        }
    }
}

impl<T: Into<Angle>> Div<T> for Angle {
    type Output = Self;

    fn div(self, other: T) -> Self {
        let other = other.into();
        match (&self.0, &other.0) {
            // A quotient by zero stays an expression: it is reported where it is bound.
            (Repr::Affine { constant: a, terms: left }, Repr::Affine { constant: b, terms: right })
                if right.is_empty() && *b != 0.0 =>
            {
                let divided: Vec<_> = left.iter().map(|&(param, factor)| (param, factor / b)).collect();
                Self::affine(a / b, &divided)
            }
            _ => self.combine(&other, Op::Divide),
        }
    }
}

impl Neg for Angle {
    type Output = Self;

    fn neg(self) -> Self {
        self.scaled(-1.0)
    }
}

impl Neg for Param {
    type Output = Angle;

    fn neg(self) -> Angle {
        -Angle::from(self)
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident),*) => {$(
        impl<T: Into<Angle>> $trait<T> for Param {
            type Output = Angle;

            fn $method(self, other: T) -> Angle {
                Angle::from(self).$method(other)
            }
        }

        impl $trait<Angle> for f64 {
            type Output = Angle;

            fn $method(self, other: Angle) -> Angle {
                Angle::from(self).$method(other)
            }
        }

        impl $trait<Param> for f64 {
            type Output = Angle;

            fn $method(self, other: Param) -> Angle {
                Angle::from(self).$method(other)
            }
        }
    )*};
}

operators!(Add add, Sub sub, Mul mul, Div div);

#[cfg(test)]
mod tests {
    use super::*;

    const P: [f64; 3] = [0.7, -1.3, 2.1];

    fn params() -> [Param; 3] {
        [Param::new(0), Param::new(1), Param::new(2)]
    }

    #[test]
    fn affine_stays_affine() {
        let [a, b, _] = params();
        let angle = -((a - b) * 0.5) + 2.0 * a / 4.0 + std::f64::consts::PI;
        let (constant, terms) = angle.as_affine().expect("affine");
        assert_eq!(constant, std::f64::consts::PI);
        assert_eq!(terms, &[(b, 0.5)]);
        assert_eq!(angle.value(&P), std::f64::consts::PI + 0.5 * P[1]);
        assert_eq!(angle.derivative(&P, b), 0.5);
        assert_eq!(angle.derivative(&P, a), 0.0);
    }

    #[test]
    fn products_and_quotients_have_exact_derivatives() {
        let [a, b, c] = params();
        // f = a b / (c + a) - c a
        let f = Angle::from(a) * b / (c + a) - c * a;
        let [x, y, z] = P;
        let s = z + x;
        assert!((f.value(&P) - (x * y / s - z * x)).abs() < 1e-15);
        assert!((f.derivative(&P, a) - (y / s - x * y / (s * s) - z)).abs() < 1e-14);
        assert!((f.derivative(&P, b) - x / s).abs() < 1e-15);
        assert!((f.derivative(&P, c) - (-x * y / (s * s) - x)).abs() < 1e-14);
        assert!((f.second_derivative(&P, a, b) - (1.0 / s - x / (s * s))).abs() < 1e-14);
        assert!((f.second_derivative(&P, c, c) - 2.0 * x * y / (s * s * s)).abs() < 1e-14);
        let daa = -2.0 * y / (s * s) + 2.0 * x * y / (s * s * s);
        assert!((f.second_derivative(&P, a, a) - daa).abs() < 1e-14);
        assert_eq!(f.parameters(), vec![a, b, c]);
    }

    #[test]
    fn powers_have_exact_derivatives() {
        let [a, b, _] = params();
        // f = (a b)^3 + (a + 2)^-1.5, g = a^1 through a product, h = a^2 at 0.
        let f = (a * b).powf(3.0) + (a + 2.0).powf(-1.5);
        let [x, y, _] = P;
        assert!((f.value(&P) - ((x * y).powi(3) + (x + 2.0).powf(-1.5))).abs() < 1e-14);
        assert!((f.derivative(&P, a) - (3.0 * x * x * y.powi(3) - 1.5 * (x + 2.0).powf(-2.5))).abs() < 1e-14);
        assert!((f.second_derivative(&P, a, b) - 9.0 * x * x * y * y).abs() < 1e-14);
        let faa = 6.0 * x * y.powi(3) + 3.75 * (x + 2.0).powf(-3.5);
        assert!((f.second_derivative(&P, a, a) - faa).abs() < 1e-14);
        assert_eq!(Angle::from(a).powf(1.0), a.into());
        let square = Angle::from(a).powf(2.0);
        assert_eq!((square.derivative(&[0.0], a), square.second_derivative(&[0.0], a, a)), (0.0, 2.0));
        let cube = Angle::from(a).powf(3.0);
        assert_eq!((cube.derivative(&[0.0], a), cube.second_derivative(&[0.0], a, a)), (0.0, 0.0));
        assert!(Angle::from(a).powf(0.5).value(&[-1.0]).is_nan());
        assert_eq!(Angle::constant(-2.0).powf(3.0).as_affine(), Some((-8.0, &[][..])));
    }

    /// A derivative that is infinite by one parameter is none by another one, and small divisors have no squares.
    #[test]
    fn derivatives_by_what_is_not_there_are_zero() {
        let [a, b, _] = params();
        let root = Angle::from(a).powf(0.5) + b;
        assert_eq!((root.derivative(&[0.0, 1.0], b), root.derivative(&[0.0, 1.0], a)), (1.0, f64::INFINITY));
        assert_eq!(root.taylor(&[0.0, 1.0], &[0.0, 1.0]), [1.0, 1.0, 0.0, 0.0]);
        let bent = Angle::from(a).powf(1.5) * b;
        assert_eq!(bent.second_derivative(&[0.0, 1.0], a, b), 0.0);
        assert_eq!(bent.derivative(&[0.0, 1.0], a), 0.0);
        let quotient = Angle::from(a) / b;
        let at = [1e-160, 1e-160];
        assert_eq!((quotient.derivative(&at, a), quotient.derivative(&at, b)), (1e160, -1e160));
        let at = [3.0, 2.0];
        assert_eq!((quotient.second_derivative(&at, b, b), quotient.second_derivative(&at, a, b)), (0.75, -0.25));
    }

    #[test]
    fn division_by_zero_is_not_finite_and_not_hidden() {
        let a = Param::new(0);
        assert!(!(a / 0.0).value(&[1.0]).is_finite());
        assert!(!(1.0 / Angle::from(a)).value(&[0.0]).is_finite());
    }

    #[test]
    fn substitution_composes() {
        let [a, b, _] = params();
        let inner = [Angle::from(a) * b, a + 1.0];
        let affine = (2.0 * a - b).substitute(&inner);
        assert!((affine.value(&P) - (2.0 * P[0] * P[1] - P[0] - 1.0)).abs() < 1e-15);
        let product = (a * b).substitute(&inner);
        assert!((product.value(&P) - P[0] * P[1] * (P[0] + 1.0)).abs() < 1e-15);
    }

    #[test]
    fn long_expressions_do_not_recurse() {
        let a = Param::new(0);
        let mut angle = a * a;
        for _ in 0..2_000 {
            angle = angle + 1.0;
        }
        assert_eq!(angle.value(&[2.0]), 2004.0);
    }

    #[test]
    fn deep_expressions_spill_and_come_back() {
        // a + (a + (a + .. a * a)): nothing can be added before the innermost product is known.
        let a = Param::new(0);
        let mut angle = a * a;
        for _ in 0..100 {
            angle = Angle::from(a) + angle;
        }
        assert_eq!(angle.value(&[2.0]), 204.0);
        assert_eq!(angle.derivative(&[2.0], a), 104.0);
        assert_eq!(angle.second_derivative(&[2.0], a, a), 2.0);
    }
}
