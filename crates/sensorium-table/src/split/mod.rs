//! Which rows train, which validate and which test.
//!
//! The kinds of split and their keys are Ludwig's (`preprocessing.split`): one file each, and one
//! line in the list of kinds. All are deterministic for a seed and a table.

mod fixed;
mod group;
mod probabilities;
mod random;
mod stratify;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use fixed::names_parts;
pub use probabilities::Probabilities;
use sensorium_core::{ColumnName, ConfigError, Seed};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Column, Table, TableError};

/// How rows are split, in Ludwig's words (`preprocessing.split`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum SplitConfig {
    /// By a column that names each row's part: 0, 1, 2, or train, validation, test.
    Fixed {
        /// The column.
        column: String,
    },
    /// At random.
    Random {
        /// The share of each part.
        #[serde(default)]
        probabilities: Probabilities,
    },
    /// At random, each class having the same share of every part to within one row.
    Stratify {
        /// The column that holds the classes.
        column: String,
        /// The share of each part.
        #[serde(default)]
        probabilities: Probabilities,
    },
    /// At random, all rows of one group landing in the same part.
    Group {
        /// The column that holds the groups.
        column: String,
        /// The share of each part, kept as nearly as the groups' sizes allow.
        #[serde(default)]
        probabilities: Probabilities,
    },
}

type ReadSection = fn(Value) -> Result<SplitConfig, ConfigError>;

/// The kind of split of every `type`. Ludwig's `hash` also keeps equal values together, by a hash
/// of the value instead of a seed.
const KINDS: &[(&str, &str, ReadSection)] = &[
    ("random", "at random", random::read),
    ("fixed", "by a column that names each row's part", fixed::read),
    ("stratify", "at random, each class alike in every part", stratify::read),
    ("group", "at random, a column's equal values together", group::read),
    ("hash", "another name of `group`", group::read),
];

impl SplitConfig {
    /// Every name that `type` may have, with a line on each.
    pub fn components() -> impl Iterator<Item = (&'static str, &'static str)> {
        KINDS.iter().map(|&(name, summary, _)| (name, summary))
    }

    /// Reads the section `preprocessing.split`; its `type` is `random` where it has none.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for an unknown type, key or value, its path relative to the section.
    pub fn read(section: Value) -> Result<Self, ConfigError> {
        let Value::Object(mut section) = section else {
            return Err(ConfigError::invalid("", section, "a section with a `type`"));
        };
        let name = match section.shift_remove("type") {
            None => "random".to_owned(),
            Some(Value::String(name)) => name,
            Some(other) => return Err(ConfigError::invalid("type", other, "a name")),
        };
        let Some((_, _, read)) = KINDS.iter().find(|(kind, ..)| *kind == name) else {
            let valid = KINDS.iter().map(|(kind, ..)| *kind);
            return Err(ConfigError::unknown_value("type", &name, valid));
        };
        read(Value::Object(section))
    }

    /// The column that it depends on; `None` where it is drawn from the rows' numbers.
    #[must_use]
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::Random { .. } => None,
            Self::Fixed { column } | Self::Stratify { column, .. } | Self::Group { column, .. } => {
                Some(column)
            }
        }
    }

    /// The part of every row.
    fn assign(&self, table: &Table, seed: Seed) -> Result<Vec<Part>, TableError> {
        let column = |name: &String| table.column(&ColumnName::from(name.as_str()));
        let num_rows = table.num_rows();
        match self {
            Self::Fixed { column: name } => fixed::assign(column(name)?, num_rows),
            Self::Random { probabilities } => Ok(random::assign(num_rows, *probabilities, seed)),
            Self::Stratify { column: name, probabilities } => {
                stratify::assign(column(name)?, num_rows, *probabilities, seed)
            }
            Self::Group { column: name, probabilities } => {
                group::assign(column(name)?, num_rows, *probabilities, seed)
            }
        }
    }
}

impl fmt::Display for SplitConfig {
    /// Such as ``stratify (by column `label`)``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Random { .. } => "random",
            Self::Fixed { .. } => "fixed",
            Self::Stratify { .. } => "stratify",
            Self::Group { .. } => "group",
        };
        match self.column() {
            Some(column) => write!(f, "{kind} (by column `{column}`)"),
            None => f.write_str(kind),
        }
    }
}

/// One of the three parts that a table is split into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// What everything is fitted on.
    Train,
    /// What decides when to stop.
    Validation,
    /// What the report is about.
    Test,
}

impl Part {
    /// The parts in the order of Ludwig's codes 0, 1 and 2.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// The part that a word names, such as `train`, `val` or `test`.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        fixed::part_of_word(word)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        })
    }
}

/// The rows that a model may be fitted on. Only [`split`] makes one, and [`unsplit`] where nothing is
/// judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainRows(Vec<usize>);

