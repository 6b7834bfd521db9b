//! What can be wrong with a table.

use std::io;
use std::path::{Path, PathBuf};

use sensorium_core::{CellRef, ColumnName, Hint, nearest};

use crate::Part;

/// Why a table, a cell or a split was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The file cannot be opened or read.
    #[error("could not read the table `{}`", .path.display())]
    Read {
        /// The table's file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file's name has no extension of a known format.
    #[error(
        "the table `{}` has {}, but a table is one of {}",
        .path.display(), extension_of(.path), .valid.join(", ")
    )]
    UnknownFormat {
        /// The table's file.
        path: PathBuf,
        /// Every extension that is read.
        valid: Vec<&'static str>,
    },
    /// The names of the columns are not usable.
    #[error("the columns of `{}`: {problem}", .path.display())]
    Header {
        /// The table's file.
        path: PathBuf,
        /// What is wrong with them.
        problem: String,
    },
    /// One row of the file is not a row.
    #[error("row {} (line {line}) of `{}` {got}, but {expected}", .row + 1, .path.display())]
    Row {
        /// The table's file.
        path: PathBuf,
        /// Index of the row, from 0; shown counting from 1.
        row: usize,
        /// The line of the file that the row starts in, from 1; in CSV that of the empty lines
        /// before it, if there are any.
        line: u64,
        /// What was got, such as `has 3 cells`.
        got: String,
        /// What was expected, such as `2 were expected`.
        expected: String,
        /// What to do about it.
        advice: String,
    },
    /// The file as a whole is not of the format that its extension says.
    #[error("the table `{}` is damaged or not {format}: {problem}", .path.display())]
    Damaged {
        /// The table's file.
        path: PathBuf,
        /// The format, such as `Parquet`.
        format: &'static str,
        /// What does not fit.
        problem: String,
    },
    /// A Parquet file whose compression is not read.
    #[error("the table `{}` is compressed with {codec}, which is not read", .path.display())]
    UnreadCodec {
        /// The table's file.
        path: PathBuf,
        /// The codec.
        codec: &'static str,
    },
    /// More than a stated limit.
    #[error("{what} is {got}, but at most {limit} is allowed")]
    TooMuch {
        /// Which cell, row or file.
        what: String,
        /// Its size with the unit.
        got: String,
        /// The limit with the unit.
        limit: String,
    },
    /// The temporary file for embedded media cannot be written or read.
    #[error("could not keep embedded media in a temporary file")]
    Spill {
        /// What the operating system said.
        source: io::Error,
    },
    /// The media root is not a folder that can be read.
    #[error("the media root `{}` cannot be used", .path.display())]
    MediaRoot {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A row in memory has not one value for each column.
    #[error("row {} has {got} values, but there are {expected} columns", .row + 1)]
    RowLength {
        /// Index of the row, from 0; shown counting from 1.
        row: usize,
        /// Its number of values.
        got: usize,
        /// The number of columns.
        expected: usize,
    },
    /// Two columns in memory share a name.
    #[error("the column `{column}` is given twice")]
    DuplicateColumn {
        /// The name.
        column: ColumnName,
    },
    /// No column of that name.
    #[error("the table has no column `{column}`")]
    UnknownColumn {
        /// The name that was asked for.
        column: ColumnName,
        /// The names that there are.
        valid: Vec<ColumnName>,
    },
    /// A column whose type cannot be read.
    #[error("column `{column}` is of the type {kind}, which is not read")]
    UnsupportedColumn {
        /// The column.
        column: ColumnName,
        /// Its type in the file.
        kind: String,
    },
    /// A cell that should be text holds bytes.
    #[error("{at} holds {got}, but text was expected")]
    NotText {
        /// The cell.
        at: CellRef,
        /// What it holds.
        got: String,
    },
    /// A cell that should be a number is none.
    #[error("{at} is {got}, but a number was expected")]
    NotNumber {
        /// The cell.
        at: CellRef,
        /// What it holds.
        got: String,
    },
    /// A cell is NaN or infinite.
    #[error("{at} is {got}, but a finite number was expected")]
    NotFinite {
        /// The cell.
        at: CellRef,
        /// What it holds.
        got: String,
    },
    /// A cell that should be a path or bytes is something else.
    #[error("{at} is {got}, but the path of a file, or its bytes, was expected")]
    NotMedia {
        /// The cell.
        at: CellRef,
        /// What it holds.
        got: String,
    },
    /// A path leads out of the media root.
    #[error(
        "{at} names `{got}`, which is `{}`, but a path inside the media root `{}` was expected",
        .resolved.display(), .root.display()
    )]
    OutsideMediaRoot {
        /// The cell.
        at: CellRef,
        /// The path as written.
        got: String,
        /// Where it leads.
        resolved: PathBuf,
        /// The folder it may not leave.
        root: PathBuf,
    },
    /// A path at which there is nothing.
    #[error("{at} names `{got}`, but there is no file `{}`", .sought.display())]
    MediaNotFound {
        /// The cell.
        at: CellRef,
        /// The path as written.
        got: String,
        /// Where it was looked for.
        sought: PathBuf,
    },
    /// A path at which there is something else than a file.
    #[error("{at} names `{got}`, which is {kind}, but a file was expected")]
    MediaNotFile {
        /// The cell.
        at: CellRef,
        /// The path as written.
        got: String,
        /// What is there.
        kind: &'static str,
    },
    /// A file that cannot be read.
    #[error("{at} names `{got}`, which could not be read")]
    MediaRead {
        /// The cell.
        at: CellRef,
        /// The path as written.
        got: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file of no bytes.
    #[error("{at} {got}, but a file with content was expected")]
    MediaEmpty {
        /// The cell.
        at: CellRef,
        /// Which file, such as ``names `a.png`, which is empty``.
        got: String,
    },
    /// A file larger than allowed.
    #[error("{at} {got} of {bytes} bytes, but at most {max_bytes} bytes are allowed")]
    MediaTooLarge {
        /// The cell.
        at: CellRef,
        /// Which file, such as ``names `a.png`, a file``.
        got: String,
        /// Its size in bytes.
        bytes: u64,
        /// The limit in bytes.
        max_bytes: u64,
    },
    /// A cell does not name a part of the split.
    #[error("{at} is {got}, but the split was expected: 0, 1 or 2, or train, validation or test")]
    UnknownPart {
        /// The cell.
        at: CellRef,
        /// What it holds.
        got: String,
    },
    /// A cell that says which rows belong together is missing.
    #[error("{at} is missing, but the group of the row was expected")]
    MissingGroup {
        /// The cell.
        at: CellRef,
    },
    /// A part of the split has no rows.
    #[error(
        "the split {kind} leaves no row for {part}: train {train}, validation {validation}, \
         test {test}"
    )]
    EmptyPart {
        /// The split, such as ``fixed (by column `split`)``.
        kind: String,
        /// The first part without rows.
        part: Part,
        /// Rows in train.
        train: usize,
        /// Rows in validation.
        validation: usize,
        /// Rows in test.
        test: usize,
    },
}

