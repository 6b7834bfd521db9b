//! Texts from outside as a person may read them on a terminal.
//!
//! A cell, a column's name or a path can hold anything. Control characters move the cursor, set
//! titles and forge lines; characters that turn the direction of writing make one text look like
//! another ("Trojan Source", CVE-2021-42574).

use std::borrow::Cow;

/// The longest name or value that a message shows, in characters.
pub const SHOWN_CHARACTERS: usize = 80;

/// One value on one line: every character that is not plainly seen is escaped (`\n`, `\u{1b}`), and
/// what is beyond [`SHOWN_CHARACTERS`] is cut, which `…` says.
///
/// # Examples
///
/// ```
/// use sensorium_core::text::shown;
/// assert_eq!(shown("größe"), "größe");
/// assert_eq!(shown("\u{1b}[2J\n"), "\\u{1b}[2J\\n");
/// assert_eq!(shown(&"x".repeat(99)), format!("{}…", "x".repeat(80)));
/// ```
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    shown_up_to(text, SHOWN_CHARACTERS)
}

/// As [`shown`], with `most` characters for [`SHOWN_CHARACTERS`].
#[must_use]
pub fn shown_up_to(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => escaped(text, is_unseen),
        Some((end, _)) => Cow::Owned(format!("{}…", escaped(&text[..end], is_unseen))),
    }
}

/// A whole message of ours, whatever it quotes: line breaks and tabs are kept, other characters that
/// are not plainly seen are escaped.
///
/// # Examples
///
/// ```
/// use sensorium_core::text::printable;
/// assert_eq!(printable("error: `\u{7}`\nhint: none"), "error: `\\u{7}`\nhint: none");
/// ```
#[must_use]
pub fn printable(message: &str) -> Cow<'_, str> {
    escaped(message, |c| is_unseen(c) && !matches!(c, '\n' | '\t'))
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_escaped(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Controls (C0, DEL, C1), line and paragraph separators, and what turns the direction of writing.
const fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{61c}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_cursor_or_turns_the_writing_is_shown() {
        for c in ('\0'..='\u{9f}').chain('\u{2028}'..='\u{202e}').chain('\u{2066}'..='\u{2069}') {
            let text = shown(c.encode_utf8(&mut [0; 4])).into_owned();
            let is_plain = (' '..='~').contains(&c);
            assert_eq!(text.chars().eq([c]), is_plain, "{c:?}");
            assert!(text.chars().all(|c| (' '..='~').contains(&c)), "{text:?}");
        }
    }

    #[test]
    fn what_people_write_is_left_as_it_is() {
        for text in ["", "naïve 你好 🙂 e\u{301}", "\u{a0}c\\d", "a\u{200d}b"] {
            assert_eq!(shown(text), text);
            assert_eq!(printable(text), text);
        }
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        assert_eq!(shown_up_to("größe", 3), "grö…");
        assert_eq!(shown_up_to("grö", 3), "grö");
        assert_eq!(shown_up_to("a\u{1b}bc", 2), "a\\u{1b}…");
    }
}
