//! A network of convolutions that was trained on the sounds of videos.
//!
//! Source: Plakal and Ellis 2019, `research/audioset/yamnet/yamnet.py` of `TensorFlow`'s models: the
//! layers of Howard et al. 2017, "MobileNets", table 1 (<https://arxiv.org/abs/1704.04861>), over patches
//! of 96 frames, each half a patch after the one before. One token for each whole patch of a sound; one
//! that is shorter than a patch is filled up with zeros. Weights that were exported may have their
//! norms folded into the convolutions; `batch_norm` says which they are.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use sensorium_kernels::global_mean;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::published::{check_frames, step_values};
use super::reduce::{Reduce, ReduceOutput};
use super::time_steps::TimeSteps;
use super::{SequenceBatch, SequenceEncoder, SequenceInput};
use crate::encoder::classifier::{Classifier, OutputLayer};
use crate::encoder::grid::inverted_residual::{PaddedConvolution, Zeros};
use crate::encoder::scatter::Rows;
use crate::layer::{Activation, ConvolutionSizes, MAX_WIDTH, Scaling};
use crate::pretrained::{Adopted, Naming, Published};
use crate::{Build, Encoded};

const NUM_BANDS: usize = 64;
const PATCH_FRAMES: usize = 96;
const PATCH_HOP_FRAMES: usize = 48;
/// Of the published definition.
const EPSILON: f64 = 1e-4;
const STEM_WIDTH: usize = 32;
/// Width after each layer, and the stride of its depthwise convolution.
const LAYERS: [(usize, usize); 13] = [
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
];
const WIDTH: usize = 1024;

/// `yamnet`: convolutions over patches of 96 frames.
///
/// | field | default | range |
/// |---|---|---|
/// | `batch_norm` | true | false for weights whose norms were folded into the convolutions |
/// | `reduce_output` | `mean` | see [`ReduceOutput`] |
/// | `output_layer` | `embedding` | see [`OutputLayer`] |
/// | `num_classes` | 521 | 1 to 65 536; of the logits |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct YamnetConfig {
    /// Whether a norm follows each convolution, rather than a bias.
    pub batch_norm: bool,
    /// How the tokens become one vector.
    pub reduce_output: ReduceOutput,
    /// What is handed on.
    pub output_layer: OutputLayer,
    /// The number of classes of the logits.
    pub num_classes: usize,
}

impl Default for YamnetConfig {
    fn default() -> Self {
        Self {
            batch_norm: true,
            reduce_output: ReduceOutput::Mean,
            output_layer: OutputLayer::Embedding,
            num_classes: 521,
        }
    }
}

/// Convolved channel by channel, then across channels.
#[derive(Module, Debug)]
struct Separable {
    depthwise: PaddedConvolution,
    pointwise: PaddedConvolution,
}

impl Separable {
    fn forward(&self, map: Tensor<4>) -> Tensor<4> {
        self.pointwise.forward(self.depthwise.forward(map))
    }
}

/// Convolutions over patches of a sound's frames.
#[derive(Module, Debug)]
pub struct Yamnet {
    stem: PaddedConvolution,
    layers: Vec<Separable>,
    reduce: Reduce,
    classifier: Classifier,
}

impl Build for Yamnet {
    type Config = YamnetConfig;
    type Input = SequenceInput;

    fn build(
        config: &YamnetConfig,
        input: &SequenceInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        in_range("num_classes", config.num_classes, 1..=MAX_WIDTH)?;
        check_frames("yamnet", input, NUM_BANDS, "yamnet")?;
        let scaling = if config.batch_norm { Scaling::Norm(EPSILON) } else { Scaling::Bias };
        let convolution = |sizes: &ConvolutionSizes| {
            PaddedConvolution::new(sizes, Zeros::Same, scaling, Activation::Relu, device)
        };
        let mut inputs = STEM_WIDTH;
        let layer = |&(outputs, stride): &(usize, usize)| {
            let depthwise = convolution(&ConvolutionSizes::depthwise(inputs, 3, stride));
            let pointwise = convolution(&ConvolutionSizes::square(inputs, outputs, 1, 1));
            inputs = outputs;
            Separable { depthwise, pointwise }
        };
        let classes = config.num_classes;
        let classifier = Classifier::new(config.output_layer, WIDTH, classes, device).of_several();
        Ok(Self {
            layers: LAYERS.iter().map(layer).collect(),
            stem: convolution(&ConvolutionSizes::square(1, STEM_WIDTH, 3, 2)),
            reduce: Reduce::new(config.reduce_output, classifier.output_width(), device),
            classifier,
        })
    }

