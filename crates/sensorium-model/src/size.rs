//! How large a model is, known from its shapes before the first weight is made.

use sensorium_core::ConfigError;
use serde_json::Value;

use crate::weights::{self, escaped};
use crate::{Model, ModelSpec};

/// The most memory that a model may take in training, in bytes: its weights, and of those that train
/// the best epoch's, the gradient and two moments; what a step computes is apart.
pub const MAX_MODEL_BYTES: u64 = 64 << 30;

/// Bytes of one number.
const NUMBER: u64 = 4;
/// What is held of each weight that trains: itself, the best epoch's, its gradient and two moments.
const COPIES: u64 = 5;
/// A key below this is not what makes a model large.
const SMALLEST_CULPRIT: u64 = 1_024;

/// The number of a model's weights, and what most of them are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSize {
    /// All weights, running statistics among them.
    pub weights: u64,
    /// The bytes that they take in training.
    pub training_bytes: u64,
    /// The largest weight's name.
    pub largest: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The config's key that made it large, such as `combiner.hidden_size`, or the section.
    pub key: String,
}

impl ModelSize {
    /// The size of the model that `spec` describes, which need not be drawn yet.
    pub fn of(model: &Model, spec: &ModelSpec) -> Self {
        let shapes = weights::shapes(model).by_name;
        let frozen = weights::frozen_prefixes(model);
        let (mut num_weights, mut bytes, mut largest) = (0_u64, 0_u64, (0, "", &Vec::new()));
        for (name, shape) in &shapes {
            let own = shape.iter().fold(1_u64, |all, &size| all.saturating_mul(size as u64));
            let copies = if frozen.iter().any(|it| name.starts_with(it)) { 1 } else { COPIES };
            num_weights = num_weights.saturating_add(own);
            bytes = bytes.saturating_add(own.saturating_mul(NUMBER * copies));
            if own > largest.0 {
                largest = (own, name, shape);
            }
        }
        let (_, name, shape) = largest;
        let (key, section) = section(spec, name);
        let key = culprit(&section, shape).map_or(key.clone(), |leaf| format!("{key}.{leaf}"));
        let (largest, shape) = (name.to_owned(), shape.clone());
        Self { weights: num_weights, training_bytes: bytes, largest, shape, key }
    }

    /// Refuses a model that takes more than `limit` bytes in training; `of` says whose limit it is,
    /// such as `this machine has`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Conflict`] with the number of weights, the largest of them and the key to lower.
    pub fn check(&self, limit: u64, of: &str) -> Result<(), ConfigError> {
        if self.training_bytes <= limit {
            return Ok(());
        }
        let Self { weights, training_bytes, largest, shape, key } = self;
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        let problem = format!(
            "the model would have {weights} weights and take {:.1} GiB in training, but {of} {:.1} \
             GiB; the largest weight, `{largest}`, has the shape {shape:?}",
            gib(*training_bytes),
            gib(limit),
        );
        let advice = format!("lower `{key}`, or the sizes of what it reads");
        Err(ConfigError::Conflict { at: key.clone(), problem, advice })
    }
}

/// The config's section that a weight is of, and what it says.
fn section(spec: &ModelSpec, weight: &str) -> (String, Value) {
    let json = |section: Result<Value, serde_json::Error>| section.unwrap_or_default();
    let starts = |list: &str, name| weight.starts_with(&format!("{list}.{}.", escaped(name)));
    if let Some(index) = spec.inputs.iter().position(|it| starts("input_features", &it.name)) {
        let encoder = json(serde_json::to_value(&spec.inputs[index].encoder));
        return (format!("input_features[{index}].encoder"), encoder);
    }
    if let Some(index) = spec.outputs.iter().position(|it| starts("output_features", &it.name)) {
        let head = json(serde_json::to_value(&spec.outputs[index].head));
        return (format!("output_features[{index}].decoder"), head);
    }
    ("combiner".to_owned(), json(serde_json::to_value(&spec.combiner)))
}

