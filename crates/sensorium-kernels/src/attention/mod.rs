//! Scaled dot-product attention, block by block, so that no matrix of all scores is ever held.
//!
//! Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.1
//! (<https://arxiv.org/abs/1706.03762>), in the order of Dao et al. 2022, "FlashAttention",
//! algorithms 1, 2 and 4 (<https://arxiv.org/abs/2205.14135>). Differs from both: a query that may
//! read no key gets zeros.

mod backward;
mod forward;
#[cfg(test)]
mod tests;

use std::ops::Range;

use burn::tensor::{Bool, Int, Shape, Tensor, activation};

use crate::array::Array;
use crate::dropout::{Dropout, Pattern};
use crate::operation::{Mode, Operation, apply, runs_here};
use crate::product::packed::View;
use crate::scratch::{Shared, written};

/// How queries read keys.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionOptions {
    /// What the products of queries and keys are multiplied with, above 0.
    pub scale: f64,
    /// Whether the query at a place reads no key of a later place.
    pub causal: bool,
    /// Which weights are set to zero, in training.
    pub dropout: Option<Dropout>,
    /// The sizes of groups that follow each other and make up all tokens, of which a query reads
    /// the keys of every group but its own; where there are none, it reads all keys.
    pub groups: Vec<usize>,
}

/// `softmax(scale · query × keyᵀ) × value` for each row and head.
///
/// # Shapes
///
/// - `query`: `[B, N, Q, D]`
/// - `key`, `value`: `[B, N, T, D]`
/// - `present`: `[B, T]`, 0 where a key may not be read and 1 elsewhere
/// - returns: `[B, N, Q, D]`, zeros for a query that may read no key
///
/// # Panics
///
/// If a size is zero, the shapes do not belong together, the scale is not above 0, or the groups
/// do not make up all queries and all keys.
pub fn attention(
    query: Tensor<4>,
    key: Tensor<4>,
    value: Tensor<4>,
    options: &AttentionOptions,
    present: Option<Tensor<2>>,
) -> Tensor<4> {
    let [rows, heads, queries, width] = query.dims();
    let tokens = key.dims()[2];
    let sizes = Sizes { rows, heads, queries, tokens, width, axes: Axes::HeadsFirst };
    check(sizes, [&key, &value].map(|side| side.dims() == [rows, heads, tokens, width]));
    read(sizes, options, [query, key, value], present)
}

/// [`attention`] of heads that lie side by side in each token, so that no axes need be swapped.
///
/// # Shapes
///
/// - `query`: `[B, Q, N · D]`
/// - `key`, `value`: `[B, T, N · D]`
/// - `present`: `[B, T]`, 0 where a key may not be read and 1 elsewhere
/// - returns: `[B, Q, N · D]`, zeros for a query that may read no key
///
/// # Panics
///
/// As [`attention`], and if `heads` does not divide the width.
pub fn multi_head_attention(
    query: Tensor<3>,
    key: Tensor<3>,
    value: Tensor<3>,
    heads: usize,
    options: &AttentionOptions,
    present: Option<Tensor<2>>,
) -> Tensor<3> {
    let [rows, queries, all] = query.dims();
    let tokens = key.dims()[1];
    assert!(heads > 0 && all % heads == 0, "attention: {heads} heads do not divide {all}");
    let width = all / heads;
    let sizes = Sizes { rows, heads, queries, tokens, width, axes: Axes::TokensFirst };
    check(sizes, [&key, &value].map(|side| side.dims() == [rows, tokens, all]));
    read(sizes, options, [query, key, value], present)
}

fn check(sizes: Sizes, belong: [bool; 2]) {
    let Sizes { rows, heads, queries, tokens, width, .. } = sizes;
    assert!(
        ![rows, heads, queries, tokens, width].contains(&0),
        "attention: no size may be zero, but there are {rows} rows, {heads} heads, {queries} \
         queries and {tokens} keys of width {width}"
    );
    assert!(belong[0], "attention: the keys do not belong to queries of {sizes:?}");
    assert!(belong[1], "attention: the values do not belong to keys of {sizes:?}");
}

fn read<const D: usize>(
    sizes: Sizes,
    options: &AttentionOptions,
    sides: [Tensor<D>; 3],
    present: Option<Tensor<2>>,
) -> Tensor<D> {
    assert!(options.scale > 0.0, "attention: the scale is {}, not above 0", options.scale);
    if let Some(present) = &present {
        assert_eq!(present.dims(), [sizes.rows, sizes.tokens], "attention: the shape of `present`");
    }
    if !runs_here(&sides[0].device(), sides[0].dtype()) {
        let read = reference(sides.map(|side| sizes.heads_first(side)), options, present);
        return sizes.as_given(read);
    }
    let present = present.map(Array::of);
    let own = own_keys(sizes, options);
    let operation = Attention { sizes, options: options.clone(), present, own };
    apply(operation, sides.map(Into::into))
}

