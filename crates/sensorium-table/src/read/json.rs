//! JSON in which no object has a key twice.
//!
//! RFC 8259, section 4: names within an object should be unique, and what software does otherwise is
//! not predictable. `serde_json` keeps the last of the values without a word.

use std::fmt;

use sensorium_core::text::shown;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads one value, and says where the text is none: `is not JSON (…)`.
pub(super) fn parse(text: &[u8]) -> Result<Parsed, String> {
    serde_json::from_slice(text).map_err(|error: serde_json::Error| {
        let position = format!(" at line {} column {}", error.line(), error.column());
        let message = error.to_string();
        let message = message.strip_suffix(&position).unwrap_or(&message);
        format!("is not JSON ({message}, at byte {})", error.column())
    })
}

/// A value, read to its end, and the first key in it that an object has twice.
#[derive(Debug)]
pub(super) struct Parsed {
    value: Value,
    twice: Option<String>,
}

impl Parsed {
    const fn of(value: Value) -> Self {
        Self { value, twice: None }
    }

    /// The value, or what is wrong with it: ``has the key `a` twice``.
    pub(super) fn unique(self) -> Result<Value, String> {
        match self.twice {
            Some(key) => Err(format!("has the key `{}` twice", shown(&key))),
            None => Ok(self.value),
        }
    }
}

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ParsedVisitor)
    }
}

struct ParsedVisitor;

impl<'de> Visitor<'de> for ParsedVisitor {
    type Value = Parsed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Parsed, E> {
        Ok(Parsed::of(Value::Null))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Parsed, E> {
        Ok(Parsed::of(Value::Bool(flag)))
    }

    fn visit_i64<E>(self, whole: i64) -> Result<Parsed, E> {
        Ok(Parsed::of(Value::Number(whole.into())))
    }

    fn visit_u64<E>(self, whole: u64) -> Result<Parsed, E> {
        Ok(Parsed::of(Value::Number(whole.into())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Parsed, E> {
        Ok(Parsed::of(Number::from_f64(number).map_or(Value::Null, Value::Number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Parsed, E> {
        Ok(Parsed::of(Value::String(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Parsed, E> {
        Ok(Parsed::of(Value::String(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Parsed, A::Error> {
        let (mut list, mut twice) = (Vec::new(), None);
        while let Some(item) = items.next_element::<Parsed>()? {
            list.push(item.value);
            twice = twice.or(item.twice);
        }
        Ok(Parsed { value: Value::Array(list), twice })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Parsed, A::Error> {
        let (mut object, mut twice) = (Map::new(), None);
        while let Some(key) = entries.next_key::<String>()? {
            let entry: Parsed = entries.next_value()?;
            let is_known = object.contains_key(&key);
            twice = twice.or(entry.twice).or_else(|| is_known.then(|| key.clone()));
            object.insert(key, entry.value);
        }
        Ok(Parsed { value: Value::Object(object), twice })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_value_is_read_as_it_is_written() {
        let text =
            r#"{"b": [1, -2, 0.5, "x\u00e9", null, true, {"a": {}}], "a": 18446744073709551615}"#;
        let expected: Value = serde_json::from_str(text).unwrap();
        let read = |text: &str| parse(text.as_bytes()).unwrap().unique().unwrap();
        assert_eq!(read(text), expected);
        assert_eq!(read(" 3 "), json!(3));
    }

    #[test]
    fn a_doubled_key_is_named_at_any_depth() {
        let mistake = |text: &str| parse(text.as_bytes()).unwrap().unique().unwrap_err();
        assert_eq!(mistake(r#"{"a": 1, "b": 2, "a": 1}"#), "has the key `a` twice");
        assert_eq!(mistake(r#"{"a": 1, "\u0061": 2}"#), "has the key `a` twice");
        assert_eq!(mistake(r#"{"i": {"path": "x", "path": "y"}}"#), "has the key `path` twice");
        assert_eq!(mistake(r#"[{"\n": 1, "\n": 2}]"#), "has the key `\\n` twice");
        assert_eq!(mistake(r#"{"a": 1, "a": {"b": 1, "b": 2}}"#), "has the key `b` twice");
        let other = parse(br#"{"a": {"x": 1}, "b": {"x": 1}}"#).unwrap();
        assert!(other.unique().is_ok());
    }

    #[test]
    fn what_is_not_json_is_placed() {
        let mistake = |text: &str| parse(text.as_bytes()).unwrap_err();
        assert_eq!(mistake(r#"{"x": 1e999}"#), "is not JSON (number out of range, at byte 11)");
        assert_eq!(mistake("{"), "is not JSON (EOF while parsing an object, at byte 1)");
        assert!(mistake(&"[".repeat(100_000)).contains("recursion limit"));
    }
}
