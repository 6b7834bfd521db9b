//! The metric that decides which epoch is the best and when to stop.

use sensorium_bundle::{Config, Fitted};
use sensorium_core::ConfigError;
use sensorium_metrics::{COMBINED, Goal, find};

use crate::history::EpochRecord;
use crate::judge::kind;

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
    pub fn new(config: &Config, fitted: &Fitted) -> Result<Self, ConfigError> {
        let field = config.trainer.validation_field.clone();
        let metric = config.trainer.validation_metric.clone();
        let mut goal = Goal::Minimize;
        if field != COMBINED && metric != "loss" {
            let outputs = config.output_features.iter().zip(&fitted.targets);
            let mut own = outputs.filter(|(output, _)| output.name.as_str() == field);
            let (_, target) = own.next().expect("the config was checked for it");
            goal = find(kind(target), &metric)
                .map_err(|error| error.under("trainer.validation_metric"))?
                .goal;
        }
        Ok(Self { field, metric, goal })
    }

    /// Whether more is better.
    pub const fn goal(&self) -> Goal {
        self.goal
    }

    /// The watched value of an epoch.
    pub(crate) fn of(&self, record: &EpochRecord) -> Option<f64> {
        record.validation.get(&self.field)?.get(&self.metric).copied().flatten()
    }
}
