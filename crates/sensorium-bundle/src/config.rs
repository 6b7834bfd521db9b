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
/// `yes`, `no`, `on`, `off`, `y` and `n` are texts, as in YAML 1.2, and read as flags where a key is
/// one; `.nan` and `.inf` are texts too, and refused with the key where a number is expected.
///
/// # Errors
///
/// [`BundleError::Yaml`] where the text is not YAML.
pub fn parse_yaml(text: &str) -> Result<Value, BundleError> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::AsString,
    };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| BundleError::Yaml(error.to_string()))
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
        resolved.check()?;
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

    /// Checks every value against its range, and that names go together, wherever the config comes
    /// from; what a component's sizes may be is checked where it is built.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first mistake, its place named.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.check_names()?;
        for (index, feature) in self.input_features.iter().enumerate() {
            feature.check().map_err(|error| error.under(&format!("input_features[{index}]")))?;
        }
        for (index, feature) in self.output_features.iter().enumerate() {
            feature.check().map_err(|error| error.under(&format!("output_features[{index}]")))?;
        }
        self.trainer.check().map_err(|error| error.under("trainer"))?;
        self.trainer.check_validation(&self.output_features)
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sensorium_core::Hint;
    use serde_json::json;

    use super::*;

    fn table() -> Table {
        let names = ["y", "n", "no", "label"].map(ColumnName::from).to_vec();
        let row = |row: i64| {
            let label = if row % 2 == 0 { "a" } else { "b" };
            let number = sensorium_table::Value::Integer(row);
            vec![number.clone(), number.clone(), number, sensorium_table::Value::Text(label.into())]
        };
        Table::from_rows(names, (0..9).map(row).collect(), Path::new("/")).unwrap()
    }

    fn resolved(yaml: &str) -> Result<Config, BundleError> {
        Config::resolve(parse_yaml(yaml)?, &table(), Seed::new(1))
    }

    #[test]
    fn the_words_of_yaml_1_1_are_names_where_a_name_stands_and_flags_where_a_flag_stands() {
        let config = resolved(
            "input_features: [{name: y}, {name: n}, {name: x, column: no}]\n\
             output_features: [{name: label}]\ntrainer: {calibrate: off}",
        );
        let config = config.unwrap();
        let names: Vec<_> = config.input_features.iter().map(|input| input.name.as_str()).collect();
        assert_eq!(names, ["y", "n", "x"]);
        assert_eq!(config.input_features[2].column.as_str(), "no");
        assert!(!config.trainer.calibrate);
        assert_eq!(
            parse_yaml("[true, false, yes, on]").unwrap(),
            json!([true, false, "yes", "on"])
        );
    }

    #[test]
    fn what_is_no_number_is_refused_with_its_key() {
        for (value, words) in [
            (".nan", "`trainer.learning_rate` is the text \".nan\", but a number was expected"),
            ("-.inf", "`trainer.learning_rate` is the text \"-.inf\", but a number was expected"),
            ("1e999", "`trainer.learning_rate` is the text \".inf\", but a number was expected"),
            ("1e300", "`trainer.learning_rate` is 1"),
            ("[1]", "`trainer.learning_rate` is a list, but a number was expected"),
        ] {
            let yaml = format!(
                "input_features: [{{name: y}}]\noutput_features: [{{name: label}}]\n\
                 trainer: {{learning_rate: {value}}}"
            );
            let refusal = resolved(&yaml).unwrap_err().to_string();
            assert!(refusal.starts_with(words), "{refusal}, not {words}");
        }
    }

    #[test]
    fn three_betas_and_a_weight_without_an_end_are_refused() {
        for (trainer, words) in [
            (
                "optimizer: {betas: [0.9, 0.9, 0.9]}",
                "`trainer.optimizer.betas` is a list of 3, but a list of 2",
            ),
            (
                "optimizer: {betas: [0.9]}",
                "`trainer.optimizer.betas` is a list of 1, but a list of 2",
            ),
            ("unimodal_loss_weight: 1e300", "`trainer.unimodal_loss_weight` is 1"),
            (
                "epochs: 18446744073709551615",
                "`trainer.epochs` is 18446744073709551615, but 1 to 1000000",
            ),
            ("batch_size: -1", "`trainer.batch_size` is -1, but a whole number of 0 or more"),
        ] {
            let yaml = format!(
                "input_features: [{{name: y}}]\noutput_features: [{{name: label}}]\n\
                 trainer: {{{trainer}}}"
            );
            let refusal = resolved(&yaml).unwrap_err().to_string();
            assert!(refusal.starts_with(words), "{refusal}, not {words}");
        }
    }

    #[test]
    fn a_name_that_is_a_number_is_to_be_quoted() {
        let error = resolved("input_features: [{name: 2020}]\noutput_features: [{name: label}]");
        let error = error.unwrap_err();
        assert_eq!(error.to_string(), "`input_features[0].name` is 2020, but a text was expected");
        assert_eq!(error.hint().unwrap(), "put it in quotes");
    }
}
