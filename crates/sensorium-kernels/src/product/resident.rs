//! Products on the calling thread whose two sides are packed already and fit a cache.

use std::ops::Range;

use super::packed_columns::PackedColumns;
use super::tile::{Strip, Tiles};

/// Steps that are summed at once: a panel of the right side of so many is read by all panels of
/// the left side while the first-level cache holds both.
const DEPTH: usize = 128;

/// A left side in panels of at most `height` rows: for each panel all its steps, and for each step
/// one number for each of its rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeftPanels<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) height: usize,
    pub(crate) depth: usize,
}

/// Where a product goes: rows `stride` floats apart, and whether it is added to what is there.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    pub(crate) values: &'a mut [f32],
    pub(crate) stride: usize,
    pub(crate) add: bool,
}

impl Tiles {
    /// The product of all rows with as many columns as a tile has, over some of the steps.
    ///
    /// `right` has the numbers of all columns for each of these steps, `right_step` floats apart.
    ///
    /// # Panics
    ///
    /// If a slice is too short.
    pub(crate) fn multiply(
        self,
        left: LeftPanels<'_>,
        steps: Range<usize>,
        right: &[f32],
        right_step: usize,
        place: Place<'_>,
    ) {
        let LeftPanels { values, rows, height, depth } = left;
        let Place { values: output, stride, add } = place;
        assert!(height <= self.rows() && values.len() >= rows * depth && steps.end <= depth);
        assert!(right.len() >= steps.len().saturating_sub(1) * right_step + self.columns);
        assert!(output.len() >= rows.saturating_sub(1) * stride + self.columns);
        for first in (0..rows).step_by(height) {
            let rows = height.min(rows - first);
            let left = values[first * depth + steps.start * rows..].as_ptr();
            let strip = Strip::dense(left, right.as_ptr(), steps.len(), right_step);
            let place = output[first * stride..].as_mut_ptr();
            // SAFETY: `Tiles::current` chose tiles of this machine, and the slices hold all that
            // the strip says, as was checked above.
            unsafe { self.of_rows(rows)(strip, place, stride, add) };
        }
    }
}

impl PackedColumns {
    /// The columns with those that fill up the last tile.
    pub(crate) fn padded(&self) -> usize {
        self.columns.next_multiple_of(self.tiles.columns)
    }

    /// Writes or adds `left` × these columns, of which `place` has room for the padded ones too.
    pub(crate) fn multiply(&self, left: LeftPanels<'_>, place: Place<'_>) {
        let tiles = self.tiles;
        for start in (0..self.depth).step_by(DEPTH) {
            let steps = start..self.depth.min(start + DEPTH);
            for first in (0..self.columns).step_by(tiles.columns) {
                let part = Place {
                    values: &mut place.values[first..],
                    stride: place.stride,
                    add: place.add || start > 0,
                };
                let panel = self.panel(first, steps.clone());
                tiles.multiply(left, steps.clone(), panel, tiles.columns, part);
            }
        }
    }
}
