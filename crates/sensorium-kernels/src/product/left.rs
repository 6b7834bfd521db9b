//! The left side of a product: packed, or read as it lies.

use super::packed::{PackedRows, View};
use super::resident::panel_height;
use super::tile::{Rows, Strip, Tiles};

/// The most columns of a right side for which rows are read as they lie: packing is a pass over
/// all rows, and pays where they are read often enough.
const FEW_COLUMNS: usize = 512;
/// Rows, or steps, that are a multiple of so many floats apart share too few sets of the
/// first-level cache for all of a panel to stay there.
const CROWDED: usize = 512;

/// Whether rows or steps so many floats apart are better packed than read as they lie.
pub(crate) const fn is_crowded(stride: usize) -> bool {
    stride.is_multiple_of(CROWDED)
}

/// Rows, in panels that a tile takes.
pub(crate) trait Left: Sync {
    /// The number of rows.
    fn rows(&self) -> usize;

    /// The numbers in a row.
    fn depth(&self) -> usize;

    /// The tiles that the panels are for.
    fn tiles(&self) -> Tiles;

    /// The number of panels.
    fn num_panels(&self) -> usize;

    /// The rows of one panel follow those of the one before.
    fn panel(&self, index: usize) -> Panel;
}

/// Some rows, not more than a tile has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel {
    /// The first one.
    pub(crate) first: usize,
    pub(crate) rows: usize,
    /// Where the first row's first number is.
    pub(crate) values: *const f32,
    /// Floats from row to row.
    pub(crate) row: usize,
    /// Floats from step to step.
    pub(crate) step: usize,
    pub(crate) lie: Rows,
}

impl Panel {
    /// Its numbers from a step on, without a right side.
    pub(crate) fn from_step(&self, step: usize) -> Strip {
        let left = self.values.wrapping_add(step * self.step);
        Strip {
            left_row: self.row,
            left_step: self.step,
            ..Strip::dense(left, self.rows, std::ptr::null(), 0, 0)
        }
    }
}

/// The rows of a matrix where they are.
#[derive(Debug)]
pub(crate) struct RowsInPlace<'a> {
    matrix: View<'a>,
    tiles: Tiles,
    height: usize,
    lie: Rows,
}

impl<'a> RowsInPlace<'a> {
    /// `None` where tiles cannot read them as they lie, or badly.
    pub(crate) fn of(matrix: View<'a>) -> Option<Self> {
        let View { values, rows, columns, row_stride, column_stride } = matrix;
        let lie = match (row_stride, column_stride) {
            (1, _) if !is_crowded(column_stride) => Rows::Beside,
            (_, 1) if !is_crowded(row_stride) => Rows::Apart,
            _ => return None,
        };
        if rows * columns > 0 {
            assert!(values.len() > (rows - 1) * row_stride + (columns - 1) * column_stride);
        }
        let tiles = Tiles::current();
        Some(Self { matrix, tiles, height: panel_height(tiles, rows.max(1)), lie })
    }
}

impl Left for RowsInPlace<'_> {
    fn rows(&self) -> usize {
        self.matrix.rows
    }

    fn depth(&self) -> usize {
        self.matrix.columns
    }

    fn tiles(&self) -> Tiles {
        self.tiles
    }

    fn num_panels(&self) -> usize {
        self.matrix.rows.div_ceil(self.height)
    }

    fn panel(&self, index: usize) -> Panel {
        let View { values, rows, row_stride, column_stride, .. } = self.matrix;
        let first = index * self.height;
        let values = values[first * row_stride..].as_ptr();
        let rows = self.height.min(rows - first);
        Panel { first, rows, values, row: row_stride, step: column_stride, lie: self.lie }
    }
}

/// The rows of a matrix as a product with so many columns reads them best.
pub(crate) fn rows_of<'a>(matrix: View<'a>, columns: usize) -> Box<dyn Left + 'a> {
    match RowsInPlace::of(matrix).filter(|_| columns <= FEW_COLUMNS) {
        Some(rows) => Box::new(rows),
        None => Box::new(PackedRows::of(matrix)),
    }
}
