//! Very deep networks of small convolutions.
//!
//! Source: Simonyan and Zisserman 2015, "Very Deep Convolutional Networks"
//! (<https://arxiv.org/abs/1409.1556>), as `torchvision/models/vgg.py` builds them; timm's `vgg.py` has
//! the layers of the classifier as convolutions. Differs from both: the pooled vector is the mean of
//! the last map unless `pooling` asks for the classifier, which has no dropout here.

use burn::module::Module;
use burn::tensor::module::adaptive_avg_pool2d;
use burn::tensor::{Device, Tensor};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use sensorium_kernels::{Pool2dOptions, global_mean, max_pool2d};
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::published::{check_color, imagenet, picture_preprocessing, variant_of};
use super::{GridEncoder, GridInput};
use crate::encoder::classifier::{Classifier, OutputLayer};
use crate::layer::{Activation, ConvolutionSizes, MAX_WIDTH, NormedConvolution, Scaling};
use crate::pretrained::{Adopted, Naming, Published, Shapes};
use crate::{Build, Encoded};

/// PyTorch's default.
const EPSILON: f64 = 1e-5;
/// Convolutions before each pooling; table 1 of the paper.
const VARIANTS: [(usize, [usize; 5]); 4] =
    [(11, [1, 1, 2, 2, 2]), (13, [2; 5]), (16, [2, 2, 3, 3, 3]), (19, [2, 2, 4, 4, 4])];
const WIDTHS: [usize; 5] = [64, 128, 256, 512, 512];
/// The side of the map that the classifier reads, and the widths of its layers.
const CLASSIFIER_SIDE: usize = 7;
const CLASSIFIER_WIDTHS: [usize; 2] = [4096; 2];
/// The least side that is left of after five poolings.
const MIN_SIDE: usize = 32;

/// What is read from the last map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// Its mean, with each cell a token.
    #[default]
    Mean,
    /// The 4 096 numbers that the classifier's last layer reads, as one token.
    Classifier,
}

/// `vgg`: 3×3 convolutions, halving the picture five times.
///
/// | field | default | range |
/// |---|---|---|
/// | `model_variant` | 16 | 11, 13, 16, 19 |
/// | `batch_norm` | false | |
/// | `pooling` | `mean` | see [`Pooling`] |
/// | `output_layer` | `embedding` | see [`OutputLayer`]; classes need `pooling: classifier` |
/// | `num_classes` | 1 000 | 1 to 65 536; of the logits |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VggConfig {
    /// The number of layers.
    pub model_variant: usize,
    /// Whether a batch norm follows each convolution.
    pub batch_norm: bool,
    /// What is read from the last map.
    pub pooling: Pooling,
    /// What is handed on.
    pub output_layer: OutputLayer,
    /// The number of classes of the logits.
    pub num_classes: usize,
}

impl Default for VggConfig {
    fn default() -> Self {
        Self {
            model_variant: 16,
            batch_norm: false,
            pooling: Pooling::Mean,
            output_layer: OutputLayer::Embedding,
            num_classes: 1_000,
        }
    }
}

impl VggConfig {
    /// The number of convolutions before each pooling.
    fn depths(&self) -> Result<[usize; 5], ConfigError> {
        let known = VARIANTS.iter().find(|(variant, _)| *variant == self.model_variant);
        known.map(|&(_, depths)| depths).ok_or_else(|| {
            ConfigError::invalid("model_variant", self.model_variant, "11, 13, 16 or 19")
        })
    }

    fn check(&self, input: &GridInput) -> Result<[usize; 5], ConfigError> {
        check_color("vgg", input)?;
        in_range("num_classes", self.num_classes, 1..=MAX_WIDTH)?;
        if self.output_layer != OutputLayer::Embedding && self.pooling == Pooling::Mean {
            return Err(ConfigError::Conflict {
                at: "output_layer".to_owned(),
                problem: "classes are told by the classifier, but `pooling` is `mean`".to_owned(),
                advice: "set `pooling` to `classifier`".to_owned(),
            });
        }
        if input.height.min(input.width) < MIN_SIDE {
            let GridInput { height, width, .. } = *input;
            return Err(ConfigError::Conflict {
                at: "type".to_owned(),
                problem: format!(
                    "the encoder `vgg` halves pictures five times, but these are {height}x{width}"
                ),
                advice: format!("set `preprocessing.height` and `width` to {MIN_SIDE} or more"),
            });
        }
        self.depths()
    }

    /// Places of the convolutions in the publishers' list of layers.
    fn places(&self) -> Vec<usize> {
        let each = if self.batch_norm { 3 } else { 2 };
        let mut place = 0;
        let mut places = Vec::new();
        for depth in self.depths().unwrap_or_default() {
            places.extend((0..depth).map(|index| place + index * each));
            place += depth * each + 1;
        }
        places
    }

