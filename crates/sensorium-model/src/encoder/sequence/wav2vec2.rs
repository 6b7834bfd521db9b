//! A transformer over the samples of a sound: wav2vec 2.0.
//!
//! Source: Baevski et al. 2020, "wav2vec 2.0", section 2 (<https://arxiv.org/abs/2006.11477>), as
//! `transformers/models/wav2vec2/modeling_wav2vec2.py` builds it. Differs from it: a norm over time
//! sees a row's own samples only; a sound shorter than what one token sees is filled up with zeros.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Int, Tensor};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use sensorium_kernels::{Conv2dOptions, conv1d};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::published::{check_frames, check_heads, named_layers, step_values};
use super::reduce::{Reduce, ReduceOutput};
use super::time_steps::TimeSteps;
use super::{SequenceBatch, SequenceEncoder, SequenceInput};
use crate::layer::{
    Activation, Bias, Dropout, EncoderBlock, EncoderBlockConfig, GroupNorm, LayerNorm, Linear,
    MAX_WIDTH, NormPlace, StepConvolution, StepConvolutionSizes,
};
use crate::pretrained::{Adopted, Naming, Published, adopt};
use crate::{Build, Encoded};

/// The most layers, and the most convolutions, that a config may ask for.
const MAX_LAYERS: usize = 128;
const MAX_CONVOLUTIONS: usize = 16;
/// The longest kernel, in steps.
const MAX_KERNEL: usize = 1_024;
/// PyTorch's default, of the norms between the convolutions.
const EPSILON: f64 = 1e-5;

/// The norms between the convolutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeatureNorm {
    /// Of each channel over time, after the first convolution only.
    Group,
    /// Of each step, after every convolution.
    Layer,
}

/// `wav2vec2`: shortens time by convolutions, and lets every step read every other.
///
/// | field | default | range |
/// |---|---|---|
/// | `conv_dim` | seven times 512 | 1 to 16 widths, 1 to 65 536 |
/// | `conv_kernel` | 10, 3, 3, 3, 3, 2, 2 | as many kernels, 1 to 1 024 steps |
/// | `conv_stride` | 5, 2, 2, 2, 2, 2, 2 | as many strides, 1 to their kernel |
/// | `conv_bias` | false | |
/// | `feat_extract_norm` | `group` | see [`FeatureNorm`] |
/// | `feat_extract_activation` | `gelu` | see [`Activation`] |
/// | `num_conv_pos_embeddings` | 128 | 1 to 1 024 steps that tell a step's position |
/// | `num_conv_pos_embedding_groups` | 16 | divides `hidden_size` |
/// | `do_stable_layer_norm` | false | whether the norms stand before each step rather than after |
/// | `hidden_size` | 768 | 1 to 65 536; `num_attention_heads` divides it |
/// | `num_hidden_layers` | 12 | 1 to 128 |
/// | `num_attention_heads` | 12 | 1 to `hidden_size` |
/// | `intermediate_size` | 3 072 | 1 to 65 536; between a layer's two linear steps |
/// | `hidden_act` | `gelu` | see [`Activation`] |
/// | `hidden_dropout` | 0.1 | 0 or more and below 1 |
/// | `layer_norm_eps` | 1e-5 | above 0, at most 1 |
/// | `reduce_output` | `mean` | see [`ReduceOutput`] |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wav2Vec2Config {
    /// Width after each convolution.
    pub conv_dim: Vec<usize>,
    /// Steps that each convolution reads.
    pub conv_kernel: Vec<usize>,
    /// Steps from one output of a convolution to the next.
    pub conv_stride: Vec<usize>,
    /// Whether convolutions have a learned shift.
    pub conv_bias: bool,
    /// The norms between the convolutions.
    pub feat_extract_norm: FeatureNorm,
    /// The function after each of them.
    pub feat_extract_activation: Activation,
    /// Steps that tell the position of one.
    pub num_conv_pos_embeddings: usize,
    /// Groups of numbers that tell it apart from each other.
    pub num_conv_pos_embedding_groups: usize,
    /// Whether the norms stand before each step of a layer.
    pub do_stable_layer_norm: bool,
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
    pub hidden_dropout: f64,
    /// Keeps the norms of the transformer finite.
    pub layer_norm_eps: f64,
    /// How the tokens become one vector.
    pub reduce_output: ReduceOutput,
}

