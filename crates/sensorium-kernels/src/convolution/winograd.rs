//! Convolutions with 3 × 3 kernels at stride 1, in a quarter of the multiplications.
//!
//! Source: Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks"
//! (<https://arxiv.org/abs/1509.09308>), F(4 × 4, 3 × 3): a tile of 4 by 4 outputs is made of 6 by 6
//! inputs; both, and the kernel, are transformed to 36 numbers, and each of these is a product over
//! the channels by itself. The transforms have numbers up to 8 and down to 1/24, which costs
//! accuracy: the tests hold the direct way to 4e-6 of the largest output, and tiles to 2e-5.
//!
//! In the middle the channels stand next to each other, so that a register holds one number of
//! many channels and no tile is too few: pieces of the maps are turned on their way in and out.

use std::ops::Range;

use super::Shape;
use super::output::Epilogue;
use crate::operation::Mode;
use crate::product::interleave::{interleave, interleave_to};
use crate::product::resident::{LeftPanels, Order, Place, panel_height};
use crate::product::tile::Tiles;
use crate::scratch::{Aligned, Shared, with_scratch};
use crate::team;
use crate::vector::{Vector, for_vectors};

/// Outputs along a side of a tile, inputs along it, and numbers of a transformed tile.
pub(super) const OUT: usize = 4;
pub(super) const IN: usize = 6;
pub(super) const NUMBERS: usize = IN * IN;

/// Maps with fewer tiles, and layers with fewer channels, are left to the direct way: the
/// transforms would cost more than they save.
const FEWEST_TILES: usize = 4;
/// The fewest tiles of a whole batch in training, where the kernels are transformed at every step.
const FEWEST_IN_TRAINING: usize = 48;
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

/// The kernels of a group, transformed: for each of the 36 numbers the columns of a product, in
/// panels of as many channels that go out as a tile of it has columns.
#[derive(Debug)]
pub(super) struct Kernels {
    values: Aligned,
    layout: KernelLayout,
    tiles: Tiles,
}

/// Where the kernel of a row and a step stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct KernelLayout {
    /// Channels that go out, and that come in.
    pub(super) rows: usize,
    pub(super) steps: usize,
    /// Floats from row to row and from step to step.
    pub(super) row_stride: usize,
    pub(super) step_stride: usize,
    /// Whether the kernels are turned round.
    pub(super) turned: bool,
}

/// Steps whose kernels are brought side by side at once.
const STEPS: usize = 16;

impl Kernels {
    /// `weight` is `[K, C, 3, 3]` of a group.
    pub(super) fn new(weight: &[f32], layout: KernelLayout) -> Self {
        let KernelLayout { rows, steps, .. } = layout;
        let tiles = Tiles::current();
        let panels = rows.div_ceil(tiles.columns);
        let number = panels * steps * tiles.columns;
        let parts = steps.div_ceil(STEPS);
        let write = |values: &mut [f32]| {
            let target = Shared::new(values);
            team::for_each(panels * parts, |task| {
                let (panel, part) = (task / parts, task % parts);
                let some = part * STEPS..steps.min((part + 1) * STEPS);
                with_scratch(9 * STEPS * tiles.columns, |kernels| {
                    gather(weight, layout, panel * tiles.columns, some.clone(), kernels);
                    let first = (panel * steps + some.start) * tiles.columns;
                    transform_kernels(kernels, target, first, number, some.len());
                });
            });
        };
        // SAFETY: the tasks write every number of all panels and steps.
        let values = unsafe { Aligned::written(NUMBERS * number, write) };
        Self { values, layout, tiles }
    }

    /// One number of all channels that come in and a panel of those that go out.
    fn panel(&self, number: usize, panel: usize) -> &[f32] {
        let len = self.layout.steps * self.tiles.columns;
        &self.values.values()[(number * self.panels() + panel) * len..][..len]
    }

    fn panels(&self) -> usize {
        self.layout.rows.div_ceil(self.tiles.columns)
    }
}

