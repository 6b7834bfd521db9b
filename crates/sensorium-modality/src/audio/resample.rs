//! Samples at one rate to samples at another, without shift in time or level.
//!
//! rubato's FFT resampler with a Blackman-Harris-squared windowed sinc. Blocks of at least
//! [`MIN_BLOCK`] samples at the lower rate keep the transition band narrow: measured, tones up to
//! 0.9 of the lower rate's half come out within 2e-6 of the same tone at the other rate, and tones
//! from that half on come out below -130 dB. Two rates that share no factor need blocks of up to
//! two seconds, and a filter as long: the ends of a shorter sound then ring through it, at 5e-5.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

/// The least block, in samples at the lower of the two rates.
const MIN_BLOCK: usize = 512;
/// The most source rates whose filters are kept for the next sound.
const MAX_RATES_KEPT: usize = 16;

/// Resamplers to one rate, kept and used again: making one costs more than a short sound.
pub(super) struct Resamplers {
    target_hz: u32,
    idle: Mutex<BTreeMap<u32, Vec<Fft<f32>>>>,
}

impl Resamplers {
    pub(super) const fn to(target_hz: u32) -> Self {
        Self { target_hz, idle: Mutex::new(BTreeMap::new()) }
    }

    /// The same sound at the target rate, `max(1, round(n * to / from))` samples long.
    pub(super) fn resample(&self, samples: Vec<f32>, source_hz: u32) -> Vec<f32> {
        if source_hz == self.target_hz {
            return samples;
        }
        let mut resampler =
            self.take(source_hz).unwrap_or_else(|| resampler(source_hz, self.target_hz));
        let length = resampled_length(samples.len(), source_hz, self.target_hz);
        let resampled = run(&mut resampler, &samples, length);
        self.put_back(source_hz, resampler);
        resampled
    }

    fn take(&self, source_hz: u32) -> Option<Fft<f32>> {
        self.idle().get_mut(&source_hz).and_then(Vec::pop)
    }

    fn put_back(&self, source_hz: u32, resampler: Fft<f32>) {
        let mut idle = self.idle();
        if idle.len() < MAX_RATES_KEPT || idle.contains_key(&source_hz) {
            idle.entry(source_hz).or_default().push(resampler);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, Vec<Fft<f32>>>> {
        // Each step under the lock leaves the map whole, so a panic elsewhere does no harm.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Resamplers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resamplers").field("target_hz", &self.target_hz).finish_non_exhaustive()
    }
}

/// `max(1, round(length * to / from))`.
fn resampled_length(length: usize, from_hz: u32, to_hz: u32) -> usize {
    let (from, to) = (from_hz as usize, to_hz as usize);
    ((length * to + from / 2) / from).max(1)
}

fn resampler(from_hz: u32, to_hz: u32) -> Fft<f32> {
    let (from, to) = (from_hz as usize, to_hz as usize);
    let divisor = greatest_common_divisor(from, to);
    let lower = from.min(to) / divisor;
    // Even, so that half a block, the filter's delay, is whole at both rates.
    let periods = MIN_BLOCK.div_ceil(lower).next_multiple_of(2);
    let block = periods * (from / divisor);
    Fft::new_custom(from, to, block, 1, 1, WindowFunction::BlackmanHarris2, FixedSync::Both)
        .expect("rates and block are at least 1")
}

fn run(resampler: &mut Fft<f32>, samples: &[f32], length: usize) -> Vec<f32> {
    let input = InterleavedSlice::new(samples, 1, samples.len())
        .expect("one channel has as many frames as samples");
    let output = resampler
        .process_all(&input, samples.len(), None)
        .expect("rubato sizes the buffers of a whole clip itself");
    let mut resampled = output.take_data();
    resampled.truncate(length);
    resampled
}

const fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    /// Rates of telephones, FSDD, voice over IP, CDs, video, studios, and one that shares no factor.
    const PAIRS: [(u32, u32); 9] = [
        (8_000, 16_000),
        (11_025, 16_000),
        (22_050, 16_000),
        (44_100, 16_000),
        (48_000, 16_000),
        (192_000, 16_000),
        (44_101, 16_000),
        (16_000, 44_100),
        (16_000, 8_000),
    ];

    #[expect(clippy::cast_possible_truncation, reason = "a test's tone needs no more than f32")]
    fn tone(hz: f64, rate: u32, samples: usize) -> Vec<f32> {
        (0..samples).map(|i| (TAU * hz * i as f64 / f64::from(rate)).sin() as f32).collect()
    }

    /// The loudest of the middle, away from the ends, where a filter sees the silence around.
    fn loudest_in_the_middle(samples: impl ExactSizeIterator<Item = f32>) -> f32 {
        let length = samples.len();
        samples.skip(length / 4).take(length / 2).map(f32::abs).fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_keeps_its_frequency_its_level_and_its_place() {
        for (from, to) in PAIRS {
            // Measured: 1.7e-6, and 4.8e-5 for the rates that share no factor.
            let tolerance = if from == 44_101 { 1e-4 } else { 5e-6 };
            for share in [0.01, 0.3, 0.8, 0.9] {
                let hz = share * f64::from(from.min(to)) / 2.0;
                let actual = Resamplers::to(to).resample(tone(hz, from, from as usize), from);
                let expected = tone(hz, to, to as usize);
                assert_eq!(actual.len(), expected.len());
                let differences = actual.iter().zip(&expected).map(|(a, b)| a - b);
                let worst = loudest_in_the_middle(differences);
                assert!(worst < tolerance, "{hz} Hz from {from} to {to} Hz is {worst} off");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_taken_out() {
        const STOP_BAND: f32 = 1e-6; // -120 dB; measured: -132 dB
        let pairs = PAIRS.into_iter().filter(|&(from, to)| from > to && from != 44_101);
        for (from, to) in pairs {
            for share in [1.0, 1.005, 1.02, 1.3] {
                let hz = share * f64::from(to) / 2.0;
                let actual = Resamplers::to(to).resample(tone(hz, from, from as usize), from);
                let left = loudest_in_the_middle(actual.into_iter());
                assert!(left < STOP_BAND, "{hz} Hz from {from} to {to} Hz leaves {left}");
            }
        }
    }

    #[test]
    fn the_length_is_the_rounded_ratio_and_at_least_one() {
        let resamplers = Resamplers::to(16_000);
        for (length, from, expected) in [
            (1, 192_000, 1),
            (1, 8_000, 2),
            (4, 44_100, 1), // 1.45
            (7, 44_100, 3), // 2.54
            (44_101, 44_100, 16_000),
            (11_025, 11_025, 16_000),
        ] {
            let resampled = resamplers.resample(vec![0.5; length], from);
            assert_eq!(resampled.len(), expected, "{length} samples at {from} Hz");
        }
    }

    #[test]
    fn a_sound_at_the_target_rate_is_not_touched() {
        let samples = tone(440.0, 16_000, 100);
        assert_eq!(Resamplers::to(16_000).resample(samples.clone(), 16_000), samples);
    }

    #[test]
    fn a_resampler_that_is_used_again_has_forgotten_the_last_sound() {
        let resamplers = Resamplers::to(16_000);
        let first = resamplers.resample(tone(440.0, 44_100, 5_000), 44_100);
        let loud = vec![1.0; 3_000];
        assert_ne!(resamplers.resample(loud, 44_100), first);
        assert_eq!(resamplers.resample(tone(440.0, 44_100, 5_000), 44_100), first);
    }
}
