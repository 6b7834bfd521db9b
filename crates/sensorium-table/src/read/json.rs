//! JSON in which no object has a key twice.
//!
//! RFC 8259, section 4: names within an object should be unique, and what software does otherwise is
//! not predictable. `serde_json` keeps the last of the values without a word.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads one value, and says what is wrong with it where it is none: `is not JSON (…)` or
/// ``has the key `a` twice``.
pub(super) fn parse(text: &[u8]) -> Result<Value, String> {
    let parsed: Result<Unique, serde_json::Error> = serde_json::from_slice(text);
    parsed.map(|Unique(value)| value).map_err(|error| {
        let position = format!(" at line {} column {}", error.line(), error.column());
        let message = error.to_string();
        let message = message.strip_suffix(&position).unwrap_or(&message);
        // Only a doubled key is a mistake of ours rather than the parser's.
        if error.is_data() {
            message.to_owned()
        } else {
            format!("is not JSON ({message}, at byte {})", error.column())
        }
    })
}

/// A value in which no key is doubled.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, whole: i64) -> Result<Value, E> {
        Ok(Value::Number(whole.into()))
    }

    fn visit_u64<E>(self, whole: u64) -> Result<Value, E> {
        Ok(Value::Number(whole.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                let key = sensorium_core::text::shown(&key);
                return Err(de::Error::custom(format!("has the key `{key}` twice")));
            }
            let Unique(value) = entries.next_value()?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
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
        assert_eq!(parse(text.as_bytes()).unwrap(), expected);
        assert_eq!(parse(b" 3 ").unwrap(), json!(3));
    }

    #[test]
    fn a_doubled_key_is_named_at_any_depth() {
        let mistake = |text: &str| parse(text.as_bytes()).unwrap_err();
        assert_eq!(mistake(r#"{"a": 1, "b": 2, "a": 1}"#), "has the key `a` twice");
        assert_eq!(mistake(r#"{"a": 1, "\u0061": 2}"#), "has the key `a` twice");
        assert_eq!(mistake(r#"{"i": {"path": "x", "path": "y"}}"#), "has the key `path` twice");
        assert_eq!(mistake(r#"[{"\n": 1, "\n": 2}]"#), "has the key `\\n` twice");
        assert!(parse(br#"{"a": {"x": 1}, "b": {"x": 1}}"#).is_ok());
    }

    #[test]
    fn what_is_not_json_is_placed() {
        let mistake = |text: &str| parse(text.as_bytes()).unwrap_err();
        assert_eq!(mistake(r#"{"x": 1e999}"#), "is not JSON (number out of range, at byte 11)");
        assert_eq!(mistake("{"), "is not JSON (EOF while parsing an object, at byte 1)");
        assert!(mistake(&"[".repeat(100_000)).contains("recursion limit"));
    }
}
