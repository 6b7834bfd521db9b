//! Networks for small machines, whose blocks were searched for.
//!
//! Source: Howard et al. 2019, "Searching for MobileNetV3" (<https://arxiv.org/abs/1905.02244>), as
//! `torchvision/models/mobilenetv3.py` and timm's `mobilenetv3.py` build it. What is handed on is the
//! mean of the last map, before the two layers of the classifier, which has no dropout here.

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

const STEM_WIDTH: usize = 16;
/// What a block squeezes into weights for its channels, or that it does not.
const SQUEEZES: bool = true;
const PLAIN: bool = false;

/// One block of a table: kernel, channels while it is wide, channels after it, whether it squeezes,
/// its function, and its stride.
type Row = (usize, usize, usize, bool, Activation, usize);

/// Table 1 of the paper.
const LARGE: [Row; 15] = [
    (3, 16, 16, PLAIN, Activation::Relu, 1),
    (3, 64, 24, PLAIN, Activation::Relu, 2),
    (3, 72, 24, PLAIN, Activation::Relu, 1),
    (5, 72, 40, SQUEEZES, Activation::Relu, 2),
    (5, 120, 40, SQUEEZES, Activation::Relu, 1),
    (5, 120, 40, SQUEEZES, Activation::Relu, 1),
    (3, 240, 80, PLAIN, Activation::HardSwish, 2),
    (3, 200, 80, PLAIN, Activation::HardSwish, 1),
    (3, 184, 80, PLAIN, Activation::HardSwish, 1),
    (3, 184, 80, PLAIN, Activation::HardSwish, 1),
    (3, 480, 112, SQUEEZES, Activation::HardSwish, 1),
    (3, 672, 112, SQUEEZES, Activation::HardSwish, 1),
    (5, 672, 160, SQUEEZES, Activation::HardSwish, 2),
    (5, 960, 160, SQUEEZES, Activation::HardSwish, 1),
    (5, 960, 160, SQUEEZES, Activation::HardSwish, 1),
];
/// Table 2.
const SMALL: [Row; 11] = [
    (3, 16, 16, SQUEEZES, Activation::Relu, 2),
    (3, 72, 24, PLAIN, Activation::Relu, 2),
    (3, 88, 24, PLAIN, Activation::Relu, 1),
    (5, 96, 40, SQUEEZES, Activation::HardSwish, 2),
    (5, 240, 40, SQUEEZES, Activation::HardSwish, 1),
    (5, 240, 40, SQUEEZES, Activation::HardSwish, 1),
    (5, 120, 48, SQUEEZES, Activation::HardSwish, 1),
    (5, 144, 48, SQUEEZES, Activation::HardSwish, 1),
    (5, 288, 96, SQUEEZES, Activation::HardSwish, 2),
    (5, 576, 96, SQUEEZES, Activation::HardSwish, 1),
    (5, 576, 96, SQUEEZES, Activation::HardSwish, 1),
];

/// Which of the two networks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// For more memory and time.
    #[default]
    Large,
    /// For less.
    Small,
}

impl Variant {
    fn rows(self) -> &'static [Row] {
        match self {
            Self::Large => &LARGE,
            Self::Small => &SMALL,
        }
    }

    /// Blocks of each of timm's stages.
    fn stages(self) -> &'static [usize] {
        match self {
            Self::Large => &[1, 2, 3, 4, 2, 3],
            Self::Small => &[1, 2, 3, 2, 3],
        }
    }

    /// Width between the two layers of the classifier.
    fn classifier_width(self) -> usize {
        match self {
            Self::Large => 1_280,
            Self::Small => 1_024,
        }
    }
}

/// `mobilenetv3`: blocks of convolutions channel by channel.
///
/// | field | default | range |
/// |---|---|---|
/// | `model_variant` | `large` | `large`, `small` |
/// | `zeros` | `symmetric` | see [`Zeros`]; `same` for timm's `tf_` weights |
/// | `norm_epsilon` | 1e-3 | above 0, at most 1; 1e-5 for timm's own weights |
/// | `output_layer` | `embedding` | see [`OutputLayer`] |
/// | `num_classes` | 1 000 | 1 to 65 536; of the logits |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MobileNetV3Config {
    /// Which of the networks.
    pub model_variant: Variant,
    /// Where the zeros lie.
    pub zeros: Zeros,
    /// Keeps the norms finite.
    pub norm_epsilon: f64,
    /// What is handed on.
    pub output_layer: OutputLayer,
    /// The number of classes of the logits.
    pub num_classes: usize,
}

impl Default for MobileNetV3Config {
    fn default() -> Self {
        Self {
            model_variant: Variant::Large,
            zeros: Zeros::Symmetric,
            // As torchvision.
            norm_epsilon: 1e-3,
            output_layer: OutputLayer::Embedding,
            num_classes: 1_000,
        }
    }
}

impl MobileNetV3Config {
    fn blocks(&self) -> Vec<InvertedResidualSizes> {
        let mut inputs = STEM_WIDTH;
        let block = |&(kernel, expanded, outputs, squeezes, activation, stride): &Row| {
            let sizes = InvertedResidualSizes {
                inputs,
                expanded,
                outputs,
                kernel,
                stride,
                squeezed: squeezes.then(|| in_eights(expanded as f64 / 4.0)),
                squeeze_functions: [Activation::Relu, Activation::HardSigmoid],
                activation,
                zeros: self.zeros,
                epsilon: self.norm_epsilon,
            };
            inputs = outputs;
            sizes
        };
        self.model_variant.rows().iter().map(block).collect()
    }

