//! Resizing in 8 bits, as Pillow does it.

use std::cell::RefCell;
use std::ops::Range;

use fast_image_resize::images::{Image as Pixels, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::geometry::{Placement, Size, Span};
use super::values;
use crate::image::config::Interpolation;
use crate::image::picture::Picture;

/// The most bytes that a thread keeps for the next picture; pictures of 10 million pixels fit.
const MAX_KEPT_BYTES: usize = 32 << 20;

thread_local! {
    /// Keeps what the first pass writes, from one picture to the next.
    static RESIZER: RefCell<Resizer> = RefCell::default();
}

/// The shown pixels of a resized picture.
///
/// # Shapes
///
/// - returns: `[placement.shown()]`
pub(super) fn resized(
    picture: &Picture,
    placement: Placement,
    interpolation: Interpolation,
) -> Vec<[u8; 3]> {
    let Placement { rows, columns } = placement;
    let is_only_cut = (rows.resized, columns.resized) == (picture.height(), picture.width());
    match interpolation {
        _ if is_only_cut => picked(picture, &places(rows), &places(columns)),
        Interpolation::Nearest => picked(
            picture,
            &nearest_places(picture.height(), rows),
            &nearest_places(picture.width(), columns),
        ),
        Interpolation::Bilinear => in_one_step(picture, placement, FilterType::Bilinear),
        Interpolation::Box => rounded(&values::resized(picture, placement, interpolation)),
        Interpolation::Bicubic => in_pillows_order(picture, placement, FilterType::CatmullRom, 2.0),
        Interpolation::Lanczos => in_pillows_order(picture, placement, FilterType::Lanczos3, 3.0),
    }
}

/// The pixels where the named rows and columns cross.
fn picked(picture: &Picture, rows: &[usize], columns: &[usize]) -> Vec<[u8; 3]> {
    let (pixels, _) = picture.pixels().as_chunks();
    let lines = rows.iter().map(|row| &pixels[row * picture.width()..][..picture.width()]);
    let mut picked = Vec::with_capacity(rows.len() * columns.len());
    for line in lines {
        picked.extend(columns.iter().map(|&column| line[column]));
    }
    picked
}

fn places(span: Span) -> Vec<usize> {
    (span.cut..span.cut + span.shown).collect()
}

/// The place of a side of `given` pixels that each shown place takes its pixel from.
///
/// Pillow adds the step up from place to place, and so does this: where centers lie on the border
/// of two pixels, the sum's rounding says which is taken.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a side")]
fn nearest_places(given: usize, span: Span) -> Vec<usize> {
    let step = given as f64 / span.resized as f64;
    let mut center = step * 0.5;
    let mut next = || {
        let place = center as usize;
        center += step;
        place.min(given - 1)
    };
    for _ in 0..span.cut {
        next();
    }
    (0..span.shown).map(|_| next()).collect()
}

/// Floats of 0 to 1 to the nearest 8 bits.
///
/// The box alone goes this way: whether a pixel at its edge is inside hangs on the last bit of a
/// distance, and the kernel there has Pillow's.
fn rounded(values: &[[f32; 3]]) -> Vec<[u8; 3]> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
    let level = |value: f32| (255.0 * value).round() as u8;
    values.iter().map(|pixel| pixel.map(level)).collect()
}

/// Rows first, which is the faster order. It shows in the rounding alone where a filter has no
/// negative weights: its sums never leave 0 to 255.
fn in_one_step(picture: &Picture, placement: Placement, filter: FilterType) -> Vec<[u8; 3]> {
    let source = Lines::of(picture);
    let window = Window {
        rows: Stretch::of(source.size.height, placement.rows),
        columns: Stretch::of(source.size.width, placement.columns),
    };
    convolved(source, window, placement.shown(), filter)
}

/// In Pillow's order: where a filter overshoots, values are cut to 0 to 255 after each pass, and
/// the other order would cut others.
fn in_pillows_order(
    picture: &Picture,
    placement: Placement,
    filter: FilterType,
    support: f64,
) -> Vec<[u8; 3]> {
    let given = Size { height: picture.height(), width: picture.width() };
    if is_rows_first(given, placement.resized()) {
        in_one_step(picture, placement, filter)
    } else {
        columns_first(picture, placement, filter, support)
    }
}

/// Whether Pillow shortens the columns before it resizes the rows: since 13.0.0 (pull request 9549)
/// where the height loses more than twice as many pixels as the width. The rule was read off its
/// answers for 1,570 sizes.
fn is_rows_first(given: Size, resized: Size) -> bool {
    given.height > resized.height
        && given.height - resized.height + 2 * resized.width > 2 * given.width
}

