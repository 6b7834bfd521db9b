//! A linear layer.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};
use sensorium_kernels::{Activation, linear, linear_add};

/// Whether a layer has a learned shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bias {
    Learned,
    None,
}

/// `x × weight + bias`.
#[derive(Module, Debug)]
pub(crate) struct Linear {
    /// `[in, out]`.
    pub(crate) weight: Param<Tensor<2>>,
    /// `[out]`.
    pub(crate) bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    /// Weights and bias start uniformly within ±1 / √`input_width`, as PyTorch's.
    pub(crate) fn new(input_width: usize, width: usize, bias: Bias, device: &Device) -> Self {
        let range = 1.0 / (input_width as f64).sqrt();
        let uniform = Initializer::Uniform { min: -range, max: range };
        Self {
            weight: uniform.init([input_width, width], device),
            bias: (bias == Bias::Learned).then(|| uniform.init([width], device)),
        }
    }

    /// # Shapes
    ///
    /// - `x`: `[…, in]`
    /// - returns: `[…, out]`
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        self.activated(x, Activation::Identity)
    }

    /// [`Linear::forward`], and then a function of every number.
    pub(crate) fn activated<const D: usize>(
        &self,
        x: Tensor<D>,
        activation: Activation,
    ) -> Tensor<D> {
        linear(x, self.weight.val(), self.bias_value(), activation)
    }

    /// [`Linear::forward`], and a residual of the same shape added.
    pub(crate) fn added<const D: usize>(&self, x: Tensor<D>, residual: Tensor<D>) -> Tensor<D> {
        linear_add(x, self.weight.val(), self.bias_value(), residual)
    }

    /// [`Linear::forward`], with `shift`, `[out]`, added to the bias.
    pub(crate) fn shifted<const D: usize>(&self, x: Tensor<D>, shift: Tensor<1>) -> Tensor<D> {
        let shift = match self.bias_value() {
            Some(bias) => bias + shift,
            None => shift,
        };
        linear(x, self.weight.val(), Some(shift), Activation::Identity)
    }

    fn bias_value(&self) -> Option<Tensor<1>> {
        self.bias.as_ref().map(Param::val)
    }

    pub(crate) fn output_width(&self) -> usize {
        let [_, width] = self.weight.lazy_shape().dims();
        width
    }
}
