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
use sensorium_kernels::{BatchNormOptions, batch_norm, scale_shift};

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
}

/// The rows that a batch's statistics are made of.
pub(crate) struct Counted {
    /// 1 / n for each of the n rows that count, and 0 for the others: `[1, N]`.
    share: Tensor<2>,
    /// How many rows count, as far as it is known without reading a tensor: an upper bound.
    at_most: usize,
    /// n, as a tensor: `[1]`.
    count: Tensor<1>,
}

impl Counted {
    /// The rows where `weights` is 1 count, and those where it is 0 do not: `[N]`.
    pub(crate) fn where_one(weights: Tensor<1>) -> Self {
        let [rows] = weights.dims();
        let count = weights.clone().sum().clamp_min(1.0);
        Self { share: (weights / count.clone()).unsqueeze_dim(0), at_most: rows, count }
    }
}

impl BatchNorm {
    pub(crate) fn new(width: usize, device: &Device) -> Self {
        Self {
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
    /// - `counted`: what the statistics of training are made of; made only in training
    /// - returns: `[N, C]`, of no meaning in rows that do not count
    pub(crate) fn forward(
        &self,
        values: Tensor<2>,
        counted: impl FnOnce() -> Counted,
    ) -> Tensor<2> {
        let device = values.device();
        if device.is_autodiff() && self.training.is_enabled() {
            let counted = counted();
            if counted.at_most > 1 {
                return self.by_batch(values, counted);
            }
        }
        let (scale, shift) = self.by_running(&device);
        values * scale + shift
    }

    /// # Shapes
    ///
    /// - `map`: `[P, C, H, W]`, without padding
    /// - returns: `[P, C, H, W]`
    pub(crate) fn forward_map(&self, map: Tensor<4>) -> Tensor<4> {
        let [rows, _, height, width] = map.dims();
        let device = map.device();
        let count = rows * height * width;
        if device.is_autodiff() && self.training.is_enabled() && count > 1 {
            let options = BatchNormOptions { epsilon: EPSILON, relu: false };
            let normed = batch_norm(map, self.gamma.val(), self.beta.val(), &options, None);
            let [mean, variance] = [normed.mean, normed.variance].map(|one| one.unsqueeze_dim(0));
            self.remember(mean, variance, Tensor::full([1], count as f64, &device));
            return normed.output;
        }
        let (scale, shift) = self.by_running(&device);
        scale_shift(map, scale.squeeze_dim(0), shift.squeeze_dim(0), false, None)
    }

    /// Scale and shift outside training: `[1, C]` each.
    fn by_running(&self, device: &Device) -> (Tensor<2>, Tensor<2>) {
        let mean = self.running_mean.value_sync().to_device(device).unsqueeze_dim::<2>(0);
        let variance = self.running_variance.value_sync().to_device(device);
        let scale = self.scale(variance.unsqueeze_dim::<2>(0));
        let shift = self.beta.val().unsqueeze_dim::<2>(0) - mean * scale.clone();
        (scale, shift)
    }

    fn by_batch(&self, values: Tensor<2>, counted: Counted) -> Tensor<2> {
        // A product with the shares sums over the rows in one pass, and leaves out what is padded.
        let mean = counted.share.clone().matmul(values.clone()); // [1, C]
        let centred = values - mean.clone();
        let variance = counted.share.matmul(centred.clone() * centred.clone()); // [1, C]
        self.remember(mean, variance.clone(), counted.count);
        centred * self.scale(variance) + self.beta.val().unsqueeze_dim::<2>(0)
    }

    /// gamma / sqrt(variance + epsilon): `[1, C]`.
    fn scale(&self, variance: Tensor<2>) -> Tensor<2> {
        self.gamma.val().unsqueeze_dim::<2>(0) / (variance + EPSILON).sqrt()
    }

    /// Moves the running statistics towards those of a batch; the variance, as PyTorch does, by
    /// its unbiased estimate.
    fn remember(&self, mean: Tensor<2>, variance: Tensor<2>, count: Tensor<1>) {
        let unbiased = count.clone() / (count - 1.0).clamp_min(1.0);
        move_towards(&self.running_mean, mean.detach().squeeze_dim(0));
        move_towards(&self.running_variance, variance.detach().squeeze_dim(0) * unbiased);
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
        let normed = norm.forward(batch, || Counted::where_one(Tensor::ones([2], &device)));
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
            values(&plain.forward(rows, || Counted::where_one(Tensor::ones([3], &device))));
        let weights = Tensor::<1>::from_floats([1.0, 0.0, 1.0, 1.0], &device);
        let actual = values(&padded.forward(more, || Counted::where_one(weights)));
        assert_eq!(vec![actual[0], actual[2], actual[3]], expected);
        let mean = values(&plain.running_mean.value());
        assert_close("mean", &padded.running_mean.value(), &mean, 1e-6);
    }

    #[test]
    fn a_single_value_keeps_what_it_says() {
        let device = training();
        let norm = BatchNorm::new(1, &device);
        let row = Tensor::<2>::from_floats([[5.0]], &device).require_grad();
        let normed = norm.forward(row.clone(), || Counted::where_one(Tensor::ones([1], &device)));
        assert_close("normed", &normed, &[4.999_975], 1e-5);
        let gradient = row.grad(&normed.sum().backward()).unwrap();
        assert!(values(&gradient)[0] > 0.9, "the value must be learned from");
        assert_close("mean", &norm.running_mean.value(), &[0.0], 0.0);
    }
}
