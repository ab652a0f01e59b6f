//! On a flat objective with shot noise nothing can escape, and trials must not say that anything did.

use qbench::tasks::{Assessment, Instance, Readout, Task, Trainable};
use qbench::{Error, Methods, Trials, summary};
use qopt::{Answer, Bill, Estimate, Objective, ObjectiveError, Request, Role, StepStreams, Streams};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};
use rand_distr::{Binomial, Distribution};

const DIMENSION: usize = 4;
const SHOTS: u64 = 50;
/// The loss, the same everywhere: the frequency of an outcome of this probability.
const P: f64 = 0.3;

struct Flat;
struct FlatInstance;
struct FlatObjective;

impl Task for Flat {
    fn name(&self) -> &str {
        "flat"
    }

    fn description(&self) -> String {
        "a constant loss".to_owned()
    }

    fn threshold(&self) -> f64 {
        0.5 * P
    }

    fn instance(&self, _: &Streams) -> Result<Box<dyn Instance>, Error> {
        Ok(Box::new(FlatInstance))
    }
}

impl Instance for FlatInstance {
    fn start(&self) -> &[f64] {
        &[0.0; DIMENSION]
    }

    fn start_interval(&self) -> (f64, f64) {
        (0.0, 6.0)
    }

    fn objective(&self, _: &Readout) -> Result<Box<dyn Trainable>, Error> {
        Ok(Box::new(FlatObjective))
    }

    fn loss(&self, _: &[f64]) -> Result<f64, Error> {
        Ok(P)
    }

    fn assess(&self, _: &[f64]) -> Result<Assessment, Error> {
        Ok(Assessment { loss: P, test_loss: None, accuracy: None, test_accuracy: None })
    }
}

impl Objective for FlatObjective {
    fn dimension(&self) -> usize {
        DIMENSION
    }

    fn price(&self, request: &Request) -> Bill {
        let circuits = u64::from(request.value) + 2 * DIMENSION as u64 * u64::from(request.gradient);
        Bill { jobs: 1, circuits, shots: circuits * SHOTS, ..Bill::ZERO }
    }

    fn evaluate(
        &mut self,
        theta: &[f64],
        request: &Request,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        answer.clear();
        // Methods of one seed share their streams; shots at other points are other shots all the same.
        let point =
            theta.iter().fold(0_u64, |hash, angle| hash.rotate_left(7).wrapping_mul(0x9E37_79B9) ^ angle.to_bits());
        let mut rng = ChaCha8Rng::seed_from_u64(streams.rng(Role::Shots).next_u64() ^ point);
        let counts = Binomial::new(SHOTS, P).expect("a probability");
        let mut frequency = || counts.sample(&mut rng) as f64 / SHOTS as f64;
        let variance = P * (1.0 - P) / SHOTS as f64;
        if request.value {
            answer.value = Some(Estimate { value: frequency(), std_error: variance.sqrt() });
        }
        if request.gradient {
            for _ in 0..DIMENSION {
                answer.gradient.push(0.5 * (frequency() - frequency()));
                answer.gradient_std_errors.push((0.5 * variance).sqrt());
            }
        }
        answer.bill = self.price(request);
        Ok(())
    }

    fn loss_scale(&self) -> f64 {
        1.0
    }
}

impl Trainable for FlatObjective {}

/// A thousand trials of seven methods beside Adam, twelve seeds each, judged by the losses measured after training: the share of
/// trials in which any method differs from Adam at 5 % after Holm is at most 5 % within 3 standard errors. It is not 0 either, or
/// the test would show nothing. By exact losses, which are all equal, no trial may find anything.
///
/// There is one rate here. What choosing among several does is told by the tests of `summary`, and by its documentation.
#[test]
fn no_more_escapes_are_claimed_than_the_level_allows() {
    let names = [
        "adam",
        "sgd",
        "momentum",
        "nlr-probe-adam",
        "kick-probe-adam",
        "nlr-periodic-adam",
        "nlr-stall-adam",
        "restart-adam",
    ];
    let repetitions = 1000;
    let mut alarms = 0;
    for root_seed in 0..repetitions {
        let trials = Trials {
            tasks: vec![Box::new(Flat)],
            readouts: vec![Readout::Shots { shots: SHOTS }],
            methods: Methods::shipped().only(|name| names.contains(&name)),
            rates: vec![0.1],
            seeds: 12,
            exact_iterations: 6,
        };
        let results = trials.run_all(root_seed).expect("runs");
        let measured = |name: &str| -> Vec<f64> {
            results.iter().filter(|result| result.method == name).map(|result| result.last_measured).collect()
        };
        let losses: Vec<Vec<f64>> = names[1..].iter().map(|name| measured(name)).collect();
        let p_values = summary::adjusted_p_values(&losses, &measured("adam"), 1.0).expect("finite");
        alarms += u64::from(p_values.iter().flatten().any(|&p| p <= 0.05));
        if root_seed < 20 {
            assert!(results.iter().all(|result| result.spent_to_threshold.is_none()));
            let [condition] = &summary::conditions(&results, &trials.methods).expect("enough seeds")[..] else {
                panic!("one condition")
            };
            assert!(condition.methods.iter().all(|method| method.p_value.is_none()));
        }
    }
    let n = repetitions as f64;
    let rate = alarms as f64 / n;
    println!("familywise rate of false alarms: {rate}");
    assert!(rate <= 0.05 + 3.0 * (0.05_f64 * 0.95 / n).sqrt(), "{rate}");
    assert!(rate > 0.005, "{rate}: the tests never fire");
}
