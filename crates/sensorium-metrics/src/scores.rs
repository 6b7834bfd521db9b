//! What a model answered and what was right, for one output over a whole split.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A probability of this or more is answered with "true".
pub const BINARY_THRESHOLD: f32 = 0.5;

/// What an output predicts, which decides the metrics that apply to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputKind {
    /// One of several classes.
    Category,
    /// True or false.
    Binary,
    /// A real number.
    Number,
}

impl OutputKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Category, Self::Binary, Self::Number];
}

impl fmt::Display for OutputKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Category => "category",
            Self::Binary => "binary",
            Self::Number => "number",
        })
    }
}

/// The predictions and the truth of one output over a whole split, never of a batch: the mean of a
/// metric over batches is another number.
///
/// Rows without a target are not in it.
#[derive(Clone, Debug, PartialEq)]
pub enum Scores {
    /// Of a category output.
    Category(CategoryScores),
    /// Of a binary output.
    Binary(BinaryScores),
    /// Of a number output.
    Number(NumberScores),
}

impl Scores {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Category(scores) => scores.truth.len(),
            Self::Binary(scores) => scores.truth.len(),
            Self::Number(scores) => scores.truth.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The kind of output that was judged.
    pub const fn kind(&self) -> OutputKind {
        match self {
            Self::Category(_) => OutputKind::Category,
            Self::Binary(_) => OutputKind::Binary,
            Self::Number(_) => OutputKind::Number,
        }
    }

    /// Whether every prediction and truth is a finite number.
    pub(crate) const fn is_finite(&self) -> bool {
        match self {
            Self::Category(scores) => scores.finite,
            Self::Binary(scores) => scores.finite,
            Self::Number(scores) => scores.finite,
        }
    }
}

impl From<CategoryScores> for Scores {
    fn from(scores: CategoryScores) -> Self {
        Self::Category(scores)
    }
}

impl From<BinaryScores> for Scores {
    fn from(scores: BinaryScores) -> Self {
        Self::Binary(scores)
    }
}

impl From<NumberScores> for Scores {
    fn from(scores: NumberScores) -> Self {
        Self::Number(scores)
    }
}

/// The predictions of a category output.
///
/// A truth of `None` is a label that no train row has, so that the model has no class for it. Such
/// a row is always wrong in the metrics of the predicted class (accuracy and its kin); those of the
/// probabilities (`log_loss`, `brier`) leave it out, for the model gives its label none.
#[derive(Clone, Debug, PartialEq)]
pub struct CategoryScores {
    num_classes: usize,
    probabilities: Vec<f32>,
    truth: Vec<Option<usize>>,
    predicted: Vec<usize>,
    finite: bool,
}

impl CategoryScores {
    /// # Shapes
    ///
    /// - `probabilities`: `[N, num_classes]`, row-major, each row summing to 1
    /// - `truth`: `[N]`, each below `num_classes`
    ///
    /// # Panics
    ///
    /// If there is no class, a shape differs, or a truth is not below `num_classes`.
    pub fn new(
        num_classes: usize,
        probabilities: Vec<f32>,
        truth: Vec<Option<usize>>,
    ) -> CategoryScores {
        assert!(num_classes > 0, "a category has a class");
        assert_eq!(probabilities.len(), truth.len() * num_classes, "one probability a class");
        assert!(truth.iter().flatten().all(|&class| class < num_classes), "the truth is a class");
        let predicted = probabilities.chunks_exact(num_classes).map(most_probable).collect();
        let finite = probabilities.iter().all(|probability| probability.is_finite());
        Self { num_classes, probabilities, truth, predicted, finite }
    }

    /// `K`.
    pub const fn num_classes(&self) -> usize {
        self.num_classes
    }

    /// The probability of each class for one row: `[K]`.
    pub fn probabilities(&self, row: usize) -> &[f32] {
        &self.probabilities[row * self.num_classes..][..self.num_classes]
    }

    /// The right class of each row: `[N]`.
    pub fn truth(&self) -> &[Option<usize>] {
        &self.truth
    }

    /// The most probable class of each row, a tie going to the first: `[N]`.
    pub fn predicted(&self) -> &[usize] {
        &self.predicted
    }
}

fn most_probable(probabilities: &[f32]) -> usize {
    let mut best = 0;
    for (class, probability) in probabilities.iter().enumerate() {
        if *probability > probabilities[best] {
            best = class;
        }
    }
    best
}

/// The predictions of a binary output.
#[derive(Clone, Debug, PartialEq)]
pub struct BinaryScores {
    probability: Vec<f32>,
    truth: Vec<bool>,
    finite: bool,
}

impl BinaryScores {
    /// Pairs each row's probability of "true", from 0 to 1, with what was right.
    ///
    /// # Panics
    ///
    /// If the two differ in length.
    pub fn new(probability: Vec<f32>, truth: Vec<bool>) -> BinaryScores {
        assert_eq!(probability.len(), truth.len(), "one probability a row");
        let finite = probability.iter().all(|probability| probability.is_finite());
        Self { probability, truth, finite }
    }

    /// The probability of "true" of each row: `[N]`.
    pub fn probability(&self) -> &[f32] {
        &self.probability
    }

    /// What was right for each row: `[N]`.
    pub fn truth(&self) -> &[bool] {
        &self.truth
    }

    /// What one row is answered with; see [`BINARY_THRESHOLD`].
    pub fn predicted(&self, row: usize) -> bool {
        self.probability[row] >= BINARY_THRESHOLD
    }
}

/// The predictions of a number output, in the unit of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberScores {
    predicted: Vec<f64>,
    truth: Vec<f64>,
    finite: bool,
}

impl NumberScores {
    /// Pairs each row's prediction with what was right.
    ///
    /// # Panics
    ///
    /// If the two differ in length.
    pub fn new(predicted: Vec<f64>, truth: Vec<f64>) -> NumberScores {
        assert_eq!(predicted.len(), truth.len(), "one prediction a row");
        let finite = predicted.iter().chain(&truth).all(|number| number.is_finite());
        Self { predicted, truth, finite }
    }

    /// The number predicted for each row: `[N]`.
    pub fn predicted(&self) -> &[f64] {
        &self.predicted
    }

    /// What was right for each row: `[N]`.
    pub fn truth(&self) -> &[f64] {
        &self.truth
    }

    /// The error of one row: predicted less truth.
    pub(crate) fn error(&self, row: usize) -> f64 {
        self.predicted[row] - self.truth[row]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tie_is_answered_with_the_first_class() {
        let scores = CategoryScores::new(3, vec![0.2, 0.4, 0.4, 0.0, 0.0, 0.0], vec![None; 2]);
        assert_eq!(scores.predicted(), [1, 0]);
    }

    #[test]
    fn a_probability_at_the_threshold_is_answered_with_true() {
        let scores = BinaryScores::new(vec![0.5, 0.499_999], vec![true; 2]);
        assert!(scores.predicted(0) && !scores.predicted(1));
    }

    #[test]
    #[should_panic(expected = "the truth is a class")]
    fn a_truth_beyond_the_classes_is_refused() {
        let _ = CategoryScores::new(2, vec![0.5, 0.5], vec![Some(2)]);
    }
}
