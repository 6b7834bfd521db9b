//! The share of rows that are answered right.
//!
//! Ludwig calls this `accuracy_micro` for a category; its `accuracy` there is the mean over the
//! classes, our `balanced_accuracy`. Parity: `sklearn.metrics.accuracy_score`.

use super::{Goal, Metric};
use crate::mean::share;
use crate::{BinaryScores, CategoryScores};

pub(super) const METRIC: Metric =
    Metric::new("accuracy", Goal::Maximize, "the share of rows that are answered right")
        .of_category(category)
        .of_binary(binary);

fn category(scores: &CategoryScores, rows: &[usize]) -> Option<f64> {
    share(rows.iter().map(|&row| scores.truth()[row] == Some(scores.predicted()[row])))
}

fn binary(scores: &BinaryScores, rows: &[usize]) -> Option<f64> {
    share(rows.iter().map(|&row| scores.truth()[row] == scores.predicted(row)))
}
