//! Random weights and inputs.
//!
//! Weights are made at once, not when they are first read as by Burn's initializers, so that the
//! memory before the first repetition holds them.

use burn::module::Param;
use burn::tensor::{Device, Distribution, Tensor};

/// Normal numbers of mean 0 and deviation 1.
pub(crate) fn normal<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}

/// A weight that keeps the size of what passes through a `ReLU` (He et al. 2015).
pub(crate) fn he_normal<const D: usize>(
    shape: [usize; D],
    num_inputs: usize,
    device: &Device,
) -> Param<Tensor<D>> {
    let deviation = (2.0 / num_inputs as f64).sqrt();
    Param::from_tensor(Tensor::random(shape, Distribution::Normal(0.0, deviation), device))
}

/// A weight or bias in PyTorch's range for linear and recurrent layers.
pub(crate) fn uniform<const D: usize>(
    shape: [usize; D],
    num_inputs: usize,
    device: &Device,
) -> Param<Tensor<D>> {
    let range = 1.0 / (num_inputs as f64).sqrt();
    Param::from_tensor(Tensor::random(shape, Distribution::Uniform(-range, range), device))
}
