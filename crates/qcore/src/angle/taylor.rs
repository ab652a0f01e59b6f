//! Angles along a line through parameter space, by truncated Taylor arithmetic.

use super::{Angle, Op, Repr, raise, times};

/// Coefficients of `1, t, t^2, t^3`.
type Series = [f64; 4];

impl Angle {
    /// Taylor coefficients in `t`, up to the third order, of the angle at `parameters + t direction`: entry `k` is its `k`-th
    /// derivative along the direction, divided by `k!`.
    ///
    /// Exact (A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed. (2008), section 13.2). Not finite where a derivative is
    /// not defined.
    ///
    /// # Panics
    ///
    /// If either slice is shorter than the largest parameter index in the expression.
    ///
    /// ```
    /// use qcore::{Angle, Param};
    /// let cube = Angle::from(Param::new(0)).powf(3.0);
    /// assert_eq!(cube.taylor(&[2.0], &[1.0]), [8.0, 12.0, 6.0, 1.0]); // (2 + t)^3
    /// ```
    #[must_use]
    pub fn taylor(&self, parameters: &[f64], direction: &[f64]) -> [f64; 4] {
        match &self.0 {
            Repr::Affine { terms, .. } => {
                let slope = terms.iter().fold(0.0, |sum, &(param, factor)| sum + factor * direction[param.index()]);
                [self.value(parameters), slope, 0.0, 0.0]
            }
            Repr::Postfix(ops) => {
                let mut stack: Vec<Series> = Vec::new();
                for op in ops.iter() {
                    let mut pop = || stack.pop().expect("postfix code has its operands before each operator");
                    let value = match *op {
                        Op::Constant(value) => [value, 0.0, 0.0, 0.0],
                        Op::Parameter(param) => [parameters[param.index()], direction[param.index()], 0.0, 0.0],
                        Op::Power(exponent) => power(pop(), exponent),
                        Op::Add => {
                            let (right, left) = (pop(), pop());
                            std::array::from_fn(|k| left[k] + right[k])
                        }
                        Op::Multiply => {
                            let (right, left) = (pop(), pop());
                            multiply(left, right)
                        }
                        Op::Divide => {
                            let (right, left) = (pop(), pop());
                            divide(left, right)
                        }
                    };
                    stack.push(value);
                }
                stack.pop().expect("postfix code leaves one value")
            }
        }
    }
}

fn multiply(a: Series, b: Series) -> Series {
    std::array::from_fn(|k| (0..=k).fold(0.0, |sum, j| sum + times(a[j], b[k - j])))
}

fn divide(a: Series, b: Series) -> Series {
    let mut quotient = [0.0; 4];
    for k in 0..4 {
        let known = (0..k).fold(0.0, |sum, j| sum + times(quotient[j], b[k - j]));
        quotient[k] = (a[k] - known) / b[0];
    }
    quotient
}

/// `f(a0 + e)` with the derivatives of `f(x) = x^exponent` at `a0`.
fn power(a: Series, exponent: f64) -> Series {
    let derivative = |order: u32| {
        let factor = (0..order).fold(1.0, |product, k| product * (exponent - f64::from(k)));
        times(factor, raise(a[0], exponent - f64::from(order)))
    };
    let (first, second, third) = (derivative(1), derivative(2), derivative(3));
    [
        raise(a[0], exponent),
        times(first, a[1]),
        times(first, a[2]) + times(0.5 * second, a[1] * a[1]),
        times(first, a[3]) + times(second, a[1] * a[2]) + times(third, a[1].powi(3)) / 6.0,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Param;

    /// Against the polynomial through nine points of the line, whose first coefficients are those of the series.
    #[test]
    fn series_agree_with_first_and_second_derivatives_and_with_differences() {
        let [a, b, c] = [0, 1, 2].map(Param::new);
        let angles = [
            1.5 * a - 0.25 * b + 0.3,
            Angle::from(a) * b * c,
            (a + 0.5) / (Angle::from(b) * b + 2.0),
            (Angle::from(c) * c + 1.0).powf(-1.5) * a,
            Angle::from(a).powf(2.0) / c,
        ];
        let (at, along) = ([0.7, -1.1, 0.4], [0.3, -0.5, 0.2]);
        for angle in &angles {
            let [value, first, second, third] = angle.taylor(&at, &along);
            assert_eq!(value, angle.value(&at));
            let params = [a, b, c];
            let exact_first: f64 = params.iter().zip(along).map(|(&p, v)| v * angle.derivative(&at, p)).sum();
            let mut exact_second = 0.0;
            for (&p, v) in params.iter().zip(along) {
                for (&q, w) in params.iter().zip(along) {
                    exact_second += 0.5 * v * w * angle.second_derivative(&at, p, q);
                }
            }
            assert!((first - exact_first).abs() < 1e-14);
            assert!((second - exact_second).abs() < 1e-14);
            // d/dt of the second coefficient is three times the third; a central difference of fourth order.
            let h = 1e-3;
            let shifted = |t: f64| {
                let point: Vec<f64> = at.iter().zip(along).map(|(x, v)| x + t * v).collect();
                angle.taylor(&point, &along)[2]
            };
            let slope = (8.0 * (shifted(h) - shifted(-h)) - (shifted(2.0 * h) - shifted(-2.0 * h))) / (12.0 * h);
            assert!((third - slope / 3.0).abs() < 1e-10, "{angle:?}: {third} against {}", slope / 3.0);
        }
    }
}
