//! The steps added up, in no order, each by how much it says.
//!
//! Source: Joulin et al. 2017, "Bag of Tricks for Efficient Text Classification", section 2
//! (<https://aclanthology.org/E17-2068>), over words and runs of words; the weights are inverse
//! document frequencies and the sum has the length of a TF-IDF vector, as scikit-learn's
//! `TfidfVectorizer` has it. Differs from the paper: those weights, and a layer norm, since the
//! vectors start so small that what is learned decides their directions and not what was drawn.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Int, Tensor, TensorData};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use sensorium_kernels::embedding;
use serde::{Deserialize, Serialize};

use super::time_steps::TimeSteps;
use super::{SequenceBatch, SequenceEncoder, SequenceInput, SequenceSteps};
use crate::encoder::fully_connected_keys;
use crate::layer::{
    Activation, Dropout, FullyConnectedConfig, FullyConnectedLayerConfig, FullyConnectedStack,
    LayerNorm, MAX_WIDTH, Norm,
};
use crate::{Build, Encoded};

/// Embeddings start uniformly within this. Measured on texts of five tables: vectors that start at
/// 0.25 are told apart by what was drawn, and rows of a test part that share few words with train
/// are right in 0.1 to 0.2 fewer cases.
const EMBEDDING_RANGE: f64 = 0.01;
/// The least length that a sum is divided by: that of a text whose words train lacks.
const LEAST_LENGTH: f32 = 1e-6;

/// `bag_of_words`: the weighted sum of the steps, over its TF-IDF length.
///
/// | field | default | range |
/// |---|---|---|
/// | `embedding_size` | 64 | 1 to 65 536; token ids only |
/// | `fc_layers` | none | up to 64 layers, instead of `num_fc_layers` alike ones |
/// | `num_fc_layers` | 0 | 0 to 64 |
/// | `output_size` | 128 | 1 to 65 536: after each fully connected layer |
/// | `activation` | `relu` | see [`Activation`] |
/// | `norm` | none | see [`Norm`] |
/// | `dropout` | 0.2 | 0 or more and below 1 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BagOfWordsConfig {
    /// Width of a token's vector.
    pub embedding_size: usize,
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
    /// Share of the sum's numbers, and of each layer's outputs, set to zero in training.
    pub dropout: f64,
    /// What each token id counts, from the train rows and not from the config; all alike where
    /// there is nothing.
    #[serde(skip)]
    pub token_weights: Option<Vec<f32>>,
}

impl Default for BagOfWordsConfig {
    fn default() -> Self {
        Self {
            embedding_size: 64,
            fc_layers: None,
            num_fc_layers: 0,
            output_size: 128,
            activation: Activation::Relu,
            norm: None,
            dropout: 0.2,
            token_weights: None,
        }
    }
}

impl BagOfWordsConfig {
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

/// Adds up the steps' vectors, each times its weight.
#[derive(Module, Debug)]
pub struct BagOfWords {
    embedding: Option<Param<Tensor<2>>>,
    norm: LayerNorm,
    dropout: Dropout,
    stack: FullyConnectedStack,
    #[module(skip)]
    token_weights: Vec<f32>,
}

impl Build for BagOfWords {
    type Config = BagOfWordsConfig;
    type Input = SequenceInput;

    fn build(
        config: &BagOfWordsConfig,
        input: &SequenceInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        in_range("embedding_size", config.embedding_size, 1..=MAX_WIDTH)?;
        in_range("dropout", config.dropout, 0.0..1.0)?;
        let uniform = Initializer::Uniform { min: -EMBEDDING_RANGE, max: EMBEDDING_RANGE };
        let (embedding, width, num_ids) = match *input {
            SequenceInput::Values { width, .. } => (None, width, 0),
            SequenceInput::Tokens { vocabulary_size, .. } => {
                let width = config.embedding_size;
                (Some(uniform.init([vocabulary_size, width], device)), width, vocabulary_size)
            }
        };
        let weights = config.token_weights.clone().filter(|weights| weights.len() == num_ids);
        Ok(Self {
            embedding,
            norm: LayerNorm::new(width, device),
            dropout: Dropout::new(config.dropout),
            stack: FullyConnectedStack::build(&config.fully_connected(), width, device)?,
            token_weights: weights.unwrap_or_else(|| vec![1.0; num_ids]),
        })
    }
}

impl BagOfWords {
    /// The steps' vectors, and what each counts: `[P, T, D]` and `[P, T]`.
    fn steps(&self, input: SequenceBatch) -> (TimeSteps, Tensor<2>) {
        let lengths: Tensor<1, Int> = input.mask.int().sum_dim(1).squeeze_dim(1);
        match (input.steps, &self.embedding) {
            (SequenceSteps::Values(values), None) => {
                let steps = TimeSteps::new(values, lengths);
                let weights = steps.weights();
                (steps, weights)
            }
            (SequenceSteps::Tokens(ids), Some(table)) => {
                let steps = TimeSteps::new(embedding(table.val(), ids.clone()), lengths);
                let weights = self.weights_of(ids) * steps.weights();
                (steps, weights)
            }
            _ => panic!("an encoder reads the layout that it was built for"),
        }
    }

