//! Where the sound of a file begins and ends, among what others put before and behind it.
//!
//! Before it: tags (`ID3v2`, APE), padding of zeros, and, before MP3, the rest of a frame where a
//! stream was cut. Behind it: tags (`ID3v1`, APE, Lyrics3), which MP3 decoders would take for damage.
//!
//! Source: id3.org's "ID3v2.4.0 structure", 3.1 and 3.4; wiki.hydrogenaudio.org's "APEv2
//! specification"; ISO/IEC 11172-3, 2.4.2.3 for frames of MP3.

use std::io::{self, Read, Seek};
use std::ops::Range;

use super::bytes::bytes_at;
use super::format::SoundFormat;
use super::frame::first_frame;

/// How much of what is no sound is looked through, in bytes; tags are stepped over whole.
const MAX_LEAD_BYTES: u64 = 1 << 20;
/// The most tags before a sound, or behind it.
const MAX_TAGS: usize = 64;
/// How much is read at once.
const BLOCK: u64 = 1 << 16;

/// The format of the sound in a source of `num_bytes` and where it lies, or `None` where there is
/// none that is read.
pub(super) fn sound_in(
    source: &mut (impl Read + Seek),
    num_bytes: u64,
) -> io::Result<Option<(SoundFormat, Range<u64>)>> {
    // A tag that says it is longer than its file is no guide.
    let start = Some(behind_tags(source)?).filter(|&start| start < num_bytes).unwrap_or(0);
    let told = SoundFormat::of(&bytes_at(source, start, 16)?);
    let (format, start) = match told {
        // Two bytes are soon met by chance; a frame has a next one.
        Some(SoundFormat::Mp3) | None => match mp3_from(source, start, told.is_some())? {
            Some(start) => (SoundFormat::Mp3, start),
            None => return Ok(told.map(|format| (format, start..num_bytes))),
        },
        Some(format) => (format, start),
    };
    let has_tags = matches!(format, SoundFormat::Mp3 | SoundFormat::Adts);
    let end = if has_tags { before_tags(source, start, num_bytes)? } else { num_bytes };
    Ok(Some((format, start..end)))
}

/// The first frame of MP3 from `start` on: near it, or farther away where a tag says that there is one.
fn mp3_from(source: &mut (impl Read + Seek), start: u64, is_told: bool) -> io::Result<Option<u64>> {
    let near = first_frame(&bytes_at(source, start, BLOCK)?);
    let found = match near {
        None if is_told || start > 0 => first_frame(&bytes_at(source, start, MAX_LEAD_BYTES)?),
        near => near,
    };
    Ok(found.map(|at| start + at as u64))
}

/// The place behind all tags and padding at the start.
fn behind_tags(source: &mut (impl Read + Seek)) -> io::Result<u64> {
    let mut at = 0;
    for _ in 0..MAX_TAGS {
        let tag = match bytes_at(source, at, 32)?.as_slice() {
            [b'I', b'D', b'3', 2..=4, _, flags, size @ ..] => id3_length(*flags, size),
            head if head.starts_with(b"APETAGEX") => ape_length(head).map(|length| length + 32),
            [0, 0, 0, 0, ..] => Some(num_zeros(source, at)?),
            _ => None,
        };
        match tag {
            Some(length) if length > 0 => at += length,
            _ => break,
        }
    }
    Ok(at)
}

/// The length of an `ID3v2` tag with its header of 10 bytes; its size has 7 bits a byte.
fn id3_length(flags: u8, size: &[u8]) -> Option<u64> {
    const HAS_FOOTER: u8 = 0b0001_0000;
    let size = size.first_chunk::<4>()?;
    if size.iter().any(|byte| byte & 0x80 != 0) {
        return None;
    }
    let size = size.iter().fold(0, |size, byte| size << 7 | u64::from(*byte));
    Some(10 + size + if flags & HAS_FOOTER == 0 { 0 } else { 10 })
}

/// What an APE header or footer says of its tag's length: the items, and the footer.
fn ape_length(header: &[u8]) -> Option<u64> {
    header.get(12..16)?.first_chunk().map(|size| u64::from(u32::from_le_bytes(*size)))
}

/// The zeros from `at` on, up to [`MAX_LEAD_BYTES`].
fn num_zeros(source: &mut (impl Read + Seek), at: u64) -> io::Result<u64> {
    let mut count = 0;
    while count < MAX_LEAD_BYTES {
        let block = bytes_at(source, at + count, BLOCK)?;
        let zeros = block.iter().take_while(|&&byte| byte == 0).count() as u64;
        count += zeros;
        if zeros < BLOCK {
            break;
        }
    }
    // Padding comes in words, and an MP4 file may begin with up to three zeros of its own.
    Ok(count & !3)
}

