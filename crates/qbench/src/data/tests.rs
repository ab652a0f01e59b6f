//! Tests against the shipped files and recorded values of other implementations.

use std::f64::consts::{FRAC_PI_2, PI};

use proptest::prelude::*;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::*;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= tolerance * e.abs().max(1.0), "{found:?} is not {expected:?}");
    }
}

#[test]
fn embedded_data_sets_are_whole() {
    let iris = Dataset::iris();
    assert_eq!((iris.len(), iris.feature_count()), (150, 4));
    assert_eq!(iris.class_sizes(), [50, 50, 50]);
    assert_eq!(iris.label_names(), ["setosa", "versicolor", "virginica"]);
    assert_eq!(iris.row(149), [5.9, 3.0, 5.1, 1.8]);
    assert_eq!(iris.feature_names()[2], "petal_length_cm");

    let cancer = Dataset::breast_cancer();
    assert_eq!((cancer.len(), cancer.feature_count()), (569, 30));
    assert_eq!(cancer.class_sizes(), [212, 357]);
    assert_eq!(cancer.class("benign"), Some(1));
    assert_eq!(cancer.class("setosa"), None);
    assert_eq!(cancer.features().len(), 569 * 30);
    assert_eq!(&cancer.row(0)[..2], [17.99, 10.38]);
}

#[test]
fn binary_keeps_two_classes_in_order() {
    let iris = Dataset::iris();
    let pair = iris.binary(2, 0).expect("both classes exist");
    assert_eq!(pair.name(), "iris:virginica/setosa");
    assert_eq!(pair.class_sizes(), [50, 50]);
    assert_eq!(pair.row(0), iris.row(0));
    assert_eq!(pair.labels()[0], 1, "the first flower is a setosa, which is class_b");
    assert_eq!(pair.row(99), iris.row(149));
    assert_eq!(pair.labels_of(&[0, 99]), [1, 0]);
    assert_eq!(iris.binary(0, 3), Err(DataError::UnknownClass { class: 3, classes: 3 }));
    assert_eq!(iris.binary(1, 1), Err(DataError::SameClass { class: 1 }));
}

const HEADER: &str = "a,b,label,label_name\n";

fn error_of(text: &str) -> DataError {
    Dataset::from_csv("t", text).expect_err("the text is wrong")
}

#[test]
fn csv_errors_name_line_column_and_text() {
    let field = |line, column: &str, found: &str, expected| DataError::Field {
        line,
        column: column.to_owned(),
        found: found.to_owned(),
        expected,
    };
    let number = "a finite number";
    assert_eq!(error_of(&format!("{HEADER}1,2,0,x\n1,zwei,0,x\n")), field(3, "b", "zwei", number));
    assert_eq!(error_of(&format!("{HEADER}1,inf,0,x\n")), field(2, "b", "inf", number));
    assert_eq!(error_of(&format!("{HEADER}NaN,2,0,x\n")), field(2, "a", "NaN", number));
    assert_eq!(error_of(&format!("{HEADER}1e999,2,0,x\n")), field(2, "a", "1e999", number));
    assert_eq!(error_of(&format!("{HEADER}1,,0,x\n")), field(2, "b", "", number));
    assert_eq!(error_of(&format!("{HEADER}1,2,-1,x\n")), field(2, "label", "-1", "an integer from 0"));
    assert_eq!(error_of(&format!("{HEADER}1,2,0.0,x\n")), field(2, "label", "0.0", "an integer from 0"));
    assert_eq!(error_of(&format!("{HEADER}1,2,0, \n")), field(2, "label_name", "", "a name"));
    assert_eq!(
        error_of(&format!("{HEADER}1,2,0,x\n1,2,0\n")),
        DataError::FieldCount { line: 3, found: 3, expected: 4 }
    );
    assert_eq!(
        error_of(&format!("{HEADER}1,2,0,x\n1,2,0,y\n")),
        DataError::LabelName { line: 3, label: 0, found: "y".to_owned(), earlier: "x".to_owned() }
    );
    assert_eq!(
        error_of(&format!("{HEADER}1,2,0,x\n1,2,18446744073709551615,y\n")),
        DataError::MissingLabel { missing: 1, largest: usize::MAX }
    );
    assert_eq!(error_of(HEADER), DataError::NoSamples);
    let message = field(3, "b", "zwei", number).to_string();
    assert_eq!(message, "line 3, column \"b\": found \"zwei\", expected a finite number");
}