    /// `[P, T]`.
    fn weights_of(&self, ids: Tensor<2, Int>) -> Tensor<2> {
        let (dims, device) = (ids.dims(), ids.device());
        let weight = |id: i64| usize::try_from(id).map_or(0.0, |id| self.token_weights[id]);
        let weights: Vec<f32> =
            ids.into_data().convert::<i64>().iter::<i64>().map(weight).collect();
        Tensor::from_data(TensorData::new(weights, dims), &device)
    }
}

impl SequenceEncoder for BagOfWords {
    fn forward(&self, input: SequenceBatch) -> Encoded {
        let (steps, weights) = self.steps(input);
        let [rows, num_steps] = weights.dims();
        let length = (weights.clone() * weights.clone()).sum_dim(1).sqrt().clamp_min(LEAST_LENGTH);
        let shares = (weights / length).reshape([rows, 1, num_steps]);
        let sum = shares.matmul(steps.values()).squeeze_dim::<2>(1); // [P, D]
        let read = |values| self.stack.forward(self.dropout.forward(self.norm.forward(values)));
        let [_, _, width] = steps.values().dims();
        let tokens = read(steps.values().reshape([rows * num_steps, width]));
        let output_width = self.output_width();
        Encoded {
            pooled: read(sum),
            mask: steps.mask(),
            tokens: steps.with(tokens.reshape([rows, num_steps, output_width])).into_values(),
        }
    }

    fn output_width(&self) -> usize {
        self.stack.output_width()
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Bool;

    use super::*;
    use crate::testkit::{assert_close, values};

    #[test]
    fn the_sum_is_weighed_and_has_the_length_of_a_tf_idf_vector() {
        let device = Device::flex();
        let config = BagOfWordsConfig {
            embedding_size: 2,
            token_weights: Some(vec![0.0, 0.0, 3.0, 4.0]),
            ..BagOfWordsConfig::default()
        };
        let input = SequenceInput::Tokens { vocabulary_size: 4, max_length: 3 };
        let mut bag = BagOfWords::build(&config, &input, &device).unwrap();
        bag.embedding =
            Some(Param::from_data([[9.0_f32, 9.0], [9.0, 9.0], [5.0, 0.0], [0.0, 10.0]], &device));
        let ids = Tensor::from_ints([[2, 3, 1], [3, 0, 0]], &device);
        let mask =
            Tensor::<2, Bool>::from_bool([[true, true, true], [true, false, false]], &device);
        let encoded = bag.forward(SequenceBatch { steps: SequenceSteps::Tokens(ids), mask });
        // (3 · 5, 4 · 10) / 5 = (3, 8) and (0, 10), each less its mean over its deviation.
        assert_close("pooled", &encoded.pooled, &[-1.0, 1.0, -1.0, 1.0], 1e-5);
    }

    #[test]
    fn a_text_whose_words_train_lacks_gives_finite_numbers() {
        let device = Device::flex();
        let config =
            BagOfWordsConfig { token_weights: Some(vec![0.0, 0.0, 1.0]), ..Default::default() };
        let input = SequenceInput::Tokens { vocabulary_size: 3, max_length: 1 };
        let bag = BagOfWords::build(&config, &input, &device).unwrap();
        let steps = SequenceSteps::Tokens(Tensor::from_ints([[1]], &device));
        let mask = Tensor::<2, Bool>::from_bool([[true]], &device);
        let encoded = bag.forward(SequenceBatch { steps, mask });
        assert!(values(&encoded.pooled).iter().all(|value| value.is_finite()));
    }
}
