//! What can go wrong while a file is written.

use std::io;
use std::path::PathBuf;

use sensorium_core::Hint;

use super::{OutputCell, OutputType};

/// Why a file was not written. What was there before is still there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The disk refused.
    #[error("could not write `{}`", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is a folder or a device of that name.
    #[error("`{}` is there and is not a regular file", .path.display())]
    NotFile {
        /// The path.
        path: PathBuf,
    },
    /// The file's name has no extension of a known format.
    #[error("cannot write `{}`: its extension is not one of {}", .path.display(), .valid.join(", "))]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// Every extension that is written.
        valid: Vec<&'static str>,
    },
    /// Two columns share a name.
    #[error("cannot write `{}`: two columns are named `{column}`", .path.display())]
    DuplicateColumn {
        /// The file.
        path: PathBuf,
        /// The name.
        column: String,
    },
    /// A row has not one cell for each column.
    #[error("row {} for `{}` has {got} cells, but there are {expected} columns", .row + 1, .path.display())]
    RowLength {
        /// The file.
        path: PathBuf,
        /// Index of the row, from 0; shown counting from 1.
        row: usize,
        /// Its number of cells.
        got: usize,
        /// The number of columns.
        expected: usize,
    },
    /// A cell is of another type than its column.
    #[error(
        "row {} of column `{column}` for `{}` is {got:?}, but {expected:?} was expected",
        .row + 1, .path.display()
    )]
    CellType {
        /// The file.
        path: PathBuf,
        /// Index of the row, from 0; shown counting from 1.
        row: usize,
        /// The column.
        column: String,
        /// The cell.
        got: OutputCell,
        /// The column's type.
        expected: OutputType,
    },
    /// A cell holds NaN or an infinite number.
    #[error(
        "row {} of column `{column}` for `{}` is {got}, but a finite number was expected",
        .row + 1, .path.display()
    )]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// Index of the row, from 0; shown counting from 1.
        row: usize,
        /// The column.
        column: String,
        /// The number.
        got: f64,
    },
}

impl Hint for WriteError {
    fn hint(&self) -> Option<String> {
        let advice = match self {
            Self::Write { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "the disk is full: free some space, or write to another folder"
                }
                io::ErrorKind::NotFound => "its folder must exist",
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    "write to a folder that you may write to"
                }
                _ => return None,
            },
            Self::NotFile { .. } => "name a file that is new or may be replaced",
            Self::UnknownFormat { .. } => "the extension says the format",
            Self::DuplicateColumn { .. } => "give every output a name of its own",
            Self::RowLength { .. } | Self::CellType { .. } | Self::NotFinite { .. } => return None,
        };
        Some(advice.to_owned())
    }
}
