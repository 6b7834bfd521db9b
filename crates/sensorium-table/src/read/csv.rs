//! CSV and TSV (RFC 4180): a header, then one record for each row; every cell is text as written.
//!
//! Lines without any cell are passed over, as pandas does. A byte-order mark is tolerated.

use std::cell::Cell;
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;

use csv::{ByteRecord, Reader, ReaderBuilder};
use sensorium_core::ColumnName;

use super::source::Source;
use super::{Content, check_header, decimal, refused, separator};
use crate::TableError;
use crate::limits::MAX_RECORD_BYTES;
use crate::storage::{Scalar, TableBuilder};

pub(super) fn read_commas(source: &Source<'_>) -> Result<Content, TableError> {
    read(source, b',')
}

pub(super) fn read_tabs(source: &Source<'_>) -> Result<Content, TableError> {
    read(source, b'\t')
}

fn read(source: &Source<'_>, usual: u8) -> Result<Content, TableError> {
    let found = separator::find(source.text()?, usual, source.dialect.delimiter)
        .map_err(|error| source.failed(error))?;
    let since_record = Rc::new(Cell::new(0));
    let limited = Limited { inner: found.text, since_record: Rc::clone(&since_record) };
    let mut reader = ReaderBuilder::new()
        .delimiter(found.delimiter)
        .has_headers(false)
        .flexible(true) // so that a ragged row is named by our own error
        .buffer_capacity(1 << 16)
        .from_reader(limited);
    let mut content = read_records(source.path, &mut reader, &since_record)?;
    content.remarks.extend(found.remark);
    decimal::read_commas(&mut content, source.dialect.decimal, found.delimiter)
        .map_err(|error| refused(error, source.path, || "its columns".to_owned()))?;
    Ok(content)
}

fn read_records(
    path: &Path,
    reader: &mut Reader<impl Read>,
    since_record: &Cell<usize>,
) -> Result<Content, TableError> {
    let mut record = ByteRecord::new();
    let mut table = TableBuilder::new(0);
    let names = read_header(path, reader, &mut record, &mut table)?;
    let mut row = 0;
    loop {
        since_record.set(0);
        if !next(path, reader, &mut record)? {
            break;
        }
        let line = record.position().map_or(0, csv::Position::line);
        let place = Place { path, row, line };
        if record.len() != names.len() {
            return Err(place.ragged(record.len(), names.len()));
        }
        table.check_rows(row + 1).map_err(|error| refused(error, path, || place.name()))?;
        for (column, bytes) in record.iter().enumerate() {
            let text = std::str::from_utf8(bytes).map_err(|_| place.not_utf8(&names[column]))?;
            table.set(column, row, Scalar::Text(text)).map_err(|error| {
                refused(error, path, || format!("column `{}`, {}", names[column], place.name()))
            })?;
        }
        row += 1;
    }
    let (columns, spill) = table.finish(row);
    Ok(Content::new(names, columns, row, spill))
}

fn read_header(
    path: &Path,
    reader: &mut Reader<impl Read>,
    record: &mut ByteRecord,
    table: &mut TableBuilder,
) -> Result<Vec<ColumnName>, TableError> {
    let mut names = Vec::new();
    if next(path, reader, record)? {
        for bytes in record.iter() {
            let name = std::str::from_utf8(bytes).map_err(|_| TableError::Encoding {
                path: path.to_owned(),
                problem: "has a column whose name is not UTF-8".to_owned(),
                advice: super::NAME_THE_ENCODING.to_owned(),
            })?;
            table.add_column().map_err(|error| refused(error, path, || "the header".to_owned()))?;
            names.push(ColumnName::from(name));
        }
    }
    check_header(path, &names)?;
    Ok(names)
}

/// Reads the next record, or says that there is none.
fn next(
    path: &Path,
    reader: &mut Reader<impl Read>,
    record: &mut ByteRecord,
) -> Result<bool, TableError> {
    let line = reader.position().line();
    reader.read_byte_record(record).map_err(|error| match error.into_kind() {
        csv::ErrorKind::Io(source) if source.kind() == io::ErrorKind::FileTooLarge => {
            TableError::TooMuch {
                what: format!("the row that starts in line {line} of `{}`", path.display()),
                got: format!("more than {MAX_RECORD_BYTES} bytes long"),
                limit: format!("{MAX_RECORD_BYTES} bytes (is a quotation mark never closed?)"),
            }
        }
        csv::ErrorKind::Io(source) => read_error(path, source),
        other => TableError::Damaged {
            path: path.to_owned(),
            format: "CSV",
            problem: format!("{other:?}"),
        },
    })
}

fn read_error(path: &Path, source: io::Error) -> TableError {
    TableError::Read { path: path.to_owned(), source }
}

/// The row that is being read.
struct Place<'a> {
    path: &'a Path,
    row: usize,
    line: u64,
}

impl Place<'_> {
    fn name(&self) -> String {
        format!("row {} (line {})", self.row + 1, self.line)
    }

    fn error(&self, got: String, expected: String, advice: &str) -> TableError {
        let (path, row, line) = (self.path.to_owned(), self.row, self.line);
        TableError::Row { path, row, line, got, expected, advice: advice.to_owned() }
    }

    fn ragged(&self, got: usize, expected: usize) -> TableError {
        let advice = "a cell that contains the separator or a line break stands in double quotes; \
                      `--delimiter` names another separator";
        self.error(format!("has {got} cells"), format!("the header has {expected}"), advice)
    }

    fn not_utf8(&self, column: &ColumnName) -> TableError {
        let got = format!("holds bytes in column `{column}` that are no text");
        self.error(got, "UTF-8 was expected".to_owned(), super::NAME_THE_ENCODING)
    }
}

