//! Packed tables, told by their first bytes, whatever their name: gzip (RFC 1952, of any number of
//! members) and Zstandard (RFC 8878).

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::source::Bytes;
use crate::TableError;
use crate::limits::max_unpacked_bytes;

/// The endings of a packed file's name, after that of the table: `table.csv.gz`.
pub(crate) const EXTENSIONS: &[&str] = &["gz", "gzip", "zst", "zstd"];

type Unpack = fn(Bytes) -> io::Result<Box<dyn Read>>;

/// Each packing's name, its first bytes, and how it is unpacked if it is.
const PACKINGS: &[(&str, &[u8], Option<Unpack>)] = &[
    ("gzip", b"\x1f\x8b\x08", Some(|bytes| Ok(Box::new(MultiGzDecoder::new(bytes))))),
    (
        "Zstandard",
        b"\x28\xb5\x2f\xfd",
        Some(|bytes| Ok(Box::new(zstd::Decoder::with_buffer(bytes)?))),
    ),
    // The digit after `BZh` is the block size.
    ("bzip2", b"BZh", None),
    ("xz", b"\xfd7zXZ\0", None),
    ("LZ4", b"\x04\x22\x4d\x18", None),
    ("7-Zip", b"7z\xbc\xaf\x27\x1c", None),
    ("compress", b"\x1f\x9d", None),
];

fn packing_of(first: &[u8]) -> Option<(&'static str, Option<Unpack>)> {
    let starts = |(name, start, _): &&(&str, &[u8], Option<Unpack>)| {
        first.starts_with(start)
            // `BZh` alone may be the beginning of a column's name.
            && (*name != "bzip2" || first.get(4..10) == Some(b"\x31\x41\x59\x26\x53\x59"))
    };
    PACKINGS.iter().find(starts).map(|(name, _, unpack)| (*name, *unpack))
}

/// Whether the first bytes of a file are those of a packed one.
pub(super) fn is_packed(first: &[u8]) -> bool {
    packing_of(first).is_some()
}

/// A file's bytes, unpacked where they are packed, and never more than its size allows.
pub(super) fn unpacked(path: &Path, mut file: File, file_bytes: u64) -> Result<Bytes, TableError> {
    let failed = |source| TableError::Read { path: path.to_owned(), source };
    let mut first = Vec::new();
    (&mut file).take(16).read_to_end(&mut first).map_err(failed)?;
    let packing = packing_of(&first);
    let whole: Bytes = Box::new(BufReader::with_capacity(1 << 16, Cursor::new(first).chain(file)));
    match packing {
        None => Ok(whole),
        Some((packing, None)) => Err(TableError::Packed { path: path.to_owned(), packing }),
        Some((_, Some(unpack))) => {
            let limit = max_unpacked_bytes(file_bytes);
            let inner = unpack(whole).map_err(failed)?;
            let bounded = Bounded::new(inner, limit);
            Ok(Box::new(BufReader::with_capacity(1 << 16, bounded)))
        }
    }
}

/// What a small file may not unpack to.
#[derive(Debug, thiserror::Error)]
#[error("it unpacks to more than {limit} bytes, the most that is allowed for its size")]
pub(crate) struct UnpacksToTooMuch {
    limit: u64,
}

/// Stops bytes that pass their limit.
pub(super) struct Bounded<R> {
    inner: R,
    left: u64,
    limit: u64,
}

impl<R> Bounded<R> {
    pub(super) const fn new(inner: R, limit: u64) -> Self {
        Self { inner, left: limit, limit }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let Some(left) = self.left.checked_sub(read as u64) else {
            return Err(io::Error::other(UnpacksToTooMuch { limit: self.limit }));
        };
        self.left = left;
        Ok(read)
    }
}
