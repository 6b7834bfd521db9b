//! The right side of a convolution's product: for each place of a grid, the numbers under the
//! kernel.
//!
//! A block of places first copies the rows of the map that it reads, with the zeros around them and
//! with the places of the stride sorted apart. From there on every column is a copy of numbers next
//! to each other, without a condition.

use std::ops::Range;

use super::Shape;
use crate::instruction_set::for_instruction_sets;
use crate::product::multiply::Columns;

/// What the places of a grid read of maps.
pub(super) struct GridColumns<'a> {
    /// The maps of all rows, from the group's first channel on.
    pub(super) maps: &'a [f32],
    pub(super) rows: usize,
    /// Numbers from one row's maps to the next row's.
    pub(super) row_stride: usize,
    /// Channels that are read.
    pub(super) channels: usize,
    /// Height and width of a map.
    pub(super) size: [usize; 2],
    /// Height and width of the grid.
    pub(super) grid: [usize; 2],
    /// Numbers of the map from one place to the next, down and across.
    pub(super) stride: [usize; 2],
    /// Where each number of the kernel is, from the place times the stride.
    pub(super) offsets: Vec<[isize; 2]>,
}

impl<'a> GridColumns<'a> {
    /// What the output reads of the input.
    pub(super) fn of_input(shape: &Shape, x: &'a [f32], group: usize) -> Self {
        let places = shape.input[0] * shape.input[1];
        let [channels, _] = shape.group_channels();
        Self {
            maps: &x[group * channels * places..],
            rows: shape.rows,
            row_stride: shape.channels[0] * places,
            channels,
            size: shape.input,
            grid: shape.output,
            stride: shape.options.stride,
            offsets: shape.offsets(),
        }
    }

    /// What the input's gradient reads of the output's, but for the places and the grid.
    pub(super) fn of_gradient(shape: &Shape, dy: &'a [f32], group: usize) -> Self {
        let places = shape.output[0] * shape.output[1];
        let [_, channels] = shape.group_channels();
        Self {
            maps: &dy[group * channels * places..],
            rows: shape.rows,
            row_stride: shape.channels[1] * places,
            channels,
            size: shape.output,
            grid: shape.input,
            stride: [1; 2],
            offsets: Vec::new(),
        }
    }

    fn places(&self) -> usize {
        self.grid[0] * self.grid[1]
    }

    /// The least and the greatest offset along an axis.
    fn reach(&self, axis: usize) -> [isize; 2] {
        let offsets = || self.offsets.iter().map(|offset| offset[axis]);
        [offsets().min().unwrap_or(0), offsets().max().unwrap_or(0)]
    }

    /// Whether every place reads inside the map, next to what the next place reads.
    fn is_direct(&self) -> bool {
        [0, 1].iter().all(|&axis| {
            let [least, greatest] = self.reach(axis);
            self.stride[axis] == 1
                && least >= 0
                && self.grid[axis] + greatest.cast_unsigned() <= self.size[axis]
        })
    }

    /// The rows (of the batch) and, for each, the rows of the grid that some columns are in.
    fn parts(&self, columns: &Range<usize>) -> Vec<(usize, Range<usize>)> {
        let (places, width) = (self.places(), self.grid[1]);
        (columns.start / places..=(columns.end - 1) / places)
            .map(|row| {
                let first = columns.start.saturating_sub(row * places) / width;
                let end = (columns.end - row * places).min(places).div_ceil(width);
                (row, first..end)
            })
            .collect()
    }

    fn direct_part(&self, row: usize, lines: &Range<usize>) -> Part {
        let [height, width] = self.size;
        let offset =
            |offset: &[isize; 2]| offset[0].cast_unsigned() * width + offset[1].cast_unsigned();
        Part {
            first_line: lines.start,
            base: row * self.row_stride + lines.start * width,
            line: width,
            channel: height * width,
            offsets: self.offsets.iter().map(offset).collect(),
        }
    }

