//! Batch norm: each channel to mean 0 and variance 1 over a batch, then to a learned scale and
//! shift; with a sum and a rectifier after it in the same pass.
//!
//! Source: Ioffe and Szegedy 2015, "Batch Normalization" (<https://arxiv.org/abs/1502.03167>),
//! algorithm 1. Running statistics are the caller's: it is given those of the batch, and what
//! comes after training is [`scale_shift`].

mod affine;
mod planes;
mod rows;

use std::sync::{Arc, OnceLock};

use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};

use self::affine::{Affine, Slope, Sums};
use self::rows::Rows;
use crate::array::Array;
use crate::operation::{Mode, Operation, apply, runs_here};
use crate::sums::Moments;

/// How [`batch_norm`] goes about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormOptions {
    /// Added to the variance, so that the division stays finite; above 0.
    pub epsilon: f64,
    /// Whether what is below zero becomes zero in the end.
    pub relu: bool,
}

impl Default for BatchNormOptions {
    /// PyTorch's epsilon, and no rectifier.
    fn default() -> Self {
        Self { epsilon: 1e-5, relu: false }
    }
}

/// What [`batch_norm`] makes of a batch.
///
/// No gradients flow through the statistics here; those through the output are whole.
#[derive(Clone, Debug)]
pub struct BatchNormOutput<const D: usize> {
    /// The normed batch, of its shape.
    pub output: Tensor<D>,
    /// The mean of each channel: `[C]`.
    pub mean: Tensor<1>,
    /// The mean of the squared distances to it, which is the biased variance: `[C]`.
    pub variance: Tensor<1>,
}

/// Brings each channel of a batch to mean 0 and variance 1, then to a scale and a shift, adds
/// `residual`, and rectifies where `options` say so.
///
/// A channel is normed over all rows and cells; padding must not be among them (see
/// [`batch_norm_rows`]). For other ranks, reshape: `[B, C, T]` is `[B, C, T, 1]`.
///
/// # Shapes
///
/// - `x`: `[B, C, H, W]`
/// - `gamma`, `beta`: `[C]`
/// - `residual`: `[B, C, H, W]`
///
/// # Panics
///
/// If a shape is another one, or `x` is empty.
pub fn batch_norm(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    options: &BatchNormOptions,
    residual: Option<Tensor<4>>,
) -> BatchNormOutput<4> {
    check_planes("batch_norm", &x, [&gamma, &beta], residual.as_ref());
    let device = x.device();
    if !runs_here(&device, x.dtype()) {
        return reference(x, gamma, beta, options, residual);
    }
    let statistics = Statistics::default();
    let operation = BatchNorm { options: *options, statistics: statistics.clone() };
    let output = apply_affine(operation, x, gamma, beta, residual);
    statistics.with(output, &device)
}

/// Brings each column of a batch to mean 0 and variance 1 over the rows that count, then to a
/// scale and a shift, and rectifies where `options` say so.
///
/// # Shapes
///
/// - `x`: `[N, C]`
/// - `gamma`, `beta`: `[C]`
/// - `present`: `[N]`, 1 for a row that counts and 0 for one that does not; all count without it
/// - returns: `[N, C]`; rows that do not count go through the same scale and shift as the others
///
/// # Panics
///
/// If a shape is another one, or `x` is empty.
pub fn batch_norm_rows(
    x: Tensor<2>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    options: &BatchNormOptions,
    present: Option<Tensor<1>>,
) -> BatchNormOutput<2> {
    let [num_rows, channels] = x.dims();
    assert!(num_rows * channels > 0, "batch_norm_rows: an empty batch, {num_rows}x{channels}");
    check_channels("batch_norm_rows", channels, [&gamma, &beta]);
    if let Some(present) = &present {
        assert_eq!(present.dims(), [num_rows], "batch_norm_rows: one weight for each row");
    }
    let device = x.device();
    if !runs_here(&device, x.dtype()) {
        return reference_rows(x, gamma, beta, options, present);
    }
    let statistics = Statistics::default();
    let present = present.map(Array::of);
    let operation = BatchNormRows { options: *options, present, statistics: statistics.clone() };
    let output = apply(operation, [x.into(), gamma.into(), beta.into()]);
    statistics.with(output, &device)
}

