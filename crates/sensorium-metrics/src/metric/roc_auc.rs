//! The area under the ROC curve, a tie counting half.
//!
//! Undefined where the rows hold one class only. Source: Hanley and `McNeil` 1982, as the
//! share of pairs that are ranked right (Mann and Whitney's U). Parity: `sklearn.metrics.roc_auc_score`.

use super::ties::ties;
use super::{Goal, Metric};
use crate::BinaryScores;

pub(super) const METRIC: Metric = Metric::new(
    "roc_auc",
    Goal::Maximize,
    "the chance that a true row scores above a false one: the area under the ROC curve",
)
.of_binary(binary);

fn binary(scores: &BinaryScores, rows: &[usize]) -> Option<f64> {
    let ties = ties(scores, rows);
    let positives: usize = ties.iter().map(|tie| tie.positives).sum();
    let negatives = rows.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }

    let mut negatives_below = 0.0;
    let mut won = 0.0;
    for tie in &ties {
        let tied_negatives = (tie.rows - tie.positives) as f64;
        won += tie.positives as f64 * (negatives_below + tied_negatives / 2.0);
        negatives_below += tied_negatives;
    }
    Some(won / (positives as f64 * negatives as f64))
}
