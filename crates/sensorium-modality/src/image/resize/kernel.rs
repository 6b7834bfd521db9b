//! Which pixels of a side a resized pixel is a mean of, and by which weights.
//!
//! Source: Pillow 13.0.0, `src/libImaging/Resample.c`, `precompute_coeffs`; torch's antialiased
//! `interpolate` takes the same ones. A filter is as wide as the step between output pixels, so
//! that shrinking averages; weights at a border are those inside of it, brought to a sum of 1.

use std::f64::consts::PI;

use super::geometry::Span;
use crate::image::config::Interpolation;

/// The weights of one output place, over the places from `first` on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Taps {
    pub(super) first: usize,
    /// At least one; their sum is 1.
    pub(super) weights: Vec<f32>,
}

impl Taps {
    /// The place after the last.
    pub(super) const fn end(&self) -> usize {
        self.first + self.weights.len()
    }
}

/// A weight by the distance from the center, in output pixels where shrinking.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter {
    /// The distance from which on weights are zero, in source pixels where growing.
    pub(super) support: f64,
    weight: fn(f64) -> f64,
}

impl Filter {
    /// The filter of an interpolation, or `None` of `nearest`, which has none.
    pub(super) fn new(interpolation: Interpolation) -> Option<Self> {
        match interpolation {
            Interpolation::Nearest => None,
            Interpolation::Box => Some(Self { support: 0.5, weight: rectangle }),
            Interpolation::Bilinear => Some(Self { support: 1.0, weight: triangle }),
            Interpolation::Bicubic => Some(Self { support: 2.0, weight: cubic }),
            Interpolation::Lanczos => Some(Self { support: 3.0, weight: lanczos }),
        }
    }

    /// The taps of every shown place of a side of `given` pixels.
    pub(super) fn taps(self, given: usize, span: Span) -> Vec<Taps> {
        let step = given as f64 / span.resized as f64;
        let places = span.cut..span.cut + span.shown;
        places.map(|place| self.taps_at((place as f64 + 0.5) * step, step, given)).collect()
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "places")]
    fn taps_at(self, center: f64, step: f64, given: usize) -> Taps {
        let width = step.max(1.0);
        let first = (center - self.support * width + 0.5).max(0.0) as usize;
        let end = ((center + self.support * width + 0.5) as usize).min(given);
        // In Pillow's order: at a box's edge the last bit decides.
        let scale = 1.0 / width;
        let weight = |place: usize| (self.weight)((place as f64 - center + 0.5) * scale);
        let weights: Vec<f64> = (first..end).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        Taps { first, weights: weights.iter().map(|weight| (weight / sum) as f32).collect() }
    }
}

fn rectangle(distance: f64) -> f64 {
    if distance > -0.5 && distance <= 0.5 { 1.0 } else { 0.0 }
}

fn triangle(distance: f64) -> f64 {
    (1.0 - distance.abs()).max(0.0)
}

/// Keys 1981 with a = -1/2, as Pillow and torch have it where they antialias.
fn cubic(distance: f64) -> f64 {
    let x = distance.abs();
    if x < 1.0 {
        1.0 + x * x * (1.5 * x - 2.5)
    } else if x < 2.0 {
        2.0 + x * (x * (2.5 - 0.5 * x) - 4.0)
    } else {
        0.0
    }
}

fn lanczos(distance: f64) -> f64 {
    if distance.abs() < 3.0 { sinc(distance) * sinc(distance / 3.0) } else { 0.0 }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taps(interpolation: Interpolation, given: usize, resized: usize) -> Vec<Taps> {
        let span = Span { resized, cut: 0, shown: resized, padding: 0 };
        Filter::new(interpolation).unwrap().taps(given, span)
    }

    #[test]
    fn halving_by_a_triangle_weighs_four_pixels() {
        let taps = taps(Interpolation::Bilinear, 6, 3);
        assert_eq!(taps[0].first, 0);
        assert_eq!(taps[1].first, 1);
        assert_eq!(taps[1].weights, [0.125, 0.375, 0.375, 0.125]);
    }

    #[test]
    fn a_cut_span_has_the_taps_of_the_whole_one() {
        for interpolation in Interpolation::FILTERS {
            let whole = taps(interpolation, 37, 23);
            let span = Span { resized: 23, cut: 5, shown: 9, padding: 0 };
            assert_eq!(Filter::new(interpolation).unwrap().taps(37, span), whole[5..14]);
        }
    }

    #[test]
    fn weights_sum_to_one_within_the_side_for_every_filter_and_step() {
        for interpolation in Interpolation::FILTERS {
            for (given, resized) in [(1, 1), (1, 9), (9, 1), (7, 7), (65_535, 3), (5, 400)] {
                for taps in taps(interpolation, given, resized) {
                    assert!(taps.end() <= given && !taps.weights.is_empty());
                    let sum: f32 = taps.weights.iter().sum();
                    assert!((sum - 1.0).abs() < 1e-4, "{interpolation:?} {given} {resized} {sum}");
                }
            }
        }
    }

    #[test]
    fn filters_are_one_in_the_middle_and_zero_at_whole_distances() {
        for weight in [triangle, cubic, lanczos] {
            assert!((weight(0.0) - 1.0).abs() < 1e-12);
            assert!([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0].iter().all(|&at| weight(at).abs() < 1e-12));
        }
        // Keys' kernel halfway: 9/16 beside the middle and -1/16 one further.
        assert!((cubic(0.5) - 0.5625).abs() < 1e-12 && (cubic(-1.5) + 0.0625).abs() < 1e-12);
    }
}
