//! Pauli sums sorted by how they are applied.

use super::each_flips;
use crate::kernel::{self, Flips, LANE_QUBITS, Level, SMALL_QUBITS};
use crate::{PauliString, PauliSum};

/// Qubits of the tables of the strings of Z, at least and at most.
const TABLE_QUBITS: [usize; 2] = [6, 10];

/// The terms of a Pauli sum by kind, with the table of its strings of Z; made once per sum.
#[derive(Clone, Debug)]
pub(crate) struct Grouped {
    /// The coefficient of the identity.
    constant: f64,
    diagonal: bool,
    table_qubits: usize,
    /// What the strings of Z with a qubit in the table add up to, for either value of the one qubit beyond it that they reach. If they
    /// reach several, tables are made for every run of the state.
    tables: [Vec<f64>; 2],
    /// The qubits beyond the table that strings with a qubit in it reach.
    crossing: u64,
    /// The strings of Z with a qubit in the table, and the others.
    inside: Vec<(f64, u64)>,
    outside: Vec<(f64, u64)>,
    /// The coefficients of the single X, one per qubit; empty if there are none.
    flips: Vec<f64>,
    /// All of them, for a small register, if there are strings of Z as well (or the identity) and no others.
    small: Option<Flips>,
    /// The others with their masks of Z, those with the same mask of X one after the other.
    others: Vec<(f64, u64)>,
    /// That mask, and how many strings have it.
    groups: Vec<(u64, usize)>,
}

impl Grouped {
    pub(crate) fn new(terms: &[(f64, PauliString)]) -> Self {
        let (mut constant, mut strings, mut flips, mut rest) = (0.0, Vec::new(), Vec::new(), Vec::new());
        for &(coefficient, string) in terms {
            let (x, z) = (string.x_mask(), string.z_mask());
            if x | z == 0 {
                constant += coefficient;
            } else if x == 0 {
                strings.push((coefficient, z));
            } else if z == 0 && x.count_ones() == 1 {
                let qubit = x.trailing_zeros() as usize;
                flips.resize(flips.len().max(qubit + 1), 0.0);
                flips[qubit] += coefficient;
            } else {
                rest.push((x, coefficient, z));
            }
        }
        // Stable, so that sums are made in the order of the terms.
        rest.sort_by_key(|&(x, _, _)| x);
        let reach = strings.iter().fold(0, |all, (_, z)| all | z);
        let table_qubits = ((u64::BITS - reach.leading_zeros()) as usize).clamp(TABLE_QUBITS[0], TABLE_QUBITS[1]);
        let local = (1_u64 << table_qubits) - 1;
        let diagonal = constant != 0.0 || !strings.is_empty();
        let (inside, outside): (Vec<_>, Vec<_>) = strings.into_iter().partition(|(_, z)| z & local != 0);
        let crossing = inside.iter().fold(0, |all, (_, z)| all | z) & !local;
        let mut grouped = Self {
            constant,
            diagonal,
            table_qubits,
            tables: [Vec::new(), Vec::new()],
            crossing,
            inside,
            outside,
            small: None,
            flips,
            others: rest.iter().map(|&(_, coefficient, z)| (coefficient, z)).collect(),
            groups: rest.chunk_by(|a, b| a.0 == b.0).map(|group| (group[0].0, group.len())).collect(),
        };
        if diagonal && crossing.count_ones() <= 1 {
            grouped.tables[0] = grouped.table(0);
            if crossing != 0 {
                grouped.tables[1] = grouped.table(crossing);
            }
        }
        if diagonal && grouped.groups.is_empty() && grouped.flips.len() <= SMALL_QUBITS {
            grouped.small = Some(Flips::default());
            each_flips(&grouped.flips, true, |flips| grouped.small = Some(*flips));
        }
        grouped
    }

    /// The flips, if the sum on this register is a diagonal part and flips that one walk does.
    pub(super) fn small(&self, qubits: usize) -> Option<&Flips> {
        self.small.as_ref().filter(|_| qubits <= SMALL_QUBITS)
    }

    /// The table of the strings with a qubit in it, at these outer bits.
    fn table(&self, outer: u64) -> Vec<f64> {
        let local = (1_u64 << self.table_qubits) - 1;
        let sign = |z: u64| if (z & outer & !local).count_ones() % 2 == 1 { -1.0 } else { 1.0 };
        let terms: Vec<_> = self.inside.iter().map(|&(coefficient, z)| (sign(z) * coefficient, z & local)).collect();
        let mut table = vec![0.0; 1 << self.table_qubits];
        kernel::z_table(Level::PORTABLE, &mut table, &terms, 0.0);
        table
    }

    /// Calls with a table and a number to add to all its entries: the diagonal part of the sum for the basis states from `outer`
    /// on, a multiple of the size of the table.
    pub(super) fn diagonal<R>(&self, outer: u64, call: impl FnOnce(&[f64], f64) -> R) -> R {
        let shift = self.outside.iter().fold(self.constant, |sum, &(coefficient, z)| {
            if (z & outer).count_ones() % 2 == 1 { sum - coefficient } else { sum + coefficient }
        });
        match self.crossing.count_ones() {
            0 | 1 => call(&self.tables[usize::from(outer & self.crossing != 0)], shift),
            _ => call(&self.table(outer), shift),
        }
    }

    /// Whether there are strings of Z or the identity.
    pub(super) fn is_diagonal(&self) -> bool {
        self.diagonal
    }

    /// Blocks of a state that a table covers.
    pub(super) fn table_blocks(&self) -> usize {
        1 << (self.table_qubits - LANE_QUBITS)
    }

    /// The coefficients of the single X, one per qubit up to the last that has one.
    pub(super) fn flips(&self) -> &[f64] {
        &self.flips
    }

    /// The strings that are neither of Z alone nor a single X, by their mask of X.
    pub(super) fn others(&self) -> impl Iterator<Item = (u64, &[(f64, u64)])> {
        let mut rest = self.others.as_slice();
        self.groups.iter().map(move |&(x, count)| {
            let (group, left) = rest.split_at(count);
            rest = left;
            (x, group)
        })
    }
}

impl PauliSum {
    /// Its terms by kind, made when they are first asked for.
    pub(crate) fn grouped(&self) -> &Grouped {
        self.grouped.get_or_init(|| std::sync::Arc::new(Grouped::new(self.terms())))
    }
}
