//! From what the user wrote to a typed config, with every mistake named by its place.
//!
//! [`read`] turns a JSON-like value into any `Deserialize` type; unlike `serde_json::from_value`
//! its errors carry the path (`input_features[2].encoder.num_filters`), what was got and what is
//! valid, so that a hint can name the nearest valid key or value.

use std::fmt::{self, Display};
use std::ops::{Bound, RangeBounds};

use serde::de::value::StringDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

use crate::text::{self, shown_up_to};
use crate::{Hint, nearest, plain};

/// What is wrong with a config, and where.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A key that no part reads.
    #[error("{} has no key `{}`", place(.at), text::shown(.key))]
    UnknownKey {
        /// Path of the section that holds the key.
        at: String,
        /// The key as written.
        key: String,
        /// Every key the section reads.
        valid: Vec<String>,
    },
    /// A name that is not in the list it is chosen from.
    #[error("{} is `{}`, which is not one of its values", place(.at), text::shown(.got))]
    UnknownValue {
        /// Path of the value.
        at: String,
        /// The value as written.
        got: String,
        /// Every valid value.
        valid: Vec<String>,
    },
    /// A key that must be given.
    #[error("{} lacks the key `{key}`", place(.at))]
    MissingKey {
        /// Path of the section that lacks it.
        at: String,
        /// The key.
        key: String,
    },
    /// A value of another type, or outside its range.
    #[error("{} is {}, but {expected} was expected", place(.at), shown_up_to(.got, SHOWN_VALUE))]
    Invalid {
        /// Path of the value.
        at: String,
        /// What was written.
        got: String,
        /// What may be written.
        expected: String,
    },
    /// Parts that are each valid but do not go together.
    #[error("{}: {problem}", place(.at))]
    Conflict {
        /// Path of the section.
        at: String,
        /// What does not fit what.
        problem: String,
        /// What to change.
        advice: String,
    },
}

/// The longest value that an error shows, in characters: a value may be a list.
const SHOWN_VALUE: usize = 200;
/// The longest path that an error shows, in characters: it may hold a key that someone wrote.
const SHOWN_PLACE: usize = 400;

fn place(at: &str) -> String {
    if at.is_empty() {
        "the config".to_owned()
    } else {
        format!("`{}`", shown_up_to(at, SHOWN_PLACE))
    }
}

impl ConfigError {
    /// The same mistake seen from the section that `key` is in.
    #[must_use]
    pub fn under(mut self, key: &str) -> Self {
        let (Self::UnknownKey { at, .. }
        | Self::UnknownValue { at, .. }
        | Self::MissingKey { at, .. }
        | Self::Invalid { at, .. }
        | Self::Conflict { at, .. }) = &mut self;
        let dot = if at.is_empty() || at.starts_with('[') || key.is_empty() { "" } else { "." };
        *at = format!("{key}{dot}{at}");
        self
    }

    /// A value that is not in the list it is chosen from.
    pub fn unknown_value<'a>(
        at: &str,
        got: &str,
        valid: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let valid = valid.into_iter().map(str::to_owned).collect();
        Self::UnknownValue { at: at.to_owned(), got: got.to_owned(), valid }
    }

    /// A value outside what `expected` says.
    pub fn invalid(at: &str, got: impl Display, expected: impl Display) -> Self {
        let got = shortened(got.to_string());
        Self::Invalid { at: at.to_owned(), got, expected: expected.to_string() }
    }
}

/// A number with its digits cut to those that tell it from others: `1e40`, not 41 digits.
fn shortened(got: String) -> String {
    // As long as the largest whole number of 64 bits.
    const DIGITS: usize = 20;
    match got.parse::<f64>() {
        Ok(number) if got.len() > DIGITS && number.is_finite() => format!("{number:e}"),
        _ => got,
    }
}

