//! The left side of a product, laid out in the order in which tiles read it.

use std::ops::Range;

use rayon::prelude::*;

use super::interleave::interleave;
use super::resident::{LeftPanels, Order};
use super::tile::Tiles;
use crate::scratch::Aligned;

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

/// One panel of [`PackedRows`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel {
    /// Its first row.
    pub(crate) first: usize,
    pub(crate) rows: usize,
    values: *const f32,
}

impl Panel {
    /// Where its numbers from `step` on are.
    pub(crate) fn from_step(&self, step: usize) -> *const f32 {
        self.values.wrapping_add(step * self.rows)
    }
}

/// As few numbers as are worth a second thread.
pub(super) const PARALLEL: usize = 1 << 18;

impl PackedRows {
    /// Packs the rows of a matrix.
    pub(crate) fn of(matrix: View<'_>) -> Self {
        Self::with(matrix.rows, matrix.columns, |rows, panel| pack(matrix, rows, panel))
    }

    /// Packs rows that `pack` writes: it is given the rows of a panel, and where their numbers go.
    pub(crate) fn with(
        rows: usize,
        depth: usize,
        pack: impl Fn(Range<usize>, &mut [f32]) + Sync,
    ) -> Self {
        let tiles = Tiles::current();
        let mut values = Aligned::zeros(rows * depth);
        let height = tiles.rows();
        let one = |(index, panel): (usize, &mut [f32])| {
            let first = index * height;
            pack(first..rows.min(first + height), panel);
        };
        let panels = &mut values.values_mut()[..rows * depth];
        let len = (height * depth).max(1);
        if rows * depth < PARALLEL {
            panels.chunks_mut(len).enumerate().for_each(one);
        } else {
            panels.par_chunks_mut(len).enumerate().for_each(one);
        }
        Self { values, rows, depth, tiles }
    }

    pub(crate) fn num_panels(&self) -> usize {
        self.rows.div_ceil(self.tiles.rows())
    }

    /// Some of the rows; both ends are those of panels.
    pub(crate) fn panels(&self, rows: Range<usize>) -> LeftPanels<'_> {
        let (height, depth) = (self.tiles.rows(), self.depth);
        let values = &self.values.values()[rows.start * depth..];
        LeftPanels { values, rows: rows.len(), height, depth, order: Order::PanelByPanel }
    }

    pub(crate) fn panel(&self, index: usize) -> Panel {
        let first = index * self.tiles.rows();
        let rows = self.tiles.rows().min(self.rows - first);
        Panel { first, rows, values: self.values.values()[first * self.depth..].as_ptr() }
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
