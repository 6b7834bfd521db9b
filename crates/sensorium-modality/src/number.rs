//! A number, on a scale fitted to the train rows, as a vector of one.

mod jitter;

use rand_chacha::ChaCha8Rng;
use sensorium_core::{ConfigError, FeatureShape};
use sensorium_table::{Cell, Column, ColumnSummary, TrainRows};
use serde::{Deserialize, Serialize};

use crate::augmentation::augmentations;

use crate::infer::{is_most, share};
use crate::scaling::{Moments, Normalization, Scaling};
use crate::{Features, MissingValueStrategy, Modality, ModalityError};

/// How a number is scaled.
///
/// | key                      | default  | range                               |
/// |--------------------------|----------|-------------------------------------|
/// | `missing_value_strategy` | `mask`   | `mask`                              |
/// | `normalization`          | `zscore` | `zscore`, `minmax`, `log1p` or null |
///
/// The keys are Ludwig's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NumberConfig {
    /// What an absent number becomes.
    pub missing_value_strategy: MissingValueStrategy,
    /// The scale; `None` leaves numbers as they are.
    pub normalization: Option<Normalization>,
}

impl Default for NumberConfig {
    fn default() -> Self {
        Self {
            missing_value_strategy: MissingValueStrategy::Mask,
            normalization: Some(Normalization::Zscore),
        }
    }
}

/// What a random change of a number does.
pub(crate) trait ChangeNumber {
    /// Checks every field against its documented range.
    fn check(&self) -> Result<(), ConfigError>;

    /// Changes a number that is on its fitted scale.
    fn apply(&self, scaled: f32, rng: &mut ChaCha8Rng) -> f32;
}

augmentations! {
    /// Random changes of numbers.
    NumberAugmentation: dyn ChangeNumber, usually ["jitter"] {
        "jitter" => jitter::Jitter, "adds a normal draw to the scaled number";
    }
}

/// Numbers of one column, on the scale of its train rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Number(Scaling);

impl Modality for Number {
    type Config = NumberConfig;
    type Decoded = f64;
    type Augmentation = NumberAugmentation;

    fn claims(summary: &ColumnSummary) -> Option<String> {
        let are_numbers = is_most(summary.numbers, summary) && summary.leading_zeros == 0;
        are_numbers.then(|| format!("{} are numbers", share(summary.numbers, summary)))
    }

    fn check(_: &NumberConfig) -> Result<(), ConfigError> {
        Ok(())
    }

    fn fit(
        config: &NumberConfig,
        column: Column<'_>,
        rows: &TrainRows,
    ) -> Result<Self, ModalityError> {
        Ok(Self(Scaling::of(config.normalization, &Moments::of(column, rows)?)))
    }

    fn shape(&self) -> FeatureShape {
        FeatureShape::Vector { width: 1 }
    }

    fn decode(&self, cell: &Cell<'_>) -> Result<Option<f64>, ModalityError> {
        self.0.number_of(cell)
    }

    fn features(&self, decoded: &f64) -> Features {
        Features::Vector(vec![self.0.scaled(*decoded)])
    }

    fn unit(&self) -> &'static str {
        "the number, on its fitted scale"
    }

    fn num_bytes(decoded: &f64) -> usize {
        size_of_val(decoded)
    }

    fn augmented(
        &self,
        decoded: &f64,
        augmentation: &[NumberAugmentation],
        rng: &mut ChaCha8Rng,
    ) -> Features {
        let scaled = self.0.scaled(*decoded);
        let change = |value, entry: &NumberAugmentation| entry.as_dyn().apply(value, rng);
        Features::Vector(vec![augmentation.iter().fold(scaled, change)])
    }
}

#[cfg(test)]
mod tests {
    use sensorium_core::{Hint, config};
    use sensorium_table::Value;
    use serde_json::json;

    use super::*;
    use crate::small_table::{SmallTable, text};

    fn config(section: serde_json::Value) -> NumberConfig {
        config::read(section).unwrap()
    }

    #[test]
    fn a_number_is_scaled_by_what_train_holds() {
        let train = [Value::Integer(1), Value::Missing, Value::Integer(3)];
        let table = SmallTable::with_held_out(train, [Value::Integer(500), Value::Missing]);
        let number = table.fit::<Number>(&NumberConfig::default()).unwrap();
        assert_eq!(number.features(&3.0), Features::Vector(vec![1.0]));
        assert_eq!(number.decode(&table.column().cell(1)).unwrap(), None);
    }

    #[test]
    fn normalization_null_leaves_the_number_as_it_is() {
        let table = SmallTable::of([Value::Number(2.5), Value::Number(7.0)]);
        let number = table.fit::<Number>(&config(json!({"normalization": null}))).unwrap();
        assert_eq!(number.features(&2.5), Features::Vector(vec![2.5]));
    }

    #[test]
    fn a_cell_that_is_not_a_finite_number_is_named() {
        let table = SmallTable::of([Value::Number(1.0), Value::Number(2.0)]);
        let number = table.fit::<Number>(&NumberConfig::default()).unwrap();
        for bad in [text("many"), text("inf"), Value::Number(f64::NEG_INFINITY)] {
            let table = SmallTable::of([text("x"), bad]);
            let error = number.decode(&table.column().cell(1)).unwrap_err().to_string();
            assert!(error.contains("row 2") && error.contains("`it`"), "{error}");
        }
    }

    #[test]
    fn a_number_below_zero_has_no_place_on_a_logarithmic_scale() {
        let table = SmallTable::of([Value::Integer(1), Value::Integer(-2)]);
        let number = table.fit::<Number>(&config(json!({"normalization": "log1p"}))).unwrap();
        let error = number.decode(&table.column().cell(1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "row 2 of column `it` is not 0 or more, which `normalization: log1p` needs: -2"
        );
    }

    #[test]
    fn a_column_without_numbers_cannot_be_fitted() {
        let error = SmallTable::of([Value::Missing]).fit::<Number>(&NumberConfig::default());
        assert!(error.unwrap_err().to_string().contains("no train row holds a number"));
        let thousands = SmallTable::of([text("1,000"), text("2,000")]);
        let error = thousands.fit::<Number>(&NumberConfig::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "column `it` cannot be fitted: no train row holds a number; row 1 of column `it` is \
             `1,000`, but a number was expected"
        );
        assert!(error.hint().unwrap().contains("marks between thousands"));
    }
}