/// `x * scale + shift` for each channel, `residual` added, and rectified if `relu`: batch norm by
/// statistics that are known before.
///
/// # Shapes
///
/// - `x`: `[B, C, H, W]`
/// - `scale`, `shift`: `[C]`
/// - `residual`: `[B, C, H, W]`
/// - returns: `[B, C, H, W]`
///
/// # Panics
///
/// If a shape is another one, or `x` is empty.
pub fn scale_shift(
    x: Tensor<4>,
    scale: Tensor<1>,
    shift: Tensor<1>,
    relu: bool,
    residual: Option<Tensor<4>>,
) -> Tensor<4> {
    check_planes("scale_shift", &x, [&scale, &shift], residual.as_ref());
    if !runs_here(&x.device(), x.dtype()) {
        return reference_scale_shift(x, scale, shift, relu, residual);
    }
    apply_affine(ScaleShift { relu }, x, scale, shift, residual)
}

fn check_planes(
    name: &str,
    x: &Tensor<4>,
    of_channels: [&Tensor<1>; 2],
    residual: Option<&Tensor<4>>,
) {
    let dims @ [_, channels, ..] = x.dims();
    assert!(dims.iter().all(|&size| size > 0), "{name}: an empty batch, {dims:?}");
    check_channels(name, channels, of_channels);
    if let Some(residual) = residual {
        assert_eq!(residual.dims(), dims, "{name}: `residual` has the shape of `x`");
    }
}

fn check_channels(name: &str, channels: usize, of_channels: [&Tensor<1>; 2]) {
    for numbers in of_channels {
        assert_eq!(numbers.dims(), [channels], "{name}: one number for each channel of `x`");
    }
}

fn apply_affine(
    operation: impl Operation,
    x: Tensor<4>,
    scale: Tensor<1>,
    shift: Tensor<1>,
    residual: Option<Tensor<4>>,
) -> Tensor<4> {
    let (x, scale, shift) = (x.into(), scale.into(), shift.into());
    match residual {
        Some(residual) => apply(operation, [x, scale, shift, residual.into()]),
        None => apply(operation, [x, scale, shift]),
    }
}

/// Where a forward pass leaves what it found, for the caller and for the backward pass.
#[derive(Clone, Debug, Default)]
struct Statistics(Arc<OnceLock<Vec<Normed>>>);

impl Statistics {
    fn set(&self, normed: Vec<Normed>) {
        self.0.set(normed).expect("an operation is applied once");
    }

    fn of_channels(&self) -> &[Normed] {
        self.0.get().expect("the forward pass sets them")
    }

    #[expect(clippy::cast_possible_truncation, reason = "statistics are 32-bit floats")]
    fn with<const D: usize>(&self, output: Tensor<D>, device: &Device) -> BatchNormOutput<D> {
        let tensor = |number: fn(Moments) -> f64| {
            let of_channels = self.of_channels().iter();
            let numbers: Vec<f32> =
                of_channels.map(|normed| number(normed.moments) as f32).collect();
            let channels = numbers.len();
            Tensor::from_data(TensorData::new(numbers, [channels]), device)
        };
        BatchNormOutput {
            output,
            mean: tensor(|moments| moments.mean),
            variance: tensor(Moments::variance),
        }
    }
}

/// How one channel was normed.
#[derive(Clone, Copy, Debug)]
struct Normed {
    moments: Moments,
    /// 1 / sqrt(variance + epsilon).
    sharpness: f64,
    map: Affine,
}

impl Normed {
    #[expect(clippy::cast_possible_truncation, reason = "the passes are in 32-bit floats")]
    fn new(moments: Moments, gamma: f32, beta: f32, options: &BatchNormOptions) -> Self {
        let sharpness = (moments.variance() + options.epsilon).sqrt().recip();
        let scale = (f64::from(gamma) * sharpness) as f32;
        let map = Affine::new(moments.mean as f32, scale, beta, options.relu);
        Self { moments, sharpness, map }
    }

