//! Frames of which bands and spans are missing.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::ChangeSound;

/// The most masks of one kind.
const MAX_MASKS: usize = 100;

/// Puts the sound's mean over some bands and some spans of time.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `num_freq_masks` | 2 | masks | 0 to 100 |
/// | `freq_mask_param` | 8 | bands, at most, of one mask | 0 or more |
/// | `num_time_masks` | 2 | masks | 0 to 100 |
/// | `time_mask_param` | 20 | frames, at most, of one mask | 0 or more |
/// | `time_mask_fraction` | 0.2 | of the sound's frames, at most, of one mask | 0 to 1 |
///
/// Source: Park et al. 2019, "`SpecAugment`", section 2, without time warping; widths are named as
/// in torchaudio's `FrequencyMasking` and `TimeMasking`, `time_mask_fraction` is the paper's `p`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpecAugment {
    /// The number of masks over bands.
    pub num_freq_masks: usize,
    /// The widest mask over bands.
    pub freq_mask_param: usize,
    /// The number of masks over time.
    pub num_time_masks: usize,
    /// The longest mask over time.
    pub time_mask_param: usize,
    /// The longest mask over time, as a share of the sound.
    pub time_mask_fraction: f64,
}

impl Default for SpecAugment {
    fn default() -> Self {
        Self {
            num_freq_masks: 2,
            freq_mask_param: 8,
            num_time_masks: 2,
            time_mask_param: 20,
            time_mask_fraction: 0.2,
        }
    }
}

impl ChangeSound for SpecAugment {
    fn check(&self) -> Result<(), ConfigError> {
        in_range("num_freq_masks", self.num_freq_masks, 0..=MAX_MASKS)?;
        in_range("num_time_masks", self.num_time_masks, 0..=MAX_MASKS)?;
        in_range("time_mask_fraction", self.time_mask_fraction, 0.0..=1.0)
    }

    fn frames(&self, values: &mut [f32], width: usize, rng: &mut ChaCha8Rng) {
        let num_frames = values.len() / width;
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        for _ in 0..self.num_freq_masks {
            let bands = span(self.freq_mask_param.min(width), width, rng);
            values.chunks_exact_mut(width).for_each(|frame| frame[bands.clone()].fill(mean));
        }
        for _ in 0..self.num_time_masks {
            let frames = span(self.longest(num_frames), num_frames, rng);
            values[frames.start * width..frames.end * width].fill(mean);
        }
    }
}

impl SpecAugment {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of the frames"
    )]
    fn longest(&self, num_frames: usize) -> usize {
        self.time_mask_param.min((self.time_mask_fraction * num_frames as f64) as usize)
    }
}

/// A span of 0 to `longest` places out of `length`.
fn span(longest: usize, length: usize, rng: &mut ChaCha8Rng) -> std::ops::Range<usize> {
    let size = rng.random_range(0..=longest);
    let start = rng.random_range(0..=length - size);
    start..start + size
}

#[cfg(test)]
mod tests {
    use sensorium_core::Seed;

    use super::*;

    /// `[10, 4]` frames, no two values alike.
    fn frames() -> Vec<f32> {
        (0..40_u8).map(f32::from).collect()
    }

    #[test]
    fn a_masked_band_or_frame_holds_the_mean_and_the_rest_stays() {
        let bands = SpecAugment {
            num_freq_masks: 1,
            freq_mask_param: 2,
            num_time_masks: 0,
            ..SpecAugment::default()
        };
        let times = SpecAugment {
            num_freq_masks: 0,
            num_time_masks: 1,
            time_mask_param: 3,
            time_mask_fraction: 1.0,
            ..SpecAugment::default()
        };
        let mut most = [0, 0];
        for seed in 0..50 {
            for (which, masks) in [&bands, &times].into_iter().enumerate() {
                let mut values = frames();
                masks.frames(&mut values, 4, &mut Seed::new(seed).rng());
                let changed = |index: usize| (values[index] - frames()[index]).abs() > 0.0;
                let count = (0..40).filter(|&index| changed(index)).count();
                let is_mean = |index: usize| (values[index] - 19.5).abs() < 1e-6;
                assert!((0..40).all(|index| !changed(index) || is_mean(index)));
                // Whole bands of ten frames, whole frames of four bands.
                assert_eq!(count % [10, 4][which], 0);
                most[which] = most[which].max(count);
            }
        }
        assert_eq!(most, [20, 12]);
    }
}
