//! Vectors of what is not there, filled in.

use burn::tensor::Tensor;

use crate::array::Array;
use crate::elementwise::changed;
use crate::operation::{Mode, Operation, apply, runs_here};

/// `x` with `fill` in every vector that is not present, whatever it held. Where nobody else holds
/// `x`, the others are not moved.
///
/// # Shapes
///
/// - `x`: `[B, T, D]`
/// - `present`: `[B, T]`, 0 where a vector is filled and 1 elsewhere
/// - returns: `[B, T, D]`
///
/// # Panics
///
/// If a size is zero or the shapes do not belong together.
pub fn fill_absent(x: Tensor<3>, present: Tensor<2>, fill: f32) -> Tensor<3> {
    let [rows, steps, width] = x.dims();
    assert!(
        ![rows, steps, width].contains(&0) && present.dims() == [rows, steps],
        "fill_absent: {:?} does not say of each vector of {:?} whether it is there, or there is none",
        present.dims(),
        x.dims()
    );
    if !runs_here(&x.device(), x.dtype()) {
        return reference(x, present, fill);
    }
    apply(FillAbsent { present: Array::of(present), width, fill }, [x.into()])
}

fn reference(x: Tensor<3>, present: Tensor<2>, fill: f32) -> Tensor<3> {
    let absent = present.equal_elem(0.0).unsqueeze_dim::<3>(2).expand(x.dims());
    x.mask_fill(absent, fill)
}

#[derive(Debug)]
struct FillAbsent {
    present: Array,
    width: usize,
    fill: f32,
}

impl FillAbsent {
    fn filled(&self, array: Array, fill: f32) -> Array {
        let (present, width) = (self.present.values(), self.width);
        changed(array, [], |start, part, []| {
            let end = start + part.len();
            let vectors = start / width..end.div_ceil(width);
            for (vector, &present) in vectors.clone().zip(&present[vectors]) {
                if present == 0.0 {
                    let [first, last] =
                        [vector, vector + 1].map(|at| (at * width).clamp(start, end));
                    part[first - start..last - start].fill(fill);
                }
            }
        })
    }
}

impl Operation for FillAbsent {
    fn forward(&self, inputs: &[Array], mode: Mode) -> (Array, Vec<Array>) {
        self.forward_over(inputs.to_vec(), mode)
    }

    fn forward_over(&self, inputs: Vec<Array>, _: Mode) -> (Array, Vec<Array>) {
        let [x] = <[Array; 1]>::try_from(inputs).expect("one input");
        (self.filled(x, self.fill), Vec::new())
    }

    fn backward(&self, saved: &[Array], gradient: Array, wanted: &[bool]) -> Vec<Option<Array>> {
        self.backward_over(saved.to_vec(), gradient, wanted)
    }

    fn backward_over(&self, _: Vec<Array>, gradient: Array, _: &[bool]) -> Vec<Option<Array>> {
        vec![Some(self.filled(gradient, 0.0))]
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use proptest::prelude::*;

    use super::*;
    use crate::testkit::{assert_same_passes, random};

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn what_is_absent_is_filled_and_gets_no_gradient_as_burn_has_it(
            rows in 1..5_usize, steps in 1..90_usize, width in 1..300_usize, seed in 1..99_usize,
        ) {
            let dims = [rows, steps, width];
            let present: Vec<f32> =
                (0..rows * steps).map(|at| f32::from(u8::from((at * seed) % 7 > 2))).collect();
            let present = |device: &Device| {
                Tensor::<2>::from_data(TensorData::new(present.clone(), [rows, steps]), device)
            };
            let run = |fill: fn(Tensor<3>, Tensor<2>, f32) -> Tensor<3>| {
                let present = &present;
                move |inputs: &[Tensor<1>]| {
                    let x = inputs[0].clone().reshape(dims);
                    fill(x, present(&inputs[0].device()), 0.5).flatten(0, 2)
                }
            };
            let inputs = [random(rows * steps * width, 1)];
            assert_same_passes(&inputs, 0.0, run(fill_absent), run(reference));
        }
    }

    #[test]
    fn no_number_is_read_of_what_is_absent() {
        let device = Device::flex();
        let x = Tensor::<3>::from_floats([[[1.0, 2.0], [f32::NAN, f32::NAN]]], &device);
        let present = Tensor::from_floats([[1.0, 0.0]], &device);
        let filled: Vec<f32> =
            fill_absent(x, present, 0.0).into_data().try_into_vec().expect("32-bit floats");
        assert_eq!(filled, [1.0, 2.0, 0.0, 0.0]);
    }

    #[test]
    #[should_panic(expected = "fill_absent: [2, 2] does not say of each vector of [1, 2, 3]")]
    fn other_shapes_are_refused() {
        let device = Device::flex();
        drop(fill_absent(Tensor::zeros([1, 2, 3], &device), Tensor::zeros([2, 2], &device), 0.0));
    }
}
