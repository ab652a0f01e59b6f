//! After construction nothing is allocated per step: counted by the allocator.

mod common;

use common::{Quadratic, has_trigger, shipped};
use qopt::{
    Answer, BestPoint, Bill, Budget, Event, History, Objective, ObjectiveError, Query, Request, Runner, StepStreams,
    Streams,
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

#[test]
fn no_step_allocates_not_even_the_first() {
    for (name, make) in shipped() {
        let mut method = make();
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
        assert!(triggered > 0 || !has_trigger(name), "{name}");
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
