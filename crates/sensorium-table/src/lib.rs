//! From a file to a [`Table`] of typed columns, and from its rows to train, validation and test.
//!
//! In: CSV, JSON, Parquet, Arrow and Excel, packed or not, one file or many, and folders of media.
//! Out: [`Cell`]s that answer typed questions, [`ColumnSummary`]s
//! from which a modality can be guessed, [`Splits`] of the rows, and result tables written whole
//! or not at all ([`TableWriter`], [`atomic`]).
//!
//! Knows nothing of modalities or models. Embedded media stay on disk until they are asked for, so
//! memory does not grow with them.

mod annotation;
pub mod atomic;
mod bad_row;
mod beneath;
mod cell;
mod dialect;
mod error;
mod label;
mod limits;
mod media;
mod missing;
mod open;
mod options;
mod read;
pub mod regular;
mod split;
mod storage;
mod summary;
mod table;
mod write;

pub use annotation::Annotation;
pub use bad_row::{BadRow, OnBadRow};
pub use cell::{Cell, Value};
pub use dialect::{DecimalMark, Delimiter, Dialect, DialectError, TextEncoding};
pub use error::TableError;
pub use label::label_key;
pub use limits::{
    MAX_BAD_ROWS, MAX_CELLS, MAX_COLUMNS, MAX_MEDIA_EXPANSION, MAX_RECORD_BYTES,
    MAX_TABLE_EXPANSION, MAX_TABLE_TEXT_BYTES, MAX_TEXT_BYTES, MAX_UNPACKED_EXPANSION,
};
pub use missing::MissingValues;
pub use options::ReadOptions;
pub use split::{
    Part, Probabilities, SplitConfig, Splits, TrainRows, names_parts, parts, split, unsplit,
};
pub use storage::PhysicalType;
pub use summary::{ColumnSummary, MAX_DISTINCT, MAX_EXAMPLES};
pub use table::{Column, Table};
pub use write::{OutputCell, OutputType, TableWriter, WriteError};
