//! Convolutions with 3 × 3 kernels at stride 1, in a quarter of the multiplications.
//!
//! Source: Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks"
//! (<https://arxiv.org/abs/1509.09308>), F(4 × 4, 3 × 3): a tile of 4 by 4 outputs is made of 6 by 6
//! inputs; both, and the kernel, are transformed to 36 numbers, and each of these is a product over
//! the channels by itself. The transforms have numbers up to 8 and down to 1/24, which costs
//! accuracy: the tests hold the direct way to 4e-6 of the largest output, and tiles to 2e-5.

use std::ops::Range;

use rayon::prelude::*;

use super::Shape;
use super::columns::GridColumns;
use super::output::Epilogue;
use crate::instruction_set::for_instruction_sets;
use crate::operation::Mode;
use crate::product::multiply::Columns;
use crate::product::packed::PackedRows;
use crate::product::tile::{Strip, Tiles};
use crate::scratch::{Shared, with_scratch};
use crate::vector::{Vector, for_vectors};

/// Outputs along a side of a tile, inputs along it, and numbers of a transformed tile.
pub(super) const OUT: usize = 4;
pub(super) const IN: usize = 6;
pub(super) const NUMBERS: usize = IN * IN;

/// Maps with fewer tiles, and layers with fewer channels, are left to the direct way: the
/// transforms would cost more than they save.
const FEWEST_TILES: usize = 16;
/// The fewest tiles of a whole batch in training, where the kernels are transformed at every step.
const FEWEST_IN_TRAINING: usize = 192;
const FEWEST_CHANNELS: usize = 16;

/// Whether a convolution with this kernel is to be made by tiles.
///
/// Outside training that depends on a single map, so that a row gives the same alone as in a batch.
pub(super) fn suits(shape: &Shape, map: [usize; 2], mode: Mode) -> bool {
    let options = &shape.options;
    let is_plain = shape.kernel == [3; 2] && options.stride == [1; 2] && options.dilation == [1; 2];
    let tiles = map[0].div_ceil(OUT) * map[1].div_ceil(OUT);
    let has_tiles = match mode {
        Mode::Inference => tiles >= FEWEST_TILES,
        Mode::Training => tiles * shape.rows >= FEWEST_IN_TRAINING,
    };
    is_plain
        && has_tiles
        && shape.group_channels().iter().all(|&channels| channels >= FEWEST_CHANNELS)
}

/// The kernels of a group, transformed: for each of the 36 numbers the channels that go out as rows
/// and those that come in as steps.
#[derive(Debug)]
pub(super) struct Kernels {
    by_number: Vec<PackedRows>,
}

/// Where the kernel of a row and a step stands.
#[derive(Clone, Copy)]
pub(super) struct KernelLayout {
    pub(super) rows: usize,
    pub(super) steps: usize,
    /// Floats from row to row and from step to step.
    pub(super) row_stride: usize,
    pub(super) step_stride: usize,
    /// Whether the kernels are turned round.
    pub(super) turned: bool,
}

impl Kernels {
    /// `weight` is `[K, C, 3, 3]` of a group.
    pub(super) fn new(weight: &[f32], layout: KernelLayout) -> Self {
        let KernelLayout { rows, steps, .. } = layout;
        let mut numbers = vec![0.0; NUMBERS * rows * steps];
        let height = Tiles::current().rows();
        // By panels of rows, which are apart from each other in every one of the 36.
        let target = Shared::new(&mut numbers);
        (0..rows.div_ceil(height)).into_par_iter().for_each(|panel| {
            let first = panel * height;
            let panel_rows = first..rows.min(first + height);
            let mut kernels = vec![0.0; 9 * steps];
            let mut transformed = vec![0.0; NUMBERS * steps];
            for (index, row) in panel_rows.clone().enumerate() {
                gather(&weight[row * layout.row_stride..], layout, &mut kernels);
                transform_kernels(&kernels, &mut transformed, steps);
                for (number, values) in transformed.chunks_exact(steps).enumerate() {
                    let start = (number * rows + first) * steps + index;
                    for (step, value) in values.iter().enumerate() {
                        let at = start + step * panel_rows.len();
                        // SAFETY: inside `numbers`, and in no other panel.
                        unsafe { target.pointer().add(at).write(*value) };
                    }
                }
            }
        });
        let by_number = numbers
            .chunks_exact(rows * steps)
            .map(|values| PackedRows::packed(values, rows, steps))
            .collect();
        Self { by_number }
    }
}

