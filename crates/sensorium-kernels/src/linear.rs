//! Linear layers.

use std::ops::Range;

use burn::tensor::Tensor;

use crate::activation::{Activation, activate, apply_in_place};
use crate::add::add_activate;
use crate::array::Array;
use crate::kept::{Purpose, kept};
use crate::operation::{Mode, Operation, apply, runs_here};
use crate::product::left::rows_of;
use crate::product::multiply::{Columns, MatrixColumns, MatrixOutput, Output, multiply};
use crate::product::packed::View;
use crate::product::packed_columns::PackedColumns;
use crate::product::product;
use crate::scratch::written;
use crate::team;

/// `activation(x × weight + bias)` over the last axis.
///
/// # Shapes
///
/// - `x`: `[…, in]`
/// - `weight`: `[in, out]`
/// - `bias`: `[out]`
/// - returns: `[…, out]`
///
/// # Panics
///
/// If a size is zero or the shapes do not belong together.
pub fn linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    activation: Activation,
) -> Tensor<D> {
    check(&x.dims(), weight.dims());
    let device = x.device();
    if !runs_here(&device, x.dtype()) {
        return activate(reference(x, weight, bias), activation);
    }
    if device.is_autodiff() {
        return activate(affine(x, weight, bias, None, Activation::Identity), activation);
    }
    affine(x, weight, bias, None, activation)
}

/// `x × weight + bias + residual` over the last axis.
///
/// # Shapes
///
/// As [`linear`]; `residual` is of the shape that is returned.
///
/// # Panics
///
/// As [`linear`].
pub fn linear_add<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    residual: Tensor<D>,
) -> Tensor<D> {
    check(&x.dims(), weight.dims());
    let device = x.device();
    if !runs_here(&device, x.dtype()) {
        return reference(x, weight, bias) + residual;
    }
    if device.is_autodiff() {
        let output = affine(x, weight, bias, None, Activation::Identity);
        return add_activate(output, residual, Activation::Identity);
    }
    affine(x, weight, bias, Some(residual), Activation::Identity)
}

fn check(x: &[usize], weight: [usize; 2]) {
    assert!(
        !x.contains(&0) && !weight.contains(&0),
        "linear: no size may be zero, but the input is {x:?} and the weight {weight:?}"
    );
    assert!(
        x.last() == Some(&weight[0]),
        "linear: the input {x:?} does not end with the weight's {} rows",
        weight[0]
    );
}

fn reference<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<D> {
    let mut dims = x.dims();
    let [inputs, outputs] = weight.dims();
    let rows = dims.iter().product::<usize>() / inputs;
    let mut output = x.reshape([rows, inputs]).matmul(weight);
    if let Some(bias) = bias {
        output = output + bias.unsqueeze_dim(0);
    }
    dims[D - 1] = outputs;
    output.reshape(dims)
}

fn affine<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    residual: Option<Tensor<D>>,
    activation: Activation,
) -> Tensor<D> {
    let operation = Linear { has_bias: bias.is_some(), activation };
    let (x, weight) = (x.into(), weight.into());
    match (bias, residual) {
        (None, None) => apply(operation, [x, weight]),
        (Some(bias), None) => apply(operation, [x, weight, bias.into()]),
        (None, Some(residual)) => apply(operation, [x, weight, residual.into()]),
        (Some(bias), Some(residual)) => apply(operation, [x, weight, bias.into(), residual.into()]),
    }
}

#[derive(Debug)]
struct Linear {
    has_bias: bool,
    activation: Activation,
}

