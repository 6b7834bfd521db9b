//! The share of the target's variance that the predictions explain: 1 is perfect, 0 is as good as
//! the mean of the judged rows, below is worse.
//!
//! Undefined where the truth is constant, as it has no variance then. Parity:
//! `sklearn.metrics.r2_score(force_finite=False)`.

use super::{Goal, Metric};
use crate::NumberScores;
use crate::mean::mean;

pub(super) const METRIC: Metric = Metric::new(
    "r2",
    Goal::Maximize,
    "the share of the target's variance that the predictions explain",
)
.of_number(number);

fn number(scores: &NumberScores, rows: &[usize]) -> Option<f64> {
    let truth = |row: &usize| scores.truth()[*row];
    // Compared as they are: the mean of equal numbers may differ from them in the last digit, and
    // the variance would then be a rounding error and not 0.
    if rows.windows(2).all(|pair| truth(&pair[0]).total_cmp(&truth(&pair[1])).is_eq()) {
        return None;
    }
    let middle = mean(rows.iter().map(truth))?;
    let total: f64 = rows.iter().map(|row| (truth(row) - middle).powi(2)).sum();
    let left: f64 = rows.iter().map(|&row| scores.error(row).powi(2)).sum();
    Some(1.0 - left / total)
}
