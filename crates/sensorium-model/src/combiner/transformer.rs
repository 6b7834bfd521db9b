//! Self-attention over modality tokens: one token a column, and one that sums the row up.
//!
//! Source: the summary token is BERT's `[CLS]` (Devlin et al. 2019, <https://arxiv.org/abs/1810.04805>);
//! keys and their meaning are those of Ludwig's `transformer` combiner. Differs from Ludwig: an
//! absent column is attended to by no token, each column has a learned embedding of its own, the
//! norm stands before each step, and the summary token is what is read out by default.

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

/// How the tokens of a row become one vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReduceOutput {
    /// The learned summary token.
    #[default]
    Summary,
    /// The mean of the present columns' tokens; zeros where there are none.
    #[serde(alias = "avg")]
    Mean,
    /// The sum of the present columns' tokens.
    Sum,
    /// The largest of the present columns' tokens, number by number; zeros where there are none.
    Max,
}

/// `transformer`: self-attention over one token a column.
///
/// | field | default | range |
/// |---|---|---|
/// | `num_layers` | 1 | 1 to 64 |
/// | `hidden_size` | 256 | 1 to 65 536, a multiple of `num_heads` |
/// | `num_heads` | 8 | 1 or more |
/// | `transformer_output_size` | 256 | 1 to 65 536: the width inside a layer |
/// | `dropout` | 0.1 | 0 or more and below 1: inside a layer |
/// | `reduce_output` | `summary` | `summary`, `mean`, `sum`, `max` |
/// | `fc_layers` | none | up to 64 layers, instead of `num_fc_layers` alike ones |
/// | `num_fc_layers` | 0 | 0 to 64 |
/// | `output_size` | 256 | 1 to 65 536 |
/// | `fc_activation` | `relu` | see [`Activation`] |
/// | `norm` | none | see [`Norm`] |
/// | `fc_dropout` | 0 | 0 or more and below 1 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransformerConfig {
    /// Layers of self-attention.
    pub num_layers: usize,
    /// Width of a token.
    pub hidden_size: usize,
    /// Heads of each layer.
    pub num_heads: usize,
    /// Width inside a layer, between its two linear steps.
    pub transformer_output_size: usize,
    /// Share of values set to zero in training inside a layer.
    pub dropout: f64,
    /// How the tokens become one vector.
    pub reduce_output: ReduceOutput,
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

impl Default for TransformerConfig {
    fn default() -> Self {
        Self {
            num_layers: 1,
            hidden_size: 256,
            num_heads: 8,
            transformer_output_size: 256,
            dropout: 0.1,
            reduce_output: ReduceOutput::Summary,
            fc_layers: None,
            num_fc_layers: 0,
            output_size: 256,
            fc_activation: Activation::Relu,
            norm: None,
            fc_dropout: 0.0,
        }
    }
}

impl TransformerConfig {
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

/// Lets the columns' tokens, and a token that sums the row up, read each other.
#[derive(Module, Debug)]
pub struct Transformer {
    projections: Vec<Linear>,
    /// What is added to each column's token, so that columns can be told apart: `[M, H]`.
    column_embeddings: Param<Tensor<2>>,
    /// `[H]`, where the summary token is what is read out.
    summary: Option<Param<Tensor<1>>>,
    blocks: Vec<TransformerBlock>,
    norm: LayerNorm,
    stack: FullyConnectedStack,
    #[module(skip)]
    reduce_output: ReduceOutput,
}

impl Build for Transformer {
    type Config = TransformerConfig;
    type Input = CombinerInput;

    fn build(
        config: &TransformerConfig,
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
        // The spread that BERT draws its embeddings with.
        let spread = Initializer::Normal { mean: 0.0, std: 0.02 };
        let has_summary = config.reduce_output == ReduceOutput::Summary;
        Ok(Self {
            projections: input
                .widths
                .iter()
                .map(|&from| Linear::new(from, width, Bias::Learned, device))
                .collect(),
            column_embeddings: spread.init([input.num_columns(), width], device),
            summary: has_summary.then(|| spread.init([width], device)),
            blocks: (0..config.num_layers).map(|_| TransformerBlock::new(block, device)).collect(),
            norm: LayerNorm::new(width, device),
            stack: FullyConnectedStack::build(&config.fully_connected(), width, device)?,
            reduce_output: config.reduce_output,
        })
    }
}

impl Transformer {
    /// One token a column: `[B, M, H]`.
    fn column_tokens(&self, columns: &Columns) -> Tensor<3> {
        let projected = self.projections.iter().zip(&columns.pooled);
        let projected = projected.map(|(linear, pooled)| linear.forward(pooled.clone())).collect();
        Tensor::stack::<3>(projected, 1) + self.column_embeddings.val().unsqueeze_dim(0)
    }

