//! From a file to a [`Table`] of typed columns, and from its rows to train, validation and test.
//!
//! Knows nothing of modalities or models. Embedded media stay on disk until they are asked for, so
//! memory does not grow with them.

mod cell;
mod error;
mod split;
mod table;

pub use cell::{Cell, Value};
pub use error::TableError;
pub use split::{SplitConfig, Splits, TrainRows, split};
pub use table::{Column, Table};
