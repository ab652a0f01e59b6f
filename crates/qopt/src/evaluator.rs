//! Evaluations under a budget for a loop that is somebody else's.

use crate::{Answer, Bill, Budget, Estimate, Objective, ObjectiveError, Query, Request, RunError, Streams};

/// An objective under a budget, asked from outside: for an optimizer that keeps the loop to itself, as those of other
/// libraries and other languages do.
///
/// What a [`Runner`](crate::Runner) does for methods, without the method: every evaluation is priced before, counted
/// after, and draws streams of its own (evaluation k those of step k).
///
/// ```
/// # use qopt::*;
/// # struct Cosine;
/// # impl Objective for Cosine {
/// #     fn dimension(&self) -> usize { 1 }
/// #     fn price(&self, _: &Request) -> Bill { Bill { circuits: 1, ..Bill::ZERO } }
/// #     fn evaluate(&mut self, theta: &[f64], request: &Request, _: &StepStreams, answer: &mut Answer) -> Result<(), ObjectiveError> {
/// #         answer.clear();
/// #         answer.value = Some(Estimate::exact(1.0 - theta[0].cos()));
/// #         answer.bill = self.price(request);
/// #         Ok(())
/// #     }
/// # }
/// let mut objective = Cosine;
/// let budget = Budget { circuits: Some(20), ..Budget::UNLIMITED };
/// let mut evaluator = Evaluator::new(&mut objective, Streams::new(1, 0)).budget(budget);
/// // Somebody else's loop: golden section, until the budget is spent.
/// let (mut low, mut high) = (-1.0, 2.0);
/// while let Ok(losses) = [0.382, 0.618].iter().map(|part| {
///     evaluator.loss(&[low + part * (high - low)]).map(|loss| loss.value)
/// }).collect::<Result<Vec<_>, _>>() {
///     if losses[0] < losses[1] { high = low + 0.618 * (high - low) } else { low += 0.382 * (high - low) }
/// }
/// assert!(low.abs() < 0.05 && evaluator.spent().circuits == 20);
/// ```
pub struct Evaluator<'a> {
    objective: &'a mut dyn Objective,
    streams: Streams,
    budget: Budget,
    spent: Bill,
    evaluations: u64,
    answer: Answer,
}

impl<'a> Evaluator<'a> {
    /// Evaluations of `objective` without a limit.
    pub fn new(objective: &'a mut dyn Objective, streams: Streams) -> Self {
        Self {
            objective,
            streams,
            budget: Budget::UNLIMITED,
            spent: Bill::ZERO,
            evaluations: 0,
            answer: Answer::default(),
        }
    }

    /// Sets the limits; `iterations` limits the number of evaluations.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// The number P of parameters.
    pub fn dimension(&self) -> usize {
        self.objective.dimension()
    }

    /// The scale of the loss, see [`Objective::loss_scale`].
    pub fn loss_scale(&self) -> f64 {
        self.objective.loss_scale()
    }

    /// What was spent so far.
    pub fn spent(&self) -> Bill {
        self.spent
    }

    /// How many evaluations were started.
    pub fn evaluations(&self) -> u64 {
        self.evaluations
    }

    /// Measures what `query` asks for at `theta`, P components.
    ///
    /// # Errors
    /// [`RunError::Exhausted`] if it does not fit into the budget, or the objective refuses; [`RunError::Unsupported`],
    /// [`RunError::Dimension`], [`RunError::Limit`], [`RunError::Bill`], [`RunError::Objective`].
    pub fn evaluate<'q>(&mut self, theta: &[f64], query: impl Into<Query<'q>>) -> Result<&Answer, RunError> {
        let (query, step) = (query.into(), self.evaluations);
        let objective = self.objective.dimension();
        if theta.len() != objective {
            return Err(RunError::Dimension { method: theta.len(), objective });
        }
        self.budget.check(&Bill::ZERO)?;
        let unsupported = || RunError::Unsupported { what: query.name(), step };
        let price = self.objective.price_query(&query).ok_or_else(unsupported)?;
        if self.budget.iterations.is_some_and(|limit| step >= limit) {
            return Err(RunError::Exhausted { what: "the budget of evaluations is used up".to_owned() });
        }
        if let Some(resource) = self.budget.exceeded_by(&(self.spent + price)) {
            return Err(RunError::Exhausted { what: format!("the budget of {resource} is used up") });
        }
        self.evaluations = step.saturating_add(1);
        self.answer.clear();
        let evaluated = self.objective.evaluate_query(theta, &query, &self.streams.at(step), &mut self.answer);
        self.answer.bill.check(step)?;
        self.spent += self.answer.bill;
        match evaluated {
            Ok(()) => Ok(&self.answer),
            Err(ObjectiveError::Exhausted { what }) => Err(RunError::Exhausted { what }),
            Err(ObjectiveError::Unsupported { what }) => Err(RunError::Unsupported { what, step }),
            Err(ObjectiveError::Failed(source)) => Err(RunError::Objective { step, source }),
        }
    }

    /// Measures the loss at `theta`, P components.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate), and [`RunError::Method`] if the loss is missing or not finite.
    pub fn loss(&mut self, theta: &[f64]) -> Result<Estimate, RunError> {
        let step = self.evaluations;
        let answer = self.evaluate(theta, Request::VALUE)?;
        answer.measured_loss().map_err(|source| RunError::Method { step, source })
    }

    /// Measures the gradient at `theta`, P components.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate), and [`RunError::Method`] if the gradient is incomplete or not finite.
    pub fn gradient(&mut self, theta: &[f64]) -> Result<&[f64], RunError> {
        let step = self.evaluations;
        self.evaluate(theta, Request::GRADIENT)?;
        let checked = self.answer.check_gradient(theta.len());
        checked.map_err(|source| RunError::Method { step, source })?;
        Ok(&self.answer.gradient)
    }
}
