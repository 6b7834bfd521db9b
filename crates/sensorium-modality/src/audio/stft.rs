//! Samples to power spectra, frame by frame.
//!
//! Source: `librosa.stft` and `librosa.core.spectrum._spectrogram` of librosa 0.11. Where `center`
//! is false and the sound is shorter than `n_fft`, librosa refuses it; here zeros fill it up.

use std::fmt;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use super::config::{CheckedAudio, PadMode};

/// The short-time Fourier transform of one config.
///
/// In f64, as librosa's own: the rounding of an f32 transform is about 140 dB below the loudest
/// partial, which is not below everything that a log without `top_db` shows.
#[derive(Clone)]
pub(super) struct ShortTimeFourier {
    config: CheckedAudio,
    fft: Arc<dyn RealToComplex<f64>>,
    window: Vec<f64>,
}

impl ShortTimeFourier {
    pub(super) fn new(config: &CheckedAudio) -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(config.fft_length);
        let window = config.window.weights(config.window_length);
        Self { config: config.clone(), fft, window }
    }

    /// Calls `each` with `|X|^power` of every frame in turn, `fft_length / 2 + 1` values.
    pub(super) fn for_each_frame(&self, samples: &[f32], mut each: impl FnMut(&[f64])) {
        let padded = self.padded(samples);
        let mut frame = self.fft.make_input_vec();
        let mut spectrum = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut powers = vec![0.0; spectrum.len()];
        for index in 0..self.config.frames_of(samples.len()) {
            self.fill(&mut frame, &padded, index * self.config.hop_length);
            self.fft
                .process_with_scratch(&mut frame, &mut spectrum, &mut scratch)
                .expect("the buffers are of the lengths that the plan itself made");
            self.raise(&spectrum, &mut powers);
            each(&powers);
        }
    }

    /// The samples with what the frames see beyond their ends.
    fn padded(&self, samples: &[f32]) -> Vec<f32> {
        let fft_length = self.config.fft_length;
        let side = if self.config.center { fft_length / 2 } else { 0 };
        let length = (samples.len() + 2 * side).max(fft_length);
        let mut padded = vec![0.0; length];
        padded[side..side + samples.len()].copy_from_slice(samples);
        if self.config.pad_mode == PadMode::Reflect {
            for index in 0..side {
                padded[side - 1 - index] = samples[reflected(index + 1, samples.len())];
                padded[side + samples.len() + index] =
                    samples[samples.len() - 1 - reflected(index + 1, samples.len())];
            }
        }
        padded
    }

    /// Puts the windowed samples from `start` on into the middle of `frame`, zeros elsewhere.
    fn fill(&self, frame: &mut [f64], padded: &[f32], start: usize) {
        let left = (frame.len() - self.window.len()) / 2;
        frame.fill(0.0);
        let seen = &padded[start + left..];
        let middle = &mut frame[left..left + self.window.len()];
        for ((value, &weight), &sample) in middle.iter_mut().zip(&self.window).zip(seen) {
            *value = weight * f64::from(sample);
        }
    }

    fn raise(&self, spectrum: &[Complex<f64>], powers: &mut [f64]) {
        for (power, value) in powers.iter_mut().zip(spectrum) {
            *power = value.norm_sqr();
        }
        let halved = self.config.power / 2.0;
        if (halved - 1.0).abs() > f64::EPSILON {
            for power in powers {
                *power = power.powf(halved);
            }
        }
    }
}

/// The index that is `distance` beyond the end of `length` samples, mirrored as often as needed.
const fn reflected(distance: usize, length: usize) -> usize {
    if length == 1 {
        return 0;
    }
    let period = 2 * (length - 1);
    let phase = distance % period;
    if phase < length { phase } else { period - phase }
}

impl fmt::Debug for ShortTimeFourier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShortTimeFourier").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reflection_longer_than_the_sound_goes_back_and_forth() {
        // numpy.pad([0, 1, 2], 6, mode="reflect") begins 2 1 0 1 2 1 | 0 1 2.
        let indices: Vec<usize> = (1..=6).map(|distance| reflected(distance, 3)).collect();
        assert_eq!(indices, [1, 2, 1, 0, 1, 2]);
        assert_eq!(reflected(5, 1), 0);
    }
}
