//! Parity with librosa, torchaudio and transformers: the cases are made by `reference/audio/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::feature::{DeltaFilter, DeltaMode, Stft, StftConfig, delta, estimate_tuning};
use super::{AudioConfig, FeatureExtractor};
use crate::golden;

const LIBROSA: &str = "librosa 0.11.0";
const TORCHAUDIO: &str = "torchaudio 2.11.0";
const TRANSFORMERS: &str = "transformers 5.24.0";

type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// A case's config, waveform and expected tensors.
fn read(case: &Path) -> (Value, Vec<f32>, Tensors) {
    let text = fs::read_to_string(case.join("case.json")).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    let mut input = golden::tensors(&case.join("input.safetensors"));
    let (_, waveform) = input.remove("waveform").unwrap();
    (json["config"].clone(), waveform, golden::tensors(&case.join("expected.safetensors")))
}

/// What we make of a waveform.
fn extract(config: &Value, waveform: &[f32]) -> Vec<f32> {
    let config = AudioConfig::read(config.clone()).unwrap();
    FeatureExtractor::new(&config.check().unwrap()).extract(waveform)
}

/// The worst difference of one case whose frames are all kept.
fn difference(case: &Path) -> f64 {
    let (config, waveform, expected) = read(case);
    golden::worst_difference(&extract(&config, &waveform), &expected["features"].1)
}

/// The worst difference of one case of which the first frames are kept, and one for all others.
fn difference_of_padded(case: &Path) -> f64 {
    let (config, waveform, expected) = read(case);
    let (kept, rest) = (&expected["features"].1, &expected["rest"].1);
    let actual = extract(&config, &waveform);
    if let Some((_, num_frames)) = expected.get("num_frames") {
        let more = (actual.len() / rest.len()) as f32 - num_frames[0];
        assert!(more.abs() < 0.5, "{}: {more} frames too many", case.display());
    }
    let (first, others) = actual.split_at(kept.len());
    let others = others.chunks(rest.len()).map(|frame| golden::worst_difference(frame, rest));
    golden::worst(others.chain([golden::worst_difference(first, kept)]))
}

fn worst(part: &str, difference: impl Fn(&Path) -> f64) -> f64 {
    worst_of(part, |_| true, difference)
}

/// The worst difference of the cases whose config is `wanted`.
fn worst_of(part: &str, wanted: impl Fn(&Value) -> bool, difference: impl Fn(&Path) -> f64) -> f64 {
    let cases = golden::cases(part);
    let wanted = cases.iter().filter(|case| wanted(&read(case).0));
    golden::worst(wanted.map(|case| difference(case)))
}

/// Whether nothing is shown that is more than 80 dB below a sound's loudest power.
///
/// librosa transforms in f64 and torch in f32, as we do: what is 140 dB below the loudest partial of
/// a frame is rounding there and here, and not in librosa.
fn has_floor(config: &Value) -> bool {
    config.get("top_db") != Some(&Value::Null) && config.get("power") != Some(&Value::from(1.0))
}

/// Rounding 140 dB below the loudest partial is 1e-3 of what lies 80 dB below it; 8.0e-4 was the
/// worst of these cases and of 50 recordings.
#[test]
fn log_mel_matches_librosa() {
    let worst = worst_of("audio_log_mel", has_floor, difference);
    golden::assert_parity("log_mel", LIBROSA, worst, 2e-3, "dB");
}

/// A chirp and pure tones, whose bands far from the partial hold rounding alone. Down to 100 dB
/// below it the difference is at most 0.03 dB; a log of magnitudes shows 160 dB.
#[test]
fn log_mel_without_a_floor_matches_librosa() {
    let worst = worst_of("audio_log_mel", |config| !has_floor(config), difference);
    golden::assert_parity("log_mel below 80 dB", LIBROSA, worst, 1.0, "dB");
}

/// The differences of the bands, added up by the orthonormal DCT and lifted by up to 12.
#[test]
fn mfcc_matches_librosa() {
    let worst = worst("audio_mfcc", difference);
    golden::assert_parity("mfcc", LIBROSA, worst, 5e-3, "coefficient");
}

/// The same frames on both sides: sums of 9 coefficients of up to 700, in f32 here and f64 there.
#[test]
fn delta_matches_librosa() {
    let worst = worst("audio_delta", |case| {
        let text = fs::read_to_string(case.join("case.json")).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        let number = |key: &str| usize::try_from(json["config"][key].as_u64().unwrap()).unwrap();
        let filter = DeltaFilter { width: number("width"), order: number("order") };
        let mode = match json["config"]["mode"].as_str() {
            Some("interp") => DeltaMode::Interp,
            _ => DeltaMode::Nearest,
        };
        let expected = golden::tensors(&case.join("expected.safetensors"));
        let actual = delta(&expected["frames"].1, number("num_features"), filter, mode);
        golden::worst_difference(&actual, &expected["features"].1)
    });
    golden::assert_parity("delta", LIBROSA, worst, 1e-4, "coefficient per frame");
}

