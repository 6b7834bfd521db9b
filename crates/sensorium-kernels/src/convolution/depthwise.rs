//! Convolutions of each channel by itself, line by line.

use super::Shape;
use super::output::Epilogue;
use crate::instruction_set::for_instruction_sets;
use crate::team;

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
    team::chunks_mut(values, to, |index, map| {
        let x = &x[index * from..][..from];
        let channel = index % shape.channels[1];
        map.fill(0.0);
        for_each_line(shape, weight_of(shape, weight, channel), |line| {
            let Line { number, input, output, .. } = line;
            add_scaled(&mut map[output], &x[input], number, line.stride);
        });
        epilogue.apply(channel, index * to, map);
    });
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
    /// Adds `number` times every `stride`-th input to the outputs.
    fn add_scaled(output: &mut [f32], input: &[f32], number: f32, stride: usize) {
        if stride == 1 {
            for (output, input) in output.iter_mut().zip(input) {
                *output += number * input;
            }
        } else {
            for (output, input) in output.iter_mut().zip(input.iter().step_by(stride)) {
                *output += number * input;
            }
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
