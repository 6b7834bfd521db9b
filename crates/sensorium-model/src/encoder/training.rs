//! What of an encoder is trained, and how fast.
//!
//! Sources: Howard and Ruder 2018, "Universal Language Model Fine-tuning", section 3.2, for rates
//! that fall from block to block (<https://arxiv.org/abs/1801.06146>), in the form of timm's
//! `layer_decay`; Hu et al. 2022, "`LoRA`" (<https://arxiv.org/abs/2106.09685>), with Burn's adapters.
//! Differs from the paper: the adapter's product is added to the weight, not to its output, which is
//! the same function; and every linear layer has one.

use std::collections::BTreeMap;

use burn::module::{Flag, Lora, Module, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::tensor::Tensor;
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::AnyEncoder;
use crate::pretrained::Naming;

/// What of an encoder is trained.
///
/// | field | default | range |
/// |---|---|---|
/// | `trainable` | true, but false with published weights | |
/// | `num_trainable_blocks` | all | 0 or more: the last so many blocks, and what comes after them |
/// | `layer_decay` | 1 | above 0, at most 1: each block learns so much slower than the next one |
/// | `adapter` | none | `lora` |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderTraining {
    /// Whether any of the encoder's own weights move.
    pub trainable: bool,
    /// The last so many blocks alone.
    pub num_trainable_blocks: Option<usize>,
    /// What the learning rate of each block is of that of the next one.
    pub layer_decay: f64,
    /// What is trained in place of the weights themselves.
    pub adapter: Option<Adapter>,
}

impl Default for EncoderTraining {
    fn default() -> Self {
        Self { trainable: true, num_trainable_blocks: None, layer_decay: 1.0, adapter: None }
    }
}

/// What is trained in place of the weights of linear layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Adapter {
    /// A product of two narrow matrices is added to each weight.
    Lora(LoraConfig),
}

/// | field | default | range |
/// |---|---|---|
/// | `r` | 8 | 1 to 1 024: the width of the narrow matrices |
/// | `alpha` | 2 `r` | above 0, at most 1e6: the product is multiplied with `alpha` / `r` |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoraConfig {
    /// The width of the narrow matrices.
    pub r: usize,
    /// What the product is multiplied with, times `r`.
    pub alpha: Option<f64>,
}

impl Default for LoraConfig {
    fn default() -> Self {
        Self { r: 8, alpha: None }
    }
}

impl EncoderTraining {
    /// Checks every field against its documented range.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first field out of its range, and for fields that contradict another.
    pub fn check(&self) -> Result<(), ConfigError> {
        in_range("layer_decay", self.layer_decay, f64::MIN_POSITIVE..=1.0)?;
        if let Some(Adapter::Lora(lora)) = &self.adapter {
            in_range("adapter.r", lora.r, 1..=1024)?;
            in_range("adapter.alpha", lora.alpha(), f64::MIN_POSITIVE..=1e6)?;
            if self.num_trainable_blocks.is_some() {
                return conflict(
                    "num_trainable_blocks",
                    "an adapter is trained in place of the weights",
                    "leave out `num_trainable_blocks` or `adapter`",
                );
            }
        }
        if self.num_trainable_blocks.is_some() && !self.trainable {
            return conflict(
                "num_trainable_blocks",
                "`trainable` is false",
                "set `trainable: true`, or leave `num_trainable_blocks` out",
            );
        }
        Ok(())
    }

    /// Whether nothing of the encoder moves, its own modules aside.
    pub fn is_frozen(&self) -> bool {
        !self.trainable && self.adapter.is_none()
    }
}

impl LoraConfig {
    fn alpha(&self) -> f64 {
        self.alpha.unwrap_or(2.0 * self.r as f64)
    }
}

fn conflict(at: &str, problem: &str, advice: &str) -> Result<(), ConfigError> {
    Err(ConfigError::Conflict {
        at: at.to_owned(),
        problem: problem.to_owned(),
        advice: advice.to_owned(),
    })
}

