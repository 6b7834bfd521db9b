//! What serde calls things, in the words of a person who writes a config.

use serde::de::Unexpected;

/// The longest text that is shown of what was written, in characters.
const SHOWN: usize = 60;

/// What was written, such as `the text "many"`.
pub(crate) fn got(unexpected: &Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Bool(flag) => flag.to_string(),
        Unexpected::Unsigned(number) => number.to_string(),
        Unexpected::Signed(number) => number.to_string(),
        Unexpected::Float(number) => number.to_string(),
        Unexpected::Str(text) => text_shown(text),
        Unexpected::Unit | Unexpected::Option => "empty".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a section".to_owned(),
        other => other.to_string(),
    }
}

fn text_shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("the text {:?}…", &text[..end]),
        None => format!("the text {text:?}"),
    }
}

/// What was expected: a type of Rust's by what a person would write, any other words as they are.
pub(crate) fn expected(words: &str) -> String {
    let plain = match words {
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number of 0 or more",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "a character" => TEXT,
        "a sequence" => "a list",
        "a map" => "a section",
        "unit" => "nothing",
        "path string" => "a path",
        _ if is_a_type(words) => "a section",
        _ => {
            return words
                .replace("an array of length", "a list of")
                .replace("a tuple of size", "a list of");
        }
    };
    plain.to_owned()
}

/// What a name or another text is called, so that a hint can know it.
pub(crate) const TEXT: &str = "a text";

fn is_a_type(words: &str) -> bool {
    ["struct ", "enum ", "internally tagged", "adjacently tagged", "struct variant"]
        .iter()
        .any(|start| words.starts_with(start))
}

/// A message of serde's own about a value that fits no form of a type.
pub(crate) fn fits_no_form(message: &str) -> bool {
    message.starts_with("data did not match any variant")
}

/// The words that YAML 1.1 has for true and false; later YAML, and names of columns, take them for
/// texts.
pub(crate) fn flag(word: &str) -> Option<bool> {
    let is_cased = |lower: &str| {
        word == lower
            || word == lower.to_uppercase()
            || (word.to_lowercase() == lower
                && word.starts_with(char::is_uppercase)
                && word[1..] == lower[1..])
    };
    if ["yes", "on", "y"].into_iter().any(is_cased) {
        return Some(true);
    }
    ["no", "off", "n"].into_iter().any(is_cased).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_yaml_1_1_are_flags_in_their_three_spellings() {
        for word in ["yes", "Yes", "YES", "on", "On", "ON", "y", "Y"] {
            assert_eq!(flag(word), Some(true), "{word}");
        }
        for word in ["no", "No", "NO", "off", "Off", "OFF", "n", "N"] {
            assert_eq!(flag(word), Some(false), "{word}");
        }
        for word in ["yEs", "true", "", "ja", "\u{e9}", "once"] {
            assert_eq!(flag(word), None, "{word}");
        }
    }

    #[test]
    fn types_are_called_what_a_person_writes() {
        for (rust, plain) in [
            ("usize", "a whole number of 0 or more"),
            ("i64", "a whole number"),
            ("f64", "a number"),
            ("a boolean", "true or false"),
            ("struct Optimizer", "a section"),
            ("an array of length 2", "a list of 2"),
            ("a number or [height, width]", "a number or [height, width]"),
        ] {
            assert_eq!(expected(rust), plain);
        }
        assert_eq!(got(&Unexpected::Str(&"x".repeat(9_999))).chars().count(), 72);
    }
}
