//! CSV and TSV (RFC 4180): a header, then one record for each row; every cell is text as written.
//!
//! Lines without any cell are passed over, as pandas does. A byte-order mark is tolerated. Quotation
//! marks that stand where none should are told by [`QuoteWatch`].

use std::cell::RefCell;
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use csv::{ByteRecord, Reader, ReaderBuilder};
use sensorium_core::ColumnName;

use super::oddities::Oddities;
use super::quotes::{QuoteWatch, QuotedCell};
use super::separator::Separated;
use super::source::{Bytes, Source};
use super::{Content, NAME_THE_ENCODING, check_header, decimal, refused, separator};
use crate::bad_row::BadRows;
use crate::error::QUOTE_ADVICE;
use crate::limits::{MAX_RECORD_BYTES, MAX_TEXT_BYTES};
use crate::storage::{Scalar, TableBuilder};
use crate::{BadRow, OnBadRow, TableError};

pub(super) fn read_commas(source: &Source<'_>) -> Result<Content, TableError> {
    read(source, b',')
}

pub(super) fn read_tabs(source: &Source<'_>) -> Result<Content, TableError> {
    read(source, b'\t')
}

fn read(source: &Source<'_>, usual: u8) -> Result<Content, TableError> {
    let mut reading = Reading::new(source, usual)?;
    let mut next = Some(Start { offset: 0, line: 1 });
    while let Some(start) = next {
        next = reading.read_from(start)?;
    }
    reading.finish()
}

/// Where reading begins: at the text's first byte, or after a row that could not be read to its end.
#[derive(Clone, Copy, Debug)]
struct Start {
    /// In the text as it is decoded, after a first line that names the separator.
    offset: u64,
    line: u64,
}

/// What has been read so far.
struct Reading<'a> {
    source: &'a Source<'a>,
    /// What separates cells where nothing says otherwise.
    usual: u8,
    /// What does in this file, and what is to be said of it.
    separator: u8,
    remarks: Vec<String>,
    table: TableBuilder,
    names: Vec<ColumnName>,
    num_rows: usize,
    /// Separators of a row.
    separators: Option<u64>,
    bad_rows: BadRows,
    oddities: Oddities,
}

impl<'a> Reading<'a> {
    fn new(source: &'a Source<'a>, usual: u8) -> Result<Self, TableError> {
        Ok(Self {
            source,
            usual,
            separator: usual,
            remarks: Vec::new(),
            table: TableBuilder::new(source.file_bytes()?),
            names: Vec::new(),
            num_rows: 0,
            separators: None,
            bad_rows: BadRows::new(source.options.on_bad_row),
            oddities: Oddities::default(),
        })
    }

    /// The file's text, and what separates its cells.
    fn separated(&self) -> Result<Separated, TableError> {
        let asked = self.source.dialect().delimiter;
        separator::find(self.source.text()?, self.usual, asked)
            .map_err(|error| self.source.failed(error))
    }

