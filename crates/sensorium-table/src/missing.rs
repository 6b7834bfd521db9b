//! Which values stand for an absent one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::label_key;

/// What pandas takes for an absent value (`pandas._libs.parsers.STR_NA_VALUES`, version 2.3), and
/// so what Ludwig does.
const USUAL: [&str; 18] = [
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>",
    "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
];

/// The words and numbers that stand for an absent value, whatever a column's type: a cell that holds
/// one of them and nothing else is missing. They are compared as labels are ([`label_key`]), so
/// `-999` is also `-999.0`, and a number in Parquet. Missing by any rule is a null, an empty text,
/// one of white space alone, and a float that is NaN.
///
/// The default is pandas' list. A config sets its own with `preprocessing.missing_values`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<Written>", into = "Vec<String>")]
pub struct MissingValues {
    words: Vec<String>,
    keys: BTreeSet<String>,
    numbers: Vec<f64>,
    longest: usize,
}

/// An entry of the list as YAML and JSON may hold it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Other(serde_json::Value),
}

impl From<Vec<Written>> for MissingValues {
    fn from(written: Vec<Written>) -> Self {
        Self::of(written.into_iter().map(|entry| match entry {
            Written::Text(text) => text,
            Written::Other(value) => value.to_string(),
        }))
    }
}

impl From<MissingValues> for Vec<String> {
    fn from(missing: MissingValues) -> Self {
        missing.words
    }
}

impl Default for MissingValues {
    fn default() -> Self {
        Self::of(USUAL)
    }
}

impl MissingValues {
    /// The given words and numbers.
    pub fn of<T: Into<String>>(words: impl IntoIterator<Item = T>) -> Self {
        let words: Vec<String> = words.into_iter().map(Into::into).collect();
        let keys = words.iter().map(|word| label_key(word).into_owned()).collect();
        let numbers = words.iter().filter_map(|word| word.trim().parse().ok());
        let numbers = numbers.filter(|number: &f64| number.is_finite()).collect();
        let longest = words.iter().map(|word| word.trim().len()).max().unwrap_or(0);
        Self { words, keys, numbers, longest }
    }

    /// No word: only what is empty is missing.
    #[must_use]
    pub fn none() -> Self {
        Self::of::<String>([])
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
        // `-999` may be spelled `-999.000000` and no longer.
        const LONGER: usize = 8;
        let text = text.trim();
        text.is_empty()
            || text.len() <= self.longest + LONGER && self.keys.contains(label_key(text).as_ref())
    }

    /// Whether a number stands for an absent value; NaN does by any rule.
    #[must_use]
    pub fn contain_number(&self, number: f64) -> bool {
        number.is_nan() || self.numbers.contains(&number)
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
    fn a_number_is_missing_in_every_spelling_and_type() {
        let words: MissingValues = serde_json::from_str(r#"[-999, "?"]"#).unwrap();
        assert_eq!(serde_json::to_string(&words).unwrap(), r#"["-999","?"]"#);
        let texts = ["-999", "-999.0", "?", "999"].map(|text| Value::Text(text.to_owned()));
        let numbers = [Value::Integer(-999), Value::Number(-999.0), Value::Integer(999)];
        let rows = texts.into_iter().chain(numbers).map(|value| vec![value]).collect();
        let table = Table::from_rows(vec![ColumnName::from("x")], rows, Path::new(".")).unwrap();
        let column = table.column(&ColumnName::from("x")).unwrap().with_missing_values(&words);
        let missing: Vec<bool> = (0..7).map(|row| column.cell(row).is_missing()).collect();
        assert_eq!(missing, [true, true, true, false, true, true, false]);
    }

    #[test]
    fn a_summary_counts_the_words_that_it_took_for_missing() {
        let summary = table().summaries().remove(0);
        assert_eq!((summary.missing, summary.distinct), (5, 1));
        let words = [("NA".to_owned(), 1), ("null".to_owned(), 1)];
        assert_eq!(summary.missing_words.into_iter().collect::<Vec<_>>(), words);
    }
}
