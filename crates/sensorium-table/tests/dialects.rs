//! Files of other encodings, packings, separators and decimal marks read as the plain ones do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::Write;

use sensorium_core::{ColumnName, Hint};
use sensorium_table::{DecimalMark, Dialect, ReadOptions, Table, TableError};

fn written_as(dialect: &Dialect) -> ReadOptions {
    ReadOptions { dialect: dialect.clone(), ..ReadOptions::default() }
}

fn read(name: &str, content: impl AsRef<[u8]>, dialect: &Dialect) -> Result<Table, TableError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    Table::read_with(&path, &written_as(dialect))
}

fn plain(name: &str, content: impl AsRef<[u8]>) -> Table {
    read(name, content, &Dialect::default()).unwrap()
}

fn encoded_as(encoding: &str) -> Dialect {
    Dialect { encoding: Some(encoding.parse().unwrap()), ..Dialect::default() }
}

fn refusal(name: &str, content: impl AsRef<[u8]>) -> (String, String) {
    let error = read(name, content, &Dialect::default()).unwrap_err();
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    (message, error.hint().unwrap_or_default())
}

fn texts(table: &Table, column: &str) -> Vec<String> {
    let column = table.column(&ColumnName::from(column)).unwrap();
    let text = |row| column.cell(row).text().unwrap().unwrap_or_default().into_owned();
    (0..table.num_rows()).map(text).collect()
}

fn numbers(table: &Table, column: &str) -> Vec<Option<f64>> {
    let column = table.column(&ColumnName::from(column)).unwrap();
    (0..table.num_rows()).map(|row| column.cell(row).number().unwrap()).collect()
}

fn utf_16(text: &str, bytes: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

const TEXT: &str = "größe,名\r\nä,\"日,本\"\r\n€,𝄞\r\n";

fn is_text(table: &Table) {
    assert_eq!(texts(table, "größe"), ["ä", "€"]);
    assert_eq!(texts(table, "名"), ["日,本", "𝄞"]);
}

#[test]
fn utf_16_with_a_mark_reads_as_utf_8_in_either_order() {
    let marked = format!("\u{feff}{TEXT}");
    is_text(&plain("t.csv", utf_16(&marked, u16::to_le_bytes)));
    is_text(&plain("t.csv", utf_16(&marked, u16::to_be_bytes)));
    is_text(&plain("t.csv", marked));
    let lines = "\u{feff}{\"a\": \"größe\"}\n{\"a\": \"𝄞\"}\n";
    let table = plain("t.jsonl", utf_16(lines, u16::to_be_bytes));
    assert_eq!(texts(&table, "a"), ["größe", "𝄞"]);
}

#[test]
fn utf_16_without_a_mark_is_read_where_it_is_named_and_refused_with_the_name_where_not() {
    let bytes = utf_16(TEXT, u16::to_le_bytes);
    is_text(&read("t.csv", &bytes, &encoded_as("utf-16le")).unwrap());
    let ascii = utf_16("a,b\n1,2\n", u16::to_be_bytes);
    let (message, hint) = refusal("t.csv", ascii);
    assert!(message.contains("looks like UTF-16 without a byte-order mark"), "{message}");
    assert!(hint.contains("`--encoding utf-16be`"), "{hint}");
}

#[test]
fn legacy_encodings_are_read_where_they_are_named() {
    for (encoding, text, bytes) in [
        ("windows-1252", "café €", &b"caf\xe9 \x80"[..]),
        ("latin1", "café", b"caf\xe9"),
        ("windows-1251", "кот", b"\xea\xee\xf2"),
        ("shift_jis", "猫、ネコ", b"\x94\x4c\x81\x41\x83\x6c\x83\x52"),
        ("gb18030", "猫𝄞", b"\xc3\xa8\x94\x32\xbe\x34"),
        ("euc-kr", "고양이", b"\xb0\xed\xbe\xe7\xc0\xcc"),
    ] {
        let content = [b"a,b\n1,", bytes, b"\n"].concat();
        let table = read("t.csv", content, &encoded_as(encoding)).unwrap();
        assert_eq!(texts(&table, "b"), [text], "{encoding}");
        let (message, hint) = refusal("t.csv", [b"a,b\n1,", bytes, b"\n"].concat());
        assert!(message.contains("row 1 (line 2)") && message.contains("`b`"), "{message}");
        assert!(hint.contains("--encoding windows-1252"), "{hint}");
    }
}

#[test]
fn a_mark_goes_before_what_is_said() {
    is_text(&read("t.csv", format!("\u{feff}{TEXT}"), &encoded_as("windows-1252")).unwrap());
}

#[test]
fn bytes_that_are_no_text_in_the_named_encoding_are_an_error_and_no_stand_in() {
    let error = read("t.csv", b"a,b\n1,\x81\n", &encoded_as("shift_jis")).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.starts_with("byte ") && cause.ends_with(" is no text in Shift_JIS"), "{cause}");
    assert!(error.hint().unwrap().contains("--encoding"));
}

