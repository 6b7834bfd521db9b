//! The audio modality, fitted to one column.

use std::fmt;
use std::sync::Arc;

use sensorium_core::{CellRef, ConfigError, FeatureShape, Hint};
use sensorium_table::{Cell, Column, ColumnSummary, TrainRows};
use serde::{Deserialize, Serialize, Serializer};

use super::config::{AudioConfig, CheckedAudio, Norm};
use super::decode::{DecodeError, Waveform, decode_bytes};
use super::extract::FeatureExtractor;
use super::format::{EXTENSIONS, is_audio};
use super::resample::Resamplers;
use super::standardise::{BandMoments, BandScale};
use crate::infer::media_claim;
use crate::{Features, Modality, ModalityError};

/// The most train sounds that mean and deviation are measured on, evenly spaced over train.
pub const MAX_FITTED_SOUNDS: usize = 256;

/// Sounds of one column, cut, resampled and standardised alike.
///
/// Saved as its config and what was learned; the transforms are planned anew when it is loaded.
#[derive(Clone, Deserialize)]
#[serde(try_from = "SavedAudio")]
pub struct Audio {
    config: AudioConfig,
    checked: CheckedAudio,
    /// `Some` exactly where `norm` is `train`.
    scale: Option<BandScale>,
    extractor: Arc<FeatureExtractor>,
    resamplers: Arc<Resamplers>,
}

/// What is saved of an [`Audio`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedAudio {
    config: AudioConfig,
    scale: Option<BandScale>,
}

/// Why a saved [`Audio`] was refused.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("the saved mean and deviation do not fit the {width} bands of the saved config")]
    Scale { width: usize },
}

impl TryFrom<SavedAudio> for Audio {
    type Error = LoadError;

    fn try_from(saved: SavedAudio) -> Result<Self, LoadError> {
        let checked = saved.config.check()?;
        let width = checked.width();
        let is_valid = match (&saved.scale, checked.norm) {
            (Some(scale), Some(Norm::Train)) => scale.is_valid(width),
            (None, Some(Norm::PerFile) | None) => true,
            _ => false,
        };
        if !is_valid {
            return Err(LoadError::Scale { width });
        }
        Ok(Self { scale: saved.scale, ..Self::unscaled(saved.config, checked) })
    }
}

impl Serialize for Audio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        SavedAudio { config: self.config.clone(), scale: self.scale.clone() }.serialize(serializer)
    }
}

impl PartialEq for Audio {
    fn eq(&self, other: &Self) -> bool {
        self.config == other.config && self.scale == other.scale
    }
}

impl fmt::Debug for Audio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audio")
            .field("config", &self.config)
            .field("scale", &self.scale)
            .finish_non_exhaustive()
    }
}

impl Audio {
    /// An audio modality whose scale is still to be measured.
    fn unscaled(config: AudioConfig, checked: CheckedAudio) -> Self {
        Self {
            extractor: Arc::new(FeatureExtractor::new(&checked)),
            resamplers: Arc::new(Resamplers::to(checked.sample_rate_hz)),
            scale: None,
            config,
            checked,
        }
    }

    /// Decodes a sound file to mono samples at the config's rate, cut to the config's length.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] saying what is wrong with the bytes.
    pub fn waveform(&self, bytes: &[u8]) -> Result<Waveform, DecodeError> {
        let decoded = decode_bytes(bytes, self.checked.max_seconds)?;
        let mut samples = self.resamplers.resample(decoded.samples, decoded.sample_rate_hz);
        samples.truncate(self.checked.max_samples());
        Ok(Waveform { samples, sample_rate_hz: self.checked.sample_rate_hz })
    }

    /// The scale of up to [`MAX_FITTED_SOUNDS`] of the column's train sounds, or `None` where no
    /// train row holds a sound that can be read.
    fn measure(&self, column: Column<'_>, rows: &TrainRows) -> Option<BandScale> {
        let present: Vec<usize> =
            rows.indices().iter().copied().filter(|&row| !column.cell(row).is_missing()).collect();
        let wanted = if self.checked.norm == Some(Norm::Train) { MAX_FITTED_SOUNDS } else { 1 };
        let sounds = spread_first(&present, wanted)
            .filter_map(|row| self.decode(&column.cell(row)).ok().flatten())
            .take(wanted);
        let mut moments = BandMoments::new(self.checked.width());
        let mut is_any = false;
        for sound in sounds {
            is_any = true;
            moments.add(&self.extractor.extract(&sound.samples));
        }
        is_any.then(|| moments.scale())
    }
}

/// `wanted` of the rows evenly spaced, then the others to stand in for those that cannot be read.
fn spread_first(rows: &[usize], wanted: usize) -> impl Iterator<Item = usize> {
    let is_spread =
        move |index: usize| rows.len() <= wanted || index * wanted % rows.len() < wanted;
    let spread = (0..rows.len()).filter(move |&index| is_spread(index));
    let others = (0..rows.len()).filter(move |&index| !is_spread(index));
    spread.chain(others).map(|index| rows[index])
}

impl Modality for Audio {
    type Config = AudioConfig;
    type Decoded = Waveform;

    fn claims(summary: &ColumnSummary) -> Option<String> {
        media_claim(summary, EXTENSIONS, is_audio, "sound")
    }

    fn check(config: &AudioConfig) -> Result<(), ConfigError> {
        config.check().map(|_| ())
    }

    fn fit(
        config: &AudioConfig,
        column: Column<'_>,
        rows: &TrainRows,
    ) -> Result<Self, ModalityError> {
        let failure = |problem: String, advice: String| ModalityError::Fit {
            column: column.name().clone(),
            problem,
            advice,
        };
        let checked = config.check().map_err(|error| {
            failure(error.to_string(), error.hint().unwrap_or_else(|| "change the config".into()))
        })?;
        let mut audio = Self::unscaled(config.clone(), checked);
        let scale = audio.measure(column, rows).ok_or_else(|| {
            failure(
                format!("none of its {} train rows holds a sound", rows.indices().len()),
                "check the column's paths, or leave the column out".into(),
            )
        })?;
        audio.scale = (audio.checked.norm == Some(Norm::Train)).then_some(scale);
        Ok(audio)
    }

    fn shape(&self) -> FeatureShape {
        FeatureShape::Sequence {
            max_length: self.checked.max_frames(),
            width: self.checked.width(),
        }
    }

    fn decode(&self, cell: &Cell<'_>) -> Result<Option<Waveform>, ModalityError> {
        let Some(bytes) = cell.media(self.checked.max_file_bytes)? else { return Ok(None) };
        let waveform = self.waveform(&bytes);
        waveform.map(Some).map_err(|error| refused(cell.at(), &error))
    }

    fn features(&self, decoded: &Waveform) -> Features {
        let width = self.checked.width();
        let mut values = self.extractor.extract(&decoded.samples);
        match (&self.scale, self.checked.norm) {
            (Some(scale), _) => scale.apply(&mut values),
            (None, Some(Norm::PerFile)) => {
                let mut moments = BandMoments::new(width);
                moments.add(&values);
                moments.scale().apply(&mut values);
            }
            (None, _) => {}
        }
        Features::Sequence { values, width }
    }
}

fn refused(at: &CellRef, error: &DecodeError) -> ModalityError {
    ModalityError::Decode {
        at: at.clone(),
        expected: error.expected().to_owned(),
        got: error.to_string(),
        advice: error.advice().to_owned(),
    }
}
