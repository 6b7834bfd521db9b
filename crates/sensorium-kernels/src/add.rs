//! Residual connections: two tensors of one shape, added.

use burn::tensor::Tensor;

use crate::activation::{self, Activation, MadeFrom, apply_in_place, gradient_in_place};
use crate::array::Array;
use crate::elementwise::changed;
use crate::instruction_set::for_instruction_sets;
use crate::operation::{Mode, Operation, apply, runs_here};

/// `activation(x + residual)`.
///
/// # Shapes
///
/// - `x`: any
/// - `residual`: the same
/// - returns: the same
///
/// # Panics
///
/// If the shapes differ.
pub fn add_activate<const D: usize>(
    x: Tensor<D>,
    residual: Tensor<D>,
    activation: Activation,
) -> Tensor<D> {
    let (left, right) = (x.dims(), residual.dims());
    assert_eq!(left, right, "add_activate: the shapes of the two sides differ");
    if runs_here(&x.device(), x.dtype()) {
        return apply(AddActivate(activation), [x.into(), residual.into()]);
    }
    reference(x, residual, activation)
}

fn reference<const D: usize>(
    x: Tensor<D>,
    residual: Tensor<D>,
    activation: Activation,
) -> Tensor<D> {
    activation::reference(x + residual, activation)
}

for_instruction_sets! {
    /// Adds to each number the other one at its place.
    pub(crate) fn add_in_place(values: &mut [f32], others: &[f32]) {
        for (value, other) in values.iter_mut().zip(others) {
            *value += other;
        }
    }
}

#[derive(Debug)]
struct AddActivate(Activation);

impl AddActivate {
    fn keeps(&self, mode: Mode, what: MadeFrom) -> bool {
        mode == Mode::Training
            && self.0 != Activation::Identity
            && self.0.gradient_made_from() == what
    }
}

impl Operation for AddActivate {
    fn forward(&self, inputs: &[Array], mode: Mode) -> (Array, Vec<Array>) {
        self.forward_over(inputs.to_vec(), mode)
    }

    fn forward_over(&self, inputs: Vec<Array>, mode: Mode) -> (Array, Vec<Array>) {
        let [x, residual] = inputs.try_into().expect("two are added");
        let (own, other) = if x.is_unshared() { (x, residual) } else { (residual, x) };
        if self.keeps(mode, MadeFrom::Input) {
            let add =
                |_: usize, values: &mut [f32], [others]: [&[f32]; 1]| add_in_place(values, others);
            let sum = changed(own, [other.values()], add);
            let output = changed(sum.clone(), [], |_, values, []| apply_in_place(values, self.0));
            return (output, vec![sum]);
        }
        let output = changed(own, [other.values()], |_, values, [others]| {
            add_in_place(values, others);
            apply_in_place(values, self.0);
        });
        let saved = self.keeps(mode, MadeFrom::Output).then(|| output.clone());
        (output, saved.into_iter().collect())
    }

    fn backward(&self, saved: &[Array], gradient: Array, wanted: &[bool]) -> Vec<Option<Array>> {
        let gradient = match saved {
            [] => gradient,
            [kept, ..] => changed(gradient, [kept.values()], |_, gradient, [kept]| {
                gradient_in_place(gradient, kept, self.0);
            }),
        };
        wanted.iter().map(|wanted| wanted.then(|| gradient.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};
    use proptest::prelude::*;

    use super::*;
    use crate::testkit::{assert_same_passes, random};

    /// A few roundings to 2⁻²⁴, of numbers up to 2.
    const ROUNDING: f32 = 1e-6;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

        #[test]
        fn sums_and_their_gradients_are_burns(
            len in prop_oneof![1..100_usize, 30_000..70_000_usize],
        ) {
            for function in [Activation::Identity, Activation::Relu, Activation::Gelu] {
                assert_same_passes(
                    &[random(len, 1), random(len, 2)],
                    ROUNDING,
                    |inputs| add_activate(inputs[0].clone(), inputs[1].clone(), function),
                    |inputs| reference(inputs[0].clone(), inputs[1].clone(), function),
                );
            }
        }
    }

    #[test]
    fn the_sum_is_written_over_the_side_that_nobody_else_holds() {
        let device = Device::flex();
        let tensor = |number: f32| Tensor::<1>::from_floats([number; 3], &device);
        for held_side in [0, 1] {
            let sides = [tensor(1.0), tensor(2.0)];
            let held = sides[held_side].clone();
            let places = sides.clone().map(|side| Array::of(side).values().as_ptr());
            let [x, residual] = sides;
            let sum = Array::of(add_activate(x, residual, Activation::Identity));
            assert_eq!(sum.values(), [3.0; 3]);
            assert_eq!(sum.values().as_ptr(), places[1 - held_side]);
            assert_eq!(Array::of(held).values(), [held_side as f32 + 1.0; 3]);
        }
    }

    #[test]
    #[should_panic(expected = "add_activate: the shapes of the two sides differ")]
    fn sides_of_other_shapes_are_refused() {
        let device = Device::flex();
        let (x, residual) = (Tensor::<2>::zeros([2, 3], &device), Tensor::zeros([1, 3], &device));
        drop(add_activate(x, residual, Activation::Relu));
    }
}
