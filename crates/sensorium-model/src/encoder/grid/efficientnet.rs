//! Networks whose depth, width and resolution grow together.
//!
//! Source: Tan and Le 2019, "EfficientNet" (<https://arxiv.org/abs/1905.11946>), as
//! `torchvision/models/efficientnet.py` and timm's `efficientnet.py` build it. The Lite variants have
//! no squeeze and excitation, `ReLU6` in place of `SiLU`, and a stem and head that do not grow
//! (`tensorflow/tpu`, `models/official/efficientnet/lite`).

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use sensorium_kernels::global_mean;
use serde::{Deserialize, Serialize};

use super::inverted_residual::{
    BlockNames, InvertedResidual, InvertedResidualSizes, PaddedConvolution, Zeros, in_eights,
};
use super::published::{check_color, imagenet, picture_preprocessing, variant_of};
use super::{GridEncoder, GridInput};
use crate::encoder::classifier::{Classifier, OutputLayer};
use crate::layer::{Activation, ConvolutionSizes, MAX_WIDTH, Scaling};
use crate::pretrained::{Adopted, Naming, Published};
use crate::{Build, Encoded};

/// `expand`, `kernel`, `stride`, channels and blocks of each stage of B0; table 1 of the paper.
const STAGES: [[usize; 5]; 7] = [
    [1, 3, 1, 16, 1],
    [6, 3, 2, 24, 2],
    [6, 5, 2, 40, 2],
    [6, 3, 2, 80, 3],
    [6, 5, 1, 112, 3],
    [6, 5, 2, 192, 4],
    [6, 3, 1, 320, 1],
];
const STEM_WIDTH: usize = 32;
const HEAD_WIDTH: usize = 1280;

/// The variants, with what the stages of B0 are multiplied with, and the side of the pictures that
/// they were trained on.
const VARIANTS: [(&str, f64, f64, usize); 13] = [
    ("b0", 1.0, 1.0, 224),
    ("b1", 1.0, 1.1, 240),
    ("b2", 1.1, 1.2, 288),
    ("b3", 1.2, 1.4, 300),
    ("b4", 1.4, 1.8, 380),
    ("b5", 1.6, 2.2, 456),
    ("b6", 1.8, 2.6, 528),
    ("b7", 2.0, 3.1, 600),
    ("lite0", 1.0, 1.0, 224),
    ("lite1", 1.0, 1.1, 240),
    ("lite2", 1.1, 1.2, 260),
    ("lite3", 1.2, 1.4, 280),
    ("lite4", 1.4, 1.8, 300),
];

/// `efficientnet`: blocks of convolutions channel by channel.
///
/// | field | default | range |
/// |---|---|---|
/// | `model_variant` | `b0` | `b0` to `b7`, `lite0` to `lite4` |
/// | `zeros` | `symmetric`, for Lite `same` | see [`Zeros`]; `same` for timm's `tf_` weights |
/// | `norm_epsilon` | 1e-5, from `b5` and for Lite 1e-3 | above 0, at most 1 |
/// | `output_layer` | `embedding` | see [`OutputLayer`] |
/// | `num_classes` | 1 000 | 1 to 65 536; of the logits |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EfficientNetConfig {
    /// Which of the networks.
    pub model_variant: String,
    /// Where the zeros lie.
    pub zeros: Option<Zeros>,
    /// Keeps the norms finite.
    pub norm_epsilon: Option<f64>,
    /// What is handed on.
    pub output_layer: OutputLayer,
    /// The number of classes of the logits.
    pub num_classes: usize,
}

impl Default for EfficientNetConfig {
    fn default() -> Self {
        Self {
            model_variant: "b0".to_owned(),
            zeros: None,
            norm_epsilon: None,
            output_layer: OutputLayer::Embedding,
            num_classes: 1_000,
        }
    }
}

/// A variant's network.
struct Plan {
    is_lite: bool,
    zeros: Zeros,
    stem: usize,
    head: usize,
    /// Each block, with its stage and its place there.
    blocks: Vec<(usize, usize, InvertedResidualSizes)>,
    activation: Activation,
    epsilon: f64,
}

