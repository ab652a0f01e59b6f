//! Classification data: embedded data sets, their split, and the way from a row of features to rotation angles.
//!
//! A [`Dataset`] holds real-valued features and integer class labels. [`Dataset::split`] divides it into a training and a
//! test part, class by class; [`AnglePipeline`] is fitted on the training part alone and turns any row into angles in
//! `[0, pi]`.

mod error;
mod moons;
mod parse;
mod preprocess;

use rand::Rng;
use rand::seq::SliceRandom;

pub use error::DataError;
pub use preprocess::{AnglePipeline, AngleScaler, Pca, Standardizer};

/// Samples with real-valued features and class labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    name: String,
    features: Vec<f64>,
    feature_names: Vec<String>,
    labels: Vec<usize>,
    label_names: Vec<String>,
}

/// Row indices of a training and a test part: disjoint, both ascending, together all rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Rows to fit on.
    pub train: Vec<usize>,
    /// Rows to judge on.
    pub test: Vec<usize>,
}

impl Dataset {
    /// Iris: 150 flowers, 4 features in centimetres, 3 species of 50 samples each.
    ///
    /// Source: R. A. Fisher, Annals of Eugenics 7(2), 179-188 (1936); UCI, doi:10.24432/C56C76.
    #[must_use]
    pub fn iris() -> Self {
        Self::from_csv("iris", include_str!("../../data/iris.csv"))
            .expect("the embedded file is well formed (a test reads it)")
    }

    /// Breast Cancer Wisconsin (Diagnostic): 569 samples, 30 features, class 0 malignant (212), class 1 benign (357).
    ///
    /// Source: W. Wolberg, O. Mangasarian, N. Street, W. Street (1993); UCI, doi:10.24432/C5DW2B.
    #[must_use]
    pub fn breast_cancer() -> Self {
        Self::from_csv("breast_cancer", include_str!("../../data/breast_cancer.csv"))
            .expect("the embedded file is well formed (a test reads it)")
    }

    /// Weather in Seattle, 2012 to 2015: 1461 days, 5 features (day of the year, precipitation, two temperatures, wind), 5 classes.
    ///
    /// Source: NOAA National Centers for Environmental Information, Global Historical Climatology Network Daily.
    #[must_use]
    pub fn seattle_weather() -> Self {
        Self::from_csv("seattle_weather", include_str!("../../data/seattle_weather.csv"))
            .expect("the embedded file is well formed (a test reads it)")
    }

    /// Reads a data set from CSV text with a header.
    ///
    /// The last two columns are `label`, an integer from 0, and `label_name`; all columns before them are features and hold
    /// finite numbers. Labels must be contiguous from 0 and each must have one name. White space around fields is ignored,
    /// blank lines are skipped.
    ///
    /// # Errors
    ///
    /// A [`DataError`] with the line (from 1, the header included), the column and what was found there.
    pub fn from_csv(name: &str, text: &str) -> Result<Self, DataError> {
        parse::parse(name, text)
    }

    /// Reads a data set from CSV text with a header of any names: one column, the last or that called `label`, holds the names of
    /// the classes, all others finite numbers. Classes are numbered in the order of their names.
    ///
    /// # Errors
    ///
    /// As [`Dataset::from_csv`]; [`DataError::UnknownColumn`] if there is no column of that name.
    pub fn from_table(name: &str, text: &str, label: Option<&str>) -> Result<Self, DataError> {
        parse::parse_table(name, text, label)
    }

    /// The name it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of samples; at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a data set is never empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Number of features per sample; at least 1.
    #[must_use]
    pub fn feature_count(&self) -> usize {
        self.feature_names.len()
    }

    /// Number of classes; labels are `0..class_count()`.
    #[must_use]
    pub fn class_count(&self) -> usize {
        self.label_names.len()
    }

    /// Names of the features.
    #[must_use]
    pub fn feature_names(&self) -> &[String] {
        &self.feature_names
    }

    /// Labels, one per sample.
    #[must_use]
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Names of the classes.
    #[must_use]
    pub fn label_names(&self) -> &[String] {
        &self.label_names
    }

    /// All features, row-major: sample `i` is at `i * feature_count()`.
    #[must_use]
    pub fn features(&self) -> &[f64] {
        &self.features
    }

    /// Features of one sample.
    ///
    /// # Panics
    ///
    /// If `index >= len()`, as a slice does.
    #[must_use]
    pub fn row(&self, index: usize) -> &[f64] {
        let width = self.feature_count();
        &self.features[index * width..(index + 1) * width]
    }

