//! The root of the mean squared error, in the unit of the target.
//!
//! Parity: `sklearn.metrics.root_mean_squared_error`.

use super::{Goal, Metric, mean_squared_error};
use crate::NumberScores;

pub(super) const METRIC: Metric = Metric::new(
    "root_mean_squared_error",
    Goal::Minimize,
    "the root of the mean squared error, in the unit of the target",
)
.of_number(number);

fn number(scores: &NumberScores, rows: &[usize]) -> Option<f64> {
    mean_squared_error::number(scores, rows).map(f64::sqrt)
}
