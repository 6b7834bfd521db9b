//! The input of Whisper (Radford et al. 2022): 30 seconds of log-mel frames, always.
//!
//! Source: `WhisperFeatureExtractor` of transformers 5.24, which has the axes the other way round.

use sensorium_core::ConfigError;
use serde::{Deserialize, Serialize};

use super::{FrontEnd, Keys};
use crate::audio::config::Norm;
use crate::audio::feature::{
    MelBank, MelConfig, MelNorm, MelScale, PadMode, Stft, StftConfig, log10, log10_at_least,
    loudest,
};
use crate::audio::section::Section;

const SAMPLE_RATE_HZ: u32 = 16_000;
/// 30 seconds.
const NUM_SAMPLES: usize = 480_000;
const HOP_LENGTH: usize = 160;
const NUM_FRAMES: usize = NUM_SAMPLES / HOP_LENGTH;
const N_FFT: usize = 400;
/// The least power that is told from silence.
const LEAST_POWER: f32 = 1e-10;
/// How far below the loudest value of a sound its floor is, in tenfold powers.
const RANGE: f32 = 8.0;

/// The keys of `type: whisper`.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `n_mels` | 80 | bands | 80, or 128 for `large-v3` |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WhisperKeys {
    /// The number of mel bands.
    pub n_mels: usize,
}

impl Default for WhisperKeys {
    fn default() -> Self {
        Self { n_mels: 80 }
    }
}

impl Keys for WhisperKeys {
    const SECONDS: f64 = 30.0;
    const NORM: Option<Norm> = None;

    fn read(section: &mut Section) -> Result<Self, ConfigError> {
        section.take()
    }

    fn sample_rate_hz(&self) -> u32 {
        SAMPLE_RATE_HZ
    }

    fn plan(&self) -> Result<Box<dyn FrontEnd>, ConfigError> {
        if !matches!(self.n_mels, 80 | 128) {
            return Err(ConfigError::invalid("n_mels", self.n_mels, "80 or 128"));
        }
        let stft = StftConfig {
            n_fft: N_FFT,
            win_length: N_FFT,
            hop_length: HOP_LENGTH,
            pad_mode: PadMode::Reflect,
            ..StftConfig::default()
        };
        let bank = MelConfig {
            sample_rate_hz: f64::from(SAMPLE_RATE_HZ),
            n_fft: N_FFT,
            n_mels: self.n_mels,
            fmin: 0.0,
            fmax: 8_000.0,
            scale: MelScale::Slaney,
            norm: Some(MelNorm::Slaney),
        };
        Ok(Box::new(Whisper { stft: Stft::new(&stft), bank: MelBank::new(&bank) }))
    }
}

#[derive(Debug)]
struct Whisper {
    stft: Stft,
    bank: MelBank,
}

impl FrontEnd for Whisper {
    fn width(&self) -> usize {
        self.bank.num_bands()
    }

    fn num_frames(&self, _: usize) -> usize {
        NUM_FRAMES
    }

    fn extract(&self, samples: &[f32]) -> Vec<f32> {
        let heard = samples.len().min(NUM_SAMPLES);
        let mut padded = vec![0.0; NUM_SAMPLES];
        padded[..heard].copy_from_slice(&samples[..heard]);
        // The frames after these see zeros alone; the one after the last is left out, as there.
        let frames = (heard + N_FFT / 2).div_ceil(HOP_LENGTH).min(NUM_FRAMES);
        let mut bands = Vec::with_capacity(NUM_FRAMES * self.width());
        let mut product = self.bank.product();
        self.stft.for_each_block(&padded, frames, |powers| product.append(powers, &mut bands));
        bands.resize(NUM_FRAMES * self.width(), 0.0);
        compress(&mut bands);
        bands
    }
}

/// Powers to a scale on which speech lies between about -1 and 1.
fn compress(bands: &mut [f32]) {
    let floor = log10(loudest(bands).max(LEAST_POWER)) - RANGE;
    log10_at_least(bands, LEAST_POWER);
    for band in bands {
        let log = if *band < floor { floor } else { *band };
        *band = (log + 4.0) / 4.0;
    }
}
