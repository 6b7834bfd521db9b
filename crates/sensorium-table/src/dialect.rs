//! How a table file is to be read where its name and its bytes do not say it.

use std::fmt;
use std::str::FromStr;

use encoding_rs::{Encoding, REPLACEMENT};

/// What a person says of a table's file; everything unsaid is found in the file itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialect {
    /// The encoding of CSV and JSON; a byte-order mark in the file goes before it. UTF-8 unless
    /// said.
    pub encoding: Option<TextEncoding>,
    /// What stands between the cells of a CSV file.
    pub delimiter: Option<Delimiter>,
    /// What stands before the fraction of the numbers in a CSV file.
    pub decimal: Option<DecimalMark>,
    /// The sheet of a workbook, the first one unless said.
    pub sheet: Option<String>,
}

impl Dialect {
    /// The flags that are given, each with the extensions of the files that it is for.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
        const CSV: &[&str] = &["csv", "tsv"];
        const TEXT: &[&str] = &["csv", "tsv", "jsonl", "ndjson", "json"];
        let flags = [
            ("--encoding", TEXT, self.encoding.is_some()),
            ("--delimiter", CSV, self.delimiter.is_some()),
            ("--decimal", CSV, self.decimal.is_some()),
            ("--sheet", &["xlsx"], self.sheet.is_some()),
        ];
        flags.into_iter().filter(|(.., is_given)| *is_given).map(|(flag, files, _)| (flag, files))
    }
}

/// A value of a flag that is not one of its values; says what would be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DialectError(String);

/// An encoding of text, by any name that browsers know (<https://encoding.spec.whatwg.org>) and
/// Python's `cp1252`, `latin-1` and their kin. `latin1` and `ascii` are windows-1252, as there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TextEncoding(pub(crate) &'static Encoding);

impl FromStr for TextEncoding {
    type Err = DialectError;

    fn from_str(name: &str) -> Result<Self, DialectError> {
        let found = spellings(name).iter().find_map(|name| Encoding::for_label(name.as_bytes()));
        found.filter(|encoding| *encoding != REPLACEMENT).map(Self).ok_or_else(|| {
            DialectError(
                "no such encoding is read; some that are: utf-8, utf-16le, utf-16be, windows-1252, \
                 latin1, iso-8859-2, windows-1251, koi8-r, shift_jis, euc-jp, gb18030, big5, euc-kr"
                    .to_owned(),
            )
        })
    }
}

/// The name, and what browsers call it where Python spells it otherwise.
fn spellings(name: &str) -> Vec<String> {
    let name = name.trim().to_ascii_lowercase().replace('_', "-");
    let python = match name.as_str() {
        "cp932" => "shift_jis".to_owned(),
        "cp936" => "gbk".to_owned(),
        "cp949" => "euc-kr".to_owned(),
        "cp950" => "big5".to_owned(),
        "mac-roman" => "macintosh".to_owned(),
        "utf-8-sig" => "utf-8".to_owned(),
        "utf-16-le" => "utf-16le".to_owned(),
        "utf-16-be" => "utf-16be".to_owned(),
        other => match other.strip_prefix("cp") {
            Some(page) => format!("windows-{page}"),
            None => other.replace("latin-", "latin"),
        },
    };
    vec![name.replace('-', "_"), name, python]
}

impl fmt::Debug for TextEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

impl fmt::Display for TextEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

/// One ASCII character that stands between the cells of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delimiter(pub(crate) u8);

impl FromStr for Delimiter {
    type Err = DialectError;

    fn from_str(written: &str) -> Result<Self, DialectError> {
        let wanted = match written {
            "\\t" | "tab" => "\t",
            other => other,
        };
        match wanted.as_bytes() {
            [byte @ (b'\t' | b' ')] => Ok(Self(*byte)),
            [byte] if byte.is_ascii_punctuation() && !matches!(byte, b'"' | b'.') => {
                Ok(Self(*byte))
            }
            _ => Err(DialectError(
                "one character was expected that is no letter, digit, point or quotation mark, \
                 such as `;`, `|` or `tab`"
                    .to_owned(),
            )),
        }
    }
}

impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b'\t' => f.write_str("tab"),
            b' ' => f.write_str("space"),
            byte => write!(f, "{}", char::from(byte)),
        }
    }
}

/// What stands before the fraction of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalMark {
    /// `1.5`
    Point,
    /// `1,5`; a point stands between thousands then
    Comma,
}

impl FromStr for DecimalMark {
    type Err = DialectError;

    fn from_str(written: &str) -> Result<Self, DialectError> {
        match written {
            "." | "point" => Ok(Self::Point),
            "," | "comma" => Ok(Self::Comma),
            _ => Err(DialectError("`.` or `,` was expected".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_have_the_names_of_browsers_and_of_python() {
        for (written, name) in [
            ("windows-1252", "windows-1252"),
            ("latin1", "windows-1252"),
            ("latin-1", "windows-1252"),
            ("ISO_8859-15", "ISO-8859-15"),
            ("cp1251", "windows-1251"),
            ("cp932", "Shift_JIS"),
            ("Shift_JIS", "Shift_JIS"),
            ("shift-jis", "Shift_JIS"),
            ("gb18030", "gb18030"),
            ("cp949", "EUC-KR"),
            ("koi8_r", "KOI8-R"),
            ("utf_16_le", "UTF-16LE"),
            ("utf-8-sig", "UTF-8"),
            ("euc_jp", "EUC-JP"),
        ] {
            let read: TextEncoding = written.parse().unwrap();
            assert_eq!(read.to_string(), name, "{written}");
        }
        for unknown in ["", "klingon", "cp437", "iso-2022-kr"] {
            let error = unknown.parse::<TextEncoding>().unwrap_err().to_string();
            assert!(error.contains("windows-1252"), "{unknown}: {error}");
        }
    }

    #[test]
    fn a_delimiter_is_one_character_that_no_number_or_word_has() {
        for (written, byte) in
            [(";", b';'), ("\t", b'\t'), ("\\t", b'\t'), ("tab", b'\t'), ("|", b'|'), (" ", b' ')]
        {
            assert_eq!(written.parse(), Ok(Delimiter(byte)));
        }
        for wrong in ["", ";;", "a", "1", "\"", ".", "\n", "、"] {
            assert!(wrong.parse::<Delimiter>().is_err(), "{wrong}");
        }
    }
}
