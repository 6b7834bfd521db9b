//! One convolution over time, with the norm, function and pooling around it.
//!
//! Padding is zero before a convolution, and that is what lies beyond the end of a row that is not
//! padded: a row gives the same alone as in a longer batch.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Int, Tensor, s};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use sensorium_kernels::{Pool2dOptions, TimeConvolutionOptions, max_pool2d, time_convolution};

use super::time_steps::TimeSteps;
use crate::encoder::window::{Padding, PoolFunction};
use crate::layer::{Activation, BatchNorm, Dropout, LayerNorm, MAX_WIDTH, Norm};

/// The longest kernel, stride or pooling window, in steps.
const MAX_STEPS: usize = 1_024;

/// Everything about one convolution over time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeConvolutionConfig {
    /// Width of each step after it, 1 to 65 536.
    pub(crate) num_filters: usize,
    /// Steps that each output reads, 1 to 1 024.
    pub(crate) filter_size: usize,
    /// Steps from one output to the next, 1 to 1 024.
    pub(crate) strides: usize,
    /// What lies beyond both ends.
    pub(crate) padding: Padding,
    /// Whether the outputs have a learned shift; batch norm has its own, and takes out this one.
    pub(crate) use_bias: bool,
    /// The norm of the outputs.
    pub(crate) norm: Option<Norm>,
    /// The function after the norm.
    pub(crate) activation: Activation,
    /// Share of outputs set to zero in training, 0 or more and below 1.
    pub(crate) dropout: f64,
    /// How a pooling window becomes one step.
    pub(crate) pool_function: PoolFunction,
    /// Steps of a pooling window, 1 to 1 024; 1 is no pooling.
    pub(crate) pool_size: usize,
    /// Steps from one pooling window to the next, 1 to 1 024.
    pub(crate) pool_strides: usize,
}

impl TimeConvolutionConfig {
    fn check(&self) -> Result<(), ConfigError> {
        in_range("num_filters", self.num_filters, 1..=MAX_WIDTH)?;
        in_range("filter_size", self.filter_size, 1..=MAX_STEPS)?;
        in_range("strides", self.strides, 1..=MAX_STEPS)?;
        self.padding.check("padding", self.filter_size)?;
        in_range("dropout", self.dropout, 0.0..1.0)?;
        in_range("pool_size", self.pool_size, 1..=MAX_STEPS)?;
        in_range("pool_strides", self.pool_strides, 1..=MAX_STEPS)
    }
}

/// Convolution, pooling, norm, activation, dropout, in that order.
///
/// Ludwig pools after the activation. With a maximum and an activation that never falls, and
/// without a norm, that is the same; pooling first leaves fewer steps to work on.
#[derive(Module, Debug)]
pub(crate) struct TimeConvolution {
    /// `[filter_size * input width, num_filters]`, the steps of the kernel outermost.
    weight: Param<Tensor<2>>,
    bias: Option<Param<Tensor<1>>>,
    batch_norm: Option<BatchNorm>,
    layer_norm: Option<LayerNorm>,
    dropout: Dropout,
    #[module(skip)]
    config: TimeConvolutionConfig,
}

impl TimeConvolution {
    /// # Errors
    ///
    /// [`ConfigError`] for the first field out of its range.
    pub(crate) fn build(
        config: TimeConvolutionConfig,
        input_width: usize,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let TimeConvolutionConfig { num_filters, filter_size, norm, .. } = config;
        let fan_in = filter_size * input_width;
        // He et al. 2015 for a rectifier: variance 2 / fan in.
        let weight = Initializer::KaimingNormal { gain: 2f64.sqrt(), fan_out_only: false };
        Ok(Self {
            weight: weight.init_with([fan_in, num_filters], Some(fan_in), None, device),
            bias: (config.use_bias && norm != Some(Norm::Batch))
                .then(|| Initializer::Zeros.init([num_filters], device)),
            batch_norm: (norm == Some(Norm::Batch)).then(|| BatchNorm::new(num_filters, device)),
            layer_norm: (norm == Some(Norm::Layer)).then(|| LayerNorm::new(num_filters, device)),
            dropout: Dropout::new(config.dropout),
            config,
        })
    }

    /// The width of the steps that come out.
    pub(crate) fn output_width(&self) -> usize {
        self.config.num_filters
    }

    /// # Shapes
    ///
    /// - `steps`: `[P, T, D]`
    /// - returns: `[P, U, num_filters]`; each row keeps at least one step
    pub(crate) fn forward(&self, steps: &TimeSteps) -> TimeSteps {
        let steps = self.pool(self.convolve(steps));
        let (lengths, values) = (steps.lengths(), self.normalise(steps));
        TimeSteps::new(self.dropout.forward(values), lengths)
    }

