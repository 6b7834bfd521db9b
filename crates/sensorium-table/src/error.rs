//! What can be wrong with a table.

use sensorium_core::Hint;

/// Why a table, a cell or a split was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {}

impl Hint for TableError {}
