//! Fits to fewer rows than columns, in the space that the rows span.

use nalgebra::{DMatrix, DVector};

/// Rows in coordinates of an orthonormal basis of a space that holds all of them, as many coordinates as there are rows. Lengths and
/// inner products are those of the rows, so a fit that depends on these alone is one to short rows, whatever the number of columns.
pub(crate) struct RowSpace {
    /// One basis vector per column.
    basis: DMatrix<f64>,
    coordinates: Vec<Vec<f64>>,
}

impl RowSpace {
    /// Where there are more columns than rows; `None` elsewhere. By Householder's QR decomposition of the transposed rows, cost O(columns x
    /// rows^2), memory O(columns x rows). All rows have one length.
    pub(crate) fn of(rows: &[&[f64]]) -> Option<Self> {
        let width = rows.first().map_or(0, |row| row.len());
        if width <= rows.len() {
            return None;
        }
        let qr = DMatrix::from_fn(width, rows.len(), |column, row| rows[row][column]).qr();
        let coordinates = qr.r().column_iter().map(|row| row.iter().copied().collect()).collect();
        Some(Self { basis: qr.q(), coordinates })
    }

    /// The rows in these coordinates.
    pub(crate) fn rows(&self) -> Vec<&[f64]> {
        self.coordinates.iter().map(Vec::as_slice).collect()
    }

    /// A vector of these coordinates in those of the columns.
    pub(crate) fn lift(&self, vector: &[f64]) -> Vec<f64> {
        (&self.basis * DVector::from_column_slice(vector)).as_slice().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows, their inner products and lengths come back; also where rows are equal, or nothing but zeros.
    #[test]
    fn rows_come_back() {
        let row = |k: usize| (0..9).map(|j| ((3 * k + 7 * j) as f64).sin()).collect::<Vec<f64>>();
        let rows = [row(0), row(1), row(0), vec![0.0; 9], row(2)];
        let views: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        let space = RowSpace::of(&views).expect("wide");
        for (row, short) in rows.iter().zip(space.rows()) {
            assert_eq!(short.len(), 5);
            assert!(row.iter().zip(space.lift(short)).all(|(a, b)| (a - b).abs() < 1e-14));
            for (other, other_short) in rows.iter().zip(space.rows()) {
                let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                assert!((dot(row, other) - dot(short, other_short)).abs() < 1e-13);
            }
        }
        assert!(RowSpace::of(&views[..0]).is_none());
        let square: [&[f64]; 2] = [&[1.0, 2.0], &[3.0, 4.0]];
        assert!(RowSpace::of(&square).is_none());
    }
}
