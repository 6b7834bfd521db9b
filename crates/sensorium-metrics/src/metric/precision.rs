//! Of the rows answered with "true", the share that is right.
//!
//! Undefined where none is answered so. Parity: `sklearn.metrics.precision_score`.

use super::{Goal, Metric};
use crate::BinaryScores;
use crate::counts::Counts;

pub(super) const METRIC: Metric = Metric::new(
    "precision",
    Goal::Maximize,
    "of the rows answered with true, the share that is right",
)
.of_binary(binary);

fn binary(scores: &BinaryScores, rows: &[usize]) -> Option<f64> {
    Counts::of_binary(scores, rows).precision()
}
