//! Bytes of a sound file to mono samples at the file's own rate.
//!
//! What a file says of itself is never believed: memory grows with the samples that were really
//! decoded, and decoding stops at the length limit.
//!
//! A file that ends before its stated end (WAV, FLAC, Ogg, M4A), or within a frame (ADTS), is
//! refused as truncated. An MP3 file states no end, so one that was cut is read up to the cut.
//! What the encoder put before and behind the sound is taken off where the file says how much it
//! is: MP3 with a LAME tag, Vorbis, M4A with an edit list. AAC in an ADTS stream says nothing and
//! keeps its delay, mostly 1 024 samples; so does an M4A file without an edit list.

use std::io::Cursor;

use super::config::{MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ};
use super::format::SoundFormat;
use super::reader::SoundReader;
use super::vorbis::VorbisDecoders;

/// The most channels that are mixed into one.
pub const MAX_CHANNELS: usize = 32;
/// The largest sample. Full scale is 1, but floating-point files that hold integers of 16 or 32
/// bits unscaled exist, and librosa reads them as they are.
pub const MAX_SAMPLE: f32 = 2_147_483_648.0;

/// A mono sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Waveform {
    /// The samples, at least one, each finite; full scale is `[-1, 1]`.
    pub samples: Vec<f32>,
    /// Their rate, in Hz.
    pub sample_rate_hz: u32,
}

/// Why bytes did not become a [`Waveform`].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes begin like no format that is read.
    #[error("it starts with {first_bytes:02x?}")]
    UnknownFormat {
        /// Up to 12 of the first bytes.
        first_bytes: Vec<u8>,
    },
    /// The container is read, but not what is in it.
    #[error("the {format} file holds {problem}")]
    Unsupported {
        /// The container.
        format: SoundFormat,
        /// What it holds.
        problem: String,
    },
    /// The bytes break the rules of their format.
    #[error("the {format} file is corrupt after {samples} samples: {problem}")]
    Corrupt {
        /// The format.
        format: SoundFormat,
        /// The samples of each channel that were decoded before.
        samples: usize,
        /// What is wrong.
        problem: String,
    },
    /// The file ends before its stated end.
    #[error("the {format} file is truncated: it ends after {samples} samples")]
    Truncated {
        /// The format.
        format: SoundFormat,
        /// The samples of each channel that are there.
        samples: usize,
    },
    /// The file could not be read.
    #[error("it could not be read: {problem}")]
    Read {
        /// What the system says.
        problem: String,
    },
    /// The file is whole but holds no sample.
    #[error("the {format} file holds 0 samples")]
    NoSamples {
        /// The format.
        format: SoundFormat,
    },
    /// The file's rate is outside what is read.
    #[error(
        "its sample rate is {got} Hz, but {MIN_SAMPLE_RATE_HZ} to {MAX_SAMPLE_RATE_HZ} Hz is read"
    )]
    SampleRate {
        /// The rate, in Hz.
        got: u32,
    },
    /// The file has no channel, or more than are mixed.
    #[error("it has {got} channels, but 1 to {MAX_CHANNELS} are read")]
    Channels {
        /// The number of channels.
        got: usize,
    },
    /// A sample is NaN, infinite or absurdly large.
    #[error("sample {index} is {value}, but a finite number of at most {MAX_SAMPLE} was expected")]
    Sample {
        /// The index of the sample in its channel.
        index: usize,
        /// The sample.
        value: f32,
    },
}

impl DecodeError {
    /// What was expected instead, to follow `is not`.
    #[must_use]
    pub const fn expected(&self) -> &'static str {
        match self {
            Self::UnknownFormat { .. } | Self::Unsupported { .. } => "a sound in a format read",
            Self::Corrupt { .. } | Self::Truncated { .. } => "a whole sound file",
            Self::NoSamples { .. } => "a sound with samples",
            Self::SampleRate { .. }
            | Self::Channels { .. }
            | Self::Sample { .. }
            | Self::Read { .. } => "a sound that can be read",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::UnknownFormat { .. } | Self::Unsupported { .. } => {
                "formats read: WAV (PCM), FLAC, MP3, Ogg Vorbis, AAC (M4A or ADTS); convert the file"
            }
            Self::Corrupt { .. } | Self::Truncated { .. } => {
                "fetch the file again, empty the cell to treat the sound as missing, or leave the \
                 row out with `--on-error skip`"
            }
            Self::Read { .. } => "check that the file is still there and may be read",
            Self::NoSamples { .. } => "empty the cell to treat the sound as missing",
            Self::SampleRate { .. } | Self::Channels { .. } => {
                "convert the file, say to 16 kHz mono"
            }
            Self::Sample { .. } => "write the file again from a sound without NaN or infinity",
        }
    }
}

/// Decodes a sound file to mono, the mean of its channels.
///
/// Sounds longer than `max_seconds` are cut to that, and no more of the file is decoded. The
/// format is told by the bytes. Memory is bounded by `max_seconds` at [`MAX_SAMPLE_RATE_HZ`] and a
/// small multiple of `bytes`.
///
/// # Errors
///
/// [`DecodeError`] saying what is wrong with the bytes.
pub fn decode_bytes(bytes: &[u8], max_seconds: f64) -> Result<Waveform, DecodeError> {
    decode_bytes_with(&VorbisDecoders::default(), bytes, max_seconds)
}

/// As [`decode_bytes`], with decoders that were kept and are kept for the next file.
pub(super) fn decode_bytes_with(
    decoders: &VorbisDecoders,
    bytes: &[u8],
    max_seconds: f64,
) -> Result<Waveform, DecodeError> {
    let mut reader = SoundReader::open(Cursor::new(bytes), Some(max_seconds), decoders)?;
    let mut samples = Vec::with_capacity(reader.likely_samples(bytes.len()));
    while reader.read(&mut samples)? {}
    let (rate, format) = (reader.sample_rate_hz(), reader.format());
    reader.give_back(decoders);
    match rate {
        Some(sample_rate_hz) if !samples.is_empty() => Ok(Waveform { samples, sample_rate_hz }),
        _ => Err(DecodeError::NoSamples { format }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TONE: &[u8] = include_bytes!("../../tests/media/tone.ogg");
    const EIGHT_CHANNELS: &[u8] = include_bytes!("../../tests/media/eight_channels.ogg");

    #[test]
    fn a_decoder_that_is_kept_has_forgotten_the_last_sound() {
        let decoders = VorbisDecoders::default();
        let damaged = [&TONE[..TONE.len() - 60], &[0; 60]].concat();
        let cut = &TONE[..TONE.len() - 60];
        for bytes in [TONE, EIGHT_CHANNELS, TONE, &damaged, TONE, cut, TONE, EIGHT_CHANNELS] {
            let kept = decode_bytes_with(&decoders, bytes, 7.5);
            assert_eq!(kept, decode_bytes(bytes, 7.5));
        }
        // Stopped in its middle by the length limit.
        decode_bytes_with(&decoders, TONE, 0.1).unwrap();
        assert_eq!(decode_bytes_with(&decoders, TONE, 7.5), decode_bytes(TONE, 7.5));
    }
}
