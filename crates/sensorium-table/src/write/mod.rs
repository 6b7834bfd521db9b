//! Result tables, such as predictions: written row by row, in the format that the extension says.
//!
//! The file is there once [`TableWriter::finish`] has returned, and not before: see
//! [`crate::atomic`]. A format is one file here and one line in [`FORMATS`].

mod csv;
mod error;
mod json_lines;
mod parquet;

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub use error::WriteError;

use crate::atomic::AtomicFile;

/// The type of a column that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputType {
    /// [`OutputCell::Text`].
    Text,
    /// [`OutputCell::Integer`].
    Integer,
    /// [`OutputCell::Number`].
    Number,
    /// [`OutputCell::NumberList`].
    NumberList,
    /// [`OutputCell::Vector`] of so many numbers in every row.
    Vector(usize),
}

/// A cell that is written.
#[derive(Clone, Debug, PartialEq)]
pub enum OutputCell {
    /// Nothing: an empty cell, a null.
    Missing,
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A finite number.
    Number(f64),
    /// Finite numbers, such as the probability of every class; in CSV a JSON array.
    NumberList(Vec<f64>),
    /// Finite numbers, as many in every row, such as an embedding; in CSV a JSON array.
    Vector(Vec<f32>),
}

/// Writes a table to a `.parquet`, `.csv` or `.jsonl` file.
#[derive(Debug)]
pub struct TableWriter {
    columns: Vec<(String, OutputType)>,
    path: PathBuf,
    num_rows: usize,
    sink: Box<dyn Sink>,
}

/// Writes checked rows in one format.
trait Sink: fmt::Debug + Send {
    fn write(&mut self, rows: &[Vec<OutputCell>]) -> io::Result<()>;
    /// Writes what is still held back and gives the file for committing.
    fn finish(self: Box<Self>) -> io::Result<AtomicFile>;
}

type Open = fn(AtomicFile, &[(String, OutputType)]) -> io::Result<Box<dyn Sink>>;

/// The writer of every extension.
const FORMATS: &[(&str, Open)] =
    &[("parquet", parquet::open), ("csv", csv::open), ("jsonl", json_lines::open)];

impl TableWriter {
    /// Starts a file of these columns.
    ///
    /// # Errors
    ///
    /// [`WriteError`] for an unknown extension, two columns of one name, or a folder that cannot be
    /// written; nothing has been written then.
    pub fn create(path: &Path, columns: Vec<(String, OutputType)>) -> Result<Self, WriteError> {
        let open = format_of(path)?;
        check_distinct(path, &columns)?;
        Self::over(AtomicFile::create(path)?, open, columns)
    }

    fn over(
        file: AtomicFile,
        open: Open,
        columns: Vec<(String, OutputType)>,
    ) -> Result<Self, WriteError> {
        let path = file.path().to_owned();
        let sink = open(file, &columns);
        let sink = sink.map_err(|source| WriteError::Write { path: path.clone(), source })?;
        Ok(Self { columns, path, num_rows: 0, sink })
    }

    /// Appends rows.
    ///
    /// # Errors
    ///
    /// [`WriteError`] where a row does not fit the columns or holds a number that is not finite,
    /// or the disk refuses; the file must then be given up.
    pub fn write(&mut self, rows: &[Vec<OutputCell>]) -> Result<(), WriteError> {
        for (index, row) in rows.iter().enumerate() {
            self.check(self.num_rows + index, row)?;
        }
        self.num_rows += rows.len();
        let written = self.sink.write(rows);
        written.map_err(|source| WriteError::Write { path: self.path.clone(), source })
    }

    /// Writes what is left and gives the file its name.
    ///
    /// # Errors
    ///
    /// [`WriteError::Write`] naming the path; what was there before is then still there.
    pub fn finish(self) -> Result<(), WriteError> {
        let Self { path, sink, .. } = self;
        sink.finish().map_err(|source| WriteError::Write { path, source })?.commit()
    }

    fn check(&self, row: usize, cells: &[OutputCell]) -> Result<(), WriteError> {
        let path = || self.path.clone();
        if cells.len() != self.columns.len() {
            let (got, expected) = (cells.len(), self.columns.len());
            return Err(WriteError::RowLength { path: path(), row, got, expected });
        }
        for (cell, (column, expected)) in cells.iter().zip(&self.columns) {
            if !cell.fits(*expected) {
                let (column, got, expected) = (column.clone(), cell.clone(), *expected);
                return Err(WriteError::CellType { path: path(), row, column, got, expected });
            }
            if let Some(got) = cell.not_finite() {
                let column = column.clone();
                return Err(WriteError::NotFinite { path: path(), row, column, got });
            }
        }
        Ok(())
    }
}

