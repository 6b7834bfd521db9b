//! Batch norm that padding cannot reach.
//!
//! Source: Ioffe and Szegedy 2015, "Batch Normalization" (<https://arxiv.org/abs/1502.03167>).
//! Differs from Burn's own layer in three ways: padded steps take no part in the statistics; a
//! batch that holds one single value for each channel is brought to scale by the running
//! statistics, for its own would turn it into zeros; and a new running statistic is in place at
//! once, so that weights saved after a step hold that step's.

use burn::module::{Flag, Module, Param, RunningState};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};
use sensorium_kernels::{
    BatchNormOptions, BatchNormOutput, batch_norm, batch_norm_rows, scale_shift,
};

use super::Activation;

/// Keeps the division finite where a channel is constant; PyTorch's default.
const EPSILON: f64 = 1e-5;
/// The share of a new batch in the running statistics; PyTorch's default.
const MOMENTUM: f64 = 0.1;

/// Brings each channel to mean 0 and variance 1 over a batch, then to a learned scale and shift;
/// outside training, by the running mean and variance of training.
#[derive(Module, Debug)]
pub(crate) struct BatchNorm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    training: Param<Flag>,
    running_mean: RunningState<Tensor<1>>,
    running_variance: RunningState<Tensor<1>>,
    epsilon: f64,
}

impl BatchNorm {
    pub(crate) fn new(width: usize, device: &Device) -> Self {
        Self::with_epsilon(width, EPSILON, device)
    }

    /// `epsilon` keeps the division finite where a channel is constant.
    pub(crate) fn with_epsilon(width: usize, epsilon: f64, device: &Device) -> Self {
        Self {
            epsilon,
            gamma: Initializer::Ones.init([width], device),
            beta: Initializer::Zeros.init([width], device),
            training: Param::from_bool(true),
            running_mean: RunningState::new(Tensor::zeros([width], device)),
            running_variance: RunningState::new(Tensor::ones([width], device)),
        }
    }

    /// # Shapes
    ///
    /// - `values`: `[N, C]`
    /// - `present`: `[N]`, 1 for a row that counts and 0 for one that does not; made only in
    ///   training
    /// - returns: `[N, C]`, of no meaning in rows that do not count
    pub(crate) fn forward(
        &self,
        values: Tensor<2>,
        present: Option<impl FnOnce() -> Tensor<1>>,
        activation: Activation,
    ) -> Tensor<2> {
        let device = values.device();
        let [rows, _] = values.dims();
        if !self.learns(rows, &device) {
            let (scale, shift) = self.by_running(&device);
            return activation.apply(values * scale + shift);
        }
        let present = present.map(|present| present());
        let count = match &present {
            Some(present) => present.clone().sum(),
            None => Tensor::full([1], rows as f64, &device),
        };
        let (gamma, beta, options) = (self.gamma.val(), self.beta.val(), self.options(activation));
        let BatchNormOutput { output, mean, variance } =
            batch_norm_rows(values, gamma, beta, &options, present);
        self.remember(mean, variance, count);
        if options.relu { output } else { activation.apply(output) }
    }

    /// # Shapes
    ///
    /// - `map`: `[P, C, H, W]`, without padding
    /// - returns: `[P, C, H, W]`
    pub(crate) fn forward_map(&self, map: Tensor<4>, activation: Activation) -> Tensor<4> {
        let [rows, _, height, width] = map.dims();
        let device = map.device();
        let count = rows * height * width;
        let options = self.options(activation);
        let normed = if self.learns(count, &device) {
            let (gamma, beta) = (self.gamma.val(), self.beta.val());
            let BatchNormOutput { output, mean, variance } =
                batch_norm(map, gamma, beta, &options, None);
            self.remember(mean, variance, Tensor::full([1], count as f64, &device));
            output
        } else {
            let (scale, shift) = self.by_running(&device);
            scale_shift(map, scale.squeeze_dim(0), shift.squeeze_dim(0), options.relu, None)
        };
        if options.relu { normed } else { activation.apply(normed) }
    }

    /// Scale and shift by the statistics of training, `[C]` each; `None` where a batch on `device`
    /// is to be brought to scale by its own.
    pub(crate) fn fixed(&self, device: &Device) -> Option<(Tensor<1>, Tensor<1>)> {
        if self.learns(usize::MAX, device) {
            return None;
        }
        let (scale, shift) = self.by_running(device);
        Some((scale.squeeze_dim(0), shift.squeeze_dim(0)))
    }

