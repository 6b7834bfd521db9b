//! What quotation marks do in the bytes of a CSV file.
//!
//! The `csv` crate reads every sequence of bytes as some table: at the end of the file it closes a
//! quotation mark that nobody closed, and text after a closing mark is taken as if there were none.
//! Both are signs that a mark stands where none should and that rows were merged without a word.
//! [`QuoteWatch`] follows the same rules (`csv-core` 0.1, `Reader`: a mark opens a cell only as its
//! first byte, a doubled mark is one) and remembers where marks open and close.

use std::collections::VecDeque;

/// A cell in quotation marks that runs over several lines, or has text after its closing mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QuotedCell {
    /// The offset of the opening mark in the bytes that were watched.
    opened_at: u64,
    /// The line of the opening mark, from 1.
    pub(super) opened: u64,
    /// The line of the closing mark.
    pub(super) closed: u64,
    /// Whether text other than spaces follows the closing mark.
    pub(super) has_text_after: bool,
    /// Whether every whole line inside has as many separators as the first row.
    pub(super) looks_like_rows: bool,
}

/// Where a mark that is still open was opened, and what came since.
#[derive(Clone, Copy, Debug)]
struct Open {
    at: u64,
    line: u64,
    /// The offset after the end of its line, once that has come.
    next_line: Option<u64>,
    /// Separators since the last line break inside.
    separators: u64,
    whole_lines: u64,
    lines_like_rows: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Before the first byte of a cell.
    Start,
    /// Inside a cell without marks.
    Plain,
    Quoted(Open),
    /// After a mark inside quotes: the closing one, or the first of a doubled one.
    Mark(Open),
    /// After the closing mark and a byte that is not the cell's end.
    After(QuotedCell),
}

/// Follows the bytes of a CSV file.
#[derive(Debug)]
pub(super) struct QuoteWatch {
    separator: u8,
    state: State,
    offset: u64,
    line: u64,
    /// Separators outside of quotes in the first row.
    separators: u64,
    is_first_row: bool,
    /// Whether the next byte that ends no line begins a row.
    is_between_rows: bool,
    /// The offset of each row's first byte, and its line.
    rows: VecDeque<(u64, u64)>,
    found: VecDeque<QuotedCell>,
}

impl QuoteWatch {
    /// Watches bytes that begin in `line`; `separators` is their number in a row, where it is known.
    pub(super) fn new(separator: u8, line: u64, separators: Option<u64>) -> Self {
        Self {
            separator,
            state: State::Start,
            offset: 0,
            line,
            separators: separators.unwrap_or(0),
            is_first_row: separators.is_none(),
            is_between_rows: true,
            rows: VecDeque::new(),
            found: VecDeque::new(),
        }
    }

    pub(super) fn watch(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        if self.offset == 0 {
            let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
            self.offset += (bytes.len() - text.len()) as u64;
            bytes = text;
        }
        for &byte in bytes {
            if !self.changes_nothing(byte) {
                self.step(byte);
            }
            self.offset += 1;
            self.line += u64::from(byte == b'\n');
        }
    }

    /// Whether a byte is one of the many inside a cell.
    fn changes_nothing(&self, byte: u8) -> bool {
        match self.state {
            State::Plain => !matches!(byte, b'\n' | b'\r') && byte != self.separator,
            State::Quoted(_) => !matches!(byte, b'"' | b'\n') && byte != self.separator,
            State::Start | State::Mark(_) | State::After(_) => false,
        }
    }

    fn step(&mut self, byte: u8) {
        if self.is_between_rows && !matches!(byte, b'\n' | b'\r') {
            self.rows.push_back((self.offset, self.line));
            self.is_between_rows = false;
        }
        self.state = match (self.state, byte) {
            (State::Quoted(open), b'"') => State::Mark(open),
            (State::Quoted(open), _) => State::Quoted(self.inside(open, byte)),
            (State::Mark(open), b'"') => State::Quoted(open),
            (State::Start, b'"') => State::Quoted(Open {
                at: self.offset,
                line: self.line,
                next_line: None,
                separators: 0,
                whole_lines: 0,
                lines_like_rows: 0,
            }),
            (state, b'\n' | b'\r') => {
                self.leave(state);
                self.is_between_rows = true;
                self.is_first_row &= matches!(state, State::Start) && self.separators == 0;
                State::Start
            }
            (state, byte) if byte == self.separator => {
                self.leave(state);
                self.separators += u64::from(self.is_first_row);
                State::Start
            }
            (State::Mark(open), byte) => State::After(self.closed(open, byte)),
            (State::After(cell), byte) => {
                let has_text_after = cell.has_text_after || byte != b' ';
                State::After(QuotedCell { has_text_after, ..cell })
            }
            (State::Start | State::Plain, _) => State::Plain,
        };
    }

    fn inside(&self, mut open: Open, byte: u8) -> Open {
        if byte == b'\n' {
            if open.next_line.is_some() {
                open.whole_lines += 1;
                open.lines_like_rows += u64::from(open.separators == self.separators);
            }
            open.next_line.get_or_insert(self.offset + 1);
            open.separators = 0;
        } else if byte == self.separator {
            open.separators += 1;
        }
        open
    }

    /// The cell whose closing mark was the byte before, with the byte after it.
    fn closed(&self, open: Open, after: u8) -> QuotedCell {
        // Two columns are one comma a line, and so is much prose.
        let is_enough = open.whole_lines * self.separators >= 2;
        QuotedCell {
            opened_at: open.at,
            opened: open.line,
            closed: self.line,
            has_text_after: !matches!(after, b' ' | b'\n' | b'\r') && after != self.separator,
            looks_like_rows: is_enough && open.lines_like_rows == open.whole_lines,
        }
    }

