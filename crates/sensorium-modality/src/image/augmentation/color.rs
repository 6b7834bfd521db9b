//! Pictures in another light.
//!
//! Each change is torchvision 0.26's `adjust_*` of the same name on values of 0 to 255, rounded to
//! the nearest where torchvision cuts off.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::{ChangePicture, between, byte};
use crate::augmentation::{check_bounds, check_probability};
use crate::image::Picture;
use crate::image::color::gray_from_rgb;

const MAX_FACTOR: f64 = 100.0;

/// How often a picture is changed, and by which factors.
///
/// | key | default | range |
/// |---|---|---|
/// | `probability` | 0.5 | 0 to 1 |
/// | `min` | 0.5 | 0 or more |
/// | `max` | 2.0 | `min` to 100 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Factors {
    /// The chance that a picture is changed.
    pub probability: f64,
    /// The least factor.
    pub min: f64,
    /// The largest factor.
    pub max: f64,
}

impl Default for Factors {
    fn default() -> Self {
        Self { probability: 0.5, min: 0.5, max: 2.0 }
    }
}

impl Factors {
    fn check(&self) -> Result<(), ConfigError> {
        check_probability(self.probability)?;
        check_bounds([("min", self.min), ("max", self.max)], [0.0, MAX_FACTOR])
    }

    fn apply(&self, adjust: Adjust, mut picture: Picture, rng: &mut ChaCha8Rng) -> Picture {
        if rng.random_bool(self.probability) {
            adjust(&mut picture, factor([self.min, self.max], rng));
        }
        picture
    }
}

/// Multiplies every value; its keys are those of [`Factors`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Brightness(pub Factors);

impl ChangePicture for Brightness {
    fn check(&self) -> Result<(), ConfigError> {
        self.0.check()
    }

    fn apply(&self, picture: Picture, rng: &mut ChaCha8Rng) -> Picture {
        self.0.apply(brighten, picture, rng)
    }
}

/// Moves every value from the mean gray, or to it; its keys are those of [`Factors`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Contrast(pub Factors);

impl ChangePicture for Contrast {
    fn check(&self) -> Result<(), ConfigError> {
        self.0.check()
    }

    fn apply(&self, picture: Picture, rng: &mut ChaCha8Rng) -> Picture {
        self.0.apply(contrast, picture, rng)
    }
}

/// Changes brightness, contrast, saturation and hue, in an order that is drawn.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `brightness` | 0.2 | factor from 1 - it to 1 + it | 0 to 1 |
/// | `contrast` | 0.2 | as above | 0 to 1 |
/// | `saturation` | 0.2 | as above | 0 to 1 |
/// | `hue` | 0.02 | turns of the color wheel, either way | 0 to 0.5 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColorJitter {
    /// How far the factor of the values is from 1.
    pub brightness: f64,
    /// How far the factor of the distance to the mean gray is from 1.
    pub contrast: f64,
    /// How far the factor of the distance to each pixel's gray is from 1.
    pub saturation: f64,
    /// How far the hue is turned.
    pub hue: f64,
}

impl Default for ColorJitter {
    fn default() -> Self {
        Self { brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0.02 }
    }
}

impl ChangePicture for ColorJitter {
    fn check(&self) -> Result<(), ConfigError> {
        in_range("brightness", self.brightness, 0.0..=1.0)?;
        in_range("contrast", self.contrast, 0.0..=1.0)?;
        in_range("saturation", self.saturation, 0.0..=1.0)?;
        in_range("hue", self.hue, 0.0..=0.5)
    }

    fn apply(&self, mut picture: Picture, rng: &mut ChaCha8Rng) -> Picture {
        let mut steps: [(Adjust, [f64; 2]); 4] = [
            (brighten, [1.0 - self.brightness, 1.0 + self.brightness]),
            (contrast, [1.0 - self.contrast, 1.0 + self.contrast]),
            (saturate, [1.0 - self.saturation, 1.0 + self.saturation]),
            (turn_hue, [-self.hue, self.hue]),
        ];
        steps.shuffle(rng);
        for (change, bounds) in steps {
            change(&mut picture, factor(bounds, rng));
        }
        picture
    }
}

/// Changes a picture as far as a factor, or a share of a turn, says.
type Adjust = fn(&mut Picture, f32);

