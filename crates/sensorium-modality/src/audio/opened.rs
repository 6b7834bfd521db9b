//! A source made ready for its decoder: the sound found in it, and its header mended.

use std::io::{self, Read, Seek, SeekFrom};

use super::decode::DecodeError;
use super::flac;
use super::format::SoundFormat;
use super::lead::sound_in;
use super::name;
use super::riff::{self, Wave};
use super::spliced::Spliced;

/// What a decoder is given.
pub(super) struct Opened<S> {
    pub(super) format: SoundFormat,
    pub(super) source: Spliced<S>,
}

impl<S: Read + Seek> Opened<S> {
    /// Finds the sound in a source, by what its bytes are.
    pub(super) fn new(mut source: S) -> Result<Self, DecodeError> {
        let unread = |error: io::Error| DecodeError::Read { problem: error.to_string() };
        let num_bytes = source.seek(SeekFrom::End(0)).map_err(unread)?;
        let Some((format, place)) = sound_in(&mut source, num_bytes).map_err(unread)? else {
            return Err(name::unknown(&mut source).map_err(unread)?);
        };
        match format {
            SoundFormat::Wav => {
                let wave = riff::wave_in(&mut source, place).map_err(unread)?;
                Self::wave(source, wave)
            }
            SoundFormat::Flac => {
                let mended = flac::without_metadata(&mut source, &place).map_err(unread)?;
                let (head, frames) = mended.unwrap_or((Vec::new(), place));
                Ok(Self { format, source: Spliced::new(head, source, frames) })
            }
            _ => Ok(Self { format, source: Spliced::new(Vec::new(), source, place) }),
        }
    }

    fn wave(source: S, wave: Option<Wave>) -> Result<Self, DecodeError> {
        let format = SoundFormat::Wav;
        let Some(Wave { format: samples, data }) = wave else {
            // Cut within its header, or never a WAV file.
            return Err(DecodeError::Truncated { format, samples: 0 });
        };
        if samples.tag == riff::MP3 {
            let source = Spliced::new(Vec::new(), source, data);
            return Ok(Self { format: SoundFormat::Mp3, source });
        }
        if let Some(codec) = name::of_wave(samples.tag) {
            return Err(DecodeError::Unsupported { format, problem: codec });
        }
        Ok(Self { format, source: Spliced::new(samples.header(&data), source, data) })
    }
}
