//! Both ways between this crate and `argmin` 0.11 (feature `argmin`).
//!
//! - An argmin solver on an [`Objective`](crate::Objective): [`ArgminProblem`] is an argmin cost function with gradient and Hessian, every
//!   evaluation of which is priced, billed and kept within a budget.
//! - A [`Method`] in argmin's executor: [`ArgminSolver`].
//!
//! **Exact values.** Line searches (More-Thuente, Hager-Zhang), the curvature pairs of (L-)BFGS and the ratio test of a
//! trust region take differences of losses and gradients for what they are. From shots they fail without a word: they
//! stop at the noise or walk off. Use them on exact values; Nelder-Mead and particle swarms bear some noise.
//!
//! **Repeatability.** argmin's random solvers seed themselves from the system unless they are given a generator
//! (`with_rng_generator`), and its executor reads the clock unless `timer(false)` is set.
//!
//! ```
//! # use qopt::*;
//! # struct Cosines;
//! # impl Objective for Cosines {
//! #     fn dimension(&self) -> usize { 2 }
//! #     fn price(&self, request: &Request) -> Bill {
//! #         Bill { circuits: u64::from(request.value) + 4 * u64::from(request.gradient), ..Bill::ZERO }
//! #     }
//! #     fn evaluate(&mut self, theta: &[f64], request: &Request, _: &StepStreams, answer: &mut Answer) -> Result<(), ObjectiveError> {
//! #         answer.clear();
//! #         if request.value { answer.value = Some(Estimate::exact(theta.iter().map(|t| 1.0 - t.cos()).sum())); }
//! #         if request.gradient { answer.gradient.extend(theta.iter().map(|t| t.sin())); }
//! #         answer.bill = self.price(request);
//! #         Ok(())
//! #     }
//! # }
//! use argmin::core::Executor;
//! use argmin::solver::linesearch::MoreThuenteLineSearch;
//! use argmin::solver::quasinewton::LBFGS;
//! use qopt::interop::ArgminProblem;
//!
//! let mut objective = Cosines;
//! let problem = ArgminProblem::new(Evaluator::new(&mut objective, Streams::new(1, 0)));
//! let solver = LBFGS::new(MoreThuenteLineSearch::new(), 5);
//! Executor::new(&problem, solver)
//!     .configure(|state| state.param(vec![1.0, -0.5]).max_iters(20))
//!     .timer(false)
//!     .run()?;
//! let (best, loss) = problem.best().expect("the first evaluation is one");
//! assert!(loss < 1e-10 && best.iter().all(|t| t.abs() < 1e-4));
//! assert!(problem.spent().circuits > 10);
//! # Ok::<(), argmin::core::Error>(())
//! ```

use std::cell::RefCell;

use argmin::core::{CostFunction, Error, Gradient, Hessian, IterState, KV, Problem, Solver, State as _};

use crate::{Answer, Bill, Estimate, Evaluator, IterationContext, Method, MethodError, Query, RunError, Streams, Told};

/// An objective under a budget as a problem of argmin, with parameters `Vec<f64>`. Hand a reference to the executor, and
/// ask the problem afterwards what was spent and found.
///
/// argmin asks through `&self`, hence the interior mutability; the problem belongs to one thread. An exhausted budget is
/// an error to argmin, which drops its state with it: the best point seen is kept here.
pub struct ArgminProblem<'a> {
    inner: RefCell<Inner<'a>>,
    hessian_shift: f64,
}

struct Inner<'a> {
    evaluator: Evaluator<'a>,
    best: Option<(Vec<f64>, f64)>,
    exhausted: bool,
}

impl<'a> ArgminProblem<'a> {
    /// A problem that evaluates through `evaluator`.
    pub fn new(evaluator: Evaluator<'a>) -> Self {
        let inner = RefCell::new(Inner { evaluator, best: None, exhausted: false });
        Self { inner, hessian_shift: 1e-4 }
    }

    /// The same with another shift h of the Hessian, whose column k is (g(theta + h e_k) - g(theta - h e_k)) / (2 sin h).
    ///
    /// For a parameter that is the angle of one Pauli rotation in an expectation value that is exact for every h; take
    /// pi/2. For everything else it is a difference quotient with an error of order h^2: the default 1e-4 suits exact
    /// gradients. A Hessian costs 2 P gradients. A shift whose sine is 0 or not finite is left at the default.
    #[must_use]
    pub fn with_hessian_shift(mut self, shift: f64) -> Self {
        if shift.sin() != 0.0 && shift.is_finite() {
            self.hessian_shift = shift;
        }
        self
    }

    /// What was spent so far.
    pub fn spent(&self) -> Bill {
        self.inner.borrow().evaluator.spent()
    }

    /// Whether an evaluation was refused for want of a budget.
    pub fn is_exhausted(&self) -> bool {
        self.inner.borrow().exhausted
    }

    /// The point with the smallest measured loss, and that loss. Of noisy losses the smallest is biased low.
    pub fn best(&self) -> Option<(Vec<f64>, f64)> {
        self.inner.borrow().best.clone()
    }

    fn gradient_at(&self, theta: &[f64]) -> Result<Vec<f64>, Error> {
        let mut inner = self.inner.borrow_mut();
        let result = inner.evaluator.gradient(theta).map(<[f64]>::to_vec);
        inner.note(result)
    }
}

impl Inner<'_> {
    fn note<T>(&mut self, result: Result<T, RunError>) -> Result<T, Error> {
        self.exhausted |= matches!(result, Err(RunError::Exhausted { .. }));
        Ok(result?)
    }
}

