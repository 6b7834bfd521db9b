//! Arrow files, which Feather 2 is, and Arrow streams, as Hugging Face's `datasets` writes them
//! (<https://arrow.apache.org/docs/format/Columnar.html>): messages one after another, each a schema,
//! a dictionary or a batch of rows. The footer of a file is not needed.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date64Type, TimestampMillisecondType};
use arrow_array::{Array, ArrayRef, BinaryViewArray, RecordBatch, StringViewArray, StructArray};
use arrow_buffer::Buffer;
use arrow_ipc::convert::fb_to_schema;
use arrow_ipc::reader::FileDecoder;
use arrow_ipc::{Block, MessageHeader, root_as_message};
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema, TimeUnit};
use sensorium_core::ColumnName;
use sensorium_core::guard::guarded;

use super::carried::Carried;
use super::parquet::{Reading, is_read};
use super::source::Source;
use super::{Content, check_header};
use crate::TableError;
use crate::limits::max_unpacked_bytes;

/// What stands before the messages of a file, and not of a stream.
const MAGIC: &[u8; 8] = b"ARROW1\0\0";
/// What stands before each message.
const CONTINUATION: [u8; 4] = [0xff; 4];

pub(super) fn read(source: &Source<'_>) -> Result<Content, TableError> {
    let (path, file) = (source.path, source.file()?);
    // The decoders index by numbers from the file. Nothing that was being built outlives a panic.
    guarded(|| read_file(source, file))
        .unwrap_or_else(|_| Err(damaged(path, &"its messages contradict each other")))
}

fn damaged(path: &Path, problem: &impl ToString) -> TableError {
    TableError::Damaged { path: path.to_owned(), format: "Arrow", problem: problem.to_string() }
}

fn read_file(source: &Source<'_>, file: File) -> Result<Content, TableError> {
    let path = source.path;
    let mut messages = Messages::open(source, file)?;
    let schema = messages.schema()?;
    let fields: Fields = schema.fields().iter().map(with_plain_type).collect();
    let names: Vec<ColumnName> =
        fields.iter().map(|field| ColumnName::from(field.name().as_str())).collect();
    check_header(path, &names)?;
    let metadata = |key: &str| schema.metadata().get(key).map(String::as_str);
    let carried = Carried::read(&fields, Some(schema.fields()), metadata);
    let mut reading = Reading::new(source, &names, &fields, &carried)?;
    let mut decoder = FileDecoder::new(Arc::new(schema), messages.version);
    let refuse = |error: ArrowError| damaged(path, &error);
    while let Some(message) = messages.next()? {
        if message.is_dictionary {
            decoder.read_dictionary(&message.block, &message.bytes).map_err(refuse)?;
        } else {
            let batch = decoder.read_record_batch(&message.block, &message.bytes);
            if let Some(batch) = batch.map_err(refuse)? {
                let columns = plain_columns(&fields, &batch).map_err(refuse)?;
                reading.push(&columns, batch.num_rows())?;
            }
        }
    }
    Ok(reading.finish(&fields))
}

/// The messages of a file that has been opened.
struct Messages<'a> {
    path: &'a Path,
    file: BufReader<File>,
    /// Bytes that are not read yet.
    left: u64,
    max_unpacked: u64,
    version: arrow_ipc::MetadataVersion,
}

/// A message with its body.
struct Message {
    is_dictionary: bool,
    block: Block,
    bytes: Buffer,
}

impl<'a> Messages<'a> {
    fn open(source: &Source<'a>, file: File) -> Result<Self, TableError> {
        let (path, version) = (source.path, arrow_ipc::MetadataVersion::V5);
        let left = file.metadata().map_err(|error| source.failed(error))?.len();
        // What the file as it lies there may become, whether it is packed as a whole or not.
        let max_unpacked = max_unpacked_bytes(source.file_bytes()?);
        let mut messages = Self { path, file: BufReader::new(file), left, max_unpacked, version };
        let mut first = [0; 8];
        if left < 8 {
            return Err(damaged(path, &"it ends before its first message"));
        }
        messages.read_exact(&mut first)?;
        let start = if first == *MAGIC { messages.after_padding()? } else { 0 };
        messages.file.seek(SeekFrom::Start(start)).map_err(|source| messages.failed(source))?;
        messages.left = left - start;
        Ok(messages)
    }

    /// Where the first message begins: some writers fill up to 64 bytes with zeros.
    fn after_padding(&mut self) -> Result<u64, TableError> {
        let (mut start, mut words) = (8, [0; 8]);
        while self.left >= 8 && start < 64 {
            self.read_exact(&mut words)?;
            if words != [0; 8] {
                break;
            }
            start += 8;
        }
        Ok(start)
    }

    fn failed(&self, source: std::io::Error) -> TableError {
        TableError::Read { path: self.path.to_owned(), source }
    }

    fn damaged(&self, problem: &impl ToString) -> TableError {
        damaged(self.path, problem)
    }

