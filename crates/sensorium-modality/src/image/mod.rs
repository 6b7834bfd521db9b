//! Pictures: PNG, JPEG, WebP, GIF, BMP and TIFF to a `[C, H, W]` grid.

mod augmentation;
mod budget;
mod color;
mod config;
mod cost;
mod decode;
mod error;
mod fit;
mod format;
mod jpeg;
#[cfg(test)]
mod parity;
mod picture;
mod png;
mod resize;
mod scale;
mod standardize;

use std::borrow::Cow;

use rand_chacha::ChaCha8Rng;
use sensorium_core::{ConfigError, FeatureShape};
use sensorium_table::{Cell, Column, ColumnSummary, TrainRows};
use serde::{Deserialize, Serialize};

pub use augmentation::ImageAugmentation;
pub use budget::MAX_DECODING_BYTES;
pub use config::{
    ImageConfig, Interpolation, MAX_MAX_PIXELS, MAX_SIDE, ResizeMethod, ResizePrecision,
};
pub use decode::{
    Limits, MAX_FILE_BYTES, MAX_FILE_SIDE, PictureSize, decode_bytes, decode_reduced, size_of_bytes,
};
pub use error::PictureError;
pub use fit::STANDARDIZE_SAMPLE_SIZE;
pub use format::{EXTENSIONS, NUM_MAGIC_BYTES, is_image};
pub use jpeg::Reduction;
pub use picture::Picture;
pub use standardize::{OwnScales, Standardize};

use decode::decode_then;
use resize::Resize;
use scale::{
    ChannelScale, ChannelSums, scaled_levels, scaled_values, sums_of_levels, sums_of_values,
};

use crate::infer::media_claim;
use crate::{Features, Modality, ModalityError};

/// Pictures of one column, brought to one size and one scale.
///
/// Fitted: the size, where it was not given, and the mean and deviation of each channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Image {
    resize: Resize,
    channels: Vec<ChannelScale>,
    max_pixels: u64,
}

impl Image {
    /// What a picture may take.
    const fn limits(&self) -> Limits {
        Limits { max_pixels: self.max_pixels }
    }

    /// The picture of a file, whole or as much smaller as the resized one allows.
    fn decoded(&self, bytes: &[u8]) -> Result<Picture, PictureError> {
        // A large picture is made small while its memory is still counted.
        const LARGE_BYTES: usize = 16 << 20;
        let reduction = |size| self.resize.reduction(size);
        let is_in_levels = self.resize.precision == ResizePrecision::Uint8;
        decode_then(bytes, self.limits(), reduction, |picture| {
            let is_large = picture.pixels().len() > LARGE_BYTES;
            if is_large && is_in_levels { self.settled(picture) } else { picture }
        })
    }

    /// The picture resized, where resizing that once more would change nothing; a picture that is cut
    /// out of a larger one would be.
    fn settled(&self, picture: Picture) -> Picture {
        let Cow::Owned(resized) = self.resized(&picture) else { return picture };
        let is_settled = matches!(self.resized(&resized), Cow::Borrowed(_));
        if is_settled { resized } else { picture }
    }

    /// The picture in the column's height and width, in 8 bits whatever `resize_precision`; not
    /// copied where it has them already.
    #[must_use]
    pub fn resized<'a>(&self, picture: &'a Picture) -> Cow<'a, Picture> {
        self.resize.levels(picture)
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
        let expected = (self.resize.height, self.resize.width);
        assert_eq!(size, expected, "a picture is resized before it is scaled");
        scaled_levels(picture.pixels().as_chunks().0, &self.channels)
    }

    /// What fitting needs of a picture as the model sees it, but for the scale.
    fn sums(&self, picture: &Picture) -> [ChannelSums; 3] {
        let num_channels = self.channels.len();
        match self.resize.precision {
            ResizePrecision::Uint8 => {
                sums_of_levels(self.resized(picture).pixels().as_chunks().0, num_channels)
            }
            ResizePrecision::Float32 => sums_of_values(&self.resize.values(picture), num_channels),
        }
    }
}

impl Modality for Image {
    type Config = ImageConfig;
    type Decoded = Picture;
    type Augmentation = ImageAugmentation;

