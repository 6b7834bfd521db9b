//! Products of a left side, packed or as it lies, with a right side that is packed block by block.
//!
//! Each number of the output is summed over the same blocks of steps in the same order, however
//! the work is shared out, so that the result does not depend on the number of threads.

use std::ops::Range;

use super::interleave::interleave;
use super::left::{Left, Panel, is_crowded};
use super::packed::View;
use super::packed_columns::PackedColumns;
use super::tile::{Strip, Tiles};
use crate::scratch::{Shared, with_scratch};
use crate::team;

/// Steps that are summed before the next block of the right side: a panel of so many steps and
/// one tile wide stays in the first-level cache.
const DEPTH: usize = 256;
/// Columns of the largest block of the right side: so many for [`DEPTH`] steps fit a half of the
/// second-level cache.
const COLUMNS: usize = 512;
/// Panels of the left side that are taken through a block of the right side together: their steps
/// of one depth fit the other half.
const PANELS: usize = 24;
/// The most numbers of a right side that are packed at once for all threads, where they share out
/// the rows of the left side.
const SHARED: usize = 1 << 18;
/// Panels of the left side for which rows of the right side are not worth packing.
const FEW_READS: usize = 12;
/// Products with fewer multiplications than this are not worth a second thread.
const PARALLEL: usize = 1 << 22;

/// The right side of a product.
pub(crate) trait Columns: Sync {
    /// What a block of columns needs before its steps are packed.
    type Block;

    /// The number of columns.
    fn columns(&self) -> usize;

    /// Steps that lie evenly apart and are followed by others that begin elsewhere; blocks of steps
    /// are made of whole runs where those are not too long. 1 where all steps are alike.
    fn run(&self) -> usize {
        1
    }

    /// Prepares a range of columns.
    fn block(&self, columns: Range<usize>) -> Self::Block;

    /// Writes the numbers of the columns from `first` on (at most `width`) at `steps`: for each
    /// step, one number for each column, `width` apart. Numbers of columns past the end are of no
    /// meaning.
    fn pack(
        &self,
        block: &mut Self::Block,
        first: usize,
        width: usize,
        steps: Range<usize>,
        panel: &mut [f32],
    );

    /// Where the numbers of a whole tile's columns at `steps` are already, and how far it is from
    /// step to step; `None` where they have to be packed, or are better packed to be read `reads`
    /// times.
    fn in_place(
        &self,
        _first: usize,
        _width: usize,
        _steps: Range<usize>,
        _reads: usize,
    ) -> Option<InPlace<'_>> {
        None
    }
}

/// Columns that need not be packed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InPlace<'a> {
    /// From the first step's first column on.
    pub(crate) values: &'a [f32],
    /// Floats from step to step.
    pub(crate) step: usize,
    /// Runs of steps, and floats from the first step of one to that of the next.
    pub(crate) runs: [usize; 2],
}

impl<'a> InPlace<'a> {
    /// Steps that lie evenly apart.
    pub(crate) fn evenly(values: &'a [f32], step: usize) -> Self {
        Self { values, step, runs: [1, 0] }
    }
}

/// Where the output of a product goes.
pub(crate) trait Output: Sync {
    /// The place of `rows` by `columns` as a pointer and a row stride, where each row's columns
    /// follow each other without gaps.
    fn direct(&self, rows: Range<usize>, columns: Range<usize>) -> Option<(*mut f32, usize)>;

    /// Writes or adds a tile (`stride` floats from row to row) that has no direct place.
    fn scatter(
        &self,
        tile: &[f32],
        stride: usize,
        rows: Range<usize>,
        columns: Range<usize>,
        add: bool,
    );

    /// Does what comes after the sums of `columns` of all rows are made.
    fn finish(&self, _rows: Range<usize>, _columns: Range<usize>) {}
}

/// Writes `left × right` to `output`, which holds nothing before.
pub(crate) fn multiply<C: Columns>(left: &dyn Left, right: &C, output: &impl Output) {
    if left.rows() * left.depth() * right.columns() == 0 {
        return;
    }
    let blocks = Blocks::new(left, right.columns());
    let (width, reads) = (left.tiles().columns, blocks.panels_each);
    let steps = 0..left.depth().min(block_depth(left.depth(), right.run()));
    if blocks.row_blocks() > 1 && right.in_place(0, width, steps, reads).is_none() {
        // Once for all rather than once for each block of rows.
        multiply_blocks(left, &PackedColumns::of(right, left.depth()), output, &blocks);
    } else {
        multiply_blocks(left, right, output, &blocks);
    }
}

fn multiply_blocks<C: Columns>(left: &dyn Left, right: &C, output: &impl Output, blocks: &Blocks) {
    let run = |index: usize| {
        let (panels, columns) = blocks.at(index);
        multiply_block(left, right, output, panels, columns);
    };
    team::for_each(blocks.len(), run);
}

