//! The share of rows whose right class is among the three most probable.
//!
//! A tie goes to the first class, as in the prediction (scikit-learn gives it to the last). With
//! three classes or fewer every label that train has is a hit. Parity:
//! `sklearn.metrics.top_k_accuracy_score`.

use std::cmp::Ordering;

use super::{Goal, Metric};
use crate::CategoryScores;
use crate::mean::share;

/// Ludwig's default of `top_k`.
const K: usize = 3;

pub(super) const METRIC: Metric = Metric::new(
    "hits_at_k",
    Goal::Maximize,
    "the share of rows whose right class is among the three most probable",
)
.of_category(category);

fn category(scores: &CategoryScores, rows: &[usize]) -> Option<f64> {
    share(rows.iter().map(|&row| match scores.truth()[row] {
        Some(truth) => classes_before(truth, scores.probabilities(row)) < K,
        None => false,
    }))
}

/// The number of classes that rank before `class`.
fn classes_before(class: usize, probabilities: &[f32]) -> usize {
    let ranks_before = |(other, probability): &(usize, &f32)| match probability
        .partial_cmp(&&probabilities[class])
    {
        Some(Ordering::Greater) => true,
        Some(Ordering::Equal) => *other < class,
        Some(Ordering::Less) | None => false,
    };
    probabilities.iter().enumerate().filter(ranks_before).count()
}