    fn claims(summary: &ColumnSummary) -> Option<String> {
        // A summary has 16 bytes; the two of BMP's header length that are beyond them are zero.
        let is_image = |first: &[u8]| is_image(&[first, &[0; NUM_MAGIC_BYTES]].concat());
        media_claim(summary, EXTENSIONS, is_image, "picture")
    }

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
        let Resize { height, width, .. } = self.resize;
        FeatureShape::Grid { channels, height, width }
    }

    fn decode(&self, cell: &Cell<'_>) -> Result<Option<Picture>, ModalityError> {
        let Some(bytes) = self.content(cell)? else { return Ok(None) };
        self.decoded(&bytes).map(Some).map_err(|error| error.at(&cell.media_at()))
    }

    fn content(&self, cell: &Cell<'_>) -> Result<Option<Vec<u8>>, ModalityError> {
        Ok(cell.media(MAX_FILE_BYTES)?)
    }

    fn features(&self, decoded: &Picture) -> Features {
        Features::Grid(match self.resize.precision {
            ResizePrecision::Uint8 => self.scaled(&self.resized(decoded)),
            ResizePrecision::Float32 => scaled_values(&self.resize.values(decoded), &self.channels),
        })
    }

    fn kept(&self, decoded: Picture) -> Picture {
        self.settled(decoded)
    }

    fn unit(&self) -> &'static str {
        if self.channels.iter().all(|channel| *channel == ChannelScale::UNIT) {
            "sRGB, 0 to 1"
        } else {
            "sRGB, standardised by channel"
        }
    }

    fn picture(&self, features: &Features) -> Option<Picture> {
        let Features::Grid(values) = features else { return None };
        let Resize { height, width, .. } = self.resize;
        let num_pixels = height * width;
        let value = |channel: usize, pixel: usize| {
            let scale = self.channels[channel];
            let value = f64::from(values[channel * num_pixels + pixel]);
            byte_of(value * scale.deviation + scale.mean)
        };
        let last = self.channels.len() - 1;
        let pixels = (0..num_pixels).flat_map(|pixel| [0, 1, 2].map(|c| value(c.min(last), pixel)));
        Picture::from_rgb(height, width, pixels.collect())
    }

    fn num_bytes(decoded: &Picture) -> usize {
        decoded.pixels().len()
    }

    fn augmented(
        &self,
        decoded: &Picture,
        augmentation: &[ImageAugmentation],
        rng: &mut ChaCha8Rng,
    ) -> Features {
        let resized = self.resized(decoded).into_owned();
        let change = |picture, entry: &ImageAugmentation| entry.as_dyn().apply(picture, rng);
        Features::Grid(self.scaled(&augmentation.iter().fold(resized, change)))
    }
}

/// The 8-bit value nearest to one of 0 to 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what 8 bits hold"
)]
fn byte_of(value: f64) -> u8 {
    (255.0 * value).round().clamp(0.0, 255.0) as u8
}

/// An [`Image`] as a file holds it, before it is known to be whole.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    resize: Resize,
    channels: Vec<ChannelScale>,
    max_pixels: u64,
}

impl TryFrom<Stored> for Image {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let Stored { resize, channels, max_pixels } = stored;
        if !resize.is_in_range() {
            let Resize { height, width, shortest_edge, .. } = resize;
            return Err(format!(
                "a fitted picture size of {width} x {height} with a shortest edge of \
                 {shortest_edge} is out of range"
            ));
        }
        if !matches!(channels.len(), 1 | 3) || !channels.iter().all(ChannelScale::is_usable) {
            return Err("the fitted channels of a picture are not 1 or 3 finite scales".to_owned());
        }
        if !(1..=MAX_MAX_PIXELS).contains(&max_pixels) {
            return Err(format!("a fitted `max_pixels` of {max_pixels} is out of range"));
        }
        Ok(Self { resize, channels, max_pixels })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use ::image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
    use sensorium_core::{Hint, Layout, config};
    use sensorium_table::Value;
    use serde_json::json;

    use super::*;
    use crate::small_table::{SmallTable, text};

    fn png(picture: impl Into<DynamicImage>) -> Value {
        let mut file = Cursor::new(Vec::new());
        picture.into().write_to(&mut file, ImageFormat::Png).unwrap();
        Value::Bytes(file.into_inner())
    }

    fn blank(height: u32, width: u32) -> Value {
        png(RgbImage::new(width, height))
    }

    /// One pixel.
    fn pixel(values: [u8; 3]) -> Value {
        png(RgbImage::from_raw(1, 1, values.to_vec()).unwrap())
    }

    fn config(written: serde_json::Value) -> ImageConfig {
        let config: ImageConfig = config::read(written).unwrap();
        Image::check(&config).unwrap();
        config
    }

    fn features(image: &Image, table: &SmallTable, row: usize) -> Vec<f32> {
        let picture = image.decode(&table.column().cell(row)).unwrap().unwrap();
        match image.features(&picture) {
            Features::Grid(values) => values,
            other => panic!("{:?} where a grid was expected", other.layout()),
        }
    }

