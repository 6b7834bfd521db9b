//! From what a decoder gives to opaque 8-bit RGB.

use image::ColorType;

/// Brings a decoder's values to 8-bit RGB on a white ground, or gives `None` for a color type that
/// no decoder here makes.
///
/// # Shapes
///
/// - `values`: `[pixels, channels]`, 16-bit ones as two bytes in the machine's order
/// - returns: `[pixels, 3]`
pub(super) fn opaque_rgb(color: ColorType, values: Vec<u8>) -> Option<Vec<u8>> {
    match color {
        ColorType::Rgb8 => Some(values),
        ColorType::L8 => Some(values.iter().flat_map(|&gray| [gray; 3]).collect()),
        ColorType::La8 => Some(gray_on_white(&values)),
        ColorType::Rgba8 => Some(rgb_on_white(values)),
        ColorType::L16 => {
            Some(wide(&values).map(|[gray]| gray).flat_map(|gray| [narrow(gray); 3]).collect())
        }
        ColorType::La16 => Some(
            wide(&values)
                .flat_map(|[gray, alpha]| [narrow(wide_on_white(gray, alpha)); 3])
                .collect(),
        ),
        ColorType::Rgb16 => Some(wide(&values).flat_map(|rgb: [u16; 3]| rgb.map(narrow)).collect()),
        ColorType::Rgba16 => Some(
            wide(&values)
                .flat_map(|[red, green, blue, alpha]| {
                    [red, green, blue].map(|value| narrow(wide_on_white(value, alpha)))
                })
                .collect(),
        ),
        _ => None,
    }
}

fn gray_on_white(values: &[u8]) -> Vec<u8> {
    let (pixels, _) = values.as_chunks();
    pixels.iter().flat_map(|&[gray, alpha]| [on_white(gray, alpha); 3]).collect()
}

/// Works in the decoder's own buffer, whose memory is then the picture's.
fn rgb_on_white(mut values: Vec<u8>) -> Vec<u8> {
    let num_pixels = values.len() / 4;
    for pixel in 0..num_pixels {
        let alpha = values[4 * pixel + 3];
        for channel in 0..3 {
            values[3 * pixel + channel] = on_white(values[4 * pixel + channel], alpha);
        }
    }
    values.truncate(3 * num_pixels);
    values
}

/// `value · alpha + white · (1 − alpha)`, to the nearest.
#[expect(clippy::cast_possible_truncation, reason = "a mean of two 8-bit values has 8 bits")]
fn on_white(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

#[expect(clippy::cast_possible_truncation, reason = "a mean of two 16-bit values has 16 bits")]
fn wide_on_white(value: u16, alpha: u16) -> u16 {
    let (value, alpha) = (u64::from(value), u64::from(alpha));
    ((value * alpha + 65_535 * (65_535 - alpha) + 32_767) / 65_535) as u16
}

/// 16 bits to 8, to the nearest: 65535 is 255 × 257.
#[expect(clippy::cast_possible_truncation, reason = "65535 becomes 255")]
fn narrow(value: u16) -> u8 {
    ((u32::from(value) + 128) / 257) as u8
}

/// The 16-bit values of each pixel.
fn wide<const CHANNELS: usize>(values: &[u8]) -> impl Iterator<Item = [u16; CHANNELS]> {
    let (samples, _) = values.as_chunks();
    samples.chunks_exact(CHANNELS).map(|pixel| {
        let mut channels = [0; CHANNELS];
        for (channel, &sample) in channels.iter_mut().zip(pixel) {
            *channel = u16::from_ne_bytes(sample);
        }
        channels
    })
}

/// The luma of an RGB pixel, as Pillow's `convert("L")` has it: ITU-R BT.601 in 16-bit fixed point.
#[expect(clippy::cast_possible_truncation, reason = "the weights sum to 65536")]
pub(super) fn gray_from_rgb([red, green, blue]: [u8; 3]) -> u8 {
    let sum = u32::from(red) * 19_595 + u32::from(green) * 38_470 + u32::from(blue) * 7_471;
    ((sum + 0x8000) >> 16) as u8
}

/// The same of values that were not rounded to 8 bits, and not rounded itself.
pub(super) fn gray_value_from_rgb([red, green, blue]: [f32; 3]) -> f32 {
    (red * 19_595.0 + green * 38_470.0 + blue * 7_471.0) / 65_536.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(values: &[u16]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_ne_bytes()).collect()
    }

    #[test]
    fn transparent_is_white_and_half_transparent_is_halfway() {
        // 128 / 255 of black leaves 127 of white; of 200: (200·128 + 255·127 + 127) / 255 = 227.
        let values = vec![9, 8, 7, 0, 9, 8, 7, 255, 0, 200, 255, 128];
        let expected = vec![255, 255, 255, 9, 8, 7, 127, 227, 255];
        assert_eq!(opaque_rgb(ColorType::Rgba8, values).unwrap(), expected);
        let values = vec![9, 0, 9, 255, 0, 128];
        let expected = vec![255, 255, 255, 9, 9, 9, 127, 127, 127];
        assert_eq!(opaque_rgb(ColorType::La8, values).unwrap(), expected);
    }

    #[test]
    fn sixteen_bits_become_the_nearest_eight() {
        // 257 a step: 128 rounds down to 0, 129 up to 1; 65535 is 255.
        let values = bytes_of(&[0, 128, 129, 257, 65_406, 65_535]);
        assert_eq!(
            opaque_rgb(ColorType::L16, values.clone()).unwrap(),
            [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 254, 254, 254, 255, 255, 255]
        );
        assert_eq!(opaque_rgb(ColorType::Rgb16, values).unwrap(), [0, 0, 1, 1, 254, 255]);
    }

    #[test]
    fn sixteen_bits_with_alpha_lie_on_white_too() {
        let values = bytes_of(&[0, 0, 257, 65_535, 0, 32_768]);
        let expected = [255, 255, 255, 1, 1, 1, 127, 127, 127];
        assert_eq!(opaque_rgb(ColorType::La16, values).unwrap(), expected);
        let values = bytes_of(&[0, 65_535, 257, 65_535, 0, 65_535, 257, 0]);
        assert_eq!(opaque_rgb(ColorType::Rgba16, values).unwrap(), [0, 255, 1, 255, 255, 255]);
    }

    #[test]
    fn gray_is_kept_and_spread() {
        assert_eq!(opaque_rgb(ColorType::L8, vec![0, 7]).unwrap(), [0, 0, 0, 7, 7, 7]);
        assert_eq!(opaque_rgb(ColorType::Rgb8, vec![1, 2, 3]).unwrap(), [1, 2, 3]);
    }

    #[test]
    fn luma_of_gray_is_itself_and_of_colors_as_bt601_weighs_them() {
        for gray in 0..=255 {
            assert_eq!(gray_from_rgb([gray; 3]), gray);
        }
        assert_eq!([[255, 0, 0], [0, 255, 0], [0, 0, 255]].map(gray_from_rgb), [76, 150, 29]);
    }
}