/// The nine numbers of each step's kernel, all first ones next to each other, and so on.
fn gather(row: &[f32], layout: KernelLayout, kernels: &mut [f32]) {
    for step in 0..layout.steps {
        let kernel = &row[step * layout.step_stride..][..9];
        for (number, value) in kernel.iter().enumerate() {
            let number = if layout.turned { 8 - number } else { number };
            kernels[number * layout.steps + step] = *value;
        }
    }
}

/// What a group's convolution reads and writes.
pub(super) struct Maps<'a> {
    /// The tiles: one place of the grid each, and the 36 numbers that it reads.
    pub(super) tiles: GridColumns<'a>,
    pub(super) output: MapOutput<'a>,
}

/// The maps that are written.
pub(super) struct MapOutput<'a> {
    maps: Shared,
    /// The channels of all groups, the first of this one, and how many it has.
    channels: [usize; 3],
    size: [usize; 2],
    epilogue: Epilogue<'a>,
}

impl<'a> Maps<'a> {
    /// The convolution from input to output.
    pub(super) fn forward(
        shape: &Shape,
        x: &'a [f32],
        group: usize,
        values: &mut [f32],
        epilogue: &Epilogue<'a>,
    ) -> Self {
        let [_, outputs] = shape.group_channels();
        let mut tiles = GridColumns::of_input(shape, x, group);
        let padding = shape.options.padding.map(|[before, _]| before);
        tiles.by_tiles(shape.output, padding);
        let channels = [shape.channels[1], group * outputs, outputs];
        let output = MapOutput::new(values, channels, shape.output, epilogue);
        Self { tiles, output }
    }

    /// The convolution of the output's gradient that is the input's.
    pub(super) fn input_gradient(
        shape: &Shape,
        dy: &'a [f32],
        group: usize,
        values: &mut [f32],
    ) -> Self {
        let [inputs, _] = shape.group_channels();
        let mut tiles = GridColumns::of_gradient(shape, dy, group);
        let padding = shape.options.padding.map(|[before, _]| 2 - before);
        tiles.by_tiles(shape.input, padding);
        let channels = [shape.channels[0], group * inputs, inputs];
        let output = MapOutput::new(values, channels, shape.input, &Epilogue::default());
        Self { tiles, output }
    }
}

impl GridColumns<'_> {
    /// Reads, for each tile of a map of `size`, its 6 by 6 numbers.
    fn by_tiles(&mut self, size: [usize; 2], padding: [usize; 2]) {
        self.grid = size.map(|side| side.div_ceil(OUT));
        self.stride = [OUT; 2];
        let offset = |index: usize, padding: usize| index.cast_signed() - padding.cast_signed();
        self.offsets = (0..NUMBERS)
            .map(|number| [offset(number / IN, padding[0]), offset(number % IN, padding[1])])
            .collect();
    }
}

/// Floats of a block's transformed inputs that the second-level cache keeps.
const BLOCK: usize = 1 << 17;
/// Rows whose products are made before they are transformed back.
const ROWS: usize = 56;

/// Convolves the maps of a group.
pub(super) fn convolve(maps: &Maps<'_>, kernels: &Kernels) {
    let tiles = maps.tiles.columns();
    let each = tiles_each(maps);
    (0..tiles.div_ceil(each)).into_par_iter().with_max_len(1).for_each(|block| {
        let first = block * each;
        convolve_block(maps, kernels, first..tiles.min(first + each));
    });
}

