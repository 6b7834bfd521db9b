//! Pictures out of focus.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use sensorium_core::ConfigError;
use serde::{Deserialize, Serialize};

use super::{ChangePicture, byte};
use crate::augmentation::check_probability;
use crate::image::Picture;

const MAX_KERNEL: usize = 63;

/// Blurs by a Gaussian; the edges are repeated outward.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `probability` | 0.5 | | 0 to 1 |
/// | `kernel_size` | 3 | pixels | odd, 1 to 63 |
///
/// The deviation is `0.3 * ((kernel_size - 1) / 2 - 1) + 0.8` pixels, as in torchvision's
/// `gaussian_blur`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Blur {
    /// The chance that a picture is blurred.
    pub probability: f64,
    /// The width of the Gaussian.
    pub kernel_size: usize,
}

impl Default for Blur {
    fn default() -> Self {
        Self { probability: 0.5, kernel_size: 3 }
    }
}

impl ChangePicture for Blur {
    fn check(&self) -> Result<(), ConfigError> {
        check_probability(self.probability)?;
        if self.kernel_size % 2 == 1 && self.kernel_size <= MAX_KERNEL {
            return Ok(());
        }
        let expected = format!("an odd number from 1 to {MAX_KERNEL}");
        Err(ConfigError::invalid("kernel_size", self.kernel_size, expected))
    }

    fn apply(&self, picture: Picture, rng: &mut ChaCha8Rng) -> Picture {
        if !rng.random_bool(self.probability) {
            return picture;
        }
        let (height, width) = (picture.height(), picture.width());
        let kernel = gaussian(self.kernel_size);
        let values: Vec<f32> = picture.pixels().iter().copied().map(f32::from).collect();
        let values = blurred(&values, height, 3 * width, &kernel);
        let values = blurred(&values, width, 3, &kernel);
        let pixels = values.into_iter().map(byte).collect();
        Picture::from_rgb(height, width, pixels).expect("as many values as before")
    }
}

/// The weights of a Gaussian, which add up to 1.
fn gaussian(kernel_size: usize) -> Vec<f32> {
    let middle = (kernel_size - 1) as f32 / 2.0;
    let deviation = 0.3 * (middle - 1.0) + 0.8;
    let weight = |index: usize| (-0.5 * ((index as f32 - middle) / deviation).powi(2)).exp();
    let weights: Vec<f32> = (0..kernel_size).map(weight).collect();
    let sum: f32 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// Weighs neighbours along the middle axis of `[_, length, step]` values.
fn blurred(values: &[f32], length: usize, step: usize, kernel: &[f32]) -> Vec<f32> {
    let half = kernel.len() / 2;
    let mut out = vec![0.0; values.len()];
    for (out, values) in out.chunks_exact_mut(length * step).zip(values.chunks_exact(length * step))
    {
        for (place, out) in out.chunks_exact_mut(step).enumerate() {
            for (offset, weight) in kernel.iter().enumerate() {
                let neighbour = (place + offset).saturating_sub(half).min(length - 1);
                let seen = &values[neighbour * step..][..step];
                out.iter_mut().zip(seen).for_each(|(out, value)| *out += weight * value);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use sensorium_core::Seed;

    use super::*;

    #[test]
    fn a_gaussian_of_three_has_the_weights_of_torchvision() {
        // exp(-0.5 / 0.8²) = 0.4578334; 1 / (1 + 2 · 0.4578334) = 0.5220113.
        let kernel = gaussian(3);
        assert!((kernel[1] - 0.522_011_3).abs() < 1e-6, "{kernel:?}");
        assert!((kernel[0] - 0.238_994_3).abs() < 1e-6, "{kernel:?}");
    }

    #[test]
    fn a_point_spreads_to_its_neighbours_on_both_axes() {
        let mut pixels = vec![0; 27];
        pixels[12..15].fill(255);
        let picture = Picture::from_rgb(3, 3, pixels).unwrap();
        let always = Blur { probability: 1.0, kernel_size: 3 };
        let blurred = always.apply(picture, &mut Seed::new(0).rng());
        let values: Vec<u8> = blurred.pixels().iter().step_by(3).copied().collect();
        // 255 · 0.239² = 14.6, 255 · 0.239 · 0.522 = 31.8, 255 · 0.522² = 69.5.
        assert_eq!(values, [15, 32, 15, 32, 69, 32, 15, 32, 15]);
    }

    #[test]
    fn an_even_kernel_is_refused() {
        let message = Blur { kernel_size: 4, ..Blur::default() }.check().unwrap_err().to_string();
        assert_eq!(message, "`kernel_size` is 4, but an odd number from 1 to 63 was expected");
    }
}
