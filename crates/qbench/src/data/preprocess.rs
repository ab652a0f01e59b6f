//! Standardization, principal components and rescaling to angles, each fitted on the training part alone.

use std::f64::consts::{FRAC_PI_2, PI};

use nalgebra::{DMatrix, SymmetricEigen};

use super::DataError;
use crate::row_space::RowSpace;

/// Values beyond this are refused: their squares, summed over the rows, could overflow.
pub(super) const LARGEST: f64 = 1e150;

/// Principal components whose variance is below this share of the largest do not count: they are rounding noise.
const RANK_TOLERANCE: f64 = 1e-12;

fn check_row(row: usize, values: &[f64], expected: usize) -> Result<(), DataError> {
    if values.len() != expected {
        return Err(DataError::RowLength { row, found: values.len(), expected });
    }
    match values.iter().position(|value| value.is_nan() || value.abs() > LARGEST) {
        Some(feature) => Err(DataError::FeatureRange { row, feature, value: values[feature] }),
        None => Ok(()),
    }
}

/// Checks that there are at least `needed` rows of one length with usable values, and returns that length.
fn check_rows(rows: &[&[f64]], needed: usize) -> Result<usize, DataError> {
    if rows.len() < needed {
        return Err(DataError::FewRows { found: rows.len(), needed });
    }
    let width = rows.first().map_or(0, |row| row.len());
    for (index, row) in rows.iter().enumerate() {
        check_row(index, row, width)?;
    }
    Ok(width)
}

fn column_means(rows: &[&[f64]], width: usize) -> Vec<f64> {
    let mut means = vec![0.0; width];
    for row in rows {
        for (mean, value) in means.iter_mut().zip(*row) {
            *mean += value;
        }
    }
    means.iter_mut().for_each(|mean| *mean /= rows.len() as f64);
    means
}

/// The covariance matrix (divisor N - 1) of rows whose means are 0.
fn covariance(centred: &[&[f64]]) -> DMatrix<f64> {
    let width = centred.first().map_or(0, |row| row.len());
    let mut covariance = DMatrix::<f64>::zeros(width, width);
    for row in centred {
        for j in 0..width {
            for i in j..width {
                covariance[(i, j)] += row[i] * row[j];
            }
        }
    }
    covariance /= (centred.len() - 1) as f64;
    covariance.fill_upper_triangle_with_lower_triangle();
    covariance
}

/// Shifts and scales every feature to mean 0 and variance 1 over the rows it was fitted on.
///
/// `z_j = (x_j - mean_j) / scale_j`, where `scale_j` is the standard deviation with divisor N. A constant feature has
/// scale 1, so it becomes 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Standardizer {
    means: Vec<f64>,
    scales: Vec<f64>,
}

impl Standardizer {
    /// Means and standard deviations of `rows`. Cost O(rows x features).
    ///
    /// # Errors
    ///
    /// [`DataError::FewRows`] without a row, [`DataError::RowLength`], [`DataError::FeatureRange`].
    pub fn fit(rows: &[&[f64]]) -> Result<Self, DataError> {
        let width = check_rows(rows, 1)?;
        let means = column_means(rows, width);
        let mut scales = vec![0.0; width];
        for row in rows {
            for ((scale, value), mean) in scales.iter_mut().zip(*row).zip(&means) {
                *scale += (value - mean).powi(2);
            }
        }
        for (feature, scale) in scales.iter_mut().enumerate() {
            // The mean of equal values can be off by rounding and leave a spurious deviation: compare the values themselves.
            let constant = rows.iter().all(|row| row[feature] == rows[0][feature]);
            let deviation = (*scale / rows.len() as f64).sqrt();
            *scale = if constant || deviation == 0.0 { 1.0 } else { deviation };
        }
        Ok(Self { means, scales })
    }

    /// Means of the features.
    #[must_use]
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// Divisors of the features.
    #[must_use]
    pub fn scales(&self) -> &[f64] {
        &self.scales
    }

    /// Standardizes one row.
    ///
    /// # Errors
    ///
    /// [`DataError::RowLength`], [`DataError::FeatureRange`].
    pub fn transform(&self, row: &[f64]) -> Result<Vec<f64>, DataError> {
        check_row(0, row, self.means.len())?;
        Ok(row.iter().zip(&self.means).zip(&self.scales).map(|((x, mean), scale)| (x - mean) / scale).collect())
    }
}