#[test]
fn csv_lines_are_counted_across_blank_lines_and_line_endings() {
    let line = |text: &str| match error_of(text) {
        DataError::Field { line, .. } | DataError::FieldCount { line, .. } => line,
        other => panic!("{other}"),
    };
    assert_eq!(line("a,label,label_name\r\n1,0,x\r\nz,0,x\r\n"), 3);
    assert_eq!(line("a,label,label_name\n\n\n1,0,x\n\nz,0,x\n"), 6);
    assert_eq!(line("a,label,label_name\n1,0,\"x\ny\"\n1,0\n"), 4);
    assert_eq!(line("\n\na,label,label_name\nz,0,x"), 4);
}

#[test]
fn headers_are_checked() {
    let header = |column, found: &str, expected| DataError::Header { column, found: found.to_owned(), expected };
    let short = "features, then \"label\" and \"label_name\"";
    assert_eq!(error_of(""), header(1, "", short));
    assert_eq!(error_of("label,label_name\n0,x\n"), header(3, "", short));
    assert_eq!(error_of("a,label_name,label\n1,x,0\n"), header(2, "label_name", "\"label\""));
    assert_eq!(error_of("a,label,name\n1,0,x\n"), header(3, "name", "\"label_name\""));
    assert_eq!(error_of("a,,label,label_name\n1,1,0,x\n"), header(2, "", "a name"));
    assert_eq!(
        error_of("a,b,a,label,label_name\n1,1,1,0,x\n"),
        DataError::DuplicateColumn { column: 3, name: "a".to_owned() }
    );
}

proptest! {
    #[test]
    fn no_text_panics(text in "[a,\"\r\n0-9.e;-]{0,60}") {
        let _ = Dataset::from_csv("t", &text);
        let _ = Dataset::from_csv("t", &format!("{HEADER}{text}"));
    }
}

#[test]
fn splits_are_stratified_disjoint_and_repeatable() {
    let cancer = Dataset::breast_cancer();
    let split = cancer.split(0.3, &mut rng(7)).expect("valid fraction");
    assert_eq!(split, cancer.split(0.3, &mut rng(7)).expect("valid fraction"));
    assert_ne!(split, cancer.split(0.3, &mut rng(8)).expect("valid fraction"));
    let ones = cancer.labels_of(&split.test).into_iter().sum::<usize>();
    // 0.3 * 212 = 63.6 and 0.3 * 357 = 107.1.
    assert_eq!((split.test.len() - ones, ones), (64, 107));
    let mut all = [split.train.as_slice(), &split.test].concat();
    assert!(split.train.is_sorted() && split.test.is_sorted());
    all.sort_unstable();
    assert_eq!(all, (0..569).collect::<Vec<_>>());
}

#[test]
fn every_row_is_equally_likely_in_the_test_part() {
    let iris = Dataset::iris();
    let mut rng = rng(1);
    let repetitions = 2000;
    let mut counts = [0_u32; 150];
    for _ in 0..repetitions {
        for index in iris.split(0.2, &mut rng).expect("valid fraction").test {
            counts[index] += 1;
        }
    }
    // Binomial with p = 0.2; 5 sigma over 150 rows.
    let (mean, sigma) = (400.0, (2000.0_f64 * 0.2 * 0.8).sqrt());
    assert!(counts.iter().all(|&count| (f64::from(count) - mean).abs() < 5.0 * sigma), "{counts:?}");
}

#[test]
fn splits_leave_each_class_in_both_parts_or_refuse() {
    let text = format!("{HEADER}1,2,0,x\n3,4,0,x\n5,6,1,y\n7,8,1,y\n");
    let four = Dataset::from_csv("four", &text).expect("valid text");
    for fraction in [1e-9, 0.5, 1.0 - 1e-9] {
        let split = four.split(fraction, &mut rng(1)).expect("valid fraction");
        assert_eq!((split.train.len(), split.test.len()), (2, 2));
    }
    for found in [0.0, 1.0, -0.1] {
        assert_eq!(four.split(found, &mut rng(1)), Err(DataError::TestFraction { found }));
    }
    assert!(four.split(f64::NAN, &mut rng(1)).is_err());
    let three = Dataset::from_csv("three", &format!("{HEADER}1,2,0,x\n3,4,0,x\n5,6,1,y\n")).expect("valid text");
    assert_eq!(three.split(0.5, &mut rng(1)), Err(DataError::SmallClass { class: 1, samples: 1 }));
}

