//! `input_features` and `output_features`.

use std::path::PathBuf;

use sensorium_core::{ColumnName, ConfigError, Layout, config};
use sensorium_modality::target::{FittedTarget, TargetConfig};
use sensorium_modality::{AugmentationConfig, FittedModality, ModalityConfig, infer};
use sensorium_model::encoder::EncoderConfig;
use sensorium_model::encoder::training::EncoderTraining;
use sensorium_model::head::HeadConfig;
use sensorium_model::loss::{Classes, LossConfig};
use sensorium_model::{InputSpec, OutputSpec};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Columns;
use super::pretrained::{self, Source};
use super::section::{component, over};
use crate::BundleError;

/// One input: a column, what it holds and what reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputFeature {
    /// Its name in reports and subset names.
    pub name: ColumnName,
    /// The table's column; the name where the config does not say.
    pub column: ColumnName,
    /// `type` and `preprocessing`.
    pub modality: ModalityConfig,
    /// `augmentation`: what changes the train rows at random.
    pub augmentation: AugmentationConfig,
    /// `encoder`.
    pub encoder: EncoderConfig,
    /// Where the encoder's weights come from; `None` where they are drawn.
    pub pretrained: Option<PathBuf>,
    /// What of the encoder is trained.
    pub training: EncoderTraining,
}