    /// The records from a start on.
    fn records(&self, text: Bytes, start: Start) -> Records<'a> {
        let quotes = QuoteWatch::new(self.separator, start.line, self.separators);
        let watched = Rc::new(RefCell::new(Watched { quotes, since_record: 0, ended: false }));
        let reader = ReaderBuilder::new()
            .delimiter(self.separator)
            .has_headers(false)
            .flexible(true) // so that a ragged row is named by our own error
            .buffer_capacity(1 << 16)
            .from_reader(Limited { inner: text, watched: Rc::clone(&watched) });
        Records { source: self.source, reader, watched, start }
    }

    /// Reads all records, or up to one that is left out and runs into others; gives where the next
    /// begins.
    fn read_from(&mut self, start: Start) -> Result<Option<Start>, TableError> {
        let Separated { mut text, delimiter, remark } = self.separated()?;
        let skipped = io::copy(&mut (&mut text).take(start.offset), &mut io::sink());
        skipped.map_err(|error| self.source.failed(error))?;
        let is_first = self.separators.is_none();
        if is_first {
            self.separator = delimiter;
            self.remarks.extend(remark);
        }
        let mut records = self.records(text, start);
        let mut record = ByteRecord::new();
        if is_first {
            self.read_header(&mut records, &mut record)?;
        }
        while records.next(&mut record)? {
            if let Some((line, next_line)) = records.open_mark() {
                return self.unclosed(line, next_line.map(|offset| records.after(offset, line)));
            }
            let place = self.place(records.line());
            let checked = self.push(&place, &record, &records.quoted());
            checked.or_else(|error| self.bad_rows.note(error))?;
            self.num_rows += 1;
        }
        Ok(None)
    }

    fn place(&self, line: u64) -> Place<'a> {
        Place { path: self.source.path, row: self.num_rows, line }
    }

    /// A mark that is never closed: the table is refused, or its row left out, which ends with the
    /// mark's line.
    fn unclosed(&mut self, line: u64, next: Option<Start>) -> Result<Option<Start>, TableError> {
        if self.source.options.on_bad_row == OnBadRow::Refuse {
            let path = self.source.path.to_owned();
            return Err(TableError::UnclosedQuote { path, line });
        }
        let got = "has a cell whose quotation mark is never closed".to_owned();
        let expected = "a closing mark was expected".to_owned();
        self.bad_rows.note(self.place(line).error(got, expected, QUOTE_ADVICE))?;
        self.num_rows += 1;
        Ok(next)
    }

    fn read_header(
        &mut self,
        records: &mut Records<'_>,
        record: &mut ByteRecord,
    ) -> Result<(), TableError> {
        let path = self.source.path;
        if records.next(record)? {
            if let Some((line, _)) = records.open_mark() {
                return Err(TableError::UnclosedQuote { path: path.to_owned(), line });
            }
            for cell in records.quoted() {
                self.oddities.add_name(path, cell)?;
            }
            for bytes in record.iter() {
                let name = std::str::from_utf8(bytes).map_err(|_| TableError::Encoding {
                    path: path.to_owned(),
                    problem: "has a column whose name is not UTF-8".to_owned(),
                    advice: NAME_THE_ENCODING.to_owned(),
                })?;
                let added = self.table.add_column();
                added.map_err(|error| refused(error, path, || "the header".to_owned()))?;
                self.names.push(ColumnName::from(name));
            }
        }
        self.separators = Some(records.watched.borrow().quotes.separators());
        check_header(path, &self.names)
    }

    /// Checks the whole row before any of its cells is stored.
    fn push(
        &mut self,
        place: &Place<'_>,
        record: &ByteRecord,
        quoted: &[QuotedCell],
    ) -> Result<(), TableError> {
        let merged = |cell: &&QuotedCell| cell.has_text_after && cell.closed > cell.opened;
        if let Some(cell) = quoted.iter().find(merged) {
            return Err(place.merged(*cell));
        }
        if record.len() != self.names.len() {
            return Err(place.ragged(record.len(), self.names.len(), quoted.first()));
        }
        for (bytes, name) in record.iter().zip(&self.names) {
            place.check_text(bytes, name)?;
        }
        for cell in quoted {
            self.oddities.add(*cell);
        }
        let path = self.source.path;
        let checked = self.table.check_rows(self.num_rows + 1);
        checked.map_err(|error| refused(error, path, || place.name()))?;
        for (column, bytes) in record.iter().enumerate() {
            let text = std::str::from_utf8(bytes).expect("checked above");
            let set = self.table.set(column, self.num_rows, Scalar::Text(text));
            set.map_err(|error| {
                let name = self.names[column].shown();
                refused(error, path, || format!("column `{name}`, {}", place.name()))
            })?;
        }
        Ok(())
    }

    fn finish(self) -> Result<Content, TableError> {
        let path = self.source.path;
        let (columns, spill) = self.table.finish();
        let mut content = Content::new(self.names, columns, self.num_rows, spill);
        content.bad_rows = self.bad_rows;
        content.remarks = self.oddities.remarks();
        content.remarks.extend(self.remarks);
        decimal::read_commas(&mut content, self.source.dialect().decimal, self.separator)
            .map_err(|error| refused(error, path, || "its columns".to_owned()))?;
        Ok(content)
    }
}

/// The records of a file from a start on, with what their quotation marks do.
struct Records<'a> {
    source: &'a Source<'a>,
    reader: Reader<Limited>,
    watched: Rc<RefCell<Watched>>,
    start: Start,
}

