//! XML piece by piece, and the small parts of a workbook (ECMA-376, part 1, section 18).

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

use super::super::source::Bytes;
use crate::storage::{BuildError, Texts};

fn damaged(problem: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

/// What is met on the way through a part.
pub(super) enum Node<'a> {
    /// The beginning of an element, by its name without a prefix.
    Start(&'a str, Attributes<'a>),
    /// Its end.
    End(&'a str),
    /// Text, or a piece of it.
    Text(&'a str),
}

/// The attributes of an element.
pub(super) struct Attributes<'a>(&'a BytesStart<'a>);

impl Attributes<'_> {
    /// The value of the attribute of that name without a prefix.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let mut all = self.0.attributes();
        let mut all = all.with_checks(false).filter_map(Result::ok);
        let found = all.find(|attribute| attribute.key.local_name().into_inner() == name)?;
        Some(quick_xml::escape::unescape(&found.value).ok()?.into_owned())
    }
}

/// Hands every node of a part to `each`, in order.
pub(super) fn walk(
    part: Bytes,
    mut each: impl FnMut(Node<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut reader = Reader::from_reader(part);
    reader.config_mut().expand_empty_elements = true;
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(from_xml)? {
            Event::Start(start) => {
                each(Node::Start(start.local_name().into_inner(), Attributes(&start)))?;
            }
            Event::End(end) => each(Node::End(end.local_name().into_inner()))?,
            Event::Text(text) => each(Node::Text(&text))?,
            Event::CData(text) => each(Node::Text(&text))?,
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().map_err(from_xml)?;
                match (character, resolve_predefined_entity(&reference)) {
                    (Some(character), _) => each(Node::Text(character.encode_utf8(&mut [0; 4])))?,
                    (None, Some(text)) => each(Node::Text(text))?,
                    (None, None) => return Err(damaged("it names an entity that is not known")),
                }
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// The cause itself, where the bytes could not be read.
fn from_xml(error: quick_xml::Error) -> io::Error {
    match error {
        quick_xml::Error::Io(error) => match Arc::try_unwrap(error) {
            Ok(error) => error,
            Err(shared) => io::Error::new(shared.kind(), shared),
        },
        other => damaged(other.to_string()),
    }
}

/// A sheet that the workbook lists.
pub(super) struct Sheet {
    pub(super) name: String,
    pub(super) is_shown: bool,
    /// The name of its relation.
    pub(super) relation: String,
}

/// The workbook's sheets, and whether its days are counted from 1904.
pub(super) fn workbook(part: Bytes) -> io::Result<(Vec<Sheet>, bool)> {
    let (mut sheets, mut from_1904) = (Vec::new(), false);
    walk(part, |node| {
        match node {
            Node::Start("sheet", attributes) => sheets.push(Sheet {
                name: attributes.get("name").unwrap_or_default(),
                is_shown: attributes.get("state").is_none_or(|state| state == "visible"),
                relation: attributes.get("id").unwrap_or_default(),
            }),
            Node::Start("workbookPr", attributes) => {
                from_1904 = matches!(attributes.get("date1904").as_deref(), Some("1" | "true"));
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok((sheets, from_1904))
}

/// The part that each relation names, worksheets alone, as a path in the archive.
pub(super) fn worksheets(part: Bytes) -> io::Result<BTreeMap<String, String>> {
    let mut targets = BTreeMap::new();
    walk(part, |node| {
        if let Node::Start("Relationship", attributes) = node {
            let is_sheet = attributes.get("Type").is_some_and(|kind| kind.ends_with("/worksheet"));
            if let (true, Some(id), Some(target)) =
                (is_sheet, attributes.get("Id"), attributes.get("Target"))
            {
                let path = match target.strip_prefix('/') {
                    Some(absolute) => absolute.to_owned(),
                    None => format!("xl/{target}"),
                };
                targets.insert(id, path);
            }
        }
        Ok(())
    })?;
    Ok(targets)
}

/// Texts that cells name by number.
#[derive(Default)]
pub(super) struct SharedTexts {
    texts: Texts,
    count: usize,
}

impl SharedTexts {
    fn push(&mut self, text: &str) -> Result<(), BuildError> {
        self.texts.put(self.count, text)?;
        self.count += 1;
        Ok(())
    }

    /// The text of that number, which may be empty, from 0.
    pub(super) fn get(&self, number: usize) -> Option<&str> {
        (number < self.count).then(|| self.texts.get(number))
    }
}

/// The texts that cells name by number; how they are to be pronounced is left out.
pub(super) fn shared_strings(part: Bytes) -> io::Result<SharedTexts> {
    let (mut shared, mut text) = (SharedTexts::default(), String::new());
    let (mut is_text, mut is_phonetic) = (false, false);
    walk(part, |node| {
        match node {
            Node::Start("si", _) => text.clear(),
            Node::Start("t", _) => is_text = true,
            Node::End("t") => is_text = false,
            Node::Start("rPh", _) => is_phonetic = true,
            Node::End("rPh") => is_phonetic = false,
            Node::Text(piece) if is_text && !is_phonetic => text.push_str(piece),
            Node::End("si") => {
                shared.push(&text).map_err(|error| damaged(format!("{error:?}")))?;
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(shared)
}

/// Whether the cells of each style are dates or times.
pub(super) fn date_styles(part: Bytes) -> io::Result<Vec<bool>> {
    let (mut formats, mut styles) = (BTreeMap::new(), Vec::new());
    let mut is_of_cells = false;
    walk(part, |node| {
        match node {
            Node::Start("numFmt", attributes) => {
                let code = attributes.get("formatCode").unwrap_or_default();
                formats.insert(attributes.get("numFmtId").unwrap_or_default(), is_date_code(&code));
            }
            Node::Start("cellXfs", _) => is_of_cells = true,
            Node::End("cellXfs") => is_of_cells = false,
            Node::Start("xf", attributes) if is_of_cells => {
                let id = attributes.get("numFmtId").unwrap_or_default();
                let is_date = formats.get(&id).copied();
                styles.push(is_date.unwrap_or_else(|| is_built_in_date(&id)));
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(styles)
}

fn is_built_in_date(id: &str) -> bool {
    matches!(id.parse(), Ok(14..=22 | 27..=36 | 45..=47 | 50..=58))
}

/// Whether a format such as `yyyy\-mm\-dd` or `[h]:mm` shows a date or time; texts in quotes,
/// escaped letters and colours in brackets do not count.
fn is_date_code(code: &str) -> bool {
    let mut letters = code.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => drop(letters.by_ref().take_while(|letter| *letter != '"').count()),
            '\\' | '_' | '*' => drop(letters.next()),
            '[' => {
                let inside: String = letters.by_ref().take_while(|letter| *letter != ']').collect();
                if matches!(inside.to_lowercase().as_str(), "h" | "hh" | "m" | "mm" | "s" | "ss") {
                    return true;
                }
            }
            ';' => return false,
            'd' | 'D' | 'm' | 'M' | 'y' | 'Y' | 'h' | 'H' | 's' | 'S' => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_of_dates_are_told_from_those_of_numbers() {
        for code in ["yyyy\\-mm\\-dd", "[h]:mm", "d.m.yy", "[$-409]h:mm AM/PM", "[Red]dd/mm"] {
            assert!(is_date_code(code), "{code}");
        }
        for code in ["0.00", "General", "[Red]0", "#,##0\" days\"", "0\\d", "0.0E+00", "0;\"d\""] {
            assert!(!is_date_code(code), "{code}");
        }
    }
}