impl Operation for Linear {
    fn forward(&self, inputs: &[Array], mode: Mode) -> (Array, Vec<Array>) {
        let (fixed, rest) = inputs.split_at(2);
        let (bias, residual) = rest.split_at(usize::from(self.has_bias));
        let [x, weight] = fixed else { unreachable!("split at 2") };
        let [width, outputs] = weight.shape();
        let rows = x.values().len() / width;
        let after = After {
            bias: bias.first().map(Array::values),
            residual: residual.first().map(Array::values),
            activation: self.activation,
        };
        let matrix = View::dense(weight.values(), width, outputs);
        let left = View::dense(x.values(), rows, width);
        let values = match mode {
            Mode::Training => project(left, &MatrixColumns(matrix), after),
            Mode::Inference => {
                let weight = kept(weight, Purpose::Linear, || PackedColumns::of_matrix(matrix));
                project(left, &*weight, after)
            }
        };
        let mut dims = x.dims().to_vec();
        *dims.last_mut().expect("an input has an axis") = outputs;
        let saved = if mode == Mode::Training { fixed.to_vec() } else { Vec::new() };
        (Array::new(values, &dims), saved)
    }

    fn backward(&self, saved: &[Array], gradient: Array, wanted: &[bool]) -> Vec<Option<Array>> {
        let [x, weight] = saved else { unreachable!("a linear layer saves its two inputs") };
        let [width, outputs] = weight.shape();
        let rows = x.values().len() / width;
        let dy = View::dense(gradient.values(), rows, outputs);
        let of_x = || product(dy, View::dense(weight.values(), width, outputs).transposed());
        let of_weight = || product(View::dense(x.values(), rows, width).transposed(), dy);
        let mut gradients = vec![
            wanted[0].then(|| Array::new(of_x(), x.dims())),
            wanted[1].then(|| Array::new(of_weight(), &[width, outputs])),
        ];
        if self.has_bias {
            gradients.push(
                wanted[2].then(|| Array::new(column_sums(gradient.values(), outputs), &[outputs])),
            );
        }
        gradients
    }
}

fn project<C: Columns>(left: View<'_>, right: &C, after: After<'_>) -> Vec<f32> {
    let columns = right.columns();
    let write = |values: &mut [f32]| {
        let output = LinearOutput { matrix: MatrixOutput::new(values, columns), columns, after };
        multiply(&*rows_of(left, columns), right, &output);
    };
    // SAFETY: no size is zero, so `multiply` writes the whole output.
    unsafe { written(left.rows * columns, write) }
}

/// What follows the sums.
#[derive(Clone, Copy)]
struct After<'a> {
    bias: Option<&'a [f32]>,
    residual: Option<&'a [f32]>,
    activation: Activation,
}

struct LinearOutput<'a> {
    matrix: MatrixOutput,
    columns: usize,
    after: After<'a>,
}

impl Output for LinearOutput<'_> {
    fn direct(&self, rows: Range<usize>, columns: Range<usize>) -> Option<(*mut f32, usize)> {
        self.matrix.direct(rows, columns)
    }

    fn scatter(
        &self,
        tile: &[f32],
        stride: usize,
        rows: Range<usize>,
        columns: Range<usize>,
        add: bool,
    ) {
        self.matrix.scatter(tile, stride, rows, columns, add);
    }

    fn finish(&self, rows: Range<usize>, columns: Range<usize>) {
        let After { bias, residual, activation } = self.after;
        if bias.is_none() && residual.is_none() && activation == Activation::Identity {
            return;
        }
        for row in rows {
            // SAFETY: `finish` is called for numbers that are written, by the thread that has them.
            let values = unsafe { self.matrix.row(row, columns.clone()) };
            if let Some(bias) = bias {
                add(values, &bias[columns.clone()]);
            }
            if let Some(residual) = residual {
                add(values, &residual[row * self.columns..][columns.clone()]);
            }
            apply_in_place(values, activation);
        }
    }
}

fn add(values: &mut [f32], others: &[f32]) {
    for (value, other) in values.iter_mut().zip(others) {
        *value += other;
    }
}

/// Rows that are summed by one task.
const ROWS: usize = 256;