impl CostFunction for &ArgminProblem<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, theta: &Vec<f64>) -> Result<f64, Error> {
        let mut inner = self.inner.borrow_mut();
        let result = inner.evaluator.loss(theta);
        let loss = inner.note(result)?.value;
        if inner.best.as_ref().is_none_or(|(_, best)| loss < *best) {
            inner.best = Some((theta.clone(), loss));
        }
        Ok(loss)
    }
}

impl Gradient for &ArgminProblem<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, theta: &Vec<f64>) -> Result<Vec<f64>, Error> {
        self.gradient_at(theta)
    }
}

impl Hessian for &ArgminProblem<'_> {
    type Param = Vec<f64>;
    type Hessian = Vec<Vec<f64>>;

    fn hessian(&self, theta: &Vec<f64>) -> Result<Vec<Vec<f64>>, Error> {
        let mut shifted = theta.clone();
        let mut columns = Vec::with_capacity(theta.len());
        for k in 0..theta.len() {
            shifted[k] = theta[k] + self.hessian_shift;
            let plus = self.gradient_at(&shifted)?;
            shifted[k] = theta[k] - self.hessian_shift;
            let minus = self.gradient_at(&shifted)?;
            shifted[k] = theta[k];
            let scale = 1.0 / (2.0 * self.hessian_shift.sin());
            columns.push(plus.iter().zip(&minus).map(|(p, m)| scale * (p - m)).collect::<Vec<_>>());
        }
        // The two halves agree up to rounding and noise.
        let entry = |i: usize, j: usize| 0.5 * (columns[i][j] + columns[j][i]);
        Ok((0..theta.len()).map(|i| (0..theta.len()).map(|j| entry(i, j)).collect()).collect())
    }
}

/// A method of this crate as a solver of argmin: one iteration of the one is one iteration of the other.
///
/// The problem answers losses and gradients, one evaluation each; it states no standard errors, so that the method takes
/// them for exact unless told otherwise by its own configuration. Methods that ask for more (the metric, single partial
/// derivatives, fidelities, other axes) end the run with an error. The parameters of the state, if any are set, must be
/// where the method stands. The cost of the state is the loss where the iteration started, its parameters are where it
/// ended, which is argmin's view of the same run one step later.
pub struct ArgminSolver<M> {
    method: M,
    streams: Streams,
    reusable: bool,
    answer: Answer,
}

impl<M: Method> ArgminSolver<M> {
    /// `method` with its random streams, on losses that are measured anew each time.
    pub fn new(method: M, streams: Streams) -> Self {
        Self { method, streams, reusable: false, answer: Answer::default() }
    }

    /// Says that the problem's losses are pure functions of the parameters, so that one measured may stand in for the
    /// same one later.
    #[must_use]
    pub fn reusing_losses(mut self) -> Self {
        self.reusable = true;
        self
    }

    /// The method.
    pub fn method(&self) -> &M {
        &self.method
    }
}

/// Answers a query from a problem of argmin.
fn answer_from<O>(problem: &mut Problem<O>, theta: &[f64], query: &Query<'_>, answer: &mut Answer) -> Result<(), Error>
where
    O: CostFunction<Param = Vec<f64>, Output = f64> + Gradient<Param = Vec<f64>, Gradient = Vec<f64>>,
{
    answer.clear();
    match query {
        Query::Point(request) if !request.metric => {
            let theta = theta.to_vec();
            if request.value {
                answer.value = Some(Estimate::exact(problem.cost(&theta)?));
            }
            if request.gradient {
                answer.gradient = problem.gradient(&theta)?;
            }
        }
        Query::Values { points } => {
            for point in points.chunks_exact(theta.len().max(1)) {
                answer.values.push(Estimate::exact(problem.cost(&point.to_vec())?));
            }
        }
        other => {
            let message = format!("a problem of argmin cannot answer {}", other.name());
            return Err(MethodError::Other { message }.into());
        }
    }
    Ok(())
}

type VecState = IterState<Vec<f64>, Vec<f64>, (), (), (), f64>;

impl<O, M> Solver<O, VecState> for ArgminSolver<M>
where
    O: CostFunction<Param = Vec<f64>, Output = f64> + Gradient<Param = Vec<f64>, Gradient = Vec<f64>>,
    M: Method,
{
    fn name(&self) -> &str {
        "a method of qopt"
    }

    fn init(&mut self, _problem: &mut Problem<O>, state: VecState) -> Result<(VecState, Option<KV>), Error> {
        if let Some(param) = state.get_param()
            && param != self.method.theta()
        {
            let message = "the parameters of the state are not where the method stands".to_owned();
            return Err(MethodError::Other { message }.into());
        }
        Ok((state.param(self.method.theta().to_vec()), None))
    }

    fn next_iter(&mut self, problem: &mut Problem<O>, state: VecState) -> Result<(VecState, Option<KV>), Error> {
        let context = IterationContext::new(self.streams.at(state.get_iter()));
        let report = loop {
            let ask = self.method.ask(&context);
            answer_from(problem, ask.theta, &ask.query, &mut self.answer)?;
            self.answer.reusable = self.reusable;
            if let Told::Done(report) = self.method.tell(&self.answer, &context)? {
                break report;
            }
        };
        let cost = report.loss.map_or(f64::NAN, |loss| loss.value);
        Ok((state.param(self.method.theta().to_vec()).cost(cost), None))
    }
}