impl Default for Wav2Vec2Config {
    /// The base model.
    fn default() -> Self {
        Self {
            conv_dim: vec![512; 7],
            conv_kernel: vec![10, 3, 3, 3, 3, 2, 2],
            conv_stride: vec![5, 2, 2, 2, 2, 2, 2],
            conv_bias: false,
            feat_extract_norm: FeatureNorm::Group,
            feat_extract_activation: Activation::Gelu,
            num_conv_pos_embeddings: 128,
            num_conv_pos_embedding_groups: 16,
            do_stable_layer_norm: false,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            hidden_act: Activation::Gelu,
            hidden_dropout: 0.1,
            layer_norm_eps: 1e-5,
            reduce_output: ReduceOutput::Mean,
        }
    }
}

impl Wav2Vec2Config {
    fn check(&self) -> Result<(), ConfigError> {
        self.check_convolutions()?;
        in_range("hidden_size", self.hidden_size, 1..=MAX_WIDTH)?;
        in_range("num_hidden_layers", self.num_hidden_layers, 1..=MAX_LAYERS)?;
        let width = self.hidden_size;
        check_heads("num_attention_heads", self.num_attention_heads, "hidden_size", width)?;
        let groups = self.num_conv_pos_embedding_groups;
        check_heads("num_conv_pos_embedding_groups", groups, "hidden_size", width)?;
        in_range("num_conv_pos_embeddings", self.num_conv_pos_embeddings, 1..=MAX_KERNEL)?;
        in_range("intermediate_size", self.intermediate_size, 1..=MAX_WIDTH)?;
        in_range("hidden_dropout", self.hidden_dropout, 0.0..1.0)?;
        in_range("layer_norm_eps", self.layer_norm_eps, f64::MIN_POSITIVE..=1.0)
    }

    fn check_convolutions(&self) -> Result<(), ConfigError> {
        let count = self.conv_dim.len();
        if !(1..=MAX_CONVOLUTIONS).contains(&count) {
            let expected = format!("1 to {MAX_CONVOLUTIONS} widths");
            return Err(ConfigError::invalid("conv_dim", format!("{count} widths"), expected));
        }
        for (key, list) in [("conv_kernel", &self.conv_kernel), ("conv_stride", &self.conv_stride)]
        {
            if list.len() != count {
                let expected = format!("{count}, one for each of `conv_dim`");
                return Err(ConfigError::invalid(key, list.len(), expected));
            }
        }
        for ((&width, &kernel), &stride) in
            self.conv_dim.iter().zip(&self.conv_kernel).zip(&self.conv_stride)
        {
            in_range("conv_dim", width, 1..=MAX_WIDTH)?;
            in_range("conv_kernel", kernel, 1..=MAX_KERNEL)?;
            in_range("conv_stride", stride, 1..=kernel)?;
        }
        // What one token sees is filled up to, so it may not be without limit.
        in_range("conv_kernel", self.window(), 1..=1 << 20)
    }

    /// Samples that one token sees.
    fn window(&self) -> usize {
        let steps = self.conv_kernel.iter().zip(&self.conv_stride).rev();
        steps.fold(1_usize, |seen, (kernel, stride)| {
            (seen - 1).saturating_mul(*stride).saturating_add(*kernel)
        })
    }

