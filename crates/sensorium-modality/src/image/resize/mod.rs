//! Bringing a picture to a column's height and width.
//!
//! First the [geometry]: how large the whole picture becomes, which part of it is shown, and where.
//! Then the pixels of that part, in 8 bits ([levels], as Pillow) or in floats ([values], as
//! torchvision on float tensors). Last the border, where the picture does not fill the target.
//!
//! Parity: `reference/image/resize.py`, `reference/image/features.py`.

mod border;
mod geometry;
mod kernel;
mod levels;
mod values;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use self::border::{Border, bordered};
use self::geometry::{Placement, Size};
use super::config::{ImageConfig, Interpolation, MAX_SIDE, ResizeMethod, ResizePrecision};
use super::decode::PictureSize;
use super::jpeg::Reduction;
use super::picture::Picture;

/// How a column's pictures are brought to one size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resize {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) method: ResizeMethod,
    pub(super) interpolation: Interpolation,
    pub(super) precision: ResizePrecision,
    /// What `center_crop` brings the shorter side to.
    pub(super) shortest_edge: usize,
    /// What `center_crop` and `letterbox` put beside the picture, in every channel.
    pub(super) pad_value: u8,
    /// How many times the resized sides a picture that is decoded to a part has at least; bundles of
    /// before have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reducing_gap: Option<f64>,
}

impl Resize {
    /// What a checked config asks for, with a height and a width that it may leave open.
    pub(super) fn new(config: &ImageConfig, height: usize, width: usize) -> Self {
        Self {
            height,
            width,
            method: config.resize_method,
            interpolation: config.interpolation,
            precision: config.resize_precision,
            shortest_edge: config.shortest_edge.unwrap_or(height.max(width)),
            // A checked config has no other.
            pad_value: config.pad_value.unwrap_or(0).try_into().unwrap_or(u8::MAX),
            reducing_gap: config.reducing_gap,
        }
    }

    /// Bilinear in 8 bits, the ratio of the sides given up.
    pub(super) fn bilinear(height: usize, width: usize) -> Self {
        Self::new(&ImageConfig::default(), height, width)
    }

    /// Whether every side is in its range, as in each config that was checked.
    pub(super) fn is_in_range(&self) -> bool {
        let sides = [self.height, self.width, self.shortest_edge];
        sides.iter().all(|side| (1..=MAX_SIDE).contains(side))
    }

    /// The strongest reduction that leaves a picture of `size` as large as `reducing_gap` asks.
    pub(super) fn reduction(&self, size: PictureSize) -> Option<Reduction> {
        let gap = self.reducing_gap?;
        let [height, width] = [size.height, size.width].map(|side| side as usize);
        let resized = Placement::new(self, Size { height, width }).resized();
        let sides = [(height, resized.height), (width, resized.width)];
        Reduction::ALL.into_iter().find(|reduction| {
            let factor = f64::from(reduction.factor());
            sides.iter().all(|&(side, resized)| side as f64 >= factor * gap * resized as f64)
        })
    }

    /// The picture in 8 bits, `[height, width]`; not copied where nothing changes.
    pub(super) fn levels<'a>(&self, picture: &'a Picture) -> Cow<'a, Picture> {
        let placement = self.placement(picture);
        let shown = placement.shown();
        if shown == size_of(picture) && shown == placement.resized() && shown == self.target() {
            return Cow::Borrowed(picture);
        }
        let pixels = levels::resized(picture, placement, self.interpolation);
        let pixels = bordered(pixels, placement, self.target(), self.border(self.pad_value));
        let picture = Picture::from_rgb(self.height, self.width, pixels.into_flattened());
        Cow::Owned(picture.expect("three values for each pixel of the target"))
    }

    /// The picture in floats, 0 to 1, and beyond where a filter overshoots.
    ///
    /// # Shapes
    ///
    /// - returns: `[height · width]`
    pub(super) fn values(&self, picture: &Picture) -> Vec<[f32; 3]> {
        let placement = self.placement(picture);
        let pixels = values::resized(picture, placement, self.interpolation);
        let border = self.border(f32::from(self.pad_value) / 255.0);
        bordered(pixels, placement, self.target(), border)
    }

    fn placement(&self, picture: &Picture) -> Placement {
        Placement::new(self, size_of(picture))
    }

    const fn target(&self) -> Size {
        Size { height: self.height, width: self.width }
    }

    const fn border<T: Copy>(&self, pad_value: T) -> Border<T> {
        match self.method {
            ResizeMethod::Interpolate | ResizeMethod::CropOrPad => Border::Edge,
            ResizeMethod::CenterCrop | ResizeMethod::Letterbox => Border::Value(pad_value),
        }
    }
}

