//! Kaldi's log-mel filter bank energies.
//!
//! Source: `torchaudio.compliance.kaldi.fbank` of torchaudio 2.11, whose names and defaults the keys
//! have; only the rate is `sample_rate`, as everywhere here.

use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::{FrontEnd, Keys};
use crate::audio::config::{MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ};
use crate::audio::feature::{KaldiEnergy, KaldiFbank, KaldiFbankConfig, KaldiWindow};
use crate::audio::section::Section;

/// The longest frame and the longest step, in samples.
const MAX_LENGTH: usize = 65_536;

/// The keys of `type: kaldi_fbank`.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `sample_rate` | 16 000 | Hz | 1 000 to 192 000 |
/// | `frame_length` | 25 | milliseconds | 2 to 65 536 samples |
/// | `frame_shift` | 10 | milliseconds | 1 to 65 536 samples; at most `frame_length` where `snip_edges` is false |
/// | `window_type` | `povey` | | `povey`, `hanning`, `hamming`, `rectangular`, `blackman` |
/// | `blackman_coeff` | 0.42 | | 0 to 1 |
/// | `round_to_power_of_two` | true | | false needs a frame of an even number of samples |
/// | `snip_edges` | true | | |
/// | `remove_dc_offset` | true | | |
/// | `preemphasis_coefficient` | 0.97 | | 0 to 1 |
/// | `num_mel_bins` | 23 | bands | 4 to 1 024 |
/// | `low_freq` | 20 | Hz | 0 or more, below `high_freq` |
/// | `high_freq` | 0 | Hz | above `low_freq`, at most half of `sample_rate`; 0 or less is an offset from there |
/// | `use_power` | true | | |
/// | `use_log_fbank` | true | | |
/// | `use_energy` | false | | the log energy of the frame as one more value |
/// | `htk_compat` | false | | that value last, rather than first |
/// | `raw_energy` | true | | that value before pre-emphasis and window |
/// | `energy_floor` | 1.0 | energy | 0 or more: the least of that value |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "torchaudio's parameters, one by one")]
pub struct KaldiFbankKeys {
    /// The rate that every sound is resampled to, in Hz.
    pub sample_rate: u32,
    /// The length of a frame, in milliseconds.
    pub frame_length: f64,
    /// From the start of one frame to the start of the next, in milliseconds.
    pub frame_shift: f64,
    /// The form of the window.
    pub window_type: KaldiWindow,
    /// The constant of the window `blackman`.
    pub blackman_coeff: f64,
    /// Whether the transform is as long as the power of two that holds a frame.
    pub round_to_power_of_two: bool,
    /// Whether only frames that lie within the sound are made.
    pub snip_edges: bool,
    /// Whether a frame's mean is taken off it.
    pub remove_dc_offset: bool,
    /// How much of the sample before is taken off each sample.
    pub preemphasis_coefficient: f64,
    /// The number of mel bands.
    pub num_mel_bins: usize,
    /// The lower edge of the lowest band, in Hz.
    pub low_freq: f64,
    /// The upper edge of the highest band, in Hz, or an offset from half the rate.
    pub high_freq: f64,
    /// Whether bands are sums of powers, rather than magnitudes.
    pub use_power: bool,
    /// Whether the logarithm of a band is taken.
    pub use_log_fbank: bool,
    /// Whether the log energy of the frame is one more value.
    pub use_energy: bool,
    /// Whether that value is the last.
    pub htk_compat: bool,
    /// Whether that value is taken before pre-emphasis and window.
    pub raw_energy: bool,
    /// The least energy of a frame.
    pub energy_floor: f64,
}

impl Default for KaldiFbankKeys {
    fn default() -> Self {
        Self {
            sample_rate: 16_000,
            frame_length: 25.0,
            frame_shift: 10.0,
            window_type: KaldiWindow::Povey,
            blackman_coeff: 0.42,
            round_to_power_of_two: true,
            snip_edges: true,
            remove_dc_offset: true,
            preemphasis_coefficient: 0.97,
            num_mel_bins: 23,
            low_freq: 20.0,
            high_freq: 0.0,
            use_power: true,
            use_log_fbank: true,
            use_energy: false,
            htk_compat: false,
            raw_energy: true,
            energy_floor: 1.0,
        }
    }
}

