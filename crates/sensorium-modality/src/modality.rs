//! The role that every modality plays.

use std::fmt::Debug;

use rand_chacha::ChaCha8Rng;
use sensorium_core::{ConfigError, FeatureShape};
use sensorium_table::{Cell, Column, ColumnSummary, TrainRows};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::image::Picture;
use crate::{Augmentation, Features, ModalityError};

/// A modality fitted to one column: it turns that column's cells into features.
///
/// The value itself is what was learned from the train rows; it is stored in the bundle and is all
/// that prediction needs.
pub trait Modality: Sized + Send + Sync + Serialize + DeserializeOwned {
    /// What the user wrote under `preprocessing`.
    type Config: Clone + Default + Serialize + DeserializeOwned + Send + Sync;
    /// What a cell holds once decoded: pixels, samples, text or a number.
    type Decoded: Debug + Send + Sync;
    /// The entries that its `augmentation` may have.
    type Augmentation: Augmentation;

    /// Why a column looks like this modality, or `None` where it does not; see
    /// [`infer`](crate::infer()). The default is for a modality that is never guessed.
    fn claims(summary: &ColumnSummary) -> Option<String> {
        let _ = summary;
        None
    }

    /// Reads the `preprocessing` section; the default is what serde derives.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for an unknown key or value, or a wrong type.
    fn read(section: serde_json::Value) -> Result<Self::Config, ConfigError> {
        sensorium_core::config::read(section)
    }

    /// Checks every field of the config against its documented range.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first field out of its range, its path relative to `preprocessing`.
    fn check(config: &Self::Config) -> Result<(), ConfigError>;

    /// Learns what the modality needs (sizes, vocabulary, mean, scale) from train rows alone.
    ///
    /// A cell that cannot be decoded is passed over here: the pass over all rows that follows
    /// names it.
    ///
    /// # Errors
    ///
    /// [`ModalityError`] where no train row holds a usable cell.
    fn fit(
        config: &Self::Config,
        column: Column<'_>,
        rows: &TrainRows,
    ) -> Result<Self, ModalityError>;

    /// The sizes of the features that [`Modality::features`] makes.
    fn shape(&self) -> FeatureShape;

    /// What each token id counts, where some say more than others; `None` where all count alike.
    fn token_weights(&self) -> Option<Vec<f32>> {
        None
    }

    /// Decodes a cell, or gives `None` where it is missing.
    ///
    /// # Errors
    ///
    /// [`ModalityError`] naming the cell, what was got and what was expected.
    fn decode(&self, cell: &Cell<'_>) -> Result<Option<Self::Decoded>, ModalityError>;

    /// The bytes that a cell's features are made from, whatever they are: two cells with the same
    /// bytes have the same features. The default is for what is written into the table itself.
    ///
    /// # Errors
    ///
    /// [`ModalityError`] where they cannot be read.
    fn content(&self, cell: &Cell<'_>) -> Result<Option<Vec<u8>>, ModalityError> {
        Ok(cell.text()?.map(|text| text.into_owned().into_bytes()))
    }

    /// The cell's label where train does not hold it; `None` for what has no labels. The default is
    /// for what has none.
    fn unseen(&self, cell: &Cell<'_>) -> Option<String> {
        let _ = cell;
        None
    }

    /// Turns a decoded cell into features of [`Modality::shape`].
    fn features(&self, decoded: &Self::Decoded) -> Features;

    /// What the values of the features are in.
    fn unit(&self) -> &'static str;

    /// Features as a person can look at them; `None` for what is no picture.
    fn picture(&self, features: &Features) -> Option<Picture> {
        let _ = features;
        None
    }

    /// What is kept of a decoded cell for the steps to come, where the column is augmented.
    fn kept(&self, decoded: Self::Decoded) -> Self::Decoded {
        decoded
    }

    /// The memory that a decoded cell takes, in bytes.
    fn num_bytes(decoded: &Self::Decoded) -> usize;

    /// Features of a cell that was changed at random, of [`Modality::shape`]. The default is for a
    /// modality whose list is [`NoAugmentation`](crate::NoAugmentation).
    fn augmented(
        &self,
        decoded: &Self::Decoded,
        augmentation: &[Self::Augmentation],
        rng: &mut ChaCha8Rng,
    ) -> Features {
        let _ = (augmentation, rng);
        self.features(decoded)
    }
}
