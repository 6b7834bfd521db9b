//! Formats beyond CSV, tables of several files, and what files say of their columns.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BinaryArray, Date32Array, DictionaryArray, Float64Array, Int64Array, RecordBatch,
    StringArray, StructArray, TimestampMillisecondArray,
};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use sensorium_core::{ColumnName, Hint, Seed};
use sensorium_table::{Annotation, Dialect, ReadOptions, Table, TableError};

fn written(name: &str, content: impl AsRef<[u8]>) -> Result<Table, TableError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    Table::read(&path, None)
}

fn written_as(dialect: &Dialect) -> ReadOptions {
    ReadOptions { dialect: dialect.clone(), ..ReadOptions::default() }
}

fn names(table: &Table) -> Vec<&str> {
    table.column_names().iter().map(ColumnName::as_str).collect()
}

fn texts(table: &Table, column: &str) -> Vec<String> {
    let column = table.column(&ColumnName::from(column)).unwrap();
    let text = |row| column.cell(row).text().unwrap().unwrap_or_default().into_owned();
    (0..table.num_rows()).map(text).collect()
}

fn annotation(table: &Table, column: &str) -> Option<Annotation> {
    table.column(&ColumnName::from(column)).unwrap().annotation().cloned()
}

fn message(error: &TableError) -> String {
    format!("{error} ({})", error.hint().unwrap_or_default())
}

// JSON

#[test]
fn an_array_of_objects_reads_as_their_lines_do() {
    let lines = "{\"a\": 1, \"b\": \"x\"}\n{\"b\": null, \"c\": [1, 2]}\n";
    let array = "\u{feff} \n[\n  {\"a\": 1,\n \"b\": \"x\"}, {\"b\": null, \"c\": [1, 2]}\n]\n";
    let (array, lines) = (written("t.json", array).unwrap(), written("t.json", lines).unwrap());
    for table in [&array, &lines] {
        assert_eq!(names(table), ["a", "b", "c"]);
        assert_eq!(texts(table, "a"), ["1", ""]);
        assert_eq!(texts(table, "c"), ["", "[1,2]"]);
        assert_eq!(annotation(table, "c"), Some(Annotation::List));
    }
}

#[test]
fn what_is_no_array_of_objects_is_placed() {
    for (content, expected) in [
        ("[{\"a\": 1},\n 3]", "row 2 (line 2)"),
        ("[{\"a\": 1},\n [4]]", "is a list, but one object was expected"),
        ("[{\"a\": 1}", "is damaged or not JSON: EOF while parsing a list"),
        ("[{\"a\": 1}] x", "trailing characters"),
        ("[]", "there are none"),
        ("[{\"a\": {\"bytes\": \"?\"}}]", "Base64 was expected"),
    ] {
        let error = written("t.json", content).unwrap_err().to_string();
        assert!(error.contains(expected), "{content}: {error}");
    }
}

// Arrow

fn batch() -> RecordBatch {
    let codes = vec![Some("2"), None, Some("1"), Some("2")];
    let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![Some(&b"ab"[..]), None, None, None]));
    let paths: ArrayRef = Arc::new(StringArray::from(vec![None, Some("b.png"), None, None]));
    let file = StructArray::from(vec![
        (Arc::new(Field::new("bytes", DataType::Binary, true)), bytes),
        (Arc::new(Field::new("path", DataType::Utf8, true)), paths),
    ]);
    RecordBatch::try_from_iter_with_nullable([
        (
            "text",
            Arc::new(StringArray::from(vec![Some("007"), None, Some(""), Some("ü")])) as ArrayRef,
            true,
        ),
        ("code", Arc::new(codes.into_iter().collect::<DictionaryArray<Int32Type>>()), true),
        ("number", Arc::new(Float64Array::from(vec![0.5, 2.0, -1.0, 1e300])), true),
        ("label", Arc::new(Int64Array::from(vec![0, 1, -1, 1])), true),
        ("date", Arc::new(Date32Array::from(vec![0, 19_753, 1, 2])), true),
        ("time", Arc::new(TimestampMillisecondArray::from(vec![0, 1, 2, 86_400_000])), true),
        ("file", Arc::new(file), true),
    ])
    .unwrap()
}

