//! What training tells the program that runs it; the libraries print nothing.

use std::time::Duration;

use crate::Watched;
use crate::embeddings::Embedded;
use crate::history::EpochRecord;

/// Hears how training goes and may ask it to stop.
pub trait Observer {
    /// Something happened.
    fn on(&mut self, event: Event<'_>);

    /// Whether training should stop after the step under way, leaving a checkpoint.
    fn wants_stop(&self) -> bool {
        false
    }
}

/// What happened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Training starts, or goes on, at epoch `epoch` (from 0) of at most `epochs`.
    Start {
        /// The first epoch that is trained.
        epoch: usize,
        /// The most epochs.
        epochs: usize,
        /// Steps in an epoch.
        steps_per_epoch: usize,
        /// What decides which epoch is the best.
        watched: &'a Watched,
    },
    /// Cells of a frozen encoder's input are encoded, before the first epoch.
    Embedding {
        /// The input.
        input: &'a str,
        /// Distinct cells that are encoded.
        done: usize,
        /// Those that are to be.
        total: usize,
    },
    /// The embeddings of a frozen encoder's input are ready.
    Embedded(&'a Embedded),
    /// A step was taken.
    Step {
        /// The epoch, from 0.
        epoch: usize,
        /// Steps taken in the epoch.
        step: usize,
        /// The epoch's mean loss so far.
        loss: f64,
    },
    /// An epoch was finished and judged.
    Epoch {
        /// The epoch, from 0.
        epoch: usize,
        /// What it gave.
        record: &'a EpochRecord,
        /// Whether it is the best so far.
        is_best: bool,
        /// How long it took.
        time: EpochTime,
    },
}

/// How long an epoch's training steps took, without judging it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EpochTime {
    /// All of it.
    pub steps: Duration,
    /// What of it the model waited for rows to be read, made into features and augmented.
    pub waiting: Duration,
}

/// Hears everything and says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn on(&mut self, _: Event<'_>) {}
}