    /// Copies what lines of a row's grid read to the end of `copy`.
    fn copied_part(&self, row: usize, lines: &Range<usize>, copy: &mut Vec<f32>) -> Part {
        let [down, across] = [0, 1].map(|axis| Phases::new(self, axis));
        let (height, width) = (lines.len() + down.further, self.grid[1] + across.further);
        let channel = height * width;
        let base = copy.len();
        let map_len = self.size[0] * self.size[1];
        copy.resize(base + down.used.len() * across.used.len() * self.channels * channel, 0.0);
        let runs: Vec<Run> =
            across.used.iter().map(|phase| across.run(*phase, self.size[1], width)).collect();
        let planes = copy[base..].chunks_exact_mut(self.channels * runs.len() * channel);
        for (phase, planes) in down.used.iter().zip(planes) {
            let rows: Vec<Option<usize>> = (0..height)
                .map(|line| down.position(lines.start + line, *phase))
                .map(|at| at.filter(|&at| at < self.size[0]))
                .collect();
            let maps = &self.maps[row * self.row_stride..][..self.channels * map_len];
            copy_planes(maps, self.size, &rows, &runs, across.stride, planes, width);
        }
        let offset = |offset: &[isize; 2]| {
            let [(down_phase, down), (across_phase, across)] =
                [down.of(offset[0]), across.of(offset[1])];
            let phase = down_phase * runs.len() + across_phase;
            phase * self.channels * channel + down * width + across
        };
        Part {
            first_line: lines.start,
            base,
            line: width,
            channel,
            offsets: self.offsets.iter().map(offset).collect(),
        }
    }

    fn segments(
        &self,
        block: &Block,
        first: usize,
        width: usize,
        available: usize,
    ) -> Vec<Segment> {
        let places = self.places();
        let end = (first + width).min(block.end);
        let mut segments = Vec::with_capacity(4);
        let mut column = first;
        while column < end {
            let (row, place) = (column / places, column % places);
            let [line, across] = [place / self.grid[1], place % self.grid[1]];
            let part = row - block.first_row;
            let Part { first_line, base, line: line_len, channel, ref offsets } = block.parts[part];
            let start = base + (line - first_line) * line_len + across;
            let len = (self.grid[1] - across).min(end - column);
            let target = column - first;
            // Longer copies run over into what a later segment writes, and need the room.
            let long = len.next_multiple_of(CHUNK);
            let furthest =
                start + offsets.iter().max().unwrap_or(&0) + (self.channels - 1) * channel;
            let runs_over = column + len < end && target + long <= width;
            let is_whole = len == long || (runs_over && furthest + long <= available);
            let copied = if is_whole { long } else { len };
            segments.push(Segment { part, start, target, copied, channel });
            column += len;
        }
        segments
    }
}

/// Numbers that are copied at once.
const CHUNK: usize = 8;

/// The numbers of a stride's places along one axis, sorted apart.
struct Phases {
    least: isize,
    stride: usize,
    /// The remainders of the stride that some number of the kernel reads.
    used: Vec<usize>,
    /// Numbers that the last place reads past its own.
    further: usize,
}

impl Phases {
    fn new(columns: &GridColumns<'_>, axis: usize) -> Self {
        let [least, greatest] = columns.reach(axis);
        let stride = columns.stride[axis];
        let mut used: Vec<usize> = columns
            .offsets
            .iter()
            .map(|offset| (offset[axis] - least).cast_unsigned() % stride)
            .collect();
        used.sort_unstable();
        used.dedup();
        Self { least, stride, used, further: (greatest - least).cast_unsigned() / stride }
    }

    /// The index of the phase that an offset is in, and its number there.
    fn of(&self, offset: isize) -> (usize, usize) {
        let from_least = (offset - self.least).cast_unsigned();
        let phase = self.used.iter().position(|&phase| phase == from_least % self.stride);
        (phase.expect("every offset's phase is used"), from_least / self.stride)
    }

    /// Where a number of a phase is in the map; `None` before its start.
    fn position(&self, index: usize, phase: usize) -> Option<usize> {
        let at = (index * self.stride + phase).cast_signed() + self.least;
        usize::try_from(at).ok()
    }

    /// What a line of `width` numbers of a phase reads of a line of the map of `size`.
    fn run(&self, phase: usize, size: usize, width: usize) -> Run {
        // The first number that is inside the map.
        let outside = (-(phase.cast_signed() + self.least)).max(0).cast_unsigned();
        let skipped = outside.div_ceil(self.stride).min(width);
        let first = self.position(skipped, phase).unwrap_or(size).min(size);
        let len = (size - first).div_ceil(self.stride).min(width - skipped);
        Run { skipped, first, len }
    }
}

/// The part of a phase's line that is inside the map.
struct Run {
    /// Numbers before it, which are outside.
    skipped: usize,
    /// Where it begins in the map's line.
    first: usize,
    len: usize,
}

/// Columns next to each other that are prepared together.
pub(super) struct Block {
    first_row: usize,
    /// The first column past it.
    end: usize,
    parts: Vec<Part>,
    /// The copied lines; empty where the maps themselves are read.
    copy: Vec<f32>,
}

/// What a block reads of one row's maps.
struct Part {
    /// The grid's line that the part begins with.
    first_line: usize,
    /// Where that line's first place reads the number at the first offset's origin.
    base: usize,
    /// Numbers from line to line, and from channel to channel.
    line: usize,
    channel: usize,
    /// Where each number of the kernel is from there.
    offsets: Vec<usize>,
}

