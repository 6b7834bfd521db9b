//! What every combiner promises, as checks that the list is walked with.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Bool, Device, Gradients, Tensor};

use super::AnyCombiner;
use crate::Embedding;
use crate::testkit::{assert_close, values};

/// One token a row, equal to the pooled vector, on a device that takes gradients.
pub(crate) fn embedding(rows: &[&[f32]], present: &[bool]) -> Embedding {
    let device = Device::flex().autodiff();
    let width = rows[0].len();
    let pooled = Tensor::<1>::from_floats(rows.concat().as_slice(), &device);
    let pooled = pooled.reshape([rows.len(), width]).require_grad();
    let present = Tensor::<1, Bool>::from_bool(present, &device);
    Embedding {
        tokens: pooled.clone().unsqueeze_dim(1),
        pooled,
        mask: present.clone().unsqueeze_dim(1),
        present,
    }
}

/// Which of three columns are present in each of five rows: all, all but one, one alone.
const PRESENT: [[bool; 5]; 3] = [
    [true, false, true, true, false],
    [true, true, false, true, true],
    [true, true, true, false, false],
];

/// Columns of widths 2, 3 and 1 over five rows, with `filler` where absent.
fn columns(filler: f32) -> Vec<Embedding> {
    let device = Device::flex().autodiff();
    [2, 3, 1]
        .into_iter()
        .zip(PRESENT)
        .enumerate()
        .map(|(column, (width, present))| column_of(column, width, present, filler, &device))
        .collect()
}

/// Two tokens a row, the second of every other row padding, and their mean as the pooled vector.
fn column_of(
    column: usize,
    width: usize,
    present: [bool; 5],
    filler: f32,
    device: &Device,
) -> Embedding {
    let mut tokens = Vec::new();
    let mut mask = Vec::new();
    let mut pooled = Vec::new();
    for (row, &present) in present.iter().enumerate() {
        let real = |token: usize| present && (token == 0 || row % 2 == 0);
        let number = |token: usize, index: usize| {
            if real(token) {
                ((column * 31 + row * 7 + token * 3 + index) as f32 * 0.7).sin()
            } else {
                filler
            }
        };
        let num_real = (0..2).filter(|&token| real(token)).count();
        mask.extend((0..2).map(real));
        tokens.extend((0..2).flat_map(|token| (0..width).map(move |index| number(token, index))));
        pooled.extend((0..width).map(|index| match num_real {
            0 => filler,
            1 => number(0, index),
            _ => f32::midpoint(number(0, index), number(1, index)),
        }));
    }
    let numbers = |numbers: &[f32]| Tensor::<1>::from_floats(numbers, device);
    Embedding {
        pooled: numbers(&pooled).reshape([5, width]).require_grad(),
        tokens: numbers(&tokens).reshape([5, 2, width]).require_grad(),
        mask: Tensor::<1, Bool>::from_bool(mask.as_slice(), device).reshape([5, 2]),
        present: Tensor::from_bool(present, device),
    }
}

/// What the combiner makes outside training: no dropout, running statistics.
fn fused(combiner: &AnyCombiner, columns: &[Embedding]) -> Tensor<2> {
    combiner.valid().as_dyn().forward(columns).fused
}

/// A number of which every entry of the fused vector has its own part, so that no gradient cancels.
fn spread_sum(fused: Tensor<2>) -> Tensor<1> {
    let [rows, width] = fused.dims();
    let parts: Vec<f32> = (0..rows * width).map(|index| (index as f32 * 1.3 + 0.5).sin()).collect();
    let parts = Tensor::<1>::from_floats(parts.as_slice(), &fused.device());
    (fused * parts.reshape([rows, width])).sum()
}

pub(crate) fn has_the_width_that_it_says(name: &str, combiner: &AnyCombiner) {
    let width = combiner.as_dyn().output_width();
    assert_eq!(fused(combiner, &columns(0.0)).dims(), [5, width], "{name}");
}

pub(crate) fn ignores_what_absent_columns_hold(name: &str, combiner: &AnyCombiner) {
    const FILLERS: [f32; 3] = [1e6, f32::NAN, f32::INFINITY];
    let expected = fused(combiner, &columns(0.0)).into_data();
    for filler in FILLERS {
        let actual = fused(combiner, &columns(filler)).into_data();
        assert_eq!(actual.as_bytes(), expected.as_bytes(), "{name}, absent holds {filler}");
    }
    // Apart from the above: a training pass moves running statistics, which `fused` reads.
    let expected = gradients(combiner, &columns(0.0));
    for filler in FILLERS {
        let actual = gradients(combiner, &columns(filler));
        assert_eq!(actual, expected, "{name}, gradients, absent holds {filler}");
    }
}

