//! Mel bands in dB to cepstral coefficients.
//!
//! Source: `librosa.feature.mfcc` of librosa 0.11 with `dct_type=2`, `norm="ortho"`.

use std::f64::consts::PI;

use super::config::CheckedAudio;

/// The first rows of an orthonormal DCT-II, each lifted.
#[derive(Clone, Debug)]
pub(super) struct Cepstrum {
    num_mels: usize,
    /// `[num_coefficients, num_mels]`
    basis: Vec<f64>,
}

impl Cepstrum {
    pub(super) fn new(config: &CheckedAudio) -> Self {
        let num_mels = config.num_mels;
        let basis = (0..config.num_coefficients)
            .flat_map(|order| {
                let scale = ortho(order, num_mels) * lift(order, config.lifter);
                (0..num_mels).map(move |band| scale * cosine(order, band, num_mels))
            })
            .collect();
        Self { num_mels, basis }
    }

    /// # Shapes
    ///
    /// - `bands`: `[T, num_mels]`
    /// - returns: `[T, num_coefficients]`
    pub(super) fn transform(&self, bands: &[f64]) -> Vec<f64> {
        let frames = bands.chunks_exact(self.num_mels);
        frames
            .flat_map(|frame| {
                self.basis
                    .chunks_exact(self.num_mels)
                    .map(move |row| row.iter().zip(frame).map(|(a, b)| a * b).sum::<f64>())
            })
            .collect()
    }
}

fn ortho(order: usize, num_mels: usize) -> f64 {
    let numerator = if order == 0 { 1.0 } else { 2.0 };
    (numerator / num_mels as f64).sqrt()
}

fn cosine(order: usize, band: usize, num_mels: usize) -> f64 {
    (PI * order as f64 * (band as f64 + 0.5) / num_mels as f64).cos()
}

/// Coefficient `order` counts from 0; the sine's argument counts from 1.
fn lift(order: usize, lifter: f64) -> f64 {
    if lifter == 0.0 {
        return 1.0;
    }
    1.0 + lifter / 2.0 * (PI * (order + 1) as f64 / lifter).sin()
}
