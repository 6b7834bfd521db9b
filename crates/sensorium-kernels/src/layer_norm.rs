//! Layer norm: each row's numbers are brought to mean 0 and variance 1, then scaled and shifted.
//!
//! Source: Ba et al. 2016, "Layer Normalization", section 3 (<https://arxiv.org/abs/1607.06450>).
//! Sums are made in 32 bits, of distances from the row's mean, so that a large mean costs no
//! digits.

use burn::tensor::Tensor;

use crate::activation::Activation;
use crate::add::add_activate;
use crate::array::Array;
use crate::instruction_set::for_instruction_sets;
use crate::operation::{Mode, Operation, apply, runs_here};
use crate::rows::Rows;
use crate::scratch::{Shared, written};
use crate::sums::{LANES, accumulate, total};

/// `(x − mean) / √(variance + epsilon) · gamma + beta` over the last axis.
///
/// # Shapes
///
/// - `x`: `[…, D]`
/// - `gamma`, `beta`: `[D]`
/// - returns: `[…, D]`
///
/// # Panics
///
/// If a size is zero or the shapes do not belong together.
pub fn layer_norm<const D: usize>(
    x: Tensor<D>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
) -> Tensor<D> {
    check(&x.dims(), gamma.dims(), beta.dims());
    if runs_here(&x.device(), x.dtype()) {
        return apply(LayerNorm { epsilon }, [x.into(), gamma.into(), beta.into()]);
    }
    reference(x, gamma, beta, epsilon)
}

/// [`layer_norm`] of a sum.
///
/// # Shapes
///
/// As [`layer_norm`]; `residual` is of the shape of `x`.
///
/// # Panics
///
/// As [`layer_norm`].
pub fn add_layer_norm<const D: usize>(
    x: Tensor<D>,
    residual: Tensor<D>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
) -> Tensor<D> {
    check(&x.dims(), gamma.dims(), beta.dims());
    assert_eq!(x.dims(), residual.dims(), "layer norm: the two shapes of a sum");
    let device = x.device();
    if !runs_here(&device, x.dtype()) {
        return reference(x + residual, gamma, beta, epsilon);
    }
    if device.is_autodiff() {
        let sum = add_activate(x, residual, Activation::Identity);
        return layer_norm(sum, gamma, beta, epsilon);
    }
    apply(LayerNorm { epsilon }, [x.into(), gamma.into(), beta.into(), residual.into()])
}

fn check(x: &[usize], gamma: [usize; 1], beta: [usize; 1]) {
    assert!(!x.contains(&0), "layer norm: no size may be zero, but the input is {x:?}");
    assert!(
        gamma == beta && x.last() == Some(&gamma[0]),
        "layer norm: the input {x:?} does not end with the {} scales or the {} shifts",
        gamma[0],
        beta[0]
    );
}

fn reference<const D: usize>(
    x: Tensor<D>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
) -> Tensor<D> {
    let (variance, mean) = x.clone().var_mean_bias(D - 1);
    (x - mean) / (variance + epsilon).sqrt() * gamma.unsqueeze() + beta.unsqueeze()
}

/// Inputs are `x`, `gamma`, `beta` and, of a sum without gradients, the other summand.
#[derive(Debug)]
struct LayerNorm {
    epsilon: f64,
}

/// The numbers kept of each row: its mean, and one over its standard deviation.
const KEPT: usize = 2;

