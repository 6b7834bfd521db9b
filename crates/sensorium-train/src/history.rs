//! What every epoch gave.

use std::collections::BTreeMap;

use sensorium_metrics::{Goal, MetricValues};
use serde::{Deserialize, Serialize};

/// One finished epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The mean training loss of each output, and of `combined`.
    pub training: BTreeMap<String, MetricValues>,
    /// The metrics on the validation rows of each output, and the loss of `combined`.
    pub validation: BTreeMap<String, MetricValues>,
    /// The learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// The watched metric on the validation rows.
    pub watched: Option<f64>,
}

/// For each metric, a value an epoch.
pub type MetricCurves = BTreeMap<String, Vec<Option<f64>>>;

/// Every finished epoch of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// In order.
    pub epochs: Vec<EpochRecord>,
}

impl History {
    /// The epoch (from 0) whose watched metric is the best, the first of several; `None` before
    /// any epoch had a defined one.
    pub fn best_epoch(&self, goal: Goal) -> Option<usize> {
        let mut best: Option<(usize, f64)> = None;
        for (epoch, record) in self.epochs.iter().enumerate() {
            let Some(value) = record.watched else { continue };
            if best.is_none_or(|(_, best)| goal.is_better(value, best)) {
                best = Some((epoch, value));
            }
        }
        best.map(|(epoch, _)| epoch)
    }

    /// Whether training should stop: `patience` epochs have passed since the best; -1 never.
    pub(crate) fn is_stale(&self, goal: Goal, patience: i64) -> bool {
        let since = self.epochs.len() - self.best_epoch(goal).map_or(0, |best| best + 1);
        usize::try_from(patience).is_ok_and(|patience| since >= patience)
    }

    /// As `training_statistics.json` holds it: for each part, output and metric, a value an epoch.
    pub fn by_metric(&self) -> BTreeMap<&'static str, BTreeMap<String, MetricCurves>> {
        let mut parts = BTreeMap::new();
        for record in &self.epochs {
            for (part, outputs) in
                [("training", &record.training), ("validation", &record.validation)]
            {
                let part: &mut BTreeMap<String, MetricCurves> = parts.entry(part).or_default();
                for (output, metrics) in outputs {
                    let output = part.entry(output.clone()).or_default();
                    for (metric, value) in metrics {
                        output.entry(metric.clone()).or_default().push(*value);
                    }
                }
            }
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(watched: &[Option<f64>]) -> History {
        let epoch = |&watched| EpochRecord { watched, ..Default::default() };
        History { epochs: watched.iter().map(epoch).collect() }
    }

    #[test]
    fn the_first_of_equally_good_epochs_is_the_best() {
        let history = history(&[Some(0.5), None, Some(0.7), Some(0.7), Some(0.6)]);
        assert_eq!(history.best_epoch(Goal::Maximize), Some(2));
        assert_eq!(history.best_epoch(Goal::Minimize), Some(0));
    }

    #[test]
    fn training_stops_once_patience_is_used_up() {
        let history = history(&[Some(0.5), Some(0.7), Some(0.6), Some(0.65)]);
        assert!(history.is_stale(Goal::Maximize, 2));
        assert!(!history.is_stale(Goal::Maximize, 3));
        assert!(!history.is_stale(Goal::Maximize, -1));
    }
}
