//! Which words of a column mean true, and which false.

use std::collections::BTreeMap;

use sensorium_core::text::shown_up_to;
use sensorium_table::{Cell, Column, TrainRows, label_key};
use serde::{Deserialize, Deserializer, Serialize};

use crate::ModalityError;

/// Ludwig's boolean words (`ludwig/utils/strings_utils.py`), in any case; a `0` or `1` may be
/// written with a fraction of zero.
const TRUE_WORDS: [&str; 5] = ["true", "t", "yes", "y", "1"];
const FALSE_WORDS: [&str; 6] = ["false", "f", "no", "n", "0", "-1"];

/// The longest value that an error shows, in characters.
const SHOWN: usize = 60;

/// What a word means by itself, or `None` where it is not a boolean word.
///
/// # Examples
///
/// ```
/// use sensorium_modality::binary::truth_of_word;
///
/// assert_eq!(truth_of_word("Yes"), Some(true));
/// assert_eq!(truth_of_word("0.0"), Some(false));
/// assert_eq!(truth_of_word("maybe"), None);
/// ```
#[must_use]
pub fn truth_of_word(word: &str) -> Option<bool> {
    let word = word.trim().to_lowercase();
    let word = word.strip_suffix(".0").unwrap_or(&word);
    if TRUE_WORDS.contains(&word) {
        Some(true)
    } else {
        FALSE_WORDS.contains(&word).then_some(false)
    }
}

/// Reads a label that YAML may take for a number or a boolean, such as `1` or `true`.
pub(crate) fn written_label<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Null => None,
        serde_json::Value::String(label) => Some(label),
        other => Some(other.to_string()),
    })
}

/// How a column spells true and false, fitted to its train rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Spelling {
    /// By boolean words, any of them.
    Words,
    /// By two labels of its own.
    Labels {
        /// The label that means false.
        false_label: String,
        /// The label that means true.
        true_label: String,
    },
}

impl Spelling {
    /// Learns the spelling from the train rows. `fallback_true_label` says which of two labels
    /// means true where they are not boolean words; without it a boolean word among the two
    /// decides, else the later in alphabetical order means true.
    ///
    /// # Errors
    ///
    /// [`ModalityError::Fit`] where the labels are neither boolean words nor two.
    pub(crate) fn fit(
        column: Column<'_>,
        rows: &TrainRows,
        fallback_true_label: Option<&str>,
    ) -> Result<Self, ModalityError> {
        let labels = distinct_labels(column, rows);
        let are_words = labels.keys().all(|label| truth_of_word(label).is_some());
        let are_three_numbers = ["-1", "0", "1"].iter().all(|number| labels.contains_key(*number));
        if !labels.is_empty() && are_words && !are_three_numbers {
            return Ok(Self::Words);
        }
        let refused = |problem| {
            let advice = "a binary column holds boolean words (true/false, yes/no, t/f, y/n, 1/0) \
                          or two labels; use `type: category` for more";
            let column = column.name().clone();
            Err(ModalityError::Fit { column, problem, advice: advice.to_owned() })
        };
        let labels: Vec<String> = labels.into_values().collect();
        match (labels.as_slice(), fallback_true_label) {
            ([], _) => refused("no train row holds a value".to_owned()),
            ([only], _) => refused(format!("its train rows hold only `{only}`")),
            ([a, b], None) => Ok(Self::of_two(a, b)),
            ([a, b], Some(label)) if are_equal(label, a) => Ok(Self::labels(b, a)),
            ([a, b], Some(label)) if are_equal(label, b) => Ok(Self::labels(a, b)),
            ([a, b], Some(label)) => refused(format!(
                "`fallback_true_label` is `{label}`, but its train rows hold `{a}` and `{b}`"
            )),
            ([a, b, c, ..], _) => refused(format!(
                "its train rows hold more than two values, such as `{a}`, `{b}` and `{c}`"
            )),
        }
    }

    /// The spelling by two labels in alphabetical order.
    fn of_two(a: &str, b: &str) -> Self {
        let a_is_true = truth_of_word(a) == Some(true) || truth_of_word(b) == Some(false);
        if a_is_true { Self::labels(b, a) } else { Self::labels(a, b) }
    }

    fn labels(false_label: &str, true_label: &str) -> Self {
        Self::Labels { false_label: false_label.to_owned(), true_label: true_label.to_owned() }
    }

