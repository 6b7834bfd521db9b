//! Where the middle of a spectrum lies.
//!
//! Source: `librosa.feature.spectral_centroid` of librosa 0.11.

use super::norm::sum_to_divide_by;

/// The mean frequency of each frame, its bins weighed by their magnitudes, in Hz; 0 for silence.
///
/// # Shapes
///
/// - `magnitudes`: `[T, F]`
/// - `frequencies_hz`: `[F]`
/// - returns: `[T]`
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a frequency needs no more digits than f32 has"
)]
pub fn spectral_centroid(magnitudes: &[f32], frequencies_hz: &[f64]) -> Vec<f32> {
    let frames = magnitudes.chunks_exact(frequencies_hz.len());
    frames.map(|frame| centroid(frame, frequencies_hz) as f32).collect()
}

pub(super) fn centroid(frame: &[f32], frequencies_hz: &[f64]) -> f64 {
    let weighted = frame.iter().zip(frequencies_hz).map(|(&value, hz)| f64::from(value) * hz);
    weighted.sum::<f64>() / sum_to_divide_by(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_two_lines_is_between_them() {
        let frames = [1.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0];
        assert_eq!(spectral_centroid(&frames, &[0.0, 100.0, 200.0]), [150.0, 0.0, 100.0]);
    }

    #[test]
    fn what_is_no_number_has_no_middle() {
        assert!(spectral_centroid(&[1.0, f32::NAN], &[0.0, 1.0])[0].is_nan());
        assert!(spectral_centroid(&[1.0, f32::INFINITY], &[0.0, 1.0])[0].is_nan());
    }
}