/// The batch with what `datasets` and pandas write beside it.
fn with_metadata(batch: &RecordBatch) -> RecordBatch {
    let huggingface = r#"{"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}, "text": {"dtype": "string", "_type": "Value"}}}}"#;
    let pandas = r#"{"columns": [{"name": "number", "field_name": "number", "pandas_type": "categorical", "metadata": {"num_categories": 3}}, {"name": "text", "field_name": "text", "pandas_type": "unicode"}]}"#;
    let metadata = [("huggingface", huggingface), ("pandas", pandas)];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let schema = Schema::new_with_metadata(batch.schema().fields().clone(), metadata.into());
    RecordBatch::try_new(Arc::new(schema), batch.columns().to_vec()).unwrap()
}

fn feather(batch: &RecordBatch, codec: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(codec).unwrap();
    let mut file = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
    file.write(&batch.slice(0, 3)).unwrap();
    file.write(&batch.slice(3, 1)).unwrap();
    file.into_inner().unwrap()
}

fn stream(batch: &RecordBatch) -> Vec<u8> {
    let mut stream = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    stream.write(batch).unwrap();
    stream.into_inner().unwrap()
}

fn parquet(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    for key in ["huggingface", "pandas"] {
        if let Some(value) = batch.schema().metadata().get(key) {
            writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value.clone()));
        }
    }
    writer.into_inner().unwrap()
}

fn every_file(batch: &RecordBatch) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("t.feather", feather(batch, None)),
        ("t.arrow", feather(batch, Some(CompressionType::LZ4_FRAME))),
        ("t.arrow", feather(batch, Some(CompressionType::ZSTD))),
        ("t.arrow", stream(batch)),
        ("t.parquet", parquet(batch)),
    ]
}

#[test]
fn arrow_files_streams_and_parquet_read_the_same() {
    for (name, bytes) in every_file(&batch()) {
        let table = written(name, bytes).unwrap();
        assert_eq!(texts(&table, "text"), ["007", "", "", "ü"], "{name}");
        assert_eq!(texts(&table, "code"), ["2", "", "1", "2"]);
        assert_eq!(texts(&table, "number"), ["0.5", "2", "-1", "1e300"]);
        assert_eq!(texts(&table, "label"), ["0", "1", "-1", "1"]);
        assert_eq!(texts(&table, "date")[..2], ["1970-01-01", "2024-01-31"]);
        assert_eq!(texts(&table, "time")[3], "1970-01-02 00:00:00");
        let file = table.column(&ColumnName::from("file")).unwrap();
        assert_eq!(file.cell(0).media(9).unwrap(), Some(b"ab".to_vec()));
        assert_eq!(file.cell(1).text().unwrap().as_deref(), Some("b.png"));
        assert_eq!(annotation(&table, "date"), Some(Annotation::Date));
        assert_eq!(annotation(&table, "time"), Some(Annotation::Date));
        assert_eq!(annotation(&table, "code"), Some(Annotation::Categorical), "{name}");
        assert_eq!(annotation(&table, "number"), None);
    }
}

#[test]
fn names_of_classes_and_categoricals_are_read_from_the_file() {
    for (name, bytes) in every_file(&with_metadata(&batch())) {
        let table = written(name, bytes).unwrap();
        assert_eq!(texts(&table, "label"), ["cat", "dog", "", "dog"], "{name}");
        assert_eq!(annotation(&table, "label"), Some(Annotation::Named { classes: 2 }));
        assert_eq!(annotation(&table, "number"), Some(Annotation::Categorical));
        assert_eq!(annotation(&table, "text"), None);
    }
}

#[test]
fn a_number_without_a_class_is_refused_with_its_cell() {
    let label: ArrayRef = Arc::new(Int64Array::from(vec![0, 2]));
    let batch = RecordBatch::try_from_iter([("label", label)]).unwrap();
    let error = written("t.arrow", stream(&with_metadata(&batch))).unwrap_err().to_string();
    assert!(error.starts_with("row 2 of column `label` of"), "{error}");
    assert!(error.ends_with("is 2, but the file names 2 classes, from 0"), "{error}");
}

#[test]
fn a_damaged_arrow_file_is_read_or_refused_and_a_cut_one_refused_or_shorter() {
    let mut rng = Seed::new(1).rng();
    for (name, bytes) in &every_file(&batch())[..4] {
        for length in (0..bytes.len()).step_by(41) {
            if let Ok(table) = written(name, &bytes[..length]) {
                assert!(table.num_rows() <= 4);
            }
        }
        for _ in 0..300 {
            let mut altered = bytes.clone();
            for _ in 0..rand::RngExt::random_range(&mut rng, 1..4) {
                let place = rand::RngExt::random_range(&mut rng, 0..bytes.len());
                altered[place] = rand::RngExt::random(&mut rng);
            }
            let _ = written(name, altered);
        }
    }
}