    /// Through the output, the mean and the variance: the chain rule after the paper's algorithm 1.
    #[expect(clippy::cast_possible_truncation, reason = "the passes are in 32-bit floats")]
    fn slope(&self, sums: Sums) -> Slope {
        let each = -f64::from(self.map.scale) / self.moments.count.max(1.0);
        Slope {
            gradient: self.map.scale,
            centred: (each * self.sharpness * self.sharpness * sums.centred) as f32,
            constant: (each * sums.gradient) as f32,
        }
    }
}

#[derive(Debug)]
struct BatchNorm {
    options: BatchNormOptions,
    statistics: Statistics,
}

impl Operation for BatchNorm {
    fn forward(&self, inputs: &[Array], mode: Mode) -> (Array, Vec<Array>) {
        let [x, gamma, beta, residual @ ..] = inputs else { unreachable!("`apply_affine`") };
        let (gamma, beta) = (gamma.values(), beta.values());
        let (output, normed) = planes::forward(x, residual.first(), |channel| {
            let (moments, index) = (channel.moments(x.values()), channel.index);
            let normed = Normed::new(moments, gamma[index], beta[index], &self.options);
            (normed.map, normed)
        });
        self.statistics.set(normed);
        let saved = saved(x, residual, &output, self.options.relu, mode);
        (output, saved)
    }

    fn backward(&self, saved: &[Array], gradient: Array, wanted: &[bool]) -> Vec<Option<Array>> {
        let normed = self.statistics.of_channels();
        let map = |channel: usize| normed[channel].map;
        let slope = |channel: usize, sums| normed[channel].slope(sums);
        let passed = planes::backward(saved, gradient, wanted, map, slope);
        passed.gradients(wanted, |channel| normed[channel].sharpness)
    }
}

#[derive(Debug)]
struct BatchNormRows {
    options: BatchNormOptions,
    present: Option<Array>,
    statistics: Statistics,
}

impl Operation for BatchNormRows {
    fn forward(&self, inputs: &[Array], mode: Mode) -> (Array, Vec<Array>) {
        let [x, gamma, beta] = inputs else { unreachable!("three were given") };
        let (gamma, beta) = (gamma.values(), beta.values());
        let rows = Rows::new(x.shape(), self.present.as_ref().map(Array::values));
        let moments = rows.moments(x.values());
        let normed = moments.into_iter().zip(gamma.iter().zip(beta));
        let normed = normed
            .map(|(moments, (&gamma, &beta))| Normed::new(moments, gamma, beta, &self.options));
        let normed: Vec<Normed> = normed.collect();
        let maps: Vec<Affine> = normed.iter().map(|normed| normed.map).collect();
        let output = Array::new(rows.mapped(x.values(), &maps), x.dims());
        self.statistics.set(normed);
        (output, if mode == Mode::Training { vec![x.clone()] } else { Vec::new() })
    }

    fn backward(&self, saved: &[Array], gradient: Array, wanted: &[bool]) -> Vec<Option<Array>> {
        let normed = self.statistics.of_channels();
        let rows = Rows::new(saved[0].shape(), self.present.as_ref().map(Array::values));
        let maps: Vec<Affine> = normed.iter().map(|normed| normed.map).collect();
        let (x, mut gradient) = (&saved[0], gradient.into_values());
        let sums = rows.sums(x.values(), &mut gradient, &maps);
        let of_input = wanted[0].then(|| {
            let slopes = normed.iter().zip(&sums).map(|(normed, &sums)| normed.slope(sums));
            rows.descend(x.values(), &mut gradient, &maps, slopes);
            Array::new(gradient, x.dims())
        });
        let passed = Passed { of_input, of_residual: None, sums };
        passed.gradients(wanted, |channel| normed[channel].sharpness)
    }
}

#[derive(Debug)]
struct ScaleShift {
    relu: bool,
}

impl ScaleShift {
    fn maps<'a>(&self, scale: &'a Array, shift: &'a Array) -> impl Fn(usize) -> Affine + Sync + 'a {
        let (scale, shift, relu) = (scale.values(), shift.values(), self.relu);
        move |channel| Affine::new(0.0, scale[channel], shift[channel], relu)
    }
}

