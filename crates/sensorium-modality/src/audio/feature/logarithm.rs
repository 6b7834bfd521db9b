//! Logarithms of many f32 that the compiler turns into SIMD, which calls of libm keep it from.
//!
//! Source: Cephes, `single/logf.c` and `single/log10f.c` (Moshier 1992): the argument is
//! `2^e (1 + m)` with `1 + m` between `√½` and `√2`, and `ln(1 + m) = m - m²/2 + m³ P(m)`. The
//! constants are split so that the products with `e` are exact.
//!
//! Measured over every binade of the normal numbers, the result is within 2e-7 of the logarithm or
//! within 1.2e-7 of its size, whichever is more.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for wide registers")]

use pulp::{Arch, NullaryFnOnce};

/// Coefficients of `P`, that of the highest power first.
const POLYNOMIAL: [f32; 9] = [
    7.037_683_6e-2,
    -0.115_146_1,
    0.116_769_99,
    -0.124_201_41,
    0.142_493_23,
    -0.166_680_58,
    0.200_007_15,
    -0.249_999_94,
    0.333_333_3,
];
/// The bits of `√½`, where the binades are cut.
const ROOT_OF_HALF: u32 = 0x3f35_04f3;

/// Takes the decimal logarithm of each value, or of `least` where that is more.
///
/// `least` is a positive normal number; what is not finite becomes NaN.
pub(in crate::audio) fn log10_at_least(values: &mut [f32], least: f32) {
    Arch::new().dispatch(Log10 { values, least });
}

/// As [`log10_at_least`], the natural logarithm.
pub(in crate::audio) fn ln_at_least(values: &mut [f32], least: f32) {
    Arch::new().dispatch(Ln { values, least });
}

struct Log10<'a> {
    values: &'a mut [f32],
    least: f32,
}

impl NullaryFnOnce for Log10<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.values.iter_mut().for_each(|value| *value = log10(at_least(*value, self.least)));
    }
}

struct Ln<'a> {
    values: &'a mut [f32],
    least: f32,
}

impl NullaryFnOnce for Ln<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.values.iter_mut().for_each(|value| *value = ln(at_least(*value, self.least)));
    }
}

/// `f32::max` that keeps NaN and that compilers turn into one instruction.
#[inline(always)]
pub(in crate::audio) fn at_least(value: f32, least: f32) -> f32 {
    if value < least { least } else { value }
}

/// The decimal logarithm of a positive normal number; of what is not finite, NaN.
#[inline(always)]
pub(in crate::audio) fn log10(value: f32) -> f32 {
    const LOG_E: [f32; 2] = [0.433_593_75, 7.007_319e-4];
    const LOG_2: [f32; 2] = [0.300_781_25, 2.487_456_6e-4];
    let (exponent, m, rest) = parts(value);
    let low = rest * LOG_E[1] + m * LOG_E[1] + exponent * LOG_2[1];
    let sum = low + rest * LOG_E[0] + m * LOG_E[0] + exponent * LOG_2[0];
    if value.is_finite() { sum } else { f32::NAN }
}

/// The natural logarithm of a positive normal number; of what is not finite, NaN.
#[inline(always)]
pub(in crate::audio) fn ln(value: f32) -> f32 {
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let (exponent, m, rest) = parts(value);
    let sum = (rest + exponent * LN_2[1]) + m + exponent * LN_2[0];
    if value.is_finite() { sum } else { f32::NAN }
}

/// `e`, `m` and `ln(1 + m) - m`.
#[inline(always)]
#[expect(clippy::cast_possible_wrap, reason = "the sign is that of the exponent")]
fn parts(value: f32) -> (f32, f32, f32) {
    let shifted = value.to_bits().wrapping_sub(ROOT_OF_HALF);
    let exponent = ((shifted as i32) >> 23) as f32;
    let m = f32::from_bits((shifted & 0x007f_ffff) + ROOT_OF_HALF) - 1.0;
    let square = m * m;
    let polynomial = POLYNOMIAL.iter().fold(0.0, |sum, coefficient| sum * m + coefficient);
    (exponent, m, m * square * polynomial - 0.5 * square)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worst difference from the f64 logarithm, in steps of what the module promises.
    fn worst(approximate: fn(f32) -> f32, exact: fn(f64) -> f64) -> f64 {
        let exponents = 1..255_u32;
        let numbers =
            exponents.flat_map(|e| (0..1 << 23).step_by(1_021).map(move |m| (e << 23) | m));
        let differences = numbers.map(f32::from_bits).map(|number| {
            let expected = exact(f64::from(number));
            let allowed = (1.2e-7 * expected.abs()).max(2e-7);
            (f64::from(approximate(number)) - expected).abs() / allowed
        });
        crate::golden::worst(differences)
    }

    #[test]
    fn every_binade_is_within_the_stated_error() {
        assert!(worst(log10, f64::log10) <= 1.0);
        assert!(worst(ln, f64::ln) <= 1.0);
    }

    #[test]
    fn what_is_not_finite_has_no_logarithm() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(log10(value).is_nan() && ln(value).is_nan());
        }
    }
}