/// Projection on the leading principal components.
///
/// Eigenvectors of the covariance matrix (divisor N - 1) of the rows, in order of falling eigenvalue. An eigenvector has no
/// sign of its own: the loading of the largest magnitude is made positive (of loadings equal up to rounding, the first).
/// Components of equal variance are determined only up to a rotation among themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Pca {
    means: Vec<f64>,
    /// One component after the other, each as long as a row.
    loadings: Vec<f64>,
    variances: Vec<f64>,
}

impl Pca {
    /// The leading `components` of `rows`. Cost O(rows x features^2 + features^3), or O(features x rows^2 + rows^3) where there are more
    /// features than rows: then in the space that the centred rows span.
    ///
    /// # Errors
    ///
    /// [`DataError::Components`] if `components` is 0 or larger than the number of directions along which the rows vary
    /// (those whose variance is above 1e-12 of the largest); [`DataError::FewRows`] for fewer than two rows;
    /// [`DataError::RowLength`]; [`DataError::FeatureRange`]; [`DataError::Eigenvalues`].
    pub fn fit(rows: &[&[f64]], components: usize) -> Result<Self, DataError> {
        let width = check_rows(rows, 2)?;
        let means = column_means(rows, width);
        let centre = |row: &&[f64]| row.iter().zip(&means).map(|(x, mean)| x - mean).collect();
        let centred: Vec<Vec<f64>> = rows.iter().map(centre).collect();
        let space = RowSpace::of(&views(&centred));
        let covariance = match &space {
            None => covariance(&views(&centred)),
            Some(space) => covariance(&space.rows()),
        };

        let eigen = SymmetricEigen::try_new(covariance, f64::EPSILON, 10_000).ok_or(DataError::Eigenvalues)?;
        let mut order: Vec<usize> = (0..eigen.eigenvalues.len()).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        let largest = order.first().map_or(0.0, |&first| eigen.eigenvalues[first]);
        let available = order
            .iter()
            .filter(|&&k| eigen.eigenvalues[k] > 0.0 && eigen.eigenvalues[k] > RANK_TOLERANCE * largest)
            .count()
            .min(rows.len() - 1);
        if components == 0 || components > available {
            return Err(DataError::Components { asked: components, available });
        }

        let mut loadings = Vec::with_capacity(components * width);
        for &k in &order[..components] {
            let vector = eigen.eigenvectors.column(k);
            let vector = match &space {
                None => vector.as_slice().to_vec(),
                Some(space) => space.lift(vector.as_slice()),
            };
            let magnitude = vector.iter().fold(0.0, |largest: f64, loading| largest.max(loading.abs()));
            let pivot = vector.iter().find(|loading| loading.abs() >= magnitude * (1.0 - 1e-9));
            let sign = if pivot.is_some_and(|&loading| loading < 0.0) { -1.0 } else { 1.0 };
            loadings.extend(vector.iter().map(|loading| sign * loading));
        }
        let variances = order[..components].iter().map(|&k| eigen.eigenvalues[k]).collect();
        Ok(Self { means, loadings, variances })
    }

    /// Number of components.
    #[must_use]
    pub fn component_count(&self) -> usize {
        self.variances.len()
    }

    /// Unit vector of a component in feature space.
    ///
    /// # Panics
    ///
    /// If `index >= component_count()`, as a slice does.
    #[must_use]
    pub fn component(&self, index: usize) -> &[f64] {
        let width = self.means.len();
        &self.loadings[index * width..(index + 1) * width]
    }

    /// Variance (divisor N - 1) of the fitted rows along each component.
    #[must_use]
    pub fn variances(&self) -> &[f64] {
        &self.variances
    }

    /// Coordinates of one row: `t_k = sum_j v_kj (x_j - mean_j)`.
    ///
    /// # Errors
    ///
    /// [`DataError::RowLength`], [`DataError::FeatureRange`].
    pub fn transform(&self, row: &[f64]) -> Result<Vec<f64>, DataError> {
        let width = self.means.len();
        check_row(0, row, width)?;
        Ok(self
            .loadings
            .chunks_exact(width)
            .map(|v| v.iter().zip(row).zip(&self.means).map(|((v, x), mean)| v * (x - mean)).sum())
            .collect())
    }
}

