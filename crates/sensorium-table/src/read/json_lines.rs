//! JSON Lines (<https://jsonlines.org>): one object a line; a column is a key of any of them.
//!
//! Columns stand in the order in which their keys are first seen. An absent key and `null` are
//! missing cells. The one object that a cell may hold is Hugging Face's `{bytes, path}`, its bytes
//! in Base64; a list of texts, numbers and booleans is kept as its JSON text. A column with any other
//! object, or with a list of lists, is set aside.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sensorium_core::ColumnName;
use sensorium_core::text::shown;
use serde_json::{Map, Value};

use super::json::{self, Parsed};
use super::kinds::{Kind, Kinds};
use super::source::{Bytes, Source};
use super::{Content, NAME_THE_ENCODING, check_header, refused};
use crate::bad_row::BadRows;
use crate::limits::{MAX_RECORD_BYTES, MAX_TEXT_BYTES};
use crate::storage::{Scalar, Storage, TableBuilder};
use crate::{BadRow, TableError};

pub(super) fn read(source: &Source<'_>) -> Result<Content, TableError> {
    read_lines(source, source.text()?)
}

/// Reads the lines of `input`, the file's text.
pub(super) fn read_lines(source: &Source<'_>, mut input: Bytes) -> Result<Content, TableError> {
    let path = source.path;
    let failed = |error| source.failed(error);
    let mut rows = Reading::new(source)?;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let mut limited = (&mut input).take(MAX_RECORD_BYTES as u64 + 1);
        if limited.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        let place = Place { path, row: rows.num_rows, line: number };
        place.check_length(line.len())?;
        let text = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&line);
        if !text.trim_ascii().is_empty() {
            rows.read_row(&place, place.object(text))?;
        }
    }
    rows.finish(path)
}

/// What has been read so far.
#[derive(Default)]
pub(super) struct Reading {
    table: TableBuilder,
    names: Vec<ColumnName>,
    columns: BTreeMap<String, usize>,
    /// What the values of each column are.
    kinds: Vec<Kinds>,
    /// Columns with values that are not read, and the first of these.
    nested: BTreeMap<usize, String>,
    num_rows: usize,
    bad_rows: BadRows,
}

impl Reading {
    pub(super) fn new(source: &Source<'_>) -> Result<Self, TableError> {
        let table = TableBuilder::new(source.file_bytes()?);
        let bad_rows = BadRows::new(source.options.on_bad_row);
        Ok(Self { table, bad_rows, ..Self::default() })
    }

    pub(super) const fn num_rows(&self) -> usize {
        self.num_rows
    }

    /// Takes a row over, or notes that it is none.
    pub(super) fn read_row(
        &mut self,
        place: &Place<'_>,
        object: Result<Map<String, Value>, TableError>,
    ) -> Result<(), TableError> {
        let cells = object.and_then(|object| place.cells(object));
        let read = cells.and_then(|cells| self.push(place, cells));
        read.or_else(|error| self.bad_rows.note(error))?;
        self.num_rows += 1;
        Ok(())
    }

    fn push(&mut self, place: &Place<'_>, cells: Vec<(String, Owned)>) -> Result<(), TableError> {
        for (key, value) in cells {
            let column = match self.columns.get(&key) {
                Some(column) => *column,
                None => self.add_column(place, &key)?,
            };
            self.see(place, column, &value);
            self.table.set(column, self.num_rows, value.scalar()).map_err(|error| {
                let key = shown(&key);
                refused(error, place.path, || format!("column `{key}`, {}", place.name()))
            })?;
        }
        let checked = self.table.check_rows(self.num_rows + 1);
        checked.map_err(|error| refused(error, place.path, || place.name()))
    }

    fn add_column(&mut self, place: &Place<'_>, key: &str) -> Result<usize, TableError> {
        let added = self.table.add_column();
        let column = added.map_err(|error| refused(error, place.path, || place.name()))?;
        self.names.push(ColumnName::from(key));
        self.kinds.push(Kinds::default());
        self.columns.insert(key.to_owned(), column);
        Ok(column)
    }

    fn see(&mut self, place: &Place<'_>, column: usize, value: &Owned) {
        match value {
            Owned::Nested(kind) => {
                self.nested.entry(column).or_insert_with(|| format!("{kind} in {}", place.name()));
            }
            Owned::List(_) => self.kinds[column].see(Kind::List, self.num_rows),
            other => self.kinds[column].see_value(other.scalar(), self.num_rows),
        }
    }

