//! The mean distance between prediction and truth, in the unit of the target.
//!
//! Parity: `sklearn.metrics.mean_absolute_error`.

use super::{Goal, Metric};
use crate::NumberScores;
use crate::mean::mean;

pub(super) const METRIC: Metric = Metric::new(
    "mean_absolute_error",
    Goal::Minimize,
    "the mean distance between prediction and truth, in the unit of the target",
)
.of_number(number);

fn number(scores: &NumberScores, rows: &[usize]) -> Option<f64> {
    mean(rows.iter().map(|&row| scores.error(row).abs()))
}
