//! What all heads share: fully connected layers, then a linear step to the outputs.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use sensorium_core::ConfigError;
use serde::{Deserialize, Serialize};

use super::HeadInput;
use crate::layer::{
    Activation, Bias, FullyConnectedConfig, FullyConnectedKeys, FullyConnectedLayerConfig,
    FullyConnectedStack, Linear, Norm,
};

/// What an output's `decoder` may say, with Ludwig's keys.
///
/// | field | default | range |
/// |---|---|---|
/// | `fc_layers` | none | up to 64 layers, instead of `num_fc_layers` alike ones |
/// | `num_fc_layers` | 0 | 0 to 64 |
/// | `fc_output_size` | 256 | 1 to 65 536 |
/// | `fc_activation` | `relu` | see [`Activation`] |
/// | `fc_norm` | none | see [`Norm`] |
/// | `fc_dropout` | 0 | 0 or more and below 1 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecoderConfig {
    /// Each layer by itself.
    pub fc_layers: Option<Vec<FullyConnectedLayerConfig>>,
    /// The number of layers where `fc_layers` does not list them.
    pub num_fc_layers: usize,
    /// Width after each layer.
    pub fc_output_size: usize,
    /// The function after each layer.
    pub fc_activation: Activation,
    /// The norm of each layer.
    pub fc_norm: Option<Norm>,
    /// Share of each layer's outputs set to zero in training.
    pub fc_dropout: f64,
}

impl Default for DecoderConfig {
    fn default() -> Self {
        Self {
            fc_layers: None,
            num_fc_layers: 0,
            fc_output_size: 256,
            fc_activation: Activation::Relu,
            fc_norm: None,
            fc_dropout: 0.0,
        }
    }
}

/// Fully connected layers, then a linear step to `K` numbers.
#[derive(Module, Debug)]
pub(super) struct Decoder {
    stack: FullyConnectedStack,
    output: Linear,
}

impl Decoder {
    pub(super) fn build(
        config: &DecoderConfig,
        input: &HeadInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        let layers = FullyConnectedConfig {
            layers: config.fc_layers.as_deref(),
            num_layers: config.num_fc_layers,
            output_size: config.fc_output_size,
            activation: config.fc_activation,
            norm: config.fc_norm,
            dropout: config.fc_dropout,
            keys: FullyConnectedKeys { output_size: "fc_output_size", dropout: "fc_dropout" },
        };
        let stack = FullyConnectedStack::build(&layers, input.fused_width, device)?;
        let output = Linear::new(stack.output_width(), input.num_outputs, Bias::Learned, device);
        Ok(Self { stack, output })
    }

    pub(super) fn forward(&self, fused: Tensor<2>) -> Tensor<2> {
        self.output.forward(self.stack.forward(fused))
    }
}
