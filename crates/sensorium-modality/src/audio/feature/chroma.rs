//! Power spectra to the twelve (or more) notes of an octave.
//!
//! Source: `librosa.filters.chroma` and `librosa.feature.chroma_stft` of librosa 0.11 (Ellis 2007).

use super::mel::MelBank;
use super::norm::divisor;

/// The parameters of `librosa.filters.chroma`; its `norm` is 2 and its `base_c` true.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChromaConfig {
    /// The rate of the samples, in Hz.
    pub sample_rate_hz: f64,
    /// The length of the transform, in samples.
    pub n_fft: usize,
    /// The notes of an octave, at least 1; the first is C.
    pub n_chroma: usize,
    /// How far A lies from 440 Hz, in notes.
    pub tuning: f64,
    /// The octave that counts most; octave 0 starts at 27.5 Hz.
    pub ctroct: f64,
    /// The standard deviation of the octaves' weights, in octaves; `None` for equal weights.
    pub octwidth: Option<f64>,
}

/// One filter for each note: Gaussian bumps around it in every octave.
#[derive(Clone, Debug, PartialEq)]
pub struct ChromaBank {
    filters: MelBank,
}

impl ChromaBank {
    /// The filters of `librosa.filters.chroma`.
    #[must_use]
    pub fn new(config: &ChromaConfig) -> Self {
        let num_bins = config.n_fft / 2 + 1;
        let columns: Vec<Vec<f64>> = (0..num_bins).map(|bin| config.column(bin)).collect();
        // librosa turns the octave so that it starts at C, three twelfths of it above A.
        let turn = 3 * (config.n_chroma / 12);
        let rows = (0..config.n_chroma).map(|note| {
            let from = (note + turn) % config.n_chroma;
            columns.iter().map(|column| rounded(column[from])).collect()
        });
        Self { filters: MelBank::from_rows(num_bins, rows) }
    }

    /// How much of each note is in each frame, the loudest note of a frame being 1; zeros for
    /// silence.
    ///
    /// # Shapes
    ///
    /// - `powers`: `[T, F]`
    /// - returns: `[T, n_chroma]`
    #[must_use]
    pub fn apply(&self, powers: &[f32]) -> Vec<f32> {
        let mut notes = self.filters.apply(powers);
        for frame in notes.chunks_exact_mut(self.filters.num_bands()) {
            let loudest = frame.iter().copied().fold(0.0, f32::max);
            let divisor = rounded(divisor(f64::from(loudest)));
            for note in frame {
                *note /= divisor;
            }
        }
        notes
    }
}

impl ChromaConfig {
    /// The weights of one bin for each note, the first of which is A.
    fn column(&self, bin: usize) -> Vec<f64> {
        let notes = self.n_chroma as f64;
        let place = self.note_of(bin);
        let width = match bin + 1 {
            next if next < self.n_fft => (self.note_of(next) - place).max(1.0),
            _ => 1.0,
        };
        let half = (notes / 2.0).round_ties_even();
        let bumps = (0..self.n_chroma).map(|note| {
            // Ten octaves up, so that the remainder is that of a positive number.
            let distance = (place - note as f64 + half + 10.0 * notes).rem_euclid(notes) - half;
            (-0.5 * (2.0 * distance / width).powi(2)).exp()
        });
        let bumps: Vec<f64> = bumps.collect();
        let norm = divisor(bumps.iter().map(|bump| bump * bump).sum::<f64>().sqrt());
        let octave = self.octave_weight(place / notes);
        bumps.into_iter().map(|bump| bump / norm * octave).collect()
    }

    /// The place of a bin in notes above 27.5 Hz (tuned); bin 0, which has none, is put one and a
    /// half octaves below bin 1.
    fn note_of(&self, bin: usize) -> f64 {
        let notes = self.n_chroma as f64;
        if bin == 0 {
            return self.note_of(1) - 1.5 * notes;
        }
        let a_hz = 440.0 * 2.0_f64.powf(self.tuning / notes);
        let hz = bin as f64 * self.sample_rate_hz / self.n_fft as f64;
        notes * (hz / (a_hz / 16.0)).log2()
    }

    fn octave_weight(&self, octave: f64) -> f64 {
        self.octwidth.map_or(1.0, |width| (-0.5 * ((octave - self.ctroct) / width).powi(2)).exp())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "weights of powers that are f32")]
const fn rounded(weight: f64) -> f32 {
    weight as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_hundred_and_forty_hertz_are_an_a() {
        let config = ChromaConfig {
            sample_rate_hz: 16_000.0,
            n_fft: 4_000,
            n_chroma: 12,
            tuning: 0.0,
            ctroct: 5.0,
            octwidth: Some(2.0),
        };
        let mut frames = vec![0.0; 3 * 2_001];
        frames[110] = 3.0; // 110 * 4 Hz
        frames[2 * 2_001 + 7] = f32::NAN;
        let notes = ChromaBank::new(&config).apply(&frames);
        let loudest = notes[..12].iter().position(|&note| note > 0.999);
        assert_eq!(loudest, Some(9), "C C# D D# E F F# G G# A: {notes:?}");
        assert_eq!(notes[12..24], [0.0; 12], "silence");
        assert!(notes[24..].iter().all(|note| note.is_nan()));
    }
}
