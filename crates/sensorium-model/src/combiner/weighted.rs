//! One learned weight a column: α x₁ + β x₂ + γ x₃, the weights a softmax over what is present.

use burn::module::{Initializer, Module, Param};
use burn::tensor::{Device, Tensor};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::columns::Columns;
use super::{Combiner, CombinerInput, Fused};
use crate::layer::{
    Activation, Bias, FullyConnectedConfig, FullyConnectedKeys, FullyConnectedLayerConfig,
    FullyConnectedStack, LayerNorm, Linear, MAX_WIDTH, Norm, masked_softmax,
};
use crate::{Build, Embedding};

/// Where a column's weight comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightSource {
    /// One number a column, the same for every row in which the same columns are present.
    #[default]
    Static,
    /// A linear function of the column's own pooled vector, so that each row has its own weights.
    Input,
}

/// `weighted`: a weighted sum of the columns, then as many fully connected layers as asked for.
///
/// | field | default | range |
/// |---|---|---|
/// | `weights` | `static` | `static`, `input` |
/// | `hidden_size` | 256 | 1 to 65 536 |
/// | `fc_layers` | none | up to 64 layers, instead of `num_fc_layers` alike ones |
/// | `num_fc_layers` | 1 | 0 to 64 |
/// | `output_size` | 256 | 1 to 65 536 |
/// | `activation` | `relu` | see [`Activation`] |
/// | `norm` | none | see [`Norm`] |
/// | `dropout` | 0 | 0 or more and below 1 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WeightedConfig {
    /// Where the weights come from.
    pub weights: WeightSource,
    /// The one width that every column is brought to.
    pub hidden_size: usize,
    /// Each layer by itself.
    pub fc_layers: Option<Vec<FullyConnectedLayerConfig>>,
    /// The number of layers where `fc_layers` does not list them.
    pub num_fc_layers: usize,
    /// Width after each layer.
    pub output_size: usize,
    /// The function after each layer.
    pub activation: Activation,
    /// The norm of each layer.
    pub norm: Option<Norm>,
    /// Share of each layer's outputs set to zero in training.
    pub dropout: f64,
}

impl Default for WeightedConfig {
    fn default() -> Self {
        Self {
            weights: WeightSource::Static,
            hidden_size: 256,
            fc_layers: None,
            num_fc_layers: 1,
            output_size: 256,
            activation: Activation::Relu,
            norm: None,
            dropout: 0.0,
        }
    }
}

impl WeightedConfig {
    pub(super) fn has_no_layers(&self) -> bool {
        self.fc_layers.as_ref().map_or(self.num_fc_layers, Vec::len) == 0
    }

    fn fully_connected(&self) -> FullyConnectedConfig<'_> {
        FullyConnectedConfig {
            layers: self.fc_layers.as_deref(),
            num_layers: self.num_fc_layers,
            output_size: self.output_size,
            activation: self.activation,
            norm: self.norm,
            dropout: self.dropout,
            keys: FullyConnectedKeys { output_size: "output_size", dropout: "dropout" },
        }
    }
}

/// Adds the columns up, each brought to one width and scale and times its weight.
#[derive(Module, Debug)]
pub struct Weighted {
    projections: Vec<Linear>,
    /// One scale for all columns, or a weight would say little about a column's share.
    norm: LayerNorm,
    scores: Param<Tensor<1>>,
    score_from_input: Option<Vec<Linear>>,
    stack: FullyConnectedStack,
}

impl Build for Weighted {
    type Config = WeightedConfig;
    type Input = CombinerInput;

    fn build(
        config: &WeightedConfig,
        input: &CombinerInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        in_range("hidden_size", config.hidden_size, 1..=MAX_WIDTH)?;
        let stack =
            FullyConnectedStack::build(&config.fully_connected(), config.hidden_size, device)?;
        let linears = |width| {
            let linear = |&from: &usize| Linear::new(from, width, Bias::Learned, device);
            input.widths.iter().map(linear).collect::<Vec<_>>()
        };
        Ok(Self {
            projections: linears(config.hidden_size),
            norm: LayerNorm::new(config.hidden_size, device),
            scores: Initializer::Zeros.init([input.num_columns()], device),
            score_from_input: (config.weights == WeightSource::Input).then(|| linears(1)),
            stack,
        })
    }
}

impl Weighted {
    /// `[B, M]`: before the softmax.
    fn scores(&self, columns: &Columns) -> Tensor<2> {
        let shared = self.scores.val().unsqueeze_dim::<2>(0).expand(columns.absent.dims());
        let Some(linears) = &self.score_from_input else { return shared };
        let own = linears.iter().zip(&columns.pooled);
        let own = own.map(|(linear, pooled)| linear.forward(pooled.clone())).collect();
        shared + Tensor::cat(own, 1)
    }
}

impl Combiner for Weighted {
    fn forward(&self, embeddings: &[Embedding]) -> Fused {
        let columns = Columns::of(embeddings);
        let projected = self.projections.iter().zip(&columns.pooled);
        let projected = projected.map(|(linear, pooled)| linear.forward(pooled.clone())).collect();
        let projected = self.norm.forward(Tensor::stack::<3>(projected, 1)); // [B, M, H]

        let weights = masked_softmax(self.scores(&columns), columns.absent.clone(), 1);
        let sum = (weights.clone().unsqueeze_dim::<3>(2) * projected).sum_dim(1);
        let fused = self.stack.forward(sum.squeeze_dim(1));
        Fused { fused, weights: Some(weights) }
    }

    fn output_width(&self) -> usize {
        self.stack.output_width()
    }
}

#[cfg(test)]
mod tests {
    use burn::module::Param;
    use burn::tensor::Device;

    use super::*;
    use crate::combiner::contract::embedding;
    use crate::testkit::assert_close;

    #[test]
    fn the_weights_are_a_softmax_over_what_is_present() {
        let device = Device::flex();
        let input = CombinerInput { widths: vec![2, 1, 1] };
        let mut weighted = Weighted::build(&WeightedConfig::default(), &input, &device).unwrap();
        weighted.scores = Param::from_data([0.0_f32, 1.0, 2.0], &device);
        let columns = [
            embedding(&[&[1.0, 2.0], &[3.0, 4.0]], &[true, true]),
            embedding(&[&[1.0], &[3.0]], &[true, false]),
            embedding(&[&[1.0], &[3.0]], &[true, true]),
        ];
        // 1, e, e² over their sum; without the second: 1, e² over theirs.
        let expected = [0.090_030_57, 0.244_728_47, 0.665_240_96, 0.119_202_92, 0.0, 0.880_797_1];
        assert_close("weights", &weighted.forward(&columns).weights.unwrap(), &expected, 1e-6);
    }

    #[test]
    fn weights_from_the_input_differ_from_row_to_row() {
        let device = Device::flex();
        let input = CombinerInput { widths: vec![1, 1] };
        let config = WeightedConfig { weights: WeightSource::Input, ..WeightedConfig::default() };
        let mut weighted = Weighted::build(&config, &input, &device).unwrap();
        for linear in weighted.score_from_input.iter_mut().flatten() {
            linear.weight = Param::from_data([[1.0_f32]], &device);
            linear.bias = None;
        }
        let both = [true, true];
        let columns = [embedding(&[&[0.0], &[2.0]], &both), embedding(&[&[0.0], &[0.0]], &both)];
        let expected = [0.5, 0.5, 0.880_797_1, 0.119_202_92];
        assert_close("weights", &weighted.forward(&columns).weights.unwrap(), &expected, 1e-6);
    }
}
