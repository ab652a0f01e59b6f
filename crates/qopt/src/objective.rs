//! What is minimised: the trait [`Objective`], what it is asked and what it answers.

use std::error::Error;

use thiserror::Error;

use crate::vector::{checked_norm, first_non_finite, norm};
use crate::{Bill, MethodError, Query, StepStreams};

/// A measured number with its standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Estimate {
    /// The estimate itself.
    pub value: f64,
    /// Standard error of `value` (of the mean, not of a single outcome); 0 if exact.
    pub std_error: f64,
}

impl Estimate {
    /// A value without statistical error.
    pub const fn exact(value: f64) -> Self {
        Self { value, std_error: 0.0 }
    }
}

/// What is to be measured at one point.
///
/// Start from one of the constants; later versions may ask for more.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The loss.
    pub value: bool,
    /// The gradient of the loss, with a standard error for each component.
    pub gradient: bool,
    /// The metric (a symmetric positive semi-definite P x P matrix, such as the Fubini-Study metric).
    pub metric: bool,
}

impl Request {
    /// The loss alone.
    pub const VALUE: Self = Self { value: true, gradient: false, metric: false };
    /// The gradient alone.
    pub const GRADIENT: Self = Self { value: false, gradient: true, metric: false };
    /// Loss and gradient.
    pub const VALUE_AND_GRADIENT: Self = Self { value: true, gradient: true, metric: false };

    /// The same request and the metric too.
    #[must_use]
    pub const fn with_metric(self) -> Self {
        Self { metric: true, ..self }
    }
}

/// What an [`Objective`] answers. Its buffers are reused from one evaluation to the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The loss, if it was asked for.
    pub value: Option<Estimate>,
    /// The gradient, P components; empty if it was not asked for.
    pub gradient: Vec<f64>,
    /// Standard errors of the gradient, P components (all 0 if exact); empty if the gradient was not asked for or they
    /// are unknown.
    pub gradient_std_errors: Vec<f64>,
    /// The metric, P x P in row-major order; empty if it was not asked for.
    pub metric: Vec<f64>,
    /// The answers to a query for several numbers: losses at several points, or fidelities; else empty.
    pub values: Vec<Estimate>,
    /// What this evaluation cost.
    pub bill: Bill,
    /// Whether `value` is a pure function of theta alone, that is, exact and on the full data. Only then may a method
    /// let it stand in for the loss at the same theta in a later iteration.
    pub reusable: bool,
}

impl Answer {
    /// Empties every field and keeps the capacity of the buffers.
    pub fn clear(&mut self) {
        self.value = None;
        self.gradient.clear();
        self.gradient_std_errors.clear();
        self.metric.clear();
        self.values.clear();
        self.bill = Bill::ZERO;
        self.reusable = false;
    }

    /// The loss, if it is there and finite, and so its standard error.
    pub(crate) fn measured_loss(&self) -> Result<Estimate, MethodError> {
        let loss = self.value.ok_or(MethodError::MissingLoss)?;
        if !loss.value.is_finite() {
            return Err(MethodError::NonFiniteLoss { value: loss.value });
        }
        if !(loss.std_error >= 0.0 && loss.std_error.is_finite()) {
            return Err(MethodError::InvalidStdError { value: loss.std_error });
        }
        Ok(loss)
    }

    /// The `count` numbers of a query for several of them, if they are there and finite, and so their standard errors.
    pub(crate) fn measured_values(&self, count: usize) -> Result<&[Estimate], MethodError> {
        check_length("values", count, self.values.len())?;
        for estimate in &self.values {
            if !estimate.value.is_finite() {
                return Err(MethodError::NonFiniteLoss { value: estimate.value });
            }
            if !(estimate.std_error >= 0.0 && estimate.std_error.is_finite()) {
                return Err(MethodError::InvalidStdError { value: estimate.std_error });
            }
        }
        Ok(&self.values)
    }

    /// Checks that the gradient is complete and finite, and its standard errors complete if there are any.
    pub(crate) fn check_gradient(&self, dimension: usize) -> Result<(), MethodError> {
        self.checked_gradient_norm(dimension).map(|_| ())
    }

