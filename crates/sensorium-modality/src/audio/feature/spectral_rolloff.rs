//! Below which frequency most of a spectrum lies.
//!
//! Source: `librosa.feature.spectral_rolloff` of librosa 0.11.

/// The frequency of the first bin at which the magnitudes so far are `roll_percent` (a share,
/// librosa's default is 0.85) of the frame's, in Hz; 0 for silence.
///
/// # Shapes
///
/// - `magnitudes`: `[T, F]`
/// - `frequencies_hz`: `[F]`
/// - returns: `[T]`
#[must_use]
pub fn spectral_rolloff(magnitudes: &[f32], frequencies_hz: &[f64], roll_percent: f32) -> Vec<f32> {
    let frames = magnitudes.chunks_exact(frequencies_hz.len());
    frames.map(|frame| rolloff(frame, frequencies_hz, roll_percent)).collect()
}

/// Sums in f32 as librosa does: near a tie the bin is then the same.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a frequency needs no more digits than f32 has"
)]
fn rolloff(frame: &[f32], frequencies_hz: &[f64], roll_percent: f32) -> f32 {
    let total: f32 = frame.iter().fold(0.0, |sum, value| sum + value);
    let mut sum = 0.0;
    let bin = frame.iter().position(|value| {
        sum += value;
        sum >= roll_percent * total
    });
    match bin {
        Some(bin) if total.is_finite() => frequencies_hz[bin] as f32,
        _ => f32::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bin_that_completes_the_share_is_meant() {
        let frames = [2.0, 6.0, 2.0, 0.0, 0.0, 0.0, 0.0, f32::NAN, 1.0];
        let hz = spectral_rolloff(&frames, &[0.0, 100.0, 200.0], 0.8);
        assert_eq!(hz[..2], [100.0, 0.0]);
        assert!(hz[2].is_nan());
    }
}
