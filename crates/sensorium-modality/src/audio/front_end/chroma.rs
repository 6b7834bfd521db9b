//! How much of each note is in each frame.
//!
//! Source: `librosa.feature.chroma_stft` of librosa 0.11 with `norm=inf`.

use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::frame_keys::FrameKeys;
use super::{FrontEnd, Keys};
use crate::audio::feature::{ChromaBank, ChromaConfig, Stft, StftConfig, estimate_tuning};
use crate::audio::section::Section;

/// The keys of `type: chroma`: those of [`FrameKeys`] and [`NoteKeys`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ChromaKeys {
    /// Samples to spectra.
    #[serde(flatten)]
    pub frames: FrameKeys,
    /// Spectra to notes.
    #[serde(flatten)]
    pub notes: NoteKeys,
}

/// How spectra become notes.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `n_chroma` | 12 | notes | 1 to 120 |
/// | `tuning` | null: estimated from each sound | notes | -1 to 1: how far A lies from 440 Hz |
/// | `ctroct` | 5.0 | octaves above 27.5 Hz | 0 to 20 |
/// | `octwidth` | 2.0 | octaves | 0.01 to 100, or null for equal weights |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoteKeys {
    /// The notes of an octave.
    pub n_chroma: usize,
    /// How far A lies from 440 Hz, in notes; null to estimate it from each sound.
    pub tuning: Option<f64>,
    /// The octave that counts most.
    pub ctroct: f64,
    /// The standard deviation of the octaves' weights; null for equal weights.
    pub octwidth: Option<f64>,
}

impl Default for NoteKeys {
    fn default() -> Self {
        Self { n_chroma: 12, tuning: None, ctroct: 5.0, octwidth: Some(2.0) }
    }
}

impl Keys for ChromaKeys {
    fn read(section: &mut Section) -> Result<Self, ConfigError> {
        Ok(Self { frames: section.take()?, notes: section.take()? })
    }

    fn sample_rate_hz(&self) -> u32 {
        self.frames.sample_rate
    }

    fn plan(&self) -> Result<Box<dyn FrontEnd>, ConfigError> {
        let defaults = StftConfig {
            n_fft: 2_048,
            win_length: 2_048,
            hop_length: 512,
            ..StftConfig::default()
        };
        let stft = self.frames.check(defaults)?;
        let NoteKeys { n_chroma, tuning, ctroct, octwidth } = self.notes;
        in_range("n_chroma", n_chroma, 1..=120)?;
        in_range("tuning", tuning.unwrap_or(0.0), -1.0..=1.0)?;
        in_range("ctroct", ctroct, 0.0..=20.0)?;
        in_range("octwidth", octwidth.unwrap_or(1.0), 0.01..=100.0)?;
        let sample_rate_hz = f64::from(self.frames.sample_rate);
        let config = ChromaConfig {
            sample_rate_hz,
            n_fft: stft.n_fft,
            n_chroma,
            tuning: tuning.unwrap_or(0.0),
            ctroct,
            octwidth,
        };
        let bank = tuning.map(|_| ChromaBank::new(&config));
        Ok(Box::new(Chroma { stft: Stft::new(&stft), config, bank }))
    }
}

#[derive(Debug)]
struct Chroma {
    stft: Stft,
    config: ChromaConfig,
    /// `None` where the tuning, and with it the filters, are each sound's own.
    bank: Option<ChromaBank>,
}

impl FrontEnd for Chroma {
    fn width(&self) -> usize {
        self.config.n_chroma
    }

    fn num_frames(&self, num_samples: usize) -> usize {
        self.stft.num_frames(num_samples)
    }

    /// The tuning is that of a whole sound, whose spectrogram is held meanwhile.
    fn held_width(&self) -> usize {
        self.stft.num_bins()
    }

    fn extract(&self, samples: &[f32]) -> Vec<f32> {
        let powers = self.stft.spectrogram(samples);
        match &self.bank {
            Some(bank) => bank.apply(&powers),
            None => ChromaBank::new(&self.tuned(&powers)).apply(&powers),
        }
    }
}

impl Chroma {
    fn tuned(&self, powers: &[f32]) -> ChromaConfig {
        let ChromaConfig { sample_rate_hz, n_chroma, .. } = self.config;
        let tuning = estimate_tuning(powers, self.stft.num_bins(), sample_rate_hz, n_chroma);
        ChromaConfig { tuning, ..self.config }
    }
}
