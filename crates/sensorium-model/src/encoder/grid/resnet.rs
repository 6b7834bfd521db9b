//! Residual networks.
//!
//! Source: He et al. 2016, "Deep Residual Learning" (<https://arxiv.org/abs/1512.03385>), as
//! `torchvision/models/resnet.py` builds it, with the stride of a bottleneck in its 3×3 convolution;
//! `transformers/models/resnet/modeling_resnet.py` has the same layers. One token for each cell of
//! the last map, and their mean as the pooled vector.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use sensorium_kernels::{Pool2dOptions, global_mean, max_pool2d};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::published::{check_color, picture_preprocessing, variant_of};
use super::{GridEncoder, GridInput};
use crate::encoder::classifier::{Classifier, OutputLayer};
use crate::layer::{Activation, ConvolutionSizes, MAX_WIDTH, NormedConvolution};
use crate::pretrained::{Adopted, Naming, Published, adopt};
use crate::{Build, Encoded};

/// PyTorch's default.
const EPSILON: f64 = 1e-5;
const VARIANTS: [usize; 5] = [18, 34, 50, 101, 152];

/// What a block is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LayerType {
    /// Two 3×3 convolutions.
    Basic,
    /// A narrow 3×3 convolution between two 1×1 ones.
    Bottleneck,
}

/// `resnet`: convolutions whose blocks add to what came in.
///
/// | field | default | range |
/// |---|---|---|
/// | `model_variant` | 50 | 18, 34, 50, 101, 152 |
/// | `layer_type` | that of the variant | see [`LayerType`] |
/// | `depths` | those of the variant | four numbers of blocks, 1 to 256 |
/// | `hidden_sizes` | those of the variant | four widths, 1 to 65 536 |
/// | `embedding_size` | 64 | 1 to 65 536; channels before the first block |
/// | `output_layer` | `embedding` | see [`OutputLayer`] |
/// | `num_classes` | 1 000 | 1 to 65 536; of the logits |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResNetConfig {
    /// The number of layers.
    pub model_variant: usize,
    /// What a block is made of.
    pub layer_type: Option<LayerType>,
    /// Blocks of each stage.
    pub depths: Option<[usize; 4]>,
    /// Channels after each stage.
    pub hidden_sizes: Option<[usize; 4]>,
    /// Channels before the first block.
    pub embedding_size: usize,
    /// What is handed on.
    pub output_layer: OutputLayer,
    /// The number of classes of the logits.
    pub num_classes: usize,
}

impl Default for ResNetConfig {
    fn default() -> Self {
        Self {
            model_variant: 50,
            layer_type: None,
            depths: None,
            hidden_sizes: None,
            embedding_size: 64,
            output_layer: OutputLayer::Embedding,
            num_classes: 1_000,
        }
    }
}

impl ResNetConfig {
    fn check(&self) -> Result<(), ConfigError> {
        if !VARIANTS.contains(&self.model_variant) {
            let expected = "18, 34, 50, 101 or 152";
            return Err(ConfigError::invalid("model_variant", self.model_variant, expected));
        }
        for depth in self.depths() {
            in_range("depths", depth, 1..=256)?;
        }
        for width in self.hidden_sizes() {
            in_range("hidden_sizes", width, 1..=MAX_WIDTH)?;
        }
        in_range("embedding_size", self.embedding_size, 1..=MAX_WIDTH)?;
        in_range("num_classes", self.num_classes, 1..=MAX_WIDTH)
    }

    fn layer_type(&self) -> LayerType {
        let usual = if self.model_variant < 50 { LayerType::Basic } else { LayerType::Bottleneck };
        self.layer_type.unwrap_or(usual)
    }

    fn depths(&self) -> [usize; 4] {
        self.depths.unwrap_or(match self.model_variant {
            18 => [2, 2, 2, 2],
            34 | 50 => [3, 4, 6, 3],
            101 => [3, 4, 23, 3],
            _ => [3, 8, 36, 3],
        })
    }

