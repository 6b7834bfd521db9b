//! Parquet (<https://parquet.apache.org/docs/file-format/>), read in batches of some megabytes.
//!
//! The types are those of Parquet itself, so that dictionaries and large strings read as plain text;
//! what Hugging Face, pandas or Arrow noted beside them is in [`Carried`]. Dates and
//! times become text as pandas prints them, decimals their digits, lists their JSON text. A column
//! of any other type is kept by name and refused when it is asked for, since tables from elsewhere
//! often hold columns that no one asks for.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::temporal_conversions::as_datetime;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Decimal256Type, DecimalType, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, OffsetSizeTrait};
use arrow_schema::{DataType, Field, Fields, Schema, TimeUnit};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_schema};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use sensorium_core::ColumnName;
use sensorium_core::guard::guarded;
use serde_json::Value;

use super::carried::{self, Carried};
use super::pages::page_sizes;
use super::source::Source;
use super::{Content, check_header, refused};
use crate::bad_row::BadRows;
use crate::limits::{MAX_TEXT_BYTES, max_page_bytes, max_table_bytes};
use crate::storage::{BuildError, Scalar, Storage, TableBuilder};
use crate::{BadRow, TableError};

/// The size of a batch of rows, in bytes before compression; a batch has at least one row.
const BATCH_BYTES: u64 = 8 << 20;
/// The most rows of a batch.
const BATCH_ROWS: u64 = 4096;
/// What an item of a list takes while it is decoded and written, in bytes: itself, its levels and
/// its digits.
const ITEM_BYTES: u64 = 32;

pub(super) fn read(source: &Source<'_>) -> Result<Content, TableError> {
    let (path, file) = (source.path, source.file()?);
    // The decoders index by numbers from the file: on some altered files they panic. Nothing that
    // was being built outlives the panic.
    guarded(|| read_file(source, &file))
        .unwrap_or_else(|_| Err(damaged(path, &"its pages contradict each other")))
}

fn damaged(path: &Path, problem: &impl ToString) -> TableError {
    TableError::Damaged { path: path.to_owned(), format: "Parquet", problem: problem.to_string() }
}

fn read_file(source: &Source<'_>, file: &File) -> Result<Content, TableError> {
    let path = source.path;
    let metadata = load_metadata(file).map_err(|error| damaged(path, &error))?;
    let fields = metadata.schema().fields().clone();
    let names: Vec<ColumnName> =
        fields.iter().map(|field| ColumnName::from(field.name().as_str())).collect();
    check_header(path, &names)?;
    let carried = carried_by(&metadata, &fields);
    let mut reading = Reading::new(source, &names, &fields, &carried)?;
    reading.check(claimed_rows(&metadata))?;
    for group in 0..metadata.metadata().num_row_groups() {
        reading.read_group(file, &metadata, group)?;
    }
    Ok(reading.finish(&fields))
}

/// What the file's key-value metadata say of its columns.
fn carried_by(metadata: &ArrowReaderMetadata, fields: &Fields) -> Carried {
    let file = metadata.metadata().file_metadata();
    let pairs = file.key_value_metadata();
    let written = parquet_to_arrow_schema(file.schema_descr(), pairs).ok();
    let value = |key: &str| {
        let pair = pairs?.iter().find(|pair| pair.key == key)?;
        pair.value.as_deref()
    };
    Carried::read(fields, written.as_ref().map(Schema::fields), value)
}

/// The file's schema in the types that [`append_of`] knows.
fn load_metadata(file: &File) -> Result<ArrowReaderMetadata, ParquetError> {
    let plain = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata = ArrowReaderMetadata::load(file, plain)?;
    let schema = Schema::new(fields_with_views(metadata.schema().fields()));
    let views = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), views)
}

/// Texts and bytes as views into the pages they were read from, so that a batch of pictures, or
/// of one text said a thousand times, is not copied before it is stored.
fn fields_with_views(fields: &Fields) -> Fields {
    let with_view = |field: &Arc<Field>| {
        let viewed = match field.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
            DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
            DataType::Struct(inner) => DataType::Struct(fields_with_views(inner)),
            other => other.clone(),
        };
        field.as_ref().clone().with_data_type(viewed)
    };
    fields.iter().map(with_view).collect()
}

fn claimed_rows(metadata: &ArrowReaderMetadata) -> usize {
    let groups = metadata.metadata().row_groups().iter();
    // A negative count claims more than any limit.
    let rows = groups.map(|group| usize::try_from(group.num_rows()).unwrap_or(usize::MAX));
    rows.fold(0, usize::saturating_add)
}

