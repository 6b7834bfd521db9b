//! Layer norm with its learned scale and shift.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};
use sensorium_kernels::{add_layer_norm, layer_norm};

/// Keeps the division finite where all numbers of a row are the same; PyTorch's default.
const EPSILON: f64 = 1e-5;

/// Brings each row to mean 0 and variance 1, then to a learned scale and shift.
#[derive(Module, Debug)]
pub(crate) struct LayerNorm {
    /// `[D]`.
    gamma: Param<Tensor<1>>,
    /// `[D]`.
    beta: Param<Tensor<1>>,
    epsilon: f64,
}

impl LayerNorm {
    pub(crate) fn new(width: usize, device: &Device) -> Self {
        Self::with_epsilon(width, EPSILON, device)
    }

    /// `epsilon` keeps the division finite where all numbers of a row are the same.
    pub(crate) fn with_epsilon(width: usize, epsilon: f64, device: &Device) -> Self {
        Self {
            gamma: Initializer::Ones.init([width], device),
            beta: Initializer::Zeros.init([width], device),
            epsilon,
        }
    }

    /// # Shapes
    ///
    /// - `x`: `[…, D]`
    /// - returns: the same
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        layer_norm(x, self.gamma.val(), self.beta.val(), self.epsilon)
    }

    /// [`LayerNorm::forward`] of a sum.
    pub(crate) fn added<const D: usize>(&self, x: Tensor<D>, residual: Tensor<D>) -> Tensor<D> {
        add_layer_norm(x, residual, self.gamma.val(), self.beta.val(), self.epsilon)
    }
}
