//! A row that cannot be read, as a list of such rows says it.

use std::fmt;

use sensorium_core::{ColumnName, with_causes};
use sensorium_table::BadRow;
use serde::{Serialize, Serializer};

use crate::ModalityError;

/// A row that was left out, and why; serialized, rows count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOutRow {
    /// Index of the row, from 0; serialized counting from 1.
    #[serde(serialize_with = "from_one")]
    pub row: usize,
    /// The line of the table's file that the row starts in, from 1, where it is known.
    pub line: Option<u64>,
    /// The column whose cell cannot be read, where it is one.
    pub column: Option<ColumnName>,
    /// Which cell or row, what was got and what was expected.
    pub reason: String,
}

impl LeftOutRow {
    /// A row one of whose cells cannot be read.
    pub fn new(row: usize, error: &ModalityError) -> Self {
        let (line, column) = (error.line(), error.column().cloned());
        Self { row, line, column, reason: with_causes(error) }
    }

    /// A row that the table's reader refused.
    pub fn bad(bad: &BadRow) -> Self {
        let (line, column) = (bad.line, bad.column.clone());
        Self { row: bad.row, line, column, reason: bad.to_string() }
    }
}

impl fmt::Display for LeftOutRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn from_one<S: Serializer>(row: &usize, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(*row as u64 + 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::small_table::{SmallTable, text};

    #[test]
    fn a_row_says_its_cell_and_why() {
        let table = SmallTable::of([text("1"), text("one")]);
        let error = ModalityError::from(table.column().cell(1).number().unwrap_err());
        let left_out = LeftOutRow::new(1, &error);
        let reason = "row 2 of column `it` is `one`, but a number was expected";
        assert_eq!(left_out.to_string(), reason);
        let expected = json!({"row": 2, "line": null, "column": "it", "reason": reason});
        assert_eq!(serde_json::to_value(left_out).unwrap(), expected);
    }

    #[test]
    fn what_the_system_said_is_part_of_the_reason() {
        let table = SmallTable::of([text(&"x".repeat(3_000))]);
        let error = ModalityError::from(table.column().cell(0).media(1).unwrap_err());
        let reason = LeftOutRow::new(0, &error).reason;
        assert!(reason.contains("which could not be read: "), "{reason}");
    }
}
