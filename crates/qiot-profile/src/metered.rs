//! A backend that keeps a device's limits and its ledger.

use qgrad::{Backend, Bill, Job, JobResult, JobShots, Refusal};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::{DeviceProfile, Error};

/// The most shots that a ledger counts where the profile sets no budget.
///
/// Sums of shots saturate at `u64::MAX`, so a sum that does not fit into 64 bits is above every budget.
const COUNTABLE_SHOTS: u64 = u64::MAX - 1;

/// What a device has been charged with so far.
///
/// With the profile it is the whole state of a [`Metered`] backend besides the wrapped one: saved with a run and given to
/// [`Metered::resume`], it continues without losing or double counting a shot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// The sum of the bills of all jobs that ran, added in the order in which they ran; `seconds` is the device's clock.
    pub bill: Bill,
    /// Jobs that were refused. They cost nothing.
    pub refused_jobs: u64,
}

impl Ledger {
    /// Adds the bill of a job that ran. Counts saturate instead of wrapping.
    fn charge(&mut self, bill: &Bill) {
        let sum = &mut self.bill;
        sum.jobs = sum.jobs.saturating_add(bill.jobs);
        sum.circuits = sum.circuits.saturating_add(bill.circuits);
        sum.shots = sum.shots.saturating_add(bill.shots);
        sum.seconds += bill.seconds;
        sum.joules += bill.joules;
    }

    fn check(&self) -> Result<(), Error> {
        for (field, value) in [("seconds", self.bill.seconds), ("joules", self.bill.joules)] {
            // A comparison with NaN is false, so NaN is refused too.
            if !(0.0..f64::INFINITY).contains(&value) {
                return Err(Error::Ledger { field, value });
            }
        }
        Ok(())
    }
}

/// What is left of a device's budgets; `None` where the profile sets none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Remaining {
    /// Shots.
    pub shots: Option<u64>,
    /// Time on the device's clock, in seconds.
    pub seconds: Option<f64>,
}

/// A device: a backend around another one that enforces a [`DeviceProfile`] and bills by it.
///
/// **Before** anything is spent a job is checked against the profile, in this order: exact values (a device has none), the
/// length of the shot list, the width of the circuit, shots per circuit, the shot budget, the time budget. The first check
/// that fails ends the call; the wrapped backend does not see the job and no random number is read. Shots are compared as
/// integers, so a budget is never exceeded by one shot; a number of shots that does not fit into 64 bits is refused and not
/// wrapped.
///
/// **A job that is larger than a submission** (`circuits_per_job`) is not refused: it goes out in
/// [`DeviceProfile::submissions`] parts, each of which pays the overhead of a job, and [`Bill::jobs`] counts the parts. The
/// wrapped backend sees the job once and as a whole, so that the numbers do not depend on this limit. For the same reason
/// No job is too large for it.
///
/// **Charging** happens after the wrapped backend has returned a result: if it fails, nothing is charged. The bill of the
/// result is the device's own ([`DeviceProfile::price`]); that of the wrapped backend is dropped. The ledger is the sum of the
/// bills handed out, bit for bit.
///
/// **Time** is simulated: no call sleeps or reads a clock. The clock stands while no job runs.
///
/// A device gives no access to a simulator ([`Backend::simulator`] is `None`), nor to the wrapped backend in a way that could
/// run a circuit past the meter.
#[derive(Clone, Debug)]
pub struct Metered<B> {
    profile: DeviceProfile,
    inner: B,
    ledger: Ledger,
}

impl<B> Metered<B> {
    /// A device on which nothing has run.
    ///
    /// # Errors
    ///
    /// What [`DeviceProfile::check`] finds.
    pub fn new(profile: DeviceProfile, inner: B) -> Result<Self, Error> {
        Self::resume(profile, inner, Ledger::default())
    }

    /// A device that goes on from a saved ledger.
    ///
    /// What was spent stays spent, also under a profile with other prices or limits; with smaller budgets nothing may be left.
    ///
    /// # Errors
    ///
    /// What [`DeviceProfile::check`] finds; [`Error::Ledger`] if the seconds or joules of the ledger are negative or not
    /// finite.
    pub fn resume(profile: DeviceProfile, inner: B, ledger: Ledger) -> Result<Self, Error> {
        profile.check()?;
        ledger.check()?;
        Ok(Self { profile, inner, ledger })
    }

