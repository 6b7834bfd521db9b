//! Pictures: any bytes are decoded within the limit, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sensorium_modality::image::{Limits, Reduction, decode_bytes, decode_reduced, size_of_bytes};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { max_pixels: 1 << 18 };
    let _ = size_of_bytes(bytes, limits);
    if let Ok(picture) = decode_bytes(bytes, limits) {
        assert!(picture.pixels().len() as u64 <= 3 * limits.max_pixels);
        assert_eq!(picture.pixels().len(), 3 * picture.height() * picture.width());
    }
    for reduction in Reduction::ALL {
        if let Ok(picture) = decode_reduced(bytes, limits, |_| Some(reduction)) {
            assert!(picture.pixels().len() as u64 <= 3 * limits.max_pixels);
        }
    }
});
