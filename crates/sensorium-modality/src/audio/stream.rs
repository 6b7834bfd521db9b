//! A long sound in windows of fixed length, read as it is needed.
//!
//! A file is decoded packet by packet and resampled as it comes, so memory does not grow with its
//! length (but for the index that an MP4 file brings). Windows with a hop of their own length, put
//! together, are the whole file resampled, sample for sample.

use std::fmt;
use std::io::{Read, Seek};

use sensorium_core::ConfigError;
use sensorium_core::config::in_range;

use super::config::{MAX_SAMPLE_RATE_HZ, MAX_SECONDS, MIN_SAMPLE_RATE_HZ, samples_in};
use super::decode::{DecodeError, Waveform};
use super::reader::SoundReader;
use super::resample::ResampleStream;
use super::vorbis::VorbisDecoders;

/// How a sound is cut into windows.
///
/// | field | default | unit | range |
/// |---|---|---|---|
/// | `sample_rate_hz` | 16 000 | Hz | 1 000 to 192 000 |
/// | `length_seconds` | 1 | seconds | above 0, at most 600 |
/// | `hop_seconds` | 1 | seconds | above 0, at most `length_seconds` |
/// | `last` | padded | | padded, dropped |
///
/// Both lengths are rounded up to whole samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowsConfig {
    /// The rate that the sound is resampled to, in Hz.
    pub sample_rate_hz: u32,
    /// The length of a window, in seconds.
    pub length_seconds: f64,
    /// From the start of one window to the start of the next, in seconds.
    pub hop_seconds: f64,
    /// What becomes of the sound's end where it does not fill a window.
    pub last: LastWindow,
}

/// What becomes of a sound's end where it does not fill a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LastWindow {
    /// Zeros fill the window up.
    #[default]
    Padded,
    /// It is left out; of a sound shorter than a window nothing is left.
    Dropped,
}

impl Default for WindowsConfig {
    fn default() -> Self {
        Self {
            sample_rate_hz: 16_000,
            length_seconds: 1.0,
            hop_seconds: 1.0,
            last: LastWindow::Padded,
        }
    }
}

impl WindowsConfig {
    /// Checks every field against its documented range.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first field that is out of its range.
    pub fn check(self) -> Result<CheckedWindows, ConfigError> {
        let rates = MIN_SAMPLE_RATE_HZ..=MAX_SAMPLE_RATE_HZ;
        in_range("sample_rate_hz", self.sample_rate_hz, rates)?;
        seconds_in_range("length_seconds", self.length_seconds, MAX_SECONDS)?;
        seconds_in_range("hop_seconds", self.hop_seconds, self.length_seconds)?;
        Ok(CheckedWindows {
            sample_rate_hz: self.sample_rate_hz,
            length: samples_in(self.length_seconds, self.sample_rate_hz),
            hop: samples_in(self.hop_seconds, self.sample_rate_hz),
            last: self.last,
        })
    }
}

fn seconds_in_range(key: &str, seconds: f64, most: f64) -> Result<(), ConfigError> {
    if seconds > 0.0 && seconds <= most {
        return Ok(());
    }
    Err(ConfigError::invalid(key, seconds, format!("above 0 and at most {most}")))
}

/// A [`WindowsConfig`] whose every field is in its documented range.
///
/// Only [`WindowsConfig::check`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedWindows {
    sample_rate_hz: u32,
    /// In samples.
    length: usize,
    /// In samples.
    hop: usize,
    last: LastWindow,
}

/// A part of a sound.
#[derive(Clone, Debug, PartialEq)]
pub struct SoundWindow {
    /// Where it begins, in samples of the sound at the window's rate.
    pub start: usize,
    /// Its samples, as many as the config says.
    pub waveform: Waveform,
}

/// The windows of one sound, in time; after an error there are no more.
///
/// The first begins with the sound. With [`LastWindow::Padded`] the last is the first that holds the
/// sound's end, so every sample is in a window.
///
/// # Examples
///
/// ```
/// use std::io::Cursor;
/// use sensorium_modality::audio::{SoundWindows, WindowsConfig};
///
/// # fn wav() -> Vec<u8> {
/// #     let mut file = b"RIFF\x24\x5e\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
/// #     file.extend(b"\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\0\x5e\0\0");
/// #     file.resize(44 + 24_064, 0);
/// #     file
/// # }
/// // 12 032 samples at 8 kHz: 1.504 s. A `File` is read the same way.
/// let source = Cursor::new(wav());
/// let windows = SoundWindows::open(source, WindowsConfig::default().check()?)?;
/// let lengths: Result<Vec<usize>, _> =
///     windows.map(|window| window.map(|window| window.waveform.samples.len())).collect();
/// assert_eq!(lengths?, [16_000, 16_000]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SoundWindows<'a> {
    config: CheckedWindows,
    reader: SoundReader<'a>,
    /// `Some` from the first packet to the last.
    resampling: Option<ResampleStream>,
    /// What is resampled, from the start of the next window on.
    samples: Vec<f32>,
    /// Of one packet.
    mono: Vec<f32>,
    /// Where the next window begins, in samples.
    start: usize,
    state: State,
}

