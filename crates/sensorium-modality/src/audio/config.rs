//! What the user writes under an audio column's `preprocessing`, and its checked form.
//!
//! The keys are librosa's where librosa has a word for it and mean what they mean there. Ludwig's
//! own keys are read as other spellings of them.

use std::sync::Arc;

use sensorium_core::ConfigError;
use sensorium_core::config::{self, in_range};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::front_end::{FrontEnd, FrontEndConfig};
use super::section::Section;
use crate::MissingValueStrategy;

/// The lowest sample rate that is read or made, in Hz.
pub const MIN_SAMPLE_RATE_HZ: u32 = 1_000;
/// The highest sample rate that is read or made, in Hz.
pub const MAX_SAMPLE_RATE_HZ: u32 = 192_000;
/// The longest sound that `audio_file_length_limit_in_s` may allow, in seconds.
pub const MAX_SECONDS: f64 = 600.0;
/// The largest file that `max_file_bytes` may allow.
pub const MAX_FILE_BYTES: u64 = 1 << 30;
/// The most values that one sound may have, as features or on the way there: 64 MiB of them.
pub const MAX_FEATURE_VALUES: usize = 1 << 24;
/// The highest order that `deltas` may ask for.
pub const MAX_DELTAS: usize = 2;

const DEFAULT_FILE_BYTES: u64 = 64 << 20;

/// How a sound file becomes a sequence of feature vectors.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `type` | `log_mel` | | a front end: [`FrontEndConfig::COMPONENTS`]; also `fbank`, which is `log_mel` |
/// | `audio_file_length_limit_in_s` | 7.5; `whisper` 30, `ast` 10.255 | seconds | above 0, at most 600; longer sounds are cut |
/// | `max_file_bytes` | 67 108 864 | bytes | 1 to 2^30; larger files are refused |
/// | `deltas` | 0 | orders | 0 to 2: how many derivatives over time are appended to each frame |
/// | `norm` | `train`; null for `whisper`, `ast`, `yamnet` and `waveform` | | `train`, `per_file`, null |
/// | `missing_value_strategy` | `mask` | | `mask` |
///
/// The other keys are those of the front end, and are in the table of its type. A key of another
/// front end is refused, with the names of those that read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value")]
pub struct AudioConfig {
    /// Which features are made, and how.
    #[serde(flatten)]
    pub front_end: FrontEndConfig,
    /// Longer sounds are cut to this, in seconds.
    pub audio_file_length_limit_in_s: f64,
    /// Larger files are refused, in bytes.
    pub max_file_bytes: u64,
    /// The order up to which derivatives over time are appended to each frame.
    pub deltas: usize,
    /// What the features are standardised by.
    pub norm: Option<Norm>,
    /// What is done where a cell is missing.
    pub missing_value_strategy: MissingValueStrategy,
}

/// The keys that every front end has.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SoundKeys {
    audio_file_length_limit_in_s: Option<f64>,
    max_file_bytes: u64,
    deltas: usize,
    #[serde(deserialize_with = "given")]
    norm: GivenNorm,
    missing_value_strategy: MissingValueStrategy,
}

impl Default for SoundKeys {
    fn default() -> Self {
        Self {
            audio_file_length_limit_in_s: None,
            max_file_bytes: DEFAULT_FILE_BYTES,
            deltas: 0,
            norm: GivenNorm::ByFrontEnd,
            missing_value_strategy: MissingValueStrategy::Mask,
        }
    }
}

/// What is written for `norm`, null being another thing than nothing.
#[derive(Debug)]
enum GivenNorm {
    ByFrontEnd,
    Written(Option<Norm>),
}

/// Tells a null that is written from a key that is not.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GivenNorm, D::Error> {
    Option::deserialize(deserializer).map(GivenNorm::Written)
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

impl Default for AudioConfig {
    fn default() -> Self {
        Self::read(Value::Object(Map::new())).expect("every key has a default")
    }
}

impl TryFrom<Value> for AudioConfig {
    type Error = ConfigError;

    fn try_from(section: Value) -> Result<Self, ConfigError> {
        Self::read(section)
    }
}

