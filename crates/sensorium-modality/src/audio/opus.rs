//! Opus: packets that symphonia takes out of Ogg, WebM and MP4, decoded at 48 kHz.
//!
//! Source: RFC 6716 for packets, RFC 7845, 5.1, for the header, which every container keeps.

use opus_decoder::OpusMultistreamDecoder;
use symphonia::core::audio::{
    AsGenericAudioBufferRef, AudioBuffer, AudioMut, AudioSpec, GenericAudioBufferRef,
};
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, FinalizeResult};
use symphonia::core::errors::{Error, Result, decode_error, unsupported_error};
use symphonia::core::packet::PacketRef;

use super::decode::MAX_CHANNELS;

/// The rate that Opus is decoded at, whatever was put in.
pub(super) const RATE_HZ: u32 = 48_000;
/// The longest packet: 120 ms.
const MAX_FRAMES: usize = 5_760;

const INFO: CodecInfo = CodecInfo { short_name: "opus", long_name: "Opus", profiles: &[] };

/// A decoder of one track.
pub(super) struct OpusDecoder {
    parameters: AudioCodecParameters,
    streams: OpusMultistreamDecoder,
    num_channels: usize,
    /// What the header asks every sample to be multiplied by.
    gain: f32,
    interleaved: Vec<f32>,
    planes: AudioBuffer<f32>,
}

impl OpusDecoder {
    pub(super) fn new(parameters: &AudioCodecParameters) -> Result<Self> {
        let Some(head) = parameters.extra_data.as_deref().and_then(Head::read) else {
            return decode_error("opus: no header");
        };
        let num_channels = head.mapping.len();
        let Some(channels) = parameters.channels.clone() else {
            return unsupported_error("opus: no channels");
        };
        if num_channels > MAX_CHANNELS || channels.count() != num_channels {
            return unsupported_error("opus: another number of channels");
        }
        let streams = OpusMultistreamDecoder::new(
            RATE_HZ,
            num_channels,
            head.num_streams,
            head.num_coupled,
            &head.mapping,
        );
        Ok(Self {
            streams: streams.map_err(|_| Error::DecodeError("opus: damaged header"))?,
            parameters: parameters.clone(),
            num_channels,
            gain: head.gain,
            interleaved: vec![0.0; MAX_FRAMES * num_channels],
            planes: AudioBuffer::new(AudioSpec::new(RATE_HZ, channels), MAX_FRAMES),
        })
    }

    fn decode_packet(&mut self, packet: &PacketRef<'_>) -> Result<()> {
        self.planes.clear();
        // Nothing at all stands for what was lost; a damaged file must not be filled up with sound.
        if packet.data.is_empty() {
            return decode_error("opus: empty packet");
        }
        let decoded = self.streams.decode_float(packet.data, &mut self.interleaved, false);
        let frames = decoded.map_err(|_| Error::DecodeError("opus: damaged packet"))?;
        self.planes.render_uninit(Some(frames));
        for (channel, plane) in self.planes.iter_planes_mut().enumerate() {
            let samples = self.interleaved[channel..].iter().step_by(self.num_channels);
            for (sample, value) in plane.iter_mut().zip(samples) {
                *sample = value * self.gain;
            }
        }
        let [start, end] = [packet.trim_start, packet.trim_end]
            .map(|trimmed| usize::try_from(trimmed.get()).unwrap_or(usize::MAX).min(frames));
        self.planes.trim(start, end);
        Ok(())
    }
}

impl AudioDecoder for OpusDecoder {
    fn reset(&mut self) {
        self.streams.reset();
    }

    fn codec_info(&self) -> &CodecInfo {
        &INFO
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.parameters
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        if let Err(error) = self.decode_packet(packet) {
            self.planes.clear();
            return Err(error);
        }
        Ok(self.planes.as_generic_audio_buffer_ref())
    }

    fn finalize(&mut self) -> FinalizeResult {
        FinalizeResult::default()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.planes.as_generic_audio_buffer_ref()
    }
}

/// What the header says.
#[derive(Debug, PartialEq)]
pub(super) struct Head {
    /// Samples at 48 kHz that the encoder put before the sound.
    pub(super) pre_skip: u16,
    gain: f32,
    num_streams: usize,
    /// Streams of two channels, which come first.
    num_coupled: usize,
    /// For each channel the decoded one that it is, or 255 for silence.
    mapping: Vec<u8>,
}

impl Head {
    /// Reads a header as Ogg has it, or as MP4 has it behind the same eight letters: there numbers
    /// are big-endian, and the version is 0.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let fields = bytes.strip_prefix(b"OpusHead")?;
        let (
            &[version, num_channels, skip_low, skip_high, _, _, _, _, gain_low, gain_high, family],
            rest,
        ) = fields.split_first_chunk::<11>()?;
        let number = if version == 0 { u16::from_be_bytes } else { u16::from_le_bytes };
        let [pre_skip, gain] = [[skip_low, skip_high], [gain_low, gain_high]].map(number);
        // In 1/256 of a decibel.
        let gain = 10_f32.powf(f32::from(gain.cast_signed()) / (20.0 * 256.0));
        let (num_streams, num_coupled, mapping) = match (family, num_channels) {
            (0, 1) => (1, 0, vec![0]),
            (0, 2) => (1, 1, vec![0, 1]),
            (0, _) => return None,
            _ => {
                let (&[streams, coupled], table) = rest.split_first_chunk()?;
                (streams.into(), coupled.into(), table.get(..num_channels.into())?.to_vec())
            }
        };
        Some(Self { pre_skip, gain, num_streams, num_coupled, mapping })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_what_streams_there_are() {
        let ogg = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\xfa\0";
        let head = Head::read(ogg).unwrap();
        assert_eq!((head.pre_skip, head.num_streams, head.num_coupled), (312, 1, 1));
        // -6 dB.
        assert!((head.gain - 0.501_187).abs() < 1e-6, "{}", head.gain);
        let mp4 = b"OpusHead\0\x01\x01\x38\0\0\xbb\x80\0\0\0";
        let head = Head::read(mp4).unwrap();
        assert_eq!((head.pre_skip, head.gain, head.mapping), (312, 1.0, vec![0]));
        let surround =
            b"OpusHead\x01\x06\x38\x01\x80\xbb\0\0\0\0\x01\x04\x02\0\x04\x01\x02\x03\x05";
        let head = Head::read(surround).unwrap();
        assert_eq!((head.num_streams, head.num_coupled), (4, 2));
        assert_eq!(head.mapping, [0, 4, 1, 2, 3, 5]);
        for length in 0..surround.len() {
            assert_eq!(Head::read(&surround[..length]), None, "{length}");
        }
    }
}