/// Filters and spectra rounded to f32, and divided by the loudest note.
#[test]
fn chroma_matches_librosa() {
    let worst = worst("audio_chroma", difference);
    golden::assert_parity("chroma", LIBROSA, worst, 1e-5, "share");
}

/// A multiple of 0.01 on both sides: the same one.
#[test]
fn tuning_matches_librosa() {
    let is_estimated = |config: &Value| config.get("tuning").is_none();
    let worst = worst_of("audio_chroma", is_estimated, |case| {
        let (_, waveform, expected) = read(case);
        let config = StftConfig {
            n_fft: 2_048,
            win_length: 2_048,
            hop_length: 512,
            ..StftConfig::default()
        };
        let stft = Stft::new(&config);
        let powers = stft.spectrogram(&waveform);
        let tuning = estimate_tuning(&powers, stft.num_bins(), 16_000.0, 12);
        (tuning - f64::from(expected["tuning"].1[0])).abs()
    });
    golden::assert_parity("tuning", LIBROSA, worst, 1e-7, "note");
}

/// Where each feature is in a frame of `type: spectral`, with its tolerance and its unit.
///
/// Means over all bins round off; the contrast is one of dB without a floor, whose valleys in a
/// chirp hold what is rounding here (see [`has_floor`]); the others are the same numbers.
const SPECTRAL: [(&str, f64, &str); 7] = [
    ("centroid", 1e-2, "Hz"),
    ("bandwidth", 1e-2, "Hz"),
    ("rolloff", 1e-2, "Hz"),
    ("flatness", 1e-6, "share"),
    ("contrast", 0.2, "dB"),
    ("zero_crossing_rate", 1e-7, "share"),
    ("rms", 1e-7, "amplitude"),
];

#[test]
fn spectral_shape_matches_librosa() {
    for (index, (name, tolerance, unit)) in SPECTRAL.into_iter().enumerate() {
        let worst = worst("audio_spectral", |case| {
            let (config, waveform, expected) = read(case);
            let actual = extract(&config, &waveform);
            let (shape, values) = &expected[name];
            let octaves = expected["contrast"].0[1];
            let width = SPECTRAL.len() - 1 + octaves;
            let start = if index > 4 { index - 1 + octaves } else { index };
            let wide = shape.get(1).copied().unwrap_or(1);
            let frames = actual.chunks_exact(width);
            let actual: Vec<f32> =
                frames.flat_map(|frame| &frame[start..start + wide]).copied().collect();
            golden::worst_difference(&actual, values)
        });
        golden::assert_parity(name, LIBROSA, worst, tolerance, unit);
    }
}

/// In f32 on both sides: of a chirp of 16 bits, whose bands far from it lie 140 dB below the loudest,
/// either's rounding is up to 1.6e-2; of all others it is at most 4.5e-4.
#[test]
fn kaldi_fbank_matches_torchaudio() {
    let worst = worst("audio_kaldi_fbank", difference);
    golden::assert_parity("kaldi_fbank", TORCHAUDIO, worst, 3e-2, "log energy");
}

/// In f32 on both sides, and nothing lower than 80 dB below the loudest value is left.
#[test]
fn whisper_matches_transformers() {
    let worst = worst("audio_whisper", difference_of_padded);
    golden::assert_parity("whisper", TRANSFORMERS, worst, 1e-4, "quarter of a tenfold power");
}

/// The differences of `kaldi_fbank`, divided by 9.
#[test]
fn ast_matches_transformers() {
    let worst = worst("audio_ast", difference_of_padded);
    golden::assert_parity("ast", TRANSFORMERS, worst, 1e-4, "scaled log energy");
}

/// Mean and variance in f64 here and f32 there.
#[test]
fn waveform_matches_transformers() {
    let worst = worst("audio_waveform", difference);
    golden::assert_parity("waveform", TRANSFORMERS, worst, 1e-5, "standard deviation");
}

/// The reference is f64: an offset of 1e-3 covers the rounding of all but the loudest tones, one of
/// 1e-6 shows it (see [`has_floor`]).
#[test]
fn yamnet_matches_its_definition() {
    let is_exported = |config: &Value| config.get("log_offset").is_some();
    let reference = "its definition in numpy";
    let worst = worst_of("audio_yamnet", |config| !is_exported(config), difference_of_padded);
    golden::assert_parity("yamnet", reference, worst, 5e-3, "log magnitude");
    let worst = worst_of("audio_yamnet", is_exported, difference_of_padded);
    golden::assert_parity("yamnet, log_offset 1e-6", reference, worst, 0.3, "log magnitude");
}
