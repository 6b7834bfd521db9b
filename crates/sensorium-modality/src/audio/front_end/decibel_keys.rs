//! The keys of decibels in librosa's terms.

use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use crate::audio::feature::{Decibels, Reference};

/// How powers become dB.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `ref` | 1.0 | power | above 0, or `max` |
/// | `amin` | 1e-10 | power | 1.2e-38 to 3.4e38, the normal numbers of an f32 |
/// | `top_db` | 80 | dB | 0 or more, or null |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecibelKeys {
    /// The power that is 0 dB.
    #[serde(rename = "ref")]
    pub reference: Reference,
    /// The least power that is told from silence.
    pub amin: f64,
    /// How far below a sound's loudest value its floor is, in dB.
    pub top_db: Option<f64>,
}

impl Default for DecibelKeys {
    fn default() -> Self {
        Self { reference: Reference::Power(1.0), amin: 1e-10, top_db: Some(80.0) }
    }
}

impl DecibelKeys {
    #[expect(clippy::cast_possible_truncation, reason = "both are in the range of an f32")]
    pub(super) fn check(&self) -> Result<Decibels, ConfigError> {
        in_range("amin", self.amin, f64::from(f32::MIN_POSITIVE)..=f64::from(f32::MAX))?;
        if let Reference::Power(power) = self.reference {
            // Normal numbers, so that their logarithm is finite.
            in_range("ref", power, f64::MIN_POSITIVE..=f64::MAX)?;
        }
        if let Some(top_db) = self.top_db {
            in_range("top_db", top_db, 0.0..=f64::from(f32::MAX))?;
        }
        Ok(Decibels {
            reference: self.reference,
            amin: self.amin as f32,
            top_db: self.top_db.map(|top_db| top_db as f32),
        })
    }
}