    fn size(image: &Image) -> [usize; 3] {
        match image.shape() {
            FeatureShape::Grid { channels, height, width } => [channels, height, width],
            other => panic!("{other:?} where a grid was expected"),
        }
    }

    #[test]
    fn the_size_is_the_mean_of_the_train_rows_capped() {
        let table = SmallTable::with_held_out(
            [blank(10, 20), blank(21, 40)],
            [blank(900, 900), blank(900, 900)],
        );
        let image: Image = table.fit(&ImageConfig::default()).unwrap();
        // Heights 10 and 21 have the mean 15.5, whose even neighbor is 16.
        assert_eq!(size(&image), [3, 16, 30]);
        let image: Image = table
            .fit(&config(json!({"infer_image_max_height": 12, "infer_image_max_width": 25})))
            .unwrap();
        assert_eq!(size(&image), [3, 12, 25]);
        let image: Image =
            table.fit(&config(json!({"height": 5, "width": 7, "num_channels": 1}))).unwrap();
        assert_eq!(size(&image), [1, 5, 7]);
        assert_eq!(image.shape().layout(), Layout::Grid);
    }

    #[test]
    fn values_are_channel_by_channel_in_zero_to_one() {
        let picture = RgbImage::from_raw(2, 1, vec![0, 51, 102, 153, 204, 255]).unwrap();
        let table = SmallTable::of([png(picture)]);
        let image = table.fit(&config(json!({"standardize_image": null}))).unwrap();
        assert_eq!(features(&image, &table, 0), [0.0, 0.6, 0.2, 0.8, 0.4, 1.0]);
        let image = table.fit(&config(json!({"standardize_image": "imagenet1k"}))).unwrap();
        let values = features(&image, &table, 0);
        // (0 - 0.485) / 0.229 and (1 - 0.406) / 0.225
        assert!((values[0] + 2.117_903_9).abs() < 1e-6 && (values[5] - 2.64).abs() < 1e-6);
    }

    #[test]
    fn train_pictures_alone_have_mean_zero_and_deviation_one() {
        let train = [pixel([0, 10, 7]), pixel([100, 30, 7])];
        let table = SmallTable::with_held_out(train, [pixel([255; 3]), pixel([255; 3])]);
        let image: Image = table.fit(&ImageConfig::default()).unwrap();
        // The third channel never varies: one gray level stands in for its deviation.
        assert_eq!(features(&image, &table, 0), [-1.0, -1.0, 0.0]);
        assert_eq!(features(&image, &table, 1), [1.0, 1.0, 0.0]);
        // Means 50, 20, 7 and deviations 50, 10, 1.
        let expected = [4.1, 23.5, 248.0];
        for (value, expected) in features(&image, &table, 2).iter().zip(expected) {
            assert!((value - expected).abs() < 1e-4, "{value} is not {expected}");
        }
    }

    #[test]
    fn what_the_model_sees_can_be_looked_at_again() {
        let level = |place: u32| u8::try_from(place * 40).unwrap();
        let picture = RgbImage::from_fn(5, 3, |x, y| ::image::Rgb([level(x), level(y), 7]));
        let table = SmallTable::of([png(picture), blank(3, 5)]);
        for standardize in [json!("train"), json!("imagenet1k"), json!(null)] {
            let written = json!({"standardize_image": standardize, "height": 3, "width": 5});
            let image: Image = table.fit(&config(written)).unwrap();
            let decoded = image.decode(&table.column().cell(0)).unwrap().unwrap();
            assert_eq!(image.picture(&image.features(&decoded)).unwrap(), decoded);
        }
    }

    #[test]
    fn one_channel_is_luma() {
        let table =
            SmallTable::of([pixel([255, 0, 0]), png(GrayImage::from_raw(1, 1, vec![51]).unwrap())]);
        let image =
            table.fit(&config(json!({"num_channels": 1, "standardize_image": null}))).unwrap();
        assert_eq!(features(&image, &table, 0), [76.0 / 255.0]);
        assert_eq!(features(&image, &table, 1), [0.2]);
    }

    #[test]
    fn what_cannot_be_read_is_passed_over_when_fitting_and_named_when_decoding() {
        let broken = || Value::Bytes(b"no picture".to_vec());
        let table = SmallTable::of([broken(), Value::Missing, blank(4, 6), broken()]);
        let image: Image = table.fit(&ImageConfig::default()).unwrap();
        assert_eq!(size(&image), [3, 4, 6]);
        let column = table.column();
        assert!(image.decode(&column.cell(1)).unwrap().is_none());
        let error = image.decode(&column.cell(0)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "row 1 of column `it` is not a picture in a supported format: a file that starts with \
             `no picture`"
        );
        assert_eq!(
            error.hint().unwrap(),
            "supported formats: PNG, JPEG, WebP, GIF, BMP, TIFF; convert the file"
        );
    }