    fn hidden_sizes(&self) -> [usize; 4] {
        self.hidden_sizes.unwrap_or(match self.layer_type() {
            LayerType::Basic => [64, 128, 256, 512],
            LayerType::Bottleneck => [256, 512, 1024, 2048],
        })
    }

    /// Each block's stage and place in it.
    fn places(&self) -> impl Iterator<Item = (usize, usize)> {
        let depths = self.depths().into_iter().enumerate();
        depths.flat_map(|(stage, depth)| (0..depth).map(move |place| (stage, place)))
    }

    /// The names of convolutions and norms, from those of a publisher.
    fn naming(&self, names: &Names) -> Vec<(String, String)> {
        let mut modules = Vec::new();
        let mut add = |own: &str, [convolution, norm]: [String; 2]| {
            modules.push((format!("{own}.convolution"), convolution));
            modules.push((format!("{own}.norm"), norm));
        };
        add("stem", names.stem.map(str::to_owned));
        let convolutions = match self.layer_type() {
            LayerType::Basic => 2,
            LayerType::Bottleneck => 3,
        };
        for (index, place) in self.places().enumerate() {
            for number in 0..convolutions {
                let own = format!("blocks.{index}.convolutions.{number}");
                add(&own, (names.convolution)(place, number));
            }
            add(&format!("blocks.{index}.shortcut"), (names.shortcut)(place));
        }
        modules.push(("classifier.linear".to_owned(), names.classifier.to_owned()));
        modules
    }
}

/// How a publisher names the parts.
struct Names {
    stem: [&'static str; 2],
    /// From stage, block and number.
    convolution: fn((usize, usize), usize) -> [String; 2],
    shortcut: fn((usize, usize)) -> [String; 2],
    classifier: &'static str,
}

/// Convolutions beside a shortcut.
#[derive(Module, Debug)]
struct Block {
    convolutions: Vec<NormedConvolution>,
    shortcut: Option<NormedConvolution>,
}

impl Block {
    fn new(
        layer_type: LayerType,
        [inputs, outputs]: [usize; 2],
        stride: usize,
        device: &Device,
    ) -> Self {
        let narrow = outputs / 4;
        let sizes = match layer_type {
            LayerType::Basic => {
                vec![[inputs, outputs, 3, stride], [outputs, outputs, 3, 1]]
            }
            LayerType::Bottleneck => {
                vec![[inputs, narrow, 1, 1], [narrow, narrow, 3, stride], [narrow, outputs, 1, 1]]
            }
        };
        let normed = |[inputs, outputs, kernel, stride]: [usize; 4], activation| {
            let sizes = ConvolutionSizes::square(inputs, outputs, kernel, stride);
            NormedConvolution::new(&sizes, EPSILON, activation, device)
        };
        let shortcut = || normed([inputs, outputs, 1, stride], Activation::Identity);
        Self {
            convolutions: sizes.into_iter().map(|sizes| normed(sizes, Activation::Relu)).collect(),
            shortcut: (stride > 1 || inputs != outputs).then(shortcut),
        }
    }

    fn forward(&self, map: Tensor<4>) -> Tensor<4> {
        let shortcut = match &self.shortcut {
            Some(projection) => projection.forward(map.clone()),
            None => map.clone(),
        };
        let (last, before) = self.convolutions.split_last().expect("a block has convolutions");
        let map = before.iter().fold(map, |map, convolution| convolution.forward(map));
        last.added(map, shortcut)
    }
}

/// A residual network.
#[derive(Module, Debug)]
pub struct ResNet {
    stem: NormedConvolution,
    blocks: Vec<Block>,
    classifier: Classifier,
}

impl Build for ResNet {
    type Config = ResNetConfig;
    type Input = GridInput;

