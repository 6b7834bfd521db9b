//! ResNet-18 in training and ResNet-50 at prediction, as torchvision builds them.
//!
//! Source: He et al. 2016, "Deep Residual Learning" (<https://arxiv.org/abs/1512.03385>); the
//! stride of a bottleneck is in its 3×3 convolution, as in torchvision.

use std::hint::black_box;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use sensorium_kernels::{Activation, global_mean, max_pool2d};

use crate::Repetition;
use crate::convolution::{ConvolutionSizes, FoldedConvolution, NormedConvolution, pooling};
use crate::layer::Linear;
use crate::random::normal;
use crate::training;

const NUM_CLASSES: usize = 1000;
/// The width of each stage; every stage but the first halves the grid.
const STAGE_WIDTHS: [usize; 4] = [64, 128, 256, 512];
const STEM: ConvolutionSizes = ConvolutionSizes { inputs: 3, outputs: 64, kernel: 7, stride: 2 };

/// Two 3×3 convolutions beside a shortcut.
#[derive(Module, Debug)]
struct BasicBlock {
    first: NormedConvolution,
    second: NormedConvolution,
    shortcut: Option<NormedConvolution>,
}

impl BasicBlock {
    fn new(inputs: usize, outputs: usize, stride: usize, device: &Device) -> Self {
        let convolution = |inputs, kernel, stride| {
            NormedConvolution::new(ConvolutionSizes { inputs, outputs, kernel, stride }, device)
        };
        Self {
            first: convolution(inputs, 3, stride),
            second: convolution(outputs, 3, 1),
            shortcut: (stride > 1 || inputs != outputs).then(|| convolution(inputs, 1, stride)),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let shortcut = match &self.shortcut {
            Some(projection) => projection.forward(x.clone(), Activation::Identity),
            None => x.clone(),
        };
        self.second.added(self.first.forward(x, Activation::Relu), shortcut)
    }
}

#[derive(Module, Debug)]
struct ResNet18 {
    stem: NormedConvolution,
    blocks: Vec<BasicBlock>,
    classes: Linear,
}

impl ResNet18 {
    fn new(device: &Device) -> Self {
        let mut inputs = STEM.outputs;
        let mut blocks = Vec::new();
        for (stage, outputs) in STAGE_WIDTHS.into_iter().enumerate() {
            blocks.push(BasicBlock::new(inputs, outputs, 1 + usize::from(stage > 0), device));
            blocks.push(BasicBlock::new(outputs, outputs, 1, device));
            inputs = outputs;
        }
        let stem = NormedConvolution::new(STEM, device);
        Self { stem, blocks, classes: Linear::new(inputs, NUM_CLASSES, device) }
    }

    /// `[B, 3, H, W]` to `[B, K]`.
    fn forward(&self, image: Tensor<4>) -> Tensor<2> {
        let x = max_pool2d(self.stem.forward(image, Activation::Relu), &pooling(3, 2, 1));
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x));
        self.classes.forward(global_mean(x))
    }
}

/// 16 pictures of 128×128.
pub(crate) fn train_resnet18(device: &Device) -> Repetition {
    let images = normal([16, 3, 128, 128], device);
    let targets = training::targets(16, NUM_CLASSES, device);
    training::step(ResNet18::new(device), targets, move |net| net.forward(images.clone()))
}

/// A narrow 3×3 convolution between two 1×1 ones, beside a shortcut.
#[derive(Debug)]
struct Bottleneck {
    narrowing: FoldedConvolution,
    middle: FoldedConvolution,
    widening: FoldedConvolution,
    shortcut: Option<FoldedConvolution>,
}

impl Bottleneck {
    /// The width of the output is this many times that of the middle.
    const WIDENING: usize = 4;

    fn new(inputs: usize, width: usize, stride: usize, device: &Device) -> Self {
        let outputs = width * Self::WIDENING;
        let convolution = |inputs, outputs, kernel, stride| {
            let sizes = ConvolutionSizes { inputs, outputs, kernel, stride };
            NormedConvolution::new(sizes, device).folded()
        };
        Self {
            narrowing: convolution(inputs, width, 1, 1),
            middle: convolution(width, width, 3, stride),
            widening: convolution(width, outputs, 1, 1),
            shortcut: (inputs != outputs).then(|| convolution(inputs, outputs, 1, stride)),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let shortcut = match &self.shortcut {
            Some(projection) => projection.forward(x.clone(), Activation::Identity),
            None => x.clone(),
        };
        let narrow = self.narrowing.forward(x, Activation::Relu);
        self.widening.added(self.middle.forward(narrow, Activation::Relu), shortcut)
    }
}

#[derive(Debug)]
struct ResNet50 {
    stem: FoldedConvolution,
    blocks: Vec<Bottleneck>,
    classes: Linear,
}

impl ResNet50 {
    const STAGE_DEPTHS: [usize; 4] = [3, 4, 6, 3];

    fn new(device: &Device) -> Self {
        let mut inputs = STEM.outputs;
        let mut blocks = Vec::new();
        for (stage, width) in STAGE_WIDTHS.into_iter().enumerate() {
            for block in 0..Self::STAGE_DEPTHS[stage] {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                blocks.push(Bottleneck::new(inputs, width, stride, device));
                inputs = width * Bottleneck::WIDENING;
            }
        }
        let stem = NormedConvolution::new(STEM, device).folded();
        Self { stem, blocks, classes: Linear::new(inputs, NUM_CLASSES, device) }
    }

    /// `[B, 3, H, W]` to `[B, K]`.
    fn forward(&self, image: Tensor<4>) -> Tensor<2> {
        let x = max_pool2d(self.stem.forward(image, Activation::Relu), &pooling(3, 2, 1));
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x));
        self.classes.forward(global_mean(x))
    }
}

/// Pictures of 224×224.
pub(crate) fn resnet50(rows: usize, device: &Device) -> Repetition {
    let net = ResNet50::new(device);
    let images = normal([rows, 3, 224, 224], device);
    Box::new(move || {
        black_box(net.forward(images.clone()));
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resnet18_has_as_many_weights_as_in_torchvision() {
        // 4800 channels are normed, each with a running mean and variance.
        let expected = 11_689_512 + 2 * 4800;
        assert_eq!(ResNet18::new(&Device::flex()).num_params(), expected);
    }
}
