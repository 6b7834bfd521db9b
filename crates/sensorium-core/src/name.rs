//! How a column and a cell are named to a person.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::{shown, shown_up_to};

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

    /// The name as a message may show it: on one line, and not longer than a person reads.
    pub fn shown(&self) -> Cow<'_, str> {
        shown(&self.0)
    }
}

impl From<&str> for ColumnName {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

/// The name itself, as files have it; messages use [`ColumnName::shown`].
impl fmt::Display for ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One cell of a table, shown as ``row 12 of column `photo` ``, or
/// ``row 12 of column `photo` (`a.png`)`` where its file is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellRef {
    /// Index of the row in its file, from 0 and without the header; shown counting from 1.
    pub row: usize,
    /// The cell's column.
    pub column: ColumnName,
    /// One word wide: errors hold a cell, and they are handed through everywhere.
    file: Option<Box<NamedFile>>,
}

/// The file that a cell names, where it names one and that matters.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NamedFile(String);

impl CellRef {
    /// The cell at `row` (from 0) of `column`.
    pub fn new(row: usize, column: &ColumnName) -> Self {
        Self { row, column: column.clone(), file: None }
    }

    /// The same cell with the file that it names.
    #[must_use]
    pub fn naming(self, file: &str) -> Self {
        Self { file: Some(Box::new(NamedFile(file.to_owned()))), ..self }
    }
}

impl fmt::Display for CellRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {} of column `{}`", self.row + 1, self.column.shown())?;
        match &self.file {
            // Longer than other values: the end of a path says the most.
            Some(file) => write!(f, " (`{}`)", shown_up_to(&file.0, 200)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_shown_counting_from_one() {
        let cell = CellRef::new(11, &ColumnName::from("photo"));
        assert_eq!(cell.to_string(), "row 12 of column `photo`");
        let named = cell.naming("a/b.png");
        assert_eq!(named.to_string(), "row 12 of column `photo` (`a/b.png`)");
    }

    #[test]
    fn a_name_or_a_path_cannot_write_to_the_terminal() {
        let name = ColumnName::from("img\n\u{1b}]0;owned\u{7}");
        assert_eq!(name.shown(), "img\\n\\u{1b}]0;owned\\u{7}");
        assert_eq!(name.to_string(), "img\n\u{1b}]0;owned\u{7}");
        let cell = CellRef::new(0, &name).naming("a\u{9b}2J.png");
        assert!(cell.to_string().ends_with("(`a\\u{9b}2J.png`)"));
    }
}
