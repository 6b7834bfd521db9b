//! Ids of the words of the train rows.
//!
//! A text is normalised to NFC, so that one word has one spelling. Id 0 is padding, id 1 an unknown
//! word, and from id 2 on come the words of the train rows by falling frequency, ties in
//! alphabetical order.
//!
//! Source: Ludwig 0.11's `create_vocabulary`, which counts the tokens of whole texts, also those
//! beyond `max_sequence_length`. Ludwig breaks ties by which word came first, and puts a start and a
//! stop symbol round every text; neither is done here.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::config::TruncationSide;
use super::tokenize::Tokenizer;
use crate::vocabulary::{Vocabulary, WordCounts};

/// The id of a word that train does not hold often enough, and of a text without words.
pub const UNKNOWN_ID: u32 = 1;
const FIRST_WORD_ID: u32 = 2;
/// The most distinct tokens that are counted before runs of words seen once are forgotten.
const MOST_COUNTED: usize = 2_000_000;

/// How texts are cut into words, and the longest run of words that is a token too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WordCut {
    pub(super) tokenizer: Tokenizer,
    pub(super) lowercase: bool,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub(super) ngram_size: usize,
}

const fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_one(size: &usize) -> bool {
    *size == 1
}

impl WordCut {
    pub(super) fn normalized(self, text: &str) -> String {
        if self.lowercase { text.to_lowercase().nfc().collect() } else { text.nfc().collect() }
    }

    /// The runs of 2 to `ngram_size` words, the shorter first.
    fn runs(self, words: &[&str]) -> impl Iterator<Item = String> {
        (2..=self.ngram_size).flat_map(move |size| words.windows(size).map(|run| run.join(" ")))
    }
}

/// How often the words of the train rows occur, and in how many of their texts.
#[derive(Debug)]
pub(super) struct TextCounts {
    cut: WordCut,
    words: WordCounts,
    /// Counted where runs of words are tokens, which are weighed by it.
    texts_with: BTreeMap<String, u32>,
    num_texts: u32,
}

impl TextCounts {
    pub(super) fn new(cut: WordCut) -> Self {
        Self { cut, words: WordCounts::default(), texts_with: BTreeMap::new(), num_texts: 0 }
    }

    pub(super) fn add(&mut self, text: &str) {
        let normalized = self.cut.normalized(text);
        let words = self.cut.tokenizer.tokens(&normalized, usize::MAX);
        for word in &words {
            self.words.add(word);
        }
        if self.cut.ngram_size == 1 {
            return;
        }
        let runs: Vec<String> = self.cut.runs(&words).collect();
        for run in &runs {
            self.words.add(run);
        }
        let distinct: BTreeSet<&str> =
            words.iter().copied().chain(runs.iter().map(String::as_str)).collect();
        for token in distinct {
            match self.texts_with.get_mut(token) {
                Some(count) => *count += 1,
                None => drop(self.texts_with.insert(token.to_owned(), 1)),
            }
        }
        self.num_texts += 1;
        if self.words.len() > MOST_COUNTED {
            self.forget_rare_runs();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.len() == 0
    }

    /// Runs of words that were seen once; words hold no space.
    fn forget_rare_runs(&mut self) {
        if self.cut.ngram_size == 1 {
            return;
        }
        self.words.retain(|token, count| count > 1 || !token.contains(' '));
        self.texts_with.retain(|token, _| self.words.has(token));
    }
}

#[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
const fn rounded(weight: f64) -> f32 {
    weight as f32
}

/// The vocabulary of the train rows, and how texts are cut into its words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct WordIds {
    #[serde(flatten)]
    cut: WordCut,
    vocabulary: Vocabulary,
    /// How many train texts hold each word; empty where words are not weighed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    texts_with: Vec<u32>,
    #[serde(default, skip_serializing_if = "is_zero")]
    num_texts: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl WordIds {
    pub(super) fn new(mut counts: TextCounts, most_common: usize) -> Self {
        counts.forget_rare_runs();
        let TextCounts { cut, words, texts_with, num_texts } = counts;
        let vocabulary = words.into_vocabulary(most_common);
        let texts_with =
            vocabulary.words().iter().filter_map(|word| texts_with.get(word).copied()).collect();
        Self { cut, vocabulary, texts_with, num_texts }
    }

    /// One id a token, at most `limit` words; at least one id.
    pub(super) fn ids(&self, text: &str, limit: usize, side: TruncationSide) -> Vec<u32> {
        let normalized = self.cut.normalized(text);
        let words = match side {
            TruncationSide::Right => self.cut.tokenizer.tokens(&normalized, limit),
            TruncationSide::Left => self.cut.tokenizer.tokens(&normalized, usize::MAX),
        };
        let last = &words[words.len().saturating_sub(limit)..];
        if last.is_empty() {
            return vec![UNKNOWN_ID];
        }
        let words = last.iter().map(|word| self.id_of(word));
        // A run that train lacks says no more than its words do.
        let runs = self.cut.runs(last).filter_map(|run| self.known(&run));
        words.chain(runs).collect()
    }

    pub(super) fn vocabulary_size(&self) -> usize {
        FIRST_WORD_ID as usize + self.vocabulary.words().len()
    }

    pub(super) fn words(&self) -> &[String] {
        self.vocabulary.words()
    }

    pub(super) const fn ngram_size(&self) -> usize {
        self.cut.ngram_size
    }

    /// The most ids of a text of at most `limit` words.
    pub(super) const fn longest(&self, limit: usize) -> usize {
        limit * self.cut.ngram_size
    }

    /// The inverse document frequency of each id, ln((1 + N) / (1 + n)) + 1 for a word in n of N
    /// train texts, and 0 for padding and for words that train lacks; `None` where runs of words
    /// are no tokens.
    ///
    /// Source: scikit-learn's `TfidfTransformer` with `smooth_idf`.
    pub(super) fn token_weights(&self) -> Option<Vec<f32>> {
        let texts = f64::from(self.num_texts) + 1.0;
        let weight = |&count: &u32| rounded((texts / (f64::from(count) + 1.0)).ln() + 1.0);
        let weights = [0.0; FIRST_WORD_ID as usize].into_iter();
        let is_weighed = self.texts_with.len() == self.vocabulary.words().len();
        is_weighed.then(|| weights.chain(self.texts_with.iter().map(weight)).collect())
    }

    fn known(&self, token: &str) -> Option<u32> {
        self.vocabulary.place(token).map(|place| FIRST_WORD_ID + place)
    }

    fn id_of(&self, word: &str) -> u32 {
        self.known(word).unwrap_or(UNKNOWN_ID)
    }
}
