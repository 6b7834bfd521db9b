//! A gate for every number of the joined columns: σ(W[x₁; x₂; x₃]) ⊙ [x₁; x₂; x₃].

use burn::module::Module;
use burn::tensor::{Device, activation};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::columns::Columns;
use super::{Combiner, CombinerInput, Fused};
use crate::layer::{
    Activation, Bias, FullyConnectedConfig, FullyConnectedKeys, FullyConnectedLayerConfig,
    FullyConnectedStack, Linear, MAX_WIDTH, Norm,
};
use crate::{Build, Embedding};

/// `attention`: gates the joined columns, then as many fully connected layers as asked for.
///
/// | field | default | range |
/// |---|---|---|
/// | `fc_layers` | none | up to 64 layers, instead of `num_fc_layers` alike ones |
/// | `num_fc_layers` | 1 | 0 to 64 |
/// | `output_size` | 256 | 1 to 65 536 |
/// | `activation` | `relu` | see [`Activation`] |
/// | `norm` | none | see [`Norm`] |
/// | `dropout` | 0 | 0 or more and below 1 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AttentionConfig {
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

impl Default for AttentionConfig {
    fn default() -> Self {
        Self {
            fc_layers: None,
            num_fc_layers: 1,
            output_size: 256,
            activation: Activation::Relu,
            norm: None,
            dropout: 0.0,
        }
    }
}

impl AttentionConfig {
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

/// Gates every number of the joined columns by all of them; an absent column gives zeros.
#[derive(Module, Debug)]
pub struct Attention {
    gate: Linear,
    stack: FullyConnectedStack,
}

impl Build for Attention {
    type Config = AttentionConfig;
    type Input = CombinerInput;

    fn build(
        config: &AttentionConfig,
        input: &CombinerInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        let width = input.joined_width();
        // The gate is a square matrix: 65 536 would take 16 GiB.
        in_range("the joined width of all encoders", width, 1..=MAX_WIDTH / 8)?;
        let stack = FullyConnectedStack::build(&config.fully_connected(), width, device)?;
        Ok(Self { gate: Linear::new(width, width, Bias::Learned, device), stack })
    }
}

impl Combiner for Attention {
    fn forward(&self, embeddings: &[Embedding]) -> Fused {
        let joined = Columns::of(embeddings).joined();
        let gate = activation::sigmoid(self.gate.forward(joined.clone()));
        Fused { fused: self.stack.forward(gate * joined), weights: None }
    }

    fn output_width(&self) -> usize {
        self.stack.output_width()
    }
}

#[cfg(test)]
mod tests {
    use burn::module::Param;
    use burn::tensor::{Device, Tensor};

    use super::*;
    use crate::combiner::contract::embedding;
    use crate::testkit::assert_close;

    #[test]
    fn it_is_the_gate_times_the_joined_columns() {
        let device = Device::flex();
        let input = CombinerInput { widths: vec![1, 1] };
        let config = AttentionConfig { num_fc_layers: 0, ..AttentionConfig::default() };
        let mut attention = Attention::build(&config, &input, &device).unwrap();
        attention.gate.weight = Param::from_data([[1.0_f32, 0.0], [0.0, -1.0]], &device);
        attention.gate.bias = Some(Param::from_data([0.0_f32, 1.0], &device));
        let columns = [
            embedding(&[&[2.0], &[2.0]], &[true, true]),
            embedding(&[&[3.0], &[3.0]], &[true, false]),
        ];
        // σ(2)·2, σ(1 − 3)·3; with the second column absent σ(2)·2, σ(1)·0.
        let expected = [1.761_594_2, 0.357_608_77, 1.761_594_2, 0.0];
        assert_close("fused", &attention.forward(&columns).fused, &expected, 1e-6);
        let _: Tensor<2> = attention.gate.weight.val();
    }
}
