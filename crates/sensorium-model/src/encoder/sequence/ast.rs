//! A transformer over the patches of a spectrogram.
//!
//! Source: Gong et al. 2021, "AST: Audio Spectrogram Transformer" (<https://arxiv.org/abs/2104.01778>),
//! as `transformers/models/audio_spectrogram_transformer/modeling_audio_spectrogram_transformer.py`
//! builds it. It reads sounds of one length: zeros fill a shorter one up, which is the mean of the data
//! that published weights were trained on.

use burn::module::Module;
use burn::tensor::{Bool, Device, Tensor};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::published::{check_frames, check_heads, named_layers, step_values};
use super::time_steps::TimeSteps;
use super::{SequenceBatch, SequenceEncoder, SequenceInput};
use crate::encoder::classifier::{Classifier, OutputLayer};
use crate::encoder::patches::{PatchReduce, PatchSizes, Patches};
use crate::layer::{
    Activation, Bias, Dropout, EncoderBlock, EncoderBlockConfig, LayerNorm, MAX_WIDTH, NormPlace,
};
use crate::pretrained::{Adopted, Naming, Published, adopt};
use crate::{Build, Encoded};

/// The most layers and frames that a config may ask for.
const MAX_LAYERS: usize = 128;
const MAX_FRAMES: usize = 60_000;

/// `ast`: cuts a spectrogram into patches, and lets each read every other.
///
/// | field | default | range |
/// |---|---|---|
/// | `num_mel_bins` | 128 | `patch_size` to 65 536; the width of the column's frames |
/// | `max_length` | 1 024 | `patch_size` to 60 000 frames; the column's longest sound fits |
/// | `patch_size` | 16 | 1 to 1 024 bands and frames |
/// | `frequency_stride` | 10 | 1 to 1 024 bands, from one patch to the next |
/// | `time_stride` | 10 | 1 to 1 024 frames, from one patch to the next |
/// | `hidden_size` | 768 | 1 to 65 536; `num_attention_heads` divides it |
/// | `num_hidden_layers` | 12 | 1 to 128 |
/// | `num_attention_heads` | 12 | 1 to `hidden_size` |
/// | `intermediate_size` | 3 072 | 1 to 65 536; between a layer's two linear steps |
/// | `hidden_act` | `gelu` | see [`Activation`] |
/// | `hidden_dropout_prob` | 0 | 0 or more and below 1 |
/// | `qkv_bias` | true | whether queries, keys and values have a bias |
/// | `layer_norm_eps` | 1e-12 | above 0, at most 1 |
/// | `reduce_output` | `cls` | see [`PatchReduce`] |
/// | `output_layer` | `embedding` | see [`OutputLayer`] |
/// | `num_classes` | 527 | 1 to 65 536; of the logits |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AstConfig {
    /// Bands of a frame.
    pub num_mel_bins: usize,
    /// Frames of a sound.
    pub max_length: usize,
    /// Bands and frames of a patch.
    pub patch_size: usize,
    /// Bands from one patch to the next.
    pub frequency_stride: usize,
    /// Frames from one patch to the next.
    pub time_stride: usize,
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
    /// Whether queries, keys and values have a bias.
    pub qkv_bias: bool,
    /// Keeps the norms finite.
    pub layer_norm_eps: f64,
    /// How the tokens become one vector.
    pub reduce_output: PatchReduce,
    /// What is handed on.
    pub output_layer: OutputLayer,
    /// The number of classes of the logits.
    pub num_classes: usize,
}

impl Default for AstConfig {
    fn default() -> Self {
        Self {
            num_mel_bins: 128,
            max_length: 1_024,
            patch_size: 16,
            frequency_stride: 10,
            time_stride: 10,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            hidden_act: Activation::Gelu,
            hidden_dropout_prob: 0.0,
            qkv_bias: true,
            layer_norm_eps: 1e-12,
            reduce_output: PatchReduce::Cls,
            output_layer: OutputLayer::Embedding,
            // AudioSet's.
            num_classes: 527,
        }
    }
}

impl AstConfig {
    fn check(&self, input: &SequenceInput) -> Result<(), ConfigError> {
        in_range("patch_size", self.patch_size, 1..=1_024)?;
        in_range("num_mel_bins", self.num_mel_bins, self.patch_size..=MAX_WIDTH)?;
        in_range("max_length", self.max_length, self.patch_size..=MAX_FRAMES)?;
        in_range("frequency_stride", self.frequency_stride, 1..=1_024)?;
        in_range("time_stride", self.time_stride, 1..=1_024)?;
        in_range("hidden_size", self.hidden_size, 1..=MAX_WIDTH)?;
        in_range("num_hidden_layers", self.num_hidden_layers, 1..=MAX_LAYERS)?;
        let (heads, width) = (self.num_attention_heads, self.hidden_size);
        check_heads("num_attention_heads", heads, "hidden_size", width)?;
        in_range("intermediate_size", self.intermediate_size, 1..=MAX_WIDTH)?;
        in_range("hidden_dropout_prob", self.hidden_dropout_prob, 0.0..1.0)?;
        in_range("layer_norm_eps", self.layer_norm_eps, f64::MIN_POSITIVE..=1.0)?;
        in_range("num_classes", self.num_classes, 1..=MAX_WIDTH)?;
        let frames = check_frames("ast", input, self.num_mel_bins, "ast")?;
        if frames <= self.max_length {
            return Ok(());
        }
        Err(ConfigError::Conflict {
            at: "max_length".to_owned(),
            problem: format!("it reads {} frames, but sounds have up to {frames}", self.max_length),
            advice: format!(
                "set `preprocessing.type` to `ast` and its `max_length` to {}",
                self.max_length
            ),
        })
    }

