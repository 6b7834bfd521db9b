//! Parity with scikit-learn on whole splits; the cases are made by `reference/metrics/metrics.py`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sensorium_metrics::{
    BinaryScores, CategoryScores, ClassReport, NumberScores, Scores, judge, metrics_for,
};
use serde::Deserialize;

/// Both sides sum the same `f64` terms in another order: over the at most 200 terms of a case that
/// is 200 rounding errors of 1e-16 of the sum, below 1e-13. A wrong term is far above 1e-12.
const TOLERANCE: f64 = 1e-12;

#[derive(Deserialize)]
struct Case {
    #[serde(flatten)]
    input: Input,
    expected: BTreeMap<String, Option<f64>>,
    per_class: Option<PerClass>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", content = "input", rename_all = "lowercase")]
enum Input {
    Category { num_classes: usize, probabilities: Vec<f32>, truth: Vec<Option<usize>> },
    Binary { probability: Vec<f32>, truth: Vec<bool> },
    Number { predicted: Vec<f64>, truth: Vec<f64> },
}

#[derive(Deserialize)]
struct PerClass {
    precision: Vec<Option<f64>>,
    recall: Vec<Option<f64>>,
    f1_score: Vec<Option<f64>>,
    confusion_matrix: Vec<Vec<usize>>,
}

impl Input {
    fn scores(self) -> Scores {
        match self {
            Self::Category { num_classes, probabilities, truth } => {
                CategoryScores::new(num_classes, probabilities, truth).into()
            }
            Self::Binary { probability, truth } => BinaryScores::new(probability, truth).into(),
            Self::Number { predicted, truth } => NumberScores::new(predicted, truth).into(),
        }
    }
}

fn case_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/metrics");
    let entries = std::fs::read_dir(folder).expect("the golden cases are in the repository");
    let path = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("it can be read").path();
    let mut files: Vec<PathBuf> = entries.map(path).collect();
    files.sort();
    files
}

fn read(file: &Path) -> Case {
    let text = std::fs::read(file).expect("it can be read");
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[track_caller]
fn assert_close(what: &str, actual: Option<f64>, expected: Option<f64>) {
    let close = match (actual, expected) {
        (Some(actual), Some(expected)) => {
            (actual - expected).abs() <= TOLERANCE * expected.abs().max(1.0)
        }
        (actual, expected) => actual.is_none() && expected.is_none(),
    };
    assert!(close, "{what}: {actual:?}, but scikit-learn has {expected:?}");
}

#[test]
fn every_metric_matches_scikit_learn_on_every_case() {
    let files = case_files();
    assert!(files.len() >= 20, "golden cases are missing: {}", files.len());
    for file in files {
        let case = read(&file);
        let scores = case.input.scores();
        let names = metrics_for(scores.kind()).map(|metric| metric.name);
        assert!(names.eq(case.expected.keys()), "{}: another list of metrics", file.display());
        for (name, actual) in judge(&scores) {
            assert_close(&format!("{} {name}", file.display()), actual, case.expected[&name]);
        }
    }
}

#[test]
fn every_class_matches_scikit_learn_on_every_case() {
    for file in case_files() {
        let case = read(&file);
        let Scores::Category(scores) = case.input.scores() else { continue };
        let expected = case.per_class.unwrap();
        let labels: Vec<String> =
            (0..scores.num_classes()).map(|class| class.to_string()).collect();
        let report = ClassReport::of(&scores, &labels);
        assert_eq!(report.confusion_matrix.unwrap(), expected.confusion_matrix, "{file:?}");
        for (class, (label, actual)) in report.per_class_stats.iter().enumerate() {
            let what = |name| format!("{} class {label} {name}", file.display());
            assert_close(&what("precision"), actual.precision, expected.precision[class]);
            assert_close(&what("recall"), actual.recall, expected.recall[class]);
            assert_close(&what("f1_score"), actual.f1_score, expected.f1_score[class]);
        }
    }
}
