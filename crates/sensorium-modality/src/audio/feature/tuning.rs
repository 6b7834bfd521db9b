//! How far the notes of a sound lie from those of A = 440 Hz.
//!
//! Source: `librosa.estimate_tuning`, `piptrack` and `pitch_tuning` of librosa 0.11 with their
//! defaults: 0.01 notes of resolution, peaks between 150 and 4 000 Hz that are above a tenth of
//! their frame's loudest bin.

/// The lowest and highest peak, in Hz.
const PEAKS_FROM_HZ: f64 = 150.0;
const PEAKS_BELOW_HZ: f64 = 4_000.0;
/// A peak is above this share of its frame's loudest bin.
const PEAK_SHARE: f32 = 0.1;
/// The steps that a note is cut into.
const STEPS: usize = 100;

/// A local maximum of a spectrum, by the parabola through it and its neighbours.
#[derive(Clone, Copy, Debug)]
struct Peak {
    hz: f32,
    height: f32,
}

/// The tuning in notes, from -0.5 to 0.49 in steps of 0.01; 0 for a sound without peaks.
///
/// The bins are taken to be those of a transform of `2 (F - 1)` samples.
///
/// # Shapes
///
/// - `spectrogram`: `[T, F]`, `num_bins` being `F`
#[must_use]
pub fn estimate_tuning(
    spectrogram: &[f32],
    num_bins: usize,
    sample_rate_hz: f64,
    bins_per_octave: usize,
) -> f64 {
    let frames = spectrogram.chunks_exact(num_bins);
    let peaks: Vec<Peak> = frames
        .flat_map(|frame| peaks(frame, sample_rate_hz))
        .filter(|peak| peak.hz > 0.0)
        .collect();
    let least = median(peaks.iter().map(|peak| peak.height).collect());
    let mut counts = [0_usize; STEPS];
    for peak in peaks.iter().filter(|peak| peak.height >= least) {
        counts[step(peak.hz, bins_per_octave)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    match counts.iter().position(|&count| count == most) {
        Some(step) if most > 0 => edge(step),
        _ => 0.0,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "in f32, as librosa")]
fn peaks(frame: &[f32], sample_rate_hz: f64) -> impl Iterator<Item = Peak> {
    let n_fft = 2.0 * (frame.len() as f64 - 1.0);
    let least = PEAK_SHARE * frame.iter().copied().fold(0.0, f32::max);
    let below_hz = PEAKS_BELOW_HZ.min(sample_rate_hz / 2.0);
    let bins = frame.windows(3).enumerate().map(|(before, values)| (before + 1, values));
    bins.filter_map(move |(bin, values)| {
        let hz = bin as f64 * sample_rate_hz / n_fft;
        let [before, here, after] = [0, 1, 2].map(|index| values[index]);
        let is_audible = here > least && (PEAKS_FROM_HZ..below_hz).contains(&hz);
        // What is below the share counts as zero, so `before` and `after` need no check of it.
        if !(is_audible && here > before && here >= after) {
            return None;
        }
        let shift = vertex(before, here, after);
        let hz = (f64::from(bin as f32 + shift) * sample_rate_hz / n_fft) as f32;
        Some(Peak { hz, height: here + 0.5 * (0.5 * (after - before)) * shift })
    })
}

/// Where the parabola through three bins has its vertex, from the middle one.
fn vertex(before: f32, here: f32, after: f32) -> f32 {
    let curvature = after + before - 2.0 * here;
    let slope = (after - before) / 2.0;
    if slope.abs() >= curvature.abs() { 0.0 } else { -slope / curvature }
}

/// The median, or 0 of nothing.
fn median(mut values: Vec<f32>) -> f32 {
    values.sort_unstable_by(f32::total_cmp);
    match (values.len() / 2, values.len() % 2) {
        (0, 0) => 0.0,
        (half, 0) => values[half - 1].midpoint(values[half]),
        (half, _) => values[half],
    }
}

/// The step of a note in which a frequency lies.
fn step(hz: f32, bins_per_octave: usize) -> usize {
    let note = bins_per_octave as f32 * (hz / 27.5).log2();
    let residual = match note.rem_euclid(1.0) {
        above if above >= 0.5 => above - 1.0,
        above => above,
    };
    let above = (1..STEPS).take_while(|&step| f64::from(residual) >= edge(step)).count();
    above.min(STEPS - 1)
}

fn edge(step: usize) -> f64 {
    step as f64 / STEPS as f64 - 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_without_peaks_is_in_tune() {
        for frame in [vec![0.0; 257], vec![f32::NAN; 257], vec![1.0; 2]] {
            assert!(estimate_tuning(&frame, frame.len(), 16_000.0, 12).abs() < 1e-9);
        }
    }

    #[test]
    fn a_peak_a_fifth_of_a_note_too_high_is_found() {
        // A bin of 440 * 2^(0.205 / 12) Hz, between the steps of 0.20 and 0.21.
        let sample_rate_hz = 440.0 * 2.0_f64.powf(0.205 / 12.0) * 64.0 / 5.0;
        let mut frame = vec![0.0; 33];
        frame[5] = 1.0;
        assert!((estimate_tuning(&frame, 33, sample_rate_hz, 12) - 0.2).abs() < 1e-9);
    }
}
