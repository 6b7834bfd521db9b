//! A number, learned on a scale fitted to the train rows.

use sensorium_core::ConfigError;
use sensorium_table::{Cell, Column, TrainRows};
use serde::{Deserialize, Serialize};

use super::{MissingTruth, Target, Truth, nothing_to_learn};
use crate::ModalityError;
use crate::scaling::{Moments, Normalization, Scaling};

/// The scale that a number is learned on.
///
/// | key                      | default    | range                               |
/// |--------------------------|------------|-------------------------------------|
/// | `missing_value_strategy` | `drop_row` | `drop_row`                          |
/// | `normalization`          | `zscore`   | `zscore`, `minmax`, `log1p` or null |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NumberConfig {
    /// What is done about a row without truth.
    pub missing_value_strategy: MissingTruth,
    /// The scale; `None` learns the numbers as they are.
    pub normalization: Option<Normalization>,
}

impl Default for NumberConfig {
    fn default() -> Self {
        Self {
            missing_value_strategy: MissingTruth::DropRow,
            normalization: Some(Normalization::Zscore),
        }
    }
}

/// The scale of the train rows, and their mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Number {
    scaling: Scaling,
    mean: f64,
}

impl Number {
    /// A truth, in the column's unit, on the scale that the head learns.
    #[must_use]
    pub fn scaled(&self, number: f64) -> f32 {
        self.scaling.scaled(number)
    }

    /// What the head made, in the column's unit.
    #[must_use]
    pub fn unscaled(&self, output: f32) -> f64 {
        self.scaling.unscaled(output)
    }
}

impl Target for Number {
    type Config = NumberConfig;

    fn check(_: &NumberConfig) -> Result<(), ConfigError> {
        Ok(())
    }

    fn fit(
        config: &NumberConfig,
        column: Column<'_>,
        rows: &TrainRows,
    ) -> Result<Self, ModalityError> {
        let moments = Moments::of(column, rows)?;
        if moments.min.total_cmp(&moments.max).is_eq() {
            let problem = format!("its train rows hold only the number {}", moments.min);
            return Err(nothing_to_learn(column, problem));
        }
        Ok(Self { scaling: Scaling::of(config.normalization, &moments), mean: moments.mean })
    }

    fn truth_of(&self, cell: &Cell<'_>) -> Result<Truth, ModalityError> {
        Ok(self.scaling.number_of(cell)?.map_or(Truth::Absent, Truth::Number))
    }

    fn num_outputs(&self) -> usize {
        1
    }

    fn mean(&self) -> Option<f64> {
        Some(self.mean)
    }
}

#[cfg(test)]
mod tests {
    use sensorium_table::Value;

    use super::*;
    use crate::small_table::{SmallTable, text};

    #[test]
    #[expect(clippy::float_cmp, reason = "numbers chosen so that every step is exact")]
    fn a_truth_is_in_the_columns_unit_and_learned_by_its_z_score() {
        let table = SmallTable::of([Value::Integer(10), Value::Integer(30)]);
        let number = Number::fit(&NumberConfig::default(), table.column(), table.train()).unwrap();
        assert_eq!(number.truth_of(&table.column().cell(1)).unwrap(), Truth::Number(30.0));
        assert_eq!(number.mean(), Some(20.0));
        assert_eq!(number.scaled(30.0), 1.0);
        assert_eq!(number.unscaled(-2.0), 0.0);
    }

    #[test]
    fn a_truth_that_is_no_number_is_named() {
        let table = SmallTable::of([Value::Integer(10), Value::Integer(30), text("many")]);
        let number = Number::fit(&NumberConfig::default(), table.column(), table.train()).unwrap();
        let error = number.truth_of(&table.column().cell(2)).unwrap_err().to_string();
        assert!(error.contains("row 3") && error.contains("`it`"), "{error}");
    }
}
