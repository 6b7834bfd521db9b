//! The pages of a Parquet file, looked at before any is decompressed.
//!
//! A page's header says how large it becomes, and the decoder makes room for that: a megabyte can
//! claim gigabytes, and compressed zeros keep the promise. The footer's sums may say otherwise.
//! Headers are Thrift structs in the compact protocol
//! (<https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>), their
//! fields those of `PageHeader` in
//! <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use parquet::file::metadata::ColumnChunkMetaData;

/// What decoding the pages of a column chunk takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PageSizes {
    /// The largest page, its dictionary counted in, in bytes before compression.
    pub(super) bytes: u64,
    /// All values, nulls and the items of lists counted.
    pub(super) values: u64,
}

/// Reads the header of every page of a chunk.
pub(super) fn page_sizes(file: &File, chunk: &ColumnChunkMetaData) -> io::Result<PageSizes> {
    let count = |number: i64| u64::try_from(number).map_err(|_| malformed());
    let start = count(chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset()))?;
    let (length, expected) = (count(chunk.compressed_size())?, count(chunk.num_values())?);
    let mut input = BufReader::new(file);
    input.seek(SeekFrom::Start(start))?;
    sizes(&mut input, length, expected)
}

fn sizes(
    input: &mut BufReader<impl Read + Seek>,
    length: u64,
    expected: u64,
) -> io::Result<PageSizes> {
    let (mut read, mut dictionary, mut largest, mut values) = (0, 0, 0, 0);
    while read < length && values < expected {
        let mut header = Compact { input: &mut *input, read: 0 };
        let page = header.page()?;
        read += header.read + page.compressed;
        input.seek_relative(i64::try_from(page.compressed).map_err(io::Error::other)?)?;
        if page.is_dictionary {
            dictionary = dictionary.max(page.bytes);
        } else {
            largest = largest.max(page.bytes);
            values += page.values;
        }
    }
    Ok(PageSizes { bytes: dictionary + largest, values })
}

/// What a page's header says.
#[derive(Clone, Copy, Debug, Default)]
struct Page {
    is_dictionary: bool,
    bytes: u64,
    compressed: u64,
    values: u64,
}

/// Thrift's compact protocol, as much of it as a header needs.
struct Compact<R> {
    input: R,
    /// Bytes read so far.
    read: u64,
}

/// How deep structs and lists may lie in each other; a header's go three deep.
const MAX_DEPTH: usize = 8;

const BOOLEANS: [u8; 2] = [1, 2];
const BYTE: u8 = 3;
const INTEGERS: [u8; 3] = [4, 5, 6];
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LISTS: [u8; 2] = [9, 10];
const STRUCT: u8 = 12;

impl<R: Read> Compact<R> {
    fn page(&mut self) -> io::Result<Page> {
        let mut page = Page::default();
        let mut id = 0;
        while let Some(kind) = self.field(&mut id)? {
            match (id, kind) {
                (1, 5) => page.is_dictionary = self.integer()? == 2,
                (2, 5) => page.bytes = self.size()?,
                (3, 5) => page.compressed = self.size()?,
                (5 | 7 | 8, STRUCT) => page.values = self.num_values()?,
                (_, kind) => self.skip(kind, MAX_DEPTH)?,
            }
        }
        Ok(page)
    }

    /// The first field of each kind of page's own header.
    fn num_values(&mut self) -> io::Result<u64> {
        let (mut id, mut values) = (0, 0);
        while let Some(kind) = self.field(&mut id)? {
            match (id, kind) {
                (1, 5) => values = self.size()?,
                (_, kind) => self.skip(kind, MAX_DEPTH)?,
            }
        }
        Ok(values)
    }

    /// The next field's type, with its id set; `None` at the struct's end.
    fn field(&mut self, id: &mut i64) -> io::Result<Option<u8>> {
        let byte = self.byte()?;
        let (delta, kind) = (byte >> 4, byte & 0x0f);
        if kind == 0 {
            return Ok(None);
        }
        *id = if delta == 0 { self.integer()? } else { *id + i64::from(delta) };
        Ok(Some(kind))
    }