const fn size_of(picture: &Picture) -> Size {
    Size { height: picture.height(), width: picture.width() }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::{Value, json};

    use super::super::color::gray_from_rgb;
    use super::super::decode::tests::{difference, picture};
    use super::*;
    use crate::golden;

    fn row_of(levels: &[u8]) -> Picture {
        let pixels = levels.iter().flat_map(|&level| [level; 3]).collect();
        Picture::from_rgb(1, levels.len(), pixels).unwrap()
    }

    /// The defaults, but for a size and for what is written.
    fn resize(height: usize, width: usize, written: Value) -> Resize {
        let config: ImageConfig = sensorium_core::config::read(written).unwrap();
        Resize::new(&config, height, width)
    }

    /// The red levels, which are those of every channel here.
    fn shown(picture: &Picture, resize: Resize) -> Vec<u8> {
        let levels = resize.levels(picture);
        assert_eq!((levels.height(), levels.width()), (resize.height, resize.width));
        let values = resize.values(picture);
        let reds: Vec<u8> = levels.pixels().iter().step_by(3).copied().collect();
        for (&level, [value, ..]) in reds.iter().zip(&values) {
            // One rounding after each of two passes, and none where values are floats.
            let value = 255.0 * value.clamp(0.0, 1.0);
            assert!((value - f32::from(level)).abs() <= 1.01, "{value} for {level}");
        }
        assert_eq!(values.len(), reds.len());
        reds
    }

    #[test]
    fn a_picture_of_the_right_size_is_not_copied() {
        let picture = row_of(&[1, 2]);
        for method in ["interpolate", "crop_or_pad", "letterbox"] {
            let resize = resize(1, 2, json!({"resize_method": method}));
            assert!(matches!(
                resize.levels(&picture),
                Cow::Borrowed(same) if std::ptr::eq(same, &raw const picture)
            ));
        }
    }

    #[test]
    fn shrinking_averages_by_a_triangle() {
        // Two to one: weights 1, 3, 3 at the border (cut off), 1, 3, 3, 1 within.
        // Place 0: (3·0 + 3·0 + 1·240) / 7 = 34; place 1: (0 + 3·240 + 3·240 + 240) / 8 = 210.
        let picture = row_of(&[0, 0, 240, 240, 240, 240]);
        assert_eq!(shown(&picture, resize(1, 3, json!({}))), [34, 210, 240]);
    }

    #[test]
    fn growing_interpolates_between_pixel_centers() {
        // Centers of 4 in 2 lie at -0.25, 0.25, 0.75, 1.25, held at the border.
        let picture = row_of(&[0, 200]);
        assert_eq!(shown(&picture, resize(1, 4, json!({}))), [0, 50, 150, 200]);
        let nearest = json!({"interpolation": "nearest"});
        assert_eq!(shown(&picture, resize(1, 4, nearest)), [0, 0, 200, 200]);
    }

    #[test]
    fn a_box_takes_the_mean() {
        let picture = row_of(&[10, 20, 60, 80]);
        assert_eq!(shown(&picture, resize(1, 2, json!({"interpolation": "box"}))), [15, 70]);
    }

    #[test]
    fn a_reduction_leaves_as_many_pixels_as_the_gap_asks_for() {
        let reduction = |written: Value, height, width| {
            resize(16, 32, written).reduction(PictureSize { height, width })
        };
        let gap = |gap: f64| json!({"reducing_gap": gap});
        assert_eq!(reduction(json!({}), 9000, 9000), None);
        assert_eq!(reduction(gap(1.0), 31, 9000), None);
        assert_eq!(reduction(gap(1.0), 32, 64), Some(Reduction::Half));
        assert_eq!(reduction(gap(1.0), 64, 128), Some(Reduction::Quarter));
        assert_eq!(reduction(gap(1.5), 64, 128), Some(Reduction::Half));
        assert_eq!(reduction(gap(2.0), 9000, 9000), Some(Reduction::Eighth));
        // 400 x 100 fits 16 x 32 as 16 x 4.
        let letterbox = json!({"reducing_gap": 1, "resize_method": "letterbox"});
        assert_eq!(reduction(letterbox, 400, 100), Some(Reduction::Eighth));
        // And fills it as 128 x 32.
        let crop = json!({"reducing_gap": 1, "resize_method": "center_crop"});
        assert_eq!(reduction(crop, 400, 100), Some(Reduction::Half));
    }

    #[test]
    fn floats_overshoot_where_eight_bits_are_cut_off() {
        let picture = row_of(&[0, 0, 0, 255, 255, 255]);
        let resize = resize(1, 12, json!({"interpolation": "bicubic"}));
        let values = resize.values(&picture);
        assert!(values.iter().any(|[red, ..]| *red < -0.05));
        assert!(values.iter().any(|[red, ..]| *red > 1.05));
        assert_eq!(shown(&picture, resize)[..2], [0, 0]);
    }

    #[test]
    fn cropping_takes_the_middle_and_padding_repeats_the_edge() {
        let picture = row_of(&[1, 2, 3, 4, 5]);
        let crop_or_pad = |height, width| {
            shown(&picture, resize(height, width, json!({"resize_method": "crop_or_pad"})))
        };
        assert_eq!(crop_or_pad(1, 3), [2, 3, 4]);
        // A surplus of 1 cuts round(0.5) = 0 on the left, one of 3 cuts round(1.5) = 2.
        assert_eq!(crop_or_pad(1, 4), [1, 2, 3, 4]);
        assert_eq!(crop_or_pad(1, 2), [3, 4]);
        assert_eq!(crop_or_pad(1, 8), [1, 1, 2, 3, 4, 5, 5, 5]);
        assert_eq!(crop_or_pad(2, 3), [2, 3, 4, 2, 3, 4]);
    }

    #[test]
    fn the_middle_of_a_resized_picture_is_cut_out() {
        let picture = row_of(&[0, 40, 80, 120, 160]);
        let written = json!({"resize_method": "center_crop", "interpolation": "nearest"});
        // 1 x 5 becomes 2 x 10; the middle 3 of 10 are from round(3.5) = 4 on.
        let mut crop = resize(2, 3, written);
        crop.shortest_edge = 2;
        assert_eq!(shown(&picture, crop), [80, 80, 120, 80, 80, 120]);
        // 1 x 5 is as wide as asked for and lower: a row of the pad value above, two below.
        (crop.shortest_edge, crop.height, crop.width, crop.pad_value) = (1, 4, 5, 9);
        let expected = [[9; 5], [0, 40, 80, 120, 160], [9; 5], [9; 5]];
        assert_eq!(shown(&picture, crop), expected.concat());
    }

    #[test]
    fn a_letterbox_keeps_the_ratio_of_the_sides() {
        let picture = row_of(&[0, 200]);
        let written = json!({"resize_method": "letterbox", "pad_value": 114});
        let expected = [[114; 4], [0, 50, 150, 200], [0, 50, 150, 200], [114; 4]];
        assert_eq!(shown(&picture, resize(4, 4, written)), expected.concat());
    }

    #[test]
    fn pictures_of_one_pixel_or_one_row_and_targets_of_one_pixel_are_brought_to_size() {
        let names = Interpolation::FILTERS.map(|filter| serde_json::to_value(filter).unwrap());
        for interpolation in names.into_iter().chain([json!("nearest")]) {
            for method in ["interpolate", "crop_or_pad", "center_crop", "letterbox"] {
                let written = json!({"resize_method": method, "interpolation": interpolation,
                "pad_value": if matches!(method, "interpolate" | "crop_or_pad") { None } else {
                    Some(7)
                }});
                for levels in [vec![7], vec![7; 65_535]] {
                    let picture = row_of(&levels);
                    for (height, width) in [(1, 1), (5, 3), (16, 16)] {
                        let shown = shown(&picture, resize(height, width, written.clone()));
                        assert_eq!(shown, vec![7; height * width], "{written}");
                    }
                }
            }
        }
    }

    /// Parity with Pillow, and of floats with torchvision or, where it has no such filter, with
    /// Pillow's `F` pictures; cases made by `reference/image/resize.py`.
    #[test]
    fn every_interpolation_is_pillows_and_torchvisions() {
        for name in ["nearest", "bilinear", "bicubic", "lanczos", "box"] {
            let (mut levels, mut values) = (0, Vec::new());
            for path in golden::cases("image_resize") {
                let case = fs::read(path.join("case.json")).unwrap();
                let case: Value = serde_json::from_slice(&case).unwrap();
                let side = |key: &str| usize::try_from(case[key].as_u64().unwrap()).unwrap();
                let resize = resize(side("height"), side("width"), json!({"interpolation": name}));
                let input = picture(&path, "input.png");
                let mut actual = resize.levels(&input).into_owned();
                if side("num_channels") == 1 {
                    for pixel in actual.pixels_mut().as_chunks_mut::<3>().0 {
                        *pixel = [gray_from_rgb(*pixel); 3];
                    }
                }
                let expected = picture(&path, &format!("{name}.png"));
                levels = levels.max(difference(&actual, &expected));
                let tensors = golden::tensors(&path.join("float32.safetensors"));
                let (_, expected) = &tensors[name];
                let actual = resize.values(&input);
                values.push(golden::worst_difference(actual.as_flattened(), expected));
            }
            // Pillow takes the same pixels; its weights are rounded to fixed point, though not to
            // as many bits as here, before and after the other side's pass.
            let part = format!("resize {name}, uint8");
            let tolerance = if name == "nearest" { 0.0 } else { 1.0 };
            golden::assert_parity(&part, "Pillow 13.0.0", levels.into(), tolerance, "grey level");
            // Sums of 32-bit floats in another order; weights are made in 64 bits here and in
            // Pillow, in 32 in torch.
            let reference = match name {
                "bilinear" | "bicubic" => "torchvision 0.26.0",
                _ => "Pillow 13.0.0, mode F",
            };
            let part = format!("resize {name}, float32");
            let worst = golden::worst(values.into_iter());
            golden::assert_parity(&part, reference, worst, 1e-5, "of values in 0 to 1");
        }
    }
}
