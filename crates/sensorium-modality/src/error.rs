//! What can be wrong with a cell's content.

use sensorium_core::{CellRef, ColumnName, Hint};
use sensorium_table::TableError;

/// Why a cell did not become features, or a column could not be fitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModalityError {
    /// The cell itself could not be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The cell's bytes are not what the modality reads.
    #[error("{at} is not {expected}: {got}")]
    Decode {
        /// The cell.
        at: CellRef,
        /// What was expected, such as `a picture in a supported format`.
        expected: String,
        /// What was got.
        got: String,
        /// What to do about it.
        advice: String,
    },
    /// The cell's content is larger than a stated limit.
    #[error("{at} has {got}, but at most {limit} is allowed")]
    TooLarge {
        /// The cell.
        at: CellRef,
        /// Its size with the unit.
        got: String,
        /// The limit with the unit.
        limit: String,
        /// The key that raises the limit.
        advice: String,
    },
    /// Nothing to fit on.
    #[error("column `{}` cannot be fitted: {problem}", .column.shown())]
    Fit {
        /// The column.
        column: ColumnName,
        /// Why not.
        problem: String,
        /// What to do about it.
        advice: String,
    },
}

impl ModalityError {
    /// The column that the error is about.
    pub fn column(&self) -> Option<&ColumnName> {
        match self {
            Self::Table(error) => error.column(),
            Self::Decode { at, .. } | Self::TooLarge { at, .. } => Some(&at.column),
            Self::Fit { column, .. } => Some(column),
        }
    }

    /// The line of the table's file that the error is about, from 1, where it is known.
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Table(error) => error.line(),
            _ => None,
        }
    }
}

impl Hint for ModalityError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Table(error) => error.hint(),
            Self::Decode { advice, .. }
            | Self::TooLarge { advice, .. }
            | Self::Fit { advice, .. } => Some(advice.clone()),
        }
    }
}
