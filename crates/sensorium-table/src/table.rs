//! The table itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sensorium_core::{CellRef, ColumnName};

use crate::bad_row::BadRows;
use crate::media::Folders;
use crate::read::{Content, Found};
use crate::storage::{Held, Spill, Storage};
use crate::{
    Annotation, BadRow, Cell, Dialect, MissingValues, PhysicalType, ReadOptions, TableError, Value,
    read,
};

/// Rows and typed columns; row numbers are those of the file.
#[derive(Debug)]
pub struct Table {
    names: Vec<ColumnName>,
    columns: Vec<Storage>,
    annotations: Vec<Option<Annotation>>,
    doubled: Vec<ColumnName>,
    remarks: Vec<String>,
    num_rows: usize,
    bad_rows: BadRows,
    files: Vec<PathBuf>,
    dialect: Dialect,
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
    /// Reads a CSV, TSV, JSON, JSON Lines, Parquet, Arrow or Excel file, told by its extension, packed
    /// with gzip or Zstandard or not; a folder of such files, or those that a pattern (`data/*.csv`)
    /// fits, their rows one after another in the order of their names; or a folder of class folders of
    /// pictures or sounds, as columns `image` or `audio`, `label`, and `split` where there are parts.
    ///
    /// Paths in cells start at the table's folder, or at `media_root` where nothing lies there, and may
    /// not leave `media_root`, which is the table's folder where `None`. Cells keep their text as written, so that the label `007`
    /// stays `007`; an empty cell, a null and an absent key are missing cells. Embedded media go to
    /// a temporary file.
    ///
    /// # Errors
    ///
    /// [`TableError`] naming the file, and the row and column where there is one.
    pub fn read(path: &Path, media_root: Option<&Path>) -> Result<Self, TableError> {
        let media_root = media_root.map(Path::to_owned);
        Self::read_with(path, &ReadOptions { media_root, ..ReadOptions::default() })
    }

    /// As [`Table::read`], in the way that the options say.
    ///
    /// # Errors
    ///
    /// [`TableError`] naming the file, and the row and column where there is one.
    pub fn read_with(path: &Path, options: &ReadOptions) -> Result<Self, TableError> {
        let Found { content, folder, files } = read::find(path, options)?;
        let Content { names, columns, annotations, num_rows, bad_rows, spill, doubled, remarks } =
            content;
        let folders = Folders::new(&folder, options.media_root.as_deref().unwrap_or(&folder))?;
        Ok(Self {
            names,
            columns,
            annotations,
            doubled,
            remarks,
            num_rows,
            bad_rows,
            files,
            dialect: options.dialect.clone(),
            folders,
            spill,
            missing: MissingValues::default(),
        })
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
        Ok(Self {
            annotations: vec![None; columns.len()],
            names: columns,
            columns: stored,
            doubled: Vec::new(),
            remarks: Vec::new(),
            num_rows,
            bad_rows: BadRows::default(),
            files: Vec::new(),
            dialect: Dialect::default(),
            folders,
            spill: Spill::default(),
            missing: MissingValues::default(),
        })
    }

    /// The columns' names, in the file's order.
    pub fn column_names(&self) -> &[ColumnName] {
        &self.names
    }

    /// The files that hold the cells: several where a pattern or a folder was named, none where the
    /// table was made in memory or of the names of a folder's files.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// What was said of how the files are written.
    pub fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// What a person should know of how the file was read, a line each: columns that were set
    /// aside, separators and decimal marks that were found, quotation marks that deserve a look.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// The number of rows.
    pub fn num_rows(&self) -> usize {
        self.num_rows
    }

    /// The rows that the reader refused, ascending; none unless [`OnBadRow::LeaveOut`] was asked
    /// for. They keep their places and count as rows, their cells are missing, and whoever asks for
    /// what is in one is told why not.
    ///
    /// [`OnBadRow::LeaveOut`]: crate::OnBadRow::LeaveOut
    pub fn bad_rows(&self) -> impl Iterator<Item = &BadRow> {
        self.bad_rows.iter()
    }

    /// Whether the reader refused the row.
    pub(crate) fn is_bad(&self, row: usize) -> bool {
        self.bad_rows.get(row).is_some()
    }

    /// Why the row cannot be read, where the reader refused it.
    pub(crate) fn check_row(&self, row: usize) -> Result<(), TableError> {
        match self.bad_rows.get(row) {
            Some(bad) => Err(TableError::Row(Arc::clone(bad))),
            None => Ok(()),
        }
    }

    /// The column of that name.
    ///
    /// # Errors
    ///
    /// [`TableError::UnknownColumn`] with the nearest name; [`TableError::UnsupportedColumn`] where
    /// its type is not read; [`TableError::SeveralColumns`] where several columns have the name.
    pub fn column(&self, name: &ColumnName) -> Result<Column<'_>, TableError> {
        let Some(index) = self.names.iter().position(|candidate| candidate == name) else {
            let valid = self.names.clone();
            return Err(TableError::UnknownColumn { column: name.clone(), valid });
        };
        if self.doubled.contains(name) {
            return Err(TableError::SeveralColumns { column: name.clone() });
        }
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
        Cell::new(CellRef::new(row, self.name()), *self)
    }

    /// The words of the column that stand for an absent value, such as `NA`, and how many cells hold
    /// each.
    #[must_use]
    pub fn missing_words(&self) -> BTreeMap<String, usize> {
        let mut words = BTreeMap::new();
        for word in (0..self.table.num_rows).filter_map(|row| self.missing_word(row)) {
            *words.entry(word.to_owned()).or_default() += 1;
        }
        words
    }

    /// What the cell in `row` holds; nothing where it stands for an absent value or the reader
    /// refused the row.
    pub(crate) fn held(&self, row: usize) -> Held<'a> {
        if self.table.is_bad(row) {
            return Held::Missing;
        }
        match self.storage().get(row) {
            Held::Text(text) if self.missing.contain(text) => Held::Missing,
            Held::Number(number) if self.missing.contain_number(number) => Held::Missing,
            Held::Integer(whole) if self.missing.contain_number(whole as f64) => Held::Missing,
            held => held,
        }
    }

    /// The text of a cell that is missing for that word alone.
    pub(crate) fn missing_word(&self, row: usize) -> Option<&'a str> {
        match self.storage().get(row) {
            Held::Text(text) if self.missing.contain(text) && !self.table.is_bad(row) => {
                Some(text.trim()).filter(|word| !word.is_empty())
            }
            _ => None,
        }
    }

    /// What the file says of the column beyond the types of its cells, if anything.
    pub fn annotation(&self) -> Option<&'a Annotation> {
        self.table.annotations[self.index].as_ref()
    }

    pub(crate) fn storage(&self) -> &'a Storage {
        &self.table.columns[self.index]
    }

    /// The type in which the column is stored.
    pub fn physical_type(&self) -> PhysicalType {
        self.storage().physical_type()
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