    fn block(&self) -> EncoderBlockConfig {
        let bias = if self.qkv_bias { Bias::Learned } else { Bias::None };
        EncoderBlockConfig {
            width: self.hidden_size,
            num_heads: self.num_attention_heads,
            inner_width: self.intermediate_size,
            activation: self.hidden_act,
            norm_place: NormPlace::Before,
            epsilon: self.layer_norm_eps,
            biases: [bias; 2],
            causal: false,
            dropout: self.hidden_dropout_prob,
        }
    }

    fn patches(&self) -> PatchSizes {
        PatchSizes {
            channels: 1,
            map: [self.num_mel_bins, self.max_length],
            patch: self.patch_size,
            stride: [self.frequency_stride, self.time_stride],
            width: self.hidden_size,
            bias: Bias::Learned,
            distillation: true,
        }
    }
}

/// A transformer over the patches of a spectrogram.
#[derive(Module, Debug)]
pub struct Ast {
    patches: Patches,
    dropout: Dropout,
    blocks: Vec<EncoderBlock>,
    norm: LayerNorm,
    classifier_norm: Option<LayerNorm>,
    classifier: Classifier,
    num_frames: usize,
    #[module(skip)]
    reduce: PatchReduce,
}

impl Build for Ast {
    type Config = AstConfig;
    type Input = SequenceInput;

    fn build(
        config: &AstConfig,
        input: &SequenceInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        config.check(input)?;
        let (width, block) = (config.hidden_size, config.block());
        let (output, classes) = (config.output_layer, config.num_classes);
        let norm = || LayerNorm::with_epsilon(width, config.layer_norm_eps, device);
        Ok(Self {
            patches: Patches::new(&config.patches(), device),
            dropout: Dropout::new(config.hidden_dropout_prob),
            blocks: (0..config.num_hidden_layers)
                .map(|_| EncoderBlock::new(&block, device))
                .collect(),
            norm: norm(),
            classifier_norm: (output != OutputLayer::Embedding).then(norm),
            classifier: Classifier::new(output, width, classes, device).of_several(),
            num_frames: config.max_length,
            reduce: config.reduce_output,
        })
    }

    fn namings(config: &AstConfig) -> Vec<Naming> {
        let outside = [
            ("patches.projection", "embeddings.patch_embeddings.projection"),
            ("patches.class_token", "embeddings.cls_token"),
            ("patches.distillation_token", "embeddings.distillation_token"),
            ("patches.positions", "embeddings.position_embeddings"),
            ("norm", "layernorm"),
            ("classifier_norm", "classifier.layernorm"),
            ("classifier.linear", "classifier.dense"),
        ];
        let layers = [
            ("attention_norm", "layernorm_before"),
            ("attention.query", "attention.attention.query"),
            ("attention.key", "attention.attention.key"),
            ("attention.value", "attention.attention.value"),
            ("attention.output", "attention.output.dense"),
            ("linear_norm", "layernorm_after"),
            ("inner", "intermediate.dense"),
            ("outer", "output.dense"),
        ];
        let blocks = config.num_hidden_layers;
        vec![Naming {
            publisher: "transformers' AST",
            modules: named_layers(&outside, blocks, "encoder.layer", &layers),
            prefixes: &["", "audio_spectrogram_transformer."],
            ignored: &["classifier."],
            ..Naming::default()
        }]
    }

    fn adopted(published: &Published) -> Result<Adopted, ConfigError> {
        let keys = [
            "num_mel_bins",
            "max_length",
            "patch_size",
            "frequency_stride",
            "time_stride",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
            "hidden_act",
            "hidden_dropout_prob",
            "qkv_bias",
            "layer_norm_eps",
        ];
        let mut encoder = adopt(&published.config, &keys.map(|key| (key, key)));
        if let Some(classes) = published.shapes().size("classifier.dense.weight", 0) {
            encoder.insert("num_classes".to_owned(), classes.into());
        }
        let mut preprocessing = Map::new();
        preprocessing.insert("type".to_owned(), "ast".into());
        preprocessing.extend(adopt(&published.config, &[("max_length", "max_length")]));
        let scaling = ["max_length", "mean", "std"].map(|key| (key, key));
        preprocessing.extend(adopt(&published.preprocessor, &scaling));
        Ok(Adopted { encoder, preprocessing })
    }
}

impl Ast {
    /// `[P, T, D]` to `[P, 1, D, max_length]`, with zeros after each sound.
    fn picture(&self, frames: Tensor<3>) -> Tensor<4> {
        let [_, length, _] = frames.dims();
        let frames = if length < self.num_frames {
            frames.pad([(0, self.num_frames - length), (0, 0)], 0.0)
        } else {
            // What is over is padding.
            frames.narrow(1, 0, self.num_frames)
        };
        frames.swap_dims(1, 2).unsqueeze_dim(1)
    }

    fn classified<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        self.classifier.forward(match &self.classifier_norm {
            Some(norm) => norm.forward(x),
            None => x,
        })
    }
}

impl SequenceEncoder for Ast {
    fn forward(&self, input: SequenceBatch) -> Encoded {
        let (frames, lengths) = step_values(input);
        let map = self.picture(TimeSteps::new(frames, lengths).into_values());
        let tokens = self.dropout.forward(self.patches.forward(map));
        let tokens = EncoderBlock::through(&self.blocks, tokens, None);
        let tokens = self.norm.forward(tokens);
        let [rows, num_tokens, _] = tokens.dims();
        let pooled = self.patches.reduce(tokens.clone(), self.reduce);
        let mask = Tensor::<2, Bool>::full([rows, num_tokens], true, &tokens.device());
        Encoded { pooled: self.classified(pooled), tokens: self.classified(tokens), mask }
    }

    fn output_width(&self) -> usize {
        self.classifier.output_width()
    }
}
