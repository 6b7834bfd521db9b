//! Functions of one number, written so that a loop over them becomes vector instructions.
//!
//! There is no branch and no table in them, and every product and sum is rounded by itself, so
//! that all instruction sets give the same bits. The largest errors are those over all 2³² inputs;
//! one ulp is the distance between two neighbouring floats at the true value. NaN stays NaN.

#![allow(clippy::inline_always, reason = "the caller has the instruction set, these have not")]

/// 1.5 · 2²³: a number below 2²² that is added to it is rounded to a whole one, in the last bits.
const ROUNDS: f32 = 12_582_912.0;
/// ln 2 in two parts; the first has so few bits that a whole number below 2¹³ times it is exact.
const LN_2_HIGH: f32 = 0.693_359_375;
const LN_2_LOW: f32 = -2.121_944_4e-4;
/// Below −125 ln 2 the result is 0, so that none is subnormal: those are slow on some machines.
const LEAST_EXPONENT: f32 = -86.643_394;
/// The result is infinite from a little below.
const LARGEST_EXPONENT: f32 = 88.8;

/// eˣ, at most 1.0 ulp off; 0 where that is below 2⁻¹²⁵.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let Reduced { of_rest, half_scale } = reduced(x.clamp(LEAST_EXPONENT, LARGEST_EXPONENT));
    let of_rest = of_rest + 1.0;
    let result = (of_rest + of_rest) * half_scale;
    if x < LEAST_EXPONENT { 0.0 } else { result }
}

/// eˣ − 1, at most 1.6 ulp off.
#[inline(always)]
pub(crate) fn exp_m1(x: f32) -> f32 {
    // From the least on the result is −1 to the last bit.
    let Reduced { of_rest, half_scale } = reduced(x.clamp(-20.0, LARGEST_EXPONENT));
    // 2ᵖ (eʳ − 1) + (2ᵖ − 1)
    (of_rest * half_scale + (half_scale - 0.5)) * 2.0
}

/// eˣ = 2ᵖ eʳ: the parts.
struct Reduced {
    /// eʳ − 1, to its own last bits.
    of_rest: f32,
    /// 2ᵖ / 2: the power may be 128, which a float has no exponent for.
    half_scale: f32,
}

/// Source: the reduction and the polynomial of Cephes 2.8, `expf.c`
/// (<https://www.netlib.org/cephes/>).
#[inline(always)]
fn reduced(x: f32) -> Reduced {
    let rounded = x * std::f32::consts::LOG2_E + ROUNDS;
    let power = rounded - ROUNDS;
    let rest = (x - power * LN_2_HIGH) - power * LN_2_LOW;
    let series = polynomial(
        rest,
        [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5],
    );
    Reduced {
        of_rest: series * (rest * rest) + rest,
        // The last bits of `rounded` are the power; 127 is the exponent of 1.
        half_scale: f32::from_bits((rounded.to_bits() << 23).wrapping_add(126 << 23)),
    }
}

/// The hyperbolic tangent, at most 2.5 ulp off.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    // From 10 on the result is 1 to the last bit.
    let Reduced { of_rest, half_scale } = reduced(x.abs().clamp(0.0, 10.0) * 2.0);
    let scale = half_scale + half_scale;
    let less_one = of_rest * scale + (scale - 1.0); // e²ˣ − 1
    (less_one / (less_one + 2.0)).copysign(x)
}

/// The logistic function 1 / (1 + e⁻ˣ), at most 2.5 ulp off, but for results below 2⁻¹²⁶, which
/// may be 0.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The logistic distribution at one number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Logistic {
    /// σ(x), the probability of less than x.
    pub(crate) below: f32,
    /// σ(−x) = 1 − σ(x), which keeps its digits where the difference has none left.
    pub(crate) above: f32,
}