/// The sum of each column over all rows, in one order whatever the number of threads.
pub(crate) fn column_sums(values: &[f32], columns: usize) -> Vec<f32> {
    let len = ROWS * columns;
    let sum = |part: usize| {
        let rows = &values[part * len..values.len().min((part + 1) * len)];
        let mut sums = vec![0.0; columns];
        rows.chunks_exact(columns).for_each(|row| add(&mut sums, row));
        sums
    };
    let parts: Vec<Vec<f32>> = team::map(values.len().div_ceil(len), sum);
    let mut parts = parts.into_iter();
    let mut sums = parts.next().unwrap_or_else(|| vec![0.0; columns]);
    parts.for_each(|part| add(&mut sums, &part));
    sums
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use proptest::prelude::*;

    use super::*;
    use crate::instruction_set::InstructionSet;

    fn tensor<const D: usize>(shape: [usize; D], seed: usize, device: &Device) -> Tensor<D> {
        let number = |index: usize| ((index * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0;
        let values: Vec<f32> = (0..shape.iter().product()).map(number).collect();
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_into_vec().expect("32-bit floats")
    }

    fn passes(shape: [usize; 4], ours: bool) -> [Vec<f32>; 4] {
        let [rows, tokens, inputs, outputs] = shape;
        let device = Device::flex().autodiff();
        let x = tensor([rows, tokens, inputs], 1, &device).require_grad();
        let weight = tensor([inputs, outputs], 2, &device).require_grad();
        let bias = tensor([outputs], 3, &device).require_grad();
        let output = if ours {
            linear(x.clone(), weight.clone(), Some(bias.clone()), Activation::Identity)
        } else {
            reference(x.clone(), weight.clone(), Some(bias.clone()))
        };
        let shares = tensor(output.dims(), 4, &device);
        let gradients = (output.clone() * shares).sum().backward();
        [
            values(output.inner()),
            values(x.grad(&gradients).expect("x is tracked")),
            values(weight.grad(&gradients).expect("weight is tracked")),
            values(bias.grad(&gradients).expect("bias is tracked")),
        ]
    }

    fn assert_close(got: &[f32], want: &[f32], place: &str) {
        // Sums of products in another order: the rounding grows with the largest of them.
        let largest = want.iter().fold(1.0_f32, |largest, value| largest.max(value.abs()));
        for (index, (got, want)) in got.iter().zip(want).enumerate() {
            assert!((got - want).abs() <= 4e-6 * largest, "{place} at {index}: {got}, not {want}");
        }
        assert_eq!(got.len(), want.len(), "{place}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

        #[test]
        fn linear_layers_and_their_gradients_are_burns(
            rows in 1..5_usize, tokens in 1..40_usize, inputs in 1..300_usize, outputs in 1..70_usize,
        ) {
            let shape = [rows, tokens, inputs, outputs];
            let want = passes(shape, false);
            InstructionSet::for_each(|set| {
                for (pass, (got, want)) in passes(shape, true).iter().zip(&want).enumerate() {
                    assert_close(got, want, &format!("pass {pass} on {set:?} of {shape:?}"));
                }
            });
        }
    }

    #[test]
    fn what_follows_is_the_same_in_one_pass() {
        let device = Device::flex();
        let (x, weight) = (tensor([3, 5, 40], 1, &device), tensor([40, 33], 2, &device));
        let (bias, residual) = (tensor([33], 3, &device), tensor([3, 5, 33], 4, &device));
        let plain = reference(x.clone(), weight.clone(), Some(bias.clone()));
        InstructionSet::for_each(|set| {
            // Twice: the second pass reads the weights that the first one packed.
            for _ in 0..2 {
                let got = linear(x.clone(), weight.clone(), Some(bias.clone()), Activation::Relu);
                let want = burn::tensor::activation::relu(plain.clone());
                assert_close(&values(got), &values(want), &format!("relu on {set:?}"));
                let got =
                    linear_add(x.clone(), weight.clone(), Some(bias.clone()), residual.clone());
                let want = plain.clone() + residual.clone();
                assert_close(&values(got), &values(want), &format!("residual on {set:?}"));
            }
        });
    }

    #[test]
    #[should_panic(expected = "linear: no size may be zero")]
    fn an_empty_batch_is_refused() {
        let device = Device::flex();
        let x = Tensor::<2>::empty([0, 3], &device);
        drop(linear(x, tensor([3, 2], 1, &device), None, Activation::Identity));
    }
}