impl Operation for LayerNorm {
    fn forward(&self, inputs: &[Array], mode: Mode) -> (Array, Vec<Array>) {
        let [x, gamma, beta, residual @ ..] = inputs else { unreachable!("it has three or four") };
        let rows = Rows::of(x);
        let affine = [gamma.values(), beta.values()];
        let residual = residual.first().map(Array::values);
        let mut kept = Vec::new();
        let write = |output: &mut [f32], kept: &mut [f32]| {
            let (output, kept) = (Shared::new(output), Shared::new(kept));
            rows.by_task(|part| {
                // SAFETY: arrays of all rows, of which each task has its own.
                let (output, kept) =
                    unsafe { (part.of_shared(output, rows.width), part.of_shared(kept, KEPT)) };
                let x = part.of(x.values(), rows.width);
                let residual = residual.map(|residual| part.of(residual, rows.width));
                normalize(x, residual, affine, self.epsilon, output, kept);
            });
        };
        // SAFETY: the tasks are all rows, and each writes all numbers of its own.
        let output = unsafe {
            written(x.values().len(), |output| {
                kept = written(rows.rows * KEPT, |kept| write(output, kept));
            })
        };
        let saved = match mode {
            Mode::Inference => Vec::new(),
            Mode::Training => {
                vec![x.clone(), gamma.clone(), Array::new(kept, &[rows.rows, KEPT])]
            }
        };
        (Array::new(output, x.dims()), saved)
    }

    fn backward(&self, saved: &[Array], gradient: Array, _: &[bool]) -> Vec<Option<Array>> {
        let [x, gamma, kept] = saved else { unreachable!("it saves these three") };
        let rows = Rows::of(x);
        let mut gradient = gradient.into_values();
        let shared = Shared::new(&mut gradient);
        let parts = rows.by_task(|part| {
            let mut sums = [vec![0.0; rows.width], vec![0.0; rows.width]];
            // SAFETY: a gradient of all rows, of which each task has its own.
            let gradient = unsafe { part.of_shared(shared, rows.width) };
            let (x, kept) = (part.of(x.values(), rows.width), part.of(kept.values(), KEPT));
            descend(x, gamma.values(), kept, gradient, &mut sums);
            sums
        });
        let [of_gamma, of_beta] = summed(parts, rows.width);
        vec![
            Some(Array::new(gradient, x.dims())),
            Some(Array::new(of_gamma, gamma.dims())),
            Some(Array::new(of_beta, gamma.dims())),
        ]
    }
}

