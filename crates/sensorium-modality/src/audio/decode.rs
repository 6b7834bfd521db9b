//! Bytes of a sound file to mono samples at the file's own rate.
//!
//! Decoding is symphonia's; here are the limits, the mix to mono and the words for what can be
//! wrong. What a file says of itself is never believed: memory grows with the samples that were
//! really decoded, and decoding stops at the length limit.
//!
//! A file that ends before its stated end (WAV, FLAC, Ogg, M4A), or within a frame (ADTS), is
//! refused as truncated. An MP3 file states no end, so one that was cut is read up to the cut.
//! Encoder delay is taken off where symphonia knows it (MP3 with a LAME tag, Vorbis); AAC keeps its
//! delay of about 1 024 samples.

use std::io::{Cursor, ErrorKind};

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

use super::config::{MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ, samples_in};
use super::format::SoundFormat;

/// The most channels that are mixed into one.
pub const MAX_CHANNELS: usize = 32;
/// The largest sample. Full scale is 1, but floating-point files that hold integers of 16 or 32
/// bits unscaled exist, and librosa reads them as they are.
pub const MAX_SAMPLE: f32 = 2_147_483_648.0;
/// The most packets without sound (of a video track, or empty) that a file may have.
const MAX_SILENT_PACKETS: usize = 100_000;

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
            Self::SampleRate { .. } | Self::Channels { .. } | Self::Sample { .. } => {
                "a sound that can be read"
            }
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
    let Some(format) = SoundFormat::of(bytes) else {
        let first_bytes = bytes[..bytes.len().min(12)].to_vec();
        return Err(DecodeError::UnknownFormat { first_bytes });
    };
    let mut sound = Sound { bytes, format, max_seconds, samples: Vec::new(), rate: None };
    let mut reader = open(bytes).map_err(|error| sound.failure(&error))?;
    let track = sound.track(reader.as_ref())?.clone();
    let mut decoder = sound.decoder(&track)?;
    let stop = sound.read(reader.as_mut(), decoder.as_mut(), track.id)?;
    sound.finish(stop, track.num_frames)
}

fn open(bytes: &[u8]) -> Result<Box<dyn FormatReader + '_>, Error> {
    let source =
        MediaSourceStream::new(Box::new(Cursor::new(bytes)), MediaSourceStreamOptions::default());
    symphonia::default::get_probe().probe(
        &Hint::new(),
        source,
        FormatOptions::default(),
        MetadataOptions::default(),
    )
}

/// Why reading stopped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The format's own end.
    End,
    /// The bytes ran out.
    BytesRanOut,
    /// The length limit.
    Limit,
}

/// A sound while it is decoded.
struct Sound<'a> {
    bytes: &'a [u8],
    format: SoundFormat,
    max_seconds: f64,
    samples: Vec<f32>,
    /// The rate in Hz, known once the first packet is decoded.
    rate: Option<u32>,
}

