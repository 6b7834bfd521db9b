//! What the user writes under an audio column's `preprocessing`, and its checked form.
//!
//! The keys are librosa's where librosa has a word for it and mean what they mean there. Ludwig's
//! own keys are read as other spellings of them.

use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::reference::Reference;
use super::window::Window;
use crate::MissingValueStrategy;

/// The lowest sample rate that is read or made, in Hz.
pub const MIN_SAMPLE_RATE_HZ: u32 = 1_000;
/// The highest sample rate that is read or made, in Hz.
pub const MAX_SAMPLE_RATE_HZ: u32 = 192_000;
/// The longest sound that `audio_file_length_limit_in_s` may allow, in seconds.
pub const MAX_SECONDS: f64 = 600.0;
/// The largest file that `max_file_bytes` may allow.
pub const MAX_FILE_BYTES: u64 = 1 << 30;
/// The most values that the features of one sound may have: 64 MiB of them.
pub const MAX_FEATURE_VALUES: usize = 1 << 24;

/// The longest sine of a lifter: what it lifts stays within an f32.
const MAX_LIFTER: f64 = 1e6;

/// How a sound file becomes a sequence of feature vectors.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `type` | `log_mel` | | `log_mel` (also `fbank`), `mfcc` |
/// | `audio_file_length_limit_in_s` | 7.5 | seconds | above 0, at most 600; longer sounds are cut |
/// | `max_file_bytes` | 67 108 864 | bytes | 1 to 2^30; larger files are refused |
/// | `sample_rate` | 16 000 | Hz | 1 000 to 192 000 |
/// | `n_fft` | 512, or the power of two that holds `win_length` | samples | 2 to 65 536 |
/// | `win_length` | 400, or `n_fft` where that is less | samples | 1 to `n_fft` |
/// | `hop_length` | 160 | samples | 1 to 65 536 |
/// | `window` | `hann` | | `hann`, `hamming`, `blackman`, `bartlett`, `boxcar` |
/// | `center` | true | | |
/// | `pad_mode` | `constant` | | `constant` (zeros), `reflect` |
/// | `power` | 2.0 | | above 0, at most 4 |
/// | `n_mels` | 64 | bands | 1 to 1 024 |
/// | `fmin` | 0 | Hz | 0 or more, below `fmax` |
/// | `fmax` | null: half of `sample_rate` | Hz | above `fmin`, at most half of `sample_rate` |
/// | `htk` | false | | |
/// | `mel_norm` | `slaney` | | `slaney`, null |
/// | `ref` | 1.0 | power | above 0, or `max` |
/// | `amin` | 1e-10 | power | above 0 |
/// | `top_db` | 80 | dB | 0 or more, or null |
/// | `n_mfcc` | 20 | coefficients | 1 to `n_mels` |
/// | `lifter` | 0 | coefficients | 0 (none), or 1 to 1 000 000 |
/// | `norm` | `train` | | `train`, `per_file`, null |
/// | `missing_value_strategy` | `mask` | | `mask` |
///
/// Ludwig's `window_length_in_s`, `window_shift_in_s` (seconds), `num_fft_points`,
/// `num_filter_bands` and `window_type` are other spellings of `win_length`, `hop_length`, `n_fft`,
/// `n_mels` and `window`; giving both spellings of one setting is refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AudioConfig {
    /// Which features are made.
    #[serde(rename = "type")]
    pub kind: AudioKind,
    /// Longer sounds are cut to this, in seconds.
    pub audio_file_length_limit_in_s: f64,
    /// Larger files are refused, in bytes.
    pub max_file_bytes: u64,
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
    /// The exponent of the magnitude: 1 for magnitude, 2 for power.
    pub power: f64,
    /// The number of mel bands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_mels: Option<usize>,
    /// The lower edge of the lowest band, in Hz.
    pub fmin: f64,
    /// The upper edge of the highest band, in Hz.
    pub fmax: Option<f64>,
    /// Whether the mel scale is HTK's formula rather than Slaney's.
    pub htk: bool,
    /// How the bands are weighed against each other.
    pub mel_norm: Option<MelNorm>,
    /// The power that is 0 dB.
    #[serde(rename = "ref")]
    pub reference: Reference,
    /// The least power that is told from silence.
    pub amin: f64,
    /// How far below a sound's loudest value its floor is, in dB.
    pub top_db: Option<f64>,
    /// The number of cepstral coefficients.
    pub n_mfcc: usize,
    /// The length of the sine that lifts the higher coefficients; 0 lifts none.
    pub lifter: f64,
    /// What the features are standardised by.
    pub norm: Option<Norm>,
    /// What is done where a cell is missing.
    pub missing_value_strategy: MissingValueStrategy,
    /// Ludwig's spelling of `win_length`, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_length_in_s: Option<f64>,
    /// Ludwig's spelling of `hop_length`, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_shift_in_s: Option<f64>,
    /// Ludwig's spelling of `n_fft`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_fft_points: Option<usize>,
    /// Ludwig's spelling of `n_mels`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_filter_bands: Option<usize>,
    /// Ludwig's spelling of `window`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_type: Option<Window>,
}

