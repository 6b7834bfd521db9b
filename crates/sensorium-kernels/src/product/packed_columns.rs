//! The right side of a product, packed as a whole for several products.

use std::ops::Range;

use super::multiply::{Columns, InPlace, MatrixColumns};
use super::packed::{PARALLEL, View};
use super::tile::Tiles;
use crate::scratch::Aligned;
use crate::team;

/// Columns of the right side of a product, in panels as wide as a tile: for each panel, all its
/// steps, and for each step one number for each of its columns.
#[derive(Debug)]
pub(crate) struct PackedColumns {
    values: Aligned,
    pub(super) depth: usize,
    pub(crate) columns: usize,
    pub(crate) tiles: Tiles,
}

impl PackedColumns {
    /// Packs the columns of a matrix.
    pub(crate) fn of_matrix(matrix: View<'_>) -> Self {
        Self::of(&MatrixColumns(matrix), matrix.rows)
    }

    /// Packs columns of `depth` numbers each.
    pub(crate) fn of<C: Columns>(right: &C, depth: usize) -> Self {
        let (tiles, columns) = (Tiles::current(), right.columns());
        let width = tiles.columns;
        let len = width * depth;
        let num_panels = columns.div_ceil(width);
        let pack = |index: usize, panel: &mut [f32]| {
            let (first, last) = (index * width, columns.min((index + 1) * width));
            if last - first < width {
                panel.fill(0.0);
            }
            right.pack(&mut right.block(first..last), first, width, 0..depth, panel);
        };
        let write = |panels: &mut [f32]| {
            team::chunks_mut_if(columns * depth >= PARALLEL, panels, len, pack);
        };
        // SAFETY: `Columns::pack` writes the numbers of all columns that there are, and the others
        // are zero.
        let values = unsafe { Aligned::written(num_panels * len, write) };
        Self { values, depth, columns, tiles }
    }

    /// The numbers of a tile's columns at some steps.
    pub(super) fn panel(&self, first: usize, steps: Range<usize>) -> &[f32] {
        let width = self.tiles.columns;
        let panel = &self.values.values()[first * self.depth..][..width * self.depth];
        &panel[steps.start * width..steps.end * width]
    }
}

impl Columns for PackedColumns {
    type Block = ();

    fn columns(&self) -> usize {
        self.columns
    }

    fn block(&self, _: Range<usize>) {}

    fn pack(&self, (): &mut (), first: usize, _: usize, steps: Range<usize>, panel: &mut [f32]) {
        panel[..steps.len() * self.tiles.columns].copy_from_slice(self.panel(first, steps));
    }

    fn in_place(
        &self,
        first: usize,
        _: usize,
        steps: Range<usize>,
        _: usize,
    ) -> Option<InPlace<'_>> {
        Some(InPlace::evenly(self.panel(first, steps), self.tiles.columns))
    }
}
