//! Convolutions of several widths side by side, each read by its maximum over time.
//!
//! Source: Kim 2014, "Convolutional Neural Networks for Sentence Classification", section 2
//! (<https://aclanthology.org/D14-1181>), under the names of Ludwig's `parallel_cnn`. Differs from
//! Ludwig: the default `reduce_output` is the paper's `max`, where Ludwig sums over time.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::convolution::{TimeConvolution, TimeConvolutionConfig};
use super::head::SequenceHead;
use super::stem::SequenceStem;
use super::time_steps::TimeSteps;
use super::{ReduceOutput, SequenceBatch, SequenceEncoder, SequenceInput};
use crate::encoder::window::{Padding, PoolFunction};
use crate::encoder::{MAX_CONVOLUTIONS, fully_connected_keys};
use crate::layer::{Activation, Dropout, FullyConnectedConfig, FullyConnectedLayerConfig, Norm};
use crate::{Build, Encoded};

/// Widths of the kernels where none are given: Ludwig's.
const FILTER_SIZES: [usize; 4] = [2, 3, 4, 5];

/// One entry of `conv_layers`; a key that is left out falls back to the section's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ParallelConvolutionConfig {
    /// Width of each step after the convolution, 1 to 65 536.
    pub num_filters: Option<usize>,
    /// Steps that each output reads, 1 to 1 024.
    pub filter_size: Option<usize>,
    /// The function after the norm.
    pub activation: Option<Activation>,
    /// The norm of the outputs.
    pub norm: Option<Norm>,
    /// Share of outputs set to zero in training, 0 or more and below 1.
    pub dropout: Option<f64>,
    /// How a pooling window becomes one step.
    pub pool_function: Option<PoolFunction>,
    /// Steps of a pooling window, 1 to 1 024; 1 is no pooling. All layers must have the same.
    pub pool_size: Option<usize>,
}

/// `parallel_cnn`: looks ids up, convolves them by kernels of several widths side by side, reads
/// each one's maximum over time, then fully connected layers.
///
/// | field | default | range |
/// |---|---|---|
/// | `embedding_size` | 128 | 1 to 65 536; of ids only |
/// | `conv_layers` | none | up to 64 layers, instead of `num_conv_layers` ones |
/// | `num_conv_layers` | 4 | 1 to 64; their `filter_size` is 2, 3, 4, 5 and again from 2 |
/// | `num_filters` | 256 | 1 to 65 536 |
/// | `filter_size` | each its own | 1 to 1 024 steps; the same for all layers |
/// | `pool_function` | `max` | `max`, `avg` |
/// | `pool_size` | none | 1 to 1 024 steps |
/// | `reduce_output` | `max` | see [`ReduceOutput`] |
/// | `fc_layers` | none | up to 64 layers, instead of `num_fc_layers` alike ones |
/// | `num_fc_layers` | 1 | 0 to 64 |
/// | `output_size` | 128 | 1 to 65 536 |
/// | `use_bias` | true | of the convolutions |
/// | `activation` | `relu` | see [`Activation`]; of convolutions and fully connected layers |
/// | `norm` | none | see [`Norm`]; of convolutions and fully connected layers |
/// | `dropout` | 0 | 0 or more and below 1 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ParallelCnnConfig {
    /// Width of an id's vector.
    pub embedding_size: usize,
    /// Each convolution by itself.
    pub conv_layers: Option<Vec<ParallelConvolutionConfig>>,
    /// The number of convolutions where `conv_layers` does not list them.
    pub num_conv_layers: Option<usize>,
    /// Width of each step after each convolution.
    pub num_filters: usize,
    /// Steps that each output of every convolution reads.
    pub filter_size: Option<usize>,
    /// How a pooling window becomes one step.
    pub pool_function: PoolFunction,
    /// Steps of a pooling window.
    pub pool_size: Option<usize>,
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
    /// The norm of each layer.
    pub norm: Option<Norm>,
    /// Share of values set to zero in training, after the ids and after each layer.
    pub dropout: f64,
}

