//! From values one by one to columns in the narrowest type that holds them as written.

use std::io;

use super::{Span, Sparse, Spill, Storage, Texts, text_from_number};
use crate::limits::{
    MAX_CELLS, MAX_COLUMNS, MAX_TABLE_TEXT_BYTES, MAX_TEXT_BYTES, max_media_bytes,
};

/// One value as a reader meets it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Missing,
    Text(&'a str),
    Integer(i64),
    Number(f64),
    Boolean(bool),
    Bytes(&'a [u8]),
}

/// Why a value could not be stored.
#[derive(Debug)]
pub(crate) enum BuildError {
    /// What passed its limit, the size it has and the limit it has, each with the unit.
    TooMuch { what: &'static str, got: String, limit: String },
    /// The temporary file.
    Spill(io::Error),
    /// A number that stands for no class, of so many that have a name.
    UnknownClass { code: i64, classes: usize },
}

impl BuildError {
    pub(super) fn too_much(what: &'static str, got: usize, limit: usize, unit: &str) -> Self {
        Self::TooMuch { what, got: format!("{got} {unit}"), limit: format!("{limit} {unit}") }
    }
}

/// Columns under construction, with what they share: the limits and the temporary file.
#[derive(Debug, Default)]
pub(crate) struct TableBuilder {
    columns: Vec<ColumnBuilder>,
    spill: Spill,
    text_bytes: usize,
    max_media_bytes: u64,
}

impl TableBuilder {
    /// A table without columns, read from a file of `file_bytes` bytes.
    pub(crate) fn new(file_bytes: u64) -> Self {
        Self { max_media_bytes: max_media_bytes(file_bytes), ..Self::default() }
    }

    /// Adds a column and says which it is.
    pub(crate) fn add_column(&mut self) -> Result<usize, BuildError> {
        if self.columns.len() == MAX_COLUMNS {
            let got = MAX_COLUMNS + 1;
            return Err(BuildError::too_much("the table", got, MAX_COLUMNS, "columns"));
        }
        self.columns.push(ColumnBuilder::default());
        Ok(self.columns.len() - 1)
    }

    /// Checks that the table may have so many rows.
    pub(crate) fn check_rows(&self, num_rows: usize) -> Result<(), BuildError> {
        let cells = num_rows.saturating_mul(self.columns.len().max(1));
        if cells > MAX_CELLS {
            return Err(BuildError::too_much("the table", cells, MAX_CELLS, "cells"));
        }
        Ok(())
    }

    /// Puts a value into `row`, which no value has reached in this column yet.
    pub(crate) fn set(
        &mut self,
        column: usize,
        row: usize,
        value: Scalar<'_>,
    ) -> Result<(), BuildError> {
        if let Scalar::Text(text) = value {
            self.count_text(text.len())?;
        }
        if value == Scalar::Missing {
            return Ok(());
        }
        let builder = &mut self.columns[column];
        builder.pad(row);
        match value {
            Scalar::Bytes(bytes) => {
                let total = self.spill.length() + bytes.len() as u64;
                check_media(total, self.max_media_bytes)?;
                let span = self.spill.push(bytes).map_err(BuildError::Spill)?;
                builder.push_span(span)
            }
            scalar => builder.push(scalar),
        }
    }

    fn count_text(&mut self, bytes: usize) -> Result<(), BuildError> {
        if bytes > MAX_TEXT_BYTES {
            return Err(BuildError::too_much("the text", bytes, MAX_TEXT_BYTES, "bytes"));
        }
        self.text_bytes += bytes;
        if self.text_bytes > MAX_TABLE_TEXT_BYTES {
            let (got, limit) = (self.text_bytes, MAX_TABLE_TEXT_BYTES);
            return Err(BuildError::too_much("the table's text", got, limit, "bytes"));
        }
        Ok(())
    }

    /// The columns, every one of `num_rows` rows, and the file that holds their media.
    pub(crate) fn finish(self, num_rows: usize) -> (Vec<Storage>, Spill) {
        let columns = self.columns.into_iter().map(|column| column.finish(num_rows));
        (columns.collect(), self.spill)
    }
}

fn check_media(got: u64, limit: u64) -> Result<(), BuildError> {
    if got <= limit {
        return Ok(());
    }
    let what = "the table's embedded media";
    Err(BuildError::TooMuch { what, got: format!("{got} bytes"), limit: format!("{limit} bytes") })
}

/// One column under construction. It widens when a value does not fit: integers to numbers,
/// anything to text, text to media.
#[derive(Debug)]
pub(crate) struct ColumnBuilder(Storage);

impl Default for ColumnBuilder {
    fn default() -> Self {
        Self(Storage::Text(Texts::default()))
    }
}

impl ColumnBuilder {
    /// Missing cells until there are `num_rows`.
    fn pad(&mut self, num_rows: usize) {
        match &mut self.0 {
            Storage::Text(texts) => texts.pad(num_rows),
            Storage::Integer(values) => values.pad(num_rows),
            Storage::Number(values) => values.pad(num_rows),
            Storage::Boolean(values) => values.pad(num_rows),
            Storage::Media { spans, paths } => {
                spans.resize(num_rows.max(spans.len()), None);
                paths.pad(num_rows);
            }
            Storage::Mixed(_) | Storage::Unsupported(_) => {}
        }
    }

    fn push(&mut self, value: Scalar<'_>) -> Result<(), BuildError> {
        self.fit(value)?;
        match (&mut self.0, value) {
            (Storage::Integer(values), Scalar::Integer(whole)) => values.push(whole),
            (Storage::Number(values), Scalar::Integer(whole)) => values.push(whole as f64),
            (Storage::Number(values), Scalar::Number(number)) => values.push(number),
            (Storage::Boolean(values), Scalar::Boolean(flag)) => values.push(flag),
            (Storage::Text(texts), value) => push_text(texts, value)?,
            (Storage::Media { spans, paths }, value) => {
                spans.push(None);
                push_text(paths, value)?;
            }
            _ => unreachable!("`fit` has widened the column to hold the value"),
        }
        Ok(())
    }

    fn push_span(&mut self, span: Span) -> Result<(), BuildError> {
        if !matches!(self.0, Storage::Media { .. }) {
            self.widen_to_text()?;
            let Storage::Text(paths) = std::mem::replace(&mut self.0, Self::default().0) else {
                unreachable!("the column has just become text");
            };
            self.0 = Storage::Media { spans: vec![None; paths.len()], paths };
        }
        if let Storage::Media { spans, paths } = &mut self.0 {
            paths.push("")?;
            spans.push(Some(span));
        }
        Ok(())
    }

    /// Widens the column until it can hold `value`.
    fn fit(&mut self, value: Scalar<'_>) -> Result<(), BuildError> {
        match (&self.0, value) {
            // No value yet: the first one decides.
            (Storage::Text(texts), value) if texts.is_all_empty() => {
                let rows = texts.len();
                match value {
                    Scalar::Integer(_) => self.0 = Storage::Integer(Sparse::missing(rows)),
                    Scalar::Number(_) => self.0 = Storage::Number(Sparse::missing(rows)),
                    Scalar::Boolean(_) => self.0 = Storage::Boolean(Sparse::missing(rows)),
                    Scalar::Missing | Scalar::Text(_) | Scalar::Bytes(_) => {}
                }
            }
            (Storage::Integer(values), Scalar::Number(_)) if values.all(is_exact) => {
                let numbers = values.map(|whole| whole as f64);
                self.0 = Storage::Number(numbers);
            }
            (Storage::Number(_), Scalar::Integer(whole)) if is_exact(whole) => {}
            (Storage::Text(_) | Storage::Media { .. }, _)
            | (Storage::Integer(_), Scalar::Integer(_))
            | (Storage::Number(_), Scalar::Number(_))
            | (Storage::Boolean(_), Scalar::Boolean(_)) => {}
            _ => self.widen_to_text()?,
        }
        Ok(())
    }

    fn widen_to_text(&mut self) -> Result<(), BuildError> {
        let rows = match &self.0 {
            Storage::Integer(values) => values.len(),
            Storage::Number(values) => values.len(),
            Storage::Boolean(values) => values.len(),
            _ => return Ok(()),
        };
        let mut texts = Texts::default();
        for row in 0..rows {
            texts.push(&self.0.get(row).as_text().unwrap_or_default())?;
        }
        self.0 = Storage::Text(texts);
        Ok(())
    }

    fn finish(mut self, num_rows: usize) -> Storage {
        self.pad(num_rows);
        match &mut self.0 {
            Storage::Text(texts) => texts.shrink(),
            Storage::Integer(values) => values.shrink(),
            Storage::Number(values) => values.shrink(),
            Storage::Boolean(values) => values.shrink(),
            Storage::Media { spans, paths } => {
                spans.shrink_to_fit();
                paths.shrink();
            }
            Storage::Mixed(_) | Storage::Unsupported(_) => {}
        }
        self.0
    }
}

/// Whether a whole number is the same as an `f64`: at most 2^53 away from zero.
fn is_exact(whole: i64) -> bool {
    whole.unsigned_abs() <= 1 << 53
}

fn push_text(texts: &mut Texts, value: Scalar<'_>) -> Result<(), BuildError> {
    match value {
        Scalar::Text(text) => texts.push(text),
        Scalar::Integer(whole) => texts.push(&whole.to_string()),
        Scalar::Number(number) => texts.push(&text_from_number(number)),
        Scalar::Boolean(flag) => texts.push(if flag { "true" } else { "false" }),
        Scalar::Missing | Scalar::Bytes(_) => texts.push(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PhysicalType;

    fn column(values: &[Scalar<'_>]) -> Storage {
        let mut builder = TableBuilder::new(0);
        let column = builder.add_column().unwrap();
        for (row, value) in values.iter().enumerate() {
            builder.set(column, row, *value).unwrap();
        }
        builder.finish(values.len()).0.remove(0)
    }

    fn texts(storage: &Storage, rows: usize) -> Vec<String> {
        (0..rows).map(|row| storage.get(row).to_string()).collect()
    }

    #[test]
    fn a_column_keeps_the_type_of_its_values() {
        use Scalar::{Boolean, Integer, Missing, Number, Text};
        for (values, expected) in [
            ([Missing, Integer(1), Integer(-2)], PhysicalType::Integer),
            ([Number(0.5), Missing, Number(2.0)], PhysicalType::Number),
            ([Missing, Boolean(true), Boolean(false)], PhysicalType::Boolean),
            ([Text("a"), Missing, Text("b")], PhysicalType::Text),
            ([Integer(1), Missing, Number(0.5)], PhysicalType::Number),
            ([Missing, Missing, Missing], PhysicalType::Text),
        ] {
            let stored = column(&values);
            assert_eq!(stored.physical_type(), expected, "{values:?}");
            for (row, value) in values.iter().enumerate() {
                assert_eq!(*value == Missing, stored.get(row) == super::super::Held::Missing);
            }
        }
    }

    #[test]
    fn a_column_of_mixed_values_becomes_text_as_written() {
        let stored = column(&[
            Scalar::Integer(7),
            Scalar::Missing,
            Scalar::Text("007"),
            Scalar::Boolean(true),
            Scalar::Number(0.25),
        ]);
        assert_eq!(stored.physical_type(), PhysicalType::Text);
        assert_eq!(texts(&stored, 5), ["`7`", "missing", "`007`", "`true`", "`0.25`"]);
    }

    #[test]
    fn a_whole_number_that_no_float_holds_is_not_rounded() {
        let big = (1 << 53) + 1;
        let stored = column(&[Scalar::Integer(big), Scalar::Number(0.5)]);
        assert_eq!(texts(&stored, 2), ["`9007199254740993`", "`0.5`"]);
        let stored = column(&[Scalar::Number(0.5), Scalar::Integer(big)]);
        assert_eq!(texts(&stored, 2), ["`0.5`", "`9007199254740993`"]);
    }

    #[test]
    fn bytes_and_paths_share_a_column() {
        let stored = column(&[Scalar::Text("a.png"), Scalar::Missing, Scalar::Bytes(b"xyz")]);
        assert_eq!(stored.physical_type(), PhysicalType::Media);
        assert_eq!(texts(&stored, 3), ["`a.png`", "missing", "3 bytes"]);
    }

    #[test]
    fn media_may_not_fill_the_disk_from_a_small_file() {
        let mut builder = TableBuilder::new(0);
        builder.max_media_bytes = 5;
        builder.add_column().unwrap();
        builder.set(0, 0, Scalar::Bytes(b"abc")).unwrap();
        let refused = builder.set(0, 1, Scalar::Bytes(b"def")).unwrap_err();
        assert!(matches!(
            refused,
            BuildError::TooMuch { ref got, ref limit, .. }
                if got == "6 bytes" && limit == "5 bytes"
        ));
        assert_eq!(TableBuilder::new(3).max_media_bytes, 1_073_744_824);
    }

    #[test]
    fn limits_are_named_before_memory_is_taken() {
        let mut builder = TableBuilder::default();
        builder.add_column().unwrap();
        let refused = builder.check_rows(MAX_CELLS + 1).unwrap_err();
        assert!(matches!(
            refused,
            BuildError::TooMuch { ref got, ref limit, .. }
                if got == "1000000001 cells" && limit == "1000000000 cells"
        ));
        let long = "x".repeat(MAX_TEXT_BYTES + 1);
        assert!(builder.set(0, 0, Scalar::Text(&long)).is_err());
        assert!(builder.set(0, 0, Scalar::Text(&long[1..])).is_ok());
    }
}
