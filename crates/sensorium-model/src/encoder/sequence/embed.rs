//! The mean of the steps, in no order.
//!
//! Source: Joulin et al. 2017, "Bag of Tricks for Efficient Text Classification", section 2
//! (<https://aclanthology.org/E17-2068>). Differs from the paper: words only, no n-grams.

use burn::module::Module;
use burn::tensor::Device;
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::head::SequenceHead;
use super::stem::SequenceStem;
use super::{ReduceOutput, SequenceBatch, SequenceEncoder, SequenceInput};
use crate::encoder::fully_connected_keys;
use crate::layer::{Activation, Dropout, FullyConnectedConfig, FullyConnectedLayerConfig, Norm};
use crate::{Build, Encoded};

/// `embed`: looks ids up, takes their mean, then fully connected layers.
///
/// | field | default | range |
/// |---|---|---|
/// | `embedding_size` | 128 | 1 to 65 536; of ids only |
/// | `reduce_output` | `mean` | see [`ReduceOutput`] |
/// | `fc_layers` | none | up to 64 layers, instead of `num_fc_layers` alike ones |
/// | `num_fc_layers` | 1 | 0 to 64 |
/// | `output_size` | 128 | 1 to 65 536 |
/// | `activation` | `relu` | see [`Activation`] |
/// | `norm` | none | see [`Norm`] |
/// | `dropout` | 0 | 0 or more and below 1 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbedConfig {
    /// Width of an id's vector.
    pub embedding_size: usize,
    /// How the steps become one vector.
    pub reduce_output: ReduceOutput,
    /// Each fully connected layer by itself.
    pub fc_layers: Option<Vec<FullyConnectedLayerConfig>>,
    /// The number of fully connected layers where `fc_layers` does not list them.
    pub num_fc_layers: usize,
    /// Width after each fully connected layer.
    pub output_size: usize,
    /// The function after each fully connected layer.
    pub activation: Activation,
    /// The norm of each fully connected layer.
    pub norm: Option<Norm>,
    /// Share of values set to zero in training, after the steps and after each layer.
    pub dropout: f64,
}

impl Default for EmbedConfig {
    fn default() -> Self {
        Self {
            embedding_size: 128,
            reduce_output: ReduceOutput::Mean,
            fc_layers: None,
            num_fc_layers: 1,
            output_size: 128,
            activation: Activation::Relu,
            norm: None,
            dropout: 0.0,
        }
    }
}

impl EmbedConfig {
    fn fully_connected(&self) -> FullyConnectedConfig<'_> {
        FullyConnectedConfig {
            layers: self.fc_layers.as_deref(),
            num_layers: self.num_fc_layers,
            output_size: self.output_size,
            activation: self.activation,
            norm: self.norm,
            dropout: self.dropout,
            keys: fully_connected_keys("dropout"),
        }
    }
}

/// Reads the steps in no order.
#[derive(Module, Debug)]
pub struct Embed {
    stem: SequenceStem,
    dropout: Dropout,
    head: SequenceHead,
}

impl Build for Embed {
    type Config = EmbedConfig;
    type Input = SequenceInput;

    fn build(
        config: &EmbedConfig,
        input: &SequenceInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        in_range("dropout", config.dropout, 0.0..1.0)?;
        let stem = SequenceStem::build(config.embedding_size, input, device)?;
        let head = &config.fully_connected();
        let head = SequenceHead::build(config.reduce_output, head, stem.width(), device)?;
        Ok(Self { stem, dropout: Dropout::new(config.dropout), head })
    }
}

impl SequenceEncoder for Embed {
    fn forward(&self, input: SequenceBatch) -> Encoded {
        let steps = self.stem.forward(input);
        let steps = steps.with(self.dropout.forward(steps.values()));
        self.head.forward(&steps)
    }

    fn output_width(&self) -> usize {
        self.head.output_width()
    }
}