    /// The cell as true or false, or `None` where it is missing.
    ///
    /// # Errors
    ///
    /// [`ModalityError::Decode`] where the cell holds neither.
    pub(crate) fn truth_of(&self, cell: &Cell<'_>) -> Result<Option<bool>, ModalityError> {
        let Some(word) = cell.text()? else { return Ok(None) };
        let truth = match self {
            Self::Words => truth_of_word(&word),
            Self::Labels { true_label, .. } if are_equal(true_label, &word) => Some(true),
            Self::Labels { false_label, .. } if are_equal(false_label, &word) => Some(false),
            Self::Labels { .. } => None,
        };
        truth.map(Some).ok_or_else(|| ModalityError::Decode {
            at: cell.at().clone(),
            expected: match self {
                Self::Words => "a boolean word".to_owned(),
                Self::Labels { false_label, true_label } => {
                    format!("`{false_label}` or `{true_label}`, which train holds")
                }
            },
            got: format!("`{}`", shown_up_to(&word, SHOWN)),
            advice: "use `type: category` for a column of more than two values".to_owned(),
        })
    }
}

/// Whether two spellings are of one label.
fn are_equal(a: &str, b: &str) -> bool {
    label_key(a) == label_key(b)
}

/// The distinct labels of the train rows, by what they are compared by, in the spelling that was met
/// first: all of them where they are boolean words, else the first few that were met, at least three
/// where there are more than two.
fn distinct_labels(column: Column<'_>, rows: &TrainRows) -> BTreeMap<String, String> {
    const MOST_SPELLINGS: usize = 64;
    let mut labels = BTreeMap::new();
    for &row in rows.indices() {
        if let Ok(Some(text)) = column.cell(row).text() {
            let label = label_key(&text);
            if !labels.contains_key(label.as_ref()) {
                labels.insert(label.into_owned(), text.trim().to_owned());
            }
        }
        if labels.len() > MOST_SPELLINGS {
            break;
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::small_table::{SmallTable, text};

    fn spelling(train: &[&str], fallback: Option<&str>) -> Result<Spelling, String> {
        let table = SmallTable::of(train.iter().map(|label| text(label)));
        Spelling::fit(table.column(), table.train(), fallback).map_err(|error| error.to_string())
    }

    #[test]
    fn boolean_words_mean_what_they_say() {
        let words = ["yes", "NO", "t", "F", "1", "0", "1.0"];
        assert_eq!(spelling(&words, Some("no")).unwrap(), Spelling::Words);
        assert_eq!(spelling(&["true"], None).unwrap(), Spelling::Words);
    }

    #[test]
    fn the_later_of_two_labels_is_true_unless_the_user_or_a_boolean_word_says_else() {
        let two = ["spam", "ham"];
        assert_eq!(spelling(&two, None).unwrap(), Spelling::labels("ham", "spam"));
        assert_eq!(spelling(&two, Some("ham")).unwrap(), Spelling::labels("spam", "ham"));
        assert_eq!(spelling(&["no", "maybe"], None).unwrap(), Spelling::labels("no", "maybe"));
        assert_eq!(spelling(&["yes", "zero"], None).unwrap(), Spelling::labels("zero", "yes"));
    }

    #[test]
    fn one_label_may_be_spelled_in_several_ways() {
        let two = Spelling::labels("2.0", "3");
        let table = SmallTable::of(["2.0", "3", "2 ", "2"].map(text));
        assert_eq!(Spelling::fit(table.column(), table.train(), None).unwrap(), two);
        let truth = |row| two.truth_of(&table.column().cell(row)).unwrap();
        assert_eq!([0, 1, 2, 3].map(truth), [Some(false), Some(true), Some(false), Some(false)]);
        assert_eq!(spelling(&["1", "2"], Some("1.0")).unwrap(), Spelling::labels("2", "1"));
    }

    #[test]
    fn other_than_two_labels_are_refused_by_name() {
        assert!(spelling(&["a", "b", "c"], None).unwrap_err().contains("`a`, `b` and `c`"));
        // Two of them would both be false.
        assert!(spelling(&["1", "0.0", "-1"], None).unwrap_err().contains("`-1`, `0.0` and `1`"));
        assert!(spelling(&["a", "a"], None).unwrap_err().contains("hold only `a`"));
        assert!(spelling(&[""], None).unwrap_err().contains("no train row holds a value"));
        assert!(spelling(&["a", "b"], Some("d")).unwrap_err().contains("`d`"));
    }
}
