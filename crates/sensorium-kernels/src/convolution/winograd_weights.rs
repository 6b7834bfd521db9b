//! The gradient of 3 × 3 kernels at stride 1, by tiles.
//!
//! The adjoint of [`super::winograd`]: with Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A, the gradient of g is
//! Gᵀ [Σ (A dY Aᵀ) ⊙ (Bᵀ d B)] G, and the sum over the tiles is a product for each of the 36
//! numbers. The channels stand next to each other in both sides, so a register holds one number of
//! many channels, and no number is moved between lanes.

use std::ops::Range;

use super::Shape;
use super::winograd::{IN, NUMBERS, OUT, input_column};
use crate::instruction_set::for_instruction_sets;
use crate::product::interleave::interleave;
use crate::product::tile::{Strip, Tiles};
use crate::scratch::{Aligned, with_scratch, written};
use crate::team;
use crate::vector::{Vector, for_vectors};

/// Tiles that are summed at once, so that their inputs stay in the second-level cache.
const TILES: usize = 48;
/// Sums that several threads make side by side where there are few channels.
const PARTS: usize = 8;
/// Columns of the widest tile.
const WIDEST: usize = 32;
/// Floats that a register may be longer than a panel is high.
const SLACK: usize = 16;

/// As [`super::weight_gradient::weight_gradient`] for one group: `[K, C, 3, 3]`.
pub(super) fn group_gradient(
    shape: &Shape,
    x: &[f32],
    dy: &[f32],
    group: usize,
    gradient: &mut [f32],
) {
    let layout = Layout::new(shape);
    let rows: Vec<Row> = team::map(shape.rows, |row| layout.row(shape, x, dy, group, row));

    // Of the shape alone: the order of the sums must not depend on the threads.
    let blocks = layout.inputs.div_ceil(layout.width);
    let parts = PARTS.div_ceil(blocks).min(shape.rows);
    let rows_each = shape.rows.div_ceil(parts);
    let tasks: Vec<(usize, usize)> = (0..blocks)
        .flat_map(|block| (0..shape.rows.div_ceil(rows_each)).map(move |part| (block, part)))
        .collect();
    let sums: Vec<Aligned> = team::map(tasks.len(), |task| {
        let (block, part) = tasks[task];
        let rows = &rows[part * rows_each..shape.rows.min((part + 1) * rows_each)];
        layout.sums(rows, block)
    });

    team::chunks_mut(gradient, layout.inputs * 9, |output, gradient| {
        let parts = sums.len() / blocks;
        for (block, sums) in sums.chunks_exact(parts).enumerate() {
            layout.add(sums, output, block, gradient);
        }
    });
}

/// How the channels and the tiles of a row are laid out.
struct Layout {
    inputs: usize,
    outputs: usize,
    /// Tiles down and across.
    grid: [usize; 2],
    tiles: Tiles,
    /// Channels of a block of inputs, as a tile of the product has columns.
    width: usize,
    /// Channels of a panel of outputs, as a tile of the product has rows.
    height: usize,
}

/// A row's maps.
struct Row {
    /// By blocks of channels that come in: padded maps, the channels next to each other.
    inputs: Vec<Aligned>,
    /// By panels of channels that go out: the transformed tiles of the output's gradient, for each
    /// of the 36 numbers one tile after the other, the channels next to each other.
    gradients: Vec<Vec<f32>>,
}

impl Layout {
    fn new(shape: &Shape) -> Self {
        let [inputs, outputs] = shape.group_channels();
        let tiles = Tiles::current();
        let grid = shape.output.map(|side| side.div_ceil(OUT));
        Self { inputs, outputs, grid, tiles, width: tiles.columns, height: tiles.rows() }
    }

    fn num_tiles(&self) -> usize {
        self.grid[0] * self.grid[1]
    }

    /// Height and width of a padded map that every tile is inside of.
    fn padded(&self) -> [usize; 2] {
        self.grid.map(|tiles| tiles * OUT + IN - OUT)
    }

    fn row(&self, shape: &Shape, x: &[f32], dy: &[f32], group: usize, row: usize) -> Row {
        let padding = shape.options.padding.map(|[before, _]| before);
        let map = shape.input[0] * shape.input[1];
        let first = (row * shape.channels[0] + group * self.inputs) * map;
        let x = &x[first..][..self.inputs * map];
        let block = |block: usize| {
            let channels = cut(block, self.width, self.inputs);
            self.beside(x, shape.input, channels, self.width, padding)
        };
        let places = shape.output[0] * shape.output[1];
        let first = (row * shape.channels[1] + group * self.outputs) * places;
        let dy = &dy[first..][..self.outputs * places];
        let panel = |panel: usize| {
            let channels = cut(panel, self.height, self.outputs);
            let height = channels.len();
            let maps = self.beside(dy, shape.output, channels, height, [0; 2]);
            let [_, line] = self.padded();
            let stride = self.num_tiles() * height + SLACK;
            let write = |transformed: &mut [f32]| {
                for number in transformed.chunks_exact_mut(stride) {
                    number[stride - SLACK..].fill(0.0);
                }
                transform_gradients(maps.values(), transformed, self.grid, line, height);
            };
            // SAFETY: all tiles of each number are transformed, and the rest of it is zero.
            unsafe { written(NUMBERS * stride, write) }
        };
        Row {
            inputs: (0..self.inputs.div_ceil(self.width)).map(block).collect(),
            gradients: (0..self.outputs.div_ceil(self.height)).map(panel).collect(),
        }
    }

