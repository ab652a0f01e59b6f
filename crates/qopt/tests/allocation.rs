//! After construction nothing is allocated per step: counted by the allocator.

mod common;

use common::{Quadratic, has_trigger, shipped};
use qopt::{
    Adam, AdaptiveStep, AdaptiveStepConfig, Answer, BestPoint, Bill, Budget, Control, Event, History, Interval, Method,
    Objective, ObjectiveError, Periodic, PeriodicConfig, PostHoc, PostHocConfig, Probe, ProbeConfig, Query, Random,
    RandomConfig, Request, Runner, ScreenedDescent, ScreenedDescentConfig, Sgd, Stall, StallConfig, StallCurvature,
    StallCurvatureConfig, StepStreams, Streams,
};

/// An objective whose own allocations do not count.
struct Uncounted(Quadratic);

impl Objective for Uncounted {
    fn dimension(&self) -> usize {
        self.0.dimension()
    }

    fn price(&self, request: &Request) -> Bill {
        self.0.price(request)
    }

    fn evaluate(
        &mut self,
        theta: &[f64],
        request: &Request,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        let mut result = Ok(());
        allocation_counter::opt_out(|| result = self.0.evaluate(theta, request, streams, answer));
        result
    }

    fn price_query(&self, query: &Query<'_>) -> Option<Bill> {
        self.0.price_query(query)
    }

    fn evaluate_query(
        &mut self,
        theta: &[f64],
        query: &Query<'_>,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        let mut result = Ok(());
        allocation_counter::opt_out(|| result = self.0.evaluate_query(theta, query, streams, answer));
        result
    }
}

const START: [f64; 3] = [1.0, -0.5, 0.25];

/// What the shipped methods leave out: every control of every method with a trigger, and descent that is screened or
/// annealed.
fn variants() -> Vec<(String, Box<dyn Method>)> {
    let adam = || Adam::new(0.2).unwrap();
    let mut methods: Vec<(String, Box<dyn Method>)> = Vec::new();
    for control in [Control::Ascend, Control::Kick, Control::Stay, Control::Flip] {
        let probe = ProbeConfig { control, ..ProbeConfig::exact() };
        let periodic = PeriodicConfig { control, descents: 3, ..PeriodicConfig::new(40) };
        let random = RandomConfig { control, probability: 0.5, ..RandomConfig::new(40) };
        let post_hoc = PostHocConfig { control, ..PostHocConfig::default() };
        let stall = StallConfig { control, window: 3, ..StallConfig::default() };
        let curvature = StallCurvatureConfig { control, window: 3, ..StallCurvatureConfig::default() };
        let of_control: [(&str, Box<dyn Method>); 7] = [
            ("probe, sgd", Box::new(Probe::new(probe, Sgd::new(0.1).unwrap(), &START).unwrap())),
            ("probe", Box::new(Probe::new(probe, adam(), &START).unwrap())),
            ("periodic", Box::new(Periodic::new(periodic, adam(), &START).unwrap())),
            ("random", Box::new(Random::new(random, adam(), &START).unwrap())),
            ("post-hoc", Box::new(PostHoc::new(post_hoc, adam(), &START).unwrap())),
            ("stall", Box::new(Stall::new(stall, adam(), &START).unwrap())),
            ("stall-curvature", Box::new(StallCurvature::new(curvature, adam(), &START).unwrap())),
        ];
        methods.extend(of_control.map(|(name, method)| (format!("{name}, {control:?}"), method)));
    }
    for points in [1, 20] {
        let config = ScreenedDescentConfig::new(points, vec![Interval { low: -1.0, high: 1.0 }; 3]);
        let screened = ScreenedDescent::new(config, adam(), &START).unwrap();
        methods.push((format!("descent, {points} points"), Box::new(screened)));
    }
    let step = AdaptiveStep::new(AdaptiveStepConfig::new(0.0), Sgd::new(0.3).unwrap(), &START).unwrap();
    methods.push(("adaptive step, sgd".to_owned(), Box::new(step)));
    methods
}

#[test]
fn no_step_allocates_not_even_the_first() {
    let shipped = shipped().into_iter().map(|(name, make)| (name.to_owned(), make() as Box<dyn Method>));
    for (name, mut method) in shipped.chain(variants()) {
        let mut objective = Uncounted(Quadratic::noisy(&[1.0, 4.0, 0.3], 0.2, 0.2, 10));
        let mut best = BestPoint::new(3);
        let mut history = History::with_capacity(40);
        let budget = Budget { iterations: Some(40), shots: Some(1_000_000), ..Budget::UNLIMITED };
        let mut runner = Runner::new(&mut method, &mut objective, Streams::new(1, 0))
            .budget(budget)
            .observe(&mut best)
            .observe(&mut history);
        let (mut triggered, mut allocating) = (0, 0);
        for _ in 0..40 {
            let counted = allocation_counter::measure(|| {
                let step = runner.next();
                triggered +=
                    u64::from(step.is_some_and(|step| step.is_ok_and(|step| step.report.event != Event::Descent)));
            });
            allocating += u64::from(counted.count_total > 0);
        }
        drop(runner);
        // A chain makes its second and its third method when it comes to them.
        assert_eq!(allocating, if name == "chain" { 2 } else { 0 }, "{name}");
        assert_eq!(history.records().len(), 40, "{name}");
        assert!(triggered > 0 || !has_trigger(&name), "{name}");
    }
}

#[test]
fn the_counter_counts() {
    let counted = allocation_counter::measure(|| {
        let mut vector = std::hint::black_box(vec![1_u8; 3]);
        vector.reserve(100);
        assert_eq!(vector.len(), 3);
    });
    assert_eq!(counted.count_total, 2);
}
