//! What the OpenQASM reader and writer need of an angle.

use super::{Angle, Op, Repr};

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
                // Texts with the binding of their outermost operator: 0 for a signed number, 1 sum, 2 product, 3 atom.
                let mut stack: Vec<(String, u8)> = Vec::new();
                let wrapped = |(text, binding): (String, u8), least: u8| {
                    if binding < least { format!("({text})") } else { text }
                };
                for op in ops.iter() {
                    let mut pop = || stack.pop().expect("postfix code has its operands before each operator");
                    let item = match *op {
                        Op::Constant(value) => (number(value)?, if value.is_sign_negative() { 0 } else { 3 }),
                        Op::Parameter(param) => (names[param.index()].clone(), 3),
                        Op::Add | Op::Multiply | Op::Divide => {
                            let (right, left) = (pop(), pop());
                            let (sign, binding) = match op {
                                Op::Add => (" + ", 1),
                                Op::Multiply => ("*", 2),
                                _ => ("/", 2),
                            };
                            (wrapped(left, binding) + sign + &wrapped(right, binding + 1), binding)
                        }
                        Op::Power(exponent) => {
                            let base = wrapped(pop(), 3);
                            // Products, since Qiskit reads no powers.
                            if exponent == exponent.trunc() && (1.0..=8.0).contains(&exponent.abs()) {
                                let product = vec![base; exponent.abs() as usize].join("*");
                                if exponent < 0.0 { (format!("1.0/({product})"), 2) } else { (product, 2) }
                            } else {
                                (format!("{base}**{}", wrapped((number(exponent)?, 0), 3)), 2)
                            }
                        }
                    };
                    stack.push(item);
                }
                Ok(stack.pop().expect("postfix code leaves its value on the stack").0)
            }
        }
    }
}
