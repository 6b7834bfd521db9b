//! Metrics: what one number says of the predictions of a whole split.
//!
//! A metric is one file here and one line in [`METRICS`].

mod accuracy;
mod average_precision;
mod balanced_accuracy;
mod brier;
mod f1;
mod hits_at_k;
mod log_loss;
mod macro_f1;
mod mean_absolute_error;
mod mean_squared_error;
mod precision;
mod r2;
mod recall;
mod roc_auc;
mod root_mean_squared_error;
mod ties;

use sensorium_core::ConfigError;
use serde::{Deserialize, Serialize};

use crate::{BinaryScores, CategoryScores, NumberScores, OutputKind, Scores};

/// Every metric that a config can name in `trainer.validation_metric`, beside `loss`.
pub const METRICS: &[&Metric] = &[
    &accuracy::METRIC,
    &average_precision::METRIC,
    &balanced_accuracy::METRIC,
    &brier::METRIC,
    &f1::METRIC,
    &hits_at_k::METRIC,
    &log_loss::METRIC,
    &macro_f1::METRIC,
    &mean_absolute_error::METRIC,
    &mean_squared_error::METRIC,
    &precision::METRIC,
    &r2::METRIC,
    &recall::METRIC,
    &roc_auc::METRIC,
    &root_mean_squared_error::METRIC,
];

/// Whether more of a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    /// More is better.
    Maximize,
    /// Less is better.
    Minimize,
}

impl Goal {
    /// Whether `value` is strictly better than `other`; one that is not a number never is, and
    /// every number is better than one that is not.
    pub fn is_better(self, value: f64, other: f64) -> bool {
        if value.is_nan() || other.is_nan() {
            return !value.is_nan();
        }
        match self {
            Self::Maximize => value > other,
            Self::Minimize => value < other,
        }
    }
}

/// A metric of the rows named by index, or `None` where it is undefined.
type Compute<S> = fn(&S, &[usize]) -> Option<f64>;

/// One metric: its name, what is better, and how it is computed for each kind that it applies to.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name in configs and statistics files: Ludwig's, or else scikit-learn's.
    pub name: &'static str,
    /// A line on what it measures.
    pub summary: &'static str,
    /// Whether more of it is better.
    pub goal: Goal,
    category: Option<Compute<CategoryScores>>,
    binary: Option<Compute<BinaryScores>>,
    number: Option<Compute<NumberScores>>,
}

impl Metric {
    /// A metric that as yet applies to no kind; its file adds those it does.
    const fn new(name: &'static str, goal: Goal, summary: &'static str) -> Self {
        Self { name, summary, goal, category: None, binary: None, number: None }
    }

    const fn of_category(self, compute: Compute<CategoryScores>) -> Self {
        Self { category: Some(compute), ..self }
    }

    const fn of_binary(self, compute: Compute<BinaryScores>) -> Self {
        Self { binary: Some(compute), ..self }
    }

    const fn of_number(self, compute: Compute<NumberScores>) -> Self {
        Self { number: Some(compute), ..self }
    }

    /// Whether outputs of `kind` have this metric.
    pub const fn applies_to(&self, kind: OutputKind) -> bool {
        match kind {
            OutputKind::Category => self.category.is_some(),
            OutputKind::Binary => self.binary.is_some(),
            OutputKind::Number => self.number.is_some(),
        }
    }

    /// The metric over the whole split; see [`Metric::of_rows`].
    #[must_use]
    pub fn of(&self, scores: &Scores) -> Option<f64> {
        let rows: Vec<usize> = (0..scores.len()).collect();
        self.of_rows(scores, &rows)
    }

    /// The metric over `rows`, indices into `scores` that may repeat, in any order.
    ///
    /// `None` where it is undefined: no row, a ratio of nothing, a kind that it does not apply to,
    /// or any prediction of the split that is not a finite number (a model that diverged has no
    /// score). A stand-in such as 0 would read as a result.
    ///
    /// # Panics
    ///
    /// If an index is not below `scores.len()`.
    #[must_use]
    pub fn of_rows(&self, scores: &Scores, rows: &[usize]) -> Option<f64> {
        if !scores.is_finite() {
            return None;
        }
        let value = match scores {
            Scores::Category(scores) => self.category?(scores, rows),
            Scores::Binary(scores) => self.binary?(scores, rows),
            Scores::Number(scores) => self.number?(scores, rows),
        };
        // Squares of large numbers overflow, and infinity cannot be written to JSON.
        value.filter(|value| value.is_finite())
    }
}