impl Sound<'_> {
    fn track<'r>(&self, reader: &'r dyn FormatReader) -> Result<&'r Track, DecodeError> {
        reader.default_track(TrackType::Audio).ok_or_else(|| self.unsupported("no sound track"))
    }

    fn decoder(&self, track: &Track) -> Result<Box<dyn AudioDecoder>, DecodeError> {
        let Some(CodecParameters::Audio(parameters)) = &track.codec_params else {
            return Err(self.unsupported("a track of an unknown codec"));
        };
        symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(|error| match error {
                Error::Unsupported(_) => self.unsupported("a codec that is not read"),
                other => self.failure(&other),
            })
    }

    /// Decodes packets until the file or the length limit ends.
    fn read(
        &mut self,
        reader: &mut dyn FormatReader,
        decoder: &mut dyn AudioDecoder,
        track_id: u32,
    ) -> Result<Stop, DecodeError> {
        let mut interleaved = Vec::new();
        let mut silent_packets = 0;
        while silent_packets < MAX_SILENT_PACKETS {
            let packet = match reader.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(Stop::End),
                Err(error) if ran_out(&error) => return Ok(Stop::BytesRanOut),
                Err(error) => return Err(self.failure(&error)),
            };
            silent_packets += 1;
            if packet.track_id != track_id {
                continue;
            }
            let decoded = decoder.decode(&packet).map_err(|error| self.failure(&error))?;
            if decoded.frames() > 0 {
                silent_packets = 0;
                if self.push(&decoded, &mut interleaved)? == Stop::Limit {
                    return Ok(Stop::Limit);
                }
            }
        }
        Err(self.corrupt("it has too many packets without sound"))
    }

    /// Appends the mean of a packet's channels; `interleaved` is scratch.
    fn push(
        &mut self,
        decoded: &GenericAudioBufferRef<'_>,
        interleaved: &mut Vec<f32>,
    ) -> Result<Stop, DecodeError> {
        let rate = self.agreed_rate(decoded.spec().rate())?;
        let channels = decoded.spec().channels().count();
        if !(1..=MAX_CHANNELS).contains(&channels) {
            return Err(DecodeError::Channels { got: channels });
        }
        let room = samples_in(self.max_seconds, rate) - self.samples.len();
        decoded.copy_to_vec_interleaved(interleaved);
        for frame in interleaved.chunks_exact(channels).take(room) {
            if let Some(&value) = frame.iter().find(|value| !is_plausible(**value)) {
                return Err(DecodeError::Sample { index: self.samples.len(), value });
            }
            self.samples.push(frame.iter().sum::<f32>() / channels as f32);
        }
        Ok(if decoded.frames() >= room { Stop::Limit } else { Stop::End })
    }

    /// The sound's one sample rate, in Hz.
    fn agreed_rate(&mut self, got: u32) -> Result<u32, DecodeError> {
        if !(MIN_SAMPLE_RATE_HZ..=MAX_SAMPLE_RATE_HZ).contains(&got) {
            return Err(DecodeError::SampleRate { got });
        }
        match *self.rate.get_or_insert(got) {
            rate if rate == got => Ok(rate),
            rate => Err(self.corrupt(&format!("its sample rate goes from {rate} to {got} Hz"))),
        }
    }

    fn finish(self, stop: Stop, stated: Option<u64>) -> Result<Waveform, DecodeError> {
        let states_length = matches!(self.format, SoundFormat::Wav | SoundFormat::Flac);
        let falls_short = states_length && stated.is_some_and(|n| n > self.samples.len() as u64);
        // A WAV file that was written to a pipe has no stated length: it ends where its bytes do.
        let may_run_out = self.format == SoundFormat::Wav && stated.is_none();
        let is_whole = match stop {
            Stop::Limit => true,
            Stop::End => !falls_short,
            Stop::BytesRanOut => may_run_out,
        };
        let (format, samples) = (self.format, self.samples.len());
        if !is_whole {
            return Err(DecodeError::Truncated { format, samples });
        }
        match self.rate {
            Some(sample_rate_hz) => Ok(Waveform { samples: self.samples, sample_rate_hz }),
            None => Err(DecodeError::NoSamples { format }),
        }
    }

    fn failure(&self, error: &Error) -> DecodeError {
        let (format, samples) = (self.format, self.samples.len());
        match error {
            error if ran_out(error) || self.is_cut_mp4() => {
                DecodeError::Truncated { format, samples }
            }
            Error::Unsupported(problem)
            | Error::DecodeError(problem)
            | Error::LimitError(problem) => self.corrupt(problem),
            Error::ResetRequired => self.unsupported("several sounds one after the other"),
            other => self.corrupt(&other.to_string()),
        }
    }

    fn is_cut_mp4(&self) -> bool {
        self.format == SoundFormat::Mp4 && mp4_runs_past_its_end(self.bytes)
    }

    fn corrupt(&self, problem: &str) -> DecodeError {
        let problem = problem.to_owned();
        DecodeError::Corrupt { format: self.format, samples: self.samples.len(), problem }
    }

    fn unsupported(&self, problem: &str) -> DecodeError {
        DecodeError::Unsupported { format: self.format, problem: problem.to_owned() }
    }
}

/// Whether a top-level box of an MP4 file is longer than the bytes that are left (ISO/IEC 14496-12,
/// 4.2); symphonia says only that it did not find what it looked for.
fn mp4_runs_past_its_end(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some((size, after_size)) = rest.split_first_chunk::<4>() {
        let wide = after_size.get(4..).and_then(<[u8]>::first_chunk::<8>);
        let size = match (u32::from_be_bytes(*size), wide) {
            (0, _) => return false, // up to the end of the file
            (1, Some(wide)) => u64::from_be_bytes(*wide),
            (size, _) => u64::from(size),
        };
        if size < 8 {
            return false;
        }
        match usize::try_from(size).ok().and_then(|size| rest.get(size..)) {
            Some(next) => rest = next,
            None => return true,
        }
    }
    !rest.is_empty()
}

/// Whether a sample is a number and not absurdly large.
fn is_plausible(sample: f32) -> bool {
    sample.abs() <= MAX_SAMPLE
}

fn ran_out(error: &Error) -> bool {
    matches!(error, Error::IoError(error) if error.kind() == ErrorKind::UnexpectedEof)
}
