//! How often a class was found, missed and wrongly named.

use crate::{BinaryScores, CategoryScores};

/// One class against all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows of the class, predicted as it.
    pub true_positives: usize,
    /// Rows of another class, predicted as it.
    pub false_positives: usize,
    /// Rows of the class, predicted as another.
    pub false_negatives: usize,
    /// Rows of another class, predicted as another.
    pub true_negatives: usize,
}

impl Counts {
    /// Of the rows predicted as the class, the share that is right; undefined where there is none.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.true_positives, self.true_positives + self.false_positives)
    }

    /// Of the rows of the class, the share that was found; undefined where there is none.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.true_positives, self.true_positives + self.false_negatives)
    }

    /// The harmonic mean of precision and recall; undefined where no row is of the class and none
    /// is predicted as it.
    pub fn f1(&self) -> Option<f64> {
        let found_twice = 2 * self.true_positives;
        ratio(found_twice, found_twice + self.false_positives + self.false_negatives)
    }

    /// Counts "true" of a binary output over `rows`.
    pub(crate) fn of_binary(scores: &BinaryScores, rows: &[usize]) -> Self {
        let mut counts = Self::default();
        for &row in rows {
            *match (scores.truth()[row], scores.predicted(row)) {
                (true, true) => &mut counts.true_positives,
                (false, true) => &mut counts.false_positives,
                (true, false) => &mut counts.false_negatives,
                (false, false) => &mut counts.true_negatives,
            } += 1;
        }
        counts
    }

    /// Counts each class of a category output over `rows`: `[K]`.
    ///
    /// A label that no train row has is a false positive of the class predicted for it.
    pub(crate) fn of_classes(scores: &CategoryScores, rows: &[usize]) -> Vec<Self> {
        let mut classes = vec![Self::default(); scores.num_classes()];
        for &row in rows {
            let (truth, predicted) = (scores.truth()[row], scores.predicted()[row]);
            if truth == Some(predicted) {
                classes[predicted].true_positives += 1;
                continue;
            }
            classes[predicted].false_positives += 1;
            if let Some(truth) = truth {
                classes[truth].false_negatives += 1;
            }
        }
        for class in &mut classes {
            let named = class.true_positives + class.false_positives + class.false_negatives;
            class.true_negatives = rows.len() - named;
        }
        classes
    }
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
