//! A sound file to mono samples, packet by packet.
//!
//! Decoding is symphonia's; here are the limits, the part of the track that plays, the mix to mono
//! and the words for what can be wrong.

use std::io::{self, ErrorKind, Read, Seek};
use std::ops::Range;

use sensorium_core::guard::guarded;
use symphonia::core::audio::{Channels, GenericAudioBufferRef};
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::bytes::bytes_at;
use super::config::{MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ, samples_in};
use super::decode::{DecodeError, MAX_CHANNELS, MAX_SAMPLE};
use super::format::SoundFormat;
use super::mp4::{self, Edit};
use super::name;
use super::opened::Opened;
use super::opus::{self, OpusDecoder};
use super::vorbis::VorbisDecoders;

/// The most packets without sound (of a video track, or empty) that a file may have in a row.
const MAX_SILENT_PACKETS: usize = 100_000;

/// One sound file while it is decoded.
pub(super) struct SoundReader<'a> {
    packets: Box<dyn FormatReader + 'a>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    /// The samples that the file says it has, or that symphonia guesses.
    stated: Option<u64>,
    /// What the encoder filled up behind them, in samples.
    padding: u32,
    edit: Option<Edit>,
    /// `None` where the sound is read to its end.
    max_seconds: Option<f64>,
    progress: Progress,
    planes: Vec<Vec<f32>>,
}

/// How far a file is read, which every error says.
struct Progress {
    format: SoundFormat,
    /// Whether an MP4 file ends within a box.
    is_cut: bool,
    /// What the file holds, where it is known and not read, such as `AC-3 sound`.
    unread: Option<String>,
    /// The rate in Hz, known once the first packet is decoded.
    rate: Option<u32>,
    /// Samples that were decoded and lie before the edit.
    skipped: usize,
    /// Samples of each channel that were handed out.
    samples: usize,
    /// Whether the end of the edit or of the length limit is reached.
    is_full: bool,
}

impl<'a> SoundReader<'a> {
    /// Opens a file whose format is told by its first bytes.
    pub(super) fn open(
        source: impl Read + Seek + Send + Sync + 'a,
        max_seconds: Option<f64>,
        decoders: &VorbisDecoders,
    ) -> Result<Self, DecodeError> {
        let Opened { format, mut source } = Opened::new(source)?;
        // Once symphonia has the source, nobody else reads it.
        let (progress, edits) =
            Progress::new(format, &mut source).map_err(|error| unread(&error))?;
        let opened = guarded(|| Self::of(source, progress, edits, max_seconds, decoders));
        opened.unwrap_or_else(|problem| Err(DecodeError::Corrupt { format, samples: 0, problem }))
    }

    fn of(
        source: impl MediaSource + 'a,
        progress: Progress,
        edits: Vec<(u32, Edit)>,
        max_seconds: Option<f64>,
        decoders: &VorbisDecoders,
    ) -> Result<Self, DecodeError> {
        let packets = probed(source).map_err(|error| progress.failure(&error))?;
        let track = packets.default_track(TrackType::Audio).ok_or_else(|| progress.no_track())?;
        let edit = edits.into_iter().find(|(number, _)| *number == track.id);
        Ok(Self {
            decoder: progress.decoder(track, decoders)?,
            edit: edit.map(|(_, edit)| edit).or_else(|| Progress::behind_delay(track)),
            track: track.id,
            stated: track.num_frames,
            padding: track.padding.unwrap_or(0),
            packets,
            max_seconds,
            progress,
            planes: Vec::new(),
        })
    }

    /// The sound's rate in Hz, known once a packet was decoded.
    pub(super) const fn sample_rate_hz(&self) -> Option<u32> {
        self.progress.rate
    }

    /// The format of a file that holds no sample.
    pub(super) const fn format(&self) -> SoundFormat {
        self.progress.format
    }

