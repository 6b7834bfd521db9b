//! Encoders, one role for each layout that they read.

mod classifier;
#[cfg(test)]
mod contract;
pub mod grid;
#[cfg(test)]
mod parity;
mod patches;
mod scatter;
pub mod sequence;
pub mod training;
pub mod vector;
pub mod window;

use burn::module::Module;
use burn::tensor::Device;
use sensorium_core::{ConfigError, FeatureShape, Layout};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use classifier::OutputLayer;
pub use patches::PatchReduce;

use crate::batch::mask;
use crate::layer::FullyConnectedKeys;
use crate::pretrained::{self, Adopted, Naming, PretrainedError, Published};
use crate::{Embedding, Encoded, FeatureBatch, FeatureValues};
use grid::{AnyGridEncoder, GridEncoderConfig, GridInput};
use scatter::Rows;
use sequence::{
    AnySequenceEncoder, SequenceBatch, SequenceEncoderConfig, SequenceInput, SequenceSteps,
};
use vector::{AnyVectorEncoder, VectorEncoderConfig, VectorInput};

/// The most convolutions that a config may ask for.
const MAX_CONVOLUTIONS: usize = 64;

/// What encoders call the keys that their fully connected layers fall back to.
const fn fully_connected_keys(dropout: &'static str) -> FullyConnectedKeys {
    FullyConnectedKeys { output_size: "output_size", dropout }
}

/// Any encoder as a config writes it, under the layout that it reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reads", rename_all = "lowercase")]
pub enum EncoderConfig {
    /// Of pictures.
    Grid(GridEncoderConfig),
    /// Of token ids and of vectors in time.
    Sequence(SequenceEncoderConfig),
    /// Of one vector a row.
    Vector(VectorEncoderConfig),
}

/// One line of the list of encoders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderComponent {
    /// What `type` says.
    pub name: &'static str,
    /// A line on it.
    pub summary: &'static str,
    /// What it reads.
    pub layouts: &'static [Layout],
}

/// Encoders that read the same layouts, and their names with a line on each.
type Role = (&'static [Layout], &'static [(&'static str, &'static str)]);

/// Names of published models that are built of the layers of another one.
const ALIASES: [(&str, &str); 5] = [
    ("audio-spectrogram-transformer", "ast"),
    ("clip_text_model", "clip_text"),
    ("clip_vision_model", "clip_vision"),
    ("distilbert", "bert"),
    ("roberta", "bert"),
];

/// The component that a name stands for.
fn canonical(name: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, component)| component)
}

impl EncoderConfig {
    /// The lists that [`EncoderConfig::components`] joins.
    const ROLES: [Role; 3] = [
        (&[Layout::Grid], GridEncoderConfig::COMPONENTS),
        (&[Layout::Tokens, Layout::Sequence], SequenceEncoderConfig::COMPONENTS),
        (&[Layout::Vector], VectorEncoderConfig::COMPONENTS),
    ];

    /// Every encoder there is; a name may stand twice, for different layouts.
    pub fn components() -> impl Iterator<Item = EncoderComponent> {
        Self::ROLES.into_iter().flat_map(|(layouts, components)| {
            components.iter().map(move |&(name, summary)| EncoderComponent {
                name,
                summary,
                layouts,
            })
        })
    }

    /// The encoders that read `layout`.
    pub fn components_for(layout: Layout) -> impl Iterator<Item = EncoderComponent> {
        Self::components().filter(move |component| component.layouts.contains(&layout))
    }

