//! Which sound format bytes are in, told by how they begin and never by a file's name.

use std::fmt;

/// The file extensions of the formats that are read, in lower case.
pub const EXTENSIONS: &[&str] = &[
    "aac", "aif", "aifc", "aiff", "caf", "flac", "m4a", "mka", "mp3", "mp4", "oga", "ogg", "opus",
    "wav", "wave", "weba", "webm",
];

/// A sound format that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoundFormat {
    /// AAC in an ADTS stream.
    Adts,
    /// PCM in an AIFF or AIFF-C file.
    Aiff,
    /// PCM or Apple Lossless in a Core Audio file.
    Caf,
    /// FLAC.
    Flac,
    /// The sound of a Matroska or WebM file: Opus, Vorbis and others.
    Matroska,
    /// MPEG audio layer III.
    Mp3,
    /// AAC, Apple Lossless, Opus and others in an MP4 (M4A) file.
    Mp4,
    /// Vorbis, Opus or FLAC in an Ogg file.
    Ogg,
    /// PCM in a RIFF WAVE file.
    Wav,
}

impl SoundFormat {
    /// The format that `bytes` begin like, or `None` where they are no sound that is read.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..]
            | [b'R' | b'B', b'F' | b'W', b'6', b'4', _, _, _, _, b'W', b'A', b'V', b'E', ..] => {
                Some(Self::Wav)
            }
            [b'F', b'O', b'R', b'M', _, _, _, _, b'A', b'I', b'F', b'F' | b'C', ..] => {
                Some(Self::Aiff)
            }
            [b'c', b'a', b'f', b'f', 0, ..] => Some(Self::Caf),
            [0x1a, 0x45, 0xdf, 0xa3, ..] => Some(Self::Matroska),
            [b'f', b'L', b'a', b'C', ..] => Some(Self::Flac),
            [b'O', b'g', b'g', b'S', ..] => Some(Self::Ogg),
            [b'I', b'D', b'3', ..] => Some(Self::Mp3),
            [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => {
                (!is_picture_brand(brand)).then_some(Self::Mp4)
            }
            [0xff, second, third, ..] => of_frame_header(*second, *third),
            _ => None,
        }
    }
}

/// Whether an ISO file's main brand is that of a still picture (HEIF, AVIF).
fn is_picture_brand(brand: &[u8]) -> bool {
    const PICTURES: [&[u8; 4]; 6] = [b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1"];
    PICTURES.iter().any(|picture| brand.starts_with(picture.as_slice()))
}

/// An MPEG audio frame header: 11 sync bits, 2 of version, 2 of layer, one, then 4 of bit rate and
/// 2 of sample rate, each with a reserved value (ISO/IEC 11172-3, 2.4.2.3; 13818-7, 6.2 for ADTS).
fn of_frame_header(second: u8, third: u8) -> Option<SoundFormat> {
    const LAYER_BITS: u8 = 0b0000_0110;
    const LAYER_THREE: u8 = 0b0000_0010;
    if second & 0b1111_0110 == 0b1111_0000 {
        let rate_index = (third >> 2) & 0b1111; // 13 to 15 are reserved
        return (rate_index < 13).then_some(SoundFormat::Adts);
    }
    let is_synced = second & 0b1110_0000 == 0b1110_0000;
    let has_version = second & 0b0001_1000 != 0b0000_1000;
    let has_rates = third >> 4 != 0b1111 && third & 0b0000_1100 != 0b0000_1100;
    let is_mp3 = is_synced && has_version && has_rates && second & LAYER_BITS == LAYER_THREE;
    is_mp3.then_some(SoundFormat::Mp3)
}

impl fmt::Display for SoundFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Adts => "AAC",
            Self::Aiff => "AIFF",
            Self::Caf => "Core Audio",
            Self::Flac => "FLAC",
            Self::Matroska => "WebM",
            Self::Mp3 => "MP3",
            Self::Mp4 => "M4A",
            Self::Ogg => "Ogg",
            Self::Wav => "WAV",
        })
    }
}

/// Whether bytes begin like a sound that is read; the first 16 bytes are enough.
#[must_use]
pub fn is_audio(bytes: &[u8]) -> bool {
    SoundFormat::of(bytes).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_sound_is_not_taken_for_one() {
        let others: [&[u8]; 8] = [
            b"",
            b"RIFF\x10\0\0\0WEBPVP8 ",
            b"\x89PNG\r\n\x1a\n",
            b"\xff\xd8\xff\xe0\0\x10JFIF",
            b"\xff\xfeh\0e\0l\0", // UTF-16 text
            b"\0\0\0\x20ftypavif\0\0\0\0",
            b"hello, world",
            b"\xff\xff\xff\xff\xff\xff",
        ];
        for bytes in others {
            assert!(!is_audio(bytes), "{bytes:?}");
        }
    }

    #[test]
    fn a_format_is_told_by_its_first_bytes() {
        assert_eq!(SoundFormat::of(b"RIFF\x10\0\0\0WAVEfmt "), Some(SoundFormat::Wav));
        assert_eq!(SoundFormat::of(b"RF64\xff\xff\xff\xffWAVEds64"), Some(SoundFormat::Wav));
        assert_eq!(SoundFormat::of(b"FORM\0\0\x10\0AIFCFVER"), Some(SoundFormat::Aiff));
        assert_eq!(SoundFormat::of(b"\x1a\x45\xdf\xa3\x9f\x42"), Some(SoundFormat::Matroska));
        assert_eq!(SoundFormat::of(b"\xff\xfb\x90\x64"), Some(SoundFormat::Mp3));
        assert_eq!(SoundFormat::of(b"\xff\xf1\x6c\x40"), Some(SoundFormat::Adts));
        assert_eq!(SoundFormat::of(b"\0\0\0\x1cftypM4A \0"), Some(SoundFormat::Mp4));
    }
}
