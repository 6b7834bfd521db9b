//! Several files as one table: their rows one after another, in the order of their names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sensorium_core::ColumnName;

use super::kinds::{Kind, Kinds};
use super::{Content, content, refused};
use crate::bad_row::BadRows;
use crate::storage::{BuildError, Held, Scalar, Storage, TableBuilder};
use crate::{Annotation, OnBadRow, Part, ReadOptions, TableError};

/// The column that says each file's part, where their names do.
const SPLIT: &str = "split";

/// Reads files whose columns have the same names.
pub(super) fn read(files: &[PathBuf], options: &ReadOptions) -> Result<Content, TableError> {
    if let [file] = files {
        return content(file, options);
    }
    let sizes = files.iter().filter_map(|file| std::fs::metadata(file).ok());
    let total = sizes.map(|metadata| metadata.len()).sum();
    let mut joined = Joined::new(total, options.on_bad_row);
    for file in files {
        joined.push(file, content(file, options)?)?;
    }
    joined.finish(files)
}

/// What has been read so far.
struct Joined {
    table: TableBuilder,
    first: PathBuf,
    columns: Vec<JoinedColumn>,
    /// The rows of each file.
    rows: Vec<usize>,
    num_rows: usize,
    bad_rows: BadRows,
    doubled: BTreeSet<ColumnName>,
    remarks: Vec<String>,
}

struct JoinedColumn {
    name: ColumnName,
    kinds: Kinds,
    annotation: Option<Annotation>,
    /// Its type in a file where it is not read.
    unread: Option<String>,
}

impl Joined {
    fn new(file_bytes: u64, on_bad_row: OnBadRow) -> Self {
        Self {
            table: TableBuilder::new(file_bytes),
            first: PathBuf::new(),
            columns: Vec::new(),
            rows: Vec::new(),
            num_rows: 0,
            bad_rows: BadRows::new(on_bad_row),
            doubled: BTreeSet::new(),
            remarks: Vec::new(),
        }
    }

    fn push(&mut self, file: &Path, content: Content) -> Result<(), TableError> {
        if self.rows.is_empty() {
            self.begin(file, &content)?;
        }
        self.check_columns(file, &content.names)?;
        let limited = self.table.check_rows(self.num_rows + content.num_rows);
        limited.map_err(|error| refused(error, file, || "all its rows".to_owned()))?;
        for index in 0..self.columns.len() {
            let name = self.columns[index].name.clone();
            let from = content.names.iter().position(|other| *other == name);
            self.append(index, &content, from.expect("the columns are the same"))
                .map_err(|error| refused(error, file, || format!("column `{}`", name.shown())))?;
        }
        self.bad_rows.append(content.bad_rows, self.num_rows)?;
        self.num_rows += content.num_rows;
        self.rows.push(content.num_rows);
        self.doubled.extend(content.doubled);
        let said: Vec<String> =
            content.remarks.into_iter().filter(|line| !self.remarks.contains(line)).collect();
        self.remarks.extend(said);
        Ok(())
    }

    fn begin(&mut self, file: &Path, content: &Content) -> Result<(), TableError> {
        file.clone_into(&mut self.first);
        for name in &content.names {
            self.add_column(name.clone())
                .map_err(|error| refused(error, file, || format!("column `{}`", name.shown())))?;
        }
        Ok(())
    }

    fn add_column(&mut self, name: ColumnName) -> Result<usize, BuildError> {
        let column = JoinedColumn { name, kinds: Kinds::default(), annotation: None, unread: None };
        self.columns.push(column);
        self.table.add_column()
    }

    /// Names the first column that only one of two files has.
    fn check_columns(&self, file: &Path, names: &[ColumnName]) -> Result<(), TableError> {
        let known = |name: &&ColumnName| !self.columns.iter().any(|column| column.name == **name);
        let lacks = self.columns.iter().find(|column| !names.contains(&column.name));
        let (column, with, without) = match (lacks, names.iter().find(known)) {
            (Some(column), _) => (&column.name, self.first.as_path(), file),
            (None, Some(name)) => (name, file, self.first.as_path()),
            (None, None) => return Ok(()),
        };
        Err(TableError::ColumnsDiffer {
            column: column.clone(),
            with: with.to_owned(),
            without: without.to_owned(),
        })
    }

