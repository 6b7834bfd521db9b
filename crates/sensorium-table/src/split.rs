//! Which rows train, which validate and which test.

use sensorium_core::Seed;
use serde::{Deserialize, Serialize};

use crate::{Table, TableError};

/// How rows are split, in Ludwig's words (`preprocessing.split`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum SplitConfig {
    /// By a column that names each row's split.
    Fixed {
        /// The column.
        column: String,
    },
}

/// The rows that a model may be fitted on. Only [`split`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainRows(Vec<usize>);

impl TrainRows {
    /// The row indices, ascending.
    pub fn indices(&self) -> &[usize] {
        &self.0
    }

    /// The same rows without those in `left_out`, such as rows whose media cannot be read.
    #[must_use]
    pub fn without(&self, left_out: &std::collections::BTreeSet<usize>) -> Self {
        Self(self.0.iter().copied().filter(|row| !left_out.contains(row)).collect())
    }
}

/// Row indices of the three parts, each ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splits {
    /// The rows that everything is fitted on.
    pub train: TrainRows,
    /// The rows that decide when to stop.
    pub validation: Vec<usize>,
    /// The rows that the report is about.
    pub test: Vec<usize>,
}

/// Splits a table's rows.
///
/// # Errors
///
/// [`TableError`] where the column does not exist or holds an unknown split, or a part is empty.
pub fn split(table: &Table, config: &SplitConfig, seed: Seed) -> Result<Splits, TableError> {
    let _ = (table, config, seed);
    todo!()
}
