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
        let mut planes = copy[base..].chunks_exact_mut(channel);
        for phase_down in &down.used {
            for phase_across in &across.used {
                for index in 0..self.channels {
                    let map = &self.maps[row * self.row_stride + index * map_len..][..map_len];
                    let plane = planes.next().expect("one plane for each phase and channel");
                    for (line, numbers) in plane.chunks_exact_mut(width).enumerate() {
                        let at = down.position(lines.start + line, *phase_down);
                        if let Some(at) = at.filter(|&at| at < self.size[0]) {
                            let source = &map[at * self.size[1]..][..self.size[1]];
                            across.copy(source, *phase_across, numbers);
                        }
                    }
                }
            }
        }
        let offset = |offset: &[isize; 2]| {
            let [(down_phase, down), (across_phase, across)] =
                [down.of(offset[0]), across.of(offset[1])];
            let phase = down_phase * self.across_phases() + across_phase;
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

    fn across_phases(&self) -> usize {
        Phases::new(self, 1).used.len()
    }

    fn segments(
        &self,
        block: &Block,
        first: usize,
        width: usize,
        available: usize,
    ) -> Vec<Segment> {
        let places = self.places();
        let end = (first + width).min(self.rows * places);
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

    /// Copies a line of the map; what is outside it stays.
    fn copy(&self, source: &[f32], phase: usize, line: &mut [f32]) {
        // The first number that is inside the map.
        let outside = (-(phase.cast_signed() + self.least)).max(0).cast_unsigned();
        let skipped = outside.div_ceil(self.stride).min(line.len());
        let Some(first) = self.position(skipped, phase).filter(|&at| at < source.len()) else {
            return;
        };
        let source = &source[first..];
        if self.stride == 1 {
            let len = source.len().min(line.len() - skipped);
            line[skipped..][..len].copy_from_slice(&source[..len]);
            return;
        }
        copy_strided(source, self.stride, &mut line[skipped..]);
    }
}

/// Columns next to each other that are prepared together.
pub(super) struct Block {
    first_row: usize,
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
            return Block { first_row, parts: parts.collect(), copy: Vec::new() };
        }
        let mut copy = Vec::new();
        let parts: Vec<Part> =
            ranges.iter().map(|(row, lines)| self.copied_part(*row, lines, &mut copy)).collect();
        // Room for the last copy to run over.
        copy.resize(copy.len() + CHUNK, 0.0);
        Block { first_row, parts, copy }
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
    /// Copies every `stride`-th number, as far as there are any.
    fn copy_strided(source: &[f32], stride: usize, line: &mut [f32]) {
        match stride {
            2 => copy_every::<2>(source, line),
            4 => copy_every::<4>(source, line),
            _ => {
                for (number, value) in line.iter_mut().zip(source.iter().step_by(stride)) {
                    *number = *value;
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
    let last = line.get_mut(groups.len()).zip(rest.first());
    if let Some((number, value)) = last {
        *number = *value;
    }
    for (number, group) in line.iter_mut().zip(groups) {
        *number = group[0];
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
