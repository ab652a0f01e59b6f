//! Tests against recorded values of other implementations.

use super::*;
use crate::data::{Dataset, Standardizer};

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found} is not {expected}");
}

/// Rows standardized on the training part (index not divisible by 4), training and test.
struct Parts {
    train: Vec<Vec<f64>>,
    train_labels: Vec<usize>,
    test: Vec<Vec<f64>>,
    test_labels: Vec<usize>,
}

fn views(rows: &[Vec<f64>]) -> Vec<&[f64]> {
    rows.iter().map(Vec::as_slice).collect()
}

fn parts(data: &Dataset) -> Parts {
    let (train, test): (Vec<usize>, Vec<usize>) = (0..data.len()).partition(|index| index % 4 != 0);
    let standardizer = Standardizer::fit(&data.rows(&train)).expect("valid rows");
    let standardized = |indices: &[usize]| {
        data.rows(indices).into_iter().map(|row| standardizer.transform(row).expect("a row of the set")).collect()
    };
    Parts {
        train: standardized(&train),
        train_labels: data.labels_of(&train),
        test: standardized(&test),
        test_labels: data.labels_of(&test),
    }
}

// Reference: scikit-learn 1.9.1.
//   keep = (y == a) | (y == b); X = X[keep]; y = (y[keep] == b).astype(int); tr = np.arange(len(y)) % 4 != 0
//   Z = StandardScaler().fit(X[tr]).transform(X)
//   m = LogisticRegression(C=C, solver='newton-cholesky', tol=1e-14, max_iter=100000).fit(Z[tr], y[tr])
//   P = m.predict_proba(Z[~tr])[:, 1]; yt = y[~tr]
//   accuracy_score(yt, P > .5), log_loss(yt, P), np.mean((2*P - 1 - (2*yt - 1))**2)
#[test]
fn logistic_regression_equals_scikit_learn() {
    let iris = Dataset::iris();
    struct Case {
        data: Dataset,
        penalty: f64,
        weights: [f64; 4],
        intercept: f64,
        scores: Scores,
    }
    let cases = [
        Case {
            data: iris.binary(1, 2).expect("two classes"),
            penalty: 1.0,
            weights: [-0.017602961214643827, -0.35381447011740974, 1.9932076486145403, 2.12174753611307],
            intercept: 0.0732729606046613,
            scores: Scores {
                samples: 25,
                accuracy: 0.92,
                log_loss: 0.1874236826976059,
                squared_loss: 0.20669826331490948,
            },
        },
        // Separable: without the penalty the weights would grow without end.
        Case {
            data: iris.binary(0, 1).expect("two classes"),
            penalty: 0.1,
            weights: [1.131900820322113, -1.6276674696472964, 2.313480040002917, 2.303382973663406],
            intercept: 0.3593225304455202,
            scores: Scores {
                samples: 25,
                accuracy: 1.0,
                log_loss: 0.0025450149931575982,
                squared_loss: 4.922307880537031e-05,
            },
        },
        Case {
            data: Dataset::breast_cancer(),
            penalty: 1.0,
            weights: [-0.3208718139893419, -0.39899534070043685, -0.3090389712593673, -0.4323083751045249],
            intercept: 0.2941873386078743,
            scores: Scores {
                samples: 143,
                accuracy: 0.9790209790209791,
                log_loss: 0.07620560056082902,
                squared_loss: 0.0765683190958095,
            },
        },
    ];
    for case in cases {
        let parts = parts(&case.data);
        let model =
            LogisticRegression::fit(&views(&parts.train), &parts.train_labels, case.penalty).expect("converges");
        for (found, expected) in model.weights().iter().zip(case.weights) {
            close(*found, expected, 1e-9);
        }
        close(model.intercept(), case.intercept, 1e-9);
        assert!(model.iterations() < 20, "{} Newton iterations", model.iterations());
        let scores = model.scores(&views(&parts.test), &parts.test_labels).expect("valid rows");
        assert_eq!(scores.samples, case.scores.samples);
        close(scores.accuracy, case.scores.accuracy, 1e-15);
        close(scores.log_loss, case.scores.log_loss, 1e-10);
        close(scores.squared_loss, case.scores.squared_loss, 1e-10);
    }
}

#[test]
fn logistic_regression_is_stationary() {
    // At the minimum the gradient vanishes: sum (p - label) = 0 and sum (p - label) x + penalty w = 0.
    let parts = parts(&Dataset::breast_cancer());
    let rows = views(&parts.train);
    for penalty in [1e-6, 0.3, 1e4] {
        let model = LogisticRegression::fit(&rows, &parts.train_labels, penalty).expect("converges");
        let p = model.probabilities(&rows).expect("valid rows");
        let residuals: Vec<f64> = p.iter().zip(&parts.train_labels).map(|(p, &label)| p - label as f64).collect();
        close(residuals.iter().sum(), 0.0, 1e-9);
        for (j, w) in model.weights().iter().enumerate() {
            let gradient = residuals.iter().zip(&rows).map(|(r, row)| r * row[j]).sum::<f64>() + penalty * w;
            close(gradient, 0.0, 1e-9 * (1.0 + penalty));
        }
    }
}

#[test]
fn without_features_the_intercept_is_the_log_odds() {
    let rows: [&[f64]; 4] = [&[]; 4];
    let model = LogisticRegression::fit(&rows, &[1, 1, 0, 1], 1.0).expect("converges");
    close(model.intercept(), 3.0_f64.ln(), 1e-12);
    assert!(model.weights().is_empty());
}

