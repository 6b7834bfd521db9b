//! One line a modality: the list behind configs, fitted state, contract tests and docs.

use rand_chacha::ChaCha8Rng;
use sensorium_core::{ConfigError, FeatureShape, Layout};
use sensorium_table::{Cell, Column, ColumnSummary, TrainRows};
use serde::{Deserialize, Serialize};

use crate::{Augmentation, Features, Modality, ModalityError};

/// Writes the parts of the role that must name every modality, from one line for each.
macro_rules! modalities {
    ($($name:literal => $module:ident::$modality:ident makes $layout:ident, $summary:literal;)+) => {
        /// The `preprocessing` of any input that a config can name in `type`.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type", content = "preprocessing")]
        pub enum ModalityConfig {
            $(
                #[doc = $summary]
                #[serde(rename = $name)]
                $modality(<crate::$module::$modality as Modality>::Config),
            )+
        }

        /// Any modality, fitted to its column.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type", content = "fitted")]
        #[expect(clippy::large_enum_variant, reason = "a model holds few inputs")]
        pub enum FittedModality {
            $(
                #[doc = $summary]
                #[serde(rename = $name)]
                $modality(crate::$module::$modality),
            )+
        }

        /// The `augmentation` of any input: its entries in the order they are applied.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type", content = "entries")]
        pub enum AugmentationConfig {
            $(
                #[doc = $summary]
                #[serde(rename = $name)]
                $modality(Vec<<crate::$module::$modality as Modality>::Augmentation>),
            )+
        }

        /// A decoded cell of any modality.
        #[derive(Debug)]
        pub(crate) enum DecodedCell {
            $($modality(<crate::$module::$modality as Modality>::Decoded),)+
        }

        impl DecodedCell {
            /// The memory that it takes, in bytes.
            pub(crate) fn num_bytes(&self) -> usize {
                match self {
                    $(Self::$modality(decoded) => {
                        <crate::$module::$modality as Modality>::num_bytes(decoded)
                    })+
                }
            }
        }

        impl AugmentationConfig {
            /// Reads and checks entries, each a name and the rest of its section.
            ///
            /// # Errors
            ///
            /// [`ConfigError`] for an unknown name, key or value, or one out of its range.
            pub fn read(
                modality: &ModalityConfig,
                entries: Vec<(String, serde_json::Value)>,
            ) -> Result<Self, ConfigError> {
                match modality {
                    $(ModalityConfig::$modality(_) => read_entries(entries).map(Self::$modality),)+
                }
            }

            /// What `augmentation: true` stands for.
            pub fn usual(modality: &ModalityConfig) -> Self {
                match modality {
                    $(ModalityConfig::$modality(_) => Self::$modality(Augmentation::usual()),)+
                }
            }

            /// Checks every entry that was read from a file against its range.
            ///
            /// # Errors
            ///
            /// [`ConfigError`] for the first field out of its range, its entry named.
            pub fn check(&self) -> Result<(), ConfigError> {
                match self { $(Self::$modality(entries) => check_entries(entries),)+ }
            }

            /// Whether nothing is changed.
            pub fn is_empty(&self) -> bool {
                match self { $(Self::$modality(entries) => entries.is_empty(),)+ }
            }
        }

        impl ModalityConfig {
            /// The entries that an input's `augmentation` may have, with a line on each.
            pub const fn augmentations(&self) -> &'static [(&'static str, &'static str)] {
                match self {
                    $(Self::$modality(_) => {
                        <<crate::$module::$modality as Modality>::Augmentation as Augmentation>
                            ::COMPONENTS
                    })+
                }
            }

            /// Every name that `type` may have, with a line on each.
            pub const COMPONENTS: &'static [(&'static str, &'static str)] =
                &[$(($name, $summary)),+];

            /// Reads and checks the `preprocessing` section of the input called `name`.
            ///
            /// # Errors
            ///
            /// [`ConfigError`] for an unknown name, key or value, or one out of its range.
            pub fn read(name: &str, section: serde_json::Value) -> Result<Self, ConfigError> {
                match name {
                    $($name => {
                        let config = <crate::$module::$modality as Modality>::read(section)?;
                        <crate::$module::$modality as Modality>::check(&config)?;
                        Ok(Self::$modality(config))
                    })+
                    _ => Err(ConfigError::unknown_value(
                        "type",
                        name,
                        Self::COMPONENTS.iter().map(|(name, _)| *name),
                    )),
                }
            }

            /// Checks a section that was read from a file, as [`ModalityConfig::read`] does.
            ///
            /// # Errors
            ///
            /// [`ConfigError`] for the first field out of its range.
            pub fn check(&self) -> Result<(), ConfigError> {
                match self {
                    $(Self::$modality(config) => {
                        <crate::$module::$modality as Modality>::check(config)
                    })+
                }
            }

            /// The modality's name in a config.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$modality(_) => $name,)+ }
            }

            /// The layout of the features that the modality called `name` makes; `None` for an
            /// unknown one.
            pub fn layout_of(name: &str) -> Option<Layout> {
                match name {
                    $($name => Some(Layout::$layout),)+
                    _ => None,
                }
            }

            /// The layout of the features, which decides the encoders that can read them.
            pub const fn layout(&self) -> Layout {
                match self { $(Self::$modality(_) => Layout::$layout,)+ }
            }

            /// The first modality, in the order of the list, that claims the column, and why.
            pub(crate) fn first_claim(
                summary: &ColumnSummary,
            ) -> Option<(&'static str, String)> {
                $(
                    if let Some(because) = <crate::$module::$modality as Modality>::claims(summary)
                    {
                        return Some(($name, because));
                    }
                )+
                None
            }

            /// Learns what the modality needs from train rows alone.
            ///
            /// # Errors
            ///
            /// [`ModalityError`] where no train row holds a usable cell.
            pub fn fit(
                &self,
                column: Column<'_>,
                rows: &TrainRows,
            ) -> Result<FittedModality, ModalityError> {
                match self {
                    $(Self::$modality(config) => {
                        <crate::$module::$modality as Modality>::fit(config, column, rows)
                            .map(FittedModality::$modality)
                    })+
                }
            }
        }

        impl FittedModality {
            /// The modality's name in a config.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$modality(_) => $name,)+ }
            }

            /// The sizes of the features that [`FittedModality::features_of`] makes.
            pub fn shape(&self) -> FeatureShape {
                match self { $(Self::$modality(modality) => modality.shape(),)+ }
            }

            /// What each token id counts, where some say more than others; `None` where all count
            /// alike, and for features that are no tokens.
            pub fn token_weights(&self) -> Option<Vec<f32>> {
                match self { $(Self::$modality(modality) => modality.token_weights(),)+ }
            }

            /// A cell's features, or `None` where it is missing: the one path from cell to features.
            ///
            /// # Errors
            ///
            /// [`ModalityError`] naming the cell, what was got and what was expected.
            pub fn features_of(&self, cell: &Cell<'_>) -> Result<Option<Features>, ModalityError> {
                match self { $(Self::$modality(modality) => features_of(modality, cell),)+ }
            }

            /// The cell's label where train does not hold it; `None` for what has no labels.
            pub fn unseen(&self, cell: &Cell<'_>) -> Option<String> {
                match self { $(Self::$modality(modality) => modality.unseen(cell),)+ }
            }

            /// The bytes that a cell's features are made from: two cells with the same bytes have
            /// the same features.
            ///
            /// # Errors
            ///
            /// [`ModalityError`] where they cannot be read.
            pub fn content(&self, cell: &Cell<'_>) -> Result<Option<Vec<u8>>, ModalityError> {
                match self { $(Self::$modality(modality) => modality.content(cell),)+ }
            }

            /// What the values of the features are in.
            pub fn unit(&self) -> &'static str {
                match self { $(Self::$modality(modality) => modality.unit(),)+ }
            }

            /// Features as a person can look at them; `None` for what is no picture.
            pub fn picture(&self, features: &Features) -> Option<crate::image::Picture> {
                match self { $(Self::$modality(modality) => modality.picture(features),)+ }
            }

            /// A cell decoded as far as it is kept to be augmented again and again.
            pub(crate) fn decoded(
                &self,
                cell: &Cell<'_>,
            ) -> Result<Option<DecodedCell>, ModalityError> {
                match self {
                    $(Self::$modality(modality) => {
                        let decoded = modality.decode(cell)?;
                        Ok(decoded.map(|decoded| DecodedCell::$modality(modality.kept(decoded))))
                    })+
                }
            }

            /// A decoded cell's features.
            pub(crate) fn features(&self, decoded: &DecodedCell) -> Features {
                match (self, decoded) {
                    $((Self::$modality(modality), DecodedCell::$modality(decoded)) => {
                        modality.features(decoded)
                    })+
                    _ => panic!("a cell that {} did not decode: {decoded:?}", self.name()),
                }
            }

            /// The features of a decoded cell that was changed at random.
            pub(crate) fn augmented(
                &self,
                decoded: &DecodedCell,
                augmentation: &AugmentationConfig,
                rng: &mut ChaCha8Rng,
            ) -> Features {
                match (self, decoded, augmentation) {
                    $((
                        Self::$modality(modality),
                        DecodedCell::$modality(decoded),
                        AugmentationConfig::$modality(entries),
                    ) => modality.augmented(decoded, entries, rng),)+
                    _ => panic!("a cell or list that is not of {}: {augmentation:?}", self.name()),
                }
            }
        }
    };
}