/// How a product is cut up for several threads.
struct Blocks {
    num_panels: usize,
    panels_each: usize,
    num_columns: usize,
    columns_each: usize,
}

impl Blocks {
    fn new(left: &dyn Left, num_columns: usize) -> Self {
        let (num_panels, tile) = (left.num_panels(), left.tiles().columns);
        let whole = Self {
            num_panels,
            panels_each: num_panels,
            num_columns,
            columns_each: COLUMNS.min(num_columns.next_multiple_of(tile)),
        };
        let threads = team::num_threads();
        if left.rows() * left.depth() * num_columns < PARALLEL || threads == 1 {
            // One thread still goes block by block.
            return whole;
        }
        let wanted = threads * 4;
        if left.rows() >= num_columns && left.depth() * num_columns <= SHARED {
            let panels_each = num_panels.div_ceil(wanted);
            let column_blocks = wanted.div_ceil(num_panels.div_ceil(panels_each));
            return Self { panels_each, ..whole }.with_column_blocks(column_blocks, tile);
        }
        let by_columns = whole.with_column_blocks(wanted, tile);
        // Rows are shared out too only where some thread would else have nothing to do.
        let row_blocks = (threads * 2).div_ceil(by_columns.column_blocks());
        Self { panels_each: num_panels.div_ceil(row_blocks), ..by_columns }
    }

    /// As many blocks of columns, or more where they would be too wide, or fewer where there are
    /// fewer tiles.
    fn with_column_blocks(self, wanted: usize, tile: usize) -> Self {
        let tiles_each = self.num_columns.div_ceil(tile).div_ceil(wanted);
        Self { columns_each: COLUMNS.min(tiles_each * tile), ..self }
    }

    fn row_blocks(&self) -> usize {
        self.num_panels.div_ceil(self.panels_each)
    }

    fn column_blocks(&self) -> usize {
        self.num_columns.div_ceil(self.columns_each)
    }

    fn len(&self) -> usize {
        self.column_blocks() * self.row_blocks()
    }

    fn at(&self, index: usize) -> (Range<usize>, Range<usize>) {
        let cut = |index: usize, each: usize, all: usize| index * each..all.min((index + 1) * each);
        let (rows, columns) = (index / self.column_blocks(), index % self.column_blocks());
        (
            cut(rows, self.panels_each, self.num_panels),
            cut(columns, self.columns_each, self.num_columns),
        )
    }
}

fn multiply_block<C: Columns>(
    left: &dyn Left,
    right: &C,
    output: &impl Output,
    panels: Range<usize>,
    columns: Range<usize>,
) {
    let tiles = left.tiles();
    let width = tiles.columns;
    let num_tiles = columns.len().div_ceil(width);
    let depth = block_depth(left.depth(), right.run());
    let mut block = right.block(columns.clone());
    with_scratch(num_tiles * depth * width, |packed| {
        for start in (0..left.depth()).step_by(depth) {
            let steps = start..left.depth().min(start + depth);
            for (tile, panel) in packed.chunks_exact_mut(depth * width).enumerate() {
                let first = columns.start + tile * width;
                if right.in_place(first, width, steps.clone(), panels.len()).is_none() {
                    right.pack(&mut block, first, width, steps.clone(), panel);
                }
            }
            for part in panels.clone().step_by(PANELS) {
                let part = part..panels.end.min(part + PANELS);
                for (tile, panel) in packed.chunks_exact(depth * width).enumerate() {
                    let first = columns.start + tile * width;
                    let tile_columns = first..columns.end.min(first + width);
                    let panel = right
                        .in_place(first, width, steps.clone(), panels.len())
                        .unwrap_or_else(|| InPlace::evenly(panel, width));
                    for rows in part.clone().map(|index| left.panel(index)) {
                        let columns = tile_columns.clone();
                        multiply_tile(tiles, rows, panel, steps.clone(), output, columns);
                    }
                }
            }
        }
    });
    let last = left.panel(panels.end - 1);
    output.finish(left.panel(panels.start).first..last.first + last.rows, columns);
}

/// The steps of a block.
fn block_depth(depth: usize, run: usize) -> usize {
    if (2..=DEPTH).contains(&run) {
        return DEPTH / run * run;
    }
    // Blocks of about the same depth, so that the last is not a stump.
    depth.div_ceil(depth.div_ceil(DEPTH))
}

