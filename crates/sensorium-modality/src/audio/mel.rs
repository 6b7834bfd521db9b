//! Power spectra to mel bands.
//!
//! Source: `librosa.filters.mel`, `librosa.hz_to_mel` and `librosa.mel_to_hz` of librosa 0.11.

use super::config::{CheckedAudio, MelNorm};

/// Triangular filters, evenly spaced in mel; each keeps only the bins where it is not zero.
#[derive(Clone, Debug)]
pub(super) struct MelBank {
    bands: Vec<Band>,
}

#[derive(Clone, Debug)]
struct Band {
    first_bin: usize,
    /// Weights rounded to f32, as librosa keeps them.
    weights: Vec<f64>,
}

impl MelBank {
    pub(super) fn new(config: &CheckedAudio) -> Self {
        let scale = if config.htk { MelScale::Htk } else { MelScale::Slaney };
        let edges = scale.edges(config.min_hz, config.max_hz, config.num_mels + 2);
        let bin_hz = f64::from(config.sample_rate_hz) / config.fft_length as f64;
        let num_bins = config.fft_length / 2 + 1;
        let bands = edges
            .windows(3)
            .map(|edges| Band::new([edges[0], edges[1], edges[2]], bin_hz, num_bins, config))
            .collect();
        Self { bands }
    }

    /// Appends one value for each band to `out`.
    pub(super) fn apply(&self, powers: &[f64], out: &mut Vec<f64>) {
        out.extend(self.bands.iter().map(|band| {
            let seen = &powers[band.first_bin..];
            band.weights.iter().zip(seen).map(|(weight, power)| weight * power).sum::<f64>()
        }));
    }
}

impl Band {
    fn new(edges: [f64; 3], bin_hz: f64, num_bins: usize, config: &CheckedAudio) -> Self {
        let [low, _, high] = edges;
        let area = match config.mel_norm {
            Some(MelNorm::Slaney) => 2.0 / (high - low),
            None => 1.0,
        };
        let mut band = Self { first_bin: 0, weights: Vec::new() };
        for bin in 0..num_bins {
            let weight = triangle(edges, bin as f64 * bin_hz);
            if weight > 0.0 {
                if band.weights.is_empty() {
                    band.first_bin = bin;
                }
                band.weights.push(rounded(rounded(weight) * area));
            }
        }
        band
    }
}

/// A triangle from 0 at the first edge over 1 at the second to 0 at the third.
fn triangle([low, peak, high]: [f64; 3], hz: f64) -> f64 {
    let rising = (hz - low) / (peak - low);
    let falling = (high - hz) / (high - peak);
    rising.min(falling).max(0.0)
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is what is meant")]
fn rounded(weight: f64) -> f64 {
    f64::from(weight as f32)
}

#[derive(Clone, Copy)]
enum MelScale {
    /// Slaney's Auditory Toolbox: linear below 1 kHz, logarithmic above.
    Slaney,
    /// The formula of the Hidden Markov Model Toolkit.
    Htk,
}

/// Slaney: 200 / 3 Hz are one mel below 1 000 Hz, which is mel 15.
const HZ_PER_MEL: f64 = 200.0 / 3.0;
const LOG_FROM_HZ: f64 = 1_000.0;
const LOG_FROM_MEL: f64 = LOG_FROM_HZ / HZ_PER_MEL;

impl MelScale {
    /// `count` frequencies from `low` to `high` in Hz, evenly spaced in mel.
    fn edges(self, low: f64, high: f64, count: usize) -> Vec<f64> {
        let (low, high) = (self.mel_from_hz(low), self.mel_from_hz(high));
        let step = (high - low) / (count - 1) as f64;
        (0..count).map(|index| self.hz_from_mel(low + step * index as f64)).collect()
    }

    fn mel_from_hz(self, hz: f64) -> f64 {
        match self {
            Self::Htk => 2_595.0 * (1.0 + hz / 700.0).log10(),
            Self::Slaney if hz < LOG_FROM_HZ => hz / HZ_PER_MEL,
            Self::Slaney => LOG_FROM_MEL + (hz / LOG_FROM_HZ).ln() / log_step(),
        }
    }

    fn hz_from_mel(self, mel: f64) -> f64 {
        match self {
            Self::Htk => 700.0 * (10_f64.powf(mel / 2_595.0) - 1.0),
            Self::Slaney if mel < LOG_FROM_MEL => mel * HZ_PER_MEL,
            Self::Slaney => LOG_FROM_HZ * (log_step() * (mel - LOG_FROM_MEL)).exp(),
        }
    }
}

/// Slaney: 27 steps from 1 000 Hz to 6 400 Hz.
fn log_step() -> f64 {
    6.4_f64.ln() / 27.0
}
