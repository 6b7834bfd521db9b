//! The mean recall of the classes that occur in the truth, each class counting alike.
//!
//! It is what Ludwig calls `accuracy` for a category, but for classes that are predicted and never
//! occur: those count there with a recall of 0. Labels that no train row has are no class, so a row
//! of one is in no recall. Parity: `sklearn.metrics.balanced_accuracy_score`.

use super::{Goal, Metric};
use crate::CategoryScores;
use crate::counts::Counts;
use crate::mean::mean;

pub(super) const METRIC: Metric =
    Metric::new("balanced_accuracy", Goal::Maximize, "the mean recall of the classes")
        .of_category(category);

fn category(scores: &CategoryScores, rows: &[usize]) -> Option<f64> {
    mean(Counts::of_classes(scores, rows).iter().filter_map(Counts::recall))
}
