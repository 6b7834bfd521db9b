//! Readers of table files: one file each, and one line in [`FORMATS`].

mod csv;
mod json;
mod json_lines;
mod oddities;
mod pages;
mod parquet;
mod quotes;

use std::collections::BTreeSet;
use std::path::Path;

use sensorium_core::ColumnName;

use crate::bad_row::BadRows;
use crate::storage::{BuildError, Spill, Storage};
use crate::{ReadOptions, TableError};

/// What a reader makes of a file.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) names: Vec<ColumnName>,
    pub(crate) columns: Vec<Storage>,
    pub(crate) num_rows: usize,
    pub(crate) bad_rows: BadRows,
    /// What a person should look at: whole sentences.
    pub(crate) remarks: Vec<String>,
    pub(crate) spill: Spill,
}

type Read = fn(&Path, &ReadOptions) -> Result<Content, TableError>;

/// The reader of every extension.
const FORMATS: &[(&str, Read)] = &[
    ("csv", csv::read_commas),
    ("tsv", csv::read_tabs),
    ("jsonl", json_lines::read),
    ("ndjson", json_lines::read),
    ("parquet", parquet::read),
];

/// Reads a file in the format that its extension says, in upper or lower case.
pub(crate) fn content(path: &Path, options: &ReadOptions) -> Result<Content, TableError> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let format = FORMATS.iter().find(|(name, _)| extension.eq_ignore_ascii_case(name));
    let Some((_, read)) = format else {
        let valid = FORMATS.iter().map(|(name, _)| *name).collect();
        return Err(TableError::UnknownFormat { path: path.to_owned(), valid });
    };
    read(path, options)
}

/// Checks that every column has a name of its own.
fn check_header(path: &Path, names: &[ColumnName]) -> Result<(), TableError> {
    let refuse = |problem| Err(TableError::Header { path: path.to_owned(), problem });
    if names.is_empty() {
        return refuse("there are none".to_owned());
    }
    let mut seen = BTreeSet::new();
    for (index, name) in names.iter().enumerate() {
        if name.as_str().trim().is_empty() {
            return refuse(format!("column {} has no name", index + 1));
        }
        if !seen.insert(name) {
            return refuse(format!("two are named `{}`", name.shown()));
        }
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

    #[test]
    fn an_unknown_extension_is_named_with_those_that_are_read() {
        let content = |path: &str| content(Path::new(path), &ReadOptions::default());
        let error = content("a/table.xlsx").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the table `a/table.xlsx` has the extension `xlsx`, but a table is one of csv, tsv, \
             jsonl, ndjson, parquet"
        );
        assert_eq!(error.hint().unwrap(), "save the table in one of these formats, named so");
        let error = content("table").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the table `table` has no extension, but a table is one of csv, tsv, jsonl, ndjson, \
             parquet"
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