#[test]
fn utf_32_is_named() {
    let bytes: Vec<u8> = "\u{feff}a\n".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    assert!(refusal("t.csv", bytes).0.ends_with("is UTF-32, which is not read"));
}

#[test]
fn long_text_is_decoded_the_same_piece_by_piece() {
    let long: String = (0..60_000).map(|i| if i % 3 == 0 { 'é' } else { '日' }).collect();
    let content = utf_16(&format!("\u{feff}a,b\n1,{long}\n2,x\n"), u16::to_le_bytes);
    assert_eq!(texts(&plain("t.csv", content), "b"), [long.as_str(), "x"]);
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(content).unwrap();
    packed.finish().unwrap()
}

fn zstandard(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 3).unwrap()
}

#[test]
fn packed_tables_are_read_whatever_their_name() {
    let lines = b"{\"a\": 1}\n{\"a\": 2}\n";
    for name in ["t.csv.gz", "t.CSV.ZST", "t.csv"] {
        is_text(&plain(name, gzip(TEXT.as_bytes())));
        is_text(&plain(name, zstandard(TEXT.as_bytes())));
        is_text(&plain(name, TEXT));
    }
    assert_eq!(texts(&plain("t.jsonl.zst", zstandard(lines)), "a"), ["1", "2"]);
    let marked = utf_16(&format!("\u{feff}{TEXT}"), u16::to_le_bytes);
    is_text(&plain("t.csv.gz", gzip(&marked)));
    let (one, two) = TEXT.as_bytes().split_at(20);
    is_text(&plain("members.csv.gz", [gzip(one), gzip(two)].concat()));
    is_text(&plain("frames.csv.zst", [zstandard(one), zstandard(two)].concat()));
}

#[test]
fn a_packed_parquet_file_is_unpacked() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/table_parquet/none");
    let bytes = fs::read(format!("{folder}/table.parquet")).unwrap();
    let (whole, packed) = (plain("t.parquet", &bytes), plain("t.parquet.gz", gzip(&bytes)));
    assert_eq!(whole.column_names(), packed.column_names());
    assert_eq!(whole.num_rows(), packed.num_rows());
}

#[test]
fn what_unpacks_to_too_much_for_its_size_is_refused() {
    let mut content = b"a,b\n".to_vec();
    content.resize(40 << 20, b'\n');
    for (name, packed) in [("t.csv.gz", gzip(&content)), ("t.csv.zst", zstandard(&content))] {
        let limit = (32 << 20) + 50 * packed.len();
        assert!(limit < content.len());
        let (message, hint) = refusal(name, packed);
        assert!(message.contains(&format!("it unpacks to more than {limit} bytes")), "{message}");
        assert!(hint.contains("unpack it"), "{hint}");
    }
}

#[test]
fn a_cut_packed_table_is_refused() {
    let lines =
        (0..2_000).map(|i| format!("{i},{}\n", i * 7919 % 1009)).collect::<Vec<_>>().concat();
    for (name, packed) in
        [("t.csv.gz", gzip(lines.as_bytes())), ("t.csv.zst", zstandard(lines.as_bytes()))]
    {
        for length in [4, packed.len() / 2, packed.len() - 3] {
            read(name, &packed[..length], &Dialect::default()).unwrap_err();
        }
    }
}

