//! One of several classes.

use burn::module::Module;
use burn::tensor::{Device, Tensor, activation};
use sensorium_core::ConfigError;

use super::decoder::Decoder;
use super::{DecoderConfig, Head, HeadInput};
use crate::Build;

/// One number a class; their softmax is the probability of each.
#[derive(Module, Debug)]
pub struct CategoryHead {
    decoder: Decoder,
}

impl Build for CategoryHead {
    type Config = DecoderConfig;
    type Input = HeadInput;

    fn build(
        config: &DecoderConfig,
        input: &HeadInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        Ok(Self { decoder: Decoder::build(config, input, device)? })
    }
}

impl Head for CategoryHead {
    fn forward(&self, fused: Tensor<2>) -> Tensor<2> {
        self.decoder.forward(fused)
    }

    fn probabilities(&self, logits: Tensor<2>) -> Tensor<2> {
        activation::softmax(logits, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::assert_close;

    #[test]
    fn the_probabilities_of_a_row_sum_to_one() {
        let input = HeadInput { fused_width: 1, num_outputs: 2 };
        let head = CategoryHead::build(&DecoderConfig::default(), &input, &Device::flex()).unwrap();
        let logits = Tensor::from_floats([[0.0, 1.0], [90.0, -90.0]], &Device::flex());
        assert_close(
            "probabilities",
            &head.probabilities(logits),
            &[0.268_941_42, 0.731_058_6, 1.0, 0.0],
            1e-6,
        );
    }
}