impl Records<'_> {
    /// Reads the next record, or says that there is none.
    fn next(&mut self, record: &mut ByteRecord) -> Result<bool, TableError> {
        let path = self.source.path;
        self.watched.borrow_mut().since_record = 0;
        self.reader.read_byte_record(record).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(source) if source.kind() == io::ErrorKind::FileTooLarge => {
                let line = self.watched.borrow_mut().quotes.line_before(u64::MAX);
                let line = line.unwrap_or(self.start.line);
                TableError::TooMuch {
                    what: format!("the row that starts in line {line} of `{}`", path.display()),
                    got: format!("more than {MAX_RECORD_BYTES} bytes long"),
                    limit: format!("{MAX_RECORD_BYTES} bytes (is a quotation mark never closed?)"),
                }
            }
            csv::ErrorKind::Io(error) => self.source.failed(error),
            other => TableError::Damaged {
                path: path.to_owned(),
                format: "CSV",
                problem: format!("{other:?}"),
            },
        })
    }

    /// The line that the record just read begins in.
    fn line(&self) -> u64 {
        let end = self.reader.position().byte();
        self.watched.borrow_mut().quotes.line_before(end).unwrap_or(self.start.line)
    }

    /// The start after the line of an open mark.
    fn after(&self, offset: u64, line: u64) -> Start {
        Start { offset: self.start.offset + offset, line: line + 1 }
    }

    /// The mark of the record just read that the end of the file leaves open, and the offset of the
    /// line after it.
    fn open_mark(&self) -> Option<(u64, Option<u64>)> {
        let watched = self.watched.borrow();
        // Only a record that is not closed is read to the very end.
        let is_last = watched.ended && self.reader.position().byte() >= watched.quotes.offset();
        watched.quotes.open().filter(|_| is_last)
    }

    /// The cells in quotation marks of the record just read that deserve a look.
    fn quoted(&self) -> Vec<QuotedCell> {
        let end = self.reader.position().byte();
        self.watched.borrow_mut().quotes.found_before(end).collect()
    }
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
        self.error_in(None, got, expected, advice)
    }

    fn error_in(
        &self,
        column: Option<&ColumnName>,
        got: String,
        expected: String,
        advice: &str,
    ) -> TableError {
        let (path, row, rows_before) = (self.path.to_owned(), self.row, 0);
        let (line, column) = (Some(self.line), column.cloned());
        let advice = advice.to_owned();
        TableError::Row(Arc::new(BadRow {
            path,
            row,
            rows_before,
            line,
            column,
            got,
            expected,
            advice,
        }))
    }

    fn ragged(&self, got: usize, expected: usize, quoted: Option<&QuotedCell>) -> TableError {
        let advice = "a cell that contains the separator or a line break stands in double quotes; \
                      `--delimiter` names another separator";
        let within = quoted.filter(|cell| cell.closed > cell.opened).map_or_else(
            String::new,
            |QuotedCell { opened, closed, .. }| {
                format!(", one with a quotation mark from line {opened} to line {closed}")
            },
        );
        self.error(format!("has {got} cells{within}"), format!("the header has {expected}"), advice)
    }

    fn merged(&self, QuotedCell { opened, closed, .. }: QuotedCell) -> TableError {
        let got = format!(
            "has a quotation mark that opens in line {opened} and closes in line {closed}, before \
             more text"
        );
        let expected = "a separator or the end of the row was expected after it".to_owned();
        self.error(got, expected, QUOTE_ADVICE)
    }

    /// Checks that a cell is text, and not too long.
    fn check_text(&self, bytes: &[u8], column: &ColumnName) -> Result<(), TableError> {
        let name = column.shown();
        if std::str::from_utf8(bytes).is_err() {
            let got = format!("holds bytes in column `{name}` that are no text");
            let expected = "UTF-8 was expected".to_owned();
            return Err(self.error_in(Some(column), got, expected, NAME_THE_ENCODING));
        }
        if bytes.len() > MAX_TEXT_BYTES {
            let got = format!("holds a text of {} bytes in column `{name}`", bytes.len());
            let expected = format!("at most {MAX_TEXT_BYTES} bytes are allowed");
            return Err(self.error_in(Some(column), got, expected, "shorten the text"));
        }
        Ok(())
    }
}

/// What is known of the bytes that a reader was given.
#[derive(Debug)]
struct Watched {
    quotes: QuoteWatch,
    /// Bytes read since the last whole record, give or take the reader's buffer.
    since_record: usize,
    ended: bool,
}

