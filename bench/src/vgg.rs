//! VGG-16 at prediction, as torchvision builds it.
//!
//! Source: Simonyan and Zisserman 2015, configuration D (<https://arxiv.org/abs/1409.1556>).

use std::hint::black_box;

use burn::tensor::{Device, Tensor};
use sensorium_kernels::{Activation, max_pool2d};

use crate::Repetition;
use crate::convolution::{ConvolutionSizes, FoldedConvolution, pooling};
use crate::layer::Linear;
use crate::random::normal;

/// The widths of the 3×3 convolutions between two poolings.
const STAGES: [&[usize]; 5] =
    [&[64, 64], &[128, 128], &[256, 256, 256], &[512, 512, 512], &[512, 512, 512]];

#[derive(Debug)]
struct Vgg16 {
    stages: Vec<Vec<FoldedConvolution>>,
    hidden: [Linear; 2],
    classes: Linear,
}

impl Vgg16 {
    fn new(device: &Device) -> Self {
        let mut inputs = 3;
        let mut convolution = |&outputs: &usize| {
            let sizes = ConvolutionSizes { inputs, outputs, kernel: 3, stride: 1 };
            inputs = outputs;
            FoldedConvolution::new(sizes, device)
        };
        let stages = STAGES.map(|widths| widths.iter().map(&mut convolution).collect());
        Self {
            stages: stages.into(),
            hidden: [Linear::new(512 * 7 * 7, 4096, device), Linear::new(4096, 4096, device)],
            classes: Linear::new(4096, 1000, device),
        }
    }

    /// `[B, 3, 224, 224]` to `[B, K]`.
    fn forward(&self, image: Tensor<4>) -> Tensor<2> {
        let grid = self.stages.iter().fold(image, |x, stage| {
            let x = stage.iter().fold(x, |x, convolution| convolution.forward(x, Activation::Relu));
            max_pool2d(x, &pooling(2, 2, 0))
        });
        let flat = grid.flatten(1, 3); // [B, 512 * 7 * 7]
        let hidden = self.hidden.iter().fold(flat, |x, layer| layer.activated(x, Activation::Relu));
        self.classes.forward(hidden)
    }
}

/// Pictures of 224×224.
pub(crate) fn vgg16(rows: usize, device: &Device) -> Repetition {
    let net = Vgg16::new(device);
    let images = normal([rows, 3, 224, 224], device);
    Box::new(move || {
        black_box(net.forward(images.clone()));
    })
}