    /// The norm of the gradient, which is checked as by [`check_gradient`](Self::check_gradient).
    pub(crate) fn checked_gradient_norm(&self, dimension: usize) -> Result<f64, MethodError> {
        check_length("gradient", dimension, self.gradient.len())?;
        if !self.gradient_std_errors.is_empty() {
            let found = self.gradient_std_errors.len();
            check_length("gradient_std_errors", dimension, found)?;
        }
        checked_norm(&self.gradient).map_err(|(component, value)| MethodError::NonFiniteGradient { component, value })
    }

    /// The root of the sum of the squared standard errors of the gradient, if they are known; each is finite and not negative.
    pub(crate) fn gradient_std_error(&self) -> Result<Option<f64>, MethodError> {
        let errors = &self.gradient_std_errors;
        let invalid = |error: f64| !(0.0..=f64::MAX).contains(&error);
        if errors.iter().fold(false, |any, &error| any | invalid(error))
            && let Some((component, &value)) = errors.iter().enumerate().find(|(_, error)| invalid(**error))
        {
            return Err(MethodError::InvalidGradientStdError { component, value });
        }
        Ok((!errors.is_empty()).then(|| norm(errors)))
    }

    /// [`checked_gradient_norm`](Self::checked_gradient_norm) and [`gradient_std_error`](Self::gradient_std_error).
    pub(crate) fn checked_gradient_norms(&self, dimension: usize) -> Result<(f64, Option<f64>), MethodError> {
        let (gradient, errors) = (&self.gradient, &self.gradient_std_errors);
        if gradient.len() == dimension && errors.len() == dimension {
            // Both sums at once: each waits for its own additions. A sum that is normal has finite terms.
            let (mut squares, mut variances, mut bits) = (0.0, 0.0, 0);
            for (g, error) in gradient.iter().zip(errors) {
                squares += g * g;
                variances += error * error;
                bits |= error.to_bits();
            }
            let positive = bits >> 63 == 0 && f64::is_normal(variances);
            if f64::is_normal(squares) && (positive || bits == 0) {
                return Ok((squares.sqrt(), Some(variances.sqrt())));
            }
        }
        Ok((self.checked_gradient_norm(dimension)?, self.gradient_std_error()?))
    }

    /// Checks that the metric is complete and finite.
    pub(crate) fn check_metric(&self, dimension: usize) -> Result<(), MethodError> {
        check_length("metric", dimension * dimension, self.metric.len())?;
        match first_non_finite(&self.metric) {
            None => Ok(()),
            Some((index, value)) => {
                Err(MethodError::NonFiniteMetric { row: index / dimension, column: index % dimension, value })
            }
        }
    }
}

fn check_length(what: &'static str, expected: usize, found: usize) -> Result<(), MethodError> {
    if expected == found { Ok(()) } else { Err(MethodError::Length { what, expected, found }) }
}

/// A loss over P real parameters that can be measured.
///
/// Apart from its meter, an objective is a pure function of (theta, request, streams): all its randomness comes from
/// the streams that are handed in. On this rests that a run can be stopped, resumed and repeated with the same bytes.
pub trait Objective {
    /// The number P of parameters.
    fn dimension(&self) -> usize;

    /// What `request` will cost at most, at any point; nothing is spent.
    fn price(&self, request: &Request) -> Bill;