#[test]
fn an_arrow_buffer_that_claims_to_unpack_to_too_much_is_refused() {
    let text = "a".repeat(100_000);
    let column: ArrayRef = Arc::new(StringArray::from(vec![text.as_str(); 4]));
    let batch = RecordBatch::try_from_iter([("a", column)]).unwrap();
    let mut bytes = feather(&batch, Some(CompressionType::ZSTD));
    // The length that the buffer unpacks to stands before the first bytes of Zstandard.
    let length = [&300_000_u64.to_le_bytes()[..], b"\x28\xb5\x2f\xfd"].concat();
    let at = bytes.windows(12).position(|window| window == length).unwrap();
    bytes[at..at + 8].copy_from_slice(&(1_u64 << 40).to_le_bytes());
    let error = written("t.arrow", bytes).unwrap_err().to_string();
    assert!(error.contains("unpacked, is 1099511"), "{error}");
}

#[test]
fn a_small_arrow_file_may_not_fill_the_memory_with_one_text() {
    let text = "a".repeat(1 << 20);
    let said = |rows| {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![text.as_str()]));
        let keys = arrow_array::Int32Array::from(vec![0; rows]);
        let said: ArrayRef = Arc::new(DictionaryArray::new(keys, texts));
        let batch = RecordBatch::try_from_iter([("said", said)]).unwrap();
        let packed = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD));
        let schema = batch.schema();
        let mut file =
            FileWriter::try_new_with_options(Vec::new(), &schema, packed.unwrap()).unwrap();
        file.write(&batch).unwrap();
        file.into_inner().unwrap()
    };
    // Copied before they are stored, these would be 2 TiB.
    let bytes = said(2 << 20);
    assert!(bytes.len() < 40_000, "{}", bytes.len());
    let error = written("t.arrow", bytes).unwrap_err().to_string();
    assert!(error.contains("of column `said`, is "), "{error}");
    assert_eq!(written("t.arrow", said(9)).unwrap().num_rows(), 9);
}

#[test]
fn a_packed_file_may_not_fill_the_memory_with_one_text_either() {
    let column: ArrayRef = Arc::new(StringArray::from(vec!["a".repeat(1 << 20)]));
    let keys = arrow_array::Int32Array::from(vec![0; 300]);
    let said: ArrayRef = Arc::new(DictionaryArray::new(keys, column));
    let bytes = parquet(&RecordBatch::try_from_iter([("said", said)]).unwrap());
    let packed = zstd::encode_all(&bytes[..], 3).unwrap();
    assert!(bytes.len() > (1 << 20) && packed.len() < 40_000);
    // By the size of what comes out, the 300 MiB would be allowed.
    assert_eq!(written("t.parquet", bytes).unwrap().num_rows(), 300);
    let error = written("t.parquet.zst", &packed).unwrap_err().to_string();
    assert!(
        error.ends_with(&format!("for a file of {} bytes is allowed", packed.len())),
        "{error}"
    );
}

// Excel

/// A zip archive of deflated parts, or of stored ones where `is_packed` is false.
fn zip(parts: &[(&str, String)], is_packed: bool) -> Vec<u8> {
    let (mut archive, mut list) = (Vec::new(), Vec::new());
    for (name, content) in parts {
        let mut packed =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(content.as_bytes()).unwrap();
        let packed =
            if is_packed { packed.finish().unwrap() } else { content.clone().into_bytes() };
        let [method, offset] = [u32::from(is_packed) * 8, u32::try_from(archive.len()).unwrap()];
        let sizes = [packed.len(), content.len()].map(|size| u32::try_from(size).unwrap());
        let name_bytes = u32::try_from(name.len()).unwrap();
        // Version, flags, method, time, day, checksum, sizes, and the lengths of name and extra.
        let common: Vec<u8> = [
            (20, 2),
            (0, 2),
            (method, 2),
            (0, 2),
            (0, 2),
            (0, 4),
            (sizes[0], 4),
            (sizes[1], 4),
            (name_bytes, 2),
            (0, 2),
        ]
        .iter()
        .flat_map(|(value, bytes): &(u32, usize)| value.to_le_bytes()[..*bytes].to_vec())
        .collect();
        archive.extend([b"PK\x03\x04", &common[..], name.as_bytes(), &packed].concat());
        let end = [&[0; 10][..], &offset.to_le_bytes(), name.as_bytes()].concat();
        list.extend([b"PK\x01\x02\x14\0", &common[..], &end].concat());
    }
    let [offset, length] = [archive.len(), list.len()].map(|size| u32::try_from(size).unwrap());
    let count = u16::try_from(parts.len()).unwrap().to_le_bytes();
    let end = [
        &b"PK\x05\x06\0\0\0\0"[..],
        &count,
        &count,
        &length.to_le_bytes(),
        &offset.to_le_bytes(),
        &[0, 0],
    ];
    [&archive[..], &list, &end.concat()].concat()
}

