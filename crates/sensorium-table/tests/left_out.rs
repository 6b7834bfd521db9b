//! Rows that are left out on request, in files of every format, packing and encoding.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::Schema;
use sensorium_core::ColumnName;
use sensorium_table::{Dialect, OnBadRow, ReadOptions, Table, TableError};

fn leave_out(dialect: Dialect) -> ReadOptions {
    ReadOptions { on_bad_row: OnBadRow::LeaveOut, dialect, ..ReadOptions::default() }
}

fn read(name: &str, content: impl AsRef<[u8]>, options: &ReadOptions) -> Result<Table, TableError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    Table::read_with(&path, options)
}

fn without_bad(name: &str, content: impl AsRef<[u8]>) -> Table {
    read(name, content, &leave_out(Dialect::default())).unwrap()
}

/// The row, line and reason of each row that was left out.
fn left_out(table: &Table) -> Vec<(usize, Option<u64>, &str)> {
    table.bad_rows().map(|bad| (bad.row, bad.line, bad.got.as_str())).collect()
}

/// The texts of the rows that were not left out.
fn texts(table: &Table, column: &str) -> Vec<String> {
    let column = table.column(&ColumnName::from(column)).unwrap();
    let bad: Vec<usize> = table.bad_rows().map(|bad| bad.row).collect();
    let text = |row| column.cell(row).text().unwrap().unwrap_or_default().into_owned();
    (0..table.num_rows()).filter(|row| !bad.contains(row)).map(text).collect()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(content).unwrap();
    packed.finish().unwrap()
}

fn utf_16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

const OPEN_MARK: &str = "sep=;\r\nx;größe\r\n1,5;a\r\n2;\"b\r\n3;\"\"\r\n4;c;d\r\n5,5;é\r\n";

#[test]
fn rows_after_an_open_mark_are_read_again_from_packed_and_decoded_text() {
    let (plain, encoded) = (OPEN_MARK.as_bytes().to_vec(), utf_16(&format!("\u{feff}{OPEN_MARK}")));
    let packed = [gzip(&plain), zstd::encode_all(&encoded[..], 3).unwrap()];
    for content in [&plain, &encoded, &packed[0], &packed[1]] {
        let table = without_bad("t.csv", content);
        assert_eq!(texts(&table, "x"), ["1.5", "3", "5.5"]);
        assert_eq!(texts(&table, "größe"), ["a", "", "é"]);
        let mark = "has a cell whose quotation mark is never closed";
        assert_eq!(left_out(&table), [(1, Some(4), mark), (3, Some(6), "has 3 cells")]);
        let remarks = table.remarks().join("\n");
        assert_eq!(remarks.matches("separated by `;`").count(), 1, "{remarks}");
        let error = read("t.csv", content, &ReadOptions::default()).unwrap_err().to_string();
        assert!(error.starts_with("the quotation mark that opens in line 4 of"), "{error}");
    }
}

#[test]
fn marks_are_watched_by_the_separator_that_was_found() {
    let content = "a;b;c\n1;2;\"x\n3;4;y\n5;6;z\n7;8\"\n";
    let remarks = read("t.csv", content, &ReadOptions::default()).unwrap().remarks().join("\n");
    assert!(remarks.contains("one cell runs from line 2 to line 5"), "{remarks}");
    let merged = "a;b\n1;\"x\n2;y\n3;\"z\n";
    let error = read("t.csv", merged, &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("opens in line 2 and closes in line 4, before more text"), "{error}");
}

const ARRAY: &str =
    "[{\"a\": 1},\n{\"a\": 2, \"a\": 3},\n[4],\n{\"a\": {\"bytes\": \"?\"}},\n5,\n{\"a\": 6}]";

#[test]
fn elements_of_an_array_that_are_no_rows_are_left_out_or_refused_with_their_place() {
    let table = without_bad("t.json", ARRAY);
    assert_eq!(
        left_out(&table),
        [
            (1, Some(2), "has the key `a` twice"),
            (2, Some(3), "is a list"),
            (3, Some(4), "holds `bytes` that are not Base64 under the key `a`"),
            (4, Some(5), "is a single value"),
        ]
    );
    assert_eq!(texts(&table, "a"), ["1", "6"]);
    let error = read("t.json", ARRAY, &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.starts_with("row 2 (line 2) of"), "{error}");
    assert!(error.ends_with("has the key `a` twice, but every key once was expected"), "{error}");
}

#[test]
fn a_row_of_one_of_several_files_keeps_its_place_in_both_table_and_file() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
    write("a.csv", "x,y\n1,a\n2\n3,c\n");
    write("b.csv", "y,x\nd,4\ne\nf,6\n");
    let table = Table::read_with(folder.path(), &leave_out(Dialect::default())).unwrap();
    assert_eq!(texts(&table, "x"), ["1", "3", "4", "6"]);
    assert_eq!(left_out(&table), [(1, Some(3), "has 1 cells"), (4, Some(3), "has 1 cells")]);
    let said: Vec<String> = table.bad_rows().map(ToString::to_string).collect();
    for (said, file) in said.iter().zip(["a.csv", "b.csv"]) {
        let path = folder.path().join(file);
        assert!(said.starts_with(&format!("row 2 (line 3) of `{}` ", path.display())), "{said}");
    }
    let error = Table::read(folder.path(), None).unwrap_err().to_string();
    assert!(error.contains("a.csv` has 1 cells"), "{error}");
}

#[test]
fn what_a_row_that_is_left_out_of_one_file_holds_is_in_no_column_of_several() {
    let folder = tempfile::tempdir().unwrap();
    let huggingface =
        r#"{"info": {"features": {"label": {"names": ["cat"], "_type": "ClassLabel"}}}}"#;
    let metadata = [("huggingface".to_owned(), huggingface.to_owned())].into();
    let label: ArrayRef = Arc::new(Int64Array::from(vec![0, 7, 0]));
    let number: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let batch = RecordBatch::try_from_iter([("n", number), ("label", label)]).unwrap();
    let schema = Schema::new_with_metadata(batch.schema().fields().clone(), metadata);
    let batch = RecordBatch::try_new(Arc::new(schema), batch.columns().to_vec()).unwrap();
    let mut stream = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    stream.write(&batch).unwrap();
    let bytes = stream.into_inner().unwrap();
    let got = "holds 7 in column `label`";
    let table = without_bad("t.arrow", &bytes);
    assert_eq!(
        (left_out(&table), texts(&table, "n")),
        (vec![(1, None, got)], texts_of(&["1", "3"]))
    );
    for name in ["a.arrow", "b.arrow"] {
        fs::write(folder.path().join(name), &bytes).unwrap();
    }
    let table =
        Table::read_with(&Path::new(folder.path()).join("*.arrow"), &leave_out(Dialect::default()));
    let table = table.unwrap();
    assert_eq!(left_out(&table), [(1, None, got), (4, None, got)]);
    assert_eq!(texts(&table, "n"), ["1", "3", "1", "3"]);
    let column = table.column(&ColumnName::from("n")).unwrap();
    assert!(column.cell(1).is_missing() && column.cell(4).is_missing());
}

fn texts_of(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
