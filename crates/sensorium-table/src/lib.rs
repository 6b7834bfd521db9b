//! From a file to a [`Table`] of typed columns, and from its rows to train, validation and test.
//!
//! In: CSV, JSON Lines and Parquet. Out: [`Cell`]s that answer typed questions, [`ColumnSummary`]s
//! from which a modality can be guessed, [`Splits`] of the rows, and result tables written whole
//! or not at all ([`TableWriter`], [`atomic`]).
//!
//! Knows nothing of modalities or models. Embedded media stay on disk until they are asked for, so
//! memory does not grow with them.

pub mod atomic;
mod bad_row;
mod beneath;
mod cell;
mod error;
mod limits;
mod media;
mod open;
mod options;
mod read;
mod split;
mod storage;
mod summary;
mod table;
mod write;

pub use bad_row::{BadRow, OnBadRow};
pub use cell::{Cell, Value};
pub use error::TableError;
pub use limits::{
    MAX_BAD_ROWS, MAX_CELLS, MAX_COLUMNS, MAX_MEDIA_EXPANSION, MAX_RECORD_BYTES,
    MAX_TABLE_EXPANSION, MAX_TABLE_TEXT_BYTES, MAX_TEXT_BYTES,
};
pub use options::ReadOptions;
pub use split::{Part, Probabilities, SplitConfig, Splits, TrainRows, split};
pub use storage::PhysicalType;
pub use summary::{ColumnSummary, MAX_DISTINCT, MAX_EXAMPLES};
pub use table::{Column, Table};
pub use write::{OutputCell, OutputType, TableWriter, WriteError};
