//! The keys of mel bands in librosa's terms.

use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use crate::audio::feature::{MelConfig, MelNorm, MelScale};
use crate::spelling::one_spelling;

/// How a spectrogram becomes mel bands.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `power` | 2.0 | | above 0, at most 4: the exponent of the magnitude |
/// | `n_mels` | 64 | bands | 1 to 1 024 |
/// | `fmin` | 0 | Hz | 0 or more, below `fmax` |
/// | `fmax` | null: half of `sample_rate` | Hz | above `fmin`, at most half of `sample_rate` |
/// | `htk` | false | | |
/// | `mel_norm` | `slaney` | | `slaney`, null |
///
/// Ludwig's `num_filter_bands` is another spelling of `n_mels`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MelKeys {
    /// The exponent of the magnitude: 1 for magnitude, 2 for power.
    pub power: f64,
    /// The number of mel bands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_mels: Option<usize>,
    /// Ludwig's spelling of `n_mels`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_filter_bands: Option<usize>,
    /// The lower edge of the lowest band, in Hz.
    pub fmin: f64,
    /// The upper edge of the highest band, in Hz.
    pub fmax: Option<f64>,
    /// Whether the mel scale is HTK's formula rather than Slaney's.
    pub htk: bool,
    /// How the bands are weighed against each other.
    pub mel_norm: Option<MelNorm>,
}

impl Default for MelKeys {
    fn default() -> Self {
        Self {
            power: 2.0,
            n_mels: None,
            num_filter_bands: None,
            fmin: 0.0,
            fmax: None,
            htk: false,
            mel_norm: Some(MelNorm::Slaney),
        }
    }
}

impl MelKeys {
    pub(super) fn check(
        &self,
        sample_rate_hz: u32,
        n_fft: usize,
    ) -> Result<MelConfig, ConfigError> {
        if !(self.power > 0.0 && self.power <= 4.0) {
            return Err(ConfigError::invalid("power", self.power, "above 0 and at most 4"));
        }
        let given =
            one_spelling(("n_mels", self.n_mels), ("num_filter_bands", self.num_filter_bands))?;
        let n_mels = given.unwrap_or(64);
        in_range("n_mels", n_mels, 1..=1_024)?;
        let sample_rate_hz = f64::from(sample_rate_hz);
        let fmax = self.fmax.unwrap_or(sample_rate_hz / 2.0);
        in_range("fmax", fmax, 0.0..=sample_rate_hz / 2.0)?;
        in_range("fmin", self.fmin, 0.0..fmax)?;
        let scale = if self.htk { MelScale::Htk } else { MelScale::Slaney };
        let (fmin, norm) = (self.fmin, self.mel_norm);
        Ok(MelConfig { sample_rate_hz, n_fft, n_mels, fmin, fmax, scale, norm })
    }
}