impl Default for AudioConfig {
    fn default() -> Self {
        Self {
            kind: AudioKind::LogMel,
            audio_file_length_limit_in_s: 7.5,
            max_file_bytes: 64 << 20,
            sample_rate: 16_000,
            n_fft: None,
            win_length: None,
            hop_length: None,
            window: None,
            center: true,
            pad_mode: PadMode::Constant,
            power: 2.0,
            n_mels: None,
            fmin: 0.0,
            fmax: None,
            htk: false,
            mel_norm: Some(MelNorm::Slaney),
            reference: Reference::Power(1.0),
            amin: 1e-10,
            top_db: Some(80.0),
            n_mfcc: 20,
            lifter: 0.0,
            norm: Some(Norm::Train),
            missing_value_strategy: MissingValueStrategy::Mask,
            window_length_in_s: None,
            window_shift_in_s: None,
            num_fft_points: None,
            num_filter_bands: None,
            window_type: None,
        }
    }
}

/// Which features are made of a sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AudioKind {
    /// The mel spectrogram in dB; Ludwig calls it `fbank`.
    #[serde(alias = "fbank")]
    LogMel,
    /// Mel-frequency cepstral coefficients.
    Mfcc,
}

/// What a centred frame sees beyond the ends of the sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PadMode {
    /// Zeros; librosa's default since 0.10.
    Constant,
    /// The sound mirrored at its first and last sample.
    Reflect,
}

/// How mel bands are weighed against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MelNorm {
    /// Each band has the same area.
    Slaney,
}

/// What the features are standardised by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Mean and standard deviation of each band over train rows.
    Train,
    /// Mean and standard deviation of each band over the sound itself.
    PerFile,
}

/// An [`AudioConfig`] whose every setting is in its documented range and has one spelling.
///
/// Only [`AudioConfig::check`] makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedAudio {
    pub(super) kind: AudioKind,
    pub(super) max_seconds: f64,
    pub(super) max_file_bytes: u64,
    pub(super) sample_rate_hz: u32,
    pub(super) fft_length: usize,
    pub(super) window_length: usize,
    pub(super) hop_length: usize,
    pub(super) window: Window,
    pub(super) center: bool,
    pub(super) pad_mode: PadMode,
    pub(super) power: f64,
    pub(super) num_mels: usize,
    pub(super) min_hz: f64,
    pub(super) max_hz: f64,
    pub(super) htk: bool,
    pub(super) mel_norm: Option<MelNorm>,
    pub(super) reference: Reference,
    pub(super) least_power: f64,
    pub(super) top_db: Option<f64>,
    pub(super) num_coefficients: usize,
    pub(super) lifter: f64,
    pub(super) norm: Option<Norm>,
}

impl AudioConfig {
    /// Checks every setting against its documented range and settles the defaults.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first setting that is out of its range, spelled twice, or does not
    /// go with another one.
    pub fn check(&self) -> Result<CheckedAudio, ConfigError> {
        let (fft_length, window_length) = self.lengths()?;
        let hop_length =
            one_spelling(("hop_length", self.hop_length), self.seconds("window_shift_in_s")?)?;
        let num_mels =
            one_spelling(("n_mels", self.n_mels), ("num_filter_bands", self.num_filter_bands))?;
        let window = one_spelling(("window", self.window), ("window_type", self.window_type))?;
        let checked = CheckedAudio {
            kind: self.kind,
            max_seconds: self.audio_file_length_limit_in_s,
            max_file_bytes: self.max_file_bytes,
            sample_rate_hz: self.sample_rate,
            fft_length,
            window_length,
            hop_length: hop_length.unwrap_or(160),
            window: window.unwrap_or(Window::Hann),
            center: self.center,
            pad_mode: self.pad_mode,
            power: self.power,
            num_mels: num_mels.unwrap_or(64),
            min_hz: self.fmin,
            max_hz: self.fmax.unwrap_or(f64::from(self.sample_rate) / 2.0),
            htk: self.htk,
            mel_norm: self.mel_norm,
            reference: self.reference,
            least_power: self.amin,
            top_db: self.top_db,
            num_coefficients: self.n_mfcc,
            lifter: self.lifter,
            norm: self.norm,
        };
        checked.ranges_of_sound()?;
        checked.ranges_of_bands()?;
        checked.ranges_of_levels()?;
        checked.size_of_features()?;
        Ok(checked)
    }

