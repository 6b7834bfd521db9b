//! The gated multimodal unit: each column's tanh projection, number by number through a gate that
//! all columns set together.
//!
//! Source: Arevalo et al. 2017, "Gated Multimodal Units for Information Fusion", section 3.1
//! (<https://arxiv.org/abs/1702.01992>). Differs from the paper: the gates are a softmax over the
//! columns that are present. For two columns that is the paper's pair z and 1 − z; for more, the
//! paper's gates are free of each other, and an absent column would change the scale of the sum.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::columns::Columns;
use super::{Combiner, CombinerInput, Fused};
use crate::layer::{
    Activation, Bias, FullyConnectedConfig, FullyConnectedKeys, FullyConnectedLayerConfig,
    FullyConnectedStack, Linear, MAX_WIDTH, Norm, masked_softmax,
};
use crate::{Build, Embedding};

/// `gated_fusion`: a gated sum of the columns, then as many fully connected layers as asked for.
///
/// | field | default | range |
/// |---|---|---|
/// | `hidden_size` | 256 | 1 to 65 536 |
/// | `fc_layers` | none | up to 64 layers, instead of `num_fc_layers` alike ones |
/// | `num_fc_layers` | 1 | 0 to 64 |
/// | `output_size` | 256 | 1 to 65 536 |
/// | `activation` | `relu` | see [`Activation`] |
/// | `norm` | none | see [`Norm`] |
/// | `dropout` | 0 | 0 or more and below 1 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatedFusionConfig {
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

impl Default for GatedFusionConfig {
    fn default() -> Self {
        Self {
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

impl GatedFusionConfig {
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

/// Adds up the columns' tanh projections, each number times its gate.
#[derive(Module, Debug)]
pub struct GatedFusion {
    projections: Vec<Linear>,
    gate: Linear,
    stack: FullyConnectedStack,
}

impl Build for GatedFusion {
    type Config = GatedFusionConfig;
    type Input = CombinerInput;

    fn build(
        config: &GatedFusionConfig,
        input: &CombinerInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        let hidden = config.hidden_size;
        in_range("hidden_size", hidden, 1..=MAX_WIDTH)?;
        let stack = FullyConnectedStack::build(&config.fully_connected(), hidden, device)?;
        let projection = |&width: &usize| Linear::new(width, hidden, Bias::Learned, device);
        let gates = input.num_columns() * hidden;
        Ok(Self {
            projections: input.widths.iter().map(projection).collect(),
            gate: Linear::new(input.joined_width(), gates, Bias::Learned, device),
            stack,
        })
    }
}

impl Combiner for GatedFusion {
    fn forward(&self, embeddings: &[Embedding]) -> Fused {
        let columns = Columns::of(embeddings);
        let projected = self.projections.iter().zip(&columns.pooled);
        let projected = projected.map(|(linear, pooled)| linear.forward(pooled.clone())).collect();
        let projected = Tensor::stack::<3>(projected, 1).tanh(); // [B, M, H]
        let [rows, num_columns, hidden] = projected.dims();

        let scores = self.gate.forward(columns.joined()).reshape([rows, num_columns, hidden]);
        let gates = masked_softmax(scores, columns.absent_along(hidden), 1);
        let weights = gates.clone().mean_dim(2).squeeze_dim(2); // [B, M]
        let sum = (gates * projected).sum_dim(1).squeeze_dim(1); // [B, H]
        Fused { fused: self.stack.forward(sum), weights: Some(weights) }
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
    fn with_two_columns_it_is_the_paper_s_unit() {
        let device = Device::flex();
        let input = CombinerInput { widths: vec![1, 1] };
        let config =
            GatedFusionConfig { hidden_size: 1, num_fc_layers: 0, ..GatedFusionConfig::default() };
        let mut unit = GatedFusion::build(&config, &input, &device).unwrap();
        for (linear, weight) in unit.projections.iter_mut().zip([0.5_f32, -1.0]) {
            linear.weight = Param::from_data([[weight]], &device);
            linear.bias = None;
        }
        // Scores (x₁, x₂): their difference x₁ − x₂ is what the paper's W_z gives.
        unit.gate.weight = Param::from_data([[1.0_f32, 0.0], [0.0, 1.0]], &device);
        unit.gate.bias = None;
        let columns = [
            embedding(&[&[2.0], &[2.0]], &[true, false]),
            embedding(&[&[1.0], &[1.0]], &[true; 2]),
        ];
        let z = 1.0 / (1.0 + (-1.0_f32).exp());
        let expected = [z * 1.0_f32.tanh() + (1.0 - z) * (-1.0_f32).tanh(), (-1.0_f32).tanh()];
        assert_close("fused", &unit.forward(&columns).fused, &expected, 1e-6);
    }
}
