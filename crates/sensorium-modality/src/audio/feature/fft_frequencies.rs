//! The centre of each bin of a spectrum.

/// The frequencies of the `n_fft / 2 + 1` bins, in Hz, as `librosa.fft_frequencies`.
#[must_use]
pub fn fft_frequencies(sample_rate_hz: f64, n_fft: usize) -> Vec<f64> {
    (0..=n_fft / 2).map(|bin| bin as f64 * sample_rate_hz / n_fft as f64).collect()
}
