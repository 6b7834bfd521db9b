//! Sounds with noise around them.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use sensorium_core::ConfigError;
use serde::{Deserialize, Serialize};

use super::gain::amplitude_from_db;
use super::{ChangeSound, Rate};
use crate::audio::feature::root_mean_square;
use crate::augmentation::check_bounds;

const MAX_SNR_DB: f64 = 120.0;

/// Adds white Gaussian noise whose power is to the sound's as a signal-to-noise ratio says; a
/// silent sound stays silent.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `min_snr_db` | 5 | dB | -120 or more |
/// | `max_snr_db` | 40 | dB | `min_snr_db` to 120 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Noise {
    /// The least ratio: the loudest noise.
    pub min_snr_db: f64,
    /// The largest ratio.
    pub max_snr_db: f64,
}

impl Default for Noise {
    fn default() -> Self {
        Self { min_snr_db: 5.0, max_snr_db: 40.0 }
    }
}

impl ChangeSound for Noise {
    fn check(&self) -> Result<(), ConfigError> {
        check_bounds(
            [("min_snr_db", self.min_snr_db), ("max_snr_db", self.max_snr_db)],
            [-MAX_SNR_DB, MAX_SNR_DB],
        )
    }

    fn samples(&self, mut samples: Vec<f32>, _: &Rate<'_>, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let ratio = rng.random_range(self.min_snr_db..=self.max_snr_db);
        let deviation = root_mean_square(&samples) * amplitude_from_db(-ratio);
        let drawn = rng.sample_iter::<f32, _>(StandardNormal);
        samples.iter_mut().zip(drawn).for_each(|(sample, drawn)| *sample += deviation * drawn);
        samples
    }
}

#[cfg(test)]
mod tests {
    use sensorium_core::Seed;

    use super::*;
    use crate::audio::resample::Resamplers;

    #[test]
    fn the_noise_has_the_power_asked_for() {
        let resamplers = Resamplers::to(16_000);
        let rate = Rate { hz: 16_000, resamplers: &resamplers };
        let sound: Vec<f32> = (0..16_000).map(|i| (i as f32 * 0.3).sin()).collect();
        let noise = Noise { min_snr_db: 20.0, max_snr_db: 20.0 };
        let noisy = noise.samples(sound.clone(), &rate, &mut Seed::new(1).rng());
        let added: Vec<f32> =
            noisy.iter().zip(&sound).map(|(noisy, sound)| noisy - sound).collect();
        let ratio_db = 20.0 * (root_mean_square(&sound) / root_mean_square(&added)).log10();
        // Five standard errors of the deviation of 16,000 draws are 2.8 %, 0.24 dB.
        assert!((ratio_db - 20.0).abs() < 0.24, "{ratio_db} dB");
    }

    #[test]
    fn silence_stays_silent() {
        let resamplers = Resamplers::to(16_000);
        let rate = Rate { hz: 16_000, resamplers: &resamplers };
        let silent = Noise::default().samples(vec![0.0; 9], &rate, &mut Seed::new(1).rng());
        assert_eq!(silent, [0.0; 9]);
    }
}