fn every_fourth(data: &Dataset) -> Vec<usize> {
    (0..data.len()).filter(|index| index % 4 != 0).collect()
}

// Reference: scikit-learn 1.9.1, NumPy 2.4.6.
//   t = np.genfromtxt('data/NAME.csv', delimiter=',', skip_header=1); X = t[:, :-2]; tr = np.arange(len(X)) % 4 != 0
//   s = StandardScaler().fit(X[tr]); p = PCA(k).fit(s.transform(X[tr]))
//   m = MinMaxScaler((0, np.pi), clip=True).fit(p.transform(s.transform(X[tr])))
//   s.mean_, s.scale_, p.explained_variance_, p.components_; m.transform(p.transform(s.transform(X[r:r+1])))
#[test]
fn iris_pipeline_equals_scikit_learn() {
    let iris = Dataset::iris();
    let train = iris.rows(&every_fourth(&iris));
    let pipeline = AnglePipeline::fit(&train, Some(4)).expect("four directions");
    let standardizer = pipeline.standardizer();
    close(standardizer.means(), &[5.840178571428572, 3.036607142857144, 3.74375, 1.1794642857142856], 1e-14);
    close(
        standardizer.scales(),
        &[0.8609027468540313, 0.4263624245777726, 1.7522323134667792, 0.7291308907647153],
        1e-14,
    );
    let pca = pipeline.pca().expect("components were asked for");
    assert_eq!(pca.component_count(), 4);
    close(pca.variances(), &[2.9324894724521005, 0.9477946957939329, 0.13307115108598658, 0.02268071670401484], 1e-13);
    close(pca.component(0), &[0.5197390550574046, -0.26319382380087875, 0.5817149968162916, 0.5676336743359488], 1e-12);
    close(pca.component(3), &[-0.2945501725955114, 0.1293598702198344, 0.8062051521036713, -0.4965274136663129], 1e-12);
    for (row, angles) in [
        (0, [0.2563839065882694, 1.7655036973313365, 1.9927505524019358, 1.5136052426336553]),
        (148, [2.161579420394244, 2.0455699507120637, 0.01814750680842092, 1.5254637304635197]),
    ] {
        close(&pipeline.transform(iris.row(row)).expect("a row of iris"), &angles, 1e-11);
    }

    // Row 60 lies outside of the training range of the second component: clamped.
    let two = AnglePipeline::fit(&train, Some(2)).expect("two directions");
    close(&two.transform(iris.row(60)).expect("a row of iris"), &[1.3852360909129657, 0.0], 1e-11);
    assert_eq!(two.angle_count(), 2);
}

#[test]
fn breast_cancer_pipeline_equals_scikit_learn() {
    let cancer = Dataset::breast_cancer();
    let train = cancer.rows(&every_fourth(&cancer));
    let pipeline = AnglePipeline::fit(&train, Some(4)).expect("four directions");
    let pca = pipeline.pca().expect("components were asked for");
    close(pca.variances(), &[13.737180746148004, 5.746029531266725, 2.7532302050537365, 1.9348466564130335], 1e-12);
    close(
        &pca.component(3)[..4],
        &[-0.03345428980232262, 0.5759056232928087, -0.03522871946706174, -0.04585324995826933],
        1e-11,
    );
    for (row, angles) in [
        (0, [2.071417260261051, 1.720425376552639, 0.7818608592244383, 0.0]),
        (100, [0.7111483083323213, 1.2076916508709201, 1.1345851074253746, 1.987431946173074]),
        (568, [0.0, 1.329196524188037, 1.5639171746852987, 2.021485078966801]),
    ] {
        close(&pipeline.transform(cancer.row(row)).expect("a row"), &angles, 1e-11);
    }
}

#[test]
fn pipeline_without_components_is_the_range_of_each_feature() {
    let rows: [&[f64]; 3] = [&[0.0, 5.0], &[2.0, 5.0], &[4.0, 5.0]];
    let pipeline = AnglePipeline::fit(&rows, None).expect("valid rows");
    assert!(pipeline.pca().is_none());
    close(&pipeline.transform(&[1.0, 5.0]).expect("a row"), &[PI / 4.0, FRAC_PI_2], 1e-15);
    close(&pipeline.transform(&[-1e9, 7.0]).expect("a row"), &[0.0, FRAC_PI_2], 1e-15);
    close(&pipeline.transform(&[1e9, 3.0]).expect("a row"), &[PI, FRAC_PI_2], 1e-15);
}

