//! The table itself.

use std::path::Path;

use sensorium_core::ColumnName;

use crate::{Cell, TableError, Value};

/// Rows and typed columns; row numbers are those of the file.
#[derive(Debug)]
pub struct Table {}

/// One column of a [`Table`].
#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    table: &'a Table,
    index: usize,
}

impl Table {
    /// Reads a CSV, JSON Lines or Parquet file, told by its extension.
    ///
    /// Paths in cells are relative to the table's folder and may not leave `media_root`, which is
    /// the table's folder where `None`.
    ///
    /// # Errors
    ///
    /// [`TableError`] naming the file, and the row and column where there is one.
    pub fn read(path: &Path, media_root: Option<&Path>) -> Result<Self, TableError> {
        let _ = (path, media_root);
        todo!()
    }

    /// A table of values that are already in memory, such as one row from a command line.
    ///
    /// # Errors
    ///
    /// [`TableError`] where a row has not one value for each column.
    pub fn from_rows(
        columns: Vec<ColumnName>,
        rows: Vec<Vec<Value>>,
        media_root: &Path,
    ) -> Result<Self, TableError> {
        let _ = (columns, rows, media_root);
        todo!()
    }

    /// The columns' names, in the file's order.
    pub fn column_names(&self) -> &[ColumnName] {
        todo!()
    }

    /// The number of rows.
    pub fn num_rows(&self) -> usize {
        todo!()
    }

    /// The column of that name.
    ///
    /// # Errors
    ///
    /// [`TableError::UnknownColumn`] with the nearest name.
    pub fn column(&self, name: &ColumnName) -> Result<Column<'_>, TableError> {
        let _ = name;
        todo!()
    }
}

impl<'a> Column<'a> {
    /// The column's name.
    pub fn name(&self) -> &'a ColumnName {
        &self.table.column_names()[self.index]
    }

    /// The cell in `row`, counting from 0.
    ///
    /// # Panics
    ///
    /// If the table has no such row.
    pub fn cell(&self, row: usize) -> Cell<'a> {
        let _ = row;
        todo!()
    }
}
