//! A stretch of a source, behind bytes of our own: how a header is mended without copying the sound.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use symphonia::core::io::MediaSource;

/// What is read as one source: `head`, then a stretch of `source`.
pub(super) struct Spliced<S> {
    head: Vec<u8>,
    source: S,
    stretch: Range<u64>,
    at: u64,
}

impl<S> Spliced<S> {
    /// The bytes of `stretch`, which lies within the source, behind `head`.
    pub(super) const fn new(head: Vec<u8>, source: S, stretch: Range<u64>) -> Self {
        Self { head, source, stretch, at: 0 }
    }

    fn num_bytes(&self) -> u64 {
        self.head.len() as u64 + self.stretch.end - self.stretch.start
    }
}

impl<S: Read + Seek> Read for Spliced<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let from_head = usize::try_from(self.at).ok().and_then(|at| self.head.get(at..));
        let num_read = match from_head {
            Some(mut head) if !head.is_empty() => head.read(buffer)?,
            _ => {
                let start = self.stretch.start + self.at - self.head.len() as u64;
                if start >= self.stretch.end {
                    return Ok(0);
                }
                self.source.seek(SeekFrom::Start(start))?;
                self.source.by_ref().take(self.stretch.end - start).read(buffer)?
            }
        };
        self.at += num_read as u64;
        Ok(num_read)
    }
}

impl<S> Seek for Spliced<S> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.num_bytes().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        // Nothing lies behind the end, and a place far behind it would overflow.
        self.at = to.ok_or(io::ErrorKind::InvalidInput)?.min(self.num_bytes());
        Ok(self.at)
    }
}

impl<S: Read + Seek + Send + Sync> MediaSource for Spliced<S> {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.num_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn the_head_and_the_stretch_are_read_as_one() {
        let source = Cursor::new(b"..the sound.....".to_vec());
        let mut spliced = Spliced::new(b"head of ".to_vec(), source, 2..11);
        let mut all = String::new();
        spliced.read_to_string(&mut all).unwrap();
        assert_eq!(all, "head of the sound");
        for (to, expected) in [
            (SeekFrom::Start(5), "of the sound"),
            (SeekFrom::End(-5), "sound"),
            (SeekFrom::Start(99), ""),
        ] {
            spliced.seek(to).unwrap();
            all.clear();
            spliced.read_to_string(&mut all).unwrap();
            assert_eq!(all, expected, "{to:?}");
        }
        assert_eq!(spliced.byte_len(), Some(17));
        assert!(spliced.seek(SeekFrom::End(-18)).is_err());
    }
}