/// For each key the queries that are in its group, where there are groups.
fn own_keys(sizes: Sizes, options: &AttentionOptions) -> Vec<Range<usize>> {
    let groups = &options.groups;
    if groups.is_empty() {
        return Vec::new();
    }
    let Sizes { queries, tokens, .. } = sizes;
    assert!(
        groups.iter().sum::<usize>() == tokens && queries == tokens,
        "attention: groups of {groups:?} do not make up {queries} queries and {tokens} keys"
    );
    let mut end = 0;
    let of_group = |&size: &usize| {
        end += size;
        vec![end - size..end; size]
    };
    groups.iter().flat_map(of_group).collect()
}

/// The same in Burn's operations.
fn reference(
    [query, key, value]: [Tensor<4>; 3],
    options: &AttentionOptions,
    present: Option<Tensor<2>>,
) -> Tensor<4> {
    let ([rows, heads, queries, _], [_, _, tokens, _]) = (query.dims(), key.dims());
    let device = query.device();
    let mut absent = match present {
        Some(present) => present.equal_elem(0.0).reshape([rows, 1, 1, tokens]),
        None => Tensor::<4, Bool>::full([rows, 1, 1, tokens], false, &device),
    }
    .expand([rows, heads, queries, tokens]);
    if options.causal {
        let later = Tensor::<2, Bool>::tril_mask([queries, tokens], 0, &device);
        let later = later.reshape([1, 1, queries, tokens]).expand([rows, heads, queries, tokens]);
        absent = absent.bool_or(later);
    }
    if !options.groups.is_empty() {
        let groups = options.groups.iter().zip(0_i32..);
        let groups: Vec<i32> = groups.flat_map(|(&size, group)| vec![group; size]).collect();
        let groups = Tensor::<1, Int>::from_data(groups.as_slice(), &device);
        let [of_query, of_key] = [[queries, 1], [1, tokens]]
            .map(|dims| groups.clone().reshape(dims).expand([queries, tokens]));
        let own = of_query.equal(of_key).reshape([1, 1, queries, tokens]);
        absent = absent.bool_or(own.expand([rows, heads, queries, tokens]));
    }
    let scores = query.matmul(key.swap_dims(2, 3)) * options.scale;
    // The smallest finite number, not -inf: a query without keys would give NaN.
    let scores = scores.mask_fill(absent.clone(), f32::MIN);
    let weights = activation::softmax(scores, 3).mask_fill(absent, 0.0);
    let weights = match options.dropout {
        Some(dropout) => weights.clone() * dropout.random(weights.dims(), &device),
        None => weights,
    };
    weights.matmul(value)
}

/// What is read, and where its numbers are.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    rows: usize,
    heads: usize,
    queries: usize,
    tokens: usize,
    width: usize,
    axes: Axes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Axes {
    /// `[B, N, T, D]`.
    HeadsFirst,
    /// `[B, T, N, D]`.
    TokensFirst,
}

impl Sizes {
    /// Pairs of a row and a head.
    fn pairs(self) -> usize {
        self.rows * self.heads
    }

    /// Multiplications of one product of a pair.
    fn work(self) -> usize {
        self.queries * self.tokens * self.width
    }

    /// The first number of a pair in an array with so many tokens, and how far it is from token
    /// to token.
    fn place(self, pair: usize, tokens: usize) -> (usize, usize) {
        let Self { heads, width, .. } = self;
        match self.axes {
            Axes::HeadsFirst => (pair * tokens * width, width),
            Axes::TokensFirst => {
                let (row, head) = (pair / heads, pair % heads);
                ((row * tokens * heads + head) * width, heads * width)
            }
        }
    }

