//! One of several classes.

use sensorium_core::ConfigError;
use sensorium_table::{Cell, Column, TrainRows};
use serde::{Deserialize, Serialize};

use super::{MissingTruth, Target, Truth, nothing_to_learn};
use crate::ModalityError;
use crate::labels::{LabelCounts, Labels};

/// The most classes that an output may have: a head makes one value for each.
pub const MAX_CLASSES: usize = 10_000;

/// A category output has nothing to set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CategoryConfig {
    /// What is done about a row without truth: `drop_row`.
    pub missing_value_strategy: MissingTruth,
}

/// The classes of the train rows by falling frequency, ties in alphabetical order, spelled as most of
/// them spell it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "StoredCategory")]
pub struct Category {
    classes: Labels,
    counts: Vec<u64>,
}

/// [`Category`] as a file holds it, not yet checked.
#[derive(Deserialize)]
struct StoredCategory {
    classes: Labels,
    counts: Vec<u64>,
}

impl TryFrom<StoredCategory> for Category {
    type Error = &'static str;

    fn try_from(stored: StoredCategory) -> Result<Self, &'static str> {
        let StoredCategory { classes, counts } = stored;
        if counts.len() < 2 || classes.spellings().len() != counts.len() {
            return Err("a category of fewer than two classes, or without one count for each");
        }
        Ok(Self { classes, counts })
    }
}

impl Target for Category {
    type Config = CategoryConfig;

    fn check(_: &CategoryConfig) -> Result<(), ConfigError> {
        Ok(())
    }

    fn fit(
        _: &CategoryConfig,
        column: Column<'_>,
        rows: &TrainRows,
    ) -> Result<Self, ModalityError> {
        let counted = LabelCounts::of(column, rows).by_falling_count();
        match counted.as_slice() {
            [] => return Err(nothing_to_learn(column, "no train row holds a class".to_owned())),
            [(only, _)] => {
                let problem = format!("its train rows hold only the class `{only}`");
                return Err(nothing_to_learn(column, problem));
            }
            _ if counted.len() > MAX_CLASSES => {
                let advice = "is this a text or a number rather than a class?".to_owned();
                let classes = counted.len();
                let problem =
                    format!("its train rows hold {classes} classes, but at most {MAX_CLASSES}");
                return Err(ModalityError::Fit { column: column.name().clone(), problem, advice });
            }
            _ => {}
        }
        let (classes, counts): (Vec<_>, Vec<_>) = counted.into_iter().unzip();
        let classes = Labels::try_from(classes).expect("the labels are distinct and few");
        Ok(Self { classes, counts })
    }

    fn truth_of(&self, cell: &Cell<'_>) -> Result<Truth, ModalityError> {
        let Some(label) = cell.text()? else { return Ok(Truth::Absent) };
        Ok(self.class_of(&label).map_or(Truth::Unseen, Truth::Class))
    }

    fn num_outputs(&self) -> usize {
        self.counts.len()
    }

    fn classes(&self) -> &[String] {
        self.classes.spellings()
    }

    fn class_counts(&self) -> &[u64] {
        &self.counts
    }

    fn class_of(&self, label: &str) -> Option<usize> {
        self.classes.place(label)
    }

    fn unseen(&self, cell: &Cell<'_>) -> Option<String> {
        self.classes.unseen(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::small_table::{SmallTable, text};

    #[test]
    fn classes_come_by_frequency_and_a_label_outside_train_is_unseen() {
        let train = [text("b"), text("a"), text("c"), text("c")];
        let table = SmallTable::with_held_out(train, [text("a"), text("d")]);
        let config = CategoryConfig::default();
        let category = Category::fit(&config, table.column(), table.train()).unwrap();
        assert_eq!(category.classes(), ["c", "a", "b"]);
        assert_eq!(category.class_counts(), [2, 1, 1]);
        assert_eq!(category.num_outputs(), 3);
        let truth = |row| category.truth_of(&table.column().cell(row)).unwrap();
        assert_eq!(truth(4), Truth::Class(1));
        assert_eq!(truth(5), Truth::Unseen);
    }

    #[test]
    fn a_column_of_names_is_no_category() {
        let table = SmallTable::of((0..=MAX_CLASSES).map(|name| text(&name.to_string())));
        let error =
            Category::fit(&CategoryConfig::default(), table.column(), table.train()).unwrap_err();
        assert!(error.to_string().contains("10001 classes, but at most 10000"), "{error}");
    }

    #[test]
    fn a_stored_category_without_one_count_a_class_is_refused() {
        let stored = r#"{"classes": ["a", "b"], "counts": [1]}"#;
        assert!(serde_json::from_str::<Category>(stored).is_err());
    }
}
