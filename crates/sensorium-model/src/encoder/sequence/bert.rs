//! Transformers over words that are read in both directions: BERT and those built like it.
//!
//! Source: Devlin et al. 2019, "BERT" (<https://arxiv.org/abs/1810.04805>), as
//! `transformers/models/bert/modeling_bert.py` builds it. The same layers in the same order are
//! RoBERTa (Liu et al. 2019, <https://arxiv.org/abs/1907.11692>), whose positions count from 2,
//! `DistilBERT` (Sanh et al. 2019, <https://arxiv.org/abs/1910.01108>), which has no token types,
//! and `MiniLM` (Wang et al. 2020, <https://arxiv.org/abs/2002.10957>). Differs from all of them:
//! the pooled vector is the mean of the real tokens unless `reduce_output` says otherwise, and the
//! layer that BERT puts after its first token is left out.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::published::{TokenVocabulary, check_heads, named_layers, text_preprocessing, token_ids};
use super::reduce::{Reduce, ReduceOutput};
use super::time_steps::TimeSteps;
use super::{SequenceBatch, SequenceEncoder, SequenceInput};
use crate::layer::{
    Activation, Bias, Dropout, Embedding, EncoderBlock, EncoderBlockConfig, LayerNorm, MAX_WIDTH,
    NormPlace,
};
use crate::pretrained::{Adopted, Naming, Published, adopt};
use crate::{Build, Encoded};

/// The most layers and positions that a config may ask for.
const MAX_LAYERS: usize = 128;
const MAX_POSITIONS: usize = 1 << 17;

/// `bert`: looks ids up, adds positions, and lets every token read every other.
///
/// | field | default | range |
/// |---|---|---|
/// | `vocab_size` | the column's | the column's number of ids, or more |
/// | `hidden_size` | 768 | 1 to 65 536; `num_attention_heads` divides it |
/// | `num_hidden_layers` | 12 | 1 to 128 |
/// | `num_attention_heads` | 12 | 1 to `hidden_size` |
/// | `intermediate_size` | 3 072 | 1 to 65 536; between a layer's two linear steps |
/// | `hidden_act` | `gelu` | see [`Activation`] |
/// | `hidden_dropout_prob` | 0.1 | 0 or more and below 1 |
/// | `max_position_embeddings` | 512 | 1 to 131 072; the column's longest text, and `position_offset`, fit |
/// | `position_offset` | 0 | 0 to 16; 2 for RoBERTa |
/// | `type_vocab_size` | 2 | 0 to 16; 0 for none |
/// | `layer_norm_eps` | 1e-12 | above 0, at most 1 |
/// | `reduce_output` | `mean` | see [`ReduceOutput`] |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BertConfig {
    /// The number of ids that there are vectors for.
    pub vocab_size: Option<usize>,
    /// Width of a token.
    pub hidden_size: usize,
    /// Layers of attention.
    pub num_hidden_layers: usize,
    /// Heads of each attention.
    pub num_attention_heads: usize,
    /// Width between the two linear steps of a layer.
    pub intermediate_size: usize,
    /// The function between them.
    pub hidden_act: Activation,
    /// Share of values set to zero in training.
    pub hidden_dropout_prob: f64,
    /// The number of positions that there are vectors for.
    pub max_position_embeddings: usize,
    /// The position of the first token.
    pub position_offset: usize,
    /// The number of token types; all tokens are of the first.
    pub type_vocab_size: usize,
    /// Keeps the norms finite.
    pub layer_norm_eps: f64,
    /// How the tokens become one vector.
    pub reduce_output: ReduceOutput,
}

impl Default for BertConfig {
    fn default() -> Self {
        Self {
            vocab_size: None,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            hidden_act: Activation::Gelu,
            hidden_dropout_prob: 0.1,
            max_position_embeddings: 512,
            position_offset: 0,
            type_vocab_size: 2,
            layer_norm_eps: 1e-12,
            reduce_output: ReduceOutput::Mean,
        }
    }
}

