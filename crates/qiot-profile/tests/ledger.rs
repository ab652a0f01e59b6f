//! The ledger against a naive counter under random sequences of jobs, refusals, failures, saves and kills.

use std::sync::Arc;

use proptest::prelude::*;
use qgrad::{Backend, Error, JobShots, Refusal};
use qiot_profile::{DeviceProfile, Energy, Ledger, Limits, Metered};

mod common;
use common::{Counter, Parts, latency, profile, stream};

/// Times and energies of these tests are whole numbers of this unit, in seconds or joules: a power of two, so that the
/// floating-point sums of the ledger are exact and the counter can use integers.
const TICK: f64 = 1.0 / 1024.0;

/// Of the jitter.
const SEED: u64 = 2511;

#[derive(Clone, Debug)]
enum Shots {
    Exact,
    Each(u64),
    PerCircuit(Vec<u64>),
}

#[derive(Clone, Debug)]
struct Order {
    qubits: usize,
    points: usize,
    groups: usize,
    shots: Shots,
    /// The wrapped backend fails if it is reached.
    fails: bool,
}

#[derive(Clone, Debug)]
enum Event {
    Run(Order),
    /// The ledger is saved.
    Save,
    /// The process dies; another one starts from the last save and does again what was done since.
    Kill,
}

/// A device in whole ticks.
#[derive(Clone, Debug)]
struct Rules {
    qubits: usize,
    shots_total: Option<u64>,
    shots_per_circuit: Option<u64>,
    circuits_per_job: Option<u64>,
    shots_per_job: Option<u64>,
    /// Shots in a window, and its length.
    window: Option<(u64, u64)>,
    jobs_total: Option<u64>,
    ticks_total: Option<u64>,
    job_ticks: u64,
    /// In seconds, as it is no whole number of ticks that a job is late.
    jitter: f64,
    circuit_ticks: u64,
    shot_ticks: u64,
    shot_energy: u64,
    job_energy: u64,
}

impl Rules {
    fn profile(&self) -> DeviceProfile {
        let mut profile = profile();
        profile.qubits.count = self.qubits;
        profile.limits = Limits {
            shots_total: self.shots_total,
            shots_per_circuit: self.shots_per_circuit,
            circuits_per_job: self.circuits_per_job,
            shots_per_job: self.shots_per_job,
            shots_per_window: self.window.map(|(shots, _)| shots),
            window_seconds: self.window.map(|(_, ticks)| ticks as f64 * TICK),
            jobs_total: self.jobs_total,
            seconds_total: self.ticks_total.map(|ticks| ticks as f64 * TICK),
            ..Limits::default()
        };
        let seconds = |ticks: u64| ticks as f64 * TICK;
        profile.latency = latency(seconds(self.job_ticks), seconds(self.circuit_ticks), seconds(self.shot_ticks));
        profile.latency.jitter_seconds = self.jitter;
        profile.energy = Energy {
            joules_per_shot: self.shot_energy as f64 * TICK,
            joules_per_job: self.job_energy as f64 * TICK,
            joules_per_byte: 0.0,
        };
        profile
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    Ran,
    Refused,
    NotExact,
    WrongLength,
    Failed,
}

/// The independent account: counts circuit by circuit, in integers that cannot overflow, without jitter.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Naive {
    jobs: u128,
    circuits: u128,
    shots: u128,
    ticks: u128,
    energy: u128,
    refused: u64,
    window_shots: u128,
    window_end: u128,
}

