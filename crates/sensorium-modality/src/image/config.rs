//! What a user may write under an image column's `preprocessing`.

use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::decode::Limits;
use super::standardize::Standardize;
use crate::MissingValueStrategy;

/// The greatest `height` and `width` that pictures are resized to, in pixels.
pub const MAX_SIDE: usize = 4096;

/// The greatest value of `max_pixels`; a picture of that size takes up to 8 GB while decoded.
pub const MAX_MAX_PIXELS: u64 = 1_000_000_000;

/// How pictures are sized and scaled.
///
/// | key                       | default       | unit     | range                                |
/// |---------------------------|---------------|----------|--------------------------------------|
/// | `missing_value_strategy`  | `mask`        |          | `mask`                               |
/// | `height`, `width`         | inferred      | pixels   | 1 to [`MAX_SIDE`]; both or none      |
/// | `infer_image_dimensions`  | true          |          | false only with the two above        |
/// | `infer_image_max_height`  | 128           | pixels   | 1 to [`MAX_SIDE`]                    |
/// | `infer_image_max_width`   | 128           | pixels   | 1 to [`MAX_SIDE`]                    |
/// | `infer_image_sample_size` | 100           | pictures | 1 or more                            |
/// | `num_channels`            | 3             |          | 1 (grey) or 3 (RGB)                  |
/// | `resize_method`           | `interpolate` |          | [`ResizeMethod`]                     |
/// | `interpolation`           | `bilinear`    |          | [`Interpolation`]                    |
/// | `resize_precision`        | `uint8`       |          | [`ResizePrecision`]                  |
/// | `shortest_edge`           | longer side   | pixels   | 1 to [`MAX_SIDE`]; `center_crop`     |
/// | `pad_value`               | 0             | levels   | 0 to 255; `center_crop`, `letterbox` |
/// | `reducing_gap`            | null          |          | 1 or more; not with `crop_or_pad`    |
/// | `standardize_image`       | `train`       |          | [`Standardize`] or null              |
/// | `max_pixels`              | 100 million   | pixels   | 1 to [`MAX_MAX_PIXELS`]              |
///
/// The keys are Ludwig's but `interpolation`, `resize_precision`, `shortest_edge`, `pad_value`,
/// `reducing_gap` (Pillow's) and `max_pixels`. Differences to Ludwig: `standardize_image: train` exists
/// and is the default (Ludwig's is null); `missing_value_strategy` is `mask` alone; `num_channels`
/// is 3 where not given, whatever the pictures have; sizes are inferred from a sample spread over
/// the train rows, not from the first rows of the table, and up to 128 pixels, not 256: a picture of
/// twice the sides takes four times as long, and encoders whose weights are drawn gain little by it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageConfig {
    /// What an absent picture becomes.
    pub missing_value_strategy: MissingValueStrategy,
    /// The height that every picture is brought to, in pixels.
    pub height: Option<usize>,
    /// The width that every picture is brought to, in pixels.
    pub width: Option<usize>,
    /// Whether height and width, where not given, are the mean of those in the train rows.
    pub infer_image_dimensions: bool,
    /// The greatest inferred height, in pixels.
    pub infer_image_max_height: usize,
    /// The greatest inferred width, in pixels.
    pub infer_image_max_width: usize,
    /// The number of train pictures whose sizes are averaged.
    pub infer_image_sample_size: usize,
    /// 1 for grey, 3 for RGB.
    pub num_channels: usize,
    /// How a picture is brought to height and width.
    pub resize_method: ResizeMethod,
    /// How pixels between pixels are made, and pixels that stand for several.
    pub interpolation: Interpolation,
    /// Whether resized pixels are rounded to 8 bits.
    pub resize_precision: ResizePrecision,
    /// What `center_crop` brings the shorter side to before it cuts, in pixels; where not given,
    /// the longer of height and width, so that every picture fills both.
    pub shortest_edge: Option<usize>,
    /// What `center_crop` and `letterbox` put beside the picture, in every channel; 0 is black.
    pub pad_value: Option<usize>,
    /// Where given, a JPEG file is decoded to a half, a quarter or an eighth of its sides, which is
    /// faster, as long as those are still at least this many times the resized ones; each pixel is
    /// the mean of those it stands for. From 3 on the result is hardly another (Pillow's word for
    /// its own); at 1, two filters take each other's place. `None` decodes every picture whole.
    pub reducing_gap: Option<f64>,
    /// How values are scaled; `None` leaves them in 0 to 1.
    pub standardize_image: Option<Standardize>,
    /// The most pixels that a picture may have, checked before memory is taken for them.
    pub max_pixels: u64,
}