/// Tiles of a block: as many as the cache keeps and every thread gets some, and whole lines of
/// tiles where that leaves few places of a panel empty, for lines are copied as a whole.
fn tiles_each(maps: &Maps<'_>) -> usize {
    let width = Tiles::current().columns;
    let panels = maps.tiles.columns().div_ceil(width);
    let most = (BLOCK / (NUMBERS * maps.tiles.channels * width)).clamp(1, 8);
    let each = width * panels.div_ceil(rayon::current_num_threads() * 2).clamp(1, most);
    let line = maps.tiles.grid[1];
    let lines = each / line * line;
    if lines * 5 >= each * 4 { lines } else { each }
}

fn convolve_block(maps: &Maps<'_>, kernels: &Kernels, tiles: Range<usize>) {
    let width = Tiles::current().columns;
    let panels = tiles.len().div_ceil(width);
    let channels = maps.tiles.channels;
    let rows = maps.output.channels[2];
    let (inputs, products) =
        (NUMBERS * panels * channels * width, NUMBERS * panels * ROWS.min(rows) * width);
    let gathered = NUMBERS * channels * width;
    with_scratch(inputs + products + gathered, |scratch| {
        let (inputs, rest) = scratch.split_at_mut(inputs);
        let (products, gathered) = rest.split_at_mut(products);
        let mut block = maps.tiles.block(tiles.clone());
        for panel in 0..panels {
            let first = tiles.start + panel * width;
            maps.tiles.pack(&mut block, first, width, 0..channels * NUMBERS, gathered);
            let stride = panels * channels * width;
            let inputs = &mut inputs[panel * channels * width..];
            transform_inputs(gathered, inputs, channels, stride);
        }
        let tile_rows = kernels.by_number[0].tiles.rows();
        for first in (0..rows).step_by(ROWS / tile_rows * tile_rows) {
            let some = first..rows.min(first + ROWS / tile_rows * tile_rows);
            multiply(kernels, inputs, products, some.clone(), panels, channels);
            for panel in 0..panels {
                let first_tile = tiles.start + panel * width;
                let shown = first_tile..tiles.end.min(first_tile + width);
                let place = Place { panel, panels, some: some.clone() };
                maps.write(products, &place, shown);
            }
        }
    });
}

/// Where the products of a panel of tiles stand.
struct Place {
    panel: usize,
    panels: usize,
    some: Range<usize>,
}

/// Makes the products of some rows with all tiles: for each of the 36 numbers and each panel of
/// tiles, a row of `width` for each of them.
fn multiply(
    kernels: &Kernels,
    inputs: &[f32],
    products: &mut [f32],
    some: Range<usize>,
    panels: usize,
    channels: usize,
) {
    for (number, left) in kernels.by_number.iter().enumerate() {
        let (width, height) = (left.tiles.columns, left.tiles.rows());
        for index in some.start / height..some.end.div_ceil(height) {
            let rows = left.panel(index);
            for panel in 0..panels {
                let from = (number * panels + panel) * channels * width;
                let right = &inputs[from..][..channels * width];
                let to = (number * panels + panel) * some.len() + rows.first - some.start;
                let to = &mut products[to * width..][..rows.rows * width];
                let strip =
                    Strip::dense(rows.from_step(0), rows.rows, right.as_ptr(), channels, width);
                // SAFETY: the slices hold all steps and rows; the tiles are this machine's.
                unsafe { left.tiles.of_rows(rows.rows)(strip, to.as_mut_ptr(), width, false) };
            }
        }
    }
}

impl<'a> MapOutput<'a> {
    fn new(
        values: &mut [f32],
        channels: [usize; 3],
        size: [usize; 2],
        epilogue: &Epilogue<'a>,
    ) -> Self {
        Self { maps: Shared::new(values), channels, size, epilogue: *epilogue }
    }
}

