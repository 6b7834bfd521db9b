//! The mean squared distance between the probabilities and what was right.
//!
//! Binary: `(p - y)²`, from 0 to 1. Category: the sum of that over the classes, from 0 to 2, with
//! two classes as well. Labels that no train row has are left out. Source: Brier 1950. Parity:
//! `sklearn.metrics.brier_score_loss`, `scale_by_half=False` for a category.

use super::{Goal, Metric};
use crate::mean::mean;
use crate::{BinaryScores, CategoryScores};

pub(super) const METRIC: Metric = Metric::new(
    "brier",
    Goal::Minimize,
    "the squared distance between the probabilities and what was right",
)
.of_category(category)
.of_binary(binary);

fn category(scores: &CategoryScores, rows: &[usize]) -> Option<f64> {
    mean(rows.iter().filter_map(|&row| {
        let truth = scores.truth()[row]?;
        let classes = scores.probabilities(row).iter().enumerate();
        Some(classes.map(|(class, &probability)| squared(probability, class == truth)).sum())
    }))
}

fn binary(scores: &BinaryScores, rows: &[usize]) -> Option<f64> {
    mean(rows.iter().map(|&row| squared(scores.probability()[row], scores.truth()[row])))
}

fn squared(probability: f32, right: bool) -> f64 {
    (f64::from(probability) - f64::from(right)).powi(2)
}
