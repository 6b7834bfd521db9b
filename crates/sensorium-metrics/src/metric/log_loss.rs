//! The mean of minus the natural logarithm of the probability given to what was right.
//!
//! Probabilities are clipped to what `f32` can tell from 0 and 1, as scikit-learn does, so that one
//! sure mistake does not make the loss infinite. Labels that no train row has are left out.
//! Parity: `sklearn.metrics.log_loss`.

use super::{Goal, Metric};
use crate::mean::mean;
use crate::{BinaryScores, CategoryScores};

pub(super) const METRIC: Metric = Metric::new(
    "log_loss",
    Goal::Minimize,
    "cross entropy: how little probability was given to what was right, in nats",
)
.of_category(category)
.of_binary(binary);

fn category(scores: &CategoryScores, rows: &[usize]) -> Option<f64> {
    mean(rows.iter().filter_map(|&row| {
        let truth = scores.truth()[row]?;
        Some(surprise(f64::from(scores.probabilities(row)[truth])))
    }))
}

fn binary(scores: &BinaryScores, rows: &[usize]) -> Option<f64> {
    mean(rows.iter().map(|&row| {
        let probability = f64::from(scores.probability()[row]);
        surprise(if scores.truth()[row] { probability } else { 1.0 - probability })
    }))
}

fn surprise(probability: f64) -> f64 {
    let least = f64::from(f32::EPSILON);
    -probability.clamp(least, 1.0 - least).ln()
}
