//! The config: Ludwig's dialect, read, resolved and checked.
//!
//! Source of the keys: Ludwig's configuration reference (<https://ludwig.ai>); `docs/configuration.md`
//! lists the subset that is read and where it differs.

mod feature;
mod pretrained;
mod section;
mod trainer;

use sensorium_core::{ColumnName, ConfigError, Seed, config};
use sensorium_model::{ModelSpec, combiner::CombinerConfig};
use sensorium_table::{Column, MissingValues, SplitConfig, Table, TableError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use feature::{InputFeature, OutputFeature};
pub use trainer::{
    CALIBRATED_LOSS, Decay, GradientClipping, LOSSES, Optimizer, OptimizerKind, Scheduler,
    TrainerConfig, TrainerKind,
};

use crate::BundleError;

/// A whole config, every default filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// What goes in, in the order that subset names follow.
    pub input_features: Vec<InputFeature>,
    /// How the inputs' embeddings are joined.
    pub combiner: CombinerConfig,
    /// What comes out; several are learned together.
    pub output_features: Vec<OutputFeature>,
    /// Which rows train, validate and test.
    pub split: SplitConfig,
    /// The words that stand for an absent value. Bundles from before this key know none.
    #[serde(default = "MissingValues::none")]
    pub missing_values: MissingValues,
    /// How the model is trained.
    pub trainer: TrainerConfig,
    /// The root of every random choice.
    pub random_seed: Seed,
}

