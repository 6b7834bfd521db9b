//! The gradient of a convolution's weights.
//!
//! A number of the kernel is the product of the output's gradient with the input that it read,
//! summed over all places. With the channels of the input next to each other, what a number of the
//! kernel reads at one place is one run of numbers, and at the next place the same run further on:
//! so each number of the kernel is a product over the same copy of the input, read from another
//! place.

use super::{Shape, depthwise, winograd, winograd_weights};
use crate::operation::Mode;
use crate::product::interleave::interleave;
use crate::product::left::Left;
use crate::product::packed::{PackedRows, View};
use crate::product::tile::{Strip, Tiles};
use crate::team;

/// Places that are summed before the next tile, so that what they read stays in the caches.
const PLACES: usize = 256;
/// Sums that several threads make side by side where the kernel is too small for them.
const PARTS: usize = 8;

/// # Shapes
///
/// - `x`: `[B, C, input]`
/// - `dy`: `[B, K, output]`
/// - returns: `[K, C / groups, kernel]`
pub(super) fn weight_gradient(shape: &Shape, x: &[f32], dy: &[f32]) -> Vec<f32> {
    if shape.is_depthwise() {
        return depthwise::weight_gradient(shape, x, dy);
    }
    let [inputs, outputs] = shape.group_channels();
    let len = outputs * inputs * shape.taps();
    let mut gradient = vec![0.0; shape.options.groups * len];
    let by_tiles = winograd::suits(shape, shape.output, Mode::Training);
    for (group, gradient) in gradient.chunks_exact_mut(len).enumerate() {
        if by_tiles {
            winograd_weights::group_gradient(shape, x, dy, group, gradient);
        } else {
            group_gradient(shape, x, dy, group, gradient);
        }
    }
    gradient
}

fn group_gradient(shape: &Shape, x: &[f32], dy: &[f32], group: usize, gradient: &mut [f32]) {
    let [inputs, outputs] = shape.group_channels();
    let layout = Layout::new(shape, inputs);
    let rows: Vec<(PackedRows, Vec<f32>)> = team::map(shape.rows, |row| {
        let places = shape.output[0] * shape.output[1];
        let first = (row * shape.channels[1] + group * outputs) * places;
        let left = PackedRows::of(View::dense(&dy[first..], outputs, places));
        let map = shape.input[0] * shape.input[1];
        let first = (row * shape.channels[0] + group * inputs) * map;
        (left, layout.copy(shape, &x[first..][..inputs * map]))
    });

    // Of the shape alone: the order of the sums must not depend on the threads.
    let parts = PARTS.div_ceil(layout.tiles.len()).min(shape.rows);
    let rows_each = shape.rows.div_ceil(parts);
    let tasks: Vec<(usize, usize)> = (0..layout.tiles.len())
        .flat_map(|tile| (0..shape.rows.div_ceil(rows_each)).map(move |part| (tile, part)))
        .collect();
    let sums: Vec<Vec<f32>> = team::map(tasks.len(), |task| {
        let (tile, part) = tasks[task];
        let rows = &rows[part * rows_each..shape.rows.min((part + 1) * rows_each)];
        layout.sums(shape, &layout.tiles[tile], rows)
    });
    let each = inputs * shape.taps();
    team::chunks_mut(gradient, each, |output, gradient| {
        for (&(tile, _), sums) in tasks.iter().zip(&sums) {
            let sums = &sums[output * layout.width..][..layout.width];
            layout.tiles[tile].add(shape, layout.width, sums, gradient);
        }
    });
}

/// How a row's maps are laid out, and the tiles of the product.
struct Layout {
    /// Height and width of the copy, with its padding.
    size: [usize; 2],
    blocks: Vec<Block>,
    tiles: Vec<TileColumns>,
    /// Columns of a tile.
    width: usize,
}

/// Channels that stand next to each other at each place.
struct Block {
    first: usize,
    channels: usize,
    /// Where the block begins in the copy.
    start: usize,
}

/// What the columns of one tile are.
struct TileColumns {
    /// Where the tile's first column reads for the first place, in the copy.
    start: usize,
    block: usize,
    /// The line of the kernel.
    down: usize,
    /// The columns: a place across the kernel and a channel each.
    columns: Vec<[usize; 2]>,
}

impl Layout {
    fn new(shape: &Shape, inputs: usize) -> Self {
        let width = Tiles::current().columns;
        let size = [0, 1].map(|axis| {
            let options = &shape.options;
            (shape.output[axis] - 1) * options.stride[axis]
                + (shape.kernel[axis] - 1) * options.dilation[axis]
                + 1
        });
        let mut blocks = Vec::new();
        for first in (0..inputs).step_by(width) {
            let channels = width.min(inputs - first);
            blocks.push(Block { first, channels, start: first * size[0] * size[1] });
        }
        let mut layout = Self { size, blocks, tiles: Vec::new(), width };
        layout.tiles =
            (0..layout.blocks.len()).flat_map(|block| layout.block_tiles(shape, block)).collect();
        layout
    }

