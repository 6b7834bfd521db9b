//! From values one by one to columns in the narrowest type that holds them as written.

use std::io;

use super::{Span, Sparse, Spill, Storage, Texts, text_from_number};
use crate::limits::{
    MAX_CELLS, MAX_COLUMNS, MAX_TABLE_TEXT_BYTES, MAX_TEXT_BYTES, max_media_bytes, max_table_bytes,
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
    /// The whole table is larger in memory than its file may make it, in bytes.
    TableTooLarge { got: u64, limit: u64, file_bytes: u64 },
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

/// The memory that the cells of a table take, and may take.
#[derive(Debug, Default)]
struct Budget {
    held: u64,
    limit: u64,
    file_bytes: u64,
}

impl Budget {
    /// A cell of a fixed width; what keeps the present apart from the missing comes to this.
    const CELL: u64 = 8;
    /// A text beside its bytes.
    const TEXT: u64 = 5;
    /// Where bytes lie in the temporary file.
    const SPAN: u64 = 17;

    fn new(file_bytes: u64) -> Self {
        Self { held: 0, limit: max_table_bytes(file_bytes), file_bytes }
    }

    fn take(&mut self, bytes: u64) -> Result<(), BuildError> {
        self.held += bytes;
        self.check(0)
    }

    fn give_back(&mut self, bytes: u64) {
        self.held = self.held.saturating_sub(bytes);
    }

    /// Checks that `more` bytes may be held too.
    fn check(&self, more: u64) -> Result<(), BuildError> {
        let (got, limit) = (self.held.saturating_add(more), self.limit);
        if got <= limit {
            return Ok(());
        }
        Err(BuildError::TableTooLarge { got, limit, file_bytes: self.file_bytes })
    }
}

/// Columns under construction, with what they share: the limits and the temporary file.
#[derive(Debug, Default)]
pub(crate) struct TableBuilder {
    columns: Vec<ColumnBuilder>,
    spill: Spill,
    text_bytes: usize,
    budget: Budget,
    max_media_bytes: u64,
}

impl TableBuilder {
    /// A table without columns, read from a file of `file_bytes` bytes.
    pub(crate) fn new(file_bytes: u64) -> Self {
        let (budget, max_media_bytes) = (Budget::new(file_bytes), max_media_bytes(file_bytes));
        Self { budget, max_media_bytes, ..Self::default() }
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
        // Which rows of a column are present is told by 12 bytes for 64 rows.
        self.budget.check(cells as u64 * 3 / 16)
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
        let (builder, budget) = (&mut self.columns[column], &mut self.budget);
        match value {
            Scalar::Missing => Ok(()),
            Scalar::Bytes(bytes) => {
                let total = self.spill.length() + bytes.len() as u64;
                check_media(total, self.max_media_bytes)?;
                let span = self.spill.push(bytes).map_err(BuildError::Spill)?;
                builder.put_span(row, span, budget)
            }
            scalar => builder.put(row, scalar, budget),
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

    /// The columns, and the file that holds their media.
    pub(crate) fn finish(self) -> (Vec<Storage>, Spill) {
        let columns = self.columns.into_iter().map(ColumnBuilder::finish);
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
    fn put(
        &mut self,
        row: usize,
        value: Scalar<'_>,
        budget: &mut Budget,
    ) -> Result<(), BuildError> {
        self.fit(value, budget)?;
        match (&mut self.0, value) {
            (Storage::Integer(values), Scalar::Integer(whole)) => values.put(row, whole),
            (Storage::Number(values), Scalar::Integer(whole)) => values.put(row, whole as f64),
            (Storage::Number(values), Scalar::Number(number)) => values.put(row, number),
            (Storage::Boolean(values), Scalar::Boolean(flag)) => values.put(row, flag),
            (Storage::Text(texts) | Storage::Media { paths: texts, .. }, value) => {
                return put_text(texts, row, value, budget);
            }
            _ => unreachable!("`fit` has widened the column to hold the value"),
        }
        budget.take(Budget::CELL)
    }

    fn put_span(&mut self, row: usize, span: Span, budget: &mut Budget) -> Result<(), BuildError> {
        if !matches!(self.0, Storage::Media { .. }) {
            self.widen_to_text(budget)?;
            let Storage::Text(paths) = std::mem::replace(&mut self.0, Self::default().0) else {
                unreachable!("the column has just become text");
            };
            self.0 = Storage::Media { spans: Sparse::default(), paths };
        }
        if let Storage::Media { spans, .. } = &mut self.0 {
            spans.put(row, span);
        }
        budget.take(Budget::SPAN)
    }

    /// Widens the column until it can hold `value`.
    fn fit(&mut self, value: Scalar<'_>, budget: &mut Budget) -> Result<(), BuildError> {
        match (&mut self.0, value) {
            // No value yet: the first one decides.
            (Storage::Text(texts), value) if texts.is_all_empty() => match value {
                Scalar::Integer(_) => self.0 = Storage::Integer(Sparse::default()),
                Scalar::Number(_) => self.0 = Storage::Number(Sparse::default()),
                Scalar::Boolean(_) => self.0 = Storage::Boolean(Sparse::default()),
                Scalar::Missing | Scalar::Text(_) | Scalar::Bytes(_) => {}
            },
            (Storage::Integer(values), Scalar::Number(_)) if values.all(is_exact) => {
                let mut numbers = Sparse::default();
                for (row, whole) in std::mem::take(values).into_present() {
                    numbers.put(row, whole as f64);
                }
                self.0 = Storage::Number(numbers);
            }
            (Storage::Number(_), Scalar::Integer(whole)) if is_exact(whole) => {}
            (Storage::Text(_) | Storage::Media { .. }, _)
            | (Storage::Integer(_), Scalar::Integer(_))
            | (Storage::Number(_), Scalar::Number(_))
            | (Storage::Boolean(_), Scalar::Boolean(_)) => {}
            _ => self.widen_to_text(budget)?,
        }
        Ok(())
    }

    /// The values as text; those of another type are freed as they are passed.
    fn widen_to_text(&mut self, budget: &mut Budget) -> Result<(), BuildError> {
        match std::mem::replace(&mut self.0, Self::default().0) {
            Storage::Integer(values) => self.put_texts(values, Scalar::Integer, budget),
            Storage::Number(values) => self.put_texts(values, Scalar::Number, budget),
            Storage::Boolean(values) => self.put_texts(values, Scalar::Boolean, budget),
            other => {
                self.0 = other;
                Ok(())
            }
        }
    }

    fn put_texts<T: Copy>(
        &mut self,
        values: Sparse<T>,
        scalar: impl Fn(T) -> Scalar<'static>,
        budget: &mut Budget,
    ) -> Result<(), BuildError> {
        let mut texts = Texts::default();
        for (row, value) in values.into_present() {
            budget.give_back(Budget::CELL);
            put_text(&mut texts, row, scalar(value), budget)?;
        }
        self.0 = Storage::Text(texts);
        Ok(())
    }

    fn finish(mut self) -> Storage {
        match &mut self.0 {
            Storage::Text(texts) => texts.shrink(),
            Storage::Integer(values) => values.shrink(),
            Storage::Number(values) => values.shrink(),
            Storage::Boolean(values) => values.shrink(),
            Storage::Media { spans, paths } => {
                spans.shrink();
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

fn put_text(
    texts: &mut Texts,
    row: usize,
    value: Scalar<'_>,
    budget: &mut Budget,
) -> Result<(), BuildError> {
    let mut put = |text: &str| {
        budget.take(text.len() as u64 + Budget::TEXT)?;
        texts.put(row, text)
    };
    match value {
        Scalar::Text(text) => put(text),
        Scalar::Integer(whole) => put(&whole.to_string()),
        Scalar::Number(number) => put(&text_from_number(number)),
        Scalar::Boolean(flag) => put(if flag { "true" } else { "false" }),
        Scalar::Missing | Scalar::Bytes(_) => Ok(()),
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
        builder.finish().0.remove(0)
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
        let mut builder = TableBuilder::new(0);
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

    #[test]
    fn a_table_is_no_larger_than_its_file_may_make_it() {
        let text = "x".repeat(1 << 20);
        let mut builder = TableBuilder::new(1 << 10);
        builder.add_column().unwrap();
        let refused = (0..).find_map(|row| builder.set(0, row, Scalar::Text(&text)).err()).unwrap();
        let BuildError::TableTooLarge { got, limit, file_bytes } = refused else {
            panic!("{refused:?}")
        };
        assert_eq!((limit, file_bytes), ((64 << 20) + (256 << 10), 1 << 10));
        assert!(limit < got && got <= limit + (1 << 20) + 5, "{got}");
    }

    #[test]
    fn missing_cells_count_little_and_present_ones_what_they_take() {
        let mut builder = TableBuilder::new(0);
        (0..1_000).for_each(|_| assert!(builder.add_column().is_ok()));
        for row in 0..100_000 {
            builder.set(row % 1_000, row, Scalar::Integer(1)).unwrap();
        }
        assert!(builder.check_rows(100_000).is_ok());
        assert!(builder.check_rows(500_000).is_err());
    }

    #[test]
    fn a_column_that_becomes_text_is_counted_as_text() {
        let mut builder = TableBuilder::new(0);
        builder.add_column().unwrap();
        for row in 0..10_u64 {
            builder.set(0, usize::try_from(row).unwrap(), Scalar::Integer(i64::MIN)).unwrap();
            assert_eq!(builder.budget.held, (row + 1) * 8);
        }
        builder.set(0, 10, Scalar::Text("a")).unwrap();
        assert_eq!(builder.budget.held, 10 * (20 + 5) + 1 + 5);
    }
}