fn columns_first(
    picture: &Picture,
    placement: Placement,
    filter: FilterType,
    support: f64,
) -> Vec<[u8; 3]> {
    let source = Lines::of(picture);
    let rows = Stretch::of(source.size.height, placement.rows);
    let needed = rows.with_margin(support * rows.step(placement.rows).max(1.0), source.size.height);
    let columns = Stretch::of(source.size.width, placement.columns);
    let size = Size { height: needed.len(), ..placement.shown() };
    let window = Window { rows: Stretch::whole(&needed), columns };
    let pixels = convolved(source, window, size, filter);

    let rows = Stretch { start: rows.start - needed.start as f64, ..rows };
    let window = Window { rows, columns: Stretch::whole(&(0..size.width)) };
    convolved(Lines { pixels: &pixels, size }, window, placement.shown(), filter)
}

/// Rows of pixels, from the top.
#[derive(Clone, Copy)]
struct Lines<'a> {
    pixels: &'a [[u8; 3]],
    size: Size,
}

impl<'a> Lines<'a> {
    fn of(picture: &'a Picture) -> Self {
        let size = Size { height: picture.height(), width: picture.width() };
        Self { pixels: picture.pixels().as_chunks().0, size }
    }
}

/// Which part of a side becomes the target's, in the side's own pixels.
#[derive(Clone, Copy)]
struct Stretch {
    start: f64,
    length: f64,
}

impl Stretch {
    fn of(given: usize, span: Span) -> Self {
        let step = given as f64 / span.resized as f64;
        let start = span.cut as f64 * step;
        let mut length = span.shown as f64 * step;
        // Rounding may have put the end beyond the side, by its last bit.
        while start + length > given as f64 {
            length = length.next_down();
        }
        Self { start, length }
    }

    const fn whole(places: &Range<usize>) -> Self {
        Self { start: places.start as f64, length: (places.end - places.start) as f64 }
    }

    fn step(self, span: Span) -> f64 {
        self.length / span.shown as f64
    }

    /// The places of a side of `given` pixels that are within `margin` of the stretch.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "places")]
    fn with_margin(self, margin: f64, given: usize) -> Range<usize> {
        let start = (self.start - margin - 1.0).max(0.0) as usize;
        let end = ((self.start + self.length + margin + 1.0).ceil() as usize).min(given);
        start..end
    }
}

#[derive(Clone, Copy)]
struct Window {
    rows: Stretch,
    columns: Stretch,
}

/// Brings what a window shows to `size`.
fn convolved(source: Lines<'_>, window: Window, size: Size, filter: FilterType) -> Vec<[u8; 3]> {
    let Window { rows, columns } = window;
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(filter))
        .use_alpha(false)
        .crop(columns.start, rows.start, columns.length, rows.length);
    let side = |side: usize| u32::try_from(side).expect("sides of pictures fit 32 bits");
    let (height, width) = (side(source.size.height), side(source.size.width));
    let source = ImageRef::new(width, height, source.pixels.as_flattened(), PixelType::U8x3)
        .expect("there are as many pixels as the size says");
    let mut pixels = vec![[0; 3]; size.height * size.width];
    let (height, width) = (side(size.height), side(size.width));
    let target = pixels.as_flattened_mut();
    let mut target = Pixels::from_slice_u8(width, height, target, PixelType::U8x3)
        .expect("as many pixels were just made");
    RESIZER.with_borrow_mut(|resizer| {
        resizer
            .resize(&source, &mut target, &options)
            .expect("pixel types are one and the window is inside of the picture");
        if resizer.size_of_internal_buffers() > MAX_KEPT_BYTES {
            resizer.reset_internal_buffers();
        }
    });
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_takes_the_pixel_under_the_center() {
        let span = |resized, cut, shown| Span { resized, cut, shown, padding: 0 };
        // Centers of 3 in 5 lie at 5/6, 5/2 and 25/6.
        assert_eq!(nearest_places(5, span(3, 0, 3)), [0, 2, 4]);
        assert_eq!(nearest_places(2, span(5, 0, 5)), [0, 0, 1, 1, 1]);
        assert_eq!(nearest_places(2, span(5, 1, 3)), [0, 1, 1]);
        assert_eq!(nearest_places(1, span(4, 0, 4)), [0; 4]);
    }

    #[test]
    fn rows_come_first_where_the_height_shrinks_more_than_twice_as_much() {
        let is_first = |given: (usize, usize), resized: (usize, usize)| {
            let size = |(height, width)| Size { height, width };
            is_rows_first(size(given), size(resized))
        };
        assert!(is_first((31, 20), (10, 10)) && !is_first((30, 20), (10, 10)));
        assert!(is_first((11, 5), (10, 10)) && !is_first((10, 5), (10, 10)));
    }

    #[test]
    fn a_stretch_never_ends_beyond_its_side() {
        for given in [1, 3, 7, 97, 1000, 65_535] {
            for resized in [1, 3, 11, 224, 4096] {
                for cut in [0, resized / 3, resized - 1] {
                    let span = Span { resized, cut, shown: resized - cut, padding: 0 };
                    let Stretch { start, length } = Stretch::of(given, span);
                    assert!(start + length <= given as f64 && length > 0.0);
                }
            }
        }
    }
}