impl TrainRows {
    /// The row indices, ascending.
    pub fn indices(&self) -> &[usize] {
        &self.0
    }

    /// The same rows without those in `left_out`, such as rows whose media cannot be read.
    #[must_use]
    pub fn without(&self, left_out: &BTreeSet<usize>) -> Self {
        Self(self.0.iter().copied().filter(|row| !left_out.contains(row)).collect())
    }
}

/// Row indices of the three parts, each ascending and none empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splits {
    /// The rows that everything is fitted on.
    pub train: TrainRows,
    /// The rows that decide when to stop.
    pub validation: Vec<usize>,
    /// The rows that the report is about.
    pub test: Vec<usize>,
}

/// The part of every row, any of which may be empty.
///
/// # Errors
///
/// [`TableError`] where the column does not exist or holds an unknown split.
pub fn parts(table: &Table, config: &SplitConfig, seed: Seed) -> Result<Vec<Part>, TableError> {
    config.assign(table, seed.derive("split"))
}

/// All rows of a table that is read and not learned from, such as one that published encoders encode:
/// none is held back, so that a table of one row is enough.
pub fn unsplit(table: &Table) -> TrainRows {
    TrainRows((0..table.num_rows()).collect())
}

/// Splits a table's rows to train on them; those that the reader refused are in no part.
///
/// # Errors
///
/// [`TableError`] where the column does not exist or holds an unknown split, or a part is empty.
pub fn split(table: &Table, config: &SplitConfig, seed: Seed) -> Result<Splits, TableError> {
    let parts = parts(table, config, seed)?;
    let rows_of = |part| -> Vec<usize> {
        let rows =
            parts.iter().enumerate().filter(|(row, its)| **its == part && !table.is_bad(*row));
        rows.map(|(row, _)| row).collect()
    };
    let [train, validation, test] = Part::ALL.map(rows_of);
    let sizes = [train.len(), validation.len(), test.len()];
    if let Some(part) =
        Part::ALL.into_iter().zip(sizes).find_map(|(part, size)| (size == 0).then_some(part))
    {
        let [train, validation, test] = sizes;
        let kind = config.to_string();
        return Err(TableError::EmptyPart { kind, part, train, validation, test });
    }
    Ok(Splits { train: TrainRows(train), validation, test })
}

