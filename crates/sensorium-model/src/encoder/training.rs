//! What of an encoder is trained, and how fast.
//!
//! Sources: Howard and Ruder 2018, "Universal Language Model Fine-tuning", section 3.2, for rates
//! that fall from block to block (<https://arxiv.org/abs/1801.06146>), in the form of timm's
//! `layer_decay`; Hu et al. 2022, "LoRA" (<https://arxiv.org/abs/2106.09685>), with Burn's adapters.
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
    place: Vec<Option<String>>,
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
        let path: Vec<&str> = self.place.iter().flatten().map(String::as_str).collect();
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
        let last = self.place.iter().flatten().next_back();
        let is_weight = D == 2 && last.is_some_and(|name| name == "weight");
        self.add(param.id, is_weight);
    }

    fn visit_flag(&mut self, flag: &Param<Flag>) {
        self.add(flag.id, false);
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        // A table of vectors has weights too, which are looked up and not multiplied.
        let name = if container == "Struct:Embedding" { "table" } else { name };
        self.place.push((!container.starts_with("Enum:")).then(|| name.to_owned()));
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