impl Operation for ScaleShift {
    fn forward(&self, inputs: &[Array], mode: Mode) -> (Array, Vec<Array>) {
        let [x, scale, shift, residual @ ..] = inputs else { unreachable!("`apply_affine`") };
        let map = self.maps(scale, shift);
        let (output, _) = planes::forward(x, residual.first(), |channel| (map(channel.index), ()));
        let mut saved = saved(x, residual, &output, self.relu, mode);
        saved.extend([scale.clone(), shift.clone()]);
        (output, saved)
    }

    fn backward(&self, saved: &[Array], gradient: Array, wanted: &[bool]) -> Vec<Option<Array>> {
        let [saved @ .., scale, shift] = saved else { unreachable!("saved by `forward`") };
        let slope = |channel: usize, _| Slope::of_scale(scale.values()[channel]);
        let passed = planes::backward(saved, gradient, wanted, self.maps(scale, shift), slope);
        passed.gradients(wanted, |_| 1.0)
    }
}

/// `x`; and the output where it alone says what the rectifier cut off, for the sum is in it.
fn saved(x: &Array, residual: &[Array], output: &Array, relu: bool, mode: Mode) -> Vec<Array> {
    match mode {
        Mode::Inference => Vec::new(),
        Mode::Training if relu && !residual.is_empty() => vec![x.clone(), output.clone()],
        Mode::Training => vec![x.clone()],
    }
}

/// What a backward pass over all channels found.
#[derive(Debug)]
struct Passed {
    of_input: Option<Array>,
    of_residual: Option<Array>,
    sums: Vec<Sums>,
}

impl Passed {
    /// The gradients of `x`, of a scale whose sums are still to be multiplied by `sharpness`, of a
    /// shift, and of `residual`.
    #[expect(clippy::cast_possible_truncation, reason = "gradients are 32-bit floats")]
    fn gradients(self, wanted: &[bool], sharpness: impl Fn(usize) -> f64) -> Vec<Option<Array>> {
        let sums = self.sums.iter().enumerate();
        let of_scale = sums.map(|(channel, sums)| (sums.centred * sharpness(channel)) as f32);
        let of_shift = self.sums.iter().map(|sums| sums.gradient as f32);
        let channels = [self.sums.len()];
        vec![
            self.of_input,
            wanted[1].then(|| Array::new(of_scale.collect(), &channels)),
            wanted[2].then(|| Array::new(of_shift.collect(), &channels)),
            self.of_residual,
        ]
    }
}

/// [`batch_norm`] in Burn's operations.
fn reference(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    options: &BatchNormOptions,
    residual: Option<Tensor<4>>,
) -> BatchNormOutput<4> {
    let dims @ [rows, channels, height, width] = x.dims();
    let cells = x.reshape([rows, channels, height * width]);
    let mean = cells.clone().mean_dim(2).mean_dim(0); // [1, C, 1]
    let centred = cells - mean.clone();
    let variance = (centred.clone() * centred.clone()).mean_dim(2).mean_dim(0);
    let scale = gamma.reshape([1, channels, 1]) / (variance.clone() + options.epsilon).sqrt();
    let output = (centred * scale + beta.reshape([1, channels, 1])).reshape(dims);
    BatchNormOutput {
        output: reference_end(output, options.relu, residual),
        mean: mean.detach().reshape([channels]),
        variance: variance.detach().reshape([channels]),
    }
}

/// [`scale_shift`] in Burn's operations.
fn reference_scale_shift(
    x: Tensor<4>,
    scale: Tensor<1>,
    shift: Tensor<1>,
    relu: bool,
    residual: Option<Tensor<4>>,
) -> Tensor<4> {
    let [_, channels, ..] = x.dims();
    let [scale, shift] = [scale, shift].map(|numbers| numbers.reshape([1, channels, 1, 1]));
    reference_end(x * scale + shift, relu, residual)
}

