//! The norms that spectra are divided by.
//!
//! Source: `librosa.util.normalize` of librosa 0.11 with its defaults.

/// What a frame of that norm is divided by: a frame of next to nothing stays as it is.
pub(super) fn divisor(norm: f64) -> f64 {
    if norm < f64::from(f32::MIN_POSITIVE) { 1.0 } else { norm }
}

/// The sum of a frame's magnitudes, as something to divide by.
pub(super) fn sum_to_divide_by(magnitudes: &[f32]) -> f64 {
    divisor(magnitudes.iter().copied().map(f64::from).sum())
}
