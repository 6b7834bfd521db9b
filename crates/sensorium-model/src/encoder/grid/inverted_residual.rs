//! The block of networks for small machines: widened, convolved channel by channel, narrowed.
//!
//! Source: Sandler et al. 2018, "MobileNetV2", section 3.3 (<https://arxiv.org/abs/1801.04381>), with
//! the squeeze and excitation of Howard et al. 2019, "Searching for MobileNetV3", section 5.3
//! (<https://arxiv.org/abs/1905.02244>).

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use sensorium_kernels::{Activation as Function, Conv2dOptions, global_mean, scale_shift};
use serde::{Deserialize, Serialize};

use crate::layer::{Activation, Bias, ConvolutionSizes, Linear, NormedConvolution, Scaling};

/// Where the zeros lie that keep a map's size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Zeros {
    /// As many on both sides, as PyTorch.
    #[default]
    Symmetric,
    /// No more than the stride needs, the odd one after the map, as TensorFlow's `same`.
    Same,
}

/// A convolution whose zeros may depend on the size of the map.
#[derive(Module, Debug)]
pub(crate) struct PaddedConvolution {
    convolution: NormedConvolution,
    #[module(skip)]
    same: Option<Window>,
}

/// What zeros are counted from.
#[derive(Clone, Copy, Debug)]
struct Window {
    kernel: usize,
    stride: usize,
}

impl Window {
    /// Zeros before and after a side of `size`.
    fn zeros(self, size: usize) -> [usize; 2] {
        let reach = (size.div_ceil(self.stride) - 1) * self.stride + self.kernel;
        let zeros = reach.saturating_sub(size);
        [zeros / 2, zeros - zeros / 2]
    }
}

impl PaddedConvolution {
    pub(crate) fn new(
        sizes: &ConvolutionSizes,
        zeros: Zeros,
        scaling: Scaling,
        activation: Activation,
        device: &Device,
    ) -> Self {
        let window = Window { kernel: sizes.kernel[0], stride: sizes.options.stride[0] };
        Self {
            convolution: NormedConvolution::scaled(sizes, scaling, activation, device),
            same: (zeros == Zeros::Same).then_some(window),
        }
    }

    /// # Shapes
    ///
    /// - `map`: `[P, in, H, W]`
    /// - returns: `[P, out, H / stride, W / stride]`, rounded up
    pub(crate) fn forward(&self, map: Tensor<4>) -> Tensor<4> {
        let Some(window) = self.same else { return self.convolution.forward(map) };
        let [_, _, height, width] = map.dims();
        let padding = [height, width].map(|size| window.zeros(size));
        self.convolution.with_options(|options| Conv2dOptions { padding, ..options }).forward(map)
    }
}

/// Weighs each channel by what all of them hold.
#[derive(Module, Debug)]
struct SqueezeExcitation {
    squeeze: Linear,
    excite: Linear,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    gate: Activation,
}

impl SqueezeExcitation {
    fn forward(&self, map: Tensor<4>) -> Tensor<4> {
        let dims @ [rows, channels, height, width] = map.dims();
        let squeezed = self.squeeze.activated(global_mean(map.clone()), self.activation.into());
        let weights: Tensor<2> = self.excite.activated(squeezed, Function::from(self.gate));
        // One weight for each channel of each row.
        let all = rows * channels;
        let (map, weights) = (map.reshape([1, all, height, width]), weights.reshape([all]));
        let zeros = Tensor::zeros([all], &map.device());
        scale_shift(map, weights, zeros, false, None).reshape(dims)
    }
}

/// The sizes of an [`InvertedResidual`].
#[derive(Clone, Copy, Debug)]
pub(super) struct InvertedResidualSizes {
    pub(super) inputs: usize,
    /// Channels while it is wide.
    pub(super) expanded: usize,
    pub(super) outputs: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    /// Numbers that all channels are squeezed into; `None` for no squeeze.
    pub(super) squeezed: Option<usize>,
    /// The function of the squeeze, and that of its weights.
    pub(super) squeeze_functions: [Activation; 2],
    pub(super) activation: Activation,
    pub(super) zeros: Zeros,
    /// Of the norms.
    pub(super) epsilon: f64,
}

/// Widened, convolved channel by channel, narrowed, and added to what came in where that fits.
#[derive(Module, Debug)]
pub(super) struct InvertedResidual {
    expand: Option<PaddedConvolution>,
    depthwise: PaddedConvolution,
    squeeze_excitation: Option<SqueezeExcitation>,
    project: NormedConvolution,
    adds: bool,
}

