//! Random changes of texts, word by word, before they are cut into tokens.
//!
//! A word is what Unicode's UAX #29, or jieba among Han characters, says is one and holds a letter
//! or a digit; so the changes are the same whatever tokenizer comes after.
//!
//! Source: Wei and Zou 2019, "EDA: Easy Data Augmentation Techniques for Boosting Performance on
//! Text Classification Tasks", section 2.

mod synonyms;
mod word_dropout;
mod word_swap;

use std::ops::Range;

use rand_chacha::ChaCha8Rng;
use sensorium_core::ConfigError;

use super::Tokenizer;
use crate::augmentation::augmentations;

/// What a random change of a text does.
pub(crate) trait ChangeText {
    /// Checks every field against its documented range.
    fn check(&self) -> Result<(), ConfigError>;

    /// Changes a text.
    fn apply(&self, text: &str, rng: &mut ChaCha8Rng) -> String;
}

augmentations! {
    /// Random changes of texts.
    TextAugmentation: dyn ChangeText, usually ["word_dropout"] {
        "word_dropout" => word_dropout::WordDropout, "leaves words out";
        "word_swap" => word_swap::WordSwap, "swaps words with the next ones";
        "synonyms" => synonyms::Synonyms, "puts synonyms of a given table in place of words";
    }
}

/// Where the words of a text stand, in its order.
fn words(text: &str) -> Vec<Range<usize>> {
    let tokens = Tokenizer::SpacePunct.tokens(text, usize::MAX);
    let words = tokens.into_iter().filter(|token| token.chars().any(char::is_alphanumeric));
    let place = |word: &str| {
        let start = word.as_ptr().addr() - text.as_ptr().addr();
        start..start + word.len()
    };
    words.map(place).collect()
}

/// The text with others in some words' places; the replacements are in the text's order.
fn replaced<'a>(
    text: &str,
    replacements: impl IntoIterator<Item = (Range<usize>, &'a str)>,
) -> String {
    let mut changed = String::with_capacity(text.len());
    let mut end = 0;
    for (word, with) in replacements {
        changed += &text[end..word.start];
        changed += with;
        end = word.end;
    }
    changed + &text[end..]
}

#[cfg(test)]
mod tests {
    use sensorium_core::Seed;
    use serde_json::json;

    use super::*;
    use crate::Augmentation;

    #[test]
    fn words_are_found_in_any_script_without_punctuation() {
        let text = "It's 3 o'clock — 我们喜欢red苹果。👍 ";
        let found: Vec<&str> = words(text).into_iter().map(|word| &text[word]).collect();
        assert_eq!(found, ["It's", "3", "o'clock", "我们", "喜欢", "red", "苹果"]);
        assert!(words(" … 👍").is_empty());
    }

    #[test]
    fn every_change_leaves_any_text_readable_and_repeats_with_its_seed() {
        for (name, _) in TextAugmentation::COMPONENTS {
            let section = match *name {
                "synonyms" => json!({"probability": 1.0, "table": {"big": ["large", "huge"]}}),
                _ => json!({"probability": 0.5}),
            };
            let entry = TextAugmentation::read(name, section).unwrap();
            for text in ["", " ", "one", "a big Big 苹果, a big 苹果!", "\u{0}x\u{301}"] {
                for seed in 0..9 {
                    let change = || entry.as_dyn().apply(text, &mut Seed::new(seed).rng());
                    assert_eq!(change(), change(), "{name}");
                    assert_eq!(words(&change()).is_empty(), words(text).is_empty(), "{name}");
                }
            }
        }
    }
}
