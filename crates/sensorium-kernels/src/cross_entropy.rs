//! The cross entropy of a softmax, and the logarithms that it is made of.

use burn::tensor::{Int, Tensor, TensorData, activation};

use crate::array::Array;
use crate::instruction_set::for_instruction_sets;
use crate::math::exp;
use crate::operation::{Mode, Operation, apply, runs_here};
use crate::rows::Rows;
use crate::scratch::{Shared, written};
use crate::sums::{LANES, accumulate, total};

/// `Σ weights · −log softmax(logits)`, the cross entropy of any mean over rows and classes.
///
/// # Shapes
///
/// - `logits`, `weights`: `[B, K]`; no gradient goes to the weights
/// - returns: `[1]`
///
/// # Panics
///
/// If a size is zero or the shapes differ.
pub fn weighted_cross_entropy(logits: Tensor<2>, weights: Tensor<2>) -> Tensor<1> {
    let dims = logits.dims();
    assert!(!dims.contains(&0), "cross entropy: no size may be zero, but the logits are {dims:?}");
    assert_eq!(dims, weights.dims(), "cross entropy: the shapes of logits and weights");
    if runs_here(&logits.device(), logits.dtype()) {
        return apply(CrossEntropy { weights: Array::of(weights) }, [logits.into()]);
    }
    reference(logits, weights)
}

/// The mean over rows of `−log softmax(logits)` at each row's target.
///
/// # Shapes
///
/// - `logits`: `[B, K]`
/// - `targets`: `[B]`
/// - returns: `[1]`
///
/// # Panics
///
/// If a size is zero, the shapes do not belong together or a target is not below `K`.
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let ([rows, classes], device) = (logits.dims(), logits.device());
    assert_eq!(targets.dims(), [rows], "cross entropy: one target for each row");
    let mut weights = vec![0.0; rows * classes];
    let targets = targets.into_data().convert::<i64>();
    for (row, target) in targets.iter::<i64>().enumerate() {
        let class = usize::try_from(target).ok().filter(|&class| class < classes);
        let class = class.unwrap_or_else(|| panic!("cross entropy: target {target} of {classes}"));
        weights[row * classes + class] = 1.0 / rows as f32;
    }
    let weights = TensorData::new(weights, [rows, classes]);
    weighted_cross_entropy(logits, Tensor::from_data(weights, &device))
}

fn reference(logits: Tensor<2>, weights: Tensor<2>) -> Tensor<1> {
    (activation::log_softmax(logits, 1) * weights).sum().neg()
}

#[derive(Debug)]
struct CrossEntropy {
    weights: Array,
}

impl Operation for CrossEntropy {
    fn forward(&self, inputs: &[Array], mode: Mode) -> (Array, Vec<Array>) {
        let [logits] = inputs else { unreachable!("a loss has one input") };
        let rows = Rows::of(logits);
        let mut sums = Vec::new();
        let write = |gradient: &mut [f32]| {
            let gradient = Shared::new(gradient);
            sums = rows.by_task(|part| {
                // SAFETY: a gradient of all rows, of which each task has its own.
                let gradient = unsafe { part.of_shared(gradient, rows.width) };
                gradient.copy_from_slice(part.of(logits.values(), rows.width));
                surprise(gradient, part.of(self.weights.values(), rows.width), rows.width)
            });
        };
        // SAFETY: the tasks are all rows.
        let gradient = unsafe { written(logits.values().len(), write) };
        let saved = match mode {
            Mode::Inference => Vec::new(),
            Mode::Training => vec![Array::new(gradient, logits.dims())],
        };
        (Array::new(vec![sums.iter().sum()], &[1]), saved)
    }

    fn backward(&self, saved: &[Array], gradient: Array, wanted: &[bool]) -> Vec<Option<Array>> {
        self.backward_over(saved.to_vec(), gradient, wanted)
    }

    fn backward_over(
        &self,
        mut saved: Vec<Array>,
        gradient: Array,
        _: &[bool],
    ) -> Vec<Option<Array>> {
        let of_logits = saved.remove(0);
        let dims = of_logits.dims().to_vec();
        let factor = gradient.values()[0];
        let mut values = of_logits.into_values();
        values.iter_mut().for_each(|value| *value *= factor);
        vec![Some(Array::new(values, &dims))]
    }
}

for_instruction_sets! {
    /// The sum over rows; `logits` become its gradient.
    fn surprise(logits: &mut [f32], weights: &[f32], width: usize) -> f32 {
        let mut surprise = 0.0;
        for (logits, weights) in logits.chunks_exact_mut(width).zip(weights.chunks_exact(width)) {
            let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let mut sums = [[0.0; LANES]; 3];
            accumulate(&mut sums, [logits, weights], |[logit, weight]| {
                let below = logit - largest;
                [exp(below), weight, weight * below]
            });
            let [shares, weight, weighted] = sums.map(total);
            surprise += weight * shares.ln() - weighted;
            let share = weight / shares;
            for (logit, weight) in logits.iter_mut().zip(weights) {
                *logit = exp(*logit - largest) * share - weight;
            }
        }
        surprise
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use proptest::prelude::*;

    use super::*;
    use crate::testkit::{assert_same_passes, random};

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

        #[test]
        fn the_loss_and_its_gradient_are_burns(
            rows in prop_oneof![1..9_usize, 100..300_usize],
            classes in 1..200_usize,
            spread in prop_oneof![Just(1.0_f32), Just(20.0)],
        ) {
            let logits = random(rows * classes, 1).iter().map(|logit| logit * spread).collect();
            let weights: Vec<f32> =
                random(rows * classes, 2).iter().map(|weight| weight.abs() / rows as f32).collect();
            let run = |loss: fn(Tensor<2>, Tensor<2>) -> Tensor<1>| {
                let weights = weights.clone();
                move |inputs: &[Tensor<1>]| {
                    let weights = TensorData::new(weights.clone(), [rows, classes]);
                    let weights = Tensor::from_data(weights, &inputs[0].device());
                    loss(inputs[0].clone().reshape([rows, classes]), weights)
                }
            };
            // A sum of up to 60 000 terms of one sign in another order.
            let (ours, burns) = (run(weighted_cross_entropy), run(reference));
            assert_same_passes(&[logits], 4e-6, ours, burns);
        }
    }

    #[test]
    fn it_is_the_mean_surprise_at_the_true_class() {
        let device = Device::flex();
        // log p = (ln ½, ln ¼, ln ¼) and (ln ⅛, ln ⅛, ln ¾)
        let (ln_2, ln_6) = (std::f32::consts::LN_2, 6_f32.ln());
        let logits = Tensor::<2>::from_floats([[ln_2, 0.0, 0.0], [0.0, 0.0, ln_6]], &device);
        let targets = Tensor::<1, Int>::from_ints([1, 2], &device);
        let loss: f32 = cross_entropy(logits, targets).into_scalar();
        // (−ln ¼ − ln ¾) / 2
        assert!((loss - 0.836_988_2).abs() < 1e-6, "{loss}");
    }

    #[test]
    #[should_panic(expected = "cross entropy: target 3 of 3")]
    fn a_target_beyond_the_classes_is_named() {
        let device = Device::flex();
        let targets = Tensor::<1, Int>::from_ints([3], &device);
        drop(cross_entropy(Tensor::ones([1, 3], &device), targets));
    }

    #[test]
    #[should_panic(expected = "cross entropy: no size may be zero")]
    fn an_empty_batch_is_refused() {
        let device = Device::flex();
        let empty = || Tensor::empty([0, 3], &device);
        drop(weighted_cross_entropy(empty(), empty()));
    }
}
