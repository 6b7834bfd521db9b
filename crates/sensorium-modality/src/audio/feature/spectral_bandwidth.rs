//! How far a spectrum spreads around its middle.
//!
//! Source: `librosa.feature.spectral_bandwidth` of librosa 0.11 with `p=2`.

use super::norm::sum_to_divide_by;
use super::spectral_centroid::centroid;

/// The standard deviation of frequency in each frame, weighed by magnitude, in Hz; 0 for silence.
///
/// # Shapes
///
/// - `magnitudes`: `[T, F]`
/// - `frequencies_hz`: `[F]`
/// - returns: `[T]`
#[must_use]
pub fn spectral_bandwidth(magnitudes: &[f32], frequencies_hz: &[f64]) -> Vec<f32> {
    let frames = magnitudes.chunks_exact(frequencies_hz.len());
    frames.map(|frame| bandwidth(frame, frequencies_hz)).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a frequency needs no more digits than f32 has"
)]
fn bandwidth(frame: &[f32], frequencies_hz: &[f64]) -> f32 {
    let middle = centroid(frame, frequencies_hz);
    let squares = frame
        .iter()
        .zip(frequencies_hz)
        .map(|(&value, hz)| f64::from(value) * (hz - middle).powi(2));
    (squares.sum::<f64>() / sum_to_divide_by(frame)).sqrt() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_equal_lines_lie_half_their_distance_from_the_middle() {
        let frames = [1.0, 0.0, 1.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(spectral_bandwidth(&frames, &[0.0, 100.0, 200.0]), [100.0, 0.0, 0.0]);
    }
}
