//! Attention that may not look at what is absent.
//!
//! Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2
//! (<https://arxiv.org/abs/1706.03762>). Differs from the paper: a query whose every key is absent
//! gets exactly zero, and the step after the heads has no bias, so that it stays zero.

use burn::module::Module;
use burn::tensor::{Bool, Device, Tensor, activation};
use sensorium_kernels::{AttentionOptions, multi_head_attention};

use super::{Bias, Dropout, Linear};

/// Softmax over `dim` of what is present: absent entries get zero, and so does everything where
/// all of `dim` is absent.
///
/// `absent` has the shape of `scores`.
pub(crate) fn masked_softmax<const D: usize>(
    scores: Tensor<D>,
    absent: Tensor<D, Bool>,
    dim: usize,
) -> Tensor<D> {
    // The smallest finite number, not -inf: a row that is all absent would give NaN.
    let scores = scores.mask_fill(absent.clone(), f32::MIN);
    activation::softmax(scores, dim).mask_fill(absent, 0.0)
}

/// Attention of several heads, from each token to the others.
#[derive(Module, Debug)]
pub(crate) struct MultiHeadAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    dropout: Dropout,
    num_heads: usize,
}

impl MultiHeadAttention {
    /// `width` is the width of a token; `num_heads` divides it.
    pub(crate) fn new(width: usize, num_heads: usize, dropout: f64, device: &Device) -> Self {
        let linear = || Linear::new(width, width, Bias::Learned, device);
        Self {
            query: linear(),
            key: linear(),
            value: linear(),
            output: Linear::new(width, width, Bias::None, device),
            dropout: Dropout::new(dropout),
            num_heads,
        }
    }

    /// # Shapes
    ///
    /// - `tokens`: `[B, T, D]`, finite also where absent
    /// - `absent`: `[B, T]`, true where a token may not be looked at
    /// - `groups`: the sizes of groups that follow each other and make up `T`, whose tokens do not
    ///   look at each other; or none
    /// - returns: `[B, T, D]`, zeros for a token that has none to look at
    pub(crate) fn forward(
        &self,
        tokens: Tensor<3>,
        absent: Tensor<2, Bool>,
        groups: &[usize],
    ) -> Tensor<3> {
        let width = tokens.dims()[2];
        let options = AttentionOptions {
            scale: 1.0 / ((width / self.num_heads) as f64).sqrt(),
            causal: false,
            dropout: self.dropout.draw(&tokens.device()),
            groups: groups.to_vec(),
        };
        let query = self.query.forward(tokens.clone());
        let key = self.key.forward(tokens.clone());
        let value = self.value.forward(tokens);
        let present = Some(absent.bool_not().float());
        let read = multi_head_attention(query, key, value, self.num_heads, &options, present);
        self.output.forward(read)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;
    use crate::testkit::{assert_close, values};

    #[test]
    fn softmax_of_what_is_present_sums_to_one_and_of_nothing_is_zero() {
        let device = Device::flex();
        let scores = Tensor::<2>::from_floats([[1.0, 2.0, 9.0], [1e30, 4.0, 5.0]], &device);
        let absent = Tensor::from_bool([[false, false, true], [true, true, true]], &device);
        let weights = masked_softmax(scores, absent, 1);
        // e / (e + e²) and e² / (e + e²).
        assert_close("weights", &weights, &[0.268_941_4, 0.731_058_6, 0.0, 0.0, 0.0, 0.0], 1e-6);
    }

    #[test]
    fn one_present_token_is_read_whole_by_every_token() {
        let device = Device::flex();
        let attention = MultiHeadAttention::new(4, 2, 0.0, &device);
        let tokens = Tensor::<3>::from_floats(
            [[[0.1, 0.2, 0.3, 0.4], [9.0, 9.0, 9.0, 9.0]], [[1.0, 2.0, 3.0, 4.0]; 2]],
            &device,
        );
        let absent = Tensor::from_bool([[false, true], [true, true]], &device);
        let read = values(&attention.forward(tokens.clone(), absent, &[]));

        let only = tokens.narrow(0, 0, 1).narrow(1, 0, 1);
        let expected = values(&attention.output.forward(attention.value.forward(only)));
        for token in 0..2 {
            for (got, want) in read[token * 4..][..4].iter().zip(&expected) {
                assert!((got - want).abs() < 1e-6, "token {token}: {got} is not {want}");
            }
        }
        assert!(read[8..].iter().all(|&value| value == 0.0), "a row without tokens reads zeros");
    }

    #[test]
    fn a_token_reads_the_other_group_and_not_its_own() {
        let device = Device::flex();
        let attention = MultiHeadAttention::new(4, 2, 0.0, &device);
        let tokens = |own: f32| {
            let others = [[0.1, 0.2, 0.3, 0.4], [4.0, 3.0, 2.0, 1.0]];
            Tensor::<3>::from_floats([[others[0], [own; 4], others[1]]], &device)
        };
        let absent = Tensor::from_bool([[false, false, false]], &device);
        let read = |own| values(&attention.forward(tokens(own), absent.clone(), &[2, 1]));
        let [one, other] = [read(0.5), read(0.7)];
        assert_eq!(one[..4], other[..4], "the second token is of the first one's group");
        assert_ne!(one[8..], other[8..]);
    }
}
