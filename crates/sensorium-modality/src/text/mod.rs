//! Text: a list of ids, of the words of the train rows or of a tokenizer that was trained elsewhere.

mod augmentation;
mod charsmap;
mod config;
mod pretrained;
mod tokenize;
mod tokenizer_json;
mod words;

use rand_chacha::ChaCha8Rng;
use sensorium_core::config::in_range;
use sensorium_core::{ConfigError, FeatureShape};
use sensorium_table::{Cell, Column, ColumnSummary, TrainRows};
use serde::{Deserialize, Serialize};

pub use augmentation::TextAugmentation;
pub use config::{CheckedText, MAX_SEQUENCE_LENGTH, TextConfig, TokenizerName, TruncationSide};
pub use pretrained::MAX_TOKENIZER_BYTES;
pub use tokenize::Tokenizer;
pub use words::UNKNOWN_ID;

use self::config::{MAX_NGRAM_SIZE, TokenSource};
use self::pretrained::Pretrained;
use self::words::{TextCounts, WordCut, WordIds};
use crate::category::values_shown;
use crate::{Features, Modality, ModalityError};

/// The longest text that is read, in bytes of UTF-8; a longer one is refused.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// Texts of one column, and what gives their tokens ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "StoredText")]
pub struct Text {
    max_sequence_length: usize,
    truncation_side: TruncationSide,
    tokens: Tokens,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tokens {
    Words(WordIds),
    HfTokenizer(Pretrained),
}

/// [`Text`] as a file holds it, not yet checked.
#[derive(Deserialize)]
struct StoredText {
    max_sequence_length: usize,
    truncation_side: TruncationSide,
    tokens: Tokens,
}

impl TryFrom<StoredText> for Text {
    type Error = ConfigError;

    fn try_from(stored: StoredText) -> Result<Self, ConfigError> {
        let StoredText { max_sequence_length, truncation_side, tokens } = stored;
        in_range("max_sequence_length", max_sequence_length, 1..=MAX_SEQUENCE_LENGTH)?;
        let tokens = match tokens {
            Tokens::HfTokenizer(pretrained) => {
                Tokens::HfTokenizer(pretrained.truncated(max_sequence_length, truncation_side)?)
            }
            Tokens::Words(words) => {
                in_range("ngram_size", words.ngram_size(), 1..=MAX_NGRAM_SIZE)?;
                Tokens::Words(words)
            }
        };
        Ok(Self { max_sequence_length, truncation_side, tokens })
    }
}

/// A text, and its ids where a tokenizer that was trained elsewhere has made them already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedText {
    text: String,
    ids: Option<Vec<u32>>,
}

impl Text {
    /// A text as the column's tokenizer reads it.
    ///
    /// # Errors
    ///
    /// Why a tokenizer that was trained elsewhere does not survive it.
    pub fn read(&self, text: String) -> Result<DecodedText, String> {
        let ids = match &self.tokens {
            Tokens::Words(_) => None,
            Tokens::HfTokenizer(pretrained) => Some(pretrained.ids(&text)?),
        };
        Ok(DecodedText { text, ids })
    }

    fn words_of(&self, words: &WordIds, text: &str) -> Vec<u32> {
        words.ids(text, self.max_sequence_length, self.truncation_side)
    }

    /// The words of the train rows, the first of which has id 2; none of a tokenizer that was
    /// trained elsewhere.
    pub fn vocabulary(&self) -> &[String] {
        match &self.tokens {
            Tokens::Words(words) => words.words(),
            Tokens::HfTokenizer(_) => &[],
        }
    }
}

/// Counts the words of every text of the train rows that can be read.
fn counted(cut: WordCut, column: Column<'_>, rows: &TrainRows) -> TextCounts {
    let mut counts = TextCounts::new(cut);
    for &row in rows.indices() {
        if let Ok(Some(text)) = text_of(&column.cell(row)) {
            counts.add(&text);
        }
    }
    counts
}

