//! Convolutions over time, one after another, each shortening the sequence.
//!
//! Source: Zhang, Zhao and LeCun 2015, "Character-level Convolutional Networks", section 2
//! (<https://arxiv.org/abs/1509.01626>), under the names of Ludwig's `stacked_cnn` for sequences.
//! Differs from Ludwig: four layers of three steps with batch norm and halving by default, which
//! suit 100 to 400 frames of a log-mel spectrogram; and the mean over time, not a flattening, so
//! that the length is free.

use burn::module::Module;
use burn::tensor::Device;
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::convolution::{TimeConvolution, TimeConvolutionConfig};
use super::head::SequenceHead;
use super::stem::SequenceStem;
use super::{ReduceOutput, SequenceBatch, SequenceEncoder, SequenceInput};
use crate::encoder::window::{Padding, PoolFunction};
use crate::encoder::{MAX_CONVOLUTIONS, fully_connected_keys};
use crate::layer::{Activation, Dropout, FullyConnectedConfig, FullyConnectedLayerConfig, Norm};
use crate::{Build, Encoded};

/// The number of layers where none is given.
const NUM_LAYERS: usize = 4;

/// One entry of `conv_layers`; a key that is left out falls back to the section's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StackedConvolutionConfig {
    /// Width of each step after the convolution, 1 to 65 536.
    pub num_filters: Option<usize>,
    /// Steps that each output reads, 1 to 1 024.
    pub filter_size: Option<usize>,
    /// Steps from one output to the next, 1 to 1 024.
    pub strides: Option<usize>,
    /// What lies beyond both ends.
    pub padding: Option<Padding>,
    /// Whether the outputs have a learned shift.
    pub use_bias: Option<bool>,
    /// The norm of the outputs.
    pub norm: Option<Norm>,
    /// The function after the norm.
    pub activation: Option<Activation>,
    /// Share of outputs set to zero in training, 0 or more and below 1.
    pub dropout: Option<f64>,
    /// How a pooling window becomes one step.
    pub pool_function: Option<PoolFunction>,
    /// Steps of a pooling window, 1 to 1 024; 1 is no pooling.
    pub pool_size: Option<usize>,
    /// Steps from one pooling window to the next, 1 to 1 024; without it, `pool_size`.
    pub pool_strides: Option<usize>,
}

/// `stacked_cnn` of sequences: looks ids up, convolves them layer after layer, takes the mean over
/// time, then fully connected layers.
///
/// | field | default | range |
/// |---|---|---|
/// | `embedding_size` | 128 | 1 to 65 536; of ids only |
/// | `conv_layers` | none | up to 64 layers, instead of `num_conv_layers` ones |
/// | `num_conv_layers` | 4 | 1 to 64 |
/// | `num_filters` | 64, then 128 | 1 to 65 536; the same for all layers |
/// | `filter_size` | 3 | 1 to 1 024 steps |
/// | `strides` | 1 | 1 to 1 024 steps |
/// | `padding` | `same` | `same`, `valid` or a number below `filter_size` |
/// | `pool_function` | `max` | `max`, `avg` |
/// | `pool_size` | 2 | 1 to 1 024 steps; 1 or null for no pooling |
/// | `pool_strides` | `pool_size` | 1 to 1 024 steps |
/// | `norm` | `batch` | see [`Norm`]; null for none; of the convolutions |
/// | `reduce_output` | `mean` | see [`ReduceOutput`] |
/// | `fc_layers` | none | up to 64 layers, instead of `num_fc_layers` alike ones |
/// | `num_fc_layers` | 1 | 0 to 64 |
/// | `output_size` | 128 | 1 to 65 536 |
/// | `use_bias` | true | of the convolutions |
/// | `activation` | `relu` | see [`Activation`]; of convolutions and fully connected layers |
/// | `dropout` | 0 | 0 or more and below 1 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StackedCnnConfig {
    /// Width of an id's vector.
    pub embedding_size: usize,
    /// Each convolution by itself.
    pub conv_layers: Option<Vec<StackedConvolutionConfig>>,
    /// The number of convolutions where `conv_layers` does not list them.
    pub num_conv_layers: Option<usize>,
    /// Width of each step after each convolution.
    pub num_filters: Option<usize>,
    /// Steps that each output reads.
    pub filter_size: usize,
    /// Steps from one output to the next.
    pub strides: usize,
    /// What lies beyond both ends.
    pub padding: Padding,
    /// How a pooling window becomes one step.
    pub pool_function: PoolFunction,
    /// Steps of a pooling window.
    pub pool_size: Option<usize>,
    /// Steps from one pooling window to the next.
    pub pool_strides: Option<usize>,
    /// The norm of each convolution.
    pub norm: Option<Norm>,
    /// How the steps become one vector.
    pub reduce_output: ReduceOutput,
    /// Each fully connected layer by itself.
    pub fc_layers: Option<Vec<FullyConnectedLayerConfig>>,
    /// The number of fully connected layers where `fc_layers` does not list them.
    pub num_fc_layers: usize,
    /// Width after each fully connected layer.
    pub output_size: usize,
    /// Whether the convolutions have a learned shift.
    pub use_bias: bool,
    /// The function after each layer.
    pub activation: Activation,
    /// Share of values set to zero in training, after the ids and after each layer.
    pub dropout: f64,
}

