//! Random changes of pictures, made on the column's height and width before the values are scaled.
//!
//! Names and defaults are torchvision's where it has them, and Ludwig's `random_rotate`,
//! `random_brightness`, `random_contrast` and `random_blur`.

mod blur;
mod color;
mod crop;
mod erase;
mod flip;
mod rotate;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use sensorium_core::ConfigError;

use super::Picture;
use crate::augmentation::augmentations;

/// What a random change of a picture does.
pub(crate) trait ChangePicture {
    /// Checks every field against its documented range.
    fn check(&self) -> Result<(), ConfigError>;

    /// Changes the picture; its size stays.
    fn apply(&self, picture: Picture, rng: &mut ChaCha8Rng) -> Picture;
}

augmentations! {
    /// Random changes of pictures.
    ImageAugmentation: dyn ChangePicture, usually ["random_horizontal_flip", "random_rotate"] {
        "random_horizontal_flip" => flip::HorizontalFlip, "mirrors left and right";
        "random_vertical_flip" => flip::VerticalFlip, "mirrors top and bottom";
        "random_rotate" => rotate::Rotate, "turns about the middle";
        "random_resized_crop" => crop::ResizedCrop, "cuts a rectangle out and brings it to full size";
        "random_brightness" => color::Brightness, "lightens or darkens";
        "random_contrast" => color::Contrast, "moves values from or to their mean";
        "color_jitter" => color::ColorJitter, "brightness, contrast, saturation and hue at once";
        "random_blur" => blur::Blur, "blurs by a Gaussian";
        "random_erasing" => erase::Erasing, "cuts a rectangle out and leaves its place gray (cut-out)";
    }
}

/// A draw from `[from, to]`.
fn between([from, to]: [f64; 2], rng: &mut ChaCha8Rng) -> f64 {
    from + (to - from) * rng.random::<f64>()
}

/// A whole number from 0 to `most`.
fn up_to(most: usize, rng: &mut ChaCha8Rng) -> usize {
    rng.random_range(0..=most)
}

/// A rectangle within a picture, in pixels; no side is 0.
#[derive(Clone, Copy, Debug)]
struct Region {
    top: usize,
    left: usize,
    height: usize,
    width: usize,
}

impl Region {
    /// A rectangle of a share of the picture's area, drawn from `scale`, whose width is to its
    /// height as drawn from `ratio` on a logarithmic scale; `None` where ten draws do not fit.
    ///
    /// Source: `RandomResizedCrop.make_params` and `RandomErasing.make_params` of torchvision 0.26.
    fn draw(
        (height, width): (usize, usize),
        scale: [f64; 2],
        ratio: [f64; 2],
        rng: &mut ChaCha8Rng,
    ) -> Option<Self> {
        const DRAWS: usize = 10;
        (0..DRAWS).find_map(|_| {
            let area = (height * width) as f64 * between(scale, rng);
            let ratio = between(ratio.map(f64::ln), rng).exp();
            let (tall, wide) = (rounded((area / ratio).sqrt()), rounded((area * ratio).sqrt()));
            let fits = (1..=height).contains(&tall) && (1..=width).contains(&wide);
            fits.then(|| Self {
                top: up_to(height - tall, rng),
                left: up_to(width - wide, rng),
                height: tall,
                width: wide,
            })
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a length in pixels, 0 or more, far below the limits of usize"
)]
fn rounded(pixels: f64) -> usize {
    pixels.round() as usize
}

/// The nearest 8-bit value.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what 8 bits hold"
)]
fn byte(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// Checks a pair of bounds, `[from, to]`, both within `[least, most]` and in order.
fn check_pair(key: &str, [from, to]: [f64; 2], [least, most]: [f64; 2]) -> Result<(), ConfigError> {
    if least <= from && from <= to && to <= most {
        return Ok(());
    }
    let expected = format!("two numbers from {least} to {most}, the smaller first");
    Err(ConfigError::invalid(key, format!("[{from}, {to}]"), expected))
}

#[cfg(test)]
mod tests {
    use sensorium_core::Seed;
    use serde_json::json;

    use super::*;
    use crate::Augmentation;

    /// Every pixel another.
    pub(super) fn patterned(height: usize, width: usize) -> Picture {
        let value = |index: usize| u8::try_from(index * 7919 % 251).unwrap();
        Picture::from_rgb(height, width, (0..3 * height * width).map(value).collect()).unwrap()
    }

    #[test]
    fn every_change_keeps_the_size_of_any_picture_and_repeats_with_its_seed() {
        for (name, _) in ImageAugmentation::COMPONENTS {
            let entry = ImageAugmentation::read(name, json!({})).unwrap();
            for (height, width) in [(1, 1), (1, 7), (5, 1), (16, 24)] {
                for seed in 0..20 {
                    let change = |seed| {
                        let mut rng = Seed::new(seed).rng();
                        entry.as_dyn().apply(patterned(height, width), &mut rng)
                    };
                    let changed = change(seed);
                    assert_eq!((changed.height(), changed.width()), (height, width), "{name}");
                    assert_eq!(changed, change(seed), "{name}");
                }
            }
        }
    }

    #[test]
    fn every_change_changes_most_pictures() {
        for (name, _) in ImageAugmentation::COMPONENTS {
            let entry = ImageAugmentation::read(name, json!({})).unwrap();
            let changed = |seed: &u64| {
                let changed = entry.as_dyn().apply(patterned(16, 24), &mut Seed::new(*seed).rng());
                changed != patterned(16, 24)
            };
            let count = (0..100).filter(changed).count();
            assert!((30..=100).contains(&count), "{name} changed {count} of 100");
        }
    }

    #[test]
    fn a_drawn_region_lies_within_the_picture_and_has_the_area_asked_for() {
        let mut rng = Seed::new(7).rng();
        for _ in 0..1_000 {
            let region = Region::draw((60, 80), [0.2, 0.5], [0.5, 2.0], &mut rng);
            let Some(Region { top, left, height, width }) = region else { continue };
            assert!(top + height <= 60 && left + width <= 80);
            let share = (height * width) as f64 / 4800.0;
            // Sides are rounded to whole pixels.
            assert!((0.18..0.53).contains(&share), "{share}");
        }
    }
}
