//! Bytes of a sound file to mono samples at the file's own rate.
//!
//! What a file says of itself is never believed: memory grows with the samples that were really
//! decoded, and decoding stops at the length limit.
//!
//! A file that ends before its stated end (FLAC, Ogg, M4A), or within a frame (ADTS), is refused as
//! truncated. An MP3 file states no end, and what a WAV file says of its size is often wrong, so one
//! that was cut is read up to the cut, as libsndfile and ffmpeg do.
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
    /// The bytes are those of a format that is known, though not read.
    #[error("it is {name}")]
    OtherFormat {
        /// What it is, such as `an AMR file`.
        name: &'static str,
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
            Self::UnknownFormat { .. } | Self::OtherFormat { .. } | Self::Unsupported { .. } => {
                "a sound in a format read"
            }
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
            Self::UnknownFormat { .. } | Self::OtherFormat { .. } | Self::Unsupported { .. } => {
                "formats read: WAV and AIFF (PCM, ADPCM), FLAC, MP3, Ogg and WebM (Vorbis, Opus), \
                 M4A, MP4 and CAF (AAC, Apple Lossless), AAC (ADTS); convert the file"
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
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::audio::{EXTENSIONS, is_audio};
    use crate::golden;

    /// How far a sample may be from ffmpeg's; no farther than rounding, where nothing is lost.
    fn tolerance(case: &str) -> f64 {
        match case.split('_').next() {
            // Filters and transforms of f32 are summed in another order: 5e-7 at most was seen.
            Some("mp3" | "aac" | "vorbis") => 2e-6,
            // Against libopus, through ffmpeg: both give 16 bits, and round on the way there. 40 of
            // 32 768 was the most; ffmpeg's own decoder is 809 away.
            Some("opus") => 2e-3,
            _ => 0.0,
        }
    }

    /// What is wrong with one case, and its difference from ffmpeg.
    fn compared(folder: &Path) -> (String, f64) {
        let case = golden::case(folder);
        let file = case["file"].as_str().unwrap();
        assert!(EXTENSIONS.contains(&file.rsplit('.').next().unwrap()), "{file}");
        let bytes = fs::read(folder.join(file)).unwrap();
        assert!(is_audio(&bytes[..16]) || bytes.starts_with(&[0; 16]), "{file}");
        let mut sound = match decode_bytes(&bytes, 60.0) {
            Ok(sound) => sound,
            Err(error) => return (error.to_string(), f64::NAN),
        };
        let num_samples = usize::try_from(case["num_samples"].as_u64().unwrap()).unwrap();
        if file.ends_with("webm") {
            // How much of the last packet is filled up is not read: 20 ms at most.
            let most = sound.sample_rate_hz as usize / 50;
            let is_in_last_packet = (0..=most).contains(&(sound.samples.len() - num_samples));
            sound.samples.truncate(if is_in_last_packet { num_samples } else { usize::MAX });
        }
        let got = (sound.sample_rate_hz.into(), sound.samples.len());
        if got != (case["sample_rate_hz"].as_u64().unwrap(), num_samples) {
            return (format!("{got:?} Hz and samples, not {case}"), f64::NAN);
        }
        let thinned = usize::try_from(case["thinned"].as_u64().unwrap()).unwrap();
        let thinned: Vec<f32> = sound.samples.iter().copied().step_by(thinned).collect();
        let expected = &golden::tensors(&folder.join("expected.safetensors"))["samples"].1;
        (String::new(), golden::worst_difference(&thinned, expected))
    }

    /// Parity with ffmpeg; cases made by `reference/audio/decode.py`.
    #[test]
    fn every_kind_of_file_decodes_as_in_ffmpeg() {
        let (mut worst, mut worst_opus, mut wrong) = (0.0_f64, 0.0_f64, Vec::new());
        for folder in golden::cases("audio_decode") {
            let name = folder.file_name().unwrap().to_str().unwrap();
            let (problem, difference) = compared(&folder);
            let is_within = problem.is_empty() && difference <= tolerance(name);
            if !is_within {
                wrong.push(format!("{name}: {problem} {difference:e}"));
            }
            let worst = if name.starts_with("opus") { &mut worst_opus } else { &mut worst };
            *worst = worst.max(difference);
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        golden::assert_parity("decode sounds", "ffmpeg 5.1", worst, 2e-6, "full scale");
        golden::assert_parity("decode Opus", "libopus 1.3", worst_opus, 2e-3, "full scale");
    }

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