impl AudioConfig {
    /// Reads the section; what its front end decides is settled, nothing is checked yet.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for an unknown key, value or front end, a wrong type, or a key that is
    /// another front end's.
    pub fn read(section: Value) -> Result<Self, ConfigError> {
        let mut given: Map<String, Value> = config::read(section)?;
        let name = match given.remove("type") {
            Some(name) => config::read(name).map_err(|error: ConfigError| error.under("type"))?,
            None => FrontEndConfig::DEFAULT.to_owned(),
        };
        let mut section = Section::new(given);
        let keys: SoundKeys = section.take()?;
        let front_end = FrontEndConfig::read(&name, &mut section)?;
        nothing_left(&section, front_end.name())?;
        Ok(Self {
            audio_file_length_limit_in_s: keys
                .audio_file_length_limit_in_s
                .unwrap_or_else(|| front_end.default_seconds()),
            max_file_bytes: keys.max_file_bytes,
            deltas: keys.deltas,
            norm: match keys.norm {
                GivenNorm::Written(norm) => norm,
                GivenNorm::ByFrontEnd => front_end.default_norm(),
            },
            missing_value_strategy: keys.missing_value_strategy,
            front_end,
        })
    }

    /// Checks every setting against its documented range and plans the transforms.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first setting that is out of its range, spelled twice, or does not
    /// go with another one.
    pub fn check(&self) -> Result<CheckedAudio, ConfigError> {
        let seconds = self.audio_file_length_limit_in_s;
        if !(seconds > 0.0 && seconds <= MAX_SECONDS) {
            let expected = format!("above 0 and at most {MAX_SECONDS}");
            return Err(ConfigError::invalid("audio_file_length_limit_in_s", seconds, expected));
        }
        in_range("max_file_bytes", self.max_file_bytes, 1..=MAX_FILE_BYTES)?;
        in_range("deltas", self.deltas, 0..=MAX_DELTAS)?;
        let checked = CheckedAudio {
            front_end: self.front_end.plan()?.into(),
            sample_rate_hz: self.front_end.sample_rate_hz(),
            max_seconds: seconds,
            max_file_bytes: self.max_file_bytes,
            deltas: self.deltas,
            norm: self.norm,
        };
        checked.size_of_features()?;
        Ok(checked)
    }
}

/// A key that the front end does not read is another one's, or unknown.
fn nothing_left(section: &Section, front_end: &str) -> Result<(), ConfigError> {
    let Some(key) = section.left_over() else { return Ok(()) };
    let readers = FrontEndConfig::readers_of(key);
    if readers.is_empty() {
        let valid = ["type"].iter().chain(section.valid()).map(|&key| key.to_owned()).collect();
        return Err(ConfigError::UnknownKey { at: String::new(), key: key.to_owned(), valid });
    }
    Err(ConfigError::Conflict {
        at: key.to_owned(),
        problem: format!("`type: {front_end}` does not read it; what it stands for is fixed there"),
        advice: format!(
            "leave `{key}` out, or choose a `type` that reads it: {}",
            readers.join(", ")
        ),
    })
}

/// An [`AudioConfig`] whose every setting is in its documented range and has one spelling.
///
/// Only [`AudioConfig::check`] makes one.
#[derive(Clone, Debug)]
pub struct CheckedAudio {
    pub(super) front_end: Arc<dyn FrontEnd>,
    pub(super) sample_rate_hz: u32,
    pub(super) max_seconds: f64,
    pub(super) max_file_bytes: u64,
    pub(super) deltas: usize,
    pub(super) norm: Option<Norm>,
}

impl CheckedAudio {
    fn size_of_features(&self) -> Result<(), ConfigError> {
        let (frames, width) = (self.max_frames(), self.width().max(self.front_end.held_width()));
        if frames.saturating_mul(width) <= MAX_FEATURE_VALUES {
            return Ok(());
        }
        Err(ConfigError::Conflict {
            at: "audio_file_length_limit_in_s".to_owned(),
            problem: format!(
                "{} seconds are {frames} frames of {width} values, but one sound may have at most \
                 {MAX_FEATURE_VALUES} values",
                self.max_seconds
            ),
            advice: "lower `audio_file_length_limit_in_s` or the number of bands, or take longer \
                     steps from frame to frame"
                .to_owned(),
        })
    }

