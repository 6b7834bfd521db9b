//! Which modality a column most likely is, and why: a guess, explained, from plain counts.
//!
//! Every modality says in [`Modality::claims`](crate::Modality::claims) whether a column looks like
//! its own; the list is walked in its order, and the first claim is the guess.

use sensorium_table::{Annotation, ColumnSummary};

use crate::ModalityConfig;

/// A guess, and the counts that led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inference {
    /// A name in [`ModalityConfig::COMPONENTS`].
    pub modality: &'static str,
    /// Such as `1,283 of 1,283 cells name .png files`.
    pub because: String,
}

/// Guesses a column's modality.
#[must_use]
pub fn infer(summary: &ColumnSummary) -> Inference {
    if let Some(said) = said_by_the_file(summary) {
        return said;
    }
    let (modality, because) = ModalityConfig::first_claim(summary).unwrap_or_else(|| {
        let present = grouped(num_present(summary));
        ("text", format!("{present} of {} cells hold a value", grouped(summary.rows)))
    });
    Inference { modality, because }
}

/// What the file itself says goes before what its cells look like.
fn said_by_the_file(summary: &ColumnSummary) -> Option<Inference> {
    let more = if summary.distinct_is_capped { "more than " } else { "" };
    let different = || format!("{more}{} different values", grouped(summary.distinct));
    let (modality, because) = match summary.annotation.as_ref()? {
        Annotation::Named { classes } => {
            ("category", format!("the file names {} classes", grouped(*classes)))
        }
        Annotation::Categorical if !summary.distinct_is_capped => {
            ("category", format!("the file keeps labels, {}", different()))
        }
        Annotation::Date => ("text", format!("dates, read as text; {}", different())),
        Annotation::List => ("text", "lists, read as JSON text".to_owned()),
        _ => return None,
    };
    Some(Inference { modality, because })
}

/// The share of a column's cells that must be of a kind; the others are named when they are read.
const MOST: f64 = 0.95;

/// The cells that hold something.
pub(crate) fn num_present(summary: &ColumnSummary) -> usize {
    summary.rows - summary.missing
}

/// Whether `count` is most of the cells that hold something, and not none.
pub(crate) fn is_most(count: usize, summary: &ColumnSummary) -> bool {
    count > 0 && count as f64 >= MOST * num_present(summary) as f64
}

/// `1,250 of 1,283 cells`, of those that hold something.
pub(crate) fn share(count: usize, summary: &ColumnSummary) -> String {
    format!("{} of {} cells", grouped(count), grouped(num_present(summary)))
}

/// Claims a column whose cells name files with one of `extensions`, or hold files that begin like
/// one, which `begins_like_one` tells from their first bytes.
pub(crate) fn media_claim(
    summary: &ColumnSummary,
    extensions: &[&str],
    begins_like_one: impl Fn(&[u8]) -> bool,
    kind: &str,
) -> Option<String> {
    let known = summary.extensions.iter().filter(|(name, _)| extensions.contains(&name.as_str()));
    let known: Vec<_> = known.collect();
    let named: usize = known.iter().map(|(_, count)| **count).sum();
    let looked_at = &summary.first_bytes;
    let all_begin = !looked_at.is_empty() && looked_at.iter().all(|bytes| begins_like_one(bytes));
    let held = if all_begin { summary.embedded } else { 0 };
    if !is_most(named + held, summary) {
        return None;
    }
    let names: Vec<_> = known.iter().map(|(name, _)| format!(".{name}")).collect();
    let name = || format!("{} name {} files", share(named, summary), names.join(" or "));
    let hold = || format!("{} hold {kind} files, by their first bytes", share(held, summary));
    Some(match (named, held) {
        (_, 0) => name(),
        (0, _) => hold(),
        _ => format!("{}, and {}", hold(), name()),
    })
}

