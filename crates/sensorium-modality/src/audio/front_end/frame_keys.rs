//! The keys of a spectrogram in librosa's terms.

use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use crate::audio::config::{MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ};
use crate::audio::feature::{PadMode, StftConfig, Window};
use crate::spelling::one_spelling;

/// The longest frame and the longest step, in samples.
const MAX_LENGTH: usize = 65_536;

/// How a sound becomes a spectrogram.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `sample_rate` | 16 000 | Hz | 1 000 to 192 000 |
/// | `n_fft` | 512, or the power of two that holds `win_length` | samples | 2 to 65 536 |
/// | `win_length` | 400, or `n_fft` where that is less | samples | 1 to `n_fft` |
/// | `hop_length` | 160 | samples | 1 to 65 536 |
/// | `window` | `hann` | | `hann`, `hamming`, `blackman`, `bartlett`, `boxcar` |
/// | `center` | true | | |
/// | `pad_mode` | `constant` | | `constant` (zeros), `reflect`, `symmetric`, `edge` |
///
/// For `chroma`, which is to tell low notes apart, `n_fft` and `win_length` are 2 048 and
/// `hop_length` is 512, librosa's defaults.
///
/// Ludwig's `window_length_in_s`, `window_shift_in_s` (seconds), `num_fft_points` and `window_type`
/// are other spellings of `win_length`, `hop_length`, `n_fft` and `window`; giving both spellings of
/// one setting is refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrameKeys {
    /// The rate that every sound is resampled to, in Hz.
    pub sample_rate: u32,
    /// The length of the FFT, in samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_fft: Option<usize>,
    /// The length of the window, in samples; zeros on both sides fill it up to `n_fft`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub win_length: Option<usize>,
    /// From the start of one window to the start of the next, in samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hop_length: Option<usize>,
    /// The window's form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Whether frame `t` is centred on sample `t * hop_length`, rather than starting there.
    pub center: bool,
    /// What a centred frame sees beyond the ends of the sound.
    pub pad_mode: PadMode,
    /// Ludwig's spelling of `win_length`, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_length_in_s: Option<f64>,
    /// Ludwig's spelling of `hop_length`, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_shift_in_s: Option<f64>,
    /// Ludwig's spelling of `n_fft`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_fft_points: Option<usize>,
    /// Ludwig's spelling of `window`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_type: Option<Window>,
}

impl Default for FrameKeys {
    fn default() -> Self {
        Self {
            sample_rate: 16_000,
            n_fft: None,
            win_length: None,
            hop_length: None,
            window: None,
            center: true,
            pad_mode: PadMode::Constant,
            window_length_in_s: None,
            window_shift_in_s: None,
            num_fft_points: None,
            window_type: None,
        }
    }
}

impl FrameKeys {
    /// Checks the keys; lengths that are not given are those of `defaults`, as is the exponent.
    pub(super) fn check(&self, defaults: StftConfig) -> Result<StftConfig, ConfigError> {
        in_range("sample_rate", self.sample_rate, MIN_SAMPLE_RATE_HZ..=MAX_SAMPLE_RATE_HZ)?;
        let (n_fft, win_length) = self.lengths(defaults)?;
        let hop_length =
            one_spelling(("hop_length", self.hop_length), self.seconds("window_shift_in_s")?)?
                .unwrap_or(defaults.hop_length);
        in_range("hop_length", hop_length, 1..=MAX_LENGTH)?;
        let window = one_spelling(("window", self.window), ("window_type", self.window_type))?
            .unwrap_or(defaults.window);
        let Self { center, pad_mode, .. } = *self;
        let power = defaults.power;
        Ok(StftConfig { n_fft, win_length, hop_length, window, center, pad_mode, power })
    }

    /// `n_fft` and `win_length`, each defaulting to what goes with the other.
    fn lengths(&self, defaults: StftConfig) -> Result<(usize, usize), ConfigError> {
        let win_length =
            one_spelling(("win_length", self.win_length), self.seconds("window_length_in_s")?)?;
        let n_fft = one_spelling(("n_fft", self.n_fft), ("num_fft_points", self.num_fft_points))?;
        if let Some(win_length) = win_length {
            in_range("win_length", win_length, 1..=MAX_LENGTH)?;
        }
        let holds = win_length.map_or(0, usize::next_power_of_two);
        let n_fft = n_fft.unwrap_or_else(|| holds.max(defaults.n_fft));
        in_range("n_fft", n_fft, 2..=MAX_LENGTH)?;
        let win_length = win_length.unwrap_or_else(|| defaults.win_length.min(n_fft));
        in_range("win_length", win_length, 1..=n_fft)?;
        Ok((n_fft, win_length))
    }

    /// One of Ludwig's durations in samples, rounded to the nearest.
    fn seconds(&self, key: &'static str) -> Result<(&'static str, Option<usize>), ConfigError> {
        let seconds = match key {
            "window_length_in_s" => self.window_length_in_s,
            _ => self.window_shift_in_s,
        };
        let Some(seconds) = seconds else { return Ok((key, None)) };
        let samples = (seconds * f64::from(self.sample_rate)).round();
        if !(1.0..=MAX_LENGTH as f64).contains(&samples) {
            let expected = format!("1 to {MAX_LENGTH} samples, in seconds");
            return Err(ConfigError::invalid(key, seconds, expected));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "1 to 65 536, checked above"
        )]
        Ok((key, Some(samples as usize)))
    }
}