    fn convolve(&self, steps: &TimeSteps) -> TimeSteps {
        let window = Window::of_convolution(&self.config);
        let [_, length, _] = steps.values().dims();
        let options = TimeConvolutionOptions {
            kernel_size: window.size,
            stride: window.stride,
            padding: [window.before, window.after(length)],
        };
        let bias = self.bias.as_ref().map(Param::val);
        let values = time_convolution(steps.values(), self.weight.val(), bias, &options);
        TimeSteps::new(values, window.output_lengths(steps.lengths()))
    }

    fn pool(&self, steps: TimeSteps) -> TimeSteps {
        let Some(window) = Window::of_pooling(&self.config) else { return steps };
        let lengths = window.output_lengths(steps.lengths());
        let sum = |views: Vec<Tensor<3>>| views.into_iter().reduce(|sum, view| sum + view);
        let values = match self.config.pool_function {
            PoolFunction::Max => Some(window.largest(steps)),
            PoolFunction::Average => {
                // The mean of the real steps of the window only.
                let real = steps.with(steps.weights().unsqueeze_dim(2));
                let count = sum(window.views(&real)).map(|count| count.clamp_min(1.0));
                sum(window.views(&steps)).zip(count).map(|(sum, count)| sum / count)
            }
        };
        TimeSteps::new(values.expect("a window has a step"), lengths)
    }

    /// The norm and the activation.
    fn normalise(&self, steps: TimeSteps) -> Tensor<3> {
        let activation = self.config.activation;
        let weights = steps.weights();
        let values = steps.into_values();
        let [rows, length, width] = values.dims();
        if let Some(norm) = &self.batch_norm {
            let present = || weights.reshape([rows * length]);
            let flat = values.reshape([rows * length, width]);
            return norm.forward(flat, Some(present), activation).reshape([rows, length, width]);
        }
        activation.apply(match &self.layer_norm {
            Some(norm) => norm.forward(values),
            None => values,
        })
    }
}

/// A window that slides over time.
struct Window {
    size: usize,
    stride: usize,
    /// Steps of padding before the first.
    before: usize,
    /// Steps of padding in all.
    padding: usize,
}

impl Window {
    fn of_convolution(config: &TimeConvolutionConfig) -> Self {
        let [before, after] = config.padding.around(config.filter_size);
        Self { size: config.filter_size, stride: config.strides, before, padding: before + after }
    }

    /// Windows start at every stride that is inside the row, so that no step is left out at its
    /// end; `None` for windows of one step.
    fn of_pooling(config: &TimeConvolutionConfig) -> Option<Self> {
        let TimeConvolutionConfig { pool_size: size, pool_strides: stride, .. } = *config;
        (size > 1 || stride > 1).then_some(Self { size, stride, before: 0, padding: size - 1 })
    }

    /// The number of windows of a row of `length` steps; one where the row is shorter than a
    /// window, as if it were padded up to it.
    fn outputs(&self, length: usize) -> usize {
        (length + self.padding).saturating_sub(self.size) / self.stride + 1
    }

    /// Steps after the last one that windows of a row of `length` steps reach.
    fn after(&self, length: usize) -> usize {
        let reach = (self.outputs(length) - 1) * self.stride + self.size;
        reach.saturating_sub(self.before + length)
    }

    /// [`Window::outputs`] of every row.
    fn output_lengths(&self, lengths: Tensor<1, Int>) -> Tensor<1, Int> {
        let signed = |steps: usize| i64::try_from(steps).expect("sizes are below 2^20");
        let room = lengths + (signed(self.padding) - signed(self.size));
        room.clamp_min(0) / signed(self.stride) + 1
    }

    /// The largest of each number over each window: `[P, U, D]`.
    fn largest(&self, steps: TimeSteps) -> Tensor<3> {
        let values = steps.padded_with(f32::MIN);
        let [rows, length, width] = values.dims();
        let options = Pool2dOptions {
            kernel: [self.size, 1],
            stride: [self.stride, 1],
            padding: [[self.before, self.after(length)], [0; 2]],
        };
        let maps = max_pool2d(values.reshape([rows, 1, length, width]), &options);
        maps.squeeze_dim(1)
    }

