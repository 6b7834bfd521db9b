//! A transformer over words that each read the ones before them.
//!
//! Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"
//! (<https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf>),
//! as `transformers/models/gpt2/modeling_gpt2.py` builds it. Differs from it: no word is foretold; the
//! pooled vector is the mean of the real tokens unless `reduce_output` says otherwise.

use burn::module::Module;
use burn::tensor::Device;
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::published::{TokenVocabulary, check_heads, named_layers, text_preprocessing, token_ids};
use super::reduce::{Reduce, ReduceOutput};
use super::time_steps::TimeSteps;
use super::{SequenceBatch, SequenceEncoder, SequenceInput};
use crate::layer::{
    Activation, Bias, Dropout, Embedding, EncoderBlock, EncoderBlockConfig, LayerNorm, MAX_WIDTH,
    NormPlace,
};
use crate::pretrained::{Adopted, LinearLayout, Naming, Published, adopt};
use crate::{Build, Encoded};

/// The most layers and positions that a config may ask for.
const MAX_LAYERS: usize = 128;
const MAX_POSITIONS: usize = 1 << 17;

/// `gpt2`: looks ids up, adds positions, and lets every token read those before it.
///
/// | field | default | range |
/// |---|---|---|
/// | `vocab_size` | the column's | the column's number of ids, or more |
/// | `n_positions` | 1 024 | 1 to 131 072; the column's longest text fits |
/// | `n_embd` | 768 | 1 to 65 536; `n_head` divides it |
/// | `n_layer` | 12 | 1 to 128 |
/// | `n_head` | 12 | 1 to `n_embd` |
/// | `n_inner` | four times `n_embd` | 1 to 65 536; between a layer's two linear steps |
/// | `activation_function` | `gelu_tanh` | see [`Activation`] |
/// | `resid_pdrop` | 0.1 | 0 or more and below 1 |
/// | `layer_norm_epsilon` | 1e-5 | above 0, at most 1 |
/// | `reduce_output` | `mean` | see [`ReduceOutput`] |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gpt2Config {
    /// The number of ids that there are vectors for.
    pub vocab_size: Option<usize>,
    /// The number of positions that there are vectors for.
    pub n_positions: usize,
    /// Width of a token.
    pub n_embd: usize,
    /// Layers of attention.
    pub n_layer: usize,
    /// Heads of each attention.
    pub n_head: usize,
    /// Width between the two linear steps of a layer.
    pub n_inner: Option<usize>,
    /// The function between them.
    pub activation_function: Activation,
    /// Share of values set to zero in training.
    pub resid_pdrop: f64,
    /// Keeps the norms finite.
    pub layer_norm_epsilon: f64,
    /// How the tokens become one vector.
    pub reduce_output: ReduceOutput,
}

impl Default for Gpt2Config {
    fn default() -> Self {
        Self {
            vocab_size: None,
            n_positions: 1_024,
            n_embd: 768,
            n_layer: 12,
            n_head: 12,
            n_inner: None,
            activation_function: Activation::GeluTanh,
            resid_pdrop: 0.1,
            layer_norm_epsilon: 1e-5,
            reduce_output: ReduceOutput::Mean,
        }
    }
}

impl Gpt2Config {
    fn inner_width(&self) -> usize {
        self.n_inner.unwrap_or(self.n_embd.saturating_mul(4))
    }

    fn check(&self) -> Result<(), ConfigError> {
        in_range("n_positions", self.n_positions, 1..=MAX_POSITIONS)?;
        in_range("n_embd", self.n_embd, 1..=MAX_WIDTH)?;
        in_range("n_layer", self.n_layer, 1..=MAX_LAYERS)?;
        check_heads("n_head", self.n_head, "n_embd", self.n_embd)?;
        in_range("n_inner", self.inner_width(), 1..=4 * MAX_WIDTH)?;
        in_range("resid_pdrop", self.resid_pdrop, 0.0..1.0)?;
        in_range("layer_norm_epsilon", self.layer_norm_epsilon, f64::MIN_POSITIVE..=1.0)
    }