/// How far a sound is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    /// All of it is read, and its last windows are still to be given.
    Read,
    Over,
}

impl<'a> SoundWindows<'a> {
    /// Opens a sound file, whose format is told by its first bytes.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] where the file does not begin as a sound that is read.
    pub fn open(
        source: impl Read + Seek + Send + Sync + 'a,
        config: CheckedWindows,
    ) -> Result<Self, DecodeError> {
        Ok(Self {
            reader: SoundReader::open(source, None, &VorbisDecoders::default())?,
            config,
            resampling: None,
            samples: Vec::new(),
            mono: Vec::new(),
            start: 0,
            state: State::Reading,
        })
    }

    fn window(&mut self) -> Result<Option<SoundWindow>, DecodeError> {
        let CheckedWindows { sample_rate_hz, length, hop, last } = self.config;
        while self.state == State::Reading && self.samples.len() < length {
            self.read_on()?;
        }
        let already_given = if self.start == 0 { 0 } else { length - hop };
        let is_wanted = self.samples.len() >= length
            || (last == LastWindow::Padded && self.samples.len() > already_given);
        if !is_wanted {
            return Ok(None);
        }
        let mut samples = self.samples[..self.samples.len().min(length)].to_vec();
        samples.resize(length, 0.0);
        let start = self.start;
        self.samples.drain(..self.samples.len().min(hop));
        self.start += hop;
        Ok(Some(SoundWindow { start, waveform: Waveform { samples, sample_rate_hz } }))
    }

    /// Decodes and resamples one packet, or what is left after the last.
    fn read_on(&mut self) -> Result<(), DecodeError> {
        self.mono.clear();
        let is_any = self.reader.read(&mut self.mono)?;
        if let (true, Some(source_hz)) = (is_any, self.reader.sample_rate_hz()) {
            self.resampling
                .get_or_insert_with(|| ResampleStream::new(source_hz, self.config.sample_rate_hz))
                .push(&self.mono, &mut self.samples);
            return Ok(());
        }
        self.state = State::Read;
        let no_samples = DecodeError::NoSamples { format: self.reader.format() };
        self.resampling.take().ok_or(no_samples)?.finish(&mut self.samples);
        Ok(())
    }
}

impl Iterator for SoundWindows<'_> {
    type Item = Result<SoundWindow, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Over {
            return None;
        }
        let window = self.window().transpose();
        if !matches!(window, Some(Ok(_))) {
            self.state = State::Over;
        }
        window
    }
}

