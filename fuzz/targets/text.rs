//! Texts of any characters through every tokenizer that learns its words from the table.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sensorium_modality::text::Tokenizer;

const TOKENIZERS: [Tokenizer; 3] = [Tokenizer::SpacePunct, Tokenizer::Characters, Tokenizer::Space];

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    for tokenizer in TOKENIZERS {
        let tokens = tokenizer.tokens(&text, usize::MAX);
        assert!(tokens.iter().all(|token| !token.is_empty()), "{tokens:?}");
        assert!(tokens.iter().map(|token| token.len()).sum::<usize>() <= text.len());
        assert_eq!(tokenizer.tokens(&text, 3), tokens[..tokens.len().min(3)]);
    }
});
