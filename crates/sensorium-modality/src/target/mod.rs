//! What outputs learn: from a cell to the truth that a model is trained on and measured against.

pub mod binary;
pub mod category;
pub mod number;

use sensorium_core::ConfigError;
use sensorium_table::{Cell, Column, TrainRows};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ModalityError;

/// What a cell of an output column says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Truth {
    /// Nothing: the row counts neither for this output's loss nor for its metrics.
    Absent,
    /// A label that train does not hold: no prediction can be right.
    Unseen,
    /// The class, an index into [`FittedTarget::classes`]. For a binary output 1 is true.
    Class(usize),
    /// The number, in the column's own unit.
    Number(f64),
}

impl Truth {
    /// Whether the cell holds a truth that train knows: one that counts.
    pub const fn is_known(&self) -> bool {
        matches!(self, Self::Class(_) | Self::Number(_))
    }

    /// The class, where the cell holds one that train knows.
    pub const fn class(&self) -> Option<usize> {
        match self {
            Self::Class(class) => Some(*class),
            Self::Absent | Self::Unseen | Self::Number(_) => None,
        }
    }
}

/// What is done about a row whose truth is absent: Ludwig's `missing_value_strategy` of outputs.
///
/// The row takes no part in what concerns this output; with several outputs it still teaches those
/// whose truth it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingTruth {
    /// The row is left out of this output's loss and metrics.
    #[default]
    DropRow,
}

/// An output fitted to one column. The value itself is what was learned from the train rows.
pub trait Target: Sized + Send + Sync + Serialize + DeserializeOwned {
    /// What the user wrote under the output's `preprocessing`.
    type Config: Clone + Default + Serialize + DeserializeOwned + Send + Sync;

    /// Checks every field of the config against its documented range.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first field out of its range, its path relative to `preprocessing`.
    fn check(config: &Self::Config) -> Result<(), ConfigError>;

    /// Learns classes or scale from train rows alone. Rows without truth are passed over.
    ///
    /// # Errors
    ///
    /// [`ModalityError::Fit`] where the train rows do not hold two distinct truths.
    fn fit(
        config: &Self::Config,
        column: Column<'_>,
        rows: &TrainRows,
    ) -> Result<Self, ModalityError>;

    /// The cell's truth.
    ///
    /// # Errors
    ///
    /// [`ModalityError`] naming a cell that cannot hold a truth of this kind.
    fn truth_of(&self, cell: &Cell<'_>) -> Result<Truth, ModalityError>;

    /// The number of values that a head makes for a row: `K` for a category, else 1.
    fn num_outputs(&self) -> usize;

    /// The classes in the order of their indices; for a binary output the labels of false and true.
    fn classes(&self) -> &[String] {
        &[]
    }

    /// How many train rows hold each of [`Target::classes`].
    fn class_counts(&self) -> &[u64] {
        &[]
    }

    /// The index of a class, which may be spelled in another way; `None` where train lacks it.
    fn class_of(&self, label: &str) -> Option<usize> {
        let _ = label;
        None
    }

    /// The cell's label where train does not hold it; `None` for what has no labels. The default is
    /// for what has none.
    fn unseen(&self, cell: &Cell<'_>) -> Option<String> {
        let _ = cell;
        None
    }

    /// The mean of the train rows in the column's unit, of a number.
    fn mean(&self) -> Option<f64> {
        None
    }
}

/// Writes the parts of the role that must name every kind of output, from one line for each.
macro_rules! targets {
    ($($name:literal => $module:ident::$target:ident, $summary:literal;)+) => {
        /// The `preprocessing` of any output that a config can name in `type`.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type", content = "preprocessing")]
        pub enum TargetConfig {
            $(
                #[doc = $summary]
                #[serde(rename = $name)]
                $target(<$module::$target as Target>::Config),
            )+
        }

        /// Any output, fitted to its column.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type", content = "fitted")]
        pub enum FittedTarget {
            $(
                #[doc = $summary]
                #[serde(rename = $name)]
                $target($module::$target),
            )+
        }

        impl TargetConfig {
            /// Every name that `type` may have, with a line on each.
            pub const COMPONENTS: &'static [(&'static str, &'static str)] =
                &[$(($name, $summary)),+];

            /// Reads and checks the `preprocessing` section of the output called `name`.
            ///
            /// # Errors
            ///
            /// [`ConfigError`] for an unknown name, key or value, or one out of its range.
            pub fn read(name: &str, section: serde_json::Value) -> Result<Self, ConfigError> {
                match name {
                    $($name => {
                        let config = sensorium_core::config::read(section)?;
                        <$module::$target as Target>::check(&config)?;
                        Ok(Self::$target(config))
                    })+
                    _ => Err(ConfigError::unknown_value(
                        "type",
                        name,
                        Self::COMPONENTS.iter().map(|(name, _)| *name),
                    )),
                }
            }

            /// Checks a section that was read from a file, as [`TargetConfig::read`] does.
            ///
            /// # Errors
            ///
            /// [`ConfigError`] for the first field out of its range.
            pub fn check(&self) -> Result<(), ConfigError> {
                match self { $(Self::$target(config) => <$module::$target as Target>::check(config),)+ }
            }

            /// The output's name in a config.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$target(_) => $name,)+ }
            }

            /// Learns classes or scale from train rows alone.
            ///
            /// # Errors
            ///
            /// [`ModalityError::Fit`] where the train rows do not hold two distinct truths.
            pub fn fit(
                &self,
                column: Column<'_>,
                rows: &TrainRows,
            ) -> Result<FittedTarget, ModalityError> {
                match self {
                    $(Self::$target(config) => {
                        <$module::$target as Target>::fit(config, column, rows)
                            .map(FittedTarget::$target)
                    })+
                }
            }
        }

        impl FittedTarget {
            /// The output's name in a config.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$target(_) => $name,)+ }
            }

            /// The cell's truth.
            ///
            /// # Errors
            ///
            /// [`ModalityError`] naming a cell that cannot hold a truth of this kind.
            pub fn truth_of(&self, cell: &Cell<'_>) -> Result<Truth, ModalityError> {
                match self { $(Self::$target(target) => target.truth_of(cell),)+ }
            }

            /// The number of values that a head makes for a row: `K` for a category, else 1.
            pub fn num_outputs(&self) -> usize {
                match self { $(Self::$target(target) => target.num_outputs(),)+ }
            }

            /// The classes in the order of their indices; for a binary output the labels of false
            /// and true; none for a number.
            pub fn classes(&self) -> &[String] {
                match self { $(Self::$target(target) => target.classes(),)+ }
            }

            /// How many train rows hold each of [`FittedTarget::classes`].
            pub fn class_counts(&self) -> &[u64] {
                match self { $(Self::$target(target) => target.class_counts(),)+ }
            }

            /// The index of a class, which may be spelled in another way; `None` where train lacks it.
            pub fn class_of(&self, label: &str) -> Option<usize> {
                match self { $(Self::$target(target) => target.class_of(label),)+ }
            }

            /// The cell's label where train does not hold it; `None` for what has no labels.
            pub fn unseen(&self, cell: &Cell<'_>) -> Option<String> {
                match self { $(Self::$target(target) => target.unseen(cell),)+ }
            }

            /// The mean of the train rows in the column's unit; `None` but for a number.
            pub fn mean(&self) -> Option<f64> {
                match self { $(Self::$target(target) => target.mean(),)+ }
            }
        }
    };
}