/// The place before all tags at the end.
fn before_tags(source: &mut (impl Read + Seek), start: u64, num_bytes: u64) -> io::Result<u64> {
    let mut end = num_bytes;
    for _ in 0..MAX_TAGS {
        let length = tag_before(source, start, end)?;
        match end.checked_sub(length) {
            Some(before) if length > 0 && before > start => end = before,
            _ => break,
        }
    }
    Ok(end)
}

/// The length of the tag that ends at `end`; 0 where none does.
fn tag_before(source: &mut (impl Read + Seek), start: u64, end: u64) -> io::Result<u64> {
    const ID3: u64 = 128;
    const HEADER: u64 = 32;
    const HAS_HEADER: u8 = 0x80;
    const LYRICS_END: &[u8] = b"LYRICS200";
    let last = bytes_at(source, end.saturating_sub(ID3).max(start), ID3.min(end - start))?;
    if last.len() as u64 == ID3 && last.starts_with(b"TAG") {
        return Ok(ID3);
    }
    if let Some(digits) = last.strip_suffix(LYRICS_END).and_then(<[u8]>::last_chunk::<6>) {
        let length = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        return Ok(length.map_or(0, |length: u64| length + 15));
    }
    let Some(footer) = last.last_chunk::<32>().filter(|it| it.starts_with(b"APETAGEX")) else {
        return Ok(0);
    };
    let header = if footer[23] & HAS_HEADER == 0 { 0 } else { HEADER };
    Ok(ape_length(footer).map_or(0, |length| length + header))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const MP3: &[u8] = include_bytes!("../../tests/media/tone.mp3");

    fn found(parts: &[&[u8]]) -> Option<(SoundFormat, Range<u64>)> {
        let file = parts.concat();
        let num_bytes = file.len() as u64;
        sound_in(&mut Cursor::new(file), num_bytes).unwrap()
    }

    /// An APE tag of one item of `length` bytes, with header and footer.
    fn ape_tag(length: u32) -> Vec<u8> {
        let part = |is_header: u8| {
            let mut part = b"APETAGEX\xd0\x07\0\0".to_vec();
            part.extend((length + 32).to_le_bytes());
            part.extend([1, 0, 0, 0, 0, 0, 0, 0x80 | is_header << 5]);
            part.extend([0; 8]);
            part
        };
        [part(1), vec![0xff; length as usize], part(0)].concat()
    }

    #[test]
    fn what_others_put_round_an_mp3_is_taken_off() {
        let id3 = [b"ID3\x04\0\0\0\0\x02\x01".as_slice(), &[0xff; 257]].concat();
        let old = [b"TAG".as_slice(), &[b' '; 125]].concat();
        let ape = ape_tag(300);
        let lyrics = [b"LYRICSBEGININD0000200".as_slice(), b"000021LYRICS200"].concat();
        let (before, end) = (found(&[MP3]).unwrap().1.start, MP3.len() as u64);
        for (lead, tail) in [
            (vec![], vec![]),
            (vec![0; 512], vec![]),
            (vec![0; 200_000], old.clone()),
            (id3.clone(), ape.clone()),
            ([id3.as_slice(), &[0; 99], &ape].concat(), [ape.as_slice(), &old].concat()),
            (b"the rest of a frame \xff\xfb\x90".to_vec(), [lyrics.as_slice(), &old].concat()),
        ] {
            let expected = before + lead.len() as u64..end + lead.len() as u64;
            assert_eq!(found(&[&lead, MP3, &tail]), Some((SoundFormat::Mp3, expected)));
        }
    }

    #[test]
    fn a_tag_may_stand_before_other_formats() {
        let id3 = b"ID3\x03\0\0\0\0\0\x04abcd";
        for (name, format) in [("fLaC", SoundFormat::Flac), ("OggS", SoundFormat::Ogg)] {
            let file = [name.as_bytes(), &[1; 40]].concat();
            assert_eq!(found(&[id3, &file]), Some((format, 14..14 + file.len() as u64)));
        }
    }

    #[test]
    fn what_holds_no_sound_is_not_taken_for_one() {
        let noise: Vec<u8> =
            (0..90_000_u32).map(|it| it.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        let zeros = vec![0; 70_000];
        for bytes in [&[][..], &zeros, b"APETAGEX", &noise] {
            assert_eq!(found(&[bytes]), None, "{:?}", &bytes[..bytes.len().min(16)]);
        }
    }
}