/// What has been read so far, of Parquet or Arrow.
pub(super) struct Reading<'a> {
    path: &'a Path,
    names: &'a [ColumnName],
    carried: &'a Carried,
    table: TableBuilder,
    /// For each column that is read, its index and how it is appended.
    appends: Vec<(usize, Append)>,
    num_rows: usize,
    bad_rows: BadRows,
    file_bytes: u64,
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        source: &Source<'a>,
        names: &'a [ColumnName],
        fields: &Fields,
        carried: &'a Carried,
    ) -> Result<Self, TableError> {
        let (path, file_bytes) = (source.path, source.file_bytes()?);
        let mut table = TableBuilder::new(file_bytes);
        let mut appends = Vec::new();
        for (index, field) in fields.iter().enumerate() {
            table.add_column().map_err(|error| refused(error, path, || "the schema".to_owned()))?;
            appends.extend(append_of(field.data_type()).map(|append| (index, append)));
        }
        let bad_rows = BadRows::new(source.options.on_bad_row);
        Ok(Self { path, names, carried, table, appends, num_rows: 0, bad_rows, file_bytes })
    }

    pub(super) fn finish(self, fields: &Fields) -> Content {
        let (mut columns, spill) = self.table.finish();
        for (column, field) in columns.iter_mut().zip(fields) {
            if append_of(field.data_type()).is_none() {
                *column = Storage::Unsupported(kind_of(field.data_type()));
            }
        }
        let mut content = Content::new(self.names.to_vec(), columns, self.num_rows, spill);
        content.annotations.clone_from(&self.carried.annotations);
        content.bad_rows = self.bad_rows;
        content
    }

    fn check(&self, num_rows: usize) -> Result<(), TableError> {
        let checked = self.table.check_rows(num_rows);
        checked.map_err(|error| refused(error, self.path, || format!("{num_rows} rows")))
    }

    fn read_group(
        &mut self,
        file: &File,
        metadata: &ArrowReaderMetadata,
        group: usize,
    ) -> Result<(), TableError> {
        let path = self.path;
        let group_metadata = metadata.metadata().row_group(group);
        if self.appends.is_empty() {
            self.num_rows += usize::try_from(group_metadata.num_rows()).unwrap_or(0);
            return Ok(());
        }
        self.check_codecs(group_metadata)?;
        self.check_pages(file, group_metadata)?;
        let file = file.try_clone();
        let file = file.map_err(|source| TableError::Read { path: path.to_owned(), source })?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone());
        let roots = self.appends.iter().map(|(index, _)| *index);
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let batches = builder
            .with_row_groups(vec![group])
            .with_batch_size(batch_rows(group_metadata))
            .with_projection(mask)
            .build()
            .map_err(|error| damaged(path, &error))?;
        for batch in batches {
            let batch = batch.map_err(|error| damaged(path, &error))?;
            self.push(batch.columns(), batch.num_rows())?;
        }
        Ok(())
    }

    /// Names a codec that is not read, which the decoder would take for damage.
    fn check_codecs(&self, group: &RowGroupMetaData) -> Result<(), TableError> {
        let unread = |column: &ColumnChunkMetaData| match column.compression() {
            Compression::BROTLI(_) => Some("BROTLI"),
            Compression::LZO => Some("LZO"),
            _ => None,
        };
        match group.columns().iter().find_map(unread) {
            Some(codec) => Err(TableError::UnreadCodec { path: self.path.to_owned(), codec }),
            None => Ok(()),
        }
    }

    /// Refuses pages that would take more memory than the file may ask for, before one is read.
    fn check_pages(&self, file: &File, group: &RowGroupMetaData) -> Result<(), TableError> {
        let (mut bytes, mut items) = (0_u64, 0_u64);
        let is_read = |root| self.appends.iter().any(|(index, _)| *index == root);
        for (leaf, chunk) in group.columns().iter().enumerate() {
            let schema = group.schema_descr();
            if !is_read(schema.get_column_root_idx(leaf)) {
                continue;
            }
            let sizes = page_sizes(file, chunk).map_err(|error| damaged(self.path, &error))?;
            if chunk.compression() != Compression::UNCOMPRESSED {
                bytes = bytes.saturating_add(sizes.bytes);
            }
            if chunk.column_descr().max_rep_level() > 0 {
                items = items.saturating_add(sizes.values);
            }
        }
        self.check_limit("the pages", bytes, max_page_bytes(self.file_bytes), "bytes")?;
        // All items of a row group may be those of one list.
        let max_items = max_table_bytes(self.file_bytes) / ITEM_BYTES;
        self.check_limit("the lists", items, max_items, "items")
    }

    fn check_limit(&self, what: &str, got: u64, limit: u64, unit: &str) -> Result<(), TableError> {
        if got <= limit {
            return Ok(());
        }
        Err(TableError::TooMuch {
            what: format!("what {what} of one row group of `{}` hold", self.path.display()),
            got: format!("{got} {unit}"),
            limit: format!("{limit} {unit} for a file of {} bytes", self.file_bytes),
        })
    }

    /// Appends the columns that are read of some rows.
    pub(super) fn push(&mut self, columns: &[ArrayRef], rows: usize) -> Result<(), TableError> {
        let first_row = self.num_rows;
        self.num_rows += rows;
        self.check(self.num_rows)?;
        for ((column, append), array) in self.appends.iter().zip(columns) {
            let column = *column;
            let name = &self.names[column];
            let place = Place { path: self.path, name, bad_rows: &mut self.bad_rows };
            let classes = self.carried.classes(column);
            let table = &mut self.table;
            let mut sink = Sink { table, classes, column, first_row, last: 0, place };
            if let Err(error) = append(&mut sink, array.as_ref()) {
                let (row, name) = (first_row + sink.last + 1, name.shown());
                return Err(refused(error, self.path, || format!("row {row} of column `{name}`")));
            }
        }
        Ok(())
    }
}

