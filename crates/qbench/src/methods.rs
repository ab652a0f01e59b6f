//! The methods of a trial: shipped ones and one's own, as values in one list.

use std::sync::Arc;

use qopt::{
    AdaGrad, Adam, AdamW, AdaptiveShots, AdaptiveShotsConfig, AdaptiveStep, AdaptiveStepConfig, Allocation, AmsGrad,
    Axis, CmaEs, CmaEsConfig, ConfigError, Control, Descent, Interval, Lion, Method, Momentum, NAdam, NaturalGradient,
    Nesterov, NormalizedGradient, Periodic, PeriodicConfig, PostHoc, PostHocConfig, Probe, ProbeConfig, Random,
    RandomConfig, RandomCoordinate, RandomCoordinateConfig, Restart, RestartConfig, RmsProp, Rotoselect,
    RotoselectConfig, Rotosolve, ScreenedDescent, ScreenedDescentConfig, SecondOrderSpsa, SecondOrderSpsaConfig, Sgd,
    SignDescent, Spsa, SpsaConfig, Stall, StallConfig, StallCurvature, StallCurvatureConfig, UpdateRule,
};

use crate::applicability::Need;

/// Learning rates that are tried unless a method or a caller says otherwise. Every grid has as many, so that no method is tuned
/// longer than another.
const RATES: [f64; 6] = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0];

/// Rates of momentum, which come to ten times as much in the long run.
const MOMENTUM_RATES: [f64; 6] = [0.003, 0.01, 0.03, 0.1, 0.3, 1.0];

/// Rates of rules that move every component by the rate, whatever the gradient.
const SIGN_RATES: [f64; 6] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3];

/// Rates of iCANS and gCANS, in units of 1 / loss scale.
const ADAPTIVE_RATES: [f64; 6] = [0.01, 0.03, 0.1, 0.3, 1.0, 1.9];

/// Share of the budget that screening takes in `screened-adam`.
const SCREENED_SHARE: f64 = 0.1;

/// What a method is told when it is set up for a run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Setup {
    /// The starting point.
    pub start: Vec<f64>,
    /// The learning rate of this run, one of the method's grid.
    pub rate: f64,
    /// Iterations that the budget allows a method of one value and one gradient per iteration.
    pub planned_iterations: u64,
    /// What one value and one gradient cost, in values.
    pub iteration_in_losses: f64,
    /// Whether measured values carry noise.
    pub noisy: bool,
    /// The scale of the loss, see [`qopt::Objective::loss_scale`].
    pub loss_scale: f64,
    /// The interval from which the components of starting points are drawn.
    pub start_interval: (f64, f64),
    /// The axes about which the parameters turn their rotations at the start; none if a parameter has no axis.
    pub axes: Vec<Axis>,
    /// The largest number of shots of one circuit that a method should choose: what the device gives, and a small part of the
    /// budget for one iteration. Without meaning where values are exact.
    pub max_shots: u64,
}

/// The smallest number of shots of a circuit of iCANS and gCANS in a trial: their rules rest on the variance of the shots of one
/// iteration, and with the two that suffice to have one, a budget in shots would buy hundreds of times the circuits of all others.
const ADAPTIVE_MIN_SHOTS: u64 = 30;

/// Iterations that the budget of a run is divided into at least by methods that choose their shots: what is left over in the
/// end, because the next iteration does not fit, is less than one of these parts.
const LEAST_ITERATIONS: u64 = 20;

/// What [`Setup::max_shots`] should be: `device` is the largest number of shots of one circuit, if there is a limit.
pub(crate) fn max_shots(shots: u64, planned_iterations: u64, device: Option<u64>) -> u64 {
    let share = shots.saturating_mul(planned_iterations) / LEAST_ITERATIONS;
    share.max(shots).min(device.unwrap_or(u64::MAX)).max(1)
}

