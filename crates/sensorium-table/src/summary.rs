//! What a column looks like: the counts from which a modality can be guessed, and the guess
//! explained.
//!
//! Nothing here decides what a column means; every number is a plain count over all rows.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use sensorium_core::ColumnName;

use crate::storage::{Held, PhysicalType, Storage};
use crate::{Annotation, Column, Table};

/// Distinct values are counted up to this many.
pub const MAX_DISTINCT: usize = 1_000;
/// The most values that a summary shows.
pub const MAX_EXAMPLES: usize = 3;
/// The longest example, in characters.
const EXAMPLE_CHARACTERS: usize = 80;
/// The most embedded files whose first bytes a summary has.
const MAX_SNIFFED: usize = 8;
/// How many first bytes: enough for every signature that media formats have.
const SNIFFED_BYTES: u64 = 16;
/// The longest text that is taken for a path, in bytes: `PATH_MAX` of Linux.
const MAX_PATH_BYTES: usize = 4096;

/// What one column holds, counted over all rows.
///
/// Shares and means are over the cells that are text or can be shown as text (numbers, booleans),
/// which are `rows - missing - embedded`; they are 0 where there are none.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ColumnSummary {
    /// The column.
    pub name: ColumnName,
    /// How it is stored; every column of a CSV file is text.
    pub physical_type: PhysicalType,
    /// What the file says of it beyond that.
    pub annotation: Option<Annotation>,
    /// All rows.
    pub rows: usize,
    /// Rows without a value.
    pub missing: usize,
    /// Different values among the cells that are no bytes, [`MAX_DISTINCT`] at most.
    pub distinct: usize,
    /// Whether there are more than [`MAX_DISTINCT`] different values.
    pub distinct_is_capped: bool,
    /// Cells that read as a number, NaN and infinities included.
    pub numbers: usize,
    /// Those of [`Self::numbers`] that are whole and finite.
    pub whole_numbers: usize,
    /// Those of [`Self::numbers`] that are NaN or infinite.
    pub not_finite: usize,
    /// Cells that are true or false, or one of Ludwig's words for them: `true`, `t`, `yes`, `y`,
    /// `1`, `1.0`, `false`, `f`, `no`, `n`, `0`, `0.0`, `-1`, `-1.0`, in upper or lower case.
    pub boolean_words: usize,
    /// For each lower-case file extension (`png`, without the dot), the text cells that look like
    /// a path with it.
    pub extensions: BTreeMap<String, usize>,
    /// Words per cell, split at white space.
    pub mean_words: f64,
    /// Characters per cell; languages such as Chinese are written without white space.
    pub mean_characters: f64,
    /// The share of cells with white space inside, 0 to 1.
    pub share_with_whitespace: f64,
    /// Cells that hold bytes.
    pub embedded: usize,
    /// The first 16 bytes, or all where there are fewer, of the first 8 embedded files.
    pub first_bytes: Vec<Vec<u8>>,
    /// The first different values, each cut to 80 characters.
    pub examples: Vec<String>,
}

impl Table {
    /// A summary of every column, in the table's order.
    ///
    /// Reads every cell once, embedded media excepted, of which only a few first bytes are read.
    #[must_use]
    pub fn summaries(&self) -> Vec<ColumnSummary> {
        self.all_columns().map(summarise).collect()
    }
}

fn summarise(column: Column<'_>) -> ColumnSummary {
    let storage = column.storage();
    let mut counts = Counts::new(column.name().clone(), storage, column.table().num_rows());
    counts.summary.annotation = column.annotation().cloned();
    for row in 0..counts.summary.rows {
        match storage.get(row) {
            Held::Missing => counts.summary.missing += 1,
            Held::Bytes(bytes) => counts.add_bytes(&bytes[..bytes.len().min(16)]),
            Held::Spilled(span) if counts.is_sniffing() => {
                // What cannot be read is refused when the cell is asked for.
                let first = column.table().spill.read(span, SNIFFED_BYTES);
                counts.add_bytes(&first.unwrap_or_default());
            }
            Held::Spilled(_) => counts.summary.embedded += 1,
            held => counts.add(&held),
        }
    }
    counts.finish()
}

/// A summary under construction, with what only the counting needs.
struct Counts<'a> {
    summary: ColumnSummary,
    distinct: HashSet<Cow<'a, str>>,
    words: usize,
    characters: usize,
    with_whitespace: usize,
}

impl<'a> Counts<'a> {
    fn new(name: ColumnName, storage: &Storage, rows: usize) -> Self {
        let summary = ColumnSummary {
            name,
            physical_type: storage.physical_type(),
            annotation: None,
            rows,
            missing: 0,
            distinct: 0,
            distinct_is_capped: false,
            numbers: 0,
            whole_numbers: 0,
            not_finite: 0,
            boolean_words: 0,
            extensions: BTreeMap::new(),
            mean_words: 0.0,
            mean_characters: 0.0,
            share_with_whitespace: 0.0,
            embedded: 0,
            first_bytes: Vec::new(),
            examples: Vec::new(),
        };
        let distinct = HashSet::new();
        Self { summary, distinct, words: 0, characters: 0, with_whitespace: 0 }
    }

    fn is_sniffing(&self) -> bool {
        self.summary.first_bytes.len() < MAX_SNIFFED
    }

    fn add_bytes(&mut self, first: &[u8]) {
        self.summary.embedded += 1;
        if self.is_sniffing() {
            self.summary.first_bytes.push(first.to_vec());
        }
    }

