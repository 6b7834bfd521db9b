//! The statistics file: what is said of every output, as `test_statistics.json` holds it.
//!
//! ```json
//! {
//!   "<output>": {
//!     "<metric>": 0.91,
//!     "rows": 140,
//!     "true_label": "yes",
//!     "unseen_labels": {"<feature>": {"<label>": 3}},
//!     "baseline": {"<metric>": 0.2},
//!     "interval": {"<metric>": {"low": 0.88, "high": 0.93, "level": 0.95}},
//!     "subsets": {"name+noto": {"<metric>": 0.88}},
//!     "subset_rows": {"name+noto": 120},
//!     "per_class_stats": {"<label>": {"precision": 0.9}},
//!     "confusion_matrix": [[3, 1], [0, 5]]
//!   },
//!   "combined": {"loss": 0.4}
//! }
//! ```
//!
//! Outputs, subsets and classes keep the order that they are given in; metrics are in the order of
//! their names. A metric that is undefined is `null`.

use std::collections::BTreeMap;

use sensorium_core::ConfigError;
use serde::{Deserialize, Serialize};

use crate::{ClassReport, ClassStatistics, Interval, Ordered, Scores, metrics_for};

/// The name in the file that is about all outputs together, so that no output may have it.
pub const COMBINED: &str = "combined";

/// Metrics by name, `None` where undefined.
pub type MetricValues = BTreeMap<String, Option<f64>>;

/// Every metric of the kind over a whole split.
#[must_use]
pub fn judge(scores: &Scores) -> MetricValues {
    metrics_for(scores.kind()).map(|metric| (metric.name.to_owned(), metric.of(scores))).collect()
}

/// What is said of one output.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OutputStatistics {
    /// Each metric of the output, and its `loss` where the caller adds it.
    #[serde(flatten)]
    pub metrics: MetricValues,
    /// The rows that every metric is of: those that hold a truth which train holds too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
    /// Which label means true; a binary output only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub true_label: Option<String>,
    /// How many of the rows given hold each label that train does not, of this output, whose rows
    /// count in no metric, and of the inputs; empty where there is none. Of many labels the most
    /// frequent 100.
    #[serde(default, skip_serializing_if = "Ordered::is_empty")]
    pub unseen_labels: Ordered<Ordered<usize>>,
    /// The metrics of a model that looks at no input.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub baseline: MetricValues,
    /// How sure each metric is, `None` where no interval can be given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub interval: BTreeMap<String, Option<Interval>>,
    /// The metrics with only some inputs, by their names joined with `+`.
    #[serde(default, skip_serializing_if = "Ordered::is_empty")]
    pub subsets: Ordered<MetricValues>,
    /// How many of the judged rows have every input of a subset, by its name; empty where all have.
    #[serde(default, skip_serializing_if = "Ordered::is_empty")]
    pub subset_rows: Ordered<usize>,
    /// Each class on its own; a category output only.
    #[serde(default, skip_serializing_if = "Ordered::is_empty")]
    pub per_class_stats: Ordered<ClassStatistics>,
    /// Rows by right class, then by predicted class: `[K, K]`; a category output only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion_matrix: Option<Vec<Vec<usize>>>,
}

impl OutputStatistics {
    /// The statistics that hold every metric of `scores` and nothing else yet.
    #[must_use]
    pub fn of(scores: &Scores) -> Self {
        Self { metrics: judge(scores), rows: Some(scores.len()), ..Self::default() }
    }

    /// The same with what is said of each class.
    #[must_use]
    pub fn with_classes(self, report: ClassReport) -> Self {
        let ClassReport { per_class_stats, confusion_matrix } = report;
        Self { per_class_stats, confusion_matrix, ..self }
    }
}

/// What is said of all outputs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    #[serde(flatten)]
    outputs: Ordered<OutputStatistics>,
    /// What is said of all outputs together, such as their `loss`.
    pub combined: MetricValues,
}