#[test]
fn a_constant_feature_becomes_zero() {
    // 0.1 has no exact binary form: its mean over many rows is off by rounding.
    let row: &[f64] = &[0.1, 1.0];
    let other: &[f64] = &[0.1, 3.0];
    let rows: Vec<&[f64]> = (0..999).map(|i| if i % 2 == 0 { row } else { other }).collect();
    let standardizer = Standardizer::fit(&rows).expect("valid rows");
    assert_eq!(standardizer.scales()[0], 1.0);
    close(&standardizer.transform(row).expect("a row")[..1], &[0.0], 1e-13);
}

#[test]
fn principal_components_have_a_fixed_sign() {
    // Both loadings are equal in magnitude up to rounding: the first one is made positive.
    let rows: Vec<[f64; 2]> = (0..7).map(|i| [f64::from(i), -f64::from(i) + 0.01 * f64::from(i * i % 3)]).collect();
    let views: Vec<&[f64]> = rows.iter().map(|row| row.as_slice()).collect();
    let standardizer = Standardizer::fit(&views).expect("valid rows");
    let z: Vec<Vec<f64>> = views.iter().map(|row| standardizer.transform(row).expect("a row")).collect();
    let views: Vec<&[f64]> = z.iter().map(Vec::as_slice).collect();
    let pca = Pca::fit(&views, 2).expect("two directions");
    let half = std::f64::consts::FRAC_1_SQRT_2;
    close(pca.component(0), &[half, -half], 1e-12);
    close(pca.component(1), &[half, half], 1e-12);

    // The same in more dimensions, where rounding does separate the two magnitudes: the second feature is minus the first.
    let mut rng = rng(2);
    for _ in 0..200 {
        let rows: Vec<[f64; 4]> = (0..9)
            .map(|_| {
                let (a, b, c) = (rng.random::<f64>(), rng.random::<f64>(), rng.random::<f64>());
                [a, -a, 0.3 * (a + b), 0.3 * c]
            })
            .collect();
        let views: Vec<&[f64]> = rows.iter().map(|row| row.as_slice()).collect();
        let pca = Pca::fit(&views, 1).expect("three directions");
        let [first, second, ..] = pca.component(0) else { panic!("four loadings") };
        assert!((first + second).abs() < 1e-9 && *first > 0.5, "{:?}", pca.component(0));
    }

    let turned: [&[f64]; 3] = [&[0.0, 0.0], &[1.0, -3.0], &[-1.0, 3.0]];
    let component = Pca::fit(&turned, 1).expect("one direction").component(0).to_vec();
    close(&component, &[-(0.1_f64.sqrt()), 0.9_f64.sqrt()], 1e-13);
}

#[test]
fn preprocessing_refuses_what_it_cannot_fit() {
    let line: [&[f64]; 3] = [&[0.0, 0.0], &[1.0, 2.0], &[2.0, 4.0]];
    assert_eq!(Pca::fit(&line, 2), Err(DataError::Components { asked: 2, available: 1 }));
    assert_eq!(Pca::fit(&line, 0), Err(DataError::Components { asked: 0, available: 1 }));
    let point: [&[f64]; 2] = [&[3.0], &[3.0]];
    assert_eq!(Pca::fit(&point, 1), Err(DataError::Components { asked: 1, available: 0 }));
    assert_eq!(Pca::fit(&line[..1], 1), Err(DataError::FewRows { found: 1, needed: 2 }));
    assert_eq!(AnglePipeline::fit(&[], None), Err(DataError::FewRows { found: 0, needed: 1 }));
    let ragged: [&[f64]; 2] = [&[0.0, 0.0], &[1.0]];
    assert_eq!(Standardizer::fit(&ragged), Err(DataError::RowLength { row: 1, found: 1, expected: 2 }));
    let huge: [&[f64]; 2] = [&[0.0], &[1e200]];
    assert_eq!(AngleScaler::fit(&huge), Err(DataError::FeatureRange { row: 1, feature: 0, value: 1e200 }));
    let nan: [&[f64]; 2] = [&[f64::NAN], &[1.0]];
    assert!(matches!(AnglePipeline::fit(&nan, None), Err(DataError::FeatureRange { row: 0, feature: 0, .. })));
    let pipeline = AnglePipeline::fit(&line, Some(1)).expect("one direction");
    assert_eq!(pipeline.transform(&[1.0]), Err(DataError::RowLength { row: 0, found: 1, expected: 2 }));
    assert!(pipeline.transform(&[1.0, f64::INFINITY]).is_err());
}