    /// `n_fft` and `win_length`, each defaulting to what goes with the other.
    fn lengths(&self) -> Result<(usize, usize), ConfigError> {
        const WINDOW_LENGTH: usize = 400;
        const FFT_LENGTH: usize = 512;
        in_range("sample_rate", self.sample_rate, MIN_SAMPLE_RATE_HZ..=MAX_SAMPLE_RATE_HZ)?;
        let given =
            one_spelling(("win_length", self.win_length), self.seconds("window_length_in_s")?)?;
        let fft_length =
            one_spelling(("n_fft", self.n_fft), ("num_fft_points", self.num_fft_points))?;
        if let Some(window_length) = given {
            in_range("win_length", window_length, 1..=65_536)?;
        }
        let fft_length =
            fft_length.unwrap_or_else(|| given.map_or(0, usize::next_power_of_two).max(FFT_LENGTH));
        in_range("n_fft", fft_length, 2..=65_536)?;
        let window_length = given.unwrap_or(WINDOW_LENGTH.min(fft_length));
        in_range("win_length", window_length, 1..=fft_length)?;
        Ok((fft_length, window_length))
    }

    /// One of Ludwig's durations in samples, rounded to the nearest.
    fn seconds(&self, key: &'static str) -> Result<(&'static str, Option<usize>), ConfigError> {
        let seconds = match key {
            "window_length_in_s" => self.window_length_in_s,
            _ => self.window_shift_in_s,
        };
        let Some(seconds) = seconds else { return Ok((key, None)) };
        let samples = (seconds * f64::from(self.sample_rate)).round();
        if !(1.0..=65_536.0).contains(&samples) {
            return Err(ConfigError::invalid(key, seconds, "1 to 65536 samples, in seconds"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "1 to 65 536, checked above"
        )]
        Ok((key, Some(samples as usize)))
    }
}

/// The one of two spellings of a setting that is given.
fn one_spelling<T>(
    (ours, value): (&str, Option<T>),
    (theirs, other): (&str, Option<T>),
) -> Result<Option<T>, ConfigError> {
    if value.is_some() && other.is_some() {
        return Err(ConfigError::Conflict {
            at: theirs.to_owned(),
            problem: format!("`{ours}` and `{theirs}` are two spellings of one setting"),
            advice: format!("keep one of `{ours}` and `{theirs}`"),
        });
    }
    Ok(value.or(other))
}

impl CheckedAudio {
    fn ranges_of_sound(&self) -> Result<(), ConfigError> {
        let seconds = self.max_seconds;
        if !(seconds > 0.0 && seconds <= MAX_SECONDS) {
            let expected = format!("above 0 and at most {MAX_SECONDS}");
            return Err(ConfigError::invalid("audio_file_length_limit_in_s", seconds, expected));
        }
        in_range("max_file_bytes", self.max_file_bytes, 1..=MAX_FILE_BYTES)?;
        in_range("hop_length", self.hop_length, 1..=65_536)?;
        if !(self.power > 0.0 && self.power <= 4.0) {
            return Err(ConfigError::invalid("power", self.power, "above 0 and at most 4"));
        }
        Ok(())
    }

    fn ranges_of_bands(&self) -> Result<(), ConfigError> {
        in_range("n_mels", self.num_mels, 1..=1_024)?;
        in_range("fmax", self.max_hz, 0.0..=f64::from(self.sample_rate_hz) / 2.0)?;
        in_range("fmin", self.min_hz, 0.0..self.max_hz)?;
        if self.kind == AudioKind::Mfcc {
            in_range("n_mfcc", self.num_coefficients, 1..=self.num_mels)?;
        }
        if self.lifter == 0.0 || (1.0..=MAX_LIFTER).contains(&self.lifter) {
            return Ok(());
        }
        let expected = format!("0, or 1 to {MAX_LIFTER},");
        Err(ConfigError::invalid("lifter", self.lifter, expected))
    }

