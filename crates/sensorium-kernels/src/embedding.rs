//! Looking vectors up by their index.

use burn::tensor::{Int, Tensor, module};

use crate::array::Array;
use crate::operation::{Mode, Operation, apply, runs_here};
use crate::scratch::{Shared, written};
use crate::team;

/// The rows of a table that indices name.
///
/// # Shapes
///
/// - `weight`: `[V, D]`
/// - `indices`: `[B, T]`
/// - returns: `[B, T, D]`
///
/// # Panics
///
/// If a size is zero, or an index is not below `V`.
pub fn embedding(weight: Tensor<2>, indices: Tensor<2, Int>) -> Tensor<3> {
    let ([rows, width], [batch, tokens]) = (weight.dims(), indices.dims());
    assert!(
        ![rows, width, batch, tokens].contains(&0),
        "embedding: no size may be zero, but the weight is {rows}x{width} and the indices \
         {batch}x{tokens}"
    );
    if !runs_here(&weight.device(), weight.dtype()) {
        return module::embedding(weight, indices);
    }
    let read = |index: i64| {
        let row = usize::try_from(index).ok().filter(|&row| row < rows);
        row.unwrap_or_else(|| panic!("embedding: index {index} in a weight of {rows} rows"))
    };
    let indices = indices.into_data().convert::<i64>();
    let indices = indices.iter::<i64>().map(read).collect();
    apply(Embedding { indices, dims: [batch, tokens, width], rows }, [weight.into()])
}

#[derive(Debug)]
struct Embedding {
    indices: Vec<usize>,
    /// Of the output.
    dims: [usize; 3],
    /// Of the weight.
    rows: usize,
}

/// Outputs with fewer numbers are not worth a second thread.
const PARALLEL: usize = 1 << 16;

impl Embedding {
    fn width(&self) -> usize {
        self.dims[2]
    }

    fn is_parallel(&self) -> bool {
        self.indices.len() * self.width() >= PARALLEL
    }

    /// Adds the gradients of some columns, one index after another.
    fn add_columns(&self, gradient: &[f32], first: usize, columns: usize, sums: Shared) {
        let width = self.width();
        for (&index, gradient) in self.indices.iter().zip(gradient.chunks_exact(width)) {
            let place = sums.pointer().wrapping_add(index * width + first);
            // SAFETY: the row is inside the sums, and no other thread has these columns.
            let sums = unsafe { std::slice::from_raw_parts_mut(place, columns) };
            for (sum, number) in sums.iter_mut().zip(&gradient[first..][..columns]) {
                *sum += number;
            }
        }
    }
}

/// Rows that are copied by one task.
const ROWS: usize = 64;

impl Operation for Embedding {
    fn forward(&self, inputs: &[Array], _: Mode) -> (Array, Vec<Array>) {
        let [weight] = inputs else { unreachable!("a lookup has one input") };
        let (width, weight) = (self.width(), weight.values());
        let write = |values: &mut [f32]| {
            team::chunks_mut_if(self.is_parallel(), values, ROWS * width, |part, rows| {
                let rows = rows.chunks_exact_mut(width).zip(&self.indices[part * ROWS..]);
                rows.for_each(|(row, &index)| {
                    row.copy_from_slice(&weight[index * width..][..width]);
                });
            });
        };
        // SAFETY: there is an index for each row.
        let values = unsafe { written(self.indices.len() * width, write) };
        (Array::new(values, &self.dims), Vec::new())
    }

    /// Each thread has its own columns, so that the order of every sum is that of the indices.
    fn backward(&self, _: &[Array], gradient: Array, _: &[bool]) -> Vec<Option<Array>> {
        let width = self.width();
        let mut sums = vec![0.0; self.rows * width];
        let shared = Shared::new(&mut sums);
        let threads = if self.is_parallel() { team::num_threads() } else { 1 };
        // Whole cache lines, which two threads would push to and fro.
        let columns = width.div_ceil(threads).next_multiple_of(16);
        team::for_each(width.div_ceil(columns), |part| {
            let first = part * columns;
            self.add_columns(gradient.values(), first, columns.min(width - first), shared);
        });
        vec![Some(Array::new(sums, &[self.rows, width]))]
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use proptest::prelude::*;

    use super::*;
    use crate::testkit::{assert_same_passes, random};

    fn indices(dims: [usize; 2], rows: usize, device: &Device) -> Tensor<2, Int> {
        let number = |at: usize| (at * at * 31 + at * 7) % rows;
        let values: Vec<i64> =
            (0..dims[0] * dims[1]).map(|at| number(at).cast_signed() as i64).collect();
        Tensor::from_data(TensorData::new(values, dims), device)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn vectors_and_their_gradients_are_burns(
            dims in prop_oneof![[1..5_usize, 1..9_usize], [20..40_usize, 20..60_usize]],
            rows in 1..50_usize,
            width in 1..80_usize,
        ) {
            let run = |embedding: fn(Tensor<2>, Tensor<2, Int>) -> Tensor<3>| {
                move |inputs: &[Tensor<1>]| {
                    let indices = indices(dims, rows, &inputs[0].device());
                    embedding(inputs[0].clone().reshape([rows, width]), indices).flatten(0, 2)
                }
            };
            let weight = random(rows * width, 1);
            // Sums of up to 2 400 gradients in another order.
            assert_same_passes(&[weight], 2e-6, run(embedding), run(module::embedding));
        }
    }

    #[test]
    #[should_panic(expected = "embedding: index 7 in a weight of 3 rows")]
    fn an_index_beyond_the_table_is_named() {
        let device = Device::flex();
        let indices = Tensor::<2, Int>::from_ints([[0, 7]], &device);
        drop(embedding(Tensor::ones([3, 2], &device), indices));
    }

    #[test]
    #[should_panic(expected = "embedding: no size may be zero")]
    fn an_empty_batch_is_refused() {
        let device = Device::flex();
        drop(embedding(Tensor::ones([3, 2], &device), Tensor::empty([0, 2], &device)));
    }
}
