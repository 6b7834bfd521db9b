//! A `tokenizer.json` from anywhere, then a zero byte, then a text: it is refused, or gives the text
//! at least one id, at most as many as asked, all of its vocabulary, and always the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sensorium_core::FeatureShape;
use sensorium_modality::text::Text;
use sensorium_modality::{Features, Modality};
use serde_json::json;

const MAX_LENGTH: usize = 32;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let (file, text) = text.split_once('\0').unwrap_or((&text, "Any text, 3.5 of them: 文 🍎"));
    let stored = json!({
        "max_sequence_length": MAX_LENGTH,
        "truncation_side": "left",
        "tokens": {"hf_tokenizer": file},
    });
    let Ok(fitted) = serde_json::from_value::<Text>(stored) else { return };
    let shape = fitted.shape();
    let FeatureShape::Tokens { vocabulary_size, .. } = shape else { panic!("{shape:?}") };
    // A text that the tokenizer does not survive is its row's error.
    let Ok(decoded) = fitted.read(text.to_owned()) else { return };
    let features = fitted.features(&decoded);
    let Features::Tokens(ids) = &features else { panic!("{features:?}") };
    assert!((1..=MAX_LENGTH).contains(&ids.len()), "{ids:?}");
    assert!(ids.iter().all(|&id| (id as usize) < vocabulary_size), "{ids:?}");
    assert_eq!(fitted.features(&fitted.read(text.to_owned()).unwrap()), features);
});
