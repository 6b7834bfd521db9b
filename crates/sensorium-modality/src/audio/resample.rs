//! Samples at one rate to samples at another, without shift in time or level.
//!
//! A windowed sinc, applied to overlapping blocks in the frequency domain: the spectrum of a block is
//! multiplied by the filter's and cut off or filled up with zeros to a block at the other rate
//! (overlap-save; Oppenheim and Schafer, "Discrete-Time Signal Processing", 8.7.3). Against the half
//! of the lower rate the filter passes all up to 0.9 of it within 0.000 01 dB and nothing from it on
//! (-130 dB); between the two it falls, -6 dB at 0.95. It is symmetric, so that nothing moves in
//! time, and sees zeros before and behind the sound.
//!
//! Measured: tones up to 0.9 of the lower rate's half come out within 2e-6 of the same tone at the
//! other rate. Two rates that share no factor need blocks of four seconds, which costs time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// The filter's reach to each side, in samples at the lower of the two rates.
const REACH: usize = 96;
/// Where the filter has fallen by half, as a share of the lower rate's half.
const CUTOFF: f64 = 0.95;
/// Kaiser's formula for a stop band of -140 dB: `0.1102 (140 - 8.7)`.
const KAISER_BETA: f64 = 14.47;
/// The least block, in samples at the lower of the two rates. Of 512, 1 024, 2 048 and 4 096 the
/// fastest for 0.4 s at 8 kHz (66 µs to 16 kHz) and for 5 s at 44.1 kHz (2.1 ms), or near it.
const MIN_BLOCK: usize = 2_048;
/// The most source rates whose filters are kept for the next sound.
const MAX_RATES_KEPT: usize = 16;

/// Resamplers to one rate, kept and used again: making one costs more than a short sound.
pub(super) struct Resamplers {
    target_hz: u32,
    idle: Mutex<BTreeMap<u32, Vec<Resampler>>>,
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
            self.take(source_hz).unwrap_or_else(|| Resampler::new(source_hz, self.target_hz));
        let resampled = resampler.resampled(&samples);
        self.put_back(source_hz, resampler);
        resampled
    }

    fn take(&self, source_hz: u32) -> Option<Resampler> {
        self.idle().get_mut(&source_hz).and_then(Vec::pop)
    }

    fn put_back(&self, source_hz: u32, resampler: Resampler) {
        let mut idle = self.idle();
        if idle.len() < MAX_RATES_KEPT || idle.contains_key(&source_hz) {
            idle.entry(source_hz).or_default().push(resampler);
        }
    }

    fn idle(&self) -> MutexGuard<'_, BTreeMap<u32, Vec<Resampler>>> {
        // Each step under the lock leaves the map whole, so a panic elsewhere does no harm.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Resamplers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resamplers").field("target_hz", &self.target_hz).finish_non_exhaustive()
    }
}

/// A sound that comes in pieces, at another rate; what comes out is what the whole would become.
pub(super) struct ResampleStream {
    /// `None` where the rates are the same.
    resampler: Option<Resampler>,
    /// What blocks to come still see, from the first sample of the next block on.
    seen: Vec<f32>,
    received: usize,
    sent: usize,
}

impl ResampleStream {
    pub(super) fn new(source_hz: u32, target_hz: u32) -> Self {
        let resampler = (source_hz != target_hz).then(|| Resampler::new(source_hz, target_hz));
        let before = resampler.as_ref().map_or(0, |resampler| resampler.layout.margin_in());
        Self { resampler, seen: vec![0.0; before], received: 0, sent: 0 }
    }

    /// Takes the next samples and appends what they complete to `resampled`.
    pub(super) fn push(&mut self, samples: &[f32], resampled: &mut Vec<f32>) {
        self.received += samples.len();
        let Some(resampler) = &mut self.resampler else {
            resampled.extend_from_slice(samples);
            return;
        };
        self.seen.extend_from_slice(samples);
        let layout = resampler.layout;
        let mut start = 0;
        while self.seen.len() - start >= layout.block_in() {
            resampler.input.copy_from_slice(&self.seen[start..start + layout.block_in()]);
            resampled.extend_from_slice(resampler.transform());
            self.sent += layout.hop_out();
            start += layout.hop_in();
        }
        self.seen.drain(..start);
    }

