//! Bytes of a source at a place.

use std::io::{self, Read, Seek, SeekFrom};

/// Up to `most` bytes from `at` on; fewer where the source ends.
pub(super) fn bytes_at(source: &mut (impl Read + Seek), at: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.seek(SeekFrom::Start(at))?;
    source.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