    #[test]
    fn the_one_picture_that_can_be_read_is_found_outside_the_sample() {
        let mut cells = vec![text("absent.png"); 9];
        cells.push(blank(4, 6));
        let table = SmallTable::of(cells);
        let image: Image = table.fit(&config(json!({"infer_image_sample_size": 2}))).unwrap();
        assert_eq!(size(&image), [3, 4, 6]);
    }

    #[test]
    fn a_column_without_a_usable_picture_cannot_be_fitted() {
        let fit = |cells: Vec<Value>, written| {
            SmallTable::of(cells).fit::<Image>(&config(written)).unwrap_err().to_string()
        };
        assert_eq!(
            fit(vec![Value::Missing], json!({})),
            "column `it` cannot be fitted: no train row holds a picture"
        );
        // Sizes and scale are given: nothing is learned, but the column is looked at all the same.
        let given = json!({"height": 4, "width": 4, "standardize_image": null});
        let message = fit(vec![Value::Bytes(b"text".to_vec())], given);
        assert!(message.contains("none of 1 train pictures can be read; row 1 of"), "{message}");
    }

    #[test]
    fn what_is_kept_of_a_picture_has_its_features() {
        let level = |place: u32| (place * 7).to_le_bytes()[0];
        let large =
            RgbImage::from_fn(90, 60, |x, y| ::image::Rgb([level(x), level(y), level(x * y)]));
        // As large as the target that is cut out, but not as what it is cut out of.
        let small = RgbImage::from_fn(20, 20, |x, y| ::image::Rgb([level(x), level(y), 7]));
        let table = SmallTable::of([png(large), png(small)]);
        for written in [
            json!({"height": 20, "width": 20}),
            json!({"height": 20, "width": 20, "resize_method": "center_crop", "shortest_edge": 24}),
            json!({"height": 20, "width": 20, "resize_method": "letterbox"}),
        ] {
            let image: Image = table.fit(&config(written.clone())).unwrap();
            for row in 0..2 {
                let decoded = image.decode(&table.column().cell(row)).unwrap().unwrap();
                let features = image.features(&decoded);
                assert_eq!(image.features(&image.kept(decoded)), features, "{written} {row}");
            }
        }
    }

    #[test]
    fn a_picture_over_the_columns_limit_is_refused() {
        let table = SmallTable::of([blank(2, 2), blank(3, 3)]);
        let image: Image = table.fit(&config(json!({"max_pixels": 8}))).unwrap();
        let error = image.decode(&table.column().cell(1)).unwrap_err().to_string();
        assert_eq!(
            error,
            "row 2 of column `it` has a picture of 3 x 3 pixels, but at most 8 pixels is allowed"
        );
    }

    #[test]
    fn what_was_fitted_is_the_same_after_it_is_saved_and_loaded() {
        let table = SmallTable::of([pixel([1, 2, 3]), pixel([100, 30, 7]), pixel([7, 7, 9])]);
        let image: Image = table.fit(&ImageConfig::default()).unwrap();
        let saved = serde_json::to_string(&image).unwrap();
        assert_eq!(serde_json::from_str::<Image>(&saved).unwrap(), image);
    }

    #[test]
    fn a_fitted_state_out_of_range_is_refused() {
        let scale = json!({"mean": 0.5, "deviation": 0.5});
        let resize = json!({
            "height": 2, "width": 2, "method": "center_crop", "interpolation": "bilinear",
            "precision": "uint8", "shortest_edge": 2, "pad_value": 0,
        });
        let state = json!({"resize": resize, "channels": [scale], "max_pixels": 4});
        assert!(serde_json::from_value::<Image>(state.clone()).is_ok());
        for (key, value) in [("height", 0), ("width", 1_000_000), ("shortest_edge", 0)] {
            let mut damaged = state.clone();
            damaged["resize"][key] = json!(value);
            assert!(serde_json::from_value::<Image>(damaged).is_err(), "{key}");
        }
        for (key, value) in [
            ("channels", json!([scale, scale])),
            ("channels", json!([{"mean": 0.5, "deviation": 0.0}])),
            ("max_pixels", json!(0)),
        ] {
            let mut damaged = state.clone();
            damaged[key] = value;
            assert!(serde_json::from_value::<Image>(damaged).is_err(), "{key}");
        }
    }
}
