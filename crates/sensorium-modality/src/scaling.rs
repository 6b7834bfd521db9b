//! The scale on which a model sees a column of numbers, and the way back.

use sensorium_core::Hint;
use sensorium_table::{Cell, Column, TrainRows};
use serde::{Deserialize, Serialize};

use crate::ModalityError;

/// How numbers are brought to a common scale; the names are Ludwig's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalization {
    /// `(x - mean) / deviation`: the population deviation, as scikit-learn's `StandardScaler`.
    Zscore,
    /// `(x - min) / (max - min)`; a value outside of what train holds falls outside 0 to 1.
    Minmax,
    /// `ln(1 + x)`, for numbers of 0 or more.
    Log1p,
}

/// A scaled number is kept within this, so that its square is still a finite `f32`.
const LARGEST_SCALED: f64 = 1e18;

/// A scale fitted to the numbers of the train rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "StoredScaling")]
pub struct Scaling {
    logarithmic: bool,
    offset: f64,
    divisor: f64,
}

/// [`Scaling`] as a file holds it, not yet checked.
#[derive(Deserialize)]
struct StoredScaling {
    logarithmic: bool,
    offset: f64,
    divisor: f64,
}

impl TryFrom<StoredScaling> for Scaling {
    type Error = &'static str;

    fn try_from(stored: StoredScaling) -> Result<Self, &'static str> {
        let StoredScaling { logarithmic, offset, divisor } = stored;
        if offset.is_finite() && divisor.is_finite() && divisor > 0.0 {
            Ok(Self { logarithmic, offset, divisor })
        } else {
            Err("a scale whose offset is not finite, or whose divisor is not above 0")
        }
    }
}

impl Scaling {
    /// The scale of numbers that have these `moments`; `None` leaves numbers as they are.
    ///
    /// A spread of 0, of a constant column, counts as 1.
    pub(crate) fn of(normalization: Option<Normalization>, moments: &Moments) -> Self {
        let (offset, divisor) = match normalization {
            Some(Normalization::Zscore) => (moments.mean, moments.deviation()),
            Some(Normalization::Minmax) => (moments.min, moments.max - moments.min),
            Some(Normalization::Log1p) | None => (0.0, 1.0),
        };
        let divisor = if divisor.is_normal() { divisor } else { 1.0 };
        Self { logarithmic: normalization == Some(Normalization::Log1p), offset, divisor }
    }

    /// The number on the model's scale, within ±1e18. Below 0 a logarithmic scale takes it as 0.
    #[must_use]
    pub fn scaled(&self, number: f64) -> f32 {
        let number = if self.logarithmic { number.max(0.0).ln_1p() } else { number };
        let scaled = (number - self.offset) / self.divisor;
        #[expect(clippy::cast_possible_truncation, reason = "clamped; the model works in f32")]
        return scaled.clamp(-LARGEST_SCALED, LARGEST_SCALED) as f32;
    }

    /// The way back: a number on the model's scale in the column's own unit.
    #[must_use]
    pub fn unscaled(&self, scaled: f32) -> f64 {
        let number = f64::from(scaled) * self.divisor + self.offset;
        if self.logarithmic { number.exp_m1() } else { number }
    }

    /// The cell as a number that this scale can hold, or `None` where it is missing.
    ///
    /// # Errors
    ///
    /// [`ModalityError`] where the cell is no finite number, or below 0 on a logarithmic scale.
    pub(crate) fn number_of(&self, cell: &Cell<'_>) -> Result<Option<f64>, ModalityError> {
        let number = cell.number()?;
        match number {
            Some(below_zero) if self.logarithmic && below_zero < 0.0 => {
                Err(ModalityError::Decode {
                    at: cell.at().clone(),
                    expected: "0 or more, which `normalization: log1p` needs".to_owned(),
                    got: below_zero.to_string(),
                    advice: "choose `normalization: zscore` for numbers below 0".to_owned(),
                })
            }
            _ => Ok(number),
        }
    }
}

/// Count, mean, spread and range of numbers, each seen once.
///
/// Source: Welford 1962, "Note on a method for calculating corrected sums of squares and products",
/// which loses no digits where the mean is large beside the spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moments {
    pub(crate) count: u64,
    pub(crate) mean: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    squares: f64,
}

