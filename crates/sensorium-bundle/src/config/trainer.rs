//! `trainer`.

use std::ops::RangeInclusive;

use sensorium_core::config::in_range;
use sensorium_core::{ConfigError, config, nearest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::OutputFeature;

/// The passes over the train rows where the config does not say, in so far as they make the steps
/// below.
const USUAL_EPOCHS: usize = 12;
/// Small tables are passed over more often, to make the fewest; large ones less often.
const STEPS: RangeInclusive<usize> = 300..=2_400;
/// However few or many the rows.
const EPOCHS: RangeInclusive<usize> = 4..=50;
const LEAST_PATIENCE: i64 = 5;
/// The validation metric where the config does not say.
pub const CALIBRATED_LOSS: &str = "calibrated_loss";
/// The losses that every output has, and all of them together.
pub const LOSSES: [&str; 2] = ["loss", CALIBRATED_LOSS];
/// The largest parameter of a beta distribution that is drawn from.
const MAX_ALPHA: f64 = 100.0;
/// The largest rate, norm or weight of a loss.
const MAX_WEIGHT: f64 = 1e6;
const MAX_EPOCHS: usize = 1_000_000;
/// The most rows in a step.
const MAX_BATCH: usize = 1_000_000;

/// How a model is trained; Ludwig's keys, timm's of mixing, `modality_dropout` and
/// `unimodal_loss_weight`.
///
/// | Key                       | Default    | Unit   | Range                                   |
/// |---------------------------|------------|--------|-----------------------------------------|
/// | `epochs`                  | by rows    | epochs | 1 to 1,000,000                          |
/// | `batch_size`              | 64         | rows   | 1 to 1,000,000                          |
/// | `eval_batch_size`         | as above   | rows   | 1 to 1,000,000                          |
/// | `learning_rate`           | 0.001      |        | above 0, at most 1e6                    |
/// | `early_stop`              | by epochs  | epochs | 1 or more; -1 trains every epoch        |
/// | `validation_field`        | `combined` |        | `combined` or an output                 |
/// | `validation_metric`       | see below  |        | a loss, or a metric of that output      |
/// | `calibrate`               | true       |        |                                         |
/// | `modality_dropout`        | 0.15       |        | 0 or more and below 1                   |
/// | `unimodal_loss_weight`    | 1          |        | 0 to 1e6                                |
/// | `mixup`                   | 0          | alpha  | 0 (off) to 100                          |
/// | `cutmix`                  | 0          | alpha  | 0 (off) to 100                          |
/// | `mixup_prob`              | 1          |        | 0 to 1                                  |
/// | `mixup_switch_prob`       | 0.5        |        | 0 to 1                                  |
///
/// `epochs` is 12, more where those make fewer than 300 steps (50 at most) and fewer where they make
/// more than 2,400 (4 at least); `early_stop` is half of the epochs, and 5 or more.
/// `validation_metric` is `calibrated_loss`: the loss that is left once the logits are scaled to be
/// as sure as they are right, so that an epoch is not passed over for being too sure of itself
/// (Berta et al. 2025, "Rethinking Early Stopping: Refine, Then Calibrate",
/// <https://arxiv.org/abs/2501.19195>).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainerConfig {
    /// Only `trainer`.
    pub r#type: TrainerKind,
    /// The most passes over the train rows.
    pub epochs: Option<usize>,
    /// Rows in a training step.
    pub batch_size: usize,
    /// Rows in an evaluation step.
    pub eval_batch_size: Option<usize>,
    /// The highest learning rate; the scheduler warms up to it and falls from it.
    pub learning_rate: f64,
    /// How the learning rate changes from step to step.
    pub learning_rate_scheduler: Scheduler,
    /// What turns gradients into steps.
    pub optimizer: Optimizer,
    /// What keeps a gradient from being too large.
    pub gradient_clipping: GradientClipping,
    /// Epochs without a better validation metric after which training stops; -1 never stops.
    pub early_stop: Option<i64>,
    /// The output whose metric is watched, or `combined`.
    pub validation_field: String,
    /// The metric that is watched.
    pub validation_metric: String,
    /// Whether logits are scaled, and inputs weighed, on the validation rows once training is done.
    pub calibrate: bool,
    /// The chance that a present input is hidden from the model in a training step, drawn for each
    /// row and input apart; a row always keeps one. What makes any subset of inputs usable.
    pub modality_dropout: f64,
    /// How much the mean of the losses of each input alone counts beside the loss of all of them, so
    /// that the input learned first does not keep the others from learning.
    pub unimodal_loss_weight: f64,
    /// Both parameters of the beta distribution that the share of a row is drawn from where it is
    /// mixed with another one; 0 never mixes. This and the next three are timm's.
    pub mixup: f64,
    /// As `mixup`, where a part of another picture is pasted.
    pub cutmix: f64,
    /// The chance that a batch is mixed.
    pub mixup_prob: f64,
    /// The chance that a mixed batch is pasted, where both are on.
    pub mixup_switch_prob: f64,
}

