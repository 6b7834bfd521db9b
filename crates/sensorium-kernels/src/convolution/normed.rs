//! A convolution whose outputs are scaled and shifted by channel, as a batch norm at prediction does.

use std::sync::Arc;

use burn::backend::Flex;
use burn::tensor::Tensor;

use super::{Conv2dOptions, conv2d, conv2d_fused, finish};
use crate::activation::Activation;
use crate::array::Array;
use crate::kept::{Purpose, kept};
use crate::operation::runs_here;

/// `activation(conv2d(x) · scale + shift + residual)`, with one scale and shift a channel.
///
/// Where no gradient is asked for, the scale is multiplied into the weights once and kept with
/// their memory.
///
/// # Shapes
///
/// As [`conv2d`]; `scale` and `shift` are `[K]`, `residual` is of the shape that is returned.
///
/// # Panics
///
/// As [`conv2d`].
pub fn conv2d_normed(
    x: Tensor<4>,
    weight: Tensor<4>,
    (scale, shift): (Tensor<1>, Tensor<1>),
    options: &Conv2dOptions,
    residual: Option<Tensor<4>>,
    activation: Activation,
) -> Tensor<4> {
    let device = x.device();
    if device.is_autodiff() || !runs_here(&device, x.dtype()) {
        let weight = weight * scale.reshape([-1, 1, 1, 1]);
        return finish(conv2d(x, weight, Some(shift), options), residual, activation);
    }
    let weight = scaled(&Array::of(weight), &Array::of(scale));
    let weight = Tensor::from_primitive::<Flex>(weight.into_tensor());
    conv2d_fused(x, weight, Some(shift), options, residual, activation)
}

/// A weight whose kernels were scaled, and by what.
struct Scaled {
    scale: Vec<f32>,
    weight: Array,
}

impl Scaled {
    fn new(weight: &Array, scale: &[f32]) -> Self {
        let mut values = weight.values().to_vec();
        for (kernel, scale) in
            values.chunks_exact_mut(weight.values().len() / scale.len()).zip(scale)
        {
            kernel.iter_mut().for_each(|value| *value *= scale);
        }
        Self { scale: scale.to_vec(), weight: Array::new(values, weight.dims()) }
    }
}

/// The kept copy where it was scaled alike: the norm may have moved on while the weight stayed.
fn scaled(weight: &Array, scale: &Array) -> Array {
    let scale = scale.values();
    let copy: Arc<Scaled> = kept(weight, Purpose::NormedConvolution, || Scaled::new(weight, scale));
    if copy.scale == scale { copy.weight.clone() } else { Scaled::new(weight, scale).weight }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::testkit::random;

    fn tensor<const D: usize>(dims: [usize; D], seed: u32, device: &Device) -> Tensor<D> {
        let values = random(dims.iter().product(), seed);
        Tensor::from_data(TensorData::new(values, dims), device)
    }

    fn normed(scale_seed: u32, weight: &Tensor<4>, device: &Device) -> [Vec<f32>; 2] {
        let x = tensor([2, 3, 7, 6], 1, device);
        let (scale, shift) = (tensor([4], scale_seed, device), tensor([4], 3, device));
        let options = Conv2dOptions { padding: [[1; 2]; 2], ..Conv2dOptions::default() };
        let plain = conv2d(x.clone(), weight.clone(), None, &options);
        let by_channel = |values: &Tensor<1>| values.clone().reshape([1, 4, 1, 1]);
        let expected = plain.clone() * by_channel(&scale) + by_channel(&shift) + plain.clone();
        let folded = conv2d_normed(
            x,
            weight.clone(),
            (scale, shift),
            &options,
            Some(plain),
            Activation::Relu,
        );
        [folded, expected.clamp_min(0.0)].map(|tensor| tensor.into_data().try_into_vec().unwrap())
    }

    #[test]
    fn it_is_the_convolution_scaled_and_shifted_also_after_the_scale_has_moved() {
        for device in [Device::flex(), Device::flex().autodiff()] {
            let weight = tensor([4, 3, 3, 3], 2, &device);
            for scale_seed in [4, 5, 4] {
                let [folded, expected] = normed(scale_seed, &weight, &device);
                for (got, want) in folded.iter().zip(&expected) {
                    // Sums of 27 products, the scale inside of them or outside.
                    assert!((got - want).abs() < 1e-5, "{got}, not {want}");
                }
            }
        }
    }
}
