//! The mean squared distance between prediction and truth, in the squared unit of the target.
//!
//! Parity: `sklearn.metrics.mean_squared_error`.

use super::{Goal, Metric};
use crate::NumberScores;
use crate::mean::mean;

pub(super) const METRIC: Metric = Metric::new(
    "mean_squared_error",
    Goal::Minimize,
    "the mean squared distance between prediction and truth",
)
.of_number(number);

pub(super) fn number(scores: &NumberScores, rows: &[usize]) -> Option<f64> {
    mean(rows.iter().map(|&row| scores.error(row).powi(2)))
}
