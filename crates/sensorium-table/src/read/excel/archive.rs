//! The parts of a workbook: a zip archive (APPNOTE.TXT of PKWARE), stored or deflated.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use super::super::packing::Bounded;
use super::super::source::Bytes;
use crate::limits::max_unpacked_bytes;

/// The end record is in the last bytes, before a comment of 65,535 at most.
const END_BYTES: u64 = 22 + 65_535;

/// Where each part lies, by its lower-case name.
pub(super) struct Archive {
    file: File,
    parts: BTreeMap<String, Part>,
    /// What one part may unpack to.
    limit: u64,
}

#[derive(Clone, Copy)]
struct Part {
    offset: u64,
    packed_bytes: u64,
    method: u64,
    is_encrypted: bool,
}

fn damaged(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

/// A little-endian number of `N` bytes, 8 at most.
fn number<const N: usize>(bytes: &[u8], at: usize) -> io::Result<u64> {
    let bytes: &[u8; N] = bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .ok_or_else(|| damaged("the zip archive ends within a record"))?;
    Ok(bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

/// A number of two bytes.
fn small(number: u64) -> usize {
    usize::try_from(number).expect("it is less than 65,536")
}

impl Archive {
    pub(super) fn open(mut file: File) -> io::Result<Self> {
        let file_bytes = file.metadata()?.len();
        let mut end = Vec::new();
        file.seek(SeekFrom::Start(file_bytes.saturating_sub(END_BYTES)))?;
        file.read_to_end(&mut end)?;
        let at = end.windows(4).rposition(|bytes| bytes == b"PK\x05\x06");
        let end = &end[at.ok_or_else(|| damaged("it is no zip archive, or was cut"))?..];
        let (length, offset) = (number::<4>(end, 12)?, number::<4>(end, 16)?);
        if offset + length > file_bytes {
            return Err(damaged("the list of its parts lies beyond its end"));
        }
        let mut list = Vec::new();
        file.seek(SeekFrom::Start(offset))?;
        (&mut file).take(length).read_to_end(&mut list)?;
        Ok(Self { file, parts: parts(&list)?, limit: max_unpacked_bytes(file_bytes) })
    }

    /// The content of a part, or `None` where there is no such part.
    pub(super) fn part(&self, name: &str) -> io::Result<Option<Bytes>> {
        let Some(part) = self.parts.get(&name.to_lowercase()) else { return Ok(None) };
        if part.is_encrypted {
            return Err(damaged("it is encrypted"));
        }
        let mut file = self.file.try_clone()?;
        let mut header = [0; 30];
        file.seek(SeekFrom::Start(part.offset))?;
        file.read_exact(&mut header)?;
        if !header.starts_with(b"PK\x03\x04") {
            return Err(damaged("a part is not where the list says"));
        }
        let skipped = number::<2>(&header, 26)? + number::<2>(&header, 28)?;
        file.seek(SeekFrom::Start(part.offset + 30 + skipped))?;
        let packed = BufReader::new(file.take(part.packed_bytes));
        let inner: Box<dyn Read> = match part.method {
            0 => Box::new(packed),
            8 => Box::new(flate2::bufread::DeflateDecoder::new(packed)),
            _ => return Err(damaged("a part is packed in a way that is not read")),
        };
        Ok(Some(Box::new(BufReader::new(Bounded::new(inner, self.limit)))))
    }
}

/// The parts that the archive's central directory lists.
fn parts(list: &[u8]) -> io::Result<BTreeMap<String, Part>> {
    let (mut parts, mut at) = (BTreeMap::new(), 0);
    while list.len() >= at + 46 && list[at..].starts_with(b"PK\x01\x02") {
        let length = |field| number::<2>(list, at + field).map(small);
        let [name, extra, comment] = [length(28)?, length(30)?, length(32)?];
        let name_bytes = list.get(at + 46..at + 46 + name).unwrap_or_default();
        let part = Part {
            is_encrypted: number::<2>(list, at + 8)? & 1 == 1,
            method: number::<2>(list, at + 10)?,
            packed_bytes: number::<4>(list, at + 20)?,
            offset: number::<4>(list, at + 42)?,
        };
        // Some writers have backslashes between folders.
        let name_text = String::from_utf8_lossy(name_bytes).replace('\\', "/").to_lowercase();
        parts.insert(name_text, part);
        at += 46 + name + extra + comment;
    }
    Ok(parts)
}
