//! Fleets: who takes part, what becomes of answers, and ledgers that go on.

use std::sync::Arc;

use qgrad::{Backend, Bill, JobShots};
use qiot_profile::fleet::{Attendance, Fate, Fleet, Participation};
use qiot_profile::{DeviceProfile, Error, Ledger};

mod common;
use common::{Counter, Parts, profile, stream};

fn fleet(devices: usize, habits: Participation) -> Fleet {
    let mut profile = profile();
    profile.latency.jitter_seconds = 1.0;
    profile.limits.shots_total = Some(100);
    let profile = Arc::new(profile);
    Fleet::new(vec![profile; devices], habits, 5).expect("valid")
}

/// Frequencies within 5 standard errors of a binomial, and independence of rounds and devices.
#[test]
fn attendance_has_the_stated_probabilities() {
    let habits = Participation { absent: 0.3, lost: 0.1, deadline_seconds: None };
    let fleet = fleet(1000, habits);
    let drawn: Vec<Attendance> = (0..20)
        .flat_map(|round| (0..1000).map(move |device| (round, device)))
        .map(|(r, d)| fleet.attendance(r, d))
        .collect();
    let n = drawn.len() as f64;
    for (kind, p) in [(Attendance::Absent, 0.3), (Attendance::Lost, 0.07), (Attendance::Present, 0.63)] {
        let share = drawn.iter().filter(|&&attendance| attendance == kind).count() as f64 / n;
        assert!((share - p).abs() < 5.0 * (p * (1.0 - p) / n).sqrt(), "{kind:?}: {share}");
    }
    // Absent in two rounds in a row, or two neighbours at once: 0.09.
    for step in [1, 1000] {
        let both = |pair: (&Attendance, &Attendance)| pair == (&Attendance::Absent, &Attendance::Absent);
        let share = drawn.iter().zip(&drawn[step..]).filter(|&pair| both(pair)).count() as f64 / n;
        assert!((share - 0.09).abs() < 6.0 * (0.09 * 0.91 / n).sqrt(), "{step}: {share}");
    }
}

/// Works as a caller would, in the order that is given.
fn round(fleet: &mut Fleet, number: u64, order: impl Iterator<Item = usize>) -> Vec<(usize, Fate, f64)> {
    let parts = Parts::new(2, 2, 1);
    let mut results: Vec<_> = order
        .map(|device| {
            let attendance = fleet.attendance(number, device);
            if attendance == Attendance::Absent {
                return (device, attendance, true, fleet.ledgers()[device]);
            }
            let mut metered = fleet.device(device, Counter::default());
            let worked = metered.run(&parts.job(JobShots::Each(20)), &mut stream()).is_ok();
            (device, attendance, worked, metered.ledger())
        })
        .collect();
    results.sort_by_key(|result| result.0);
    results
        .into_iter()
        .map(|(device, attendance, worked, ledger)| {
            let before = fleet.ledgers()[device].bill.seconds;
            (device, fleet.settle(device, ledger, attendance, worked), ledger.bill.seconds - before)
        })
        .collect()
}

#[test]
fn fates_follow_attendance_deadline_and_budget() {
    // A job takes 0.5 s, two circuits 0.5 s, 40 shots 0.04 s, and the network up to 1 s.
    let habits = Participation { absent: 0.2, lost: 0.2, deadline_seconds: Some(1.6) };
    let mut fleet = fleet(200, habits);
    for number in 0..3 {
        let before = fleet.ledgers().to_vec();
        let results = round(&mut fleet, number, 0..200);
        for &(device, fate, seconds) in &results {
            let expected = match fleet.attendance(number, device) {
                Attendance::Absent => Fate::Absent,
                _ if before[device].bill.shots > 60 => Fate::Refused,
                Attendance::Lost => Fate::Lost,
                Attendance::Present if seconds > 1.6 => Fate::Late,
                Attendance::Present => Fate::Answered,
            };
            assert_eq!(fate, expected);
            let spent = fleet.ledgers()[device].bill.shots - before[device].bill.shots;
            assert_eq!(spent, if matches!(fate, Fate::Absent | Fate::Refused) { 0 } else { 40 });
        }
        let seconds = fleet.round_seconds(results.iter().map(|&(_, fate, seconds)| (fate, seconds)));
        assert_eq!(seconds, 1.6, "somebody is late or lost");
        for fate in [Fate::Absent, Fate::Lost, Fate::Late, Fate::Answered] {
            assert!(results.iter().any(|result| result.1 == fate), "{fate:?} occurs");
        }
    }
    assert_eq!(fleet.spent().shots, fleet.ledgers().iter().map(|ledger| ledger.bill.shots).sum::<u64>());
    assert!(fleet.ledgers().iter().any(|ledger| ledger.refused_jobs > 0), "two rounds of three use the budget up");
    assert_eq!(fleet.round_seconds([(Fate::Answered, 0.5), (Fate::Absent, 9.0), (Fate::Answered, 1.25)]), 1.25);
    let patient = self::fleet(1, Participation::FULL);
    assert_eq!(patient.round_seconds([(Fate::Answered, 0.5), (Fate::Lost, 2.5)]), 2.5);
}

/// The order of work, and ledgers saved and loaded in between, make no difference to any bit.
#[test]
fn a_fleet_depends_on_nothing_but_its_ledgers() {
    let habits = Participation { absent: 0.1, lost: 0.1, deadline_seconds: Some(1.5) };
    let (mut steady, mut shaky) = (fleet(50, habits), fleet(50, habits));
    for number in 0..4 {
        let expected = round(&mut steady, number, 0..50);
        let text: Vec<String> = shaky.ledgers().iter().map(|ledger| toml::to_string(ledger).expect("small")).collect();
        let ledgers: Vec<Ledger> = text.iter().map(|text| toml::from_str(text).expect("just written")).collect();
        shaky = Fleet::resume(shaky.profiles().to_vec(), &ledgers, habits, 5).expect("valid");
        assert_eq!(round(&mut shaky, number, (0..50).rev()), expected);
    }
    assert_eq!(steady.ledgers(), shaky.ledgers());
    // Devices of one fleet are not late by the same times.
    let seconds = |device: usize| steady.ledgers()[device].bill.seconds;
    assert!((1..50).any(|device| seconds(device).to_bits() != seconds(0).to_bits()));
}

#[test]
fn fleets_that_cannot_be_are_refused() {
    let node = Arc::new(DeviceProfile::shipped("sensor-node").expect("shipped"));
    for (absent, lost, deadline_seconds, wrong) in [
        (1.1, 0.0, None, "absent"),
        (f64::NAN, 0.0, None, "absent"),
        (0.0, -0.1, None, "lost"),
        (0.0, 0.0, Some(0.0), "deadline_seconds"),
        (0.0, 0.0, Some(f64::INFINITY), "deadline_seconds"),
    ] {
        let habits = Participation { absent, lost, deadline_seconds };
        let error = Fleet::new(vec![node.clone()], habits, 1).expect_err("impossible");
        assert!(matches!(error, Error::Participation { field, .. } if field == wrong), "{error}");
    }
    let error = Fleet::resume(vec![node.clone()], &[], Participation::FULL, 1).expect_err("no ledger");
    assert_eq!(error, Error::FleetLedgers { got: 0, devices: 1 });
    let broken = Ledger { bill: Bill { seconds: -1.0, ..Bill::ZERO }, ..Ledger::default() };
    assert!(matches!(
        Fleet::resume(vec![node], &[broken], Participation::FULL, 1),
        Err(Error::Ledger { field: "seconds", .. })
    ));
}