impl Hint for ConfigError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKey { key: got, valid, .. } | Self::UnknownValue { got, valid, .. } => {
                let all = format!("valid: {}", valid.join(", "));
                Some(match nearest(got, valid.iter().map(String::as_str)) {
                    Some(meant) => format!("did you mean `{meant}`? {all}"),
                    None => all,
                })
            }
            Self::Conflict { advice, .. } => Some(advice.clone()),
            Self::Invalid { expected, .. } if expected == plain::TEXT => {
                Some("put it in quotes".to_owned())
            }
            Self::MissingKey { .. } | Self::Invalid { .. } => None,
        }
    }
}

/// Reads a config section into its type.
///
/// # Errors
///
/// [`ConfigError`] for the first unknown key, unknown value, missing key or wrong type, its path
/// relative to `value`; use [`ConfigError::under`] to place it in the whole config.
pub fn read<T: DeserializeOwned>(value: Value) -> Result<T, ConfigError> {
    T::deserialize(Reader(value)).map_err(|error| error.0)
}

/// Checks that a value is in its documented range.
///
/// # Errors
///
/// [`ConfigError::Invalid`] at `key` where it is not.
pub fn in_range<N>(key: &str, value: N, range: impl RangeBounds<N>) -> Result<(), ConfigError>
where
    N: PartialOrd + Display,
{
    if range.contains(&value) {
        return Ok(());
    }
    let expected = match (range.start_bound(), range.end_bound()) {
        (Bound::Included(low), Bound::Included(high)) if is_least_positive(low) => {
            format!("above 0 and at most {high}")
        }
        (Bound::Included(low), Bound::Included(high)) => format!("{low} to {high}"),
        (Bound::Included(low), Bound::Excluded(high)) => format!("{low} or more and below {high}"),
        (Bound::Excluded(low), Bound::Included(high)) => format!("above {low} and at most {high}"),
        (Bound::Excluded(low), Bound::Excluded(high)) => format!("above {low} and below {high}"),
        (Bound::Included(low), Bound::Unbounded) => format!("{low} or more"),
        (Bound::Excluded(low), Bound::Unbounded) => format!("more than {low}"),
        (Bound::Unbounded, Bound::Included(high)) => format!("at most {high}"),
        (Bound::Unbounded, Bound::Excluded(high)) => format!("below {high}"),
        (Bound::Unbounded, Bound::Unbounded) => "a number".to_owned(),
    };
    Err(ConfigError::invalid(key, value, expected))
}

/// Whether a bound is the smallest number above 0, which has 300 digits.
fn is_least_positive(bound: &impl Display) -> bool {
    let bound = bound.to_string();
    bound.len() > 300 && bound.parse() == Ok(f64::MIN_POSITIVE)
}

/// [`ConfigError`] as the error of a serde deserializer.
#[derive(Debug)]
struct ReadError(ConfigError);

impl Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<M: Display>(message: M) -> Self {
        if plain::fits_no_form(&message.to_string()) {
            return Self(ConfigError::invalid("", "of another form", "one that is in docs/"));
        }
        let advice = "see the configuration reference in docs/".to_owned();
        Self(ConfigError::Conflict { at: String::new(), problem: message.to_string(), advice })
    }

    fn invalid_type(got: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = plain::expected(&expected.to_string());
        Self(ConfigError::invalid("", plain::got(&got), expected))
    }

    fn invalid_value(got: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(got, expected)
    }

    fn invalid_length(got: usize, expected: &dyn Expected) -> Self {
        let expected = plain::expected(&expected.to_string());
        Self(ConfigError::invalid("", format!("a list of {got}"), expected))
    }

    fn unknown_variant(got: &str, valid: &'static [&'static str]) -> Self {
        Self(ConfigError::unknown_value("", got, valid.iter().copied()))
    }

    fn unknown_field(key: &str, valid: &'static [&'static str]) -> Self {
        let valid = valid.iter().map(|&name| name.to_owned()).collect();
        Self(ConfigError::UnknownKey { at: String::new(), key: key.to_owned(), valid })
    }

    fn missing_field(key: &'static str) -> Self {
        Self(ConfigError::MissingKey { at: String::new(), key: key.to_owned() })
    }
}