impl Setup {
    /// A setup as of an exact trial of 100 iterations on a loss of scale 1, with random starts in \[0, 2 pi): for a method of one's
    /// own in tests and benches.
    #[must_use]
    pub fn new(start: Vec<f64>, rate: f64) -> Self {
        let iteration_in_losses = 2.0 * start.len() as f64 + 1.0;
        Self {
            start,
            rate,
            planned_iterations: 100,
            iteration_in_losses,
            noisy: false,
            loss_scale: 1.0,
            start_interval: (0.0, std::f64::consts::TAU),
            axes: Vec::new(),
            max_shots: 1000,
        }
    }

    /// The same with these axes of the rotations at the start.
    #[must_use]
    pub fn with_axes(mut self, axes: Vec<Axis>) -> Self {
        self.axes = axes;
        self
    }

    /// Plain descent with an update rule.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the starting point is empty or not finite.
    pub fn descent(&self, rule: impl UpdateRule + 'static) -> Result<Box<dyn Method>, ConfigError> {
        Ok(Box::new(Descent::new(rule, &self.start)?))
    }

    /// Descent from the best of as many random points as a share of the budget measures, at most
    /// [`ScreenedDescentConfig::MAX_POINTS`].
    fn screened(
        &self,
        rule: impl UpdateRule + 'static,
        share: f64,
        anneal: bool,
    ) -> Result<Box<dyn Method>, ConfigError> {
        let losses = share * self.planned_iterations as f64 * self.iteration_in_losses;
        let (low, high) = self.start_interval;
        let start = vec![Interval { low, high }; self.start.len()];
        let mut config = ScreenedDescentConfig { anneal, ..ScreenedDescentConfig::new(1, start) };
        // From shots the rounds of successive halving take a factor q/(q - 1) more than the first.
        let rounds = if self.noisy { 1.0 - 1.0 / config.reduction as f64 } else { 1.0 };
        config.points = ((losses * rounds) as usize).clamp(1, ScreenedDescentConfig::MAX_POINTS);
        Ok(Box::new(ScreenedDescent::new(config, rule, &self.start)?))
    }

    fn probe(&self, rule: impl UpdateRule + 'static, control: Control) -> Result<Box<dyn Method>, ConfigError> {
        let defaults = if self.noisy { ProbeConfig::shots() } else { ProbeConfig::exact() };
        let config = ProbeConfig { control, loss_scale: self.loss_scale, ..defaults };
        Ok(Box::new(Probe::new(config, rule, &self.start)?))
    }

    fn periodic(&self, rule: impl UpdateRule + 'static, control: Control) -> Result<Box<dyn Method>, ConfigError> {
        let config = PeriodicConfig { control, ..PeriodicConfig::new(self.planned_iterations) };
        Ok(Box::new(Periodic::new(config, rule, &self.start)?))
    }

    /// The iterations that the budget allows a method of so many losses per iteration.
    fn iterations_of(&self, losses: f64) -> u64 {
        ((self.planned_iterations as f64 * self.iteration_in_losses / losses) as u64).max(1)
    }

    /// The margin of a probe, in standard errors.
    fn margin(&self) -> f64 {
        if self.noisy { 2.0 } else { 0.0 }
    }

    fn adaptive_shots(&self, allocation: Allocation) -> Result<Box<dyn Method>, ConfigError> {
        // The scale L bounds the curvature; rates from 2 / L on are refused.
        let rate = self.rate.min(1.9) / self.loss_scale;
        let start = AdaptiveShotsConfig::new(allocation, rate, self.loss_scale);
        let max_shots = self.max_shots.max(start.min_shots);
        let config = AdaptiveShotsConfig { min_shots: ADAPTIVE_MIN_SHOTS.min(max_shots), max_shots, ..start };
        Ok(Box::new(AdaptiveShots::new(config, &self.start)?))
    }

    fn random(&self, rule: impl UpdateRule + 'static, control: Control) -> Result<Box<dyn Method>, ConfigError> {
        let config = RandomConfig { control, ..RandomConfig::new(self.planned_iterations) };
        Ok(Box::new(Random::new(config, rule, &self.start)?))
    }

