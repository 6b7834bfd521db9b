//! The table itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sensorium_core::{CellRef, ColumnName};

use crate::media::Folders;
use crate::read::Content;
use crate::storage::{Spill, Storage};
use crate::{Cell, MissingValues, TableError, Value, read};

/// Rows and typed columns; row numbers are those of the file.
#[derive(Debug)]
pub struct Table {
    names: Vec<ColumnName>,
    columns: Vec<Storage>,
    num_rows: usize,
    pub(crate) folders: Folders,
    pub(crate) spill: Spill,
    missing: MissingValues,
}

/// One column of a [`Table`].
#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    table: &'a Table,
    index: usize,
    missing: &'a MissingValues,
}

impl Table {
    /// Reads a CSV, TSV, JSON Lines or Parquet file, told by its extension.
    ///
    /// Paths in cells are relative to the table's folder and may not leave `media_root`, which is
    /// the table's folder where `None`. Cells keep their text as written, so that the label `007`
    /// stays `007`; an empty cell, a null and an absent key are missing cells. Embedded media go to
    /// a temporary file.
    ///
    /// # Errors
    ///
    /// [`TableError`] naming the file, and the row and column where there is one.
    pub fn read(path: &Path, media_root: Option<&Path>) -> Result<Self, TableError> {
        let Content { names, columns, num_rows, spill } = read::content(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let folders = Folders::new(folder, media_root.unwrap_or(folder))?;
        let missing = MissingValues::default();
        Ok(Self { names, columns, num_rows, folders, spill, missing })
    }

    /// A table of values that are already in memory, such as one row from a command line.
    ///
    /// Paths in cells are relative to `media_root`.
    ///
    /// # Errors
    ///
    /// [`TableError`] where a row has not one value for each column, two columns share a name, or
    /// `media_root` is not a folder.
    pub fn from_rows(
        columns: Vec<ColumnName>,
        rows: Vec<Vec<Value>>,
        media_root: &Path,
    ) -> Result<Self, TableError> {
        check_distinct(&columns)?;
        let expected = columns.len();
        let num_rows = rows.len();
        let mut values: Vec<Vec<Value>> = vec![Vec::with_capacity(num_rows); expected];
        for (row, cells) in rows.into_iter().enumerate() {
            if cells.len() != expected {
                return Err(TableError::RowLength { row, got: cells.len(), expected });
            }
            values.iter_mut().zip(cells).for_each(|(column, cell)| column.push(cell));
        }
        let folders = Folders::new(media_root, media_root)?;
        let stored = values.into_iter().map(Storage::Mixed).collect();
        let (spill, missing) = (Spill::default(), MissingValues::default());
        Ok(Self { names: columns, columns: stored, num_rows, folders, spill, missing })
    }

    /// The columns' names, in the file's order.
    pub fn column_names(&self) -> &[ColumnName] {
        &self.names
    }

    /// The number of rows.
    pub fn num_rows(&self) -> usize {
        self.num_rows
    }

    /// The column of that name.
    ///
    /// # Errors
    ///
    /// [`TableError::UnknownColumn`] with the nearest name; [`TableError::UnsupportedColumn`] where
    /// its type is not read.
    pub fn column(&self, name: &ColumnName) -> Result<Column<'_>, TableError> {
        let Some(index) = self.names.iter().position(|candidate| candidate == name) else {
            let valid = self.names.clone();
            return Err(TableError::UnknownColumn { column: name.clone(), valid });
        };
        if let Storage::Unsupported(kind) = &self.columns[index] {
            let (column, kind) = (name.clone(), kind.clone());
            return Err(TableError::UnsupportedColumn { column, kind });
        }
        Ok(self.column_at(index))
    }

    fn column_at(&self, index: usize) -> Column<'_> {
        Column { table: self, index, missing: &self.missing }
    }

    /// Every column, those of a type that is not read included.
    pub(crate) fn all_columns(&self) -> impl Iterator<Item = Column<'_>> {
        (0..self.names.len()).map(|index| self.column_at(index))
    }
}

fn check_distinct(columns: &[ColumnName]) -> Result<(), TableError> {
    let mut seen = BTreeSet::new();
    match columns.iter().find(|&column| !seen.insert(column)) {
        Some(column) => Err(TableError::DuplicateColumn { column: column.clone() }),
        None => Ok(()),
    }
}

impl<'a> Column<'a> {
    /// The column's name.
    pub fn name(&self) -> &'a ColumnName {
        &self.table.column_names()[self.index]
    }

    /// The same column with other words for an absent value than the usual ones.
    #[must_use]
    pub fn with_missing_values(self, missing: &'a MissingValues) -> Self {
        Self { missing, ..self }
    }

    /// The cell in `row`, counting from 0.
    ///
    /// # Panics
    ///
    /// If the table has no such row.
    pub fn cell(&self, row: usize) -> Cell<'a> {
        let num_rows = self.table.num_rows;
        assert!(row < num_rows, "row {row} is asked of a table of {num_rows} rows");
        Cell::new(CellRef::new(row, self.name()), self.table, self.storage(), self.missing)
    }

    /// The words of the column that stand for an absent value, such as `NA`, and how many cells hold
    /// each.
    #[must_use]
    pub fn missing_words(&self) -> BTreeMap<String, usize> {
        let mut words = BTreeMap::new();
        for row in 0..self.table.num_rows {
            if let Some(word) = self.cell(row).missing_word() {
                *words.entry(word.to_owned()).or_default() += 1;
            }
        }
        words
    }

    pub(crate) fn storage(&self) -> &'a Storage {
        &self.table.columns[self.index]
    }

    pub(crate) fn table(&self) -> &'a Table {
        self.table
    }
}

#[cfg(test)]
mod tests {
    use sensorium_core::Hint;

    use super::*;

    fn names(names: &[&str]) -> Vec<ColumnName> {
        names.iter().map(|name| ColumnName::from(*name)).collect()
    }

    #[test]
    fn a_table_is_shared_between_threads() {
        fn is_shared<T: Send + Sync>() {}
        is_shared::<Table>();
        is_shared::<Cell<'_>>();
    }

    #[test]
    fn an_unknown_column_is_named_with_the_nearest() {
        let table = Table::from_rows(names(&["photo", "label"]), vec![], Path::new(".")).unwrap();
        let error = table.column(&ColumnName::from("lable")).unwrap_err();
        assert_eq!(error.to_string(), "the table has no column `lable`");
        assert_eq!(error.hint().unwrap(), "did you mean `label`? the columns are: photo, label");
    }

    #[test]
    fn rows_in_memory_must_fit_the_columns() {
        let rows = vec![vec![Value::Missing], vec![Value::Missing, Value::Missing]];
        let error = Table::from_rows(names(&["a"]), rows, Path::new(".")).unwrap_err();
        assert_eq!(error.to_string(), "row 2 has 2 values, but there are 1 columns");
        let error = Table::from_rows(names(&["a", "a"]), vec![], Path::new(".")).unwrap_err();
        assert_eq!(error.to_string(), "the column `a` is given twice");
    }
}
