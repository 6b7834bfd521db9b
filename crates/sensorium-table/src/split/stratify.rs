//! `stratify`: every class has the same share of each part, to within one row.
//!
//! What rounding takes from a part in one class is given back in the next ones, so that many small
//! classes together also have the shares. Rows without a class are a class of their own.

use sensorium_core::{ConfigError, Seed, config};
use serde::Deserialize;
use serde_json::Value;

use super::random::shuffled;
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
    Ok(SplitConfig::Stratify { column, probabilities: Probabilities::from_key(probabilities)? })
}

pub(super) fn assign(
    column: Column<'_>,
    num_rows: usize,
    probabilities: Probabilities,
    seed: Seed,
) -> Result<Vec<Part>, TableError> {
    let mut parts = vec![Part::Train; num_rows];
    let mut owed = [0.0; 3];
    for (class, rows) in rows_by_value(column, num_rows)? {
        let counts = probabilities.counts(rows.len(), &mut owed);
        for (row, part) in rows.into_iter().zip(shuffled(counts, seed.derive(&class))) {
            parts[row] = part;
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sensorium_core::ColumnName;

    use super::super::tests::table;
    use super::*;
    use crate::Value as Held;

    fn parts(classes: &[i64], probabilities: Probabilities) -> Vec<Part> {
        let table = table(classes.iter().map(|class| Held::Integer(*class)));
        let column = table.column(&ColumnName::from("c")).unwrap();
        assign(column, classes.len(), probabilities, Seed::new(3)).unwrap()
    }

    proptest! {
        #[test]
        fn every_class_has_its_shares_to_within_one_row(
            classes in proptest::collection::vec(0_i64..7, 0..300),
        ) {
            let probabilities = Probabilities::default();
            let parts = parts(&classes, probabilities);
            for class in 0..7 {
                let size = classes.iter().filter(|its| **its == class).count() as f64;
                for (part, share) in Part::ALL.into_iter().zip(probabilities.shares()) {
                    let rows = classes.iter().zip(&parts);
                    let count = rows.filter(|its| *its == (&class, &part)).count() as f64;
                    prop_assert!((count - share * size).abs() < 1.0 + 1e-6);
                }
            }
        }
    }

    #[test]
    fn classes_of_two_rows_still_fill_every_part() {
        let classes: Vec<i64> = (0..50).flat_map(|class| [class, class]).collect();
        let parts = parts(&classes, Probabilities::default());
        let sizes = Part::ALL.map(|part| parts.iter().filter(|its| **its == part).count());
        assert_eq!(sizes, [70, 10, 20]);
    }

    #[test]
    fn rows_without_a_class_are_a_class() {
        let table = table(std::iter::repeat_n(Held::Missing, 10));
        let column = table.column(&ColumnName::from("c")).unwrap();
        let parts = assign(column, 10, Probabilities::default(), Seed::new(3)).unwrap();
        let sizes = Part::ALL.map(|part| parts.iter().filter(|its| **its == part).count());
        assert_eq!(sizes, [7, 1, 2]);
    }
}