    fn modules(
        &self,
        [stem, head]: [[String; 2]; 2],
        classifier: [&str; 2],
        block: impl Fn(usize, &InvertedResidualSizes) -> BlockNames,
    ) -> Vec<(String, String)> {
        let mut modules = Vec::new();
        for (own, names) in [("stem", stem), ("head", head)] {
            let own = ["convolution", "norm"].map(|part| format!("{own}.convolution.{part}"));
            modules.extend(own.into_iter().zip(names));
        }
        for (own, theirs) in ["hidden.0", "linear"].into_iter().zip(classifier) {
            modules.push((format!("classifier.{own}"), theirs.to_owned()));
        }
        for (index, sizes) in self.blocks().iter().enumerate() {
            modules.extend(block(index, sizes).modules(&format!("blocks.{index}")));
        }
        modules
    }

    fn torchvision(&self) -> Naming {
        let ends = [0, self.model_variant.rows().len() + 1]
            .map(|place| [0, 1].map(|part| format!("features.{place}.{part}")));
        let modules = self.modules(ends, ["classifier.0", "classifier.3"], |index, sizes| {
            let block = format!("features.{}.block", index + 1);
            let step = |step: usize| [0, 1].map(|part| format!("{block}.{step}.{part}"));
            let depthwise = usize::from(sizes.expanded != sizes.inputs);
            let squeeze = depthwise + 1;
            BlockNames {
                expand: step(0),
                depthwise: step(depthwise),
                squeeze_excitation: [1, 2].map(|part| format!("{block}.{squeeze}.fc{part}")),
                project: step(squeeze + usize::from(sizes.squeezed.is_some())),
            }
        });
        Naming { publisher: "torchvision", modules, ignored: &["classifier."], ..Naming::default() }
    }

    fn timm(&self) -> Naming {
        let stages = self.model_variant.stages();
        let places: Vec<(usize, usize)> = (stages.iter().enumerate())
            .flat_map(|(stage, &blocks)| (0..blocks).map(move |place| (stage, place)))
            .collect();
        let last = format!("blocks.{}.0", stages.len());
        let ends = [
            ["conv_stem", "bn1"].map(str::to_owned),
            ["conv", "bn1"].map(|part| format!("{last}.{part}")),
        ];
        let modules = self.modules(ends, ["conv_head", "classifier"], |index, sizes| {
            let (stage, place) = places[index];
            BlockNames::of_timm(stage, place, sizes)
        });
        let ignored = &["conv_head.", "classifier."];
        Naming { publisher: "timm", modules, ignored, ..Naming::default() }
    }
}

/// A network whose blocks were searched for.
#[derive(Module, Debug)]
pub struct MobileNetV3 {
    stem: PaddedConvolution,
    blocks: Vec<InvertedResidual>,
    head: PaddedConvolution,
    classifier: Classifier,
}

impl Build for MobileNetV3 {
    type Config = MobileNetV3Config;
    type Input = GridInput;

    fn build(
        config: &MobileNetV3Config,
        input: &GridInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        check_color("mobilenetv3", input)?;
        in_range("norm_epsilon", config.norm_epsilon, f64::MIN_POSITIVE..=1.0)?;
        in_range("num_classes", config.num_classes, 1..=MAX_WIDTH)?;
        let blocks = config.blocks();
        let padded = |sizes: &ConvolutionSizes| {
            let scaling = Scaling::Norm(config.norm_epsilon);
            PaddedConvolution::new(sizes, config.zeros, scaling, Activation::HardSwish, device)
        };
        let last = blocks.last().expect("each variant has blocks").outputs;
        // Table 1: as many as the last block has while it is wide.
        let head = 6 * last;
        let classifies = config.output_layer != OutputLayer::Embedding;
        let hidden = [config.model_variant.classifier_width()];
        Ok(Self {
            stem: padded(&ConvolutionSizes::square(3, STEM_WIDTH, 3, 2)),
            blocks: blocks.iter().map(|sizes| InvertedResidual::new(sizes, device)).collect(),
            head: padded(&ConvolutionSizes::square(last, head, 1, 1)),
            classifier: Classifier::with_hidden(
                head,
                if classifies { &hidden } else { &[] },
                Activation::HardSwish,
                classifies.then_some(config.num_classes),
                device,
            )
            .giving(config.output_layer),
        })
    }

    fn namings(config: &MobileNetV3Config) -> Vec<Naming> {
        vec![config.torchvision(), config.timm()]
    }

    fn adopted(published: &Published) -> Result<Adopted, ConfigError> {
        let mut adopted = Adopted::default();
        let encoder = &mut adopted.encoder;
        if let Some(variant) = variant_of(&published.config, "mobilenetv3") {
            // Of networks of other widths there is no table.
            encoder.insert("model_variant".to_owned(), variant.trim_end_matches("_100").into());
        }
        let shapes = published.shapes();
        let architecture = published.config["architecture"].as_str().unwrap_or_default();
        if architecture.starts_with("tf_") {
            encoder.insert("zeros".to_owned(), "same".into());
        } else if shapes.contains("conv_stem.weight") {
            // timm's own.
            encoder.insert("norm_epsilon".to_owned(), 1e-5.into());
        }
        if let Some(classes) = shapes.first_size(&["classifier.3.weight", "classifier.weight"], 0) {
            encoder.insert("num_classes".to_owned(), classes.into());
        }
        adopted.preprocessing = picture_preprocessing(published, &imagenet(224, 256, "bilinear"));
        Ok(adopted)
    }
}

impl GridEncoder for MobileNetV3 {
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