impl Default for StackedCnnConfig {
    fn default() -> Self {
        Self {
            embedding_size: 128,
            conv_layers: None,
            num_conv_layers: None,
            num_filters: None,
            filter_size: 3,
            strides: 1,
            padding: Padding::Same,
            pool_function: PoolFunction::Max,
            pool_size: Some(2),
            pool_strides: None,
            norm: Some(Norm::Batch),
            reduce_output: ReduceOutput::Mean,
            fc_layers: None,
            num_fc_layers: 1,
            output_size: 128,
            use_bias: true,
            activation: Activation::Relu,
            dropout: 0.0,
        }
    }
}

impl StackedCnnConfig {
    fn convolutions(&self) -> Result<Vec<TimeConvolutionConfig>, ConfigError> {
        let number = self.num_conv_layers.unwrap_or(NUM_LAYERS);
        in_range("num_conv_layers", number, 1..=MAX_CONVOLUTIONS)?;
        let layers = self
            .conv_layers
            .clone()
            .unwrap_or_else(|| vec![StackedConvolutionConfig::default(); number]);
        in_range("the number of `conv_layers`", layers.len(), 1..=MAX_CONVOLUTIONS)?;
        let convolutions = layers.iter().enumerate();
        Ok(convolutions.map(|(index, layer)| self.convolution(index, layer)).collect())
    }

    fn convolution(&self, index: usize, layer: &StackedConvolutionConfig) -> TimeConvolutionConfig {
        let num_filters = layer.num_filters.or(self.num_filters);
        let pool_size = layer.pool_size.or(self.pool_size).unwrap_or(1);
        TimeConvolutionConfig {
            num_filters: num_filters.unwrap_or(if index == 0 { 64 } else { 128 }),
            filter_size: layer.filter_size.unwrap_or(self.filter_size),
            strides: layer.strides.unwrap_or(self.strides),
            padding: layer.padding.unwrap_or(self.padding),
            use_bias: layer.use_bias.unwrap_or(self.use_bias),
            norm: layer.norm.or(self.norm),
            activation: layer.activation.unwrap_or(self.activation),
            dropout: layer.dropout.unwrap_or(self.dropout),
            pool_function: layer.pool_function.unwrap_or(self.pool_function),
            pool_size,
            pool_strides: layer.pool_strides.or(self.pool_strides).unwrap_or(pool_size),
        }
    }

    fn fully_connected(&self) -> FullyConnectedConfig<'_> {
        FullyConnectedConfig {
            layers: self.fc_layers.as_deref(),
            num_layers: self.num_fc_layers,
            output_size: self.output_size,
            activation: self.activation,
            norm: None,
            dropout: self.dropout,
            keys: fully_connected_keys("dropout"),
        }
    }
}

/// Convolutions over time, one after another.
#[derive(Module, Debug)]
pub struct StackedCnn {
    stem: SequenceStem,
    dropout: Dropout,
    convolutions: Vec<TimeConvolution>,
    head: SequenceHead,
}

impl Build for StackedCnn {
    type Config = StackedCnnConfig;
    type Input = SequenceInput;

    fn build(
        config: &StackedCnnConfig,
        input: &SequenceInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        in_range("dropout", config.dropout, 0.0..1.0)?;
        let stem = SequenceStem::build(config.embedding_size, input, device)?;
        let mut width = stem.width();
        let mut convolutions = Vec::new();
        for (index, layer) in config.convolutions()?.into_iter().enumerate() {
            let placed = |error: ConfigError| match config.conv_layers {
                Some(_) => error.under(&format!("conv_layers[{index}]")),
                None => error,
            };
            convolutions.push(TimeConvolution::build(layer, width, device).map_err(placed)?);
            width = layer.num_filters;
        }
        let head = &config.fully_connected();
        let head = SequenceHead::build(config.reduce_output, head, width, device)?;
        let dropout = Dropout::new(config.dropout);
        Ok(Self { stem, dropout, convolutions, head })
    }
}

impl SequenceEncoder for StackedCnn {
    fn forward(&self, input: SequenceBatch) -> Encoded {
        let steps = self.stem.forward(input);
        let steps = steps.with(self.dropout.forward(steps.values()));
        let steps = self.convolutions.iter().fold(steps, |steps, layer| layer.forward(&steps));
        self.head.forward(&steps)
    }

    fn output_width(&self) -> usize {
        self.head.output_width()
    }
}
