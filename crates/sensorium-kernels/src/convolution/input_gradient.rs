//! The gradient of a convolution's input.
//!
//! The places of the input that have the same remainder by the stride are read by the same numbers
//! of the kernel. For each remainder the gradient is a convolution of the output's gradient with
//! those numbers, turned round, at stride 1.

use std::ops::Range;

use super::columns::GridColumns;
use super::output::GridOutput;
use super::winograd::{self, KernelLayout, Kernels, Maps};
use super::{Shape, depthwise};
use crate::operation::Mode;
use crate::product::multiply::multiply;
use crate::product::packed::PackedRows;
use crate::scratch::written;

/// # Shapes
///
/// - `weight`: `[K, C / groups, kernel]`
/// - `dy`: `[B, K, output]`
/// - returns: `[B, C, input]`
pub(super) fn input_gradient(shape: &Shape, weight: &[f32], dy: &[f32]) -> Vec<f32> {
    let [height, width] = shape.input;
    let len = shape.rows * shape.channels[0] * height * width;
    let by_tiles = !shape.is_depthwise()
        && winograd::suits(shape, shape.input, Mode::Training)
        && shape.options.padding.iter().flatten().all(|&padding| padding <= 2);
    if by_tiles {
        let write = |values: &mut [f32]| {
            for group in 0..shape.options.groups {
                tiles_gradient(shape, weight, dy, group, values);
            }
        };
        // SAFETY: tiles cover the maps of every group.
        return unsafe { written(len, write) };
    }
    // Zeros: places that no kernel reads have no gradient.
    let mut values = vec![0.0; len];
    if shape.is_depthwise() {
        depthwise::input_gradient(shape, weight, dy, &mut values);
        return values;
    }
    for group in 0..shape.options.groups {
        for first in remainders(shape) {
            remainder_gradient(shape, weight, dy, group, first, &mut values);
        }
    }
    values
}

fn tiles_gradient(shape: &Shape, weight: &[f32], dy: &[f32], group: usize, values: &mut [f32]) {
    let [inputs, outputs] = shape.group_channels();
    let layout = KernelLayout {
        rows: inputs,
        steps: outputs,
        row_stride: 9,
        step_stride: inputs * 9,
        turned: true,
    };
    let kernels = Kernels::new(shape.group_weight(weight, group), layout);
    winograd::convolve(&Maps::input_gradient(shape, dy, group, values), &kernels);
}

fn remainders(shape: &Shape) -> impl Iterator<Item = [usize; 2]> {
    let [down, across] = [0, 1].map(|axis| shape.options.stride[axis].min(shape.input[axis]));
    (0..down).flat_map(move |down| (0..across).map(move |across| [down, across]))
}

fn remainder_gradient(
    shape: &Shape,
    weight: &[f32],
    dy: &[f32],
    group: usize,
    first: [usize; 2],
    values: &mut [f32],
) {
    let stride = shape.options.stride;
    let grid = [0, 1].map(|axis| (shape.input[axis] - first[axis]).div_ceil(stride[axis]));
    let taps = taps(shape, first);
    if taps.is_empty() {
        return;
    }
    let columns = GridColumns {
        grid,
        offsets: taps.iter().map(|tap| tap.offset).collect(),
        ..GridColumns::of_gradient(shape, dy, group)
    };
    let left = turned(shape, shape.group_weight(weight, group), &taps);
    let output = GridOutput::of_input_gradient(shape, values, group, grid, first);
    multiply(&left, &columns, &output);
}

/// A number of the kernel, and which place of the output reads it.
struct Tap {
    index: usize,
    offset: [isize; 2],
}

/// The numbers of the kernel that read the places with a remainder.
fn taps(shape: &Shape, first: [usize; 2]) -> Vec<Tap> {
    let stride = shape.options.stride;
    let of = |(index, offset): (usize, [isize; 2])| {
        // Input place = output place × stride + offset.
        let [down, across] = [0, 1].map(|axis| {
            let (from, stride) =
                (first[axis].cast_signed() - offset[axis], stride[axis].cast_signed());
            (from % stride == 0).then_some(from / stride)
        });
        Some(Tap { index, offset: [down?, across?] })
    };
    shape.offsets().into_iter().enumerate().filter_map(of).collect()
}

/// The weights with the channels that come in as rows, and those that go out with the taps as
/// steps.
fn turned(shape: &Shape, weight: &[f32], taps: &[Tap]) -> PackedRows {
    let [inputs, outputs] = shape.group_channels();
    let kernel = shape.taps();
    PackedRows::with(inputs, outputs * taps.len(), |rows: Range<usize>, panel: &mut [f32]| {
        let mut steps = panel.chunks_exact_mut(rows.len());
        for output in weight.chunks_exact(inputs * kernel) {
            let kernels = &output[rows.start * kernel..][..rows.len() * kernel];
            for tap in taps {
                let step = steps.next().expect("one step for each channel and tap");
                for (number, kernel) in step.iter_mut().zip(kernels.chunks_exact(kernel)) {
                    *number = kernel[tap.index];
                }
            }
        }
    })
}
