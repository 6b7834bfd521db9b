//! Dropout: some numbers are set to zero at random, and the others grow by as much.
//!
//! Source: Srivastava et al. 2014, "Dropout", section 10, the inverted form
//! (<https://jmlr.org/papers/v15/srivastava14a.html>). Whether a number is kept is a hash of its
//! place, so that the backward pass makes the pattern again, and no mask is stored.

use burn::tensor::{Distribution, Tensor};

use crate::array::Array;
use crate::elementwise::changed;
use crate::instruction_set::for_instruction_sets;
use crate::operation::{Mode, Operation, apply, runs_here};

/// Which numbers are set to zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// The share of numbers that are set to zero, 0 or more and below 1.
    pub rate: f64,
    /// The same seed makes the same pattern on a CPU; other devices have their own generator.
    pub seed: u32,
}

/// `x` with some numbers set to zero and the others divided by the share that is kept.
///
/// # Shapes
///
/// - `x`: any
/// - returns: the same
///
/// # Panics
///
/// If the rate is not 0 or more and below 1.
pub fn dropout<const D: usize>(x: Tensor<D>, dropout: Dropout) -> Tensor<D> {
    let pattern = Pattern::new(dropout);
    if runs_here(&x.device(), x.dtype()) {
        return apply(pattern, [x.into()]);
    }
    let factors = dropout.random(x.dims(), &x.device());
    x * factors
}

impl Dropout {
    /// What each number is multiplied with, by the generator of a device.
    pub(crate) fn random<const D: usize>(
        self,
        dims: [usize; D],
        device: &burn::tensor::Device,
    ) -> Tensor<D> {
        let kept = Tensor::random(dims, Distribution::Bernoulli(1.0 - self.rate), device);
        kept / (1.0 - self.rate)
    }
}

/// What each number is multiplied with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pattern {
    seed: u32,
    /// Hashes below are of numbers that are set to zero.
    least: u32,
    scale: f32,
}

/// 2³² divided by the golden ratio: multiples of it spread over all of 32 bits.
const GOLDEN: u32 = 0x9E37_79B9;

/// A hash of 32 bits: the last step of Appleby's MurmurHash3
/// (<https://github.com/aappleby/smhasher>), `fmix32`.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
fn hash(number: u32) -> u32 {
    let number = (number ^ (number >> 16)).wrapping_mul(0x85EB_CA6B);
    let number = (number ^ (number >> 13)).wrapping_mul(0xC2B2_AE35);
    number ^ (number >> 16)
}

#[allow(clippy::inline_always, reason = "the caller has the instruction set, these have not")]
impl Pattern {
    /// # Panics
    ///
    /// If the rate is not 0 or more and below 1.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the rate is from 0 to 1"
    )]
    pub(crate) fn new(dropout: Dropout) -> Self {
        let Dropout { rate, seed } = dropout;
        assert!(
            (0.0..1.0).contains(&rate),
            "dropout: the rate is {rate}, not 0 or more and below 1"
        );
        let least = (rate * 2f64.powi(32)) as u32;
        Self { seed, least, scale: (1.0 / (1.0 - rate)) as f32 }
    }

    /// The pattern of one of many lines.
    #[expect(clippy::cast_possible_truncation, reason = "both halves take part")]
    pub(crate) fn line(self, line: usize) -> Self {
        let line = line as u64;
        let (low, high) = (line as u32, (line >> 32) as u32);
        Self { seed: hash(self.seed ^ hash(low.wrapping_add(hash(high)))), ..self }
    }

    /// What the number at a place of the line is multiplied with.
    #[inline(always)]
    pub(crate) fn factor(self, place: u32) -> f32 {
        let hash = hash(self.seed.wrapping_add(place.wrapping_mul(GOLDEN)));
        if hash < self.least { 0.0 } else { self.scale }
    }

    fn multiplied(self, array: Array) -> Array {
        changed(array, [], |start, values, []| {
            // A line of 2³² numbers, and the next.
            let pattern = self.line(start >> 32);
            multiply(values, pattern, start);
        })
    }
}

for_instruction_sets! {
    fn multiply(values: &mut [f32], pattern: Pattern, start: usize) {
        for (place, value) in (start as u32..).zip(values) {
            *value *= pattern.factor(place);
        }
    }
}

impl Operation for Pattern {
    fn forward(&self, inputs: &[Array], mode: Mode) -> (Array, Vec<Array>) {
        self.forward_over(inputs.to_vec(), mode)
    }

    fn forward_over(&self, mut inputs: Vec<Array>, _: Mode) -> (Array, Vec<Array>) {
        (self.multiplied(inputs.remove(0)), Vec::new())
    }

    fn backward(&self, _: &[Array], gradient: Array, _: &[bool]) -> Vec<Option<Array>> {
        vec![Some(self.multiplied(gradient))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{assert_same_passes, passes, random};

    fn drop_out(inputs: &[Tensor<1>], rate: f64, seed: u32) -> Tensor<1> {
        dropout(inputs[0].clone(), Dropout { rate, seed })
    }

    #[test]
    fn numbers_are_kept_by_their_place_in_both_passes_and_grow_by_as_many_as_go() {
        for (len, rate) in [(1, 0.5), (999, 0.1), (70_001, 0.9), (10, 0.0)] {
            let pattern = Pattern::new(Dropout { rate, seed: 7 }).line(0);
            let factors: Vec<f32> = (0..).take(len).map(|place| pattern.factor(place)).collect();
            assert_same_passes(
                &[random(len, 1)],
                0.0,
                |inputs| drop_out(inputs, rate, 7),
                |inputs| {
                    let device = inputs[0].device();
                    inputs[0].clone() * Tensor::from_floats(factors.as_slice(), &device)
                },
            );
        }
    }

    #[test]
    fn as_many_go_as_the_rate_says_and_neighbours_know_nothing_of_each_other() {
        let len = 1_000_000;
        for rate in [0.1, 0.5] {
            let output = passes(&[vec![1.0; len]], |inputs| drop_out(inputs, rate, 3)).remove(0);
            let gone: Vec<bool> = output.iter().map(|&number| number == 0.0).collect();
            let share = |count: usize| count as f64 / len as f64;
            let one = share(gone.iter().filter(|&&gone| gone).count());
            let two = share(gone.windows(2).filter(|pair| pair[0] && pair[1]).count());
            // Five standard deviations of a share of a million throws.
            assert!((one - rate).abs() < 2.5e-3, "{one}");
            assert!((two - rate * rate).abs() < 2.5e-3, "{two}");
        }
    }

    #[test]
    fn another_seed_and_another_line_are_another_pattern() {
        let patterns = [
            Pattern::new(Dropout { rate: 0.5, seed: 1 }).line(0),
            Pattern::new(Dropout { rate: 0.5, seed: 2 }).line(0),
            Pattern::new(Dropout { rate: 0.5, seed: 1 }).line(1),
        ];
        let of = |index: usize| (0..64).map(move |place| patterns[index].factor(place));
        assert!(of(0).ne(of(1)) && of(0).ne(of(2)) && of(1).ne(of(2)));
    }
}
