//! `fixed`: a column says which part each row is in.
//!
//! Ludwig writes 0, 1 and 2; datasets from elsewhere write the parts' names.

use sensorium_core::{ConfigError, config};
use serde::Deserialize;
use serde_json::Value;

use super::{Part, SplitConfig};
use crate::{Cell, Column, TableError};

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Section {
    column: String,
}

impl Default for Section {
    fn default() -> Self {
        Self { column: "split".to_owned() }
    }
}

pub(super) fn read(section: Value) -> Result<SplitConfig, ConfigError> {
    let Section { column } = config::read(section)?;
    Ok(SplitConfig::Fixed { column })
}

pub(super) fn assign(column: Column<'_>, num_rows: usize) -> Result<Vec<Part>, TableError> {
    let part = |row| {
        // A row that was left out is in no part, whatever this says.
        if column.table().is_bad(row) { Ok(Part::Train) } else { part_of(&column.cell(row)) }
    };
    (0..num_rows).map(part).collect()
}

fn part_of(cell: &Cell<'_>) -> Result<Part, TableError> {
    let refuse = |got: String| Err(TableError::UnknownPart { at: cell.at().clone(), got });
    let Some(text) = cell.text()? else { return refuse("missing".to_owned()) };
    let part = match text.trim() {
        "0" | "0.0" => Some(Part::Train),
        "1" | "1.0" => Some(Part::Validation),
        "2" | "2.0" => Some(Part::Test),
        word => part_of_word(word),
    };
    part.map_or_else(|| refuse(cell.held().to_string()), Ok)
}

pub(super) fn part_of_word(word: &str) -> Option<Part> {
    match word.to_lowercase().as_str() {
        "train" | "training" => Some(Part::Train),
        "validation" | "val" | "valid" | "dev" => Some(Part::Validation),
        "test" => Some(Part::Test),
        _ => None,
    }
}

/// Whether a `fixed` split could read every cell of the column, and there are two parts at least.
pub fn names_parts(column: Column<'_>, num_rows: usize) -> bool {
    assign(column, num_rows).is_ok_and(|parts| parts.iter().any(|part| *part != parts[0]))
}

#[cfg(test)]
mod tests {
    use sensorium_core::{ColumnName, Hint};

    use super::super::tests::table;
    use super::*;
    use crate::Value as Held;

    fn parts(values: Vec<Held>) -> Result<Vec<Part>, TableError> {
        let table = table(values);
        assign(table.column(&ColumnName::from("c")).unwrap(), table.num_rows())
    }

    #[test]
    fn codes_and_names_say_the_part() {
        use Part::{Test, Train, Validation};
        let words = ["train", "Validation", "VAL", "valid", "dev", " test ", "0", "1", "2", "2.0"];
        let mut values: Vec<Held> = words.map(|word| Held::Text(word.into())).to_vec();
        values.extend([Held::Integer(1), Held::Number(2.0)]);
        assert_eq!(
            parts(values).unwrap(),
            [
                Train, Validation, Validation, Validation, Validation, Test, Train, Validation,
                Test, Test, Validation, Test
            ]
        );
    }

    #[test]
    fn another_value_and_a_missing_one_are_named() {
        let refusal = |value| {
            let error = parts(vec![Held::Integer(0), value]).unwrap_err();
            assert_eq!(
                error.hint().unwrap(),
                "every row of a `fixed` split names its part; `random`, `stratify` and `group` \
                 draw the parts themselves"
            );
            error.to_string()
        };
        let expected = "but the split was expected: 0, 1 or 2, or train, validation or test";
        assert_eq!(refusal(Held::Integer(3)), format!("row 2 of column `c` is `3`, {expected}"));
        assert_eq!(
            refusal(Held::Text("Tset".into())),
            format!("row 2 of column `c` is `Tset`, {expected}")
        );
        assert_eq!(refusal(Held::Missing), format!("row 2 of column `c` is missing, {expected}"));
    }
}