    fn naming(&self, publisher: &'static str, classifier: [&str; 3]) -> Naming {
        let mut modules = Vec::new();
        for (index, place) in self.places().into_iter().enumerate() {
            let own = |part| format!("convolutions.{index}.{part}");
            modules.push((own("convolution"), format!("features.{place}")));
            modules.push((own("norm"), format!("features.{}", place + 1)));
        }
        let own = ["classifier.hidden.0", "classifier.hidden.1", "classifier.linear"];
        modules.extend(
            own.into_iter()
                .zip(classifier)
                .map(|(own, theirs)| (own.to_owned(), theirs.to_owned())),
        );
        let ignored = &["classifier.", "pre_logits.", "head."];
        Naming { publisher, modules, ignored, ..Naming::default() }
    }
}

/// Convolutions of 3×3, halving the picture five times.
#[derive(Module, Debug)]
pub struct Vgg {
    convolutions: Vec<NormedConvolution>,
    classifier: Classifier,
    /// Convolutions before each pooling.
    #[module(skip)]
    depths: [usize; 5],
    #[module(skip)]
    pooling: Pooling,
}

impl Build for Vgg {
    type Config = VggConfig;
    type Input = GridInput;

    fn build(config: &VggConfig, input: &GridInput, device: &Device) -> Result<Self, ConfigError> {
        let depths = config.check(input)?;
        let scaling = if config.batch_norm { Scaling::BiasAndNorm(EPSILON) } else { Scaling::Bias };
        let mut inputs = 3;
        let mut convolutions = Vec::new();
        for (depth, width) in depths.into_iter().zip(WIDTHS) {
            for _ in 0..depth {
                let sizes = ConvolutionSizes::square(inputs, width, 3, 1);
                let convolution =
                    NormedConvolution::scaled(&sizes, scaling, Activation::Relu, device);
                convolutions.push(convolution);
                inputs = width;
            }
        }
        let classifier = match config.pooling {
            Pooling::Mean => Classifier::with_hidden(inputs, &[], Activation::Relu, None, device),
            Pooling::Classifier => {
                let num_classes = config.output_layer != OutputLayer::Embedding;
                Classifier::with_hidden(
                    inputs * CLASSIFIER_SIDE * CLASSIFIER_SIDE,
                    &CLASSIFIER_WIDTHS,
                    Activation::Relu,
                    num_classes.then_some(config.num_classes),
                    device,
                )
                .giving(config.output_layer)
            }
        };
        Ok(Self { convolutions, classifier, depths, pooling: config.pooling })
    }

    fn namings(config: &VggConfig) -> Vec<Naming> {
        vec![
            config.naming("torchvision", ["classifier.0", "classifier.3", "classifier.6"]),
            config.naming("timm", ["pre_logits.fc1", "pre_logits.fc2", "head.fc"]),
        ]
    }

    fn adopted(published: &Published) -> Result<Adopted, ConfigError> {
        let shapes = published.shapes();
        let mut encoder = Map::new();
        if let Some((variant, batch_norm)) = by_name(published).or_else(|| by_shapes(&shapes)) {
            encoder.insert("model_variant".to_owned(), variant.into());
            encoder.insert("batch_norm".to_owned(), batch_norm.into());
        }
        if let Some(classes) = shapes.first_size(&["classifier.6.weight", "head.fc.weight"], 0) {
            encoder.insert("num_classes".to_owned(), classes.into());
        }
        let usual = imagenet(224, 256, "bilinear");
        Ok(Adopted { encoder, preprocessing: picture_preprocessing(published, &usual) })
    }
}

/// Layers, and whether they have norms, by timm's `vgg16_bn`.
fn by_name(published: &Published) -> Option<(usize, bool)> {
    let variant = variant_of(&published.config, "vgg")?;
    let layers = variant.trim_end_matches("_bn");
    Some((layers.parse().ok()?, layers != variant))
}

/// The same by what there is.
fn by_shapes(shapes: &Shapes) -> Option<(usize, bool)> {
    let of_features = |name: &&str| name.starts_with("features.") && name.ends_with(".weight");
    let convolutions = shapes.names().filter(of_features);
    let convolutions = convolutions.filter(|name| shapes.size(name, 3).is_some()).count();
    let has_norms = shapes.names().any(|name| name.ends_with(".running_mean"));
    (convolutions > 0).then_some((convolutions + 3, has_norms))
}

impl GridEncoder for Vgg {
    fn forward(&self, values: Tensor<4>) -> Encoded {
        let halving = Pool2dOptions { kernel: [2; 2], stride: [2; 2], padding: [[0; 2]; 2] };
        let mut convolutions = self.convolutions.iter();
        let map = self.depths.iter().fold(values, |map, &depth| {
            let block = convolutions.by_ref().take(depth);
            max_pool2d(block.fold(map, |map, convolution| convolution.forward(map)), &halving)
        });
        match self.pooling {
            Pooling::Mean => self.classifier.encoded(global_mean(map.clone()), map),
            Pooling::Classifier => {
                let map = match map.dims() {
                    [_, _, CLASSIFIER_SIDE, CLASSIFIER_SIDE] => map,
                    _ => adaptive_avg_pool2d(map, [CLASSIFIER_SIDE; 2]),
                };
                self.classifier.encoded_alone(map.flatten(1, 3))
            }
        }
    }

    fn output_width(&self) -> usize {
        self.classifier.output_width()
    }
}