impl Naive {
    fn run(&mut self, rules: &Rules, order: &Order) -> Outcome {
        let circuits = order.points * order.groups;
        let list = match &order.shots {
            Shots::Exact => return Outcome::NotExact,
            Shots::Each(shots) => vec![*shots; circuits],
            Shots::PerCircuit(shots) => shots.clone(),
        };
        if list.len() != circuits {
            return Outcome::WrongLength;
        }
        let limit = |limit: Option<u64>| u128::from(limit.unwrap_or(u64::MAX));
        let window = limit(rules.window.map(|(shots, _)| shots));
        let most_shots = limit(rules.shots_per_job).min(window);
        let mut allowed = order.qubits <= rules.qubits
            && list.iter().all(|&shots| u128::from(shots) <= limit(rules.shots_per_circuit).min(most_shots));
        // Circuits are put into submissions one by one; an empty order is a submission, too.
        let mut parts = vec![Vec::new()];
        for shots in list.iter().map(|&shots| u128::from(shots)) {
            let last = parts.last_mut().expect("never empty");
            let full = last.len() as u128 == limit(rules.circuits_per_job);
            if full || last.iter().sum::<u128>() + shots > most_shots {
                parts.push(vec![shots]);
            } else {
                last.push(shots);
            }
        }
        let mut next = *self;
        for part in parts.iter().take_while(|_| allowed) {
            let shots: u128 = part.iter().sum();
            if let Some((_, length)) = rules.window.map(|(shots, length)| (shots, u128::from(length))) {
                while next.window_end <= next.ticks {
                    next.window_end += length;
                    next.window_shots = 0;
                }
                if next.window_shots + shots > window {
                    next.ticks = next.window_end;
                    next.window_end += length;
                    next.window_shots = 0;
                }
                next.window_shots += shots;
            }
            next.jobs += 1;
            next.circuits += part.len() as u128;
            next.shots += shots;
            next.ticks += u128::from(rules.job_ticks)
                + part.len() as u128 * u128::from(rules.circuit_ticks)
                + shots * u128::from(rules.shot_ticks);
            next.energy += u128::from(rules.job_energy) + shots * u128::from(rules.shot_energy);
        }
        allowed &= next.shots <= u128::from(rules.shots_total.unwrap_or(u64::MAX - 1));
        allowed &= next.jobs <= limit(rules.jobs_total);
        allowed &= rules.ticks_total.is_none_or(|most| next.ticks <= u128::from(most));
        if !allowed {
            self.refused += 1;
            return Outcome::Refused;
        }
        if order.fails {
            return Outcome::Failed;
        }
        *self = next;
        Outcome::Ran
    }
}

struct Bench {
    rules: Rules,
    device: Metered<Counter>,
}

impl Bench {
    fn start(rules: &Rules, ledger: Ledger) -> Self {
        let device = Metered::resume(rules.profile(), Counter::default(), ledger).expect("a valid profile");
        Self { rules: rules.clone(), device }
    }

    fn run(&mut self, order: &Order) -> Outcome {
        let parts = Parts::new(order.qubits, order.points, order.groups);
        let shots = match &order.shots {
            Shots::Exact => JobShots::Exact,
            Shots::Each(shots) => JobShots::Each(*shots),
            Shots::PerCircuit(shots) => JobShots::PerCircuit(shots),
        };
        let job = parts.job(shots);
        let (profile, mut inner, ledger) = self.take();
        inner.fails = order.fails;
        self.device = Metered::resume(profile, inner, ledger).expect("it was valid").with_seed(SEED);
        let left = self.device.remaining();
        let admitted = self.device.admit(&job);
        let price = self.device.price(job.circuit, job.bill());
        let before = ledger.bill.seconds;
        match self.device.run(&job, &mut stream()) {
            Ok(result) => {
                let admitted = admitted.expect("it ran");
                if matches!(order.shots, Shots::Each(_)) {
                    assert_eq!(admitted, price);
                }
                let parts = result.bill.jobs as f64;
                assert_eq!((result.bill.jobs, result.bill.joules), (admitted.jobs, admitted.joules));
                assert!(result.bill.seconds <= admitted.seconds);
                if self.rules.jitter == 0.0 {
                    assert_eq!(result.bill, admitted);
                } else if self.rules.window.is_none() {
                    let least = admitted.seconds - parts * self.rules.jitter;
                    assert!(result.bill.seconds >= least - 1e-12 * admitted.seconds, "{result:?} {admitted:?}");
                }
                assert_eq!(self.device.ledger().bill.seconds, before + result.bill.seconds);
                assert!(left.shots.is_none_or(|left| result.bill.shots <= left));
                Outcome::Ran
            }
            Err(Error::Refused(refusal)) => {
                if let Refusal::ShotBudget { left: stated, .. } = refusal
                    && let Some(left) = left.shots
                {
                    assert_eq!(stated, left);
                }
                Outcome::Refused
            }
            Err(Error::NotExact) => Outcome::NotExact,
            Err(Error::Length { .. }) => Outcome::WrongLength,
            Err(Error::NotFinite { .. }) => Outcome::Failed,
            Err(error) => panic!("{error:?}"),
        }
    }

