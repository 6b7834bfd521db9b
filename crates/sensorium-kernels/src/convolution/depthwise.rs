//! Convolutions of each channel by itself, line by line.

use std::cell::RefCell;

use super::output::Epilogue;
use super::{Conv2dOptions, Shape};
use crate::instruction_set::for_instruction_sets;
use crate::team;

thread_local! {
    /// The padded map of a channel, for the next one.
    static PADDED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Numbers of an output line that are summed at once: one AVX-512 register.
const LANES: usize = 16;

/// # Shapes
///
/// - `x`: `[B, C, input]`; `weight`: `[C, kernel]`; `values`: `[B, C, output]`, which is written
pub(super) fn forward(
    shape: &Shape,
    x: &[f32],
    weight: &[f32],
    epilogue: &Epilogue<'_>,
    values: &mut [f32],
) {
    let [from, to] = [shape.input, shape.output].map(|size| size[0] * size[1]);
    let planes = Planes::new(shape);
    let offsets = planes.offsets(shape);
    team::chunks_mut(values, to, |index, map| {
        let channel = index % shape.channels[1];
        let weight = weight_of(shape, weight, channel);
        PADDED.with_borrow_mut(|padded| {
            planes.fill(padded, &x[index * from..][..from], shape);
            for (line, output) in map.chunks_exact_mut(shape.output[1]).enumerate() {
                let first = line * shape.options.stride[0] * planes.line();
                weighted_sum(output, &padded[first..], &offsets, weight);
            }
        });
        epilogue.apply(channel, index * to, map);
    });
}

/// A padded map whose lines are taken apart by the stride, so that what one number of the kernel reads
/// for a line of the output lies side by side.
#[derive(Clone, Copy, Debug)]
struct Planes {
    lines: usize,
    /// Places of the stride across.
    phases: usize,
    /// Numbers of one phase of a line, with room for the last lanes to read on.
    len: usize,
}

impl Planes {
    fn new(shape: &Shape) -> Self {
        let Conv2dOptions { stride, padding, .. } = shape.options;
        let padded = [0, 1].map(|axis| shape.input[axis] + padding[axis][0] + padding[axis][1]);
        let len = padded[1].div_ceil(stride[1]) + LANES;
        Self { lines: padded[0], phases: stride[1], len }
    }

    fn line(self) -> usize {
        self.phases * self.len
    }

    /// Where each number of the kernel reads, from the first of a line of the output.
    fn offsets(self, shape: &Shape) -> Vec<usize> {
        let [height, width] = shape.kernel;
        let [down, across] = shape.options.dilation;
        let offset = |y: usize, x: usize| {
            let column = x * across;
            y * down * self.line() + column % self.phases * self.len + column / self.phases
        };
        (0..height).flat_map(|y| (0..width).map(move |x| offset(y, x))).collect()
    }

    fn fill(self, padded: &mut Vec<f32>, map: &[f32], shape: &Shape) {
        // Zeros where the last map was: another convolution has other borders.
        padded.clear();
        padded.resize(self.lines * self.line() + LANES, 0.0);
        let [[top, _], [left, _]] = shape.options.padding;
        let lines = map.chunks_exact(shape.input[1]);
        for (line, numbers) in padded[top * self.line()..].chunks_exact_mut(self.line()).zip(lines)
        {
            for phase in 0..self.phases {
                // The first column of the map that is of this phase, and its place there.
                let first = (phase + self.phases - left % self.phases) % self.phases;
                let place = (left + first) / self.phases;
                let Some(own) = numbers.get(first..) else { continue };
                let target = &mut line[phase * self.len + place..(phase + 1) * self.len];
                spread(target, own, self.phases);
            }
        }
    }
}

/// As [`super::input_gradient::input_gradient`]; `values` are zeros.
pub(super) fn input_gradient(shape: &Shape, weight: &[f32], dy: &[f32], values: &mut [f32]) {
    let [from, to] = [shape.input, shape.output].map(|size| size[0] * size[1]);
    team::chunks_mut(values, from, |index, map| {
        let dy = &dy[index * to..][..to];
        let channel = index % shape.channels[1];
        for_each_line(shape, weight_of(shape, weight, channel), |line| {
            let Line { number, input, output, .. } = line;
            spread_scaled(&mut map[input], &dy[output], number, line.stride);
        });
    });
}

/// As [`super::weight_gradient::weight_gradient`].
pub(super) fn weight_gradient(shape: &Shape, x: &[f32], dy: &[f32]) -> Vec<f32> {
    let [from, to] = [shape.input, shape.output].map(|size| size[0] * size[1]);
    let channels = shape.channels[1];
    let mut gradient = vec![0.0; channels * shape.taps()];
    let zeros = vec![0.0; shape.taps()];
    team::chunks_mut(&mut gradient, shape.taps(), |channel, gradient| {
        for row in 0..shape.rows {
            let map = row * channels + channel;
            let (x, dy) = (&x[map * from..][..from], &dy[map * to..][..to]);
            for_each_line(shape, &zeros, |line| {
                gradient[line.tap] += dot(&x[line.input], &dy[line.output], line.stride);
            });
        }
    });
    gradient
}

fn weight_of<'a>(shape: &Shape, weight: &'a [f32], channel: usize) -> &'a [f32] {
    &weight[channel * shape.taps()..][..shape.taps()]
}