/// Stops a record that passes [`MAX_RECORD_BYTES`] before it fills the memory.
struct Limited<R> {
    inner: R,
    /// Bytes read since the last whole record, give or take the reader's buffer.
    since_record: Rc<Cell<usize>>,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.since_record.get() > MAX_RECORD_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let read = self.inner.read(buffer)?;
        self.since_record.set(self.since_record.get() + read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;
    use sensorium_core::Hint;

    use super::*;
    use crate::Table;

    fn table(name: &str, content: impl AsRef<[u8]>) -> Result<Table, TableError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        Table::read(&path, None)
    }

    fn texts(table: &Table, column: &str) -> Vec<Option<String>> {
        let column = table.column(&ColumnName::from(column)).unwrap();
        let text = |row| column.cell(row).text().unwrap().map(std::borrow::Cow::into_owned);
        (0..table.num_rows()).map(text).collect()
    }

    /// The message with the folder, which differs from run to run, left out.
    fn refusal(content: impl AsRef<[u8]>) -> (String, Option<String>) {
        let error = table("t.csv", content).unwrap_err();
        let message = error.to_string();
        let (start, end) = (message.find('`').unwrap(), message.find("t.csv`").unwrap());
        (format!("{}{}", &message[..=start], &message[end..]), error.hint())
    }

    #[test]
    fn cells_are_text_as_written_and_empty_ones_are_missing() {
        let content = "\u{feff}label,note\r\n007,\"a, \"\"b\"\"\nc\"\r\n,\r\n 1.0 ,größer\r\n";
        let table = table("t.CSV", content).unwrap();
        assert_eq!(table.column_names(), [ColumnName::from("label"), ColumnName::from("note")]);
        assert_eq!(texts(&table, "label"), [Some("007".into()), None, Some(" 1.0 ".into())]);
        assert_eq!(
            texts(&table, "note"),
            [Some("a, \"b\"\nc".into()), None, Some("größer".into())]
        );
    }

    #[test]
    fn tabs_separate_the_cells_of_a_tsv() {
        let table = table("t.tsv", "a\tb\nx,5\tx\n").unwrap();
        assert_eq!(texts(&table, "a"), [Some("x,5".into())]);
    }

    #[test]
    fn a_header_alone_is_a_table_without_rows() {
        assert_eq!(table("t.csv", "a,b\n").unwrap().num_rows(), 0);
    }

    #[test]
    fn a_ragged_row_is_named_with_its_line() {
        let (message, hint) = refusal("a,b\n\"x\ny\",1\n3\n");
        assert_eq!(message, "row 2 (line 4) of `t.csv` has 1 cells, but the header has 2");
        assert_eq!(
            hint.unwrap(),
            "a cell that contains the separator or a line break stands in double quotes; \
             `--delimiter` names another separator"
        );
        let (message, _) = refusal("a,b\n1,2,3\n");
        assert_eq!(message, "row 1 (line 2) of `t.csv` has 3 cells, but the header has 2");
    }

    #[test]
    fn a_header_that_names_no_column_is_refused() {
        assert_eq!(refusal(",\"\"\n1,2\n").0, "the columns of `t.csv`: none has a name");
        assert_eq!(refusal("").0, "the columns of `t.csv`: there are none");
        let (message, hint) = refusal([b'a', 0xfe, b'a']);
        assert_eq!(message, "the table `t.csv` has a column whose name is not UTF-8");
        assert!(hint.unwrap().contains("--encoding"));
    }

    #[test]
    fn bytes_that_are_no_text_are_named_with_their_column() {
        let (message, hint) = refusal(b"a,b\nx,caf\xe9\n");
        assert_eq!(
            message,
            "row 1 (line 2) of `t.csv` holds bytes in column `b` that are no text, but UTF-8 was \
             expected"
        );
        assert_eq!(hint.unwrap(), crate::read::NAME_THE_ENCODING);
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_does_not_fill_the_memory() {
        let mut content = b"a\n\"".to_vec();
        content.resize(MAX_RECORD_BYTES + (1 << 18), b'x');
        let error = table("t.csv", content).unwrap_err().to_string();
        assert!(error.starts_with("the row that starts in line 2 of"), "{error}");
        assert!(error.ends_with(
            "is more than 67108864 bytes long, but at most 67108864 bytes (is a quotation mark \
             never closed?) is allowed"
        ));
    }

    #[test]
    fn a_text_beyond_the_limit_is_named() {
        let content = format!("a,b\n1,{}\n", "x".repeat(crate::MAX_TEXT_BYTES + 1));
        assert_eq!(
            refusal(content).0,
            "the text in column `t.csv` is 16777217 bytes, but at most 16777216 bytes is allowed"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(content in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = table("t.csv", content);
        }

        #[test]
        fn any_texts_come_back(rows in proptest::collection::vec(("\\PC*", "[a-z\n\",]{1,9}"), 1..9)) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(["a", "b"]).unwrap();
            for (a, b) in &rows {
                writer.write_record([a, b]).unwrap();
            }
            let table = table("t.csv", writer.into_inner().unwrap()).unwrap();
            let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
            prop_assert_eq!(texts(&table, "a"), rows.iter().map(|(a, _)| some(a)).collect::<Vec<_>>());
            prop_assert_eq!(texts(&table, "b"), rows.iter().map(|(_, b)| some(b)).collect::<Vec<_>>());
        }
    }
}
