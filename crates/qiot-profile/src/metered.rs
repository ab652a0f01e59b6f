//! A backend that keeps a device's limits and its ledger.

use std::sync::Arc;

use qcore::Circuit;
use qgrad::{Backend, Bill, Job, JobResult, JobShots, Refusal};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::native::{Measured, Meters, memory_bytes};
use crate::schedule::{self, Schedule};
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
    /// Shots submitted in the current time window; 0 for a device without windows.
    #[serde(default)]
    pub window_shots: u64,
    /// When the current time window ends on the device's clock, in seconds; 0 before the first one.
    #[serde(default)]
    pub window_end_seconds: f64,
}

impl Ledger {
    /// Adds the bill of a job that ran. Counts saturate instead of wrapping.
    pub(crate) fn charge(&mut self, schedule: &Schedule) {
        let Schedule { bill, window_shots, window_end_seconds } = schedule;
        (self.window_shots, self.window_end_seconds) = (*window_shots, *window_end_seconds);
        let sum = &mut self.bill;
        sum.jobs = sum.jobs.saturating_add(bill.jobs);
        sum.circuits = sum.circuits.saturating_add(bill.circuits);
        sum.shots = sum.shots.saturating_add(bill.shots);
        sum.seconds += bill.seconds;
        sum.joules += bill.joules;
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        for (field, value) in [
            ("seconds", self.bill.seconds),
            ("joules", self.bill.joules),
            ("window_end_seconds", self.window_end_seconds),
        ] {
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
    /// Submissions.
    pub jobs: Option<u64>,
    /// Time on the device's clock, in seconds.
    pub seconds: Option<f64>,
}

/// A device: a backend around another one that enforces a [`DeviceProfile`] and bills by it.
///
/// **Before** anything is spent a job is checked against the profile, in this order: exact values (a device has none), the
/// length of the shot list, the width of the circuit, its parameters, whether it can be written in native gates on coupled
/// pairs, shots per circuit, per job and per window, memory, the shot budget, the budget of submissions, the time budget. The
/// first check that fails ends the call; the wrapped backend does not see the job and no random number is read. Counts are
/// compared as integers, so a budget is never exceeded by one shot; a number of shots that does not fit into 64 bits is refused
/// and not wrapped. Time is compared at the largest jitter, so the clock never passes the budget either.
///
/// **Circuits are charged as the device runs them**: in native gates and routed, as [`transpile`](crate::transpile::transpile)
/// writes them, with the calibrated durations; [`fit`](crate::fit::fit()) says the same of them. That is worked out for each
/// circuit once and kept for the last eight, by all clones of a device together. Memory is that of the classical side: 48 bytes
/// per parameter, 16 per native gate, and the outcomes of one circuit.
///
/// **A job that is larger than a submission** (`circuits_per_job`, `shots_per_job`, `shots_per_window`) is not refused: its
/// circuits go out in their order in several parts, each of which pays the overhead of a job, and [`Bill::jobs`] counts the
/// parts. The wrapped backend sees the job once and as a whole, so that the numbers do not depend on these limits. Only a
/// circuit that alone has more shots than a part can carry is refused.
///
/// **Charging** happens after the wrapped backend has returned a result: if it fails, nothing is charged. The bill of the
/// result is the device's own; that of the wrapped backend is dropped. The ledger is the sum of the bills handed out, bit for
/// bit.
///
/// **Time** is simulated: no call sleeps or reads a clock. The clock stands while no job runs. Where the profile has time
/// windows, a part that does not fit into what is left of the current one waits for the next, and the waiting is part of the
/// job's seconds. What the network adds to a part is uniform between 0 and `jitter_seconds`, from a stream that depends on the
/// device's [seed](Self::with_seed) and the number of the part in its life and on nothing else, so that a resumed device
/// goes on as if it had never stopped. A shot takes as long as [`DeviceProfile::circuit_seconds`] says of the circuit in native
/// gates, or as was [stated](Self::with_circuit_seconds), and readout and reset.
///
/// A device gives no access to a simulator ([`Backend::simulator`] is `None`), nor to the wrapped backend in a way that could
/// run a circuit past the meter.
#[derive(Clone, Debug)]
pub struct Metered<B> {
    profile: Arc<DeviceProfile>,
    inner: B,
    ledger: Ledger,
    seed: u64,
    circuit_seconds: Option<f64>,
    meters: Meters,
}

impl<B> Metered<B> {
    /// A device on which nothing has run.
    ///
    /// # Errors
    ///
    /// What [`DeviceProfile::check`] finds.
    pub fn new(profile: impl Into<Arc<DeviceProfile>>, inner: B) -> Result<Self, Error> {
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
    pub fn resume(profile: impl Into<Arc<DeviceProfile>>, inner: B, ledger: Ledger) -> Result<Self, Error> {
        let profile = profile.into();
        profile.check()?;
        ledger.check()?;
        Ok(Self::checked(profile, inner, ledger, Meters::default()))
    }

    /// As [`resume`](Self::resume) for a profile and a ledger that have been checked, with what is known of circuits.
    pub(crate) fn checked(profile: Arc<DeviceProfile>, inner: B, ledger: Ledger, meters: Meters) -> Self {
        Self { profile, inner, ledger, seed: 0, circuit_seconds: None, meters }
    }

    /// The same device with another seed of the network's jitter; 0 without this call. Like the profile it is not part of the
    /// ledger: a resumed device needs it again.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The same device, told how long the gates of every circuit take that will run on it, as another transpiler found out:
    /// circuits are then not written in native gates here, nor refused for them. In seconds.
    ///
    /// # Errors
    ///
    /// [`Error::CircuitSeconds`] if it is negative, not finite or more than 1e9.
    pub fn with_circuit_seconds(self, seconds: f64) -> Result<Self, Error> {
        if !(0.0..=1e9).contains(&seconds) {
            return Err(Error::CircuitSeconds { value: seconds });
        }
        Ok(Self { circuit_seconds: Some(seconds), ..self })
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
    pub fn into_parts(self) -> (Arc<DeviceProfile>, B, Ledger) {
        (self.profile, self.inner, self.ledger)
    }

    /// What is left of the budgets.
    #[must_use]
    pub fn remaining(&self) -> Remaining {
        let limits = &self.profile.limits;
        Remaining {
            shots: limits.shots_total.map(|total| total.saturating_sub(self.ledger.bill.shots)),
            jobs: limits.jobs_total.map(|total| total.saturating_sub(self.ledger.bill.jobs)),
            seconds: limits.seconds_total.map(|total| (total - self.ledger.bill.seconds).max(0.0)),
        }
    }

    /// Checks a job without running it, and returns the most that it will cost: its bill with the largest jitter.
    ///
    /// # Errors
    ///
    /// Those with which [`Backend::run`] would end before the wrapped backend sees the job: [`qgrad::Error::NotExact`],
    /// [`qgrad::Error::Length`] for a shot list of the wrong length, [`qgrad::Error::Refused`].
    pub fn admit(&self, job: &Job<'_>) -> Result<Bill, qgrad::Error> {
        self.plan(job).map(|(most, _)| most)
    }

    /// The most that a job will cost, and how it will run.
    fn plan(&self, job: &Job<'_>) -> Result<(Bill, Schedule), qgrad::Error> {
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
        let parameters = job.program.num_parameters() as u64;
        if let Some(allowed) = limits.parameters.filter(|&allowed| parameters > allowed) {
            return Err(Refusal::Parameters { needed: parameters, allowed }.into());
        }
        let measured = self.measured(job.circuit)?;
        // An empty job repeats no circuit, however often it would.
        let needed = if circuits == 0 { 0 } else { job.max_shots_per_circuit() };
        let too_few = |limit: Option<u64>| limit.filter(|&allowed| needed > allowed);
        if let Some(allowed) = too_few(limits.shots_per_circuit) {
            return Err(Refusal::ShotsPerCircuit { needed, allowed }.into());
        }
        if let Some(allowed) = too_few(limits.shots_per_job) {
            return Err(Refusal::ShotsPerJob { needed, allowed }.into());
        }
        if let Some(allowed) = too_few(limits.shots_per_window) {
            return Err(Refusal::ShotsPerWindow { needed, allowed }.into());
        }
        let bytes = memory_bytes(parameters, measured.gates, needed, qubits);
        if let Some(allowed) = limits.memory_bytes.filter(|&allowed| bytes > allowed) {
            return Err(Refusal::Memory { needed: bytes, allowed }.into());
        }
        let spent = &self.ledger.bill;
        let total = limits.shots_total.map_or(COUNTABLE_SHOTS, |total| total.min(COUNTABLE_SHOTS));
        let left = total.saturating_sub(spent.shots);
        let shots = job.shots();
        if shots > left {
            return Err(Refusal::ShotBudget { needed: shots, left }.into());
        }
        let parts = schedule::parts(&self.profile, circuits, job.shots);
        let shot_seconds = self.profile.shot_seconds(measured.gate_seconds);
        let lay_out = |late: &dyn Fn(u64) -> f64| {
            schedule::schedule(&self.profile, &self.ledger, shot_seconds, parts.iter().copied(), late)
        };
        let mut run = lay_out(&|_| 1.0);
        let most = run.bill;
        if let Some(total) = limits.jobs_total
            && most.jobs > total.saturating_sub(spent.jobs)
        {
            return Err(Refusal::JobBudget { needed: most.jobs, left: total.saturating_sub(spent.jobs) }.into());
        }
        if let Some(total) = limits.seconds_total
            && spent.seconds + most.seconds > total
        {
            let left = (total - spent.seconds).max(0.0);
            return Err(Refusal::TimeBudget { needed: most.seconds, left }.into());
        }
        if self.profile.latency.jitter_seconds > 0.0 {
            run = lay_out(&|number| self.delay(number));
            // An earlier part never makes a later one begin later; what is left is rounding.
            run.bill.seconds = run.bill.seconds.min(most.seconds);
        }
        Ok((most, run))
    }

    /// As [`Backend::price`] for a job that begins when the clock of `ledger` stands, to which its price is then added: the prices
    /// of jobs that follow each other, of which a later one may wait for a time window that earlier ones have filled. An actual
    /// job that is late by less begins no later job later, so the sum of such prices is a bound as each of them is.
    pub fn price_in_turn(&self, circuit: &Circuit, job: Bill, ledger: &mut Ledger) -> Bill {
        let most = schedule::at_most(&self.profile, ledger, self.gate_seconds(circuit), job);
        ledger.charge(&most);
        most.bill
    }

    /// Gates of a circuit, in seconds; of one that the device cannot run what the profile says.
    fn gate_seconds(&self, circuit: &Circuit) -> f64 {
        self.measured(circuit).map_or(self.profile.latency.circuit_seconds, |known| known.gate_seconds)
    }

    /// A circuit as the device runs it.
    fn measured(&self, circuit: &Circuit) -> Result<Measured, qgrad::Error> {
        match self.circuit_seconds {
            Some(seconds) => Ok(Measured::as_written(circuit, seconds)),
            None => self.meters.measured(&self.profile, circuit),
        }
    }

    /// What the network adds to a submission, as a share of the jitter, by its number in the life of the device.
    fn delay(&self, number: u64) -> f64 {
        let mut stream = ChaCha8Rng::seed_from_u64(self.seed);
        stream.set_stream(number);
        stream.random()
    }

    fn run_admitted(&mut self, job: &Job<'_>, rng: &mut dyn Rng) -> Result<JobResult, qgrad::Error>
    where
        B: Backend,
    {
        let (_, schedule) = self.plan(job)?;
        let result = self.inner.run(job, rng)?;
        self.ledger.charge(&schedule);
        Ok(JobResult { bill: schedule.bill, ..result })
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

    /// The most that a job costs if it begins now, whether or not it would be taken: with the largest jitter, and waiting for
    /// time windows included. One job has equally many shots for each circuit; several of them, of equally many circuits, divide
    /// their shots in any way.
    ///
    /// The gates of a circuit that the device cannot run are taken as long as the profile's `circuit_seconds`.
    fn price(&self, circuit: &Circuit, job: Bill) -> Bill {
        schedule::price(&self.profile, &self.ledger, self.gate_seconds(circuit), job)
    }

    fn has_independent_shots(&self) -> bool {
        self.inner.has_independent_shots()
    }
}