    fn post_hoc(&self, rule: impl UpdateRule + 'static, control: Control) -> Result<Box<dyn Method>, ConfigError> {
        Ok(Box::new(PostHoc::new(PostHocConfig { control, ..PostHocConfig::default() }, rule, &self.start)?))
    }

    fn stall_curvature(
        &self,
        rule: impl UpdateRule + 'static,
        control: Control,
    ) -> Result<Box<dyn Method>, ConfigError> {
        let config = StallCurvatureConfig { control, ..StallCurvatureConfig::for_scale(self.loss_scale) };
        Ok(Box::new(StallCurvature::new(config, rule, &self.start)?))
    }

    fn adaptive_step(&self, rule: impl UpdateRule + 'static) -> Result<Box<dyn Method>, ConfigError> {
        let config = AdaptiveStepConfig { loss_scale: self.loss_scale, ..AdaptiveStepConfig::new(self.margin()) };
        Ok(Box::new(AdaptiveStep::new(config, rule, &self.start)?))
    }

    fn stall(&self, rule: impl UpdateRule + 'static, control: Control) -> Result<Box<dyn Method>, ConfigError> {
        let config = StallConfig { control, ..StallConfig::for_scale(self.loss_scale) };
        Ok(Box::new(Stall::new(config, rule, &self.start)?))
    }
}

/// What the gradient norms are of that a method reports.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KnownGradient {
    /// A measured gradient.
    #[default]
    Whole,
    /// An estimate from losses along a random direction, whose norm is about `sqrt(P)` times as large as that of the gradient.
    Direction,
    /// The one component that is measured, or follows from what is measured, in a step.
    Component,
    /// The method knows nothing of gradients; what it reports stands for no number.
    Nothing,
}

type Build = dyn Fn(&Setup) -> Result<Box<dyn Method>, ConfigError> + Send + Sync;

/// One method of a list.
#[derive(Clone)]
pub struct MethodEntry {
    name: String,
    base: Option<String>,
    twin: Option<String>,
    nlr: bool,
    needs: Vec<Need>,
    gradient: KnownGradient,
    rates: Vec<f64>,
    build: Arc<Build>,
}

impl MethodEntry {
    /// Its name in tables.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The plain method around which it is built, if it is a variant of one.
    #[must_use]
    pub fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    /// The control with the same trigger and the same lengths but random directions, if it has one.
    #[must_use]
    pub fn kick_twin(&self) -> Option<&str> {
        self.twin.as_deref()
    }

    /// Whether it is a variant with a negative learning rate (not one of its controls).
    #[must_use]
    pub fn is_nlr(&self) -> bool {
        self.nlr
    }

    /// What it needs beyond losses and gradients: it has no runs where a task, or the readout, does not give that.
    #[must_use]
    pub fn needs(&self) -> &[Need] {
        &self.needs
    }

    /// What the gradient norms are of that it reports.
    #[must_use]
    pub fn gradient(&self) -> KnownGradient {
        self.gradient
    }

    /// The learning rates to try unless the caller knows better; one if it has no rate.
    #[must_use]
    pub fn default_rates(&self) -> &[f64] {
        &self.rates
    }

    /// Whether it has a learning rate to choose.
    #[must_use]
    pub fn has_rate(&self) -> bool {
        self.rates.len() > 1
    }

    /// Sets it up for a run.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the setup is not one that the method can work with.
    pub fn build(&self, setup: &Setup) -> Result<Box<dyn Method>, ConfigError> {
        (self.build)(setup)
    }
}

impl std::fmt::Debug for MethodEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MethodEntry").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A list of methods. There is no registry: a list is a value that is handed to a trial.
///
/// ```
/// use qbench::Methods;
/// use qopt::{StepContext, from_fn};
///
/// let methods = Methods::shipped().with("sign-descent", |setup| {
///     let rate = setup.rate;
///     setup.descent(from_fn(move |context: &StepContext<'_>, step: &mut [f64]| {
///         step.iter_mut().zip(context.gradient).for_each(|(u, g)| *u = rate * g.signum());
///     }))
/// });
/// assert!(methods.get("adam").is_some() && methods.get("sign-descent").is_some());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Methods {
    entries: Vec<MethodEntry>,
}