targets! {
    "binary" => binary::Binary, "true or false";
    "category" => category::Category, "one of several classes";
    "number" => number::Number, "a number";
}

/// The error of a column in which there is nothing to learn.
fn nothing_to_learn(column: Column<'_>, problem: String) -> ModalityError {
    ModalityError::Fit {
        column: column.name().clone(),
        problem,
        advice: "an output needs at least two distinct values in the train rows: check the \
                 column's name and the split"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use sensorium_core::Hint;
    use sensorium_table::Value;
    use serde_json::json;

    use super::*;
    use crate::small_table::{SmallTable, text};

    /// Each kind of output with train cells that fit it.
    fn examples() -> [(&'static str, Vec<Value>); 3] {
        [
            ("binary", vec![text("yes"), text("no"), Value::Missing, text("no")]),
            ("category", vec![text("b"), text("a"), Value::Missing, text("b")]),
            (
                "number",
                [1.5, 2.5, 0.1].map(Value::Number).into_iter().chain([Value::Missing]).collect(),
            ),
        ]
    }

    fn fit(name: &str, table: &SmallTable) -> Result<FittedTarget, ModalityError> {
        TargetConfig::read(name, json!({})).unwrap().fit(table.column(), table.train())
    }

    #[test]
    fn the_examples_cover_the_list() {
        let names = TargetConfig::COMPONENTS.iter().map(|(name, _)| *name);
        assert!(names.eq(examples().iter().map(|(name, _)| *name)));
    }

    #[test]
    fn every_target_is_the_same_after_save_and_load() {
        for (name, train) in examples() {
            let target = fit(name, &SmallTable::of(train)).unwrap();
            let stored = serde_json::to_string(&target).unwrap();
            assert_eq!(serde_json::from_str::<FittedTarget>(&stored).unwrap(), target);
            assert_eq!(target.name(), name);
        }
    }

    #[test]
    fn every_target_is_fitted_on_train_rows_alone() {
        for (name, train) in examples() {
            let held_out = [train[0].clone(), train[1].clone()];
            let other = fit(name, &SmallTable::with_held_out(train.clone(), held_out)).unwrap();
            assert_eq!(fit(name, &SmallTable::of(train)).unwrap(), other, "{name}");
        }
    }

    #[test]
    fn every_target_tells_an_absent_truth() {
        for (name, train) in examples() {
            let absent = train.iter().position(|value| *value == Value::Missing).unwrap();
            let table = SmallTable::of(train);
            let target = fit(name, &table).unwrap();
            assert_eq!(target.truth_of(&table.column().cell(absent)).unwrap(), Truth::Absent);
            assert_ne!(target.truth_of(&table.column().cell(0)).unwrap(), Truth::Absent);
        }
    }

    #[test]
    fn every_target_with_one_value_is_refused_with_a_hint() {
        for (name, mut train) in examples() {
            train.truncate(1);
            let error = fit(name, &SmallTable::of(train)).unwrap_err();
            assert!(error.to_string().contains("`it`"), "{error}");
            assert!(error.hint().unwrap().contains("two"), "{:?}", error.hint());
        }
    }

    #[test]
    fn an_unknown_output_or_key_is_answered_with_the_nearest() {
        let error = TargetConfig::read("categry", json!({})).unwrap_err();
        assert!(error.hint().unwrap().starts_with("did you mean `category`?"));
        let error = TargetConfig::read("number", json!({"normalisation": "zscore"})).unwrap_err();
        assert!(error.hint().unwrap().starts_with("did you mean `normalization`?"));
    }
}
