//! Random changes of what train rows hold: one list a modality, one file and one line an entry.
//!
//! An input's `augmentation` is a list of entries that are applied in its order, each time a train
//! row is read for a step. What an entry draws depends on the root seed, the epoch, the row and the
//! column alone, so a run that is stopped and resumed, or read on more threads, draws the same.
//! Validation, test and prediction never see it.

use std::fmt::Debug;

use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The entries that one modality's `augmentation` may have.
pub trait Augmentation:
    Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync
{
    /// Every name that `type` may have, with a line on each.
    const COMPONENTS: &'static [(&'static str, &'static str)];

    /// Reads and checks the entry called `name` from the rest of its section.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for an unknown name, key or value, or one out of its range.
    fn read(name: &str, section: Value) -> Result<Self, ConfigError>;

    /// Checks every field against its documented range.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first field out of its range.
    fn check(&self) -> Result<(), ConfigError>;

    /// What `augmentation: true` stands for.
    fn usual() -> Vec<Self>;
}

/// The list of a modality that has nothing to change at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoAugmentation {}

impl Augmentation for NoAugmentation {
    const COMPONENTS: &'static [(&'static str, &'static str)] = &[];

    fn read(_: &str, _: Value) -> Result<Self, ConfigError> {
        let problem = "inputs of this type have no augmentation".to_owned();
        let advice = "leave `augmentation` out".to_owned();
        Err(ConfigError::Conflict { at: String::new(), problem, advice })
    }

    fn check(&self) -> Result<(), ConfigError> {
        match *self {}
    }

    fn usual() -> Vec<Self> {
        Vec::new()
    }
}

/// Writes a modality's list from one line for each entry.
macro_rules! augmentations {
    ($(#[$meta:meta])* $list:ident: dyn $role:ident, usually $usual:tt {
        $($name:literal => $module:ident::$entry:ident, $summary:literal;)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "type")]
        pub enum $list {
            $(
                #[doc = $summary]
                #[serde(rename = $name)]
                $entry($module::$entry),
            )+
        }

        impl $list {
            pub(crate) fn as_dyn(&self) -> &dyn $role {
                match self { $(Self::$entry(entry) => entry,)+ }
            }
        }

        impl $crate::Augmentation for $list {
            const COMPONENTS: &'static [(&'static str, &'static str)] = &[$(($name, $summary)),+];

            fn read(
                name: &str,
                section: serde_json::Value,
            ) -> Result<Self, sensorium_core::ConfigError> {
                let entry = match name {
                    $($name => sensorium_core::config::read(section).map(Self::$entry)?,)+
                    _ => return Err(sensorium_core::ConfigError::unknown_value(
                        "type",
                        name,
                        Self::COMPONENTS.iter().map(|(name, _)| *name),
                    )),
                };
                entry.as_dyn().check()?;
                Ok(entry)
            }

            fn check(&self) -> Result<(), sensorium_core::ConfigError> {
                self.as_dyn().check()
            }

            fn usual() -> Vec<Self> {
                let usual: &[&str] = &$usual;
                let read = |name: &&str| {
                    Self::read(name, serde_json::json!({})).expect("the defaults are in their ranges")
                };
                usual.iter().map(read).collect()
            }
        }
    };
}
pub(crate) use augmentations;

/// Checks a chance, 0 to 1.
pub(crate) fn check_probability(probability: f64) -> Result<(), ConfigError> {
    in_range("probability", probability, 0.0..=1.0)
}

/// Checks that `min` is at least `least`, and `max` between `min` and `most`.
pub(crate) fn check_bounds(
    [(min_key, min), (max_key, max)]: [(&str, f64); 2],
    [least, most]: [f64; 2],
) -> Result<(), ConfigError> {
    in_range(min_key, min, least..=most)?;
    in_range(max_key, max, min..=most)
}

#[cfg(test)]
mod tests {
    use sensorium_core::Hint;
    use serde_json::json;

    use crate::{AugmentationConfig, ModalityConfig};

    fn names() -> impl Iterator<Item = (ModalityConfig, &'static [(&'static str, &'static str)])> {
        let modalities = ModalityConfig::COMPONENTS.iter();
        modalities.map(|(name, _)| {
            let modality = ModalityConfig::read(name, json!({})).unwrap();
            let entries = modality.augmentations();
            (modality, entries)
        })
    }

    #[test]
    fn every_entry_has_defaults_in_its_ranges_and_survives_being_written() {
        for (modality, entries) in names() {
            for (entry, _) in entries {
                let section = match *entry {
                    "synonyms" => json!({"table": {"big": ["large"]}}),
                    _ => json!({}),
                };
                let entries = vec![((*entry).to_owned(), section)];
                let config = AugmentationConfig::read(&modality, entries).unwrap();
                let stored = serde_json::to_string(&config).unwrap();
                assert_eq!(serde_json::from_str::<AugmentationConfig>(&stored).unwrap(), config);
            }
        }
    }

    #[test]
    fn an_unknown_entry_or_key_is_answered_with_the_nearest() {
        let image = ModalityConfig::read("image", json!({})).unwrap();
        let refused = |name: &str, section| {
            let entries = vec![(name.to_owned(), section)];
            AugmentationConfig::read(&image, entries).unwrap_err()
        };
        let hint = refused("random_rotat", json!({})).hint().unwrap();
        assert!(hint.starts_with("did you mean `random_rotate`?"), "{hint}");
        let error = refused("random_rotate", json!({"degre": 3}));
        assert!(error.hint().unwrap().starts_with("did you mean `degree`?"));
        assert!(error.to_string().starts_with("`augmentation[0]` has no key"), "{error}");
    }

    #[test]
    fn a_modality_without_a_list_refuses_an_entry() {
        let binary = ModalityConfig::read("binary", json!({})).unwrap();
        let entries = vec![("jitter".to_owned(), json!({}))];
        let message = AugmentationConfig::read(&binary, entries).unwrap_err().to_string();
        assert!(message.contains("inputs of this type have no augmentation"), "{message}");
    }
}
