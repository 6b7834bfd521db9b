//! Vorbis decoders, kept for the next file of the same encoder.
//!
//! A Vorbis file brings its own code books, and building their tables took more than half of the
//! time of decoding a clip of one second. Files of one encoder and quality bring the same books.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use symphonia::core::codecs::audio::well_known::CODEC_ID_VORBIS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder};

/// The most decoders that are kept: those of a few encoders on every thread.
const MAX_KEPT: usize = 32;
/// The largest headers, in bytes, whose decoder is kept; libvorbis writes 3 to 5 KB. Their books may
/// unfold to much more, which is for one file at a time what symphonia allows (16 MB a book).
const MAX_HEADER_BYTES: usize = 8_192;

/// Decoders that wait for a file with the headers that they were made from.
///
/// Only Vorbis: resetting its decoder leaves nothing of the last file, while an AAC decoder keeps the
/// state of its noise, and so what a file becomes would depend on the files before it.
#[derive(Default)]
pub(super) struct VorbisDecoders {
    idle: Mutex<Vec<Box<dyn AudioDecoder>>>,
}

impl VorbisDecoders {
    /// A decoder made from the same headers, as new.
    pub(super) fn take(&self, wanted: &AudioCodecParameters) -> Option<Box<dyn AudioDecoder>> {
        if wanted.codec != CODEC_ID_VORBIS {
            return None;
        }
        let mut idle = self.idle();
        let place =
            idle.iter().rposition(|kept| kept.codec_params().extra_data == wanted.extra_data)?;
        Some(idle.remove(place))
    }

    /// Keeps a decoder that has met no fault; the one that waited longest gives way.
    pub(super) fn put_back(&self, mut decoder: Box<dyn AudioDecoder>) {
        let AudioCodecParameters { codec, extra_data, .. } = decoder.codec_params();
        let header_bytes = extra_data.as_ref().map_or(0, |headers| headers.len());
        if *codec != CODEC_ID_VORBIS || header_bytes > MAX_HEADER_BYTES {
            return;
        }
        decoder.reset();
        let mut idle = self.idle();
        if idle.len() == MAX_KEPT {
            idle.remove(0);
        }
        idle.push(decoder);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Box<dyn AudioDecoder>>> {
        // Each step under the lock leaves the list whole, so a panic elsewhere does no harm.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for VorbisDecoders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VorbisDecoders").finish_non_exhaustive()
    }
}
