//! Where the pixels of a resized picture come to lie: sizes and places, without a pixel.

use super::Resize;
use crate::image::config::ResizeMethod;

/// A height and a width, in pixels, each at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) height: usize,
    pub(super) width: usize,
}

/// Which stretch of one side of the resized picture is shown, and where in the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// The length of the whole side after resizing.
    pub(super) resized: usize,
    /// The places cut off at its start.
    pub(super) cut: usize,
    /// The places shown, at least 1.
    pub(super) shown: usize,
    /// The places of the target before them.
    pub(super) padding: usize,
}

/// Where a picture lies in the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placement {
    pub(super) rows: Span,
    pub(super) columns: Span,
}

impl Placement {
    /// Where a picture of size `source` lies in the target of `resize`.
    pub(super) fn new(resize: &Resize, source: Size) -> Self {
        let target = resize.target();
        let size = match resize.method {
            ResizeMethod::Interpolate => target,
            ResizeMethod::CropOrPad => source,
            ResizeMethod::CenterCrop => with_shortest_edge(source, resize.shortest_edge),
            ResizeMethod::Letterbox => inscribed(source, target),
        };
        let span = match resize.method {
            ResizeMethod::Letterbox => Span::inscribed,
            _ => Span::centered,
        };
        Self { rows: span(size.height, target.height), columns: span(size.width, target.width) }
    }

    /// The size of the whole picture after resizing, most of which may not be shown.
    pub(super) const fn resized(&self) -> Size {
        Size { height: self.rows.resized, width: self.columns.resized }
    }

    /// The size of what is shown.
    pub(super) const fn shown(&self) -> Size {
        Size { height: self.rows.shown, width: self.columns.shown }
    }
}

impl Span {
    /// The middle, as torchvision's `center_crop`: half a place is cut off to the even side, as
    /// Python rounds, and the odd place of padding is at the end.
    fn centered(resized: usize, target: usize) -> Self {
        let surplus = resized.saturating_sub(target);
        Self {
            resized,
            cut: half_to_even(surplus),
            shown: resized.min(target),
            padding: target.saturating_sub(resized) / 2,
        }
    }

    /// The whole side in the middle of the target, as Pillow's `ImageOps.pad`.
    fn inscribed(resized: usize, target: usize) -> Self {
        Self { resized, cut: 0, shown: resized, padding: half_to_even(target - resized) }
    }

    /// The shown place nearest to a place of the target.
    pub(super) fn nearest(&self, place: usize) -> usize {
        place.saturating_sub(self.padding).min(self.shown - 1)
    }
}

/// Half of a number, to the nearest whole one, to the even one where two are as near.
const fn half_to_even(number: usize) -> usize {
    number / 2 + (number % 4 == 3) as usize
}

/// The size whose shorter side is `edge`, the longer one rounded down, as torchvision and
/// Hugging Face have it.
fn with_shortest_edge(source: Size, edge: usize) -> Size {
    let Size { height, width } = source;
    // Sides of pictures have 16 bits and `edge` 12: their product fits.
    if width <= height {
        Size { height: edge * height / width, width: edge }
    } else {
        Size { height: edge, width: edge * width / height }
    }
}

/// The largest size with the ratio of `source` that fits `target`, as Pillow's `ImageOps.contain`,
/// but that no side is 0.
fn inscribed(source: Size, target: Size) -> Size {
    let [height, width] = [source.height as f64, source.width as f64];
    // In Pillow's order, so that halves are rounded as there.
    let (ratio, wanted) = (width / height, target.width as f64 / target.height as f64);
    if ratio > wanted {
        Size { height: rounded(height / width * target.width as f64), ..target }
    } else if ratio < wanted {
        Size { width: rounded(width / height * target.height as f64), ..target }
    } else {
        target
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a side")]
fn rounded(length: f64) -> usize {
    (length.round_ties_even() as usize).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(height: usize, width: usize) -> Size {
        Size { height, width }
    }

    #[test]
    fn the_shortest_edge_is_given_and_the_other_is_rounded_down() {
        assert_eq!(with_shortest_edge(size(100, 50), 20), size(40, 20));
        // 20 · 7 / 3 = 46.7
        assert_eq!(with_shortest_edge(size(3, 7), 20), size(20, 46));
        assert_eq!(with_shortest_edge(size(1, 65_535), 4096), size(4096, 268_431_360));
        assert_eq!(with_shortest_edge(size(5, 5), 3), size(3, 3));
    }

    #[test]
    fn the_inscribed_size_keeps_the_ratio_and_no_side_is_zero() {
        assert_eq!(inscribed(size(100, 50), size(10, 10)), size(10, 5));
        assert_eq!(inscribed(size(50, 100), size(10, 10)), size(5, 10));
        // 4 / 8 · 5 = 2.5 and 4 / 8 · 7 = 3.5, to the even neighbor.
        assert_eq!(inscribed(size(4, 8), size(9, 5)), size(2, 5));
        assert_eq!(inscribed(size(4, 8), size(9, 7)), size(4, 7));
        assert_eq!(inscribed(size(1, 65_535), size(9, 7)), size(1, 7));
        assert_eq!(inscribed(size(6, 4), size(3, 2)), size(3, 2));
    }

    #[test]
    fn the_middle_is_cut_out_or_padded() {
        let span = |resized, target| {
            let Span { cut, shown, padding, .. } = Span::centered(resized, target);
            (cut, shown, padding)
        };
        // A surplus of 1 cuts round(0.5) = 0 at the start, one of 3 cuts round(1.5) = 2.
        assert_eq!([span(5, 4), span(7, 4), span(8, 4)], [(0, 4, 0), (2, 4, 0), (2, 4, 0)]);
        // The odd place of padding is at the end.
        assert_eq!([span(4, 4), span(3, 4), span(1, 4)], [(0, 4, 0), (0, 3, 0), (0, 1, 1)]);
    }

    #[test]
    fn an_inscribed_side_is_padded_evenly_the_odd_place_as_python_rounds() {
        let padding = |resized, target| Span::inscribed(resized, target).padding;
        assert_eq!([padding(4, 4), padding(3, 4), padding(1, 4), padding(2, 4)], [0, 0, 2, 1]);
    }

    #[test]
    fn places_outside_are_nearest_to_the_edge() {
        let span = Span { resized: 3, cut: 0, shown: 3, padding: 2 };
        assert_eq!([0, 1, 2, 3, 4, 5, 9].map(|place| span.nearest(place)), [0, 0, 0, 1, 2, 2, 2]);
    }
}
