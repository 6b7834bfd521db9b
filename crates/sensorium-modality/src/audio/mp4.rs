//! What symphonia does not say of an MP4 file: whether it was cut, and which part of a track plays.
//!
//! Source: ISO/IEC 14496-12, 4.2 (boxes), 8.3.2 (`tkhd`), 8.6.6 (`elst`). An AAC encoder puts its
//! delay before the sound and fills its last frame; the edit list says which part was put in. As
//! ffmpeg does, the part of the one edit that holds sound is played. Lists of several such edits
//! rearrange the sound, and are not followed.

use std::io::{self, Read, Seek, SeekFrom};

/// The most boxes of one level that are looked at.
const MAX_BOXES: usize = 10_000;

/// The most tracks whose codec is looked at.
const MAX_TRACKS: usize = 64;

/// What of a track plays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Edit {
    /// Seconds of the track before it.
    pub(super) start_seconds: f64,
    /// How long it plays, in seconds; `None` up to the track's end.
    pub(super) seconds: Option<f64>,
}

/// A box's content, from its first byte to behind its last.
#[derive(Clone, Copy)]
struct Content {
    kind: [u8; 4],
    start: u64,
    end: u64,
}

/// Whether a top-level box is longer than the bytes that are left; symphonia says only that it did
/// not find what it looked for.
pub(super) fn is_cut(source: &mut (impl Read + Seek)) -> io::Result<bool> {
    let end = source.seek(SeekFrom::End(0))?;
    let mut at = 0;
    for _ in 0..MAX_BOXES {
        if at >= end {
            return Ok(false);
        }
        match box_at(source, at, u64::MAX)? {
            Some(content) if content.end == u64::MAX => return Ok(false), // up to the file's end
            Some(content) if content.end > end => return Ok(true),
            Some(content) => at = content.end,
            // Less than a header is left, or its size is impossible.
            None => return Ok(end - at < 8),
        }
    }
    Ok(false)
}

/// The edits that can be followed, each with the number of its track.
pub(super) fn edits(source: &mut (impl Read + Seek)) -> io::Result<Vec<(u32, Edit)>> {
    let end = source.seek(SeekFrom::End(0))?;
    let file = Content { kind: *b"file", start: 0, end };
    let mut found = Vec::new();
    let Some(movie) = child(source, file, *b"moov")? else { return Ok(found) };
    let Some(movie_rate) = timescale(source, movie, *b"mvhd")? else { return Ok(found) };
    for track in children(source, movie)? {
        if track.kind == *b"trak" {
            found.extend(edit_of_track(source, track, movie_rate)?);
        }
    }
    Ok(found)
}

/// The name of the first sound track's sample entry, which says its codec.
pub(super) fn sound_entry(source: &mut (impl Read + Seek)) -> io::Result<Option<[u8; 4]>> {
    let end = source.seek(SeekFrom::End(0))?;
    let file = Content { kind: *b"file", start: 0, end };
    let Some(movie) = child(source, file, *b"moov")? else { return Ok(None) };
    for track in children(source, movie)?.into_iter().take(MAX_TRACKS) {
        let Some(media) = child(source, track, *b"mdia")? else { continue };
        let Some(handler) = child(source, media, *b"hdlr")? else { continue };
        // Version, flags and four zeros, then what kind of track it is.
        if bytes_of(source, handler, 12)?.ends_with(b"soun") {
            return entry_of_media(source, media);
        }
    }
    Ok(None)
}

fn entry_of_media(
    source: &mut (impl Read + Seek),
    mut content: Content,
) -> io::Result<Option<[u8; 4]>> {
    for kind in [*b"minf", *b"stbl", *b"stsd"] {
        let Some(inner) = child(source, content, kind)? else { return Ok(None) };
        content = inner;
    }
    // Version, flags and the number of entries, then the first one's size and name.
    let bytes = bytes_of(source, content, 16)?;
    Ok(bytes.get(12..).and_then(<[u8]>::first_chunk).copied())
}

