//! What the OpenQASM reader and writer need of an angle.

use super::{Angle, Op, Repr};

/// How closely the outermost operator of a text binds.
const SIGNED: u8 = 0;
const SUM: u8 = 1;
const PRODUCT: u8 = 2;
const ATOM: u8 = 3;

/// A part of an expression.
struct Text {
    text: String,
    binding: u8,
    /// Whether there are powers in it.
    powers: bool,
}

impl Text {
    fn new(text: String, binding: u8) -> Self {
        Self { text, binding, powers: false }
    }

    /// The text, in parentheses unless it binds as closely as this.
    fn wrapped(self, least: u8) -> String {
        if self.binding < least { format!("({})", self.text) } else { self.text }
    }
}

impl Angle {
    /// Numbers, parameters and operations in it: what it costs to keep and to combine.
    pub(crate) fn size(&self) -> usize {
        match &self.0 {
            Repr::Affine { terms, .. } => 1 + 4 * terms.len(),
            Repr::Postfix(ops) => ops.len(),
        }
    }

    /// The expression in OpenQASM 3, with these names for the parameters; an error is a number in it that is not finite.
    pub(crate) fn text(&self, names: &[String]) -> Result<String, f64> {
        let number = |value: f64| if value.is_finite() { Ok(format!("{value:?}")) } else { Err(value) };
        match &self.0 {
            Repr::Affine { constant, terms } => {
                let mut text = String::new();
                for &(param, factor) in terms {
                    let sign = match (text.is_empty(), factor < 0.0) {
                        (true, false) => "",
                        (true, true) => "-",
                        (false, false) => " + ",
                        (false, true) => " - ",
                    };
                    text += sign;
                    if factor.abs() != 1.0 {
                        text += &number(factor.abs())?;
                        text.push('*');
                    }
                    text += &names[param.index()];
                }
                if text.is_empty() {
                    return number(*constant);
                }
                if *constant != 0.0 {
                    text += if *constant < 0.0 { " - " } else { " + " };
                    text += &number(constant.abs())?;
                }
                Ok(text)
            }
            Repr::Postfix(ops) => {
                let mut stack: Vec<Text> = Vec::new();
                for op in ops.iter() {
                    let mut pop = || stack.pop().expect("postfix code has its operands before each operator");
                    let item = match *op {
                        Op::Constant(value) => {
                            Text::new(number(value)?, if value.is_sign_negative() { SIGNED } else { ATOM })
                        }
                        Op::Parameter(param) => Text::new(names[param.index()].clone(), ATOM),
                        Op::Add | Op::Multiply | Op::Divide => {
                            let (right, left) = (pop(), pop());
                            let (sign, binding) = match op {
                                Op::Add => (" + ", SUM),
                                Op::Multiply => ("*", PRODUCT),
                                _ => ("/", PRODUCT),
                            };
                            let powers = left.powers || right.powers;
                            Text {
                                powers,
                                ..Text::new(left.wrapped(binding) + sign + &right.wrapped(binding + 1), binding)
                            }
                        }
                        Op::Power(exponent) => {
                            let base = pop();
                            let nested = base.powers;
                            let base = base.wrapped(ATOM);
                            let factors = exponent.abs();
                            // Products, since Qiskit reads no powers; those of products of powers only where they stay short, since each of
                            // them would multiply the length of the text.
                            let short = !nested || base.len() as f64 * factors <= 256.0;
                            let text = if exponent == exponent.trunc() && (1.0..=8.0).contains(&factors) && short {
                                let product = vec![base; factors as usize].join("*");
                                if exponent < 0.0 { format!("1.0/({product})") } else { product }
                            } else {
                                format!("{base}**{}", Text::new(number(exponent)?, SIGNED).wrapped(ATOM))
                            };
                            Text { powers: true, ..Text::new(text, PRODUCT) }
                        }
                    };
                    stack.push(item);
                }
                Ok(stack.pop().expect("postfix code leaves its value on the stack").text)
            }
        }
    }
}
