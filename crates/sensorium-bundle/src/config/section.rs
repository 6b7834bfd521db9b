//! Sections that name a component by `type`, and defaults laid under them.

use sensorium_core::ConfigError;
use serde_json::{Map, Value};

/// Takes a section apart into the component's name and the rest; a bare name is a section too.
///
/// # Errors
///
/// [`ConfigError::Invalid`] where it is neither a name nor a section with a text as its `type`.
pub(super) fn component(
    written: Value,
    default: &str,
    key: &str,
) -> Result<(String, Value), ConfigError> {
    match written {
        Value::Null => Ok((default.to_owned(), Value::Object(Map::new()))),
        Value::String(name) => Ok((name, Value::Object(Map::new()))),
        Value::Object(mut section) => match section.shift_remove("type") {
            None | Some(Value::Null) => Ok((default.to_owned(), Value::Object(section))),
            Some(Value::String(name)) => Ok((name, Value::Object(section))),
            Some(other) => {
                Err(ConfigError::invalid(&format!("{key}.type"), other, "a component's name"))
            }
        },
        other => Err(ConfigError::invalid(key, other, "a section or a component's name")),
    }
}

/// Lays `written` over `default`, key by key and section by section.
///
/// Where both name a component and the names differ, the default's other keys belong to the other
/// component and are left out.
pub(super) fn over(default: Value, written: Value) -> Value {
    match (default, written) {
        (default, Value::Null) => default,
        (default @ Value::Object(_), Value::String(name)) => {
            let named = Map::from_iter([("type".to_owned(), Value::String(name))]);
            over(default, Value::Object(named))
        }
        (Value::Object(mut default), Value::Object(written)) => {
            if written.get("type").is_some_and(|name| default.get("type") != Some(name)) {
                return Value::Object(written);
            }
            for (key, value) in written {
                let below = default.shift_remove(&key).unwrap_or_default();
                default.insert(key, over(below, value));
            }
            Value::Object(default)
        }
        (_, written) => written,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_lies_over_the_default() {
        let default = json!({"encoder": {"type": "rnn", "state_size": 8}, "x": 1});
        let written = json!({"encoder": {"num_layers": 2}});
        let expected =
            json!({"x": 1, "encoder": {"type": "rnn", "state_size": 8, "num_layers": 2}});
        assert_eq!(over(default, written), expected);
    }

    #[test]
    fn another_component_takes_no_key_of_the_default_one() {
        let default = json!({"type": "rnn", "state_size": 8});
        assert_eq!(over(default.clone(), json!({"type": "embed"})), json!({"type": "embed"}));
        assert_eq!(over(default, json!("embed")), json!({"type": "embed"}));
    }

    #[test]
    fn a_bare_name_is_a_component() {
        let (name, rest) = component(json!("rnn"), "embed", "encoder").unwrap();
        assert_eq!((name.as_str(), rest), ("rnn", json!({})));
    }
}
