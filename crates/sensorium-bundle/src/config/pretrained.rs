//! The keys of an encoder's section that every encoder has: where its weights come from, and what of
//! it is trained.

use std::path::{Path, PathBuf};

use sensorium_core::{ConfigError, Layout, config};
use sensorium_modality::ModalityConfig;
use sensorium_model::encoder::EncoderConfig;
use sensorium_model::encoder::training::{Adapter, EncoderTraining, LoraConfig};
use sensorium_model::pretrained::{Adopted, Published};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::section::component;
use crate::BundleError;

/// The names of [`WrittenKeys`]' fields.
const KEYS: [&str; 6] = [
    "use_pretrained",
    "pretrained_model_name_or_path",
    "trainable",
    "num_trainable_blocks",
    "layer_decay",
    "adapter",
];
/// Takes the architecture from the weights' own `config.json`, as Ludwig's encoder of that name.
const AUTO: &str = "auto_transformer";

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WrittenKeys {
    use_pretrained: Option<bool>,
    pretrained_model_name_or_path: Option<PathBuf>,
    trainable: Option<bool>,
    num_trainable_blocks: Option<usize>,
    layer_decay: Option<f64>,
    adapter: Value,
}

/// What an encoder's section says that every encoder has.
pub(super) struct Source {
    /// The encoder's name.
    pub(super) name: String,
    /// What is published of it.
    pub(super) adopted: Adopted,
    /// Where its weights come from; `None` where they are drawn.
    pub(super) weights: Option<PathBuf>,
    pub(super) training: EncoderTraining,
}

impl Source {
    /// Takes the common keys out of an encoder's section.
    ///
    /// # Errors
    ///
    /// [`BundleError`] for a wrong key or value, and for weights that there are not.
    pub(super) fn take(
        layout: Layout,
        name: String,
        section: &mut Value,
        default_name: &str,
    ) -> Result<Self, BundleError> {
        let keys = written(section)?;
        let training = keys.training()?;
        let is_wanted = keys.use_pretrained.unwrap_or(true);
        let Some(path) = keys.pretrained_model_name_or_path else {
            if keys.use_pretrained == Some(true) {
                return Err(missing_path().into());
            }
            let name = if name.is_empty() { default_name.to_owned() } else { name };
            let preprocessing = match layout {
                Layout::Tokens => EncoderConfig::usual_preprocessing(&name),
                _ => Map::new(),
            };
            let adopted = Adopted { preprocessing, ..Adopted::default() };
            return Ok(Self { name, adopted, weights: None, training });
        };
        let published = Published::open(&path)?;
        let name = named(name, &published, &path)?;
        let adopted = EncoderConfig::adopted(layout, &name, &published)?;
        Ok(Self { name, adopted, weights: is_wanted.then_some(path), training })
    }
}

/// What a column is that published weights are to read, where it looks like something that they
/// cannot: few words that repeat look like labels.
///
/// # Errors
///
/// [`BundleError`] for weights that there are not.
pub(super) fn modality(guess: &str, encoder: &Value) -> Result<Option<&'static str>, BundleError> {
    let Some(path) = encoder["pretrained_model_name_or_path"].as_str() else { return Ok(None) };
    let name = encoder["type"].as_str().unwrap_or_default().to_owned();
    let name = named(name, &Published::open(Path::new(path))?, Path::new(path))?;
    let layouts = EncoderConfig::layouts(&name);
    if ModalityConfig::layout_of(guess).is_some_and(|layout| layouts.contains(&layout)) {
        return Ok(None);
    }
    Ok(match layouts {
        [Layout::Grid] => Some("image"),
        layouts if layouts.contains(&Layout::Tokens) => Some("text"),
        _ => None,
    })
}

fn written(section: &mut Value) -> Result<WrittenKeys, ConfigError> {
    let Some(section) = section.as_object_mut() else { return Ok(WrittenKeys::default()) };
    let taken: Map<String, Value> =
        KEYS.iter().filter_map(|key| section.shift_remove_entry(*key)).collect();
    config::read(Value::Object(taken))
}

impl WrittenKeys {
    /// Published weights stay as they are unless the config says otherwise.
    fn training(&self) -> Result<EncoderTraining, ConfigError> {
        let is_published =
            self.pretrained_model_name_or_path.is_some() && self.use_pretrained != Some(false);
        let asks = self.num_trainable_blocks.is_some() || self.layer_decay.is_some();
        let training = EncoderTraining {
            trainable: self.trainable.unwrap_or(!is_published || asks),
            num_trainable_blocks: self.num_trainable_blocks,
            layer_decay: self.layer_decay.unwrap_or(1.0),
            adapter: adapter(self.adapter.clone())?,
        };
        training.check()?;
        Ok(training)
    }
}

fn adapter(written: Value) -> Result<Option<Adapter>, ConfigError> {
    if written.is_null() {
        return Ok(None);
    }
    let (name, rest) = component(written, "lora", "adapter")?;
    if name != "lora" {
        return Err(ConfigError::unknown_value("adapter.type", &name, ["lora"]));
    }
    let lora: LoraConfig = config::read(rest).map_err(|error| error.under("adapter"))?;
    Ok(Some(Adapter::Lora(lora)))
}

fn missing_path() -> ConfigError {
    ConfigError::Conflict {
        at: "use_pretrained".to_owned(),
        problem: "no weights are named".to_owned(),
        advice: "give their folder or file in `pretrained_model_name_or_path`".to_owned(),
    }
}

/// The architecture that the config names, or that the weights' folder does.
fn named(name: String, published: &Published, path: &Path) -> Result<String, BundleError> {
    if !name.is_empty() && name != AUTO {
        return Ok(name);
    }
    let config = &published.config;
    if let Some(kind) = config["model_type"].as_str() {
        return Ok(kind.to_owned());
    }
    // timm's config names a variant: the longest family that it has in it.
    let architecture = config["architecture"].as_str().unwrap_or_default();
    let families = EncoderConfig::published().into_iter();
    let family =
        families.filter(|family| architecture.contains(family)).max_by_key(|name| name.len());
    family.map(str::to_owned).ok_or_else(|| {
        let unnamed = ConfigError::Conflict {
            at: "type".to_owned(),
            problem: format!(
                "`{}` does not say which architecture its weights have",
                path.display()
            ),
            advice: format!("name it: {}", EncoderConfig::published().join(", ")),
        };
        unnamed.into()
    })
}
