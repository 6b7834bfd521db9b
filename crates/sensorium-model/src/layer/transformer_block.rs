//! One layer of a transformer: attention, then two linear steps, each added to what came in.
//!
//! Source: Xiong et al. 2020, "On Layer Normalization in the Transformer Architecture", figure 1 b
//! (<https://arxiv.org/abs/2002.04745>): the norm stands before each step, so training needs no
//! special warm-up.

use burn::module::Module;
use burn::tensor::{Bool, Device, Tensor};
use sensorium_kernels::{Activation, add_activate};

use super::{Bias, Dropout, LayerNorm, Linear, MultiHeadAttention};

/// The sizes of a [`TransformerBlock`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct TransformerBlockConfig {
    /// `D`; `num_heads` divides it.
    pub(crate) width: usize,
    /// Heads of the attention.
    pub(crate) num_heads: usize,
    /// Width between the two linear steps.
    pub(crate) inner_width: usize,
    /// Share of values set to zero in training, 0 or more and below 1.
    pub(crate) dropout: f64,
}

/// Attention and two linear steps, with the norm before each.
#[derive(Module, Debug)]
pub(crate) struct TransformerBlock {
    attention_norm: LayerNorm,
    attention: MultiHeadAttention,
    linear_norm: LayerNorm,
    inner: Linear,
    outer: Linear,
    dropout: Dropout,
}

impl TransformerBlock {
    pub(crate) fn new(config: TransformerBlockConfig, device: &Device) -> Self {
        let TransformerBlockConfig { width, num_heads, inner_width, dropout } = config;
        Self {
            attention_norm: LayerNorm::new(width, device),
            attention: MultiHeadAttention::new(width, num_heads, dropout, device),
            linear_norm: LayerNorm::new(width, device),
            inner: Linear::new(width, inner_width, Bias::Learned, device),
            outer: Linear::new(inner_width, width, Bias::Learned, device),
            dropout: Dropout::new(dropout),
        }
    }

    /// Every token reads the tokens of its own row that are not absent, or of those the ones
    /// outside its own group; where there is none to read, only the linear steps act.
    ///
    /// # Shapes
    ///
    /// - `tokens`: `[B, T, D]`, `absent`: `[B, T]`
    /// - `groups`: the sizes of groups that follow each other and make up `T`, or none
    /// - returns: `[B, T, D]`
    pub(crate) fn attend(
        &self,
        tokens: Tensor<3>,
        absent: Tensor<2, Bool>,
        groups: &[usize],
    ) -> Tensor<3> {
        let normed = self.attention_norm.forward(tokens.clone());
        let read = self.attention.forward(normed, absent, groups);
        self.think(self.added(tokens, read))
    }

    fn think(&self, tokens: Tensor<3>) -> Tensor<3> {
        let normed = self.linear_norm.forward(tokens.clone());
        let inner = self.inner.activated(normed, Activation::Gelu);
        let outer = self.outer.forward(self.dropout.forward(inner));
        self.added(tokens, outer)
    }

    /// The sum with what a step made, after dropout.
    fn added(&self, tokens: Tensor<3>, step: Tensor<3>) -> Tensor<3> {
        add_activate(self.dropout.forward(step), tokens, Activation::Identity)
    }
}