/// How deep a parameter lies: 0 before the first block, 1 in the first, and one more than the last
/// block after them all.
#[derive(Clone, Debug)]
struct Depths {
    /// Names, and the structs that they are fields of.
    place: Vec<Option<(String, String)>>,
    seen_block: bool,
    num_blocks: usize,
    found: Vec<Found>,
}

#[derive(Clone, Debug)]
struct Found {
    id: ParamId,
    path: String,
    /// `None` after the blocks.
    depth: Option<usize>,
    is_linear_weight: bool,
}

impl Depths {
    fn of(encoder: &AnyEncoder) -> Self {
        let mut depths =
            Self { place: Vec::new(), seen_block: false, num_blocks: 0, found: Vec::new() };
        encoder.visit(&mut depths);
        depths
    }

    fn add(&mut self, id: ParamId, is_linear_weight: bool) {
        let path: Vec<&str> = self.place.iter().flatten().map(|(name, _)| name.as_str()).collect();
        let block = match path.as_slice() {
            ["blocks", index, ..] => index.parse::<usize>().ok(),
            _ => None,
        };
        if let Some(block) = block {
            self.seen_block = true;
            self.num_blocks = self.num_blocks.max(block + 1);
        }
        let before = (!self.seen_block).then_some(0);
        let depth = block.map_or(before, |block| Some(block + 1));
        self.found.push(Found { id, path: path.join("."), depth, is_linear_weight });
    }

    fn depth(&self, found: &Found) -> usize {
        found.depth.unwrap_or(self.num_blocks + 1)
    }
}

impl ModuleVisitor for Depths {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        // A table of vectors has a weight too, which is looked up and not multiplied.
        let last = self.place.iter().flatten().next_back();
        let is_weight = |(name, of): &(String, String)| name == "weight" && of == "Struct:Linear";
        self.add(param.id, last.is_some_and(is_weight));
    }

    fn visit_flag(&mut self, flag: &Param<Flag>) {
        self.add(flag.id, false);
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        let is_step = !container.starts_with("Enum:");
        self.place.push(is_step.then(|| (name.to_owned(), container.to_owned())));
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.place.pop();
    }
}

/// The encoder with what is not to be trained frozen, and adapters where they are asked for; draws
/// those from the device's generator. What no publisher has always learns.
pub(crate) fn prepared(
    encoder: AnyEncoder,
    training: &EncoderTraining,
    namings: &[Naming],
) -> AnyEncoder {
    let depths = Depths::of(&encoder);
    let ids = |wanted: &dyn Fn(&Found) -> bool| {
        let found = depths.found.iter().filter(|found| wanted(found));
        ParamGroup::from_ids(found.map(|found| found.id).collect())
    };
    let own = ids(&|found| namings.iter().any(|naming| naming.is_own(&found.path)));
    if let Some(Adapter::Lora(lora)) = &training.adapter {
        let weights = ids(&|found| found.is_linear_weight);
        let lora = Lora::new(lora.r, lora.alpha()).set_param_group(weights);
        return encoder.freeze().apply_lora(lora).unfreeze_group(own);
    }
    match training.num_trainable_blocks {
        _ if !training.trainable => encoder.freeze().unfreeze_group(own),
        None => encoder,
        Some(number) => {
            let first = (depths.num_blocks + 1).saturating_sub(number);
            let last = ids(&|found| depths.depth(found) >= first.max(1));
            encoder.freeze().unfreeze_group(last).unfreeze_group(own)
        }
    }
}

/// Whether the encoder has modules that no publisher has: they learn though the rest is frozen.
pub(crate) fn has_own_modules(encoder: &AnyEncoder, namings: &[Naming]) -> bool {
    let is_own = |found: &Found| namings.iter().any(|naming| naming.is_own(&found.path));
    Depths::of(encoder).found.iter().any(is_own)
}

