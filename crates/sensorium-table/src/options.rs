//! How a table is read.

use std::path::PathBuf;

use crate::{Dialect, OnBadRow};

/// How a table is read; the default is what [`Table::read`](crate::Table::read) does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// The folder that paths in cells may not leave; `None` is the table's own.
    pub media_root: Option<PathBuf>,
    /// What to do with a row that the reader refuses.
    pub on_bad_row: OnBadRow,
    /// What is said of how the files are written.
    pub dialect: Dialect,
}
