//! Ids of the words of the train rows.
//!
//! A text is normalised to NFC, so that one word has one spelling. Id 0 is padding, id 1 an unknown
//! word, and from id 2 on come the words of the train rows by falling frequency, ties in
//! alphabetical order.
//!
//! Source: Ludwig 0.11's `create_vocabulary`, which counts the tokens of whole texts, also those
//! beyond `max_sequence_length`. Ludwig breaks ties by which word came first, and puts a start and a
//! stop symbol round every text; neither is done here.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::config::TruncationSide;
use super::tokenize::Tokenizer;
use crate::vocabulary::{Vocabulary, WordCounts};

/// The id of a word that train does not hold often enough, and of a text without words.
pub const UNKNOWN_ID: u32 = 1;
const FIRST_WORD_ID: u32 = 2;

/// How texts are cut into words.
#[derive(Clone, Copy, Debug)]
pub(super) struct WordCut {
    pub(super) tokenizer: Tokenizer,
    pub(super) lowercase: bool,
}

impl WordCut {
    pub(super) fn normalized(self, text: &str) -> String {
        if self.lowercase { text.to_lowercase().nfc().collect() } else { text.nfc().collect() }
    }

    pub(super) fn count(self, text: &str, counts: &mut WordCounts) {
        for word in self.tokenizer.tokens(&self.normalized(text), usize::MAX) {
            counts.add(word);
        }
    }
}

/// The vocabulary of the train rows, and how texts are cut into its words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct WordIds {
    tokenizer: Tokenizer,
    lowercase: bool,
    vocabulary: Vocabulary,
}

impl WordIds {
    pub(super) fn new(cut: WordCut, counts: WordCounts, most_common: usize) -> Self {
        let WordCut { tokenizer, lowercase } = cut;
        Self { tokenizer, lowercase, vocabulary: counts.into_vocabulary(most_common) }
    }

    /// One id a token, at most `limit`; at least one.
    pub(super) fn ids(&self, text: &str, limit: usize, side: TruncationSide) -> Vec<u32> {
        let cut = WordCut { tokenizer: self.tokenizer, lowercase: self.lowercase };
        let normalized = cut.normalized(text);
        let words = match side {
            TruncationSide::Right => self.tokenizer.tokens(&normalized, limit),
            TruncationSide::Left => self.tokenizer.tokens(&normalized, usize::MAX),
        };
        let last = &words[words.len().saturating_sub(limit)..];
        if last.is_empty() {
            return vec![UNKNOWN_ID];
        }
        last.iter().map(|word| self.id_of(word)).collect()
    }

    pub(super) fn vocabulary_size(&self) -> usize {
        FIRST_WORD_ID as usize + self.vocabulary.words().len()
    }

    pub(super) fn words(&self) -> &[String] {
        self.vocabulary.words()
    }

    fn id_of(&self, word: &str) -> u32 {
        self.vocabulary.place(word).map_or(UNKNOWN_ID, |place| FIRST_WORD_ID + place)
    }
}
