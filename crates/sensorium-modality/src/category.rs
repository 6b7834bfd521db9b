//! One of few labels, as a one-hot vector.

use sensorium_core::config::in_range;
use sensorium_core::{ConfigError, FeatureShape};
use sensorium_table::{Cell, Column, ColumnSummary, TrainRows};
use serde::{Deserialize, Serialize};

use crate::infer::{grouped, num_present};
use crate::labels::{LabelCounts, Labels};
use crate::{Features, MissingValueStrategy, Modality, ModalityError, NoAugmentation};

/// The most labels that a column may keep: a row takes four bytes for each.
pub const MAX_LABELS: usize = 100_000;

/// Which labels are told apart.
///
/// | key                      | default | unit   | range               |
/// |--------------------------|---------|--------|---------------------|
/// | `missing_value_strategy` | `mask`  |        | `mask`              |
/// | `most_common`            | 10 000  | labels | 1 to [`MAX_LABELS`] |
///
/// The keys are Ludwig's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CategoryConfig {
    /// What an absent label becomes.
    pub missing_value_strategy: MissingValueStrategy,
    /// The most labels that have a place of their own; the rest count as unknown.
    pub most_common: usize,
}

impl Default for CategoryConfig {
    fn default() -> Self {
        Self { missing_value_strategy: MissingValueStrategy::Mask, most_common: 10_000 }
    }
}

/// Labels of one column: place 0 is a label that train does not hold, then come the labels of the
/// train rows by falling frequency, ties in alphabetical order. Labels are compared by
/// [`label_key`](sensorium_table::label_key).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Category {
    labels: Labels,
}

impl Category {
    /// The labels that have a place, from place 1 on.
    pub fn labels(&self) -> &[String] {
        self.labels.spellings()
    }
}

/// `60 cells hold 3 different values of 1.3 words on average`.
pub(crate) fn values_shown(summary: &ColumnSummary) -> String {
    let zeros = if summary.leading_zeros > 0 { ", some with leading zeros" } else { "" };
    let more = if summary.distinct_is_capped { "more than " } else { "" };
    format!(
        "{} cells hold {more}{} different values of {:.1} words on average{zeros}",
        grouped(num_present(summary) - summary.embedded),
        grouped(summary.distinct),
        summary.mean_words,
    )
}

impl Modality for Category {
    type Config = CategoryConfig;
    type Decoded = String;
    type Augmentation = NoAugmentation;

    /// Values are short, and each stands in several cells.
    fn claims(summary: &ColumnSummary) -> Option<String> {
        const CELLS_PER_LABEL: usize = 4;
        const MOST_WORDS: f64 = 4.0;
        const MOST_CHARACTERS: f64 = 40.0;
        let cells = num_present(summary);
        let repeats = summary.distinct > 0 && summary.distinct <= cells / CELLS_PER_LABEL;
        let is_short =
            summary.mean_words <= MOST_WORDS && summary.mean_characters <= MOST_CHARACTERS;
        let is_label = repeats && !summary.distinct_is_capped && is_short && summary.embedded == 0;
        is_label.then(|| values_shown(summary))
    }

    fn check(config: &CategoryConfig) -> Result<(), ConfigError> {
        in_range("most_common", config.most_common, 1..=MAX_LABELS)
    }

    fn fit(
        config: &CategoryConfig,
        column: Column<'_>,
        rows: &TrainRows,
    ) -> Result<Self, ModalityError> {
        let counts = LabelCounts::of(column, rows);
        if counts.len() == 0 {
            return Err(ModalityError::Fit {
                column: column.name().clone(),
                problem: "no train row holds a label".to_owned(),
                advice: "leave the column out, or check that it is the one you mean".to_owned(),
            });
        }
        Ok(Self { labels: counts.into_labels(config.most_common) })
    }

    fn shape(&self) -> FeatureShape {
        FeatureShape::Vector { width: 1 + self.labels().len() }
    }

    fn decode(&self, cell: &Cell<'_>) -> Result<Option<String>, ModalityError> {
        Ok(cell.text()?.map(std::borrow::Cow::into_owned))
    }

    fn features(&self, decoded: &String) -> Features {
        let place = self.labels.place(decoded).map_or(0, |place| 1 + place);
        let mut one_hot = vec![0.0; 1 + self.labels().len()];
        one_hot[place] = 1.0;
        Features::Vector(one_hot)
    }

    fn unseen(&self, cell: &Cell<'_>) -> Option<String> {
        self.labels.unseen(cell)
    }

    fn unit(&self) -> &'static str {
        "one-hot"
    }

    fn num_bytes(decoded: &String) -> usize {
        decoded.len()
    }
}

#[cfg(test)]
mod tests {
    use sensorium_table::Value;

    use super::*;
    use crate::small_table::{SmallTable, text};

    fn one_hot(category: &Category, label: &str) -> Vec<f32> {
        match category.features(&label.to_owned()) {
            Features::Vector(values) => values,
            other => panic!("a vector, not {other:?}"),
        }
    }

    #[test]
    fn each_train_label_has_a_place_and_the_rest_share_the_first() {
        let table = SmallTable::with_held_out(
            [text("red"), text("blue"), text("red")],
            [text("green"), Value::Missing],
        );
        let category = table.fit::<Category>(&CategoryConfig::default()).unwrap();
        assert_eq!(category.labels(), ["red", "blue"]);
        assert_eq!(one_hot(&category, "red"), [0.0, 1.0, 0.0]);
        assert_eq!(one_hot(&category, "blue"), [0.0, 0.0, 1.0]);
        assert_eq!(one_hot(&category, "green"), [1.0, 0.0, 0.0]);
    }

    #[test]
    fn only_the_most_common_keep_a_place() {
        let table = SmallTable::of([text("a"), text("b"), text("b")]);
        let config = CategoryConfig { most_common: 1, ..CategoryConfig::default() };
        assert_eq!(one_hot(&table.fit::<Category>(&config).unwrap(), "a"), [1.0, 0.0]);
    }

    #[test]
    fn a_column_without_labels_cannot_be_fitted() {
        let error = SmallTable::of([Value::Missing]).fit::<Category>(&CategoryConfig::default());
        assert!(error.unwrap_err().to_string().contains("no train row holds a label"));
    }
}
