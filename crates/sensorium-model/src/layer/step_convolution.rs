//! A convolution over steps whose channels stand next to each other, with its weights.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};
use sensorium_kernels::{TimeConvolutionOptions, time_convolution};

use super::Bias;

/// The sizes of a [`StepConvolution`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepConvolutionSizes {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    /// Steps of zeros before the first step and after the last.
    pub(crate) padding: usize,
}

/// A convolution over time, channels last.
#[derive(Module, Debug)]
pub(crate) struct StepConvolution {
    /// `[kernel, in, out]`.
    pub(crate) weight: Param<Tensor<3>>,
    /// `[out]`.
    pub(crate) bias: Option<Param<Tensor<1>>>,
    stride: usize,
    padding: usize,
}

impl StepConvolution {
    pub(crate) fn new(sizes: &StepConvolutionSizes, bias: Bias, device: &Device) -> Self {
        let StepConvolutionSizes { inputs, outputs, kernel, stride, padding } = *sizes;
        let fan_in = kernel * inputs;
        // He et al. 2015 for a rectifier: variance 2 / fan in.
        let normal = Initializer::KaimingNormal { gain: 2f64.sqrt(), fan_out_only: false };
        let zeros = || Initializer::Zeros.init([outputs], device);
        Self {
            weight: normal.init_with([kernel, inputs, outputs], Some(fan_in), None, device),
            bias: (bias == Bias::Learned).then(zeros),
            stride,
            padding,
        }
    }

    /// # Shapes
    ///
    /// - `steps`: `[P, T, in]`
    /// - returns: `[P, ⌊(T + 2 padding - kernel) / stride⌋ + 1, out]`
    ///
    /// # Panics
    ///
    /// If the kernel does not fit the padded steps.
    pub(crate) fn forward(&self, steps: Tensor<3>) -> Tensor<3> {
        let weight = self.weight.val();
        let [kernel, inputs, outputs] = weight.dims();
        let options = TimeConvolutionOptions {
            kernel_size: kernel,
            stride: self.stride,
            padding: [self.padding; 2],
        };
        let bias = self.bias.as_ref().map(Param::val);
        time_convolution(steps, weight.reshape([kernel * inputs, outputs]), bias, &options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::values;

    #[test]
    fn each_place_sees_its_own_steps() {
        let device = Device::flex();
        let sizes =
            StepConvolutionSizes { inputs: 1, outputs: 1, kernel: 3, stride: 2, padding: 1 };
        let mut layer = StepConvolution::new(&sizes, Bias::Learned, &device);
        layer.weight =
            Param::from_tensor(Tensor::from_floats([[[100.0]], [[10.0]], [[1.0]]], &device));
        let steps = Tensor::<3>::from_floats([[[1.0], [2.0], [3.0], [4.0]]], &device);
        assert_eq!(values(&layer.forward(steps)), [12.0, 234.0]);
    }
}