fn extension_of(path: &Path) -> String {
    match path.extension() {
        Some(extension) => format!("the extension `{}`", extension.display()),
        None => "no extension".to_owned(),
    }
}

const MEDIA_ROOT_ADVICE: &str = "paths are relative to the table's folder and may not leave the \
                                 media root, which `--media-root` sets";

impl Hint for TableError {
    fn hint(&self) -> Option<String> {
        let advice = match self {
            Self::Row { advice, .. } => return Some(advice.clone()),
            Self::UnknownColumn { column, valid } => return Some(columns_hint(column, valid)),
            Self::UnknownFormat { .. } => "save the table in one of these formats, named so",
            Self::Header { .. } => "give every column a name of its own",
            Self::Damaged { .. } => "write the file again with the program that made it",
            Self::UnreadCodec { .. } => {
                "write it with Snappy, Zstandard, LZ4 or gzip, or uncompressed"
            }
            Self::Spill { .. } => {
                "embedded media are kept on disk while the table is in use: free some space in \
                 the system's temporary folder, or set `TMPDIR` to another folder"
            }
            Self::MediaRoot { .. } => "`--media-root` must name a folder that exists",
            Self::UnsupportedColumn { .. } => {
                "read are text, numbers, booleans, dates, bytes, lists of these, and structs of \
                 `bytes` and `path`"
            }
            Self::NotText { .. } => "declare the column as an image or audio feature",
            Self::NotNumber { .. } => "correct the cell, or declare the column as category or text",
            Self::NotFinite { .. } => "leave the cell empty where its number is not known",
            Self::NotMedia { .. } => "declare the column as a number, category or binary feature",
            Self::MediaNotFound { got, .. } if got.contains("://") => {
                "files are not fetched from the network: download them and name their paths; \
                 paths may not leave the media root, which `--media-root` sets"
            }
            Self::OutsideMediaRoot { .. }
            | Self::MediaNotFound { .. }
            | Self::MediaNotFile { .. }
            | Self::MediaRead { .. } => MEDIA_ROOT_ADVICE,
            Self::MediaEmpty { .. } => {
                "leave the cell empty where there is no file, or restore the file; \
                 its folder is under the media root, which `--media-root` sets"
            }
            Self::MediaTooLarge { .. } => "make the file smaller, or raise the limit",
            Self::UnknownPart { .. } => {
                "every row of a `fixed` split names its part; `random`, `stratify` and `group` \
                 draw the parts themselves"
            }
            Self::MissingGroup { .. } => "fill the column, or split by another one",
            Self::EmptyPart { .. } => "give each of the three parts some rows",
            Self::Read { .. }
            | Self::TooMuch { .. }
            | Self::RowLength { .. }
            | Self::DuplicateColumn { .. } => return None,
        };
        Some(advice.to_owned())
    }
}

fn columns_hint(column: &ColumnName, valid: &[ColumnName]) -> String {
    // A table may have thousands of columns, and a hint is read by a person.
    const SHOWN: usize = 30;
    let mut all: Vec<&str> = valid.iter().map(ColumnName::as_str).collect();
    let meant = nearest(column.as_str(), all.iter().copied());
    if all.len() > SHOWN {
        all.truncate(SHOWN);
        all.push("…");
    }
    let all = format!("the columns are: {}", all.join(", "));
    match meant {
        Some(meant) => format!("did you mean `{meant}`? {all}"),
        None => all,
    }
}
