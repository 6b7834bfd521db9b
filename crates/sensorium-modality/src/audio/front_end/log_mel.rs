//! The mel spectrogram in dB.
//!
//! Source: `librosa.power_to_db(librosa.feature.melspectrogram(…))` of librosa 0.11.

use sensorium_core::ConfigError;
use serde::Serialize;

use super::decibel_keys::DecibelKeys;
use super::frame_keys::FrameKeys;
use super::mel_keys::MelKeys;
use super::{FrontEnd, Keys};
use crate::audio::feature::{Decibels, MelBank, Stft, StftConfig};
use crate::audio::section::Section;

/// The keys of `type: log_mel`: those of [`FrameKeys`], [`MelKeys`] and [`DecibelKeys`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LogMelKeys {
    /// Samples to spectra.
    #[serde(flatten)]
    pub frames: FrameKeys,
    /// Spectra to bands.
    #[serde(flatten)]
    pub mel: MelKeys,
    /// Bands to dB.
    #[serde(flatten)]
    pub decibels: DecibelKeys,
}

impl Keys for LogMelKeys {
    fn read(section: &mut Section) -> Result<Self, ConfigError> {
        Ok(Self { frames: section.take()?, mel: section.take()?, decibels: section.take()? })
    }

    fn sample_rate_hz(&self) -> u32 {
        self.frames.sample_rate
    }

    fn plan(&self) -> Result<Box<dyn FrontEnd>, ConfigError> {
        Ok(Box::new(LogMel::of(self)?))
    }
}

#[derive(Clone, Debug)]
pub(super) struct LogMel {
    stft: Stft,
    bank: MelBank,
    decibels: Decibels,
}

impl LogMel {
    pub(super) fn of(keys: &LogMelKeys) -> Result<Self, ConfigError> {
        let defaults = StftConfig { power: keys.mel.power, ..StftConfig::default() };
        let stft = keys.frames.check(defaults)?;
        let mel = keys.mel.check(keys.frames.sample_rate, stft.n_fft)?;
        Ok(Self {
            decibels: keys.decibels.check()?,
            stft: Stft::new(&stft),
            bank: MelBank::new(&mel),
        })
    }
}

impl FrontEnd for LogMel {
    fn width(&self) -> usize {
        self.bank.num_bands()
    }

    fn num_frames(&self, num_samples: usize) -> usize {
        self.stft.num_frames(num_samples)
    }

    fn extract(&self, samples: &[f32]) -> Vec<f32> {
        let frames = self.num_frames(samples.len());
        let mut bands = Vec::with_capacity(frames * self.width());
        let mut product = self.bank.product();
        self.stft.for_each_block(samples, frames, |powers| product.append(powers, &mut bands));
        self.decibels.apply(&mut bands);
        bands
    }
}
