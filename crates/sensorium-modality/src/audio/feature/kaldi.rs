//! Kaldi's log-mel filter bank energies.
//!
//! Source: `torchaudio.compliance.kaldi.fbank` of torchaudio 2.11, with `dither` 0 (no noise is
//! added) and without `vtln_warp`, `subtract_mean` and `min_duration`. Names and defaults are its.
//! Samples are taken as they are, in `[-1, 1]`, as there; Kaldi itself reads 16-bit integers.
//!
//! A sound shorter than a frame, which torchaudio refuses, is filled up with zeros to one frame
//! where `snip_edges` is true, and mirrored as often as needed where it is false.

use serde::{Deserialize, Serialize};

use super::framing::{Framing, PadMode};
use super::logarithm::{at_least, ln, ln_at_least};
use super::mel::MelBank;
use super::power_spectrum::PowerSpectrum;
use super::stft::BLOCK;

/// The least energy that has a logarithm: the smallest step from 1 of an f32.
const EPSILON: f32 = f32::EPSILON;

/// The parameters of `torchaudio.compliance.kaldi.fbank`, checked by [`KaldiFbank::new`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "torchaudio's parameters, one by one")]
pub struct KaldiFbankConfig {
    /// `sample_frequency`, in Hz.
    pub sample_rate_hz: f64,
    /// The length of a frame, in samples: at least 2.
    pub window_size: usize,
    /// From the start of one frame to the start of the next, in samples: at least 1, and at most
    /// `window_size` where `snip_edges` is false.
    pub window_shift: usize,
    /// Whether the transform is as long as the power of two that holds a frame.
    pub round_to_power_of_two: bool,
    /// The form of the window.
    pub window_type: KaldiWindow,
    /// The constant of [`KaldiWindow::Blackman`].
    pub blackman_coeff: f64,
    /// Whether only frames that lie within the sound are made.
    pub snip_edges: bool,
    /// Whether a frame's mean is taken off it.
    pub remove_dc_offset: bool,
    /// How much of the sample before is taken off each sample, 0 to 1.
    pub preemphasis_coefficient: f32,
    /// The number of bands, at least 4.
    pub num_mel_bins: usize,
    /// The lower edge of the lowest band, in Hz.
    pub low_freq: f64,
    /// The upper edge of the highest band, in Hz; at most 0 for an offset from half the rate.
    pub high_freq: f64,
    /// Whether bands are sums of powers, rather than magnitudes.
    pub use_power: bool,
    /// Whether the logarithm of a band is taken.
    pub use_log_fbank: bool,
    /// Where the log energy of the frame is put.
    pub energy: KaldiEnergy,
    /// Whether that energy is taken before pre-emphasis and window.
    pub raw_energy: bool,
    /// The least energy of a frame; 0 for none.
    pub energy_floor: f32,
}

/// torchaudio's `use_energy` and `htk_compat`: where the log energy of a frame is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KaldiEnergy {
    /// Nowhere.
    None,
    /// Before the bands.
    First,
    /// After the bands, as HTK has it.
    Last,
}

/// The windows of Kaldi, symmetric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KaldiWindow {
    /// `0.54 - 0.46 cos`.
    Hamming,
    /// `0.5 - 0.5 cos`.
    Hanning,
    /// Hanning to the power of 0.85.
    Povey,
    /// Ones.
    Rectangular,
    /// `c - 0.5 cos + (0.5 - c) cos 2`.
    Blackman,
}

/// The plan of one config.
#[derive(Clone, Debug)]
pub struct KaldiFbank {
    config: KaldiFbankConfig,
    framing: Framing,
    window: Vec<f32>,
    spectrum: PowerSpectrum,
    bank: MelBank,
}