fn edit_of_track(
    source: &mut (impl Read + Seek),
    track: Content,
    movie_rate: f64,
) -> io::Result<Option<(u32, Edit)>> {
    let Some(number) = track_number(source, track)? else { return Ok(None) };
    let Some(media) = child(source, track, *b"mdia")? else { return Ok(None) };
    let Some(media_rate) = timescale(source, media, *b"mdhd")? else { return Ok(None) };
    let Some(edits) = child(source, track, *b"edts")? else { return Ok(None) };
    let Some(list) = child(source, edits, *b"elst")? else { return Ok(None) };
    let edit = only_edit(&bytes_of(source, list, 256)?, movie_rate, media_rate);
    Ok(edit.map(|edit| (number, edit)))
}

/// The one entry of an edit list that holds sound; the entries before it may be empty.
fn only_edit(list: &[u8], movie_rate: f64, media_rate: f64) -> Option<Edit> {
    let (&[version, ..], rest) = list.split_first_chunk::<4>()?;
    let (count, mut entries) = rest.split_first_chunk::<4>()?;
    let mut found = None;
    for _ in 0..u32::from_be_bytes(*count) {
        let (duration, start, after) = entry(entries, version)?;
        entries = after;
        if start >= 0 && found.replace((duration, start)).is_some() {
            return None;
        }
    }
    let (duration, start) = found?;
    let seconds = (duration > 0).then(|| duration as f64 / movie_rate);
    Some(Edit { start_seconds: start as f64 / media_rate, seconds })
}

/// An entry's duration in units of the movie, its start in units of the track, and what follows.
fn entry(bytes: &[u8], version: u8) -> Option<(u64, i64, &[u8])> {
    let (duration, start, rest) = if version == 1 {
        let (duration, rest) = bytes.split_first_chunk()?;
        let (start, rest) = rest.split_first_chunk()?;
        (u64::from_be_bytes(*duration), i64::from_be_bytes(*start), rest)
    } else {
        let (duration, rest) = bytes.split_first_chunk()?;
        let (start, rest) = rest.split_first_chunk()?;
        (u64::from(u32::from_be_bytes(*duration)), i64::from(i32::from_be_bytes(*start)), rest)
    };
    let (_rate, rest) = rest.split_first_chunk::<4>()?;
    Some((duration, start, rest))
}

/// The units a second of a header box (`mvhd`, `mdhd`), above 0.
fn timescale(
    source: &mut (impl Read + Seek),
    parent: Content,
    kind: [u8; 4],
) -> io::Result<Option<f64>> {
    let Some(header) = child(source, parent, kind)? else { return Ok(None) };
    let bytes = bytes_of(source, header, 32)?;
    // Version and flags, then the times of creation and change.
    let at = if bytes.first() == Some(&1) { 4 + 16 } else { 4 + 8 };
    Ok(u32_at(&bytes, at).filter(|&units| units > 0).map(f64::from))
}