    fn namings(_: &YamnetConfig) -> Vec<Naming> {
        let mut modules = vec![("classifier.linear".to_owned(), "classifier".to_owned())];
        let mut add = |own: &str, [convolution, norm]: [String; 2]| {
            modules.push((format!("{own}.convolution.convolution"), convolution));
            modules.push((format!("{own}.convolution.norm"), norm));
        };
        add("stem", ["conv", "bn"].map(|part| format!("layer1.{part}")));
        for index in 0..LAYERS.len() {
            for step in ["depthwise", "pointwise"] {
                let names = ["conv", "bn"].map(|part| format!("layer{}.{step}_{part}", index + 2));
                add(&format!("layers.{index}.{step}"), names);
            }
        }
        vec![Naming {
            publisher: "scripts/safetensors_from_yamnet_onnx.py",
            modules,
            ignored: &["classifier."],
            own: &["reduce."],
            ..Naming::default()
        }]
    }

    fn adopted(published: &Published) -> Result<Adopted, ConfigError> {
        let shapes = published.shapes();
        let is_folded = shapes.contains("layer1.conv.bias");
        let mut encoder = Map::new();
        encoder.insert("batch_norm".to_owned(), Value::Bool(!is_folded));
        if let Some(classes) = shapes.size("classifier.weight", 0) {
            encoder.insert("num_classes".to_owned(), classes.into());
        }
        let mut preprocessing = Map::new();
        preprocessing.insert("type".to_owned(), "yamnet".into());
        Ok(Adopted { encoder, preprocessing })
    }
}

/// Frames cut into patches: `[P, T, 64]` to `[P, N, 96, 64]`.
fn patches(frames: Tensor<3>) -> Tensor<4> {
    let missing = PATCH_FRAMES.saturating_sub(frames.dims()[1]);
    let frames = if missing == 0 { frames } else { frames.pad([(0, missing), (0, 0)], 0.0) };
    let last = frames.dims()[1] - PATCH_FRAMES;
    let starts = (0..=last).step_by(PATCH_HOP_FRAMES);
    let patches = starts.map(|start| frames.clone().narrow(1, start, PATCH_FRAMES));
    Tensor::stack(patches.collect(), 1)
}

/// Whole patches of sounds of so many frames, and one of those that are shorter.
fn num_patches(lengths: Tensor<1, Int>) -> Tensor<1, Int> {
    let signed = |frames: usize| i64::try_from(frames).expect("a patch is short");
    let [frames, hop] = [PATCH_FRAMES, PATCH_HOP_FRAMES].map(signed);
    (lengths - frames).clamp_min(0) / hop + 1
}

/// Which of each row's `count` patches are its own.
fn real_patches(counts: &Tensor<1, Int>, count: usize) -> Vec<bool> {
    let counts: Vec<u64> = counts.clone().into_data().iter().collect();
    counts.into_iter().flat_map(|own| (0..count as u64).map(move |patch| patch < own)).collect()
}

impl SequenceEncoder for Yamnet {
    fn forward(&self, input: SequenceBatch) -> Encoded {
        let (frames, lengths) = step_values(input);
        let frames = TimeSteps::new(frames, lengths.clone()).into_values();
        let patches = patches(frames);
        let [rows, count, height, width] = patches.dims();
        let counts = num_patches(lengths);
        let real = real_patches(&counts, count);
        let flat = patches.reshape([rows * count, 1, height, width]);
        let tokens = self.tokens(flat, &real).reshape([rows, count, WIDTH]);
        self.reduce.encoded(TimeSteps::new(self.classifier.forward(tokens), counts))
    }

    fn output_width(&self) -> usize {
        self.classifier.output_width()
    }
}

impl Yamnet {
    /// One token for each patch that is real, and zeros for the others: they must not reach the
    /// statistics of a norm, nor cost time.
    ///
    /// # Shapes
    ///
    /// - `patches`: `[P · N, 1, 96, 64]`
    /// - returns: `[P · N, 1024]`
    fn tokens(&self, patches: Tensor<4>, real: &[bool]) -> Tensor<2> {
        let rows = Rows::new(real, &patches.device());
        let patches = match rows.chosen() {
            Some(places) => patches.select(0, places),
            None => patches,
        };
        let map = self.stem.forward(patches);
        let map = self.layers.iter().fold(map, |map, layer| layer.forward(map));
        rows.spread(global_mean(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::values;

    #[test]
    fn a_patch_is_cut_every_48_frames_and_the_last_is_whole() {
        let device = Device::flex();
        let frames = Tensor::<1, Int>::arange(0..144, &device).float().reshape([1, 144, 1]);
        let cut = patches(frames);
        assert_eq!(cut.dims(), [1, 2, 96, 1]);
        let expected: Vec<f32> = (0..96_u8).chain(48..144).map(f32::from).collect();
        assert_eq!(values(&cut), expected);
        assert_eq!(patches(Tensor::<3>::ones([1, 5, 1], &device)).dims(), [1, 1, 96, 1]);
    }

    #[test]
    fn only_whole_patches_count_and_a_short_sound_has_one() {
        let lengths = Tensor::<1, Int>::from_ints([1, 96, 143, 144], &Device::flex());
        let counts: Vec<i64> = num_patches(lengths).into_data().iter().collect();
        assert_eq!(counts, [1, 1, 1, 2]);
    }
}
