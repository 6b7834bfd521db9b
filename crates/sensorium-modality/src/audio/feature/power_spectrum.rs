//! One windowed frame of real samples to `|X|²`.
//!
//! A frame of even length `N` is transformed as `N / 2` complex numbers, even samples in the real
//! and odd ones in the imaginary parts, and its bins are told apart afterwards (Press et al. 2007,
//! "Numerical Recipes", section 12.3.2). That step writes powers at once and by eights, where a
//! spectrum and then its powers, as realfft has it, took twice the time of the transform itself.
//!
//! In f32. librosa's transform is f64 and its result rounded to f32; the rounding here is some
//! 140 dB below the loudest partial of the frame, which `top_db` of 80 keeps out of sight.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for wide registers")]

use std::f64::consts::TAU;
use std::fmt;
use std::sync::Arc;

use pulp::{Arch, NullaryFnOnce};
use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};

/// Bins that are told apart at once: one register of AVX, two of SSE or NEON.
const LANES: usize = 8;

/// The plan for frames of one length.
#[derive(Clone)]
pub(super) struct PowerSpectrum {
    length: usize,
    fft: Arc<dyn Fft<f32>>,
    /// Real and imaginary parts of `exp(-2πi k / length)` for the bins `k` that have another bin to be
    /// told from.
    turn_re: Vec<f32>,
    turn_im: Vec<f32>,
    arch: Arch,
}

/// What a transform writes to on its way.
pub(super) struct Workspace {
    packed: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl PowerSpectrum {
    /// # Panics
    ///
    /// If the length is 0.
    pub(super) fn new(length: usize) -> Self {
        assert!(length > 0, "a transform has at least one sample");
        let is_even = length.is_multiple_of(2);
        let num_pairs = if is_even { (length / 2 - 1) / 2 } else { 0 };
        Self {
            length,
            fft: FftPlanner::new().plan_fft_forward(if is_even { length / 2 } else { length }),
            turn_re: (1..=num_pairs).map(|bin| rounded(angle(bin, length).cos())).collect(),
            turn_im: (1..=num_pairs).map(|bin| rounded(angle(bin, length).sin())).collect(),
            arch: Arch::new(),
        }
    }

    pub(super) const fn num_bins(&self) -> usize {
        self.length / 2 + 1
    }

    pub(super) fn workspace(&self) -> Workspace {
        Workspace {
            packed: vec![Complex::ZERO; self.fft.len()],
            scratch: vec![Complex::ZERO; self.fft.get_inplace_scratch_len()],
        }
    }

    /// Writes the power of each bin of a frame that is seen through a window.
    ///
    /// Where in the transform the frame lies changes the phases and no power: it is put first, and
    /// zeros follow.
    ///
    /// # Shapes
    ///
    /// - `frame`, `window`: `[L]` with `L` at most the plan's length
    /// - `powers`: `[F]`
    pub(super) fn transform(
        &self,
        frame: &[f32],
        window: &[f32],
        workspace: &mut Workspace,
        powers: &mut [f32],
    ) {
        let Workspace { packed, scratch } = workspace;
        if self.length.is_multiple_of(2) {
            self.arch.dispatch(PackPairs { frame, window, packed });
            self.fft.process_with_scratch(packed, scratch);
            self.tell_apart(packed, powers);
        } else {
            pack(frame, window, packed);
            self.fft.process_with_scratch(packed, scratch);
            for (power, value) in powers.iter_mut().zip(packed.iter()) {
                *power = value.norm_sqr();
            }
        }
    }

    /// The powers of the bins of `length` real samples, from the transform of their pairs.
    fn tell_apart(&self, packed: &[Complex<f32>], powers: &mut [f32]) {
        let half = packed.len();
        let first = packed[0];
        powers[0] = (first.re + first.im).powi(2);
        powers[half] = (first.re - first.im).powi(2);
        if half.is_multiple_of(2) {
            powers[half / 2] = packed[half / 2].norm_sqr();
        }
        let num_pairs = self.turn_re.len();
        let (lower, upper) = powers[1..half].split_at_mut(half - 1 - num_pairs);
        let pairs = Pairs {
            turn_re: &self.turn_re,
            turn_im: &self.turn_im,
            near: &packed[1..=num_pairs],
            far: &packed[half - num_pairs..],
            lower: &mut lower[..num_pairs],
            upper,
        };
        self.arch.dispatch(pairs);
    }
}

/// Bins `k` and `length / 2 - k`, each of which holds part of the other.
struct Pairs<'a> {
    turn_re: &'a [f32],
    turn_im: &'a [f32],
    /// The transform at the lower bins, in rising order.
    near: &'a [Complex<f32>],
    /// The transform at the upper bins, in rising order: the last goes with the first of `near`.
    far: &'a [Complex<f32>],
    lower: &'a mut [f32],
    upper: &'a mut [f32],
}

impl NullaryFnOnce for Pairs<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.tell_apart::<LANES>().tell_apart::<1>();
    }
}

impl Pairs<'_> {
    /// Writes the powers of as many pairs as there are whole groups of `WIDTH`, and gives the rest.
    #[inline(always)]
    fn tell_apart<const WIDTH: usize>(self) -> Self {
        let (turn_re, turn_re_left) = self.turn_re.as_chunks::<WIDTH>();
        let (turn_im, turn_im_left) = self.turn_im.as_chunks::<WIDTH>();
        let (near, near_left) = self.near.as_chunks::<WIDTH>();
        let (far_left, far) = self.far.as_rchunks::<WIDTH>();
        let (lower, lower_left) = self.lower.as_chunks_mut::<WIDTH>();
        let (upper_left, upper) = self.upper.as_rchunks_mut::<WIDTH>();
        let ends = near.iter().zip(far.iter().rev()).zip(turn_re.iter().zip(turn_im));
        for ((ends, lower), upper) in ends.zip(lower).zip(upper.iter_mut().rev()) {
            let ((near, far), turn) = ends;
            *lower = [0.0; WIDTH];
            powers_of_pairs(near, far, turn, lower, upper);
        }
        Self {
            turn_re: turn_re_left,
            turn_im: turn_im_left,
            near: near_left,
            far: far_left,
            lower: lower_left,
            upper: upper_left,
        }
    }
}

