//! What the report says of each class of a category.

use serde::{Deserialize, Serialize};

use crate::{CategoryScores, Counts, Ordered};

/// Above this number of classes there is no confusion matrix: it grows with their square.
const MAX_CONFUSION_CLASSES: usize = 256;

/// Every class on its own, and which is taken for which.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassReport {
    /// By label, in the order of the classes.
    pub per_class_stats: Ordered<ClassStatistics>,
    /// Rows by right class, then by predicted class: `[K, K]`. `None` above 256 classes. Rows whose
    /// label no train row has are not in it.
    pub confusion_matrix: Option<Vec<Vec<usize>>>,
}

/// One class against all others, under Ludwig's names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassStatistics {
    /// Rows of the class, predicted as it.
    pub true_positives: usize,
    /// Rows of another class, predicted as another.
    pub true_negatives: usize,
    /// Rows of another class, predicted as it.
    pub false_positives: usize,
    /// Rows of the class, predicted as another.
    pub false_negatives: usize,
    /// See [`Counts::precision`].
    pub precision: Option<f64>,
    /// See [`Counts::recall`].
    pub recall: Option<f64>,
    /// See [`Counts::f1`].
    pub f1_score: Option<f64>,
}

impl From<Counts> for ClassStatistics {
    fn from(counts: Counts) -> Self {
        Self {
            true_positives: counts.true_positives,
            true_negatives: counts.true_negatives,
            false_positives: counts.false_positives,
            false_negatives: counts.false_negatives,
            precision: counts.precision(),
            recall: counts.recall(),
            f1_score: counts.f1(),
        }
    }
}

impl ClassReport {
    /// Looks at each class over the whole split; `labels` names the classes: `[K]`.
    ///
    /// # Panics
    ///
    /// If there is not one label a class.
    #[must_use]
    pub fn of(scores: &CategoryScores, labels: &[String]) -> Self {
        assert_eq!(labels.len(), scores.num_classes(), "one label a class");
        let rows: Vec<usize> = (0..scores.truth().len()).collect();
        let counts = Counts::of_classes(scores, &rows).into_iter().map(ClassStatistics::from);
        Self {
            per_class_stats: labels.iter().cloned().zip(counts).collect(),
            confusion_matrix: confusion_matrix(scores),
        }
    }
}

fn confusion_matrix(scores: &CategoryScores) -> Option<Vec<Vec<usize>>> {
    let classes = scores.num_classes();
    if classes > MAX_CONFUSION_CLASSES {
        return None;
    }
    let mut matrix = vec![vec![0; classes]; classes];
    for (truth, &predicted) in scores.truth().iter().zip(scores.predicted()) {
        if let Some(truth) = *truth {
            matrix[truth][predicted] += 1;
        }
    }
    Some(matrix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_train_has_not_is_a_false_positive_and_in_no_row_of_the_matrix() {
        let probabilities = vec![0.9, 0.1, 0.0, 0.9, 0.1, 0.0, 0.2, 0.8, 0.0];
        let scores = CategoryScores::new(3, probabilities, vec![Some(0), None, Some(0)]);
        let labels = ["a", "b", "c"].map(str::to_owned);
        let report = ClassReport::of(&scores, &labels);

        let a = report.per_class_stats.get("a").unwrap();
        assert_eq!((a.true_positives, a.false_positives, a.false_negatives), (1, 1, 1));
        assert_eq!((a.true_negatives, a.precision, a.recall), (0, Some(0.5), Some(0.5)));
        let c = report.per_class_stats.get("c").unwrap();
        assert_eq!((c.true_negatives, c.precision, c.f1_score), (3, None, None));
        assert_eq!(report.confusion_matrix.unwrap(), [vec![1, 1, 0], vec![0, 0, 0], vec![0, 0, 0]]);
    }

    #[test]
    fn many_classes_have_no_matrix() {
        let classes = MAX_CONFUSION_CLASSES + 1;
        let scores = CategoryScores::new(classes, vec![0.0; classes], vec![Some(1)]);
        let labels: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
        let report = ClassReport::of(&scores, &labels);
        assert_eq!(report.confusion_matrix, None);
        assert_eq!(report.per_class_stats.len(), classes);
    }
}