impl BertConfig {
    fn check(&self) -> Result<(), ConfigError> {
        in_range("hidden_size", self.hidden_size, 1..=MAX_WIDTH)?;
        in_range("num_hidden_layers", self.num_hidden_layers, 1..=MAX_LAYERS)?;
        check_heads(
            "num_attention_heads",
            self.num_attention_heads,
            "hidden_size",
            self.hidden_size,
        )?;
        in_range("intermediate_size", self.intermediate_size, 1..=MAX_WIDTH)?;
        in_range("hidden_dropout_prob", self.hidden_dropout_prob, 0.0..1.0)?;
        in_range("max_position_embeddings", self.max_position_embeddings, 1..=MAX_POSITIONS)?;
        in_range("position_offset", self.position_offset, 0..=16)?;
        in_range("type_vocab_size", self.type_vocab_size, 0..=16)?;
        in_range("layer_norm_eps", self.layer_norm_eps, f64::MIN_POSITIVE..=1.0)
    }

    fn block(&self) -> EncoderBlockConfig {
        EncoderBlockConfig {
            width: self.hidden_size,
            num_heads: self.num_attention_heads,
            inner_width: self.intermediate_size,
            activation: self.hidden_act,
            norm_place: NormPlace::After,
            epsilon: self.layer_norm_eps,
            biases: [Bias::Learned; 2],
            causal: false,
            dropout: self.hidden_dropout_prob,
        }
    }

    fn naming(&self, publisher: &'static str, blocks: &str, layers: &[(&str, &str)]) -> Naming {
        let embeddings = [
            ("words", "embeddings.word_embeddings"),
            ("positions", "embeddings.position_embeddings"),
            ("token_types", "embeddings.token_type_embeddings"),
            ("norm", "embeddings.LayerNorm"),
        ];
        Naming {
            publisher,
            modules: named_layers(&embeddings, self.num_hidden_layers, blocks, layers),
            prefixes: &["", "bert.", "roberta.", "distilbert.", "xlm_roberta."],
            ignored: &[
                "pooler.",
                "cls.",
                "classifier",
                "pre_classifier",
                "lm_head.",
                "vocab_",
                "qa_outputs.",
            ],
            own: &["reduce."],
            ..Naming::default()
        }
    }
}

/// A transformer over words that are read in both directions.
#[derive(Module, Debug)]
pub struct Bert {
    words: Embedding,
    positions: Embedding,
    token_types: Option<Embedding>,
    norm: LayerNorm,
    dropout: Dropout,
    blocks: Vec<EncoderBlock>,
    reduce: Reduce,
    width: usize,
    position_offset: usize,
}

impl Build for Bert {
    type Config = BertConfig;
    type Input = SequenceInput;

    fn build(
        config: &BertConfig,
        input: &SequenceInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let vocabulary = TokenVocabulary::of("bert", input)?;
        let num_positions = config.max_position_embeddings;
        vocabulary.check_positions(
            "max_position_embeddings",
            num_positions,
            config.position_offset,
        )?;
        let (width, epsilon) = (config.hidden_size, config.layer_norm_eps);
        let embedding = |number| Embedding::new(number, width, device);
        let block = config.block();
        Ok(Self {
            words: embedding(vocabulary.size("vocab_size", config.vocab_size)?),
            positions: embedding(num_positions),
            token_types: (config.type_vocab_size > 0).then(|| embedding(config.type_vocab_size)),
            norm: LayerNorm::with_epsilon(width, epsilon, device),
            dropout: Dropout::new(config.hidden_dropout_prob),
            blocks: (0..config.num_hidden_layers)
                .map(|_| EncoderBlock::new(&block, device))
                .collect(),
            reduce: Reduce::new(config.reduce_output, width, device),
            width,
            position_offset: config.position_offset,
        })
    }

