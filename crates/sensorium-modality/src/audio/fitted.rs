//! The audio modality, fitted to one column.

use sensorium_core::{ConfigError, FeatureShape};
use sensorium_table::{Cell, Column, TrainRows};
use serde::{Deserialize, Serialize};

use super::config::AudioConfig;
use crate::{Features, Modality, ModalityError};

/// A mono sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Waveform {
    /// The samples, at least one; full scale is `[-1, 1]`.
    pub samples: Vec<f32>,
    /// Their rate, in Hz.
    pub sample_rate_hz: u32,
}

/// Sounds of one column, cut and standardised alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audio {
    config: AudioConfig,
}

impl Modality for Audio {
    type Config = AudioConfig;
    type Decoded = Waveform;

    fn check(config: &AudioConfig) -> Result<(), ConfigError> {
        config.check().map(|_| ())
    }

    fn fit(_: &AudioConfig, _: Column<'_>, _: &TrainRows) -> Result<Self, ModalityError> {
        todo!()
    }

    fn shape(&self) -> FeatureShape {
        todo!()
    }

    fn decode(&self, _: &Cell<'_>) -> Result<Option<Waveform>, ModalityError> {
        todo!()
    }

    fn features(&self, _: &Waveform) -> Features {
        todo!()
    }
}