/// Maps every feature linearly to angles in `[0, pi]`.
///
/// `a_j = pi (x_j - min_j) / (max_j - min_j)` with the extremes of the fitted rows; values outside of them are clamped. A
/// constant feature becomes `pi / 2`.
#[derive(Clone, Debug, PartialEq)]
pub struct AngleScaler {
    minima: Vec<f64>,
    maxima: Vec<f64>,
}

impl AngleScaler {
    /// Extremes of `rows`. Cost O(rows x features).
    ///
    /// # Errors
    ///
    /// [`DataError::FewRows`] without a row, [`DataError::RowLength`], [`DataError::FeatureRange`].
    pub fn fit(rows: &[&[f64]]) -> Result<Self, DataError> {
        let width = check_rows(rows, 1)?;
        let mut minima = vec![f64::INFINITY; width];
        let mut maxima = vec![f64::NEG_INFINITY; width];
        for row in rows {
            for ((minimum, maximum), &x) in minima.iter_mut().zip(&mut maxima).zip(*row) {
                *minimum = minimum.min(x);
                *maximum = maximum.max(x);
            }
        }
        Ok(Self { minima, maxima })
    }

    /// Angles of one row, radians.
    ///
    /// # Errors
    ///
    /// [`DataError::RowLength`], [`DataError::FeatureRange`].
    pub fn transform(&self, row: &[f64]) -> Result<Vec<f64>, DataError> {
        check_row(0, row, self.minima.len())?;
        let angle = |((&x, &minimum), &maximum): ((&f64, &f64), &f64)| {
            if maximum > minimum { PI * ((x - minimum) / (maximum - minimum)).clamp(0.0, 1.0) } else { FRAC_PI_2 }
        };
        Ok(row.iter().zip(&self.minima).zip(&self.maxima).map(angle).collect())
    }
}

/// From a row of raw features to rotation angles: standardization, then (if asked for) principal components, then
/// [`AngleScaler`]. Everything is fitted on the training rows alone.
#[derive(Clone, Debug, PartialEq)]
pub struct AnglePipeline {
    standardizer: Standardizer,
    pca: Option<Pca>,
    scaler: AngleScaler,
}

impl AnglePipeline {
    /// Fits on `train_rows`. With `components = Some(k)` a row becomes `k` angles, with `None` one angle per feature.
    ///
    /// # Errors
    ///
    /// Those of [`Standardizer::fit`], [`Pca::fit`] and [`AngleScaler::fit`].
    pub fn fit(train_rows: &[&[f64]], components: Option<usize>) -> Result<Self, DataError> {
        let standardizer = Standardizer::fit(train_rows)?;
        let standardized = transform_all(train_rows, |row| standardizer.transform(row))?;
        let (pca, projected) = match components {
            None => (None, standardized),
            Some(components) => {
                let rows = views(&standardized);
                let pca = Pca::fit(&rows, components)?;
                let projected = transform_all(&rows, |row| pca.transform(row))?;
                (Some(pca), projected)
            }
        };
        let scaler = AngleScaler::fit(&views(&projected))?;
        Ok(Self { standardizer, pca, scaler })
    }

    /// Number of angles per row.
    #[must_use]
    pub fn angle_count(&self) -> usize {
        self.scaler.minima.len()
    }

    /// The standardization, the first stage: a classical model that is to see the same features starts here.
    #[must_use]
    pub fn standardizer(&self) -> &Standardizer {
        &self.standardizer
    }

    /// The projection, if there is one.
    #[must_use]
    pub fn pca(&self) -> Option<&Pca> {
        self.pca.as_ref()
    }

    /// Angles of one raw row, radians in `[0, pi]`.
    ///
    /// # Errors
    ///
    /// [`DataError::RowLength`], [`DataError::FeatureRange`].
    pub fn transform(&self, row: &[f64]) -> Result<Vec<f64>, DataError> {
        let standardized = self.standardizer.transform(row)?;
        match &self.pca {
            None => self.scaler.transform(&standardized),
            Some(pca) => self.scaler.transform(&pca.transform(&standardized)?),
        }
    }
}

fn transform_all(
    rows: &[&[f64]],
    transform: impl Fn(&[f64]) -> Result<Vec<f64>, DataError>,
) -> Result<Vec<Vec<f64>>, DataError> {
    rows.iter().map(|row| transform(row)).collect()
}

fn views(rows: &[Vec<f64>]) -> Vec<&[f64]> {
    rows.iter().map(Vec::as_slice).collect()
}
