//! Power spectra to mel bands.
//!
//! Source: `librosa.filters.mel`, `librosa.hz_to_mel` and `librosa.mel_to_hz` of librosa 0.11;
//! triangles in mel rather than in Hz are those of `tf.signal.linear_to_mel_weight_matrix`.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for wide registers")]

use pulp::{Arch, NullaryFnOnce};
use serde::{Deserialize, Serialize};

use super::fft_frequencies::fft_frequencies;
use super::stft::BLOCK;

/// How mel bands are weighed against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MelNorm {
    /// Each band has the same area.
    Slaney,
}

/// A formula from Hz to mel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MelScale {
    /// Slaney's Auditory Toolbox: linear below 1 kHz, logarithmic above.
    Slaney,
    /// The formula of the Hidden Markov Model Toolkit.
    Htk,
}

/// Which triangles a [`MelBank`] has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MelConfig {
    /// The rate of the samples, in Hz.
    pub sample_rate_hz: f64,
    /// The length of the transform, in samples.
    pub n_fft: usize,
    /// The number of bands, at least 1.
    pub n_mels: usize,
    /// The lower edge of the lowest band, in Hz.
    pub fmin: f64,
    /// The upper edge of the highest band, in Hz, above `fmin`.
    pub fmax: f64,
    /// The scale in which the bands are evenly spaced.
    pub scale: MelScale,
    /// How the bands are weighed against each other; `None` for peaks of 1.
    pub norm: Option<MelNorm>,
}

/// Triangular filters, evenly spaced in mel; each keeps only the bins where it is not zero.
#[derive(Clone, Debug, PartialEq)]
pub struct MelBank {
    num_bins: usize,
    bands: Vec<Band>,
}

#[derive(Clone, Debug, PartialEq)]
struct Band {
    first_bin: usize,
    weights: Vec<f32>,
}

impl MelBank {
    /// The filters of `librosa.filters.mel`: triangles over Hz.
    #[must_use]
    pub fn new(config: &MelConfig) -> Self {
        let bins_hz = fft_frequencies(config.sample_rate_hz, config.n_fft);
        let bands = config.edges().map(|edges| {
            let edges_hz = edges.map(|edge| config.scale.hz_from_mel(edge));
            let area = match config.norm {
                Some(MelNorm::Slaney) => 2.0 / (edges_hz[2] - edges_hz[0]),
                None => 1.0,
            };
            // Rounded twice, as librosa's are.
            let weight = |&hz: &f64| rounded(f64::from(rounded(triangle(edges_hz, hz))) * area);
            bins_hz.iter().map(weight).collect()
        });
        Self::from_rows(bins_hz.len(), bands)
    }

    /// The filters of `tf.signal.linear_to_mel_weight_matrix`: triangles over mel, nothing of bin 0,
    /// and [`MelConfig::norm`] unused.
    #[must_use]
    pub fn over_mel(config: &MelConfig) -> Self {
        let bins_hz = fft_frequencies(config.sample_rate_hz, config.n_fft);
        let bands = config.edges().map(|edges| {
            let weight = |&hz: &f64| rounded(triangle(edges, config.scale.mel_from_hz(hz)));
            let above = bins_hz[1..].iter().map(weight);
            std::iter::once(0.0).chain(above).collect()
        });
        Self::from_rows(bins_hz.len(), bands)
    }

    /// The bank of the rows of a matrix `[M, F]`.
    pub(super) fn from_rows(num_bins: usize, rows: impl Iterator<Item = Vec<f32>>) -> Self {
        Self { num_bins, bands: rows.map(|row| Band::of(&row)).collect() }
    }

    /// `M`: the number of bands.
    #[must_use]
    pub const fn num_bands(&self) -> usize {
        self.bands.len()
    }

    /// The bands of a whole spectrogram.
    ///
    /// # Shapes
    ///
    /// - `spectrogram`: `[T, F]`
    /// - returns: `[T, M]`
    #[must_use]
    pub fn apply(&self, spectrogram: &[f32]) -> Vec<f32> {
        let num_frames = spectrogram.len() / self.num_bins;
        let mut bands = Vec::with_capacity(num_frames * self.num_bands());
        let mut product = self.product();
        for block in spectrogram.chunks(BLOCK * self.num_bins) {
            product.append(block, &mut bands);
        }
        bands
    }

    /// The product with spectra that come by blocks.
    pub(in crate::audio) fn product(&self) -> MelProduct<'_> {
        MelProduct { bank: self, bins: vec![[0.0; BLOCK]; self.num_bins] }
    }
}

impl Band {
    fn of(row: &[f32]) -> Self {
        let is_seen = |weight: &f32| *weight != 0.0;
        let first_bin = row.iter().position(is_seen).unwrap_or(0);
        let end = row.iter().rposition(is_seen).map_or(first_bin, |last| last + 1);
        Self { first_bin, weights: row[first_bin..end].to_vec() }
    }
}