impl KaldiFbank {
    /// Plans the transform.
    ///
    /// # Panics
    ///
    /// If the frame is shorter than 2 samples, its shift 0, or longer than it without `snip_edges`.
    #[must_use]
    pub fn new(config: &KaldiFbankConfig) -> Self {
        let KaldiFbankConfig { window_size, window_shift, .. } = *config;
        assert!(window_size >= 2 && window_shift > 0, "a frame and its shift have a length");
        assert!(config.snip_edges || window_shift <= window_size, "frames overlap or touch");
        let n_fft = config.transform_length();
        Self {
            config: *config,
            framing: config.framing(),
            window: config.window_type.weights(window_size, config.blackman_coeff),
            spectrum: PowerSpectrum::new(n_fft),
            bank: MelBank::from_rows(n_fft / 2 + 1, config.filters().into_iter()),
        }
    }

    /// `D`: the bands, and the energy where it is asked for.
    #[must_use]
    pub fn width(&self) -> usize {
        self.config.num_mel_bins + usize::from(self.config.energy != KaldiEnergy::None)
    }

    /// `T` of a sound of `num_samples`, at least 1.
    #[must_use]
    pub fn num_frames(&self, num_samples: usize) -> usize {
        if self.config.snip_edges {
            return self.framing.num_frames(num_samples);
        }
        let shift = self.config.window_shift;
        ((num_samples + shift / 2) / shift).max(1)
    }

    /// The features of every frame.
    ///
    /// # Shapes
    ///
    /// - `samples`: `[N]` with `N` at least 1
    /// - returns: `[T, D]`
    ///
    /// # Panics
    ///
    /// If there are no samples.
    #[must_use]
    pub fn apply(&self, samples: &[f32]) -> Vec<f32> {
        assert!(!samples.is_empty(), "a sound has at least one sample");
        let num_frames = self.num_frames(samples.len());
        let num_bins = self.spectrum.num_bins();
        let mut energies = Vec::with_capacity(num_frames);
        let mut bands = Vec::with_capacity(num_frames * self.config.num_mel_bins);
        let mut product = self.bank.product();
        let mut workspace = self.spectrum.workspace();
        let mut edge = vec![0.0; self.window.len()];
        let mut frame = vec![0.0; self.window.len()];
        let mut powers = vec![0.0; BLOCK.min(num_frames) * num_bins];
        for first in (0..num_frames).step_by(BLOCK) {
            let block = &mut powers[..BLOCK.min(num_frames - first) * num_bins];
            for (index, powers) in block.chunks_exact_mut(num_bins).enumerate() {
                frame.copy_from_slice(self.framing.frame(samples, first + index, &mut edge));
                energies.push(self.prepare(&mut frame));
                self.spectrum.transform(&frame, &self.window, &mut workspace, powers);
            }
            if !self.config.use_power {
                for power in block.iter_mut() {
                    *power = power.sqrt();
                }
            }
            product.append(block, &mut bands);
        }
        self.finish(bands, &energies)
    }

    /// Takes the mean and part of the sample before off a frame, and gives its log energy.
    fn prepare(&self, frame: &mut [f32]) -> f32 {
        let Self { config, window, .. } = self;
        if config.remove_dc_offset {
            let mean = mean(frame);
            for sample in frame.iter_mut() {
                *sample -= mean;
            }
        }
        let raw = (config.energy != KaldiEnergy::None && config.raw_energy)
            .then(|| config.log_energy(frame.iter().copied()));
        for index in (1..frame.len()).rev() {
            frame[index] -= config.preemphasis_coefficient * frame[index - 1];
        }
        frame[0] -= config.preemphasis_coefficient * frame[0];
        match (raw, config.energy) {
            (Some(energy), _) => energy,
            (None, KaldiEnergy::None) => 0.0,
            _ => {
                config.log_energy(frame.iter().zip(window).map(|(sample, weight)| sample * weight))
            }
        }
    }