/// Ludwig's kinds of trainer that are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrainerKind {
    /// The gradient-descent trainer.
    #[default]
    Trainer,
}

/// How the learning rate changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scheduler {
    /// How it falls over the epochs; `null` keeps it.
    pub decay: Option<Decay>,
    /// The share of all steps in which it rises linearly from 0; 0 to below 1.
    pub warmup_fraction: f64,
}

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// Along half a cosine, to 0 (Loshchilov and Hutter 2017, without restarts).
    Cosine,
    /// Along a line, to 0.
    Linear,
}

/// What turns gradients into steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Optimizer {
    /// Which one.
    pub r#type: OptimizerKind,
    /// Decay of the first and second moment, each 0 to below 1.
    pub betas: [f64; 2],
    /// What keeps the division finite.
    pub eps: f64,
    /// Decoupled weight decay, 0 or more.
    pub weight_decay: f64,
}

/// The optimizers that are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Loshchilov and Hutter 2019.
    #[default]
    AdamW,
    /// Kingma and Ba 2015: no weight decay.
    Adam,
}

/// What keeps a gradient from being too large.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GradientClipping {
    /// The largest norm of all gradients together; `null` does not clip.
    pub clipglobalnorm: Option<f64>,
}

impl Default for TrainerConfig {
    fn default() -> Self {
        Self {
            r#type: TrainerKind::default(),
            epochs: None,
            batch_size: 64,
            eval_batch_size: None,
            learning_rate: 0.001,
            learning_rate_scheduler: Scheduler::default(),
            optimizer: Optimizer::default(),
            gradient_clipping: GradientClipping::default(),
            early_stop: None,
            validation_field: "combined".to_owned(),
            validation_metric: CALIBRATED_LOSS.to_owned(),
            calibrate: true,
            modality_dropout: 0.15,
            unimodal_loss_weight: 1.0,
            mixup: 0.0,
            cutmix: 0.0,
            mixup_prob: 1.0,
            mixup_switch_prob: 0.5,
        }
    }
}

impl Default for Scheduler {
    fn default() -> Self {
        Self { decay: Some(Decay::Cosine), warmup_fraction: 0.05 }
    }
}

impl Default for Optimizer {
    fn default() -> Self {
        Self { r#type: OptimizerKind::AdamW, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.01 }
    }
}

impl Default for GradientClipping {
    fn default() -> Self {
        Self { clipglobalnorm: Some(1.0) }
    }
}

pub(super) fn read(written: Value) -> Result<TrainerConfig, ConfigError> {
    let written = if written.is_null() { Value::Object(Map::new()) } else { written };
    let read = || {
        let trainer: TrainerConfig = config::read(written)?;
        trainer.check()?;
        Ok(trainer)
    };
    read().map_err(|error: ConfigError| error.under("trainer"))
}

impl Optimizer {
    /// The weight decay that is taken apart from the gradient: none for `adam`.
    pub const fn decoupled_weight_decay(&self) -> f64 {
        match self.r#type {
            OptimizerKind::AdamW => self.weight_decay,
            OptimizerKind::Adam => 0.0,
        }
    }
}

impl TrainerConfig {
    /// Rows in an evaluation step.
    pub fn rows_per_evaluation(&self) -> usize {
        self.eval_batch_size.unwrap_or(self.batch_size)
    }