/// How a picture is brought to the column's height and width.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResizeMethod {
    /// Resized by `interpolation`; the ratio of the sides may change.
    #[default]
    Interpolate,
    /// The middle is cut out where the picture is larger, its edge pixels are repeated where smaller.
    CropOrPad,
    /// The shorter side is brought to `shortest_edge`, the ratio of the sides kept, and the middle
    /// is cut out, as most pretrained encoders expect: torchvision's `Resize` and `CenterCrop`.
    CenterCrop,
    /// The largest size that fits, the ratio of the sides kept, in the middle of `pad_value`:
    /// Pillow's `ImageOps.pad`.
    Letterbox,
}

/// How a resized pixel is made of those around it. All but `nearest` are antialiased: where a
/// picture shrinks, the filter is as much wider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// The pixel under the center alone: Pillow's `NEAREST`, torchvision's `NEAREST_EXACT`.
    Nearest,
    /// The mean of the pixels under the resized one.
    Box,
    /// A triangle, two pixels wide.
    #[default]
    Bilinear,
    /// Keys' cubic with a = -1/2, four pixels wide.
    Bicubic,
    /// A sinc windowed by another, six pixels wide.
    Lanczos,
}

impl Interpolation {
    /// Those that weigh several pixels.
    #[cfg(test)]
    pub(super) const FILTERS: [Self; 4] = [Self::Box, Self::Bilinear, Self::Bicubic, Self::Lanczos];
}

/// In what numbers a picture is resized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResizePrecision {
    /// 8 bits, rounded after each side, as Pillow and with it the preprocessing of nearly every
    /// published encoder; the faster one.
    #[default]
    Uint8,
    /// Not rounded, as torchvision resizes float tensors.
    Float32,
}

impl Default for ImageConfig {
    fn default() -> Self {
        Self {
            missing_value_strategy: MissingValueStrategy::Mask,
            height: None,
            width: None,
            infer_image_dimensions: true,
            infer_image_max_height: 128,
            infer_image_max_width: 128,
            infer_image_sample_size: 100,
            num_channels: 3,
            resize_method: ResizeMethod::Interpolate,
            interpolation: Interpolation::Bilinear,
            resize_precision: ResizePrecision::Uint8,
            shortest_edge: None,
            pad_value: None,
            reducing_gap: None,
            standardize_image: Some(Standardize::Train),
            max_pixels: Limits::default().max_pixels,
        }
    }
}

impl ImageConfig {
    /// Checks every field against its documented range.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first field out of its range, or for sizes that are neither given
    /// nor inferred.
    pub fn check(&self) -> Result<(), ConfigError> {
        for (key, side) in [("height", self.height), ("width", self.width)] {
            side.map_or(Ok(()), |side| in_range(key, side, 1..=MAX_SIDE))?;
        }
        self.check_that_sizes_are_known()?;
        in_range("infer_image_max_height", self.infer_image_max_height, 1..=MAX_SIDE)?;
        in_range("infer_image_max_width", self.infer_image_max_width, 1..=MAX_SIDE)?;
        in_range("infer_image_sample_size", self.infer_image_sample_size, 1..)?;
        in_range("max_pixels", self.max_pixels, 1..=MAX_MAX_PIXELS)?;
        if !matches!(self.num_channels, 1 | 3) {
            return Err(ConfigError::invalid("num_channels", self.num_channels, "1 or 3"));
        }
        self.check_geometry()?;
        self.standardize_image.as_ref().map_or(Ok(()), |by| by.check(self.num_channels))
    }

    /// Checks what `resize_method` alone makes use of.
    fn check_geometry(&self) -> Result<(), ConfigError> {
        use ResizeMethod::{CenterCrop, CropOrPad, Letterbox};
        if let Some(edge) = self.shortest_edge {
            in_range("shortest_edge", edge, 1..=MAX_SIDE)?;
            if self.resize_method != CenterCrop {
                return conflict(
                    "`shortest_edge` is given, but `resize_method` does not use it",
                    "set `resize_method: center_crop`, or leave `shortest_edge` out",
                );
            }
        }
        if let Some(gap) = self.reducing_gap {
            in_range("reducing_gap", gap, 1.0..)?;
            if self.resize_method == CropOrPad {
                return conflict(
                    "`reducing_gap` is given, but `resize_method: crop_or_pad` does not resize",
                    "choose another `resize_method`, or leave `reducing_gap` out",
                );
            }
        }
        let Some(pad_value) = self.pad_value else { return Ok(()) };
        in_range("pad_value", pad_value, 0..=usize::from(u8::MAX))?;
        if !matches!(self.resize_method, CenterCrop | Letterbox) {
            return conflict(
                "`pad_value` is given, but `resize_method` does not use it",
                "set `resize_method: letterbox` or `center_crop`, or leave `pad_value` out",
            );
        }
        Ok(())
    }

    fn check_that_sizes_are_known(&self) -> Result<(), ConfigError> {
        match (self.height, self.width) {
            (Some(_), None) => conflict("`height` is given without `width`", "give both or none"),
            (None, Some(_)) => conflict("`width` is given without `height`", "give both or none"),
            (None, None) if !self.infer_image_dimensions => conflict(
                "`height` and `width` are not given and `infer_image_dimensions` is false",
                "give `height` and `width`, or set `infer_image_dimensions: true`",
            ),
            _ => Ok(()),
        }
    }
}

