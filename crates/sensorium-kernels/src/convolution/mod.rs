//! Convolutions over one and two axes.
//!
//! All three passes are products (Chellapilla et al. 2006, "High Performance Convolutional Neural
//! Networks for Document Processing", section 4) whose right side is never whole: it is read from
//! the picture block by block. The gradient of the input is a convolution of the output's gradient,
//! one for each place of the stride; that of the weights is a product over all places.
//! Convolutions of one channel by itself are not worth a product, and go row by row.

mod columns;
mod depthwise;
mod input_gradient;
mod normed;
mod output;
mod weight_gradient;
mod winograd;
mod winograd_weights;

use std::sync::Arc;

pub use self::normed::conv2d_normed;

use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, module};

use self::columns::GridColumns;
use self::output::{Epilogue, GridOutput};
use self::winograd::{KernelLayout, Kernels, Maps};
use crate::activation::{Activation, activate};
use crate::array::Array;
use crate::kept::{Purpose, kept};
use crate::operation::{Input, Mode, Operation, apply, runs_here};
use crate::product::multiply::multiply;
use crate::product::packed::{PackedRows, View};
use crate::scratch::written;

/// How a kernel slides over a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dOptions {
    /// Places from one output to the next, down and across; 1 or more.
    pub stride: [usize; 2],
    /// Zeros around the map: `[[top, bottom], [left, right]]`.
    pub padding: [[usize; 2]; 2],
    /// Places from one number of the kernel to the next, down and across; 1 or more.
    pub dilation: [usize; 2],
    /// Groups of channels that are convolved apart from each other; divides both channel counts.
    pub groups: usize,
}

impl Default for Conv2dOptions {
    fn default() -> Self {
        Self { stride: [1; 2], padding: [[0; 2]; 2], dilation: [1; 2], groups: 1 }
    }
}

/// Convolves maps with a kernel (a cross-correlation, as PyTorch's `conv2d`).
///
/// # Shapes
///
/// - `x`: `[B, C, H, W]`
/// - `weight`: `[K, C / groups, kernel height, kernel width]`
/// - `bias`: `[K]`
/// - returns: `[B, K, ⌊(H + top + bottom - dilation (kernel height - 1) - 1) / stride⌋ + 1, …]`
///
/// # Panics
///
/// If a size is zero, the kernel does not fit the padded map, or the shapes do not belong together.
pub fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    options: &Conv2dOptions,
) -> Tensor<4> {
    conv2d_fused(x, weight, bias, options, None, Activation::Identity)
}

/// `activation(conv2d(x) + residual)`.
///
/// In one pass where no gradient is asked for, and one after the other elsewhere.
///
/// # Shapes
///
/// As [`conv2d`]; `residual` is of the shape that is returned.
///
/// # Panics
///
/// As [`conv2d`].
pub fn conv2d_fused(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    options: &Conv2dOptions,
    residual: Option<Tensor<4>>,
    activation: Activation,
) -> Tensor<4> {
    let shape = Shape::new(x.dims(), weight.dims(), *options);
    let device = x.device();
    if !runs_here(&device, x.dtype()) {
        return finish(reference(x, weight, bias, options), residual, activation);
    }
    if device.is_autodiff() {
        let output = convolve(Convolution { shape, ..Default::default() }, x, weight, bias, None);
        return finish(output, residual, activation);
    }
    convolve(Convolution { shape, activation, ..Default::default() }, x, weight, bias, residual)
}

/// [`conv2d`] over one axis.
///
/// # Shapes
///
/// - `x`: `[B, C, T]`
/// - `weight`: `[K, C / groups, kernel size]`
/// - `bias`: `[K]`
/// - returns: `[B, K, U]`
///
/// `options` are those of the second axis; the first is of size 1.
///
/// # Panics
///
/// As [`conv2d`].
pub fn conv1d(
    x: Tensor<3>,
    weight: Tensor<3>,
    bias: Option<Tensor<1>>,
    options: &Conv2dOptions,
) -> Tensor<3> {
    conv2d(x.unsqueeze_dim(2), weight.unsqueeze_dim(2), bias, options).squeeze_dim(2)
}

fn finish(output: Tensor<4>, residual: Option<Tensor<4>>, activation: Activation) -> Tensor<4> {
    match residual {
        Some(residual) => crate::add_activate(output, residual, activation),
        None => activate(output, activation),
    }
}

