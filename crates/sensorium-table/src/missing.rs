//! Which texts stand for an absent value.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What pandas takes for an absent value (`pandas._libs.parsers.STR_NA_VALUES`, version 2.3), and
/// so what Ludwig does.
const USUAL: [&str; 18] = [
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>",
    "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
];

/// The words that stand for an absent value, whatever a column's type: a cell that holds one of them
/// and nothing else, spaces around it ignored, is missing. So are, by any rule, a null, an empty
/// text, one of white space alone, and a float that is NaN.
///
/// The default is pandas' list. A config sets its own with `preprocessing.missing_values`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MissingValues(BTreeSet<String>);

impl Default for MissingValues {
    fn default() -> Self {
        Self::of(USUAL)
    }
}

impl MissingValues {
    /// The given words.
    pub fn of<T: Into<String>>(words: impl IntoIterator<Item = T>) -> Self {
        Self(words.into_iter().map(Into::into).collect())
    }

    /// No word: only what is empty is missing.
    #[must_use]
    pub const fn none() -> Self {
        Self(BTreeSet::new())
    }

    /// Whether a text stands for an absent value.
    ///
    /// # Examples
    ///
    /// ```
    /// use sensorium_table::MissingValues;
    ///
    /// let usual = MissingValues::default();
    /// assert!(usual.contain(" NaN") && usual.contain("  "));
    /// assert!(!usual.contain("none") && !usual.contain("NaN 3"));
    /// ```
    #[must_use]
    pub fn contain(&self, text: &str) -> bool {
        let text = text.trim();
        text.is_empty() || self.0.contains(text)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sensorium_core::ColumnName;

    use super::*;
    use crate::{Table, Value};

    /// A column of four texts, a float that is not a number and a null.
    fn table() -> Table {
        let texts = ["NA", " null ", "none", "  "].map(|text| Value::Text(text.to_owned()));
        let values = texts.into_iter().chain([Value::Number(f64::NAN), Value::Missing]);
        let rows = values.map(|value| vec![value]).collect();
        Table::from_rows(vec![ColumnName::from("x")], rows, Path::new(".")).unwrap()
    }

    #[test]
    fn one_rule_says_what_is_missing_whoever_asks() {
        let table = table();
        let column = table.column(&ColumnName::from("x")).unwrap();
        let cells: Vec<_> = (0..6).map(|row| column.cell(row)).collect();
        let missing: Vec<bool> = cells.iter().map(crate::Cell::is_missing).collect();
        assert_eq!(missing, [true, true, false, true, true, true]);
        for cell in cells.iter().filter(|cell| cell.is_missing()) {
            assert_eq!(cell.text().unwrap(), None);
            assert_eq!(cell.label().unwrap(), None);
            assert_eq!(cell.number().unwrap(), None);
            assert_eq!(cell.media(1).unwrap(), None);
        }
    }

    #[test]
    fn the_words_can_be_others() {
        let (table, words) = (table(), MissingValues::of(["none"]));
        let column = table.column(&ColumnName::from("x")).unwrap();
        let column = column.with_missing_values(&words);
        let missing: Vec<bool> = (0..6).map(|row| column.cell(row).is_missing()).collect();
        assert_eq!(missing, [false, false, true, true, true, true]);
    }

    #[test]
    fn a_summary_counts_the_words_that_it_took_for_missing() {
        let summary = table().summaries().remove(0);
        assert_eq!((summary.missing, summary.distinct), (5, 1));
        let words = [("NA".to_owned(), 1), ("null".to_owned(), 1)];
        assert_eq!(summary.missing_words.into_iter().collect::<Vec<_>>(), words);
    }
}