pub(super) fn conflict(problem: &str, advice: &str) -> Result<(), ConfigError> {
    let (problem, advice) = (problem.to_owned(), advice.to_owned());
    Err(ConfigError::Conflict { at: String::new(), problem, advice })
}

#[cfg(test)]
mod tests {
    use sensorium_core::Hint;
    use sensorium_core::config::read;
    use serde_json::{Value, json};

    use super::*;

    fn mistake(value: Value) -> String {
        let error = read::<ImageConfig>(value).and_then(|config| config.check()).unwrap_err();
        format!("{error} ({})", error.hint().unwrap_or_default())
    }

    #[test]
    fn the_default_is_in_its_ranges_and_survives_being_written() {
        let config = ImageConfig::default();
        config.check().unwrap();
        let written = serde_json::to_value(&config).unwrap();
        assert_eq!(read::<ImageConfig>(written).unwrap(), config);
    }

    #[test]
    fn null_and_absent_standardisation_differ() {
        let config: ImageConfig = read(json!({"standardize_image": null})).unwrap();
        assert_eq!(config.standardize_image, None);
        let config: ImageConfig = read(json!({})).unwrap();
        assert_eq!(config.standardize_image, Some(Standardize::Train));
        let config: ImageConfig = read(json!({"standardize_image": "imagenet1k"})).unwrap();
        assert_eq!(config.standardize_image, Some(Standardize::ImageNet1k));
    }

    #[test]
    fn unknown_keys_and_values_are_refused_with_the_nearest() {
        assert!(mistake(json!({"hieght": 3})).contains("did you mean `height`?"));
        assert!(mistake(json!({"resize_method": "crop"})).contains("did you mean `crop_or_pad`?"));
        let cubic = mistake(json!({"interpolation": "bi_cubic"}));
        assert!(cubic.contains("did you mean `bicubic`?"), "{cubic}");
        let wide = mistake(json!({"resize_precision": "float64"}));
        assert!(wide.contains("did you mean `float32`?"), "{wide}");
        assert!(mistake(json!({"missing_value_strategy": "bfill"})).contains("`mask`"));
    }

    #[test]
    fn values_out_of_range_say_the_range() {
        for (config, expected) in [
            (json!({"height": 0, "width": 4}), "`height` is 0, but 1 to 4096 was expected"),
            (json!({"height": 4, "width": 4097}), "`width` is 4097, but 1 to 4096 was expected"),
            (json!({"num_channels": 2}), "`num_channels` is 2, but 1 or 3 was expected"),
            (json!({"infer_image_max_height": 0}), "`infer_image_max_height` is 0, but 1 to"),
            (json!({"infer_image_max_width": 5000}), "`infer_image_max_width` is 5000, but 1 to"),
            (json!({"infer_image_sample_size": 0}), "`infer_image_sample_size` is 0, but 1 or"),
            (
                json!({"resize_method": "center_crop", "shortest_edge": 4097}),
                "`shortest_edge` is 4097, but 1 to 4096 was expected",
            ),
            (
                json!({"resize_method": "letterbox", "pad_value": 256}),
                "`pad_value` is 256, but 0 to 255 was expected",
            ),
            (json!({"reducing_gap": 0.5}), "`reducing_gap` is 0.5, but 1 or more was expected"),
            (json!({"max_pixels": 0}), "`max_pixels` is 0, but 1 to 1000000000 was expected"),
        ] {
            let message = mistake(config);
            assert!(message.starts_with(expected), "{message}");
        }
    }

    #[test]
    fn keys_that_do_not_go_together_are_refused() {
        assert!(mistake(json!({"height": 64})).contains("`height` is given without `width`"));
        assert!(mistake(json!({"width": 64})).contains("`width` is given without `height`"));
        assert!(mistake(json!({"infer_image_dimensions": false})).contains("are not given"));
        let gray = json!({"num_channels": 1, "standardize_image": "imagenet1k"});
        assert!(mistake(gray).contains("is for 3 channels"));
        let edge = mistake(json!({"resize_method": "letterbox", "shortest_edge": 64}));
        assert!(edge.contains("`shortest_edge` is given, but `resize_method` does not"), "{edge}");
        let gap = mistake(json!({"resize_method": "crop_or_pad", "reducing_gap": 2}));
        assert!(gap.contains("`resize_method: crop_or_pad` does not resize"), "{gap}");
        let pad = mistake(json!({"resize_method": "crop_or_pad", "pad_value": 0}));
        assert!(pad.contains("`pad_value` is given, but `resize_method` does not"), "{pad}");
        let given = json!({"height": 64, "width": 32, "infer_image_dimensions": false});
        read::<ImageConfig>(given).unwrap().check().unwrap();
    }
}
