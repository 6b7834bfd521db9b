//! One line a front end: the list behind `type`, its keys and its plan.

use std::fmt;

use sensorium_core::ConfigError;
use serde::Serialize;
use serde_json::Map;

use super::config::Norm;
use super::section::Section;

mod ast;
mod chroma;
mod decibel_keys;
mod frame_keys;
mod kaldi_fbank;
mod log_mel;
mod mel_keys;
mod mfcc;
mod spectral;
mod waveform;
mod whisper;
mod yamnet;

pub use chroma::NoteKeys;
pub use decibel_keys::DecibelKeys;
pub use frame_keys::FrameKeys;
pub use mel_keys::MelKeys;
pub use mfcc::CepstrumKeys;
pub use spectral::ShapeKeys;

/// A front end, planned: it turns samples into frames.
pub(super) trait FrontEnd: fmt::Debug + Send + Sync {
    /// `D`: the values of one frame, at least 1.
    fn width(&self) -> usize;

    /// `T` of a sound of `num_samples`, at least 1 for at least 1.
    fn num_frames(&self, num_samples: usize) -> usize;

    /// The values per frame that are held at once while a sound is made into features.
    fn held_width(&self) -> usize {
        self.width()
    }

    /// The features of a sound at the front end's rate.
    ///
    /// # Shapes
    ///
    /// - `samples`: `[N]` with `N` at least 1
    /// - returns: `[T, D]`
    fn extract(&self, samples: &[f32]) -> Vec<f32>;
}

/// The keys of a front end.
trait Keys: Sized {
    /// Where longer sounds are cut unless the config says it, in seconds.
    const SECONDS: f64 = 7.5;
    /// How features are standardised unless the config says it; weights that were trained elsewhere
    /// expect them as they are.
    const NORM: Option<Norm> = Some(Norm::Train);

    /// Takes the keys from a section.
    fn read(section: &mut Section) -> Result<Self, ConfigError>;

    /// The rate that sounds are resampled to, in Hz.
    fn sample_rate_hz(&self) -> u32;

    /// Checks every key against its documented range and plans the transform.
    fn plan(&self) -> Result<Box<dyn FrontEnd>, ConfigError>;
}

/// Writes the parts that must name every front end, from one line for each.
macro_rules! front_ends {
    ($($name:literal => $module:ident::$keys:ident as $front_end:ident in $unit:literal, $summary:literal;)+) => {
        /// The front end that a config names in `type`, and its keys.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(tag = "type")]
        pub enum FrontEndConfig {
            $(
                #[doc = $summary]
                #[serde(rename = $name)]
                $front_end($module::$keys),
            )+
        }

        $(pub use $module::$keys;)+

        impl FrontEndConfig {
            /// Every name that `type` may have, with a line on each.
            pub const COMPONENTS: &'static [(&'static str, &'static str)] =
                &[$(($name, $summary)),+];

            /// Reads the keys of the front end called `name`.
            pub(super) fn read(name: &str, section: &mut Section) -> Result<Self, ConfigError> {
                match name {
                    $($name => <$module::$keys as Keys>::read(section).map(Self::$front_end),)+
                    // Ludwig's name.
                    "fbank" => Self::read("log_mel", section),
                    _ => {
                        let names = Self::COMPONENTS.iter().map(|(name, _)| *name);
                        Err(ConfigError::unknown_value("type", name, names))
                    }
                }
            }

            /// The name in a config.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$front_end(_) => $name,)+ }
            }

            /// What the values of a frame are in.
            pub const fn unit(&self) -> &'static str {
                match self { $(Self::$front_end(_) => $unit,)+ }
            }

            pub(super) const fn default_seconds(&self) -> f64 {
                match self { $(Self::$front_end(_) => <$module::$keys as Keys>::SECONDS,)+ }
            }

            pub(super) const fn default_norm(&self) -> Option<Norm> {
                match self { $(Self::$front_end(_) => <$module::$keys as Keys>::NORM,)+ }
            }

            /// The rate that sounds are resampled to, in Hz.
            pub fn sample_rate_hz(&self) -> u32 {
                match self { $(Self::$front_end(keys) => keys.sample_rate_hz(),)+ }
            }

            pub(super) fn plan(&self) -> Result<Box<dyn FrontEnd>, ConfigError> {
                match self { $(Self::$front_end(keys) => keys.plan(),)+ }
            }
        }
    };
}

front_ends! {
    "log_mel" => log_mel::LogMelKeys as LogMel in "dB", "the mel spectrogram in dB, as librosa makes it";
    "mfcc" => mfcc::MfccKeys as Mfcc in "cepstral coefficients of dB", "mel-frequency cepstral coefficients, as librosa makes them";
    "chroma" => chroma::ChromaKeys as Chroma in "share of the loudest note", "how much of each note, as librosa makes it";
    "spectral" => spectral::SpectralKeys as Spectral in "Hz, shares and dB, see the docs", "centroid, bandwidth, roll-off, flatness, contrast, zero crossings and loudness, as librosa makes them";
    "kaldi_fbank" => kaldi_fbank::KaldiFbankKeys as KaldiFbank in "log energy", "Kaldi's log-mel energies, as torchaudio makes them";
    "whisper" => whisper::WhisperKeys as Whisper in "log10 power, shifted and scaled", "the input of Whisper, as transformers makes it";
    "ast" => ast::AstKeys as Ast in "log energy, standardised as AudioSet's", "the input of the Audio Spectrogram Transformer, as transformers makes it";
    "yamnet" => yamnet::YamnetKeys as Yamnet in "log magnitude", "the input of `YAMNet`, as its published definition makes it";
    "waveform" => waveform::WaveformKeys as Waveform in "amplitude, standardised", "the samples themselves, the input of wav2vec 2.0, as transformers makes it";
}

impl FrontEndConfig {
    /// What `type` is unless the config says it.
    pub(super) const DEFAULT: &'static str = "log_mel";

    /// The front ends that read a key.
    pub(super) fn readers_of(key: &str) -> Vec<&'static str> {
        let reads = |name: &&str| {
            let mut section = Section::new(Map::new());
            Self::read(name, &mut section).is_ok() && section.valid().contains(&key)
        };
        Self::COMPONENTS.iter().map(|(name, _)| *name).filter(reads).collect()
    }
}