impl Maps<'_> {
    /// Transforms the products of a panel of tiles back, and writes what is inside the maps.
    fn write(&self, products: &[f32], place: &Place, tiles: Range<usize>) {
        let width = Tiles::current().columns;
        let stride = place.panels * place.some.len() * width;
        let mut outputs = [0.0; OUT * OUT * 32];
        for (index, row) in place.some.clone().enumerate() {
            let first = (place.panel * place.some.len() + index) * width;
            transform_products(&products[first..], &mut outputs, stride);
            self.write_row(row, &outputs, tiles.clone());
        }
    }

    fn write_row(&self, row: usize, outputs: &[f32], tiles: Range<usize>) {
        let width = Tiles::current().columns;
        let [down, across] = self.tiles.grid;
        let [channels, first_channel, _] = self.output.channels;
        let [height, line] = self.output.size;
        let mut tile = tiles.start;
        while tile < tiles.end {
            let (map, place) = (tile / (down * across), tile % (down * across));
            let [tile_down, tile_across] = [place / across, place % across];
            let run = (across - tile_across).min(tiles.end - tile);
            let channel = first_channel + row;
            let map = (map * channels + channel) * height * line;
            let shown = (run * OUT).min(line - tile_across * OUT);
            for inside in 0..OUT.min(height - tile_down * OUT) {
                let at = map + (tile_down * OUT + inside) * line + tile_across * OUT;
                let start = self.output.maps.pointer().wrapping_add(at);
                // SAFETY: inside the map, and each tile is one thread's.
                let values = unsafe { std::slice::from_raw_parts_mut(start, shown) };
                let from = &outputs[inside * OUT * width + tile - tiles.start..];
                spread(from, values, width);
                self.output.epilogue.apply(channel, at, values);
            }
            tile += run;
        }
    }
}

for_vectors! {
    /// Bᵀ d B of every channel's tiles.
    ///
    /// `gathered` has, for each channel, 36 lines of `width` tiles; the numbers of the output are
    /// `stride` apart, and within each the channels.
    fn transform_inputs(gathered: &[f32], inputs: &mut [f32], channels: usize, stride: usize) = input_tiles;

    /// Aᵀ m A of a panel of tiles: 36 lines of `width`, `stride` apart, to 16.
    fn transform_products(products: &[f32], outputs: &mut [f32], stride: usize) = output_tiles;
}

