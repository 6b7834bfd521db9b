//! PNG files that lack their end, mended: all pixels may be there all the same.
//!
//! As in Pillow, the chunk that ends a file may be missing or cut, and so may the last bytes of the
//! chunk before it; whether its pixels are whole is for the decoder to say.
//!
//! Source: W3C's "Portable Network Graphics", third edition, 5.3 to 5.6 and annex D.

use std::borrow::Cow;

const SIGNATURE: usize = 8;
const DATA: &[u8; 4] = b"IDAT";
const END: &[u8; 4] = b"IEND";

/// The file with an end, where it has none.
pub(super) fn with_end(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut at = SIGNATURE;
    loop {
        let Some((length, name)) = header(bytes, at) else { return Cow::Owned(ended(bytes, at)) };
        let next = at.saturating_add(12).saturating_add(length);
        let is_whole = next <= bytes.len();
        match &name {
            END if !is_whole => return Cow::Owned(ended(bytes, at)),
            DATA if !is_whole => return Cow::Owned(closed(bytes, at, length)),
            name if name == END || !is_whole => return Cow::Borrowed(bytes),
            _ => at = next,
        }
    }
}

fn header(bytes: &[u8], at: usize) -> Option<(usize, [u8; 4])> {
    let (length, rest) = bytes.get(at..)?.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    Some((length, *rest.first_chunk()?))
}

/// What lies before `at`, and the end.
fn ended(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut mended = bytes[..at.min(bytes.len())].to_vec();
    mended.extend(chunk(*END, &[]));
    mended
}

/// With the chunk at `at`, which was cut, as long as what is there of it.
fn closed(bytes: &[u8], at: usize, length: usize) -> Vec<u8> {
    let content = &bytes[at + 8..];
    let mut mended = bytes[..at].to_vec();
    mended.extend(chunk(*DATA, &content[..content.len().min(length)]));
    mended.extend(chunk(*END, &[]));
    mended
}

fn chunk(name: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a file has at most 64 MiB");
    let sum = crc32(&[&name, content].concat());
    [&length.to_be_bytes(), name.as_slice(), content, &sum.to_be_bytes()].concat()
}

/// The check sum of a chunk's name and content.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let shifted = |sum: u32| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
    let next = |sum: u32, &byte: &u8| (0..8).fold(sum ^ u32::from(byte), |sum, _| shifted(sum));
    !bytes.iter().fold(u32::MAX, next)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, ImageFormat, RgbImage};

    use super::*;
    use crate::image::decode::{Limits, decode_bytes};

    fn file() -> Vec<u8> {
        let picture = RgbImage::from_fn(40, 30, |x, y| {
            image::Rgb([x, y, x * y].map(|level| level.to_le_bytes()[0]))
        });
        let mut file = Cursor::new(Vec::new());
        DynamicImage::ImageRgb8(picture).write_to(&mut file, ImageFormat::Png).unwrap();
        file.into_inner()
    }

    #[test]
    fn a_file_without_its_end_is_the_same_picture() {
        let file = file();
        let whole = decode_bytes(&file, Limits::default()).unwrap();
        // Of 12 bytes of the end, and of the check sum of 4 before it.
        for missing in 1..=16 {
            let cut = &file[..file.len() - missing];
            let picture = decode_bytes(cut, Limits::default());
            assert_eq!(picture.as_ref(), Ok(&whole), "without {missing} bytes");
        }
        assert!(matches!(with_end(&file), Cow::Borrowed(_)));
    }

    #[test]
    fn a_file_without_pixels_is_refused() {
        let file = file();
        let data = file.windows(4).position(|name| name == DATA).unwrap();
        for length in [data - 4, data + 4, data + 60] {
            assert!(decode_bytes(&file[..length], Limits::default()).is_err(), "{length}");
        }
    }
}
