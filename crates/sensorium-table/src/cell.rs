//! One cell, and the typed questions that may be asked of it.

use std::borrow::Cow;

use sensorium_core::CellRef;

use crate::storage::Held;
use crate::{Column, TableError, label_key, media};

/// What a cell holds. An empty cell is a missing cell, and so is one that
/// [`MissingValues`](crate::MissingValues) names.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing: a null, or an empty text.
    Missing,
    /// Text, a path or a label, as written.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// The bytes of a picture, a sound or another file.
    Bytes(Vec<u8>),
}

/// A cell with its place, which every error it gives names.
#[derive(Clone, Debug)]
pub struct Cell<'a> {
    at: CellRef,
    column: Column<'a>,
}

impl<'a> Cell<'a> {
    pub(crate) fn new(at: CellRef, column: Column<'a>) -> Self {
        Self { at, column }
    }

    /// The cell's place.
    pub fn at(&self) -> &CellRef {
        &self.at
    }

    /// The cell's place, with the file that it names where it holds a text: for errors about what is
    /// in the file.
    pub fn media_at(&self) -> CellRef {
        match self.held() {
            Held::Text(path) => self.at.clone().naming(path),
            _ => self.at.clone(),
        }
    }

    /// Whether the cell holds nothing.
    pub fn is_missing(&self) -> bool {
        self.held() == Held::Missing
    }

