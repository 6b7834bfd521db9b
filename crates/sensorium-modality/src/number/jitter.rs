//! Numbers that are not exact.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::ChangeNumber;

/// Adds a draw from a normal distribution to the number, after it was scaled.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `std` | 0.1 | of the fitted scale; with `zscore`, deviations of train | 0 or more |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jitter {
    /// The deviation of what is added.
    pub std: f64,
}

impl Default for Jitter {
    fn default() -> Self {
        Self { std: 0.1 }
    }
}

impl ChangeNumber for Jitter {
    fn check(&self) -> Result<(), ConfigError> {
        in_range("std", self.std, 0.0..=f64::from(f32::MAX))
    }

    fn apply(&self, scaled: f32, rng: &mut ChaCha8Rng) -> f32 {
        #[expect(clippy::cast_possible_truncation, reason = "features are f32")]
        let deviation = self.std as f32;
        scaled + deviation * rng.sample::<f32, _>(StandardNormal)
    }
}

#[cfg(test)]
mod tests {
    use sensorium_core::Seed;

    use super::*;

    #[test]
    fn what_is_added_has_mean_zero_and_the_deviation_asked_for() {
        let jitter = Jitter { std: 0.5 };
        let mut rng = Seed::new(1).rng();
        let drawn: Vec<f32> = (0..40_000).map(|_| jitter.apply(3.0, &mut rng)).collect();
        let mean = drawn.iter().sum::<f32>() / 40_000.0;
        let variance = drawn.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / 40_000.0;
        // Five standard errors: 0.5 / 200 of the mean, 0.5 / 280 of the deviation.
        assert!((mean - 3.0).abs() < 0.0125, "{mean}");
        assert!((variance.sqrt() - 0.5).abs() < 0.009, "{variance}");
    }
}
