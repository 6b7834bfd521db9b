//! A norm of each channel over a row's own steps.
//!
//! Source: Wu and He 2018, "Group Normalization" (<https://arxiv.org/abs/1803.08494>), with as many
//! groups as channels. Padded steps take no part: a row gives the same alone as in a longer batch.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};
use sensorium_kernels::fill_absent;

/// PyTorch's default.
const EPSILON: f64 = 1e-5;

/// Brings each channel of a row to mean 0 and variance 1, then to a learned scale and shift.
#[derive(Module, Debug)]
pub(crate) struct GroupNorm {
    /// `[D]`.
    gamma: Param<Tensor<1>>,
    /// `[D]`.
    beta: Param<Tensor<1>>,
}

impl GroupNorm {
    pub(crate) fn new(width: usize, device: &Device) -> Self {
        Self {
            gamma: Initializer::Ones.init([width], device),
            beta: Initializer::Zeros.init([width], device),
        }
    }

    /// # Shapes
    ///
    /// - `steps`: `[P, T, D]`, zeros where a step is padding
    /// - `present`: `[P, T]`, 1 where a step is real and 0 elsewhere
    /// - returns: `[P, T, D]`, of no meaning where a step is padding
    pub(crate) fn forward(&self, steps: Tensor<3>, present: Tensor<2>) -> Tensor<3> {
        let count = present.clone().sum_dim(1).unsqueeze_dim::<3>(2); // [P, 1, 1]
        let mean = steps.clone().sum_dim(1) / count.clone(); // [P, 1, D]
        let centred = fill_absent(steps - mean, present, 0.0);
        let variance = centred.clone().powi_scalar(2).sum_dim(1) / count;
        let scale = self.gamma.val().unsqueeze::<3>() / (variance + EPSILON).sqrt();
        centred * scale + self.beta.val().unsqueeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::values;

    #[test]
    fn real_steps_alone_make_the_statistics() {
        let device = Device::flex();
        let norm = GroupNorm::new(1, &device);
        let steps = Tensor::<3>::from_floats([[[1.0], [3.0], [0.0]]], &device);
        let present = Tensor::<2>::from_floats([[1.0, 1.0, 0.0]], &device);
        let normed = values(&norm.forward(steps, present));
        // Mean 2 and variance 1.
        assert!((normed[0] + 0.999_995).abs() < 1e-6 && (normed[1] - 0.999_995).abs() < 1e-6);
    }
}