impl fmt::Debug for SoundWindows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoundWindows")
            .field("config", &self.config)
            .field("start", &self.start)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;
    use std::io::{self, Cursor, SeekFrom};

    use super::*;
    use crate::audio::decode::decode_bytes;
    use crate::audio::resample::Resamplers;

    /// A mono WAV file of 16 bits whose samples are made when they are read.
    struct LongWav {
        rate: u32,
        samples: u32,
        at: u64,
    }

    impl LongWav {
        fn new(rate: u32, samples: u32) -> Self {
            Self { rate, samples, at: 0 }
        }

        fn header(&self) -> Vec<u8> {
            let mut header = b"RIFF".to_vec();
            header.extend((36 + 2 * self.samples).to_le_bytes());
            header.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
            header.extend(self.rate.to_le_bytes());
            header.extend((2 * self.rate).to_le_bytes());
            header.extend(b"\x02\0\x10\0data");
            header.extend((2 * self.samples).to_le_bytes());
            header
        }

        #[expect(clippy::cast_possible_truncation, reason = "a level of 0.5 fits 16 bits")]
        fn byte(&self, at: u64) -> u8 {
            let header = self.header();
            if let Some(byte) = usize::try_from(at).ok().and_then(|at| header.get(at)) {
                return *byte;
            }
            let at = at - header.len() as u64;
            let angle = TAU * 440.0 * (at / 2) as f64 / f64::from(self.rate);
            let sample = (16_384.0 * angle.sin()) as i16;
            sample.to_le_bytes()[(at % 2) as usize]
        }

        fn whole(&self) -> Vec<u8> {
            (0..44 + 2 * u64::from(self.samples)).map(|at| self.byte(at)).collect()
        }
    }

    impl Read for LongWav {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let left = 44 + 2 * u64::from(self.samples) - self.at;
            let length = buffer.len().min(usize::try_from(left).unwrap());
            for (byte, at) in buffer[..length].iter_mut().zip(self.at..) {
                *byte = self.byte(at);
            }
            self.at += length as u64;
            Ok(length)
        }
    }

    impl Seek for LongWav {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            let end = 44 + 2 * u64::from(self.samples);
            let to = match to {
                SeekFrom::Start(at) => Some(at),
                SeekFrom::End(by) => end.checked_add_signed(by),
                SeekFrom::Current(by) => self.at.checked_add_signed(by),
            };
            self.at = to.ok_or(io::ErrorKind::InvalidInput)?.min(end);
            Ok(self.at)
        }
    }

    fn config(length_seconds: f64, hop_seconds: f64, last: LastWindow) -> CheckedWindows {
        let config =
            WindowsConfig { length_seconds, hop_seconds, last, ..WindowsConfig::default() };
        config.check().unwrap()
    }

    fn windows(source: LongWav, config: CheckedWindows) -> Vec<SoundWindow> {
        SoundWindows::open(source, config).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn windows_put_together_are_the_whole_sound_resampled() {
        for rate in [8_000, 16_000, 44_100, 48_000] {
            let file = LongWav::new(rate, 3 * rate + 777);
            let whole = decode_bytes(&file.whole(), 10.0).unwrap();
            let whole = Resamplers::to(16_000).resample(whole.samples, rate);
            let windows = windows(file, config(0.25, 0.25, LastWindow::Padded));
            let mut together: Vec<f32> =
                windows.iter().flat_map(|window| window.waveform.samples.clone()).collect();
            // Not within a tolerance: the same blocks go through the same filter.
            assert_eq!(together[..whole.len()], whole, "{rate} Hz");
            assert!(together.split_off(whole.len()).iter().all(|&sample| sample == 0.0));
        }
    }

    #[test]
    fn windows_that_overlap_begin_a_hop_apart_and_hold_the_same_samples() {
        let windows = windows(LongWav::new(16_000, 16_000), config(0.4, 0.1, LastWindow::Padded));
        let starts: Vec<usize> = windows.iter().map(|window| window.start).collect();
        assert_eq!(starts, [0, 1_600, 3_200, 4_800, 6_400, 8_000, 9_600]);
        for pair in windows.windows(2) {
            let [one, next] = pair else { panic!("two windows") };
            assert_eq!(one.waveform.samples[1_600..], next.waveform.samples[..4_800]);
        }
    }

    #[test]
    fn the_end_is_padded_or_dropped() {
        for (samples, padded, dropped) in
            [(1, 1, 0), (3_999, 1, 0), (4_000, 1, 1), (4_001, 2, 1), (8_000, 2, 2)]
        {
            let count = |last| windows(LongWav::new(16_000, samples), config(0.25, 0.25, last));
            assert_eq!(count(LastWindow::Padded).len(), padded, "{samples} samples padded");
            assert_eq!(count(LastWindow::Dropped).len(), dropped, "{samples} samples dropped");
        }
        // The second of two that overlap holds the end already.
        let overlapping =
            windows(LongWav::new(16_000, 6_000), config(0.25, 0.125, LastWindow::Padded));
        assert_eq!(overlapping.len(), 2);
    }

    #[test]
    fn memory_does_not_grow_with_the_sound() {
        let longest = |seconds: u32| {
            let source = LongWav::new(44_100, 44_100 * seconds);
            let mut windows =
                SoundWindows::open(source, config(0.5, 0.25, LastWindow::Padded)).unwrap();
            let mut count = 0;
            let mut most = 0;
            while let Some(window) = windows.next() {
                window.unwrap();
                count += 1;
                most = most.max(windows.samples.capacity() + windows.mono.capacity());
            }
            assert_eq!(count, 4 * seconds - 1);
            most
        };
        assert_eq!(longest(40), longest(4));
    }

    #[test]
    fn a_sound_that_breaks_off_gives_its_windows_then_one_error_and_no_more() {
        let tone = include_bytes!("../../tests/media/tone.flac");
        let source = Cursor::new(&tone[..900]);
        let mut windows =
            SoundWindows::open(source, config(0.01, 0.01, LastWindow::Padded)).unwrap();
        let whole = windows.by_ref().take_while(Result::is_ok).count();
        assert!(whole > 0, "the windows before the cut");
        assert!(windows.next().is_none());
        let source = Cursor::new(&tone[..900]);
        let windows = SoundWindows::open(source, config(0.01, 0.01, LastWindow::Padded)).unwrap();
        let error = windows.last().unwrap().unwrap_err();
        assert!(matches!(error, DecodeError::Truncated { .. }), "{error}");
    }

    #[test]
    fn a_sound_without_samples_is_refused() {
        let windows =
            SoundWindows::open(LongWav::new(16_000, 0), config(1.0, 1.0, LastWindow::Padded));
        let error = windows.unwrap().next().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "the WAV file holds 0 samples");
    }

    #[test]
    fn settings_out_of_their_range_are_named() {
        let refused = |length_seconds, hop_seconds| {
            let config = WindowsConfig { length_seconds, hop_seconds, ..WindowsConfig::default() };
            config.check().unwrap_err().to_string()
        };
        assert!(
            refused(0.0, 1.0).starts_with("`length_seconds` is 0, but above 0 and at most 600")
        );
        assert!(refused(f64::NAN, 1.0).starts_with("`length_seconds` is NaN"));
        assert!(refused(1.0, 1.5).starts_with("`hop_seconds` is 1.5, but above 0 and at most 1"));
    }
}