impl Statistics {
    /// Adds an output after those that stand already.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Conflict`] where the name is [`COMBINED`] or stands already.
    pub fn insert(&mut self, name: &str, output: OutputStatistics) -> Result<(), ConfigError> {
        let problem = match self.outputs.get(name) {
            _ if name == COMBINED => format!("an output is called `{name}`, which is taken"),
            Some(_) => format!("two outputs are called `{name}`"),
            None => {
                self.outputs.insert(name, output);
                return Ok(());
            }
        };
        let advice = "give the output another name".to_owned();
        Err(ConfigError::Conflict { at: "output_features".to_owned(), problem, advice })
    }

    /// What is said of each output, in the order of the config.
    pub const fn outputs(&self) -> &Ordered<OutputStatistics> {
        &self.outputs
    }
}

#[cfg(test)]
mod tests {
    use sensorium_core::Seed;

    use super::*;
    use crate::{Bootstrap, CategoryScores, baseline};

    fn statistics() -> Statistics {
        let truth = vec![Some(0), Some(1), Some(1), None];
        let scores = CategoryScores::new(
            2,
            vec![0.75, 0.25, 0.25, 0.75, 0.75, 0.25, 0.5, 0.5],
            truth.clone(),
        );
        let report = ClassReport::of(&scores, &["yes".to_owned(), "no".to_owned()]);
        let scores = Scores::from(scores);
        let mut output = OutputStatistics::of(&scores).with_classes(report);
        output.metrics.insert("loss".to_owned(), Some(0.5));
        output.baseline = judge(&baseline::majority_class(&[1, 3], truth).unwrap().into());
        output.interval =
            Bootstrap::default().intervals(metrics_for(scores.kind()), &scores, Seed::new(1));
        output.subsets.insert("noto", judge(&scores));
        output.subsets.insert("name+noto", MetricValues::from([("accuracy".to_owned(), None)]));

        let mut statistics = Statistics::default();
        statistics.insert("subcategory", output.clone()).unwrap();
        statistics.insert("category", output).unwrap();
        statistics.combined.insert("loss".to_owned(), Some(1.0));
        statistics
    }

    #[test]
    fn the_file_has_its_documented_shape_and_order() {
        let value = serde_json::to_value(statistics()).unwrap();
        let keys = |value: &serde_json::Value| {
            value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(keys(&value), "subcategory category combined");
        let output = &value["category"];
        assert_eq!(
            keys(output),
            "accuracy balanced_accuracy brier hits_at_k log_loss loss macro_f1 \
             rows baseline interval subsets per_class_stats confusion_matrix"
        );
        assert_eq!(output["accuracy"], 0.5);
        assert_eq!(keys(&output["subsets"]), "noto name+noto");
        assert!(output["subsets"]["name+noto"]["accuracy"].is_null());
        assert_eq!(keys(&output["interval"]["accuracy"]), "low high level");
        assert_eq!(keys(&output["per_class_stats"]), "yes no");
        assert_eq!(output["confusion_matrix"], serde_json::json!([[1, 0], [1, 1]]));
        assert_eq!(value["combined"]["loss"], 1.0);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = serde_json::to_string_pretty(&statistics()).unwrap();
        let back: Statistics = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string_pretty(&back).unwrap(), text);
        assert_eq!(back.outputs().get("category").unwrap().metrics["loss"], Some(0.5));
    }

    #[test]
    fn a_file_without_the_optional_parts_is_read() {
        let text = r#"{"digit":{"accuracy":null},"combined":{}}"#;
        let statistics: Statistics = serde_json::from_str(text).unwrap();
        assert_eq!(statistics.outputs().get("digit").unwrap().metrics["accuracy"], None);
        assert_eq!(serde_json::to_string(&statistics).unwrap(), text);
    }

    #[test]
    fn an_output_whose_name_is_taken_is_refused() {
        let mut statistics = statistics();
        for (name, message) in [
            ("combined", "`output_features`: an output is called `combined`, which is taken"),
            ("category", "`output_features`: two outputs are called `category`"),
        ] {
            let error = statistics.insert(name, OutputStatistics::default()).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