#[test]
fn a_packed_table_must_say_its_format() {
    let (message, hint) = refusal("t.gz", gzip(TEXT.as_bytes()));
    assert!(message.contains("but a table is one of csv"), "{message}");
    assert_eq!(hint, "name the format before it, such as `table.csv.gz`");
}

#[test]
fn files_of_another_kind_are_named() {
    for (name, content, kind, advice) in [
        ("t.csv", &b"PAR1\x15\x04PAR1"[..], "is a Parquet file", "name it `.parquet`"),
        ("t.csv", b"PK\x03\x04\x14\0", "is a zip archive or a workbook", ".xlsx"),
        ("t.csv", b"BZh91AY&SY\0\0", "is packed with bzip2", "gzip"),
        ("t.jsonl", b"\xfd7zXZ\0\0", "is packed with xz", "gzip"),
        ("t.csv", b"<!DOCTYPE html><html>", "is a web page", "download"),
        (
            "t.parquet",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
            "is a pointer of Git LFS",
            "git lfs pull",
        ),
    ] {
        let (message, hint) = refusal(name, content);
        assert!(message.contains(kind) && hint.contains(advice), "{message} ({hint})");
    }
    assert_eq!(texts(&plain("t.csv", "BZhash,b\n1,2\n"), "BZhash"), ["1"]);
}

#[test]
fn separators_are_found_from_the_header_and_said() {
    for (content, shown) in [
        ("x;label\n1;a,b\n2;c\n", ";"),
        ("x\tlabel\n1\ta,b\n2\tc\n", "tab"),
        ("x|label\n1|a,b\n2|c\n", "|"),
        ("x;\"label\"\n\"1\";a,b\n2;c\n", ";"),
        ("sep=;\r\nx;label\r\n1;a,b\r\n2;c\r\n", ";"),
        ("x;label\n\n1;a,b\n2;c\n", ";"),
    ] {
        let table = plain("t.csv", content);
        assert_eq!(texts(&table, "x"), ["1", "2"], "{content}");
        assert_eq!(texts(&table, "label"), ["a,b", "c"], "{content}");
        let remark = table.remarks().join("\n");
        assert!(remark.contains(&format!("separated by `{shown}`")), "{remark}");
    }
    assert_eq!(texts(&plain("t.tsv", "x;y\n1;2\n"), "y"), ["2"]);
    assert_eq!(texts(&plain("t.tsv", "x,y\n1,2\n"), "y"), ["2"]);
}

#[test]
fn a_header_of_one_column_or_several_by_the_usual_separator_stays() {
    let table = plain("t.csv", "is it; or not\nyes\nno\n");
    assert_eq!(texts(&table, "is it; or not"), ["yes", "no"]);
    let table = plain("t.csv", "a,b;c\n1,2\n");
    assert_eq!(texts(&table, "b;c"), ["2"]);
    assert!(table.remarks().is_empty());
    assert_eq!(texts(&plain("t.csv", "a\n1;5\n"), "a"), ["1;5"]);
}

#[test]
fn a_separator_that_is_named_is_not_sought() {
    let dialect =
        |written: &str| Dialect { delimiter: Some(written.parse().unwrap()), ..Dialect::default() };
    let table = read("t.csv", "a;b\n1;2\n", &dialect(",")).unwrap();
    assert_eq!(texts(&table, "a;b"), ["1;2"]);
    let table = read("t.csv", "a b\n1 2\n", &dialect(" ")).unwrap();
    assert_eq!(texts(&table, "b"), ["2"]);
    let error = read("t.jsonl", "{\"a\": 1}\n", &dialect(";")).unwrap_err();
    assert!(error.to_string().starts_with("`--delimiter` is given for the table"), "{error}");
    assert!(error.to_string().ends_with("applies to csv, tsv alone"), "{error}");
}

fn commas() -> Dialect {
    Dialect { decimal: Some(DecimalMark::Comma), ..Dialect::default() }
}

