//! What the targets of tables share: a file is written, read, and every cell looked at.

use std::cell::RefCell;
use std::fs;

use sensorium_table::{Column, OnBadRow, ReadOptions, Table};
use tempfile::TempDir;

thread_local! {
    // One folder for the whole run; a new one each time would be most of the work.
    static FOLDER: RefCell<TempDir> = RefCell::new(tempfile::tempdir().expect("room for a folder"));
}

pub fn read(extension: &str, bytes: &[u8]) {
    FOLDER.with_borrow(|folder| {
        let path = folder.path().join(format!("table.{extension}"));
        fs::write(&path, bytes).expect("room for a file");
        let options = ReadOptions { on_bad_row: OnBadRow::LeaveOut, ..ReadOptions::default() };
        let left_out = Table::read_with(&path, &options);
        let Ok(table) = Table::read(&path, None).or(left_out) else { return };
        let _ = table.summaries();
        for name in table.column_names() {
            if let Ok(column) = table.column(name) {
                look_at(&column, table.num_rows());
            }
        }
    });
}

fn look_at(column: &Column<'_>, num_rows: usize) {
    for row in 0..num_rows.min(1_000) {
        let cell = column.cell(row);
        let _ = (cell.text(), cell.number(), cell.media(1 << 16));
    }
}