fn track_number(source: &mut (impl Read + Seek), track: Content) -> io::Result<Option<u32>> {
    let Some(header) = child(source, track, *b"tkhd")? else { return Ok(None) };
    let bytes = bytes_of(source, header, 32)?;
    let at = if bytes.first() == Some(&1) { 4 + 16 } else { 4 + 8 };
    Ok(u32_at(&bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

fn child(
    source: &mut (impl Read + Seek),
    parent: Content,
    kind: [u8; 4],
) -> io::Result<Option<Content>> {
    Ok(children(source, parent)?.into_iter().find(|content| content.kind == kind))
}

fn children(source: &mut (impl Read + Seek), parent: Content) -> io::Result<Vec<Content>> {
    let mut found = Vec::new();
    let mut at = parent.start;
    while found.len() < MAX_BOXES && at < parent.end {
        let Some(content) = box_at(source, at, parent.end)? else { break };
        at = content.end;
        // A box that says it is longer than its parent must not reach into its parent's neighbours,
        // or a small file could have every track walk through all the others.
        found.push(Content { end: content.end.min(parent.end), ..content });
    }
    Ok(found)
}

/// The box whose header begins at `at`, ending at `to` where it says that it takes all that is left;
/// `None` where there is no whole header or its size is impossible.
fn box_at(source: &mut (impl Read + Seek), at: u64, to: u64) -> io::Result<Option<Content>> {
    source.seek(SeekFrom::Start(at))?;
    let mut header = Vec::with_capacity(16);
    source.take(16).read_to_end(&mut header)?;
    let (Some(size), Some(kind)) = (u32_at(&header, 0), header.get(4..8)) else { return Ok(None) };
    let kind = [kind[0], kind[1], kind[2], kind[3]];
    let wide = header.get(8..).and_then(<[u8]>::first_chunk::<8>);
    let (header_length, size) = match (size, wide) {
        (0, _) => (8, to - at),
        (1, Some(wide)) => (16, u64::from_be_bytes(*wide)),
        (size, _) => (8, u64::from(size)),
    };
    let is_possible = size >= header_length;
    let content = Content { kind, start: at + header_length, end: at.saturating_add(size) };
    Ok(is_possible.then_some(content))
}

/// Up to `limit` bytes of a box's content.
fn bytes_of(source: &mut (impl Read + Seek), content: Content, limit: u64) -> io::Result<Vec<u8>> {
    source.seek(SeekFrom::Start(content.start))?;
    let mut bytes = Vec::new();
    let length = content.end.saturating_sub(content.start).min(limit);
    source.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn boxed(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
        let size = u32::try_from(8 + content.len()).unwrap();
        [&size.to_be_bytes()[..], &kind, content].concat()
    }

    /// A file of one track, number 7, of 48 000 units a second in a movie of 1 000.
    fn file(edits: &[(u32, i32)]) -> Vec<u8> {
        let header = |units: u32| [&[0; 12][..], &units.to_be_bytes(), &[0; 16]].concat();
        let count = u32::try_from(edits.len()).unwrap();
        let mut list = [&[0; 4][..], &count.to_be_bytes()].concat();
        for (duration, start) in edits {
            list.extend([duration.to_be_bytes(), start.to_be_bytes(), [0, 1, 0, 0]].concat());
        }
        let track = [
            boxed(*b"tkhd", &header(7)),
            boxed(*b"edts", &boxed(*b"elst", &list)),
            boxed(*b"mdia", &boxed(*b"mdhd", &header(48_000))),
        ];
        let movie = [boxed(*b"mvhd", &header(1_000)), boxed(*b"trak", &track.concat())].concat();
        [boxed(*b"ftyp", b"M4A "), boxed(*b"moov", &movie)].concat()
    }

    fn edits_of(list: &[(u32, i32)]) -> Vec<(u32, Edit)> {
        edits(&mut Cursor::new(file(list))).unwrap()
    }

    #[test]
    fn the_one_edit_with_sound_is_in_seconds_of_the_track() {
        let expected = Edit { start_seconds: 0.5, seconds: Some(1.5) };
        assert_eq!(edits_of(&[(1_500, 24_000)]), [(7, expected)]);
        assert_eq!(edits_of(&[(300, -1), (1_500, 24_000)]), [(7, expected)]);
        let to_the_end = Edit { start_seconds: 0.5, seconds: None };
        assert_eq!(edits_of(&[(0, 24_000)]), [(7, to_the_end)]);
    }

    #[test]
    fn edits_that_rearrange_are_not_followed() {
        assert_eq!(edits_of(&[(1_500, 24_000), (1_500, 0)]), []);
        assert_eq!(edits_of(&[(1_500, -1)]), []);
        assert_eq!(edits_of(&[]), []);
    }

    #[test]
    fn a_box_longer_than_its_file_shows_that_the_file_was_cut() {
        let whole = file(&[(1_500, 24_000)]);
        assert!(!is_cut(&mut Cursor::new(&whole)).unwrap());
        for length in [1, 7, 13, whole.len() - 1] {
            assert!(is_cut(&mut Cursor::new(&whole[..length])).unwrap(), "{length}");
        }
    }

    #[test]
    fn every_shorter_or_altered_file_is_read_without_harm() {
        let whole = file(&[(1_500, 24_000)]);
        for at in 0..whole.len() {
            assert!(edits(&mut Cursor::new(&whole[..at])).is_ok());
            let mut altered = whole.clone();
            altered[at] = 0xff;
            assert!(edits(&mut Cursor::new(&altered)).is_ok());
            assert!(is_cut(&mut Cursor::new(&altered)).is_ok());
        }
    }
}
