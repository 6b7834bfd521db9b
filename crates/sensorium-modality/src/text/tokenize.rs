//! From a text to its tokens.
//!
//! Source: Unicode UAX #29 for word and character boundaries; jieba's dictionary and hidden Markov
//! model (`jieba-rs` 0.11) for Chinese, which writes no spaces between words.

use std::sync::LazyLock;

use jieba_rs::Jieba;
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

/// Where a text is cut; the names are Ludwig's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tokenizer {
    /// Words, numbers, emoji and each mark of punctuation, by Unicode's word boundaries. Runs of
    /// Han characters are cut into Chinese words.
    #[default]
    SpacePunct,
    /// Characters as a reader sees them, white space included: an emoji of several code points is
    /// one.
    Characters,
    /// What stands between white space.
    Space,
}

/// Loading the dictionary takes a good part of a second, so only a text that needs it does.
static JIEBA: LazyLock<Jieba> = LazyLock::new(Jieba::new);

impl Tokenizer {
    /// The first `limit` tokens of `text`, in its order. None is empty.
    #[must_use]
    pub fn tokens(self, text: &str, limit: usize) -> Vec<&str> {
        match self {
            Self::SpacePunct => words(text, limit),
            Self::Characters => text.graphemes(true).take(limit).collect(),
            Self::Space => text.split_whitespace().take(limit).collect(),
        }
    }
}

fn words(text: &str, limit: usize) -> Vec<&str> {
    let mut words = Vec::new();
    for run in runs(text) {
        if words.len() >= limit {
            break;
        }
        if run.starts_with(is_han) {
            words.extend(JIEBA.cut(run, true).into_iter().map(|token| token.word));
        } else {
            let bounds = run.split_word_bounds();
            words.extend(bounds.filter(|word| !word.trim().is_empty()).take(limit - words.len()));
        }
    }
    words.truncate(limit);
    words
}

/// Cuts a text where Han characters begin and end.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let han = is_han(rest.chars().next()?);
        let end = rest.find(|character| is_han(character) != han).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        Some(run)
    })
}

/// Whether a character is of Unicode's script Han, by the blocks that hold its letters.
const fn is_han(character: char) -> bool {
    matches!(character,
        '\u{3005}' | '\u{3007}' // the iteration mark and zero
        | '\u{3400}'..='\u{4DBF}' // extension A
        | '\u{4E00}'..='\u{9FFF}' // the unified ideographs
        | '\u{F900}'..='\u{FAFF}' // compatibility ideographs
        | '\u{20000}'..='\u{3FFFD}') // extensions B onwards: planes 2 and 3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words_of(text: &str) -> Vec<&str> {
        Tokenizer::SpacePunct.tokens(text, 100)
    }

    #[test]
    fn words_punctuation_and_emoji_are_tokens_and_white_space_is_not() {
        assert_eq!(words_of("It can't cost $3.50 …"), ["It", "can't", "cost", "$", "3.50", "…"]);
        assert_eq!(words_of("hi 👩‍🚀👍🏽!"), ["hi", "👩‍🚀", "👍🏽", "!"]);
        assert!(words_of(" \t\n\u{3000}").is_empty());
    }

    #[test]
    fn chinese_is_cut_into_words_beside_other_scripts() {
        assert_eq!(words_of("我们喜欢red苹果。"), ["我们", "喜欢", "red", "苹果", "。"]);
    }

    #[test]
    fn characters_are_what_a_reader_sees() {
        assert_eq!(Tokenizer::Characters.tokens("a e\u{301}👩‍🚀", 9), ["a", " ", "e\u{301}", "👩‍🚀"]);
    }

    #[test]
    fn space_keeps_punctuation_with_its_word() {
        assert_eq!(Tokenizer::Space.tokens(" so,  what? ", 9), ["so,", "what?"]);
    }

    #[test]
    fn no_more_than_the_limit_is_made() {
        for tokenizer in [Tokenizer::SpacePunct, Tokenizer::Characters, Tokenizer::Space] {
            assert_eq!(tokenizer.tokens("我 们 喜 欢 red a b c", 3).len(), 3);
            assert!(tokenizer.tokens("我们 a", 0).is_empty());
        }
    }
}