#[expect(clippy::cast_possible_truncation, reason = "8-bit values need no more digits")]
fn factor(bounds: [f64; 2], rng: &mut ChaCha8Rng) -> f32 {
    between(bounds, rng) as f32
}

fn brighten(picture: &mut Picture, factor: f32) {
    picture.pixels_mut().iter_mut().for_each(|value| *value = byte(f32::from(*value) * factor));
}

fn contrast(picture: &mut Picture, factor: f32) {
    let (pixels, _) = picture.pixels().as_chunks::<3>();
    let sum: u64 = pixels.iter().map(|&pixel| u64::from(gray_from_rgb(pixel))).sum();
    let mean = sum as f32 / pixels.len() as f32;
    picture.pixels_mut().iter_mut().for_each(|value| *value = moved(*value, mean, factor));
}

fn saturate(picture: &mut Picture, factor: f32) {
    for pixel in picture.pixels_mut().as_chunks_mut::<3>().0 {
        let gray = f32::from(gray_from_rgb(*pixel));
        *pixel = pixel.map(|value| moved(value, gray, factor));
    }
}

/// A value whose distance from `from` is multiplied.
fn moved(value: u8, from: f32, factor: f32) -> u8 {
    byte(from + factor * (f32::from(value) - from))
}

/// Turns the hue of every pixel by a share of the color wheel.
fn turn_hue(picture: &mut Picture, turns: f32) {
    for pixel in picture.pixels_mut().as_chunks_mut::<3>().0 {
        let [hue, saturation, value] = hsv_from_rgb(pixel.map(|value| f32::from(value) / 255.0));
        *pixel = rgb_from_hsv([(hue + turns).rem_euclid(1.0), saturation, value])
            .map(|value| byte(255.0 * value));
    }
}

/// Hue in turns, saturation and value, each 0 to 1.
///
/// Source: Smith 1978, "Color Gamut Transform Pairs".
fn hsv_from_rgb([red, green, blue]: [f32; 3]) -> [f32; 3] {
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    let spread = most - least;
    if spread == 0.0 {
        return [0.0, 0.0, most];
    }
    let sixths = if red >= most {
        (green - blue) / spread
    } else if green >= most {
        2.0 + (blue - red) / spread
    } else {
        4.0 + (red - green) / spread
    };
    [(sixths / 6.0).rem_euclid(1.0), spread / most, most]
}

/// As [`hsv_from_rgb`], backwards.
fn rgb_from_hsv([hue, saturation, value]: [f32; 3]) -> [f32; 3] {
    // How far each channel is from its full value: 0 within a sixth of its own hue.
    [5.0, 3.0, 1.0].map(|channel| {
        let sixths = (channel + 6.0 * hue) % 6.0;
        value - value * saturation * sixths.min(4.0 - sixths).clamp(0.0, 1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::patterned;
    use super::*;

    fn changed(pixels: &[u8], change: Adjust, factor: f32) -> Vec<u8> {
        let mut picture = Picture::from_rgb(1, pixels.len() / 3, pixels.to_vec()).unwrap();
        change(&mut picture, factor);
        picture.into_pixels()
    }

    #[test]
    fn values_move_as_far_as_the_factor_says() {
        assert_eq!(changed(&[10, 100, 200], brighten, 2.0), [20, 200, 255]);
        // Grays 50 and 150 have the mean 100.
        let two = [50, 50, 50, 150, 150, 150];
        assert_eq!(changed(&two, contrast, 0.5), [75, 75, 75, 125, 125, 125]);
        assert_eq!(changed(&two, contrast, 3.0), [0, 0, 0, 250, 250, 250]);
        assert_eq!(changed(&[255, 0, 0], saturate, 0.0), [76, 76, 76]);
    }

    #[test]
    fn a_third_of_a_turn_makes_red_green_and_green_blue() {
        let turned = changed(&[200, 0, 0, 0, 200, 0, 90, 90, 90], turn_hue, 1.0 / 3.0);
        assert_eq!(turned, [0, 200, 0, 0, 0, 200, 90, 90, 90]);
    }

    #[test]
    fn a_factor_of_one_and_no_turn_change_nothing() {
        let pixels = patterned(9, 9).into_pixels();
        for (change, factor) in
            [(brighten as Adjust, 1.0), (contrast, 1.0), (saturate, 1.0), (turn_hue, 0.0)]
        {
            assert_eq!(changed(&pixels, change, factor), pixels);
        }
    }
}
