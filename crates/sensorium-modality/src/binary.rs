//! True or false, as a vector of one: 1 or 0.

use sensorium_core::{ConfigError, FeatureShape};
use sensorium_table::{Cell, Column, ColumnSummary, TrainRows};
use serde::{Deserialize, Serialize};

pub use crate::boolean::truth_of_word;
use crate::boolean::{Spelling, written_label};
use crate::infer::{num_present, share};
use crate::{Features, MissingValueStrategy, Modality, ModalityError, NoAugmentation};

/// Which cells mean true.
///
/// | key                      | default | range                              |
/// |--------------------------|---------|------------------------------------|
/// | `missing_value_strategy` | `mask`  | `mask`                             |
/// | `fallback_true_label`    | null    | one of the column's labels         |
///
/// The keys are Ludwig's. Boolean words (true/false, yes/no, t/f, y/n, 1/0 in any case) mean what
/// they say. Where a column holds two other labels, `fallback_true_label` names the one that means
/// true; without it, that is the later one in alphabetical order, unless the other is a boolean
/// word for it. Differs from Ludwig: a third value is refused, not read as false.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BinaryConfig {
    /// What an absent value becomes.
    pub missing_value_strategy: MissingValueStrategy,
    /// The label that means true, where labels are not boolean words.
    #[serde(deserialize_with = "written_label")]
    pub fallback_true_label: Option<String>,
}

/// Truth values of one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Binary(Spelling);

impl Modality for Binary {
    type Config = BinaryConfig;
    type Decoded = bool;
    type Augmentation = NoAugmentation;

    /// All cells are boolean words, and of both sides; a third number makes numbers of them.
    fn claims(summary: &ColumnSummary) -> Option<String> {
        let words = summary.boolean_words;
        let word_of =
            |truth| summary.examples.iter().find(|example| truth_of_word(example) == Some(truth));
        let (yes, no) = (word_of(true)?, word_of(false)?);
        let are_words = words == num_present(summary);
        let are_numbers = summary.numbers > 0 && summary.distinct > 2;
        (are_words && !are_numbers).then(|| {
            format!("{} are boolean words, such as `{yes}` and `{no}`", share(words, summary))
        })
    }

    fn check(_: &BinaryConfig) -> Result<(), ConfigError> {
        Ok(())
    }

    fn fit(
        config: &BinaryConfig,
        column: Column<'_>,
        rows: &TrainRows,
    ) -> Result<Self, ModalityError> {
        Spelling::fit(column, rows, config.fallback_true_label.as_deref()).map(Self)
    }

    fn shape(&self) -> FeatureShape {
        FeatureShape::Vector { width: 1 }
    }

    fn decode(&self, cell: &Cell<'_>) -> Result<Option<bool>, ModalityError> {
        self.0.truth_of(cell)
    }

    fn features(&self, decoded: &bool) -> Features {
        Features::Vector(vec![if *decoded { 1.0 } else { 0.0 }])
    }

    fn unit(&self) -> &'static str {
        "0 or 1"
    }

    fn num_bytes(decoded: &bool) -> usize {
        size_of_val(decoded)
    }
}

#[cfg(test)]
mod tests {
    use sensorium_core::Hint;
    use sensorium_table::Value;

    use super::*;
    use crate::small_table::{SmallTable, text};

    #[test]
    fn true_is_one_and_false_is_zero() {
        let table = SmallTable::of([Value::Boolean(true), Value::Boolean(false), Value::Missing]);
        let binary = table.fit::<Binary>(&BinaryConfig::default()).unwrap();
        let truths = (0..3).map(|row| binary.decode(&table.column().cell(row)).unwrap());
        assert_eq!(truths.collect::<Vec<_>>(), [Some(true), Some(false), None]);
        assert_eq!(binary.features(&true), Features::Vector(vec![1.0]));
        assert_eq!(binary.features(&false), Features::Vector(vec![0.0]));
    }

    #[test]
    fn a_third_value_is_refused_naming_the_cell() {
        let table =
            SmallTable::with_held_out([text("spam"), text("ham")], [text("eggs"), Value::Missing]);
        let binary = table.fit::<Binary>(&BinaryConfig::default()).unwrap();
        let error = binary.decode(&table.column().cell(2)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "row 3 of column `it` is not `ham` or `spam`, which train holds: `eggs`"
        );
        assert!(error.hint().unwrap().contains("type: category"));
    }
}