impl Methods {
    /// An empty list.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The shipped methods: plain rules, the NLR variants with their controls around them, and all others of `qopt` that a
    /// trial can compare them with.
    ///
    /// The rate is the learning rate of a rule, the first rate of SPSA and its kin, the standard deviation of the first
    /// population of CMA-ES; Rotosolve and Rotoselect have none. Those of iCANS and gCANS are in units of 1 / loss scale and cut off at
    /// 1.9.
    #[must_use]
    pub fn shipped() -> Self {
        use Control::{Ascend, Kick, Stay};
        Self::none()
            .with("sgd", |s| s.descent(Sgd::new(s.rate)?))
            .with("momentum", |s| s.descent(Momentum::new(s.rate)?))
            .with_rates("momentum", &MOMENTUM_RATES)
            .with("adam", |s| s.descent(Adam::new(s.rate)?))
            .with("natural-gradient", |s| s.descent(NaturalGradient::new(s.rate, 1e-2)?))
            .needing("natural-gradient", &[Need::Metric])
            .with("nlr-probe-sgd", |s| s.probe(Sgd::new(s.rate)?, Ascend))
            .variant("nlr-probe-sgd", "sgd", Some("kick-probe-sgd"))
            .with("kick-probe-sgd", |s| s.probe(Sgd::new(s.rate)?, Kick))
            .variant("kick-probe-sgd", "sgd", None)
            .with("stay-probe-sgd", |s| s.probe(Sgd::new(s.rate)?, Stay))
            .variant("stay-probe-sgd", "sgd", None)
            .with("nlr-probe-adam", |s| s.probe(Adam::new(s.rate)?, Ascend))
            .variant("nlr-probe-adam", "adam", Some("kick-probe-adam"))
            .with("kick-probe-adam", |s| s.probe(Adam::new(s.rate)?, Kick))
            .variant("kick-probe-adam", "adam", None)
            .with("stay-probe-adam", |s| s.probe(Adam::new(s.rate)?, Stay))
            .variant("stay-probe-adam", "adam", None)
            .with("nlr-periodic-adam", |s| s.periodic(Adam::new(s.rate)?, Ascend))
            .variant("nlr-periodic-adam", "adam", Some("kick-periodic-adam"))
            .with("kick-periodic-adam", |s| s.periodic(Adam::new(s.rate)?, Kick))
            .variant("kick-periodic-adam", "adam", None)
            .with("stay-periodic-adam", |s| s.periodic(Adam::new(s.rate)?, Stay))
            .variant("stay-periodic-adam", "adam", None)
            .with("nlr-stall-adam", |s| s.stall(Adam::new(s.rate)?, Ascend))
            .variant("nlr-stall-adam", "adam", Some("kick-stall-adam"))
            .with("kick-stall-adam", |s| s.stall(Adam::new(s.rate)?, Kick))
            .variant("kick-stall-adam", "adam", None)
            .with("restart-adam", |s| {
                let (low, high) = s.start_interval;
                let start = RestartConfig::uniform(Interval { low, high }, s.start.len());
                // The stall test of the NLR variant that it stands beside.
                let config = RestartConfig { delta: StallConfig::for_scale(s.loss_scale).delta, ..start };
                Ok(Box::new(Restart::new(config, Adam::new(s.rate)?, &s.start)?))
            })
            .variant("restart-adam", "adam", None)
            .with("screened-adam", |s| s.screened(Adam::new(s.rate)?, SCREENED_SHARE, true))
            .variant("screened-adam", "adam", None)
            .with("annealed-adam", |s| s.screened(Adam::new(s.rate)?, 0.0, true))
            .variant("annealed-adam", "adam", None)
            .with("screened-only-adam", |s| s.screened(Adam::new(s.rate)?, SCREENED_SHARE, false))
            .variant("screened-only-adam", "adam", None)
            .with_rules_to_compare_with()
            .with_rest_of_nlr()
            .with_direct_methods()
    }

