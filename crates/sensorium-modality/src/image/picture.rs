//! A decoded picture.

use std::fmt;

/// A picture as people see it: upright, opaque, 8-bit sRGB.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    height: usize,
    width: usize,
    pixels: Vec<u8>,
}

impl Picture {
    /// A picture of `[height, width, 3]` values, rows from the top, red, green, blue in each pixel.
    ///
    /// Gives `None` where a side is 0, or where `pixels` does not hold `height × width × 3` values.
    #[must_use]
    pub fn from_rgb(height: usize, width: usize, pixels: Vec<u8>) -> Option<Self> {
        let expected = height.checked_mul(width)?.checked_mul(3)?;
        (expected > 0 && pixels.len() == expected).then_some(Self { height, width, pixels })
    }

    /// The height in pixels, at least 1.
    pub const fn height(&self) -> usize {
        self.height
    }

    /// The width in pixels, at least 1.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// The `[height, width, 3]` values, row-major, 0 to 255.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The same values, to be changed in place.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// The values alone, without a copy.
    #[must_use]
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({} x {})", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_three_values_a_pixel_and_at_least_one_pixel() {
        assert!(Picture::from_rgb(2, 3, vec![0; 18]).is_some());
        assert!(Picture::from_rgb(2, 3, vec![0; 17]).is_none());
        assert!(Picture::from_rgb(0, 3, vec![]).is_none());
        assert!(Picture::from_rgb(usize::MAX, 3, vec![]).is_none());
    }
}