    fn finish(&self, mut bands: Vec<f32>, energies: &[f32]) -> Vec<f32> {
        if self.config.use_log_fbank {
            ln_at_least(&mut bands, EPSILON);
        }
        let frames = bands.chunks_exact(self.config.num_mel_bins).zip(energies);
        match self.config.energy {
            KaldiEnergy::None => bands,
            KaldiEnergy::First => {
                frames.flat_map(|(bands, energy)| [&[*energy], bands].concat()).collect()
            }
            KaldiEnergy::Last => {
                frames.flat_map(|(bands, energy)| [bands, &[*energy]].concat()).collect()
            }
        }
    }
}

impl KaldiFbankConfig {
    /// The length of the transform, in samples.
    const fn transform_length(&self) -> usize {
        if self.round_to_power_of_two {
            self.window_size.next_power_of_two()
        } else {
            self.window_size
        }
    }

    const fn framing(&self) -> Framing {
        let mut framing = Framing::uncentred(self.window_size, self.window_shift);
        if !self.snip_edges {
            framing.lead = self.window_size / 2 - self.window_shift / 2;
            framing.pad_mode = PadMode::Symmetric;
        }
        framing
    }

    fn log_energy(&self, samples: impl Iterator<Item = f32>) -> f32 {
        let energy: f32 = samples.map(|sample| sample * sample).sum();
        ln(at_least(energy, EPSILON.max(self.energy_floor)))
    }

    /// The rows of `get_mel_banks`, in f32 as there: its rounding of mels moves weights by 1e-5,
    /// which models that were trained on these features have seen.
    #[expect(clippy::cast_possible_truncation, reason = "in f32, as torchaudio")]
    fn filters(&self) -> Vec<Vec<f32>> {
        let n_fft = self.transform_length();
        let nyquist = self.sample_rate_hz / 2.0;
        let high = if self.high_freq <= 0.0 { nyquist + self.high_freq } else { self.high_freq };
        let mel = |hz: f64| 1_127.0 * (1.0 + hz / 700.0).ln();
        let low = mel(self.low_freq);
        let step = (mel(high) - low) / (self.num_mel_bins + 1) as f64;
        let (low, step) = (low as f32, step as f32);
        let bin_hz = (self.sample_rate_hz / n_fft as f64) as f32;
        let mel_of = |bin: usize| 1_127.0 * (1.0 + bin_hz * bin as f32 / 700.0).ln();
        let row = |band: usize| {
            let edge = |offset: usize| low + (band + offset) as f32 * step;
            let [left, centre, right] = [edge(0), edge(1), edge(2)];
            let weight = |bin| {
                let rising = (mel_of(bin) - left) / (centre - left);
                let falling = (right - mel_of(bin)) / (right - centre);
                rising.min(falling).max(0.0)
            };
            // The last bin, half the rate, belongs to no band.
            (0..n_fft / 2).map(weight).chain([0.0]).collect()
        };
        (0..self.num_mel_bins).map(row).collect()
    }
}

impl KaldiWindow {
    /// The window's `length` (2 or more) weights.
    #[expect(clippy::cast_possible_truncation, reason = "weights of samples that are f32")]
    fn weights(self, length: usize, blackman_coeff: f64) -> Vec<f32> {
        let weight = |index: usize| {
            let angle = std::f64::consts::TAU * index as f64 / (length - 1) as f64;
            let hanning = 0.5 - 0.5 * angle.cos();
            match self {
                Self::Hamming => 0.54 - 0.46 * angle.cos(),
                Self::Hanning => hanning,
                Self::Povey => hanning.powf(0.85),
                Self::Rectangular => 1.0,
                Self::Blackman => {
                    blackman_coeff - 0.5 * angle.cos()
                        + (0.5 - blackman_coeff) * (2.0 * angle).cos()
                }
            }
        };
        (0..length).map(|index| weight(index) as f32).collect()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the mean of numbers that are f32")]
fn mean(values: &[f32]) -> f32 {
    (values.iter().copied().map(f64::from).sum::<f64>() / values.len() as f64) as f32
}
