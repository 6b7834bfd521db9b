//! The pooled vectors, end to end.

use burn::module::Module;
use burn::tensor::Device;
use sensorium_core::ConfigError;
use serde::{Deserialize, Serialize};

use super::columns::Columns;
use super::{Combiner, CombinerInput, Fused};
use crate::layer::{
    Activation, FullyConnectedConfig, FullyConnectedKeys, FullyConnectedLayerConfig,
    FullyConnectedStack, Norm,
};
use crate::{Build, Embedding};

/// `concat`: joins the columns, then as many fully connected layers as asked for.
///
/// | field | default | range |
/// |---|---|---|
/// | `fc_layers` | none | up to 64 layers, instead of `num_fc_layers` alike ones |
/// | `num_fc_layers` | 1 | 0 to 64; Ludwig's `concat` has 0 |
/// | `output_size` | 256 | 1 to 65 536 |
/// | `activation` | `relu` | see [`Activation`] |
/// | `norm` | none | see [`Norm`] |
/// | `dropout` | 0 | 0 or more and below 1 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConcatConfig {
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

impl Default for ConcatConfig {
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

impl ConcatConfig {
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

/// Joins the pooled vectors end to end, and after them a flag for each column that is present; an
/// absent column gives zeros.
#[derive(Module, Debug)]
pub struct Concat {
    stack: FullyConnectedStack,
}

impl Build for Concat {
    type Config = ConcatConfig;
    type Input = CombinerInput;

    fn build(
        config: &ConcatConfig,
        input: &CombinerInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        let stack = FullyConnectedStack::build(
            &config.fully_connected(),
            input.joined_width() + input.num_columns(),
            device,
        )?;
        Ok(Self { stack })
    }
}

impl Combiner for Concat {
    fn forward(&self, embeddings: &[Embedding]) -> Fused {
        let joined = Columns::of(embeddings).joined_with_flags();
        Fused { fused: self.stack.forward(joined), weights: None }
    }

    fn output_width(&self) -> usize {
        self.stack.output_width()
    }
}
