//! Mel-frequency cepstral coefficients.
//!
//! Source: `librosa.feature.mfcc` of librosa 0.11, of the mel spectrogram in dB.

use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::log_mel::{LogMel, LogMelKeys};
use super::{FrontEnd, Keys};
use crate::audio::feature::Mfcc;
use crate::audio::section::Section;

/// The longest sine of a lifter: what it lifts stays within an f32.
const MAX_LIFTER: f64 = 1e6;

/// The keys of `type: mfcc`: those of [`LogMelKeys`] and [`CepstrumKeys`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MfccKeys {
    /// Samples to bands in dB.
    #[serde(flatten)]
    pub log_mel: LogMelKeys,
    /// Bands to coefficients.
    #[serde(flatten)]
    pub cepstrum: CepstrumKeys,
}

/// How bands become coefficients.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `n_mfcc` | 20 | coefficients | 1 to `n_mels` |
/// | `lifter` | 0 | coefficients | 0 (none), or 1 to 1 000 000 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CepstrumKeys {
    /// The number of cepstral coefficients.
    pub n_mfcc: usize,
    /// The length of the sine that lifts the higher coefficients; 0 lifts none.
    pub lifter: f64,
}

impl Default for CepstrumKeys {
    fn default() -> Self {
        Self { n_mfcc: 20, lifter: 0.0 }
    }
}

impl Keys for MfccKeys {
    fn read(section: &mut Section) -> Result<Self, ConfigError> {
        Ok(Self { log_mel: LogMelKeys::read(section)?, cepstrum: section.take()? })
    }

    fn sample_rate_hz(&self) -> u32 {
        self.log_mel.sample_rate_hz()
    }

    fn plan(&self) -> Result<Box<dyn FrontEnd>, ConfigError> {
        let CepstrumKeys { n_mfcc, lifter } = self.cepstrum;
        let log_mel = LogMel::of(&self.log_mel)?;
        in_range("n_mfcc", n_mfcc, 1..=log_mel.width())?;
        if !(lifter == 0.0 || (1.0..=MAX_LIFTER).contains(&lifter)) {
            let expected = format!("0, or 1 to {MAX_LIFTER},");
            return Err(ConfigError::invalid("lifter", lifter, expected));
        }
        let mfcc = Mfcc::new(log_mel.width(), n_mfcc, lifter);
        Ok(Box::new(Cepstrum { n_mfcc, log_mel, mfcc }))
    }
}

#[derive(Debug)]
struct Cepstrum {
    n_mfcc: usize,
    log_mel: LogMel,
    mfcc: Mfcc,
}

impl FrontEnd for Cepstrum {
    fn width(&self) -> usize {
        self.n_mfcc
    }

    fn num_frames(&self, num_samples: usize) -> usize {
        self.log_mel.num_frames(num_samples)
    }

    fn held_width(&self) -> usize {
        self.log_mel.width()
    }

    fn extract(&self, samples: &[f32]) -> Vec<f32> {
        self.mfcc.apply(&self.log_mel.extract(samples))
    }
}