    fn block(&self) -> EncoderBlockConfig {
        EncoderBlockConfig {
            width: self.n_embd,
            num_heads: self.n_head,
            inner_width: self.inner_width(),
            activation: self.activation_function,
            norm_place: NormPlace::Before,
            epsilon: self.layer_norm_epsilon,
            biases: [Bias::Learned; 2],
            causal: true,
            dropout: self.resid_pdrop,
        }
    }
}

/// A transformer over words that each read the ones before them.
#[derive(Module, Debug)]
pub struct Gpt2 {
    words: Embedding,
    positions: Embedding,
    dropout: Dropout,
    blocks: Vec<EncoderBlock>,
    norm: LayerNorm,
    reduce: Reduce,
    width: usize,
}

impl Build for Gpt2 {
    type Config = Gpt2Config;
    type Input = SequenceInput;

    fn build(
        config: &Gpt2Config,
        input: &SequenceInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let vocabulary = TokenVocabulary::of("gpt2", input)?;
        vocabulary.check_positions("n_positions", config.n_positions, 0)?;
        let (width, block) = (config.n_embd, config.block());
        let num_ids = vocabulary.size("vocab_size", config.vocab_size)?;
        Ok(Self {
            words: Embedding::new(num_ids, width, device),
            positions: Embedding::new(config.n_positions, width, device),
            dropout: Dropout::new(config.resid_pdrop),
            blocks: (0..config.n_layer).map(|_| EncoderBlock::new(&block, device)).collect(),
            norm: LayerNorm::with_epsilon(width, config.layer_norm_epsilon, device),
            reduce: Reduce::new(config.reduce_output, width, device),
            width,
        })
    }

    fn namings(config: &Gpt2Config) -> Vec<Naming> {
        let outside = [("words", "wte"), ("positions", "wpe"), ("norm", "ln_f")];
        let layers = [
            ("attention_norm", "ln_1"),
            ("attention.query", "attn.c_attn[0/3]"),
            ("attention.key", "attn.c_attn[1/3]"),
            ("attention.value", "attn.c_attn[2/3]"),
            ("attention.output", "attn.c_proj"),
            ("linear_norm", "ln_2"),
            ("inner", "mlp.c_fc"),
            ("outer", "mlp.c_proj"),
        ];
        vec![Naming {
            publisher: "transformers' GPT-2",
            modules: named_layers(&outside, config.n_layer, "h", &layers),
            prefixes: &["", "transformer."],
            ignored: &["lm_head.", "score."],
            buffers: &[".attn.bias", ".attn.masked_bias"],
            own: &["reduce."],
            linear: LinearLayout::InOut,
        }]
    }

    fn adopted(published: &Published) -> Result<Adopted, ConfigError> {
        let config = &published.config;
        refuse_other_scales(config)?;
        let keys = [
            "vocab_size",
            "n_positions",
            "n_embd",
            "n_layer",
            "n_head",
            "n_inner",
            "activation_function",
            "resid_pdrop",
            "layer_norm_epsilon",
        ];
        let encoder = adopt(config, &keys.map(|key| (key, key)));
        let positions = config["n_positions"].as_u64().unwrap_or(1_024);
        Ok(Adopted { encoder, preprocessing: text_preprocessing(published, positions) })
    }
}

fn refuse_other_scales(config: &Value) -> Result<(), ConfigError> {
    for (key, built) in [("scale_attn_weights", true), ("scale_attn_by_inverse_layer_idx", false)] {
        if config[key].as_bool().is_some_and(|given| given != built) {
            return Err(ConfigError::invalid(key, !built, built));
        }
    }
    Ok(())
}

impl SequenceEncoder for Gpt2 {
    fn forward(&self, input: SequenceBatch) -> Encoded {
        let (ids, lengths) = token_ids(input);
        let length = ids.dims()[1];
        let present = TimeSteps::present(&lengths, length);
        let tokens = self.words.forward(ids) + self.positions.following(0, length);
        let tokens = self.dropout.forward(tokens);
        let read = EncoderBlock::through(&self.blocks, tokens, Some(&present));
        self.reduce.encoded(TimeSteps::new(self.norm.forward(read), lengths))
    }

    fn output_width(&self) -> usize {
        self.width
    }
}
