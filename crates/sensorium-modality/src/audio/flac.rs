//! FLAC without its metadata: nothing there is needed but what the first block says of the samples,
//! and a cue sheet or a picture that breaks the rules is no reason to refuse the sound.
//!
//! Source: RFC 9639, sections 6, 8.1 and 8.2.

use std::io::{self, Read, Seek};
use std::ops::Range;

use super::bytes::bytes_at;

/// The most blocks of metadata that are stepped over.
const MAX_BLOCKS: usize = 10_000;
/// The marker, and the header and content of the block that says what the samples are.
const FIRST: usize = 4 + 4 + 34;

/// A header of the first block alone, and where the frames lie behind the others; `None` where the
/// file does not begin with that block, or the others do not lead to a frame.
pub(super) fn without_metadata(
    source: &mut (impl Read + Seek),
    file: &Range<u64>,
) -> io::Result<Option<(Vec<u8>, Range<u64>)>> {
    let mut head = bytes_at(source, file.start, FIRST as u64)?;
    // Type 0 and 34 bytes; the highest bit of the type says that no other follows.
    let Some([kind, 0, 0, 34]) = head.get(4..8) else { return Ok(None) };
    let (is_first, is_last) = (kind.trailing_zeros() >= 7 && head.len() == FIRST, kind & 0x80 != 0);
    if !is_first {
        return Ok(None);
    }
    let frames = if is_last { Some(file.start + FIRST as u64) } else { behind(source, file)? };
    head[4] = 0x80;
    Ok(frames.map(|start| (head, start..file.end)))
}

/// Where the frames begin behind the blocks that follow the first one.
fn behind(source: &mut (impl Read + Seek), file: &Range<u64>) -> io::Result<Option<u64>> {
    let mut at = file.start + FIRST as u64;
    for _ in 0..MAX_BLOCKS {
        let header = bytes_at(source, at, 4)?;
        let &[kind, a, b, c] = header.as_slice() else { return Ok(None) };
        at += 4 + u64::from(u32::from_be_bytes([0, a, b, c]));
        if kind & 0x80 != 0 {
            return Ok((at < file.end && is_frame(&bytes_at(source, at, 2)?)).then_some(at));
        }
    }
    Ok(None)
}

/// Whether bytes begin as a frame does: 15 bits of sync, and one for the kind of blocks.
fn is_frame(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xf8 | 0xf9])
}