impl InvertedResidual {
    pub(super) fn new(sizes: &InvertedResidualSizes, device: &Device) -> Self {
        let InvertedResidualSizes { inputs, expanded, outputs, kernel, stride, .. } = *sizes;
        let padded = |of: &ConvolutionSizes| {
            let scaling = Scaling::Norm(sizes.epsilon);
            PaddedConvolution::new(of, sizes.zeros, scaling, sizes.activation, device)
        };
        let project = ConvolutionSizes::square(expanded, outputs, 1, 1);
        let [activation, gate] = sizes.squeeze_functions;
        Self {
            expand: (expanded != inputs)
                .then(|| padded(&ConvolutionSizes::square(inputs, expanded, 1, 1))),
            depthwise: padded(&ConvolutionSizes::depthwise(expanded, kernel, stride)),
            squeeze_excitation: sizes.squeezed.map(|squeezed| SqueezeExcitation {
                squeeze: Linear::new(expanded, squeezed, Bias::Learned, device),
                excite: Linear::new(squeezed, expanded, Bias::Learned, device),
                activation,
                gate,
            }),
            project: NormedConvolution::new(&project, sizes.epsilon, Activation::Identity, device),
            adds: stride == 1 && inputs == outputs,
        }
    }

    /// # Shapes
    ///
    /// - `map`: `[P, inputs, H, W]`
    /// - returns: `[P, outputs, H / stride, W / stride]`, rounded up
    pub(super) fn forward(&self, map: Tensor<4>) -> Tensor<4> {
        let wide = match &self.expand {
            Some(expand) => expand.forward(map.clone()),
            None => map.clone(),
        };
        let wide = self.depthwise.forward(wide);
        let wide = match &self.squeeze_excitation {
            Some(squeeze_excitation) => squeeze_excitation.forward(wide),
            None => wide,
        };
        if self.adds { self.project.added(wide, map) } else { self.project.forward(wide) }
    }
}

/// How a publisher names the parts of a block, below the block: convolution and norm of each step.
pub(super) struct BlockNames {
    pub(super) expand: [String; 2],
    pub(super) depthwise: [String; 2],
    /// The squeeze and the excitation.
    pub(super) squeeze_excitation: [String; 2],
    pub(super) project: [String; 2],
}

impl BlockNames {
    /// timm's, of the block at a place of a stage.
    pub(super) fn of_timm(stage: usize, place: usize, sizes: &InvertedResidualSizes) -> Self {
        let block = format!("blocks.{stage}.{place}");
        let step = |convolution: &str, norm: usize| {
            [format!("{block}.{convolution}"), format!("{block}.bn{norm}")]
        };
        // A block that is not widened has one step less.
        let is_wide = sizes.expanded != sizes.inputs;
        Self {
            expand: step("conv_pw", 1),
            depthwise: step("conv_dw", 1 + usize::from(is_wide)),
            squeeze_excitation: ["reduce", "expand"].map(|part| format!("{block}.se.conv_{part}")),
            project: if is_wide { step("conv_pwl", 3) } else { step("conv_pw", 2) },
        }
    }

    /// Our names under `own` beside the publisher's.
    pub(super) fn modules(&self, own: &str) -> Vec<(String, String)> {
        let [squeeze, excite] = &self.squeeze_excitation;
        let convolutions = [
            ("expand.convolution", &self.expand),
            ("depthwise.convolution", &self.depthwise),
            ("project", &self.project),
        ];
        let convolutions = convolutions.into_iter().flat_map(|(step, [convolution, norm])| {
            [
                (format!("{own}.{step}.convolution"), convolution.clone()),
                (format!("{own}.{step}.norm"), norm.clone()),
            ]
        });
        let squeezes = [("squeeze", squeeze), ("excite", excite)]
            .map(|(step, theirs)| (format!("{own}.squeeze_excitation.{step}"), theirs.clone()));
        convolutions.chain(squeezes).collect()
    }
}

/// The nearest multiple of 8, but not below nine tenths of what was asked for: as
/// `torchvision/models/_utils.py`, `_make_divisible`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "widths are small and positive"
)]
pub(super) fn in_eights(width: f64) -> usize {
    let rounded = ((width + 4.0) as usize / 8 * 8).max(8);
    if (rounded as f64) < 0.9 * width { rounded + 8 } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_zeros_are_those_of_tensorflow() {
        let zeros = |kernel, stride, size| Window { kernel, stride }.zeros(size);
        assert_eq!(zeros(3, 2, 224), [0, 1]);
        assert_eq!(zeros(3, 2, 7), [1, 1]);
        assert_eq!(zeros(5, 2, 14), [1, 2]);
        assert_eq!(zeros(5, 1, 7), [2, 2]);
        assert_eq!(zeros(1, 2, 7), [0, 0]);
    }

    #[test]
    fn widths_are_rounded_to_eights() {
        assert_eq!([16.0, 35.2, 26.4, 4.0, 352.0].map(in_eights), [16, 32, 24, 8, 352]);
    }
}