/// Stops a record that passes [`MAX_RECORD_BYTES`] before it fills the memory, and watches
/// quotation marks.
struct Limited {
    inner: Bytes,
    watched: Rc<RefCell<Watched>>,
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut watched = self.watched.borrow_mut();
        if watched.since_record > MAX_RECORD_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let read = self.inner.read(buffer)?;
        watched.since_record += read;
        watched.quotes.watch(&buffer[..read]);
        if read == 0 && !buffer.is_empty() {
            watched.ended = true;
            watched.quotes.end();
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;
    use sensorium_core::Hint;

    use super::*;
    use crate::{MissingValues, ReadOptions, Table};

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
        let (message, _) = refusal("a,b\r\n\r\n1,2\r\n\r\n3\r\n");
        assert_eq!(message, "row 2 (line 5) of `t.csv` has 1 cells, but the header has 2");
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

    fn leaving_out(content: &str) -> Table {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        fs::write(&path, content).unwrap();
        let options = ReadOptions { on_bad_row: OnBadRow::LeaveOut, ..ReadOptions::default() };
        Table::read_with(&path, &options).unwrap()
    }

    /// The row, line, column and reason of each row that was left out.
    fn left_out(table: &Table) -> Vec<(usize, u64, Option<&str>, &str)> {
        let shown = table.bad_rows().map(|bad| {
            let column = bad.column.as_ref().map(ColumnName::as_str);
            (bad.row, bad.line.unwrap(), column, bad.got.as_str())
        });
        shown.collect()
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_is_refused_with_its_line() {
        let closed = "a,b\n1,x\n\n2,\"y\nz\"\n";
        for (open, line) in [
            ("3,\"v\n4,w\n5,x\n", 6),
            ("3,\"v", 6),
            ("3,\"\"\"v\n", 6),
            ("3,\"p\nq\"\n4,\"r\r\n", 8),
        ] {
            let (message, hint) = refusal(format!("{closed}{open}"));
            let expected =
                format!("the quotation mark that opens in line {line} of `t.csv` is never closed");
            assert_eq!(message, expected, "{open}");
            assert!(hint.unwrap().starts_with("close the mark where its cell ends"));
        }
        let (message, _) = refusal("a,\"b\n1,2\n");
        assert_eq!(message, "the quotation mark that opens in line 1 of `t.csv` is never closed");
        assert!(table("t.csv", format!("{closed}3,\"v\"")).is_ok());
    }

    #[test]
    fn rows_after_an_open_quotation_mark_are_read_where_its_row_is_left_out() {
        let table = leaving_out("a,b\n1,x\n2,\"y\n3,\"\"\n4,z\n");
        assert_eq!(left_out(&table).iter().map(|bad| (bad.0, bad.1)).collect::<Vec<_>>(), [(1, 3)]);
        let expected = [Some("1".into()), None, Some("3".into()), Some("4".into())];
        let column = table.column(&ColumnName::from("a")).unwrap();
        let read = |row| column.cell(row).text().ok().flatten().map(std::borrow::Cow::into_owned);
        assert_eq!((0..4).map(read).collect::<Vec<_>>(), expected);
        let refused = column.cell(1).text().unwrap_err();
        assert!(refused.to_string().contains("row 2 (line 3) of"), "{refused}");
        assert!(refused.to_string().contains("quotation mark is never closed"), "{refused}");
        let last = leaving_out("a\nx\n\"y");
        assert_eq!((last.num_rows(), left_out(&last).len()), (2, 1));
    }

    #[test]
    fn rows_merged_by_two_stray_quotation_marks_are_refused() {
        let (message, _) = refusal("a,b\n1,\"x\n2,y\n3,\"z\n4,w\n");
        assert_eq!(
            message,
            "row 1 (line 2) of `t.csv` has a quotation mark that opens in line 2 and closes in line \
             4, before more text, but a separator or the end of the row was expected after it"
        );
        let (message, _) = refusal("a,\"b\n1,\"x\n");
        assert_eq!(
            message,
            "the columns of `t.csv`: a quotation mark opens in line 1 and closes in line 2, before \
             more text"
        );
        let (message, _) = refusal("a,b\n\"1,x\n2\",y,z\n");
        assert_eq!(
            message,
            "row 1 (line 2) of `t.csv` has 3 cells, one with a quotation mark from line 2 to line \
             3, but the header has 2"
        );
    }

    #[test]
    fn a_cell_that_runs_over_lines_like_rows_is_read_with_a_remark() {
        let remarks = |content: &str| table("t.csv", content).unwrap().remarks().to_vec();
        let no_remarks: Vec<String> = vec![];
        let rows: Vec<String> = remarks("a,b,c\n1,2,\"x\n3,4,y\n5,6,z\n7,8\"\n");
        let expected =
            "one cell runs from line 2 to line 5; is its quotation mark closed where it should be?";
        assert_eq!(rows, [expected]);
        let long: Vec<String> = remarks(&format!("a\n\"{}\"\n", "x\n".repeat(101)));
        assert_eq!(long.len(), 1);
        let prose: Vec<String> = remarks(&format!("a,b\n1,\"{}\"\n", "so, it\nis.\n".repeat(20)));
        assert_eq!(prose, no_remarks);
        let after: Vec<String> = remarks("a\n\"5\" screen\n\"6\" one\n\"7\" \n");
        let expected = "a cell in line 2 has text after its closing quotation mark; the marks are \
                        not read as part of it (2 cells like it)";
        assert_eq!(after, [expected]);
    }

    #[test]
    fn rows_that_are_none_are_left_out_and_keep_their_place() {
        let table = leaving_out("a,b\n1,x\n2\n3,y,z\n\"4\nq\",z\n");
        assert_eq!(table.num_rows(), 4);
        assert_eq!(left_out(&table), [(1, 3, None, "has 1 cells"), (2, 4, None, "has 3 cells")]);
        let table = {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("t.csv");
            fs::write(&path, b"a,b\n1,x\n2,caf\xe9\n3,y\n").unwrap();
            let on_bad_row = OnBadRow::LeaveOut;
            Table::read_with(&path, &ReadOptions { on_bad_row, ..ReadOptions::default() }).unwrap()
        };
        let got = "holds bytes in column `b` that are no text";
        assert_eq!(left_out(&table), [(1, 3, Some("b"), got)]);
        let column = table.column(&ColumnName::from("a")).unwrap();
        assert!(column.cell(1).is_missing());
        assert_eq!(column.cell(2).number().unwrap(), Some(3.0));
        assert_eq!(table.summaries()[0].missing, 1);
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
            "row 1 (line 2) of `t.csv` holds a text of 16777217 bytes in column `b`, but at most \
             16777216 bytes are allowed"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(content in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = table("t.csv", content);
        }

        /// A mark more or less is never passed over: the rows are those that were written, or the
        /// table is refused, or it is remarked upon.
        #[test]
        fn a_stray_mark_never_merges_rows_without_a_word(
            rows in 2_usize..30,
            at in 0_usize..30,
            closed in proptest::bool::ANY,
        ) {
            let at = at % rows;
            // Marks that all rows have, but for one end; or no marks, but for one.
            let line = |row: usize| match (closed, row == at) {
                (_, true) => format!("{row},k,\"n {row}\n"),
                (true, false) => format!("{row},k,\"n {row}\"\n"),
                (false, false) => format!("{row},k,n {row}\n"),
            };
            let content = format!("a,b,c\n{}", (0..rows).map(line).collect::<String>());
            if let Ok(table) = table("t.csv", content) {
                prop_assert!(table.num_rows() == rows || !table.remarks().is_empty());
            }
        }

        #[test]
        fn any_texts_come_back(rows in proptest::collection::vec(("\\PC*", "[a-z\n\",]{1,9}"), 1..9)) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(["a", "b"]).unwrap();
            for (a, b) in &rows {
                writer.write_record([a, b]).unwrap();
            }
            let table = table("t.csv", writer.into_inner().unwrap()).unwrap();
            let some = |text: &String| Some(text.clone()).filter(|text| !MissingValues::default().contain(text));
            prop_assert_eq!(texts(&table, "a"), rows.iter().map(|(a, _)| some(a)).collect::<Vec<_>>());
            prop_assert_eq!(texts(&table, "b"), rows.iter().map(|(_, b)| some(b)).collect::<Vec<_>>());
        }
    }
}