    fn build(
        config: &ResNetConfig,
        input: &GridInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        check_color("resnet", input)?;
        let widths = config.hidden_sizes();
        let mut inputs = config.embedding_size;
        let block = |(stage, place): (usize, usize)| {
            let (from, stride) = (inputs, if stage > 0 && place == 0 { 2 } else { 1 });
            inputs = widths[stage];
            Block::new(config.layer_type(), [from, inputs], stride, device)
        };
        let blocks = config.places().map(block).collect();
        let stem = ConvolutionSizes::square(3, config.embedding_size, 7, 2);
        let (output, classes) = (config.output_layer, config.num_classes);
        Ok(Self {
            stem: NormedConvolution::new(&stem, EPSILON, Activation::Relu, device),
            blocks,
            classifier: Classifier::new(output, widths[3], classes, device),
        })
    }

    fn namings(config: &ResNetConfig) -> Vec<Naming> {
        let torchvision = Names {
            stem: ["conv1", "bn1"],
            convolution: |(stage, block), number| {
                ["conv", "bn"]
                    .map(|kind| format!("layer{}.{block}.{kind}{}", stage + 1, number + 1))
            },
            shortcut: |(stage, block)| {
                ["0", "1"].map(|part| format!("layer{}.{block}.downsample.{part}", stage + 1))
            },
            classifier: "fc",
        };
        let transformers = Names {
            stem: ["embedder.embedder.convolution", "embedder.embedder.normalization"],
            convolution: |(stage, block), number| {
                ["convolution", "normalization"].map(|kind| {
                    format!("encoder.stages.{stage}.layers.{block}.layer.{number}.{kind}")
                })
            },
            shortcut: |(stage, block)| {
                ["convolution", "normalization"]
                    .map(|kind| format!("encoder.stages.{stage}.layers.{block}.shortcut.{kind}"))
            },
            classifier: "classifier.1",
        };
        vec![
            Naming {
                publisher: "torchvision and timm",
                modules: config.naming(&torchvision),
                ignored: &["fc."],
                ..Naming::default()
            },
            Naming {
                publisher: "transformers' ResNet",
                modules: config.naming(&transformers),
                prefixes: &["", "resnet."],
                ignored: &["classifier."],
                ..Naming::default()
            },
        ]
    }

    fn adopted(published: &Published) -> Result<Adopted, ConfigError> {
        let keys = ["layer_type", "depths", "hidden_sizes", "embedding_size"];
        let mut encoder = adopt(&published.config, &keys.map(|key| (key, key)));
        refuse_other_strides(&published.config)?;
        if let Some(variant) = variant_of(&published.config, "resnet") {
            encoder.insert("model_variant".to_owned(), whole(&variant)?);
        }
        Ok(Adopted { encoder, preprocessing: picture_preprocessing(published, &usual()) })
    }
}

/// Those of torchvision's weights, where no file says them.
fn usual() -> Map<String, Value> {
    super::published::imagenet(224, 256, "bilinear")
}

fn whole(variant: &str) -> Result<Value, ConfigError> {
    let number: Option<usize> = variant.parse().ok();
    let valid = VARIANTS.map(|variant| format!("resnet{variant}"));
    let unknown = || {
        ConfigError::unknown_value(
            "architecture",
            &format!("resnet{variant}"),
            valid.iter().map(String::as_str),
        )
    };
    number.map(Value::from).ok_or_else(unknown)
}

fn refuse_other_strides(config: &Value) -> Result<(), ConfigError> {
    for key in ["downsample_in_first_stage", "downsample_in_bottleneck"] {
        if config[key] == true {
            return Err(ConfigError::invalid(key, true, "false"));
        }
    }
    Ok(())
}

impl GridEncoder for ResNet {
    fn forward(&self, values: Tensor<4>) -> Encoded {
        let options = Pool2dOptions { kernel: [3; 2], stride: [2; 2], padding: [[1; 2]; 2] };
        let map = max_pool2d(self.stem.forward(values), &options);
        let map = self.blocks.iter().fold(map, |map, block| block.forward(map));
        self.classifier.encoded(global_mean(map.clone()), map)
    }

    fn output_width(&self) -> usize {
        self.classifier.output_width()
    }
}
