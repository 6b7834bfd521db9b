//! Text: NFC, then Unicode words (Chinese segmented) to a list of ids.
//!
//! Id 0 is padding, id 1 an unknown word, and from id 2 on come the words of the train rows by
//! falling frequency, ties in alphabetical order.

mod augmentation;
mod tokenize;

use rand_chacha::ChaCha8Rng;
use sensorium_core::config::in_range;
use sensorium_core::{ConfigError, FeatureShape};
use sensorium_table::{Cell, Column, ColumnSummary, TrainRows};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

pub use augmentation::TextAugmentation;
pub use tokenize::Tokenizer;

use crate::category::values_shown;
use crate::vocabulary::{MAX_VOCABULARY, Vocabulary, WordCounts};
use crate::{Features, MissingValueStrategy, Modality, ModalityError};

/// The longest text that is read, in bytes of UTF-8; a longer one is refused.
pub const MAX_TEXT_BYTES: usize = 1 << 20;
/// The most tokens that `max_sequence_length` may keep of a text.
pub const MAX_SEQUENCE_LENGTH: usize = 65_536;
/// The id of padding.
pub const PADDING_ID: u32 = 0;
/// The id of a word that train does not hold often enough, and of a text without words.
pub const UNKNOWN_ID: u32 = 1;
const FIRST_WORD_ID: u32 = 2;

/// How a text becomes ids.
///
/// | key                      | default       | unit   | range                                |
/// |--------------------------|---------------|--------|--------------------------------------|
/// | `missing_value_strategy` | `mask`        |        | `mask`                               |
/// | `tokenizer`              | `space_punct` |        | `space_punct`, `characters`, `space` |
/// | `lowercase`              | true          |        |                                      |
/// | `most_common`            | 20 000        | words  | 1 to [`MAX_VOCABULARY`]              |
/// | `max_sequence_length`    | 256           | tokens | 1 to [`MAX_SEQUENCE_LENGTH`]         |
///
/// The keys are Ludwig's. Tokens beyond `max_sequence_length` are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextConfig {
    /// What an absent text becomes.
    pub missing_value_strategy: MissingValueStrategy,
    /// Where a text is cut.
    pub tokenizer: Tokenizer,
    /// Whether `Word` and `word` are one word.
    pub lowercase: bool,
    /// The most words that the vocabulary keeps.
    pub most_common: usize,
    /// The most tokens that are kept of a text.
    pub max_sequence_length: usize,
}

impl Default for TextConfig {
    fn default() -> Self {
        Self {
            missing_value_strategy: MissingValueStrategy::Mask,
            tokenizer: Tokenizer::SpacePunct,
            lowercase: true,
            most_common: 20_000,
            max_sequence_length: 256,
        }
    }
}

/// Texts of one column, with the vocabulary of its train rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "StoredText")]
pub struct Text {
    tokenizer: Tokenizer,
    lowercase: bool,
    max_sequence_length: usize,
    vocabulary: Vocabulary,
}

/// [`Text`] as a file holds it, not yet checked.
#[derive(Deserialize)]
struct StoredText {
    tokenizer: Tokenizer,
    lowercase: bool,
    max_sequence_length: usize,
    vocabulary: Vocabulary,
}

impl TryFrom<StoredText> for Text {
    type Error = ConfigError;

    fn try_from(stored: StoredText) -> Result<Self, ConfigError> {
        let StoredText { tokenizer, lowercase, max_sequence_length, vocabulary } = stored;
        in_range("max_sequence_length", max_sequence_length, 1..=MAX_SEQUENCE_LENGTH)?;
        Ok(Self { tokenizer, lowercase, max_sequence_length, vocabulary })
    }
}

/// The tokens of one text: normalised, in its order, cut to the column's longest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(pub Vec<String>);

impl Text {
    /// The tokens of a text.
    #[must_use]
    pub fn words_of(&self, text: &str) -> Words {
        let normalized: String =
            if self.lowercase { text.to_lowercase().nfc().collect() } else { text.nfc().collect() };
        let tokens = self.tokenizer.tokens(&normalized, self.max_sequence_length);
        Words(tokens.into_iter().map(str::to_owned).collect())
    }

    /// The words of the train rows; the first has id 2.
    pub fn vocabulary(&self) -> &[String] {
        self.vocabulary.words()
    }

    fn id_of(&self, word: &str) -> u32 {
        self.vocabulary.place(word).map_or(UNKNOWN_ID, |place| FIRST_WORD_ID + place)
    }
}

impl Modality for Text {
    type Config = TextConfig;
    type Decoded = String;
    type Augmentation = TextAugmentation;

    fn claims(summary: &ColumnSummary) -> Option<String> {
        (summary.distinct > 0).then(|| values_shown(summary))
    }