    /// Features of the samples at `indices`, for example of [`Split::train`].
    ///
    /// # Panics
    ///
    /// If an index is not below `len()`, as a slice does.
    #[must_use]
    pub fn rows(&self, indices: &[usize]) -> Vec<&[f64]> {
        indices.iter().map(|&index| self.row(index)).collect()
    }

    /// Labels of the samples at `indices`.
    ///
    /// # Panics
    ///
    /// If an index is not below `len()`, as a slice does.
    #[must_use]
    pub fn labels_of(&self, indices: &[usize]) -> Vec<usize> {
        indices.iter().map(|&index| self.labels[index]).collect()
    }

    /// Number of samples per class.
    #[must_use]
    pub fn class_sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.class_count()];
        for &label in &self.labels {
            sizes[label] += 1;
        }
        sizes
    }

    /// The class of a name.
    #[must_use]
    pub fn class(&self, label_name: &str) -> Option<usize> {
        self.label_names.iter().position(|name| name == label_name)
    }

    /// The samples of two classes in their order, `class_a` relabelled to 0 and `class_b` to 1.
    ///
    /// The name becomes `NAME:LABEL_A/LABEL_B`.
    ///
    /// # Errors
    ///
    /// [`DataError::UnknownClass`] if a class does not exist, [`DataError::SameClass`] if both are the same.
    pub fn binary(&self, class_a: usize, class_b: usize) -> Result<Self, DataError> {
        for class in [class_a, class_b] {
            if class >= self.class_count() {
                return Err(DataError::UnknownClass { class, classes: self.class_count() });
            }
        }
        if class_a == class_b {
            return Err(DataError::SameClass { class: class_a });
        }
        let mut features = Vec::new();
        let mut labels = Vec::new();
        for (index, &label) in self.labels.iter().enumerate() {
            if label == class_a || label == class_b {
                features.extend_from_slice(self.row(index));
                labels.push(usize::from(label == class_b));
            }
        }
        let label_names = vec![self.label_names[class_a].clone(), self.label_names[class_b].clone()];
        Ok(Self {
            name: format!("{}:{}/{}", self.name, label_names[0], label_names[1]),
            features,
            feature_names: self.feature_names.clone(),
            labels,
            label_names,
        })
    }

    /// The data set without one feature.
    ///
    /// # Errors
    ///
    /// [`DataError::UnknownFeature`] if there is no feature of that name or no other one.
    pub fn without(mut self, feature: &str) -> Result<Self, DataError> {
        let place = self.feature_names.iter().position(|name| name == feature);
        let width = self.feature_count();
        let Some(place) = place.filter(|_| width > 1) else {
            return Err(DataError::UnknownFeature {
                feature: feature.to_owned(),
                known: self.feature_names.join(", "),
            });
        };
        self.feature_names.remove(place);
        let mut column = 0..self.features.len();
        self.features.retain(|_| column.next().is_some_and(|index| index % width != place));
        Ok(self)
    }

    /// Splits the rows at random, class by class.
    ///
    /// A class of `c` samples gives `test_fraction * c`, rounded half up and kept within `1..=c-1`, to the test part.
    /// Classes are drawn in order of their labels; the same generator state gives the same split. Cost O(len).
    ///
    /// # Errors
    ///
    /// [`DataError::TestFraction`] unless `0 < test_fraction < 1`; [`DataError::SmallClass`] if a class has fewer than two
    /// samples.
    pub fn split<R: Rng + ?Sized>(&self, test_fraction: f64, rng: &mut R) -> Result<Split, DataError> {
        if !(test_fraction > 0.0 && test_fraction < 1.0) {
            return Err(DataError::TestFraction { found: test_fraction });
        }
        let mut members = vec![Vec::new(); self.class_count()];
        for (index, &label) in self.labels.iter().enumerate() {
            members[label].push(index);
        }
        let mut split = Split { train: Vec::new(), test: Vec::new() };
        for (class, mut indices) in members.into_iter().enumerate() {
            if indices.len() < 2 {
                return Err(DataError::SmallClass { class, samples: indices.len() });
            }
            let wanted = (test_fraction * indices.len() as f64 + 0.5).floor() as usize;
            let test = wanted.clamp(1, indices.len() - 1);
            indices.shuffle(rng);
            split.test.extend_from_slice(&indices[..test]);
            split.train.extend_from_slice(&indices[test..]);
        }
        split.test.sort_unstable();
        split.train.sort_unstable();
        Ok(split)
    }
}

#[cfg(test)]
mod tests;
