//! Rows that a reader refuses, and what is done about them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use sensorium_core::ColumnName;

use crate::TableError;
use crate::limits::MAX_BAD_ROWS;

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
    /// The line of the file that the row starts in, from 1, where the format has lines.
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
    /// noted; so are rows beyond [`MAX_BAD_ROWS`]. A row keeps the first of its faults.
    pub(crate) fn note(&mut self, error: TableError) -> Result<(), TableError> {
        match (error, self.on_bad_row) {
            (TableError::Row(row), OnBadRow::LeaveOut) if self.rows.len() == MAX_BAD_ROWS => {
                Err(TableError::TooMuch {
                    what: format!("what cannot be read of `{}`", row.path.display()),
                    got: format!("more than {MAX_BAD_ROWS} rows (the last: {row})"),
                    limit: format!("{MAX_BAD_ROWS} rows"),
                })
            }
            (TableError::Row(row), OnBadRow::LeaveOut) => {
                self.rows.entry(row.row).or_insert(row);
                Ok(())
            }
            (error, _) => Err(error),
        }
    }

    /// Takes over the rows that were refused in one of several files, with `rows_before` rows of the
    /// table before its own.
    pub(crate) fn append(&mut self, of_file: Self, rows_before: usize) -> Result<(), TableError> {
        of_file.rows.into_values().try_for_each(|bad| {
            let bad = Arc::unwrap_or_clone(bad);
            let row = rows_before + bad.row;
            self.note(TableError::Row(Arc::new(BadRow { row, rows_before, ..bad })))
        })
    }

    pub(crate) fn get(&self, row: usize) -> Option<&Arc<BadRow>> {
        // Most tables have none, and this is asked of every cell.
        if self.rows.is_empty() { None } else { self.rows.get(&row) }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &BadRow> {
        self.rows.values().map(|row| &**row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(row: usize) -> TableError {
        TableError::Row(Arc::new(BadRow {
            path: PathBuf::from("t.csv"),
            row,
            rows_before: 0,
            line: None,
            column: None,
            got: "has 1 cells".to_owned(),
            expected: "the header has 2".to_owned(),
            advice: String::new(),
        }))
    }

    #[test]
    fn a_row_keeps_the_first_of_its_faults_and_other_faults_are_not_noted() {
        let mut rows = BadRows::new(OnBadRow::LeaveOut);
        rows.note(bad(3)).unwrap();
        rows.note(bad(3)).unwrap();
        let shown: Vec<String> = rows.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["row 4 of `t.csv` has 1 cells, but the header has 2"]);
        let other = TableError::UnclosedQuote { path: PathBuf::from("t.csv"), line: 2 };
        assert!(rows.note(other).is_err());
        assert!(BadRows::new(OnBadRow::Refuse).note(bad(3)).is_err());
    }

    #[test]
    fn a_file_of_bad_rows_alone_does_not_fill_the_memory() {
        let mut rows = BadRows::new(OnBadRow::LeaveOut);
        let refused = (0..).find_map(|row| rows.note(bad(row)).err()).unwrap().to_string();
        assert_eq!(rows.iter().count(), MAX_BAD_ROWS);
        assert_eq!(
            refused,
            "what cannot be read of `t.csv` is more than 500000 rows (the last: row 500001 of \
             `t.csv` has 1 cells, but the header has 2), but at most 500000 rows is allowed"
        );
    }
}
