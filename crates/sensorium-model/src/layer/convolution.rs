//! A convolution of pictures, and the one with a batch norm after it.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};
use sensorium_kernels::{Activation, Conv2dOptions, conv2d_fused, conv2d_normed};

use super::{BatchNorm, Bias};

/// The sizes of a [`Convolution`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConvolutionSizes {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Height and width.
    pub(crate) kernel: [usize; 2],
    pub(crate) options: Conv2dOptions,
}

impl ConvolutionSizes {
    /// A square kernel, as many zeros on every side as keep the size at stride 1 where it is odd.
    pub(crate) fn square(inputs: usize, outputs: usize, kernel: usize, stride: usize) -> Self {
        let padding = [[kernel / 2; 2]; 2];
        let options = Conv2dOptions { stride: [stride; 2], padding, ..Conv2dOptions::default() };
        Self { inputs, outputs, kernel: [kernel; 2], options }
    }

    /// Each channel by itself.
    pub(crate) fn depthwise(channels: usize, kernel: usize, stride: usize) -> Self {
        let square = Self::square(channels, channels, kernel, stride);
        Self { options: Conv2dOptions { groups: channels, ..square.options }, ..square }
    }

    fn each(&self) -> usize {
        self.inputs / self.options.groups
    }
}

/// A convolution with its weights.
#[derive(Module, Debug)]
pub(crate) struct Convolution {
    /// `[out, in / groups, height, width]`.
    pub(crate) weight: Param<Tensor<4>>,
    /// `[out]`.
    pub(crate) bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    options: Conv2dOptions,
}

impl Convolution {
    pub(crate) fn new(sizes: &ConvolutionSizes, bias: Bias, device: &Device) -> Self {
        let [height, width] = sizes.kernel;
        let fan_in = sizes.each() * height * width;
        // He et al. 2015 for a rectifier: variance 2 / fan in.
        let normal = Initializer::KaimingNormal { gain: 2f64.sqrt(), fan_out_only: false };
        let dims = [sizes.outputs, sizes.each(), height, width];
        let zeros = || Initializer::Zeros.init([sizes.outputs], device);
        Self {
            weight: normal.init_with(dims, Some(fan_in), None, device),
            bias: (bias == Bias::Learned).then(zeros),
            options: sizes.options,
        }
    }

    /// # Shapes
    ///
    /// - `map`: `[P, in, H, W]`
    /// - returns: `[P, out, H', W']`
    pub(crate) fn forward(&self, map: Tensor<4>, activation: Activation) -> Tensor<4> {
        let bias = self.bias.as_ref().map(Param::val);
        conv2d_fused(map, self.weight.val(), bias, &self.options, None, activation)
    }
}

/// What stands between a convolution and its function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scaling {
    /// A batch norm, its epsilon given.
    Norm(f64),
    /// A learned shift.
    Bias,
    /// A learned shift and a batch norm after it.
    BiasAndNorm(f64),
}

/// A convolution, a batch norm or a bias or both, and a function.
#[derive(Module, Debug)]
pub(crate) struct NormedConvolution {
    convolution: Convolution,
    norm: Option<BatchNorm>,
    #[module(skip)]
    activation: super::Activation,
}

impl NormedConvolution {
    pub(crate) fn new(
        sizes: &ConvolutionSizes,
        epsilon: f64,
        activation: super::Activation,
        device: &Device,
    ) -> Self {
        Self::scaled(sizes, Scaling::Norm(epsilon), activation, device)
    }

    pub(crate) fn scaled(
        sizes: &ConvolutionSizes,
        scaling: Scaling,
        activation: super::Activation,
        device: &Device,
    ) -> Self {
        let (bias, epsilon) = match scaling {
            Scaling::Norm(epsilon) => (Bias::None, Some(epsilon)),
            Scaling::Bias => (Bias::Learned, None),
            Scaling::BiasAndNorm(epsilon) => (Bias::Learned, Some(epsilon)),
        };
        let norm = |epsilon| BatchNorm::with_epsilon(sizes.outputs, epsilon, device);
        Self {
            convolution: Convolution::new(sizes, bias, device),
            norm: epsilon.map(norm),
            activation,
        }
    }

    /// # Shapes
    ///
    /// - `map`: `[P, in, H, W]`
    /// - returns: `[P, out, H', W']`
    pub(crate) fn forward(&self, map: Tensor<4>) -> Tensor<4> {
        self.joined(map, None)
    }

    /// The same weights under other options.
    pub(crate) fn with_options(&self, change: impl FnOnce(Conv2dOptions) -> Conv2dOptions) -> Self {
        let options = change(self.convolution.options);
        Self { convolution: Convolution { options, ..self.convolution.clone() }, ..self.clone() }
    }

    /// The function of the sum with `residual`, of the shape that is returned.
    pub(crate) fn added(&self, map: Tensor<4>, residual: Tensor<4>) -> Tensor<4> {
        self.joined(map, Some(residual))
    }

    fn joined(&self, map: Tensor<4>, residual: Option<Tensor<4>>) -> Tensor<4> {
        let (weight, options) = (self.convolution.weight.val(), &self.convolution.options);
        let bias = self.convolution.bias.as_ref().map(Param::val);
        let Some(norm) = &self.norm else {
            return conv2d_fused(map, weight, bias, options, residual, self.activation.into());
        };
        if let Some((scale, shift)) = norm.fixed(&map.device()) {
            let shift = match bias {
                Some(bias) => shift + bias * scale.clone(),
                None => shift,
            };
            let norm = (scale, shift);
            return conv2d_normed(map, weight, norm, options, residual, self.activation.into());
        }
        let map = self.convolution.forward(map, Activation::Identity);
        match residual {
            None => norm.forward_map(map, self.activation),
            Some(residual) => {
                let normed = norm.forward_map(map, super::Activation::Identity);
                sensorium_kernels::add_activate(normed, residual, self.activation.into())
            }
        }
    }
}
