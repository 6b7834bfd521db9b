//! Transformers over the patches of a picture.
//!
//! Source: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words"
//! (<https://arxiv.org/abs/2010.11929>), as `transformers/models/vit/modeling_vit.py`, torchvision's
//! `vision_transformer.py` and timm's `vision_transformer.py` build it. The layer that transformers
//! puts after the class token is left out.

use burn::module::Module;
use burn::tensor::{Bool, Device, Tensor};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::published::{check_color, check_size, picture_preprocessing};
use super::{GridEncoder, GridInput};
use crate::encoder::classifier::{Classifier, OutputLayer};
use crate::encoder::patches::{PatchReduce, PatchSizes, Patches};
use crate::encoder::sequence::published::{check_heads, named_layers};
use crate::layer::{
    Activation, Bias, Dropout, EncoderBlock, EncoderBlockConfig, LayerNorm, MAX_WIDTH, NormPlace,
};
use crate::pretrained::{Adopted, Naming, Published, Shapes, adopt};
use crate::{Build, Encoded};

/// The most layers that a config may ask for.
const MAX_LAYERS: usize = 128;

/// `vit`: cuts a picture into patches, and lets each read every other.
///
/// | field | default | range |
/// |---|---|---|
/// | `image_size` | 224 | `patch_size` to 4 096 pixels; height and width of the column's pictures |
/// | `patch_size` | 16 | 1 to `image_size`, in pixels |
/// | `hidden_size` | 768 | 1 to 65 536; `num_attention_heads` divides it |
/// | `num_hidden_layers` | 12 | 1 to 128 |
/// | `num_attention_heads` | 12 | 1 to `hidden_size` |
/// | `intermediate_size` | 3 072 | 1 to 65 536; between a layer's two linear steps |
/// | `hidden_act` | `gelu` | see [`Activation`] |
/// | `hidden_dropout_prob` | 0 | 0 or more and below 1 |
/// | `qkv_bias` | true | whether queries, keys and values have a bias |
/// | `layer_norm_eps` | 1e-12 | above 0, at most 1; 1e-6 for torchvision and timm |
/// | `reduce_output` | `cls` | see [`PatchReduce`] |
/// | `output_layer` | `embedding` | see [`OutputLayer`] |
/// | `num_classes` | 1 000 | 1 to 65 536; of the logits |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VitConfig {
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

impl Default for VitConfig {
    fn default() -> Self {
        Self {
            image_size: 224,
            patch_size: 16,
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
            num_classes: 1_000,
        }
    }
}

impl VitConfig {
    fn check(&self, input: &GridInput) -> Result<(), ConfigError> {
        in_range("hidden_size", self.hidden_size, 1..=MAX_WIDTH)?;
        in_range("num_hidden_layers", self.num_hidden_layers, 1..=MAX_LAYERS)?;
        let (heads, width) = (self.num_attention_heads, self.hidden_size);
        check_heads("num_attention_heads", heads, "hidden_size", width)?;
        in_range("intermediate_size", self.intermediate_size, 1..=MAX_WIDTH)?;
        in_range("hidden_dropout_prob", self.hidden_dropout_prob, 0.0..1.0)?;
        in_range("layer_norm_eps", self.layer_norm_eps, f64::MIN_POSITIVE..=1.0)?;
        in_range("num_classes", self.num_classes, 1..=MAX_WIDTH)?;
        check_color("vit", input)?;
        check_size("vit", self.image_size, self.patch_size, input)
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
            channels: 3,
            map: [self.image_size; 2],
            patch: self.patch_size,
            stride: [self.patch_size; 2],
            width: self.hidden_size,
            bias: Bias::Learned,
            distillation: false,
        }
    }

    fn naming(&self, names: &Names) -> Naming {
        let [projection, class_token, positions, norm, classifier] = names.outside;
        let outside = [
            ("patches.projection", projection),
            ("patches.class_token", class_token),
            ("patches.positions", positions),
            ("norm", norm),
            ("classifier.linear", classifier),
        ];
        let [blocks, attention_norm, output, linear_norm, inner, outer] = names.block;
        let mut layers = vec![
            ("attention_norm", attention_norm),
            ("attention.output", output),
            ("linear_norm", linear_norm),
            ("inner", inner),
            ("outer", outer),
        ];
        layers.extend(names.attention);
        let mut modules = named_layers(&outside, self.num_hidden_layers, blocks, &layers);
        // torchvision writes `encoder_layer_0` where others write `layer.0`.
        for (_, theirs) in &mut modules {
            *theirs = theirs.replace("encoder_layer_.", "encoder_layer_");
        }
        Naming {
            publisher: names.publisher,
            modules,
            prefixes: &["", "vit."],
            ignored: &["pooler.", "classifier.", "heads.", "head."],
            ..Naming::default()
        }
    }
}

