//! The tower of CLIP that reads texts.
//!
//! Source: Radford et al. 2021, "Learning Transferable Visual Models From Natural Language
//! Supervision", section 2.4 (<https://arxiv.org/abs/2103.00020>), as
//! `transformers/models/clip/modeling_clip.py` builds it. The pooled vector is that of the token that
//! ends the text, before it is projected to where pictures are. Differs from it: a text without that
//! token is read at its last one.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::published::{
    CLIP_LAYERS, TokenVocabulary, check_heads, named_layers, part_of_clip, text_preprocessing,
    token_ids,
};
use super::time_steps::TimeSteps;
use super::{SequenceBatch, SequenceEncoder, SequenceInput};
use crate::layer::{
    Activation, Bias, Embedding, EncoderBlock, EncoderBlockConfig, LayerNorm, MAX_WIDTH, NormPlace,
};
use crate::pretrained::{Adopted, Naming, Published, adopt};
use crate::{Build, Encoded};

/// The most layers and positions that a config may ask for.
const MAX_LAYERS: usize = 128;
const MAX_POSITIONS: usize = 1 << 17;
/// What the first configs said wrongly: their texts end at their highest id.
const HIGHEST_ID: usize = 2;

/// `clip_text`: looks ids up, adds positions, and lets every token read those before it.
///
/// | field | default | range |
/// |---|---|---|
/// | `vocab_size` | the column's | the column's number of ids, or more |
/// | `hidden_size` | 512 | 1 to 65 536; `num_attention_heads` divides it |
/// | `num_hidden_layers` | 12 | 1 to 128 |
/// | `num_attention_heads` | 8 | 1 to `hidden_size` |
/// | `intermediate_size` | 2 048 | 1 to 65 536; between a layer's two linear steps |
/// | `hidden_act` | `quick_gelu` | see [`Activation`] |
/// | `attention_dropout` | 0 | 0 or more and below 1 |
/// | `max_position_embeddings` | 77 | 1 to 131 072; the column's longest text fits |
/// | `layer_norm_eps` | 1e-5 | above 0, at most 1 |
/// | `eos_token_id` | 2 | below `vocab_size`; the id that ends a text, 2 for the highest one in it |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClipTextConfig {
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
    pub attention_dropout: f64,
    /// The number of positions that there are vectors for.
    pub max_position_embeddings: usize,
    /// Keeps the norms finite.
    pub layer_norm_eps: f64,
    /// The id that ends a text.
    pub eos_token_id: usize,
}

impl Default for ClipTextConfig {
    fn default() -> Self {
        Self {
            vocab_size: None,
            hidden_size: 512,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            intermediate_size: 2048,
            hidden_act: Activation::QuickGelu,
            attention_dropout: 0.0,
            max_position_embeddings: 77,
            layer_norm_eps: 1e-5,
            eos_token_id: HIGHEST_ID,
        }
    }
}

impl ClipTextConfig {
    fn check(&self) -> Result<(), ConfigError> {
        in_range("hidden_size", self.hidden_size, 1..=MAX_WIDTH)?;
        in_range("num_hidden_layers", self.num_hidden_layers, 1..=MAX_LAYERS)?;
        let (heads, width) = (self.num_attention_heads, self.hidden_size);
        check_heads("num_attention_heads", heads, "hidden_size", width)?;
        in_range("intermediate_size", self.intermediate_size, 1..=MAX_WIDTH)?;
        in_range("attention_dropout", self.attention_dropout, 0.0..1.0)?;
        in_range("max_position_embeddings", self.max_position_embeddings, 1..=MAX_POSITIONS)?;
        in_range("layer_norm_eps", self.layer_norm_eps, f64::MIN_POSITIVE..=1.0)
    }

    fn block(&self) -> EncoderBlockConfig {
        EncoderBlockConfig {
            width: self.hidden_size,
            num_heads: self.num_attention_heads,
            inner_width: self.intermediate_size,
            activation: self.hidden_act,
            norm_place: NormPlace::Before,
            epsilon: self.layer_norm_eps,
            biases: [Bias::Learned; 2],
            causal: true,
            dropout: self.attention_dropout,
        }
    }
}

/// The tower of CLIP that reads texts.
#[derive(Module, Debug)]
pub struct ClipText {
    words: Embedding,
    positions: Embedding,
    blocks: Vec<EncoderBlock>,
    norm: LayerNorm,
    width: usize,
    /// `None` for the highest id of a text.
    #[module(skip)]
    end: Option<i64>,
}

impl Build for ClipText {
    type Config = ClipTextConfig;
    type Input = SequenceInput;