    /// For each step of the window, what it sees at every place of the window: `[P, U, D]` each.
    /// Zeros lie beyond the ends of every row.
    fn views(&self, steps: &TimeSteps) -> Vec<Tensor<3>> {
        let values = steps.values();
        let [_, length, _] = values.dims();
        let (outputs, after) = (self.outputs(length), self.after(length));
        let values = if self.before + after == 0 {
            values
        } else {
            values.pad([(self.before, after), (0, 0)], 0.0)
        };
        let span = (outputs - 1) * self.stride + 1;
        let stride = isize::try_from(self.stride).expect("a stride is at most 1 024");
        let view = |offset| values.clone().slice_dim(1, s![offset..offset + span; stride]);
        (0..self.size).map(view).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{assert_close, values};

    const PLAIN: TimeConvolutionConfig = TimeConvolutionConfig {
        num_filters: 1,
        filter_size: 1,
        strides: 1,
        padding: Padding::Same,
        use_bias: false,
        norm: None,
        activation: Activation::Identity,
        dropout: 0.0,
        pool_function: PoolFunction::Max,
        pool_size: 1,
        pool_strides: 1,
    };

    /// What a kernel of powers of ten makes of the steps 1, 2, 3, ...: its digits are the steps
    /// that each output saw. The row has `length` steps in a batch of 5.
    fn digits(config: TimeConvolutionConfig, length: i32) -> (Vec<f32>, i64) {
        let device = Device::flex();
        let mut layer = TimeConvolution::build(config, 1, &device).unwrap();
        let kernel: Vec<f32> =
            (0..config.filter_size).rev().map(|digit| 10f32.powf(digit as f32)).collect();
        let kernel = Tensor::<1>::from_floats(kernel.as_slice(), &device);
        layer.weight = Param::from_tensor(kernel.unsqueeze_dim(1));
        let lengths = Tensor::<1, Int>::from_ints([length], &device);
        let steps = Tensor::from_floats([[[1.0], [2.0], [3.0], [4.0], [5.0]]], &device);
        let read = layer.forward(&TimeSteps::new(steps, lengths));
        (values(&read.values()), read.lengths().into_scalar())
    }

    #[test]
    fn a_kernel_sees_the_steps_around_and_zeros_beyond_the_row() {
        let same = TimeConvolutionConfig { filter_size: 3, ..PLAIN };
        assert_eq!(digits(same, 5), (vec![12.0, 123.0, 234.0, 345.0, 450.0], 5));
        assert_eq!(digits(same, 3), (vec![12.0, 123.0, 230.0, 0.0, 0.0], 3));
        let even = TimeConvolutionConfig { filter_size: 2, ..PLAIN };
        assert_eq!(digits(even, 3), (vec![12.0, 23.0, 30.0, 0.0, 0.0], 3));
    }

    #[test]
    fn valid_padding_keeps_whole_windows_and_one_where_there_is_none() {
        let valid = TimeConvolutionConfig { filter_size: 3, padding: Padding::Valid, ..PLAIN };
        assert_eq!(digits(valid, 5), (vec![123.0, 234.0, 345.0], 3));
        assert_eq!(digits(valid, 4), (vec![123.0, 234.0, 0.0], 2));
        assert_eq!(digits(valid, 2), (vec![120.0, 0.0, 0.0], 1));
        let strided = TimeConvolutionConfig { strides: 2, ..valid };
        assert_eq!(digits(strided, 5), (vec![123.0, 345.0], 2));
    }

    #[test]
    fn zeros_on_both_sides_count_as_steps() {
        let config = TimeConvolutionConfig { filter_size: 3, padding: Padding::Zeros(2), ..PLAIN };
        let expected = vec![1.0, 12.0, 120.0, 200.0, 0.0, 0.0, 0.0];
        assert_eq!(digits(config, 2), (expected, 4));
    }

    #[test]
    fn pooling_reads_real_steps_only_and_leaves_none_out() {
        let max = TimeConvolutionConfig { pool_size: 2, pool_strides: 2, ..PLAIN };
        assert_eq!(digits(max, 5), (vec![2.0, 4.0, 5.0], 3));
        assert_eq!(digits(max, 3), (vec![2.0, 3.0, 0.0], 2));
        let mean = TimeConvolutionConfig { pool_function: PoolFunction::Average, ..max };
        assert_eq!(digits(mean, 3), (vec![1.5, 3.0, 0.0], 2));
        let overlapping = TimeConvolutionConfig { pool_size: 3, pool_strides: 2, ..mean };
        assert_eq!(digits(overlapping, 4), (vec![2.0, 3.5, 0.0], 2));
    }

    #[test]
    fn the_largest_of_negative_steps_is_negative() {
        let device = Device::flex();
        let config = TimeConvolutionConfig { pool_size: 2, pool_strides: 2, ..PLAIN };
        let mut layer = TimeConvolution::build(config, 1, &device).unwrap();
        layer.weight = Param::from_tensor(Tensor::from_floats([[-1.0]], &device));
        let steps = Tensor::from_floats([[[1.0], [2.0], [3.0], [4.0]]], &device);
        let lengths = Tensor::<1, Int>::from_ints([3], &device);
        let read = layer.forward(&TimeSteps::new(steps, lengths));
        assert_close("pooled", &read.values(), &[-1.0, -3.0], 0.0);
    }
}
