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
        assert_eq!((actual.len() / rest.len()) as f32, num_frames[0], "{}", case.display());
    }
    let (first, others) = actual.split_at(kept.len());
    let others = others.chunks(rest.len()).map(|frame| golden::worst_difference(frame, rest));
    golden::worst(others.chain([golden::worst_difference(first, kept)]))
}

fn worst(part: &str, difference: impl Fn(&Path) -> f64) -> f64 {
    worst_of(part, |_| true, difference)
}

/// The worst difference of the cases whose config is `wanted`.
fn worst_of(
    part: &str,
    wanted: impl Fn(&Value) -> bool,
    difference: impl Fn(&Path) -> f64,
) -> f64 {
    let cases = golden::cases(part);
    let wanted = cases.iter().filter(|case| wanted(&read(case).0));
    golden::worst(wanted.map(|case| {
        let difference = difference(case);
        println!("{difference:.1e} {}", case.display());
        difference
    }))
}

fn has_floor(config: &Value) -> bool {
    config.get("top_db") != Some(&Value::Null)
}

#[test]
fn log_mel_matches_librosa() {
    let worst = worst_of("audio_log_mel", has_floor, difference);
    golden::assert_parity("log_mel", LIBROSA, worst, 2e-3, "dB");
}

#[test]
fn log_mel_without_a_floor_matches_librosa() {
    let worst = worst_of("audio_log_mel", |config| !has_floor(config), difference);
    golden::assert_parity("log_mel, no top_db", LIBROSA, worst, 5e-2, "dB");
}

#[test]
fn mfcc_matches_librosa() {
    let worst = worst("audio_mfcc", difference);
    golden::assert_parity("mfcc", LIBROSA, worst, 2e-2, "coefficient");
}

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

#[test]
fn chroma_matches_librosa() {
    let worst = worst("audio_chroma", difference);
    golden::assert_parity("chroma", LIBROSA, worst, 1e-5, "share");
}

#[test]
fn tuning_matches_librosa() {
    let is_estimated = |config: &Value| config.get("tuning").is_none();
    let worst = worst_of("audio_chroma", is_estimated, |case| {
        let (_, waveform, expected) = read(case);
        let config =
            StftConfig { n_fft: 2_048, win_length: 2_048, hop_length: 512, ..StftConfig::default() };
        let stft = Stft::new(&config);
        let powers = stft.spectrogram(&waveform);
        let tuning = estimate_tuning(&powers, stft.num_bins(), 16_000.0, 12);
        (tuning - f64::from(expected["tuning"].1[0])).abs()
    });
    golden::assert_parity("tuning", LIBROSA, worst, 1e-7, "note");
}

/// Where each feature is in a frame of `type: spectral`, with its tolerance and its unit.
const SPECTRAL: [(&str, f64, &str); 7] = [
    ("centroid", 1e-2, "Hz"),
    ("bandwidth", 1e-2, "Hz"),
    ("rolloff", 1e-2, "Hz"),
    ("flatness", 1e-6, "share"),
    ("contrast", 1e-3, "dB"),
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

#[test]
fn kaldi_fbank_matches_torchaudio() {
    let worst = worst("audio_kaldi_fbank", difference);
    golden::assert_parity("kaldi_fbank", TORCHAUDIO, worst, 1e-3, "log energy");
}

#[test]
fn whisper_matches_transformers() {
    let worst = worst("audio_whisper", difference_of_padded);
    golden::assert_parity("whisper", TRANSFORMERS, worst, 1e-4, "quarter of a tenfold power");
}

#[test]
fn ast_matches_transformers() {
    let worst = worst("audio_ast", difference_of_padded);
    golden::assert_parity("ast", TRANSFORMERS, worst, 1e-4, "scaled log energy");
}

#[test]
fn yamnet_matches_its_definition() {
    let worst = worst("audio_yamnet", difference_of_padded);
    golden::assert_parity("yamnet", "its definition in numpy", worst, 1e-4, "log magnitude");
}