    fn take(&mut self) -> (Arc<DeviceProfile>, Counter, Ledger) {
        let empty = Self::start(&self.rules, Ledger::default()).device;
        std::mem::replace(&mut self.device, empty).into_parts()
    }

    fn assert_agrees(&self, naive: &Naive) {
        let Ledger { bill, refused_jobs, .. } = self.device.ledger();
        assert_eq!(u128::from(bill.jobs), naive.jobs);
        assert_eq!(u128::from(bill.circuits), naive.circuits);
        assert_eq!(u128::from(bill.shots), naive.shots);
        assert_eq!(refused_jobs, naive.refused);
        for (sum, ticks) in [(bill.seconds, naive.ticks), (bill.joules, naive.energy)] {
            let expected = ticks as f64 * TICK;
            if ticks < 1 << 53 {
                assert_eq!(sum, expected);
            } else {
                // Above 2^53 ticks the additions round: at most 40 jobs of five operations, each to 2^-53 relative.
                assert!((sum - expected).abs() <= 200.0 * f64::EPSILON / 2.0 * expected, "{sum} {expected}");
            }
        }
        assert!(self.rules.shots_total.is_none_or(|most| bill.shots <= most));
        assert!(self.rules.ticks_total.is_none_or(|most| bill.seconds <= most as f64 * TICK));
    }
}

fn save(ledger: &Ledger) -> String {
    toml::to_string(ledger).expect("counts below 2^63")
}

fn load(text: &str) -> Ledger {
    toml::from_str(text).expect("it was written by `save`")
}

fn few() -> impl Strategy<Value = u64> {
    prop_oneof![20 => 0_u64..40, 1 => (0_u32..62).prop_map(|bits| 1 << bits), 1 => Just(u64::MAX), 1 => Just(1 << 63)]
}

fn order() -> impl Strategy<Value = Order> {
    (1_usize..5, 0_usize..5, 1_usize..3, prop::bool::weighted(0.1))
        .prop_flat_map(|(qubits, points, groups, fails)| {
            let circuits = points * groups;
            let length = prop_oneof![9 => Just(circuits), 1 => 0_usize..8];
            let list = length.prop_flat_map(|length| prop::collection::vec(few(), length));
            let shots = prop_oneof![
                1 => Just(Shots::Exact),
                6 => few().prop_map(Shots::Each),
                6 => list.prop_map(Shots::PerCircuit),
            ];
            (Just((qubits, points, groups, fails)), shots)
        })
        .prop_map(|((qubits, points, groups, fails), shots)| Order { qubits, points, groups, shots, fails })
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![8 => order().prop_map(Event::Run), 1 => Just(Event::Save), 1 => Just(Event::Kill)]
}