    fn block_tiles(&self, shape: &Shape, index: usize) -> Vec<TileColumns> {
        let block = &self.blocks[index];
        let [dilation_down, dilation_across] = shape.options.dilation;
        let all: Vec<[usize; 2]> = (0..shape.kernel[1])
            .flat_map(|across| (0..block.channels).map(move |channel| [across, channel]))
            .collect();
        // Without dilation, the places across the kernel are next to each other as well.
        let run = if dilation_across == 1 { all.len() } else { block.channels };
        let mut tiles = Vec::new();
        for down in 0..shape.kernel[0] {
            for columns in all.chunks(run).flat_map(|run| run.chunks(self.width)) {
                let [across, channel] = columns[0];
                let place = down * dilation_down * self.size[1] + across * dilation_across;
                let start = block.start + place * block.channels + channel;
                tiles.push(TileColumns { start, block: index, down, columns: columns.to_vec() });
            }
        }
        tiles
    }

    /// A row's maps, padded, with the channels of each block next to each other.
    fn copy(&self, shape: &Shape, maps: &[f32]) -> Vec<f32> {
        let [height, width] = shape.input;
        let [[top, _], [left, _]] = shape.options.padding;
        let channels: usize = self.blocks.iter().map(|block| block.channels).sum();
        // Room for the last tile to read past its columns.
        let mut copy = vec![0.0; channels * self.size[0] * self.size[1] + self.width];
        let shown = width.min(self.size[1].saturating_sub(left));
        for block in &self.blocks {
            for line in 0..height.min(self.size[0].saturating_sub(top)) {
                let place = (line + top) * self.size[1] + left;
                let to = &mut copy[block.start + place * block.channels..];
                let to = &mut to[..shown * block.channels];
                let from = &maps[block.first * height * width + line * width..];
                interleave(from, height * width, block.channels, to, block.channels);
            }
        }
        copy
    }

    /// The sums of a tile over the places of rows: `[K / groups, width]`.
    fn sums(&self, shape: &Shape, tile: &TileColumns, rows: &[(PackedRows, Vec<f32>)]) -> Vec<f32> {
        let [_, outputs] = shape.group_channels();
        let mut sums = vec![0.0; outputs * self.width];
        let lines_each = (PLACES / shape.output[1]).max(1);
        for (left, copy) in rows {
            for first in (0..shape.output[0]).step_by(lines_each) {
                let lines = lines_each.min(shape.output[0] - first);
                self.add_lines(shape, tile, left, copy, first..first + lines, &mut sums);
            }
        }
        sums
    }

    fn add_lines(
        &self,
        shape: &Shape,
        tile: &TileColumns,
        left: &PackedRows,
        copy: &[f32],
        lines: std::ops::Range<usize>,
        sums: &mut [f32],
    ) {
        let [stride_down, stride_across] = shape.options.stride;
        let channels = self.blocks[tile.block].channels;
        let run = stride_down * self.size[1] * channels;
        let right = &copy[tile.start + lines.start * run..];
        let right_step = stride_across * channels;
        let last = (lines.len() - 1) * run + (shape.output[1] - 1) * right_step;
        assert!(last + self.width <= right.len(), "the copy has room for every tile");
        for panel in (0..left.num_panels()).map(|index| left.panel(index)) {
            let strip = Strip {
                right: right.as_ptr(),
                len: shape.output[1],
                right_step,
                runs: lines.len(),
                right_run: run,
                ..panel.from_step(lines.start * shape.output[1])
            };
            let sums = &mut sums[panel.first * self.width..][..panel.rows * self.width];
            // SAFETY: the panel holds all places, the copy was checked above, and `sums` holds the
            // panel's rows; the tiles are this machine's.
            unsafe { left.tiles.of_rows(panel.rows)(strip, sums.as_mut_ptr(), self.width, true) };
        }
    }
}

impl TileColumns {
    /// Adds the sums of one channel that goes out to that channel's gradient.
    fn add(&self, shape: &Shape, width: usize, sums: &[f32], gradient: &mut [f32]) {
        let taps = shape.taps();
        // Blocks are as wide as tiles.
        let first = self.block * width;
        for (&[across, channel], sum) in self.columns.iter().zip(sums) {
            gradient[(first + channel) * taps + self.down * shape.kernel[1] + across] += sum;
        }
    }
}
