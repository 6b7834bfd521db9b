//! The input of `YAMNet` (Plakal and Ellis 2019): log-mel frames of whole patches.
//!
//! Source: `research/audioset/yamnet/features.py` and `params.py` of `TensorFlow`'s models: a
//! periodic Hann window of 25 ms every 10 ms, magnitudes of 512 points, 64 HTK bands from 125 to
//! 7 500 Hz, the logarithm of each plus an offset. As there, zeros fill a sound up to whole patches
//! of 96 frames, each half a patch after the one before; cutting into patches is the encoder's.

use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::{FrontEnd, Keys};
use crate::audio::config::Norm;
use crate::audio::feature::{MelBank, MelConfig, MelScale, Stft, StftConfig, ln_at_least};
use crate::audio::section::Section;

const SAMPLE_RATE_HZ: u32 = 16_000;
const N_FFT: usize = 512;
const WIN_LENGTH: usize = 400;
const HOP_LENGTH: usize = 160;
const PATCH_FRAMES: usize = 96;
const PATCH_HOP_FRAMES: usize = 48;
/// The samples that the frames of one patch see.
const PATCH_SAMPLES: usize = (PATCH_FRAMES - 1) * HOP_LENGTH + WIN_LENGTH;

/// The keys of `type: yamnet`.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `log_offset` | 0.001 | magnitude | 1e-30 to 1: added before the logarithm; 0.001 in `TensorFlow`'s models, 1e-6 in some exports to ONNX |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct YamnetKeys {
    /// What is added to a band before its logarithm.
    pub log_offset: f64,
}

impl Default for YamnetKeys {
    fn default() -> Self {
        Self { log_offset: 0.001 }
    }
}

impl Keys for YamnetKeys {
    const NORM: Option<Norm> = None;

    fn read(section: &mut Section) -> Result<Self, ConfigError> {
        section.take()
    }

    fn sample_rate_hz(&self) -> u32 {
        SAMPLE_RATE_HZ
    }

    #[expect(clippy::cast_possible_truncation, reason = "in the range of an f32")]
    fn plan(&self) -> Result<Box<dyn FrontEnd>, ConfigError> {
        in_range("log_offset", self.log_offset, 1e-30..=1.0)?;
        let stft = StftConfig { center: false, power: 1.0, ..StftConfig::default() };
        let mel = MelConfig {
            sample_rate_hz: f64::from(SAMPLE_RATE_HZ),
            n_fft: N_FFT,
            n_mels: 64,
            fmin: 125.0,
            fmax: 7_500.0,
            scale: MelScale::Htk,
            norm: None,
        };
        Ok(Box::new(Yamnet {
            stft: Stft::new(&stft),
            bank: MelBank::over_mel(&mel),
            log_offset: self.log_offset as f32,
        }))
    }
}

#[derive(Debug)]
struct Yamnet {
    stft: Stft,
    bank: MelBank,
    log_offset: f32,
}

impl FrontEnd for Yamnet {
    fn width(&self) -> usize {
        self.bank.num_bands()
    }

    fn num_frames(&self, num_samples: usize) -> usize {
        let after_first = num_samples.saturating_sub(PATCH_SAMPLES);
        PATCH_FRAMES + PATCH_HOP_FRAMES * after_first.div_ceil(PATCH_HOP_FRAMES * HOP_LENGTH)
    }

    fn extract(&self, samples: &[f32]) -> Vec<f32> {
        let frames = self.num_frames(samples.len());
        // A window is in the middle of its frame: with this much before the sound, the first window
        // starts where the sound does.
        let before = (N_FFT - WIN_LENGTH) / 2;
        let mut padded = vec![0.0; before];
        padded.extend_from_slice(samples);
        padded.resize((frames - 1) * HOP_LENGTH + N_FFT, 0.0);
        let mut bands = Vec::with_capacity(frames * self.width());
        let mut product = self.bank.product();
        self.stft.for_each_block(&padded, frames, |powers| product.append(powers, &mut bands));
        for band in &mut bands {
            *band += self.log_offset;
        }
        ln_at_least(&mut bands, self.log_offset);
        bands
    }
}
