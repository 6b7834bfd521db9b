//! Published encoders by themselves, without anything that was trained on a table.

use burn::tensor::Device;
use sensorium_core::ConfigError;
use sensorium_modality::pipeline::RowFeatures;
use sensorium_model::Embedding;
use sensorium_model::encoder::AnyEncoder;
use sensorium_model::pretrained::Published;

use crate::config::InputFeature;
use crate::{BundleError, Config, Fitted};

/// The encoders of a config's inputs, with published weights.
#[derive(Debug)]
pub struct Embedder {
    encoders: Vec<AnyEncoder>,
    fitted: Fitted,
    device: Device,
}

impl Embedder {
    /// Reads the weights of every input's encoder.
    ///
    /// # Errors
    ///
    /// [`BundleError`] for an input whose config names no weights, and for weights that do not fit.
    pub fn new(config: &Config, fitted: Fitted) -> Result<Self, BundleError> {
        let device = Device::flex();
        let inputs = config.input_features.iter().zip(&fitted.inputs).enumerate();
        let encoders = inputs.map(|(index, (feature, fitted))| {
            let at = format!("input_features[{index}].encoder");
            let Some(path) = &feature.pretrained else { return Err(without_weights(feature, &at)) };
            let encoder = feature.encoder.build(&fitted.shape(), &device);
            let encoder = encoder.map_err(|error| error.under(&at))?;
            Ok(encoder.with_published(&feature.encoder, &Published::open(path)?)?)
        });
        let encoders = encoders.collect::<Result<_, BundleError>>()?;
        Ok(Self { encoders, fitted, device })
    }

    /// Encodes a batch of rows: one embedding for each input.
    pub fn embed(&self, rows: &[&RowFeatures]) -> Vec<Embedding> {
        let batches = self.fitted.collate(rows, |_, _| false, &self.device);
        let encoders = self.encoders.iter().zip(&batches);
        encoders.map(|(encoder, batch)| encoder.encode(batch, &self.device)).collect()
    }
}

fn without_weights(feature: &InputFeature, at: &str) -> BundleError {
    let unnamed = ConfigError::Conflict {
        at: at.to_owned(),
        problem: format!("the encoder of `{}` has no weights to encode with", feature.name),
        advice: "name them in `pretrained_model_name_or_path`, or give a trained model".to_owned(),
    };
    unnamed.into()
}