fn reference(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    options: &Conv2dOptions,
) -> Tensor<4> {
    let Conv2dOptions { stride, padding: [[top, bottom], [left, right]], dilation, groups } =
        *options;
    let options = ConvOptions::new(stride, [0, 0], dilation, groups);
    let x = x.pad((left, right, top, bottom), 0.0);
    module::conv2d(x, weight, bias, options)
}

fn convolve(
    mut operation: Convolution,
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    residual: Option<Tensor<4>>,
) -> Tensor<4> {
    operation.has_bias = bias.is_some();
    let [x, weight]: [Input; 2] = [x.into(), weight.into()];
    match (bias, residual) {
        (None, None) => apply(operation, [x, weight]),
        (Some(bias), None) => apply(operation, [x, weight, bias.into()]),
        (None, Some(residual)) => apply(operation, [x, weight, residual.into()]),
        (Some(bias), Some(residual)) => apply(operation, [x, weight, bias.into(), residual.into()]),
    }
}

/// The sizes of a convolution.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    pub(super) rows: usize,
    /// Channels that come in, and that go out.
    pub(super) channels: [usize; 2],
    /// Height and width of the map that comes in, of the kernel, and of the map that goes out.
    pub(super) input: [usize; 2],
    pub(super) kernel: [usize; 2],
    pub(super) output: [usize; 2],
    pub(super) options: Conv2dOptions,
}

impl Shape {
    fn new(x: [usize; 4], weight: [usize; 4], options: Conv2dOptions) -> Self {
        let [rows, inputs, input @ ..] = x;
        let [outputs, each, kernel @ ..] = weight;
        let Conv2dOptions { stride, padding, dilation, groups } = options;
        assert!(
            !x.contains(&0) && !weight.contains(&0),
            "conv2d: no size may be zero, but the input is {x:?} and the weight {weight:?}"
        );
        assert!(
            groups > 0 && inputs == each * groups && outputs % groups == 0,
            "conv2d: {inputs} channels in {groups} groups do not belong to a weight {weight:?}"
        );
        let output = [0, 1].map(|axis| {
            let padded = input[axis] + padding[axis][0] + padding[axis][1];
            let reach = dilation[axis] * (kernel[axis] - 1) + 1;
            assert!(
                reach <= padded,
                "conv2d: a kernel that reaches over {reach} does not fit a padded map of {padded}"
            );
            (padded - reach) / stride[axis] + 1
        });
        Self { rows, channels: [inputs, outputs], input, kernel, output, options }
    }

    /// Channels of one group that come in, and that go out.
    pub(super) fn group_channels(&self) -> [usize; 2] {
        self.channels.map(|channels| channels / self.options.groups)
    }

    /// Numbers of a kernel of one channel.
    pub(super) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Where each number of a kernel reads, from the place of the output times the stride.
    pub(super) fn offsets(&self) -> Vec<[isize; 2]> {
        let Conv2dOptions { padding, dilation, .. } = self.options;
        let offset = |axis: usize, index: usize| {
            (index * dilation[axis]).cast_signed() - padding[axis][0].cast_signed()
        };
        let [height, width] = self.kernel;
        (0..height)
            .flat_map(|down| (0..width).map(move |across| [offset(0, down), offset(1, across)]))
            .collect()
    }

    fn is_depthwise(&self) -> bool {
        self.group_channels() == [1, 1]
    }

    /// The numbers of a group's weights: `[K / groups, C / groups, kernel]`.
    pub(super) fn group_weight<'a>(&self, weight: &'a [f32], group: usize) -> &'a [f32] {
        let [inputs, outputs] = self.group_channels();
        let len = outputs * inputs * self.taps();
        &weight[group * len..][..len]
    }
}

/// A convolution, what comes after it, and how its inputs are to be read.
#[derive(Clone, Copy, Debug, Default)]
struct Convolution {
    shape: Shape,
    has_bias: bool,
    activation: Activation,
}

