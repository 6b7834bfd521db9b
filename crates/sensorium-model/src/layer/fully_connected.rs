//! A stack of linear layers, as Ludwig's `fc_layers` describe it.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::{Activation, BatchNorm, Bias, Dropout, LayerNorm, Linear};

/// The widest layer that a config may ask for.
pub(crate) const MAX_WIDTH: usize = 65_536;
/// The deepest stack that a config may ask for.
const MAX_LAYERS: usize = 64;

/// How a layer's outputs are brought to one scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Each output over the rows of the batch (Ioffe and Szegedy 2015).
    Batch,
    /// The outputs of each row (Ba, Kiros and Hinton 2016).
    Layer,
}

/// One entry of `fc_layers`; a key that is left out falls back to the section's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FullyConnectedLayerConfig {
    /// Width after the layer, 1 to 65 536.
    pub output_size: Option<usize>,
    /// The function after the norm.
    pub activation: Option<Activation>,
    /// The norm after the linear step.
    pub norm: Option<Norm>,
    /// Share of outputs set to zero in training, 0 or more and below 1.
    pub dropout: Option<f64>,
}

/// What a section says about its fully connected layers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FullyConnectedConfig<'a> {
    /// Each layer by itself.
    pub(crate) layers: Option<&'a [FullyConnectedLayerConfig]>,
    /// The number of layers where `layers` does not list them.
    pub(crate) num_layers: usize,
    /// Width after a layer that does not say its own.
    pub(crate) output_size: usize,
    /// The function after the norm of a layer that does not say its own.
    pub(crate) activation: Activation,
    /// The norm of a layer that does not say its own.
    pub(crate) norm: Option<Norm>,
    /// Share of outputs set to zero in training, of a layer that does not say its own.
    pub(crate) dropout: f64,
    /// What the section calls its keys.
    pub(crate) keys: FullyConnectedKeys,
}

/// What a section calls the keys that its layers fall back to; Ludwig's sections differ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FullyConnectedKeys {
    pub(crate) output_size: &'static str,
    pub(crate) dropout: &'static str,
}

impl FullyConnectedConfig<'_> {
    fn check(&self) -> Result<(), ConfigError> {
        in_range("num_fc_layers", self.num_layers, 0..=MAX_LAYERS)?;
        in_range(self.keys.output_size, self.output_size, 1..=MAX_WIDTH)?;
        in_range(self.keys.dropout, self.dropout, 0.0..1.0)
    }

    fn layers(&self) -> Vec<FullyConnectedLayerConfig> {
        self.layers.map_or_else(
            || vec![FullyConnectedLayerConfig::default(); self.num_layers],
            <[FullyConnectedLayerConfig]>::to_vec,
        )
    }
}

/// Linear layers, each followed by its norm, activation and dropout; none at all hands its input on.
#[derive(Module, Debug)]
pub(crate) struct FullyConnectedStack {
    layers: Vec<FullyConnectedLayer>,
    output_width: usize,
}

impl FullyConnectedStack {
    /// # Errors
    ///
    /// [`ConfigError`] for the first field out of its range.
    pub(crate) fn build(
        config: &FullyConnectedConfig<'_>,
        input_width: usize,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let layers = config.layers();
        in_range("the number of `fc_layers`", layers.len(), 0..=MAX_LAYERS)?;
        let mut width = input_width;
        let mut built = Vec::with_capacity(layers.len());
        for (index, layer) in layers.iter().enumerate() {
            let layer = FullyConnectedLayer::build(layer, config, width, device)
                .map_err(|error| error.under(&format!("fc_layers[{index}]")))?;
            width = layer.output_width();
            built.push(layer);
        }
        Ok(Self { layers: built, output_width: width })
    }

    /// # Shapes
    ///
    /// - `values`: `[B, input_width]`
    /// - returns: `[B, output_width]`
    pub(crate) fn forward(&self, values: Tensor<2>) -> Tensor<2> {
        self.layers.iter().fold(values, |values, layer| layer.forward(values))
    }

    pub(crate) fn output_width(&self) -> usize {
        self.output_width
    }
}

