//! Heads: from one vector a row to the numbers of one output.

pub mod binary;
pub mod category;
mod decoder;
pub mod number;

use burn::tensor::Tensor;
use sensorium_core::ConfigError;

pub use decoder::DecoderConfig;

/// Reads the vector of a row into the numbers of one output.
pub trait Head {
    /// # Shapes
    ///
    /// - `fused`: `[B, F]`
    /// - returns: `[B, K]`, what the loss reads: any real numbers
    fn forward(&self, fused: Tensor<2>) -> Tensor<2>;

    /// What a person reads, from what [`Head::forward`] returned: probabilities, or the number
    /// itself.
    ///
    /// # Shapes
    ///
    /// - `logits`: `[B, K]`
    /// - returns: `[B, K]`
    fn probabilities(&self, logits: Tensor<2>) -> Tensor<2>;
}

/// The sizes that a head lies between.
#[derive(Clone, Copy, Debug)]
pub struct HeadInput {
    /// `F`.
    pub fused_width: usize,
    /// `K`.
    pub num_outputs: usize,
}

impl HeadInput {
    /// Refuses a head of one number where more are asked for.
    fn one_output(&self) -> Result<(), ConfigError> {
        sensorium_core::config::in_range("the number of outputs", self.num_outputs, 1..=1)
    }
}

components! {
    /// Every head, by the type of the output that it belongs to.
    HeadConfig => AnyHead: dyn Head from HeadInput {
        "category" => category::CategoryHead, "one of several classes";
        "binary" => binary::BinaryHead, "yes or no";
        "number" => number::NumberHead, "a number";
    }
}

impl HeadConfig {
    /// Whether the outputs are a linear function of the fused vector.
    pub fn has_no_layers(&self) -> bool {
        let (Self::CategoryHead(decoder) | Self::BinaryHead(decoder) | Self::NumberHead(decoder)) =
            self;
        decoder.fc_layers.as_ref().map_or(decoder.num_fc_layers, Vec::len) == 0
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use serde_json::json;

    use super::*;
    use crate::testkit::values;

    #[test]
    fn every_head_keeps_the_head_contract() {
        let device = Device::flex();
        for (name, _) in HeadConfig::COMPONENTS {
            let keys = json!({"num_fc_layers": 1, "fc_output_size": 6, "fc_activation": "tanh"});
            let num_outputs = if *name == "category" { 3 } else { 1 };
            let input = HeadInput { fused_width: 4, num_outputs };
            let head = HeadConfig::read(name, keys).unwrap().build(&input, &device).unwrap();
            let head = head.as_dyn();

            let fused =
                Tensor::<2>::from_floats([[0.0, 1.0, 2.0, 3.0], [9.0, -8.0, 7.0, 0.0]], &device);
            let logits = head.forward(fused.clone());
            assert_eq!(logits.dims(), [2, num_outputs], "{name}");
            assert_eq!(head.probabilities(logits.clone()).dims(), [2, num_outputs], "{name}");

            let alone = values(&head.forward(fused.narrow(0, 1, 1)));
            for (alone, batch) in alone.iter().zip(&values(&logits)[num_outputs..]) {
                assert!((alone - batch).abs() < 1e-5, "{name}: {alone} alone, {batch} in a batch");
            }
        }
    }

    #[test]
    fn keys_out_of_range_are_named_as_the_decoder_names_them() {
        let input = HeadInput { fused_width: 4, num_outputs: 1 };
        for (name, _) in HeadConfig::COMPONENTS {
            let config = HeadConfig::read(name, json!({"fc_dropout": -0.5})).unwrap();
            let error = config.build(&input, &Device::flex()).unwrap_err().to_string();
            let expected = "`fc_dropout` is -0.5, but 0 or more and below 1 was expected";
            assert_eq!(error, expected, "{name}");
        }
    }

    #[test]
    fn a_head_of_one_number_refuses_more() {
        let input = HeadInput { fused_width: 4, num_outputs: 2 };
        for name in ["binary", "number"] {
            let error = HeadConfig::read(name, json!({})).unwrap().build(&input, &Device::flex());
            let expected = "`the number of outputs` is 2, but 1 to 1 was expected";
            assert_eq!(error.unwrap_err().to_string(), expected, "{name}");
        }
    }
}
