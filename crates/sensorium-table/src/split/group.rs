//! `group`: all rows of one value, such as a patient or a speaker, land in the same part.
//!
//! The largest groups choose first, groups of one size in random order; each goes to the part that
//! is shortest of its share. So the parts have their shares as nearly as whole groups allow.

use std::cmp::Reverse;

use rand::seq::SliceRandom;
use sensorium_core::{CellRef, ConfigError, Seed, config};
use serde::Deserialize;
use serde_json::Value;

use super::{Part, Probabilities, SplitConfig, rows_by_value};
use crate::{Column, TableError};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    column: String,
    probabilities: Option<Vec<f64>>,
}

pub(super) fn read(section: Value) -> Result<SplitConfig, ConfigError> {
    let Section { column, probabilities } = config::read(section)?;
    Ok(SplitConfig::Group { column, probabilities: Probabilities::from_key(probabilities)? })
}

pub(super) fn assign(
    column: Column<'_>,
    num_rows: usize,
    probabilities: Probabilities,
    seed: Seed,
) -> Result<Vec<Part>, TableError> {
    let mut groups = rows_by_value(column, num_rows)?;
    // Rows without a group may belong to any of them: wherever they went, rows could leak.
    if let Some(rows) = groups.remove("") {
        return Err(TableError::MissingGroup { at: CellRef::new(rows[0], column.name()) });
    }
    let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
    groups.shuffle(&mut seed.rng());
    groups.sort_by_key(|rows| Reverse(rows.len())); // stable: groups of one size stay shuffled

    let shares = probabilities.shares();
    let mut short = shares.map(|share| share * num_rows as f64);
    let mut parts = vec![Part::Train; num_rows];
    for rows in groups {
        // The first of equals, so that train is served before validation.
        let candidates = (0..3).rev().filter(|part| shares[*part] > 0.0);
        let part = candidates.max_by(|a, b| short[*a].total_cmp(&short[*b])).unwrap_or(0);
        short[part] -= rows.len() as f64;
        for row in rows {
            parts[row] = Part::ALL[part];
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use sensorium_core::{ColumnName, Hint};

    use super::super::tests::table;
    use super::*;
    use crate::Value as Held;

    fn parts(groups: &[i64], shares: [f64; 3], seed: u64) -> Vec<Part> {
        let table = table(groups.iter().map(|group| Held::Integer(*group)));
        let column = table.column(&ColumnName::from("c")).unwrap();
        let probabilities = Probabilities::new(&shares).unwrap();
        assign(column, groups.len(), probabilities, Seed::new(seed)).unwrap()
    }

    proptest! {
        #[test]
        fn a_group_is_never_in_two_parts(
            groups in proptest::collection::vec(0_i64..20, 0..300),
            seed: u64,
        ) {
            let mut part_of = BTreeMap::new();
            for (group, part) in groups.iter().zip(parts(&groups, [0.6, 0.2, 0.2], seed)) {
                prop_assert_eq!(*part_of.entry(*group).or_insert(part), part);
            }
        }
    }

    #[test]
    fn six_speakers_fill_every_part() {
        let groups: Vec<i64> = (0..600).map(|row| row % 6).collect();
        let sizes = |seed| {
            let parts = parts(&groups, [0.7, 0.1, 0.2], seed);
            Part::ALL.map(|part| parts.iter().filter(|its| **its == part).count())
        };
        assert_eq!(sizes(1), [400, 100, 100]);
        assert_eq!(sizes(2), [400, 100, 100]);
        assert_ne!(parts(&groups, [0.7, 0.1, 0.2], 1), parts(&groups, [0.7, 0.1, 0.2], 2));
    }

    #[test]
    fn many_small_groups_have_the_shares() {
        let groups: Vec<i64> = (0..1_000).map(|row| row / 2).collect();
        let parts = parts(&groups, [0.7, 0.1, 0.2], 5);
        let sizes = Part::ALL.map(|part| parts.iter().filter(|its| **its == part).count());
        assert_eq!(sizes, [700, 100, 200]);
    }

    #[test]
    fn a_part_without_a_share_gets_no_group() {
        let groups: Vec<i64> = (0..7).collect();
        assert!(!parts(&groups, [0.5, 0.0, 0.5], 5).contains(&Part::Validation));
    }

    #[test]
    fn a_row_without_a_group_is_named() {
        let table = table([Held::Integer(1), Held::Missing]);
        let column = table.column(&ColumnName::from("c")).unwrap();
        let error = assign(column, 2, Probabilities::default(), Seed::new(0)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "row 2 of column `c` is missing, but the group of the row was expected"
        );
        assert_eq!(error.hint().unwrap(), "fill the column, or split by another one");
    }
}
