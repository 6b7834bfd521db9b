//! Bringing a picture to a column's height and width.

use std::borrow::Cow;

use fast_image_resize::images::{Image as Pixels, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::config::ResizeMethod;
use super::picture::Picture;

/// Brings a picture to `height` x `width` pixels, both at least 1.
///
/// `interpolate` is Pillow's `resize(…, Resampling.BILINEAR)` within one gray level: a triangle
/// filter as wide as the step between output pixels, so that shrinking averages. `crop_or_pad` is
/// Ludwig's: the middle is cut out, or edge pixels are repeated, the odd one at the bottom and right.
///
/// Parity: `reference/image/resize.py`.
pub(super) fn resized(
    picture: &Picture,
    method: ResizeMethod,
    height: usize,
    width: usize,
) -> Cow<'_, Picture> {
    if (picture.height(), picture.width()) == (height, width) {
        return Cow::Borrowed(picture);
    }
    let pixels = match method {
        ResizeMethod::Interpolate => interpolated(picture, height, width),
        ResizeMethod::CropOrPad => cropped_or_padded(picture, height, width),
    };
    Cow::Owned(Picture::from_rgb(height, width, pixels).expect("three values for each pixel"))
}

/// [`ResizeMethod::Interpolate`]'s `[height, width, 3]` values.
pub(super) fn interpolated(picture: &Picture, height: usize, width: usize) -> Vec<u8> {
    let side = |side: usize| u32::try_from(side).expect("sides of pictures fit 32 bits");
    let source = ImageRef::new(
        side(picture.width()),
        side(picture.height()),
        picture.pixels(),
        PixelType::U8x3,
    );
    let source = source.expect("a picture has three values for each pixel");
    let mut target = Pixels::new(side(width), side(height), PixelType::U8x3);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .use_alpha(false);
    Resizer::new()
        .resize(&source, &mut target, &options)
        .expect("source and target have one pixel type and no side of 0");
    target.into_vec()
}

fn cropped_or_padded(picture: &Picture, height: usize, width: usize) -> Vec<u8> {
    let row_length = 3 * picture.width();
    let columns: Vec<usize> = sources(picture.width(), width).collect();
    let mut pixels = Vec::with_capacity(3 * height * width);
    for row in sources(picture.height(), height) {
        let row = &picture.pixels()[row * row_length..][..row_length];
        pixels.extend(columns.iter().flat_map(|&column| [0, 1, 2].map(|c| row[3 * column + c])));
    }
    pixels
}

/// For each place of a side of `wanted` pixels, which place of a side of `given` pixels it shows.
fn sources(given: usize, wanted: usize) -> impl Iterator<Item = usize> {
    let padding = wanted.saturating_sub(given) / 2;
    // torchvision's `center_crop` rounds half a pixel to the even side, as Python does.
    let surplus = given.saturating_sub(wanted);
    let cut = surplus / 2 + usize::from(surplus % 4 == 3);
    (0..wanted).map(move |place| (place + cut).saturating_sub(padding).min(given - 1))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde::Deserialize;

    use super::super::color::gray_from_rgb;
    use super::super::decode::tests::{difference, picture};
    use super::*;
    use crate::golden;

    fn row_of(values: &[u8]) -> Picture {
        let pixels = values.iter().flat_map(|&value| [value; 3]).collect();
        Picture::from_rgb(1, values.len(), pixels).unwrap()
    }

    fn shown(picture: &Picture, method: ResizeMethod, height: usize, width: usize) -> Vec<u8> {
        let resized = resized(picture, method, height, width);
        assert_eq!((resized.height(), resized.width()), (height, width));
        resized.pixels().iter().step_by(3).copied().collect()
    }

    #[test]
    fn a_picture_of_the_right_size_is_not_copied() {
        let picture = row_of(&[1, 2]);
        assert!(matches!(
            resized(&picture, ResizeMethod::Interpolate, 1, 2),
            Cow::Borrowed(same) if std::ptr::eq(same, &raw const picture)
        ));
    }

    #[test]
    fn shrinking_averages_by_a_triangle() {
        // Two to one: weights 1, 3, 3 at the border (cut off), 1, 3, 3, 1 within.
        // Place 0: (3·0 + 3·0 + 1·240) / 7 = 34; place 1: (0 + 3·240 + 3·240 + 240) / 8 = 210.
        let picture = row_of(&[0, 0, 240, 240, 240, 240]);
        assert_eq!(shown(&picture, ResizeMethod::Interpolate, 1, 3), [34, 210, 240]);
    }

    #[test]
    fn growing_interpolates_between_pixel_centers() {
        // Centers of 4 in 2 lie at -0.25, 0.25, 0.75, 1.25, held at the border.
        let picture = row_of(&[0, 200]);
        assert_eq!(shown(&picture, ResizeMethod::Interpolate, 1, 4), [0, 50, 150, 200]);
    }

    #[test]
    fn cropping_takes_the_middle_and_padding_repeats_the_edge() {
        let picture = row_of(&[1, 2, 3, 4, 5]);
        assert_eq!(shown(&picture, ResizeMethod::CropOrPad, 1, 3), [2, 3, 4]);
        // A surplus of 1 cuts round(0.5) = 0 on the left, one of 3 cuts round(1.5) = 2.
        assert_eq!(shown(&picture, ResizeMethod::CropOrPad, 1, 4), [1, 2, 3, 4]);
        assert_eq!(shown(&picture, ResizeMethod::CropOrPad, 1, 2), [3, 4]);
        assert_eq!(shown(&picture, ResizeMethod::CropOrPad, 1, 8), [1, 1, 2, 3, 4, 5, 5, 5]);
        let both = shown(&picture, ResizeMethod::CropOrPad, 2, 3);
        assert_eq!(both, [2, 3, 4, 2, 3, 4]);
    }

    #[derive(Deserialize)]
    struct Case {
        height: usize,
        width: usize,
        num_channels: usize,
    }

    /// Parity with Pillow; cases made by `reference/image/resize.py`.
    #[test]
    fn interpolation_is_pillows() {
        let mut worst = 0;
        for path in golden::cases("image_resize") {
            let case = fs::read(path.join("case.json")).unwrap();
            let case: Case = serde_json::from_slice(&case).unwrap();
            let input = picture(&path, "input.png");
            let mut actual =
                resized(&input, ResizeMethod::Interpolate, case.height, case.width).into_owned();
            if case.num_channels == 1 {
                for pixel in actual.pixels_mut().as_chunks_mut::<3>().0 {
                    *pixel = [gray_from_rgb(*pixel); 3];
                }
            }
            worst = worst.max(difference(&actual, &picture(&path, "expected.png")));
        }
        // Both round their weights to fixed point, though not to the same number of bits.
        golden::assert_parity("resize bilinear", "Pillow 13.0.0", worst.into(), 1.0, "grey level");
    }
}