/// Columns of one panel whose numbers are next to each other.
#[derive(Clone, Copy)]
struct Segment {
    part: usize,
    start: usize,
    target: usize,
    copied: usize,
    channel: usize,
}

impl Columns for GridColumns<'_> {
    type Block = Block;

    fn columns(&self) -> usize {
        self.rows * self.places()
    }

    fn block(&self, columns: Range<usize>) -> Block {
        let ranges = self.parts(&columns);
        let first_row = ranges[0].0;
        if self.is_direct() {
            let parts = ranges.iter().map(|(row, lines)| self.direct_part(*row, lines));
            return Block { first_row, end: columns.end, parts: parts.collect(), copy: Vec::new() };
        }
        let mut copy = Vec::new();
        let parts: Vec<Part> =
            ranges.iter().map(|(row, lines)| self.copied_part(*row, lines, &mut copy)).collect();
        // Room for the last copy to run over.
        copy.resize(copy.len() + CHUNK, 0.0);
        Block { first_row, end: columns.end, parts, copy }
    }

    fn pack(
        &self,
        block: &mut Block,
        first: usize,
        width: usize,
        steps: Range<usize>,
        panel: &mut [f32],
    ) {
        let source = if block.copy.is_empty() { self.maps } else { &block.copy };
        let segments = self.segments(block, first, width, source.len());
        let panel = &mut panel[..steps.len() * width];
        copy_segments(
            source,
            &block.parts,
            &segments,
            self.offsets.len(),
            steps.start,
            panel,
            width,
        );
    }
}

for_instruction_sets! {
    /// Copies lines of maps (`rows` says which, or that one is outside) to planes of lines of
    /// `width`: for each run a plane of every channel. What is outside stays.
    fn copy_planes(
        maps: &[f32],
        size: [usize; 2],
        rows: &[Option<usize>],
        runs: &[Run],
        stride: usize,
        planes: &mut [f32],
        width: usize,
    ) {
        let [height, line] = size;
        let channels = maps.len() / (height * line);
        for (channel, map) in maps.chunks_exact(height * line).enumerate() {
            for (index, row) in rows.iter().enumerate() {
                let Some(row) = row else { continue };
                for (plane, run) in runs.iter().enumerate() {
                    let to = ((plane * channels + channel) * rows.len() + index) * width;
                    let to = &mut planes[to + run.skipped..][..run.len];
                    let from = &map[row * line + run.first..(row + 1) * line];
                    match stride {
                        1 => to.copy_from_slice(&from[..run.len]),
                        2 => copy_every::<2>(from, to),
                        4 => copy_every::<4>(from, to),
                        _ => copy_sparse(from, stride, to),
                    }
                }
            }
        }
    }

    /// Writes the numbers of the segments at each step from `step` on: a channel after the other,
    /// and for each the places of the kernel.
    fn copy_segments(
        source: &[f32],
        parts: &[Part],
        segments: &[Segment],
        taps: usize,
        step: usize,
        panel: &mut [f32],
        width: usize,
    ) {
        let (mut channel, mut tap) = (step / taps, step % taps);
        for numbers in panel.chunks_exact_mut(width) {
            for segment in segments {
                let offset = parts[segment.part].offsets[tap];
                let from = segment.start + offset + channel * segment.channel;
                let to = &mut numbers[segment.target..][..segment.copied];
                copy(&source[from..][..segment.copied], to);
            }
            tap += 1;
            if tap == taps {
                (channel, tap) = (channel + 1, 0);
            }
        }
    }
}

/// Copies every `STRIDE`-th number; the stride is known so that vectors can be sorted.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
fn copy_every<const STRIDE: usize>(source: &[f32], line: &mut [f32]) {
    let (groups, rest) = source.as_chunks::<STRIDE>();
    if let (Some(number), Some(value)) = (line.get_mut(groups.len()), rest.first()) {
        *number = *value;
    }
    for (number, group) in line.iter_mut().zip(groups) {
        *number = group[0];
    }
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
fn copy_sparse(source: &[f32], stride: usize, line: &mut [f32]) {
    for (number, value) in line.iter_mut().zip(source.iter().step_by(stride)) {
        *number = *value;
    }
}

/// A copy of few numbers, without a call.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
fn copy(from: &[f32], to: &mut [f32]) {
    let (from, from_rest) = from.as_chunks::<CHUNK>();
    let (to, to_rest) = to.as_chunks_mut::<CHUNK>();
    for (from, to) in from.iter().zip(to) {
        *to = *from;
    }
    for (from, to) in from_rest.iter().zip(to_rest) {
        *to = *from;
    }
}
