//! Samples to spectrograms.
//!
//! Source: `librosa.stft` and `librosa.core.spectrum._spectrogram` of librosa 0.11.

use super::framing::{Framing, PadMode};
use super::power_spectrum::PowerSpectrum;
use super::window::Window;

/// The frames that are handed on at once: as many as [`MelBank`](super::MelBank) multiplies at once.
pub(in crate::audio) const BLOCK: usize = 16;

/// The largest value of an exponent above 2: the sum over all bins of a band still fits in an f32.
const LOUDEST: f32 = f32::MAX / 65_536.0;

/// The settings of a short-time Fourier transform, by librosa's names; lengths are in samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StftConfig {
    /// The length of the transform, at least 1.
    pub n_fft: usize,
    /// The length of the window, 1 to `n_fft`; it sees the middle of what `n_fft` spans.
    pub win_length: usize,
    /// From the start of one frame to the start of the next, at least 1.
    pub hop_length: usize,
    /// The form of the window.
    pub window: Window,
    /// Whether frame `t` is centred on sample `t * hop_length`, rather than starting there.
    pub center: bool,
    /// What a centred frame sees beyond the ends of the sound.
    pub pad_mode: PadMode,
    /// The exponent of the magnitude: 1 for magnitudes, 2 for powers.
    pub power: f64,
}

impl Default for StftConfig {
    /// 25 ms of 16 kHz every 10 ms.
    fn default() -> Self {
        Self {
            n_fft: 512,
            win_length: 400,
            hop_length: 160,
            window: Window::Hann,
            center: true,
            pad_mode: PadMode::Constant,
            power: 2.0,
        }
    }
}

/// The short-time Fourier transform of one config, planned.
#[derive(Clone, Debug)]
pub struct Stft {
    framing: Framing,
    /// Where in a frame the window starts.
    window_start: usize,
    window: Vec<f32>,
    exponent: Exponent,
    spectrum: PowerSpectrum,
}

/// What becomes of `|X|²`.
#[derive(Clone, Copy, Debug)]
enum Exponent {
    Power,
    Magnitude,
    Other(f32),
}

impl Stft {
    /// Plans the transform.
    ///
    /// # Panics
    ///
    /// If a length is 0, or the window longer than `n_fft`.
    #[must_use]
    pub fn new(config: &StftConfig) -> Self {
        let StftConfig { n_fft, win_length, hop_length, .. } = *config;
        assert!(hop_length > 0 && win_length > 0, "a frame and its window have a length");
        assert!(win_length <= n_fft, "a window of {win_length} does not fit in {n_fft}");
        Self {
            framing: if config.center {
                Framing::centred(n_fft, hop_length, config.pad_mode)
            } else {
                Framing::uncentred(n_fft, hop_length)
            },
            window_start: (n_fft - win_length) / 2,
            window: config.window.weights(win_length),
            exponent: Exponent::of(config.power),
            spectrum: PowerSpectrum::new(n_fft),
        }
    }

    /// `F`: the bins of a frame, `n_fft / 2 + 1`.
    #[must_use]
    pub const fn num_bins(&self) -> usize {
        self.spectrum.num_bins()
    }

    /// `T` of a sound of `num_samples`.
    #[must_use]
    pub const fn num_frames(&self, num_samples: usize) -> usize {
        self.framing.num_frames(num_samples)
    }

    /// `|X|^power` of every frame, as `abs(librosa.stft(samples))**power` transposed.
    ///
    /// # Shapes
    ///
    /// - `samples`: `[N]` with `N` at least 1
    /// - returns: `[T, F]`
    ///
    /// # Panics
    ///
    /// If there are no samples.
    #[must_use]
    pub fn spectrogram(&self, samples: &[f32]) -> Vec<f32> {
        let frames = self.num_frames(samples.len());
        let mut all = Vec::with_capacity(frames * self.num_bins());
        self.for_each_block(samples, frames, |powers| all.extend_from_slice(powers));
        all
    }

    /// Calls `each` with the first `frames` frames, up to [`BLOCK`] of them at once: `[t, F]`.
    pub(in crate::audio) fn for_each_block(
        &self,
        samples: &[f32],
        frames: usize,
        mut each: impl FnMut(&[f32]),
    ) {
        assert!(!samples.is_empty(), "a sound has at least one sample");
        let num_bins = self.num_bins();
        let seen = self.window_start..self.window_start + self.window.len();
        let mut edge = vec![0.0; self.framing.frame_length];
        let mut workspace = self.spectrum.workspace();
        let mut powers = vec![0.0; BLOCK.min(frames) * num_bins];
        for first in (0..frames).step_by(BLOCK) {
            let count = BLOCK.min(frames - first);
            let block = &mut powers[..count * num_bins];
            for (index, powers) in block.chunks_exact_mut(num_bins).enumerate() {
                let frame = &self.framing.frame(samples, first + index, &mut edge)[seen.clone()];
                self.spectrum.transform(frame, &self.window, &mut workspace, powers);
            }
            self.exponent.apply(block);
            each(block);
        }
    }
}

impl Exponent {
    #[expect(clippy::cast_possible_truncation, reason = "the exponent of an f32")]
    fn of(power: f64) -> Self {
        match power {
            2.0 => Self::Power,
            1.0 => Self::Magnitude,
            other => Self::Other((other / 2.0) as f32),
        }
    }

    fn apply(self, powers: &mut [f32]) {
        match self {
            Self::Power => {}
            Self::Magnitude => powers.iter_mut().for_each(|power| *power = power.sqrt()),
            Self::Other(halved) => powers.iter_mut().for_each(|power| {
                let raised = power.powf(halved);
                *power = if raised > LOUDEST { LOUDEST } else { raised };
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cosine_of_a_bin_is_in_that_bin() {
        let config = StftConfig {
            n_fft: 8,
            win_length: 8,
            hop_length: 8,
            window: Window::Boxcar,
            center: false,
            ..StftConfig::default()
        };
        let samples: Vec<f32> =
            (0..8).map(|i| (std::f32::consts::TAU * 2.0 * i as f32 / 8.0).cos()).collect();
        // A cosine of amplitude 1 has |X| = n_fft / 2 in its bin.
        let powers = Stft::new(&config).spectrogram(&samples);
        for (bin, power) in powers.into_iter().enumerate() {
            let expected = if bin == 2 { 16.0 } else { 0.0 };
            assert!((power - expected).abs() < 1e-4, "bin {bin} is {power}");
        }
    }

    #[test]
    fn a_sample_that_is_no_number_spoils_the_frames_that_see_it_and_no_others() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut samples = vec![0.25; 4_000];
            samples[2_000] = bad;
            let stft = Stft::new(&StftConfig::default());
            let powers = stft.spectrogram(&samples);
            for (index, frame) in powers.chunks_exact(stft.num_bins()).enumerate() {
                // The window sees the 200 samples on either side of its centre.
                let sees = (index * 160).abs_diff(2_000) < 200;
                let is_spoilt = frame.iter().all(|power| !power.is_finite());
                let is_whole = frame.iter().all(|power| power.is_finite());
                assert!(if sees { is_spoilt } else { is_whole }, "frame {index} of {bad}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "at least one sample")]
    fn no_samples_are_a_mistake_of_the_caller() {
        let _ = Stft::new(&StftConfig::default()).spectrogram(&[]);
    }
}