    /// The cell as text, or `None` where it is missing. A whole number reads `3`, not `3.0`; a
    /// boolean reads `true` or `false`.
    ///
    /// # Errors
    ///
    /// [`TableError::NotText`] where the cell holds bytes, [`TableError::Row`] where the reader
    /// refused its row.
    pub fn text(&self) -> Result<Option<Cow<'a, str>>, TableError> {
        match self.read()? {
            Held::Missing => Ok(None),
            held => match held.as_text() {
                Some(text) => Ok(Some(text)),
                None => Err(TableError::NotText { at: self.at.clone(), got: held.to_string() }),
            },
        }
    }

    /// The cell as a label, or `None` where it is missing: what labels are compared by, whatever the
    /// file's format; see [`label_key`].
    ///
    /// # Errors
    ///
    /// [`TableError::NotText`] where the cell holds bytes.
    pub fn label(&self) -> Result<Option<Cow<'a, str>>, TableError> {
        Ok(self.text()?.map(|text| match text {
            Cow::Borrowed(text) => label_key(text),
            Cow::Owned(text) => Cow::Owned(label_key(&text).into_owned()),
        }))
    }

    /// The cell as a finite number, or `None` where it is missing. `true` is 1 and `false` 0.
    ///
    /// Text is read as a decimal number such as `3`, `-0.5` or `1e-3`, spaces around it ignored.
    ///
    /// # Errors
    ///
    /// [`TableError::NotNumber`] where the cell is not a number, [`TableError::NotFinite`] where it
    /// is NaN or infinite, [`TableError::Row`] where the reader refused its row.
    pub fn number(&self) -> Result<Option<f64>, TableError> {
        let held = self.read()?;
        if held == Held::Missing {
            return Ok(None);
        }
        let at = || self.at.clone();
        match held.as_number() {
            Some(number) if number.is_finite() => Ok(Some(number)),
            Some(_) => Err(TableError::NotFinite { at: at(), got: held.to_string() }),
            None => Err(TableError::NotNumber { at: at(), got: held.to_string() }),
        }
    }

    /// Whether the cell holds a text, which for media is the path of a file.
    pub fn holds_text(&self) -> bool {
        matches!(self.held(), Held::Text(_))
    }

    /// The bytes of the file that the cell holds or names, or `None` where it is missing.
    ///
    /// A path is relative to the table's own folder; it may be absolute, but where it leads, links
    /// followed, must be inside the media root.
    ///
    /// # Errors
    ///
    /// [`TableError`] where a path leaves the media root or cannot be read, where the file is empty
    /// or larger than `max_bytes`, or where the reader refused the row.
    pub fn media(&self, max_bytes: u64) -> Result<Option<Vec<u8>>, TableError> {
        let (table, at) = (self.column.table(), &self.at);
        match self.read()? {
            Held::Missing => Ok(None),
            Held::Text(path) => media::read(&table.folders, at, path, max_bytes).map(Some),
            Held::Bytes(bytes) => {
                media::check_embedded(at, bytes.len() as u64, max_bytes)?;
                Ok(Some(bytes.to_vec()))
            }
            Held::Spilled(span) => {
                media::check_embedded(at, span.length, max_bytes)?;
                let read = table.spill.read(span, max_bytes);
                read.map(Some).map_err(|source| TableError::Spill { source })
            }
            held => Err(TableError::NotMedia { at: at.clone(), got: held.to_string() }),
        }
    }

    pub(crate) fn held(&self) -> Held<'a> {
        self.column.held(self.at.row)
    }

    /// What the cell holds, or why its row cannot be read.
    fn read(&self) -> Result<Held<'a>, TableError> {
        self.column.table().check_row(self.at.row)?;
        Ok(self.held())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sensorium_core::{ColumnName, Hint};

    use super::*;
    use crate::Table;

    fn table(values: Vec<Value>) -> Table {
        let rows = values.into_iter().map(|value| vec![value]).collect();
        Table::from_rows(vec![ColumnName::from("x")], rows, Path::new(".")).unwrap()
    }

    fn cells(table: &Table) -> Vec<Cell<'_>> {
        let column = table.column(&ColumnName::from("x")).unwrap();
        (0..table.num_rows()).map(|row| column.cell(row)).collect()
    }

    #[test]
    fn text_is_as_written_and_whole_numbers_have_no_fraction() {
        let table = table(vec![
            Value::Text("007".into()),
            Value::Number(3.0),
            Value::Integer(-4),
            Value::Boolean(true),
            Value::Text(String::new()),
            Value::Missing,
            Value::Number(1e300),
            Value::Number(0.1),
        ]);
        let texts: Vec<_> = cells(&table).iter().map(|cell| cell.text().unwrap()).collect();
        let expected = [
            Some("007"),
            Some("3"),
            Some("-4"),
            Some("true"),
            None,
            None,
            Some("1e300"),
            Some("0.1"),
        ];
        assert_eq!(texts.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn numbers_are_read_from_every_type() {
        let table = table(vec![
            Value::Text(" 1e-3 ".into()),
            Value::Text("False".into()),
            Value::Boolean(true),
            Value::Integer(5),
            Value::Missing,
        ]);
        let numbers: Vec<_> = cells(&table).iter().map(|cell| cell.number().unwrap()).collect();
        assert_eq!(numbers, [Some(0.001), Some(0.0), Some(1.0), Some(5.0), None]);
    }

    #[test]
    fn what_is_not_a_finite_number_is_named_with_its_cell() {
        let table = table(vec![
            Value::Text("red".into()),
            Value::Number(f64::INFINITY),
            Value::Text("-inf".into()),
            Value::Bytes(vec![1, 2]),
            Value::Text("x".repeat(200)),
        ]);
        let errors: Vec<String> =
            cells(&table).iter().map(|cell| cell.number().unwrap_err().to_string()).collect();
        let long = "x".repeat(80);
        assert_eq!(
            errors,
            [
                "row 1 of column `x` is `red`, but a number was expected".to_owned(),
                "row 2 of column `x` is `inf`, but a finite number was expected".to_owned(),
                "row 3 of column `x` is `-inf`, but a finite number was expected".to_owned(),
                "row 4 of column `x` is 2 bytes, but a number was expected".to_owned(),
                format!("row 5 of column `x` is `{long}…`, but a number was expected"),
            ]
        );
        let hint = cells(&table)[0].number().unwrap_err().hint();
        assert_eq!(hint.unwrap(), "correct the cell, or declare the column as category or text");
    }

    #[test]
    fn a_number_with_marks_between_its_digits_is_told_how_to_be_written() {
        let hint = |text: &str| {
            let table = table(vec![Value::Text(text.to_owned())]);
            cells(&table)[0].number().unwrap_err().hint().unwrap()
        };
        for text in ["1,000", "-1,234,567.5", "1.234.567", "1 234,5", "1'000", "1_000", "3,5"] {
            assert!(hint(text).contains("marks between thousands"), "{text}");
            assert!(hint(text).contains("`--decimal ,`"), "{text}");
        }
        for text in ["red", "1,000 km", ", ", "12a", "2024-01-31"] {
            assert!(hint(text).starts_with("correct the cell"), "{text}");
        }
    }

    #[test]
    fn bytes_are_media_and_not_text() {
        let table = table(vec![Value::Bytes(vec![1, 2]), Value::Integer(3), Value::Bytes(vec![])]);
        let cells = cells(&table);
        assert_eq!(cells[0].media(2).unwrap(), Some(vec![1, 2]));
        let errors = [
            cells[0].media(1).unwrap_err(),
            cells[0].text().unwrap_err(),
            cells[1].media(9).unwrap_err(),
            cells[2].media(9).unwrap_err(),
        ];
        assert_eq!(
            errors.map(|error| error.to_string()),
            [
                "row 1 of column `x` holds a file of 2 bytes, but at most 1 bytes are allowed",
                "row 1 of column `x` holds 2 bytes, but text was expected",
                "row 2 of column `x` is `3`, but the path of a file, or its bytes, was expected",
                "row 3 of column `x` holds a file without content, but a file with content was \
                 expected",
            ]
        );
    }
}