    /// The tokens of a pair, of which the array has so many.
    fn view(self, values: &[f32], pair: usize, tokens: usize) -> View<'_> {
        let (first, row_stride) = self.place(pair, tokens);
        let values = &values[first..];
        View { values, rows: tokens, columns: self.width, row_stride, column_stride: 1 }
    }

    /// Writes tokens of a pair from `first` on, each the start of a line of `lines`.
    ///
    /// # Safety
    ///
    /// `to` has `tokens` tokens, and nobody else uses those of this pair.
    unsafe fn write(
        self,
        to: Shared,
        pair: usize,
        tokens: usize,
        first: usize,
        lines: std::slice::ChunksExact<'_, f32>,
    ) {
        let (start, stride) = self.place(pair, tokens);
        for (token, line) in (first..tokens).zip(lines) {
            let place = to.pointer().wrapping_add(start + token * stride);
            // SAFETY: the caller's promise; a line is at least as long as a token.
            unsafe { place.copy_from_nonoverlapping(line[..self.width].as_ptr(), self.width) };
        }
    }

    fn heads_first<const D: usize>(self, side: Tensor<D>) -> Tensor<4> {
        let [rows, heads] = [self.rows, self.heads];
        let tokens = side.shape().num_elements() / (rows * heads * self.width);
        match self.axes {
            Axes::HeadsFirst => side.reshape([rows, heads, tokens, self.width]),
            Axes::TokensFirst => side.reshape([rows, tokens, heads, self.width]).swap_dims(1, 2),
        }
    }

    /// What is returned, from queries with the heads first.
    fn as_given<const D: usize>(self, read: Tensor<4>) -> Tensor<D> {
        let Self { rows, heads, queries, width, .. } = self;
        let flat = match self.axes {
            Axes::HeadsFirst => read,
            Axes::TokensFirst => read.swap_dims(1, 2),
        };
        let dims = match self.axes {
            Axes::HeadsFirst => vec![rows, heads, queries, width],
            Axes::TokensFirst => vec![rows, queries, heads * width],
        };
        flat.reshape(Shape::from(dims))
    }
}

#[derive(Debug)]
struct Attention {
    sizes: Sizes,
    options: AttentionOptions,
    present: Option<Array>,
    /// See [`own_keys`].
    own: Vec<Range<usize>>,
}

impl Attention {
    /// Which keys of a pair's row may be read: 0 for those that may not.
    fn present(&self, pair: usize) -> Option<&[f32]> {
        let Sizes { heads, tokens, .. } = self.sizes;
        self.present.as_ref().map(|present| &present.values()[pair / heads * tokens..][..tokens])
    }

    /// Which weights of some queries of a pair are set to zero.
    fn patterns(&self, pair: usize, queries: Range<usize>) -> Option<Vec<Pattern>> {
        let pattern = Pattern::new(self.options.dropout?);
        let first = pair * self.sizes.queries;
        Some(queries.map(|query| pattern.line(first + query)).collect())
    }

    #[expect(clippy::cast_possible_truncation, reason = "scores are 32-bit floats")]
    fn scale(&self) -> f32 {
        self.options.scale as f32
    }
}

impl Operation for Attention {
    fn forward(&self, inputs: &[Array], mode: Mode) -> (Array, Vec<Array>) {
        let [query, key, value] = inputs else { unreachable!("attention has three sides") };
        let sides = [query, key, value].map(Array::values);
        let Sizes { queries, .. } = self.sizes;
        let mut logarithms = Vec::new();
        // SAFETY: all queries of all pairs are written.
        let output = unsafe {
            written(query.values().len(), |output| {
                logarithms = written(self.sizes.pairs() * queries, |logarithms| {
                    forward::all(self, sides, output, logarithms);
                });
            })
        };
        let output = Array::new(output, query.dims());
        let saved = match mode {
            Mode::Inference => Vec::new(),
            Mode::Training => {
                let logarithms = Array::new(logarithms, &[self.sizes.pairs(), queries]);
                inputs.iter().cloned().chain([output.clone(), logarithms]).collect()
            }
        };
        (output, saved)
    }

    fn backward(&self, saved: &[Array], gradient: Array, _: &[bool]) -> Vec<Option<Array>> {
        let [query, key, value, output, logarithms] = saved else {
            unreachable!("it saves its inputs and outputs")
        };
        let passed = backward::Passed {
            sides: [query, key, value].map(Array::values),
            output: output.values(),
            logarithms: logarithms.values(),
            gradient: gradient.values(),
        };
        let [mut of_key, mut of_value] = [Vec::new(), Vec::new()];
        // SAFETY: all tokens of all pairs are written.
        let of_query = unsafe {
            written(query.values().len(), |of_query| {
                of_key = written(key.values().len(), |of_key| {
                    of_value = written(value.values().len(), |of_value| {
                        let gradients = [of_query, of_key, of_value].map(Shared::new);
                        backward::all(self, &passed, gradients);
                    });
                });
            })
        };
        vec![
            Some(Array::new(of_query, query.dims())),
            Some(Array::new(of_key, key.dims())),
            Some(Array::new(of_value, value.dims())),
        ]
    }
}