/// Wide rows with five columns that vary among zeros are narrow ones: what is fitted in the space of the rows is what is fitted to the
/// five columns, with zeros for the others.
#[test]
fn more_features_than_rows_are_fitted_in_the_space_of_the_rows() {
    let mut rng = rng(9);
    let narrow: Vec<Vec<f64>> =
        (0..12).map(|_| (0..5).map(|k| rng.random::<f64>() * f64::from(k + 1)).collect()).collect();
    let place = |k: usize| 7 * k + 3;
    let widen = |row: &[f64]| {
        let mut wide = vec![0.0; 40];
        row.iter().enumerate().for_each(|(k, &value)| wide[place(k)] = value);
        wide
    };
    let wide: Vec<Vec<f64>> = narrow.iter().map(|row| widen(row)).collect();
    let (narrow, wide): (Vec<&[f64]>, Vec<&[f64]>) =
        (narrow.iter().map(Vec::as_slice).collect(), wide.iter().map(Vec::as_slice).collect());
    let (few, many) = (Pca::fit(&narrow, 4).expect("five directions"), Pca::fit(&wide, 4).expect("five directions"));
    close(many.variances(), few.variances(), 1e-13);
    for k in 0..4 {
        close(many.component(k), &widen(few.component(k)), 1e-12);
    }
    assert_eq!(Pca::fit(&wide, 6), Err(DataError::Components { asked: 6, available: 5 }));
}

/// A dense matrix of features x features would take 320 GB here.
#[test]
fn very_many_features_are_fitted() {
    let row = |k: usize| (0..200_000).map(|j| ((k * k + 1) as f64 * (j as f64 + 0.5)).sin()).collect::<Vec<f64>>();
    let rows: Vec<Vec<f64>> = (0..12).map(row).collect();
    let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
    let pipeline = AnglePipeline::fit(&rows, Some(4)).expect("eleven directions");
    let pca = pipeline.pca().expect("components were asked for");
    for k in 0..4 {
        let of = |other: usize| pca.component(k).iter().zip(pca.component(other)).map(|(a, b)| a * b).sum::<f64>();
        (0..4).for_each(|other| assert!((of(other) - f64::from(u8::from(k == other))).abs() < 1e-12));
    }
    assert!(pca.variances().is_sorted_by(|a, b| a >= b));
}

/// A column that is not there is answered with the names of the first columns, not of all.
#[test]
fn wide_headers_are_not_repeated_in_messages() {
    let names: Vec<String> = (0..5000).map(|k| format!("f{k}")).collect();
    let text = format!("{}\n", names.join(","));
    let message = Dataset::from_table("t", &text, Some("g")).expect_err("no such column").to_string();
    assert!(message.contains("f0, f1") && message.ends_with("f63, and 4936 more") && message.len() < 1000, "{message}");
}

/// Lines are counted for messages alone: counting them for every row took time that grows with the square of the file.
#[test]
fn long_tables_are_read_in_one_pass() {
    let rows = 150_000;
    let mut text = "a,b,kind\n".to_owned();
    (0..rows).for_each(|k| text += &format!("{k},{}.5,{}\n", k % 97, if k % 3 == 0 { "x" } else { "y" }));
    let table = Dataset::from_table("t", &text, None).expect("valid");
    assert_eq!((table.len(), table.class_sizes()), (rows, vec![rows / 3, rows - rows / 3]));
    let found = Dataset::from_table("t", &format!("{text}1,z,x\n"), None);
    assert!(matches!(found, Err(DataError::Field { line, .. }) if line == rows as u64 + 2));
    let mut labelled = "a,label,label_name\n".to_owned();
    (0..rows).for_each(|k| labelled += if k % 3 == 0 { "0.5,0,x\n" } else { "1.5,1,y\n" });
    assert_eq!(Dataset::from_csv("t", &labelled).expect("valid").class_sizes(), table.class_sizes());
}
