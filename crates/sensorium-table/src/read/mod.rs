//! Readers of table files: one file each, and one line in [`FORMATS`].

mod arrow;
mod carried;
mod class_folders;
mod csv;
mod dataset;
mod decimal;
mod encoding;
mod excel;
mod foreign;
mod format;
mod header;
mod json;
mod json_array;
mod json_lines;
mod kinds;
mod oddities;
mod packing;
mod pages;
mod parquet;
mod quotes;
mod separator;
mod several;
mod source;

use std::path::Path;

pub(crate) use dataset::{Found, find};
pub(crate) use encoding::NoText;
pub(crate) use packing::{EXTENSIONS as PACKED, UnpacksToTooMuch};

use sensorium_core::ColumnName;

use self::kinds::Kinds;
use self::source::Source;
use crate::bad_row::BadRows;
use crate::storage::{BuildError, Spill, Storage};
use crate::{Annotation, ReadOptions, TableError};

/// What a reader makes of a file.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) names: Vec<ColumnName>,
    pub(crate) columns: Vec<Storage>,
    /// What the file says of each column.
    pub(crate) annotations: Vec<Option<Annotation>>,
    pub(crate) num_rows: usize,
    pub(crate) bad_rows: BadRows,
    pub(crate) spill: Spill,
    /// Names that several columns had, none of which is read.
    pub(crate) doubled: Vec<ColumnName>,
    /// What a person should know of how the file was read.
    pub(crate) remarks: Vec<String>,
}

impl Content {
    fn new(names: Vec<ColumnName>, columns: Vec<Storage>, num_rows: usize, spill: Spill) -> Self {
        let annotations = vec![None; names.len()];
        Self {
            names,
            columns,
            annotations,
            num_rows,
            bad_rows: BadRows::default(),
            spill,
            doubled: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// Notes which columns hold lists or dates, and says which hold values of several kinds.
    fn see_kinds(&mut self, kinds: &[Kinds]) {
        self.annotations = kinds.iter().map(Kinds::annotation).collect();
        let columns = self.names.iter().zip(kinds);
        self.remarks.extend(columns.filter_map(|(name, kinds)| kinds.remark(name)));
    }

    /// Keeps the columns whose index is such.
    fn retain(&mut self, is_kept: impl Fn(usize) -> bool) {
        fn keep<T>(all: &mut Vec<T>, is_kept: impl Fn(usize) -> bool) {
            let mut index = 0..;
            all.retain(|_| index.next().is_some_and(&is_kept));
        }
        keep(&mut self.names, &is_kept);
        keep(&mut self.columns, &is_kept);
        keep(&mut self.annotations, &is_kept);
    }
}

/// What to do about bytes that are not UTF-8.
const NAME_THE_ENCODING: &str = "name the encoding that it was saved in, such as `--encoding \
                                 windows-1252`, or save it in UTF-8";

type Read = fn(&Source<'_>) -> Result<Content, TableError>;

/// The reader of every extension.
const FORMATS: &[(&str, Read)] = &[
    ("csv", csv::read_commas),
    ("tsv", csv::read_tabs),
    ("jsonl", json_lines::read),
    ("ndjson", json_lines::read),
    ("json", json_array::read),
    ("parquet", parquet::read),
    ("arrow", arrow::read),
    ("feather", arrow::read),
    ("xlsx", excel::read),
];

/// Reads a file in the format that its extension says, in upper or lower case; that of a packing
/// may follow it.
fn content(path: &Path, options: &ReadOptions) -> Result<Content, TableError> {
    let extension = format::table_extension(path).unwrap_or_default();
    let format = FORMATS.iter().find(|(name, _)| extension == *name);
    let Some((_, read)) = format else {
        let valid = FORMATS.iter().map(|(name, _)| *name).collect();
        return Err(TableError::UnknownFormat { path: path.to_owned(), valid });
    };
    if let Some((flag, extensions)) =
        options.dialect.given().find(|(_, extensions)| !extensions.contains(&extension.as_str()))
    {
        return Err(TableError::NotForFormat { path: path.to_owned(), flag, extensions });
    }
    read(&Source::new(path, options)).map(header::set_aside)
}

/// Checks that a column has a name; the others are set aside.
fn check_header(path: &Path, names: &[ColumnName]) -> Result<(), TableError> {
    let refuse = |problem| Err(TableError::Header { path: path.to_owned(), problem });
    if names.is_empty() {
        return refuse("there are none".to_owned());
    }
    if names.iter().all(header::is_unnamed) {
        return refuse("none has a name".to_owned());
    }
    Ok(())
}

/// A limit or the disk refused a value; `place` says where in the file.
fn refused(error: BuildError, path: &Path, place: impl FnOnce() -> String) -> TableError {
    match error {
        BuildError::Spill(source) => TableError::Spill { source },
        BuildError::TableTooLarge { got, limit, file_bytes } => TableError::TooMuch {
            what: format!("the table `{}`, read up to {},", path.display(), place()),
            got: format!("{got} bytes in memory"),
            limit: format!("{limit} bytes for a file of {file_bytes} bytes"),
        },
        BuildError::UnknownClass { code, classes } => {
            let place = format!("{} of `{}`", place(), path.display());
            TableError::UnknownClass { place, code, classes }
        }
        BuildError::TooMuch { what, got, limit } => {
            let what = format!("{what} in {} of `{}`", place(), path.display());
            TableError::TooMuch { what, got, limit }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use sensorium_core::Hint;

    use super::*;

    fn read(path: &str) -> Result<Content, TableError> {
        content(Path::new(path), &ReadOptions::default())
    }

    #[test]
    fn an_unknown_extension_is_named_with_those_that_are_read() {
        let error = read("a/table.ods").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the table `a/table.ods` has the extension `ods`, but a table is one of csv, tsv, \
             jsonl, ndjson, json, parquet, arrow, feather, xlsx"
        );
        assert_eq!(error.hint().unwrap(), "save the table in one of these formats, named so");
        let error = read("table").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the table `table` has no extension, but a table is one of csv, tsv, jsonl, ndjson, \
             json, parquet, arrow, feather, xlsx"
        );
    }

    #[test]
    fn every_format_names_a_file_that_is_not_there() {
        for (extension, _) in FORMATS {
            let path = PathBuf::from(format!("no/such/table.{extension}"));
            let error = content(&path, &ReadOptions::default()).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("could not read the table `no/such/table.{extension}`")
            );
        }
    }

    #[test]
    fn every_format_refuses_a_folder_and_an_empty_file() {
        let folder = tempfile::tempdir().unwrap();
        for (extension, _) in FORMATS {
            let path = folder.path().join(format!("folder.{extension}"));
            std::fs::create_dir(&path).unwrap();
            content(&path, &ReadOptions::default()).unwrap_err();
            let path = folder.path().join(format!("empty.{extension}"));
            std::fs::write(&path, "").unwrap();
            content(&path, &ReadOptions::default()).unwrap_err();
        }
    }
}