#[derive(Module, Debug)]
struct FullyConnectedLayer {
    linear: Linear,
    batch_norm: Option<BatchNorm>,
    layer_norm: Option<LayerNorm>,
    #[module(skip)]
    activation: Activation,
    dropout: Dropout,
}

impl FullyConnectedLayer {
    fn build(
        config: &FullyConnectedLayerConfig,
        section: &FullyConnectedConfig<'_>,
        input_width: usize,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        let width = config.output_size.unwrap_or(section.output_size);
        in_range("output_size", width, 1..=MAX_WIDTH)?;
        let dropout = config.dropout.unwrap_or(section.dropout);
        in_range("dropout", dropout, 0.0..1.0)?;
        let norm = config.norm.or(section.norm);
        Ok(Self {
            linear: Linear::new(input_width, width, Bias::Learned, device),
            batch_norm: (norm == Some(Norm::Batch)).then(|| BatchNorm::new(width, device)),
            layer_norm: (norm == Some(Norm::Layer)).then(|| LayerNorm::new(width, device)),
            activation: config.activation.unwrap_or(section.activation),
            dropout: Dropout::new(dropout),
        })
    }

    fn forward(&self, values: Tensor<2>) -> Tensor<2> {
        let values = match (&self.batch_norm, &self.layer_norm) {
            (None, None) => self.linear.activated(values, self.activation.into()),
            (Some(norm), _) => {
                let all = None::<fn() -> Tensor<1>>;
                norm.forward(self.linear.forward(values), all, self.activation)
            }
            (None, Some(norm)) => self.activation.apply(norm.forward(self.linear.forward(values))),
        };
        self.dropout.forward(values)
    }

    fn output_width(&self) -> usize {
        self.linear.output_width()
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;

    fn build(layers: Option<&[FullyConnectedLayerConfig]>) -> FullyConnectedStack {
        try_build(layers).unwrap()
    }

    fn try_build(
        layers: Option<&[FullyConnectedLayerConfig]>,
    ) -> Result<FullyConnectedStack, ConfigError> {
        let config = FullyConnectedConfig {
            layers,
            num_layers: 0,
            output_size: 5,
            activation: Activation::Relu,
            norm: None,
            dropout: 0.0,
            keys: FullyConnectedKeys { output_size: "output_size", dropout: "dropout" },
        };
        FullyConnectedStack::build(&config, 3, &Device::flex())
    }

    #[test]
    fn no_layers_hand_the_input_on() {
        let stack = build(None);
        let input = Tensor::<2>::from_floats([[1.0, -2.0, 3.0]], &Device::flex());
        assert_eq!(stack.output_width(), 3);
        assert_eq!(stack.forward(input.clone()).into_data(), input.into_data());
    }

    #[test]
    fn listed_layers_come_before_their_number() {
        let wide = FullyConnectedLayerConfig { output_size: Some(7), ..Default::default() };
        let stack = build(Some(&[FullyConnectedLayerConfig::default(), wide]));
        let output = stack.forward(Tensor::<2>::ones([2, 3], &Device::flex()));
        assert_eq!((stack.layers.len(), output.dims()), (2, [2, 7]));
    }

    #[test]
    fn a_layer_out_of_range_is_placed() {
        let zero = FullyConnectedLayerConfig { output_size: Some(0), ..Default::default() };
        assert_eq!(
            try_build(Some(&[zero])).unwrap_err().to_string(),
            "`fc_layers[0].output_size` is 0, but 1 to 65536 was expected"
        );
    }

    #[test]
    fn the_layer_norm_gives_each_row_mean_zero() {
        let layer = FullyConnectedLayerConfig {
            norm: Some(Norm::Layer),
            activation: Some(Activation::Identity),
            ..Default::default()
        };
        let stack = build(Some(&[layer]));
        let input = Tensor::<2>::from_floats([[1.0, -2.0, 3.0]], &Device::flex());
        let mean: f32 = stack.forward(input).mean().into_scalar();
        assert!(mean.abs() < 1e-6, "{mean}");
    }
}
