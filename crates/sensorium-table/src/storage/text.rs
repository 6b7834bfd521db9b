//! Many short texts in few buffers.

use super::{BuildError, Sparse};
use crate::limits::{MAX_TABLE_TEXT_BYTES, MAX_TEXT_BYTES};

/// The bytes of a page. A text lies in one page whole, so none is longer.
const PAGE: usize = MAX_TEXT_BYTES;

/// Texts one after another in pages, and where each ends; an empty text is a missing one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    /// Pages, so that growing copies little and never holds twice what it has.
    pages: Vec<String>,
    /// Counted as if every page before were full: where a text did not fit into what was left of
    /// its page, it stands at the start of the next.
    ends: Sparse<u32>,
    end: usize,
}

impl Texts {
    /// Sets the text of a row after all that have one, unless all texts together would pass
    /// [`MAX_TABLE_TEXT_BYTES`].
    pub(crate) fn put(&mut self, row: usize, text: &str) -> Result<(), BuildError> {
        if text.is_empty() {
            return Ok(());
        }
        let fits = self.end % PAGE + text.len() <= PAGE;
        let start = if fits { self.end } else { self.end.next_multiple_of(PAGE) };
        let end = start + text.len();
        let counted = u32::try_from(end).map_err(|_| {
            BuildError::too_much("the column's text", end, MAX_TABLE_TEXT_BYTES, "bytes")
        })?;
        if self.pages.len() <= start / PAGE {
            self.pages.push(String::new());
        }
        self.pages[start / PAGE].push_str(text);
        self.ends.put(row, counted);
        self.end = end;
        Ok(())
    }

    /// The row's text; empty where it has none.
    pub(crate) fn get(&self, row: usize) -> &str {
        let Some(rank) = self.ends.rank(row) else { return "" };
        let end_of = |rank| self.ends.value(rank).unwrap_or(0) as usize;
        let (before, end) = (rank.checked_sub(1).map_or(0, end_of), end_of(rank));
        let page = (end - 1) / PAGE;
        let start = before.max(page * PAGE);
        &self.pages[page][start - page * PAGE..end - page * PAGE]
    }

    /// The rows that have a text.
    pub(crate) fn rows(&self) -> impl Iterator<Item = usize> {
        self.ends.rows()
    }

    pub(crate) fn is_all_empty(&self) -> bool {
        self.pages.is_empty()
    }

    pub(crate) fn shrink(&mut self) {
        self.pages.last_mut().into_iter().for_each(String::shrink_to_fit);
        self.ends.shrink();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(written: &[&str]) -> Texts {
        let mut texts = Texts::default();
        for (row, text) in written.iter().enumerate() {
            texts.put(row, text).unwrap();
        }
        texts
    }

    #[test]
    fn texts_come_back_as_they_went_in() {
        let written = ["", "007", "", "größer", "a\nb"];
        let texts = texts(&written);
        let read: Vec<&str> = (0..7).map(|row| texts.get(row)).collect();
        assert_eq!(read, ["", "007", "", "größer", "a\nb", "", ""]);
        assert!(texts.rows().eq([1, 3, 4]));
    }

    #[test]
    fn a_text_lies_in_one_page_whole() {
        let (half, more, whole) =
            ("a".repeat(PAGE / 2), "b".repeat(PAGE / 2 + 1), "c".repeat(PAGE));
        let written = [&half, &more, "x", &half, &whole, &half, &half, "y"];
        let texts = texts(&written);
        for (row, text) in written.iter().enumerate() {
            assert!(texts.get(row) == *text, "row {row}");
        }
        assert_eq!(
            texts.pages.iter().map(String::len).collect::<Vec<_>>(),
            [PAGE / 2, PAGE / 2 + 2, PAGE / 2, PAGE, PAGE, 1]
        );
    }
}