/// The logistic distribution at `x`, both tails at most 4 ulp off, but for results below 2⁻¹²⁵,
/// which may be 0.
#[inline(always)]
pub(crate) fn logistic(x: f32) -> Logistic {
    let odds = exp(-x);
    // Infinite odds times 0 were no number.
    let odds = if odds > f32::MAX { f32::MAX } else { odds };
    let below = 1.0 / (1.0 + odds);
    Logistic { below, above: odds * below }
}

/// The standard normal distribution at one number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Normal {
    /// φ(x), its density.
    pub(crate) density: f32,
    /// Φ(x) = (1 + erf(x / √2)) / 2, the probability of less than x.
    pub(crate) below: f32,
}

/// The standard normal distribution at `x`.
///
/// Φ is at most 7 + x² / 2 ulp off for negative `x` and 7 elsewhere, and 0 below −13.16. So it
/// keeps its digits where 1 + erf has none left.
///
/// Source of the form e⁻ˣ²ᐟ² P(t) t with t = 1 / (1 + c |x|): Hastings 1955, "Approximations for
/// Digital Computers", sheet 61 and following; P is fitted anew for |x| up to 13.2, with a relative
/// error of 3.2e-8.
#[inline(always)]
pub(crate) fn normal(x: f32) -> Normal {
    let bell = exp(-0.5 * (x * x));
    let t = 1.0 / (1.0 + 0.35 * x.abs());
    let ratio = polynomial(
        t,
        [
            -0.029_108_993_310_041_312,
            0.143_788_511_378_805_72,
            -0.255_327_836_691_101_8,
            0.158_722_615_438_265_63,
            -0.022_791_130_963_973_08,
            0.105_369_342_882_428_68,
            0.119_869_055_771_161_9,
            0.139_856_708_411_097_32,
            0.139_621_711_258_067_97,
        ],
    );
    let tail = bell * (t * ratio);
    Normal { density: bell * 0.398_942_28, below: if x < 0.0 { tail } else { 1.0 - tail } }
}

