//! What describes a spectrum in few numbers, side by side: for each frame centroid, bandwidth and
//! roll-off in Hz, flatness, the contrast of `n_bands + 1` octaves in dB, the zero-crossing rate
//! and the root mean square.
//!
//! Source: the functions of those names in `librosa.feature` of librosa 0.11. Zero-crossing rate and
//! root mean square are of the `n_fft` samples around which the spectrum is made, and as there see
//! the last sample repeated and zeros beyond the ends, whatever `pad_mode` says.

use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::frame_keys::FrameKeys;
use super::{FrontEnd, Keys};
use crate::audio::feature::{
    Framing, PadMode, PeaksAndValleys, SpectralContrast, SpectralContrastConfig, Stft, StftConfig,
    fft_frequencies, rms, spectral_bandwidth, spectral_centroid, spectral_flatness,
    spectral_rolloff, zero_crossing_rate,
};
use crate::audio::section::Section;

/// librosa's least power for flatness.
const LEAST_POWER: f32 = 1e-10;

/// The keys of `type: spectral`: those of [`FrameKeys`] and [`ShapeKeys`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SpectralKeys {
    /// Samples to spectra.
    #[serde(flatten)]
    pub frames: FrameKeys,
    /// Spectra to numbers.
    #[serde(flatten)]
    pub shape: ShapeKeys,
}

/// How spectra are described.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `roll_percent` | 0.85 | share | above 0 and below 1: what lies below the roll-off |
/// | `n_bands` | 6 | octaves | 1 to 16, the last of which starts below half of `sample_rate` |
/// | `fmin` | 200 | Hz | `sample_rate / n_fft` or more: where the lowest octave of the contrast starts |
/// | `quantile` | 0.02 | share | above 0 and below 1: what of a band is its peak, and its valley |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShapeKeys {
    /// The share of the magnitudes that lies below the roll-off.
    pub roll_percent: f64,
    /// The octaves of the contrast.
    pub n_bands: usize,
    /// Where the lowest octave of the contrast starts, in Hz.
    pub fmin: f64,
    /// The share of a band that is its peak, and that is its valley.
    pub quantile: f64,
}

impl Default for ShapeKeys {
    fn default() -> Self {
        Self { roll_percent: 0.85, n_bands: 6, fmin: 200.0, quantile: 0.02 }
    }
}

impl Keys for SpectralKeys {
    fn read(section: &mut Section) -> Result<Self, ConfigError> {
        Ok(Self { frames: section.take()?, shape: section.take()? })
    }

    fn sample_rate_hz(&self) -> u32 {
        self.frames.sample_rate
    }

    #[expect(clippy::cast_possible_truncation, reason = "a share")]
    fn plan(&self) -> Result<Box<dyn FrontEnd>, ConfigError> {
        let magnitudes = StftConfig { power: 1.0, ..StftConfig::default() };
        let stft = self.frames.check(magnitudes)?;
        let sample_rate_hz = f64::from(self.frames.sample_rate);
        let contrast = self.shape.check(sample_rate_hz, stft.n_fft)?;
        let StftConfig { n_fft, hop_length, center, .. } = stft;
        let framing = |pad_mode| {
            let centred = Framing::centred(n_fft, hop_length, pad_mode);
            if center { centred } else { Framing::uncentred(n_fft, hop_length) }
        };
        Ok(Box::new(Spectral {
            stft: Stft::new(&stft),
            frequencies_hz: fft_frequencies(sample_rate_hz, n_fft),
            contrast: SpectralContrast::new(&contrast),
            roll_percent: self.shape.roll_percent as f32,
            crossings: framing(PadMode::Edge),
            loudness: framing(PadMode::Constant),
        }))
    }
}

impl ShapeKeys {
    fn check(
        &self,
        sample_rate_hz: f64,
        n_fft: usize,
    ) -> Result<SpectralContrastConfig, ConfigError> {
        let Self { roll_percent, n_bands, fmin, quantile } = *self;
        for (key, share) in [("roll_percent", roll_percent), ("quantile", quantile)] {
            if !(share > 0.0 && share < 1.0) {
                return Err(ConfigError::invalid(key, share, "above 0 and below 1"));
            }
        }
        in_range("n_bands", n_bands, 1..=16)?;
        in_range("fmin", fmin, sample_rate_hz / n_fft as f64..sample_rate_hz / 2.0)?;
        let last_hz = fmin * 2.0_f64.powf(n_bands as f64 - 1.0);
        if last_hz < sample_rate_hz / 2.0 {
            return Ok(SpectralContrastConfig { sample_rate_hz, n_fft, fmin, n_bands, quantile });
        }
        Err(ConfigError::Conflict {
            at: "n_bands".to_owned(),
            problem: format!(
                "the last of {n_bands} octaves above {fmin} Hz starts at {last_hz} Hz, but it must \
                 start below half of the sample rate, {} Hz",
                sample_rate_hz / 2.0
            ),
            advice: "lower `n_bands` or `fmin`, or raise `sample_rate`".to_owned(),
        })
    }
}

#[derive(Debug)]
struct Spectral {
    stft: Stft,
    frequencies_hz: Vec<f64>,
    contrast: SpectralContrast,
    roll_percent: f32,
    crossings: Framing,
    loudness: Framing,
}

impl FrontEnd for Spectral {
    fn width(&self) -> usize {
        6 + self.contrast.num_bands()
    }

    fn num_frames(&self, num_samples: usize) -> usize {
        self.stft.num_frames(num_samples)
    }

    fn extract(&self, samples: &[f32]) -> Vec<f32> {
        let mut shapes = Vec::new();
        let mut found = PeaksAndValleys::default();
        self.stft.for_each_block(samples, self.num_frames(samples.len()), |magnitudes| {
            shapes.extend(self.shapes(magnitudes));
            self.contrast.find(magnitudes, &mut found);
        });
        let contrast = found.contrast();
        let levels = zero_crossing_rate(samples, &self.crossings)
            .into_iter()
            .zip(rms(samples, &self.loudness));
        let octaves = contrast.chunks_exact(self.contrast.num_bands());
        let frames = shapes.iter().zip(octaves).zip(levels);
        frames
            .flat_map(|((shape, octaves), (crossings, loudness))| {
                shape.iter().copied().chain(octaves.iter().copied()).chain([crossings, loudness])
            })
            .collect()
    }
}

impl Spectral {
    /// Centroid, bandwidth, roll-off and flatness of each frame of a block.
    fn shapes(&self, magnitudes: &[f32]) -> Vec<[f32; 4]> {
        let hz = &self.frequencies_hz;
        let centroids = spectral_centroid(magnitudes, hz);
        let bandwidths = spectral_bandwidth(magnitudes, hz);
        let rolloffs = spectral_rolloff(magnitudes, hz, self.roll_percent);
        let flatnesses = spectral_flatness(magnitudes, hz.len(), LEAST_POWER);
        (0..centroids.len())
            .map(|t| [centroids[t], bandwidths[t], rolloffs[t], flatnesses[t]])
            .collect()
    }
}
