//! Resizing in 32-bit floats: nothing is rounded to 8 bits in between, nor at the end.

use super::geometry::Placement;
use super::kernel::{Filter, Taps};
use super::levels;
use crate::image::config::Interpolation;
use crate::image::picture::Picture;

/// The shown pixels of a resized picture, 0 to 1, and beyond where a filter overshoots.
///
/// # Shapes
///
/// - returns: `[placement.shown()]`
pub(super) fn resized(
    picture: &Picture,
    placement: Placement,
    interpolation: Interpolation,
) -> Vec<[f32; 3]> {
    let Placement { rows, columns } = placement;
    let is_only_cut = (rows.resized, columns.resized) == (picture.height(), picture.width());
    match Filter::new(interpolation) {
        Some(filter) if !is_only_cut => convolved(
            picture,
            &filter.taps(picture.height(), rows),
            &filter.taps(picture.width(), columns),
        ),
        _ => {
            let pixels = levels::resized(picture, placement, interpolation);
            pixels.into_iter().map(|pixel| pixel.map(|level| f32::from(level) / 255.0)).collect()
        }
    }
}

/// One shown row at a time: the source's rows become one row, and its pixels the shown ones.
fn convolved(picture: &Picture, rows: &[Taps], columns: &[Taps]) -> Vec<[f32; 3]> {
    let first = columns.iter().map(|taps| taps.first).min().unwrap_or(0);
    let end = columns.iter().map(Taps::end).max().unwrap_or(0);
    // One value more, so that the last pixel can be read as four values like the others.
    let mut line = vec![0.0; 3 * (end - first) + 1];
    let mut pixels = Vec::with_capacity(rows.len() * columns.len());
    for taps in rows {
        sum_rows(&mut line[..3 * (end - first)], picture, taps, first);
        pixels.extend(columns.iter().map(|taps| pixel_of(&line[3 * (taps.first - first)..], taps)));
    }
    pixels
}

/// The weighted sum of rows, from column `first` on, brought to 0 to 1.
fn sum_rows(line: &mut [f32], picture: &Picture, taps: &Taps, first: usize) {
    line.fill(0.0);
    let rows = picture.pixels().chunks_exact(3 * picture.width()).skip(taps.first);
    for (row, weight) in rows.zip(&taps.weights) {
        let weight = weight / 255.0;
        for (sum, &level) in line.iter_mut().zip(&row[3 * first..]) {
            *sum += weight * f32::from(level);
        }
    }
}

/// The weighted sum of a row's pixels. Four values are summed for each three that are asked for:
/// four are what the machine adds at once.
fn pixel_of(line: &[f32], taps: &Taps) -> [f32; 3] {
    let mut sums = [0.0; 4];
    for (values, &weight) in line.windows(4).step_by(3).zip(&taps.weights) {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += weight * value;
        }
    }
    [sums[0], sums[1], sums[2]]
}