    fn with_rules_to_compare_with(self) -> Self {
        self.with("nesterov", |s| s.descent(Nesterov::new(s.rate)?))
            .with_rates("nesterov", &MOMENTUM_RATES)
            .with("adagrad", |s| s.descent(AdaGrad::new(s.rate)?))
            .with("rmsprop", |s| s.descent(RmsProp::new(s.rate)?))
            .with("amsgrad", |s| s.descent(AmsGrad::new(s.rate)?))
            .with("adamw", |s| s.descent(AdamW::new(s.rate)?))
            .with("nadam", |s| s.descent(NAdam::new(s.rate)?))
            .with("lion", |s| s.descent(Lion::new(s.rate)?))
            .with_rates("lion", &SIGN_RATES)
            .with("sign-descent", |s| s.descent(SignDescent::new(s.rate)?))
            .with_rates("sign-descent", &SIGN_RATES)
            .with("normalized-gradient", |s| s.descent(NormalizedGradient::new(s.rate)?))
    }

    fn with_rest_of_nlr(self) -> Self {
        use Control::{Ascend, Flip, Kick};
        self.with("flip-probe-adam", |s| s.probe(Adam::new(s.rate)?, Flip))
            .variant("flip-probe-adam", "adam", None)
            .with("nlr-random-adam", |s| s.random(Adam::new(s.rate)?, Ascend))
            .variant("nlr-random-adam", "adam", Some("kick-random-adam"))
            .with("kick-random-adam", |s| s.random(Adam::new(s.rate)?, Kick))
            .variant("kick-random-adam", "adam", None)
            .with("nlr-post-hoc-adam", |s| s.post_hoc(Adam::new(s.rate)?, Ascend))
            .variant("nlr-post-hoc-adam", "adam", Some("kick-post-hoc-adam"))
            .with("kick-post-hoc-adam", |s| s.post_hoc(Adam::new(s.rate)?, Kick))
            .variant("kick-post-hoc-adam", "adam", None)
            .with("nlr-stall-curvature-adam", |s| s.stall_curvature(Adam::new(s.rate)?, Ascend))
            .variant("nlr-stall-curvature-adam", "adam", Some("kick-stall-curvature-adam"))
            .with("kick-stall-curvature-adam", |s| s.stall_curvature(Adam::new(s.rate)?, Kick))
            .variant("kick-stall-curvature-adam", "adam", None)
            .with("flip-stall-adam", |s| s.stall(Adam::new(s.rate)?, Flip))
            .variant("flip-stall-adam", "adam", None)
            .with("adaptive-step-sgd", |s| s.adaptive_step(Sgd::new(s.rate)?))
            .variant("adaptive-step-sgd", "sgd", None)
            .with("adaptive-step-adam", |s| s.adaptive_step(Adam::new(s.rate)?))
            .variant("adaptive-step-adam", "adam", None)
    }