fn multiply_tile(
    tiles: Tiles,
    rows: Panel,
    right: InPlace<'_>,
    steps: Range<usize>,
    output: &impl Output,
    columns: Range<usize>,
) {
    let width = tiles.columns;
    let multiply = tiles.of_rows_that_lie(rows.rows, rows.lie);
    let add = steps.start > 0;
    let InPlace { values, step: right_step, runs: [runs, right_run] } = right;
    let len = steps.len() / runs;
    assert!(values.len() >= (runs - 1) * right_run + (len - 1) * right_step + width);
    let left = rows.from_step(steps.start);
    let strip = Strip { right: values.as_ptr(), len, right_step, runs, right_run, ..left };
    let row_range = rows.first..rows.first + rows.rows;
    let direct = (columns.len() == width)
        .then(|| output.direct(row_range.clone(), columns.clone()))
        .flatten();
    if let Some((place, stride)) = direct {
        // SAFETY: `Tiles::current` chose tiles of this machine; the panels hold all steps; and
        // `direct` gives a place for all rows and columns that no other thread has.
        unsafe { multiply(strip, place, stride, add) };
        return;
    }
    let mut tile = [0.0; 14 * 32];
    // SAFETY: as above, and no tile is larger than 14 rows of 32 columns.
    unsafe { multiply(strip, tile.as_mut_ptr(), width, false) };
    output.scatter(&tile, width, row_range, columns, add);
}

/// The columns of a matrix.
pub(crate) struct MatrixColumns<'a>(pub(crate) View<'a>);

impl Columns for MatrixColumns<'_> {
    type Block = ();

    fn columns(&self) -> usize {
        self.0.columns
    }

    fn block(&self, _: Range<usize>) {}

    fn pack(
        &self,
        (): &mut (),
        first: usize,
        width: usize,
        steps: Range<usize>,
        panel: &mut [f32],
    ) {
        let View { values, columns, row_stride, column_stride, .. } = self.0;
        let len = width.min(columns - first);
        let source = &values[steps.start * row_stride + first * column_stride..];
        if row_stride == 1 {
            let panel = &mut panel[..steps.len() * width];
            interleave(source, column_stride, len, panel, width);
            return;
        }
        for (step, numbers) in panel.chunks_exact_mut(width).take(steps.len()).enumerate() {
            let row = &source[step * row_stride..];
            if column_stride == 1 && len == width {
                copy_tile(row, numbers);
            } else {
                for (column, number) in numbers[..len].iter_mut().enumerate() {
                    *number = row[column * column_stride];
                }
            }
        }
    }

    fn in_place(
        &self,
        first: usize,
        width: usize,
        steps: Range<usize>,
        reads: usize,
    ) -> Option<InPlace<'_>> {
        columns_in_place(self.0, first, width, steps, reads)
    }
}

/// As [`Columns::in_place`] for a matrix.
pub(crate) fn columns_in_place(
    matrix: View<'_>,
    first: usize,
    width: usize,
    steps: Range<usize>,
    reads: usize,
) -> Option<InPlace<'_>> {
    let View { values, columns, row_stride, column_stride, .. } = matrix;
    let is_whole = column_stride == 1 && first + width <= columns;
    let is_read_well = reads == 1 || reads <= FEW_READS && !is_crowded(row_stride);
    (is_whole && is_read_well)
        .then(|| InPlace::evenly(&values[steps.start * row_stride + first..], row_stride))
}

/// Copies the columns of one step: always a number of whole registers, which a call to copy
/// memory of any length would not know.
#[inline]
fn copy_tile(from: &[f32], to: &mut [f32]) {
    let from = &from[..to.len()];
    for (from, to) in from.as_chunks::<8>().0.iter().zip(to.as_chunks_mut::<8>().0) {
        *to = *from;
    }
}

/// A matrix without gaps.
pub(crate) struct MatrixOutput {
    values: Shared,
    columns: usize,
}

impl MatrixOutput {
    /// `values` are the rows of `columns` each.
    pub(crate) fn new(values: &mut [f32], columns: usize) -> Self {
        Self { values: Shared::new(values), columns }
    }

    /// The numbers of a row from `columns.start` to `columns.end`.
    ///
    /// # Safety
    ///
    /// No other thread has them, and they are written.
    #[allow(clippy::mut_from_ref, reason = "the caller promises that nobody else has them")]
    pub(crate) unsafe fn row(&self, row: usize, columns: Range<usize>) -> &mut [f32] {
        let first = self.values.pointer().wrapping_add(row * self.columns + columns.start);
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(first, columns.len()) }
    }
}

impl Output for MatrixOutput {
    fn direct(&self, rows: Range<usize>, columns: Range<usize>) -> Option<(*mut f32, usize)> {
        let first = rows.start * self.columns + columns.start;
        Some((self.values.pointer().wrapping_add(first), self.columns))
    }

    fn scatter(
        &self,
        tile: &[f32],
        stride: usize,
        rows: Range<usize>,
        columns: Range<usize>,
        add: bool,
    ) {
        for (row, sums) in rows.zip(tile.chunks(stride)) {
            let first = self.values.pointer().wrapping_add(row * self.columns);
            for (column, sum) in columns.clone().zip(sums) {
                // SAFETY: the tile is this thread's alone, and inside the matrix.
                unsafe {
                    let at = first.add(column);
                    at.write(if add { *at + sum } else { *sum });
                }
            }
        }
    }
}