    fn ranges_of_levels(&self) -> Result<(), ConfigError> {
        // Normal numbers, so that their logarithm is finite and the dB fit in an f32.
        let powers = f64::MIN_POSITIVE..=f64::MAX;
        in_range("amin", self.least_power, powers.clone())?;
        if let Reference::Power(power) = self.reference {
            in_range("ref", power, powers)?;
        }
        self.top_db.map_or(Ok(()), |top_db| in_range("top_db", top_db, 0.0..=f64::from(f32::MAX)))
    }

    fn size_of_features(&self) -> Result<(), ConfigError> {
        let values = self.max_frames().saturating_mul(self.width());
        if values <= MAX_FEATURE_VALUES {
            return Ok(());
        }
        Err(ConfigError::Conflict {
            at: "audio_file_length_limit_in_s".to_owned(),
            problem: format!(
                "{} seconds are {} frames of {} values, but one sound may have at most {} values",
                self.max_seconds,
                self.max_frames(),
                self.width(),
                MAX_FEATURE_VALUES
            ),
            advice: "lower `audio_file_length_limit_in_s` or `n_mels`, or raise `hop_length`"
                .to_owned(),
        })
    }

    /// `D`: the values of one frame.
    pub(super) const fn width(&self) -> usize {
        match self.kind {
            AudioKind::LogMel => self.num_mels,
            AudioKind::Mfcc => self.num_coefficients,
        }
    }

    /// The most samples, at the config's rate, that a sound is cut to.
    pub(super) fn max_samples(&self) -> usize {
        samples_in(self.max_seconds, self.sample_rate_hz)
    }

    /// The longest `T`.
    pub(super) fn max_frames(&self) -> usize {
        self.frames_of(self.max_samples())
    }

    /// `T` of a sound of `num_samples`, as librosa counts frames.
    ///
    /// Where `center` is false and the sound is shorter than `n_fft`, librosa refuses it; here it
    /// is filled up with zeros and gives one frame.
    pub(super) const fn frames_of(&self, num_samples: usize) -> usize {
        let padding = if self.center { 2 * (self.fft_length / 2) } else { 0 };
        1 + (num_samples + padding).saturating_sub(self.fft_length) / self.hop_length
    }
}

/// The samples that `seconds` take at a rate, at least one; the last may be begun.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "both factors are positive and at most MAX_SECONDS and MAX_SAMPLE_RATE_HZ"
)]
pub(super) fn samples_in(seconds: f64, sample_rate_hz: u32) -> usize {
    ((seconds * f64::from(sample_rate_hz)).ceil() as usize).max(1)
}

#[cfg(test)]
mod tests {
    use sensorium_core::{Hint, config};
    use serde_json::{Value, json};

    use super::*;

    fn checked(section: Value) -> Result<CheckedAudio, ConfigError> {
        config::read::<AudioConfig>(section)?.check()
    }

