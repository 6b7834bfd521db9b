//! What is done about an absent cell: the one answer, spelled in Ludwig's key.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};
use serde::{Serialize, Serializer};

/// `preprocessing.missing_value_strategy` of every input. There is one, `mask`.
///
/// Ludwig's others put something in the cell's place: a constant, a mean, or the next row's
/// picture. They are refused with a message that says so, since a model would take what was put
/// there for what was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingValueStrategy {
    /// An absent cell stays absent: encoders and combiners work on what is present.
    #[default]
    Mask,
}

impl Serialize for MissingValueStrategy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("mask")
    }
}

impl<'de> Deserialize<'de> for MissingValueStrategy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(StrategyName)
    }
}

struct StrategyName;

impl Visitor<'_> for StrategyName {
    type Value = MissingValueStrategy;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`mask` (an absent cell is masked here, never filled in)")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<MissingValueStrategy, E> {
        match name {
            "mask" => Ok(MissingValueStrategy::Mask),
            other => Err(E::invalid_value(Unexpected::Str(other), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use sensorium_core::config;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_strategy_that_fills_in_is_refused_saying_that_absent_cells_are_masked() {
        let error = config::read::<MissingValueStrategy>(json!("bfill")).unwrap_err();
        let message = error.under("missing_value_strategy").to_string();
        assert_eq!(
            message,
            "`missing_value_strategy` is the text \"bfill\", but `mask` (an absent cell is masked \
             here, never filled in) was expected"
        );
    }

    #[test]
    fn mask_is_read_and_written() {
        let mask = config::read::<MissingValueStrategy>(json!("mask")).unwrap();
        assert_eq!(serde_json::to_value(mask).unwrap(), json!("mask"));
    }
}
