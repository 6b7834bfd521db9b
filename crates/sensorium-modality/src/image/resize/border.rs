//! What lies around a picture that does not fill the target.

use super::geometry::{Placement, Size};

/// What the places beside a picture hold.
#[derive(Clone, Copy, Debug)]
pub(super) enum Border<T> {
    /// The edge pixels, repeated.
    Edge,
    /// One value in every channel.
    Value(T),
}

/// Puts the shown pixels in their place in the target; what fills it already is not copied.
///
/// # Shapes
///
/// - `shown`: `[placement.shown()]`
/// - returns: `[target.height, target.width]`
pub(super) fn bordered<T: Copy>(
    shown: Vec<[T; 3]>,
    placement: Placement,
    target: Size,
    border: Border<T>,
) -> Vec<[T; 3]> {
    if placement.shown() == target {
        return shown;
    }
    match border {
        Border::Edge => with_repeated_edges(&shown, placement, target),
        Border::Value(value) => on_ground(&shown, placement, target, [value; 3]),
    }
}

fn with_repeated_edges<T: Copy>(
    shown: &[[T; 3]],
    Placement { rows, columns }: Placement,
    target: Size,
) -> Vec<[T; 3]> {
    let mut pixels = Vec::with_capacity(target.height * target.width);
    for row in 0..target.height {
        let line = &shown[rows.nearest(row) * columns.shown..][..columns.shown];
        pixels.extend((0..target.width).map(|column| line[columns.nearest(column)]));
    }
    pixels
}

fn on_ground<T: Copy>(
    shown: &[[T; 3]],
    Placement { rows, columns }: Placement,
    target: Size,
    ground: [T; 3],
) -> Vec<[T; 3]> {
    let mut pixels = vec![ground; target.height * target.width];
    let lines = pixels.chunks_exact_mut(target.width).skip(rows.padding);
    for (line, shown) in lines.zip(shown.chunks_exact(columns.shown)) {
        line[columns.padding..][..columns.shown].copy_from_slice(shown);
    }
    pixels
}
