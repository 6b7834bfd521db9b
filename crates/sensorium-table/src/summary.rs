//! What a column looks like: the counts from which a modality can be guessed, and the guess
//! explained.
//!
//! Nothing here decides what a column means; every number is a plain count over all rows.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

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
    /// The file's name of its type, where that is not read.
    pub unread_type: Option<String>,
    /// What the file says of it beyond that.
    pub annotation: Option<Annotation>,
    /// All rows.
    pub rows: usize,
    /// Rows without a value.
    pub missing: usize,
    /// The words among [`Self::missing`] that stand for an absent value, such as `NA`, and how many
    /// cells hold each.
    pub missing_words: BTreeMap<String, usize>,
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
    /// Those of [`Self::numbers`] that are written with a zero before other digits, as codes are:
    /// `007`, `02134`.
    pub leading_zeros: usize,
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
        self.all_columns().map(Column::summary).collect()
    }
}

impl Column<'_> {
    /// A summary of the column; see [`Table::summaries`].
    #[must_use]
    pub fn summary(self) -> ColumnSummary {
        summarise(self)
    }
}

fn summarise(column: Column<'_>) -> ColumnSummary {
    let storage = column.storage();
    let mut counts = Counts::new(column.name().clone(), storage, column.table().num_rows());
    counts.summary.annotation = column.annotation().cloned();
    let mut present = 0;
    for row in present_rows(storage, counts.summary.rows) {
        let held = column.held(row);
        present += usize::from(held != Held::Missing);
        match held {
            Held::Missing => counts.add_missing_word(column.missing_word(row)),
            Held::Bytes(bytes) => counts.add_bytes(&bytes[..bytes.len().min(16)]),
            Held::Spilled(span) if counts.is_sniffing() => {
                // What cannot be read is refused when the cell is asked for.
                let first = column.table().spill.read(span, SNIFFED_BYTES);
                counts.add_bytes(&first.unwrap_or_default());
            }
            Held::Spilled(_) => counts.summary.embedded += 1,
            held => counts.add(held),
        }
    }
    counts.summary.missing = counts.summary.rows - present;
    counts.finish()
}

/// The rows that can hold something: of a table of many rows and few values, few.
fn present_rows(storage: &Storage, num_rows: usize) -> Box<dyn Iterator<Item = usize> + '_> {
    match storage {
        Storage::Text(texts) => Box::new(texts.rows()),
        Storage::Integer(values) => Box::new(values.rows()),
        Storage::Number(values) => Box::new(values.rows()),
        Storage::Boolean(values) => Box::new(values.rows()),
        Storage::Media { .. } | Storage::Mixed(_) => Box::new(0..num_rows),
        Storage::Unsupported(_) => Box::new(std::iter::empty()),
    }
}

/// A summary under construction, with what only the counting needs.
struct Counts<'a> {
    summary: ColumnSummary,
    distinct: HashSet<Cow<'a, str>>,
    words: usize,
    characters: usize,
    with_whitespace: usize,
    /// The value before and what it counts: in long columns the same one often follows.
    last: Option<(Held<'a>, Measure)>,
    /// What the first numbers of a column of numbers count, by their bits: making a number's text
    /// costs the most.
    of_numbers: HashMap<u64, Measure>,
}

/// What one value counts.
#[derive(Clone, Debug, Default)]
struct Measure {
    words: usize,
    characters: usize,
    has_whitespace: bool,
    is_boolean_word: bool,
    number: Option<f64>,
    is_code: bool,
    extension: Option<String>,
}

impl Measure {
    fn of(held: &Held<'_>) -> Self {
        match held {
            Held::Integer(whole) => return Self::of_whole(*whole),
            Held::Number(number) => {
                if let Some(whole) = plain_whole(*number) {
                    return Self::of_whole(whole);
                }
            }
            _ => {}
        }
        let text = held.as_text().unwrap_or_default();
        let number = held.as_number();
        Self {
            words: text.split_whitespace().count(),
            characters: text.chars().count(),
            has_whitespace: text.trim().contains(char::is_whitespace),
            is_boolean_word: is_boolean_word(&text),
            is_code: is_code(&text),
            extension: if number.is_some() { None } else { extension_of(&text) },
            number,
        }
    }

    /// As its text would measure, which is not made: a column may hold millions.
    fn of_whole(whole: i64) -> Self {
        let digits = whole.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
        Self {
            words: 1,
            characters: digits + usize::from(whole < 0),
            is_boolean_word: (-1..=1).contains(&whole),
            number: Some(whole as f64),
            ..Self::default()
        }
    }
}

/// The number, if its text is that of a whole number.
#[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
fn plain_whole(number: f64) -> Option<i64> {
    let is_whole = number.fract() == 0.0 && number.abs() < 1e15;
    (is_whole && !(number == 0.0 && number.is_sign_negative())).then_some(number as i64)
}

