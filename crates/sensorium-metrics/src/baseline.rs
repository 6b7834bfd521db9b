//! What a model that looks at no input would answer: the least that a trained one has to beat.
//!
//! Each takes what train taught and the truth of the judged split, and gives scores that every
//! metric of the kind applies to, or `None` where train holds no target to learn from.

use crate::{BinaryScores, CategoryScores, NumberScores};

/// Answers every row with the frequencies of the classes in train, and so with the most frequent
/// class, a tie going to the first.
///
/// `train_counts` is the number of train rows of each class: `[K]`.
///
/// # Panics
///
/// If a truth is not a class.
#[must_use]
pub fn majority_class(train_counts: &[u64], truth: Vec<Option<usize>>) -> Option<CategoryScores> {
    let total: u64 = train_counts.iter().sum();
    if total == 0 {
        return None;
    }
    let frequencies: Vec<f32> = train_counts.iter().map(|&count| share(count, total)).collect();
    let probabilities = frequencies.repeat(truth.len());
    Some(CategoryScores::new(train_counts.len(), probabilities, truth))
}

/// Answers every row with the frequency of "true" in train, and so with the more frequent answer.
///
/// `train_counts` is the number of train rows that are false and true.
#[must_use]
pub fn majority_answer(train_counts: [u64; 2], truth: Vec<bool>) -> Option<BinaryScores> {
    let [no, yes] = train_counts;
    let frequency = (no + yes > 0).then(|| share(yes, no + yes))?;
    Some(BinaryScores::new(vec![frequency; truth.len()], truth))
}

/// Answers every row with the mean of train.
#[must_use]
pub fn train_mean(mean: f64, truth: Vec<f64>) -> NumberScores {
    NumberScores::new(vec![mean; truth.len()], truth)
}

#[expect(clippy::cast_possible_truncation, reason = "probabilities are f32 everywhere")]
fn share(count: u64, total: u64) -> f32 {
    (count as f64 / total as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OutputKind, Scores, find};

    fn value(kind: OutputKind, metric: &str, scores: impl Into<Scores>) -> Option<f64> {
        find(kind, metric).unwrap().of(&scores.into())
    }

    #[test]
    fn the_majority_class_is_right_as_often_as_it_occurs() {
        let truth = vec![Some(1), Some(1), Some(0), None];
        let scores = majority_class(&[1, 6, 3], truth).unwrap();
        assert_eq!(scores.predicted(), [1; 4]);
        assert_eq!(value(OutputKind::Category, "accuracy", scores), Some(0.5));
    }

    #[test]
    fn the_majority_class_is_the_first_of_a_tie() {
        let scores = majority_class(&[0, 4, 4], vec![Some(0)]).unwrap();
        assert_eq!(scores.predicted(), [1]);
    }

    #[test]
    fn the_majority_answer_ranks_nothing() {
        let scores = majority_answer([2, 1], vec![true, false, false]).unwrap();
        assert_eq!(value(OutputKind::Binary, "roc_auc", scores.clone()), Some(0.5));
        assert_eq!(value(OutputKind::Binary, "accuracy", scores), Some(2.0 / 3.0));
    }

    #[test]
    fn the_train_mean_explains_no_variance_of_a_split_with_its_mean() {
        let scores = train_mean(2.0, vec![0.0, 2.0, 4.0]);
        assert_eq!(value(OutputKind::Number, "r2", scores), Some(0.0));
    }

    #[test]
    fn train_without_a_target_has_no_baseline() {
        assert_eq!(majority_class(&[0, 0], vec![Some(1)]), None);
        assert_eq!(majority_answer([0, 0], vec![true]), None);
    }
}