impl Moments {
    /// The moments of the column's numbers in the train rows; other cells are passed over.
    ///
    /// # Errors
    ///
    /// [`ModalityError::Fit`] where no cell holds a number, or numbers are too large to average.
    pub(crate) fn of(column: Column<'_>, rows: &TrainRows) -> Result<Self, ModalityError> {
        let mut cells = rows.indices().iter().map(|&row| column.cell(row).number());
        let moments = Self::of_numbers(cells.clone().filter_map(|number| number.ok().flatten()));
        let problem = if moments.count == 0 {
            // What stands there instead says more than that there is none.
            if let Some(error) = cells.find_map(Result::err) {
                return Err(ModalityError::Fit {
                    column: column.name().clone(),
                    problem: format!("no train row holds a number; {error}"),
                    advice: error.hint().unwrap_or_default(),
                });
            }
            "no train row holds a number"
        } else if !(moments.squares.is_finite() && (moments.max - moments.min).is_finite()) {
            "its numbers are too large to average"
        } else {
            return Ok(moments);
        };
        Err(ModalityError::Fit {
            column: column.name().clone(),
            problem: problem.to_owned(),
            advice: "leave the column out, or check that it is the one you mean".to_owned(),
        })
    }

    fn of_numbers(numbers: impl Iterator<Item = f64>) -> Self {
        let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut moments = Self { count: 0, mean: 0.0, min, max, squares: 0.0 };
        for number in numbers {
            moments.count += 1;
            let before = number - moments.mean;
            moments.mean += before / moments.count as f64;
            moments.squares += before * (number - moments.mean);
            moments.min = moments.min.min(number);
            moments.max = moments.max.max(number);
        }
        moments
    }

    /// The population standard deviation.
    fn deviation(&self) -> f64 {
        (self.squares / self.count as f64).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaling(normalization: Option<Normalization>, numbers: &[f64]) -> Scaling {
        Scaling::of(normalization, &Moments::of_numbers(numbers.iter().copied()))
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "numbers chosen so that every step is exact")]
    fn each_scale_is_what_its_formula_says() {
        let numbers = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]; // mean 5, deviation 2
        assert_eq!(scaling(Some(Normalization::Zscore), &numbers).scaled(9.0), 2.0);
        assert_eq!(scaling(Some(Normalization::Minmax), &numbers).scaled(9.0), 1.0);
        assert_eq!(scaling(Some(Normalization::Minmax), &numbers).scaled(-5.0), -1.0);
        assert_eq!(scaling(None, &numbers).scaled(9.0), 9.0);
        let e = std::f64::consts::E;
        assert_eq!(scaling(Some(Normalization::Log1p), &numbers).scaled(e - 1.0), 1.0);
    }

    #[test]
    fn a_large_mean_does_not_hide_a_small_spread() {
        let numbers = [1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0];
        let scaled = scaling(Some(Normalization::Zscore), &numbers).scaled(1e9 + 3.0);
        assert!((scaled - 1.5_f32.sqrt()).abs() < 1e-6, "{scaled}");
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "0 and the bound are exact")]
    fn a_constant_column_is_zero_and_nothing_is_infinite() {
        for normalization in [Normalization::Zscore, Normalization::Minmax] {
            let constant = scaling(Some(normalization), &[3.0, 3.0]);
            assert_eq!(constant.scaled(3.0), 0.0);
            assert_eq!(constant.scaled(f64::MAX), 1e18);
        }
    }

    #[test]
    fn the_way_back_gives_the_number() {
        let choices = [
            None,
            Some(Normalization::Zscore),
            Some(Normalization::Minmax),
            Some(Normalization::Log1p),
        ];
        for normalization in choices {
            let scale = scaling(normalization, &[1.0, 2.5, 40.0]);
            let back = scale.unscaled(scale.scaled(12.5));
            // The scaled number is an f32, with 24 bits of the number's 53.
            assert!((back - 12.5).abs() < 1e-5, "{normalization:?}: {back}");
        }
    }

    #[test]
    fn a_stored_scale_is_checked_and_exact() {
        let scale = scaling(Some(Normalization::Zscore), &[0.1, 0.2, 0.4]);
        let stored = serde_json::to_string(&scale).unwrap();
        assert_eq!(serde_json::from_str::<Scaling>(&stored).unwrap(), scale);
        let zero = r#"{"logarithmic": false, "offset": 0.0, "divisor": 0.0}"#;
        assert!(serde_json::from_str::<Scaling>(zero).is_err());
    }
}