    /// Whether a batch of at most `count` values for each channel has statistics to learn from.
    fn learns(&self, count: usize, device: &Device) -> bool {
        device.is_autodiff() && self.training.is_enabled() && count > 1
    }

    /// Scale and shift outside training: `[1, C]` each.
    fn by_running(&self, device: &Device) -> (Tensor<2>, Tensor<2>) {
        let mean = self.running_mean.value_sync().to_device(device).unsqueeze_dim::<2>(0);
        let variance = self.running_variance.value_sync().to_device(device);
        let scale = self.scale(variance.unsqueeze_dim::<2>(0));
        let shift = self.beta.val().unsqueeze_dim::<2>(0) - mean * scale.clone();
        (scale, shift)
    }

    /// gamma / sqrt(variance + epsilon): `[1, C]`.
    fn scale(&self, variance: Tensor<2>) -> Tensor<2> {
        self.gamma.val().unsqueeze_dim::<2>(0) / (variance + self.epsilon).sqrt()
    }

    /// A rectifier runs with the norm.
    fn options(&self, activation: Activation) -> BatchNormOptions {
        BatchNormOptions { epsilon: self.epsilon, relu: activation == Activation::Relu }
    }

    /// Moves the running statistics towards those of a batch; the variance, as PyTorch does, by
    /// its unbiased estimate.
    fn remember(&self, mean: Tensor<1>, variance: Tensor<1>, count: Tensor<1>) {
        let unbiased = count.clone() / (count - 1.0).clamp_min(1.0);
        move_towards(&self.running_mean, mean.detach());
        move_towards(&self.running_variance, variance.detach() * unbiased);
    }
}

fn move_towards(state: &RunningState<Tensor<1>>, value: Tensor<1>) {
    let before = state.value_sync().to_device(&value.device());
    state.update((before * (1.0 - MOMENTUM) + value * MOMENTUM).detach());
    // Without this the value that visitors see is older by one step.
    state.value_sync();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{assert_close, values};

    fn training() -> Device {
        Device::flex().autodiff()
    }

    #[test]
    fn a_batch_is_brought_to_mean_zero_and_variance_one_and_remembered() {
        let device = training();
        let norm = BatchNorm::new(2, &device);
        let batch = Tensor::<2>::from_floats([[1.0, 10.0], [3.0, 10.0]], &device);
        let normed = norm.forward(batch, Some(|| Tensor::ones([2], &device)), Activation::Identity);
        // Variance 1 in the first channel and 0 in the second.
        assert_close("normed", &normed, &[-0.999_995, 0.0, 0.999_995, 0.0], 1e-6);
        assert_close("mean", &norm.running_mean.value(), &[0.2, 1.0], 1e-6);
        // 0.9 of 1, and 0.1 of the unbiased variances 2 and 0.
        assert_close("variance", &norm.running_variance.value(), &[1.1, 0.9], 1e-6);
    }

    #[test]
    fn rows_that_do_not_count_change_nothing() {
        let device = training();
        let (plain, padded) = (BatchNorm::new(1, &device), BatchNorm::new(1, &device));
        let rows = Tensor::<2>::from_floats([[1.0], [2.0], [6.0]], &device);
        let more = Tensor::<2>::from_floats([[1.0], [-900.0], [2.0], [6.0]], &device);
        let expected =
            values(&plain.forward(rows, Some(|| Tensor::ones([3], &device)), Activation::Identity));
        let weights = Tensor::<1>::from_floats([1.0, 0.0, 1.0, 1.0], &device);
        let actual = values(&padded.forward(more, Some(|| weights), Activation::Identity));
        assert_eq!(vec![actual[0], actual[2], actual[3]], expected);
        let mean = values(&plain.running_mean.value());
        assert_close("mean", &padded.running_mean.value(), &mean, 1e-6);
    }

    #[test]
    fn a_single_value_keeps_what_it_says() {
        let device = training();
        let norm = BatchNorm::new(1, &device);
        let row = Tensor::<2>::from_floats([[5.0]], &device).require_grad();
        let normed =
            norm.forward(row.clone(), Some(|| Tensor::ones([1], &device)), Activation::Identity);
        assert_close("normed", &normed, &[4.999_975], 1e-5);
        let gradient = row.grad(&normed.sum().backward()).unwrap();
        assert!(values(&gradient)[0] > 0.9, "the value must be learned from");
        assert_close("mean", &norm.running_mean.value(), &[0.0], 0.0);
    }
}