fn batch_rows(group: &RowGroupMetaData) -> usize {
    let rows = u64::try_from(group.num_rows()).unwrap_or(0);
    let bytes = u64::try_from(group.total_byte_size()).unwrap_or(0).max(1);
    let fitting = BATCH_BYTES.saturating_mul(rows) / bytes;
    usize::try_from(fitting.clamp(1, BATCH_ROWS)).unwrap_or(1)
}

/// Where the values of one column of one batch go.
struct Sink<'a> {
    table: &'a mut TableBuilder,
    /// The names that whole numbers stand for.
    classes: Option<&'a [String]>,
    column: usize,
    first_row: usize,
    /// Index in the batch of the value that was set last.
    last: usize,
    place: Place<'a>,
}

/// What is needed to leave a row out.
struct Place<'a> {
    path: &'a Path,
    name: &'a ColumnName,
    bad_rows: &'a mut BadRows,
}

impl Place<'_> {
    /// Notes a row whose text is too long, where such rows are left out.
    fn leaves_out_text(&mut self, row: usize, value: Scalar<'_>) -> bool {
        let Scalar::Text(text) = value else { return false };
        if text.len() <= MAX_TEXT_BYTES {
            return false;
        }
        let got = format!("a text of {} bytes", text.len());
        let expected = format!("at most {MAX_TEXT_BYTES} bytes are allowed");
        self.leaves_out(row, &got, expected, "shorten the text")
    }

    /// Notes a row whose number stands for no class, where such rows are left out.
    fn leaves_out_class(&mut self, row: usize, error: &BuildError) -> bool {
        let BuildError::UnknownClass { code, classes } = error else { return false };
        let expected = format!("the file names {classes} classes, from 0");
        let advice = "correct the cell, or the names in the file's metadata";
        self.leaves_out(row, &code.to_string(), expected, advice)
    }

    fn leaves_out(&mut self, row: usize, got: &str, expected: String, advice: &str) -> bool {
        let bad = BadRow {
            path: self.path.to_owned(),
            row,
            rows_before: 0,
            line: None,
            column: Some(self.name.clone()),
            got: format!("holds {got} in column `{}`", self.name.shown()),
            expected,
            advice: advice.to_owned(),
        };
        self.bad_rows.note(TableError::Row(Arc::new(bad))).is_ok()
    }
}