    /// The same with what depends on the number of train rows settled.
    #[must_use]
    pub fn settled(mut self, train_rows: usize) -> Self {
        let steps_per_epoch = train_rows.div_ceil(self.batch_size).max(1);
        let steps = (USUAL_EPOCHS * steps_per_epoch).clamp(*STEPS.start(), *STEPS.end());
        let usual = steps.div_ceil(steps_per_epoch).clamp(*EPOCHS.start(), *EPOCHS.end());
        let epochs = *self.epochs.get_or_insert(usual);
        let patience = i64::try_from(epochs / 2).unwrap_or(i64::MAX).max(LEAST_PATIENCE);
        self.early_stop.get_or_insert(patience);
        self
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        in_range("epochs", self.epochs.unwrap_or(1), 1..=MAX_EPOCHS)?;
        in_range("batch_size", self.batch_size, 1..=MAX_BATCH)?;
        in_range("eval_batch_size", self.rows_per_evaluation(), 1..=MAX_BATCH)?;
        above_zero("learning_rate", self.learning_rate)?;
        in_range("modality_dropout", self.modality_dropout, 0.0..1.0)?;
        in_range("unimodal_loss_weight", self.unimodal_loss_weight, 0.0..=MAX_WEIGHT)?;
        in_range("mixup", self.mixup, 0.0..=MAX_ALPHA)?;
        in_range("cutmix", self.cutmix, 0.0..=MAX_ALPHA)?;
        in_range("mixup_prob", self.mixup_prob, 0.0..=1.0)?;
        in_range("mixup_switch_prob", self.mixup_switch_prob, 0.0..=1.0)?;
        if let Some(epochs) = self.early_stop.filter(|&epochs| epochs != -1) {
            in_range("early_stop", epochs, 1..)?;
        }
        in_range(
            "learning_rate_scheduler.warmup_fraction",
            self.learning_rate_scheduler.warmup_fraction,
            0.0..1.0,
        )?;
        in_range("optimizer.betas[0]", self.optimizer.betas[0], 0.0..1.0)?;
        in_range("optimizer.betas[1]", self.optimizer.betas[1], 0.0..1.0)?;
        above_zero("optimizer.eps", self.optimizer.eps)?;
        in_range("optimizer.weight_decay", self.optimizer.weight_decay, 0.0..=MAX_WEIGHT)?;
        self.gradient_clipping
            .clipglobalnorm
            .map_or(Ok(()), |norm| above_zero("gradient_clipping.clipglobalnorm", norm))
    }

    /// Checks that the watched output and metric exist.
    pub(super) fn check_validation(&self, outputs: &[OutputFeature]) -> Result<(), ConfigError> {
        let names = outputs.iter().map(|output| output.name.as_str());
        if self.validation_field != "combined" && !names.clone().any(|n| n == self.validation_field)
        {
            return Err(ConfigError::unknown_value(
                "trainer.validation_field",
                &self.validation_field,
                std::iter::once("combined").chain(names),
            ));
        }
        let is_loss = LOSSES.contains(&self.validation_metric.as_str());
        if self.validation_field == "combined" && !is_loss {
            return Err(ConfigError::Conflict {
                at: "trainer.validation_metric".to_owned(),
                problem: format!(
                    "`combined` has no `{}`, only `{}`",
                    self.validation_metric,
                    LOSSES.join("` and `")
                ),
                advice: self.advice_for_metric(names),
            });
        }
        Ok(())
    }

    fn advice_for_metric<'a>(&self, names: impl Iterator<Item = &'a str>) -> String {
        let names: Vec<&str> = names.collect();
        let first = nearest(&self.validation_field, names.iter().copied()).unwrap_or(names[0]);
        format!("set `trainer.validation_field` to an output, such as `{first}`")
    }
}

fn above_zero(key: &str, value: f64) -> Result<(), ConfigError> {
    in_range(key, value, (std::ops::Bound::Excluded(0.0), std::ops::Bound::Included(MAX_WEIGHT)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_ludwig_calls_adamw_is_read() {
        let trainer = read(json!({"optimizer": {"type": "adamw", "weight_decay": 0.1}})).unwrap();
        assert_eq!(trainer.optimizer.r#type, OptimizerKind::AdamW);
    }

    #[test]
    fn a_learning_rate_of_zero_is_refused() {
        let error = read(json!({"learning_rate": 0.0})).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`trainer.learning_rate` is 0, but above 0 and at most 1000000"),
            "{error}"
        );
    }

    #[test]
    fn epochs_follow_the_rows_and_patience_the_epochs() {
        let settled = |rows| {
            let trainer = TrainerConfig::default().settled(rows);
            (trainer.epochs.unwrap(), trainer.early_stop.unwrap())
        };
        // 2,400 steps of 64 rows are 4.4 epochs of 34,683 rows; 300 are 14.3 of 1,300.
        assert_eq!(settled(34_683), (5, 5));
        assert_eq!(settled(6_000), (12, 6));
        assert_eq!(settled(1_300), (15, 7));
        assert_eq!(settled(100), (50, 25));
        assert_eq!(settled(10_000_000), (4, 5));
        let written = read(json!({"epochs": 7, "early_stop": -1})).unwrap().settled(100);
        assert_eq!((written.epochs, written.early_stop), (Some(7), Some(-1)));
    }

    #[test]
    fn early_stop_is_minus_one_or_positive() {
        assert!(read(json!({"early_stop": -1})).is_ok());
        assert!(read(json!({"early_stop": 0})).is_err());
    }
}
