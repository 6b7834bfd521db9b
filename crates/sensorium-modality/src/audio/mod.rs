//! Sounds: WAV, FLAC, MP3, Ogg Vorbis and AAC to a `[T, D]` sequence of log-mel or MFCC frames.
//!
//! The way of a sound: bytes → mono samples at the file's rate (`decode`) → samples at the
//! config's rate (`resample`) → power spectra (`stft`) → mel bands (`mel`) in dB (`decibel`) →
//! cepstrum where asked (`mfcc`) → standardised by what was fitted on train rows (`fitted`).
//!
//! Every parameter has the name and the meaning that it has in librosa 0.11
//! (<https://librosa.org/doc/0.11.0/feature.html>); `golden/audio_log_mel` and `golden/audio_mfcc`
//! hold its numbers.

mod augmentation;
mod config;
mod decibel;
mod decode;
mod extract;
mod fitted;
mod format;
mod mel;
mod mfcc;
mod mp4;
#[cfg(test)]
mod parity;
mod reader;
mod reference;
mod resample;
mod spectrogram;
mod standardise;
mod stft;
mod stream;
mod vorbis;
mod window;

pub use augmentation::AudioAugmentation;
pub use config::{
    AudioConfig, AudioKind, CheckedAudio, MAX_FEATURE_VALUES, MAX_FILE_BYTES, MAX_SAMPLE_RATE_HZ,
    MAX_SECONDS, MIN_SAMPLE_RATE_HZ, MelNorm, Norm, PadMode,
};
pub use decode::{DecodeError, MAX_CHANNELS, MAX_SAMPLE, Waveform, decode_bytes};
pub use extract::FeatureExtractor;
pub use fitted::{Audio, MAX_FITTED_SOUNDS};
pub use format::{EXTENSIONS, SoundFormat, is_audio};
pub use reference::Reference;
pub use stream::{CheckedWindows, LastWindow, SoundWindow, SoundWindows, WindowsConfig};
pub use window::Window;