    fn namings(config: &BertConfig) -> Vec<Naming> {
        let bert = [
            ("attention.query", "attention.self.query"),
            ("attention.key", "attention.self.key"),
            ("attention.value", "attention.self.value"),
            ("attention.output", "attention.output.dense"),
            ("attention_norm", "attention.output.LayerNorm"),
            ("inner", "intermediate.dense"),
            ("outer", "output.dense"),
            ("linear_norm", "output.LayerNorm"),
        ];
        let distilbert = [
            ("attention.query", "attention.q_lin"),
            ("attention.key", "attention.k_lin"),
            ("attention.value", "attention.v_lin"),
            ("attention.output", "attention.out_lin"),
            ("attention_norm", "sa_layer_norm"),
            ("inner", "ffn.lin1"),
            ("outer", "ffn.lin2"),
            ("linear_norm", "output_layer_norm"),
        ];
        vec![
            config.naming("transformers' BERT", "encoder.layer", &bert),
            config.naming("transformers' DistilBERT", "transformer.layer", &distilbert),
        ]
    }

    fn adopted(published: &Published) -> Result<Adopted, ConfigError> {
        let config = &published.config;
        let mut encoder = Map::new();
        let kind = config["model_type"].as_str().unwrap_or("bert");
        if kind == "distilbert" {
            encoder = adopt(
                config,
                &[
                    ("vocab_size", "vocab_size"),
                    ("hidden_size", "dim"),
                    ("num_hidden_layers", "n_layers"),
                    ("num_attention_heads", "n_heads"),
                    ("intermediate_size", "hidden_dim"),
                    ("hidden_act", "activation"),
                    ("hidden_dropout_prob", "dropout"),
                    ("max_position_embeddings", "max_position_embeddings"),
                ],
            );
            encoder.insert("type_vocab_size".to_owned(), 0.into());
        } else {
            let same = [
                "vocab_size",
                "hidden_size",
                "num_hidden_layers",
                "num_attention_heads",
                "intermediate_size",
                "hidden_act",
                "hidden_dropout_prob",
                "max_position_embeddings",
                "type_vocab_size",
                "layer_norm_eps",
            ];
            encoder.extend(adopt(config, &same.map(|key| (key, key))));
        }
        refuse_relative_positions(config)?;
        let offset = position_offset(kind, config);
        encoder.insert("position_offset".to_owned(), offset.into());
        let positions = config["max_position_embeddings"].as_u64().unwrap_or(512);
        let preprocessing = text_preprocessing(published, positions.saturating_sub(offset));
        Ok(Adopted { encoder, preprocessing })
    }
}

/// RoBERTa counts positions from the one after that of padding.
fn position_offset(kind: &str, config: &Value) -> u64 {
    match kind {
        "roberta" | "xlm-roberta" | "camembert" => {
            config["pad_token_id"].as_u64().unwrap_or(1).saturating_add(1)
        }
        _ => 0,
    }
}

fn refuse_relative_positions(config: &Value) -> Result<(), ConfigError> {
    match config["position_embedding_type"].as_str() {
        None | Some("absolute") => Ok(()),
        Some(other) => {
            Err(ConfigError::unknown_value("position_embedding_type", other, ["absolute"]))
        }
    }
}

impl SequenceEncoder for Bert {
    fn forward(&self, input: SequenceBatch) -> Encoded {
        let (ids, lengths) = token_ids(input);
        let present = TimeSteps::present(&lengths, ids.dims()[1]);
        let tokens = self.dropout.forward(self.norm.forward(self.embedded(ids)));
        let read = EncoderBlock::through(&self.blocks, tokens, Some(&present));
        self.reduce.encoded(TimeSteps::new(read, lengths))
    }

    fn output_width(&self) -> usize {
        self.width
    }
}

impl Bert {
    /// `[P, T]` to `[P, T, D]`.
    fn embedded(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let [_, length] = ids.dims();
        let mut place = self.positions.following(self.position_offset, length);
        if let Some(types) = &self.token_types {
            place = place + types.following(0, 1);
        }
        self.words.forward(ids) + place
    }
}