    fn block(&self) -> EncoderBlockConfig {
        let norm_place =
            if self.do_stable_layer_norm { NormPlace::Before } else { NormPlace::After };
        EncoderBlockConfig {
            width: self.hidden_size,
            num_heads: self.num_attention_heads,
            inner_width: self.intermediate_size,
            activation: self.hidden_act,
            norm_place,
            epsilon: self.layer_norm_eps,
            biases: [Bias::Learned; 2],
            causal: false,
            dropout: self.hidden_dropout,
        }
    }

    /// `magnitude` and `direction` are what the weight norm of the positions is called.
    fn naming(&self, [magnitude, direction]: [&str; 2]) -> Naming {
        let positions = "encoder.pos_conv_embed.conv";
        let outside = [
            ("features_norm", "feature_projection.layer_norm"),
            ("projection", "feature_projection.projection"),
            ("norm", "encoder.layer_norm"),
        ];
        let layers = [
            ("attention.query", "attention.q_proj"),
            ("attention.key", "attention.k_proj"),
            ("attention.value", "attention.v_proj"),
            ("attention.output", "attention.out_proj"),
            ("attention_norm", "layer_norm"),
            ("inner", "feed_forward.intermediate_dense"),
            ("outer", "feed_forward.output_dense"),
            ("linear_norm", "final_layer_norm"),
        ];
        let mut modules = named_layers(&outside, self.num_hidden_layers, "encoder.layers", &layers);
        for (own, theirs) in [("magnitude", magnitude), ("direction", direction), ("bias", "bias")]
        {
            modules.push((format!("positions.{own}"), format!("{positions}.{theirs}")));
        }
        for index in 0..self.conv_dim.len() {
            let theirs = format!("feature_extractor.conv_layers.{index}");
            let own = format!("features.{index}");
            modules.push((format!("{own}.convolution"), format!("{theirs}.conv")));
            for norm in ["group_norm", "layer_norm"] {
                modules.push((format!("{own}.{norm}"), format!("{theirs}.layer_norm")));
            }
        }
        Naming {
            publisher: "transformers' wav2vec 2.0",
            modules,
            prefixes: &["", "wav2vec2."],
            ignored: &[
                "masked_spec_embed",
                "lm_head.",
                "quantizer.",
                "project_",
                "projector.",
                "classifier.",
            ],
            own: &["reduce."],
            ..Naming::default()
        }
    }
}

/// One convolution over samples, its norm and its function.
#[derive(Module, Debug)]
struct Feature {
    convolution: StepConvolution,
    group_norm: Option<GroupNorm>,
    layer_norm: Option<LayerNorm>,
    kernel: usize,
    stride: usize,
    #[module(skip)]
    activation: Activation,
}

impl Feature {
    /// Steps that are left of each row.
    fn lengths(&self, lengths: Tensor<1, Int>) -> Tensor<1, Int> {
        let signed = |steps: usize| i64::try_from(steps).expect("checked to be small");
        (lengths - signed(self.kernel)) / signed(self.stride) + 1
    }

    /// `[P, T, D]` to `[P, U, F]`; the lengths are those of what comes out.
    fn forward(&self, steps: Tensor<3>, lengths: &Tensor<1, Int>) -> Tensor<3> {
        let mut steps = self.convolution.forward(steps);
        if let Some(norm) = &self.group_norm {
            let steps_of_rows = TimeSteps::new(steps, lengths.clone());
            let present = steps_of_rows.weights();
            steps = norm.forward(steps_of_rows.into_values(), present);
        }
        if let Some(norm) = &self.layer_norm {
            steps = norm.forward(steps);
        }
        self.activation.apply(steps)
    }
}

/// Where a step stands, told from the steps around it.
#[derive(Module, Debug)]
struct Positions {
    /// `[kernel]`: the lengths of weights.
    magnitude: Param<Tensor<1>>,
    /// `[D, D / groups, kernel]`: where they point to.
    direction: Param<Tensor<3>>,
    /// `[D]`.
    bias: Param<Tensor<1>>,
    groups: usize,
    #[module(skip)]
    activation: Activation,
}