/// The path of the largest number of a section that divides a side of the weight.
fn culprit(section: &Value, shape: &[usize]) -> Option<String> {
    let makes_a_side = |value: u64| shape.iter().any(|&side| (side as u64).is_multiple_of(value));
    let mut leaves = Vec::new();
    whole_numbers(section, String::new(), &mut leaves);
    leaves.retain(|&(_, value)| value >= SMALLEST_CULPRIT && makes_a_side(value));
    leaves.into_iter().max_by_key(|&(_, value)| value).map(|(path, _)| path)
}

fn whole_numbers(value: &Value, path: String, found: &mut Vec<(String, u64)>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Number(number) => found.extend(number.as_u64().map(|number| (path, number))),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, item)| whole_numbers(item, format!("{path}[{index}]"), found));
        }
        Value::Object(section) => {
            section.iter().for_each(|(key, value)| whole_numbers(value, below(key), found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use sensorium_core::{FeatureShape, Hint};
    use serde_json::json;

    use super::*;
    use crate::combiner::CombinerConfig;
    use crate::encoder::EncoderConfig;
    use crate::testkit::model_spec;

    fn size(spec: &ModelSpec) -> ModelSize {
        ModelSize::of(&Model::unloaded(spec, &Device::flex()).unwrap(), spec)
    }

    #[test]
    fn the_count_is_that_of_the_drawn_model() {
        for (name, _) in CombinerConfig::COMPONENTS {
            let spec = model_spec(name);
            let drawn = Model::build(&spec, &Device::flex()).unwrap();
            let size = size(&spec);
            assert_eq!(size.weights, drawn.num_parameters() as u64, "{name}");
            assert_eq!(size.training_bytes, 20 * size.weights, "{name}");
        }
    }

    /// None of these could be drawn: the smallest takes 17 GB.
    #[test]
    fn the_key_that_makes_a_model_enormous_is_named() {
        let combiner = |name: &str, keys: Value| {
            let mut spec = model_spec("concat");
            spec.combiner = CombinerConfig::read(name, keys).unwrap();
            spec
        };
        let input = |name: &str, shape: FeatureShape, keys: Value| {
            let mut spec = model_spec("concat");
            spec.inputs[1].shape = shape;
            let layout = shape.layout();
            spec.inputs[1].encoder = EncoderConfig::read(layout, name, keys).unwrap();
            spec
        };
        let grid = FeatureShape::Grid { channels: 3, height: 32, width: 32 };
        let sequence = FeatureShape::Sequence { max_length: 100, width: 40 };
        let tokens = FeatureShape::Tokens { max_length: 100, vocabulary_size: 1_000_000 };
        let layers = vec![json!({"output_size": 65_536}); 64];
        for (spec, key) in [
            (combiner("transformer", json!({"hidden_size": 65_536})), "combiner.hidden_size"),
            (
                combiner("concat", json!({"fc_layers": layers})),
                "combiner.fc_layers[63].output_size",
            ),
            (
                input("stacked_cnn", grid, json!({"num_conv_layers": 2, "out_channels": 65_536})),
                "input_features[1].encoder.out_channels",
            ),
            (
                input("transformer", sequence, json!({"hidden_size": 65_536})),
                "input_features[1].encoder.hidden_size",
            ),
            (
                input("rnn", sequence, json!({"cell_type": "lstm", "state_size": 65_536})),
                "input_features[1].encoder.state_size",
            ),
            (
                input("embed", tokens, json!({"embedding_size": 65_536})),
                "input_features[1].encoder.embedding_size",
            ),
        ] {
            let size = size(&spec);
            let error = size.check(MAX_MODEL_BYTES, "the limit is").unwrap_err();
            assert_eq!(size.key, key, "{error}");
            assert!(size.weights > 4_000_000_000, "{size:?}");
            assert!(error.to_string().contains(&format!("{} weights", size.weights)), "{error}");
            assert!(error.hint().unwrap().contains(key));
        }
    }

    #[test]
    fn a_model_that_many_classes_make_large_names_the_section() {
        let mut spec = model_spec("concat");
        spec.outputs[0].num_outputs = 10_000_000;
        assert_eq!(size(&spec).key, "output_features[0].decoder");
    }

    #[test]
    fn a_model_within_the_limit_passes_and_one_byte_less_refuses_it() {
        let size = size(&model_spec("concat"));
        size.check(size.training_bytes, "the limit is").unwrap();
        size.check(size.training_bytes - 1, "the limit is").unwrap_err();
    }
}
