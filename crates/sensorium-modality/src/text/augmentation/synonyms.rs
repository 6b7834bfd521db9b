//! Texts in other words.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use sensorium_core::ConfigError;
use serde::{Deserialize, Serialize};

use super::{ChangeText, replaced, words};
use crate::augmentation::check_probability;

/// Puts one of a word's synonyms in its place.
///
/// | key | default | range |
/// |---|---|---|
/// | `probability` | 0.1 | 0 to 1 |
/// | `table` | required | each word in lower case, with its synonyms; at least one word |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Synonyms {
    /// The chance of each word that has a synonym to be replaced.
    #[serde(default = "one_in_ten")]
    pub probability: f64,
    /// The synonyms of each word; a word of the text is looked up in lower case.
    pub table: BTreeMap<String, Vec<String>>,
}

const fn one_in_ten() -> f64 {
    0.1
}

impl ChangeText for Synonyms {
    fn check(&self) -> Result<(), ConfigError> {
        check_probability(self.probability)?;
        if self.table.is_empty() {
            return Err(ConfigError::invalid("table", "empty", "words with their synonyms"));
        }
        let wrong = |(word, synonyms): &(&String, &Vec<String>)| {
            synonyms.is_empty() || **word != word.to_lowercase()
        };
        match self.table.iter().find(wrong) {
            None => Ok(()),
            Some((word, synonyms)) => Err(ConfigError::invalid(
                &format!("table.{word}"),
                format!("{} synonyms of `{word}`", synonyms.len()),
                "a word in lower case with at least one synonym",
            )),
        }
    }

    fn apply(&self, text: &str, rng: &mut ChaCha8Rng) -> String {
        let replacements = words(text).into_iter().filter_map(|word| {
            let synonyms = self.table.get(&text[word.clone()].to_lowercase())?;
            let synonym = &synonyms[rng.random_range(0..synonyms.len())];
            rng.random_bool(self.probability).then_some((word, synonym.as_str()))
        });
        replaced(text, replacements.collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use sensorium_core::Seed;
    use serde_json::json;

    use super::*;

    fn synonyms(section: serde_json::Value) -> Result<Synonyms, ConfigError> {
        let synonyms: Synonyms = sensorium_core::config::read(section)?;
        synonyms.check().map(|()| synonyms)
    }

    #[test]
    fn words_of_the_table_are_replaced_and_others_are_not() {
        let table = json!({"probability": 1.0, "table": {"big": ["large"], "苹果": ["水果"]}});
        let changed = synonyms(table).unwrap().apply("Big, bigger 苹果", &mut Seed::new(1).rng());
        assert_eq!(changed, "large, bigger 水果");
    }

    #[test]
    fn a_table_is_needed_whose_words_can_be_found() {
        let message = |section| synonyms(section).unwrap_err().to_string();
        assert!(message(json!({})).contains("lacks the key `table`"));
        assert!(message(json!({"table": {}})).starts_with("`table` is empty"));
        assert!(message(json!({"table": {"a": []}})).starts_with("`table.a` is 0 synonyms"));
        assert!(message(json!({"table": {"Big": ["large"]}})).contains("lower case"));
    }
}