impl Positions {
    fn new(config: &Wav2Vec2Config, device: &Device) -> Self {
        let (width, kernel) = (config.hidden_size, config.num_conv_pos_embeddings);
        let groups = config.num_conv_pos_embedding_groups;
        let inputs = width / groups;
        // As the paper's code.
        let std = (4.0 / (kernel * width) as f64).sqrt();
        let normal = Initializer::Normal { mean: 0.0, std };
        // About the length of what is drawn.
        let length = std * ((width * inputs) as f64).sqrt();
        Self {
            magnitude: Initializer::Constant { value: length }.init([kernel], device),
            direction: normal.init([width, inputs, kernel], device),
            bias: Initializer::Zeros.init([width], device),
            groups,
            activation: config.feat_extract_activation,
        }
    }

    /// `[D, D / groups, kernel]`: Salimans and Kingma 2016, equation 2
    /// (<https://arxiv.org/abs/1602.07868>), with one length for each step of the kernel.
    fn weight(&self) -> Tensor<3> {
        let direction = self.direction.val();
        let squared = direction.clone().powi_scalar(2).sum_dim(0).sum_dim(1); // [1, 1, kernel]
        let scale = self.magnitude.val().unsqueeze::<3>() / squared.sqrt();
        direction * scale
    }

    /// `[P, T, D]` to the same.
    fn forward(&self, steps: Tensor<3>) -> Tensor<3> {
        let weight = self.weight();
        let kernel = weight.dims()[2];
        // Of an even kernel the last output is left out, as there.
        let around = [kernel / 2, (kernel - 1) / 2];
        let options = Conv2dOptions {
            padding: [[0; 2], around],
            groups: self.groups,
            ..Conv2dOptions::default()
        };
        let channels = steps.swap_dims(1, 2);
        let told = conv1d(channels, weight, Some(self.bias.val()), &options);
        self.activation.apply(told.swap_dims(1, 2))
    }
}

/// A transformer over the samples of a sound.
#[derive(Module, Debug)]
pub struct Wav2Vec2 {
    features: Vec<Feature>,
    features_norm: LayerNorm,
    projection: Linear,
    positions: Positions,
    norm: LayerNorm,
    dropout: Dropout,
    blocks: Vec<EncoderBlock>,
    reduce: Reduce,
    width: usize,
    /// Samples that one token sees.
    window: usize,
    #[module(skip)]
    norm_place: NormPlace,
}

impl Build for Wav2Vec2 {
    type Config = Wav2Vec2Config;
    type Input = SequenceInput;

    fn build(
        config: &Wav2Vec2Config,
        input: &SequenceInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        check_frames("wav2vec2", input, 1, "waveform")?;
        let (width, block) = (config.hidden_size, config.block());
        let features = features(config, device);
        let last = config.conv_dim.last().copied().unwrap_or(1);
        let norm = |width, epsilon| LayerNorm::with_epsilon(width, epsilon, device);
        Ok(Self {
            features,
            features_norm: norm(last, config.layer_norm_eps),
            projection: Linear::new(last, width, Bias::Learned, device),
            positions: Positions::new(config, device),
            norm: norm(width, config.layer_norm_eps),
            dropout: Dropout::new(config.hidden_dropout),
            blocks: (0..config.num_hidden_layers)
                .map(|_| EncoderBlock::new(&block, device))
                .collect(),
            reduce: Reduce::new(config.reduce_output, width, device),
            width,
            window: config.window(),
            norm_place: block.norm_place,
        })
    }

    fn namings(config: &Wav2Vec2Config) -> Vec<Naming> {
        let parametrized =
            ["original0", "original1"].map(|part| format!("parametrizations.weight.{part}"));
        vec![
            config.naming([&parametrized[0], &parametrized[1]]),
            // As PyTorch named them before.
            config.naming(["weight_g", "weight_v"]),
        ]
    }