impl EfficientNetConfig {
    fn plan(&self) -> Result<Plan, ConfigError> {
        let name = self.model_variant.as_str();
        let Some(&(_, width, depth, _)) = VARIANTS.iter().find(|(variant, ..)| *variant == name)
        else {
            let valid = VARIANTS.iter().map(|(variant, ..)| *variant);
            return Err(ConfigError::unknown_value("model_variant", name, valid));
        };
        let is_lite = name.starts_with("lite");
        // As torchvision and timm's `tf_` weights have them.
        let usual = if is_lite || ["b5", "b6", "b7"].contains(&name) { 1e-3 } else { 1e-5 };
        let epsilon = self.norm_epsilon.unwrap_or(usual);
        in_range("norm_epsilon", epsilon, f64::MIN_POSITIVE..=1.0)?;
        in_range("num_classes", self.num_classes, 1..=MAX_WIDTH)?;
        let scaled = |channels: usize| in_eights(channels as f64 * width);
        let fixed = |channels| if is_lite { channels } else { scaled(channels) };
        let activation = if is_lite { Activation::Relu6 } else { Activation::Silu };
        // Lite weights come from TensorFlow.
        let usual = if is_lite { Zeros::Same } else { Zeros::Symmetric };
        let zeros = self.zeros.unwrap_or(usual);
        let mut plan = Plan {
            is_lite,
            zeros,
            stem: fixed(STEM_WIDTH),
            head: fixed(HEAD_WIDTH),
            blocks: Vec::new(),
            activation,
            epsilon,
        };
        let mut inputs = plan.stem;
        for (stage, [expand, kernel, stride, channels, blocks]) in STAGES.into_iter().enumerate() {
            // Neither end of a Lite network grows deeper.
            let is_end = is_lite && [0, STAGES.len() - 1].contains(&stage);
            let depth = if is_end { blocks } else { deeper(blocks, depth) };
            for place in 0..depth {
                let sizes = InvertedResidualSizes {
                    inputs,
                    expanded: inputs * expand,
                    outputs: scaled(channels),
                    kernel,
                    stride: if place == 0 { stride } else { 1 },
                    squeezed: (!is_lite).then_some((inputs / 4).max(1)),
                    squeeze_functions: [activation, Activation::Sigmoid],
                    activation,
                    zeros,
                    epsilon,
                };
                inputs = sizes.outputs;
                plan.blocks.push((stage, place, sizes));
            }
        }
        Ok(plan)
    }

    fn side(&self) -> usize {
        let variant = VARIANTS.iter().find(|(name, ..)| *name == self.model_variant);
        variant.map_or(224, |(.., side)| *side)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few dozen blocks at most"
)]
fn deeper(blocks: usize, depth: f64) -> usize {
    (blocks as f64 * depth).ceil() as usize
}

/// A network whose depth and width were grown together.
#[derive(Module, Debug)]
pub struct EfficientNet {
    stem: PaddedConvolution,
    blocks: Vec<InvertedResidual>,
    head: PaddedConvolution,
    classifier: Classifier,
}

impl Build for EfficientNet {
    type Config = EfficientNetConfig;
    type Input = GridInput;

    fn build(
        config: &EfficientNetConfig,
        input: &GridInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        check_color("efficientnet", input)?;
        let plan = config.plan()?;
        let padded = |sizes: &ConvolutionSizes| {
            let scaling = Scaling::Norm(plan.epsilon);
            PaddedConvolution::new(sizes, plan.zeros, scaling, plan.activation, device)
        };
        let last = plan.blocks.last().map_or(plan.stem, |(.., sizes)| sizes.outputs);
        let (output, classes) = (config.output_layer, config.num_classes);
        let blocks = plan.blocks.iter().map(|(.., sizes)| InvertedResidual::new(sizes, device));
        Ok(Self {
            stem: padded(&ConvolutionSizes::square(3, plan.stem, 3, 2)),
            blocks: blocks.collect(),
            head: padded(&ConvolutionSizes::square(last, plan.head, 1, 1)),
            classifier: Classifier::new(output, plan.head, classes, device),
        })
    }

    fn namings(config: &EfficientNetConfig) -> Vec<Naming> {
        let Ok(plan) = config.plan() else { return Vec::new() };
        vec![plan.torchvision(), plan.timm(), plan.efficientnet_pytorch()]
    }