/// With `A` near, `B` far and the twiddle `W`: `E = (A + B*) / 2` is the transform of the even and
/// `O = (A - B*) / 2i` that of the odd samples; the bins are `E + W O` and `(E - W O)*`.
#[inline(always)]
fn powers_of_pairs<const WIDTH: usize>(
    near: &[Complex<f32>; WIDTH],
    far: &[Complex<f32>; WIDTH],
    (turn_re, turn_im): (&[f32; WIDTH], &[f32; WIDTH]),
    lower: &mut [f32; WIDTH],
    upper: &mut [f32; WIDTH],
) {
    // Real and imaginary parts in arrays of their own are what lets the compiler use registers.
    let (near_re, near_im) = (near.map(|value| value.re), near.map(|value| value.im));
    let far: [Complex<f32>; WIDTH] = std::array::from_fn(|lane| far[WIDTH - 1 - lane]);
    let (far_re, far_im) = (far.map(|value| value.re), far.map(|value| value.im));
    let mut mirrored = [0.0; WIDTH];
    for lane in 0..WIDTH {
        let even_re = near_re[lane] + far_re[lane];
        let even_im = near_im[lane] - far_im[lane];
        let odd_re = near_im[lane] + far_im[lane];
        let odd_im = far_re[lane] - near_re[lane];
        let turned_re = turn_re[lane] * odd_re - turn_im[lane] * odd_im;
        let turned_im = turn_re[lane] * odd_im + turn_im[lane] * odd_re;
        let (sum_re, sum_im) = (even_re + turned_re, even_im + turned_im);
        let (difference_re, difference_im) = (even_re - turned_re, even_im - turned_im);
        lower[lane] = 0.25 * (sum_re * sum_re + sum_im * sum_im);
        mirrored[lane] = 0.25 * (difference_re * difference_re + difference_im * difference_im);
    }
    *upper = std::array::from_fn(|lane| mirrored[WIDTH - 1 - lane]);
}

fn angle(bin: usize, length: usize) -> f64 {
    -TAU * bin as f64 / length as f64
}

#[expect(clippy::cast_possible_truncation, reason = "a sine needs no more digits than f32 has")]
const fn rounded(sine: f64) -> f32 {
    sine as f32
}

/// Even samples into real parts, odd ones into imaginary parts, zeros to the end.
struct PackPairs<'a> {
    frame: &'a [f32],
    window: &'a [f32],
    packed: &'a mut [Complex<f32>],
}

impl NullaryFnOnce for PackPairs<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let (frame, last_sample) = self.frame.as_chunks::<2>();
        let (window, last_weight) = self.window.as_chunks::<2>();
        let (packed, zeros) = self.packed.split_at_mut(frame.len());
        for ((value, sample), weight) in packed.iter_mut().zip(frame).zip(window) {
            *value = Complex::new(sample[0] * weight[0], sample[1] * weight[1]);
        }
        zeros.fill(Complex::ZERO);
        if let ([sample], [weight]) = (last_sample, last_weight) {
            zeros[0].re = sample * weight;
        }
    }
}

/// Samples into real parts, zeros to the end.
fn pack(frame: &[f32], window: &[f32], packed: &mut [Complex<f32>]) {
    packed.fill(Complex::ZERO);
    for ((value, sample), weight) in packed.iter_mut().zip(frame).zip(window) {
        value.re = sample * weight;
    }
}

impl fmt::Debug for PowerSpectrum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PowerSpectrum").field("length", &self.length).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sums of the definition.
    fn reference(frame: &[f32], window: &[f32], length: usize) -> Vec<f64> {
        let bin = |bin: usize| {
            let (mut re, mut im) = (0.0, 0.0);
            for (index, (&sample, &weight)) in frame.iter().zip(window).enumerate() {
                let angle = -TAU * ((bin * index) % length) as f64 / length as f64;
                let value = f64::from(sample) * f64::from(weight);
                re += value * angle.cos();
                im += value * angle.sin();
            }
            re * re + im * im
        };
        (0..=length / 2).map(bin).collect()
    }

    #[test]
    fn every_length_is_the_definition() {
        for length in (1..70).chain([400, 401, 402, 512, 1_021]) {
            let used = length - length / 5;
            let frame: Vec<f32> = (0..used).map(|i| ((i * i) as f32 * 0.37).sin()).collect();
            let window: Vec<f32> = (0..used).map(|i| 1.0 + (i as f32 * 0.1).cos()).collect();
            let plan = PowerSpectrum::new(length);
            let mut workspace = plan.workspace();
            let mut powers = vec![f32::NAN; plan.num_bins()];
            for _ in 0..2 {
                plan.transform(&frame, &window, &mut workspace, &mut powers);
            }
            let expected = reference(&frame, &window, length);
            let loudest = expected.iter().copied().fold(0.0, f64::max);
            for (bin, (&power, expected)) in powers.iter().zip(expected).enumerate() {
                let difference = (f64::from(power) - expected).abs();
                assert!(difference <= 3e-6 * loudest, "bin {bin} of {length}: {difference:e}");
            }
        }
    }
}