impl<'a> Sink<'a> {
    fn set(&mut self, index: usize, value: Scalar<'_>) -> Result<(), BuildError> {
        self.last = index;
        let row = self.first_row + index;
        match self.named(value) {
            Ok(value) if self.place.leaves_out_text(row, value) => Ok(()),
            Ok(value) => self.table.set(self.column, row, value),
            Err(error) if self.place.leaves_out_class(row, &error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The value, or the name that it stands for.
    fn named<'v>(&self, value: Scalar<'v>) -> Result<Scalar<'v>, BuildError>
    where
        'a: 'v,
    {
        match (self.classes, value) {
            (Some(classes), Scalar::Integer(code)) => carried::named(classes, code),
            _ => Ok(value),
        }
    }

    /// Sets every value that is not null.
    fn set_each<'v>(
        &mut self,
        array: &dyn Array,
        value: impl Fn(usize) -> Scalar<'v>,
    ) -> Result<(), BuildError> {
        present(array).try_for_each(|index| self.set(index, value(index)))
    }

    /// Sets every value that is not null to a text made for it.
    fn set_each_text(
        &mut self,
        array: &dyn Array,
        text: impl Fn(usize) -> String,
    ) -> Result<(), BuildError> {
        present(array).try_for_each(|index| self.set(index, Scalar::Text(&text(index))))
    }
}

fn present(array: &dyn Array) -> impl Iterator<Item = usize> {
    (0..array.len()).filter(|index| array.is_valid(*index))
}

type Append = fn(&mut Sink<'_>, &dyn Array) -> Result<(), BuildError>;

/// Whether a column of that type is read.
pub(super) fn is_read(data_type: &DataType) -> bool {
    append_of(data_type).is_some()
}

/// How a column of that type is appended, or `None` where the type is not read.
fn append_of(data_type: &DataType) -> Option<Append> {
    Some(match data_type {
        DataType::Null => |_, _| Ok(()),
        DataType::Boolean => booleans,
        DataType::Int8 => integers::<Int8Type>,
        DataType::Int16 => integers::<Int16Type>,
        DataType::Int32 => integers::<Int32Type>,
        DataType::Int64 => integers::<Int64Type>,
        DataType::UInt8 => integers::<UInt8Type>,
        DataType::UInt16 => integers::<UInt16Type>,
        DataType::UInt32 => integers::<UInt32Type>,
        DataType::UInt64 => large_integers,
        DataType::Float16 => numbers::<Float16Type>,
        DataType::Float32 => numbers::<Float32Type>,
        DataType::Float64 => numbers::<Float64Type>,
        DataType::Decimal128(_, _) => decimals::<Decimal128Type>,
        DataType::Decimal256(_, _) => decimals::<Decimal256Type>,
        DataType::Date32 => dates,
        DataType::Timestamp(TimeUnit::Second, _) => times::<TimestampSecondType>,
        DataType::Timestamp(TimeUnit::Millisecond, _) => times::<TimestampMillisecondType>,
        DataType::Timestamp(TimeUnit::Microsecond, _) => times::<TimestampMicrosecondType>,
        DataType::Timestamp(TimeUnit::Nanosecond, _) => times::<TimestampNanosecondType>,
        DataType::Utf8View => texts,
        DataType::BinaryView => bytes,
        DataType::List(item) if is_item(item.data_type()) => lists::<i32>,
        DataType::LargeList(item) if is_item(item.data_type()) => lists::<i64>,
        DataType::FixedSizeList(item, _) if is_item(item.data_type()) => fixed_lists,
        DataType::Struct(fields) if is_file(fields) => files,
        _ => return None,
    })
}

/// The type's name for a message, without what is inside it.
fn kind_of(data_type: &DataType) -> String {
    match data_type {
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
            "list of lists, structs or bytes".to_owned()
        }
        DataType::Struct(_) => "struct of other fields than `bytes` and `path`".to_owned(),
        DataType::Map(_, _) => "map".to_owned(),
        other => other.to_string(),
    }
}

fn booleans(sink: &mut Sink<'_>, array: &dyn Array) -> Result<(), BuildError> {
    let values = array.as_boolean();
    sink.set_each(array, |index| Scalar::Boolean(values.value(index)))
}

fn integers<T>(sink: &mut Sink<'_>, array: &dyn Array) -> Result<(), BuildError>
where
    T: ArrowPrimitiveType<Native: Into<i64>>,
{
    let values = array.as_primitive::<T>();
    sink.set_each(array, |index| Scalar::Integer(values.value(index).into()))
}

/// Beyond an `i64` it is an identifier, not a quantity: its digits are kept as text.
fn large_integers(sink: &mut Sink<'_>, array: &dyn Array) -> Result<(), BuildError> {
    let values = array.as_primitive::<UInt64Type>();
    present(array).try_for_each(|index| {
        let value = values.value(index);
        match i64::try_from(value) {
            Ok(whole) => sink.set(index, Scalar::Integer(whole)),
            Err(_) => sink.set(index, Scalar::Text(&value.to_string())),
        }
    })
}

fn numbers<T>(sink: &mut Sink<'_>, array: &dyn Array) -> Result<(), BuildError>
where
    T: ArrowPrimitiveType<Native: Into<f64>>,
{
    let values = array.as_primitive::<T>();
    sink.set_each(array, |index| Scalar::Number(values.value(index).into()))
}

fn decimals<T>(sink: &mut Sink<'_>, array: &dyn Array) -> Result<(), BuildError>
where
    T: DecimalType + ArrowPrimitiveType,
{
    let values = array.as_primitive::<T>();
    sink.set_each_text(array, |index| values.value_as_string(index))
}

fn dates(sink: &mut Sink<'_>, array: &dyn Array) -> Result<(), BuildError> {
    let values = array.as_primitive::<Date32Type>();
    sink.set_each_text(array, |index| match values.value_as_date(index) {
        Some(date) => date.to_string(),
        None => values.value(index).to_string(),
    })
}

fn times<T>(sink: &mut Sink<'_>, array: &dyn Array) -> Result<(), BuildError>
where
    T: ArrowPrimitiveType<Native = i64>,
{
    let values = array.as_primitive::<T>();
    let is_utc = matches!(array.data_type(), DataType::Timestamp(_, Some(_)));
    let zone = if is_utc { "+00:00" } else { "" };
    sink.set_each_text(array, |index| match as_datetime::<T>(values.value(index)) {
        Some(time) => format!("{time}{zone}"),
        None => values.value(index).to_string(),
    })
}

fn texts(sink: &mut Sink<'_>, array: &dyn Array) -> Result<(), BuildError> {
    let values = array.as_string_view();
    sink.set_each(array, |index| Scalar::Text(values.value(index)))
}

fn bytes(sink: &mut Sink<'_>, array: &dyn Array) -> Result<(), BuildError> {
    let values = array.as_binary_view();
    sink.set_each(array, |index| Scalar::Bytes(values.value(index)))
}

/// Whether these are the fields of Hugging Face's images and sounds.
fn is_file(fields: &Fields) -> bool {
    !fields.is_empty()
        && fields.iter().all(|field| match (field.name().as_str(), field.data_type()) {
            ("bytes" | "path", DataType::Null) => true,
            ("bytes", kind) => *kind == DataType::BinaryView,
            ("path", kind) => *kind == DataType::Utf8View,
            _ => false,
        })
}

/// The bytes, or the path where there are none.
fn files(sink: &mut Sink<'_>, array: &dyn Array) -> Result<(), BuildError> {
    let files = array.as_struct();
    let bytes = files.column_by_name("bytes").and_then(|column| column.as_binary_view_opt());
    let paths = files.column_by_name("path").and_then(|column| column.as_string_view_opt());
    present(array).try_for_each(|index| {
        let bytes = bytes.filter(|bytes| bytes.is_valid(index)).map(|bytes| bytes.value(index));
        let path = paths.filter(|paths| paths.is_valid(index)).map(|paths| paths.value(index));
        let value = bytes.map(Scalar::Bytes).or(path.map(Scalar::Text));
        sink.set(index, value.unwrap_or(Scalar::Missing))
    })
}

/// Whether a list of such items can be kept as text.
fn is_item(data_type: &DataType) -> bool {
    data_type.is_integer()
        || matches!(data_type, DataType::Float32 | DataType::Float64)
        || matches!(
            data_type,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Boolean
        )
}

fn lists<O: OffsetSizeTrait>(sink: &mut Sink<'_>, array: &dyn Array) -> Result<(), BuildError> {
    let lists = array.as_list::<O>();
    sink.set_each_text(array, |index| list_text(lists.value(index).as_ref()))
}

fn fixed_lists(sink: &mut Sink<'_>, array: &dyn Array) -> Result<(), BuildError> {
    let lists = array.as_fixed_size_list();
    sink.set_each_text(array, |index| list_text(lists.value(index).as_ref()))
}

/// A list as JSON text; one beyond [`MAX_TEXT_BYTES`] is broken off, and refused by its length.
fn list_text(items: &dyn Array) -> String {
    let mut text = String::from("[");
    for item in 0..items.len() {
        if item > 0 {
            text.push(',');
        }
        text.push_str(&json(items, item).to_string());
        if text.len() > MAX_TEXT_BYTES {
            break;
        }
    }
    text.push(']');
    text
}

/// One item of a list, in a type that [`is_item`] allows.
fn json(items: &dyn Array, index: usize) -> Value {
    fn primitive<T: ArrowPrimitiveType<Native: Into<Value>>>(
        items: &dyn Array,
        index: usize,
    ) -> Value {
        items.as_primitive::<T>().value(index).into()
    }
    if items.is_null(index) {
        return Value::Null;
    }
    match items.data_type() {
        DataType::Boolean => items.as_boolean().value(index).into(),
        DataType::Utf8 => items.as_string::<i32>().value(index).into(),
        DataType::LargeUtf8 => items.as_string::<i64>().value(index).into(),
        DataType::Utf8View => items.as_string_view().value(index).into(),
        DataType::Int8 => primitive::<Int8Type>(items, index),
        DataType::Int16 => primitive::<Int16Type>(items, index),
        DataType::Int32 => primitive::<Int32Type>(items, index),
        DataType::Int64 => primitive::<Int64Type>(items, index),
        DataType::UInt8 => primitive::<UInt8Type>(items, index),
        DataType::UInt16 => primitive::<UInt16Type>(items, index),
        DataType::UInt32 => primitive::<UInt32Type>(items, index),
        DataType::UInt64 => primitive::<UInt64Type>(items, index),
        DataType::Float32 => primitive::<Float32Type>(items, index),
        DataType::Float64 => primitive::<Float64Type>(items, index),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use arrow_array::builder::{ListBuilder, StringBuilder};
    use arrow_array::{
        BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array,
        Float64Array, Int32Array, Int64Array, LargeStringArray, MapArray, RecordBatch, StringArray,
        StringViewArray, StructArray, Time64MicrosecondArray, TimestampMillisecondArray,
        UInt64Array,
    };
    use parquet::arrow::ArrowWriter;
    use parquet::basic::{GzipLevel, ZstdLevel};
    use parquet::file::properties::WriterProperties;
    use sensorium_core::Hint;

    use super::*;
    use crate::{PhysicalType, ReadOptions, Table};

    fn written(columns: Vec<(&str, ArrayRef)>, compression: Compression) -> Vec<u8> {
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, array)| (name, array, true)),
        )
        .unwrap();
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .set_max_row_group_row_count(Some(3))
            .build();
        let mut bytes = Vec::new();
        let mut writer =
            ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        bytes
    }

    fn read_bytes(bytes: &[u8]) -> Result<Table, TableError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        fs::write(&path, bytes).unwrap();
        Table::read(&path, None)
    }

    fn table(columns: Vec<(&str, ArrayRef)>) -> Table {
        read_bytes(&written(columns, Compression::UNCOMPRESSED)).unwrap()
    }

    fn texts(table: &Table, column: &str) -> Vec<Option<String>> {
        let column = table.column(&ColumnName::from(column)).unwrap();
        let text = |row| column.cell(row).text().unwrap().map(std::borrow::Cow::into_owned);
        (0..table.num_rows()).map(text).collect()
    }

    fn some(texts: &[&str]) -> Vec<Option<String>> {
        let missing = |text: &&str| Some((*text).to_owned()).filter(|text| !text.is_empty());
        texts.iter().map(missing).collect()
    }

    fn files() -> ArrayRef {
        let bytes: ArrayRef =
            Arc::new(BinaryArray::from(vec![Some(&b"\x89PNG"[..]), None, None, Some(b"")]));
        let paths: ArrayRef =
            Arc::new(StringArray::from(vec![Some("a.png"), Some("b.png"), None, Some("")]));
        Arc::new(StructArray::from(vec![
            (Arc::new(Field::new("bytes", DataType::Binary, true)), bytes),
            (Arc::new(Field::new("path", DataType::Utf8, true)), paths),
        ]))
    }

    fn mixed() -> Vec<(&'static str, ArrayRef)> {
        let codes = vec![Some("cat"), None, Some("dog"), Some("cat")];
        vec![
            ("text", Arc::new(StringArray::from(vec![Some("007"), None, Some(""), Some("ü")]))),
            ("large", Arc::new(LargeStringArray::from(vec!["a", "b", "c", "d"]))),
            (
                "view",
                Arc::new(StringViewArray::from(vec!["a", "a text of more than twelve", "", "d"])),
            ),
            ("code", Arc::new(codes.into_iter().collect::<DictionaryArray<Int32Type>>())),
            ("whole", Arc::new(Int64Array::from(vec![Some(-1), None, Some(3), Some(4)]))),
            ("single", Arc::new(Float32Array::from(vec![Some(0.5), None, Some(2.0), None]))),
            ("double", Arc::new(Float64Array::from(vec![0.5, f64::NAN, 2.0, 1e300]))),
            ("flag", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, None]))),
            ("bytes", Arc::new(BinaryArray::from(vec![Some(&b"ab"[..]), None, Some(b"c"), None]))),
            ("file", files()),
        ]
    }

    fn assert_mixed(table: &Table) {
        assert_eq!(texts(table, "text"), some(&["007", "", "", "ü"]));
        assert_eq!(texts(table, "large"), some(&["a", "b", "c", "d"]));
        assert_eq!(texts(table, "view"), some(&["a", "a text of more than twelve", "", "d"]));
        assert_eq!(texts(table, "code"), some(&["cat", "", "dog", "cat"]));
        assert_eq!(texts(table, "whole"), some(&["-1", "", "3", "4"]));
        assert_eq!(texts(table, "single"), some(&["0.5", "", "2", ""]));
        assert_eq!(texts(table, "double"), some(&["0.5", "", "2", "1e300"]));
        assert_eq!(texts(table, "flag"), some(&["true", "false", "", ""]));
        let bytes = table.column(&ColumnName::from("bytes")).unwrap();
        assert_eq!(bytes.cell(0).media(9).unwrap(), Some(b"ab".to_vec()));
        assert_eq!(bytes.cell(1).media(9).unwrap(), None);
        assert_eq!(bytes.cell(2).media(9).unwrap(), Some(b"c".to_vec()));
    }

    #[test]
    fn every_type_and_codec_reads_the_same() {
        for compression in [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::ZSTD(ZstdLevel::default()),
            Compression::LZ4_RAW,
            Compression::GZIP(GzipLevel::default()),
        ] {
            assert_mixed(&read_bytes(&written(mixed(), compression)).unwrap());
        }
    }

    #[test]
    fn columns_keep_their_types() {
        use PhysicalType::{Boolean, Integer, Media, Number, Text};
        let table = table(mixed());
        let types: Vec<_> =
            table.all_columns().map(|column| column.storage().physical_type()).collect();
        assert_eq!(types, [Text, Text, Text, Text, Integer, Number, Number, Boolean, Media, Media]);
    }

    #[test]
    fn a_file_is_its_bytes_or_its_path() {
        let table = table(vec![("file", files())]);
        let column = table.column(&ColumnName::from("file")).unwrap();
        assert_eq!(column.cell(0).media(4).unwrap(), Some(b"\x89PNG".to_vec()));
        assert_eq!(column.cell(1).text().unwrap().as_deref(), Some("b.png"));
        assert!(column.cell(2).is_missing());
        assert_eq!(
            [column.cell(0).media(3), column.cell(3).media(3)].map(|e| e.unwrap_err().to_string()),
            [
                "row 1 of column `file` holds a file of 4 bytes, but at most 3 bytes are allowed",
                "row 4 of column `file` holds a file without content, but a file with content was \
                 expected",
            ]
        );
    }

    #[test]
    fn dates_decimals_and_lists_are_text() {
        let mut list = ListBuilder::new(StringBuilder::new());
        list.append_value([Some("a"), None]);
        list.append_null();
        let day = 86_400_000;
        let decimal = Decimal128Array::from(vec![1250, -5]).with_precision_and_scale(9, 2).unwrap();
        let table = table(vec![
            ("list", Arc::new(list.finish())),
            ("date", Arc::new(Date32Array::from(vec![0, 19_753]))),
            ("time", Arc::new(TimestampMillisecondArray::from(vec![0, day + 1]))),
            ("utc", Arc::new(TimestampMillisecondArray::from(vec![0, day]).with_timezone("UTC"))),
            ("decimal", Arc::new(decimal)),
            ("huge", Arc::new(UInt64Array::from(vec![7, u64::MAX]))),
        ]);
        assert_eq!(texts(&table, "list"), some(&["[\"a\",null]", ""]));
        assert_eq!(texts(&table, "date"), some(&["1970-01-01", "2024-01-31"]));
        assert_eq!(
            texts(&table, "time"),
            some(&["1970-01-01 00:00:00", "1970-01-02 00:00:00.001"])
        );
        assert_eq!(
            texts(&table, "utc"),
            some(&["1970-01-01 00:00:00+00:00", "1970-01-02 00:00:00+00:00"])
        );
        assert_eq!(texts(&table, "decimal"), some(&["12.50", "-0.05"]));
        assert_eq!(texts(&table, "huge"), some(&["7", "18446744073709551615"]));
    }

    #[test]
    fn a_column_of_another_type_is_refused_only_when_asked_for() {
        let point: ArrayRef = Arc::new(StructArray::from(vec![(
            Arc::new(Field::new("x", DataType::Int32, true)),
            Arc::new(Int32Array::from(vec![1])) as ArrayRef,
        )]));
        let keys = ["k"].into_iter();
        let map = MapArray::new_from_strings(keys, &Int32Array::from(vec![1]), &[0, 1]).unwrap();
        let table = table(vec![
            ("point", point),
            ("label", Arc::new(StringArray::from(vec!["a"]))),
            ("map", Arc::new(map)),
            ("time", Arc::new(Time64MicrosecondArray::from(vec![1]))),
        ]);
        assert_eq!(texts(&table, "label"), some(&["a"]));
        let refusal = |name| table.column(&ColumnName::from(name)).unwrap_err();
        assert_eq!(
            refusal("point").to_string(),
            "column `point` is of the type struct of other fields than `bytes` and `path`, which \
             is not read"
        );
        assert_eq!(
            refusal("map").to_string(),
            "column `map` is of the type map, which is not read"
        );
        assert_eq!(
            refusal("time").to_string(),
            "column `time` is of the type Time64(µs), which is not read"
        );
        assert_eq!(
            refusal("map").hint().unwrap(),
            "read are text, numbers, booleans, dates, bytes, lists of these, and structs of \
             `bytes` and `path`"
        );
    }

    #[test]
    fn a_file_of_another_kind_is_named() {
        let error = read_bytes(b"a,b\n1,2\n3,4\n").unwrap_err();
        let message = error.to_string();
        assert!(
            message.ends_with(
                "t.parquet` is damaged or not Parquet: Parquet error: Invalid Parquet file. \
                 Corrupt footer"
            ),
            "{message}"
        );
        assert_eq!(error.hint().unwrap(), "write the file again with the program that made it");
    }

    #[test]
    fn a_codec_that_is_not_read_is_named() {
        // Only the footer's note of the codec is altered: no Brotli is linked to write some. In
        // Thrift's compact form field 4 of the column's metadata, an i32, is 0x15 and zigzag(1)
        // for Snappy or zigzag(4) for Brotli.
        let label: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
        let mut bytes = written(vec![("label", label)], Compression::SNAPPY);
        let is_codec = |at: &usize| bytes[*at..].starts_with(b"label\x15\x02");
        let codec = (0..bytes.len()).rfind(is_codec).unwrap() + 6;
        bytes[codec] = 8;
        let error = read_bytes(&bytes).unwrap_err();
        let message = error.to_string();
        assert!(message.ends_with("t.parquet` is compressed with BROTLI, which is not read"));
        assert_eq!(
            error.hint().unwrap(),
            "write it with Snappy, Zstandard, LZ4 or gzip, or uncompressed"
        );
    }

    /// One text that many rows say, which the file holds once.
    fn said_often(text: &str, rows: usize) -> Vec<u8> {
        let keys = Int32Array::from(vec![0; rows]);
        let values: ArrayRef = Arc::new(StringArray::from(vec![text]));
        let said: ArrayRef = Arc::new(DictionaryArray::new(keys, values));
        written(vec![("said", said)], Compression::ZSTD(ZstdLevel::default()))
    }

    #[test]
    fn a_small_file_may_not_fill_the_memory_with_one_text() {
        let bytes = said_often(&"a".repeat(1 << 20), 90);
        assert!(bytes.len() < 40_000, "{}", bytes.len());
        let message = read_bytes(&bytes).unwrap_err().to_string();
        assert!(message.contains("t.parquet`, read up to row "), "{message}");
        assert!(message.contains("of column `said`, is "), "{message}");
        assert!(message.ends_with(&format!("for a file of {} bytes is allowed", bytes.len())));
        let table = read_bytes(&said_often("a label of a usual length", 20_000)).unwrap();
        assert_eq!(texts(&table, "said")[19_999].as_deref(), Some("a label of a usual length"));
    }

    #[test]
    fn a_page_of_zeros_is_refused_before_it_is_decompressed() {
        let text: ArrayRef = Arc::new(StringArray::from(vec!["0".repeat(70 << 20)]));
        let bytes = written(vec![("t", text)], Compression::ZSTD(ZstdLevel::default()));
        assert!(bytes.len() < 100_000, "{}", bytes.len());
        let message = read_bytes(&bytes).unwrap_err().to_string();
        assert!(message.contains("what the pages of one row group of"), "{message}");
    }

    #[test]
    fn a_list_that_is_too_long_is_refused_or_left_out() {
        let mut list = ListBuilder::new(arrow_array::builder::Int64Builder::new());
        list.append_value([Some(1)]);
        list.append_value(vec![Some(0); 9 << 20]);
        let list: ArrayRef = Arc::new(list.finish());
        let bytes = written(vec![("l", list)], Compression::SNAPPY);
        let message = read_bytes(&bytes).unwrap_err().to_string();
        assert!(message.contains("of one row group of") && message.contains("items"), "{message}");
    }

    #[test]
    fn a_text_that_is_too_long_is_left_out_with_its_row() {
        let long = "x".repeat(MAX_TEXT_BYTES + 1);
        let text: ArrayRef = Arc::new(StringArray::from(vec!["a", &long, "b"]));
        let number: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let bytes = written(vec![("n", number), ("t", text)], Compression::UNCOMPRESSED);
        assert!(read_bytes(&bytes).unwrap_err().to_string().contains("row 2 of column `t`"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        fs::write(&path, bytes).unwrap();
        let options =
            ReadOptions { on_bad_row: crate::OnBadRow::LeaveOut, ..ReadOptions::default() };
        let table = Table::read_with(&path, &options).unwrap();
        let bad: Vec<_> = table.bad_rows().map(|bad| (bad.row, bad.line)).collect();
        assert_eq!(bad, [(1, None)]);
        let column = table.column(&ColumnName::from("n")).unwrap();
        assert!(column.cell(1).is_missing());
        assert_eq!(column.cell(2).number().unwrap(), Some(3.0));
    }

    #[test]
    fn a_truncated_file_is_refused() {
        let bytes = written(mixed(), Compression::SNAPPY);
        for length in (0..bytes.len()).step_by(37) {
            read_bytes(&bytes[..length]).unwrap_err();
        }
    }

    #[test]
    fn an_altered_file_is_read_or_refused() {
        let mut rng = sensorium_core::Seed::new(1).rng();
        for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::LZ4_RAW] {
            let bytes = written(mixed(), compression);
            for _ in 0..400 {
                let mut altered = bytes.clone();
                for _ in 0..rand::RngExt::random_range(&mut rng, 1..4) {
                    let position = rand::RngExt::random_range(&mut rng, 0..bytes.len());
                    altered[position] = rand::RngExt::random(&mut rng);
                }
                let _ = read_bytes(&altered);
            }
        }
    }
}
