//! Sounds played faster or slower.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::{ChangeSound, Rate};

/// Speeds are drawn in steps of this share, so that the filter of each is planned once.
const PERCENT: f64 = 0.01;

/// Plays the sound faster or slower, so that its length and its pitch change together.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `min_rate` | 0.9 | times as fast, in whole percents | 0.5 or more |
/// | `max_rate` | 1.1 | | `min_rate` to 2 |
///
/// Source: Ko et al. 2015, "Audio Augmentation for Speech Recognition", section 2.2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Speed {
    /// The slowest.
    pub min_rate: f64,
    /// The fastest.
    pub max_rate: f64,
}

impl Default for Speed {
    fn default() -> Self {
        Self { min_rate: 0.9, max_rate: 1.1 }
    }
}

impl ChangeSound for Speed {
    fn check(&self) -> Result<(), ConfigError> {
        in_range("min_rate", self.min_rate, 0.5..=2.0)?;
        in_range("max_rate", self.max_rate, self.min_rate..=2.0)
    }

    /// Samples that are said to be of another rate than they are come out as fast as that says.
    fn samples(&self, samples: Vec<f32>, rate: &Rate<'_>, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let percents = (self.min_rate / PERCENT).round()..=(self.max_rate / PERCENT).round();
        let speed = rng.random_range(percents).round() * PERCENT;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most twice the highest sample rate"
        )]
        let said_hz = (speed * f64::from(rate.hz)).round() as u32;
        rate.resamplers.resample(samples, said_hz)
    }
}

#[cfg(test)]
mod tests {
    use sensorium_core::Seed;

    use super::*;
    use crate::audio::resample::Resamplers;

    #[test]
    fn twice_as_fast_is_half_as_long_and_an_octave_higher() {
        let resamplers = Resamplers::to(16_000);
        let rate = Rate { hz: 16_000, resamplers: &resamplers };
        let tone = |per_sample: f32| move |i: u16| (f32::from(i) * per_sample).sin();
        let sound: Vec<f32> = (0..8_000).map(tone(0.2)).collect();
        let twice = Speed { min_rate: 2.0, max_rate: 2.0 };
        let fast = twice.samples(sound, &rate, &mut Seed::new(1).rng());
        assert_eq!(fast.len(), 4_000);
        let expected: Vec<f32> = (0..4_000).map(tone(0.4)).collect();
        // Away from the ends, where the filter sees the silence around.
        let pairs = fast.iter().zip(&expected).skip(1_000).take(2_000);
        let worst = pairs.map(|(fast, expected)| (fast - expected).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4, "{worst}");
    }
}
