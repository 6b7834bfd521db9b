//! WAV headers, mended: what is wrong with them and harmless is taken off before they are decoded.
//!
//! Sizes are the least trustworthy part of a WAV file: programs that write to a pipe leave 0,
//! 0x7FFFFFFF or 0xFFFFFFFF, and others forget to go back. As in libsndfile and ffmpeg, a size beyond
//! the end of the file means "to the end", the size of the whole is not looked at, nor is what lies in
//! other chunks than `fmt ` and `data`. What is decoded has a header written anew.
//!
//! Source: Microsoft's "Multiple channel audio data and WAVE files" for `WAVE_FORMAT_EXTENSIBLE`; EBU
//! Tech 3306 for RF64.

use std::io::{self, Read, Seek};
use std::ops::Range;

use super::bytes::bytes_at;

/// The most chunks that are looked at.
const MAX_CHUNKS: usize = 10_000;
/// The longest `fmt ` chunk that is read; Microsoft's ADPCM has one of 50 bytes.
const MAX_FORMAT_BYTES: u64 = 1 << 12;

/// What a WAV file holds.
pub(super) struct Wave {
    /// What its samples are.
    pub(super) format: WaveFormat,
    /// Where its samples lie, in whole blocks.
    pub(super) data: Range<u64>,
}

/// The `fmt ` chunk of a file.
pub(super) struct WaveFormat {
    /// What the samples are, by Microsoft's registry; never `WAVE_FORMAT_EXTENSIBLE`.
    pub(super) tag: u16,
    channels: u16,
    rate: u32,
    block_bytes: u16,
    sample_bits: u16,
    /// What follows, which some codecs need.
    extension: Vec<u8>,
}

/// Integers.
const PCM: u16 = 1;
/// Floating point.
const FLOAT: u16 = 3;
/// G.711.
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
/// MPEG audio layer III, which needs no header.
pub(super) const MP3: u16 = 0x55;
/// What the samples are stands in a GUID instead.
const EXTENSIBLE: u16 = 0xfffe;

/// Reads a WAV file that lies in `file`; `None` where it has no format or no samples.
pub(super) fn wave_in(
    source: &mut (impl Read + Seek),
    file: Range<u64>,
) -> io::Result<Option<Wave>> {
    let (mut format, mut data) = (None, None);
    let mut wide_size = None;
    let mut at = file.start + 12;
    for _ in 0..MAX_CHUNKS {
        let Some(chunk) = chunk_at(source, at, file.end)? else { break };
        match &chunk.name {
            b"fmt " if format.is_none() => format = read_format(source, &chunk)?,
            b"ds64" => wide_size = read_wide_size(source, &chunk)?,
            b"data" if data.is_none() => {
                data = Some(samples_of(source, &chunk, wide_size, file.end)?);
            }
            _ => {}
        }
        if format.is_some() && data.is_some() {
            break;
        }
        at = next_chunk(source, &chunk, file.end)?;
    }
    let (Some(format), Some(data)) = (format, data) else { return Ok(None) };
    let blocks = (data.end - data.start) / u64::from(format.block_bytes.max(1));
    let end = data.start + blocks * u64::from(format.block_bytes.max(1));
    Ok(Some(Wave { data: if format.is_compressed() { data } else { data.start..end }, format }))
}

/// A chunk: its name, where its content begins, and how long it says that it is.
struct Chunk {
    name: [u8; 4],
    start: u64,
    size: u32,
}

impl Chunk {
    fn end(&self) -> u64 {
        self.start + u64::from(self.size)
    }
}

/// The chunk whose header begins at `at`; `None` where no whole header is left, or none that is one.
fn chunk_at(source: &mut (impl Read + Seek), at: u64, end: u64) -> io::Result<Option<Chunk>> {
    let header = bytes_at(source, at, 8.min(end.saturating_sub(at)))?;
    let (Some(name), Some(size)) = (header.first_chunk(), u32_at(&header, 4)) else {
        return Ok(None);
    };
    let is_name = name.iter().all(|byte| (b' '..=b'~').contains(byte));
    Ok(is_name.then_some(Chunk { name: *name, start: at + 8, size }))
}

/// Where the next chunk begins: chunks have even lengths, but not every program knows.
fn next_chunk(source: &mut (impl Read + Seek), chunk: &Chunk, end: u64) -> io::Result<u64> {
    let at = chunk.end();
    let padded = at + u64::from(chunk.size % 2);
    let is_padded = padded == at || chunk_at(source, padded, end)?.is_some();
    Ok(if is_padded { padded } else { at })
}

fn read_format(source: &mut (impl Read + Seek), chunk: &Chunk) -> io::Result<Option<WaveFormat>> {
    let bytes = bytes_at(source, chunk.start, MAX_FORMAT_BYTES.min(chunk.size.into()))?;
    Ok(WaveFormat::read(&bytes))
}

