//! The bundle's file.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::TensorData;
use sensorium_core::ConfigError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::numbers::check_weight;
use crate::sealed::{self, Kind};
use crate::{BundleError, Calibration, Config, Fitted};

/// The version of the bundle's format; apart from the program's own. Since 2 the digest is over every
/// byte of the file.
pub const FORMAT_VERSION: u32 = 2;

const KIND: Kind = Kind { name: "sensorium model bundle", version: FORMAT_VERSION };

/// All that a model is, as it lies in its file.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// What was asked for.
    pub config: Config,
    /// What preprocessing learned.
    pub fitted: Fitted,
    /// What training said at its end, as in `test_statistics.json`.
    pub report: Value,
    /// What the parts of the logits count.
    pub calibration: Calibration,
    /// The weights by name.
    pub weights: BTreeMap<String, TensorData>,
}

/// The bundle's document. `schema` repeats, for readers that know nothing of this program, what
/// goes in and what comes out.
#[derive(Serialize)]
struct Written<'a> {
    schema: Schema,
    config: &'a Config,
    fitted: &'a Fitted,
    calibration: &'a Calibration,
    report: &'a Value,
}

#[derive(Deserialize)]
struct Read {
    config: Config,
    fitted: Fitted,
    #[serde(default)]
    calibration: Calibration,
    report: Value,
}

#[derive(Serialize)]
struct Schema {
    inputs: Vec<SchemaInput>,
    outputs: Vec<SchemaOutput>,
}

#[derive(Serialize)]
struct SchemaInput {
    name: String,
    column: String,
    r#type: &'static str,
}

#[derive(Serialize)]
struct SchemaOutput {
    name: String,
    r#type: &'static str,
    classes: Vec<String>,
}

impl Bundle {
    /// Writes the bundle atomically; the same bundle always gives the same bytes.
    ///
    /// # Errors
    ///
    /// [`BundleError`] where the file cannot be written; nothing is left half-written.
    pub fn write(&self, path: &Path) -> Result<(), BundleError> {
        let Self { config, fitted, report, calibration, weights: _ } = self;
        let content = Written { schema: Schema::of(self), config, fitted, calibration, report };
        sealed::write(path, KIND, &content, &self.weights)
    }

    /// Opens a bundle and verifies all of it.
    ///
    /// # Errors
    ///
    /// [`BundleError`] naming a file of another kind or version, a truncated or altered one, and one
    /// whose parts do not go together.
    pub fn open(path: &Path) -> Result<Self, BundleError> {
        let (Read { config, fitted, calibration, report }, weights) = sealed::read(path, KIND)?;
        let bundle = Self { config, fitted, report, calibration, weights };
        bundle.check().map_err(|error| BundleError::content(path, error))?;
        Ok(bundle)
    }

    /// Checks what a digest cannot: whoever makes a file can make its digest fit.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first value out of its range, as in a config, and for the first part
    /// that does not go with the others.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.config.check().map_err(|error| error.under("config"))?;
        self.fitted.check(&self.config).map_err(|error| error.under("fitted"))?;
        let (outputs, inputs) = (self.fitted.targets.len(), self.fitted.inputs.len());
        self.calibration.check(outputs, inputs).map_err(|error| error.under("calibration"))?;
        self.weights.iter().try_for_each(|(name, tensor)| check_weight(name, tensor))
    }
}

impl Schema {
    fn of(bundle: &Bundle) -> Self {
        let inputs = bundle.config.input_features.iter().map(|feature| SchemaInput {
            name: feature.name.to_string(),
            column: feature.column.to_string(),
            r#type: feature.modality.name(),
        });
        let outputs = bundle.config.output_features.iter().zip(&bundle.fitted.targets);
        let outputs = outputs.map(|(feature, target)| SchemaOutput {
            name: feature.name.to_string(),
            r#type: feature.target.name(),
            classes: target.classes().to_vec(),
        });
        Self { inputs: inputs.collect(), outputs: outputs.collect() }
    }
}
