//! Names of what is not read: a person who has such a file must know that it is not damaged.

use std::io::{self, Read, Seek};

use symphonia::core::codecs::audio::AudioCodecId;
use symphonia::core::codecs::audio::well_known as codec;

use super::bytes::bytes_at;
use super::decode::DecodeError;

/// Why a source in which no sound was found is not read.
pub(super) fn unknown(source: &mut (impl Read + Seek)) -> io::Result<DecodeError> {
    let mut first_bytes = bytes_at(source, 0, 64)?;
    if let Some(name) = of_file(&first_bytes) {
        return Ok(DecodeError::OtherFormat { name });
    }
    first_bytes.truncate(12);
    Ok(DecodeError::UnknownFormat { first_bytes })
}

/// What a file is whose format is known, though not read.
fn of_file(bytes: &[u8]) -> Option<&'static str> {
    const WITH_SIZE: [(&[u8], &[u8], &str); 3] = [
        (b"RIFX", b"WAVE", "a big-endian WAV (RIFX) file"),
        (b"RIFF", b"AVI ", "an AVI film"),
        (b"FORM", b"8SVX", "an 8SVX file"),
    ];
    const STARTS: [(&[u8], &str); 18] = [
        (b"#!AMR", "an AMR file"),
        (b".snd", "an AU file"),
        (b"MAC ", "a Monkey's Audio file"),
        (b"wvpk", "a WavPack file"),
        (b"TTA1", "a True Audio file"),
        (b"MPCK", "a Musepack file"),
        (b"MP+", "a Musepack file"),
        (b"DSD ", "a DSD file"),
        (b"FRM8", "a DSD file"),
        (b"MThd", "a MIDI file, which has notes and no sound"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a Windows Media (WMA) file"),
        (b"\x0b\x77", "an AC-3 file"),
        (b"\x7f\xfe\x80\x01", "a DTS file"),
        (b"riff\x2e\x91\xcf\x11", "a Sony Wave64 file"),
        (b"\x00\x00\x01\xba", "an MPEG film"),
        (b"FLV\x01", "a Flash film"),
        (b"Creative Voice File", "a Creative Voice file"),
        (b"NIST_1A", "a NIST SPHERE file"),
    ];
    let of_form = WITH_SIZE.iter().find(|(start, form, _)| {
        bytes.starts_with(start) && bytes.get(8..).is_some_and(|rest| rest.starts_with(form))
    });
    if let Some((_, _, name)) = of_form {
        return Some(name);
    }
    if matches!(bytes, [0xff, second, third, ..] if is_other_layer(*second, *third)) {
        return Some("an MPEG file of layer I or II (MP1, MP2)");
    }
    STARTS.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, name)| *name)
}

/// Whether two bytes after the first of a frame's sync are those of MPEG audio of layer I or II.
const fn is_other_layer(second: u8, third: u8) -> bool {
    let is_synced = second & 0b1110_0000 == 0b1110_0000 && second & 0b0001_1000 != 0b0000_1000;
    let has_rates = third >> 4 != 0b1111 && third >> 4 != 0 && third & 0b1100 != 0b1100;
    is_synced && has_rates && matches!(second & 0b110, 0b100 | 0b110) && second != 0xfe
}

/// The sound of a WAV file whose `fmt ` chunk has a tag that is not read; `None` where it is.
///
/// Source: Microsoft's registry, in `mmreg.h`.
pub(super) fn of_wave(tag: u16) -> Option<String> {
    let name = match tag {
        0x01..=0x03 | 0x06 | 0x07 | 0x11 => return None,
        0x10 | 0x14 | 0x40 | 0x45 | 0x64 | 0x65 => "ADPCM",
        0x31 => "GSM 6.10",
        0x50 => "MPEG layer I or II",
        0x92 | 0x2000 => "AC-3",
        0x160..=0x163 => "Windows Media",
        0x1610 | 0xff | 0x1600 | 0xa106 => "AAC",
        0x2001 => "DTS",
        0x674f..=0x6771 => "Vorbis",
        _ => return Some(format!("sound of a codec that is not read (0x{tag:04x})")),
    };
    Some(format!("{name} sound"))
}