    /// The layouts that the encoder called `name` reads; none for an unknown one.
    pub fn layouts(name: &str) -> &'static [Layout] {
        let name = canonical(name);
        let found = Self::components().find(|component| component.name == name);
        found.map_or(&[], |component| component.layouts)
    }

    /// Reads the encoder called `name` from the rest of its section, for features of `layout`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for an unknown name, key or value; for a name that only reads another
    /// layout, with what reads this one.
    pub fn read(layout: Layout, name: &str, section: Value) -> Result<Self, ConfigError> {
        let name = canonical(name);
        if Self::components_for(layout).all(|component| component.name != name) {
            return Err(Self::unreadable(layout, name));
        }
        match layout {
            Layout::Grid => GridEncoderConfig::read(name, section).map(Self::Grid),
            Layout::Tokens | Layout::Sequence => {
                SequenceEncoderConfig::read(name, section).map(Self::Sequence)
            }
            Layout::Vector => VectorEncoderConfig::read(name, section).map(Self::Vector),
        }
    }

    fn unreadable(layout: Layout, name: &str) -> ConfigError {
        let valid: Vec<_> = Self::components_for(layout).map(|component| component.name).collect();
        let Some(other) = Self::components().find(|component| component.name == name) else {
            return ConfigError::unknown_value("type", name, valid);
        };
        let reads: Vec<_> = other.layouts.iter().map(Layout::to_string).collect();
        ConfigError::Conflict {
            at: "type".to_owned(),
            problem: format!(
                "the encoder `{name}` reads {}, but this input is {layout}",
                reads.join(" and ")
            ),
            advice: format!("encoders that read {layout}: {}", valid.join(", ")),
        }
    }

    /// The keys of a column's `preprocessing` that the encoder called `name` reads best, where the
    /// config does not write them.
    #[must_use]
    pub fn usual_preprocessing(name: &str) -> Map<String, Value> {
        let usual = match name {
            "bag_of_words" => json!({"tokenizer": "ngram"}),
            _ => json!({}),
        };
        usual.as_object().cloned().unwrap_or_default()
    }

    /// The same encoder with what each token id counts, where it weighs them.
    #[must_use]
    pub fn with_token_weights(mut self, token_weights: Option<Vec<f32>>) -> Self {
        if let Self::Sequence(SequenceEncoderConfig::BagOfWords(config)) = &mut self {
            config.token_weights = token_weights;
        }
        self
    }

    /// The encoder's name in a config.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Grid(config) => config.name(),
            Self::Sequence(config) => config.name(),
            Self::Vector(config) => config.name(),
        }
    }

    /// The encoders that there are published weights for.
    pub fn published() -> Vec<&'static str> {
        let read = |layout, name: &str| Self::read(layout, name, Value::Object(Map::new())).ok();
        let components = Self::components().filter(|component| {
            let config = read(component.layouts[0], component.name);
            config.is_some_and(|config| !config.namings().is_empty())
        });
        components.map(|component| component.name).collect()
    }

    /// What a published model says of the encoder called `name` and of what it reads.
    ///
    /// # Errors
    ///
    /// [`PretrainedError`] for an encoder that nobody publishes, and for a model that is built
    /// otherwise.
    pub fn adopted(
        layout: Layout,
        name: &str,
        published: &Published,
    ) -> Result<Adopted, PretrainedError> {
        let name = canonical(name);
        let valid = Self::published();
        if !valid.contains(&name) {
            return Err(PretrainedError::NoArchitecture { encoder: name.to_owned(), valid });
        }
        let adopted = match layout {
            Layout::Grid => GridEncoderConfig::adopted(name, published),
            Layout::Tokens | Layout::Sequence => SequenceEncoderConfig::adopted(name, published),
            Layout::Vector => VectorEncoderConfig::adopted(name, published),
        };
        adopted.map_err(|source| PretrainedError::Config {
            path: published.path().to_owned(),
            encoder: name.to_owned(),
            source: Box::new(source),
        })
    }

    /// The names that published weights of the encoder have, by publisher.
    pub fn namings(&self) -> Vec<Naming> {
        match self {
            Self::Grid(config) => config.namings(),
            Self::Sequence(config) => config.namings(),
            Self::Vector(config) => config.namings(),
        }
    }

    /// Builds the encoder with freshly drawn weights.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first field outside its range, and for features of a layout that
    /// the encoder does not read.
    pub fn build(&self, shape: &FeatureShape, device: &Device) -> Result<AnyEncoder, ConfigError> {
        match (self, *shape) {
            (Self::Grid(config), FeatureShape::Grid { channels, height, width }) => {
                config.build(&GridInput { channels, height, width }, device).map(AnyEncoder::Grid)
            }
            (Self::Sequence(config), FeatureShape::Tokens { max_length, vocabulary_size }) => {
                let input = SequenceInput::Tokens { vocabulary_size, max_length };
                config.build(&input, device).map(AnyEncoder::Sequence)
            }
            (Self::Sequence(config), FeatureShape::Sequence { max_length, width }) => {
                let input = SequenceInput::Values { width, max_length };
                config.build(&input, device).map(AnyEncoder::Sequence)
            }
            (Self::Vector(config), FeatureShape::Vector { width }) => {
                config.build(&VectorInput { width }, device).map(AnyEncoder::Vector)
            }
            _ => Err(Self::unreadable(shape.layout(), self.name())),
        }
    }
}

/// Any encoder, as a model holds it.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a model holds few encoders")]
pub enum AnyEncoder {
    /// Of pictures.
    Grid(AnyGridEncoder),
    /// Of token ids and of vectors in time.
    Sequence(AnySequenceEncoder),
    /// Of one vector a row.
    Vector(AnyVectorEncoder),
}

