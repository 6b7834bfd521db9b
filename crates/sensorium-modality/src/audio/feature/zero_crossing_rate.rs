//! How often a sound changes its sign.
//!
//! Source: `librosa.feature.zero_crossing_rate` of librosa 0.11.

use super::framing::Framing;

/// What is this near to zero counts as zero, and zero as positive.
const THRESHOLD: f32 = 1e-10;

/// The share of each frame's samples whose sign is not that of the sample before, from 0 to 1.
///
/// librosa's framing is [`Framing::centred`] with [`PadMode::Edge`](super::PadMode::Edge).
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
pub fn zero_crossing_rate(samples: &[f32], framing: &Framing) -> Vec<f32> {
    assert!(!samples.is_empty(), "a sound has at least one sample");
    let mut edge = vec![0.0; framing.frame_length];
    let frames = 0..framing.num_frames(samples.len());
    frames.map(|index| rate(framing.frame(samples, index, &mut edge))).collect()
}

fn rate(frame: &[f32]) -> f32 {
    if !frame.iter().all(|sample| sample.is_finite()) {
        return f32::NAN;
    }
    let is_negative = |sample: f32| sample < -THRESHOLD;
    let changes = frame.windows(2).filter(|pair| is_negative(pair[0]) != is_negative(pair[1]));
    changes.count() as f32 / frame.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_positive_and_noise_around_it_is_zero() {
        let framing = Framing::uncentred(4, 4);
        let samples = [1.0, -1.0, 1.0, -1.0, 0.0, -1e-11, 0.0, 1.0, 0.0, f32::NAN, 0.0, 1.0];
        let rates = zero_crossing_rate(&samples, &framing);
        assert_eq!(rates[..2], [0.75, 0.0]);
        assert!(rates[2].is_nan());
    }
}
