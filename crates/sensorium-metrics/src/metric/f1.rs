//! The harmonic mean of precision and recall.
//!
//! Undefined where no row is true and none is answered so. Parity: `sklearn.metrics.f1_score`.

use super::{Goal, Metric};
use crate::BinaryScores;
use crate::counts::Counts;

pub(super) const METRIC: Metric =
    Metric::new("f1", Goal::Maximize, "the harmonic mean of precision and recall")
        .of_binary(binary);

fn binary(scores: &BinaryScores, rows: &[usize]) -> Option<f64> {
    Counts::of_binary(scores, rows).f1()
}