impl AnyEncoder {
    /// The encoder with published weights, all of them or none.
    ///
    /// # Errors
    ///
    /// [`PretrainedError`] for the first tensor that is missing, of another shape or type, or that
    /// the encoder has no place for.
    pub fn with_published(
        self,
        config: &EncoderConfig,
        published: &Published,
    ) -> Result<Self, PretrainedError> {
        let tensors = pretrained::Tensors::read(published)?;
        pretrained::load(self, config.name(), &config.namings(), &tensors)
    }

    /// Encodes the rows that are present; the others get zeros and a mask of false. Where no row
    /// is present the encoder does not run, and there is one token, masked.
    ///
    /// # Shapes
    ///
    /// - `batch`: `B` rows, `P` of them present
    /// - returns: `[B, D]`, `[B, T, D]`, `[B, T]` and `[B]`
    ///
    /// # Panics
    ///
    /// If the batch holds another layout, or another number of rows than `present` says.
    #[must_use]
    pub fn encode(&self, batch: &FeatureBatch, device: &Device) -> Embedding {
        let rows = Rows::new(&batch.present, device);
        match &batch.values {
            Some(values) if rows.num_present() > 0 => rows.scatter(self.forward(values)),
            _ => rows.empty(self.output_width()),
        }
    }

    fn forward(&self, values: &FeatureValues) -> Encoded {
        match (self, values) {
            (_, FeatureValues::Encoded(encoded)) => encoded.clone(),
            (Self::Grid(encoder), FeatureValues::Grid(values)) => {
                encoder.as_dyn().forward(values.clone())
            }
            (Self::Vector(encoder), FeatureValues::Vector(values)) => {
                encoder.as_dyn().forward(values.clone())
            }
            (Self::Sequence(encoder), FeatureValues::Sequence { values, lengths }) => {
                let [_, steps, _] = values.dims();
                let mask = mask(lengths, steps, &values.device());
                let steps = SequenceSteps::Values(values.clone());
                encoder.as_dyn().forward(SequenceBatch { steps, mask })
            }
            (Self::Sequence(encoder), FeatureValues::Tokens { ids, lengths }) => {
                let [_, steps] = ids.dims();
                let mask = mask(lengths, steps, &ids.device());
                let steps = SequenceSteps::Tokens(ids.clone());
                encoder.as_dyn().forward(SequenceBatch { steps, mask })
            }
            _ => panic!("an encoder reads the layout that it was built for"),
        }
    }

    /// `D` of what [`AnyEncoder::encode`] returns.
    pub fn output_width(&self) -> usize {
        match self {
            Self::Grid(encoder) => encoder.as_dyn().output_width(),
            Self::Sequence(encoder) => encoder.as_dyn().output_width(),
            Self::Vector(encoder) => encoder.as_dyn().output_width(),
        }
    }
}

#[cfg(test)]
mod tests {
    use sensorium_core::Hint;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_encoder_of_another_layout_is_refused_with_those_that_fit() {
        let error = EncoderConfig::read(Layout::Grid, "parallel_cnn", json!({})).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`type`: the encoder `parallel_cnn` reads tokens [T] and sequence [T, D], but this \
             input is grid [C, H, W]"
        );
        let hint = error.hint().unwrap();
        assert!(hint.starts_with("encoders that read grid [C, H, W]: "), "{hint}");
        assert!(hint.contains("stacked_cnn") && !hint.contains("parallel_cnn"), "{hint}");
    }

    #[test]
    fn an_unknown_encoder_is_answered_with_those_of_the_layout() {
        let error = EncoderConfig::read(Layout::Vector, "dence", json!({})).unwrap_err();
        assert_eq!(error.hint().unwrap(), "did you mean `dense`? valid: dense, passthrough");
    }

    #[test]
    fn one_name_reads_each_layout_with_its_own_encoder() {
        let read = |layout| EncoderConfig::read(layout, "stacked_cnn", json!({})).unwrap();
        assert!(matches!(read(Layout::Grid), EncoderConfig::Grid(_)));
        assert!(matches!(read(Layout::Tokens), EncoderConfig::Sequence(_)));
        assert!(matches!(read(Layout::Sequence), EncoderConfig::Sequence(_)));
    }

    #[test]
    fn a_config_for_other_features_is_refused_when_built() {
        let config = EncoderConfig::read(Layout::Grid, "stacked_cnn", json!({})).unwrap();
        let error = config.build(&FeatureShape::Vector { width: 3 }, &Device::flex()).unwrap_err();
        assert!(error.to_string().contains("reads grid [C, H, W]"), "{error}");
    }
}