    /// `D`: the values of one frame.
    pub(super) fn width(&self) -> usize {
        self.front_end.width() * (1 + self.deltas)
    }

    /// The most samples, at the config's rate, that a sound is cut to.
    pub(super) fn max_samples(&self) -> usize {
        samples_in(self.max_seconds, self.sample_rate_hz)
    }

    /// The longest `T`.
    pub(super) fn max_frames(&self) -> usize {
        self.front_end.num_frames(self.max_samples())
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
    use sensorium_core::Hint;
    use serde_json::json;

    use super::*;

    fn checked(section: Value) -> Result<CheckedAudio, ConfigError> {
        AudioConfig::read(section)?.check()
    }

    fn mistake(section: Value) -> String {
        checked(section).unwrap_err().to_string()
    }

    /// What a config plans, in words.
    fn plan(section: Value) -> String {
        format!("{:?}", checked(section).unwrap())
    }

    #[test]
    fn an_empty_section_is_librosas_words_with_the_documented_defaults() {
        let written = json!({
            "type": "log_mel", "audio_file_length_limit_in_s": 7.5, "max_file_bytes": 67_108_864,
            "sample_rate": 16_000, "n_fft": 512, "win_length": 400, "hop_length": 160,
            "window": "hann", "center": true, "pad_mode": "constant", "power": 2.0, "n_mels": 64,
            "fmin": 0, "fmax": 8_000, "htk": false, "mel_norm": "slaney", "ref": 1.0,
            "amin": 1e-10, "top_db": 80, "deltas": 0, "norm": "train",
            "missing_value_strategy": "mask",
        });
        assert_eq!(plan(json!({})), plan(written));
        // 7.5 s at 16 kHz are 120 000 samples and, centred, 1 + 120 000 / 160 frames.
        let checked = checked(json!({})).unwrap();
        assert_eq!((checked.max_frames(), checked.width()), (751, 64));
    }

    #[test]
    fn ludwigs_spellings_mean_the_same() {
        let ludwigs = plan(json!({
            "type": "fbank", "window_length_in_s": 0.04, "window_shift_in_s": 0.02,
            "num_filter_bands": 80, "window_type": "hamming", "num_fft_points": 1024,
        }));
        let ours = plan(json!({
            "type": "log_mel", "win_length": 640, "hop_length": 320,
            "n_mels": 80, "window": "hamming", "n_fft": 1024,
        }));
        assert_eq!(ludwigs, ours);
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
        let long = json!({"win_length": 640});
        assert_eq!(plan(long), plan(json!({"win_length": 640, "n_fft": 1_024})));
        let short = json!({"n_fft": 256});
        assert_eq!(plan(short), plan(json!({"n_fft": 256, "win_length": 256})));
    }

    #[test]
    fn a_front_end_decides_what_is_not_given() {
        let settled = |section: Value| {
            let config = AudioConfig::read(section).unwrap();
            (config.audio_file_length_limit_in_s, config.norm)
        };
        assert_eq!(settled(json!({"type": "mfcc"})), (7.5, Some(Norm::Train)));
        assert_eq!(settled(json!({"type": "whisper"})), (30.0, None));
        assert_eq!(
            settled(json!({"type": "ast", "norm": "per_file"})),
            (10.255, Some(Norm::PerFile))
        );
        assert_eq!(settled(json!({"type": "mfcc", "norm": null})), (7.5, None));
    }

    #[test]
    fn a_key_of_another_front_end_is_refused_with_those_that_read_it() {
        let error = checked(json!({"type": "ast", "n_mels": 64})).unwrap_err();
        assert!(error.to_string().starts_with("`n_mels`: `type: ast` does not read it"), "{error}");
        let hint = error.hint().unwrap();
        assert!(hint.ends_with("reads it: log_mel, mfcc, whisper"), "{hint}");
        let error = checked(json!({"type": "yamnet", "colour": 3})).unwrap_err();
        assert!(error.hint().unwrap().contains("log_offset"), "{:?}", error.hint());
    }

    #[test]
    fn what_a_front_end_makes_is_what_it_says() {
        let tone: Vec<f32> = (0..5_000).map(|i| (i as f32 * 0.3).sin()).collect();
        for (name, _) in FrontEndConfig::COMPONENTS {
            for deltas in 0..=MAX_DELTAS {
                let checked = checked(json!({"type": name, "deltas": deltas})).unwrap();
                let extractor = crate::audio::FeatureExtractor::new(&checked);
                for num_samples in [1, 2, 399, 400, 401, 5_000] {
                    let values = extractor.extract(&tone[..num_samples]);
                    let frames = checked.front_end.num_frames(num_samples);
                    assert!(frames >= 1, "{name} of {num_samples}");
                    assert_eq!(values.len(), frames * checked.width(), "{name} of {num_samples}");
                    assert!(
                        values.iter().all(|value| value.is_finite()),
                        "{name} of {num_samples}"
                    );
                }
                let silence = extractor.extract(&[0.0; 3_000]);
                assert!(silence.iter().all(|value| value.is_finite()), "{name} of silence");
                let loud = extractor.extract(&[crate::audio::MAX_SAMPLE; 3_000]);
                assert!(loud.iter().all(|value| value.is_finite()), "{name} of the loudest sound");
            }
        }
    }

    #[test]
    fn what_is_no_number_spoils_the_frames_that_see_it_and_no_others() {
        let mut tone: Vec<f32> = (0..32_000).map(|i| (i as f32 * 0.3).sin()).collect();
        tone[16_000] = f32::NAN;
        // A tuning of a sound's own is made of the frames that are whole.
        for (name, _) in FrontEndConfig::COMPONENTS {
            let checked = checked(json!({"type": name})).unwrap();
            let values = crate::audio::FeatureExtractor::new(&checked).extract(&tone);
            let frames = values.chunks_exact(checked.width());
            let spoilt = frames.clone().filter(|frame| frame.iter().any(|value| value.is_nan()));
            let (spoilt, all) = (spoilt.count(), frames.len());
            assert!((1..=5).contains(&spoilt), "{name}: {spoilt} of {all} frames are no numbers");
            assert!(values.iter().all(|value| !value.is_infinite()), "{name}");
        }
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
            (
                json!({"type": "mfcc", "lifter": 0.5}),
                "`lifter` is 0.5, but 0, or 1 to 1000000, was",
            ),
            (json!({"amin": 0}), "`amin` is 0, but"),
            (json!({"ref": -1}), "`ref` is -1, but"),
            (json!({"top_db": -3}), "`top_db` is -3, but 0 to"),
            (json!({"deltas": 3}), "`deltas` is 3, but 0 to 2"),
            (json!({"type": "chroma", "n_chroma": 0}), "`n_chroma` is 0, but 1 to 120"),
            (json!({"type": "spectral", "roll_percent": 1}), "`roll_percent` is 1, but above 0"),
            (json!({"type": "spectral", "fmin": 10}), "`fmin` is 10, but 31.25 or more"),
            (
                json!({"type": "spectral", "sample_rate": 8_000}),
                "`n_bands`: the last of 6 octaves above 200 Hz starts at 6400 Hz",
            ),
            (json!({"type": "kaldi_fbank", "num_mel_bins": 3}), "`num_mel_bins` is 3, but 4 to"),
            (
                json!({"type": "kaldi_fbank", "frame_length": 0.1}),
                "`frame_length` is 0.1, but 2 to",
            ),
            (
                json!({"type": "kaldi_fbank", "high_freq": 9_000}),
                "`high_freq` is 9000, but above 20",
            ),
            (json!({"type": "whisper", "n_mels": 64}), "`n_mels` is 64, but 80 or 128"),
            (json!({"type": "ast", "std": 0}), "`std` is 0, but"),
            (json!({"type": "yamnet", "log_offset": 0}), "`log_offset` is 0, but"),
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
        assert!(error.hint().unwrap().contains("longer steps from frame to frame"));
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
            let config = AudioConfig::read(section).unwrap();
            let saved = serde_json::to_value(&config).unwrap();
            assert_eq!(AudioConfig::read(saved).unwrap(), config);
        }
        for (name, _) in FrontEndConfig::COMPONENTS {
            let config = AudioConfig::read(json!({"type": name})).unwrap();
            let saved = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<AudioConfig>(&saved).unwrap(), config);
        }
    }
}