/// A workbook with the sheets given as XML rows; cells of style 1 are dates, shared texts are `a`
/// and `b c`.
fn workbook(sheets: &[(&str, &str)]) -> Vec<u8> {
    zip(&workbook_parts(sheets), true)
}

fn workbook_parts(sheets: &[(&str, &str)]) -> Vec<(&'static str, String)> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let names = ["xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml"];
    let (mut list, mut targets, mut parts) = (String::new(), String::new(), Vec::new());
    for (index, (name, rows)) in sheets.iter().enumerate() {
        let id = index + 1;
        write!(list, r#"<sheet name="{name}" sheetId="{id}" r:id="rId{id}"/>"#).unwrap();
        write!(
            targets,
            r#"<Relationship Id="rId{id}" Type="{rel}/worksheet" Target="worksheets/sheet{id}.xml"/>"#
        )
        .unwrap();
        let sheet =
            format!(r#"<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>"#);
        parts.push((names[index], sheet));
    }
    parts.extend([
        (
            "xl/workbook.xml",
            format!(r#"<workbook xmlns="{main}" xmlns:r="{rel}"><sheets>{list}</sheets></workbook>"#),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(r#"<Relationships xmlns="{package}">{targets}</Relationships>"#),
        ),
        (
            "xl/styles.xml",
            format!(
                r#"<styleSheet xmlns="{main}"><numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/></numFmts><cellStyleXfs count="1"><xf numFmtId="14"/></cellStyleXfs><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>"#
            ),
        ),
        (
            "xl/sharedStrings.xml",
            format!(
                r#"<sst xmlns="{main}"><si><t>a</t></si><si><r><t>b</t></r><r><t xml:space="preserve"> c</t></r><rPh><t>x</t></rPh></si></sst>"#
            ),
        ),
    ]);
    parts
}

const ROWS: &str = r#"
<row r="2"><c r="B2" t="inlineStr"><is><t>x</t></is></c><c r="C2" t="inlineStr"><is><t>label</t></is></c><c r="D2" t="inlineStr"><is><t>day</t></is></c><c r="E2" t="inlineStr"><is><t>ok</t></is></c></row>
<row r="3"><c r="B3"><v>1</v></c><c r="C3" t="inlineStr"><is><t>007</t></is></c><c r="D3" s="1"><v>45322</v></c><c r="E3" t="b"><v>1</v></c></row>
<row r="5"><c r="B5"><v>2.5</v></c><c r="C5"><v>7</v></c><c r="D5" s="1"><v>45323.5</v></c><c r="E5" t="e"><v>#N/A</v></c><c r="G5"><v>9</v></c></row>
"#;

#[test]
fn a_workbook_is_its_first_sheet_or_the_one_named() {
    let other = r#"<row r="1"><c r="A1" t="inlineStr"><is><t>y</t></is></c></row><row r="2"><c r="A2"><v>4</v></c></row>"#;
    let bytes = workbook(&[("First", ROWS), ("Second", other)]);
    let table = written("t.xlsx", &bytes).unwrap();
    assert_eq!(names(&table), ["x", "label", "day", "ok"]);
    assert_eq!(texts(&table, "x"), ["1", "2.5"]);
    assert_eq!(texts(&table, "label"), ["007", "7"]);
    assert_eq!(texts(&table, "day"), ["2024-01-31", "2024-02-01 12:00:00"]);
    assert_eq!(texts(&table, "ok"), ["true", ""]);
    assert_eq!(annotation(&table, "day"), Some(Annotation::Date));
    assert_eq!(
        table.remarks(),
        [
            "`label` holds texts (row 1) and numbers (row 2); all are read as text",
            "1 cells stand beneath no header and are set aside, the first in row 2",
            "1 cells hold an error, such as `#N/A`, and are read as missing, the first in row 2",
            "the first of 2 sheets, `First`, is read; `--sheet` names another: Second",
        ]
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.xlsx");
    fs::write(&path, &bytes).unwrap();
    let sheet =
        |name: &str| written_as(&Dialect { sheet: Some(name.to_owned()), ..Dialect::default() });
    let table = Table::read_with(&path, &sheet("Second")).unwrap();
    assert_eq!(texts(&table, "y"), ["4"]);
    assert!(table.remarks().is_empty());
    let error = Table::read_with(&path, &sheet("Third")).unwrap_err();
    assert!(message(&error).ends_with("has no sheet `Third` (the sheets are: First, Second)"));
}

#[test]
fn texts_are_shared_or_not_and_places_may_be_left_out() {
    let rows = r#"<row><c t="s"><v>0</v></c><c t="inlineStr"><is><t>n &amp; m&#233;</t></is></c></row>
        <row><c t="s"><v>1</v></c><c t="str"><f>A1</f><v>f</v></c></row>
        <row><c/><c t="n"><v>1e-3</v></c></row>"#;
    for is_packed in [true, false] {
        let table = written("t.xlsx", zip(&workbook_parts(&[("x", rows)]), is_packed)).unwrap();
        assert_eq!(names(&table), ["a", "n & mé"]);
        assert_eq!(texts(&table, "a"), ["b c", ""]);
        assert_eq!(texts(&table, "n & mé"), ["f", "0.001"]);
    }
}

#[test]
fn a_workbook_that_unpacks_to_too_much_is_refused() {
    let rows = format!("<row>{}</row>", " ".repeat(60 << 20));
    let bytes = workbook(&[("x", &rows)]);
    assert!(bytes.len() < 400_000);
    let error = written("t.xlsx", bytes).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.starts_with("it unpacks to more than"), "{error}: {cause}");
    assert!(error.hint().unwrap().contains("unpack it"));
}

#[test]
fn a_damaged_workbook_is_read_or_refused() {
    let bytes = workbook(&[("First", ROWS)]);
    for length in (0..bytes.len()).step_by(101) {
        written("t.xlsx", &bytes[..length]).unwrap_err();
    }
    let mut rng = Seed::new(2).rng();
    for _ in 0..200 {
        let mut altered = bytes.clone();
        for _ in 0..rand::RngExt::random_range(&mut rng, 1..4) {
            let place = rand::RngExt::random_range(&mut rng, 0..bytes.len());
            altered[place] = rand::RngExt::random(&mut rng);
        }
        let _ = written("t.xlsx", altered);
    }
}

#[test]
fn a_sheet_with_a_cell_far_away_does_not_fill_the_memory() {
    let far = r#"<row r="1"><c r="A1" t="inlineStr"><is><t>x</t></is></c></row><row r="1048576"><c r="XFD1048576"><v>4</v></c></row>"#;
    let table = written("t.xlsx", workbook(&[("a", far)])).unwrap();
    assert_eq!((table.num_rows(), names(&table)), (1, vec!["x"]));
}

// Several files

struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Self(folder)
    }

    fn read(&self, name: &str) -> Result<Table, TableError> {
        Table::read(&self.0.path().join(name), None)
    }

    fn refusal(&self, name: &str) -> String {
        let folder = format!("{}/", self.0.path().display());
        message(&self.read(name).unwrap_err()).replace(&folder, "")
    }
}

#[test]
fn files_of_a_pattern_or_a_folder_are_one_table_in_the_order_of_their_names() {
    let files = Files::new(&[
        ("data/b.csv", "label,x\nc,3\n"),
        ("data/a.csv", "x,label\n1,a\n2,b\n"),
        ("data/README.md", "# data"),
        ("data/_SUCCESS", ""),
        ("data/.hidden.csv", "z\n1\n"),
        ("data/b.png", "b"),
    ]);
    for name in ["data/*.csv", "data", "dat?/[ab].csv"] {
        let table = files.read(name).unwrap();
        assert_eq!(names(&table), ["x", "label"]);
        assert_eq!(texts(&table, "x"), ["1", "2", "3"]);
        assert_eq!(texts(&table, "label"), ["a", "b", "c"]);
        assert_eq!(table.files().len(), 2);
        assert!(table.remarks().is_empty());
    }
}

#[test]
fn paths_in_tables_of_a_folder_start_there() {
    let files = Files::new(&[("data/a.csv", "photo\np.png\n"), ("data/p.png", "p")]);
    for name in ["data", "data/*.csv", "d*/a.csv"] {
        let table = files.read(name).unwrap();
        let column = table.column(&ColumnName::from("photo")).unwrap();
        assert_eq!(column.cell(0).media(9).unwrap(), Some(b"p".to_vec()), "{name}");
    }
}

#[test]
fn a_column_that_only_some_files_have_is_named_with_both() {
    let files =
        Files::new(&[("a.csv", "x,y\n1,2\n"), ("b.csv", "x\n1\n"), ("c.csv", "x,z,y\n1,2,3\n")]);
    let said = files.refusal("[ab].csv");
    assert!(said.starts_with("`a.csv` has a column `y`, which `b.csv` has not"), "{said}");
    let said = files.refusal("[ac].csv");
    assert!(said.starts_with("`c.csv` has a column `z`, which `a.csv` has not"), "{said}");
}

#[test]
fn columns_of_other_types_in_other_files_are_said() {
    let files = Files::new(&[
        ("a.jsonl", "{\"a\": 1, \"b\": 2}\n"),
        ("b.jsonl", "{\"a\": \"x\", \"b\": 0.5}\n"),
    ]);
    let table = files.read("*.jsonl").unwrap();
    assert_eq!(texts(&table, "a"), ["1", "x"]);
    assert_eq!(texts(&table, "b"), ["2", "0.5"]);
    assert_eq!(
        table.remarks(),
        ["`a` holds texts (row 2) and numbers (row 1); all are read as text"]
    );
}

#[test]
fn the_parts_that_files_are_named_by_become_a_column() {
    let files = Files::new(&[
        ("train-00000-of-00002.csv", "x\n1\n2\n"),
        ("train-00001-of-00002.csv", "x\n3\n"),
        ("test-00000-of-00001.csv", "x\n4\n"),
        ("validation.csv", "x\n5\n"),
    ]);
    let table = files.read("").unwrap();
    assert_eq!(texts(&table, "x"), ["4", "1", "2", "3", "5"]);
    assert_eq!(texts(&table, "split"), ["test", "train", "train", "train", "validation"]);
    let table = files.read("train-*.csv").unwrap();
    assert_eq!(names(&table), ["x"]);
    let files = Files::new(&[("train/0.csv", "x\n1\n"), ("test/0.csv", "x\n2\n")]);
    let table = files.read("*/0.csv").unwrap();
    assert_eq!(texts(&table, "split"), ["test", "train"]);
}

#[test]
fn a_folder_of_several_formats_and_one_of_nothing_are_refused() {
    let files = Files::new(&[
        ("a/a.csv", "x\n1\n"),
        ("a/b.tsv", "x\n1\n"),
        ("b/notes.txt", "n"),
        ("c/a.jsonl", "{\"x\": 1}"),
        ("c/info.json", "{\"x\": 2}"),
    ]);
    let said = files.refusal("a");
    assert!(said.contains("holds files of several kinds, such as `a.csv` and `b.tsv`"), "{said}");
    assert!(files.refusal("b").contains("it holds no table, and no picture or sound"));
    assert!(files.refusal("nothing/*.csv").contains("no file fits the pattern"));
    let table = files.read("c").unwrap();
    assert_eq!(
        (texts(&table, "x"), table.remarks()),
        (vec!["1".to_owned()], &["passed over: info.json".to_owned()][..])
    );
}

// Class folders

#[test]
fn class_folders_are_rows_of_paths_and_labels() {
    let files = Files::new(&[
        ("root/dog/2.png", "d"),
        ("root/cat/1.JPG", "c"),
        ("root/cat/more/3.png", "m"),
        ("root/cat/Thumbs.db", ""),
        ("root/.DS_Store", ""),
    ]);
    let table = files.read("root").unwrap();
    assert_eq!(names(&table), ["image", "label"]);
    assert_eq!(texts(&table, "image"), ["cat/1.JPG", "cat/more/3.png", "dog/2.png"]);
    assert_eq!(texts(&table, "label"), ["cat", "cat", "dog"]);
    let column = table.column(&ColumnName::from("image")).unwrap();
    assert_eq!(column.cell(2).media(9).unwrap(), Some(b"d".to_vec()));
    let said = "1 files that are no pictures or sounds are passed over, such as `cat/Thumbs.db`";
    assert_eq!(table.remarks(), [said]);
}

#[test]
fn folders_of_parts_above_the_classes_are_the_split() {
    let files = Files::new(&[
        ("root/train/yes/a.wav", "a"),
        ("root/val/no/b.wav", "b"),
        ("root/Test/yes/c.flac", "c"),
    ]);
    let table = files.read("root").unwrap();
    assert_eq!(names(&table), ["audio", "label", "split"]);
    assert_eq!(texts(&table, "label"), ["yes", "yes", "no"]);
    assert_eq!(texts(&table, "split"), ["test", "train", "validation"]);
    let split = table.column(&ColumnName::from("split")).unwrap();
    assert!(sensorium_table::names_parts(split, 3));
}

#[test]
fn classes_that_are_named_like_parts_by_chance_stay_classes() {
    let files = Files::new(&[("root/test/1.png", "1"), ("root/other/2.png", "2")]);
    assert_eq!(texts(&files.read("root").unwrap(), "label"), ["other", "test"]);
    let files = Files::new(&[("root/0/1.png", "1"), ("root/1/2.png", "2")]);
    assert_eq!(texts(&files.read("root").unwrap(), "label"), ["0", "1"]);
}

#[test]
fn pictures_without_classes_are_rows_to_predict() {
    let table = Files::new(&[("root/b.png", "b"), ("root/a.png", "a")]).read("root").unwrap();
    assert_eq!(
        (names(&table), texts(&table, "image")),
        (vec!["image"], vec!["a.png".to_owned(), "b.png".to_owned()])
    );
}

#[test]
fn nothing_can_be_said_of_how_a_folder_of_pictures_is_written() {
    let files = Files::new(&[("root/a.png", "a")]);
    let dialect = Dialect { encoding: Some("latin1".parse().unwrap()), ..Dialect::default() };
    let error = Table::read_with(&files.0.path().join("root"), &written_as(&dialect)).unwrap_err();
    assert!(error.to_string().starts_with("`--encoding` is given for the table"), "{error}");
}

#[test]
fn files_that_lie_as_the_others_do_not_are_named() {
    let files = Files::new(&[("root/cat/1.png", "1"), ("root/2.png", "2")]);
    assert!(
        files.refusal("root").starts_with("`2.png` in `root` is not a class folder"),
        "{}",
        files.refusal("root")
    );
    let files = Files::new(&[("root/train/cat/1.png", "1"), ("root/extra/cat/2.png", "2")]);
    assert!(
        files.refusal("root").starts_with("`extra/cat/2.png` in `root` is not a folder of a part")
    );
    let files = Files::new(&[("root/cat/1.png", "1"), ("root/cat/2.wav", "2")]);
    assert!(files.refusal("root").contains("such as `cat/1.png` and `cat/2.wav`"));
}

// Media in another folder

#[test]
fn a_relative_path_starts_in_the_media_root_where_it_lies_there_alone() {
    let files = Files::new(&[
        ("root/tables/t.csv", "photo\nonly_root.png\nboth.png\nonly_table.png\n"),
        ("root/only_root.png", "root"),
        ("root/both.png", "root"),
        ("root/tables/both.png", "table"),
        ("root/tables/only_table.png", "table"),
    ]);
    let root = files.0.path().join("root");
    let table = Table::read(&root.join("tables/t.csv"), Some(&root)).unwrap();
    let column = table.column(&ColumnName::from("photo")).unwrap();
    let read = |row| String::from_utf8(column.cell(row).media(9).unwrap().unwrap()).unwrap();
    assert_eq!([read(0), read(1), read(2)], ["root", "table", "table"]);
}

#[test]
fn a_table_may_lie_elsewhere_than_its_media() {
    let files = Files::new(&[
        ("tables/t.csv", "photo\na.png\n../secret.png\n"),
        ("media/a.png", "a"),
        ("secret.png", "s"),
    ]);
    let path = |name: &str| files.0.path().join(name);
    let table = Table::read(&path("tables/t.csv"), Some(Path::new(&path("media")))).unwrap();
    let column = table.column(&ColumnName::from("photo")).unwrap();
    assert_eq!(column.cell(0).media(9).unwrap(), Some(b"a".to_vec()));
    let error = column.cell(1).media(9).unwrap_err().to_string();
    assert!(error.contains("but a path inside the media root"), "{error}");
}