/// A line of the output, and what one number of the kernel reads for it.
struct Line {
    tap: usize,
    number: f32,
    input: std::ops::Range<usize>,
    output: std::ops::Range<usize>,
    stride: usize,
}

fn for_each_line(shape: &Shape, weight: &[f32], mut visit: impl FnMut(Line)) {
    let [stride_down, stride] = shape.options.stride;
    let [height, width] = shape.input;
    for (tap, [down, across]) in shape.offsets().into_iter().enumerate() {
        let Some((first, len)) = inside(across, stride, width, shape.output[1]) else { continue };
        for line in 0..shape.output[0] {
            let at = (line * stride_down).cast_signed() + down;
            let Some(at) = usize::try_from(at).ok().filter(|&at| at < height) else { continue };
            let start = at * width + ((first * stride).cast_signed() + across).cast_unsigned();
            visit(Line {
                tap,
                number: weight[tap],
                input: start..start + (len - 1) * stride + 1,
                output: line * shape.output[1] + first..line * shape.output[1] + first + len,
                stride,
            });
        }
    }
}

/// The first place of a line whose number is inside the map, and how many are.
fn inside(offset: isize, stride: usize, width: usize, places: usize) -> Option<(usize, usize)> {
    let first = (-offset).max(0).cast_unsigned().div_ceil(stride);
    let room = width.cast_signed() - offset;
    let end = usize::try_from(room).ok()?.div_ceil(stride).min(places);
    (first < end).then(|| (first, end - first))
}

for_instruction_sets! {
    /// Writes every `stride`-th number of `input`.
    fn spread(output: &mut [f32], input: &[f32], stride: usize) {
        if stride == 1 {
            output[..input.len()].copy_from_slice(input);
        } else {
            for (output, input) in output.iter_mut().zip(input.iter().step_by(stride)) {
                *output = *input;
            }
        }
    }

    /// For each output the sum of what lies at the offsets from it, each times its weight.
    fn weighted_sum(output: &mut [f32], input: &[f32], offsets: &[usize], weight: &[f32]) {
        for (chunk, output) in output.chunks_mut(LANES).enumerate() {
            let input = &input[chunk * LANES..];
            let mut sums = [0.0_f32; LANES];
            for (&offset, &weight) in offsets.iter().zip(weight) {
                let Some(numbers) = input[offset..].first_chunk::<LANES>() else { continue };
                for lane in 0..LANES {
                    sums[lane] += weight * numbers[lane];
                }
            }
            output.copy_from_slice(&sums[..output.len()]);
        }
    }

    /// Adds `number` times the outputs to every `stride`-th input.
    fn spread_scaled(input: &mut [f32], output: &[f32], number: f32, stride: usize) {
        if stride == 1 {
            for (input, output) in input.iter_mut().zip(output) {
                *input += number * output;
            }
        } else {
            for (input, output) in input.iter_mut().step_by(stride).zip(output) {
                *input += number * output;
            }
        }
    }

    /// The sum of the outputs times every `stride`-th input.
    fn dot(input: &[f32], output: &[f32], stride: usize) -> f32 {
        if stride > 1 {
            return input.iter().step_by(stride).zip(output).map(|(a, b)| a * b).sum();
        }
        let ((input, input_rest), (output, output_rest)) =
            (input.as_chunks::<16>(), output.as_chunks::<16>());
        let mut lanes = [0.0_f32; 16];
        for (input, output) in input.iter().zip(output) {
            for lane in 0..16 {
                lanes[lane] += input[lane] * output[lane];
            }
        }
        let rest: f32 = input_rest.iter().zip(output_rest).map(|(a, b)| a * b).sum();
        lanes.iter().sum::<f32>() + rest
    }
}
