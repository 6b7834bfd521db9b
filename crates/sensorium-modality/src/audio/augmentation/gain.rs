//! Sounds from nearer or further away.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use sensorium_core::ConfigError;
use serde::{Deserialize, Serialize};

use super::{ChangeSound, Rate};
use crate::augmentation::check_bounds;

const MAX_GAIN_DB: f64 = 60.0;

/// Multiplies all samples; nothing is clipped.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `min_gain_db` | -12 | dB | -60 or more |
/// | `max_gain_db` | 12 | dB | `min_gain_db` to 60 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gain {
    /// The least gain.
    pub min_gain_db: f64,
    /// The largest gain.
    pub max_gain_db: f64,
}

impl Default for Gain {
    fn default() -> Self {
        Self { min_gain_db: -12.0, max_gain_db: 12.0 }
    }
}

impl ChangeSound for Gain {
    fn check(&self) -> Result<(), ConfigError> {
        check_bounds(
            [("min_gain_db", self.min_gain_db), ("max_gain_db", self.max_gain_db)],
            [-MAX_GAIN_DB, MAX_GAIN_DB],
        )
    }

    fn samples(&self, mut samples: Vec<f32>, _: &Rate<'_>, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let factor = amplitude_from_db(rng.random_range(self.min_gain_db..=self.max_gain_db));
        for sample in &mut samples {
            *sample *= factor;
        }
        samples
    }
}

/// The factor of the amplitude that a gain in dB is.
#[expect(clippy::cast_possible_truncation, reason = "samples are f32")]
pub(super) fn amplitude_from_db(db: f64) -> f32 {
    10.0_f64.powf(db / 20.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_decibels_are_nearly_twice_the_amplitude() {
        assert!((amplitude_from_db(6.0206) - 2.0).abs() < 1e-5);
        assert!((amplitude_from_db(-20.0) - 0.1).abs() < 1e-7);
    }
}