    fn mistake(section: Value) -> String {
        checked(section).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_section_is_librosas_words_with_the_documented_defaults() {
        let checked = checked(json!({})).unwrap();
        assert_eq!(
            (checked.fft_length, checked.window_length, checked.hop_length, checked.num_mels),
            (512, 400, 160, 64)
        );
        assert_eq!((checked.min_hz, checked.max_hz), (0.0, 8_000.0));
        // 7.5 s at 16 kHz are 120 000 samples and, centred, 1 + 120 000 / 160 frames.
        assert_eq!((checked.max_frames(), checked.width()), (751, 64));
    }

    #[test]
    fn ludwigs_spellings_mean_the_same() {
        let ludwigs = checked(json!({
            "type": "fbank", "window_length_in_s": 0.04, "window_shift_in_s": 0.02,
            "num_filter_bands": 80, "window_type": "hamming", "num_fft_points": 1024,
        }));
        let ours = checked(json!({
            "type": "log_mel", "win_length": 640, "hop_length": 320,
            "n_mels": 80, "window": "hamming", "n_fft": 1024,
        }));
        assert_eq!(ludwigs.unwrap(), ours.unwrap());
    }

    #[test]
    fn two_spellings_of_one_setting_are_refused() {
        let pairs = [
            json!({"win_length": 400, "window_length_in_s": 0.025}),
            json!({"hop_length": 160, "window_shift_in_s": 0.01}),
            json!({"n_fft": 512, "num_fft_points": 512}),
            json!({"n_mels": 64, "num_filter_bands": 64}),
            json!({"window": "hann", "window_type": "hann"}),
        ];
        for pair in pairs {
            let error = checked(pair).unwrap_err();
            assert!(error.to_string().contains("are two spellings of one setting"), "{error}");
            assert!(error.hint().unwrap().starts_with("keep one of"));
        }
    }

    #[test]
    fn window_and_fft_default_to_what_goes_with_the_other() {
        let long = checked(json!({"win_length": 640})).unwrap();
        assert_eq!((long.fft_length, long.window_length), (1_024, 640));
        let short = checked(json!({"n_fft": 256})).unwrap();
        assert_eq!((short.fft_length, short.window_length), (256, 256));
    }

    #[test]
    fn every_setting_out_of_its_range_is_named_with_its_range() {
        let sections = [
            (json!({"sample_rate": 999}), "`sample_rate` is 999, but 1000 to 192000"),
            (json!({"n_fft": 1}), "`n_fft` is 1, but 2 to 65536"),
            (json!({"win_length": 513, "n_fft": 512}), "`win_length` is 513, but 1 to 512"),
            (json!({"hop_length": 0}), "`hop_length` is 0, but 1 to 65536"),
            (json!({"window_shift_in_s": 0.0}), "`window_shift_in_s` is 0, but 1 to 65536 samples"),
            (json!({"n_mels": 0}), "`n_mels` is 0, but 1 to 1024"),
            (json!({"power": 0}), "`power` is 0, but above 0 and at most 4"),
            (json!({"fmax": 8001}), "`fmax` is 8001, but 0 to 8000"),
            (json!({"fmin": 300, "fmax": 300}), "`fmin` is 300, but 0 or more and below 300"),
            (json!({"type": "mfcc", "n_mels": 13}), "`n_mfcc` is 20, but 1 to 13"),
            (json!({"lifter": 0.5}), "`lifter` is 0.5, but 0, or 1 to 1000000, was"),
            (json!({"amin": 0}), "`amin` is 0, but"),
            (json!({"ref": -1}), "`ref` is -1, but"),
            (json!({"top_db": -3}), "`top_db` is -3, but 0 to"),
            (json!({"max_file_bytes": 0}), "`max_file_bytes` is 0, but 1 to 1073741824"),
            (
                json!({"audio_file_length_limit_in_s": 601}),
                "`audio_file_length_limit_in_s` is 601, but above 0 and at most 600",
            ),
        ];
        for (section, start) in sections {
            let message = mistake(section);
            assert!(message.starts_with(start), "{message}");
        }
    }

    #[test]
    fn features_beyond_the_limit_are_refused_before_any_sound_is_read() {
        let error = checked(json!({"hop_length": 1, "audio_file_length_limit_in_s": 600}));
        let error = error.unwrap_err();
        assert!(error.to_string().contains("9600001 frames of 64 values"), "{error}");
        assert!(error.hint().unwrap().contains("raise `hop_length`"));
    }

    #[test]
    fn an_unknown_word_is_answered_with_the_nearest() {
        let error = checked(json!({"type": "melspectrogram"})).unwrap_err();
        assert!(error.hint().unwrap().contains("log_mel"));
        let error = checked(json!({"window": "haning"})).unwrap_err();
        assert!(error.hint().unwrap().starts_with("did you mean `hann`?"), "{:?}", error.hint());
        let error = checked(json!({"hop_lenght": 3})).unwrap_err(); // typos: ignore
        assert!(error.hint().unwrap().starts_with("did you mean `hop_length`?"));
        assert!(mistake(json!({"ref": "min"})).starts_with("`ref` is `min`"));
    }

    #[test]
    fn a_config_is_the_same_after_save_and_load() {
        for section in [
            json!({}),
            json!({"type": "mfcc", "ref": "max", "top_db": null, "mel_norm": null, "norm": null}),
            json!({"window_length_in_s": 0.03, "ref": 0.5, "fmax": 4_000}),
        ] {
            let config: AudioConfig = config::read(section).unwrap();
            let saved = serde_json::to_value(&config).unwrap();
            assert_eq!(config::read::<AudioConfig>(saved).unwrap(), config);
        }
    }
}