    fn adopted(published: &Published) -> Result<Adopted, ConfigError> {
        let mut adopted = Adopted::default();
        let mut config = EfficientNetConfig::default();
        if let Some(variant) = variant_of(&published.config, "efficientnet") {
            adopted.encoder.insert("model_variant".to_owned(), variant.clone().into());
            config.model_variant = variant;
        }
        let architecture = published.config["architecture"].as_str().unwrap_or_default();
        if architecture.starts_with("tf_") {
            adopted.encoder.insert("zeros".to_owned(), "same".into());
            adopted.encoder.insert("norm_epsilon".to_owned(), 1e-3.into());
        } else if !architecture.is_empty() {
            // timm's own, of every variant.
            adopted.encoder.insert("zeros".to_owned(), "symmetric".into());
            adopted.encoder.insert("norm_epsilon".to_owned(), 1e-5.into());
        }
        let usual = imagenet(config.side(), config.side() * 8 / 7, "bicubic");
        adopted.preprocessing = picture_preprocessing(published, &usual);
        Ok(adopted)
    }
}

impl Plan {
    fn modules(
        &self,
        [stem, head]: [[&str; 2]; 2],
        classifier: &str,
        block: impl Fn(usize, usize, usize, &InvertedResidualSizes) -> BlockNames,
    ) -> Vec<(String, String)> {
        let pair = |own: &str, theirs: &str| (own.to_owned(), theirs.to_owned());
        let mut modules = vec![
            pair("stem.convolution.convolution", stem[0]),
            pair("stem.convolution.norm", stem[1]),
            pair("head.convolution.convolution", head[0]),
            pair("head.convolution.norm", head[1]),
            pair("classifier.linear", classifier),
        ];
        for (index, (stage, place, sizes)) in self.blocks.iter().enumerate() {
            let names = block(index, *stage, *place, sizes);
            modules.extend(names.modules(&format!("blocks.{index}")));
        }
        modules
    }

    fn torchvision(&self) -> Naming {
        let modules = self.modules(
            [["features.0.0", "features.0.1"], ["features.8.0", "features.8.1"]],
            "classifier.1",
            |_, stage, place, sizes| {
                let first = usize::from(sizes.expanded != sizes.inputs);
                let block = format!("features.{}.{place}.block", stage + 1);
                let step = |step: usize| [0, 1].map(|part| format!("{block}.{step}.{part}"));
                let squeeze = first + 1;
                BlockNames {
                    expand: step(0),
                    depthwise: step(first),
                    squeeze_excitation: [1, 2].map(|part| format!("{block}.{squeeze}.fc{part}")),
                    project: step(squeeze + usize::from(!self.is_lite)),
                }
            },
        );
        Naming { publisher: "torchvision", modules, ignored: &["classifier."], ..Naming::default() }
    }

    fn timm(&self) -> Naming {
        let modules = self.modules(
            [["conv_stem", "bn1"], ["conv_head", "bn2"]],
            "classifier",
            |_, stage, place, sizes| BlockNames::of_timm(stage, place, sizes),
        );
        Naming { publisher: "timm", modules, ignored: &["classifier."], ..Naming::default() }
    }

    /// The package `efficientnet_pytorch` and those made from it.
    fn efficientnet_pytorch(&self) -> Naming {
        let modules = self.modules(
            [["_conv_stem", "_bn0"], ["_conv_head", "_bn1"]],
            "_fc",
            |index, _, _, _| {
                let block = format!("_blocks.{index}");
                let step = |convolution: &str, norm: usize| {
                    [format!("{block}._{convolution}_conv"), format!("{block}._bn{norm}")]
                };
                BlockNames {
                    expand: step("expand", 0),
                    depthwise: step("depthwise", 1),
                    squeeze_excitation: ["reduce", "expand"]
                        .map(|part| format!("{block}._se_{part}")),
                    project: step("project", 2),
                }
            },
        );
        Naming {
            publisher: "EfficientNet-PyTorch",
            modules,
            ignored: &["_fc."],
            ..Naming::default()
        }
    }
}

impl GridEncoder for EfficientNet {
    fn forward(&self, values: Tensor<4>) -> Encoded {
        let map = self.stem.forward(values);
        let map = self.blocks.iter().fold(map, |map, block| block.forward(map));
        let map = self.head.forward(map);
        self.classifier.encoded(global_mean(map.clone()), map)
    }

    fn output_width(&self) -> usize {
        self.classifier.output_width()
    }
}
