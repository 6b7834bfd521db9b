//! Softmax: numbers that are positive and sum to one.

use burn::tensor::{Tensor, activation};

use crate::array::Array;
use crate::instruction_set::for_instruction_sets;
use crate::math::exp;
use crate::operation::{Mode, Operation, apply, runs_here};
use crate::rows::Rows;
use crate::scratch::{Shared, written};
use crate::sums::{LANES, accumulate, total};

/// `eˣ / Σ eˣ` over the last axis.
///
/// # Shapes
///
/// - `x`: `[…, K]`
/// - returns: the same
///
/// # Panics
///
/// If a size is zero.
pub fn softmax<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let dims = x.dims();
    assert!(!dims.contains(&0), "softmax: no size may be zero, but the input is {dims:?}");
    if runs_here(&x.device(), x.dtype()) {
        return apply(Softmax, [x.into()]);
    }
    activation::softmax(x, D - 1)
}

#[derive(Debug)]
struct Softmax;

impl Operation for Softmax {
    fn forward(&self, inputs: &[Array], mode: Mode) -> (Array, Vec<Array>) {
        let [x] = inputs else { unreachable!("softmax has one input") };
        let rows = Rows::of(x);
        let write = |output: &mut [f32]| {
            let output = Shared::new(output);
            rows.by_task(|part| {
                // SAFETY: an output of all rows, of which each task has its own.
                let output = unsafe { part.of_shared(output, rows.width) };
                output.copy_from_slice(part.of(x.values(), rows.width));
                shares(output, rows.width);
            });
        };
        // SAFETY: the tasks are all rows.
        let output = Array::new(unsafe { written(x.values().len(), write) }, x.dims());
        let saved = if mode == Mode::Training { vec![output.clone()] } else { Vec::new() };
        (output, saved)
    }

    fn backward(&self, saved: &[Array], gradient: Array, _: &[bool]) -> Vec<Option<Array>> {
        let [output] = saved else { unreachable!("softmax saves its output") };
        let rows = Rows::of(output);
        let mut gradient = gradient.into_values();
        let shared = Shared::new(&mut gradient);
        rows.by_task(|part| {
            // SAFETY: a gradient of all rows, of which each task has its own.
            let gradient = unsafe { part.of_shared(shared, rows.width) };
            descend(part.of(output.values(), rows.width), rows.width, gradient);
        });
        vec![Some(Array::new(gradient, output.dims()))]
    }
}

for_instruction_sets! {
    fn shares(values: &mut [f32], width: usize) {
        for row in values.chunks_exact_mut(width) {
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            for value in row.iter_mut() {
                *value = exp(*value - largest);
            }
            let mut sum = [[0.0; LANES]];
            accumulate(&mut sum, [row], |[value]| [value]);
            let share = total(sum[0]).recip();
            for value in row {
                *value *= share;
            }
        }
    }

    fn descend(output: &[f32], width: usize, gradient: &mut [f32]) {
        for (output, gradient) in output.chunks_exact(width).zip(gradient.chunks_exact_mut(width)) {
            let mut sum = [[0.0; LANES]];
            accumulate(&mut sum, [output, gradient], |[output, gradient]| [output * gradient]);
            let common = total(sum[0]);
            for (gradient, output) in gradient.iter_mut().zip(output) {
                *gradient = (*gradient - common) * output;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use proptest::prelude::*;

    use super::*;
    use crate::testkit::{assert_same_passes, random};

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn softmax_and_its_gradient_are_burns(
            rows in prop_oneof![1..9_usize, 150..400_usize],
            width in prop_oneof![1..5_usize, 30..300_usize],
            spread in prop_oneof![Just(1.0_f32), Just(30.0)],
        ) {
            let x = random(rows * width, 1).iter().map(|number| number * spread).collect();
            let run = |softmax: fn(Tensor<2>) -> Tensor<2>| {
                move |inputs: &[Tensor<1>]| {
                    softmax(inputs[0].clone().reshape([rows, width])).reshape([rows * width])
                }
            };
            // Sums of at most 300 numbers of one sign, and the error of `exp`.
            assert_same_passes(&[x], 1e-6, run(softmax), run(|x| activation::softmax(x, 1)));
        }
    }

    #[test]
    #[should_panic(expected = "softmax: no size may be zero")]
    fn an_empty_batch_is_refused() {
        drop(softmax(Tensor::<2>::empty([0, 3], &Device::flex())));
    }
}
