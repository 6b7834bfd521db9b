//! A section of the config, read by the groups of keys that a front end is made of.
//!
//! serde's `flatten` would lose which keys are valid and where a mistake is.

use std::fmt;

use sensorium_core::{ConfigError, config};
use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

/// What is still to be read of a section.
#[derive(Debug)]
pub(super) struct Section {
    given: Map<String, Value>,
    valid: Vec<&'static str>,
}

impl Section {
    pub(super) const fn new(given: Map<String, Value>) -> Self {
        Self { given, valid: Vec::new() }
    }

    /// Takes the keys that `T` reads.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for an unknown value or a wrong type.
    pub(super) fn take<T: DeserializeOwned>(&mut self) -> Result<T, ConfigError> {
        let keys = keys_of::<T>();
        self.valid.extend(keys);
        let taken = keys.iter().filter_map(|key| self.given.remove_entry(*key)).collect();
        config::read(Value::Object(taken))
    }

    /// The keys that were asked for so far.
    pub(super) fn valid(&self) -> &[&'static str] {
        &self.valid
    }

    /// A key that nothing asked for.
    pub(super) fn left_over(&self) -> Option<&str> {
        self.given.keys().next().map(String::as_str)
    }
}

/// The fields of a struct, from what it asks a deserializer for.
fn keys_of<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut keys: &'static [&'static str] = &[];
    // The answer is always an error: the question is all that matters.
    let _ = T::deserialize(Asked(&mut keys));
    keys
}

struct Asked<'a>(&'a mut &'static [&'static str]);

#[derive(Debug)]
struct NoAnswer;

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("only the names of the fields are asked for")
    }
}

impl std::error::Error for NoAnswer {}

impl Error for NoAnswer {
    fn custom<M: fmt::Display>(_: M) -> Self {
        Self
    }
}

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = NoAnswer;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, NoAnswer> {
        Err(NoAnswer)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, NoAnswer> {
        *self.0 = fields;
        Err(NoAnswer)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
