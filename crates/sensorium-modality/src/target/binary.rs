//! True or false.

use std::collections::BTreeSet;

use sensorium_core::ConfigError;
use sensorium_table::{Cell, Column, TrainRows};
use serde::{Deserialize, Serialize};

use super::{MissingTruth, Target, Truth, nothing_to_learn};
use crate::ModalityError;
use crate::boolean::{Spelling, written_label};

/// Which cells mean true.
///
/// | key                      | default    | range                      |
/// |--------------------------|------------|----------------------------|
/// | `missing_value_strategy` | `drop_row` | `drop_row`                 |
/// | `fallback_true_label`    | null       | one of the column's labels |
///
/// The meaning is that of [`crate::binary::BinaryConfig`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BinaryConfig {
    /// What is done about a row without truth.
    pub missing_value_strategy: MissingTruth,
    /// The label that means true, where labels are not boolean words.
    #[serde(deserialize_with = "written_label")]
    pub fallback_true_label: Option<String>,
}

/// The spelling of false and true, and how often train holds each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Binary {
    spelling: Spelling,
    classes: [String; 2],
    counts: [u64; 2],
}

impl Target for Binary {
    type Config = BinaryConfig;

    fn check(_: &BinaryConfig) -> Result<(), ConfigError> {
        Ok(())
    }

    fn fit(
        config: &BinaryConfig,
        column: Column<'_>,
        rows: &TrainRows,
    ) -> Result<Self, ModalityError> {
        let spelling = Spelling::fit(column, rows, config.fallback_true_label.as_deref())?;
        let mut counts = [0; 2];
        let mut spelled = [BTreeSet::new(), BTreeSet::new()];
        for &row in rows.indices() {
            let cell = column.cell(row);
            if let Ok(Some(truth)) = spelling.truth_of(&cell) {
                counts[usize::from(truth)] += 1;
                let words = &mut spelled[usize::from(truth)];
                if let (0..=1, Some(word)) = (words.len(), cell.text()?) {
                    words.insert(word.trim().to_owned());
                }
            }
        }
        if let Some(absent) = counts.iter().position(|&count| count == 0) {
            let held = absent == 0;
            return Err(nothing_to_learn(column, format!("its train rows are all {held}")));
        }
        let [no, yes] = spelled;
        Ok(Self { spelling, classes: [label(no, "false"), label(yes, "true")], counts })
    }

    fn truth_of(&self, cell: &Cell<'_>) -> Result<Truth, ModalityError> {
        let truth = self.spelling.truth_of(cell)?;
        Ok(truth.map_or(Truth::Absent, |truth| Truth::Class(usize::from(truth))))
    }

    fn num_outputs(&self) -> usize {
        1
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn class_counts(&self) -> &[u64] {
        &self.counts
    }
}

/// The column's own word where it has one for this side, else the plain one.
fn label(words: BTreeSet<String>, plain: &str) -> String {
    match Vec::from_iter(words).as_slice() {
        [word] => word.clone(),
        _ => plain.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use sensorium_table::Value;

    use super::*;
    use crate::small_table::{SmallTable, text};

    fn fitted(table: &SmallTable) -> Binary {
        Binary::fit(&BinaryConfig::default(), table.column(), table.train()).unwrap()
    }

    #[test]
    fn classes_are_the_columns_own_words_in_the_order_false_true() {
        let table = SmallTable::of([text("yes"), text("no"), text("yes")]);
        let binary = fitted(&table);
        assert_eq!(binary.classes(), ["no", "yes"]);
        assert_eq!(binary.class_counts(), [1, 2]);
        assert_eq!(binary.num_outputs(), 1);
        assert_eq!(binary.truth_of(&table.column().cell(0)).unwrap(), Truth::Class(1));
    }

    #[test]
    fn several_words_for_one_side_are_called_by_the_plain_word() {
        let binary = fitted(&SmallTable::of([text("y"), text("yes"), text("0")]));
        assert_eq!(binary.classes(), ["0", "true"]);
    }

    #[test]
    fn boolean_words_of_one_side_leave_nothing_to_learn() {
        let table = SmallTable::of([Value::Boolean(true), text("yes")]);
        let error = Binary::fit(&BinaryConfig::default(), table.column(), table.train());
        let message = error.unwrap_err().to_string();
        assert!(message.contains("its train rows are all true"), "{message}");
    }

    #[test]
    fn a_third_value_is_refused_naming_the_cell() {
        let held_out = [text("eggs"), Value::Missing];
        let table = SmallTable::with_held_out([text("spam"), text("ham")], held_out);
        let error = fitted(&table).truth_of(&table.column().cell(2)).unwrap_err();
        assert!(error.to_string().starts_with("row 3 of column `it`"), "{error}");
    }
}
