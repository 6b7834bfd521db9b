//! The labels of a column's train rows, each with its place.

use std::collections::{BTreeMap, HashMap};

use sensorium_table::{Cell, Column, TrainRows, label_key};
use serde::{Deserialize, Serialize};

use crate::MAX_VOCABULARY;

/// Distinct labels by falling frequency, ties in alphabetical order, spelled as most train rows
/// spell them and compared by [`label_key`].
///
/// Stored as the list; the map from a label to its place is rebuilt on load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Labels {
    spellings: Vec<String>,
    places: HashMap<String, u32>,
}

impl Labels {
    /// The labels in their order.
    pub fn spellings(&self) -> &[String] {
        &self.spellings
    }

    /// The place of a label, which may be spelled in another way; `None` where train lacks it.
    pub fn place(&self, label: &str) -> Option<usize> {
        self.places.get(label_key(label).as_ref()).map(|&place| place as usize)
    }

    /// What the cell says that train does not hold; `None` where it is missing or known.
    pub(crate) fn unseen(&self, cell: &Cell<'_>) -> Option<String> {
        let label = cell.label().ok()??;
        (!self.places.contains_key(label.as_ref())).then(|| label.into_owned())
    }
}

impl TryFrom<Vec<String>> for Labels {
    type Error = String;

    fn try_from(spellings: Vec<String>) -> Result<Self, String> {
        if spellings.len() > MAX_VOCABULARY {
            return Err(format!("{} labels, but at most {MAX_VOCABULARY}", spellings.len()));
        }
        let keys = spellings.iter().map(|label| label_key(label).into_owned());
        let places: HashMap<_, _> = keys.zip(0..).collect();
        if places.len() < spellings.len() {
            return Err("labels of which one stands twice".to_owned());
        }
        Ok(Self { spellings, places })
    }
}

impl From<Labels> for Vec<String> {
    fn from(labels: Labels) -> Self {
        labels.spellings
    }
}

/// How often each label was seen, and in which spellings.
#[derive(Debug, Default)]
pub(crate) struct LabelCounts(BTreeMap<String, BTreeMap<String, u64>>);

impl LabelCounts {
    /// Counts the labels of the train rows; cells that hold no text are passed over.
    pub(crate) fn of(column: Column<'_>, rows: &TrainRows) -> Self {
        let mut counts = Self::default();
        for &row in rows.indices() {
            // What cannot be read is named when all rows are read.
            if let Ok(Some(text)) = column.cell(row).text() {
                let spellings = counts.0.entry(label_key(&text).into_owned()).or_default();
                *spellings.entry(text.trim().to_owned()).or_default() += 1;
            }
        }
        counts
    }

    /// The number of distinct labels.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The labels, as most cells spell them, with their counts by falling count, ties in
    /// alphabetical order.
    pub(crate) fn by_falling_count(self) -> Vec<(String, u64)> {
        let mut counted: Vec<_> =
            self.0.into_values().map(|spellings| spelled(&spellings)).collect();
        // The sort is stable and the map was in alphabetical order.
        counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counted
    }

    /// The `most_common` labels.
    pub(crate) fn into_labels(self, most_common: usize) -> Labels {
        let labels = self.by_falling_count().into_iter().take(most_common.min(MAX_VOCABULARY));
        let labels: Vec<String> = labels.map(|(label, _)| label).collect();
        Labels::try_from(labels).expect("the keys of the map are distinct")
    }
}

/// The most frequent spelling, the first of equals, and how often all of them occur.
fn spelled(spellings: &BTreeMap<String, u64>) -> (String, u64) {
    let most = spellings.iter().rev().max_by_key(|&(_, count)| count);
    (most.map(|(label, _)| label.clone()).unwrap_or_default(), spellings.values().sum())
}

#[cfg(test)]
mod tests {
    use sensorium_table::Value;

    use super::*;
    use crate::small_table::{SmallTable, text};

    fn labels(cells: Vec<Value>) -> Labels {
        let table = SmallTable::of(cells);
        LabelCounts::of(table.column(), table.train()).into_labels(9)
    }

    #[test]
    fn frequent_labels_come_first_and_ties_are_alphabetical() {
        let labels = labels(["pear", "fig", "pear", "apple"].map(text).to_vec());
        assert_eq!(labels.spellings(), ["pear", "apple", "fig"]);
        assert_eq!(labels.place("fig"), Some(2));
        assert_eq!(labels.place("plum"), None);
    }

    #[test]
    fn one_label_in_several_spellings_has_one_place_and_the_most_frequent_spelling() {
        let cells = ["True", "TRUE", "True ", "2.0", "b"].map(text).into_iter();
        let labels = labels(cells.chain([Value::Integer(2), Value::Boolean(true)]).collect());
        assert_eq!(labels.spellings(), ["True", "2", "b"]);
        assert_eq!(labels.place("true"), Some(0));
        assert_eq!(labels.place("2.0"), Some(1));
    }

    #[test]
    fn stored_labels_are_a_list_and_a_repeated_one_is_refused() {
        let labels = labels(["b", "a"].map(text).to_vec());
        let stored = serde_json::to_string(&labels).unwrap();
        assert_eq!(stored, r#"["a","b"]"#);
        assert_eq!(serde_json::from_str::<Labels>(&stored).unwrap(), labels);
        assert!(serde_json::from_str::<Labels>(r#"["a","A","a "]"#).is_err());
    }
}
