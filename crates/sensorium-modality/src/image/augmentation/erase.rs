//! Pictures of which a part is missing.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use sensorium_core::ConfigError;
use serde::{Deserialize, Serialize};

use super::{ChangePicture, Region, byte, check_pair};
use crate::augmentation::check_probability;
use crate::image::Picture;

/// Puts the picture's mean color over a rectangle of it.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `probability` | 0.5 | | 0 to 1 |
/// | `scale` | `[0.02, 0.33]` | of the picture's area | above 0, at most 1 |
/// | `ratio` | `[0.3, 3.3]` | width to height | 0.01 to 100 |
///
/// Source: Zhong et al. 2017, "Random Erasing Data Augmentation", and `DeVries` and Taylor 2017,
/// "Improved Regularization of Convolutional Neural Networks with Cutout"; torchvision's
/// `RandomErasing`, which puts the mean of all pictures there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Erasing {
    /// The chance that a picture loses a part.
    pub probability: f64,
    /// The least and the largest share of the area.
    pub scale: [f64; 2],
    /// The least and the largest width to height.
    pub ratio: [f64; 2],
}

impl Default for Erasing {
    fn default() -> Self {
        Self { probability: 0.5, scale: [0.02, 0.33], ratio: [0.3, 3.3] }
    }
}

impl ChangePicture for Erasing {
    fn check(&self) -> Result<(), ConfigError> {
        check_probability(self.probability)?;
        check_pair("scale", self.scale, [f64::MIN_POSITIVE, 1.0])?;
        check_pair("ratio", self.ratio, [0.01, 100.0])
    }

    fn apply(&self, mut picture: Picture, rng: &mut ChaCha8Rng) -> Picture {
        let size = (picture.height(), picture.width());
        if rng.random_bool(self.probability)
            && let Some(region) = Region::draw(size, self.scale, self.ratio, rng)
        {
            let mean = mean_color(&picture);
            fill(&mut picture, region, mean);
        }
        picture
    }
}

fn mean_color(picture: &Picture) -> [u8; 3] {
    let (pixels, _) = picture.pixels().as_chunks::<3>();
    let sum = |channel: usize| pixels.iter().map(|pixel| u64::from(pixel[channel])).sum::<u64>();
    std::array::from_fn(|channel| byte(sum(channel) as f32 / pixels.len() as f32))
}

fn fill(picture: &mut Picture, Region { top, left, height, width }: Region, color: [u8; 3]) {
    let row_length = 3 * picture.width();
    let rows = picture.pixels_mut().chunks_exact_mut(row_length).skip(top).take(height);
    rows.for_each(|row| row.as_chunks_mut::<3>().0[left..left + width].fill(color));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_takes_the_mean_color() {
        let mut picture = Picture::from_rgb(1, 3, vec![0, 10, 20, 60, 70, 80, 90, 10, 5]).unwrap();
        let mean = mean_color(&picture);
        assert_eq!(mean, [50, 30, 35]);
        fill(&mut picture, Region { top: 0, left: 1, height: 1, width: 1 }, mean);
        assert_eq!(picture.pixels(), [0, 10, 20, 50, 30, 35, 90, 10, 5]);
    }
}
