//! A number.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use sensorium_core::ConfigError;

use super::decoder::Decoder;
use super::{DecoderConfig, Head, HeadInput};
use crate::Build;

/// One number, in the scale that the targets are given in.
#[derive(Module, Debug)]
pub struct NumberHead {
    decoder: Decoder,
}

impl Build for NumberHead {
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

impl Head for NumberHead {
    fn forward(&self, fused: Tensor<2>) -> Tensor<2> {
        self.decoder.forward(fused)
    }

    fn probabilities(&self, logits: Tensor<2>) -> Tensor<2> {
        logits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::assert_close;

    #[test]
    fn the_number_is_handed_on() {
        let input = HeadInput { fused_width: 1, num_outputs: 1 };
        let head = NumberHead::build(&DecoderConfig::default(), &input, &Device::flex()).unwrap();
        let logits = Tensor::from_floats([[1.5], [-90.0]], &Device::flex());
        assert_close("probabilities", &head.probabilities(logits), &[1.5, -90.0], 1e-6);
    }
}