fn format_of(path: &Path) -> Result<Open, WriteError> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let format = FORMATS.iter().find(|(name, _)| extension.eq_ignore_ascii_case(name));
    format.map(|(_, open)| *open).ok_or_else(|| WriteError::UnknownFormat {
        path: path.to_owned(),
        valid: FORMATS.iter().map(|(name, _)| *name).collect(),
    })
}

fn check_distinct(path: &Path, columns: &[(String, OutputType)]) -> Result<(), WriteError> {
    let mut seen = BTreeSet::new();
    match columns.iter().find(|(name, _)| !seen.insert(name)) {
        None => Ok(()),
        Some((column, _)) => {
            Err(WriteError::DuplicateColumn { path: path.to_owned(), column: column.clone() })
        }
    }
}

impl OutputCell {
    fn fits(&self, expected: OutputType) -> bool {
        match self {
            Self::Missing => true,
            Self::Text(_) => expected == OutputType::Text,
            Self::Integer(_) => expected == OutputType::Integer,
            Self::Number(_) => expected == OutputType::Number,
            Self::NumberList(_) => expected == OutputType::NumberList,
            Self::Vector(numbers) => expected == OutputType::Vector(numbers.len()),
        }
    }

    /// A number in the cell that is NaN or infinite, which JSON and CSV cannot hold.
    fn not_finite(&self) -> Option<f64> {
        let numbers = match self {
            Self::Number(number) => std::slice::from_ref(number),
            Self::NumberList(numbers) => numbers,
            Self::Vector(numbers) => {
                return numbers.iter().find(|number| !number.is_finite()).map(|&got| got.into());
            }
            Self::Missing | Self::Text(_) | Self::Integer(_) => &[],
        };
        numbers.iter().copied().find(|number| !number.is_finite())
    }

    /// The cell as JSON, `null` where it is missing.
    fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Missing => serde_json::Value::Null,
            Self::Text(text) => text.as_str().into(),
            Self::Integer(whole) => (*whole).into(),
            Self::Number(number) => (*number).into(),
            Self::NumberList(numbers) => numbers.as_slice().into(),
            Self::Vector(numbers) => numbers.as_slice().into(),
        }
    }
}

