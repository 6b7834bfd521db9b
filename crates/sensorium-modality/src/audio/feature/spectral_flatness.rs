//! Whether a spectrum is noise or tone.
//!
//! Source: `librosa.feature.spectral_flatness` of librosa 0.11 with `power=2`.

use super::logarithm::ln;

/// The geometric mean of each frame's powers over their arithmetic mean: 1 for white noise and for
/// silence, near 0 for a tone.
///
/// Powers below `amin` (librosa's default is 1e-10) count as that.
///
/// # Shapes
///
/// - `magnitudes`: `[T, F]`, `num_bins` being `F`
/// - returns: `[T]`
#[must_use]
pub fn spectral_flatness(magnitudes: &[f32], num_bins: usize, amin: f32) -> Vec<f32> {
    magnitudes.chunks_exact(num_bins).map(|frame| flatness(frame, amin)).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "a share from 0 to 1")]
fn flatness(frame: &[f32], amin: f32) -> f32 {
    let (mut logs, mut sum) = (0.0, 0.0);
    for &magnitude in frame {
        let square = magnitude * magnitude;
        let power = if square < amin { amin } else { square };
        logs += f64::from(ln(power));
        sum += f64::from(power);
    }
    let count = frame.len() as f64;
    ((logs / count).exp() / (sum / count)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_powers_are_flat_and_unequal_ones_are_not() {
        let flatness = spectral_flatness(&[0.0, 0.0, 0.5, 0.5, 1.0, 2.0, f32::NAN, 1.0], 2, 1e-10);
        // sqrt(1 * 4) over (1 + 4) / 2.
        for (value, expected) in flatness.iter().zip([1.0, 1.0, 0.8]) {
            assert!((value - expected).abs() < 1e-6, "{value}, not {expected}");
        }
        assert!(flatness[3].is_nan());
    }
}