impl<'a> Counts<'a> {
    fn new(name: ColumnName, storage: &Storage, rows: usize) -> Self {
        let summary = ColumnSummary {
            name,
            physical_type: storage.physical_type(),
            unread_type: match storage {
                Storage::Unsupported(kind) => Some(kind.clone()),
                _ => None,
            },
            annotation: None,
            rows,
            missing: 0,
            missing_words: BTreeMap::new(),
            distinct: 0,
            distinct_is_capped: false,
            numbers: 0,
            whole_numbers: 0,
            not_finite: 0,
            leading_zeros: 0,
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
        Self {
            summary,
            distinct,
            words: 0,
            characters: 0,
            with_whitespace: 0,
            last: None,
            of_numbers: HashMap::new(),
        }
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

    fn add_missing_word(&mut self, word: Option<&str>) {
        if let Some(word) = word {
            *self.summary.missing_words.entry(word.to_owned()).or_default() += 1;
        }
    }

    fn add(&mut self, held: Held<'a>) {
        if self.last.as_ref().is_none_or(|(last, _)| *last != held) {
            let measure = self.measured(&held);
            self.last = Some((held, measure));
        }
        let Some((_, measure)) = &self.last else { return };
        self.words += measure.words;
        self.characters += measure.characters;
        self.with_whitespace += usize::from(measure.has_whitespace);
        let summary = &mut self.summary;
        summary.boolean_words += usize::from(measure.is_boolean_word);
        if let Some(number) = measure.number {
            summary.numbers += 1;
            summary.not_finite += usize::from(!number.is_finite());
            summary.whole_numbers += usize::from(number.fract() == 0.0);
            summary.leading_zeros += usize::from(measure.is_code);
        } else if let Some(extension) = &measure.extension {
            match summary.extensions.get_mut(extension) {
                Some(count) => *count += 1,
                None => drop(summary.extensions.insert(extension.clone(), 1)),
            }
        }
    }

    /// What a value counts, once it is counted among the different ones.
    fn measured(&mut self, held: &Held<'a>) -> Measure {
        let bits = match (self.summary.physical_type, held) {
            (PhysicalType::Integer, Held::Integer(whole)) => whole.cast_unsigned(),
            (PhysicalType::Number, Held::Number(number)) => number.to_bits(),
            _ => {
                self.add_distinct(held);
                return Measure::of(held);
            }
        };
        if let Some(measure) = self.of_numbers.get(&bits) {
            return measure.clone();
        }
        self.add_distinct(held);
        let measure = Measure::of(held);
        if self.of_numbers.len() < MAX_DISTINCT {
            self.of_numbers.insert(bits, measure.clone());
        }
        measure
    }

    fn add_distinct(&mut self, held: &Held<'a>) {
        if self.summary.distinct_is_capped {
            return;
        }
        let Some(text) = held.as_text() else { return };
        if self.distinct.contains(&text) {
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

/// Whether digits begin with a zero that a number would not have.
fn is_code(text: &str) -> bool {
    let text = text.trim().as_bytes();
    text.len() > 1 && text[0] == b'0' && text.iter().all(u8::is_ascii_digit)
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
            unread_type: None,
            annotation: None,
            rows: 5,
            missing: 1,
            missing_words: BTreeMap::new(),
            distinct: 3,
            distinct_is_capped: false,
            numbers: 0,
            whole_numbers: 0,
            not_finite: 0,
            leading_zeros: 0,
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
        let summary = of_texts(&["1", "0.5", "-1e3", "inf", "-inf", "Yes", "f", "true", "one"]);
        assert_eq!(
            (summary.numbers, summary.whole_numbers, summary.not_finite, summary.boolean_words),
            (6, 3, 2, 4)
        );
    }

    #[test]
    fn digits_after_a_zero_are_counted_as_codes() {
        let summary = of_texts(&["007", "02134", "0", "10", "0.5", "-03", "00"]);
        assert_eq!((summary.numbers, summary.leading_zeros), (7, 3));
    }

    #[test]
    fn a_whole_number_counts_as_its_text_does() {
        for whole in [0, 1, -1, 9, 10, -10, 99, 100, i64::MAX, i64::MIN] {
            let (of_number, of_text) = (
                summary(vec![Value::Integer(whole); 2]),
                of_texts(&[whole.to_string().as_str(); 2]),
            );
            assert_eq!(ColumnSummary { physical_type: PhysicalType::Mixed, ..of_number }, of_text);
        }
    }

    #[test]
    fn a_number_counts_as_its_text_does() {
        let zero = 0.0_f64;
        for number in [0.5, zero, -zero, 1.0, -1.0, 1e14, 1e15, 123_456.0, 1e300, 1e-9] {
            let text = crate::storage::text_from_number(number);
            let (of_number, of_text) =
                (summary(vec![Value::Number(number); 2]), of_texts(&[text.as_str(); 2]));
            assert_eq!(of_number, of_text, "{number}");
        }
    }

    #[test]
    fn a_column_of_numbers_is_counted_as_one_of_any_values() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.jsonl");
        let number = |row: usize| f64::from(u16::try_from(row * 7919 % 3_000).unwrap()) / 4.0;
        for count in [30, 2_000] {
            let line = |row| format!("{{\"x\":{:?}}}\n", number(row));
            std::fs::write(&path, (0..count).map(line).collect::<String>()).unwrap();
            let stored = Table::read(&path, None).unwrap().summaries().remove(0);
            let mixed = summary((0..count).map(|row| Value::Number(number(row))).collect());
            assert_eq!(stored.physical_type, PhysicalType::Number);
            let (name, physical_type) = (mixed.name.clone(), PhysicalType::Mixed);
            assert_eq!(ColumnSummary { name, physical_type, ..stored }, mixed);
        }
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