    /// The samples of each channel that a file of `num_bytes` says it has, as far as the length
    /// limit lets them be read and a good compression explains them: what to make room for.
    pub(super) fn likely_samples(&self, num_bytes: usize) -> usize {
        let Some(Ok(stated)) = self.stated.map(usize::try_from) else { return 0 };
        let most = |seconds| samples_in(seconds, MAX_SAMPLE_RATE_HZ);
        let most = self.max_seconds.map_or(usize::MAX, most);
        stated.min(most).min(num_bytes.saturating_mul(16))
    }

    /// Keeps the decoder for the next file; only after a file without fault.
    pub(super) fn give_back(self, decoders: &VorbisDecoders) {
        decoders.put_back(self.decoder);
    }

    /// Appends the mono samples of the next packet that has any; false where the sound has ended.
    ///
    /// After an error it is not read on.
    pub(super) fn read(&mut self, mono: &mut Vec<f32>) -> Result<bool, DecodeError> {
        guarded(|| self.read_packet(mono)).unwrap_or_else(|said| Err(self.progress.corrupt(&said)))
    }

    fn read_packet(&mut self, mono: &mut Vec<f32>) -> Result<bool, DecodeError> {
        if self.progress.is_full {
            return Ok(false);
        }
        let mut silent_packets = 0;
        while silent_packets < MAX_SILENT_PACKETS {
            let mut packet = match self.packets.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return self.ended(Stop::End),
                Err(error) if ran_out(&error) => return self.ended(Stop::BytesRanOut),
                Err(error) => return Err(self.progress.failure(&error)),
            };
            silent_packets += 1;
            if packet.track_id != self.track {
                continue;
            }
            if self.progress.format == SoundFormat::Mp3 {
                keep_beyond_padding(&mut packet, self.stated, self.padding);
            }
            let decoded = self.decoder.decode(&packet);
            let decoded = decoded.map_err(|error| self.progress.failure(&error))?;
            if decoded.frames() == 0 {
                continue;
            }
            silent_packets = 0;
            let part = self.progress.part_of(&decoded, self.max_seconds, self.edit)?;
            self.progress.skipped += part.start;
            append_mean(&decoded, part.clone(), &mut self.planes, mono)
                .map_err(|bad| bad.after(self.progress.samples))?;
            self.progress.samples += part.len();
            if !part.is_empty() || self.progress.is_full {
                return Ok(!part.is_empty());
            }
        }
        Err(self.progress.corrupt("it has too many packets without sound"))
    }

    /// Says that the sound has ended, where it is whole.
    fn ended(&self, stop: Stop) -> Result<bool, DecodeError> {
        let Progress { format, samples, .. } = self.progress;
        let falls_short =
            format == SoundFormat::Flac && self.stated.is_some_and(|n| n > samples as u64);
        let is_whole = match stop {
            Stop::End => !falls_short,
            // Nobody trusts what a WAV file says of its length.
            Stop::BytesRanOut => format == SoundFormat::Wav,
        };
        if is_whole { Ok(false) } else { Err(DecodeError::Truncated { format, samples }) }
    }
}

/// Why there are no more packets.
#[derive(Clone, Copy)]
enum Stop {
    /// The format's own end.
    End,
    /// The bytes ran out.
    BytesRanOut,
}

impl Progress {
    /// What is known of a file before it is decoded, and the edits of its tracks.
    fn new(
        format: SoundFormat,
        source: &mut (impl Read + Seek),
    ) -> io::Result<(Self, Vec<(u32, Edit)>)> {
        let is_mp4 = format == SoundFormat::Mp4;
        let is_cut = is_mp4 && mp4::is_cut(source)?;
        let edits = if is_mp4 { mp4::edits(source)? } else { Vec::new() };
        let unread = match format {
            SoundFormat::Mp4 => mp4::sound_entry(source)?.and_then(name::of_mp4),
            SoundFormat::Ogg => name::of_ogg(&first_ogg_packet(source)?),
            _ => None,
        };
        source.rewind()?;
        let (rate, skipped, samples, is_full) = (None, 0, 0, false);
        Ok((Self { format, is_cut, unread, rate, skipped, samples, is_full }, edits))
    }