/// The sums of all tasks, in their order.
fn summed(parts: Vec<[Vec<f32>; 2]>, width: usize) -> [Vec<f32>; 2] {
    let mut sums = [vec![0.0; width], vec![0.0; width]];
    for part in parts {
        for (sums, part) in sums.iter_mut().zip(part) {
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
    }
    sums
}

/// The mean of each row of `output`, and one over its standard deviation, go to `kept`.
fn normalize(
    x: &[f32],
    residual: Option<&[f32]>,
    affine: [&[f32]; 2],
    epsilon: f64,
    output: &mut [f32],
    kept: &mut [f32],
) {
    output.copy_from_slice(x);
    if let Some(residual) = residual {
        add(output, residual);
    }
    normalize_rows(output, affine, epsilon, kept);
}

for_instruction_sets! {
    fn add(values: &mut [f32], others: &[f32]) {
        for (value, other) in values.iter_mut().zip(others) {
            *value += other;
        }
    }

    fn normalize_rows(rows: &mut [f32], affine: [&[f32]; 2], epsilon: f64, kept: &mut [f32]) {
        let [gamma, beta] = affine;
        let width = gamma.len();
        for (row, kept) in rows.chunks_exact_mut(width).zip(kept.chunks_exact_mut(KEPT)) {
            let mut sum = [[0.0; LANES]];
            accumulate(&mut sum, [row], |[number]| [number]);
            let mean = total(sum[0]) / width as f32;
            let mut squares = [[0.0; LANES]];
            accumulate(&mut squares, [row], |[number]| [(number - mean) * (number - mean)]);
            let scale = (total(squares[0]) / width as f32 + epsilon as f32).sqrt().recip();
            for ((number, gamma), beta) in row.iter_mut().zip(gamma).zip(beta) {
                *number = (*number - mean) * scale * gamma + beta;
            }
            kept.copy_from_slice(&[mean, scale]);
        }
    }

    /// Turns the gradient of the output into that of the input, and adds those of gamma and beta.
    fn descend(x: &[f32], gamma: &[f32], kept: &[f32], gradient: &mut [f32], sums: &mut [Vec<f32>; 2]) {
        let width = gamma.len();
        let [of_gamma, of_beta] = sums;
        let rows = x.chunks_exact(width).zip(gradient.chunks_exact_mut(width));
        for ((x, gradient), kept) in rows.zip(kept.chunks_exact(KEPT)) {
            let [mean, scale] = [kept[0], kept[1]];
            let mut lanes = [[0.0; LANES]; 2];
            accumulate(&mut lanes, [x, gradient, gamma], |[x, gradient, gamma]| {
                [gradient * gamma, gradient * gamma * ((x - mean) * scale)]
            });
            let [constant, along] = lanes.map(|lanes| total(lanes) / width as f32);
            let sums = of_gamma.iter_mut().zip(of_beta.iter_mut());
            for (((gradient, x), gamma), (of_gamma, of_beta)) in
                gradient.iter_mut().zip(x).zip(gamma).zip(sums)
            {
                let normed = (x - mean) * scale;
                *of_gamma += *gradient * normed;
                *of_beta += *gradient;
                *gradient = (*gradient * gamma - constant - normed * along) * scale;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use proptest::prelude::*;

    use super::*;
    use crate::instruction_set::InstructionSet;
    use crate::testkit::{assert_close, assert_same_passes, random};

    const EPSILON: f64 = 1e-5;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn layer_norms_and_their_gradients_are_burns(
            rows in prop_oneof![1..9_usize, 150..400_usize],
            width in prop_oneof![1..5_usize, 30..300_usize],
            mean in prop_oneof![Just(0.0_f32), Just(10.0)],
        ) {
            let x = random(rows * width, 1).iter().map(|number| number + mean).collect();
            let inputs = [x, random(width, 2), random(width, 3)];
            let run = |norm: fn(Tensor<2>, Tensor<1>, Tensor<1>, f64) -> Tensor<2>| {
                move |inputs: &[Tensor<1>]| {
                    let x = inputs[0].clone().reshape([rows, width]);
                    let output = norm(x, inputs[1].clone(), inputs[2].clone(), EPSILON);
                    output.reshape([rows * width])
                }
            };
            // A row of few numbers may have a small deviation, whose reciprocal makes its
            // rounding larger: by 100 at the most in these rows.
            let tolerance = if width < 30 { 2e-4 } else { 1e-5 } * mean.max(1.0);
            assert_same_passes(&inputs, tolerance, run(layer_norm), run(reference));
        }
    }

    #[test]
    fn the_norm_of_a_sum_is_the_same_in_one_pass_and_has_both_gradients() {
        let dims = [3, 5, 40];
        let inputs = [random(600, 1), random(600, 2), random(40, 3), random(40, 4)];
        let run = |fused: bool| {
            move |inputs: &[Tensor<1>]| {
                let [x, residual] = [0, 1].map(|index: usize| inputs[index].clone().reshape(dims));
                let (gamma, beta) = (inputs[2].clone(), inputs[3].clone());
                let output = if fused {
                    add_layer_norm(x, residual, gamma, beta, EPSILON)
                } else {
                    reference(x + residual, gamma, beta, EPSILON)
                };
                output.reshape([600])
            }
        };
        assert_same_passes(&inputs, 1e-5, run(true), run(false));
        let device = Device::flex();
        let tensors = inputs.map(|values| {
            let len = values.len();
            Tensor::<1>::from_data(TensorData::new(values, [len]), &device)
        });
        let values = |tensor: Tensor<1>| tensor.into_data().try_into_vec::<f32>().unwrap();
        let want = values(run(false)(&tensors));
        InstructionSet::for_each(|set| {
            assert_close(&values(run(true)(&tensors)), &want, 1e-5, &format!("{set:?}"));
        });
    }

    #[test]
    #[should_panic(expected = "layer norm: no size may be zero")]
    fn an_empty_batch_is_refused() {
        let device = Device::flex();
        let ones = Tensor::ones([3], &device);
        drop(layer_norm(Tensor::<2>::empty([0, 3], &device), ones.clone(), ones, EPSILON));
    }
}