/// One output: a column, what it holds and how it is learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputFeature {
    /// Its name in reports and predictions.
    pub name: ColumnName,
    /// The table's column; the name where the config does not say.
    pub column: ColumnName,
    /// `type` and `preprocessing`.
    pub target: TargetConfig,
    /// `decoder`.
    pub decoder: HeadConfig,
    /// `loss`.
    pub loss: LossConfig,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenInput {
    name: ColumnName,
    column: Option<ColumnName>,
    r#type: Option<String>,
    #[serde(default)]
    preprocessing: Value,
    #[serde(default)]
    augmentation: Value,
    #[serde(default)]
    encoder: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOutput {
    name: ColumnName,
    column: Option<ColumnName>,
    r#type: Option<String>,
    #[serde(default)]
    preprocessing: Value,
    #[serde(default)]
    decoder: Value,
    #[serde(default)]
    loss: Value,
}

type Defaults = Map<String, Value>;

pub(super) fn inputs(
    written: Vec<Map<String, Value>>,
    defaults: &Defaults,
    columns: Columns<'_>,
) -> Result<Vec<InputFeature>, BundleError> {
    let read = |(index, feature)| {
        input(feature, defaults, columns)
            .map_err(|error| error.under(&format!("input_features[{index}]")))
    };
    written.into_iter().enumerate().map(read).collect()
}

pub(super) fn outputs(
    written: Vec<Map<String, Value>>,
    defaults: &Defaults,
    columns: Columns<'_>,
) -> Result<Vec<OutputFeature>, BundleError> {
    let read = |(index, feature)| {
        output(feature, defaults, columns)
            .map_err(|error| error.under(&format!("output_features[{index}]")))
    };
    written.into_iter().enumerate().map(read).collect()
}

fn input(
    written: Map<String, Value>,
    defaults: &Defaults,
    columns: Columns<'_>,
) -> Result<InputFeature, BundleError> {
    let written: WrittenInput = config::read(Value::Object(written))?;
    let column = written.column.unwrap_or_else(|| written.name.clone());
    let is_guessed = written.r#type.is_none();
    let mut kind = kind_or_guess(written.r#type, &column, columns)?;
    if is_guessed && let Some(other) = pretrained::modality(&kind, &written.encoder)? {
        kind = other.to_owned();
    }
    let default = |key| default_of(defaults, &kind, key);

    let preprocessing = section(default("preprocessing"), written.preprocessing);
    let modality = |preprocessing| {
        ModalityConfig::read(&kind, preprocessing)
            .map_err(|error| below_preprocessing(error, ModalityConfig::COMPONENTS, &kind))
    };
    let names = || ModalityConfig::COMPONENTS.iter().map(|(name, _)| *name);
    let layout = ModalityConfig::layout_of(&kind)
        .ok_or_else(|| ConfigError::unknown_value("type", &kind, names()))?;
    let encoder = over(default("encoder"), written.encoder);
    let (name, mut rest) = component(encoder, "", "encoder")?;
    let source = Source::take(layout, name, &mut rest, default_encoder(layout))
        .map_err(|error| error.under("encoder"))?;
    let rest = over(Value::Object(source.adopted.encoder.clone()), rest);
    let encoder =
        EncoderConfig::read(layout, &source.name, rest).map_err(|error| error.under("encoder"))?;

    let adopted = source.adopted.preprocessing_under(&preprocessing);
    let modality = modality(over(Value::Object(adopted), preprocessing))?;
    let augmentation = over(default("augmentation"), written.augmentation);
    let augmentation = augmentation_of(&modality, augmentation)?;
    let (pretrained, training) = (source.weights, source.training);
    Ok(InputFeature {
        name: written.name,
        column,
        modality,
        augmentation,
        encoder,
        pretrained,
        training,
    })
}

/// A list of entries, each a section or a bare name; true stands for the usual ones.
fn augmentation_of(
    modality: &ModalityConfig,
    written: Value,
) -> Result<AugmentationConfig, ConfigError> {
    let entries = match written {
        Value::Null | Value::Bool(false) => Vec::new(),
        Value::Bool(true) => return Ok(AugmentationConfig::usual(modality)),
        Value::Array(entries) => entries,
        other => {
            let expected = "true, false or a list of entries, each with its `type`";
            return Err(ConfigError::invalid("augmentation", other, expected));
        }
    };
    let entries = entries.into_iter().enumerate();
    let entries = entries.map(|(index, entry)| {
        let at = format!("augmentation[{index}]");
        let (name, rest) = component(entry, "", &at)?;
        if name.is_empty() {
            return Err(ConfigError::MissingKey { at, key: "type".to_owned() });
        }
        Ok((name, rest))
    });
    AugmentationConfig::read(modality, entries.collect::<Result<_, _>>()?)
}

fn output(
    written: Map<String, Value>,
    defaults: &Defaults,
    columns: Columns<'_>,
) -> Result<OutputFeature, BundleError> {
    let written: WrittenOutput = config::read(Value::Object(written))?;
    let column = written.column.unwrap_or_else(|| written.name.clone());
    let kind = kind_or_guess(written.r#type, &column, columns)?;
    let default = |key| default_of(defaults, &kind, key);

    let target =
        TargetConfig::read(&kind, section(default("preprocessing"), written.preprocessing))
            .map_err(|error| below_preprocessing(error, TargetConfig::COMPONENTS, &kind))?;
    let decoder = decoder(over(default("decoder"), written.decoder), &kind)?;
    let loss = over(default("loss"), written.loss);
    let (name, rest) = component(loss, LossConfig::from(&decoder).name(), "loss")?;
    let loss = LossConfig::read(&name, rest).map_err(|error| error.under("loss"))?;
    Ok(OutputFeature { name: written.name, column, target, decoder, loss })
}

/// Ludwig calls the decoders `classifier` and `regressor`; each output has one, named by its type.
fn decoder(written: Value, kind: &str) -> Result<HeadConfig, ConfigError> {
    let own = if kind == "category" { "classifier" } else { "regressor" };
    let (name, rest) = component(written, own, "decoder")?;
    if name != own {
        return Err(ConfigError::unknown_value("decoder.type", &name, [own]));
    }
    HeadConfig::read(kind, rest).map_err(|error| error.under("decoder"))
}

fn kind_or_guess(
    written: Option<String>,
    column: &ColumnName,
    columns: Columns<'_>,
) -> Result<String, BundleError> {
    let column = columns.column(column)?;
    Ok(written.unwrap_or_else(|| infer(&column.summary()).modality.to_owned()))
}

fn default_of(defaults: &Defaults, kind: &str, key: &str) -> Value {
    defaults.get(kind).and_then(|section| section.get(key)).cloned().unwrap_or_default()
}

fn section(default: Value, written: Value) -> Value {
    match over(default, written) {
        Value::Null => Value::Object(Map::new()),
        section => section,
    }
}

/// A mistake in the section is below `preprocessing`; an unknown `type` is not.
fn below_preprocessing(error: ConfigError, components: &[(&str, &str)], kind: &str) -> ConfigError {
    if components.iter().any(|(name, _)| *name == kind) {
        error.under("preprocessing")
    } else {
        error
    }
}

const fn default_encoder(layout: Layout) -> &'static str {
    match layout {
        Layout::Grid | Layout::Sequence => "stacked_cnn",
        Layout::Tokens => "bag_of_words",
        Layout::Vector => "dense",
    }
}

impl InputFeature {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.modality.check().map_err(|error| error.under("preprocessing"))?;
        self.augmentation.check()?;
        self.training.check().map_err(|error| error.under("encoder"))
    }

    pub(super) fn spec(&self, fitted: &FittedModality) -> InputSpec {
        InputSpec {
            name: self.name.clone(),
            shape: fitted.shape(),
            encoder: self.encoder.clone().with_token_weights(fitted.token_weights()),
            training: self.training.clone(),
        }
    }
}

impl OutputFeature {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.target.check().map_err(|error| error.under("preprocessing"))
    }

    pub(super) fn spec(&self, fitted: &FittedTarget) -> Result<OutputSpec, ConfigError> {
        Ok(OutputSpec {
            name: self.name.clone(),
            num_outputs: fitted.num_outputs(),
            head: self.decoder.clone(),
            loss: self.resolved_loss(fitted)?,
        })
    }

    /// The loss with one weight a class, where it weighs classes.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where it weighs a label that train lacks.
    pub fn resolved_loss(&self, fitted: &FittedTarget) -> Result<LossConfig, ConfigError> {
        let index_of = |label: &str| fitted.class_of(label);
        let (labels, counts) = (fitted.classes(), fitted.class_counts());
        let classes = Classes { labels, counts, index_of: &index_of };
        self.loss.clone().with_classes(&classes).map_err(|error| error.under("loss"))
    }
}
