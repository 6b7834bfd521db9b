//! Judges predictions of a whole split: metrics, intervals and baselines. No tensors.
//!
//! [`Scores`] holds what a model answered and what was right, for one output over one split.
//! [`metrics_for`] lists what can be said of it; [`Bootstrap`] says how sure that is,
//! [`LogitRows`] how probabilities become as sure as they are right,
//! [`baseline`] what a model that looks at no input would reach, and [`Statistics`] is the file
//! that all of it is written to.

pub mod baseline;
mod bootstrap;
mod calibration;
mod classes;
mod counts;
mod mean;
mod metric;
mod ordered;
mod report;
mod scores;

pub use bootstrap::{Bootstrap, Interval};
pub use calibration::{LogitRows, Weighed};
pub use classes::{ClassReport, ClassStatistics};
pub use counts::Counts;
pub use metric::{Goal, METRICS, Metric, default_metric, find, metrics_for};
pub use ordered::Ordered;
pub use report::{COMBINED, MetricValues, OutputStatistics, Statistics, judge};
pub use scores::{
    BINARY_THRESHOLD, BinaryScores, CategoryScores, NumberScores, OutputKind, Scores,
};
