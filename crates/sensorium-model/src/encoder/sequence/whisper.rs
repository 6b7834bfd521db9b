//! The encoder of Whisper: two convolutions over time, then a transformer.
//!
//! Source: Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision", section
//! 2.2 (<https://arxiv.org/abs/2212.04356>), as `transformers/models/whisper/modeling_whisper.py` builds
//! it. Differs from it: fewer frames than those of 30 seconds are read too.

use burn::module::Module;
use burn::tensor::Device;
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::published::{check_frames, check_heads, named_layers, step_values};
use super::reduce::{Reduce, ReduceOutput};
use super::time_steps::TimeSteps;
use super::{SequenceBatch, SequenceEncoder, SequenceInput};
use crate::layer::{
    Activation, Bias, Dropout, Embedding, EncoderBlock, EncoderBlockConfig, LayerNorm, MAX_WIDTH,
    NormPlace, StepConvolution, StepConvolutionSizes,
};
use crate::pretrained::{Adopted, Naming, Published, adopt};
use crate::{Build, Encoded};

/// The most layers and positions that a config may ask for.
const MAX_LAYERS: usize = 128;
const MAX_POSITIONS: usize = 1 << 17;
/// PyTorch's default.
const EPSILON: f64 = 1e-5;

/// `whisper`: halves time by convolutions, and lets every step read every other.
///
/// | field | default | range |
/// |---|---|---|
/// | `num_mel_bins` | 80 | 1 to 65 536; the width of the column's frames |
/// | `d_model` | 512 | 1 to 65 536; `encoder_attention_heads` divides it |
/// | `encoder_layers` | 6 | 1 to 128 |
/// | `encoder_attention_heads` | 8 | 1 to `d_model` |
/// | `encoder_ffn_dim` | 2 048 | 1 to 65 536; between a layer's two linear steps |
/// | `activation_function` | `gelu` | see [`Activation`] |
/// | `dropout` | 0 | 0 or more and below 1 |
/// | `max_source_positions` | 1 500 | 1 to 131 072; half of the column's frames, or more |
/// | `reduce_output` | `mean` | see [`ReduceOutput`] |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WhisperConfig {
    /// Bands of a frame.
    pub num_mel_bins: usize,
    /// Width of a token.
    pub d_model: usize,
    /// Layers of attention.
    pub encoder_layers: usize,
    /// Heads of each attention.
    pub encoder_attention_heads: usize,
    /// Width between the two linear steps of a layer.
    pub encoder_ffn_dim: usize,
    /// The function between them.
    pub activation_function: Activation,
    /// Share of values set to zero in training.
    pub dropout: f64,
    /// The number of positions that there are vectors for.
    pub max_source_positions: usize,
    /// How the tokens become one vector.
    pub reduce_output: ReduceOutput,
}

impl Default for WhisperConfig {
    /// The base model.
    fn default() -> Self {
        Self {
            num_mel_bins: 80,
            d_model: 512,
            encoder_layers: 6,
            encoder_attention_heads: 8,
            encoder_ffn_dim: 2048,
            activation_function: Activation::Gelu,
            dropout: 0.0,
            max_source_positions: 1_500,
            reduce_output: ReduceOutput::Mean,
        }
    }
}

impl WhisperConfig {
    fn check(&self, input: &SequenceInput) -> Result<(), ConfigError> {
        in_range("num_mel_bins", self.num_mel_bins, 1..=MAX_WIDTH)?;
        in_range("d_model", self.d_model, 1..=MAX_WIDTH)?;
        in_range("encoder_layers", self.encoder_layers, 1..=MAX_LAYERS)?;
        let heads = self.encoder_attention_heads;
        check_heads("encoder_attention_heads", heads, "d_model", self.d_model)?;
        in_range("encoder_ffn_dim", self.encoder_ffn_dim, 1..=MAX_WIDTH)?;
        in_range("dropout", self.dropout, 0.0..1.0)?;
        in_range("max_source_positions", self.max_source_positions, 1..=MAX_POSITIONS)?;
        let frames = check_frames("whisper", input, self.num_mel_bins, "whisper")?;
        let room = 2 * self.max_source_positions;
        if frames <= room {
            return Ok(());
        }
        Err(ConfigError::Conflict {
            at: "max_source_positions".to_owned(),
            problem: format!("there are positions for {room} frames, but sounds of up to {frames}"),
            advice:
                "set `preprocessing.type` to `whisper`, or `audio_file_length_limit_in_s` lower"
                    .to_owned(),
        })
    }

