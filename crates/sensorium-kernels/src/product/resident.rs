//! Products on the calling thread whose two sides are packed already and fit a cache.

use std::ops::Range;

use super::packed_columns::PackedColumns;
use super::tile::{Rows, Strip, Tiles};

/// Steps that are summed at once: a panel of the right side of so many is read by all panels of
/// the left side while the first-level cache holds both.
const DEPTH: usize = 128;

/// A left side in panels of at most `height` rows: for each step one number for each of a panel's
/// rows, next to each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeftPanels<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) height: usize,
    pub(crate) depth: usize,
    pub(crate) order: Order,
}

/// How panels lie.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// All steps of a panel without gaps, then the next panel.
    PanelByPanel,
    /// The numbers of all rows at one step, then the next step, so many floats further on.
    StepByStep(usize),
    /// The numbers of all steps of one row, then the next row, so many floats further on.
    RowByRow(usize),
}

impl LeftPanels<'_> {
    /// The panel of `rows` rows from `first` on, from a step on.
    fn strip(&self, first: usize, rows: usize, step: usize) -> Strip {
        let (at, left_row, left_step) = match self.order {
            Order::PanelByPanel => (first * self.depth + step * rows, 1, rows),
            Order::StepByStep(stride) => (step * stride + first, 1, stride),
            Order::RowByRow(stride) => (first * stride + step, stride, 1),
        };
        let left = self.values[at..].as_ptr();
        Strip { left_row, left_step, ..Strip::dense(left, rows, left, 0, 0) }
    }

    fn rows_lie(&self) -> Rows {
        match self.order {
            Order::RowByRow(_) => Rows::Apart,
            Order::PanelByPanel | Order::StepByStep(_) => Rows::Beside,
        }
    }

    /// How many floats there have to be.
    fn len(&self) -> usize {
        match self.order {
            Order::PanelByPanel => self.rows * self.depth,
            Order::StepByStep(stride) => self.depth.saturating_sub(1) * stride + self.rows,
            Order::RowByRow(stride) => self.rows.saturating_sub(1) * stride + self.depth,
        }
    }
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
        let LeftPanels { values, rows, height, depth, .. } = left;
        let lie = left.rows_lie();
        let Place { values: output, stride, add } = place;
        assert!(height <= self.rows() && values.len() >= left.len() && steps.end <= depth);
        assert!(right.len() >= steps.len().saturating_sub(1) * right_step + self.columns);
        assert!(output.len() >= rows.saturating_sub(1) * stride + self.columns);
        for first in (0..rows).step_by(height) {
            let rows = height.min(rows - first);
            let strip = left.strip(first, rows, steps.start);
            let strip = Strip { right: right.as_ptr(), len: steps.len(), right_step, ..strip };
            let place = output[first * stride..].as_mut_ptr();
            // SAFETY: `Tiles::current` chose tiles of this machine, and the slices hold all that
            // the strip says, as was checked above.
            unsafe { self.of_rows_that_lie(rows, lie)(strip, place, stride, add) };
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
        self.multiply_part(left, 0, 0..self.columns, place);
    }

    /// Writes or adds `left` × some of the columns at as many steps from `first_step` on as `left`
    /// has. `columns` start with a tile; `place` has room for those that fill up the last one.
    pub(crate) fn multiply_part(
        &self,
        left: LeftPanels<'_>,
        first_step: usize,
        columns: Range<usize>,
        place: Place<'_>,
    ) {
        let tiles = self.tiles;
        for start in (0..left.depth).step_by(DEPTH) {
            let steps = start..left.depth.min(start + DEPTH);
            for first in columns.clone().step_by(tiles.columns) {
                let part = Place {
                    values: &mut place.values[first - columns.start..],
                    stride: place.stride,
                    add: place.add || start > 0,
                };
                let panel = self.panel(first, first_step + steps.start..first_step + steps.end);
                tiles.multiply(left, steps.clone(), panel, tiles.columns, part);
            }
        }
    }
}

/// The height of panels of about the same number of rows each.
pub(crate) fn panel_height(tiles: Tiles, rows: usize) -> usize {
    rows.div_ceil(rows.div_ceil(tiles.rows()))
}
