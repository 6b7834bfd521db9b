//! Features of a mono sound, each as a plain function or a plan over slices.
//!
//! Names, parameters and defaults are those of librosa 0.11
//! (<https://librosa.org/doc/0.11.0/feature.html>), the axes are not: librosa puts time last, here
//! a spectrogram is `[T, F]` with the `F = n_fft / 2 + 1` bins of a frame side by side, and a
//! feature is `[T]` or `[T, D]`.
//!
//! | here | librosa |
//! |---|---|
//! | [`Stft`] | `abs(stft)**power` |
//! | [`MelBank`] | `filters.mel`, `feature.melspectrogram` |
//! | [`Decibels`] | `power_to_db` |
//! | [`Mfcc`] | `feature.mfcc` |
//! | [`delta`] | `feature.delta` |
//! | [`ChromaBank`], [`estimate_tuning`] | `feature.chroma_stft`, `estimate_tuning` |
//! | [`spectral_centroid`], [`spectral_bandwidth`], [`spectral_rolloff`], [`spectral_flatness`], [`SpectralContrast`] | `feature.` of the same name |
//! | [`zero_crossing_rate`], [`rms`] | `feature.` of the same name |
//!
//! A sample that is NaN or infinite, which librosa refuses and the decoder never makes, spoils the
//! frames that see it and no others: their spectra are NaN or infinite, and all that is made of
//! these is NaN.

mod chroma;
mod decibel;
mod delta;
mod fft_frequencies;
mod framing;
mod kaldi;
mod logarithm;
mod mel;
mod mfcc;
mod norm;
mod power_spectrum;
mod reference;
mod rms;
mod spectral_bandwidth;
mod spectral_centroid;
mod spectral_contrast;
mod spectral_flatness;
mod spectral_rolloff;
mod stft;
mod tuning;
mod window;
mod zero_crossing_rate;

pub use chroma::{ChromaBank, ChromaConfig};
pub use decibel::Decibels;
pub(super) use decibel::loudest;
pub use delta::{DeltaFilter, DeltaMode, delta};
pub use fft_frequencies::fft_frequencies;
pub use framing::{Framing, PadMode};
pub use kaldi::{KaldiEnergy, KaldiFbank, KaldiFbankConfig, KaldiWindow};
pub(super) use logarithm::{ln_at_least, log10, log10_at_least};
pub use mel::{MelBank, MelConfig, MelNorm, MelScale};
pub use mfcc::Mfcc;
pub use reference::Reference;
pub use rms::rms;
pub(super) use rms::root_mean_square;
pub use spectral_bandwidth::spectral_bandwidth;
pub use spectral_centroid::spectral_centroid;
pub(super) use spectral_contrast::PeaksAndValleys;
pub use spectral_contrast::{SpectralContrast, SpectralContrastConfig};
pub use spectral_flatness::spectral_flatness;
pub use spectral_rolloff::spectral_rolloff;
pub use stft::{Stft, StftConfig};
pub use tuning::estimate_tuning;
pub use window::Window;
pub use zero_crossing_rate::zero_crossing_rate;
