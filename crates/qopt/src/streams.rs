//! Random number streams, keyed by (seed, task, step, role) and never continued.
//!
//! No generator is kept: whoever needs random numbers in a step asks for the stream of that step and role and drops it
//! afterwards. Two runs that share seed and task therefore see the same triggers, minibatches and shot noise in step k
//! whatever happened before, and a run that is resumed at step k needs nothing but k.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// First four bytes of the last quarter of every key; tells these streams from any other use of the same seed.
const DOMAIN: [u8; 4] = *b"qopt";

/// Steps are numbered below 2^55; a run of one step per nanosecond needs a year to get there.
const STEP_BITS: u32 = 55;

/// What a stream is for. Streams of different roles are independent.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The starting point.
    Start,
    /// Which data a step sees; the same for all queries of the step.
    Data,
    /// Measurement noise; another stream for each query of a step.
    Shots,
    /// Whether a random trigger fires.
    Trigger,
    /// Random directions.
    Direction,
    /// New starting points in the middle of a run.
    Restart,
    /// Evaluations outside the iterations; another stream for each query of a step.
    Evaluation,
    /// The split into training and test data.
    Split,
    /// A role of the user's own.
    User(u8),
}

impl Role {
    /// Nine bits; the numbers are part of the promise of equal bytes and never change.
    fn code(self) -> u64 {
        match self {
            Self::Start => 0,
            Self::Data => 1,
            Self::Shots => 2,
            Self::Trigger => 3,
            Self::Direction => 4,
            Self::Restart => 5,
            Self::Evaluation => 6,
            Self::Split => 7,
            Self::User(number) => 256 + u64::from(number),
        }
    }

    fn depends_on_query(self) -> bool {
        matches!(self, Self::Shots | Self::Evaluation)
    }
}

/// The streams of one task of one experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Streams {
    seed: u64,
    task: u128,
}

impl Streams {
    /// The streams of `task` under the root seed `seed`.
    pub const fn new(seed: u64, task: u128) -> Self {
        Self { seed, task }
    }

    /// The streams of one step.
    pub const fn at(&self, step: u64) -> StepStreams {
        StepStreams { streams: *self, step, query: 0 }
    }
}

/// The streams of one step, and of one query in that step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepStreams {
    streams: Streams,
    step: u64,
    query: u32,
}

impl StepStreams {
    /// The step, counted from 0.
    pub const fn step(&self) -> u64 {
        self.step
    }

    /// The query within the step, counted from 0.
    pub const fn query(&self) -> u32 {
        self.query
    }

    /// The streams of the query with number `query` of this step. Only [`Role::Shots`] and [`Role::Evaluation`] depend
    /// on it.
    #[must_use]
    pub const fn with_query(self, query: u32) -> Self {
        Self { query, ..self }
    }

    /// The stream of `role`, from its beginning: two calls return equal generators.
    ///
    /// ChaCha with 8 rounds. Key: seed (8 bytes), task (16), the bytes `qopt` (4) and the query number (4, zero for
    /// roles that do not depend on it), all little-endian. Stream number: the step in the upper 55 bits, the role in
    /// the lower 9. No two (seed, task, step, role, query) with a step below 2^55 share a stream, and no stream repeats
    /// within 2^64 blocks of 64 bytes.
    pub fn rng(&self, role: Role) -> ChaCha8Rng {
        let query = if role.depends_on_query() { self.query } else { 0 };
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.streams.seed.to_le_bytes());
        key[8..24].copy_from_slice(&self.streams.task.to_le_bytes());
        key[24..28].copy_from_slice(&DOMAIN);
        key[28..].copy_from_slice(&query.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream((self.step << (64 - STEP_BITS)) | role.code());
        rng
    }
}

/// The step number under which [`reevaluate`](crate::reevaluate) draws: no iteration ever has it.
pub(crate) const EVALUATION_STEP: u64 = (1 << STEP_BITS) - 1;

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    fn words(streams: StepStreams, role: Role) -> [u32; 8] {
        let mut rng = streams.rng(role);
        std::array::from_fn(|_| rng.next_u32())
    }

    /// The first words of four streams by another implementation of ChaCha8, written from D. J. Bernstein's description
    /// (64-bit counter, 64-bit stream number) and checked on the known first word of ChaCha20 with the zero key.
    #[test]
    fn known_answers() {
        let first = Streams::new(1, 0);
        let second = Streams::new(0xDEAD_BEEF_1234_5678, (5 << 100) + 9);
        let cases = [
            (
                words(first.at(0), Role::Data),
                [
                    0xfc23_3f9c,
                    0xa454_087e,
                    0xadd6_84e3,
                    0x5b60_11ec,
                    0xaaad_ff21,
                    0x969f_6040,
                    0x472c_efad,
                    0x02e0_0ce5,
                ],
            ),
            (
                words(first.at(7).with_query(3), Role::Shots),
                [
                    0x9930_c6a9,
                    0x8c81_6930,
                    0x41cf_0051,
                    0x3d0d_4c27,
                    0x3e9f_1618,
                    0x2b7e_e291,
                    0xadb0_2537,
                    0x9941_e487,
                ],
            ),
            (
                words(second.at(0), Role::Data),
                [
                    0xaf7b_8dfe,
                    0x1814_3ab1,
                    0x79c7_868d,
                    0xb43f_993c,
                    0x0bd4_e151,
                    0x2e87_de28,
                    0xc12f_c494,
                    0xada0_f7c7,
                ],
            ),
            (
                words(second.at(EVALUATION_STEP), Role::User(200)),
                [
                    0x9f93_7ab3,
                    0x7381_5044,
                    0x4a5f_7bb1,
                    0xd144_235f,
                    0xe29c_a410,
                    0xaed0_4097,
                    0x9c79_9335,
                    0x02ef_24e3,
                ],
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn only_shots_and_evaluations_depend_on_the_query() {
        use Role::{Data, Direction, Evaluation, Restart, Shots, Split, Start, Trigger, User};
        let step = Streams::new(3, 4).at(5);
        for role in [Start, Data, Trigger, Direction, Restart, Split, User(0), User(255)] {
            assert_eq!(words(step, role), words(step.with_query(1), role), "{role:?}");
        }
        for role in [Shots, Evaluation] {
            assert_ne!(words(step, role), words(step.with_query(1), role), "{role:?}");
        }
    }

    #[test]
    fn seed_task_step_and_role_each_make_another_stream() {
        let mut seen = std::collections::HashSet::new();
        for seed in [0, 1, u64::MAX] {
            for task in [0, 1, 1 << 64, u128::MAX] {
                for step in [0, 1, 2, 1 << 32, EVALUATION_STEP] {
                    for role in [Role::Start, Role::Data, Role::Shots, Role::Split, Role::User(0), Role::User(1)] {
                        assert!(seen.insert(words(Streams::new(seed, task).at(step), role)));
                    }
                }
            }
        }
    }
}
