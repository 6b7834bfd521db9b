//! Rows that a reader refuses, and what is done about them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use sensorium_core::ColumnName;

use crate::TableError;

/// What to do with a row that is not a row as the others are, such as one with a cell too few, with
/// bytes that are no text, or a line that is not JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBadRow {
    /// Refuse the table, naming the row.
    #[default]
    Refuse,
    /// Keep the row's place, and say why of each of its cells when it is asked for.
    LeaveOut,
}

/// One row of a file that is not a row as the others are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row {}{} of `{}` {got}, but {expected}", .row - .rows_before + 1, shown_line(*.line), .path.display())]
pub struct BadRow {
    /// The table's file.
    pub path: PathBuf,
    /// Index of the row in the table, from 0; shown counting from 1 in its file.
    pub row: usize,
    /// The table's rows from files before this one, where several make it.
    pub rows_before: usize,
    /// The line of the file that the row starts in, from 1, where the format has lines; in CSV that
    /// of the empty lines before it, if there are any.
    pub line: Option<u64>,
    /// The column, where one cell is to blame.
    pub column: Option<ColumnName>,
    /// What was got, such as `has 3 cells`.
    pub got: String,
    /// What was expected, such as `2 were expected`.
    pub expected: String,
    /// What to do about it.
    pub advice: String,
}

fn shown_line(line: Option<u64>) -> String {
    line.map_or_else(String::new, |line| format!(" (line {line})"))
}

/// The rows of a table that its reader refused.
#[derive(Debug, Default)]
pub(crate) struct BadRows {
    on_bad_row: OnBadRow,
    rows: BTreeMap<usize, Arc<BadRow>>,
}

impl BadRows {
    pub(crate) fn new(on_bad_row: OnBadRow) -> Self {
        Self { on_bad_row, rows: BTreeMap::new() }
    }

    /// Notes the row that a reader refused, or hands back what is no row's fault, or is not to be
    /// noted. A row keeps the first of its faults.
    pub(crate) fn note(&mut self, error: TableError) -> Result<(), TableError> {
        match (error, self.on_bad_row) {
            (TableError::Row(row), OnBadRow::LeaveOut) => {
                self.rows.entry(row.row).or_insert(row);
                Ok(())
            }
            (error, _) => Err(error),
        }
    }

    /// Takes over the rows that were refused in one of several files, with `rows_before` rows of the
    /// table before its own.
    pub(crate) fn append(&mut self, of_file: Self, rows_before: usize) {
        self.rows.extend(of_file.rows.into_iter().map(|(row, bad)| {
            let row = rows_before + row;
            (row, Arc::new(BadRow { row, rows_before, ..Arc::unwrap_or_clone(bad) }))
        }));
    }

    pub(crate) fn get(&self, row: usize) -> Option<&Arc<BadRow>> {
        // Most tables have none, and this is asked of every cell.
        if self.rows.is_empty() { None } else { self.rows.get(&row) }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &BadRow> {
        self.rows.values().map(|row| &**row)
    }
}
