//! Many short texts in one buffer.

use super::BuildError;
use crate::limits::MAX_TABLE_TEXT_BYTES;

/// Texts one after another: the bytes of all, and where each ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    buffer: String,
    ends: Vec<u32>,
}

impl Texts {
    /// Adds a text, unless all texts together would pass [`MAX_TABLE_TEXT_BYTES`].
    pub(crate) fn push(&mut self, text: &str) -> Result<(), BuildError> {
        let bytes = self.buffer.len() + text.len();
        let end = u32::try_from(bytes).map_err(|_| {
            BuildError::too_much("the column's text", bytes, MAX_TABLE_TEXT_BYTES, "bytes")
        })?;
        self.buffer.push_str(text);
        self.ends.push(end);
        Ok(())
    }

    /// Adds empty texts until there are `num_rows`.
    pub(crate) fn pad(&mut self, num_rows: usize) {
        let end = self.ends.last().copied().unwrap_or(0);
        self.ends.resize(num_rows.max(self.ends.len()), end);
    }

    pub(crate) fn get(&self, row: usize) -> &str {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.buffer[start as usize..self.ends[row] as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn is_all_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    pub(crate) fn shrink(&mut self) {
        self.buffer.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_they_went_in() {
        let mut texts = Texts::default();
        let written = ["", "007", "", "größer", "a\nb"];
        for text in written {
            texts.push(text).unwrap();
        }
        texts.pad(7);
        texts.pad(3);
        let read: Vec<&str> = (0..texts.len()).map(|row| texts.get(row)).collect();
        assert_eq!(read, ["", "007", "", "größer", "a\nb", "", ""]);
    }
}
