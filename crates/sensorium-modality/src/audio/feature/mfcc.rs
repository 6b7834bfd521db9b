//! Mel bands in dB to cepstral coefficients.
//!
//! Source: `librosa.feature.mfcc` of librosa 0.11 with `dct_type=2`, `norm="ortho"`.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for wide registers")]

use std::f64::consts::PI;

use pulp::{Arch, NullaryFnOnce};

/// Coefficients that are summed at once: one register of AVX.
const LANES: usize = 8;
/// Frames that are multiplied at once, so that their sums need not wait for each other.
const FRAMES: usize = 4;

/// The first rows of an orthonormal DCT-II, each lifted.
#[derive(Clone, Debug)]
pub struct Mfcc {
    n_mels: usize,
    num_coefficients: usize,
    /// `[ceil(n_mfcc / LANES), n_mels, LANES]`, zeros where there is no coefficient.
    basis: Vec<[f32; LANES]>,
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
        let lifted = |order: usize, band: usize| {
            let is_asked = order < n_mfcc;
            if is_asked { rounded(weight(order, band, n_mels) * lift(order, lifter)) } else { 0.0 }
        };
        let basis = (0..n_mfcc).step_by(LANES).flat_map(|first| {
            (0..n_mels).map(move |band| std::array::from_fn(|lane| lifted(first + lane, band)))
        });
        Self { n_mels, num_coefficients: n_mfcc, basis: basis.collect() }
    }

    /// # Shapes
    ///
    /// - `bands`: `[T, n_mels]`, in dB
    /// - returns: `[T, n_mfcc]`
    #[must_use]
    pub fn apply(&self, bands: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; bands.len() / self.n_mels * self.num_coefficients];
        Arch::new().dispatch(Multiply { plan: self, bands, out: &mut out });
        out
    }
}

struct Multiply<'a> {
    plan: &'a Mfcc,
    /// `[T, n_mels]`
    bands: &'a [f32],
    /// `[T, n_mfcc]`
    out: &'a mut [f32],
}

impl NullaryFnOnce for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.multiply::<FRAMES>().multiply::<1>();
    }
}

impl Multiply<'_> {
    /// Multiplies as many frames as there are whole groups of `COUNT`, and gives the rest.
    #[inline(always)]
    fn multiply<const COUNT: usize>(self) -> Self {
        let Self { plan, bands, out } = self;
        let (n_mels, n_mfcc) = (plan.n_mels, plan.num_coefficients);
        let num_groups = bands.len() / (COUNT * n_mels);
        let (bands, bands_left) = bands.split_at(num_groups * COUNT * n_mels);
        let (out, out_left) = out.split_at_mut(num_groups * COUNT * n_mfcc);
        let groups = bands.chunks_exact(COUNT * n_mels);
        for (bands, out) in groups.zip(out.chunks_exact_mut(COUNT * n_mfcc)) {
            let frames: [&[f32]; COUNT] = std::array::from_fn(|t| &bands[t * n_mels..][..n_mels]);
            for (index, basis) in plan.basis.chunks_exact(n_mels).enumerate() {
                let sums = sums(frames, basis);
                for (sums, out) in sums.iter().zip(out.chunks_exact_mut(n_mfcc)) {
                    let out = out[index * LANES..].iter_mut();
                    out.zip(sums).for_each(|(value, &sum)| *value = sum);
                }
            }
        }
        Self { plan, bands: bands_left, out: out_left }
    }
}

#[inline(always)]
fn sums<const COUNT: usize>(
    frames: [&[f32]; COUNT],
    basis: &[[f32; LANES]],
) -> [[f32; LANES]; COUNT] {
    let mut sums = [[0.0; LANES]; COUNT];
    for (band, weights) in basis.iter().enumerate() {
        for (sums, frame) in sums.iter_mut().zip(&frames) {
            let value = frame[band];
            sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * weight);
        }
    }
    sums
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