/// The polynomial with these coefficients, the highest power's first.
#[inline(always)]
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[0];
    for &coefficient in &coefficients[1..] {
        sum = sum * x + coefficient;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instruction_set::{InstructionSet, for_instruction_sets};

    for_instruction_sets! {
        fn each_exp(values: &mut [f32]) {
            for value in values {
                *value = exp(*value);
            }
        }
        fn each_exp_m1(values: &mut [f32]) {
            for value in values {
                *value = exp_m1(*value);
            }
        }
        fn each_tanh(values: &mut [f32]) {
            for value in values {
                *value = tanh(*value);
            }
        }
        fn each_sigmoid(values: &mut [f32]) {
            for value in values {
                *value = sigmoid(*value);
            }
        }
        fn each_logistic_below(values: &mut [f32]) {
            for value in values {
                *value = logistic(*value).below;
            }
        }
        fn each_logistic_above(values: &mut [f32]) {
            for value in values {
                *value = logistic(*value).above;
            }
        }
        fn each_normal_below(values: &mut [f32]) {
            for value in values {
                *value = normal(*value).below;
            }
        }
        fn each_normal_density(values: &mut [f32]) {
            for value in values {
                *value = normal(*value).density;
            }
        }
    }

    /// Every 8009th float of all 2³², so also NaN, infinite and subnormal ones, and the borders.
    fn inputs() -> Vec<f32> {
        let borders = [0.0, 1e-45, 1e-38, 0.5, 1.0, 86.643_4, 88.722_84, 1e30, f32::MAX];
        let borders = borders.iter().flat_map(|&x| [x, -x]);
        (0..=u32::MAX).step_by(8009).map(f32::from_bits).chain(borders).collect()
    }

    /// How far `got` is from `want`, in distances of two neighbouring floats.
    fn ulps(got: f32, want: f64) -> f64 {
        #[expect(clippy::cast_possible_truncation, reason = "the nearest float is meant")]
        let nearest = want as f32;
        if got.to_bits() == nearest.to_bits() || (got.is_nan() && want.is_nan()) {
            return 0.0;
        }
        let next = f32::from_bits(nearest.abs().to_bits() + 1);
        (f64::from(got) - want).abs() / (f64::from(next) - f64::from(nearest.abs()))
    }

    /// Checks a function on all instruction sets: within `most` ulp of `truth`, with the same bits
    /// on all sets.
    fn check(each: fn(&mut [f32]), truth: impl Fn(f64) -> f64, most: impl Fn(f64) -> f64) {
        let inputs = inputs();
        let mut first: Option<Vec<f32>> = None;
        InstructionSet::for_each(|set| {
            let mut outputs = inputs.clone();
            each(&mut outputs);
            let Some(first) = &first else {
                for (&input, &output) in inputs.iter().zip(&outputs) {
                    let (x, far) = (f64::from(input), ulps(output, truth(f64::from(input))));
                    assert!(
                        far <= most(x).max(0.0),
                        "{set:?} at {input:e}: {output:e} is {far} ulp off"
                    );
                }
                first = Some(outputs);
                return;
            };
            let same =
                |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
            assert!(first.iter().zip(&outputs).all(same), "{set:?} gives other bits");
        });
    }

    /// The error function's tail for `z` of 0 or more: the series without cancellation (Abramowitz
    /// and Stegun, 7.1.6), and the continued fraction (7.1.14).
    fn erfc(z: f64) -> f64 {
        let bell = (-z * z).exp();
        if z > 2.5 {
            let fraction = (1..100).rev().fold(0.0, |rest, k| f64::from(k) / 2.0 / (z + rest));
            return bell / std::f64::consts::PI.sqrt() / (z + fraction);
        }
        let (mut term, mut sum) = (z, z);
        for n in 1..60 {
            term *= 2.0 * z * z / f64::from(2 * n + 1);
            sum += term;
        }
        1.0 - std::f64::consts::FRAC_2_SQRT_PI * bell * sum
    }

    #[test]
    fn exp_is_within_its_ulp_and_zero_where_it_is_tiny() {
        let truth = |x: f64| if x < f64::from(LEAST_EXPONENT) { 0.0 } else { x.exp() };
        check(each_exp, truth, |_| 1.0);
    }

    #[test]
    fn exp_m1_is_within_its_ulps() {
        check(each_exp_m1, f64::exp_m1, |_| 1.6);
    }

    #[test]
    fn tanh_is_within_its_ulps() {
        check(each_tanh, f64::tanh, |_| 2.5);
    }

    #[test]
    fn sigmoid_is_within_its_ulps() {
        let truth = |x: f64| 1.0 / (1.0 + (-x).exp());
        // From -87.33 on the result is subnormal.
        check(each_sigmoid, truth, |x| if x < -87.33 { f64::INFINITY } else { 2.5 });
    }

    #[test]
    fn the_logistic_distribution_keeps_its_digits_in_both_tails() {
        let truth = |x: f64| 1.0 / (1.0 + (-x).exp());
        // Further out one tail is below 2⁻¹²⁵.
        check(each_logistic_below, truth, |x| if x < -86.6 { f64::INFINITY } else { 4.0 });
        check(each_logistic_above, |x| truth(-x), |x| if x > 86.6 { f64::INFINITY } else { 4.0 });
    }

    #[test]
    fn the_normal_distribution_keeps_its_digits_in_both_tails() {
        let truth = |x: f64| {
            let tail = erfc(x.abs() * std::f64::consts::FRAC_1_SQRT_2) / 2.0;
            if x < 0.0 { tail } else { 1.0 - tail }
        };
        // Below -13.16 the bell is flushed to zero.
        let most = |x: f64| match x {
            ..-13.16 => f64::INFINITY,
            ..0.0 => 7.0 + x * x / 2.0,
            _ => 7.0,
        };
        check(each_normal_below, truth, most);
        let density = |x: f64| (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
        check(each_normal_density, density, |x| {
            if x.abs() > 13.16 { f64::INFINITY } else { 2.0 + x * x / 2.0 }
        });
    }
}
