//! Maps of basis states that are linear over GF(2), up to a constant: what circuits of CX, X and swaps do.

use super::schedule::bits;

/// `x -> A x ^ c` on the bits of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LinearMap {
    /// The image of each bit alone under `A`.
    columns: Vec<u64>,
    constant: u64,
}

/// Independent vectors over GF(2), reduced so that the highest bit of each occurs in no later one.
#[derive(Default)]
struct Basis(Vec<u64>);

impl Basis {
    /// Adds a vector; false if it is a sum of others.
    fn add(&mut self, vector: u64) -> bool {
        let rest = self.0.iter().fold(vector, |rest, &known| rest.min(rest ^ known));
        if rest != 0 {
            self.0.push(rest);
        }
        rest != 0
    }
}

impl LinearMap {
    pub(super) fn identity(qubits: usize) -> Self {
        Self { columns: (0..qubits).map(|qubit| 1 << qubit).collect(), constant: 0 }
    }

    pub(super) fn constant(&self) -> u64 {
        self.constant
    }

    /// The image of each bit under the linear part.
    pub(super) fn columns(&self) -> &[u64] {
        &self.columns
    }

    /// Followed by an exchange of `k` and `k ^ x` where the bit of `control` is set, or everywhere if it is 0.
    pub(super) fn exchange(&mut self, x: u64, control: u64) {
        if control == 0 {
            self.constant ^= x;
            return;
        }
        for vector in self.columns.iter_mut().chain([&mut self.constant]) {
            if *vector & control != 0 {
                *vector ^= x;
            }
        }
    }

    /// Followed by a swap of two bits.
    pub(super) fn swap(&mut self, [a, b]: [usize; 2]) {
        for vector in self.columns.iter_mut().chain([&mut self.constant]) {
            let differ = (*vector >> a ^ *vector >> b) & 1;
            *vector ^= differ << a | differ << b;
        }
    }

    fn linear(&self, x: u64) -> u64 {
        bits(x).fold(0, |sum, bit| sum ^ self.columns[bit])
    }

    /// `next` after this one.
    pub(super) fn then(&self, next: &Self) -> Self {
        Self {
            columns: self.columns.iter().map(|&column| next.linear(column)).collect(),
            constant: next.linear(self.constant) ^ next.constant,
        }
    }

    /// `None` if it is not invertible.
    pub(super) fn inverse(&self) -> Option<Self> {
        // Columns are added to each other until they are those of the identity; the same sums of unit vectors are the inverse.
        let mut rest = self.columns.clone();
        let mut inverse = Self::identity(rest.len());
        for bit in 0..rest.len() {
            let pivot = (bit..rest.len()).find(|&k| rest[k] >> bit & 1 == 1)?;
            rest.swap(bit, pivot);
            inverse.columns.swap(bit, pivot);
            for k in (0..rest.len()).filter(|&k| k != bit) {
                if rest[k] >> bit & 1 == 1 {
                    rest[k] ^= rest[bit];
                    inverse.columns[k] ^= inverse.columns[bit];
                }
            }
        }
        inverse.constant = inverse.linear(self.constant);
        Some(inverse)
    }

    /// The bits that it changes or that decide what it changes.
    pub(super) fn support(&self) -> u64 {
        let changes = self.columns.iter().enumerate().map(|(bit, &column)| match column ^ 1 << bit {
            0 => 0,
            other => other | 1 << bit,
        });
        changes.fold(self.constant, |all, own| all | own)
    }

    pub(super) fn is_identity(&self) -> bool {
        self.support() == 0
    }

    /// Whether bits of `mask` are changed by others, or others by them.
    pub(super) fn crosses(&self, mask: u64) -> bool {
        self.columns.iter().enumerate().any(|(bit, &column)| {
            let same = if mask >> bit & 1 == 1 { mask } else { !mask };
            column & !same != 0
        })
    }

    /// The map that sets the bits of `mask` as this one does, and keeps all others.
    fn only(&self, mask: u64) -> Self {
        let column = |(bit, &column): (usize, &u64)| (column & mask) | (1 << bit & !mask);
        Self { columns: self.columns.iter().enumerate().map(column).collect(), constant: self.constant & mask }
    }