    fn build(
        config: &ClipTextConfig,
        input: &SequenceInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let vocabulary = TokenVocabulary::of("clip_text", input)?;
        let num_positions = config.max_position_embeddings;
        vocabulary.check_positions("max_position_embeddings", num_positions, 0)?;
        let num_ids = vocabulary.size("vocab_size", config.vocab_size)?;
        in_range("eos_token_id", config.eos_token_id, 0..num_ids)?;
        let (width, block) = (config.hidden_size, config.block());
        let end = (config.eos_token_id != HIGHEST_ID).then_some(config.eos_token_id);
        Ok(Self {
            words: Embedding::new(num_ids, width, device),
            positions: Embedding::new(num_positions, width, device),
            blocks: (0..config.num_hidden_layers)
                .map(|_| EncoderBlock::new(&block, device))
                .collect(),
            norm: LayerNorm::with_epsilon(width, config.layer_norm_eps, device),
            width,
            end: end.map(|id| i64::try_from(id).expect("checked to be an id")),
        })
    }

    fn namings(config: &ClipTextConfig) -> Vec<Naming> {
        let outside = [
            ("words", "embeddings.token_embedding"),
            ("positions", "embeddings.position_embedding"),
            ("norm", "final_layer_norm"),
        ];
        let blocks = config.num_hidden_layers;
        vec![Naming {
            publisher: "transformers' CLIP",
            modules: named_layers(&outside, blocks, "encoder.layers", &CLIP_LAYERS),
            prefixes: &["", "text_model."],
            ignored: &["text_projection."],
            ..Naming::default()
        }]
    }

    fn adopted(published: &Published) -> Result<Adopted, ConfigError> {
        let keys = [
            "vocab_size",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
            "hidden_act",
            "attention_dropout",
            "max_position_embeddings",
            "layer_norm_eps",
            "eos_token_id",
        ];
        let config = part_of_clip(&published.config, "text_config");
        let encoder = adopt(config, &keys.map(|key| (key, key)));
        let positions = config["max_position_embeddings"].as_u64().unwrap_or(77);
        Ok(Adopted { encoder, preprocessing: text_preprocessing(published, positions) })
    }
}

impl ClipText {
    /// 1 at the token that ends each text and 0 elsewhere: `[P, T]`.
    fn ends(&self, ids: Tensor<2, Int>, present: Tensor<2>) -> Tensor<2> {
        let [rows, length] = ids.dims();
        let is_end = if let Some(end) = self.end {
            ids.equal_elem(end)
        } else {
            // Ids are below 2^24, and so exact.
            let ids = ids.float() * present.clone();
            ids.clone().equal(ids.max_dim(1).expand([rows, length]))
        };
        let last = i64::try_from(length).expect("a length in memory fits");
        let place = Tensor::<1, Int>::arange(1..last + 1, &present.device()).float();
        let place = place.unsqueeze::<2>().expand([rows, length]);
        // The first that ends the text, and the last where none does: all ranks are different.
        let later = -place.clone() + (last + 1) as f64;
        let rank = (place + is_end.float() * later * 2.0) * present;
        rank.clone().equal(rank.max_dim(1).expand([rows, length])).float()
    }
}

impl SequenceEncoder for ClipText {
    fn forward(&self, input: SequenceBatch) -> Encoded {
        let (ids, lengths) = token_ids(input);
        let length = ids.dims()[1];
        let present = TimeSteps::present(&lengths, length);
        let tokens = self.words.forward(ids.clone()) + self.positions.following(0, length);
        let read = EncoderBlock::through(&self.blocks, tokens, Some(&present));
        let steps = TimeSteps::new(self.norm.forward(read), lengths);
        let ends = self.ends(ids, present).unsqueeze_dim::<3>(2);
        Encoded {
            pooled: (steps.values() * ends).sum_dim(1).squeeze_dim(1),
            mask: steps.mask(),
            tokens: steps.into_values(),
        }
    }

    fn output_width(&self) -> usize {
        self.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::values;

    fn ends(eos_token_id: usize) -> Vec<f32> {
        let device = Device::flex();
        let config = ClipTextConfig {
            hidden_size: 8,
            num_hidden_layers: 1,
            intermediate_size: 8,
            eos_token_id,
            ..ClipTextConfig::default()
        };
        let input = SequenceInput::Tokens { vocabulary_size: 12, max_length: 5 };
        let encoder = ClipText::build(&config, &input, &device).unwrap();
        let ids = [[1, 7, 7, 9, 9], [3, 4, 5, 9, 7]];
        let present = [[1.0, 1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 0.0, 0.0]];
        let present = Tensor::from_floats(present, &device);
        values(&encoder.ends(Tensor::from_ints(ids, &device), present))
    }

    #[test]
    fn a_text_ends_at_its_first_end_token_or_at_its_last_token() {
        assert_eq!(ends(7), [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn with_the_id_of_the_first_configs_a_text_ends_at_its_highest_id() {
        assert_eq!(ends(2), [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    }
}
