//! How far the peaks of a spectrum stand out from its valleys, octave by octave.
//!
//! Source: `librosa.feature.spectral_contrast` of librosa 0.11 (Jiang et al. 2002).

use super::decibel::Decibels;
use super::fft_frequencies::fft_frequencies;

/// The parameters of `librosa.feature.spectral_contrast`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpectralContrastConfig {
    /// The rate of the samples, in Hz.
    pub sample_rate_hz: f64,
    /// The length of the transform, in samples; a bin is at most `fmin` wide.
    pub n_fft: usize,
    /// Below this the first band lies, in Hz.
    pub fmin: f64,
    /// The octaves above `fmin`, at least 1, the last of which starts below half the rate.
    pub n_bands: usize,
    /// The share of a band that is its peak, and that is its valley: above 0 and below 1.
    pub quantile: f64,
}

/// The bands of one config.
#[derive(Clone, Debug)]
pub struct SpectralContrast {
    num_bins: usize,
    bands: Vec<Band>,
}

#[derive(Clone, Debug)]
struct Band {
    first_bin: usize,
    num_bins: usize,
    /// The bins that are the peak, and that are the valley.
    num_extremes: usize,
}

/// Peaks and valleys of the frames so far, `[T, n_bands + 1]` each.
#[derive(Clone, Debug, Default)]
pub(in crate::audio) struct PeaksAndValleys {
    peaks: Vec<f32>,
    valleys: Vec<f32>,
}

impl SpectralContrast {
    /// Lays out the bands.
    ///
    /// # Panics
    ///
    /// If a field is out of its range, or a band has no bin.
    #[must_use]
    pub fn new(config: &SpectralContrastConfig) -> Self {
        let bins_hz = fft_frequencies(config.sample_rate_hz, config.n_fft);
        let octave = |band: usize| match band {
            0 => 0.0,
            band => config.fmin * 2.0_f64.powf(band as f64 - 1.0),
        };
        let bands = (0..=config.n_bands).map(|band| {
            let is_last = band == config.n_bands;
            let above = if is_last { f64::INFINITY } else { octave(band + 1) };
            Band::between(octave(band), above, &bins_hz, config.quantile)
        });
        Self { num_bins: bins_hz.len(), bands: bands.collect() }
    }

    /// `n_bands + 1`: the values of a frame.
    #[must_use]
    pub const fn num_bands(&self) -> usize {
        self.bands.len()
    }

    /// The peak of each band over its valley, in dB; 0 for silence.
    ///
    /// # Shapes
    ///
    /// - `magnitudes`: `[T, F]`
    /// - returns: `[T, n_bands + 1]`
    #[must_use]
    pub fn apply(&self, magnitudes: &[f32]) -> Vec<f32> {
        let mut found = PeaksAndValleys::default();
        self.find(magnitudes, &mut found);
        found.contrast()
    }

    /// Adds the peaks and valleys of more frames, `[t, F]`.
    pub(in crate::audio) fn find(&self, magnitudes: &[f32], found: &mut PeaksAndValleys) {
        let mut sorted = Vec::with_capacity(self.num_bins);
        for frame in magnitudes.chunks_exact(self.num_bins) {
            for band in &self.bands {
                sorted.clear();
                sorted.extend_from_slice(&frame[band.first_bin..][..band.num_bins]);
                sorted.sort_unstable_by(f32::total_cmp);
                found.valleys.push(mean(&sorted[..band.num_extremes]));
                found.peaks.push(mean(&sorted[band.num_bins - band.num_extremes..]));
            }
        }
    }
}

impl PeaksAndValleys {
    /// Each in dB, with its own floor of 80 dB below its loudest: librosa takes magnitudes for
    /// powers here.
    pub(in crate::audio) fn contrast(mut self) -> Vec<f32> {
        Decibels::default().apply(&mut self.peaks);
        Decibels::default().apply(&mut self.valleys);
        self.peaks.iter().zip(&self.valleys).map(|(peak, valley)| peak - valley).collect()
    }
}

impl Band {
    /// The bins from `low` to `high` and the one below them; all but the last band leave their
    /// highest bin to the next, and count it nevertheless.
    fn between(low: f64, high: f64, bins_hz: &[f64], quantile: f64) -> Self {
        let inside = |&hz: &f64| (low..=high).contains(&hz);
        let first = bins_hz.iter().position(inside).expect("a band has a bin");
        let end = bins_hz.iter().rposition(inside).map_or(first, |last| last + 1);
        let first_bin = first.saturating_sub(usize::from(low > 0.0));
        let num_bins = end - first_bin - usize::from(high.is_finite());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of the bins"
        )]
        let num_extremes = (quantile * (end - first_bin) as f64).round_ties_even() as usize;
        assert!(num_bins > 0, "a band has a bin of its own");
        Self { first_bin, num_bins, num_extremes: num_extremes.clamp(1, num_bins) }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the mean of numbers that are f32")]
fn mean(values: &[f32]) -> f32 {
    (values.iter().copied().map(f64::from).sum::<f64>() / values.len() as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ten_times_its_surroundings_stands_out_by_ten_decibels() {
        let config = SpectralContrastConfig {
            sample_rate_hz: 16_000.0,
            n_fft: 512,
            fmin: 200.0,
            n_bands: 6,
            quantile: 0.02,
        };
        let contrast = SpectralContrast::new(&config);
        let mut frame = vec![0.1; 257];
        frame[40] = 1.0; // 1 250 Hz, in the octave from 800 Hz
        let values = contrast.apply(&frame);
        for (band, value) in values.into_iter().enumerate() {
            let expected = if band == 3 { 10.0 } else { 0.0 };
            assert!((value - expected).abs() < 1e-5, "band {band} is {value}");
        }
        assert!(contrast.apply(&[f32::NAN; 257]).iter().all(|value| value.is_nan()));
    }
}