    /// Factors in the order of application: the first one changes bits of `first` only, the next one other bits, and so on. There are two
    /// or three of them, any of which may be the identity.
    pub(super) fn factors(&self, first: u64) -> Vec<Self> {
        let own = self.only(first);
        if let Some(inverse) = own.inverse() {
            return vec![own, inverse.then(self)];
        }
        // What this map makes of the other bits must be invertible for given bits of `first`: so bits of `first` take along those of the
        // other bits that are missing there.
        let mut basis = Basis::default();
        let mut shear = Self::identity(self.columns.len());
        let all = self.columns.iter().enumerate();
        let (ours, others): (Vec<_>, Vec<_>) = all.partition(|(bit, _)| first >> bit & 1 == 1);
        let missing: Vec<usize> =
            others.iter().filter(|(_, column)| !basis.add(*column & !first)).map(|&(bit, _)| bit).collect();
        let mut ours = ours.into_iter();
        for bit in missing {
            let of_ours = ours.find(|(_, column)| basis.add(*column & !first));
            let (partner, _) = of_ours.expect("the rows of an invertible map are independent");
            shear.columns[bit] |= 1 << partner;
        }
        let rest = shear.then(self);
        let own = rest.only(!first);
        let inverse = own.inverse().expect("its columns were made independent");
        vec![shear, own, inverse.then(&rest)]
    }

    /// The parts of a map that does not cross `mask`: of the bits of the mask, and of the others.
    pub(super) fn halves(&self, mask: u64) -> [Self; 2] {
        [self.only(mask), self.only(!mask)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    fn image(map: &LinearMap, x: u64) -> u64 {
        map.linear(x) ^ map.constant
    }

    /// A map of random gates, and the gates.
    fn random(qubits: usize, gates: usize, rng: &mut ChaCha8Rng) -> (LinearMap, Vec<[usize; 3]>) {
        let mut map = LinearMap::identity(qubits);
        let mut list = Vec::new();
        for _ in 0..gates {
            let (a, b) = (rng.random_range(0..qubits), rng.random_range(0..qubits));
            let kind = if a == b { 0 } else { rng.random_range(1..3) };
            match kind {
                0 => map.exchange(1 << a, 0),
                1 => map.exchange(1 << a, 1 << b),
                _ => map.swap([a, b]),
            }
            list.push([kind, a, b]);
        }
        (map, list)
    }

    #[test]
    fn maps_are_those_of_their_gates_and_have_inverses_and_factors() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut threes = 0;
        for round in 0..300 {
            let qubits = rng.random_range(1..9);
            let (map, gates) = random(qubits, round % 40, &mut rng);
            let inverse = map.inverse().expect("gates can be undone");
            let support = map.support();
            let mask = rng.random_range(0..1 << qubits);
            let factors = map.factors(mask);
            threes += usize::from(factors.len() == 3);
            for x in 0..1_u64 << qubits {
                let expected = gates.iter().fold(x, |x, &[kind, a, b]| match kind {
                    0 => x ^ 1 << a,
                    1 => x ^ (x >> b & 1) << a,
                    _ => {
                        let differ = (x >> a ^ x >> b) & 1;
                        x ^ (differ << a | differ << b)
                    }
                });
                assert_eq!(image(&map, x), expected);
                assert_eq!(image(&inverse, expected), x);
                assert_eq!(expected & !support, x & !support);
                let mut by_factors = x;
                for (index, factor) in factors.iter().enumerate() {
                    let next = image(factor, by_factors);
                    let kept = if index % 2 == 0 { !mask } else { mask };
                    assert_eq!(next & kept, by_factors & kept, "factor {index} keeps the other side");
                    by_factors = next;
                }
                assert_eq!(by_factors, expected);
                if !map.crosses(mask) {
                    let [ours, others] = map.halves(mask);
                    assert_eq!(image(&ours, image(&others, x)), expected);
                }
            }
        }
        assert!(threes > 20, "both ways occur");
    }
}