    /// Appends one column of a file.
    fn append(&mut self, index: usize, content: &Content, from: usize) -> Result<(), BuildError> {
        let (column, storage) = (&mut self.columns[index], &content.columns[from]);
        if let Storage::Unsupported(kind) = storage {
            column.unread.get_or_insert_with(|| kind.clone());
            return Ok(());
        }
        if let Some(annotation) = &content.annotations[from] {
            column.annotation.get_or_insert_with(|| annotation.clone());
        }
        let of_annotation = match &content.annotations[from] {
            Some(Annotation::List) => Some(Kind::List),
            Some(Annotation::Date) => Some(Kind::Date),
            _ => None,
        };
        // Of a row that was left out, columns that are stored one after another hold cells.
        let is_good = |row: &usize| content.bad_rows.get(*row).is_none();
        for row in (0..content.num_rows).filter(is_good) {
            let spilled;
            let value = match storage.get(row) {
                Held::Missing => continue,
                Held::Text(text) => Scalar::Text(text),
                Held::Integer(whole) => Scalar::Integer(whole),
                Held::Number(number) => Scalar::Number(number),
                Held::Boolean(flag) => Scalar::Boolean(flag),
                Held::Bytes(bytes) => Scalar::Bytes(bytes),
                Held::Spilled(span) => {
                    spilled = content.spill.read(span, u64::MAX).map_err(BuildError::Spill)?;
                    Scalar::Bytes(&spilled)
                }
            };
            let joined = self.num_rows + row;
            match of_annotation {
                Some(kind) => column.kinds.see(kind, joined),
                None => column.kinds.see_value(value, joined),
            }
            self.table.set(index, joined, value)?;
        }
        Ok(())
    }

    fn finish(mut self, files: &[PathBuf]) -> Result<Content, TableError> {
        self.add_parts(files)
            .map_err(|error| refused(error, &files[0], || "its rows".to_owned()))?;
        let Self { table, columns, num_rows, bad_rows, doubled, remarks, .. } = self;
        let (stored, spill) = table.finish();
        let names = columns.iter().map(|column| column.name.clone()).collect();
        let mut content = Content::new(names, stored, num_rows, spill);
        content.bad_rows = bad_rows;
        content.doubled = doubled.into_iter().collect();
        content.remarks = remarks;
        for (index, column) in columns.into_iter().enumerate() {
            content.annotations[index] = column.annotation;
            content.remarks.extend(column.kinds.remark(&column.name));
            if let Some(kind) = column.unread {
                content.columns[index] = Storage::Unsupported(kind);
            }
        }
        Ok(content)
    }

    /// A column of the parts that the files' names begin with, where all do and they differ.
    fn add_parts(&mut self, files: &[PathBuf]) -> Result<(), BuildError> {
        let parts: Option<Vec<Part>> = files.iter().map(|file| part_of(file)).collect();
        let Some(parts) = parts.filter(|parts| parts.iter().any(|part| *part != parts[0])) else {
            return Ok(());
        };
        if self.columns.iter().any(|column| column.name.as_str() == SPLIT) {
            return Ok(());
        }
        let column = self.add_column(ColumnName::from(SPLIT))?;
        self.table.check_rows(self.num_rows)?;
        let rows = parts.iter().zip(&self.rows).flat_map(|(part, rows)| vec![*part; *rows]);
        for (row, part) in rows.enumerate() {
            self.table.set(column, row, Scalar::Text(&part.to_string()))?;
        }
        let remark =
            "the column `split` is made of the parts that the files or their folders are named by";
        self.remarks.push(remark.to_owned());
        Ok(())
    }
}

/// The part that a file's name begins with, such as `train-00000-of-00004.parquet`, or else the name
/// of its folder.
fn part_of(file: &Path) -> Option<Part> {
    let name = file.file_name()?.to_str()?;
    let of_name = Part::of_word(name.split(['-', '_', '.']).next()?);
    of_name.or_else(|| Part::of_word(file.parent()?.file_name()?.to_str()?))
}
