//! Texts whose words change places.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use sensorium_core::ConfigError;
use serde::{Deserialize, Serialize};

use super::{ChangeText, replaced, words};
use crate::augmentation::check_probability;

/// Swaps words with the next ones, none twice; what stands between them stays.
///
/// | key | default | range |
/// |---|---|---|
/// | `probability` | 0.1 | 0 to 1 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WordSwap {
    /// The chance of a word that was not swapped yet to be swapped with the next.
    pub probability: f64,
}

impl Default for WordSwap {
    fn default() -> Self {
        Self { probability: 0.1 }
    }
}

impl ChangeText for WordSwap {
    fn check(&self) -> Result<(), ConfigError> {
        check_probability(self.probability)
    }

    fn apply(&self, text: &str, rng: &mut ChaCha8Rng) -> String {
        let places = words(text);
        let mut order: Vec<usize> = (0..places.len()).collect();
        let mut word = 0;
        while word + 1 < order.len() {
            if rng.random_bool(self.probability) {
                order.swap(word, word + 1);
                word += 1;
            }
            word += 1;
        }
        let swapped = order.iter().map(|&word| &text[places[word].clone()]);
        replaced(text, places.iter().cloned().zip(swapped))
    }
}

#[cfg(test)]
mod tests {
    use sensorium_core::Seed;

    use super::*;

    #[test]
    fn pairs_of_words_change_places_around_what_stands_between() {
        let always = WordSwap { probability: 1.0 };
        let swapped = always.apply("A b, c d. E", &mut Seed::new(1).rng());
        assert_eq!(swapped, "b A, d c. E");
    }
}
