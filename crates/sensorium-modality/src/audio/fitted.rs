//! The audio modality, fitted to one column.

use std::fmt;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use sensorium_core::{CellRef, ConfigError, FeatureShape, Hint};
use sensorium_table::{Cell, Column, ColumnSummary, TrainRows};
use serde::{Deserialize, Serialize, Serializer};

use super::augmentation::{AudioAugmentation, Rate};
use super::config::{AudioConfig, CheckedAudio, Norm};
use super::decode::{DecodeError, Waveform, decode_bytes_with};
use super::extractor::FeatureExtractor;
use super::format::{EXTENSIONS, is_audio};
use super::resample::Resamplers;
use super::spectrogram::spectrogram;
use super::standardise::{BandMoments, BandScale};
use super::vorbis::VorbisDecoders;
use crate::image::Picture;
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
    decoders: Arc<VorbisDecoders>,
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
            decoders: Arc::default(),
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
        let decoded = decode_bytes_with(&self.decoders, bytes, self.checked.max_seconds)?;
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

    /// The `[T, D]` frames of samples at the config's rate, on the fitted scale.
    fn standardised(&self, samples: &[f32]) -> Vec<f32> {
        let mut values = self.extractor.extract(samples);
        match (&self.scale, self.checked.norm) {
            (Some(scale), _) => scale.apply(&mut values),
            (None, Some(Norm::PerFile)) => {
                let mut moments = BandMoments::new(self.checked.width());
                moments.add(&values);
                moments.scale().apply(&mut values);
            }
            (None, _) => {}
        }
        values
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
    type Augmentation = AudioAugmentation;

    fn read(section: serde_json::Value) -> Result<AudioConfig, ConfigError> {
        AudioConfig::read(section)
    }

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
        let Some(bytes) = self.content(cell)? else { return Ok(None) };
        let waveform = self.waveform(&bytes);
        waveform.map(Some).map_err(|error| refused(&cell.media_at(), &error))
    }

    fn content(&self, cell: &Cell<'_>) -> Result<Option<Vec<u8>>, ModalityError> {
        Ok(cell.media(self.checked.max_file_bytes)?)
    }

    fn features(&self, decoded: &Waveform) -> Features {
        let values = self.standardised(&decoded.samples);
        Features::Sequence { values, width: self.checked.width() }
    }

    fn unit(&self) -> &'static str {
        match self.checked.norm {
            Some(Norm::Train) => "standardised by band over train",
            Some(Norm::PerFile) => "standardised by band over the sound",
            None => self.config.front_end.unit(),
        }
    }

    fn picture(&self, features: &Features) -> Option<Picture> {
        let Features::Sequence { values, width } = features else { return None };
        Some(spectrogram(values, *width))
    }

    fn num_bytes(decoded: &Waveform) -> usize {
        size_of_val(&*decoded.samples)
    }

    fn augmented(
        &self,
        decoded: &Waveform,
        augmentation: &[AudioAugmentation],
        rng: &mut ChaCha8Rng,
    ) -> Features {
        let width = self.checked.width();
        let rate = Rate { hz: self.checked.sample_rate_hz, resamplers: &self.resamplers };
        let mut samples = decoded.samples.clone();
        for entry in augmentation {
            samples = entry.as_dyn().samples(samples, &rate, rng);
        }
        samples.truncate(self.checked.max_samples());
        let mut values = self.standardised(&samples);
        for entry in augmentation {
            entry.as_dyn().frames(&mut values, width, rng);
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

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use sensorium_table::Value;
    use serde_json::json;

    use super::*;
    use crate::small_table::{SmallTable, text};

    /// A 16-bit mono WAV file of a tone.
    #[expect(clippy::cast_possible_truncation, reason = "a test's file is small")]
    fn wav(hz: f64, level: f64, rate: u32, samples: usize) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        file[4..8].copy_from_slice(&(36 + 2 * samples as u32).to_le_bytes());
        file.extend(rate.to_le_bytes());
        file.extend((2 * rate).to_le_bytes());
        file.extend(b"\x02\0\x10\0data");
        file.extend((2 * samples as u32).to_le_bytes());
        for index in 0..samples {
            let sample = level * (TAU * hz * index as f64 / f64::from(rate)).sin();
            file.extend(((sample * 32_767.0) as i16).to_le_bytes());
        }
        file
    }

    fn sound(hz: f64) -> Value {
        Value::Bytes(wav(hz, 0.5, 16_000, 4_000))
    }

    fn config(section: serde_json::Value) -> AudioConfig {
        AudioConfig::read(section).unwrap()
    }

    fn features_of(audio: &Audio, table: &SmallTable, row: usize) -> Vec<f32> {
        let decoded = audio.decode(&table.column().cell(row)).unwrap().unwrap();
        match audio.features(&decoded) {
            Features::Sequence { values, width } => {
                assert_eq!(audio.shape().layout(), sensorium_core::Layout::Sequence);
                assert_eq!(width, audio.checked.width());
                values
            }
            other => panic!("a sequence was expected, not {other:?}"),
        }
    }

    /// Mean and deviation of every band of `[T, D]` features.
    fn moments(values: &[f32], width: usize) -> BandScale {
        let mut moments = BandMoments::new(width);
        moments.add(values);
        moments.scale()
    }

    #[test]
    fn train_sounds_have_mean_zero_and_deviation_one_in_every_band() {
        let table = SmallTable::of([sound(300.0), Value::Missing, sound(2_000.0)]);
        let audio: Audio = table.fit(&AudioConfig::default()).unwrap();
        let mut values = features_of(&audio, &table, 0);
        values.extend(features_of(&audio, &table, 2));
        let scale = moments(&values, 64);
        assert!(scale.mean.iter().all(|mean| mean.abs() < 1e-4), "{:?}", scale.mean);
        assert!(scale.deviation.iter().all(|deviation| (deviation - 1.0).abs() < 1e-3));
    }

    #[test]
    fn what_validation_and_test_hold_changes_nothing() {
        let alone = SmallTable::of([sound(300.0), sound(900.0)]);
        let beside = SmallTable::with_held_out(
            [sound(300.0), sound(900.0)],
            [sound(5_000.0), text("no-such.wav")],
        );
        let config = AudioConfig::default();
        let fitted: Audio = alone.fit(&config).unwrap();
        assert_eq!(fitted, beside.fit::<Audio>(&config).unwrap());
    }

    #[test]
    fn per_file_standardises_each_sound_by_itself_and_null_leaves_decibels() {
        let table = SmallTable::of([sound(300.0)]);
        let audio: Audio = table.fit(&config(json!({"norm": "per_file"}))).unwrap();
        let scale = moments(&features_of(&audio, &table, 0), 64);
        assert!(scale.mean.iter().all(|mean| mean.abs() < 1e-4));
        let audio: Audio = table.fit(&config(json!({"norm": null}))).unwrap();
        let values = features_of(&audio, &table, 0);
        let loudest = values.iter().copied().fold(f32::MIN, f32::max);
        let quietest = values.iter().copied().fold(f32::MAX, f32::min);
        assert!((loudest - quietest - 80.0).abs() < 1e-3, "the floor is 80 dB below the loudest");
    }

    #[test]
    fn a_fitted_modality_is_the_same_after_save_and_load() {
        let table = SmallTable::of([sound(300.0), sound(1_234.0)]);
        for section in [json!({}), json!({"type": "mfcc", "norm": "per_file"})] {
            let audio: Audio = table.fit(&config(section)).unwrap();
            let saved = serde_json::to_string(&audio).unwrap();
            let loaded: Audio = serde_json::from_str(&saved).unwrap();
            assert_eq!(loaded, audio);
            assert_eq!(features_of(&loaded, &table, 1), features_of(&audio, &table, 1));
        }
    }

    #[test]
    fn saved_state_that_contradicts_itself_is_refused() {
        let table = SmallTable::of([sound(300.0)]);
        let audio: Audio = table.fit(&AudioConfig::default()).unwrap();
        let saved = serde_json::to_value(&audio).unwrap();
        let altered = |pointer: &str, value: serde_json::Value| {
            let mut saved = saved.clone();
            *saved.pointer_mut(pointer).unwrap() = value;
            serde_json::from_value::<Audio>(saved).unwrap_err().to_string()
        };
        for message in [
            altered("/scale/mean", json!([0.0])),
            altered("/scale/deviation/3", json!(0.0)),
            altered("/scale", json!(null)),
            altered("/config/norm", json!(null)),
        ] {
            assert!(message.contains("do not fit the 64 bands"), "{message}");
        }
        assert!(altered("/config/sample_rate", json!(3)).contains("`sample_rate` is 3"));
    }

    #[test]
    fn other_rates_are_resampled_and_long_sounds_cut() {
        let table = SmallTable::of([
            Value::Bytes(wav(440.0, 0.5, 44_100, 44_100)),
            Value::Bytes(wav(440.0, 0.5, 8_000, 8_000)),
        ]);
        let audio: Audio =
            table.fit(&config(json!({"audio_file_length_limit_in_s": 0.5}))).unwrap();
        for row in 0..2 {
            let sound = audio.decode(&table.column().cell(row)).unwrap().unwrap();
            assert_eq!((sound.samples.len(), sound.sample_rate_hz), (8_000, 16_000));
            assert_eq!(features_of(&audio, &table, row).len(), 51 * 64);
        }
        assert_eq!(audio.shape(), FeatureShape::Sequence { max_length: 51, width: 64 });
    }

    #[test]
    fn eight_channels_at_192_khz_are_one_sound_at_the_rate_of_the_front_end() {
        let one = wav(440.0, 0.5, 192_000, 19_200);
        let (head, samples) = one.split_at(44);
        let mut eight = head.to_vec();
        eight[4..8].copy_from_slice(&(36 + 16 * 19_200_u32).to_le_bytes());
        eight[22] = 8; // channels
        eight[28..32].copy_from_slice(&(16 * 192_000_u32).to_le_bytes());
        eight[32] = 16; // bytes of a frame
        eight[40..44].copy_from_slice(&(16 * 19_200_u32).to_le_bytes());
        eight.extend(samples.as_chunks::<2>().0.iter().flat_map(|sample| sample.repeat(8)));
        let table = SmallTable::of([Value::Bytes(one), Value::Bytes(eight)]);
        for (name, _) in crate::audio::FrontEndConfig::COMPONENTS {
            let audio: Audio = table.fit(&config(json!({"type": name, "norm": null}))).unwrap();
            let of = |row| audio.decode(&table.column().cell(row)).unwrap().unwrap();
            assert_eq!((of(1).samples.len(), of(1).sample_rate_hz), (1_600, 16_000), "{name}");
            let pairs =
                features_of(&audio, &table, 0).into_iter().zip(features_of(&audio, &table, 1));
            let worst = pairs.map(|(one, eight)| (one - eight).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-2, "{name}: {worst}");
        }
    }

    #[test]
    fn every_front_end_is_the_same_after_save_and_load() {
        let table = SmallTable::of([sound(300.0), sound(1_234.0)]);
        for (name, _) in crate::audio::FrontEndConfig::COMPONENTS {
            let section = json!({"type": name, "norm": "train", "deltas": 1});
            let audio: Audio = table.fit(&config(section)).unwrap();
            let saved = serde_json::to_string(&audio).unwrap();
            let loaded: Audio = serde_json::from_str(&saved).unwrap();
            assert_eq!(loaded, audio, "{name}");
            assert_eq!(features_of(&loaded, &table, 1), features_of(&audio, &table, 1), "{name}");
        }
    }

    #[test]
    fn a_bad_cell_is_named_and_a_missing_one_is_none() {
        let bad = wav(440.0, 0.5, 16_000, 4_000)[..40].to_vec();
        let table = SmallTable::of([sound(440.0), Value::Bytes(bad), Value::Missing]);
        let audio: Audio = table.fit(&AudioConfig::default()).unwrap();
        let error = audio.decode(&table.column().cell(1)).unwrap_err();
        let message = error.to_string();
        let expected = "row 2 of column `it` is not a whole sound file: the WAV file is truncated";
        assert!(message.starts_with(expected), "{message}");
        assert!(error.hint().unwrap().contains("--on-error skip"));
        assert!(audio.decode(&table.column().cell(2)).unwrap().is_none());
    }

    #[test]
    fn a_column_without_a_readable_sound_cannot_be_fitted() {
        for norm in [json!("train"), json!("per_file"), json!(null)] {
            let table = SmallTable::of([Value::Missing, Value::Bytes(b"no sound".to_vec())]);
            let error = table.fit::<Audio>(&config(json!({"norm": norm}))).unwrap_err();
            let expected = "column `it` cannot be fitted: none of its 2 train rows holds a sound";
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn rows_to_fit_on_are_evenly_spaced_and_the_rest_stand_in() {
        let rows: Vec<usize> = (100..110).collect();
        let order: Vec<usize> = spread_first(&rows, 4).collect();
        assert_eq!(order[..4], [100, 103, 105, 108]);
        assert_eq!(order[4..], [101, 102, 104, 106, 107, 109]);
        assert_eq!(spread_first(&rows[..3], 4).collect::<Vec<_>>(), [100, 101, 102]);
    }
}
