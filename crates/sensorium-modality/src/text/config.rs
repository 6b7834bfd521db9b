//! What the user writes under a text column's `preprocessing`, and its checked form.

use std::path::PathBuf;

use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::tokenize::Tokenizer;
use super::words::WordCut;
use crate::spelling::one_spelling;
use crate::{MAX_VOCABULARY, MissingValueStrategy};

/// The most tokens that `max_sequence_length` may keep of a text.
pub const MAX_SEQUENCE_LENGTH: usize = 65_536;
const MOST_COMMON: usize = 20_000;
const NGRAM_SIZE: usize = 2;
/// The longest run of words that may be a token.
pub(super) const MAX_NGRAM_SIZE: usize = 5;

/// How a text becomes ids.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `missing_value_strategy` | `mask` | | `mask` |
/// | `tokenizer` | the encoder's | | `space_punct`, `ngram`, `characters`, `space`, `hf_tokenizer` |
/// | `ngram_size` | 2 | words | 1 to 5; `ngram` alone |
/// | `lowercase` | true | | |
/// | `most_common` | 20 000 | words | 1 to [`MAX_VOCABULARY`] |
/// | `num_words` | `most_common` + 1 | | 2 to [`MAX_VOCABULARY`] + 1 |
/// | `max_sequence_length` | 256 | tokens | 1 to [`MAX_SEQUENCE_LENGTH`] |
/// | `truncation_side` | `right` | | `right`, `left` |
/// | `pretrained_model_name_or_path` | none | | required by `hf_tokenizer` |
///
/// The keys are Ludwig's. `num_words` is Keras' spelling of `most_common` and counts padding as a
/// word: `num_words: n` keeps the n - 1 most frequent words, as Keras does without an `oov_token`;
/// giving both is refused. `truncation_side` is Hugging Face's: the end at which a text that is too
/// long is cut. Ludwig's `padding` has no counterpart: it keeps the first tokens on either side.
///
/// The encoder's usual tokenizer is `ngram` for `bag_of_words` and `space_punct` for all others.
/// `ngram` cuts as `space_punct` does, up to `max_sequence_length` words, and lets the runs of 2 to
/// `ngram_size` words follow that train holds at least twice (Ludwig's cuts at white space alone).
///
/// `hf_tokenizer` brings its own vocabulary and normalizer, so `lowercase`, `most_common` and
/// `num_words` beside it are refused, as is `pretrained_model_name_or_path` beside any other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextConfig {
    /// What an absent text becomes.
    pub missing_value_strategy: MissingValueStrategy,
    /// Where a text is cut.
    pub tokenizer: TokenizerName,
    /// Whether `Word` and `word` are one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lowercase: Option<bool>,
    /// The most words that the vocabulary keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most_common: Option<usize>,
    /// Keras' spelling of `most_common`, one more than it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_words: Option<usize>,
    /// The longest run of words that is a token of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ngram_size: Option<usize>,
    /// The most tokens that are kept of a text, special tokens among them.
    pub max_sequence_length: usize,
    /// Where a longer text loses tokens.
    pub truncation_side: TruncationSide,
    /// A folder with a `tokenizer.json`, or the file itself, relative to the working folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pretrained_model_name_or_path: Option<PathBuf>,
}

impl Default for TextConfig {
    fn default() -> Self {
        Self {
            missing_value_strategy: MissingValueStrategy::Mask,
            tokenizer: TokenizerName::SpacePunct,
            lowercase: None,
            most_common: None,
            num_words: None,
            ngram_size: None,
            max_sequence_length: 256,
            truncation_side: TruncationSide::Right,
            pretrained_model_name_or_path: None,
        }
    }
}

/// The names that `tokenizer` may have; all are Ludwig's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenizerName {
    /// [`Tokenizer::SpacePunct`].
    SpacePunct,
    /// [`Tokenizer::SpacePunct`], and runs of words after the words.
    Ngram,
    /// [`Tokenizer::Characters`].
    Characters,
    /// [`Tokenizer::Space`].
    Space,
    /// A tokenizer that was trained elsewhere, by Hugging Face's library.
    HfTokenizer,
}

/// The end at which a text that is too long is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TruncationSide {
    /// The first tokens stay.
    Right,
    /// The last tokens stay.
    Left,
}

/// A [`TextConfig`] whose every setting is in its documented range and goes with the others.
///
/// Only [`TextConfig::check`] makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedText {
    pub(super) max_sequence_length: usize,
    pub(super) truncation_side: TruncationSide,
    pub(super) source: TokenSource,
}

/// Where the tokens and their ids come from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenSource {
    /// From the words of the train rows.
    Train { cut: WordCut, most_common: usize },
    /// From a tokenizer file.
    File(PathBuf),
}