    fn add(&mut self, held: &Held<'a>) {
        let Some(text) = held.as_text() else { return };
        self.words += text.split_whitespace().count();
        self.characters += text.chars().count();
        self.with_whitespace += usize::from(text.trim().contains(char::is_whitespace));
        self.summary.boolean_words += usize::from(is_boolean_word(&text));
        if let Some(number) = held.as_number() {
            self.summary.numbers += 1;
            self.summary.not_finite += usize::from(!number.is_finite());
            self.summary.whole_numbers += usize::from(number.fract() == 0.0);
        } else if let Some(extension) = extension_of(&text) {
            *self.summary.extensions.entry(extension).or_default() += 1;
        }
        self.add_distinct(text);
    }

    fn add_distinct(&mut self, text: Cow<'a, str>) {
        if self.summary.distinct_is_capped || self.distinct.contains(&text) {
            return;
        }
        if self.distinct.len() == MAX_DISTINCT {
            self.summary.distinct_is_capped = true;
            return;
        }
        if self.summary.examples.len() < MAX_EXAMPLES {
            self.summary.examples.push(text.chars().take(EXAMPLE_CHARACTERS).collect());
        }
        self.distinct.insert(text);
    }

    fn finish(mut self) -> ColumnSummary {
        let summary = &mut self.summary;
        summary.distinct = self.distinct.len();
        let texts = (summary.rows - summary.missing - summary.embedded).max(1) as f64;
        summary.mean_words = self.words as f64 / texts;
        summary.mean_characters = self.characters as f64 / texts;
        summary.share_with_whitespace = self.with_whitespace as f64 / texts;
        self.summary
    }
}

/// Ludwig's `BOOL_TRUE_STRS` and `BOOL_FALSE_STRS` (`ludwig/utils/strings_utils.py`).
fn is_boolean_word(text: &str) -> bool {
    const WORDS: &[&str] =
        &["true", "t", "yes", "y", "1", "1.0", "false", "f", "no", "n", "0", "0.0", "-1", "-1.0"];
    WORDS.iter().any(|word| text.trim().eq_ignore_ascii_case(word))
}

/// The lower-case extension of a text that looks like a path: one line, and after its last dot one
/// to five letters or digits, a letter among them.
fn extension_of(text: &str) -> Option<String> {
    let (stem, extension) = text.rsplit_once('.')?;
    let is_name = stem.chars().next_back().is_some_and(|last| !last.is_whitespace() && last != '/');
    let is_extension = (1..=5).contains(&extension.len())
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && extension.bytes().any(|byte| byte.is_ascii_alphabetic());
    let is_path = text.len() <= MAX_PATH_BYTES && !text.contains('\n');
    (is_name && is_extension && is_path).then(|| extension.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::Value;

    fn summary(values: Vec<Value>) -> ColumnSummary {
        let rows = values.into_iter().map(|value| vec![value]).collect();
        let table = Table::from_rows(vec![ColumnName::from("x")], rows, Path::new(".")).unwrap();
        table.summaries().remove(0)
    }

    fn of_texts(texts: &[&str]) -> ColumnSummary {
        summary(texts.iter().map(|text| Value::Text((*text).to_owned())).collect())
    }

    #[test]
    fn texts_are_counted_by_hand() {
        let summary = of_texts(&["a b c", "", "a b c", "d", "größe 你"]);
        let expected = ColumnSummary {
            name: ColumnName::from("x"),
            physical_type: PhysicalType::Mixed,
            annotation: None,
            rows: 5,
            missing: 1,
            distinct: 3,
            distinct_is_capped: false,
            numbers: 0,
            whole_numbers: 0,
            not_finite: 0,
            boolean_words: 0,
            extensions: BTreeMap::new(),
            mean_words: 9.0 / 4.0,
            mean_characters: (5.0 + 5.0 + 1.0 + 7.0) / 4.0,
            share_with_whitespace: 3.0 / 4.0,
            embedded: 0,
            first_bytes: vec![],
            examples: vec!["a b c".into(), "d".into(), "größe 你".into()],
        };
        assert_eq!(summary, expected);
    }

    #[test]
    fn numbers_and_boolean_words_are_counted() {
        let summary = of_texts(&["1", "0.5", "-1e3", "inf", "NaN", "Yes", "f", "true", "one"]);
        assert_eq!(
            (summary.numbers, summary.whole_numbers, summary.not_finite, summary.boolean_words),
            (6, 3, 2, 4)
        );
    }

    #[test]
    fn paths_are_counted_by_extension() {
        let summary = of_texts(&[
            "a/b.PNG",
            "b c.png",
            "x.tar.gz",
            "It works. Yes",
            "3.5",
            "end.",
            ".png",
            "a/.png",
            "v1.2",
            "a\nb.png",
        ]);
        assert_eq!(summary.extensions, BTreeMap::from([("gz".into(), 1), ("png".into(), 2)]));
    }

    #[test]
    fn distinct_values_are_counted_up_to_the_cap() {
        let count = |values: i64| {
            let summary = summary((0..values).map(Value::Integer).collect());
            (summary.distinct, summary.distinct_is_capped)
        };
        assert_eq!(count(1_000), (1_000, false));
        assert_eq!(count(1_001), (1_000, true));
    }

    #[test]
    fn embedded_files_show_their_first_bytes() {
        let summary = summary(vec![
            Value::Bytes(vec![7; 40]),
            Value::Bytes(vec![1, 2]),
            Value::Text("a.png".into()),
        ]);
        assert_eq!(summary.embedded, 2);
        assert_eq!(summary.first_bytes, [vec![7; 16], vec![1, 2]]);
        assert_eq!((summary.mean_words, summary.distinct), (1.0, 1));
    }

    #[test]
    fn a_column_without_values_has_no_undefined_mean() {
        let summary = summary(vec![Value::Missing]);
        assert_eq!((summary.missing, summary.mean_words), (1, 0.0));
        assert!(summary.examples.is_empty());
    }
}
