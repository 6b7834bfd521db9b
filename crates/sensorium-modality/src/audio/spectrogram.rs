//! Frames as a picture.

use colorous::MAGMA;

use crate::image::Picture;

/// The least width and height of a picture that is pleasant to look at, in pixels.
const LEAST_WIDTH: usize = 640;
const LEAST_HEIGHT: usize = 256;

/// `[T, D]` frames with time from left to right and the first band at the bottom, from the least
/// value in black to the largest in pale yellow. Each value is a rectangle of whole pixels.
pub(super) fn spectrogram(values: &[f32], width: usize) -> Picture {
    let num_frames = values.len() / width;
    let (across, up) = (LEAST_WIDTH.div_ceil(num_frames), LEAST_HEIGHT.div_ceil(width));
    let least = values.iter().copied().fold(f32::INFINITY, f32::min);
    let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let color = |value: f32| {
        let share = (value - least) / (most - least).max(f32::MIN_POSITIVE);
        MAGMA.eval_continuous(f64::from(share.clamp(0.0, 1.0))).as_array()
    };
    let mut pixels = Vec::with_capacity(3 * num_frames * across * width * up);
    for band in (0..width).rev() {
        let row: Vec<u8> = (0..num_frames)
            .flat_map(|frame| color(values[frame * width + band]).repeat(across))
            .collect();
        pixels.extend(row.repeat(up));
    }
    Picture::from_rgb(width * up, num_frames * across, pixels).expect("three values for each pixel")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_right_and_bands_go_up_from_dark_to_light() {
        // Two frames of two bands; the second band of the first frame is the loudest.
        let picture = spectrogram(&[0.0, 9.0, 3.0, 0.0], 2);
        assert_eq!((picture.height(), picture.width()), (256, 640));
        let (pixels, _) = picture.pixels().as_chunks::<3>();
        let brightness = |row: usize, column: usize| {
            pixels[row * 640 + column].iter().map(|&value| u32::from(value)).sum::<u32>()
        };
        assert!(brightness(0, 0) > 500, "the loudest, top left");
        assert!(brightness(255, 0) < 10, "the softest, bottom left");
        assert!((100..400).contains(&brightness(255, 639)), "between, bottom right");
    }

    #[test]
    fn a_sound_of_one_value_has_a_picture() {
        assert_eq!(spectrogram(&[1.0], 1).pixels()[..3], MAGMA.eval_continuous(0.0).as_array());
    }
}
