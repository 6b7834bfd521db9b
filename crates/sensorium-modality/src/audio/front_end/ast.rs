//! The input of the Audio Spectrogram Transformer (Gong et al. 2021): Kaldi's log-mel energies,
//! filled up with zeros or cut to a fixed length, and then shifted and scaled.
//!
//! Source: `ASTFeatureExtractor` of transformers 5.24, where torchaudio is installed.

use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::kaldi_fbank::KaldiFbankKeys;
use super::{FrontEnd, Keys};
use crate::audio::config::Norm;
use crate::audio::feature::{KaldiFbank, KaldiWindow};
use crate::audio::section::Section;

const SAMPLE_RATE_HZ: u32 = 16_000;
const NUM_MELS: usize = 128;

/// The keys of `type: ast`.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `max_length` | 1 024 | frames of 10 ms | 1 to 60 000: the frames of every sound |
/// | `mean` | -4.2677393 | log energy | that of the data the weights were trained on, AudioSet |
/// | `std` | 4.5689974 | log energy | above 0; features are divided by twice this |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AstKeys {
    /// The frames of every sound.
    pub max_length: usize,
    /// What is taken off every value.
    pub mean: f64,
    /// Half of what every value is divided by.
    pub std: f64,
}

impl Default for AstKeys {
    fn default() -> Self {
        Self { max_length: 1_024, mean: -4.267_739_3, std: 4.568_997_4 }
    }
}

impl Keys for AstKeys {
    /// What 1 024 frames see.
    const SECONDS: f64 = 10.255;
    const NORM: Option<Norm> = None;

    fn read(section: &mut Section) -> Result<Self, ConfigError> {
        section.take()
    }

    fn sample_rate_hz(&self) -> u32 {
        SAMPLE_RATE_HZ
    }

    #[expect(clippy::cast_possible_truncation, reason = "in the range of an f32")]
    fn plan(&self) -> Result<Box<dyn FrontEnd>, ConfigError> {
        in_range("max_length", self.max_length, 1..=60_000)?;
        in_range("mean", self.mean, -1e6..=1e6)?;
        in_range("std", self.std, 1e-6..=1e6)?;
        let fbank = KaldiFbankKeys {
            window_type: KaldiWindow::Hanning,
            num_mel_bins: NUM_MELS,
            ..KaldiFbankKeys::default()
        };
        Ok(Box::new(Ast {
            fbank: KaldiFbank::new(&fbank.check()?),
            num_frames: self.max_length,
            mean: self.mean as f32,
            twice_std: (2.0 * self.std) as f32,
        }))
    }
}

#[derive(Debug)]
struct Ast {
    fbank: KaldiFbank,
    num_frames: usize,
    mean: f32,
    twice_std: f32,
}

impl FrontEnd for Ast {
    fn width(&self) -> usize {
        NUM_MELS
    }

    fn num_frames(&self, _: usize) -> usize {
        self.num_frames
    }

    fn extract(&self, samples: &[f32]) -> Vec<f32> {
        let mut energies = self.fbank.apply(samples);
        energies.resize(self.num_frames * NUM_MELS, 0.0);
        for energy in &mut energies {
            *energy = (*energy - self.mean) / self.twice_std;
        }
        energies
    }
}
