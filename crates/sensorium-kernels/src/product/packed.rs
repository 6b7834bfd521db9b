//! The left side of a product, laid out in the order in which tiles read it.

use std::ops::Range;

use super::interleave::interleave;
use super::left::{Left, Panel};
use super::resident::{LeftPanels, Order};
use super::tile::{Rows, Tiles};
use crate::scratch::Aligned;
use crate::team;

/// A matrix somewhere in an array.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Floats from one row to the next.
    pub(crate) row_stride: usize,
    /// Floats from one column to the next.
    pub(crate) column_stride: usize,
}

impl<'a> View<'a> {
    /// A matrix whose rows follow each other without gaps.
    pub(crate) fn dense(values: &'a [f32], rows: usize, columns: usize) -> Self {
        debug_assert!(values.len() >= rows * columns);
        Self { values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// Rows of the left side of a product, in panels as high as a tile: for each panel, all its steps,
/// and for each step one number for each of its rows.
#[derive(Debug)]
pub(crate) struct PackedRows {
    values: Aligned,
    pub(crate) rows: usize,
    /// The numbers in a row.
    pub(crate) depth: usize,
    pub(crate) tiles: Tiles,
}

/// As few numbers as are worth a second thread.
pub(super) const PARALLEL: usize = 1 << 18;

impl PackedRows {
    /// Packs the rows of a matrix.
    pub(crate) fn of(matrix: View<'_>) -> Self {
        Self::with(matrix.rows, matrix.columns, |rows, panel| pack(matrix, rows, panel))
    }

    /// Packs rows that `pack` writes: it is given the rows of a panel, and where their numbers go,
    /// and writes all of them.
    pub(crate) fn with(
        rows: usize,
        depth: usize,
        pack: impl Fn(Range<usize>, &mut [f32]) + Sync,
    ) -> Self {
        let tiles = Tiles::current();
        let height = tiles.rows();
        let one = |index: usize, panel: &mut [f32]| {
            let first = index * height;
            pack(first..rows.min(first + height), panel);
        };
        let len = (height * depth).max(1);
        let write = |panels: &mut [f32]| {
            team::chunks_mut_if(rows * depth >= PARALLEL, panels, len, one);
        };
        // SAFETY: `pack` writes every number of its panel.
        let values = unsafe { Aligned::written(rows * depth, write) };
        Self { values, rows, depth, tiles }
    }

    /// Some of the rows; both ends are those of panels.
    pub(crate) fn panels(&self, rows: Range<usize>) -> LeftPanels<'_> {
        let (height, depth) = (self.tiles.rows(), self.depth);
        let values = &self.values.values()[rows.start * depth..];
        LeftPanels { values, rows: rows.len(), height, depth, order: Order::PanelByPanel }
    }
}

impl Left for PackedRows {
    fn rows(&self) -> usize {
        self.rows
    }

    fn depth(&self) -> usize {
        self.depth
    }

    fn tiles(&self) -> Tiles {
        self.tiles
    }

    fn num_panels(&self) -> usize {
        self.rows.div_ceil(self.tiles.rows())
    }

    fn panel(&self, index: usize) -> Panel {
        let first = index * self.tiles.rows();
        let rows = self.tiles.rows().min(self.rows - first);
        let values = &self.values.values()[first * self.depth..];
        Panel { first, rows, values: values.as_ptr(), row: 1, step: rows, lie: Rows::Beside }
    }
}

fn pack(matrix: View<'_>, rows: Range<usize>, panel: &mut [f32]) {
    let height = rows.len();
    let source = &matrix.values[rows.start * matrix.row_stride..];
    if matrix.column_stride == 1 {
        interleave(source, matrix.row_stride, height, panel, height);
        return;
    }
    for (step, numbers) in panel.chunks_exact_mut(height).enumerate() {
        let column = &source[step * matrix.column_stride..];
        if matrix.row_stride == 1 {
            numbers.copy_from_slice(&column[..height]);
        } else {
            for (row, number) in numbers.iter_mut().enumerate() {
                *number = column[row * matrix.row_stride];
            }
        }
    }
}