/// A count with commas between thousands.
pub(crate) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use sensorium_table::Value;

    use super::*;
    use crate::small_table::{SmallTable, text};

    fn guess(cells: impl IntoIterator<Item = Value>) -> (&'static str, String) {
        let inference = infer(&SmallTable::of(cells).summary());
        (inference.modality, inference.because)
    }

    fn texts(cells: &[&str]) -> (&'static str, String) {
        guess(cells.iter().map(|cell| text(cell)))
    }

    #[test]
    fn files_are_told_by_their_names() {
        let pictures = (0..1283).map(|index| text(&format!("pictures/{index}.png")));
        let because = "1,283 of 1,283 cells name .png files";
        assert_eq!(guess(pictures), ("image", because.to_owned()));
        let because = "3 of 3 cells name .ogg or .wav files";
        assert_eq!(texts(&["a.wav", "b.ogg", "c.wav"]), ("audio", because.to_owned()));
        assert_eq!(texts(&["a.csv", "b.csv"]).0, "text");
    }

    #[test]
    fn files_are_told_by_their_first_bytes() {
        let png = Value::Bytes(b"\x89PNG\r\n\x1a\n and so on".to_vec());
        let wav = Value::Bytes(b"RIFF\x10\0\0\0WAVEfmt ".to_vec());
        let because = "2 of 2 cells hold picture files, by their first bytes";
        assert_eq!(guess([png.clone(), png.clone()]), ("image", because.to_owned()));
        assert_eq!(guess([wav.clone(), Value::Missing]).0, "audio");
        let bmp = [b"BM".as_slice(), &[0; 12], &40_u32.to_le_bytes(), &[1; 90]].concat();
        assert_eq!(guess([Value::Bytes(bmp)]).0, "image");
        let because = "1 of 2 cells hold picture files, by their first bytes, and 1 of 2 cells \
                       name .jpg files";
        assert_eq!(guess([png.clone(), text("b.jpg")]), ("image", because.to_owned()));
        assert_eq!(guess([png, wav]).0, "text");
    }

    #[test]
    fn numbers_are_told_with_a_few_that_are_not() {
        let numbers = (0..99).map(|index| Value::Integer(index * 7));
        let because = "99 of 100 cells are numbers";
        assert_eq!(guess(numbers.chain([text("none")])), ("number", because.to_owned()));
        assert_eq!(texts(&["1.5", "two", "3"]).0, "text");
        assert_eq!(texts(&["02134", "10001", "00501"]).0, "text");
    }

    #[test]
    fn boolean_words_of_both_sides_are_binary() {
        let because = "4 of 4 cells are boolean words, such as `yes` and `no`";
        assert_eq!(texts(&["yes", "no", "no", "yes"]), ("binary", because.to_owned()));
        assert_eq!(guess([0, 1, 1, 0].map(Value::Integer)).0, "binary");
        assert_eq!(guess([true, false].map(Value::Boolean)).0, "binary");
        assert_eq!(guess([-1, 0, 1, 0].map(Value::Integer)).0, "number");
        assert_eq!(guess([1, 1, 1, 1].map(Value::Integer)).0, "number");
    }

    #[test]
    fn few_short_labels_are_categories_and_the_rest_is_text() {
        let labels = (0..60).map(|index| text(["red", "deep blue", "green"][index % 3]));
        let because = "60 cells hold 3 different values of 1.3 words on average";
        assert_eq!(guess(labels), ("category", because.to_owned()));
        let sentences = (0..60).map(|index| text(&format!("sentence number {index} of many")));
        let because = "60 cells hold 60 different values of 5.0 words on average";
        assert_eq!(guess(sentences), ("text", because.to_owned()));
        let repeated = (0..60).map(|index| {
            text(
                ["a whole sentence stands here each time", "and here stands another one of them"]
                    [index % 2],
            )
        });
        assert_eq!(guess(repeated).0, "text");
    }

    #[test]
    fn what_the_file_says_goes_before_what_cells_look_like() {
        let numbers = || (0..60).map(|index| Value::Integer(index % 3));
        let guess = |annotation| {
            let mut summary = SmallTable::of(numbers()).summary();
            summary.annotation = annotation;
            let inference = infer(&summary);
            (inference.modality, inference.because)
        };
        assert_eq!(guess(None).0, "number");
        let because = "the file keeps labels, 3 different values".to_owned();
        assert_eq!(guess(Some(Annotation::Categorical)), ("category", because));
        let because = "the file names 1,203 classes".to_owned();
        assert_eq!(guess(Some(Annotation::Named { classes: 1_203 })), ("category", because));
        let because = "dates, read as text; 3 different values".to_owned();
        assert_eq!(guess(Some(Annotation::Date)), ("text", because));
        assert_eq!(guess(Some(Annotation::List)).0, "text");
    }

    #[test]
    fn a_dictionary_of_thousands_of_texts_is_no_label() {
        let mut summary = SmallTable::of((0..1_500).map(|row| text(&format!("{row} a")))).summary();
        summary.annotation = Some(Annotation::Categorical);
        assert_eq!(infer(&summary).modality, "text");
    }

    #[test]
    fn a_column_without_values_still_has_a_guess() {
        let because = "0 of 3 cells hold a value";
        assert_eq!(guess([Value::Missing]), ("text", because.to_owned()));
    }

    #[test]
    fn thousands_are_grouped() {
        let shown = [0, 999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }
}
