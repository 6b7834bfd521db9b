//! Mirrored pictures.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use sensorium_core::ConfigError;
use serde::{Deserialize, Serialize};

use super::ChangePicture;
use crate::augmentation::check_probability;
use crate::image::Picture;

/// Mirrors left and right.
///
/// | key | default | range |
/// |---|---|---|
/// | `probability` | 0.5 | 0 to 1 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HorizontalFlip {
    /// The chance that a picture is mirrored.
    pub probability: f64,
}

impl Default for HorizontalFlip {
    fn default() -> Self {
        Self { probability: 0.5 }
    }
}

impl ChangePicture for HorizontalFlip {
    fn check(&self) -> Result<(), ConfigError> {
        check_probability(self.probability)
    }

    fn apply(&self, mut picture: Picture, rng: &mut ChaCha8Rng) -> Picture {
        if rng.random_bool(self.probability) {
            let row = 3 * picture.width();
            picture
                .pixels_mut()
                .chunks_exact_mut(row)
                .for_each(|row| row.as_chunks_mut::<3>().0.reverse());
        }
        picture
    }
}

/// Mirrors top and bottom.
///
/// | key | default | range |
/// |---|---|---|
/// | `probability` | 0.5 | 0 to 1 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VerticalFlip {
    /// The chance that a picture is mirrored.
    pub probability: f64,
}

impl Default for VerticalFlip {
    fn default() -> Self {
        Self { probability: 0.5 }
    }
}

impl ChangePicture for VerticalFlip {
    fn check(&self) -> Result<(), ConfigError> {
        check_probability(self.probability)
    }

    fn apply(&self, picture: Picture, rng: &mut ChaCha8Rng) -> Picture {
        if !rng.random_bool(self.probability) {
            return picture;
        }
        let (height, width) = (picture.height(), picture.width());
        let rows = picture.pixels().chunks_exact(3 * width).rev();
        Picture::from_rgb(height, width, rows.flatten().copied().collect())
            .expect("the same rows in another order")
    }
}

#[cfg(test)]
mod tests {
    use sensorium_core::Seed;

    use super::*;

    #[test]
    fn pixels_change_places_whole() {
        let picture = Picture::from_rgb(2, 2, (0..12).collect()).unwrap();
        let always = HorizontalFlip { probability: 1.0 };
        let flipped = always.apply(picture.clone(), &mut Seed::new(0).rng());
        assert_eq!(flipped.pixels(), [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8]);
        let always = VerticalFlip { probability: 1.0 };
        let flipped = always.apply(picture, &mut Seed::new(0).rng());
        assert_eq!(flipped.pixels(), [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5]);
    }
}