/// What the learning rate of each parameter is multiplied with, by its path; those of 1 are left out.
pub(crate) fn rate_factors(
    encoder: &AnyEncoder,
    training: &EncoderTraining,
) -> BTreeMap<String, f64> {
    let depths = Depths::of(encoder);
    let factor = |found: &Found| {
        let below = depths.num_blocks + 1 - depths.depth(found);
        training.layer_decay.powi(i32::try_from(below).unwrap_or(i32::MAX))
    };
    let factors = depths.found.iter().map(|found| (found.path.clone(), factor(found)));
    factors.filter(|&(_, factor)| factor < 1.0).collect()
}

#[cfg(test)]
mod tests {
    use burn::optim::GradientsParams;
    use burn::tensor::{Device, Int};
    use sensorium_core::{ColumnName, FeatureShape, Layout};
    use serde_json::json;

    use super::*;
    use crate::encoder::EncoderConfig;
    use crate::model::InputSpec;
    use crate::testkit::{model_spec, values};
    use crate::{AdamW, AdamWConfig, FeatureBatch, FeatureValues, Model, ModelSpec, weights};

    const SHAPE: FeatureShape = FeatureShape::Tokens { max_length: 6, vocabulary_size: 9 };

    /// A model of one column of words, read by a BERT of three blocks.
    fn spec(training: EncoderTraining) -> ModelSpec {
        let section = json!({"hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2,
            "intermediate_size": 12, "hidden_dropout_prob": 0});
        let encoder = EncoderConfig::read(Layout::Tokens, "bert", section).unwrap();
        let input = InputSpec { name: ColumnName::from("words"), shape: SHAPE, encoder, training };
        let spec = model_spec("concat");
        ModelSpec { inputs: vec![input], outputs: spec.outputs[..1].to_vec(), ..spec }
    }

    fn batch(device: &Device) -> Vec<FeatureBatch> {
        let ids = Tensor::<2, Int>::from_ints([[1, 2, 3, 4], [5, 6, 0, 0]], device);
        let values = FeatureValues::Tokens { ids, lengths: vec![4, 2] };
        vec![FeatureBatch { present: vec![true; 2], values: Some(values) }]
    }

    fn logits(model: &Model, device: &Device) -> Tensor<2> {
        model.logits(&model.fuse(&model.encode(&batch(device), device))).remove(0)
    }

    /// The weights after one step of a model, and before.
    fn stepped(training: EncoderTraining) -> [BTreeMap<String, Vec<f32>>; 2] {
        let device = Device::flex().autodiff();
        device.seed(3);
        let model = Model::build(&spec(training), &device).unwrap().prepared();
        let before = numbers(&model);
        let gradients = logits(&model, &device).powf_scalar(2.0).sum().backward();
        let gradients = GradientsParams::from_grads(gradients, &model);
        let config = AdamWConfig { weight_decay: 0.0, ..AdamWConfig::default() };
        let (model, _) = AdamW::new(config).step(model, gradients, 0.01);
        [numbers(&model), before]
    }

    fn numbers(model: &Model) -> BTreeMap<String, Vec<f32>> {
        let named = weights::named(model).into_iter();
        named.map(|(name, data)| (name, data.try_into_vec().unwrap())).collect()
    }

    /// The paths of the encoder's weights that a step moved.
    fn moved(training: EncoderTraining) -> Vec<String> {
        let [after, before] = stepped(training);
        let changed = after.into_iter().filter(|(name, values)| before[name] != *values);
        let prefix = "input_features.words.encoder.";
        changed.filter_map(|(name, _)| name.strip_prefix(prefix).map(str::to_owned)).collect()
    }