/// The top level as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    input_features: Vec<Map<String, Value>>,
    output_features: Option<Vec<Map<String, Value>>>,
    #[serde(default)]
    combiner: Value,
    #[serde(default)]
    preprocessing: WrittenPreprocessing,
    #[serde(default)]
    defaults: Map<String, Value>,
    #[serde(default)]
    trainer: Value,
    #[serde(default)]
    #[expect(dead_code, reason = "read so that any other kind is refused")]
    model_type: ModelType,
    #[serde(default)]
    #[expect(dead_code, reason = "read so that any other kind is refused")]
    backend: Backend,
    #[serde(default)]
    #[expect(dead_code, reason = "Ludwig writes it, nothing depends on it")]
    ludwig_version: Value,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WrittenPreprocessing {
    split: Value,
    missing_values: Option<MissingValues>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ModelType {
    #[default]
    Ecd,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Backend {
    r#type: BackendKind,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum BackendKind {
    #[default]
    Local,
}

/// Parses YAML; the place of a syntax error is in its message.
///
/// # Errors
///
/// [`BundleError::Yaml`] where the text is not YAML.
pub fn parse_yaml(text: &str) -> Result<Value, BundleError> {
    serde_saphyr::from_str(text).map_err(|error| BundleError::Yaml(error.to_string()))
}

/// Sets one key of a config as written, such as `combiner.type` to `concat`.
///
/// The value is read as YAML, so `3` is a number and `[3, 5]` a list.
///
/// # Errors
///
/// [`ConfigError`] where the path leads through something that is not a section.
pub fn set(config: &mut Value, path: &str, value: &str) -> Result<(), BundleError> {
    let value = parse_yaml(value)?;
    let mut section = config;
    for key in path.split('.') {
        if section.is_null() {
            *section = Value::Object(Map::new());
        }
        section = match section {
            Value::Array(items) => key
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get_mut(index))
                .ok_or_else(|| ConfigError::invalid(path, key, "the index of a list's item"))?,
            Value::Object(map) => map.entry(key).or_insert(Value::Null),
            other => return Err(ConfigError::invalid(path, other, "a section").into()),
        };
    }
    *section = value;
    Ok(())
}

impl Config {
    /// Resolves a config as written: defaults filled in, every key and value checked, every column
    /// looked up in the table and, where a feature has no `type`, guessed from it.
    ///
    /// # Errors
    ///
    /// [`BundleError`] for the first mistake, its place named.
    pub fn resolve(written: Value, table: &Table, random_seed: Seed) -> Result<Self, BundleError> {
        let written: Written = config::read(written)?;
        if written.output_features.is_none() {
            let key = "output_features".to_owned();
            return Err(ConfigError::MissingKey { at: String::new(), key }.into());
        }
        let resolved = Self::of(written, table, random_seed)?;
        resolved.check_names()?;
        resolved.trainer.check_validation(&resolved.output_features)?;
        Ok(resolved)
    }

    /// As [`Config::resolve`], of a config that may have no `output_features`: enough to look at
    /// inputs and to encode them.
    ///
    /// # Errors
    ///
    /// [`BundleError`] for the first mistake, its place named.
    pub fn resolve_inputs(
        written: Value,
        table: &Table,
        random_seed: Seed,
    ) -> Result<Self, BundleError> {
        let resolved = Self::of(config::read(written)?, table, random_seed)?;
        no_repeats("input_features", resolved.input_features.iter().map(|feature| &feature.name))?;
        Ok(resolved)
    }

    fn of(written: Written, table: &Table, random_seed: Seed) -> Result<Self, BundleError> {
        let outputs = written.output_features.unwrap_or_default();
        let missing_values = written.preprocessing.missing_values.unwrap_or_default();
        let columns = Columns { table, missing_values: &missing_values };
        Ok(Self {
            input_features: feature::inputs(written.input_features, &written.defaults, columns)?,
            combiner: combiner(written.combiner)?,
            output_features: feature::outputs(outputs, &written.defaults, columns)?,
            split: split(written.preprocessing.split)?,
            missing_values,
            trainer: trainer::read(written.trainer)?,
            random_seed,
        })
    }

    /// A table's column, with what this config takes for an absent value.
    ///
    /// # Errors
    ///
    /// [`TableError`] where the table has no such column, or its type is not read.
    pub fn column<'a>(
        &'a self,
        table: &'a Table,
        name: &ColumnName,
    ) -> Result<Column<'a>, TableError> {
        Columns { table, missing_values: &self.missing_values }.column(name)
    }

    /// The model that this config describes, once the features' shapes are known.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where a loss weighs a label that train lacks.
    pub(crate) fn model_spec(&self, fitted: &crate::Fitted) -> Result<ModelSpec, ConfigError> {
        Ok(ModelSpec {
            inputs: self
                .input_features
                .iter()
                .zip(&fitted.inputs)
                .map(|(feature, modality)| feature.spec(modality))
                .collect(),
            combiner: self.combiner.clone(),
            outputs: self
                .output_features
                .iter()
                .zip(&fitted.targets)
                .enumerate()
                .map(|(index, (feature, target))| {
                    let under =
                        |error: ConfigError| error.under(&format!("output_features[{index}]"));
                    feature.spec(target).map_err(under)
                })
                .collect::<Result<_, _>>()?,
        })
    }

    fn check_names(&self) -> Result<(), ConfigError> {
        let inputs = self.input_features.iter().map(|feature| &feature.name);
        let outputs = self.output_features.iter().map(|feature| &feature.name);
        no_repeats("input_features", inputs)?;
        no_repeats("output_features", outputs)?;
        self.no_target_is_an_input()
    }

    fn no_target_is_an_input(&self) -> Result<(), ConfigError> {
        for output in &self.output_features {
            if self.input_features.iter().any(|input| input.column == output.column) {
                return Err(ConfigError::Conflict {
                    at: "output_features".to_owned(),
                    problem: format!("column `{}` is an input too", output.column),
                    advice: "a model that reads its own answer learns nothing; remove one".into(),
                });
            }
        }
        Ok(())
    }
}

/// The columns of a table, with what is taken for an absent value.
#[derive(Clone, Copy)]
struct Columns<'a> {
    table: &'a Table,
    missing_values: &'a MissingValues,
}

impl<'a> Columns<'a> {
    fn column(self, name: &ColumnName) -> Result<Column<'a>, TableError> {
        Ok(self.table.column(name)?.with_missing_values(self.missing_values))
    }
}

fn no_repeats<'a>(
    section: &str,
    names: impl ExactSizeIterator<Item = &'a ColumnName>,
) -> Result<(), ConfigError> {
    if names.len() == 0 {
        return Err(ConfigError::invalid(section, "empty", "at least one feature"));
    }
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(ConfigError::invalid(section, format!("`{name}` twice"), "each name once"));
        }
    }
    Ok(())
}

fn combiner(written: Value) -> Result<CombinerConfig, ConfigError> {
    let (name, rest) = section::component(written, "bilinear", "combiner")?;
    CombinerConfig::read(&name, rest).map_err(|error| error.under("combiner"))
}

fn split(written: Value) -> Result<SplitConfig, ConfigError> {
    let written = if written.is_null() { Value::Object(Map::new()) } else { written };
    SplitConfig::read(written).map_err(|error| error.under("preprocessing.split"))
}