impl Operation for Convolution {
    fn forward(&self, inputs: &[Array], mode: Mode) -> (Array, Vec<Array>) {
        let (fixed, rest) = inputs.split_at(2);
        let (bias, residual) = rest.split_at(usize::from(self.has_bias));
        let epilogue = Epilogue {
            bias: bias.first().map(Array::values),
            residual: residual.first().map(Array::values),
            activation: self.activation,
        };
        let weights = Weights { array: &fixed[1], mode };
        let values = forward(&self.shape, fixed[0].values(), weights, &epilogue);
        let Shape { rows, channels: [_, outputs], output: [height, width], .. } = self.shape;
        let saved = if mode == Mode::Training { fixed.to_vec() } else { Vec::new() };
        (Array::new(values, &[rows, outputs, height, width]), saved)
    }

    fn backward(&self, saved: &[Array], gradient: Array, wanted: &[bool]) -> Vec<Option<Array>> {
        let [x, weight] = saved else { unreachable!("a convolution saves its two inputs") };
        let (shape, dy) = (&self.shape, gradient.values());
        let of_x = || input_gradient::input_gradient(shape, weight.values(), dy);
        let of_weight = || weight_gradient::weight_gradient(shape, x.values(), dy);
        let mut gradients = vec![
            wanted[0].then(|| Array::new(of_x(), x.dims())),
            wanted[1].then(|| Array::new(of_weight(), weight.dims())),
        ];
        if self.has_bias {
            let outputs = shape.channels[1];
            gradients.push(wanted[2].then(|| Array::new(channel_sums(shape, dy), &[outputs])));
        }
        gradients
    }
}

/// The weights, which stay the same from pass to pass outside training.
#[derive(Clone, Copy)]
struct Weights<'a> {
    array: &'a Array,
    mode: Mode,
}

impl Weights<'_> {
    fn packed(self, shape: &Shape, group: usize) -> Arc<PackedRows> {
        let pack = || {
            let [inputs, outputs] = shape.group_channels();
            let weight = shape.group_weight(self.array.values(), group);
            PackedRows::of(View::dense(weight, outputs, inputs * shape.taps()))
        };
        match self.mode {
            Mode::Training => Arc::new(pack()),
            Mode::Inference => kept(self.array, Purpose::Convolution { group }, pack),
        }
    }

    fn transformed(self, shape: &Shape, group: usize) -> Arc<Kernels> {
        let transform = || {
            let [inputs, outputs] = shape.group_channels();
            let (row_stride, step_stride) = (inputs * 9, 9);
            let (rows, steps, turned) = (outputs, inputs, false);
            let layout = KernelLayout { rows, steps, row_stride, step_stride, turned };
            Kernels::new(shape.group_weight(self.array.values(), group), layout)
        };
        match self.mode {
            Mode::Training => Arc::new(transform()),
            Mode::Inference => kept(self.array, Purpose::TiledConvolution { group }, transform),
        }
    }
}

fn forward(shape: &Shape, x: &[f32], weights: Weights<'_>, epilogue: &Epilogue<'_>) -> Vec<f32> {
    let [height, width] = shape.output;
    let len = shape.rows * shape.channels[1] * height * width;
    let write = |values: &mut [f32]| {
        if shape.is_depthwise() {
            depthwise::forward(shape, x, weights.array.values(), epilogue, values);
            return;
        }
        let by_tiles = winograd::suits(shape, shape.output, weights.mode);
        for group in 0..shape.options.groups {
            if by_tiles {
                let maps = Maps::forward(shape, x, group, values, epilogue);
                winograd::convolve(&maps, &weights.transformed(shape, group));
                continue;
            }
            let columns = GridColumns::of_input(shape, x, group);
            let output = GridOutput::of_output(shape, values, group, epilogue);
            multiply(&*weights.packed(shape, group), &columns, &output);
        }
    };
    // SAFETY: every channel of every group is written.
    unsafe { written(len, write) }
}

/// The sum of each channel over all rows and places.
fn channel_sums(shape: &Shape, values: &[f32]) -> Vec<f32> {
    let channels = shape.channels[1];
    let places = shape.output[0] * shape.output[1];
    let mut sums = vec![0.0; channels];
    for maps in values.chunks_exact(channels * places) {
        for (sum, map) in sums.iter_mut().zip(maps.chunks_exact(places)) {
            *sum += lane_sum(map);
        }
    }
    sums
}

/// A sum in sixteen lanes, which vectorises and is the same on every instruction set.
fn lane_sum(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<16>();
    let mut lanes = [0.0_f32; 16];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

#[cfg(test)]
mod tests;
