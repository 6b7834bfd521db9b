//! JSON: one array of objects, read one after another; a column is a key of any of them, as in
//! JSON Lines. A file named so that begins otherwise is read as JSON Lines, which it often is.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};
use std::rc::Rc;

use serde::Deserializer as _;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde_json::Deserializer;

use super::Content;
use super::json::Parsed;
use super::json_lines::{self, Place, Reading};
use super::source::{Bytes, Source, peeked};
use crate::TableError;
use crate::limits::MAX_RECORD_BYTES;

/// How much white space may stand before the first bracket.
const LOOKED_AT: usize = 4096;

pub(super) fn read(source: &Source<'_>) -> Result<Content, TableError> {
    let (first, text) = peeked(source.text()?, LOOKED_AT).map_err(|error| source.failed(error))?;
    if first.trim_ascii_start().starts_with(b"[") {
        return read_array(source, text);
    }
    json_lines::read_lines(source, text)
}

fn read_array(source: &Source<'_>, text: Bytes) -> Result<Content, TableError> {
    let progress = Rc::new(Progress::default());
    let counted = Counted { inner: text, progress: Rc::clone(&progress) };
    let mut rows = Rows { source, reading: Reading::new(source)?, progress, refused: None };
    let mut array = Deserializer::from_reader(counted);
    let read = array.deserialize_seq(&mut rows).and_then(|()| array.end());
    match (read, rows.refused) {
        (Ok(()), _) => rows.reading.finish(source.path),
        (Err(_), Some(refused)) => Err(refused),
        (Err(error), None) => Err(not_json(source, error)),
    }
}

fn not_json(source: &Source<'_>, error: serde_json::Error) -> TableError {
    if !error.is_io() {
        let (path, problem) = (source.path.to_owned(), error.to_string());
        return TableError::Damaged { path, format: "JSON", problem };
    }
    let error = io::Error::from(error);
    if error.kind() != io::ErrorKind::FileTooLarge {
        return source.failed(error);
    }
    TableError::TooMuch {
        what: format!("an object of `{}`", source.path.display()),
        got: format!("more than {MAX_RECORD_BYTES} bytes long"),
        limit: format!("{MAX_RECORD_BYTES} bytes"),
    }
}

/// Takes the objects as they come.
struct Rows<'a> {
    source: &'a Source<'a>,
    reading: Reading,
    progress: Rc<Progress>,
    /// What ended the reading, where that was not the JSON itself.
    refused: Option<TableError>,
}

impl Rows<'_> {
    fn push(&mut self, parsed: Parsed) -> Result<(), TableError> {
        let (path, line) = (self.source.path, self.progress.line.get() + 1);
        let place = Place { path, row: self.reading.num_rows(), line };
        self.reading.read_row(&place, place.object_of(parsed))
    }
}

impl<'de> Visitor<'de> for &mut Rows<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        while let Some(value) = array.next_element::<Parsed>()? {
            self.progress.since_object.set(0);
            if let Err(refused) = self.push(value) {
                self.refused = Some(refused);
                return Err(A::Error::custom("a row was refused"));
            }
        }
        Ok(())
    }
}

/// How far the file has been read.
#[derive(Default)]
struct Progress {
    /// Line breaks so far.
    line: Cell<u64>,
    /// Bytes since the last whole object.
    since_object: Cell<usize>,
}

/// Counts what is read, and stops an object that passes [`MAX_RECORD_BYTES`].
struct Counted {
    inner: Bytes,
    progress: Rc<Progress>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Progress { line, since_object } = &*self.progress;
        if since_object.get() > MAX_RECORD_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let read = self.inner.read(buffer)?;
        since_object.set(since_object.get() + read);
        for _ in buffer[..read].split(|byte| *byte == b'\n').skip(1) {
            line.set(line.get() + 1);
        }
        Ok(read)
    }
}
