//! Frames of MPEG audio layer III: where the first one is.
//!
//! Source: ISO/IEC 11172-3, 2.4.1.3 and 2.4.2.3; ISO/IEC 13818-3, 2.4.2.3 for halved rates; the
//! quartered ones (MPEG 2.5) are Fraunhofer's extension.

/// Frames in a row that are no chance.
const FRAMES: usize = 4;

/// Where the first frame begins: the first of [`FRAMES`] in a row, or of fewer that fill the bytes
/// from their very start.
pub(super) fn first_frame(bytes: &[u8]) -> Option<usize> {
    let begins = |&at: &usize| {
        let (frames, end) = frames_from(bytes, at);
        frames == FRAMES || (at == 0 && frames > 0 && end >= bytes.len())
    };
    memchr::memchr_iter(0xff, bytes).find(begins)
}

/// How many frames of one kind follow each other from `at` on, up to [`FRAMES`], and where they end.
fn frames_from(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let kind = bytes.get(at..).and_then(Header::read).map(|header| header.kind);
    for count in 0..FRAMES {
        match bytes.get(at..).and_then(Header::read) {
            Some(header) if Some(header.kind) == kind => at += header.length,
            _ => return (count, at),
        }
    }
    (FRAMES, at)
}

/// What a frame says of itself.
struct Header {
    /// Version and sample rate, which every frame of a sound has alike.
    kind: [u8; 2],
    /// In bytes, with the header.
    length: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        const ONE: [usize; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
        const TWO: [usize; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
        let &[0xff, second, third, _] = bytes.first_chunk()? else { return None };
        // 11 bits of sync, then the version and layer III.
        let (version, is_layer_three) = ((second >> 3) & 3, second >> 5 == 7 && second & 6 == 2);
        let (divisor, kilobits, samples) = match version {
            3 => (1, ONE, 144),
            2 => (2, TWO, 72),
            0 => (4, TWO, 72),
            _ => return None,
        };
        let rate = [44_100, 48_000, 32_000].get(usize::from(third >> 2 & 3))? / divisor;
        let kilobits = kilobits.get(usize::from(third >> 4).checked_sub(1)?)?;
        let length = samples * 1_000 * kilobits / rate + usize::from(third >> 1 & 1);
        is_layer_three.then_some(Self { kind: [version, third >> 2 & 3], length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_as_long_as_their_rates_say() {
        let length = |header: [u8; 4]| Header::read(&header).map(|header| header.length);
        assert_eq!(length([0xff, 0xfb, 0x90, 0x64]), Some(417)); // 128 kbit/s at 44.1 kHz
        assert_eq!(length([0xff, 0xfb, 0x92, 0x64]), Some(418)); // and padding
        assert_eq!(length([0xff, 0xf3, 0x48, 0xc4]), Some(144)); // 32 kbit/s at 16 kHz
        assert_eq!(length([0xff, 0xe3, 0x88, 0xc4]), Some(576)); // 64 kbit/s at 8 kHz
        for other in [0xf0, 0x0c] {
            assert_eq!(length([0xff, 0xfb, other, 0x64]), None, "{other:x}");
        }
        assert_eq!(length([0xff, 0xfd, 0x90, 0x64]), None, "layer II");
    }

    #[test]
    fn one_frame_that_is_all_there_is_is_enough() {
        let frame = [&[0xff, 0xf3, 0x48, 0xc4][..], &[0; 140]].concat();
        assert_eq!(first_frame(&frame), Some(0));
        assert_eq!(first_frame(&frame[..100]), Some(0));
        assert_eq!(first_frame(&[&frame[..], b"more"].concat()), None);
        assert_eq!(first_frame(&[b"less", &frame[..]].concat()), None);
    }
}
