//! Each column's tokens query the other columns' tokens, and are then pooled and joined.
//!
//! Source: Tsai et al. 2019, "Multimodal Transformer for Unaligned Multimodal Language Sequences",
//! section 3.2 (<https://arxiv.org/abs/1906.00295>). Differs from the paper: a column queries all
//! the others at once, where the paper has a transformer for each ordered pair, so that the cost
//! grows with the columns and not with their square; and from Ludwig's `cross_attention`, which
//! sees pooled vectors.

use burn::module::{Initializer, Module, Param};
use burn::tensor::{Bool, Device, Tensor};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::columns::Columns;
use super::{Combiner, CombinerInput, Fused, check_heads};
use crate::layer::{
    Activation, Bias, FullyConnectedConfig, FullyConnectedKeys, FullyConnectedLayerConfig,
    FullyConnectedStack, LayerNorm, Linear, MAX_WIDTH, Norm, TransformerBlock,
    TransformerBlockConfig,
};
use crate::{Build, Embedding};

/// `cross_attention`: attention from each column's tokens to the others'.
///
/// | field | default | range |
/// |---|---|---|
/// | `num_layers` | 1 | 1 to 64 |
/// | `hidden_size` | 128 | 1 to 65 536, a multiple of `num_heads` |
/// | `num_heads` | 4 | 1 or more |
/// | `transformer_output_size` | 128 | 1 to 65 536: the width inside a layer |
/// | `dropout` | 0.1 | 0 or more and below 1: inside a layer |
/// | `fc_layers` | none | up to 64 layers, instead of `num_fc_layers` alike ones |
/// | `num_fc_layers` | 1 | 0 to 64 |
/// | `output_size` | 256 | 1 to 65 536 |
/// | `fc_activation` | `relu` | see [`Activation`] |
/// | `norm` | none | see [`Norm`] |
/// | `fc_dropout` | 0 | 0 or more and below 1 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CrossAttentionConfig {
    /// Layers of attention.
    pub num_layers: usize,
    /// Width of a token.
    pub hidden_size: usize,
    /// Heads of each layer.
    pub num_heads: usize,
    /// Width inside a layer, between its two linear steps.
    pub transformer_output_size: usize,
    /// Share of values set to zero in training inside a layer.
    pub dropout: f64,
    /// Each fully connected layer by itself.
    pub fc_layers: Option<Vec<FullyConnectedLayerConfig>>,
    /// The number of fully connected layers where `fc_layers` does not list them.
    pub num_fc_layers: usize,
    /// Width after each fully connected layer.
    pub output_size: usize,
    /// The function after each fully connected layer.
    pub fc_activation: Activation,
    /// The norm of each fully connected layer.
    pub norm: Option<Norm>,
    /// Share of each fully connected layer's outputs set to zero in training.
    pub fc_dropout: f64,
}

impl Default for CrossAttentionConfig {
    fn default() -> Self {
        Self {
            num_layers: 1,
            hidden_size: 128,
            num_heads: 4,
            transformer_output_size: 128,
            dropout: 0.1,
            fc_layers: None,
            num_fc_layers: 1,
            output_size: 256,
            fc_activation: Activation::Relu,
            norm: None,
            fc_dropout: 0.0,
        }
    }
}

impl CrossAttentionConfig {
    fn check(&self) -> Result<(), ConfigError> {
        in_range("num_layers", self.num_layers, 1..=64)?;
        check_heads(self.hidden_size, self.num_heads)?;
        in_range("transformer_output_size", self.transformer_output_size, 1..=MAX_WIDTH)?;
        in_range("dropout", self.dropout, 0.0..1.0)
    }

    fn fully_connected(&self) -> FullyConnectedConfig<'_> {
        FullyConnectedConfig {
            layers: self.fc_layers.as_deref(),
            num_layers: self.num_fc_layers,
            output_size: self.output_size,
            activation: self.fc_activation,
            norm: self.norm,
            dropout: self.fc_dropout,
            keys: FullyConnectedKeys { output_size: "output_size", dropout: "fc_dropout" },
        }
    }
}

/// Lets each column's tokens read the others', pools each column, and joins them.
#[derive(Module, Debug)]
pub struct CrossAttention {
    projections: Vec<Linear>,
    /// What is added to each column's tokens, so that columns can be told apart: `[M, H]`.
    column_embeddings: Param<Tensor<2>>,
    /// The same layers for every column.
    blocks: Vec<TransformerBlock>,
    norm: LayerNorm,
    stack: FullyConnectedStack,
}

impl Build for CrossAttention {
    type Config = CrossAttentionConfig;
    type Input = CombinerInput;