fn rules() -> impl Strategy<Value = Rules> {
    use proptest::option::of;
    (
        2_usize..6,
        (of(0_u64..1500), of(1_u64..60), of(1_u64..6), of(0_u64..20_000)),
        (of(1_u64..150), of((20_u64..300, 1_u64..3000)), of(0_u64..60)),
        (0_u64..300, 0_u64..50, 0_u64..9, 0_u64..9, 0_u64..300),
    )
        .prop_map(|(qubits, limits, more, prices)| Rules {
            qubits,
            shots_total: limits.0,
            shots_per_circuit: limits.1,
            circuits_per_job: limits.2,
            ticks_total: limits.3,
            shots_per_job: more.0,
            window: more.1,
            jobs_total: more.2,
            jitter: 0.0,
            job_ticks: prices.0,
            circuit_ticks: prices.1,
            shot_ticks: prices.2,
            shot_energy: prices.3,
            job_energy: prices.4,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// After every event the ledger says what the naive counter says, and the wrapped backend has run exactly that.
    #[test]
    fn ledger_agrees_with_a_naive_counter(rules in rules(), orders in prop::collection::vec(order(), 0..40)) {
        let mut bench = Bench::start(&rules, Ledger::default());
        let mut naive = Naive::default();
        for order in &orders {
            prop_assert_eq!(bench.run(order), naive.run(&rules, order));
            bench.assert_agrees(&naive);
            prop_assert_eq!(bench.device.inner().circuits, naive.circuits);
            prop_assert_eq!(bench.device.inner().shots, naive.shots);
        }
    }

    /// However often the process dies, the jobs end with the ledger of a process that never died.
    #[test]
    fn kills_and_resumes_neither_lose_nor_double_count(rules in rules(), events in prop::collection::vec(event(), 0..40)) {
        let orders: Vec<_> = events.iter().filter_map(|event| match event {
            Event::Run(order) => Some(order),
            Event::Save | Event::Kill => None,
        }).collect();
        let mut naive = Naive::default();
        let expected: Vec<_> = orders.iter().map(|order| naive.run(&rules, order)).collect();
        // TOML has no integers above 2^63; a ledger in another format has.
        prop_assume!(naive.shots < 1 << 63);

        let mut bench = Bench::start(&rules, Ledger::default());
        let (mut next, mut saved) = (0, (0, save(&Ledger::default())));
        for event in &events {
            match event {
                Event::Run(_) => {
                    // The order that is due, which after a kill is an earlier one.
                    prop_assert_eq!(bench.run(orders[next]), expected[next]);
                    next += 1;
                }
                Event::Save => saved = (next, save(&bench.device.ledger())),
                Event::Kill => {
                    next = saved.0;
                    bench = Bench::start(&rules, load(&saved.1));
                }
            }
        }
        while next < orders.len() {
            prop_assert_eq!(bench.run(orders[next]), expected[next]);
            next += 1;
        }
        bench.assert_agrees(&naive);
    }

    /// With jitter, whoever dies and resumes has the ledger of who never died, to the last bit, and no limit is passed.
    #[test]
    fn a_resumed_device_is_late_by_the_same_times(
        rules in rules(), jitter in 1e-3..10.0, events in prop::collection::vec(event(), 0..30)
    ) {
        let rules = Rules { jitter, ..rules };
        let orders = events.iter().filter_map(|event| if let Event::Run(order) = event { Some(order) } else { None });
        let (mut steady, mut shaky) = (Bench::start(&rules, Ledger::default()), Bench::start(&rules, Ledger::default()));
        for order in orders {
            let outcome = steady.run(order);
            shaky = Bench::start(&rules, load(&save(&shaky.device.ledger())));
            prop_assert_eq!(shaky.run(order), outcome);
            prop_assume!(steady.device.ledger().bill.shots < 1 << 63);
            prop_assert_eq!(shaky.device.ledger(), steady.device.ledger());
            let spent = steady.device.ledger().bill;
            prop_assert!(rules.shots_total.is_none_or(|most| spent.shots <= most));
            prop_assert!(rules.jobs_total.is_none_or(|most| spent.jobs <= most));
            prop_assert!(rules.ticks_total.is_none_or(|most| spent.seconds <= most as f64 * TICK));
        }
    }

    /// A saved ledger comes back to the last bit.
    #[test]
    fn ledger_round_trip(counts in prop::array::uniform4(0..=i64::MAX as u64), seconds in 0.0..1e28, joules in 0.0..1e28) {
        let [jobs, circuits, shots, refused_jobs] = counts;
        let bill = qgrad::Bill { jobs, circuits, shots, seconds, joules };
        let ledger = Ledger { bill, refused_jobs, window_shots: shots / 3, window_end_seconds: seconds / 3.0 };
        prop_assert_eq!(load(&save(&ledger)), ledger);
    }
}
