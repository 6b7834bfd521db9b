//! The share of each part, and how shares become whole rows.

use sensorium_core::ConfigError;
use serde::{Deserialize, Serialize};

/// How far from 1 the sum of the shares may be: `[0.33, 0.33, 0.34]` is exact enough in decimals.
const TOLERANCE: f64 = 1e-6;

/// The share of train, validation and test: each 0 or more, 1 together. `[0.7, 0.1, 0.2]` unless
/// said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct Probabilities([f64; 3]);

impl Default for Probabilities {
    fn default() -> Self {
        Self([0.7, 0.1, 0.2])
    }
}

impl Probabilities {
    /// Checks the shares of train, validation and test.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] at `probabilities` where they are not three, one is negative, or
    /// they do not add up to 1 within 1e-6.
    pub fn new(shares: &[f64]) -> Result<Self, ConfigError> {
        let checked = <[f64; 3]>::try_from(shares).ok().filter(|shares| {
            shares.iter().all(|share| *share >= 0.0)
                && (shares.iter().sum::<f64>() - 1.0).abs() <= TOLERANCE
        });
        checked.map(Self).ok_or_else(|| {
            let expected = "three shares of 0 or more that add up to 1 (train, validation, test)";
            ConfigError::invalid("probabilities", format!("{shares:?}"), expected)
        })
    }

    /// Reads what a config has under `probabilities`.
    pub(super) fn from_key(shares: Option<Vec<f64>>) -> Result<Self, ConfigError> {
        shares.map_or_else(|| Ok(Self::default()), |shares| Self::new(&shares))
    }

    /// The shares of train, validation and test.
    pub const fn shares(&self) -> [f64; 3] {
        self.0
    }

    /// The rows of each part, by the largest remainder: each within one of its share of
    /// `num_rows`. `owed` has what each part is short of from before, and is brought up to date.
    pub(super) fn counts(self, num_rows: usize, owed: &mut [f64; 3]) -> [usize; 3] {
        let sum: f64 = self.0.iter().sum();
        let targets = self.0.map(|share| share / sum * num_rows as f64);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count is 0 or more and at most the count"
        )]
        let mut counts = targets.map(|target| (target + TOLERANCE).floor() as usize);
        let mut left = num_rows.saturating_sub(counts.iter().sum());
        for part in 0..3 {
            owed[part] += targets[part] - counts[part] as f64;
        }
        // A part gets at most one more row, and only if its target is no whole number, so that
        // every count stays within one row of its share.
        let mut order = [0, 1, 2];
        order.sort_by(|a, b| owed[*b].total_cmp(&owed[*a]));
        let is_whole = |part: usize| (targets[part] - targets[part].round()).abs() <= TOLERANCE;
        order.sort_by_key(|part| is_whole(*part));
        for part in order {
            if left > 0 {
                counts[part] += 1;
                owed[part] -= 1.0;
                left -= 1;
            }
        }
        counts
    }
}

impl TryFrom<Vec<f64>> for Probabilities {
    type Error = ConfigError;

    fn try_from(shares: Vec<f64>) -> Result<Self, ConfigError> {
        Self::new(&shares)
    }
}

impl From<Probabilities> for Vec<f64> {
    fn from(probabilities: Probabilities) -> Self {
        probabilities.0.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counts(shares: [f64; 3], num_rows: usize) -> [usize; 3] {
        Probabilities::new(&shares).unwrap().counts(num_rows, &mut [0.0; 3])
    }

    #[test]
    fn rows_go_to_the_largest_remainders() {
        assert_eq!(counts([0.7, 0.1, 0.2], 10), [7, 1, 2]);
        assert_eq!(counts([0.7, 0.1, 0.2], 1), [1, 0, 0]);
        assert_eq!(counts([0.7, 0.1, 0.2], 4), [3, 0, 1]); // 2.8, 0.4, 0.8
        assert_eq!(counts([0.0, 0.5, 0.5], 3), [0, 2, 1]);
        assert_eq!(counts([0.7, 0.1, 0.2], 0), [0, 0, 0]);
    }

    #[test]
    fn what_small_classes_owe_is_made_up_over_many() {
        let probabilities = Probabilities::default();
        let mut owed = [0.0; 3];
        let mut total = [0; 3];
        for _ in 0..100 {
            let counts = probabilities.counts(3, &mut owed);
            total = [0, 1, 2].map(|part| total[part] + counts[part]);
        }
        assert_eq!(total, [210, 30, 60]);
    }

    proptest! {
        #[test]
        fn counts_add_up_and_stay_within_one_row_of_their_share(
            a in 0.0..1.0_f64, b in 0.0..1.0_f64,
            sizes in proptest::collection::vec(0_usize..50, 1..60),
        ) {
            let (low, high) = (a.min(b), a.max(b));
            let probabilities = Probabilities::new(&[low, high - low, 1.0 - high]).unwrap();
            let mut owed = [0.0; 3];
            for size in sizes {
                let counts = probabilities.counts(size, &mut owed);
                prop_assert_eq!(counts.iter().sum::<usize>(), size);
                for (count, share) in counts.iter().zip(probabilities.shares()) {
                    prop_assert!((*count as f64 - share * size as f64).abs() < 1.0 + TOLERANCE);
                }
            }
        }
    }
}