fn read_entries<A: Augmentation>(
    entries: Vec<(String, serde_json::Value)>,
) -> Result<Vec<A>, ConfigError> {
    let read = |(index, (name, section)): (usize, (String, serde_json::Value))| {
        A::read(&name, section).map_err(|error| error.under(&format!("augmentation[{index}]")))
    };
    entries.into_iter().enumerate().map(read).collect()
}

fn check_entries<A: Augmentation>(entries: &[A]) -> Result<(), ConfigError> {
    entries.iter().enumerate().try_for_each(|(index, entry)| {
        entry.check().map_err(|error| error.under(&format!("augmentation[{index}]")))
    })
}

fn features_of<M: Modality>(
    modality: &M,
    cell: &Cell<'_>,
) -> Result<Option<Features>, ModalityError> {
    Ok(modality.decode(cell)?.map(|decoded| modality.features(&decoded)))
}

// The order is that in which a column is claimed: from the most particular to text, which all is.
modalities! {
    "image" => image::Image makes Grid, "pictures as a grid of channels, height and width";
    "audio" => audio::Audio makes Sequence, "sounds as a sequence of frames: log-mel, MFCC and others";
    "binary" => binary::Binary makes Vector, "true or false as 1 or 0";
    "number" => number::Number makes Vector, "a number on a scale fitted to the train rows";
    "category" => category::Category makes Vector, "one of few labels as a one-hot vector";
    "text" => text::Text makes Tokens, "words as a list of ids";
}