impl Default for ParallelCnnConfig {
    fn default() -> Self {
        Self {
            embedding_size: 128,
            conv_layers: None,
            num_conv_layers: None,
            num_filters: 256,
            filter_size: None,
            pool_function: PoolFunction::Max,
            pool_size: None,
            reduce_output: ReduceOutput::Max,
            fc_layers: None,
            num_fc_layers: 1,
            output_size: 128,
            use_bias: true,
            activation: Activation::Relu,
            norm: None,
            dropout: 0.0,
        }
    }
}

impl ParallelCnnConfig {
    fn convolutions(&self) -> Result<Vec<TimeConvolutionConfig>, ConfigError> {
        let number = self.num_conv_layers.unwrap_or(FILTER_SIZES.len());
        in_range("num_conv_layers", number, 1..=MAX_CONVOLUTIONS)?;
        let layers = self
            .conv_layers
            .clone()
            .unwrap_or_else(|| vec![ParallelConvolutionConfig::default(); number]);
        in_range("the number of `conv_layers`", layers.len(), 1..=MAX_CONVOLUTIONS)?;
        let convolutions: Vec<_> = layers
            .iter()
            .enumerate()
            .map(|(index, layer)| self.convolution(index, layer))
            .collect();
        let pool_size = convolutions[0].pool_size;
        if let Some(other) = convolutions.iter().find(|other| other.pool_size != pool_size) {
            return Err(ConfigError::Conflict {
                at: "conv_layers".to_owned(),
                problem: format!(
                    "`pool_size` is {pool_size} in one layer and {} in another, but layers side by \
                     side must end with the same number of steps",
                    other.pool_size
                ),
                advice: "give all layers the same `pool_size`".to_owned(),
            });
        }
        Ok(convolutions)
    }

    fn convolution(
        &self,
        index: usize,
        layer: &ParallelConvolutionConfig,
    ) -> TimeConvolutionConfig {
        let filter_size = layer.filter_size.or(self.filter_size);
        let pool_size = layer.pool_size.or(self.pool_size).unwrap_or(1);
        TimeConvolutionConfig {
            num_filters: layer.num_filters.unwrap_or(self.num_filters),
            filter_size: filter_size.unwrap_or(FILTER_SIZES[index % FILTER_SIZES.len()]),
            strides: 1,
            padding: Padding::Same,
            use_bias: self.use_bias,
            norm: layer.norm.or(self.norm),
            activation: layer.activation.unwrap_or(self.activation),
            dropout: layer.dropout.unwrap_or(self.dropout),
            pool_function: layer.pool_function.unwrap_or(self.pool_function),
            pool_size,
            pool_strides: pool_size,
        }
    }

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

/// Convolutions side by side, all reading the same steps.
#[derive(Module, Debug)]
pub struct ParallelCnn {
    stem: SequenceStem,
    dropout: Dropout,
    convolutions: Vec<TimeConvolution>,
    head: SequenceHead,
}

impl Build for ParallelCnn {
    type Config = ParallelCnnConfig;
    type Input = SequenceInput;

    fn build(
        config: &ParallelCnnConfig,
        input: &SequenceInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        in_range("dropout", config.dropout, 0.0..1.0)?;
        let stem = SequenceStem::build(config.embedding_size, input, device)?;
        let mut convolutions = Vec::new();
        for (index, layer) in config.convolutions()?.into_iter().enumerate() {
            let placed = |error: ConfigError| match config.conv_layers {
                Some(_) => error.under(&format!("conv_layers[{index}]")),
                None => error,
            };
            convolutions.push(TimeConvolution::build(layer, stem.width(), device).map_err(placed)?);
        }
        let width = convolutions.iter().map(TimeConvolution::output_width).sum();
        let head = &config.fully_connected();
        let head = SequenceHead::build(config.reduce_output, head, width, device)?;
        let dropout = Dropout::new(config.dropout);
        Ok(Self { stem, dropout, convolutions, head })
    }
}

impl SequenceEncoder for ParallelCnn {
    fn forward(&self, input: SequenceBatch) -> Encoded {
        let steps = self.stem.forward(input);
        let steps = steps.with(self.dropout.forward(steps.values()));
        let read: Vec<TimeSteps> =
            self.convolutions.iter().map(|layer| layer.forward(&steps)).collect();
        let values = Tensor::cat(read.iter().map(TimeSteps::values).collect(), 2);
        self.head.forward(&read[0].with(values))
    }

    fn output_width(&self) -> usize {
        self.head.output_width()
    }
}