/// The nine numbers of some steps' kernels, for each a line of the channels from `first` on.
fn gather(
    weight: &[f32],
    layout: KernelLayout,
    first: usize,
    steps: Range<usize>,
    kernels: &mut [f32],
) {
    let width = Tiles::current().columns;
    let rows = width.min(layout.rows - first);
    if rows < width {
        kernels.fill(0.0);
    }
    let weight = &weight[first * layout.row_stride + steps.start * layout.step_stride..];
    if layout.step_stride == 9 && !layout.turned {
        let kernels = &mut kernels[..steps.len() * 9 * width];
        return interleave(weight, layout.row_stride, rows, kernels, width);
    }
    for (step, kernels) in kernels.chunks_exact_mut(9 * width).take(steps.len()).enumerate() {
        for row in 0..rows {
            let kernel = &weight[step * layout.step_stride + row * layout.row_stride..][..9];
            for (number, &value) in kernel.iter().enumerate() {
                let number = if layout.turned { 8 - number } else { number };
                kernels[number * width + row] = value;
            }
        }
    }
}

/// Maps of several rows.
#[derive(Clone, Copy)]
struct Side {
    /// Channels of all groups, the first of this one, and how many it has.
    channels: [usize; 3],
    size: [usize; 2],
}

impl Side {
    /// The number at a line of a channel of the group.
    fn at(&self, map: usize, channel: usize, line: usize) -> usize {
        let [all, first, _] = self.channels;
        let [height, width] = self.size;
        ((map * all + first + channel) * height + line) * width
    }

    fn plane(&self) -> usize {
        self.size[0] * self.size[1]
    }
}

/// What a group's convolution reads and writes.
pub(super) struct Maps<'a> {
    values: &'a [f32],
    input: Side,
    /// Lines and columns that the first tile begins before the map.
    padding: [usize; 2],
    target: Shared,
    output: Side,
    epilogue: Epilogue<'a>,
    /// Rows of the batch, and tiles down and across a map.
    rows: usize,
    grid: [usize; 2],
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
        let [inputs, outputs] = shape.group_channels();
        Self {
            values: x,
            input: Side {
                channels: [shape.channels[0], group * inputs, inputs],
                size: shape.input,
            },
            padding: shape.options.padding.map(|[before, _]| before),
            target: Shared::new(values),
            output: Side {
                channels: [shape.channels[1], group * outputs, outputs],
                size: shape.output,
            },
            epilogue: *epilogue,
            rows: shape.rows,
            grid: shape.output.map(|side| side.div_ceil(OUT)),
        }
    }

    /// The convolution of the output's gradient that is the input's.
    pub(super) fn input_gradient(
        shape: &Shape,
        dy: &'a [f32],
        group: usize,
        values: &mut [f32],
    ) -> Self {
        let forward = Self::forward(shape, dy, group, values, &Epilogue::default());
        Self {
            input: forward.output,
            output: forward.input,
            padding: forward.padding.map(|before| 2 - before),
            grid: shape.input.map(|side| side.div_ceil(OUT)),
            epilogue: Epilogue::default(),
            ..forward
        }
    }

    /// The parts of maps that some lines of tiles are of.
    fn pieces(&self, lines: Range<usize>) -> impl Iterator<Item = Piece> {
        let [down, across] = self.grid;
        let first_line = lines.start;
        (lines.start / down..lines.end.div_ceil(down)).map(move |map| {
            let start = lines.start.max(map * down);
            let end = lines.end.min((map + 1) * down);
            let lines = start - map * down..end - map * down;
            Piece { map, lines, first_tile: (start - first_line) * across }
        })
    }
}

/// Lines of tiles of one map.
struct Piece {
    map: usize,
    lines: Range<usize>,
    /// The place of their first tile in the block.
    first_tile: usize,
}

/// Floats of a block's transformed inputs: about half of the second-level cache.
const BLOCK: usize = 1 << 17;
/// Tiles of the smallest block, which leaves no row of a product's tile empty.
const TILES: usize = 28;