/// Writes all bytes of a line.
fn write_line(file: &mut AtomicFile, line: &[u8]) -> io::Result<()> {
    file.write_all(line)?;
    file.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;
    use sensorium_core::{ColumnName, Hint};

    use super::*;
    use crate::Table;

    fn columns() -> Vec<(String, OutputType)> {
        [
            ("label", OutputType::Text),
            ("rank", OutputType::Integer),
            ("score", OutputType::Number),
            ("probabilities", OutputType::NumberList),
            ("embedding", OutputType::Vector(2)),
        ]
        .map(|(name, kind)| (name.to_owned(), kind))
        .to_vec()
    }

    fn row(label: &str, rank: i64, score: f64, probabilities: &[f64]) -> Vec<OutputCell> {
        vec![
            OutputCell::Text(label.to_owned()),
            OutputCell::Integer(rank),
            OutputCell::Number(score),
            OutputCell::NumberList(probabilities.to_vec()),
            OutputCell::Vector(vec![0.5, -2.25]),
        ]
    }

    fn texts(table: &Table, column: &str) -> Vec<Option<String>> {
        let column = table.column(&ColumnName::from(column)).unwrap();
        let text = |row| column.cell(row).text().unwrap().map(std::borrow::Cow::into_owned);
        (0..table.num_rows()).map(text).collect()
    }

    fn round_trip(extension: &str, batches: &[Vec<Vec<OutputCell>>]) -> Table {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format!("predictions.{extension}"));
        let mut writer = TableWriter::create(&path, columns()).unwrap();
        for rows in batches {
            writer.write(rows).unwrap();
        }
        assert!(!path.exists(), "the file appears when it is finished");
        writer.finish().unwrap();
        Table::read(&path, None).unwrap()
    }

    #[test]
    fn every_format_reads_back_what_was_written() {
        let batches = [
            vec![row("a \"b\", c\nd", 1, 0.1, &[0.25, 0.75]), row("007", -2, 3.0, &[])],
            vec![],
            vec![vec![
                OutputCell::Missing,
                OutputCell::Missing,
                OutputCell::Missing,
                OutputCell::Missing,
                OutputCell::Missing,
            ]],
            vec![row("größe", i64::MAX, 1e-300, &[1.0])],
        ];
        for (extension, _) in FORMATS {
            let table = round_trip(extension, &batches);
            let some = |texts: [&str; 4]| {
                texts.map(|text| Some(text.to_owned()).filter(|text| !text.is_empty())).to_vec()
            };
            assert_eq!(texts(&table, "label"), some(["a \"b\", c\nd", "007", "", "größe"]));
            assert_eq!(texts(&table, "rank"), some(["1", "-2", "", "9223372036854775807"]));
            let score = table.column(&ColumnName::from("score")).unwrap();
            let scores: Vec<_> = (0..4).map(|row| score.cell(row).number().unwrap()).collect();
            assert_eq!(scores, [Some(0.1), Some(3.0), None, Some(1e-300)], "{extension}");
            assert_eq!(
                texts(&table, "probabilities"),
                some(["[0.25,0.75]", "[]", "", "[1.0]"]),
                "{extension}"
            );
            let vector = "[0.5,-2.25]";
            assert_eq!(
                texts(&table, "embedding"),
                some([vector, vector, "", vector]),
                "{extension}"
            );
        }
    }

    #[test]
    fn every_format_writes_a_table_without_rows() {
        for (extension, _) in FORMATS.iter().filter(|(extension, _)| *extension != "jsonl") {
            let table = round_trip(extension, &[]);
            assert_eq!(table.num_rows(), 0);
            assert_eq!(table.column_names().len(), 5);
        }
    }

    #[test]
    fn the_same_rows_make_the_same_bytes() {
        for (extension, _) in FORMATS {
            let folder = tempfile::tempdir().unwrap();
            let bytes = |name: &str| {
                let path = folder.path().join(format!("{name}.{extension}"));
                let mut writer = TableWriter::create(&path, columns()).unwrap();
                writer.write(&[row("a", 1, 0.1, &[0.5])]).unwrap();
                writer.finish().unwrap();
                fs::read(path).unwrap()
            };
            assert_eq!(bytes("one"), bytes("two"));
        }
    }

    proptest! {
        // Every file is synced to the disk, which is slow on some.
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_number_comes_back_bit_for_bit(number in proptest::num::f64::NORMAL) {
            for (extension, _) in FORMATS {
                let table = round_trip(extension, &[vec![row("a", 1, number, &[number])]]);
                let cell = table.column(&ColumnName::from("score")).unwrap().cell(0);
                prop_assert_eq!(cell.number().unwrap(), Some(number));
                let list = texts(&table, "probabilities").remove(0).unwrap();
                prop_assert_eq!(serde_json::from_str::<Vec<f64>>(&list).unwrap(), [number]);
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_leaves_nothing() {
        for (extension, open) in FORMATS {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(format!("p.{extension}"));
            let full = crate::atomic::tests::on_a_full_disk(&path);
            let error = TableWriter::over(full, *open, columns())
                .and_then(|mut writer| {
                    writer.write(&vec![row("a", 1, 0.1, &[0.5; 100]); 100])?;
                    writer.finish()
                })
                .unwrap_err();
            assert_eq!(error.to_string(), format!("could not write `{}`", path.display()));
            assert_eq!(
                error.hint().unwrap_or_else(|| format!("{error:?}")),
                "the disk is full: free some space, or write to another folder",
                "{extension}"
            );
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{extension}");
        }
    }

    #[test]
    fn an_unknown_extension_is_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.xlsx");
        let error = TableWriter::create(&path, columns()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "cannot write `{}`: its extension is not one of parquet, csv, jsonl",
                path.display()
            )
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn rows_that_do_not_fit_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.csv");
        let mut writer = TableWriter::create(&path, columns()).unwrap();
        writer.write(&[row("a", 1, 0.1, &[])]).unwrap();
        let mut refusal = |cells: Vec<OutputCell>| {
            let message = writer.write(&[cells]).unwrap_err().to_string();
            message.replace(path.to_str().unwrap(), "p.csv")
        };
        assert_eq!(
            refusal(vec![OutputCell::Missing]),
            "row 2 for `p.csv` has 1 cells, but there are 5 columns"
        );
        assert_eq!(
            refusal(row("a", 1, f64::NAN, &[])),
            "row 2 of column `score` for `p.csv` is NaN, but a finite number was expected"
        );
        assert_eq!(
            refusal(row("a", 1, 0.0, &[0.5, f64::INFINITY])),
            "row 2 of column `probabilities` for `p.csv` is inf, but a finite number was expected"
        );
        let mut cells = row("a", 1, 0.0, &[]);
        cells[1] = OutputCell::Number(1.0);
        assert_eq!(
            refusal(cells),
            "row 2 of column `rank` for `p.csv` is Number(1.0), but Integer was expected"
        );
        let mut cells = row("a", 1, 0.0, &[]);
        cells[4] = OutputCell::Vector(vec![1.0]);
        assert_eq!(
            refusal(cells),
            "row 2 of column `embedding` for `p.csv` is Vector([1.0]), but Vector(2) was expected"
        );
        let twice = vec![("a".to_owned(), OutputType::Text), ("a".to_owned(), OutputType::Text)];
        let error = TableWriter::create(&path, twice).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot write `{}`: two columns are named `a`", path.display())
        );
    }
}