    fn skip(&mut self, kind: u8, depth: usize) -> io::Result<()> {
        let Some(depth) = depth.checked_sub(1) else { return Err(malformed()) };
        match kind {
            kind if BOOLEANS.contains(&kind) => Ok(()),
            BYTE => self.byte().map(drop),
            kind if INTEGERS.contains(&kind) => self.varint().map(drop),
            DOUBLE => self.pass(8),
            BINARY => {
                let length = self.varint()?;
                self.pass(length)
            }
            kind if LISTS.contains(&kind) => self.skip_list(depth),
            STRUCT => {
                let mut id = 0;
                while let Some(kind) = self.field(&mut id)? {
                    self.skip(kind, depth)?;
                }
                Ok(())
            }
            _ => Err(malformed()),
        }
    }

    fn skip_list(&mut self, depth: usize) -> io::Result<()> {
        let byte = self.byte()?;
        let count = if byte >> 4 == 15 { self.varint()? } else { u64::from(byte >> 4) };
        let kind = byte & 0x0f;
        // In a list a boolean takes a byte.
        let kind = if BOOLEANS.contains(&kind) { BYTE } else { kind };
        (0..count).try_for_each(|_| self.skip(kind, depth))
    }

    /// A size or a count, which is not negative.
    fn size(&mut self) -> io::Result<u64> {
        u64::try_from(self.integer()?).map_err(|_| malformed())
    }

    fn integer(&mut self) -> io::Result<i64> {
        let zigzag = self.varint()?;
        Ok((zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed()))
    }

    fn varint(&mut self) -> io::Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(malformed())
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.input.read_exact(&mut byte)?;
        self.read += 1;
        Ok(byte[0])
    }

    fn pass(&mut self, bytes: u64) -> io::Result<()> {
        let passed = io::copy(&mut (&mut self.input).take(bytes), &mut io::sink())?;
        self.read += passed;
        if passed == bytes { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a page's header cannot be read")
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A header by hand: type, sizes, and the number of values in a struct of its own.
    fn header(kind: u8, bytes: u8, compressed: u8, values: u8) -> Vec<u8> {
        let own_field = if kind == 2 { 7 } else { 5 };
        let zigzag = |value: u8| value << 1;
        let mut header = vec![0x15, zigzag(kind), 0x15, zigzag(bytes), 0x15, zigzag(compressed)];
        header.push((own_field - 3) << 4 | STRUCT);
        header.extend([0x15, zigzag(values)]);
        // Statistics that are passed over: field 5, a struct with a text and a flag.
        header.extend([0x4c, 0x18, 2, b'h', b'i', 0x11, 0, 0]);
        header.push(0);
        header.extend(vec![0xaa; usize::from(compressed)]);
        header
    }

    fn of(pages: &[Vec<u8>], expected: u64) -> io::Result<PageSizes> {
        let bytes = pages.concat();
        let length = bytes.len() as u64;
        sizes(&mut BufReader::new(Cursor::new(bytes)), length, expected)
    }

    #[test]
    fn the_largest_page_and_all_values_are_known() {
        let pages = [header(2, 50, 3, 9), header(0, 60, 5, 20), header(0, 40, 2, 22)];
        assert_eq!(of(&pages, 42).unwrap(), PageSizes { bytes: 110, values: 42 });
        assert_eq!(of(&pages, 20).unwrap(), PageSizes { bytes: 110, values: 20 });
    }

    #[test]
    fn a_header_that_is_none_is_refused() {
        for bytes in [&[0x15][..], &[0x1d, 1], &[0x15, 0x80, 0x80], &[0x15, 1, 0x15, 1, 0]] {
            assert!(of(&[bytes.to_vec()], 1).is_err(), "{bytes:?}");
        }
        let deep = [&[0x9c][..], &vec![0x1c; 100_000]].concat();
        assert!(of(&[deep], 1).is_err());
    }
}
