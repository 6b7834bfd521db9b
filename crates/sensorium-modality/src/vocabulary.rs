//! The words or labels of the train rows, each with its place.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

/// The most entries that a vocabulary may keep.
pub const MAX_VOCABULARY: usize = 1_000_000;

/// A list of distinct words by falling frequency, ties in alphabetical order.
///
/// Stored as the list; the map from a word to its place is rebuilt on load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Vocabulary {
    words: Vec<String>,
    places: HashMap<String, u32>,
}

impl Vocabulary {
    /// The words in their order.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// The word's place in the order, or `None` where it is not kept.
    pub fn place(&self, word: &str) -> Option<u32> {
        self.places.get(word).copied()
    }
}

impl TryFrom<Vec<String>> for Vocabulary {
    type Error = String;

    fn try_from(words: Vec<String>) -> Result<Self, String> {
        if words.len() > MAX_VOCABULARY {
            return Err(format!(
                "a vocabulary of {} words, but at most {MAX_VOCABULARY}",
                words.len()
            ));
        }
        let places: HashMap<_, _> = words.iter().cloned().zip(0..).collect();
        if places.len() < words.len() {
            return Err("a vocabulary that holds a word twice".to_owned());
        }
        Ok(Self { words, places })
    }
}

impl From<Vocabulary> for Vec<String> {
    fn from(vocabulary: Vocabulary) -> Self {
        vocabulary.words
    }
}

/// How often each word was seen.
#[derive(Debug, Default)]
pub(crate) struct WordCounts(BTreeMap<String, u64>);

impl WordCounts {
    /// Forgets the words that `keep` is false for.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&str, u64) -> bool) {
        self.0.retain(|word, count| keep(word, *count));
    }

    /// Whether `word` was counted and not forgotten.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.0.contains_key(word)
    }

    /// Counts one more `word`.
    pub(crate) fn add(&mut self, word: &str) {
        match self.0.get_mut(word) {
            Some(count) => *count += 1,
            None => drop(self.0.insert(word.to_owned(), 1)),
        }
    }

    /// The number of distinct words.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The words with their counts by falling count, ties in alphabetical order.
    pub(crate) fn by_falling_count(self) -> Vec<(String, u64)> {
        let mut counted: Vec<_> = self.0.into_iter().collect();
        // The sort is stable and the map was in alphabetical order.
        counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counted
    }

    /// The vocabulary of the `most_common` words.
    pub(crate) fn into_vocabulary(self, most_common: usize) -> Vocabulary {
        let kept = self.by_falling_count().into_iter().take(most_common.min(MAX_VOCABULARY));
        let words: Vec<String> = kept.map(|(word, _)| word).collect();
        let places = words.iter().cloned().zip(0..).collect();
        Vocabulary { words, places }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(words: &[&str]) -> WordCounts {
        let mut counts = WordCounts::default();
        for word in words {
            counts.add(word);
        }
        counts
    }

    #[test]
    fn frequent_words_come_first_and_ties_are_alphabetical() {
        let vocabulary = counted(&["pear", "fig", "pear", "apple"]).into_vocabulary(2);
        assert_eq!(vocabulary.words(), ["pear", "apple"]);
        assert_eq!(vocabulary.place("apple"), Some(1));
        assert_eq!(vocabulary.place("fig"), None);
    }

    #[test]
    fn a_stored_vocabulary_is_a_list_and_a_repeated_word_is_refused() {
        let vocabulary = counted(&["b", "a"]).into_vocabulary(9);
        let stored = serde_json::to_string(&vocabulary).unwrap();
        assert_eq!(stored, r#"["a","b"]"#);
        assert_eq!(serde_json::from_str::<Vocabulary>(&stored).unwrap(), vocabulary);
        assert!(serde_json::from_str::<Vocabulary>(r#"["a","a"]"#).is_err());
    }
}