// Reference: sh = y[tr].mean(); q = np.full(len(yt), sh); the same three scores of q.
#[test]
fn majority_class_equals_the_constant_model() {
    let parts = parts(&Dataset::breast_cancer());
    let majority = MajorityClass::fit(&parts.train_labels).expect("labels");
    assert_eq!(majority.class(), 1);
    close(majority.share, 0.6197183098591549, 1e-15);
    let scores = majority.scores(&parts.test_labels).expect("labels");
    close(scores.accuracy, 0.6503496503496503, 1e-15);
    close(scores.log_loss, 0.6492429591768767, 1e-13);
    close(scores.squared_loss, 0.9133330466399303, 1e-13);

    let even = MajorityClass::fit(&[0, 1]).expect("labels");
    assert_eq!(even.class(), 0);
    let scores = even.scores(&[0, 0, 1]).expect("labels");
    close(scores.accuracy, 2.0 / 3.0, 1e-15);
    close(scores.log_loss, 2.0_f64.ln(), 1e-15);
    close(scores.squared_loss, 1.0, 1e-15);
}

#[test]
fn scores_of_certain_predictions() {
    let scores = Scores::new(&[1.0, 0.0, 1.0, 0.0], &[1, 0, 0, 1]).expect("valid");
    assert_eq!(scores.accuracy, 0.5);
    assert_eq!(scores.squared_loss, 2.0);
    // Two of four are sure and wrong, each clipped at 2^-52.
    close(scores.log_loss, 0.5 * 52.0 * 2.0_f64.ln(), 1e-12);
}

#[test]
fn bad_input_is_refused() {
    let rows: [&[f64]; 3] = [&[0.0, 1.0], &[1.0, 0.5], &[2.0, 0.1]];
    let labels = [0, 1, 1];
    let error = |rows: &[&[f64]], labels: &[usize], penalty| {
        LogisticRegression::fit(rows, labels, penalty).expect_err("the input is wrong")
    };
    assert_eq!(error(&[], &[], 1.0), ClassicalError::NoSamples);
    assert_eq!(error(&rows, &[0, 1], 1.0), ClassicalError::Lengths { rows: 3, labels: 2 });
    assert_eq!(error(&rows, &[0, 1, 2], 1.0), ClassicalError::Label { index: 2, found: 2 });
    assert_eq!(error(&rows, &[1, 1, 1], 1.0), ClassicalError::OneClass { label: 1 });
    assert_eq!(error(&rows, &labels, 0.0), ClassicalError::Penalty { found: 0.0 });
    assert!(matches!(error(&rows, &labels, f64::NAN), ClassicalError::Penalty { .. }));
    let ragged: [&[f64]; 3] = [&[0.0], &[1.0, 2.0], &[1.0]];
    assert_eq!(error(&ragged, &labels, 1.0), ClassicalError::RowLength { row: 1, found: 2, expected: 1 });
    let infinite: [&[f64]; 3] = [&[0.0], &[f64::INFINITY], &[1.0]];
    let value = f64::INFINITY;
    assert_eq!(error(&infinite, &labels, 1.0), ClassicalError::NotFinite { row: 1, feature: 0, value });
    // Sums of squares overflow: an error, not a wrong model.
    let huge: [&[f64]; 3] = [&[1e300], &[-1e300], &[3e299]];
    assert!(matches!(error(&huge, &labels, 1.0), ClassicalError::NotConverged { .. }));

    let model = LogisticRegression::fit(&rows, &labels, 1.0).expect("converges");
    let narrow: [&[f64]; 1] = [&[1.0]];
    assert_eq!(model.probabilities(&narrow), Err(ClassicalError::RowLength { row: 0, found: 1, expected: 2 }));
    assert_eq!(Scores::new(&[0.5], &[0, 1]), Err(ClassicalError::Lengths { rows: 1, labels: 2 }));
    assert_eq!(Scores::new(&[1.5], &[0]), Err(ClassicalError::Probability { index: 0, value: 1.5 }));
    assert!(Scores::new(&[f64::NAN], &[0]).is_err());
    assert_eq!(MajorityClass::fit(&[]), Err(ClassicalError::NoSamples));
}

/// Columns of zeros change nothing, although they make the fit one in the space of the rows.
#[test]
fn more_features_than_rows_have_the_weights_of_those_that_vary() {
    let rows: Vec<Vec<f64>> =
        (0..10).map(|k| (0..4).map(|j| (1.3 * f64::from(k) + 2.1 * f64::from(j * j)).sin()).collect()).collect();
    let labels: Vec<usize> = (0..10).map(|k| usize::from(k % 3 == 0)).collect();
    let wide: Vec<Vec<f64>> = rows
        .iter()
        .map(|row| {
            let mut wide = vec![0.0; 30];
            row.iter().enumerate().for_each(|(k, &value)| wide[5 * k + 2] = value);
            wide
        })
        .collect();
    let few = LogisticRegression::fit(&views(&rows), &labels, 0.7).expect("converges");
    let many = LogisticRegression::fit(&views(&wide), &labels, 0.7).expect("converges");
    close(many.intercept(), few.intercept(), 1e-12);
    for (place, &weight) in many.weights().iter().enumerate() {
        close(weight, if place % 5 == 2 && place < 20 { few.weights()[place / 5] } else { 0.0 }, 1e-12);
    }
}
