//! How a column and a cell are named to a person.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of a table's column, as its header spells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ColumnName(String);

impl ColumnName {
    /// Names a column; the text is kept as it is.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as the header spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ColumnName {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl fmt::Display for ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One cell of a table, shown as ``row 12 of column `photo` ``.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellRef {
    /// Index of the row in its file, from 0 and without the header; shown counting from 1.
    pub row: usize,
    /// The cell's column.
    pub column: ColumnName,
}

impl CellRef {
    /// The cell at `row` (from 0) of `column`.
    pub fn new(row: usize, column: &ColumnName) -> Self {
        Self { row, column: column.clone() }
    }
}

impl fmt::Display for CellRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {} of column `{}`", self.row + 1, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_shown_counting_from_one() {
        let cell = CellRef::new(11, &ColumnName::from("photo"));
        assert_eq!(cell.to_string(), "row 12 of column `photo`");
    }
}