#[test]
fn decimal_commas_are_found_where_nothing_else_can_be_meant() {
    let content = "x;y;label;id\n1,5;1.234,5;a;1,2a\n2;-0,25;b;x\n;1e3;c;3,4\n#N/A;,5;3,5;y\n";
    let table = plain("t.csv", content);
    assert_eq!(texts(&table, "x"), ["1.5", "2", "", ""]);
    assert_eq!(numbers(&table, "y"), [Some(1234.5), Some(-0.25), Some(1000.0), Some(0.5)]);
    assert_eq!(texts(&table, "label"), ["a", "b", "c", "3,5"]);
    assert_eq!(texts(&table, "id"), ["1,2a", "x", "3,4", "y"]);
    let remarks = table.remarks().join("\n");
    assert!(remarks.contains("decimal marks in `x`, `y`;"), "{remarks}");
}

#[test]
fn commas_and_points_that_may_stand_between_thousands_are_left_and_said() {
    for (cells, example) in [(["1,234", "5,678"], "1,234"), (["1,5", "2.5"], "2.5")] {
        let table = plain("t.csv", format!("x;y\n{};a\n{};b\n", cells[0], cells[1]));
        assert_eq!(texts(&table, "x"), cells);
        let remarks = table.remarks().join("\n");
        assert!(remarks.contains(&format!("`x` (`{example}`)")), "{remarks}");
    }
    let points = plain("t.csv", "x;y\n1.5;1.234\n2.5;2.345\n");
    assert_eq!(numbers(&points, "x"), [Some(1.5), Some(2.5)]);
    assert_eq!(numbers(&points, "y"), [Some(1.234), Some(2.345)]);
    assert_eq!(points.remarks().len(), 1, "only the separator is said: {:?}", points.remarks());
}

#[test]
fn decimal_commas_are_read_where_they_are_said() {
    let content =
        "x,y,z,note\n\"1,234\",\"1.234\",\"1.5\",\"a, b\"\n\"2\",\"2.345,5\",\"2\",\"1,5\"\n";
    let table = read("t.csv", content, &commas()).unwrap();
    assert_eq!(numbers(&table, "x"), [Some(1.234), Some(2.0)]);
    assert_eq!(numbers(&table, "y"), [Some(1234.0), Some(2345.5)]);
    assert_eq!(texts(&table, "z"), ["1.5", "2"]);
    assert_eq!(texts(&table, "note"), ["a, b", "1,5"]);
    assert!(table.remarks().join("\n").contains("`z` (`1.5`)"), "{:?}", table.remarks());
    let dialect = Dialect { decimal: Some(DecimalMark::Point), ..Dialect::default() };
    let table = read("t.csv", "x;y\n1,5;a\n", &dialect).unwrap();
    assert_eq!(texts(&table, "x"), ["1,5"]);
}

#[test]
fn columns_without_a_name_or_with_the_same_are_set_aside_with_a_line() {
    let table = plain("t.csv", ",x,y,x, \n0,1,2,3,4\n1,5,6,7,8\n");
    let names: Vec<&str> = table.column_names().iter().map(ColumnName::as_str).collect();
    assert_eq!(names, ["x", "y"]);
    assert_eq!(texts(&table, "y"), ["2", "6"]);
    let error = table.column(&ColumnName::from("x")).unwrap_err();
    assert_eq!(error.to_string(), "the table has several columns `x`");
    assert_eq!(
        table.remarks(),
        [
            "set aside, for want of a name: column 1, 5",
            "a name that several columns have is not read `x` (2 times)",
        ]
    );
}

#[test]
fn a_number_with_a_comma_is_answered_with_the_flag_that_reads_it() {
    let table = plain("t.csv", "x,y\n\"1,000\",a\n");
    let error = table.column(&ColumnName::from("x")).unwrap().cell(0).number().unwrap_err();
    assert!(error.to_string().contains("`1,000`"), "{error}");
    let hint = error.hint().unwrap();
    assert!(hint.ends_with("where the decimal mark is a comma say `--decimal ,`"), "{hint}");
}