/// Whether any train row holds a text that can be read.
fn holds_text(column: Column<'_>, rows: &TrainRows) -> bool {
    rows.indices().iter().any(|&row| matches!(text_of(&column.cell(row)), Ok(Some(_))))
}

fn text_of(cell: &Cell<'_>) -> Result<Option<String>, ModalityError> {
    let Some(text) = cell.text()? else { return Ok(None) };
    if text.len() > MAX_TEXT_BYTES {
        return Err(ModalityError::TooLarge {
            at: cell.at().clone(),
            got: format!("a text of {} bytes", text.len()),
            limit: format!("{MAX_TEXT_BYTES} bytes"),
            advice: "shorten the text: only `max_sequence_length` tokens of it are read".to_owned(),
        });
    }
    Ok(Some(text.into_owned()))
}

impl Modality for Text {
    type Config = TextConfig;
    type Decoded = DecodedText;
    type Augmentation = TextAugmentation;

    fn claims(summary: &ColumnSummary) -> Option<String> {
        (summary.distinct > 0).then(|| values_shown(summary))
    }

    fn check(config: &TextConfig) -> Result<(), ConfigError> {
        config.check().map(drop)
    }

    fn fit(
        config: &TextConfig,
        column: Column<'_>,
        rows: &TrainRows,
    ) -> Result<Self, ModalityError> {
        let refuse = |problem: String, advice: &str| ModalityError::Fit {
            column: column.name().clone(),
            problem,
            advice: advice.to_owned(),
        };
        let no_text = || {
            let problem = "no train row holds a text with a word in it".to_owned();
            refuse(problem, "leave the column out, or check that it is the one you mean")
        };
        let CheckedText { max_sequence_length, truncation_side, source } =
            config.check().map_err(|error| refuse(error.to_string(), "change the setting"))?;
        let tokens = match source {
            TokenSource::Train { cut, most_common } => {
                let counts = counted(cut, column, rows);
                if counts.is_empty() {
                    return Err(no_text());
                }
                Tokens::Words(WordIds::new(counts, most_common))
            }
            TokenSource::File(_) if !holds_text(column, rows) => return Err(no_text()),
            TokenSource::File(path) => {
                let advice = "set `pretrained_model_name_or_path` to a local folder with a \
                              tokenizer.json, or to that file; a name on the Hugging Face hub needs \
                              a `sensorium` that was built with `--features hub`";
                Tokens::HfTokenizer(Pretrained::read(&path).map_err(|it| refuse(it, advice))?)
            }
        };
        let stored = StoredText { max_sequence_length, truncation_side, tokens };
        Self::try_from(stored).map_err(|error| refuse(error.to_string(), "raise the length"))
    }

    fn shape(&self) -> FeatureShape {
        let limit = self.max_sequence_length;
        let (max_length, vocabulary_size) = match &self.tokens {
            Tokens::Words(words) => (words.longest(limit), words.vocabulary_size()),
            Tokens::HfTokenizer(pretrained) => (limit, pretrained.vocabulary_size()),
        };
        FeatureShape::Tokens { max_length, vocabulary_size }
    }

    fn token_weights(&self) -> Option<Vec<f32>> {
        match &self.tokens {
            Tokens::Words(words) => words.token_weights(),
            Tokens::HfTokenizer(_) => None,
        }
    }

    fn decode(&self, cell: &Cell<'_>) -> Result<Option<DecodedText>, ModalityError> {
        let Some(text) = text_of(cell)? else { return Ok(None) };
        self.read(text).map(Some).map_err(|got| ModalityError::Decode {
            at: cell.at().clone(),
            expected: "a text that the tokenizer reads".to_owned(),
            got,
            advice: "change the text, or take another tokenizer; `--on_error skip` leaves the row \
                     out"
            .to_owned(),
        })
    }