    fn check(config: &TextConfig) -> Result<(), ConfigError> {
        in_range("most_common", config.most_common, 1..=MAX_VOCABULARY)?;
        in_range("max_sequence_length", config.max_sequence_length, 1..=MAX_SEQUENCE_LENGTH)
    }

    fn fit(
        config: &TextConfig,
        column: Column<'_>,
        rows: &TrainRows,
    ) -> Result<Self, ModalityError> {
        let mut text = Self {
            tokenizer: config.tokenizer,
            lowercase: config.lowercase,
            max_sequence_length: config.max_sequence_length,
            vocabulary: WordCounts::default().into_vocabulary(0),
        };
        let mut counts = WordCounts::default();
        for &row in rows.indices() {
            if let Ok(Some(decoded)) = text.decode(&column.cell(row)) {
                for word in &text.words_of(&decoded).0 {
                    counts.add(word);
                }
            }
        }
        if counts.len() == 0 {
            return Err(ModalityError::Fit {
                column: column.name().clone(),
                problem: "no train row holds a text with a word in it".to_owned(),
                advice: "leave the column out, or check that it is the one you mean".to_owned(),
            });
        }
        text.vocabulary = counts.into_vocabulary(config.most_common);
        Ok(text)
    }

    fn shape(&self) -> FeatureShape {
        FeatureShape::Tokens {
            max_length: self.max_sequence_length,
            vocabulary_size: FIRST_WORD_ID as usize + self.vocabulary.words().len(),
        }
    }

    fn decode(&self, cell: &Cell<'_>) -> Result<Option<String>, ModalityError> {
        let Some(text) = cell.text()? else { return Ok(None) };
        if text.len() > MAX_TEXT_BYTES {
            return Err(ModalityError::TooLarge {
                at: cell.at().clone(),
                got: format!("a text of {} bytes", text.len()),
                limit: format!("{MAX_TEXT_BYTES} bytes"),
                advice: "shorten the text: only its first `max_sequence_length` tokens are read"
                    .to_owned(),
            });
        }
        Ok(Some(text.into_owned()))
    }

    fn features(&self, decoded: &String) -> Features {
        let Words(words) = self.words_of(decoded);
        if words.is_empty() {
            return Features::Tokens(vec![UNKNOWN_ID]);
        }
        Features::Tokens(words.iter().map(|word| self.id_of(word)).collect())
    }

    fn unit(&self) -> &'static str {
        "token ids"
    }

    fn num_bytes(decoded: &String) -> usize {
        decoded.len()
    }

    fn augmented(
        &self,
        decoded: &String,
        augmentation: &[TextAugmentation],
        rng: &mut ChaCha8Rng,
    ) -> Features {
        let change = |text: String, entry: &TextAugmentation| entry.as_dyn().apply(&text, rng);
        self.features(&augmentation.iter().fold(decoded.clone(), change))
    }
}

#[cfg(test)]
mod tests {
    use sensorium_core::config;
    use sensorium_table::Value;
    use serde_json::json;

    use super::*;
    use crate::small_table::SmallTable;

    fn texts(train: &[&str]) -> SmallTable {
        SmallTable::of(train.iter().map(|text| Value::Text((*text).to_owned())))
    }

    fn fitted(train: &[&str], section: serde_json::Value) -> Text {
        let config = config::read(section).unwrap();
        texts(train).fit::<Text>(&config).unwrap()
    }

    fn ids(text: &Text, words: &str) -> Vec<u32> {
        match text.features(&words.to_owned()) {
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
    fn spellings_of_one_word_have_one_id() {
        let text = fitted(&["Café", "CAFE\u{301}"], json!({}));
        assert_eq!(text.vocabulary(), ["café"]);
        let text = fitted(&["Café", "CAFE\u{301}"], json!({"lowercase": false}));
        assert_eq!(text.vocabulary(), ["CAFÉ", "Café"]);
    }

    #[test]
    fn a_text_without_words_is_one_unknown_token() {
        assert_eq!(ids(&fitted(&["a"], json!({})), " \u{a0} "), [UNKNOWN_ID]);
    }

    #[test]
    fn a_long_text_is_cut_and_a_rare_word_unknown() {
        let text = fitted(&["a a b"], json!({"max_sequence_length": 2, "most_common": 1}));
        assert_eq!(text.shape(), FeatureShape::Tokens { max_length: 2, vocabulary_size: 3 });
        assert_eq!(ids(&text, "b a a"), [UNKNOWN_ID, 2]);
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

    #[test]
    fn settings_outside_their_range_are_refused() {
        let config = TextConfig { most_common: 0, ..TextConfig::default() };
        assert!(Text::check(&config).unwrap_err().to_string().contains("`most_common` is 0"));
    }
}
