//! One value, one label, whatever the file's format.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::storage::text_from_number;

/// What labels are compared by, so that one value is one label in CSV, JSON Lines and Parquet:
///
/// - white space around a label does not count;
/// - a letter and its accent are one character (Unicode's NFC);
/// - `true` and `false` may be written in any case, as Python's `True` and Excel's `TRUE`;
/// - a whole number may be written with a fraction of zero (`1.0`), as pandas does where a column
///   of whole numbers lacks some, or by an exponent as Python prints it (`1e+16`).
///
/// Digits that are no number stay as they are: `007` is not `7`, nor `1.10` the same as `1.1`.
///
/// # Examples
///
/// ```
/// use sensorium_table::label_key;
///
/// assert_eq!(label_key(" TRUE "), label_key("true"));
/// assert_eq!(label_key("1.0"), label_key("1"));
/// assert_eq!(label_key("cafe\u{301}"), label_key("café"));
/// assert_ne!(label_key("007"), label_key("7"));
/// ```
#[must_use]
pub fn label_key(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if !is_nfc(text) {
        return Cow::Owned(text.nfc().collect());
    }
    if ["true", "false"].iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    if let Some(whole) = whole_number(text) {
        return Cow::Borrowed(whole);
    }
    match python_exponent(text) {
        Some(number) => Cow::Owned(text_from_number(number)),
        None => Cow::Borrowed(text),
    }
}

/// `1` of `1`, `1.0` and `1.00`; `0` of `-0`. `None` where the digits are no plain whole number.
fn whole_number(text: &str) -> Option<&str> {
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|byte| byte == b'0') => whole,
        Some(_) => return None,
        None => text,
    };
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_code = digits.len() > 1 && digits.starts_with('0');
    (is_number && !is_code).then_some(if digits == "0" { digits } else { whole })
}

/// The number that Python's `repr` of a float writes with an exponent: `1e-05`, `-2.5e+16`.
fn python_exponent(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('e')?;
    let digits = exponent.strip_prefix(['+', '-'])?;
    let is_exponent = digits.len() >= 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_mantissa = mantissa.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-'));
    text.parse().ok().filter(|_| is_exponent && is_mantissa)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_value_are_one_label() {
        for (spellings, label) in [
            (&["true", "True", "TRUE", "true "][..], "true"),
            (&["1", "1.0", "1.", "1.00", "\t1"], "1"),
            (&["-3", "-3.0"], "-3"),
            (&["0", "-0", "0.0", "-0.0"], "0"),
            (&["1e-06", "1e-6"], "1e-6"),
            (&["1e-05"], "0.00001"),
            (&["1e+16"], "10000000000000000"),
            (&["1e+300", "1e300"], "1e300"),
            (&["Ünïcode", "U\u{308}ni\u{308}code"], "Ünïcode"),
        ] {
            for spelling in spellings {
                assert_eq!(label_key(spelling), label, "{spelling}");
            }
        }
    }

    #[test]
    fn what_may_be_a_code_stays_as_written() {
        for label in ["007", "00", "1.10", "1.5", "+1", "1e5", "3E8", "Yes", "T", "-", ".0", ""] {
            assert_eq!(label_key(label), label);
        }
    }
}