/// How a publisher names the parts.
struct Names {
    publisher: &'static str,
    /// Projection, class token, positions, last norm and classifier.
    outside: [&'static str; 5],
    /// The list of blocks; a block's norm before attention, step after the heads, norm before the
    /// linear steps, and these.
    block: [&'static str; 6],
    /// Query, key and value.
    attention: &'static [(&'static str, &'static str)],
}

const TRANSFORMERS: Names = Names {
    publisher: "transformers' ViT",
    outside: [
        "embeddings.patch_embeddings.projection",
        "embeddings.cls_token",
        "embeddings.position_embeddings",
        "layernorm",
        "classifier",
    ],
    block: [
        "encoder.layer",
        "layernorm_before",
        "attention.output.dense",
        "layernorm_after",
        "intermediate.dense",
        "output.dense",
    ],
    attention: &[
        ("attention.query", "attention.attention.query"),
        ("attention.key", "attention.attention.key"),
        ("attention.value", "attention.attention.value"),
    ],
};

const TORCHVISION: Names = Names {
    publisher: "torchvision",
    outside: ["conv_proj", "class_token", "encoder.pos_embedding", "encoder.ln", "heads.head"],
    block: [
        "encoder.layers.encoder_layer_",
        "ln_1",
        "self_attention.out_proj",
        "ln_2",
        "mlp.0",
        "mlp.3",
    ],
    attention: &[
        ("attention.query.weight", "self_attention.in_proj_weight[0/3]"),
        ("attention.key.weight", "self_attention.in_proj_weight[1/3]"),
        ("attention.value.weight", "self_attention.in_proj_weight[2/3]"),
        ("attention.query.bias", "self_attention.in_proj_bias[0/3]"),
        ("attention.key.bias", "self_attention.in_proj_bias[1/3]"),
        ("attention.value.bias", "self_attention.in_proj_bias[2/3]"),
    ],
};

const TIMM: Names = Names {
    publisher: "timm",
    outside: ["patch_embed.proj", "cls_token", "pos_embed", "norm", "head"],
    block: ["blocks", "norm1", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"],
    attention: &[
        ("attention.query", "attn.qkv[0/3]"),
        ("attention.key", "attn.qkv[1/3]"),
        ("attention.value", "attn.qkv[2/3]"),
    ],
};

/// A transformer over the patches of a picture.
#[derive(Module, Debug)]
pub struct Vit {
    patches: Patches,
    dropout: Dropout,
    blocks: Vec<EncoderBlock>,
    norm: LayerNorm,
    classifier: Classifier,
    #[module(skip)]
    reduce: PatchReduce,
}

impl Build for Vit {
    type Config = VitConfig;
    type Input = GridInput;

    fn build(config: &VitConfig, input: &GridInput, device: &Device) -> Result<Self, ConfigError> {
        config.check(input)?;
        let (width, block) = (config.hidden_size, config.block());
        let (output, classes) = (config.output_layer, config.num_classes);
        Ok(Self {
            patches: Patches::new(&config.patches(), device),
            dropout: Dropout::new(config.hidden_dropout_prob),
            blocks: (0..config.num_hidden_layers)
                .map(|_| EncoderBlock::new(&block, device))
                .collect(),
            norm: LayerNorm::with_epsilon(width, config.layer_norm_eps, device),
            classifier: Classifier::new(output, width, classes, device),
            reduce: config.reduce_output,
        })
    }

    fn namings(config: &VitConfig) -> Vec<Naming> {
        [TRANSFORMERS, TORCHVISION, TIMM].map(|names| config.naming(&names)).into()
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
            "hidden_dropout_prob",
            "qkv_bias",
            "layer_norm_eps",
        ];
        let shapes = published.shapes();
        let mut encoder = by_shapes(&shapes);
        encoder.extend(adopt(&published.config, &keys.map(|key| (key, key))));
        let classifiers = ["classifier.weight", "heads.head.weight", "head.weight"];
        if let Some(classes) = shapes.first_size(&classifiers, 0) {
            encoder.insert("num_classes".to_owned(), classes.into());
        }
        let side = encoder.get("image_size").and_then(Value::as_u64).unwrap_or(224);
        Ok(Adopted { encoder, preprocessing: picture_preprocessing(published, &usual(side)) })
    }
}

/// As Google's weights were trained.
fn usual(side: u64) -> Map<String, Value> {
    let half = json!([0.5, 0.5, 0.5]);
    let keys = json!({
        "height": side,
        "width": side,
        "resize_method": "interpolate",
        "interpolation": "bilinear",
        "standardize_image": {"mean": half, "std": half},
    });
    keys.as_object().cloned().unwrap_or_default()
}

/// The sizes of torchvision's and timm's networks, whose files have no config that says them.
fn by_shapes(shapes: &Shapes) -> Map<String, Value> {
    let of = |names: &Names, inner: &str| {
        let [projection, _, positions, ..] = names.outside;
        let [blocks, norm, ..] = names.block;
        let block = |index: usize, part: &str| {
            format!("{blocks}.{index}.{part}.weight").replace("encoder_layer_.", "encoder_layer_")
        };
        let width = shapes.size(&format!("{projection}.weight"), 0)?;
        let patch = shapes.size(&format!("{projection}.weight"), 2)?;
        let patches = shapes.size(positions, 1)?.checked_sub(1)?;
        let mut keys = json!({
            "hidden_size": width,
            "patch_size": patch,
            "image_size": patches.isqrt() * patch,
            "num_hidden_layers": shapes.count(|index| block(index, norm)),
            "intermediate_size": shapes.size(&block(0, inner), 0)?,
            "layer_norm_eps": 1e-6,
        });
        // Of all published sizes; no shape tells it.
        let heads = if width == 1_280 { 16 } else { width / 64 };
        if heads > 0 {
            keys["num_attention_heads"] = heads.into();
        }
        keys.as_object().cloned()
    };
    of(&TORCHVISION, "mlp.0").or_else(|| of(&TIMM, "mlp.fc1")).unwrap_or_default()
}

impl GridEncoder for Vit {
    fn forward(&self, values: Tensor<4>) -> Encoded {
        let tokens = self.dropout.forward(self.patches.forward(values));
        let tokens = EncoderBlock::through(&self.blocks, tokens, None);
        let tokens = self.norm.forward(tokens);
        let [rows, num_tokens, _] = tokens.dims();
        let pooled = self.patches.reduce(tokens.clone(), self.reduce);
        let mask = Tensor::<2, Bool>::full([rows, num_tokens], true, &tokens.device());
        let tokens = self.classifier.forward(tokens);
        Encoded { pooled: self.classifier.forward(pooled), tokens, mask }
    }

    fn output_width(&self) -> usize {
        self.classifier.output_width()
    }
}