    /// Maps in the size that the tiles need, `width` channels next to each other at each place.
    fn beside(
        &self,
        maps: &[f32],
        size: [usize; 2],
        channels: Range<usize>,
        width: usize,
        padding: [usize; 2],
    ) -> Aligned {
        let padded = self.padded();
        let mut copy = Aligned::zeros(padded[0] * padded[1] * width + SLACK);
        let lines = size[0].min(padded[0] - padding[0]);
        let shown = size[1].min(padded[1] - padding[1]);
        for line in 0..lines {
            let place = (line + padding[0]) * padded[1] + padding[1];
            let to = &mut copy.values_mut()[place * width..][..shown * width];
            let from = &maps[channels.start * size[0] * size[1] + line * size[1]..];
            interleave(from, size[0] * size[1], channels.len(), to, width);
        }
        copy
    }

    /// The sums of a block of inputs over rows: `[36, K, width]`.
    fn sums(&self, rows: &[Row], block: usize) -> Aligned {
        let write = |sums: &mut [f32]| {
            with_scratch(NUMBERS * TILES * self.width, |transformed| {
                for (index, row) in rows.iter().enumerate() {
                    for first in (0..self.num_tiles()).step_by(TILES) {
                        let tiles = first..self.num_tiles().min(first + TILES);
                        let [_, across] = self.grid;
                        let places = [tiles.start, tiles.end, across, self.padded()[1]];
                        transform_inputs(row.inputs[block].values(), transformed, places);
                        self.sum_tiles(row, transformed, tiles, sums, index + first > 0);
                    }
                }
            });
        };
        // SAFETY: the first tiles write every sum, and no part is without rows.
        unsafe { Aligned::written(NUMBERS * self.outputs * self.width, write) }
    }

    /// Writes the sums over some tiles, or adds them to what is there.
    fn sum_tiles(
        &self,
        row: &Row,
        inputs: &[f32],
        tiles: Range<usize>,
        sums: &mut [f32],
        add: bool,
    ) {
        for number in 0..NUMBERS {
            let right = &inputs[number * tiles.len() * self.width..][..tiles.len() * self.width];
            for (panel, gradients) in row.gradients.iter().enumerate() {
                let channels = cut(panel, self.height, self.outputs);
                let height = channels.len();
                let start = number * (self.num_tiles() * height + SLACK) + tiles.start * height;
                let left = &gradients[start..][..tiles.len() * height];
                let at = (number * self.outputs + channels.start) * self.width;
                let sums = &mut sums[at..][..height * self.width];
                let (left, right) = (left.as_ptr(), right.as_ptr());
                let strip = Strip::dense(left, height, right, tiles.len(), self.width);
                // SAFETY: the slices hold all tiles and rows; the tiles are this machine's.
                unsafe { self.tiles.of_rows(height)(strip, sums.as_mut_ptr(), self.width, add) };
            }
        }
    }

    /// Adds the sums of all parts for one channel that goes out, transformed back.
    fn add(&self, parts: &[Aligned], output: usize, block: usize, gradient: &mut [f32]) {
        let mut lines = [[0.0; WIDEST]; NUMBERS];
        for (number, line) in lines.iter_mut().enumerate() {
            let at = (number * self.outputs + output) * self.width;
            for sums in parts {
                let sums = &sums.values()[at..][..self.width];
                line.iter_mut().zip(sums).for_each(|(line, sum)| *line += sum);
            }
        }
        let mut kernels = [[0.0; WIDEST]; 9];
        kernel_gradients(&lines, &mut kernels);
        for (lane, channel) in cut(block, self.width, self.inputs).enumerate() {
            let kernel = &mut gradient[channel * 9..][..9];
            kernel.iter_mut().zip(&kernels).for_each(|(number, lanes)| *number = lanes[lane]);
        }
    }
}

/// The `index`-th part of `all` when each has `each`.
fn cut(index: usize, each: usize, all: usize) -> Range<usize> {
    index * each..all.min((index + 1) * each)
}

for_instruction_sets! {
    /// Gᵀ s G of every lane.
    fn kernel_gradients(numbers: &[[f32; WIDEST]; NUMBERS], kernels: &mut [[f32; WIDEST]; 9]) {
        let mut half = [[0.0; WIDEST]; 3 * IN];
        for across in 0..IN {
            let column = std::array::from_fn(|down| &numbers[down * IN + across]);
            gradient_column(column, &mut half, [across, IN]);
        }
        for down in 0..3 {
            let row = std::array::from_fn(|across| &half[down * IN + across]);
            gradient_column(row, kernels, [down * 3, 1]);
        }
    }
}