    fn with_direct_methods(self) -> Self {
        self.with("spsa", |s| Ok(Box::new(Spsa::new(SpsaConfig::new(s.rate, s.iterations_of(3.0)), &s.start)?)))
            .with("2-spsa", |s| {
                let config = SecondOrderSpsaConfig::of_loss(s.rate, s.iterations_of(5.0));
                Ok(Box::new(SecondOrderSpsa::new(config, &s.start)?))
            })
            .with("rotosolve", |s| Ok(Box::new(Rotosolve::new(&s.start)?)))
            .with_rates("rotosolve", &[1.0])
            .needing("rotosolve", &[Need::SineWaves])
            .with("cma-es", |s| Ok(Box::new(CmaEs::new(CmaEsConfig::new(s.rate), &s.start)?)))
            .with("qn-spsa", |s| {
                let config = SecondOrderSpsaConfig::of_fidelity(s.rate, s.iterations_of(7.0));
                Ok(Box::new(SecondOrderSpsa::new(config, &s.start)?))
            })
            .needing("qn-spsa", &[Need::Fidelities])
            .with("random-coordinate", |s| {
                Ok(Box::new(RandomCoordinate::new(RandomCoordinateConfig::new(s.rate), &s.start)?))
            })
            .needing("random-coordinate", &[Need::Partials])
            .with("icans", |s| s.adaptive_shots(Allocation::Individual))
            .with_rates("icans", &ADAPTIVE_RATES)
            .needing("icans", &[Need::Partials, Need::Shots])
            .with("gcans", |s| s.adaptive_shots(Allocation::Global))
            .with_rates("gcans", &ADAPTIVE_RATES)
            .needing("gcans", &[Need::Partials, Need::Shots])
            .with("rotoselect", |s| Ok(Box::new(Rotoselect::new(RotoselectConfig::default(), &s.start, &s.axes)?)))
            .with_rates("rotoselect", &[1.0])
            .needing("rotoselect", &[Need::SineWaves, Need::Axes])
            .knowing("spsa", KnownGradient::Direction)
            .knowing("2-spsa", KnownGradient::Direction)
            .knowing("qn-spsa", KnownGradient::Direction)
            .knowing("rotosolve", KnownGradient::Component)
            .knowing("rotoselect", KnownGradient::Component)
            .knowing("random-coordinate", KnownGradient::Component)
            .knowing("cma-es", KnownGradient::Nothing)
    }

    /// The list with one more method; one of the same name is replaced in its place.
    #[must_use]
    pub fn with(
        mut self,
        name: impl Into<String>,
        build: impl Fn(&Setup) -> Result<Box<dyn Method>, ConfigError> + Send + Sync + 'static,
    ) -> Self {
        let name = name.into();
        let entry = MethodEntry {
            name,
            base: None,
            twin: None,
            nlr: false,
            needs: Vec::new(),
            gradient: KnownGradient::Whole,
            rates: RATES.to_vec(),
            build: Arc::new(build),
        };
        match self.entries.iter_mut().find(|other| other.name == entry.name) {
            Some(other) => *other = entry,
            None => self.entries.push(entry),
        }
        self
    }

