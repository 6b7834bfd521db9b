//! From a picture's values to the scaled `[C, H, W]` grid, and the sums that fitting takes of them.

use serde::{Deserialize, Serialize};

use super::color::{gray_from_rgb, gray_value_from_rgb};

/// A channel's values, 0 to 1, become `(value - mean) / deviation`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ChannelScale {
    pub(super) mean: f64,
    pub(super) deviation: f64,
}

impl ChannelScale {
    /// Leaves values as they are.
    pub(super) const UNIT: Self = Self { mean: 0.0, deviation: 1.0 };

    pub(super) fn is_usable(&self) -> bool {
        self.mean.is_finite() && self.deviation.is_normal()
    }

    fn scaled(self, value: f64) -> f32 {
        #[expect(clippy::cast_possible_truncation, reason = "features are f32")]
        let scaled = ((value - self.mean) / self.deviation) as f32;
        scaled
    }

    /// What each 8-bit value becomes.
    fn table(self) -> [f32; 256] {
        std::array::from_fn(|level| self.scaled(level as f64 / 255.0))
    }
}

/// Scales 8-bit RGB, by a table for each channel.
///
/// # Shapes
///
/// - `pixels`: `[H · W]`
/// - returns: `[C, H, W]`, C the number of `channels`: 1 (luma) or 3
pub(super) fn scaled_levels(pixels: &[[u8; 3]], channels: &[ChannelScale]) -> Vec<f32> {
    let mut values = Vec::with_capacity(channels.len() * pixels.len());
    for (channel, scale) in channels.iter().enumerate() {
        let table = scale.table();
        let scaled = |level: u8| table[usize::from(level)];
        if channels.len() == 1 {
            values.extend(pixels.iter().map(|&pixel| scaled(gray_from_rgb(pixel))));
        } else {
            values.extend(pixels.iter().map(|pixel| scaled(pixel[channel])));
        }
    }
    values
}

/// Scales RGB that was not rounded to 8 bits: 0 to 1, and beyond where a filter overshoots.
///
/// # Shapes
///
/// As [`scaled_levels`].
pub(super) fn scaled_values(pixels: &[[f32; 3]], channels: &[ChannelScale]) -> Vec<f32> {
    let mut values = Vec::with_capacity(channels.len() * pixels.len());
    for (channel, &scale) in channels.iter().enumerate() {
        let scaled = |value: f32| scale.scaled(value.into());
        if channels.len() == 1 {
            values.extend(pixels.iter().map(|&pixel| scaled(gray_value_from_rgb(pixel))));
        } else {
            values.extend(pixels.iter().map(|pixel| scaled(pixel[channel])));
        }
    }
    values
}

/// The sum of a channel's values, each 0 to 255, and that of their squares.
///
/// Those of 8-bit values are whole numbers below 2⁵³, so that no order of adding changes them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct ChannelSums {
    pub(super) sum: f64,
    pub(super) squares: f64,
}

impl ChannelSums {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.squares += value * value;
    }
}

/// The sums of each channel of 8-bit RGB, or of its luma first where `num_channels` is 1.
pub(super) fn sums_of_levels(pixels: &[[u8; 3]], num_channels: usize) -> [ChannelSums; 3] {
    let mut sums = [ChannelSums::default(); 3];
    for &pixel in pixels {
        if num_channels == 1 {
            sums[0].add(gray_from_rgb(pixel).into());
        } else {
            (0..3).for_each(|channel| sums[channel].add(pixel[channel].into()));
        }
    }
    sums
}

/// As [`sums_of_levels`], of values of 0 to 1.
pub(super) fn sums_of_values(pixels: &[[f32; 3]], num_channels: usize) -> [ChannelSums; 3] {
    let mut sums = [ChannelSums::default(); 3];
    for &pixel in pixels {
        if num_channels == 1 {
            sums[0].add(255.0 * f64::from(gray_value_from_rgb(pixel)));
        } else {
            (0..3).for_each(|channel| sums[channel].add(255.0 * f64::from(pixel[channel])));
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_of_each_channel_or_of_gray() {
        let pixels = [[1, 2, 3], [10, 20, 30]];
        let rgb = sums_of_levels(&pixels, 3).map(|sums| (sums.sum, sums.squares));
        assert_eq!(rgb, [(11.0, 101.0), (22.0, 404.0), (33.0, 909.0)]);
        // Luma of (1, 2, 3) is 1.815 and of (10, 20, 30) is 18.15.
        assert!((sums_of_levels(&pixels, 1)[0].sum - 20.0).abs() < f64::EPSILON);
        let values = pixels.map(|pixel| pixel.map(|level| f32::from(level) / 255.0));
        assert!((sums_of_values(&values, 3)[2].squares - 909.0).abs() < 1e-3);
        assert!((sums_of_values(&values, 1)[0].sum - 19.965).abs() < 1e-3);
    }

    #[test]
    fn levels_and_the_same_values_are_scaled_alike() {
        let pixels = [[0, 51, 102], [153, 204, 255]];
        let values = pixels.map(|pixel| pixel.map(|level| f32::from(level) / 255.0));
        let scale = ChannelScale { mean: 0.2, deviation: 0.4 };
        for channels in [vec![scale; 3], vec![scale]] {
            let levels = scaled_levels(&pixels, &channels);
            let values = scaled_values(&values, &channels);
            // Luma of whole levels is rounded to one: half a level is half of 1/255 over 0.4.
            let pairs = levels.iter().zip(&values);
            assert!(pairs.clone().all(|(a, b)| (a - b).abs() < 0.5 / 255.0 / 0.4 + 1e-6));
            assert_eq!(levels.len(), 2 * channels.len());
        }
        let expected = [-0.5, 1.0, 0.0, 1.5, 0.5, 2.0];
        let scaled = scaled_levels(&pixels, &[scale; 3]);
        assert!(scaled.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{scaled:?}");
    }
}
