//! The mean F1 of the classes that occur in the truth or the predictions, each class counting
//! alike.
//!
//! A label that no train row has is a false positive of the class predicted for it, and no class of
//! its own. Parity: `sklearn.metrics.f1_score(average="macro")`.

use super::{Goal, Metric};
use crate::CategoryScores;
use crate::counts::Counts;
use crate::mean::mean;

pub(super) const METRIC: Metric =
    Metric::new("macro_f1", Goal::Maximize, "the mean F1 of the classes").of_category(category);

fn category(scores: &CategoryScores, rows: &[usize]) -> Option<f64> {
    mean(Counts::of_classes(scores, rows).iter().filter_map(Counts::f1))
}