    fn build(
        config: &CrossAttentionConfig,
        input: &CombinerInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let width = config.hidden_size;
        let block = TransformerBlockConfig {
            width,
            num_heads: config.num_heads,
            inner_width: config.transformer_output_size,
            dropout: config.dropout,
        };
        let spread = Initializer::Normal { mean: 0.0, std: 0.02 };
        let joined = input.num_columns() * width + input.num_columns();
        Ok(Self {
            projections: input
                .widths
                .iter()
                .map(|&from| Linear::new(from, width, Bias::Learned, device))
                .collect(),
            column_embeddings: spread.init([input.num_columns(), width], device),
            blocks: (0..config.num_layers).map(|_| TransformerBlock::new(block, device)).collect(),
            norm: LayerNorm::new(width, device),
            stack: FullyConnectedStack::build(&config.fully_connected(), joined, device)?,
        })
    }
}

/// The tokens of all columns, one column after the other.
struct Tokens {
    /// `[B, T, H]`, finite also where absent.
    values: Tensor<3>,
    /// True for padding and for absent rows: `[B, T]`.
    absent: Tensor<2, Bool>,
    /// How many of the tokens each column has.
    sizes: Vec<usize>,
}

impl Tokens {
    /// The mean of each column's real tokens, zeros where there are none: `[B, M, H]`.
    fn pooled(&self) -> Tensor<3> {
        let real = self.absent.clone().bool_not().float();
        let [rows, num_tokens] = real.dims();
        let mut start = 0;
        let parts = self.sizes.iter().map(|&size| {
            let counts = real.clone().narrow(1, start, size).sum_dim(1).clamp_min(1.0);
            let own = real.clone().narrow(1, start, size) / counts;
            let part = own.pad([(0, 0), (start, num_tokens - start - size)], 0.0);
            start += size;
            part
        });
        let shares = Tensor::stack::<3>(parts.collect(), 1); // [B, M, T]
        debug_assert_eq!(shares.dims(), [rows, self.sizes.len(), num_tokens]);
        shares.matmul(self.values.clone())
    }
}

impl CrossAttention {
    fn tokens(&self, embeddings: &[Embedding]) -> Tokens {
        let projected = embeddings.iter().zip(&self.projections).enumerate();
        let values = projected.map(|(index, (embedding, projection))| {
            let own = self.column_embeddings.val().narrow(0, index, 1).squeeze_dim::<1>(0);
            projection.shifted(embedding.clean_tokens(), own)
        });
        let masks = embeddings.iter().map(|embedding| embedding.mask.clone());
        Tokens {
            values: Tensor::cat(values.collect(), 1),
            absent: Tensor::cat(masks.collect(), 1).bool_not(),
            sizes: embeddings.iter().map(|embedding| embedding.mask.dims()[1]).collect(),
        }
    }
}

impl Combiner for CrossAttention {
    fn forward(&self, embeddings: &[Embedding]) -> Fused {
        let mut tokens = self.tokens(embeddings);
        // The only column there is has no others: it reads itself.
        let groups = if embeddings.len() == 1 { &[][..] } else { &tokens.sizes };
        for block in &self.blocks {
            tokens.values = block.attend(tokens.values, tokens.absent.clone(), groups);
        }
        tokens.values = self.norm.forward(tokens.values);
        let present = Columns::of(embeddings).absent.bool_not().float();
        let joined = Tensor::cat(vec![tokens.pooled().flatten(1, 2), present], 1);
        Fused { fused: self.stack.forward(joined), weights: None }
    }

    fn reads_tokens(&self) -> bool {
        true
    }

    fn output_width(&self) -> usize {
        self.stack.output_width()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combiner::contract::embedding;
    use crate::testkit::values;

    fn build() -> CrossAttention {
        let config = CrossAttentionConfig {
            hidden_size: 8,
            transformer_output_size: 8,
            num_fc_layers: 0,
            ..CrossAttentionConfig::default()
        };
        let input = CombinerInput { widths: vec![2, 3] };
        CrossAttention::build(&config, &input, &Device::flex()).unwrap()
    }

    /// The part of the fused vector that a column gives.
    fn part(fused: &Fused, column: usize) -> Vec<f32> {
        values(&fused.fused)[column * 8..][..8].to_vec()
    }

    #[test]
    fn a_column_changes_with_what_the_other_holds() {
        let combiner = build();
        let first = embedding(&[&[1.0, 2.0]], &[true]);
        let with = |other: &[f32]| {
            part(&combiner.forward(&[first.clone(), embedding(&[other], &[true])]), 0)
        };
        assert_ne!(with(&[1.0, 2.0, 3.0]), with(&[3.0, 2.0, -1.0]));
    }

    #[test]
    fn a_row_whose_others_are_absent_keeps_its_own() {
        let combiner = build();
        let absent = embedding(&[&[9.0, 9.0, 9.0]], &[false]);
        let fused = |own: &[f32]| combiner.forward(&[embedding(&[own], &[true]), absent.clone()]);
        assert_ne!(part(&fused(&[1.0, 2.0]), 0), part(&fused(&[2.0, 1.0]), 0));
        assert_eq!(part(&fused(&[1.0, 2.0]), 1), [0.0; 8], "an absent column gives zeros");
    }
}