    /// Says of the method called `name` that it is a variant of `base`, and of an NLR variant also which method is its control
    /// with random directions: trials then compare it with both. Without effect if there is no such method.
    #[must_use]
    pub fn variant(mut self, name: &str, base: &str, nlr_with_kick_twin: Option<&str>) -> Self {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.name == name) {
            entry.base = Some(base.to_owned());
            entry.twin = nlr_with_kick_twin.map(str::to_owned);
            entry.nlr = nlr_with_kick_twin.is_some();
        }
        self
    }

    /// The list reduced to the methods that `keep` accepts by name.
    #[must_use]
    pub fn only(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.entries.retain(|entry| keep(&entry.name));
        self
    }

    /// Says what the method called `name` needs beyond losses and gradients, see [`MethodEntry::needs`].
    #[must_use]
    pub fn needing(mut self, name: &str, needs: &[Need]) -> Self {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.name == name) {
            entry.needs = needs.to_vec();
        }
        self
    }

    /// Says what the gradient norms are of that the method called `name` reports, see [`MethodEntry::gradient`]; those of a measured
    /// gradient unless it is said.
    #[must_use]
    pub fn knowing(mut self, name: &str, gradient: KnownGradient) -> Self {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.name == name) {
            entry.gradient = gradient;
        }
        self
    }

    /// Sets the learning rates to try with the method called `name`, see [`MethodEntry::default_rates`].
    #[must_use]
    pub fn with_rates(mut self, name: &str, rates: &[f64]) -> Self {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.name == name) {
            entry.rates = rates.to_vec();
        }
        self
    }

    /// The methods in order.
    #[must_use]
    pub fn entries(&self) -> &[MethodEntry] {
        &self.entries
    }

    /// The method of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&MethodEntry> {
        self.entries.iter().find(|entry| entry.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(rate: f64, noisy: bool) -> Setup {
        Setup {
            start: vec![0.3, -0.2, 0.1],
            rate,
            planned_iterations: 40,
            iteration_in_losses: 7.0,
            noisy,
            loss_scale: 2.5,
            start_interval: (-1.0, 1.0),
            axes: vec![Axis::Y; 3],
            max_shots: 1000,
        }
    }

    /// Every method can be made with every rate of its grid and every rate of the trials, starts where it is told to, and
    /// refers to methods that exist.
    #[test]
    fn every_shipped_method_can_be_made() {
        let methods = Methods::shipped();
        for entry in methods.entries() {
            for rate in entry.default_rates().iter().chain(&RATES) {
                for noisy in [true, false] {
                    let method = entry.build(&setup(*rate, noisy));
                    let method = method.unwrap_or_else(|error| panic!("{}: {error}", entry.name()));
                    assert_eq!(method.theta(), [0.3, -0.2, 0.1], "{}", entry.name());
                }
            }
            for other in [entry.base(), entry.kick_twin()].into_iter().flatten() {
                assert!(methods.get(other).is_some(), "{}: {other}", entry.name());
            }
        }
        for name in ["2-spsa", "cma-es", "icans", "lion", "rotoselect", "nlr-random-adam", "adaptive-step-sgd"] {
            assert!(methods.get(name).is_some(), "{name}");
        }
    }

    /// What a method keeps does not grow with the budget without end.
    #[test]
    fn every_shipped_method_can_be_made_for_long_runs() {
        for entry in Methods::shipped().entries() {
            for (planned_iterations, noisy) in [(1_000_000_000, true), (u64::MAX, false)] {
                let method = entry.build(&Setup { planned_iterations, ..setup(0.1, noisy) });
                assert!(method.is_ok(), "{}", entry.name());
            }
        }
    }

    /// What a plan asks for tells what a method can know of gradients.
    #[test]
    fn methods_that_measure_no_whole_gradient_say_so() {
        for entry in Methods::shipped().entries() {
            let method = entry.build(&setup(0.1, true)).expect("it can be made");
            let (mut whole, mut one, mut values) = (false, false, false);
            method.plan(&mut |asked| match asked {
                qopt::Query::Point(request) => whole |= request.gradient,
                qopt::Query::Partials { components, .. } => {
                    whole |= components.len() == 3;
                    one |= components.len() == 1;
                }
                _ => values = true,
            });
            // Screening is losses alone, the descent after it is not.
            let whole = whole || entry.name().starts_with("screened");
            match entry.gradient() {
                KnownGradient::Whole => assert!(whole, "{}", entry.name()),
                KnownGradient::Component if one => assert!(!whole, "{}", entry.name()),
                _ => assert!(!whole && values, "{}", entry.name()),
            }
        }
        let nothing: Vec<String> = Methods::shipped()
            .entries()
            .iter()
            .filter(|entry| entry.gradient() == KnownGradient::Nothing)
            .map(|entry| entry.name().to_owned())
            .collect();
        assert_eq!(nothing, ["cma-es"]);
    }

    /// What a plan asks for tells which abilities a method needs.
    #[test]
    fn methods_that_need_an_ability_say_so() {
        for entry in Methods::shipped().entries() {
            let method = entry.build(&setup(0.1, true)).expect("it can be made");
            let mut needs = Vec::new();
            method.plan(&mut |asked| match asked {
                qopt::Query::Point(request) => needs.extend(request.metric.then_some(Need::Metric)),
                qopt::Query::Partials { shots, .. } => {
                    needs.push(Need::Partials);
                    needs.extend((!shots.is_empty()).then_some(Need::Shots));
                }
                qopt::Query::Fidelities { .. } => needs.push(Need::Fidelities),
                qopt::Query::AxisValues { .. } => needs.push(Need::Axes),
                _ => {}
            });
            let stated: Vec<Need> = entry.needs().iter().copied().filter(|&need| need != Need::SineWaves).collect();
            assert_eq!(needs, stated, "{}", entry.name());
        }
    }
}