/// The sound of an MP4 file whose sample entry has a name that is not read; `None` where it is.
///
/// Source: the MP4 registration authority's list of codecs, and Apple's "QuickTime File Format".
pub(super) fn of_mp4(entry: [u8; 4]) -> Option<String> {
    let name = match &entry {
        b"mp4a" | b"alac" | b"Opus" | b"fLaC" | b".mp3" | b"lpcm" | b"alaw" | b"ulaw" | b"raw "
        | b"sowt" | b"twos" | b"in24" | b"in32" | b"fl32" | b"fl64" => return None,
        b"ac-3" => "AC-3",
        b"ac-4" => "AC-4",
        b"ec-3" => "E-AC-3",
        b"dtsc" | b"dtse" | b"dtsh" | b"dtsl" | b"dtsx" => "DTS",
        b"samr" | b"sawb" => "AMR",
        b"enca" | b"drms" => "encrypted",
        b"mha1" | b"mhm1" => "MPEG-H",
        b"mlpa" => "Dolby TrueHD",
        b"iamf" => "IAMF",
        b"Qclp" | b"sqcp" | b"QDMC" | b"QDM2" => "QuickTime's own",
        b"ima4" | b"ms\0\x02" | b"ms\0\x11" => "ADPCM",
        b"agsm" => "GSM 6.10",
        _ => {
            let name = entry.escape_ascii();
            return Some(format!("sound of the codec `{name}`, which is not read"));
        }
    };
    Some(format!("{name} sound"))
}

/// The sound of an Ogg file, by the first packet of its first stream.
pub(super) fn of_ogg(first_packet: &[u8]) -> Option<String> {
    let name = match first_packet {
        [b'S', b'p', b'e', b'e', b'x', ..] => "Speex sound",
        [0x80, b't', b'h', b'e', b'o', b'r', b'a', ..] => "a Theora film",
        [b'B', b'B', b'C', b'D', ..] => "a Dirac film",
        [0x80, b'k', b'a', b't', b'e', ..] => "Kate lyrics",
        [b'C', b'E', b'L', b'T', ..] => "CELT sound, the forerunner of Opus",
        _ => return None,
    };
    Some(name.to_owned())
}

/// Sound whose codec is known to the container's reader, though there is no decoder.
pub(super) fn of_codec(id: AudioCodecId) -> String {
    let name = match id {
        codec::CODEC_ID_AAC => "AAC of a profile that is not read,",
        codec::CODEC_ID_AC3 => "AC-3",
        codec::CODEC_ID_AC4 => "AC-4",
        codec::CODEC_ID_EAC3 => "E-AC-3",
        codec::CODEC_ID_DCA => "DTS",
        codec::CODEC_ID_ALAC => "Apple Lossless",
        codec::CODEC_ID_OPUS => "Opus",
        codec::CODEC_ID_SPEEX => "Speex",
        codec::CODEC_ID_WMA => "Windows Media",
        codec::CODEC_ID_MP1 | codec::CODEC_ID_MP2 => "MPEG layer I or II",
        codec::CODEC_ID_ADPCM_MS | codec::CODEC_ID_ADPCM_IMA_WAV | codec::CODEC_ID_ADPCM_IMA_QT => {
            "ADPCM"
        }
        _ => return "a codec that is not read".to_owned(),
    };
    format!("{name} sound")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_known_kind_is_named() {
        for (bytes, name) in [
            (&b"#!AMR-WB\n"[..], "an AMR file"),
            (b"RIFX\0\0\0\x24WAVEfmt ", "a big-endian WAV (RIFX) file"),
            (b"RIFF\x24\0\0\0AVI LIST", "an AVI film"),
            (b"\xff\xfd\x90\x04", "an MPEG file of layer I or II (MP1, MP2)"),
        ] {
            assert_eq!(of_file(bytes), Some(name));
        }
        for other in [&b"\xff\xfeh\0e\0"[..], b"\xff\xd8\xff\xe0", b"name,age\n", b""] {
            assert_eq!(of_file(other), None, "{other:?}");
        }
    }
}