    pub(super) fn finish(self, path: &Path) -> Result<Content, TableError> {
        let Self { table, names, kinds, nested, num_rows, bad_rows, .. } = self;
        check_header(path, &names)?;
        let (columns, spill) = table.finish();
        let mut content = Content::new(names, columns, num_rows, spill);
        content.bad_rows = bad_rows;
        for (column, kind) in nested {
            content.columns[column] = Storage::Unsupported(kind);
        }
        content.see_kinds(&kinds);
        Ok(content)
    }
}

/// A cell's value, in the type that the column keeps.
enum Owned {
    Missing,
    Text(String),
    Integer(i64),
    Number(f64),
    Boolean(bool),
    Bytes(Vec<u8>),
    /// As JSON text.
    List(String),
    /// What is not read.
    Nested(&'static str),
}

impl Owned {
    /// Reads a cell, or says what was got and what was expected.
    fn new(value: Value) -> Result<Self, (&'static str, &'static str)> {
        Ok(match value {
            Value::Null => Self::Missing,
            Value::Bool(flag) => Self::Boolean(flag),
            Value::String(text) => Self::Text(text),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Self::Integer(whole),
                // Beyond an `i64` but written without a fraction: an identifier, not a quantity.
                (None, _) if number.is_u64() => Self::Text(number.to_string()),
                (None, Some(number)) => Self::Number(number),
                (None, None) => return Err(("a number", "one that a float can hold was expected")),
            },
            Value::Array(items) => list(items),
            Value::Object(object) => Self::file(object)?,
        })
    }

    /// Hugging Face's `{bytes, path}`: the bytes, or the path where they are null.
    fn file(mut object: Map<String, Value>) -> Result<Self, (&'static str, &'static str)> {
        let bytes = object.remove("bytes");
        let path = object.remove("path");
        if !object.is_empty() || (bytes.is_none() && path.is_none()) {
            return Ok(Self::Nested("an object"));
        }
        match (bytes.unwrap_or(Value::Null), path.unwrap_or(Value::Null)) {
            (Value::String(encoded), Value::Null | Value::String(_)) => {
                let wrong = |_| ("`bytes` that are not Base64", "Base64 was expected");
                BASE64.decode(encoded).map(Self::Bytes).map_err(wrong)
            }
            (Value::Null, Value::String(path)) => Ok(Self::Text(path)),
            (Value::Null, Value::Null) => Ok(Self::Missing),
            _ => Ok(Self::Nested("an object of `bytes` and `path` that are no texts")),
        }
    }

    fn scalar(&self) -> Scalar<'_> {
        match self {
            Self::Missing | Self::Nested(_) => Scalar::Missing,
            Self::Text(text) | Self::List(text) => Scalar::Text(text),
            Self::Integer(whole) => Scalar::Integer(*whole),
            Self::Number(number) => Scalar::Number(*number),
            Self::Boolean(flag) => Scalar::Boolean(*flag),
            Self::Bytes(bytes) => Scalar::Bytes(bytes),
        }
    }
}

/// A list as JSON text, if nothing in it is a list or an object itself.
fn list(items: Vec<Value>) -> Owned {
    if items.iter().any(|item| item.is_array() || item.is_object()) {
        return Owned::Nested("a list of lists or objects");
    }
    Owned::List(Value::Array(items).to_string())
}

const ONE_OBJECT: &str = "one object was expected";

/// The line that is being read.
pub(super) struct Place<'a> {
    pub(super) path: &'a Path,
    pub(super) row: usize,
    pub(super) line: u64,
}