/// Convolves the maps of a group.
pub(super) fn convolve(maps: &Maps<'_>, kernels: &Kernels) {
    let lines = maps.rows * maps.grid[0];
    let each = lines_each(maps, lines);
    team::for_each(lines.div_ceil(each), |block| {
        let first = block * each;
        Block::new(maps, kernels, first..lines.min(first + each)).convolve();
    });
}

/// Lines of tiles of a block: as many as the cache keeps and every thread gets some.
fn lines_each(maps: &Maps<'_>, lines: usize) -> usize {
    let [_, _, inputs] = maps.input.channels;
    let tiles = (BLOCK / (NUMBERS * inputs)).max(TILES);
    let most = (tiles / maps.grid[1]).max(1);
    let least = TILES.div_ceil(maps.grid[1]);
    most.min(lines.div_ceil(team::num_threads() * 2).max(least))
}

/// Lines of tiles that are convolved at once, with channels side by side.
struct Block<'a> {
    maps: &'a Maps<'a>,
    kernels: &'a Kernels,
    lines: Range<usize>,
    /// Tiles in all.
    num_tiles: usize,
    /// Channels that come in, filled up to whole registers.
    padded: usize,
}

/// The working memory of a [`Block`].
struct Working<'a> {
    /// A piece of the input: for each place, its channels; and then a place of zeros.
    turned: &'a mut [f32],
    /// For each of the 36 numbers and each tile, the channels that come in.
    inputs: &'a mut [f32],
    /// For each of the 36 numbers and each tile, a panel of the channels that go out.
    products: &'a mut [f32],
    /// A piece of the output: for each place, a panel of channels.
    outputs: &'a mut [f32],
}

impl<'a> Block<'a> {
    fn new(maps: &'a Maps<'a>, kernels: &'a Kernels, lines: Range<usize>) -> Self {
        let lanes = kernels.tiles.columns / 2;
        let padded = maps.input.channels[2].next_multiple_of(lanes);
        let num_tiles = lines.len() * maps.grid[1];
        Self { maps, kernels, lines, num_tiles, padded }
    }

    fn convolve(&self) {
        let width = self.kernels.tiles.columns;
        let lines = self.lines.len().min(self.maps.grid[0]);
        let [turned, outputs] = [
            ((lines * OUT + IN - OUT) * self.maps.input.size[1] + 1) * self.padded,
            lines * OUT * self.maps.output.size[1] * width,
        ];
        let inputs = NUMBERS * self.num_tiles * self.padded;
        let products = NUMBERS * self.num_tiles * width;
        with_scratch(turned + outputs + inputs + products, |scratch| {
            let (turned, rest) = scratch.split_at_mut(turned);
            let (outputs, rest) = rest.split_at_mut(outputs);
            let (inputs, products) = rest.split_at_mut(inputs);
            let mut working = Working { turned, inputs, products, outputs };
            for piece in self.maps.pieces(self.lines.clone()) {
                self.read(&piece, &mut working);
            }
            for panel in 0..self.kernels.panels() {
                self.multiply(panel, &mut working);
                for piece in self.maps.pieces(self.lines.clone()) {
                    self.write(&piece, panel, &mut working);
                }
            }
        });
    }

    /// Transforms the tiles of a piece.
    fn read(&self, piece: &Piece, working: &mut Working<'_>) {
        let Maps { input, padding, grid, values, .. } = self.maps;
        let [height, width] = input.size;
        let first = (piece.lines.start * OUT).saturating_sub(padding[0]);
        let end = (piece.lines.end * OUT + IN - OUT).saturating_sub(padding[0]).min(height);
        let places = end.saturating_sub(first) * width;
        let channels = input.channels[2];
        let turned = &mut working.turned[..(places + 1) * self.padded];
        if self.padded > channels {
            turned.fill(0.0);
        }
        let zeros = places * self.padded;
        turned[zeros..].fill(0.0);
        if places > 0 {
            let from = &values[input.at(piece.map, 0, first)..];
            interleave(from, input.plane(), channels, &mut turned[..zeros], self.padded);
        }

        let place = |line: usize, column: usize| {
            let line = line.checked_sub(padding[0]).filter(|&line| line < height);
            let column = column.checked_sub(padding[1]).filter(|&column| column < width);
            match (line, column) {
                (Some(line), Some(column)) => ((line - first) * width + column) * self.padded,
                _ => zeros,
            }
        };
        let stride = self.num_tiles * self.padded;
        for (index, line) in piece.lines.clone().enumerate() {
            for column in 0..grid[1] {
                let places = std::array::from_fn(|number| {
                    place(line * OUT + number / IN, column * OUT + number % IN)
                });
                let tile = piece.first_tile + index * grid[1] + column;
                let inputs = &mut working.inputs[tile * self.padded..];
                transform_inputs(turned, &places, inputs, stride, self.padded);
            }
        }
    }

