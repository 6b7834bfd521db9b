//! The power that counts as 0 dB.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// librosa's `ref`: a power, or the loudest power of each sound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reference {
    /// This power is 0 dB.
    Power(f64),
    /// The loudest value of each sound is 0 dB; written `max`.
    Max,
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Power(power) => serializer.serialize_f64(*power),
            Self::Max => serializer.serialize_str("max"),
        }
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PowerOrMax)
    }
}

struct PowerOrMax;

impl Visitor<'_> for PowerOrMax {
    type Value = Reference;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a power above 0, or `max`")
    }

    fn visit_f64<E: Error>(self, power: f64) -> Result<Reference, E> {
        Ok(Reference::Power(power))
    }

    fn visit_u64<E: Error>(self, power: u64) -> Result<Reference, E> {
        Ok(Reference::Power(power as f64))
    }

    fn visit_i64<E: Error>(self, power: i64) -> Result<Reference, E> {
        Ok(Reference::Power(power as f64))
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Reference, E> {
        match word {
            "max" => Ok(Reference::Max),
            _ => Err(E::unknown_variant(word, &["max"])),
        }
    }
}