    /// The summary token before the columns' tokens, and false before their `absent`.
    fn with_summary(
        &self,
        tokens: Tensor<3>,
        absent: Tensor<2, Bool>,
    ) -> (Tensor<3>, Tensor<2, Bool>) {
        let Some(summary) = &self.summary else { return (tokens, absent) };
        let [rows, _, width] = tokens.dims();
        let summary = summary.val().reshape([1, 1, width]).expand([rows, 1, width]);
        let present = Tensor::<2, Bool>::full([rows, 1], false, &absent.device());
        (Tensor::cat(vec![summary, tokens], 1), Tensor::cat(vec![present, absent], 1))
    }

    /// One vector a row, from `[B, 1 + M, H]` where there is a summary token, else `[B, M, H]`.
    fn reduce(&self, tokens: Tensor<3>, columns: &Columns) -> Tensor<2> {
        let [_, _, width] = tokens.dims();
        if self.reduce_output == ReduceOutput::Summary {
            return tokens.narrow(1, 0, 1).squeeze_dim(1);
        }
        let absent = columns.absent_along(width);
        if self.reduce_output == ReduceOutput::Max {
            let largest = tokens.mask_fill(absent.clone(), f32::MIN).max_dim(1);
            return largest.mask_fill(absent.all_dim(1), 0.0).squeeze_dim(1);
        }
        let sum = tokens.mask_fill(absent, 0.0).sum_dim(1).squeeze_dim(1);
        if self.reduce_output == ReduceOutput::Sum {
            return sum;
        }
        let num_present = columns.absent.clone().bool_not().float().sum_dim(1); // [B, 1]
        sum / num_present.clamp_min(1.0)
    }
}

impl Combiner for Transformer {
    fn forward(&self, embeddings: &[Embedding]) -> Fused {
        let columns = Columns::of(embeddings);
        let tokens = self.column_tokens(&columns);
        let (mut tokens, absent) = self.with_summary(tokens, columns.absent.clone());
        for block in &self.blocks {
            tokens = block.attend(tokens, absent.clone(), &[]);
        }
        let reduced = self.reduce(self.norm.forward(tokens), &columns);
        Fused { fused: self.stack.forward(reduced), weights: None }
    }

    fn output_width(&self) -> usize {
        self.stack.output_width()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combiner::AnyCombiner;
    use crate::combiner::contract::{self, embedding};
    use crate::testkit::{assert_close, values};

    fn build(reduce_output: ReduceOutput) -> Transformer {
        let config = TransformerConfig {
            hidden_size: 8,
            num_heads: 2,
            dropout: 0.0,
            reduce_output,
            ..TransformerConfig::default()
        };
        let input = CombinerInput { widths: vec![2, 3, 1] };
        Transformer::build(&config, &input, &Device::flex().autodiff()).unwrap()
    }

    #[test]
    fn every_way_to_reduce_keeps_the_combiner_contract() {
        use ReduceOutput::{Max, Mean, Sum, Summary};
        for reduce_output in [Summary, Mean, Sum, Max] {
            let name = format!("transformer, {reduce_output:?}");
            let transformer = AnyCombiner::Transformer(build(reduce_output));
            contract::ignores_what_absent_columns_hold(&name, &transformer);
            contract::is_finite_with_every_column_absent(&name, &transformer);
            contract::sends_a_gradient_to_every_present_column(&name, &transformer);
        }
    }

    #[test]
    fn the_mean_is_the_sum_over_the_number_of_present_columns() {
        let mean = build(ReduceOutput::Mean);
        let sum = Transformer { reduce_output: ReduceOutput::Sum, ..mean.clone() };
        let columns = [
            embedding(&[&[1.0, 2.0]], &[true]),
            embedding(&[&[1.0, 2.0, 3.0]], &[false]),
            embedding(&[&[1.0]], &[true]),
        ];
        let halved: Vec<f32> =
            values(&sum.forward(&columns).fused).iter().map(|value| value / 2.0).collect();
        assert_close("mean", &mean.forward(&columns).fused, &halved, 1e-6);
    }

    #[test]
    fn heads_that_do_not_divide_the_width_are_refused() {
        let config = TransformerConfig { num_heads: 7, ..TransformerConfig::default() };
        let input = CombinerInput { widths: vec![2] };
        let error = Transformer::build(&config, &input, &Device::flex()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`num_heads` is 7, but a divisor of `hidden_size` (256) was expected"
        );
    }
}
