//! Turned pictures.

use rand_chacha::ChaCha8Rng;
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::{ChangePicture, between, byte};
use crate::image::Picture;

/// Turns a picture about its middle; what comes in from outside is black.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `degree` | 15 | degrees, either way | 0 to 180 |
///
/// As torchvision's `RandomRotation`, but with values between pixels interpolated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rotate {
    /// The largest turn.
    pub degree: f64,
}

impl Default for Rotate {
    fn default() -> Self {
        Self { degree: 15.0 }
    }
}

impl ChangePicture for Rotate {
    fn check(&self) -> Result<(), ConfigError> {
        in_range("degree", self.degree, 0.0..=180.0)
    }

    fn apply(&self, picture: Picture, rng: &mut ChaCha8Rng) -> Picture {
        turned(&picture, between([-self.degree, self.degree], rng).to_radians())
    }
}

/// The picture turned against the clock by an angle in radians.
fn turned(picture: &Picture, angle: f64) -> Picture {
    #[expect(clippy::cast_possible_truncation, reason = "an f32 holds a place in a picture")]
    let (sin, cos) = (angle.sin() as f32, angle.cos() as f32);
    let (height, width) = (picture.height(), picture.width());
    let (middle_y, middle_x) = ((height - 1) as f32 / 2.0, (width - 1) as f32 / 2.0);
    let mut pixels = Vec::with_capacity(3 * height * width);
    for row in 0..height {
        for column in 0..width {
            let (y, x) = (row as f32 - middle_y, column as f32 - middle_x);
            let source = [cos * y + sin * x + middle_y, cos * x - sin * y + middle_x];
            pixels.extend(interpolated(picture, source));
        }
    }
    Picture::from_rgb(height, width, pixels).expect("three values for each pixel")
}

/// The pixel at a place between pixels, from the four around it; black beyond the edges.
fn interpolated(picture: &Picture, [y, x]: [f32; 2]) -> [u8; 3] {
    let (top, left) = (y.floor(), x.floor());
    let (down, right) = (y - top, x - left);
    let corners = [
        (top, left, (1.0 - down) * (1.0 - right)),
        (top, left + 1.0, (1.0 - down) * right),
        (top + 1.0, left, down * (1.0 - right)),
        (top + 1.0, left + 1.0, down * right),
    ];
    let mut sum = [0.0; 3];
    for (y, x, weight) in corners {
        let pixel = pixel_at(picture, y, x);
        sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += weight * f32::from(value));
    }
    sum.map(byte)
}

fn pixel_at(picture: &Picture, y: f32, x: f32) -> [u8; 3] {
    let (height, width) = (picture.height(), picture.width());
    if y < 0.0 || x < 0.0 || y >= height as f32 || x >= width as f32 {
        return [0; 3];
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and within the picture, as just checked"
    )]
    let place = y as usize * width + x as usize;
    picture.pixels().as_chunks::<3>().0[place]
}

#[cfg(test)]
mod tests {
    use std::f64::consts::{FRAC_PI_2, PI};

    use super::super::tests::patterned;
    use super::*;

    #[test]
    fn no_turn_changes_nothing_and_half_a_turn_reverses_the_pixels() {
        let picture = patterned(5, 7);
        assert_eq!(turned(&picture, 0.0), picture);
        let mut reversed = picture.clone();
        reversed.pixels_mut().as_chunks_mut::<3>().0.reverse();
        assert_eq!(turned(&picture, PI), reversed);
    }

    #[test]
    fn a_quarter_turn_goes_against_the_clock() {
        let picture = Picture::from_rgb(2, 2, [[1; 3], [2; 3], [3; 3], [4; 3]].concat()).unwrap();
        let values: Vec<u8> =
            turned(&picture, FRAC_PI_2).pixels().iter().step_by(3).copied().collect();
        assert_eq!(values, [2, 4, 1, 3]);
    }

    #[test]
    fn what_comes_in_from_outside_is_black() {
        let white = Picture::from_rgb(9, 9, vec![255; 243]).unwrap();
        let turned = turned(&white, PI / 4.0);
        assert_eq!(turned.pixels()[..3], [0; 3]);
        assert_eq!(turned.pixels()[3 * 40..3 * 41], [255; 3], "the middle stays");
    }
}
