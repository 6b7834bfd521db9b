//! Of the true rows, the share that is answered so.
//!
//! Undefined where no row is true. Parity: `sklearn.metrics.recall_score`.

use super::{Goal, Metric};
use crate::BinaryScores;
use crate::counts::Counts;

pub(super) const METRIC: Metric =
    Metric::new("recall", Goal::Maximize, "of the true rows, the share that is answered so")
        .of_binary(binary);

fn binary(scores: &BinaryScores, rows: &[usize]) -> Option<f64> {
    Counts::of_binary(scores, rows).recall()
}
