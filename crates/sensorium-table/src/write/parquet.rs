//! Parquet, compressed with Snappy, which every reader knows; lists are lists of doubles, vectors
//! fixed-size lists of floats.

use std::fmt;
use std::io;
use std::sync::Arc;

use arrow_array::builder::{FixedSizeListBuilder, Float32Builder, Float64Builder, ListBuilder};
use arrow_array::{
    ArrayRef, FixedSizeListArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::{OutputCell, OutputType, Sink};
use crate::atomic::AtomicFile;

/// Rows are held back until they take so many bytes, then written as one group.
const GROUP_BYTES: usize = 64 << 20;

struct ParquetSink {
    writer: ArrowWriter<AtomicFile>,
    schema: Arc<Schema>,
    columns: Vec<OutputType>,
}

impl fmt::Debug for ParquetSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetSink").field("columns", &self.columns).finish_non_exhaustive()
    }
}

pub(super) fn open(
    file: AtomicFile,
    columns: &[(String, OutputType)],
) -> io::Result<Box<dyn Sink>> {
    let fields = columns.iter().map(|(name, kind)| Field::new(name, arrow_type(*kind), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties));
    let columns = columns.iter().map(|(_, kind)| *kind).collect();
    Ok(Box::new(ParquetSink { writer: writer.map_err(parquet_error)?, schema, columns }))
}

impl Sink for ParquetSink {
    fn write(&mut self, rows: &[Vec<OutputCell>]) -> io::Result<()> {
        let kinds = self.columns.iter().enumerate();
        let arrays = kinds.map(|(column, kind)| array(*kind, rows, column)).collect();
        let batch =
            RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(io::Error::other)?;
        self.writer.write(&batch).map_err(parquet_error)?;
        if self.writer.in_progress_size() >= GROUP_BYTES {
            self.writer.flush().map_err(parquet_error)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<AtomicFile> {
        self.writer.into_inner().map_err(parquet_error)
    }
}

fn arrow_type(kind: OutputType) -> DataType {
    match kind {
        OutputType::Text => DataType::Utf8,
        OutputType::Integer => DataType::Int64,
        OutputType::Number => DataType::Float64,
        OutputType::NumberList => {
            DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)))
        }
        OutputType::Vector(width) => DataType::FixedSizeList(
            Arc::new(Field::new_list_field(DataType::Float32, true)),
            width_of_list(width),
        ),
    }
}

/// One column of rows whose types have been checked.
fn array(kind: OutputType, rows: &[Vec<OutputCell>], column: usize) -> ArrayRef {
    let cells = rows.iter().map(|row| &row[column]);
    match kind {
        OutputType::Text => Arc::new(
            cells
                .map(|cell| match cell {
                    OutputCell::Text(text) => Some(text.as_str()),
                    _ => None,
                })
                .collect::<StringArray>(),
        ),
        OutputType::Integer => Arc::new(
            cells
                .map(|cell| match cell {
                    OutputCell::Integer(whole) => Some(*whole),
                    _ => None,
                })
                .collect::<Int64Array>(),
        ),
        OutputType::Number => Arc::new(
            cells
                .map(|cell| match cell {
                    OutputCell::Number(number) => Some(*number),
                    _ => None,
                })
                .collect::<Float64Array>(),
        ),
        OutputType::NumberList => Arc::new(lists(cells)),
        OutputType::Vector(width) => Arc::new(vectors(cells, width)),
    }
}

fn width_of_list(width: usize) -> i32 {
    i32::try_from(width).expect("a row of numbers fits in memory")
}

fn vectors<'a>(cells: impl Iterator<Item = &'a OutputCell>, width: usize) -> FixedSizeListArray {
    let mut vectors = FixedSizeListBuilder::new(Float32Builder::new(), width_of_list(width));
    for cell in cells {
        if let OutputCell::Vector(numbers) = cell {
            vectors.values().append_slice(numbers);
            vectors.append(true);
        } else {
            vectors.values().append_nulls(width);
            vectors.append(false);
        }
    }
    vectors.finish()
}

fn lists<'a>(cells: impl Iterator<Item = &'a OutputCell>) -> ListArray {
    let mut lists = ListBuilder::new(Float64Builder::new());
    for cell in cells {
        if let OutputCell::NumberList(numbers) = cell {
            lists.values().append_slice(numbers);
            lists.append(true);
        } else {
            lists.append_null();
        }
    }
    lists.finish()
}

/// Errors of the disk come inside those of the format.
fn parquet_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(disk) => *disk,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}