/// The length of the samples in an RF64 file, which has 64 bits.
fn read_wide_size(source: &mut (impl Read + Seek), chunk: &Chunk) -> io::Result<Option<u64>> {
    let bytes = bytes_at(source, chunk.start, 16)?;
    Ok(bytes.get(8..).and_then(<[u8]>::first_chunk).map(|size| u64::from_le_bytes(*size)))
}

/// Where the samples of a `data` chunk lie.
fn samples_of(
    source: &mut (impl Read + Seek),
    chunk: &Chunk,
    wide_size: Option<u64>,
    file_end: u64,
) -> io::Result<Range<u64>> {
    let stated = match (chunk.size, wide_size) {
        (u32::MAX, Some(size)) => size,
        // Never filled in, where no other chunk follows.
        (0, _) if chunk_at(source, chunk.start, file_end)?.is_none_or(|it| it.end() > file_end) => {
            u64::MAX
        }
        (size, _) => size.into(),
    };
    let start = chunk.start.min(file_end);
    Ok(start..chunk.start.saturating_add(stated).min(file_end))
}

impl WaveFormat {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (fixed, rest) = bytes.split_first_chunk::<16>()?;
        let [tag, channels, block_bytes, sample_bits] =
            [0, 2, 12, 14].map(|at| u16::from_le_bytes([fixed[at], fixed[at + 1]]));
        let rate = u32_at(fixed, 4)?;
        let extension = rest.get(2..).unwrap_or_default().to_vec();
        // 22 bytes: the bits that count, which speakers, and a GUID that begins with the tag.
        let tag = match (tag, extension.get(6..8).and_then(<[u8]>::first_chunk)) {
            (EXTENSIBLE, Some(tag)) => u16::from_le_bytes(*tag),
            (tag, _) => tag,
        };
        let mut format = Self { tag, channels, rate, block_bytes, sample_bits, extension };
        if !format.is_compressed() {
            format.mend();
        }
        Some(format)
    }

    /// Whether a block holds more than one sample of each channel.
    const fn is_compressed(&self) -> bool {
        !matches!(self.tag, PCM | FLOAT | A_LAW | MU_LAW)
    }

    /// Makes bits and bytes agree: 12 bits stand at the top of two bytes, and so are 16.
    fn mend(&mut self) {
        let bytes = match (self.sample_bits.div_ceil(8), self.channels) {
            (0, channels @ 1..) => self.block_bytes / channels,
            (bytes, _) => bytes,
        };
        self.sample_bits = bytes.saturating_mul(8);
        self.block_bytes = bytes.saturating_mul(self.channels);
        self.extension = Vec::new();
    }

    /// A header for the samples in `data`, in the words of `fmt ` that every reader knows.
    pub(super) fn header(&self, data: &Range<u64>) -> Vec<u8> {
        let extension = u16::try_from(self.extension.len()).unwrap_or(u16::MAX);
        let format_bytes = if self.has_extension() { 18 + u32::from(extension) } else { 16 };
        let total = data.end - data.start + u64::from(format_bytes) + 20;
        let size = |size: u64| u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes();
        let mut header = [b"RIFF".as_slice(), &size(total), b"WAVEfmt "].concat();
        header.extend(format_bytes.to_le_bytes());
        header.extend(self.tag.to_le_bytes());
        header.extend(self.channels.to_le_bytes());
        header.extend(self.rate.to_le_bytes());
        header.extend(self.rate.wrapping_mul(self.block_bytes.into()).to_le_bytes());
        header.extend(self.block_bytes.to_le_bytes());
        header.extend(self.sample_bits.to_le_bytes());
        if self.has_extension() {
            header.extend(extension.to_le_bytes());
            header.extend(&self.extension);
        }
        header.extend(b"data");
        // Beyond 32 bits there is no length: the samples go on to the end.
        let stated = if u32::try_from(total).is_ok() { data.end - data.start } else { u64::MAX };
        header.extend(size(stated));
        header
    }

    const fn has_extension(&self) -> bool {
        !matches!(self.tag, PCM | FLOAT)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::audio::decode_bytes;

    /// A chunk that says it has `size` bytes.
    fn chunk(name: [u8; 4], size: u32, content: &[u8]) -> Vec<u8> {
        [name.as_slice(), &size.to_le_bytes(), content].concat()
    }

    /// 400 samples of 16 bits.
    fn samples() -> Vec<u8> {
        (0..400_i16).flat_map(|it| (it * 81 - 16_000).to_le_bytes()).collect()
    }

    fn format(tag: u16, block_bytes: u16, sample_bits: u16) -> Vec<u8> {
        let mut content = [tag.to_le_bytes(), [1, 0]].concat();
        content.extend(16_000_u32.to_le_bytes());
        content.extend(32_000_u32.to_le_bytes());
        content.extend([block_bytes.to_le_bytes(), sample_bits.to_le_bytes()].concat());
        chunk(*b"fmt ", 16, &content)
    }

    fn file(size: u32, chunks: &[Vec<u8>]) -> Vec<u8> {
        [chunk(*b"RIFF", size, b"WAVE"), chunks.concat()].concat()
    }

    fn data(size: u32) -> Vec<u8> {
        chunk(*b"data", size, &samples())
    }

    fn decoded(file: &[u8]) -> Vec<f32> {
        decode_bytes(file, 60.0).unwrap().samples
    }

    #[test]
    fn sizes_that_are_wrong_do_no_harm() {
        let (fmt, format) = (format, || format(PCM, 2, 16));
        let whole = decoded(&file(836, &[format(), data(800)]));
        assert_eq!((whole.len(), whole[0]), (400, -16_000.0 / 32_768.0));
        let list = |size, inner: u32| {
            let content = [b"INFOICMT".as_slice(), &inner.to_le_bytes(), b"hello\0"].concat();
            chunk(*b"LIST", size, &content)
        };
        let odd = || chunk(*b"junk", 3, b"abc");
        for (what, damaged) in [
            ("a pipe's sizes", file(u32::MAX, &[format(), data(u32::MAX)])),
            ("another pipe's sizes", file(0x7fff_ffff, &[format(), data(0x7fff_ffff)])),
            ("sizes that were never filled in", file(0, &[format(), data(0)])),
            ("a whole that is too small", file(36, &[format(), data(800)])),
            ("samples beyond the end", file(836, &[format(), data(900)])),
            ("a damaged list", file(900, &[format(), list(18, 500), data(800)])),
            ("a list without items", file(900, &[format(), chunk(*b"LIST", 0, b""), data(800)])),
            ("an odd chunk", file(900, &[odd(), b"\0".to_vec(), format(), data(800)])),
            ("an odd chunk unpadded", file(900, &[odd(), format(), data(800)])),
            ("samples first", file(900, &[data(800), format()])),
            ("a block of no bytes", file(836, &[fmt(PCM, 0, 16), data(800)])),
            ("12 bits", file(836, &[fmt(PCM, 2, 12), data(800)])),
        ] {
            assert_eq!(decoded(&damaged), whole, "{what}");
        }
        // Half a sample is none.
        assert_eq!(decoded(&file(836, &[format(), data(799)])), whole[..399]);
        // What follows the samples is none of them.
        let behind = [format(), data(800), list(18, 6)];
        assert_eq!(decoded(&file(900, &behind)), whole);
    }

    #[test]
    fn a_file_of_more_than_32_bits_is_read() {
        let mut sizes = [0, 0, 0, 0, 0, 0, 0, 0].to_vec();
        sizes.extend(800_u64.to_le_bytes());
        sizes.extend([0; 12]);
        let chunks = [chunk(*b"ds64", 28, &sizes), format(PCM, 2, 16), data(u32::MAX)];
        let mut wide = file(u32::MAX, &[chunks.as_slice(), &[b"more".to_vec()]].concat());
        wide[..4].copy_from_slice(b"RF64");
        assert_eq!(decoded(&wide).len(), 400);
        wide[..4].copy_from_slice(b"BW64");
        assert_eq!(decoded(&wide).len(), 400);
    }

    #[test]
    fn an_mp3_in_a_wav_file_is_an_mp3() {
        let sound = include_bytes!("../../tests/media/tone.mp3");
        let size = u32::try_from(sound.len()).unwrap();
        let wrapped = file(0, &[format(MP3, 1, 0), chunk(*b"data", size, sound)]);
        assert_eq!(decoded(&wrapped), decoded(sound));
    }

    #[test]
    fn what_is_not_read_is_named() {
        let refused =
            |tag| decode_bytes(&file(836, &[format(tag, 2, 16), data(800)]), 60.0).unwrap_err();
        assert_eq!(refused(0x31).to_string(), "the WAV file holds GSM 6.10 sound");
        let unknown = "the WAV file holds sound of a codec that is not read (0xbeef)";
        assert_eq!(refused(0xbeef).to_string(), unknown);
        let empty = decode_bytes(&file(4, &[]), 60.0).unwrap_err();
        assert_eq!(empty.to_string(), "the WAV file is truncated: it ends after 0 samples");
    }

    #[test]
    fn every_shorter_or_altered_header_is_read_without_harm() {
        let whole = file(836, &[format(PCM, 2, 16), data(800)]);
        for at in 0..48 {
            let _ = wave_in(&mut Cursor::new(&whole[..at]), 0..at as u64).unwrap();
            for byte in [0, 1, 0x7f, 0xff] {
                let mut altered = whole.clone();
                altered[at] = byte;
                let _ = wave_in(&mut Cursor::new(&altered), 0..altered.len() as u64).unwrap();
            }
        }
    }
}
