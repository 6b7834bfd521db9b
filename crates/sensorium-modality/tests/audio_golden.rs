//! Parity with librosa: the cases are made by `reference/audio/log_mel.py` and `mfcc.py`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use sensorium_modality::audio::{AudioConfig, FeatureExtractor};

/// librosa rounds the spectrum, the bands and the logarithm to f32 and sums in f32; here all of it
/// is f64 until the end. The worst difference over all cases was 1.6e-5 dB, two
/// steps of an f32 at -100 dB.
const LOG_MEL_TOLERANCE: f32 = 5e-5;
/// As above, and the orthonormal DCT of `n_mels` bands adds up their differences; PENDING.
const MFCC_TOLERANCE: f32 = 2e-4;

fn tensor(path: &Path, name: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let view = tensors.tensor(name).unwrap();
    let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
    (view.shape().to_vec(), values.collect())
}

fn cases(part: &str) -> Vec<PathBuf> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden").join(part);
    let mut cases: Vec<PathBuf> =
        fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 8, "{part} has only {} cases", cases.len());
    cases
}

/// The worst difference of one case.
fn difference(case: &Path) -> f32 {
    let text = fs::read_to_string(case.join("case.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let config: AudioConfig = sensorium_core::config::read(json["config"].clone()).unwrap();
    let (_, waveform) = tensor(&case.join("input.safetensors"), "waveform");
    let (shape, expected) = tensor(&case.join("expected.safetensors"), "features");
    let actual = FeatureExtractor::new(&config.check().unwrap()).extract(&waveform);
    assert_eq!(actual.len(), shape[0] * shape[1], "{}: another number of frames", case.display());
    let differences = actual.iter().zip(&expected).map(|(a, b)| (a - b).abs());
    // A NaN must not pass for no difference.
    differences.fold(0.0, |worst, d| if d > worst || d.is_nan() { d } else { worst })
}

fn assert_parity(part: &str, tolerance: f32) {
    let differences: Vec<(f32, PathBuf)> =
        cases(part).into_iter().map(|case| (difference(&case), case)).collect();
    let far: Vec<String> = differences
        .iter()
        .filter(|(worst, _)| worst.is_nan() || *worst > tolerance)
        .map(|(worst, case)| format!("{}: {worst:e}", case.display()))
        .collect();
    assert!(far.is_empty(), "beyond {tolerance:e}:\n{}", far.join("\n"));
}

#[test]
fn log_mel_matches_librosa() {
    assert_parity("audio_log_mel", LOG_MEL_TOLERANCE);
}

#[test]
fn mfcc_matches_librosa() {
    assert_parity("audio_mfcc", MFCC_TOLERANCE);
}
