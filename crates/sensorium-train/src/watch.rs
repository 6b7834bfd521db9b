//! The metric that decides which epoch is the best and when to stop.

use sensorium_bundle::Config;
use sensorium_bundle::config::LOSSES;
use sensorium_core::ConfigError;
use sensorium_metrics::{COMBINED, Goal, find};

use crate::history::EpochRecord;
use crate::judge::kind_of;

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

    /// Whether more is better.
    pub const fn goal(&self) -> Goal {
        self.goal
    }

    /// The watched value of an epoch.
    pub(crate) fn of(&self, record: &EpochRecord) -> Option<f64> {
        record.validation.get(&self.field)?.get(&self.metric).copied().flatten()
    }
}
