//! Training: the loop, its schedule, checkpoints and the report at the end.
//!
//! [`Plan`] splits a table and fits its features, [`Readable`] reads every cell once, [`Training`]
//! trains, [`report`] judges.

mod batch_memory;
mod calibrate;
mod checkpoint;
mod draw;
mod embeddings;
mod error;
mod history;
mod judge;
mod observe;
mod plan;
mod report;
mod results;
mod schedule;
mod targets;
mod training;
mod watch;

pub use checkpoint::{Checkpoint, RunIdentity};
pub use embeddings::{Embedded, FrozenInputs};
pub use error::TrainError;
pub use history::{EpochRecord, History, MetricCurves};
pub use judge::{
    Judged, MAX_INPUTS_ALONE, MAX_INPUTS_FOR_ALL_BUT_EACH, MAX_INPUTS_FOR_ALL_SUBSETS, Subset,
    judge, kind_of, subsets,
};
pub use observe::{EpochTime, Event, Observer, Silent};
pub use plan::{OnError, Plan, Readable};
pub use report::report;
pub use results::{Earlier, RunFolder};
pub use training::{Begin, Outcome, Training};
pub use watch::Watched;
