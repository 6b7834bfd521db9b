//! Self-attention over the steps.
//!
//! Source: Vaswani et al. 2017, "Attention Is All You Need" (<https://arxiv.org/abs/1706.03762>),
//! sections 3.2 to 3.5, with the norm before each step of Xiong et al. 2020
//! (<https://arxiv.org/abs/2002.04745>), under the names of Ludwig's `transformer`. Differs from
//! Ludwig: positions are the sinusoids of section 3.5, not learned, so any length has one.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::head::SequenceHead;
use super::stem::SequenceStem;
use super::{ReduceOutput, SequenceBatch, SequenceEncoder, SequenceInput};
use crate::encoder::fully_connected_keys;
use crate::layer::{
    Activation, Bias, Dropout, FullyConnectedConfig, FullyConnectedLayerConfig, LayerNorm, Linear,
    MAX_WIDTH, Norm, TransformerBlock, TransformerBlockConfig,
};
use crate::{Build, Encoded};

/// `transformer`: looks ids up, lets every step read every other, takes their mean, then fully
/// connected layers.
///
/// | field | default | range |
/// |---|---|---|
/// | `embedding_size` | 128 | 1 to 65 536; of ids only |
/// | `hidden_size` | 128 | 1 to 65 536; `num_heads` divides it |
/// | `num_layers` | 2 | 1 to 64 |
/// | `num_heads` | 4 | 1 to `hidden_size` |
/// | `transformer_output_size` | 256 | 1 to 65 536; between a layer's two linear steps |
/// | `reduce_output` | `mean` | see [`ReduceOutput`] |
/// | `fc_layers` | none | up to 64 layers, instead of `num_fc_layers` alike ones |
/// | `num_fc_layers` | 1 | 0 to 64 |
/// | `output_size` | 128 | 1 to 65 536 |
/// | `fc_activation` | `relu` | see [`Activation`] |
/// | `norm` | none | see [`Norm`]; of the fully connected layers |
/// | `dropout` | 0.1 | 0 or more and below 1; in the attention layers |
/// | `fc_dropout` | 0 | 0 or more and below 1; after each fully connected layer |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransformerConfig {
    /// Width of an id's vector.
    pub embedding_size: usize,
    /// Width of a step between the layers.
    pub hidden_size: usize,
    /// Layers of attention.
    pub num_layers: usize,
    /// Heads of each attention.
    pub num_heads: usize,
    /// Width between the two linear steps of a layer.
    pub transformer_output_size: usize,
    /// How the steps become one vector.
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
    /// Share of values set to zero in training, in the attention layers.
    pub dropout: f64,
    /// Share of values set to zero in training, after each fully connected layer.
    pub fc_dropout: f64,
}

impl Default for TransformerConfig {
    fn default() -> Self {
        Self {
            embedding_size: 128,
            hidden_size: 128,
            num_layers: 2,
            num_heads: 4,
            transformer_output_size: 256,
            reduce_output: ReduceOutput::Mean,
            fc_layers: None,
            num_fc_layers: 1,
            output_size: 128,
            fc_activation: Activation::Relu,
            norm: None,
            dropout: 0.1,
            fc_dropout: 0.0,
        }
    }
}

impl TransformerConfig {
    fn check(&self) -> Result<(), ConfigError> {
        in_range("hidden_size", self.hidden_size, 1..=MAX_WIDTH)?;
        in_range("num_layers", self.num_layers, 1..=64)?;
        in_range("num_heads", self.num_heads, 1..=self.hidden_size)?;
        in_range("transformer_output_size", self.transformer_output_size, 1..=MAX_WIDTH)?;
        in_range("dropout", self.dropout, 0.0..1.0)?;
        if self.hidden_size.is_multiple_of(self.num_heads) {
            return Ok(());
        }
        Err(ConfigError::Conflict {
            at: "num_heads".to_owned(),
            problem: format!(
                "{} heads do not divide a `hidden_size` of {} evenly",
                self.num_heads, self.hidden_size
            ),
            advice: "choose a `hidden_size` that is a multiple of `num_heads`".to_owned(),
        })
    }

    fn block(&self) -> TransformerBlockConfig {
        TransformerBlockConfig {
            width: self.hidden_size,
            num_heads: self.num_heads,
            inner_width: self.transformer_output_size,
            dropout: self.dropout,
        }
    }

    fn fully_connected(&self) -> FullyConnectedConfig<'_> {
        FullyConnectedConfig {
            layers: self.fc_layers.as_deref(),
            num_layers: self.num_fc_layers,
            output_size: self.output_size,
            activation: self.fc_activation,
            norm: self.norm,
            dropout: self.fc_dropout,
            keys: fully_connected_keys("fc_dropout"),
        }
    }
}

/// Layers of self-attention over the steps and their positions.
#[derive(Module, Debug)]
pub struct Transformer {
    stem: SequenceStem,
    project: Linear,
    dropout: Dropout,
    blocks: Vec<TransformerBlock>,
    norm: LayerNorm,
    head: SequenceHead,
}

impl Build for Transformer {
    type Config = TransformerConfig;
    type Input = SequenceInput;

    fn build(
        config: &TransformerConfig,
        input: &SequenceInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let stem = SequenceStem::build(config.embedding_size, input, device)?;
        let head = &config.fully_connected();
        let head = SequenceHead::build(config.reduce_output, head, config.hidden_size, device)?;
        let block = |_| TransformerBlock::new(config.block(), device);
        Ok(Self {
            project: Linear::new(stem.width(), config.hidden_size, Bias::Learned, device),
            stem,
            dropout: Dropout::new(config.dropout),
            blocks: (0..config.num_layers).map(block).collect(),
            norm: LayerNorm::new(config.hidden_size, device),
            head,
        })
    }
}

impl SequenceEncoder for Transformer {
    fn forward(&self, input: SequenceBatch) -> Encoded {
        let steps = self.stem.forward(input);
        let projected = self.project.forward(steps.values());
        let [_, length, width] = projected.dims();
        let positions = positions(length, width, &projected.device()).unsqueeze_dim::<3>(0);
        let placed = steps.with(self.dropout.forward(projected + positions));
        let read = self
            .blocks
            .iter()
            .fold(placed.values(), |values, block| block.attend(values, placed.absent(), &[]));
        self.head.forward(&placed.with(self.norm.forward(read)))
    }

    fn output_width(&self) -> usize {
        self.head.output_width()
    }
}

/// Sines at even places and cosines at odd ones, of wavelengths from 2π to 10 000 · 2π: `[T, D]`.
fn positions(length: usize, width: usize, device: &Device) -> Tensor<2> {
    let value = |step: usize, place: usize| {
        let angle = step as f64 / 10_000f64.powf((place / 2 * 2) as f64 / width as f64);
        if place.is_multiple_of(2) { angle.sin() } else { angle.cos() }
    };
    let values = (0..length).flat_map(|step| (0..width).map(move |place| (step, place)));
    let values: Vec<f64> = values.map(|(step, place)| value(step, place)).collect();
    Tensor::from_data(TensorData::new(values, [length, width]).convert::<f32>(), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::assert_close;

    #[test]
    fn positions_are_those_of_the_paper() {
        // sin and cos of 0, then of 1 and of 1 / 100.
        let expected = [0.0, 1.0, 0.0, 1.0, 0.841_471, 0.540_302_3, 0.009_999_83, 0.999_95];
        assert_close("positions", &positions(2, 4, &Device::flex()), &expected, 1e-6);
    }
}
