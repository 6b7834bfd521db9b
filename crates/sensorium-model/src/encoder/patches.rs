//! A map cut into patches, each of them a token, after one or two tokens that stand for all of it.
//!
//! Source: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", section 3.1
//! (<https://arxiv.org/abs/2010.11929>); the second token is that of Touvron et al. 2021, section 3
//! (<https://arxiv.org/abs/2012.12877>).

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};
use sensorium_kernels::{Activation, Conv2dOptions};
use serde::{Deserialize, Serialize};

use crate::layer::{Bias, Convolution, ConvolutionSizes};

/// The spread that tokens and positions start from, as the paper's code.
const STD: f64 = 0.02;

/// How the tokens become one vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PatchReduce {
    /// The token that stands for all; the mean of the two where there are two.
    #[default]
    Cls,
    /// The mean of the patches.
    #[serde(alias = "avg")]
    Mean,
}

/// The sizes of [`Patches`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct PatchSizes {
    pub(crate) channels: usize,
    /// Height and width of the map.
    pub(crate) map: [usize; 2],
    /// Height and width of a patch; at most those of the map.
    pub(crate) patch: usize,
    /// Places from one patch to the next, down and across.
    pub(crate) stride: [usize; 2],
    /// Width of a token.
    pub(crate) width: usize,
    pub(crate) bias: Bias,
    /// Whether there is a second token that stands for all.
    pub(crate) distillation: bool,
}

impl PatchSizes {
    pub(crate) fn num_patches(&self) -> usize {
        let along = |axis: usize| (self.map[axis] - self.patch) / self.stride[axis] + 1;
        along(0) * along(1)
    }
}

/// The tokens of a map, each with its position.
#[derive(Module, Debug)]
pub(crate) struct Patches {
    projection: Convolution,
    /// `[D]`.
    class_token: Param<Tensor<1>>,
    /// `[D]`.
    distillation_token: Option<Param<Tensor<1>>>,
    /// `[T, D]`.
    positions: Param<Tensor<2>>,
}

impl Patches {
    pub(crate) fn new(sizes: &PatchSizes, device: &Device) -> Self {
        let normal = Initializer::Normal { mean: 0.0, std: STD };
        let token = || normal.init([sizes.width], device);
        let convolution = ConvolutionSizes {
            inputs: sizes.channels,
            outputs: sizes.width,
            kernel: [sizes.patch; 2],
            options: Conv2dOptions { stride: sizes.stride, ..Conv2dOptions::default() },
        };
        let num_tokens = sizes.num_patches() + 1 + usize::from(sizes.distillation);
        Self {
            projection: Convolution::new(&convolution, sizes.bias, device),
            class_token: token(),
            distillation_token: sizes.distillation.then(token),
            positions: normal.init([num_tokens, sizes.width], device),
        }
    }

    /// # Shapes
    ///
    /// - `map`: `[P, C, H, W]`
    /// - returns: `[P, T, D]`: what stands for all, then the patches line by line
    pub(crate) fn forward(&self, map: Tensor<4>) -> Tensor<3> {
        let patches = self.projection.forward(map, Activation::Identity).flatten::<3>(2, 3);
        let patches = patches.swap_dims(1, 2); // [P, T, D]
        let [rows, _, width] = patches.dims();
        let firsts = [Some(&self.class_token), self.distillation_token.as_ref()];
        let firsts = firsts.into_iter().flatten();
        let mut tokens: Vec<Tensor<3>> = firsts
            .map(|token| token.val().reshape([1, 1, width]).expand([rows, 1, width]))
            .collect();
        tokens.push(patches);
        Tensor::cat(tokens, 1) + self.positions.val().unsqueeze()
    }

    /// # Shapes
    ///
    /// - `tokens`: `[P, T, D]`, in the order of [`Patches::forward`]
    /// - returns: `[P, D]`
    pub(crate) fn reduce(&self, tokens: Tensor<3>, how: PatchReduce) -> Tensor<2> {
        let firsts = 1 + usize::from(self.distillation_token.is_some());
        let num_patches = tokens.dims()[1] - firsts;
        match how {
            PatchReduce::Cls if firsts == 1 => tokens.narrow(1, 0, 1).squeeze_dim(1),
            PatchReduce::Cls => tokens.narrow(1, 0, firsts).mean_dim(1).squeeze_dim(1),
            PatchReduce::Mean => tokens.narrow(1, firsts, num_patches).mean_dim(1).squeeze_dim(1),
        }
    }
}
