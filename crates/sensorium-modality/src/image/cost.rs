//! What decoding a picture takes, in bytes, by what its header says.
//!
//! Peaks that were measured of one picture of 10 000 x 10 000 pixels: an animated WebP, a PNG of 16
//! bits with transparency and a progressive CMYK JPEG 1.09 GB each, a lossless WebP 0.70 GB. Here is
//! what the decoder's buffers add up to.

use image::{ColorType, ImageFormat};

use super::decode::PictureSize;

/// A turned picture is copied.
const TURNED: u64 = 3;

/// Bytes a pixel that a decoder of `format` takes for values of `color`, with the picture itself.
fn bytes_a_pixel(format: ImageFormat, color: ColorType) -> u64 {
    let values = u64::from(color.bytes_per_pixel());
    // What is not in RGB of 8 bits already, or becomes so in its place, is copied.
    let picture = if matches!(color, ColorType::Rgb8 | ColorType::Rgba8) { 0 } else { 3 };
    let inside = match format {
        // The canvas and a frame, each with transparency.
        ImageFormat::WebP => 8,
        // A frame, with transparency, and its indices.
        ImageFormat::Gif => 5,
        // Strips or tiles of any size, and planes that are woven together.
        ImageFormat::Tiff => 2 * values,
        _ => 0,
    };
    values + picture + inside
}

/// For a picture that its decoder says the color type of.
pub(super) fn of_other(
    format: ImageFormat,
    color: ColorType,
    size: PictureSize,
    is_turned: bool,
) -> u64 {
    let turned = if is_turned { TURNED } else { 0 };
    num_pixels(size).saturating_mul(bytes_a_pixel(format, color) + turned)
}

/// For a JPEG file of `components`; a progressive one keeps all its coefficients, of two bytes.
pub(super) const fn of_jpeg(
    components: u64,
    is_progressive: bool,
    size: PictureSize,
    is_turned: bool,
) -> u64 {
    let coefficients = if is_progressive { 2 * components } else { 0 };
    let turned = if is_turned { TURNED } else { 0 };
    num_pixels(size).saturating_mul(3 + coefficients + turned)
}

const fn num_pixels(size: PictureSize) -> u64 {
    size.height as u64 * size.width as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: PictureSize = PictureSize { height: 10_000, width: 10_000 };

    #[test]
    fn what_was_measured_is_covered() {
        let million = |bytes: u64| bytes / 1_000_000;
        assert_eq!(million(of_jpeg(3, false, SIZE, false)), 300);
        assert_eq!(million(of_jpeg(4, true, SIZE, false)), 1_100);
        assert_eq!(million(of_other(ImageFormat::Png, ColorType::Rgba16, SIZE, false)), 1_100);
        assert_eq!(million(of_other(ImageFormat::WebP, ColorType::Rgb8, SIZE, false)), 1_100);
        assert_eq!(million(of_other(ImageFormat::Png, ColorType::Rgb8, SIZE, true)), 600);
    }
}
