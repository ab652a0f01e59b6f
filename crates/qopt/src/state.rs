//! Explicit state: named arrays of numbers, and children by name.

use std::collections::BTreeMap;

use crate::{Estimate, StateError};

/// The state of a rule or a method between two queries: named flat arrays of `f64` and `u64`, and nested states.
///
/// Two states are equal if they hold the same bits, so that a NaN equals itself and 0 differs from -0. With the feature
/// `serde` the floating point numbers are written as the `u64` of their bits: what is read back is the same to the last
/// bit, infinities and NaN too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct State {
    kind: String,
    /// Bits of the floating point arrays.
    floats: BTreeMap<String, Vec<u64>>,
    counts: BTreeMap<String, Vec<u64>>,
    children: BTreeMap<String, State>,
}

impl State {
    /// An empty state of something called `kind`.
    pub fn new(kind: &str) -> Self {
        Self { kind: kind.to_owned(), ..Self::default() }
    }

    /// The name of the rule or method that the state belongs to; empty for the default state.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.floats.is_empty() && self.counts.is_empty() && self.children.is_empty()
    }

    /// How many numbers are in it, those of the states inside it included.
    pub fn numbers(&self) -> usize {
        let own: usize = self.floats.values().chain(self.counts.values()).map(Vec::len).sum();
        own + self.children.values().map(Self::numbers).sum::<usize>()
    }

    /// The same state with an array of floating point numbers.
    #[must_use]
    pub fn with_floats(mut self, name: &str, values: &[f64]) -> Self {
        let bits = values.iter().map(|value| value.to_bits()).collect();
        self.floats.insert(name.to_owned(), bits);
        self
    }

    /// The same state with an array of whole numbers.
    #[must_use]
    pub fn with_counts(mut self, name: &str, values: &[u64]) -> Self {
        self.counts.insert(name.to_owned(), values.to_vec());
        self
    }

    /// The same state with a state inside it.
    #[must_use]
    pub fn with_child(mut self, name: &str, child: State) -> Self {
        self.children.insert(name.to_owned(), child);
        self
    }

    /// The array of floating point numbers called `name`.
    ///
    /// # Errors
    /// [`StateError::Missing`].
    pub fn floats(&self, name: &str) -> Result<Vec<f64>, StateError> {
        let bits = self.floats.get(name).ok_or_else(|| missing(name))?;
        Ok(bits.iter().copied().map(f64::from_bits).collect())
    }

    /// The array of floating point numbers called `name`, if it has `length` of them.
    ///
    /// # Errors
    /// [`StateError::Missing`], [`StateError::Length`].
    pub fn floats_of(&self, name: &str, length: usize) -> Result<Vec<f64>, StateError> {
        let values = self.floats(name)?;
        check_length(name, length, values.len())?;
        Ok(values)
    }

    /// As [`floats_of`](Self::floats_of), for numbers that are always finite.
    pub(crate) fn finite_floats(&self, name: &str, length: usize) -> Result<Vec<f64>, StateError> {
        let values = self.floats_of(name, length)?;
        if values.iter().all(|value| value.is_finite()) {
            Ok(values)
        } else {
            Err(StateError::Value { name: name.to_owned() })
        }
    }

    pub(crate) fn has_floats(&self, name: &str) -> bool {
        self.floats.contains_key(name)
    }

    pub(crate) fn has_counts(&self, name: &str) -> bool {
        self.counts.contains_key(name)
    }

    /// The array of whole numbers called `name`, if it has `N` of them.
    ///
    /// # Errors
    /// [`StateError::Missing`], [`StateError::Length`].
    pub fn counts<const N: usize>(&self, name: &str) -> Result<[u64; N], StateError> {
        let values = self.counts.get(name).ok_or_else(|| missing(name))?;
        values.as_slice().try_into().map_err(|_| StateError::Length {
            name: name.to_owned(),
            expected: N,
            found: values.len(),
        })
    }

    /// The array of whole numbers called `name`, if it has `length` of them.
    ///
    /// # Errors
    /// [`StateError::Missing`], [`StateError::Length`].
    pub fn counts_of(&self, name: &str, length: usize) -> Result<Vec<u64>, StateError> {
        let values = self.counts.get(name).ok_or_else(|| missing(name))?;
        check_length(name, length, values.len())?;
        Ok(values.clone())
    }

    /// The state called `name` inside this one.
    ///
    /// # Errors
    /// [`StateError::Missing`].
    pub fn child(&self, name: &str) -> Result<&State, StateError> {
        self.children.get(name).ok_or_else(|| missing(name))
    }

    /// Checks that the state is of `kind` and has no entries but those named.
    ///
    /// # Errors
    /// [`StateError::Kind`], [`StateError::Unexpected`].
    pub fn expect(&self, kind: &str, names: &[&str]) -> Result<(), StateError> {
        if self.kind != kind {
            return Err(StateError::Kind { expected: kind.to_owned(), found: self.kind.clone() });
        }
        let unknown = self
            .floats
            .keys()
            .chain(self.counts.keys())
            .chain(self.children.keys())
            .find(|name| !names.contains(&name.as_str()));
        match unknown {
            None => Ok(()),
            Some(name) => Err(StateError::Unexpected { name: name.clone() }),
        }
    }
}

