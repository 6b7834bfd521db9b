//! Yes or no.

use burn::module::Module;
use burn::tensor::{Device, Tensor, activation};
use sensorium_core::ConfigError;

use super::decoder::Decoder;
use super::{DecoderConfig, Head, HeadInput};
use crate::Build;

/// One number; its sigmoid is the probability of yes.
#[derive(Module, Debug)]
pub struct BinaryHead {
    decoder: Decoder,
}

impl Build for BinaryHead {
    type Config = DecoderConfig;
    type Input = HeadInput;

    fn build(
        config: &DecoderConfig,
        input: &HeadInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        input.one_output()?;
        Ok(Self { decoder: Decoder::build(config, input, device)? })
    }
}

impl Head for BinaryHead {
    fn forward(&self, fused: Tensor<2>) -> Tensor<2> {
        self.decoder.forward(fused)
    }

    fn probabilities(&self, logits: Tensor<2>) -> Tensor<2> {
        activation::sigmoid(logits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::assert_close;

    #[test]
    fn the_probability_is_the_sigmoid() {
        let input = HeadInput { fused_width: 1, num_outputs: 1 };
        let head = BinaryHead::build(&DecoderConfig::default(), &input, &Device::flex()).unwrap();
        let logits = Tensor::from_floats([[1.0], [-90.0], [90.0]], &Device::flex());
        assert_close("probabilities", &head.probabilities(logits), &[0.731_058_6, 0.0, 1.0], 1e-6);
    }
}