impl Keys for KaldiFbankKeys {
    fn read(section: &mut Section) -> Result<Self, ConfigError> {
        section.take()
    }

    fn sample_rate_hz(&self) -> u32 {
        self.sample_rate
    }

    fn plan(&self) -> Result<Box<dyn FrontEnd>, ConfigError> {
        Ok(Box::new(KaldiFbank::new(&self.check()?)))
    }
}

impl KaldiFbankKeys {
    #[expect(clippy::cast_possible_truncation, reason = "in the range of an f32")]
    pub(super) fn check(&self) -> Result<KaldiFbankConfig, ConfigError> {
        in_range("sample_rate", self.sample_rate, MIN_SAMPLE_RATE_HZ..=MAX_SAMPLE_RATE_HZ)?;
        let window_size = self.samples("frame_length", self.frame_length, 2, MAX_LENGTH)?;
        let longest = if self.snip_edges { MAX_LENGTH } else { window_size };
        let window_shift = self.samples("frame_shift", self.frame_shift, 1, longest)?;
        self.check_transform(window_size)?;
        self.check_bands()?;
        in_range("blackman_coeff", self.blackman_coeff, 0.0..=1.0)?;
        in_range("preemphasis_coefficient", self.preemphasis_coefficient, 0.0..=1.0)?;
        in_range("energy_floor", self.energy_floor, 0.0..=f64::from(f32::MAX))?;
        Ok(KaldiFbankConfig {
            sample_rate_hz: f64::from(self.sample_rate),
            window_size,
            window_shift,
            round_to_power_of_two: self.round_to_power_of_two,
            window_type: self.window_type,
            blackman_coeff: self.blackman_coeff,
            snip_edges: self.snip_edges,
            remove_dc_offset: self.remove_dc_offset,
            preemphasis_coefficient: self.preemphasis_coefficient as f32,
            num_mel_bins: self.num_mel_bins,
            low_freq: self.low_freq,
            high_freq: self.high_freq,
            use_power: self.use_power,
            use_log_fbank: self.use_log_fbank,
            energy: match (self.use_energy, self.htk_compat) {
                (false, _) => KaldiEnergy::None,
                (true, false) => KaldiEnergy::First,
                (true, true) => KaldiEnergy::Last,
            },
            raw_energy: self.raw_energy,
            energy_floor: self.energy_floor as f32,
        })
    }

    /// A duration in samples, cut off as torchaudio does.
    fn samples(
        &self,
        key: &str,
        milliseconds: f64,
        least: usize,
        most: usize,
    ) -> Result<usize, ConfigError> {
        let samples = (f64::from(self.sample_rate) * milliseconds * 0.001).floor();
        if !(least as f64..=most as f64).contains(&samples) {
            let expected = format!("{least} to {most} samples, in milliseconds,");
            return Err(ConfigError::invalid(key, milliseconds, expected));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most 65 536, checked above"
        )]
        Ok(samples as usize)
    }

    fn check_transform(&self, window_size: usize) -> Result<(), ConfigError> {
        if self.round_to_power_of_two || window_size.is_multiple_of(2) {
            return Ok(());
        }
        Err(ConfigError::Conflict {
            at: "round_to_power_of_two".to_owned(),
            problem: format!("a frame of {window_size} samples is not even"),
            advice: "leave `round_to_power_of_two` true, or change `frame_length`".to_owned(),
        })
    }

    fn check_bands(&self) -> Result<(), ConfigError> {
        let nyquist = f64::from(self.sample_rate) / 2.0;
        in_range("num_mel_bins", self.num_mel_bins, 4..=1_024)?;
        in_range("low_freq", self.low_freq, 0.0..nyquist)?;
        let high = if self.high_freq <= 0.0 { nyquist + self.high_freq } else { self.high_freq };
        if high > self.low_freq && high <= nyquist {
            return Ok(());
        }
        let expected = format!(
            "above {} and at most {nyquist}, or 0 or less as an offset from {nyquist},",
            self.low_freq
        );
        Err(ConfigError::invalid("high_freq", self.high_freq, expected))
    }
}

impl FrontEnd for KaldiFbank {
    fn width(&self) -> usize {
        self.width()
    }

    fn num_frames(&self, num_samples: usize) -> usize {
        self.num_frames(num_samples)
    }

    fn extract(&self, samples: &[f32]) -> Vec<f32> {
        self.apply(samples)
    }
}
