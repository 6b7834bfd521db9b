//! Parity with librosa: the cases are made by `reference/audio/log_mel.py` and `mfcc.py`.

use std::fs;
use std::path::Path;

use super::{AudioConfig, FeatureExtractor};
use crate::golden;

/// librosa rounds the spectrum, the bands and the logarithm to f32 and sums in f32; here all of it
/// is f64 until the end. The worst difference over all cases was 1.6e-5 dB, two
/// steps of an f32 at -100 dB.
const LOG_MEL_TOLERANCE: f64 = 5e-5;
/// As above, and the orthonormal DCT of `n_mels` bands adds up their differences: 1.3e-4.
const MFCC_TOLERANCE: f64 = 2e-4;

/// The worst difference of one case.
fn difference(case: &Path) -> f64 {
    let text = fs::read_to_string(case.join("case.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let config: AudioConfig = sensorium_core::config::read(json["config"].clone()).unwrap();
    let (_, waveform) = &golden::tensors(&case.join("input.safetensors"))["waveform"];
    let (_, expected) = &golden::tensors(&case.join("expected.safetensors"))["features"];
    let actual = FeatureExtractor::new(&config.check().unwrap()).extract(waveform);
    golden::worst_difference(&actual, expected)
}

fn worst(part: &str) -> f64 {
    golden::worst(golden::cases(part).iter().map(|case| difference(case)))
}

#[test]
fn log_mel_matches_librosa() {
    let worst = worst("audio_log_mel");
    golden::assert_parity("log_mel", "librosa 0.11.0", worst, LOG_MEL_TOLERANCE, "dB");
}

#[test]
fn mfcc_matches_librosa() {
    let worst = worst("audio_mfcc");
    golden::assert_parity("mfcc", "librosa 0.11.0", worst, MFCC_TOLERANCE, "coefficient");
}
