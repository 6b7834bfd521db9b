//! Sounds: any bytes are decoded to finite samples within the limit, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sensorium_modality::audio::{MAX_SAMPLE, decode_bytes};

const MAX_SECONDS: f64 = 2.0;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(sound) = decode_bytes(bytes, MAX_SECONDS) {
        let seconds = sound.samples.len() as f64 / f64::from(sound.sample_rate_hz);
        assert!(seconds <= MAX_SECONDS + 1e-3, "{seconds} s");
        assert!(sound.samples.iter().all(|sample| sample.abs() <= MAX_SAMPLE));
    }
});