/// The estimate called `name`, stored as its two numbers; none if there is no such entry.
pub(crate) fn finite_estimate(state: &State, name: &str) -> Result<Option<Estimate>, StateError> {
    if !state.has_floats(name) {
        return Ok(None);
    }
    let numbers = state.finite_floats(name, 2)?;
    Ok(Some(Estimate { value: numbers[0], std_error: numbers[1] }))
}

pub(crate) fn check_length(name: &str, expected: usize, found: usize) -> Result<(), StateError> {
    if expected == found { Ok(()) } else { Err(StateError::Length { name: name.to_owned(), expected, found }) }
}

fn missing(name: &str) -> StateError {
    StateError::Missing { name: name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> State {
        State::new("sample")
            .with_floats("x", &[f64::NAN, -0.0, f64::NEG_INFINITY, 5e-324])
            .with_counts("n", &[u64::MAX, 1])
            .with_child("inner", State::new("inner").with_counts("t", &[7]))
    }

    #[test]
    fn states_compare_by_bits() {
        assert_eq!(sample(), sample());
        assert_ne!(State::new("s").with_floats("x", &[0.0]), State::new("s").with_floats("x", &[-0.0]));
        assert_ne!(State::new("s"), State::new("t"));
    }

    #[test]
    fn entries_come_back_and_wrong_ones_are_named() {
        let state = sample();
        let bits: Vec<u64> = state.floats("x").unwrap().iter().map(|x| x.to_bits()).collect();
        assert_eq!(bits, [f64::NAN.to_bits(), 1 << 63, f64::NEG_INFINITY.to_bits(), 1]);
        assert_eq!(state.counts("n"), Ok([u64::MAX, 1]));
        assert_eq!(state.child("inner").unwrap().counts("t"), Ok([7]));
        let name = || "x".to_owned();
        assert_eq!(state.counts::<1>("x"), Err(StateError::Missing { name: name() }));
        assert_eq!(state.floats_of("x", 3), Err(StateError::Length { name: name(), expected: 3, found: 4 }));
        assert_eq!(state.finite_floats("x", 4), Err(StateError::Value { name: name() }));
        assert_eq!(state.expect("sample", &["n", "inner"]), Err(StateError::Unexpected { name: name() }));
        assert_eq!(state.expect("sample", &["x", "n", "inner"]), Ok(()));
        let kinds = StateError::Kind { expected: "adam".to_owned(), found: "sample".to_owned() };
        assert_eq!(state.expect("adam", &["x", "n", "inner"]), Err(kinds));
    }
}
