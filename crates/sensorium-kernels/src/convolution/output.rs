//! Where the product of a convolution goes, and what is done to it there.

use std::ops::Range;

use super::Shape;
use crate::activation::{Activation, apply_in_place};
use crate::product::multiply::Output;
use crate::scratch::Shared;

/// What follows the sums.
#[derive(Clone, Copy, Default)]
pub(super) struct Epilogue<'a> {
    /// A number for each channel, of all groups.
    pub(super) bias: Option<&'a [f32]>,
    /// A number for each number of the output.
    pub(super) residual: Option<&'a [f32]>,
    pub(super) activation: Activation,
}

impl Epilogue<'_> {
    fn is_none(&self) -> bool {
        self.bias.is_none() && self.residual.is_none() && self.activation == Activation::Identity
    }

    /// Finishes numbers of one channel that stand at `at` in the output.
    pub(super) fn apply(&self, channel: usize, at: usize, values: &mut [f32]) {
        if let Some(bias) = self.bias {
            values.iter_mut().for_each(|value| *value += bias[channel]);
        }
        if let Some(residual) = self.residual {
            let residual = &residual[at..][..values.len()];
            values.iter_mut().zip(residual).for_each(|(value, residual)| *value += residual);
        }
        apply_in_place(values, self.activation);
    }
}

/// The maps that a grid is written to.
pub(super) struct GridOutput<'a> {
    maps: Shared,
    /// The channels of all groups, and the first of this one.
    channels: usize,
    first_channel: usize,
    /// Height and width of a map.
    size: [usize; 2],
    /// Height and width of the grid.
    grid: [usize; 2],
    /// The place in the map of the grid's first place, and from one to the next.
    first: [usize; 2],
    stride: [usize; 2],
    epilogue: Epilogue<'a>,
}

impl<'a> GridOutput<'a> {
    /// The output of a convolution, where grid and map are the same.
    pub(super) fn of_output(
        shape: &Shape,
        values: &mut [f32],
        group: usize,
        epilogue: &Epilogue<'a>,
    ) -> Self {
        let [_, outputs] = shape.group_channels();
        Self {
            maps: Shared::new(values),
            channels: shape.channels[1],
            first_channel: group * outputs,
            size: shape.output,
            grid: shape.output,
            first: [0; 2],
            stride: [1; 2],
            epilogue: *epilogue,
        }
    }

    /// The places `first`, `first + stride` and so on of the input's gradient.
    pub(super) fn of_input_gradient(
        shape: &Shape,
        values: &mut [f32],
        group: usize,
        grid: [usize; 2],
        first: [usize; 2],
    ) -> Self {
        let [inputs, _] = shape.group_channels();
        Self {
            maps: Shared::new(values),
            channels: shape.channels[0],
            first_channel: group * inputs,
            size: shape.input,
            grid,
            first,
            stride: shape.options.stride,
            epilogue: Epilogue::default(),
        }
    }

    /// Where a channel's map of the row of `column` begins.
    fn map(&self, channel: usize, column: usize) -> usize {
        let row = column / (self.grid[0] * self.grid[1]);
        (row * self.channels + self.first_channel + channel) * self.size[0] * self.size[1]
    }

    /// The place of `column` in its map.
    fn place(&self, column: usize) -> usize {
        let place = column % (self.grid[0] * self.grid[1]);
        let [down, across] = [place / self.grid[1], place % self.grid[1]];
        (self.first[0] + down * self.stride[0]) * self.size[1]
            + self.first[1]
            + across * self.stride[1]
    }

    /// The columns whose places in the maps are at one distance from each other.
    fn runs(&self, columns: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let each = if self.is_dense() { self.grid[0] * self.grid[1] } else { self.grid[1] };
        cut(columns, each)
    }

    fn run_stride(&self) -> usize {
        if self.is_dense() { 1 } else { self.stride[1] }
    }

    fn is_dense(&self) -> bool {
        self.grid == self.size
    }

    /// The columns of each row of the batch.
    fn by_row(&self, columns: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        cut(columns, self.grid[0] * self.grid[1])
    }
}

/// A range, cut at every multiple of `each`.
fn cut(range: Range<usize>, each: usize) -> impl Iterator<Item = Range<usize>> {
    (range.start / each..=(range.end - 1) / each)
        .map(move |index| range.start.max(index * each)..range.end.min((index + 1) * each))
}

/// Writes or adds numbers at `stride` from each other.
///
/// # Safety
///
/// The places hold floats that nobody else uses.
unsafe fn write_run(at: *mut f32, stride: usize, sums: &[f32], add: bool) {
    for (index, sum) in sums.iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe {
            let at = at.add(index * stride);
            at.write(if add { *at + sum } else { *sum });
        }
    }
}

impl Output for GridOutput<'_> {
    fn direct(&self, rows: Range<usize>, columns: Range<usize>) -> Option<(*mut f32, usize)> {
        let places = self.grid[0] * self.grid[1];
        let in_one_map = columns.start / places == (columns.end - 1) / places;
        (in_one_map && self.is_dense()).then(|| {
            let at = self.map(rows.start, columns.start) + self.place(columns.start);
            (self.maps.pointer().wrapping_add(at), places)
        })
    }

    fn scatter(
        &self,
        tile: &[f32],
        stride: usize,
        rows: Range<usize>,
        columns: Range<usize>,
        add: bool,
    ) {
        let mut first = 0;
        for run in self.runs(columns) {
            let len = run.len();
            let (map, place) = (self.map(0, run.start), self.place(run.start));
            let map_len = self.size[0] * self.size[1];
            for (channel, sums) in rows.clone().zip(tile.chunks(stride)) {
                let at = self.maps.pointer().wrapping_add(map + channel * map_len + place);
                // SAFETY: the run is inside the map, and in no other thread's block.
                unsafe { write_run(at, self.run_stride(), &sums[first..][..len], add) };
            }
            first += len;
        }
    }

    fn finish(&self, rows: Range<usize>, columns: Range<usize>) {
        if self.epilogue.is_none() {
            return;
        }
        for columns in self.by_row(columns) {
            for channel in rows.clone() {
                let at = self.map(channel, columns.start) + self.place(columns.start);
                let start = self.maps.pointer().wrapping_add(at);
                // SAFETY: an epilogue comes with dense maps only; these numbers are written, and
                // in no other thread's block.
                let values = unsafe { std::slice::from_raw_parts_mut(start, columns.len()) };
                self.epilogue.apply(self.first_channel + channel, at, values);
            }
        }
    }
}
