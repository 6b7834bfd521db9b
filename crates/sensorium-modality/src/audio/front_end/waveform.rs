//! The samples themselves, one a frame: the input of wav2vec 2.0 (Baevski et al. 2020).
//!
//! Source: `Wav2Vec2FeatureExtractor` of transformers 5.24.

use sensorium_core::ConfigError;
use serde::{Deserialize, Serialize};

use super::{FrontEnd, Keys};
use crate::audio::config::Norm;
use crate::audio::section::Section;

const SAMPLE_RATE_HZ: u32 = 16_000;
/// Keeps the division finite for silence.
const EPSILON: f64 = 1e-7;

/// The keys of `type: waveform`.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `do_normalize` | true | | whether each sound is brought to mean 0 and variance 1 |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WaveformKeys {
    /// Whether each sound is brought to mean 0 and variance 1.
    pub do_normalize: bool,
}

impl Default for WaveformKeys {
    fn default() -> Self {
        Self { do_normalize: true }
    }
}

impl Keys for WaveformKeys {
    const NORM: Option<Norm> = None;

    fn read(section: &mut Section) -> Result<Self, ConfigError> {
        section.take()
    }

    fn sample_rate_hz(&self) -> u32 {
        SAMPLE_RATE_HZ
    }

    fn plan(&self) -> Result<Box<dyn FrontEnd>, ConfigError> {
        Ok(Box::new(Waveform { normalizes: self.do_normalize }))
    }
}

#[derive(Debug)]
struct Waveform {
    normalizes: bool,
}

impl FrontEnd for Waveform {
    fn width(&self) -> usize {
        1
    }

    fn num_frames(&self, num_samples: usize) -> usize {
        num_samples
    }

    #[expect(clippy::cast_possible_truncation, reason = "features are f32")]
    fn extract(&self, samples: &[f32]) -> Vec<f32> {
        if !self.normalizes {
            return samples.to_vec();
        }
        let (mean, variance) = statistics(samples);
        let scale = 1.0 / (variance + EPSILON).sqrt();
        samples.iter().map(|&sample| ((f64::from(sample) - mean) * scale) as f32).collect()
    }
}

/// Mean and variance of what is a number: anything else spoils its own frame only.
fn statistics(samples: &[f32]) -> (f64, f64) {
    let finite = || samples.iter().filter(|sample| sample.is_finite()).map(|&s| f64::from(s));
    let count = finite().count().max(1) as f64;
    let mean = finite().sum::<f64>() / count;
    (mean, finite().map(|sample| (sample - mean).powi(2)).sum::<f64>() / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extract(do_normalize: bool, samples: &[f32]) -> Vec<f32> {
        WaveformKeys { do_normalize }.plan().unwrap().extract(samples)
    }

    #[test]
    fn a_sound_is_brought_to_mean_zero_and_variance_one_where_asked_for() {
        let samples = [0.1, 0.3, 0.1, 0.3];
        assert_eq!(extract(false, &samples), samples);
        // Mean 0.2 and variance 0.01.
        let expected = [-0.999_995, 0.999_995, -0.999_995, 0.999_995];
        for (got, want) in extract(true, &samples).iter().zip(expected) {
            assert!((got - want).abs() < 1e-6, "{got} is not {want}");
        }
    }

    #[test]
    fn silence_and_one_sample_are_zeros_and_no_number_stays_alone() {
        assert_eq!(extract(true, &[0.0; 3]), [0.0; 3]);
        assert_eq!(extract(true, &[0.7]), [0.0]);
        let spoilt = extract(true, &[0.1, f32::NAN, 0.3]);
        assert!(spoilt[1].is_nan() && spoilt[0] < 0.0 && spoilt[2] > 0.0);
    }
}
