//! Fully connected layers.
//!
//! Source: Ludwig's `dense` encoder, whose names the fields have.

use burn::module::Module;
use burn::tensor::{Bool, Device, Tensor};
use sensorium_core::ConfigError;
use serde::{Deserialize, Serialize};

use super::{VectorEncoder, VectorInput};
use crate::encoder::fully_connected_keys;
use crate::layer::{
    Activation, FullyConnectedConfig, FullyConnectedLayerConfig, FullyConnectedStack, Norm,
};
use crate::{Build, Encoded};

/// `dense`.
///
/// | field | default | range |
/// |---|---|---|
/// | `fc_layers` | none | up to 64 layers, instead of `num_layers` alike ones |
/// | `num_layers` | 1 | 0 to 64 |
/// | `output_size` | 128 | 1 to 65 536 |
/// | `activation` | `relu` | see [`Activation`] |
/// | `norm` | none | see [`Norm`] |
/// | `dropout` | 0 | 0 or more and below 1 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DenseConfig {
    /// Each layer by itself.
    pub fc_layers: Option<Vec<FullyConnectedLayerConfig>>,
    /// The number of layers where `fc_layers` does not list them.
    pub num_layers: usize,
    /// Width after each layer.
    pub output_size: usize,
    /// The function after each layer.
    pub activation: Activation,
    /// The norm of each layer.
    pub norm: Option<Norm>,
    /// Share of values set to zero in training, after each layer.
    pub dropout: f64,
}

impl Default for DenseConfig {
    fn default() -> Self {
        Self {
            fc_layers: None,
            num_layers: 1,
            output_size: 128,
            activation: Activation::Relu,
            norm: None,
            dropout: 0.0,
        }
    }
}

/// Linear layers, each followed by its norm, activation and dropout.
#[derive(Module, Debug)]
pub struct Dense {
    stack: FullyConnectedStack,
}

impl Build for Dense {
    type Config = DenseConfig;
    type Input = VectorInput;

    fn build(
        config: &DenseConfig,
        input: &VectorInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        let stack = FullyConnectedConfig {
            layers: config.fc_layers.as_deref(),
            num_layers: config.num_layers,
            output_size: config.output_size,
            activation: config.activation,
            norm: config.norm,
            dropout: config.dropout,
            keys: fully_connected_keys("dropout"),
        };
        Ok(Self { stack: FullyConnectedStack::build(&stack, input.width, device)? })
    }
}

impl VectorEncoder for Dense {
    fn forward(&self, values: Tensor<2>) -> Encoded {
        let pooled = self.stack.forward(values);
        let [rows, _] = pooled.dims();
        let mask = Tensor::<2, Bool>::full([rows, 1], true, &pooled.device());
        Encoded { tokens: pooled.clone().unsqueeze_dim(1), pooled, mask }
    }

    fn output_width(&self) -> usize {
        self.stack.output_width()
    }
}
