//! Products of matrices.

pub(crate) mod interleave;
pub(crate) mod left;
pub(crate) mod multiply;
pub(crate) mod packed;
pub(crate) mod packed_columns;
pub(crate) mod resident;
pub(crate) mod tile;

use burn::tensor::Tensor;

use self::left::rows_of;
use self::multiply::{MatrixColumns, MatrixOutput, multiply};
use self::packed::View;
use crate::array::Array;
use crate::operation::{Mode, Operation, apply, runs_here};
use crate::scratch::written;

/// The product of two matrices.
///
/// # Shapes
///
/// - `left`: `[m, k]`
/// - `right`: `[k, n]`
/// - returns: `[m, n]`
pub fn matmul(left: Tensor<2>, right: Tensor<2>) -> Tensor<2> {
    if runs_here(&left.device(), left.dtype()) {
        return apply(Product, [left.into(), right.into()]);
    }
    left.matmul(right)
}

/// `left × right` of two matrices anywhere in arrays.
pub(crate) fn product(left: View<'_>, right: View<'_>) -> Vec<f32> {
    let (rows, columns) = (left.rows, right.columns);
    let write = |values: &mut [f32]| {
        let output = MatrixOutput::new(values, columns);
        multiply(&*rows_of(left, columns), &MatrixColumns(right), &output);
    };
    if left.columns == 0 {
        return vec![0.0; rows * columns];
    }
    // SAFETY: `multiply` writes the whole output where there is a step to sum over.
    unsafe { written(rows * columns, write) }
}

#[derive(Debug)]
struct Product;

impl Operation for Product {
    fn forward(&self, inputs: &[Array], _: Mode) -> (Array, Vec<Array>) {
        let [left, right] = inputs else { unreachable!("a product has two sides") };
        let ([m, k], [_, n]) = (left.shape(), right.shape::<2>());
        let values = product(View::dense(left.values(), m, k), View::dense(right.values(), k, n));
        (Array::new(values, &[m, n]), inputs.to_vec())
    }

    fn backward(&self, saved: &[Array], gradient: Array, wanted: &[bool]) -> Vec<Option<Array>> {
        let [left, right] = saved else { unreachable!("a product has two sides") };
        let ([m, k], [_, n]) = (left.shape(), right.shape::<2>());
        let gradient = View::dense(gradient.values(), m, n);
        let of_left = || product(gradient, View::dense(right.values(), k, n).transposed());
        let of_right = || product(View::dense(left.values(), m, k).transposed(), gradient);
        vec![
            wanted[0].then(|| Array::new(of_left(), &[m, k])),
            wanted[1].then(|| Array::new(of_right(), &[k, n])),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instruction_set::InstructionSet;

    fn numbers(len: usize, seed: usize) -> Vec<f32> {
        (0..len)
            .map(|index| ((index * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0)
            .collect()
    }

    #[test]
    fn a_product_is_the_sum_over_its_steps_for_every_size_and_instruction_set() {
        for (m, k, n) in
            [(1, 1, 1), (3, 5, 7), (14, 32, 32), (15, 300, 33), (29, 600, 65), (130, 17, 1000)]
        {
            let (left, right) = (numbers(m * k, 1), numbers(k * n, 2));
            let mut expected = vec![0.0_f64; m * n];
            for row in 0..m {
                for step in 0..k {
                    for column in 0..n {
                        expected[row * n + column] +=
                            f64::from(left[row * k + step]) * f64::from(right[step * n + column]);
                    }
                }
            }
            InstructionSet::for_each(|set| {
                let got = product(View::dense(&left, m, k), View::dense(&right, k, n));
                for (index, (got, want)) in got.iter().zip(&expected).enumerate() {
                    // A sum of k products of numbers below 1, each rounded to 2⁻²⁴.
                    let tolerance = k as f64 * 2_f64.powi(-23);
                    assert!(
                        (f64::from(*got) - want).abs() < tolerance,
                        "{set:?} {m}x{k}x{n} at {index}: {got} is not {want}"
                    );
                }
            });
        }
    }
}
