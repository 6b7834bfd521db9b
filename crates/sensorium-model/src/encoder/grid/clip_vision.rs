//! The tower of CLIP that reads pictures.
//!
//! Source: Radford et al. 2021, "Learning Transferable Visual Models From Natural Language
//! Supervision", section 2.4 (<https://arxiv.org/abs/2103.00020>), as
//! `transformers/models/clip/modeling_clip.py` builds it. The pooled vector is the class token after a
//! norm of its own, before it is projected to where texts are; the tokens are those before that norm.

use burn::module::Module;
use burn::tensor::{Bool, Device, Tensor};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::published::{check_color, check_size, picture_preprocessing};
use super::{GridEncoder, GridInput};
use crate::encoder::patches::{PatchSizes, Patches};
use crate::encoder::sequence::published::{CLIP_LAYERS, check_heads, named_layers, part_of_clip};
use crate::layer::{
    Activation, Bias, EncoderBlock, EncoderBlockConfig, LayerNorm, MAX_WIDTH, NormPlace,
};
use crate::pretrained::{Adopted, Naming, Published, adopt};
use crate::{Build, Encoded};

/// The most layers that a config may ask for.
const MAX_LAYERS: usize = 128;

/// `clip_vision`: cuts a picture into patches, and lets each read every other.
///
/// | field | default | range |
/// |---|---|---|
/// | `image_size` | 224 | `patch_size` to 4 096 pixels; height and width of the column's pictures |
/// | `patch_size` | 32 | 1 to `image_size`, in pixels |
/// | `hidden_size` | 768 | 1 to 65 536; `num_attention_heads` divides it |
/// | `num_hidden_layers` | 12 | 1 to 128 |
/// | `num_attention_heads` | 12 | 1 to `hidden_size` |
/// | `intermediate_size` | 3 072 | 1 to 65 536; between a layer's two linear steps |
/// | `hidden_act` | `quick_gelu` | see [`Activation`] |
/// | `attention_dropout` | 0 | 0 or more and below 1 |
/// | `layer_norm_eps` | 1e-5 | above 0, at most 1 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClipVisionConfig {
    /// Height and width of pictures, in pixels.
    pub image_size: usize,
    /// Height and width of a patch, in pixels.
    pub patch_size: usize,
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
    /// Keeps the norms finite.
    pub layer_norm_eps: f64,
}

impl Default for ClipVisionConfig {
    fn default() -> Self {
        Self {
            image_size: 224,
            patch_size: 32,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            hidden_act: Activation::QuickGelu,
            attention_dropout: 0.0,
            layer_norm_eps: 1e-5,
        }
    }
}

impl ClipVisionConfig {
    fn check(&self, input: &GridInput) -> Result<(), ConfigError> {
        in_range("hidden_size", self.hidden_size, 1..=MAX_WIDTH)?;
        in_range("num_hidden_layers", self.num_hidden_layers, 1..=MAX_LAYERS)?;
        let (heads, width) = (self.num_attention_heads, self.hidden_size);
        check_heads("num_attention_heads", heads, "hidden_size", width)?;
        in_range("intermediate_size", self.intermediate_size, 1..=MAX_WIDTH)?;
        in_range("attention_dropout", self.attention_dropout, 0.0..1.0)?;
        in_range("layer_norm_eps", self.layer_norm_eps, f64::MIN_POSITIVE..=1.0)?;
        check_color("clip_vision", input)?;
        check_size("clip_vision", self.image_size, self.patch_size, input)
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
            causal: false,
            dropout: self.attention_dropout,
        }
    }

    fn patches(&self) -> PatchSizes {
        PatchSizes {
            channels: 3,
            map: [self.image_size; 2],
            patch: self.patch_size,
            stride: [self.patch_size; 2],
            width: self.hidden_size,
            bias: Bias::None,
            distillation: false,
        }
    }
}

/// The tower of CLIP that reads pictures.
#[derive(Module, Debug)]
pub struct ClipVision {
    patches: Patches,
    norm_before: LayerNorm,
    blocks: Vec<EncoderBlock>,
    norm_after: LayerNorm,
    width: usize,
}

impl Build for ClipVision {
    type Config = ClipVisionConfig;
    type Input = GridInput;

    fn build(
        config: &ClipVisionConfig,
        input: &GridInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        config.check(input)?;
        let (width, block) = (config.hidden_size, config.block());
        let norm = || LayerNorm::with_epsilon(width, config.layer_norm_eps, device);
        Ok(Self {
            patches: Patches::new(&config.patches(), device),
            norm_before: norm(),
            blocks: (0..config.num_hidden_layers)
                .map(|_| EncoderBlock::new(&block, device))
                .collect(),
            norm_after: norm(),
            width,
        })
    }

    fn namings(config: &ClipVisionConfig) -> Vec<Naming> {
        let outside = [
            ("patches.projection", "embeddings.patch_embedding"),
            ("patches.class_token", "embeddings.class_embedding"),
            ("patches.positions", "embeddings.position_embedding.weight"),
            // Misspelt where it was published.
            ("norm_before", "pre_layrnorm"),
            ("norm_after", "post_layernorm"),
        ];
        let blocks = config.num_hidden_layers;
        vec![Naming {
            publisher: "transformers' CLIP",
            modules: named_layers(&outside, blocks, "encoder.layers", &CLIP_LAYERS),
            prefixes: &["", "vision_model."],
            ignored: &["visual_projection."],
            ..Naming::default()
        }]
    }

    fn adopted(published: &Published) -> Result<Adopted, ConfigError> {
        let keys = [
            "image_size",
            "patch_size",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
            "hidden_act",
            "attention_dropout",
            "layer_norm_eps",
        ];
        let config = part_of_clip(&published.config, "vision_config");
        let encoder = adopt(config, &keys.map(|key| (key, key)));
        let side = config["image_size"].as_u64().unwrap_or(224);
        Ok(Adopted { encoder, preprocessing: picture_preprocessing(published, &usual(side)) })
    }
}

/// As `CLIPImageProcessor` unless a file says otherwise.
fn usual(side: u64) -> Map<String, Value> {
    let keys = json!({
        "height": side,
        "width": side,
        "resize_method": "center_crop",
        "shortest_edge": side,
        "interpolation": "bicubic",
        "standardize_image": {
            "mean": [0.481_454_66, 0.457_827_5, 0.408_210_73],
            "std": [0.268_629_54, 0.261_302_58, 0.275_777_11],
        },
    });
    keys.as_object().cloned().unwrap_or_default()
}

impl GridEncoder for ClipVision {
    fn forward(&self, values: Tensor<4>) -> Encoded {
        let tokens = self.norm_before.forward(self.patches.forward(values));
        let tokens = EncoderBlock::through(&self.blocks, tokens, None);
        let [rows, num_tokens, _] = tokens.dims();
        let class_token: Tensor<2> = tokens.clone().narrow(1, 0, 1).squeeze_dim(1);
        let mask = Tensor::<2, Bool>::full([rows, num_tokens], true, &tokens.device());
        Encoded { pooled: self.norm_after.forward(class_token), tokens, mask }
    }

    fn output_width(&self) -> usize {
        self.width
    }
}