/// The gradients of every parameter, of every pooled vector and of every token.
fn gradients(combiner: &AnyCombiner, columns: &[Embedding]) -> Vec<Vec<f32>> {
    let grads = spread_sum(combiner.as_dyn().forward(columns).fused).backward();
    let mut found = Vec::new();
    for column in columns {
        found.extend(column.pooled.grad(&grads).map(|grad| values(&grad)));
        found.extend(column.tokens.grad(&grads).map(|grad| values(&grad)));
    }
    let mut visitor = ParameterGradients { grads: &grads, found };
    combiner.visit(&mut visitor);
    visitor.found
}

struct ParameterGradients<'a> {
    grads: &'a Gradients,
    found: Vec<Vec<f32>>,
}

impl ModuleVisitor for ParameterGradients<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.extend(param.val().grad(self.grads).map(|grad| values(&grad)));
    }
}

pub(crate) fn gives_each_row_the_same_alone_as_in_a_batch(name: &str, combiner: &AnyCombiner) {
    let columns = columns(0.0);
    let batch = fused(combiner, &columns);
    for row in 0..5 {
        let alone: Vec<Embedding> = columns.iter().map(|column| only(column, row)).collect();
        let expected = values(&batch.clone().narrow(0, row, 1));
        assert_close(&format!("{name}, row {row}"), &fused(combiner, &alone), &expected, 1e-5);
    }
}

/// One row of an embedding; its second token is cut off where it is padding.
fn only(column: &Embedding, row: usize) -> Embedding {
    let num_tokens = if row.is_multiple_of(2) { 2 } else { 1 };
    Embedding {
        pooled: column.pooled.clone().narrow(0, row, 1),
        tokens: column.tokens.clone().narrow(0, row, 1).narrow(1, 0, num_tokens),
        mask: column.mask.clone().narrow(0, row, 1).narrow(1, 0, num_tokens),
        present: column.present.clone().narrow(0, row, 1),
    }
}

pub(crate) fn sends_a_gradient_to_every_present_column(name: &str, combiner: &AnyCombiner) {
    let columns = columns(0.0);
    let grads = spread_sum(combiner.as_dyn().forward(&columns).fused).backward();
    for (index, column) in columns.iter().enumerate() {
        let per_row = |grad: Option<Tensor<3>>| match grad {
            Some(grad) => values(&grad.abs().sum_dims(&[1, 2])),
            None => vec![0.0; 5],
        };
        let pooled = per_row(column.pooled.grad(&grads).map(|grad| grad.unsqueeze_dim(1)));
        let tokens = per_row(column.tokens.grad(&grads));
        for (row, present) in PRESENT[index].into_iter().enumerate() {
            let size = pooled[row] + tokens[row];
            assert_eq!(size > 0.0, present, "{name}, column {index}, row {row}: gradient {size}");
        }
    }
}

pub(crate) fn is_finite_with_every_column_absent(name: &str, combiner: &AnyCombiner) {
    let columns: Vec<Embedding> =
        columns(f32::NAN).iter().map(|column| column.keep(&[false; 5])).collect();
    let fused = values(&fused(combiner, &columns));
    assert!(fused.iter().all(|value| value.is_finite()), "{name}: {fused:?}");
    let gradients = gradients(combiner, &columns);
    assert!(gradients.iter().flatten().all(|value| value.is_finite()), "{name}: {gradients:?}");
}

pub(crate) fn has_weights_that_sum_to_one(name: &str, combiner: &AnyCombiner) {
    let Some(weights) = combiner.as_dyn().forward(&columns(f32::NAN)).weights else { return };
    let weights = values(&weights);
    for (row, weights) in weights.chunks(3).enumerate() {
        let sum: f32 = weights.iter().sum();
        assert!((sum - 1.0).abs() < 1e-6, "{name}, row {row}: {weights:?} sum to {sum}");
        for (column, present) in PRESENT.iter().enumerate() {
            assert_eq!(weights[column] > 0.0, present[row], "{name}, row {row}: {weights:?}");
        }
    }
}