/// Gᵀ s of every lane, to three places of which `[first, step]` says where they are.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
fn gradient_column(
    [a, b, c, d, e, f]: [&[f32; WIDEST]; IN],
    to: &mut [[f32; WIDEST]],
    [first, step]: [usize; 2],
) {
    for lane in 0..WIDEST {
        let (sum, wide) = (b[lane] + c[lane], d[lane] + e[lane]);
        let (turn, tilt) = (c[lane] - b[lane], d[lane] - e[lane]);
        to[first][lane] = a[lane] / 4.0 - sum / 6.0 + wide / 24.0;
        to[first + step][lane] = turn / 6.0 + tilt / 12.0;
        to[first + 2 * step][lane] = f[lane] - sum / 6.0 + wide / 6.0;
    }
}

for_vectors! {
    /// Bᵀ d B of the tiles from `places[0]` to `places[1]` of maps whose channels stand next to
    /// each other: `places[2]` tiles and `places[3]` places to a line.
    fn transform_inputs(maps: &[f32], transformed: &mut [f32], places: [usize; 4]) = input_tiles;

    /// A dY Aᵀ of all tiles of such maps, of a panel of `height` channels.
    fn transform_gradients(
        maps: &[f32],
        transformed: &mut [f32],
        grid: [usize; 2],
        line: usize,
        height: usize,
    ) = gradient_tiles;
}

/// # Safety
///
/// Needs the instruction set of `V`.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
unsafe fn input_tiles<V: Vector>(
    maps: &[f32],
    transformed: &mut [f32],
    [first, end, across, line]: [usize; 4],
) {
    let width = 2 * V::LANES;
    let last = ((end - 1) / across * OUT + IN - 1) * line + line;
    assert!(maps.len() >= last * width && transformed.len() >= NUMBERS * (end - first) * width);
    for tile in first..end {
        let origin = (tile / across * OUT * line + tile % across * OUT) * width;
        for lanes in [0, V::LANES] {
            // SAFETY: as the lengths above say.
            unsafe {
                let from = maps.as_ptr().add(origin + lanes);
                let mut half = [V::zero(); NUMBERS];
                for across in 0..IN {
                    let d = [0, 1, 2, 3, 4, 5]
                        .map(|down: usize| V::load(from.add((down * line + across) * width)));
                    for (down, value) in input_column(d).into_iter().enumerate() {
                        half[down * IN + across] = value;
                    }
                }
                for down in 0..IN {
                    let row = [0, 1, 2, 3, 4, 5].map(|across| half[down * IN + across]);
                    for (across, value) in input_column(row).into_iter().enumerate() {
                        let number = down * IN + across;
                        let at = (number * (end - first) + tile - first) * width + lanes;
                        value.store(transformed.as_mut_ptr().add(at));
                    }
                }
            }
        }
    }
}

/// # Safety
///
/// Needs the instruction set of `V`.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
unsafe fn gradient_tiles<V: Vector>(
    maps: &[f32],
    transformed: &mut [f32],
    [down, across]: [usize; 2],
    line: usize,
    height: usize,
) {
    let stride = down * across * height + SLACK;
    let last = (down * OUT - 1) * line + across * OUT;
    assert!(maps.len() >= last * height + SLACK && transformed.len() >= NUMBERS * stride);
    for tile in 0..down * across {
        let origin = (tile / across * OUT * line + tile % across * OUT) * height;
        // A register may reach past the panel, into the next tile's numbers, which come later.
        for lanes in (0..height).step_by(V::LANES) {
            // SAFETY: as the lengths above say.
            unsafe {
                let from = maps.as_ptr().add(origin + lanes);
                let mut half = [V::zero(); IN * OUT];
                for across in 0..OUT {
                    let d = [0, 1, 2, 3]
                        .map(|down: usize| V::load(from.add((down * line + across) * height)));
                    for (down, value) in spread_column(d).into_iter().enumerate() {
                        half[down * OUT + across] = value;
                    }
                }
                for down in 0..IN {
                    let row = [0, 1, 2, 3].map(|across| half[down * OUT + across]);
                    for (across, value) in spread_column(row).into_iter().enumerate() {
                        let at = (down * IN + across) * stride + tile * height + lanes;
                        value.store(transformed.as_mut_ptr().add(at));
                    }
                }
            }
        }
    }
}

/// A y.
///
/// # Safety
///
/// Needs the instruction set of `V`.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
unsafe fn spread_column<V: Vector>([a, b, c, d]: [V; OUT]) -> [V; IN] {
    // SAFETY: the caller's promise.
    unsafe {
        let (even, odd) = (a.plus(c), b.plus(d));
        let (wide_even, wide_odd) = (a.plus(c.times(4.0)), b.times(2.0).plus(d.times(8.0)));
        [a, even.plus(odd), even.minus(odd), wide_even.plus(wide_odd), wide_even.minus(wide_odd), d]
    }
}