    fn read_exact(&mut self, bytes: &mut [u8]) -> Result<(), TableError> {
        self.left = self
            .left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| damaged(self.path, &"it ends within a message"))?;
        self.file
            .read_exact(bytes)
            .map_err(|source| TableError::Read { path: self.path.to_owned(), source })
    }

    /// The columns, which the first message tells.
    fn schema(&mut self) -> Result<Schema, TableError> {
        let Some(metadata) = self.metadata()? else {
            return Err(self.damaged(&"it has no schema"));
        };
        let message =
            root_as_message(&metadata[8..]).map_err(|error| damaged(self.path, &error))?;
        self.version = message.version();
        match message.header_as_schema() {
            Some(schema) => Ok(fb_to_schema(schema)),
            None => Err(damaged(self.path, &"its first message is no schema")),
        }
    }

    /// The next message without its body, the two words before it included.
    fn metadata(&mut self) -> Result<Option<Vec<u8>>, TableError> {
        let mut words = [0; 8];
        if self.left < 8 {
            return Ok(None);
        }
        self.read_exact(&mut words)?;
        if words[..4] != CONTINUATION {
            return Err(self.damaged(&"a message does not begin as one does"));
        }
        let length = i32::from_le_bytes([words[4], words[5], words[6], words[7]]);
        let length = u64::try_from(length).ok().filter(|length| *length <= self.left);
        match length.and_then(|length| usize::try_from(length).ok()) {
            None => Err(self.damaged(&"a message is longer than the file")),
            Some(0) => Ok(None),
            Some(length) => {
                let mut metadata = words.to_vec();
                metadata.resize(8 + length, 0);
                self.read_exact(&mut metadata[8..])?;
                Ok(Some(metadata))
            }
        }
    }

    fn next(&mut self) -> Result<Option<Message>, TableError> {
        let Some(mut bytes) = self.metadata()? else { return Ok(None) };
        let metadata_bytes = bytes.len();
        let (kind, body_bytes) = {
            let message =
                root_as_message(&bytes[8..]).map_err(|error| damaged(self.path, &error))?;
            (message.header_type(), message.bodyLength())
        };
        let length = u64::try_from(body_bytes).ok().filter(|length| *length <= self.left);
        let Some(length) = length.and_then(|length| usize::try_from(length).ok()) else {
            return Err(self.damaged(&"a message's body is longer than the file"));
        };
        bytes.resize(metadata_bytes + length, 0);
        self.read_exact(&mut bytes[metadata_bytes..])?;
        self.check_unpacked(&bytes, metadata_bytes)?;
        let metadata_bytes = i32::try_from(metadata_bytes).expect("it was an i32 before");
        Ok(Some(Message {
            is_dictionary: kind == MessageHeader::DictionaryBatch,
            block: Block::new(0, metadata_bytes, body_bytes),
            bytes: Buffer::from_vec(bytes),
        }))
    }

    /// Refuses buffers that claim to unpack to more than the file's size allows: room is made for
    /// what they claim.
    fn check_unpacked(&self, bytes: &[u8], metadata_bytes: usize) -> Result<(), TableError> {
        let (metadata, body) = bytes.split_at(metadata_bytes);
        let message = root_as_message(&metadata[8..]).map_err(|error| self.damaged(&error))?;
        let dictionary = message.header_as_dictionary_batch().and_then(|batch| batch.data());
        let Some(batch) = message.header_as_record_batch().or(dictionary) else { return Ok(()) };
        if batch.compression().is_none() {
            return Ok(());
        }
        let claimed = batch.buffers().into_iter().flatten().map(|buffer| {
            let start = usize::try_from(buffer.offset()).ok()?;
            let length = body.get(start..)?.first_chunk::<8>()?;
            u64::try_from(i64::from_le_bytes(*length)).ok()
        });
        let total = claimed.fold(0, |total: u64, length| total.saturating_add(length.unwrap_or(0)));
        if total <= self.max_unpacked {
            return Ok(());
        }
        Err(TableError::TooMuch {
            what: format!("a batch of rows of `{}`, unpacked,", self.path.display()),
            got: format!("{total} bytes"),
            limit: format!("{} bytes", self.max_unpacked),
        })
    }
}

fn with_plain_type(field: &Arc<Field>) -> Arc<Field> {
    let plain = field.as_ref().clone().with_data_type(plain_type(field.data_type()));
    // What a column may hold is not checked again.
    Arc::new(plain.with_nullable(true))
}

/// The type in which a column is read.
fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        DataType::Date64 => DataType::Timestamp(TimeUnit::Millisecond, None),
        DataType::Dictionary(_, values) => plain_type(values),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(with_plain_type).collect()),
        other => other.clone(),
    }
}

/// The columns that are read, in types that [`Reading`] knows.
fn plain_columns(fields: &Fields, batch: &RecordBatch) -> Result<Vec<ArrayRef>, ArrowError> {
    let columns = fields.iter().zip(batch.columns());
    let read = columns.filter(|(field, _)| is_read(field.data_type()));
    read.map(|(_, array)| plain(array)).collect()
}

fn plain(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    Ok(match array.data_type() {
        DataType::Utf8 => Arc::new(StringViewArray::from(array.as_string::<i32>())),
        DataType::LargeUtf8 => Arc::new(StringViewArray::from(array.as_string::<i64>())),
        DataType::Binary => Arc::new(BinaryViewArray::from(array.as_binary::<i32>())),
        DataType::LargeBinary => Arc::new(BinaryViewArray::from(array.as_binary::<i64>())),
        DataType::Date64 => {
            let days = array.as_primitive::<Date64Type>();
            Arc::new(days.reinterpret_cast::<TimestampMillisecondType>())
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            // As views, so that one text said a thousand times is not copied before it is stored.
            arrow_select::take::take(&plain(dictionary.values())?, dictionary.keys(), None)?
        }
        DataType::Struct(_) => {
            let parts = array.as_struct();
            let columns: Result<Vec<ArrayRef>, ArrowError> =
                parts.columns().iter().map(plain).collect();
            let fields = parts.fields().iter().map(with_plain_type).collect();
            Arc::new(StructArray::try_new(fields, columns?, parts.nulls().cloned())?)
        }
        _ => Arc::clone(array),
    })
}