    /// Appends what is left of the sound.
    pub(super) fn finish(mut self, resampled: &mut Vec<f32>) {
        let Some(resampler) = &self.resampler else { return };
        if self.received == 0 {
            return;
        }
        let layout = resampler.layout;
        let left = layout.resampled_length(self.received).saturating_sub(self.sent);
        let length = resampled.len() + left;
        let zeros = vec![0.0; layout.hop_in()];
        while resampled.len() < length {
            self.push(&zeros, resampled);
        }
        resampled.truncate(length);
    }
}

/// The sizes of blocks, in periods: the shortest time that is whole at both rates.
#[derive(Clone, Copy, Debug)]
struct Layout {
    /// Samples of a period at the source rate.
    period_in: usize,
    /// Samples of a period at the target rate.
    period_out: usize,
    /// Periods of a block.
    block: usize,
    /// Periods at each end of a block that the filter spoils.
    margin: usize,
}

impl Layout {
    fn new(from_hz: u32, to_hz: u32) -> Self {
        const LONG: usize = 8_192;
        let (from, to) = (from_hz as usize, to_hz as usize);
        let divisor = greatest_common_divisor(from, to);
        let lower = from.min(to) / divisor;
        let margin = REACH.div_ceil(lower);
        // A quarter of a block is spoilt, or half where a period alone is long.
        let margins = if 8 * margin * lower <= LONG { 8 } else { 4 };
        let block = MIN_BLOCK.div_ceil(lower).max(margins * margin).next_power_of_two();
        Self { period_in: from / divisor, period_out: to / divisor, block, margin }
    }

    const fn block_in(self) -> usize {
        self.block * self.period_in
    }

    const fn block_out(self) -> usize {
        self.block * self.period_out
    }

    const fn hop_in(self) -> usize {
        (self.block - 2 * self.margin) * self.period_in
    }

    const fn hop_out(self) -> usize {
        (self.block - 2 * self.margin) * self.period_out
    }

    const fn margin_in(self) -> usize {
        self.margin * self.period_in
    }

    const fn margin_out(self) -> usize {
        self.margin * self.period_out
    }

    /// `max(1, round(length * to / from))`.
    fn resampled_length(self, length: usize) -> usize {
        ((length * self.period_out + self.period_in / 2) / self.period_in).max(1)
    }
}

/// The transforms of one pair of rates, and room for one block.
struct Resampler {
    layout: Layout,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    /// The filter's spectrum up to the lower rate's half, over the length of the forward transform.
    response: Vec<f32>,
    input: Vec<f32>,
    spectrum_in: Vec<Complex<f32>>,
    spectrum_out: Vec<Complex<f32>>,
    output: Vec<f32>,
    scratch: Vec<Complex<f32>>,
}

impl Resampler {
    fn new(from_hz: u32, to_hz: u32) -> Self {
        let layout = Layout::new(from_hz, to_hz);
        let mut planner = RealFftPlanner::new();
        let forward = planner.plan_fft_forward(layout.block_in());
        let inverse = planner.plan_fft_inverse(layout.block_out());
        let scratch_length = forward.get_scratch_len().max(inverse.get_scratch_len());
        Self {
            response: response(layout.block_in().min(layout.block_out()), layout.block_in()),
            input: forward.make_input_vec(),
            spectrum_in: forward.make_output_vec(),
            spectrum_out: inverse.make_input_vec(),
            output: inverse.make_output_vec(),
            scratch: vec![Complex::default(); scratch_length],
            layout,
            forward,
            inverse,
        }
    }

    /// A whole sound at the target rate.
    fn resampled(&mut self, samples: &[f32]) -> Vec<f32> {
        let length = self.layout.resampled_length(samples.len());
        let mut resampled = Vec::with_capacity(length);
        let mut start = 0;
        while resampled.len() < length {
            self.see(samples, start);
            let left = length - resampled.len();
            let block = self.transform();
            resampled.extend_from_slice(&block[..block.len().min(left)]);
            start += self.layout.hop_in();
        }
        resampled
    }

    /// Fills the input with the block whose unspoilt part begins at `start`, zeros beyond the ends.
    fn see(&mut self, samples: &[f32], start: usize) {
        let margin = self.layout.margin_in();
        let before = margin.saturating_sub(start);
        let rest = samples.get((start + before).saturating_sub(margin)..).unwrap_or_default();
        let seen = rest.len().min(self.input.len() - before);
        self.input[..before].fill(0.0);
        self.input[before..before + seen].copy_from_slice(&rest[..seen]);
        self.input[before + seen..].fill(0.0);
    }