    /// Measures what `request` asks for at `theta` (P components) and overwrites every field of `answer`, reusing its
    /// buffers.
    ///
    /// `streams` belong to the current step and query. Draw shot noise from [`Role::Shots`](crate::Role::Shots) (other
    /// numbers for each query of a step) and minibatches from [`Role::Data`](crate::Role::Data) (the same for all
    /// queries of a step).
    ///
    /// # Errors
    /// [`ObjectiveError::Exhausted`] if a limit of the objective itself forbids the evaluation: an ordinary end of a
    /// run. What was spent before the refusal, if anything, is left in `answer.bill`. [`ObjectiveError::Failed`] for
    /// everything else.
    fn evaluate(
        &mut self,
        theta: &[f64],
        request: &Request,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError>;

    /// What `query` will cost at most, at any point; none if this objective cannot answer it.
    ///
    /// Provided: the [price](Self::price) of a point, and for several losses as many of them. Objectives with more
    /// abilities, or with a cheaper way to several losses, overwrite it together with
    /// [`evaluate_query`](Self::evaluate_query).
    fn price_query(&self, query: &Query<'_>) -> Option<Bill> {
        match query {
            Query::Point(request) => Some(self.price(request)),
            Query::Values { points } => {
                let one = self.price(&Request::VALUE);
                Some((0..points.len() / self.dimension().max(1)).map(|_| one).sum())
            }
            _ => None,
        }
    }

    /// Answers `query` at `theta`, as [`evaluate`](Self::evaluate) does a request.
    ///
    /// Provided: a point by [`evaluate`](Self::evaluate), several losses one after the other, with streams of their own.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate), and [`ObjectiveError::Unsupported`] for a query that has no price.
    fn evaluate_query(
        &mut self,
        theta: &[f64],
        query: &Query<'_>,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        match query {
            Query::Point(request) => self.evaluate(theta, request, streams, answer),
            Query::Values { points } => {
                let mut values = std::mem::take(&mut answer.values);
                values.clear();
                let mut bill = Bill::ZERO;
                let mut reusable = true;
                for (point, number) in points.chunks_exact(self.dimension().max(1)).zip(0..) {
                    let number = streams.query().saturating_add(number);
                    let evaluated = self.evaluate(point, &Request::VALUE, &streams.with_query(number), answer);
                    bill += answer.bill;
                    if let Err(error) = evaluated {
                        answer.bill = bill;
                        return Err(error);
                    }
                    reusable &= answer.reusable;
                    // A loss that is missing is missed by whoever asked for so many.
                    values.extend(answer.value);
                }
                answer.clear();
                (answer.values, answer.bill, answer.reusable) = (values, bill, reusable);
                Ok(())
            }
            other => Err(ObjectiveError::Unsupported { what: other.name() }),
        }
    }

    /// The scale of the loss, by which thresholds are set: 1 for a cost in \[0, 1\], the sum of |c_k| without the
    /// identity for a Hamiltonian sum_k c_k P_k.
    fn loss_scale(&self) -> f64 {
        1.0
    }
}

/// Why an [`Objective`] did not answer.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum ObjectiveError {
    /// A limit of the objective (a budget, a device's quota) is reached. The run ends normally.
    #[error("refused: {what}")]
    Exhausted {
        /// In the objective's words, such as "no shots are left".
        what: String,
    },
    /// The objective has not the ability that was asked for.
    #[error("the objective cannot answer {what}")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
    },
    /// The evaluation went wrong.
    #[error("the objective could not be evaluated")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both norms at once are the same bits, or the same error, as one after the other.
    #[test]
    fn norms_of_a_gradient_and_of_its_errors() {
        let numbers = [0.0, -0.0, 0.3, -0.7, 5e-324, 1e-200, 1e200, f64::MAX, f64::INFINITY, f64::NAN, -f64::NAN];
        let both = |answer: &Answer| Ok((answer.checked_gradient_norm(3)?, answer.gradient_std_error()?));
        let bits = |found: Result<(f64, Option<f64>), MethodError>| {
            found.map(|(norm, error)| (norm.to_bits(), error.map(f64::to_bits))).map_err(|error| format!("{error:?}"))
        };
        for other in [0.0, 0.1] {
            for g in numbers {
                for e in numbers {
                    let gradient = vec![other, g, 2.0 * other];
                    for gradient_std_errors in [vec![], vec![e, other], vec![other, other, e]] {
                        let answer = Answer { gradient: gradient.clone(), gradient_std_errors, ..Answer::default() };
                        assert_eq!(bits(answer.checked_gradient_norms(3)), bits(both(&answer)), "{answer:?}");
                    }
                }
            }
        }
    }
}
