//! Mel bands in dB to cepstral coefficients.
//!
//! Source: `librosa.feature.mfcc` of librosa 0.11 with `dct_type=2`, `norm="ortho"`.

use std::f64::consts::PI;

/// The first rows of an orthonormal DCT-II, each lifted.
#[derive(Clone, Debug)]
pub struct Mfcc {
    n_mels: usize,
    n_mfcc: usize,
    /// `[n_mels, n_mfcc]`: one band meets all coefficients, which lie side by side.
    basis: Vec<f32>,
}

impl Mfcc {
    /// Plans the transform of `n_mels` bands to `n_mfcc` coefficients; a `lifter` of 0 lifts none.
    ///
    /// # Panics
    ///
    /// If there are not 1 to `n_mels` coefficients.
    #[must_use]
    pub fn new(n_mels: usize, n_mfcc: usize, lifter: f64) -> Self {
        assert!((1..=n_mels).contains(&n_mfcc), "{n_mels} bands do not have {n_mfcc} coefficients");
        let lifted = |order, band| rounded(weight(order, band, n_mels) * lift(order, lifter));
        let basis =
            (0..n_mels).flat_map(|band| (0..n_mfcc).map(move |order| lifted(order, band)));
        Self { n_mels, n_mfcc, basis: basis.collect() }
    }

    /// # Shapes
    ///
    /// - `bands`: `[T, n_mels]`, in dB
    /// - returns: `[T, n_mfcc]`
    #[must_use]
    pub fn apply(&self, bands: &[f32]) -> Vec<f32> {
        let mut coefficients = vec![0.0; bands.len() / self.n_mels * self.n_mfcc];
        let sums = coefficients.chunks_exact_mut(self.n_mfcc);
        for (frame, sums) in bands.chunks_exact(self.n_mels).zip(sums) {
            for (value, weights) in frame.iter().zip(self.basis.chunks_exact(self.n_mfcc)) {
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += value * weight;
                }
            }
        }
        coefficients
    }
}

fn weight(order: usize, band: usize, n_mels: usize) -> f64 {
    let numerator = if order == 0 { 1.0 } else { 2.0 };
    let angle = PI * order as f64 * (band as f64 + 0.5) / n_mels as f64;
    (numerator / n_mels as f64).sqrt() * angle.cos()
}

/// Coefficient `order` counts from 0; the sine's argument counts from 1.
fn lift(order: usize, lifter: f64) -> f64 {
    if lifter == 0.0 {
        return 1.0;
    }
    1.0 + lifter / 2.0 * (PI * (order + 1) as f64 / lifter).sin()
}

#[expect(clippy::cast_possible_truncation, reason = "weights of bands that are f32")]
const fn rounded(weight: f64) -> f32 {
    weight as f32
}
