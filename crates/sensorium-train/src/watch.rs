//! The metric that decides which epoch is the best and when to stop.

use sensorium_bundle::Config;
use sensorium_bundle::config::{CALIBRATED_LOSS, LOSSES};
use sensorium_core::ConfigError;
use sensorium_metrics::{COMBINED, Goal, Scores, find};

use crate::history::EpochRecord;
use crate::judge::{kind_of, perfect};
use crate::{Plan, Readable, TrainError};

/// `trainer.validation_field` and `trainer.validation_metric`, found.
#[derive(Clone, Debug)]
pub struct Watched {
    field: String,
    metric: String,
    goal: Goal,
}

impl Watched {
    /// Finds the output and the metric that the config names.
    ///
    /// # Errors
    ///
    /// [`ConfigError::UnknownValue`] where the output has no such metric.
    ///
    /// # Panics
    ///
    /// If the config names an output that it does not have; reading a config refuses that.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let field = config.trainer.validation_field.clone();
        let metric = config.trainer.validation_metric.clone();
        let mut goal = Goal::Minimize;
        if field != COMBINED && !LOSSES.contains(&metric.as_str()) {
            let mut outputs = config.output_features.iter();
            let own = outputs.find(|output| output.name.as_str() == field);
            let target = &own.expect("the config was checked for it").target;
            goal = find(kind_of(target), &metric)
                .map_err(|error| error.under("trainer.validation_metric"))?
                .goal;
        }
        Ok(Self { field, metric, goal })
    }

    /// The watched output, or `combined`.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The watched metric: the config's, or the calibrated loss where that has no value.
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// Whether more is better.
    pub const fn goal(&self) -> Goal {
        self.goal
    }

    /// What these validation rows can decide by: the metric, or, where it has no value for their
    /// truths whatever the model answers, the calibrated loss of the same output.
    ///
    /// # Errors
    ///
    /// [`TrainError::NothingToWatch`] where no row holds a truth.
    pub(crate) fn of_rows(
        self,
        plan: &Plan,
        readable: &Readable,
        rows: &[usize],
    ) -> Result<Self, TrainError> {
        let outputs = plan.config.output_features.iter().zip(&plan.fitted.targets).enumerate();
        let watched = outputs
            .filter(|(_, (feature, _))| {
                self.field == COMBINED || feature.name.as_str() == self.field
            })
            .map(|(output, (_, target))| perfect(target, &readable.truths(output, rows)));
        let watched: Vec<Scores> = watched.collect();
        if watched.iter().all(Scores::is_empty) {
            return Err(TrainError::NothingToWatch { field: self.field, rows: rows.len() });
        }
        if !watched.iter().all(|scores| self.is_undefined(scores)) {
            return Ok(self);
        }
        let (metric, goal) = (CALIBRATED_LOSS.to_owned(), Goal::Minimize);
        Ok(Self { metric, goal, field: self.field })
    }

    fn is_undefined(&self, scores: &Scores) -> bool {
        let is_loss = LOSSES.contains(&self.metric.as_str());
        !is_loss
            && find(scores.kind(), &self.metric).is_ok_and(|metric| metric.of(scores).is_none())
    }

    /// The watched value of an epoch.
    pub(crate) fn of(&self, record: &EpochRecord) -> Option<f64> {
        record.validation.get(&self.field)?.get(&self.metric).copied().flatten()
    }
}