    /// The unspoilt part of the input's block at the target rate.
    fn transform(&mut self) -> &[f32] {
        let fits = "the buffers are of the lengths that the plans themselves made";
        let Self { input, spectrum_in, spectrum_out, output, scratch, .. } = self;
        let of_forward = &mut scratch[..self.forward.get_scratch_len()];
        self.forward.process_with_scratch(input, spectrum_in, of_forward).expect(fits);
        let filtered = spectrum_in.iter().zip(&self.response).map(|(bin, gain)| bin * gain);
        for (out, bin) in spectrum_out.iter_mut().zip(filtered) {
            *out = bin;
        }
        spectrum_out[self.response.len()..].fill(Complex::default());
        // The lowest and the highest bin of a real signal are real.
        for end in [0, spectrum_out.len() - 1] {
            spectrum_out[end].im = 0.0;
        }
        let of_inverse = &mut scratch[..self.inverse.get_scratch_len()];
        self.inverse.process_with_scratch(spectrum_out, output, of_inverse).expect(fits);
        &output[self.layout.margin_out()..][..self.layout.hop_out()]
    }
}

/// The filter's spectrum in a block of `block` samples at the lower rate, over `length`.
fn response(block: usize, length: usize) -> Vec<f32> {
    let forward = RealFftPlanner::<f64>::new().plan_fft_forward(block);
    let mut taps = forward.make_input_vec();
    let mut spectrum = forward.make_output_vec();
    let kernel: Vec<f64> = (0..=REACH).map(tap).collect();
    let sum = kernel[0] + 2.0 * kernel[1..].iter().sum::<f64>();
    for (distance, tap) in kernel.iter().enumerate() {
        taps[distance] = tap / sum;
        taps[(block - distance) % block] = tap / sum;
    }
    forward.process(&mut taps, &mut spectrum).expect("the plan made both buffers");
    // The kernel is symmetric round its first sample, so its spectrum is real.
    #[expect(clippy::cast_possible_truncation, reason = "the samples it is for are f32")]
    spectrum.iter().map(|bin| (bin.re / length as f64) as f32).collect()
}

/// The kernel at a distance from its middle, in samples at the lower rate: a sinc under a Kaiser
/// window.
fn tap(distance: usize) -> f64 {
    let angle = std::f64::consts::PI * CUTOFF * distance as f64;
    let sinc = if distance == 0 { 1.0 } else { angle.sin() / angle };
    let share = distance as f64 / REACH as f64;
    sinc * bessel_i0(KAISER_BETA * (1.0 - share * share).sqrt()) / bessel_i0(KAISER_BETA)
}

/// The modified Bessel function of the first kind and order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..60 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
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
            // Measured: 1.7e-6.
            let tolerance = 5e-6;
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
        let pairs = PAIRS.into_iter().filter(|&(from, to)| from > to);
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

    #[test]
    fn the_filter_passes_and_stops_what_it_says() {
        // Block and length alike: the response as it is. 16 000 Hz, say, in steps of 1 Hz.
        let response: Vec<f32> = response(16_000, 1);
        let decibels = |gain: f32| 20.0 * gain.abs().log10();
        let ripple =
            response[..=7_200].iter().map(|&gain| decibels(gain).abs()).fold(0.0, f32::max);
        assert!(ripple < 1e-5, "the pass band is within {ripple} dB");
        assert!((decibels(response[7_600]) + 6.0).abs() < 0.1, "half is left in the middle");
        let left = response[8_000..].iter().map(|&gain| decibels(gain)).fold(f32::MIN, f32::max);
        assert!(left < -130.0, "the stop band has {left} dB");
    }

    #[test]
    fn a_sound_in_pieces_becomes_what_the_whole_becomes() {
        for (from, to) in PAIRS {
            let samples = tone(440.0, from, from as usize + 77);
            let whole = Resamplers::to(to).resample(samples.clone(), from);
            for piece in [1_000, 33_333] {
                let mut stream = ResampleStream::new(from, to);
                let mut resampled = Vec::new();
                samples.chunks(piece).for_each(|piece| stream.push(piece, &mut resampled));
                stream.finish(&mut resampled);
                assert_eq!(resampled, whole, "{piece} samples at a time from {from} to {to} Hz");
            }
        }
    }
}