    #[test]
    fn a_frozen_encoder_stays_and_the_last_blocks_alone_move() {
        let frozen = EncoderTraining { trainable: false, ..EncoderTraining::default() };
        assert_eq!(moved(frozen), Vec::<String>::new());
        let all = moved(EncoderTraining::default());
        assert!(all.iter().any(|path| path.starts_with("words.")), "{all:?}");
        let last = EncoderTraining { num_trainable_blocks: Some(1), ..EncoderTraining::default() };
        let last = moved(last);
        assert!(
            !last.is_empty() && last.iter().all(|path| path.starts_with("blocks.2.")),
            "{last:?}"
        );
    }

    #[test]
    fn an_adapter_moves_in_place_of_its_weight_and_is_merged_without_a_trace() {
        let lora = Adapter::Lora(LoraConfig { r: 2, alpha: None });
        let training = EncoderTraining { adapter: Some(lora), ..EncoderTraining::default() };
        let [after, before] = stepped(training.clone());
        for (name, values) in &after {
            let Some(path) = name.strip_prefix("input_features.words.encoder.") else { continue };
            // The first step moves the second matrix alone: it starts from zeros.
            let moves = path.ends_with("lora.b");
            assert_eq!(before[name] != *values, moves, "{path}");
        }
        let adapters = after.keys().filter(|name| name.ends_with("lora.a")).count();
        assert_eq!(adapters, 3 * 6, "every linear layer, and no table of vectors");

        let device = Device::flex();
        let spec = spec(training);
        let adapted = Model::build(&spec, &device).unwrap().prepared();
        let tensors = weights::named(&adapted).into_iter();
        let tensors = tensors.map(|(name, data)| match after.get(&name) {
            Some(values) => {
                let shape = data.shape().clone();
                (name, burn::tensor::TensorData::new(values.clone(), shape))
            }
            None => (name, data),
        });
        let adapted = weights::load(adapted, tensors.collect()).unwrap();
        let merged = adapted.clone().materialize();
        let names = |model: &Model| weights::named(model).into_keys().collect::<Vec<_>>();
        assert_eq!(names(&merged), names(&Model::build(&spec, &device).unwrap()));
        let (one, other) = (logits(&adapted, &device), logits(&merged, &device));
        crate::testkit::assert_close("logits", &one, &values(&other), 1e-5);
    }

    #[test]
    fn rates_fall_towards_the_first_layers() {
        let slow = EncoderTraining { layer_decay: 0.5, ..EncoderTraining::default() };
        let model = Model::build(&spec(slow), &Device::flex()).unwrap();
        let factors = model.rate_factors();
        let factor = |path: &str| factors.get(&format!("input_features.words.encoder.{path}"));
        assert_eq!(factor("blocks.2.inner.weight"), Some(&0.5));
        assert_eq!(factor("blocks.0.inner.weight"), Some(&0.125));
        assert_eq!(factor("words.weight"), Some(&0.0625));
    }

    #[test]
    fn a_frozen_encoder_is_left_out_of_checkpoints_and_comes_back() {
        let frozen = EncoderTraining { trainable: false, ..EncoderTraining::default() };
        let device = Device::flex();
        let model = Model::build(&spec(frozen), &device).unwrap().prepared();
        let trained = weights::trained(&model);
        assert!(trained.keys().all(|name| !name.starts_with("input_features.")));
        let loaded = weights::load_trained(model.clone(), trained).unwrap();
        assert_eq!(weights::named(&loaded), weights::named(&model));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let refusal = |training: EncoderTraining| training.check().unwrap_err().to_string();
        let blocks = EncoderTraining {
            trainable: false,
            num_trainable_blocks: Some(1),
            ..EncoderTraining::default()
        };
        assert_eq!(refusal(blocks), "`num_trainable_blocks`: `trainable` is false");
        let lora = Adapter::Lora(LoraConfig { r: 0, alpha: None });
        let lora = EncoderTraining { adapter: Some(lora), ..EncoderTraining::default() };
        assert!(refusal(lora).starts_with("`adapter.r` is 0"));
    }
}