#[cfg(test)]
mod tests {
    use sensorium_core::Hint;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_unknown_modality_or_key_is_answered_with_the_nearest() {
        let error = ModalityConfig::read("imgae", json!({})).unwrap_err();
        assert!(error.hint().unwrap().starts_with("did you mean `image`?"));
        let error = ModalityConfig::read("text", json!({"most_comon": 3})).unwrap_err();
        assert!(error.hint().unwrap().starts_with("did you mean `most_common`?"));
    }

    #[test]
    fn a_setting_out_of_its_range_is_refused_on_reading() {
        let error = ModalityConfig::read("text", json!({"most_common": 0})).unwrap_err();
        assert!(error.to_string().starts_with("`most_common` is 0"), "{error}");
    }

    #[test]
    fn every_modality_masks_absent_cells_and_refuses_to_fill_them_in() {
        for (name, _) in ModalityConfig::COMPONENTS {
            let mask = json!({"missing_value_strategy": "mask"});
            assert_eq!(ModalityConfig::read(name, mask).unwrap().name(), *name);
            let fill = json!({"missing_value_strategy": "fill_with_const"});
            let message = ModalityConfig::read(name, fill).unwrap_err().to_string();
            assert!(message.contains("an absent cell is masked here"), "{name}: {message}");
        }
    }

    #[test]
    fn every_config_is_the_same_after_save_and_load() {
        for (name, _) in ModalityConfig::COMPONENTS {
            let config = ModalityConfig::read(name, json!({})).unwrap();
            let stored = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<ModalityConfig>(&stored).unwrap(), config);
        }
    }
}
