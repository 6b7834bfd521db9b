//! Embedded media on disk: written while a table is read, read back when a cell is asked.

use std::fs::File;
use std::io::{self, Write};

/// Where one cell's bytes lie in the temporary file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    offset: u64,
    /// Length in bytes.
    pub(crate) length: u64,
}

/// One temporary file without a name, which is gone when the process ends, however it ends.
#[derive(Debug, Default)]
pub(crate) struct Spill {
    /// Made when the first bytes come: most tables embed none.
    file: Option<File>,
    length: u64,
}

impl Spill {
    /// The bytes of all spans together.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// Appends bytes and says where they lie.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<Span> {
        if self.file.is_none() {
            self.file = Some(tempfile::tempfile()?);
        }
        if let Some(file) = &mut self.file {
            file.write_all(bytes)?;
        }
        let span = Span { offset: self.length, length: bytes.len() as u64 };
        self.length += span.length;
        Ok(span)
    }

    /// Reads the first `length` bytes of a span, all of it at most. Any number of threads may.
    pub(crate) fn read(&self, span: Span, length: u64) -> io::Result<Vec<u8>> {
        let length = usize::try_from(length.min(span.length)).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        if let Some(file) = &self.file {
            read_exact_at(file, &mut bytes, span.offset)?;
        }
        Ok(bytes)
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                bytes = &mut bytes[read..];
                offset += read as u64;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_from_many_threads() {
        let mut spill = Spill::default();
        let blobs: Vec<Vec<u8>> = (0..50_u8).map(|i| vec![i; usize::from(i) * 7]).collect();
        let spans: Vec<Span> = blobs.iter().map(|blob| spill.push(blob).unwrap()).collect();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for (span, blob) in spans.iter().zip(&blobs) {
                        assert_eq!(&spill.read(*span, u64::MAX).unwrap(), blob);
                        assert_eq!(spill.read(*span, 3).unwrap(), blob[..blob.len().min(3)]);
                    }
                });
            }
        });
    }
}