    fn adopted(published: &Published) -> Result<Adopted, ConfigError> {
        let config = &published.config;
        if config["add_adapter"] == true {
            return Err(ConfigError::invalid("add_adapter", true, "false"));
        }
        let rate = published.preprocessor["sampling_rate"].as_u64().unwrap_or(16_000);
        if rate != 16_000 {
            return Err(ConfigError::invalid("sampling_rate", rate, 16_000));
        }
        let keys = [
            "conv_dim",
            "conv_kernel",
            "conv_stride",
            "conv_bias",
            "feat_extract_norm",
            "feat_extract_activation",
            "num_conv_pos_embeddings",
            "num_conv_pos_embedding_groups",
            "do_stable_layer_norm",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
            "hidden_act",
            "hidden_dropout",
            "layer_norm_eps",
        ];
        let mut preprocessing = Map::new();
        preprocessing.insert("type".to_owned(), "waveform".into());
        let scales = published.preprocessor["do_normalize"].as_bool().unwrap_or(true);
        preprocessing.insert("do_normalize".to_owned(), Value::Bool(scales));
        Ok(Adopted { encoder: adopt(config, &keys.map(|key| (key, key))), preprocessing })
    }
}

fn features(config: &Wav2Vec2Config, device: &Device) -> Vec<Feature> {
    let bias = if config.conv_bias { Bias::Learned } else { Bias::None };
    let norm = config.feat_extract_norm;
    let mut inputs = 1;
    let feature = |(index, &outputs): (usize, &usize)| {
        let (kernel, stride) = (config.conv_kernel[index], config.conv_stride[index]);
        let sizes = StepConvolutionSizes { inputs, outputs, kernel, stride, padding: 0 };
        inputs = outputs;
        Feature {
            convolution: StepConvolution::new(&sizes, bias, device),
            group_norm: (norm == FeatureNorm::Group && index == 0)
                .then(|| GroupNorm::new(outputs, device)),
            layer_norm: (norm == FeatureNorm::Layer)
                .then(|| LayerNorm::with_epsilon(outputs, EPSILON, device)),
            kernel,
            stride,
            activation: config.feat_extract_activation,
        }
    };
    config.conv_dim.iter().enumerate().map(feature).collect()
}

impl Wav2Vec2 {
    /// What the convolutions make of samples, `[P, T, 1]`: one step for each window.
    fn heard(&self, samples: Tensor<3>, lengths: Tensor<1, Int>) -> TimeSteps {
        let samples = TimeSteps::new(samples, lengths.clone()).into_values();
        let missing = self.window.saturating_sub(samples.dims()[1]);
        let mut steps =
            if missing == 0 { samples } else { samples.pad([(0, missing), (0, 0)], 0.0) };
        let least = i64::try_from(self.window).expect("checked to be small");
        let mut lengths = lengths.clamp_min(least);
        for feature in &self.features {
            lengths = feature.lengths(lengths);
            steps = feature.forward(steps, &lengths);
        }
        let steps = self.projection.forward(self.features_norm.forward(steps));
        TimeSteps::new(self.dropout.forward(steps), lengths)
    }
}

impl SequenceEncoder for Wav2Vec2 {
    fn forward(&self, input: SequenceBatch) -> Encoded {
        let (samples, lengths) = step_values(input);
        let heard = self.heard(samples, lengths);
        let (lengths, present) = (heard.lengths(), heard.weights());
        let steps = heard.into_values();
        let told = self.positions.forward(steps.clone());
        let steps = match self.norm_place {
            NormPlace::After => self.norm.added(told, steps),
            NormPlace::Before => told + steps,
        };
        let steps = self.dropout.forward(steps);
        let read = EncoderBlock::through(&self.blocks, steps, Some(&present));
        let read = match self.norm_place {
            NormPlace::After => read,
            NormPlace::Before => self.norm.forward(read),
        };
        self.reduce.encoded(TimeSteps::new(read, lengths))
    }

    fn output_width(&self) -> usize {
        self.width
    }
}
