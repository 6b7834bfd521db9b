//! Sounds: WAV, AIFF, FLAC, MP3, Vorbis, Opus, AAC and Apple Lossless to a `[T, D]` sequence of frames.
//!
//! The way of a sound: bytes → mono samples at the file's rate (`decode`) → samples at the front
//! end's rate (`resample`) → frames (`front_end`, which `type` names) → their derivatives where asked
//! (`extractor`) → standardised by what was fitted on train rows (`fitted`).
//!
//! | `type` | a frame is | equal to |
//! |---|---|---|
//! | `log_mel` | mel bands in dB | librosa 0.11 |
//! | `mfcc` | cepstral coefficients | librosa 0.11 |
//! | `chroma` | the notes of an octave | librosa 0.11 |
//! | `spectral` | centroid, bandwidth, roll-off, flatness, contrast, zero crossings, loudness | librosa 0.11 |
//! | `kaldi_fbank` | mel bands as log energies | torchaudio 2.11 |
//! | `whisper` | Whisper's input | transformers 5.24 |
//! | `ast` | the Audio Spectrogram Transformer's input | transformers 5.24 |
//! | `yamnet` | `YAMNet`'s input | the definition in `TensorFlow`'s models |
//! | `waveform` | wav2vec 2.0's input | transformers |
//!
//! The golden cases `golden/audio_*` hold their numbers. A front end is one file in `front_end/` and
//! one line in its list; what it is made of, plain functions over slices, is in [`feature`].

mod augmentation;
mod bytes;
mod config;
mod decode;
mod extractor;
pub mod feature;
mod fitted;
mod flac;
mod format;
mod frame;
mod front_end;
mod lead;
mod mp4;
mod name;
mod opened;
mod opus;
#[cfg(test)]
mod parity;
mod reader;
mod resample;
mod riff;
mod section;
mod spectrogram;
mod spliced;
mod standardise;
mod stream;
mod vorbis;

pub use augmentation::AudioAugmentation;
pub use config::{
    AudioConfig, CheckedAudio, MAX_DELTAS, MAX_FEATURE_VALUES, MAX_FILE_BYTES, MAX_SAMPLE_RATE_HZ,
    MAX_SECONDS, MIN_SAMPLE_RATE_HZ, Norm,
};
pub use decode::{DecodeError, MAX_CHANNELS, MAX_SAMPLE, Waveform, decode_bytes};
pub use extractor::FeatureExtractor;
pub use fitted::{Audio, MAX_FITTED_SOUNDS};
pub use format::{EXTENSIONS, SoundFormat, is_audio};
pub use front_end::{
    AstKeys, CepstrumKeys, ChromaKeys, DecibelKeys, FrameKeys, FrontEndConfig, KaldiFbankKeys,
    LogMelKeys, MelKeys, MfccKeys, NoteKeys, ShapeKeys, SpectralKeys, WaveformKeys, WhisperKeys,
    YamnetKeys,
};
pub use stream::{CheckedWindows, LastWindow, SoundWindow, SoundWindows, WindowsConfig};