    /// The products of all tiles with a panel of channels that go out.
    fn multiply(&self, panel: usize, working: &mut Working<'_>) {
        let tiles = self.kernels.tiles;
        let height = panel_height(tiles, self.num_tiles);
        let depth = self.maps.input.channels[2];
        let inputs = working.inputs.chunks_exact(self.num_tiles * self.padded);
        let products = working.products.chunks_exact_mut(self.num_tiles * tiles.columns);
        for (number, (values, products)) in inputs.zip(products).enumerate() {
            let order = Order::RowByRow(self.padded);
            let left = LeftPanels { values, rows: self.num_tiles, height, depth, order };
            let right = self.kernels.panel(number, panel);
            for start in (0..depth).step_by(DEPTH) {
                let steps = start..depth.min(start + DEPTH);
                let right = &right[steps.start * tiles.columns..];
                let place = Place { values: products, stride: tiles.columns, add: start > 0 };
                tiles.multiply(left, steps, right, tiles.columns, place);
            }
        }
    }

    /// Transforms the products of a piece's tiles back, and writes what is inside the maps.
    fn write(&self, piece: &Piece, panel: usize, working: &mut Working<'_>) {
        let Maps { output, grid, epilogue, .. } = self.maps;
        let [height, width] = output.size;
        let channels = self.kernels.tiles.columns;
        let first = piece.lines.start * OUT;
        let places = ((piece.lines.end * OUT).min(height) - first) * width;
        let stride = self.num_tiles * channels;
        for (index, line) in piece.lines.clone().enumerate() {
            for column in 0..grid[1] {
                let tile = piece.first_tile + index * grid[1] + column;
                let at = index * OUT * width + column * OUT;
                let inside = [height - line * OUT, width - column * OUT].map(|side| side.min(OUT));
                let outputs = &mut working.outputs[at * channels..];
                let products = &working.products[tile * channels..];
                transform_products(products, stride, outputs, width * channels, inside);
            }
        }
        let first_channel = panel * channels;
        let shown = channels.min(output.channels[2] - first_channel);
        let at = output.at(piece.map, first_channel, first);
        let to = self.maps.target.pointer().wrapping_add(at);
        // SAFETY: these lines of these channels are inside the maps, and this thread's alone.
        unsafe { interleave_to(working.outputs, channels, places, shown, to, output.plane()) };
        for channel in 0..shown {
            let at = at + channel * output.plane();
            let to = self.maps.target.pointer().wrapping_add(at);
            // SAFETY: as above, and they are written.
            let values = unsafe { std::slice::from_raw_parts_mut(to, places) };
            epilogue.apply(output.channels[1] + first_channel + channel, at, values);
        }
    }
}

/// Steps that are summed at once, so that the first-level cache holds a panel of the kernels.
const DEPTH: usize = 128;

for_vectors! {
    /// G g Gᵀ of kernels side by side: for each of so many steps nine lines, to 36 that are
    /// `stride` apart.
    fn transform_kernels(kernels: &[f32], to: Shared, first: usize, stride: usize, steps: usize) = kernel_tiles;

    /// Bᵀ d B of the channels of a tile whose numbers are at `places`.
    fn transform_inputs(turned: &[f32], places: &[usize; NUMBERS], inputs: &mut [f32], stride: usize, channels: usize) = input_tile;

    /// Aᵀ m A of a panel of channels of a tile, of which `inside` lines and columns are written.
    fn transform_products(products: &[f32], stride: usize, outputs: &mut [f32], line: usize, inside: [usize; 2]) = output_tile;
}