    fn features(&self, decoded: &DecodedText) -> Features {
        Features::Tokens(match (&self.tokens, &decoded.ids) {
            (Tokens::Words(words), _) => self.words_of(words, &decoded.text),
            (Tokens::HfTokenizer(_), ids) => ids.clone().expect("its reading made them"),
        })
    }

    fn unit(&self) -> &'static str {
        "token ids"
    }

    fn num_bytes(decoded: &DecodedText) -> usize {
        decoded.text.len() + decoded.ids.as_ref().map_or(0, |ids| size_of_val(ids.as_slice()))
    }

    fn augmented(
        &self,
        decoded: &DecodedText,
        augmentation: &[TextAugmentation],
        rng: &mut ChaCha8Rng,
    ) -> Features {
        let change = |text: String, entry: &TextAugmentation| entry.as_dyn().apply(&text, rng);
        let changed = augmentation.iter().fold(decoded.text.clone(), change);
        // A text that the tokenizer survives only as it is stays as it is.
        self.features(&self.read(changed).unwrap_or_else(|_| decoded.clone()))
    }
}

#[cfg(test)]
mod tests {
    use sensorium_core::config;
    use sensorium_table::Value;
    use serde_json::json;

    use super::*;
    use crate::golden;
    use crate::small_table::SmallTable;

    fn texts(train: &[&str]) -> SmallTable {
        SmallTable::of(train.iter().map(|text| Value::Text((*text).to_owned())))
    }

    fn fitted(train: &[&str], section: serde_json::Value) -> Text {
        let config = config::read(section).unwrap();
        texts(train).fit::<Text>(&config).unwrap()
    }

    fn ids(text: &Text, words: &str) -> Vec<u32> {
        match text.features(&text.read(words.to_owned()).unwrap()) {
            Features::Tokens(ids) => ids,
            other => panic!("tokens, not {other:?}"),
        }
    }

    #[test]
    fn ids_follow_train_frequency_with_ties_in_alphabetical_order() {
        let text = fitted(&["b b c", "a"], json!({}));
        assert_eq!(text.vocabulary(), ["b", "a", "c"]);
        assert_eq!(ids(&text, "a b c d"), [3, 2, 4, UNKNOWN_ID]);
    }

    #[test]
    fn runs_of_words_that_train_holds_twice_follow_the_words() {
        let text = fitted(&["a b c", "a b", "c a b b"], json!({"tokenizer": "ngram"}));
        // b 4 times, a and "a b" 3 times, c twice; "b c", "c a" and "b b" once.
        assert_eq!(text.vocabulary(), ["b", "a", "a b", "c"]);
        assert_eq!(ids(&text, "c a b z"), [5, 3, 2, UNKNOWN_ID, 4]);
        let three = json!({"tokenizer": "ngram", "ngram_size": 3, "max_sequence_length": 3});
        let text = fitted(&["a b c d", "a b c d"], three);
        assert_eq!(ids(&text, "a b c d").len(), 6, "three words, two pairs, one run of three");
        assert_eq!(text.shape(), FeatureShape::Tokens { max_length: 9, vocabulary_size: 11 });
    }

    #[test]
    fn words_and_runs_weigh_their_inverse_document_frequency() {
        let text = fitted(&["a b", "a b", "a"], json!({"tokenizer": "ngram"}));
        assert_eq!(text.vocabulary(), ["a", "a b", "b"]);
        // scikit-learn's TfidfVectorizer().idf_ of 3 texts: ln(4 / 4) + 1 and ln(4 / 3) + 1.
        let expected = [0.0, 0.0, 1.0, 1.287_682_1, 1.287_682_1];
        for (weight, expected) in text.token_weights().unwrap().iter().zip(expected) {
            assert!((weight - expected).abs() < 1e-6, "{weight}");
        }
        assert_eq!(fitted(&["a b", "a b"], json!({})).token_weights(), None);
    }