/// The rows of every label of a column, both in order; missing cells are one label, the empty one.
fn rows_by_value(
    column: Column<'_>,
    num_rows: usize,
) -> Result<BTreeMap<String, Vec<usize>>, TableError> {
    let mut rows: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for row in (0..num_rows).filter(|row| !column.table().is_bad(*row)) {
        let value = column.cell(row).label()?.unwrap_or_default().into_owned();
        rows.entry(value).or_default().push(row);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;
    use sensorium_core::Hint;
    use serde_json::json;

    use super::*;
    use crate::Value as Cell;

    /// A table with the one column `c`.
    pub(super) fn table(values: impl IntoIterator<Item = Cell>) -> Table {
        let rows = values.into_iter().map(|value| vec![value]).collect();
        Table::from_rows(vec![ColumnName::from("c")], rows, Path::new(".")).unwrap()
    }

    fn read(section: Value) -> SplitConfig {
        SplitConfig::read(section).unwrap()
    }

    fn mistake(section: Value) -> (String, Option<String>) {
        let error = SplitConfig::read(section).unwrap_err().under("preprocessing.split");
        (error.to_string(), error.hint())
    }

    fn sections() -> [Value; 5] {
        [
            json!({"type": "random", "probabilities": [0.5, 0.25, 0.25]}),
            json!({"type": "stratify", "column": "c", "probabilities": [0.6, 0.2, 0.2]}),
            json!({"type": "group", "column": "c", "probabilities": [0.6, 0.2, 0.2]}),
            json!({"type": "fixed", "column": "split"}),
            json!({"type": "random", "probabilities": [0.7, 0.1, 0.2]}),
        ]
    }

    #[test]
    fn every_kind_is_read_and_comes_back_from_its_written_form() {
        for section in sections() {
            let config = read(section.clone());
            let written = serde_json::to_value(&config).unwrap();
            assert_eq!(written, section);
            assert_eq!(serde_json::from_value::<SplitConfig>(written).unwrap(), config);
        }
    }

    #[test]
    fn ludwigs_defaults_and_its_other_name_are_known() {
        assert_eq!(read(json!({})), read(sections()[4].clone()));
        assert_eq!(read(json!({"type": "fixed"})), read(sections()[3].clone()));
        let hash = read(json!({"type": "hash", "column": "c", "probabilities": [0.6, 0.2, 0.2]}));
        assert_eq!(hash, read(sections()[2].clone()));
    }

    #[test]
    fn an_unknown_type_or_key_is_named_with_the_nearest() {
        let (message, hint) = mistake(json!({"type": "stratified", "column": "c"}));
        assert_eq!(
            message,
            "`preprocessing.split.type` is `stratified`, which is not one of its values"
        );
        assert_eq!(
            hint.unwrap(),
            "did you mean `stratify`? valid: random, fixed, stratify, group, hash"
        );
        let (message, hint) = mistake(json!({"type": "group", "columns": "c"}));
        assert_eq!(message, "`preprocessing.split` has no key `columns`");
        assert_eq!(hint.unwrap(), "did you mean `column`? valid: column, probabilities");
        let (message, _) = mistake(json!({"type": "stratify"}));
        assert_eq!(message, "`preprocessing.split` lacks the key `column`");
        let (message, _) = mistake(json!({"type": 3}));
        assert_eq!(message, "`preprocessing.split.type` is 3, but a name was expected");
        let (message, _) = mistake(json!("fixed"));
        assert_eq!(
            message,
            "`preprocessing.split` is \"fixed\", but a section with a `type` was expected"
        );
    }

    #[test]
    fn probabilities_must_be_three_shares_of_one() {
        let message =
            |probabilities| mistake(json!({"type": "random", "probabilities": probabilities})).0;
        let expected = "but three shares of 0 or more that add up to 1 (train, validation, test) \
                        was expected";
        for (got, shown) in [
            (json!([0.5, 0.5]), "[0.5, 0.5]"),
            (json!([0.5, 0.6, -0.1]), "[0.5, 0.6, -0.1]"),
            (json!([0.5, 0.2, 0.2]), "[0.5, 0.2, 0.2]"),
            (json!([1, 1, 0]), "[1.0, 1.0, 0.0]"),
        ] {
            let key = "`preprocessing.split.probabilities`";
            assert_eq!(message(got), format!("{key} is {shown}, {expected}"));
        }
        let third = json!({"probabilities": [0.333_333_4, 0.333_333_3, 0.333_333_3]});
        assert!(SplitConfig::read(third).is_ok(), "a sum within 1e-6 of 1 is 1");
        let unchecked = json!({"type": "random", "probabilities": [2.0, -1.0, 0.0]});
        assert!(serde_json::from_value::<SplitConfig>(unchecked).is_err());
    }

    #[test]
    fn a_part_without_rows_is_named_with_the_counts() {
        let codes = |parts: &[i64]| table(parts.iter().map(|part| Cell::Integer(*part)));
        let refusal = |table: &Table| {
            let config = SplitConfig::Fixed { column: "c".into() };
            split(table, &config, Seed::new(0)).unwrap_err()
        };
        for (parts, expected) in [
            (&[1, 2, 2][..], "leaves no row for train: train 0, validation 1, test 2"),
            (&[0, 2, 2], "leaves no row for validation: train 1, validation 0, test 2"),
            (&[0, 1, 0], "leaves no row for test: train 2, validation 1, test 0"),
            (&[], "leaves no row for train: train 0, validation 0, test 0"),
        ] {
            let error = refusal(&codes(parts));
            assert_eq!(error.to_string(), format!("the split fixed (by column `c`) {expected}"));
            assert_eq!(error.hint().unwrap(), "give each of the three parts some rows");
        }
    }

    #[test]
    fn an_unknown_column_is_named() {
        let config = read(json!({"type": "stratify", "column": "d"}));
        let error = split(&table([]), &config, Seed::new(0)).unwrap_err();
        assert_eq!(error.to_string(), "the table has no column `d`");
    }

    #[test]
    fn rows_left_out_are_no_longer_train_rows() {
        let rows = TrainRows(vec![1, 4, 7]);
        assert_eq!(rows.without(&BTreeSet::from([4, 5])).indices(), [1, 7]);
    }

    proptest! {
        #[test]
        fn parts_are_disjoint_complete_and_the_same_again(
            values in proptest::collection::vec(0_i64..9, 1..200),
            seed: u64,
        ) {
            let table = table(values.iter().map(|value| Cell::Integer(*value)));
            for section in &sections()[..3] {
                let config = read(section.clone());
                let first = split(&table, &config, Seed::new(seed));
                if let Ok(splits) = &first {
                    let mut rows = [splits.train.indices(), &splits.validation, &splits.test].concat();
                    prop_assert!([splits.train.indices(), &splits.validation, &splits.test]
                        .iter().all(|part| part.is_sorted()));
                    rows.sort_unstable();
                    prop_assert_eq!(rows, (0..values.len()).collect::<Vec<_>>());
                }
                let again = split(&table, &config, Seed::new(seed));
                prop_assert_eq!(format!("{first:?}"), format!("{again:?}"));
            }
        }
    }
}