struct Reader(Value);

impl<'de> Deserializer<'de> for Reader {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(flag),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => whole_list(items, visitor),
            Value::Object(map) => visitor.visit_map(Entries::from(map)),
            Value::Number(number) => {
                if let Some(whole) = number.as_u64() {
                    visitor.visit_u64(whole)
                } else if let Some(whole) = number.as_i64() {
                    visitor.visit_i64(whole)
                } else {
                    visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN))
                }
            }
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0.as_str().and_then(plain::flag) {
            Some(flag) => visitor.visit_bool(flag),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::String(text) => {
                visitor.visit_enum(IntoDeserializer::<ReadError>::into_deserializer(text.as_str()))
            }
            other => Err(ReadError(ConfigError::invalid(
                "",
                shown(&other),
                format_args!("one of {}", variants.join(", ")),
            ))),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// Hands a list over, and refuses it where some of it is left: `[0.9, 0.9, 0.9]` is no pair.
fn whole_list<'de, V: Visitor<'de>>(items: Vec<Value>, visitor: V) -> Result<V::Value, ReadError> {
    let got = items.len();
    let mut items = Items { items: items.into_iter(), index: 0 };
    let read = visitor.visit_seq(&mut items)?;
    if items.items.len() == 0 {
        return Ok(read);
    }
    let expected = format!("a list of {}", items.index);
    Err(ReadError(ConfigError::invalid("", format!("a list of {got}"), expected)))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "a section".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Null => "empty".to_owned(),
        scalar => format!("`{scalar}`"),
    }
}

struct Items {
    items: std::vec::IntoIter<Value>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Items {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        let read = seed.deserialize(Reader(item));
        read.map(Some).map_err(|error| ReadError(error.0.under(&format!("[{index}]"))))
    }
}

struct Entries {
    entries: serde_json::map::IntoIter,
    pending: Option<(String, Value)>,
}

impl From<Map<String, Value>> for Entries {
    fn from(map: Map<String, Value>) -> Self {
        Self { entries: map.into_iter(), pending: None }
    }
}

