//! Powers to decibels.
//!
//! Source: `librosa.power_to_db` of librosa 0.11.

use super::logarithm::{at_least, log10, log10_at_least};
use super::reference::Reference;

/// The numbers compared at once while the loudest is sought.
const LANES: usize = 16;

/// The parameters of `librosa.power_to_db`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decibels {
    /// `ref`: the power that is 0 dB, above 0.
    pub reference: Reference,
    /// The least power that is told from silence, at least 1.2e-38 (`f32::MIN_POSITIVE`).
    pub amin: f32,
    /// How far below a sound's loudest value its floor is, in dB, 0 or more; `None` for no floor.
    pub top_db: Option<f32>,
}

impl Default for Decibels {
    fn default() -> Self {
        Self { reference: Reference::Power(1.0), amin: 1e-10, top_db: Some(80.0) }
    }
}

impl Decibels {
    /// Turns the powers of one sound, all frames and bands, into dB in place; NaN stays.
    pub fn apply(&self, powers: &mut [f32]) {
        let loudest = at_least(loudest(powers), self.amin);
        let zero = self.zero(loudest);
        let floor = self.top_db.map_or(f32::MIN, |top_db| 10.0 * log10(loudest) - zero - top_db);
        log10_at_least(powers, self.amin);
        for value in powers {
            *value = at_least(10.0 * *value - zero, floor);
        }
    }

    /// What is taken off all values, in dB.
    #[expect(clippy::cast_possible_truncation, reason = "dB of an f64 fit in an f32")]
    fn zero(&self, loudest: f32) -> f32 {
        match self.reference {
            Reference::Power(power) => (10.0 * power.max(f64::from(self.amin)).log10()) as f32,
            Reference::Max => 10.0 * log10(loudest),
        }
    }
}

/// The largest of some numbers that are 0 or more; NaN is passed over.
pub(in crate::audio) fn loudest(values: &[f32]) -> f32 {
    let mut largest = [0.0_f32; LANES];
    let (groups, rest) = values.as_chunks::<LANES>();
    for group in groups {
        for (largest, &value) in largest.iter_mut().zip(group) {
            *largest = if value > *largest { value } else { *largest };
        }
    }
    let rest = rest.iter().copied().fold(0.0, f32::max);
    largest.into_iter().fold(rest, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_the_power_is_ten_decibels_less() {
        let mut powers = [1.0, 0.1, 0.01, 1e-20];
        Decibels::default().apply(&mut powers);
        for (value, expected) in powers.into_iter().zip([0.0, -10.0, -20.0, -80.0]) {
            assert!((value - expected).abs() < 1e-5, "{value}, not {expected}");
        }
    }

    #[test]
    fn a_power_that_is_no_number_stays_one_and_moves_no_other() {
        let mut powers = [1.0, f32::NAN, f32::INFINITY, 1e-20];
        Decibels::default().apply(&mut powers);
        assert!(powers[0].abs() < 1e-6);
        assert!(powers[1].is_nan() && powers[2].is_nan());
    }
}