    fn leave(&mut self, state: State) {
        let cell = match state {
            // A separator or the end of a row follows the mark.
            State::Mark(open) => self.closed(open, b'\n'),
            State::After(cell) => cell,
            State::Start | State::Plain | State::Quoted(_) => return,
        };
        if cell.has_text_after || cell.closed > cell.opened {
            self.found.push_back(cell);
        }
    }

    /// The line of the last row that begins before `offset`; the `csv` crate counts the line break of
    /// `\r\n`, and empty lines, to the row after them.
    pub(super) fn line_before(&mut self, offset: u64) -> Option<u64> {
        let count = self.rows.iter().take_while(|(start, _)| *start < offset).count();
        self.rows.drain(..count).next_back().map(|(_, line)| line)
    }

    /// What was found in the bytes before `offset`, of a record that ends there.
    pub(super) fn found_before(&mut self, offset: u64) -> impl Iterator<Item = QuotedCell> {
        let count = self.found.iter().take_while(|cell| cell.opened_at < offset).count();
        self.found.drain(..count)
    }

    /// The line of a mark that is open after the last byte, and the offset of the line after it.
    pub(super) fn open(&self) -> Option<(u64, Option<u64>)> {
        match self.state {
            State::Quoted(open) => Some((open.line, open.next_line)),
            _ => None,
        }
    }

    /// The number of bytes that were watched.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Tells that there are no more bytes.
    pub(super) fn end(&mut self) {
        self.leave(self.state);
        if !matches!(self.state, State::Quoted(_)) {
            self.state = State::Start;
        }
    }

    /// The separators of a row.
    pub(super) const fn separators(&self) -> u64 {
        self.separators
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn watched(text: &str) -> QuoteWatch {
        let mut watch = QuoteWatch::new(b',', 1, None);
        // In pieces, as a reader's buffer cuts them.
        text.as_bytes().chunks(3).for_each(|piece| watch.watch(piece));
        watch.end();
        watch
    }

    fn found(text: &str) -> Vec<(u64, u64, bool, bool)> {
        let mut watch = watched(text);
        let cells = watch.found_before(u64::MAX);
        let cells =
            cells.map(|cell| (cell.opened, cell.closed, cell.has_text_after, cell.looks_like_rows));
        cells.collect()
    }

    #[test]
    fn a_mark_opens_a_cell_only_as_its_first_byte() {
        for text in
            ["a\n5\" x,6\"\n", "a\n \"x\n", "a\n\"\",\"\"\"\"\n", "a\n\"x\" ,\n", "a\n\"x\""]
        {
            assert_eq!(watched(text).open(), None, "{text}");
            assert_eq!(found(text), [], "{text}");
        }
        for (text, line) in
            [("\"a", 1), ("a\n1,\"x\n2\n", 2), ("a\n\"x\"\"\ny", 2), ("\u{feff}\"a", 1)]
        {
            assert_eq!(watched(text).open().unwrap().0, line, "{text}");
        }
    }

    #[test]
    fn the_line_of_a_row_is_that_of_its_first_byte() {
        let mut watch = watched("a,b\r\n\r\n1,\"x\r\ny\"\r\n,\n\n\"\"");
        let lines: Vec<_> = [4, 17, 20, 24].into_iter().map(|end| watch.line_before(end)).collect();
        assert_eq!(lines, [Some(1), Some(3), Some(5), Some(7)]);
        assert_eq!(watch.line_before(u64::MAX), None);
    }

    #[test]
    fn text_after_a_closing_mark_is_found() {
        assert_eq!(found("a\n\"x\"y\n\"z\" w,\n"), [(2, 2, true, false), (3, 3, true, false)]);
        assert_eq!(found("a\n\"x\n\"y\r\n"), [(2, 3, true, false)]);
        assert_eq!(found("a\n\"x\"y"), [(2, 2, true, false)]);
    }

    #[test]
    fn lines_inside_that_look_like_rows_are_told_from_prose() {
        assert_eq!(found("a,b,c\n1,2,\"x\n4,5,6\n7,8,9\n\"\n"), [(2, 5, false, true)]);
        assert_eq!(found("a,b,c\n1,2,\"x\n4,5,6\n7\n\"\n"), [(2, 5, false, false)]);
        assert_eq!(found("a,b\n1,\"x\ny, z\n\"\n"), [(2, 4, false, false)]);
    }

    proptest! {
        /// Where a mark is open, `csv` takes a row that is added for more of the cell.
        #[test]
        fn a_mark_is_open_just_where_the_reader_would_go_on_reading(text in "[a ,\"\n\r]{0,40}") {
            let added = format!("{text}\nzz\n");
            let mut reader = csv::ReaderBuilder::new();
            let mut reader = reader.has_headers(false).flexible(true).from_reader(added.as_bytes());
            let last = reader.records().last().unwrap().unwrap();
            let is_closed = last.iter().eq(["zz"]);
            prop_assert_eq!(watched(&text).open().is_none(), is_closed, "{:?}", text);
        }
    }

    #[test]
    fn the_line_after_an_open_mark_is_known() {
        assert_eq!(watched("a\nb,\"c\nd").open(), Some((2, Some(7))));
        assert_eq!(watched("a\nb,\"c").open(), Some((2, None)));
    }
}