    /// The profile.
    #[must_use]
    pub fn profile(&self) -> &DeviceProfile {
        &self.profile
    }

    /// What has been spent.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.ledger
    }

    /// The wrapped backend, to look at.
    #[must_use]
    pub fn inner(&self) -> &B {
        &self.inner
    }

    /// Takes the device apart into profile, wrapped backend and ledger.
    #[must_use]
    pub fn into_parts(self) -> (DeviceProfile, B, Ledger) {
        (self.profile, self.inner, self.ledger)
    }

    /// What is left of the budgets.
    #[must_use]
    pub fn remaining(&self) -> Remaining {
        let limits = &self.profile.limits;
        Remaining {
            shots: limits.shots_total.map(|total| total.saturating_sub(self.ledger.bill.shots)),
            seconds: limits.seconds_total.map(|total| (total - self.ledger.bill.seconds).max(0.0)),
        }
    }

    /// Checks a job without running it, and returns its bill.
    ///
    /// # Errors
    ///
    /// Those with which [`Backend::run`] would end before the wrapped backend sees the job: [`qgrad::Error::NotExact`],
    /// [`qgrad::Error::Length`] for a shot list of the wrong length, [`qgrad::Error::Refused`].
    pub fn admit(&self, job: &Job<'_>) -> Result<Bill, qgrad::Error> {
        let circuits = job.circuits();
        match job.shots {
            JobShots::Exact => return Err(qgrad::Error::NotExact),
            JobShots::Each(_) => {}
            // A short list would run circuits that nobody has paid for.
            JobShots::PerCircuit(shots) if shots.len() as u64 == circuits => {}
            JobShots::PerCircuit(shots) => {
                return Err(qgrad::Error::Length {
                    what: "shots per circuit",
                    got: shots.len(),
                    expected: usize::try_from(circuits).unwrap_or(usize::MAX),
                });
            }
        }
        let limits = &self.profile.limits;
        let qubits = job.program.num_qubits();
        if qubits > self.profile.qubits.count {
            return Err(Refusal::Qubits { needed: qubits, allowed: self.profile.qubits.count }.into());
        }
        // An empty job repeats no circuit, however often it would.
        let largest = if circuits == 0 { 0 } else { job.max_shots_per_circuit() };
        if let Some(allowed) = limits.shots_per_circuit
            && largest > allowed
        {
            return Err(Refusal::ShotsPerCircuit { needed: largest, allowed }.into());
        }
        let spent = &self.ledger.bill;
        let total = limits.shots_total.map_or(COUNTABLE_SHOTS, |total| total.min(COUNTABLE_SHOTS));
        let left = total.saturating_sub(spent.shots);
        let shots = job.shots();
        if shots > left {
            return Err(Refusal::ShotBudget { needed: shots, left }.into());
        }
        let bill = self.profile.price(circuits, shots);
        if let Some(total) = limits.seconds_total
            && spent.seconds + bill.seconds > total
        {
            let left = (total - spent.seconds).max(0.0);
            return Err(Refusal::TimeBudget { needed: bill.seconds, left }.into());
        }
        Ok(bill)
    }

    fn run_admitted(&mut self, job: &Job<'_>, rng: &mut dyn Rng) -> Result<JobResult, qgrad::Error>
    where
        B: Backend,
    {
        let bill = self.admit(job)?;
        let result = self.inner.run(job, rng)?;
        self.ledger.charge(&bill);
        Ok(JobResult { bill, ..result })
    }
}

impl<B: Backend> Backend for Metered<B> {
    /// Runs a job if the device takes it, and charges it; see [`Metered`].
    ///
    /// # Errors
    ///
    /// Those of [`Metered::admit`], then those of the wrapped backend. In every case nothing is charged; refusals are counted
    /// in [`Ledger::refused_jobs`].
    fn run(&mut self, job: &Job<'_>, rng: &mut dyn Rng) -> Result<JobResult, qgrad::Error> {
        let result = self.run_admitted(job, rng);
        if let Err(qgrad::Error::Refused(_)) = result {
            self.ledger.refused_jobs = self.ledger.refused_jobs.saturating_add(1);
        }
        result
    }

    /// [`DeviceProfile::price`] of one job with the circuits and shots of `job`, whether or not it would be taken.
    fn price(&self, job: Bill) -> Bill {
        self.profile.price(job.circuits, job.shots)
    }
}
