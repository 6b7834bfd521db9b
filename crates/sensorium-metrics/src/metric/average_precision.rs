//! The mean precision over the thresholds at which recall rises, weighted by how much it rises.
//!
//! Rows of one probability pass the threshold together, so their order is of no account. Undefined
//! where no row is true. Parity: `sklearn.metrics.average_precision_score`.

use super::ties::ties;
use super::{Goal, Metric};
use crate::BinaryScores;

pub(super) const METRIC: Metric = Metric::new(
    "average_precision",
    Goal::Maximize,
    "precision averaged over recall: the area under the precision-recall curve",
)
.of_binary(binary);

fn binary(scores: &BinaryScores, rows: &[usize]) -> Option<f64> {
    let ties = ties(scores, rows);
    let positives: usize = ties.iter().map(|tie| tie.positives).sum();
    if positives == 0 {
        return None;
    }

    let (mut passed, mut found) = (0_usize, 0_usize);
    let mut area = 0.0;
    for tie in ties.iter().rev() {
        passed += tie.rows;
        found += tie.positives;
        let precision = found as f64 / passed as f64;
        area += precision * tie.positives as f64 / positives as f64;
    }
    Some(area)
}
