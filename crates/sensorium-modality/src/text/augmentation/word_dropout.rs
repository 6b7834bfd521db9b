//! Texts of which words are missing.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use sensorium_core::ConfigError;
use serde::{Deserialize, Serialize};

use super::{ChangeText, replaced, words};
use crate::augmentation::check_probability;

/// Leaves words out, each by itself; one word always stays.
///
/// | key | default | range |
/// |---|---|---|
/// | `probability` | 0.1 | 0 to 1 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WordDropout {
    /// The chance of each word to be left out.
    pub probability: f64,
}

impl Default for WordDropout {
    fn default() -> Self {
        Self { probability: 0.1 }
    }
}

impl ChangeText for WordDropout {
    fn check(&self) -> Result<(), ConfigError> {
        check_probability(self.probability)
    }

    fn apply(&self, text: &str, rng: &mut ChaCha8Rng) -> String {
        let mut dropped: Vec<_> = words(text).into_iter().map(|word| (word, "")).collect();
        if dropped.is_empty() {
            return text.to_owned();
        }
        let stays = rng.random_range(0..dropped.len());
        let mut index = 0;
        dropped.retain(|_| {
            index += 1;
            rng.random_bool(self.probability) && index - 1 != stays
        });
        for (word, _) in &mut dropped {
            word.end += spaces_at(&text[word.end..]);
        }
        replaced(text, dropped)
    }
}

/// The white space at the start of a text, in bytes.
fn spaces_at(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

#[cfg(test)]
mod tests {
    use sensorium_core::Seed;

    use super::*;

    #[test]
    fn a_word_goes_with_the_space_after_it_and_the_rest_stays() {
        let all = WordDropout { probability: 1.0 };
        let left: Vec<String> =
            (0..20).map(|seed| all.apply("red, ripe apple", &mut Seed::new(seed).rng())).collect();
        assert!(left.iter().all(|text| ["red, ", ", ripe ", ", apple"].contains(&text.as_str())));
        assert!(left.iter().any(|text| text != &left[0]), "the word that stays is drawn");
    }

    #[test]
    fn words_are_left_out_as_often_as_asked() {
        let text = "word ".repeat(20_000);
        let half = WordDropout { probability: 0.3 }.apply(&text, &mut Seed::new(1).rng());
        let share = words(&half).len() as f64 / 20_000.0;
        // Five standard deviations of a binomial with 20,000 draws are 0.016.
        assert!((share - 0.7).abs() < 0.017, "{share}");
    }
}
