//! Lists of fixed length in texts. A tuple or an array takes the first entries of a longer list and drops the rest, so the
//! entries are counted here.

use std::fmt;

use serde::de::{self, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

struct Pair([usize; 2]);
struct PairVisitor;

impl<'de> Visitor<'de> for PairVisitor {
    type Value = Pair;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a pair of qubits")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Pair, A::Error> {
        let mut qubits = [0; 2];
        for (index, qubit) in qubits.iter_mut().enumerate() {
            *qubit = entries.next_element()?.ok_or_else(|| de::Error::invalid_length(index, &self))?;
        }
        let mut length = qubits.len();
        while entries.next_element::<IgnoredAny>()?.is_some() {
            length += 1;
        }
        if length == qubits.len() { Ok(Pair(qubits)) } else { Err(de::Error::invalid_length(length, &self)) }
    }
}

impl<'de> Deserialize<'de> for Pair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(PairVisitor)
    }
}

/// Reads a coupling map.
pub(super) fn optional_pairs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<[usize; 2]>>, D::Error> {
    let pairs = Option::<Vec<Pair>>::deserialize(deserializer)?;
    Ok(pairs.map(|pairs| pairs.into_iter().map(|pair| pair.0).collect()))
}