    /// The part of an Opus track behind what its encoder put before it, which symphonia leaves in.
    fn behind_delay(track: &Track) -> Option<Edit> {
        let Some(CodecParameters::Audio(parameters)) = &track.codec_params else { return None };
        if parameters.codec != CODEC_ID_OPUS {
            return None;
        }
        let head = opus::Head::read(parameters.extra_data.as_deref()?)?;
        let start_seconds = f64::from(head.pre_skip) / f64::from(opus::RATE_HZ);
        Some(Edit { start_seconds, seconds: None })
    }

    fn no_track(&self) -> DecodeError {
        self.unsupported(self.unread.as_deref().unwrap_or("no sound track"))
    }

    fn decoder(
        &self,
        track: &Track,
        decoders: &VorbisDecoders,
    ) -> Result<Box<dyn AudioDecoder>, DecodeError> {
        let Some(CodecParameters::Audio(parameters)) = &track.codec_params else {
            return Err(self.no_track());
        };
        // Before a decoder makes room for what they claim: 300 MB for 65 535 of an AIFF file.
        let got = parameters.channels.as_ref().map_or(1, Channels::count);
        if !(1..=MAX_CHANNELS).contains(&got) {
            return Err(DecodeError::Channels { got });
        }
        if let Some(kept) = decoders.take(parameters) {
            return Ok(kept);
        }
        if parameters.codec == CODEC_ID_OPUS {
            let made = OpusDecoder::new(parameters).map_err(|error| self.failure(&error))?;
            return Ok(Box::new(made));
        }
        symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(|error| match error {
                Error::Unsupported(_) => self.unsupported(&name::of_codec(parameters.codec)),
                other => self.failure(&other),
            })
    }

    /// The frames of a packet that lie within the edit and the length limit.
    fn part_of(
        &mut self,
        decoded: &GenericAudioBufferRef<'_>,
        max_seconds: Option<f64>,
        edit: Option<Edit>,
    ) -> Result<Range<usize>, DecodeError> {
        let rate = self.agreed_rate(decoded.spec().rate())?;
        let channels = decoded.spec().channels().count();
        if !(1..=MAX_CHANNELS).contains(&channels) {
            return Err(DecodeError::Channels { got: channels });
        }
        let before = edit.map_or(0, |edit| nearest(edit.start_seconds, rate));
        let most = max_seconds.map_or(usize::MAX, |seconds| samples_in(seconds, rate));
        let of_edit = edit.and_then(|edit| edit.seconds);
        let most = of_edit.map_or(most, |seconds| most.min(nearest(seconds, rate)));
        let start = decoded.frames().min(before.saturating_sub(self.skipped));
        let room = most.saturating_sub(self.samples);
        let end = decoded.frames().min(start.saturating_add(room));
        self.is_full = end - start == room;
        Ok(start..end)
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

    fn failure(&self, error: &Error) -> DecodeError {
        let &Self { format, samples, .. } = self;
        match error {
            // Before the first packet, it is what the file is made of.
            _ if self.rate.is_none() && self.unread.is_some() => self.no_track(),
            error if ran_out(error) || self.is_cut => DecodeError::Truncated { format, samples },
            Error::Unsupported(problem) if self.rate.is_none() => {
                self.unsupported(&format!("what is not read ({problem})"))
            }
            Error::Unsupported(problem)
            | Error::DecodeError(problem)
            | Error::LimitError(problem) => self.corrupt(problem),
            Error::ResetRequired => self.unsupported("several sounds one after the other"),
            other => self.corrupt(&other.to_string()),
        }
    }

    fn corrupt(&self, problem: &str) -> DecodeError {
        let problem = problem.to_owned();
        DecodeError::Corrupt { format: self.format, samples: self.samples, problem }
    }

    fn unsupported(&self, problem: &str) -> DecodeError {
        DecodeError::Unsupported { format: self.format, problem: problem.to_owned() }
    }
}

/// A sample that is no number or absurdly large, and its place in the packet.
struct BadSample {
    index: usize,
    value: f32,
}

impl BadSample {
    fn after(self, samples: usize) -> DecodeError {
        DecodeError::Sample { index: samples + self.index, value: self.value }
    }
}

/// Appends the mean of the channels of some frames; `planes` is scratch.
fn append_mean(
    decoded: &GenericAudioBufferRef<'_>,
    part: Range<usize>,
    planes: &mut Vec<Vec<f32>>,
    mono: &mut Vec<f32>,
) -> Result<(), BadSample> {
    decoded.slice(part).copy_to_vecs_planar(planes);
    if !planes.iter().all(|plane| are_plausible(plane)) {
        return Err(first_bad(planes));
    }
    let Some((first, others)) = planes.split_first() else { return Ok(()) };
    let start = mono.len();
    mono.extend_from_slice(first);
    if others.is_empty() {
        return Ok(());
    }
    let mean = &mut mono[start..];
    for plane in others {
        for (sum, sample) in mean.iter_mut().zip(plane) {
            *sum += sample;
        }
    }
    let channels = planes.len() as f32;
    for sum in mean {
        *sum /= channels;
    }
    Ok(())
}

/// Whether every sample is a number and not absurdly large. No early end, so that it takes vectors.
fn are_plausible(samples: &[f32]) -> bool {
    samples.iter().fold(true, |all, sample| all & (sample.abs() <= MAX_SAMPLE))
}

/// The first implausible sample in time.
fn first_bad(planes: &[Vec<f32>]) -> BadSample {
    let of_plane = |plane: &Vec<f32>| {
        let index = plane.iter().position(|sample| !are_plausible(&[*sample]))?;
        Some(BadSample { index, value: plane[index] })
    };
    let found = planes.iter().filter_map(of_plane).min_by_key(|bad| bad.index);
    found.expect("a sample was found implausible before")
}

/// The nearest whole number of samples.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a length of 0 or more; beyond the largest integer it is as good as endless"
)]
fn nearest(seconds: f64, sample_rate_hz: u32) -> usize {
    (seconds * f64::from(sample_rate_hz)).round() as usize
}