impl Place<'_> {
    fn name(&self) -> String {
        format!("row {} (line {})", self.row + 1, self.line)
    }

    fn error(&self, column: Option<&str>, got: String, expected: &str) -> TableError {
        let advice = "every line is one object, such as {\"photo\": \"a.png\", \"label\": \"cat\"}";
        self.error_with(advice, column, got, expected)
    }

    fn error_with(
        &self,
        advice: &str,
        column: Option<&str>,
        got: String,
        expected: &str,
    ) -> TableError {
        TableError::Row(Arc::new(BadRow {
            path: self.path.to_owned(),
            row: self.row,
            rows_before: 0,
            line: Some(self.line),
            column: column.map(ColumnName::from),
            got,
            expected: expected.to_owned(),
            advice: advice.to_owned(),
        }))
    }

    fn check_length(&self, bytes: usize) -> Result<(), TableError> {
        if bytes <= MAX_RECORD_BYTES {
            return Ok(());
        }
        Err(TableError::TooMuch {
            what: format!("line {} of `{}`", self.line, self.path.display()),
            got: format!("more than {MAX_RECORD_BYTES} bytes long"),
            limit: format!("{MAX_RECORD_BYTES} bytes"),
        })
    }

    /// The row's cells by key, every one of them checked.
    fn cells(&self, object: Map<String, Value>) -> Result<Vec<(String, Owned)>, TableError> {
        let cells = object.into_iter().map(|(key, value)| {
            let cell = Owned::new(value).map_err(|(got, expected)| {
                let got = format!("holds {got} under the key `{}`", shown(&key));
                self.error(Some(&key), got, expected)
            })?;
            self.check_text(&key, &cell)?;
            Ok((key, cell))
        });
        cells.collect()
    }

    fn check_text(&self, key: &str, cell: &Owned) -> Result<(), TableError> {
        match cell {
            Owned::Text(text) | Owned::List(text) if text.len() > MAX_TEXT_BYTES => {
                let (got, key_shown) = (text.len(), shown(key));
                let got = format!("holds a text of {got} bytes under the key `{key_shown}`");
                let expected = format!("at most {MAX_TEXT_BYTES} bytes are allowed");
                Err(self.error(Some(key), got, &expected))
            }
            _ => Ok(()),
        }
    }

    fn object(&self, text: &[u8]) -> Result<Map<String, Value>, TableError> {
        match json::parse(text) {
            Ok(parsed) => self.object_of(parsed),
            Err(_) if std::str::from_utf8(text).is_err() => Err(self.not_utf8()),
            Err(got) => Err(self.error(None, got, ONE_OBJECT)),
        }
    }

    pub(super) fn object_of(&self, parsed: Parsed) -> Result<Map<String, Value>, TableError> {
        match parsed.unique() {
            Ok(Value::Object(object)) => Ok(object),
            Ok(Value::Array(_)) => Err(self.error(None, "is a list".to_owned(), ONE_OBJECT)),
            Ok(_) => Err(self.error(None, "is a single value".to_owned(), ONE_OBJECT)),
            Err(got) => Err(self.error(None, got, "every key once was expected")),
        }
    }

    fn not_utf8(&self) -> TableError {
        let got = "holds bytes that are no text".to_owned();
        self.error_with(NAME_THE_ENCODING, None, got, "UTF-8 was expected")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;
    use sensorium_core::Hint;

    use super::*;
    use crate::{Annotation, PhysicalType, ReadOptions, Table};

    fn table(content: impl AsRef<[u8]>) -> Result<Table, TableError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.jsonl");
        fs::write(&path, content).unwrap();
        Table::read(&path, None)
    }

    fn refusal(content: impl AsRef<[u8]>) -> String {
        let message = table(content).unwrap_err().to_string();
        let (start, end) = (message.find('`').unwrap(), message.find("t.jsonl`").unwrap());
        format!("{}{}", &message[..=start], &message[end..])
    }

    fn texts(table: &Table, column: &str) -> Vec<Option<String>> {
        let column = table.column(&ColumnName::from(column)).unwrap();
        let text = |row| column.cell(row).text().unwrap().map(std::borrow::Cow::into_owned);
        (0..table.num_rows()).map(text).collect()
    }

    #[test]
    fn columns_are_the_union_of_the_keys_in_the_order_first_seen() {
        let table = table(
            "\u{feff}{\"b\": 1, \"a\": \"x\"}\n\n{\"c\": true, \"b\": null}\r\n{\"b\": 2, \"a\": \"\"}",
        )
        .unwrap();
        let names: Vec<&str> = table.column_names().iter().map(ColumnName::as_str).collect();
        assert_eq!(names, ["b", "a", "c"]);
        assert_eq!(texts(&table, "b"), [Some("1".into()), None, Some("2".into())]);
        assert_eq!(texts(&table, "a"), [Some("x".into()), None, None]);
        assert_eq!(texts(&table, "c"), [None, Some("true".into()), None]);
        let types: Vec<_> =
            table.all_columns().map(|column| column.storage().physical_type()).collect();
        assert_eq!(types, [PhysicalType::Integer, PhysicalType::Text, PhysicalType::Boolean]);
    }

    #[test]
    fn numbers_labels_and_lists_stay_as_written() {
        let table = table(
            "{\"n\": 0.5, \"l\": \"007\", \"v\": [0.25, 1, \"a\"], \"u\": 18446744073709551615}\n\
             {\"n\": 2, \"l\": 8, \"v\": [], \"u\": 1}\n",
        )
        .unwrap();
        let column = table.column(&ColumnName::from("n")).unwrap();
        assert_eq!(column.cell(1).number().unwrap(), Some(2.0));
        assert_eq!(texts(&table, "l"), [Some("007".into()), Some("8".into())]);
        assert_eq!(texts(&table, "v"), [Some("[0.25,1,\"a\"]".into()), Some("[]".into())]);
        assert_eq!(texts(&table, "u"), [Some("18446744073709551615".into()), Some("1".into())]);
    }

    #[test]
    fn bytes_and_paths_of_a_file_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.ndjson");
        let content = "{\"i\": {\"bytes\": \"AAEC\", \"path\": \"a.png\"}}\n\
                       {\"i\": {\"bytes\": null, \"path\": \"b.png\"}}\n\
                       {\"i\": {\"bytes\": null}}\n{\"i\": \"b.png\"}\n";
        fs::write(&path, content).unwrap();
        fs::write(folder.path().join("b.png"), "b").unwrap();
        let table = Table::read(&path, None).unwrap();
        let column = table.column(&ColumnName::from("i")).unwrap();
        let media: Vec<_> = (0..4).map(|row| column.cell(row).media(9).unwrap()).collect();
        assert_eq!(media, [Some(vec![0, 1, 2]), Some(vec![b'b']), None, Some(vec![b'b'])]);
    }

    #[test]
    fn a_line_that_is_no_object_is_named() {
        assert_eq!(
            refusal("{\"a\": 1}\n\n{\"a\": 1\n"),
            "row 2 (line 3) of `t.jsonl` is not JSON (EOF while parsing an object, at byte 0), but \
             one object was expected"
        );
        assert_eq!(
            refusal("[{\"a\": 1}]"),
            "row 1 (line 1) of `t.jsonl` is a list, but one object was expected"
        );
        assert_eq!(
            refusal("3"),
            "row 1 (line 1) of `t.jsonl` is a single value, but one object was expected"
        );
        assert_eq!(refusal("\n"), "the columns of `t.jsonl`: there are none");
        assert_eq!(refusal("{\"\": 1}"), "the columns of `t.jsonl`: none has a name");
        assert_eq!(
            table("3").unwrap_err().hint().unwrap(),
            "every line is one object, such as {\"photo\": \"a.png\", \"label\": \"cat\"}"
        );
    }

    #[test]
    fn a_doubled_key_is_refused_with_its_line() {
        assert_eq!(
            refusal("{\"a\": 1}\n{\"a\": 1, \"b\": 2, \"a\": 3}\n"),
            "row 2 (line 2) of `t.jsonl` has the key `a` twice, but every key once was expected"
        );
        assert_eq!(
            refusal("{\"i\": {\"path\": \"a\", \"path\": \"b\"}}"),
            "row 1 (line 1) of `t.jsonl` has the key `path` twice, but every key once was expected"
        );
    }

    #[test]
    fn lines_that_are_no_rows_are_left_out_and_keep_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.jsonl");
        let content =
            b"{\"a\": 1}\n{\"a\": 1e999}\n\n{\"a\": 2, \"a\": 3}\n[1]\n{\"a\": \"caf\xe9\"}\n\
                        {\"new\": [[1]], \"a\": {\"bytes\": \"?\"}}\n{\"a\": 4}\n{\"a\"";
        fs::write(&path, content).unwrap();
        let on_bad_row = crate::OnBadRow::LeaveOut;
        let options = ReadOptions { on_bad_row, ..ReadOptions::default() };
        let table = Table::read_with(&path, &options).unwrap();
        let bad: Vec<_> =
            table.bad_rows().map(|bad| (bad.row, bad.line.unwrap(), bad.got.as_str())).collect();
        assert_eq!(
            bad,
            [
                (1, 2, "is not JSON (number out of range, at byte 11)"),
                (2, 4, "has the key `a` twice"),
                (3, 5, "is a list"),
                (4, 6, "holds bytes that are no text"),
                (5, 7, "holds `bytes` that are not Base64 under the key `a`"),
                (7, 9, "is not JSON (EOF while parsing an object, at byte 4)"),
            ]
        );
        // Nothing of a row that was left out is in the table: its keys make no columns, and its values
        // no other type.
        assert_eq!(table.column_names(), [ColumnName::from("a")]);
        let column = table.column(&ColumnName::from("a")).unwrap();
        assert_eq!(column.storage().physical_type(), PhysicalType::Integer);
        assert_eq!(column.cell(6).number().unwrap(), Some(4.0));
        assert!(column.cell(4).number().is_err());
    }

    #[test]
    fn thousands_of_keys_in_few_rows_each_take_little() {
        let lines = (0..30_000).map(|row| format!("{{\"k{}\":\"x\"}}\n", row % 9_000));
        let table = table(lines.collect::<String>()).unwrap();
        assert_eq!((table.num_rows(), table.column_names().len()), (30_000, 9_000));
        let column = table.column(&ColumnName::from("k17")).unwrap();
        let present = (0..30_000).filter(|&row| !column.cell(row).is_missing());
        assert!(present.eq([17, 9_017, 18_017, 27_017]));
    }

    #[test]
    fn a_column_of_nested_values_is_set_aside_and_refused_where_it_is_asked_for() {
        for (value, kind) in [
            ("{\"x\": 1}", "an object"),
            ("[[1]]", "a list of lists or objects"),
            ("[1, {}]", "a list of lists or objects"),
            ("{\"bytes\": 3}", "an object of `bytes` and `path` that are no texts"),
        ] {
            let lines = format!("{{\"a\": 1, \"b\": 2}}\n{{\"a\": {value}, \"b\": 3}}\n");
            let table = table(lines).unwrap();
            assert_eq!(texts(&table, "b"), [Some("2".into()), Some("3".into())]);
            let kind = format!("{kind} in row 2 (line 2)");
            let remark = format!("set aside, of a type that is not read `a` ({kind})");
            assert_eq!(table.remarks(), [remark]);
            let error = table.column(&ColumnName::from("a")).unwrap_err();
            let expected = format!("column `a` is of the type {kind}, which is not read");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn bytes_that_are_not_base64_are_refused_with_their_key() {
        let message = table("{\"a\": {\"bytes\": \"?\"}}").unwrap_err().to_string();
        assert!(message.ends_with(
            "holds `bytes` that are not Base64 under the key `a`, but Base64 was expected"
        ));
    }

    #[test]
    fn lists_are_annotated_and_values_of_several_kinds_are_said() {
        let table = table(
            "{\"l\": [1], \"m\": \"a\", \"n\": 1}\n{\"l\": null, \"m\": 3, \"n\": 0.5}\n\
             {\"l\": [], \"m\": [true], \"n\": null}\n",
        )
        .unwrap();
        let annotation = |name| table.column(&ColumnName::from(name)).unwrap().annotation();
        assert_eq!(annotation("l"), Some(&Annotation::List));
        assert_eq!((annotation("m"), annotation("n")), (Some(&Annotation::List), None));
        assert_eq!(
            table.remarks(),
            ["`m` holds texts (row 1) and numbers (row 2) and lists (row 3); all are read as text"]
        );
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let content = vec![b' '; MAX_RECORD_BYTES + 9];
        assert_eq!(
            refusal(content),
            "line 1 of `t.jsonl` is more than 67108864 bytes long, but at most 67108864 bytes is \
             allowed"
        );
    }

    #[test]
    fn a_deeply_nested_line_is_refused() {
        assert!(table(format!("{{\"a\": {}}}", "[".repeat(100_000))).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(content in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = table(content);
        }

        #[test]
        fn a_changed_byte_is_read_or_refused(position in 0_usize..90, byte: u8) {
            let mut content = b"{\"a\": [1, \"x\"], \"b\": {\"bytes\": \"AAEC\", \"path\": null}}\n\
                                {\"a\": 1e9, \"c\": true, \"d\": \"\\u00e9\"}\n"
                .to_vec();
            content[position] = byte;
            let _ = table(content);
        }
    }
}