/// The metrics of a kind of output, in the order of their names.
pub fn metrics_for(kind: OutputKind) -> impl Iterator<Item = &'static Metric> {
    METRICS.iter().copied().filter(move |metric| metric.applies_to(kind))
}

/// The metric that a kind of output is judged by where the config names none.
///
/// Category `accuracy`, binary `roc_auc`, as in Ludwig; number `root_mean_squared_error`, which
/// ranks as Ludwig's `mean_squared_error` does and is in the unit of the target.
pub const fn default_metric(kind: OutputKind) -> &'static Metric {
    match kind {
        OutputKind::Category => &accuracy::METRIC,
        OutputKind::Binary => &roc_auc::METRIC,
        OutputKind::Number => &root_mean_squared_error::METRIC,
    }
}

/// Finds the metric that outputs of `kind` have under `name`.
///
/// # Errors
///
/// [`ConfigError::UnknownValue`] with the names that `kind` has; use [`ConfigError::under`] to
/// place it in the config.
pub fn find(kind: OutputKind, name: &str) -> Result<&'static Metric, ConfigError> {
    metrics_for(kind)
        .find(|metric| metric.name == name)
        .ok_or_else(|| ConfigError::unknown_value("", name, metrics_for(kind).map(|m| m.name)))
}

#[cfg(test)]
mod tests {
    use sensorium_core::Hint;

    use super::*;

    #[test]
    fn the_list_is_in_the_order_of_names_and_each_metric_applies_somewhere() {
        assert!(METRICS.is_sorted_by(|a, b| a.name < b.name));
        for metric in METRICS {
            assert!(OutputKind::ALL.iter().any(|&kind| metric.applies_to(kind)), "{}", metric.name);
        }
    }

    #[test]
    fn the_default_metric_of_a_kind_applies_to_it() {
        for kind in OutputKind::ALL {
            assert_eq!(
                find(kind, default_metric(kind).name).unwrap().name,
                default_metric(kind).name
            );
        }
    }

    #[test]
    fn an_unknown_metric_is_answered_with_the_nearest() {
        let error = find(OutputKind::Category, "acuracy").unwrap_err().under("validation_metric");
        assert_eq!(
            error.to_string(),
            "`validation_metric` is `acuracy`, which is not one of its values"
        );
        assert!(error.hint().unwrap().starts_with("did you mean `accuracy`? valid: accuracy, "));
    }

    #[test]
    fn a_metric_of_another_kind_is_unknown() {
        assert!(find(OutputKind::Number, "accuracy").is_err());
    }

    #[test]
    fn no_metric_is_defined_over_no_row_or_a_prediction_that_is_not_a_number() {
        let empty: [Scores; 3] = [
            CategoryScores::new(2, vec![], vec![]).into(),
            BinaryScores::new(vec![], vec![]).into(),
            NumberScores::new(vec![], vec![]).into(),
        ];
        let diverged: [Scores; 3] = [
            CategoryScores::new(2, vec![f32::NAN, 0.5, 0.1, 0.9], vec![Some(0), Some(1)]).into(),
            BinaryScores::new(vec![f32::NAN, 0.5], vec![true, false]).into(),
            NumberScores::new(vec![f64::INFINITY, 1.0], vec![0.0, 1.0]).into(),
        ];
        for scores in empty.iter().chain(&diverged) {
            for metric in metrics_for(scores.kind()) {
                assert_eq!(metric.of(scores), None, "{}", metric.name);
            }
        }
    }

    #[test]
    fn a_number_is_better_than_none_and_none_never_is() {
        for goal in [Goal::Maximize, Goal::Minimize] {
            assert!(goal.is_better(1.0, f64::NAN));
            assert!(!goal.is_better(f64::NAN, 1.0));
            assert!(!goal.is_better(f64::NAN, f64::NAN));
            assert!(!goal.is_better(1.0, 1.0));
        }
        assert!(Goal::Maximize.is_better(2.0, 1.0) && Goal::Minimize.is_better(1.0, 2.0));
    }
}
