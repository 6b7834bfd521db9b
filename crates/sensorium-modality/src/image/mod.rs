//! Pictures: PNG, JPEG, WebP, GIF and BMP to a `[C, H, W]` grid.

mod color;
mod config;
mod decode;
mod error;
mod fit;
mod format;
mod jpeg;
mod picture;
mod resize;

use std::borrow::Cow;

use sensorium_core::{ConfigError, FeatureShape};
use sensorium_table::{Cell, Column, TrainRows};
use serde::{Deserialize, Serialize};

pub use config::{ImageConfig, MAX_MAX_PIXELS, MAX_SIDE, ResizeMethod, Standardize};
pub use decode::{Limits, MAX_FILE_BYTES, MAX_FILE_SIDE, PictureSize, decode_bytes, size_of_bytes};
pub use error::PictureError;
pub use fit::STANDARDIZE_SAMPLE_SIZE;
pub use format::{EXTENSIONS, NUM_MAGIC_BYTES, is_image};
pub use picture::Picture;

use crate::{Features, Modality, ModalityError};

/// Pictures of one column, brought to one size and one scale.
///
/// Fitted: the size, where it was not given, and the mean and deviation of each channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Image {
    height: usize,
    width: usize,
    channels: Vec<ChannelScale>,
    resize_method: ResizeMethod,
    max_pixels: u64,
}

/// A channel's values, 0 to 1, become `(value - mean) / deviation`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct ChannelScale {
    mean: f64,
    deviation: f64,
}

impl ChannelScale {
    /// Leaves values as they are.
    const UNIT: Self = Self { mean: 0.0, deviation: 1.0 };

    /// What each 8-bit value becomes.
    #[expect(clippy::cast_possible_truncation, reason = "features are f32")]
    fn table(self) -> [f32; 256] {
        std::array::from_fn(|value| ((value as f64 / 255.0 - self.mean) / self.deviation) as f32)
    }
}

impl Image {
    /// What a picture may take.
    const fn limits(&self) -> Limits {
        Limits { max_pixels: self.max_pixels }
    }

    /// The picture in the column's height and width, as the model sees it; not copied where it has
    /// them already.
    #[must_use]
    pub fn resized<'a>(&self, picture: &'a Picture) -> Cow<'a, Picture> {
        resize::resized(picture, self.resize_method, self.height, self.width)
    }

    /// The scaled values of a picture of the column's size, such as one that was augmented.
    ///
    /// # Shapes
    ///
    /// - returns: `[C, H, W]`, row-major
    ///
    /// # Panics
    ///
    /// If the picture is of another size; see [`Image::resized`].
    #[must_use]
    pub fn scaled(&self, picture: &Picture) -> Vec<f32> {
        let size = (picture.height(), picture.width());
        assert_eq!(size, (self.height, self.width), "a picture is resized before it is scaled");
        let (pixels, _) = picture.pixels().as_chunks::<3>();
        let mut values = Vec::with_capacity(self.channels.len() * pixels.len());
        for (channel, scale) in self.channels.iter().enumerate() {
            let table = scale.table();
            let scaled = |value: u8| table[usize::from(value)];
            if self.channels.len() == 1 {
                values.extend(pixels.iter().map(|&pixel| scaled(color::gray_from_rgb(pixel))));
            } else {
                values.extend(pixels.iter().map(|pixel| scaled(pixel[channel])));
            }
        }
        values
    }
}

impl Modality for Image {
    type Config = ImageConfig;
    type Decoded = Picture;

    fn check(config: &ImageConfig) -> Result<(), ConfigError> {
        config.check()
    }

    fn fit(
        config: &ImageConfig,
        column: Column<'_>,
        rows: &TrainRows,
    ) -> Result<Self, ModalityError> {
        fit::fit(config, column, rows)
    }

    fn shape(&self) -> FeatureShape {
        let channels = self.channels.len();
        FeatureShape::Grid { channels, height: self.height, width: self.width }
    }

    fn decode(&self, cell: &Cell<'_>) -> Result<Option<Picture>, ModalityError> {
        let Some(bytes) = cell.media(MAX_FILE_BYTES)? else { return Ok(None) };
        decode_bytes(&bytes, self.limits()).map(Some).map_err(|error| error.at(cell.at()))
    }

    fn features(&self, decoded: &Picture) -> Features {
        Features::Grid(self.scaled(&self.resized(decoded)))
    }
}

/// An [`Image`] as a file holds it, before it is known to be whole.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    height: usize,
    width: usize,
    channels: Vec<ChannelScale>,
    resize_method: ResizeMethod,
    max_pixels: u64,
}

impl TryFrom<Stored> for Image {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let Stored { height, width, channels, resize_method, max_pixels } = stored;
        let sides = 1..=MAX_SIDE;
        let is_scale = |scale: &ChannelScale| scale.mean.is_finite() && scale.deviation.is_normal();
        if !sides.contains(&height) || !sides.contains(&width) {
            return Err(format!("a fitted picture size of {width} x {height} is out of range"));
        }
        if !matches!(channels.len(), 1 | 3) || !channels.iter().all(is_scale) {
            return Err("the fitted channels of a picture are not 1 or 3 finite scales".to_owned());
        }
        if !(1..=MAX_MAX_PIXELS).contains(&max_pixels) {
            return Err(format!("a fitted `max_pixels` of {max_pixels} is out of range"));
        }
        Ok(Self { height, width, channels, resize_method, max_pixels })
    }
}