    #[test]
    fn spellings_of_one_word_have_one_id() {
        let text = fitted(&["Café", "CAFE\u{301}"], json!({}));
        assert_eq!(text.vocabulary(), ["café"]);
        let text = fitted(&["Café", "CAFE\u{301}"], json!({"lowercase": false}));
        assert_eq!(text.vocabulary(), ["CAFÉ", "Café"]);
    }

    #[test]
    fn a_text_without_words_is_one_unknown_token() {
        assert_eq!(ids(&fitted(&["a"], json!({})), " \u{a0} "), [UNKNOWN_ID]);
        assert_eq!(ids(&fitted(&["a"], json!({})), ""), [UNKNOWN_ID]);
    }

    #[test]
    fn a_long_text_is_cut_and_a_rare_word_unknown() {
        let text = fitted(&["a a b"], json!({"max_sequence_length": 2, "most_common": 1}));
        assert_eq!(text.shape(), FeatureShape::Tokens { max_length: 2, vocabulary_size: 3 });
        assert_eq!(ids(&text, "b a a"), [UNKNOWN_ID, 2]);
    }

    #[test]
    fn a_text_that_is_cut_on_the_left_keeps_its_end() {
        let section = json!({"max_sequence_length": 2, "truncation_side": "left"});
        let text = fitted(&["a b c d"], section);
        assert_eq!(ids(&text, "a b c d"), [4, 5]);
        assert_eq!(ids(&text, "d"), [5]);
    }

    #[test]
    fn a_zero_character_and_the_longest_text_are_read() {
        let text = fitted(&["a\0b"], json!({}));
        assert_eq!(text.vocabulary(), ["\0", "a", "b"]);
        for tokenizer in ["space_punct", "characters", "space"] {
            let longest = " x".repeat(MAX_TEXT_BYTES / 2);
            let text = fitted(&[&longest, "x"], json!({"tokenizer": tokenizer}));
            assert_eq!(ids(&text, &longest).len(), 256, "{tokenizer}");
        }
    }

    #[test]
    fn a_text_over_the_limit_is_refused_with_its_size() {
        let table = texts(&["a", &"x".repeat(MAX_TEXT_BYTES + 1)]);
        let text = table.fit::<Text>(&TextConfig::default()).unwrap();
        let error = text.decode(&table.column().cell(1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "row 2 of column `it` has a text of 1048577 bytes, but at most 1048576 bytes is allowed"
        );
    }

    #[test]
    fn a_column_without_a_word_cannot_be_fitted() {
        let error = texts(&["  ", "\t"]).fit::<Text>(&TextConfig::default()).unwrap_err();
        assert!(error.to_string().contains("no train row holds a text with a word in it"));
    }

    #[test]
    fn a_stored_text_without_room_for_a_token_is_refused() {
        let mut stored = serde_json::to_value(fitted(&["a"], json!({}))).unwrap();
        assert!(serde_json::from_value::<Text>(stored.clone()).is_ok());
        stored["max_sequence_length"] = json!(0);
        assert!(serde_json::from_value::<Text>(stored).is_err());
    }

    /// Which words keep a place, by Keras' `num_words` and Ludwig's `most_common`;
    /// `reference/text/words.py`.
    #[test]
    fn the_frequency_cut_is_that_of_keras_and_ludwig() {
        let mut others = 0.0;
        for case in golden::cases("text_words") {
            let case = golden::case(&case);
            let of = |key: &str| serde_json::from_value::<Vec<String>>(case[key].clone()).unwrap();
            let train = of("texts");
            let train: Vec<&str> = train.iter().map(String::as_str).collect();
            let text = fitted(&train, case["config"].clone());
            others += f64::from(u8::from(text.vocabulary() != of("vocabulary")));
        }
        // Words are compared as they are.
        golden::assert_parity(
            "text vocabulary",
            "Keras 1.1.2 preprocessing, Ludwig 0.11.0",
            others,
            0.0,
            "other vocabularies",
        );
    }
}