impl<'de> MapAccess<'de> for Entries {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ReadError> {
        self.pending = self.entries.next();
        let Some((key, _)) = &self.pending else { return Ok(None) };
        let key: StringDeserializer<ReadError> = key.clone().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let (key, value) = self.pending.take().expect("serde asks for a key before its value");
        seed.deserialize(Reader(value)).map_err(|error| ReadError(error.0.under(&key)))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Encoder {
        num_filters: usize,
        activation: Activation,
        layers: Vec<Encoder>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Activation {
        #[default]
        Relu,
        Gelu,
    }

    fn mistake(value: Value) -> (String, Option<String>) {
        let error = read::<Encoder>(value).unwrap_err();
        (error.to_string(), error.hint())
    }

    #[test]
    fn an_unknown_key_is_placed_and_the_nearest_one_named() {
        let (message, hint) = mistake(json!({"layers": [{}, {"num_filter": 3}]}));
        assert_eq!(message, "`layers[1]` has no key `num_filter`");
        assert_eq!(
            hint.unwrap(),
            "did you mean `num_filters`? valid: num_filters, activation, layers"
        );
    }

    #[test]
    fn an_unknown_value_is_placed_and_the_nearest_one_named() {
        let (message, hint) = mistake(json!({"activation": "rellu"}));
        assert_eq!(message, "`activation` is `rellu`, which is not one of its values");
        assert_eq!(hint.unwrap(), "did you mean `relu`? valid: relu, gelu");
    }

    #[test]
    fn a_value_of_another_type_says_what_was_got_and_expected() {
        let (message, _) = mistake(json!({"num_filters": "many"}));
        assert_eq!(
            message,
            "`num_filters` is the text \"many\", but a whole number of 0 or more was expected"
        );
    }

    #[test]
    fn a_list_has_as_many_entries_as_are_read() {
        let pair = |value| read::<[f64; 2]>(value).map_err(|error| error.to_string());
        assert_eq!(pair(json!([0.9, 0.99])), Ok([0.9, 0.99]));
        let expected =
            |got| Err(format!("the config is a list of {got}, but a list of 2 was expected"));
        assert_eq!(pair(json!([0.9])), expected(1));
        assert_eq!(pair(json!([0.9, 0.9, 0.9])), expected(3));
        assert_eq!(pair(json!([0.9, 0.9, 0.9, "x"])), expected(4));
        assert_eq!(read::<Vec<u8>>(json!([1, 2, 3])).unwrap(), [1, 2, 3]);
    }

    #[test]
    fn a_flag_may_be_a_word_of_yaml_1_1_and_a_text_stays_one() {
        assert!(read::<bool>(json!("yes")).unwrap());
        assert_eq!(read::<Option<bool>>(json!("Off")).unwrap(), Some(false));
        assert_eq!(read::<String>(json!("yes")).unwrap(), "yes");
        let message = read::<bool>(json!("maybe")).unwrap_err().to_string();
        assert_eq!(message, "the config is the text \"maybe\", but true or false was expected");
    }

    #[test]
    fn no_word_of_rust_is_in_a_message() {
        let messages = [
            mistake(json!({"num_filters": -1})).0,
            mistake(json!({"num_filters": 1.5})).0,
            mistake(json!({"num_filters": null})).0,
            mistake(json!({"layers": 3})).0,
            mistake(json!(["a"])).0,
            read::<f64>(json!({})).unwrap_err().to_string(),
            in_range("eps", 2.0, f64::MIN_POSITIVE..=1.0).unwrap_err().to_string(),
        ];
        assert_eq!(
            messages[0],
            "`num_filters` is -1, but a whole number of 0 or more was expected"
        );
        assert_eq!(
            messages[2],
            "`num_filters` is empty, but a whole number of 0 or more was expected"
        );
        assert_eq!(messages[3], "`layers` is 3, but a list was expected");
        assert_eq!(messages[6], "`eps` is 2, but above 0 and at most 1 was expected");
        for message in messages {
            for word in ["usize", "f64", "struct", "enum", "sequence", "integer", "unit", "map"] {
                assert!(!message.contains(word), "{message}");
            }
        }
    }

    #[test]
    fn a_name_that_is_a_number_is_to_be_quoted() {
        let error = read::<String>(json!(2020)).unwrap_err();
        assert_eq!(error.to_string(), "the config is 2020, but a text was expected");
        assert_eq!(error.hint().unwrap(), "put it in quotes");
    }

    #[test]
    fn no_error_is_longer_than_a_person_reads() {
        for (got, expected) in
            [(1e40, "1e40"), (1.0 / 3.0, "0.3333333333333333"), (-1.5e300, "-1.5e300")]
        {
            let error = in_range("rate", got, 0.0..=0.1).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("`rate` is {expected}, but 0 to 0.1 was expected")
            );
        }
        let valid = vec!["type".to_owned()];
        let key = "\u{1b}[2J".repeat(250_000);
        let error = ConfigError::UnknownKey { at: key.clone(), key, valid };
        assert!(error.to_string().len() < 4_000);
        assert!(error.to_string().starts_with("`\\u{1b}[2J\\u{1b}[2J"));
        assert_eq!(error.hint().unwrap(), "valid: type");
    }

    #[test]
    fn a_value_out_of_range_says_the_range() {
        let error = in_range("dropout", 1.5, 0.0..1.0).unwrap_err().under("encoder");
        assert_eq!(
            error.to_string(),
            "`encoder.dropout` is 1.5, but 0 or more and below 1 was expected"
        );
    }
}
