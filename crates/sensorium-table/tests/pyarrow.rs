//! Parquet files as pyarrow writes them: what their cells read, and damage that must do no harm.
//!
//! The files and what is expected of them are made by `reference/table/parquet.py`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use sensorium_core::{ColumnName, Seed};
use sensorium_table::{Cell, Table};
use serde_json::Value;

/// The folder of each codec.
fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/table_parquet");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert_eq!(cases.len(), 5);
    cases
}

/// What `read` makes of every cell of the columns that `expected` has.
fn columns(table: &Table, expected: &Value, read: impl Fn(Cell<'_>) -> Value) -> Value {
    let names = expected.as_object().unwrap().keys();
    let columns = names.map(|name| {
        let column = table.column(&ColumnName::from(name.as_str())).unwrap();
        let cells: Vec<Value> = (0..table.num_rows()).map(|row| read(column.cell(row))).collect();
        (name.clone(), cells.into())
    });
    Value::Object(columns.collect())
}

#[test]
fn every_type_reads_what_pyarrow_wrote_with_every_codec() {
    for folder in cases() {
        let case: Value =
            serde_json::from_slice(&fs::read(folder.join("case.json")).unwrap()).unwrap();
        let table = Table::read(&folder.join("table.parquet"), None).unwrap();
        let texts = columns(&table, &case["texts"], |cell| cell.text().unwrap().into());
        assert_eq!(texts, case["texts"], "{}", folder.display());
        let mut numbers = case["numbers"].clone();
        for value in numbers.as_object_mut().unwrap().values_mut() {
            for number in value.as_array_mut().unwrap() {
                *number = number.as_f64().into();
            }
        }
        let read = columns(&table, &numbers, |cell| cell.number().unwrap().into());
        assert_eq!(read, numbers, "{}", folder.display());
    }
}

#[test]
fn a_damaged_file_never_panics() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("damaged.parquet");
    for folder in cases() {
        let whole = fs::read(folder.join("table.parquet")).unwrap();
        let seed = Seed::new(1).derive(&folder.file_name().unwrap().to_string_lossy());
        for round in 0..300 {
            let mut damaged = whole.clone();
            for change in 0..=round % 3 {
                let draw = seed.at(round).at(change).value();
                let place = usize::try_from(draw >> 8).unwrap() % whole.len();
                damaged[place] = draw.to_le_bytes()[0];
            }
            fs::write(&path, damaged).unwrap();
            if let Ok(table) = Table::read(&path, None) {
                let _ = table.summaries();
            }
        }
    }
}

/// Found by fuzzing: a page says that its values are in a dictionary which the file does not have.
#[test]
fn a_page_without_its_dictionary_is_refused() {
    let folder = cases().into_iter().find(|folder| folder.ends_with("lz4")).unwrap();
    let mut file = fs::read(folder.join("table.parquet")).unwrap();
    (file[970], file[2_802]) = (0o63, 0o246);
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("damaged.parquet");
    fs::write(&path, file).unwrap();
    let message = Table::read(&path, None).unwrap_err().to_string();
    assert!(message.contains("its pages contradict each other"), "{message}");
}
