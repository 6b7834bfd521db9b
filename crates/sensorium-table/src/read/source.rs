//! From a table's path to bytes that a reader understands: unpacked, and as UTF-8.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use super::{encoding, foreign, packing};
use crate::open::open_table;
use crate::{Dialect, ReadOptions, TableError};

/// A table's file, and how it is to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) options: &'a ReadOptions,
}

/// The bytes of a file, from its start.
pub(super) type Bytes = Box<dyn BufRead>;

impl<'a> Source<'a> {
    pub(super) const fn new(path: &'a Path, options: &'a ReadOptions) -> Self {
        Self { path, options }
    }

    /// What is said of how the file is written.
    pub(super) const fn dialect(&self) -> &'a Dialect {
        &self.options.dialect
    }

    /// The file as UTF-8 without a byte-order mark. Where the file is UTF-8 already, nothing is
    /// checked: the reader names the row of what is not.
    pub(super) fn text(&self) -> Result<Bytes, TableError> {
        let (first, bytes) =
            peeked(self.unpacked()?, foreign::FIRST_BYTES).map_err(|source| self.failed(source))?;
        foreign::check(self.path, &first)?;
        encoding::decoded(self.path, bytes, self.dialect().encoding)
    }

    /// A file that can be read at any place; a packed one is unpacked into a temporary file.
    pub(super) fn file(&self) -> Result<File, TableError> {
        let (mut file, _) = self.open()?;
        let first = first_bytes(&mut file).map_err(|source| self.failed(source))?;
        foreign::check(self.path, &first)?;
        if !packing::is_packed(&first) {
            return Ok(file);
        }
        let spilled = |source| TableError::Spill { source };
        let mut unpacked = tempfile::tempfile().map_err(spilled)?;
        io::copy(&mut self.unpacked()?, &mut unpacked).map_err(|source| self.failed(source))?;
        unpacked.seek(SeekFrom::Start(0)).map_err(spilled)?;
        Ok(unpacked)
    }

    /// The size of the file as it lies there, in bytes.
    pub(super) fn file_bytes(&self) -> Result<u64, TableError> {
        self.open().map(|(_, file_bytes)| file_bytes)
    }

    fn unpacked(&self) -> Result<Bytes, TableError> {
        let (file, file_bytes) = self.open()?;
        packing::unpacked(self.path, file, file_bytes)
    }

    /// The file as it lies there, and its size; a pipe or a device is refused.
    fn open(&self) -> Result<(File, u64), TableError> {
        open_table(self.path)
    }

    pub(super) fn failed(&self, source: io::Error) -> TableError {
        TableError::Read { path: self.path.to_owned(), source }
    }
}

fn first_bytes(file: &mut File) -> io::Result<Vec<u8>> {
    let mut first = Vec::new();
    file.take(foreign::FIRST_BYTES as u64).read_to_end(&mut first)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(first)
}

/// The first `count` bytes, or all where there are fewer, and all bytes again.
pub(super) fn peeked(bytes: Bytes, count: usize) -> io::Result<(Vec<u8>, Bytes)> {
    let (mut first, mut bytes) = (Vec::new(), bytes);
    (&mut bytes).take(count as u64).read_to_end(&mut first)?;
    Ok((first.clone(), Box::new(BufReader::new(Cursor::new(first).chain(bytes)))))
}
