//! A recurrent network: plain, LSTM or GRU, in one direction or both.
//!
//! Source: Hochreiter and Schmidhuber 1997, "Long Short-Term Memory"; Cho et al. 2014
//! (<https://arxiv.org/abs/1406.1078>) for the GRU; Schuster and Paliwal 1997 for both directions;
//! under the names of Ludwig's `rnn`.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::head::SequenceHead;
pub use super::recurrence::CellType;
use super::recurrence::{Direction, Recurrence, RecurrenceSizes};
use super::stem::SequenceStem;
use super::time_steps::TimeSteps;
use super::{ReduceOutput, SequenceBatch, SequenceEncoder, SequenceInput};
use crate::encoder::fully_connected_keys;
use crate::layer::{
    Activation, Dropout, FullyConnectedConfig, FullyConnectedLayerConfig, MAX_WIDTH, Norm,
};
use crate::{Build, Encoded};

/// `rnn`: looks ids up, reads the steps in order, then fully connected layers.
///
/// | field | default | range |
/// |---|---|---|
/// | `embedding_size` | 128 | 1 to 65 536; of ids only |
/// | `cell_type` | `lstm` | `rnn`, `lstm`, `gru` |
/// | `state_size` | 128 | 1 to 65 536 |
/// | `num_layers` | 1 | 1 to 16 |
/// | `bidirectional` | false | |
/// | `recurrent_dropout` | 0 | 0 or more and below 1; between layers |
/// | `reduce_output` | `last` | see [`ReduceOutput`]; `last` takes each direction's last state |
/// | `fc_layers` | none | up to 64 layers, instead of `num_fc_layers` alike ones |
/// | `num_fc_layers` | 1 | 0 to 64 |
/// | `output_size` | 128 | 1 to 65 536 |
/// | `fc_activation` | `relu` | see [`Activation`] |
/// | `norm` | none | see [`Norm`]; of the fully connected layers |
/// | `dropout` | 0 | 0 or more and below 1; after the ids |
/// | `fc_dropout` | 0 | 0 or more and below 1; after each fully connected layer |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RnnConfig {
    /// Width of an id's vector.
    pub embedding_size: usize,
    /// How a state follows from the one before it.
    pub cell_type: CellType,
    /// Width of the state.
    pub state_size: usize,
    /// Layers, each reading the states of the one before it.
    pub num_layers: usize,
    /// Whether each layer reads time both ways; its states are then twice as wide.
    pub bidirectional: bool,
    /// Share of values set to zero in training, between layers.
    pub recurrent_dropout: f64,
    /// How the states become one vector.
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
    /// Share of values set to zero in training, after the ids.
    pub dropout: f64,
    /// Share of values set to zero in training, after each fully connected layer.
    pub fc_dropout: f64,
}

impl Default for RnnConfig {
    fn default() -> Self {
        Self {
            embedding_size: 128,
            cell_type: CellType::Lstm,
            state_size: 128,
            num_layers: 1,
            bidirectional: false,
            recurrent_dropout: 0.0,
            reduce_output: ReduceOutput::Last,
            fc_layers: None,
            num_fc_layers: 1,
            output_size: 128,
            fc_activation: Activation::Relu,
            norm: None,
            dropout: 0.0,
            fc_dropout: 0.0,
        }
    }
}

impl RnnConfig {
    fn check(&self) -> Result<(), ConfigError> {
        in_range("state_size", self.state_size, 1..=MAX_WIDTH)?;
        in_range("num_layers", self.num_layers, 1..=16)?;
        in_range("recurrent_dropout", self.recurrent_dropout, 0.0..1.0)?;
        in_range("dropout", self.dropout, 0.0..1.0)
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

    fn directions(&self) -> &'static [Direction] {
        if self.bidirectional {
            &[Direction::Forwards, Direction::Backwards]
        } else {
            &[Direction::Forwards]
        }
    }
}

/// Recurrent layers, each reading the states of the one before it.
#[derive(Module, Debug)]
pub struct Rnn {
    stem: SequenceStem,
    dropout: Dropout,
    /// For each layer, its directions.
    layers: Vec<Vec<Recurrence>>,
    recurrent_dropout: Dropout,
    head: SequenceHead,
    #[module(skip)]
    reduce_output: ReduceOutput,
}

impl Build for Rnn {
    type Config = RnnConfig;
    type Input = SequenceInput;

    fn build(
        config: &RnnConfig,
        input: &SequenceInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let stem = SequenceStem::build(config.embedding_size, input, device)?;
        let state_size = config.state_size;
        let mut input_width = stem.width();
        let mut layers = Vec::new();
        for _ in 0..config.num_layers {
            let sizes = RecurrenceSizes { input_width, state_size };
            let directions = config.directions().iter();
            let layer: Vec<_> = directions
                .map(|&direction| Recurrence::new(config.cell_type, direction, sizes, device))
                .collect();
            input_width = layer.len() * state_size;
            layers.push(layer);
        }
        let head = &config.fully_connected();
        let head = SequenceHead::build(config.reduce_output, head, input_width, device)?;
        Ok(Self {
            stem,
            dropout: Dropout::new(config.dropout),
            layers,
            recurrent_dropout: Dropout::new(config.recurrent_dropout),
            head,
            reduce_output: config.reduce_output,
        })
    }
}

impl Rnn {
    /// The states after every step, and the last of every direction, side by side.
    fn read(layer: &[Recurrence], steps: &TimeSteps) -> (TimeSteps, Tensor<2>) {
        let read: Vec<_> = layer.iter().map(|direction| direction.forward(steps)).collect();
        let last = Tensor::cat(read.iter().map(|read| read.last.clone()).collect(), 1);
        let states = Tensor::cat(read.into_iter().map(|read| read.states).collect(), 2);
        (steps.with(states), last)
    }
}

impl SequenceEncoder for Rnn {
    fn forward(&self, input: SequenceBatch) -> Encoded {
        let steps = self.stem.forward(input);
        let steps = steps.with(self.dropout.forward(steps.values()));
        let [first, others @ ..] = self.layers.as_slice() else {
            return self.head.forward(&steps);
        };
        let (mut states, mut last) = Self::read(first, &steps);
        for layer in others {
            let dropped = states.with(self.recurrent_dropout.forward(states.values()));
            (states, last) = Self::read(layer, &dropped);
        }
        match self.reduce_output {
            ReduceOutput::Last => self.head.encoded(&states, last),
            _ => self.head.forward(&states),
        }
    }

    fn output_width(&self) -> usize {
        self.head.output_width()
    }
}