/// # Safety
///
/// Needs the instruction set of `V`.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
unsafe fn input_tiles<V: Vector>(
    gathered: &[f32],
    inputs: &mut [f32],
    channels: usize,
    stride: usize,
) {
    let width = 2 * V::LANES;
    assert!(gathered.len() >= channels * NUMBERS * width);
    assert!(inputs.len() >= (NUMBERS - 1) * stride + channels * width);
    for at in (0..channels * width).step_by(V::LANES) {
        let from = at / width * NUMBERS * width + at % width;
        // SAFETY: as the lengths above say.
        unsafe {
            let mut half = [V::zero(); NUMBERS];
            for across in 0..IN {
                let number = |down: usize| (down * IN + across) * width;
                let d = load::<V>(gathered.as_ptr().add(from), number);
                let column = input_column(d);
                for down in 0..IN {
                    half[down * IN + across] = column[down];
                }
            }
            for down in 0..IN {
                let row = input_column([0, 1, 2, 3, 4, 5].map(|across| half[down * IN + across]));
                for (across, value) in row.into_iter().enumerate() {
                    value.store(inputs.as_mut_ptr().add((down * IN + across) * stride + at));
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
unsafe fn output_tiles<V: Vector>(products: &[f32], outputs: &mut [f32], stride: usize) {
    let width = 2 * V::LANES;
    assert!(products.len() >= (NUMBERS - 1) * stride + width);
    assert!(outputs.len() >= OUT * OUT * width);
    for at in [0, V::LANES] {
        // SAFETY: as the lengths above say.
        unsafe {
            let mut half = [V::zero(); OUT * IN];
            for across in 0..IN {
                let number = |down: usize| (down * IN + across) * stride;
                let column = output_column(load::<V>(products.as_ptr().add(at), number));
                for down in 0..OUT {
                    half[down * IN + across] = column[down];
                }
            }
            for down in 0..OUT {
                let row = output_column([0, 1, 2, 3, 4, 5].map(|across| half[down * IN + across]));
                for (across, value) in row.into_iter().enumerate() {
                    value.store(outputs.as_mut_ptr().add((down * OUT + across) * width + at));
                }
            }
        }
    }
}

/// Six registers at the places that `number` says.
///
/// # Safety
///
/// Needs the instruction set of `V`, and numbers at all places.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
unsafe fn load<V: Vector>(from: *const f32, number: impl Fn(usize) -> usize) -> [V; IN] {
    // SAFETY: the caller's promise.
    [0, 1, 2, 3, 4, 5].map(|down| unsafe { V::load(from.add(number(down))) })
}

for_instruction_sets! {
    /// Puts the outputs of neighbouring tiles side by side: `from` has a line of `width` tiles for
    /// each of the 4 outputs across.
    fn spread(from: &[f32], values: &mut [f32], width: usize) {
        let (whole, rest) = values.as_chunks_mut::<OUT>();
        let lines: [&[f32]; OUT] = std::array::from_fn(|across| &from[across * width..]);
        let last = whole.len();
        for (tile, values) in whole.iter_mut().enumerate() {
            for across in 0..OUT {
                values[across] = lines[across][tile];
            }
        }
        for (value, line) in rest.iter_mut().zip(lines) {
            *value = line[last];
        }
    }

    /// G g Gᵀ of kernels side by side: nine lines of `steps` to 36.
    fn transform_kernels(kernels: &[f32], transformed: &mut [f32], steps: usize) {
        for step in 0..steps {
            let mut half = [[0.0_f32; 3]; IN];
            for across in 0..3 {
                let column = kernel_column(std::array::from_fn(|down| kernels[(down * 3 + across) * steps + step]));
                for down in 0..IN {
                    half[down][across] = column[down];
                }
            }
            for down in 0..IN {
                let row = kernel_column(half[down]);
                for across in 0..IN {
                    transformed[(down * IN + across) * steps + step] = row[across];
                }
            }
        }
    }
}

/// Bᵀ d.
///
/// # Safety
///
/// Needs the instruction set of `V`.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
pub(super) unsafe fn input_column<V: Vector>([a, b, c, d, e, f]: [V; IN]) -> [V; IN] {
    // SAFETY: the caller's promise.
    unsafe {
        let (even, odd) = (e.minus(c.times(4.0)), d.minus(b.times(4.0)));
        let (wide, twice) = (e.minus(c), d.minus(b).times(2.0));
        [
            a.times(4.0).minus(c.times(5.0)).plus(e),
            even.plus(odd),
            even.minus(odd),
            wide.plus(twice),
            wide.minus(twice),
            b.times(4.0).minus(d.times(5.0)).plus(f),
        ]
    }
}

/// Aᵀ m.
///
/// # Safety
///
/// Needs the instruction set of `V`.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
unsafe fn output_column<V: Vector>([a, b, c, d, e, f]: [V; IN]) -> [V; OUT] {
    // SAFETY: the caller's promise.
    unsafe {
        let (sum, difference) = (b.plus(c), b.minus(c));
        let (wide_sum, wide_difference) = (d.plus(e), d.minus(e));
        [
            a.plus(sum).plus(wide_sum),
            difference.plus(wide_difference.times(2.0)),
            sum.plus(wide_sum.times(4.0)),
            difference.plus(wide_difference.times(8.0)).plus(f),
        ]
    }
}

/// G g.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
fn kernel_column([a, b, c]: [f32; 3]) -> [f32; IN] {
    let (outer, inner) = (a + c, a / 24.0 + c / 6.0);
    [a / 4.0, -(outer + b) / 6.0, (b - outer) / 6.0, inner + b / 12.0, inner - b / 12.0, c]
}
