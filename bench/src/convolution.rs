//! Convolutions with what follows them: the batch norm in training, folded in at prediction.

use burn::module::{Module, Param, RunningState};
use burn::tensor::{Device, Tensor};
use sensorium_kernels::{
    Activation, BatchNormOptions, Conv2dOptions, Pool2dOptions, batch_norm, conv2d, conv2d_fused,
};

use crate::random::he_normal;

/// PyTorch's default.
const EPSILON: f64 = 1e-5;
/// The share of a new batch in the running statistics; PyTorch's default.
const MOMENTUM: f64 = 0.1;

/// How a square convolution without groups moves.
pub(crate) const fn moving(stride: usize, padding: usize) -> Conv2dOptions {
    Conv2dOptions { stride: [stride; 2], padding: [[padding; 2]; 2], dilation: [1; 2], groups: 1 }
}

/// How a square window of a pooling moves.
pub(crate) const fn pooling(kernel: usize, stride: usize, padding: usize) -> Pool2dOptions {
    Pool2dOptions { kernel: [kernel; 2], stride: [stride; 2], padding: [[padding; 2]; 2] }
}

/// The sizes of a square convolution, padded so that a stride of 1 keeps the grid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConvolutionSizes {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
}

impl ConvolutionSizes {
    const fn moving(self) -> Conv2dOptions {
        moving(self.stride, self.kernel / 2)
    }

    fn weight(self, device: &Device) -> Param<Tensor<4>> {
        let Self { inputs, outputs, kernel, stride: _ } = self;
        he_normal([outputs, inputs, kernel, kernel], inputs * kernel * kernel, device)
    }
}

/// A convolution without bias and the batch norm after it, in training.
#[derive(Module, Debug)]
pub(crate) struct NormedConvolution {
    weight: Param<Tensor<4>>,
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    running_mean: RunningState<Tensor<1>>,
    running_variance: RunningState<Tensor<1>>,
    #[module(skip)]
    sizes: ConvolutionSizes,
}

impl NormedConvolution {
    pub(crate) fn new(sizes: ConvolutionSizes, device: &Device) -> Self {
        let width = [sizes.outputs];
        Self {
            weight: sizes.weight(device),
            gamma: Param::from_tensor(Tensor::ones(width, device)),
            beta: Param::from_tensor(Tensor::zeros(width, device)),
            running_mean: RunningState::new(Tensor::zeros(width, device)),
            running_variance: RunningState::new(Tensor::ones(width, device)),
            sizes,
        }
    }

    /// `activation` is the identity or a `ReLU`.
    pub(crate) fn forward(&self, x: Tensor<4>, activation: Activation) -> Tensor<4> {
        self.normed(x, matches!(activation, Activation::Relu), None)
    }

    /// The sum with a shortcut, and a `ReLU` of it.
    pub(crate) fn added(&self, x: Tensor<4>, shortcut: Tensor<4>) -> Tensor<4> {
        self.normed(x, true, Some(shortcut))
    }

    fn normed(&self, x: Tensor<4>, relu: bool, residual: Option<Tensor<4>>) -> Tensor<4> {
        let x = conv2d(x, self.weight.val(), None, &self.sizes.moving());
        let [rows, _, height, width] = x.dims();
        let count = (rows * height * width) as f64;
        let options = BatchNormOptions { epsilon: EPSILON, relu };
        let normed = batch_norm(x, self.gamma.val(), self.beta.val(), &options, residual);
        move_towards(&self.running_mean, normed.mean);
        move_towards(&self.running_variance, normed.variance * (count / (count - 1.0)));
        normed.output
    }

    /// The same at prediction, where the norm is a scale and a shift and so part of the weights.
    pub(crate) fn folded(&self) -> FoldedConvolution {
        let [mean, variance] =
            [&self.running_mean, &self.running_variance].map(RunningState::value);
        let scale = self.gamma.val() / (variance + EPSILON).sqrt();
        let bias = self.beta.val() - mean * scale.clone();
        let weight = self.weight.val() * scale.reshape([-1, 1, 1, 1]);
        FoldedConvolution { weight, bias, sizes: self.sizes }
    }
}

fn move_towards(state: &RunningState<Tensor<1>>, value: Tensor<1>) {
    let before = state.value_sync();
    state.update((before * (1.0 - MOMENTUM) + value.detach() * MOMENTUM).detach());
}

/// A convolution with a bias, at prediction.
#[derive(Debug)]
pub(crate) struct FoldedConvolution {
    weight: Tensor<4>,
    bias: Tensor<1>,
    sizes: ConvolutionSizes,
}

impl FoldedConvolution {
    pub(crate) fn new(sizes: ConvolutionSizes, device: &Device) -> Self {
        let bias = Tensor::zeros([sizes.outputs], device);
        Self { weight: sizes.weight(device).val(), bias, sizes }
    }

    pub(crate) fn forward(&self, x: Tensor<4>, activation: Activation) -> Tensor<4> {
        self.fused(x, None, activation)
    }

    /// The sum with a shortcut, and a `ReLU` of it.
    pub(crate) fn added(&self, x: Tensor<4>, shortcut: Tensor<4>) -> Tensor<4> {
        self.fused(x, Some(shortcut), Activation::Relu)
    }

    fn fused(
        &self,
        x: Tensor<4>,
        residual: Option<Tensor<4>>,
        activation: Activation,
    ) -> Tensor<4> {
        let (weight, bias) = (self.weight.clone(), Some(self.bias.clone()));
        conv2d_fused(x, weight, bias, &self.sizes.moving(), residual, activation)
    }
}