/// Lets a packet of MP3 be trimmed only by what the encoder says it has filled up.
///
/// symphonia trims to the number of frames that the first frame says, and where it says nothing, to
/// one guessed from the sizes of the first frames, which cuts up to half of a sound of variable rate.
/// As in ffmpeg, every frame that is there is heard.
fn keep_beyond_padding(packet: &mut Packet, stated: Option<u64>, padding: u32) {
    let stated = stated.and_then(|frames| Timestamp::ZERO.checked_add(Duration::from(frames)));
    let filled = stated.and_then(|end| end.checked_add(Duration::from(u64::from(padding))));
    if filled.is_none_or(|filled| packet.pts >= filled) {
        packet.trim_end = Duration::ZERO;
    }
}

/// The first bytes of an Ogg file's first packet: behind the page's header and its table of lengths.
fn first_ogg_packet(source: &mut (impl Read + Seek)) -> io::Result<Vec<u8>> {
    let page = bytes_at(source, 0, 27 + 255 + 8)?;
    let start = 27 + page.get(26).copied().map_or(0, usize::from);
    Ok(page.get(start..).unwrap_or_default().to_vec())
}

fn probed<'a>(source: impl MediaSource + 'a) -> Result<Box<dyn FormatReader + 'a>, Error> {
    symphonia::default::get_probe().probe(
        &Hint::new(),
        MediaSourceStream::new(Box::new(source), MediaSourceStreamOptions::default()),
        FormatOptions::default(),
        MetadataOptions::default(),
    )
}

fn unread(error: &io::Error) -> DecodeError {
    DecodeError::Read { problem: error.to_string() }
}

fn ran_out(error: &Error) -> bool {
    matches!(error, Error::IoError(error) if error.kind() == ErrorKind::UnexpectedEof)
}
