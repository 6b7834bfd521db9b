//! Powers to decibels.
//!
//! Source: `librosa.power_to_db` of librosa 0.11.

use super::config::CheckedAudio;
use super::reference::Reference;

/// Turns a sound's powers, all frames and bands, into dB in place.
pub(super) fn decibels_from_powers(powers: &mut [f64], config: &CheckedAudio) {
    let least = config.least_power;
    let loudest = powers.iter().copied().fold(0.0, f64::max).max(least);
    let reference = match config.reference {
        Reference::Power(power) => power.max(least),
        Reference::Max => loudest,
    };
    let zero = reference.log10();
    let floor =
        config.top_db.map_or(f64::NEG_INFINITY, |top_db| 10.0 * (loudest.log10() - zero) - top_db);
    for power in powers {
        *power = (10.0 * (power.max(least).log10() - zero)).max(floor);
    }
}