/// A bank at work: the frames of a block lie side by side, so that one weight meets all of them.
#[derive(Debug)]
pub(in crate::audio) struct MelProduct<'a> {
    bank: &'a MelBank,
    /// `[F, BLOCK]`: a block of spectra, transposed.
    bins: Vec<[f32; BLOCK]>,
}

impl MelProduct<'_> {
    /// Appends the bands of up to [`BLOCK`] frames.
    ///
    /// # Shapes
    ///
    /// - `powers`: `[t, F]`
    /// - `out`: grows by `[t, M]`
    pub(in crate::audio) fn append(&mut self, powers: &[f32], out: &mut Vec<f32>) {
        let start = out.len();
        let num_frames = powers.len() / self.bank.num_bins;
        out.resize(start + num_frames * self.bank.num_bands(), 0.0);
        let (bank, bins) = (self.bank, &mut self.bins);
        Arch::new().dispatch(Multiply { bank, bins, powers, out: &mut out[start..] });
    }
}

/// The product of one block.
struct Multiply<'a> {
    bank: &'a MelBank,
    bins: &'a mut [[f32; BLOCK]],
    powers: &'a [f32],
    out: &'a mut [f32],
}

impl NullaryFnOnce for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (lane, frame) in self.powers.chunks_exact(self.bank.num_bins).enumerate() {
            for (bin, &power) in self.bins.iter_mut().zip(frame) {
                bin[lane] = power;
            }
        }
        for (index, band) in self.bank.bands.iter().enumerate() {
            let column = self.out[index..].iter_mut().step_by(self.bank.num_bands());
            column.zip(band.sums(self.bins)).for_each(|(value, sum)| *value = sum);
        }
    }
}

impl Band {
    #[inline(always)]
    fn sums(&self, bins: &[[f32; BLOCK]]) -> [f32; BLOCK] {
        let mut sums = [0.0; BLOCK];
        for (weight, bin) in self.weights.iter().zip(&bins[self.first_bin..]) {
            for (sum, power) in sums.iter_mut().zip(bin) {
                *sum += weight * power;
            }
        }
        sums
    }
}

/// A triangle from 0 at the first edge over 1 at the second to 0 at the third.
fn triangle([low, peak, high]: [f64; 3], place: f64) -> f64 {
    let rising = (place - low) / (peak - low);
    let falling = (high - place) / (high - peak);
    rising.min(falling).max(0.0)
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is what is meant")]
const fn rounded(weight: f64) -> f32 {
    weight as f32
}

impl MelConfig {
    /// The three edges of each band, in mel.
    fn edges(&self) -> impl Iterator<Item = [f64; 3]> {
        let (low, high) = (self.scale.mel_from_hz(self.fmin), self.scale.mel_from_hz(self.fmax));
        let step = (high - low) / (self.n_mels + 1) as f64;
        let edge = move |index: usize| low + step * index as f64;
        (0..self.n_mels).map(move |band| [edge(band), edge(band + 1), edge(band + 2)])
    }
}

/// Slaney: 200 / 3 Hz are one mel below 1 000 Hz, which is mel 15.
const HZ_PER_MEL: f64 = 200.0 / 3.0;
const LOG_FROM_HZ: f64 = 1_000.0;
const LOG_FROM_MEL: f64 = LOG_FROM_HZ / HZ_PER_MEL;

impl MelScale {
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

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: MelConfig = MelConfig {
        sample_rate_hz: 16_000.0,
        n_fft: 512,
        n_mels: 20,
        fmin: 0.0,
        fmax: 8_000.0,
        scale: MelScale::Htk,
        norm: None,
    };

    #[test]
    fn triangles_over_mel_add_up_to_one_between_the_peaks() {
        let bank = MelBank::over_mel(&CONFIG);
        let step = MelScale::Htk.mel_from_hz(8_000.0) / 21.0;
        let mut total = vec![0.0; 257];
        for band in &bank.bands {
            for (sum, weight) in total[band.first_bin..].iter_mut().zip(&band.weights) {
                *sum += weight;
            }
        }
        for (bin, sum) in total.into_iter().enumerate() {
            let mel = MelScale::Htk.mel_from_hz(bin as f64 * 31.25);
            let is_between = (step..=20.0 * step).contains(&mel);
            assert!(!is_between || (sum - 1.0).abs() < 1e-6, "bin {bin} adds up to {sum}");
        }
    }

    #[test]
    fn frames_by_blocks_are_the_frames_one_by_one() {
        let bank = MelBank::new(&CONFIG);
        let spectrogram: Vec<f32> = (0..37 * 257).map(|i| (i as f32 * 0.37).sin().abs()).collect();
        let alone: Vec<f32> =
            spectrogram.chunks_exact(257).flat_map(|frame| bank.apply(frame)).collect();
        assert_eq!(bank.apply(&spectrogram), alone);
    }
}