impl TextConfig {
    /// Checks every setting against its documented range and settles the defaults.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first setting that is out of its range or does not go with another.
    pub fn check(&self) -> Result<CheckedText, ConfigError> {
        in_range("max_sequence_length", self.max_sequence_length, 1..=MAX_SEQUENCE_LENGTH)?;
        if self.ngram_size.is_some() && self.tokenizer != TokenizerName::Ngram {
            let problem = "it is read by `tokenizer: ngram` alone";
            return Err(conflict("ngram_size", problem, "set `tokenizer` so, or leave it out"));
        }
        let source = match self.tokenizer {
            TokenizerName::SpacePunct => self.train(Tokenizer::SpacePunct, 1)?,
            TokenizerName::Ngram => self.train(Tokenizer::SpacePunct, self.runs()?)?,
            TokenizerName::Characters => self.train(Tokenizer::Characters, 1)?,
            TokenizerName::Space => self.train(Tokenizer::Space, 1)?,
            TokenizerName::HfTokenizer => self.file()?,
        };
        let (max_sequence_length, truncation_side) =
            (self.max_sequence_length, self.truncation_side);
        Ok(CheckedText { max_sequence_length, truncation_side, source })
    }

    fn runs(&self) -> Result<usize, ConfigError> {
        let ngram_size = self.ngram_size.unwrap_or(NGRAM_SIZE);
        in_range("ngram_size", ngram_size, 1..=MAX_NGRAM_SIZE)?;
        Ok(ngram_size)
    }

    fn train(&self, tokenizer: Tokenizer, ngram_size: usize) -> Result<TokenSource, ConfigError> {
        if self.pretrained_model_name_or_path.is_some() {
            let key = "pretrained_model_name_or_path";
            let problem = "it is read by `tokenizer: hf_tokenizer` alone";
            return Err(conflict(key, problem, "set `tokenizer` so, or leave the path out"));
        }
        let lowercase = self.lowercase.unwrap_or(true);
        let cut = WordCut { tokenizer, lowercase, ngram_size };
        Ok(TokenSource::Train { cut, most_common: self.num_kept()? })
    }

    /// `most_common`, in either spelling.
    fn num_kept(&self) -> Result<usize, ConfigError> {
        let Some(num_words) = self.num_words else {
            let most_common = self.most_common.unwrap_or(MOST_COMMON);
            in_range("most_common", most_common, 1..=MAX_VOCABULARY)?;
            return Ok(most_common);
        };
        one_spelling(("most_common", self.most_common), ("num_words", self.num_words))?;
        in_range("num_words", num_words, 2..=MAX_VOCABULARY + 1)?;
        Ok(num_words - 1)
    }

    fn file(&self) -> Result<TokenSource, ConfigError> {
        let own = [
            ("lowercase", self.lowercase.is_some()),
            ("most_common", self.most_common.is_some()),
            ("num_words", self.num_words.is_some()),
        ];
        if let Some((key, _)) = own.iter().find(|(_, is_given)| *is_given) {
            let problem = "`tokenizer: hf_tokenizer` has its own normalizer and vocabulary";
            return Err(conflict(key, problem, "leave the key out, or choose another tokenizer"));
        }
        self.pretrained_model_name_or_path.clone().map(TokenSource::File).ok_or_else(|| {
            conflict(
                "tokenizer",
                "`hf_tokenizer` needs `pretrained_model_name_or_path`",
                "set it to a folder with a tokenizer.json, or to that file",
            )
        })
    }
}

fn conflict(at: &str, problem: &str, advice: &str) -> ConfigError {
    let (at, problem, advice) = (at.to_owned(), problem.to_owned(), advice.to_owned());
    ConfigError::Conflict { at, problem, advice }
}

#[cfg(test)]
mod tests {
    use sensorium_core::config;
    use serde_json::json;

    use super::*;

    fn refusal(section: serde_json::Value) -> String {
        config::read::<TextConfig>(section).unwrap().check().unwrap_err().to_string()
    }

    fn most_common(section: serde_json::Value) -> usize {
        match config::read::<TextConfig>(section).unwrap().check().unwrap().source {
            TokenSource::Train { most_common, .. } => most_common,
            TokenSource::File(path) => panic!("{}", path.display()),
        }
    }

    #[test]
    fn keras_counts_padding_as_a_word() {
        assert_eq!(most_common(json!({})), 20_000);
        assert_eq!(most_common(json!({"most_common": 5})), 5);
        assert_eq!(most_common(json!({"num_words": 5})), 4);
    }

    #[test]
    fn settings_outside_their_range_are_refused() {
        assert!(refusal(json!({"most_common": 0})).starts_with("`most_common` is 0"));
        assert!(refusal(json!({"num_words": 1})).starts_with("`num_words` is 1"));
        let length = refusal(json!({"max_sequence_length": 65_537}));
        assert!(length.starts_with("`max_sequence_length` is 65537"), "{length}");
    }

    #[test]
    fn keys_that_do_not_go_together_are_refused() {
        let both = refusal(json!({"most_common": 5, "num_words": 6}));
        assert!(both.contains("two spellings of one setting"), "{both}");
        let path = refusal(json!({"pretrained_model_name_or_path": "here"}));
        assert!(path.contains("read by `tokenizer: hf_tokenizer` alone"), "{path}");
        let missing = refusal(json!({"tokenizer": "hf_tokenizer"}));
        assert!(missing.contains("needs `pretrained_model_name_or_path`"), "{missing}");
        for key in ["lowercase", "most_common", "num_words"] {
            let mut section =
                json!({"tokenizer": "hf_tokenizer", "pretrained_model_name_or_path": "here"});
            section[key] = if key == "lowercase" { json!(true) } else { json!(9) };
            assert!(refusal(section).starts_with(&format!("`{key}`: ")));
        }
    }
}
