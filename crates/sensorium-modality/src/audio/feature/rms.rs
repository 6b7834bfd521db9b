//! How loud a sound is.
//!
//! Source: `librosa.feature.rms` of librosa 0.11, from samples.

use super::framing::Framing;

/// The root of the mean square of each frame, in the unit of the samples; 0 for silence.
///
/// librosa's framing is [`Framing::centred`] with [`PadMode::Constant`](super::PadMode::Constant).
///
/// # Shapes
///
/// - `samples`: `[N]`
/// - returns: `[T]`
///
/// # Panics
///
/// If there are no samples.
#[must_use]
pub fn rms(samples: &[f32], framing: &Framing) -> Vec<f32> {
    assert!(!samples.is_empty(), "a sound has at least one sample");
    let mut edge = vec![0.0; framing.frame_length];
    let frames = 0..framing.num_frames(samples.len());
    frames.map(|index| root_mean_square(framing.frame(samples, index, &mut edge))).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "at most the largest sample")]
pub(in crate::audio) fn root_mean_square(frame: &[f32]) -> f32 {
    let sum: f64 = frame.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    let root = (sum / frame.len() as f64).sqrt() as f32;
    if root.is_finite() { root } else { f32::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_and_four_have_the_root_of_twelve_and_a_half() {
        let samples = [3.0, -4.0, 0.0, 0.0, f32::INFINITY, 0.0];
        let loudness = rms(&samples, &Framing::uncentred(2, 2));
        assert_eq!(loudness[..2], [12.5_f32.sqrt(), 0.0]);
        assert!(loudness[2].is_nan());
    }
}