/// # Safety
///
/// Needs the instruction set of `V`, and room at `to` that nobody else uses.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
unsafe fn kernel_tiles<V: Vector>(
    kernels: &[f32],
    to: Shared,
    first: usize,
    stride: usize,
    steps: usize,
) {
    let width = 2 * V::LANES;
    assert!(kernels.len() >= steps * 9 * width);
    for step in 0..steps {
        for at in [0, V::LANES] {
            // SAFETY: as the length above says, and the caller's promise.
            unsafe {
                let from = kernels.as_ptr().add(step * 9 * width + at);
                let to = to.pointer().add(first + step * width + at);
                let mut half = [V::zero(); 3 * IN];
                for across in 0..3 {
                    let line = |down: usize| V::load(from.add((down * 3 + across) * width));
                    let column = kernel_column([line(0), line(1), line(2)]);
                    for down in 0..IN {
                        half[down * 3 + across] = column[down];
                    }
                }
                for down in 0..IN {
                    let row = kernel_column([0, 1, 2].map(|across| half[down * 3 + across]));
                    for (across, value) in row.into_iter().enumerate() {
                        value.store(to.add((down * IN + across) * stride));
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
unsafe fn input_tile<V: Vector>(
    turned: &[f32],
    places: &[usize; NUMBERS],
    inputs: &mut [f32],
    stride: usize,
    channels: usize,
) {
    assert!(places.iter().all(|&place| place + channels <= turned.len()));
    assert!(inputs.len() >= (NUMBERS - 1) * stride + channels);
    for at in (0..channels).step_by(V::LANES) {
        // SAFETY: as the lengths above say; channels are whole registers.
        unsafe {
            let mut half = [V::zero(); NUMBERS];
            for across in 0..IN {
                let d = [0, 1, 2, 3, 4, 5]
                    .map(|down| V::load(turned.as_ptr().add(places[down * IN + across] + at)));
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
unsafe fn output_tile<V: Vector>(
    products: &[f32],
    stride: usize,
    outputs: &mut [f32],
    line: usize,
    inside: [usize; 2],
) {
    let width = 2 * V::LANES;
    assert!(products.len() >= (NUMBERS - 1) * stride + width);
    assert!(outputs.len() >= (inside[0] - 1) * line + inside[1] * width);
    for at in [0, V::LANES] {
        // SAFETY: as the lengths above say.
        unsafe {
            let mut half = [V::zero(); OUT * IN];
            for across in 0..IN {
                let m = [0, 1, 2, 3, 4, 5]
                    .map(|down| V::load(products.as_ptr().add((down * IN + across) * stride + at)));
                let column = output_column(m);
                for down in 0..OUT {
                    half[down * IN + across] = column[down];
                }
            }
            for down in 0..inside[0] {
                let row = output_column([0, 1, 2, 3, 4, 5].map(|across| half[down * IN + across]));
                for (across, value) in row.into_iter().enumerate().take(inside[1]) {
                    value.store(outputs.as_mut_ptr().add(down * line + across * width + at));
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
///
/// # Safety
///
/// Needs the instruction set of `V`.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
unsafe fn kernel_column<V: Vector>([a, b, c]: [V; 3]) -> [V; IN] {
    // SAFETY: the caller's promise.
    unsafe {
        let outer = a.plus(c);
        let inner = a.times(1.0 / 24.0).plus(c.times(1.0 / 6.0));
        let middle = b.times(1.0 / 12.0);
        [
            a.times(0.25),
            outer.plus(b).times(-1.0 / 6.0),
            b.minus(outer).times(1.0 / 6.0),
            inner.plus(middle),
            inner.minus(middle),
            c,
        ]
    }
}
