//! The functions between two layers.

use burn::tensor::Tensor;
use sensorium_kernels::activate;
use serde::{Deserialize, Serialize};

/// A function of every number by itself, under Ludwig's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(0, x).
    #[default]
    Relu,
    /// x where positive, x / 100 elsewhere.
    #[serde(rename = "leakyRelu")]
    LeakyRelu,
    /// x where positive, eˣ − 1 elsewhere.
    Elu,
    /// x Φ(x), with the exact normal distribution function (Hendrycks and Gimpel 2016).
    Gelu,
    /// x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, the approximation of the same paper.
    #[serde(alias = "gelu_new", alias = "gelu_pytorch_tanh")]
    GeluTanh,
    /// x σ(1.702 x), the other approximation of the same paper.
    QuickGelu,
    /// x σ(x).
    #[serde(alias = "swish")]
    Silu,
    /// max(0, min(x, 6)).
    Relu6,
    /// x max(0, min(x + 3, 6)) / 6.
    #[serde(alias = "hardswish")]
    HardSwish,
    /// max(0, min(x + 3, 6)) / 6.
    #[serde(alias = "hardsigmoid")]
    HardSigmoid,
    /// 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// x.
    Identity,
}

impl Activation {
    /// Applies the function to every number; the shape stays.
    #[must_use]
    pub fn apply<const D: usize>(self, values: Tensor<D>) -> Tensor<D> {
        activate(values, self.into())
    }
}

impl From<Activation> for sensorium_kernels::Activation {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::Relu => Self::Relu,
            Activation::LeakyRelu => Self::LeakyRelu,
            Activation::Elu => Self::Elu,
            Activation::Gelu => Self::Gelu,
            Activation::GeluTanh => Self::GeluTanh,
            Activation::QuickGelu => Self::QuickGelu,
            Activation::Silu => Self::Silu,
            Activation::Relu6 => Self::Relu6,
            Activation::HardSwish => Self::HardSwish,
            Activation::HardSigmoid => Self::HardSigmoid,
            Activation::Sigmoid => Self::Sigmoid,
            Activation::Tanh => Self::Tanh,
            Activation::Identity => Self::Identity,
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;
    use crate::testkit::assert_close;

    #[test]
    fn each_name_is_the_function_that_it_says() {
        let cases: [(&str, [f32; 3]); 13] = [
            ("relu", [0.0, 0.0, 2.0]),
            ("leakyRelu", [-0.01, 0.0, 2.0]),
            ("elu", [-0.632_120_56, 0.0, 2.0]),
            ("gelu", [-0.158_655_25, 0.0, 1.954_499_7]),
            ("gelu_tanh", [-0.158_808_01, 0.0, 1.954_597_7]),
            ("quick_gelu", [-0.154_204_23, 0.0, 1.935_658_6]),
            ("relu6", [0.0, 0.0, 2.0]),
            ("hard_swish", [-0.333_333_34, 0.0, 1.666_666_6]),
            ("hard_sigmoid", [0.333_333_34, 0.5, 0.833_333_3]),
            ("silu", [-0.268_941_42, 0.0, 1.761_594_2]),
            ("sigmoid", [0.268_941_42, 0.5, 0.880_797_1]),
            ("tanh", [-0.761_594_2, 0.0, 0.964_027_6]),
            ("identity", [-1.0, 0.0, 2.0]),
        ];
        for (name, expected) in cases {
            let activation: Activation = serde_json::from_value(name.into()).unwrap();
            let input = Tensor::<1>::from_floats([-1.0, 0.0, 2.0], &Device::flex());
            assert_close(name, &activation.apply(input), &expected, 1e-6);
        }
    }
}
