//! The picture formats that are read, told by a file's first bytes.

use image::ImageFormat;

/// File name extensions of the formats that are read, in lower case and without the dot.
pub const EXTENSIONS: &[&str] = &["bmp", "gif", "jpe", "jpeg", "jpg", "png", "tif", "tiff", "webp"];

/// The first bytes of a file that [`is_image`] needs.
pub const NUM_MAGIC_BYTES: usize = 18;

/// Whether bytes begin as a picture in one of the formats that are read.
///
/// The first [`NUM_MAGIC_BYTES`] bytes of a file are enough; whether the rest can be decoded is not
/// looked at.
#[must_use]
pub fn is_image(bytes: &[u8]) -> bool {
    format_of(bytes).is_some()
}

/// The format that bytes begin as, or `None` where it is not one that is read.
pub(super) fn format_of(bytes: &[u8]) -> Option<ImageFormat> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(ImageFormat::Png),
        [0xff, 0xd8, 0xff, ..] => Some(ImageFormat::Jpeg),
        [b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..] => Some(ImageFormat::Tiff),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(ImageFormat::Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(ImageFormat::WebP),
        [b'B', b'M', rest @ ..] if has_bitmap_header(rest) => Some(ImageFormat::Bmp),
        _ => None,
    }
}

/// Whether a known header length stands where BMP has it; two letters alone may also begin a text.
fn has_bitmap_header(after_magic: &[u8]) -> bool {
    const HEADER_LENGTHS: [u32; 8] = [12, 16, 40, 52, 56, 64, 108, 124];
    let length = after_magic.get(12..16).and_then(|bytes| bytes.try_into().ok());
    length.is_some_and(|length| HEADER_LENGTHS.contains(&u32::from_le_bytes(length)))
}

/// What a person would call bytes that are no picture in a known format.
pub(super) fn description_of(bytes: &[u8]) -> String {
    const SHOWN: usize = 16;
    if bytes.is_empty() {
        return "an empty file".to_owned();
    }
    if let Some(name) = name_of_iso_file(bytes) {
        return name.to_owned();
    }
    // Formats that are recognised, though not read, are named: icons and others.
    if let Some(format) = image::guess_format(bytes).ok().filter(|_| format_of(bytes).is_none())
        && format != ImageFormat::Bmp
    {
        return format!("a file of format {format:?}");
    }
    format!("a file that starts with `{}`", bytes[..bytes.len().min(SHOWN)].escape_ascii())
}

/// What a file in ISO's container is, by its main brand.
fn name_of_iso_file(bytes: &[u8]) -> Option<&'static str> {
    let [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] = bytes else { return None };
    Some(match brand.first_chunk()? {
        b"avif" | b"avis" => "an AVIF picture, which is not read",
        b"heic" | b"heix" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => {
            "a HEIC picture, which is not read"
        }
        b"crx " => "a Canon raw picture, which is not read",
        _ => "a film or sound in an MP4 file",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_begins_with_bm_is_not_a_bitmap() {
        assert!(!is_image(b"BMW and other makers of cars"));
        assert!(!is_image(b"BM"));
        let header = [b"BM".as_slice(), &[0; 12], &40_u32.to_le_bytes()].concat();
        assert!(is_image(&header));
        assert_eq!(header.len(), NUM_MAGIC_BYTES);
    }

    #[test]
    fn what_is_not_a_picture_is_described() {
        assert_eq!(description_of(b""), "an empty file");
        assert_eq!(description_of(b"<html>"), "a file that starts with `<html>`");
        assert_eq!(description_of(b"\0\0\x01\0\x01\0"), "a file of format Ico");
        let avif = b"\0\0\0\x20ftypavif\0\0\0\0";
        assert_eq!(description_of(avif), "an AVIF picture, which is not read");
        assert_eq!(description_of(b"BM or so"), "a file that starts with `BM or so`");
    }
}