fn reference_end(output: Tensor<4>, rectified: bool, residual: Option<Tensor<4>>) -> Tensor<4> {
    let output = match residual {
        Some(residual) => output + residual,
        None => output,
    };
    if rectified { relu(output) } else { output }
}

/// [`batch_norm_rows`] in Burn's operations.
fn reference_rows(
    x: Tensor<2>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    options: &BatchNormOptions,
    present: Option<Tensor<1>>,
) -> BatchNormOutput<2> {
    let [rows, channels] = x.dims();
    let present = present.unwrap_or_else(|| Tensor::ones([rows], &x.device()));
    let count = present.clone().sum().clamp_min(1.0);
    let share = (present / count).unsqueeze_dim(0); // [1, N]
    // A product with the shares sums over the rows, and leaves out what does not count.
    let mean = share.clone().matmul(x.clone()); // [1, C]
    let centred = x - mean.clone();
    let variance = share.matmul(centred.clone() * centred.clone());
    let scale = gamma.unsqueeze_dim::<2>(0) / (variance.clone() + options.epsilon).sqrt();
    let output = centred * scale + beta.unsqueeze_dim(0);
    BatchNormOutput {
        output: if options.relu { relu(output) } else { output },
        mean: mean.detach().reshape([channels]),
        variance: variance.detach().reshape([channels]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;
    use crate::instruction_set::InstructionSet;

    /// Numbers of a channel that are all the same are divided by sqrt(epsilon), 0.003: what
    /// rounding leaves of them, 2⁻²⁴, is up to 2e-5 then, and the sums of a few such.
    const TOLERANCE: f32 = 1e-4;

    fn numbers<const D: usize>(dims: [usize; D], seed: usize, device: &Device) -> Tensor<D> {
        let number = |index: usize| ((index * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0;
        let values: Vec<f32> = (0..dims.iter().product()).map(number).collect();
        Tensor::from_data(TensorData::new(values, dims), device)
    }

    fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
        tensor.clone().into_data().try_into_vec().unwrap()
    }

    fn assert_close<const D: usize>(what: &str, got: &Tensor<D>, expected: &Tensor<D>) {
        assert_eq!(got.dims(), expected.dims(), "{what}");
        let (got, expected) = (values(got), values(expected));
        let scale = expected.iter().fold(1.0_f32, |most, number| most.max(number.abs()));
        for (index, (got, expected)) in got.iter().zip(&expected).enumerate() {
            let distance = (got - expected).abs();
            assert!(distance < TOLERANCE * scale, "{what}, {index}: {got} is not {expected}");
        }
    }

    fn config(cases: u32) -> ProptestConfig {
        // Always the same cases: near its corner, the rectifier's gradient is a matter of rounding.
        ProptestConfig {
            cases,
            rng_seed: RngSeed::Fixed(1),
            failure_persistence: None,
            ..ProptestConfig::default()
        }
    }

    /// The numbers of every input and what `run` makes of them, with all gradients.
    struct Case {
        x: Tensor<4>,
        gamma: Tensor<1>,
        beta: Tensor<1>,
        residual: Option<Tensor<4>>,
    }

    impl Case {
        fn new(dims: [usize; 4], adds: bool) -> Self {
            let device = Device::flex().autodiff();
            let [_, channels, ..] = dims;
            Self {
                x: numbers(dims, 1, &device).require_grad(),
                gamma: numbers([channels], 2, &device).require_grad(),
                beta: numbers([channels], 3, &device).require_grad(),
                residual: adds.then(|| numbers(dims, 4, &device).require_grad()),
            }
        }

        fn inputs(&self) -> (Tensor<4>, Tensor<1>, Tensor<1>, Option<Tensor<4>>) {
            (self.x.clone(), self.gamma.clone(), self.beta.clone(), self.residual.clone())
        }

        /// Whether an output and its gradients are those that are expected.
        fn compare(&self, output: &Tensor<4>, expected: &Tensor<4>) {
            assert_close("output", output, expected);
            let gradients = |output: &Tensor<4>| {
                let weights = numbers(output.dims(), 5, &output.device());
                (output.clone() * weights).sum().backward()
            };
            let (found, expected) = (gradients(output), gradients(expected));
            let of = |tensor: &Tensor<1>| {
                [&found, &expected].map(|gradients| tensor.grad(gradients).unwrap())
            };
            let of_batch = |tensor: &Tensor<4>| {
                [&found, &expected].map(|gradients| tensor.grad(gradients).unwrap())
            };
            let [found_x, expected_x] = of_batch(&self.x);
            assert_close("gradient of x", &found_x, &expected_x);
            for (name, tensor) in [("gamma", &self.gamma), ("beta", &self.beta)] {
                let [found, expected] = of(tensor);
                assert_close(&format!("gradient of {name}"), &found, &expected);
            }
            if let Some(residual) = &self.residual {
                let [found, expected] = of_batch(residual);
                assert_close("gradient of the residual", &found, &expected);
            }
        }
    }

    fn dims() -> impl Strategy<Value = [usize; 4]> {
        let few = [1..4_usize, 1..5, 1..9, 1..9];
        // Several pieces of a plane, and planes in several pieces.
        prop_oneof![4 => few, 1 => [1..3_usize, 1..3, 40..60, 40..60], 1 => [50..70_usize, 1..3, 6..9, 6..9]]
    }

    proptest! {
        #![proptest_config(config(24))]

        #[test]
        fn a_batch_and_its_gradients_are_those_of_burn(dims in dims(), relu: bool, adds: bool) {
            let case = Case::new(dims, adds);
            let options = BatchNormOptions { relu, ..BatchNormOptions::default() };
            let (x, gamma, beta, residual) = case.inputs();
            let expected = reference(x, gamma, beta, &options, residual);
            InstructionSet::for_each(|_| {
                let (x, gamma, beta, residual) = case.inputs();
                let found = batch_norm(x, gamma, beta, &options, residual);
                assert_close("mean", &found.mean, &expected.mean);
                assert_close("variance", &found.variance, &expected.variance);
                case.compare(&found.output, &reference_output(&case, &options));
            });
        }

        #[test]
        fn a_scale_and_a_shift_are_those_of_burn(dims in dims(), relu: bool, adds: bool) {
            let case = Case::new(dims, adds);
            InstructionSet::for_each(|_| {
                let (x, scale, shift, residual) = case.inputs();
                let found = scale_shift(x, scale, shift, relu, residual);
                let (x, scale, shift, residual) = case.inputs();
                let expected = reference_scale_shift(x, scale, shift, relu, residual);
                case.compare(&found, &expected);
            });
        }

        #[test]
        fn rows_and_their_gradients_are_those_of_burn(
            dims in prop_oneof![[1..9_usize, 1..20_usize], [200..400_usize, 30..40_usize]],
            relu: bool,
            absent in proptest::option::of(0..5_usize),
        ) {
            let device = Device::flex().autodiff();
            let [rows, channels] = dims;
            let present = absent.map(|first| {
                let present = (0..rows).map(|row| if row % 5 == first { 0.0 } else { 1.0 });
                let present: Vec<f32> = present.collect();
                Tensor::<1>::from_data(TensorData::new(present, [rows]), &device)
            });
            let options = BatchNormOptions { relu, ..BatchNormOptions::default() };
            let x = numbers(dims, 1, &device).require_grad();
            let gamma = numbers([channels], 2, &device).require_grad();
            let beta = numbers([channels], 3, &device).require_grad();
            let inputs = || (x.clone(), gamma.clone(), beta.clone());
            InstructionSet::for_each(|_| {
                let ((x, gamma, beta), options) = (inputs(), &options);
                let found = batch_norm_rows(x, gamma, beta, options, present.clone());
                let (x, gamma, beta) = inputs();
                let expected = reference_rows(x, gamma, beta, options, present.clone());
                assert_close("mean", &found.mean, &expected.mean);
                assert_close("variance", &found.variance, &expected.variance);
                assert_close("output", &found.output, &expected.output);
                let weights = numbers(dims, 5, &device);
                let [found, expected] = [found.output, expected.output]
                    .map(|output| (output * weights.clone()).sum().backward());
                let (x, gamma, beta) = inputs();
                assert_close("gradient of x", &x.grad(&found).unwrap(), &x.grad(&expected).unwrap());
                for (name, tensor) in [("gamma", gamma), ("beta", beta)] {
                    let [found, expected] = [&found, &expected].map(|all| tensor.grad(all).unwrap());
                    assert_close(&format!("gradient of {name}"), &found, &expected);
                }
            });
        }
    }

    fn reference_output(case: &Case, options: &BatchNormOptions) -> Tensor<4> {
        let (x, gamma, beta, residual) = case.inputs();
        reference(x, gamma, beta, options, residual).output
    }

    #[test]
    fn a_batch_by_hand_is_brought_to_mean_zero_and_variance_one() {
        let device = Device::flex();
        let x = Tensor::<4>::from_floats([[[[1.0, 3.0]], [[10.0, 10.0]]]], &device);
        let (gamma, beta) = (Tensor::ones([2], &device), Tensor::from_floats([0.0, 0.5], &device));
        let normed = batch_norm(x, gamma, beta, &BatchNormOptions::default(), None);
        // Variance 1 in the first channel, so that epsilon takes 5e-6 off, and 0 in the second.
        assert_eq!(values(&normed.output), [-0.999_995, 0.999_995, 0.5, 0.5]);
        assert_eq!(values(&normed.mean), [2.0, 10.0]);
        assert_eq!(values(&normed.variance), [1.0, 0.0]);
    }

    #[test]
    fn far_from_zero_the_variance_keeps_its_digits() {
        let device = Device::flex();
        // 1000 and 1000.125 in turns: 0.0625 from their mean, which is the standard deviation.
        let x: Vec<f32> = (0..10_000).map(|index| 1e3 + (index % 2) as f32 * 0.125).collect();
        let x = Tensor::<1>::from_floats(x.as_slice(), &device);
        let one = || Tensor::<1>::ones([1], &device);
        let options = BatchNormOptions::default();
        let planes = batch_norm(x.clone().reshape([2, 1, 50, 100]), one(), one(), &options, None);
        let rows = batch_norm_rows(x.reshape([10_000, 1]), one(), one(), &options, None);
        for variance in [planes.variance, rows.variance] {
            // Sums of at most 128 numbers in 32 bits, each of which rounds by 2⁻²⁴; a sum of squares
            // without the mean taken off would be wrong by 16 times the variance.
            let expected = 0.003_906_25;
            assert!((values(&variance)[0] / expected - 1.0).abs() < 1e-5, "{variance}");
        }
    }

    #[test]
    fn rows_that_do_not_count_change_nothing_even_where_they_are_no_numbers() {
        let device = Device::flex();
        let x = Tensor::<2>::from_floats([[1.0], [f32::NAN], [3.0]], &device);
        let present = Tensor::from_floats([1.0, 0.0, 1.0], &device);
        let one = || Tensor::<1>::ones([1], &device);
        let options = BatchNormOptions::default();
        let normed = batch_norm_rows(x, one(), one(), &options, Some(present));
        assert_eq!(values(&normed.mean), [2.0]);
        assert_eq!(values(&normed.variance), [1.0]);
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let run = |threads: usize| {
            crate::team::with_threads(threads, || {
                let case = Case::new([3, 5, 70, 50], true);
                let (x, gamma, beta, residual) = case.inputs();
                let options = BatchNormOptions { relu: true, ..BatchNormOptions::default() };
                let normed = batch_norm(x, gamma, beta, &options, residual);
                let gradients = (normed.output.clone() * normed.output).sum().backward();
                let of_gamma = values(&case.gamma.grad(&gradients).unwrap());
                (values(&normed.variance), of_gamma, values(&case.x.grad(&gradients).unwrap()))
            })
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    #[should_panic(expected = "batch_norm: an empty batch, [0, 2, 3, 3]")]
    fn an_empty_batch_is_refused() {
        let device = Device::flex();
        let one = || Tensor::<1>::ones([2], &device);
        let x = Tensor::zeros([0, 2, 3, 3], &device);
        batch_norm(x, one(), one(), &BatchNormOptions::default(), None);
    }
}