    fn block(&self) -> EncoderBlockConfig {
        EncoderBlockConfig {
            width: self.d_model,
            num_heads: self.encoder_attention_heads,
            inner_width: self.encoder_ffn_dim,
            activation: self.activation_function,
            norm_place: NormPlace::Before,
            epsilon: EPSILON,
            biases: [Bias::Learned, Bias::None],
            causal: false,
            dropout: self.dropout,
        }
    }
}

/// Convolutions over time, then a transformer.
#[derive(Module, Debug)]
pub struct Whisper {
    widening: StepConvolution,
    halving: StepConvolution,
    positions: Embedding,
    dropout: Dropout,
    blocks: Vec<EncoderBlock>,
    norm: LayerNorm,
    reduce: Reduce,
    width: usize,
}

impl Build for Whisper {
    type Config = WhisperConfig;
    type Input = SequenceInput;

    fn build(
        config: &WhisperConfig,
        input: &SequenceInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        config.check(input)?;
        let (width, block) = (config.d_model, config.block());
        let convolution = |inputs, stride| {
            let sizes =
                StepConvolutionSizes { inputs, outputs: width, kernel: 3, stride, padding: 1 };
            StepConvolution::new(&sizes, Bias::Learned, device)
        };
        Ok(Self {
            widening: convolution(config.num_mel_bins, 1),
            halving: convolution(width, 2),
            positions: Embedding::new(config.max_source_positions, width, device),
            dropout: Dropout::new(config.dropout),
            blocks: (0..config.encoder_layers).map(|_| EncoderBlock::new(&block, device)).collect(),
            norm: LayerNorm::with_epsilon(width, EPSILON, device),
            reduce: Reduce::new(config.reduce_output, width, device),
            width,
        })
    }

    fn namings(config: &WhisperConfig) -> Vec<Naming> {
        let outside = [
            ("widening", "encoder.conv1"),
            ("halving", "encoder.conv2"),
            ("positions", "encoder.embed_positions"),
            ("norm", "encoder.layer_norm"),
        ];
        let layers = [
            ("attention_norm", "self_attn_layer_norm"),
            ("attention.query", "self_attn.q_proj"),
            ("attention.key", "self_attn.k_proj"),
            ("attention.value", "self_attn.v_proj"),
            ("attention.output", "self_attn.out_proj"),
            ("linear_norm", "final_layer_norm"),
            ("inner", "fc1"),
            ("outer", "fc2"),
        ];
        vec![Naming {
            publisher: "transformers' Whisper",
            modules: named_layers(&outside, config.encoder_layers, "encoder.layers", &layers),
            prefixes: &["", "model."],
            ignored: &["decoder.", "proj_out.", "projector.", "classifier.", "layer_weights"],
            own: &["reduce."],
            ..Naming::default()
        }]
    }

    fn adopted(published: &Published) -> Result<Adopted, ConfigError> {
        let config = &published.config;
        if config["scale_embedding"] == true {
            return Err(ConfigError::invalid("scale_embedding", true, "false"));
        }
        let keys = [
            "num_mel_bins",
            "d_model",
            "encoder_layers",
            "encoder_attention_heads",
            "encoder_ffn_dim",
            "activation_function",
            "dropout",
            "max_source_positions",
        ];
        let mut preprocessing = Map::new();
        preprocessing.insert("type".to_owned(), "whisper".into());
        let bands = config["num_mel_bins"].as_u64().map_or(Value::from(80), Value::from);
        preprocessing.insert("n_mels".to_owned(), bands);
        Ok(Adopted { encoder: adopt(config, &keys.map(|key| (key, key))), preprocessing })
    }
}

impl SequenceEncoder for Whisper {
    fn forward(&self, input: SequenceBatch) -> Encoded {
        let (frames, lengths) = step_values(input);
        let frames = TimeSteps::new(frames, lengths.clone());
        let wide = self.widening.forward(frames.into_values());
        let wide = TimeSteps::new(Activation::Gelu.apply(wide), lengths.clone());
        let steps = Activation::Gelu.apply(self.halving.forward(wide.into_values()));
        let length = steps.dims()[1];
        let lengths = (lengths + 1) / 2;
        let present = TimeSteps::present(&lengths, length);
        let steps = self.dropout.forward(steps + self.positions.following(0, length));
        let read = EncoderBlock::through(&self.blocks, steps, Some(&present));
        self.reduce.encoded(TimeSteps::new(self.norm.forward(read), lengths))
    }

    fn output_width(&self) -> usize {
        self.width
    }
}
